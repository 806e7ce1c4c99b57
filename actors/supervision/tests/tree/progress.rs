//! Who stands still, seen from outside: told once each, killed and restarted where it yields.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use mm_supervision::*;

use crate::kit::*;

const LIMITS: Limits =
    Limits { poll: Duration::from_secs(30), hang: Duration::from_secs(180), times_usual: 20 };

#[test]
fn a_handler_that_hangs_is_named_until_it_is_killed() {
    paused(async {
        let (a, b) = (Handle::new(), Handle::new());
        let spec = lenient(Strategy::OneForOne).with(plain("a", &a)).with(plain("b", &b));
        let root = Root::start(spec, Seams::simulated()).await.unwrap();
        let tree = root.tree();
        a.cast(Msg::Hang).unwrap();
        a.cast(Msg::Note("waits behind it")).unwrap();
        tokio::time::sleep(180 * SECOND).await;
        assert_eq!(tree.stalled(&LIMITS), [], "not past the limit yet");
        tokio::time::sleep(SECOND).await;
        let stalled = tree.stalled(&LIMITS);
        let [stuck] = &stalled[..] else { panic!("{stalled:?}") };
        assert_eq!((&*stuck.path, stuck.kind, stuck.yields, stuck.usual), ("a", Some("hang"), true, None));
        assert!(tree.kill("a"));
        settle().await;
        assert_eq!(tree.stalled(&LIMITS), []);
        assert_eq!(a.call(Msg::Count, SECOND).await, Ok(1), "its supervisor restarted it");
        root.stop(SECOND).await;
    });
}

/// One that usually takes its time is given it, by its own measure.
#[test]
fn each_is_measured_by_itself() {
    paused(async {
        let (a, b) = (Handle::new(), Handle::new());
        let spec = lenient(Strategy::OneForOne).with(plain("a", &a)).with(plain("b", &b));
        let root = Root::start(spec, Seams::simulated()).await.unwrap();
        a.call(|reply| Msg::Slow(30 * SECOND, reply), 60 * SECOND).await.unwrap();
        a.cast(Msg::Hang).unwrap();
        b.cast(Msg::Hang).unwrap();
        tokio::time::sleep(500 * SECOND).await;
        let slow: Vec<String> = root.tree().stalled(&LIMITS).into_iter().map(|stuck| stuck.path).collect();
        assert_eq!(slow, ["b"], "a may take twenty times thirty seconds");
        tokio::time::sleep(500 * SECOND).await;
        assert_eq!(root.tree().stalled(&LIMITS).len(), 2);
        root.stop(10 * SECOND).await;
    });
}

#[test]
fn long_starts_and_stops_are_not_stalls() {
    paused(async {
        let a = Handle::new();
        let slow = Script { slow_start: 900 * SECOND, slow_stop: 900 * SECOND, ..Script::default() };
        let top = SupervisorHandle::new();
        let spec = lenient(Strategy::OneForOne).with(supervisor("k", "", &top, lenient(Strategy::OneForOne)));
        let root = Root::start(spec, Seams::simulated()).await.unwrap();
        let mut row = puppet("a", Restart::Permanent, &a, slow).with_start_within(1_000 * SECOND);
        row.stop_within = StopWithin::Unlimited;
        let adding = tokio::spawn(async move { top.start_child(row).await });
        tokio::time::sleep(800 * SECOND).await;
        a.cast(Msg::Note("early")).unwrap();
        assert_eq!(root.tree().stalled(&LIMITS), []);
        tokio::time::sleep(99 * SECOND).await;
        assert_eq!(root.tree().stalled(&LIMITS), []);
        drop(adding);
        root.stop(2_000 * SECOND).await;
    });
}

/// On a real runtime: the watchdog tells once of one that hangs, and once more of the next that does.
#[test]
fn the_watchdog_tells_of_each_case_once() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let a = Handle::new();
    let spec = lenient(Strategy::OneForOne).with(plain("a", &a));
    let seams =
        Seams::new(Arc::new(|| 0), Arc::new(|| 0.5), Arc::new(MemoryBudgets::default()), Arc::new(|_| {}));
    let root = runtime.block_on(Root::start(spec, seams)).unwrap();
    let tree = root.tree();
    let limits = Limits { poll: 60 * SECOND, hang: 20 * MS, times_usual: 1 };
    let (told, hears) = channel();
    let killer = tree.clone();
    let watchdog = Watchdog::start(&tree, runtime.handle().clone(), limits, move |stuck| {
        assert!(killer.kill(&stuck.path));
        told.send(stuck.clone()).unwrap();
    })
    .unwrap();
    for nth in 1..=2 {
        a.cast(Msg::Hang).unwrap();
        let stuck = hears.recv_timeout(20 * SECOND).expect("the watchdog never told");
        assert_eq!((&*stuck.path, stuck.kind, stuck.yields), ("a", Some("hang"), true));
        runtime.block_on(until("restarted", &tree, |view| at(view, "a").restarts == nth));
    }
    assert!(hears.try_recv().is_err());
    drop(watchdog);
    assert!(runtime.block_on(root.stop(SECOND)).in_time);
}
