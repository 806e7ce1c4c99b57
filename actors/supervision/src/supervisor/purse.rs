//! The restarts that a child, or a supervisor, has taken out of its durable budget.
//!
//! Only ever holds what the store has already recorded as spent. The supervisor never waits for a debit:
//! what the store has ready is used at once, anything else comes back as a message. A store that refuses
//! or does not answer in time grants nothing. What it records after the budget was given back is known by
//! its generation and not used: such restarts are lost, which errs on the safe side.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::SupMsg;
use crate::budget::{Budget, BudgetError, BudgetStanding, BudgetStore};
use crate::event::What;
use crate::fault::Fault;
use crate::handle::Handle;
use crate::tree::Place;

/// How long the store may take for one answer.
const STORE_WITHIN: Duration = Duration::from_secs(5);

/// How many blocks a debit may be ahead of restarts that come faster than the store records.
const BLOCKS_AHEAD: u32 = 4;

/// What the store says.
pub(crate) type Answer<T> = Result<T, String>;
type Asked<T> = BoxFuture<'static, Result<T, BudgetError>>;

/// Whether a restart is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pay {
    /// Recorded as spent.
    Paid,
    /// The store is asked; its answer comes as a message.
    Later,
    /// Nothing is left, or the store refused.
    Empty,
}

/// How many restarts a debit has to be ahead of, so that nobody waits for the next.
#[derive(Default)]
struct Pace {
    /// Used since the debit that is under way was asked for.
    used: u32,
    /// Somebody had to wait for it: more would have been used.
    dry: bool,
    /// What may be used until the next is recorded.
    ahead: u32,
}

impl Pace {
    /// A debit is asked for.
    fn begin(&mut self) {
        (self.used, self.dry) = (0, false);
    }

    /// It is recorded. `block` bounds how far ahead the next may be, and with it what a kill loses.
    fn end(&mut self, block: u32) {
        let used = if self.dry { self.used.saturating_mul(2) } else { self.used };
        self.ahead = used.min(block.saturating_mul(BLOCKS_AHEAD));
    }
}

pub(crate) struct Purse {
    budget: Budget,
    place: Place,
    /// The child whose purse it is; `None` for the supervisor's own.
    owner: Option<u64>,
    /// Taken out and not used yet.
    left: u32,
    /// What the store has recorded as spent, as far as is known.
    spent: Option<u32>,
    /// A debit is under way. Shared with those who shall not get in its way.
    asked: Arc<AtomicBool>,
    /// How fast restarts come, in what was used while the last debit was recorded.
    pace: Pace,
    /// Unique in the tree, so that the answer to a supervisor that was killed means nothing to the next.
    generation: u64,
}

impl Purse {
    pub(crate) fn new(budget: Budget, place: Place, owner: Option<u64>) -> Self {
        let generation = place.tree.next_incarnation();
        place.node.tell(|story| story.budget_limit = Some(budget.restarts));
        Self {
            budget,
            place,
            owner,
            left: 0,
            spent: None,
            asked: Arc::default(),
            pace: Pace::default(),
            generation,
        }
    }

    /// Takes in how the budget stood before.
    pub(crate) fn begin(&mut self, standing: &BudgetStanding) {
        self.spent = Some(standing.spent);
        self.show();
    }

    /// Pays for one restart. `waiting` are those that wait for this purse, to be paid for with one debit.
    pub(crate) fn pay(&mut self, waiting: u32, supervisor: &Handle<SupMsg>) -> Pay {
        if self.left == 0 {
            self.draw(waiting, supervisor);
        }
        match (self.take(), self.is_asked()) {
            (true, _) => {
                if self.budget.block > 1 && self.left <= self.pace.ahead.max(self.budget.block / 2) {
                    // Those that wait are asked for at once, not a block at a time.
                    let waiting = waiting.saturating_sub(self.left);
                    self.draw(waiting.max(self.pace.ahead.saturating_mul(2)), supervisor);
                }
                Pay::Paid
            }
            (false, true) => {
                self.pace.dry = true;
                Pay::Later
            }
            (false, false) => Pay::Empty,
        }
    }

    /// Uses one restart that is already taken out, if there is one.
    pub(crate) fn take(&mut self) -> bool {
        let paid = self.left > 0;
        self.left = self.left.saturating_sub(1);
        self.pace.used = self.pace.used.saturating_add(u32::from(paid));
        self.show();
        paid
    }

    /// Asks the store for more, unless it is asked already or known to have none.
    fn draw(&mut self, waiting: u32, supervisor: &Handle<SupMsg>) {
        let (want, limit) = (self.budget.block.max(waiting).max(1), self.budget.restarts);
        if self.is_asked() || self.spent.is_some_and(|spent| spent >= limit) {
            return;
        }
        self.asked.store(true, Ordering::Relaxed);
        self.pace.begin();
        let (owner, generation) = (self.owner, self.generation);
        let debit = store(&self.place).debit(self.key(), want, limit, self.place.tree.now_ms());
        let later = move |answer| SupMsg::Granted { owner, generation, answer };
        if let Some(answer) = ask_beside(debit, supervisor, later) {
            self.granted(generation, &answer);
        }
    }

    /// A debit was answered. `false` if it is not the one that counts.
    pub(crate) fn granted(&mut self, generation: u64, answer: &Answer<u32>) -> bool {
        if generation != self.generation {
            return false;
        }
        self.asked.store(false, Ordering::Relaxed);
        self.pace.end(self.budget.block);
        match answer {
            Ok(0) => self.spent = Some(self.budget.restarts),
            Ok(granted) => {
                self.left = self.left.saturating_add(*granted);
                self.spent = Some(self.spent.unwrap_or(0).saturating_add(*granted));
            }
            Err(why) => self.place.emit(What::BudgetFailed { why: why.clone() }),
        }
        self.show();
        true
    }

    /// Records that it is spent, and why. The answer, if the store has it at once.
    pub(crate) fn trip(
        &self,
        why: &str,
        supervisor: &Handle<SupMsg>,
        later: impl FnOnce(Answer<()>) -> SupMsg + Send + 'static,
    ) -> Option<Answer<()>> {
        let trip = store(&self.place).trip(self.key(), why, self.place.tree.now_ms());
        ask_beside(trip, supervisor, later)
    }

    /// The whole budget again. Costs nothing when none of it is spent, so that each piece of work can
    /// say that it is done.
    pub(crate) async fn give_back(&mut self, tripped: bool) -> Answer<()> {
        if self.spent == Some(0) && !self.is_asked() && !tripped {
            return Ok(());
        }
        ask(&self.place, store(&self.place).give_back(self.key())).await?;
        (self.left, self.spent) = (0, Some(0));
        self.asked.store(false, Ordering::Relaxed);
        self.generation = self.place.tree.next_incarnation();
        self.show();
        Ok(())
    }

    /// Puts back what was not used.
    pub(crate) fn refund(&mut self) -> impl Future<Output = ()> + use<> {
        let unused = std::mem::take(&mut self.left);
        let place = self.place.clone();
        self.spent = self.spent.map(|spent| spent.saturating_sub(unused));
        self.show();
        async move {
            if unused > 0 {
                let refund = store(&place).refund(&place.node.path, unused);
                // Failed, they are lost, which errs on the safe side.
                drop(ask(&place, refund).await);
            }
        }
    }

    /// Whether a debit is under way, now and later.
    pub(crate) fn debit(&self) -> Arc<AtomicBool> {
        self.asked.clone()
    }

    fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    fn key(&self) -> &str {
        &self.place.node.path
    }

    fn show(&self) {
        let left = self.spent.map(|spent| self.budget.restarts.saturating_sub(spent) + self.left);
        self.place.node.tell(|story| (story.budget_spent, story.budget_left) = (self.spent, left));
    }
}

pub(crate) fn store(place: &Place) -> &dyn BudgetStore {
    &*place.tree.inner.seams.budgets
}

/// Waits for the store, in bounds; tells the sink when it fails.
pub(crate) async fn ask<T>(place: &Place, mut asked: Asked<T>) -> Answer<T> {
    let answer = match (&mut asked).now_or_never() {
        Some(answer) => answer.map_err(in_words),
        None => in_bounds(asked).await,
    };
    if let Err(why) = &answer {
        place.emit(What::BudgetFailed { why: why.clone() });
    }
    answer
}

/// Asks the store without waiting for it: what it has ready is given back, else `later` goes to the
/// supervisor, whatever happens.
fn ask_beside<T: Send + 'static>(
    mut asked: Asked<T>,
    supervisor: &Handle<SupMsg>,
    later: impl FnOnce(Answer<T>) -> SupMsg + Send + 'static,
) -> Option<Answer<T>> {
    if let Some(answer) = (&mut asked).now_or_never() {
        return Some(answer.map_err(in_words));
    }
    let supervisor = supervisor.clone();
    tokio::spawn(async move { supervisor.push(later(in_bounds(asked).await)) });
    None
}

/// The store's answer, or what there is to say when there is none in time.
pub(crate) async fn in_bounds<T>(asked: Asked<T>) -> Answer<T> {
    match tokio::time::timeout(STORE_WITHIN, AssertUnwindSafe(asked).catch_unwind()).await {
        Ok(Ok(answer)) => answer.map_err(in_words),
        Ok(Err(_)) => Err("the store panicked".to_owned()),
        Err(_) => Err("the store did not answer in time".to_owned()),
    }
}

fn in_words(error: BudgetError) -> String {
    Fault::from(error).reason
}
