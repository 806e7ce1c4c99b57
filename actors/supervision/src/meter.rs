//! What can be read of an actor without asking it.
//!
//! Counters are atomics; the [`Book`] (ring, counts by kind, quantiles) is allocated with the first
//! message and locked for some tens of nanoseconds, never across a handler, so that a stuck actor can be
//! seen to be stuck.

mod book;
mod desk;
mod histogram;

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

pub use book::{Fields, KindCount, LeftMessage, Record};
pub use histogram::{Histogram, Quantiles};

pub(crate) use book::{Book, Wreck, bounded, shown};
pub(crate) use desk::{Ask, Wait};

use desk::{ASKED, CRASHED, Desk, TRACED};

use crate::inspect::Inspect;
use crate::panics::Panic;
use crate::sync::lock;
use crate::trace::Tap;

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
    /// Whether the host has to look at the desk; one load for each message.
    flags: AtomicU32,
    /// What an incarnation holds by its types alone, and each place in its mailbox; 0 before the first.
    inline_bytes: AtomicU32,
    place_bytes: AtomicU32,
    /// What the component last said that it holds beyond that, plus one; 0 when it says nothing.
    said_bytes: AtomicU64,
    desk: OnceLock<Box<Desk>>,
    book: Mutex<Option<Box<Book>>>,
}

/// What stood out about an actor when a message was taken up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flags(u32);

impl Flags {
    pub(crate) fn any(self) -> bool {
        self.0 != 0
    }

    pub(crate) fn asked(self) -> bool {
        self.0 & ASKED != 0
    }

    pub(crate) fn traced(self) -> bool {
        self.0 & TRACED != 0
    }

    pub(crate) fn crashed(self) -> bool {
        self.0 & CRASHED != 0
    }
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
            flags: AtomicU32::new(0),
            inline_bytes: AtomicU32::new(0),
            place_bytes: AtomicU32::new(0),
            said_bytes: AtomicU64::new(0),
            desk: OnceLock::new(),
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

    /// What is known of its memory, in bytes: an incarnation's component and state by their own sizes, a
    /// place for each message that waits (not what the message points to), the records kept, and what
    /// [`Component::memory_bytes`](crate::Component::memory_bytes) last said. `None` before the first
    /// incarnation. Without what ractor and tokio hold for every actor.
    #[must_use]
    pub fn memory_bytes(&self) -> Option<u64> {
        let inline = self.inline_bytes.load(Ordering::Relaxed);
        if inline == 0 {
            return None;
        }
        let waiting = u64::from(self.depth()) * u64::from(self.place_bytes.load(Ordering::Relaxed));
        let kept = self.read(Book::bytes).unwrap_or_default();
        let said = self.said_bytes.load(Ordering::Relaxed).saturating_sub(1);
        Some(u64::from(inline) + waiting + kept + said)
    }

    pub(crate) fn flags(&self) -> Flags {
        Flags(self.flags.load(Ordering::Relaxed))
    }

    /// A new incarnation begins: what the last one left behind is not its own.
    pub(crate) fn begin_life(&self, inline_bytes: usize, place_bytes: usize) {
        self.inline_bytes.store(u32::try_from(inline_bytes).unwrap_or(u32::MAX).max(1), Ordering::Relaxed);
        self.place_bytes.store(u32::try_from(place_bytes).unwrap_or(u32::MAX), Ordering::Relaxed);
        self.said_bytes.store(0, Ordering::Relaxed);
        if let Some(book) = lock(&self.book).as_mut() {
            book.wreck = None;
        }
    }

    pub(crate) fn say_bytes(&self, said: Option<u64>) {
        self.said_bytes.store(said.map_or(0, |said| said.saturating_add(1)), Ordering::Relaxed);
    }

    pub(crate) fn tap(&self, tap: &Arc<Tap>) {
        self.desk().tap(tap, &self.flags);
    }

    /// Takes traces that have ended off.
    pub(crate) fn untap(&self) {
        if let Some(desk) = self.desk.get() {
            desk.untap(&self.flags);
        }
    }

    /// The traces that want to see a message of that kind.
    pub(crate) fn taps_for(&self, kind: &str, now_ns: u64) -> Vec<Arc<Tap>> {
        let Some(desk) = self.desk.get() else { return Vec::new() };
        let taps = desk.taps_for(kind, now_ns);
        if taps.is_empty() {
            desk.untap(&self.flags);
        }
        taps
    }

    /// Lays a question on the desk; whether the actor has to be woken for it.
    pub(crate) fn ask(&self, ask: Ask) -> bool {
        self.desk().ask(ask, &self.flags)
    }

    pub(crate) fn take_asks(&self) -> Vec<Ask> {
        self.desk.get().map(|desk| desk.take_asks(&self.flags)).unwrap_or_default()
    }

    pub(crate) fn begin_wait(&self, wait: Wait) -> u64 {
        self.desk().begin_wait(wait)
    }

    pub(crate) fn end_wait(&self, id: u64) {
        if let Some(desk) = self.desk.get() {
            desk.end_wait(id);
        }
    }

    /// The call that its handler has waited for longest.
    pub(crate) fn waits_for(&self) -> Option<Wait> {
        self.desk.get()?.waits_for()
    }

    /// The incarnation panicked.
    pub(crate) fn note_panic(&self, panic: Panic) {
        self.write(|book| book.wreck.get_or_insert_default().panic = Some(panic));
    }

    pub(crate) fn take_wreck(&self) -> Wreck {
        lock(&self.book).as_mut().and_then(|book| book.wreck.take()).map(|wreck| *wreck).unwrap_or_default()
    }

    fn desk(&self) -> &Desk {
        self.desk.get_or_init(Box::default)
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
        if !record.ok {
            self.flags.fetch_or(CRASHED, Ordering::Relaxed);
        }
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
