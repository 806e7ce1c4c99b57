//! Bugs planted in the record: on a copy of a sound machine's disk one row is altered, as a mistake in the
//! machine would have left it. Each must be noticed, or the checker shows nothing of what it is silent on.

use mm_core::id::Space;
use mm_core::opportunity::Opportunity;
use mm_core::run::RunRecord;
use mm_services::records::{ScheduleRow, StrategyRow, TickRow};
use mm_store::{Change, Key, Record};
use money_machine::simulation::check::{Evidence, check};
use money_machine::simulation::{Plan, Simulation, paused};

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
const PLANTS: [Plant; 9] = [
    ("a tick is lost", remove::<TickRow>, "the ledger ends elsewhere"),
    ("a tick stands twice", tick_twice, "was not due and has a row"),
    ("a run is lost", remove::<RunRecord>, "are on record"),
    ("an outcome is lost", outcome_lost, "and ended 1 times: None"),
    ("a run was taken up and nobody said so", taken_up_unsaid, "was taken up 2 times and resumed 0"),
    ("an opportunity is lost", remove::<Opportunity>, "opportunities, "),
    ("an opportunity is new again", new_again, "opportunities, "),
    ("runs are miscounted", miscounted, "the strategy's row says"),
    ("a baseline is told", baseline_told, "is told true and baseline true"),
];

#[test]
fn what_is_altered_in_the_record_is_noticed() {
    let mut simulation = Simulation::new(Plan::new(51, paused::runtime));
    simulation.run_for(HOUR * 6).unwrap();
    let sound = check(&Evidence::of_busy(&simulation));
    assert!(sound.is_empty(), "{sound:?}");
    let mut missed = Vec::new();
    for (what, change, words) in PLANTS {
        let e = Evidence::of_busy(&simulation);
        e.store.commit_blocking(change(&e)).unwrap();
        let wrong = check(&e);
        if !wrong.iter().any(|line| line.contains(words)) {
            missed.push(format!("{what}: no `{words}` in {wrong:?}"));
        }
    }
    assert!(missed.is_empty(), "undetected: {missed:#?}");
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
