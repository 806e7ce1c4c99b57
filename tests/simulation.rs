//! The whole daemon, simulated: weeks of it, with faults, kills and planted bugs.
//!
//! The checker is the program's own (`money_machine::simulation::check`): it sees the event trace, the
//! sandbox's log and a read-only store, and nothing of the daemon itself.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may stop at what should not be, and is told how long it may take"
)]

#[path = "simulation/altered.rs"]
mod altered;
#[path = "simulation/causes.rs"]
mod causes;
#[path = "simulation/changes.rs"]
mod changes;
#[path = "simulation/kept_back.rs"]
mod kept_back;
#[path = "simulation/owed.rs"]
mod owed;
#[path = "simulation/plants.rs"]
mod plants;
#[path = "simulation/plants_of_changes.rs"]
mod plants_of_changes;
#[path = "simulation/sometimes.rs"]
mod sometimes;
#[path = "simulation/tokens.rs"]
mod tokens;
#[path = "simulation/waits.rs"]
mod waits;

use std::time::Duration;

use mm_core::id::Space;
use mm_core::run::RunRecord;
use mm_core::seams::SplitMix64;
use mm_store::{Change, Key};
use money_machine::machine::Seams;
use money_machine::sandbox::faults::{Fault, FaultMix};
use money_machine::simulation::check::{Evidence, check, order};
use money_machine::simulation::{End, Plan, Simulation, paused};
use sometimes::Sometimes;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const WEEK: Duration = HOUR.saturating_mul(7 * 24);

fn assert_right(e: &Evidence) {
    let wrong = check(e);
    assert!(wrong.is_empty(), "{} findings, the first: {:#?}", wrong.len(), &wrong[..wrong.len().min(10)]);
}

/// A quiet time, and some minutes more, so that its last run is over.
fn quiet(seed: u64, time: Duration) -> Simulation {
    let mut simulation = Simulation::new(Plan::new(seed, paused::runtime));
    simulation.run_for(time + 5 * MINUTE).unwrap();
    simulation
}

#[test]
fn one_seed_is_one_week_and_another_is_another() {
    let again = std::thread::spawn(|| quiet(1, WEEK).trace());
    let first = quiet(1, WEEK);
    assert_right(&Evidence::of(&first));
    let (first, again) = (first.trace(), again.join().unwrap());
    if let Some(at) = (0..first.len().max(again.len())).find(|at| first.get(*at) != again.get(*at)) {
        panic!("the traces part at line {at}:\n{:?}\n{:?}", first.get(at), again.get(at));
    }
    let other = quiet(2, HOUR * 24);
    assert_right(&Evidence::of(&other));
    assert_ne!(first, other.trace());
}

/// How long it is to the next full hour, when a run begins.
fn to_the_hour(simulation: &Simulation) -> Duration {
    HOUR - Duration::from_millis(simulation.now().unix_ms().rem_euclid(3_600_000) as u64)
}

/// Some days with faults on the way, and with ends in their middle: in order, by kill, by power loss, by
/// a dead disk, at any time and in the middle of runs. At the end the weather is fair and all is at rest.
fn stormy(seed: u64, days: u32, mix: FaultMix) -> Simulation {
    let mut simulation = Simulation::new(Plan::new(seed, paused::runtime));
    simulation.sandbox().set_mix(Some(mix));
    let until = simulation.now().plus(HOUR * 24 * days);
    let mut dice = SplitMix64(seed);
    let mut roll = |sides: u64| dice.next_u64() % sides;
    while simulation.now() < until {
        let (mut end, down) = match roll(8) {
            0 => (End::Stopped, Duration::from_millis(1 + roll(5_000))),
            1..=3 => (End::PowerLoss, Duration::from_millis(1 + roll(90_000))),
            // Long enough to miss ticks.
            4 => (End::Killed, HOUR * 3 + MINUTE * 7),
            _ => (End::Killed, Duration::from_millis(1 + roll(90_000))),
        };
        // To the next full hour but some, and then into the run, or some hours on.
        let hours = 1 + roll(14);
        let to_the_hour = to_the_hour(&simulation);
        let into_the_run = Duration::from_millis(roll(3_000));
        let died = simulation.run_for(to_the_hour + HOUR * hours as u32 + into_the_run);
        assert_eq!(died, Ok(()));
        if roll(4) == 0 {
            simulation.let_disk_fail_after(1 + roll(300));
            if simulation.run_for(HOUR * 2).is_err() {
                end = End::Killed;
            }
            simulation.memory().heal();
        }
        simulation.restart(end, down);
    }
    simulation.sandbox().set_mix(None);
    // Some hours on, and then to half past one of them: on the hour a run would be under way.
    simulation.run_for(HOUR * 8 + to_the_hour(&simulation) + MINUTE * 30).unwrap();
    simulation
}

/// Every fault is one that is tried again: with so many, the limits are reached.
fn failing(per_mille: u16) -> FaultMix {
    FaultMix { seed: 9, per_mille, kinds: vec![Fault::Status(500)], spells_per_mille: 0 }
}

#[test]
fn stormy_weeks_hold_and_meet_everything() {
    let reached = Sometimes::default();
    std::thread::scope(|threads| {
        let common = FaultMix::common;
        let halves = [
            [(11, 4, common(1, 60)), (12, 3, common(2, 250)), (15, 1, failing(450))],
            [(13, 4, common(3, 120)), (14, 3, common(4, 600)), (16, 1, failing(450))],
        ];
        for half in halves {
            let reached = &reached;
            threads.spawn(move || {
                for (seed, days, mix) in half {
                    let evidence = Evidence::of(&stormy(seed, days, mix));
                    let wrong = check(&evidence);
                    assert!(wrong.is_empty(), "seed {seed}: {:#?}", &wrong[..wrong.len().min(10)]);
                    reached.look(&evidence);
                }
            });
        }
    });
    let never = reached.never();
    assert!(never.is_empty(), "no seed reached: {never:?}");
}

/// As many more stormy days as `MONEY_MACHINE_TEST_SEEDS` says, each with a seed of its own; none where
/// nothing is said.
#[test]
fn more_storms_hold_where_they_are_asked_for() {
    let seeds =
        std::env::var("MONEY_MACHINE_TEST_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    for seed in 1000..1000 + seeds {
        let per_mille = u16::try_from(30 + seed % 500).unwrap();
        let evidence = Evidence::of(&stormy(seed, 2, FaultMix::common(seed, per_mille)));
        let wrong = check(&evidence);
        assert!(wrong.is_empty(), "seed {seed}: {:#?}", &wrong[..wrong.len().min(10)]);
        println!("storm {seed}: two days of {per_mille} faults in a thousand hold");
    }
}

/// A run killed in its middle and found again after days must not take what it reads then for what was so
/// when it began: what is missing would be called gone days too early.
#[test]
fn a_run_that_was_cut_off_long_ago_is_followed_by_a_fresh_one() {
    for (down, taken_up) in [(MINUTE, true), (HOUR * 24 * 4, false)] {
        let mut simulation = Simulation::new(Plan::new(3, paused::runtime));
        simulation.run_for(HOUR * 2).unwrap();
        let to_the_hour = 3_600_000 - simulation.now().unix_ms().rem_euclid(3_600_000) as u64;
        simulation.run_for(Duration::from_millis(to_the_hour + 900)).unwrap();
        simulation.restart(End::Killed, down);
        simulation.run_for(HOUR * 5 + 5 * MINUTE).unwrap();
        let evidence = Evidence::of(&simulation);
        assert_right(&evidence);
        assert_eq!(evidence.audit_of("run.resumed").count(), usize::from(taken_up));
        assert_eq!(evidence.audit_of("run.interrupted").count(), usize::from(!taken_up));
        let gone = evidence.opportunities().iter().filter(|(row, _)| row.kind.ends_with("_gone"));
        assert_eq!(gone.count(), 0);
    }
}

/// A quiet day or two with a bug planted in a seam.
fn planted(seed: u64, hours: u32, wrap: impl Fn(Seams) -> Seams + Send + Sync + 'static) -> Simulation {
    let mut simulation = Simulation::new(Plan::new(seed, paused::runtime).wrapped(wrap));
    simulation.run_for(HOUR * hours + 5 * MINUTE).unwrap();
    simulation
}

/// The checker notices, and says so in these words.
#[track_caller]
fn assert_noticed(simulation: &Simulation, words: &str) {
    let wrong = check(&Evidence::of(simulation));
    assert!(wrong.iter().any(|line| line.contains(words)), "no `{words}` in {wrong:#?}");
}

#[test]
fn a_request_sent_twice_is_noticed() {
    let plan = Plan::new(21, paused::runtime);
    let wrap = plants::sends_twice(plan.sandbox.clone(), 50);
    let mut simulation = Simulation::new(plan.wrapped(wrap));
    simulation.run_for(HOUR * 12).unwrap();
    assert_noticed(&simulation, "was asked for without an intent");
}

#[test]
fn news_that_is_kept_back_is_noticed() {
    assert_noticed(&planted(22, 36, plants::never_modified), "was not told");
    assert_noticed(&planted(22, 36, plants::forgets), "the baseline of");
    assert_noticed(&planted(42, 12, plants::crossed), "the baseline of");
}

#[test]
fn other_limits_and_other_places_are_noticed() {
    let mut simulation = Simulation::new(Plan::new(15, paused::runtime).wrapped(plants::other_limits));
    simulation.sandbox().set_mix(Some(failing(450)));
    simulation.run_for(HOUR * 36 + 20 * MINUTE).unwrap();
    assert_noticed(&simulation, "10 allowed");

    let away = || Fault::Redirect { status: 302, to: "https://elsewhere.example/scope.json".to_owned() };
    for (wrap, noticed) in [(plants::permits_everything as fn(Seams) -> Seams, true), (|seams| seams, false)]
    {
        let mut simulation = Simulation::new(Plan::new(23, paused::runtime).wrapped(wrap));
        simulation.run_for(HOUR).unwrap();
        simulation.sandbox().set_fault("hackerone", away());
        simulation.run_for(HOUR * 3 + 30 * MINUTE).unwrap();
        let wrong = order::requests(&Evidence::of(&simulation));
        assert_eq!(wrong.iter().any(|line| line.contains("none of the five files")), noticed, "{wrong:#?}");
    }
}

/// A disk that says it has synced and has not: after a power loss the store must not open, or the checker
/// must miss what was acknowledged.
#[test]
fn a_disk_that_lies_is_noticed() {
    let noticed = (0..4).filter(|seed| {
        let mut simulation = Simulation::new(Plan::new(30 + seed, paused::runtime));
        simulation.run_for(HOUR * 2).unwrap();
        simulation.memory().inject(mm_store::Fault::SyncLies);
        simulation.run_for(HOUR * 4 + 5 * MINUTE).unwrap();
        let came_up = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            simulation.restart(End::PowerLoss, MINUTE);
            simulation.run_for(HOUR * 3).unwrap();
            check(&Evidence::of(&simulation))
        }));
        came_up.is_err() || came_up.is_ok_and(|wrong| !wrong.is_empty())
    });
    assert_eq!(noticed.count(), 4);
}

/// What the seams do wrong and the machine must stand: no rules at all, a clock that is set back.
#[test]
fn the_machine_stays_right_where_its_surroundings_are_wrong() {
    let no_rules = planted(41, 5, plants::no_rules);
    assert_eq!(no_rules.sandbox().received_total(), 0);
    let evidence = Evidence::of(&no_rules);
    assert!(evidence.opportunities().is_empty());
    assert_right_but(&evidence, "scope");

    let at = Plan::new(43, paused::runtime).began.plus(HOUR * 6 + 10 * MINUTE);
    for by in [MINUTE * 20, HOUR * 2] {
        let mut evidence = Evidence::of(&planted(43, 20, plants::set_back(at, by)));
        // It is so late as far as the machine knows.
        evidence.now = evidence.now.minus(by);
        let wrong = check(&evidence);
        // The sandbox's clock was not set back: what is compared by time cannot be, what is not must hold.
        let told: Vec<_> =
            wrong.iter().filter(|line| !line.starts_with("requests") && !line.starts_with("scope")).collect();
        assert!(told.is_empty(), "{told:#?}");
        let twice = wrong.iter().filter(|line| line.contains("and was known"));
        assert_eq!(twice.count(), 0, "{wrong:#?}");
    }
}

/// Everything but one room holds.
#[track_caller]
fn assert_right_but(e: &Evidence, room: &str) {
    let wrong: Vec<_> = check(e).into_iter().filter(|line| !line.starts_with(room)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// More than half a year on: runs that ended so long ago are tidied away, and only they may be gone.
#[test]
fn what_was_tidied_away_is_not_missed_and_what_was_not_is() {
    let mut simulation = quiet(57, HOUR * 6);
    simulation.restart(End::Killed, HOUR * 24 * 185);
    simulation.run_for(HOUR * 3 + 5 * MINUTE).unwrap();
    let e = Evidence::of(&simulation);
    let tidied = |kind: &str| e.audit_of("tidy.done").filter(|entry| entry.text("kind") == kind).count();
    assert!(tidied("run") > 0 && tidied("action") > 0, "nothing was old enough");
    assert_right(&e);
    let (id, _) = e.rows::<RunRecord>().pop_last().unwrap();
    let key = Key::of::<RunRecord>(&Space::default_owner(), &id).unwrap();
    e.store.commit_blocking(Change::new().delete(key)).unwrap();
    let wrong = check(&e);
    assert!(wrong.iter().any(|line| line.contains("are on record")), "{wrong:?}");
}
