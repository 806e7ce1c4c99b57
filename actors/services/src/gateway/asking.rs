//! Step 2 of the road, where it does not go on: the question to a person, and what was answered before.
//!
//! A question is in the inbox in the same change that makes the action pending: neither is ever there
//! without the other. One change has one open question.

use mm_core::action::Request;
use mm_core::answer::Answer;
use mm_core::approval::{Approval, Event};
use mm_core::digest::Digest;
use mm_core::error::ErrorClass;
use mm_core::id::ActionId;
use mm_core::mark::Marked;
use mm_core::moment::Moment;
use mm_core::rule::Judgement;
use mm_core::run::{Refusal, StepOutcome};
use mm_core::untrusted::Untrusted;
use mm_store::{Change, CommitError, Key, NewEntry, Record};
use mm_supervision::Fault;
use serde_json::json;

use super::draft::Draft;
use super::halt::Halt;
use super::proposal::{Kept, Origin};
use super::writing::{End, held_up, step_row};
use super::{GatewayService, Proposal, Walked};
use crate::compliance::Ruling;
use crate::records::{ApprovalRow, ChangeRow, QuotedRule, Standing};

/// Who says what the machine says of a question by itself.
const MACHINE: &str = "the machine";
/// A note of a strategy is cut off after so many characters, and the inbox after so many notes.
const NOTE_CHARS_MAX: usize = 2000;
const NOTES_MAX: usize = 64;

impl GatewayService {
    /// The end of a walk that a person must decide on.
    pub(super) async fn ask(
        &self,
        p: &Proposal,
        mut draft: Draft,
        ruling: &Ruling,
        request: Request,
    ) -> Result<Walked, Fault> {
        let (id, now) = (p.id(), self.shared.now());
        if !p.is_mutating() {
            // What only reads has a mark while somebody is asked about it, and no longer.
            match self.unmarked(p) {
                Ok(seen) => draft.saw(seen),
                Err(Halt::Known(first, outcome)) => return self.known(p, first, outcome).await,
                Err(Halt::Broken(fault)) => return Err(fault),
                Err(_) => {}
            }
        }
        let row = question(p, ruling, request, now);
        let approval = question_id(p, &row, now);
        draft.waits(format!("waits for its owner: {}", ruling.judgement.why()), now)?;
        let superseded = self.supersede(p, &draft, now)?;
        let standing = Standing::Asked { approval: approval.clone(), not_before: None };
        let payload = json!({
            "approval": approval,
            "action": id.as_str(),
            "request": row.item.request.to_string(),
            "rules": row.rules.iter().map(|rule| rule.id.as_str()).collect::<Vec<_>>(),
            "by_owner": row.item.by_owner,
            "expires": row.item.expires.to_string(),
        });
        let change = self
            .held(p, &mut draft, standing, now)?
            .and(superseded)
            .expect_absent(Key::new(&p.space, ApprovalRow::KIND, &approval)?)
            .put(&p.space, &approval, &row)?
            .audit(NewEntry::new(now, &p.space, "approval.asked", &payload)?);
        let why = ruling.judgement.why_told();
        let sentence = format!(
            "{} asks to {}: {why}; `approvals show {approval}` shows what would be sent",
            p.strategy, p.action.purpose
        );
        self.hold(p, change, || {
            let about = format!("ask/{}/{}", p.action.platform, p.action.kind);
            self.alerts.raise(&p.space, about, sentence);
        })
        .await
    }

    /// Commits what makes an action pending.
    pub(super) async fn hold(
        &self,
        p: &Proposal,
        change: Change,
        held: impl FnOnce(),
    ) -> Result<Walked, Fault> {
        match self.shared.store.commit(change).await {
            Ok(_) => {
                held();
                self.shared.inbox.notify_one();
                Ok(Walked::Pending(p.id()))
            }
            Err(CommitError::Refused { .. }) => Ok(Walked::Fenced),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes an action pending: its record, its step, its mark, and the whole change.
    pub(super) fn held(
        &self,
        p: &Proposal,
        draft: &mut Draft,
        standing: Standing,
        now: Moment,
    ) -> Result<Change, Fault> {
        let (id, seen) = (p.id(), draft.seen());
        let key = Key::new(&p.space, ChangeRow::KIND, id.as_str())?;
        let mut rests = self.fenced(p)?;
        // Once its own intent is on record, row and mark are as that left them.
        let untouched = draft.kept().is_none();
        if untouched {
            rests = rests.and(self.as_seen(p, seen)?);
        }
        let row = match self.shared.store.get::<ChangeRow>(&p.space, id.as_str())? {
            Some(row) => {
                let version = match &p.origin {
                    Origin::Kept(Kept { version: Some(version), .. }) if untouched => *version,
                    _ => row.version,
                };
                rests = rests.expect_version(key, version);
                ChangeRow { action: p.action.clone(), standing, held: true, ..row.value }
            }
            None => {
                rests = rests.expect_absent(key);
                ChangeRow { held: true, ..whole(p, standing, now) }
            }
        };
        Ok(rests
            .and(self.end(p, draft, &End::With(StepOutcome::Pending(id.clone())))?)
            .and(self.marked(p, Marked::Held, None, now)?)
            .put(&p.space, id.as_str(), &row)?)
    }

    /// The question that a kept action had is another's now.
    fn supersede(&self, p: &Proposal, draft: &Draft, now: Moment) -> Result<Change, Fault> {
        let Origin::Kept(Kept { question: Some((id, version)), .. }) = &p.origin else {
            return Ok(Change::new());
        };
        let why = "what would be sent, or the rules that ask, changed: it is asked anew";
        match draft.kept() {
            None => self.move_question(p, id, *version, &[Event::Supersede], why, now),
            Some(_) => self.withdraw(p, draft, why, now),
        }
    }

    /// The question whose yes an intent used up, of which nothing has left, is over unused.
    pub(super) fn withdraw(
        &self,
        p: &Proposal,
        draft: &Draft,
        why: &str,
        now: Moment,
    ) -> Result<Change, Fault> {
        match &p.origin {
            Origin::Kept(Kept { question: Some((id, _)), .. }) if draft.is_unsent() => {
                self.move_used(p, id, &[Event::NotSent, Event::Supersede], why, now)
            }
            _ => Ok(Change::new()),
        }
    }

    /// The yes that an intent used up stands again: nothing of it has left.
    fn give_back(&self, p: &Proposal, id: &str, why: &str, now: Moment) -> Result<Change, Fault> {
        let why = format!("it could not be sent, and the yes stands: {why}");
        self.move_used(p, id, &[Event::NotSent], &why, now)
    }

    /// Moves a question on as it stands since its intent.
    fn move_used(
        &self,
        p: &Proposal,
        id: &str,
        events: &[Event],
        why: &str,
        now: Moment,
    ) -> Result<Change, Fault> {
        let version = self.shared.store.version(&Key::new(&p.space, ApprovalRow::KIND, id)?)?;
        version.map_or(Ok(Change::new()), |version| self.move_question(p, id, version, events, why, now))
    }

    /// Moves a question on without a person.
    pub(super) fn move_question(
        &self,
        p: &Proposal,
        id: &str,
        version: u64,
        events: &[Event],
        why: &str,
        now: Moment,
    ) -> Result<Change, Fault> {
        let key = Key::new(&p.space, ApprovalRow::KIND, id)?;
        let change = Change::new().expect_version(key, version);
        let Some(row) = self.shared.store.get::<ApprovalRow>(&p.space, id)? else { return Ok(change) };
        let mut item = row.value.item.clone();
        for event in events {
            // It was moved on by somebody else: the version says so, and the change is refused.
            let Ok(after) = item.after(event, MACHINE, Some(why), now) else { return Ok(change) };
            item = after;
        }
        Ok(change.put(&p.space, id, &ApprovalRow { item, ..row.value })?)
    }

    /// The very same change was proposed before: its proposer gets what became of it. Nothing is sent.
    pub(super) async fn known(
        &self,
        p: &Proposal,
        first: ActionId,
        outcome: StepOutcome,
    ) -> Result<Walked, Fault> {
        let now = self.shared.now();
        let walked = match self.recorded(&outcome)? {
            Some(walked) if matches!(p.origin, Origin::Run { .. }) => walked,
            Some(_) => {
                let why = format!("the very same change was made meanwhile, as action {first}");
                return self.refuse(p, Draft::of(p, now, 0), super::refused(why)).await;
            }
            None => {
                let why = format!(
                    "the very same change was made as action {first}, and its answer is not kept any more"
                );
                return self.refuse(p, Draft::of(p, now, 0), super::refused(why)).await;
            }
        };
        let payload = json!({ "action": p.id().as_str(), "same_as": first.as_str() });
        let change = self.fenced(p)?.and(step_row(p, &first, outcome)?).audit(NewEntry::new(
            now,
            &p.space,
            "action.known",
            &payload,
        )?);
        match self.shared.store.commit(change).await {
            Ok(_) => Ok(walked),
            Err(CommitError::Refused { .. }) => Ok(Walked::Fenced),
            Err(error) => Err(error.into()),
        }
    }

    /// A recorded outcome as a walk gives it; `None` if its answer is gone.
    fn recorded(&self, outcome: &StepOutcome) -> Result<Option<Walked>, Fault> {
        Ok(match outcome {
            StepOutcome::Refused(refusal) => Some(Walked::Refused(refusal.clone())),
            StepOutcome::Pending(id) => Some(Walked::Pending(id.clone())),
            StepOutcome::Done { status, headers, body, at } => {
                let empty = (*body == Digest::of(b"")).then(Vec::new);
                let max = mm_core::action::Action::ANSWER_BYTES_MAX as usize;
                let body = match empty {
                    Some(empty) => Some(empty),
                    None => self.shared.store.get_answer(body, max)?,
                };
                let (status, headers, at) = (*status, headers.clone(), *at);
                body.map(|body| Walked::Done(Answer { status, headers, body, at }))
            }
        })
    }

    /// There is no way now: what changes something waits, as long as it is of use.
    pub(super) async fn later(
        &self,
        p: &Proposal,
        mut draft: Draft,
        not_before: Moment,
        refusal: Refusal,
    ) -> Result<Walked, Fault> {
        let now = self.shared.now();
        let usual = || p.action.until.unwrap_or_else(|| now.plus(mm_core::approval::EXPIRES_AFTER));
        let (kept, until) = match &p.origin {
            Origin::Kept(kept) => (true, kept.until),
            Origin::Run { .. } | Origin::System => (false, usual()),
        };
        if p.is_system() || !(self.may_change(p) || kept) {
            return self.refuse(p, draft, refusal).await;
        }
        let unsent = draft.is_unsent();
        let yes = match &p.origin {
            Origin::Kept(Kept { question: Some((yes, _)), .. }) if draft.kept().is_none() || unsent => {
                Some(yes)
            }
            // What was answered has used the yes up: it is judged, and asked about, anew.
            _ => None,
        };
        // A yes that is of no more use then ends with a word to its owner, which is the inbox's to say.
        if not_before >= until && (yes.is_none() || now >= until) {
            let why = format!("{}; it would be of no use after {until}", refusal.why);
            return self.refuse(p, draft, Refusal { why, ..refusal }).await;
        }
        let not_before = not_before.min(until);
        let given_back = match yes.filter(|_| unsent) {
            Some(yes) => self.give_back(p, yes, &refusal.why, now)?,
            None => Change::new(),
        };
        let standing = match yes.cloned() {
            Some(approval) => Standing::Asked { approval, not_before: Some(not_before) },
            None => Standing::Queued { not_before, until },
        };
        draft.waits(format!("waits until {not_before}: {}", refusal.why), now)?;
        let change = self.held(p, &mut draft, standing, now)?.and(given_back);
        self.hold(p, change, || {
            if refusal.class == ErrorClass::Compliance {
                let about = format!("blocked/{}/{}", p.action.platform, p.action.kind);
                self.alerts.raise(&p.space, about, held_up(p, &draft, &refusal, "waits"));
            }
        })
        .await
    }
}

/// A proposal as it is kept.
pub(super) fn whole(p: &Proposal, standing: Standing, now: Moment) -> ChangeRow {
    let known_as = match &p.origin {
        Origin::Kept(kept) => kept.known_as.clone(),
        Origin::Run { .. } | Origin::System => p.id(),
    };
    ChangeRow {
        action: p.action.clone(),
        strategy: p.strategy.clone(),
        run: p.run.clone(),
        step: p.step.clone(),
        first_hash: p.first_hash,
        known_as,
        since: now,
        held: matches!(p.origin, Origin::Kept(_)),
        request: None,
        sent_at: None,
        standing,
    }
}

/// The rules that decided, as a person reads them.
pub(crate) fn quoted(judgement: &Judgement) -> Vec<QuotedRule> {
    let quote = |rule: &mm_core::rule::DecidingRule| QuotedRule {
        id: rule.id.clone(),
        verdict: rule.verdict,
        reason: rule.reason.clone(),
        source: rule.source.clone(),
        clause: rule.clause.clone(),
    };
    judgement.deciding.iter().map(quote).collect()
}

/// The question to a person, with all he needs to answer it.
fn question(p: &Proposal, ruling: &Ruling, request: Request, now: Moment) -> ApprovalRow {
    let judgement = &ruling.judgement;
    let note = |note: &String| note.chars().take(NOTE_CHARS_MAX).collect();
    let item =
        Approval::ask(request.asked_hash(), judgement.digest(), judgement.by_owner, now, p.action.until);
    ApprovalRow {
        action: p.id(),
        strategy: p.strategy.clone(),
        platform: p.action.platform.to_string(),
        account: p.action.account.as_ref().map(ToString::to_string),
        kind: p.action.kind.to_string(),
        purpose: Untrusted::new(p.action.purpose.as_str()).line(300),
        request,
        rules: quoted(judgement),
        notes: p.action.notes.iter().take(NOTES_MAX).map(note).collect(),
        item,
    }
}

/// A question's name: of what is asked and when, so that what is asked anew is another question.
fn question_id(p: &Proposal, row: &ApprovalRow, now: Moment) -> String {
    let (id, at) = (p.id(), now.unix_ms().to_be_bytes());
    let fields =
        [p.space.as_str().as_bytes(), id.as_str().as_bytes(), &row.item.request.0, &row.item.ruling.0, &at];
    Digest::of_fields("mm-approval-1", fields).short(12)
}
