//! The activity log: every outward act, what was decided about it, and what became of it.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::{ActionId, RunId, Space, StrategyId};
use crate::moment::Moment;

/// Where an action stands on the road.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Judged and charged; nothing has left.
    Planned,
    /// May have left. A crash here makes a mutating action ambiguous.
    Sending,
    /// Answered.
    Confirmed,
    /// Provably did not happen, or was answered with an error.
    Failed,
    /// May or may not have happened.
    Ambiguous,
    /// Refused before anything left.
    Blocked,
    /// Waits for a person or a slot.
    Pending,
}

impl Stage {
    /// The activity's status, in the four words that people and programs see.
    pub fn status(self) -> &'static str {
        match self {
            Stage::Confirmed => "success",
            Stage::Failed | Stage::Ambiguous => "failure",
            Stage::Blocked => "blocked",
            Stage::Planned | Stage::Sending | Stage::Pending => "pending",
        }
    }

    /// The stage in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Planned => "planned",
            Stage::Sending => "sending",
            Stage::Confirmed => "confirmed",
            Stage::Failed => "failed",
            Stage::Ambiguous => "ambiguous",
            Stage::Blocked => "blocked",
            Stage::Pending => "pending",
        }
    }
}

/// One rule's word on an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The rule's id, or the check's name (`limit`, `breaker`).
    pub rule: String,
    /// `permit`, `ask` or `forbid`.
    pub verdict: String,
    /// One line.
    pub reason: String,
}

/// An action, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionRecord {
    /// Its id.
    pub id: ActionId,
    /// Whose it is.
    pub space: Space,
    /// Who proposed it.
    pub strategy: StrategyId,
    /// In which run.
    pub run: RunId,
    /// Under which step name.
    pub step: String,
    /// When it was first judged.
    pub at: Moment,
    /// When its stage last changed.
    pub updated_at: Moment,
    /// The platform.
    pub platform: String,
    /// The kind of act.
    pub kind: String,
    /// The method.
    pub method: String,
    /// The URL without its query.
    pub url: String,
    /// What it was for.
    pub purpose: String,
    /// The hash of the request as it was permitted.
    pub request_hash: Digest,
    /// Where it stands.
    pub stage: Stage,
    /// Every check and what it said.
    pub checks: Vec<Check>,
    /// The HTTP status of the answer.
    pub answer_status: Option<u16>,
    /// The recorded answer.
    pub answer: Option<Digest>,
    /// Bytes of the answer's body.
    pub answer_bytes: u64,
    /// From the permit to the last byte, in milliseconds.
    pub took_ms: u64,
    /// What went wrong, a sentence.
    pub error: Option<String>,
    /// The action this one follows (a redirect), if any.
    pub parent: Option<ActionId>,
}
