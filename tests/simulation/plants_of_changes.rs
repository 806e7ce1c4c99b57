//! Bugs planted in what is told of changes and of the questions about them: on a copy of a sound machine's disk,
//! trail or log one thing is altered, as a mistake in the machine would have left it.

use std::time::Duration;

use mm_core::action::Request;
use mm_core::approval::State;
use mm_core::id::Space;
use mm_services::records::{AlertRow, ApprovalRow, ChangeRow, SettledTelling, Standing};
use mm_store::{Change, Kind, Record};
use money_machine::sandbox::oracle::Received;
use money_machine::simulation::check::{Audit, Evidence, approvals, changes, ends, order};
use money_machine::simulation::{Owner, Plan, Rehearsed, Simulation, Weather, paused, rehearse};
use serde_json::json;

use crate::HOUR;

/// What is altered, and what the checker must say of it.
type Plant = (&'static str, fn(&mut Evidence), &'static str);

/// A machine that looks for bounties, with an owner who fills in and approves.
fn bounties(seed: u64, time: Duration) -> Rehearsed {
    let mut plan = Plan::new(seed, paused::runtime);
    plan.config.strategies.get_mut("bug-bounty").unwrap().enabled = false;
    let tasks = plan.config.strategies.get_mut("micro-tasks").unwrap();
    tasks.enabled = true;
    tasks.schedule = Some("every 1h".to_owned());
    let own = json!({
        "account": "main", "looks_max": 8, "queries": ["label:\"💎 Bounty\" state:open type:issue"],
    });
    tasks.config.table.extend(own.as_object().unwrap().clone());
    plan.owner = Owner::Approves;
    plan.rules.0.retain(|(name, _)| name == "github.toml" || name.starts_with("law-"));
    rehearse(plan, time, Weather::Fair, &mut |_| {})
}

/// Where the trail's last entry of a kind is.
fn last(e: &Evidence, kind: &str) -> usize {
    e.audit.iter().rposition(|entry| entry.kind == kind).unwrap()
}

/// The question that was approved last.
fn approved(e: &Evidence) -> String {
    e.audit[last(e, "approval.approved")].text("approval").to_owned()
}

/// The entry of that kind about the last question that was approved is of another kind.
fn turn(e: &mut Evidence, kind: &str, into: &str) {
    let question = approved(e);
    let of_it = |entry: &&mut Audit| entry.kind == kind && entry.text("approval") == question;
    into.clone_into(&mut e.audit.iter_mut().find(of_it).unwrap().kind);
}

fn nobody_was_asked(e: &mut Evidence) {
    let question = approved(e);
    e.audit.retain(|entry| entry.text("approval") != question);
}

fn sent_twice(e: &mut Evidence) {
    let action = e.audit[last(e, "approval.approved")].text("action").to_owned();
    let of_it = |entry: &Audit| entry.kind == "action.permitted" && entry.text("action") == action;
    let at = e.audit.iter().position(of_it).unwrap();
    let again = e.audit[at].clone();
    e.audit.insert(at + 1, again);
}

fn too_late(e: &mut Evidence) {
    let question = approved(e);
    let of_it = |entry: &&mut Audit| entry.kind == "approval.asked" && entry.text("approval") == question;
    let asked = e.audit.iter_mut().find(of_it).unwrap();
    asked.payload["expires"] = json!(asked.at.to_string());
}

/// The row shows another body than what was sent, as if what was edited had not been.
fn another_body(e: &mut Evidence) {
    let id = approved(e);
    let row = e.rows::<ApprovalRow>().remove(&id).unwrap();
    let request = Request::new(row.request.method(), row.request.url().clone(), b"{}".to_vec()).unwrap();
    put(e, &id, &ApprovalRow { request, ..row });
}

const OF_QUESTIONS: [Plant; 8] = [
    ("nobody was asked", nobody_was_asked, "and nobody was asked"),
    (
        "it was not answered",
        |e| e.audit.retain(|entry| entry.kind != "approval.approved"),
        "nobody had said yes",
    ),
    ("he said no", |e| turn(e, "approval.approved", "approval.rejected"), "stood so: rejected"),
    ("it expired", |e| turn(e, "approval.approved", "approval.expired"), "stood so: expired"),
    ("one yes is used twice", sent_twice, "the yes to it was used up"),
    ("a yes comes too late", too_late, "and the question ended at"),
    ("other bytes are sent", another_body, "is not what was approved"),
    ("other bytes are shown", another_body, "than the trail says was approved"),
];

/// The request that made the last thing that was made.
fn made(e: &Evidence) -> Received {
    e.received.iter().rfind(|request| request.reached && request.method == "POST").unwrap().clone()
}

fn asked_again(e: &mut Evidence) {
    let request = made(e);
    e.received.push(Received { at_ms: e.now.unix_ms(), ..request });
}

fn settled_wrongly(e: &mut Evidence) {
    let permit =
        e.audit.iter().rfind(|entry| entry.kind == "action.permitted" && entry.text("method") == "POST");
    let mut settled = permit.unwrap().clone();
    settled.kind = "action.settled".to_owned();
    settled.at = e.now;
    settled.payload = json!({ "action": settled.text("action"), "stage": "failed" });
    e.audit.push(settled);
}

const OF_CHANGES: [Plant; 2] = [
    ("a change is made again", asked_again, "for what was made at"),
    ("what was made is on record as not made", settled_wrongly, "was found not to have happened"),
];

fn put<R: Record>(e: &Evidence, id: &str, row: &R) {
    e.store.commit_blocking(Change::new().put(&Space::default_owner(), id, row).unwrap()).unwrap();
}

/// The last question is not decided on, and was to end at the start of the machine.
fn waits_for_ever(e: &mut Evidence) {
    let (id, mut row) = e.rows::<ApprovalRow>().pop_last().unwrap();
    (row.item.state, row.item.expires) = (State::Waiting, e.boots[0]);
    put(e, &id, &row);
}

/// A yes has not been used, and was to be of no use since the start of the machine.
fn is_never_sent(e: &mut Evidence) {
    let id = approved(e);
    let mut row = e.rows::<ApprovalRow>().remove(&id).unwrap();
    (row.item.state, row.item.deadline) = (State::Approved, Some(e.boots[0]));
    put(e, &id, &row);
}

/// A change that its strategy was told the end of stands otherwise.
fn stands(e: &Evidence, otherwise: impl FnOnce(Standing) -> Standing) {
    let is_told =
        |row: &ChangeRow| matches!(row.standing, Standing::Settled { telling: SettledTelling::Told(_), .. });
    let (id, row) = e.rows::<ChangeRow>().into_iter().find(|(_, row)| is_told(row)).unwrap();
    let standing = otherwise(row.standing);
    put(e, &id, &ChangeRow { standing, ..row });
}

fn has_no_slot(e: &mut Evidence) {
    let began = e.boots[0];
    stands(e, |_| Standing::Queued { not_before: began, until: began });
}

fn asks_nobody(e: &mut Evidence) {
    let approval = approved(e);
    stands(e, |_| Standing::Asked { approval, not_before: None });
}

fn is_never_told(e: &mut Evidence) {
    stands(e, |standing| match standing {
        Standing::Settled { at, outcome, .. } => {
            Standing::Settled { at, outcome, telling: SettledTelling::Due }
        }
        other => other,
    });
}

const OF_ENDS: [Plant; 5] = [
    ("a question waits for ever", waits_for_ever, "is waiting and ended at"),
    ("a yes is never used", is_never_sent, "is approved and ended at"),
    ("what is queued is never given up", has_no_slot, "waits for a slot and was given up at"),
    ("a change waits for a question that is over", asks_nobody, "which is Some(Sent)"),
    ("a strategy is never told", is_never_told, "times and not told"),
];

/// A row of a version that nobody knows.
macro_rules! damaged {
    ($name:ident, $row:ty) => {
        #[derive(serde::Serialize, serde::Deserialize)]
        struct $name(u8);

        impl Record for $name {
            const KIND: Kind = Kind { version: 99, ..<$row>::KIND };
        }
    };
}

damaged!(DamagedAlert, AlertRow);
damaged!(DamagedChange, ChangeRow);

fn alert_is_damaged(e: &mut Evidence) {
    let change = Change::new().put(&Space::machine(), "planted", &DamagedAlert(0)).unwrap();
    e.store.commit_blocking(change).unwrap();
}

/// Its mark stays: it was open.
fn open_change_is_damaged(e: &mut Evidence) {
    is_never_told(e);
    let is_due =
        |row: &ChangeRow| matches!(row.standing, Standing::Settled { telling: SettledTelling::Due, .. });
    let (id, _) = e.rows::<ChangeRow>().into_iter().find(|(_, row)| is_due(row)).unwrap();
    put(e, &id, &DamagedChange(0));
}

const OF_ROWS: [Plant; 2] = [
    ("a row of the machine's own is damaged", alert_is_damaged, "alert: Damaged"),
    ("an open change is damaged", open_change_is_damaged, "waits and cannot be read"),
];

/// Each plant on a sound machine of its own, for the room that must notice it.
#[track_caller]
fn assert_noticed(simulation: &Simulation, room: fn(&Evidence) -> Vec<String>, plants: &[Plant]) {
    let mut missed = Vec::new();
    for (what, alter, words) in plants {
        let mut e = Evidence::of_busy(simulation);
        assert_eq!(room(&e), Vec::<String>::new());
        alter(&mut e);
        let wrong = room(&e);
        if !wrong.iter().any(|line| line.contains(words)) {
            missed.push(format!("{what}: no `{words}` in {wrong:?}"));
        }
    }
    assert!(missed.is_empty(), "undetected: {missed:#?}");
}

#[test]
fn what_is_wrong_with_changes_and_their_questions_is_noticed() {
    let Rehearsed { simulation, findings, evidence, .. } = bounties(91, HOUR * 14);
    assert_eq!(findings, Vec::<String>::new());
    assert!(evidence.audit_of("approval.approved").count() > 2, "nothing was approved");
    assert_noticed(&simulation, approvals, &OF_QUESTIONS);
    assert_noticed(&simulation, changes, &OF_CHANGES);
    assert_noticed(&simulation, ends, &OF_ENDS);
    assert_noticed(&simulation, order::rows, &OF_ROWS);
}
