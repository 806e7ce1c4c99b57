//! Ten thousand scheduled tasks: how long they take to load, what each costs in memory, what a look of the
//! scheduler costs while nothing is due, and how late runs begin while a thousand a second are due.
//!
//! Every task is a strategy with a host of its own, on a real disk; its runs do nothing. A run here is what
//! it always is: a tick, a run's beginning and a run's end on record.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a bench measures real time and may stop"
)]

#[path = "support/figures.rs"]
mod figures;
#[path = "road/setup.rs"]
#[expect(dead_code, reason = "the road's bench makes proposals, this one none")]
mod setup;
#[path = "support/strategy.rs"]
mod strategy;

use std::sync::Arc;
use std::time::{Duration, Instant};

use figures::{heading, line, median, quantile};
use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_core::run::{RunRecord, Trigger};
use mm_core::schedule::{Schedule, Situation, Task, decide};
use mm_core::seams::Clock;
use mm_sdk::Report;
use mm_services::Settings;
use mm_store::{Span, Store};
use setup::Bench;

const TASKS: usize = 10_000;
/// In the storm each is due once in so long: a thousand a second.
const EVERY: Duration = Duration::from_secs(10);
const STORM: Duration = Duration::from_secs(30);
const LOOKS: usize = 21;

fn main() {
    decisions();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        quiet().await;
        storm().await;
    });
}

/// What the decision alone costs.
fn decisions() {
    heading("the decision alone");
    for (what, text) in [("every 10s", "every 10s"), ("a cron expression", "17 3 * * 1-5")] {
        let task = Task::plain(Schedule::parse(text, "Europe/Berlin").unwrap());
        let now: Moment = "2026-11-22T12:00:00Z".parse().unwrap();
        let last = task.schedule.next_after(now.minus(Duration::from_secs(7 * 86_400))).unwrap();
        let next = task.schedule.next_after(last).unwrap();
        let situation = Situation {
            last,
            now: next,
            owed: None,
            delay: Duration::ZERO,
            busy: None,
            hold: None,
            paused: None,
        };
        let rounds: Vec<f64> = (0..LOOKS)
            .map(|_| {
                let began = Instant::now();
                for _ in 0..1_000 {
                    std::hint::black_box(decide(&task, std::hint::black_box(&situation)));
                }
                began.elapsed().as_secs_f64() * 1e6 / 1e3
            })
            .collect();
        line(&format!("one due tick, {what}"), median(&rounds), "us");
    }
}

/// All tasks loaded, none due.
async fn quiet() {
    heading(&format!("{TASKS} tasks, none due"));
    let before = resident_mib();
    let began = Instant::now();
    let bench = Bench::of(false, settings("at 2099-01-01T00:00:00Z", Duration::ZERO)).await;
    line("machine up", began.elapsed().as_secs_f64() * 1e3, "ms");
    until_all_ran(&bench).await;
    line("every first tick on record and its run over", began.elapsed().as_secs_f64() * 1e3, "ms");
    line("memory a task", (resident_mib() - before) * 1024.0 / TASKS as f64, "KiB");
    let mut took_ms = Vec::new();
    for _ in 0..LOOKS {
        let began = Instant::now();
        bench.running.services.scheduler.wake();
        // It is answered after the look.
        let known = bench.running.services.scheduler.next().await.unwrap();
        took_ms.push(began.elapsed().as_secs_f64() * 1e3);
        assert_eq!(known.len(), TASKS);
    }
    line("a look at all of them", median(&took_ms), "ms");
    line("a look, a task", median(&took_ms) * 1e3 / TASKS as f64, "us");
    bench.running.stop(Duration::from_secs(60)).await;
}

/// All tasks due in turn, spread evenly by their jitter.
async fn storm() {
    let rate = TASKS as f64 / EVERY.as_secs_f64();
    heading(&format!("{rate} due a second, for {} s", STORM.as_secs()));
    let bench = Bench::of(false, settings("every 10s", EVERY)).await;
    until_all_ran(&bench).await;
    let clock = money_machine::seams::SystemClock::new(None);
    let from = clock.wall();
    tokio::time::sleep(STORM).await;
    let until = clock.wall();
    let late_ms = late_ms(&bench.disk.store, from, until);
    let seconds = until.since(from).as_secs_f64();
    line("runs begun a second", late_ms.len() as f64 / seconds, "runs/s");
    let all: Vec<f64> = late_ms.iter().map(|(_, late)| *late).collect();
    line("begun after they were due, p50", median(&all), "ms");
    line("begun after they were due, p99", quantile(&all, 0.99), "ms");
    line("begun after they were due, most", quantile(&all, 1.0), "ms");
    let third = |nth: f64| {
        let of: Vec<f64> = late_ms
            .iter()
            .filter(|(at, _)| {
                let share = at.since(from).as_secs_f64() / seconds * 3.0;
                (nth..nth + 1.0).contains(&share)
            })
            .map(|(_, late)| *late)
            .collect();
        median(&of)
    };
    line("drift: p50 of the last third less that of the first", third(2.0) - third(0.0), "ms");
    bench.running.stop(Duration::from_secs(60)).await;
}

fn settings(schedule: &str, jitter: Duration) -> Settings {
    let mut settings = setup::settings();
    settings.scheduling = true;
    let nothing: strategy::Work = Arc::new(|_| Box::pin(async { Ok(Report::default()) }));
    for nth in 0..TASKS {
        // As long as the process: a strategy's name is part of its code.
        let name: &'static str = Box::leak(format!("task-{nth:05}").into_boxed_str());
        let mut installed = strategy::installed(name, schedule, nothing.clone());
        installed.task.jitter = jitter;
        settings.strategies.insert(name.parse().unwrap(), installed);
    }
    settings
}

async fn until_all_ran(bench: &Bench) {
    let deadline = Instant::now() + Duration::from_secs(300);
    while runs(&bench.disk.store).iter().filter(|run| run.ended.is_some()).count() < TASKS {
        assert!(Instant::now() < deadline, "not every task ran within five minutes");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn runs(store: &Store) -> Vec<RunRecord> {
    let runs = store.scan::<RunRecord>(&Space::default_owner(), Span::all(), usize::MAX).unwrap();
    runs.into_values().filter(|run| run.strategy.as_str() != "bench").collect()
}

/// When each run of that time was due, and how much later it began.
fn late_ms(store: &Store, from: Moment, until: Moment) -> Vec<(Moment, f64)> {
    let mut task = Task::plain(Schedule::parse("every 10s", "UTC").unwrap());
    task.jitter = EVERY;
    let late = |run: &RunRecord| {
        let Trigger::Tick(at) = &run.trigger else { return None };
        // The first of each was due at once, and not by its schedule.
        if at.unix_ms() % 10_000 != 0 {
            return None;
        }
        let due = at.plus(mm_services::strategies::delay(store, &task, run.strategy.as_str()).unwrap());
        let within = due >= from && due < until;
        within.then(|| (due, run.started.since(due).as_secs_f64() * 1e3))
    };
    runs(store).iter().filter_map(late).collect()
}

/// What this process holds in memory.
fn resident_mib() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: f64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096.0 / f64::from(1 << 20)
}
