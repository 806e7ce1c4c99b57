//! The tree: a kernel that spends its restarts stays down, alone; restarts above a service restart
//! what depends on it.

use std::time::Duration;

use mm_core::id::Space;
use mm_core::run::{Outcome, Trigger};
use mm_services::testing::{Bench, Machine, Said, Script, pack};

fn restarts(machine: &Machine, path: &str) -> u64 {
    machine.root.show(path).map_or(0, |actor| actor.view.restarts)
}

#[test]
fn a_kernel_that_spends_its_restarts_stays_down_and_upkeep_lives() {
    let mut bench = Bench::new(1);
    bench.install(Script::reads("reader", &["/a"]));
    bench.live(async |machine| {
        assert!(machine.services.kernel_is_up());
        for kill in 1..=11 {
            assert!(machine.root.tree().kill("kernel/limiter"), "kill {kill}");
            let back = || restarts(machine, "kernel/limiter") == kill || !machine.services.kernel_is_up();
            machine.until("the limiter is back or the kernel is down", back).await;
        }
        assert!(!machine.services.kernel_is_up());
        // Nothing goes out, and nobody waits for what is not there.
        assert!(machine.services.strategies.start("reader", Trigger::Operator).await.is_err());
        machine.services.alerts.raise(&Space::machine(), "safe-mode", "the kernel is down");
        machine.until("upkeep writes the alert", || !machine.alerts().is_empty()).await;
        machine.pass(Duration::from_secs(600)).await;
        assert!(!machine.services.kernel_is_up(), "it does not come back by itself");
        assert_eq!(machine.world.count(), 0);
    });
    bench.live(async |machine| {
        assert_eq!(machine.run("reader").await.outcome, Some(Outcome::Succeeded), "a new process is well");
    });
}

/// Each service killed in the middle of a run: what depends on it starts again, the run is taken up,
/// and the limit still holds.
#[test]
fn any_service_killed_in_the_middle_of_a_run_costs_time_and_nothing_else() {
    let services = [
        "kernel/audit",
        "kernel/accounts",
        "kernel/limiter",
        "kernel/compliance",
        "kernel/platforms",
        "kernel/platforms/sim",
        "kernel/gateway",
        "kernel/books",
        "kernel/scheduler",
        "kernel/strategies/default/reader",
        "upkeep/alerts",
    ];
    for path in services {
        let mut bench = Bench::new(2);
        bench.install(Script::reads("reader", &["/1", "/2", "/3"]));
        bench.world.answer(|request| Said::status(200, request.path()).after(Duration::from_secs(5)));
        bench.live(async |machine| {
            machine.services.strategies.start("reader", Trigger::Operator).await.unwrap().unwrap();
            machine.until("step two is on its way", || machine.world.count() == 2).await;
            assert!(machine.root.tree().kill(path), "{path}");
            machine.until("it is back", || restarts(machine, path) == 1).await;
            let over = || machine.strategy("reader").last_outcome.is_some();
            machine.until("the run is over", over).await;
            let row = machine.strategy("reader");
            assert_eq!(
                (row.last_outcome, row.runs),
                (Some(Outcome::Succeeded), 1),
                "{path}: {:?}",
                row.errors
            );
            let paths = machine.world.paths();
            assert_eq!(paths.iter().filter(|asked| *asked == "GET /1").count(), 1, "{path}: {paths:?}");
            assert!(paths.len() <= 4, "{path}: {paths:?}");
            machine.audit();
        });
    }
}

/// The same while an act waits for a slot: whoever hears first of the death, the run does not end over it.
#[test]
fn a_service_killed_while_a_run_waits_for_its_slot_costs_time_and_nothing_else() {
    for path in ["kernel/limiter", "kernel/compliance", "kernel/platforms/sim", "kernel/gateway"] {
        let mut bench = Bench::new(2);
        bench.rules.put("sim.toml", &pack(1, "40s"));
        bench.install(Script::reads("reader", &["/1", "/2"]));
        bench.live(async |machine| {
            machine.services.strategies.start("reader", Trigger::Operator).await.unwrap().unwrap();
            machine.until("step one is done", || machine.world.count() == 1).await;
            machine.pass(Duration::from_secs(5)).await;
            assert!(machine.root.tree().kill(path), "{path}");
            machine.until("it is back", || restarts(machine, path) == 1).await;
            machine.until("the run is over", || machine.strategy("reader").last_outcome.is_some()).await;
            let row = machine.strategy("reader");
            let end = (row.last_outcome, row.runs);
            assert_eq!(end, (Some(Outcome::Succeeded), 1), "{path}: {:?}", row.errors);
            assert_eq!(machine.world.paths(), ["GET /1", "GET /2"], "{path}");
            machine.audit();
        });
    }
}
