//! What the children of a supervisor went through, on its way into the store.
//!
//! Written beside the restarts: nobody waits for it, and it stays out of the way of the debits, which
//! somebody does wait for. So failures are gathered until the children have been quiet for [`QUIET`], at
//! most for [`GATHERED`] or until one child has [`PAGE`], and then go in one change, at most one at a time.
//! A failure that a next life goes on from, as it is followed by a back-off, waits for the debits alone.
//! A kill loses what is gathered: no restart hangs on it. A write that fails is told to the supervisor and
//! not tried again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::SupMsg;
use super::purse::{in_bounds, store};
use crate::budget::{Restarted, WHY_MAX};
use crate::fault::Exit;
use crate::handle::Handle;
use crate::sync::lock;
use crate::tree::Place;

/// For how long nothing fails before what did is written down.
const QUIET: Duration = Duration::from_millis(20);
/// For how long failures are gathered at most.
const GATHERED: Duration = Duration::from_millis(250);
/// How many failures of one child are gathered; while a write takes its time, the last of them.
const PAGE: usize = 1_024;
/// How often it is looked whether the debits are recorded.
const LOOK: Duration = Duration::from_millis(2);

#[derive(Default)]
pub(crate) struct History {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    book: Mutex<Book>,
    /// Held by who writes.
    writing: tokio::sync::Mutex<()>,
    hurried: Notify,
}

/// What is not written down yet.
#[derive(Default)]
struct Book {
    /// Somebody gathers or writes.
    kept: bool,
    pages: BTreeMap<u64, Page>,
    /// Whose failures are being written.
    under_way: BTreeSet<u64>,
    /// Of the first and of the last failure in it.
    since: Option<(Instant, Instant)>,
    /// Quiet is not waited for.
    soon: bool,
    /// Neither are the debits.
    now: bool,
}

/// One child's.
struct Page {
    place: Place,
    failures: VecDeque<Restarted>,
    /// Whether a debit is under way that pays for it.
    debit: Arc<AtomicBool>,
}

impl Page {
    fn into_note(self) -> (String, Vec<Restarted>) {
        (self.place.node.path.to_string(), self.failures.into())
    }
}

impl Book {
    /// Whether it is time to write.
    fn is_ripe(&self) -> bool {
        let Some((first, last)) = self.since else { return true };
        let quiet = self.soon || last.elapsed() >= QUIET;
        self.now
            || first.elapsed() >= GATHERED
            || quiet && !self.pages.values().any(|page| page.debit.load(Ordering::Relaxed))
    }

    /// All that is in it; with nothing left, nobody keeps it any more.
    fn take(&mut self) -> BTreeMap<u64, Page> {
        (self.since, self.soon, self.now) = (None, false, false);
        self.kept = !self.pages.is_empty();
        self.under_way = self.pages.keys().copied().collect();
        std::mem::take(&mut self.pages)
    }
}

impl History {
    /// Keeps a failure to be written down. `debit` says whether one is under way that pays for it.
    pub(crate) fn note(
        &self,
        key: u64,
        place: &Place,
        restarted: Restarted,
        debit: Arc<AtomicBool>,
        supervisor: &Handle<SupMsg>,
    ) {
        let mut book = lock(&self.shared.book);
        let now = Instant::now();
        book.since = Some((book.since.map_or(now, |(first, _)| first), now));
        book.soon |= restarted.next_try_ms.is_some();
        let fresh = || Page { place: place.clone(), failures: VecDeque::new(), debit };
        let page = book.pages.entry(key).or_insert_with(fresh);
        if page.failures.len() == PAGE {
            page.failures.pop_front();
        }
        page.failures.push_back(restarted);
        let full = page.failures.len() == PAGE;
        book.now |= full;
        if !std::mem::replace(&mut book.kept, true) {
            tokio::spawn(keep(self.shared.clone(), supervisor.clone()));
        }
    }

    /// Has it written down at once.
    pub(crate) fn hurry(&self) {
        let mut book = lock(&self.shared.book);
        if !book.pages.is_empty() {
            book.now = true;
            self.shared.hurried.notify_one();
        }
    }

    /// Writes down what one child went through, if anything, before what follows.
    pub(crate) async fn write_of(&self, key: u64, supervisor: &Handle<SupMsg>) {
        let (page, under_way) = {
            let mut book = lock(&self.shared.book);
            (book.pages.remove_entry(&key), book.under_way.contains(&key))
        };
        if page.is_some() || under_way {
            self.shared.write(page.into_iter().collect(), supervisor).await;
        }
    }
}

impl Shared {
    async fn write(&self, pages: BTreeMap<u64, Page>, supervisor: &Handle<SupMsg>) {
        let _alone = self.writing.lock().await;
        let Some(place) = pages.values().next().map(|page| page.place.clone()) else { return };
        let keys: Vec<u64> = pages.keys().copied().collect();
        let notes = pages.into_values().map(Page::into_note).collect();
        if let Err(why) = in_bounds(store(&place).note_all(notes)).await {
            for key in keys {
                supervisor.push(SupMsg::NotNoted { key, why: why.clone() });
            }
        }
    }
}

/// Gathers and writes until there is nothing more.
async fn keep(shared: Arc<Shared>, supervisor: Handle<SupMsg>) {
    loop {
        while !lock(&shared.book).is_ripe() {
            drop(timeout(LOOK, shared.hurried.notified()).await);
        }
        let pages = lock(&shared.book).take();
        if pages.is_empty() {
            return;
        }
        shared.write(pages, &supervisor).await;
    }
}

/// A failure as it is written down.
pub(crate) fn restarted(exit: &Exit, at_ms: i64, attempt: u32, next_try_ms: Option<i64>) -> Restarted {
    let why = exit.to_string().chars().take(WHY_MAX).collect();
    Restarted { at_ms, cause: exit.word().to_owned(), why, attempt, next_try_ms }
}
