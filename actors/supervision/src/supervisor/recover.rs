//! From a failure to the next incarnation: pay, stop whom the strategy says, wait, start.
//!
//! With a restart left in the purse and no back-off all of it happens in the handling of one message. Else
//! the child stands `restarting` until its debit is recorded and its wait is over; siblings stopped for
//! it follow it. One that will not come after all (tripped, stopped or removed meanwhile) leaves them
//! behind: they start without it.

use std::time::Duration;

use super::child::{Child, Held};
use super::history::restarted;
use super::purse::{Answer, Pay};
use super::wait::milliseconds;
use super::{Instant, State, SupMsg};
use crate::decide::Strategy;
use crate::event::What;
use crate::fault::{Exit, Fault};
use crate::intensity::Verdict;
use crate::tree::Standing;

/// Who pays for a restart, and whether they could.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Charge {
    Paid,
    /// The debit is not recorded yet.
    Later,
    /// The child's own budget is spent.
    Tripped,
    /// The supervisor's is.
    Broke,
}

/// What follows from a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Paid for; it starts after this wait.
    Start(Duration),
    /// It waits for its debit.
    Debit,
    /// It stays down.
    Never,
}

impl State {
    /// Restarts a child that failed, at once if it is paid for and has no back-off.
    pub(super) async fn recover(&mut self, key: u64, exit: &Exit) -> Result<(), Fault> {
        let Some(index) = self.index_of(key) else { return Ok(()) };
        match self.prepare(index, exit).await? {
            Next::Start(delay) if delay.is_zero() => self.start_group(key).await,
            Next::Start(delay) => {
                self.schedule(key, delay);
                Ok(())
            }
            Next::Debit | Next::Never => Ok(()),
        }
    }

    /// A wait is over.
    pub(super) async fn due(&mut self, key: u64, generation: u64) -> Result<(), Fault> {
        let due = self.child(key).is_some_and(|child| child.is_due(generation));
        if due { self.start_group(key).await } else { Ok(()) }
    }

    /// The store has answered a debit of the child `owner`, or of the supervisor itself.
    pub(super) async fn granted(
        &mut self,
        owner: Option<u64>,
        generation: u64,
        answer: Answer<u32>,
    ) -> Result<(), Fault> {
        let purse = match owner {
            None => self.purse.as_mut(),
            Some(key) => self.child(key).and_then(|child| child.purse.as_mut()),
        };
        if !purse.is_some_and(|purse| purse.granted(generation, &answer)) {
            return Ok(());
        }
        let refused = !answer.is_ok_and(|granted| granted > 0);
        self.settle(owner, refused).await
    }

    /// Lets those go on for whom `owner` has a restart now. Who gets none is tripped, or the supervisor
    /// gives up; unless the store was not `refused` and may be asked again.
    pub(super) async fn settle(&mut self, owner: Option<u64>, refused: bool) -> Result<(), Fault> {
        let mut keys = self.awaiting(owner);
        keys.reverse();
        while let Some(key) = keys.pop() {
            let waiting = u32::try_from(keys.len()).unwrap_or(u32::MAX).saturating_add(1);
            let why = self.child(key).and_then(|child| child.awaits_debit().map(str::to_owned));
            let Some((why, index)) = why.zip(self.index_of(key)) else { continue };
            let pay = match self.payer(index) {
                Some(purse) if refused => {
                    if purse.take() {
                        Pay::Paid
                    } else {
                        Pay::Empty
                    }
                }
                _ => self.pay(index, waiting),
            };
            match (pay, owner) {
                (Pay::Later, _) => break,
                (Pay::Paid, _) => self.proceed(key).await?,
                (Pay::Empty, Some(_)) => self.trip(index, &why),
                (Pay::Empty, None) => return Err(self.give_up(index, &why).await),
            }
        }
        self.start_left_behind().await
    }

    /// The debit is recorded: the rest of the back-off, then the start.
    async fn proceed(&mut self, key: u64) -> Result<(), Fault> {
        match self.child(key).and_then(Child::debit_recorded) {
            None => Ok(()),
            Some(left) if left.is_zero() => self.start_group(key).await,
            Some(left) => {
                self.schedule(key, left);
                Ok(())
            }
        }
    }

    pub(super) fn schedule(&mut self, key: u64, delay: Duration) {
        let me = self.me.clone();
        if let Some(child) = self.child(key) {
            child.wait(delay, &me);
        }
    }

    /// Pays for a restart, or asks for it, and stops whom it touches.
    pub(super) async fn prepare(&mut self, index: usize, exit: &Exit) -> Result<Next, Fault> {
        let charge = self.charge(index);
        match charge {
            Charge::Paid | Charge::Later => {}
            Charge::Tripped => {
                self.note(index, exit, Duration::ZERO);
                self.trip(index, &exit.to_string());
                return Ok(Next::Never);
            }
            Charge::Broke => {
                self.note(index, exit, Duration::ZERO);
                return Err(self.give_up(index, &exit.to_string()).await);
            }
        }
        let key = self.children.get(index).map(|child| child.key);
        let plan = self.plan(index);
        for &sibling in &plan.stop {
            if let Some(child) = self.children.get_mut(sibling) {
                child.stop().await;
                child.follows = key;
            }
        }
        let mut delay = Duration::ZERO;
        for &sibling in &plan.start {
            let Some(child) = self.children.get_mut(sibling) else { continue };
            if sibling == index {
                delay = child.next_delay();
            } else if child.follows.is_some() {
                child.follows = key;
            }
            child.place.stand(Standing::Restarting);
        }
        self.note(index, exit, delay);
        if charge == Charge::Later
            && let Some(child) = self.children.get_mut(index)
        {
            child.wait_for_debit(delay, exit.to_string());
        }
        for &sibling in plan.forget.iter().rev() {
            self.forget(sibling);
        }
        Ok(if charge == Charge::Paid { Next::Start(delay) } else { Next::Debit })
    }

    /// Starts a failed child and those that were stopped for it. One that cannot start is a failure like
    /// any other, but its next try comes through the mailbox, so that others are heard in between.
    async fn start_group(&mut self, key: u64) -> Result<(), Fault> {
        while let Some(index) = self.index_of(key) {
            let Some((failed, exit)) = self.start_next(index).await else { return Ok(()) };
            let failed_key = self.children.get(failed).map(|child| child.key);
            match (self.prepare(failed, &exit).await?, failed_key) {
                (Next::Start(delay), Some(failed_key)) => {
                    self.schedule(failed_key, delay);
                    return Ok(());
                }
                (Next::Debit, _) => return Ok(()),
                // It is tripped and held now; the rest of the group still gets its start.
                (Next::Never, _) | (Next::Start(_), None) => {}
            }
        }
        Ok(())
    }

    /// Starts all of the group that is down, up to the first that cannot, or may not before its own debit
    /// is recorded: those after it follow that one then.
    async fn start_next(&mut self, index: usize) -> Option<(usize, Exit)> {
        let plan = self.plan(index);
        let mut leader = None;
        for sibling in plan.start {
            let Some(child) = self.children.get_mut(sibling) else { continue };
            if child.incarnation().is_some() || child.held.is_some() {
                continue;
            }
            if leader.is_some() {
                child.follows = leader;
            } else if child.awaits_debit().is_some() {
                leader = Some(child.key);
            } else if let Err(exit) = self.start(sibling).await {
                return Some((sibling, exit));
            }
        }
        None
    }

    /// Starts those whose leader is not coming.
    pub(super) async fn start_left_behind(&mut self) -> Result<(), Fault> {
        while let Some(index) = self.left_behind() {
            let Some(key) = self.children.get(index).map(|child| child.key) else { return Ok(()) };
            if let Err(exit) = self.start(index).await {
                self.recover(key, &exit).await?;
            }
        }
        Ok(())
    }

    fn left_behind(&self) -> Option<usize> {
        if self.spec.strategy == Strategy::OneForOne {
            return None;
        }
        let comes = |key| self.children.iter().any(|child| child.key == key && child.is_waiting());
        self.children.iter().position(|child| child.follows.is_some_and(|leader| !comes(leader)))
    }

    fn charge(&mut self, index: usize) -> Charge {
        let own = self.children.get(index).is_some_and(|child| child.purse.is_some());
        if !own && self.window.spend(Instant::now()) == Verdict::Escalate {
            return Charge::Broke;
        }
        match (self.pay(index, 1), own) {
            (Pay::Paid, _) => Charge::Paid,
            (Pay::Later, _) => Charge::Later,
            (Pay::Empty, true) => Charge::Tripped,
            (Pay::Empty, false) => Charge::Broke,
        }
    }

    fn pay(&mut self, index: usize, waiting: u32) -> Pay {
        let me = self.me.clone();
        self.payer(index).map_or(Pay::Paid, |purse| purse.pay(waiting, &me))
    }

    pub(super) fn trip(&mut self, index: usize, why: &str) {
        let Some(child) = self.children.get_mut(index) else { return };
        self.history.hurry();
        child.hold(Held::Tripped, why);
        child.tripped = Some(why.to_owned());
        let (key, why) = (child.key, why.to_owned());
        let Some(purse) = &child.purse else { return };
        let (done, tripping) = tokio::sync::oneshot::channel();
        child.tripping = Some(tripping);
        let said = why.clone();
        let later = move |answer: Answer<()>| {
            drop(done);
            SupMsg::Tripped { key, why: said, failed: answer.err() }
        };
        if let Some(answer) = purse.trip(&why, &self.me, later) {
            self.tripped(key, why, answer.err());
        }
    }

    /// The trip is recorded, or could not be: then it is tripped in this life all the same.
    pub(super) fn tripped(&mut self, key: u64, why: String, failed: Option<String>) {
        let Some(child) = self.child(key) else { return };
        if let Some(why) = failed {
            child.place.emit(What::BudgetFailed { why });
        }
        child.place.emit(What::Tripped { why });
    }

    async fn give_up(&mut self, index: usize, why: &str) -> Fault {
        let name = self.children.get(index).map_or("", |child| child.spec.name.as_str());
        let why = format!("restarts are spent; last: {name}: {why}");
        self.place.emit(What::GaveUp { why: why.clone() });
        self.stop_all().await;
        Fault::escalated(why)
    }

    /// Keeps what failed for the store, if the child has a budget or its supervisor has.
    fn note(&mut self, index: usize, exit: &Exit, delay: Duration) {
        let now_ms = self.place.tree.now_ms();
        let next_ms = (!delay.is_zero()).then(|| now_ms.saturating_add(milliseconds(delay)));
        let Some(debit) = self.payer(index).map(|purse| purse.debit()) else { return };
        let Some(child) = self.children.get(index) else { return };
        let restarted = restarted(exit, now_ms, child.attempts, next_ms);
        self.history.note(child.key, &child.place, restarted, debit, &self.me);
    }
}
