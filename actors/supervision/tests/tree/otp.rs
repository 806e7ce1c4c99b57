//! Every (strategy × restart kind × way to end) through the real supervisor, against OTP's rules.

use expect_test::expect;
use mm_supervision::*;

use crate::kit::*;

async fn end(tree: &Tree, handle: &Handle<Msg>, how: &str) {
    match how {
        "normal" => handle.cast(Msg::Finish).unwrap(),
        "error" => handle.cast(Msg::Fail).unwrap(),
        "panic" => handle.cast(Msg::Panic).unwrap(),
        "killed" => assert!(tree.kill("b")),
        _ => unreachable!(),
    }
    settle().await;
}

/// Three children; the middle one, of the given kind, ends. Who was stopped, who started, in order.
async fn sequence(strategy: Strategy, restart: Restart, how: &str) -> String {
    let (a, b, c) = (Handle::new(), Handle::new(), Handle::new());
    let diary = Diary::default();
    let spec = lenient(strategy)
        .with(plain("a", &a))
        .with(puppet("b", restart, &b, Script::default()))
        .with(plain("c", &c));
    let root = Root::start(spec, diary.seams()).await.unwrap();
    diary.take();
    end(&root.tree(), &b, how).await;
    let told: Vec<String> = diary
        .take()
        .into_iter()
        .filter_map(|line| {
            let (who, what) = line.split_once(' ').unwrap();
            match what {
                "stopped" => Some(format!("-{who}")),
                "started" => Some(format!("+{who}")),
                _ => None,
            }
        })
        .collect();
    let known = root.tree().paths().len() - 1;
    assert!(root.stop(SECOND).await.in_time);
    format!("{} ({known} known)", told.join(" "))
}

#[test]
fn the_whole_table() {
    paused(async {
        let mut told = String::new();
        for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
            for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
                for how in ["normal", "error", "panic", "killed"] {
                    let row = sequence(strategy, restart, how).await;
                    told += &format!("{strategy:?} {restart:?} {how}: {row}\n");
                }
            }
        }
        expect![[r#"
            OneForOne Permanent normal: +b (3 known)
            OneForOne Permanent error: +b (3 known)
            OneForOne Permanent panic: +b (3 known)
            OneForOne Permanent killed: +b (3 known)
            OneForOne Transient normal:  (3 known)
            OneForOne Transient error: +b (3 known)
            OneForOne Transient panic: +b (3 known)
            OneForOne Transient killed: +b (3 known)
            OneForOne Temporary normal:  (2 known)
            OneForOne Temporary error:  (2 known)
            OneForOne Temporary panic:  (2 known)
            OneForOne Temporary killed:  (2 known)
            OneForAll Permanent normal: -c -a +a +b +c (3 known)
            OneForAll Permanent error: -c -a +a +b +c (3 known)
            OneForAll Permanent panic: -c -a +a +b +c (3 known)
            OneForAll Permanent killed: -c -a +a +b +c (3 known)
            OneForAll Transient normal:  (3 known)
            OneForAll Transient error: -c -a +a +b +c (3 known)
            OneForAll Transient panic: -c -a +a +b +c (3 known)
            OneForAll Transient killed: -c -a +a +b +c (3 known)
            OneForAll Temporary normal:  (2 known)
            OneForAll Temporary error:  (2 known)
            OneForAll Temporary panic:  (2 known)
            OneForAll Temporary killed:  (2 known)
            RestForOne Permanent normal: -c +b +c (3 known)
            RestForOne Permanent error: -c +b +c (3 known)
            RestForOne Permanent panic: -c +b +c (3 known)
            RestForOne Permanent killed: -c +b +c (3 known)
            RestForOne Transient normal:  (3 known)
            RestForOne Transient error: -c +b +c (3 known)
            RestForOne Transient panic: -c +b +c (3 known)
            RestForOne Transient killed: -c +b +c (3 known)
            RestForOne Temporary normal:  (2 known)
            RestForOne Temporary error:  (2 known)
            RestForOne Temporary panic:  (2 known)
            RestForOne Temporary killed:  (2 known)
        "#]]
        .assert_eq(&told);
    });
}

#[test]
fn one_restart_too_many_stops_all_in_reverse_and_fails_upwards() {
    paused(async {
        let (a, b, other) = (Handle::new(), Handle::new(), Handle::new());
        let inner = SupervisorHandle::new();
        let diary = Diary::default();
        let kernel = SupervisorSpec::new(Strategy::OneForOne, Intensity { max: 1, within: 5 * SECOND })
            .with(plain("a", &a))
            .with(plain("b", &b));
        let spec = lenient(Strategy::OneForOne)
            .with(plain("admin", &other))
            .with(supervisor("kernel", "the rest", &inner, kernel));
        let root = Root::start(spec, diary.seams()).await.unwrap();
        diary.take();
        for _ in 0..2 {
            a.cast(Msg::Fail).unwrap();
            settle().await;
        }
        expect![[r#"
            kernel/a failed: as told
            kernel/a started
            kernel/a failed: as told
            kernel gave up: restarts are spent; last: a: failed: as told
            kernel/b stopped
            kernel gave up: restarts are spent; last: a: failed: as told
            kernel/a started
            kernel/b started
            kernel started
        "#]]
        .assert_eq(&diary.text());
        assert_eq!(at(&root.view(), "admin").restarts, 0);
        assert_eq!(a.call(Msg::Count, SECOND).await, Ok(1), "the handle leads to the new one");
        assert!(root.stop(SECOND).await.in_time);
    });
}

#[test]
fn the_root_gives_up_last() {
    paused(async {
        let a = Handle::new();
        let none = SupervisorSpec::new(Strategy::OneForOne, Intensity { max: 0, within: SECOND });
        let root = Root::start(none.with(plain("a", &a)), Seams::simulated()).await.unwrap();
        a.cast(Msg::Panic).unwrap();
        let exit = root.ended().await;
        assert_eq!(exit.to_string(), "gave up: restarts are spent; last: a: panicked: as told");
        assert_eq!(exit.kind(), ExitKind::Shutdown);
        assert!(a.cast(Msg::Note("nobody there")).is_err());
    });
}

#[test]
fn significant_children_end_their_supervisor() {
    paused(async {
        for (policy, ends_after) in [
            (AutoShutdown::Never, None),
            (AutoShutdown::AnySignificant, Some(1)),
            (AutoShutdown::AllSignificant, Some(2)),
        ] {
            let (a, b, c) = (Handle::new(), Handle::new(), Handle::new());
            let row =
                |name, handle| puppet(name, Restart::Transient, handle, Script::default()).significant();
            let spec = lenient(Strategy::OneForOne)
                .with_auto_shutdown(policy)
                .with(row("a", &a))
                .with(row("b", &b))
                .with(plain("c", &c));
            let root = Root::start(spec, Seams::simulated()).await.unwrap();
            a.cast(Msg::Fail).unwrap();
            settle().await;
            assert!(c.is_running(), "an abnormal end of a transient child is no end");
            for (ended, handle) in [(1, &a), (2, &b)] {
                if handle.cast(Msg::Finish).is_err() {
                    break;
                }
                settle().await;
                assert_eq!(c.is_running(), ends_after.is_none_or(|after| ended < after), "{policy:?}");
            }
            root.stop(SECOND).await;
        }
    });
}

#[test]
fn a_permanent_child_cannot_be_significant() {
    paused(async {
        let spec = lenient(Strategy::OneForOne).with(plain("a", &Handle::new()).significant());
        let error = Root::start(spec, Seams::simulated()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the actor tree could not start: `a` cannot be both permanent and significant"
        );
    });
}

#[test]
fn a_transient_child_that_finished_comes_back_with_its_siblings() {
    paused(async {
        let (a, b) = (Handle::new(), Handle::new());
        let spec = lenient(Strategy::OneForAll).with(plain("a", &a)).with(puppet(
            "b",
            Restart::Transient,
            &b,
            Script::default(),
        ));
        let root = Root::start(spec, Seams::simulated()).await.unwrap();
        b.cast(Msg::Finish).unwrap();
        settle().await;
        assert!(!b.is_running());
        a.cast(Msg::Fail).unwrap();
        settle().await;
        assert!(b.is_running(), "as in OTP: its specification was kept, and all are started");
        root.stop(SECOND).await;
    });
}
