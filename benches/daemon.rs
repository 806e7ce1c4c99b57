//! The real binary: how soon it answers, how much memory it needs when it has nothing to do, and how
//! often it wakes up then. Takes about two minutes, most of them waiting.
//!
//! The sandbox runs in the bench's own process and is no part of the figures. Linux only.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a bench measures real time and may stop"
)]

#[path = "support/figures.rs"]
mod figures;
#[path = "daemon/outside.rs"]
mod outside;
#[path = "daemon/process.rs"]
mod process;

use std::time::Duration;

use figures::{heading, line, median};
use outside::{Outside, fill};
use process::{BINARY, Daemon};

const OPPORTUNITIES: usize = 10_000;
const STARTS: usize = 11;
const SETTLED_AFTER: Duration = Duration::from_secs(60);
const LOOK_FOR: Duration = Duration::from_secs(30);

fn main() {
    let work = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let outside = Outside::start(work.path());
    let (full, new) = (work.path().join("full"), work.path().join("new"));
    std::fs::create_dir(&new).unwrap();
    fill(&full, OPPORTUNITIES);
    heading("the binary");
    line("size", std::fs::metadata(BINARY).unwrap().len() as f64 / f64::from(1 << 20), "MiB");
    let on_new = Daemon::spawn(&new, outside.port);
    let on_full = Daemon::spawn(&full, outside.port);
    let found = [on_new.first_run(), on_full.first_run()];
    std::thread::sleep(SETTLED_AFTER);
    heading(&format!("a minute after a full fetch of {}", outside.serves));
    report("a new store", &on_new, &found[0]);
    report(&format!("{OPPORTUNITIES} opportunities"), &on_full, &found[1]);
    idle(&on_new);
    on_new.stop();
    on_full.stop();
    starts(&full, &outside);
}

fn report(store: &str, daemon: &Daemon, found: &str) {
    eprintln!("{found}");
    let (now_mib, most_mib) = daemon.memory_mib();
    line(&format!("resident memory, {store}"), now_mib, "MiB");
    line(&format!("most of it ever, {store}"), most_mib, "MiB");
}

/// Wake-ups of all threads while nothing happens.
fn idle(daemon: &Daemon) {
    let before = daemon.switches();
    std::thread::sleep(LOOK_FOR);
    let after = daemon.switches();
    let mut sum = 0.0;
    for (task, count) in &after {
        let more = count - before.get(task).copied().unwrap_or(0.0);
        sum += more;
        if more > 0.0 {
            eprintln!("  {task}: {more}");
        }
    }
    line("threads while idle", after.len() as f64, "threads");
    line("voluntary context switches while idle", sum / LOOK_FOR.as_secs_f64(), "a second");
}

/// Ordered stop and start again, on the store that is not empty.
fn starts(data_dir: &std::path::Path, outside: &Outside) {
    let mut took_ms = Vec::new();
    for _ in 0..STARTS {
        let mut daemon = Daemon::spawn(data_dir, outside.port);
        took_ms.push(daemon.ready().as_secs_f64() * 1e3);
        daemon.stop();
    }
    heading(&format!("from start to the first answer, {OPPORTUNITIES} opportunities"));
    line("median", median(&took_ms), "ms");
    line("slowest", took_ms.iter().copied().fold(0.0, f64::max), "ms");
    // The store's own time for that answer is part of it: `status` counts what there is.
    assert!(outside.sandbox.received_total() > 0);
}
