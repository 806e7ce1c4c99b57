//! What a crash report holds, for each way to die.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use mm_supervision::*;

use crate::kit::*;

type Reports = Arc<Mutex<Vec<Arc<CrashReport>>>>;

fn reporting() -> (Seams, Reports) {
    catch_backtraces();
    let reports = Reports::default();
    let kept = reports.clone();
    let seams = Seams::simulated().with_events(move |event| {
        if let What::Crashed(report) = &event.what {
            kept.lock().unwrap().push(report.clone());
        }
    });
    (seams, reports)
}

fn only(reports: &Reports) -> Arc<CrashReport> {
    let reports = std::mem::take(&mut *reports.lock().unwrap());
    let [report] = &reports[..] else { panic!("{} reports", reports.len()) };
    report.clone()
}

#[test]
fn a_panic_is_told_with_the_function_and_the_line_that_panicked() {
    paused(async {
        let (a, (seams, reports)) = (Handle::new(), reporting());
        let root = Root::start(lenient(Strategy::OneForOne).with(plain("a", &a)), seams).await.unwrap();
        a.cast(Msg::Panic).unwrap();
        settle().await;
        let report = only(&reports);
        assert_eq!((report.cause.as_str(), report.in_hand), ("panicked: as told", Some("panic")));
        let location = report.location.as_deref().unwrap();
        assert!(location.contains("tests/tree/kit.rs:") && !location.starts_with('/'), "{location}");
        let frames = report.backtrace.as_deref().unwrap();
        let [who, place, ..] = &frames.lines().collect::<Vec<_>>()[..] else { panic!("no frames") };
        assert!(who.contains("falls_over"), "begins with who panicked: {frames}");
        assert!(place.starts_with("    at tests/tree/kit.rs:"), "{frames}");
        assert!(frames.contains("src/poll.rs") && !frames.contains("tokio"), "ends at the host: {frames}");
        assert!(!frames.contains(" /") && frames.len() <= 16 * 1024, "{frames}");
        let json = serde_json::to_value(&*report).unwrap();
        assert_eq!(json["backtrace"], serde_json::json!(frames));
        root.stop(SECOND).await;
    });
}

#[test]
fn a_fault_is_told_with_the_line_that_made_it() {
    paused(async {
        let (a, (seams, reports)) = (Handle::new(), reporting());
        let root = Root::start(lenient(Strategy::OneForOne).with(plain("a", &a)), seams).await.unwrap();
        a.cast(Msg::Fail).unwrap();
        settle().await;
        let report = only(&reports);
        assert_eq!((report.cause.as_str(), report.in_hand), ("failed: as told", Some("fail")));
        assert!(report.location.as_deref().unwrap().contains("tests/tree/kit.rs:"));
        assert_eq!(report.backtrace, None);
        root.stop(SECOND).await;
    });
}

#[test]
fn an_error_that_becomes_a_fault_is_told_with_its_question_mark() {
    fn fails() -> Result<(), Fault> {
        "no number".parse::<u32>()?;
        Ok(())
    }
    let (fault, line) = (fails().unwrap_err(), line!() - 3);
    let location = fault.location().unwrap();
    assert!(location.ends_with(&format!("tests/tree/reports.rs:{line}")), "{location}");
    assert_eq!(fault, Fault::transient("invalid digit found in string"), "where is no part of what");
}

#[test]
fn the_fields_of_the_fatal_message_are_known_from_the_second_crash_on() {
    paused(async {
        let (a, (seams, reports)) = (Handle::new(), reporting());
        let root = Root::start(lenient(Strategy::OneForOne).with(plain("a", &a)), seams).await.unwrap();
        a.cast(Msg::Note("first")).unwrap();
        a.cast(Msg::Fail).unwrap();
        settle().await;
        let first = only(&reports);
        assert!(first.records.iter().all(|record| record.fields.is_empty()));
        a.cast(Msg::Note("second")).unwrap();
        a.cast(Msg::Hang).unwrap();
        settle().await;
        assert!(root.tree().kill("a"));
        settle().await;
        let second = only(&reports);
        assert_eq!((second.cause.as_str(), second.in_hand), ("killed", Some("hang")));
        let [.., note, _] = &second.records[..] else { panic!("records") };
        assert_eq!(note.fields, [("note", "second".to_owned())]);
        // One that died with nothing in hand says so.
        assert!(root.tree().kill("a"));
        settle().await;
        assert_eq!(only(&reports).in_hand, None);
        root.stop(SECOND).await;
    });
}

#[test]
fn a_start_that_fails_has_a_report() {
    paused(async {
        let (script, (seams, reports)) = (Script::default(), reporting());
        let row = puppet("a", Restart::Permanent, &Handle::new(), script.clone());
        let root = Root::start(lenient(Strategy::OneForOne).with(row), seams).await.unwrap();
        for (counter, cause) in [
            (&script.failing_starts, "could not start: not today"),
            (&script.panicking_starts, "could not start: panicked: cannot even begin"),
        ] {
            counter.store(1, Ordering::SeqCst);
            assert!(root.tree().restart("a").await.is_err());
            let report = only(&reports);
            assert_eq!(report.cause, cause);
            assert!(report.location.as_deref().unwrap().contains("tests/tree/kit.rs:"));
            let panicked = cause.contains("panicked");
            assert_eq!(report.backtrace.is_some(), panicked);
            assert!(!panicked || report.backtrace.as_deref().unwrap().contains("kit.rs"));
        }
        root.stop(SECOND).await;
    });
}

#[test]
fn a_panic_in_the_goodbye_has_a_report() {
    paused(async {
        let (a, (seams, reports)) = (Handle::new(), reporting());
        let script = Script { panicking_stop: true, ..Script::default() };
        let row = puppet("a", Restart::Permanent, &a, script);
        let root = Root::start(lenient(Strategy::OneForOne).with(row), seams).await.unwrap();
        a.call(Msg::Count, SECOND).await.unwrap();
        root.stop(SECOND).await;
        let report = only(&reports);
        assert_eq!((report.cause.as_str(), report.in_hand), ("panicked: no goodbye", None));
        assert!(report.backtrace.as_deref().unwrap().contains("tests/tree/kit.rs"));
        assert_eq!(report.records.len(), 1, "with what it did before");
    });
}

#[test]
fn threads_that_run_what_is_not_theirs_can_catch_too() {
    catch_backtraces();
    quiet_panics();
    let panic = panics::caught(|| panic!("as told {}", 1)).unwrap_err();
    assert_eq!(panic.text, "as told 1");
    assert!(panic.location.unwrap().contains("tests/tree/reports.rs:"));
    assert!(panic.backtrace.unwrap().contains("threads_that_run_what_is_not_theirs"));
    assert_eq!(panics::caught(|| 7).unwrap(), 7);
    paused(async {
        let later = panics::caught_in(async {
            settle().await;
            panic!("as told later")
        });
        let panic = later.await.map(|(): ()| ()).unwrap_err();
        assert_eq!(panic.text, "as told later");
        assert!(panic.backtrace.is_some());
        assert_eq!(panics::caught_in(async { 7 }).await.unwrap(), 7);
    });
    // Outside, nothing is taken.
    assert!(std::panic::catch_unwind(|| panic!("as told")).is_err());
    assert_eq!(panics::take_last_backtrace(), None);
}
