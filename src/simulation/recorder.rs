//! The event trace: one line for everything that is seen of a machine from outside, in order.
//!
//! ```text
//! boot N TIME                                   the machine is started
//! actor TIME PATH WHAT                          the tree tells
//! audit SEQ EPOCH TIME SPACE KIND HASH PAYLOAD  an entry is in the store
//! send N METHOD URL                             a request reaches the sandbox
//! asked STATUS METHOD TARGET                    the admin has answered
//! leaked METHOD TARGET                          that answer showed a credential
//! got N STATUS LENGTH bytes | got N fault WHY   what the carrier was given back
//! end HOW TIME                                  the machine ends
//! ```
//!
//! Before a line is added, the audit entries since the last one are: so a request stands behind the
//! entry that permitted it. A store that does not answer adds nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mm_core::moment::Moment;
use mm_store::Store;
use mm_supervision::Event;

/// Entries read at a time.
const PAGE: usize = 256;

/// Overhears one machine over all its starts.
#[derive(Clone, Default)]
pub(super) struct Recorder(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    lines: Vec<String>,
    store: Option<Store>,
    /// The last audit entry that is in the trace.
    seq: u64,
}

impl Recorder {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on entries come from this store.
    pub(super) fn watch(&self, store: Option<Store>) {
        let before = std::mem::replace(&mut self.lock().store, store);
        // Closing a store is no business of the lock.
        drop(before);
    }

    /// The store that entries come from.
    pub(super) fn store(&self) -> Option<Store> {
        self.lock().store.clone()
    }

    /// Adds a line.
    pub(super) fn line(&self, line: String) {
        let mut inner = self.lock();
        inner.catch_up();
        inner.lines.push(line);
    }

    /// Adds what became of an actor; nothing when no machine is watched.
    pub(super) fn actor(&self, event: &Event) {
        let mut inner = self.lock();
        if inner.store.is_some() {
            inner.catch_up();
            let at = Moment::from_unix_ms(event.at_ms);
            inner.lines.push(format!("actor {at} {} {}", event.path, event.what));
        }
    }

    /// Adds the audit entries since the last line.
    pub(super) fn catch_up(&self) {
        self.lock().catch_up();
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.lines_from(0)
    }

    pub(super) fn lines_from(&self, first: usize) -> Vec<String> {
        self.lock().lines.get(first..).unwrap_or_default().to_vec()
    }
}

impl Inner {
    fn catch_up(&mut self) {
        let Some(store) = self.store.clone() else { return };
        while let Ok(page) = store.audit_range(self.seq + 1, PAGE)
            && !page.rows.is_empty()
        {
            for row in page.rows {
                let entry = &row.entry;
                self.seq = entry.seq;
                self.lines.push(format!(
                    "audit {} {} {} {} {} {} {}",
                    entry.seq,
                    entry.epoch,
                    entry.at,
                    entry.space,
                    entry.kind,
                    entry.hash(),
                    row.payload.text()
                ));
            }
        }
    }
}
