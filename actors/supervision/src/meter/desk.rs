//! What others have laid on one actor's desk: traces, questions, and what its handler waits for.
//! Allocated when first needed; the host looks here only when a flag of the meter says so.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;

use crate::status::StatusAnswer;
use crate::sync::lock;
use crate::trace::Tap;

/// A trace matches the actor.
pub(super) const TRACED: u32 = 1;
/// Somebody asks for its status.
pub(super) const ASKED: u32 = 2;
/// An incarnation of it did not survive a message.
pub(super) const CRASHED: u32 = 4;

/// A question for the actor's status.
pub(crate) type Ask = oneshot::Sender<StatusAnswer>;

/// A call that a handler waits for.
#[derive(Clone, Debug)]
pub(crate) struct Wait {
    pub(crate) path: Arc<str>,
    pub(crate) kind: &'static str,
    pub(crate) since_ns: u64,
}

#[derive(Default)]
pub(crate) struct Desk {
    taps: Mutex<Vec<Arc<Tap>>>,
    asks: Mutex<Vec<Ask>>,
    waits: Mutex<Waits>,
}

#[derive(Default)]
struct Waits {
    next: u64,
    now: Vec<(u64, Wait)>,
}

/// Flags change under the lock of what they tell of, so that none is lost.
impl Desk {
    pub(super) fn tap(&self, tap: &Arc<Tap>, flags: &AtomicU32) {
        let mut taps = lock(&self.taps);
        if !taps.iter().any(|known| Arc::ptr_eq(known, tap)) {
            taps.push(tap.clone());
        }
        flags.fetch_or(TRACED, Ordering::Relaxed);
    }

    /// Takes traces that have ended off.
    pub(super) fn untap(&self, flags: &AtomicU32) {
        let mut taps = lock(&self.taps);
        taps.retain(|tap| !tap.is_closed());
        if taps.is_empty() {
            flags.fetch_and(!TRACED, Ordering::Relaxed);
        }
    }

    pub(super) fn taps_for(&self, kind: &str, now_ns: u64) -> Vec<Arc<Tap>> {
        lock(&self.taps).iter().filter(|tap| tap.admit(kind, now_ns)).cloned().collect()
    }

    /// Whether nobody had asked before, so that the actor may sleep.
    pub(super) fn ask(&self, ask: Ask, flags: &AtomicU32) -> bool {
        let mut asks = lock(&self.asks);
        asks.retain(|ask| !ask.is_closed());
        asks.push(ask);
        flags.fetch_or(ASKED, Ordering::Relaxed) & ASKED == 0
    }

    pub(super) fn take_asks(&self, flags: &AtomicU32) -> Vec<Ask> {
        let mut asks = lock(&self.asks);
        flags.fetch_and(!ASKED, Ordering::Relaxed);
        std::mem::take(&mut asks)
    }

    pub(super) fn begin_wait(&self, wait: Wait) -> u64 {
        let mut waits = lock(&self.waits);
        waits.next += 1;
        let id = waits.next;
        waits.now.push((id, wait));
        id
    }

    pub(super) fn end_wait(&self, id: u64) {
        lock(&self.waits).now.retain(|(waiting, _)| *waiting != id);
    }

    /// The call it has waited for longest.
    pub(super) fn waits_for(&self) -> Option<Wait> {
        lock(&self.waits).now.first().map(|(_, wait)| wait.clone())
    }
}
