//! The ordered stop: last started first, each within its own limit, and an honest report.

use expect_test::expect;
use mm_supervision::*;

use crate::kit::*;

#[test]
fn last_started_stops_first_also_below() {
    paused(async {
        let diary = Diary::default();
        let spec = lenient(Strategy::OneForOne)
            .with(plain("a", &Handle::new()))
            .with(supervisor(
                "k",
                "",
                &SupervisorHandle::new(),
                lenient(Strategy::RestForOne)
                    .with(plain("b", &Handle::new()))
                    .with(plain("c", &Handle::new())),
            ))
            .with(plain("d", &Handle::new()));
        let root = Root::start(spec, diary.seams()).await.unwrap();
        let report = root.stop(SECOND).await;
        expect![[r#"
            a started
            k/b started
            k/c started
            k started
            d started
            d stopped
            k/c stopped
            k/b stopped
            k stopped
            a stopped
        "#]]
        .assert_eq(&diary.text());
        assert_eq!(report, StopReport { stopped: 5, in_time: true, ..StopReport::default() });
    });
}

#[test]
fn who_does_not_stop_is_killed_and_named_with_what_was_left() {
    paused(async {
        let (a, b) = (Handle::new(), Handle::new());
        let refuses = Script { slow_stop: 100 * SECOND, ..Script::default() };
        let spec = lenient(Strategy::OneForOne).with(plain("a", &a)).with(puppet(
            "b",
            Restart::Permanent,
            &b,
            refuses.clone(),
        ));
        let root = Root::start(spec, Seams::simulated()).await.unwrap();
        a.cast(Msg::Hang).unwrap();
        a.cast(Msg::Note("never read")).unwrap();
        settle().await;
        let report = root.stop(10 * SECOND).await;
        expect![[r#"
            StopReport {
                stopped: 0,
                stragglers: [
                    Straggler {
                        path: "b",
                        waited_ms: 1000,
                        killed: true,
                        in_hand: None,
                        left: [],
                        left_by_kind: [],
                    },
                    Straggler {
                        path: "a",
                        waited_ms: 1000,
                        killed: true,
                        in_hand: Some(
                            "hang",
                        ),
                        left: [
                            LeftMessage {
                                kind: "note",
                                sender: None,
                                action: None,
                                fields: [
                                    (
                                        "note",
                                        "never read",
                                    ),
                                ],
                            },
                        ],
                        left_by_kind: [
                            (
                                "note",
                                1,
                            ),
                        ],
                    },
                ],
                running: [],
                in_time: true,
            }
        "#]]
        .assert_debug_eq(&report);
        assert_eq!(refuses.alive.0.load(std::sync::atomic::Ordering::SeqCst), 0);
    });
}

#[test]
fn the_whole_stop_has_a_limit() {
    paused(async {
        let stubborn = Script { slow_stop: 1_000 * SECOND, ..Script::default() };
        let row = |name: &str| {
            let script = stubborn.clone();
            child(name, "", Restart::Permanent, StopWithin::Unlimited, &Handle::new(), move || {
                Puppet(script.clone())
            })
        };
        let below = lenient(Strategy::OneForOne).with(row("b")).with(row("c"));
        let spec = lenient(Strategy::OneForOne).with(row("a")).with(supervisor(
            "k",
            "",
            &SupervisorHandle::new(),
            below,
        ));
        let root = Root::start(spec, Seams::simulated()).await.unwrap();
        let report = root.stop(5 * SECOND).await;
        assert!(!report.in_time);
        assert_eq!(report.running, Vec::<String>::new(), "all could be killed");
        assert_eq!(stubborn.alive.0.load(std::sync::atomic::Ordering::SeqCst), 0);
    });
}

#[test]
fn a_panic_in_the_goodbye_hurts_nobody_else() {
    paused(async {
        let diary = Diary::default();
        let script = Script { panicking_stop: true, ..Script::default() };
        let spec = lenient(Strategy::OneForAll).with(plain("a", &Handle::new())).with(puppet(
            "b",
            Restart::Permanent,
            &Handle::new(),
            script,
        ));
        let root = Root::start(spec, diary.seams()).await.unwrap();
        diary.take();
        assert!(root.stop(SECOND).await.in_time);
        assert_eq!(diary.take(), ["b panicked: no goodbye", "a stopped"]);
    });
}

#[test]
fn killed_at_once_where_the_row_says_so() {
    paused(async {
        let a = Handle::new();
        let stubborn = Script { slow_stop: 1_000 * SECOND, ..Script::default() };
        let row = child("a", "", Restart::Permanent, StopWithin::Kill, &a, move || Puppet(stubborn.clone()));
        let root = Root::start(lenient(Strategy::OneForOne).with(row), Seams::simulated()).await.unwrap();
        let report = root.stop(SECOND).await;
        assert_eq!(report, StopReport { stopped: 1, in_time: true, ..StopReport::default() });
    });
}
