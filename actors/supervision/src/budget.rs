//! Restart budgets that outlive the process.
//!
//! A child with a [`Budget`] of its own pays for its restarts itself: its crashes never count against
//! its supervisor. Restarts are taken out of the store in blocks that are recorded *before* the first of
//! them is used, so neither a crash loop nor a reboot refills them: what a dead process had taken and not
//! used is gone, which errs on the safe side. They come back only after proven work
//! ([`SupervisorHandle::proved`](crate::SupervisorHandle::proved)). A store that cannot record grants
//! nothing: the child then stays down, tripped.
//!
//! Beside what is spent a store keeps how a child came there ([`Restarted`]: the last failures, and all of
//! them counted by cause), the wait it was in, and whether an operator put it aside. The next life of the
//! process goes on from there.

use std::collections::BTreeMap;
use std::sync::Mutex;

use futures_util::future::BoxFuture;

use crate::sync::lock;

/// How often a child may be restarted until it has proved some work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Restarts in all.
    pub restarts: u32,
    /// How many are recorded at once, at least 1. With more than one the next block is fetched when half of
    /// it is used, so at most one and a half blocks are lost with a killed process. Where restarts come
    /// faster than a store records, more are fetched sooner: then it may be twelve.
    pub block: u32,
}

impl Budget {
    /// `restarts` in all, recorded one by one.
    #[must_use]
    pub const fn of(restarts: u32) -> Self {
        Self { restarts, block: 1 }
    }
}

/// Of how many failures of one child a store keeps the particulars; the counts by cause have all.
pub const RESTARTS_KEPT: usize = 32;
/// How many characters of a reason are kept.
pub const WHY_MAX: usize = 300;

/// How a child stands in the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BudgetStanding {
    /// Restarts taken out since work was last proved.
    pub spent: u32,
    /// Why and since when (milliseconds since 1970) it is tripped.
    pub tripped: Option<(String, i64)>,
    /// Why and since when (milliseconds since 1970) an operator put it aside. Proven work and a cleared
    /// budget do not end it.
    pub isolated: Option<(String, i64)>,
    /// Failures in a row at the last one recorded.
    pub attempt: u32,
    /// When the wait after that failure ends, milliseconds since 1970.
    pub next_try_ms: Option<i64>,
    /// The last failures, oldest first, at most [`RESTARTS_KEPT`].
    pub restarts: Vec<Restarted>,
    /// Every failure ever recorded, counted by [`Restarted::cause`], in the order of the words.
    pub by_cause: Vec<(String, u64)>,
}

/// One failure of a child, and what was to follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restarted {
    /// When it failed, milliseconds since 1970.
    pub at_ms: i64,
    /// The sort of failure in one word, see [`Exit::word`](crate::Exit::word).
    pub cause: String,
    /// The failure in words, at most [`WHY_MAX`] characters.
    pub why: String,
    /// Which failure in a row it was, from 1.
    pub attempt: u32,
    /// When it is tried again, milliseconds since 1970; `None` when it is not, or at once.
    pub next_try_ms: Option<i64>,
}

impl BudgetStanding {
    /// Takes in one more failure, as every store does.
    pub fn note(&mut self, restarted: Restarted) {
        self.attempt = restarted.attempt;
        self.next_try_ms = restarted.next_try_ms;
        match self.by_cause.binary_search_by(|(word, _)| word.cmp(&restarted.cause)) {
            Ok(at) => self.by_cause.get_mut(at).into_iter().for_each(|(_, times)| *times += 1),
            Err(at) => self.by_cause.insert(at, (restarted.cause.clone(), 1)),
        }
        self.restarts.push(restarted);
        let past = self.restarts.len().saturating_sub(RESTARTS_KEPT);
        self.restarts.drain(..past);
    }

    /// Makes the budget whole, as every store does: nothing is spent, it is not tripped, the next failure is
    /// the first. What happened, and an operator's isolation, stay.
    pub fn give_back(&mut self) {
        (self.spent, self.tripped, self.attempt, self.next_try_ms) = (0, None, 0, None);
    }
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

    /// Gives the whole budget back: after proven work, or by an operator. See
    /// [`BudgetStanding::give_back`] for what stays.
    fn give_back(&self, key: &str) -> BoxFuture<'static, Result<(), BudgetError>>;

    /// Records one failure and what follows from it ([`BudgetStanding::note`]). Written beside the restart;
    /// nobody waits for it. A store that keeps no history need not have it.
    fn note(&self, key: &str, restarted: Restarted) -> BoxFuture<'static, Result<(), BudgetError>> {
        let _ = (key, restarted);
        Box::pin(std::future::ready(Ok(())))
    }

    /// Records what several children went through, each of them once, their failures oldest first. Tries
    /// all of them and tells the first error. The default notes one failure after the other; a store that
    /// can record them in one change does.
    fn note_all(&self, notes: Vec<(String, Vec<Restarted>)>) -> BoxFuture<'static, Result<(), BudgetError>> {
        let each = notes.into_iter().flat_map(|(key, failures)| {
            failures.into_iter().map(|failure| self.note(&key, failure)).collect::<Vec<_>>()
        });
        let each: Vec<_> = each.collect();
        Box::pin(async move {
            let mut all = Ok(());
            for noted in each {
                all = all.and(noted.await);
            }
            all
        })
    }

    /// Records that an operator put the child aside, and why; `None` takes it back. The default records
    /// nothing: isolation then ends with the process.
    fn isolate(
        &self,
        key: &str,
        reason: Option<&str>,
        at_ms: i64,
    ) -> BoxFuture<'static, Result<(), BudgetError>> {
        let _ = (key, reason, at_ms);
        Box::pin(std::future::ready(Ok(())))
    }
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
        let standing = lock(&self.standings).get(key).cloned().unwrap_or_default();
        Box::pin(std::future::ready(Ok(standing)))
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
        self.change(key, BudgetStanding::give_back)
    }

    fn note(&self, key: &str, restarted: Restarted) -> BoxFuture<'static, Result<(), BudgetError>> {
        self.change(key, |standing| standing.note(restarted))
    }

    fn isolate(
        &self,
        key: &str,
        reason: Option<&str>,
        at_ms: i64,
    ) -> BoxFuture<'static, Result<(), BudgetError>> {
        self.change(key, |standing| standing.isolated = reason.map(|reason| (reason.to_owned(), at_ms)))
    }
}
