//! Points that the stormy seeds must reach together: a checker that never met a fault has shown nothing
//! about faults.

use std::collections::BTreeMap;
use std::sync::Mutex;

use mm_core::activity::{ActionRecord, Stage};
use mm_core::ledger::{Entry, Stage as Ledger};
use mm_core::schedule::Fate;
use mm_services::records::TickRow;
use money_machine::sandbox::faults::{Fault, FaultMix};
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
        let safe_mode = e.audit_of("alert.raised").filter(|entry| entry.text("about") == "safe-mode").count();
        let entries = e.rows::<Entry>();
        let entered = |stage: Ledger| entries.values().filter(|entry| entry.to == stage).count();
        // Every kind of fault that the road must live with.
        let single = FaultMix::common(0, 0).kinds;
        let of_spells = ["secondary-limit", "bad-credentials", "slow"];
        for fault in single.iter().map(Fault::name).chain(of_spells) {
            let met = |met: &&str| *met == fault;
            let times = e.received.iter().filter_map(|request| request.fault.as_deref()).filter(met).count();
            *self.0.lock().unwrap().entry(fault).or_default() += times;
        }
        for (point, times) in [
            ("the machine was killed", ended("Killed")),
            ("power was lost", ended("PowerLoss")),
            ("a run was resumed", audit("run.resumed")),
            ("a tick ran late", fate(|fate| matches!(fate, Fate::Late { .. }))),
            ("a tick was merged", fate(|fate| matches!(fate, Fate::Merged { .. }))),
            ("a tick was missed", fate(|fate| matches!(fate, Fate::Missed { .. }))),
            ("a tick waited for room", e.waited()),
            ("a tick was gated", fate(|fate| matches!(fate, Fate::Gated { .. }))),
            ("a fault was tried again", audit("action.tried")),
            ("an act failed", act(Stage::Failed)),
            ("an outcome was ambiguous", audit("action.ambiguous")),
            ("an ambiguous outcome was settled", audit("action.settled")),
            ("a breaker opened", moved("open")),
            ("a breaker probed", moved("half-open")),
            ("a breaker closed", moved("closed")),
            ("a breaker kept an act back", kept_back("breaker")),
            ("an alert was raised", audit("alert.raised")),
            ("an alert was cleared", audit("alert.cleared")),
            ("the machine was in safe mode", safe_mode),
            ("a person was asked", audit("approval.asked")),
            ("a person said yes", audit("approval.approved")),
            ("a person said no", audit("approval.rejected")),
            ("a question expired", audit("approval.expired")),
            ("an entry was made", entries.len()),
            ("a payment was taken back", entered(Ledger::Reversed)),
            ("money arrived", entered(Ledger::Cleared)),
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
