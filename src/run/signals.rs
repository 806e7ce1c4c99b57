//! The signals a daemon obeys: a first SIGTERM or SIGINT stops it in order, a second one at once;
//! SIGHUP has it read its configuration again.
//!
//! They are heard by a task of their own from the first moment of the runtime on, so that both hold
//! while the machine is still starting; and a stop that hangs anywhere, be it in a disk that does not
//! answer, ends the process all the same.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::STOP_WITHIN;
use crate::exit::{Exit, leave};

/// What is left to do beside the ordered stop of the tree: to end the start, to close the store.
const BESIDE: Duration = Duration::from_secs(10);

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
}

impl Signals {
    /// Begins to listen.
    pub(super) fn listen() -> std::io::Result<Self> {
        let (term, int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let (asked, stop) = watch::channel(false);
        tokio::spawn(hear(term, int, asked));
        Ok(Self { stop, hup: signal(SignalKind::hangup())? })
    }

    /// Waits for a request to stop.
    pub(super) async fn stopped(&mut self) {
        // The task that hears lives as long as the runtime.
        let _ = self.stop.wait_for(|asked| *asked).await;
    }

    /// Waits for the next request. Once a stop was asked for, it is asked for always.
    pub(super) async fn next(&mut self) -> Asked {
        let Self { stop, hup } = self;
        tokio::select! {
            biased;
            _ = stop.wait_for(|asked| *asked) => Asked::Stop,
            _ = hup.recv() => Asked::Reload,
        }
    }
}

async fn hear(mut term: Signal, mut int: Signal, asked: watch::Sender<bool>) {
    either(&mut term, &mut int).await;
    asked.send_replace(true);
    match tokio::time::timeout(STOP_WITHIN + BESIDE, either(&mut term, &mut int)).await {
        Ok(()) => leave(Exit::Forced),
        Err(_) => leave(Exit::StopTimedOut),
    }
}

async fn either(term: &mut Signal, int: &mut Signal) {
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}
