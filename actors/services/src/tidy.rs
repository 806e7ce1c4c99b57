//! The tidy service: once a day it removes what is old enough to be of no use, so that a machine that
//! runs for years does not fill its disk. It never touches the audit chain, opportunities, the ledger with its
//! evidence, or snapshots, nor the mark of a change: what was done once is known for ever, with its answer.
//!
//! What it removes is counted on the audit chain. A pass that fails is tried again the next day; until
//! then the store is merely larger. It calls the alerts and the store.

use std::collections::BTreeSet;
use std::time::Duration;

use mm_core::activity::{ActionRecord, Stage};
use mm_core::breaker::{Breaker, State};
use mm_core::digest::Digest;
use mm_core::id::{PlatformId, Space};
use mm_core::mark::{Mark, Marked};
use mm_core::moment::Moment;
use mm_core::opportunity::Opportunity;
use mm_core::robots::CACHE_MAX;
use mm_core::run::{RunRecord, StepOutcome, StepRecord};
use mm_store::{Change, CommitError, Key, NewEntry, Pruned, Record, Span, Store};
use mm_supervision::{Component, Fault, Handle, Inspect};
use serde_json::json;

use crate::alerts::Alerts;
use crate::books;
use crate::gateway::marks;
use crate::platforms::Lane;
use crate::records::{AlertRow, ApprovalRow, ChangeRow, DecisionRow, RobotsRow, StrategyRow, WayRow};
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
/// Whole changes are kept so long after their end: what became of one is asked for that long. They say whether
/// what left a mark only read, so such a mark goes before them, in the first pass after its end.
pub const CHANGES_KEPT: Duration = Duration::from_secs(30 * DAY_S);
/// What a strategy told its owner itself is over after so long: it has no way to take it back.
pub const TOLD_FOR: Duration = Duration::from_secs(14 * DAY_S);
/// Rows read, and so at most removed, in one change: some milliseconds, in which nobody else writes.
const CHUNK: usize = 500;
/// As [`CHUNK`], of files from outside, which may have a megabyte each.
const CHUNK_OF_FILES: usize = 50;
/// The pause between two changes, so that whoever waits for the store comes first.
const PAUSE: Duration = Duration::from_millis(20);
const DAY_S: u64 = 24 * 3600;

/// Where something was sent to, or was to be, by what is on record: platform and host.
type Sent = BTreeSet<(String, String)>;

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
        let old = self.shared.now().minus(RECORDS_KEPT);
        let mut sent = Sent::new();
        for space in self.shared.store.spaces()? {
            self.end_told(&space)?;
            self.remove_actions(&space, old, &mut sent).await?;
            self.remove_runs(&space, old).await?;
        }
        self.remove_hosts(old, &sent).await?;
        self.prune_answers().await
    }

    /// Removes what is over of actions, and what belongs to them; adds to `sent` where those that stay went.
    async fn remove_actions(&self, space: &Space, old: Moment, sent: &mut Sent) -> Result<(), Fault> {
        let store = &self.shared.store;
        self.remove::<ActionRecord>(space, CHUNK, |_, action| {
            // What is open belongs to a boot that mends it, or to whoever looks it up.
            let settled =
                !matches!(action.stage, Stage::Planned | Stage::Sending | Stage::Pending | Stage::Ambiguous);
            let goes = settled && action.updated_at < old;
            if !goes && let Some(host) = host_of(&action.url) {
                sent.insert((action.platform.clone(), host.to_owned()));
            }
            goes
        })
        .await?;
        self.remove::<Mark>(space, CHUNK, |id, mark| self.is_of_a_past_read(space, id, mark)).await?;
        // What is open, and what a strategy has yet to hear of, stays however old it is.
        let ended = self.shared.now().minus(CHANGES_KEPT);
        self.remove::<ChangeRow>(space, CHUNK, |_, row| row.is_over(ended)).await?;
        self.remove::<ApprovalRow>(space, CHUNK, |_, row| {
            let said = row.item.said.last().map_or(row.item.asked_at, |said| said.at);
            !row.item.state.is_open() && said < old
        })
        .await?;
        // Neither a way nor a decision is of use without its action.
        let without = |id: &str| matches!(store.get::<ActionRecord>(space, id), Ok(None));
        self.remove::<WayRow>(space, CHUNK, |id, _| without(id)).await?;
        self.remove::<DecisionRow>(space, CHUNK, |id, _| without(id)).await
    }

    async fn remove_runs(&self, space: &Space, old: Moment) -> Result<(), Fault> {
        let strategies = self.shared.store.scan::<StrategyRow>(space, Span::all(), usize::MAX)?;
        let last: BTreeSet<String> =
            strategies.into_values().filter_map(|row| row.last_run).map(|run| run.to_string()).collect();
        let past = |id: &str, run: &RunRecord| run.ended.is_some_and(|at| at < old) && !last.contains(id);
        self.remove::<RunRecord>(space, CHUNK, past).await
    }

    /// Whether a mark is that of an act that has ended and only read: a question that leaves as a POST. The gateway
    /// takes such a mark itself when the act ends; a program that did not know the question has left it. A no of
    /// its owner stays, and so does whatever nobody says that it only read.
    fn is_of_a_past_read(&self, space: &Space, id: &str, mark: &Mark) -> bool {
        let Ok(Some(row)) = self.shared.store.get::<ChangeRow>(space, mark.action.as_str()) else {
            return false;
        };
        let row = row.value;
        matches!(mark.state, Marked::Done | Marked::NotDone)
            && row.settled_at().is_some()
            // Not that of what was proposed before a redirect or an edit: that may be a change.
            && id == marks::row_id(&row.strategy, row.action.hash())
            && !self.shared.settings().reconcilers.may_change(&row.action)
    }

    /// Removes what is known of hosts and is of no use any more: each that somebody linked to has left some.
    async fn remove_hosts(&self, old: Moment, sent: &Sent) -> Result<(), Fault> {
        let (space, fresh) = (Space::machine(), self.shared.now().minus(CACHE_MAX));
        self.remove::<RobotsRow>(&space, CHUNK_OF_FILES, |_, row| row.at < fresh).await?;
        self.remove::<Breaker>(&space, CHUNK, |id, breaker| is_forgotten(id, breaker, old, sent)).await
    }

    /// Removes the rows of a kind that `past` says are over, `chunk` at a time.
    async fn remove<R: Record>(
        &self,
        space: &Space,
        chunk: usize,
        mut past: impl FnMut(&str, &R) -> bool,
    ) -> Result<(), Fault> {
        let store = &self.shared.store;
        let mut after: Option<String> = None;
        loop {
            let span = after.as_deref().map_or(Span::all(), |id| Span::all().after(id));
            let found = store.scan::<R>(space, span, chunk)?;
            // Those that do not open are left for a person to look at.
            let last = found.rows.last().map(|(id, _)| id.clone());
            let last_damaged = found.damaged.last().map(|row| row.id.clone());
            let more = found.more;
            let mut change = Change::new();
            let mut rows = 0;
            for (id, row) in found.rows.iter().filter(|(id, row)| past(id, &row.value)) {
                let key = Key::of::<R>(space, id)?;
                change = change.expect_version(key.clone(), row.version).delete(key);
                rows += 1;
            }
            if rows > 0 {
                let payload = json!({ "kind": R::KIND.name, "rows": rows });
                let entry = NewEntry::new(self.shared.now(), space, "tidy.done", &payload)?;
                match store.commit(change.audit(entry)).await {
                    Ok(_) => {}
                    // One of them was used at this very moment: they are looked at again.
                    Err(CommitError::Refused { .. }) => {
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            if !more {
                return Ok(());
            }
            after = last.max(last_damaged);
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

/// Whether a breaker says nothing any more of what may be sent: that of a single host, closed, and by all that is on
/// record nothing was sent there for [`RECORDS_KEPT`]. Failures in a row that lie half a year apart are none; apart
/// from their count it is as one that never moved. What is open, isolated or half-open stays, and so does what a
/// person may have named.
fn is_forgotten(id: &str, breaker: &Breaker, old: Moment, sent: &Sent) -> bool {
    let platform: Option<PlatformId> = id.split('/').next().and_then(|name| name.parse().ok());
    let Some(platform) = platform else { return false };
    let lane = Lane::of_row(&platform, &Space::machine(), id);
    let Some(host) = lane.as_ref().and_then(Lane::host) else { return false };
    matches!(breaker.state(), State::Closed { .. })
        && breaker.since().is_none_or(|since| since < old)
        && !sent.contains(&(platform.to_string(), host.to_owned()))
}

/// The host of a URL as a record shows it.
fn host_of(url: &str) -> Option<&str> {
    url.strip_prefix("https://")?.split(['/', '?']).next()
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
