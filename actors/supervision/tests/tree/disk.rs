//! A store of budgets that takes its time, as one that syncs does, and outlives the processes of a test.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use mm_supervision::*;
use tokio::sync::Semaphore;

/// Clones are the same disk.
#[derive(Clone)]
pub struct Disk(Arc<Inner>);

struct Inner {
    rows: MemoryBudgets,
    /// How long a write takes.
    takes: Duration,
    /// While set, a debit waits for [`Disk::let_one_through`].
    holds: AtomicBool,
    /// A write is on disk before it is answered, not at the same moment.
    early: bool,
    through: Semaphore,
    broken: AtomicBool,
    /// Debits under way, the most there were at once, and all.
    debits: (AtomicU32, AtomicU32, AtomicU32),
    /// Writes of history, and how many of them began while a debit was under way.
    notes: (AtomicU32, AtomicU32),
    /// What the clock shows when a life begins.
    now_ms: AtomicI64,
}

type Answer<T> = BoxFuture<'static, Result<T, BudgetError>>;

impl Disk {
    pub fn new(takes: Duration, early: bool) -> Self {
        Self(Arc::new(Inner {
            rows: MemoryBudgets::default(),
            takes,
            holds: AtomicBool::new(false),
            early,
            through: Semaphore::new(0),
            broken: AtomicBool::new(false),
            debits: Default::default(),
            notes: Default::default(),
            now_ms: AtomicI64::new(1_000_000),
        }))
    }

    /// From now on every debit waits.
    pub fn hold(&self) {
        self.0.holds.store(true, Ordering::SeqCst);
    }

    pub fn let_one_through(&self) {
        self.0.through.add_permits(1);
    }

    pub fn let_all_through(&self) {
        self.0.holds.store(false, Ordering::SeqCst);
        self.0.through.add_permits(1_000);
    }

    /// A new life finds the gate shut.
    pub fn shut(&self) {
        self.0.through.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub fn refuse(&self, broken: bool) {
        self.0.broken.store(broken, Ordering::SeqCst);
    }

    pub fn most_debits_at_once(&self) -> u32 {
        self.0.debits.1.load(Ordering::SeqCst)
    }

    pub fn debits(&self) -> u32 {
        self.0.debits.2.load(Ordering::SeqCst)
    }

    /// Writes of history, and how many of them were in the way of a debit.
    pub fn notes(&self) -> (u32, u32) {
        (self.0.notes.0.load(Ordering::SeqCst), self.0.notes.1.load(Ordering::SeqCst))
    }

    pub fn row(&self, key: &str) -> BudgetStanding {
        futures_util::FutureExt::now_or_never(self.0.rows.standing(key)).unwrap().unwrap()
    }

    pub fn set_clock(&self, now_ms: i64) {
        self.0.now_ms.store(now_ms, Ordering::SeqCst);
    }

    /// Seams of one life: the clock goes on from where it was set.
    pub fn seams(&self) -> Seams {
        let began = tokio::time::Instant::now();
        let at = self.0.now_ms.load(Ordering::SeqCst);
        let mut seams = Seams::simulated().with_budgets(Arc::new(self.clone()));
        seams.wall_ms = Arc::new(move || at + i64::try_from(began.elapsed().as_millis()).unwrap());
        seams
    }

    fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&MemoryBudgets) -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        let disk = self.0.clone();
        Box::pin(async move {
            tokio::time::sleep(disk.takes).await;
            if disk.broken.load(Ordering::SeqCst) {
                return Err(BudgetError { key: "a".into(), source: "disk full".into() });
            }
            write(&disk.rows).await
        })
    }
}

/// Counts a debit as under way for as long as it is.
struct UnderWay(Arc<Inner>);

impl UnderWay {
    fn new(disk: Arc<Inner>) -> Self {
        let (now, most, all) = &disk.debits;
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        all.fetch_add(1, Ordering::SeqCst);
        Self(disk)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.debits.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl BudgetStore for Disk {
    fn standing(&self, key: &str) -> Answer<BudgetStanding> {
        self.0.rows.standing(key)
    }
    fn debit(&self, key: &str, want: u32, limit: u32, at_ms: i64) -> Answer<u32> {
        let (disk, key) = (self.0.clone(), key.to_owned());
        let write = self.write(move |rows| rows.debit(&key, want, limit, at_ms));
        Box::pin(async move {
            let under_way = UnderWay::new(disk.clone());
            let wait = async {
                if disk.holds.load(Ordering::SeqCst) {
                    disk.through.acquire().await.unwrap().forget();
                }
            };
            let answer = if disk.early {
                let answer = write.await;
                wait.await;
                answer
            } else {
                wait.await;
                write.await
            };
            drop(under_way);
            answer
        })
    }
    fn refund(&self, key: &str, unused: u32) -> Answer<()> {
        let key = key.to_owned();
        self.write(move |rows| rows.refund(&key, unused))
    }
    fn trip(&self, key: &str, why: &str, at_ms: i64) -> Answer<()> {
        let (key, why) = (key.to_owned(), why.to_owned());
        self.write(move |rows| rows.trip(&key, &why, at_ms))
    }
    fn give_back(&self, key: &str) -> Answer<()> {
        let key = key.to_owned();
        self.write(move |rows| rows.give_back(&key))
    }
    fn note(&self, key: &str, restarted: Restarted) -> Answer<()> {
        let key = key.to_owned();
        self.write(move |rows| rows.note(&key, restarted))
    }
    fn note_all(&self, notes: Vec<(String, Vec<Restarted>)>) -> Answer<()> {
        let (writes, in_the_way) = &self.0.notes;
        writes.fetch_add(1, Ordering::SeqCst);
        if self.0.debits.0.load(Ordering::SeqCst) > 0 {
            in_the_way.fetch_add(1, Ordering::SeqCst);
        }
        self.write(move |rows| rows.note_all(notes))
    }
    fn isolate(&self, key: &str, reason: Option<&str>, at_ms: i64) -> Answer<()> {
        let (key, reason) = (key.to_owned(), reason.map(str::to_owned));
        self.write(move |rows| rows.isolate(&key, reason.as_deref(), at_ms))
    }
}
