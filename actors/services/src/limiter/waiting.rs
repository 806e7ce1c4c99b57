//! Those who wait for room: come, are served in a fair order, expire, and are shown with an estimate.

use std::collections::BTreeMap;
use std::time::Duration;

use mm_core::id::{ActionId, PlatformId};
use mm_core::limit::{Layer, Priority, Quota, Waiter};
use mm_core::moment::Moment;
use mm_supervision::{Fault, Handle, Reply};
use tokio::task::JoinSet;

use super::room::Blocked;
use super::time::Reading;
use super::{Ask, Charge, LimiterService, Msg, NotNow, RowKey, Spent, State, WAIT_MOST, cool_down_key, key};

/// So many may wait at once; who comes then is told so at once.
const WAITING_MAX: usize = 1_000;

/// No single limit is waited for longer than this: who would have to is told when to come back.
const PATIENCE: Duration = Duration::from_secs(60);

/// One who waits for room.
pub(super) struct Wish {
    charge: Charge,
    action: ActionId,
    /// The monotonic clock when it came.
    since: Duration,
    /// What stood in its way when it was looked at last.
    blocked: Option<Blocked>,
    reply: Reply<Result<Spent, NotNow>>,
}

/// One who waits, to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The act.
    pub action: ActionId,
    /// Who acts.
    pub strategy: String,
    /// Where.
    pub platform: PlatformId,
    /// How urgent it is.
    pub priority: Priority,
    /// Until when it waits.
    pub until: Moment,
    /// Which limit stands in its way, in words.
    pub limit: String,
    /// In which layer.
    pub layer: Layer,
    /// When it comes, as far as can be told; `None` if never.
    pub eta: Option<Moment>,
}

/// The timer to the next moment at which something may have changed.
#[derive(Default)]
pub(super) struct Alarm {
    at: Option<Moment>,
    task: JoinSet<()>,
}

impl Alarm {
    /// It rang: there is none now.
    pub(super) fn rang(&mut self) {
        self.at = None;
    }
}

impl LimiterService {
    /// Somebody comes. He is served, or told, in the same turn if that can be.
    pub(super) fn come(
        &self,
        state: &mut State,
        charge: Charge,
        ask: Ask,
        reply: Reply<Result<Spent, NotNow>>,
        now: Reading,
    ) -> Result<(), Fault> {
        let refused = |limit: String, layer| Err(NotNow { limit, eta: None, layer });
        if let Some(row) = state.rows.load(&self.shared.store, &charge, now)? {
            let limit =
                format!("{row}, which is damaged (so nothing is spent until it is restored from a backup),");
            reply.send(refused(limit, Layer::Machine));
            return Ok(());
        }
        if state.queue.len() >= WAITING_MAX {
            reply.send(refused(format!("the queue, in which {WAITING_MAX} wait,"), Layer::Queue));
            return Ok(());
        }
        let until = ask.until.min(now.wall.plus(WAIT_MOST));
        let owner = charge.strategy.clone();
        let wish = Wish { charge, action: ask.action, since: now.mono, blocked: None, reply };
        state.queue.push(Waiter::new(owner, ask.priority, until, wish));
        Ok(())
    }

    /// Serves all for whom there is room, in their order, and tells those for whom there will be none in time.
    pub(super) fn serve(&self, state: &mut State, now: Reading) -> Result<(), Fault> {
        if state.queue.is_empty() {
            return Ok(());
        }
        // Nobody is left to tell.
        state.queue.take(|waiter| waiter.what.reply.is_closed());
        loop {
            let mut queue = std::mem::take(&mut state.queue);
            let served = queue.next(|waiter| {
                waiter.what.blocked = state.room(&waiter.what.charge, waiter.priority, now).err();
                waiter.what.blocked.is_none()
            });
            state.queue = queue;
            let Some(Waiter { what: wish, .. }) = served else { break };
            self.spend(state, &wish.charge, now)?;
            wish.reply.send(Ok(Spent { waited: now.mono.saturating_sub(wish.since) }));
        }
        let hopeless = |waiter: &mut Waiter<Wish>| {
            let at = waiter.what.blocked.as_ref().and_then(|blocked| blocked.at);
            let in_time = |at: Moment| now.on_the_wall(at) < waiter.until && at.since(now.quota) <= PATIENCE;
            now.wall >= waiter.until || !at.is_some_and(in_time)
        };
        for Waiter { what: wish, .. } in state.queue.take(hopeless) {
            let Some(Blocked { limit, layer, at }) = wish.blocked else { continue };
            let eta = at.map(|at| now.on_the_wall(at));
            wish.reply.send(Err(NotNow { limit, eta, layer }));
        }
        Ok(())
    }

    /// Sets the timer to when somebody may be served or expires, or a quota is whole enough again.
    pub(super) fn set_alarm(&self, me: &Handle<Msg>, state: &mut State, now: Reading) {
        let waiters = state.queue.in_order().into_iter().flat_map(|waiter| {
            let at = waiter.what.blocked.as_ref().and_then(|blocked| blocked.at);
            [Some(waiter.until), at.map(|at| now.on_the_wall(at))]
        });
        let next = waiters.flatten().chain(state.whole_enough_at(now)).min();
        if next == state.alarm.at {
            return;
        }
        state.alarm.at = next;
        state.alarm.task = JoinSet::new();
        let Some(at) = next else { return };
        // A millisecond more than asked: a limit is free *after* its window.
        let (wait, me) = (at.since(now.wall) + Duration::from_millis(1), me.clone());
        state.alarm.task.spawn(async move {
            tokio::time::sleep(wait).await;
            drop(me.cast(Msg::Wake));
        });
    }
}

impl State {
    /// All who wait, with when each comes if those before it come as soon as they may.
    pub(super) fn waiting(&self, now: Reading) -> Vec<Waiting> {
        let (mut ahead, mut at_platform) = (BTreeMap::new(), BTreeMap::new());
        let all = self.queue.in_order().into_iter().map(|waiter| {
            let charge = &waiter.what.charge;
            let before = at_platform.entry(charge.platform.clone()).or_insert(0u32);
            let eta = self.eta(charge, waiter.priority, *before, &ahead, now);
            *before += 1;
            for quota in &charge.quotas {
                *ahead.entry(key(quota)).or_insert(0) += 1;
            }
            let blocked = waiter.what.blocked.as_ref();
            Waiting {
                action: waiter.what.action.clone(),
                strategy: waiter.owner.clone(),
                platform: charge.platform.clone(),
                priority: waiter.priority,
                until: waiter.until,
                limit: blocked.map(|blocked| blocked.limit.clone()).unwrap_or_default(),
                layer: blocked.map_or(Layer::Queue, |blocked| blocked.layer),
                eta: eta.map(|eta| now.on_the_wall(eta)),
            }
        });
        all.collect()
    }

    /// When a charge comes, with so many before it at its platform and in each quota; in quota time.
    fn eta(
        &self,
        charge: &Charge,
        priority: Priority,
        before: u32,
        ahead: &BTreeMap<RowKey, u32>,
        now: Reading,
    ) -> Option<Moment> {
        let of_quota = |quota: &Quota| {
            let ahead = ahead.get(&key(quota)).copied().unwrap_or(0);
            match self.rows.quotas.get(&key(quota)) {
                Some(held) => held.comes_at(quota, priority, ahead, now.quota),
                None => Some(now.quota),
            }
        };
        let pause = self.pause_left(charge, now).unwrap_or_default() + charge.pause.saturating_mul(before);
        let cool_down = self.rows.cool_downs.get(&cool_down_key(charge));
        let cool = cool_down.and_then(|cool_down| cool_down.until(now.quota)).unwrap_or(now.quota);
        let first = cool.max(now.quota.plus(pause));
        charge.quotas.iter().try_fold(first, |eta, quota| Some(eta.max(of_quota(quota)?)))
    }
}
