//! A machine whose road can be driven by hand: a store on a real disk, a pack with room for
//! everything, and the sandbox in this process or behind a socket.

use std::sync::Arc;
use std::time::Duration;

use mm_core::action::{Action, ActionKind, Method, Request};
use mm_core::id::{RunId, Space, StrategyId};
use mm_core::moment::Moment;
use mm_core::run::{RunRecord, Trigger};
use mm_core::seams::SharedClock;
use mm_core::url::LogicalUrl;
use mm_services::alerts::{NoChannel, TellSettings};
use mm_services::gateway::{Origin, Proposal};
use mm_services::resources::{Probe, Usage};
use mm_services::strategies::pool;
use mm_services::transport::{Loopback, Transport};
use mm_services::{RuleSource, Settings};
use mm_store::{Change, DataDir, Options, Stamp, Store};
use money_machine::inprocess::InProcess;
use money_machine::machine::{Machine, Running, Seams, VERSION};
use money_machine::sandbox::practice::PRACTICE_URL;
use money_machine::sandbox::{Sandbox, listener};
use money_machine::seams::{SeededRng, SystemClock, SystemEntropy};

/// One platform, one rule, and limits that are never reached.
const PACK: &str = r#"
[pack]
platform = "practice"
version = 1
hosts = ["practice.example"]
about = "The sandbox's practice platform, with room for a bench."

[[rule]]
id = "practice/post"
action = "post"
verdict = "permit"
reason = "it is there to be written to"
source = "benches/road.rs"
clause = "a post makes a post"
certainty = "primary"
reviewed = 2026-11-22

[rule.conditions]
method = ["POST"]
url = ["https://practice.example/v1/posts"]

[rule.obligations]
user_agent = "money-machine/{version} (bench)"

[[rule]]
id = "practice/read"
action = "read"
verdict = "permit"
reason = "it is there to be read"
source = "benches/road.rs"
clause = "a read reads"
certainty = "primary"
reviewed = 2026-11-22

[rule.conditions]
method = ["GET"]
url = ["https://practice.example/v1/posts"]

[rule.obligations]
user_agent = "money-machine/{version} (bench)"

[[limit]]
kind = "*"
scope = "platform"
max = 1000000000
per = "1s"
source = "benches/road.rs"
"#;

struct Pack;

impl RuleSource for Pack {
    fn stamp(&self) -> u64 {
        1
    }

    fn read(&self) -> Result<Vec<(String, String)>, String> {
        Ok(vec![("practice.toml".to_owned(), PACK.to_owned())])
    }

    fn place(&self) -> String {
        "benches/road.rs".to_owned()
    }
}

struct NoProbe;

impl Probe for NoProbe {
    fn look(&self) -> Usage {
        Usage::default()
    }
}

/// A store in a directory of its own on the disk that holds the build.
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

/// A machine, and the run that its proposals belong to.
pub struct Bench {
    pub running: Running,
    pub run: RunRecord,
    run_version: u64,
    _listening: Option<listener::Listening>,
    pub disk: Disk,
}

impl Bench {
    /// A machine without strategies.
    pub async fn start(over_loopback: bool) -> Self {
        Self::of(over_loopback, settings()).await
    }

    /// A machine with these settings.
    pub async fn of(over_loopback: bool, settings: Settings) -> Self {
        let disk = Disk::new();
        let clock: SharedClock = Arc::new(SystemClock::new(None));
        let sandbox = Arc::new(Sandbox::new(7));
        let (transport, listening) = if over_loopback {
            let now = clock.clone();
            let listening = listener::serve(sandbox, Arc::new(move || now.wall().unix_ms())).await.unwrap();
            (Arc::new(Loopback::to(listening.addr.port()).unwrap()) as Arc<dyn Transport>, Some(listening))
        } else {
            (Arc::new(InProcess::to(sandbox, clock.clone())) as Arc<dyn Transport>, None)
        };
        let seams = Seams {
            tree: Arc::new(|seams| seams),
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy::new()),
            rng: Arc::new(SeededRng::new(7)),
            transport,
            store: disk.store.clone(),
            rules: Arc::new(Pack),
            channel: Arc::new(NoChannel),
            evidence: mm_services::audit::Evidence::in_memory(&mm_services::audit::InMemory::default()),
            keys: Arc::new(mm_services::accounts::MemoryKeys::default()),
            probe: Arc::new(NoProbe),
            pool: pool::Mode::Threads,
            on_runs_stuck: Arc::new(|| {}),
            events: Arc::new(|_| {}),
            boots: mm_store::BootBook::in_memory(),
            hold: None,
        };
        let running = Machine::assemble(seams, settings, |_, _| None).await.unwrap();
        let run = run_record(clock.wall(), &disk.store);
        let change = Change::new().put(&run.space, run.id.as_str(), &run).unwrap();
        let run_version = disk.store.commit(change).await.unwrap().versions[0];
        Self { running, run, run_version, _listening: listening, disk }
    }

    /// A post that nobody has made yet.
    pub fn proposal(&self, nth: u64) -> Proposal {
        let url = LogicalUrl::parse(PRACTICE_URL).unwrap();
        let body = format!("{{\"post\":\"{nth:016x}\"}}").into_bytes();
        let request = Request::new(Method::Post, url, body).unwrap();
        let request = request.header("content-type", "application/json").unwrap();
        let (platform, kind) = ("practice".parse().unwrap(), ActionKind::new("post"));
        let action = Action::of(platform, kind, request, "write a practice post");
        Proposal {
            space: self.run.space.clone(),
            strategy: self.run.strategy.clone(),
            run: self.run.id.clone(),
            origin: Origin::Run { version: self.run_version },
            step: format!("post-{nth:08}"),
            first_hash: action.hash(),
            action,
            deadline: self.run.started.plus(Duration::from_secs(24 * 3600)),
            fence: Default::default(),
        }
    }
}

/// No strategies, and limits that are never reached.
pub fn settings() -> Settings {
    Settings {
        version: VERSION,
        stamp: "sandbox",
        country: None,
        hourly_rate: None,
        strict: true,
        daily_actions_max: u32::MAX,
        concurrent_runs_max: 3,
        metrics_interval: Duration::from_secs(3600),
        gates: Default::default(),
        platform_hours: Default::default(),
        strategies: Default::default(),
        reconcilers: Default::default(),
        scheduling: false,
        alerts: TellSettings::default(),
        audit: Default::default(),
    }
}

fn run_record(now: Moment, store: &Store) -> RunRecord {
    let strategy: StrategyId = "bench".parse().unwrap();
    RunRecord {
        id: RunId::new("bench-1"),
        space: Space::default_owner(),
        strategy,
        code_version: 1,
        epoch: store.epoch(),
        attempt: 1,
        trigger: Trigger::Operator,
        started: now,
        seed: 7,
        ended: None,
        outcome: None,
        actions: 0,
        found: 0,
        errors: Vec::new(),
        sources: Vec::new(),
        metrics: Vec::new(),
    }
}
