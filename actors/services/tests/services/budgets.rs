//! Restart budgets in the store: exact whoever else writes, told where an operator has his hand in it.

use std::sync::Arc;

use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_services::budgets::StoredBudgets;
use mm_services::records::BudgetRow;
use mm_services::testing::{Seeded, audit};
use mm_store::{Mode, Options, SharedMemory, Store};
use mm_supervision::{BudgetStore, RESTARTS_KEPT, Restarted};

const KEY: &str = "kernel/strategies/default/reader";

fn open(memory: &SharedMemory, mode: Mode) -> Store {
    let options = Options::in_memory(memory.clone(), Arc::new(Seeded::new(1)));
    Store::open(Options { mode, ..options }).unwrap()
}

fn row(store: &Store, key: &str) -> BudgetRow {
    store.get::<BudgetRow>(&Space::machine(), key).unwrap().unwrap().value
}

fn restarted(n: i64) -> Restarted {
    let attempt = u32::try_from(n).unwrap() + 1;
    Restarted { at_ms: n, cause: "bug".into(), why: "x".repeat(999), attempt, next_try_ms: Some(n + 9) }
}

/// Many children and many writers of one child at once: no restart too many, none lost.
#[tokio::test(flavor = "multi_thread")]
async fn debits_of_many_at_once_are_exact() {
    let store = open(&SharedMemory::new(), Mode::Threaded);
    let budgets = StoredBudgets::new(store.clone());
    let mut all = tokio::task::JoinSet::new();
    for n in 0..200 {
        let budgets = budgets.clone();
        all.spawn(async move {
            let own = format!("child-{}", n % 50);
            budgets.note(&own, restarted(n)).await.unwrap();
            (budgets.debit(&own, 1, 3, 0).await.unwrap(), budgets.debit("all", 1, 77, 0).await.unwrap())
        });
    }
    let granted = all.join_all().await;
    assert_eq!(granted.iter().map(|(own, _)| own).sum::<u32>(), 150, "three for each of fifty");
    assert_eq!(granted.iter().map(|(_, one)| one).sum::<u32>(), 77);
    assert_eq!(row(&store, "all").spent, 77);
    for n in 0..50 {
        let row = row(&store, &format!("child-{n}"));
        assert_eq!((row.spent, row.restarts.len(), row.by_cause), (3, 4, vec![("bug".to_owned(), 4)]));
    }
}

/// More than fit into one change, while their debits are recorded: none lost, and no debit too.
#[tokio::test(flavor = "multi_thread")]
async fn what_many_went_through_is_recorded_beside_their_debits() {
    let store = open(&SharedMemory::new(), Mode::Threaded);
    let budgets = StoredBudgets::new(store.clone());
    let keys: Vec<String> = (0..100).map(|n| format!("child-{n}")).collect();
    let notes = || keys.iter().map(|key| (key.clone(), vec![restarted(0), restarted(1)])).collect();
    let mut all = tokio::task::JoinSet::new();
    for key in &keys {
        all.spawn(budgets.debit(key, 2, 3, 0));
    }
    for _ in 0..3 {
        budgets.note_all(notes()).await.unwrap();
    }
    let granted: u32 = all.join_all().await.into_iter().map(Result::unwrap).sum();
    assert_eq!(granted, 200);
    for key in &keys {
        let row = row(&store, key);
        assert_eq!((row.spent, row.attempt, row.by_cause), (2, 2, vec![("bug".to_owned(), 6)]));
    }
}

#[tokio::test]
async fn history_and_isolation_outlive_the_process_and_proved_work() {
    let memory = SharedMemory::new();
    let budgets = StoredBudgets::new(open(&memory, Mode::Inline));
    for n in 0..100 {
        budgets.note(KEY, restarted(n)).await.unwrap();
    }
    assert_eq!(budgets.debit(KEY, 4, 10, 0).await.unwrap(), 4);
    budgets.isolate(KEY, Some("it is odd"), 5).await.unwrap();
    memory.restart();

    let store = open(&memory, Mode::Inline);
    let budgets = StoredBudgets::new(store.clone());
    let standing = budgets.standing(KEY).await.unwrap();
    assert_eq!((standing.spent, standing.attempt, standing.next_try_ms), (4, 100, Some(108)));
    assert_eq!((standing.restarts.len(), standing.restarts[0].at_ms), (RESTARTS_KEPT, 68));
    assert!(standing.restarts.iter().all(|restart| restart.why.len() <= 300));
    budgets.give_back(KEY).await.unwrap();
    let standing = budgets.standing(KEY).await.unwrap();
    assert_eq!((standing.spent, standing.attempt, standing.next_try_ms), (0, 0, None));
    assert_eq!(standing.by_cause, [("bug".to_owned(), 100)]);
    assert_eq!(standing.isolated, Some(("it is odd".to_owned(), 5)));
    budgets.isolate(KEY, None, 6).await.unwrap();
    budgets.isolate(KEY, None, 7).await.unwrap();
    assert_eq!(budgets.standing(KEY).await.unwrap().isolated, None);
    let kinds: Vec<_> = audit(&store).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["actor.isolated", "actor.released"], "each once, and nothing of the rest");
}

#[tokio::test]
async fn an_operators_clearing_is_told_with_its_reason_even_of_a_whole_budget() {
    let store = open(&SharedMemory::new(), Mode::Inline);
    let budgets = StoredBudgets::new(store.clone());
    budgets.debit(KEY, 3, 3, 0).await.unwrap();
    budgets.trip(KEY, "three panics", 1).await.unwrap();
    for _ in 0..2 {
        budgets.clear(KEY, "the disk is replaced", Moment::from_unix_ms(2)).await.unwrap();
        assert_eq!(row(&store, KEY), BudgetRow::default());
    }
    let cleared = audit(&store).into_iter().filter(|(kind, _)| kind == "budget.cleared");
    let told: Vec<_> = cleared.map(|(_, payload)| payload).collect();
    assert_eq!(told.len(), 2);
    assert!(told[0].contains("the disk is replaced") && told[0].contains(r#""by":"owner""#), "{told:?}");
}

/// Wherever the disk dies in a change, its audit entry is there exactly if the change is.
#[test]
fn row_and_audit_entry_are_there_together_or_not_at_all() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for at in 1.. {
        let memory = SharedMemory::new();
        let budgets = StoredBudgets::new(open(&memory, Mode::Inline));
        runtime.block_on(budgets.debit(KEY, 3, 3, 0)).unwrap();
        memory.inject(mm_store::Fault::DeadAt(at));
        let isolated = runtime.block_on(budgets.isolate(KEY, Some("why"), 1)).is_ok();
        let cleared = runtime.block_on(budgets.clear(KEY, "why", Moment::from_unix_ms(1))).is_ok();
        drop(budgets);
        memory.power_loss(at);
        let store = open(&memory, Mode::Inline);
        let (row, kinds) = (row(&store, KEY), audit(&store));
        let told = |kind: &str| kinds.iter().any(|(own, _)| own == kind);
        assert_eq!(row.isolated.is_some(), told("actor.isolated"), "{at}");
        assert_eq!(row.spent == 0, told("budget.cleared"), "{at}");
        assert!((!isolated || row.isolated.is_some()) && (!cleared || row.spent == 0), "{at}: acknowledged");
        if cleared {
            assert!(at > 5, "only {at} operations were tried");
            break;
        }
    }
}
