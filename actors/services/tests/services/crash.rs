//! The crash matrix of a run: the disk dies at every operation, in a run and again in the recovery.
//! After each death either all of the run's commit is there or none of it.

use mm_core::activity::{ActionRecord, Stage};
use mm_core::id::Space;
use mm_core::opportunity::Opportunity;
use mm_core::run::{Outcome, RunRecord, StepRecord, Trigger};
use mm_sdk::Report;
use mm_services::records::{AlertRow, OpenRow, StrategyRow};
use mm_services::testing::{Bench, Machine, Script, audit, draft, post, read, rows};
use mm_store::{Fault, Store};

/// Two reads and a post; finds `always` and one thing of its own; its snapshot counts its runs.
fn finder() -> Script {
    Script::new("finder", |cx| {
        Box::pin(async move {
            let nth = cx.snapshot().map_or(0, <[u8]>::len);
            read(cx, "s1", "/1").await?;
            cx.act("p", post("/post", &format!("run {nth}"))).await?;
            read(cx, "s2", "/2").await?;
            cx.found(draft("always"));
            cx.found(draft(&format!("run-{nth}")));
            cx.keep(1, vec![0; nth + 1]);
            Ok(Report::default())
        })
    })
}

/// A machine that has done one whole run.
fn prepared() -> Bench {
    let mut bench = Bench::new(1);
    bench.install(finder());
    bench.live(async |machine| machine.run("finder").await);
    bench
}

/// Starts a run, and lives until it has ended or the disk has died.
async fn run_or_die(machine: &Machine) {
    let started = machine.services.strategies.start("finder", Trigger::Operator).await;
    if matches!(started, Ok(Ok(_))) {
        let over = || !machine.store.is_running() || machine.strategy("finder").last_outcome.is_some();
        machine.until("the run or the disk is over", over).await;
    }
}

fn strategy(store: &Store) -> StrategyRow {
    store.get::<StrategyRow>(&Space::default_owner(), "finder").unwrap().unwrap().value
}

fn snapshot(store: &Store) -> usize {
    let loaded = store.load_snapshot(&Space::default_owner(), "finder").unwrap();
    assert_eq!(loaded.lost, Vec::<String>::new());
    loaded.snapshot.map_or(0, |snapshot| snapshot.value.1.len())
}

/// All of the second run's commit, or none of it.
fn check_whole_or_nothing(bench: &Bench, at: &str) {
    let store = bench.look();
    audit(&store);
    let runs: Vec<RunRecord> = rows(&store).into_iter().map(|(_, run)| run).collect();
    let ended = runs.iter().filter(|run| run.outcome.is_some()).count();
    let row = strategy(&store);
    let opportunities = rows::<Opportunity>(&store).len();
    assert_eq!(row.runs, runs.len() as u64, "{at}");
    assert_eq!(row.ended, ended as u64, "{at}");
    assert_eq!(row.snapshot_generation, ended as u64, "{at}");
    assert_eq!(snapshot(&store), ended, "{at}");
    assert_eq!(opportunities, ended + 1, "{at}");
    if ended == runs.len() {
        assert_eq!(rows::<StepRecord>(&store).len(), 0, "{at}: a journal without a run");
    }
}

/// Whether the owner is asked about every ambiguous action, once, and about no other.
fn is_told(machine: &Machine) -> bool {
    let about = |id: &str| format!("ambiguous/{id}");
    let alerts = machine.rows::<AlertRow>().into_iter().filter(|(about, _)| about.starts_with("ambiguous/"));
    let told: Vec<_> =
        alerts.filter(|(_, row)| row.cleared_at.is_none()).map(|(id, row)| (id, row.times)).collect();
    let records = machine.rows::<ActionRecord>().into_iter();
    let ambiguous = records.filter(|(_, record)| record.stage == Stage::Ambiguous);
    told == ambiguous.map(|(id, _)| (about(&id), 1)).collect::<Vec<_>>()
}

/// What must be true once the machine was started again and what was cut off was taken up.
fn check_recovered(bench: &mut Bench, at: &str) {
    bench.live(async |machine| {
        machine.idle("finder").await;
        if machine.strategy("finder").runs < 2 {
            // The start was never acknowledged; the owner says it again.
            machine.run("finder").await;
        }
        let runs = machine.rows::<RunRecord>();
        assert!(runs.iter().all(|(_, run)| run.outcome == Some(Outcome::Succeeded)), "{at}: {runs:?}");
        assert_eq!((runs.len(), machine.rows::<Opportunity>().len()), (2, 3), "{at}");
        assert_eq!(machine.rows::<OpenRow>(), vec![], "{at}");
        assert_eq!(machine.rows::<StepRecord>(), vec![], "{at}");
        machine.audit();
        for (id, record) in machine.rows::<ActionRecord>() {
            let settled = !matches!(record.stage, Stage::Planned | Stage::Sending);
            assert!(settled, "{at}: {id} is {:?}", record.stage);
        }
        machine.until("what is ambiguous is told, and nothing else", || is_told(machine)).await;
    });
    check_whole_or_nothing(bench, at);
    let log = bench.world.log();
    let posts = log.iter().filter(|request| request.body == b"run 1").count();
    assert!(posts <= 1, "{at}: the change was sent {posts} times");
    for path in ["/1", "/2"] {
        let reads = log.iter().filter(|request| request.path() == path).count();
        assert!((2..=4).contains(&reads), "{at}: {reads} reads of {path}");
    }
}

#[test]
fn wherever_the_disk_dies_in_a_run_all_of_its_commit_is_there_or_nothing() {
    let prepared = prepared();
    let mut deaths = 0;
    for at in 1.. {
        let mut bench = prepared.fork();
        let memory = bench.memory.clone();
        let died = bench.live(async |machine| {
            memory.inject(Fault::DeadAt(at));
            run_or_die(machine).await;
            !machine.store.is_running()
        });
        let name = format!("dead at operation {at} of the run");
        check_whole_or_nothing(&bench, &name);
        check_recovered(&mut bench, &name);
        if !died {
            break;
        }
        deaths += 1;
    }
    assert!(deaths > 20, "only {deaths} operations were tried");
}

#[test]
fn wherever_the_disk_dies_again_in_the_recovery_the_end_is_the_same() {
    let mut cut_off = prepared();
    let memory = cut_off.memory.clone();
    cut_off.live(async |machine| {
        // The disk dies the moment the post arrives: the worst place.
        machine.world.answer(move |request| {
            if request.method.is_mutating() {
                memory.inject(Fault::DeadAt(1));
            }
            mm_services::testing::Said::status(200, request.path())
        });
        run_or_die(machine).await;
        assert!(!machine.store.is_running());
    });
    cut_off.world.answer(|request| mm_services::testing::Said::status(200, request.path()));
    let mut deaths = 0;
    for at in 1.. {
        let mut bench = cut_off.fork();
        bench.memory.inject(Fault::DeadAt(at));
        let died = bench.try_live(async |machine| {
            let over = || !machine.store.is_running() || machine.strategy("finder").last_outcome.is_some();
            machine.until("the run or the disk is over", over).await;
            !machine.store.is_running()
        });
        let name = format!("dead at operation {at} of the recovery");
        check_recovered(&mut bench, &name);
        let post = audit(&bench.look()).iter().filter(|(kind, _)| kind == "action.ambiguous").count();
        assert_eq!(post, 1, "{name}: told as ambiguous once");
        if died == Ok(false) {
            break;
        }
        deaths += 1;
    }
    assert!(deaths > 20, "only {deaths} operations were tried");
}

/// A power loss keeps any subset of what was written since the last sync.
#[test]
fn a_power_loss_at_random_leaves_all_or_nothing() {
    let prepared = prepared();
    for seed in 0..40 {
        let mut bench = prepared.fork();
        let memory = bench.memory.clone();
        bench.live(async |machine| {
            memory.inject(Fault::DeadAt(1 + seed * 3));
            run_or_die(machine).await;
            memory.power_loss(seed);
        });
        let name = format!("power loss {seed}");
        check_whole_or_nothing(&bench, &name);
        check_recovered(&mut bench, &name);
    }
}
