//! Safe mode, with the real binary: three starts that are killed on the way make the fourth one stay
//! aside. Its admin answers, it says what the culprit is, and no request leaves it.
//!
//! It waits for states, never for a time. A start counts as killed on the way if the book of boots
//! says so; one that was faster than the kill is simply tried again.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that plays the outside world")]

#[expect(dead_code, reason = "it serves other tests as well")]
#[path = "daemon/harness.rs"]
mod harness;

use std::path::Path;
use std::process::Stdio;

use harness::{Daemon, Home, Outside};
use mm_services::kernel::{KernelBudget, RESTARTS};
use mm_store::{BootBook, Boots};
use serde_json::Value;

fn boots(home: &Home) -> Boots {
    BootBook::in_dir(&home.data()).read()
}

/// Starts the daemon and kills it as soon as it has written down that it begins.
fn kill_while_it_boots(home: &Home, line: &str) {
    let before = boots(home).attempts.len();
    let mut child = home.command(line).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while boots(home).attempts.len() == before {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A home with three starts that did not come up, and the outside that they dialled.
fn three_bad_boots() -> (Home, Outside) {
    for _ in 0..1000 {
        let home = Home::new();
        let outside = Outside::new(&home.path("oracle.jsonl"));
        let fails = |nth| {
            kill_while_it_boots(&home, &outside.run());
            boots(&home).attempts.len() == nth
        };
        // A start that came up before the kill has made all of them good, and may have sent: another home.
        if (1..=3).all(fails) {
            return (home, outside);
        }
    }
    panic!("every start was faster than its kill");
}

fn check(home: &Home, name: &str) -> Value {
    let (_, doctor) = home.json_and_code("doctor");
    let found = doctor["checks"].as_array().unwrap().iter().find(|check| check["name"] == name);
    found.unwrap_or_else(|| panic!("no check `{name}`: {doctor}")).clone()
}

/// What it is once the start is over.
fn safe_mode(home: &Home) -> bool {
    loop {
        let status = home.json("status");
        if status["starting"] == false {
            return status["safe_mode"].as_bool().unwrap();
        }
    }
}

fn entries(home: &Home, kind: &str) -> Vec<Value> {
    let all = home.json("audit tail -n 200");
    all.as_array().unwrap().iter().filter(|entry| entry["kind"] == kind).cloned().collect()
}

#[test]
fn after_three_starts_that_were_killed_the_fourth_is_in_safe_mode_and_sends_nothing() {
    let (home, outside) = three_bad_boots();
    assert_eq!(outside.received().len(), 0, "no start came as far as to send");

    let daemon = home.start(&outside.run());
    assert!(safe_mode(&home));
    daemon.until_said("error: safe mode, nothing goes out: 3 boots failed within ten minutes");
    let status = home.json("status");
    assert!(status["safe_mode_why"].as_str().unwrap().starts_with("3 boots failed"), "{status}");
    let found = check(&home, "boots");
    assert_eq!(found["grade"], "fail");
    let sentence = found["sentence"].as_str().unwrap();
    assert!(sentence.contains("the last one while ") && sentence.contains("killed or crashed"), "{sentence}");
    assert!(found["todo"].as_str().unwrap().contains("actors restart kernel"), "{found}");

    refuses_to_act(&home);
    assert_eq!(outside.received().len(), 0);
    assert_eq!(entries(&home, "action.permitted").len(), 0);
    // Safe mode is not left by starting again, and being killed in it counts for nothing.
    daemon.kill();
    let daemon = home.start(&outside.run());
    assert!(safe_mode(&home));
    assert_eq!(boots(&home).attempts.len(), 3);
    assert_eq!(daemon.stop(), 0);
    let stopped = entries(&home, "boot.stopped");
    assert_eq!(stopped.len(), 1);
    assert_eq!(home.run(&format!("{} --once", outside.run())).code, 1);
    assert_eq!(outside.received().len(), 0);
    // Without a daemon it is told as well.
    assert!(check(&home, "boots")["sentence"].as_str().unwrap().ends_with("started now is in safe mode"));
    assert_eq!(home.run("audit verify").code, 0);
}

/// Whatever would act is refused with a sentence.
fn refuses_to_act(home: &Home) {
    for line in
        ["strategy run bug-bounty", "strategy pause bug-bounty --reason no", "strategy resume bug-bounty"]
    {
        let said = home.run(line);
        assert_eq!(said.code, 1, "{line}: {}", said.out);
        assert!(said.err.contains("the kernel is down (safe mode)"), "{line}: {}", said.err);
    }
    let actors: Vec<String> = home
        .json("actors tree")
        .to_string()
        .split('"')
        .filter(|part| part.starts_with("kernel"))
        .map(str::to_owned)
        .collect();
    assert_eq!(actors, Vec::<String>::new(), "nothing of the kernel stands");
}

/// An operator's word ends it at once, is on record, and makes all that was counted good.
#[test]
fn an_operator_leaves_safe_mode_with_a_word() {
    let (home, outside) = three_bad_boots();
    let daemon = home.start(&outside.run());
    assert!(safe_mode(&home));
    let said = home.run("actors restart kernel --reason mended");
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(!safe_mode(&home));
    daemon.until("reads", || !outside.received().is_empty());
    assert!(entries(&home, "budget.cleared")[0].to_string().contains("mended"));
    daemon.kill();
    let daemon = home.start(&outside.run());
    assert!(!safe_mode(&home));
    assert_eq!((daemon.stop(), home.run("audit verify").code), (0, 0));
}

/// Ten minutes later a start is an ordinary one: the book is set back, not the clock.
#[test]
fn a_start_after_ten_minutes_leaves_safe_mode() {
    let (home, outside) = three_bad_boots();
    let daemon = home.start(&outside.run());
    assert!(safe_mode(&home));
    assert_eq!(daemon.stop(), 0);
    let path = home.data().join("boots.json");
    let mut book: Boots = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let back = std::time::Duration::from_secs(601);
    for at in &mut book.attempts {
        *at = mm_core::moment::Moment::from_unix_ms(at.unix_ms() - back.as_millis() as i64);
    }
    std::fs::write(&path, serde_json::to_vec(&book).unwrap()).unwrap();
    let daemon = home.start(&outside.run());
    assert!(!safe_mode(&home));
    daemon.until("reads", || !outside.received().is_empty());
    assert_eq!(boots(&home).attempts.len(), 0);
    assert_eq!(daemon.stop(), 0);
}

/// However often a healthy daemon is killed, it starts as always.
#[test]
fn kills_of_a_healthy_daemon_are_no_failed_boots() {
    let home = Home::new();
    let outside = Outside::new(&home.path("oracle.jsonl"));
    for _ in 0..5 {
        let daemon = home.start(&outside.run());
        daemon.until_said("is running");
        assert!(!safe_mode(&home));
        daemon.kill();
    }
    assert_eq!((boots(&home).attempts.len(), boots(&home).broke_off.len()), (0, 0));
}

/// What was spent of the kernel's restarts in earlier lives is spent.
#[test]
fn a_spent_kernel_budget_is_safe_mode_that_names_who_spent_it() {
    let home = Home::new();
    let outside = Outside::new(&home.path("oracle.jsonl"));
    spend(&home.data());
    let daemon: Daemon = home.start(&outside.run());
    assert!(safe_mode(&home));
    let found = check(&home, "kernel-budget");
    assert_eq!(found["grade"], "fail");
    assert_eq!(
        found["sentence"],
        "20 of the kernel's 20 restarts are spent, 20 of them on kernel/limiter; the last failure: \
         kernel/limiter: panicked: out of luck"
    );
    refuses_to_act(&home);
    daemon.kill();
    let daemon = home.start(&outside.run());
    assert!(safe_mode(&home), "a kill gives nothing back");
    assert_eq!(outside.received().len(), 0);
    assert_eq!(daemon.stop(), 0);
}

fn spend(data: &Path) {
    std::fs::create_dir_all(data).unwrap();
    let limiter = "kernel/limiter".to_owned();
    let budget = KernelBudget {
        spent: RESTARTS,
        by_child: [(limiter.clone(), RESTARTS)].into(),
        last: Some((limiter, "panicked: out of luck".to_owned())),
    };
    let text = serde_json::to_string(&budget).unwrap();
    BootBook::in_dir(data).change_kernel_budget(|kept| *kept = Some(text)).unwrap();
}

/// A strategy whose section is wrong is put aside; the daemon runs, and says where and what.
#[test]
fn one_bad_strategy_puts_itself_aside_and_not_the_daemon() {
    let home = Home::new();
    let outside = Outside::new(&home.path("oracle.jsonl"));
    home.write("bad.toml", "[strategies.bug-bounty]\nenabled = true\nschedule = \"now and then\"\n");
    let checked = home.run("config check --config bad.toml");
    assert_eq!(checked.code, 1);
    assert!(checked.err.contains("bad.toml:3: `strategies.bug-bounty.schedule`"), "{}", checked.err);
    let daemon = home.start(&format!("{} --config bad.toml", outside.run()));
    assert!(!safe_mode(&home));
    let shown = home.json("strategy show bug-bounty");
    assert_eq!(shown["status"], "error", "{shown}");
    daemon.until("tells its owner", || {
        let alerts = home.json("status")["alerts"].clone();
        let of = |alert: &&Value| alert["about"] == "put-aside/bug-bounty";
        let sentence = alerts.as_array().unwrap().iter().find(of).map(|alert| alert["sentence"].to_string());
        sentence.is_some_and(|text| text.contains("bad.toml:3") && text.contains("every 30m"))
    });
    let refused = home.run("strategy run bug-bounty");
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("it is put aside: bad.toml:3"), "{}", refused.err);
    assert_eq!(outside.received().len(), 0);
    assert_eq!(daemon.stop(), 0);
    // A mistake elsewhere still refuses the start.
    home.write("worse.toml", "[limits]\nmax_daily_actions = 0\n");
    assert_eq!(home.run("run --sandbox --config worse.toml").code, 1);
}
