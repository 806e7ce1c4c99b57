//! The platforms: one egress actor for each, the only way to the network.
//!
//! An egress actor holds its platform's breakers (`breakers`) and dials what a permit clears. An exchange
//! runs beside the mailbox, so that a slow one holds up no other. Should the actor die, its exchanges
//! are cut off and their callers learn that the answer is lost; it never sends anything twice.
//! An exchange that is under way when its breaker moves is not cut off: nobody could say then whether
//! what it asks for happened.
//! It calls nobody but the store and the transport.

mod breakers;
mod lane;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mm_core::action::Request;
use mm_core::breaker::{Admit, Breaker, Policy};
use mm_core::error::{ErrorClass, Signal, TransportFault, classify};
use mm_core::id::{AccountId, PlatformId, Space};
use mm_core::secret::Secret;
use mm_core::vault::{Slot, Veil};
use mm_permit::{Permit, Refused};
use mm_supervision::{
    Backoff, CallError, ChildSpec, Component, Fault, Handle, Intensity, Reply, Restart, Strategy as Together,
    SupervisorHandle, SupervisorSpec, child, inherit, supervisor,
};
use tokio::task::JoinSet;

use crate::accounts::oauth::{TOKEN_REFRESH, seal_answer};
use crate::message::kinds;
use crate::shared::{CALL_TIMEOUT, Shared};
use crate::transport::RawAnswer;

use breakers::Breakers;
pub use lane::Lane;

/// The way to the egress actors.
#[derive(Clone)]
pub struct Platforms {
    shared: Shared,
    above: SupervisorHandle,
    egress: Arc<Mutex<BTreeMap<PlatformId, Handle<Msg>>>>,
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
        /// What its slots are filled with.
        secrets: Vec<(Slot, Secret)>,
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
    /// Take a lane out of use.
    Isolate {
        /// Which breaker.
        lane: Lane,
        /// Why.
        reason: String,
        /// Who says so.
        by: String,
        /// Answered when it is on record, or with a sentence why it is not.
        reply: Reply<Result<(), String>>,
    },
    /// End the isolation and the open time of a lane and of all that it covers.
    Release {
        /// Which breakers.
        lane: Lane,
        /// Who says so.
        by: String,
        /// Answered, when it is on record, with those that it ended.
        reply: Reply<Vec<Lane>>,
    },
    /// An account's credential was renewed.
    Renewed {
        /// All that the account does.
        lane: Lane,
        /// Answered when what the old one has shut is open to a probe.
        reply: Reply<()>,
    },
    /// How the breakers stand.
    Breakers {
        /// Where the answer goes.
        reply: Reply<Vec<(Lane, Breaker)>>,
    },
}

kinds!(Msg {
    Admit => "admit",
    Send => "send",
    Ended => "ended",
    Unused => "unused",
    Isolate => "isolate",
    Release => "release",
    Renewed => "renewed",
    Breakers => "breakers",
});

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

    /// Sends `request` under `permit`, its slots filled with `secrets`.
    ///
    /// # Errors
    /// [`SendFailed`] says whether the request can have left.
    pub async fn send(
        &self,
        platform: &PlatformId,
        lane: &Lane,
        permit: Permit,
        request: Request,
        secrets: Vec<(Slot, Secret)>,
    ) -> Result<RawAnswer, SendFailed> {
        let lost = |error: CallError| SendFailed::Lost {
            maybe_sent: !matches!(
                error,
                CallError::Full | CallError::NotRunning | CallError::Lost { maybe_done: false }
            ),
        };
        let egress = self.of(platform).await.map_err(lost)?;
        let (lane, request) = (lane.clone(), Box::new(request));
        let ask = |reply| Msg::Send { lane, permit, request, secrets, reply };
        egress.call(ask, CALL_TIMEOUT).await.map_err(lost)?
    }

    /// Takes a lane of a platform out of use, by the word of `by`: once this is answered, nothing that was
    /// admitted before is dialled any more, over restarts, until [`Platforms::release`]. The inner
    /// sentence says why it was not done.
    ///
    /// # Errors
    /// If the egress actor cannot be had.
    pub async fn isolate(
        &self,
        platform: &PlatformId,
        lane: &Lane,
        reason: &str,
        by: &str,
    ) -> Result<Result<(), String>, CallError> {
        let (lane, reason, by) = (lane.clone(), reason.to_owned(), by.to_owned());
        self.of(platform).await?.call(|reply| Msg::Isolate { lane, reason, by, reply }, CALL_TIMEOUT).await
    }

    /// Ends the isolation and the open time of a lane and of all that it covers, by the word of `by`: the
    /// next act is the one probe. Gives the lanes that were held.
    ///
    /// # Errors
    /// If the egress actor cannot be had.
    pub async fn release(
        &self,
        platform: &PlatformId,
        lane: &Lane,
        by: &str,
    ) -> Result<Vec<Lane>, CallError> {
        let (lane, by) = (lane.clone(), by.to_owned());
        self.of(platform).await?.call(|reply| Msg::Release { lane, by, reply }, CALL_TIMEOUT).await
    }

    /// Says that an account's credential was renewed: what is shut because the old one was refused is
    /// probed by the next act. An isolation by a person stays.
    ///
    /// # Errors
    /// If the egress actor cannot be had.
    pub async fn renewed(
        &self,
        space: &Space,
        platform: &PlatformId,
        account: &AccountId,
    ) -> Result<(), CallError> {
        let lane = Lane::of(space, Some(account), None);
        self.of(platform).await?.call(|reply| Msg::Renewed { lane, reply }, CALL_TIMEOUT).await
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
    breakers: Breakers,
    exchanges: JoinSet<()>,
}

impl Component for Egress {
    type Msg = Msg;
    type State = State;

    async fn init(&self, _me: Handle<Msg>) -> Result<State, Fault> {
        let breakers = Breakers::new(self.shared.clone(), self.platform.clone());
        Ok(State { breakers, exchanges: JoinSet::new() })
    }

    async fn handle(&self, me: &Handle<Msg>, msg: Msg, state: &mut State) -> Result<(), Fault> {
        while state.exchanges.try_join_next().is_some() {}
        let (breakers, now) = (&mut state.breakers, self.shared.now());
        match msg {
            Msg::Admit { lane, reply } => {
                reply.send(breakers.admit(&lane).await?);
            }
            Msg::Send { lane, permit, request, secrets, reply } => {
                match breakers.still_open(&lane, permit.breaker_generation())? {
                    Ok(()) => self.send(me, state, lane, permit, (*request, secrets), reply),
                    Err(moved) => {
                        reply.send(Err(SendFailed::Breaker(moved)));
                    }
                }
            }
            Msg::Ended { lane, generation, signal } => {
                let told = |breaker: &mut Breaker, own| match classify(signal) {
                    Some(error) => {
                        breaker.on_failure(&Policy::platform(), error.for_breaker(), own, now);
                    }
                    None => breaker.on_success(own, now),
                };
                breakers.tell(&lane, generation, told).await?;
            }
            Msg::Unused { lane, generation } => {
                // To a breaker, what compliance stopped is what never left.
                let told = |breaker: &mut Breaker, own| {
                    breaker.on_failure(&Policy::platform(), ErrorClass::Compliance, own, now);
                };
                breakers.tell(&lane, generation, told).await?;
            }
            Msg::Isolate { lane, reason, by, reply } => {
                reply.send(breakers.isolate(&lane, &reason, &by).await?);
            }
            Msg::Release { lane, by, reply } => {
                reply.send(breakers.release(&lane, &by).await?);
            }
            Msg::Renewed { lane, reply } => {
                breakers.renewed(&lane).await?;
                reply.send(());
            }
            Msg::Breakers { reply } => {
                reply.send(breakers.known());
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
        (request, secrets): (Request, Vec<(Slot, Secret)>),
        reply: Reply<Result<RawAnswer, SendFailed>>,
    ) {
        let generation = permit.breaker_generation();
        let cleared = match permit.clear(request, secrets, self.shared.both_clocks()) {
            Ok(cleared) => cleared,
            Err(refused) => {
                reply.send(Err(SendFailed::Permit(refused)));
                return;
            }
        };
        tracing::trace!(point = "egress.cleared", action = %cleared.action(), "point");
        let (shared, me, platform) = (self.shared.clone(), me.clone(), self.platform.clone());
        state.exchanges.spawn(inherit(async move {
            // The process may have stood still since the check above; what stands still later than here
            // runs into the transport's own timers.
            if cleared.is_over(shared.both_clocks()) {
                reply.send(Err(SendFailed::Permit(Refused::Expired)));
                return;
            }
            let accept = cleared.request().headers().iter().find(|(name, _)| name == "accept");
            let accept = accept.map(|(_, value)| value.clone());
            let url = cleared.request().url().clone();
            let veil = cleared.veil();
            let result = shared.transport.exchange(cleared).await;
            // Before anybody else sees it: what is recorded of an answer holds no credential.
            let result = result.map(|answer| veiled(&shared, &veil, &platform, &lane, answer));
            let result = result.and_then(|answer| answer.unless_a_wall(accept.as_deref()));
            let signal = match &result {
                Ok(answer) => answer.signal_from(&url, shared.now()),
                Err(fault) => Signal::transport(*fault),
            };
            if me.cast(Msg::Ended { lane, generation, signal }).is_err() {
                tracing::warn!("a breaker missed the end of an exchange");
            }
            reply.send(result.map_err(SendFailed::Transport));
        }));
    }
}

/// An answer without the credentials of its request, and without the tokens that it brings: those are
/// sealed, for the accounts alone. What cannot be sealed is thrown away.
fn veiled(
    shared: &Shared,
    veil: &Veil,
    platform: &PlatformId,
    lane: &Lane,
    mut answer: RawAnswer,
) -> RawAnswer {
    for (_, value) in &mut answer.headers {
        if let Some(masked) = veil.text(value) {
            *value = masked;
        }
    }
    if let Some(masked) = veil.bytes(&answer.body) {
        tracing::warn!(%platform, "an answer echoed a credential, which was masked");
        answer.body = masked;
    }
    if lane.kind != TOKEN_REFRESH || !(200..300).contains(&answer.status) {
        return answer;
    }
    let bare = RawAnswer { body: Vec::new(), ..answer.clone() };
    seal_answer(shared, &lane.space, platform.as_str(), &lane.account, answer).unwrap_or_else(|locked| {
        tracing::error!(%platform, error = %locked, "a token that came was thrown away");
        bare
    })
}
