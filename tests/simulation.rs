//! The whole daemon, simulated.
#[path = "simulation/paused.rs"]
mod paused;
use money_machine::simulation::{Plan, Simulation};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn smoke() {
    if !paused::can_pause() {
        return;
    }
    let t = std::time::Instant::now();
    let mut sim = Simulation::new(Plan::new(1, paused::runtime));
    sim.run_for(3 * HOUR).unwrap();
    for l in sim.trace() {
        println!("{}", &l[..l.len().min(300)]);
    }
    eprintln!("{:?}", t.elapsed());
    sim.run_for(7 * 24 * HOUR).unwrap();
    eprintln!("{:?} {}", t.elapsed(), sim.trace().len());
    drop(sim);
    eprintln!("{:?}", t.elapsed());
}
