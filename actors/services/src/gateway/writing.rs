//! What the road writes: the action's record, its step, its audit entries, each in one change.
//!
//! Every change expects the run's row as it was when the run was taken up. A run that was fenced
//! off, or taken up by another epoch, gets its change refused, and the road ends.

use mm_core::action::Request;
use mm_core::activity::{ActionRecord, Check, Stage};
use mm_core::answer::Answer;
use mm_core::approval::Approved;
use mm_core::digest::Digest;
use mm_core::error::{Classified, ErrorClass};
use mm_core::id::{ActionId, Space};
use mm_core::mark::Mark;
use mm_core::moment::Moment;
use mm_core::run::{Refusal, RunRecord, StepOutcome, StepRecord};
use mm_core::untrusted::Untrusted;
use mm_core::url::LogicalUrl;
use mm_permit::Permit;
use mm_store::{Change, CommitError, Key, NewEntry, Record};
use mm_supervision::{Fault, Hop, take_hops_here};
use serde_json::json;

use super::halt::Halt;
use super::marks::Seen;
use super::{CUT_OFF, GatewayService, Origin, Proposal, Walked};
use crate::compliance::Ruling;
use crate::limiter::Charge;
use crate::records::{
    ChangeRow, DecisionRow, HOPS_KEPT, LookUpRow, OpenRow, SettledTelling, Standing, WayRow,
};

/// The longest sentence that a record keeps.
const SENTENCE_CHARS_MAX: usize = 1000;

/// The record of an action in the making.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    record: ActionRecord,
    rules: Digest,
    tries: u32,
    /// How the last try ended, until it is on record.
    tried: Option<serde_json::Value>,
    /// Whether its intent is on record and no answer is.
    sending: bool,
    /// The messages that have carried it so far.
    way: Vec<Hop>,
    /// The mark of its change as it was when it began.
    seen: Seen,
    /// The whole change, once it is kept.
    change: Option<ChangeRow>,
    /// What compliance decided, until it is on record.
    decision: Option<DecisionRow>,
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
            purpose: Untrusted::new(p.action.purpose.as_str()).line(300),
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
        Self {
            record,
            rules: Digest::default(),
            tries: 0,
            tried: None,
            sending: false,
            way: Vec::new(),
            seen: Seen::default(),
            change: None,
            decision: None,
        }
    }

    /// How often its intent was put on record.
    pub(super) fn tries(&self) -> u32 {
        self.tries
    }

    /// Takes the ruling's checks.
    pub(super) fn judged(&mut self, ruling: &Ruling) {
        self.record.checks = ruling.judgement.checks();
        self.rules = ruling.rules;
        let mut decision = DecisionRow::of(ruling);
        if self.record.parent.is_some() {
            // Where a redirect leads its platform says, and a query of its choice may hold a secret.
            decision.inputs.url = decision.inputs.url.without_query();
        }
        self.decision = Some(decision);
    }

    /// Its owner's yes answers what was decided: whose, and to which bytes.
    pub(super) fn approved(&mut self, yes: &Approved) {
        if let Some(decision) = &mut self.decision {
            decision.approval = Some(format!("{} by {}", yes.request().short(16), yes.by()));
        }
    }

    /// The change that puts on record what was decided, unless it is there already.
    fn decided(&mut self, space: &Space) -> Result<Change, Fault> {
        Ok(match self.decision.take() {
            Some(decision) => Change::new().put(space, self.record.id.as_str(), &decision)?,
            None => Change::new(),
        })
    }

    /// Notes how a try ended that is not the last word; it is audited with the next change.
    pub(super) fn tried(&mut self, status: Option<u16>, what: &str) -> Result<(), Fault> {
        if self.record.stage != Stage::Failed {
            self.stage(Stage::Failed)?;
        }
        self.record.answer_status = status.or(self.record.answer_status);
        let what: String = what.chars().take(SENTENCE_CHARS_MAX).collect();
        self.tried = Some(json!({
            "action": self.record.id.as_str(), "try": self.tries, "status": status, "what": what,
        }));
        Ok(())
    }

    /// Whether something can have left, as far as this walk knows.
    pub(super) fn may_have_left(&self) -> bool {
        self.sending
    }

    /// The row of its way up to here.
    fn way(&mut self) -> WayRow {
        self.way.extend(take_hops_here(self.record.id.as_str()));
        // What was in hand when it was looked at before is told again, whole.
        let mut hops: Vec<Hop> = Vec::with_capacity(self.way.len());
        for hop in self.way.drain(..) {
            let same = |other: &Hop| {
                (other.at_ms, other.queue_ns, &other.path, &other.kind)
                    == (hop.at_ms, hop.queue_ns, &hop.path, &hop.kind)
            };
            match hops.iter_mut().find(|other| same(other)) {
                Some(known) => *known = hop,
                None => hops.push(hop),
            }
        }
        hops.truncate(HOPS_KEPT);
        self.way.clone_from(&hops);
        WayRow { hops }
    }

    /// Moves it on; a step that no action takes is a bug, and nothing is written.
    pub(super) fn stage(&mut self, next: Stage) -> Result<(), Fault> {
        self.record.stage = self
            .record
            .stage
            .then(next, self.is_mutating())
            .map_err(|no_way| Fault::bug(no_way.to_string()))?;
        Ok(())
    }

    fn is_mutating(&self) -> bool {
        !matches!(self.record.method.as_str(), "GET" | "HEAD")
    }

    /// Takes the mark of its change as it is before anything is done.
    pub(super) fn saw(&mut self, seen: Seen) {
        self.seen = seen;
    }

    /// The mark as it was.
    pub(super) fn seen(&self) -> Seen {
        self.seen
    }

    /// Where it stands.
    pub(super) fn record(&self) -> &ActionRecord {
        &self.record
    }

    /// Says that it waits, and for what.
    pub(super) fn waits(&mut self, why: String, now: Moment) -> Result<(), Fault> {
        if self.record.stage == Stage::Failed {
            self.stage(Stage::Planned)?;
        }
        self.stage(Stage::Pending)?;
        self.record.updated_at = now;
        self.record.error = Some(why.chars().take(SENTENCE_CHARS_MAX).collect());
        Ok(())
    }

    /// What was answered, where the answer is not the end.
    pub(super) fn answered(&mut self, answer: &Answer) {
        self.record.answer_status = Some(answer.status);
        self.record.updated_at = answer.at;
    }

    /// The whole change, if it is kept.
    pub(super) fn kept(&self) -> Option<&ChangeRow> {
        self.change.as_ref()
    }
}

/// The id of the action that a redirect makes of this one: `RUN.read.r1` → `RUN.read.r2`.
pub(super) fn next_id(p: &Proposal) -> ActionId {
    ActionId::new(format!("{}.{}", p.run, next_step(&p.step)))
}

/// The step name of the next hop: `read` → `read.r1`, `read.r1` → `read.r2`.
pub(super) fn next_step(step: &str) -> String {
    let hop: u32 = step.rsplit_once(".r").and_then(|(_, hop)| hop.parse().ok()).unwrap_or(0);
    format!("{}.r{}", base_step(step), hop + 1)
}

/// What a change that a crash cut off before it left is told.
pub(super) fn cut_off(record: &ActionRecord, held: bool) -> Standing {
    let why = record.error.clone().unwrap_or_default();
    let outcome = StepOutcome::Refused(Refusal::new(ErrorClass::Transient, why));
    let telling = if held { SettledTelling::Due } else { SettledTelling::NotNeeded };
    Standing::Settled { at: record.updated_at, outcome, telling }
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
            .put(&p.space, id.as_str(), &OpenRow { mutating, since: now })?
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
        draft.tried = None;
        draft.sending = true;
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
            None => stage_of(p.is_mutating(), answer.status, trouble),
        };
        record.error = trouble
            .map(|error| {
                format!("{} answered with status {} ({})", record.url, answer.status, error.class.as_str())
            })
            .or_else(|| moved.map(|to| format!("{} redirects to {}", record.url, to.shown())));
        let outcome =
            StepOutcome::Done { status: answer.status, headers: answer.headers.clone(), body, at: answer.at };
        draft.stage(stage)?;
        self.tell_if_ambiguous(p, draft);
        let end = next.map_or(End::With(outcome), |next| End::Redirects(next.clone()));
        let change = self.end(p, draft, &end)?;
        tracing::trace!(point = "gateway.record", action = %p.id(), "point");
        match committed(self.shared.store.commit(self.fenced(p)?.and(change)).await.map(|_| ())) {
            // The run moved on, but the answer is in hand: the record tells it, the journal does not.
            Err(Halt::Fenced) => {
                let alone = self.ending(p, draft, &end)?;
                self.shared.store.commit(alone).await?;
                draft.sending = false;
                Err(Halt::Fenced)
            }
            // Until its end is on record it may have left, whatever becomes of the writing.
            other => other.inspect(|()| draft.sending = false),
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
        self.tell_if_ambiguous(p, &draft);
        if draft.tries == 0 {
            draft.stage(Stage::Blocked)?;
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
        let end = End::With(StepOutcome::Refused(refusal.clone()));
        let change = self.fenced(p)?.and(self.end(p, &mut draft, &end)?);
        match self.shared.store.commit(change).await {
            Ok(_) => Ok(Walked::Refused(refusal)),
            // The run moved on. Nobody else walks a change whose intent is on record: its record tells how
            // it ended, the journal does not.
            Err(CommitError::Refused { .. }) if draft.tries > 0 && p.is_mutating() => {
                let alone = self.ending(p, &mut draft, &end)?;
                self.shared.store.commit(alone).await?;
                Ok(Walked::Fenced)
            }
            Err(CommitError::Refused { .. }) => Ok(Walked::Fenced),
            Err(error) => Err(error.into()),
        }
    }

    /// What may or may not have happened is the owner's to look up, and he must know of it.
    fn tell_if_ambiguous(&self, p: &Proposal, draft: &Draft) {
        let ActionRecord { id, stage: Stage::Ambiguous, error, .. } = &draft.record else { return };
        // What the machine does for itself its service tells of, and repeats.
        if p.is_system() {
            return;
        }
        let why = error.as_deref().unwrap_or("no answer came");
        let sentence = format!("action {id} may or may not have happened; look at the platform: {why}");
        self.alerts.raise(&p.space, format!("ambiguous/{id}"), sentence);
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
            self.shared.settings().reconcilers.wake();
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
