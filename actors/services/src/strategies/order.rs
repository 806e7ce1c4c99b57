//! What is known of a strategy's task when one looks at the clock: put together of the configuration, of
//! what the owner set, and of how far its ticks are decided.
//!
//! It reads the store and writes nothing. The scheduler asks here before it sends a host a tick, and a host
//! asks before it changes what the ticks depend on.

use std::time::Duration;

use mm_core::id::{Space, StrategyId};
use mm_core::moment::Moment;
use mm_core::schedule::{Decision, Hold, Owed, PauseSpan, Ruled, Schedule, Situation, Task, decide};
use mm_store::{ReadError, Store};

use super::TickOrder;
use crate::integrity;
use crate::records::{ScheduleRow, TaskRow};
use crate::shared::{Installed, Shared};

/// A last tick so far ahead of the clock was written while the clock was wrong. Less is what time
/// servers put right, and passes by itself.
const AHEAD: Duration = Duration::from_secs(300);

/// No hours of a day open later than that: a day, one that a zone may leave out, and an hour of its summer time.
const OPENING_MAX: Duration = Duration::from_secs(49 * 3600);

/// What a look finds.
pub(crate) enum Found {
    /// A task.
    Task(Box<TickOrder>),
    /// The owner cancelled it: nothing is due.
    Cancelled {
        /// As in [`TickOrder`].
        schedule_version: Option<u64>,
    },
    /// A row of it does not open: its host says so.
    Unread,
}

/// A task as it was before it was changed, with the ticks of it that may be undecided.
#[derive(Debug, Clone)]
pub struct Before {
    /// The task.
    pub task: Task,
    /// The newest tick that is decided.
    pub last: Moment,
    /// What was still to run.
    pub owed: Option<Owed>,
}

/// Puts together what is known of one strategy's task at `now`.
pub(crate) fn find(
    shared: &Shared,
    space: &Space,
    id: &StrategyId,
    installed: &Installed,
    now: Moment,
) -> Result<Found, ReadError> {
    // The schedule's row first: whoever changes the task changes it too, so that its version tells.
    let found = match integrity::read::<ScheduleRow>(&shared.store, space, id.as_str())? {
        Ok(found) => found,
        Err(why) => return Ok(unread(id, &why)),
    };
    let set = match integrity::read::<TaskRow>(&shared.store, space, id.as_str())? {
        Ok(set) => set.map(|row| row.value.task),
        Err(why) => return Ok(unread(id, &why)),
    };
    let schedule_version = found.as_ref().map(|row| row.version);
    let (task, text) = match set {
        Some(None) => return Ok(Found::Cancelled { schedule_version }),
        Some(Some(task)) => (task.clone(), task.schedule.expression().to_owned()),
        None => (installed.task.clone(), installed.schedule_text.clone()),
    };
    let delay = delay(&shared.store, &task, id.as_str())?;
    let fresh = TickOrder {
        task,
        text,
        at_once: false,
        rewrite: false,
        ahead: None,
        before: None,
        last: now,
        now,
        owed: None,
        delay,
        schedule_version,
    };
    Ok(Found::Task(Box::new(match found.map(|row| row.value) {
        // The first time: at once, so that a new machine has something to show.
        None => TickOrder { at_once: true, ..fresh },
        Some(row) => of_row(row, fresh),
    })))
}

fn unread(id: &StrategyId, why: &str) -> Found {
    tracing::debug!(strategy = %id, why, "its schedule does not open");
    Found::Unread
}

fn of_row(row: ScheduleRow, fresh: TickOrder) -> TickOrder {
    let now = fresh.now;
    if let Some(ahead) = row.last.filter(|last| *last > now.plus(AHEAD)) {
        let at_once = row.text != fresh.text;
        return TickOrder { at_once, rewrite: !at_once, ahead: Some(ahead).filter(|_| !at_once), ..fresh };
    }
    let other_clock = !row.clock.is_empty() && row.clock != fresh.task.schedule.clock();
    if row.text != fresh.text || other_clock {
        // By another clock alone nothing is new to show: it goes on from now.
        let at_once = row.text != fresh.text;
        return TickOrder { at_once, rewrite: true, before: before(&row, &fresh.task), ..fresh };
    }
    let owed = row.owed.map(|owed| waiting(owed, &fresh.task, now));
    TickOrder { last: row.last.unwrap_or(now), owed, ..fresh }
}

/// What is owed, by this clock: a wait that is longer than any that is begun was begun by a clock that was ahead,
/// and is over.
fn waiting(owed: Owed, task: &Task, now: Moment) -> Owed {
    let opening = task.hours.map_or(Duration::ZERO, |_| OPENING_MAX);
    let longest = task.missed.spread.max(opening).saturating_add(AHEAD);
    if owed.not_before <= now.plus(longest) { owed } else { Owed { not_before: now, ..owed } }
}

/// The task as it was when `row` was written; its rules are those of now.
fn before(row: &ScheduleRow, task: &Task) -> Option<Before> {
    let clock = if row.clock.is_empty() { task.schedule.clock() } else { row.clock.clone() };
    let schedule = Schedule::parse_at(&row.text, &clock).ok()?;
    Some(Before { task: Task { schedule, ..task.clone() }, last: row.last?, owed: row.owed })
}

/// How much later than due the ticks of `name` are taken up on this installation, which is known by how its
/// audit trail begins. Without a jitter that is not asked for: a look at thousands of tasks comes through here.
///
/// # Errors
/// If the store cannot be read.
pub fn delay(store: &Store, task: &Task, name: &str) -> Result<Duration, ReadError> {
    if task.jitter.is_zero() {
        return Ok(Duration::ZERO);
    }
    let first = store.audit_hashes(&[1])?.into_iter().next().flatten();
    let installation = first.map(|hash| hash.to_string()).unwrap_or_default();
    Ok(task.delay(&installation, name))
}

impl Before {
    /// The fates of the ticks that were due by `now` and that nobody will run any more, as the task was
    /// changed (`why`).
    pub(super) fn closed_out(&self, now: Moment, paused: Option<&PauseSpan>, why: &str) -> Vec<Ruled> {
        let hold = Some(Hold::Off { why: why.to_owned() });
        let paused = paused.cloned();
        // A tick is due at its time, however much later it would have been taken up.
        let delay = Duration::ZERO;
        let mut at = Situation { last: self.last, now, owed: self.owed, delay, busy: None, hold, paused };
        let mut ruled = Vec::new();
        loop {
            let Decision { ruled: more, last, owed, look, .. } = decide(&self.task, &at);
            ruled.extend(more);
            if last == at.last || look.is_none_or(|look| now < look) {
                return ruled;
            }
            (at.last, at.owed) = (last, owed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clocks are wrong by days when a battery is empty, until a time server is heard.
    #[test]
    fn what_was_put_off_by_a_clock_that_was_ahead_is_not_put_off_by_the_right_one() {
        let now: Moment = "2026-03-02T00:00:00Z".parse().unwrap();
        let through = now;
        let mut task = Task::plain(Schedule::parse_at("0 0 * * 1", "UTC").unwrap());
        let wait = |task: &Task, by| {
            let owed = Owed { through, not_before: now.plus(by) };
            waiting(owed, task, now).not_before.since(now)
        };
        let hour = Duration::from_secs(3600);
        task.missed.spread = hour;
        assert_eq!(wait(&task, hour), hour, "as it was begun");
        assert_eq!(wait(&task, 120 * hour), Duration::ZERO);
        task.hours = Some(mm_core::schedule::Hours::parse("09:00-17:00", "UTC").unwrap());
        assert_eq!(wait(&task, 25 * hour), 25 * hour, "its hours open then");
        assert_eq!(wait(&task, 120 * hour), Duration::ZERO);
    }
}
