//! The five classes of error on the road: what is tried again, what cools down, what opens a breaker.

use std::time::Duration;

use mm_core::activity::{ActionRecord, Stage};
use mm_core::breaker::{Breaker, State};
use mm_core::error::{ErrorClass, TransportFault};
use mm_core::id::Space;
use mm_core::run::{Outcome, Trigger};
use mm_sdk::{Act, Report};
use mm_services::records::AccountKind;
use mm_services::testing::{Bench, HOST, Machine, Said, Script, get, pack, post, rule};
use mm_store::Store;

/// Reads `/a` once and says in its errors what `act` gave.
fn reporter() -> Script {
    Script::new("reader", |cx| {
        Box::pin(async move {
            let said = match cx.act("s1", get("/a")).await? {
                Act::Done(answer) => format!("done {}", answer.status),
                Act::Refused(refusal) => format!("{}: {}", refusal.class.as_str(), refusal.why),
                Act::Pending(id) => format!("pending {id}"),
            };
            Ok(Report { errors: vec![said], ..Report::default() })
        })
    })
}

fn bench(seed: u64) -> Bench {
    let mut bench = Bench::new(seed);
    bench.install(reporter());
    bench
}

async fn said(machine: &Machine) -> String {
    machine.run("reader").await.errors.join("; ")
}

fn breaker(store: &Store) -> Breaker {
    let row = store.get::<Breaker>(&Space::machine(), "sim/@sim.example.com/read").unwrap();
    row.map(|row| row.value).unwrap_or_default()
}

#[test]
fn a_500_is_tried_three_times_with_pauses_each_permitted_and_then_is_the_answer() {
    let mut bench = bench(1);
    bench.world.answer(|_| Said::status(500, "oops"));
    bench.live(async |machine| {
        assert_eq!(said(machine).await, "done 500");
        let log = machine.world.log();
        assert_eq!(log.len(), 3);
        let waits: Vec<_> = log.windows(2).map(|pair| pair[1].at.since(pair[0].at)).collect();
        assert!(
            waits[0] <= Duration::from_millis(1001) && waits[1] <= Duration::from_millis(2001),
            "{waits:?}"
        );
        assert!(waits.iter().any(|wait| *wait > Duration::ZERO), "{waits:?}");
        let tries = machine.audit_of("action.permitted");
        assert_eq!(tries.len(), 3);
        for (n, entry) in tries.iter().enumerate() {
            assert!(entry.contains(&format!("\"try\":{}", n + 1)), "{entry}");
        }
        let records = machine.rows::<ActionRecord>();
        assert_eq!((records.len(), records[0].1.stage), (1, Stage::Failed));
    });
}

#[test]
fn a_500_that_passes_is_a_success() {
    let mut bench = bench(2);
    bench.world.answer(|request| Said::status(if request.nth < 2 { 503 } else { 200 }, ""));
    bench.live(async |machine| {
        assert_eq!(said(machine).await, "done 200");
        assert_eq!(machine.rows::<ActionRecord>()[0].1.stage, Stage::Confirmed);
    });
}

#[test]
fn a_404_is_an_answer_and_a_failed_action_and_is_not_tried_again() {
    let mut bench = bench(3);
    bench.world.answer(|_| Said::status(404, "no"));
    bench.live(async |machine| {
        assert_eq!(said(machine).await, "done 404");
        assert_eq!(machine.world.count(), 1);
        let records = machine.rows::<ActionRecord>();
        assert_eq!((records[0].1.stage, records[0].1.answer_status), (Stage::Failed, Some(404)));
        assert_eq!(machine.audit_of("action.failed").len(), 1);
    });
}

#[test]
fn transport_faults_are_refusals_of_their_class_and_only_what_may_pass_is_tried_again() {
    for (fault, requests, says) in [
        (TransportFault::Timeout, 3, "transient: https://sim.example.com/a: the answer did not come in time"),
        (TransportFault::Truncated, 3, "transient: https://sim.example.com/a"),
        (TransportFault::BadEncoding, 3, "transient: https://sim.example.com/a"),
        (TransportFault::Tls, 3, "transient: https://sim.example.com/a: no secure connection"),
        (
            TransportFault::TooLarge { max_bytes: 5 },
            1,
            "fatal: https://sim.example.com/a: the answer is longer than the 5 bytes",
        ),
        (
            TransportFault::ForbiddenAddress,
            1,
            "compliance: https://sim.example.com/a: its name leads to no public address",
        ),
    ] {
        let mut bench = bench(4);
        bench.world.answer(move |_| Said::fault(fault));
        bench.live(async |machine| {
            let said = said(machine).await;
            assert!(said.starts_with(says), "{fault:?}: {said}");
            assert_eq!(machine.world.count(), requests, "{fault:?}");
            let record = machine.rows::<ActionRecord>().remove(0).1;
            assert_eq!((record.stage, record.answer_status), (Stage::Failed, None), "{fault:?}");
        });
    }
}

#[test]
fn a_429_with_a_time_makes_everybody_wait_so_long_also_after_a_restart() {
    let mut bench = bench(5);
    bench.install(Script::reads("other", &["/b"]));
    bench.world.answer(|request| match request.nth {
        0 => Said::status(429, "").header("retry-after", "7200"),
        _ => Said::status(200, ""),
    });
    bench.live(async |machine| {
        // Two hours are too long to wait for on the road: the answer is what came.
        assert_eq!(said(machine).await, "done 429");
        let other = machine.run("other").await;
        assert!(other.errors[0].contains("sim asked to be left alone until 20"), "{:?}", other.errors);
    });
    bench.live(async |machine| {
        machine.pass(Duration::from_secs(7100)).await;
        assert!(said(machine).await.contains("asked to be left alone"));
        assert_eq!(machine.world.count(), 1);
        machine.pass(Duration::from_secs(101)).await;
        assert_eq!(said(machine).await, "done 200");
        assert!(matches!(breaker(&machine.store).state(), State::Closed { .. }), "a limit opens no breaker");
    });
}

#[test]
fn a_429_with_a_short_time_is_waited_for() {
    let mut bench = bench(6);
    bench.world.answer(|request| match request.nth {
        0 => Said::status(429, "").header("retry-after", "30"),
        _ => Said::status(200, ""),
    });
    bench.live(async |machine| {
        assert_eq!(said(machine).await, "done 200");
        let log = machine.world.log();
        assert!(log[1].at.since(log[0].at) >= Duration::from_secs(30));
    });
}

#[test]
fn a_403_that_is_a_limit_is_waited_for_and_opens_no_breaker() {
    let mut bench = bench(7);
    bench.world.answer(|request| match request.nth {
        0 => Said::status(403, "").header("retry-after", "30"),
        _ => Said::status(200, ""),
    });
    bench.live(async |machine| {
        assert_eq!(said(machine).await, "done 200");
        assert!(matches!(breaker(&machine.store).state(), State::Closed { .. }));
    });
}

#[test]
fn five_failures_open_the_breaker_it_stays_open_over_a_restart_and_one_probe_closes_it() {
    let mut bench = bench(8);
    bench.world.answer(|_| Said::fault(TransportFault::Connect));
    bench.live(async |machine| {
        said(machine).await;
        let second = said(machine).await;
        assert_eq!(machine.world.count(), 5);
        assert!(
            second.contains("the breaker of sim at sim.example.com is open: 5 failures in a row"),
            "{second}"
        );
    });
    bench.world.answer(|_| Said::status(200, ""));
    bench.live(async |machine| {
        assert!(said(machine).await.contains("the breaker of sim at sim.example.com is open"));
        assert_eq!(machine.world.count(), 5);
        machine.pass(Duration::from_secs(31)).await;
        assert_eq!(said(machine).await, "done 200");
        assert!(matches!(breaker(&machine.store).state(), State::Closed { failures: 0 }));
        let moves = machine.audit_of("breaker.moved");
        assert_eq!(moves.len(), 3, "{moves:?}");
        assert_eq!(said(machine).await, "done 200");
    });
}

/// One of many sites of a platform that refuses us, or is gone, says nothing of the others.
#[test]
fn a_host_that_refuses_us_closes_no_other() {
    let mut bench = Bench::new(16);
    let here = rule("sim/elsewhere", "read", "permit", "GET", &format!("https://other.{HOST}/*"));
    bench.rules.put("sim.toml", &[pack(9, "1s"), here].concat());
    bench.install(Script::new("reader", |cx| {
        Box::pin(async move {
            let mut said = Vec::new();
            for (step, at) in [("one", HOST.to_owned()), ("two", format!("other.{HOST}"))] {
                said.push(match cx.act(step, get(&format!("https://{at}/a"))).await? {
                    Act::Done(answer) => format!("done {}", answer.status),
                    Act::Refused(refusal) => refusal.why,
                    Act::Pending(id) => format!("pending {id}"),
                });
            }
            Ok(Report { errors: said, ..Report::default() })
        })
    }));
    bench.world.answer(|request| match request.url.contains("other.") {
        true => Said::status(200, ""),
        false => Said::status(403, ""),
    });
    bench.live(async |machine| {
        machine.run("reader").await;
        assert!(matches!(breaker(&machine.store).state(), State::Open { .. }));
        let said = machine.run("reader").await.errors;
        assert!(said[0].contains("the breaker of sim at sim.example.com is open"), "{said:?}");
        assert_eq!(said[1], "done 200");
    });
}

#[test]
fn a_probe_that_fails_opens_the_breaker_for_longer() {
    let mut bench = bench(9);
    bench.world.answer(|_| Said::fault(TransportFault::Connect));
    bench.live(async |machine| {
        said(machine).await;
        said(machine).await;
        machine.pass(Duration::from_secs(31)).await;
        let count = machine.world.count();
        said(machine).await;
        assert_eq!(machine.world.count(), count + 1, "one probe and no more");
        assert_eq!(breaker(&machine.store).trips(), 2);
    });
}

/// The probe's turn is given back when it could not be used: nothing left, so nothing is known.
#[test]
fn a_probe_that_a_full_limit_keeps_from_leaving_is_no_failed_probe() {
    let mut bench = bench(10);
    bench.rules.put("sim.toml", &pack(5, "1h"));
    bench.world.answer(|_| Said::fault(TransportFault::Connect));
    bench.live(async |machine| {
        said(machine).await;
        said(machine).await;
        assert_eq!((machine.world.count(), breaker(&machine.store).trips()), (5, 1));
        machine.pass(Duration::from_secs(600)).await;
        assert!(said(machine).await.contains("the limit of 5 in 1h"));
        machine.pass(Duration::from_secs(600)).await;
        assert!(said(machine).await.contains("the limit of 5 in 1h"));
        assert_eq!(breaker(&machine.store).trips(), 1);
        machine.world.answer(|_| Said::status(200, ""));
        machine.pass(Duration::from_secs(3000)).await;
        assert_eq!(said(machine).await, "done 200");
    });
}

#[test]
fn an_address_that_is_not_public_neither_opens_nor_closes_a_breaker() {
    let mut bench = bench(11);
    bench.world.answer(|_| Said::fault(TransportFault::Connect));
    bench.live(async |machine| {
        said(machine).await;
        said(machine).await;
        machine.pass(Duration::from_secs(31)).await;
        machine.world.answer(|_| Said::fault(TransportFault::ForbiddenAddress));
        said(machine).await;
        assert!(matches!(breaker(&machine.store).state(), State::Open { .. }));
        assert_eq!(breaker(&machine.store).trips(), 1);
    });
}

#[test]
fn a_mutating_action_whose_answer_is_lost_is_ambiguous_and_is_not_sent_again() {
    for (fault, stage) in [
        (TransportFault::Timeout, Stage::Ambiguous),
        (TransportFault::Reset, Stage::Ambiguous),
        (TransportFault::Connect, Stage::Failed),
    ] {
        let mut bench = Bench::new(12);
        bench.install(poster());
        bench.world.answer(move |_| Said::fault(fault));
        bench.live(async |machine| {
            machine.run("poster").await;
            assert_eq!(machine.world.count(), 1);
            assert_eq!(machine.rows::<ActionRecord>()[0].1.stage, stage, "{fault:?}");
        });
    }
}

fn poster() -> Script {
    Script::new("poster", |cx| {
        Box::pin(async move {
            let said = format!("{:?}", cx.act("p", post("/post", "x")).await?);
            Ok(Report { errors: vec![said], ..Report::default() })
        })
    })
}

/// The one thing that must never be: the same change made twice, since nobody knew whether it was.
#[test]
fn a_mutating_action_cut_off_by_a_kill_is_ambiguous_told_and_never_sent_twice() {
    let mut bench = Bench::new(13);
    bench.install(poster());
    bench.world.answer(|_| Said::status(200, "").after(Duration::from_secs(5)));
    bench.live(async |machine| {
        machine.services.strategies.start("poster", Trigger::Operator).await.unwrap().unwrap();
        machine.until("the request is on its way", || machine.world.count() == 1).await;
    });
    bench.live(async |machine| {
        let run = machine.idle("poster").await.unwrap();
        assert_eq!((run.outcome, run.attempt), (Some(Outcome::Succeeded), 2));
        assert!(run.errors[0].contains("Refused"), "{:?}", run.errors);
        assert_eq!(machine.rows::<ActionRecord>()[0].1.stage, Stage::Ambiguous);
        assert!(machine.alerts().iter().any(|(about, _)| about.starts_with("ambiguous/")));
    });
    assert_eq!(bench.world.count(), 1);
}

#[test]
fn the_classes_of_a_refusal_are_what_core_says() {
    // A guard for the texts above: they name classes by these words.
    assert_eq!(ErrorClass::Transient.as_str(), "transient");
    assert_eq!(ErrorClass::Compliance.as_str(), "compliance");
}

#[test]
fn an_error_with_status_200_is_told_in_the_words_of_the_platform() {
    let mut bench = bench(17);
    let body = r#"{"errors":[{"type":"INSUFFICIENT_SCOPES","message":"Your token has not been granted\nthe required scopes"}]}"#;
    bench.world.answer(move |_| Said::status(200, body));
    bench.live(async |machine| {
        said(machine).await;
        machine.until("it is told", || !machine.alerts().is_empty()).await;
        let (about, sentence) = machine.alerts().remove(0);
        assert_eq!(about, "platform/sim/read");
        assert!(
            sentence.starts_with("sim needs you (auth): it says: Your token has not been granted"),
            "{sentence}"
        );
    });
}

/// What GitHub said to the one read of a repository, how the breaker of such reads stands after it, and what the
/// owner was told.
fn of_one_repository(seed: u64, status: u16, body: &'static str) -> (String, Option<String>) {
    let mut bench = Bench::new(seed);
    bench.rules.put("github.toml", &super::health::github());
    bench.install(super::health::worker("worker"));
    bench.world.answer(move |request| match request.path() {
        "/repos/a" => Said::status(status, body),
        _ => Said::status(200, r#"{"login":"octocat"}"#),
    });
    bench.live(async |machine| {
        super::health::add(machine, AccountKind::Bearer, Some("octocat"), &[("token", "CANARY1")]).await;
        let run = machine.run("worker").await;
        assert_eq!(run.outcome, Some(Outcome::Failed), "{:?}", run.errors);
        let asked = machine.world.paths().into_iter().filter(|path| path == "GET /repos/a").count();
        assert_eq!(asked, 1, "it is not asked twice");
        let row = machine.store.get::<Breaker>(&Space::default_owner(), "github/main/read").unwrap();
        let breaker = row.map(|row| row.value).unwrap_or_default();
        let alerts = machine.alerts().into_iter();
        let told = alerts.filter(|(about, _)| about == "platform/github/read").map(|(_, told)| told).next();
        (breaker.state().as_str().to_owned(), told)
    })
}

/// An organisation's rule, a lock and a block are that repository's own: all else at GitHub goes on.
#[test]
fn a_repository_that_is_shut_to_the_account_shuts_nothing_else() {
    for body in [
        r#"{"message":"The 'acme' organization forbids access via a fine-grained personal access tokens if the token's lifetime is greater than 366 days. Please adjust your token's lifetime at the following URL: https://github.com/settings/personal-access-tokens/1","documentation_url":"https://docs.github.com/rest","status":"403"}"#,
        r#"{"message":"Although you appear to have the correct authorization credentials, the `acme` organization has an IP allow list enabled, and your IP address is not permitted to access this resource."}"#,
        r#"{"message":"Repository access blocked","block":{"reason":"tos"}}"#,
    ] {
        assert_eq!(of_one_repository(17, 403, body), ("closed".to_owned(), None), "{body}");
    }
}

/// What the token may not do says nothing of what it may: the owner is told, and nothing is shut.
#[test]
fn a_refusal_by_scope_alone_is_told_and_shuts_nothing() {
    let body = r#"{"message":"Resource not accessible by personal access token"}"#;
    let (breaker, told) = of_one_repository(18, 403, body);
    assert_eq!(breaker, "closed");
    assert!(told.is_some_and(|told| told.contains("Resource not accessible")));
}

/// Whatever is about the credential or the account, or is no word of GitHub's own, still shuts.
#[test]
fn a_refusal_of_the_account_or_by_a_stranger_shuts_its_reads() {
    for (status, body) in [
        (401, r#"{"message":"Bad credentials"}"#),
        (403, r#"{"message":"Sorry. Your account was suspended."}"#),
        (403, "<html><body>Forbidden by your proxy</body></html>"),
        (403, ""),
    ] {
        let (breaker, told) = of_one_repository(19, status, body);
        assert_eq!((breaker.as_str(), told.is_some()), ("open", true), "{status} {body}");
    }
}
