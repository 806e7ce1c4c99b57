//! What the road writes: the action's record, its step, its audit entries, each in one change.
//!
//! Every change expects the run's row as it was when the run was taken up. A run that was fenced
//! off, or taken up by another epoch, gets its change refused, and the road ends. It writes to the store,
//! through the limiter where something is spent, and tells the alerts.

use mm_core::action::Request;
use mm_core::activity::{Check, Stage};
use mm_core::answer::Answer;
use mm_core::digest::Digest;
use mm_core::error::{Classified, ErrorClass};
use mm_core::id::ActionId;
use mm_core::mark::Mark;
use mm_core::run::{Refusal, RunRecord, StepOutcome, StepRecord};
use mm_core::url::LogicalUrl;
use mm_permit::Permit;
use mm_store::{Change, CommitError, Key, NewEntry, Record};
use mm_supervision::Fault;
use serde_json::json;

use super::draft::{Draft, SENTENCE_CHARS_MAX};
use super::halt::Halt;
use super::proposal::base_step;
use super::{CUT_OFF, GatewayService, Origin, Proposal, Walked, settling};
use crate::limiter::Charge;
use crate::records::{LookUpRow, OpenRow};

impl GatewayService {
    /// Step 5: spend, intent and the verdict on record, before the first byte.
    pub(super) async fn intend(
        &self,
        p: &Proposal,
        draft: &mut Draft,
        charge: &Charge,
        request: &Request,
        permit: &Permit,
    ) -> Result<(), Halt> {
        if p.fence.is_closed() {
            return Err(Halt::Fenced);
        }
        let now = self.shared.now();
        let mutating = p.is_mutating();
        draft.tries += 1;
        draft.record.updated_at = now;
        draft.record.request_hash = request.hash();
        if mutating {
            draft.stage(Stage::Planned)?;
            draft.stage(Stage::Sending)?;
        } else {
            draft.stage(Stage::Planned)?;
        }
        let slots = mm_permit::slots(request).unwrap_or_default();
        let payload = json!({
            "action": draft.record.id.as_str(),
            "credentials": slots.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "permit": permit.number(),
            "verdict": "permit",
            "rules": draft.record.checks.iter().map(|check| check.rule.as_str()).collect::<Vec<_>>(),
            "rule_set": draft.rules.short(16),
            "method": draft.record.method,
            "url": draft.record.url,
            "request": draft.record.request_hash.to_string(),
            "try": draft.tries,
        });
        let id = p.id();
        let mut change = self
            .fenced(p)?
            .put(&p.space, id.as_str(), &draft.record)?
            .put(&p.space, id.as_str(), &OpenRow { mutating: self.may_change(p), since: now })?
            .and(self.last_try(p, draft)?)
            .and(draft.decided(&p.space)?)
            .audit(NewEntry::new(now, &p.space, "action.permitted", &payload)?);
        if mutating {
            // Should it be the last that is heard of it, it can be followed up to here.
            change = change.put(&p.space, id.as_str(), &draft.way())?;
            // A run that resumes after a crash finds its step finished, as one that nobody knows the
            // end of; without this it would propose, and send, the same change again.
            let why = format!("{} may or may not have happened: {CUT_OFF}", draft.record.url);
            let refusal = Refusal::new(ErrorClass::Transient, why);
            change = change.and(step_row(p, &id, StepOutcome::Refused(refusal))?);
        }
        let (intended, kept) = self.intended(p, draft, request, now)?;
        change = change.and(intended);
        match self.limiter.commit(charge, change).await? {
            Ok(()) => draft.change = kept,
            Err(error) => return Err(self.not_intended(p, draft, error)?),
        }
        draft.intended();
        Ok(())
    }

    /// Step 8, for an answer.
    pub(super) async fn record(
        &self,
        p: &Proposal,
        draft: &mut Draft,
        answer: &Answer,
        trouble: Option<Classified>,
        next: Option<&LogicalUrl>,
    ) -> Result<(), Halt> {
        let body = self.keep_body(answer).await?;
        let record = &mut draft.record;
        record.took_ms = u64::try_from(answer.at.since(record.updated_at).as_millis()).unwrap_or(u64::MAX);
        record.updated_at = answer.at;
        record.answer_status = Some(answer.status);
        record.answer_bytes = answer.body.len() as u64;
        record.answer = (!answer.body.is_empty()).then_some(body);
        // A change that is sent on was not made here (RFC 9110, 15.4.8 and 15.4.9).
        let moved = next.filter(|_| p.is_mutating());
        let stage = match moved {
            Some(_) => Stage::Failed,
            None => stage_of(self.may_change(p), answer.status, trouble),
        };
        record.error = trouble
            .map(|error| {
                format!("{} answered with status {} ({})", record.url, answer.status, error.class.as_str())
            })
            .or_else(|| moved.map(|to| format!("{} redirects to {}", record.url, to.shown())));
        let outcome =
            StepOutcome::Done { status: answer.status, headers: answer.headers.clone(), body, at: answer.at };
        draft.stage(stage)?;
        let end = next.map_or(End::With(outcome), |next| End::Redirects(next.clone()));
        let change = self.end(p, draft, &end)?;
        tracing::trace!(point = "gateway.record", action = %p.id(), "point");
        match committed(self.shared.store.commit(self.fenced(p)?.and(change)).await.map(|_| ())) {
            // The run moved on, but the answer is in hand: the record tells it, the journal does not.
            Err(Halt::Fenced) => {
                self.end_alone(p, draft, &end).await?;
                draft.sending = false;
                Err(Halt::Fenced)
            }
            // Until its end is on record it may have left, whatever becomes of the writing.
            Err(halt) => Err(halt),
            Ok(()) => {
                draft.sending = false;
                Ok(self.tell_if_ambiguous(&p.space, p.id().as_str())?)
            }
        }
    }

    /// The end of an action that was not done, or whose answer never came.
    pub(super) async fn refuse(
        &self,
        p: &Proposal,
        mut draft: Draft,
        refusal: Refusal,
    ) -> Result<Walked, Fault> {
        let now = self.shared.now();
        draft.record.updated_at = now;
        draft.record.error = Some(refusal.why.chars().take(SENTENCE_CHARS_MAX).collect());
        if draft.tries == 0 {
            draft.stage(Stage::Blocked)?;
        }
        for rule in &refusal.rules {
            if !draft.record.checks.iter().any(|check| check.rule == *rule) {
                let (verdict, reason) = ("forbid".to_owned(), refusal.why.clone());
                draft.record.checks.push(Check { rule: rule.clone(), verdict, reason });
            }
        }
        // Told once it is on record: what another walk of the same action sends was not blocked.
        let blocked = (refusal.class == ErrorClass::Compliance).then(|| {
            let about = format!("blocked/{}/{}", p.action.platform, p.action.kind);
            (about, held_up(p, &draft, &refusal, "was blocked"))
        });
        let tell = || {
            if let Some((about, sentence)) = &blocked {
                self.alerts.raise(&p.space, about.clone(), sentence.clone());
            }
        };
        let end = End::With(StepOutcome::Refused(refusal.clone()));
        let change = self.fenced(p)?.and(self.end(p, &mut draft, &end)?);
        match self.shared.store.commit(change).await {
            Ok(_) => {
                tell();
                self.tell_if_ambiguous(&p.space, p.id().as_str())?;
                Ok(Walked::Refused(refusal))
            }
            // The run moved on. Nobody else walks a change whose intent is on record: its record tells how
            // it ended, the journal does not.
            Err(CommitError::Refused { .. }) if draft.tries > 0 && p.is_mutating() => {
                self.end_alone(p, &mut draft, &end).await?;
                tell();
                Ok(Walked::Fenced)
            }
            Err(CommitError::Refused { .. }) => Ok(Walked::Fenced),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts the end of an action on record whose run has moved on. Whoever took it for lost may have called it
    /// ambiguous meanwhile: if its end is known, nobody need look it up any more.
    async fn end_alone(&self, p: &Proposal, draft: &mut Draft, end: &End) -> Result<(), Fault> {
        let (space, id) = (&p.space, p.id());
        let change = self.ending(p, draft, end)?;
        if draft.record.stage == Stage::Ambiguous {
            self.shared.store.commit(change).await?;
            return self.tell_if_ambiguous(space, id.as_str());
        }
        let looked_up = Key::new(space, LookUpRow::KIND, id.as_str())?;
        self.shared.store.commit(change.delete(looked_up)).await?;
        settling::nobody_asks(&self.alerts, space, &id);
        Ok(())
    }

    /// The change that ends an action, its step and its mark.
    pub(super) fn end(&self, p: &Proposal, draft: &mut Draft, end: &End) -> Result<Change, Fault> {
        let ending = self.ending(p, draft, end)?;
        Ok(ending.and(match end {
            End::With(outcome) => step_row(p, &draft.record.id, outcome.clone())?,
            // A hop's own answer is no outcome of the step; the last hop's is, under the step's name.
            End::Redirects(_) => no_step_row(p)?,
        }))
    }

    /// The record with its way and its audit entry; the open row goes.
    pub(super) fn ending(&self, p: &Proposal, draft: &mut Draft, end: &End) -> Result<Change, Fault> {
        let way = draft.way();
        let settled = self.kept_end(p, draft, end)?.and(draft.decided(&p.space)?);
        let record = &draft.record;
        let payload = json!({
            "action": record.id.as_str(),
            "stage": record.stage.as_str(),
            "status": record.answer_status,
            "answer": record.answer.map(|digest| digest.to_string()),
            "error": record.error,
            "rules": record.checks.iter().map(|check| check.rule.as_str()).collect::<Vec<_>>(),
        });
        let kind = format!("action.{}", record.stage.as_str());
        let change = self
            .last_try(p, draft)?
            .put(&p.space, record.id.as_str(), record)?
            .put(&p.space, record.id.as_str(), &way)?
            .delete(Key::new(&p.space, OpenRow::KIND, record.id.as_str())?)
            .and(settled)
            .audit(NewEntry::new(record.updated_at, &p.space, &kind, &payload)?);
        if record.stage == Stage::Ambiguous && !p.is_system() {
            return Ok(change.put(&p.space, record.id.as_str(), &LookUpRow::since(record.updated_at))?);
        }
        Ok(change)
    }

    /// The audit entry of a try that was not the last.
    fn last_try(&self, p: &Proposal, draft: &Draft) -> Result<Change, Fault> {
        Ok(match &draft.tried {
            Some(payload) => Change::new().audit(NewEntry::new(
                draft.record.updated_at,
                &p.space,
                "action.tried",
                payload,
            )?),
            None => Change::new(),
        })
    }

    /// What the records of an action rest on: the run is still ours to speak for.
    pub(super) fn fenced(&self, p: &Proposal) -> Result<Change, Fault> {
        match &p.origin {
            Origin::Run { version } => {
                let run = Key::new(&p.space, RunRecord::KIND, p.run.as_str())?;
                Ok(Change::new().expect_version(run, *version))
            }
            Origin::System | Origin::Kept(_) => Ok(Change::new()),
        }
    }

    /// Why an intent did not get on record.
    fn not_intended(&self, p: &Proposal, draft: &mut Draft, error: CommitError) -> Result<Halt, Fault> {
        let CommitError::Refused { key, .. } = &error else { return Err(error.into()) };
        draft.tries -= 1;
        if key.kind() != Mark::KIND.name {
            return Ok(Halt::Fenced);
        }
        // Another walk of the very same change was faster: what became of it is told.
        draft.record.stage = Stage::Planned;
        Ok(match self.unmarked(p) {
            Ok(_) => Halt::Again {
                not_before: self.shared.now(),
                refusal: Refusal::new(ErrorClass::Transient, "the very same change was under way"),
            },
            Err(halt) => halt,
        })
    }

    async fn keep_body(&self, answer: &Answer) -> Result<Digest, Fault> {
        if answer.body.is_empty() {
            return Ok(answer.body_id());
        }
        Ok(self.shared.store.put_answer(&answer.body, answer.at).await?)
    }
}

/// What is told of an action that compliance held up. It may leave the machine, so it says neither the path nor
/// anything else that may name what is confidential, such as a private programme: all of it is in the record.
pub(super) fn held_up(p: &Proposal, draft: &Draft, refusal: &Refusal, how: &str) -> String {
    let (id, host) = (&draft.record.id, p.action.request.url().host());
    let what = match (refusal.rules.as_slice(), draft.short()) {
        ([], Some(short)) => short.to_owned(),
        ([], None) => "it may not be done".to_owned(),
        (rules, _) => format!("by `{}`", rules.join("`, `")),
    };
    format!(
        "an action of {} {how}: {}/{} at {host}: {what}; `money-machine actions show {id}` tells why",
        p.strategy, p.action.platform, p.action.kind
    )
}

/// Where an answered action stands. An error of the server's own, a time-out it tells of, and trouble in
/// the body of an answer that says it went well do not say that a change did not happen. 421, 423 and 425
/// do: it was not begun (RFC 9110, 15.5.20; RFC 4918, 11.3; RFC 8470, 5.2).
pub(super) fn stage_of(mutating: bool, status: u16, trouble: Option<Classified>) -> Stage {
    match (trouble, status) {
        (None, _) => Stage::Confirmed,
        (Some(_), 200..=299 | 408 | 500..=599) if mutating => Stage::Ambiguous,
        (Some(_), 421 | 423 | 425) => Stage::Failed,
        (Some(error), _) if mutating && error.class == ErrorClass::Transient => Stage::Ambiguous,
        (Some(_), _) => Stage::Failed,
    }
}

/// How an action ends.
pub(super) enum End {
    /// With what its step is told.
    With(StepOutcome),
    /// By leading to another action, there.
    Redirects(LogicalUrl),
}

/// The journal's row of a proposal's step; only a run has a journal.
pub(super) fn step_row(p: &Proposal, action: &ActionId, outcome: StepOutcome) -> Result<Change, Fault> {
    if !matches!(p.origin, Origin::Run { .. }) {
        return Ok(Change::new());
    }
    let step = base_step(&p.step);
    let row =
        StepRecord { step: step.to_owned(), action_hash: p.first_hash, action: action.clone(), outcome };
    Ok(Change::new().put(&p.space, &StepRecord::row_id(&p.run, step), &row)?)
}

/// Nothing is known of the step: what its intent said of it is taken back.
fn no_step_row(p: &Proposal) -> Result<Change, Fault> {
    if !matches!(p.origin, Origin::Run { .. }) || !p.is_mutating() {
        return Ok(Change::new());
    }
    let key = Key::new(&p.space, StepRecord::KIND, &StepRecord::row_id(&p.run, base_step(&p.step)))?;
    Ok(Change::new().delete(key))
}

/// A refused expectation means that the run is no longer ours.
pub(super) fn committed(result: Result<(), CommitError>) -> Result<(), Halt> {
    match result {
        Ok(()) => Ok(()),
        Err(CommitError::Refused { .. }) => Err(Halt::Fenced),
        Err(error) => Err(error.into()),
    }
}
