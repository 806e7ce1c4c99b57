//! Every tick that was due has its row; each started run is one record.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_core::run::{Outcome, RunRecord, Trigger};
use mm_core::schedule::{Hours, Schedule, parse_span};
use mm_services::records::{ScheduleRow, StrategyRow, TickRow};
use mm_store::Span;

use super::evidence::{Evidence, Task};
use super::held::{Held, millis};
use super::trail::RunTold;

/// Between a decision and what follows from it.
pub(super) const A_MOMENT: Duration = Duration::from_secs(1);

/// Every strategy that is switched on; others have ticks too, each skipped.
pub fn ticks(e: &Evidence) -> Vec<String> {
    of_each(e, |task, rows, runs, gone| {
        let Some(first) = rows.first() else {
            return if e.at_rest { vec!["no tick at all is on record".to_owned()] } else { Vec::new() };
        };
        let tidied = e.rows::<StrategyRow>().get(&task.strategy).map_or(0, |row| row.ticks_pruned);
        let earlier = e.since().is_some() || tidied > 0;
        let expected = expected(task, first.from.unix_ms(), e.now.unix_ms());
        let held = Held::of(e, task, runs, gone);
        let by = held.deadlines(rows, &expected);
        let mut wrong = due(e, rows, &expected, &by);
        if !earlier && !e.boots.contains(&first.due) {
            wrong.push(format!("the first tick, {}, is at no start", first.due));
        }
        wrong.extend(started(rows, runs, gone));
        wrong.extend(explained(rows, runs, gone, earlier));
        wrong.extend(in_time(task, runs, &expected));
        wrong
    })
}

/// What is remembered of each strategy adds up with the rows.
pub(super) fn books(e: &Evidence) -> Vec<String> {
    of_each(e, |task, rows, runs, gone| remembered(e, task, rows, runs, gone))
}

pub(super) type Runs<'a> = BTreeMap<&'a str, &'a RunRecord>;
/// Runs that were tidied away.
pub(super) type Gone<'a> = BTreeMap<&'a str, &'a RunTold>;

/// Looks at each strategy with its own ticks and runs.
pub(super) fn of_each(
    e: &Evidence,
    look: impl Fn(&Task, &[TickRow], &Runs<'_>, &Gone<'_>) -> Vec<String>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let (all_runs, all_gone) = (e.runs(), e.gone());
    for task in &e.tasks {
        let rows = rows(e, task);
        let own = |(_, run): &(&String, &RunRecord)| run.strategy.as_str() == task.strategy;
        let mut runs: Runs<'_> = all_runs.iter().filter(own).map(|(id, run)| (id.as_str(), run)).collect();
        // One that has just begun may not be in the trace yet.
        let begun: Vec<RunRecord> = rows
            .iter()
            .filter_map(|row| row.run.as_ref())
            .filter(|id| !runs.contains_key(id.as_str()))
            .filter_map(|id| e.run(id.as_str()))
            .collect();
        runs.extend(begun.iter().map(|run| (run.id.as_str(), run)));
        let say = |line: String| if e.tasks.len() == 1 { line } else { format!("{}: {line}", task.strategy) };
        let own = |(_, told): &(&&str, &&RunTold)| told.strategy == task.strategy;
        let gone: Gone<'_> = all_gone.iter().filter(own).map(|(id, told)| (*id, *told)).collect();
        wrong.extend(look(task, &rows, &runs, &gone).into_iter().map(say));
    }
    wrong
}

/// The rows of its ticks, of those that are judged.
fn rows(e: &Evidence, task: &Task) -> Vec<TickRow> {
    let prefix = format!("{}/", task.strategy);
    let after = e.since().map(|since| TickRow::row_id(&task.strategy, since));
    let span = Span::prefix(&prefix);
    let span = after.as_deref().map_or(span, |after| span.after(after));
    let scanned = e.store.scan::<TickRow>(&Space::default_owner(), span, usize::MAX);
    scanned.map(|scanned| scanned.into_values().collect()).unwrap_or_default()
}

/// What was due has one row or waits for its turn, and nothing else has one. `by`: when it must have it.
fn due(e: &Evidence, rows: &[TickRow], expected: &BTreeSet<i64>, by: &BTreeMap<i64, i64>) -> Vec<String> {
    let mut wrong = Vec::new();
    let now = e.now.unix_ms();
    let decided = rows.last().map_or(i64::MIN, |row| row.due.unix_ms());
    // They are decided in order: before the newest that is, none waits.
    let late = |at: i64| at < decided || by.get(&at).is_none_or(|by| *by < now);
    let due: BTreeSet<i64> = rows.iter().map(|row| row.due.unix_ms()).collect();
    // One row tells of a stretch of many; how many it says must be so.
    let stretches: Vec<&TickRow> = rows.iter().filter(|row| row.count > 1).collect();
    let told = |row: &TickRow| row.from.unix_ms()..=row.due.unix_ms();
    for row in &stretches {
        let there = expected.range(told(row)).count() as u64;
        if there != row.count {
            wrong.push(format!("the stretch to {} says {} ticks, {there} were due", row.due, row.count));
        }
    }
    let lacking = |at: &&i64| !stretches.iter().any(|row| told(row).contains(at));
    for missing in expected.difference(&due).filter(lacking).filter(|at| late(**at)) {
        let missing = Moment::from_unix_ms(*missing);
        wrong.push(format!("the tick of {missing} was due and has no row"));
    }
    for surplus in due.difference(expected) {
        let surplus = Moment::from_unix_ms(*surplus);
        wrong.push(format!("the tick of {surplus} was not due and has a row"));
    }
    for two in rows.windows(2).filter(|two| two[1].from <= two[0].due) {
        wrong.push(format!("the ticks of {} to {} have rows already", two[1].from, two[1].due));
    }
    wrong
}

/// The first tick, and every later one before now. An interval is counted from 1970; the rest is read by
/// the core, whose own tests hold it against an oracle.
pub(super) fn expected(task: &Task, first: i64, now: i64) -> BTreeSet<i64> {
    let mut expected = BTreeSet::from([first]);
    let interval = match task.schedule.as_str() {
        "@hourly" => Some(3_600_000),
        text => text
            .strip_prefix("every ")
            .and_then(|span| parse_span(span).ok())
            .and_then(|span| i64::try_from(span.as_millis()).ok()),
    };
    if let Some(ms) = interval {
        expected.extend((first.div_euclid(ms) + 1..).map(|n| n * ms).take_while(|at| *at < now));
    } else if let Ok(schedule) = Schedule::parse(&task.schedule, &task.zone) {
        let next = |at: &i64| schedule.next_after(Moment::from_unix_ms(*at)).map(Moment::unix_ms);
        expected.extend(std::iter::successors(next(&first), next).take_while(|at| *at < now));
    }
    expected
}

/// A tick that started a run and the run it started know each other.
fn started(rows: &[TickRow], runs: &Runs<'_>, gone: &Gone<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    for row in rows {
        match (&row.run, row.fate.started()) {
            (Some(run), true) if gone.contains_key(run.as_str()) => {}
            (Some(run), true) => match runs.get(run.as_str()).map(|run| &run.trigger) {
                Some(Trigger::Tick(at)) if *at == row.due => {}
                other => wrong.push(format!("the tick of {} started run {run}, found {other:?}", row.due)),
            },
            (None, false) => {}
            both => wrong.push(format!("the tick of {} says {both:?}", row.due)),
        }
    }
    wrong
}

/// Every run has what started it. `earlier`: there were ticks and runs before those that are judged.
fn explained(rows: &[TickRow], runs: &Runs<'_>, gone: &Gone<'_>, earlier: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let started: BTreeSet<&str> =
        rows.iter().filter_map(|row| row.run.as_ref()).map(|run| run.as_str()).collect();
    // A run that could not be taken up again is followed by a fresh one.
    let cut_off = |run: &RunRecord| run.outcome == Some(Outcome::Interrupted);
    let mut of_one_cause: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for run in runs.values() {
        let (all, cut) = of_one_cause.entry(format!("{:?}", run.trigger)).or_default();
        (*all, *cut) = (*all + 1, *cut + usize::from(cut_off(run)));
    }
    let first = rows.first().map(|row| row.from);
    let is_gone = |row: &TickRow| row.run.as_ref().is_some_and(|run| gone.contains_key(run.as_str()));
    let began_one_that_is_gone = |at: Moment| rows.iter().any(|row| row.due == at && is_gone(row));
    for (id, run) in runs.iter().filter(|(id, _)| !started.contains(*id)) {
        let cut = of_one_cause.get(&format!("{:?}", run.trigger)).is_some_and(|(_, cut)| *cut > 0);
        let known = match &run.trigger {
            Trigger::Tick(at) => (earlier && Some(*at) < first) || cut || began_one_that_is_gone(*at),
            // One that is tried again names the run that failed.
            Trigger::Retry(of) => match runs.get(of.as_str()) {
                Some(of) => of.outcome == Some(Outcome::Failed),
                None => earlier || gone.contains_key(of.as_str()),
            },
            // What a person or the platform decides starts a run too.
            Trigger::Operator | Trigger::Once | Trigger::Settled(_) => true,
        };
        if !known {
            wrong.push(format!("run {id} was started by no tick"));
        }
    }
    let by_person = |cause: &str| ["Operator", "Once"].contains(&cause);
    for (cause, (all, cut)) in of_one_cause.iter().filter(|(cause, _)| !by_person(cause)) {
        if *all > cut + 1 {
            wrong.push(format!("{cause} started {all} runs, and {cut} of them were cut off"));
        }
    }
    wrong
}

/// What the schedule starts keeps to the hours of its task, and what is tried again is not tried past the
/// tick that came next.
fn in_time(task: &Task, runs: &Runs<'_>, expected: &BTreeSet<i64>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (id, run) in runs {
        let (Trigger::Tick(_) | Trigger::Retry(_)) = run.trigger else { continue };
        // It was decided a moment before it began.
        let allowed = |hours: &Hours| hours.allow(run.started) || hours.allow(run.started.minus(A_MOMENT));
        if let Some(hours) = task.hours.as_ref().filter(|hours| !allowed(hours)) {
            wrong.push(format!("run {id} began at {} and not in the hours {hours}", run.started));
        }
        let Trigger::Retry(of) = &run.trigger else { continue };
        // A fresh run for one that was cut off has no tick to end it.
        let afresh = runs.values().any(|other| other.trigger == run.trigger && other.started < run.started);
        let failed = runs.get(of.as_str()).and_then(|of| of.ended).filter(|_| !afresh);
        let next = failed.and_then(|failed| expected.range(failed.unix_ms() + 1..).next());
        if next.is_some_and(|next| *next + millis(task.jitter) < run.started.unix_ms()) {
            wrong.push(format!("run {id} tries run {of} again after the tick that came next"));
        }
    }
    wrong
}

fn remembered(e: &Evidence, task: &Task, rows: &[TickRow], runs: &Runs<'_>, gone: &Gone<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    let strategies = e.rows::<StrategyRow>();
    let Some(row) = strategies.get(&task.strategy) else {
        return if e.at_rest { vec!["nothing is remembered of the strategy".to_owned()] } else { wrong };
    };
    let mut same = |what: &str, said: u64, is: usize| {
        if said != is as u64 {
            wrong.push(format!("the strategy's row says {said} {what}, there are {is}"));
        }
    };
    let ended = runs.values().filter(|run| run.outcome.is_some()).count();
    same("runs", row.runs, runs.len() + gone.len());
    same("ended runs", row.ended, ended + gone.len());
    same("ticks", row.ticks - row.ticks_pruned, rows.len());
    let last = e.rows::<ScheduleRow>().get(&task.strategy).and_then(|row| row.last);
    if last != rows.iter().map(|row| row.due).max() {
        wrong.push(format!("the schedule was last due at {last:?}, the ledger ends elsewhere"));
    }
    wrong
}
