//! The one gate: nothing that starts a run gets round it, what waits at it is not lost, and past the
//! second threshold of memory runs are cancelled, the least important first.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mm_core::gate::{Look, Thresholds};
use mm_core::id::Space;
use mm_core::run::{Outcome, RunRecord, Trigger};
use mm_core::schedule::Fate;
use mm_sdk::Report;
use mm_services::records::TickRow;
use mm_services::strategies::{NotStarted, Word};
use mm_services::testing::{Bench, Machine, Said, Script, read};
use mm_store::{Change, Key};

const MIB: u64 = 1 << 20;

/// A bench whose disk gate closes below 100 MiB, with room on it.
fn bench(seed: u64) -> Bench {
    let mut bench = Bench::new(seed);
    bench.settings.gates = Thresholds {
        disk_free_bytes: 100 * MIB,
        own_memory_bytes: 100 * MIB,
        cancel_bytes: 200 * MIB,
        ..Thresholds::default()
    };
    bench.settings.metrics_interval = Duration::from_secs(60);
    see(&bench.look, 1, 1000);
    bench
}

/// Memory held and disk free, in MiB, from now on.
fn see(look: &Arc<Mutex<Look>>, held: u64, free: u64) {
    let seen =
        Look { resident_bytes: Some(held * MIB), disk_free_bytes: Some(free * MIB), ..Look::default() };
    *look.lock().unwrap() = seen;
}

/// The machine has looked.
async fn looked(machine: &Machine, closed: bool) {
    machine.services.resources.look();
    let gates = || machine.services.resources.gates().holds().is_some() == closed;
    machine.until("the machine has looked", gates).await;
}

fn runs(machine: &Machine) -> Vec<RunRecord> {
    machine.rows::<RunRecord>().into_iter().map(|(_, run)| run).collect()
}

/// Starts a run, waits until it is in the middle of its work, and kills the machine.
fn cut_off(bench: &mut Bench) {
    bench.world.answer(|_| Said::status(200, "").after(Duration::from_secs(30)));
    bench.live(async |machine| {
        machine.services.strategies.start("reader", Trigger::Operator).await.unwrap().unwrap();
        machine.until("it reads", || machine.world.count() > 0).await;
    });
    bench.world.answer(|_| Said::status(200, ""));
}

#[test]
fn an_owners_word_and_a_tick_are_held_with_the_sentence_of_what_holds_them() {
    let mut bench = bench(1);
    bench.settings.scheduling = true;
    bench.install_on(Script::reads("reader", &["/a"]), "every 1h");
    let look = bench.look.clone();
    bench.live(async |machine| {
        machine
            .until("the first run is over", || runs(machine).iter().any(|run| run.outcome.is_some()))
            .await;
        see(&look, 1, 99);
        looked(machine, true).await;
        for trigger in [Trigger::Operator, Trigger::Once, Trigger::Tick(machine.now())] {
            let held = machine.services.strategies.start("reader", trigger).await.unwrap().unwrap_err();
            assert!(matches!(&held, NotStarted::Gated(why) if why.contains("99 MiB")), "{held}");
        }
        machine.pass(Duration::from_secs(3 * 3600)).await;
        assert_eq!(runs(machine).len(), 1);
        let gated = |row: &TickRow| matches!(&row.fate, Fate::Gated { by } if by.contains("99 MiB"));
        let ticks = machine.rows::<TickRow>();
        assert_eq!(ticks.len(), 3, "the newest waits for room: {ticks:?}");
        assert_eq!(ticks.iter().filter(|(_, row)| gated(row)).count(), 2, "{ticks:?}");
        see(&look, 1, 124);
        machine.pass(Duration::from_secs(600)).await;
        assert_eq!(runs(machine).len(), 1, "between its edges the gate stays closed");
    });
    // It is owed over a kill, and runs late and once when there is room.
    see(&look, 1, 99);
    bench.live(async |machine| {
        looked(machine, true).await;
        machine.pass(Duration::from_secs(60)).await;
        see(&look, 1, 125);
        machine.pass(Duration::from_secs(60)).await;
        let ticks = machine.rows::<TickRow>();
        let late = ticks.iter().filter(|(_, row)| matches!(row.fate, Fate::Late { .. })).count();
        assert_eq!((runs(machine).len(), ticks.len(), late), (2, 4, 1), "{ticks:?}");
        machine.pass(Duration::from_secs(3600)).await;
        assert_eq!(runs(machine).len(), 3);
    });
}

#[test]
fn a_run_that_was_cut_off_waits_at_the_gate_over_lives_and_is_taken_up_once_it_opens() {
    let mut bench = bench(2);
    bench.install(Script::reads("reader", &["/a", "/b"]));
    cut_off(&mut bench);
    let look = bench.look.clone();
    for _ in 0..3 {
        see(&look, 1, 50);
        bench.live(async |machine| {
            machine.pass(Duration::from_secs(300)).await;
            let all = runs(machine);
            assert_eq!((all.len(), all[0].attempt, all[0].outcome), (1, 1, None));
            let held =
                machine.services.strategies.start("reader", Trigger::Operator).await.unwrap().unwrap_err();
            assert!(matches!(&held, NotStarted::CutOff(run, _) if *run == all[0].id), "{held}");
        });
    }
    bench.live(async |machine| {
        see(&look, 1, 1000);
        let run = machine.idle("reader").await.unwrap();
        assert_eq!((run.attempt, run.outcome), (2, Some(Outcome::Succeeded)));
        assert_eq!(runs(machine).len(), 1);
    });
}

/// Ticks pass while the machine is down, and at its start the run that was cut off finds no room: they wait with it,
/// and are made up for after it.
#[test]
fn what_passed_unseen_waits_behind_a_run_that_finds_no_room() {
    let mut bench = bench(11);
    bench.settings.scheduling = true;
    bench.install_on(Script::reads("reader", &["/a"]), "every 10m");
    bench.world.answer(|_| Said::status(200, "").after(Duration::from_secs(90)));
    bench.live(async |machine| machine.until("it reads", || machine.world.count() > 0).await);
    bench.now = bench.now.plus(Duration::from_secs(37 * 60));
    let look = bench.look.clone();
    see(&look, 1, 50);
    bench.live(async |machine| {
        let fates = || -> Vec<String> {
            let told = machine.rows::<TickRow>().into_iter();
            told.map(|(_, row)| row.fate.as_str().to_owned()).collect()
        };
        machine.pass(Duration::from_secs(60)).await;
        assert!(fates().iter().all(|fate| ["ran", "merged"].contains(&fate.as_str())), "{:?}", fates());
        see(&look, 1, 1000);
        machine.pass(Duration::from_secs(300)).await;
        assert_eq!(fates(), ["ran", "merged", "merged", "merged", "late"]);
        let all = runs(machine);
        assert_eq!((all.len(), all[0].attempt, all[1].attempt), (2, 2, 1));
        assert!(all[0].ended.unwrap() <= all[1].started);
    });
}

/// A pause holds what was cut off as it holds all else, but for a person's own word.
#[test]
fn a_run_that_was_cut_off_waits_for_the_end_of_a_pause() {
    for by_person in [false, true] {
        let mut bench = bench(8 + u64::from(by_person));
        bench.install(Script::reads("reader", &["/a", "/b"]));
        cut_off(&mut bench);
        let look = bench.look.clone();
        see(&look, 1, 50);
        bench.live(async |machine| {
            machine.pass(Duration::from_secs(60)).await;
            let pause = Word::Pause { reason: "holidays".into(), by: "the owner".into(), until: None };
            assert!(machine.services.strategies.say("reader", pause).await.unwrap());
            see(&look, 1, 1000);
            machine.pass(Duration::from_secs(60)).await;
            assert_eq!((runs(machine)[0].attempt, runs(machine)[0].outcome), (1, None));
        });
        // Over a kill, too.
        bench.live(async |machine| {
            machine.pass(Duration::from_secs(60)).await;
            assert_eq!((runs(machine)[0].attempt, runs(machine)[0].outcome), (1, None));
            if by_person {
                machine.services.strategies.start("reader", Trigger::Operator).await.unwrap().unwrap();
            } else {
                assert!(machine.services.strategies.say("reader", Word::Resume(None)).await.unwrap());
            }
            let run = machine.idle("reader").await.unwrap();
            assert_eq!((run.attempt, run.outcome, runs(machine).len()), (2, Some(Outcome::Succeeded), 1));
        });
    }
}

/// What its hold was for is gone: nothing waits for it any more.
#[test]
fn a_run_that_waited_and_is_not_on_record_any_more_blocks_nothing() {
    let mut bench = bench(6);
    bench.install(Script::reads("reader", &["/a"]));
    cut_off(&mut bench);
    let look = bench.look.clone();
    see(&look, 1, 50);
    bench.live(async |machine| {
        machine.pass(Duration::from_secs(30)).await;
        let (id, _) = machine.rows::<RunRecord>().remove(0);
        let key = Key::of::<RunRecord>(&Space::default_owner(), &id).unwrap();
        machine.store.commit(Change::new().delete(key)).await.unwrap();
        see(&look, 1, 1000);
        machine.pass(Duration::from_secs(120)).await;
        assert!(machine.services.strategies.start("reader", Trigger::Operator).await.unwrap().is_ok());
    });
}

#[test]
fn who_waits_for_a_slot_gets_none_while_the_gate_is_closed() {
    let mut bench = bench(3);
    bench.settings.concurrent_runs_max = 1;
    bench.world.answer(|_| Said::status(200, "").after(Duration::from_secs(20)));
    bench.install(Script::reads("first", &["/1"])).install(Script::reads("second", &["/2"]));
    let look = bench.look.clone();
    bench.live(async |machine| {
        for id in ["first", "second"] {
            machine.services.strategies.start(id, Trigger::Operator).await.unwrap().unwrap();
        }
        assert_eq!(machine.services.waiting_runs(), [machine.id("second")]);
        see(&look, 1, 1);
        looked(machine, true).await;
        machine.idle("first").await;
        machine.pass(Duration::from_secs(600)).await;
        assert_eq!(machine.world.paths(), ["GET /1"]);
        see(&look, 1, 1000);
        assert_eq!(machine.idle("second").await.unwrap().outcome, Some(Outcome::Succeeded));
        assert_eq!(machine.services.waiting_runs(), []);
    });
}

#[test]
fn past_the_second_threshold_the_least_important_run_is_cancelled_and_one_at_each_look() {
    let mut bench = bench(4);
    bench.world.answer(|_| Said::status(200, "").after(Duration::from_secs(25)));
    for (name, priority) in [("high", 1), ("low", 9), ("middle", 5)] {
        let script = Script::new(name, move |cx| {
            Box::pin(async move {
                for step in 0..20 {
                    read(cx, &format!("s{step}"), &format!("/{name}")).await?;
                }
                Ok(Report::default())
            })
        });
        bench.install(script);
        bench.installed(name).priority = priority;
    }
    let look = bench.look.clone();
    bench.live(async |machine| {
        for id in ["high", "low", "middle"] {
            machine.services.strategies.start(id, Trigger::Operator).await.unwrap().unwrap();
        }
        let cancelled = || -> Vec<String> {
            let mut ended: Vec<RunRecord> =
                runs(machine).into_iter().filter(|run| run.outcome == Some(Outcome::Cancelled)).collect();
            ended.sort_by_key(|run| run.ended);
            assert!(ended.iter().all(|run| run.errors[0].contains("holds 200 MiB")), "{ended:?}");
            ended.into_iter().map(|run| run.strategy.to_string()).collect()
        };
        machine.pass(Duration::from_secs(5)).await;
        see(&look, 150, 1000);
        looked(machine, true).await;
        machine.pass(Duration::from_secs(30)).await;
        assert_eq!(cancelled(), [""; 0], "past the first threshold nothing is cancelled");
        see(&look, 200, 1000);
        machine.until("one is cancelled", || !cancelled().is_empty()).await;
        machine.pass(Duration::from_secs(5)).await;
        assert_eq!(cancelled(), ["low"], "one, and then it looks again");
        let asked = || machine.world.paths().iter().filter(|path| *path == "GET /low").count();
        let so_far = asked();
        machine.until("the next is cancelled", || cancelled().len() > 1).await;
        assert_eq!(cancelled(), ["low", "middle"]);
        see(&look, 1, 1000);
        assert_eq!(machine.idle("high").await.unwrap().outcome, Some(Outcome::Succeeded));
        assert_eq!(asked(), so_far, "what was cancelled asks nothing more");
    });
}

#[test]
fn a_gate_that_stays_closed_is_told_and_cleared_when_it_opens() {
    let mut bench = bench(5);
    let look = bench.look.clone();
    bench.live(async |machine| {
        let told = || machine.alerts().iter().any(|(about, _)| about == "gate/own-memory");
        see(&look, 100, 1000);
        looked(machine, true).await;
        machine.pass(Duration::from_secs(500)).await;
        assert!(!told());
        machine.pass(Duration::from_secs(120)).await;
        assert!(told(), "{:?}", machine.alerts());
        see(&look, 1, 1000);
        machine.until("the alert is over", || !told()).await;
    });
}

/// Reads the hosts' sources: one place puts a run onto a thread, it needs a pass, and the gate alone makes one.
#[test]
fn there_is_no_way_round_the_gate() {
    let room = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![room.clone()];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let name = path.strip_prefix(&room).unwrap().display().to_string();
            for what in ["pool.run(", "Pass(", "gate.pass(", "execute(make"] {
                let times = code.matches(what).count();
                found.extend((times > 0).then(|| format!("{name}: {what} {times}")));
            }
        }
    }
    found.sort();
    assert_eq!(
        found,
        [
            // Made, and nowhere else: `struct Pass(())` and `Ok(Pass(()))`.
            "strategies/gate.rs: Pass( 2",
            "strategies/host.rs: gate.pass( 1",
            "strategies/starting.rs: execute(make 1",
            "strategies/starting.rs: gate.pass( 1",
            "strategies/starting.rs: pool.run( 1",
        ]
    );
}
