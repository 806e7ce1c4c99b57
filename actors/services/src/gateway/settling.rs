//! The end of an ambiguous change: somebody looked, and it happened or it did not.
//!
//! One change writes it all: the record, its audit entry, and what waits for it. It is no message of the
//! gateway: the change expects the record as it was read, so that of two who settle the same only one
//! does. It writes to the store and tells the alerts; it never sends anything.

use mm_core::activity::{ActionRecord, Check, Stage};
use mm_core::answer::Answer;
use mm_core::digest::Digest;
use mm_core::error::ErrorClass;
use mm_core::id::{ActionId, Space};
use mm_core::mark::{Mark, Marked};
use mm_core::run::{Refusal, StepOutcome};
use mm_core::untrusted::Untrusted;
use mm_store::{Change, CommitError, Key, NewEntry, Record};
use mm_supervision::Fault;
use serde_json::json;

use super::crash::ambiguous;
use super::marks;
use crate::alerts::Alerts;
use crate::records::{ChangeRow, LookUpRow, SettledTelling, Standing};
use crate::shared::Shared;

/// What is left of a sentence.
const SENTENCE_CHARS_MAX: usize = 500;

/// What became of an ambiguous change, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// Whether it happened; if not, it provably did not.
    pub happened: bool,
    /// Where that is to be seen; one sentence, also from outside.
    pub how: String,
    /// Who looked: `reconciler`, or the owner.
    pub by: String,
}

/// Why nothing was settled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSettled {
    /// There is no such action.
    #[error("there is no action `{0}`; `actions list` shows the ids")]
    Unknown(ActionId),
    /// What became of it is known.
    #[error("action `{0}` is {1}, not ambiguous: there is nothing to settle")]
    Known(ActionId, &'static str),
}

/// Settles ambiguous changes.
#[derive(Clone)]
pub struct Settling {
    /// What every service is handed.
    pub shared: Shared,
    /// Where the question stands that is answered now.
    pub alerts: Alerts,
}

impl Settling {
    /// Puts on record what became of an ambiguous change; durable when this returns.
    ///
    /// # Errors
    /// If the store refuses. The inner error says what stands against it.
    pub async fn settle(
        &self,
        space: &Space,
        id: &ActionId,
        settlement: &Settlement,
    ) -> Result<Result<ActionRecord, NotSettled>, Fault> {
        loop {
            let Some(row) = self.shared.store.get::<ActionRecord>(space, id.as_str())? else {
                return Ok(Err(NotSettled::Unknown(id.clone())));
            };
            if row.value.stage != Stage::Ambiguous {
                return Ok(Err(NotSettled::Known(id.clone(), row.value.stage.as_str())));
            }
            let record = self.record(row.value, settlement);
            let outcome = outcome(&record);
            let key = Key::new(space, ActionRecord::KIND, id.as_str())?;
            let change = self.change(&record, outcome, settlement)?.expect_version(key, row.version);
            match self.shared.store.commit(change).await {
                Ok(_) => {
                    self.told(&record);
                    return Ok(Ok(record));
                }
                // Somebody else was faster: what he says is looked at.
                Err(CommitError::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn record(&self, record: ActionRecord, settlement: &Settlement) -> ActionRecord {
        let how = Untrusted::new(settlement.how.as_str()).line(SENTENCE_CHARS_MAX);
        let (stage, error, verdict) = if settlement.happened {
            (Stage::Confirmed, None, "happened")
        } else {
            (Stage::Failed, Some(format!("it did not happen: {how}")), "did not happen")
        };
        let mut checks = record.checks;
        let rule = format!("look-up by {}", settlement.by);
        checks.push(Check { rule, verdict: verdict.to_owned(), reason: how });
        ActionRecord { stage, error, checks, updated_at: self.shared.now(), ..record }
    }

    fn change(
        &self,
        record: &ActionRecord,
        outcome: StepOutcome,
        settlement: &Settlement,
    ) -> Result<Change, Fault> {
        let (space, id) = (&record.space, record.id.as_str());
        let payload = json!({
            "action": id,
            "stage": record.stage.as_str(),
            "by": settlement.by,
            "how": record.checks.last().map(|check| check.reason.as_str()),
        });
        Ok(self
            .aftermath(record, outcome)?
            .put(space, id, record)?
            .delete(Key::new(space, LookUpRow::KIND, id)?)
            .audit(NewEntry::new(record.updated_at, space, "action.settled", &payload)?))
    }

    /// What else an end that is known at last changes: the whole change, whose strategy is to hear of it,
    /// and the mark that answers whoever proposes the same again.
    fn aftermath(&self, record: &ActionRecord, outcome: StepOutcome) -> Result<Change, Fault> {
        let (space, id, at) = (&record.space, record.id.as_str(), record.updated_at);
        let Some(row) = self.shared.store.get::<ChangeRow>(space, id)? else { return Ok(Change::new()) };
        let (row, version) = (row.value, row.version);
        let state = if record.stage == Stage::Confirmed { Marked::Done } else { Marked::NotDone };
        let mark = Mark { action: record.id.clone(), state, at, outcome: Some(outcome.clone()) };
        let hashes = [row.action.hash(), row.first_hash];
        let standing = Standing::Settled { at, outcome, telling: SettledTelling::Due };
        Ok(marks::put(space, &row.strategy, &hashes, &mark)?
            .expect_version(Key::new(space, ChangeRow::KIND, id)?, version)
            .put(space, id, &ChangeRow { standing, ..row })?)
    }

    /// Ends the questions to the owner, and has the strategy told.
    fn told(&self, record: &ActionRecord) {
        self.shared.inbox.notify_one();
        nobody_asks(&self.alerts, &record.space, &record.id);
    }
}

/// What became of a change is known: no question about it stands any more.
pub(super) fn nobody_asks(alerts: &Alerts, space: &Space, id: &ActionId) {
    for about in [ambiguous(id.as_str()), asked(id.as_str())] {
        alerts.clear(space, about);
    }
}

/// What the alert is about by which a person is asked to look a change up.
pub(crate) fn asked(id: &str) -> String {
    format!("look-up/{id}")
}

/// What whoever proposed it, or proposes it again, is given. The answer to the change is lost, and what a
/// look-up was answered is none to it: what happened is [`Answer::UNSEEN`].
fn outcome(record: &ActionRecord) -> StepOutcome {
    if let Some(error) = &record.error {
        return StepOutcome::Refused(Refusal::new(ErrorClass::Transient, error.clone()));
    }
    let (status, body) = (Answer::UNSEEN, Digest::of(b""));
    StepOutcome::Done { status, headers: Vec::new(), body, at: record.updated_at }
}
