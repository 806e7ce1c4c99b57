//! Asking one actor how it is: what it allows to be shown of its state, made by itself between two
//! messages.
//!
//! The question lies beside the mailbox, not in it: it is no message, is not counted, and is answered
//! before the next message whatever waits. A knock wakes an idle actor. One that is busy or stuck does
//! not answer in time; what it is busy with is then the answer. A panic in `status` ends nothing.

use std::time::Duration;

use serde::Serialize;
use tokio::sync::oneshot;

use crate::meter::Fields;
use crate::tree::{Node, Standing, Tree};

/// What came of asking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum StatusAnswer {
    /// What it shows.
    Fields {
        /// Named values: owned, short, nothing secret.
        fields: Fields,
        /// What it holds outside its own size, if it says.
        memory_bytes: Option<u64>,
    },
    /// It did not answer in time, as it has something in hand (or `init` still runs).
    Busy {
        /// The kind of the message in hand; null when none is, so that its thread is what is busy.
        kind: Option<&'static str>,
        /// Since when, milliseconds since 1970.
        since_ms: i64,
    },
    /// Its `status` panicked; the actor goes on.
    Panicked {
        /// What the panic said.
        why: String,
    },
    /// No incarnation is there.
    Down,
}

impl Tree {
    /// Asks the actor at `path` how it is, and waits at most `within`; `None` when no actor has that
    /// path. Disturbs nothing: see [`Component::status`](crate::Component::status).
    pub async fn status(&self, path: &str, within: Duration) -> Option<StatusAnswer> {
        let node = self.find(path)?;
        let Some(life) = node.live().filter(|life| !life.has_ended()) else {
            return Some(self.not_running(&node));
        };
        let (ask, answer) = oneshot::channel();
        if node.meter.ask(ask) {
            life.knock();
        }
        Some(match tokio::time::timeout(within, answer).await {
            Ok(Ok(answer)) => answer,
            _ if life.has_ended() => self.not_running(&node),
            _ => self.busy(&node),
        })
    }

    fn not_running(&self, node: &Node) -> StatusAnswer {
        let (standing, since_ms) = node.standing();
        match standing {
            Standing::Starting => StatusAnswer::Busy { kind: Some("init"), since_ms },
            _ => StatusAnswer::Down,
        }
    }

    fn busy(&self, node: &Node) -> StatusAnswer {
        let since_ns = node.meter.busy_since_ns().or_else(|| node.meter.poll_since_ns());
        let since_ms = since_ns.map_or_else(|| self.now_ms(), |since_ns| self.wall_of(since_ns));
        StatusAnswer::Busy { kind: node.meter.in_hand(), since_ms }
    }
}
