//! A restart waits for its record, its supervisor does not.

use std::sync::atomic::Ordering;

use mm_supervision::*;
use tokio::time::Instant;

use crate::disk::Disk;
use crate::kit::*;

const STRATEGIES: [Strategy; 3] = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne];

/// Three children, the middle one with a budget of its own.
struct Three {
    root: Root,
    handles: [Handle<Msg>; 3],
    scripts: [Script; 3],
}

impl Three {
    async fn start(strategy: Strategy, disk: &Disk, change: impl Fn(ChildSpec) -> ChildSpec) -> Self {
        let (handles, scripts) = ([(); 3].map(|()| Handle::new()), [(); 3].map(|()| Script::default()));
        let mut spec = lenient(strategy);
        for ((name, handle), script) in ["a", "b", "c"].into_iter().zip(&handles).zip(&scripts) {
            let row = puppet(name, Restart::Permanent, handle, script.clone());
            spec = spec.with(if name == "b" { change(row.with_budget(Budget::of(3))) } else { row });
        }
        let root = Root::start(spec, disk.seams()).await.unwrap();
        Self { root, handles, scripts }
    }

    fn state(&self, path: &str) -> ActorState {
        at(&self.root.view(), path).state
    }

    fn crash(&self) {
        self.handles[1].cast(Msg::Fail).unwrap();
    }

    /// Stops all; nothing may be left, and nothing ever was there twice.
    async fn end(self, what: &str) {
        let report = self.root.stop(10 * SECOND).await;
        assert!(report.in_time && report.stragglers.is_empty(), "{what}: {report:?}");
        for script in &self.scripts {
            assert_eq!(script.alive.0.load(Ordering::SeqCst), 0, "{what}: an orphan");
            assert!(script.alive.1.load(Ordering::SeqCst) <= 1, "{what}: two at once");
        }
    }
}

#[test]
fn nothing_starts_before_its_debit_is_recorded_and_the_supervisor_hears_others() {
    paused(async {
        for strategy in STRATEGIES {
            let disk = Disk::new(MS, false);
            disk.hold();
            let three = Three::start(strategy, &disk, |row| row).await;
            three.crash();
            settle().await;
            assert_eq!(three.state("b"), ActorState::Restarting, "{strategy:?}");
            assert!(!three.handles[1].is_running());
            let more = three.root.supervisor().start_child(plain("d", &Handle::new())).await;
            assert_eq!(more, Ok(Started::Running), "{strategy:?}: it has time for this");
            disk.let_one_through();
            settle().await;
            for path in ["a", "b", "c", "d"] {
                assert_eq!(three.state(path), ActorState::Running, "{strategy:?} {path}");
            }
            assert_eq!(disk.row("b").spent, 1);
            three.end("recorded").await;
        }
    });
}

#[test]
fn the_wait_runs_from_the_failure_not_from_the_answer() {
    paused(async {
        for (store, wait) in [(400, 500), (700, 700)] {
            let disk = Disk::new(MS * store, false);
            let backoff = Backoff::between(SECOND, SECOND);
            let three = Three::start(Strategy::OneForOne, &disk, |row| row.with_backoff(backoff)).await;
            let failed = Instant::now();
            three.crash();
            tokio::time::sleep(10 * MS).await;
            let seen = three.root.show("b").unwrap();
            assert_eq!((seen.view.state, seen.view.attempt), (ActorState::Restarting, 1));
            assert_eq!(seen.view.next_try, Some(1_000_500), "visible before the store has answered");
            until("back", &three.root.tree(), |view| at(view, "b").state == ActorState::Running).await;
            let took = failed.elapsed();
            assert!(took >= MS * wait && took < MS * (wait + 20), "{took:?} for {wait}");
            three.end("waited").await;
        }
    });
}

#[test]
fn a_debit_that_is_refused_trips_the_child_and_its_siblings_go_on() {
    paused(async {
        for strategy in STRATEGIES {
            for refused in [true, false] {
                let disk = Disk::new(MS, false);
                let three = Three::start(strategy, &disk, |row| row.with_budget(Budget::of(1))).await;
                if refused {
                    disk.refuse(true);
                } else {
                    three.crash();
                    settle().await;
                }
                three.crash();
                settle().await;
                let what = format!("{strategy:?}, refused: {refused}");
                assert_eq!(three.state("b"), ActorState::Tripped, "{what}");
                assert_eq!(three.state("a"), ActorState::Running, "{what}");
                assert_eq!(three.state("c"), ActorState::Running, "{what}");
                assert_eq!(disk.row("b").tripped.is_some(), !refused, "{what}");
                three.end(&what).await;
            }
        }
    });
}

#[test]
fn whatever_is_ordered_while_a_debit_is_under_way_leaves_nobody_behind_and_nobody_twice() {
    use ActorState::{Isolated, Restarting, Running, Stopped};
    paused(async {
        for strategy in STRATEGIES {
            for early in [false, true] {
                for (order, then) in [
                    ("stop", Some(Stopped)),
                    ("remove", None),
                    ("restart", Some(Running)),
                    ("isolate", Some(Isolated)),
                    ("clear", Some(Restarting)),
                    ("end", None),
                    ("kill", None),
                ] {
                    let what = format!("{order} in {strategy:?}, early: {early}");
                    let disk = Disk::new(MS, early);
                    disk.hold();
                    let three = Three::start(strategy, &disk, |row| row).await;
                    three.crash();
                    settle().await;
                    let tree = three.root.tree();
                    match order {
                        "stop" => tree.stop("b").await.unwrap(),
                        "remove" => three.root.supervisor().remove_child("b").await.unwrap(),
                        "restart" => tree.restart("b").await.unwrap(),
                        "isolate" => tree.isolate("b", "as told").await.unwrap(),
                        "clear" => tree.clear("b").await.unwrap(),
                        "kill" => assert!(tree.kill("root")),
                        _ => {
                            three.end(&what).await;
                            disk.let_all_through();
                            settle().await;
                            continue;
                        }
                    }
                    if order == "kill" {
                        let scripts = three.scripts.clone();
                        drop(three);
                        disk.let_all_through();
                        settle().await;
                        for script in &scripts {
                            assert_eq!(script.alive.0.load(Ordering::SeqCst), 0, "{what}: an orphan");
                        }
                        continue;
                    }
                    if let Some(then) = then {
                        assert_eq!(three.state("b"), then, "{what}");
                    }
                    disk.let_all_through();
                    settle().await;
                    let view = three.root.view();
                    if let Some(then) = then {
                        let settled = if then == Restarting { Running } else { then };
                        assert_eq!(at(&view, "b").state, settled, "{what}");
                    } else {
                        assert!(view.children.iter().all(|child| child.path != "b"), "{what}");
                    }
                    assert_eq!(at(&view, "a").state, Running, "{what}");
                    assert_eq!(at(&view, "c").state, Running, "{what}");
                    three.end(&what).await;
                }
            }
        }
    });
}

/// The store has recorded it, and then given all back, before the supervisor hears of it.
#[test]
fn an_answer_from_before_the_budget_was_given_back_counts_for_nothing() {
    paused(async {
        let disk = Disk::new(MS, true);
        disk.hold();
        let three = Three::start(Strategy::OneForOne, &disk, |row| row).await;
        three.crash();
        settle().await;
        assert_eq!(disk.row("b").spent, 1);
        three.root.tree().clear("b").await.unwrap();
        disk.let_all_through();
        settle().await;
        for restarts in 1..=3 {
            let seen = at(&three.root.view(), "b").restarts;
            assert_eq!((seen, disk.row("b").spent), (restarts, u32::try_from(restarts).unwrap()));
            three.crash();
            settle().await;
        }
        assert_eq!(three.state("b"), ActorState::Tripped);
        three.end("given back").await;
    });
}

/// `b` waits for its debit when `a`, on which it depends, fails and comes back at once.
#[test]
fn a_siblings_restart_starts_nobody_who_is_not_paid_for() {
    paused(async {
        let disk = Disk::new(MS, false);
        disk.hold();
        let three = Three::start(Strategy::RestForOne, &disk, |row| row).await;
        three.crash();
        settle().await;
        three.handles[0].cast(Msg::Fail).unwrap();
        settle().await;
        assert_eq!((three.state("a"), at(&three.root.view(), "a").restarts), (ActorState::Running, 1));
        assert_eq!(three.state("b"), ActorState::Restarting, "not recorded yet");
        assert_eq!(three.state("c"), ActorState::Restarting, "depends on b");
        disk.let_one_through();
        settle().await;
        assert_eq!((three.state("b"), three.state("c")), (ActorState::Running, ActorState::Running));
        three.end("paid").await;
    });
}

#[test]
fn a_supervisors_own_budget_pays_for_many_with_one_debit_and_can_be_given_back() {
    paused(async {
        let disk = Disk::new(5 * MS, false);
        let handles: Vec<Handle<Msg>> = (0..6).map(|_| Handle::new()).collect();
        let mut spec = lenient(Strategy::OneForOne).with_budget(Budget::of(6));
        for (index, handle) in handles.iter().enumerate() {
            spec = spec.with(plain(&format!("c{index}"), handle));
        }
        let root = Root::start(spec, disk.seams()).await.unwrap();
        handles.iter().for_each(|handle| handle.cast(Msg::Fail).unwrap());
        until("all back", &root.tree(), |view| view.children.iter().all(|child| child.restarts == 1)).await;
        assert_eq!((disk.row("root").spent, disk.debits()), (6, 2), "one for the first, one for the others");
        until("written down", &root.tree(), |_| !disk.row("c3").by_cause.is_empty()).await;
        assert_eq!(disk.row("c3").by_cause, [("bug".to_owned(), 1)], "its children have a history too");
        root.tree().clear("root").await.unwrap();
        assert_eq!(disk.row("root").spent, 0);
        handles[0].cast(Msg::Fail).unwrap();
        until("back", &root.tree(), |view| at(view, "c0").restarts == 2).await;
        disk.refuse(true);
        handles[1].cast(Msg::Fail).unwrap();
        assert_eq!(root.ended().await.to_string(), "gave up: restarts are spent; last: c1: failed: as told");
    });
}

#[test]
fn a_block_is_fetched_before_it_is_used_up_but_not_before_it_is_needed() {
    paused(async {
        let (disk, a) = (Disk::new(MS, false), Handle::new());
        let row = plain("a", &a).with_budget(Budget { restarts: 12, block: 4 });
        let root = Root::start(lenient(Strategy::OneForOne).with(row), disk.seams()).await.unwrap();
        tokio::time::sleep(SECOND).await;
        assert_eq!((disk.row("a").spent, disk.debits()), (0, 0), "a mere start takes nothing");
        let mut taken = Vec::new();
        for _ in 0..12 {
            a.cast(Msg::Fail).unwrap();
            settle().await;
            taken.push(disk.row("a").spent);
        }
        assert_eq!(taken, [4, 8, 8, 8, 8, 12, 12, 12, 12, 12, 12, 12]);
        assert_eq!(at(&root.view(), "a").restarts, 12);
        a.cast(Msg::Fail).unwrap();
        settle().await;
        assert_eq!(at(&root.view(), "a").state, ActorState::Tripped);
        root.stop(SECOND).await;
    });
}

/// Each debit takes ten milliseconds, so one after the other would take ten seconds.
#[test]
fn a_thousand_crashes_at_once_are_recorded_beside_each_other() {
    paused(async {
        let disk = Disk::new(10 * MS, false);
        let handles: Vec<Handle<Msg>> = (0..1_000).map(|_| Handle::new()).collect();
        let mut spec = lenient(Strategy::OneForOne);
        for (index, handle) in handles.iter().enumerate() {
            spec = spec.with(plain(&format!("c{index}"), handle).with_budget(Budget::of(3)));
        }
        let root = Root::start(spec, disk.seams()).await.unwrap();
        let began = Instant::now();
        handles.iter().for_each(|handle| handle.cast(Msg::Fail).unwrap());
        let all_back = |view: &ActorView| view.children.iter().all(|child| child.restarts == 1);
        until("all back", &root.tree(), all_back).await;
        assert!(began.elapsed() < 100 * MS, "{:?}", began.elapsed());
        assert_eq!((disk.most_debits_at_once(), disk.debits()), (1_000, 1_000));
        assert!(root.view().children.iter().all(|child| child.state == ActorState::Running));
        root.stop(SECOND).await;
    });
}

#[test]
fn history_is_gathered_and_keeps_out_of_the_way_of_debits() {
    paused(async {
        let (disk, a, b) = (Disk::new(MS, false), Handle::new(), Handle::new());
        let budget = Budget { restarts: 1_000, block: 4 };
        let spec = lenient(Strategy::OneForOne)
            .with(plain("a", &a).with_budget(budget))
            .with(plain("b", &b).with_budget(budget));
        let root = Root::start(spec, disk.seams()).await.unwrap();
        for _ in 0..40 {
            a.cast(Msg::Fail).unwrap();
            b.cast(Msg::Fail).unwrap();
            tokio::time::sleep(4 * MS).await;
        }
        let counted = |path| disk.row(path).by_cause.first().map(|(_, times)| *times);
        until("written down", &root.tree(), |_| counted("a") == Some(40) && counted("b") == Some(40)).await;
        assert_eq!(disk.notes(), (1, 0), "all of both in one change, once it is quiet");

        disk.hold();
        let before = disk.row("a").spent;
        while disk.row("a").spent == before && at(&root.view(), "a").state == ActorState::Running {
            a.cast(Msg::Fail).unwrap();
            settle().await;
        }
        tokio::time::sleep(100 * MS).await;
        assert_eq!(disk.notes(), (1, 0), "the debit first");
        disk.let_all_through();
        until("written down", &root.tree(), |_| disk.notes() == (2, 0)).await;
        root.stop(SECOND).await;
    });
}

/// Else what was gathered would undo it.
#[test]
fn what_is_given_back_stays_given_back_whatever_was_not_yet_written_down() {
    paused(async {
        let (disk, a) = (Disk::new(MS, false), Handle::new());
        let row = plain("a", &a).with_budget(Budget::of(9));
        let root = Root::start(lenient(Strategy::OneForOne).with(row), disk.seams()).await.unwrap();
        a.cast(Msg::Fail).unwrap();
        settle().await;
        assert_eq!(disk.notes().0, 0, "gathered");
        root.tree().proved("a").await.unwrap();
        tokio::time::sleep(SECOND).await;
        let row = disk.row("a");
        assert_eq!((row.spent, row.attempt, row.restarts.len()), (0, 0, 1));
        root.stop(SECOND).await;
    });
}
