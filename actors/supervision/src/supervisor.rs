//! The supervisor: a component whose messages are the ends of its children.
//!
//! It may start, stop and kill its children and nothing else. It works on one thing at a time, as OTP's
//! does: a start or stop it waits for holds up the next decision, each within the child's own limit.
//! What it decides stands in `decide`, `intensity`, `backoff` and `budget`; here it is only done.
//! It fails (to its parent) when its own restarts are spent; a child with a budget of its own is tripped
//! instead. If it dies itself, its children are killed, and its successor waits for their end.

mod child;
mod handle;
mod purse;
mod recover;

use std::sync::Arc;

use tokio::time::Instant;

pub use handle::{CommandError, Started, SupervisorHandle};

use child::{Child, Held};
use purse::Purse;

use crate::component::Component;
use crate::decide::{self, AfterExit, Restart, Sibling};
use crate::event::What;
use crate::fault::{Cause, Fault};
use crate::handle::Handle;
use crate::inspect::Inspect;
use crate::intensity::Window;
use crate::reply::Reply;
use crate::spec::{ChildSpec, SupervisorSpec};
use crate::tree::{Place, Standing};

/// What a supervisor is told.
pub(crate) enum SupMsg {
    /// An incarnation is gone; may be late, so it is known by its number.
    Ended {
        incarnation: u64,
    },
    /// A wait before a restart is over.
    Due {
        key: u64,
        generation: u64,
    },
    Add {
        spec: Box<ChildSpec>,
        reply: Reply<Result<Started, CommandError>>,
    },
    Command {
        name: String,
        command: Command,
        reply: Reply<Result<(), CommandError>>,
    },
}

/// What can be asked of a supervisor about one child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Stop,
    Remove,
    Restart,
    Isolate { reason: String },
    Release,
    GiveBack,
}

impl Inspect for SupMsg {
    fn kind(&self) -> &'static str {
        match self {
            Self::Ended { .. } => "ended",
            Self::Due { .. } => "due",
            Self::Add { .. } => "add",
            Self::Command { command, .. } => match command {
                Command::Stop => "stop",
                Command::Remove => "remove",
                Command::Restart => "restart",
                Command::Isolate { .. } => "isolate",
                Command::Release => "release",
                Command::GiveBack => "give_back",
            },
        }
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Ended { incarnation } => vec![("incarnation", incarnation.to_string())],
            Self::Due { key, .. } => vec![("key", key.to_string())],
            Self::Add { spec, .. } => vec![("child", spec.name.clone())],
            Self::Command { name, .. } => vec![("child", name.clone())],
        }
    }
}

pub(crate) struct Supervisor {
    spec: Arc<SupervisorSpec>,
    place: Place,
}

/// What one incarnation of a supervisor knows.
pub(crate) struct State {
    spec: Arc<SupervisorSpec>,
    place: Place,
    me: Handle<SupMsg>,
    window: Window,
    /// The supervisor's own durable budget, if it has one.
    purse: Option<Purse>,
    /// In start order. A child that is dropped alive is killed.
    children: Vec<Child>,
}

impl Supervisor {
    pub(crate) fn new(spec: Arc<SupervisorSpec>, place: Place) -> Self {
        Self { spec, place }
    }
}

impl Component for Supervisor {
    type Msg = SupMsg;
    type State = State;

    async fn init(&self, me: Handle<SupMsg>) -> Result<State, Fault> {
        let place = self.place.clone();
        place
            .retain(|node| self.spec.children.iter().any(|row| *place.node.path_of(&row.name) == *node.path));
        let purse = self.spec.budget.map(|budget| Purse::new(budget, place.clone()));
        let mut state = State {
            spec: self.spec.clone(),
            window: Window::new(self.spec.intensity),
            place,
            me,
            purse,
            children: Vec::new(),
        };
        for row in &self.spec.children {
            if let Err(error) = state.add(row.clone()).await {
                state.stop_all().await;
                return Err(Fault::of(error.cause(), error.to_string()));
            }
        }
        Ok(state)
    }

    async fn handle(&self, _me: &Handle<SupMsg>, msg: SupMsg, state: &mut State) -> Result<(), Fault> {
        match msg {
            SupMsg::Ended { incarnation } => state.ended(incarnation).await?,
            SupMsg::Due { key, generation } => state.due(key, generation).await?,
            SupMsg::Add { spec, reply } => {
                reply.send(state.add(*spec).await);
            }
            SupMsg::Command { name, command, reply } => {
                reply.send(state.command(&name, command).await);
            }
        }
        Ok(())
    }

    async fn stop(&self, mut state: State) {
        state.stop_all().await;
    }
}

impl State {
    /// Adds a child at the end and starts it. One without a budget of its own that cannot start is
    /// forgotten; one with a budget is tried again on it.
    async fn add(&mut self, spec: ChildSpec) -> Result<Started, CommandError> {
        let name = spec.name.clone();
        if self.children.iter().any(|child| child.spec.name == name) {
            return Err(CommandError::AlreadyThere { name });
        }
        if spec.significant && spec.restart == Restart::Permanent {
            return Err(CommandError::PermanentSignificant { name });
        }
        let apart = spec.budget.is_some();
        // Unique in the tree, so that a timer of a supervisor that was killed finds no child of the next.
        let key = self.place.tree.next_incarnation();
        let mut child = Child::new(key, spec, &self.place);
        if let Some(why) = child.tripped_before().await {
            child.hold(Held::Tripped, Standing::Tripped);
            child.place.emit(What::Tripped { why });
            self.children.push(child);
            return Ok(Started::Tripped);
        }
        let started = child.start(&self.me).await;
        self.children.push(child);
        let Err(exit) = started else { return Ok(Started::Running) };
        let index = self.children.len() - 1;
        if !apart {
            self.forget(index);
            return Err(CommandError::CouldNotStart { name, why: exit });
        }
        // A child that pays for itself never makes its supervisor fail, so there is no fault to pass on.
        match self.prepare(index, &exit).await {
            Ok(Some(delay)) => {
                self.schedule(key, delay);
                Ok(Started::Retrying)
            }
            Ok(None) | Err(_) => Ok(Started::Tripped),
        }
    }

    /// An incarnation is gone. If it is still its child's, OTP's rules say what follows.
    async fn ended(&mut self, incarnation: u64) -> Result<(), Fault> {
        let of = |child: &Child| child.incarnation() == Some(incarnation);
        let Some(index) = self.children.iter().position(of) else { return Ok(()) };
        let Some(child) = self.children.get_mut(index) else { return Ok(()) };
        let exit = child.bury().await;
        let (key, significant) = (child.key, child.spec.significant);
        match decide::after_exit(child.spec.restart, exit.kind()) {
            AfterExit::Restart => return self.recover(key, &exit).await,
            AfterExit::Keep => child.place.stand(Standing::Stopped),
            AfterExit::Forget => self.forget(index),
        }
        let others = self.children.iter().any(|child| child.spec.significant && child.is_wanted());
        if decide::shuts_down(self.spec.auto_shutdown, significant, others) {
            self.me.finish();
        }
        Ok(())
    }

    async fn command(&mut self, name: &str, command: Command) -> Result<(), CommandError> {
        let named = |child: &Child| child.spec.name == name;
        let Some(index) = self.children.iter().position(named) else {
            return Err(CommandError::Unknown { name: name.to_owned(), near: Vec::new() });
        };
        let Some(child) = self.children.get_mut(index) else { return Ok(()) };
        match command {
            Command::Stop => child.stop().await,
            Command::Remove => {
                child.stop().await;
                child.refund().await;
                self.forget(index);
            }
            Command::Isolate { reason } => {
                child.stop().await;
                child.hold(Held::Isolated, Standing::Isolated);
                child.place.emit(What::Isolated { reason });
            }
            Command::Release => {
                child.held = None;
                if let Err(exit) = child.start(&self.me).await {
                    child.place.stand(Standing::Stopped);
                    return Err(CommandError::CouldNotStart { name: name.to_owned(), why: exit });
                }
            }
            Command::GiveBack => {
                child.give_back().await.map_err(|why| CommandError::Budget { why })?;
            }
            Command::Restart => {
                child.stop().await;
                child.held = None;
                if let Err(exit) = child.start(&self.me).await {
                    child.place.stand(Standing::Stopped);
                    return Err(CommandError::CouldNotStart { name: name.to_owned(), why: exit });
                }
            }
        }
        Ok(())
    }

    /// Stops every child, last started first.
    async fn stop_all(&mut self) {
        for child in self.children.iter_mut().rev() {
            child.stop().await;
            child.refund().await;
        }
    }

    /// Removes a child that is not alive, and its node.
    fn forget(&mut self, index: usize) {
        let child = self.children.remove(index);
        let path = child.place.node.path.clone();
        self.place.retain(|node| node.path != path);
    }

    fn siblings(&self) -> Vec<Sibling> {
        self.children.iter().map(Child::as_sibling).collect()
    }

    fn index_of(&self, key: u64) -> Option<usize> {
        self.children.iter().position(|child| child.key == key)
    }
}

impl CommandError {
    fn cause(&self) -> Cause {
        match self {
            Self::CouldNotStart { why, .. } => why.cause().unwrap_or(Cause::Bug),
            Self::AlreadyThere { .. }
            | Self::PermanentSignificant { .. }
            | Self::Unknown { .. }
            | Self::Budget { .. }
            | Self::WayIn { .. }
            | Self::NotRecorded { .. }
            | Self::Unreachable { .. } => Cause::Bug,
        }
    }
}
