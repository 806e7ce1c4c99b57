//! The limiter: no act without room in every quota, and every spend on record before it is used.
//!
//! `core::limit` decides; this actor holds the states, and is the only one that writes them. A
//! spend is decided in memory and written together with the action's intent, in one change: the
//! limiter hands changes to the store in the order it decided in, so that a later state can never
//! be overwritten by an earlier one. `leaky-bucket` only paces, so that a full quota is not spent
//! in one burst; it is asked by `try_acquire` alone and its state need not survive.
//!
//! A restart finds the states as they were last written. It calls nobody but the store.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use futures_util::poll;
use leaky_bucket::RateLimiter;
use mm_core::id::{AccountId, PlatformId, Space};
use mm_core::limit::{CoolDown, Learned, Quota, QuotaState, Spend, decide_all};
use mm_core::moment::Moment;
use mm_store::{Change, CommitError};
use mm_supervision::{CallError, Component, Fault, Handle, Reply};
use tokio::task::JoinSet;

use crate::message::kinds;
use crate::shared::{CALL_TIMEOUT, Shared};

/// The way to the limiter.
#[derive(Clone, Default)]
pub struct Limiter(Handle<Msg>);

/// What an act is charged to.
#[derive(Debug, Clone)]
pub struct Charge {
    /// The platform.
    pub platform: PlatformId,
    /// Whose account, if one is used; cool-downs are shared by all that use it.
    pub account: Option<(Space, AccountId)>,
    /// The quotas it counts in.
    pub quotas: Vec<Quota>,
    /// The least pause since the last act at this platform.
    pub pause: Duration,
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
    /// How many acts are left.
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
    /// Write the states of these quotas together with `change`.
    Commit {
        /// The quotas that were reserved.
        quotas: Vec<Quota>,
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
        let (quotas, change) = (charge.quotas.clone(), Box::new(intent));
        self.0.call(|reply| Msg::Commit { quotas, change, reply }, CALL_TIMEOUT).await
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
pub struct State {
    quotas: BTreeMap<QuotaKey, QuotaState>,
    cool_downs: BTreeMap<QuotaKey, CoolDown>,
    paces: BTreeMap<PlatformId, Pace>,
    last: BTreeMap<PlatformId, Moment>,
    commits: JoinSet<()>,
}

/// A leaky bucket, and the rate it was built for.
struct Pace {
    rate: (u32, u64),
    bucket: RateLimiter,
}

impl Component for LimiterService {
    type Msg = Msg;
    type State = State;

    async fn init(&self, _me: Handle<Msg>) -> Result<State, Fault> {
        Ok(State {
            quotas: BTreeMap::new(),
            cool_downs: BTreeMap::new(),
            paces: BTreeMap::new(),
            last: BTreeMap::new(),
            commits: JoinSet::new(),
        })
    }

    async fn handle(&self, _me: &Handle<Msg>, msg: Msg, state: &mut State) -> Result<(), Fault> {
        while state.commits.try_join_next().is_some() {}
        match msg {
            Msg::Reserve { charge, reply } => {
                let answer = self.reserve(state, &charge)?;
                reply.send(answer);
            }
            Msg::Commit { quotas, change, reply } => self.commit(state, &quotas, *change, reply).await?,
            Msg::Learn { charge, learnt } => self.learn(state, &charge, learnt).await?,
            Msg::Standing { quotas, reply } => {
                let standing = self.standing(state, quotas)?;
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
    fn reserve(&self, state: &mut State, charge: &Charge) -> Result<Result<(), Full>, Fault> {
        let now = self.0.now();
        self.load(state, &charge.quotas)?;
        if let Some(until) = self.cool_down(state, charge)?.until(now) {
            let limit = format!("{} asked to be left alone and", charge.platform);
            return Ok(Err(Full { limit, retry_at: Some(until) }));
        }
        if let Some(last) = state.last.get(&charge.platform) {
            let free = last.plus(charge.pause);
            if free > now && now >= *last {
                let limit = format!("the pause of {} ms at {}", charge.pause.as_millis(), charge.platform);
                return Ok(Err(Full { limit, retry_at: Some(free) }));
            }
        }
        // Before the pace: what is used up for the day is not worth waiting a minute for.
        for quota in &charge.quotas {
            if let Spend::Full { retry_at, .. } = state.quotas.entry(key(quota)).or_default().room(quota, now)
            {
                return Ok(Err(Full { limit: format!("the limit of {quota}"), retry_at }));
            }
        }
        if let Some(wait) = state.pace(charge) {
            let limit = format!("the pace at {}", charge.platform);
            return Ok(Err(Full { limit, retry_at: Some(now.plus(wait)) }));
        }
        let mut states = take(&mut state.quotas, &charge.quotas);
        let mut charges: Vec<_> = charge.quotas.iter().zip(states.iter_mut()).collect();
        let decided = decide_all(&mut charges, now);
        for (quota, held) in charge.quotas.iter().zip(states) {
            state.quotas.insert(key(quota), held);
        }
        if decided.is_err() {
            return Err(Fault::bug("a quota that had room had none"));
        }
        state.last.insert(charge.platform.clone(), now);
        Ok(Ok(()))
    }

    async fn commit(
        &self,
        state: &mut State,
        quotas: &[Quota],
        change: Change,
        reply: Reply<Result<(), CommitError>>,
    ) -> Result<(), Fault> {
        let mut change = change;
        for quota in quotas {
            if let Some(held) = state.quotas.get(&key(quota)) {
                change = change.put(&quota.space, &quota.key, held)?;
            }
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
    ) -> Result<(), Fault> {
        let now = self.0.now();
        self.load(state, &charge.quotas)?;
        let mut change = Change::new();
        if let Some(learned) = learnt.headers {
            // The platform's own count concerns what is closest to it: the first of its quotas.
            if let Some(quota) = charge.quotas.iter().find(|quota| quota.platform.is_some()) {
                let held = state.quotas.entry(key(quota)).or_default();
                held.learn(quota, learned, now);
                change = change.put(&quota.space, &quota.key, held)?;
            }
        }
        let (space, id) = cool_down_key(charge);
        let cool_down = self.cool_down(state, charge)?;
        let before = *cool_down;
        if learnt.limited {
            let until = cool_down.on_limited(learnt.retry_after, now);
            tracing::warn!(platform = %charge.platform, %until, "the platform asked for a pause");
        } else if let Some(wait) = learnt.retry_after {
            cool_down.on_retry_after(wait, now);
        }
        if learnt.good {
            cool_down.on_success(now);
        }
        if *cool_down != before {
            change = change.put(&space, &id, cool_down)?;
        }
        if !change.is_empty() {
            self.0.store.commit(change).await?;
        }
        Ok(())
    }

    fn standing(&self, state: &mut State, quotas: Vec<Quota>) -> Result<Vec<Standing>, Fault> {
        let now = self.0.now();
        self.load(state, &quotas)?;
        Ok(quotas
            .into_iter()
            .map(|quota| {
                let held = state.quotas.entry(key(&quota)).or_default();
                let (remaining, whole_at) = (held.remaining(&quota, now), held.whole_at(&quota, now));
                Standing { quota, remaining, whole_at }
            })
            .collect())
    }

    fn load(&self, state: &mut State, quotas: &[Quota]) -> Result<(), Fault> {
        for quota in quotas {
            if let Entry::Vacant(empty) = state.quotas.entry(key(quota)) {
                let row = self.0.store.get::<QuotaState>(&quota.space, &quota.key)?;
                empty.insert(row.map(|row| row.value).unwrap_or_default());
            }
        }
        Ok(())
    }

    fn cool_down<'a>(&self, state: &'a mut State, charge: &Charge) -> Result<&'a mut CoolDown, Fault> {
        let key = cool_down_key(charge);
        if !state.cool_downs.contains_key(&key) {
            let row = self.0.store.get::<CoolDown>(&key.0, &key.1)?;
            state.cool_downs.insert(key.clone(), row.map(|row| row.value).unwrap_or_default());
        }
        Ok(state.cool_downs.entry(key).or_default())
    }
}

impl State {
    /// How long to wait for the next drop, if there is none now.
    fn pace(&mut self, charge: &Charge) -> Option<Duration> {
        let quota = charge.quotas.iter().filter(|quota| quota.max > 0).min_by_key(|quota| quota.per_ms)?;
        let rate = (quota.max, quota.per_ms);
        let pace = self.paces.entry(charge.platform.clone()).or_insert_with(|| Pace::of(rate));
        if pace.rate != rate {
            *pace = Pace::of(rate);
        }
        (!pace.bucket.try_acquire(1)).then(|| pace.bucket.interval())
    }
}

impl Pace {
    /// A tenth of the quota may go at once (but ten at least); the rest follows evenly.
    fn of(rate: (u32, u64)) -> Self {
        let (max, per_ms) = rate;
        let burst = (max / 10).max(10).min(max) as usize;
        // The even share of one tick; ticks are at least 10 ms, so that large quotas do not spin.
        let tick_ms = (per_ms / u64::from(max)).clamp(10, 60_000);
        let refill =
            usize::try_from(u64::from(max).saturating_mul(tick_ms).div_ceil(per_ms)).unwrap_or(1).max(1);
        let bucket = RateLimiter::builder()
            .max(burst.max(refill))
            .initial(burst)
            .refill(refill)
            .interval(Duration::from_millis(tick_ms))
            .build();
        Self { rate, bucket }
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
