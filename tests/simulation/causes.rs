//! What the rows of ticks tell: each fate as the machine comes to it, which must be believed, and the same told of
//! ticks to which something else happened, which must not.

use std::time::Duration;

use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_core::run::RunRecord;
use mm_core::schedule::Fate;
use mm_services::records::TickRow;
use mm_store::{Change, Record};
use money_machine::simulation::check::{Evidence, check};
use money_machine::simulation::{End, Simulation};

use crate::waits::{holds_for, machine};
use crate::{HOUR, MINUTE, assert_right};

/// Changes a row of the copy that the evidence has.
pub fn put<R: Record>(e: &Evidence, id: &str, row: &R) {
    e.store.commit_blocking(Change::new().put(&Space::default_owner(), id, row).unwrap()).unwrap();
}

/// The newest tick to which that happened, as a fate is shown.
#[track_caller]
pub fn newest(e: &Evidence, shown: &str) -> (String, TickRow) {
    let rows = e.rows::<TickRow>();
    let there: Vec<String> = rows.values().map(|row| format!("{} {}", row.due, row.fate)).collect();
    let row = rows.into_iter().rev().find(|(_, row)| row.fate.to_string().contains(shown));
    row.unwrap_or_else(|| panic!("no tick is `{shown}`: {there:#?}"))
}

/// What the room says.
pub fn told(e: &Evidence) -> Vec<String> {
    check(e).into_iter().filter(|line| line.starts_with("causes: ")).collect()
}

/// All is right, and that has happened to some tick.
#[track_caller]
pub fn assert_came_to(simulation: &Simulation, all: &[&str]) {
    let e = Evidence::of_busy(simulation);
    assert_right(&e);
    all.iter().for_each(|shown| drop(newest(&e, shown)));
}

/// A tick of which something else is true tells such a fate: it must be noticed in these words.
#[track_caller]
pub fn assert_no_lie(simulation: &Simulation, of: &str, lies: &[(Fate, &str)]) {
    for (fate, words) in lies {
        let e = Evidence::of_busy(simulation);
        let (id, row) = newest(&e, of);
        let run = row.run.clone().filter(|_| fate.started());
        put(&e, &id, &TickRow { fate: fate.clone(), run, ..row });
        let wrong = told(&e);
        assert!(wrong.iter().any(|line| line.contains(words)), "{fate}: no `{words}` in {wrong:#?}");
    }
}

/// The run of the newest such tick began so much later, and the tick says that.
fn begins_later(e: &Evidence, of: &str, later: Duration, fate: Option<Fate>) -> Vec<String> {
    let (id, row) = newest(e, of);
    let run = row.run.clone().unwrap();
    let record = e.rows::<RunRecord>().remove(run.as_str()).unwrap();
    let (started, ended) = (record.started.plus(later), record.ended.map(|at| at.plus(later)));
    put(e, run.as_str(), &RunRecord { started, ended, ..record });
    put(e, &id, &TickRow { fate: fate.unwrap_or(row.fate.clone()), ..row });
    told(e)
}

fn skipped(why: &str) -> Fate {
    Fate::Skipped { why: why.to_owned() }
}

pub fn gated(by: &str) -> Fate {
    Fate::Gated { by: by.to_owned() }
}

fn missed(why: &str) -> Fate {
    Fate::Missed { why: format!("it passed unseen, and {why}") }
}

fn by_owner(reason: &str, until: Option<Moment>) -> Fate {
    Fate::Paused { by: format!("by the owner, as test: {reason}"), until }
}

pub const FULL: &str = "the free room on the disk of the data directory is 0 MiB, and nothing is started until it is back at 80 MiB";
const NOBODY: &str = "it needs one; `account list` shows how accounts stand";
pub const DAILY: &str =
    "the limit of 1000 in 1d per machine is nearly used, and its last share is kept for what matters more";
const BEFORE: &str = "run 00001-000001-bug-bounty, which was cut off, goes before it and waits: it waits; `status` shows the gates";

#[test]
fn of_a_tick_that_ran_nothing_else_is_believed() {
    let simulation = crate::quiet(90, HOUR * 6);
    assert_came_to(&simulation, &["ran on time"]);
    let at = newest(&Evidence::of_busy(&simulation), "ran").1.due;
    assert_no_lie(
        &simulation,
        "ran",
        &[
            (Fate::Late { by: HOUR }, "ms after its time"),
            (Fate::Moved { from: "2026-07-01T02:30:00".to_owned() }, "no clock left that time out"),
            (Fate::Merged { into: at.plus(HOUR) }, "nothing held it until another was due"),
            (Fate::Merged { into: at }, "does not come after it"),
            (missed("missed ticks are skipped"), "nothing held it"),
            (missed("the run for it did not start"), "nothing held it"),
            (skipped("run 00001-000002-bug-bounty was under way"), "that run was not under way"),
            (skipped("it is running already, as run 1"), "that run was not under way"),
            (skipped("it lies outside the allowed hours 08:00-20:00 UTC"), "it has no such hours"),
            (skipped("it is disabled; `strategy enable` switches it on"), "nobody disabled it"),
            (skipped("it did not want to"), "nobody knows that reason"),
            (gated(FULL), "that was not so"),
            (gated("its breaker is open: 3 failures in a row"), "that was not so"),
            (gated("hackerone is open from 08:00-20:00 UTC alone, again at 8"), "that was not so"),
            (gated(NOBODY), "that was not so"),
            (gated(DAILY), "that was not so"),
            (gated(BEFORE), "that run was not cut off"),
            (gated("it did not want to"), "nobody knows that reason"),
            (by_owner("holidays", None), "no such pause is on record"),
            (
                Fate::Paused { by: "isolated by a person: x".to_owned(), until: None },
                "no such pause is on record",
            ),
        ],
    );
    let e = Evidence::of_busy(&simulation);
    let wrong = begins_later(&e, "ran", MINUTE * 20, None);
    assert!(wrong.iter().any(|line| line.contains("ran on time: its run began 1200")), "{wrong:?}");
    let e = Evidence::of_busy(&simulation);
    let wrong = begins_later(&e, "ran", MINUTE * 20, Some(Fate::Late { by: MINUTE * 20 }));
    assert!(wrong.iter().any(|line| line.contains("nothing held it")), "{wrong:?}");
}

/// The machine was down for some hours: those that passed merge into the last.
#[test]
fn of_ticks_that_passed_unseen_only_what_their_rule_says_is_believed() {
    let mut simulation = machine(91, Some("every 10m"), &[]);
    simulation.run_for(HOUR).unwrap();
    simulation.restart(End::Killed, HOUR + 7 * MINUTE);
    simulation.run_for(5 * MINUTE).unwrap();
    assert_came_to(&simulation, &["merged", "late"]);
    let at = newest(&Evidence::of_busy(&simulation), "merged").1.due;
    assert_no_lie(
        &simulation,
        "merged",
        &[
            (Fate::Merged { into: at.minus(MINUTE * 10) }, "does not come after it"),
            (missed("missed ticks are skipped"), "that was not so"),
            (missed("the run for it did not start"), "that was not so"),
            (missed("no more than 10 are made up for"), "that was not so"),
            (missed("too many came after it to be made up for"), "that was not so"),
            (missed("is older than the window of 6h"), "no rule of its task says so"),
        ],
    );
    assert_no_lie(
        &simulation,
        "late",
        &[
            (Fate::Ran, "ms after its time"),
            // Those before it have nobody to stand for them then.
            (skipped("run 1 was under way"), "stands for it too: that tick is skipped"),
        ],
    );
    let e = Evidence::of_busy(&simulation);
    let (by, more) = match newest(&e, "late").1.fate {
        Fate::Late { by } => (by, MINUTE * 2),
        other => panic!("{other}"),
    };
    let wrong = begins_later(&e, "late", more, Some(Fate::Late { by: by + more }));
    assert!(wrong.iter().any(|line| line.contains("nothing held it after")), "{wrong:?}");
}

#[test]
fn what_becomes_of_missed_ticks_is_as_their_rules_say() {
    for (rules, shown) in [
        (&[("missed", "skip")][..], "missed ticks are skipped"),
        (&[("missed", "all"), ("missed_cap", "3")], "no more than 3 are made up for"),
        (&[("missed_window", "30m")], "is older than the window of 30m"),
        (&[("missed", "all"), ("missed_spread", "2m"), ("jitter", "5m")], "late"),
    ] {
        let mut simulation = machine(92, Some("every 10m"), rules);
        simulation.run_for(HOUR).unwrap();
        simulation.restart(End::Killed, HOUR + 7 * MINUTE);
        holds_for(&mut simulation, MINUTE * 40, 4);
        assert_came_to(&simulation, &[shown]);
        if rules.contains(&("missed", "all")) {
            let e = Evidence::of_busy(&simulation);
            let (_, row) = newest(&e, "late");
            let into = row.due.plus(MINUTE * 10);
            assert_no_lie(&simulation, "late", &[(Fate::Merged { into }, "each missed tick is to run")]);
        }
    }
}
