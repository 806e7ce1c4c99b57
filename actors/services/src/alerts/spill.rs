//! What does not fit into the service's mailbox, or comes while it is down: kept in memory, in order, and
//! taken up once the mailbox is empty. Bounded; what is too much even for that is in the log only.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Msg;

/// A storm of more than this says nothing that its first thousands did not.
const KEPT_MAX: usize = 4_096;

/// The messages that wait outside.
#[derive(Default)]
pub(super) struct Spill(Mutex<VecDeque<Msg>>);

impl Spill {
    /// Keeps a message; gives it back if there are too many.
    pub(super) fn keep(&self, msg: Msg) -> Result<(), Msg> {
        let mut kept = self.lock();
        if kept.len() >= KEPT_MAX {
            return Err(msg);
        }
        kept.push_back(msg);
        Ok(())
    }

    /// The oldest.
    pub(super) fn next(&self) -> Option<Msg> {
        self.lock().pop_front()
    }

    /// Whether anything waits: what comes now must wait behind it.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Msg>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
