//! The limiter: no act without room in every quota, and every spend on record before it is used.
//!
//! `core::limit` decides; this actor holds the states, and is the only one that writes them. A
//! spend is decided in memory and written together with the action's intent, in one change: the
//! limiter hands changes to the store in the order it decided in, so that a later state can never
//! be overwritten by an earlier one. `leaky-bucket` only paces, so that a full quota is not spent
//! in one burst; it is asked by `try_acquire` alone and its state need not survive.
//!
//! Who finds no room waits here, in one fair queue (`waiting`), until there is some or its time is
//! over, and is told which. Of a quota that is nearly used the last share is kept for what matters more,
//! and the owner is told once (`telling`). What answers teach is taken in by `learning`.
//!
//! A restart finds the states as they were last written (`held`); one that does not open means that
//! nothing is spent of it. Those who waited learn that the answer was lost. Time is counted so that a
//! stepping clock refills nothing early (`time`), and what passed between two lives only once the clock is
//! trusted. It calls the alerts and the store.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::poll;
use mm_core::id::{AccountId, ActionId, PlatformId, Space};
use mm_core::limit::{Layer, Priority, Queue, Quota, QuotaState, Told, decide_all};
use mm_core::moment::Moment;
use mm_store::{Change, CommitError};
use mm_supervision::{CallError, Component, Fault, Handle, Reply};
use tokio::task::JoinSet;

use crate::alerts::Alerts;
use crate::message::kinds;
use crate::records::LastActRow;
use crate::shared::{CALL_TIMEOUT, Shared};

mod held;
mod learning;
mod pace;
mod retries;
mod room;
mod telling;
mod time;
mod waiting;

use held::{RowKey, Rows, key};
use pace::Pace;
use retries::Retries;
use time::{QuotaTime, Reading};
pub use waiting::Waiting;
use waiting::Wish;

/// The longest that anybody waits here, whatever he asked for.
const WAIT_MOST: Duration = Duration::from_secs(600);

/// The way to the limiter.
#[derive(Clone, Default)]
pub struct Limiter {
    handle: Handle<Msg>,
    retries: Retries,
}

/// What an act is charged to.
#[derive(Debug, Clone)]
pub struct Charge {
    /// The platform.
    pub platform: PlatformId,
    /// Who acts: a strategy's name, or `system.SERVICE`. Those of one priority take turns.
    pub strategy: String,
    /// Whose account, if one is used; cool-downs are shared by all that use it.
    pub account: Option<(Space, AccountId)>,
    /// The quotas it counts in.
    pub quotas: Vec<Quota>,
    /// The least pause since the last act at this platform.
    pub pause: Duration,
}

/// How somebody asks for room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// For which act.
    pub action: ActionId,
    /// How it stands to others who wait.
    pub priority: Priority,
    /// Until when it waits, at most.
    pub until: Moment,
}

/// Room was reserved; [`Limiter::commit`] makes it a spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// How long it was waited for.
    pub waited: Duration,
}

/// There is no room in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotNow {
    /// Which limit, in words.
    pub limit: String,
    /// When there would have been room, as far as it can be told; `None` if never.
    pub eta: Option<Moment>,
    /// In which layer.
    pub layer: Layer,
}

impl std::fmt::Display for NotNow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.eta {
            Some(at) => write!(f, "{} is used up until {at}", self.limit),
            None => write!(f, "{} allows nothing", self.limit),
        }
    }
}

/// What an answer taught of the platform's patience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learnt {
    /// What its headers said of limits.
    pub headers: Vec<Told>,
    /// Whether it says "too fast" (429, or what stands for it).
    pub limited: bool,
    /// Its `Retry-After`, whatever its status.
    pub retry_after: Option<Duration>,
    /// Whether it is a good answer: the next "too fast" is then the first again.
    pub good: bool,
}

/// How one quota stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The quota.
    pub quota: Quota,
    /// How many acts are left; none if its row is damaged.
    pub remaining: u32,
    /// When all of it is there again.
    pub whole_at: Moment,
}

/// What it is sent.
pub enum Msg {
    /// Reserve room for one act, or wait for it.
    Acquire {
        /// What is charged.
        charge: Box<Charge>,
        /// How it is asked for.
        ask: Ask,
        /// Where the answer goes.
        reply: Reply<Result<Spent, NotNow>>,
    },
    /// Write what a charge made of its quotas together with `change`.
    Commit {
        /// What was reserved.
        charge: Box<Charge>,
        /// The action's intent.
        change: Box<Change>,
        /// Where the answer goes.
        reply: Reply<Result<(), CommitError>>,
    },
    /// Take in what an answer taught.
    Learn {
        /// What had been charged.
        charge: Box<Charge>,
        /// What it taught.
        learnt: Learnt,
    },
    /// How these quotas stand.
    Standing {
        /// Which.
        quotas: Vec<Quota>,
        /// Where the answer goes.
        reply: Reply<Vec<Standing>>,
    },
    /// Who waits.
    Queue {
        /// Where the answer goes.
        reply: Reply<Vec<Waiting>>,
    },
    /// Look whether there is room now.
    Wake,
}

kinds!(Msg {
    Acquire => "acquire",
    Commit => "commit",
    Learn => "learn",
    Standing => "standing",
    Queue => "queue",
    Wake => "wake",
});

impl Limiter {
    /// The actor's own handle, for the tree.
    pub fn handle(&self) -> &Handle<Msg> {
        &self.handle
    }

    /// Reserves room for one act, waiting for it in a fair queue as long as `ask` says. What is not
    /// followed by [`Limiter::commit`] stays reserved until its window has passed: erring on the side
    /// of too few.
    ///
    /// # Errors
    /// The inner error names the limit without room, and when there would have been some.
    pub async fn acquire(&self, charge: &Charge, ask: Ask) -> Result<Result<Spent, NotNow>, CallError> {
        let charge = Box::new(charge.clone());
        self.handle.call(|reply| Msg::Acquire { charge, ask, reply }, WAIT_MOST + CALL_TIMEOUT).await
    }

    /// Whether another try at `platform` may be made: at most one in ten of its acts is one. It counts
    /// as one if so. `mono` is the monotonic clock.
    pub fn may_retry(&self, platform: &PlatformId, mono: Duration) -> bool {
        self.retries.may_retry(platform, mono)
    }

    /// Who waits, in the order in which they are looked at.
    ///
    /// # Errors
    /// If the service did not answer.
    pub async fn queue(&self) -> Result<Vec<Waiting>, CallError> {
        self.handle.call(|reply| Msg::Queue { reply }, CALL_TIMEOUT).await
    }

    /// Writes the spend and the intent, in one change. When this returns `Ok(Ok(()))` both survive
    /// a kill.
    ///
    /// # Errors
    /// The store's.
    pub async fn commit(
        &self,
        charge: &Charge,
        intent: Change,
    ) -> Result<Result<(), CommitError>, CallError> {
        let (charge, change) = (Box::new(charge.clone()), Box::new(intent));
        self.handle.call(|reply| Msg::Commit { charge, change, reply }, CALL_TIMEOUT).await
    }

    /// Tells what an answer taught.
    pub fn learn(&self, charge: &Charge, learnt: Learnt) {
        let msg = Msg::Learn { charge: Box::new(charge.clone()), learnt };
        if let Err(undelivered) = self.handle.cast(msg) {
            tracing::warn!(error = %undelivered, "the limiter missed what an answer taught");
        }
    }

    /// How these quotas stand.
    ///
    /// # Errors
    /// If the service did not answer.
    pub async fn standing(&self, quotas: Vec<Quota>) -> Result<Vec<Standing>, CallError> {
        self.handle.call(|reply| Msg::Standing { quotas, reply }, CALL_TIMEOUT).await
    }
}

/// The service.
#[derive(Clone)]
pub struct LimiterService {
    /// What every service is handed.
    pub shared: Shared,
    /// The way to itself, for what is shared with those who ask.
    pub limiter: Limiter,
    /// Tell the owner.
    pub alerts: Alerts,
}

/// What it knows.
#[derive(Default)]
pub struct State {
    time: QuotaTime,
    rows: Rows,
    /// One for each quota that is paced, and each platform that lives on it: whoever has a quota of his own
    /// is not slowed by others.
    paces: BTreeMap<(PlatformId, RowKey), Pace>,
    queue: Queue<Wish>,
    /// The quotas that the owner was told are nearly used.
    told: BTreeMap<RowKey, Quota>,
    /// The platforms that the owner was told are given up.
    given_up: BTreeSet<PlatformId>,
    alarm: waiting::Alarm,
    commits: JoinSet<()>,
}

/// The last act at a platform. Within one life its age is told by the monotonic clock alone.
struct LastAct {
    /// When, by the wall clock: what is stored.
    at: Moment,
    /// How old it was when the monotonic clock stood at `mono`.
    age: Duration,
    mono: Duration,
}

impl Component for LimiterService {
    type Msg = Msg;
    type State = State;

    async fn init(&self, _me: Handle<Msg>) -> Result<State, Fault> {
        self.forget_what_was_told();
        let rows = Rows::since(self.shared.clock.mono());
        Ok(State { rows, ..State::default() })
    }

    async fn handle(&self, me: &Handle<Msg>, msg: Msg, state: &mut State) -> Result<(), Fault> {
        while state.commits.try_join_next().is_some() {}
        let clock = &self.shared.clock;
        let now = state.time.read(clock.wall(), clock.mono(), self.shared.trust.wall());
        self.settle(state, now).await?;
        match msg {
            Msg::Acquire { charge, ask, reply } => self.come(state, *charge, ask, reply, now)?,
            Msg::Commit { charge, change, reply } => self.commit(state, &charge, *change, reply).await?,
            Msg::Learn { charge, learnt } => self.learn(state, &charge, learnt, now).await?,
            Msg::Standing { quotas, reply } => {
                let standing = self.standing(state, quotas, now)?;
                reply.send(standing);
            }
            Msg::Queue { reply } => {
                reply.send(state.waiting(now));
            }
            Msg::Wake => state.alarm.rang(),
        }
        self.serve(state, now)?;
        self.tell_what_is_whole(state, now);
        self.set_alarm(me, state, now);
        Ok(())
    }

    async fn stop(&self, mut state: State) {
        // What was handed to the store is answered before the mailbox is gone.
        while state.commits.join_next().await.is_some() {}
    }
}

impl LimiterService {
    /// The clock is trusted from now on: what passed before counts, and stands on record.
    async fn settle(&self, state: &mut State, now: Reading) -> Result<(), Fault> {
        let Some(change) = state.rows.settle(now)? else { return Ok(()) };
        self.hand_over(state, change, |_| {}).await;
        Ok(())
    }

    /// Spends one of every quota of a charge that has room, in memory.
    fn spend(&self, state: &mut State, charge: &Charge, now: Reading) -> Result<(), Fault> {
        let mut states = take(&mut state.rows.quotas, &charge.quotas);
        let mut charges: Vec<_> = charge.quotas.iter().zip(states.iter_mut()).collect();
        let decided = decide_all(&mut charges, now.quota);
        for (quota, mut held) in charge.quotas.iter().zip(states) {
            held.stored_at(now.quota, now.trusted);
            self.tell_if_nearly_used(&mut state.told, quota, &held, now);
            state.rows.quotas.insert(key(quota), held);
        }
        if decided.is_err() {
            return Err(Fault::bug("a quota that had room had none"));
        }
        let last = LastAct { at: now.wall, age: Duration::ZERO, mono: now.mono };
        state.rows.last.insert(charge.platform.clone(), last);
        self.limiter.retries.acted(&charge.platform, now.mono);
        Ok(())
    }

    async fn commit(
        &self,
        state: &mut State,
        charge: &Charge,
        change: Change,
        reply: Reply<Result<(), CommitError>>,
    ) -> Result<(), Fault> {
        let mut change = change;
        for quota in &charge.quotas {
            if let Some(held) = state.rows.quotas.get(&key(quota)) {
                change = change.put(&quota.space, &quota.key, held)?;
            }
        }
        if let Some(last) = state.rows.last.get(&charge.platform) {
            let row = LastActRow { at: last.at };
            change = change.put(&Space::machine(), charge.platform.as_str(), &row)?;
        }
        self.hand_over(state, change, |result| {
            reply.send(result);
        })
        .await;
        Ok(())
    }

    /// Hands a change to the store, which has it when this returns: the order of states in the store is
    /// the order of decisions.
    async fn hand_over(
        &self,
        state: &mut State,
        change: Change,
        then: impl FnOnce(Result<(), CommitError>) + Send + 'static,
    ) {
        let store = self.shared.store.clone();
        let mut commit = Box::pin(async move { store.commit(change).await.map(|_| ()) });
        match poll!(&mut commit) {
            std::task::Poll::Ready(result) => then(result),
            std::task::Poll::Pending => {
                state.commits.spawn(async move { then(commit.await) });
            }
        }
    }

    fn standing(&self, state: &mut State, quotas: Vec<Quota>, now: Reading) -> Result<Vec<Standing>, Fault> {
        let mut all = Vec::with_capacity(quotas.len());
        for quota in quotas {
            let damaged = state.rows.load_quota(&self.shared.store, &quota, now)?.is_some();
            let held = state.rows.quotas.get(&key(&quota)).cloned().unwrap_or_default();
            let remaining = if damaged { 0 } else { held.remaining(&quota, now.quota) };
            let whole_at = now.on_the_wall(held.whole_at(&quota, now.quota));
            all.push(Standing { quota, remaining, whole_at });
        }
        Ok(all)
    }
}

fn cool_down_key(charge: &Charge) -> RowKey {
    match &charge.account {
        Some((space, account)) => (space.clone(), format!("{}/{account}", charge.platform)),
        None => (Space::machine(), charge.platform.to_string()),
    }
}

/// Takes the states of `quotas` out of the map, in order.
fn take(held: &mut BTreeMap<RowKey, QuotaState>, quotas: &[Quota]) -> Vec<QuotaState> {
    quotas.iter().map(|quota| held.remove(&key(quota)).unwrap_or_default()).collect()
}
