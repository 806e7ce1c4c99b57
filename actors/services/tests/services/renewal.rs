//! Credentials that are renewed: what was found of the old ones, by a breaker, an answer or a token, says
//! nothing of the new ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mm_core::action::{Action, ActionKind, Method, Request as Get};
use mm_core::approval::State as At;
use mm_core::breaker::{Breaker, State};
use mm_core::run::{Outcome, Trigger};
use mm_core::secret::Secret;
use mm_core::url::LogicalUrl;
use mm_sdk::{Act, Report};
use mm_services::accounts::{Presented, Which};
use mm_services::approvals::Word;
use mm_services::platforms::Lane;
use mm_services::records::{AccountKind, AccountRow, AccountStanding, ApprovalRow, CredentialRow, HealthRow};
use mm_services::testing::{
    Bench, HOST, Machine, PLATFORM, Request, Said, Script, action, add_account, limit, pack, rule, url,
};

use super::health::{add, bench, github, main_account};

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

/// Reads `/a` with an account of a platform where no look can see it.
fn unseen() -> Script {
    Script::new("worker", |cx| {
        Box::pin(async move {
            let action = mm_services::testing::get("/a").with_account("main".parse().unwrap());
            match cx.act("read", action).await? {
                Act::Done(answer) if answer.status == 200 => Ok(Report::default()),
                other => Err(mm_sdk::Fault::transient(format!("{other:?}"))),
            }
        })
    })
}

/// An answer to the old token comes when the new one counts already, on a platform that no look can see: it
/// neither holds the account nor shuts its breaker.
#[test]
fn a_refusal_of_old_secrets_says_nothing_of_the_new_ones() {
    let mut bench = Bench::new(24);
    bench.install(unseen());
    bench.world.answer(|request| match bearer(request) {
        "CANARY2" => Said::status(200, ""),
        _ => Said::status(401, "Bad credentials").after(Duration::from_secs(20)),
    });
    bench.live(async |machine| {
        let main = machine.account("main");
        add_account(machine, "main", AccountKind::Bearer, &[("token", "CANARY1")]).await;
        machine.services.strategies.start("worker", Trigger::Operator).await.unwrap().unwrap();
        machine.until("the old one is on its way", || machine.world.count() == 1).await;
        let secrets = [("token".to_owned(), Secret::new("CANARY2".to_owned()))].into();
        machine.services.accounts.rotate(main.clone(), secrets).await.unwrap().unwrap();
        assert_eq!(machine.idle("worker").await.unwrap().outcome, Some(Outcome::Failed));
        let run = machine.run("worker").await;
        assert_eq!(run.outcome, Some(Outcome::Succeeded), "{:?}", run.errors);
        let who = (main.space, main.platform, main.account);
        assert_ne!(machine.services.shared.standings.of(&who), AccountStanding::AuthFailed);
    });
}

fn refresh() -> AccountKind {
    AccountKind::OauthRefresh {
        token_url: "https://api.github.com/token".into(),
        client_id: "me".into(),
        confidential: false,
    }
}

/// The tokens that were asked for, by the refresh tokens that came.
fn asked(machine: &Machine) -> Vec<String> {
    let log = machine.world.log().into_iter().filter(|request| request.path() == "/token");
    let body = |request: Request| String::from_utf8(request.body).unwrap();
    log.map(|request| body(request).split_once("&refresh_token=").unwrap().1.to_owned()).collect()
}

fn token(access: &str) -> Said {
    let body = format!(
        r#"{{"access_token":"{access}","token_type":"bearer","expires_in":3600,"refresh_token":"CANARY-of-{access}"}}"#
    );
    Said::status(200, &body)
}

/// New secrets come while a token is on its way for the old ones: what comes of that, a token or a refusal,
/// is neither kept nor held against the new ones.
#[test]
fn the_answer_to_an_old_refresh_token_leaves_the_new_one_alone() {
    for refused in [false, true] {
        let mut bench = bench();
        bench.world.answer(move |request| {
            let body = String::from_utf8_lossy(&request.body).into_owned();
            match request.path() {
                "/token" if body.ends_with("CANARY-old") && refused => {
                    Said::status(400, r#"{"error":"invalid_grant"}"#).after(Duration::from_secs(20))
                }
                "/token" if body.ends_with("CANARY-old") => token("old").after(Duration::from_secs(20)),
                "/token" => token("new"),
                _ if bearer(request) == "new" => Said::status(200, r#"{"login":"octocat"}"#),
                _ => Said::status(401, "Bad credentials"),
            }
        });
        bench.live(async |machine| {
            add(machine, refresh(), Some("octocat"), &[("refresh-token", "CANARY-old")]).await;
            machine.until("the old one is on its way", || asked(machine).len() == 1).await;
            rotate(machine, &[("refresh-token", "CANARY-new")]).await;
            machine.pass(Duration::from_secs(30)).await;
            let run = machine.run("worker").await;
            assert_eq!(run.outcome, Some(Outcome::Succeeded), "refused {refused}: {:?}", run.errors);
            machine.until("it is well", || standing(machine) == AccountStanding::Healthy).await;
            assert_eq!(asked(machine), ["CANARY-old", "CANARY-new"], "refused {refused}");
        });
    }
}

/// Whoever comes while an act for a token is under way, however long that takes, begins no second one.
#[test]
fn a_refresh_token_is_never_on_its_way_twice() {
    let mut bench = bench();
    let plenty = limit(1000, "1d");
    bench.rules.put("github.toml", &github().replace(&plenty, &limit(2, "50s")));
    let filler = Script::new("filler", |cx| {
        Box::pin(async move {
            for step in ["a", "b"] {
                let request = Get::get(LogicalUrl::parse("https://api.github.com/repos/b").unwrap());
                let kind = ActionKind::new("read");
                cx.act(step, Action::of("github".parse().unwrap(), kind, request, "to test")).await?;
            }
            Ok(Report::default())
        })
    });
    bench.install(filler.proposing(&[("github", "read")]));
    bench.world.answer(|request| match request.path() {
        "/token" => token("new").after(Duration::from_secs(55)),
        _ => Said::status(200, r#"{"login":"octocat"}"#),
    });
    bench.live(async |machine| {
        assert_eq!(machine.run("filler").await.outcome, Some(Outcome::Succeeded));
        let began = machine.now();
        add(machine, refresh(), Some("octocat"), &[("refresh-token", "CANARY-old")]).await;
        machine.until("it has had its turn", || asked(machine).len() == 1).await;
        assert!(machine.now().since(began) > Duration::from_secs(30), "it waits for its turn");
        machine.until("others gave up waiting", || machine.now().since(began).as_secs() > 61).await;
        let run = machine.run("worker").await;
        assert!(run.errors.join(" ").contains("has no token"), "{:?}", run.errors);
        machine.pass(Duration::from_secs(120)).await;
        assert_eq!(machine.run("worker").await.outcome, Some(Outcome::Succeeded));
        assert_eq!(asked(machine), ["CANARY-old"]);
    });
}

/// The act for a token that nobody hears of again, because the gateway fell over it, keeps no later one off.
#[test]
fn a_token_that_never_comes_is_given_up_in_the_end() {
    let mut bench = bench();
    bench.world.answer(|request| match request.path() {
        "/token" => token("new"),
        _ => Said::status(200, r#"{"login":"octocat"}"#),
    });
    bench.live(async |machine| {
        add(machine, AccountKind::Bearer, Some("octocat"), &[("token", "CANARY1")]).await;
        machine.until("it is well", || standing(machine) == AccountStanding::Healthy).await;
        add_account(machine, "other", refresh(), &[("refresh-token", "CANARY-old")]).await;
        let Which { space, platform, account } = machine.account("other");
        let accounts = &machine.services.accounts;
        let present = async || accounts.present(&space, &platform, &account).await.unwrap();
        assert!(matches!(present().await, Ok(Presented::NeedsRefresh { .. })));
        assert!(present().await.is_err(), "told so after a minute");
        machine.pass(Duration::from_secs(60)).await;
        assert!(present().await.is_err(), "told so at once");
        machine.pass(Duration::from_secs(60)).await;
        assert!(matches!(present().await, Ok(Presented::NeedsRefresh { .. })));
    });
}

/// What the old grant brought is not used any more, however long it would live.
#[test]
fn new_secrets_end_the_token_that_the_old_ones_brought() {
    let mut bench = bench();
    bench.world.answer(|request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        match request.path() {
            "/token" if body.ends_with("CANARY-new") => token("new"),
            "/token" => token("old"),
            _ => Said::status(200, r#"{"login":"octocat"}"#),
        }
    });
    bench.live(async |machine| {
        add(machine, refresh(), Some("octocat"), &[("refresh-token", "CANARY-old")]).await;
        machine.until("it is well", || standing(machine) == AccountStanding::Healthy).await;
        let before = machine.world.count();
        rotate(machine, &[("refresh-token", "CANARY-new")]).await;
        let kept = machine.rows::<CredentialRow>();
        assert!(kept.iter().all(|(id, _)| id != "github/main/access-token@1"), "it is deleted");
        assert_eq!(machine.run("worker").await.outcome, Some(Outcome::Succeeded));
        let after = machine.world.log().split_off(before);
        assert!(after.iter().all(|request| bearer(request) != "old"), "{after:?}");
        // Its number is not given again: what is still said of it is known to be of another.
        let account = machine.rows::<AccountRow>().pop().unwrap().1;
        assert_eq!(account.field("access-token").unwrap().version, 2);
    });
}

/// A platform that ends a token before its time is asked for the next one, whoever comes upon it first.
#[test]
fn a_token_that_is_refused_before_its_end_is_got_anew() {
    for by_a_look in [false, true] {
        let mut bench = bench();
        let ended = Arc::new(AtomicBool::new(false));
        let over = ended.clone();
        bench.world.answer(move |request| match request.path() {
            "/token" => token(if over.load(Ordering::SeqCst) { "second" } else { "first" }),
            path if path.starts_with("/search") => Said::status(200, "{}"),
            _ if bearer(request) == "first" && over.load(Ordering::SeqCst) => Said::status(401, ""),
            _ => Said::status(200, r#"{"login":"octocat"}"#),
        });
        bench.live(async |machine| {
            add(machine, refresh(), Some("octocat"), &[("refresh-token", "CANARY-old")]).await;
            machine.until("it is well", || standing(machine) == AccountStanding::Healthy).await;
            ended.store(true, Ordering::SeqCst);
            if by_a_look {
                machine.services.health.look(main_account()).await.unwrap().unwrap();
            } else {
                assert_eq!(machine.run("worker").await.outcome, Some(Outcome::Failed));
            }
            machine.pass(Duration::from_secs(60)).await;
            let run = machine.run("worker").await;
            assert_eq!(run.outcome, Some(Outcome::Succeeded), "{by_a_look}: {:?}", run.errors);
            assert_eq!(asked(machine), ["CANARY-old", "CANARY-of-first"]);
            assert_eq!((standing(machine), machine.alerts().len()), (AccountStanding::Healthy, 0));
        });
    }
}

/// The token is not what is wrong if the next one is refused too.
#[test]
fn a_second_token_that_is_refused_holds_the_account() {
    let mut bench = Bench::new(25);
    bench.install(unseen());
    let token_url = format!("https://{HOST}/token");
    let get_token = rule(&format!("{PLATFORM}/token"), "token-refresh", "permit", "POST", &token_url);
    bench.rules.put(&format!("{PLATFORM}.toml"), &(pack(1000, "1d") + &get_token));
    bench.world.answer(|request| match request.path() {
        "/token" => token("any"),
        _ => Said::status(401, ""),
    });
    bench.live(async |machine| {
        let kind = AccountKind::OauthRefresh {
            token_url: token_url.clone(),
            client_id: "me".into(),
            confidential: false,
        };
        add_account(machine, "main", kind, &[("refresh-token", "CANARY-old")]).await;
        let Which { space, platform, account } = machine.account("main");
        let who = (space, platform, account);
        let standing = || machine.services.shared.standings.of(&who);
        assert_eq!(machine.run("worker").await.outcome, Some(Outcome::Failed));
        assert_ne!(standing(), AccountStanding::AuthFailed, "the first may have been ended early");
        assert_eq!(machine.run("worker").await.outcome, Some(Outcome::Failed));
        assert_eq!(standing(), AccountStanding::AuthFailed);
        assert_eq!(asked(machine).len(), 2);
        assert!(machine.run("worker").await.errors.join(" ").contains("is held"));
        assert_eq!(machine.world.count(), 4, "and nothing more is tried with it");
    });
}
