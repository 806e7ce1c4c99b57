//! Points that a simulation must reach some time, over all its seeds: a checker that never met a fault
//! has shown nothing about faults.

use std::collections::BTreeMap;
use std::sync::Mutex;

use mm_core::run::SourceHealth;
use mm_core::schedule::Fate;
use mm_services::records::TickRow;
use money_machine::simulation::check::Evidence;

/// How often each point was reached.
#[derive(Default)]
pub struct Sometimes(Mutex<BTreeMap<&'static str, usize>>);

impl Sometimes {
    /// Counts what a simulation reached.
    pub fn look(&self, e: &Evidence) {
        let audit = |kind: &str| e.audit_of(kind).count();
        let trace = |part: &str| e.events.iter().filter(|line| line.contains(part)).count();
        let health = |health: SourceHealth| {
            let runs = e.runs();
            runs.values().flat_map(|run| &run.sources).filter(|source| source.health == health).count()
        };
        let kind = |kind: &str| e.opportunities().iter().filter(|(row, _)| row.kind == kind).count();
        let moved = |to: &str| e.audit_of("breaker.moved").filter(|entry| entry.text("to") == to).count();
        let retried = e.audit_of("action.permitted").filter(|entry| entry.payload["try"] != 1).count();
        let ticks = e.rows::<TickRow>();
        let missed =
            ticks.values().filter(|row| matches!(row.fate, Fate::Merged { .. } | Fate::Missed { .. }));
        let torn = e.ends.iter().filter(|(how, _)| how == "PowerLoss").count();
        // The eleventh request of a run, just when the first is a minute ago.
        let permits: Vec<i64> = e.audit_of("action.permitted").map(|entry| entry.at.unix_ms()).collect();
        let limited =
            permits.windows(11).filter(|ten| (60_001..60_100).contains(&(ten[10] - ten[0]))).count();
        for (point, times) in [
            ("a run was resumed", audit("run.resumed")),
            ("a 304 was answered", trace(" 304 0 bytes")),
            ("a fault was retried", retried),
            ("an answer was lost", trace(" fault the connection broke off")),
            ("a source failed", health(SourceHealth::Failed)),
            ("a source was broken", health(SourceHealth::Broken)),
            ("a programme was added", kind("programme_added")),
            ("a programme came back", kind("programme_returned")),
            ("a gone was confirmed", kind("programme_gone") + kind("targets_gone")),
            ("a breaker opened", moved("open")),
            ("a breaker probed", moved("half-open")),
            ("a breaker closed", moved("closed")),
            ("a tick was missed", missed.count()),
            ("power was lost", torn),
            ("a limit was reached", limited),
        ] {
            *self.0.lock().unwrap().entry(point).or_default() += times;
        }
    }

    /// The points that were never reached.
    pub fn never(&self) -> Vec<&'static str> {
        let counts = self.0.lock().unwrap();
        eprintln!("reached: {counts:?}");
        counts.iter().filter(|(_, times)| **times == 0).map(|(point, _)| *point).collect()
    }
}
