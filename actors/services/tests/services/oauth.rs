//! Tokens that the machine gets itself: once for all who need one, sealed before anybody keeps the answer,
//! and never hammered for.

use std::collections::BTreeSet;
use std::time::Duration;

use mm_core::run::{Outcome, RunRecord, Trigger};
use mm_services::records::{AccountKind, AccountRow, AccountStanding, CredentialRow};
use mm_services::testing::{Bench, Machine, Request, Said, rows};
use mm_store::Fault;

use super::health::{add, bench, main_account, worker};

const TOKEN: &str = "CANARY-access";

fn client() -> AccountKind {
    AccountKind::OauthClient {
        token_url: "https://api.github.com/token".into(),
        client_id: "me".into(),
        scope: "read write".into(),
    }
}

fn refresh() -> AccountKind {
    AccountKind::OauthRefresh {
        token_url: "https://api.github.com/token".into(),
        client_id: "me".into(),
        confidential: false,
    }
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
}

fn tokens(machine: &Machine) -> Vec<Request> {
    machine.world.log().into_iter().filter(|request| request.path() == "/token").collect()
}

fn nowhere(bench: &Bench) {
    let bytes = bench.memory.bytes();
    assert!(!bytes.windows(6).any(|window| window == b"CANARY"), "a secret is on the disk");
}

/// The platform: gives numbered tokens for an hour, slowly, and takes only those.
fn platform(bench: &Bench) {
    bench.world.answer(|request| match request.path() {
        "/token" => {
            let body = format!(
                r#"{{"access_token":"{TOKEN}-{}","token_type":"bearer","expires_in":3600,"refresh_token":"CANARY-refresh-{}"}}"#,
                request.nth, request.nth
            );
            Said::status(200, &body).after(Duration::from_secs(5))
        }
        _ if header(request, "authorization").is_some_and(|value| value.starts_with("Bearer CANARY-access")) => {
            Said::status(200, r#"{"login":"octocat"}"#)
        }
        _ => Said::status(401, "Bad credentials"),
    });
}

#[test]
fn two_who_need_a_token_get_one_and_it_is_nowhere_on_the_disk() {
    let mut bench = bench();
    bench.install(worker("other"));
    platform(&bench);
    bench.live(async |machine| {
        add(machine, client(), Some("octocat"), &[("client-secret", "CANARY-client")]).await;
        for name in ["worker", "other"] {
            machine.services.strategies.start(name, Trigger::Operator).await.unwrap().unwrap();
        }
        for name in ["worker", "other"] {
            let run = machine.idle(name).await.unwrap();
            assert_eq!(run.outcome, Some(Outcome::Succeeded), "{:?}", run.errors);
        }
        let asked = tokens(machine);
        assert_eq!(asked.len(), 1, "one is enough for both, and for the look");
        assert_eq!(asked[0].body, b"grant_type=client_credentials&scope=read+write");
        // `me:CANARY-client`, each as in a form.
        assert_eq!(header(&asked[0], "authorization"), Some("Basic bWU6Q0FOQVJZLWNsaWVudA=="));
        // It is used until it ends, and then there is another.
        assert_eq!(machine.run("worker").await.outcome, Some(Outcome::Succeeded));
        assert_eq!(tokens(machine).len(), 1);
        machine.pass(Duration::from_secs(3600)).await;
        assert_eq!(machine.run("worker").await.outcome, Some(Outcome::Succeeded));
        assert_eq!(tokens(machine).len(), 2);
        for (kind, payload) in machine.audit() {
            assert!(!payload.contains("CANARY"), "{kind}: {payload}");
        }
        let records = machine.rows::<mm_core::activity::ActionRecord>();
        for digest in records.iter().filter_map(|(_, record)| record.answer) {
            let body = machine.store.get_answer(&digest, 1 << 20).unwrap().unwrap_or_default();
            assert!(!String::from_utf8_lossy(&body).contains("CANARY"));
        }
    });
    nowhere(&bench);
    // A restart keeps it.
    bench.live(async |machine| {
        let before = tokens(machine).len();
        assert_eq!(machine.run("worker").await.outcome, Some(Outcome::Succeeded));
        assert_eq!(tokens(machine).len(), before);
    });
}

#[test]
fn a_refresh_token_is_changed_with_each_answer() {
    let mut bench = bench();
    platform(&bench);
    bench.live(async |machine| {
        add(machine, refresh(), Some("octocat"), &[("refresh-token", "CANARY-refresh-first")]).await;
        assert_eq!(machine.run("worker").await.outcome, Some(Outcome::Succeeded));
        machine.pass(Duration::from_secs(3600)).await;
        assert_eq!(machine.run("worker").await.outcome, Some(Outcome::Succeeded));
        let asked = tokens(machine);
        let bodies: Vec<String> =
            asked.iter().map(|request| String::from_utf8(request.body.clone()).unwrap()).collect();
        assert_eq!(bodies[0], "grant_type=refresh_token&client_id=me&refresh_token=CANARY-refresh-first");
        let next =
            format!("grant_type=refresh_token&client_id=me&refresh_token=CANARY-refresh-{}", asked[0].nth);
        assert_eq!(bodies[1], next);
    });
    nowhere(&bench);
}

#[test]
fn a_grant_that_is_refused_marks_the_account_and_is_not_asked_for_again() {
    let mut bench = bench();
    bench.world.answer(|request| match request.path() {
        "/token" => Said::status(400, r#"{"error":"invalid_grant"}"#),
        _ => Said::status(200, "{}"),
    });
    bench.live(async |machine| {
        add(machine, refresh(), Some("octocat"), &[("refresh-token", "CANARY-refresh-first")]).await;
        for _ in 0..2 {
            assert_eq!(machine.run("worker").await.outcome, Some(Outcome::Failed));
        }
        let who = (main_account().space, main_account().platform, main_account().account);
        assert_eq!(machine.services.shared.standings.of(&who), AccountStanding::AuthFailed);
        machine
            .until("its owner is told", || {
                machine.alerts().iter().any(|(about, _)| about == "account/github/main")
            })
            .await;
        assert_eq!(tokens(machine).len(), 1);
        machine.pass(Duration::from_secs(3600)).await;
        assert!(tokens(machine).len() <= 2, "{}", tokens(machine).len());
    });
}

#[test]
fn a_limit_at_the_token_endpoint_says_nothing_about_the_grant() {
    let mut bench = bench();
    bench.world.answer(|request| match request.path() {
        "/token" => Said::status(403, "slow down").header("retry-after", "600"),
        _ => Said::status(200, "{}"),
    });
    bench.live(async |machine| {
        add(machine, refresh(), Some("octocat"), &[("refresh-token", "CANARY-refresh-first")]).await;
        assert_eq!(machine.run("worker").await.outcome, Some(Outcome::Failed));
        let who = (main_account().space, main_account().platform, main_account().account);
        assert_eq!(machine.services.shared.standings.of(&who), AccountStanding::Unknown);
    });
}

/// A refresh token is spent with the answer: a kill at any write leaves the old one, or the new one in its
/// place, and never one that nothing points to.
#[test]
fn new_tokens_are_kept_whole_with_what_points_to_them_or_not_at_all() {
    let mut whole = bench();
    platform(&whole);
    whole.live(async |machine| {
        add(machine, refresh(), Some("octocat"), &[("refresh-token", "CANARY-refresh-first")]).await;
        assert_eq!(machine.run("worker").await.outcome, Some(Outcome::Succeeded));
        machine.pass(Duration::from_secs(3600)).await;
    });
    let mut versions = BTreeSet::new();
    for at in 1.. {
        let mut bench = whole.fork();
        let memory = bench.memory.clone();
        let died = bench.live(async |machine| {
            memory.inject(Fault::DeadAt(at));
            drop(machine.services.strategies.start("worker", Trigger::Operator).await);
            let runs = || machine.rows::<RunRecord>();
            let over = || {
                !machine.store.is_running()
                    || runs().iter().filter(|(_, run)| run.outcome.is_some()).count() > 1
            };
            machine.until("the run or the disk is over", over).await;
            !machine.store.is_running()
        });
        let left = bench.look();
        let account = rows::<AccountRow>(&left).pop().unwrap().1;
        let fields =
            account.fields.iter().map(|field| format!("github/main/{}@{}", field.name, field.version));
        let fields: BTreeSet<_> = fields.collect();
        let values: BTreeSet<_> = rows::<CredentialRow>(&left).into_iter().map(|(id, _)| id).collect();
        assert_eq!(fields.len(), values.len(), "dead at {at}: {fields:?} {values:?}");
        versions.insert(account.field("refresh-token").unwrap().version);
        if !died {
            break;
        }
    }
    assert_eq!(versions.into_iter().collect::<Vec<_>>(), [2, 3], "some died before it, and some after");
}
