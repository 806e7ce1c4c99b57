//! Signals, and what they leave for the next start; the socket it is asked at.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use money_machine::sandbox::faults::Fault;

use crate::harness::{Daemon, Home, NO_TICKS, Outside};

fn last_entry(home: &Home) -> String {
    home.json("audit tail -n 1")[0]["kind"].as_str().unwrap().to_owned()
}

#[test]
fn sigterm_in_the_middle_of_a_run_stops_in_order_and_the_run_is_taken_up_again() {
    let home = Home::new();
    let outside = Outside::new(&home.path("oracle.jsonl"));
    // Two reads are answered, the third hangs.
    outside.sandbox.set_fault_times("intigriti", Fault::Stall { wait: Duration::from_secs(600) }, 1);
    let daemon = home.start(&outside.run_without_ticks(&home));
    daemon.until("reads the third source", || outside.received().len() == 3);
    let socket = home.path("data/admin.sock");
    assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(daemon.stop(), 0);
    assert_eq!(last_entry(&home), "boot.stopped");
    assert!(!socket.exists());
    let cut = home.json("strategy show bug-bounty")["last"].clone();
    assert!(cut["outcome"].is_null(), "{cut}");

    let daemon = home.start(&outside.run_without_ticks(&home));
    daemon.until("ends the run", || !home.json("strategy show bug-bounty")["last"]["outcome"].is_null());
    let last = home.json("strategy show bug-bounty")["last"].clone();
    assert_eq!((&last["id"], &last["attempt"]), (&cut["id"], &2.into()));
    assert_eq!((&last["outcome"], &last["actions"]), (&"succeeded".into(), &5.into()));
    // The two that were answered are not asked again; the one that hung is.
    let mut asked: Vec<String> = outside.received().into_iter().map(|request| request.url).collect();
    assert_eq!(asked.len(), 6, "{asked:?}");
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), 5);
    // With Ctrl-C it is the same stop.
    daemon.signal("INT");
    assert_eq!(daemon.code(), 0);
    assert_eq!(last_entry(&home), "boot.stopped");
}

/// Held still meanwhile, it finds both signals at once: the second does not wait for the stop.
#[test]
fn a_second_signal_ends_it_at_once_and_nothing_is_lost() {
    let home = Home::new();
    home.write("no-ticks.toml", NO_TICKS);
    let line = "run --sandbox --config no-ticks.toml";
    let daemon = home.start(line);
    daemon.until_said("more:");
    let found = home.json("opportunities list");
    for signal in ["STOP", "INT", "TERM", "CONT"] {
        daemon.signal(signal);
    }
    assert_eq!(daemon.code(), 130);
    assert_eq!(home.json("opportunities list"), found);
    // Its socket is still there and belongs to nobody: the next daemon takes its place.
    assert_eq!(home.run("status").code, 3);
    let daemon = home.start(line);
    assert_eq!(home.json("opportunities list"), found);
    assert_eq!(daemon.stop(), 0);
}

/// However early the signal comes, the next start finds a directory it can use.
#[test]
fn sigterm_during_the_start_leaves_nothing_half_made() {
    let home = Home::new();
    // So many starts would wait for the courtesy limit.
    home.pack(|pack| pack.replace("max = 10\n", "max = 1000\n"));
    for sign in
        ["data", "data/daemon.lock", "data/stamp.json", "data/store.redb", "data/rules", "data/admin.sock"]
    {
        let daemon = home.spawn("run --sandbox");
        daemon.until("begins", || home.path(sign).exists());
        daemon.signal("TERM");
        let code = ended(daemon);
        // Before it listens for signals, the system ends it.
        assert!(matches!(code, Some(0) | None), "{sign}: {code:?}");
    }
    assert_eq!(home.run("run --sandbox --once").code, 0);
    assert_eq!((home.run("audit verify").code, home.run("doctor").code), (0, 0));
}

fn ended(mut daemon: Daemon) -> Option<i32> {
    daemon.child.wait().unwrap().code()
}

#[test]
fn a_socket_left_by_a_kill_is_replaced() {
    let home = Home::new();
    home.start("run --sandbox").kill();
    assert!(home.path("data/admin.sock").exists());
    let said = home.run("status");
    assert_eq!(said.code, 3);
    let daemon = home.start("run --sandbox");
    assert_eq!(home.json("status")["pid"], daemon.pid());
    assert_eq!(daemon.stop(), 0);
    assert!(!home.path("data/admin.sock").exists());
}

#[test]
fn a_long_data_directory_has_a_short_socket_that_status_prints() {
    let home = Home::new();
    let long = format!("{}/data", "long".repeat(40));
    let line = |verb: &str| format!("{verb} --data-dir {}", home.path(&long).display());
    let daemon = home.spawn(&line("run --sandbox"));
    daemon.until("answers", || home.run(&line("status")).code == 0);
    let status = home.run(&line("status"));
    let shown = status.out.lines().find_map(|line| line.strip_prefix("socket")).unwrap().trim().to_owned();
    let name =
        shown.strip_prefix("HOME/").unwrap_or_else(|| panic!("not under the runtime directory: {shown}"));
    assert!(name.starts_with("money-machine-") && name.ends_with(".sock"), "{name}");
    let meta = home.path(name).metadata().unwrap();
    assert_eq!(meta.permissions().mode() & 0o777, 0o600);
    assert_eq!(daemon.stop(), 0);
    assert!(!home.path(name).exists());
}
