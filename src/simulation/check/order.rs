//! What must be true of rows, requests, runs and the audit chain, whatever happened.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mm_core::activity::ActionRecord;
use mm_core::id::Space;
use mm_core::ledger::{Earning, Entry};
use mm_core::mark::Mark;
use mm_core::moment::Moment;
use mm_core::opportunity::{Opportunity, Step};
use mm_core::run::{RunRecord, StepRecord};
use mm_services::records::{
    AccountRow, AlertRow, ApprovalRow, ChangeRow, OpenRow, ScheduleRow, SettledTelling, Standing,
    StrategyRow, TickRow,
};
use mm_store::{Record, Span};

use super::evidence::Evidence;
use super::trail::{Audit, RunTold};
use super::{quota, ticks};

/// Where the scope files lie.
const SCOPE_FILES: &str = "https://raw.githubusercontent.com/";
/// Nothing in the machine waits longer for an answer that is on its way.
pub(super) const ANSWER_MS: i64 = 120_000;
/// No run takes longer, once it was begun or taken up again: the longest deadline of a strategy, and some.
const RUN_MAX: Duration = Duration::from_secs(3600);

/// Every row can be read, in whichever space it is, and exactly the changes that are not finished are flagged as such.
pub fn rows(e: &Evidence) -> Vec<String> {
    let mut wrong = flags(e);
    for space in [Space::default_owner(), Space::machine()] {
        wrong.extend(damaged::<Opportunity>(e, &space));
        wrong.extend(damaged::<Step>(e, &space));
        wrong.extend(damaged::<RunRecord>(e, &space));
        wrong.extend(damaged::<StepRecord>(e, &space));
        wrong.extend(damaged::<StrategyRow>(e, &space));
        wrong.extend(damaged::<ScheduleRow>(e, &space));
        wrong.extend(damaged::<TickRow>(e, &space));
        wrong.extend(damaged::<Earning>(e, &space));
        wrong.extend(damaged::<Entry>(e, &space));
        wrong.extend(damaged::<ActionRecord>(e, &space));
        wrong.extend(damaged::<OpenRow>(e, &space));
        wrong.extend(damaged::<ChangeRow>(e, &space));
        wrong.extend(damaged::<Mark>(e, &space));
        wrong.extend(damaged::<ApprovalRow>(e, &space));
        wrong.extend(damaged::<AccountRow>(e, &space));
        wrong.extend(damaged::<AlertRow>(e, &space));
    }
    wrong
}

fn flags(e: &Evidence) -> Vec<String> {
    let found = match e.store.unfinished::<ChangeRow>(&Space::default_owner(), |_, _| false) {
        Ok(found) => found,
        Err(error) => return vec![error.to_string()],
    };
    let damaged =
        found.damaged.iter().map(|row| format!("change {} waits and cannot be read: {row:?}", row.id));
    let flagged: BTreeSet<String> = found.rows.into_iter().map(|(id, _)| id).collect();
    let open = e.rows::<ChangeRow>().into_iter().filter(|(_, row)| is_open(&row.standing));
    let open: BTreeSet<String> = open.map(|(id, _)| id).collect();
    let wrong = open.symmetric_difference(&flagged);
    let wrong =
        wrong.map(|id| format!("change {id} is flagged as open if it is not, or not flagged if it is"));
    damaged.chain(wrong).collect()
}

/// Whether something is still to be done about a change, or told of it.
fn is_open(standing: &Standing) -> bool {
    match standing {
        Standing::Asked { .. } | Standing::Queued { .. } | Standing::Sending | Standing::Ambiguous => true,
        Standing::Settled { telling, .. } => match telling {
            SettledTelling::Due => true,
            SettledTelling::NotNeeded | SettledTelling::Told(_) => false,
        },
    }
}

fn damaged<R: Record>(e: &Evidence, space: &Space) -> Vec<String> {
    let kind = R::KIND.name;
    match e.store.scan::<R>(space, Span::all(), usize::MAX) {
        Ok(scanned) => scanned.damaged.iter().map(|row| format!("{kind}: {row:?} cannot be read")).collect(),
        Err(error) => vec![format!("{kind}: {error}")],
    }
}

/// The chain is whole, and holds every entry that was seen while it grew.
pub fn chain(e: &Evidence) -> Vec<String> {
    let recent = e.recent();
    let from = recent.first().map_or(1, |entry| entry.seq);
    let (report, page) = match (e.store.audit_verify(from), e.store.audit_range(from, usize::MAX)) {
        (Ok(report), Ok(page)) => (report, page),
        (Err(error), _) | (_, Err(error)) => return vec![error.to_string()],
    };
    let mut wrong: Vec<String> = report.broken.iter().map(ToString::to_string).collect();
    let stored: BTreeMap<u64, String> =
        page.rows.iter().map(|row| (row.entry.seq, row.entry.hash().to_string())).collect();
    for entry in recent {
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
    let mut permits: Vec<&Audit> = e.audit_of("action.permitted").collect();
    permits.sort_by_key(|permit| permit.at);
    let mut used = vec![false; permits.len()];
    // The intent of what was received earlier may not be among those that are judged.
    let judged = e.since_after(Duration::from_millis(ANSWER_MS as u64));
    for request in e.recent_requests().iter().filter(|request| request.at_ms >= judged.unix_ms()) {
        let at = Moment::from_unix_ms(request.at_ms);
        let shown = quota::shown(&request.url);
        let fits = |i: &usize| {
            let permit = permits[*i];
            !used[*i]
                && permit.epoch as usize == e.boot_at(at)
                && permit.text("url") == shown
                && permit.text("method") == request.method
        };
        let before = permits.partition_point(|permit| permit.at <= at);
        let since = permits.partition_point(|permit| permit.at.unix_ms() < request.at_ms - ANSWER_MS);
        match (since..before).rev().find(fits) {
            Some(i) => used[i] = true,
            None => wrong.push(format!("at {at} {} was asked for without an intent", request.url)),
        }
        if !may_be_asked(&request.url, &e.hosts) {
            wrong.push(format!("{} is none of the five files, nor at a platform with rules", request.url));
        }
    }
    // An intent that led to nothing is the mark of a kill, if it is not on record that nothing was sent.
    let unsent: Vec<&Audit> = e
        .audit_of("action.tried")
        .filter(|tried| tried.text("what").starts_with("nothing was sent"))
        .collect();
    for (permit, _) in permits.iter().zip(&used).filter(|(permit, used)| !**used && permit.at >= judged) {
        let soon = permit.at.plus(Duration::from_millis(ANSWER_MS as u64));
        let is_told = |tried: &&Audit| {
            tried.text("action") == permit.text("action") && (permit.at..=soon).contains(&tried.at)
        };
        if unsent.iter().any(is_told) {
            continue;
        }
        if !e.ended_within(permit.at, soon) && (e.at_rest || soon < e.now) {
            wrong.push(format!("the intent of {} led to no request", permit.text("action")));
        }
    }
    wrong
}

fn may_be_asked(url: &str, hosts: &[String]) -> bool {
    if url.starts_with(SCOPE_FILES) {
        return url.ends_with("_data.json");
    }
    let host = url.strip_prefix("https://").and_then(|rest| rest.split('/').next());
    host.is_some_and(|host| hosts.iter().any(|known| known == host))
}

/// Every run ended once, and left nothing half done.
pub fn runs(e: &Evidence) -> Vec<String> {
    let mut wrong = Vec::new();
    let runs = e.runs();
    for (id, run) in &runs {
        let RunTold { started, resumed, ended, .. } = e.told.get(id).cloned().unwrap_or_default();
        if is_under_way(e, id, run) && ended == 0 && started == 1 {
            continue;
        }
        if run.outcome.is_none() || run.ended.is_none() || ended != 1 || started != 1 {
            wrong.push(format!("run {id} was started {started} and ended {ended} times: {:?}", run.outcome));
        }
        if run.attempt as usize != resumed + 1 {
            wrong.push(format!("run {id} was taken up {} times and resumed {resumed}", run.attempt));
        }
    }
    let (started, gone) = (e.audit_of("run.started").count(), e.gone());
    if started != runs.len() + gone.len() {
        wrong.push(format!("{started} runs were started and {} are on record", runs.len()));
    }
    if e.since().is_none() {
        let tidied = e.tidied_runs();
        if gone.len() as u64 != tidied {
            wrong.push(format!("{} runs are gone and {tidied} were tidied away", gone.len()));
        }
        let found = runs.values().map(|run| u64::from(run.found)).sum::<u64>()
            + gone.values().map(|told| told.found).sum::<u64>();
        let there = e.opportunities().len();
        if found != there as u64 {
            wrong.push(format!("runs found {found} opportunities, {there} are there"));
        }
        wrong.extend(ticks::books(e));
    }
    if e.at_rest {
        wrong.extend(left_over(e));
    }
    wrong
}

/// Whether a run may not have ended yet.
fn is_under_way(e: &Evidence, id: &str, run: &RunRecord) -> bool {
    let taken_up = e.told.get(id).and_then(|told| told.taken_up).max(e.boots.last().copied());
    !e.at_rest && run.outcome.is_none() && taken_up.is_some_and(|at| e.now.since(at) < RUN_MAX)
}

/// What is half done where nothing should be.
fn left_over(e: &Evidence) -> Vec<String> {
    let mut wrong = Vec::new();
    for space in [Space::machine(), Space::default_owner()] {
        match e.store.scan::<OpenRow>(&space, Span::all(), usize::MAX) {
            Ok(open) => wrong.extend(open.rows.iter().map(|(id, _)| format!("action {id} is open still"))),
            Err(error) => wrong.push(error.to_string()),
        }
    }
    wrong.extend(e.rows::<StepRecord>().keys().map(|id| format!("step {id} outlived its run")));
    wrong
}
