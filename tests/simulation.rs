//! The whole daemon, simulated: weeks of it, with faults, kills and planted bugs.
//!
//! The checker sees the event trace, the sandbox's log and a read-only store ([`evidence`]) and nothing
//! of the daemon itself.

#[path = "simulation/evidence.rs"]
mod evidence;
#[path = "simulation/order.rs"]
mod order;
#[path = "simulation/paused.rs"]
mod paused;
#[path = "simulation/scope.rs"]
mod scope;
#[path = "simulation/sometimes.rs"]
mod sometimes;

use std::time::Duration;

use evidence::Evidence;
use money_machine::simulation::{Plan, Simulation};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const WEEK: Duration = HOUR.saturating_mul(7 * 24);

/// Everything that must hold of a machine that is up and at rest.
fn check(e: &Evidence) -> Vec<String> {
    let rooms: [(&str, fn(&Evidence) -> Vec<String>); 6] = [
        ("chain", order::chain),
        ("requests", order::requests),
        ("limits", order::limits),
        ("ticks", order::ticks),
        ("runs", order::runs),
        ("scope", scope::scope),
    ];
    rooms
        .iter()
        .flat_map(|(room, check)| check(e).into_iter().map(move |line| format!("{room}: {line}")))
        .collect()
}

fn assert_right(e: &Evidence) {
    let wrong = check(e);
    assert!(wrong.is_empty(), "{} findings, the first: {:#?}", wrong.len(), &wrong[..wrong.len().min(10)]);
}

/// A quiet week, and some minutes more, so that its last run is over.
fn week(seed: u64) -> Simulation {
    let mut simulation = Simulation::new(Plan::new(seed, paused::runtime));
    simulation.run_for(WEEK + 5 * MINUTE).unwrap();
    simulation
}

#[test]
fn one_seed_is_one_week_and_another_is_another() {
    if !paused::can_pause() {
        return;
    }
    let again = std::thread::spawn(|| week(1).trace());
    let first = week(1);
    assert_right(&Evidence::of(&first));
    let (first, again) = (first.trace(), again.join().unwrap());
    if let Some(at) = (0..first.len().max(again.len())).find(|at| first.get(*at) != again.get(*at)) {
        panic!("the traces part at line {at}:\n{:?}\n{:?}", first.get(at), again.get(at));
    }
    let other = week(2);
    assert_right(&Evidence::of(&other));
    assert_ne!(first, other.trace());
}
