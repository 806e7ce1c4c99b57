//! What is handed to the gateway to be walked, how its hops are named, and where a walk can lead. Plain
//! values.

use std::time::Duration;

use mm_core::action::Action;
use mm_core::answer::Answer;
use mm_core::approval::Approved;
use mm_core::digest::Digest;
use mm_core::id::{ActionId, RunId, Space, StrategyId};
use mm_core::moment::Moment;
use mm_core::run::Refusal;

use super::Fence;

/// An action on its way.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// Whose it is.
    pub space: Space,
    /// Who proposes.
    pub strategy: StrategyId,
    /// In which run.
    pub run: RunId,
    /// On whose behalf it is walked, and what its records rest on.
    pub origin: Origin,
    /// Under which step name.
    pub step: String,
    /// What is proposed.
    pub action: Action,
    /// The hash of the action as it was proposed, before any redirect: what its step is journalled with.
    pub first_hash: Digest,
    /// When the walk must be over; no wait on the road is longer.
    pub deadline: Moment,
    /// Closed when the run is over for the machine: nothing of it is permitted, spent or sent then.
    pub fence: Fence,
}

impl Proposal {
    /// The action's id: the same whenever this step of this run is walked.
    pub fn id(&self) -> ActionId {
        ActionId::new(format!("{}.{}", self.run, self.step))
    }

    /// Whether it changes something at the platform.
    pub(super) fn is_mutating(&self) -> bool {
        self.action.request.method().is_mutating()
    }

    /// A system action proposes itself each time: the same bytes are another act.
    pub(super) fn is_system(&self) -> bool {
        matches!(self.origin, Origin::System)
    }
}

/// On whose behalf an action is walked.
#[derive(Debug, Clone)]
pub enum Origin {
    /// A run's. Every record of the action expects the run's row at this version, so that a run that was
    /// fenced off cannot write another word.
    Run {
        /// The version of the run's row.
        version: u64,
    },
    /// A service's own.
    System,
    /// Nobody's of the moment: it waited for a person or a slot, and is carried out without a run.
    Kept(Kept),
}

/// What a kept action rests on.
#[derive(Debug, Clone)]
pub struct Kept {
    /// What its strategy knows it as.
    pub known_as: ActionId,
    /// The version of its change's row: whoever changed that meanwhile was first. `None` for what is not
    /// on record.
    pub version: Option<u64>,
    /// The question about it: its row's id, and the version at which it says yes.
    pub question: Option<(String, u64)>,
    /// The yes.
    pub approval: Option<Approved>,
    /// It is of no use after this, however often it is tried.
    pub until: Moment,
}

/// Where the road led.
#[derive(Debug, Clone)]
pub enum Walked {
    /// To an answer.
    Done(Answer),
    /// To a refusal.
    Refused(Refusal),
    /// To the owner's inbox, or into the queue.
    Pending(ActionId),
    /// Nowhere: the run was fenced off.
    Fenced,
}

/// An act of the machine's own: health checks, refreshed tokens, look-ups, anchors, robots.txt.
#[derive(Debug, Clone)]
pub struct SystemAction {
    /// Whose account it uses; the machine's space if none.
    pub space: Space,
    /// The service that does it, as the record's strategy says after `system.`: `health`.
    pub service: &'static str,
    /// What it does, as a step is named: `github-main`.
    pub step: String,
    /// The act.
    pub action: Action,
    /// It is over after so long at the latest.
    pub within: Duration,
}

/// The id of the action that a redirect makes of this one: `RUN.read.r1` → `RUN.read.r2`.
pub(super) fn next_id(p: &Proposal) -> ActionId {
    ActionId::new(format!("{}.{}", p.run, next_step(&p.step)))
}

/// The step name of the next hop: `read` → `read.r1`, `read.r1` → `read.r2`.
pub(super) fn next_step(step: &str) -> String {
    let hop: u32 = step.rsplit_once(".r").and_then(|(_, hop)| hop.parse().ok()).unwrap_or(0);
    format!("{}.r{}", base_step(step), hop + 1)
}

/// The step that a hop's step name derives from: `read.r2` → `read`.
pub(super) fn base_step(step: &str) -> &str {
    step.rsplit_once(".r").map_or(step, |(base, _)| base)
}
