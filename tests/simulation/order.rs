//! What must be true of requests, ticks, runs and the audit chain, whatever happened.

use std::collections::{BTreeMap, BTreeSet};

use mm_core::id::Space;
use mm_core::run::{Outcome, RunRecord, StepRecord, Trigger};
use mm_services::records::{OpenRow, ScheduleRow, StrategyRow, TickRow};
use mm_store::Span;
use money_machine::simulation::LAG_MAX;

use crate::evidence::Evidence;

const HOUR_MS: i64 = 3_600_000;
/// Nothing in the machine waits longer for an answer that is on its way.
const ANSWER_MS: i64 = 120_000;

/// The chain is whole, and holds every entry that was seen while it grew.
pub fn chain(e: &Evidence) -> Vec<String> {
    let report = e.store.audit_verify(1).unwrap();
    let mut wrong: Vec<String> = report.broken.iter().map(ToString::to_string).collect();
    let stored: BTreeMap<u64, String> = e
        .store
        .audit_range(1, usize::MAX)
        .unwrap()
        .rows
        .iter()
        .map(|row| (row.entry.seq, row.entry.hash().to_string()))
        .collect();
    for entry in &e.audit {
        if stored.get(&entry.seq) != Some(&entry.hash) {
            wrong.push(format!("audit entry {} was acknowledged and is not there any more", entry.seq));
        }
    }
    wrong
}

/// Every request has an intent of its own before it, and went where requests may go.
pub fn requests(e: &Evidence) -> Vec<String> {
    let mut wrong = Vec::new();
    if e.received_total != e.received.len() as u64 {
        wrong.push(format!("the log holds {} of {} requests", e.received.len(), e.received_total));
    }
    let known: BTreeSet<&str> = e.audit_of("action.permitted").map(|entry| entry.text("url")).collect();
    let permits: Vec<_> = e.audit_of("action.permitted").collect();
    let mut used = vec![false; permits.len()];
    for request in &e.received {
        let at = mm_core::moment::Moment::from_unix_ms(request.at_ms);
        let fits = |i: &usize| {
            let permit = permits[*i];
            !used[*i]
                && permit.at <= at
                && request.at_ms - permit.at.unix_ms() <= ANSWER_MS
                && permit.epoch as usize == e.boot_at(at)
                && permit.text("url") == request.url
                && permit.text("method") == request.method
        };
        match (0..permits.len()).rev().find(fits) {
            Some(i) => used[i] = true,
            None => wrong.push(format!("at {at} {} was asked for without an intent", request.url)),
        }
        if !request.url.ends_with("_data.json") || !known.contains(request.url.as_str()) {
            wrong.push(format!("{} is none of the five files", request.url));
        }
    }
    // An intent that led to nothing is the mark of a kill.
    for (permit, _) in permits.iter().zip(&used).filter(|(_, used)| !**used) {
        let soon = permit.at.plus(std::time::Duration::from_millis(ANSWER_MS as u64));
        if !e.ended_within(permit.at, soon) {
            wrong.push(format!("the intent of {} led to no request", permit.text("action")));
        }
    }
    wrong
}

/// In any window of a limit's length no more requests arrived than it allows. A request is charged when
/// it is permitted and arrives up to a lag later, so that a window is shorter by that here.
pub fn limits(e: &Evidence) -> Vec<String> {
    let mut wrong = Vec::new();
    let times: Vec<i64> = e.received.iter().map(|request| request.at_ms).collect();
    let permits: Vec<i64> = e.audit_of("action.permitted").map(|entry| entry.at.unix_ms()).collect();
    let lag_ms = i64::try_from(LAG_MAX.as_millis()).unwrap();
    for (max, per_ms) in &e.limits {
        for (name, times, per_ms) in [("requests", &times, per_ms - lag_ms), ("permits", &permits, *per_ms)] {
            let over = times.windows(max + 1).find(|window| window[*max] - window[0] <= per_ms);
            if let Some(window) = over {
                wrong.push(format!("{} {name} within {per_ms} ms at {}, {max} allowed", max + 1, window[0]));
            }
        }
    }
    wrong
}

/// The ticks of the strategy that is switched on; others have theirs too, each skipped.
fn ticks_of_the_watch(e: &Evidence) -> BTreeMap<String, TickRow> {
    let mut ticks = e.rows::<TickRow>();
    ticks.retain(|id, _| id.starts_with("bug-bounty/"));
    ticks
}

/// Every tick that was due has its row; each started run is one record, and has ended.
pub fn ticks(e: &Evidence) -> Vec<String> {
    let mut wrong = Vec::new();
    let rows: Vec<TickRow> = ticks_of_the_watch(e).into_values().collect();
    let Some(first) = rows.first() else { return vec!["no tick at all is on record".to_owned()] };
    if !e.boots.contains(&first.due) {
        wrong.push(format!("the first tick, {}, is at no start", first.due));
    }
    let due: BTreeSet<i64> = rows.iter().map(|row| row.due.unix_ms()).collect();
    let from = first.due.unix_ms().div_euclid(HOUR_MS) + 1;
    let mut expected: BTreeSet<i64> =
        (from..).map(|hour| hour * HOUR_MS).take_while(|at| *at < e.now.unix_ms()).collect();
    expected.insert(first.due.unix_ms());
    for missing in expected.difference(&due) {
        wrong.push(format!("the tick of {missing} was due and has no row"));
    }
    for surplus in due.difference(&expected) {
        wrong.push(format!("the tick of {surplus} was not due and has a row"));
    }
    let runs = e.runs();
    for row in &rows {
        match (&row.run, &row.skipped) {
            (Some(run), None) => match runs.get(run.as_str()).map(|run| &run.trigger) {
                Some(Trigger::Tick(at)) if *at == row.due => {}
                other => wrong.push(format!("the tick of {} started run {run}, found {other:?}", row.due)),
            },
            (None, Some(_)) => {}
            both => wrong.push(format!("the tick of {} says {both:?}", row.due)),
        }
    }
    let started: BTreeSet<&str> =
        rows.iter().filter_map(|row| row.run.as_ref()).map(|run| run.as_str()).collect();
    // A run that could not be taken up again is followed by a fresh one.
    let cut_off = |run: &&RunRecord| run.outcome == Some(Outcome::Interrupted);
    let again: BTreeSet<String> =
        runs.values().filter(cut_off).map(|run| format!("{:?}", run.trigger)).collect();
    for (id, run) in runs.iter().filter(|(id, _)| !started.contains(id.as_str())) {
        if !again.contains(&format!("{:?}", run.trigger)) {
            wrong.push(format!("run {id} was started by no tick"));
        }
    }
    wrong
}

/// Every run ended once, and left nothing half done.
pub fn runs(e: &Evidence) -> Vec<String> {
    let mut wrong = Vec::new();
    let runs = e.runs();
    for (id, run) in &runs {
        let of_run = |kind: &str| e.audit_of(kind).filter(|entry| entry.text("run") == *id).count();
        let ends = ["succeeded", "failed", "interrupted", "stuck", "cancelled"];
        let ends: usize = ends.iter().map(|end| of_run(&format!("run.{end}"))).sum();
        let (started, resumed) = (of_run("run.started"), of_run("run.resumed"));
        if run.outcome.is_none() || run.ended.is_none() || ends != 1 || started != 1 {
            wrong.push(format!("run {id} was started {started} and ended {ends} times: {:?}", run.outcome));
        }
        if run.attempt as usize != resumed + 1 {
            wrong.push(format!("run {id} was taken up {} times and resumed {resumed}", run.attempt));
        }
    }
    let started = e.audit_of("run.started").count();
    if started != runs.len() {
        wrong.push(format!("{started} runs were started and {} are on record", runs.len()));
    }
    let found: u32 = runs.values().map(|run| run.found).sum();
    if found as usize != e.opportunities().len() {
        wrong.push(format!("runs found {found} opportunities, {} are there", e.opportunities().len()));
    }
    for space in [Space::machine(), Space::default_owner()] {
        for (id, _) in e.store.scan::<OpenRow>(&space, Span::all(), usize::MAX).unwrap().rows {
            wrong.push(format!("action {id} is open still"));
        }
    }
    wrong.extend(e.rows::<StepRecord>().keys().map(|id| format!("step {id} outlived its run")));
    wrong.extend(books(e, &runs));
    wrong
}

/// What is remembered of the strategy adds up with the rows.
fn books(e: &Evidence, runs: &BTreeMap<String, RunRecord>) -> Vec<String> {
    let mut wrong = Vec::new();
    let Some(row) = e.rows::<StrategyRow>().into_values().next() else {
        return vec!["nothing is remembered of the strategy".to_owned()];
    };
    let ticks = ticks_of_the_watch(e);
    let mut same = |what: &str, said: u64, is: usize| {
        if said != is as u64 {
            wrong.push(format!("the strategy's row says {said} {what}, there are {is}"));
        }
    };
    same("runs", row.runs, runs.len());
    same("ended runs", row.ended, runs.values().filter(|run| run.outcome.is_some()).count());
    same("ticks", row.ticks - row.ticks_pruned, ticks.len());
    let last = e.rows::<ScheduleRow>().into_values().next().and_then(|row| row.last);
    if last != ticks.values().map(|row| row.due).max() {
        wrong.push(format!("the schedule was last due at {last:?}, the ledger ends elsewhere"));
    }
    wrong
}
