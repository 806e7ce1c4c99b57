//! Who × how × when: after each, the others work and the failed one is back, or visibly down.

use std::sync::atomic::Ordering;

use expect_test::expect;
use mm_supervision::*;

use crate::kit::*;

/// Every way to die while handling, for a plain actor, with a neighbour that must not notice.
#[test]
fn whatever_kills_it_it_comes_back_and_its_neighbour_does_not_notice() {
    paused(async {
        for how in ["fail", "panic", "finish", "kill idle", "kill in an await"] {
            let (a, b) = (Handle::new(), Handle::new());
            let script = Script::default();
            let spec = lenient(Strategy::OneForOne)
                .with(puppet("a", Restart::Permanent, &a, script.clone()))
                .with(plain("b", &b));
            let root = Root::start(spec, Seams::simulated()).await.unwrap();
            match how {
                "fail" => a.cast(Msg::Fail).unwrap(),
                "panic" => a.cast(Msg::Panic).unwrap(),
                "finish" => a.cast(Msg::Finish).unwrap(),
                "kill idle" => assert!(root.tree().kill("a")),
                _ => {
                    a.cast(Msg::Hang).unwrap();
                    settle().await;
                    assert_eq!(at(&root.view(), "a").state, ActorState::Busy);
                    assert!(root.tree().kill("a"));
                }
            }
            until("back", &root.tree(), |view| at(view, "a").restarts == 1).await;
            assert_eq!(a.call(Msg::Count, SECOND).await, Ok(1), "{how}: a fresh state");
            assert_eq!(b.call(Msg::Count, SECOND).await, Ok(1), "{how}");
            assert_eq!(at(&root.view(), "b").restarts, 0, "{how}");
            assert_eq!(script.alive.1.load(Ordering::SeqCst), 1, "{how}: two states at once");
            root.stop(SECOND).await;
            assert_eq!(script.alive.0.load(Ordering::SeqCst), 0, "{how}: a state is left");
        }
    });
}

#[test]
fn a_start_that_fails_or_panics_is_tried_again_and_paid_for() {
    paused(async {
        let (a, script) = (Handle::new(), Script::default());
        let spec = SupervisorSpec::new(Strategy::OneForOne, Intensity { max: 3, within: SECOND })
            .with(puppet("a", Restart::Permanent, &a, script.clone()));
        let diary = Diary::default();
        let root = Root::start(spec, diary.seams()).await.unwrap();
        script.failing_starts.store(1, Ordering::SeqCst);
        script.panicking_starts.store(1, Ordering::SeqCst);
        a.cast(Msg::Fail).unwrap();
        settle().await;
        expect![[r#"
            a started
            a failed: as told
            a could not start: not today
            a restarting in 0ns, attempt 2
            a could not start: panicked: cannot even begin
            a restarting in 0ns, attempt 3
            a started
        "#]]
        .assert_eq(&diary.text());
        root.stop(SECOND).await;
    });
}

#[test]
fn a_tree_whose_first_start_fails_leaves_nothing_behind() {
    paused(async {
        for panics in [false, true] {
            let (a, b, bad) = (Handle::new(), Script::default(), Script::default());
            if panics { &bad.panicking_starts } else { &bad.failing_starts }.store(1, Ordering::SeqCst);
            let diary = Diary::default();
            let spec = lenient(Strategy::OneForOne)
                .with(puppet("a", Restart::Permanent, &a, b.clone()))
                .with(puppet("bad", Restart::Permanent, &Handle::new(), bad));
            let error = Root::start(spec, diary.seams()).await.unwrap_err();
            let why = if panics { "panicked: cannot even begin" } else { "not today" };
            assert_eq!(
                error.to_string(),
                format!("the actor tree could not start: `bad` could not start: {why}")
            );
            assert!(diary.text().ends_with("a stopped\n"));
            assert_eq!(b.alive.0.load(Ordering::SeqCst), 0);
            assert!(!a.is_running());
        }
    });
}

#[test]
fn a_start_that_takes_too_long_is_given_up() {
    paused(async {
        let script = Script { slow_start: 10 * SECOND, ..Script::default() };
        let row = puppet("a", Restart::Permanent, &Handle::new(), script.clone()).with_start_within(SECOND);
        let error =
            Root::start(lenient(Strategy::OneForOne).with(row), Seams::simulated()).await.unwrap_err();
        assert_eq!(error.to_string(), "the actor tree could not start: `a` could not start in time");
        assert_eq!(script.alive.0.load(Ordering::SeqCst), 0, "its half-made state is gone");
    });
}

#[test]
fn a_factory_that_panics_is_a_failed_start() {
    paused(async {
        let row = child("a", "", Restart::Permanent, SECOND, &Handle::new(), || -> Puppet {
            panic!("no factory");
        });
        let error =
            Root::start(lenient(Strategy::OneForOne).with(row), Seams::simulated()).await.unwrap_err();
        assert!(error.to_string().ends_with("`a` could not start: no factory"), "{error}");
    });
}

#[test]
fn a_killed_supervisor_takes_its_children_along_and_none_lives_twice() {
    paused(async {
        let (a, script, inner) = (Handle::new(), Script::default(), SupervisorHandle::new());
        let spec = lenient(Strategy::OneForOne).with(supervisor(
            "kernel",
            "",
            &inner,
            lenient(Strategy::OneForOne).with(puppet("a", Restart::Permanent, &a, script.clone())),
        ));
        let root = Root::start(spec, Seams::simulated()).await.unwrap();
        for round in 1..=5 {
            // While it hangs in a handler, which only the kill can end.
            a.cast(Msg::Hang).unwrap();
            settle().await;
            assert!(root.tree().kill("kernel"));
            until("back", &root.tree(), |view| at(view, "kernel").restarts == round).await;
            assert_eq!(a.call(Msg::Count, SECOND).await, Ok(1));
        }
        assert_eq!(script.alive.1.load(Ordering::SeqCst), 1, "two states at once");
        root.stop(SECOND).await;
        assert_eq!(script.alive.0.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn backoff_waits_doubling_with_jitter_and_is_forgiven() {
    paused(async {
        let a = Handle::new();
        let diary = Diary::default();
        let row = plain("a", &a).with_backoff(Backoff::between(SECOND, 4 * SECOND));
        let root = Root::start(lenient(Strategy::OneForOne).with(row), diary.seams()).await.unwrap();
        for _ in 0..4 {
            a.cast(Msg::Fail).unwrap();
            settle().await;
            let seen = root.show("a").unwrap();
            assert_eq!(seen.view.state, ActorState::Restarting);
            assert!(seen.view.next_try.is_some());
            until("back", &root.tree(), |view| at(view, "a").state == ActorState::Running).await;
        }
        tokio::time::sleep(40 * SECOND).await;
        a.cast(Msg::Fail).unwrap();
        settle().await;
        let waits: Vec<String> =
            diary.take().into_iter().filter(|line| line.contains("restarting")).collect();
        expect![[r#"
            [
                "a restarting in 500ms, attempt 1",
                "a restarting in 1s, attempt 2",
                "a restarting in 2s, attempt 3",
                "a restarting in 2s, attempt 4",
                "a restarting in 500ms, attempt 1",
            ]
        "#]]
        .assert_debug_eq(&waits);
        root.stop(SECOND).await;
    });
}

#[test]
fn a_child_stopped_during_its_backoff_stays_down() {
    paused(async {
        let a = Handle::new();
        let row = plain("a", &a).with_backoff(Backoff::between(SECOND, SECOND));
        let root = Root::start(lenient(Strategy::OneForOne).with(row), Seams::simulated()).await.unwrap();
        a.cast(Msg::Fail).unwrap();
        settle().await;
        root.tree().stop("a").await.unwrap();
        tokio::time::sleep(10 * SECOND).await;
        assert!(!a.is_running());
        assert_eq!(at(&root.view(), "a").state, ActorState::Stopped);
        root.tree().restart("a").await.unwrap();
        assert!(a.is_running());
        root.stop(SECOND).await;
    });
}

#[test]
fn dynamic_children_come_and_go() {
    paused(async {
        let (a, again, bad) = (Handle::new(), Handle::new(), Script::default());
        let root = Root::start(lenient(Strategy::OneForOne), Seams::simulated()).await.unwrap();
        let top = root.supervisor();
        assert_eq!(top.start_child(plain("default/a", &a)).await, Ok(Started::Running));
        let taken = top.start_child(plain("default/a", &again)).await;
        assert_eq!(taken, Err(CommandError::AlreadyThere { name: "default/a".into() }));
        assert!(a.is_running(), "the first goes on");
        bad.failing_starts.store(1, Ordering::SeqCst);
        let failed = top.start_child(puppet("bad", Restart::Permanent, &Handle::new(), bad)).await;
        assert_eq!(failed.unwrap_err().to_string(), "`bad` could not start: not today");
        assert_eq!(root.tree().paths(), ["root", "default/a"]);
        root.tree().isolate("default/a", "as told").await.unwrap();
        assert_eq!(at(&root.view(), "default/a").state, ActorState::Isolated);
        top.remove_child("default/a").await.unwrap();
        assert_eq!(root.tree().paths(), ["root"]);
        let gone = top.stop_child("default/a").await.unwrap_err();
        assert_eq!(gone.to_string(), "no child is called `default/a`; see `actors tree`");
        let back = top.start_child(plain("default/a", &again)).await;
        assert_eq!(back, Ok(Started::Isolated), "what an operator put aside does not come back by itself");
        root.tree().release("default/a").await.unwrap();
        assert!(again.is_running());
        root.stop(SECOND).await;
    });
}
