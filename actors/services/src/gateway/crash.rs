//! What a crash, a panic or a lost run left open is settled here, as far as it is known.
//!
//! What was `planned` provably never left; what was `sending` and changes something is `ambiguous`. Its
//! mark says the same in the same change, so that nobody sends it again.

use mm_core::activity::{ActionRecord, Stage};
use mm_core::error::ErrorClass;
use mm_core::id::Space;
use mm_core::mark::{Mark, Marked};
use mm_core::run::{Refusal, RunRecord, StepOutcome};
use mm_store::{Change, CommitError, Expect, Key, NewEntry, Record, Span};
use mm_supervision::Fault;
use serde_json::json;

use super::proposal::{Origin, Proposal};
use super::{CUT_OFF, GatewayService, SYSTEM_RUN, marks};
use crate::damage;
use crate::records::{AlertRow, ChangeRow, LookUpRow, OpenRow, SettledTelling, Standing};

impl GatewayService {
    /// What is ambiguous is told once that is on record; a kill between the two left an owner who does not know
    /// of it.
    pub(super) fn tell_what_nobody_was_told(&self) -> Result<(), Fault> {
        let store = &self.shared.store;
        for space in store.spaces()? {
            for (id, _) in store.scan::<LookUpRow>(&space, Span::all(), usize::MAX)?.rows {
                // An alert whose row does not open is begun anew.
                let told = store.get::<AlertRow>(&space, &ambiguous(&id));
                if !told.is_ok_and(|row| row.is_some_and(|row| row.value.cleared_at.is_none())) {
                    self.tell_if_ambiguous(&space, &id)?;
                }
            }
        }
        Ok(())
    }

    /// After a crash: what may have left and changed something is ambiguous, and a person is told;
    /// a read simply did not end.
    pub(super) async fn settle_what_a_crash_left(&self) -> Result<(), Fault> {
        let store = &self.shared.store;
        for space in [Space::machine(), Space::default_owner()] {
            let open = store.scan::<OpenRow>(&space, Span::all(), usize::MAX)?;
            for (id, open) in open.rows {
                if self.is_readable(&space, &id)? {
                    self.settle(&space, &id, open.value.mutating, true).await?;
                }
            }
            for row in open.damaged {
                if self.is_readable(&space, &row.id)? {
                    self.settle_damaged(&space, &row.id).await?;
                }
            }
        }
        Ok(())
    }

    /// Whether what is on record of an action opens; else it stays open, and a person is told.
    fn is_readable(&self, space: &Space, id: &str) -> Result<bool, Fault> {
        let store = &self.shared.store;
        let record = store.get::<ActionRecord>(space, id).err();
        let Some(error) = record.or_else(|| store.get::<ChangeRow>(space, id).err()) else { return Ok(true) };
        self.tell_damaged(space, id, &damage::of_one_row(error)?);
        Ok(false)
    }

    fn tell_damaged(&self, space: &Space, id: &str, what: &str) {
        let sentence = format!(
            "action {id} may or may not have happened, and {what} does not open; look at the platform, and restore a backup"
        );
        self.alerts.raise(space, format!("damaged/{id}"), sentence);
    }

    /// That it was open is all that a damaged row still says; the rest its record knows.
    async fn settle_damaged(&self, space: &Space, id: &str) -> Result<(), Fault> {
        let record = self.shared.store.get::<ActionRecord>(space, id)?;
        let mutating = record.is_none_or(|record| record.value.is_mutating());
        // Nothing can be expected of a row that does not open.
        let change = self.settled(space, id, mutating, true)?;
        self.commit_settled(space, id, change).await
    }

    /// A walk that the machine itself could not finish: what it left open is settled now, as far as
    /// it is known, and not only at the next start.
    pub(super) async fn settle_quietly(&self, p: &Proposal, may_have_left: bool) {
        let mutating = self.may_change(p);
        let id = p.id();
        let settled = match self.shared.store.get::<OpenRow>(&p.space, id.as_str()) {
            Ok(Some(_)) => self.settle(&p.space, id.as_str(), mutating, may_have_left).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = settled {
            tracing::error!(action = %id, %error, "an action is settled at the next start");
        }
    }

    /// A walk that was fenced off because its run is over is nobody's any more: what it left open is
    /// settled as after a crash. While another has taken the run up, that one walks the same action.
    pub(super) async fn settle_what_a_run_left(&self, p: &Proposal) -> Result<(), Fault> {
        let (store, id) = (&self.shared.store, p.id());
        let Origin::Run { version } = p.origin else { return Ok(()) };
        loop {
            let Some(run) = store.get::<RunRecord>(&p.space, p.run.as_str())? else { return Ok(()) };
            if run.value.outcome.is_none() && run.version != version {
                return Ok(());
            }
            let Some(open) = store.get::<OpenRow>(&p.space, id.as_str())? else { return Ok(()) };
            let settled = self.settled(&p.space, id.as_str(), open.value.mutating, true)?;
            let settled = settled.and(still_open(&p.space, id.as_str())?);
            let key = Key::of::<RunRecord>(&p.space, p.run.as_str())?;
            match store.commit(settled.expect_version(key, run.version)).await {
                Ok(_) => return self.tell_if_ambiguous(&p.space, id.as_str()),
                // It was taken up, or ended, at this very moment.
                Err(CommitError::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn settle(
        &self,
        space: &Space,
        id: &str,
        mutating: bool,
        may_have_left: bool,
    ) -> Result<(), Fault> {
        let change = self.settled(space, id, mutating, may_have_left)?.and(still_open(space, id)?);
        self.commit_settled(space, id, change).await
    }

    async fn commit_settled(&self, space: &Space, id: &str, change: Change) -> Result<(), Fault> {
        match self.shared.store.commit(change).await {
            Ok(_) => self.tell_if_ambiguous(space, id),
            // Its own end got on record meanwhile.
            Err(CommitError::Refused { .. }) => Ok(()),
            Err(CommitError::Damaged { key }) => {
                self.tell_damaged(space, id, &format!("the row {key}"));
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What may or may not have happened is the owner's to look up, and he must know of it; whoever can look it
    /// up begins. Asked once the end is on record: what it says then is told, and nothing that did not get there.
    /// Should the process end before that, it is told at the next start.
    pub(super) fn tell_if_ambiguous(&self, space: &Space, id: &str) -> Result<(), Fault> {
        let Some(row) = self.shared.store.get::<ActionRecord>(space, id)? else { return Ok(()) };
        // What the machine does for itself its service tells of, and repeats.
        if row.value.stage == Stage::Ambiguous && !is_own(&row.value) {
            self.alerts.raise(space, ambiguous(id), in_doubt(&row.value));
            self.shared.settings().reconcilers.wake();
        }
        Ok(())
    }

    /// The change that settles an open action.
    fn settled(&self, space: &Space, id: &str, mutating: bool, may_have_left: bool) -> Result<Change, Fault> {
        let (store, now) = (&self.shared.store, self.shared.now());
        let mut change = Change::new().delete(Key::new(space, OpenRow::KIND, id)?);
        if let Some(row) = store.get::<ActionRecord>(space, id)? {
            let reached = if may_have_left { row.value.stage } else { Stage::Planned };
            let (stage, sentence) = after_a_crash(reached, mutating);
            let record =
                ActionRecord { stage, updated_at: now, error: Some(sentence.to_owned()), ..row.value };
            let kind = format!("action.{}", stage.as_str());
            let payload = json!({ "action": id, "why": sentence });
            change = change.put(space, id, &record)?.audit(NewEntry::new(now, space, &kind, &payload)?);
            change = change.and(self.settled_change(&record, mutating)?);
            if stage == Stage::Ambiguous && !is_own(&record) {
                change = change.put(space, id, &LookUpRow::since(now))?;
            }
        }
        Ok(change)
    }

    /// What the whole change and its marks become with the record.
    fn settled_change(&self, record: &ActionRecord, mutating: bool) -> Result<Change, Fault> {
        let (store, space, id) = (&self.shared.store, &record.space, record.id.as_str());
        let Some(row) = store.get::<ChangeRow>(space, id)? else { return Ok(Change::new()) };
        let row = row.value;
        let (state, standing) = match record.stage {
            Stage::Ambiguous => (Marked::Ambiguous, Standing::Ambiguous),
            _ => (Marked::NotDone, cut_off(record, row.held)),
        };
        let mark = Mark { action: record.id.clone(), state, at: record.updated_at, outcome: None };
        let own = row.action.hash();
        let (mut change, mut hashes) = (Change::new(), vec![own, row.first_hash]);
        if !mutating {
            // What only reads may be read again.
            change = marks::drop_own(store, space, &row.strategy, own, &record.id)?;
            hashes.retain(|hash| *hash != own);
        }
        let marked = change.and(marks::put(space, &row.strategy, &hashes, &mark)?);
        Ok(marked.put(space, id, &ChangeRow { standing, ..row })?)
    }
}

/// What an alert of an ambiguous action is about.
pub(super) fn ambiguous(id: &str) -> String {
    format!("ambiguous/{id}")
}

/// What the owner is told of an ambiguous action.
fn in_doubt(record: &ActionRecord) -> String {
    let id = &record.id;
    match record.error.as_deref() {
        Some(CUT_OFF) => format!("action {id}: {CUT_OFF}"),
        why => {
            let why = why.unwrap_or("no answer came");
            format!("action {id} may or may not have happened; look at the platform: {why}")
        }
    }
}

/// Whether it is an act of the machine's own.
fn is_own(record: &ActionRecord) -> bool {
    record.run.as_str().starts_with(SYSTEM_RUN)
}

/// Expects that nobody has ended it meanwhile.
fn still_open(space: &Space, id: &str) -> Result<Change, Fault> {
    Ok(Change::new().expect(Key::new(space, OpenRow::KIND, id)?, Expect::Present))
}

/// What an action that was open when the process died has become.
fn after_a_crash(stage: Stage, mutating: bool) -> (Stage, &'static str) {
    match (stage, mutating) {
        (Stage::Sending, true) => (Stage::Ambiguous, CUT_OFF),
        (_, true) => (Stage::Failed, "the process or its run ended before it was sent; it did not happen"),
        (_, false) => (Stage::Failed, "the process or its run ended while it was being read"),
    }
}

/// What a change that a crash cut off before it left is told.
fn cut_off(record: &ActionRecord, held: bool) -> Standing {
    let why = record.error.clone().unwrap_or_default();
    let outcome = StepOutcome::Refused(Refusal::new(ErrorClass::Transient, why));
    let telling = if held { SettledTelling::Due } else { SettledTelling::NotNeeded };
    Standing::Settled { at: record.updated_at, outcome, telling }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_have_left_and_changed_something_is_ambiguous() {
        for stage in [Stage::Planned, Stage::Sending] {
            for mutating in [false, true] {
                let ambiguous = after_a_crash(stage, mutating).0 == Stage::Ambiguous;
                assert_eq!(ambiguous, stage == Stage::Sending && mutating);
            }
        }
    }
}
