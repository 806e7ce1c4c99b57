//! The scheduler: the tick ledger, and the alarm clock for it.
//!
//! `core::schedule` says what becomes of each tick, and a strategy's host puts that on record, with the run
//! it starts, before that run begins. Woken up, the scheduler rereads the task rather than trust the timer, and
//! all of them when somebody changed something, when the clock went back and every [`SLEEP_MAX`], so that a
//! suspended machine or a stepped clock is noticed. A row that is missing although the strategy has ticks on record was deleted behind the
//! machine's back: it is made again, and the owner is told. A row that does not open makes its strategy
//! wait, no other. A last tick ahead of the clock is taken as now, or the strategy would be silent until then.
//!
//! It calls the strategies, the alerts and the store.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use mm_core::id::{Space, StrategyId};
use mm_core::moment::Moment;
use mm_core::schedule::{Situation, look_at};
use mm_store::ReadError;
use mm_supervision::{CallError, Component, Fault, Handle, Reply};

use crate::alerts::Alerts;
use crate::integrity;
use crate::message::kinds;
use crate::shared::{CALL_TIMEOUT, Installed, Shared};
use crate::strategies::order::{self, Found};
use crate::strategies::{Strategies, TickOrder};

mod agenda;

use agenda::{Agenda, Looked};

/// No sleep is longer, whatever the next tick; then every task is looked at.
pub const SLEEP_MAX: Duration = Duration::from_secs(300);
/// So many tasks are looked at together.
const AT_ONCE: usize = 128;
/// A host that does not answer is asked again after so long.
const HOST_AGAIN: Duration = Duration::from_millis(100);

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
    agenda: Agenda,
}

impl Component for SchedulerService {
    type Msg = Msg;
    type State = State;

    async fn init(&self, me: Handle<Msg>) -> Result<State, Fault> {
        self.tell_integrity()?;
        let state = State { timer: 0, agenda: Agenda::new() };
        // The hosts start after the scheduler: the first look is a message, handled when all is up.
        drop(me.cast(Msg::Wake { timer: None }));
        Ok(state)
    }

    async fn handle(&self, me: &Handle<Msg>, msg: Msg, state: &mut State) -> Result<(), Fault> {
        match msg {
            Msg::Wake { timer } if timer.is_some_and(|timer| timer != state.timer) => {}
            Msg::Wake { timer } => {
                if timer.is_none() {
                    // Somebody changed something, and does not say what.
                    state.agenda.forget();
                }
                self.look(&mut state.agenda).await?;
                self.arm(me, state);
            }
            Msg::Next { reply } => {
                reply.send(state.agenda.next().clone());
            }
        }
        Ok(())
    }
}

impl SchedulerService {
    /// Has every tick that is due written down. Many at a time, so that one commit of the store takes
    /// many of them.
    async fn look(&self, agenda: &mut Agenda) -> Result<(), Fault> {
        let settings = self.shared.settings();
        if !settings.scheduling {
            return Ok(());
        }
        let due = agenda.due(self.shared.now(), SLEEP_MAX);
        let due: Vec<(&StrategyId, &Installed)> = match &due {
            None => settings.strategies.iter().collect(),
            Some(ids) => ids.iter().filter_map(|id| settings.strategies.get_key_value(id)).collect(),
        };
        let looks: Vec<_> = due.into_iter().map(|(id, installed)| self.task(id, installed)).collect();
        let mut looks = stream::iter(looks).buffer_unordered(AT_ONCE);
        while let Some(looked) = looks.next().await {
            agenda.note(looked?);
        }
        Ok(())
    }

    /// Looks at one task.
    async fn task(&self, id: &StrategyId, installed: &Installed) -> Result<Looked, Fault> {
        let (space, now) = (Space::default_owner(), self.shared.now());
        let looked = |next, look| Looked { id: id.clone(), next, look };
        // Nothing is due while its section is wrong; once mended, what was missed is found then.
        if installed.mistake.is_some() {
            return Ok(looked(Some(None), None));
        }
        let order = match order::find(&self.shared, &space, id, installed, now)? {
            Found::Task(order) => *order,
            Found::Cancelled { .. } => return Ok(looked(Some(None), None)),
            Found::Unread => return Ok(looked(None, None)),
        };
        let next = order.task.schedule.next_after(now);
        let ahead = order.ahead;
        if let Some(last) = ahead {
            self.tell_ahead(&space, id, last, now);
        }
        let look = look_at(&order.task, &situation(&order));
        if !order.at_once && !order.rewrite && look.is_none_or(|look| now < look) {
            return Ok(looked(Some(next), look));
        }
        match self.strategies.tick(id, order).await {
            Ok(look) => {
                if ahead.is_none() {
                    self.alerts.clear(&space, format!("clock/{id}"));
                }
                Ok(looked(Some(next), look))
            }
            // The host starts after us, or is being restarted: due again at the next look.
            Err(error) => {
                tracing::debug!(strategy = %id, %error, "a tick waits for its host");
                Ok(looked(None, Some(now.plus(HOST_AGAIN))))
            }
        }
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

    fn tell_ahead(&self, space: &Space, id: &StrategyId, last: Moment, now: Moment) {
        let sentence = format!(
            "the last tick of `{id}` on record, {last}, lies ahead of the clock, {now}: the clock was ahead once, or \
             is behind now; the schedule goes on from now; look at the machine's clock"
        );
        self.alerts.raise(space, format!("clock/{id}"), sentence);
    }

    fn arm(&self, me: &Handle<Msg>, state: &mut State) {
        if !self.shared.settings().scheduling {
            return;
        }
        state.timer += 1;
        let (me, timer) = (me.clone(), state.timer);
        let quiet = state.agenda.quiet(self.shared.now(), SLEEP_MAX);
        tokio::spawn(async move {
            tokio::time::sleep(quiet).await;
            drop(me.cast(Msg::Wake { timer: Some(timer) }));
        });
    }
}

/// As far as the scheduler knows it.
fn situation(order: &TickOrder) -> Situation {
    let TickOrder { last, now, owed, delay, .. } = *order;
    Situation { last, now, owed, delay, busy: None, hold: None, paused: None }
}
