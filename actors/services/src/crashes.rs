//! The flight recorder: what is known of an actor that ended out of order, kept over restarts of the
//! process and bounded in number and size.
//!
//! The tree's events come in through [`Crashes::sink`], which never waits: what is to be written stands in
//! a short queue, and a task writes it, with an entry on the audit chain in the same change. What finds
//! the queue full, or the store closed, is in the log and nowhere else. A crash while the machine starts
//! is written the same way. Texts are masked before they are cut, so that no cut can hide half a secret
//! from the mask. It calls nobody but the store.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_store::{Change, Key, NewEntry, ReadError, Record, Span, codec};
use mm_supervision::{CrashReport, Event, Exit, Fault, What};
use serde_json::json;
use tokio::runtime::RuntimeFlavor;
use tokio::sync::Notify;

use crate::records::{CrashKind, CrashLeft, CrashRecord, CrashRow};
use crate::shared::Shared;

/// Crashes that are kept; the oldest go first.
pub const KEPT: usize = 200;
/// Crashes that wait to be written. A storm of more is in the log.
const WAITING_MAX: usize = 256;
/// Crashes that are written in one change: at most a megabyte.
const BATCH_MAX: usize = 16;
/// How long a stop waits for the last crashes.
const SETTLED_WITHIN: Duration = Duration::from_secs(2);
/// The characters of one text, before the whole is made to fit.
const TEXT_CHARS_MAX: usize = 16 << 10;
/// The characters of a cause, in the row and (fewer) on the audit chain.
const CAUSE_CHARS_MAX: usize = 2_000;
const TOLD_CHARS_MAX: usize = 300;

/// The recorder. Clones are the same one.
#[derive(Clone)]
pub struct Crashes {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Shared,
    pending: Mutex<Pending>,
    idle: Notify,
}

#[derive(Default)]
struct Pending {
    waiting: VecDeque<Waiting>,
    writing: bool,
    /// The number of the last crash of this life of the process.
    last: u64,
    /// The ids of the rows there are, oldest first; unknown before the first is written.
    ids: Option<VecDeque<String>>,
}

/// A crash that is not yet written. A report becomes a row when it is written: the text of its stack takes
/// milliseconds to make, which the sink of events must not.
enum Waiting {
    Report(Arc<CrashReport>),
    Row(Box<CrashRow>),
}

impl Waiting {
    fn into_row(self) -> CrashRow {
        match self {
            Waiting::Report(report) => row_of(&report),
            Waiting::Row(row) => *row,
        }
    }

    fn actor(&self) -> &str {
        match self {
            Waiting::Report(report) => &report.path,
            Waiting::Row(row) => &row.actor,
        }
    }
}

impl Crashes {
    /// A recorder that writes into the machine's store and masks with the machine's mask.
    pub fn new(shared: &Shared) -> Self {
        let inner = Inner { shared: shared.clone(), pending: Mutex::default(), idle: Notify::new() };
        Self { inner: Arc::new(inner) }
    }

    /// Takes the crashes out of the tree's events. Never waits.
    pub fn sink(&self, event: &Event) {
        if let What::Crashed(report) = &event.what {
            self.take(Waiting::Report(report.clone()));
        }
    }

    /// Writes a crash down, soon. Never waits.
    pub fn record(&self, row: CrashRow) {
        self.take(Waiting::Row(Box::new(row)));
    }

    fn take(&self, crash: Waiting) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return not_written(crash.actor(), "there is no runtime to write it on");
        };
        let begin = {
            let mut pending = self.lock();
            if pending.waiting.len() >= WAITING_MAX {
                drop(pending);
                return not_written(crash.actor(), "too many others wait to be written");
            }
            pending.waiting.push_back(crash);
            !std::mem::replace(&mut pending.writing, true)
        };
        if begin {
            let own = self.clone();
            runtime.spawn(async move { own.write_waiting().await });
        }
    }

    /// Waits until all that was taken in is written (or in the log); at most as long as a store that does
    /// not answer is worth waiting for.
    pub async fn settled(&self) {
        if tokio::time::timeout(SETTLED_WITHIN, self.written()).await.is_err() {
            tracing::warn!("the last crashes were not written in time");
        }
    }

    async fn written(&self) {
        loop {
            let idle = self.inner.idle.notified();
            if !self.lock().writing {
                return;
            }
            idle.await;
        }
    }

    /// The change that puts `row` on record: row and audit entry, less the oldest rows. For a crash that
    /// belongs to a larger change. The rows that it takes away count as gone even if it is never
    /// committed; the next life of the process looks anew.
    ///
    /// # Errors
    /// If the store cannot be read, or the row not be written whatever is cut from it.
    pub fn change(&self, row: CrashRow) -> Result<Change, Fault> {
        let (space, row) = (Space::machine(), fitted(self.masked(row)));
        let (id, gone) = self.next_id(&space)?;
        let told: String = row.cause.chars().take(TOLD_CHARS_MAX).collect();
        let payload = json!({
            "crash": id, "actor": row.actor, "incarnation": row.incarnation, "run": row.run, "cause": told,
        });
        let mut change = Change::new().put(&space, &id, &row)?.audit(NewEntry::new(
            self.inner.shared.now(),
            &space,
            "actor.crashed",
            &payload,
        )?);
        for old in gone {
            change = change.delete(Key::of::<CrashRow>(&space, &old)?);
        }
        Ok(change)
    }

    async fn write_waiting(&self) {
        loop {
            let batch: Vec<Waiting> = {
                let mut pending = self.lock();
                let count = pending.waiting.len().min(BATCH_MAX);
                pending.writing = count > 0;
                pending.waiting.drain(..count).collect()
            };
            if batch.is_empty() {
                return self.inner.idle.notify_waiters();
            }
            let actors: Vec<String> = batch.iter().map(|crash| crash.actor().to_owned()).collect();
            if let Err(fault) = self.write(batch).await {
                actors.iter().for_each(|actor| not_written(actor, &fault.reason));
            }
        }
    }

    async fn write(&self, batch: Vec<Waiting>) -> Result<(), Fault> {
        let mut change = Change::new();
        for row in rows_of(batch).await? {
            change = change.and(self.change(row)?);
        }
        self.inner.shared.store.commit(change).await?;
        Ok(())
    }

    /// The next id, and those of the rows that are too many then. Ids rise: epochs do, and numbers within
    /// one.
    fn next_id(&self, space: &Space) -> Result<(String, Vec<String>), ReadError> {
        let store = &self.inner.shared.store;
        let mut pending = self.lock();
        if pending.ids.is_none() {
            let found = store.scan::<CrashRow>(space, Span::all(), usize::MAX)?;
            let damaged = found.damaged.into_iter().map(|row| row.id);
            let mut ids: Vec<String> = found.rows.into_iter().map(|(id, _)| id).chain(damaged).collect();
            ids.sort();
            pending.ids = Some(ids.into());
        }
        pending.last += 1;
        let id = format!("{:05}-{:06}", store.epoch().0, pending.last);
        let ids = pending.ids.get_or_insert_default();
        ids.push_back(id.clone());
        let surplus = ids.len().saturating_sub(KEPT);
        Ok((id, ids.drain(..surplus).collect()))
    }

    /// Without what the mask knows as a secret, wherever text came from outside the code.
    fn masked(&self, mut row: CrashRow) -> CrashRow {
        let clean = |text: &str, chars: usize| -> String {
            (self.inner.shared.mask)(text).chars().take(chars).collect()
        };
        row.cause = clean(&row.cause, CAUSE_CHARS_MAX);
        row.backtrace = row.backtrace.map(|text| clean(&text, TEXT_CHARS_MAX));
        let of_records = row.records.iter_mut().map(|record| &mut record.fields);
        let of_left = row.left.iter_mut().map(|left| &mut left.fields);
        for fields in of_records.chain(of_left).chain([&mut row.fields]) {
            fields.iter_mut().for_each(|(_, value)| *value = clean(value, TOLD_CHARS_MAX));
        }
        row
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.inner.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_written(actor: &str, why: &str) {
    tracing::error!(actor, why, "a crash is not on record");
}

async fn rows_of(batch: Vec<Waiting>) -> Result<Vec<CrashRow>, Fault> {
    let rows = move || batch.into_iter().map(Waiting::into_row).collect();
    match tokio::runtime::Handle::current().runtime_flavor() {
        // Not on a thread that others need.
        RuntimeFlavor::MultiThread => Ok(tokio::task::spawn_blocking(rows).await?),
        // Simulated: one thread.
        _ => Ok(rows()),
    }
}

/// The crashes on record, newest first. A row that does not open is left out.
///
/// # Errors
/// If the store fails.
pub fn list(store: &mm_store::Store) -> Result<Vec<(String, CrashRow)>, ReadError> {
    let found = store.scan::<CrashRow>(&Space::machine(), Span::all().descending(), usize::MAX)?;
    Ok(found.rows.into_iter().map(|(id, row)| (id, row.value)).collect())
}

/// One crash.
///
/// # Errors
/// If the store fails or the row does not open.
pub fn get(store: &mm_store::Store, id: &str) -> Result<Option<CrashRow>, ReadError> {
    match store.get::<CrashRow>(&Space::machine(), id) {
        // What can be no id names no crash.
        Err(ReadError::Key(_)) => Ok(None),
        found => Ok(found?.map(|row| row.value)),
    }
}

/// The word for how an actor ended.
fn word(exit: &Exit) -> &'static str {
    match exit {
        Exit::Normal => "normal",
        Exit::Failed(_) => "failed",
        Exit::Panicked(_) => "panicked",
        Exit::Killed => "killed",
        Exit::StartFailed(_) => "start-failed",
        Exit::StartTimedOut => "start-timed-out",
        Exit::GaveUp(_) => "gave-up",
        Exit::StillRunning => "still-running",
    }
}

fn owned(fields: &[(&'static str, String)]) -> Vec<(String, String)> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn row_of(report: &CrashReport) -> CrashRow {
    let kinds = report.kinds.iter().map(|kind| CrashKind {
        kind: kind.kind.to_owned(),
        done: kind.done,
        failed: kind.failed,
        lost: kind.lost,
    });
    let records = report.records.iter().map(|record| CrashRecord {
        seq: record.seq,
        kind: record.kind.to_owned(),
        sender: record.sender.clone(),
        action: record.action.clone(),
        fields: owned(&record.fields),
        queue_ns: record.queue_ns,
        handle_ns: record.handle_ns,
        ok: record.ok,
    });
    let left = report.left.iter().map(|left| CrashLeft {
        kind: left.kind.to_owned(),
        sender: left.sender.clone(),
        action: left.action.clone(),
        fields: owned(&left.fields),
    });
    CrashRow {
        actor: report.path.clone(),
        incarnation: report.incarnation,
        at: Moment::from_unix_ms(report.at_ms),
        exit: word(&report.exit).to_owned(),
        cause: report.cause.clone(),
        location: report.location.clone(),
        backtrace: report.backtrace.as_ref().map(ToString::to_string),
        in_hand: report.in_hand.map(str::to_owned),
        fields: owned(&report.fields),
        messages_total: report.messages_total,
        kinds: kinds.collect(),
        records: records.collect(),
        left: left.collect(),
        ..CrashRow::default()
    }
}

fn fits(row: &CrashRow) -> bool {
    codec::encode(row).is_ok_and(|bytes| bytes.len() <= CrashRow::BYTES_MAX)
}

/// Cuts what is least missed until the row fits: old messages first, then what was left, then the stack.
fn fitted(mut row: CrashRow) -> CrashRow {
    while !fits(&row) {
        row.cut = true;
        let stack = row.backtrace.as_ref().map_or(0, String::len);
        if row.records.len() > 1 {
            row.records.drain(..row.records.len().div_ceil(2).min(row.records.len() - 1));
        } else if !row.left.is_empty() {
            row.left.truncate(row.left.len() / 2);
        } else if stack > 0 {
            row.backtrace = row.backtrace.map(|text| text.chars().take(stack / 2).collect());
        } else {
            // What is left is a few lines each, unless a type shows far too much of itself.
            row = CrashRow { fields: Vec::new(), kinds: Vec::new(), records: Vec::new(), ..row };
            row.actor = row.actor.chars().take(TOLD_CHARS_MAX).collect();
            break;
        }
    }
    row
}

#[cfg(test)]
mod tests;
