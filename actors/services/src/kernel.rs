//! The kernel's own restart budget, in the small file beside the store.
//!
//! The supervisor's intensity is for one life of the process; this budget is for all of them. Every
//! restart of the kernel's children is written down before it happens, so killing the process refills
//! nothing, and it stands beside the store so that it is known where the store is not. It comes back
//! after proven work ([`crate::tree::Services::look_after_kernel`]) or by an operator's word. When it is
//! spent the machine starts in safe mode.
//!
//! It touches that file alone. A file that cannot be written grants nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use mm_store::{BootBook, Boots, DirError};
use mm_supervision::{Budget, BudgetError, BudgetStanding, BudgetStore, Event, Exit, Restarted, What};
use serde::{Deserialize, Serialize};

use crate::budgets::StoredBudgets;

/// The kernel's name, which is its path as well.
pub const KERNEL: &str = "kernel";
/// Restarts of the kernel's children until work is proved: twice what one life may spend in a minute,
/// so that one bad minute is survived and a second in a row is not tried a third time.
pub const RESTARTS: u32 = 20;

/// As the kernel's supervisor takes it.
pub(crate) const BUDGET: Budget = Budget { restarts: RESTARTS, block: 1 };

/// What was spent, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct KernelBudget {
    /// Restarts since work was last proved.
    pub spent: u32,
    /// By the path of the child that failed.
    pub by_child: BTreeMap<String, u32>,
    /// The path of the last that failed, and how.
    pub last: Option<(String, String)>,
}

impl KernelBudget {
    /// As it stands in what is known of boots. What does not open counts as nothing spent, as the file
    /// itself does.
    pub fn of(boots: &Boots) -> Self {
        Self::parse(boots.kernel_budget.as_deref())
    }

    fn parse(text: Option<&str>) -> Self {
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// Whether nothing is left.
    pub fn is_spent(&self) -> bool {
        self.spent >= RESTARTS
    }

    /// Who spent the most of it, and how often.
    pub fn culprit(&self) -> Option<(&str, u32)> {
        let most = self.by_child.iter().max_by_key(|(_, times)| **times);
        most.map(|(path, times)| (path.as_str(), *times))
    }

    /// One sentence: how much is spent, by whom, and the last failure.
    pub fn sentence(&self) -> String {
        let of = format!("{} of the kernel's {RESTARTS} restarts are spent", self.spent);
        let who = self.culprit().map(|(path, times)| format!(", {times} of them on {path}"));
        let last = self.last.as_ref().map(|(path, why)| format!("; the last failure: {path}: {why}"));
        format!("{of}{}{}", who.unwrap_or_default(), last.unwrap_or_default())
    }
}

/// Every restart budget of a machine: the kernel's in the file, the others in the store.
#[derive(Clone)]
pub struct Budgets {
    rows: Arc<StoredBudgets>,
    book: BootBook,
    /// The kernel's child that failed last, and how: whom the next debit is for.
    failed: Arc<Mutex<Option<(String, String)>>>,
}

type Answer<T> = BoxFuture<'static, Result<T, BudgetError>>;

impl Budgets {
    /// Those of `rows`, and the kernel's in `book`.
    pub fn new(rows: Arc<StoredBudgets>, book: BootBook) -> Self {
        Self { rows, book, failed: Arc::default() }
    }

    /// What is known of boots.
    pub fn book(&self) -> &BootBook {
        &self.book
    }

    /// The kernel's, as it stands.
    pub fn kernel(&self) -> KernelBudget {
        KernelBudget::of(&self.book.read())
    }

    /// Remembers which of the kernel's children failed, and how.
    pub fn watch(&self, event: &Event) {
        let What::Exited { exit: exit @ (Exit::Failed(_) | Exit::Panicked(_) | Exit::Killed) } = &event.what
        else {
            return;
        };
        let child = event.path.strip_prefix(KERNEL).and_then(|rest| rest.strip_prefix('/'));
        if child.is_some_and(|child| !child.contains('/')) {
            let why: String = exit.to_string().chars().take(300).collect();
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some((event.path.to_string(), why));
        }
    }

    /// Changes the kernel's budget, durably.
    fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut KernelBudget) -> T + Send + 'static,
    ) -> Answer<T> {
        let book = self.book.clone();
        let changed = move || -> Result<T, DirError> {
            book.change_kernel_budget(|kept| {
                let before = KernelBudget::parse(kept.as_deref());
                let mut budget = before.clone();
                let answer = change(&mut budget);
                if budget != before {
                    let text = serde_json::to_string(&budget).expect("plain fields have a JSON form");
                    *kept = Some(text);
                }
                answer
            })
        };
        let wrong =
            |source: Box<dyn std::error::Error + Send + Sync>| BudgetError { key: KERNEL.to_owned(), source };
        if !self.book.is_durable() {
            return Box::pin(std::future::ready(changed().map_err(|error| wrong(error.into()))));
        }
        // Syncing a file takes as long as the disk likes.
        Box::pin(async move {
            match tokio::task::spawn_blocking(changed).await {
                Ok(answer) => answer.map_err(|error| wrong(error.into())),
                Err(error) => Err(wrong(error.into())),
            }
        })
    }
}

impl BudgetStore for Budgets {
    fn standing(&self, key: &str) -> Answer<BudgetStanding> {
        if key != KERNEL {
            return self.rows.standing(key);
        }
        self.change(|budget| BudgetStanding { spent: budget.spent, ..BudgetStanding::default() })
    }

    fn debit(&self, key: &str, want: u32, limit: u32, at_ms: i64) -> Answer<u32> {
        if key != KERNEL {
            return self.rows.debit(key, want, limit, at_ms);
        }
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.change(move |budget| {
            let granted = want.min(limit.saturating_sub(budget.spent));
            budget.spent += granted;
            if let Some((path, why)) = failed {
                *budget.by_child.entry(path.clone()).or_default() += granted;
                budget.last = Some((path, why));
            }
            granted
        })
    }

    fn refund(&self, key: &str, unused: u32) -> Answer<()> {
        if key != KERNEL {
            return self.rows.refund(key, unused);
        }
        self.change(move |budget| budget.spent = budget.spent.saturating_sub(unused))
    }

    fn trip(&self, key: &str, why: &str, at_ms: i64) -> Answer<()> {
        if key != KERNEL {
            return self.rows.trip(key, why, at_ms);
        }
        // Spent is spent: it needs no mark of its own.
        Box::pin(std::future::ready(Ok(())))
    }

    fn give_back(&self, key: &str) -> Answer<()> {
        if key != KERNEL {
            return self.rows.give_back(key);
        }
        self.change(|budget| *budget = KernelBudget::default())
    }

    fn note(&self, key: &str, restarted: Restarted) -> Answer<()> {
        self.rows.note(key, restarted)
    }

    fn note_all(&self, notes: Vec<(String, Vec<Restarted>)>) -> Answer<()> {
        self.rows.note_all(notes)
    }

    fn isolate(&self, key: &str, reason: Option<&str>, at_ms: i64) -> Answer<()> {
        self.rows.isolate(key, reason, at_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(path: &str, why: &str) -> Event {
        let exit = Exit::Panicked(why.to_owned());
        Event { at_ms: 1, path: path.into(), what: What::Exited { exit } }
    }

    #[tokio::test]
    async fn what_is_spent_outlives_the_process_and_names_who_spent_it() {
        let memory = mm_store::SharedMemory::new();
        let dir = tempfile::tempdir().expect("a directory");
        let life = || {
            let options =
                mm_store::Options::in_memory(memory.clone(), Arc::new(crate::testing::Seeded::new(7)));
            let store = mm_store::Store::open(options).expect("a store");
            Budgets::new(StoredBudgets::new(store), BootBook::in_dir(dir.path()))
        };
        for n in 0..RESTARTS {
            // A life for each: nothing but the file remembers.
            let budgets = life();
            memory.restart();
            let path = if n % 4 == 0 { "kernel/books" } else { "kernel/limiter" };
            budgets.watch(&failed(path, "out of luck"));
            // Below a child that pays for itself: none of the kernel's.
            budgets.watch(&failed("kernel/strategies/default/x", "not this"));
            assert_eq!(budgets.debit(KERNEL, 1, RESTARTS, 1).await.expect("recorded"), 1);
        }
        let budgets = life();
        assert_eq!(budgets.debit(KERNEL, 1, RESTARTS, 1).await.expect("recorded"), 0);
        assert!(budgets.kernel().is_spent());
        assert_eq!(
            budgets.kernel().sentence(),
            "20 of the kernel's 20 restarts are spent, 15 of them on kernel/limiter; the last failure: \
             kernel/limiter: panicked: out of luck"
        );
        budgets.give_back(KERNEL).await.expect("recorded");
        assert_eq!(budgets.kernel(), KernelBudget::default());
    }

    /// Whoever asks at the same time: no more is granted than there is, and nothing is forgotten.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn debits_at_once_grant_what_there_is_and_no_more() {
        let dir = tempfile::tempdir().expect("a directory");
        let options = mm_store::Options::in_memory(
            mm_store::SharedMemory::new(),
            Arc::new(crate::testing::Seeded::new(7)),
        );
        let store = mm_store::Store::open(options).expect("a store");
        let budgets = Budgets::new(StoredBudgets::new(store), BootBook::in_dir(dir.path()));
        let debits: Vec<_> =
            (0..2 * RESTARTS).map(|_| tokio::spawn(budgets.debit(KERNEL, 1, RESTARTS, 1))).collect();
        let mut granted = 0;
        for debit in debits {
            granted += debit.await.expect("it ended").expect("recorded");
        }
        assert_eq!((granted, budgets.kernel().spent), (RESTARTS, RESTARTS));
    }
}
