//! Marks on the road: the same change, proposed again, gets what became of the first.
//!
//! A mark is read before anything is done and expected, as it was read, by the change that puts the
//! intent on record: of two walks of the same change one is refused there, before the first byte.

use mm_core::digest::Digest;
use mm_core::error::ErrorClass;
use mm_core::id::{ActionId, Space, StrategyId};
use mm_core::mark::{Again, Mark, Marked};
use mm_core::moment::Moment;
use mm_core::run::{Refusal, StepOutcome};
use mm_store::{Change, Expect, Key, Record, Store};
use mm_supervision::Fault;

use super::halt::Halt;
use super::{GatewayService, Proposal};

/// The mark of a walk's own change, as it was when the walk began.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// Its version; `None` if there was none.
    version: Option<u64>,
    /// Whether this walk looked.
    looked: bool,
}

/// The row of a change's mark.
pub(crate) fn row_id(strategy: &StrategyId, hash: Digest) -> String {
    format!("{strategy}/{hash}")
}

/// The rows of the marks of `hashes`, each once.
fn row_ids(strategy: &StrategyId, hashes: &[Digest]) -> Vec<String> {
    let mut ids: Vec<String> = hashes.iter().map(|hash| row_id(strategy, *hash)).collect();
    ids.dedup();
    ids
}

impl GatewayService {
    /// Looks whether the very same change was proposed before; only what cannot have happened goes on.
    pub(super) fn unmarked(&self, p: &Proposal) -> Result<Seen, Halt> {
        if p.is_system() {
            return Ok(Seen::default());
        }
        let row = self.shared.store.get::<Mark>(&p.space, &row_id(&p.strategy, p.action.hash()))?;
        let Some(row) = row else { return Ok(Seen { version: None, looked: true }) };
        match row.value.again(&p.id()) {
            Again::Go => Ok(Seen { version: Some(row.version), looked: true }),
            Again::Pending(first) => Err(Halt::Known(row.value.action, StepOutcome::Pending(first))),
            Again::Recorded(outcome) => Err(Halt::Known(row.value.action, outcome)),
            Again::Refuse(why) => Err(Halt::Refused(Refusal::new(ErrorClass::Compliance, why))),
        }
    }

    /// Expects the mark as it was seen.
    pub(super) fn as_seen(&self, p: &Proposal, seen: Seen) -> Result<Change, Fault> {
        if !seen.looked {
            return Ok(Change::new());
        }
        let key = Key::new(&p.space, Mark::KIND, &row_id(&p.strategy, p.action.hash()))?;
        let expect = seen.version.map_or(Expect::Absent, Expect::Version);
        Ok(Change::new().expect(key, expect))
    }

    /// Puts the marks of a change: its own, and that of what was proposed where a redirect or an edit
    /// made another of it.
    pub(super) fn marked(
        &self,
        p: &Proposal,
        state: Marked,
        outcome: Option<&StepOutcome>,
        at: Moment,
    ) -> Result<Change, Fault> {
        if p.is_system() {
            return Ok(Change::new());
        }
        let hashes = [p.action.hash(), p.first_hash];
        put(&p.space, &p.strategy, &hashes, &Mark { action: p.id(), state, at, outcome: outcome.cloned() })
    }
}

/// As [`put`], of the change of an action that was not sent: only the marks that are that action's own, as
/// they are now. What another action did, or may have done, it says nothing of.
pub(crate) fn put_own(
    store: &Store,
    space: &Space,
    strategy: &StrategyId,
    hashes: &[Digest],
    mark: &Mark,
) -> Result<Change, Fault> {
    let mut change = Change::new();
    for id in row_ids(strategy, hashes) {
        let Some(row) = store.get::<Mark>(space, &id)? else { continue };
        if row.value.action == mark.action {
            change = change
                .expect_version(Key::new(space, Mark::KIND, &id)?, row.version)
                .put(space, &id, mark)?;
        }
    }
    Ok(change)
}

/// Takes the mark of an act that only reads and has ended, if it is `action`'s own: it may be read again, and what
/// was read is in the journal of the run that asked.
pub(crate) fn drop_own(
    store: &Store,
    space: &Space,
    strategy: &StrategyId,
    hash: Digest,
    action: &ActionId,
) -> Result<Change, Fault> {
    let id = row_id(strategy, hash);
    let Some(row) = store.get::<Mark>(space, &id)?.filter(|row| row.value.action == *action) else {
        return Ok(Change::new());
    };
    let key = Key::new(space, Mark::KIND, &id)?;
    Ok(Change::new().expect_version(key.clone(), row.version).delete(key))
}

/// What expects that `by` may make the change of `hash`, as its mark is now.
///
/// # Errors
/// The inner error is the sentence that says why it may not.
pub(crate) fn free(
    store: &Store,
    space: &Space,
    strategy: &StrategyId,
    hash: Digest,
    by: &ActionId,
) -> Result<Result<Change, String>, Fault> {
    let id = row_id(strategy, hash);
    let key = Key::new(space, Mark::KIND, &id)?;
    let Some(row) = store.get::<Mark>(space, &id)? else { return Ok(Ok(Change::new().expect_absent(key))) };
    Ok(match row.value.again(by) {
        Again::Go => Ok(Change::new().expect_version(key, row.version)),
        Again::Pending(first) => Err(format!("action {first} waits with the very same change")),
        Again::Recorded(_) => Err(format!("action {} made the very same change", row.value.action)),
        Again::Refuse(why) => Err(why),
    })
}

/// Puts `mark` for each of `hashes`.
pub(crate) fn put(
    space: &Space,
    strategy: &StrategyId,
    hashes: &[Digest],
    mark: &Mark,
) -> Result<Change, Fault> {
    let mut change = Change::new();
    for id in row_ids(strategy, hashes) {
        change = change.put(space, &id, mark)?;
    }
    Ok(change)
}
