//! A strategy's pause: who said so, why, and until when.

use mm_core::moment::Moment;
use mm_core::schedule::PauseSpan;
use serde::{Deserialize, Serialize};

/// Why a strategy is paused, in its row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Why.
    pub reason: String,
    /// Who paused it: [`ITSELF`], or a person.
    pub by: String,
    /// Since when; `None` where that was not written down.
    pub since: Option<Moment>,
    /// When it ends by itself; `None`: a person must say so.
    pub until: Option<Moment>,
}

/// The strategy's own word.
pub const ITSELF: &str = "itself";
/// A reason of a strategy's own, as it was written before a pause told who had said it.
const ITSELF_ONCE: &str = "it stopped itself: ";

impl Pause {
    /// As it was written when it was a reason alone.
    pub(super) fn of_reason(reason: String) -> Self {
        let (by, reason) = match reason.strip_prefix(ITSELF_ONCE) {
            Some(why) => (ITSELF, why.to_owned()),
            None => ("the owner", reason),
        };
        Self { reason, by: by.to_owned(), since: None, until: None }
    }

    /// Whether it has ended by itself.
    pub fn is_over(&self, now: Moment) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// Half a sentence: `by the owner: holidays`.
    pub fn told(&self) -> String {
        format!("by {}: {}", self.by, self.reason)
    }

    /// As the schedule sees it.
    pub fn span(&self) -> PauseSpan {
        let since = self.since.unwrap_or(Moment::from_unix_ms(i64::MIN));
        PauseSpan { by: self.told(), since, until: self.until }
    }
}
