//! Credentials that are renewed: what was found of the old ones, by a breaker, an answer or a token, says
//! nothing of the new ones.

use std::time::Duration;

use mm_core::action::{Action, Method, Request as Get};
use mm_core::approval::State as At;
use mm_core::breaker::{Breaker, State};
use mm_core::run::Outcome;
use mm_core::secret::Secret;
use mm_sdk::Report;
use mm_services::approvals::Word;
use mm_services::platforms::Lane;
use mm_services::records::{AccountKind, AccountStanding, ApprovalRow, HealthRow};
use mm_services::testing::{Bench, Machine, Request, Said, Script, action, add_account, url};

use super::health::{add, bench, main_account};

fn bearer(request: &Request) -> &str {
    let own = request.headers.iter().find(|(name, _)| name == "authorization");
    own.and_then(|(_, value)| value.strip_prefix("Bearer ")).unwrap_or_default()
}

/// A platform that takes these tokens alone, and has an account of the name.
fn takes(bench: &Bench, good: &'static str) {
    bench.world.answer(move |request| match request.path() {
        path if path.starts_with("/search") => Said::status(200, "{}"),
        _ if bearer(request) == good => Said::status(200, r#"{"login":"octocat"}"#),
        _ => Said::status(401, "Bad credentials"),
    });
}

fn standing(machine: &Machine) -> AccountStanding {
    machine.rows::<HealthRow>().pop().map(|(_, row)| row.standing).unwrap_or_default()
}

async fn rotate(machine: &Machine, secrets: &[(&str, &str)]) {
    let secret = |(name, text): &(&str, &str)| ((*name).to_owned(), Secret::new((*text).to_owned()));
    let secrets = secrets.iter().map(secret).collect();
    machine.services.accounts.rotate(main_account(), secrets).await.unwrap().unwrap();
}

fn breaker(machine: &Machine, kind: &str) -> State {
    let id = format!("github/main/{kind}");
    let space = main_account().space;
    machine
        .store
        .get::<Breaker>(&space, &id)
        .unwrap()
        .map(|row| row.value)
        .unwrap_or_default()
        .state()
        .clone()
}

#[test]
fn new_secrets_open_the_breakers_that_the_old_ones_shut() {
    let mut bench = bench();
    takes(&bench, "CANARY2");
    bench.live(async |machine| {
        add(machine, AccountKind::Bearer, Some("octocat"), &[("token", "CANARY1")]).await;
        assert_eq!(machine.run("worker").await.outcome, Some(Outcome::Failed));
        machine.until("it is held", || standing(machine) == AccountStanding::AuthFailed).await;
        for kind in ["read", "account-check"] {
            assert_eq!(breaker(machine, kind).as_str(), "open", "{kind}");
        }
    });
    // Also over a restart: what is shut is shut in the store.
    bench.live(async |machine| {
        let began = machine.now();
        rotate(machine, &[("token", "CANARY2")]).await;
        let run = machine.run("worker").await;
        assert_eq!(run.outcome, Some(Outcome::Succeeded), "{:?}", run.errors);
        machine.until("it is well", || standing(machine) == AccountStanding::Healthy).await;
        assert!(machine.now().since(began) < Duration::from_secs(600), "within minutes, not hours");
        let told = machine.audit_of("breaker.released");
        assert!(told.len() == 2 && told[0].contains("the credential was renewed"), "{told:?}");
    });
}

#[test]
fn new_secrets_end_no_isolation() {
    let mut bench = bench();
    takes(&bench, "CANARY1");
    bench.live(async |machine| {
        add(machine, AccountKind::Bearer, Some("octocat"), &[("token", "CANARY1")]).await;
        let account = main_account();
        let lane = Lane::of(&account.space, Some(&account.account), None);
        let platforms = &machine.services.platforms;
        platforms.isolate(&account.platform, &lane, "by hand", "owner").await.unwrap().unwrap();
        rotate(machine, &[("token", "CANARY1")]).await;
        let run = machine.run("worker").await;
        assert!(run.errors.join(" ").contains("isolated by a person"), "{:?}", run.errors);
    });
}

/// Asks, once, for a post with the account, of use for an hour.
fn asker(name: &'static str) -> Script {
    Script::new(name, move |cx| {
        Box::pin(async move {
            if let mm_core::run::Trigger::Settled(_) = cx.trigger() {
                return Ok(Report::default());
            }
            let request = Get::new(Method::Post, url("/ask"), name.as_bytes().to_vec()).unwrap();
            let action = action("ask", request.header("content-type", "text/plain").unwrap());
            let until = Some(cx.now().plus(Duration::from_secs(3600)));
            cx.act("ask", Action { until, ..action.with_account("main".parse().unwrap()) }).await?;
            Ok(Report::default())
        })
    })
}

/// What a person has approved does not wait out the breaker's six hours, of no use in the end.
#[test]
fn what_is_approved_is_sent_once_the_credential_is_renewed() {
    let mut bench = Bench::new(26);
    bench.install(asker("first"));
    bench.install(asker("second"));
    bench.world.answer(|request| match bearer(request) {
        "CANARY2" => Said::status(201, ""),
        _ => Said::status(403, "not with this token"),
    });
    bench.live(async |machine| {
        let main = machine.account("main");
        add_account(machine, "main", AccountKind::Bearer, &[("token", "CANARY1")]).await;
        for name in ["first", "second"] {
            machine.run(name).await;
            let mut open = machine.rows::<ApprovalRow>();
            open.retain(|(_, row)| row.item.state == At::Waiting);
            let approvals = &machine.services.approvals;
            let id = &open[0].0;
            approvals.say(&main.space, id, Word::Approve, "operator", None).await.unwrap().unwrap();
            machine.pass(Duration::from_secs(60)).await;
        }
        assert_eq!(machine.world.count(), 1, "the second waits behind the breaker");
        let secrets = [("token".to_owned(), Secret::new("CANARY2".to_owned()))].into();
        machine.services.accounts.rotate(main, secrets).await.unwrap().unwrap();
        machine.pass(Duration::from_secs(600)).await;
        let bodies: Vec<_> = machine.world.log().into_iter().map(|request| request.body).collect();
        assert_eq!(bodies, [b"first".to_vec(), b"second".to_vec()]);
    });
}
