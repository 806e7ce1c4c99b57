//! A machine's parts made to stand still, one after the other, and what the watchdog gets meanwhile.

use std::io::{BufRead as _, BufReader};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use mm_core::seams::{Entropy, SplitMix64};
use mm_store::{Mode, Options, SharedMemory};
use mm_supervision::{
    Component, Fault, Handle as Actor, Inspect, Intensity, MemoryBudgets, Restart, Root, Seams, Strategy,
    SupervisorSpec, child,
};

use super::*;
use crate::notify::{Feeder, Notify};

/// Nothing here takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

struct Seeded(Mutex<SplitMix64>);

impl Entropy for Seeded {
    fn fill(&self, buffer: &mut [u8]) {
        let mut numbers = self.0.lock().unwrap();
        buffer.fill_with(|| numbers.next_u64() as u8);
    }
}

fn store() -> Store {
    let mut options = Options::in_memory(SharedMemory::new(), Arc::new(Seeded(Mutex::new(SplitMix64(1)))));
    options.mode = Mode::Threaded;
    Store::open(options).unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Holds its thread until it is let go.
struct Spin(Arc<AtomicBool>);

impl Inspect for Spin {
    fn kind(&self) -> &'static str {
        "spin"
    }
}

struct Spinner;

impl Component for Spinner {
    type Msg = Spin;
    type State = ();

    async fn init(&self, _: Actor<Spin>) -> Result<(), Fault> {
        Ok(())
    }

    async fn handle(&self, _: &Actor<Spin>, Spin(go_on): Spin, (): &mut ()) -> Result<(), Fault> {
        while !go_on.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        Ok(())
    }
}

/// A tree with one actor that spins when told to.
fn tree(runtime: &tokio::runtime::Runtime) -> (Root, Actor<Spin>) {
    let actor = Actor::new();
    let spec = SupervisorSpec::new(Strategy::OneForOne, Intensity::default());
    let spec = spec.with(child("spinner", "", Restart::Permanent, PATIENCE, &actor, || Spinner));
    let seams =
        Seams::new(Arc::new(|| 0), Arc::new(|| 0.5), Arc::new(MemoryBudgets::default()), Arc::new(|_| {}));
    (runtime.block_on(Root::start(spec, seams)).unwrap(), actor)
}

fn progress(runtime: &tokio::runtime::Runtime, store: &Store, root: &Root) -> Progress {
    let limits = Limits { poll: Duration::from_millis(50), hang: PATIENCE, times_usual: 20 };
    let (runtime, store, tree) = (runtime.handle().clone(), store.clone(), root.tree());
    Progress { runtime, store, tree, limits, within: PATIENCE }
}

struct Ear(BufReader<UnixStream>);

impl Ear {
    /// The next line, if one comes in time.
    fn next(&mut self, within: Duration) -> Option<String> {
        self.0.get_ref().set_read_timeout(Some(within)).unwrap();
        let mut line = String::new();
        self.0.read_line(&mut line).ok()?;
        Some(line.trim_end().to_owned())
    }

    /// Hears on until this is said; what was said before.
    fn until(&mut self, line: &str) -> Vec<String> {
        let mut before = Vec::new();
        loop {
            let heard = self.next(PATIENCE).unwrap_or_else(|| panic!("never `{line}`: {before:?}"));
            if heard == line {
                return before;
            }
            before.push(heard);
        }
    }
}

#[test]
fn a_kernel_actor_that_does_not_yield_is_not_fed_for_and_is_named() {
    let (runtime, store) = (runtime(), store());
    let (root, actor) = tree(&runtime);
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut ear = Ear(BufReader::new(theirs));
    let progress = progress(&runtime, &store, &root);
    let limit = Duration::from_millis(80);
    let feeder = Feeder::start(Notify::guardian(ours), limit, move || progress.stalls()).unwrap();
    assert_eq!(ear.until("WATCHDOG=1"), [""; 0]);

    let go_on = Arc::new(AtomicBool::new(false));
    actor.cast(Spin(go_on.clone())).unwrap();
    ear.until("STATUS=no progress: actor spinner stands still with `spin`");
    // Nothing but the case itself is told until it goes on, however often it is looked at.
    assert_eq!(ear.next(limit * 5), None, "fed although it stands still");
    go_on.store(true, Ordering::SeqCst);
    assert_eq!(ear.until("WATCHDOG=1"), [""; 0]);
    drop(feeder);
    assert!(runtime.block_on(root.stop(PATIENCE)).in_time);
}

#[test]
fn a_store_that_takes_no_changes_is_not_fed_for() {
    let (runtime, store) = (runtime(), store());
    let (root, _actor) = tree(&runtime);
    let progress = progress(&runtime, &store, &root);
    assert_eq!(progress.stalls(), None);
    store.close().unwrap();
    assert_eq!(progress.stalls().as_deref(), Some("the store takes no changes any more"));
}

#[test]
fn a_runtime_that_takes_up_no_task_is_not_fed_for() {
    let (runtime, store) = (runtime(), store());
    let (root, _actor) = tree(&runtime);
    // It runs only while somebody blocks on it, and nobody does.
    let idle = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let progress = Progress {
        runtime: idle.handle().clone(),
        within: Duration::from_millis(20),
        ..progress(&runtime, &store, &root)
    };
    assert_eq!(progress.stalls().as_deref(), Some("the runtime takes up no task"));
}
