//! The strategies: one host for each, the sole owner of its lifecycle.
//!
//! A host starts runs (never two at once), journals them, and commits their results in one change.
//! The strategy itself executes on a thread of its own; what it gives back is a message, and a
//! message of a run that is over for the machine is ignored. A host that dies finds its run in the
//! store and takes it up again. A strategy whose configuration is bad, or whose rows do not open, is put
//! aside, not the daemon. A host that has spent its restarts stays down until the owner's `resume`.
//!
//! It calls the gateway, the alerts and the store.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use mm_core::breaker::Breaker;
use mm_core::id::{ActionId, RunId, Space, StrategyId};
use mm_core::moment::Moment;
use mm_core::run::{Outcome, RunRecord, Trigger};
use mm_core::schedule::{Owed, Task};
use mm_sdk::About;
use mm_supervision::{
    Backoff, Budget, CallError, Cause, ChildSpec, Event, Exit, Handle, Intensity, Reply, Restart,
    Strategy as Together, SupervisorHandle, SupervisorSpec, What, child, supervisor,
};
use std::time::Duration;

use crate::alerts::Alerts;
use crate::crashes::Crashes;
use crate::gateway::Gateway;
use crate::message::kinds;
use crate::records::StrategyRow;
use crate::shared::{CALL_TIMEOUT, Installed, Shared};

mod backend;
mod commit;
mod decisions;
mod ending;
mod execute;
pub mod gate;
mod hand;
mod host;
mod mending;
pub(crate) mod order;
mod owner;
mod pausing;
mod planning;
pub mod pool;
pub mod quarantine;
mod retrying;
mod starting;
mod state;
mod telling;
mod ticking;

use execute::RunEnd;
use hand::Place;
pub use order::{Before, delay};
pub use owner::NotSaid;
pub use planning::{NotPlanned, Plan};
pub use state::Host;

/// The way to the strategies' hosts.
#[derive(Clone)]
pub struct Strategies {
    above: SupervisorHandle,
    hosts: Arc<BTreeMap<StrategyId, Seat>>,
    shared: Shared,
    alerts: Alerts,
    crashes: Crashes,
}

/// What leads to one host, and what outlives its incarnations.
#[derive(Clone, Default)]
struct Seat {
    handle: Handle<Msg>,
    place: Place,
    /// The host's own parts, once it has its row in the tree.
    host: Arc<OnceLock<Host>>,
}

impl Seat {
    /// The host stays down until a person acts: its run does not wait for that to get its end on record.
    fn interrupt(&self) {
        let (Some(host), handle) = (self.host.get().cloned(), self.handle.clone()) else { return };
        tokio::spawn(async move {
            if handle.is_running() {
                return;
            }
            if let Err(error) = host.interrupt().await {
                tracing::error!(host = host.name(), %error, "its run gets its end when its host starts again");
            }
        });
    }
}

/// Where the hosts stand in the tree.
const PATH: &str = "kernel/strategies";

/// Why a run was not started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotStarted {
    /// No such strategy is installed.
    #[error("no strategy `{0}` is installed; `strategy list` shows those that are")]
    Unknown(String),
    /// It runs already.
    #[error("it is running already, as run {0}")]
    Busy(RunId),
    /// It is paused.
    #[error("it is paused ({0}); `strategy resume` lets it go on")]
    Paused(String),
    /// It is disabled.
    #[error("it is disabled; `strategy enable` switches it on")]
    Disabled,
    /// Its breaker is open.
    #[error("its breaker is open: {0}")]
    Tripped(String),
    /// A person has isolated it.
    #[error("it is isolated by a person ({0}); `strategy resume` ends that")]
    Isolated(String),
    /// An account that it needs is not well.
    #[error("{0}; `account list` shows how accounts stand")]
    Account(String),
    /// The gate holds every run.
    #[error("nothing is started now: {0}; `status` shows the gates")]
    Gated(String),
    /// A run of it that was cut off waits at the gate to be taken up again.
    #[error("run {0}, which was cut off, goes before it and waits: {1}; `status` shows the gates")]
    CutOff(RunId, String),
    /// Its configuration is bad, or its rows do not open.
    #[error("it is put aside: {0}")]
    PutAside(String),
}

/// What the scheduler knows of a task that may be due; its host knows the rest, and decides.
#[derive(Debug, Clone)]
pub struct TickOrder {
    /// The task as it holds now.
    pub task: Task,
    /// Its schedule as it was written.
    pub text: String,
    /// Whether it is due at once, whatever its schedule says: it is new, or another one.
    pub at_once: bool,
    /// Whether its row is written even if nothing is due.
    pub rewrite: bool,
    /// The last tick on record, if it lies far ahead of the clock.
    pub ahead: Option<Moment>,
    /// The task as it was, if the configuration says otherwise since.
    pub before: Option<Before>,
    /// The newest tick that is decided.
    pub last: Moment,
    /// When the scheduler looked.
    pub now: Moment,
    /// What an earlier look left to run.
    pub owed: Option<Owed>,
    /// How much later than due this task is taken up.
    pub delay: Duration,
    /// The version that the schedule's row has now; `None` if there is none yet.
    pub schedule_version: Option<u64>,
}

/// How a strategy stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// What it is.
    pub about: About,
    /// Its row in the store.
    pub row: StrategyRow,
    /// The run of the moment.
    pub running: Option<RunId>,
    /// Why it is put aside, if it is.
    pub put_aside: Option<String>,
    /// Whether it is enabled.
    pub enabled: bool,
    /// Its priority.
    pub priority: u32,
    /// Its schedule, as written.
    pub schedule: String,
}

impl Standing {
    /// `active`, `paused`, `error`, `tripped` or `disabled`.
    pub fn status(&self) -> &'static str {
        use mm_core::breaker::State;
        if !self.enabled {
            "disabled"
        } else if self.put_aside.is_some() {
            "error"
        } else if !matches!(self.row.breaker.state(), State::Closed { .. }) {
            "tripped"
        } else if self.row.paused.is_some() {
            "paused"
        } else {
            "active"
        }
    }
}

/// What the owner says of a strategy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// Stop running for now.
    Pause {
        /// Why.
        reason: String,
        /// Who says so.
        by: String,
        /// When it goes on by itself; `None`: when somebody says so.
        until: Option<Moment>,
    },
    /// Take it out of use until further notice, for this reason: its breaker lets no run start, not even a
    /// person's.
    Isolate(String),
    /// Go on; also ends an open breaker's wait and an isolation. Why, if a reason was given: a host that is
    /// down needs one, as it gets its restart budget back.
    Resume(Option<String>),
    /// Switch on.
    Enable,
    /// Switch off.
    Disable,
}

/// What a host is sent.
pub enum Msg {
    /// Start a run.
    Start {
        /// Why.
        trigger: Trigger,
        /// Where the answer goes.
        reply: Reply<Result<RunId, NotStarted>>,
    },
    /// Ticks may be due.
    Tick {
        /// Of what.
        order: Box<TickOrder>,
        /// Answered with when to look again, when those that were due are on record.
        reply: Reply<Option<Moment>>,
    },
    /// An action of an earlier run is settled: start the run that hears of it.
    Settled {
        /// Which action.
        action: ActionId,
        /// Where the answer goes.
        reply: Reply<Result<RunId, NotStarted>>,
    },
    /// A run's thread is done; from the host to itself.
    Ended {
        /// Which run.
        run: RunId,
        /// Which taking-up of it.
        attempt: u32,
        /// What it gave.
        end: Box<RunEnd>,
    },
    /// A run should long be over; from the host to itself.
    Overdue {
        /// Which run.
        run: RunId,
        /// Which taking-up of it.
        attempt: u32,
    },
    /// End the run under way; from the pool.
    Cancel {
        /// Which run.
        run: RunId,
        /// Which taking-up of it.
        attempt: u32,
        /// A sentence.
        why: String,
    },
    /// Look whether what waits may go on; from the host to itself.
    Look,
    /// Answer when no run is under way.
    Idle {
        /// Where the last run's record goes.
        reply: Reply<Option<RunRecord>>,
    },
    /// The owner says.
    Say {
        /// What.
        word: Word,
        /// Answered when it is on record.
        reply: Reply<()>,
    },
    /// The owner says when it runs.
    Plan {
        /// What.
        plan: Box<Plan>,
        /// Who says so.
        by: String,
        /// Answered when it is on record.
        reply: Reply<Result<(), NotPlanned>>,
    },
    /// The pause may be over; from the host to itself.
    PauseOver {
        /// Which timer; an older one is ignored.
        timer: u64,
    },
    /// The configuration was read again.
    Configured,
    /// How it stands.
    Standing {
        /// Where the answer goes.
        reply: Reply<Standing>,
    },
}

kinds!(Msg {
    Start => "start",
    Tick => "tick",
    Settled => "settled",
    Ended => "ended",
    Overdue => "overdue",
    Cancel => "cancel",
    Look => "look",
    Idle => "idle",
    Say => "say",
    Plan => "plan",
    PauseOver => "pause_over",
    Configured => "configured",
    Standing => "standing",
});

impl Strategies {
    /// A host, not yet started, for every installed strategy.
    pub fn new(shared: &Shared, alerts: &Alerts, crashes: &Crashes) -> Self {
        let settings = shared.settings();
        let hosts = settings.strategies.keys().map(|id| (id.clone(), Seat::default()));
        Self {
            above: SupervisorHandle::new(),
            hosts: Arc::new(hosts.collect()),
            shared: shared.clone(),
            alerts: alerts.clone(),
            crashes: crashes.clone(),
        }
    }

    /// Looks out for crashes of hosts among the tree's events, so that a host that starts again knows that
    /// the one before it did not end in order. A kill, and trouble of the store, are none of a run's input.
    ///
    /// A host that is killed, given up or out of use takes its run along, whatever it itself still does.
    pub fn watch(&self, event: &Event) {
        let below = event.path.strip_prefix(PATH).and_then(|rest| rest.strip_prefix('/'));
        let name = below.and_then(|rest| rest.split_once('/')).map(|(_, id)| id);
        let Some(seat) = name.and_then(|name| self.seat(name)) else { return };
        match &event.what {
            What::Crashed(report) if is_crash(&report.exit) => seat.place.died(&report.cause),
            What::Killed { .. } | What::Abandoned => seat.place.fence_off(),
            What::Tripped { .. } | What::Isolated { .. } => {
                seat.place.fence_off();
                seat.interrupt();
            }
            _ => {}
        }
    }

    /// The row of the tree, with a row for each host below it.
    pub fn row(
        &self,
        shared: &Shared,
        gateway: &Gateway,
        alerts: &Alerts,
        pool: &pool::Pool,
        gate: &gate::Gate,
    ) -> ChildSpec {
        let mut spec =
            SupervisorSpec::new(Together::OneForOne, Intensity { max: 10, within: Duration::from_secs(60) });
        for (id, installed) in &shared.settings().strategies {
            if let Some(seat) = self.hosts.get(id) {
                spec = spec.with(self.host_row(id, installed, seat, shared, gateway, alerts, pool, gate));
            }
        }
        supervisor(
            "strategies",
            "one host for each strategy, the sole owner of its lifecycle",
            &self.above,
            spec,
        )
    }

    #[expect(clippy::too_many_arguments, reason = "what a host is made of")]
    fn host_row(
        &self,
        id: &StrategyId,
        installed: &Installed,
        seat: &Seat,
        shared: &Shared,
        gateway: &Gateway,
        alerts: &Alerts,
        pool: &pool::Pool,
        gate: &gate::Gate,
    ) -> ChildSpec {
        let host = Host {
            space: Space::default_owner(),
            id: id.clone(),
            installed: installed.clone(),
            shared: shared.clone(),
            gateway: gateway.clone(),
            alerts: alerts.clone(),
            pool: pool.clone(),
            gate: gate.clone(),
            above: self.above.clone(),
            crashes: self.crashes.clone(),
            place: seat.place.clone(),
        };
        // Each row of the same seat is made of the same parts.
        drop(seat.host.set(host.clone()));
        child(
            host.name(),
            "starts, journals and commits the runs of one strategy",
            Restart::Permanent,
            Duration::from_secs(10),
            &seat.handle,
            move || host.clone(),
        )
        .with_backoff(Backoff::between(Duration::from_millis(200), Duration::from_secs(60)))
        .with_budget(Budget { restarts: 10, block: 1 })
    }

    /// The names of all that are installed.
    pub fn ids(&self) -> impl Iterator<Item = &StrategyId> {
        self.hosts.keys()
    }

    fn seat(&self, id: &str) -> Option<&Seat> {
        self.hosts.iter().find(|(own, _)| own.as_str() == id).map(|(_, seat)| seat)
    }

    fn host(&self, id: &str) -> Option<&Handle<Msg>> {
        self.seat(id).map(|seat| &seat.handle)
    }

    /// Starts a run; the answer does not wait for its end.
    ///
    /// # Errors
    /// The inner error says what stands against it.
    pub async fn start(&self, id: &str, trigger: Trigger) -> Result<Result<RunId, NotStarted>, CallError> {
        let Some(host) = self.host(id) else { return Ok(Err(NotStarted::Unknown(id.to_owned()))) };
        host.call(|reply| Msg::Start { trigger, reply }, CALL_TIMEOUT).await
    }

    /// Hands over what may be due; returns when every tick that was is on record with what became of it,
    /// with the moment to look again.
    ///
    /// # Errors
    /// If the host did not answer; the ticks are then due again.
    pub async fn tick(&self, id: &StrategyId, order: TickOrder) -> Result<Option<Moment>, CallError> {
        let host = &self.hosts.get(id).ok_or(CallError::NotRunning)?.handle;
        host.call(|reply| Msg::Tick { order: Box::new(order), reply }, CALL_TIMEOUT).await
    }

    /// Starts the run that hears of a settled action, if none has: the run and the word that it was told
    /// are on record in one change, so that no crash loses or doubles it.
    ///
    /// # Errors
    /// The inner error says what stands against it; then it is still to be told.
    pub async fn settled(
        &self,
        _space: &Space,
        id: &StrategyId,
        action: &ActionId,
    ) -> Result<Result<RunId, NotStarted>, CallError> {
        let Some(host) = self.host(id.as_str()) else { return Ok(Err(NotStarted::Unknown(id.to_string()))) };
        let action = action.clone();
        host.call(|reply| Msg::Settled { action, reply }, CALL_TIMEOUT).await
    }

    /// Waits until no run of this strategy is under way, and gives the last one's record.
    ///
    /// # Errors
    /// If the host ended meanwhile, or `within` passed.
    pub async fn idle(&self, id: &str, within: Duration) -> Result<Option<RunRecord>, CallError> {
        let host = self.host(id).ok_or(CallError::NotRunning)?;
        host.call(|reply| Msg::Idle { reply }, within).await
    }

    /// Tells every host that the configuration was read again. One that is down reads it when it starts.
    pub fn configured(&self) {
        for host in self.hosts.values() {
            drop(host.handle.cast(Msg::Configured));
        }
    }

    /// How a strategy stands; `None` if it is not installed.
    ///
    /// # Errors
    /// If the host did not answer.
    pub async fn standing(&self, id: &str) -> Result<Option<Standing>, CallError> {
        let Some(host) = self.host(id) else { return Ok(None) };
        host.call(|reply| Msg::Standing { reply }, CALL_TIMEOUT).await.map(Some)
    }
}

/// Whether an end says something of the run that was under way: a kill does not, and neither does the store.
fn is_crash(exit: &Exit) -> bool {
    match exit {
        Exit::Panicked(_) => true,
        Exit::Failed(fault) => fault.cause == Cause::Bug,
        _ => false,
    }
}

/// Runs that fail in a row open a strategy's breaker: three, then 1 minute to 6 hours.
pub(crate) fn breaker_policy() -> mm_core::breaker::Policy {
    mm_core::breaker::Policy { failures: 3, ..mm_core::breaker::Policy::strategy() }
}

/// Tells a strategy's breaker how a run ended.
pub(crate) fn judge_run(
    breaker: &mut Breaker,
    outcome: Outcome,
    class: mm_core::error::ErrorClass,
    generation: u64,
    now: Moment,
) {
    match outcome {
        Outcome::Succeeded => breaker.on_success(generation, now),
        Outcome::Failed => {
            breaker.on_failure(&breaker_policy(), class, generation, now);
        }
        // It cost a thread: one more try may cost the process.
        Outcome::Stuck => {
            breaker.on_failure(&mm_core::breaker::Policy::strategy(), class, generation, now);
        }
        // Cut off from outside: it says nothing about the strategy.
        // A probe's turn is given back.
        Outcome::Interrupted | Outcome::Cancelled => {
            let unknown = mm_core::error::ErrorClass::Compliance;
            breaker.on_failure(&breaker_policy(), unknown, generation, now);
        }
    }
}
