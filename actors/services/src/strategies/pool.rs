//! Where runs execute: each on an OS thread of its own, from a fixed number of slots.
//!
//! A handler that never yields stalls every timer and socket of a shared runtime for as long as it
//! spins, so strategies get threads and runtimes apart from the machine's own. A job comes with a pass of
//! the gate, and slots are given while nothing holds.
//!
//! Slots are given by priority; of one priority, to the strategy that was served longest ago
//! (`core::limit::Queue`). *Every run starts*: one that was passed over `OVERTAKEN_MAX` times by such as came
//! after it goes first. So before a run that asks while `n` others wait, at most `n + OVERTAKEN_MAX` get a
//! slot, and as no run keeps one longer than `D` (its deadline, and five seconds to be fenced off), it starts
//! at most `ceil((n + OVERTAKEN_MAX + 1) / slots) * D` later. Time in which a gate holds everything is not
//! counted.
//!
//! A run whose host died is let go: its slot is given again and its
//! thread, fenced off, ends at its next step. A thread that cannot be ended is abandoned, at most
//! [`ABANDONED_MAX`] times a boot; after that the process ends in a controlled way. A thread that was let
//! go with its host is abandoned too if it is not done long after its deadline.
//! In simulation there are no threads: runs are tasks of the one paused runtime.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use mm_core::id::StrategyId;
use mm_core::limit::{Priority, Queue, Waiter};
use mm_core::moment::Moment;
use tokio::sync::oneshot;

use super::gate::Pass;
use crate::resources::Room;

/// Threads that may be given up before the process ends.
pub const ABANDONED_MAX: u32 = 2;

/// A strategy that is asked something, and not run, answers within microseconds. One that takes longer than
/// this never does; it is well within the time a host has to start.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// A run, ready to execute. It is told its own ticket.
pub type Job = Box<dyn FnOnce(Ticket) -> BoxFuture<'static, ()> + Send>;

/// How jobs are executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// On threads of their own.
    Threads,
    /// As tasks of the runtime that asks.
    Inline,
}

/// The slots for runs.
#[derive(Clone)]
pub struct Pool {
    inner: Arc<Mutex<Inner>>,
    mode: Mode,
    on_spent: Arc<dyn Fn() + Send + Sync>,
    /// Whether no slot may be given now.
    held: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// A run that is to execute.
pub struct Wanted {
    /// Whose it is: strategies of one priority take turns.
    pub owner: StrategyId,
    /// 1 is the highest.
    pub priority: u32,
    /// Asks its host to cancel it, for a reason.
    pub cancel: Box<dyn Fn(&str) + Send + Sync>,
    /// Executes it.
    pub job: Job,
}

/// What is known of a job that holds a slot.
struct Running {
    priority: u32,
    cancel: Arc<dyn Fn(&str) + Send + Sync>,
    /// It was asked to be cancelled.
    asked: bool,
}

struct Inner {
    slots: usize,
    next: u64,
    abandoned: u32,
    /// Jobs that hold a slot.
    running: BTreeMap<u64, Running>,
    /// Jobs that have given their slot back and whose threads still run.
    leaving: BTreeSet<u64>,
    /// By number, with who waits for a slot.
    waiting: Queue<(u64, Wanted)>,
}

impl Inner {
    fn free(&self) -> usize {
        self.slots.saturating_sub(self.running.len())
    }
}

/// A job's ticket: to give its thread up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(u64);

impl Pool {
    /// A pool of `slots`. `on_spent` is called when one thread too many was abandoned; it should
    /// end the process.
    pub fn new(slots: usize, mode: Mode, on_spent: Arc<dyn Fn() + Send + Sync>) -> Self {
        let inner = Inner {
            slots: slots.max(1),
            next: 1,
            abandoned: 0,
            running: BTreeMap::new(),
            leaving: BTreeSet::new(),
            waiting: Queue::default(),
        };
        Self { inner: Arc::new(Mutex::new(inner)), mode, on_spent, held: Arc::new(|| false) }
    }

    /// With a word on whether a slot may be given, asked whenever one is free.
    #[must_use]
    pub fn held_by(self, held: Arc<dyn Fn() -> bool + Send + Sync>) -> Self {
        Self { held, ..self }
    }

    /// Changes the number of slots. Jobs that run go on; with fewer slots, the next ones wait longer.
    pub fn resize(&self, slots: usize) {
        self.lock().slots = slots.max(1);
        self.fill();
    }

    /// Gives every free slot that somebody waits for.
    fn fill(&self) {
        let free = self.lock().free();
        for _ in 0..free {
            self.start_next();
        }
    }

    /// Executes a run as soon as a slot is free and nothing holds. The pass is used up.
    pub fn run(&self, _pass: Pass, wanted: Wanted) -> Ticket {
        let number = {
            let mut inner = self.lock();
            let number = inner.next;
            inner.next += 1;
            let (owner, priority) = (wanted.owner.to_string(), Priority::of_strategy(wanted.priority));
            let until = Moment::from_unix_ms(i64::MAX);
            inner.waiting.push(Waiter::new(owner, priority, until, (number, wanted)));
            number
        };
        self.start_next();
        Ticket(number)
    }

    /// Those that wait for a slot, in the order in which they would get one.
    pub fn waiting(&self) -> Vec<StrategyId> {
        self.lock().waiting.in_order().into_iter().map(|waiter| waiter.what.1.owner.clone()).collect()
    }

    /// Gives a job's slot back, whatever its thread still does. A job that only waited for a slot is
    /// dropped. Nothing if it has ended, or was let go before.
    pub fn let_go(&self, ticket: Ticket) {
        {
            let mut inner = self.lock();
            inner.waiting.take(|waiter| waiter.what.0 == ticket.0);
            if inner.running.remove(&ticket.0).is_none() {
                return;
            }
            inner.leaving.insert(ticket.0);
        }
        self.start_next();
    }

    /// Gives up the thread of a job that never yields: its slot is free again, and it counts.
    pub fn abandon(&self, ticket: Ticket) {
        self.let_go(ticket);
        self.abandon_if_let_go(ticket);
    }

    /// The same for a job that should long be over, if it was let go and its thread still runs: its host
    /// is gone, so nobody else looks after it. Says whether it was so.
    pub fn abandon_if_let_go(&self, ticket: Ticket) -> bool {
        let spent = {
            let mut inner = self.lock();
            if !inner.leaving.remove(&ticket.0) {
                return false;
            }
            inner.abandoned += 1;
            inner.abandoned > ABANDONED_MAX
        };
        if spent {
            (self.on_spent)();
        }
        true
    }

    /// Asks strategy code for something, on a thread of its own: the machine's threads do not bear one that
    /// never yields. `None` if it does not answer in time; its thread is lost then.
    pub async fn ask<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        if self.mode == Mode::Inline {
            return Some(work());
        }
        let (answer, answered) = oneshot::channel();
        let spawned = std::thread::Builder::new().name("ask".to_owned()).spawn(move || {
            // Nobody waits any more for what comes late.
            drop(answer.send(work()));
        });
        if let Err(error) = spawned {
            tracing::error!(%error, "a strategy could not be asked: there is no thread for it");
            return None;
        }
        tokio::time::timeout(ANSWER_WITHIN, answered).await.ok()?.ok()
    }

    fn start_next(&self) {
        // Asked outside the lock: it looks elsewhere.
        if (self.held)() {
            return;
        }
        let (number, job) = {
            let mut inner = self.lock();
            if inner.free() == 0 {
                return;
            }
            let Some(next) = inner.waiting.next(|_| true) else { return };
            let (number, Wanted { priority, cancel, job, .. }) = next.what;
            inner.running.insert(number, Running { priority, cancel: cancel.into(), asked: false });
            (number, job)
        };
        self.execute(number, job);
    }

    fn execute(&self, number: u64, job: Job) {
        let pool = self.clone();
        if self.mode == Mode::Inline {
            tokio::spawn(async move {
                job(Ticket(number)).await;
                pool.ended(number);
            });
            return;
        }
        let spawned = std::thread::Builder::new().name(format!("run-{number}")).spawn(move || {
            match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime.block_on(job(Ticket(number))),
                // The job is dropped unexecuted; its host finds out by the run's deadline.
                Err(error) => tracing::error!(%error, "a run got no runtime"),
            }
            pool.ended(number);
        });
        if let Err(error) = spawned {
            tracing::error!(%error, "a run got no thread");
            self.ended(number);
        }
    }

    fn ended(&self, number: u64) {
        {
            let mut inner = self.lock();
            // A thread that was let go and ends after all has no slot to give back.
            inner.leaving.remove(&number);
            inner.running.remove(&number);
        }
        self.start_next();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room for Pool {
    fn opened(&self) {
        self.fill();
    }

    /// Of one priority the youngest: it has the least to lose.
    fn cancel_least(&self, why: &str) -> bool {
        let cancel = {
            let mut inner = self.lock();
            let of_those = inner.running.iter_mut().filter(|(_, running)| !running.asked);
            let Some((_, least)) = of_those.max_by_key(|(number, running)| (running.priority, **number))
            else {
                return false;
            };
            least.asked = true;
            least.cancel.clone()
        };
        cancel(why);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use mm_core::seams::SplitMix64;

    use super::*;

    /// As the hosts do, with a pass.
    fn run(pool: &Pool, priority: u32, job: Job) -> Ticket {
        let owner = format!("of-{priority}").parse().unwrap();
        pool.run(Pass::of_a_test(), Wanted { owner, priority, cancel: Box::new(|_| {}), job })
    }

    fn pool(slots: usize) -> Pool {
        Pool::new(slots, Mode::Threads, Arc::new(|| {}))
    }

    #[test]
    fn the_higher_priority_gets_the_next_slot() {
        let pool = pool(1);
        let (gate, opened) = mpsc::channel::<()>();
        let (order, seen) = mpsc::channel();
        run(&pool, 1, Box::new(move |_| Box::pin(async move { opened.recv().unwrap() })));
        for priority in [3, 1, 2] {
            let order = order.clone();
            run(&pool, priority, Box::new(move |_| Box::pin(async move { order.send(priority).unwrap() })));
        }
        gate.send(()).unwrap();
        assert_eq!([seen.recv().unwrap(), seen.recv().unwrap(), seen.recv().unwrap()], [1, 2, 3]);
    }

    #[test]
    fn more_slots_start_what_waits_and_fewer_end_nothing() {
        let pool = pool(1);
        let (begun, begins) = mpsc::channel();
        let mut gates = Vec::new();
        for number in 0..3 {
            let (gate, opened) = mpsc::channel::<()>();
            let begun = begun.clone();
            let job = move |_: Ticket| -> BoxFuture<'static, ()> {
                Box::pin(async move {
                    begun.send(number).unwrap();
                    let _ended = opened.recv();
                })
            };
            run(&pool, 1, Box::new(job));
            gates.push(gate);
        }
        assert_eq!(begins.recv().unwrap(), 0);
        pool.resize(2);
        assert_eq!(begins.recv().unwrap(), 1);
        pool.resize(1);
        assert_eq!(pool.lock().running.len(), 2);
        assert_eq!(pool.lock().free(), 0);
        gates.remove(0).send(()).unwrap();
        gates.remove(0).send(()).unwrap();
        assert_eq!(begins.recv().unwrap(), 2);
    }

    #[test]
    fn an_abandoned_thread_frees_its_slot_once_and_the_third_is_one_too_many() {
        let (spent, told) = mpsc::channel();
        let pool = Pool::new(1, Mode::Threads, Arc::new(move || spent.send(()).unwrap()));
        let mut gates = Vec::new();
        for n in 0..=ABANDONED_MAX {
            let (gate, opened) = mpsc::channel::<()>();
            let (begun, begins) = mpsc::channel();
            let ticket = run(
                &pool,
                1,
                Box::new(move |_| {
                    Box::pin(async move {
                        begun.send(()).unwrap();
                        let _ended = opened.recv();
                    })
                }),
            );
            begins.recv().unwrap();
            pool.abandon(ticket);
            assert_eq!(told.try_recv().is_ok(), n == ABANDONED_MAX);
            gates.push(gate);
        }
        assert_eq!(pool.lock().free(), 1);
    }

    #[test]
    fn a_job_that_is_let_go_gives_its_slot_once_and_counts_for_nothing() {
        let pool = Pool::new(1, Mode::Threads, Arc::new(|| panic!("none was abandoned")));
        let mut gates = Vec::new();
        for _ in 0..=2 * ABANDONED_MAX {
            let (gate, opened) = mpsc::channel::<()>();
            let (begun, begins) = mpsc::channel();
            let (over, ends) = mpsc::channel::<()>();
            let ticket = run(
                &pool,
                1,
                Box::new(move |_| {
                    Box::pin(async move {
                        begun.send(()).unwrap();
                        let _ended = opened.recv();
                        drop(over);
                    })
                }),
            );
            begins.recv().unwrap();
            pool.let_go(ticket);
            pool.let_go(ticket);
            assert_eq!(pool.lock().free(), 1);
            gates.push((gate, ends));
        }
        for (gate, ends) in gates {
            gate.send(()).unwrap();
            assert!(ends.recv().is_err(), "it ended");
        }
        let (told, done) = mpsc::channel();
        run(&pool, 1, Box::new(move |_| Box::pin(async move { told.send(()).unwrap() })));
        done.recv().unwrap();
    }

    /// Its thread is as lost as one whose host still knows it.
    #[test]
    fn a_job_that_was_let_go_and_never_ends_counts_once_it_should_have() {
        let (spent, told) = mpsc::channel();
        let pool = Pool::new(1, Mode::Threads, Arc::new(move || spent.send(()).unwrap()));
        let mut gates = Vec::new();
        for n in 0..=ABANDONED_MAX {
            let (gate, opened) = mpsc::channel::<()>();
            let (begun, begins) = mpsc::channel();
            let job = move |ticket: Ticket| -> BoxFuture<'static, ()> {
                Box::pin(async move {
                    begun.send(ticket).unwrap();
                    let _ended = opened.recv();
                })
            };
            let ticket = run(&pool, 1, Box::new(job));
            assert_eq!(begins.recv().unwrap(), ticket);
            assert!(!pool.abandon_if_let_go(ticket), "its host looks after it");
            pool.let_go(ticket);
            assert!(pool.abandon_if_let_go(ticket));
            assert!(!pool.abandon_if_let_go(ticket), "once");
            assert_eq!(told.try_recv().is_ok(), n == ABANDONED_MAX);
            gates.push(gate);
        }
    }

    /// Strategies that ask again as soon as they have run, of any priority and with any times: none waits
    /// longer than the bound that the head of this file states, however many of higher priority there are.
    #[test]
    fn every_run_starts_within_the_stated_bound() {
        const LONGEST: u64 = 100;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let worst: u64 = (0..60).map(|seed| runtime.block_on(longest_wait(seed, LONGEST))).max().unwrap();
        assert!(worst > 3 * LONGEST, "somebody had to wait for his turn: {worst}");
    }

    /// One scenario; the longest wait, of which none is past its own bound.
    async fn longest_wait(seed: u64, longest: u64) -> u64 {
        use mm_core::limit::OVERTAKEN_MAX;
        let mut rng = SplitMix64(seed);
        let (slots, strategies) = (1 + rng.next_u64() % 4, 2 + rng.next_u64() % 12);
        let pool = Pool::new(slots as usize, Mode::Inline, Arc::new(|| {}));
        let waits = Arc::new(Mutex::new(Vec::new()));
        let mut all = tokio::task::JoinSet::new();
        for strategy in 0..strategies {
            let (pool, waits, mut rng) = (pool.clone(), waits.clone(), SplitMix64(seed << 8 | strategy));
            // Some are always ahead of some.
            let priority = 1 + u32::try_from(rng.next_u64() % 3).unwrap();
            all.spawn(async move {
                for _ in 0..40 {
                    let ms = 1 + rng.next_u64() % longest;
                    let (began, (over, ends)) = (tokio::time::Instant::now(), oneshot::channel());
                    let others = pool.waiting().len() as u64;
                    let (waits, bound) =
                        (waits.clone(), (others + u64::from(OVERTAKEN_MAX) + 1).div_ceil(slots));
                    let job: Job = Box::new(move |_| {
                        Box::pin(async move {
                            let waited = began.elapsed().as_millis() as u64;
                            waits.lock().unwrap().push((waited, bound * longest));
                            tokio::time::sleep(Duration::from_millis(ms)).await;
                            let _host = over.send(());
                        })
                    });
                    let owner = format!("s{strategy}").parse().unwrap();
                    let wanted = Wanted { owner, priority, cancel: Box::new(|_| {}), job };
                    pool.run(Pass::of_a_test(), wanted);
                    ends.await.unwrap();
                    if rng.next_u64() % 4 == 0 {
                        tokio::time::sleep(Duration::from_millis(rng.next_u64() % longest)).await;
                    }
                }
            });
        }
        while all.join_next().await.is_some() {}
        let waits = waits.lock().unwrap().clone();
        assert_eq!(waits.len() as u64, 40 * strategies);
        // A millisecond for each timer of the paused clock that a slot may have waited for.
        let late = waits.iter().find(|(waited, bound)| *waited > bound + bound / longest);
        assert_eq!(late, None, "of seed {seed}, {slots} slots and {strategies} strategies");
        waits.into_iter().map(|(waited, _)| waited).max().unwrap()
    }
}
