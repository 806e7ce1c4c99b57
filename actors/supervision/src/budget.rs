//! Restart budgets that outlive the process.
//!
//! A child with a [`Budget`] of its own pays for its restarts itself: its crashes never count against
//! its supervisor. Restarts are taken out of the store in blocks that are recorded *before* the first of
//! them is used, so neither a crash loop nor a reboot refills them: what a dead process had taken and not
//! used is gone, which errs on the safe side. They come back only after proven work
//! ([`SupervisorHandle::proved`](crate::SupervisorHandle::proved)). A store that cannot record grants
//! nothing: the child then stays down, tripped.

use std::collections::BTreeMap;
use std::sync::Mutex;

use futures_util::future::BoxFuture;

use crate::sync::lock;

/// How often a child may be restarted until it has proved some work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Restarts in all.
    pub restarts: u32,
    /// How many are recorded at once; at most so many are lost with a killed process. At least 1.
    pub block: u32,
}

impl Budget {
    /// `restarts` in all, recorded one by one.
    #[must_use]
    pub const fn of(restarts: u32) -> Self {
        Self { restarts, block: 1 }
    }
}

/// How a budget stands in the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BudgetStanding {
    /// Restarts taken out since work was last proved.
    pub spent: u32,
    /// Why and since when (milliseconds since 1970) it is tripped.
    pub tripped: Option<(String, i64)>,
}

/// The store could not read or record a budget.
#[derive(Debug, thiserror::Error)]
#[error("could not record the restart budget of `{key}`")]
pub struct BudgetError {
    /// Whose budget.
    pub key: String,
    /// What the store said.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Where budgets live. Every answer but `standing` means: recorded, and will be there after `kill -9`.
/// The key is the child's path.
pub trait BudgetStore: Send + Sync + 'static {
    /// How the budget stands; all zero for a key never seen.
    fn standing(&self, key: &str) -> BoxFuture<'static, Result<BudgetStanding, BudgetError>>;

    /// Takes up to `want` restarts out of `limit` and says how many it granted; 0 when none are left.
    fn debit(
        &self,
        key: &str,
        want: u32,
        limit: u32,
        at_ms: i64,
    ) -> BoxFuture<'static, Result<u32, BudgetError>>;

    /// Puts back restarts that were taken out and not used (at an ordered stop).
    fn refund(&self, key: &str, unused: u32) -> BoxFuture<'static, Result<(), BudgetError>>;

    /// Records that the budget is tripped, and why.
    fn trip(&self, key: &str, why: &str, at_ms: i64) -> BoxFuture<'static, Result<(), BudgetError>>;

    /// Gives the whole budget back: after proven work, or by an operator.
    fn give_back(&self, key: &str) -> BoxFuture<'static, Result<(), BudgetError>>;
}

/// Budgets in memory, for tests, and for machines that need none.
#[derive(Debug, Default)]
pub struct MemoryBudgets {
    standings: Mutex<BTreeMap<String, BudgetStanding>>,
}

impl MemoryBudgets {
    fn change<T: Send + 'static>(
        &self,
        key: &str,
        change: impl FnOnce(&mut BudgetStanding) -> T,
    ) -> BoxFuture<'static, Result<T, BudgetError>> {
        let answer = change(lock(&self.standings).entry(key.to_owned()).or_default());
        Box::pin(std::future::ready(Ok(answer)))
    }
}

impl BudgetStore for MemoryBudgets {
    fn standing(&self, key: &str) -> BoxFuture<'static, Result<BudgetStanding, BudgetError>> {
        self.change(key, |standing| standing.clone())
    }

    fn debit(
        &self,
        key: &str,
        want: u32,
        limit: u32,
        _at_ms: i64,
    ) -> BoxFuture<'static, Result<u32, BudgetError>> {
        self.change(key, |standing| {
            let granted = want.min(limit.saturating_sub(standing.spent));
            standing.spent += granted;
            granted
        })
    }

    fn refund(&self, key: &str, unused: u32) -> BoxFuture<'static, Result<(), BudgetError>> {
        self.change(key, |standing| standing.spent = standing.spent.saturating_sub(unused))
    }

    fn trip(&self, key: &str, why: &str, at_ms: i64) -> BoxFuture<'static, Result<(), BudgetError>> {
        self.change(key, |standing| standing.tripped = Some((why.to_owned(), at_ms)))
    }

    fn give_back(&self, key: &str) -> BoxFuture<'static, Result<(), BudgetError>> {
        self.change(key, |standing| *standing = BudgetStanding::default())
    }
}
