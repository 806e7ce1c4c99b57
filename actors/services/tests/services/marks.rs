//! Marks: the same change, proposed by one run after the other and over crashes at every write, is sent at
//! most once, unless it provably did not happen.

use mm_core::error::TransportFault;
use mm_core::id::Space;
use mm_core::mark::{Mark, Marked};
use mm_core::run::Trigger;
use mm_sdk::{Act, Report};
use mm_services::gateway::{SystemAction, Walked};
use mm_services::testing::{Bench, HOST, Machine, Said, Script, pack, post};
use mm_store::Fault;
use std::time::Duration;

/// Proposes the very same post in every run, and reports what it was told.
fn same(name: &'static str) -> Script {
    Script::new(name, |cx| {
        Box::pin(async move {
            let said = match cx.act("p", post("/post", "the same")).await? {
                Act::Done(answer) => format!("done {}", answer.status),
                Act::Refused(refusal) => refusal.why,
                Act::Pending(id) => format!("pending {id}"),
            };
            Ok(Report { errors: vec![said], ..Report::default() })
        })
    })
}

/// How the platform meets a post: what it does, and what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meets {
    /// Done and said.
    Well,
    /// Done, and the answer is lost.
    Silently,
    /// Not done, and it says so.
    No,
    /// Never reached.
    Away,
}

impl Meets {
    fn said(self) -> Said {
        match self {
            Meets::Well => Said::status(201, "made"),
            Meets::Silently => Said::fault(TransportFault::Reset),
            Meets::No => Said::status(422, "no"),
            Meets::Away => Said::fault(TransportFault::Connect),
        }
    }

    /// Whether it can have happened.
    fn may_have_happened(self) -> bool {
        matches!(self, Meets::Well | Meets::Silently)
    }
}

fn bench(meets: Meets) -> Bench {
    let mut bench = Bench::new(1);
    bench.install(same("poster"));
    bench.world.answer(move |_| meets.said());
    bench
}

async fn run_or_die(machine: &Machine) {
    if let Ok(Ok(_)) = machine.services.strategies.start("poster", Trigger::Operator).await {
        let over = || !machine.store.is_running() || machine.strategy("poster").last_outcome.is_some();
        machine.until("the run or the disk is over", over).await;
    }
}

#[test]
fn the_same_change_by_run_after_run_over_a_crash_at_every_write_is_made_once() {
    for meets in [Meets::Well, Meets::Silently, Meets::No, Meets::Away] {
        // Crashes in the first run, and in the second, which proposes the same.
        for crashed_run in [0, 1] {
            let mut prepared = bench(meets);
            if crashed_run == 1 {
                prepared.live(async |machine| machine.run("poster").await);
            }
            for at in 1.. {
                let mut bench = prepared.fork();
                let memory = bench.memory.clone();
                let died = bench.live(async |machine| {
                    memory.inject(Fault::DeadAt(at));
                    run_or_die(machine).await;
                    !machine.store.is_running()
                });
                bench.live(async |machine| {
                    machine.idle("poster").await;
                    for _ in 0..3 {
                        machine.run("poster").await;
                    }
                    machine.audit();
                });
                let sent = bench.world.count();
                let name = format!("{meets:?}, dead at {at} of run {crashed_run}");
                if meets.may_have_happened() {
                    assert!(sent <= 1, "{name}: sent {sent} times");
                } else {
                    // Every run may try what provably did not happen; what a crash left open it may not.
                    assert!(sent <= 5, "{name}: sent {sent} times");
                }
                if !died {
                    break;
                }
            }
        }
    }
}

#[test]
fn what_was_done_is_told_to_whoever_proposes_it_again() {
    let mut bench = bench(Meets::Well);
    bench.install(same("other"));
    bench.live(async |machine| {
        assert_eq!(machine.run("poster").await.errors, ["done 201"]);
        assert_eq!(machine.run("poster").await.errors, ["done 201"]);
        assert_eq!(machine.world.count(), 1);
        // Another strategy's is another's.
        assert_eq!(machine.run("other").await.errors, ["done 201"]);
        assert_eq!(machine.world.count(), 2);
        let marks = machine.rows::<Mark>();
        assert!(marks.iter().all(|(_, mark)| mark.state == Marked::Done), "{marks:?}");
    });
}

#[test]
fn what_may_have_happened_is_refused_and_what_did_not_is_tried_again() {
    bench(Meets::Silently).live(async |machine| {
        machine.run("poster").await;
        let again = machine.run("poster").await.errors.remove(0);
        assert!(again.contains("may have happened"), "{again}");
        assert_eq!(machine.world.count(), 1);
    });
    bench(Meets::Away).live(async |machine| {
        machine.run("poster").await;
        machine.world.answer(|_| Said::status(201, ""));
        assert_eq!(machine.run("poster").await.errors, ["done 201"]);
        assert_eq!(machine.world.count(), 2);
    });
}

/// A platform that knows keys gets the same one for the same change, also when it is tried again.
#[test]
fn a_change_that_is_tried_again_carries_the_same_key() {
    let mut bench = bench(Meets::Away);
    let agent = "user_agent = \"money-machine-test\"\n";
    let keyed = format!("{agent}headers = {{ idempotency-key = \"{{mark}}\" }}\n");
    bench.rules.put("sim.toml", &pack(1000, "1d").replace(agent, &keyed));
    bench.install(Script::new("other", |cx| {
        Box::pin(async move {
            cx.act("p", post("/post", "another")).await?;
            Ok(Report::default())
        })
    }));
    bench.live(async |machine| {
        machine.run("poster").await;
        machine.run("other").await;
    });
    bench.live(async |machine| {
        machine.world.answer(|_| Said::status(201, ""));
        machine.run("poster").await;
        let key = |nth: usize| {
            let log = machine.world.log();
            let found = log[nth].headers.iter().find(|(name, _)| name == "idempotency-key");
            found.map(|(_, value)| value.clone()).unwrap()
        };
        assert_eq!(machine.world.count(), 3);
        assert_eq!((key(0), key(0).len()), (key(2), 32));
        assert_ne!(key(0), key(1));
    });
}

/// The machine's own acts walk the same road, have records and no marks, and nobody is asked about them.
#[test]
fn an_act_of_the_machines_own_is_judged_and_on_record_and_another_each_time() {
    let mut bench = Bench::new(2);
    bench.live(async |machine| {
        let system = |action| SystemAction {
            space: Space::default_owner(),
            service: "health",
            step: "look".to_owned(),
            action,
            within: Duration::from_secs(60),
        };
        for _ in 0..2 {
            let walked =
                machine.services.gateway.system(system(post("/post", "same"))).await.unwrap().unwrap();
            assert!(matches!(walked, Walked::Done(answer) if answer.status == 200));
        }
        assert_eq!(machine.world.count(), 2);
        assert_eq!(machine.rows::<Mark>().len(), 0);
        let records = machine.rows::<mm_core::activity::ActionRecord>();
        let named: Vec<_> = records.iter().map(|(id, row)| (id.as_str(), row.strategy.as_str())).collect();
        let epoch = machine.store.epoch();
        let ids = [format!("system-{epoch}-1.look"), format!("system-{epoch}-2.look")];
        assert_eq!(named, [(ids[0].as_str(), "system.health"), (ids[1].as_str(), "system.health")]);

        let asked =
            mm_services::testing::action("ask", mm_sdk::Request::get(mm_services::testing::url("/a")));
        let walked = machine.services.gateway.system(system(asked)).await.unwrap().unwrap();
        assert!(matches!(&walked, Walked::Refused(refusal) if refusal.why.contains("nobody is asked")));
        let elsewhere = post(&format!("https://{HOST}/elsewhere"), "");
        let walked = machine.services.gateway.system(system(elsewhere)).await.unwrap().unwrap();
        assert!(matches!(walked, Walked::Refused(_)));
        assert_eq!(machine.world.count(), 2);
    });
}
