//! The gateway: walks every action down the one road.
//!
//! Each action is walked in a task of its own, so that a slow platform holds up no other. The road
//! itself is in `gateway/road.rs`; it is one function that reads like a list. Should the gateway die, its
//! walks are cut off: what was `planned` provably never left or was a read, and what was `sending`
//! becomes `ambiguous` at the next start; nothing is sent again by itself.
//!
//! What walks is a run's proposal, a service's own act ([`SystemAction`]), or what waited for a person or
//! a slot and is carried out without a run ([`Gateway::carry_out`]).
//!
//! It calls compliance, the limiter, the platforms, the accounts, the alerts and the store.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use mm_core::action::Action;
use mm_core::error::ErrorClass;
use mm_core::id::{ActionId, RunId, Space, StrategyId};
use mm_core::run::Refusal;
use mm_store::Change;
use mm_supervision::{CallError, Component, Fault, Handle, Reply, inherit};
use tokio::task::JoinSet;

use crate::accounts::Accounts;
use crate::alerts::Alerts;
use crate::compliance::Compliance;
use crate::limiter::Limiter;
use crate::platforms::Platforms;
use crate::shared::{CALL_TIMEOUT, Shared};

mod asking;
mod concluding;
mod crash;
mod draft;
mod fence;
mod halt;
mod kept;
mod leads;
pub(crate) mod marks;
mod proposal;
mod road;
mod robots;
mod sealing;
mod settling;
mod writing;

pub use fence::Fence;
pub use kept::Considered;
pub use proposal::{Kept, Origin, Proposal, SystemAction, Walked};
pub(crate) use sealing::REFRESH_WITHIN;
pub(crate) use settling::asked;
pub use settling::{NotSettled, Settlement, Settling};

/// What is said of a mutating action that a crash cut off.
const CUT_OFF: &str =
    "the process or its run ended while it was being sent; look at the platform whether it happened";

/// The way to the gateway.
#[derive(Clone, Default)]
pub struct Gateway(Handle<Msg>);

/// What it is sent.
pub enum Msg {
    /// Walk an action.
    Act {
        /// What is proposed.
        proposal: Box<Proposal>,
        /// Where the answer goes.
        reply: Reply<Result<Walked, String>>,
    },
    /// Walk an act of the machine's own.
    System {
        /// What.
        action: Box<SystemAction>,
        /// Where the answer goes.
        reply: Reply<Result<Walked, String>>,
    },
    /// Walk what waited for a person or a slot.
    CarryOut {
        /// Whose it is.
        space: Space,
        /// Which action.
        id: ActionId,
        /// Where the answer goes.
        reply: Reply<Result<Walked, String>>,
    },
    /// What would be sent, and what do the rules say to it? Nothing of it is spent or sent; a token that is
    /// over is renewed for it.
    Consider {
        /// Whose it is.
        space: Space,
        /// Who would do it.
        strategy: StrategyId,
        /// Under which id.
        id: ActionId,
        /// What.
        action: Box<Action>,
        /// Where the answer goes.
        reply: Reply<Result<Result<Considered, Refusal>, String>>,
    },
}

impl Msg {
    fn shown(&self) -> Option<&Action> {
        match self {
            Msg::Act { proposal, .. } => Some(&proposal.action),
            Msg::System { action, .. } => Some(&action.action),
            Msg::Consider { action, .. } => Some(action),
            Msg::CarryOut { .. } => None,
        }
    }
}

impl mm_supervision::Inspect for Msg {
    fn kind(&self) -> &'static str {
        match self {
            Msg::Act { .. } => "act",
            Msg::System { .. } => "system",
            Msg::CarryOut { .. } => "carry-out",
            Msg::Consider { .. } => "consider",
        }
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let Some(action) = self.shown() else { return Vec::new() };
        vec![
            ("platform", action.platform.to_string()),
            ("kind", action.kind.to_string()),
            ("url", action.request.url().shown()),
        ]
    }

    fn action(&self) -> Option<String> {
        match self {
            Msg::Act { proposal, .. } => Some(proposal.id().to_string()),
            Msg::CarryOut { id, .. } | Msg::Consider { id, .. } => Some(id.to_string()),
            Msg::System { .. } => None,
        }
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

    /// Walks an act of the machine's own down the same road: judged, charged, permitted and on record
    /// like any other, as `system-EPOCH-N.STEP` of `system.SERVICE`. Nobody is asked about it: where a
    /// rule asks it is refused. Two acts of the same bytes are two acts.
    ///
    /// # Errors
    /// As [`Gateway::act`].
    pub async fn system(&self, action: SystemAction) -> Result<Result<Walked, String>, CallError> {
        let within = action.within + ANSWER_AFTER;
        let action = Box::new(action);
        self.0.call(|reply| Msg::System { action, reply }, within).await
    }

    /// Walks what waited for a person or a slot, under its own id: judged again, and sent once.
    /// [`Walked::Pending`] says that it goes on waiting, [`Walked::Fenced`] that another was faster.
    ///
    /// # Errors
    /// As [`Gateway::act`].
    pub async fn carry_out(&self, space: &Space, id: &ActionId) -> Result<Result<Walked, String>, CallError> {
        let (space, id) = (space.clone(), id.clone());
        self.0.call(|reply| Msg::CarryOut { space, id, reply }, kept::WITHIN + ANSWER_AFTER).await
    }

    /// What would be sent for an action, and what the rules say to it now. Nothing of it is spent or sent; a
    /// token that is over is renewed for it, by an act of its own.
    ///
    /// # Errors
    /// As [`Gateway::act`]; the inmost says why it could not be sent at all.
    pub async fn consider(
        &self,
        space: &Space,
        strategy: &StrategyId,
        id: &ActionId,
        action: Action,
    ) -> Result<Result<Result<Considered, Refusal>, String>, CallError> {
        let (space, strategy, id) = (space.clone(), strategy.clone(), id.clone());
        let action = Box::new(action);
        self.0.call(|reply| Msg::Consider { space, strategy, id, action, reply }, CALL_TIMEOUT).await
    }
}

/// How the run of the machine's own acts begins.
const SYSTEM_RUN: &str = "system-";
/// So much later than its own deadline a walk has answered.
pub(crate) const ANSWER_AFTER: Duration = Duration::from_secs(70);

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
    /// Numbers the machine's own acts of this epoch.
    pub acts: Arc<AtomicU64>,
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
        // What a walk of the life before handed over is still to be written, perhaps: this comes after it. The
        // limiter's mailbox is the way of every intent; if the limiter is gone as well, so is what lay there.
        drop(self.limiter.standing(Vec::new()).await);
        self.shared.store.commit(Change::new()).await?;
        self.tell_what_nobody_was_told()?;
        self.settle_what_a_crash_left().await?;
        Ok(State { walks: JoinSet::new() })
    }

    async fn handle(&self, _me: &Handle<Msg>, msg: Msg, state: &mut State) -> Result<(), Fault> {
        while let Some(ended) = state.walks.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "a walk down the road ended in a panic");
            }
        }
        let road = self.clone();
        state.walks.spawn(inherit(async move {
            match msg {
                Msg::Act { proposal, reply } => {
                    reply.send(road.guarded(&proposal).await);
                }
                Msg::System { action, reply } => {
                    reply.send(road.guarded(&road.system(*action)).await);
                }
                Msg::CarryOut { space, id, reply } => {
                    let walked = match road.kept(&space, &id) {
                        Ok(Some(proposal)) => road.guarded(&proposal).await,
                        Ok(None) => Ok(Walked::Fenced),
                        Err(fault) => Err(fault.to_string()),
                    };
                    reply.send(walked);
                }
                Msg::Consider { space, strategy, id, action, reply } => {
                    let considered = road.consider(space, strategy, &id, *action).await;
                    reply.send(considered.map_err(|fault| fault.to_string()));
                }
            }
        }));
        Ok(())
    }
}

impl GatewayService {
    /// Walks; a panic on the way ends the walk alone.
    async fn guarded(&self, proposal: &Proposal) -> Result<Walked, String> {
        let mut hop = proposal.clone();
        match AssertUnwindSafe(self.walk(&mut hop)).catch_unwind().await {
            Ok(walked) => walked.map_err(|fault| fault.to_string()),
            Err(_) => {
                tracing::error!(action = %hop.id(), "a walk down the road ended in a panic");
                self.settle_quietly(&hop, true).await;
                Err("the road ended in a panic; this is a bug, report it with the log".to_owned())
            }
        }
    }

    /// A system action as it is walked.
    fn system(&self, system: SystemAction) -> Proposal {
        let SystemAction { space, service, step, action, within } = system;
        let nth = self.acts.fetch_add(1, Ordering::Relaxed) + 1;
        let strategy = format!("system.{service}").parse();
        Proposal {
            space,
            strategy: strategy.expect("a service's name is a slug"),
            run: RunId::new(format!("{SYSTEM_RUN}{}-{nth}", self.shared.store.epoch())),
            origin: Origin::System,
            step,
            first_hash: action.hash(),
            action,
            deadline: self.shared.now().plus(within),
            fence: Fence::default(),
        }
    }
}

/// A refusal that somebody's rule or word decided.
fn refused(why: impl Into<String>) -> Refusal {
    Refusal::new(ErrorClass::Compliance, why)
}
