//! The gateway: walks every action down the one road.
//!
//! Each action is walked in a task of its own, so that a slow platform holds up no other. The road
//! itself is in `gateway/road.rs`; it is one function that reads like a list. Should the gateway die, its
//! walks are cut off: what was `planned` provably never left or was a read, and what was `sending`
//! becomes `ambiguous` at the next start; nothing is sent again by itself.
//!
//! It calls compliance, the limiter, the platforms, the accounts, the alerts and the store.

use mm_core::action::Action;
use mm_core::activity::{ActionRecord, Stage};
use mm_core::answer::Answer;
use mm_core::id::{ActionId, RunId, Space, StrategyId};
use mm_core::moment::Moment;
use mm_core::run::{Refusal, RunRecord};
use mm_store::{Change, CommitError, Key, NewEntry, Record, Span};
use mm_supervision::{CallError, Component, Fault, Handle, Reply, inherit};
use serde_json::json;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::JoinSet;

use crate::accounts::Accounts;
use crate::alerts::Alerts;
use crate::compliance::Compliance;
use crate::limiter::Limiter;
use crate::platforms::Platforms;
use crate::records::{LookUpRow, OpenRow};
use crate::shared::Shared;

mod fence;
mod halt;
mod road;
mod settling;
mod writing;

pub use fence::Fence;
pub use settling::{NotSettled, Settlement, Settling};

/// What is said of a mutating action that a crash cut off.
const CUT_OFF: &str =
    "the process or its run ended while it was being sent; look at the platform whether it happened";

/// The way to the gateway.
#[derive(Clone, Default)]
pub struct Gateway(Handle<Msg>);

/// An action as a run proposes it.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// Whose it is.
    pub space: Space,
    /// Who proposes.
    pub strategy: StrategyId,
    /// In which run.
    pub run: RunId,
    /// The version of the run's row: every record of this action expects it, so that a run that was
    /// fenced off cannot write another word.
    pub run_version: u64,
    /// Under which step name.
    pub step: String,
    /// What is proposed.
    pub action: Action,
    /// The hash of the action as it was proposed, before any redirect: what its step is journalled with.
    pub first_hash: mm_core::digest::Digest,
    /// When the run must be over; no wait on the road is longer.
    pub deadline: Moment,
    /// Closed when the run is over for the machine: nothing of it is permitted, spent or sent then.
    pub fence: Fence,
}

impl Proposal {
    /// The action's id: the same whenever this step of this run is walked.
    pub fn id(&self) -> ActionId {
        ActionId::new(format!("{}.{}", self.run, self.step))
    }
}

/// Where the road led.
#[derive(Debug, Clone)]
pub enum Walked {
    /// To an answer.
    Done(Answer),
    /// To a refusal.
    Refused(Refusal),
    /// To the owner's inbox.
    Pending(ActionId),
    /// Nowhere: the run was fenced off.
    Fenced,
}

/// What it is sent.
pub enum Msg {
    /// Walk an action.
    Act {
        /// What is proposed.
        proposal: Box<Proposal>,
        /// Where the answer goes.
        reply: Reply<Result<Walked, String>>,
    },
}

impl mm_supervision::Inspect for Msg {
    fn kind(&self) -> &'static str {
        "act"
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let Msg::Act { proposal, .. } = self;
        vec![
            ("platform", proposal.action.platform.to_string()),
            ("kind", proposal.action.kind.to_string()),
            ("url", proposal.action.request.url().shown()),
        ]
    }

    fn action(&self) -> Option<String> {
        let Msg::Act { proposal, .. } = self;
        Some(proposal.id().to_string())
    }
}

impl Gateway {
    /// The actor's own handle, for the tree.
    pub fn handle(&self) -> &Handle<Msg> {
        &self.0
    }

    /// Walks an action down the road, however long its waits, up to the proposal's deadline.
    ///
    /// # Errors
    /// If the gateway did not answer: what became of the action is in its record, if it has one.
    /// The inner sentence says which service failed on the way; nothing more will happen.
    pub async fn act(
        &self,
        proposal: Proposal,
        within: Duration,
    ) -> Result<Result<Walked, String>, CallError> {
        let proposal = Box::new(proposal);
        self.0.call(|reply| Msg::Act { proposal, reply }, within).await
    }
}

/// The services that the road leads through.
#[derive(Clone)]
pub struct GatewayService {
    /// What every service is handed.
    pub shared: Shared,
    /// Judges and mints.
    pub compliance: Compliance,
    /// Keeps the quotas.
    pub limiter: Limiter,
    /// Dial.
    pub platforms: Platforms,
    /// Fill credential slots.
    pub accounts: Accounts,
    /// Tell the owner.
    pub alerts: Alerts,
    /// What the owner was told of platforms and is not over.
    pub troubles: Troubles,
}

/// Which alerts about platforms stand, so that a success need not ask the store each time.
#[derive(Clone, Default)]
pub struct Troubles(Arc<Mutex<BTreeMap<String, bool>>>);

impl Troubles {
    fn raised(&self, about: &str) {
        self.lock().insert(about.to_owned(), true);
    }

    /// Whether a success is news: trouble stood, or nothing is known since the start.
    fn is_over(&self, about: &str) -> bool {
        self.lock().insert(about.to_owned(), false) != Some(false)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What it knows: the walks under way.
pub struct State {
    walks: JoinSet<()>,
}

impl Component for GatewayService {
    type Msg = Msg;
    type State = State;

    async fn init(&self, _me: Handle<Msg>) -> Result<State, Fault> {
        self.settle_what_a_crash_left().await?;
        Ok(State { walks: JoinSet::new() })
    }

    async fn handle(&self, _me: &Handle<Msg>, msg: Msg, state: &mut State) -> Result<(), Fault> {
        while let Some(ended) = state.walks.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "a walk down the road ended in a panic");
            }
        }
        let Msg::Act { proposal, reply } = msg;
        let road = self.clone();
        state.walks.spawn(inherit(async move {
            let walked = match AssertUnwindSafe(road.walk(&proposal)).catch_unwind().await {
                Ok(walked) => walked.map_err(|fault| fault.to_string()),
                Err(_) => {
                    tracing::error!(action = %proposal.id(), "a walk down the road ended in a panic");
                    road.settle_quietly(&proposal, true).await;
                    Err("the road ended in a panic; this is a bug, report it with the log".to_owned())
                }
            };
            reply.send(walked);
        }));
        Ok(())
    }
}

impl GatewayService {
    /// After a crash: what may have left and changed something is ambiguous, and a person is told;
    /// a read simply did not end.
    async fn settle_what_a_crash_left(&self) -> Result<(), Fault> {
        let store = &self.shared.store;
        for space in [Space::machine(), Space::default_owner()] {
            for (id, open) in store.scan::<OpenRow>(&space, Span::all(), usize::MAX)?.rows {
                self.settle(&space, &id, open.value.mutating, true).await?;
            }
        }
        Ok(())
    }

    /// A walk that the machine itself could not finish: what it left open is settled now, as far as
    /// it is known, and not only at the next start.
    async fn settle_what_broke(&self, p: &Proposal, draft: &writing::Draft) {
        self.settle_quietly(p, draft.may_have_left()).await;
    }

    async fn settle_quietly(&self, p: &Proposal, may_have_left: bool) {
        let mutating = p.action.request.method().is_mutating();
        let id = p.id();
        let settled = match self.shared.store.get::<OpenRow>(&p.space, id.as_str()) {
            Ok(Some(_)) => self.settle(&p.space, id.as_str(), mutating, may_have_left).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = settled {
            tracing::error!(action = %id, %error, "an action is settled at the next start");
        }
    }

    /// A walk that was fenced off because its run is over is nobody's any more: what it left open is
    /// settled as after a crash. While another has taken the run up, that one walks the same action.
    async fn settle_what_a_run_left(&self, p: &Proposal) -> Result<(), Fault> {
        let (store, id) = (&self.shared.store, p.id());
        loop {
            let Some(run) = store.get::<RunRecord>(&p.space, p.run.as_str())? else { return Ok(()) };
            if run.value.outcome.is_none() && run.version != p.run_version {
                return Ok(());
            }
            let Some(open) = store.get::<OpenRow>(&p.space, id.as_str())? else { return Ok(()) };
            let settled = self.settled(&p.space, id.as_str(), open.value.mutating, true)?;
            let key = Key::of::<RunRecord>(&p.space, p.run.as_str())?;
            match store.commit(settled.expect_version(key, run.version)).await {
                Ok(_) => return Ok(()),
                // It was taken up, or ended, at this very moment.
                Err(CommitError::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn settle(
        &self,
        space: &Space,
        id: &str,
        mutating: bool,
        may_have_left: bool,
    ) -> Result<(), Fault> {
        let change = self.settled(space, id, mutating, may_have_left)?;
        self.shared.store.commit(change).await?;
        Ok(())
    }

    /// The change that settles an open action.
    fn settled(&self, space: &Space, id: &str, mutating: bool, may_have_left: bool) -> Result<Change, Fault> {
        let (store, now) = (&self.shared.store, self.shared.now());
        let mut change = Change::new().delete(Key::new(space, OpenRow::KIND, id)?);
        if let Some(row) = store.get::<ActionRecord>(space, id)? {
            let reached = if may_have_left { row.value.stage } else { Stage::Planned };
            let (stage, sentence) = after_a_crash(reached, mutating);
            let record =
                ActionRecord { stage, updated_at: now, error: Some(sentence.to_owned()), ..row.value };
            let kind = format!("action.{}", stage.as_str());
            let payload = json!({ "action": id, "why": sentence });
            change = change.put(space, id, &record)?.audit(NewEntry::new(now, space, &kind, &payload)?);
            if stage == Stage::Ambiguous {
                self.alerts.raise(space, format!("ambiguous/{id}"), format!("action {id}: {sentence}"));
                change = change.put(space, id, &LookUpRow::since(now))?;
                self.shared.settings().reconcilers.wake();
            }
        }
        Ok(change)
    }
}

/// What an action that was open when the process died has become.
fn after_a_crash(stage: Stage, mutating: bool) -> (Stage, &'static str) {
    match (stage, mutating) {
        (Stage::Sending, true) => (Stage::Ambiguous, CUT_OFF),
        (_, true) => (Stage::Failed, "the process or its run ended before it was sent; it did not happen"),
        (_, false) => (Stage::Failed, "the process or its run ended while it was being read"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_have_left_and_changed_something_is_ambiguous() {
        for stage in [Stage::Planned, Stage::Sending] {
            for mutating in [false, true] {
                let ambiguous = after_a_crash(stage, mutating).0 == Stage::Ambiguous;
                assert_eq!(ambiguous, stage == Stage::Sending && mutating);
            }
        }
    }
}
