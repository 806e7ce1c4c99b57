//! Random answers, random kills, random deaths of the disk, and the invariants that hold all the same.
//! The checker sees the requests that arrived, the audit chain and the rows; nothing else.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mm_core::action::Method;
use mm_core::activity::{ActionRecord, Stage};
use mm_core::error::TransportFault;
use mm_core::moment::Moment;
use mm_core::run::RunRecord;
use mm_core::seams::SplitMix64;
use mm_sdk::Report;
use mm_services::integrity;
use mm_services::records::OpenRow;
use mm_services::testing::{Bench, Request, Said, Script, audit, draft, get, pack, post, rows};
use mm_store::Fault;

const LIMIT: usize = 9;
const WINDOW: Duration = Duration::from_secs(3600);

/// Reads and posts whatever comes of it; two such share one limit.
fn worker(name: &'static str) -> Script {
    Script::new(name, |cx| {
        Box::pin(async move {
            let (some, body) = (cx.random() % 4, cx.random().to_string());
            cx.act("s1", get("/1")).await?;
            cx.act("p", post("/post", &body)).await?;
            for n in 0..some {
                cx.act(&format!("t{n}"), get(&format!("/{n}"))).await?;
            }
            cx.found(draft(&format!("{some}")));
            Ok(Report::default())
        })
    })
}

/// What comes back, after how long, and whether it proves that nothing was done: no connection, or too fast.
fn answer(seed: u64) -> (Said, Duration, bool) {
    let mut chance = SplitMix64(seed);
    let (said, nothing_was_done) = match chance.next_u64() % 12 {
        0 => (Said::status(500, ""), false),
        1 => (Said::status(404, ""), false),
        2 => (Said::fault(TransportFault::Reset), false),
        3 => (Said::fault(TransportFault::Connect), true),
        4 => (Said::redirect(302, "/1"), false),
        5 => (Said::redirect(307, "https://127.0.0.1/"), false),
        6 => (Said::status(429, "").header("retry-after", "45"), true),
        _ => (Said::status(200, "fine"), false),
    };
    (said, Duration::from_millis(chance.next_u64() % 20_000), nothing_was_done)
}

/// What the outside knows of a story.
#[derive(Clone, Default)]
struct Known {
    /// The requests by which nothing was done, and when it could be known.
    undone: Arc<Mutex<BTreeMap<usize, Moment>>>,
    /// When lives ended: what came later was heard by nobody.
    ends: Arc<Mutex<Vec<Moment>>>,
}

impl Known {
    /// Whether the machine had been told that nothing was done by a request when `later` arrived.
    fn may_be_sent_again(&self, request: &Request, later: &Request) -> bool {
        let Some(told) = self.undone.lock().unwrap().get(&request.nth).copied() else { return false };
        let cut_off = |end: &Moment| request.at <= *end && *end < told;
        told <= later.at && !self.ends.lock().unwrap().iter().any(cut_off)
    }
}

fn story(seed: u64) -> (Bench, Known) {
    let known = Known::default();
    let mut bench = Bench::new(seed);
    let mut chance = SplitMix64(seed);
    bench.settings.scheduling = true;
    bench.rules.put("sim.toml", &pack(u32::try_from(LIMIT).unwrap(), "1h"));
    bench.install_on(worker("ant"), "every 5m").install_on(worker("bee"), "every 7m");
    let undone = known.undone.clone();
    bench.world.answer(move |request| {
        let (said, after, nothing) = answer(seed.wrapping_mul(1000).wrapping_add(request.nth as u64));
        if nothing {
            undone.lock().unwrap().insert(request.nth, request.at.plus(after));
        }
        said.after(after)
    });
    for _ in 0..8 {
        let memory = bench.memory.clone();
        let (length, death) = (chance.next_u64() % 2_000_000, chance.next_u64() % 300);
        bench.live(async |machine| {
            machine.pass(Duration::from_millis(length)).await;
            if death < 150 {
                // The disk dies somewhere in what comes next.
                memory.inject(Fault::DeadAt(death + 1));
                machine.pass(Duration::from_secs(700)).await;
            }
            known.ends.lock().unwrap().push(machine.now());
        });
    }
    bench.world.answer(|_| Said::status(200, "fine"));
    bench.live(async |machine| {
        machine.pass(Duration::from_secs(30)).await;
        machine.idle("ant").await;
        machine.idle("bee").await;
        assert!(machine.services.kernel_is_up());
    });
    (bench, known)
}

#[test]
fn whatever_happens_the_invariants_hold() {
    let (mut requests, mut ambiguous, mut again) = (0, 0, 0);
    for seed in 0..4 {
        let (bench, known) = story(seed);
        let (store, log) = (bench.look(), bench.world.log());
        let chain = audit(&store);
        let actions: BTreeMap<String, ActionRecord> = rows(&store).into_iter().collect();

        // Never more than the limit in any window, over all lives.
        for (first, later) in log.iter().zip(log.iter().skip(LIMIT)) {
            let apart = later.at.since(first.at);
            assert!(apart > WINDOW, "seed {seed}: {} requests within {apart:?}", LIMIT + 1);
        }
        // Received ⊆ intended: each request was permitted on record before it left.
        let mut permitted: BTreeMap<String, usize> = BTreeMap::new();
        for (_, payload) in chain.iter().filter(|(kind, _)| kind == "action.permitted") {
            let payload: serde_json::Value = serde_json::from_str(payload).unwrap();
            *permitted.entry(payload["action"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        let mut received: BTreeMap<&str, usize> = BTreeMap::new();
        for request in &log {
            *received.entry(&request.action).or_default() += 1;
        }
        for (action, times) in received {
            let allowed = permitted.get(action).copied().unwrap_or_default();
            assert!(times <= allowed, "seed {seed}: {action} left {times} times, permitted {allowed} times");
            assert!(actions.contains_key(action), "seed {seed}: {action} is not in the activity log");
        }
        // No change twice: it is sent again only where it was heard that nothing was done by it before.
        let mut posts: BTreeMap<&[u8], Vec<&Request>> = BTreeMap::new();
        for request in log.iter().filter(|request| request.method == Method::Post) {
            posts.entry(&request.body).or_default().push(request);
        }
        for same in posts.values() {
            for (first, later) in same.iter().zip(same.iter().skip(1)) {
                assert!(
                    known.may_be_sent_again(first, later),
                    "seed {seed}: a change was sent twice: {same:?}"
                );
                again += 1;
            }
        }
        // Nothing hangs in the air.
        assert_eq!(rows::<OpenRow>(&store), vec![], "seed {seed}");
        for (id, action) in &actions {
            assert!(!matches!(action.stage, Stage::Planned | Stage::Sending), "seed {seed}: {id}");
            ambiguous += usize::from(action.stage == Stage::Ambiguous);
        }
        assert!(rows::<RunRecord>(&store).iter().all(|(_, run)| run.outcome.is_some()), "seed {seed}");
        let ids = ["ant".parse().unwrap(), "bee".parse().unwrap()];
        assert_eq!(integrity::check(&store, &ids).unwrap(), vec![], "seed {seed}");
        requests += log.len();
    }
    assert!(
        requests > 60 && ambiguous > 1 && again > 0,
        "too little happened: {requests} requests, {ambiguous} ambiguous, {again} sent again"
    );
}
