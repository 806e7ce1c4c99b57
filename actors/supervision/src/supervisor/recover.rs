//! From a failure to the next incarnation: pay, stop whom the strategy says, wait, start.

use std::time::Duration;

use super::child::{Child, Held};
use super::{Instant, State};
use crate::decide;
use crate::event::What;
use crate::fault::{Exit, Fault};
use crate::intensity::Verdict;
use crate::tree::Standing;

/// Who pays for a restart, and whether they could.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Charge {
    Paid,
    /// The child's own budget is spent.
    Tripped,
    /// The supervisor's is.
    Broke,
}

impl State {
    /// Restarts a child that failed, at once if it has no back-off.
    pub(super) async fn recover(&mut self, key: u64, exit: &Exit) -> Result<(), Fault> {
        let Some(index) = self.index_of(key) else { return Ok(()) };
        match self.prepare(index, exit).await? {
            None => Ok(()),
            Some(delay) if delay.is_zero() => self.start_group(key).await,
            Some(delay) => {
                self.schedule(key, delay);
                Ok(())
            }
        }
    }

    /// A wait is over.
    pub(super) async fn due(&mut self, key: u64, generation: u64) -> Result<(), Fault> {
        let due = |child: &Child| child.key == key && child.is_due(generation);
        if self.children.iter().any(due) { self.start_group(key).await } else { Ok(()) }
    }

    pub(super) fn schedule(&mut self, key: u64, delay: Duration) {
        if let Some(index) = self.index_of(key)
            && let Some(child) = self.children.get_mut(index)
        {
            child.wait(delay, &self.me);
        }
    }

    /// Pays for a restart and stops whom it touches. `None` when the child is tripped instead; else how
    /// long to wait.
    pub(super) async fn prepare(&mut self, index: usize, exit: &Exit) -> Result<Option<Duration>, Fault> {
        match self.charge(index).await {
            Charge::Paid => {}
            Charge::Tripped => {
                self.trip(index, exit).await;
                return Ok(None);
            }
            Charge::Broke => return Err(self.give_up(index, exit).await),
        }
        let plan = decide::plan(self.spec.strategy, index, &self.siblings());
        for &sibling in &plan.stop {
            if let Some(child) = self.children.get_mut(sibling) {
                child.stop().await;
            }
        }
        let mut delay = Duration::ZERO;
        for &sibling in &plan.start {
            let Some(child) = self.children.get_mut(sibling) else { continue };
            if sibling == index {
                delay = child.next_delay();
            }
            child.place.stand(Standing::Restarting);
        }
        for &sibling in plan.forget.iter().rev() {
            self.forget(sibling);
        }
        Ok(Some(delay))
    }

    /// Starts a failed child and those that were stopped for it. One that cannot start is a failure like
    /// any other, but its next try comes through the mailbox, so that others are heard in between.
    async fn start_group(&mut self, key: u64) -> Result<(), Fault> {
        while let Some(index) = self.index_of(key) {
            let Some((failed, exit)) = self.start_next(index).await else { return Ok(()) };
            let failed_key = self.children.get(failed).map(|child| child.key);
            if let Some(delay) = self.prepare(failed, &exit).await?
                && let Some(failed_key) = failed_key
            {
                self.schedule(failed_key, delay);
                return Ok(());
            }
            // It is tripped and held now; the rest of the group still gets its start.
        }
        Ok(())
    }

    /// Starts all of the group that is down, up to the first that cannot.
    async fn start_next(&mut self, index: usize) -> Option<(usize, Exit)> {
        let plan = decide::plan(self.spec.strategy, index, &self.siblings());
        for sibling in plan.start {
            let Some(child) = self.children.get_mut(sibling) else { continue };
            if child.incarnation().is_some() || child.held.is_some() {
                continue;
            }
            if let Err(exit) = child.start(&self.me).await {
                return Some((sibling, exit));
            }
        }
        None
    }

    async fn charge(&mut self, index: usize) -> Charge {
        if let Some(purse) = self.children.get_mut(index).and_then(|child| child.purse.as_mut()) {
            return if purse.spend().await { Charge::Paid } else { Charge::Tripped };
        }
        if self.window.spend(Instant::now()) == Verdict::Escalate {
            return Charge::Broke;
        }
        match &mut self.purse {
            None => Charge::Paid,
            Some(purse) => {
                if purse.spend().await {
                    Charge::Paid
                } else {
                    Charge::Broke
                }
            }
        }
    }

    async fn trip(&mut self, index: usize, exit: &Exit) {
        let Some(child) = self.children.get_mut(index) else { return };
        let why = exit.to_string();
        child.hold(Held::Tripped, Standing::Tripped);
        if let Some(purse) = &child.purse {
            purse.trip(&why).await;
        }
        child.place.emit(What::Tripped { why });
    }

    async fn give_up(&mut self, index: usize, exit: &Exit) -> Fault {
        let name = self.children.get(index).map_or("", |child| child.spec.name.as_str());
        let why = format!("restarts are spent; last: {name}: {exit}");
        self.place.emit(What::GaveUp { why: why.clone() });
        self.stop_all().await;
        Fault::escalated(why)
    }
}
