//! The rows of inputs that crash a strategy.

use mm_core::digest::Digest;
use mm_core::id::{RunId, StrategyId};
use mm_core::moment::Moment;
use mm_store::{Kind, Record};
use serde::{Deserialize, Serialize};

/// What a strategy had in hand when it crashed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Input {
    /// An item that it had taken up, by its own name of it.
    Item(String),
    /// The answer of this step.
    Step(String),
}

impl Input {
    /// The word for what it is: `item` or `step`.
    pub fn kind(&self) -> &'static str {
        match self {
            Input::Item(_) => "item",
            Input::Step(_) => "step",
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        let (Input::Item(name) | Input::Step(name)) = self;
        name
    }
}

/// An input that crashed a strategy, once or more. At the third crash it is set aside. Row id:
/// `STRATEGY/INPUT`, see [`quarantine::row_id`](crate::strategies::quarantine::row_id).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineRow {
    /// Whose it is.
    pub strategy: StrategyId,
    /// What it is.
    pub input: Input,
    /// The digest of its bytes: other bytes are another input.
    pub digest: Digest,
    /// Crashes that count against it.
    pub count: u32,
    /// The runs that it crashed, and which taking-up of each, oldest first; the last few.
    pub crashes: Vec<(RunId, u32)>,
    /// When it first crashed a run.
    pub first_at: Moment,
    /// When it last did.
    pub last_at: Moment,
    /// Since when it is set aside; `None` while it is only counted.
    pub since: Option<Moment>,
    /// When its owner dropped it: it stays passed over and is shown no more.
    pub dropped_at: Option<Moment>,
    /// The last words of the last crash.
    pub words: String,
}

impl QuarantineRow {
    /// Whether it is passed over.
    pub fn is_set_aside(&self) -> bool {
        self.since.is_some()
    }

    /// Whether it is set aside and its owner has not dropped it.
    pub fn is_open(&self) -> bool {
        self.is_set_aside() && self.dropped_at.is_none()
    }
}

impl Record for QuarantineRow {
    const KIND: Kind = Kind::new("quarantine", 118, 1);
}
