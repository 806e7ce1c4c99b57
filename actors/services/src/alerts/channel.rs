//! The channel: the one way by which alerts reach an owner who is not looking. A seam; the real one
//! starts a command, simulated ones write down what they were given.

use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;

use crate::records::Sort;

/// How and when the owner is told: the `[alerts]` of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TellSettings {
    /// What is started to tell him; `None`: nothing is told, only shown.
    pub command: Option<Command>,
    /// The sorts that are told.
    pub send: Vec<Sort>,
    /// Between two beginnings of the command at least so long; what comes meanwhile is one message.
    pub min_interval: Duration,
    /// At most so many beginnings in an hour, over restarts.
    pub per_hour_max: u32,
}

impl Default for TellSettings {
    /// Nobody is told.
    fn default() -> Self {
        Self {
            command: None,
            send: vec![Sort::Trips, Sort::Person, Sort::Stops],
            min_interval: Duration::from_secs(60),
            per_hour_max: 12,
        }
    }
}

/// A program to start, without a shell between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program's path and its arguments; at least one.
    pub argv: Vec<String>,
    /// It is killed when it takes longer.
    pub timeout: Duration,
}

/// What the owner is told: one alert, and how many more there are. Written as one JSON object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// What it is about.
    pub about: String,
    /// One sentence; it ends with `(and 12 more)` if there are more.
    pub sentence: String,
    /// Its sort.
    pub sort: Sort,
    /// When it was raised, RFC 3339 in UTC.
    pub raised_at: String,
    /// How often.
    pub times: u64,
    /// `live` or `sandbox`.
    pub stamp: String,
    /// What to type to see more.
    pub command: String,
    /// How many more alerts this message tells of.
    pub more: u64,
    /// The first of them.
    pub others: Vec<Other>,
}

/// Another alert of the same message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Other {
    /// What it is about.
    pub about: String,
    /// The beginning of its sentence.
    pub sentence: String,
    /// Its sort.
    pub sort: Sort,
}

/// Tells the owner.
#[async_trait]
pub trait Channel: Send + Sync {
    /// Tells `message` by way of `command`. Returns when it is known how that went, and not much later
    /// than the command's own timeout. Dropped, it leaves nothing running.
    ///
    /// # Errors
    /// One sentence without secrets: why it is not known to be told.
    async fn deliver(&self, command: &Command, message: &Message) -> Result<(), String>;
}

/// A channel that tells nobody, where none is wanted.
pub struct NoChannel;

#[async_trait]
impl Channel for NoChannel {
    async fn deliver(&self, _command: &Command, _message: &Message) -> Result<(), String> {
        Err("there is no channel here".to_owned())
    }
}
