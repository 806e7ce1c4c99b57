//! One child of a supervisor: started, stopped, buried.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::SupMsg;
use super::purse::Purse;
use super::wait::Wait;
use crate::decide::Sibling;
use crate::event::What;
use crate::fault::Exit;
use crate::handle::Handle;
use crate::host::Launch;
use crate::life::Life;
use crate::spec::{ChildSpec, StopWithin};
use crate::tree::{CrashReport, Late, Node, Place, Standing};

/// How long a killed incarnation may take to end before it counts as one that never yields.
pub(crate) const KILL_WITHIN: Duration = Duration::from_millis(500);

/// Why a child is down that no sibling's restart brings back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    Tripped,
    Isolated,
}

pub(crate) struct Child {
    pub(crate) key: u64,
    pub(crate) spec: ChildSpec,
    pub(crate) place: Place,
    pub(crate) held: Option<Held>,
    /// Why its budget is tripped, as the store has it: also while it is isolated, or restarted by hand.
    pub(crate) tripped: Option<String>,
    /// Ends when the trip that is being recorded is.
    pub(crate) tripping: Option<oneshot::Receiver<()>>,
    pub(crate) purse: Option<Purse>,
    /// Failures in a row, for the back-off.
    pub(crate) attempts: u32,
    /// What it waits for before its next start.
    pub(super) wait: Wait,
    /// The sibling it was stopped for and is started again with.
    pub(crate) follows: Option<u64>,
    life: Option<Life>,
    pub(super) started_at: Option<Instant>,
}

impl Child {
    pub(crate) fn new(key: u64, spec: ChildSpec, parent: &Place) -> Self {
        let node = Node::new(
            parent.node.path_of(&spec.name).into(),
            spec.about.clone(),
            spec.meter.clone(),
            spec.supervises.clone(),
            parent.tree.now_ms(),
        );
        let place = Place { tree: parent.tree.clone(), node: parent.adopt(node) };
        let purse = spec.budget.map(|budget| Purse::new(budget, place.clone(), Some(key)));
        Self {
            key,
            spec,
            place,
            held: None,
            tripped: None,
            tripping: None,
            purse,
            attempts: 0,
            wait: Wait::default(),
            follows: None,
            life: None,
            started_at: None,
        }
    }

    pub(crate) fn incarnation(&self) -> Option<u64> {
        self.life.as_ref().map(|life| life.incarnation)
    }

    /// Alive, or about to be.
    pub(crate) fn is_wanted(&self) -> bool {
        self.life.is_some() || self.is_waiting() || self.follows.is_some()
    }

    pub(crate) fn as_sibling(&self) -> Sibling {
        Sibling { restart: self.spec.restart, alive: self.life.is_some(), held: self.held.is_some() }
    }

    /// Starts an incarnation, once all that is left of earlier ones has ended.
    pub(crate) async fn start(&mut self, parent: &Handle<SupMsg>) -> Result<(), Exit> {
        self.cancel_wait();
        self.follows = None;
        self.place.stand(Standing::Starting);
        let incarnation = self.place.tree.next_incarnation();
        let started = self.launch(incarnation, parent).await;
        match &started {
            Ok(life) => {
                self.place.node.set_live(Some(life.clone()));
                self.place.stand(Standing::Running);
                self.place.node.tell(|story| story.starts += 1);
                self.place.emit(What::Started { incarnation: life.incarnation });
                self.started_at = Some(Instant::now());
                self.life = Some(life.clone());
            }
            Err(exit) => {
                self.started_at = None;
                self.place.stand(Standing::Stopped);
                self.tell_exit(exit);
                self.keep_report(incarnation, exit);
            }
        }
        started.map(drop)
    }

    async fn launch(&self, incarnation: u64, parent: &Handle<SupMsg>) -> Result<Life, Exit> {
        self.settle().await?;
        let launch = (self.spec.start)(Launch {
            place: self.place.clone(),
            incarnation,
            parent: Some(parent.clone()),
        });
        timeout(self.spec.start_within, launch).await.unwrap_or(Err(Exit::StartTimedOut))
    }

    /// Ends whatever still runs here or below: the children of a supervisor that was killed.
    async fn settle(&self) -> Result<(), Exit> {
        let mut nodes = Vec::new();
        self.place.node.collect(&mut nodes);
        for life in nodes.iter().rev().filter_map(|node| node.live()) {
            if life.has_ended() {
                continue;
            }
            life.kill();
            if life.ended_within(KILL_WITHIN).await.is_none() {
                return Err(Exit::StillRunning);
            }
        }
        Ok(())
    }

    /// Waits for the true end of an incarnation that ended by itself, and writes down how it went.
    pub(crate) async fn bury(&mut self) -> Exit {
        let Some(life) = self.life.clone() else { return Exit::Normal };
        let exit = life.ended().await;
        self.life = None;
        self.place.node.set_live(None);
        self.tell_exit(&exit);
        self.keep_report(life.incarnation, &exit);
        exit
    }

    fn tell_exit(&self, exit: &Exit) {
        self.place.node.tell(|story| {
            story.last_cause = Some(exit.to_string());
            story.cause = Some(exit.word());
        });
        self.place.emit(What::Exited { exit: exit.clone() });
    }

    /// Asks it to stop, waits as long as its row says, then kills it, and reports if it had to.
    pub(crate) async fn stop(&mut self) {
        self.cancel_wait();
        self.follows = None;
        let Some(life) = self.life.clone() else {
            if self.held.is_none() {
                self.place.stand(Standing::Stopped);
            }
            return;
        };
        let began = Instant::now();
        let ended = match self.spec.stop_within {
            StopWithin::Kill => None,
            StopWithin::After(within) => {
                life.ask_to_stop();
                life.ended_within(within).await
            }
            StopWithin::Unlimited => {
                life.ask_to_stop();
                Some(life.ended().await)
            }
        };
        match ended {
            Some(exit) => {
                self.place.tree.note_stopped();
                self.place.stand(Standing::Stopped);
                if exit.kind().is_abnormal() {
                    self.tell_exit(&exit);
                    self.keep_report(life.incarnation, &exit);
                } else {
                    drop(self.place.node.meter.take_left());
                    self.place.emit(What::Stopped);
                }
                self.place.node.set_live(None);
            }
            None => self.kill(&life, began.elapsed()).await,
        }
        self.life = None;
        self.started_at = None;
    }

    async fn kill(&self, life: &Life, waited: Duration) {
        let meter = &self.place.node.meter;
        let late = Late::look(&self.place.node);
        life.kill();
        let killed = life.ended_within(KILL_WITHIN).await.is_some();
        self.place.emit(What::Killed { waited });
        if killed {
            self.place.node.set_live(None);
            self.place.stand(Standing::Stopped);
        } else {
            self.place.emit(What::Abandoned);
            self.place.stand(Standing::Abandoned);
        }
        if killed && self.spec.stop_within == StopWithin::Kill {
            drop(meter.take_left());
            self.place.tree.note_stopped();
            return;
        }
        self.place.tree.note_straggler(late.straggler(waited, killed));
    }

    fn keep_report(&self, incarnation: u64, exit: &Exit) {
        let node = &self.place.node;
        if !exit.kind().is_abnormal() {
            drop(node.meter.take_left());
            return;
        }
        let now_ms = self.place.tree.now_ms();
        let report = Arc::new(CrashReport::take(&node.path, incarnation, now_ms, exit, &node.meter));
        node.keep_crash(report.clone());
        self.place.emit(What::Crashed(report));
    }

    /// Keeps it down until someone says otherwise.
    pub(crate) fn hold(&mut self, held: Held, why: &str) {
        self.cancel_wait();
        self.follows = None;
        self.held = Some(held);
        self.place.stand(match held {
            Held::Tripped => Standing::Tripped,
            Held::Isolated => Standing::Isolated,
        });
        self.place.node.tell(|story| story.held_why = Some(why.to_owned()));
    }

    /// Lets it be started again.
    pub(crate) fn let_go(&mut self) {
        self.held = None;
        self.place.stand(Standing::Stopped);
        self.place.node.tell(|story| story.held_why = None);
    }
}

impl Drop for Child {
    /// A child dropped alive: its supervisor was killed or panicked.
    fn drop(&mut self) {
        self.cancel_wait();
        if let Some(life) = &self.life {
            life.kill();
        }
    }
}
