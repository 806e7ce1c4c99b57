//! The restarts that a child, or a supervisor, has taken out of its durable budget.
//!
//! Only ever holds what the store has already recorded as spent. A store that does not answer in time
//! grants nothing.

use std::future::Future;
use std::time::Duration;

use crate::budget::{Budget, BudgetError};
use crate::event::What;
use crate::tree::{Place, Standing};

/// How long the store may take for one answer.
const STORE_WITHIN: Duration = Duration::from_secs(5);

pub(crate) struct Purse {
    budget: Budget,
    place: Place,
    /// Taken out and not used yet.
    left: u32,
}

impl Purse {
    pub(crate) fn new(budget: Budget, place: Place) -> Self {
        Self { budget, place, left: 0 }
    }

    /// Why it is tripped since an earlier life; `None` if it is not.
    pub(crate) async fn tripped_before(&self) -> Option<String> {
        match self.ask(self.store().standing(self.key())).await {
            Ok(standing) => {
                self.place.node.tell(|story| story.budget_spent = Some(standing.spent));
                standing.tripped.map(|(why, _)| why)
            }
            Err(why) => Some(why),
        }
    }

    /// Pays for one restart. `false` when there is none left, or none could be recorded.
    pub(crate) async fn spend(&mut self) -> bool {
        if self.left == 0 {
            let (want, limit) = (self.budget.block.max(1), self.budget.restarts);
            let debit = self.store().debit(self.key(), want, limit, self.place.tree.now_ms());
            self.left = self.ask(debit).await.unwrap_or(0);
            let granted = self.left;
            self.place.node.tell(|story| {
                story.budget_spent = Some(story.budget_spent.unwrap_or(0) + granted);
            });
        }
        let paid = self.left > 0;
        self.left = self.left.saturating_sub(1);
        paid
    }

    /// Records that it is spent, and why.
    pub(crate) async fn trip(&self, why: &str) {
        let trip = self.store().trip(self.key(), why, self.place.tree.now_ms());
        // Failed, it is tripped in this life all the same; the sink has been told.
        drop(self.ask(trip).await);
    }

    /// The whole budget again. Costs nothing when none of it is spent, so that each piece of work can
    /// say that it is done.
    pub(crate) async fn give_back(&mut self) -> Result<(), String> {
        let mut whole = false;
        self.place.node.tell(|story| {
            whole = story.budget_spent == Some(0) && story.standing != Standing::Tripped;
        });
        if whole {
            return Ok(());
        }
        self.ask(self.store().give_back(self.key())).await?;
        self.left = 0;
        self.place.node.tell(|story| story.budget_spent = Some(0));
        Ok(())
    }

    /// Puts back what was not used.
    pub(crate) async fn refund(&mut self) {
        let unused = std::mem::take(&mut self.left);
        if unused > 0 {
            // Failed, they are lost, which errs on the safe side.
            drop(self.ask(self.store().refund(self.key(), unused)).await);
        }
    }

    fn key(&self) -> &str {
        &self.place.node.path
    }

    fn store(&self) -> &dyn crate::budget::BudgetStore {
        &*self.place.tree.inner.seams.budgets
    }

    /// Waits for the store, in bounds; tells the sink when it fails.
    async fn ask<T>(&self, answer: impl Future<Output = Result<T, BudgetError>>) -> Result<T, String> {
        let why = match tokio::time::timeout(STORE_WITHIN, answer).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => crate::fault::Fault::from(error).reason,
            Err(_) => "the store did not answer in time".to_owned(),
        };
        self.place.emit(What::BudgetFailed { why: why.clone() });
        Err(why)
    }
}
