//! Many simulated crashes on the road: between any two writes, between any two steps, and again in the
//! recovery. An oracle counts what happened outside; a reconciler looks there.
//!
//! `MONEY_MACHINE_TEST_CRASHES` says how many lives are cut off (600 if it says nothing).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use mm_core::action::{Action, Method, Request};
use mm_core::activity::{ActionRecord, Stage};
use mm_core::answer::Answer;
use mm_core::approval::State as At;
use mm_core::error::TransportFault;
use mm_core::id::{ActionId, Space};
use mm_core::moment::Moment;
use mm_core::run::{RunRecord, Trigger};
use mm_core::seams::SplitMix64;
use mm_sdk::{Finding, Reconciler, Report, Sent};
use mm_services::approvals::Word;
use mm_services::gateway::Settlement;
use mm_services::records::{ApprovalRow, ChangeRow, OpenRow, Standing};
use mm_services::testing::{Bench, Machine, Said, Script, action, audit, get, post, url};
use mm_store::{Fault, SharedMemory};

/// What happened at the platform, by the body of the post.
type Effects = Arc<Mutex<BTreeMap<String, u32>>>;

/// A platform that does what it is asked, and does not always say so.
fn platform(bench: &Bench, seed: u64) -> Effects {
    let effects = Effects::default();
    let done = effects.clone();
    bench.world.answer(move |request| {
        let mut chance = SplitMix64(seed ^ (request.nth as u64).wrapping_mul(0x9e37_79b9));
        if request.method == Method::Get {
            return Said::status(200, request.path());
        }
        let chance = chance.next_u64() % 8;
        if chance == 0 {
            return Said::fault(TransportFault::Connect);
        }
        let body = String::from_utf8(request.body.clone()).unwrap();
        *done.lock().unwrap().entry(body).or_default() += 1;
        match chance {
            1 => Said::fault(TransportFault::Reset),
            2 => Said::status(502, ""),
            _ => Said::status(201, "made"),
        }
    });
    effects
}

/// A read, a post of its own, a post that is asked about; every third run proposes what an earlier did.
fn worker() -> Script {
    Script::new("worker", |cx| {
        Box::pin(async move {
            if let Trigger::Settled(id) = cx.trigger().clone() {
                cx.outcome(&id).await?;
                return Ok(Report::default());
            }
            let nth = cx.snapshot().map_or(0, <[u8]>::len);
            cx.act("read", get("/1")).await?;
            cx.act("post", post("/post", &format!("post {}", nth / 2))).await?;
            let request = Request::new(Method::Post, url("/ask"), format!("ask {}", nth / 2).into_bytes());
            cx.act("ask", action("ask", request.unwrap())).await?;
            cx.keep(1, vec![0; nth + 1]);
            Ok(Report::default())
        })
    })
}

/// Looks at the oracle itself.
struct Looker(Effects);

impl Looker {
    fn happened(&self, sent: &Action) -> bool {
        let body = String::from_utf8(sent.request.body().to_vec()).unwrap();
        self.0.lock().unwrap().contains_key(&body)
    }
}

impl Reconciler for Looker {
    fn platform(&self) -> &'static str {
        mm_services::testing::PLATFORM
    }

    fn look(&self, _sent: &Sent) -> Option<Action> {
        Some(get("/look"))
    }

    fn find(&self, sent: &Sent, _asked: &Action, _answer: &Answer, _now: Moment) -> Finding {
        match self.happened(&sent.action) {
            true => Finding::Happened("it is there".to_owned()),
            false => Finding::DidNot,
        }
    }
}

/// Lives until the disk has died, or there is nothing more to do.
async fn work(machine: &Machine, disk: &SharedMemory, deadly: u64) {
    let space = Space::default_owner();
    drop(machine.services.strategies.start("worker", Trigger::Operator).await);
    quiet_or_dead(machine, disk).await;
    if !machine.store.is_running() || deadly.is_multiple_of(3) {
        return;
    }
    for (id, row) in machine.rows::<ApprovalRow>() {
        if row.item.state == At::Waiting {
            let word = if deadly % 7 == 1 { Word::Reject } else { Word::Approve };
            drop(machine.services.approvals.say(&space, &id, word, "me", None).await);
        }
    }
    quiet_or_dead(machine, disk).await;
}

/// Waits until nothing is under way, or the disk has died. What is under way stands in rows, so the rows are
/// read again only when the disk was written.
async fn quiet_or_dead(machine: &Machine, disk: &SharedMemory) {
    let mut read_at = None;
    let probe = || {
        let written = disk.ops();
        !machine.store.is_running() || (read_at.replace(written) != Some(written) && !busy(machine))
    };
    machine.until("it is quiet or dead", probe).await;
}

fn busy(machine: &Machine) -> bool {
    let runs = machine.rows::<RunRecord>().iter().any(|(_, run)| run.outcome.is_none());
    let due = machine.rows::<ChangeRow>().iter().any(|(_, row)| match &row.standing {
        Standing::Asked { approval, .. } => {
            let asked = machine.store.get::<ApprovalRow>(&Space::default_owner(), approval).unwrap();
            asked.is_some_and(|row| row.value.item.state == At::Approved)
        }
        Standing::Settled { telling, .. } => *telling == mm_services::records::SettledTelling::Due,
        Standing::Queued { .. } | Standing::Sending => true,
        Standing::Ambiguous => false,
    });
    runs || due
}

/// One machine: some lives that are cut off, one that is not. Gives how many were cut off.
fn one(seed: u64) -> u32 {
    let mut chance = SplitMix64(seed);
    let mut bench = Bench::new(seed);
    bench.install(worker());
    let effects = platform(&bench, seed);
    let mut deaths = 0;
    for _ in 0..1 + chance.next_u64() % 4 {
        let (at, deadly) = (1 + chance.next_u64() % 90, chance.next_u64());
        let memory = bench.memory.clone();
        // A crash between two steps, or one of the disk at a write: the recovery is hit as well.
        let before = deadly % 2 == 0;
        if before {
            memory.inject(Fault::DeadAt(at));
        }
        let died = bench.try_live(async |machine| {
            if !before {
                memory.inject(Fault::DeadAt(at));
            }
            work(machine, &memory, deadly).await;
            !machine.store.is_running()
        });
        deaths += u32::from(died != Ok(false));
        if deadly % 5 == 0 {
            bench.memory.power_loss(deadly);
        }
    }
    let memory = bench.memory.clone();
    bench.live(async |machine| {
        for _ in 0..2 {
            work(machine, &memory, 2).await;
        }
        settle(machine, &Looker(effects.clone())).await;
        machine.until("all is told", || !busy(machine)).await;
        check(machine, &effects, seed);
    });
    audit(&bench.look());
    deaths
}

/// What a reconciler that works finds of every change that may have happened.
async fn settle(machine: &Machine, looker: &Looker) {
    let space = Space::default_owner();
    for (id, row) in machine.rows::<ChangeRow>() {
        if row.standing != Standing::Ambiguous {
            continue;
        }
        let sent = Sent { action: row.action.clone(), at: row.sent_at.unwrap() };
        let asked = looker.look(&sent).unwrap();
        let answer = Answer { status: 200, headers: Vec::new(), body: Vec::new(), at: machine.now() };
        let happened = match looker.find(&sent, &asked, &answer, machine.now()) {
            Finding::Happened(_) => true,
            Finding::DidNot => false,
            other => panic!("{other:?}"),
        };
        let settlement = Settlement { happened, how: "looked".into(), by: "reconciler".into() };
        let id = ActionId::new(id);
        machine.services.settling().settle(&space, &id, &settlement).await.unwrap().unwrap();
    }
}

/// What the oracle saw and what the records say are the same, and nothing happened twice.
fn check(machine: &Machine, effects: &Effects, seed: u64) {
    let happened = effects.lock().unwrap().clone();
    for (body, times) in &happened {
        assert_eq!(*times, 1, "seed {seed}: `{body}` happened {times} times");
    }
    assert_eq!(machine.rows::<OpenRow>(), vec![], "seed {seed}");
    let changes: BTreeMap<String, ChangeRow> = machine.rows::<ChangeRow>().into_iter().collect();
    let mut told: BTreeMap<String, bool> = BTreeMap::new();
    for (id, record) in machine.rows::<ActionRecord>() {
        if record.method == "GET" || record.stage == Stage::Blocked || record.stage == Stage::Pending {
            continue;
        }
        assert!(
            matches!(record.stage, Stage::Confirmed | Stage::Failed),
            "seed {seed}: {id} is {:?}",
            record.stage
        );
        let body = String::from_utf8(changes[&id].action.request.body().to_vec()).unwrap();
        *told.entry(body).or_default() |= record.stage == Stage::Confirmed;
    }
    for (body, confirmed) in &told {
        assert_eq!(*confirmed, happened.contains_key(body), "seed {seed}: `{body}`");
    }
    for body in happened.keys() {
        assert!(told.contains_key(body), "seed {seed}: `{body}` happened without a record");
    }
    // None is called ambiguous that never reached SENDING.
    let permitted = machine.audit_of("action.permitted").concat();
    for entry in machine.audit_of("action.ambiguous") {
        let entry: serde_json::Value = serde_json::from_str(&entry).unwrap();
        let id = format!("\"action\":\"{}\"", entry["action"].as_str().unwrap());
        assert!(permitted.contains(&id), "seed {seed}: {id} is ambiguous and was never permitted");
    }
    // Each settled change was told by one run at most.
    let runs = machine.rows::<RunRecord>();
    let mut heard = BTreeMap::<ActionId, u32>::new();
    for (_, run) in runs {
        if let Trigger::Settled(id) = run.trigger {
            *heard.entry(id).or_default() += 1;
        }
    }
    assert!(heard.values().all(|times| *times == 1), "seed {seed}: {heard:?}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a long run is asked for from outside")]
fn over_any_number_of_crashes_nothing_happens_twice_and_every_doubt_is_settled() {
    let wanted = std::env::var("MONEY_MACHINE_TEST_CRASHES").ok().and_then(|text| text.parse().ok());
    let wanted: u32 = wanted.unwrap_or(600);
    let only: Option<u64> = std::env::var("MONEY_MACHINE_TEST_SEED").ok().and_then(|text| text.parse().ok());
    if let Some(seed) = only {
        one(seed);
        return;
    }
    let (mut deaths, mut seed) = (0, 1);
    while deaths < wanted {
        deaths += one(seed);
        seed += 1;
    }
    eprintln!("{deaths} crashes in {seed} machines");
}
