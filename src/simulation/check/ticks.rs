//! Every tick that was due has its row; each started run is one record.

use std::collections::{BTreeMap, BTreeSet};

use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_core::run::{Outcome, RunRecord, Trigger};
use mm_core::schedule::{Schedule, parse_span};
use mm_services::records::{ScheduleRow, StrategyRow, TickRow};
use mm_store::Span;

use super::evidence::{Evidence, Task};

/// So soon a tick that is due is on record while a machine is up.
const SOON_MS: i64 = 60_000;

/// Every strategy that is switched on; others have ticks too, each skipped.
pub fn ticks(e: &Evidence) -> Vec<String> {
    of_each(e, |task, rows, runs| {
        let mut wrong = due(e, task, rows);
        wrong.extend(started(rows, runs, e.since().is_some()));
        wrong
    })
}

/// What is remembered of each strategy adds up with the rows.
pub(super) fn books(e: &Evidence) -> Vec<String> {
    of_each(e, |task, rows, runs| remembered(e, task, rows, runs))
}

type Runs<'a> = BTreeMap<&'a str, &'a RunRecord>;

/// Looks at each strategy with its own ticks and runs.
fn of_each(e: &Evidence, look: impl Fn(&Task, &[TickRow], &Runs<'_>) -> Vec<String>) -> Vec<String> {
    let mut wrong = Vec::new();
    let all_runs = e.runs();
    for task in &e.tasks {
        let rows = rows(e, task);
        let own = |(_, run): &(&String, &RunRecord)| run.strategy.as_str() == task.strategy;
        let runs: Runs<'_> = all_runs.iter().filter(own).map(|(id, run)| (id.as_str(), run)).collect();
        let say = |line: String| if e.tasks.len() == 1 { line } else { format!("{}: {line}", task.strategy) };
        wrong.extend(look(task, &rows, &runs).into_iter().map(say));
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

/// What was due has a row, and nothing else has.
fn due(e: &Evidence, task: &Task, rows: &[TickRow]) -> Vec<String> {
    let Some(first) = rows.first() else {
        return if e.at_rest { vec!["no tick at all is on record".to_owned()] } else { Vec::new() };
    };
    let mut wrong = Vec::new();
    let tidied = e.rows::<StrategyRow>().get(&task.strategy).map_or(0, |row| row.ticks_pruned);
    if e.since().is_none() && tidied == 0 && !e.boots.contains(&first.due) {
        wrong.push(format!("the first tick, {}, is at no start", first.due));
    }
    let soon = if e.at_rest { 0 } else { SOON_MS };
    let due: BTreeSet<i64> = rows.iter().map(|row| row.due.unix_ms()).collect();
    let expected = expected(task, first.from.unix_ms(), e.now.unix_ms());
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
    for missing in expected.difference(&due).filter(lacking).filter(|at| **at < e.now.unix_ms() - soon) {
        wrong.push(format!("the tick of {missing} was due and has no row"));
    }
    for surplus in due.difference(&expected) {
        wrong.push(format!("the tick of {surplus} was not due and has a row"));
    }
    wrong
}

/// The first tick, and every later one before now. An interval is counted from 1970; the rest is read by
/// the core, whose own tests hold it against an oracle.
fn expected(task: &Task, first: i64, now: i64) -> BTreeSet<i64> {
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

/// A tick that started a run and the run it started know each other. `recent`: only the latest are there.
fn started(rows: &[TickRow], runs: &Runs<'_>, recent: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    for row in rows {
        match (&row.run, row.fate.started()) {
            (Some(run), true) => match runs.get(run.as_str()).map(|run| &run.trigger) {
                Some(Trigger::Tick(at)) if *at == row.due => {}
                other => wrong.push(format!("the tick of {} started run {run}, found {other:?}", row.due)),
            },
            (None, false) => {}
            both => wrong.push(format!("the tick of {} says {both:?}", row.due)),
        }
    }
    let started: BTreeSet<&str> =
        rows.iter().filter_map(|row| row.run.as_ref()).map(|run| run.as_str()).collect();
    // A run that could not be taken up again is followed by a fresh one.
    let cut_off = |run: &&&RunRecord| run.outcome == Some(Outcome::Interrupted);
    let again: BTreeSet<String> =
        runs.values().filter(cut_off).map(|run| format!("{:?}", run.trigger)).collect();
    // Its tick may be older than those that are judged; and what a person decides starts a run too.
    let first = rows.first().map(|row| row.due);
    for (id, run) in runs.iter().filter(|(id, _)| !started.contains(*id)) {
        let explained = match &run.trigger {
            Trigger::Tick(at) => Some(*at) < first || again.contains(&format!("{:?}", run.trigger)),
            // One that is tried again names the run that failed, unless that is older.
            Trigger::Retry(of) => match runs.get(of.as_str()) {
                Some(of) => of.outcome == Some(Outcome::Failed),
                None => recent,
            },
            _ => true,
        };
        if !explained {
            wrong.push(format!("run {id} was started by no tick"));
        }
    }
    wrong
}

fn remembered(e: &Evidence, task: &Task, rows: &[TickRow], runs: &Runs<'_>) -> Vec<String> {
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
    same("runs", row.runs, runs.len());
    same("ended runs", row.ended, runs.values().filter(|run| run.outcome.is_some()).count());
    same("ticks", row.ticks - row.ticks_pruned, rows.len());
    let last = e.rows::<ScheduleRow>().get(&task.strategy).and_then(|row| row.last);
    if last != rows.iter().map(|row| row.due).max() {
        wrong.push(format!("the schedule was last due at {last:?}, the ledger ends elsewhere"));
    }
    wrong
}
