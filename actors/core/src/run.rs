//! Runs: one execution of a strategy, its steps, and how it ended.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::{ActionId, Epoch, RunId, Space, StrategyId};
use crate::moment::Moment;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It did what it came for, and what it found is committed.
    Succeeded,
    /// It ended with an error.
    Failed,
    /// It was cut off and could not be taken up again; what it did stays on record.
    Interrupted,
    /// It never yielded past its deadline and was fenced off.
    Stuck,
    /// It was ended on purpose: by its deadline, an operator or a stop.
    Cancelled,
}

impl Outcome {
    /// The outcome as it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Succeeded => "succeeded",
            Outcome::Failed => "failed",
            Outcome::Interrupted => "interrupted",
            Outcome::Stuck => "stuck",
            Outcome::Cancelled => "cancelled",
        }
    }
}

/// Why a run began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trigger {
    /// Its schedule said so; the moment it was due.
    Tick(Moment),
    /// A person said so.
    Operator,
    /// `run --once`.
    Once,
    /// An action that was pending is settled.
    Settled(ActionId),
    /// A scheduled run failed with trouble that passes, and is tried again; that run.
    Retry(RunId),
}

impl Trigger {
    /// The trigger in a word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Trigger::Tick(_) => "tick",
            Trigger::Operator => "operator",
            Trigger::Once => "once",
            Trigger::Settled(_) => "settled",
            Trigger::Retry(_) => "retry",
        }
    }
}

/// The health of one source as a run saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceHealth {
    /// Read now, and believed.
    Fresh,
    /// Asked now, and unchanged since the last read.
    Unchanged,
    /// Not read for longer than the strategy finds normal, or not changed for so long.
    Stale,
    /// Read now, and not believed: it shrank absurdly.
    Broken,
    /// Not read now.
    Failed,
}

impl SourceHealth {
    /// Whether the source answered.
    pub fn was_read(self) -> bool {
        !matches!(self, SourceHealth::Failed)
    }

    /// Whether a person should know: it was not read, is not believed, or is too old.
    pub fn is_trouble(self) -> bool {
        !matches!(self, SourceHealth::Fresh | SourceHealth::Unchanged)
    }

    /// The health in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            SourceHealth::Fresh => "fresh",
            SourceHealth::Unchanged => "unchanged",
            SourceHealth::Stale => "stale",
            SourceHealth::Broken => "broken",
            SourceHealth::Failed => "failed",
        }
    }
}

/// What a run says of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceReport {
    /// The source in the strategy's word: `hackerone`.
    pub name: String,
    /// Its health.
    pub health: SourceHealth,
    /// One sentence: what is wrong, or what was read.
    pub sentence: String,
}

/// A run, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its id.
    pub id: RunId,
    /// Whose it is.
    pub space: Space,
    /// Which strategy.
    pub strategy: StrategyId,
    /// The strategy's code version; a run is only resumed by the same.
    pub code_version: u32,
    /// The epoch that last took it up. Another epoch's thread cannot commit it.
    pub epoch: Epoch,
    /// How often it was taken up: 1 for the first.
    pub attempt: u32,
    /// Why it began.
    pub trigger: Trigger,
    /// When it began; what its context calls "now", also after a resumption.
    pub started: Moment,
    /// The seed of its context's random numbers.
    pub seed: u64,
    /// When it ended.
    pub ended: Option<Moment>,
    /// How it ended; `None` while it runs.
    pub outcome: Option<Outcome>,
    /// Outward acts it did.
    pub actions: u32,
    /// Opportunities it found for the first time.
    pub found: u32,
    /// What went wrong, a sentence each.
    pub errors: Vec<String>,
    /// What it says of its sources.
    pub sources: Vec<SourceReport>,
    /// The strategy's own figures, sorted by name.
    pub metrics: Vec<(String, i64)>,
}

/// What became of one step of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRecord {
    /// The step's name, once in a run.
    pub step: String,
    /// The hash of the action it proposed.
    pub action_hash: Digest,
    /// The action it became.
    pub action: ActionId,
    /// What `act` gave back, kept until the run commits.
    pub outcome: StepOutcome,
}

impl StepRecord {
    /// The row id of a step: `RUN/STEP`.
    pub fn row_id(run: &RunId, step: &str) -> String {
        format!("{run}/{step}")
    }
}

/// What `act` gave back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepOutcome {
    /// An answer came. Its body lies in the store's recorded answers.
    Done {
        /// The HTTP status.
        status: u16,
        /// The answer's headers.
        headers: Vec<(String, String)>,
        /// The recorded body.
        body: Digest,
        /// When it had come.
        at: Moment,
    },
    /// It was refused or failed.
    Refused(Refusal),
    /// It waits for a person or a slot.
    Pending(ActionId),
}

/// What a refusal names as its rule if the breaker of the platform is open.
pub const BREAKER: &str = "breaker";

/// What a refusal names as its rule if the action names an account that does not exist.
pub const NO_ACCOUNT: &str = "no-account";

/// Why an action was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Which of the five classes of error it is.
    pub class: crate::error::ErrorClass,
    /// One sentence: why, and what would help.
    pub why: String,
    /// The rules that decided, if compliance did.
    pub rules: Vec<String>,
}

impl Refusal {
    /// A refusal that no rule decided.
    pub fn new(class: crate::error::ErrorClass, why: impl Into<String>) -> Self {
        Self { class, why: why.into(), rules: Vec::new() }
    }

    /// Whether the breaker of the platform held it: the next act of its sort would be held as well.
    pub fn is_by_breaker(&self) -> bool {
        self.rules.iter().any(|rule| rule == BREAKER)
    }

    /// Whether the account that the action names does not exist: only a person can end that.
    pub fn is_of_no_account(&self) -> bool {
        self.rules.iter().any(|rule| rule == NO_ACCOUNT)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorClass;

    #[test]
    fn every_end_trigger_and_health_has_a_word_of_its_own() {
        use Outcome::{Cancelled, Failed, Interrupted, Stuck, Succeeded};
        let ends = [Succeeded, Failed, Interrupted, Stuck, Cancelled].map(Outcome::as_str);
        assert_eq!(ends, ["succeeded", "failed", "interrupted", "stuck", "cancelled"]);
        let triggers = [
            Trigger::Tick(Moment::default()),
            Trigger::Operator,
            Trigger::Once,
            Trigger::Settled(ActionId::new("1-1.a")),
            Trigger::Retry(RunId::new("1-1")),
        ];
        let words = triggers.each_ref().map(Trigger::as_str);
        assert_eq!(words, ["tick", "operator", "once", "settled", "retry"]);
    }

    /// A source that was not believed has answered all the same: only silence is no reading.
    #[test]
    fn a_source_was_read_unless_it_was_silent() {
        use SourceHealth::{Broken, Failed, Fresh, Stale, Unchanged};
        let told =
            [Fresh, Unchanged, Stale, Broken, Failed].map(|health| (health.as_str(), health.was_read()));
        assert_eq!(
            told,
            [("fresh", true), ("unchanged", true), ("stale", true), ("broken", true), ("failed", false)]
        );
    }

    #[test]
    fn the_steps_of_a_run_stand_under_it() {
        assert_eq!(StepRecord::row_id(&RunId::new("3-14"), "read"), "3-14/read");
    }

    #[test]
    fn a_refusal_is_shown_as_its_sentence_and_names_no_rule_of_itself() {
        let refusal = Refusal::new(ErrorClass::RateLimit, "the limit is used up until noon");
        assert_eq!(refusal.to_string(), "the limit is used up until noon");
        assert_eq!((refusal.class, refusal.rules), (ErrorClass::RateLimit, Vec::new()));
    }
}
