//! Where runs execute: each on an OS thread of its own, from a fixed number of slots.
//!
//! A handler that never yields stalls every timer and socket of a shared runtime for as long as it
//! spins, so strategies get threads and runtimes apart from the machine's own. Slots are given by
//! priority, then in order of asking. A run whose host died is let go: its slot is given again and its
//! thread, fenced off, ends at its next step. A thread that cannot be ended is abandoned, at most
//! [`ABANDONED_MAX`] times a boot; after that the process ends in a controlled way. A thread that was let
//! go with its host is abandoned too if it is not done long after its deadline.
//! In simulation there are no threads: runs are tasks of the one paused runtime.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

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
}

struct Inner {
    slots: usize,
    next: u64,
    abandoned: u32,
    /// Jobs that hold a slot.
    running: BTreeSet<u64>,
    /// Jobs that have given their slot back and whose threads still run.
    leaving: BTreeSet<u64>,
    /// By priority, then by number.
    waiting: BTreeMap<(u32, u64), Job>,
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
            running: BTreeSet::new(),
            leaving: BTreeSet::new(),
            waiting: BTreeMap::new(),
        };
        Self { inner: Arc::new(Mutex::new(inner)), mode, on_spent }
    }

    /// Changes the number of slots. Jobs that run go on; with fewer slots, the next ones wait longer.
    pub fn resize(&self, slots: usize) {
        let slots = slots.max(1);
        self.lock().slots = slots;
        for _ in 0..slots {
            self.start_next();
        }
    }

    /// Executes `job` as soon as a slot is free; 1 is the highest priority.
    pub fn run(&self, priority: u32, job: Job) -> Ticket {
        let number = {
            let mut inner = self.lock();
            let number = inner.next;
            inner.next += 1;
            inner.waiting.insert((priority, number), job);
            number
        };
        self.start_next();
        Ticket(number)
    }

    /// Gives a job's slot back, whatever its thread still does. A job that only waited for a slot is
    /// dropped. Nothing if it has ended, or was let go before.
    pub fn let_go(&self, ticket: Ticket) {
        {
            let mut inner = self.lock();
            inner.waiting.retain(|(_, number), _| *number != ticket.0);
            if !inner.running.remove(&ticket.0) {
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
        let job = {
            let mut inner = self.lock();
            if inner.free() == 0 {
                return;
            }
            let Some(((_, number), job)) = inner.waiting.pop_first() else { return };
            inner.running.insert(number);
            (number, job)
        };
        self.execute(job.0, job.1);
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn pool(slots: usize) -> Pool {
        Pool::new(slots, Mode::Threads, Arc::new(|| {}))
    }

    #[test]
    fn the_higher_priority_gets_the_next_slot() {
        let pool = pool(1);
        let (gate, opened) = mpsc::channel::<()>();
        let (order, seen) = mpsc::channel();
        pool.run(1, Box::new(move |_| Box::pin(async move { opened.recv().unwrap() })));
        for priority in [3, 1, 2] {
            let order = order.clone();
            pool.run(priority, Box::new(move |_| Box::pin(async move { order.send(priority).unwrap() })));
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
            pool.run(1, Box::new(job));
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
            let ticket = pool.run(
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
            let ticket = pool.run(
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
        pool.run(1, Box::new(move |_| Box::pin(async move { told.send(()).unwrap() })));
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
            let ticket = pool.run(1, Box::new(job));
            assert_eq!(begins.recv().unwrap(), ticket);
            assert!(!pool.abandon_if_let_go(ticket), "its host looks after it");
            pool.let_go(ticket);
            assert!(pool.abandon_if_let_go(ticket));
            assert!(!pool.abandon_if_let_go(ticket), "once");
            assert_eq!(told.try_recv().is_ok(), n == ABANDONED_MAX);
            gates.push(gate);
        }
    }
}
