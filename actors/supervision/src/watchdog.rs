//! An OS thread that sees what no task can: a handler that never yields.
//!
//! Such a handler may hold tokio's timer and socket driver, so that every other task stands still
//! (measured: 500 ms spin, 500 ms stall, with any number of workers). While one sits in a poll for over
//! 10 ms, the watchdog spawns an empty task every 10 ms, which wakes a worker that takes the driver over.
//! Past a limit it calls back once; ending the process is then the caller's to decide.
//!
//! It parks while nothing is being polled, and is woken by the first poll: idle stays idle. Not started
//! in simulation.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use tokio::runtime::Handle;

use crate::seams::nanoseconds;
use crate::sync::lock;
use crate::tree::Tree;

/// How long a poll may last before the runtime is nudged, and how often it then is.
const NOTICE: Duration = Duration::from_millis(10);
/// The longest park, in case a wake-up was missed.
const LONG_PARK: Duration = Duration::from_secs(5);

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
    /// once for each poll that lasts longer than `limit`, with the actor's path and how long it has
    /// lasted.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(
        tree: &Tree,
        runtime: Handle,
        limit: Duration,
        on_stuck: impl Fn(&str, Duration) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (pulse, ending) = (tree.inner.pulse.clone(), Arc::new(AtomicBool::new(false)));
        let mut watch =
            Watch { tree: tree.clone(), runtime, limit_ns: nanoseconds(limit), told: BTreeMap::new() };
        let ended = ending.clone();
        let thread = thread::Builder::new().name("watchdog".into()).spawn(move || {
            let pulse = watch.tree.inner.pulse.clone();
            *lock(&pulse.thread) = Some(thread::current());
            while !ended.load(Ordering::SeqCst) {
                if !watch.look(&on_stuck) {
                    // Either a poll that begins now sees this, or the second look sees the poll.
                    pulse.parked.store(true, Ordering::SeqCst);
                    if !watch.anything_in_poll() && !ended.load(Ordering::SeqCst) {
                        thread::park_timeout(LONG_PARK);
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

struct Watch {
    tree: Tree,
    runtime: Handle,
    limit_ns: u64,
    /// The beginnings of the polls that were told of, by path.
    told: BTreeMap<Arc<str>, u64>,
}

impl Watch {
    /// Looks at everything once; whether anything was being polled.
    fn look(&mut self, on_stuck: &impl Fn(&str, Duration)) -> bool {
        let now_ns = (self.tree.inner.seams.mono_ns)();
        let (mut polled, mut long) = (false, false);
        for node in self.tree.nodes() {
            let Some(since_ns) = node.meter.poll_since_ns() else { continue };
            let lasted_ns = now_ns.saturating_sub(since_ns);
            polled = true;
            long |= lasted_ns >= nanoseconds(NOTICE);
            if lasted_ns > self.limit_ns && self.told.get(&node.path) != Some(&since_ns) {
                self.told.insert(node.path.clone(), since_ns);
                on_stuck(&node.path, Duration::from_nanos(lasted_ns));
            }
        }
        if long {
            drop(self.runtime.spawn(async {}));
        }
        polled
    }

    fn anything_in_poll(&self) -> bool {
        self.tree.nodes().iter().any(|node| node.meter.poll_since_ns().is_some())
    }
}
