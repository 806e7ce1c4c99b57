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
use mm_store::{Change, Key, ReadError, Record, Span};
use mm_supervision::{Fault, Handle};

use super::gate::platforms;
use super::starting::{GATE_AGAIN, look_later};
use super::state::{Host, State};
use super::{Msg, NotStarted};
use crate::integrity;
use crate::records::{RetryRow, ScheduleRow, StrategyRow};

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
        self.set_alarm(me, state);
        Ok(())
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
        if !matches!(run.trigger, Trigger::Tick(_) | Trigger::Retry(_)) {
            return Ok(None);
        }
        let schedule = integrity::read::<ScheduleRow>(&self.shared.store, &self.space, self.id.as_str())?;
        let until = schedule.ok().flatten().and_then(|row| row.value.next);
        let failure = Failure {
            class,
            tried: self.tried(run)?,
            retries: self.installed().retries,
            admitted: matches!(row.breaker.state(), At::Closed { .. }),
            reset: self.reset(state)?,
            next: until,
        };
        let at = again(&failure, self.shared.now(), self.shared.rng.unit());
        Ok(at.map(|at| RetryRow { trigger: Trigger::Retry(run.id.clone()), at, until }))
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

    /// Begins what is due, if the gate lets it. What else stands against it ends the waiting: the next tick
    /// comes.
    pub(super) async fn retry(&self, me: &Handle<Msg>, state: &mut State) -> Result<(), Fault> {
        let now = self.shared.now();
        let Some(row) = state.retry.clone().filter(|_| state.current.is_none()) else { return Ok(()) };
        if now < row.at {
            self.set_alarm(me, state);
            return Ok(());
        }
        match self.ready(state, &row.trigger) {
            Ok(ready) => {
                self.start(me, state, row.trigger, ready, super::starting::Because::Itself).await?;
            }
            Err(NotStarted::Gated(_) | NotStarted::CutOff(..))
                if row.until.is_none_or(|until| now < until) =>
            {
                look_later(me, GATE_AGAIN);
            }
            Err(why) => {
                tracing::info!(strategy = %self.id, %why, "it is not tried again before its next tick");
                self.shared.store.commit(Change::new().delete(self.retry_key()?)).await?;
                state.retry = None;
            }
        }
        Ok(())
    }
}
