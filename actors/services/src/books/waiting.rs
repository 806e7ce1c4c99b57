//! What time alone does to the books: an opportunity whose deadline has passed expires, and a payment that is
//! later than its payer usually is leads to a draft in the inbox.
//!
//! The draft is never sent by anybody but a person: its item is one of those that its owner carries out, and
//! nothing here, nor anything that it calls, reaches a platform. A payment is chased once in a period; the
//! draft ends when the payment comes. Nothing is ended by a clock that is not trusted. What does not open is
//! passed over, and said in the log.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

use mm_core::approval::{Event, NotTaken};
use mm_core::id::{EarningId, OpportunityId, Space};
use mm_core::ledger::{Earning, Stage};
use mm_core::moment::Moment;
use mm_core::opportunity::{Chase, Decision, Late, Opportunity, Payer, State, Step, Who};
use mm_core::untrusted::Untrusted;
use mm_store::{Change, CommitError, Key, NewEntry, Row, Span};
use mm_supervision::Fault;
use serde_json::json;

use super::BooksService;
use super::following::payer_of;
use super::merging;
use crate::integrity;
use crate::records::AlertRow;

/// The first look is so long after the start: not while the first runs want the store.
pub(super) const FIRST_AFTER: Duration = Duration::from_secs(60);
/// From one look to the next, if no deadline is sooner.
const EVERY: Duration = Duration::from_secs(3600);

/// What an owner says of a draft to a payer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// He will send it.
    Approve,
    /// He does not want it sent.
    Reject,
    /// He has sent it.
    Done,
    /// He has not.
    NotDone,
}

/// What was drafted of late payments, by whoever was thought to be their payer then.
#[derive(Default)]
struct Drafted {
    /// The drafts.
    ids: BTreeSet<String>,
    /// Payments that are not asked for again yet.
    resting: BTreeSet<EarningId>,
}

/// Why a word was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnswered {
    /// There is no such draft.
    #[error("there is no approval `{0}`; `approvals list` shows the ids")]
    Unknown(String),
    /// It does not stand so.
    #[error("approval `{0}` is not decided: {1}")]
    NotTaken(String, NotTaken),
}

impl BooksService {
    /// Does what is due, and says how long nothing else is.
    pub(super) async fn look(&self) -> Result<Duration, Fault> {
        let space = Space::default_owner();
        let Some(now) = self.shared.trust.wall() else { return Ok(EVERY) };
        let next = self.expire(&space, now).await?;
        let drafted = self.drafted(&space, now)?;
        for earning in self.owed(&space)? {
            if !drafted.resting.contains(&earning.id) {
                self.chase(&space, &earning, &drafted, now).await?;
            }
        }
        self.end_chases(&space, now).await?;
        let wait = next.map_or(EVERY, |next| next.since(now).clamp(Duration::from_millis(1), EVERY));
        Ok(wait)
    }

    /// Ends what its deadline has passed; gives the next deadline.
    async fn expire(&self, space: &Space, now: Moment) -> Result<Option<Moment>, Fault> {
        let (mut over, mut next): (Vec<OpportunityId>, Option<Moment>) = (Vec::new(), None);
        self.shared.store.visit::<Opportunity>(space, Span::all(), |_, row| {
            let Ok(row) = row else { return ControlFlow::Continue(()) };
            if row.value.is_overdue(now) {
                over.push(row.value.id);
            } else if let Some(deadline) = row.value.deadline.filter(|_| row.value.state.may_expire()) {
                next = Some(next.map_or(deadline, |next| next.min(deadline)));
            }
            ControlFlow::Continue(())
        })?;
        for id in over {
            self.expire_one(space, &id, now).await?;
        }
        Ok(next)
    }

    async fn expire_one(&self, space: &Space, id: &OpportunityId, now: Moment) -> Result<(), Fault> {
        let store = &self.shared.store;
        loop {
            // Its owner, or a run, may have been faster.
            let Ok(Some(row)) = integrity::read::<Opportunity>(store, space, id.as_str())? else {
                return Ok(());
            };
            let Some(deadline) = row.value.deadline.filter(|_| row.value.is_overdue(now)) else {
                return Ok(());
            };
            // Who accepts what is past its deadline knows better than the deadline.
            let last = Step::row_id(id, row.value.steps);
            let last = integrity::read::<Step>(store, space, &last)?.ok().flatten();
            if last.is_some_and(|last| last.value.to == State::Accepted && deadline <= last.value.at) {
                return Ok(());
            }
            let why = Untrusted::new(format!("its deadline was {deadline}"));
            let Ok(Some((after, step))) = row.value.after(Decision::Expire, Who::Machine, Some(why), now)
            else {
                return Ok(());
            };
            let change = merging::stepped(space, &step)?
                .expect_version(Key::of::<Opportunity>(space, id.as_str())?, row.version)
                .put(space, id.as_str(), &after)?;
            match store.commit(change).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// What is claimed or approved and has not come.
    fn owed(&self, space: &Space) -> Result<Vec<Earning>, Fault> {
        let mut owed = Vec::new();
        self.shared.store.visit::<Earning>(space, Span::all(), |_, row| {
            if let Ok(row) = row
                && matches!(row.value.stage(), Some(Stage::Claimed | Stage::Approved))
            {
                owed.push(row.value);
            }
            ControlFlow::Continue(())
        })?;
        Ok(owed)
    }

    /// What was drafted so far.
    fn drafted(&self, space: &Space, now: Moment) -> Result<Drafted, Fault> {
        let mut drafted = Drafted::default();
        self.shared.store.visit::<Payer>(space, Span::all(), |_, row| {
            for chase in row.into_iter().flat_map(|row| row.value.chases) {
                if chase.rests(now) {
                    drafted.resting.insert(chase.earning);
                }
                drafted.ids.insert(chase.id);
            }
            ControlFlow::Continue(())
        })?;
        Ok(drafted)
    }

    /// Puts a draft about a payment into the inbox if it is late and was not yet chased in this period.
    async fn chase(
        &self,
        space: &Space,
        earning: &Earning,
        drafted: &Drafted,
        now: Moment,
    ) -> Result<(), Fault> {
        let store = &self.shared.store;
        let opportunity = match &earning.opportunity {
            Some(id) => integrity::read::<Opportunity>(store, space, id.as_str())?.ok().flatten(),
            None => None,
        };
        let opportunity = opportunity.map(|row| row.value);
        // Nobody is asked for money by whom it was never meant.
        if opportunity.as_ref().is_some_and(Opportunity::is_trap) {
            return Ok(());
        }
        let named = opportunity.as_ref().and_then(payer_of);
        let (platform, name) = named.unwrap_or((earning.platform.to_string(), String::new()));
        let id = Payer::id_of(&platform, &name);
        let (mut payer, version) = match integrity::read::<Payer>(store, space, &id)? {
            Ok(Some(Row { value, version })) => (value, Some(version)),
            Ok(None) => (Payer::new(&platform, &name, now), None),
            Err(why) => {
                tracing::warn!(payer = %id, why, "its late payments cannot be chased");
                return Ok(());
            }
        };
        // The others are asked for in a later period; one letter usually speaks of all.
        if !payer.has_room(now) {
            return Ok(());
        }
        let Some(late) = Late::of(earning, Some(&payer), self.published(earning), now) else { return Ok(()) };
        if drafted.ids.contains(&Chase::id_of(&earning.id, late.period)) {
            return Ok(());
        }
        let url = opportunity.map(|row| row.url);
        let Some(chase) = Chase::draft(earning, &name, url, &late, now) else { return Ok(()) };
        let (purpose, payload) = (chase.purpose.clone(), payload(&chase, &id, &Who::Machine));
        // What was asked in an earlier period is not asked twice at once.
        payer.chases.iter_mut().filter(|known| known.earning == earning.id).for_each(|known| known.end(now));
        payer.chase(chase, now);
        let key = Key::of::<Payer>(space, &id)?;
        let change = match version {
            Some(version) => Change::new().expect_version(key, version),
            None => Change::new().expect_absent(key),
        };
        let entry = NewEntry::new(now, space, "payment.late", &payload)?;
        match store.commit(change.put(space, &id, &payer)?.audit(entry)).await {
            Ok(_) => {
                let sentence = format!("a payment is late: {purpose}; a draft to the payer waits for you");
                self.alerts.raise(space, about(earning.id.as_str()), sentence);
                Ok(())
            }
            // It was paid meanwhile, or is looked at again in an hour.
            Err(CommitError::Refused { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Within how many days the platform says that it pays.
    fn published(&self, earning: &Earning) -> Option<u32> {
        self.shared.settings().strategies.get(&earning.strategy)?.pays_within_days
    }

    /// Ends drafts whose period is over or whose payment is not outstanding any more, and says that what is
    /// not asked any more is over.
    async fn end_chases(&self, space: &Space, now: Moment) -> Result<(), Fault> {
        let store = &self.shared.store;
        for (id, row) in store.scan::<Payer>(space, Span::all(), usize::MAX)?.rows {
            let mut payer = row.value;
            if self.end_of(space, &mut payer, now)? {
                payer.updated_at = now;
                let key = Key::of::<Payer>(space, &id)?;
                let change = Change::new().expect_version(key, row.version).put(space, &id, &payer)?;
                match store.commit(change).await {
                    Ok(_) | Err(CommitError::Refused { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            for chase in &payer.chases {
                let asked = |other: &Chase| other.earning == chase.earning && other.item.state.is_open();
                if !payer.chases.iter().any(asked) {
                    self.say_over(space, chase)?;
                }
            }
        }
        Ok(())
    }

    /// Ends what is over of the drafts to `payer`; says whether anything was.
    fn end_of(&self, space: &Space, payer: &mut Payer, now: Moment) -> Result<bool, Fault> {
        let mut ended = false;
        for chase in payer.chases.iter_mut().filter(|chase| chase.item.state.is_open()) {
            if !self.is_owed(space, &chase.earning)? {
                chase.over(now);
                ended = true;
            } else if chase.item.ends_at().is_some_and(|at| at <= now) {
                chase.end(now);
                ended = true;
            }
        }
        Ok(ended)
    }

    /// Whether a payment is outstanding; of one that does not open nobody says that it is not.
    fn is_owed(&self, space: &Space, earning: &EarningId) -> Result<bool, Fault> {
        let Ok(row) = integrity::read::<Earning>(&self.shared.store, space, earning.as_str())? else {
            return Ok(true);
        };
        Ok(row.is_some_and(|row| matches!(row.value.stage(), Some(Stage::Claimed | Stage::Approved))))
    }

    /// Takes the alert about a payment back, if there is one.
    fn say_over(&self, space: &Space, chase: &Chase) -> Result<(), Fault> {
        let about = about(chase.earning.as_str());
        let row = integrity::read::<AlertRow>(&self.shared.store, space, &about)?;
        if row.ok().flatten().is_some_and(|row| row.value.cleared_at.is_none()) {
            self.alerts.clear(space, about);
        }
        Ok(())
    }

    /// Takes the owner's word on a draft.
    pub(super) async fn answer(
        &self,
        space: &Space,
        id: &str,
        word: Word,
        by: &str,
        reason: Option<&str>,
    ) -> Result<Result<Chase, NotAnswered>, Fault> {
        let store = &self.shared.store;
        let event = match word {
            Word::Approve => Event::Approve,
            Word::Reject => Event::Reject,
            Word::Done => Event::Done,
            Word::NotDone => Event::NotDone,
        };
        loop {
            let now = self.shared.now();
            let payers = store.scan::<Payer>(space, Span::all(), usize::MAX)?.rows.into_iter();
            let mut holding = payers.filter(|(_, row)| row.value.chases.iter().any(|chase| chase.id == id));
            let Some((row_id, row)) = holding.next() else {
                return Ok(Err(NotAnswered::Unknown(Untrusted::new(id).line(80))));
            };
            let mut payer = row.value;
            let Some(chase) = payer.chases.iter_mut().find(|chase| chase.id == id) else {
                return Ok(Err(NotAnswered::Unknown(Untrusted::new(id).line(80))));
            };
            chase.item = match chase.item.after(&event, by, reason, now) {
                Ok(item) => item,
                Err(why) => return Ok(Err(NotAnswered::NotTaken(chase.id.clone(), why))),
            };
            payer.updated_at = now;
            let chase = chase.clone();
            let kind = format!("payment.late.{}", chase.item.state.as_str());
            let payload = payload(&chase, &row_id, &Who::Owner(by.to_owned()));
            let change = Change::new()
                .expect_version(Key::of::<Payer>(space, &row_id)?, row.version)
                .put(space, &row_id, &payer)?
                .audit(NewEntry::new(now, space, &kind, &payload)?);
            match store.commit(change).await {
                Ok(_) => {
                    if !chase.item.state.is_open() {
                        self.say_over(space, &chase)?;
                    }
                    return Ok(Ok(chase));
                }
                // A payment came meanwhile: the word is for what it is now.
                Err(CommitError::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// The alert's name.
fn about(earning: &str) -> String {
    format!("late/{earning}")
}

/// What the audit trail says of a draft; nothing that somebody else wrote.
fn payload(chase: &Chase, payer: &str, by: &Who) -> serde_json::Value {
    json!({
        "draft": chase.id,
        "earning": chase.earning,
        "payer": payer,
        "text": chase.item.request.to_string(),
        "by": by.to_string(),
    })
}
