//! A whole machine, simulated: every service on one current-thread runtime whose time is paused, the
//! store inline on a disk in memory, the sandbox in process, all chance from one seed.
//!
//! Same seed and same calls, same [`Simulation::trace`], byte for byte. A week takes seconds, and the
//! machine can be killed at any moment, or lose its power, and be started again on the same disk.
//! What is simulated is what [`Seams`] hold and nothing else: the services are the real ones.
//!
//! It touches no file, socket, clock or thread. The runtime is made by the caller, like every other
//! seam; if its time is not paused, a simulated week takes a week. When the machine cannot start, the
//! simulation panics: it is a tool for tests and for trying things out, and that is a finding.

mod accounts;
pub mod check;
pub mod history;
mod owner;
pub mod paused;
mod recorder;
mod rehearsal;
pub mod report;
mod seams;
mod weather;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use mm_core::moment::Moment;
use mm_core::seams::{Clock, SharedEntropy, SharedRng};
use mm_services::accounts::MemoryKeys;
use mm_services::alerts::NoChannel;
use mm_services::audit::{Evidence, InMemory};
use mm_services::resources::{Probe, Usage};
use mm_services::strategies::pool;
use mm_store::{BootBook, Fault, Options, SharedMemory, Stamp, Store};
use mm_supervision::StopReport;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::Notify;

use crate::admin::{AdminService, Info, Ops, answer};
use crate::config::{self, Config, Env, Overrides, Sources};
use crate::inprocess::InProcess;
use crate::machine::{AssemblyError, Machine, Running, Seams, VERSION, boots};
use crate::rules::FixedRules;
use crate::sandbox::Sandbox;
use crate::sandbox::world::World;
use crate::seams::SeededRng;
pub use owner::Owner;
use recorder::Recorder;
pub use rehearsal::{Rehearsed, rehearse};
pub use seams::LAG_MAX;
use seams::{SimClock, SimEntropy, Wire};
pub use weather::Weather;

/// How long an ordered stop may take, in simulated time.
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// Changes the seams of a machine before it is assembled: how a test plants a bug from outside.
pub type Wrap = Arc<dyn Fn(Seams) -> Seams + Send + Sync>;

/// What is simulated.
#[derive(Clone)]
pub struct Plan {
    /// All chance comes from it.
    pub seed: u64,
    /// The time of day at the first start.
    pub began: Moment,
    /// The platforms.
    pub sandbox: Arc<Sandbox>,
    /// The strategies.
    pub machine: Machine,
    /// The settings.
    pub config: Config,
    /// The rule packs, by file name.
    pub rules: FixedRules,
    /// How the owner answers what waits for him, in a rehearsal.
    pub owner: Owner,
    /// Makes the runtime of each start: current-thread, with paused time.
    pub runtime: fn() -> Runtime,
    /// Changes the seams; the usual one changes nothing.
    pub wrap: Wrap,
}

impl Plan {
    /// The program's own strategies and settings, and a small made world, from the beginning of
    /// that world's July 2026 on.
    pub fn new(seed: u64, runtime: fn() -> Runtime) -> Self {
        let machine = Machine::new().with_builtins();
        let config = defaults(&machine);
        Self {
            seed,
            // 2026-07-01T00:20:00Z: not on the hour, so that the first run is not a tick's own.
            began: Moment::from_unix_ms(1_782_865_200_000),
            sandbox: Arc::new(Sandbox::of_world(World::small(seed))),
            machine,
            config,
            rules: FixedRules::built_in(),
            owner: Owner::Silent,
            runtime,
            wrap: Arc::new(|seams| seams),
        }
    }

    /// The same with another beginning.
    #[must_use]
    pub fn from(self, began: Moment) -> Self {
        Self { began, ..self }
    }

    /// The same with other platforms.
    #[must_use]
    pub fn at(self, sandbox: Sandbox) -> Self {
        Self { sandbox: Arc::new(sandbox), ..self }
    }

    /// The same with other seams.
    #[must_use]
    pub fn wrapped(self, wrap: impl Fn(Seams) -> Seams + Send + Sync + 'static) -> Self {
        Self { wrap: Arc::new(wrap), ..self }
    }
}

/// The built-in settings, nothing laid over them.
fn defaults(machine: &Machine) -> Config {
    let sources = Sources {
        file: None,
        env: Env::default(),
        flags: Overrides::default(),
        installed: &machine.names(),
        check_schedule: |text| {
            mm_core::schedule::Schedule::parse(text, "UTC").map(|_| ()).map_err(|bad| bad.to_string())
        },
    };
    config::load(sources).expect("the built-in settings hold no mistake").config
}

/// How a machine ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// In order.
    Stopped,
    /// As by `kill -9`: all that was written survives.
    Killed,
    /// Without power: of what was written and not synced, a random half of the sectors survives.
    PowerLoss,
}

/// The machine ended by itself before its time was over: its disk failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the disk failed at {0}, and the machine ended")]
pub struct Died(pub Moment);

/// A simulated machine, its disk and its surroundings.
pub struct Simulation {
    plan: Plan,
    memory: SharedMemory,
    recorder: Recorder,
    entropy: SharedEntropy,
    rng: SharedRng,
    evidence: InMemory,
    keys: MemoryKeys,
    requests: Arc<AtomicU64>,
    /// Until when its disk is full, in milliseconds since 1970.
    full_until_ms: Arc<AtomicI64>,
    /// Why the next start is in safe mode, if it is.
    hold: Option<String>,
    boot: Option<Boot>,
    boots: u64,
}

/// One start of the machine, up to its end.
struct Boot {
    runtime: Runtime,
    running: Running,
    ops: Arc<Ops>,
    clock: Arc<SimClock>,
    failed: Arc<Failed>,
}

/// Set when the store has failed.
#[derive(Default)]
struct Failed {
    is: AtomicBool,
    told: Notify,
}

impl Simulation {
    /// A machine that was just started for the first time.
    ///
    /// # Panics
    /// If it does not start.
    pub fn new(plan: Plan) -> Self {
        let began = plan.began;
        let mut simulation = Self {
            memory: SharedMemory::new(),
            recorder: Recorder::default(),
            entropy: Arc::new(SimEntropy::new(plan.seed)),
            rng: Arc::new(SeededRng::new(plan.seed ^ 0x6a69_7474_6572)),
            evidence: InMemory::default(),
            keys: MemoryKeys::default(),
            requests: Arc::default(),
            full_until_ms: Arc::default(),
            hold: None,
            boot: None,
            boots: 0,
            plan,
        };
        simulation.start(began).expect("the simulated machine starts");
        simulation
    }

    /// Lets simulated time pass.
    ///
    /// # Errors
    /// [`Died`] if the disk fails meanwhile; then only [`Simulation::restart`] leads on.
    ///
    /// # Panics
    /// If the machine is not up.
    pub fn run_for(&mut self, time: Duration) -> Result<(), Died> {
        let boot = self.boot.as_ref().expect("the machine is up");
        let died = boot.runtime.block_on(async {
            let failure = boot.failed.told.notified();
            tokio::select! {
                biased;
                () = failure => true,
                () = tokio::time::sleep(time) => boot.failed.is.load(Ordering::Acquire),
            }
        });
        self.recorder.catch_up();
        if died { Err(Died(self.now())) } else { Ok(()) }
    }

    /// Lets time pass until `until`; see [`Simulation::run_for`].
    ///
    /// # Errors
    /// [`Died`].
    pub fn run_until(&mut self, until: Moment) -> Result<(), Died> {
        self.run_for(until.since(self.now()))
    }

    /// Ends the machine and starts it again on the same disk, `down` later.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart(&mut self, end: End, down: Duration) {
        let at = self.now().plus(down);
        self.restart_at(end, at);
    }

    /// Ends the machine and starts it again on the same disk at a time of day.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart_at(&mut self, end: End, at: Moment) {
        self.end(end);
        self.start(at).expect("the simulated machine starts");
    }

    /// Ends the machine and starts it again `down` later, in safe mode: so many starts before that one have
    /// failed. The next restart is an ordinary one.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart_after_failures(&mut self, end: End, down: Duration) {
        let (book, at) = (BootBook::in_memory(), self.now().plus(down));
        let begin = || book.begin(at).expect("no file stands behind it");
        for _ in 0..boots::FAILED_MAX {
            begin();
        }
        self.hold = boots::hold(&begin(), at);
        self.restart_at(end, at);
        self.hold = None;
    }

    /// Ends the machine, if it is up, and tries to start it again on the same disk at a time of day.
    ///
    /// # Errors
    /// [`AssemblyError`] if it does not start; it is down then.
    pub fn try_restart_at(&mut self, end: End, at: Moment) -> Result<(), AssemblyError> {
        self.end(end);
        self.start(at)
    }

    /// Stops the machine in order; only a restart leads on.
    ///
    /// # Panics
    /// If it is not up.
    pub fn stop(&mut self) -> StopReport {
        self.end(End::Stopped).expect("the machine is up")
    }

    /// Does something with the running machine, inside its runtime.
    ///
    /// # Panics
    /// If it is not up.
    pub fn with<T>(&self, act: impl AsyncFnOnce(&Running) -> T) -> T {
        let boot = self.boot.as_ref().expect("the machine is up");
        boot.runtime.block_on(act(&boot.running))
    }

    /// Asks the admin in process: status and body.
    ///
    /// # Panics
    /// If the machine is not up.
    pub fn ask(&self, method: &str, target: &str, body: &Value) -> (u16, Value) {
        let boot = self.boot.as_ref().expect("the machine is up");
        let said = boot.runtime.block_on(answer(&boot.ops, method, target, body));
        self.recorder.line(format!("asked {} {method} {target}", said.0));
        if accounts::is_shown_in(&said.1) {
            self.recorder.line(format!("leaked {method} {target}"));
        }
        said
    }

    /// The time of day.
    ///
    /// # Panics
    /// If the machine is not up.
    pub fn now(&self) -> Moment {
        let boot = self.boot.as_ref().expect("the machine is up");
        let _inside = boot.runtime.enter();
        boot.clock.wall()
    }

    /// What happened so far, a line each: what became of actors, every audit entry, every exchange.
    pub fn trace(&self) -> Vec<String> {
        self.recorder.lines()
    }

    /// The same from a line on, counted from 0.
    pub fn trace_from(&self, line: usize) -> Vec<String> {
        self.recorder.lines_from(line)
    }

    /// The disk: for faults, and for looking at what is on it.
    pub fn memory(&self) -> &SharedMemory {
        &self.memory
    }

    /// The platforms.
    pub fn sandbox(&self) -> &Sandbox {
        &self.plan.sandbox
    }

    /// What it was made with.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// A store opened on a copy of the disk as it is now: what is done with it changes nothing.
    ///
    /// # Panics
    /// If it does not open.
    pub fn store(&self) -> Store {
        let options = Options::in_memory(self.memory.image(), Arc::new(SimEntropy::new(0)));
        Store::open(options).expect("a copy of a running machine's disk opens as after a kill")
    }

    /// The store that the machine has open, for reading.
    ///
    /// # Panics
    /// If the machine is not up.
    pub fn live_store(&self) -> Store {
        self.recorder.store().expect("the machine is up")
    }

    /// From here on, the disk fails at its `ops`-th operation and stays dead.
    pub fn let_disk_fail_after(&self, ops: u64) {
        self.memory.inject(Fault::DeadAt(ops));
    }

    /// From here on, and for so long, the disk is full: runs are held, and what the machine itself writes is not.
    pub fn fill_disk_for(&self, time: Duration) {
        let (now, until) = (self.now(), self.now().plus(time));
        self.recorder.line(format!("full {now} {until}"));
        self.full_until_ms.store(until.unix_ms(), Ordering::Release);
    }

    fn start(&mut self, at: Moment) -> Result<(), AssemblyError> {
        self.boots += 1;
        self.recorder.line(format!("boot {} {at}", self.boots));
        let runtime = (self.plan.runtime)();
        let failed = Arc::<Failed>::default();
        let on_fatal = {
            let failed = failed.clone();
            move |_| {
                failed.is.store(true, Ordering::Release);
                failed.told.notify_one();
            }
        };
        let options = Options {
            on_fatal: Arc::new(on_fatal),
            ..Options::in_memory(self.memory.clone(), self.entropy.clone())
        };
        // An earlier life's store is let go before another opens the disk.
        self.recorder.watch(None);
        let store = Store::open(options).expect("the simulated disk opens");
        self.recorder.watch(Some(store.clone()));
        let (clock, running, ops) = runtime.block_on(async {
            let clock = Arc::new(SimClock::from(at));
            let seams = (self.plan.wrap)(self.seams(store, clock.clone()));
            let settings = self.plan.machine.settings(&self.plan.config, "sandbox", true);
            let settings = settings.expect("the strategies' own schedules parse");
            let mut ops = None;
            let running = Machine::assemble(seams, settings, |services, tree| {
                let ops = ops.insert(Arc::new(Ops::new(services.clone(), tree, None, info(at))));
                Some(AdminService::row(ops.clone()))
            });
            (clock, running.await, ops)
        });
        let running = running?;
        let ops = ops.expect("a machine that is up has asked for its admin");
        self.boot = Some(Boot { runtime, running, ops, clock, failed });
        // What was begun in the very moment of the start belongs to it.
        self.recorder.catch_up();
        Ok(())
    }

    fn seams(&self, store: Store, clock: Arc<SimClock>) -> Seams {
        let sandbox = InProcess::to(self.plan.sandbox.clone(), clock.clone());
        let wire = Wire {
            inner: sandbox,
            recorder: self.recorder.clone(),
            requests: self.requests.clone(),
            seed: self.plan.seed,
        };
        let events = self.recorder.clone();
        Seams {
            probe: Arc::new(Disk { full_until_ms: self.full_until_ms.clone(), clock: clock.clone() }),
            clock,
            entropy: self.entropy.clone(),
            rng: self.rng.clone(),
            transport: Arc::new(wire),
            store,
            rules: Arc::new(self.plan.rules.clone()),
            channel: Arc::new(NoChannel),
            evidence: Evidence::in_memory(&self.evidence),
            keys: Arc::new(self.keys.clone()),
            pool: pool::Mode::Inline,
            on_runs_stuck: Arc::new(|| {}),
            events: Arc::new(move |event| events.actor(event)),
            tree: Arc::new(|seams| seams),
            boots: BootBook::in_memory(),
            hold: self.hold.clone(),
        }
    }

    /// Gives the report of a stop in order.
    fn end(&mut self, end: End) -> Option<StopReport> {
        let now = self.boot.is_some().then(|| self.now())?;
        self.recorder.catch_up();
        self.recorder.line(format!("end {end:?} {now}"));
        let Boot { runtime, running, .. } = self.boot.take()?;
        let mut report = None;
        // Cut off before anything is dropped: the dead write nothing.
        match end {
            End::Stopped => {
                report = Some(runtime.block_on(running.stop(STOP_WITHIN)));
                self.recorder.catch_up();
            }
            End::Killed => self.memory.restart(),
            End::PowerLoss => self.memory.power_loss(self.plan.seed ^ self.boots),
        }
        // Tasks that are dropped tell their supervisors, who are dropped too: that is no event.
        self.recorder.watch(None);
        drop(runtime);
        report
    }
}

/// What a simulated machine knows of itself: no process, no files.
fn info(started: Moment) -> Info {
    Info {
        pid: 0,
        started,
        data_dir: "/simulated".into(),
        stamp: Stamp::Sandbox,
        version: VERSION,
        config_json: Value::Null,
        config_text: String::new(),
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        drop(self.end(End::Killed));
    }
}

/// A disk that is full up to a moment and has room then, and memory that nobody measures.
struct Disk {
    full_until_ms: Arc<AtomicI64>,
    clock: Arc<SimClock>,
}

impl Probe for Disk {
    fn look(&self) -> Usage {
        let is_full = self.clock.wall().unix_ms() < self.full_until_ms.load(Ordering::Acquire);
        Usage { disk_free_bytes: Some(if is_full { 0 } else { 1 << 40 }), ..Usage::default() }
    }
}
