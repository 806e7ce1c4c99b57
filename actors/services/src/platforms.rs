//! The platforms: one egress actor for each, the only way to the network.
//!
//! An egress actor holds its platform's breakers and dials what a permit clears. An exchange runs
//! beside the mailbox, so that a slow one holds up no other. Should the actor die, its exchanges
//! are cut off and their callers learn that the answer is lost; it never sends anything twice.
//! A breaker whose row is damaged lets nothing pass.
//! It calls nobody but the store and the transport.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mm_core::action::Request;
use mm_core::breaker::{Admit, Breaker, Policy, State as Standing};
use mm_core::error::{ErrorClass, Signal, TransportFault, classify};
use mm_core::id::{PlatformId, Space};
use mm_permit::{Permit, Refused};
use mm_store::{Change, NewEntry};
use mm_supervision::{
    Backoff, CallError, ChildSpec, Component, Fault, Handle, Intensity, Reply, Restart, Strategy as Together,
    SupervisorHandle, SupervisorSpec, child, inherit, supervisor,
};
use serde_json::json;
use tokio::task::JoinSet;

use crate::damage;
use crate::message::kinds;
use crate::shared::{CALL_TIMEOUT, Shared};
use crate::transport::RawAnswer;

/// The way to the egress actors.
#[derive(Clone)]
pub struct Platforms {
    shared: Shared,
    above: SupervisorHandle,
    egress: Arc<Mutex<BTreeMap<PlatformId, Handle<Msg>>>>,
}

/// Which breaker an action passes: the platform's, for one account and kind of action.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lane {
    /// Whose account; the machine's space where no account is needed.
    pub space: Space,
    /// The account, or empty.
    pub account: String,
    /// The kind of action.
    pub kind: String,
}

/// Why an exchange gave no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SendFailed {
    /// The permit did not hold; nothing was dialled.
    #[error("nothing was sent")]
    Permit(#[source] Refused),
    /// The breaker has moved since the request was admitted, or is damaged; nothing was dialled.
    #[error("nothing was sent: {0}")]
    Breaker(String),
    /// The exchange failed.
    #[error("{0}")]
    Transport(TransportFault),
    /// The egress actor ended meanwhile.
    #[error("the answer was lost with its actor")]
    Lost {
        /// Whether the request can have left.
        maybe_sent: bool,
    },
}

/// What it is sent.
pub enum Msg {
    /// May an action pass the breaker now?
    Admit {
        /// Which breaker.
        lane: Lane,
        /// Where the answer goes.
        reply: Reply<Admit>,
    },
    /// Send a request under a permit.
    Send {
        /// Which breaker is told of the result.
        lane: Lane,
        /// The permit.
        permit: Permit,
        /// The request it is for.
        request: Box<Request>,
        /// Where the answer goes.
        reply: Reply<Result<RawAnswer, SendFailed>>,
    },
    /// An exchange has ended; from the actor to itself.
    Ended {
        /// Which breaker.
        lane: Lane,
        /// Under which generation it was admitted.
        generation: u64,
        /// What it gave.
        signal: Signal,
    },
    /// What was admitted never left; its turn is given back.
    Unused {
        /// Which breaker.
        lane: Lane,
        /// Under which generation it was admitted.
        generation: u64,
    },
    /// How the breakers stand.
    Breakers {
        /// Where the answer goes.
        reply: Reply<Vec<(Lane, Breaker)>>,
    },
}

kinds!(Msg { Admit => "admit", Send => "send", Ended => "ended", Unused => "unused", Breakers => "breakers" });

impl Platforms {
    /// No platform yet.
    pub fn new(shared: Shared) -> Self {
        Self { shared, above: SupervisorHandle::new(), egress: Arc::default() }
    }

    /// The row of the tree.
    pub fn row(&self) -> ChildSpec {
        let spec =
            SupervisorSpec::new(Together::OneForOne, Intensity { max: 20, within: Duration::from_secs(60) });
        // After a restart of the supervisor its egress actors are gone; they are made when needed.
        supervisor("platforms", "one egress actor for each platform", &self.above, spec)
    }

    /// May an action pass this lane's breaker now?
    ///
    /// # Errors
    /// If the egress actor cannot be had.
    pub async fn admit(&self, platform: &PlatformId, lane: &Lane) -> Result<Admit, CallError> {
        let lane = lane.clone();
        self.of(platform).await?.call(|reply| Msg::Admit { lane, reply }, CALL_TIMEOUT).await
    }

    /// Says that what was admitted never left. A half-open breaker then lets the next one be its
    /// probe, where it would else wait for a report that never comes and count it as a failure.
    pub fn give_back(&self, platform: &PlatformId, lane: &Lane, generation: u64) {
        let Some(egress) = self.known().get(platform).cloned() else { return };
        if let Err(undelivered) = egress.cast(Msg::Unused { lane: lane.clone(), generation }) {
            tracing::warn!(error = %undelivered, "a breaker was not told that nothing left");
        }
    }

    /// Sends `request` under `permit`.
    ///
    /// # Errors
    /// [`SendFailed`] says whether the request can have left.
    pub async fn send(
        &self,
        platform: &PlatformId,
        lane: &Lane,
        permit: Permit,
        request: Request,
    ) -> Result<RawAnswer, SendFailed> {
        let lost = |error: CallError| SendFailed::Lost {
            maybe_sent: !matches!(
                error,
                CallError::Full | CallError::NotRunning | CallError::Lost { maybe_done: false }
            ),
        };
        let egress = self.of(platform).await.map_err(lost)?;
        let (lane, request) = (lane.clone(), Box::new(request));
        let ask = |reply| Msg::Send { lane, permit, request, reply };
        egress.call(ask, CALL_TIMEOUT).await.map_err(lost)?
    }

    /// How the breakers of every platform stand.
    pub async fn breakers(&self) -> Vec<(PlatformId, Lane, Breaker)> {
        let all: Vec<_> = self.known().iter().map(|(id, to)| (id.clone(), to.clone())).collect();
        let mut found = Vec::new();
        for (id, egress) in all {
            let standing = egress.call(|reply| Msg::Breakers { reply }, CALL_TIMEOUT).await;
            found.extend(standing.unwrap_or_default().into_iter().map(|(lane, at)| (id.clone(), lane, at)));
        }
        found
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<PlatformId, Handle<Msg>>> {
        self.egress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The egress actor of a platform, started if there is none.
    async fn of(&self, platform: &PlatformId) -> Result<Handle<Msg>, CallError> {
        let handle = self.known().entry(platform.clone()).or_default().clone();
        if handle.is_running() {
            return Ok(handle);
        }
        let (shared, id) = (self.shared.clone(), platform.clone());
        let row = child(
            platform.as_str(),
            "dials one platform and keeps its breakers",
            Restart::Permanent,
            Duration::from_secs(5),
            &handle,
            move || Egress { shared: shared.clone(), platform: id.clone() },
        )
        .with_backoff(Backoff::between(Duration::from_millis(50), Duration::from_secs(30)));
        match self.above.start_child(row).await {
            // Somebody else was faster, or it is being restarted; the call on it will tell.
            Ok(_) | Err(_) => Ok(handle),
        }
    }
}

/// The egress actor of one platform.
struct Egress {
    shared: Shared,
    platform: PlatformId,
}

/// What it knows.
struct State {
    breakers: BTreeMap<Lane, Breaker>,
    exchanges: JoinSet<()>,
}

impl Component for Egress {
    type Msg = Msg;
    type State = State;

    async fn init(&self, _me: Handle<Msg>) -> Result<State, Fault> {
        Ok(State { breakers: BTreeMap::new(), exchanges: JoinSet::new() })
    }

    async fn handle(&self, me: &Handle<Msg>, msg: Msg, state: &mut State) -> Result<(), Fault> {
        while state.exchanges.try_join_next().is_some() {}
        match msg {
            Msg::Admit { lane, reply } => {
                let now = self.shared.now();
                let admit =
                    self.change(state, &lane, |breaker| breaker.admit(&Policy::keyless(), now)).await?;
                reply.send(admit.unwrap_or_else(|why| Admit::No { until: None, why }));
            }
            Msg::Send { lane, permit, request, reply } => {
                let generation = permit.breaker_generation();
                match self.still_open(state, &lane, generation)? {
                    Ok(()) => self.send(me, state, lane, permit, *request, reply),
                    Err(moved) => {
                        reply.send(Err(SendFailed::Breaker(moved)));
                    }
                }
            }
            Msg::Ended { lane, generation, signal } => {
                let now = self.shared.now();
                let told = |breaker: &mut Breaker| match classify(signal) {
                    Some(error) => {
                        breaker.on_failure(&Policy::keyless(), error.class, generation, now);
                    }
                    None => breaker.on_success(generation, now),
                };
                // A breaker that cannot be read lets nothing pass, whatever it is told.
                drop(self.change(state, &lane, told).await?);
            }
            Msg::Unused { lane, generation } => {
                let now = self.shared.now();
                // To a breaker, what compliance stopped is what never left.
                let told = |breaker: &mut Breaker| {
                    breaker.on_failure(&Policy::keyless(), ErrorClass::Compliance, generation, now)
                };
                drop(self.change(state, &lane, told).await?);
            }
            Msg::Breakers { reply } => {
                reply.send(state.breakers.iter().map(|(lane, at)| (lane.clone(), at.clone())).collect());
            }
        }
        Ok(())
    }
}

impl Egress {
    /// The last check before the socket, then the exchange beside the mailbox.
    fn send(
        &self,
        me: &Handle<Msg>,
        state: &mut State,
        lane: Lane,
        mut permit: Permit,
        request: Request,
        reply: Reply<Result<RawAnswer, SendFailed>>,
    ) {
        let generation = permit.breaker_generation();
        let cleared = match permit.clear(request, self.shared.both_clocks()) {
            Ok(cleared) => cleared,
            Err(refused) => {
                reply.send(Err(SendFailed::Permit(refused)));
                return;
            }
        };
        tracing::trace!(point = "egress.cleared", action = %cleared.action(), "point");
        let (shared, me) = (self.shared.clone(), me.clone());
        state.exchanges.spawn(inherit(async move {
            // The process may have stood still since the check above; what stands still later than here
            // runs into the transport's own timers.
            if cleared.is_over(shared.both_clocks()) {
                reply.send(Err(SendFailed::Permit(Refused::Expired)));
                return;
            }
            let result = shared.transport.exchange(cleared).await;
            let signal = match &result {
                Ok(answer) => answer.signal(shared.now()),
                Err(fault) => Signal::transport(*fault),
            };
            if me.cast(Msg::Ended { lane, generation, signal }).is_err() {
                tracing::warn!("a breaker missed the end of an exchange");
            }
            reply.send(result.map_err(SendFailed::Transport));
        }));
    }

    fn row_id(&self, lane: &Lane) -> String {
        format!("{}/{}/{}", self.platform, lane.account, lane.kind)
    }

    /// The breaker of a lane, from the store when it is first asked for; the inner sentence says why
    /// there is none to go by.
    fn breaker<'a>(
        &self,
        state: &'a mut State,
        lane: &Lane,
    ) -> Result<Result<&'a mut Breaker, String>, Fault> {
        if !state.breakers.contains_key(lane) {
            match self.shared.store.get::<Breaker>(&lane.space, &self.row_id(lane)) {
                Ok(row) => {
                    state.breakers.insert(lane.clone(), row.map(|row| row.value).unwrap_or_default());
                }
                Err(error) => {
                    let row = damage::of_one_row(error)?;
                    return Ok(Err(format!(
                        "{row} is damaged, so nothing passes until a backup is restored"
                    )));
                }
            }
        }
        Ok(Ok(state.breakers.entry(lane.clone()).or_default()))
    }

    /// Changes the breaker of a lane and puts on record what became of it.
    async fn change<T>(
        &self,
        state: &mut State,
        lane: &Lane,
        change: impl FnOnce(&mut Breaker) -> T,
    ) -> Result<Result<T, String>, Fault> {
        let breaker = match self.breaker(state, lane)? {
            Ok(breaker) => breaker,
            Err(damaged) => return Ok(Err(damaged)),
        };
        let before = breaker.clone();
        let changed = change(breaker);
        let after = breaker.clone();
        self.keep(lane, &before, &after).await?;
        Ok(Ok(changed))
    }

    /// Whether what was admitted under `generation` may still leave: others may have failed since, and
    /// a probe may have waited longer than a probe is waited for.
    fn still_open(
        &self,
        state: &mut State,
        lane: &Lane,
        generation: u64,
    ) -> Result<Result<(), String>, Fault> {
        let breaker = match self.breaker(state, lane)? {
            Ok(breaker) => breaker,
            Err(damaged) => return Ok(Err(damaged)),
        };
        let at = breaker.state();
        Ok(match at {
            _ if breaker.generation() != generation => {
                Err(format!("its breaker has moved since it was admitted, and is now {}", at.as_str()))
            }
            Standing::Closed { .. } => Ok(()),
            Standing::HalfOpen { deadline } if self.shared.now() < *deadline => Ok(()),
            Standing::HalfOpen { .. } => Err("its turn as the breaker's probe is over".to_owned()),
            Standing::Open { .. } | Standing::Isolated { .. } => {
                Err(format!("its breaker is {}", at.as_str()))
            }
        })
    }

    /// Puts a transition, or a counted failure, on record before anybody acts on it.
    async fn keep(&self, lane: &Lane, before: &Breaker, after: &Breaker) -> Result<(), Fault> {
        if before == after {
            return Ok(());
        }
        let id = self.row_id(lane);
        if before.generation() == after.generation() {
            self.shared.store.commit(Change::new().put(&lane.space, &id, after)?).await?;
            return Ok(());
        }
        let payload = json!({ "breaker": id, "from": before.state().as_str(), "to": after.state().as_str() });
        let entry = NewEntry::new(self.shared.now(), &lane.space, "breaker.moved", &payload)?;
        self.shared.store.commit(Change::new().put(&lane.space, &id, after)?.audit(entry)).await?;
        tracing::info!(
            breaker = id,
            from = before.state().as_str(),
            to = after.state().as_str(),
            "a breaker moved"
        );
        Ok(())
    }
}
