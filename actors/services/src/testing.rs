//! A bench for tests: the whole of [`Services`] on one paused runtime, over a disk in memory.
//!
//! A test scripts the outside ([`World`]), the rule files ([`RuleFiles`]) and the strategies
//! ([`Script`]), then lives one or more lives of the machine with [`Bench::live`]. When the closure of
//! a life returns, the process "ends" as by `kill -9`: nothing is stopped in order, what the store had
//! on its disk is what the next life finds. Time is tokio's and goes on from life to life.
//!
//! It touches no disk, no socket and no real clock, except in [`Bench::live_on_threads`]. A probe that
//! never holds ends the test with a sentence that says what was waited for.

mod accounts;
mod machine;
mod rules;
mod script;
mod seams;
mod world;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mm_core::gate::{Look, Thresholds};
use mm_core::id::StrategyId;
use mm_core::moment::Moment;
use mm_core::schedule::{Schedule, Task};
use mm_store::{Mode as StoreMode, OpenError, Options, SharedMemory, Stamp, Store};
use mm_supervision::Sabotage;

use crate::accounts::MemoryKeys;
use crate::alerts::{Channel, NoChannel, TellSettings};
use crate::audit::{AuditSettings, InMemory};
use crate::reconciler::Reconcilers;
use crate::shared::{Installed, Settings};
use crate::strategies::pool::Mode;

pub use accounts::add_account;
pub use machine::{Machine, audit, rows};
pub use rules::{RuleFiles, head, limit, pack, rule};
pub use script::{HOST, PLATFORM, Script, action, draft, get, post, read, url};
pub use seams::{Seeded, SimClock};
pub use world::{Request, Said, World};

/// When every bench begins, unless it is set: a Sunday.
pub const BEGIN: &str = "2026-11-22T12:00:00Z";

/// What the bench's mask takes for a secret.
pub const SECRET: &str = "hunter2";

/// A machine that can be killed and started again.
pub struct Bench {
    /// The disk that outlives the lives.
    pub memory: SharedMemory,
    /// A directory whose store is used instead, so that bytes on a real disk can be changed. Closed in
    /// order between lives.
    pub dir: Option<PathBuf>,
    /// The outside: what it answers, and what it was asked.
    pub world: World,
    /// The rule files.
    pub rules: RuleFiles,
    /// Who tells the owner; nobody, unless it is set (and `settings.alerts.command`).
    pub channel: Arc<dyn Channel>,
    /// Keys and anchors, which outlive the lives.
    pub evidence: InMemory,
    /// Where the master key is.
    pub keys: MemoryKeys,
    /// What the services are configured with; the strategies are put in by [`Bench::install`].
    pub settings: Settings,
    /// Who breaks actors from outside, if anybody does.
    pub sabotage: Option<Arc<dyn Sabotage>>,
    /// The time at which the next life begins.
    pub now: Moment,
    /// From which all chance of the next life comes.
    pub seed: u64,
    /// What every look at resources sees, until a test says otherwise; over all lives.
    pub look: Arc<Mutex<Look>>,
}

impl Bench {
    /// A bench with one platform ([`PLATFORM`]) whose pack permits reads of everything on [`HOST`], a
    /// world that answers 200, no strategy, and no schedule that starts anything by itself.
    pub fn new(seed: u64) -> Self {
        let rules = RuleFiles::default();
        rules.put(&format!("{PLATFORM}.toml"), &pack(1000, "1d"));
        Self {
            memory: SharedMemory::new(),
            dir: None,
            world: World::default(),
            rules,
            channel: Arc::new(NoChannel),
            evidence: InMemory::default(),
            keys: MemoryKeys::default(),
            settings: settings(),
            sabotage: None,
            now: BEGIN.parse().expect("a time"),
            seed,
            look: Arc::default(),
        }
    }

    /// Installs a strategy, enabled, on a schedule that is next due in 2099 (and, as the first tick of
    /// every schedule, at once if scheduling is on).
    pub fn install(&mut self, script: Script) -> &mut Self {
        self.install_on(script, "at 2099-01-01T00:00:00Z")
    }

    /// Installs a strategy on a schedule.
    pub fn install_on(&mut self, script: Script, schedule: &str) -> &mut Self {
        let id: StrategyId = script.name().parse().expect("a strategy's name");
        let installed = Installed {
            make: Arc::new(move || Box::new(script.clone())),
            enabled: true,
            priority: 1,
            daily_actions_max: None,
            retries: 0,
            pays_within_days: None,
            task: Task::plain(Schedule::parse(schedule, "UTC").expect("a schedule")),
            schedule_text: schedule.to_owned(),
            config: serde_json::json!({}),
            place: None,
            mistake: None,
        };
        self.settings.strategies.insert(id, installed);
        self
    }

    /// What is installed under `id`, to be changed.
    pub fn installed(&mut self, id: &str) -> &mut Installed {
        let found = self.settings.strategies.iter_mut().find(|(own, _)| own.as_str() == id);
        found.map(|(_, installed)| installed).expect("an installed strategy")
    }

    /// One life of the machine: started, given to `life`, killed when that returns.
    pub fn live<T>(&mut self, life: impl AsyncFnOnce(&Machine) -> T) -> T {
        self.try_live(life).expect("the machine starts")
    }

    /// As [`Bench::live`]; the error says why the machine did not start.
    ///
    /// # Errors
    /// What the store or the tree said.
    pub fn try_live<T>(&mut self, life: impl AsyncFnOnce(&Machine) -> T) -> Result<T, String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        self.one_life(&runtime, Mode::Inline, life)
    }

    /// As [`Bench::live`] on real time, with runs on threads of their own.
    pub fn live_on_threads<T>(&mut self, life: impl AsyncFnOnce(&Machine) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        self.one_life(&runtime, Mode::Threads, life).expect("the machine starts")
    }

    fn one_life<T>(
        &mut self,
        runtime: &tokio::runtime::Runtime,
        mode: Mode,
        life: impl AsyncFnOnce(&Machine) -> T,
    ) -> Result<T, String> {
        let ends = Arc::new(Mutex::new(self.now));
        let out = runtime.block_on(async {
            let clock = Arc::new(SimClock::starting(self.now, self.world.jumps()));
            self.world.set_clock(clock.clone());
            let machine = Machine::start(self, clock.clone(), mode).await?;
            let out = life(&machine).await;
            // Cut off first: what is dropped from here on can write nothing more.
            self.memory.restart();
            *ends.lock().expect("not poisoned") = clock.now();
            drop(machine);
            Ok(out)
        });
        self.memory.restart();
        self.now = *ends.lock().expect("not poisoned");
        self.seed = self.seed.wrapping_add(1);
        out
    }

    /// The store as a kill left it, opened by itself: what stands there before anybody repairs it.
    ///
    /// It is a copy; the bench's own disk is not touched.
    pub fn look(&self) -> Store {
        self.try_look().expect("the store opens")
    }

    /// As [`Bench::look`], with what the store says if it does not open.
    ///
    /// # Errors
    /// The store's.
    pub fn try_look(&self) -> Result<Store, OpenError> {
        Store::open(Options::in_memory(self.memory.image(), Arc::new(Seeded::new(7))))
    }

    /// Changes the store behind the machine's back, between two lives.
    pub fn meddle(&self, meddle: impl FnOnce(&Store)) {
        let options = self.options(Arc::new(Seeded::new(8)));
        let store = Store::open(options).expect("the store opens");
        meddle(&store);
        store.close().expect("the store closes");
    }

    fn options(&self, entropy: Arc<Seeded>) -> Options {
        match &self.dir {
            Some(dir) => Options { mode: StoreMode::Inline, ..Options::in_dir(dir, Stamp::Sandbox, entropy) },
            None => Options::in_memory(self.memory.clone(), entropy),
        }
    }

    /// Changes a byte in the middle of each place on the directory's disk where `text` stands.
    ///
    /// # Panics
    /// If there is no directory, or the text stands nowhere.
    pub fn flip(&self, text: &str) {
        let path = self.dir.as_ref().expect("a directory").join(mm_store::DATABASE_FILE);
        let mut bytes = std::fs::read(&path).expect("readable");
        let places: Vec<usize> = bytes
            .windows(text.len())
            .enumerate()
            .filter(|(_, window)| *window == text.as_bytes())
            .map(|(at, _)| at + text.len() / 2)
            .collect();
        assert!(!places.is_empty(), "`{text}` stands nowhere");
        for at in places {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1;
            }
        }
        std::fs::write(&path, bytes).expect("writable");
    }

    /// A copy of this bench with a disk and a world of its own.
    pub fn fork(&self) -> Self {
        Self {
            memory: self.memory.image(),
            dir: None,
            world: self.world.fork(),
            rules: self.rules.fork(),
            channel: self.channel.clone(),
            evidence: self.evidence.fork(),
            keys: self.keys.fork(),
            settings: self.settings.clone(),
            sabotage: self.sabotage.clone(),
            now: self.now,
            seed: self.seed,
            look: Arc::new(Mutex::new(*self.look.lock().expect("not poisoned"))),
        }
    }
}

fn settings() -> Settings {
    Settings {
        version: "0.0.0-test",
        stamp: "sandbox",
        country: None,
        hourly_rate: None,
        strict: true,
        daily_actions_max: 1000,
        concurrent_runs_max: 3,
        metrics_interval: Duration::from_secs(3600),
        gates: Thresholds::default(),
        platform_hours: BTreeMap::new(),
        strategies: BTreeMap::new(),
        reconcilers: Reconcilers::default(),
        scheduling: false,
        alerts: TellSettings::default(),
        audit: AuditSettings::default(),
    }
}
