//! The scheduler: the tick ledger, and the alarm clock for it.
//!
//! `core::schedule` says which ticks are due; a tick is on record, with the run it starts, before
//! that run begins. Woken up, the scheduler rereads what it looks after rather than trust the
//! timer: it sleeps at most [`SLEEP_MAX`], so that a suspended machine or a stepped clock is
//! noticed. A row that is missing although the strategy has ticks on record was deleted behind the
//! machine's back: it is made again, and the owner is told. A row that does not open makes its strategy
//! wait, no other. A last tick ahead of the clock is taken as now, or the strategy would be silent until then.
//!
//! It calls the strategies, the alerts and the store.

use std::collections::BTreeMap;
use std::time::Duration;

use mm_core::id::{Space, StrategyId};
use mm_core::moment::Moment;
use mm_core::schedule::{Missed, Tick, due};
use mm_store::ReadError;
use mm_supervision::{CallError, Component, Fault, Handle, Reply};

use crate::alerts::Alerts;
use crate::integrity;
use crate::message::kinds;
use crate::records::ScheduleRow;
use crate::shared::{CALL_TIMEOUT, Installed, Shared};
use crate::strategies::{Strategies, TickOrder};

/// No sleep is longer, whatever the next tick.
pub const SLEEP_MAX: Duration = Duration::from_secs(300);
/// A last tick so far ahead of the clock was written while the clock was wrong. Less is what time
/// servers put right, and passes by itself.
const AHEAD: Duration = Duration::from_secs(300);
/// A tick no older than this is on time.
const GRACE: Duration = Duration::from_secs(60);

/// The way to the scheduler.
#[derive(Clone, Default)]
pub struct Scheduler(Handle<Msg>);

/// What it is sent.
pub enum Msg {
    /// Look at the clock; from its own timer, or from whoever changed something.
    Wake {
        /// Which timer; an older one is ignored.
        timer: Option<u64>,
    },
    /// When each strategy is due next.
    Next {
        /// Where the answer goes.
        reply: Reply<BTreeMap<StrategyId, Option<Moment>>>,
    },
}

kinds!(Msg { Wake => "wake", Next => "next" });

impl Scheduler {
    /// The actor's own handle, for the tree.
    pub fn handle(&self) -> &Handle<Msg> {
        &self.0
    }

    /// Makes it look at the clock now.
    pub fn wake(&self) {
        // If it is not running, it looks when it starts.
        drop(self.0.cast(Msg::Wake { timer: None }));
    }

    /// When each strategy is due next.
    ///
    /// # Errors
    /// If the service did not answer.
    pub async fn next(&self) -> Result<BTreeMap<StrategyId, Option<Moment>>, CallError> {
        self.0.call(|reply| Msg::Next { reply }, CALL_TIMEOUT).await
    }
}

/// The service.
pub struct SchedulerService {
    /// What every service is handed.
    pub shared: Shared,
    /// Whose runs it starts.
    pub strategies: Strategies,
    /// Tell the owner.
    pub alerts: Alerts,
}

/// What it knows.
pub struct State {
    timer: u64,
    next: BTreeMap<StrategyId, Option<Moment>>,
}

impl Component for SchedulerService {
    type Msg = Msg;
    type State = State;

    async fn init(&self, me: Handle<Msg>) -> Result<State, Fault> {
        self.tell_integrity()?;
        let state = State { timer: 0, next: BTreeMap::new() };
        // The hosts start after the scheduler: the first look is a message, handled when all is up.
        drop(me.cast(Msg::Wake { timer: None }));
        Ok(state)
    }

    async fn handle(&self, me: &Handle<Msg>, msg: Msg, state: &mut State) -> Result<(), Fault> {
        match msg {
            Msg::Wake { timer } if timer.is_some_and(|timer| timer != state.timer) => {}
            Msg::Wake { .. } => {
                let soonest = self.look(state).await?;
                self.arm(me, state, soonest);
            }
            Msg::Next { reply } => {
                reply.send(state.next.clone());
            }
        }
        Ok(())
    }
}

impl SchedulerService {
    /// Writes down every tick that is due, and says how long nothing else is.
    async fn look(&self, state: &mut State) -> Result<Duration, Fault> {
        if !self.shared.settings().scheduling {
            return Ok(SLEEP_MAX);
        }
        let space = Space::default_owner();
        let mut soonest = SLEEP_MAX;
        for (id, installed) in &self.shared.settings().strategies {
            // Nothing is due while its section is wrong; once mended, what was missed is found then.
            if installed.mistake.is_some() {
                state.next.insert(id.clone(), None);
                continue;
            }
            let now = self.shared.now();
            let Some((order, ahead)) = self.order(&space, id, installed, now)? else { continue };
            let next = order.schedule.next;
            if !order.ticks.is_empty() || order.schedule_version.is_none() || ahead {
                match self.strategies.tick(id, order).await {
                    Ok(()) if !ahead => self.alerts.clear(&space, format!("clock/{id}")),
                    Ok(()) => {}
                    // The host starts after us, or is being restarted: due again at the next look.
                    Err(error) => {
                        tracing::debug!(strategy = %id, %error, "a tick waits for its host");
                        soonest = soonest.min(Duration::from_millis(100));
                        continue;
                    }
                }
            }
            if let Some(next) = next {
                soonest = soonest.min(next.since(now).max(Duration::from_millis(1)));
            }
            state.next.insert(id.clone(), next);
        }
        Ok(soonest)
    }

    /// Tells the owner what does not agree, and of what does so again. What puts a strategy aside is
    /// told by its host.
    fn tell_integrity(&self) -> Result<(), ReadError> {
        let found = integrity::schedules(&self.shared)?;
        let space = Space::default_owner();
        for about in integrity::open_alerts(&self.shared.store, &space)? {
            if !found.iter().any(|finding| finding.about == about) {
                self.alerts.clear(&space, about);
            }
        }
        for finding in found.into_iter().filter(|finding| !finding.stops) {
            self.alerts.raise(&finding.space, finding.about, finding.sentence);
        }
        Ok(())
    }

    /// What is due for one strategy at `now`, its schedule's row after that, and whether the last tick
    /// on record lies ahead of the clock. `None` if the schedule's row does not open: its host says so.
    fn order(
        &self,
        space: &Space,
        id: &StrategyId,
        installed: &Installed,
        now: Moment,
    ) -> Result<Option<(TickOrder, bool)>, ReadError> {
        let found = match integrity::read::<ScheduleRow>(&self.shared.store, space, id.as_str())? {
            Ok(found) => found,
            Err(why) => {
                tracing::debug!(strategy = %id, why, "its schedule does not open");
                return Ok(None);
            }
        };
        let schedule_version = found.as_ref().map(|row| row.version);
        let text = &installed.schedule_text;
        let (mut unlisted, mut ahead) = (None, false);
        let (ticks, last, next) = match found.map(|row| row.value) {
            // The first time: at once, so that a new machine has something to show.
            None => (vec![Tick { at: now, run: true }], Some(now), installed.schedule.next_after(now)),
            Some(row) if row.text != *text => {
                (vec![Tick { at: now, run: true }], Some(now), installed.schedule.next_after(now))
            }
            Some(row) if row.last.is_some_and(|last| last > now.plus(AHEAD)) => {
                self.tell_ahead(space, id, row.last, now);
                ahead = true;
                (Vec::new(), Some(now), installed.schedule.next_after(now))
            }
            Some(row) => {
                let last = row.last.unwrap_or(now);
                let due = due(&installed.schedule, last, now, Missed::Once, GRACE);
                let newest = due.ticks.last().map(|tick| tick.at);
                // More than one look lists: one row stands for the rest.
                let rest = due.unlisted_until.map(|at| Tick { at, run: false });
                unlisted = rest.map(|rest| rest.at);
                (rest.into_iter().chain(due.ticks).collect(), newest.or(row.last), due.next)
            }
        };
        let schedule = ScheduleRow { text: text.clone(), next, last };
        Ok(Some((TickOrder { ticks, unlisted, schedule, schedule_version }, ahead)))
    }

    fn tell_ahead(&self, space: &Space, id: &StrategyId, last: Option<Moment>, now: Moment) {
        let last = last.map(|at| at.to_string()).unwrap_or_default();
        let sentence = format!(
            "the last tick of `{id}` on record, {last}, lies ahead of the clock, {now}: the clock was ahead once, or \
             is behind now; the schedule goes on from now; look at the machine's clock"
        );
        self.alerts.raise(space, format!("clock/{id}"), sentence);
    }

    fn arm(&self, me: &Handle<Msg>, state: &mut State, wait: Duration) {
        if !self.shared.settings().scheduling {
            return;
        }
        state.timer += 1;
        let (me, timer) = (me.clone(), state.timer);
        tokio::spawn(async move {
            tokio::time::sleep(wait.min(SLEEP_MAX)).await;
            drop(me.cast(Msg::Wake { timer: Some(timer) }));
        });
    }
}
