//! Alerts of the real process, told by a real command: what it reads, what it sees, how it is ended.
//!
//! The commands are small shell scripts that write down what they were given.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that plays the outside world")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_services::alerts::{Channel as _, Command, Message, TellSettings};
use mm_services::records::{AlertRow, Sort};
use mm_store::Change;
use money_machine::channel::{CommandChannel, LastWords};
use money_machine::config::Env;
use serde_json::Value;

#[path = "daemon/harness.rs"]
#[expect(dead_code, reason = "the other test of the daemon uses all of it")]
mod harness;

use harness::Home;

/// Writes a script and gives its whole path.
fn script(home: &Home, name: &str, text: &str) -> PathBuf {
    home.write(name, format!("#!/bin/sh\n{text}"));
    let path = home.path(name);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    path
}

fn command(path: &std::path::Path, seconds: u64) -> Command {
    Command { argv: vec![path.display().to_string()], timeout: Duration::from_secs(seconds) }
}

fn message() -> Message {
    Message {
        about: "disk".into(),
        sentence: "only 3 MiB are free; token=CANARY-1234567890".into(),
        sort: Sort::Person,
        raised_at: "2026-11-22T12:00:00Z".into(),
        times: 2,
        stamp: "sandbox".into(),
        command: "money-machine status".into(),
        more: 0,
        others: vec![],
    }
}

/// An environment with a secret in it.
fn environment() -> Env {
    let pairs = [("PATH", "/usr/bin:/bin"), ("HOME", "/"), ("SECRET_TOKEN", "CANARY-0987654321")];
    Env::new(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())))
}

fn deliver(command: &Command) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(CommandChannel::new(&environment()).deliver(command, &message()))
}

#[test]
fn a_command_reads_one_object_and_sees_no_secret() {
    let home = Home::new();
    let (read, env) = (home.path("read"), home.path("env"));
    let tell = script(&home, "tell", &format!("cat > {}\nenv > {}\n", read.display(), env.display()));
    deliver(&command(&tell, 20)).unwrap();
    let text = std::fs::read_to_string(read).unwrap();
    assert_eq!(text.lines().count(), 1, "one line: {text}");
    let given: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&given["about"], &given["sort"], &given["times"]),
        (&"disk".into(), &"person".into(), &2.into())
    );
    assert_eq!((&given["stamp"], &given["command"]), (&"sandbox".into(), &"money-machine status".into()));
    assert!(!text.contains("CANARY"), "masked as in the logs: {text}");
    let env = std::fs::read_to_string(env).unwrap();
    assert!(env.contains("HOME=/") && !env.contains("CANARY") && !env.contains("SECRET"), "{env}");
}

#[test]
fn what_goes_wrong_is_told_bounded_and_masked() {
    let home = Home::new();
    let tell = script(&home, "tell", "echo 'password=CANARY-123456789'; yes no | head -c 1000000; exit 7\n");
    let why = deliver(&command(&tell, 20)).unwrap_err();
    assert!(why.starts_with("it ended with code 7, and said: ") && !why.contains("CANARY"), "{why}");
    assert!(why.len() < 2_000, "{}", why.len());
    let why = deliver(&command(&home.path("none"), 20)).unwrap_err();
    assert!(why.contains("could not be started"), "{why}");
    let died = script(&home, "died", "kill -TERM $$\n");
    assert_eq!(deliver(&command(&died, 20)).unwrap_err(), "signal 15 ended it");
    // One that needs no more than to be started is right too.
    let closes = script(&home, "closes", "exec <&-\nexit 0\n");
    deliver(&command(&closes, 20)).unwrap();
}

/// Whether a process runs (and is not only waited for).
fn runs(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

fn pid_in(path: &std::path::Path) -> String {
    let began = Instant::now();
    loop {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        if text.ends_with('\n') {
            return text.trim().to_owned();
        }
        assert!(began.elapsed() < Duration::from_secs(60), "it never wrote {}", path.display());
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

fn until_gone(pid: &str) {
    let began = Instant::now();
    while runs(pid) {
        assert!(began.elapsed() < Duration::from_secs(60), "process {pid} is still there");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

#[test]
fn a_command_that_hangs_is_killed_with_its_children() {
    let home = Home::new();
    let child = home.path("child");
    let text = format!("sleep 1000 &\necho $! > {}\nsleep 1000\n", child.display());
    let tell = script(&home, "tell", &text);
    let began = Instant::now();
    let why = deliver(&command(&tell, 1)).unwrap_err();
    assert!(why.starts_with("it did not end within 1 s and was killed"), "{why}");
    assert!(began.elapsed() < Duration::from_secs(30));
    until_gone(&pid_in(&child));
    // What it leaves behind when it ends well is ended too, and holds up nothing.
    std::fs::remove_file(&child).unwrap();
    let tell = script(&home, "leaves", &format!("sleep 1000 &\necho $! > {}\nexit 0\n", child.display()));
    deliver(&command(&tell, 20)).unwrap();
    until_gone(&pid_in(&child));
}

#[test]
fn a_message_that_nobody_waits_for_any_more_leaves_nothing_running() {
    let home = Home::new();
    let own = home.path("own");
    let tell = script(&home, "tell", &format!("echo $$ > {}\nsleep 1000\n", own.display()));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let channel = CommandChannel::new(&environment());
    let task = runtime.spawn(async move { channel.deliver(&command(&tell, 300), &message()).await });
    let pid = pid_in(&own);
    task.abort();
    until_gone(&pid);
}

/// Words of a machine whose clock stands at `seconds` after noon.
fn words(home: &Home, settings: TellSettings, seconds: u64) -> LastWords {
    let noon: Moment = "2026-11-22T12:00:00Z".parse().unwrap();
    let at = noon.plus(Duration::from_secs(seconds));
    LastWords::new(&environment(), settings, "live", home.data(), Arc::new(move || at))
}

fn by(command: Command) -> TellSettings {
    TellSettings { command: Some(command), ..TellSettings::default() }
}

#[test]
fn last_words_are_said_once_for_each_cause_and_again_if_they_failed() {
    let home = Home::new();
    std::fs::create_dir_all(home.data()).unwrap();
    let said = home.path("said");
    let tell = by(command(&script(&home, "tell", &format!("cat >> {}\n", said.display())), 20));
    let fails = by(command(&script(&home, "fails", "exit 3\n"), 20));
    let why = words(&home, fails, 0).say("daemon/exit-70", "to a command that fails").unwrap_err();
    assert_eq!(why, "it ended with code 3");
    for (at, about, sentence) in [
        (1, "daemon/exit-70", "the store failed"),
        (60, "daemon/exit-70", "again"),
        (61, "daemon/exit-71", "the kernel is stuck"),
        (602, "daemon/exit-70", "much later"),
        (603, "daemon/exit-71", "again"),
    ] {
        words(&home, tell.clone(), at).say(about, sentence).unwrap();
    }
    // To nobody, and of a sort that is not told.
    words(&home, TellSettings::default(), 2_000).say("daemon/exit-70", "to nobody").unwrap();
    let other = TellSettings { send: vec![Sort::Trips, Sort::Person], ..tell };
    words(&home, other, 2_000).say("daemon/exit-70", "of another sort").unwrap();
    let text = std::fs::read_to_string(said).unwrap();
    let sentences: Vec<Value> =
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["sentence"].clone()).collect();
    assert_eq!(sentences, ["the store failed", "the kernel is stuck", "much later"]);
}

#[test]
fn last_words_need_no_runtime_and_take_no_longer_than_they_may() {
    let home = Home::new();
    let tell = by(command(&script(&home, "tell", "sleep 1000\n"), 300));
    let began = Instant::now();
    let why = words(&home, tell, 0).say("daemon/exit-70", "the store failed").unwrap_err();
    assert!(why.starts_with("it did not end within 5 s"), "{why}");
    assert!(began.elapsed() < Duration::from_secs(30), "a command that hangs holds up the end for 5 s");
}

/// A home whose daemon tells by `tell`, with an alert that is open from an earlier life.
fn telling(tell: &str) -> Home {
    let home = Home::used();
    let path = script(&home, "tell", tell);
    home.write("config.toml", format!("[alerts]\ncommand = [{path:?}]\nmin_interval_s = 0\n"));
    home
}

const RUN: &str = "run --sandbox --config config.toml";

#[test]
fn what_trips_reaches_its_owner_and_the_list_says_so() {
    let home = telling("cat >> \"$HOME/told\"\n");
    let row = AlertRow::news("strategy `x` stopped itself", "2026-11-22T12:00:00Z".parse().unwrap(), 0);
    home.meddle(Change::new().put(&Space::default_owner(), "stopped/x", &row).unwrap());
    let daemon = home.start(RUN);
    daemon.until("tells it", || {
        let list = home.json("alerts list");
        list.as_array()
            .unwrap()
            .iter()
            .any(|alert| alert["about"] == "stopped/x" && alert["told"] == "delivered")
    });
    let told = std::fs::read_to_string(home.path("told")).unwrap();
    let first: Value = serde_json::from_str(told.lines().next().unwrap()).unwrap();
    assert_eq!((&first["about"], &first["sort"]), (&"stopped/x".into(), &"trips".into()));
    assert_eq!(home.json("alerts seen stopped/x")["seen"], 1);
    let wrong = home.run("alerts seen stoped/x");
    assert_eq!(wrong.code, 1);
    assert!(wrong.err.contains("did you mean `stopped/x`?"), "{}", wrong.err);
    let silenced = home.json("alerts silence stopped/* --reason known --for 2h");
    assert_eq!((&silenced["pattern"], &silenced["by"]), (&"stopped/*".into(), &"operator".into()));
    assert_eq!(daemon.stop(), 0);
    // Without a daemon the list is read from the store, and the silence is still there.
    let list = home.json("alerts list");
    let alert = list.as_array().unwrap().iter().find(|alert| alert["about"] == "stopped/x").unwrap();
    assert_eq!(alert["silenced"]["reason"], "known");
    assert!(alert["seen_at"].is_string());
    assert_eq!(home.json("alerts list --silences")[0]["pattern"], "stopped/*");
    let daemon = home.start(RUN);
    assert_eq!(home.run("alerts unsilence stopped/*").code, 0);
    assert_eq!(home.run("alerts unsilence stopped/*").code, 1);
    assert_eq!(daemon.stop(), 0);
    assert!(home.store().audit_verify(1).unwrap().is_whole());
}

#[test]
fn a_test_message_fails_twice_and_then_is_delivered() {
    let home = telling(
        "n=$(cat \"$HOME/n\" 2>/dev/null || echo 0)\nn=$((n+1))\necho $n > \"$HOME/n\"\n\
         if [ $n -lt 3 ]; then echo \"no network, try $n\" >&2; exit 1; fi\ncat > \"$HOME/told\"\n",
    );
    let daemon = home.start(RUN);
    for n in 1..3 {
        let said = home.run("alerts test");
        assert_eq!(said.code, 1);
        let why = format!("the test was not delivered: it ended with code 1, and said: no network, try {n}");
        assert!(said.err.contains(&why), "{}", said.err);
    }
    assert_eq!(home.json("alerts test")["delivered"], true);
    let told: Value = serde_json::from_str(&std::fs::read_to_string(home.path("told")).unwrap()).unwrap();
    assert_eq!(told["about"], "alerts/test");
    assert_eq!(daemon.stop(), 0);
    // Without a command the answer says which setting makes one.
    let daemon = home.start("run --sandbox");
    let said = home.run("alerts test");
    assert_eq!(said.code, 1);
    assert!(said.err.contains("set `command` in [alerts]"), "{}", said.err);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn an_end_that_nobody_ordered_is_an_alert_until_the_next_that_somebody_did() {
    let home = Home::used();
    let unclean = || {
        let list = home.json("alerts list");
        let found = list.as_array().unwrap().iter().find(|alert| alert["about"] == "boot/unclean").cloned();
        found.map(|alert| (alert["sort"].clone(), alert["times"].clone()))
    };
    assert_eq!(unclean(), None);
    home.start("run --sandbox").kill();
    for times in 1..3 {
        let daemon = home.start("run --sandbox");
        assert_eq!(unclean(), Some(("stops".into(), times.into())), "each is news");
        daemon.kill();
    }
    assert_eq!(home.start("run --sandbox").stop(), 0);
    assert_eq!(unclean(), None, "stopped in order");
    let daemon = home.start("run --sandbox");
    assert_eq!(unclean(), None);
    assert_eq!(daemon.stop(), 0);
}

/// One that kills it again and again for a while hears of it once, and then how often it was.
#[test]
fn a_storm_of_kills_is_told_once_in_the_interval() {
    let home = telling("cat >> \"$HOME/told\"\n");
    let text = std::fs::read_to_string(home.path("config.toml")).unwrap();
    home.write("config.toml", text.replace("min_interval_s = 0", "min_interval_s = 3600"));
    let told = || std::fs::read_to_string(home.path("told")).unwrap_or_default();
    home.start(RUN).kill();
    let daemon = home.start(RUN);
    daemon.until("tells it", || told().ends_with('\n'));
    daemon.kill();
    for _ in 0..3 {
        home.start(RUN).kill();
    }
    let daemon = home.start(RUN);
    let list = home.json("alerts list");
    let alert = list.as_array().unwrap().iter().find(|alert| alert["about"] == "boot/unclean").unwrap();
    assert_eq!((&alert["times"], &alert["told"]), (&5.into(), &"not-sent".into()), "{alert}");
    let said = told();
    assert_eq!(said.lines().count(), 1, "{said}");
    let first: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&first["about"], &first["sort"]), (&"boot/unclean".into(), &"stops".into()));
    assert_eq!(daemon.stop(), 0);
}
