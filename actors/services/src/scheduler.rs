//! The scheduler: the tick ledger, and the alarm clock for it.
//!
//! `core::schedule` says what becomes of each tick, and a strategy's host puts that on record, with the run
//! it starts, before that run begins. Woken up, the scheduler rereads what it looks after rather than trust the
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
use mm_core::schedule::{Situation, look_at};
use mm_store::ReadError;
use mm_supervision::{CallError, Component, Fault, Handle, Reply};

use crate::alerts::Alerts;
use crate::integrity;
use crate::message::kinds;
use crate::records::{ScheduleRow, TaskRow};
use crate::shared::{CALL_TIMEOUT, Installed, Shared};
use crate::strategies::{Strategies, TickOrder};

/// No sleep is longer, whatever the next tick.
pub const SLEEP_MAX: Duration = Duration::from_secs(300);
/// A last tick so far ahead of the clock was written while the clock was wrong. Less is what time
/// servers put right, and passes by itself.
const AHEAD: Duration = Duration::from_secs(300);

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
    /// Has every tick that is due written down, and says how long nothing else is.
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
            let Some(order) = self.order(&space, id, installed, now)? else { continue };
            let next = order.task.schedule.next_after(now);
            let ahead = order.rewrite;
            let mut look = look_at(&order.task, &situation(&order));
            if order.at_once || ahead || look.is_some_and(|look| look <= now) {
                look = match self.strategies.tick(id, order).await {
                    Ok(look) => look,
                    // The host starts after us, or is being restarted: due again at the next look.
                    Err(error) => {
                        tracing::debug!(strategy = %id, %error, "a tick waits for its host");
                        soonest = soonest.min(Duration::from_millis(100));
                        continue;
                    }
                };
                if !ahead {
                    self.alerts.clear(&space, format!("clock/{id}"));
                }
            }
            if let Some(look) = look {
                soonest = soonest.min(look.since(now).max(Duration::from_millis(1)));
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

    /// What is known of one strategy's task at `now`. `None` if a row of it does not open: its host says so.
    fn order(
        &self,
        space: &Space,
        id: &StrategyId,
        installed: &Installed,
        now: Moment,
    ) -> Result<Option<TickOrder>, ReadError> {
        let store = &self.shared.store;
        let rows = (
            integrity::read::<ScheduleRow>(store, space, id.as_str())?,
            integrity::read::<TaskRow>(store, space, id.as_str())?,
        );
        let (found, set) = match rows {
            (Ok(found), Ok(set)) => (found, set),
            (Err(why), _) | (_, Err(why)) => {
                tracing::debug!(strategy = %id, why, "its schedule does not open");
                return Ok(None);
            }
        };
        let (task, text) = match set {
            Some(row) => (row.value.task.clone(), row.value.task.schedule.expression().to_owned()),
            None => (installed.task.clone(), installed.schedule_text.clone()),
        };
        let schedule_version = found.as_ref().map(|row| row.version);
        let delay = task.delay(&self.installation()?, id.as_str());
        let fresh = TickOrder {
            task,
            text,
            at_once: false,
            rewrite: false,
            last: now,
            now,
            owed: None,
            delay,
            schedule_version,
        };
        Ok(Some(match found.map(|row| row.value) {
            // The first time: at once, so that a new machine has something to show.
            None => TickOrder { at_once: true, ..fresh },
            Some(row) if row.text != fresh.text => TickOrder { at_once: true, ..fresh },
            Some(row) if row.last.is_some_and(|last| last > now.plus(AHEAD)) => {
                self.tell_ahead(space, id, row.last, now);
                TickOrder { rewrite: true, ..fresh }
            }
            Some(row) => TickOrder { last: row.last.unwrap_or(now), owed: row.owed, ..fresh },
        }))
    }

    /// What tells this installation from others: how its audit trail begins.
    fn installation(&self) -> Result<String, ReadError> {
        let first = self.shared.store.audit_hashes(&[1])?.into_iter().next().flatten();
        Ok(first.map(|hash| hash.to_string()).unwrap_or_default())
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

/// As far as the scheduler knows it.
fn situation(order: &TickOrder) -> Situation {
    let TickOrder { last, now, owed, delay, .. } = *order;
    Situation { last, now, owed, delay, busy: None, hold: None }
}
