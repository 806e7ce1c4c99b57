//! Whether what a tick's row tells of the tick is so: each fate has a cause, and it must be seen from outside.
//!
//! | fate | what must be so |
//! |---|---|
//! | ran | its run began within a minute of its time, the task's own delay counted |
//! | late | its run began as much later as it says; something held it until then, and a minute at most passed after that |
//! | moved | as `ran`; and the time that it names was left out by its zone's clock |
//! | merged | the later tick started a run, or had to wait for one itself; missed ticks do not run one by one; and it was held until another was due |
//! | missed | it was held, and the task's rule for missed ticks says what the row says |
//! | skipped, gated, paused | see [`reasons`] |
//!
//! What holds a tick is [`Held`]'s to say: the machine was down or in safe mode, the disk full, a run under way, the
//! hours not open. The delay that a jitter gives is reckoned by the core, whose own tests hold it.
//!
//! Not judged: that a tick ran although something should have kept it back (but for its hours, see `ticks`); and how
//! many of a long stretch were missed for being too many, other than that there were more than one look takes. A
//! reason that this room does not know is a finding.

mod reasons;
mod spent;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{Duration as Span, NaiveDateTime, TimeZone as _};
use mm_core::moment::Moment;
use mm_core::schedule::{self, Fate, GRACE, LOOK_MAX, Missed, Schedule, show_span};
use mm_services::records::TickRow;

use super::evidence::{Evidence, Task};
use super::held::{Held, SOON_MS, Time, millis};
use super::ticks::{A_MOMENT, Gone, Runs, expected, of_each};

/// Where only what happened lately is judged, so much of it led to by what is not looked at any more: a run that was
/// under way, ticks that were run one after the other.
const LED_TO_WITHIN: Duration = Duration::from_secs(8 * 3600);

/// Each tick of the strategies that are switched on.
pub fn causes(e: &Evidence) -> Vec<String> {
    let from = e.since_after(LED_TO_WITHIN);
    of_each(e, |task, rows, runs, gone| {
        let Some(first) = rows.first() else { return Vec::new() };
        let expected = expected(task, first.from.unix_ms(), e.now.unix_ms());
        let task = &with_its_own_delay(e, task);
        let case = Case::of(e, task, rows, (runs, gone), &expected);
        let judged = rows.iter().filter(|row| from <= row.due);
        let wrong = judged.filter_map(|row| Some(format!("the tick of {} {}", row.due, case.wrong(row)?)));
        wrong.collect()
    })
}

/// The task with the part of its jitter by which this installation takes it up later, in the jitter's place.
fn with_its_own_delay(e: &Evidence, task: &Task) -> Task {
    let first = e.audit.first().map_or("", |entry| &entry.hash);
    let delay = Schedule::parse(&task.schedule, &task.zone).map_or(Duration::ZERO, |schedule| {
        let plain = schedule::Task { jitter: task.jitter, ..schedule::Task::plain(schedule) };
        plain.delay(first, &task.strategy)
    });
    Task { jitter: delay, ..task.clone() }
}

/// One strategy's ticks, and what they are held against.
struct Case<'a> {
    e: &'a Evidence,
    task: &'a Task,
    rows: &'a [TickRow],
    /// From when to when each of its runs was under way, by its id.
    runs: BTreeMap<&'a str, Time>,
    held: Held<'a>,
    expected: &'a BTreeSet<i64>,
    /// From when on nothing held each tick.
    free: BTreeMap<i64, i64>,
}

impl<'a> Case<'a> {
    fn of(
        e: &'a Evidence,
        task: &'a Task,
        rows: &'a [TickRow],
        (runs, gone): (&Runs<'a>, &Gone<'a>),
        expected: &'a BTreeSet<i64>,
    ) -> Self {
        let held = Held::of(e, task, runs, gone);
        let free = held.all_free(rows, expected);
        let runs = held.runs().map(|(time, id)| (id, time)).collect();
        Self { e, task, rows, runs, held, expected, free }
    }

    /// What is wrong with a row, if something is.
    fn wrong(&self, row: &TickRow) -> Option<String> {
        let wrong = match &row.fate {
            Fate::Ran => self.on_time(row),
            Fate::Moved { from } => self.on_time(row).and_then(|()| self.moved(row, from)),
            Fate::Late { by } => self.late(row, millis(*by)),
            Fate::Merged { into } => self.merged(row, *into),
            Fate::Missed { why } => self.missed(row, why),
            Fate::Skipped { why } => self.skipped(row, why),
            Fate::Gated { by } => self.gated(row, by),
            Fate::Paused { by, until } => self.paused(row, by, *until),
        };
        wrong.err().map(|why| format!("is {}: {why}", row.fate))
    }

    /// When it is taken up if nothing holds it. The first of all is at once.
    fn first(&self, due: Moment) -> i64 {
        let at_once = self.e.boots.first() == Some(&due);
        due.unix_ms() + if at_once { 0 } else { millis(self.task.jitter) }
    }

    /// From when on nothing held it.
    fn free(&self, due: Moment) -> i64 {
        let first = self.first(due);
        self.free.get(&due.unix_ms()).map_or(first, |free| first.max(*free))
    }

    /// The time in which it was decided.
    fn decided(&self, row: &TickRow) -> Time {
        (self.first(row.due), self.free(row.due) + SOON_MS)
    }

    /// When the tick after it is taken up.
    fn next(&self, due: Moment) -> Option<i64> {
        let next = self.expected.range(due.unix_ms() + 1..).next()?;
        Some(next + millis(self.task.jitter))
    }

    /// How much later than it should have, in milliseconds, its run began; `None` where that is not known.
    fn began_after(&self, row: &TickRow) -> Option<i64> {
        let (began, _) = self.runs.get(row.run.as_ref()?.as_str())?;
        Some(began - self.first(row.due))
    }

    fn on_time(&self, row: &TickRow) -> Result<(), String> {
        let on_time = 0..=millis(GRACE + A_MOMENT);
        let off = self.began_after(row).filter(|after| !on_time.contains(after));
        off.map_or(Ok(()), |after| Err(format!("its run began {after} ms after its time")))
    }

    fn moved(&self, row: &TickRow, from: &str) -> Result<(), String> {
        let left_out = || {
            let zone: chrono_tz::Tz = self.task.zone.parse().ok()?;
            let time = NaiveDateTime::parse_from_str(from, "%Y-%m-%dT%H:%M:%S").ok()?;
            let after = row.due.to_utc()?.with_timezone(&zone).naive_local() - time;
            let none = zone.from_local_datetime(&time).earliest().is_none();
            Some(none && after > Span::zero() && after <= Span::days(1))
        };
        if left_out() == Some(true) { Ok(()) } else { Err("no clock left that time out".to_owned()) }
    }

    fn late(&self, row: &TickRow, by: i64) -> Result<(), String> {
        let (first, free) = (self.first(row.due), self.free(row.due));
        let Some(after) = self.began_after(row) else { return Ok(()) };
        if (after - by).abs() > millis(A_MOMENT) {
            return Err(format!("its run began {after} ms after its time"));
        }
        if free <= first {
            return Err("nothing held it".to_owned());
        }
        if first + after > free + SOON_MS + millis(A_MOMENT) {
            return Err(format!("nothing held it after {}", Moment::from_unix_ms(free)));
        }
        Ok(())
    }

    fn merged(&self, row: &TickRow, into: Moment) -> Result<(), String> {
        if into <= row.due {
            return Err("that tick does not come after it".to_owned());
        }
        if self.task.missed == Missed::All {
            return Err("each missed tick is to run".to_owned());
        }
        if self.next(row.due).is_none_or(|next| self.free(row.due) + SOON_MS < next) {
            return Err("nothing held it until another was due".to_owned());
        }
        let held = self.first(row.due) < self.free(row.due);
        // One that is not decided yet comes after all that are.
        let decided = self.rows.last().is_some_and(|last| into <= last.due);
        match self.rows.iter().find(|row| row.from <= into && into <= row.due) {
            Some(later) if later.fate.started() => Ok(()),
            // One that waits when that is written down may come to nothing, but not for a run: it waits for that.
            Some(later) if for_a_run(&later.fate).is_none() && self.held.waits(into.unix_ms(), held) => {
                Ok(())
            }
            Some(later) => Err(format!("that tick is {}", later.fate)),
            None if decided => Err("that tick has no row".to_owned()),
            _ => Ok(()),
        }
    }

    fn missed(&self, row: &TickRow, why: &str) -> Result<(), String> {
        let (first, by) = self.decided(row);
        if self.free(row.due) <= first {
            return Err("nothing held it".to_owned());
        }
        let Some(why) = why.strip_prefix("it passed unseen, and ") else {
            return Err("nobody knows that reason".to_owned());
        };
        let after = |from: i64| self.expected.range(from..).take_while(|at| **at <= by).count();
        let newer = after(row.due.unix_ms() + 1);
        let cap = self.task.cap.clamp(1, schedule::CAP_MAX);
        let window = self.task.window.filter(|_| why.starts_with("is older than the window of "));
        let is_so = match why {
            "missed ticks are skipped" => self.task.missed == Missed::Skip,
            "the run for it did not start" => self.task.missed != Missed::All && self.next_ran_nothing(row),
            "too many came after it to be made up for" => after(self.undecided_from(row)) > LOOK_MAX,
            _ if window.is_some_and(|window| why.ends_with(&format!(" {}", show_span(window)))) => {
                window.is_some_and(|window| first + millis(window) < by)
            }
            _ if why == format!("no more than {cap} are made up for") => {
                self.task.missed == Missed::All && newer >= cap as usize
            }
            _ => return Err("no rule of its task says so".to_owned()),
        };
        if is_so { Ok(()) } else { Err("that was not so".to_owned()) }
    }

    /// Whether the run that was to stand for it, the next that was to begin, was kept back.
    fn next_ran_nothing(&self, row: &TickRow) -> bool {
        let later = self.rows.iter().skip_while(|other| other.due <= row.due);
        let mut later = later.filter(|row| !matches!(row.fate, Fate::Missed { .. }));
        later.next().is_some_and(|row| match &row.fate {
            // It would have waited for that.
            Fate::Skipped { .. } => for_a_run(&row.fate).is_none(),
            fate => matches!(fate, Fate::Gated { .. } | Fate::Paused { .. }),
        })
    }

    /// The first tick that may have been looked at together with this one.
    fn undecided_from(&self, row: &TickRow) -> i64 {
        let before = self.rows.iter().take_while(|other| other.due < row.due);
        let ran = before.filter(|row| row.fate.started()).last();
        ran.map_or(i64::MIN, |ran| ran.due.unix_ms() + 1)
    }
}

/// The run for which a tick is said to start nothing.
fn for_a_run(fate: &Fate) -> Option<&str> {
    let Fate::Skipped { why } = fate else { return None };
    why.strip_prefix("run ")?.strip_suffix(" was under way")
}
