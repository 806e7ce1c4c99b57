//! The real process, killed for real: what a client was told, and what a platform received, must be
//! in the store after every `kill -9`.
//!
//! This test is the oracle: it plays the sandbox (every request is fsynced to a file before it is
//! answered) and the client (every acknowledgement is kept), starts the daemon as a child, and
//! kills it at named points (seen as trace lines of the daemon, as requests received, or as answers
//! to the client) and at random. After each kill it reads the store that is left:
//!
//! - acknowledged ⊆ stored; received ⊆ permitted on record; no post is received twice;
//! - the audit chain verifies; ticks and schedules agree;
//! - in the end every post that may have happened is looked up, and its record says what is so.
//!
//! `MONEY_MACHINE_TEST_KILLS` sets the number of kills (100 where nothing is said). The test binary
//! is also the daemon: started with `MONEY_MACHINE_TEST_DAEMON` it is the program of
//! `examples/practice.rs`, so that there is an action with an effect to be killed in.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that plays the outside world")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio, Termination};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mm_core::activity::{ActionRecord, Stage};
use mm_core::digest::Digest;
use mm_core::id::{Space, StrategyId};
use mm_core::opportunity::{Opportunity, State};
use mm_core::run::RunRecord;
use mm_core::seams::SplitMix64;
use mm_services::records::ChangeRow;
use mm_store::{Span, Store};
use money_machine::sandbox::Sandbox;
use money_machine::sandbox::listener::serve;
use money_machine::sandbox::oracle::{Received, read_oracle};
use money_machine::sandbox::world::World;

#[path = "daemon/clock.rs"]
mod clock;
#[path = "../examples/practice.rs"]
mod practice;
#[path = "daemon/reviewed.rs"]
mod reviewed;

/// Where the daemon is killed. The first four are its own trace points.
const POINTS: [&str; 8] = [
    "gateway.send",
    "egress.cleared",
    "gateway.record",
    "host.commit",
    "received",
    "acknowledged",
    "booting",
    "random",
];
/// Nothing here takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    if std::env::var("MONEY_MACHINE_TEST_DAEMON").is_ok() {
        return practice::main().report();
    }
    // `cargo test -- --list` and the like ask for nothing here.
    if std::env::args().any(|arg| arg == "--list") {
        println!("kill_9_at_any_moment_loses_nothing_acknowledged: test");
        return ExitCode::SUCCESS;
    }
    let kills =
        std::env::var("MONEY_MACHINE_TEST_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(100);
    println!("\nrunning 1 test");
    kill_9_at_any_moment_loses_nothing_acknowledged(kills);
    println!("test kill_9_at_any_moment_loses_nothing_acknowledged ... ok");
    println!("\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n");
    ExitCode::SUCCESS
}

fn kill_9_at_any_moment_loses_nothing_acknowledged(kills: usize) {
    let arena = Arena::new();
    let mut random = SplitMix64(u64::from(std::process::id()));
    println!("seed {}, {kills} kills", random.0);
    let mut histogram: BTreeMap<&str, u32> = POINTS.iter().map(|point| (*point, 0)).collect();
    for round in 0..kills {
        let point = POINTS[round % POINTS.len()];
        let hit = arena.live_until_killed(point, &mut random);
        *histogram.get_mut(hit).unwrap() += 1;
        arena.check(round);
    }
    println!("killed at: {histogram:?}");
    assert!(kills < 50 || histogram.values().all(|hits| *hits > 0), "a point was never hit: {histogram:?}");
    arena.check_the_end();
}

/// What the client was told, and will hold the daemon to.
#[derive(Default)]
struct Told {
    states: BTreeMap<String, State>,
    runs: BTreeSet<String>,
}

struct Arena {
    dir: tempfile::TempDir,
    sandbox: Arc<Sandbox>,
    port: u16,
    told: Arc<Mutex<Told>>,
    _runtime: tokio::runtime::Runtime,
}

impl Arena {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let world = World::small(7).with_tick(Duration::from_millis(400));
        let sandbox = Sandbox::of_world(world).with_oracle(&dir.path().join("oracle.jsonl")).unwrap();
        let sandbox = Arc::new(sandbox);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let now = || {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
            since.as_millis() as i64
        };
        let listening = runtime.block_on(serve(sandbox.clone(), Arc::new(now))).unwrap();
        let port = listening.addr.port();
        // It ends with the runtime.
        std::mem::forget(listening);
        let arena = Self { dir, sandbox, port, told: Arc::default(), _runtime: runtime };
        std::fs::create_dir_all(arena.data().join("rules")).unwrap();
        std::fs::write(arena.data().join("rules/practice.toml"), reviewed::renewed(PRACTICE_PACK)).unwrap();
        let pack = include_str!("../config/rules/bounty-targets-data.toml");
        let pack = pack.replace("max = 10\n", "max = 100000\n").replace("max = 60\n", "max = 100000\n");
        std::fs::write(arena.data().join("rules/bounty-targets-data.toml"), pack).unwrap();
        std::fs::write(arena.config(), CONFIG).unwrap();
        reviewed::lay(&arena.data());
        arena
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn config(&self) -> PathBuf {
        self.dir.path().join("config.toml")
    }

    /// Starts the daemon and lets the client work until it is killed at `point`; says where it was.
    fn live_until_killed(&self, point: &'static str, random: &mut SplitMix64) -> &'static str {
        let nth = 1 + random.next_u64() % 5;
        let mut child = self.spawn();
        let seen = Arc::new(AtomicU32::new(0));
        let reader = follow(&mut child, self.data(), point, seen.clone());
        let stop = Arc::new(AtomicBool::new(false));
        let acknowledged = Arc::new(AtomicU32::new(0));
        let client = self.client(stop.clone(), acknowledged.clone(), random.next_u64());
        let received = self.sandbox.received_total();
        let wait = Duration::from_millis(match point {
            "booting" => random.next_u64() % 120,
            "random" => 200 + random.next_u64() % 1500,
            _ => u64::MAX,
        });
        let began = Instant::now();
        let enough = |count: u64| count >= nth;
        loop {
            let here = match point {
                "received" => enough(self.sandbox.received_total() - received),
                "acknowledged" => enough(u64::from(acknowledged.load(Ordering::SeqCst))),
                "booting" | "random" => began.elapsed() >= wait,
                _ => enough(u64::from(seen.load(Ordering::SeqCst))),
            };
            if here {
                break;
            }
            if let Some(status) = child.try_wait().unwrap() {
                panic!(
                    "the daemon ended by itself with {status} before {point}:\n{}",
                    reader.join().unwrap()
                );
            }
            if began.elapsed() >= PATIENCE {
                child.kill().unwrap();
                panic!("the daemon never came to {point}:\n{}", reader.join().unwrap());
            }
            std::thread::sleep(Duration::from_micros(100));
        }
        // SIGKILL: no handler runs, nothing is flushed.
        child.kill().unwrap();
        child.wait().unwrap();
        stop.store(true, Ordering::SeqCst);
        client.join().unwrap();
        drop(reader.join().unwrap());
        point
    }

    fn spawn(&self) -> Child {
        let config = self.config();
        self.command(&["run", "--sandbox", "--sandbox-port", &self.port.to_string()])
            .arg("--config")
            .arg(config)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        command(&self.data(), args)
    }

    /// A client that decides on opportunities and starts runs, and remembers what it was told.
    fn client(
        &self,
        stop: Arc<AtomicBool>,
        acknowledged: Arc<AtomicU32>,
        seed: u64,
    ) -> std::thread::JoinHandle<()> {
        let (data, told) = (self.data(), self.told.clone());
        std::thread::spawn(move || {
            let mut random = SplitMix64(seed);
            while !stop.load(Ordering::SeqCst) {
                let acted = if random.next_u64().is_multiple_of(3) {
                    start_a_run(&data, &told)
                } else {
                    decide_on_one(&data, &told, &mut random)
                };
                if acted {
                    acknowledged.fetch_add(1, Ordering::SeqCst);
                }
            }
        })
    }

    /// What must hold after every kill.
    fn check(&self, round: usize) {
        let Some(store) = self.store() else { return };
        let space = Space::default_owner();
        let told = self.told.lock().unwrap();
        for (id, state) in &told.states {
            let row = store.get::<Opportunity>(&space, id).unwrap();
            let stored = row.map(|row| row.value.state);
            assert_eq!(stored, Some(*state), "round {round}: the client was told that {id} is {state:?}");
        }
        for run in &told.runs {
            let row = store.get::<RunRecord>(&space, run).unwrap();
            assert!(row.is_some(), "round {round}: the client was told of run {run}, and it is not stored");
        }
        let report = store.audit_verify(1).unwrap();
        assert!(report.is_whole(), "round {round}: {:?}", report.broken);
        let ids: Vec<StrategyId> = ["bug-bounty", "practice"].iter().map(|id| id.parse().unwrap()).collect();
        assert_eq!(mm_services::integrity::check(&store, &ids).unwrap(), [], "round {round}");
        self.check_the_platform(&store, round);
    }

    /// Received ⊆ permitted on record, and no post twice.
    fn check_the_platform(&self, store: &Store, round: usize) {
        let mut permitted: BTreeMap<(String, String), usize> = BTreeMap::new();
        let mut from = 1;
        loop {
            let page = store.audit_range(from, 1000).unwrap();
            let Some(last) = page.rows.last() else { break };
            from = last.entry.seq + 1;
            for row in page.rows.iter().filter(|row| row.entry.kind == "action.permitted") {
                let payload: serde_json::Value = serde_json::from_str(&row.payload.text()).unwrap();
                let text = |key: &str| payload[key].as_str().unwrap().to_owned();
                *permitted.entry((text("method"), text("url"))).or_default() += 1;
            }
        }
        let mut received: BTreeMap<(String, String), usize> = BTreeMap::new();
        let mut posts = BTreeSet::new();
        for request in read_oracle(&self.dir.path().join("oracle.jsonl")).unwrap() {
            if request.method == "POST" {
                assert!(
                    posts.insert(request.body_sha256.clone()),
                    "round {round}: a post was received twice"
                );
            }
            // The record shows no queries: they may hold what is private.
            let url = match request.url.split_once('?') {
                Some((url, _)) => format!("{url}?…"),
                None => request.url,
            };
            *received.entry((request.method, url)).or_default() += 1;
        }
        for (what, times) in &received {
            let allowed = permitted.get(what).copied().unwrap_or(0);
            assert!(
                *times <= allowed,
                "round {round}: {what:?} was received {times} times, permitted {allowed}"
            );
        }
    }

    /// Once more alive and stopped in order: nothing hangs in the air.
    fn check_the_end(&self) {
        let mut child = self.spawn();
        let reader = follow(&mut child, self.data(), "host.commit", Arc::default());
        let began = Instant::now();
        while self.json(&["actions", "list", "--json"]).is_none_or(|actions| actions.iter().any(is_open)) {
            assert!(began.elapsed() < PATIENCE * 2, "what may have happened is never looked up");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
        let status = child.wait().unwrap();
        let log = reader.join().unwrap();
        assert!(status.success(), "an ordered stop ended with {status}:\n{log}");
        let store = self.store().unwrap();
        let received: BTreeSet<String> =
            self.received().into_iter().map(|request| request.body_sha256).collect();
        let (mut confirmed, mut settled, mut not_made) = (0, 0, 0);
        for (id, (stage, body)) in posts(&store) {
            let looked_up = store.get::<ActionRecord>(&Space::default_owner(), &id).unwrap().unwrap().value;
            settled += u32::from(looked_up.checks.iter().any(|check| check.rule == "look-up by reconciler"));
            match stage {
                Stage::Confirmed => confirmed += 1,
                Stage::Failed | Stage::Blocked => not_made += 1,
                // Those that the ordered stop cut off.
                _ => continue,
            }
            assert_eq!(stage == Stage::Confirmed, received.contains(&body), "{id} is {stage:?}");
        }
        println!("posts: {confirmed} confirmed, {not_made} not made; {settled} of them were looked up");
        assert!(confirmed > 0, "no post was ever confirmed");
        assert!(settled > 0, "no post was ever looked up");
    }

    /// What the platform received, over all lives.
    fn received(&self) -> Vec<Received> {
        let all = read_oracle(&self.dir.path().join("oracle.jsonl")).unwrap();
        all.into_iter().filter(|request| request.method == "POST").collect()
    }

    fn json(&self, args: &[&str]) -> Option<Vec<serde_json::Value>> {
        let output = self.command(args).output().unwrap();
        output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
    }

    /// The store that is left; `None` before there is one.
    fn store(&self) -> Option<Store> {
        self.data().join("store.redb").exists().then(|| match Store::open_read_only(self.data()) {
            Ok(store) => store,
            Err(error) => panic!("the store does not open: {}", money_machine::exit::chain(&error)),
        })
    }
}

/// Whether it is not known what became of it.
fn is_open(action: &serde_json::Value) -> bool {
    action["details"]["stage"] == "ambiguous"
}

/// Every post on record: where it stands, and the hash of what it sent.
fn posts(store: &Store) -> BTreeMap<String, (Stage, String)> {
    let space = Space::default_owner();
    let all = store.scan::<ActionRecord>(&space, Span::all(), usize::MAX).unwrap();
    let mut posts = BTreeMap::new();
    for (id, action) in all.rows.into_iter().filter(|(_, action)| action.value.method == "POST") {
        // What never had an intent is kept nowhere whole, and has sent nothing.
        if let Some(change) = store.get::<ChangeRow>(&space, &id).unwrap() {
            let body = Digest::of(change.value.action.request.body()).to_string();
            posts.insert(id, (action.value.stage, body));
        }
    }
    posts
}

fn command(data: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(args).arg("--data-dir").arg(data);
    command.env_clear().envs(clock::moved()).env("MONEY_MACHINE_TEST_DAEMON", "1").current_dir("/");
    command
}

/// Follows the daemon's log, counts the lines that name `point`, and keeps the last lines.
///
/// Who is killed three times in ten minutes before it was up, as happens here on a slow machine, comes up in
/// safe mode, and its owner has the kernel started: so does this one.
fn follow(
    child: &mut Child,
    data: PathBuf,
    point: &'static str,
    seen: Arc<AtomicU32>,
) -> std::thread::JoinHandle<String> {
    let stderr = BufReader::new(child.stderr.take().unwrap());
    std::thread::spawn(move || {
        let mut last = std::collections::VecDeque::new();
        for line in stderr.lines().map_while(Result::ok) {
            if line.contains("point") && line.contains(point) {
                seen.fetch_add(1, Ordering::SeqCst);
            }
            if line.contains("in safe mode") && line.contains("boots failed") {
                let data = data.clone();
                std::thread::spawn(move || start_the_kernel(&data));
            }
            last.push_back(line);
            if last.len() > 40 {
                last.pop_front();
            }
        }
        last.into_iter().collect::<Vec<_>>().join("\n")
    })
}

/// As the owner does whose machine is in safe mode. It may be killed again before it hears it.
fn start_the_kernel(data: &Path) {
    let words = ["actors", "restart", "kernel", "--reason", "it was killed on purpose"];
    let began = Instant::now();
    while began.elapsed() < PATIENCE && !command(data, &words).output().unwrap().status.success() {
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn start_a_run(data: &Path, told: &Mutex<Told>) -> bool {
    let output = command(data, &["strategy", "run", "practice", "--json"]).output().unwrap();
    if !output.status.success() {
        return false;
    }
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    told.lock().unwrap().runs.insert(answer["run"].as_str().unwrap().to_owned())
}

fn decide_on_one(data: &Path, told: &Mutex<Told>, random: &mut SplitMix64) -> bool {
    let output = command(data, &["opportunities", "list", "--json"]).output().unwrap();
    let Ok(serde_json::Value::Array(all)) = serde_json::from_slice(&output.stdout) else { return false };
    let Some(one) = all.get((random.next_u64() % all.len().max(1) as u64) as usize) else { return false };
    let id = one["id"].as_str().unwrap().to_owned();
    let (verb, state) = if random.next_u64().is_multiple_of(2) {
        ("accept", State::Accepted)
    } else {
        ("dismiss", State::Dismissed)
    };
    let mut told = told.lock().unwrap();
    let output = command(data, &["opportunities", verb, &id]).output().unwrap();
    if output.status.success() {
        told.states.insert(id, state);
        return true;
    }
    // Not acknowledged: it may be stored or not, so nothing can be held against the daemon.
    told.states.remove(&id);
    false
}

const CONFIG: &str = r#"
[limits]
max_daily_actions = 1000000
[logging]
file = false
[logging.levels]
mm_services = "trace"
[strategies.bug-bounty]
enabled = true
schedule = "every 1s"
[strategies.practice]
enabled = true
schedule = "every 1s"
"#;

const PRACTICE_PACK: &str = include_str!("../examples/practice.toml");
