//! What becomes of ticks: decided in `core::schedule`, on record in one change with the run that one of
//! them starts.
//!
//! A host knows what the scheduler does not: the run under way, and what holds the strategy back. What
//! fails here ends the host; the ticks are then still due.

use std::collections::BTreeSet;
use std::time::Duration;

use mm_core::breaker::Admit;
use mm_core::id::RunId;
use mm_core::moment::Moment;
use mm_core::run::{Outcome, Trigger};
use mm_core::schedule::{Decision, Hold, Overlap, Ruled, Schedule, Situation, Task, decide, look_at};
use mm_store::{Change, Key, ReadError, Record, Span};
use mm_supervision::{Fault, Handle};

use super::commit::Ended;
use super::starting::Because;
use super::state::{Host, State};
use super::{Msg, NotStarted, TickOrder, breaker_policy};
use crate::records::{Pause, ScheduleRow, StrategyRow, TickRow};

/// So many rows of a strategy's tick ledger are kept, and all of the last days; older ones are tidied away and
/// counted.
const TICKS_KEPT: u64 = 1000;
/// What was due in so long is kept however much it is: a clock that is set back a day, also after it was a day
/// ahead, runs none of it again.
const TICKS_KEPT_FOR: Duration = Duration::from_secs(49 * 3600);
/// So many rows at most are tidied away in one change.
const TIDIED_MAX: u64 = 64;
/// Why a tick of another schedule than the one that holds now starts nothing.
const CONFIGURED: &str = "the configuration changed the schedule before it could run";
/// When the scheduler's order was overtaken, it looks again after so long.
const OVERTAKEN: Duration = Duration::from_millis(100);

impl Host {
    /// Puts on record what became of every tick that is due, with the run that one of them starts, and
    /// says when to look again.
    pub(super) async fn tick(
        &self,
        me: &Handle<Msg>,
        state: &mut State,
        mut order: TickOrder,
    ) -> Result<Option<Moment>, Fault> {
        let schedule = Key::new(&self.space, ScheduleRow::KIND, self.id.as_str())?;
        match self.shared.store.version(&schedule) {
            Ok(version) if version == order.schedule_version => {}
            // It was put together before another was written down; the scheduler looks again. Or the
            // row does not open any more, and the scheduler says so.
            Ok(_) | Err(ReadError::Row { .. }) => return Ok(Some(order.now.plus(OVERTAKEN))),
            Err(error) => return Err(error.into()),
        }
        let last = order.last;
        order.last = self.past_what_is_on_record(&order)?;
        let mut decision = self.decided(state, &order)?;
        let moved = last != decision.last || order.owed != decision.owed;
        if !moved && !order.rewrite && !order.at_once {
            return Ok(decision.look);
        }
        if decision.cancels {
            self.cancel_for_a_tick(state).await?;
            // That took its time: there may be no room now, and then the tick waits for it.
            decision = self.decided(state, &order)?;
        }
        if let Some(at) = decision.starts() {
            match self.ready(state, &Trigger::Tick(at)) {
                Ok(ready) => {
                    let because = Because::Ticks(&order, &decision);
                    self.start(me, state, Trigger::Tick(at), ready, because).await?;
                    return Ok(decision.look);
                }
                Err(why) => decision.starts_nothing(&why.to_string()),
            }
        }
        let mut row = state.row.clone();
        let change = self.ticks(&mut row, &order, &decision, None)?;
        self.write_row(state, row, &change).await??;
        Ok(decision.look)
    }

    /// What becomes of the ticks that have no rows yet, those of the schedule before this one too.
    fn decided(&self, state: &State, order: &TickOrder) -> Result<Decision, Fault> {
        let mut decision = self.not_on_record(order, self.decision(state, order))?;
        if let Some(before) = &order.before {
            let paused = state.row.paused.as_ref().map(Pause::span);
            let ruled = before.closed_out(order.now, paused.as_ref(), CONFIGURED);
            let mut ruled = self.new_ones(&before.task.schedule, ruled)?;
            ruled.retain(|old| decision.ruled.iter().all(|new| old.at < new.from));
            decision.ruled.splice(0..0, ruled);
        }
        Ok(decision)
    }

    fn decision(&self, state: &State, order: &TickOrder) -> Decision {
        let paused = state.row.paused.as_ref().map(Pause::span);
        let busy = state.current.as_ref().map(|current| current.run.id.to_string());
        let TickOrder { last, now, owed, delay, .. } = *order;
        let situation = Situation { last, now, owed, delay, busy, hold: self.hold(state, order), paused };
        if !order.at_once {
            return decide(&order.task, &situation);
        }
        // One tick of its own, now; it cannot wait, as the schedule does not name it.
        let task = Task { overlap: Overlap::Skip, ..order.task.clone() };
        let task = Task { schedule: Schedule::at(now), ..task };
        let before = now.minus(Duration::from_millis(1));
        let hold = situation.hold.clone().map(Hold::at_once);
        let first = Situation { last: before, owed: None, delay: Duration::ZERO, hold, ..situation.clone() };
        let decision = decide(&task, &first);
        let look = look_at(&order.task, &Situation { last: now, owed: None, ..situation });
        Decision { last: now, owed: None, look, ..decision }
    }

    /// What stands against a run that a tick would start, but for a run under way.
    fn hold(&self, state: &State, order: &TickOrder) -> Option<Hold> {
        if let Some(why) = &state.put_aside {
            return Some(Hold::Off { why: NotStarted::PutAside(why.clone()).to_string() });
        }
        if !self.enabled(state) {
            return Some(Hold::Off { why: NotStarted::Disabled.to_string() });
        }
        if let Some(pause) = self.paused(state) {
            return Some(Hold::Paused { by: pause.told(), until: pause.until });
        }
        if let mm_core::breaker::State::Isolated { reason, .. } = state.row.breaker.state() {
            return Some(Hold::Paused { by: format!("isolated by a person: {reason}"), until: None });
        }
        if let Some(why) = self.held_by_account(state) {
            return Some(Hold::Gated { by: NotStarted::Account(why).to_string() });
        }
        if let Some((run, why)) = &state.parked {
            let by = NotStarted::CutOff(run.clone(), why.clone()).to_string();
            // It goes on when there is room again, and the tick comes after it.
            let closed = self.own_hold(state, &Trigger::Tick(self.shared.now())).is_some();
            return Some(if closed { Hold::Gated { by } } else { Hold::Waits { by } });
        }
        if let Some(by) = self.gate.holds() {
            return Some(Hold::Waits { by });
        }
        if let Some(by) = self.own_hold(state, &Trigger::Tick(self.shared.now())) {
            return Some(Hold::Gated { by });
        }
        // A run under way may itself be the breaker's probe: the task's overlap says what becomes of the tick.
        if state.current.is_some() && order.task.overlap != Overlap::CancelOther {
            return None;
        }
        // Asked of a copy: a probe's turn is taken by the run itself.
        match state.row.breaker.clone().admit(&breaker_policy(), self.shared.now()) {
            Admit::No { why, .. } => Some(Hold::Gated { by: NotStarted::Tripped(why).to_string() }),
            Admit::Yes { .. } | Admit::Probe { .. } => None,
        }
    }

    /// Ends the run under way, as a tick was told to cancel it.
    async fn cancel_for_a_tick(&self, state: &mut State) -> Result<(), Fault> {
        let Some(current) = state.current.take() else { return Ok(()) };
        current.fence.close();
        let ended = Ended::without_result(Outcome::Cancelled, "a later tick cancelled it".to_owned());
        self.end(state, current.all(), current.version, current.generation, ended).await
    }

    /// The newest tick up to which all have their rows: a clock that went back makes them due once more.
    fn past_what_is_on_record(&self, order: &TickOrder) -> Result<Moment, Fault> {
        let mut last = order.last;
        if order.at_once {
            return Ok(last);
        }
        while let Some(next) = order.task.schedule.next_after(last).filter(|next| *next <= order.now) {
            let Some(until) = self.on_record(next)? else { break };
            last = until.max(next);
        }
        Ok(last)
    }

    /// Without the ticks that have their rows.
    fn not_on_record(&self, order: &TickOrder, mut decision: Decision) -> Result<Decision, Fault> {
        decision.ruled = self.new_ones(&order.task.schedule, decision.ruled)?;
        decision.cancels &= decision.starts().is_some();
        Ok(decision)
    }

    /// Those that have no rows; they are due by this schedule.
    pub(super) fn new_ones(&self, schedule: &Schedule, ruled: Vec<Ruled>) -> Result<Vec<Ruled>, Fault> {
        let mut new = Vec::new();
        for ruled in ruled {
            if ruled.count > 1 {
                new.extend(self.apart(schedule, ruled)?);
            } else if self.on_record(ruled.at)?.is_none() {
                new.push(ruled);
            }
        }
        Ok(new)
    }

    /// What of a stretch is not on record: parts of it, so that no row lies inside another.
    fn apart(&self, schedule: &Schedule, stretch: Ruled) -> Result<Vec<Ruled>, Fault> {
        let id = self.id.as_str();
        let (all, before) = (format!("{id}/"), stretch.from.minus(Duration::from_millis(1)));
        let before = TickRow::row_id(id, before);
        let span = Span::prefix(&all).after(&before);
        let rows = self.shared.store.scan::<TickRow>(&self.space, span, usize::MAX)?;
        let damaged: BTreeSet<String> = rows.damaged.iter().map(|row| row.id.clone()).collect();
        let taken: Vec<(Moment, Moment)> = rows.into_values().map(|row| (row.from, row.due)).collect();
        if damaged.is_empty() && taken.iter().all(|(from, _)| stretch.at < *from) {
            return Ok(vec![stretch]);
        }
        let mut parts: Vec<Ruled> = Vec::new();
        let next = |at: &Moment| schedule.next_after(*at);
        for at in std::iter::successors(Some(stretch.from), next).take_while(|at| *at <= stretch.at) {
            if taken.iter().any(|(from, due)| *from <= at && at <= *due)
                || damaged.contains(&TickRow::row_id(id, at))
            {
                continue;
            }
            let whole = |last: Moment| !taken.iter().any(|(from, _)| last < *from && *from < at);
            match parts.last_mut().filter(|part| whole(part.at)) {
                Some(part) => (part.at, part.count) = (at, part.count + 1),
                None => parts.push(Ruled { at, from: at, count: 1, fate: stretch.fate.clone() }),
            }
        }
        Ok(parts)
    }

    /// The newest tick of the row that speaks of `at`, if one does.
    fn on_record(&self, at: Moment) -> Result<Option<Moment>, Fault> {
        let (store, space) = (&self.shared.store, &self.space);
        let row = TickRow::row_id(self.id.as_str(), at);
        match store.version(&Key::new(space, TickRow::KIND, &row)?) {
            Ok(None) => {}
            // One that does not open is there.
            Ok(Some(_)) | Err(ReadError::Row { .. }) => return Ok(Some(at)),
            Err(error) => return Err(error.into()),
        }
        let all = format!("{}/", self.id);
        let later = store.scan::<TickRow>(space, Span::prefix(&all).after(&row), 1)?;
        Ok(later.into_values().next().filter(|row| row.from <= at).map(|row| row.due))
    }

    /// The ticks' rows, and the schedule's as it is after them. `run` is what one of them started.
    pub(super) fn ticks(
        &self,
        row: &mut StrategyRow,
        order: &TickOrder,
        decision: &Decision,
        run: Option<&RunId>,
    ) -> Result<Change, Fault> {
        let schedule = ScheduleRow {
            text: order.text.clone(),
            clock: order.task.schedule.clock(),
            next: order.task.schedule.next_after(order.now.max(decision.last)),
            last: Some(decision.last),
            owed: decision.owed,
        };
        self.ledger(row, &schedule, order.schedule_version, &decision.ruled, run)
    }

    /// The rows of ticks, and the schedule's as it is from now on.
    pub(super) fn ledger(
        &self,
        row: &mut StrategyRow,
        schedule: &ScheduleRow,
        version: Option<u64>,
        ruled: &[Ruled],
        run: Option<&RunId>,
    ) -> Result<Change, Fault> {
        let (space, id) = (&self.space, self.id.as_str());
        let key = Key::new(space, ScheduleRow::KIND, id)?;
        let mut change = match version {
            Some(version) => Change::new().expect_version(key, version),
            None => Change::new().expect_absent(key),
        };
        change = change.put(space, id, schedule)?;
        for ruled in ruled {
            let row_id = TickRow::row_id(id, ruled.at);
            let key = Key::new(space, TickRow::KIND, &row_id)?;
            change = change.expect_absent(key).put(space, &row_id, &TickRow::of(ruled, run))?;
            row.ticks += 1;
        }
        let too_many = (row.ticks - row.ticks_pruned).saturating_sub(TICKS_KEPT);
        if too_many == 0 {
            return Ok(change);
        }
        let wanted = usize::try_from(too_many.min(TIDIED_MAX)).unwrap_or(usize::MAX);
        let old = self.shared.store.scan::<TickRow>(space, Span::prefix(&format!("{id}/")), wanted)?;
        let young = self.shared.now().minus(TICKS_KEPT_FOR);
        for (old, _) in old.rows.into_iter().take_while(|(_, row)| row.value.due < young) {
            change = change.delete(Key::new(space, TickRow::KIND, &old)?);
            row.ticks_pruned += 1;
        }
        Ok(change)
    }
}
