//! The questions that a store alone can answer.

use serde::Serialize;
use serde_json::Value;

use super::{
    Problem, Question, Reader, account, action, alert, approval, audit, compliance, crash, doctor, earning,
    limit, meant, nearest, opportunity, privacy, quarantine, schedule, status, strategy, way,
};

/// Every question that reads, for the sentence about one that is not known.
const READS: &[&str] = &[
    "status",
    "doctor",
    "actions",
    "strategies",
    "schedule",
    "accounts",
    "limits",
    "opportunities",
    "approvals",
    "earnings",
    "audit",
    "compliance",
    "privacy",
    "alerts",
    "crashes",
    "actors",
    "config",
];

/// Answers a question from what `reader` holds. `None`: not a question for the store.
///
/// # Errors
/// [`Problem`] says why there is no answer.
pub fn read(reader: &Reader, question: &Question) -> Option<Result<Value, Problem>> {
    Some(match question.path().as_slice() {
        ["status"] => plain(question).and_then(|()| json(status::read(reader))),
        ["doctor"] => plain(question).and_then(|()| json(Ok(doctor::read(reader)))),
        ["opportunities"] => json(opportunity::list(reader, question)),
        ["opportunities", id] => json(opportunity::show(reader, id)),
        ["accounts"] => json(account::list(reader, question)),
        ["accounts", "copy"] => plain(question).and_then(|()| json(account::copy(reader))),
        ["accounts", platform, name] => json(account::show(reader, platform, name)),
        ["approvals"] => json(approval::list(reader, question)),
        ["approvals", id] => plain(question).and_then(|()| json(approval::show(reader, id))),
        ["earnings"] => json(earning::list(reader, question)),
        ["earnings", "summary"] => plain(question).and_then(|()| json(earning::summary(reader))),
        ["earnings", "export"] => json(earning::export(reader, question)),
        ["alerts"] => json(alert::list(reader, question)),
        ["alerts", "silences"] => plain(question).and_then(|()| json(alert::silences(reader))),
        ["crashes"] => json(crash::list(reader, question)),
        ["crashes", id] => json(crash::show(reader, id)),
        ["actions"] => json(action::list(reader, question)),
        ["actions", id] => json(action::show(reader, id)),
        ["actions", id, "way"] => json(way::read(reader, id, &[])),
        ["strategies"] => plain(question).and_then(|()| json(Ok(strategy::list(reader)))),
        ["strategies", name] => json(strategy::show(reader, name)),
        ["strategies", name, "quarantine"] => json(quarantine::list(reader, name)),
        ["schedule"] => plain(question).and_then(|()| json(schedule::list(reader))),
        ["schedule", "next"] => json(schedule::next(reader, question)),
        ["schedule", task] => plain(question).and_then(|()| json(schedule::show(reader, task))),
        ["schedule", task, "preview"] => json(schedule::preview(reader, task, question)),
        ["schedule", task, "why"] => json(schedule::why(reader, task, question)),
        // Nobody waits in a daemon that is not there; one that is answers by itself.
        ["queue"] => plain(question).and_then(|()| json(Ok(Vec::<limit::WaitingView>::new()))),
        ["limits"] => plain(question).and_then(|()| json(limit::list(reader))),
        ["limits", platform] => json(limit::show(reader, platform)),
        ["compliance", "check"] => json(compliance::check(reader, question)),
        ["compliance", "explain", id] => json(compliance::explain(reader, id)),
        ["compliance", "replay"] => json(compliance::replay(reader, question)),
        ["compliance", "report"] => json(compliance::report(reader, question)),
        ["compliance", "rules"] => json(compliance::list(reader, question)),
        ["compliance", "rules", "lint"] => plain(question).and_then(|()| json(compliance::lint(reader))),
        ["compliance", "rules", "test"] => plain(question).and_then(|()| json(compliance::test(reader))),
        ["privacy"] => json(privacy::read(reader, question)),
        ["audit"] => json(audit::page(reader, question)),
        ["audit", "tail"] => json(audit::tail(reader, question)),
        ["audit", "verify"] => json(audit::verify(reader, question)),
        ["audit", "checkpoints"] => json(audit::checkpoints(reader, question)),
        ["audit", "hashes"] => json(audit::hashes(reader, question)),
        _ => return None,
    })
}

/// The problem with a path that nobody answers.
pub fn known_routes(path: &[&str]) -> Problem {
    let first = path.first().copied().unwrap_or_default();
    let shown = mm_core::untrusted::Untrusted::new(path.join("/")).line(80);
    let near = meant(nearest(first, READS.iter().copied()).filter(|near| *near != first));
    Problem::Unknown(format!("there is nothing at `/{shown}`; there are {}{near}", READS.join(", ")))
}

fn plain(question: &Question) -> Result<(), Problem> {
    question.only(&[])
}

fn json<T: Serialize>(answer: Result<T, Problem>) -> Result<Value, Problem> {
    serde_json::to_value(answer?).map_err(|error| Problem::Failed(error.to_string()))
}
