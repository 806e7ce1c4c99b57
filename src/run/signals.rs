//! The signals a daemon obeys: a first SIGTERM or SIGINT stops it in order, a second one at once;
//! SIGHUP has it read its configuration again.
//!
//! They are heard by a task of their own from the first moment of the runtime on, so that both hold
//! while the machine is still starting; and a stop that hangs anywhere, be it in a disk that does not
//! answer, ends the process all the same.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mm_store::BootBook;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::STOP_WITHIN;
use crate::exit::{Exit, leave};

/// What is left to do beside the ordered stop of the tree: to end the start, to close the store.
const BESIDE: Duration = Duration::from_secs(10);

/// How long a start that a person ends may take to be struck out of the book of boots.
const STRUCK_WITHIN: Duration = Duration::from_secs(1);

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Stop,
    Reload,
}

/// The signals that came.
pub(super) struct Signals {
    stop: watch::Receiver<bool>,
    hup: Signal,
    begun: Arc<OnceLock<BootBook>>,
}

impl Signals {
    /// Begins to listen.
    pub(super) fn listen() -> std::io::Result<Self> {
        let (term, int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let (asked, stop) = watch::channel(false);
        let begun: Arc<OnceLock<BootBook>> = Arc::default();
        tokio::spawn(hear(term, int, asked, begun.clone()));
        Ok(Self { stop, hup: signal(SignalKind::hangup())?, begun })
    }

    /// From now on this start stands in `book`. One that a person ends on the way has not failed.
    pub(super) fn begun(&self, book: BootBook) {
        // A process begins once.
        drop(self.begun.set(book));
    }

    /// Waits for a request to stop.
    pub(super) async fn stopped(&mut self) {
        // The task that hears lives as long as the runtime.
        let _ = self.stop.wait_for(|asked| *asked).await;
    }

    /// Waits for the next request. Once a stop was asked for, it is asked for always.
    pub(super) async fn next(&mut self) -> Asked {
        let Self { stop, hup, .. } = self;
        tokio::select! {
            biased;
            _ = stop.wait_for(|asked| *asked) => Asked::Stop,
            _ = hup.recv() => Asked::Reload,
        }
    }
}

async fn hear(mut term: Signal, mut int: Signal, asked: watch::Sender<bool>, begun: Arc<OnceLock<BootBook>>) {
    either(&mut term, &mut int).await;
    asked.send_replace(true);
    let again = tokio::time::timeout(STOP_WITHIN + BESIDE, either(&mut term, &mut int)).await;
    strike_out(begun.get().cloned()).await;
    leave(if again.is_ok() { Exit::Forced } else { Exit::StopTimedOut })
}

/// A start that is still on its way is no failed boot, as a person ends it. On a thread of its own and
/// not for long: a disk that does not answer must not hold the process.
async fn strike_out(book: Option<BootBook>) {
    let Some(book) = book else { return };
    let struck = tokio::task::spawn_blocking(move || book.held());
    match tokio::time::timeout(STRUCK_WITHIN, struck).await {
        Ok(Ok(Ok(_))) => {}
        _ => tracing::warn!("that a person ended this start is not written down"),
    }
}

async fn either(term: &mut Signal, int: &mut Signal) {
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}
