//! What became of a tick. Every tick that was due has exactly one fate; the tick ledger keeps it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::show_span;
use crate::moment::Moment;

/// What became of a tick that was due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fate {
    /// It started a run, on time.
    Ran,
    /// It started a run, so much later than it should have.
    Late {
        /// How much later.
        by: Duration,
    },
    /// It started a run right after a gap of the clocks.
    Moved {
        /// The time on the wall's clock that was left out: `2026-03-29T02:30:00`.
        from: String,
    },
    /// It started nothing.
    Skipped {
        /// Why: half a sentence.
        why: String,
    },
    /// A later tick's run stands for it too.
    Merged {
        /// When that tick was due.
        into: Moment,
    },
    /// It started nothing, as something that it needs was not to be had.
    Gated {
        /// What: half a sentence.
        by: String,
    },
    /// It started nothing, as the task was paused.
    Paused {
        /// By whom, and why: half a sentence.
        by: String,
        /// Until when; `None`: until somebody says so.
        until: Option<Moment>,
    },
    /// It passed while nobody could run it, and is not made up for.
    Missed {
        /// Why it is not: half a sentence.
        why: String,
    },
}

impl Fate {
    /// The fate in a word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Fate::Ran => "ran",
            Fate::Late { .. } => "late",
            Fate::Moved { .. } => "moved",
            Fate::Skipped { .. } => "skipped",
            Fate::Merged { .. } => "merged",
            Fate::Gated { .. } => "gated",
            Fate::Paused { .. } => "paused",
            Fate::Missed { .. } => "missed",
        }
    }

    /// Whether the tick started a run.
    pub fn started(&self) -> bool {
        matches!(self, Fate::Ran | Fate::Late { .. } | Fate::Moved { .. })
    }
}

/// One line: `late: it started 2h after it was due`.
impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.as_str();
        match self {
            Fate::Ran => write!(f, "{word} on time"),
            Fate::Late { by } => {
                let whole = Duration::from_secs(by.as_secs());
                write!(f, "{word}: it started {} after it was due", show_span(whole))
            }
            Fate::Moved { from } => {
                write!(f, "{word}: {from} was left out by daylight saving, so it ran right after")
            }
            Fate::Skipped { why } | Fate::Missed { why } => write!(f, "{word}: {why}"),
            Fate::Merged { into } => write!(f, "{word}: the tick of {into} stands for it too"),
            Fate::Gated { by } => write!(f, "{word}: {by}"),
            Fate::Paused { by, until: None } => write!(f, "{word}: {by}"),
            Fate::Paused { by, until: Some(until) } => write!(f, "{word}: {by}, until {until}"),
        }
    }
}
