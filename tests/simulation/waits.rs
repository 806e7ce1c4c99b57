//! Settings by which a tick may wait: it is not missed meanwhile, and one that is lost is.

use std::time::Duration;

use mm_core::id::Space;
use mm_core::schedule::Fate;
use mm_services::records::TickRow;
use mm_store::{Change, Key};
use money_machine::sandbox::faults::Fault;
use money_machine::simulation::check::{Evidence, check};
use money_machine::simulation::{End, Plan, Simulation, paused};

use crate::causes::assert_no_lie;
use crate::{HOUR, MINUTE, assert_right};

/// A machine whose watch is to keep these rules.
pub fn machine(seed: u64, schedule: Option<&str>, rules: &[(&str, &str)]) -> Simulation {
    let mut plan = Plan::new(seed, paused::runtime);
    let watch = plan.config.strategies.get_mut("bug-bounty").unwrap();
    for (key, text) in rules {
        watch.rules.say(key, text).unwrap();
    }
    watch.schedule = schedule.map(str::to_owned);
    Simulation::new(plan)
}

/// It is looked at each so many minutes.
pub fn holds_for(simulation: &mut Simulation, time: Duration, minutes: u32) {
    let until = simulation.now().plus(time);
    while simulation.now() < until {
        simulation.run_for(MINUTE * minutes).unwrap();
        assert_right(&Evidence::of_busy(simulation));
    }
}

/// A tick between others is lost, and a scheduler stands still.
fn assert_noticed(simulation: &Simulation) {
    let lost = |e: &Evidence| check(e).iter().any(|line| line.contains("was due and has no row"));
    let e = Evidence::of_busy(simulation);
    let id = e.rows::<TickRow>().into_keys().filter(|id| id.starts_with("bug-bounty/")).rev().nth(1);
    let key = Key::of::<TickRow>(&Space::default_owner(), &id.unwrap()).unwrap();
    e.store.commit_blocking(Change::new().delete(key)).unwrap();
    assert!(lost(&e), "a lost tick is not noticed");
    let mut e = Evidence::of_busy(simulation);
    e.now = e.now.plus(HOUR * 3);
    assert!(lost(&e), "a scheduler that stands still is not noticed");
}

#[test]
fn a_tick_that_is_taken_up_later_than_it_is_due_is_not_missed() {
    for seed in 70..73 {
        let mut simulation = machine(seed, None, &[("jitter", "1h")]);
        holds_for(&mut simulation, HOUR * 6, 13);
        assert_noticed(&simulation);
    }
}

#[test]
fn ticks_that_are_made_up_for_one_after_the_other_are_not_missed() {
    let mut simulation = machine(73, None, &[("missed", "all"), ("missed_spread", "25m")]);
    holds_for(&mut simulation, HOUR * 2, 30);
    simulation.restart(End::Killed, HOUR * 3 + MINUTE * 7);
    holds_for(&mut simulation, HOUR * 6, 7);
    assert_noticed(&simulation);
}

/// A run is cut off, ticks pass while the machine is down, and the run goes on afterwards: what makes up for them
/// waits for it.
#[test]
fn what_passed_unseen_is_made_up_for_after_the_run_that_was_cut_off() {
    let mut simulation = machine(75, Some("every 10m"), &[]);
    simulation.run_for(crate::to_the_hour(&simulation)).unwrap();
    simulation.sandbox().set_fault("bounty-targets", Fault::Stall { wait: Duration::from_secs(50) });
    simulation.run_for(Duration::from_millis(900)).unwrap();
    simulation.restart(End::Killed, MINUTE * 32);
    holds_for(&mut simulation, MINUTE * 20, 1);
    let e = Evidence::of_busy(&simulation);
    let at_start = *e.boots.last().unwrap();
    let rows = || e.rows::<TickRow>().into_values();
    let unseen: Vec<TickRow> =
        rows().filter(|row| at_start.minus(MINUTE * 32) < row.due && row.due < at_start).collect();
    let fates: Vec<&str> = unseen.iter().map(|row| row.fate.as_str()).collect();
    assert_eq!(fates, ["merged", "merged", "late"]);
    // The run that was cut off was under way until then.
    let (cut_off, made_up) = (e.runs(), unseen[2].run.clone().unwrap());
    let began = cut_off[made_up.as_str()].started;
    let before = cut_off.values().filter(|run| run.started < at_start).max_by_key(|run| run.started).unwrap();
    let ended = before.ended.unwrap();
    assert!(at_start.plus(MINUTE) < ended && ended <= began, "{ended} {began}");
    let why = format!("run {} was under way", before.id);
    let skipped = Fate::Skipped { why };
    assert_no_lie(&simulation, "late", &[(skipped, "what passed unseen waits for that run")]);
}

#[test]
fn a_tick_that_waits_for_a_long_run_is_not_missed() {
    let mut simulation = machine(74, Some("every 2m"), &[("overlap", "buffer")]);
    holds_for(&mut simulation, MINUTE * 10, 1);
    simulation.sandbox().set_fault("hackerone", Fault::Stall { wait: Duration::from_secs(50) });
    holds_for(&mut simulation, MINUTE * 30, 1);
    simulation.sandbox().clear_faults();
    holds_for(&mut simulation, MINUTE * 10, 1);
    assert_noticed(&simulation);
}
