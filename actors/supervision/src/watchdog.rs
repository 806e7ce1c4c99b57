//! An OS thread that sees what no task can: an actor that makes no progress.
//!
//! A handler that never yields may hold tokio's timer and socket driver, so that every other task stands
//! still (measured: 500 ms spin, 500 ms stall, with any number of workers). While one sits in a poll for
//! over 10 ms, the watchdog spawns an empty task every 10 ms, which wakes a worker that takes the driver
//! over. Past its limits it calls back, once for each case; a restart of the actor or the end of the
//! process is then the caller's to decide.
//!
//! It parks while nothing is being polled, and is woken by the first poll: idle stays idle. While a
//! handler awaits something it wakes once a second. Not started in simulation.
//!
//! A process that was held still (SIGSTOP, a computer at its limits) finds every poll too long when it
//! goes on. A watchdog that overslept gives the others a moment before it looks.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use tokio::runtime::Handle;

use crate::progress::{Limits, Seen, Stuck, look};
use crate::seams::nanoseconds;
use crate::sync::lock;
use crate::tree::Tree;

/// How long a poll may last before the runtime is nudged, and how often it then is.
const NOTICE: Duration = Duration::from_millis(10);
/// How often a handler that awaits something is looked at.
const GLANCE: Duration = Duration::from_secs(1);
/// The longest park, in case a wake-up was missed.
const LONG_PARK: Duration = Duration::from_secs(5);
/// A watchdog that wakes so much too late was held still itself, and the others with it.
const LATE: Duration = Duration::from_secs(1);
/// So long they then have to come to the end of what they were held in.
const GRACE: Duration = Duration::from_secs(1);

/// How the host wakes a parked watchdog.
#[derive(Default)]
pub(crate) struct Pulse {
    parked: AtomicBool,
    thread: Mutex<Option<Thread>>,
}

impl Pulse {
    /// A poll began. One load, unless the watchdog is parked.
    pub(crate) fn entered(&self) {
        if self.parked.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    #[cold]
    fn wake(&self) {
        if self.parked.swap(false, Ordering::SeqCst)
            && let Some(thread) = &*lock(&self.thread)
        {
            thread.unpark();
        }
    }
}

/// A running watchdog; dropped, it ends.
pub struct Watchdog {
    pulse: Arc<Pulse>,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Watches a tree whose handlers run on `runtime`. `on_stuck` is called from the watchdog's thread,
    /// once for each actor that comes to stand still; see [`Limits`] for when that is.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(
        tree: &Tree,
        runtime: Handle,
        limits: Limits,
        on_stuck: impl Fn(&Stuck) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (pulse, ending) = (tree.inner.pulse.clone(), Arc::new(AtomicBool::new(false)));
        let mut watch = Watch::new(tree.clone(), runtime, limits);
        let ended = ending.clone();
        let thread = thread::Builder::new().name("watchdog".into()).spawn(move || {
            let pulse = watch.tree.inner.pulse.clone();
            *lock(&pulse.thread) = Some(thread::current());
            while !ended.load(Ordering::SeqCst) {
                watch.recover();
                if let Some(rest) = watch.look(&on_stuck).rest() {
                    // Either a poll that begins now sees this, or the second look sees the poll.
                    pulse.parked.store(true, Ordering::SeqCst);
                    if !watch.anything_in_poll() && !ended.load(Ordering::SeqCst) {
                        thread::park_timeout(rest);
                    }
                    pulse.parked.store(false, Ordering::SeqCst);
                }
                thread::park_timeout(NOTICE);
            }
        })?;
        Ok(Self { pulse, ending, thread: Some(thread) })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
        self.pulse.parked.store(false, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It panics only if the callback did, which has been printed.
            drop(thread.join());
        }
    }
}

impl std::fmt::Debug for Watchdog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watchdog")
    }
}

/// The most that was going on anywhere at one look.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Bustle {
    Idle,
    Waits,
    Polled,
}

impl Bustle {
    /// How long to park; `None` while something is being polled.
    fn rest(self) -> Option<Duration> {
        match self {
            Self::Idle => Some(LONG_PARK),
            Self::Waits => Some(GLANCE),
            Self::Polled => None,
        }
    }
}

struct Watch {
    tree: Tree,
    runtime: Handle,
    limits: Limits,
    /// Who was told of, and the reading since when it stands still; only those that still do.
    told: BTreeSet<(String, u64)>,
    /// The reading by which the next look is due.
    due_ns: u64,
}

impl Watch {
    fn new(tree: Tree, runtime: Handle, limits: Limits) -> Self {
        let mut watch = Self { tree, runtime, limits, told: BTreeSet::new(), due_ns: 0 };
        watch.due_ns = watch.now_ns().saturating_add(nanoseconds(NOTICE));
        watch
    }

    fn now_ns(&self) -> u64 {
        (self.tree.inner.seams.mono_ns)()
    }

    /// Waits a moment if it overslept.
    fn recover(&self) {
        if self.now_ns().saturating_sub(self.due_ns) >= nanoseconds(LATE) {
            // The first takes a wake-up that came too late, if there is one.
            thread::park_timeout(NOTICE);
            thread::park_timeout(GRACE);
        }
    }

    /// Looks at everything once. The roll is kept, so that takes some 10 µs at 1,000 actors and 300 µs at
    /// 10,000.
    fn look(&mut self, on_stuck: &impl Fn(&Stuck)) -> Bustle {
        let now_ns = self.now_ns();
        let (mut bustle, mut long) = (Bustle::Idle, false);
        let mut still = BTreeSet::new();
        for node in self.tree.roll().iter() {
            let (seen, stuck) = look(node, &self.limits, now_ns);
            bustle = bustle.max(match seen {
                Seen::Polled(since_ns) => {
                    long |= now_ns.saturating_sub(since_ns) >= nanoseconds(NOTICE);
                    Bustle::Polled
                }
                Seen::Waits => Bustle::Waits,
                Seen::Idle => Bustle::Idle,
            });
            let Some((since_ns, stuck)) = stuck else { continue };
            let case = (stuck.path.clone(), since_ns);
            if !self.told.contains(&case) {
                on_stuck(&stuck);
            }
            still.insert(case);
        }
        self.told = still;
        if long {
            drop(self.runtime.spawn(async {}));
        }
        let pause = bustle.rest().unwrap_or_default() + NOTICE;
        self.due_ns = self.now_ns().saturating_add(nanoseconds(pause));
        bustle
    }

    fn anything_in_poll(&self) -> bool {
        self.tree.roll().iter().any(|node| node.meter.poll_since_ns().is_some())
    }
}
