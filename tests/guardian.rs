//! `run --guardian` with the real binary, killed for real: whatever dies, there is one daemon or none.
//!
//! `--guardian-hurry` divides the guardian's times; nothing else is different.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that plays the outside world")]

use std::process::Command;
use std::time::{Duration, Instant};

#[path = "daemon/harness.rs"]
#[expect(dead_code, reason = "the other test of the daemon uses all of it")]
mod harness;

use harness::{Daemon, Home};

/// Restarts within 0.05 s to 15 s; a child must be up within 6 s and show progress every 3.
const HURRY: &str = "--guardian-hurry 20";

fn guarded(home: &Home, more: &str) -> Daemon {
    let guardian = home.spawn(&format!("run --sandbox --guardian {more}"));
    guardian.until("is up", || daemon_pid(home).is_some());
    guardian
}

/// The daemon's own word for who it is; `None` while none answers.
fn daemon_pid(home: &Home) -> Option<u32> {
    let output = home.command("status --json").output().unwrap();
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    (output.status.code() == Some(0)).then(|| status["pid"].as_u64().unwrap() as u32)
}

/// Every process that runs a daemon on this home's data directory, guardians aside.
fn daemons(home: &Home) -> Vec<u32> {
    let data = home.data().to_string_lossy().into_owned();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // It may have ended meanwhile; what has ended and is not reaped has no command line.
        let Ok(line) = std::fs::read(entry.path().join("cmdline")) else { continue };
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        let has = |word: &str| words.contains(&word.as_bytes());
        if has("run") && has(&data) && !has("--guardian") {
            found.push(pid);
        }
    }
    found
}

fn signal(pid: u32, name: &str) {
    assert!(Command::new("kill").args(["-s", name]).arg(pid.to_string()).status().unwrap().success());
}

/// Waits until the daemon is another one than `old` and answers.
fn next_daemon(guardian: &Daemon, home: &Home, old: u32) -> u32 {
    guardian.until("has another daemon", || daemon_pid(home).is_some_and(|pid| pid != old));
    let pid = daemon_pid(home).unwrap();
    assert_eq!(daemons(home), [pid], "exactly one");
    pid
}

#[test]
fn a_daemon_killed_three_times_is_one_daemon_each_time() {
    let home = Home::new();
    let guardian = guarded(&home, HURRY);
    let mut pid = daemon_pid(&home).unwrap();
    assert_eq!(daemons(&home), [pid]);
    for _ in 0..3 {
        signal(pid, "KILL");
        pid = next_daemon(&guardian, &home, pid);
    }
    assert!(
        guardian.err().contains("killed by signal 9; failure 3 of 10, next try in"),
        "{}",
        guardian.err()
    );
    // Both end, in order.
    assert_eq!(guardian.stop(), 0);
    assert_eq!(daemons(&home), [0; 0]);
    let last = home.json("audit tail -n 3").to_string();
    assert!(last.contains("\"boot.stopped\""), "{last}");
    assert_eq!(home.run("audit verify").code, 0);
}

#[test]
fn a_guardian_killed_takes_its_daemon_along_and_the_next_has_exactly_one() {
    let home = Home::new();
    let mut guardian = guarded(&home, HURRY);
    for _ in 0..3 {
        let old = daemon_pid(&home).unwrap();
        guardian.kill();
        // At once: the next one does not wait for the dying one to be gone.
        let began = Instant::now();
        guardian = home.spawn(&format!("run --sandbox --guardian {HURRY}"));
        let gone = || !daemons(&home).contains(&old);
        guardian.until("is the only one", gone);
        println!("the daemon was gone {} ms after its guardian", began.elapsed().as_millis());
        assert!(began.elapsed() < Duration::from_secs(10));
        next_daemon(&guardian, &home, old);
    }
    assert_eq!(guardian.stop(), 0);
}

/// The second means alone: the socket to the guardian ends, and the daemon with it.
#[test]
fn a_daemon_whose_guardian_is_another_process_is_none() {
    let home = Home::new();
    let refused = home.run("run --sandbox --guarded 1");
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert!(refused.err.contains("--guarded is the guardian's own flag"), "{}", refused.err);
    // With a socket, but of a guardian that is gone.
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut command = home.command("run --sandbox --guarded 1");
    command.stdin(std::os::fd::OwnedFd::from(theirs));
    assert_eq!(Daemon::of(command).code(), 75);
    drop(ours);
}

#[test]
fn the_socket_alone_ends_a_daemon_too() {
    let home = Home::new();
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    // This test is its parent and stays; only the other end of the socket goes.
    let mut command = home.command(&format!("run --sandbox --guarded {}", std::process::id()));
    command.stdin(std::os::fd::OwnedFd::from(theirs));
    let daemon = Daemon::of(command);
    daemon.until("answers", || daemon_pid(&home).is_some());
    drop(ours);
    assert_eq!(daemon.code(), 75);
    assert_eq!(home.run("doctor").code, 0);
}

#[test]
fn a_start_that_is_refused_is_given_up_with_its_own_code() {
    let home = Home::used();
    // A data directory of the other kind, and a configuration with a mistake.
    home.write("bad.toml", "no_such_key = 1\n");
    for (line, said) in [
        ("run --guardian", "belongs to sandbox runs"),
        ("run --sandbox --guardian --config bad.toml", "no_such_key"),
    ] {
        let given_up = home.run(line);
        assert_eq!(given_up.code, 1, "{}", given_up.err);
        assert!(given_up.err.contains(said), "{}", given_up.err);
        assert!(
            given_up.err.contains("the daemon refused to start, for the reason said above"),
            "{}",
            given_up.err
        );
    }
    assert_eq!(home.run("run --guardian --once").code, 2);
}

/// A start that takes longer than it may is ended, and after ten of them so is the guardian.
#[test]
fn a_daemon_that_never_comes_up_is_given_up_after_ten_failures() {
    let home = Home::new();
    // 0.12 ms for a start: no start is so quick.
    let given_up = home.run("run --sandbox --guardian --guardian-hurry 1000000");
    assert_eq!(given_up.code, 74, "{}", given_up.err);
    assert!(
        given_up.err.contains("the daemon never came up: it did not come up in time"),
        "{}",
        given_up.err
    );
    assert!(given_up.err.contains("that was failure 10 in a row and it is given up"), "{}", given_up.err);
    assert_eq!(daemons(&home), [0; 0]);
}

#[test]
fn a_daemon_that_shows_no_progress_is_ended_and_started_again() {
    let home = Home::new();
    let guardian = guarded(&home, HURRY);
    let pid = daemon_pid(&home).unwrap();
    // Said after READY: one that is stopped before that never came up, which is another failure.
    guardian.until_said("is running (sandbox)");
    signal(pid, "STOP");
    // It cannot hear SIGABRT while it stands still, so it takes SIGKILL.
    guardian.until_said("it showed no progress for 3 s");
    next_daemon(&guardian, &home, pid);
    assert_eq!(guardian.stop(), 0);
}

/// Its timers have run out when it goes on, and what the daemon said meanwhile is unread.
#[test]
fn a_guardian_that_was_held_still_ends_no_healthy_daemon() {
    let home = Home::new();
    let guardian = guarded(&home, HURRY);
    let pid = daemon_pid(&home).unwrap();
    // Shorter and longer than what it takes for being held still itself.
    for held in [Duration::from_millis(3_400), Duration::from_millis(5_000)] {
        guardian.signal("STOP");
        let began = Instant::now();
        guardian.until("was held", || began.elapsed() >= held);
        guardian.signal("CONT");
        let began = Instant::now();
        guardian.until("had its time again", || began.elapsed() >= Duration::from_millis(3_200));
        assert_eq!(daemon_pid(&home), Some(pid), "{}", guardian.err());
    }
    assert!(!guardian.err().contains("no progress"), "{}", guardian.err());
    assert_eq!(guardian.stop(), 0);
}

#[test]
fn a_program_that_is_away_for_a_while_is_no_end() {
    let home = Home::new();
    let program = home.path("program");
    let there = env!("CARGO_BIN_EXE_money-machine");
    std::fs::hard_link(there, &program).or_else(|_| std::fs::copy(there, &program).map(drop)).unwrap();
    let as_usual = home.command(&format!("run --sandbox --guardian {HURRY}"));
    let mut command = Command::new(&program);
    command.args(as_usual.get_args()).env_clear().current_dir(as_usual.get_current_dir().unwrap());
    command.envs(as_usual.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let guardian = Daemon::of(command);
    guardian.until("is up", || daemon_pid(&home).is_some());
    let pid = daemon_pid(&home).unwrap();
    let away = home.path("away");
    std::fs::rename(&program, &away).unwrap();
    signal(pid, "KILL");
    guardian.until_said("the daemon never came up: it could not be started: No such file or directory");
    std::fs::rename(&away, &program).unwrap();
    next_daemon(&guardian, &home, pid);
    assert_eq!(guardian.stop(), 0);
}

/// The owner who is not looking hears that nothing runs any more.
#[test]
fn a_guardian_that_gives_up_tells_the_owner() {
    let home = Home::new();
    let (tell, told) = (home.path("tell"), home.path("told"));
    home.write("tell", format!("#!/bin/sh\ncat >> {}\n", told.display()));
    std::fs::set_permissions(&tell, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    home.write("config.toml", format!("[alerts]\ncommand = [{tell:?}]\n"));
    let line = "run --sandbox --config config.toml --guardian --guardian-hurry 1000000";
    assert_eq!(home.run(line).code, 74);
    let text = std::fs::read_to_string(&told).unwrap();
    let word: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&word["about"], &word["sort"]), (&"daemon/given-up".into(), &"stops".into()));
    let sentence = word["sentence"].as_str().unwrap();
    assert!(sentence.starts_with("the guardian has given up: the daemon never came up"), "{sentence}");
    // Not of that sort, not told.
    std::fs::remove_file(&told).unwrap();
    // No daemon ever made the directory, so nothing may be noted there.
    drop(std::fs::remove_file(home.data().join("last-words")));
    home.write("config.toml", format!("[alerts]\ncommand = [{tell:?}]\nsend = [\"trips\"]\n"));
    assert_eq!(home.run(line).code, 74);
    assert!(!told.exists());
}

#[test]
fn a_second_signal_ends_both_at_once() {
    let home = Home::new();
    let guardian = guarded(&home, HURRY);
    let pid = daemon_pid(&home).unwrap();
    // Held still, the daemon finds both at once when it goes on.
    signal(pid, "STOP");
    for name in ["INT", "TERM"] {
        guardian.signal(name);
    }
    guardian.until("passes both on", || pending(pid) == 2);
    signal(pid, "CONT");
    assert_eq!(guardian.code(), 130);
    assert_eq!(daemons(&home), [0; 0]);
}

/// How many of SIGINT and SIGTERM wait for a process.
fn pending(pid: u32) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let shared = status.lines().find_map(|line| line.strip_prefix("ShdPnd:")).unwrap().trim();
    let bits = u64::from_str_radix(shared, 16).unwrap();
    (bits & (1 << 1 | 1 << 14)).count_ones()
}

/// However early it comes once there is a daemon, both end, and the next start is well.
#[test]
fn a_stop_during_the_start_ends_both() {
    for sign in ["data/daemon.lock", "data/stamp.json", "data/store.redb", "data/admin.sock"] {
        let home = Home::new();
        // Else the second start would wait for the courtesy limit.
        home.pack(|pack| pack.replace("max = 10\n", "max = 1000\n"));
        let guardian = home.spawn("run --sandbox --guardian");
        guardian.until("begins", || home.path(sign).exists());
        assert_eq!(guardian.stop(), 0, "{sign}");
        assert_eq!(daemons(&home), [0; 0], "{sign}");
        assert_eq!(home.run("run --sandbox --once").code, 0, "{sign}");
    }
}

#[test]
fn a_hangup_reaches_the_daemon_and_ends_nothing() {
    let home = Home::new();
    let guardian = guarded(&home, HURRY);
    let pid = daemon_pid(&home).unwrap();
    guardian.signal("HUP");
    guardian.signal("HUP");
    assert_eq!(daemon_pid(&home), Some(pid));
    assert_eq!(guardian.stop(), 0);
}

#[test]
fn a_second_guardian_refuses_and_leaves_the_first_alone() {
    let home = Home::new();
    let guardian = guarded(&home, HURRY);
    let pid = daemon_pid(&home).unwrap();
    let second = home.run("run --sandbox --guardian");
    assert_eq!(second.code, 1, "{}", second.err);
    assert!(second.err.contains("another daemon (pid PID) uses the data directory"), "{}", second.err);
    assert_eq!(daemons(&home), [pid]);
    assert_eq!(guardian.stop(), 0);
}
