//! Live messages of some actors, as they are handled.
//!
//! A trace always has a limit, a rate and a time, and ends at the first it meets; also when its reader
//! is too slow, and at once when it is dropped. It never makes a traced actor wait. Actors that start
//! later are traced too if they match, and over their restarts.
//!
//! [`Inspect::fields`](crate::Inspect::fields) is called only for messages that match, before they are
//! handled; everything else about a message is shared or fixed, and made into text by the reader. An
//! actor that is not traced pays one relaxed load for each message.

mod pattern;
mod tap;

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Serialize, Serializer};
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, timeout_at};

use pattern::Pattern;
pub(crate) use tap::Tap;

use crate::meter::{Fields, Meter};
use crate::seams::nanoseconds;
use crate::sync::lock;
use crate::tree::Tree;

/// The most messages that one trace may show.
pub const TRACE_LIMIT_MAX: u64 = 100_000;
/// How many traces may run at once in one machine.
const TRACES_MAX: usize = 16;

/// What is to be traced, and when it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceAsk {
    /// A path, in which `*` is one segment or part of one and `**` any number of them; then, if only some
    /// kinds of message are wanted, `:` and a kind, in which `*` is any run of letters.
    pub pattern: String,
    /// How many messages at most: 1 to 100,000.
    pub limit: u64,
    /// It ends when more than so many messages match within one second.
    pub rate_max: u32,
    /// It ends after so long.
    pub within: Duration,
}

/// One message that was handled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Traced {
    /// When handling ended, milliseconds since 1970.
    pub at_ms: i64,
    /// The actor's path.
    #[serde(serialize_with = "as_text")]
    pub path: Arc<str>,
    /// Its incarnation.
    pub incarnation: u64,
    /// The message's number at its actor.
    pub seq: u64,
    /// Its kind.
    pub kind: &'static str,
    /// Path of its sender; null from outside the tree.
    #[serde(serialize_with = "as_maybe_text")]
    pub sender: Option<Arc<str>>,
    /// The action that caused it.
    #[serde(serialize_with = "as_maybe_text")]
    pub action: Option<Arc<str>>,
    /// What its type allows to be shown.
    #[serde(serialize_with = "as_map")]
    pub fields: Fields,
    /// Time in the mailbox, nanoseconds.
    pub queue_ns: u64,
    /// Time in the handler, nanoseconds.
    pub handle_ns: u64,
    /// Whether it was handled well.
    pub ok: bool,
    /// How many messages waited when it was taken up.
    pub depth: u32,
}

/// Why a trace ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceEnd {
    /// It has shown as many messages as it was asked for.
    Limit,
    /// More messages matched than the rate allows.
    Rate {
        /// The rate that was exceeded.
        per_second: u32,
    },
    /// Its time is over.
    Time,
    /// Too many messages waited for the reader.
    Slow,
    /// It was dropped, or the tree was stopped.
    Closed,
}

impl fmt::Display for TraceEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit => f.write_str("the trace ended: it has shown as many messages as were asked for"),
            Self::Rate { per_second } => write!(
                f,
                "the trace ended: more than {per_second} messages matched in one second; narrow the pattern \
                 or raise the rate"
            ),
            Self::Time => f.write_str("the trace ended: its time is over"),
            Self::Slow => write!(
                f,
                "the trace ended: its reader was too slow and {} messages waited; narrow the pattern",
                tap::READER_MAX
            ),
            Self::Closed => f.write_str("the trace ended: it was closed"),
        }
    }
}

/// A trace that cannot start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// The pattern says nothing.
    #[error("`{pattern}` is no pattern; write a path such as `kernel/*` or `kernel/**:append`")]
    Pattern {
        /// What was asked.
        pattern: String,
    },
    /// No limit, or one that is too large.
    #[error("a trace needs a limit between 1 and {TRACE_LIMIT_MAX}, not {limit}")]
    Limit {
        /// What was asked.
        limit: u64,
    },
    /// A rate of zero shows nothing.
    #[error("a trace needs a rate of at least 1 message a second")]
    Rate,
    /// No time.
    #[error("a trace needs a time longer than nothing")]
    Time,
    /// Too many at once.
    #[error("{TRACES_MAX} traces run already; end one of them first")]
    TooMany,
}

/// A running trace; dropped, it ends at once.
pub struct Trace {
    tree: Tree,
    tap: Arc<Tap>,
    from: Receiver<Traced>,
    until: Instant,
}

/// The traces of one machine.
#[derive(Default)]
pub(crate) struct Traces {
    taps: Mutex<Vec<Arc<Tap>>>,
}

impl Traces {
    /// Puts the running traces that match on an actor that is about to start.
    pub(crate) fn put_on(&self, path: &str, meter: &Meter) {
        for tap in lock(&self.taps).iter().filter(|tap| tap.matches_path(path)) {
            meter.tap(tap);
        }
    }

    /// Ends all of them.
    pub(crate) fn close(&self) {
        lock(&self.taps).iter().for_each(|tap| tap.close(TraceEnd::Closed));
    }
}

impl Tree {
    /// Begins to trace the actors that match, those that start later included.
    ///
    /// # Errors
    /// When what was asked is no trace, or too many run already.
    pub fn trace(&self, ask: TraceAsk) -> Result<Trace, TraceError> {
        let Some(pattern) = Pattern::parse(&ask.pattern) else {
            return Err(TraceError::Pattern { pattern: ask.pattern });
        };
        if !(1..=TRACE_LIMIT_MAX).contains(&ask.limit) {
            return Err(TraceError::Limit { limit: ask.limit });
        }
        if ask.rate_max == 0 {
            return Err(TraceError::Rate);
        }
        if ask.within.is_zero() {
            return Err(TraceError::Time);
        }
        let now_ns = (self.inner.seams.mono_ns)();
        let until_ns = now_ns.saturating_add(nanoseconds(ask.within));
        let (tap, from) = Tap::new(pattern, ask.limit, ask.rate_max, until_ns);
        let tap = Arc::new(tap);
        {
            let mut taps = lock(&self.inner.traces.taps);
            taps.retain(|tap| !tap.is_closed());
            if taps.len() >= TRACES_MAX {
                return Err(TraceError::TooMany);
            }
            taps.push(tap.clone());
        }
        // After the list: an actor that starts meanwhile finds it there, or is found here.
        for node in self.nodes() {
            if tap.matches_path(&node.path) {
                node.meter.tap(&tap);
            }
        }
        Ok(Trace { tree: self.clone(), tap, from, until: Instant::now() + ask.within })
    }
}

impl Trace {
    /// Waits for the next message; `None` once the trace has ended and all it saw has been read.
    pub async fn next(&mut self) -> Option<Traced> {
        match timeout_at(self.until, self.from.recv()).await {
            Ok(traced) => traced,
            Err(_) => {
                self.tap.close(TraceEnd::Time);
                self.from.recv().await
            }
        }
    }

    /// The paths of the actors that it is about as things stand; those that start later are added.
    #[must_use]
    pub fn watches(&self) -> Vec<String> {
        let mut paths = self.tree.paths();
        paths.retain(|path| self.tap.matches_path(path));
        paths
    }

    /// Whether it shows messages of that kind.
    #[must_use]
    pub fn shows(&self, kind: &str) -> bool {
        self.tap.matches_kind(kind)
    }

    /// Why it ended; `None` while it runs.
    #[must_use]
    pub fn end(&self) -> Option<TraceEnd> {
        self.tap.end()
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        self.tap.close(TraceEnd::Closed);
        lock(&self.tree.inner.traces.taps).retain(|tap| !Arc::ptr_eq(tap, &self.tap));
        for node in self.tree.nodes() {
            node.meter.untap();
        }
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").field("end", &self.end()).finish()
    }
}

fn as_map<S: Serializer>(fields: &[(&'static str, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(fields.iter().map(|(name, value)| (name, value)))
}

fn as_text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

fn as_maybe_text<S: Serializer>(text: &Option<Arc<str>>, serializer: S) -> Result<S::Ok, S::Error> {
    text.as_deref().serialize(serializer)
}
