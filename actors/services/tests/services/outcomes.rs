//! Honest outcomes: what a run is shown as is what was committed of it, wherever the machine was killed;
//! and a thread that was given up, or belongs to an earlier epoch, can commit nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use mm_core::id::Space;
use mm_core::opportunity::Opportunity;
use mm_core::run::{Outcome, RunRecord, Trigger};
use mm_sdk::Report;
use mm_services::records::{CrashRow, OpenRow, QuarantineRow};
use mm_services::testing::{Bench, Machine, Said, Script, audit, draft, get, pack, post, read, rows};
use mm_store::{Change, Fault, Key, Span, Store};

const HOST: &str = "kernel/strategies/default/late";

/// Its n-th execution waits for the n-th gate, then reads `/N`, finds `N` and keeps N bytes.
fn gated(gates: Vec<mpsc::Receiver<()>>, begun: mpsc::Sender<u32>, ended: mpsc::Sender<u32>) -> Script {
    let gates: Arc<Vec<_>> = Arc::new(gates.into_iter().map(|gate| Arc::new(Mutex::new(gate))).collect());
    let (count, begun, ended) =
        (Arc::new(AtomicU32::new(0)), Arc::new(Mutex::new(begun)), Arc::new(Mutex::new(ended)));
    Script::new("late", move |cx| {
        let nth = count.fetch_add(1, Ordering::SeqCst);
        let gate = gates[nth as usize].clone();
        let (begun, ended) = (begun.clone(), ended.clone());
        Box::pin(async move {
            begun.lock().unwrap().send(nth).unwrap();
            // Blocks its thread.
            gate.lock().unwrap().recv().unwrap();
            let done = cx.act(&format!("step-{nth}"), get(&format!("/{nth}"))).await;
            cx.found(draft(&format!("by {nth}")));
            cx.keep(1, vec![0; nth as usize]);
            // What it makes of an interruption is its own business.
            drop(done);
            ended.lock().unwrap().send(nth).unwrap();
            Ok(Report::default())
        })
    })
}

fn within(receiver: &mpsc::Receiver<u32>) -> u32 {
    receiver.recv_timeout(Duration::from_secs(20)).unwrap()
}

/// Real threads: the host dies with a run under way, the next host takes it up, and the thread of the
/// first taking-up ends while yet another run is under way.
#[test]
fn a_thread_that_was_given_up_changes_nothing_however_late_it_ends() {
    let (gates, opened): (Vec<_>, Vec<_>) = (0..3).map(|_| mpsc::channel::<()>()).unzip();
    let (begun, begins) = mpsc::channel();
    let (ended, ends) = mpsc::channel();
    let mut bench = Bench::new(1);
    bench.install(gated(opened, begun, ended));
    bench.live_on_threads(async |machine| {
        let strategies = &machine.services.strategies;
        let first = strategies.start("late", Trigger::Operator).await.unwrap().unwrap();
        assert_eq!(within(&begins), 0);
        assert!(machine.root.tree().kill(HOST));
        machine.until("it is taken up", || begins.try_recv() == Ok(1)).await;
        gates[1].send(()).unwrap();
        let run = machine.idle("late").await.unwrap();
        assert_eq!((&run.id, run.attempt, run.outcome), (&first, 2, Some(Outcome::Succeeded)));

        let second = strategies.start("late", Trigger::Operator).await.unwrap().unwrap();
        machine.until("the second run is under way", || begins.try_recv() == Ok(2)).await;
        let before = (machine.rows::<RunRecord>(), machine.strategy("late"));
        gates[0].send(()).unwrap();
        machine.until("the first thread has ended", || ends.try_iter().any(|nth| nth == 0)).await;
        let standing = strategies.standing("late").await.unwrap().unwrap();
        assert_eq!(standing.running, Some(second.clone()), "the run of the moment goes on");
        assert_eq!((machine.rows::<RunRecord>(), machine.strategy("late")), before);

        gates[2].send(()).unwrap();
        let run = machine.idle("late").await.unwrap();
        assert_eq!((run.id, run.outcome), (second, Some(Outcome::Succeeded)));
        assert_eq!(machine.world.paths(), ["GET /1", "GET /2"]);
        let found: Vec<_> = machine.rows::<Opportunity>().into_iter().map(|(_, row)| row.title).collect();
        assert!(found.len() == 2 && !found.contains(&"chance of by 0".to_owned()), "{found:?}");
        let snapshot = machine.store.load_snapshot(&Space::default_owner(), "late").unwrap().snapshot;
        assert_eq!(snapshot.unwrap().value.1.len(), 2);
    });
}

/// What an earlier life still holds of the store commits nothing in a later one.
#[test]
fn a_store_of_an_earlier_epoch_commits_nothing() {
    let mut bench = Bench::new(2);
    bench.install(Script::reads("late", &["/1", "/2"]));
    bench.world.answer(|request| {
        Said::status(200, "").after(Duration::from_secs(if request.path() == "/2" { 60 } else { 0 }))
    });
    let (old, run) = bench.live(async |machine| {
        let id = machine.services.strategies.start("late", Trigger::Operator).await.unwrap().unwrap();
        machine.until("step two is on its way", || machine.world.count() == 2).await;
        let row = machine.store.get::<RunRecord>(&Space::default_owner(), id.as_str()).unwrap().unwrap();
        (machine.store.clone(), row)
    });
    bench.live(async |machine| {
        machine.until("step two is on its way again", || machine.world.count() == 3).await;
        assert_eq!(machine.store.epoch().0, old.epoch().0 + 1);
        let space = Space::default_owner();
        let lie = RunRecord { outcome: Some(Outcome::Failed), ..run.value.clone() };
        for version in 1..4 {
            let key = Key::of::<RunRecord>(&space, lie.id.as_str()).unwrap();
            let change =
                Change::new().expect_version(key, version).put(&space, lie.id.as_str(), &lie).unwrap();
            assert!(old.commit_blocking(change).is_err());
        }
        let run = machine.idle("late").await.unwrap();
        assert_eq!(
            (run.outcome, run.attempt, run.epoch),
            (Some(Outcome::Succeeded), 2, machine.store.epoch())
        );
    });
}

/// What is shown of a run, by all who show it.
struct Shown {
    outcomes: BTreeMap<String, Option<Outcome>>,
    ended_on_chain: BTreeMap<String, u32>,
    counted: u32,
    crashes: usize,
}

fn shown(store: &Store) -> Shown {
    let outcomes = rows::<RunRecord>(store).into_iter().map(|(id, run)| (id, run.outcome)).collect();
    let mut ended_on_chain = BTreeMap::new();
    for (kind, payload) in audit(store) {
        let word = kind.strip_prefix("run.").filter(|word| !["started", "resumed"].contains(word));
        if word.is_some() {
            let payload: serde_json::Value = serde_json::from_str(&payload).unwrap();
            *ended_on_chain.entry(payload["run"].as_str().unwrap().to_owned()).or_insert(0) += 1;
        }
    }
    let counted = rows::<QuarantineRow>(store).first().map_or(0, |(_, row)| row.count);
    let crashes = store.scan::<CrashRow>(&Space::machine(), Span::all(), usize::MAX).unwrap().rows;
    let crashes = crashes.iter().filter(|(_, row)| row.value.run.is_some()).count();
    Shown { outcomes, ended_on_chain, counted, crashes }
}

/// A run that has ended has done so once, on all books; one that has not, on none.
fn check(shown: &Shown, at: &str) {
    let mut failed = 0;
    for (run, outcome) in &shown.outcomes {
        let told = shown.ended_on_chain.get(run).copied().unwrap_or(0);
        assert_eq!(told, u32::from(outcome.is_some()), "{at}: {run} is {outcome:?}");
        failed += u32::from(*outcome == Some(Outcome::Failed));
    }
    assert_eq!((shown.counted, shown.crashes), (failed, failed as usize), "{at}");
}

/// Reads `/a` and panics over the answer.
fn poisoned() -> Script {
    Script::new("late", |cx| {
        Box::pin(async move {
            read(cx, "s1", "/a").await?;
            panic!("as told")
        })
    })
}

async fn run_or_die(machine: &Machine) {
    if let Ok(Ok(_)) = machine.services.strategies.start("late", Trigger::Operator).await {
        let over = || !machine.store.is_running() || machine.strategy("late").last_outcome.is_some();
        machine.until("the run or the disk is over", over).await;
    }
}

/// Two runs that crash, the second with the power failing at every operation in turn: what stood on
/// record as ended stays so, with its count and its crash; what did not is taken up and ends once.
#[test]
fn wherever_the_power_fails_a_run_is_what_was_committed_and_its_crash_is_counted_once() {
    let mut prepared = Bench::new(3);
    prepared.install(poisoned());
    prepared.live(async |machine| machine.run("late").await);
    let (mut deaths, mut ended, mut cut_off) = (0, 0, 0);
    for at in 1.. {
        let mut bench = prepared.fork();
        let memory = bench.memory.clone();
        let died = bench.live(async |machine| {
            memory.inject(Fault::DeadAt(at));
            run_or_die(machine).await;
            let died = !machine.store.is_running();
            memory.power_loss(at);
            died
        });
        let name = format!("power fails at operation {at}");
        let before = shown(&bench.look());
        check(&before, &name);
        bench.live(async |machine| drop(machine.idle("late").await));
        let after = shown(&bench.look());
        check(&after, &name);
        for (run, outcome) in &before.outcomes {
            match outcome {
                Some(_) => assert_eq!(after.outcomes.get(run), Some(outcome), "{name}: {run} changed"),
                None => assert_eq!(after.outcomes.get(run), Some(&Some(Outcome::Failed)), "{name}: {run}"),
            }
        }
        ended += u32::from(before.outcomes.len() == 2 && before.outcomes.values().all(Option::is_some));
        cut_off += u32::from(before.outcomes.values().any(Option::is_none));
        if !died {
            break;
        }
        deaths += 1;
    }
    assert!(deaths > 10 && ended > 0 && cut_off > 3, "{deaths} deaths, {ended} ended, {cut_off} cut off");
}

/// Two posts where the limit lets one pass in 30 seconds: the second waits on the road.
fn waiting_on_the_road(seed: u64) -> Bench {
    let mut bench = Bench::new(seed);
    bench.rules.put("sim.toml", &pack(1, "30s"));
    bench.install(Script::new("late", |cx| {
        Box::pin(async move {
            for n in 0..2 {
                drop(cx.act(&format!("p{n}"), post(&format!("/post/{n}"), "x")).await);
            }
            Ok(Report::default())
        })
    }));
    bench
}

/// Whatever puts a host out of use, nothing of its run leaves from then on, also not what was waiting.
#[test]
fn a_host_that_is_out_of_use_sends_nothing_more() {
    for (seed, word) in ["isolate", "stop"].into_iter().enumerate() {
        let mut bench = waiting_on_the_road(77 + seed as u64);
        bench.live(async |machine| {
            machine.services.strategies.start("late", Trigger::Operator).await.unwrap().unwrap();
            machine.until("the first is there", || machine.world.count() == 1).await;
            machine.pass(Duration::from_secs(2)).await;
            assert_eq!(machine.world.count(), 1, "{word}: the second waits for the limit");
            match word {
                "isolate" => machine.root.tree().isolate(HOST, "stop it").await.unwrap(),
                _ => machine.root.tree().stop(HOST).await.unwrap(),
            }
            let permitted = machine.audit_of("action.permitted").len();
            machine.pass(Duration::from_secs(300)).await;
            assert_eq!(machine.world.count(), 1, "{word}: nothing is sent");
            assert_eq!(machine.audit_of("action.permitted").len(), permitted, "{word}: nothing is permitted");
            assert_eq!(machine.rows::<OpenRow>().len(), 0, "{word}: nothing is left open");
            let outcome = || machine.rows::<RunRecord>().remove(0).1.outcome;
            if word == "isolate" {
                assert_eq!(outcome(), Some(Outcome::Interrupted), "it stays down, so its run is over");
                machine.root.tree().release(HOST).await.unwrap();
                machine.pass(Duration::from_secs(300)).await;
                assert_eq!((outcome(), machine.world.count()), (Some(Outcome::Interrupted), 1));
                assert_eq!(machine.audit_of("run.interrupted").len(), 1);
            }
        });
    }
}

/// A host that starts again takes its run up: what was waiting leaves once, and not twice.
#[test]
fn what_waited_when_its_host_died_leaves_once() {
    for (seed, killed) in [true, false].into_iter().enumerate() {
        let mut bench = waiting_on_the_road(87 + seed as u64);
        bench.live(async |machine| {
            machine.services.strategies.start("late", Trigger::Operator).await.unwrap().unwrap();
            machine.until("the first is there", || machine.world.count() == 1).await;
            machine.pass(Duration::from_secs(2)).await;
            match killed {
                true => assert!(machine.root.tree().kill(HOST)),
                false => machine.root.tree().restart(HOST).await.unwrap(),
            }
            machine.pass(Duration::from_secs(300)).await;
            assert_eq!(machine.world.paths(), ["POST /post/0", "POST /post/1"]);
            let run = machine.idle("late").await.unwrap();
            assert_eq!((run.attempt, run.outcome), (2, Some(Outcome::Succeeded)));
        });
    }
}

/// A host that spends its restarts leaves no run without an end.
#[test]
fn a_host_that_trips_leaves_its_run_interrupted() {
    let mut bench = Bench::new(97);
    bench.install(Script::reads("late", &["/1"]));
    bench.world.answer(|_| Said::status(200, "").after(Duration::from_secs(3000)));
    bench.live(async |machine| {
        // One restart is left for the run: the next kill is for good.
        for kill in 1..=10 {
            assert!(machine.root.tree().kill(HOST), "kill {kill}");
            machine.until("it is back", || machine.root.show(HOST).unwrap().view.restarts == kill).await;
        }
        machine.services.strategies.start("late", Trigger::Operator).await.unwrap().unwrap();
        machine.until("it is on its way", || machine.world.count() == 1).await;
        assert!(machine.root.tree().kill(HOST));
        let outcome = || machine.rows::<RunRecord>().remove(0).1.outcome;
        machine.until("the run has its end", || outcome().is_some()).await;
        assert_eq!(outcome(), Some(Outcome::Interrupted));
        assert!(machine.services.strategies.standing("late").await.is_err(), "its host is down");
    });
}

/// Cutting a run off at its deadline runs the strategy's own code, too.
#[test]
fn a_panic_while_a_run_is_cut_off_is_its_own() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("not in order");
        }
    }
    let mut bench = Bench::new(98);
    let script = Script::new("late", |_| {
        Box::pin(async move {
            let _bomb = Bomb;
            std::future::pending().await
        })
    });
    bench.install(script.deadline(Duration::from_secs(5)));
    bench.live(async |machine| {
        let run = machine.run("late").await;
        assert_eq!(run.outcome, Some(Outcome::Failed));
        assert!(run.errors[0].contains("panicked: not in order"), "{:?}", run.errors);
    });
}
