//! Hosts: what the owner says is durable, one strategy's trouble is its own, and a run that was given
//! up can do nothing more.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use mm_core::activity::{ActionRecord, Stage};
use mm_core::error::TransportFault;
use mm_core::id::Space;
use mm_core::opportunity::Opportunity;
use mm_core::run::{Outcome, RunRecord, Trigger};
use mm_sdk::{Act, Fault, Report};
use mm_services::gateway::{Fence, Origin, Proposal, Walked};
use mm_services::records::{LookUpRow, OpenRow};
use mm_services::strategies::{NotStarted, Word};
use mm_services::testing::{Bench, Machine, Said, Script, draft, get, post, read};

async fn status(machine: &Machine, id: &str) -> &'static str {
    machine.services.strategies.standing(id).await.unwrap().unwrap().status()
}

async fn by_tick(machine: &Machine, id: &str) -> Result<RunRecord, NotStarted> {
    let started = machine.services.strategies.start(id, Trigger::Tick(machine.now())).await.unwrap();
    started?;
    Ok(machine.idle(id).await.unwrap())
}

#[test]
fn what_the_owner_says_of_a_strategy_outlives_restarts() {
    let mut bench = Bench::new(1);
    bench.install(Script::reads("reader", &["/a"]));
    let say = async |machine: &Machine, word| machine.services.strategies.say("reader", word).await.unwrap();
    bench.live(async |machine| {
        assert!(
            say(machine, Word::Pause { reason: "holidays".into(), by: "the owner".into(), until: None })
                .await
        )
    });
    bench.live(async |machine| {
        assert_eq!(status(machine, "reader").await, "paused");
        assert_eq!(by_tick(machine, "reader").await.unwrap_err(), NotStarted::Paused("holidays".into()));
        // A person who asks for a run gets one.
        assert_eq!(machine.run("reader").await.outcome, Some(Outcome::Succeeded));
        say(machine, Word::Resume(None)).await;
    });
    bench.live(async |machine| {
        assert_eq!(status(machine, "reader").await, "active");
        assert!(by_tick(machine, "reader").await.is_ok());
        say(machine, Word::Disable).await;
    });
    bench.live(async |machine| {
        assert_eq!(status(machine, "reader").await, "disabled");
        let started = machine.services.strategies.start("reader", Trigger::Operator).await.unwrap();
        assert_eq!(started.unwrap_err(), NotStarted::Disabled);
        say(machine, Word::Enable).await;
    });
    bench.installed("reader").enabled = false;
    bench.live(async |machine| {
        assert_eq!(status(machine, "reader").await, "active", "the owner's word outweighs the configuration");
        let words: Vec<_> = machine.audit().into_iter().map(|(kind, _)| kind).collect();
        for kind in ["strategy.paused", "strategy.resumed", "strategy.disabled", "strategy.enabled"] {
            assert_eq!(words.iter().filter(|word| *word == kind).count(), 1, "{kind}");
        }
        assert!(!machine.services.strategies.say("nobody", Word::Resume(None)).await.unwrap());
    });
}

#[test]
fn a_refused_configuration_puts_one_strategy_aside_and_says_so_until_it_is_right() {
    let mut bench = Bench::new(2);
    bench
        .install(Script::reads("bad", &["/bad"]).refusing("`colour` is no key"))
        .install(Script::reads("good", &["/good"]));
    bench.live(async |machine| {
        assert_eq!(status(machine, "bad").await, "error");
        let started = machine.services.strategies.start("bad", Trigger::Operator).await.unwrap();
        assert_eq!(started.unwrap_err(), NotStarted::PutAside("`colour` is no key".into()));
        assert_eq!(machine.run("good").await.outcome, Some(Outcome::Succeeded));
        assert!(
            machine.alerts().iter().any(|(about, text)| about == "put-aside/bad" && text.contains("colour"))
        );
    });
    bench.install(Script::reads("bad", &["/bad"]));
    bench.live(async |machine| {
        assert_eq!(machine.run("bad").await.outcome, Some(Outcome::Succeeded));
        machine.until("the alert is over", || machine.alerts().is_empty()).await;
    });
}

/// Panics as long as the switch says so.
fn panicker(bad: &Arc<Mutex<bool>>) -> Script {
    let bad = bad.clone();
    Script::new("panicker", move |_| {
        let bad = *bad.lock().unwrap();
        Box::pin(async move {
            assert!(!bad, "as told");
            Ok(Report::default())
        })
    })
}

#[test]
fn three_panics_in_a_row_trip_a_strategy_and_nothing_else_and_a_probe_brings_it_back() {
    let bad = Arc::new(Mutex::new(true));
    let mut bench = Bench::new(3);
    bench.install(panicker(&bad)).install(Script::reads("good", &["/good"]));
    bench.live(async |machine| {
        for _ in 0..3 {
            let run = machine.run("panicker").await;
            assert_eq!(run.outcome, Some(Outcome::Failed));
            assert!(run.errors[0].contains("the strategy panicked: as told"), "{:?}", run.errors);
        }
        assert_eq!(status(machine, "panicker").await, "tripped");
        assert!(matches!(by_tick(machine, "panicker").await, Err(NotStarted::Tripped(_))));
        assert_eq!(machine.run("good").await.outcome, Some(Outcome::Succeeded));
        let host = machine.root.show("kernel/strategies/default/panicker").unwrap();
        assert_eq!(host.view.restarts, 0, "a panic of a strategy is none of its host");
    });
    bench.live(async |machine| {
        assert_eq!(status(machine, "panicker").await, "tripped", "over a restart");
        machine.pass(Duration::from_secs(61)).await;
        assert_eq!(by_tick(machine, "panicker").await.unwrap().outcome, Some(Outcome::Failed));
        machine.pass(Duration::from_secs(61)).await;
        assert!(by_tick(machine, "panicker").await.is_err(), "a failed probe opens it for longer");
        machine.pass(Duration::from_secs(61)).await;
        *bad.lock().unwrap() = false;
        assert_eq!(by_tick(machine, "panicker").await.unwrap().outcome, Some(Outcome::Succeeded));
        assert_eq!(status(machine, "panicker").await, "active");
    });
}

#[test]
fn a_fatal_fault_stops_a_strategy_until_a_person_acts() {
    let mut bench = Bench::new(4);
    bench.install(Script::new("doomed", |_| Box::pin(async { Err(Fault::fatal("the site is gone")) })));
    bench.live(async |machine| {
        assert_eq!(by_tick(machine, "doomed").await.unwrap().outcome, Some(Outcome::Failed));
        let refused = by_tick(machine, "doomed").await.unwrap_err();
        assert!(
            matches!(&refused, NotStarted::Paused(why) if why.contains("the site is gone")),
            "{refused:?}"
        );
        assert!(machine.alerts().iter().any(|(_, text)| text.contains("the site is gone")));
    });
    bench.live(async |machine| {
        assert!(by_tick(machine, "doomed").await.is_err(), "over a restart");
        machine.services.strategies.say("doomed", Word::Resume(None)).await.unwrap();
        assert!(by_tick(machine, "doomed").await.is_ok());
    });
}

#[test]
fn what_cannot_be_stored_fails_the_run_and_not_its_host() {
    let huge = "x".repeat(100_000);
    let bodies: [(&str, Script); 3] = [
        ("an opportunity", {
            let huge = huge.clone();
            Script::new("greedy", move |cx| {
                let huge = huge.clone();
                Box::pin(async move {
                    cx.found(mm_sdk::Draft {
                        details: serde_json::json!({ "all": huge }).into(),
                        ..draft("it")
                    });
                    Ok(Report::default())
                })
            })
        }),
        ("errors", {
            let huge = huge.clone();
            Script::new("greedy", move |_| {
                let errors = vec![huge.clone(); 20];
                Box::pin(async move { Ok(Report { errors, ..Report::default() }) })
            })
        }),
        ("a fault", {
            Script::new("greedy", move |_| {
                let huge = huge.clone();
                Box::pin(async move { Err(Fault::transient(huge)) })
            })
        }),
    ];
    for (what, script) in bodies {
        let mut bench = Bench::new(5);
        bench.install(script);
        bench.live(async |machine| {
            let run = machine.run("greedy").await;
            let expected = if what == "errors" { Outcome::Succeeded } else { Outcome::Failed };
            assert_eq!(run.outcome, Some(expected), "{what}: {:?}", run.errors);
            assert_eq!((run.attempt, run.found), (1, 0), "{what}");
            assert!(run.errors.iter().map(String::len).sum::<usize>() < 40_000, "{what}");
            let host = machine.root.show("kernel/strategies/default/greedy").unwrap();
            assert_eq!(host.view.restarts, 0, "{what}");
        });
    }
}

#[test]
fn a_run_that_waits_for_a_slot_does_not_use_up_its_time() {
    let mut bench = Bench::new(6);
    bench.settings.concurrent_runs_max = 1;
    bench
        .install(Script::reads("long", &["/slow"]))
        .install(Script::reads("short", &["/quick"]).deadline(Duration::from_secs(60)));
    bench.world.answer(|request| {
        Said::status(200, "").after(Duration::from_secs(if request.path() == "/slow" { 50 } else { 0 }))
    });
    bench.live(async |machine| {
        machine.services.strategies.start("long", Trigger::Operator).await.unwrap().unwrap();
        machine.until("the slot is taken", || machine.world.count() == 1).await;
        let short = machine.run("short").await;
        assert_eq!(short.outcome, Some(Outcome::Succeeded), "{:?}", short.errors);
        assert_eq!(machine.idle("long").await.unwrap().outcome, Some(Outcome::Succeeded));
    });
}

#[test]
fn a_run_past_its_deadline_is_cancelled_and_its_late_answer_is_only_recorded() {
    let mut bench = Bench::new(7);
    bench.install(Script::reads("slow", &["/a"]).deadline(Duration::from_secs(30)));
    bench.world.answer(|_| Said::status(200, "late").after(Duration::from_secs(50)));
    bench.live(async |machine| {
        let run = machine.run("slow").await;
        assert_eq!(run.outcome, Some(Outcome::Cancelled));
        assert_eq!(run.actions, 1);
        machine.pass(Duration::from_secs(100)).await;
        let record = machine.rows::<ActionRecord>().remove(0).1;
        assert_eq!((record.stage, record.answer_status), (Stage::Confirmed, Some(200)), "{record:?}");
        assert_eq!(machine.rows::<mm_core::run::StepRecord>(), vec![], "the journal is over");
        assert_eq!(machine.rows::<OpenRow>(), vec![]);
        assert_eq!(status(machine, "slow").await, "active", "being slow is no failure");
    });
}

/// A run that posts, and is over before it is answered.
fn answered_too_late() -> Bench {
    let mut bench = Bench::new(8);
    bench.install(
        Script::new("poster", |cx| {
            Box::pin(async move {
                cx.act("p", post("/post", "x")).await?;
                Ok(Report::default())
            })
        })
        .deadline(Duration::from_secs(30)),
    );
    bench.world.answer(|_| Said::status(200, "late").after(Duration::from_secs(50)));
    bench
}

#[test]
fn a_change_whose_answer_came_after_its_run_is_on_record_as_it_was_answered() {
    let mut bench = answered_too_late();
    bench.live(async |machine| {
        assert_eq!(machine.run("poster").await.outcome, Some(Outcome::Cancelled));
        machine.pass(Duration::from_secs(100)).await;
        let record = machine.rows::<ActionRecord>().remove(0).1;
        assert_eq!((record.stage, record.answer_status), (Stage::Confirmed, Some(200)));
        assert_eq!(machine.rows::<OpenRow>(), vec![]);
    });
}

/// Whoever took a change for lost calls it ambiguous; then its answer comes, and nobody need look it up any more.
#[test]
fn a_late_answer_to_what_was_taken_for_lost_ends_the_question_to_the_owner() {
    let mut bench = answered_too_late();
    bench.live(async |machine| {
        let run = machine.run("poster").await;
        assert_eq!(run.outcome, Some(Outcome::Cancelled));
        let action = post("/post", "x");
        let fence = Fence::default();
        fence.close();
        let same = Proposal {
            space: Space::default_owner(),
            strategy: run.strategy.clone(),
            run: run.id.clone(),
            origin: Origin::Run { version: 1 },
            step: "p".into(),
            first_hash: action.hash(),
            action,
            deadline: machine.now().plus(Duration::from_secs(60)),
            fence,
        };
        let walked = machine.services.gateway.act(same, Duration::from_secs(60)).await;
        assert!(matches!(walked, Ok(Ok(Walked::Fenced))), "{walked:?}");
        assert_eq!(machine.rows::<ActionRecord>().remove(0).1.stage, Stage::Ambiguous);
        let asked = || machine.alerts().iter().any(|(about, _)| about.starts_with("ambiguous/"));
        machine.until("its owner is asked", asked).await;
        machine.pass(Duration::from_secs(100)).await;
        let record = machine.rows::<ActionRecord>().remove(0).1;
        assert_eq!((record.stage, record.answer_status), (Stage::Confirmed, Some(200)));
        assert_eq!(machine.rows::<LookUpRow>(), vec![]);
        machine.until("he is not asked any more", || !asked()).await;
    });
}

#[test]
fn a_change_without_an_answer_or_with_a_servers_own_error_is_ambiguous_and_told() {
    for said in [|| Said::fault(TransportFault::Timeout), || Said::status(502, "")] {
        let mut bench = Bench::new(8);
        bench.install(Script::new("poster", |cx| {
            Box::pin(async move {
                cx.act("p", post("/post", "x")).await?;
                Ok(Report::default())
            })
        }));
        bench.world.answer(move |_| said());
        bench.live(async |machine| {
            machine.run("poster").await;
            assert_eq!(machine.rows::<ActionRecord>().remove(0).1.stage, Stage::Ambiguous);
            assert!(machine.alerts().iter().any(|(about, _)| about.starts_with("ambiguous/")));
            assert_eq!(machine.world.count(), 1, "it is never sent again by itself");
        });
    }
}

#[test]
fn an_act_of_a_run_that_was_taken_up_by_another_is_fenced_off_and_sends_nothing() {
    let mut bench = Bench::new(9);
    bench.install(Script::reads("reader", &["/a"]));
    bench.live(async |machine| {
        let run = machine.run("reader").await;
        for stale in [0, 1, 7] {
            let action = get("/late");
            let proposal = Proposal {
                space: Space::default_owner(),
                strategy: run.strategy.clone(),
                run: run.id.clone(),
                origin: Origin::Run { version: stale },
                step: "late".into(),
                first_hash: action.hash(),
                action,
                deadline: machine.now().plus(Duration::from_secs(60)),
                fence: Default::default(),
            };
            let walked = machine.services.gateway.act(proposal, Duration::from_secs(60)).await;
            assert!(matches!(walked, Ok(Ok(Walked::Fenced))), "{walked:?}");
        }
        assert_eq!(machine.world.paths(), ["GET /a"]);
        assert_eq!(machine.rows::<ActionRecord>().len(), 1);
    });
}

/// The restart budget of a host is for good unless work is proved: a run that ends well proves it.
#[test]
fn a_run_that_succeeds_gives_its_hosts_restarts_back() {
    let mut bench = Bench::new(10);
    bench.install(Script::reads("reader", &["/a"]));
    const HOST: &str = "kernel/strategies/default/reader";
    bench.live(async |machine| {
        for kill in 1..=25 {
            assert!(machine.root.tree().kill(HOST), "kill {kill}");
            machine
                .until("the host is back", || machine.root.show(HOST).unwrap().view.restarts == kill)
                .await;
            assert_eq!(machine.run("reader").await.outcome, Some(Outcome::Succeeded), "kill {kill}");
            machine
                .until("its budget is whole", || machine.root.show(HOST).unwrap().budget_spent == Some(0))
                .await;
        }
    });
}

/// Real threads and real time: a strategy that never yields.
#[test]
fn a_strategy_that_spins_holds_nobody_up_is_given_up_and_can_do_nothing_more() {
    let (gate, opened) = mpsc::channel::<()>();
    let opened = Arc::new(Mutex::new(opened));
    let (told, late) = mpsc::channel::<String>();
    let mut bench = Bench::new(11);
    bench.settings.concurrent_runs_max = 1;
    bench.install(
        Script::new("spinner", move |cx| {
            let (opened, told) = (opened.clone(), told.clone());
            Box::pin(async move {
                // Blocks its thread without ever yielding.
                opened.lock().unwrap().recv().unwrap();
                let act = cx.act("late", get("/late")).await;
                told.send(format!("{act:?}")).unwrap();
                cx.keep(1, vec![1]);
                cx.found(draft("late"));
                Ok(Report::default())
            })
        })
        .deadline(Duration::from_millis(50)),
    );
    bench.install(Script::reads("good", &["/good"]));
    bench.live_on_threads(async |machine| {
        let id = machine.services.strategies.start("spinner", Trigger::Operator).await.unwrap().unwrap();
        let standing = machine.services.strategies.standing("spinner").await.unwrap().unwrap();
        assert_eq!(standing.running, Some(id), "it answers while it spins");
        let run = machine.idle("spinner").await.unwrap();
        assert_eq!(run.outcome, Some(Outcome::Stuck));
        assert_eq!(status(machine, "spinner").await, "tripped", "one is enough");
        assert!(machine.alerts().iter().any(|(about, _)| about == "stuck/spinner"));
        // Its one slot is given again although its thread still spins.
        assert_eq!(machine.run("good").await.outcome, Some(Outcome::Succeeded));

        gate.send(()).unwrap();
        let act = late.recv_timeout(Duration::from_secs(10)).unwrap();
        assert!(act.contains("Err(Ended"), "{act}");
        assert_eq!(machine.run("good").await.outcome, Some(Outcome::Succeeded));
        assert_eq!(machine.world.paths(), ["GET /good", "GET /good"]);
        let runs = machine.rows::<RunRecord>();
        assert_eq!(runs.iter().filter(|(_, run)| run.outcome == Some(Outcome::Stuck)).count(), 1);
        assert_eq!(machine.rows::<Opportunity>(), vec![]);
        assert_eq!(machine.strategy("spinner").snapshot_generation, 0);
    });
}

#[test]
fn a_strategy_sees_pending_and_refused_and_answers_as_they_are() {
    let mut bench = Bench::new(12);
    bench.install(Script::new("seer", |cx| {
        Box::pin(async move {
            let answer = read(cx, "s1", "/a").await?;
            assert_eq!((answer.status, answer.body), (200, b"/a".to_vec()));
            let Act::Refused(refusal) = cx.act("s2", post("/elsewhere", "")).await? else {
                panic!("permitted")
            };
            Ok(Report { errors: refusal.rules, ..Report::default() })
        })
    }));
    bench.live(async |machine| {
        let run = machine.run("seer").await;
        assert_eq!((run.outcome, run.errors), (Some(Outcome::Succeeded), vec!["engine/no-rule".to_owned()]));
        let sent = machine.world.log();
        assert_eq!(sent[0].headers, [("user-agent".to_owned(), "money-machine-test".to_owned())]);
    });
}
