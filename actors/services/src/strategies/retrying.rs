//! Runs between ticks: one that failed is tried again, and one that could not be gone on with begins
//! afresh when the gate lets it.
//!
//! When that is to be is on record with the end of the run, so that a kill loses nothing; it is gone with the
//! start of the strategy's next run, whatever starts that. `core::retry` decides.

use mm_core::breaker::State as At;
use mm_core::error::ErrorClass;
use mm_core::id::Space;
use mm_core::limit::CoolDown;
use mm_core::moment::Moment;
use mm_core::retry::{Failure, RETRIES_MAX, again};
use mm_core::run::{RunRecord, Trigger};
use mm_core::schedule::Hours;
use mm_store::{Change, Key, ReadError, Record, Span};
use mm_supervision::{Fault, Handle};

use super::gate::platforms;
use super::starting::{GATE_AGAIN, look_later};
use super::state::{Host, State};
use super::{Msg, NotStarted};
use crate::integrity;
use crate::records::{RetryRow, ScheduleRow, StrategyRow, TaskRow};

impl Host {
    /// At start: what an earlier life was to begin. A row that does not open is removed: its tick comes.
    pub(super) async fn recall(&self, me: &Handle<Msg>, state: &mut State) -> Result<(), Fault> {
        match integrity::read::<RetryRow>(&self.shared.store, &self.space, self.id.as_str())? {
            Ok(row) => state.retry = row.map(|row| row.value),
            Err(why) => {
                tracing::warn!(strategy = %self.id, why, "what it was to begin does not open and is removed");
                self.shared.store.commit(Change::new().delete(self.retry_key()?)).await?;
            }
        }
        // What is due begins here: whoever asks next finds it under way.
        self.retry(me, state).await
    }

    pub(super) fn retry_key(&self) -> Result<Key, Fault> {
        Ok(Key::new(&self.space, RetryRow::KIND, self.id.as_str())?)
    }

    /// Has itself look when something is to begin.
    pub(super) fn set_alarm(&self, me: &Handle<Msg>, state: &State) {
        if let Some(row) = &state.retry {
            look_later(me, row.at.since(self.shared.now()).min(crate::scheduler::SLEEP_MAX));
        }
    }

    /// When a run that failed is tried again, if it is. `row` is the strategy's, after it.
    pub(super) fn tried_again(
        &self,
        state: &State,
        run: &RunRecord,
        class: ErrorClass,
        row: &StrategyRow,
    ) -> Result<Option<RetryRow>, ReadError> {
        if !scheduled(&run.trigger) {
            return Ok(None);
        }
        // A task that was cancelled meanwhile is tried no more.
        let Some(hours) = self.hours()? else { return Ok(None) };
        let schedule = integrity::read::<ScheduleRow>(&self.shared.store, &self.space, self.id.as_str())?;
        let until = schedule.ok().flatten().and_then(|row| row.value.next);
        let failure = Failure {
            class,
            tried: self.tried(run)?,
            retries: self.installed().retries,
            admitted: matches!(row.breaker.state(), At::Closed { .. }),
            reset: self.reset(state)?,
            hours,
            next: until,
        };
        let at = again(&failure, self.shared.now(), self.shared.rng.unit());
        Ok(at.map(|at| RetryRow { trigger: Trigger::Retry(run.id.clone()), at, until }))
    }

    /// The hours in which its task may start anything, if they are bounded; `None` of a task that is
    /// cancelled, or whose row does not open.
    fn hours(&self) -> Result<Option<Option<Hours>>, ReadError> {
        let set = integrity::read::<TaskRow>(&self.shared.store, &self.space, self.id.as_str())?;
        Ok(match set {
            Ok(None) => Some(self.installed().task.hours),
            Ok(Some(row)) => row.value.task.map(|task| task.hours),
            Err(_) => None,
        })
    }

    /// How many retries came before this run, of the same tick. One that is not known any more counts as all.
    fn tried(&self, run: &RunRecord) -> Result<u32, ReadError> {
        let (mut tried, mut trigger) = (0, run.trigger.clone());
        while let (Trigger::Retry(of), true) = (&trigger, tried < RETRIES_MAX) {
            let before = integrity::read::<RunRecord>(&self.shared.store, &self.space, of.as_str())?;
            let Ok(Some(before)) = before else { return Ok(RETRIES_MAX) };
            (tried, trigger) = (tried + 1, before.value.trigger);
        }
        Ok(tried)
    }

    /// Until when a platform that it works on asked to be left alone, the last of them.
    fn reset(&self, state: &State) -> Result<Option<Moment>, ReadError> {
        let (store, now) = (&self.shared.store, self.shared.now());
        let mut last = None;
        for platform in platforms(state) {
            for space in [&Space::machine(), &self.space] {
                let rows = store.scan::<CoolDown>(space, Span::prefix(platform), usize::MAX)?.rows;
                let of = |id: &str| id == platform || id.starts_with(&format!("{platform}/"));
                let until = rows.into_iter().filter(|(id, _)| of(id)).map(|(_, row)| row.value.until(now));
                last = last.max(until.max().flatten());
            }
        }
        Ok(last)
    }

    /// Begins what is due, if the gate and the hours of its task let it. What else stands against it, and the
    /// tick that was to come next, end the waiting.
    pub(super) async fn retry(&self, me: &Handle<Msg>, state: &mut State) -> Result<(), Fault> {
        let now = self.shared.now();
        let Some(row) = state.retry.clone().filter(|_| state.current.is_none()) else { return Ok(()) };
        if row.until.is_some_and(|until| until <= now) {
            return self.forget_retry(state, "its next tick is due").await;
        }
        if now < row.at {
            self.set_alarm(me, state);
            return Ok(());
        }
        // A retry stays on record for a life that goes by the schedule; what was cut off is gone on with in any.
        if matches!(row.trigger, Trigger::Retry(_)) && !self.shared.settings().scheduling {
            return Ok(());
        }
        if scheduled(&row.trigger) {
            match self.hours()? {
                None => return self.forget_retry(state, "its task is cancelled").await,
                Some(Some(hours)) if !hours.allow(now) => {
                    look_later(me, hours.opening(now).since(now).min(crate::scheduler::SLEEP_MAX));
                    return Ok(());
                }
                Some(_) => {}
            }
        }
        match self.ready(state, &row.trigger) {
            Ok(ready) => {
                self.start(me, state, row.trigger, ready, super::starting::Because::Itself).await?;
            }
            Err(why @ (NotStarted::Gated(_) | NotStarted::CutOff(..))) => {
                tracing::debug!(strategy = %self.id, %why, "what it is to begin waits");
                look_later(me, GATE_AGAIN);
            }
            Err(why) => self.forget_retry(state, &why.to_string()).await?,
        }
        Ok(())
    }

    async fn forget_retry(&self, state: &mut State, why: &str) -> Result<(), Fault> {
        tracing::info!(strategy = %self.id, why, "what it was to begin is not begun");
        self.shared.store.commit(Change::new().delete(self.retry_key()?)).await?;
        state.retry = None;
        Ok(())
    }
}

/// Whether the schedule starts it.
pub(super) fn scheduled(trigger: &Trigger) -> bool {
    matches!(trigger, Trigger::Tick(_) | Trigger::Retry(_))
}
