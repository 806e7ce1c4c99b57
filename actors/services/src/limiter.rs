//! The limiter: no act without room in every quota, and every spend on record before it is used.
//!
//! `core::limit` decides; this actor holds the states, and is the only one that writes them. A
//! spend is decided in memory and written together with the action's intent, in one change: the
//! limiter hands changes to the store in the order it decided in, so that a later state can never
//! be overwritten by an earlier one. `leaky-bucket` only paces, so that a full quota is not spent
//! in one burst; it is asked by `try_acquire` alone and its state need not survive.
//!
//! A restart finds the states as they were last written; one that does not open means that nothing
//! is spent of it. Time is counted so that a stepping clock refills nothing early (`time`). It calls
//! nobody but the store.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use futures_util::poll;
use mm_core::id::{AccountId, ActionId, PlatformId, Space};
use mm_core::limit::{CoolDown, Layer, Learned, Priority, Quota, QuotaState, Spend, decide_all};
use mm_core::moment::Moment;
use mm_store::{Change, CommitError};
use mm_supervision::{CallError, Component, Fault, Handle, Reply};
use tokio::task::JoinSet;

use crate::damage;
use crate::message::kinds;
use crate::records::LastActRow;
use crate::shared::{CALL_TIMEOUT, Shared};

mod pace;
mod time;

use pace::Pace;
use time::{QuotaTime, Reading};

/// The way to the limiter.
#[derive(Clone, Default)]
pub struct Limiter(Handle<Msg>);

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Learnt {
    /// What its headers said is left.
    pub headers: Option<Learned>,
    /// Whether it says "too fast" (429, or what stands for it).
    pub limited: bool,
    /// Its `Retry-After`, whatever its status.
    pub retry_after: Option<Duration>,
    /// Whether it is a good answer: the next "too fast" is then the first again.
    pub good: bool,
}

/// Why there is no room now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Full {
    /// Which limit, in words.
    pub limit: String,
    /// When to come back, at the earliest; `None` if never.
    pub retry_at: Option<Moment>,
}

impl std::fmt::Display for Full {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.retry_at {
            Some(at) => write!(f, "{} is used up until {at}", self.limit),
            None => write!(f, "{} allows nothing", self.limit),
        }
    }
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
    /// Decide on a charge, in memory.
    Reserve {
        /// What is charged.
        charge: Box<Charge>,
        /// Where the answer goes.
        reply: Reply<Result<(), Full>>,
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
}

kinds!(Msg { Reserve => "reserve", Commit => "commit", Learn => "learn", Standing => "standing" });

impl Limiter {
    /// The actor's own handle, for the tree.
    pub fn handle(&self) -> &Handle<Msg> {
        &self.0
    }

    /// Reserves room for one act. What is not followed by [`Limiter::commit`] stays reserved until
    /// its window has passed: erring on the side of too few.
    ///
    /// # Errors
    /// The inner error names the limit that is full.
    pub async fn reserve(&self, charge: &Charge) -> Result<Result<(), Full>, CallError> {
        let charge = Box::new(charge.clone());
        self.0.call(|reply| Msg::Reserve { charge, reply }, CALL_TIMEOUT).await
    }

    /// Reserves room for one act, waiting for it in a fair queue as long as `ask` says.
    ///
    /// # Errors
    /// The inner error names the limit without room, and when there would have been some.
    pub async fn acquire(&self, charge: &Charge, ask: Ask) -> Result<Result<Spent, NotNow>, CallError> {
        drop(ask);
        let reserved = self.reserve(charge).await?;
        Ok(match reserved {
            Ok(()) => Ok(Spent { waited: Duration::ZERO }),
            Err(full) => Err(NotNow { limit: full.limit, eta: full.retry_at, layer: Layer::Platform }),
        })
    }

    /// Whether another try at `platform` may be made: at most one in ten of its acts is one.
    pub fn may_retry(&self, _platform: &PlatformId) -> bool {
        true
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
        self.0.call(|reply| Msg::Commit { charge, change, reply }, CALL_TIMEOUT).await
    }

    /// Tells what an answer taught.
    pub fn learn(&self, charge: &Charge, learnt: Learnt) {
        let msg = Msg::Learn { charge: Box::new(charge.clone()), learnt };
        if let Err(undelivered) = self.0.cast(msg) {
            tracing::warn!(error = %undelivered, "the limiter missed what an answer taught");
        }
    }

    /// How these quotas stand.
    ///
    /// # Errors
    /// If the service did not answer.
    pub async fn standing(&self, quotas: Vec<Quota>) -> Result<Vec<Standing>, CallError> {
        self.0.call(|reply| Msg::Standing { quotas, reply }, CALL_TIMEOUT).await
    }
}

/// The service.
pub struct LimiterService(pub Shared);

/// A quota's state is found by its space and key.
type QuotaKey = (Space, String);

/// What it knows.
#[derive(Default)]
pub struct State {
    time: QuotaTime,
    quotas: BTreeMap<QuotaKey, QuotaState>,
    cool_downs: BTreeMap<QuotaKey, CoolDown>,
    paces: BTreeMap<PlatformId, Pace>,
    last: BTreeMap<PlatformId, LastAct>,
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
        Ok(State::default())
    }

    async fn handle(&self, _me: &Handle<Msg>, msg: Msg, state: &mut State) -> Result<(), Fault> {
        while state.commits.try_join_next().is_some() {}
        let now = state.time.read(self.0.clock.wall(), self.0.clock.mono());
        match msg {
            Msg::Reserve { charge, reply } => {
                let answer = self.reserve(state, &charge, now)?;
                reply.send(answer);
            }
            Msg::Commit { charge, change, reply } => self.commit(state, &charge, *change, reply).await?,
            Msg::Learn { charge, learnt } => self.learn(state, &charge, learnt, now).await?,
            Msg::Standing { quotas, reply } => {
                let standing = self.standing(state, quotas, now)?;
                reply.send(standing);
            }
        }
        Ok(())
    }

    async fn stop(&self, mut state: State) {
        // What was handed to the store is answered before the mailbox is gone.
        while state.commits.join_next().await.is_some() {}
    }
}

impl LimiterService {
    fn reserve(&self, state: &mut State, charge: &Charge, now: Reading) -> Result<Result<(), Full>, Fault> {
        if let Some(row) = self.load(state, charge, now)? {
            let limit =
                format!("{row}, which is damaged (so nothing is spent until it is restored from a backup),");
            return Ok(Err(Full { limit, retry_at: None }));
        }
        if let Err(full) = state.room(charge, now) {
            // Others wait by the wall clock.
            return Ok(Err(Full { retry_at: full.retry_at.map(|at| now.on_the_wall(at)), ..full }));
        }
        let mut states = take(&mut state.quotas, &charge.quotas);
        let mut charges: Vec<_> = charge.quotas.iter().zip(states.iter_mut()).collect();
        let decided = decide_all(&mut charges, now.quota);
        for (quota, held) in charge.quotas.iter().zip(states) {
            state.quotas.insert(key(quota), held);
        }
        if decided.is_err() {
            return Err(Fault::bug("a quota that had room had none"));
        }
        let last = LastAct { at: now.wall, age: Duration::ZERO, mono: now.mono };
        state.last.insert(charge.platform.clone(), last);
        Ok(Ok(()))
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
            if let Some(held) = state.quotas.get(&key(quota)) {
                change = change.put(&quota.space, &quota.key, held)?;
            }
        }
        if let Some(last) = state.last.get(&charge.platform) {
            let row = LastActRow { at: last.at };
            change = change.put(&Space::machine(), charge.platform.as_str(), &row)?;
        }
        let store = self.0.store.clone();
        let mut commit = Box::pin(async move { store.commit(change).await.map(|_| ()) });
        // Polled once here, so that the store has it before the next message is handled: the order
        // of states in the store is the order of decisions.
        match poll!(&mut commit) {
            std::task::Poll::Ready(result) => {
                reply.send(result);
            }
            std::task::Poll::Pending => {
                state.commits.spawn(async move {
                    reply.send(commit.await);
                });
            }
        }
        Ok(())
    }

    async fn learn(
        &self,
        state: &mut State,
        charge: &Charge,
        learnt: Learnt,
        now: Reading,
    ) -> Result<(), Fault> {
        if self.load(state, charge, now)?.is_some() {
            // Nothing is spent of it, so there is nothing to learn.
            return Ok(());
        }
        let mut change = self.0.trust.unsaved().unwrap_or_default();
        if let Some(headers) = learnt.headers {
            // The platform's own count concerns what is closest to it: the first of its quotas.
            if let Some(quota) = charge.quotas.iter().find(|quota| quota.platform.is_some()) {
                let held = state.quotas.entry(key(quota)).or_default();
                let headers = Learned { reset_at: now.off_the_wall(headers.reset_at), ..headers };
                held.learn(quota, headers, now.quota);
                change = change.put(&quota.space, &quota.key, held)?;
            }
        }
        let (space, id) = cool_down_key(charge);
        let cool_down = state.cool_downs.entry((space.clone(), id.clone())).or_default();
        let before = *cool_down;
        if learnt.limited {
            let until = now.on_the_wall(cool_down.on_limited(learnt.retry_after, now.quota));
            tracing::warn!(platform = %charge.platform, %until, "the platform asked for a pause");
        } else if let Some(wait) = learnt.retry_after {
            cool_down.on_retry_after(wait, now.quota);
        }
        if learnt.good {
            cool_down.on_success(now.quota);
        }
        if !cool_down.says_what(&before) {
            change = change.put(&space, &id, cool_down)?;
        }
        if !change.is_empty() {
            self.0.store.commit(change).await?;
        }
        Ok(())
    }

    fn standing(&self, state: &mut State, quotas: Vec<Quota>, now: Reading) -> Result<Vec<Standing>, Fault> {
        let mut all = Vec::with_capacity(quotas.len());
        for quota in quotas {
            let damaged = self.load_quota(state, &quota)?.is_some();
            let held = state.quotas.entry(key(&quota)).or_default();
            let remaining = if damaged { 0 } else { held.remaining(&quota, now.quota) };
            let whole_at = now.on_the_wall(held.whole_at(&quota, now.quota));
            if damaged {
                state.quotas.remove(&key(&quota));
            }
            all.push(Standing { quota, remaining, whole_at });
        }
        Ok(all)
    }

    /// Loads all that a charge is decided by; names the row that is damaged, if one is.
    fn load(&self, state: &mut State, charge: &Charge, now: Reading) -> Result<Option<String>, Fault> {
        for quota in &charge.quotas {
            if let Some(damaged) = self.load_quota(state, quota)? {
                return Ok(Some(damaged));
            }
        }
        let (space, id) = cool_down_key(charge);
        if let Entry::Vacant(empty) = state.cool_downs.entry((space.clone(), id.clone())) {
            match self.0.store.get::<CoolDown>(&space, &id) {
                Ok(row) => empty.insert(row.map(|row| row.value).unwrap_or_default()),
                Err(error) => return damage::of_one_row(error).map(Some),
            };
        }
        if !state.last.contains_key(&charge.platform) {
            match self.0.store.get::<LastActRow>(&Space::machine(), charge.platform.as_str()) {
                Ok(None) => {}
                Ok(Some(row)) => {
                    // By a wall clock that went back no time has passed.
                    let (at, age) = (row.value.at, now.wall.since(row.value.at));
                    state.last.insert(charge.platform.clone(), LastAct { at, age, mono: now.mono });
                }
                Err(error) => return damage::of_one_row(error).map(Some),
            }
        }
        Ok(None)
    }

    fn load_quota(&self, state: &mut State, quota: &Quota) -> Result<Option<String>, Fault> {
        if let Entry::Vacant(empty) = state.quotas.entry(key(quota)) {
            match self.0.store.get::<QuotaState>(&quota.space, &quota.key) {
                Ok(row) => empty.insert(row.map(|row| row.value).unwrap_or_default()),
                Err(error) => return damage::of_one_row(error).map(Some),
            };
        }
        Ok(None)
    }
}

impl State {
    /// Whether there is room for one act, whose states are loaded. Spends nothing but its turn in the
    /// pace. The time to come back at is quota time.
    fn room(&mut self, charge: &Charge, now: Reading) -> Result<(), Full> {
        let full = |limit: String, retry_at| Err(Full { limit, retry_at });
        let cool_down = self.cool_downs.get(&cool_down_key(charge));
        if let Some(until) = cool_down.and_then(|cool_down| cool_down.until(now.quota)) {
            return full(
                format!("the patience of {}, which asked to be left alone,", charge.platform),
                Some(until),
            );
        }
        if let Some(last) = self.last.get(&charge.platform) {
            let left = charge.pause.saturating_sub(now.mono.saturating_sub(last.mono) + last.age);
            if !left.is_zero() {
                let limit = format!("the pause of {} ms at {}", charge.pause.as_millis(), charge.platform);
                // To the next whole millisecond, so that it is over when it is said to be.
                return full(limit, Some(now.quota.plus(left + Duration::from_micros(999))));
            }
        }
        // Before the pace: what is used up for the day is not worth waiting a minute for.
        for quota in &charge.quotas {
            let held = self.quotas.entry(key(quota)).or_default();
            if let Spend::Full { retry_at, .. } = held.room(quota, now.quota) {
                return full(format!("the limit of {quota}"), retry_at);
            }
        }
        match self.pace(charge) {
            Some(wait) => full(format!("the pace at {}", charge.platform), Some(now.quota.plus(wait))),
            None => Ok(()),
        }
    }

    /// How long to wait for the next drop, if there is none now.
    fn pace(&mut self, charge: &Charge) -> Option<Duration> {
        let rate = Pace::rate_of(&charge.quotas)?;
        self.paces.entry(charge.platform.clone()).or_insert_with(|| Pace::of(rate)).wait(rate)
    }
}

fn key(quota: &Quota) -> QuotaKey {
    (quota.space.clone(), quota.key.clone())
}

fn cool_down_key(charge: &Charge) -> QuotaKey {
    match &charge.account {
        Some((space, account)) => (space.clone(), format!("{}/{account}", charge.platform)),
        None => (Space::machine(), charge.platform.to_string()),
    }
}

/// Takes the states of `quotas` out of the map, in order.
fn take(held: &mut BTreeMap<QuotaKey, QuotaState>, quotas: &[Quota]) -> Vec<QuotaState> {
    quotas.iter().map(|quota| held.remove(&key(quota)).unwrap_or_default()).collect()
}
