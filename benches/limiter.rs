//! How many spends a second the limiter grants: durable (each in a change of its own, by group commit) and
//! in memory, one after the other and many at once, next to the limiters of `leaky-bucket` and `governor`,
//! which are asked in the same rounds. Those keep no state, count for nobody, and have no queue.
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
#[expect(dead_code, reason = "the road's bench makes proposals, this one none")]
mod setup;

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use figures::{heading, line, median};
use governor::{Quota as GovernorQuota, RateLimiter};
use mm_core::id::{ActionId, Space};
use mm_core::limit::{LimitScope, Priority, Quota, QuotaState, decide_all};
use mm_core::moment::Moment;
use mm_services::limiter::{Ask, Charge, Limiter};
use mm_store::{Change, NewEntry};
use rounds::{order, ratio};
use setup::Bench;

const ROUNDS: usize = 9;
/// So many spends a round of what waits for a disk, and of what does not.
const DURABLE: u32 = 200;
const CACHED: u32 = 5_000;
const BARE: u32 = 100_000;
/// So many ask at once.
const FLIGHT: u32 = 32;

const WAYS: [&str; 6] = [
    "durable, one after the other",
    "durable, 32 at once",
    "in memory, through the actor",
    "in memory, the decision alone",
    "leaky-bucket, try_acquire",
    "governor, check",
];

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let bench = Bench::start(false).await;
        let mut rates: Vec<Vec<f64>> = vec![Vec::new(); WAYS.len()];
        for round in 0..ROUNDS {
            for way in order(WAYS.len(), round) {
                rates[way].push(spends_a_second(&bench, way).await);
            }
        }
        heading("spends a second");
        for (name, rates) in WAYS.iter().zip(&rates) {
            line(name, median(rates), "1/s");
        }
        heading("as ratios, round by round");
        for (way, name) in WAYS.iter().enumerate().take(4) {
            line(&format!("{name} / leaky-bucket"), ratio(&rates[way], &rates[4]), "");
            line(&format!("{name} / governor"), ratio(&rates[way], &rates[5]), "");
        }
    });
}

async fn spends_a_second(bench: &Bench, way: usize) -> f64 {
    let limiter = &bench.running.services.limiter;
    let began = Instant::now();
    let spends = match way {
        0 => spend(limiter, DURABLE, true).await,
        1 => {
            let mut flight = tokio::task::JoinSet::new();
            for _ in 0..FLIGHT {
                let limiter = limiter.clone();
                flight.spawn(async move { spend(&limiter, DURABLE / 4, true).await });
            }
            flight.join_all().await.into_iter().sum()
        }
        2 => spend(limiter, CACHED, false).await,
        3 => decisions(),
        4 => {
            let bucket = leaky_bucket::RateLimiter::builder()
                .max(usize::MAX >> 8)
                .initial(usize::MAX >> 8)
                .refill(1)
                .interval(Duration::from_secs(1))
                .build();
            (0..BARE).map(|_| u32::from(bucket.try_acquire(1))).sum()
        }
        _ => {
            let bucket = RateLimiter::direct(GovernorQuota::per_second(NonZeroU32::MAX));
            (0..BARE).map(|_| u32::from(bucket.check().is_ok())).sum()
        }
    };
    f64::from(spends) / began.elapsed().as_secs_f64()
}

/// Quotas of three layers, as a usual act is charged to.
fn quotas() -> Vec<Quota> {
    let (platform, space) = ("practice".parse().unwrap(), Space::default_owner());
    let of = |scope, kind, secs| {
        let account = "main".parse().unwrap();
        let per = Duration::from_secs(secs);
        Quota::of_platform(scope, &platform, kind, Some(&account), &space, u32::MAX, per).unwrap()
    };
    let kind = mm_core::action::ActionKind::new("post");
    vec![
        of(LimitScope::Account, Some(&kind), 60),
        of(LimitScope::Platform, None, 3_600),
        Quota::daily_actions(u32::MAX),
    ]
}

async fn spend(limiter: &Limiter, count: u32, durable: bool) -> u32 {
    // Without a pace, which alone would set the figure.
    let charge = Charge {
        platform: "practice".parse().unwrap(),
        strategy: "bench".to_owned(),
        account: Some((Space::default_owner(), "main".parse().unwrap())),
        quotas: quotas(),
        pause: Duration::ZERO,
    };
    let ask = Ask {
        action: ActionId::new("bench-1.spend"),
        priority: Priority::of_strategy(1),
        until: Moment::from_unix_ms(i64::MAX),
    };
    for _ in 0..count {
        limiter.acquire(&charge, ask.clone()).await.unwrap().unwrap();
        if durable {
            let entry = NewEntry::new(Moment::from_unix_ms(0), &Space::machine(), "bench.spend", &0).unwrap();
            limiter.commit(&charge, Change::new().audit(entry)).await.unwrap().unwrap();
        }
    }
    count
}

fn decisions() -> u32 {
    let (quotas, begin) = (quotas(), 1_700_000_000_000i64);
    let mut states = vec![QuotaState::default(); quotas.len()];
    (0..BARE)
        .map(|n| {
            let mut charges: Vec<_> = quotas.iter().zip(states.iter_mut()).collect();
            u32::from(decide_all(&mut charges, Moment::from_unix_ms(begin + i64::from(n / 64))).is_ok())
        })
        .sum()
}
