//! By when a tick must have been taken up: at its time, or when what held it was over, as seen from outside.
//!
//! What holds a tick: the machine was down or in safe mode, its disk was full, a run was under way for which it
//! waits, missed ticks are run one after the other, the hours of its task were not open. It reads, and cannot fail.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mm_core::moment::Moment;
use mm_core::schedule::{GRACE, Hours, Missed, Overlap};
use mm_services::records::TickRow;

use super::evidence::{Evidence, Task};
use super::ticks::{A_MOMENT, Gone, Runs};

/// So soon a tick that nothing holds is on record.
pub(super) const SOON_MS: i64 = 60_000;

/// From when to when, in milliseconds since 1970.
pub(super) type Time = (i64, i64);

/// What held the ticks of one strategy.
pub(super) struct Held<'a> {
    task: &'a Task,
    /// The machine was not up, or did not go by the schedule.
    down: Vec<Time>,
    full: Vec<Time>,
    /// Its runs, with their ids.
    runs: Vec<(Time, &'a str)>,
    /// Those that were cut off, from then on: until it is taken up again, a run may wait for room, and ticks wait
    /// with it.
    cut_off: Vec<Time>,
}

impl<'a> Held<'a> {
    pub fn of(e: &Evidence, task: &'a Task, runs: &Runs<'a>, gone: &Gone<'a>) -> Self {
        let ms = |at: Moment| at.unix_ms();
        let now = e.now.unix_ms();
        let there = runs.iter().map(|(id, run)| ((ms(run.started), run.ended.map_or(now, ms)), *id));
        let gone = gone.iter().filter_map(|(id, told)| Some(((ms(told.began?), ms(told.over?)), *id)));
        let mut runs: Vec<(Time, &str)> = there.chain(gone).collect();
        runs.sort_unstable();
        let next_boot = |at: Moment| e.boots.iter().find(|boot| at < **boot).map_or(now, |boot| ms(*boot));
        let ended = e.ends.iter().map(|(_, at)| (ms(*at), next_boot(*at)));
        let safe = e.audit_of("alert.raised").filter(|entry| entry.text("about") == "safe-mode");
        let mut down: Vec<Time> =
            ended.chain(safe.map(|entry| (ms(entry.at), next_boot(entry.at)))).collect();
        down.sort_unstable();
        let full = e.full.iter().map(|(from, until)| (ms(*from), ms(*until))).collect();
        let ends = |(began, over): Time| {
            let ends = e.ends.iter().map(move |(_, at)| ms(*at));
            ends.filter(move |end| began <= *end && *end < over).map(move |end| (end, over))
        };
        let cut_off = runs.iter().flat_map(|(run, _)| ends(*run)).collect();
        Self { task, down, full, runs, cut_off }
    }

    /// Its runs: from when to when each was under way, and its id.
    pub fn runs(&self) -> impl Iterator<Item = (Time, &'a str)> {
        self.runs.iter().copied()
    }

    /// Whether a tick was still to wait when it could be looked at: for room, for a run or for its hours.
    /// `stands`: for one that was held, as what passed unseen waits for a run whatever the overlap.
    pub fn waits(&self, due: i64, stands: bool) -> bool {
        let mut at = due + self.jitter_ms();
        while let Some(up) = end(&self.down, at) {
            at = up;
        }
        let runs: Vec<Time> = self.runs.iter().map(|(time, _)| *time).collect();
        let closed = |hours: Hours| !hours.allow(Moment::from_unix_ms(at));
        let overlap = self.task.overlap;
        let for_a_run = overlap == Overlap::Buffer || overlap == Overlap::Skip && stands;
        end(&self.full, at).is_some()
            || for_a_run && end(&runs, at).is_some()
            || self.task.hours.is_some_and(closed)
    }

    /// Whether a tick passed unseen: the machine was down, and for more than a minute.
    pub fn unseen(&self, due: i64) -> bool {
        let at = due + self.jitter_ms();
        let until = at + millis(GRACE + A_MOMENT);
        self.down.iter().any(|(down, up)| *down <= at && until < *up)
    }

    /// By when each tick that was expected must be taken up, in milliseconds since 1970. One waits for those
    /// before it.
    pub fn deadlines(&self, rows: &[TickRow], expected: &BTreeSet<i64>) -> BTreeMap<i64, i64> {
        self.all_free(rows, expected).into_iter().map(|(due, free)| (due, free + SOON_MS)).collect()
    }

    /// From when on nothing held each of them.
    pub fn all_free(&self, rows: &[TickRow], expected: &BTreeSet<i64>) -> BTreeMap<i64, i64> {
        let own: BTreeMap<i64, &str> =
            rows.iter().filter_map(|row| Some((row.due.unix_ms(), row.run.as_ref()?.as_str()))).collect();
        let later = expected.iter().skip(1).copied().map(Some).chain([None]);
        let mut free = i64::MIN;
        let by = expected.iter().zip(later).map(|(due, next)| {
            free = self.free(*due, free, next, own.get(due).copied());
            (*due, free)
        });
        by.collect()
    }

    /// From when on nothing held the tick, nor those before it, which nothing held from `before` on. `own` is the
    /// run that it started.
    fn free(&self, due: i64, before: i64, next: Option<i64>, own: Option<&str>) -> i64 {
        let first = due + self.jitter_ms();
        // There is always an end: each step is past something that has one.
        let mut at = first.max(before);
        // One that was still held when this became due is waited with.
        let joins = first <= before;
        loop {
            let on = self.past(at, joins || first < at, next, own);
            if on <= at {
                return at;
            }
            at = on;
        }
    }

    /// The end of what holds at `at`; `at` if nothing does. `owed`: something held it before.
    fn past(&self, at: i64, owed: bool, next: Option<i64>, own: Option<&str>) -> i64 {
        let each = self.task.missed == Missed::All;
        // Of those that wait for room or for a run only the newest does, unless each is to run.
        let most = next.filter(|_| !each).map_or(i64::MAX, |next| next + self.jitter_ms());
        let waits = |end: i64| end.min(most);
        let mut on = end(&self.down, at).unwrap_or(at);
        on = on.max(end(&self.full, at).map_or(at, waits));
        let others = self.runs.iter().filter(|(_, id)| Some(*id) != own).map(|(time, _)| *time);
        let near: Vec<Time> = others.filter(|(from, _)| *from <= at + SOON_MS).collect();
        if owed || self.task.overlap == Overlap::Buffer {
            on = on.max(end(&near, at).map_or(at, waits));
        }
        on = on.max(end(&self.cut_off, at).map_or(at, waits));
        if owed && each {
            let spread = millis(self.task.spread);
            on = on.max(near.iter().map(|(from, _)| from + spread).max().unwrap_or(at));
        }
        let (moment, hours) = (Moment::from_unix_ms(at), self.task.hours);
        hours.filter(|_| owed).map_or(on, |hours| on.max(hours.opening(moment).unix_ms()))
    }

    fn jitter_ms(&self) -> i64 {
        millis(self.task.jitter)
    }
}

/// The latest end of the times that hold at `at`, or soon after.
fn end(times: &[Time], at: i64) -> Option<i64> {
    let holds = |(from, until): &&Time| *from <= at + SOON_MS && at < *until;
    times.iter().filter(holds).map(|(_, until)| *until).max()
}

pub(super) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 4)
}
