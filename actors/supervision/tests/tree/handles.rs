//! Handles: bounded, outliving restarts, never sending twice, honest about what is lost.

use mm_supervision::*;

use crate::kit::*;

async fn one(handle: &Handle<Msg>) -> Root {
    let spec = lenient(Strategy::OneForOne).with(plain("a", handle));
    Root::start(spec, Seams::simulated()).await.unwrap()
}

#[test]
fn a_full_mailbox_gives_the_message_back() {
    paused(async {
        let a = Handle::bounded(2);
        let root = one(&a).await;
        a.cast(Msg::Hang).unwrap();
        settle().await;
        a.cast(Msg::Note("one")).unwrap();
        a.cast(Msg::Note("two")).unwrap();
        let refused = a.cast(Msg::Note("three")).unwrap_err();
        assert!(matches!(refused, Undelivered::Full(Msg::Note("three"))));
        assert_eq!(a.call(Msg::Count, SECOND).await, Err(CallError::Full));
        let seen = at(&root.view(), "a").clone();
        assert_eq!((seen.mailbox_depth, seen.messages_total), (2, 3), "refused ones never counted");
        root.stop(3 * SECOND).await;
    });
}

#[test]
fn nobody_there_gives_the_message_back() {
    paused(async {
        let a = Handle::new();
        assert!(matches!(a.cast(Msg::Note("early")), Err(Undelivered::NotRunning(Msg::Note("early")))));
        let root = one(&a).await;
        root.stop(SECOND).await;
        assert!(matches!(a.cast(Msg::Note("late")), Err(Undelivered::NotRunning(Msg::Note("late")))));
        assert_eq!(a.call(Msg::Count, SECOND).await, Err(CallError::NotRunning));
    });
}

#[test]
fn a_crash_loses_what_waits_and_says_what_may_be_done() {
    paused(async {
        let a = Handle::new();
        let root = one(&a).await;
        let within = 60 * SECOND;
        let begun = a.call(|reply| Msg::Slow(10 * SECOND, reply), within);
        let waiting = a.call(Msg::Count, within);
        let kill = async {
            settle().await;
            assert!(root.tree().kill("a"));
        };
        let (begun, waiting, ()) = tokio::join!(begun, waiting, kill);
        assert_eq!(begun, Err(CallError::Lost { maybe_done: true }));
        assert_eq!(waiting, Err(CallError::Lost { maybe_done: false }));
        assert_eq!(a.call(Msg::Count, within).await, Ok(1), "nothing was sent again");
        assert_eq!(at(&root.view(), "a").mailbox_depth, 0);
        root.stop(SECOND).await;
    });
}

#[test]
fn a_dropped_reply_and_a_slow_one_are_told_apart() {
    paused(async {
        let a = Handle::new();
        let root = one(&a).await;
        assert_eq!(a.call(Msg::Forget, SECOND).await, Err(CallError::Lost { maybe_done: true }));
        let slow = a.call(|reply| Msg::Slow(2 * SECOND, reply), SECOND).await;
        assert_eq!(slow, Err(CallError::TimedOut));
        assert_eq!(a.call(Msg::Count, 5 * SECOND).await, Ok(3), "it went on all the same");
        root.stop(SECOND).await;
    });
}

/// A run lives on its own thread with its own runtime and calls the kernel's actors.
#[test]
fn a_call_works_from_another_runtime() {
    quiet_panics();
    let home = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let a = Handle::new();
    let root = home.block_on(async {
        let seams = Seams::new(
            std::sync::Arc::new(|| 0),
            std::sync::Arc::new(|| 0.5),
            std::sync::Arc::new(MemoryBudgets::default()),
            std::sync::Arc::new(|_| {}),
        );
        Root::start(lenient(Strategy::OneForOne).with(plain("a", &a)), seams).await.unwrap()
    });
    let caller = a.clone();
    let answer = std::thread::spawn(move || {
        let own = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        own.block_on(caller.call(Msg::Count, SECOND))
    });
    assert_eq!(answer.join().unwrap(), Ok(1));
    assert!(home.block_on(root.stop(SECOND)).in_time);
}

#[test]
fn a_wrong_path_and_a_wrong_name_are_answered_with_what_was_meant() {
    paused(async {
        let inner = lenient(Strategy::OneForOne).with(plain("gateway", &Handle::new()));
        let kernel = SupervisorHandle::new();
        let root = Root::start(
            lenient(Strategy::OneForOne).with(supervisor("kernel", "", &kernel, inner)),
            Seams::simulated(),
        )
        .await
        .unwrap();
        let wrong = root.tree().restart("kernel/gatway").await.unwrap_err();
        assert_eq!(wrong.to_string(), "no child is called `kernel/gatway`; did you mean `kernel/gateway`?");
        let wrong = kernel.stop_child("gatewai").await.unwrap_err();
        assert_eq!(wrong.to_string(), "no child is called `gatewai`; did you mean `kernel/gateway`?");
        root.stop(SECOND).await;
    });
}
