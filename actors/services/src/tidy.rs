//! The tidy service: once a day it removes what is old enough to be of no use, so that a machine that
//! runs for years does not fill its disk. It never touches the audit chain, opportunities, the ledger with its evidence, or snapshots.
//!
//! What it removes is counted on the audit chain. A pass that fails is tried again the next day; until
//! then the store is merely larger. It calls the alerts and the store.

use std::collections::BTreeSet;
use std::time::Duration;

use mm_core::activity::{ActionRecord, Stage};
use mm_core::digest::Digest;
use mm_core::id::Space;
use mm_core::mark::Mark;
use mm_core::moment::Moment;
use mm_core::opportunity::Opportunity;
use mm_core::run::{RunRecord, StepOutcome, StepRecord};
use mm_store::{Change, Key, NewEntry, Pruned, Record, Span, Store};
use mm_supervision::{Component, Fault, Handle, Inspect};
use serde_json::json;

use crate::alerts::Alerts;
use crate::books;
use crate::records::{AlertRow, ApprovalRow, ChangeRow, DecisionRow, StrategyRow, WayRow};
use crate::shared::Shared;

/// The first pass begins so long after the start: not while the first runs want the store.
pub const FIRST_AFTER: Duration = Duration::from_secs(600);
/// The time from one pass to the next.
pub const EVERY: Duration = Duration::from_secs(DAY_S);
/// Answers that nothing refers to are kept so long after their last use: a feed that stands still for
/// a month is asked for anew.
pub const ANSWERS_KEPT: Duration = Duration::from_secs(30 * DAY_S);
/// Actions and runs are kept so long: half a year is longer than a payout takes to be disputed.
pub const RECORDS_KEPT: Duration = Duration::from_secs(180 * DAY_S);
/// Whole changes are kept so long after their end: what became of one is asked for that long.
pub const CHANGES_KEPT: Duration = Duration::from_secs(30 * DAY_S);
/// What a strategy told its owner itself is over after so long: it has no way to take it back.
pub const TOLD_FOR: Duration = Duration::from_secs(14 * DAY_S);
/// Rows read, and so at most removed, in one change: some milliseconds, in which nobody else writes.
const CHUNK: usize = 500;
/// The pause between two changes, so that whoever waits for the store comes first.
const PAUSE: Duration = Duration::from_millis(20);
const DAY_S: u64 = 24 * 3600;

/// The way to the tidy service.
#[derive(Clone, Default)]
pub struct Tidy(Handle<Msg>);

impl Tidy {
    /// The actor's own handle, for the tree.
    pub fn handle(&self) -> &Handle<Msg> {
        &self.0
    }
}

/// What it is sent: its own timer.
pub struct Msg;

impl Inspect for Msg {
    fn kind(&self) -> &'static str {
        "tidy"
    }
}

/// The service.
#[derive(Clone)]
pub struct TidyService {
    /// What every service is handed.
    pub shared: Shared,
    /// Ends what strategies told.
    pub alerts: Alerts,
}

impl Component for TidyService {
    type Msg = Msg;
    type State = ();

    async fn init(&self, me: Handle<Msg>) -> Result<(), Fault> {
        again(&me, FIRST_AFTER);
        Ok(())
    }

    async fn handle(&self, me: &Handle<Msg>, _: Msg, _: &mut ()) -> Result<(), Fault> {
        again(me, EVERY);
        if let Err(fault) = self.pass().await {
            tracing::warn!(why = fault.reason, "tidying failed; it is tried again tomorrow");
        }
        Ok(())
    }
}

fn again(me: &Handle<Msg>, wait: Duration) {
    let me = me.clone();
    tokio::spawn(async move {
        tokio::time::sleep(wait).await;
        drop(me.cast(Msg));
    });
}

impl TidyService {
    async fn pass(&self) -> Result<(), Fault> {
        let store = &self.shared.store;
        let old = self.shared.now().minus(RECORDS_KEPT);
        for space in store.spaces()? {
            self.end_told(&space)?;
            self.remove::<ActionRecord>(&space, |_, action| {
                // What is open belongs to a boot that mends it, or to whoever looks it up.
                let settled = !matches!(
                    action.stage,
                    Stage::Planned | Stage::Sending | Stage::Pending | Stage::Ambiguous
                );
                settled && action.updated_at < old
            })
            .await?;
            // What is open, and what a strategy has yet to hear of, stays however old it is.
            let ended = self.shared.now().minus(CHANGES_KEPT);
            self.remove::<ChangeRow>(&space, |_, row| row.is_over(ended)).await?;
            self.remove::<ApprovalRow>(&space, |_, row| {
                let said = row.item.said.last().map_or(row.item.asked_at, |said| said.at);
                !row.item.state.is_open() && said < old
            })
            .await?;
            // Neither a way nor a decision is of use without its action.
            let without = |id: &str| matches!(store.get::<ActionRecord>(&space, id), Ok(None));
            self.remove::<WayRow>(&space, |id, _| without(id)).await?;
            self.remove::<DecisionRow>(&space, |id, _| without(id)).await?;
            let strategies = store.scan::<StrategyRow>(&space, Span::all(), usize::MAX)?;
            let last: BTreeSet<String> =
                strategies.into_values().filter_map(|row| row.last_run).map(|run| run.to_string()).collect();
            let past = |id: &str, run: &RunRecord| run.ended.is_some_and(|at| at < old) && !last.contains(id);
            self.remove::<RunRecord>(&space, past).await?;
        }
        self.prune_answers().await
    }

    /// Removes the rows of a kind that `past` says are over, a chunk at a time.
    async fn remove<R: Record>(&self, space: &Space, past: impl Fn(&str, &R) -> bool) -> Result<(), Fault> {
        let store = &self.shared.store;
        let mut after: Option<String> = None;
        loop {
            let span = after.as_deref().map_or(Span::all(), |id| Span::all().after(id));
            let found = store.scan::<R>(space, span, CHUNK)?;
            // Those that do not open are left for a person to look at.
            let last = found.rows.last().map(|(id, _)| id.clone());
            let last_damaged = found.damaged.last().map(|row| row.id.clone());
            after = last.max(last_damaged);
            let more = found.more;
            let old: Vec<String> =
                found.rows.into_iter().filter(|(id, row)| past(id, &row.value)).map(|(id, _)| id).collect();
            if !old.is_empty() {
                let mut change = Change::new();
                for id in &old {
                    change = change.delete(Key::of::<R>(space, id)?);
                }
                let payload = json!({ "kind": R::KIND.name, "rows": old.len() });
                let entry = NewEntry::new(self.shared.now(), space, "tidy.done", &payload)?;
                store.commit(change.audit(entry)).await?;
            }
            if !more {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Removes answers that no evidence and no open step refers to and that nobody used for a while.
    async fn prune_answers(&self) -> Result<(), Fault> {
        let (store, before) = (self.shared.store.clone(), self.shared.now().minus(ANSWERS_KEPT));
        let pruned = match tokio::runtime::Handle::current().runtime_flavor() {
            // It waits for the store's writer, a chunk at a time: not on a thread that others need.
            tokio::runtime::RuntimeFlavor::MultiThread => {
                tokio::task::spawn_blocking(move || prune(&store, before)).await??
            }
            // Simulated: one thread, and the store writes on it.
            _ => prune(&store, before)?,
        };
        if pruned.answers > 0 {
            let payload = json!({ "kind": "answer", "rows": pruned.answers, "bytes": pruned.bytes });
            let entry = NewEntry::new(self.shared.now(), &Space::machine(), "tidy.done", &payload)?;
            self.shared.store.commit(Change::new().audit(entry)).await?;
        }
        Ok(())
    }

    fn end_told(&self, space: &Space) -> Result<(), Fault> {
        let before = self.shared.now().minus(TOLD_FOR);
        for (about, row) in
            self.shared.store.scan::<AlertRow>(space, Span::prefix("strategy/"), usize::MAX)?.rows
        {
            if row.value.cleared_at.is_none() && row.value.last_at < before {
                self.alerts.clear(space, about);
            }
        }
        Ok(())
    }
}

/// Everything that an answer may still be wanted for is read before anything is removed: one that is
/// used for the first time meanwhile was used too recently to be removed.
fn prune(store: &Store, before: Moment) -> Result<Pruned, Tangled> {
    let mut keep = BTreeSet::<Digest>::new();
    for space in store.spaces()? {
        let opportunities = store.scan::<Opportunity>(&space, Span::all(), usize::MAX)?;
        if let Some(row) = opportunities.damaged.first() {
            // What it refers to is not known, so nothing may go.
            return Err(Tangled::Damaged(row.id.clone()));
        }
        keep.extend(opportunities.into_values().filter_map(|row| row.evidence));
        keep.extend(books::evidence(store, &space)?.map_err(Tangled::Entry)?);
        let steps = store.scan::<StepRecord>(&space, Span::all(), usize::MAX)?;
        keep.extend(steps.into_values().filter_map(|step| match step.outcome {
            StepOutcome::Done { body, .. } => Some(body),
            StepOutcome::Refused(_) | StepOutcome::Pending(_) => None,
        }));
        let changes = store.scan::<ChangeRow>(&space, Span::all(), usize::MAX)?;
        keep.extend(changes.into_values().filter_map(|row| row.answer()));
        let marks = store.scan::<Mark>(&space, Span::all(), usize::MAX)?;
        keep.extend(marks.into_values().filter_map(|mark| match mark.outcome {
            Some(StepOutcome::Done { body, .. }) => Some(body),
            _ => None,
        }));
    }
    Ok(store.prune_answers(&keep, before)?)
}

/// Why no answer was pruned.
#[derive(Debug, thiserror::Error)]
enum Tangled {
    #[error("opportunity `{0}` does not open, so it is not known what it refers to; restore a backup")]
    Damaged(String),
    #[error("ledger entry `{0}` does not open, so it is not known what it rests on; restore a backup")]
    Entry(String),
    #[error("the store cannot be read")]
    Read(#[from] mm_store::ReadError),
    #[error("the store takes no changes")]
    Commit(#[from] mm_store::CommitError),
}
