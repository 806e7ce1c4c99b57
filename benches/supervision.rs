//! Crash to running again, storms, idle actors, and what a trace costs: next to OTP in the same run where
//! `escript` is installed, and next to a bare ractor supervisor.
//!
//! Everybody measures the same: from the moment a child is told to crash to the moment its successor
//! begins. OTP's side has a supervisor of its own for each round, as it walks all restarts of the period at
//! each restart; ours keeps one for all rounds. Budgets are in a store on the disk that holds the build.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a bench measures real time and may stop"
)]

#[path = "support/figures.rs"]
mod figures;
#[path = "supervision/idle.rs"]
mod idle;
#[path = "supervision/otp.rs"]
mod otp;
#[path = "supervision/ours.rs"]
mod ours;
#[path = "supervision/plain.rs"]
mod plain;
#[path = "support/rounds.rs"]
mod rounds;
#[path = "supervision/traced.rs"]
mod traced;

use std::time::Duration;

use figures::{heading, line, median, quantile};
use otp::Otp;
use ours::Pays;
use rounds::{order, ratio};
use tokio::runtime::Runtime;

const ROUNDS: usize = 25;
/// Crashes in a round; 2,500 in all.
const CRASHES: usize = 100;
const STORMS: usize = 15;
const CHILDREN: usize = 1_000;
/// What is recorded at once where a child has a budget of its own.
const BLOCK: u32 = 64;

/// Its children are gen_servers, as they usually are.
const OTP: &str = "OTP";

/// One of those that are compared. A family is away while it is measured.
enum Side {
    Otp(Otp),
    Ractor(Option<plain::Family>),
    Ours(Option<ours::Family>),
}

/// Runs `measure` as a task among the others: who drives it shall not sit on a thread of its own, which
/// would have to be woken for each answer. OTP's driver is a process like any other, too.
fn inside<F, T, D>(runtime: &Runtime, family: &mut Option<F>, measure: impl FnOnce(F) -> D) -> T
where
    F: Send + 'static,
    T: Send + 'static,
    D: Future<Output = (F, T)> + Send + 'static,
{
    let driver = runtime.spawn(measure(family.take().unwrap()));
    let (back, told) = runtime.block_on(driver).unwrap();
    *family = Some(back);
    told
}

impl Side {
    fn restarts(&mut self, runtime: &Runtime, pause: Duration) -> Vec<f64> {
        match self {
            Side::Otp(otp) => otp.ask(if pause.is_zero() { "restarts" } else { "paced" }, CRASHES),
            Side::Ractor(family) => inside(runtime, family, |mut family| async move {
                let times = family.restarts(CRASHES, pause).await;
                (family, times)
            }),
            Side::Ours(family) => inside(runtime, family, |mut family| async move {
                let times = family.restarts(CRASHES, pause).await;
                (family, times)
            }),
        }
    }

    fn storm(&mut self, runtime: &Runtime) -> f64 {
        match self {
            Side::Otp(otp) => median(&otp.ask("storm", CHILDREN)),
            Side::Ractor(family) => inside(runtime, family, |mut family| async move {
                let took = family.storm().await;
                (family, took)
            }),
            Side::Ours(family) => inside(runtime, family, |mut family| async move {
                let took = family.storm().await;
                (family, took)
            }),
        }
    }
}

/// A name, and whoever it is; families of so many children.
fn sides(runtime: &Runtime, children: usize) -> Vec<(&'static str, Side)> {
    let ours = |pays| Side::Ours(Some(runtime.block_on(ours::Family::start(children, pays))));
    let mut sides = vec![
        ("durable, a budget each", ours(Pays::Child(BLOCK))),
        ("durable, the supervisor's budget", ours(Pays::Supervisor(BLOCK))),
        ("without budgets", ours(Pays::Nobody)),
        ("ractor alone", Side::Ractor(Some(runtime.block_on(plain::Family::start(children))))),
    ];
    sides.extend(Otp::start("usual").map(|otp| (OTP, Side::Otp(otp))));
    sides.extend(Otp::start("bare").map(|otp| ("OTP, bare processes, no reports", Side::Otp(otp))));
    sides
}

fn restarts(runtime: &Runtime, pause: Duration) {
    heading(&format!("one child: crash to running again, {pause:?} apart"));
    let mut sides = sides(runtime, 1);
    let one_by_one = runtime.block_on(ours::Family::start(1, Pays::Child(1)));
    sides.push(("durable, each restart by itself", Side::Ours(Some(one_by_one))));
    let mut first = Vec::new();
    let mut rounds: Vec<Vec<Vec<f64>>> = sides.iter().map(|_| Vec::new()).collect();
    for (_, side) in &mut sides {
        // The first of all has its budget to fetch; then it is as it will be.
        first.push(side.restarts(runtime, pause)[0]);
    }
    for round in 0..ROUNDS {
        for place in order(sides.len(), round) {
            rounds[place].push(sides[place].1.restarts(runtime, pause));
        }
    }
    let otp = sides.iter().position(|(name, _)| *name == OTP);
    for (place, (name, _)) in sides.iter().enumerate() {
        let all = rounds[place].concat();
        line(&format!("{name}, p50"), median(&all) / 1e3, "us");
        line(&format!("{name}, p99"), quantile(&all, 0.99) / 1e3, "us");
        line(&format!("{name}, the first of the process"), first[place] / 1e3, "us");
        let Some(otp) = otp.filter(|&otp| otp != place) else { continue };
        for (share, what) in [(0.5, "p50"), (0.99, "p99")] {
            let of = |place: usize| -> Vec<f64> {
                rounds[place].iter().map(|times| quantile(times, share)).collect()
            };
            line(&format!("{name}, {what}, ratio to OTP"), ratio(&of(place), &of(otp)), "x");
        }
    }
}

fn storms(runtime: &Runtime) {
    heading(&format!("{CHILDREN} children crash at once: until all are up"));
    let mut sides = sides(runtime, CHILDREN);
    let mut rounds: Vec<Vec<f64>> = sides.iter().map(|_| Vec::new()).collect();
    for round in 0..STORMS {
        for place in order(sides.len(), round) {
            rounds[place].push(sides[place].1.storm(runtime));
        }
    }
    let otp = sides.iter().position(|(name, _)| *name == OTP);
    for (place, (name, _)) in sides.iter().enumerate() {
        line(&format!("{name}, the first of the process"), rounds[place][0] / 1e6, "ms");
        line(&format!("{name}, median"), median(&rounds[place][1..]) / 1e6, "ms");
        let Some(otp) = otp.filter(|&otp| otp != place) else { continue };
        line(&format!("{name}, ratio to OTP"), ratio(&rounds[place], &rounds[otp]), "x");
        let first = rounds[place][0] / median(&rounds[otp]);
        line(&format!("{name}, the first, ratio to OTP"), first, "x");
    }
}

fn idle() {
    let mut otp = Otp::start("usual");
    for count in [1_000, 10_000] {
        heading(&format!("{count} idle actors"));
        let rounds: Vec<_> = (0..5).map(|_| idle::measure(count)).collect();
        let middle = |of: fn(&idle::Idle) -> f64| median(&rounds.iter().map(of).collect::<Vec<_>>());
        line("ours, started per second", 1e9 / middle(|idle| idle.spawn_ns), "/s");
        line("ours, resident bytes each", middle(|idle| idle.bytes), "B");
        line("ours, resident bytes each after one call", middle(|idle| idle.bytes_after_one), "B");
        line("ours, one look of the watchdog at all", middle(|idle| idle.look_ns) / 1e3, "us");
        if let Some(otp) = &mut otp {
            let rounds: Vec<_> = (0..5).map(|_| otp.ask("spawn", count)).collect();
            let middle = |nth: usize| median(&rounds.iter().map(|round| round[nth]).collect::<Vec<_>>());
            line("OTP, started per second", count as f64 * 1e9 / middle(0), "/s");
            line("OTP, bytes each", middle(1), "B");
        }
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == idle::ARGUMENT) {
        let count = arguments[at + 1].parse().unwrap();
        runtime.block_on(async { tokio::spawn(idle::be_measured(count)).await.unwrap() });
        return;
    }
    // A loop without any pause outruns the disk, which shows; OTP has none to wait for.
    for pause in [Duration::from_millis(1), Duration::ZERO] {
        restarts(&runtime, pause);
    }
    storms(&runtime);
    idle();
    runtime.block_on(async { tokio::spawn(traced::measure()).await.unwrap() });
}
