//! Points that the stormy seeds must reach together: a checker that never met a fault has shown nothing
//! about faults.

use std::collections::BTreeMap;
use std::sync::Mutex;

use mm_core::activity::{ActionRecord, Stage};
use mm_core::schedule::Fate;
use mm_services::records::TickRow;
use money_machine::simulation::check::Evidence;

/// How often each point was reached.
#[derive(Default)]
pub struct Reached(Mutex<BTreeMap<&'static str, usize>>);

impl Reached {
    /// Counts what a simulation reached.
    pub fn look(&self, e: &Evidence) {
        let audit = |kind: &str| e.audit_of(kind).count();
        let ended = |how: &str| e.ends.iter().filter(|(end, _)| end == how).count();
        let moved = |to: &str| e.audit_of("breaker.moved").filter(|entry| entry.text("to") == to).count();
        let ticks = e.rows::<TickRow>();
        let fate = |is: fn(&Fate) -> bool| ticks.values().filter(|row| is(&row.fate)).count();
        let actions = e.rows::<ActionRecord>();
        let act = |stage: Stage| actions.values().filter(|row| row.stage == stage).count();
        let kept_back =
            |by: &str| actions.values().flat_map(|row| &row.checks).filter(|check| check.rule == by).count();
        let arrived = e.received.iter().filter(|request| request.method == "POST" && request.reached);
        for (point, times) in [
            ("the machine was killed", ended("Killed")),
            ("power was lost", ended("PowerLoss")),
            ("a run was resumed", audit("run.resumed")),
            ("a tick ran late, merged or was missed", fate(|fate| !matches!(fate, Fate::Ran))),
            ("a fault was tried again", audit("action.tried")),
            ("an act failed", act(Stage::Failed)),
            ("a breaker opened", moved("open")),
            ("a breaker probed", moved("half-open")),
            ("a breaker closed", moved("closed")),
            ("a breaker kept an act back", kept_back("breaker")),
            ("an alert was raised", audit("alert.raised")),
            ("an alert was cleared", audit("alert.cleared")),
            ("a person was asked", audit("approval.asked")),
            ("a change was made", arrived.count()),
        ] {
            *self.0.lock().unwrap().entry(point).or_default() += times;
        }
    }

    /// The points that were never reached.
    pub fn never(&self) -> Vec<&'static str> {
        let counts = self.0.lock().unwrap();
        eprintln!("reached: {counts:#?}");
        counts.iter().filter(|(_, times)| **times == 0).map(|(point, _)| *point).collect()
    }
}
