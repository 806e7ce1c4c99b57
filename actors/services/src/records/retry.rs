//! A run that is to begin at a time of its own, between two ticks.

use mm_core::moment::Moment;
use mm_core::run::Trigger;
use mm_store::{Kind, Record};
use serde::{Deserialize, Serialize};

/// A strategy's next run, if that is no tick's: one that failed is tried again, or a fresh one stands for
/// one that could not be gone on with and waits at the gate. Row id: the strategy's name; gone with the start
/// of its next run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryRow {
    /// What it begins with.
    pub trigger: Trigger,
    /// No sooner than this.
    pub at: Moment,
    /// No later than this: the next tick. `None` for no such end.
    pub until: Option<Moment>,
}

impl Record for RetryRow {
    const KIND: Kind = Kind::new("retry", 142, 1);
}
