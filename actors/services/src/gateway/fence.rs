//! What ends a run for the machine, wherever its actions are on the road. It touches nothing.

use std::sync::Arc;

use tokio::sync::watch;

/// Closed when a run is over for the machine, whatever its thread still does: nothing of it is permitted,
/// spent or sent from then on. Clones are the same one, and it never opens again. A fresh one is open.
#[derive(Debug, Clone, Default)]
pub struct Fence(Arc<watch::Sender<bool>>);

impl Fence {
    /// Ends the run.
    pub fn close(&self) {
        self.0.send_replace(true);
    }

    /// Whether the run is over.
    pub fn is_closed(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the run is over.
    pub async fn closed(&self) {
        // It never fails: the sender is right here.
        drop(self.0.subscribe().wait_for(|closed| *closed).await);
    }
}
