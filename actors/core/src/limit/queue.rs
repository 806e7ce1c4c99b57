//! Who goes first when several wait for room.

use serde::{Deserialize, Serialize};

/// How urgent an act is: 0 is the machine's own, then strategies by their configured priority, 1 first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Priority(pub u32);

impl Priority {
    /// The machine's own acts: looking up what became of a change, health, alerts.
    pub const SYSTEM: Priority = Priority(0);

    /// A strategy's.
    pub fn of_strategy(configured: u32) -> Self {
        Self(configured.max(1))
    }
}

/// What stood in the way of an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// The platform asked to be left alone.
    CoolDown,
    /// The least pause between two acts at the platform.
    Pause,
    /// A limit for a kind of act by an account or a space, or from this address.
    Account,
    /// A limit of the platform.
    Platform,
    /// What the owner allows a strategy a day.
    Strategy,
    /// What the owner allows altogether a day.
    Machine,
    /// The pace, so that a quota is not spent in one burst.
    Pace,
}
