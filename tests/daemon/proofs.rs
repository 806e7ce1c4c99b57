//! What the machine promises of outward acts, counted by the one who receives them.

use std::time::Duration;

use money_machine::sandbox::faults::Fault;
use serde_json::Value;

use crate::harness::{Daemon, Home, Outside};

/// Starts a run and waits until it has ended; gives its record.
fn run_to_its_end(home: &Home, daemon: &Daemon) -> Value {
    let run = home.json("strategy run bug-bounty")["run"].clone();
    until_ended(home, daemon, &run)
}

fn until_ended(home: &Home, daemon: &Daemon, run: &Value) -> Value {
    daemon.until("ends the run", || {
        let last = &home.json("strategy show bug-bounty")["last"];
        last["id"] == *run && !last["outcome"].is_null()
    });
    home.json("strategy show bug-bounty")["last"].clone()
}

fn first_run(home: &Home, daemon: &Daemon) -> Value {
    daemon.until("runs", || !home.json("strategy show bug-bounty")["last"].is_null());
    let run = home.json("strategy show bug-bounty")["last"]["id"].clone();
    until_ended(home, daemon, &run)
}

#[test]
fn a_rule_file_removed_while_it_runs_and_nothing_leaves() {
    let home = Home::new();
    let outside = Outside::new(&home.path("oracle.jsonl"));
    let daemon = home.start(&outside.run_without_ticks(&home));
    assert_eq!(first_run(&home, &daemon)["actions"], 5);
    assert_eq!(outside.received().len(), 5);

    let file = home.path("data/rules/bounty-targets-data.toml");
    let pack = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let run = run_to_its_end(&home, &daemon);
    assert_eq!(outside.received().len(), 5, "nothing left");
    let blocked = home.json(&format!("actions list --run {}", run["id"].as_str().unwrap()));
    assert_eq!(blocked.as_array().unwrap().len(), 5);
    for action in blocked.as_array().unwrap() {
        assert_eq!(action["status"], "blocked");
        let error = action["error"].as_str().unwrap();
        assert!(error.contains(&file.display().to_string()), "{error}");
        assert_eq!(action["compliance_checks"][0]["verdict"], "forbid");
    }
    // It stays removed over a restart, and works again once it is put back.
    assert_eq!(daemon.stop(), 0);
    let daemon = home.start(&outside.run_without_ticks(&home));
    assert!(!file.exists());
    run_to_its_end(&home, &daemon);
    assert_eq!(outside.received().len(), 5, "nothing left");
    std::fs::write(&file, pack).unwrap();
    run_to_its_end(&home, &daemon);
    assert!(outside.received().len() > 5);
    assert_eq!(daemon.stop(), 0);
}

/// Each of the first three requests is held back until the daemon was killed in the middle of it.
#[test]
fn three_a_day_are_three_over_five_runs_and_three_kills() {
    let home = Home::new();
    home.pack(|pack| pack.replace("max = 60\nper = \"1h\"", "max = 3\nper = \"1d\""));
    let outside = Outside::new(&home.path("oracle.jsonl"));
    outside.sandbox.set_fault_times("", Fault::Stall { wait: Duration::from_secs(600) }, 2);
    for kill in 1..=2 {
        let daemon = home.start(&outside.run_without_ticks(&home));
        daemon.until("sends", || outside.received().len() >= kill);
        assert_eq!(outside.received().len(), kill);
        daemon.kill();
    }
    let daemon = home.start(&outside.run_without_ticks(&home));
    let first = first_run(&home, &daemon);
    assert_eq!((&first["outcome"], &first["attempt"]), (&"succeeded".into(), &3.into()));
    assert_eq!(outside.received().len(), 3);
    daemon.kill();
    let daemon = home.start(&outside.run_without_ticks(&home));
    for _ in 0..4 {
        let run = run_to_its_end(&home, &daemon);
        assert_eq!(run["outcome"], "succeeded");
    }
    assert_eq!(outside.received().len(), 3, "the oracle counts exactly three");
    let limits = home.json("limits show bounty-targets-data");
    let day = limits["limits"].as_array().unwrap().iter().find(|limit| limit["max"] == 3).unwrap();
    assert_eq!((&day["used"], &day["left"]), (&3.into(), &0.into()));
    assert_eq!(daemon.stop(), 0);
    assert_eq!(home.run("audit verify").code, 0);
}

/// Queries of URLs hold tokens: they are in no log, no answer and no record.
#[test]
fn no_query_is_written_anywhere() {
    let home = Home::new();
    let outside = Outside::new(&home.path("oracle.jsonl"));
    let to = |to: &str| Fault::Redirect { status: 302, to: to.to_owned() };
    outside.sandbox.set_fault("hackerone", to("https://raw.githubusercontent.com/x?token=CANARY1"));
    outside.sandbox.set_fault("bugcrowd", to("https://user:CANARY2@raw.githubusercontent.com/x"));
    outside.sandbox.set_fault("intigriti", to("http://10.0.0.1/?token=CANARY3"));
    outside.sandbox.set_fault("yeswehack", to("https://[::1]/?token=CANARY4#CANARY5"));
    outside.sandbox.set_fault("federacy", to("?token=CANARY6"));
    let said = home.run(&format!("{} --once --log-level trace", outside.run()));
    assert_eq!(said.code, 1, "no source was read: {}", said.err);
    assert_eq!(outside.received().len(), 5, "no redirect was followed");
    let mut written = vec![said.out, said.err];
    for line in
        ["actions list --json", "audit export", "doctor --json", "status --json", "strategy show bug-bounty"]
    {
        written.push(home.run(line).out);
    }
    written.push(String::from_utf8_lossy(&std::fs::read(home.path("data/store.redb")).unwrap()).into_owned());
    for log in std::fs::read_dir(home.path("data/logs")).unwrap() {
        written.push(std::fs::read_to_string(log.unwrap().path()).unwrap());
    }
    for text in &written {
        let place = text.find("CANARY").map(|at| text.get(at.saturating_sub(300)..at + 8));
        assert_eq!(place, None);
    }
}
