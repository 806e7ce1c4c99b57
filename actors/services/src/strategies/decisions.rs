//! What a run is told of its owner's decisions, journalled like a step.
//!
//! An owner may decide while a run is cut off. What the run does next rests on what it was told before, so
//! the first answer is recorded and given again when the run resumes.

use mm_core::digest::Digest;
use mm_core::id::ActionId;
use mm_core::opportunity::{Opportunity, State};
use mm_core::run::{RunRecord, StepOutcome, StepRecord};
use mm_sdk::{Decided, Interrupt};
use mm_store::{Change, ChangeError, CommitError, Key, ReadError, Record, Span, Store};
use mm_supervision::Fault;

use super::backend::RunBackend;

/// The journal's name for it; a strategy's own steps have no `_`.
pub(super) const STEP: &str = "_decisions";

/// The most that one run is told of. An owner who accepts more than he can work on hears of the rest when
/// some are done.
const DECIDED_MAX: usize = 200;

/// The most bytes of the recorded answer: [`DECIDED_MAX`] records of 64 KiB.
const BYTES_MAX: usize = DECIDED_MAX * Opportunity::BYTES_MAX;

impl RunBackend {
    /// The accepted opportunities as they were when the run first asked.
    pub(super) async fn recorded_decisions(&mut self) -> Result<Vec<Decided>, Interrupt> {
        let row_id = StepRecord::row_id(&self.run.id, STEP);
        let store = &self.shared.store;
        if let Some(row) = store.get::<StepRecord>(&self.run.space, &row_id).map_err(unread)? {
            return again(store, &row.value);
        }
        let decided = accepted(store, &self.run).map_err(unread)?;
        let bytes = serde_json::to_vec(&decided).map_err(|error| Interrupt::Ended(error.to_string()))?;
        let now = self.shared.now();
        let body = store.put_answer(&bytes, now).await.map_err(uncommitted)?;
        let outcome = StepOutcome::Done { status: 200, headers: Vec::new(), body, at: now };
        let row = StepRecord {
            step: STEP.to_owned(),
            action_hash: Digest::of(STEP.as_bytes()),
            action: ActionId::new(row_id.as_str()),
            outcome,
        };
        let change =
            self.change(&row_id, &row).map_err(|error| Interrupt::Ended(Fault::from(error).reason))?;
        store.commit(change).await.map_err(uncommitted)?;
        Ok(decided)
    }

    /// The journal's row, if the run is still ours.
    fn change(&self, row_id: &str, row: &StepRecord) -> Result<Change, ChangeError> {
        let key = Key::new(&self.run.space, RunRecord::KIND, self.run.id.as_str())?;
        Change::new().expect_version(key, self.run_version).put(&self.run.space, row_id, row)
    }
}

/// The strategy's accepted opportunities, sorted by id.
fn accepted(store: &Store, run: &RunRecord) -> Result<Vec<Decided>, ReadError> {
    let rows = store.scan::<Opportunity>(&run.space, Span::all(), usize::MAX)?.into_values();
    let its_own = rows.filter(|row| row.strategy == run.strategy && row.state == State::Accepted);
    let decided =
        |row: Opportunity| Decided { id: row.id, kind: row.kind, details: row.details, at: row.updated_at };
    Ok(its_own.map(decided).take(DECIDED_MAX).collect())
}

fn again(store: &Store, row: &StepRecord) -> Result<Vec<Decided>, Interrupt> {
    let gone = || Interrupt::Ended("what the run was told of its owner's decisions is gone".to_owned());
    let StepOutcome::Done { body, .. } = &row.outcome else { return Err(gone()) };
    let bytes = store.get_answer(body, BYTES_MAX).map_err(unread)?.ok_or_else(gone)?;
    serde_json::from_slice(&bytes).map_err(|_| gone())
}

fn unread(error: ReadError) -> Interrupt {
    Interrupt::Ended(Fault::from(error).reason)
}

fn uncommitted(error: CommitError) -> Interrupt {
    match error {
        CommitError::Refused { .. } => Interrupt::Ended("another took it up, or it was given up".to_owned()),
        error => Interrupt::Ended(Fault::from(error).reason),
    }
}
