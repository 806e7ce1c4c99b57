//! What the road writes: the action's record, its step, its audit entries, each in one change.
//!
//! Every change expects the run's row as it was when the run was taken up. A run that was fenced
//! off, or taken up by another epoch, gets its change refused, and the road ends.

use mm_core::action::Request;
use mm_core::activity::{ActionRecord, Check, Stage};
use mm_core::answer::Answer;
use mm_core::digest::Digest;
use mm_core::error::{Classified, ErrorClass};
use mm_core::id::ActionId;
use mm_core::moment::Moment;
use mm_core::run::{Refusal, RunRecord, StepOutcome, StepRecord};
use mm_permit::Permit;
use mm_store::{Change, CommitError, Key, NewEntry, Record};
use mm_supervision::Fault;
use serde_json::json;

use super::road::Halt;
use super::{CUT_OFF, GatewayService, Proposal, Walked};
use crate::compliance::Ruling;
use crate::limiter::Charge;
use crate::records::OpenRow;

/// The record of an action in the making.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    record: ActionRecord,
    rules: Digest,
    tries: u32,
}

impl Draft {
    /// The record of a hop that has not begun.
    pub(super) fn of(p: &Proposal, now: Moment, hops: u32) -> Self {
        let request = &p.action.request;
        let record = ActionRecord {
            id: p.id(),
            space: p.space.clone(),
            strategy: p.strategy.clone(),
            run: p.run.clone(),
            step: p.step.clone(),
            at: now,
            updated_at: now,
            platform: p.action.platform.to_string(),
            kind: p.action.kind.to_string(),
            method: request.method().to_string(),
            url: request.url().shown(),
            purpose: p.action.purpose.clone(),
            request_hash: request.hash(),
            stage: Stage::Planned,
            checks: Vec::new(),
            answer_status: None,
            answer: None,
            answer_bytes: 0,
            took_ms: 0,
            error: None,
            parent: (hops > 0).then(|| ActionId::new(format!("{}.{}", p.run, base_step(&p.step)))),
        };
        Self { record, rules: Digest::default(), tries: 0 }
    }

    /// How often its intent was put on record.
    pub(super) fn tries(&self) -> u32 {
        self.tries
    }

    /// Takes the ruling's checks.
    pub(super) fn judged(&mut self, ruling: &Ruling) {
        self.record.checks = ruling.judgement.checks();
        self.rules = ruling.rules;
    }

    /// Sets where it stands.
    pub(super) fn stage(&mut self, stage: Stage) {
        self.record.stage = stage;
    }
}

/// The step that a hop's step name derives from: `read.r2` → `read`.
fn base_step(step: &str) -> &str {
    step.rsplit_once(".r").map_or(step, |(base, _)| base)
}

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
        let now = self.shared.now();
        let mutating = request.method().is_mutating();
        draft.tries += 1;
        draft.record.updated_at = now;
        draft.record.request_hash = request.hash();
        draft.record.stage = if mutating { Stage::Sending } else { Stage::Planned };
        let payload = json!({
            "action": draft.record.id.as_str(),
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
            .put(&p.space, id.as_str(), &OpenRow { mutating, since: now })?
            .audit(NewEntry::new(now, &p.space, "action.permitted", &payload)?);
        if mutating {
            // A run that resumes after a crash finds its step finished, as one that nobody knows the
            // end of; without this it would propose, and send, the same change again.
            let why = format!("{} may or may not have happened: {CUT_OFF}", draft.record.url);
            let refusal = Refusal { class: ErrorClass::Transient, why, rules: Vec::new() };
            change = change.and(step_row(p, &id, StepOutcome::Refused(refusal))?);
        }
        committed(self.limiter.commit(charge, change).await?)
    }

    /// Step 8, for an answer.
    pub(super) async fn record(
        &self,
        p: &Proposal,
        draft: &mut Draft,
        answer: &Answer,
        trouble: Option<Classified>,
    ) -> Result<(), Halt> {
        let body = self.keep_body(answer).await?;
        let record = &mut draft.record;
        record.took_ms = u64::try_from(answer.at.since(record.updated_at).as_millis()).unwrap_or(u64::MAX);
        record.updated_at = answer.at;
        record.answer_status = Some(answer.status);
        record.answer_bytes = answer.body.len() as u64;
        record.answer = (!answer.body.is_empty()).then_some(body);
        record.stage = if trouble.is_some() { Stage::Failed } else { Stage::Confirmed };
        record.error = trouble.map(|error| {
            format!("{} answered with status {} ({})", record.url, answer.status, error.class.as_str())
        });
        let outcome =
            StepOutcome::Done { status: answer.status, headers: answer.headers.clone(), body, at: answer.at };
        let change = self.end(p, draft, outcome)?;
        tracing::trace!(point = "gateway.record", action = %p.id(), "point");
        committed(self.shared.store.commit(change).await.map(|_| ()))
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
        draft.record.error = Some(refusal.why.clone());
        if draft.tries == 0 {
            draft.record.stage = Stage::Blocked;
        }
        for rule in &refusal.rules {
            if !draft.record.checks.iter().any(|check| check.rule == *rule) {
                let (verdict, reason) = ("forbid".to_owned(), refusal.why.clone());
                draft.record.checks.push(Check { rule: rule.clone(), verdict, reason });
            }
        }
        if refusal.class == ErrorClass::Compliance {
            let about = format!("blocked/{}/{}", p.action.platform, p.action.kind);
            self.alerts.raise(
                &p.space,
                about,
                format!("an action of {} was blocked: {}", p.strategy, refusal.why),
            );
        }
        let change = self.end(p, &draft, StepOutcome::Refused(refusal.clone()))?;
        match self.shared.store.commit(change).await {
            Ok(_) => Ok(Walked::Refused(refusal)),
            Err(CommitError::Refused { .. }) => Ok(Walked::Fenced),
            Err(error) => Err(error.into()),
        }
    }

    /// The end of an action that a person must decide on.
    pub(super) async fn ask(&self, p: &Proposal, mut draft: Draft, ruling: &Ruling) -> Result<Walked, Fault> {
        let id = p.id();
        draft.record.updated_at = self.shared.now();
        draft.record.stage = Stage::Pending;
        draft.record.error = Some(format!("waits for its owner: {}", ruling.judgement.why()));
        let about = format!("ask/{}/{}", p.action.platform, p.action.kind);
        let sentence = format!("{} asks to {}: {}", p.strategy, p.action.purpose, ruling.judgement.why());
        self.alerts.raise(&p.space, about, sentence);
        let change = self.end(p, &draft, StepOutcome::Pending(id.clone()))?;
        match self.shared.store.commit(change).await {
            Ok(_) => Ok(Walked::Pending(id)),
            Err(CommitError::Refused { .. }) => Ok(Walked::Fenced),
            Err(error) => Err(error.into()),
        }
    }

    /// The change that ends an action: record, step, audit; the open row goes.
    fn end(&self, p: &Proposal, draft: &Draft, outcome: StepOutcome) -> Result<Change, Fault> {
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
        // A hop's own answer is no outcome of the step; the last hop's is, under the step's name.
        let redirects = matches!(&outcome, StepOutcome::Done { status: 301..=303 | 307 | 308, headers, .. }
            if headers.iter().any(|(name, _)| name == "location"));
        let mut change = self
            .fenced(p)?
            .put(&p.space, record.id.as_str(), record)?
            .delete(Key::new(&p.space, OpenRow::KIND, record.id.as_str())?)
            .audit(NewEntry::new(record.updated_at, &p.space, &kind, &payload)?);
        if !redirects {
            change = change.and(step_row(p, &record.id, outcome)?);
        }
        Ok(change)
    }

    fn fenced(&self, p: &Proposal) -> Result<Change, Fault> {
        let run = Key::new(&p.space, RunRecord::KIND, p.run.as_str())?;
        Ok(Change::new().expect_version(run, p.run_version))
    }

    async fn keep_body(&self, answer: &Answer) -> Result<Digest, Fault> {
        if answer.body.is_empty() {
            return Ok(answer.body_id());
        }
        Ok(self.shared.store.put_answer(&answer.body, answer.at).await?)
    }
}

/// The journal's row of a proposal's step.
fn step_row(p: &Proposal, action: &ActionId, outcome: StepOutcome) -> Result<Change, Fault> {
    let step = base_step(&p.step);
    let row =
        StepRecord { step: step.to_owned(), action_hash: p.first_hash, action: action.clone(), outcome };
    Ok(Change::new().put(&p.space, &StepRecord::row_id(&p.run, step), &row)?)
}

/// A refused expectation means that the run is no longer ours.
fn committed(result: Result<(), CommitError>) -> Result<(), Halt> {
    match result {
        Ok(()) => Ok(()),
        Err(CommitError::Refused { .. }) => Err(Halt::Fenced),
        Err(error) => Err(error.into()),
    }
}
