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

    /// Every stage, in the order in which it is stored.
    pub const ALL: [Stage; 7] = [
        Stage::Planned,
        Stage::Sending,
        Stage::Confirmed,
        Stage::Failed,
        Stage::Ambiguous,
        Stage::Blocked,
        Stage::Pending,
    ];

    /// Whether an action may go from here to `next`. The whole table:
    ///
    /// ```text
    /// PLANNED ──▶ SENDING ──▶ CONFIRMED | FAILED | AMBIGUOUS        what changes something
    /// PLANNED ──▶ CONFIRMED | FAILED                                what only reads
    /// PLANNED ──▶ BLOCKED | FAILED | PENDING | PLANNED              nothing has left
    /// PENDING ──▶ PLANNED | BLOCKED | FAILED | CONFIRMED            judged again; or a person's word
    /// AMBIGUOUS ──▶ CONFIRMED | FAILED                              looked up
    /// FAILED ──▶ PLANNED                                            it did not happen: once more
    /// ```
    ///
    /// Nothing is ambiguous that never reached SENDING, and a read never is.
    pub fn may_become(self, next: Stage, mutating: bool) -> bool {
        use Stage::{Ambiguous, Blocked, Confirmed, Failed, Pending, Planned, Sending};
        match self {
            Planned => match next {
                Planned | Blocked | Failed | Pending => true,
                Sending => mutating,
                Confirmed => !mutating,
                Ambiguous => false,
            },
            Sending => mutating && matches!(next, Confirmed | Failed | Ambiguous),
            Pending => matches!(next, Planned | Blocked | Failed | Confirmed),
            Ambiguous => mutating && matches!(next, Confirmed | Failed),
            Failed => next == Planned,
            Confirmed | Blocked => false,
        }
    }

    /// `next`, if an action may go there from here.
    ///
    /// # Errors
    /// [`NoWay`], which is a bug of whoever asked; what is on record stays.
    pub fn then(self, next: Stage, mutating: bool) -> Result<Stage, NoWay> {
        if self.may_become(next, mutating) { Ok(next) } else { Err(NoWay { from: self, to: next }) }
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

/// A step that no action takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no action goes from {} to {}", .from.as_str(), .to.as_str())]
pub struct NoWay {
    /// Where it stands.
    pub from: Stage,
    /// Where it should have gone.
    pub to: Stage,
}

impl ActionRecord {
    /// Whether it changes something at its platform.
    pub fn is_mutating(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD")
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a walk from `Planned` of at most `steps` steps can end at `at`, and has passed `by`.
    fn reaches(at: Stage, by: Stage, mutating: bool) -> (bool, bool) {
        fn walk(path: &mut Vec<Stage>, steps: u32, mutating: bool, seen: &mut impl FnMut(&[Stage])) {
            seen(path);
            if steps == 0 {
                return;
            }
            let here = *path.last().expect("a path has a beginning");
            for next in Stage::ALL {
                if here.then(next, mutating).is_ok() {
                    path.push(next);
                    walk(path, steps - 1, mutating, seen);
                    path.pop();
                }
            }
        }
        let (mut ever, mut always) = (false, true);
        walk(&mut vec![Stage::Planned], 6, mutating, &mut |path| {
            if path.last() == Some(&at) {
                ever = true;
                always &= path.contains(&by);
            }
        });
        (ever, always)
    }

    #[test]
    fn nothing_is_ambiguous_that_never_reached_sending_and_no_read_is() {
        assert_eq!(reaches(Stage::Ambiguous, Stage::Sending, true), (true, true));
        assert!(!reaches(Stage::Ambiguous, Stage::Sending, false).0);
        assert_eq!(reaches(Stage::Sending, Stage::Planned, true), (true, true));
        assert!(!reaches(Stage::Sending, Stage::Planned, false).0);
    }

    /// Every pair, against the table written out again.
    #[test]
    fn every_forbidden_transition_is_refused() {
        let both = [
            "planned planned",
            "planned blocked",
            "planned failed",
            "planned pending",
            "pending planned",
            "pending blocked",
            "pending failed",
            "pending confirmed",
            "failed planned",
        ];
        let changes = [
            "planned sending",
            "sending confirmed",
            "sending failed",
            "sending ambiguous",
            "ambiguous confirmed",
            "ambiguous failed",
        ];
        for mutating in [false, true] {
            for from in Stage::ALL {
                for to in Stage::ALL {
                    let name = format!("{} {}", from.as_str(), to.as_str());
                    let wanted = both.contains(&name.as_str())
                        || (mutating && changes.contains(&name.as_str()))
                        || (!mutating && name == "planned confirmed");
                    assert_eq!(from.then(to, mutating).is_ok(), wanted, "{name}, mutating: {mutating}");
                }
            }
        }
    }

    /// What is sent, was answered or was refused is never planned once more under the same word.
    #[test]
    fn what_may_have_happened_is_never_planned_again() {
        for stage in [Stage::Sending, Stage::Confirmed, Stage::Ambiguous, Stage::Blocked] {
            assert!(stage.then(Stage::Planned, true).is_err(), "{stage:?}");
            assert!(stage.then(Stage::Sending, true).is_err(), "{stage:?}");
        }
    }

    /// Four words are all that programs outside see: what they build on does not grow with the stages.
    #[test]
    fn every_stage_has_one_of_four_statuses() {
        let told: Vec<String> =
            Stage::ALL.map(|stage| format!("{} {}", stage.as_str(), stage.status())).into_iter().collect();
        assert_eq!(
            told,
            [
                "planned pending",
                "sending pending",
                "confirmed success",
                "failed failure",
                "ambiguous failure",
                "blocked blocked",
                "pending pending",
            ]
        );
    }

    /// A crash is judged by it: what only reads is asked again, what changes something is looked up.
    #[test]
    fn only_get_and_head_change_nothing() {
        let record = |method: &str| ActionRecord {
            id: ActionId::new("1-1.a"),
            space: Space::default_owner(),
            strategy: "bug-bounty".parse().unwrap(),
            run: RunId::new("1-1"),
            step: "a".to_owned(),
            at: Moment::default(),
            updated_at: Moment::default(),
            platform: "github".to_owned(),
            kind: "read".to_owned(),
            method: method.to_owned(),
            url: "https://api.example.com/".to_owned(),
            purpose: "to know".to_owned(),
            request_hash: Digest::default(),
            stage: Stage::Sending,
            checks: Vec::new(),
            answer_status: None,
            answer: None,
            answer_bytes: 0,
            took_ms: 0,
            error: None,
            parent: None,
        };
        for (method, mutating) in [
            ("GET", false),
            ("HEAD", false),
            ("POST", true),
            ("PUT", true),
            ("PATCH", true),
            ("DELETE", true),
        ] {
            assert_eq!(record(method).is_mutating(), mutating, "{method}");
        }
        assert!(record("get").is_mutating(), "what is not known may change something");
    }
}
