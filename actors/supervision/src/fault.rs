//! How an incarnation can end, and what a component says when it cannot go on.
//!
//! A [`Fault`] is made by a component; an [`Exit`] is what the supervisor sees of any end, also of one
//! the component never had a word in (panic, kill). [`ExitKind`] is all that OTP's rules look at.

use std::fmt;
use std::panic::Location;

use serde::Serialize;

use crate::panics::short_path;

/// What sort of trouble a component met. Supervisors show it; they restart on each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// Something outside was down or slow; trying again later may well work.
    Transient,
    /// The code did what it must never do; a fresh state may cure it.
    Bug,
    /// A configuration or a stored value is refused; only a person can cure it.
    Refused,
    /// A supervisor spent its own restarts. Counts as OTP's exit reason `shutdown`.
    Escalated,
}

impl Cause {
    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Bug => "bug",
            Self::Refused => "refused",
            Self::Escalated => "escalated",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Why a component cannot go on. Returning one ends the incarnation; the supervisor decides what follows.
///
/// Any `std::error::Error` becomes a transient fault by `?`, its whole chain written out once. For that
/// reason a fault is no `Error` itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The whole chain of reasons, lower case, no full stop, no secret.
    pub reason: String,
    /// What sort of trouble it is.
    pub cause: Cause,
    #[serde(skip)]
    made: Made,
}

/// The line of code that made a fault. No part of what the fault says: two faults that say the same are
/// equal wherever they were made, and it is lost with the process (a crash report has it in words).
#[derive(Clone, Copy, Debug, Default)]
struct Made(Option<&'static Location<'static>>);

impl PartialEq for Made {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Made {}

impl Fault {
    /// Something outside is down; a later try may work.
    #[must_use]
    #[track_caller]
    pub fn transient(reason: impl Into<String>) -> Self {
        Self::of(Cause::Transient, reason)
    }

    /// The code or its state is wrong.
    #[must_use]
    #[track_caller]
    pub fn bug(reason: impl Into<String>) -> Self {
        Self::of(Cause::Bug, reason)
    }

    /// What it was given cannot be used, and will not become usable by itself.
    #[must_use]
    #[track_caller]
    pub fn refused(reason: impl Into<String>) -> Self {
        Self::of(Cause::Refused, reason)
    }

    /// A fault of a cause that is only known where it happens.
    #[must_use]
    #[track_caller]
    pub fn of(cause: Cause, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), cause, made: Made(Some(Location::caller())) }
    }

    /// `file:line` of the code that made it: where the constructor was called, or the `?` that turned an
    /// error into it.
    #[must_use]
    pub fn location(&self) -> Option<String> {
        self.made.0.map(|at| format!("{}:{}", short_path(at.file()), at.line()))
    }

    #[track_caller]
    pub(crate) fn escalated(reason: impl Into<String>) -> Self {
        Self::of(Cause::Escalated, reason)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl<E: std::error::Error> From<E> for Fault {
    #[track_caller]
    fn from(error: E) -> Self {
        let mut reason = error.to_string();
        let mut next = error.source();
        while let Some(source) = next {
            reason.push_str(": ");
            reason.push_str(&source.to_string());
            next = source.source();
        }
        Self::transient(reason)
    }
}

/// How an incarnation ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// It finished of its own will, or was stopped in order.
    Normal,
    /// It returned a fault.
    Failed(Fault),
    /// It panicked; the text is the panic's own.
    Panicked(String),
    /// It was killed, or its task was cancelled.
    Killed,
    /// `init` returned a fault or panicked.
    StartFailed(Fault),
    /// `init` did not end within the child's `start_within`.
    StartTimedOut,
    /// A supervisor spent its restarts, stopped its children and gave up.
    GaveUp(String),
    /// The incarnation before it still runs: it never yields, so nothing can end it.
    StillRunning,
}

impl Exit {
    /// The same with `mask` passed over its words.
    pub(crate) fn masked(self, mask: &dyn Fn(&str) -> String) -> Self {
        let fault = |fault: Fault| Fault { reason: mask(&fault.reason), ..fault };
        match self {
            Self::Failed(why) => Self::Failed(fault(why)),
            Self::StartFailed(why) => Self::StartFailed(fault(why)),
            Self::Panicked(why) => Self::Panicked(mask(&why)),
            Self::GaveUp(why) => Self::GaveUp(mask(&why)),
            Self::Normal | Self::Killed | Self::StartTimedOut | Self::StillRunning => self,
        }
    }

    /// What OTP's rules see of it.
    #[must_use]
    pub fn kind(&self) -> ExitKind {
        match self {
            Self::Normal => ExitKind::Normal,
            Self::GaveUp(_) => ExitKind::Shutdown,
            Self::Killed => ExitKind::Killed,
            Self::Failed(_)
            | Self::Panicked(_)
            | Self::StartFailed(_)
            | Self::StartTimedOut
            | Self::StillRunning => ExitKind::Error,
        }
    }

    /// The sort of end in one word, by which restarts are counted: a fault's cause, or how it ended where
    /// the component had no word in it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Failed(fault) => fault.cause.word(),
            Self::Panicked(_) => "panicked",
            Self::Killed => "killed",
            Self::StartFailed(_) | Self::StillRunning => "start-failed",
            Self::StartTimedOut => "start-timed-out",
            Self::GaveUp(_) => Cause::Escalated.word(),
        }
    }

    /// The sort of trouble behind it; `None` for a normal end.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        match self {
            Self::Normal => None,
            Self::Failed(fault) | Self::StartFailed(fault) => Some(fault.cause),
            Self::StartTimedOut => Some(Cause::Transient),
            Self::GaveUp(_) => Some(Cause::Escalated),
            Self::Panicked(_) | Self::Killed | Self::StillRunning => Some(Cause::Bug),
        }
    }
}

impl Exit {
    /// `file:line` of the fault behind it.
    pub(crate) fn location(&self) -> Option<String> {
        match self {
            Self::Failed(fault) | Self::StartFailed(fault) => fault.location(),
            _ => None,
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("finished"),
            Self::Failed(fault) => write!(f, "failed: {fault}"),
            Self::Panicked(text) => write!(f, "panicked: {text}"),
            Self::Killed => f.write_str("killed"),
            Self::StartFailed(fault) => write!(f, "could not start: {fault}"),
            Self::StartTimedOut => f.write_str("could not start in time"),
            Self::GaveUp(why) => write!(f, "gave up: {why}"),
            Self::StillRunning => f.write_str("the one before it still runs and cannot be ended"),
        }
    }
}

/// The exit reasons that OTP's restart rules tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitKind {
    /// Erlang's `normal`.
    Normal,
    /// Erlang's `shutdown` and `{shutdown, Term}`.
    Shutdown,
    /// Any other reason.
    Error,
    /// Erlang's `killed`: abnormal.
    Killed,
}

impl ExitKind {
    /// Whether a transient child is restarted after it.
    #[must_use]
    pub fn is_abnormal(self) -> bool {
        matches!(self, Self::Error | Self::Killed)
    }
}
