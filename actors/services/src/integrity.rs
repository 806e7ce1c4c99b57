//! Whether the rows still agree with each other: what the machine wrote together must be there
//! together, and open. Pure reading, used at start and by `doctor`.

use mm_core::id::{Space, StrategyId};
use mm_store::{ReadError, Record, Row, Span, Store};
use mm_supervision::Fault;

use crate::records::{AlertRow, ScheduleRow, StrategyRow, TaskRow, TickRow};
use crate::shared::Shared;

/// Records that disagree, or one that does not open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whose they are.
    pub space: Space,
    /// What it is about, as an alert's name.
    pub about: String,
    /// One sentence that says what to do.
    pub sentence: String,
    /// Whether the strategy cannot go on with it: it is put aside until it is mended.
    pub stops: bool,
}

pub(crate) fn schedules(shared: &Shared) -> Result<Vec<Finding>, ReadError> {
    let ids: Vec<StrategyId> = shared.settings().strategies.keys().cloned().collect();
    check(&shared.store, &ids)
}

/// Reads a row; the inner error says why one that is there does not open.
pub(crate) fn read<R: Record>(
    store: &Store,
    space: &Space,
    id: &str,
) -> Result<Result<Option<Row<R>>, String>, ReadError> {
    match store.get::<R>(space, id) {
        Ok(row) => Ok(Ok(row)),
        Err(ReadError::Row { what, .. }) => Ok(Err(Fault::from(what).reason)),
        Err(error) => Err(error),
    }
}

/// Looks whether the rows of strategies open, every strategy that has ticked still has its schedule,
/// and every tick its row.
///
/// # Errors
/// If the store itself fails. A row that does not open is a finding.
pub fn check(store: &Store, strategies: &[StrategyId]) -> Result<Vec<Finding>, ReadError> {
    let mut findings = Vec::new();
    for id in strategies {
        findings.extend(check_one(store, id)?);
    }
    Ok(findings)
}

/// The alerts on rows of strategies that are not over.
pub(crate) fn open_alerts(store: &Store, space: &Space) -> Result<Vec<String>, ReadError> {
    const KINDS: [&str; 5] = ["strategy", "schedule", "ticks", "run", "opportunity"];
    let alerts = store.scan::<AlertRow>(space, Span::prefix("integrity/"), usize::MAX)?.rows;
    let ours = |about: &str| about.split('/').nth(1).is_some_and(|kind| KINDS.contains(&kind));
    let open = alerts.into_iter().filter(|(about, row)| row.value.cleared_at.is_none() && ours(about));
    Ok(open.map(|(about, _)| about).collect())
}

fn check_one(store: &Store, id: &StrategyId) -> Result<Vec<Finding>, ReadError> {
    let space = Space::default_owner();
    let finding = |what: &str, stops, sentence| Finding {
        space: space.clone(),
        about: format!("integrity/{what}/{id}"),
        sentence,
        stops,
    };
    let mut findings = Vec::new();
    let row = read::<StrategyRow>(store, &space, id.as_str())?;
    if let Err(why) = &row {
        let sentence = format!(
            "the row of strategy `{id}` does not open ({why}): restore a backup, or let `strategy resume {id}` \
             make it anew from the runs on record, without your earlier words on it"
        );
        findings.push(finding("strategy", true, sentence));
    }
    let schedule = read::<ScheduleRow>(store, &space, id.as_str())?;
    if let Err(why) = &schedule {
        let sentence = format!(
            "the schedule of `{id}` does not open ({why}): restore a backup, or let `strategy resume {id}` make it \
             anew, due at once"
        );
        findings.push(finding("schedule", true, sentence));
    }
    if let Err(why) = read::<TaskRow>(store, &space, id.as_str())? {
        let sentence = format!(
            "the schedule that you set for `{id}` does not open ({why}): restore a backup, or let `strategy resume \
             {id}` go by the configuration"
        );
        findings.push(finding("task", true, sentence));
    }
    let ticks = store.scan::<TickRow>(&space, Span::prefix(&format!("{id}/")), usize::MAX)?;
    let there = (ticks.rows.len() + ticks.damaged.len()) as u64;
    if let Some(first) = ticks.damaged.first() {
        let sentence = format!(
            "{} of {there} rows of the tick ledger of `{id}` do not open, the first is `{}`: restore a backup, or \
             let `strategy resume {id}` go on without them",
            ticks.damaged.len(),
            first.id
        );
        findings.push(finding("ticks", true, sentence));
    }
    // What was never written can lack nothing.
    let Ok(Some(row)) = row else { return Ok(findings) };
    let row = row.value;
    if row.ticks > 0 && matches!(schedule, Ok(None)) {
        let sentence = format!(
            "the schedule of `{id}` was deleted behind the machine's back: {} ticks are on record and no schedule \
             row is; the next start makes it again, due at once; find out who wrote to the store",
            row.ticks
        );
        findings.push(finding("schedule", false, sentence));
    }
    let expected = row.ticks - row.ticks_pruned.min(row.ticks);
    if there != expected && ticks.damaged.is_empty() {
        let sentence = format!(
            "the tick ledger of `{id}` has {there} rows where {expected} were written: rows were deleted or added \
             behind the machine's back; `audit verify` shows whether the audit chain is whole"
        );
        findings.push(finding("ticks", false, sentence));
    }
    Ok(findings)
}
