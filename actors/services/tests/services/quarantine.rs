//! Inputs that crash a strategy: at the third crash they are set aside and the strategy goes on, whoever
//! crashed and however often the machine was killed in between.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use mm_core::digest::Digest;
use mm_core::id::Space;
use mm_core::run::{Outcome, RunRecord, Trigger};
use mm_sdk::{Act, Report};
use mm_services::crashes;
use mm_services::records::QuarantineRow;
use mm_services::strategies::quarantine::{CRASHES_MAX, KEPT, QuarantineError};
use mm_services::testing::{Bench, Machine, Said, Script, get, read, rows};

/// Takes up `good`, `bad` and `last`, in this order, and panics over `bad` as long as its bytes are bad.
fn taker(bytes: &Arc<Mutex<&'static str>>) -> Script {
    let bytes = bytes.clone();
    Script::new("taker", move |cx| {
        let bytes = *bytes.lock().unwrap();
        Box::pin(async move {
            let mut report = Report::default();
            for (item, body) in [("good", "good"), ("bad", bytes), ("last", "good")] {
                if cx.take_up(item, Digest::of(body.as_bytes())) {
                    assert!(!body.starts_with("poison"), "it does not bear {body}");
                    report.metrics.push((item.to_owned(), 1));
                } else {
                    report.errors.push(format!("{item} is passed over"));
                }
                cx.put_down();
            }
            Ok(report)
        })
    })
}

async fn run_by_tick(machine: &Machine, id: &str) -> RunRecord {
    let trigger = Trigger::Tick(machine.now());
    machine.services.strategies.start(id, trigger).await.unwrap().expect("the breaker lets it pass");
    machine.idle(id).await.unwrap()
}

fn open(machine: &Machine, id: &str) -> Vec<(String, QuarantineRow)> {
    machine.services.strategies.quarantine_list(id).unwrap()
}

fn told(machine: &Machine) -> bool {
    machine.alerts().iter().any(|(about, _)| about.starts_with("quarantine/taker/"))
}

#[test]
fn the_third_crash_over_an_item_sets_it_aside_and_the_strategy_goes_on() {
    let bytes = Arc::new(Mutex::new("poison"));
    let mut bench = Bench::new(1);
    bench.install(taker(&bytes));
    // A kill in between takes nothing of the count away, and adds nothing.
    for nth in 1..=CRASHES_MAX {
        bench.live(async |machine| {
            assert_eq!(open(machine, "taker"), vec![]);
            let run = run_by_tick(machine, "taker").await;
            assert_eq!(run.outcome, Some(Outcome::Failed), "{nth}");
            assert_eq!(open(machine, "taker").len(), usize::from(nth == CRASHES_MAX));
        });
    }
    bench.live(async |machine| {
        let run = run_by_tick(machine, "taker").await;
        assert_eq!(
            (run.outcome, &*run.errors),
            (Some(Outcome::Succeeded), &["bad is passed over".to_owned()][..])
        );
        assert_eq!(run.metrics.len(), 2, "all others are taken up");
        assert_eq!(machine.audit_of("input.quarantined").len(), 1);
        let (id, row) = open(machine, "taker").remove(0);
        assert_eq!((row.input.kind(), row.input.name(), row.count), ("item", "bad", CRASHES_MAX));
        assert_eq!(row.crashes.len(), 3);
        assert!(row.words.contains("it does not bear poison"), "{}", row.words);
        assert!(told(machine));
        assert!(
            machine.alerts().iter().any(|(_, said)| said.contains(&format!("quarantine retry taker {id}")))
        );
        // Other bytes are another input.
        *bytes.lock().unwrap() = "good";
        assert_eq!(run_by_tick(machine, "taker").await.metrics.len(), 3);
        *bytes.lock().unwrap() = "poison";
        assert_eq!(run_by_tick(machine, "taker").await.metrics.len(), 2, "still set aside");
    });
}

#[test]
fn one_more_chance_is_one_and_what_is_dropped_stays_passed_over_unseen() {
    let bytes = Arc::new(Mutex::new("poison"));
    let mut bench = Bench::new(2);
    bench.install(taker(&bytes));
    bench.live(async |machine| {
        let strategies = &machine.services.strategies;
        for _ in 0..CRASHES_MAX {
            machine.run("taker").await;
        }
        machine.until("it is told", || told(machine)).await;
        let id = open(machine, "taker").remove(0).0;
        strategies.quarantine_retry("taker", &id).await.unwrap();
        machine.until("it is over", || !told(machine)).await;
        assert_eq!(open(machine, "taker"), vec![]);
        assert_eq!(machine.run("taker").await.outcome, Some(Outcome::Failed));
        assert_eq!(open(machine, "taker").len(), 1, "one crash more is enough");

        strategies.quarantine_drop("taker", &id).await.unwrap();
        assert_eq!(open(machine, "taker"), vec![]);
        assert_eq!(machine.run("taker").await.errors, ["bad is passed over"]);

        // Given its chance when it is well again, nothing is left of it.
        *bytes.lock().unwrap() = "good";
        strategies.quarantine_retry("taker", &id).await.unwrap();
        *bytes.lock().unwrap() = "poison";
        assert_eq!(machine.run("taker").await.outcome, Some(Outcome::Failed));
        assert_eq!(machine.audit_of("input.retried").len(), 2);
        assert_eq!(machine.audit_of("input.dropped").len(), 1);
        for (strategy, input) in [("taker", "no-such"), ("taker", ""), ("taker", "a\0b")] {
            let refused = strategies.quarantine_retry(strategy, input).await.unwrap_err();
            assert!(matches!(refused, QuarantineError::NotHeld { .. }), "{refused}");
        }
        let refused = strategies.quarantine_drop("nobody", &id).await.unwrap_err();
        assert!(matches!(refused, QuarantineError::Unknown(_)), "{refused}");
    });
}

/// Reads `/feed` and panics over an answer that says `poison`.
fn feeder() -> Script {
    Script::new("feeder", |cx| {
        Box::pin(async move {
            let mut report = Report::default();
            for (step, path) in [("one", "/first"), ("two", "/feed")] {
                match cx.act(step, get(path)).await? {
                    Act::Done(answer) => assert!(answer.body != b"poison", "it does not bear it"),
                    Act::Refused(refusal) => report.errors.push(refusal.why),
                    Act::Pending(_) => panic!("pending"),
                }
            }
            Ok(report)
        })
    })
}

fn feed(bench: &Bench, body: &'static str) {
    bench.world.answer(move |request| match request.path() {
        "/feed" => Said::status(200, body),
        _ => Said::status(200, "fine"),
    });
}

#[test]
fn an_answer_that_crashes_three_runs_is_refused_as_long_as_it_is_the_same() {
    let mut bench = Bench::new(3);
    bench.install(feeder());
    feed(&bench, "poison");
    bench.live(async |machine| {
        for _ in 0..CRASHES_MAX {
            assert_eq!(run_by_tick(machine, "feeder").await.outcome, Some(Outcome::Failed));
        }
        let run = run_by_tick(machine, "feeder").await;
        assert_eq!(run.outcome, Some(Outcome::Succeeded), "{:?}", run.errors);
        assert!(run.errors[0].contains("set aside: it crashed the strategy three times"), "{:?}", run.errors);
        let row = open(machine, "feeder").remove(0).1;
        assert_eq!((row.input.kind(), row.input.name()), ("step", "two"));
        assert_eq!(row.digest, Digest::of(b"poison"));
    });
    feed(&bench, "well");
    bench.live(async |machine| assert_eq!(run_by_tick(machine, "feeder").await.errors, [""; 0]));
    feed(&bench, "poison");
    bench.live(async |machine| assert_eq!(run_by_tick(machine, "feeder").await.errors.len(), 1));
}

#[test]
fn an_input_that_does_no_harm_in_the_end_is_forgotten() {
    let bad = Arc::new(AtomicBool::new(true));
    let mut bench = Bench::new(4);
    bench.install({
        let bad = bad.clone();
        Script::new("moody", move |cx| {
            let bad = bad.load(Ordering::SeqCst);
            Box::pin(async move {
                read(cx, "s1", "/a").await?;
                assert!(!bad, "today it does not bear it");
                Ok(Report::default())
            })
        })
    });
    bench.live(async |machine| {
        for _ in 0..3 {
            bad.store(true, Ordering::SeqCst);
            for _ in 0..CRASHES_MAX - 1 {
                run_by_tick(machine, "moody").await;
            }
            assert_eq!(machine.rows::<QuarantineRow>()[0].1.count, CRASHES_MAX - 1);
            bad.store(false, Ordering::SeqCst);
            assert_eq!(run_by_tick(machine, "moody").await.outcome, Some(Outcome::Succeeded));
            assert_eq!(machine.rows::<QuarantineRow>(), vec![]);
        }
    });
}

/// An error that the strategy returns, and the end of the process, are laid to no input.
#[test]
fn errors_and_kills_of_the_process_count_against_nothing() {
    let mut bench = Bench::new(5);
    bench.install(Script::new("failer", |cx| {
        Box::pin(async move {
            read(cx, "s1", "/a").await?;
            read(cx, "s2", "/slow").await?;
            Err(mm_sdk::Fault::transient("as told"))
        })
    }));
    bench.world.answer(|request| {
        Said::status(200, "x").after(Duration::from_secs(if request.path() == "/slow" { 300 } else { 0 }))
    });
    for life in 1..=4 {
        bench.live(async |machine| {
            if life == 1 {
                machine.services.strategies.start("failer", Trigger::Operator).await.unwrap().unwrap();
            }
            machine.until("it is in the second step", || machine.world.count() == 1 + life).await;
        });
    }
    bench.live(async |machine| {
        assert_eq!(machine.idle("failer").await.unwrap().outcome, Some(Outcome::Failed));
        assert_eq!(machine.rows::<QuarantineRow>(), vec![]);
    });
}

/// A kill of the host, and a restart from above it, say nothing about what the run has in hand.
#[test]
fn a_host_that_is_killed_counts_against_nothing() {
    let mut bench = Bench::new(6);
    bench.install(Script::reads("reader", &["/1", "/2", "/3"]));
    bench.world.answer(|request| Said::status(200, request.path()).after(Duration::from_secs(5)));
    bench.live(async |machine| {
        machine.services.strategies.start("reader", Trigger::Operator).await.unwrap().unwrap();
        machine.until("step two is on its way", || machine.world.count() == 2).await;
        for path in ["kernel/strategies/default/reader", "kernel/limiter"] {
            let restarts = || machine.root.show(path).map_or(0, |actor| actor.view.restarts);
            assert!(machine.root.tree().kill(path), "{path}");
            machine.until("it is back", || restarts() == 1).await;
        }
        assert_eq!(machine.idle("reader").await.unwrap().outcome, Some(Outcome::Succeeded));
        assert_eq!(machine.rows::<QuarantineRow>(), vec![]);
    });
}

/// Real threads: a run that never yields is laid to what it had in hand.
#[test]
fn a_run_that_never_yields_three_times_sets_its_item_aside() {
    let (gate, opened) = mpsc::channel::<()>();
    let opened = Arc::new(Mutex::new(opened));
    let mut bench = Bench::new(7);
    bench.install({
        Script::new("spinner", move |cx| {
            let opened = opened.clone();
            Box::pin(async move {
                if cx.take_up("endless", Digest::of(b"endless")) {
                    // Blocks its thread without ever yielding.
                    let _ended = opened.lock().unwrap().recv();
                }
                Ok(Report::default())
            })
        })
        .deadline(Duration::from_millis(20))
    });
    bench.live_on_threads(async |machine| {
        let run = machine.run("spinner").await;
        assert_eq!(run.outcome, Some(Outcome::Stuck));
        let row = machine.rows::<QuarantineRow>().remove(0).1;
        assert_eq!((row.count, row.input.name()), (1, "endless"));
        let (_, crash) = crashes::list(&machine.store).unwrap().remove(0);
        assert_eq!((crash.exit.as_str(), crash.in_hand.as_deref()), ("stuck", Some("item")));
        gate.send(()).unwrap();
    });
}

#[test]
fn no_strategy_keeps_inputs_without_end_and_those_set_aside_go_last() {
    let item = Arc::new(Mutex::new(String::new()));
    let mut bench = Bench::new(8);
    bench.install({
        let item = item.clone();
        Script::new("many", move |cx| {
            let item = item.lock().unwrap().clone();
            Box::pin(async move {
                assert!(!cx.take_up(&item, Digest::of(b"x")), "as told");
                Ok(Report::default())
            })
        })
    });
    bench.live(async |machine| {
        let crash = async |name: String| {
            *item.lock().unwrap() = name;
            // Its breaker is not what is tested here.
            machine.pass(Duration::from_secs(7 * 3600)).await;
            machine.run("many").await
        };
        for _ in 0..CRASHES_MAX {
            crash("first".to_owned()).await;
        }
        assert_eq!(open(machine, "many").len(), 1);
        for n in 0..KEPT + 20 {
            assert_eq!(crash(format!("item {n}")).await.outcome, Some(Outcome::Failed));
        }
        assert_eq!(machine.rows::<QuarantineRow>().len(), KEPT);
        assert_eq!(open(machine, "many").len(), 1);
        assert_eq!(machine.audit_of("input.forgotten"), [""; 0]);
        assert_eq!(crash("first".to_owned()).await.outcome, Some(Outcome::Succeeded));
    });
    let found = rows::<QuarantineRow>(&bench.look());
    assert!(found.iter().all(|(id, _)| id.starts_with("many/")), "{}", Space::default_owner());
}
