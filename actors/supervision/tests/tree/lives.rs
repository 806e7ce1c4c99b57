//! What the next life of the process knows: budgets, waits, isolation and history survive `kill -9`, here
//! the end of the whole runtime, with all that was under way in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mm_supervision::*;
use proptest::prelude::{ProptestConfig, prop_assert, proptest};

use crate::disk::Disk;
use crate::kit::*;

/// A child `a` with that row, and `b` beside it; counts how often `a` came up again.
async fn boot(disk: &Disk, row: ChildSpec, again: &Arc<AtomicU64>) -> Root {
    let (first, again) = (AtomicU64::new(0), again.clone());
    let seams = disk.seams().with_events(move |event| {
        if &*event.path == "a" && matches!(event.what, What::Started { .. }) {
            again.fetch_add(first.fetch_max(1, Ordering::SeqCst), Ordering::SeqCst);
        }
    });
    Root::start(lenient(Strategy::OneForOne).with(row).with(plain("b", &Handle::new())), seams).await.unwrap()
}

fn state(root: &Root) -> ActorState {
    at(&root.view(), "a").state
}

#[test]
fn a_hundred_kills_in_a_row_neither_refill_a_budget_nor_drain_it() {
    let (disk, again) = (Disk::new(MS, false), Arc::new(AtomicU64::new(0)));
    let budget = Budget { restarts: 10, block: 3 };
    let life = |crashes: u32| {
        paused(async {
            let a = Handle::new();
            let _root = boot(&disk, plain("a", &a).with_budget(budget), &again).await;
            for _ in 0..crashes {
                drop(a.cast(Msg::Fail));
                settle().await;
            }
        });
    };
    (0..100).for_each(|_| life(0));
    assert_eq!(disk.row("a").spent, 0, "nothing crashed");
    (0..100).for_each(|_| life(1));
    assert_eq!(disk.row("a").spent, 10);
    let restarts = again.load(Ordering::SeqCst);
    assert!((2..=10).contains(&restarts), "{restarts}");
    paused(async {
        let root = boot(&disk, plain("a", &Handle::new()).with_budget(budget), &again).await;
        assert_eq!(state(&root), ActorState::Tripped);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    /// A kill at any point between a failure, the record of its debit, the answer and the start: never
    /// more restarts over all lives than the budget, and never one that is not on disk.
    #[test]
    fn never_more_restarts_over_all_lives_than_the_budget(
        restarts in 0_u32..8,
        block in 1_u32..5,
        early: bool,
        lives in proptest::collection::vec(proptest::collection::vec(0_u8..8, 0..8), 1..12),
    ) {
        let (disk, again) = (Disk::new(MS, early), Arc::new(AtomicU64::new(0)));
        let mut ahead = false;
        for script in lives {
            disk.hold();
            disk.shut();
            paused(async {
                let a = Handle::new();
                let row = plain("a", &a).with_budget(Budget { restarts, block });
                let root = boot(&disk, row, &again).await;
                for step in script {
                    match step {
                        0..=2 => drop(a.cast(Msg::Fail)),
                        3 | 4 => disk.let_one_through(),
                        5 => drop(root.tree().restart("b").await),
                        // Less than the disk takes, so that the kill may fall in between.
                        _ => tokio::time::sleep(MS / 2).await,
                    }
                    if step != 0 {
                        tokio::time::sleep(MS / 4).await;
                    }
                    ahead |= again.load(Ordering::SeqCst) > u64::from(disk.row("a").spent);
                }
            });
        }
        let again = again.load(Ordering::SeqCst);
        prop_assert!(again <= u64::from(restarts), "{again} of {restarts}");
        prop_assert!(!ahead, "a restart that was not on disk");
    }
}

#[test]
fn the_next_life_waits_out_the_wait_of_the_last() {
    let (disk, again) = (Disk::new(MS, false), Arc::new(AtomicU64::new(0)));
    let row = |a: &Handle<Msg>| {
        plain("a", a).with_budget(Budget::of(9)).with_backoff(Backoff::between(8 * SECOND, 60 * SECOND))
    };
    paused(async {
        let a = Handle::new();
        let root = boot(&disk, row(&a), &again).await;
        for _ in 0..2 {
            a.cast(Msg::Fail).unwrap();
            settle().await;
            until("back", &root.tree(), |view| at(view, "a").state == ActorState::Running).await;
        }
        a.cast(Msg::Fail).unwrap();
        settle().await;
        assert_eq!(state(&root), ActorState::Restarting);
    });
    let stored = disk.row("a");
    assert_eq!((stored.attempt, stored.spent, stored.restarts.len()), (3, 3, 3));
    assert_eq!(stored.by_cause, [("bug".to_owned(), 3)]);
    let next_ms = stored.next_try_ms.unwrap();
    // Later, in the wait, and with a clock that was put back by a year.
    let year_ms = 365 * 86_400_000;
    for (now_ms, wait) in [
        (next_ms - 5_000, 5 * SECOND),
        (next_ms - 1, MS),
        (next_ms - year_ms, 60 * SECOND),
        (next_ms, Duration::ZERO),
        (next_ms + year_ms, Duration::ZERO),
    ] {
        disk.set_clock(now_ms);
        paused(async {
            let a = Handle::new();
            let root = boot(&disk, row(&a), &again).await;
            if !wait.is_zero() {
                let seen = root.show("a").unwrap();
                assert_eq!((seen.view.state, seen.view.attempt), (ActorState::Restarting, 3));
                assert_eq!(seen.view.next_try, Some(now_ms + i64::try_from(wait.as_millis()).unwrap()));
            }
            let began = tokio::time::Instant::now();
            while !a.is_running() {
                tokio::time::sleep(MS).await;
            }
            assert!(began.elapsed() >= wait && began.elapsed() <= wait + 2 * MS, "{:?}", began.elapsed());
            assert_eq!(disk.row("a").spent, 3, "it is paid for already");
        });
    }
    assert_eq!(again.load(Ordering::SeqCst), 2);
}

#[test]
fn what_an_operator_put_aside_stays_aside() {
    // With a budget of its own and without.
    for budget in [None, Some(Budget::of(1))] {
        let (disk, again) = (Disk::new(MS, false), Arc::new(AtomicU64::new(0)));
        let row = || {
            let row = plain("a", &Handle::new());
            budget.map_or(row.clone(), |budget| row.with_budget(budget))
        };
        paused(async {
            let root = boot(&disk, row(), &again).await;
            disk.refuse(true);
            let refused = root.tree().isolate("a", "looks odd").await.unwrap_err();
            assert!(
                refused.to_string().starts_with("not done, because it could not be recorded: "),
                "{refused}"
            );
            assert_eq!(state(&root), ActorState::Running, "nothing has changed");
            disk.refuse(false);
            root.tree().isolate("a", "looks odd").await.unwrap();
            assert_eq!(disk.row("a").isolated.map(|(why, _)| why).as_deref(), Some("looks odd"));
        });
        for _ in 0..3 {
            paused(async {
                let root = boot(&disk, row(), &again).await;
                assert_eq!(state(&root), ActorState::Isolated);
                root.tree().proved("a").await.unwrap();
                root.tree().clear("a").await.unwrap();
                root.tree().stop("a").await.unwrap();
                assert_eq!(state(&root), ActorState::Isolated, "only a release ends it");
                disk.refuse(true);
                assert!(root.tree().release("a").await.is_err());
                assert!(root.tree().restart("a").await.is_err());
                assert_eq!(state(&root), ActorState::Isolated, "not recorded, not done");
                disk.refuse(false);
                root.stop(SECOND).await;
            });
        }
        paused(async {
            let root = boot(&disk, row(), &again).await;
            root.tree().release("a").await.unwrap();
            assert_eq!(state(&root), ActorState::Running);
            root.tree().release("a").await.unwrap();
            assert_eq!(at(&root.view(), "a").restarts, 0, "twice is once");
        });
        paused(async {
            let root = boot(&disk, row(), &again).await;
            assert_eq!(state(&root), ActorState::Running);
        });
    }
}

#[test]
fn a_supervisor_that_is_isolated_stays_down_with_all_below_it_also_when_its_own_supervisor_restarts() {
    paused(async {
        let disk = Disk::new(MS, false);
        let inner = lenient(Strategy::OneForOne).with(plain("a", &Handle::new()));
        let middle = lenient(Strategy::OneForOne).with(supervisor("in", "", &SupervisorHandle::new(), inner));
        let top = lenient(Strategy::OneForOne).with(supervisor("mid", "", &SupervisorHandle::new(), middle));
        let root = Root::start(top, disk.seams()).await.unwrap();
        root.tree().isolate("mid/in", "as told").await.unwrap();
        assert!(root.tree().kill("mid"));
        until("back", &root.tree(), |view| at(view, "mid").restarts == 1).await;
        assert_eq!(at(&root.view(), "mid/in").state, ActorState::Isolated);
        root.tree().restart("mid/in").await.unwrap();
        assert_eq!(at(&root.view(), "mid/in/a").state, ActorState::Running);
        assert_eq!(disk.row("mid/in").isolated, None);
        root.stop(SECOND).await;
    });
}

#[test]
fn a_tripped_child_that_was_put_aside_is_tripped_again_when_released() {
    paused(async {
        let (disk, a) = (Disk::new(MS, false), Handle::new());
        let again = Arc::default();
        let root = boot(&disk, plain("a", &a).with_budget(Budget::of(0)), &again).await;
        a.cast(Msg::Fail).unwrap();
        settle().await;
        root.tree().isolate("a", "as told").await.unwrap();
        root.tree().release("a").await.unwrap();
        assert_eq!(state(&root), ActorState::Tripped);
        root.stop(SECOND).await;
    });
}

#[test]
fn the_way_in_cannot_be_shut() {
    paused(async {
        let disk = Disk::new(MS, false);
        let root = boot(&disk, plain("a", &Handle::new()).as_way_in(), &Arc::default()).await;
        let refused = root.tree().isolate("a", "as told").await.unwrap_err();
        assert_eq!(refused, CommandError::WayIn { name: "a".into() });
        assert_eq!(state(&root), ActorState::Running);
        root.stop(SECOND).await;
    });
}

/// A recovery action gives itself no new tries: neither a restart by hand, nor adding the child again, nor a
/// restart of its supervisor, nor a new process. Proven work does, and an operator's word.
#[test]
fn only_work_and_an_operator_give_a_budget_back() {
    let (disk, again) = (Disk::new(MS, false), Arc::new(AtomicU64::new(0)));
    let row = |a: &Handle<Msg>| plain("a", a).with_budget(Budget::of(2));
    paused(async {
        let a = Handle::new();
        let root = boot(&disk, row(&a), &again).await;
        for _ in 0..3 {
            a.cast(Msg::Fail).unwrap();
            settle().await;
        }
        assert_eq!(state(&root), ActorState::Tripped);
        for _ in 0..5 {
            root.tree().restart("a").await.unwrap();
            a.cast(Msg::Fail).unwrap();
            settle().await;
            assert_eq!(state(&root), ActorState::Tripped);
        }
        root.supervisor().remove_child("a").await.unwrap();
        assert_eq!(root.supervisor().start_child(row(&a)).await, Ok(Started::Tripped));
        root.stop(SECOND).await;
    });
    for cleared in [true, false] {
        paused(async {
            let a = Handle::new();
            let root = boot(&disk, row(&a), &again).await;
            assert_eq!((state(&root), disk.row("a").spent), (ActorState::Tripped, 2));
            if cleared { root.tree().clear("a").await } else { root.tree().proved("a").await }.unwrap();
            root.tree().restart("a").await.unwrap();
            for _ in 0..3 {
                assert_eq!(state(&root), ActorState::Running);
                a.cast(Msg::Fail).unwrap();
                settle().await;
            }
            assert_eq!(state(&root), ActorState::Tripped);
        });
    }
    let (kept, times) = (disk.row("a").restarts, &disk.row("a").by_cause);
    assert_eq!(times, &[("bug".to_owned(), 3 + 5 + 6)], "what happened is not forgotten");
    assert!(kept.iter().all(|restart| restart.why == "failed: as told"));
}

#[test]
fn a_hundred_failures_leave_the_last_particulars_and_all_of_the_counts() {
    paused(async {
        let (disk, a) = (Disk::new(20 * MS, false), Handle::new());
        let row = plain("a", &a).with_budget(Budget { restarts: 200, block: 200 });
        let root = boot(&disk, row, &Arc::default()).await;
        for times in 1..=100 {
            a.cast(if times % 2 == 0 { Msg::Panic } else { Msg::Fail }).unwrap();
            tokio::time::sleep(25 * MS).await;
        }
        let counted = || disk.row("a").by_cause.iter().map(|(_, times)| times).sum::<u64>();
        until("written down", &root.tree(), |_| counted() == 100).await;
        let row = disk.row("a");
        assert_eq!(row.restarts.len(), RESTARTS_KEPT);
        assert_eq!(row.by_cause, [("bug".to_owned(), 50), ("panicked".to_owned(), 50)]);
        root.stop(SECOND).await;
    });
}
