//! How an ordered stop went, as the record holds it: who did not stop, and what was left.

use mm_supervision::StopReport;
use serde_json::{Value, json};

/// Actors that are named; of more than that, the number says enough.
const NAMED_MAX: usize = 32;

/// What a stop's audit entry says beside the start's own fields.
pub(super) fn told(report: &StopReport) -> Vec<(&'static str, Value)> {
    let stragglers: Vec<Value> = report.stragglers.iter().take(NAMED_MAX).map(straggler).collect();
    let running: Vec<&String> = report.running.iter().take(NAMED_MAX).collect();
    vec![
        ("in_time", report.in_time.into()),
        ("stopped", report.stopped.into()),
        ("did_not_stop", report.stragglers.len().into()),
        ("stragglers", stragglers.into()),
        ("still_running", json!(running)),
    ]
}

fn straggler(straggler: &mm_supervision::Straggler) -> Value {
    json!({
        "path": straggler.path,
        "waited_ms": straggler.waited_ms,
        "killed": straggler.killed,
        "in_hand": straggler.in_hand,
        "left": left(straggler),
    })
}

/// What was left in its mailbox, by kind.
fn left(straggler: &mm_supervision::Straggler) -> Value {
    straggler.left_by_kind.iter().map(|(kind, count)| ((*kind).to_owned(), Value::from(*count))).collect()
}

/// One line on an actor that did not stop.
pub(crate) fn line(one: &mm_supervision::Straggler) -> String {
    let hand = one.in_hand.map(|kind| format!(", with {kind} in hand")).unwrap_or_default();
    let ended = if one.killed { "was killed" } else { "could not be killed" };
    format!(
        "{} did not stop in {} ms and {ended}{hand}; left in its mailbox: {}",
        one.path,
        one.waited_ms,
        left(one)
    )
}
