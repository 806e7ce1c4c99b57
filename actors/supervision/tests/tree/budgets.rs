//! Durable budgets: neither a crash loop nor a reboot refills them, and a trip stays below.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use mm_supervision::*;
use proptest::prelude::{ProptestConfig, prop_assert, proptest};

use crate::kit::*;

/// Nothing allowed to the supervisor itself, so that it would give up if a child's crash counted.
fn strict() -> SupervisorSpec {
    SupervisorSpec::new(Strategy::OneForOne, Intensity { max: 0, within: SECOND })
}

async fn boot(a: &Handle<Msg>, budget: Budget, store: &Arc<MemoryBudgets>) -> Root {
    let seams = Seams::simulated().with_budgets(store.clone());
    let row = plain("a", a).with_budget(budget);
    Root::start(strict().with(row).with(plain("b", &Handle::new())), seams).await.unwrap()
}

fn state(root: &Root) -> ActorState {
    at(&root.view(), "a").state
}

#[test]
fn a_spent_budget_trips_the_child_and_nobody_else() {
    paused(async {
        let (a, store) = (Handle::new(), Arc::new(MemoryBudgets::default()));
        let root = boot(&a, Budget::of(3), &store).await;
        for _ in 0..4 {
            a.cast(Msg::Fail).unwrap();
            settle().await;
        }
        assert_eq!(state(&root), ActorState::Tripped);
        assert_eq!(at(&root.view(), "a").restarts, 3);
        assert_eq!(at(&root.view(), "b").state, ActorState::Running);
        root.stop(SECOND).await;

        let root = boot(&a, Budget::of(3), &store).await;
        assert_eq!(state(&root), ActorState::Tripped, "a reboot changes nothing");
        root.tree().restart("a").await.unwrap();
        a.cast(Msg::Fail).unwrap();
        settle().await;
        assert_eq!(state(&root), ActorState::Tripped, "one by hand, and no more");
        root.tree().proved("a").await.unwrap();
        root.tree().restart("a").await.unwrap();
        a.cast(Msg::Fail).unwrap();
        settle().await;
        assert_eq!(state(&root), ActorState::Running, "given back");
        root.stop(SECOND).await;
    });
}

#[test]
fn a_bad_configuration_puts_the_child_aside_not_the_tree() {
    paused(async {
        let script = Script::default();
        script.failing_starts.store(u32::MAX, std::sync::atomic::Ordering::SeqCst);
        let row = puppet("a", Restart::Permanent, &Handle::new(), script).with_budget(Budget::of(2));
        let root = Root::start(strict().with(row), Seams::simulated()).await.unwrap();
        settle().await;
        assert_eq!(state(&root), ActorState::Tripped);
        assert_eq!(at(&root.view(), "a").last_cause.as_deref(), Some("could not start: not today"));
        assert!(root.supervisor().is_running());
        root.stop(SECOND).await;
    });
}

/// A store that cannot record.
struct Broken;

impl Broken {
    fn answer<T: Send + 'static>() -> BoxFuture<'static, Result<T, BudgetError>> {
        let source = "disk full".into();
        Box::pin(std::future::ready(Err(BudgetError { key: "a".into(), source })))
    }
}

impl BudgetStore for Broken {
    fn standing(&self, _: &str) -> BoxFuture<'static, Result<BudgetStanding, BudgetError>> {
        Box::pin(std::future::ready(Ok(BudgetStanding::default())))
    }
    fn debit(&self, _: &str, _: u32, _: u32, _: i64) -> BoxFuture<'static, Result<u32, BudgetError>> {
        Self::answer()
    }
    fn refund(&self, _: &str, _: u32) -> BoxFuture<'static, Result<(), BudgetError>> {
        Self::answer()
    }
    fn trip(&self, _: &str, _: &str, _: i64) -> BoxFuture<'static, Result<(), BudgetError>> {
        // Never answers: the supervisor must not wait for ever.
        Box::pin(std::future::pending())
    }
    fn give_back(&self, _: &str) -> BoxFuture<'static, Result<(), BudgetError>> {
        Self::answer()
    }
}

#[test]
fn a_store_that_cannot_record_grants_nothing_and_holds_up_nobody() {
    paused(async {
        let a = Handle::new();
        let diary = Diary::default();
        let seams = diary.seams().with_budgets(Arc::new(Broken));
        let root =
            Root::start(strict().with(plain("a", &a).with_budget(Budget::of(9))), seams).await.unwrap();
        diary.take();
        a.cast(Msg::Fail).unwrap();
        until("tripped", &root.tree(), |view| at(view, "a").state == ActorState::Tripped).await;
        tokio::time::sleep(10 * SECOND).await;
        assert_eq!(
            diary.take(),
            [
                "a failed: as told",
                "a restart budget not recorded: could not record the restart budget of `a`: disk full",
                "a restart budget not recorded: the store did not answer in time",
                "a tripped: failed: as told",
            ]
        );
        root.stop(SECOND).await;
    });
}

#[test]
fn a_supervisor_without_budget_left_fails_upwards_however_slow_its_crashes() {
    paused(async {
        let a = Handle::new();
        let spec = lenient(Strategy::OneForOne).with_budget(Budget::of(2)).with(plain("a", &a));
        let root = Root::start(spec, Seams::simulated()).await.unwrap();
        for _ in 0..3 {
            tokio::time::sleep(1_000 * SECOND).await;
            a.cast(Msg::Fail).unwrap();
            settle().await;
        }
        assert!(matches!(root.ended().await, Exit::GaveUp(_)));
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    /// Crashes, kills of the whole process and orderly stops in any order: never more restarts in all
    /// than the budget has.
    #[test]
    fn never_more_restarts_than_the_budget(
        restarts in 0_u32..8,
        block in 1_u32..4,
        script in proptest::collection::vec(0_u8..5, 1..40),
    ) {
        let mut total = 0;
        paused(async {
            let (mut a, store) = (Handle::new(), Arc::new(MemoryBudgets::default()));
            let budget = Budget { restarts, block };
            let mut root = boot(&a, budget, &store).await;
            for step in script {
                match step {
                    0 => {
                        total += at(&root.view(), "a").restarts;
                        drop(root); // the process is killed
                        a = Handle::new();
                        root = boot(&a, budget, &store).await;
                    }
                    1 => {
                        total += at(&root.view(), "a").restarts;
                        root.stop(SECOND).await;
                        root = boot(&a, budget, &store).await;
                    }
                    _ => {
                        drop(a.cast(Msg::Fail));
                        settle().await;
                    }
                }
            }
            total += at(&root.view(), "a").restarts;
        });
        prop_assert!(total <= u64::from(restarts), "{total} of {restarts}");
    }
}
