//! The host of one strategy: an actor round the life of its runs.
//!
//! How runs begin and end stands in `starting` and `ending`, what is committed in `commit`. Rows that
//! do not open put the strategy aside (`mending`); a store that fails ends the host.

use mm_core::breaker::{Admit, State as At};
use mm_core::id::Space;
use mm_core::run::Trigger;
use mm_sdk::{About, Guide, Payout};
use mm_store::{Change, CommitError, Key, NewEntry};
use mm_supervision::{Component, Fault, Handle};
use serde_json::json;
use std::time::Duration;

use super::gate::Pass;
use super::pausing::DOUBT_AGAIN;
use super::starting::by_person;
use super::state::{Host, State};
use super::{Msg, NotStarted, Standing, Word, breaker_policy};
use crate::records::{Pause, StrategyRow};
use crate::{budgets, integrity};

impl Component for Host {
    type Msg = Msg;
    type State = State;

    async fn init(&self, me: Handle<Msg>) -> Result<State, Fault> {
        if let Some(path) = me.path() {
            self.alerts.clear(&Space::machine(), budgets::alert_about(&path));
        }
        let damage = self.damage()?;
        let damaged = damage.is_some();
        let found = integrity::read::<StrategyRow>(&self.shared.store, &self.space, self.id.as_str())?;
        let (row, version) = match found {
            Ok(Some(row)) => (row.value, Some(row.version)),
            // Nothing is written until it is mended.
            Ok(None) | Err(_) => (StrategyRow::default(), None),
        };
        let mut state = State { damaged, ..State::of(row, version) };
        self.ask(&mut state, damage).await;
        if damaged {
            return Ok(state);
        }
        self.recall(&me, &mut state).await?;
        self.take_up(&me, &mut state, None).await?;
        self.look_out_for_the_end_of_a_pause(&me, &mut state);
        Ok(state)
    }

    async fn handle(&self, me: &Handle<Msg>, msg: Msg, state: &mut State) -> Result<(), Fault> {
        match msg {
            Msg::Start { trigger, reply } => {
                let answer = self.start_by_word(me, state, trigger).await?;
                reply.send(answer);
            }
            Msg::Tick { order, reply } => {
                let look = match state.damaged {
                    false if self.may_be_over(state) => Some(order.now.plus(DOUBT_AGAIN)),
                    false => self.tick(me, state, *order).await?,
                    true => order.task.schedule.next_after(order.now),
                };
                reply.send(look);
            }
            Msg::Settled { action, reply } => {
                let answer = self.settled(me, state, &action).await?;
                reply.send(answer);
            }
            Msg::Ended { run, attempt, end } => self.ended(me, state, &run, attempt, *end).await?,
            Msg::Overdue { run, attempt } => self.overdue(state, &run, attempt).await?,
            Msg::Cancel { run, attempt, why } => self.cancelled(state, &run, attempt, why).await?,
            Msg::Look if state.damaged => {}
            Msg::Look => self.look(me, state).await?,
            Msg::Idle { reply } => match (&state.current, &state.parked) {
                (None, None) => drop(reply.send(state.last.clone())),
                _ => state.waiting.push(reply),
            },
            Msg::Say { word, reply } => {
                match (state.damaged, &word) {
                    (true, Word::Resume(_)) => self.mend(me, state).await?,
                    // Not on record, so not acknowledged.
                    (true, _) => return Ok(()),
                    (false, _) => {}
                }
                self.say(me, state, word).await?;
                reply.send(());
            }
            // Not on record, so not acknowledged.
            Msg::Plan { .. } if state.damaged => {}
            Msg::Plan { plan, by, reply } => {
                let answer = self.plan(state, *plan, &by).await?;
                reply.send(answer);
            }
            Msg::PauseOver { timer } if state.damaged || timer != state.pause_timer => {}
            Msg::PauseOver { .. } => self.end_pause(me, state).await?,
            // While its rows do not open, that is what it is put aside for.
            Msg::Configured if state.damaged => {}
            Msg::Configured => self.ask(state, None).await,
            Msg::Standing { reply } => {
                reply.send(self.standing(state));
            }
        }
        Ok(())
    }
}

/// Leave to start a run: the breaker's, under this generation, and the gate's.
pub(super) struct Ready {
    pub(super) generation: u64,
    pub(super) pass: Pass,
}

/// Of a strategy that does not bear being asked what it is.
const SILENT: About = About {
    name: "unknown",
    description: "it does not answer what it is",
    code_version: 0,
    required_accounts: &[],
    time_to_first_dollar: "unknown",
    automation_level: 0.0,
    schedule: "",
    deadline: Duration::ZERO,
    proposes: &[],
    guide: Guide {
        steps: &[],
        payout: Payout { holder: "unknown", minimum: "unknown", how_long: "unknown", days_max: None },
    },
};

impl Host {
    /// Its name below its supervisor.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.space, self.id)
    }

    /// A run that ended well is proven work: the host's restart budget is whole again. Its supervisor
    /// may be busy with this very host, so nobody waits for the answer.
    pub(super) fn prove(&self) {
        self.shared.proved.notify_one();
        let (above, name) = (self.above.clone(), self.name());
        tokio::spawn(async move {
            if let Err(error) = above.proved(&name).await {
                tracing::debug!(%error, name, "a restart budget was not given back");
            }
        });
    }

    pub(super) fn enabled(&self, state: &State) -> bool {
        state.row.enabled.unwrap_or(self.installed().enabled)
    }

    /// Whether a run may start, with leave to.
    pub(super) fn ready(&self, state: &mut State, trigger: &Trigger) -> Result<Ready, NotStarted> {
        if let Some(current) = &state.current {
            return Err(NotStarted::Busy(current.run.id.clone()));
        }
        if let Some(why) = &state.put_aside {
            return Err(NotStarted::PutAside(why.clone()));
        }
        let by_person = by_person(trigger);
        if !self.enabled(state) {
            return Err(NotStarted::Disabled);
        }
        if let Some(pause) = self.paused(state).filter(|_| !by_person) {
            let until = pause.until.map(|until| format!(", until {until}")).unwrap_or_default();
            return Err(NotStarted::Paused(format!("{}{until}", pause.reason)));
        }
        if let At::Isolated { reason, .. } = state.row.breaker.state() {
            return Err(NotStarted::Isolated(reason.clone()));
        }
        if let Some(why) = self.held_by_account(state).filter(|_| !by_person) {
            return Err(NotStarted::Account(why));
        }
        if let Some((run, why)) = &state.parked {
            return Err(NotStarted::CutOff(run.clone(), why.clone()));
        }
        // Before the breaker: a probe's turn is not taken for nothing.
        let pass = self.gate.pass(self.own_hold(state, trigger)).map_err(NotStarted::Gated)?;
        match state.row.breaker.admit(&breaker_policy(), self.shared.now()) {
            Admit::Yes { generation } | Admit::Probe { generation, .. } => Ok(Ready { generation, pass }),
            Admit::No { why, .. } => Err(NotStarted::Tripped(why)),
        }
    }

    /// Why an account that it needs is of no use now, if one is not. Until that is over, nothing starts.
    pub(super) fn held_by_account(&self, state: &State) -> Option<String> {
        let needs = super::starting::about(state).ok()?.required_accounts;
        needs.iter().find_map(|platform| self.shared.standings.holds(&self.space, platform))
    }

    /// Writes the strategy's row together with `change`. The row as it stands in the store is known
    /// here: one that does not open any more is removed and written anew.
    pub(super) async fn write_row(
        &self,
        state: &mut State,
        row: StrategyRow,
        change: &Change,
    ) -> Result<Result<(), CommitError>, Fault> {
        let key = Key::of::<StrategyRow>(&self.space, self.id.as_str())?;
        loop {
            let expecting = match state.version {
                Some(version) => change.clone().expect_version(key.clone(), version),
                None => change.clone().expect_absent(key.clone()),
            };
            let put = expecting.put(&self.space, self.id.as_str(), &row)?;
            match self.shared.store.commit(put).await {
                Ok(_) => {
                    state.row = row;
                    state.version = Some(state.version.unwrap_or(0) + 1);
                    return Ok(Ok(()));
                }
                Err(CommitError::Damaged { key: damaged }) if damaged == key && state.version.is_some() => {
                    let why = "its bytes were changed";
                    let sentence = format!(
                        "the row of strategy `{}` did not open and was written anew as its host knows it; find \
                         out who wrote to the store",
                        self.id
                    );
                    self.discard(&key, why, &sentence).await?;
                    state.version = None;
                }
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    async fn say(&self, me: &Handle<Msg>, state: &mut State, word: Word) -> Result<(), Fault> {
        let word = match word {
            Word::Pause { reason, by, until } => return self.pause(me, state, reason, by, until).await,
            word => word,
        };
        if matches!(word, Word::Resume(_)) && state.row.paused.is_some() {
            self.catch_up(me, state).await?;
        }
        let now = self.shared.now();
        let mut row = state.row.clone();
        let (kind, reason) = match &word {
            // It is said above.
            Word::Pause { .. } => return Ok(()),
            Word::Isolate(reason) => {
                row.breaker.isolate(reason, now);
                ("strategy.isolated", Some(reason.clone()))
            }
            Word::Resume(_) => {
                // What was due in it is decided when its section is right again.
                let mistaken = self.installed().mistake.is_some();
                row.paused = row.paused.filter(|_| mistaken).map(|own| Pause { until: Some(now), ..own });
                row.breaker.release(now);
                self.alerts.clear(&self.space, format!("stopped/{}", self.id));
                ("strategy.resumed", None)
            }
            Word::Enable => {
                row.enabled = Some(true);
                ("strategy.enabled", None)
            }
            Word::Disable => {
                row.enabled = Some(false);
                ("strategy.disabled", None)
            }
        };
        let payload = json!({ "strategy": self.id.as_str(), "reason": reason, "by": "owner" });
        let change = Change::new().audit(NewEntry::new(now, &self.space, kind, &payload)?);
        self.write_row(state, row, &change).await??;
        self.look_out_for_the_end_of_a_pause(me, state);
        Ok(())
    }

    fn standing(&self, state: &State) -> Standing {
        let installed = self.installed();
        Standing {
            about: state.about.clone().unwrap_or(SILENT),
            row: StrategyRow { paused: self.paused(state).cloned(), ..state.row.clone() },
            running: state.current.as_ref().map(|current| current.run.id.clone()),
            put_aside: state.put_aside.clone(),
            enabled: self.enabled(state),
            priority: installed.priority,
            schedule: installed.schedule_text,
        }
    }
}
