//! Whole changes: kept from the first intent, or the first wait, to their end and a while beyond.
//!
//! What waited for a person or a slot is walked again from here, without a run, under the id it has. The
//! change that puts its intent on record expects its row, and the question about it, as they were read:
//! of two who carry it out one does, and a yes is used up by the intent it leads to.

use std::time::Duration;

use mm_core::action::{Action, Request};
use mm_core::activity::Stage;
use mm_core::approval::{EXPIRES_AFTER, Event};
use mm_core::id::{ActionId, RunId, Space, StrategyId};
use mm_core::mark::{Mark, Marked};
use mm_core::moment::Moment;
use mm_core::rule::{Judgement, Verdict};
use mm_core::run::{Refusal, StepOutcome};
use mm_core::url::LogicalUrl;
use mm_store::{Change, Key, Record};
use mm_supervision::Fault;

use super::draft::Draft;
use super::halt::Halt;
use super::leads::derive;
use super::proposal::next_id;
use super::proposal::{Kept, Origin};
use super::writing::End;
use super::{Fence, GatewayService, Proposal, asking, marks};
use crate::records::{ApprovalRow, ChangeRow, SettledTelling, Standing};

/// A walk without a run takes at most so long.
pub(super) const WITHIN: Duration = Duration::from_secs(300);

/// What would be sent, and what the rules say to it.
#[derive(Debug, Clone)]
pub struct Considered {
    /// The verdict and the rules that decide.
    pub judgement: Judgement,
    /// The request, credentials as their slots.
    pub request: Request,
}

impl GatewayService {
    /// What waited, as it is walked now; `None` if there is nothing to walk.
    pub(super) fn kept(&self, space: &Space, id: &ActionId) -> Result<Option<Proposal>, Fault> {
        let store = &self.shared.store;
        let Some(row) = store.get::<ChangeRow>(space, id.as_str())? else { return Ok(None) };
        let (version, row) = (row.version, row.value);
        let usual = || self.shared.now().plus(EXPIRES_AFTER);
        let (question, approval, until) = match &row.standing {
            Standing::Asked { approval, .. } => {
                let Some(asked) = store.get::<ApprovalRow>(space, approval)? else { return Ok(None) };
                let Some(yes) = asked.value.item.answer(id) else { return Ok(None) };
                let until = asked.value.item.ends_at().unwrap_or_else(usual);
                (Some((approval.clone(), asked.version)), Some(yes), until)
            }
            Standing::Queued { until, .. } => (None, None, *until),
            _ => return Ok(None),
        };
        let known_as = row.known_as;
        Ok(Some(Proposal {
            space: space.clone(),
            strategy: row.strategy,
            run: row.run,
            origin: Origin::Kept(Kept { known_as, version: Some(version), question, approval, until }),
            step: row.step,
            action: row.action,
            first_hash: row.first_hash,
            deadline: self.shared.now().plus(WITHIN),
            fence: Fence::default(),
        }))
    }

    /// What would be sent, and what the rules say to it now.
    pub(super) async fn consider(
        &self,
        space: Space,
        strategy: StrategyId,
        id: &ActionId,
        action: Action,
    ) -> Result<Result<Considered, Refusal>, Fault> {
        let (run, step) = id.as_str().split_once('.').unwrap_or((id.as_str(), ""));
        let until = self.shared.now().plus(EXPIRES_AFTER);
        let kept = Kept { known_as: id.clone(), version: None, question: None, approval: None, until };
        let proposal = Proposal {
            space,
            strategy,
            run: RunId::new(run),
            origin: Origin::Kept(kept),
            step: step.to_owned(),
            first_hash: action.hash(),
            action,
            deadline: self.shared.now().plus(WITHIN),
            fence: Fence::default(),
        };
        let ruling = self.compliance.judge(&proposal.action, &proposal.space).await?;
        if ruling.judgement.verdict == Verdict::Forbid {
            let (why, rules) = (ruling.judgement.why(), ruling.judgement.rule_ids());
            return Ok(Err(Refusal { rules, ..super::refused(why) }));
        }
        match self.seal(&proposal, &ruling).await {
            Ok(request) => Ok(Ok(Considered { judgement: ruling.judgement, request })),
            Err(Halt::Refused(refusal) | Halt::Later { refusal, .. }) => Ok(Err(refusal)),
            Err(Halt::Broken(fault)) => Err(fault),
            Err(_) => Ok(Err(super::refused("it cannot be sent now"))),
        }
    }

    /// What an intent adds: the mark, the whole change as it is sent, and the yes that it uses up.
    pub(super) fn intended(
        &self,
        p: &Proposal,
        draft: &Draft,
        request: &Request,
        now: Moment,
    ) -> Result<(Change, Option<ChangeRow>), Fault> {
        let kept = match &p.origin {
            // Another try of what is on record as kept.
            _ if draft.kept().is_some() => return Ok((Change::new(), draft.kept().cloned())),
            Origin::System => return Ok((Change::new(), None)),
            Origin::Run { .. } => None,
            Origin::Kept(kept) => Some(kept),
        };
        if !p.is_mutating() && kept.is_none() {
            return Ok((Change::new(), None));
        }
        let id = p.id();
        let key = Key::new(&p.space, ChangeRow::KIND, id.as_str())?;
        let mut change = Change::new();
        if p.is_mutating() {
            change = self.as_seen(p, draft.seen())?.and(self.marked(p, Marked::Sending, None, now)?);
        }
        if let Some(version) = kept.and_then(|kept| kept.version) {
            change = change.expect_version(key, version);
        }
        if let Some((question, version)) = kept.and_then(|kept| kept.question.as_ref()) {
            change = change.and(self.move_question(p, question, *version, &[Event::Send], "", now)?);
        }
        let (request, sent_at) = (Some(request.clone()), Some(now));
        let row = match self.shared.store.get::<ChangeRow>(&p.space, id.as_str())? {
            Some(row) => ChangeRow { request, sent_at, standing: Standing::Sending, ..row.value },
            None => ChangeRow { request, sent_at, ..asking::whole(p, Standing::Sending, now) },
        };
        Ok((change.put(&p.space, id.as_str(), &row)?, Some(row)))
    }

    /// What the end of an action makes of the whole change and of its mark.
    pub(super) fn kept_end(&self, p: &Proposal, draft: &Draft, end: &End) -> Result<Change, Fault> {
        let record = draft.record();
        if record.stage == Stage::Pending {
            return Ok(Change::new());
        }
        let (why, at) = (record.error.as_deref().unwrap_or("it is not sent"), record.updated_at);
        let (row, mut change) = match (draft.kept(), &p.origin) {
            (Some(row), _) => (row.clone(), self.withdraw(p, draft, why, at)?),
            // Refused before anything left: what waited does so no more.
            (None, Origin::Kept(Kept { version: Some(version), question, .. })) => {
                let key = Key::new(&p.space, ChangeRow::KIND, record.id.as_str())?;
                let Some(row) = self.shared.store.get::<ChangeRow>(&p.space, record.id.as_str())? else {
                    return Ok(Change::new());
                };
                let mut change = Change::new().expect_version(key, *version);
                if let Some((id, version)) = question {
                    change = change.and(self.move_question(p, id, *version, &[Event::Supersede], why, at)?);
                }
                (row.value, change)
            }
            (None, _) => return Ok(Change::new()),
        };
        let (state, standing, outcome) = ended(p, draft, end, &row);
        change = change.and(match p.is_mutating() {
            true => self.marks_end(p, draft, Mark { action: p.id(), state, at, outcome })?,
            // What only reads may be read again.
            false => self.unmark(p)?,
        });
        if let (End::Redirects(to), Origin::Kept(kept)) = (end, &p.origin) {
            change = change.and(self.moved(p, kept, to, record.updated_at)?);
        }
        Ok(change.put(&p.space, record.id.as_str(), &ChangeRow { standing, ..row })?)
    }

    /// What a redirect made of something kept, in the change that ends the action before it: it is never
    /// lost between the two. Until this walk's deadline it is this walk's.
    fn moved(&self, p: &Proposal, kept: &Kept, to: &LogicalUrl, now: Moment) -> Result<Change, Fault> {
        let next = derive(p, to.clone());
        let standing = Standing::Queued { not_before: p.deadline, until: kept.until };
        let row = asking::whole(&next, standing, now);
        let key = Key::new(&p.space, ChangeRow::KIND, next.id().as_str())?;
        Ok(Change::new().expect_absent(key).put(&p.space, next.id().as_str(), &row)?)
    }

    /// The hop that a redirect made, with the row that keeps it.
    pub(super) fn with_row(&self, mut next: Proposal) -> Result<Proposal, Fault> {
        let id = next.id();
        if let Origin::Kept(kept) = &mut next.origin {
            kept.version =
                self.shared.store.version(&Key::new(&next.space, ChangeRow::KIND, id.as_str())?)?;
        }
        Ok(next)
    }

    /// The marks at the end of what is no read by its method.
    fn marks_end(&self, p: &Proposal, draft: &Draft, mark: Mark) -> Result<Change, Fault> {
        let (store, own) = (&self.shared.store, p.action.hash());
        let (mut change, mut hashes) = (Change::new(), vec![own, p.first_hash]);
        if !self.may_change(p) {
            // What was proposed before a redirect or an edit made this of it may be a change; that is marked.
            change = marks::drop_own(store, &p.space, &p.strategy, own, &mark.action)?;
            hashes.retain(|hash| *hash != own);
        }
        Ok(change.and(match draft.kept() {
            Some(_) => marks::put(&p.space, &p.strategy, &hashes, &mark)?,
            // Nothing was sent: another action may have made the very same change.
            None => marks::put_own(store, &p.space, &p.strategy, &hashes, &mark)?,
        }))
    }

    fn unmark(&self, p: &Proposal) -> Result<Change, Fault> {
        let mut change = Change::new();
        for hash in [p.action.hash(), p.first_hash] {
            change = change.delete(Key::new(&p.space, Mark::KIND, &marks::row_id(&p.strategy, hash))?);
        }
        Ok(change)
    }
}

/// Where a change and its mark stand at the end of an action, and what is told whoever proposes it again.
fn ended(p: &Proposal, draft: &Draft, end: &End, row: &ChangeRow) -> (Marked, Standing, Option<StepOutcome>) {
    let (stage, at) = (draft.record().stage, draft.record().updated_at);
    let telling = if row.held { SettledTelling::Due } else { SettledTelling::NotNeeded };
    match end {
        // It was not made here; another action makes it there, or does not.
        End::Redirects(_) => {
            let outcome = StepOutcome::Pending(next_id(p));
            let telling = SettledTelling::NotNeeded;
            (Marked::NotDone, Standing::Settled { at, outcome, telling }, None)
        }
        End::With(_) if stage == Stage::Ambiguous => (Marked::Ambiguous, Standing::Ambiguous, None),
        End::With(outcome) => {
            let state = if stage == Stage::Confirmed { Marked::Done } else { Marked::NotDone };
            let standing = Standing::Settled { at, outcome: outcome.clone(), telling };
            (state, standing, Some(outcome.clone()))
        }
    }
}
