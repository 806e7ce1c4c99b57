//! Rows of strategies that do not open: one strategy is put aside, no service falls, and the owner can
//! make them anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mm_core::error::ErrorClass;
use mm_core::id::{OpportunityId, Space};
use mm_core::opportunity::{Decision, Opportunity, State};
use mm_core::run::{Outcome, RunRecord, Trigger};
use mm_sdk::{Draft, Fault, Report};
use mm_services::integrity;
use mm_services::records::{RetryRow, ScheduleRow, StrategyRow, TickRow};
use mm_services::strategies::{NotSaid, NotStarted, Word};
use mm_services::testing::{Bench, Machine, Said, Script, draft};
use mm_store::{Change, Kind, Record};
use serde::{Deserialize, Serialize};

const MINUTE: Duration = Duration::from_secs(60);

/// What does not open as any record.
#[derive(Debug, Serialize, Deserialize)]
struct Other<const WHICH: u8>(String);

macro_rules! others {
    ($($which:literal $kind:literal),*) => {
        $(impl Record for Other<$which> {
            const KIND: Kind = Kind::new($kind, 9_900, 1);
        })*
    };
}
others!(0 "strategy", 1 "schedule", 2 "tick", 3 "opportunity", 4 "run", 5 "budget");

fn spoil<const WHICH: u8>(bench: &Bench, space: &Space, id: &str)
where
    Other<WHICH>: Record,
{
    bench.meddle(|store| {
        let key = mm_store::Key::of::<Other<WHICH>>(space, id).unwrap();
        assert!(store.version(&key).unwrap().is_some(), "{id} is there");
        let other = Other::<WHICH>("something else".into());
        store.commit_blocking(Change::new().put(space, id, &other).unwrap()).unwrap();
    });
}

async fn status(machine: &Machine, id: &str) -> &'static str {
    machine.services.strategies.standing(id).await.unwrap().unwrap().status()
}

fn restarts(machine: &Machine, path: &str) -> u64 {
    machine.root.show(path).map_or(0, |actor| actor.view.restarts)
}

fn alerted(machine: &Machine, about: &str) -> bool {
    machine.alerts().iter().any(|(own, _)| own == about)
}

fn two(seed: u64) -> Bench {
    let mut bench = Bench::new(seed);
    bench.settings.scheduling = true;
    bench.install_on(Script::reads("bad", &["/bad"]), "every 10m");
    bench.install_on(Script::reads("good", &["/good"]), "every 10m");
    bench.live(async |machine| machine.pass(MINUTE * 35).await);
    bench
}

/// One strategy rests with a sentence, the other goes on, nobody crashes; `resume` mends.
async fn check_put_aside_and_mended(machine: &Machine, what: &str) {
    machine.pass(MINUTE * 25).await;
    assert_eq!(status(machine, "bad").await, "error", "{what}");
    let refused = machine.services.strategies.start("bad", Trigger::Operator).await.unwrap().unwrap_err();
    assert!(matches!(&refused, NotStarted::PutAside(why) if why.contains("not open")), "{what}: {refused}");
    assert!(alerted(machine, &format!("integrity/{what}/bad")), "{what}: {:?}", machine.alerts());
    assert!(alerted(machine, "put-aside/bad"), "{what}");
    assert_eq!(status(machine, "good").await, "active", "{what}");
    assert!(machine.strategy("good").ticks >= 6, "{what}");
    for path in ["kernel/scheduler", "kernel/strategies/default/bad", "kernel/strategies/default/good"] {
        assert_eq!(restarts(machine, path), 0, "{what}: {path}");
    }
    let findings = || integrity::check(&machine.store, &[machine.id("bad"), machine.id("good")]).unwrap();
    assert_eq!(findings().len(), 1, "{what}");
    // What cannot be put on record is not acknowledged.
    assert!(
        machine
            .services
            .strategies
            .say("bad", Word::Pause { reason: "x".into(), by: "the owner".into(), until: None })
            .await
            .is_err(),
        "{what}"
    );
    assert!(machine.services.strategies.say("bad", Word::Resume(None)).await.unwrap(), "{what}");
    machine.services.scheduler.wake();
    machine.pass(MINUTE * 25).await;
    assert_eq!(status(machine, "bad").await, "active", "{what}");
    assert_eq!(machine.run("bad").await.outcome, Some(Outcome::Succeeded), "{what}");
    assert_eq!(findings(), vec![], "{what}");
    assert!(
        !machine.alerts().iter().any(|(about, _)| about.contains("bad")),
        "{what}: {:?}",
        machine.alerts()
    );
    assert_eq!(machine.audit_of("strategy.mended").len(), 1, "{what}");
    let runs = machine.rows::<RunRecord>().iter().filter(|(_, run)| run.strategy.as_str() == "bad").count();
    assert_eq!(machine.strategy("bad").runs, runs as u64, "{what}");
}

#[test]
fn a_row_that_does_not_open_puts_its_strategy_aside_alone_until_it_is_mended() {
    for (which, what) in ["strategy", "schedule", "ticks"].into_iter().enumerate() {
        let mut bench = two(which as u64);
        let space = Space::default_owner();
        match which {
            0 => spoil::<0>(&bench, &space, "bad"),
            1 => spoil::<1>(&bench, &space, "bad"),
            _ => {
                let ticks = mm_services::testing::rows::<TickRow>(&bench.look());
                let (id, _) = ticks.into_iter().find(|(id, _)| id.starts_with("bad/")).unwrap();
                spoil::<2>(&bench, &space, &id);
            }
        }
        bench.live(async |machine| check_put_aside_and_mended(machine, what).await);
        bench.live(async |machine| {
            machine.pass(MINUTE).await;
            assert_eq!(status(machine, "bad").await, "active", "{what}");
        });
    }
}

/// What was due while the schedule did not open has its rows when it is mended, and one run makes up for it.
#[test]
fn what_was_due_while_a_schedule_did_not_open_is_told_when_it_is_mended() {
    let mut bench = Bench::new(31);
    bench.settings.scheduling = true;
    bench.install_on(Script::reads("bad", &["/bad"]), "every 10m");
    bench.live(async |machine| machine.pass(MINUTE * 35).await);
    spoil::<1>(&bench, &Space::default_owner(), "bad");
    bench.live(async |machine| {
        let (before, began) = (machine.rows::<TickRow>().len(), machine.now());
        machine.pass(MINUTE * 60).await;
        assert_eq!(machine.rows::<TickRow>().len(), before);
        assert!(machine.services.strategies.say("bad", Word::Resume(None)).await.unwrap());
        machine.services.scheduler.wake();
        machine.pass(MINUTE * 3).await;
        machine.idle("bad").await;
        let rows = machine.rows::<TickRow>();
        let due: u64 = rows.iter().map(|(_, row)| row.count).sum();
        let tens = |at: mm_core::moment::Moment| at.unix_ms().div_euclid(600_000);
        assert_eq!(due as i64, before as i64 + tens(machine.now()) - tens(began), "{rows:?}");
        let begun = machine.rows::<RunRecord>().iter().filter(|(_, run)| began <= run.started).count();
        assert_eq!(begun, 1, "{rows:?}");
    });
}

/// What an earlier life was to try again is begun when its strategy is mended, and not at a later start.
#[test]
fn a_retry_that_waited_is_begun_when_its_strategy_is_mended() {
    let mut bench = Bench::new(30);
    bench.settings.scheduling = true;
    let begun = Arc::new(AtomicU32::new(0));
    let count = begun.clone();
    let script = Script::new("bad", move |_| {
        let fails = count.fetch_add(1, Ordering::SeqCst) == 0;
        Box::pin(async move {
            match fails {
                true => Err(Fault { class: ErrorClass::Transient, sentence: "the line is down".to_owned() }),
                false => Ok(Report::default()),
            }
        })
    });
    bench.install_on(script, "every 6h");
    bench.installed("bad").retries = 3;
    bench.live(async |machine| {
        machine.until("the retry is on record", || machine.rows::<RetryRow>().len() == 1).await;
    });
    let (tick, _) = mm_services::testing::rows::<TickRow>(&bench.look()).remove(0);
    spoil::<2>(&bench, &Space::default_owner(), &tick);
    bench.live(async |machine| {
        machine.pass(MINUTE * 5).await;
        assert_eq!((status(machine, "bad").await, begun.load(Ordering::SeqCst)), ("error", 1));
        assert_eq!(machine.rows::<RetryRow>().len(), 1, "it waits");
        assert!(machine.services.strategies.say("bad", Word::Resume(None)).await.unwrap());

        machine.until("it is tried again", || begun.load(Ordering::SeqCst) == 2).await;
        machine.idle("bad").await;
        assert_eq!(machine.rows::<RetryRow>().len(), 0);
        let runs = machine.rows::<RunRecord>();
        assert_eq!(runs[1].1.trigger, Trigger::Retry(runs[0].1.id.clone()));
    });
}

#[test]
fn bytes_changed_on_a_disk_under_a_strategy_put_it_aside_too() {
    let dir = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(3);
    bench.dir = Some(dir.path().to_owned());
    bench.settings.scheduling = true;
    bench.install_on(Script::reads("good", &["/good"]), "every 10m");
    bench.install_on(
        Script::new("bad", |_| {
            Box::pin(async {
                Ok(Report { metrics: vec![("unmistakable-metric".into(), 1)], ..Report::default() })
            })
        }),
        "every 10m",
    );
    bench.live(async |machine| machine.pass(MINUTE * 35).await);
    bench.flip("unmistakable-metric");
    bench.live(async |machine| {
        machine.pass(MINUTE).await;
        assert_eq!((status(machine, "bad").await, status(machine, "good").await), ("error", "active"));
        assert!(machine.services.strategies.say("bad", Word::Resume(None)).await.unwrap());
        assert_eq!(machine.run("bad").await.outcome, Some(Outcome::Succeeded));
        assert_eq!(restarts(machine, "kernel/strategies/default/bad"), 0);
        machine.audit();
    });
}

/// The cut-off run of a strategy is unreadable: it is not taken up, and the next run is well.
#[test]
fn a_run_that_does_not_open_is_told_and_not_taken_up() {
    let mut bench = Bench::new(4);
    bench.install(Script::reads("reader", &["/a"]));
    let last = bench.live(async |machine| {
        machine.services.strategies.start("reader", Trigger::Operator).await.unwrap().unwrap()
    });
    spoil::<4>(&bench, &Space::default_owner(), last.as_str());
    bench.live(async |machine| {
        assert_eq!(machine.run("reader").await.outcome, Some(Outcome::Succeeded));
        assert!(alerted(machine, &format!("integrity/run/{last}")), "{:?}", machine.alerts());
        assert_eq!(restarts(machine, "kernel/strategies/default/reader"), 0);
    });
}

fn finder() -> Script {
    Script::new("finder", |cx| {
        Box::pin(async move {
            cx.found(Draft { title: "unmistakable title".into(), tell: false, ..draft("it") });
            Ok(Report::default())
        })
    })
}

async fn check_found_anew(machine: &Machine, id: &str) {
    let (space, books) = (Space::default_owner(), &machine.services.books);
    for _ in 0..12 {
        let refused = books
            .decide(&space, &OpportunityId::new(id), Decision::Accept, "operator", None)
            .await
            .unwrap()
            .unwrap_err();
        assert!(refused.to_string().contains("does not open"), "{refused}");
    }
    assert_eq!(restarts(machine, "kernel/books"), 0);
    let run = machine.run("finder").await;
    assert_eq!((run.outcome, run.errors.len()), (Some(Outcome::Succeeded), 1));
    assert!(run.errors[0].contains("did not open") && run.errors[0].contains(id), "{:?}", run.errors);
    let rows = machine.rows::<Opportunity>();
    assert_eq!((rows.len(), rows[0].1.state), (1, State::New));
    assert!(alerted(machine, &format!("integrity/opportunity/{id}")));
    assert_eq!(machine.audit_of("row.discarded").len(), 1);
    assert_eq!(restarts(machine, "kernel/strategies/default/finder"), 0);
    assert_eq!(machine.run("finder").await.errors, Vec::<String>::new());
}

#[test]
fn an_opportunity_that_does_not_open_is_written_anew_by_the_run_that_finds_it_again() {
    let dir = tempfile::tempdir().unwrap();
    for on_disk in [false, true] {
        let mut bench = Bench::new(5);
        bench.dir = on_disk.then(|| dir.path().to_owned());
        bench.install(finder());
        let id = bench.live(async |machine| {
            machine.run("finder").await;
            machine.rows::<Opportunity>().remove(0).0
        });
        match on_disk {
            true => bench.flip("unmistakable title"),
            false => spoil::<3>(&bench, &Space::default_owner(), &id),
        }
        bench.live(async |machine| check_found_anew(machine, &id).await);
        bench.live(async |machine| {
            let about = format!("integrity/opportunity/{id}");
            machine.until("a start without findings ends the alert", || !alerted(machine, &about)).await;
        });
    }
}

#[test]
fn more_than_one_change_can_hold_fails_the_run_and_not_its_host() {
    let mut bench = Bench::new(6);
    bench.install(Script::new("greedy", |cx| {
        Box::pin(async move {
            let huge = "x".repeat(60_000);
            for n in 0..1_750 {
                cx.found(Draft {
                    details: serde_json::json!({ "all": huge }).into(),
                    ..draft(&n.to_string())
                });
            }
            Ok(Report::default())
        })
    }));
    bench.live(async |machine| {
        let run = machine.run("greedy").await;
        assert_eq!((run.outcome, run.found), (Some(Outcome::Failed), 0));
        assert!(run.errors[0].contains("at most"), "{:?}", run.errors);
        assert_eq!(restarts(machine, "kernel/strategies/default/greedy"), 0);
    });
}

/// Before there is a run: the kernel starts all the same.
#[test]
fn a_strategy_that_panics_when_it_is_asked_is_put_aside_alone() {
    let mut bench = Bench::new(13);
    bench.install(Script::reads("bad", &["/slow"])).install(Script::reads("good", &["/good"]));
    bench.world.answer(|request| {
        Said::status(200, "").after(Duration::from_secs(if request.path() == "/slow" { 60 } else { 0 }))
    });
    bench.live(async |machine| {
        machine.services.strategies.start("bad", Trigger::Operator).await.unwrap().unwrap();
        machine.until("it is under way", || machine.world.count() == 1).await;
    });
    let make = std::mem::replace(&mut bench.installed("bad").make, Arc::new(|| panic!("not even that")));
    bench.live(async |machine| {
        let started = machine.services.strategies.start("bad", Trigger::Operator).await.unwrap();
        let refused = started.unwrap_err();
        assert!(matches!(&refused, NotStarted::PutAside(why) if why.contains("not even that")), "{refused}");
        assert_eq!(machine.idle("bad").await.unwrap().outcome, Some(Outcome::Interrupted));
        assert_eq!(machine.run("good").await.outcome, Some(Outcome::Succeeded));
        assert!(machine.services.kernel_is_up());
    });
    bench.installed("bad").make = make;
    bench.live(async |machine| {
        assert_eq!(machine.run("bad").await.outcome, Some(Outcome::Succeeded));
    });
}

const HOST: &str = "kernel/strategies/default/reader";

/// Kills a host until its durable budget is spent.
async fn trip(machine: &Machine) {
    for kill in 1..=11 {
        assert!(machine.root.tree().kill(HOST), "kill {kill}");
        let spent = || machine.root.show(HOST).unwrap().budget_spent == Some(10) && kill == 11;
        machine.until("it is back or down", || restarts(machine, HOST) == kill || spent()).await;
    }
    machine.until("it is told", || alerted(machine, &format!("tripped/{HOST}"))).await;
}

#[test]
fn a_host_that_spent_its_restarts_is_told_and_brought_back_by_the_owners_word() {
    let mut bench = Bench::new(7);
    bench.install(Script::reads("reader", &["/a"])).install(Script::reads("good", &["/good"]));
    bench.live(async |machine| trip(machine).await);
    for damaged in [false, true] {
        if damaged {
            bench.live(async |machine| trip(machine).await);
            spoil::<5>(&bench, &Space::machine(), HOST);
        }
        bench.live(async |machine| {
            let strategies = &machine.services.strategies;
            assert!(strategies.standing("reader").await.is_err(), "down over a restart");
            assert_eq!(machine.run("good").await.outcome, Some(Outcome::Succeeded));
            assert!(
                strategies
                    .say("reader", Word::Pause { reason: "x".into(), by: "the owner".into(), until: None })
                    .await
                    .is_err()
            );
            let unreasoned = strategies.say("reader", Word::Resume(None)).await.unwrap_err();
            assert_eq!(unreasoned, NotSaid::NeedsReason("reader".into()));
            assert_eq!(machine.audit_of("budget.cleared").len(), usize::from(damaged));
            assert!(strategies.say("reader", Word::Resume(Some("mended".into()))).await.unwrap());
            assert_eq!(machine.run("reader").await.outcome, Some(Outcome::Succeeded));
            let over = || !alerted(machine, &format!("tripped/{HOST}"));
            machine.until("the alert is over", over).await;
            assert_eq!(machine.root.show(HOST).unwrap().budget_spent, Some(0));
            let cleared = machine.audit_of("budget.cleared");
            assert_eq!(cleared.len(), 1 + usize::from(damaged), "{cleared:?}");
            assert!(cleared[0].contains(HOST) && cleared[0].contains("mended"));
        });
    }
}

#[test]
fn a_clock_that_was_once_ahead_does_not_silence_a_strategy() {
    let mut bench = Bench::new(8);
    bench.settings.scheduling = true;
    bench.install_on(Script::reads("reader", &["/a"]), "every 10m");
    let right = bench.now;
    bench.now = right.plus(Duration::from_secs(3 * 365 * 86_400));
    bench.live(async |machine| machine.pass(MINUTE).await);
    bench.now = right;
    bench.live(async |machine| {
        machine.pass(MINUTE).await;
        assert!(alerted(machine, "clock/reader"), "{:?}", machine.alerts());
        let row = machine.rows::<ScheduleRow>().remove(0).1;
        assert!(row.last.unwrap() <= machine.now() && row.next.unwrap() <= machine.now().plus(MINUTE * 10));
        machine.pass(MINUTE * 25).await;
        let row = machine.strategy("reader");
        assert_eq!(
            (row.runs, row.last_outcome),
            (3, Some(Outcome::Succeeded)),
            "the two ticks since, and the first"
        );
        assert!(!alerted(machine, "clock/reader"), "a tick in order ends it");
        assert_eq!(integrity::check(&machine.store, &[machine.id("reader")]).unwrap(), vec![]);
        assert_eq!(machine.rows::<StrategyRow>()[0].1.ticks, 3);
    });
}

/// Real threads: what a strategy is asked before it runs is its own code, and may never end.
#[test]
fn a_strategy_that_never_answers_is_put_aside_alone() {
    let mut bench = Bench::new(15);
    bench.install(Script::reads("bad", &["/bad"])).install(Script::reads("good", &["/good"]));
    let (asked, times) = std::sync::mpsc::channel();
    let asked = std::sync::Mutex::new(asked);
    bench.installed("bad").make = Arc::new(move || {
        asked.lock().unwrap().send(()).unwrap();
        loop {
            std::thread::park();
        }
    });
    bench.live_on_threads(async |machine| {
        assert_eq!(machine.run("good").await.outcome, Some(Outcome::Succeeded));
        for _ in 0..3 {
            let started = machine.services.strategies.start("bad", Trigger::Operator).await.unwrap();
            let refused = started.unwrap_err();
            assert!(
                matches!(&refused, NotStarted::PutAside(why) if why.contains("does not answer")),
                "{refused}"
            );
            machine.services.configured();
            assert!(machine.services.strategies.standing("bad").await.unwrap().is_some());
        }
        assert_eq!(times.try_iter().count(), 1, "each time costs a thread");
        assert_eq!(machine.run("good").await.outcome, Some(Outcome::Succeeded));
    });
}
