//! Whether the machine makes progress: what its watchdog is fed for.
//!
//! Three things are asked, from a thread that depends on none of them: that the runtime takes up a
//! task, that the store's writer answers it, and that no actor stalls. A strategy's run has a thread
//! of its own and may spin; that is its host's to deal with, and stalls nothing.

use std::sync::mpsc;
use std::time::Duration;

use mm_store::{Change, Store};
use mm_supervision::{ActorState, ActorView, Tree};
use tokio::runtime::Handle;

/// What is asked.
pub(super) struct Progress {
    pub(super) runtime: Handle,
    pub(super) store: Store,
    pub(super) tree: Tree,
    /// A store that takes longer does not answer.
    pub(super) within: Duration,
}

impl Progress {
    /// Who stalls, for people; `None` if nobody does. Blocks for at most `within`.
    pub(super) fn stalls(&self) -> Option<String> {
        let mut stuck = Vec::new();
        collect(&self.tree.view(), &mut stuck);
        if let Some(path) = stuck.first() {
            let more = if stuck.len() > 1 { format!(" and {} more", stuck.len() - 1) } else { String::new() };
            return Some(format!("actor {path}{more} does not yield"));
        }
        let (began, answered) = mpsc::sync_channel(2);
        let store = self.store.clone();
        self.runtime.spawn(async move {
            // Nobody reads any more once the time is over.
            let _ = began.try_send(true);
            let _ = began.try_send(store.commit(Change::new()).await.is_ok());
        });
        match answered.recv_timeout(self.within).map(|_| answered.recv_timeout(self.within)) {
            Err(_) => Some("the runtime takes up no task".to_owned()),
            Ok(Err(_)) => Some("the store does not answer".to_owned()),
            Ok(Ok(false)) => Some("the store has failed".to_owned()),
            Ok(Ok(true)) => None,
        }
    }
}

fn collect(view: &ActorView, stuck: &mut Vec<String>) {
    if view.state == ActorState::Stuck {
        stuck.push(view.path.clone());
    }
    view.children.iter().for_each(|child| collect(child, stuck));
}
