//! The top of a tree: started once, stopped in order, asked by path.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::fault::Exit;
use crate::host::{self, Launch};
use crate::life::Life;
use crate::seams::Seams;
use crate::spec::SupervisorSpec;
use crate::supervisor::{CommandError, Supervisor, SupervisorHandle};
use crate::tree::{ActorDetail, ActorView, Late, Node, Place, ROOT, Standing, Straggler, Tree};

/// How long everything together may take to end once all of it is killed.
const LAST_WAIT: Duration = Duration::from_millis(500);

/// A running tree. Dropped, it is killed; [`Root::stop`] is the orderly way.
pub struct Root {
    place: Place,
    life: Life,
    handle: SupervisorHandle,
}

/// The tree could not start; what had started is stopped again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the actor tree {0}")]
pub struct StartError(pub Exit);

/// How an ordered stop went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StopReport {
    /// How many actors stopped in time.
    pub stopped: u32,
    /// Who did not, what they were doing, and what was left in their mailboxes. When the whole stop did not
    /// keep to its time, that is everyone who was up or starting when it was over.
    pub stragglers: Vec<Straggler>,
    /// Paths of those that still run although killed: they never yield.
    pub running: Vec<String>,
    /// Whether the whole stop kept to its time.
    pub in_time: bool,
}

impl Root {
    /// Starts the topmost supervisor and all below it, in order.
    ///
    /// # Errors
    /// When a child without a budget of its own cannot start.
    pub async fn start(spec: SupervisorSpec, seams: Seams) -> Result<Self, StartError> {
        let handle = SupervisorHandle::new();
        let meter = handle.inner().meter();
        let tree = Tree::new(seams, meter, "looks after everything", handle.clone());
        let place = Place { node: tree.inner.root.clone(), tree };
        let incarnation = place.tree.next_incarnation();
        place.stand(Standing::Starting);
        let (spec, below) = (Arc::new(spec), place.clone());
        let launch = Launch { place: place.clone(), incarnation, parent: None };
        let make = move || Supervisor::new(spec, below);
        match host::launch(make, handle.inner().clone(), launch).await {
            Ok(life) => {
                place.stand(Standing::Running);
                place.node.set_live(Some(life.clone()));
                place.node.tell(|story| story.starts += 1);
                Ok(Self { place, life, handle })
            }
            Err(exit) => Err(StartError(exit)),
        }
    }

    /// What there is; can be kept and read by anyone, also after the stop.
    #[must_use]
    pub fn tree(&self) -> Tree {
        self.place.tree.clone()
    }

    /// The tree as it is now.
    #[must_use]
    pub fn view(&self) -> ActorView {
        self.place.tree.view()
    }

    /// All that is known of one actor; `None` when no actor has that path.
    #[must_use]
    pub fn show(&self, path: &str) -> Option<ActorDetail> {
        self.place.tree.show(path)
    }

    /// The topmost supervisor.
    #[must_use]
    pub fn supervisor(&self) -> SupervisorHandle {
        self.handle.clone()
    }

    /// Waits until the topmost supervisor has ended by itself: it gave up, or its significant children
    /// are done.
    pub async fn ended(&self) -> Exit {
        self.life.ended().await
    }

    /// Stops everything, last started first, each child within its own limit, all of it within `within`;
    /// what then still runs is killed.
    pub async fn stop(self, within: Duration) -> StopReport {
        let tree = &self.place.tree;
        drop(tree.take_goodbyes());
        self.life.ask_to_stop();
        let in_time = self.life.ended_within(within).await.is_some();
        let nodes = tree.nodes();
        let mut late = Vec::new();
        if !in_time {
            late.extend(nodes.iter().filter_map(Late::if_up));
            self.life.kill();
            for node in nodes.iter().rev() {
                if let Some(life) = node.live() {
                    life.kill();
                }
            }
        }
        let deadline = tokio::time::Instant::now() + LAST_WAIT;
        let mut running = Vec::new();
        for node in &nodes {
            if still_runs(node, deadline).await {
                running.push(node.path.to_string());
            }
        }
        tree.inner.traces.close();
        self.place.stand(Standing::Stopped);
        let mut goodbyes = tree.take_goodbyes();
        for late in late {
            let killed = !running.iter().any(|path| path == late.path());
            goodbyes.stragglers.push(late.straggler(within, killed));
        }
        StopReport { stopped: goodbyes.stopped, stragglers: goodbyes.stragglers, running, in_time }
    }
}

async fn still_runs(node: &Node, deadline: tokio::time::Instant) -> bool {
    let Some(life) = node.live() else { return false };
    !life.has_ended() && tokio::time::timeout_at(deadline, life.ended()).await.is_err()
}

impl Drop for Root {
    fn drop(&mut self) {
        self.life.kill();
    }
}

impl std::fmt::Debug for Root {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Root").field("tree", &self.place.tree).finish()
    }
}

impl Tree {
    /// Stops the actor at `path` in order; it stays down.
    ///
    /// # Errors
    /// When there is no such actor, or its supervisor gives no answer.
    pub async fn stop(&self, path: &str) -> Result<(), CommandError> {
        let (supervisor, name) = self.above(path)?;
        supervisor.stop_child(&name).await
    }

    /// Restarts the actor at `path`, also from `tripped` and `isolated`.
    ///
    /// # Errors
    /// When there is no such actor, its start fails, or its supervisor gives no answer.
    pub async fn restart(&self, path: &str) -> Result<(), CommandError> {
        let (supervisor, name) = self.above(path)?;
        supervisor.restart_child(&name).await
    }

    /// Stops the actor at `path` and keeps it down whatever happens to its siblings, its supervisor or the
    /// process: recorded before it is answered.
    ///
    /// # Errors
    /// When there is no such actor, it is the way in, the store refuses, or its supervisor gives no answer.
    pub async fn isolate(&self, path: &str, reason: &str) -> Result<(), CommandError> {
        let (supervisor, name) = self.above(path)?;
        supervisor.isolate_child(&name, reason).await
    }

    /// Takes the isolation of the actor at `path` back and starts it.
    ///
    /// # Errors
    /// When there is no such actor, the store refuses, its start fails, or its supervisor gives no answer.
    pub async fn release(&self, path: &str) -> Result<(), CommandError> {
        let (supervisor, name) = self.above(path)?;
        supervisor.release_child(&name).await
    }

    /// Gives the restart budget of the actor at `path` back, because it did its work.
    ///
    /// # Errors
    /// When there is no such actor, the store refuses, or its supervisor gives no answer.
    pub async fn proved(&self, path: &str) -> Result<(), CommandError> {
        self.give_own_back(path).await?;
        if path == ROOT {
            return Ok(());
        }
        let (supervisor, name) = self.above(path)?;
        supervisor.proved(&name).await
    }

    /// Gives the restart budget of the actor at `path` back by an operator's word.
    ///
    /// # Errors
    /// When there is no such actor, the store refuses, or its supervisor gives no answer.
    pub async fn clear(&self, path: &str) -> Result<(), CommandError> {
        self.give_own_back(path).await?;
        if path == ROOT {
            return Ok(());
        }
        let (supervisor, name) = self.above(path)?;
        supervisor.clear(&name).await
    }

    /// A supervisor has the budget for its children's restarts itself; one that is down has none in hand.
    async fn give_own_back(&self, path: &str) -> Result<(), CommandError> {
        match self.find(path).and_then(|node| node.supervises.clone()) {
            Some(supervisor) if supervisor.is_running() => supervisor.give_own_back().await,
            _ => Ok(()),
        }
    }

    fn above(&self, path: &str) -> Result<(SupervisorHandle, String), CommandError> {
        self.supervisor_of(path)
            .ok_or_else(|| CommandError::Unknown { name: path.to_owned(), near: self.near(path) })
    }
}
