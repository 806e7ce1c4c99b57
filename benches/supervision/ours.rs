//! This project's side: children that say when they are up, and crash when told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mm_services::budgets::StoredBudgets;
use mm_store::{DataDir, Options, Stamp, Store};
use mm_supervision::{
    Budget, BudgetStore, Component, Fault, Handle, Inspect, Intensity, MemoryBudgets, Reply, Restart, Root,
    Seams, Strategy, SupervisorSpec, child,
};
use money_machine::seams::SystemEntropy;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

pub enum Msg {
    Crash,
    Total(Reply<u64>),
}

impl Inspect for Msg {
    fn kind(&self) -> &'static str {
        match self {
            Msg::Crash => "crash",
            Msg::Total(_) => "total",
        }
    }
}

struct Crasher {
    up: UnboundedSender<()>,
}

impl Component for Crasher {
    type Msg = Msg;
    type State = u64;

    async fn init(&self, _me: Handle<Msg>) -> Result<u64, Fault> {
        // The driver may be gone at the end.
        let _ = self.up.send(());
        Ok(0)
    }

    async fn handle(&self, _me: &Handle<Msg>, msg: Msg, total: &mut u64) -> Result<(), Fault> {
        match msg {
            Msg::Crash => return Err(Fault::bug("as told")),
            Msg::Total(reply) => {
                *total += 1;
                reply.send(*total);
            }
        }
        Ok(())
    }
}

/// A store on the disk that holds the build, as the daemon opens it.
pub struct Disk {
    pub store: Store,
    _dir: DataDir,
    _folder: tempfile::TempDir,
}

impl Disk {
    pub fn new() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let dir = DataDir::open_for_daemon(folder.path(), Stamp::Sandbox, std::process::id()).unwrap();
        let entropy = Arc::new(SystemEntropy::new());
        let store = Store::open(Options::in_dir(folder.path(), Stamp::Sandbox, entropy)).unwrap();
        Self { store, _dir: dir, _folder: folder }
    }
}

/// Who pays for restarts.
#[derive(Clone, Copy)]
pub enum Pays {
    /// Nobody: OTP's intensity alone.
    Nobody,
    /// Each child out of a durable budget of its own, recorded in blocks of so many.
    Child(u32),
    /// The supervisor, for all of them.
    Supervisor(u32),
}

/// A supervisor and its children.
pub struct Family {
    pub root: Root,
    pub handles: Vec<Handle<Msg>>,
    ups: UnboundedReceiver<()>,
    _disk: Option<Disk>,
}

fn endless(block: u32) -> Budget {
    Budget { restarts: u32::MAX, block }
}

impl Family {
    pub async fn start(count: usize, pays: Pays) -> Self {
        let (up, ups) = unbounded_channel();
        let intensity = Intensity { max: 1_000_000, within: Duration::from_secs(1) };
        let mut spec = SupervisorSpec::new(Strategy::OneForOne, intensity);
        let mut handles = Vec::with_capacity(count);
        for nth in 0..count {
            let (handle, up) = (Handle::new(), up.clone());
            let make = move || Crasher { up: up.clone() };
            let second = Duration::from_secs(1);
            let mut row = child(format!("child-{nth}"), "crashes", Restart::Permanent, second, &handle, make);
            if let Pays::Child(block) = pays {
                row = row.with_budget(endless(block));
            }
            spec = spec.with(row);
            handles.push(handle);
        }
        if let Pays::Supervisor(block) = pays {
            spec = spec.with_budget(endless(block));
        }
        let disk = (!matches!(pays, Pays::Nobody)).then(Disk::new);
        let budgets: Arc<dyn BudgetStore> = match &disk {
            Some(disk) => StoredBudgets::new(disk.store.clone()),
            None => Arc::new(MemoryBudgets::default()),
        };
        let seams = Seams::new(Arc::new(|| 0), Arc::new(|| 0.5), budgets, Arc::new(|_| {}));
        let root = Root::start(spec, seams).await.unwrap();
        let mut family = Self { root, handles, ups, _disk: disk };
        family.all_up().await;
        family
    }

    async fn all_up(&mut self) {
        for _ in 0..self.handles.len() {
            self.ups.recv().await.unwrap();
        }
    }

    /// One child crashes so many times, one after the other: nanoseconds until the next one is up,
    /// with a pause before each.
    pub async fn restarts(&mut self, count: usize, pause: Duration) -> Vec<f64> {
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            let began = Instant::now();
            self.handles[0].cast(Msg::Crash).unwrap();
            self.ups.recv().await.unwrap();
            times.push(began.elapsed().as_nanos() as f64);
        }
        times
    }

    /// All crash at once: nanoseconds until all are up again.
    pub async fn storm(&mut self) -> f64 {
        let began = Instant::now();
        for handle in &self.handles {
            handle.cast(Msg::Crash).unwrap();
        }
        self.all_up().await;
        began.elapsed().as_nanos() as f64
    }

    pub async fn stop(self) {
        assert!(self.root.stop(Duration::from_secs(30)).await.in_time);
    }
}
