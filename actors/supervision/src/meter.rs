//! What can be read of an actor without asking it.
//!
//! Counters are atomics; the [`Book`] (ring, counts by kind, quantiles) is allocated with the first
//! message and locked for some tens of nanoseconds, never across a handler, so that a stuck actor can be
//! seen to be stuck.

mod book;
mod histogram;

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

pub use book::{KindCount, LeftMessage, Record};
pub use histogram::{Histogram, Quantiles};

pub(crate) use book::Book;

use crate::inspect::Inspect;
use crate::sync::lock;

/// How many kinds of message can be named while in hand; a component has far fewer.
const NAMED_MAX: usize = 16;

/// The figures of one actor, over all its incarnations in this process.
pub struct Meter {
    /// How many messages may wait; more are refused.
    bound: u32,
    /// Messages waiting now, the one in hand not among them.
    depth: AtomicU32,
    /// Messages ever accepted; gives each its number.
    sent: AtomicU64,
    /// Messages handled to an end, well or badly.
    done: AtomicU64,
    /// Reading when the message in hand was taken up; 0 when idle.
    busy_since_ns: AtomicU64,
    /// Reading when the running poll began; 0 outside a poll.
    poll_since_ns: AtomicU64,
    /// Reading of the last poll's beginning.
    last_poll_ns: AtomicU64,
    /// Which of `named` is in hand, counted from 1; 0 when none is, or one that has no place there.
    in_hand: AtomicU32,
    /// The kinds seen so far. Never changed once set, so that taking a message up needs no lock.
    named: [OnceLock<&'static str>; NAMED_MAX],
    book: Mutex<Option<Box<Book>>>,
}

impl Meter {
    pub(crate) fn new(bound: u32) -> Self {
        Self {
            bound,
            depth: AtomicU32::new(0),
            sent: AtomicU64::new(0),
            done: AtomicU64::new(0),
            busy_since_ns: AtomicU64::new(0),
            poll_since_ns: AtomicU64::new(0),
            last_poll_ns: AtomicU64::new(0),
            in_hand: AtomicU32::new(0),
            named: [const { OnceLock::new() }; NAMED_MAX],
            book: Mutex::new(None),
        }
    }

    /// How many messages may wait at most.
    #[must_use]
    pub fn bound(&self) -> u32 {
        self.bound
    }

    /// How many messages wait now, the one in hand not among them.
    #[must_use]
    pub fn depth(&self) -> u32 {
        self.depth.load(Ordering::Relaxed)
    }

    /// How many messages were ever accepted.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// How many messages were handled to an end, well or badly.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Since when the message in hand is being handled; `None` when idle.
    #[must_use]
    pub fn busy_since_ns(&self) -> Option<u64> {
        non_zero(self.busy_since_ns.load(Ordering::Relaxed))
    }

    /// Since when the running poll has not yielded; `None` outside a poll.
    #[must_use]
    pub fn poll_since_ns(&self) -> Option<u64> {
        non_zero(self.poll_since_ns.load(Ordering::SeqCst))
    }

    /// When a handler was last polled; `None` if never.
    #[must_use]
    pub fn last_poll_ns(&self) -> Option<u64> {
        non_zero(self.last_poll_ns.load(Ordering::Relaxed))
    }

    /// Counts by message kind, in the order in which the kinds first came.
    #[must_use]
    pub fn kinds(&self) -> Vec<KindCount> {
        self.read(|book| book.kinds().to_vec()).unwrap_or_default()
    }

    /// The last records, oldest first.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.read(Book::records).unwrap_or_default()
    }

    /// The kind of the message in hand.
    #[must_use]
    pub fn in_hand(&self) -> Option<&'static str> {
        let place = self.in_hand.load(Ordering::Relaxed).checked_sub(1)?;
        self.named.get(place as usize)?.get().copied()
    }

    /// Time in the mailbox.
    #[must_use]
    pub fn wait(&self) -> Quantiles {
        self.read(|book| book.wait.quantiles()).unwrap_or_default()
    }

    /// Time in handlers.
    #[must_use]
    pub fn handle(&self) -> Quantiles {
        self.read(|book| book.handle.quantiles()).unwrap_or_default()
    }

    /// Takes a place in the mailbox and returns the message's number; `None` at the bound.
    pub(crate) fn admit(&self, bounded: bool) -> Option<u64> {
        let waiting = self.depth.fetch_add(1, Ordering::Relaxed);
        if bounded && waiting >= self.bound {
            self.depth.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(self.sent.fetch_add(1, Ordering::Relaxed))
    }

    /// A message left the mailbox: taken up, or given back to its sender.
    pub(crate) fn leave(&self) {
        self.depth.fetch_sub(1, Ordering::Relaxed);
    }

    /// A message that was given back was never accepted.
    pub(crate) fn give_back(&self) {
        self.leave();
        self.sent.fetch_sub(1, Ordering::Relaxed);
    }

    /// A message was dropped without being handled.
    pub(crate) fn lose<M: Inspect>(&self, msg: &M, sender: Option<Arc<str>>, action: Option<Arc<str>>) {
        self.leave();
        self.write(|book| book.lose(msg, sender, action));
    }

    pub(crate) fn take_up(&self, kind: &'static str, now_ns: u64) {
        self.leave();
        self.busy_since_ns.store(now_ns.max(1), Ordering::Relaxed);
        let mut places = (1..).zip(&self.named);
        let found = places.find(|(_, name)| *name.get_or_init(|| kind) == kind);
        self.in_hand.store(found.map_or(0, |(place, _)| place), Ordering::Relaxed);
    }

    pub(crate) fn put_down(&self, record: Record) {
        self.busy_since_ns.store(0, Ordering::Relaxed);
        self.in_hand.store(0, Ordering::Relaxed);
        self.done.fetch_add(1, Ordering::Relaxed);
        self.write(|book| book.push(record));
    }

    pub(crate) fn enter_poll(&self, now_ns: u64) {
        let now_ns = now_ns.max(1);
        self.last_poll_ns.store(now_ns, Ordering::Relaxed);
        // Pairs with the watchdog: either it sees this, or `Pulse::entered` sees it parked.
        self.poll_since_ns.store(now_ns, Ordering::SeqCst);
    }

    pub(crate) fn leave_poll(&self) {
        self.poll_since_ns.store(0, Ordering::Relaxed);
    }

    /// Takes what was found in the mailbox of the incarnation that just ended.
    pub(crate) fn take_left(&self) -> Vec<LeftMessage> {
        let mut book = lock(&self.book);
        book.as_mut().map(|book| std::mem::take(&mut book.left)).unwrap_or_default()
    }

    fn read<T>(&self, look: impl FnOnce(&Book) -> T) -> Option<T> {
        lock(&self.book).as_deref().map(look)
    }

    fn write(&self, change: impl FnOnce(&mut Book)) {
        change(lock(&self.book).get_or_insert_with(Box::default));
    }
}

fn non_zero(reading: u64) -> Option<u64> {
    (reading != 0).then_some(reading)
}
