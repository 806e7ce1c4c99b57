//! The tick ledger: a row for every tick that was due, whatever happened to the machine.

use std::collections::BTreeSet;
use std::time::Duration;

use mm_core::id::{Space, StrategyId};
use mm_core::moment::Moment;
use mm_core::run::{RunRecord, Trigger};
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

/// Due ticks = tick rows, over random lives, downtimes and jumps of the clock.
#[test]
fn every_due_tick_has_one_row_over_restarts_and_jumps_of_the_clock() {
    for seed in 0..5 {
        let mut bench = ticking(seed);
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
            machine.pass(MINUTE).await;
            let rows = ticks(machine);
            let due: BTreeSet<i64> = rows.iter().map(|row| row.due.unix_ms()).collect();
            let last = machine.now().unix_ms();
            let mut expected: BTreeSet<i64> =
                (first.unix_ms() / EVERY_MS + 1..=last / EVERY_MS).map(|n| n * EVERY_MS).collect();
            expected.insert(first.unix_ms());
            // A clock that was behind the very beginning has shown times of its own.
            let since_first: BTreeSet<i64> = due.range(first.unix_ms()..).copied().collect();
            assert_eq!(since_first, expected, "seed {seed}");
            assert_eq!(rows.len(), due.len());
            for row in rows {
                assert!(row.run.is_some() != row.skipped.is_some(), "seed {seed}: {row:?}");
            }
            let runs = machine.rows::<RunRecord>().len();
            assert_eq!(runs, ticks(machine).iter().filter(|row| row.run.is_some()).count());
            assert_eq!(machine.strategy("reader").ticks, due.len() as u64);
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
        let stretch = rows[1].skipped.as_deref().unwrap_or_default();
        assert!(stretch.contains("and all before it"), "{stretch}");
        assert_eq!(rows.iter().filter(|row| row.run.is_some()).count(), 2);
        assert_eq!(findings(machine), Vec::<String>::new());
    });
}

#[test]
fn a_tick_that_starts_nothing_says_why() {
    let mut bench = ticking(21);
    bench.install_on(Script::reads("reader", &["/a"; 10]), "every 10m");
    let reason =
        |machine: &Machine| ticks(machine).last().and_then(|row| row.skipped.clone()).unwrap_or_default();
    bench.live(async |machine| {
        machine.until("the first tick", || ticks(machine).len() == 1).await;
        machine.idle("reader").await;
        let say = async |word| machine.services.strategies.say("reader", word).await.unwrap();
        say(Word::Pause("holidays".into())).await;
        machine.until("a tick", || ticks(machine).len() == 2).await;
        assert!(reason(machine).contains("paused (holidays)"), "{}", reason(machine));
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
            reason(machine).contains("running already"),
            "{:?}",
            (ticks(machine), machine.rows::<RunRecord>())
        );
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
