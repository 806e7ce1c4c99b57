//! The tick ledger: a row for every tick that was due, whatever happened to the machine.

use std::collections::BTreeSet;
use std::time::Duration;

use mm_core::id::{Space, StrategyId};
use mm_core::moment::Moment;
use mm_core::run::{Outcome, RunRecord, Trigger};
use mm_core::schedule::{Fate, Hours, Missed, Overlap};
use mm_core::seams::SplitMix64;
use mm_services::integrity;
use mm_services::records::{ScheduleRow, StrategyRow, TickRow};
use mm_services::strategies::Word;
use mm_services::testing::{Bench, Machine, Said, Script};
use mm_store::{Change, Key, Record};

const EVERY_MS: i64 = 600_000;
const MINUTE: Duration = Duration::from_secs(60);

fn ticking(seed: u64) -> Bench {
    let mut bench = Bench::new(seed);
    bench.settings.scheduling = true;
    bench.install_on(Script::reads("reader", &["/a"]), "every 10m");
    bench
}

fn ticks(machine: &Machine) -> Vec<TickRow> {
    machine.rows::<TickRow>().into_iter().map(|(_, row)| row).collect()
}

fn findings(machine: &Machine) -> Vec<String> {
    let ids: Vec<StrategyId> = machine.services.strategies.ids().cloned().collect();
    let found = integrity::check(&machine.store, &ids).unwrap();
    found.into_iter().map(|finding| finding.about).collect()
}

/// The due times of all ticks, those of stretches too.
fn spelt_out(rows: &[TickRow]) -> Vec<i64> {
    let stretch = |row: &TickRow| {
        let from = row.from.unix_ms();
        (0..row.count as i64).map(move |n| from + n * EVERY_MS)
    };
    rows.iter().flat_map(stretch).collect()
}

/// Due ticks = tick rows, over random lives, kills, downtimes and jumps of the clock, under every policy.
#[test]
fn every_due_tick_has_one_row_over_restarts_and_jumps_of_the_clock() {
    for seed in 0..6 {
        let mut bench = ticking(seed);
        let rule = &mut bench.installed("reader").task.missed;
        rule.policy = [Missed::Once, Missed::All, Missed::Skip][seed as usize % 3];
        rule.spread = Duration::from_secs(5);
        let mut chance = SplitMix64(seed);
        let (first, mut latest) = (bench.now, bench.now);
        for _ in 0..8 {
            let minutes = chance.next_u64() % 200;
            let jump = match chance.next_u64() % 4 {
                0 => (chance.next_u64() % 7_200_000) as i64,
                1 => -((chance.next_u64() % 7_200_000) as i64),
                _ => 0,
            };
            latest = latest.max(bench.live(async |machine| {
                machine.until("the first look", || !ticks(machine).is_empty()).await;
                let before = machine.now();
                machine.world.jump(jump);
                let middle = machine.now();
                // Longer than the scheduler's longest sleep, so that it has noticed the jump.
                machine.pass(MINUTE * (minutes as u32 + 6)).await;
                machine.idle("reader").await;
                assert_eq!(findings(machine), Vec::<String>::new());
                before.max(middle).max(machine.now())
            }));
            let down = Duration::from_secs(chance.next_u64() % 30_000);
            bench.now = bench.now.plus(down);
        }
        // One more life, an hour after the latest time that was ever shown, so that all are due.
        bench.now = latest.plus(MINUTE * 61);
        bench.live(async |machine| {
            machine.pass(MINUTE * 8).await;
            let rows = ticks(machine);
            let all = spelt_out(&rows);
            let due: BTreeSet<i64> = all.iter().copied().collect();
            let last = machine.now().unix_ms();
            let mut expected: BTreeSet<i64> =
                (first.unix_ms() / EVERY_MS + 1..=last / EVERY_MS).map(|n| n * EVERY_MS).collect();
            expected.insert(first.unix_ms());
            // A clock that was behind the very beginning has shown times of its own.
            let since_first: BTreeSet<i64> = due.range(first.unix_ms()..).copied().collect();
            assert_eq!(since_first, expected, "seed {seed}");
            assert_eq!(all.len(), due.len(), "seed {seed}: a tick has two rows");
            let written = rows.len() as u64;
            for row in rows {
                assert!(row.run.is_some() == row.fate.started(), "seed {seed}: {row:?}");
            }
            let runs = machine.rows::<RunRecord>().len();
            assert_eq!(runs, ticks(machine).iter().filter(|row| row.run.is_some()).count());
            assert_eq!(machine.strategy("reader").ticks, written);
        });
    }
}

#[test]
fn more_ticks_than_one_look_lists_are_told_as_a_stretch_and_the_ledger_stays_whole() {
    let mut bench = ticking(20);
    bench.live(async |machine| machine.pass(MINUTE).await);
    bench.now = bench.now.plus(MINUTE * 10 * 1000);
    bench.live(async |machine| {
        machine.pass(MINUTE).await;
        let rows = ticks(machine);
        // The first, a hundred listed ones, and one for all that lie between.
        assert_eq!(rows.len(), 102);
        let stretch = &rows[1];
        assert_eq!(stretch.fate.as_str(), "merged");
        assert_eq!(rows.iter().map(|row| row.count).sum::<u64>(), 1001);
        assert_eq!(stretch.due.since(stretch.from), MINUTE * 10 * (stretch.count as u32 - 1));
        assert_eq!(rows.iter().filter(|row| row.run.is_some()).count(), 2);
        assert_eq!(findings(machine), Vec::<String>::new());
    });
}

#[test]
fn a_tick_that_starts_nothing_says_why() {
    let mut bench = ticking(21);
    bench.install_on(Script::reads("reader", &["/a"; 10]), "every 10m");
    let reason =
        |machine: &Machine| ticks(machine).last().map(|row| row.fate.to_string()).unwrap_or_default();
    bench.live(async |machine| {
        machine.until("the first tick", || ticks(machine).len() == 1).await;
        machine.idle("reader").await;
        let say = async |word| machine.services.strategies.say("reader", word).await.unwrap();
        say(Word::Pause { reason: "holidays".into(), by: "the owner".into(), until: None }).await;
        machine.until("a tick", || ticks(machine).len() == 2).await;
        assert!(reason(machine).contains("paused: by the owner: holidays"), "{}", reason(machine));
        say(Word::Resume(None)).await;
        say(Word::Disable).await;
        machine.until("a tick", || ticks(machine).len() == 3).await;
        assert!(reason(machine).contains("disabled"), "{}", reason(machine));
        say(Word::Enable).await;
        machine.world.answer(|_| Said::status(200, "").after(Duration::from_secs(50)));
        machine.pass(MINUTE * 5).await;
        machine.services.strategies.start("reader", Trigger::Operator).await.unwrap().unwrap();
        machine.until("a tick", || ticks(machine).len() == 4).await;
        assert!(
            reason(machine).contains("was under way"),
            "{:?}",
            (ticks(machine), machine.rows::<RunRecord>())
        );
    });
}

/// Ticks of a minute, and a run of two.
fn slow(seed: u64, overlap: Overlap) -> Bench {
    let mut bench = Bench::new(seed);
    bench.settings.scheduling = true;
    bench.install_on(Script::reads("reader", &["/a", "/b", "/c"]), "every 1m");
    bench.installed("reader").task.overlap = overlap;
    bench.world.answer(|_| Said::status(200, "").after(Duration::from_secs(50)));
    bench
}

#[test]
fn a_tick_cancels_the_run_under_way_if_its_task_says_so() {
    let mut bench = slow(26, Overlap::CancelOther);
    bench.live(async |machine| {
        machine.until("a second tick", || ticks(machine).len() == 2).await;
        let runs = machine.rows::<RunRecord>();
        assert_eq!(runs[0].1.outcome, Some(Outcome::Cancelled));
        assert_eq!(runs[0].1.errors, ["a later tick cancelled it"]);
        assert_eq!((runs.len(), runs[1].1.outcome), (2, None));
        assert_eq!(ticks(machine)[1].run.as_ref(), Some(&runs[1].1.id));
    });
}

#[test]
fn a_tick_that_waits_for_the_run_under_way_runs_after_it_also_over_a_kill() {
    let mut bench = slow(27, Overlap::Buffer);
    bench.live(async |machine| {
        machine.pass(MINUTE * 3 / 2).await;
        assert_eq!(ticks(machine).len(), 1, "the second is not decided");
        let row = machine.rows::<ScheduleRow>().remove(0).1;
        assert!(row.owed.is_some(), "{row:?}");
    });
    bench.world.answer(|_| Said::status(200, ""));
    bench.live(async |machine| {
        machine.until("the second tick", || ticks(machine).len() == 2).await;
        machine.idle("reader").await;
        let runs = machine.rows::<RunRecord>();
        assert!(runs[0].1.ended.unwrap() <= runs[1].1.started, "{runs:?}");
        assert!(ticks(machine)[1].fate.started(), "{:?}", ticks(machine));
    });
}

#[test]
fn outside_its_hours_a_task_starts_nothing_and_says_so() {
    let mut bench = ticking(28);
    bench.installed("reader").task.hours = Some(Hours::parse("13:00-14:00", "UTC").unwrap());
    bench.live(async |machine| {
        machine.pass(MINUTE * 130).await;
        let rows = ticks(machine);
        for row in &rows {
            let hour = row.due.to_string()[11..13].to_owned();
            assert_eq!(row.run.is_some(), hour == "13", "{row:?}");
            let skipped = matches!(&row.fate, Fate::Skipped { why } if why.contains("13:00-14:00 UTC"));
            assert_eq!(skipped, hour != "13", "{row:?}");
        }
        assert_eq!(rows.iter().filter(|row| row.run.is_some()).count(), 6);
    });
}

#[test]
fn jitter_delays_each_tick_by_the_same_and_not_its_due_time() {
    let mut bench = ticking(29);
    bench.installed("reader").task.jitter = MINUTE * 5;
    let delays = |machine: &Machine| -> BTreeSet<Duration> {
        let runs = machine.rows::<RunRecord>();
        let started = |row: &TickRow| {
            runs.iter().find(|(id, _)| Some(id.as_str()) == row.run.as_ref().map(|id| id.as_str()))
        };
        let rows = ticks(machine).into_iter().filter(|row| row.due.unix_ms() % EVERY_MS == 0).skip(1);
        rows.filter_map(|row| Some(started(&row)?.1.started.since(row.due))).collect()
    };
    bench.live(async |machine| machine.pass(MINUTE * 35).await);
    bench.live(async |machine| {
        machine.pass(MINUTE * 35).await;
        let seen: BTreeSet<u64> = delays(machine).iter().map(Duration::as_secs).collect();
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert!(seen.iter().all(|delay| *delay <= 300), "{seen:?}");
        assert!(ticks(machine).iter().all(|row| row.fate == Fate::Ran), "{:?}", ticks(machine));
    });
}

fn delete<R: Record>(bench: &Bench, id: &str) {
    bench.meddle(|store| {
        let key = Key::new(&Space::default_owner(), R::KIND, id).unwrap();
        assert!(store.version(&key).unwrap().is_some(), "{id} is there");
        store.commit_blocking(Change::new().delete(key)).unwrap();
    });
}

#[test]
fn a_schedule_row_deleted_while_the_machine_was_down_is_found_told_and_made_again() {
    let mut bench = ticking(22);
    bench.live(async |machine| machine.pass(MINUTE * 35).await);
    delete::<ScheduleRow>(&bench, "reader");
    let store = bench.look();
    let found = integrity::check(&store, &["reader".parse().unwrap()]).unwrap();
    assert_eq!(found.len(), 1);
    assert!(found[0].sentence.contains("the schedule of `reader` was deleted"), "{}", found[0].sentence);
    bench.live(async |machine| {
        machine.pass(MINUTE).await;
        assert!(machine.alerts().iter().any(|(about, _)| about == "integrity/schedule/reader"));
        assert_eq!(machine.rows::<ScheduleRow>().len(), 1);
        assert_eq!(findings(machine), Vec::<String>::new());
    });
}

#[test]
fn a_tick_row_deleted_is_found_and_told() {
    let mut bench = ticking(23);
    let due = bench.live(async |machine| {
        machine.pass(MINUTE * 35).await;
        ticks(machine)[1].due
    });
    delete::<TickRow>(&bench, &TickRow::row_id("reader", due));
    bench.live(async |machine| {
        machine.pass(MINUTE).await;
        assert!(machine.alerts().iter().any(|(about, _)| about == "integrity/ticks/reader"));
        assert_eq!(findings(machine), ["integrity/ticks/reader"]);
    });
}

#[test]
fn another_schedule_holds_from_the_next_start() {
    let mut bench = ticking(24);
    bench.live(async |machine| machine.pass(MINUTE * 15).await);
    bench.install_on(Script::reads("reader", &["/a"]), "every 1h");
    bench.live(async |machine| {
        machine.pass(MINUTE).await;
        let next = machine.services.scheduler.next().await.unwrap();
        assert_eq!(next[&machine.id("reader")], Some("2026-11-22T13:00:00Z".parse().unwrap()));
        let row = machine.rows::<ScheduleRow>().remove(0).1;
        assert_eq!((row.text.as_str(), row.next), ("every 1h", next[&machine.id("reader")]));
        machine.pass(MINUTE * 50).await;
        let due: Vec<Moment> = ticks(machine).iter().map(|row| row.due).collect();
        let on_the_hour: Moment = "2026-11-22T13:00:00Z".parse().unwrap();
        assert_eq!(due.iter().filter(|at| **at > on_the_hour.minus(MINUTE * 40)).count(), 1, "{due:?}");
    });
}

/// The clock goes back over ticks that are on record, and then the schedule is changed, so that they
/// are due once more. They must not be written twice, and nobody may crash over them.
#[test]
fn ticks_that_are_on_record_are_not_due_again_when_the_clock_went_back() {
    let mut bench = ticking(25);
    bench.live(async |machine| machine.pass(MINUTE * 125).await);
    bench.now = bench.now.minus(MINUTE * 100);
    bench.install_on(Script::reads("reader", &["/a"]), "every 5m");
    bench.live(async |machine| {
        machine.pass(MINUTE * 110).await;
        let host = machine.root.show("kernel/strategies/default/reader").unwrap();
        assert_eq!(host.view.restarts, 0, "{:?}", host.view.last_cause);
        assert_eq!(findings(machine), Vec::<String>::new());
        assert!(machine.rows::<StrategyRow>()[0].1.ticks > 20);
    });
}
