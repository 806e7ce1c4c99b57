//! A change in the making, whole: what is walked again after a wait, and looked up after a crash.

use mm_core::action::{Action, Request};
use mm_core::digest::Digest;
use mm_core::id::{ActionId, RunId, StrategyId};
use mm_core::moment::Moment;
use mm_core::run::StepOutcome;
use mm_store::{Kind, Record};
use serde::{Deserialize, Serialize};

/// An act that waits, is under way, or came to its end lately. Row id: the action's id. Every change is
/// kept here, and what only reads while a person is asked about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRow {
    /// The whole action, as its owner edited it.
    pub action: Action,
    /// Who proposed it.
    pub strategy: StrategyId,
    /// In which run.
    pub run: RunId,
    /// Under which step name; a redirect's has its own.
    pub step: String,
    /// The hash of the action as it was proposed, before any redirect or edit.
    pub first_hash: Digest,
    /// What its strategy knows it as: another action's id, if that was redirected while no run was there.
    pub known_as: ActionId,
    /// When it was first held or sent.
    pub since: Moment,
    /// Whether its run was told that it waits: then a run of its own hears the end.
    pub held: bool,
    /// The request as it was sent last, credentials as their slots.
    pub request: Option<Request>,
    /// When it left, at the earliest.
    pub sent_at: Option<Moment>,
    /// Where it stands.
    pub standing: Standing,
}

/// Where a change stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// A person is asked; the row of the question.
    Asked {
        /// Its id.
        approval: String,
        /// Approved, it is not tried before this.
        not_before: Option<Moment>,
    },
    /// It waits for a slot.
    Queued {
        /// When there should be one.
        not_before: Moment,
        /// It is given up then.
        until: Moment,
    },
    /// It may be leaving at this moment.
    Sending,
    /// It may or may not have happened.
    Ambiguous,
    /// It came to its end.
    Settled {
        /// When.
        at: Moment,
        /// What came of it.
        outcome: StepOutcome,
        /// Whether its strategy is told by a run of its own.
        telling: SettledTelling,
    },
}

/// Whether a strategy hears of the end of a change by a run of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SettledTelling {
    /// The run that proposed it heard it.
    NotNeeded,
    /// A run is to be started.
    Due,
    /// By this run.
    Told(RunId),
}

impl ChangeRow {
    /// When it ended, if it did.
    pub fn settled_at(&self) -> Option<Moment> {
        match self.standing {
            Standing::Settled { at, .. } => Some(at),
            _ => None,
        }
    }

    /// Whether it ended before `by` and everybody who is to hear of it has.
    pub fn is_over(&self, by: Moment) -> bool {
        self.is_finished() && self.settled_at().is_some_and(|at| at < by)
    }

    /// The recorded body of the answer to it, if one came.
    pub fn answer(&self) -> Option<Digest> {
        match &self.standing {
            Standing::Settled { outcome: StepOutcome::Done { body, .. }, .. } => Some(*body),
            _ => None,
        }
    }

    /// What came of it, if something has by `by`.
    pub fn outcome_by(&self, by: Moment) -> Option<&StepOutcome> {
        match &self.standing {
            Standing::Settled { at, outcome, .. } if *at <= by => Some(outcome),
            _ => None,
        }
    }
}

impl Record for ChangeRow {
    const KIND: Kind = Kind::new("change", 123, 1);
    const BYTES_MAX: usize = 4 << 20;
    const UNFINISHED: Option<Kind> = Some(Kind::new("change-unfinished", 143, 1));

    fn is_finished(&self) -> bool {
        matches!(&self.standing, Standing::Settled { telling, .. } if *telling != SettledTelling::Due)
    }
}
