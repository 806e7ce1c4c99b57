//! Limits hold over restarts and kills: the oracle counts.

use std::time::Duration;

use mm_core::activity::ActionRecord;
use mm_core::run::{Outcome, Trigger};
use mm_services::testing::{Bench, Said, Script, pack};

fn three_a_day(seed: u64) -> Bench {
    let mut bench = Bench::new(seed);
    bench.rules.put("sim.toml", &pack(3, "1d"));
    bench.install(Script::reads("reader", &["/a"]));
    bench
}

#[test]
fn three_a_day_over_three_restarts_and_five_runs_are_exactly_three() {
    let mut bench = three_a_day(1);
    let mut outcomes = Vec::new();
    for runs in [2, 1, 1, 1] {
        for _ in 0..runs {
            outcomes.push(bench.live(async |machine| machine.run("reader").await.outcome.unwrap()));
        }
    }
    assert_eq!(bench.world.count(), 3);
    let ok = Outcome::Succeeded;
    assert_eq!(outcomes, [ok, ok, ok, Outcome::Failed, Outcome::Failed]);
}

#[test]
fn a_full_limit_is_named_at_once_and_stands_among_the_checks() {
    let mut bench = three_a_day(2);
    bench.live(async |machine| {
        for _ in 0..3 {
            machine.run("reader").await;
        }
        let before = machine.now();
        let run = machine.run("reader").await;
        assert!(run.errors[0].contains("the limit of 3 in 1d per platform at sim"), "{:?}", run.errors);
        assert!(machine.now().since(before) < Duration::from_secs(1), "nothing to wait for");
        let records = machine.rows::<ActionRecord>();
        let last = &records.iter().find(|(id, _)| id.starts_with(run.id.as_str())).unwrap().1;
        assert!(last.checks.iter().any(|check| check.rule == "limit" && check.verdict == "forbid"));
    });
}

#[test]
fn the_day_after_three_more_may_go() {
    let mut bench = three_a_day(3);
    bench.live(async |machine| {
        for _ in 0..3 {
            machine.run("reader").await;
        }
        machine.pass(Duration::from_secs(86_401)).await;
        assert_eq!(machine.run("reader").await.outcome, Some(Outcome::Succeeded));
    });
    assert_eq!(bench.world.count(), 4);
}

/// Killed just after the outside has received the request and before anybody wrote that down.
#[test]
fn killed_in_the_middle_of_a_request_the_limit_still_holds() {
    let mut bench = three_a_day(4);
    bench.world.answer(|_| Said::status(200, "").after(Duration::from_secs(5)));
    for life in 0..6 {
        let count = bench.world.count();
        bench.live(async |machine| {
            let started = machine.services.strategies.start("reader", Trigger::Operator).await.unwrap();
            // A run that was cut off is taken up again by itself and keeps the strategy busy.
            assert_eq!(started.is_ok(), life == 0 || life > 3, "life {life}: {started:?}");
            if life < 3 {
                machine.until("a request is on its way", || machine.world.count() > count).await;
            } else {
                machine.idle("reader").await;
            }
        });
    }
    assert_eq!(bench.world.count(), 3);
}

#[test]
fn the_owners_own_cap_counts_over_all_platforms_and_restarts() {
    let mut bench = Bench::new(5);
    bench.settings.daily_actions_max = 2;
    bench.install(Script::reads("reader", &["/a"]));
    for _ in 0..4 {
        bench.live(async |machine| machine.run("reader").await);
    }
    assert_eq!(bench.world.count(), 2);
}

#[test]
fn a_clock_set_back_refills_nothing() {
    let mut bench = three_a_day(6);
    bench.live(async |machine| {
        for _ in 0..3 {
            machine.run("reader").await;
        }
        machine.world.jump(-3 * 86_400_000);
        machine.run("reader").await;
    });
    bench.live(async |machine| machine.run("reader").await);
    assert_eq!(bench.world.count(), 3);
}
