//! What can be seen: the tree's JSON, one actor in full, a crash report, the watchdog.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mm_supervision::*;

use crate::kit::*;

#[test]
fn the_tree_has_exactly_the_fields_users_were_promised() {
    paused(async {
        let a = Handle::new();
        let below = lenient(Strategy::OneForOne).with(plain("default/bug-bounty", &a));
        let spec = lenient(Strategy::OneForOne).with(supervisor(
            "kernel",
            "",
            &SupervisorHandle::new(),
            lenient(Strategy::RestForOne).with(supervisor("strategies", "", &SupervisorHandle::new(), below)),
        ));
        let root = Root::start(spec, Seams::simulated()).await.unwrap();
        assert_eq!(
            root.tree().paths(),
            ["root", "kernel", "kernel/strategies", "kernel/strategies/default/bug-bounty"]
        );
        a.cast(Msg::Fail).unwrap();
        settle().await;
        a.call(Msg::Count, SECOND).await.unwrap();
        let mut json =
            serde_json::to_value(at(&root.view(), "kernel/strategies/default/bug-bounty")).unwrap();
        assert!(json["memory_bytes"].take().as_u64().is_some_and(|bytes| bytes > 0));
        let expected = serde_json::json!({
            "path": "kernel/strategies/default/bug-bounty", "state": "running",
            "since": "1970-01-01T00:00:00.000Z", "restarts": 1, "last_cause": "failed: as told",
            "mailbox_depth": 0, "mailbox_wait_ms": {"p50": 1e-6, "p99": 1e-6},
            "handle_ms": {"p50": 1e-6, "p99": 1e-6}, "messages_total": 2, "attempt": 0, "next_try": null,
            "budget_left": null, "budget_limit": null, "memory_bytes": null, "children": [],
        });
        assert_eq!(json, expected);
        assert!(root.tree().show("kernel/nobody").is_none());
        root.stop(SECOND).await;
    });
}

#[test]
fn one_actor_in_full_with_senders_causes_and_its_last_crash() {
    paused(async {
        let a = Handle::new();
        let root =
            Root::start(lenient(Strategy::OneForOne).with(plain("a", &a)), Seams::simulated()).await.unwrap();
        for _ in 0..100 {
            a.cast(Msg::Note("filler")).unwrap();
        }
        a.cast(Msg::Relay).unwrap();
        settle().await;
        a.cast(Msg::Panic).unwrap();
        a.cast(Msg::Note("left behind")).unwrap();
        settle().await;
        let seen = root.show("a").unwrap();
        assert_eq!(seen.records.len(), 64, "no more than the last 64");
        let crash = seen.crashes.last().unwrap();
        assert_eq!(crash.cause, "panicked: as told");
        let [.., relay, note, panic] = &crash.records[..] else { panic!("three records") };
        assert_eq!(
            (relay.kind, relay.sender.as_deref(), relay.action.as_deref()),
            ("relay", None, Some("act-1"))
        );
        assert_eq!(
            (note.kind, note.sender.as_deref(), note.action.as_deref()),
            ("note", Some("a"), Some("act-1")),
            "the sender is known by itself, and the cause is handed on"
        );
        assert_eq!((panic.kind, panic.ok), ("panic", false));
        assert_eq!(crash.left.len(), 1);
        assert_eq!(crash.left[0].fields, [("note", "left behind".to_owned())]);
        let notes = seen.kinds.iter().find(|count| count.kind == "note").unwrap();
        assert_eq!((notes.done, notes.failed, notes.lost), (101, 0, 1));
        root.stop(SECOND).await;
    });
}

enum Spin {
    Spin(Arc<Mutex<bool>>),
}

impl Inspect for Spin {
    fn kind(&self) -> &'static str {
        "spin"
    }
}

struct Spinner;

impl Component for Spinner {
    type Msg = Spin;
    type State = ();
    async fn init(&self, _: Handle<Spin>) -> Result<(), Fault> {
        Ok(())
    }
    async fn handle(&self, _: &Handle<Spin>, Spin::Spin(end): Spin, (): &mut ()) -> Result<(), Fault> {
        while !*end.lock().unwrap() {
            std::hint::spin_loop();
        }
        Ok(())
    }
}

fn real_seams() -> Seams {
    Seams::new(Arc::new(|| 0), Arc::new(|| 0.5), Arc::new(MemoryBudgets::default()), Arc::new(|_| {}))
}

/// So long for a poll, and much longer for a message.
fn within(poll: Duration) -> Limits {
    Limits { poll, hang: 600 * SECOND, times_usual: 20 }
}

/// A handler that never yields: seen as stuck, told once, others still served, abandoned at the stop.
#[test]
fn the_watchdog_sees_what_never_yields_and_timers_go_on() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (a, b, end) = (Handle::new(), Handle::new(), Arc::new(Mutex::new(false)));
    let short = Duration::from_millis(50);
    let spec = lenient(Strategy::OneForOne).with(plain("b", &b)).with(child(
        "a",
        "",
        Restart::Permanent,
        short,
        &a,
        || Spinner,
    ));
    let root = runtime.block_on(Root::start(spec, real_seams())).unwrap();
    let tree = root.tree();
    tree.set_stuck_after(short);
    let (told, hears) = std::sync::mpsc::channel();
    let watchdog = Watchdog::start(&tree, runtime.handle().clone(), within(short), move |stuck| {
        told.send(stuck.clone()).unwrap();
    })
    .unwrap();
    a.cast(Spin::Spin(end.clone())).unwrap();
    let stuck = hears.recv_timeout(10 * SECOND).expect("the watchdog never told");
    assert_eq!((&*stuck.path, stuck.kind, stuck.yields), ("a", Some("spin"), false));
    assert!(stuck.lasted >= short);
    assert_eq!(at(&tree.view(), "a").state, ActorState::Stuck);
    let answers = runtime.block_on(async {
        let beat = async {
            for _ in 0..20 {
                tokio::time::sleep(5 * MS).await;
            }
        };
        tokio::time::timeout(10 * SECOND, beat).await.expect("timers stand still");
        b.call(Msg::Count, 10 * SECOND).await
    });
    assert_eq!(answers, Ok(1));
    assert!(hears.try_recv().is_err(), "told once");
    let report = runtime.block_on(root.stop(10 * SECOND));
    assert_eq!(report.running, ["a"]);
    assert!(report.stragglers.iter().any(|straggler| straggler.path == "a" && !straggler.killed));
    *end.lock().unwrap() = true;
    drop(watchdog);
}

/// Held still, a process finds every poll too long when it goes on (here by a clock that leaps): whoever
/// then comes to an end was not stuck, and whoever does not is told of all the same.
#[test]
fn when_all_were_held_still_the_watchdog_looks_a_moment_later() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (a, leap, real) = (Handle::new(), Arc::new(AtomicU64::new(0)), real_mono_ns());
    let leaps = leap.clone();
    let seams = real_seams().with_mono_ns(Arc::new(move || real() + leaps.load(Ordering::SeqCst)));
    let spec = lenient(Strategy::OneForOne).with(child("a", "", Restart::Permanent, SECOND, &a, || Spinner));
    let root = runtime.block_on(Root::start(spec, seams)).unwrap();
    let (told, hears) = std::sync::mpsc::channel();
    let watchdog =
        Watchdog::start(&root.tree(), runtime.handle().clone(), within(30 * SECOND), move |stuck| {
            told.send(stuck.clone()).unwrap();
        })
        .unwrap();
    for stays in [false, true] {
        let end = Arc::new(Mutex::new(false));
        a.cast(Spin::Spin(end.clone())).unwrap();
        while root.tree().view().children[0].state != ActorState::Busy {
            std::thread::yield_now();
        }
        // A few looks in between, so that it is awake.
        std::thread::park_timeout(100 * MS);
        leap.fetch_add(31_000_000_000, Ordering::SeqCst);
        std::thread::park_timeout(100 * MS);
        *end.lock().unwrap() = !stays;
        let stuck = hears.recv_timeout(if stays { 20 * SECOND } else { 2 * SECOND });
        assert_eq!(stuck.is_ok(), stays, "{stuck:?}");
        *end.lock().unwrap() = true;
    }
    drop(watchdog);
    assert!(runtime.block_on(root.stop(10 * SECOND)).in_time);
}

/// A restart never starts beside an incarnation that cannot be ended.
#[test]
fn nobody_is_started_beside_one_that_never_yields() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (a, end) = (Handle::new(), Arc::new(Mutex::new(false)));
    let spec = lenient(Strategy::OneForOne).with(child("a", "", Restart::Permanent, 10 * MS, &a, || Spinner));
    let root = runtime.block_on(Root::start(spec, real_seams())).unwrap();
    let _watchdog = Watchdog::start(&root.tree(), runtime.handle().clone(), within(SECOND), |_| {}).unwrap();
    a.cast(Spin::Spin(end.clone())).unwrap();
    while root.tree().view().children[0].state != ActorState::Busy {
        std::thread::yield_now();
    }
    let refused = runtime.block_on(root.tree().restart("a")).unwrap_err();
    assert_eq!(refused, CommandError::CouldNotStart { name: "a".into(), why: Exit::StillRunning });
    *end.lock().unwrap() = true;
    runtime.block_on(async {
        while root.tree().restart("a").await.is_err() {
            tokio::time::sleep(MS).await;
        }
    });
    assert!(a.is_running());
    assert!(runtime.block_on(root.stop(SECOND)).in_time);
}

/// The same when it is the supervisor above that was killed, and its children with it.
#[test]
fn a_killed_supervisors_successor_waits_for_the_children_left() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_all().build().unwrap();
    let (a, end) = (Handle::new(), Arc::new(Mutex::new(false)));
    let below = lenient(Strategy::OneForOne).with(child("a", "", Restart::Permanent, SECOND, &a, || Spinner));
    let row = supervisor("k", "", &SupervisorHandle::new(), below)
        .with_backoff(Backoff::between(100 * MS, 100 * MS));
    let spec = SupervisorSpec::new(Strategy::OneForOne, Intensity { max: 1_000, within: 60 * SECOND });
    let root = runtime.block_on(Root::start(spec.with(row), real_seams())).unwrap();
    let tree = root.tree();
    let _watchdog = Watchdog::start(&tree, runtime.handle().clone(), within(60 * SECOND), |_| {}).unwrap();
    a.cast(Spin::Spin(end.clone())).unwrap();
    while at(&tree.view(), "k/a").state != ActorState::Busy {
        std::thread::yield_now();
    }
    assert!(tree.kill("k"));
    runtime.block_on(until("refused", &tree, |view| {
        at(view, "k").last_cause.as_deref() == Some("the one before it still runs and cannot be ended")
    }));
    assert_eq!(at(&tree.view(), "k").restarts, 0);
    *end.lock().unwrap() = true;
    runtime.block_on(until("back", &tree, |view| at(view, "k").restarts == 1));
    assert!(a.is_running());
    assert!(runtime.block_on(root.stop(SECOND)).in_time);
}
