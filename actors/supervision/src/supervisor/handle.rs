//! The way to a supervisor, which outlives its restarts like any other handle.

use std::time::Duration;

use super::{Command, SupMsg};
use crate::fault::Exit;
use crate::handle::Handle;
use crate::reply::{CallError, Reply};
use crate::spec::ChildSpec;

/// A supervisor answers once it has done what was asked, and each child has limits of its own; this one
/// is only there so that nothing waits for ever. Wrap the call in a time-out of your own for less.
const ANSWER_WITHIN: Duration = Duration::from_secs(600);

/// Leads to a supervisor. Clones lead to the same one.
///
/// A supervisor works on one thing at a time and waits for its children's `init` and `stop`. So a child
/// must not wait for its own supervisor (or one above it) in either: both would wait until the child's
/// limit ends it.
#[derive(Clone, Debug, Default)]
pub struct SupervisorHandle {
    inner: Handle<SupMsg>,
}

/// What became of a child that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    /// It is ready.
    Running,
    /// Its first start failed; it has a budget of its own and is tried again on it.
    Retrying,
    /// Its own budget is spent, now or in an earlier life; it stays down.
    Tripped,
    /// An operator put it aside in an earlier life; it stays down until one takes that back.
    Isolated,
}

/// Why a supervisor did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No child has that name.
    #[error("no child is called `{name}`; {}", meant(near))]
    Unknown {
        /// The name asked for.
        name: String,
        /// Names like it, nearest first.
        near: Vec<String>,
    },
    /// It is the operator's way in, and would be shut for good.
    #[error("`{name}` is the way in and cannot be isolated; stop the daemon instead")]
    WayIn {
        /// The name asked for.
        name: String,
    },
    /// A child of that name is already there; it goes on undisturbed.
    #[error("a child called `{name}` is already there; remove it first")]
    AlreadyThere {
        /// The name asked for.
        name: String,
    },
    /// Significant children must be transient or temporary, as in OTP.
    #[error("`{name}` cannot be both permanent and significant")]
    PermanentSignificant {
        /// The name asked for.
        name: String,
    },
    /// The child's `init` failed.
    #[error("`{name}` {why}")]
    CouldNotStart {
        /// The child.
        name: String,
        /// How its start ended.
        why: Exit,
    },
    /// The budget store refused.
    #[error("the restart budget could not be changed: {why}")]
    Budget {
        /// What it said.
        why: String,
    },
    /// The store could not record it, so it was not done.
    #[error("not done, because it could not be recorded: {why}")]
    NotRecorded {
        /// What the store said.
        why: String,
    },
    /// The supervisor gave no answer.
    #[error("the supervisor gave no answer")]
    Unreachable(#[source] CallError),
}

fn meant(near: &[String]) -> String {
    if near.is_empty() {
        return "see `actors tree`".to_owned();
    }
    format!("did you mean `{}`?", near.join("`, `"))
}

impl SupervisorHandle {
    /// A handle to a supervisor that is not there yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn inner(&self) -> &Handle<SupMsg> {
        &self.inner
    }

    /// Adds a child after those already there, and starts it. Lost when the supervisor is restarted, as
    /// in OTP: whoever adds children adds them again.
    ///
    /// # Errors
    /// When the name is taken (the child there goes on) or the start fails.
    pub async fn start_child(&self, spec: ChildSpec) -> Result<Started, CommandError> {
        self.ask(|reply| SupMsg::Add { spec: Box::new(spec), reply }).await
    }

    /// Stops a child in order; it stays known, and down until restarted by hand or with its siblings.
    /// A wait before a restart is cancelled.
    ///
    /// # Errors
    /// When there is no such child or no answer.
    pub async fn stop_child(&self, name: &str) -> Result<(), CommandError> {
        self.command(name, Command::Stop).await
    }

    /// Stops a child in order and forgets it.
    ///
    /// # Errors
    /// When there is no such child or no answer.
    pub async fn remove_child(&self, name: &str) -> Result<(), CommandError> {
        self.command(name, Command::Remove).await
    }

    /// Stops a child if it runs, and starts it again, also from `tripped` and `isolated`. Costs nobody
    /// a restart and gives no budget back: a tripped child's next failure trips it again.
    ///
    /// # Errors
    /// When there is no such child, its start fails, or no answer.
    pub async fn restart_child(&self, name: &str) -> Result<(), CommandError> {
        self.command(name, Command::Restart).await
    }

    /// Stops a child in order and keeps it down, whatever happens to its siblings, to its supervisor or to
    /// the process: recorded first. Only [`restart_child`](Self::restart_child) and
    /// [`release_child`](Self::release_child) end it.
    ///
    /// # Errors
    /// When there is no such child, it is the way in, the store refuses (nothing has changed then), or no
    /// answer.
    pub async fn isolate_child(&self, name: &str, reason: &str) -> Result<(), CommandError> {
        self.command(name, Command::Isolate { reason: reason.to_owned() }).await
    }

    /// Takes an isolation back, recorded first, and starts the child, unless its budget is spent: it is
    /// tripped then as before. One that is not isolated is left as it is.
    ///
    /// # Errors
    /// When there is no such child, the store refuses (nothing has changed then), its start fails, or no
    /// answer.
    pub async fn release_child(&self, name: &str) -> Result<(), CommandError> {
        self.command(name, Command::Release).await
    }

    /// The child has proved some work: its budget is whole again and its back-off begins anew; a tripped
    /// child is then merely stopped.
    ///
    /// # Errors
    /// When there is no such child, the budget store refuses, or no answer.
    pub async fn proved(&self, name: &str) -> Result<(), CommandError> {
        self.command(name, Command::GiveBack).await
    }

    /// An operator gives the child's budget back. Who calls it puts the reason on record.
    ///
    /// # Errors
    /// As [`proved`](Self::proved).
    pub async fn clear(&self, name: &str) -> Result<(), CommandError> {
        self.command(name, Command::GiveBack).await
    }

    /// Gives back the supervisor's own budget, for its children's restarts.
    ///
    /// # Errors
    /// When it is down, or the budget store refuses.
    pub async fn give_own_back(&self) -> Result<(), CommandError> {
        self.ask(|reply| SupMsg::GiveBack { reply }).await
    }

    /// Whether an incarnation of the supervisor is there.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.inner.is_running()
    }

    async fn command(&self, name: &str, command: Command) -> Result<(), CommandError> {
        let name = name.to_owned();
        self.ask(|reply| SupMsg::Command { name, command, reply }).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(Reply<Result<T, CommandError>>) -> SupMsg,
    ) -> Result<T, CommandError> {
        self.inner.call(ask, ANSWER_WITHIN).await.map_err(CommandError::Unreachable)?
    }
}
