//! What a host tells its owner when a run has ended: alerts that are raised, and alerts that end.
//!
//! Nothing here is needed for the record to be true: it is all said again of the next run.

use std::collections::BTreeSet;
use std::time::Duration;

use mm_core::breaker::State as BreakerState;
use mm_core::moment::Moment;
use mm_core::run::{Outcome, RunRecord, SourceHealth, SourceReport};
use mm_core::untrusted::Untrusted;
use mm_store::Span;

use super::commit::{Ended, Prepared};
use super::quarantine;
use super::state::Host;
use crate::books::ledger;
use crate::records::{AlertRow, QuarantineRow};

/// A source that failed in so many runs in a row is told of …
const FAILED_RUNS: usize = 3;
/// … or one that failed in all runs for so long.
const FAILED_FOR: Duration = Duration::from_secs(24 * 3600);
/// The newest runs, of all strategies, among which a source's failures are counted.
const RUNS_LOOKED_AT: usize = 200;
/// Alerts of its own that one run may raise.
const ALERTS_MAX: usize = 32;
/// Alerts of its own of which one run may say that they are over.
const OVER_MAX: usize = 128;
/// Of so many alerts that tell of a sum that differs a run says that they are over.
const DIFFERING_LOOKED_AT: usize = 1_000;

/// Says aloud what was committed.
pub(super) fn tell(host: &Host, prepared: &Prepared, ended: &Ended) {
    let (run, merged) = (&prepared.run, &prepared.merged);
    let errors = run.errors.len();
    tracing::info!(run = %run.id, outcome = ended.outcome.as_str(), found = merged.found, errors, "a run ended");
    for error in &run.errors {
        tracing::warn!(run = %run.id, error, "the run says");
    }
    outcome(host, run, ended);
    breaker(host, prepared);
    no_account(host, prepared);
    differing(host, prepared, ended);
    quarantined(host, prepared.set_aside.as_ref());
    // A strategy builds names and sentences from what it read.
    let name = |about: &str| format!("strategy/{}/{}", host.id, Untrusted::new(about).line(120));
    // First what is over: what is told of it in the same run is news.
    for about in ended.drafts.over.iter().take(OVER_MAX) {
        host.alerts.clear(&host.space, name(about));
    }
    for alert in ended.drafts.alerts.iter().take(ALERTS_MAX) {
        host.alerts.raise(&host.space, name(&alert.about), Untrusted::new(&alert.sentence).line(300));
    }
    for source in &run.sources {
        tell_source(host, run, source);
    }
    let found = format!("found/{}", host.id);
    match merged.told.first() {
        Some(best) => {
            let many = merged.told.len();
            let sentence = format!("{many} new opportunities, the best: {best} (see `opportunities list`)");
            host.alerts.raise(&host.space, found, sentence);
        }
        None if run.outcome == Some(Outcome::Succeeded) => host.alerts.clear(&host.space, found),
        None => {}
    }
}

/// Tells of an input that was set aside.
pub(super) fn quarantined(host: &Host, set_aside: Option<&(String, QuarantineRow)>) {
    if let Some((input, row)) = set_aside {
        let about = quarantine::alert_about(&host.id, input);
        host.alerts.raise(&host.space, about, quarantine::sentence(&host.id, input, row));
    }
}

fn outcome(host: &Host, run: &RunRecord, ended: &Ended) {
    let failed = format!("run-failed/{}", host.id);
    if let Some(why) = ended.stopped_itself() {
        let sentence = format!(
            "strategy `{0}` stopped itself: {why}; when that is put right, `strategy resume {0}` lets it go on",
            host.id
        );
        host.alerts.raise(&host.space, format!("stopped/{}", host.id), sentence);
        return;
    }
    match ended.outcome {
        Outcome::Succeeded => {
            host.alerts.clear(&host.space, failed);
            host.alerts.clear(&host.space, format!("stuck/{}", host.id));
        }
        Outcome::Failed | Outcome::Cancelled => {
            let why = run.errors.first().map_or("no reason was given", String::as_str);
            let how = ended.outcome.as_str();
            host.alerts.raise(&host.space, failed, format!("run {} of `{}` {how}: {why}", run.id, host.id));
        }
        Outcome::Stuck => {
            let why = run.errors.first().map_or("it never yields", String::as_str);
            let sentence = format!("run {} of `{}` is stuck: {why}", run.id, host.id);
            host.alerts.raise(&host.space, format!("stuck/{}", host.id), sentence);
        }
        Outcome::Interrupted => {}
    }
}

fn breaker(host: &Host, prepared: &Prepared) {
    let about = format!("breaker/{}", host.id);
    match (prepared.row.breaker.state(), prepared.run.outcome) {
        (BreakerState::Open { until, why }, Some(Outcome::Failed | Outcome::Stuck)) => {
            let until = until.map(|at| format!(" until {at}")).unwrap_or_default();
            let sentence = format!(
                "the breaker of strategy `{0}` is open{until} ({why}); `strategy resume {0}` tries it at once",
                host.id
            );
            host.alerts.raise(&host.space, about, sentence);
        }
        (BreakerState::Closed { .. }, Some(Outcome::Succeeded)) => host.alerts.clear(&host.space, about),
        _ => {}
    }
}

/// An account that does not exist is not waited for: the next run would meet the same.
fn no_account(host: &Host, prepared: &Prepared) {
    let about = format!("no-account/{}", host.id);
    match &prepared.no_account {
        Some(why) => {
            host.alerts.raise(&host.space, about, format!("`{}` reads nothing with it: {why}", host.id))
        }
        None if prepared.run.outcome == Some(Outcome::Succeeded) => host.alerts.clear(&host.space, about),
        None => {}
    }
}

/// Tells where a platform's sum is not that of the books, until it is again.
fn differing(host: &Host, prepared: &Prepared, ended: &Ended) {
    for (about, sentence) in prepared.differing.iter().take(ALERTS_MAX) {
        host.alerts.raise(&host.space, about.as_str(), sentence.as_str());
    }
    if ended.drafts.earnings.is_empty() {
        return;
    }
    // Unread, it is over later.
    let (store, begins) = (&host.shared.store, ledger::abouts(&host.id));
    let told = store.scan::<AlertRow>(&host.space, Span::prefix(&begins), DIFFERING_LOOKED_AT);
    let Ok(told) = told else { return };
    let open = told.rows.into_iter().filter(|(_, row)| row.value.cleared_at.is_none());
    let differs = |about: &String| prepared.differing.iter().any(|(differing, _)| differing == about);
    let open: BTreeSet<String> = open.map(|(about, _)| about).filter(|about| !differs(about)).collect();
    if open.is_empty() {
        return;
    }
    let read = ended.drafts.earnings.iter().map(|earned| ledger::about(&host.id, earned));
    read.filter(|about| open.contains(about)).for_each(|about| host.alerts.clear(&host.space, about));
}

fn tell_source(host: &Host, run: &RunRecord, source: &SourceReport) {
    let name = Untrusted::new(&source.name).line(64);
    let (about, said) = (format!("source/{}/{name}", host.id), Untrusted::new(&source.sentence).line(300));
    match source.health {
        SourceHealth::Broken | SourceHealth::Stale => {
            host.alerts.raise(&host.space, about, format!("source {name}: {said}"));
        }
        SourceHealth::Fresh | SourceHealth::Unchanged => host.alerts.clear(&host.space, about),
        SourceHealth::Failed => {
            if let Some((runs, since)) = failing(host, &source.name)
                && (runs >= FAILED_RUNS || run.started.since(since) >= FAILED_FOR)
            {
                let sentence = format!("source {name} was not read in {runs} runs since {since}: {said}");
                host.alerts.raise(&host.space, about, sentence);
            }
        }
    }
}

/// In how many of the newest runs that speak of it, one after the other, a source failed, and when the
/// first of them began.
fn failing(host: &Host, source: &str) -> Option<(usize, Moment)> {
    let newest = Span::all().descending();
    // Unread, it is told of later.
    let runs = host.shared.store.scan::<RunRecord>(&host.space, newest, RUNS_LOOKED_AT).ok()?;
    let health = |run: RunRecord| {
        let found = run.sources.iter().find(|report| report.name == source)?.health;
        (run.strategy == host.id).then_some((run.started, found))
    };
    let failed =
        runs.into_values().filter_map(health).take_while(|(_, health)| *health == SourceHealth::Failed);
    let began: Vec<Moment> = failed.map(|(started, _)| started).collect();
    Some((began.len(), *began.last()?))
}
