//! Durable actions a second on the one road, next to what the store alone can commit.
//!
//! An action here is a post to the sandbox's practice platform: judged twice, charged, permitted, put
//! on record before the first byte, sent, and put on record again: two changes, each synced. The
//! store's twin commits changes of the same rows and sizes, as many at a time, in turn with the road
//! in the same process. The share is the road's changes a second to the twin's.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a bench measures real time and may stop"
)]

#[path = "support/figures.rs"]
mod figures;
#[path = "support/rounds.rs"]
mod rounds;
#[path = "road/setup.rs"]
mod setup;
#[path = "road/twin.rs"]
mod twin;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use figures::{heading, line, median, quantile};
use mm_services::gateway::Walked;
use rounds::{order, ratio};
use setup::Bench;
use tokio::task::JoinSet;
use twin::Twin;

const ROUNDS: usize = 13;
/// The first rounds warm up.
const WARM: usize = 2;
/// In flight at once, and actions in a round.
const LOADS: [(u64, u64); 2] = [(1, 150), (32, 2000)];
const WITHIN: Duration = Duration::from_secs(60);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async { tokio::spawn(all()).await.unwrap() });
}

async fn all() {
    let nothing_done_yet = Arc::new(AtomicU64::new(0));
    let inner = Arc::new(Bench::start(false).await);
    act(&inner, 0).await;
    let twin = Arc::new(Twin::of(&inner, &inner.proposal(0)).await);
    let outer = Arc::new(Bench::start(true).await);
    let next = nothing_done_yet;
    next.store(1, Ordering::Relaxed);
    for (flights, actions) in LOADS {
        let mut series: [Series; 3] = Default::default();
        for round in 0..ROUNDS {
            for place in order(series.len(), round) {
                let slice = match place {
                    0 => slice(Driver::Road(inner.clone()), flights, actions, &next).await,
                    1 => slice(Driver::Road(outer.clone()), flights, actions, &next).await,
                    _ => slice(Driver::Twin(twin.clone()), flights, actions, &next).await,
                };
                if round >= WARM {
                    series[place].take(slice);
                }
            }
        }
        report(flights, &series);
    }
}

/// What is driven.
#[derive(Clone)]
enum Driver {
    Road(Arc<Bench>),
    Twin(Arc<Twin>),
}

impl Driver {
    async fn act(&self, nth: u64) {
        match self {
            Driver::Road(bench) => act(bench, nth).await,
            Driver::Twin(twin) => {
                twin.disk.store.commit(twin.intent(nth)).await.unwrap();
                twin.disk.store.commit(twin.outcome(nth)).await.unwrap();
            }
        }
    }
}

async fn act(bench: &Bench, nth: u64) {
    let walked = bench.running.services.gateway.act(bench.proposal(nth), WITHIN).await.unwrap().unwrap();
    assert!(matches!(&walked, Walked::Done(answer) if answer.status == 201), "{walked:?}");
}

/// The figures of one round.
struct Slice {
    per_s: f64,
    took_ms: Vec<f64>,
}

/// The figures of all rounds.
#[derive(Default)]
struct Series {
    per_s: Vec<f64>,
    took_ms: Vec<f64>,
}

impl Series {
    fn take(&mut self, slice: Slice) {
        self.per_s.push(slice.per_s);
        self.took_ms.extend(slice.took_ms);
    }
}

/// So many actions, so many at a time.
async fn slice(driver: Driver, flights: u64, actions: u64, next: &Arc<AtomicU64>) -> Slice {
    let end = next.load(Ordering::Relaxed) + actions;
    let mut tasks = JoinSet::new();
    let began = Instant::now();
    for _ in 0..flights {
        let (driver, next) = (driver.clone(), next.clone());
        tasks.spawn(async move {
            let mut took_ms = Vec::new();
            loop {
                let nth = next.fetch_add(1, Ordering::Relaxed);
                if nth >= end {
                    return took_ms;
                }
                let began = Instant::now();
                driver.act(nth).await;
                took_ms.push(began.elapsed().as_secs_f64() * 1e3);
            }
        });
    }
    let took_ms: Vec<f64> = tasks.join_all().await.into_iter().flatten().collect();
    Slice { per_s: took_ms.len() as f64 / began.elapsed().as_secs_f64(), took_ms }
}

fn report(flights: u64, series: &[Series; 3]) {
    let [inner, outer, twin] = series;
    heading(&format!("the road, {flights} in flight"));
    for (name, road) in [("in process", inner), ("over loopback", outer)] {
        line(&format!("actions, sandbox {name}"), median(&road.per_s), "actions/s");
        line(&format!("an action, sandbox {name}, p50"), quantile(&road.took_ms, 0.5), "ms");
        line(&format!("an action, sandbox {name}, p99"), quantile(&road.took_ms, 0.99), "ms");
    }
    line("the store alone, the same changes", 2.0 * median(&twin.per_s), "changes/s");
    for (name, road) in [("in process", inner), ("over loopback", outer)] {
        let share = ratio(&road.per_s, &twin.per_s);
        line(&format!("share of the store's rate, sandbox {name}"), share, "changes/changes");
        line(&format!("the same, sandbox {name}"), share / 2.0, "actions/changes");
    }
}
