//! Whether the rows still agree with each other: what the machine wrote together must be there
//! together. Pure reading, used at start and by `doctor`.

use mm_core::id::{Space, StrategyId};
use mm_store::{ReadError, Span, Store};

use crate::records::{ScheduleRow, StrategyRow, TickRow};
use crate::shared::Shared;

/// Two records that disagree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whose they are.
    pub space: Space,
    /// What it is about, as an alert's name.
    pub about: String,
    /// One sentence that says what to do.
    pub sentence: String,
}

pub(crate) fn schedules(shared: &Shared) -> Result<Vec<Finding>, ReadError> {
    let ids: Vec<StrategyId> = shared.settings.strategies.keys().cloned().collect();
    check(&shared.store, &ids)
}

/// Looks whether every strategy that has ticked still has its schedule, and every tick its row.
///
/// # Errors
/// If the store cannot be read.
pub fn check(store: &Store, strategies: &[StrategyId]) -> Result<Vec<Finding>, ReadError> {
    let space = Space::default_owner();
    let mut findings = Vec::new();
    for id in strategies {
        let Some(row) = store.get::<StrategyRow>(&space, id.as_str())? else { continue };
        let row = row.value;
        let expected = row.ticks - row.ticks_pruned.min(row.ticks);
        if row.ticks > 0 && store.get::<ScheduleRow>(&space, id.as_str())?.is_none() {
            findings.push(Finding {
                space: space.clone(),
                about: format!("integrity/schedule/{id}"),
                sentence: format!(
                    "the schedule of `{id}` was deleted behind the machine's back: {} ticks are on record and no \
                     schedule row is; the next start makes it again, due at once; find out who wrote to the store",
                    row.ticks
                ),
            });
        }
        let ticks = store.scan::<TickRow>(&space, Span::prefix(&format!("{id}/")), usize::MAX)?;
        let there = (ticks.rows.len() + ticks.damaged.len()) as u64;
        if there != expected {
            findings.push(Finding {
                space: space.clone(),
                about: format!("integrity/ticks/{id}"),
                sentence: format!(
                    "the tick ledger of `{id}` has {there} rows where {expected} were written: rows were deleted or \
                     added behind the machine's back; `audit verify` shows whether the audit chain is whole"
                ),
            });
        }
    }
    Ok(findings)
}
