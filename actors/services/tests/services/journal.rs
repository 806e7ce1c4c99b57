//! The journal: a run that is cut off goes on where it was, or ends and is begun afresh.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mm_core::run::{Outcome, RunRecord, StepRecord, Trigger};
use mm_sdk::{Fault, Report};
use mm_services::testing::{Bench, Machine, Said, Script, get, read};

type Notes = Arc<Mutex<Vec<String>>>;

/// Three reads; notes its now, its random numbers and its answers.
fn diarist(notes: &Notes, last: &'static str) -> Script {
    let notes = notes.clone();
    Script::new("diarist", move |cx| {
        let notes = notes.clone();
        Box::pin(async move {
            let note = |text: String| notes.lock().unwrap().push(text);
            note(format!("begin {} {}", cx.now(), cx.random()));
            for (step, path) in [("s1", "/1"), ("s2", "/2"), ("s3", last)] {
                let answer = read(cx, step, path).await?;
                note(format!("{step} {} {:?} {}", answer.status, String::from_utf8(answer.body), answer.at));
            }
            note(format!("end {} {}", cx.now(), cx.random()));
            Ok(Report::default())
        })
    })
}

/// Answers name the request they answer, so that a repeated request is seen; the third is slow.
fn world(bench: &Bench) {
    bench.world.answer(|request| {
        let slow = if request.path() == "/3" && request.nth < 3 { 600 } else { 0 };
        Said::status(200, &format!("{} as request {}", request.path(), request.nth))
            .after(Duration::from_secs(slow))
    });
}

async fn cut_off_in_step_three(machine: &Machine) {
    machine.services.strategies.start("diarist", Trigger::Operator).await.unwrap().unwrap();
    machine.until("step three is on its way", || machine.world.count() == 3).await;
}

fn take(notes: &Notes) -> Vec<String> {
    std::mem::take(&mut *notes.lock().unwrap())
}

#[test]
fn a_run_cut_off_resumes_with_its_recorded_outcomes_and_asks_only_for_the_rest() {
    let notes = Notes::default();
    let mut bench = Bench::new(1);
    bench.install(diarist(&notes, "/3"));
    world(&bench);
    bench.live(cut_off_in_step_three);
    let first = take(&notes);
    assert_eq!(first.len(), 3);
    bench.now = bench.now.plus(Duration::from_secs(3600));
    bench.live(async |machine| {
        let run = machine.idle("diarist").await.unwrap();
        assert_eq!((run.outcome, run.attempt), (Some(Outcome::Succeeded), 2));
        assert_eq!(run.actions, 3, "what was done before the kill counts too");
        assert_eq!(machine.rows::<RunRecord>().len(), 1);
        assert_eq!(machine.rows::<StepRecord>(), vec![], "the journal ends with the run");
        assert_eq!(machine.audit_of("run.resumed").len(), 1);
        assert_eq!(machine.strategy("diarist").runs, 1);
    });
    let again = take(&notes);
    assert_eq!(again[..3], first[..], "now, random numbers and answers are those of the first time");
    assert_eq!(bench.world.paths(), ["GET /1", "GET /2", "GET /3", "GET /3"]);
}

#[test]
fn a_run_that_ends_whole_has_the_same_diary_as_one_that_was_cut_off() {
    let diary = |kill: bool| {
        let notes = Notes::default();
        let mut bench = Bench::new(2);
        bench.install(diarist(&notes, "/3"));
        bench.world.answer(|request| Said::status(200, request.path()).after(Duration::from_secs(1)));
        if kill {
            bench.live(cut_off_in_step_three);
            take(&notes);
            bench.live(async |machine| machine.idle("diarist").await);
        } else {
            bench.live(async |machine| machine.run("diarist").await);
        }
        let mut notes = take(&notes);
        notes.retain(|note| !note.starts_with("s3"));
        notes
    };
    assert_eq!(diary(true), diary(false));
}

#[test]
fn another_code_version_interrupts_and_a_fresh_run_starts() {
    let notes = Notes::default();
    let mut bench = Bench::new(3);
    bench.install(diarist(&notes, "/3"));
    world(&bench);
    bench.live(cut_off_in_step_three);
    bench.install(diarist(&notes, "/3").version(2));
    bench.live(async |machine| {
        let run = machine.idle("diarist").await.unwrap();
        assert_eq!((run.outcome, run.code_version, run.attempt), (Some(Outcome::Succeeded), 2, 1));
        let runs = machine.rows::<RunRecord>();
        assert_eq!(runs.len(), 2);
        assert_eq!(runs[0].1.outcome, Some(Outcome::Interrupted));
        assert_eq!(runs[1].1.trigger, runs[0].1.trigger);
        assert_eq!(machine.rows::<StepRecord>(), vec![]);
    });
    assert_eq!(bench.world.paths()[3..], ["GET /1", "GET /2", "GET /3"]);
}

#[test]
fn a_step_that_proposes_something_else_interrupts_and_a_fresh_run_starts() {
    let notes = Notes::default();
    let mut bench = Bench::new(4);
    bench.install(Script::reads("diarist", &["/1", "/2", "/3"]));
    world(&bench);
    bench.live(cut_off_in_step_three);
    bench.install(Script::reads("diarist", &["/1", "/other", "/3"]));
    drop(notes);
    bench.live(async |machine| {
        machine.until("a second run is over", || machine.strategy("diarist").ended == 2).await;
        let runs = machine.rows::<RunRecord>();
        let outcomes: Vec<_> = runs.iter().map(|(_, run)| run.outcome).collect();
        assert_eq!(outcomes, [Some(Outcome::Interrupted), Some(Outcome::Succeeded)]);
        assert!(runs[0].1.errors[0].contains("step `s2`"), "{:?}", runs[0].1.errors);
    });
    assert_eq!(bench.world.paths()[3..], ["GET /1", "GET /other", "GET /3"]);
}

#[test]
fn a_step_name_used_twice_is_the_strategys_error_even_if_it_looks_away() {
    let mut bench = Bench::new(5);
    bench.install(Script::new("stutterer", |cx| {
        Box::pin(async move {
            cx.act("s", get("/1")).await?;
            drop(cx.act("s", get("/2")).await);
            drop(cx.act("t", get("/3")).await);
            cx.keep(1, vec![1]);
            cx.found(mm_services::testing::draft("nothing"));
            Ok(Report::default())
        })
    }));
    bench.live(async |machine| {
        let run = machine.run("stutterer").await;
        assert_eq!(run.outcome, Some(Outcome::Failed));
        assert!(run.errors[0].contains("step `s` was used twice"), "{:?}", run.errors);
        assert_eq!(machine.world.paths(), ["GET /1"], "an interrupted run does nothing more");
        assert_eq!(run.found, 0);
        assert_eq!(machine.strategy("stutterer").snapshot_generation, 0);
    });
}

#[test]
fn a_run_that_is_cut_off_again_and_again_is_given_up() {
    let notes = Notes::default();
    let mut bench = Bench::new(6);
    bench.install(diarist(&notes, "/3"));
    bench.world.answer(|request| {
        Said::status(200, "").after(Duration::from_secs(if request.path() == "/3" { 600 } else { 0 }))
    });
    bench.live(cut_off_in_step_three);
    for life in 2..=5 {
        bench.live(async |machine| {
            machine.until("step three is on its way again", || machine.world.count() == life + 2).await;
        });
    }
    bench.live(async |machine| {
        let run = machine.idle("diarist").await.unwrap();
        assert_eq!((run.outcome, run.attempt), (Some(Outcome::Interrupted), 5));
        assert!(run.errors[0].contains("too often"));
    });
    assert_eq!(bench.world.count(), 7);
}

#[test]
fn a_run_that_fails_leaves_its_actions_and_nothing_else() {
    let mut bench = Bench::new(7);
    bench.install(Script::new("failer", |cx| {
        Box::pin(async move {
            read(cx, "s1", "/1").await?;
            cx.keep(1, vec![1]);
            cx.found(mm_services::testing::draft("half"));
            Err(Fault::transient("half way"))
        })
    }));
    bench.live(async |machine| {
        let run = machine.run("failer").await;
        assert_eq!((run.outcome, run.found, run.actions), (Some(Outcome::Failed), 0, 1));
        assert_eq!(machine.rows::<mm_core::opportunity::Opportunity>(), vec![]);
        assert_eq!(machine.rows::<mm_core::activity::ActionRecord>().len(), 1);
        assert_eq!(machine.strategy("failer").snapshot_generation, 0);
    });
}
