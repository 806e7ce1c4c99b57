//! Limits hold over restarts and kills: the oracle counts.

use std::sync::Arc;
use std::time::Duration;

use mm_core::activity::ActionRecord;
use mm_core::id::{ActionId, Space};
use mm_core::limit::{LimitScope, Priority, Quota, QuotaState};
use mm_core::run::{Outcome, RunRecord, Trigger};
use mm_services::limiter::{Ask, Charge};
use mm_services::records::AccountKind;
use mm_services::testing::{Bench, Said, Script, Seeded, add_account, audit, get, pack};
use mm_store::{Fault, Mode, Options, Span, Store};

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

/// Two hundred lives, each killed while a request is on its way: the server never counts more than the
/// limit in any window of real time, whatever the lives' clocks show.
#[test]
fn two_hundred_restarts_never_exceed_the_limit_that_the_server_counts() {
    let mut bench = Bench::new(7);
    bench.rules.put("sim.toml", &pack(5, "60s"));
    bench.install(Script::reads("reader", &["/a", "/b"]));
    bench.world.answer(|_| Said::status(200, "").after(Duration::from_millis(300)));
    // Real time and the server's, which no life can set.
    let (mut real, mut arrivals) = (Duration::ZERO, Vec::new());
    for life in 0..200i64 {
        let before = bench.world.count();
        let (began, passed) = bench.live(async |machine| {
            let (began, timer) = (machine.now(), tokio::time::Instant::now());
            drop(machine.services.strategies.start("reader", Trigger::Operator).await.unwrap());
            if life % 3 == 0 {
                // Killed in the middle of a request, if one comes.
                let sent = machine.until("a request is on its way", || machine.world.count() > before);
                drop(tokio::time::timeout(Duration::from_secs(5), sent).await);
            } else {
                machine.pass(Duration::from_secs(15 * (life % 7) as u64)).await;
            }
            let passed = timer.elapsed();
            if life % 5 == 4 {
                machine.world.jump([3_600_000, -3_599_000, 86_400_000][life as usize % 3]);
            }
            (began, passed)
        });
        let new = bench.world.log().split_off(before);
        arrivals.extend(new.iter().map(|request| real + request.at.since(began)));
        real += passed;
    }
    assert!(arrivals.len() > 50, "only {} requests", arrivals.len());
    for from in &arrivals {
        let until = *from + Duration::from_secs(60);
        let within = arrivals.iter().filter(|at| (*from..=until).contains(*at)).count();
        assert!(within <= 5, "{within} within a minute");
    }
}

#[test]
fn what_a_strategy_may_do_a_day_is_a_layer_of_its_own() {
    let mut bench = Bench::new(8);
    bench.install(Script::reads("reader", &["/a"]));
    bench.install(Script::reads("other", &["/b"]));
    bench.installed("reader").daily_actions_max = Some(2);
    for _ in 0..3 {
        bench.live(async |machine| machine.run("reader").await);
    }
    let last = bench.live(async |machine| {
        assert_eq!(machine.run("other").await.outcome, Some(Outcome::Succeeded));
        machine.run("reader").await
    });
    assert!(last.errors[0].contains("2 in 1d per strategy `reader`"), "{:?}", last.errors);
    assert_eq!(bench.world.count(), 3);
}

/// Wherever the disk dies in an act: that it was permitted, and what it is charged to (its platform's limit,
/// its strategy's day, everybody's day), are on record together or not at all.
#[test]
fn a_permit_and_what_it_is_charged_to_are_there_together_or_not_at_all() {
    let mut deaths = [0, 0];
    for at in 1.. {
        let mut bench = Bench::new(21);
        bench.install(Script::reads("reader", &["/a"]));
        bench.installed("reader").daily_actions_max = Some(5);
        let memory = bench.memory.clone();
        let died = bench.live(async |machine| {
            memory.inject(Fault::DeadAt(at));
            drop(machine.services.strategies.start("reader", Trigger::Operator).await);
            let ended = || machine.rows::<RunRecord>().iter().any(|(_, run)| run.outcome.is_some());
            machine.until("it is over", || !machine.store.is_running() || ended()).await;
            !machine.store.is_running()
        });
        memory.power_loss(at);
        let options = Options::in_memory(memory, Arc::new(Seeded::new(1)));
        let store = Store::open(Options { mode: Mode::Inline, ..options }).unwrap();
        let charged =
            |space: &Space| store.scan::<QuotaState>(space, Span::all(), usize::MAX).unwrap().rows.len();
        let charged = charged(&Space::machine()) + charged(&Space::default_owner());
        let permitted = audit(&store).iter().filter(|(kind, _)| kind == "action.permitted").count();
        assert_eq!(charged, 3 * permitted, "dead at {at}");
        assert!(bench.world.count() <= permitted, "dead at {at}");
        if !died {
            assert_eq!((permitted, bench.world.count()), (1, 1));
            break;
        }
        deaths[permitted] += 1;
    }
    assert!(deaths.iter().all(|n| *n > 3), "only {deaths:?} operations were tried");
}

#[test]
fn a_quota_nearly_used_pauses_lower_priorities_first_is_told_once_and_is_over_when_it_is_whole() {
    let mut bench = Bench::new(9);
    bench.rules.put("sim.toml", &pack(10, "1h"));
    for (name, priority) in [("low", 100), ("high", 1)] {
        bench.install(Script::reads(name, &["/a"]));
        bench.installed(name).priority = priority;
    }
    bench.live(async |machine| {
        let mut done = [0, 0];
        for (place, name) in [(0, "low"), (1, "high")] {
            for _ in 0..12 {
                done[place] += i32::from(machine.run(name).await.outcome == Some(Outcome::Succeeded));
            }
        }
        assert_eq!(done, [9, 1], "the last one is not for all");
        let about = |machine: &mm_services::testing::Machine| {
            machine.alerts().into_iter().filter(|(about, _)| about.starts_with("quota/platform/sim")).count()
        };
        machine.until("it is told", || about(machine) == 1).await;
        machine.pass(Duration::from_secs(3_700)).await;
        machine.until("it is over", || about(machine) == 0).await;
    });
}

/// Four strategies wait for a slow limit: each has its turn, and who cannot come in time is told so at once.
#[test]
fn strategies_that_wait_for_a_limit_take_turns() {
    let mut bench = Bench::new(10);
    bench.settings.concurrent_runs_max = 4;
    bench.rules.put("sim.toml", &pack(1, "5s"));
    const NAMES: [&str; 4] = ["a", "b", "c", "d"];
    for name in NAMES {
        bench.install(Script::new(name, move |cx| {
            Box::pin(async move {
                for n in 0..2 {
                    mm_services::testing::read(cx, &format!("s{n}"), &format!("/{name}{n}")).await?;
                }
                Ok(Default::default())
            })
        }));
    }
    bench.live(async |machine| {
        for name in NAMES {
            machine.services.strategies.start(name, Trigger::Operator).await.unwrap().unwrap();
        }
        machine.until("all wait", || machine.world.count() == 1).await;
        let waiting = machine.services.limiter.queue().await.unwrap();
        assert!(!waiting.is_empty() && waiting.iter().all(|one| one.eta.is_some()), "{waiting:?}");
        for name in NAMES {
            assert_eq!(machine.idle(name).await.unwrap().outcome, Some(Outcome::Succeeded));
        }
    });
    let first: std::collections::BTreeSet<String> = bench.world.paths().into_iter().take(4).collect();
    assert_eq!(first.into_iter().collect::<Vec<_>>(), ["GET /a0", "GET /b0", "GET /c0", "GET /d0"]);
}

/// Two wait for one place that is free in time for either: one has it, and the other is told when it would have
/// come, as soon as that is known and not at the end of its time.
#[test]
fn who_waits_in_vain_is_told_as_soon_as_it_is_known() {
    let mut bench = Bench::new(13);
    bench.live(async |machine| {
        let (limiter, began) = (&machine.services.limiter, machine.now());
        let per = Duration::from_secs(40);
        let (platform, space) = ("sim".parse().unwrap(), Space::machine());
        let quota = Quota::of_platform(LimitScope::Platform, &platform, None, None, &space, 1, per).unwrap();
        let charge = Charge {
            platform,
            strategy: "one".into(),
            account: None,
            quotas: vec![quota],
            pause: Duration::ZERO,
        };
        let ask = |step: &str, within: u64| Ask {
            action: ActionId::new(step),
            priority: Priority::SYSTEM,
            until: began.plus(Duration::from_secs(within)),
        };
        assert!(limiter.acquire(&charge, ask("a", 5)).await.unwrap().is_ok());
        let told = limiter.acquire(&charge, ask("b", 30)).await.unwrap().unwrap_err();
        assert_eq!(told.eta, Some(began.plus(per + Duration::from_millis(1))));
        assert_eq!(machine.now(), began, "it could never come in time");
        let (first, second) =
            tokio::join!(limiter.acquire(&charge, ask("c", 50)), limiter.acquire(&charge, ask("d", 60)),);
        assert!(first.unwrap().is_ok());
        let told = second.unwrap().unwrap_err();
        let waited = machine.now().since(began);
        assert!(waited > per && waited < per + Duration::from_secs(1), "{waited:?}");
        assert!(told.eta.unwrap().since(began) > per * 2, "{told}");
        assert!(limiter.queue().await.unwrap().is_empty());
    });
}

/// When the requests came, in milliseconds after the first, by the account that they came with.
fn arrivals(bench: &Bench, token: &str) -> Vec<u128> {
    let with = |request: &mm_services::testing::Request| {
        request.headers.iter().any(|(_, value)| value.contains(token))
    };
    let log: Vec<_> = bench.world.log().into_iter().filter(with).collect();
    log.iter().map(|request| request.at.since(log[0].at).as_millis()).collect()
}

/// The first ten go at once and the others evenly, so that the sixty of a minute are spent before it is
/// over; the next one comes when the window lets it. One account's quota is not slowed by another's.
#[test]
fn sixty_a_minute_are_reached_by_each_account_and_never_exceeded() {
    let mut bench = Bench::new(12);
    bench.settings.daily_actions_max = 100_000;
    bench.rules.put("sim.toml", &pack(60, "1m").replace("scope = \"platform\"", "scope = \"account\""));
    const NAMES: [&str; 2] = ["main", "second"];
    for name in NAMES {
        let reads = Script::new(name, move |cx| {
            Box::pin(async move {
                for n in 0..150 {
                    let action = get(&format!("/{n}")).with_account(name.parse().unwrap());
                    match cx.act(&format!("s{n}"), action).await? {
                        mm_sdk::Act::Done(_) => {}
                        other => return Err(mm_sdk::Fault::transient(format!("{other:?}"))),
                    }
                }
                Ok(Default::default())
            })
        });
        bench.install(reads.deadline(Duration::from_secs(3_600)));
    }
    bench.live(async |machine| {
        for name in NAMES {
            add_account(machine, name, AccountKind::Bearer, &[("token", &format!("CANARY-{name}"))]).await;
            machine.services.strategies.start(name, Trigger::Operator).await.unwrap().unwrap();
        }
        for name in NAMES {
            let run = machine.idle(name).await.unwrap();
            assert_eq!(run.outcome, Some(Outcome::Succeeded), "{:?}", run.errors);
        }
    });
    for name in NAMES {
        let at = arrivals(&bench, name);
        assert_eq!((at.len(), at[9]), (150, 0), "{name}");
        assert!(at[10] >= 1_000 && at[59] <= 52_000, "{name}: {at:?}");
        assert!(
            at[60] > 60_000 && at[60] <= 60_100,
            "{name}: the next comes when the window lets it: {at:?}"
        );
        for (place, from) in at.iter().enumerate() {
            let within = at[place..].iter().filter(|one| **one - from <= 60_000).count();
            assert!(within <= 60, "{name}: {within} within a minute");
        }
    }
}
