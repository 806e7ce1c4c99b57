//! The flight recorder: every end out of order is kept, over restarts of the process, within its bounds
//! and without secrets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mm_core::digest::Digest;
use mm_core::id::Space;
use mm_core::run::{Outcome, Trigger};
use mm_sdk::Report;
use mm_services::crashes::{self, KEPT};
use mm_services::records::{CrashRecord, CrashRow, QuarantineRow};
use mm_services::testing::{Bench, Machine, SECRET, Said, Script, read};
use mm_store::{Record, codec};
use mm_supervision::{How, Sabotage, When};

fn restarts(machine: &Machine, path: &str) -> u64 {
    machine.root.show(path).map_or(0, |actor| actor.view.restarts)
}

fn list(machine: &Machine) -> Vec<(String, CrashRow)> {
    crashes::list(&machine.store).unwrap()
}

#[test]
fn an_actor_that_ends_out_of_order_is_on_record_over_restarts() {
    let mut bench = Bench::new(1);
    bench.install(Script::reads("reader", &["/a"]));
    let kill = async |machine: &Machine, path: &str| {
        assert!(machine.root.tree().kill(path));
        machine.until("it is back", || restarts(machine, path) == 1).await;
        machine.services.crashes.settled().await;
    };
    bench.live(async |machine| {
        machine.run("reader").await;
        kill(machine, "kernel/gateway").await;
    });
    bench.live(async |machine| {
        kill(machine, "upkeep/alerts").await;
        let found = list(machine);
        let actors: Vec<_> = found.iter().map(|(_, row)| row.actor.as_str()).collect();
        assert_eq!(actors, ["upkeep/alerts", "kernel/gateway"], "the newest first");
        let (id, gateway) = &found[1];
        assert_eq!((gateway.exit.as_str(), gateway.cause.as_str()), ("killed", "killed"));
        assert!(gateway.kinds.iter().any(|kind| kind.done > 0), "{:?}", gateway.kinds);
        assert!(!gateway.records.is_empty() && gateway.records.len() <= 64);
        assert_eq!(crashes::get(&machine.store, id).unwrap().as_ref(), Some(gateway));
        assert_eq!(crashes::get(&machine.store, "no-such").unwrap(), None);
        assert_eq!(crashes::get(&machine.store, "").unwrap(), None);
        let told = machine.audit_of("actor.crashed");
        assert_eq!(told.len(), 2);
        assert!(told[0].contains(id.as_str()) && told[0].contains("kernel/gateway"), "{told:?}");
    });
}

fn row(n: usize) -> CrashRow {
    let record = CrashRecord {
        seq: 1,
        kind: "add".into(),
        sender: None,
        action: None,
        fields: vec![("key".into(), format!("{SECRET}{}", "x".repeat(4_000)))],
        queue_ns: 0,
        handle_ns: 0,
        ok: true,
    };
    CrashRow {
        actor: format!("actor {n}"),
        cause: format!("it said {SECRET}"),
        backtrace: Some(format!("{SECRET}{}", "y".repeat(100_000))),
        fields: vec![("key".into(), SECRET.into())],
        records: vec![record; 64],
        ..CrashRow::default()
    }
}

#[test]
fn two_hundred_are_kept_each_within_64_kib_and_no_secret_in_any() {
    let mut bench = Bench::new(2);
    for life in 0..2 {
        bench.live(async |machine| {
            for n in 0..KEPT + 50 {
                machine.services.crashes.record(row(life * 1000 + n));
                if n % 100 == 0 {
                    machine.services.crashes.settled().await;
                }
            }
            machine.services.crashes.settled().await;
            let found = list(machine);
            assert_eq!(found.len(), KEPT);
            let named = |n: usize| format!("actor {}", life * 1000 + n);
            assert_eq!((&found[0].1.actor, &found[KEPT - 1].1.actor), (&named(KEPT + 49), &named(50)));
            for (_, row) in found {
                let bytes = codec::encode(&row).unwrap();
                assert!(bytes.len() <= CrashRow::BYTES_MAX);
                assert!(!String::from_utf8_lossy(&bytes).contains(SECRET));
            }
            assert!(machine.audit_of("actor.crashed").iter().all(|payload| !payload.contains(SECRET)));
        });
    }
}

/// More than can wait are dropped, aloud, and nobody waits for them.
#[test]
fn a_storm_of_crashes_does_not_grow_without_end() {
    let mut bench = Bench::new(3);
    bench.live(async |machine| {
        (0..5_000).for_each(|n| machine.services.crashes.record(row(n)));
        machine.services.crashes.settled().await;
        let told = machine.audit_of("actor.crashed").len();
        assert!((100..500).contains(&told), "{told} were written");
        machine.services.crashes.record(row(5_000));
        machine.services.crashes.settled().await;
        assert_eq!(list(machine)[0].1.actor, "actor 5000");
    });
}

/// Breaks one actor, once.
struct Once(&'static str, When, How, AtomicBool);

impl Sabotage for Once {
    fn plan(&self, path: &str, when: When, _: Option<&'static str>) -> Option<How> {
        let now = path == self.0 && when == self.1 && !self.3.swap(true, Ordering::SeqCst);
        now.then_some(self.2)
    }
}

/// A kernel that dies while it starts after a kill leaves a crash too.
#[test]
fn a_crash_in_the_recovery_after_a_kill_is_on_record() {
    for (how, exit) in [(How::Fail, "start-failed"), (How::Panic, "start-failed")] {
        let mut bench = Bench::new(6);
        bench.install(Script::reads("reader", &["/a"]));
        bench.world.answer(|_| Said::status(200, "").after(Duration::from_secs(60)));
        bench.live(async |machine| {
            machine.services.strategies.start("reader", Trigger::Operator).await.unwrap().unwrap();
            machine.until("it is under way", || machine.world.count() == 1).await;
        });
        bench.sabotage = Some(Arc::new(Once("kernel/gateway", When::Init, how, AtomicBool::new(false))));
        assert!(bench.try_live(async |_| ()).is_err(), "the bench has no safe mode");
        let found = crashes::list(&bench.look()).unwrap();
        let gateway = found.iter().find(|(_, row)| row.actor == "kernel/gateway").map(|(_, row)| row);
        assert!(gateway.is_some_and(|row| row.exit == exit), "{found:?}");
        bench.live(async |machine| {
            assert_eq!(machine.idle("reader").await.unwrap().outcome, Some(Outcome::Succeeded));
        });
    }
}

/// A panic has its stack and its message, an error the place where it was made.
#[test]
fn a_panic_and_an_error_of_an_actor_name_their_place() {
    mm_supervision::catch_backtraces();
    for (how, exit) in [(How::Panic, "panicked"), (How::Fail, "failed")] {
        let mut bench = Bench::new(7);
        bench.sabotage = Some(Arc::new(Once("upkeep/alerts", When::Handle, how, AtomicBool::new(false))));
        bench.live(async |machine| {
            machine.services.alerts.raise(&Space::machine(), "disk", "it is full");
            machine.until("it is back", || restarts(machine, "upkeep/alerts") == 1).await;
            machine.services.crashes.settled().await;
            let (_, crash) = list(machine).remove(0);
            assert_eq!((crash.actor.as_str(), crash.exit.as_str()), ("upkeep/alerts", exit));
            assert!(crash.location.is_some() && crash.in_hand.is_some(), "{crash:?}");
            assert_eq!(crash.backtrace.is_some(), how == How::Panic, "{crash:?}");
        });
    }
}

#[test]
fn a_panic_of_a_run_is_on_record_with_its_last_steps() {
    mm_supervision::catch_backtraces();
    let mut bench = Bench::new(4);
    bench.install(Script::new("panicker", |cx| {
        Box::pin(async move {
            for step in 0..70 {
                read(cx, &format!("s{step}"), "/a").await?;
            }
            assert!(!cx.take_up("item", Digest::of(b"x")), "it said {SECRET}");
            Ok(Report::default())
        })
    }));
    bench.live(async |machine| {
        let run = machine.run("panicker").await;
        assert_eq!(run.outcome, Some(Outcome::Failed));
        let (_, crash) = list(machine).remove(0);
        assert_eq!(crash.actor, "kernel/strategies/default/panicker/run");
        assert_eq!((crash.run.as_deref(), crash.exit.as_str()), (Some(run.id.as_str()), "panicked"));
        assert_eq!(crash.cause, "it said …");
        assert_eq!((crash.records.len(), crash.messages_total), (64, 71));
        let (place, stack) = (crash.location.unwrap(), crash.backtrace.unwrap());
        assert!(place.contains("crashes.rs:") && stack.contains("crashes"), "{place}\n{stack}");
        let last = crash.records.last().unwrap();
        assert_eq!((last.kind.as_str(), last.seq), ("take-up", 71));
        assert_eq!(crash.in_hand.as_deref(), Some("item"));
        assert_eq!(crash.fields[0], ("item".to_owned(), "item".to_owned()));
    });
}

/// A host that panics over being asked how it stands, whenever that is wanted.
struct WhenAsked(Arc<AtomicBool>);

impl Sabotage for WhenAsked {
    fn plan(&self, path: &str, _: When, kind: Option<&'static str>) -> Option<How> {
        let host = path == "kernel/strategies/default/reader" && kind == Some("standing");
        (host && self.0.swap(false, Ordering::SeqCst)).then_some(How::Panic)
    }
}

/// The host itself panics, three times, with the same item in hand.
#[test]
fn a_host_that_crashes_with_a_run_under_way_counts_against_what_the_run_has_in_hand() {
    let panics = Arc::new(AtomicBool::new(false));
    let mut bench = Bench::new(5);
    bench.install(Script::new("reader", |cx| {
        Box::pin(async move {
            let mut report = Report::default();
            match cx.take_up("heavy", Digest::of(b"heavy")) {
                true => drop(read(cx, "s1", "/slow").await?),
                false => report.errors.push("passed over".to_owned()),
            }
            Ok(report)
        })
    }));
    bench.sabotage = Some(Arc::new(WhenAsked(panics.clone())));
    bench.world.answer(|_| Said::status(200, "").after(Duration::from_secs(500)));
    bench.live(async |machine| {
        machine.services.strategies.start("reader", Trigger::Operator).await.unwrap().unwrap();
        for crash in 1..=3 {
            machine.until("the item is in hand", || machine.world.count() == crash).await;
            panics.store(true, Ordering::SeqCst);
            assert!(machine.services.strategies.standing("reader").await.is_err());
            let resumed = || machine.audit_of("run.resumed").len() == crash;
            machine.until("it is taken up again", resumed).await;
            assert_eq!(machine.rows::<QuarantineRow>().remove(0).1.count as usize, crash);
        }
        let run = machine.idle("reader").await.unwrap();
        assert_eq!((run.outcome, run.attempt), (Some(Outcome::Succeeded), 4));
        assert_eq!((run.errors, machine.world.count()), (vec!["passed over".to_owned()], 3));
        let row = machine.services.strategies.quarantine_list("reader").unwrap().remove(0).1;
        assert!(row.words.contains("sabotaged while in Handle"), "{}", row.words);
        assert_eq!(list(machine).len(), 3, "{}", Space::machine());
        assert!(list(machine).iter().all(|(_, row)| row.exit == "panicked"));
    });
}
