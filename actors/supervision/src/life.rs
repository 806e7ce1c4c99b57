//! One incarnation, seen from outside: how to end it, and when it has truly ended.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use ractor::ActorCell;

use crate::fault::Exit;
use crate::sync::lock;

/// Where an incarnation writes down how it ended; empty means that it was killed.
#[derive(Clone, Default)]
pub(crate) struct ExitNote(Arc<Mutex<Option<Exit>>>);

impl ExitNote {
    /// The first word stands.
    pub(crate) fn write(&self, exit: Exit) {
        lock(&self.0).get_or_insert(exit);
    }

    pub(crate) fn read(&self) -> Option<Exit> {
        lock(&self.0).clone()
    }
}

/// Wakes an actor of whatever message type.
pub(crate) trait Knock: Send + Sync {
    fn knock(&self);
}

/// A running, or not yet forgotten, incarnation.
#[derive(Clone)]
pub(crate) struct Life {
    pub(crate) incarnation: u64,
    cell: ActorCell,
    /// Done when the task is: the state and all it held are dropped then.
    ended: Shared<BoxFuture<'static, ()>>,
    note: ExitNote,
    door: Arc<dyn Knock>,
}

impl Life {
    pub(crate) fn new(
        incarnation: u64,
        cell: ActorCell,
        task: tokio::task::JoinHandle<()>,
        note: ExitNote,
        door: Arc<dyn Knock>,
    ) -> Self {
        let ended = task.map(|_| ()).boxed().shared();
        Self { incarnation, cell, ended, note, door }
    }

    /// Lets it look at its desk, if it has nothing else to do.
    pub(crate) fn knock(&self) {
        self.door.knock();
    }

    /// Asks it to stop after the message in hand. Twice is once.
    pub(crate) fn ask_to_stop(&self) {
        self.cell.stop(None);
    }

    /// Ends it at its next `await`.
    pub(crate) fn kill(&self) {
        self.cell.kill();
    }

    /// Waits for its true end.
    pub(crate) async fn ended(&self) -> Exit {
        self.ended.clone().await;
        self.note.read().unwrap_or(Exit::Killed)
    }

    /// The same for at most `within`; `None` when that was not enough.
    pub(crate) async fn ended_within(&self, within: Duration) -> Option<Exit> {
        tokio::time::timeout(within, self.ended()).await.ok()
    }

    /// Whether it has ended, as far as anyone has looked.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.clone().now_or_never().is_some()
    }
}
