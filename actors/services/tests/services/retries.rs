//! A scheduled run that failed with trouble that passes is tried again before its next tick, over kills,
//! never too often, and never past a breaker.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mm_core::error::ErrorClass;
use mm_core::run::{Outcome, RunRecord, Trigger};
use mm_core::schedule::Hours;
use mm_sdk::{Fault, Report};
use mm_services::records::{RetryRow, TickRow};
use mm_services::strategies::{Plan, Word};
use mm_services::testing::{Bench, Machine, Script};

/// A strategy every six hours whose first `bad` runs fail with this class.
fn failing(bench: &mut Bench, bad: u32, class: ErrorClass) -> Arc<AtomicU32> {
    let begun = Arc::new(AtomicU32::new(0));
    let count = begun.clone();
    let script = Script::new("shaky", move |_| {
        let fails = count.fetch_add(1, Ordering::SeqCst) < bad;
        Box::pin(async move {
            match fails {
                true => Err(Fault { class, sentence: "the line is down".to_owned() }),
                false => Ok(Report::default()),
            }
        })
    });
    bench.settings.scheduling = true;
    bench.install_on(script, "every 6h");
    bench.installed("shaky").retries = 3;
    begun
}

fn runs(machine: &Machine) -> Vec<RunRecord> {
    machine.rows::<RunRecord>().into_iter().map(|(_, run)| run).collect()
}

async fn over(machine: &Machine, outcome: Outcome) {
    machine.until("a run ended so", || runs(machine).iter().any(|run| run.outcome == Some(outcome))).await;
}

#[test]
fn a_failed_run_is_tried_again_and_says_of_which_run_it_is() {
    let mut bench = Bench::new(1);
    failing(&mut bench, 2, ErrorClass::Transient);
    bench.live(async |machine| {
        over(machine, Outcome::Succeeded).await;
        let all = runs(machine);
        assert!(matches!(all[0].trigger, Trigger::Tick(_)));
        assert_eq!(all[1].trigger, Trigger::Retry(all[0].id.clone()));
        assert_eq!(all[2].trigger, Trigger::Retry(all[1].id.clone()));
        let wait = |n: usize| all[n].started.since(all[n - 1].ended.unwrap());
        assert!(wait(1) <= Duration::from_secs(61) && wait(2) <= Duration::from_secs(121));
        assert_eq!(machine.rows::<TickRow>().len(), 1, "a retry is no tick");
        assert_eq!(machine.rows::<RetryRow>().len(), 0);
        machine.pass(Duration::from_secs(5 * 3600)).await;
        assert_eq!(runs(machine).len(), 3);
    });
}

#[test]
fn a_kill_loses_no_retry() {
    let mut bench = Bench::new(2);
    let begun = failing(&mut bench, 1, ErrorClass::Transient);
    bench.live(async |machine| {
        over(machine, Outcome::Failed).await;
        assert_eq!(machine.rows::<RetryRow>().len(), 1, "on record with the end of the run");
    });
    bench.live(async |machine| {
        over(machine, Outcome::Succeeded).await;
        assert_eq!((begun.load(Ordering::SeqCst), machine.rows::<RetryRow>().len()), (2, 0));
    });
}

#[test]
fn what_does_not_pass_is_not_tried_again_and_neither_is_what_a_person_started() {
    for class in [ErrorClass::Auth, ErrorClass::Compliance, ErrorClass::Fatal] {
        let mut bench = Bench::new(3);
        failing(&mut bench, 9, class);
        bench.live(async |machine| {
            over(machine, Outcome::Failed).await;
            machine.pass(Duration::from_secs(5 * 3600)).await;
            assert_eq!(runs(machine).len(), 1, "{class:?}");
        });
    }
    let mut bench = Bench::new(4);
    failing(&mut bench, 9, ErrorClass::Transient);
    bench.settings.scheduling = false;
    bench.live(async |machine| {
        machine.run("shaky").await;
        assert_eq!(machine.rows::<RetryRow>().len(), 0);
    });
}

#[test]
fn an_open_breaker_a_pause_and_the_number_of_retries_end_it() {
    let mut bench = Bench::new(5);
    failing(&mut bench, 99, ErrorClass::Transient);
    bench.live(async |machine| {
        machine.pass(Duration::from_secs(5 * 3600)).await;
        assert_eq!(runs(machine).len(), 3, "three failures in a row open the breaker");
        assert_eq!(machine.rows::<RetryRow>().len(), 0);
    });
    let mut bench = Bench::new(6);
    failing(&mut bench, 99, ErrorClass::Transient);
    bench.installed("shaky").retries = 1;
    bench.live(async |machine| {
        machine.pass(Duration::from_secs(5 * 3600)).await;
        assert_eq!(runs(machine).len(), 2);
    });
    let mut bench = Bench::new(7);
    failing(&mut bench, 99, ErrorClass::Transient);
    bench.live(async |machine| {
        over(machine, Outcome::Failed).await;
        let word = Word::Pause { reason: "holidays".into(), by: "the owner".into(), until: None };
        assert!(machine.services.strategies.say("shaky", word).await.unwrap());
        machine.pass(Duration::from_secs(5 * 3600)).await;
        assert_eq!((runs(machine).len(), machine.rows::<RetryRow>().len()), (1, 0));
    });
}

#[test]
fn a_limit_without_a_known_reset_is_waited_for_the_longest() {
    let mut bench = Bench::new(8);
    failing(&mut bench, 1, ErrorClass::RateLimit);
    bench.live(async |machine| {
        over(machine, Outcome::Succeeded).await;
        let all = runs(machine);
        assert!(all[1].started.since(all[0].ended.unwrap()) >= Duration::from_secs(1800));
    });
}

/// Killed with a retry on record, and up again long after the tick that was to come next.
#[test]
fn a_retry_does_not_outlive_the_tick_that_was_to_come_next() {
    let mut bench = Bench::new(9);
    failing(&mut bench, 1, ErrorClass::Transient);
    bench.installed("shaky").task.missed.policy = mm_core::schedule::Missed::Skip;
    bench.live(async |machine| over(machine, Outcome::Failed).await);
    bench.now = bench.now.plus(Duration::from_secs(30 * 86_400 + 60));
    bench.live(async |machine| {
        machine.pass(Duration::from_secs(3600)).await;
        assert_eq!(runs(machine).len(), 1, "missed ticks are skipped, and what failed then is old");
        assert_eq!(machine.rows::<RetryRow>().len(), 0);
        let under_way = |row: &TickRow| row.fate.to_string().contains("under way");
        assert!(!machine.rows::<TickRow>().iter().any(|(_, row)| under_way(row)));
    });
}

#[test]
fn a_cancelled_task_is_not_tried_again_and_neither_is_one_that_is_set_anew() {
    for plan in [Plan::Cancel, Plan::Set(mm_core::schedule::Task::plain(every("every 5h")))] {
        let mut bench = Bench::new(10);
        failing(&mut bench, 1, ErrorClass::Transient);
        bench.live(async |machine| {
            over(machine, Outcome::Failed).await;
            assert_eq!(machine.rows::<RetryRow>().len(), 1);
            machine.services.strategies.plan("shaky", plan, "the owner").await.unwrap().unwrap();
            assert_eq!(machine.rows::<RetryRow>().len(), 0);
            machine.pass(Duration::from_secs(3600)).await;
            assert_eq!(runs(machine).len(), 1);
        });
    }
}

fn every(text: &str) -> mm_core::schedule::Schedule {
    mm_core::schedule::Schedule::parse(text, "UTC").unwrap()
}

/// The first run is at noon; what fails then is tried again when the hours open, and no sooner.
#[test]
fn a_retry_keeps_to_the_hours_of_its_task_also_if_they_were_set_after_it_failed() {
    let mut bench = Bench::new(11);
    failing(&mut bench, 1, ErrorClass::Transient);
    bench.live(async |machine| over(machine, Outcome::Failed).await);
    bench.installed("shaky").task.hours = Some(Hours::parse("14:00-15:00", "UTC").unwrap());
    bench.live(async |machine| {
        machine.pass(Duration::from_secs(5400)).await;
        assert_eq!(runs(machine).len(), 1);
        over(machine, Outcome::Succeeded).await;
        let started = runs(machine)[1].started.to_string();
        assert!(started.contains("T14:0"), "{started}");
    });
}

#[test]
fn a_life_without_a_schedule_tries_nothing_again_and_leaves_it_on_record() {
    let mut bench = Bench::new(12);
    failing(&mut bench, 1, ErrorClass::Transient);
    bench.live(async |machine| over(machine, Outcome::Failed).await);
    bench.settings.scheduling = false;
    bench.live(async |machine| {
        machine.pass(Duration::from_secs(3600)).await;
        assert_eq!((runs(machine).len(), machine.rows::<RetryRow>().len()), (1, 1));
    });
    bench.settings.scheduling = true;
    bench.live(async |machine| over(machine, Outcome::Succeeded).await);
}

/// Killed with a retry on record, and up again when it is due: it is begun once, and not taken up besides as if it
/// had been cut off.
#[test]
fn a_retry_that_is_due_at_a_start_is_one_attempt() {
    let mut bench = Bench::new(13);
    let begun = failing(&mut bench, 1, ErrorClass::Transient);
    bench.live(async |machine| over(machine, Outcome::Failed).await);
    bench.now = bench.now.plus(Duration::from_secs(3600));
    bench.live(async |machine| {
        over(machine, Outcome::Succeeded).await;
        let attempts: Vec<u32> = runs(machine).iter().map(|run| run.attempt).collect();
        assert_eq!((begun.load(Ordering::SeqCst), attempts), (2, vec![1, 1]));
        assert_eq!(machine.audit_of("run.resumed").len(), 0);
    });
}
