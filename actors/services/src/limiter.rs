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
use mm_core::id::{PlatformId, Space};
use mm_core::limit::{Queue, Quota, QuotaState, decide_all};
use mm_core::moment::Moment;
use mm_store::{Change, CommitError};
use mm_supervision::{Component, Fault, Handle, Reply};
use tokio::task::JoinSet;

use crate::alerts::Alerts;
use crate::records::LastActRow;
use crate::shared::Shared;

mod held;
mod learning;
mod message;
mod pace;
mod retries;
mod room;
mod telling;
mod time;
mod waiting;

use held::{RowKey, Rows, key};
use message::WAIT_MOST;
pub use message::{Ask, Charge, Learnt, Limiter, Msg, NotNow, Spent, Standing};
use pace::Pace;
use time::{QuotaTime, Reading};
pub use waiting::Waiting;
use waiting::Wish;

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
        self.show_nearly_used(state);
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
