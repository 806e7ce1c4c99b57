//! What the owner says of a schedule: set anew, cancelled, as configured; and pauses that end by themselves.

use std::collections::BTreeMap;
use std::time::Duration;

use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_core::run::RunRecord;
use mm_core::schedule::{Fate, Hours, Missed, Overlap, Ruled, Schedule, Task};
use mm_core::seams::SplitMix64;
use mm_sdk::Report;
use mm_services::integrity;
use mm_services::records::{ScheduleRow, TaskRow, TickRow};
use mm_services::strategies::{NotPlanned, Plan, Word};
use mm_services::testing::{Bench, Machine, Said, Script};
use mm_store::Change;

const MINUTE: Duration = Duration::from_secs(60);

/// Due every ten minutes; the first tick is at noon, at once.
fn ticking(seed: u64) -> Bench {
    let mut bench = Bench::new(seed);
    bench.settings.scheduling = true;
    bench.install_on(Script::reads("reader", &["/a"]), "every 10m");
    bench
}

fn ticks(machine: &Machine) -> Vec<TickRow> {
    machine.rows::<TickRow>().into_iter().map(|(_, row)| row).collect()
}

fn at(text: &str) -> Moment {
    format!("2026-11-{text}Z").parse().unwrap()
}

/// Each tick with its hour and minute: `12:10 ran`.
fn told(machine: &Machine) -> Vec<String> {
    let line = |row: &TickRow| format!("{} {}", &row.due.to_string()[11..16], row.fate.as_str());
    ticks(machine).iter().map(line).collect()
}

fn whole(machine: &Machine) {
    let ids: Vec<_> = machine.services.strategies.ids().cloned().collect();
    assert_eq!(integrity::check(&machine.store, &ids).unwrap().len(), 0);
    let runs = machine.rows::<RunRecord>().len();
    assert_eq!(runs, ticks(machine).iter().filter(|row| row.run.is_some()).count());
}

fn task(schedule: &str) -> Task {
    Task::plain(Schedule::parse(schedule, "UTC").unwrap())
}

async fn plan(machine: &Machine, plan: Plan) -> Result<(), NotPlanned> {
    let said = machine.services.strategies.plan("reader", plan, "operator (uid 7)").await.unwrap();
    machine.services.scheduler.wake();
    said
}

async fn next(machine: &Machine) -> Option<Moment> {
    machine.pass(Duration::from_secs(1)).await;
    machine.services.scheduler.next().await.unwrap()[&machine.id("reader")]
}

#[test]
fn a_schedule_that_is_set_runs_nothing_at_once_and_holds_over_a_kill() {
    let mut bench = ticking(40);
    bench.live(async |machine| {
        machine.pass(MINUTE * 15).await;
        plan(machine, Plan::Set(task("every 1h"))).await.unwrap();
        assert_eq!(next(machine).await, Some(at("22T13:00:00")));
        assert_eq!(told(machine), ["12:00 ran", "12:10 ran"]);
        let row = machine.rows::<TaskRow>().remove(0).1;
        assert_eq!((row.task.unwrap(), row.by.as_str()), (task("every 1h"), "operator (uid 7)"));
        let said = machine.audit_of("schedule.set").remove(0);
        assert!(said.contains("every 1h") && said.contains("operator (uid 7)"), "{said}");
    });
    bench.live(async |machine| {
        machine.pass(MINUTE * 50).await;
        assert_eq!(told(machine), ["12:00 ran", "12:10 ran", "13:00 ran"]);
        whole(machine);
        // Another word in the configuration changes nothing: what was set outweighs it.
    });
    bench.install_on(Script::reads("reader", &["/a"]), "every 5m");
    bench.live(async |machine| {
        machine.pass(MINUTE * 30).await;
        assert_eq!(ticks(machine).len(), 3);
        plan(machine, Plan::AsConfigured).await.unwrap();
        assert_eq!(ticks(machine).len(), 3, "nothing runs at once because of it");
        machine.pass(MINUTE * 6).await;
        assert_eq!(ticks(machine).len(), 4);
        assert_eq!(machine.rows::<TaskRow>(), []);
        assert_eq!(plan(machine, Plan::AsConfigured).await, Err(NotPlanned::Configured("reader".into())));
        whole(machine);
    });
}

#[test]
fn what_was_due_and_had_not_run_when_the_schedule_was_set_has_its_row() {
    let mut bench = ticking(41);
    bench.install_on(Script::reads("reader", &["/a", "/b", "/c"]), "every 1m");
    bench.installed("reader").task.overlap = Overlap::Buffer;
    bench.world.answer(|_| Said::status(200, "").after(Duration::from_secs(50)));
    bench.live(async |machine| {
        // A run of two and a half minutes, and two ticks that wait for it.
        machine.pass(Duration::from_secs(130)).await;
        assert_eq!(told(machine), ["12:00 ran", "12:01 merged"]);
        plan(machine, Plan::Set(task("every 1h"))).await.unwrap();
        assert_eq!(told(machine), ["12:00 ran", "12:01 merged", "12:02 skipped"]);
        let fate = ticks(machine)[2].fate.to_string();
        assert_eq!(fate, "skipped: the schedule was set anew before it could run");
        assert_eq!(machine.rows::<ScheduleRow>()[0].1.owed, None);
        machine.pass(MINUTE * 30).await;
        assert_eq!(ticks(machine).len(), 3);
        whole(machine);
    });
}

#[test]
fn another_schedule_or_zone_in_the_configuration_leaves_no_tick_without_a_row() {
    let mut bench = ticking(42);
    bench.live(async |machine| machine.pass(MINUTE * 5).await);
    bench.now = bench.now.plus(MINUTE * 30);
    bench.install_on(Script::reads("reader", &["/a"]), "30 14 * * *");
    bench.live(async |machine| {
        machine.pass(MINUTE).await;
        assert_eq!(
            told(machine),
            ["12:00 ran", "12:10 missed", "12:20 missed", "12:30 skipped", "12:35 ran"]
        );
        let fate = ticks(machine)[3].fate.to_string();
        assert_eq!(fate, "skipped: the configuration changed the schedule before it could run");
        whole(machine);
    });
    // By the clock of Tokyo half past two was hours ago: it was not due then, and is not made up for.
    bench.installed("reader").task = Task::plain(Schedule::parse("30 14 * * *", "Asia/Tokyo").unwrap());
    bench.live(async |machine| {
        assert_eq!(next(machine).await, Some(at("23T05:30:00")));
        assert_eq!(ticks(machine).len(), 5);
        machine.pass(MINUTE * 60 * 17).await;
        assert_eq!(told(machine)[5..], ["05:30 ran"]);
        whole(machine);
    });
}

#[test]
fn a_cancelled_task_is_never_due_until_it_is_set_again() {
    let mut bench = ticking(43);
    bench.live(async |machine| {
        machine.pass(MINUTE * 15).await;
        plan(machine, Plan::Cancel).await.unwrap();
        assert_eq!(plan(machine, Plan::Cancel).await, Err(NotPlanned::Cancelled("reader".into())));
        assert_eq!(next(machine).await, None);
        assert_eq!(machine.rows::<ScheduleRow>()[0].1.next, None);
        assert_eq!(machine.audit_of("schedule.cancelled").len(), 1);
        machine.pass(MINUTE * 60).await;
        assert_eq!(ticks(machine).len(), 2);
    });
    bench.live(async |machine| {
        machine.pass(MINUTE * 60).await;
        assert_eq!(ticks(machine).len(), 2, "over a kill too");
        // A person may run it all the same.
        machine.run("reader").await;
        let over = plan(machine, Plan::Set(task("at 2026-01-01T00:00:00Z"))).await.unwrap_err();
        assert!(over.to_string().contains("is over"), "{over}");
        plan(machine, Plan::Set(task("at 2026-11-22T15:00:00Z"))).await.unwrap();
        machine.pass(MINUTE * 60 * 24).await;
        assert_eq!(told(machine)[2..], ["15:00 ran"], "a one-off is due once");
        assert_eq!(next(machine).await, None);
    });
}

async fn pause(machine: &Machine, until: Option<Moment>) {
    let word = Word::Pause { reason: "holidays".into(), by: "the owner".into(), until };
    assert!(machine.services.strategies.say("reader", word).await.unwrap());
}

#[test]
fn a_pause_ends_by_itself_and_the_ledger_says_until_when() {
    let mut bench = ticking(44);
    bench.live(async |machine| {
        machine.pass(MINUTE * 5).await;
        pause(machine, Some(at("22T12:25:00"))).await;
        machine.pass(MINUTE * 30).await;
        assert_eq!(told(machine), ["12:00 ran", "12:10 paused", "12:20 paused", "12:30 ran"]);
        let until = Some(at("22T12:25:00"));
        assert_eq!(ticks(machine)[1].fate, Fate::Paused { by: "by the owner: holidays".into(), until });
        assert_eq!(machine.strategy("reader").paused, None);
        let resumed = machine.audit_of("strategy.resumed").remove(0);
        assert!(resumed.contains("itself") && resumed.contains("2026-11-22T12:25:00Z"), "{resumed}");
        whole(machine);
    });
}

/// A server says that the clock is right.
fn vouch(machine: &Machine) {
    let date = machine.now().to_utc().unwrap().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    machine.services.shared.trust.heard("time.example", &[("date".to_owned(), date)]);
}

/// What was due after the pause waits too, and is made up for then.
#[test]
fn a_clock_that_nobody_vouches_for_ends_no_pause_and_decides_nothing_that_was_due_after_it() {
    let mut bench = ticking(53);
    bench.live(async |machine| {
        machine.pass(MINUTE * 5).await;
        pause(machine, Some(at("22T12:35:00"))).await;
    });
    bench.now = at("22T13:05:00");
    bench.live(async |machine| {
        machine.pass(MINUTE * 4).await;
        assert_eq!(told(machine), ["12:00 ran"]);
        assert!(machine.strategy("reader").paused.is_some());
        vouch(machine);
        machine.pass(MINUTE / 2).await;
        let all = ["12:00 ran", "12:10 paused", "12:20 paused", "12:30 paused", "12:40 merged"];
        assert_eq!(told(machine), [&all[..], &["12:50 merged", "13:00 late"]].concat());
        assert_eq!(machine.strategy("reader").paused, None);
        whole(machine);
    });
}

#[test]
fn a_pause_does_not_end_while_its_section_is_wrong_so_that_what_it_held_is_told() {
    let mut bench = ticking(54);
    bench.live(async |machine| {
        machine.pass(MINUTE * 5).await;
        pause(machine, Some(at("22T12:35:00"))).await;
    });
    bench.installed("reader").mistake = Some("there is no such key".to_owned());
    bench.live(async |machine| {
        vouch(machine);
        machine.pass(MINUTE * 40).await;
        assert_eq!(machine.audit_of("strategy.resumed").len(), 0);
    });
    bench.installed("reader").mistake = None;
    bench.live(async |machine| {
        vouch(machine);
        machine.pass(MINUTE).await;
        assert_eq!(told(machine)[..4], ["12:00 ran", "12:10 paused", "12:20 paused", "12:30 paused"]);
        assert_eq!(machine.audit_of("strategy.resumed").len(), 1);
        whole(machine);
    });
}

/// As it is left by a clock that was ahead and went back while the schedule was another.
#[test]
fn a_stretch_is_split_where_a_tick_is_on_record() {
    let mut bench = ticking(55);
    bench.live(async |machine| {
        machine.pass(MINUTE * 5).await;
        let known = [("22T18:03:00", "22T18:03:00", 1), ("22T20:00:00", "22T20:30:00", 4)];
        for (from, due, count) in known {
            let fate = Fate::Missed { why: "it passed unseen".to_owned() };
            let row = TickRow::of(&Ruled { at: at(due), from: at(from), count, fate }, None);
            let id = TickRow::row_id("reader", row.due);
            let change = Change::new().put(&Space::default_owner(), &id, &row).unwrap();
            machine.store.commit(change).await.unwrap();
        }
        machine.world.jump(3 * 86_400_000);
        machine.pass(MINUTE).await;
        let rows = ticks(machine);
        assert!(rows.windows(2).all(|two| two[0].due < two[1].from), "no row lies inside another");
        assert!(rows.iter().any(|row| row.count > 100), "{rows:?}");
        let own: u64 = rows.iter().map(|row| row.count).sum::<u64>() - 5;
        // Three days of them and the first, but for the four that the stretch of before stands for.
        assert_eq!(own, 3 * 144 + 1 - 4);
    });
}

/// Killed during a pause that ends while nothing runs: what was due in it was paused, and what was due
/// after it was missed.
#[test]
fn a_pause_that_ends_while_the_machine_is_down_is_told_tick_by_tick() {
    for policy in [Missed::Once, Missed::All, Missed::Skip] {
        let mut bench = ticking(45);
        bench.installed("reader").task.missed.policy = policy;
        bench.live(async |machine| {
            machine.pass(MINUTE * 5).await;
            pause(machine, Some(at("22T12:35:00"))).await;
            machine.pass(MINUTE * 10).await;
        });
        bench.now = at("22T13:05:00");
        bench.live(async |machine| {
            vouch(machine);
            machine.pass(MINUTE * 4).await;
            let after = match policy {
                Missed::Once => ["12:40 merged", "12:50 merged", "13:00 late"],
                Missed::All => ["12:40 late", "12:50 late", "13:00 late"],
                Missed::Skip => ["12:40 missed", "12:50 missed", "13:00 missed"],
            };
            let before = ["12:00 ran", "12:10 paused", "12:20 paused", "12:30 paused"];
            assert_eq!(told(machine), [&before[..], &after[..]].concat());
            assert_eq!(machine.audit_of("strategy.resumed").len(), 1);
            assert_eq!(machine.strategy("reader").paused, None);
            whole(machine);
        });
    }
}

#[test]
fn a_pause_holds_over_kills_and_jumps_of_the_clock_and_ends_once() {
    let mut bench = ticking(46);
    bench.live(async |machine| {
        machine.pass(MINUTE * 5).await;
        pause(machine, Some(at("23T12:00:00"))).await;
        // A day ahead, and back again: nobody vouches for a clock that was set.
        machine.world.jump(26 * 3_600_000);
        machine.pass(MINUTE * 6).await;
        assert_eq!(machine.audit_of("strategy.resumed").len(), 0);
        machine.world.jump(-26 * 3_600_000);
        machine.pass(MINUTE * 6).await;
        whole(machine);
    });
    for _ in 0..3 {
        bench.live(async |machine| machine.pass(MINUTE * 60).await);
    }
    bench.live(async |machine| {
        assert_eq!(machine.audit_of("strategy.resumed").len(), 0);
        assert_eq!(ticks(machine).iter().filter(|row| row.run.is_some()).count(), 1);
        whole(machine);
    });
    bench.now = at("24T15:00:00");
    for _ in 0..2 {
        bench.live(async |machine| {
            machine.pass(MINUTE * 30).await;
            assert_eq!(machine.audit_of("strategy.resumed").len(), 1);
            whole(machine);
        });
    }
}

/// A day ahead and a day back, in the middle of everything: nothing runs twice.
#[test]
fn a_jump_of_a_day_in_either_direction_runs_nothing_twice() {
    for (seed, jump) in [(47, 1), (48, -1)] {
        let mut bench = ticking(seed);
        bench.live(async |machine| {
            machine.pass(MINUTE * 65).await;
            let (rows, runs) = (ticks(machine), machine.rows::<RunRecord>().len());
            machine.world.jump(jump * 86_400_000);
            machine.pass(MINUTE * 7).await;
            machine.world.jump(-jump * 86_400_000);
            machine.pass(MINUTE * 60).await;
            machine.idle("reader").await;
            assert!(ticks(machine).iter().filter(|row| rows.contains(row)).count() == rows.len());
            let new = machine.rows::<RunRecord>().len() - runs;
            // The jump ahead runs once for all it left out, and on time what is due in its seven minutes;
            // then nothing is due until that time has come. After the jump back its own time runs on.
            let most = if jump > 0 { 2 } else { 8 };
            assert!((1..=most).contains(&new), "{new} runs");
            whole(machine);
        });
    }
}

/// However many ticks there were: what was due lately is on record for as long as a clock may be set back.
#[test]
fn a_jump_back_runs_nothing_twice_of_a_task_that_is_due_each_minute() {
    let mut bench = Bench::new(57);
    bench.settings.scheduling = true;
    bench.install_on(Script::new("dense", |_| Box::pin(async { Ok(Report::default()) })), "every 1m");
    bench.live(async |machine| {
        machine.pass(MINUTE * 60 * 19).await;
        machine.idle("dense").await;
        let rows = ticks(machine);
        assert!(rows.len() > 1100, "{}", rows.len());
        machine.world.jump(-18 * 3_600_000);
        machine.pass(MINUTE * 90).await;
        assert!(ticks(machine).iter().all(|row| rows.contains(row)), "nothing was due again");
        whole(machine);
    });
}

#[test]
fn thirty_days_down_give_no_storm_under_any_policy() {
    for policy in [Missed::Once, Missed::All, Missed::Skip] {
        let mut bench = ticking(49);
        let rule = &mut bench.installed("reader").task.missed;
        (rule.policy, rule.cap, rule.spread) = (policy, 5, MINUTE * 2);
        bench.live(async |machine| machine.pass(MINUTE * 5).await);
        bench.now = bench.now.plus(Duration::from_secs(30 * 86_400));
        bench.live(async |machine| {
            let began = machine.now();
            machine.pass(MINUTE * 60).await;
            machine.idle("reader").await;
            let runs = machine.rows::<RunRecord>();
            let mut starts: Vec<Moment> =
                runs.iter().map(|(_, run)| run.started).filter(|at| began <= *at).collect();
            starts.sort();
            // Six ticks of the hour itself, and what is made up for.
            let most = if policy == Missed::All { 6 + 5 } else { 6 + 1 };
            assert!((6..=most).contains(&starts.len()), "{policy:?}: {starts:?}");
            let close = starts.windows(2).filter(|two| two[1].since(two[0]) < MINUTE).count();
            assert!(close <= 1, "{policy:?}: {starts:?}");
            let due: u64 = ticks(machine).iter().map(|row| row.count).sum();
            let last = machine.now().unix_ms() / 600_000;
            assert_eq!(due as i64, last - at("22T12:00:00").unix_ms() / 600_000 + 1);
            whole(machine);
        });
    }
}

/// The due ticks of a zone's wall clock, told by looking at every minute: another way than the schedule's.
fn enumerated(minutes: &[u32], from: Moment, until: Moment) -> Vec<i64> {
    let first = from.unix_ms().div_euclid(60_000) + 1;
    let all = first..=until.unix_ms().div_euclid(60_000);
    all.filter(|minute| minutes.contains(&(minute.rem_euclid(60) as u32)))
        .map(|minute| minute * 60_000)
        .collect()
}

/// Random tasks, downtimes, pauses, overlaps and jumps ahead of the clock: each tick that was due has one
/// row, no run belongs to two, and nothing that was due in a pause has run.
#[test]
fn every_due_tick_has_one_row_whatever_happens_to_the_machine_and_its_owner() {
    for seed in 0..10 {
        let mut chance = SplitMix64(seed + 1000);
        let mut pick = move |most: u64| chance.next_u64() % most;
        let minutes =
            [vec![0], vec![7, 37], (0..60).step_by(15).collect::<Vec<u32>>()][pick(3) as usize].clone();
        let field: Vec<String> = minutes.iter().map(u32::to_string).collect();
        let mut bench = ticking(seed + 60);
        bench.install_on(Script::reads("reader", &["/a", "/b"]), &format!("{} * * * *", field.join(",")));
        let task = &mut bench.installed("reader").task;
        task.missed.policy = [Missed::Once, Missed::All, Missed::Skip][pick(3) as usize];
        task.missed.window = (pick(2) == 0).then_some(MINUTE * 200);
        task.overlap = [Overlap::Skip, Overlap::Buffer, Overlap::CancelOther][pick(3) as usize];
        task.jitter = MINUTE * pick(10) as u32;
        task.hours = (pick(3) == 0).then(|| Hours::parse("06:00-22:00", "UTC").unwrap());
        let slow = pick(25 * 60);
        bench.world.answer(move |_| Said::status(200, "").after(Duration::from_secs(slow)));
        let first = bench.now;
        let mut pauses: Vec<(Moment, Moment)> = Vec::new();
        for _ in 0..6 {
            let (before, until) = (pick(60) as u32 + 1, pick(240) as u32 + 1);
            let (after, jump) = (pick(200) as u32 + 6, [0, 0, pick(86_400_000) as i64][pick(3) as usize]);
            let pausing = pick(2) == 0;
            bench.live(async |machine| {
                machine.pass(MINUTE * before).await;
                if pausing {
                    let now = machine.now();
                    pause(machine, Some(now.plus(MINUTE * until))).await;
                    pauses.push((now, now.plus(MINUTE * until)));
                }
                machine.world.jump(jump);
                machine.pass(MINUTE * after).await;
                whole_but_for_runs(machine);
            });
            bench.now = bench.now.plus(Duration::from_secs(pick(40_000)));
        }
        bench.world.answer(|_| Said::status(200, ""));
        bench.installed("reader").task.hours = None;
        bench.live(async |machine| {
            machine.pass(MINUTE * 60 * 5).await;
            machine.idle("reader").await;
            let delay = task_delay(machine, &bench_task(machine));
            let rows = ticks(machine);
            let own: Vec<&TickRow> = rows.iter().filter(|row| row.due != first).collect();
            let expected = enumerated(&minutes, first, machine.now().minus(delay));
            let said: u64 = own.iter().map(|row| row.count).sum();
            assert_eq!(said as usize, expected.len(), "seed {seed}");
            for row in &own {
                let inside =
                    expected.iter().filter(|at| (row.from.unix_ms()..=row.due.unix_ms()).contains(at));
                assert_eq!(inside.count() as u64, row.count, "seed {seed}: {row:?}");
            }
            let mut by_run: BTreeMap<&str, usize> = BTreeMap::new();
            rows.iter()
                .filter_map(|row| row.run.as_ref())
                .for_each(|run| *by_run.entry(run.as_str()).or_default() += 1);
            assert!(by_run.values().all(|ticks| *ticks == 1), "seed {seed}: {by_run:?}");
            for row in own.iter().filter(|row| row.run.is_some()) {
                let up = row.due.plus(delay);
                let paused = pauses.iter().any(|(since, until)| *since <= up && up < *until);
                assert!(!paused, "seed {seed}: {row:?} ran in a pause: {pauses:?}");
            }
        });
    }
}

fn whole_but_for_runs(machine: &Machine) {
    let ids: Vec<_> = machine.services.strategies.ids().cloned().collect();
    assert_eq!(integrity::check(&machine.store, &ids).unwrap().len(), 0);
}

fn bench_task(machine: &Machine) -> Task {
    machine.services.shared.settings().strategies[&machine.id("reader")].task.clone()
}

fn task_delay(machine: &Machine, task: &Task) -> Duration {
    let first = machine.store.audit_hashes(&[1]).unwrap().remove(0).unwrap().to_string();
    task.delay(&first, "reader")
}
