//! The supervisor: a component whose messages are the ends of its children.
//!
//! It may start, stop and kill its children and nothing else. It works on one thing at a time, as OTP's
//! does: a start or stop it waits for holds up the next decision, each within the child's own limit. The
//! store it waits for only where an operator does: a restart's debit comes back as a message.
//! What it decides stands in `decide`, `intensity`, `backoff` and `budget`; here it is only done.
//! It fails (to its parent) when its own restarts are spent; a child with a budget of its own is tripped
//! instead. If it dies itself, its children are killed, and its successor waits for their end.

mod before;
mod child;
mod command;
mod handle;
mod history;
mod purse;
mod recover;
mod wait;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::time::Instant;

pub use handle::{CommandError, Started, SupervisorHandle};

use child::Child;
use history::History;
use purse::{Answer, Purse};
use recover::Next;

use crate::component::Component;
use crate::decide::{self, AfterExit, Plan, Restart, Sibling, Strategy};
use crate::event::What;
use crate::fault::{Exit, Fault};
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
    /// The store has answered a debit of the child `owner`, or of the supervisor itself.
    Granted {
        owner: Option<u64>,
        generation: u64,
        answer: Answer<u32>,
    },
    /// A trip is recorded, or could not be.
    Tripped {
        key: u64,
        why: String,
        failed: Option<String>,
    },
    /// A failure could not be written into the history.
    NotNoted {
        key: u64,
        why: String,
    },
    /// The supervisor's own budget is given back.
    GiveBack {
        reply: Reply<Result<(), CommandError>>,
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
            Self::Granted { .. } => "granted",
            Self::Tripped { .. } => "tripped",
            Self::NotNoted { .. } => "not_noted",
            Self::GiveBack { .. } => "give_back",
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
            Self::Granted { owner: None, .. } | Self::GiveBack { .. } => Vec::new(),
            Self::Due { key, .. }
            | Self::Granted { owner: Some(key), .. }
            | Self::Tripped { key, .. }
            | Self::NotNoted { key, .. } => vec![("key", key.to_string())],
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
    /// In start order, which is that of their keys. A child that is dropped alive is killed.
    children: Vec<Child>,
    /// Their keys by name.
    names: BTreeMap<String, u64>,
    /// The keys of incarnations that began and whose end was not heard of yet.
    begun: BTreeMap<u64, u64>,
    history: History,
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
        let rows: BTreeSet<String> =
            self.spec.children.iter().map(|row| place.node.path_of(&row.name)).collect();
        place.retain(|node| rows.contains(&*node.path));
        let mut purse = self.spec.budget.map(|budget| Purse::new(budget, place.clone(), None));
        if let Some(purse) = &mut purse
            && let Ok(standing) = purse::ask(&place, purse::store(&place).standing(&place.node.path)).await
        {
            purse.begin(&standing);
        }
        let mut state = State {
            spec: self.spec.clone(),
            window: Window::new(self.spec.intensity),
            place,
            me,
            purse,
            children: Vec::new(),
            names: BTreeMap::new(),
            begun: BTreeMap::new(),
            history: History::default(),
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
        state.obey(msg).await
    }

    async fn stop(&self, mut state: State) {
        state.stop_all().await;
    }
}

impl State {
    async fn obey(&mut self, msg: SupMsg) -> Result<(), Fault> {
        match msg {
            SupMsg::Ended { incarnation } => self.ended(incarnation).await?,
            SupMsg::Due { key, generation } => self.due(key, generation).await?,
            SupMsg::Granted { owner, generation, answer } => self.granted(owner, generation, answer).await?,
            SupMsg::Tripped { key, why, failed } => self.tripped(key, why, failed),
            SupMsg::NotNoted { key, why } => {
                if let Some(child) = self.child(key) {
                    child.place.emit(What::BudgetFailed { why });
                }
            }
            SupMsg::Add { spec, reply } => {
                reply.send(self.add(*spec).await);
            }
            SupMsg::Command { name, command, reply } => {
                reply.send(self.command(&name, command).await);
                self.after_command(&name).await?;
            }
            SupMsg::GiveBack { reply } => {
                reply.send(self.own_given_back().await);
                self.settle(None, false).await?;
            }
        }
        Ok(())
    }

    /// Adds a child at the end and starts it. One without a budget of its own that cannot start is
    /// forgotten; one with a budget is tried again on it.
    async fn add(&mut self, spec: ChildSpec) -> Result<Started, CommandError> {
        let name = spec.name.clone();
        if self.names.contains_key(&name) {
            return Err(CommandError::AlreadyThere { name });
        }
        if spec.significant && spec.restart == Restart::Permanent {
            return Err(CommandError::PermanentSignificant { name });
        }
        let apart = spec.budget.is_some();
        // Unique in the tree, so that a timer of a supervisor that was killed finds no child of the next.
        let key = self.place.tree.next_incarnation();
        let mut child = Child::new(key, spec, &self.place);
        let before = child.before(self.purse.is_some()).await;
        let going_on = child.go_on(before, &self.me);
        let index = self.children.len();
        self.children.push(child);
        self.names.insert(name.clone(), key);
        if let Some(started) = going_on {
            return Ok(started);
        }
        let Err(exit) = self.start(index).await else { return Ok(Started::Running) };
        if !apart {
            self.forget(index);
            return Err(CommandError::CouldNotStart { name, why: exit });
        }
        // A child that pays for itself never makes its supervisor fail, so there is no fault to pass on.
        match self.prepare(index, &exit).await {
            Ok(Next::Start(delay)) => {
                self.schedule(key, delay);
                Ok(Started::Retrying)
            }
            Ok(Next::Debit) => Ok(Started::Retrying),
            Ok(Next::Never) | Err(_) => Ok(Started::Tripped),
        }
    }

    /// An incarnation is gone. If it is still its child's, OTP's rules say what follows.
    async fn ended(&mut self, incarnation: u64) -> Result<(), Fault> {
        let Some(index) = self.begun.remove(&incarnation).and_then(|key| self.index_of(key)) else {
            return Ok(());
        };
        let its = |child: &&mut Child| child.incarnation() == Some(incarnation);
        let Some(child) = self.children.get_mut(index).filter(its) else { return Ok(()) };
        let exit = child.bury().await;
        let (key, significant) = (child.key, child.spec.significant);
        match decide::after_exit(child.spec.restart, exit.kind()) {
            AfterExit::Restart => return self.recover(key, &exit).await,
            AfterExit::Keep => child.place.stand(Standing::Stopped),
            AfterExit::Forget => self.forget(index),
        }
        let counts = |child: &Child| child.spec.significant && child.is_wanted();
        let others = significant && self.children.iter().any(counts);
        if decide::shuts_down(self.spec.auto_shutdown, significant, others) {
            self.me.finish();
        }
        Ok(())
    }

    /// Stops every child, last started first, and puts back what they had not used, all at once.
    async fn stop_all(&mut self) {
        self.history.hurry();
        for child in self.children.iter_mut().rev() {
            child.stop().await;
        }
        let own = self.purse.iter_mut();
        let purses = self.children.iter_mut().filter_map(|child| child.purse.as_mut()).chain(own);
        join_all(purses.map(Purse::refund)).await;
    }

    /// Removes a child that is not alive, and its node.
    fn forget(&mut self, index: usize) {
        let child = self.children.remove(index);
        self.names.remove(&child.spec.name);
        self.place.forget(&child.place.node.path);
        // Added again, it goes on from what is written down.
        self.history.hurry();
    }

    /// Starts that child, and knows it by its incarnation from then on.
    async fn start(&mut self, index: usize) -> Result<(), Exit> {
        let Some(child) = self.children.get_mut(index) else { return Ok(()) };
        child.start(&self.me).await?;
        self.begun.extend(child.incarnation().map(|incarnation| (incarnation, child.key)));
        Ok(())
    }

    /// Whom to stop and start because `failed` is restarted. One for one nobody else is looked at, so that
    /// a crash costs the same in a large family as in a small one.
    fn plan(&self, failed: usize) -> Plan {
        match self.spec.strategy {
            Strategy::OneForOne => Plan { start: vec![failed], ..Plan::default() },
            strategy => decide::plan(strategy, failed, &self.siblings()),
        }
    }

    fn siblings(&self) -> Vec<Sibling> {
        self.children.iter().map(Child::as_sibling).collect()
    }

    fn child(&mut self, key: u64) -> Option<&mut Child> {
        let index = self.index_of(key)?;
        self.children.get_mut(index)
    }

    /// The purse that pays for the child's restarts, if any does.
    fn payer(&mut self, index: usize) -> Option<&mut Purse> {
        match self.children.get_mut(index) {
            Some(Child { purse: Some(purse), .. }) => Some(purse),
            _ => self.purse.as_mut(),
        }
    }

    /// Those who wait for a debit of that purse.
    fn awaiting(&self, owner: Option<u64>) -> Vec<u64> {
        let waits = |child: &&Child| child.awaits_debit().is_some();
        match owner {
            Some(owner) => {
                let child = self.index_of(owner).and_then(|index| self.children.get(index));
                child.filter(waits).map(|child| child.key).into_iter().collect()
            }
            None => {
                let poor = self.children.iter().filter(|child| child.purse.is_none());
                poor.filter(waits).map(|child| child.key).collect()
            }
        }
    }

    fn index_of(&self, key: u64) -> Option<usize> {
        self.children.binary_search_by_key(&key, |child| child.key).ok()
    }
}
