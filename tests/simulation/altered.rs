//! Bugs planted in the record: on a copy of a sound machine's disk one row is altered, as a mistake in the
//! machine would have left it. Each must be noticed, or the checker shows nothing of what it is silent on.

use std::time::Duration;

use mm_core::id::{ActionId, EntryId, RunId, Space};
use mm_core::ledger::{Earning, Entry};
use mm_core::opportunity::{Opportunity, State, Step};
use mm_core::run::{Outcome, RunRecord, Trigger};
use mm_services::records::{ScheduleRow, StrategyRow, TickRow};
use mm_store::{Change, Key, Record};
use money_machine::simulation::check::{Evidence, Quota, changes, check};
use money_machine::simulation::{End, Plan, Simulation, paused};
use serde_json::{Value, json};

use crate::HOUR;

type Plant = (&'static str, fn(&Evidence) -> Change, &'static str);

/// The last row of a kind that is the watch's, where its id tells.
fn last<R: Record>(e: &Evidence) -> (String, R) {
    let mut rows = e.rows::<R>();
    let of_watch = rows.keys().rfind(|id| id.contains("bug-bounty")).or(rows.keys().next_back()).cloned();
    rows.remove_entry(&of_watch.unwrap()).unwrap()
}

fn remove<R: Record>(e: &Evidence) -> Change {
    Change::new().delete(Key::of::<R>(&Space::default_owner(), &last::<R>(e).0).unwrap())
}

fn put<R: Record>(id: &str, row: &R) -> Change {
    Change::new().put(&Space::default_owner(), id, row).unwrap()
}

fn tick_twice(e: &Evidence) -> Change {
    let tick: TickRow = e.rows::<TickRow>().into_values().find(|row| row.run.is_some()).unwrap();
    let due = tick.due.plus(std::time::Duration::from_secs(1));
    put(&TickRow::row_id("bug-bounty", due), &TickRow { due, from: due, ..tick })
}

/// The newest tick says that it stands for two before it as well.
fn stretch_over_others(e: &Evidence) -> Change {
    let (id, tick) = last::<TickRow>(e);
    put(&id, &TickRow { from: tick.due.minus(HOUR * 2), count: 3, ..tick })
}

/// Runs beside the newest one, begun so much after it for a reason of their own.
fn runs_more(e: &Evidence, count: u32, later: Duration, cause: fn(&RunId) -> Trigger) -> Change {
    let (of, run) = last::<RunRecord>(e);
    let failed = RunRecord { outcome: Some(Outcome::Failed), ..run.clone() };
    (0..count).fold(put(&of, &failed), |change, n| {
        let id = RunId::new(format!("{of}{n}"));
        let started = run.ended.unwrap().plus(later);
        let more = RunRecord { id: id.clone(), trigger: cause(&run.id), started, ..run.clone() };
        change.put(&Space::default_owner(), id.as_str(), &more).unwrap()
    })
}

fn tried_again_twice(e: &Evidence) -> Change {
    runs_more(e, 2, Duration::from_secs(60), |of| Trigger::Retry(of.clone()))
}

fn settled_twice(e: &Evidence) -> Change {
    runs_more(e, 2, Duration::ZERO, |_| Trigger::Settled(ActionId::new("1-1")))
}

fn tried_too_late(e: &Evidence) -> Change {
    let (_, tick) = last::<TickRow>(e);
    let earlier = tick.due.minus(HOUR);
    let rows = e.rows::<TickRow>();
    let before = rows.values().find(|row| row.due == earlier && row.fate.started()).unwrap();
    let of = before.run.clone().unwrap();
    let retry = RunRecord { trigger: Trigger::Retry(of.clone()), ..e.rows().remove(of.as_str()).unwrap() };
    let started = tick.due.plus(Duration::from_secs(60));
    let run = RunId::new(format!("{}9", tick.run.unwrap()));
    put(run.as_str(), &RunRecord { id: run.clone(), started, ..retry })
}

fn tick_runs_twice(e: &Evidence) -> Change {
    let due = last::<TickRow>(e).1.due;
    let (of, run) = last::<RunRecord>(e);
    let id = RunId::new(format!("{of}7"));
    put(id.as_str(), &RunRecord { id: id.clone(), trigger: Trigger::Tick(due), ..run })
}

fn outcome_lost(e: &Evidence) -> Change {
    let (id, run) = last::<RunRecord>(e);
    put(&id, &RunRecord { outcome: None, ..run })
}

fn taken_up_unsaid(e: &Evidence) -> Change {
    let (id, run) = last::<RunRecord>(e);
    put(&id, &RunRecord { attempt: run.attempt + 1, ..run })
}

fn new_again(e: &Evidence) -> Change {
    let (id, row) = last::<Opportunity>(e);
    put(&format!("{id}0"), &row)
}

fn miscounted(e: &Evidence) -> Change {
    let (id, row) = last::<StrategyRow>(e);
    put(&id, &StrategyRow { runs: row.runs + 1, ..row })
}

fn baseline_told(e: &Evidence) -> Change {
    let rows = e.rows::<Opportunity>();
    let (id, row) = rows.into_iter().find(|(_, row)| !row.tell).unwrap();
    put(&id, &Opportunity { tell: true, ..row })
}

/// What is wrong, the change that makes it so, and the words in which the checker must say it.
const PLANTS: [Plant; 14] = [
    ("a tick is lost", remove::<TickRow>, "the ledger ends elsewhere"),
    ("a tick stands twice", tick_twice, "was not due and has a row"),
    ("a stretch lies over others", stretch_over_others, "have rows already"),
    ("a run is tried again twice", tried_again_twice, "started 2 runs, and 0 of them were cut off"),
    ("an action starts two runs", settled_twice, "started 2 runs, and 0 of them were cut off"),
    ("a tick starts two runs", tick_runs_twice, "was started by no tick"),
    ("a run is tried again too late", tried_too_late, "again after the tick that came next"),
    ("a run is lost", remove::<RunRecord>, "are on record"),
    ("an outcome is lost", outcome_lost, "and ended 1 times: None"),
    ("a run was taken up and nobody said so", taken_up_unsaid, "was taken up 2 times and resumed 0"),
    ("an opportunity is lost", remove::<Opportunity>, "opportunities, "),
    ("an opportunity is new again", new_again, "opportunities, "),
    ("runs are miscounted", miscounted, "the strategy's row says"),
    ("a baseline is told", baseline_told, "is told true and baseline true"),
];

/// A sound machine, and each plant on a copy of its disk of its own.
#[track_caller]
fn assert_all_noticed(simulation: &Simulation, plants: &[Plant]) {
    let sound = check(&Evidence::of_busy(simulation));
    assert!(sound.is_empty(), "{sound:?}");
    let mut missed = Vec::new();
    for (what, change, words) in plants {
        let e = Evidence::of_busy(simulation);
        e.store.commit_blocking(change(&e)).unwrap();
        let wrong = check(&e);
        if !wrong.iter().any(|line| line.contains(words)) {
            missed.push(format!("{what}: no `{words}` in {wrong:?}"));
        }
    }
    assert!(missed.is_empty(), "undetected: {missed:#?}");
}

#[test]
fn what_is_altered_in_the_record_is_noticed() {
    let mut simulation = Simulation::new(Plan::new(51, paused::runtime));
    simulation.run_for(HOUR * 6).unwrap();
    assert_all_noticed(&simulation, &PLANTS);
}

/// The schedule's memory of its last tick is part of what must agree.
#[test]
fn a_schedule_that_forgets_its_last_tick_is_noticed() {
    let mut simulation = Simulation::new(Plan::new(52, paused::runtime));
    simulation.run_for(HOUR * 3).unwrap();
    let e = Evidence::of_busy(&simulation);
    let (id, row) = e.rows::<ScheduleRow>().into_iter().find(|(id, _)| id == "bug-bounty").unwrap();
    e.store.commit_blocking(put(&id, &ScheduleRow { last: None, ..row })).unwrap();
    assert!(check(&e).iter().any(|line| line.contains("was last due at None")));
}

/// An entry once more, under the next number.
fn doubled(e: &Evidence) -> Change {
    let (_, entry) = last::<Entry>(e);
    let id = format!("{}-3", entry.earning);
    put(&id, &Entry { id: EntryId::new(&id), ..entry })
}

fn unbalanced(e: &Evidence) -> Change {
    let (id, mut entry) = last::<Entry>(e);
    entry.postings.pop();
    put(&id, &entry)
}

/// Each amount is one and the same again, on the wrong side of the books.
fn turned_round(e: &Evidence) -> Change {
    let (id, mut entry) = last::<Entry>(e);
    entry.postings.iter_mut().for_each(|posting| posting.money = posting.money.negated());
    put(&id, &entry)
}

fn evidence_gone(e: &Evidence) -> Change {
    e.store.remove_answers(&[last::<Entry>(e).1.evidence.digest]).unwrap();
    Change::new()
}

fn counted_twice(e: &Evidence) -> Change {
    let (id, earning) = last::<Earning>(e);
    put(&format!("{id}0"), &earning)
}

fn stands_elsewhere(e: &Evidence) -> Change {
    let (id, mut earning) = last::<Earning>(e);
    earning.steps.pop();
    put(&id, &earning)
}

const LEDGER_PLANTS: [Plant; 7] = [
    ("an entry is doubled", doubled, "has 2 steps and 3 entries"),
    ("an entry does not balance", unbalanced, "is off by"),
    ("an entry says the opposite", turned_round, "is not what the trail says of it"),
    ("an entry's evidence is gone", evidence_gone, "is not in the store"),
    ("a step has no entry", remove::<Entry>, "step 2 of earning"),
    ("a payment is counted twice", counted_twice, "is counted twice"),
    ("an entry has no step", stands_elsewhere, "has 1 steps and 2 entries"),
];

/// One payment in two steps, told twice each.
fn tell_payment(simulation: &Simulation) {
    for stage in ["approved", "approved", "paid", "paid"] {
        let told = json!({
            "platform": "hackerone", "reference": "r-1", "strategy": "bug-bounty", "stage": stage,
            "amount": { "amount": "12.50", "currency": "EUR" }, "document": "statement.pdf", "bytes": "c0ffee",
        });
        assert_eq!(simulation.ask("POST", "/earnings/record", &told).0, 200);
    }
}

#[test]
fn what_is_altered_in_the_books_is_noticed() {
    let mut simulation = Simulation::new(Plan::new(53, paused::runtime));
    simulation.run_for(HOUR).unwrap();
    tell_payment(&simulation);
    assert_eq!(Evidence::of_busy(&simulation).rows::<Entry>().len(), 2);
    assert_all_noticed(&simulation, &LEDGER_PLANTS);
}

fn dismissed_and_new(e: &Evidence) -> Change {
    let (id, row) = dismissed(e);
    put(&id, &Opportunity { state: State::New, ..row })
}

/// The same with its step gone: only the trail knows still.
fn dismissed_and_forgotten(e: &Evidence) -> Change {
    let (id, row) = dismissed(e);
    let step = e.rows::<Step>().into_keys().find(|step| step.starts_with(&id)).unwrap();
    let change = put(&id, &Opportunity { state: State::New, steps: 0, ..row });
    change.delete(Key::of::<Step>(&Space::default_owner(), &step).unwrap())
}

fn dismissed(e: &Evidence) -> (String, Opportunity) {
    e.rows::<Opportunity>().into_iter().find(|(_, row)| row.state == State::Dismissed).unwrap()
}

#[test]
fn what_was_dismissed_and_is_new_again_is_noticed() {
    let mut simulation = Simulation::new(Plan::new(54, paused::runtime));
    simulation.run_for(HOUR).unwrap();
    let (id, _) = last::<Opportunity>(&Evidence::of_busy(&simulation));
    let (status, said) = simulation.ask("POST", &format!("/opportunities/{id}/dismiss"), &Value::Null);
    assert_eq!(status, 200, "{said}");
    let plants: [Plant; 2] = [
        ("new again", dismissed_and_new, "is new after 1 steps"),
        ("new again, its step gone", dismissed_and_forgotten, "is told and not there"),
    ];
    assert_all_noticed(&simulation, &plants);
}

/// What the sandbox received and the trail permitted, one against one: in what was seen an exchange is doubled, one
/// is of another place, one has lost its permit, and a permit has lost its exchange.
#[test]
fn an_exchange_without_a_permit_of_its_own_is_noticed() {
    let mut simulation = Simulation::new(Plan::new(55, paused::runtime));
    simulation.run_for(HOUR * 2).unwrap();
    type Alter = fn(&mut Evidence);
    let plants: [(&str, Alter, &str); 4] = [
        (
            "a permit is used twice",
            |e| {
                e.received.extend(e.received.last().cloned());
                e.received_total += 1;
            },
            "was asked for without an intent",
        ),
        (
            "an exchange is of another place",
            |e| e.received.last_mut().unwrap().url = "https://elsewhere.example/".to_owned(),
            "nor at a platform with rules",
        ),
        (
            "a permit is gone",
            |e| {
                let at = e.audit.iter().rposition(|entry| entry.kind == "action.permitted").unwrap();
                e.audit.remove(at);
            },
            "was asked for without an intent",
        ),
        (
            "an exchange is gone",
            |e| {
                e.received.pop();
                e.received_total -= 1;
            },
            "led to no request",
        ),
    ];
    for (what, alter, words) in plants {
        let mut e = Evidence::of_busy(&simulation);
        alter(&mut e);
        let wrong = check(&e);
        assert!(wrong.iter().any(|line| line.contains(words)), "{what}: no `{words}` in {wrong:?}");
    }
}

/// A limit of one kind counts acts of that kind, reads too: five files are read at once.
#[test]
fn a_limit_of_one_kind_of_reads_that_is_passed_is_noticed() {
    let mut simulation = Simulation::new(Plan::new(56, paused::runtime));
    simulation.run_for(HOUR * 2).unwrap();
    let noticed = |kind: &str| {
        let mut e = Evidence::of_busy(&simulation);
        let all = e.quotas.iter().find(|quota| quota.platform == "bounty-targets-data").unwrap().clone();
        e.quotas.push(Quota { kinds: vec![kind.to_owned()], max: 4, per_ms: 60_000, ..all });
        check(&e).iter().filter(|line| line.contains("4 allowed")).count()
    };
    // As requests and as permits.
    assert_eq!((noticed("read"), noticed("search"), noticed("comment")), (2, 0, 0));
}

/// The last permit, as one of a change, again and again.
fn tried_again(e: &mut Evidence, tries: usize) {
    let at = e.audit.iter().rposition(|entry| entry.kind == "action.permitted").unwrap();
    let mut permit = e.audit[at].clone();
    permit.payload["action"] = json!("planted");
    permit.payload["method"] = json!("POST");
    e.audit.extend(vec![permit; tries]);
}

/// What became of the last of them.
fn told_of_it(e: &mut Evidence, kind: &str, said: Value) {
    let mut entry = e.audit.last().unwrap().clone();
    kind.clone_into(&mut entry.kind);
    entry.payload = said;
    entry.payload["action"] = json!("planted");
    e.audit.push(entry);
}

/// A second try is right only where it is on record that the first did not happen.
#[test]
fn a_change_that_is_tried_again_and_may_have_happened_is_noticed() {
    let mut simulation = Simulation::new(Plan::new(58, paused::runtime));
    simulation.run_for(HOUR).unwrap();
    let noticed = |kind: &str, said: Value| {
        let mut e = Evidence::of_busy(&simulation);
        tried_again(&mut e, 1);
        told_of_it(&mut e, kind, said);
        tried_again(&mut e, 1);
        changes(&e).iter().any(|line| line.contains("the first may count"))
    };
    for (kind, said) in [
        ("action.tried", json!({ "status": 429 })),
        ("action.tried", json!({ "status": null, "what": "nothing was sent" })),
        ("action.settled", json!({ "stage": "failed" })),
    ] {
        assert!(!noticed(kind, said), "{kind}");
    }
    for (kind, said) in [
        ("action.tried", json!({ "status": 502 })),
        ("action.tried", json!({ "status": 408 })),
        ("action.ambiguous", json!({ "status": null })),
        ("action.settled", json!({ "stage": "confirmed" })),
        ("action.confirmed", json!({ "status": 201 })),
    ] {
        assert!(noticed(kind, said), "{kind}");
    }
    let mut e = Evidence::of_busy(&simulation);
    tried_again(&mut e, 2);
    assert!(check(&e).iter().any(|line| line.contains("the first may count")));
}

fn token_in_a_row(e: &Evidence) -> Change {
    let (id, row) = last::<Opportunity>(e);
    put(&id, &Opportunity { title: TOKEN.to_owned(), ..row })
}

fn token_in_an_answer(e: &Evidence) -> Change {
    let echo = br#"{"authorization":"Basic bWU6c2FuZGJveC1vY3RvLjE="}"#;
    e.store.put_answer_blocking(echo, e.now).unwrap();
    Change::new()
}

/// What the platforms of the sandbox take.
const TOKEN: &str = "sandbox-octo.1";

#[test]
fn a_token_that_leaks_is_noticed() {
    let mut simulation = Simulation::new(Plan::new(59, paused::runtime));
    simulation.run_for(HOUR).unwrap();
    let account = json!({ "kind": { "Basic": { "user": "me" } }, "email": "me@example.org", "secrets": { "password": TOKEN } });
    let (status, said) = simulation.ask("POST", "/accounts/hackerone/main/add", &account);
    assert_eq!(status, 200, "{said}");
    let plants: [Plant; 2] = [
        ("a row shows the token", token_in_a_row, "shows the token"),
        ("an answer shows the token", token_in_an_answer, "the answer "),
    ];
    assert_all_noticed(&simulation, &plants);
    // A line of the trace, of somebody who asks for it by its name.
    simulation.ask("GET", &format!("/opportunities/{TOKEN}"), &Value::Null);
    let wrong = check(&Evidence::of_busy(&simulation));
    assert!(wrong.iter().any(|line| line.contains("of the trace shows the token")), "{wrong:?}");
}

/// The disk fails while the owner speaks: the machine cannot do what he asks, and that is an error of its own.
#[test]
fn an_admin_that_fails_its_owner_is_noticed() {
    let mut simulation = Simulation::new(Plan::new(60, paused::runtime));
    simulation.run_for(HOUR).unwrap();
    let (id, _) = last::<Opportunity>(&Evidence::of_busy(&simulation));
    simulation.let_disk_fail_after(1);
    let (status, said) = simulation.ask("POST", &format!("/opportunities/{id}/dismiss"), &Value::Null);
    assert!(status >= 500, "{status} {said}");
    simulation.memory().heal();
    simulation.restart(End::Killed, HOUR / 60);
    let wrong = check(&Evidence::of_busy(&simulation));
    assert!(wrong.iter().any(|line| line.contains("the admin failed its owner")), "{wrong:?}");
}
