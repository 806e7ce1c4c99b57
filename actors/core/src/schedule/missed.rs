//! What becomes of ticks that were missed, in a word.

use serde::{Deserialize, Serialize};

/// What to do with ticks that passed while nobody could run them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// Leave them; wait for the next.
    Skip,
    /// Run once for all of them.
    #[default]
    Once,
    /// Run each, oldest first (at most as many as the task's cap).
    All,
}

impl Missed {
    /// Reads `skip`, `once` or `all`.
    pub fn from_text(text: &str) -> Option<Self> {
        [Missed::Skip, Missed::Once, Missed::All].into_iter().find(|missed| missed.as_str() == text)
    }

    /// The policy in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Missed::Skip => "skip",
            Missed::Once => "once",
            Missed::All => "all",
        }
    }
}
