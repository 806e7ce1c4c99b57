//! A change that may have happened, as the reconciler keeps it.

use mm_core::moment::Moment;
use mm_store::{Kind, Record};
use serde::{Deserialize, Serialize};

/// A change whose end nobody saw and that is looked for at its platform. Row id: the action's id. It is
/// written in the change that makes the action ambiguous, and goes in the one that settles it, so that no
/// ambiguous action is forgotten, whenever the process dies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookUpRow {
    /// Since when nobody knows.
    pub since: Moment,
    /// How often it was looked up.
    pub looks: u32,
    /// Not looked up again before this.
    pub next: Moment,
    /// Whether a person was asked to look.
    pub asked: bool,
    /// What the last look-up showed, or why there was none; one sentence.
    pub last: Option<String>,
}

impl LookUpRow {
    /// One that was not looked up yet.
    pub fn since(now: Moment) -> Self {
        Self { since: now, looks: 0, next: now, asked: false, last: None }
    }
}

impl Record for LookUpRow {
    const KIND: Kind = Kind::new("look-up", 136, 1);
}
