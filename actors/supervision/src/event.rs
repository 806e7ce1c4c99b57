//! What happens to the tree, told to the sink that the machine passed in.
//!
//! A sink is called from the supervisor's task, in order; it must not block.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::fault::Exit;
use crate::tree::CrashReport;

/// One thing that happened to one actor.
#[derive(Clone, Debug)]
pub struct Event {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// To whom.
    pub path: Arc<str>,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum What {
    /// An incarnation is ready.
    Started {
        /// Unique in its tree and rising.
        incarnation: u64,
    },
    /// An incarnation ended by itself.
    Exited {
        /// How.
        exit: Exit,
    },
    /// It ended abnormally; all that is known of it, to be kept.
    Crashed(Arc<CrashReport>),
    /// It will be tried again.
    Restarting {
        /// How long from now.
        within: Duration,
        /// Which attempt in a row this is, from 1.
        attempt: u32,
    },
    /// It was stopped in order.
    Stopped,
    /// It did not stop in time and was killed.
    Killed {
        /// How long it was waited for.
        waited: Duration,
    },
    /// It could not even be killed: it never yields. Its thread is lost until it does.
    Abandoned,
    /// Its own restart budget is spent; it stays down.
    Tripped {
        /// The last failure, or why the budget could not be used.
        why: String,
    },
    /// An operator put it aside, now or in an earlier life.
    Isolated {
        /// Why.
        reason: String,
    },
    /// An operator took that back.
    Released,
    /// A supervisor spent its restarts; it stops its children and fails to its own parent.
    GaveUp {
        /// The failure that was one too many.
        why: String,
    },
    /// The budget store refused; nothing was granted.
    BudgetFailed {
        /// What it said.
        why: String,
    },
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { .. } => f.write_str("started"),
            Self::Exited { exit } => write!(f, "{exit}"),
            Self::Crashed(report) => write!(f, "crashed after {} messages", report.messages_total),
            Self::Restarting { within, attempt } => {
                write!(f, "restarting in {within:?}, attempt {attempt}")
            }
            Self::Stopped => f.write_str("stopped"),
            Self::Killed { waited } => write!(f, "did not stop within {waited:?}, killed"),
            Self::Abandoned => f.write_str("never yields, cannot be killed, abandoned"),
            Self::Tripped { why } => write!(f, "tripped: {why}"),
            Self::Isolated { reason } => write!(f, "isolated by an operator: {reason}"),
            Self::Released => f.write_str("released by an operator"),
            Self::GaveUp { why } => write!(f, "gave up: {why}"),
            Self::BudgetFailed { why } => write!(f, "restart budget not recorded: {why}"),
        }
    }
}

impl Event {
    /// Writes the event to the log, at the level it deserves. For sinks; nothing here calls it.
    pub fn log(&self) {
        let (path, what) = (&*self.path, &self.what);
        match what {
            What::Started { .. } | What::Stopped => tracing::debug!(path, %what, "actor"),
            What::Exited { exit: Exit::Normal } => tracing::debug!(path, %what, "actor"),
            What::Crashed(_) => tracing::debug!(path, %what, "actor"),
            What::Isolated { .. } | What::Released => tracing::info!(path, %what, "actor"),
            What::Exited { .. } | What::Restarting { .. } | What::Killed { .. } => {
                tracing::warn!(path, %what, "actor");
            }
            What::Abandoned | What::Tripped { .. } | What::GaveUp { .. } | What::BudgetFailed { .. } => {
                tracing::error!(path, %what, "actor")
            }
        }
    }
}
