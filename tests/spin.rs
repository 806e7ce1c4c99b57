//! Strategies that do not behave: one spins and never yields, one panics. The real process answers
//! meanwhile, gives the run up, takes nothing more from it, and goes on.
//!
//! The test binary is also the daemon: started with `MONEY_MACHINE_TEST_DAEMON` it is a machine with
//! these strategies. What is to be waited for is a state, so a spin lasts until the test makes a file.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that plays the outside world")]

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio, Termination};
use std::time::{Duration, Instant};

use mm_core::id::Space;
use mm_core::opportunity::Opportunity;
use mm_core::run::{Outcome, RunRecord};
use mm_sdk::{
    About, Act, Action, ActionKind, Check, Context, Draft, Fault, Guide, GuideStep, How, LogicalUrl, Method,
    Payout, Report, Request, Strategy, async_trait,
};
use mm_store::{Span, Store};
use money_machine::machine::Machine;
use serde_json::Value;

#[path = "daemon/harness.rs"]
#[expect(dead_code, reason = "the other test of the daemon uses all of it")]
mod harness;

use harness::{Daemon, Home, Outside};

/// Holds its thread, without yielding, until a file is there; then it tries to act and to be believed.
struct Spin {
    name: &'static str,
    until: PathBuf,
}

/// Panics in every run.
struct Panics;

fn about(name: &'static str) -> About {
    About {
        name,
        description: "does not behave",
        code_version: 1,
        required_accounts: &[],
        time_to_first_dollar: "never",
        automation_level: 1.0,
        schedule: "every 24h",
        deadline: Duration::from_millis(300),
        proposes: &[("practice", "post")],
        guide: Guide {
            steps: &[GuideStep {
                title: "none",
                how: How::Automated { what: "nothing" },
                check: Check::HasSucceeded,
            }],
            payout: Payout { holder: "nobody", minimum: "nothing", how_long: "never", days_max: None },
        },
    }
}

#[async_trait]
impl Strategy for Spin {
    fn about(&self) -> About {
        about(self.name)
    }

    fn initialise(&mut self, config: &Value) -> Result<(), String> {
        self.until = config["until"].as_str().ok_or("it needs `until`")?.into();
        Ok(())
    }

    async fn execute(&mut self, cx: &mut Context<'_>) -> Result<Report, Fault> {
        cx.found(late_draft());
        while !self.until.exists() {
            // A spin, kind to the other tests on this computer: nothing is awaited.
            for _ in 0..200_000 {
                std::hint::spin_loop();
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let url = LogicalUrl::parse("https://practice.example/v1/posts").unwrap();
        let request = Request::new(Method::Post, url, br#"{"post":"late"}"#.to_vec()).unwrap();
        let (platform, kind) = ("practice".parse().unwrap(), ActionKind::new("post"));
        let action = Action::of(platform, kind, request, "come too late");
        // It swallows what it is told, and claims to have done well.
        let acted = matches!(cx.act("late", action).await, Ok(Act::Done(_)));
        Ok(Report { metrics: vec![("acted".to_owned(), i64::from(acted))], ..Report::default() })
    }
}

fn late_draft() -> Draft {
    Draft {
        platform: "practice".to_owned(),
        kind: "late".to_owned(),
        about: vec!["late".to_owned()],
        title: "late".to_owned(),
        url: "https://practice.example/".to_owned(),
        reward: None,
        score: 1,
        reason: "late".to_owned(),
        evidence: None,
        details: serde_json::json!({}).into(),
        tell: true,
        deadline: None,
        payer: None,
        facts: mm_sdk::Facts::default(),
    }
}

#[async_trait]
impl Strategy for Panics {
    fn about(&self) -> About {
        about("panics")
    }

    fn initialise(&mut self, _config: &Value) -> Result<(), String> {
        Ok(())
    }

    async fn execute(&mut self, cx: &mut Context<'_>) -> Result<Report, Fault> {
        cx.found(late_draft());
        panic!("on purpose");
    }
}

fn main() -> ExitCode {
    let spin = |name| move || Spin { name, until: PathBuf::new() };
    if std::env::var("MONEY_MACHINE_TEST_DAEMON").is_ok() {
        let machine = Machine::new().with(spin("spin-a")).with(spin("spin-b")).with(spin("spin-c"));
        return machine.with(|| Panics).main().report();
    }
    let tests: [(&str, fn()); 4] = [
        ("a_run_that_never_yields_is_stuck_and_its_late_result_is_refused", never_yields),
        ("a_third_stuck_run_ends_the_process_in_a_controlled_way", third_stuck),
        ("a_run_that_never_yields_does_not_starve_the_watchdog", spins_and_feeds),
        ("a_strategy_that_panics_is_tripped_and_the_daemon_goes_on", panics),
    ];
    let args: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test -- --list` and the like ask for nothing here.
    if args.iter().any(|arg| arg == "--list") {
        tests.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let filter = args.iter().find(|arg| !arg.starts_with('-'));
    let wanted = tests.iter().filter(|(name, _)| filter.is_none_or(|part| name.contains(part.as_str())));
    println!("\nrunning {} tests", wanted.clone().count());
    for (name, test) in wanted {
        test();
        println!("test {name} ... ok");
    }
    println!("\ntest result: ok\n");
    ExitCode::SUCCESS
}

/// A home whose daemon is this binary.
struct Place {
    home: Home,
    outside: Outside,
}

impl Place {
    fn new(spins: &[&str], panics: bool) -> Place {
        let home = Home::new();
        let outside = Outside::new(&home.path("oracle.jsonl"));
        let mut config = "[limits]\nmax_concurrent_strategies = 4\n".to_owned();
        for name in ["spin-a", "spin-b", "spin-c"] {
            let (on, until) = (spins.contains(&name), home.path(name));
            config.push_str(&format!(
                "[strategies.{name}]\nenabled = {on}\n[strategies.{name}.config]\nuntil = {until:?}\n"
            ));
        }
        config.push_str(&format!("[strategies.panics]\nenabled = {panics}\n"));
        home.write("config.toml", config);
        home.write("data/rules/practice.toml", PRACTICE_PACK.replace("max = 100000", "max = 100"));
        Place { home, outside }
    }

    /// Has the daemon tell its alerts to a file, one a line.
    fn told(&self) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let (tell, told) = (self.home.path("tell"), self.home.path("told"));
        self.home.write("tell", format!("#!/bin/sh\ncat >> {}\n", told.display()));
        std::fs::set_permissions(&tell, std::fs::Permissions::from_mode(0o700)).unwrap();
        let config = std::fs::read_to_string(self.home.path("config.toml")).unwrap();
        self.home.write("config.toml", format!("{config}[alerts]\ncommand = [{tell:?}]\n"));
        told
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(line.split_whitespace()).arg("--data-dir").arg(self.home.data());
        command.arg("--config").arg(self.home.path("config.toml")).env_clear().envs(harness::clock::moved());
        command.env("MONEY_MACHINE_TEST_DAEMON", "1").current_dir("/").stdin(Stdio::null());
        command
    }

    fn start(&self) -> Daemon {
        let daemon = Daemon::of(self.command(&format!("{} --log-level debug", self.outside.run())));
        daemon.until("comes up", || self.is_up());
        daemon
    }

    /// The admin answers first, while the kernel starts.
    fn is_up(&self) -> bool {
        let said = self.command("actors show kernel --json").output().unwrap().stdout;
        let kernel: Value = serde_json::from_slice(&said).unwrap_or_default();
        kernel["state"] == "running" || kernel["state"] == "busy"
    }

    fn answers(&self) -> bool {
        self.command("status").output().unwrap().status.success()
    }

    fn json(&self, line: &str) -> Value {
        let output = self.command(&format!("{line} --json")).output().unwrap();
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{line}: {error}: {}", String::from_utf8_lossy(&output.stderr)))
    }

    fn last(&self, strategy: &str) -> Value {
        self.json(&format!("strategy show {strategy}"))["last"].clone()
    }
}

fn never_yields() {
    let place = Place::new(&["spin-a"], false);
    let daemon = place.start();
    daemon.until("spins", || place.last("spin-a")["id"].is_string());
    // It answers before the spin ends: the spin ends when we say so.
    let asked = Instant::now();
    let status = place.json("status");
    assert_eq!((&status["running"], &status["safe_mode"]), (&true.into(), &false.into()));
    assert!(place.last("spin-a")["outcome"].is_null(), "it was still spinning");
    println!("status was answered in {} ms while a strategy spun", asked.elapsed().as_millis());

    daemon.until("gives it up", || place.last("spin-a")["outcome"] == "stuck");
    let stuck = place.last("spin-a");
    let why = "it never yields; its thread was given up and can commit nothing any more";
    assert_eq!(stuck["errors"][0], why);
    daemon.until("tells it", || place.json("status")["alerts"].to_string().contains("stuck/spin-a"));

    // Now it comes back, tries to act, and claims success.
    place.home.write("spin-a", "");
    daemon.until_said("a run that was over for the machine has ended");
    assert_eq!(place.last("spin-a"), stuck, "its late result is refused");
    assert_eq!(place.outside.received().len(), 0, "nothing left");
    // Its breaker is open until its owner says so; then it is a strategy like any other.
    assert_eq!(place.json("strategy show spin-a")["status"], "tripped");
    assert_eq!(place.json("strategy resume spin-a")["strategy"], "spin-a");
    let run = place.json("strategy run spin-a")["run"].clone();
    daemon.until("runs again", || place.last("spin-a")["outcome"] == "succeeded");
    assert_eq!(place.last("spin-a")["id"], run);
    assert_eq!(place.json("strategy show spin-a")["status"], "active");
    assert_eq!(place.outside.received().len(), 1, "{}", place.json("actions list"));
    assert_eq!(daemon.stop(), 0);
    let store = Store::open_read_only(place.home.data()).unwrap();
    let runs = store.scan::<RunRecord>(&Space::default_owner(), Span::all(), 9).unwrap();
    let outcomes: Vec<Option<Outcome>> = runs.into_values().map(|run| run.outcome).collect();
    assert_eq!(outcomes, [Some(Outcome::Stuck), Some(Outcome::Succeeded)]);
    assert!(store.audit_verify(1).unwrap().is_whole());
}

fn third_stuck() {
    let place = Place::new(&["spin-a", "spin-b", "spin-c"], false);
    let told = place.told();
    // It may have ended before anybody sees it up.
    let daemon = Daemon::of(place.command(&place.outside.run()));
    // Three at once: two are given up, the third ends the process with a code of its own.
    assert_eq!(daemon.code(), 72);
    // Its owner hears of each that is stuck, if there is time, and of the end in any case.
    let last = std::fs::read_to_string(told).unwrap();
    let ends = last.lines().filter(|line| line.contains("\"daemon/exit-72\"")).count();
    assert_eq!(ends, 1, "{last}");
    let store = Store::open_read_only(place.home.data()).unwrap();
    let runs = store.scan::<RunRecord>(&Space::default_owner(), Span::all(), 9).unwrap();
    let stuck = runs.into_values().filter(|run| run.outcome == Some(Outcome::Stuck)).count();
    assert_eq!(stuck, 3, "each is on record as stuck before the process ends");
    drop(store);
    // Started again, it takes none of them up, and their breakers are open.
    for name in ["spin-a", "spin-b", "spin-c"] {
        place.home.write(name, "");
    }
    let daemon = place.start();
    for name in ["spin-a", "spin-b", "spin-c"] {
        let page = place.json(&format!("strategy show {name}"));
        let (status, last) = (&page["status"], &page["last"]["outcome"]);
        assert_eq!((status, last), (&"tripped".into(), &"stuck".into()), "{name}");
    }
    assert_eq!(daemon.stop(), 0);
}

/// Whoever started the daemon ends it when it shows no progress; a strategy's spin is no reason.
fn spins_and_feeds() {
    let place = Place::new(&["spin-a"], false);
    let path = place.home.path("notify");
    let ear = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    ear.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut command = place.command(&place.outside.run());
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "400000");
    let daemon = Daemon::of(command);
    daemon.until("comes up", || place.is_up());
    daemon.until("gives it up", || place.last("spin-a")["outcome"] == "stuck");
    let heard = || {
        let mut buffer = [0; 4096];
        let length = ear.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    };
    // What was said so far may be from before the spin.
    ear.set_nonblocking(true).unwrap();
    while ear.recv(&mut [0; 4096]).is_ok() {}
    ear.set_nonblocking(false).unwrap();
    let fed = (0..20).filter(|_| heard() == "WATCHDOG=1").count();
    assert!(fed >= 10, "fed {fed} times of 20");
    place.home.write("spin-a", "");
    assert_eq!(daemon.stop(), 0);
}

fn panics() {
    let place = Place::new(&[], true);
    let daemon = place.start();
    for n in 1..=3 {
        daemon.until("ends", || {
            let page = place.json("strategy show panics");
            page["runs"] == n && !page["last"]["outcome"].is_null()
        });
        assert_eq!(place.last("panics")["errors"][0], "the strategy panicked: on purpose");
        assert_eq!(place.last("panics")["outcome"], "failed");
        if n < 3 {
            assert!(place.json("strategy run panics")["run"].is_string());
        }
    }
    let page = place.json("strategy show panics");
    assert_eq!((&page["status"], &page["breaker"]["state"]), (&"tripped".into(), &"open".into()));
    let refused = place.command("strategy run panics").output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("its breaker is open"), "{said}");
    assert_eq!(refused.status.code(), Some(1));
    // What it drafted before it panicked is thrown away, its host never crashed, and it goes on.
    let host = place.json("actors show kernel/strategies/default/panics");
    assert_eq!((&host["state"], &host["restarts"]), (&"running".into(), &0.into()));
    assert!(place.answers());
    assert_eq!(daemon.stop(), 0);
    let store = Store::open_read_only(place.home.data()).unwrap();
    let found = store.scan::<Opportunity>(&Space::default_owner(), Span::all(), 9).unwrap();
    assert!(found.rows.is_empty());
}

const PRACTICE_PACK: &str = include_str!("../examples/practice.toml");
