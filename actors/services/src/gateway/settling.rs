//! The end of an ambiguous change: somebody looked, and it happened or it did not.
//!
//! One change writes it all: the record, its audit entry, and what waits for it. It is no message of the
//! gateway: the change expects the record as it was read, so that of two who settle the same only one
//! does. It writes to the store and tells the alerts; it never sends anything.

use mm_core::activity::{ActionRecord, Check, Stage};
use mm_core::answer::Answer;
use mm_core::id::{ActionId, Space};
use mm_core::untrusted::Untrusted;
use mm_store::{Change, CommitError, Key, NewEntry, Record};
use mm_supervision::Fault;
use serde_json::json;

use crate::alerts::Alerts;
use crate::records::LookUpRow;
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
    /// The answer that showed it, where one did: what the strategy is given in the place of the one that
    /// was lost.
    pub answer: Option<Answer>,
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
            let key = Key::new(space, ActionRecord::KIND, id.as_str())?;
            let change = self.change(&record, settlement)?.expect_version(key, row.version);
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

    fn change(&self, record: &ActionRecord, settlement: &Settlement) -> Result<Change, Fault> {
        let (space, id) = (&record.space, record.id.as_str());
        let payload = json!({
            "action": id,
            "stage": record.stage.as_str(),
            "by": settlement.by,
            "how": record.checks.last().map(|check| check.reason.as_str()),
        });
        Ok(self
            .aftermath(record, settlement.happened)?
            .put(space, id, record)?
            .delete(Key::new(space, LookUpRow::KIND, id)?)
            .audit(NewEntry::new(record.updated_at, space, "action.settled", &payload)?))
    }

    /// What else an end that is known at last changes, in the same change.
    fn aftermath(&self, _record: &ActionRecord, _happened: bool) -> Result<Change, Fault> {
        Ok(Change::new())
    }

    /// Ends the questions to the owner.
    fn told(&self, record: &ActionRecord) {
        for about in ["ambiguous", "look-up"] {
            self.alerts.clear(&record.space, format!("{about}/{}", record.id));
        }
    }
}
