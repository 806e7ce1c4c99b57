//! What an idle supervised actor costs: resident memory of a process of its own, and the time to start.

use std::process::Command;
use std::time::{Duration, Instant};

use mm_supervision::Limits;

use crate::figures::median;
use crate::ours::{Family, Msg, Pays};

/// With this argument the bench is the process that is measured.
pub const ARGUMENT: &str = "--idle";

/// What one such process found.
pub struct Idle {
    pub spawn_ns: f64,
    pub bytes: f64,
    /// The same after each has answered a call.
    pub bytes_after_one: f64,
    /// One look at all of them by the watchdog.
    pub look_ns: f64,
}

/// Measures `count` actors in a new process.
pub fn measure(count: usize) -> Idle {
    let exe = std::env::current_exe().unwrap();
    let answer = Command::new(exe).args([ARGUMENT, &count.to_string()]).output().unwrap();
    let text = String::from_utf8(answer.stdout).unwrap();
    let numbers: Vec<f64> = text.split_whitespace().map(|number| number.parse().unwrap()).collect();
    let [spawn_ns, bytes, bytes_after_one, look_ns] = numbers[..] else { panic!("it said {text:?}") };
    Idle { spawn_ns, bytes, bytes_after_one, look_ns }
}

/// The measured process.
pub async fn be_measured(count: usize) {
    Family::start(10, Pays::Nobody).await.stop().await;
    let (before, began) = (resident_bytes(), Instant::now());
    let family = Family::start(count, Pays::Nobody).await;
    let spawn_ns = began.elapsed().as_nanos() as f64 / count as f64;
    let each = |now: f64| (now - before) / count as f64;
    let bytes = each(resident_bytes());
    for handle in &family.handles {
        handle.call(Msg::Total, Duration::from_secs(5)).await.unwrap();
    }
    let bytes_after_one = each(resident_bytes());
    println!("{spawn_ns} {bytes} {bytes_after_one} {}", look_ns(&family));
}

/// What the watchdog does every 10 ms while something is being polled.
fn look_ns(family: &Family) -> f64 {
    let tree = family.root.tree();
    let long = Duration::from_secs(60);
    let limits = Limits { poll: long, hang: long, times_usual: 20 };
    let mut times = Vec::new();
    for _ in 0..101 {
        let began = Instant::now();
        assert!(tree.stalled(&limits).is_empty());
        times.push(began.elapsed().as_nanos() as f64);
    }
    median(&times)
}

/// The second number of `statm`: resident pages, of 4 KiB on everything this runs on.
fn resident_bytes() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: f64 = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4_096.0
}
