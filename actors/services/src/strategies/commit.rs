//! The change a host commits at the end of a run.

use mm_core::error::ErrorClass;
use mm_core::opportunity::Who;
use mm_core::run::{Outcome, RunRecord, SourceReport, StepOutcome, StepRecord, Trigger};
use mm_core::untrusted::Untrusted;
use mm_sdk::{Drafts, Report};
use mm_store::{Change, ChangeError, Key, NewEntry, ReadError, Record, Span, Unreadable};
use mm_supervision::Fault;
use serde_json::json;

use super::execute::RunEnd;
use super::judge_run;
use super::quarantine::{self, LayError, Suspect};
use super::state::{Host, State};
use crate::books::ledger::Ledger;
use crate::books::{self, Merged};
use crate::records::{CrashRow, ITSELF, Pause, QuarantineRow, RetryRow, StrategyRow};

/// How a run ended, and what is to be committed of it.
pub(super) struct Ended {
    pub(super) outcome: Outcome,
    class: ErrorClass,
    /// It said itself what kind of trouble it met.
    told: bool,
    errors: Vec<String>,
    report: Report,
    pub(super) drafts: Drafts,
    /// What it crashed over, if it crashed with something in hand.
    suspect: Option<Suspect>,
    /// What is kept of its crash.
    crash: Option<CrashRow>,
    /// Inputs that crashed an earlier run and did this one no harm.
    unharmed: Vec<String>,
    /// A fresh run stands for it, with this trigger.
    afresh: Option<Trigger>,
}

impl Ended {
    /// From what its thread gave back.
    pub(super) fn of(end: RunEnd) -> Self {
        match end {
            RunEnd::Finished { report, drafts } => Self {
                errors: bounded(&report.errors),
                report,
                drafts,
                ..Self::without_result(Outcome::Succeeded, String::new())
            },
            RunEnd::Failed { class, sentence } => {
                let sentence = bounded(&[sentence]).remove(0);
                Self { class, told: true, ..Self::without_result(Outcome::Failed, sentence) }
            }
            RunEnd::Panicked(panic) => {
                let sentence = format!("the strategy panicked: {}", panic.said);
                Self::without_result(Outcome::Failed, bounded(&[sentence]).remove(0))
            }
            RunEnd::DeadlinePassed => {
                Self::without_result(Outcome::Cancelled, "it was cancelled: its deadline passed".to_owned())
            }
            RunEnd::Diverged(step) => Self::without_result(
                Outcome::Interrupted,
                format!(
                    "step `{step}` proposes another action than before it was cut off; a fresh run starts"
                ),
            ),
        }
    }

    /// Its last sentence, if it met what will not pass: it then rests until a person acts.
    pub(super) fn stopped_itself(&self) -> Option<&str> {
        let fatal = self.outcome == Outcome::Failed && self.class == ErrorClass::Fatal;
        fatal.then(|| self.errors.first().map_or("no reason was given", String::as_str))
    }

    /// Adds what the machine has to say of it. Comes first, so that a long list does not cut it off.
    pub(super) fn note(&mut self, sentence: String) {
        self.errors.insert(0, sentence);
    }

    /// With what it crashed over and what is kept of that.
    pub(super) fn crashed(mut self, suspect: Option<Suspect>, crash: Option<CrashRow>) -> Self {
        (self.suspect, self.crash) = (suspect, crash);
        self
    }

    /// With the inputs that crashed an earlier run and that it had in hand.
    pub(super) fn having_met(mut self, met: Vec<String>) -> Self {
        if self.outcome == Outcome::Succeeded {
            self.unharmed = met;
        }
        self
    }

    /// With a fresh run after it, on record together with its end.
    pub(super) fn afresh(mut self, trigger: Option<Trigger>) -> Self {
        self.afresh = trigger;
        self
    }

    /// With nothing of it but that it is over, and what is to follow.
    pub(super) fn bare(self, why: String) -> Self {
        Self { afresh: self.afresh, ..Self::without_result(self.outcome, why) }
    }

    /// Without what it gave, as that cannot be stored: what it crashed over, and how it ended if not well,
    /// is told all the same.
    pub(super) fn without_what_it_gave(self, why: String) -> Self {
        if self.outcome == Outcome::Succeeded {
            return Self::without_result(Outcome::Failed, why);
        }
        let Self { outcome, class, mut errors, suspect, crash, afresh, .. } = self;
        errors.push(why);
        Self { class, errors, suspect, crash, afresh, ..Self::without_result(outcome, String::new()) }
    }

    /// An end that leaves nothing to commit but itself.
    pub(super) fn without_result(outcome: Outcome, why: String) -> Self {
        Self {
            outcome,
            class: ErrorClass::Transient,
            told: false,
            errors: vec![why],
            report: Report::default(),
            drafts: Drafts::default(),
            suspect: None,
            crash: None,
            unharmed: Vec::new(),
            afresh: None,
        }
    }
}

/// Sentences of one run that are kept, and the length of each: all of them fit into an audit entry.
const ERRORS_MAX: usize = 32;
const ERROR_CHARS_MAX: usize = 300;

/// A strategy builds its sentences from what it read: each is made one harmless line.
fn bounded(errors: &[String]) -> Vec<String> {
    let line = |text: &String| Untrusted::new(text).line(ERROR_CHARS_MAX);
    let mut kept: Vec<String> = errors.iter().take(ERRORS_MAX).map(line).collect();
    if let Some(more) = errors.len().checked_sub(ERRORS_MAX).filter(|more| *more > 0) {
        kept.push(format!("and {more} more"));
    }
    kept
}

/// Why the end of a run cannot be put together.
pub(super) enum NotPrepared {
    /// What the strategy gave cannot be stored; one sentence.
    Unstorable(String),
    /// What it rests on does not open.
    Damaged(Key, Unreadable),
    /// The machine itself failed.
    Broken(Fault),
}

impl From<ReadError> for NotPrepared {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Row { key, what } => NotPrepared::Damaged(key, what),
            error => NotPrepared::Broken(error.into()),
        }
    }
}

impl From<ChangeError> for NotPrepared {
    fn from(error: ChangeError) -> Self {
        NotPrepared::Unstorable(format!("what it found cannot be stored: {}", Fault::from(error).reason))
    }
}

impl From<LayError> for NotPrepared {
    fn from(error: LayError) -> Self {
        match error {
            LayError::Read(error) => error.into(),
            LayError::Change(error) => error.into(),
        }
    }
}

/// The end of a run, ready to commit.
pub(super) struct Prepared {
    /// Everything.
    pub(super) change: Change,
    /// The strategy's row after it.
    pub(super) row: StrategyRow,
    /// The run's record after it.
    pub(super) run: RunRecord,
    pub(super) merged: Merged,
    /// The input that is set aside by it.
    pub(super) set_aside: Option<(String, QuarantineRow)>,
    /// What begins after it at a time of its own, if something does.
    pub(super) retry: Option<RetryRow>,
    /// The first sentence about an account that the run named and that does not exist.
    pub(super) no_account: Option<String>,
    /// What alerts are about, and say, of earnings whose sum at the platform is not that of the books.
    pub(super) differing: Vec<(String, String)>,
}

/// New snapshot, opportunities, ledger entries, run record, and the journal's end, in one change.
pub(super) fn end(
    host: &Host,
    state: &State,
    run: RunRecord,
    version: Option<u64>,
    generation: u64,
    ended: &Ended,
) -> Result<Prepared, NotPrepared> {
    let (space, now, store) = (&host.space, host.shared.now(), &host.shared.store);
    let mut merged = books::merge(store, space, &host.id, &ended.drafts.opportunities, now)?;
    let mut ledger = Ledger::of(store, space, now);
    let left_out = ledger.take_all(&host.id, &ended.drafts.earnings)?;
    let by = Who::Run(run.id.clone());
    merged.follow(&ledger, &by)?;
    let run = RunRecord {
        ended: Some(now),
        outcome: Some(ended.outcome),
        found: merged.found,
        errors: bounded(&[ended.errors.as_slice(), &left_out.sentences].concat()),
        sources: ended.report.sources.clone(),
        metrics: ended.report.metrics.clone(),
        ..run
    };
    let mut row = after(&state.row, &run, ended);
    let (crashed, set_aside) = crashes(host, &run, ended)?;
    // A crash that sets its input aside says no more about the strategy: the next run goes without it.
    let judged = if set_aside.is_some() { Outcome::Interrupted } else { ended.outcome };
    judge_run(&mut row.breaker, judged, ended.class, generation, now);
    let stopped = ended.stopped_itself();
    if let Some(why) = stopped {
        row.paused =
            Some(Pause { reason: why.to_owned(), by: ITSELF.to_owned(), since: Some(now), until: None });
    }
    let retry = match &ended.afresh {
        Some(trigger) => Some(RetryRow { trigger: trigger.clone(), at: now, until: None }),
        None if ended.outcome == Outcome::Failed && ended.told => {
            host.tried_again(state, &run, ended.class, &row)?
        }
        None => None,
    };
    let key = Key::new(space, RunRecord::KIND, run.id.as_str()).map_err(ChangeError::from)?;
    let change = match version {
        Some(version) => merged.change(space)?.expect_version(key, version),
        None => merged.change(space)?.expect_absent(key),
    };
    let earned = ledger.change(&by)?;
    let mut change = change.put(space, run.id.as_str(), &run)?.and(crashed).and(earned);
    if let Some(row) = &retry {
        change = change.put(space, host.id.as_str(), row)?;
    }
    if let Some((schema, bytes)) = &ended.drafts.snapshot {
        row.snapshot_generation += 1;
        change = change.put_snapshot(space, host.id.as_str(), row.snapshot_generation, *schema, bytes)?;
    }
    let steps = store.scan::<StepRecord>(space, Span::prefix(&format!("{}/", run.id)), usize::MAX)?;
    let no_account = steps.rows.iter().find_map(|(_, row)| match &row.value.outcome {
        StepOutcome::Refused(refusal) if refusal.is_of_no_account() => Some(refusal.why.clone()),
        _ => None,
    });
    let damaged = steps.damaged.into_iter().map(|row| row.id);
    for id in steps.rows.into_iter().map(|(id, _)| id).chain(damaged) {
        change = change.delete(Key::new(space, StepRecord::KIND, &id).map_err(ChangeError::from)?);
    }
    let payload = json!({
        "run": run.id.as_str(),
        "strategy": host.id.as_str(),
        "outcome": ended.outcome.as_str(),
        "actions": run.actions,
        "found": run.found,
        "errors": run.errors,
    });
    change = change.audit(NewEntry::new(now, space, &format!("run.{}", ended.outcome.as_str()), &payload)?);
    if let Some(why) = stopped {
        let payload = json!({ "strategy": host.id.as_str(), "reason": why, "by": ITSELF });
        change = change.audit(NewEntry::new(now, space, "strategy.paused", &payload)?);
    }
    let differing = left_out.differing;
    Ok(Prepared { change, row, run, merged, set_aside, retry, no_account, differing })
}

/// What a run's crash adds to the change: the flight recorder's row, and the count of what it had in hand.
fn crashes(
    host: &Host,
    run: &RunRecord,
    ended: &Ended,
) -> Result<(Change, Option<(String, QuarantineRow)>), NotPrepared> {
    let (space, now) = (&host.space, host.shared.now());
    let mut change = quarantine::cleared(space, &host.id, &ended.unharmed)?;
    if let Some(row) = &ended.crash {
        change = change.and(host.crashes.change(row.clone()).map_err(NotPrepared::Broken)?);
    }
    let Some(suspect) = &ended.suspect else { return Ok((change, None)) };
    let words = ended.errors.first().map_or("", String::as_str);
    let (strategy, attempt) = (&host.id, run.attempt);
    let crash = quarantine::Crash { strategy, suspect, run: &run.id, attempt, words, now };
    let laid = quarantine::lay(&host.shared.store, space, &crash)?;
    Ok((change.and(laid.change), laid.set_aside))
}

fn after(row: &StrategyRow, run: &RunRecord, ended: &Ended) -> StrategyRow {
    StrategyRow {
        ended: row.ended + 1,
        succeeded: row.succeeded + u64::from(ended.outcome == Outcome::Succeeded),
        actions: row.actions + u64::from(run.actions),
        last_run: Some(run.id.clone()),
        last_outcome: Some(ended.outcome),
        errors: run.errors.iter().cloned().chain(run.sources.iter().filter_map(in_trouble)).collect(),
        metrics: ended.report.metrics.clone(),
        ..row.clone()
    }
}

/// What a source that was not read, or not believed, adds to the troubles of the last run.
fn in_trouble(source: &SourceReport) -> Option<String> {
    let line = |text: &str, max| Untrusted::new(text).line(max);
    let sentence =
        || format!("source {}: {}", line(&source.name, 64), line(&source.sentence, ERROR_CHARS_MAX));
    source.health.is_trouble().then(sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Input;

    #[test]
    fn what_cannot_be_stored_takes_no_crash_and_no_outcome_along() {
        let suspect = Suspect { input: Input::Item("x".into()), digest: Default::default() };
        for outcome in [Outcome::Failed, Outcome::Stuck, Outcome::Cancelled, Outcome::Interrupted] {
            let ended = Ended::without_result(outcome, "its own words".into())
                .crashed(Some(suspect.clone()), Some(CrashRow::default()))
                .without_what_it_gave("too large".into());
            assert_eq!(
                (ended.outcome, ended.errors),
                (outcome, vec!["its own words".into(), "too large".into()])
            );
            assert!(ended.suspect.is_some() && ended.crash.is_some());
        }
        let well = Ended::of(RunEnd::Finished { report: Report::default(), drafts: Drafts::default() });
        let ended = well.without_what_it_gave("too large".into());
        assert_eq!((ended.outcome, ended.errors), (Outcome::Failed, vec!["too large".to_owned()]));
    }
}
