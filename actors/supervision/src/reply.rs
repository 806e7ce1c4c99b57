//! The way back: a reply port that works across threads and runtimes, and what can go wrong on it.

use std::fmt;

use tokio::sync::oneshot;

/// Where the answer to a call goes. Dropped unanswered, the caller learns [`CallError::Lost`].
pub struct Reply<R> {
    sender: oneshot::Sender<R>,
}

impl<R> Reply<R> {
    pub(crate) fn pair() -> (Self, oneshot::Receiver<R>) {
        let (sender, receiver) = oneshot::channel();
        (Self { sender }, receiver)
    }

    /// Answers. `false` if nobody waits any more; the answer is then dropped.
    pub fn send(self, answer: R) -> bool {
        self.sender.send(answer).is_ok()
    }

    /// Whether the caller has gone (timed out or cancelled); an answer would be dropped.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}

impl<R> fmt::Debug for Reply<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("closed", &self.is_closed()).finish()
    }
}

/// Why a message was not delivered. It comes back, so that the sender can keep it.
#[derive(thiserror::Error)]
pub enum Undelivered<M> {
    /// As many messages wait as the mailbox may hold.
    #[error("the mailbox is full; try again later")]
    Full(M),
    /// No incarnation is there now: not started, between two, stopped or tripped.
    #[error("the actor is not running; see `actors tree`")]
    NotRunning(M),
}

impl<M> Undelivered<M> {
    /// The message.
    pub fn into_message(self) -> M {
        match self {
            Self::Full(msg) | Self::NotRunning(msg) => msg,
        }
    }
}

impl<M> fmt::Debug for Undelivered<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full",
            Self::NotRunning(_) => "NotRunning",
        })
    }
}

/// Why a call has no answer. Nothing is ever sent twice; what to do is the caller's to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// As many messages wait as the mailbox may hold; nothing was done.
    #[error("the mailbox is full; try again later")]
    Full,
    /// No incarnation is there now; nothing was done.
    #[error("the actor is not running; see `actors tree`")]
    NotRunning,
    /// The actor ended, or dropped the reply, before it answered.
    #[error("the answer was lost; {}", if *.maybe_done {
        "look whether it was done before trying again"
    } else {
        "it was not begun, so it can be tried again"
    })]
    Lost {
        /// Whether handling had begun.
        maybe_done: bool,
    },
    /// No answer in time; it may still be done later.
    #[error("no answer in time; it may still be done")]
    TimedOut,
}
