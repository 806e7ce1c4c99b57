//! Whether the machine makes progress: what its watchdog is fed for.
//!
//! Three things are asked, from a thread that depends on none of them: that the runtime takes up a
//! task, that the store's writer answers it, and that no actor stalls. A strategy's run has a thread
//! of its own and may spin; that is its host's to deal with, and stalls nothing.

use std::io;
use std::sync::mpsc;
use std::time::Duration;

use mm_services::tree::Services;
use mm_store::{Change, Stamp, Store};
use mm_supervision::{Limits, Stuck, Tree};
use tokio::runtime::Handle;

use crate::notify::{Feeder, Notify};

/// What is asked, and from when on it counts as standing still.
pub(super) struct Progress {
    pub(super) runtime: Handle,
    pub(super) store: Store,
    pub(super) tree: Tree,
    pub(super) limits: Limits,
    /// A runtime, and a store, that take longer do not answer.
    pub(super) within: Duration,
}

/// What the machine is doing.
pub(super) struct Standing {
    pub(super) services: Services,
    pub(super) stamp: Stamp,
}

impl Standing {
    /// In a line, for whoever started the daemon.
    pub(super) fn line(&self) -> String {
        let stamp = self.stamp.as_str();
        if self.services.kernel_is_up() {
            return format!("running ({stamp})");
        }
        format!("in safe mode ({stamp}): nothing goes out; `money-machine doctor` says why")
    }
}

impl Progress {
    /// Feeds a watchdog that waits for at most `limit`, and tells when the machine's standing is another.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub(super) fn feed(self, notify: &Notify, limit: Duration, standing: Standing) -> io::Result<Feeder> {
        let (teller, mut told) = (notify.clone(), standing.line());
        Feeder::start(notify.clone(), limit, move || {
            let line = standing.line();
            if line != told {
                teller.status(&line);
                told = line;
            }
            self.stalls()
        })
    }

    /// Who stalls, for people; `None` if nobody does. Blocks for at most twice `within`.
    pub(super) fn stalls(&self) -> Option<String> {
        let stuck = self.tree.stalled(&self.limits);
        if let Some(first) = stuck.first() {
            return Some(told(first, stuck.len() - 1));
        }
        let (said, heard) = mpsc::sync_channel(2);
        let store = self.store.clone();
        self.runtime.spawn(async move {
            // Nobody hears it any more once the time is over.
            let _ = said.try_send(true);
            // An empty change waits its turn like any other, and writes nothing.
            let _ = said.try_send(store.commit(Change::new()).await.is_ok());
        });
        if heard.recv_timeout(self.within).is_err() {
            return Some("the runtime takes up no task".to_owned());
        }
        match heard.recv_timeout(self.within) {
            Err(_) => Some("the store does not answer".to_owned()),
            Ok(false) => Some("the store takes no changes any more".to_owned()),
            Ok(true) => None,
        }
    }
}

fn told(stuck: &Stuck, others: usize) -> String {
    let what = stuck.kind.map(|kind| format!(" with `{kind}`")).unwrap_or_default();
    let more = if others > 0 { format!(", and {others} more") } else { String::new() };
    // The seconds are left out: the same case is told once.
    format!("actor {} stands still{what}{more}", stuck.path)
}

#[cfg(test)]
mod tests;
