//! A home for one data directory, children that do not outlive their test, and texts without what
//! changes from run to run.

use std::io::{BufRead, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mm_core::id::{Space, StrategyId};
use mm_store::{Change, Options, Stamp, Store};
use money_machine::sandbox::Sandbox;
use money_machine::sandbox::listener::{Listening, serve};
use money_machine::sandbox::oracle::Received;
use money_machine::sandbox::world::World;
use money_machine::seams::SystemEntropy;
use serde_json::Value;

#[path = "clock.rs"]
pub mod clock;
#[path = "reviewed.rs"]
mod reviewed;

/// Nothing here takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The settings of an owner who starts each run himself, before those of the strategies.
pub const OWNER: &str = r#"
[user]
email = "me@example.org"
location = "DE"
[logging]
file = false
[limits]
max_daily_actions = 100000
"#;

/// The strategy that is on runs once at the first start and by no tick after it: a test that counts must not
/// depend on the minute in which it is run.
pub const NO_TICKS: &str =
    "[strategies.bug-bounty]\nenabled = true\nschedule = \"at 2099-01-01T00:00:00Z\"\n";

/// A directory of one test; the data directory is `data` in it.
pub struct Home(tempfile::TempDir);

/// What a command said and how it ended.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    fn of(output: Output) -> Said {
        let Output { status, stdout, stderr } = output;
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { code: status.code().expect("it ends by itself"), out: text(stdout), err: text(stderr) }
    }
}

impl Home {
    pub fn new() -> Home {
        Home(tempfile::tempdir().unwrap())
    }

    /// One whose first `run --sandbox --once` has ended well.
    pub fn used() -> Home {
        let home = Home::new();
        assert_eq!(home.run("run --sandbox --once").code, 0);
        home
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let is_pack = path.parent().is_some_and(|parent| parent.ends_with("data/rules"));
        match std::str::from_utf8(text.as_ref()) {
            Ok(pack) if is_pack => std::fs::write(path, reviewed::renewed(pack)).unwrap(),
            _ => std::fs::write(path, text).unwrap(),
        }
    }

    /// The built-in rule pack with something changed in it, laid before the first start.
    pub fn pack(&self, change: impl Fn(String) -> String) {
        let pack = include_str!("../../config/rules/bounty-targets-data.toml");
        self.write("data/rules/bounty-targets-data.toml", change(pack.to_owned()));
    }

    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_money-machine"));
        command.args(line.split_whitespace());
        if line.starts_with("run ") {
            reviewed::lay(&self.data());
        }
        if !line.contains("--data-dir") {
            command.arg("--data-dir").arg(self.data());
        }
        command
            .current_dir(self.0.path())
            .env_clear()
            .envs(clock::moved())
            .env("HOME", self.0.path())
            .env("XDG_RUNTIME_DIR", self.0.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end; what it said without what changes from run to run.
    pub fn run(&self, line: &str) -> Said {
        let said = self.say(line);
        Said { out: self.plain(&said.out), err: self.plain(&said.err), ..said }
    }

    fn say(&self, line: &str) -> Said {
        Said::of(self.command(line).output().unwrap())
    }

    /// Runs a command with `text` on its stdin, to its end; what it said as it said it.
    pub fn pipe(&self, line: &str, text: &str) -> Said {
        let mut command = self.command(line);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that refuses at once does not read.
        drop(child.stdin.take().unwrap().write_all(text.as_bytes()));
        Said::of(child.wait_with_output().unwrap())
    }

    /// A run of a strategy that the daemon has, to its end.
    pub fn run_strategy(&self, daemon: &Daemon, name: &str) {
        let shown = || self.json(&format!("strategy show {name}"));
        let rests = || shown()["running"].is_null();
        daemon.until("rests", rests);
        let before = shown()["runs"].as_u64();
        daemon.until("starts a run", || self.run(&format!("strategy run {name}")).code == 0);
        daemon.until("ends its run", || shown()["runs"].as_u64() > before && rests());
    }

    /// A text without this home's name, without pids and times.
    pub fn plain(&self, text: &str) -> String {
        without_pids(&without_times(&text.replace(&self.0.path().display().to_string(), "HOME")))
    }

    /// What a command with `--json` answers; it must end well.
    pub fn json(&self, line: &str) -> Value {
        let (code, value) = self.json_and_code(line);
        assert_eq!(code, 0, "{line}: {value}");
        value
    }

    /// The same, however it ends.
    pub fn json_and_code(&self, line: &str) -> (i32, Value) {
        let said = self.say(&format!("{line} --json"));
        let value = serde_json::from_str(&said.out);
        (said.code, value.unwrap_or_else(|error| panic!("{line}: {error}: {}{}", said.out, said.err)))
    }

    /// Starts a daemon and waits until it is up: the admin answers first, while the kernel starts.
    pub fn start(&self, line: &str) -> Daemon {
        let daemon = self.spawn(line);
        daemon.until("comes up", || {
            let kernel = self.say("actors show kernel --json");
            let kernel: Value = serde_json::from_str(&kernel.out).unwrap_or_default();
            let up = kernel["state"] == "running" || kernel["state"] == "busy";
            up || self.is_in_safe_mode()
        });
        daemon
    }

    fn is_in_safe_mode(&self) -> bool {
        let status: Value = serde_json::from_str(&self.say("status --json").out).unwrap_or_default();
        status["safe_mode"] == true && status["safe_mode_why"].is_string()
    }

    pub fn spawn(&self, line: &str) -> Daemon {
        Daemon::of(self.command(line))
    }

    /// The store while no daemon runs.
    pub fn store(&self) -> Store {
        Store::open_read_only(self.data()).unwrap()
    }

    /// Writes to the store behind the machine's back.
    pub fn meddle(&self, change: Change) {
        let options = Options::in_dir(self.data(), Stamp::Sandbox, Arc::new(SystemEntropy::new()));
        let store = Store::open(options).unwrap();
        store.commit_blocking(change).unwrap();
        store.close().unwrap();
    }
}

pub fn space() -> Space {
    Space::default_owner()
}

pub fn bug_bounty() -> StrategyId {
    "bug-bounty".parse().unwrap()
}

/// A running daemon; killed when dropped.
pub struct Daemon {
    pub child: Child,
    out: Arc<Mutex<String>>,
    err: Arc<Mutex<String>>,
}

impl Daemon {
    pub fn of(mut command: Command) -> Daemon {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = collect(child.stdout.take().unwrap());
        let err = collect(child.stderr.take().unwrap());
        Daemon { child, out, err }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn out(&self) -> String {
        self.out.lock().unwrap().clone()
    }

    pub fn err(&self) -> String {
        self.err.lock().unwrap().clone()
    }

    /// Waits for a state.
    pub fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let began = Instant::now();
        while !holds() {
            assert!(began.elapsed() < PATIENCE, "it never {what}:\n{}{}", self.out(), self.err());
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// Waits for a state that a command shows.
    pub fn until_said(&self, text: &str) {
        self.until(&format!("says `{text}`"), || self.out().contains(text) || self.err().contains(text));
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name]).arg(self.pid().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    pub fn code(mut self) -> i32 {
        self.child.wait().unwrap().code().expect("it ends by itself")
    }

    /// SIGTERM, and the code it ends with.
    pub fn stop(self) -> i32 {
        self.signal("TERM");
        self.code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn collect(from: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let kept = Arc::new(Mutex::new(String::new()));
    let into = kept.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let mut kept = into.lock().unwrap();
            kept.push_str(&line);
            kept.push('\n');
        }
    });
    kept
}

/// The daemon's own time: what is dated otherwise, it does not trust.
pub fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    since.as_millis().try_into().unwrap()
}

/// The platforms, played by the test: what they received is the truth.
pub struct Outside {
    pub sandbox: Arc<Sandbox>,
    port: u16,
    _listening: Listening,
    _runtime: tokio::runtime::Runtime,
}

impl Outside {
    pub fn new(oracle: &Path) -> Outside {
        Outside::of(Sandbox::of_world(World::small(7).steady()).with_oracle(oracle).unwrap())
    }

    pub fn of(sandbox: Sandbox) -> Outside {
        let sandbox = Arc::new(sandbox);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listening = runtime.block_on(serve(sandbox.clone(), Arc::new(now_ms))).unwrap();
        Outside { sandbox, port: listening.addr.port(), _listening: listening, _runtime: runtime }
    }

    /// The command line of a daemon that dials it.
    pub fn run(&self) -> String {
        format!("run --sandbox --sandbox-port {}", self.port)
    }

    /// The same for one that runs its strategy at the first start, and by no tick after it.
    pub fn run_without_ticks(&self, home: &Home) -> String {
        home.write("no-ticks.toml", NO_TICKS);
        format!("{} --config no-ticks.toml", self.run())
    }

    pub fn received(&self) -> Vec<Received> {
        self.sandbox.received()
    }
}

/// `2026-11-22T17:38:10.981Z` becomes `TIME`.
fn without_times(text: &str) -> String {
    const SHAPE: &str = "dddd-dd-ddTdd:dd:dd";
    let mut rest = text;
    let mut plain = String::new();
    while !rest.is_empty() {
        let fits = rest.len() >= SHAPE.len()
            && SHAPE.bytes().zip(rest.bytes()).all(|(shape, byte)| match shape {
                b'd' => byte.is_ascii_digit(),
                shape => shape == byte,
            });
        let end = rest.bytes().skip(SHAPE.len()).position(|byte| !byte.is_ascii_digit() && byte != b'.');
        match end.filter(|_| fits).map(|end| SHAPE.len() + end) {
            Some(end) if rest.as_bytes()[end] == b'Z' => {
                plain.push_str("TIME");
                rest = &rest[end + 1..];
            }
            _ => {
                let first = rest.chars().next().unwrap();
                plain.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    plain
}

/// `pid 4711` becomes `pid PID`.
fn without_pids(text: &str) -> String {
    let mut parts = text.split("pid ");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        plain.push_str(if rest.len() < part.len() { "pid PID" } else { "pid " });
        plain.push_str(rest);
    }
    plain
}
