//! Words of faults and panics may hold a secret: nobody sees them but through the mask.

use std::sync::{Arc, Mutex};

use mm_supervision::*;

use crate::kit::*;

const SECRET: [&str; 4] = ["as told", "not today", "cannot even begin", "no goodbye"];

#[test]
fn no_word_of_a_fault_or_panic_leaves_unmasked() {
    paused(async {
        let told = Arc::new(Mutex::new(String::new()));
        let (lines, budgets) = (told.clone(), Arc::new(MemoryBudgets::default()));
        let seams = Seams::simulated()
            .with_budgets(budgets.clone())
            .with_mask(|text| SECRET.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "…")))
            .with_events(move |event| {
                let report = if let What::Crashed(report) = &event.what {
                    report.cause.clone()
                } else {
                    String::new()
                };
                lines.lock().unwrap().push_str(&format!("{} {report}\n", event.what));
            });
        let (a, b) = (Handle::new(), Handle::new());
        let script = Script { panicking_stop: true, ..Script::default() };
        let spec = lenient(Strategy::OneForOne)
            .with(puppet("a", Restart::Permanent, &a, script.clone()).with_budget(Budget::of(4)))
            .with(plain("b", &b));
        let root = Root::start(spec, seams).await.unwrap();
        let starts = [&script.failing_starts, &script.panicking_starts];
        for (crash, start) in [Msg::Fail, Msg::Panic].into_iter().zip(starts) {
            start.store(1, std::sync::atomic::Ordering::SeqCst);
            a.cast(crash).unwrap();
            settle().await;
        }
        b.cast(Msg::Panic).unwrap();
        settle().await;
        a.cast(Msg::Fail).unwrap();
        settle().await;
        let view = root.view();
        assert_eq!(at(&view, "a").state, ActorState::Tripped);
        let standing = budgets.standing("a").await.unwrap();
        let seen = format!("{view:?} {:?} {standing:?} {}", root.show("a"), told.lock().unwrap());
        assert!(seen.contains('…') && told.lock().unwrap().matches('…').count() >= 6, "{seen}");
        for secret in SECRET {
            assert!(!seen.contains(secret), "`{secret}` is in {seen}");
        }
        root.stop(SECOND).await;
    });
}
