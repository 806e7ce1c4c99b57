//! Alerts: whatever is raised, the service lives and the table has an end.

use std::time::Duration;

use mm_core::id::Space;
use mm_services::records::AlertRow;
use mm_services::testing::{Bench, Machine};
use mm_store::{Change, Span};

fn rows(machine: &Machine) -> Vec<(String, AlertRow)> {
    let found = machine.store.scan::<AlertRow>(&Space::machine(), Span::all(), usize::MAX).unwrap();
    found.rows.into_iter().map(|(about, row)| (about, row.value)).collect()
}

async fn last_is_there(machine: &Machine) {
    machine.services.alerts.raise(&Space::machine(), "zz-last", "last");
    machine
        .until("the last alert is there", || rows(machine).iter().any(|(about, _)| about == "zz-last"))
        .await;
}

#[test]
fn whatever_it_is_about_and_says_an_alert_is_kept_and_can_be_cleared() {
    Bench::new(1).live(async |machine| {
        let alerts = &machine.services.alerts;
        let abouts = [String::new(), "nul\0nul".to_owned(), "ü".repeat(100_000), "line\nline".to_owned()];
        for about in &abouts {
            alerts.raise(&Space::machine(), about.clone(), format!("{about}\n{}", "x\0".repeat(1_000_000)));
        }
        last_is_there(machine).await;
        let kept = rows(machine);
        assert_eq!(kept.len(), abouts.len() + 1);
        for (about, row) in &kept {
            assert!(!about.is_empty() && about.len() <= 200 && !about.contains(char::is_control), "{about}");
            let sentence = &row.sentence;
            assert!(sentence.chars().count() <= 1000 && !sentence.contains(char::is_control), "{sentence}");
            assert_eq!(row.times, 1);
        }
        for about in &abouts {
            alerts.clear(&Space::machine(), about.clone());
        }
        machine.until("they are over", || machine.alerts().len() == 1).await;
    });
}

#[test]
fn all_of_a_prefix_are_cleared_together_and_no_other() {
    Bench::new(2).live(async |machine| {
        let (alerts, space) = (&machine.services.alerts, Space::machine());
        for n in 0..1_200 {
            alerts.raise(&space, format!("strategy/one/{n}"), "x");
            if n % 100 == 0 {
                machine.pass(Duration::from_millis(1)).await;
            }
        }
        alerts.raise(&space, "strategy/one-more/1", "x");
        last_is_there(machine).await;
        assert_eq!(machine.alerts().len(), 1_202);
        alerts.clear_prefix(&space, "");
        alerts.clear_prefix(&space, "strategy/one/");
        machine.until("they are over", || machine.alerts().len() <= 2).await;
        let left: Vec<_> = machine.alerts().into_iter().map(|(about, _)| about).collect();
        assert_eq!(left, ["strategy/one-more/1", "zz-last"]);
        assert_eq!(machine.audit_of("alert.cleared").len(), 1_200);
    });
}

#[test]
fn what_has_been_over_for_ninety_days_is_forgotten_daily_and_at_start() {
    let mut bench = Bench::new(3);
    bench.live(async |machine| {
        let (alerts, space) = (&machine.services.alerts, Space::machine());
        alerts.raise(&space, "open", "x");
        alerts.raise(&space, "over", "x");
        alerts.clear(&space, "over");
        last_is_there(machine).await;
        machine.pass(Duration::from_secs(89 * 86_400)).await;
        assert_eq!(rows(machine).len(), 3);
        machine.pass(Duration::from_secs(2 * 86_400)).await;
        let left: Vec<_> = rows(machine).into_iter().map(|(about, _)| about).collect();
        assert_eq!(left, ["open", "zz-last"]);
        assert_eq!(machine.audit_of("alert.forgotten"), ["{\"forgotten\":1}"]);
        alerts.clear(&space, "open");
        machine.until("it is over", || machine.alerts().len() == 1).await;
        machine.world.jump(91 * 86_400_000);
    });
    bench.live(async |machine| {
        // By then the rules are due for review, and that is told.
        let left =
            || rows(machine).into_iter().filter(|(about, _)| !about.starts_with("rules/stale/")).count();
        machine.until("it is forgotten", || left() == 1).await;
    });
}

#[test]
fn of_more_than_ten_thousand_the_oldest_over_go_and_then_the_oldest_and_the_owner_is_told() {
    let mut bench = Bench::new(4);
    let now = bench.now;
    bench.meddle(|store| {
        let mut change = Change::new();
        for n in 0..10_004u64 {
            let at = now.minus(Duration::from_secs(1_000_000 - n));
            // Two are over, and not the oldest.
            let cleared_at = (n == 77 || n == 99).then_some(now);
            let row = AlertRow { cleared_at, ..AlertRow::news("x", at, 0) };
            change = change.put(&Space::machine(), &format!("a{n:05}"), &row).unwrap();
        }
        store.commit_blocking(change).unwrap();
    });
    bench.live(async |machine| {
        machine.until("it is tidied", || rows(machine).len() <= 10_001).await;
        machine
            .until("it is told", || rows(machine).iter().any(|(about, _)| about == "alerts/too-many"))
            .await;
        let left = rows(machine);
        for gone in ["a00000", "a00001", "a00077", "a00099"] {
            assert!(!left.iter().any(|(about, _)| about == gone), "{gone}");
        }
        assert_eq!(left.len(), 10_001);
    });
}
