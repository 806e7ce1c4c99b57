//! What ends a run for the machine, wherever its actions are on the road. It touches nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Closed when a run is over for the machine, whatever its thread still does: nothing of it is permitted,
/// spent or sent from then on. Clones are the same one, and it never opens again. A fresh one is open.
#[derive(Debug, Clone, Default)]
pub struct Fence(Arc<AtomicBool>);

impl Fence {
    /// Ends the run.
    pub fn close(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether the run is over.
    pub fn is_closed(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
