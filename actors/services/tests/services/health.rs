//! How accounts stand: found by looks that walk the road, told once, and holding what depends on them.

use std::time::Duration;

use mm_core::action::{Action, ActionKind, Request};
use mm_core::run::Outcome;
use mm_core::secret::Secret;
use mm_core::url::LogicalUrl;
use mm_sdk::{Act, Report};
use mm_services::accounts::{NewAccount, Which};
use mm_services::records::{AccountKind, AccountRow, AccountStanding, HealthRow, TickRow};
use mm_services::testing::{Bench, Machine, Said, Script, head, limit, rule};

/// A pack of github.com's own shape, for the acts that are used here.
pub(crate) fn github() -> String {
    let own = |kind: &str, method: &str, path: &str| {
        let (id, url) = (format!("github/{kind}"), format!("https://api.github.com/{path}"));
        rule(&id, kind, "permit", method, &url)
    };
    [
        head("github", &["api.github.com"]),
        own("read", "GET", "repos/*"),
        own("account-check", "GET", "user"),
        own("search", "GET", "search/issues?*"),
        own("token-refresh", "POST", "token"),
        limit(1000, "1d"),
    ]
    .concat()
}

/// The account `main` on GitHub.
pub(crate) fn main_account() -> Which {
    Which {
        space: mm_core::id::Space::default_owner(),
        platform: "github".parse().unwrap(),
        account: "main".parse().unwrap(),
    }
}

pub(crate) async fn add(
    machine: &Machine,
    kind: AccountKind,
    handle: Option<&str>,
    secrets: &[(&str, &str)],
) {
    let Which { space, platform, account } = main_account();
    let (email, handle) = ("me@example.org".to_owned(), handle.map(str::to_owned));
    let new = NewAccount { space, platform, account, email, kind, handle };
    let secret = |(name, text): &(&str, &str)| ((*name).to_owned(), Secret::new((*text).to_owned()));
    machine.services.accounts.add(new, secrets.iter().map(secret).collect()).await.unwrap().unwrap();
}

/// Reads `/repos/a` with the account, and fails with the refusal's sentence.
pub(crate) fn worker(name: &'static str) -> Script {
    let script = Script::new(name, |cx| {
        Box::pin(async move {
            let request = Request::get(LogicalUrl::parse("https://api.github.com/repos/a").unwrap());
            let action = Action::of("github".parse().unwrap(), ActionKind::new("read"), request, "to test");
            match cx.act("read", action.with_account("main".parse().unwrap())).await? {
                Act::Done(answer) if answer.status == 200 => Ok(Report::default()),
                Act::Done(answer) => Err(mm_sdk::Fault::transient(format!("status {}", answer.status))),
                Act::Refused(refusal) => Err(mm_sdk::Fault::transient(refusal.why)),
                Act::Pending(id) => Err(mm_sdk::Fault::transient(format!("waits as {id}"))),
            }
        })
    });
    script.needing(&["github"]).proposing(&[("github", "read")])
}

pub(crate) fn bench() -> Bench {
    let mut bench = Bench::new(21);
    bench.rules.put("github.toml", &github());
    bench.install(worker("worker"));
    bench
}

fn health(machine: &Machine) -> HealthRow {
    machine.rows::<HealthRow>().pop().map(|(_, row)| row).unwrap_or_default()
}

fn alert(machine: &Machine) -> Option<String> {
    let alerts = machine.alerts();
    alerts.into_iter().find(|(about, _)| about == "account/github/main").map(|(_, sentence)| sentence)
}

#[test]
fn a_look_learns_whose_the_credential_is_and_what_it_may_do() {
    let mut bench = bench();
    bench.world.answer(|_| {
        Said::status(200, r#"{"login":"octocat"}"#)
            .header("x-oauth-scopes", "public_repo")
            .header("x-ratelimit-limit", "5000")
            .header("x-ratelimit-remaining", "4999")
            .header("github-authentication-token-expiration", "2026-11-25 12:00:00 UTC")
    });
    bench.live(async |machine| {
        add(machine, AccountKind::Bearer, None, &[("token", "CANARY1")]).await;
        machine.until("it is looked at", || health(machine).standing == AccountStanding::Healthy).await;
        let row = health(machine);
        assert_eq!((row.scopes.as_slice(), row.quota), (&["public_repo".to_owned()][..], Some((4999, 5000))));
        let account = machine.rows::<AccountRow>().pop().unwrap().1;
        assert_eq!(account.handle.as_deref(), Some("octocat"));
        // It ends in three days, which is told once.
        let ends = || machine.alerts().iter().filter(|(about, _)| about.starts_with("account-ends/")).count();
        machine.until("its end is told", || ends() == 1).await;
        assert_eq!(machine.world.paths(), ["GET /user"]);
        // And then every six hours, not more often.
        machine.pass(Duration::from_secs(24 * 3600 + 60)).await;
        assert_eq!(machine.world.count(), 5);
        assert_eq!(ends(), 1);
    });
}

#[test]
fn a_bad_credential_and_a_lost_account_are_told_apart_and_hold_what_depends_on_them_once() {
    for (public, standing, says) in [
        (200, AccountStanding::AuthFailed, "does not take its credential"),
        (422, AccountStanding::Gone, "the account is gone"),
    ] {
        let mut bench = bench();
        bench.settings.scheduling = true;
        let well = |request: &mm_services::testing::Request| Said::status(200, request.path());
        bench.world.answer(well);
        bench.live(async |machine| {
            add(machine, AccountKind::Bearer, Some("octocat"), &[("token", "CANARY1")]).await;
            machine.until("it is well", || health(machine).standing == AccountStanding::Healthy).await;
            assert_eq!(machine.run("worker").await.outcome, Some(Outcome::Succeeded));
            machine.world.answer(move |request| match request.path() {
                path if path.starts_with("/search") => {
                    assert!(request.headers.iter().all(|(name, _)| name != "authorization"));
                    Said::status(public, "{}")
                }
                _ => Said::status(401, "Bad credentials"),
            });
            // The act's own trouble asks for the look.
            assert_eq!(machine.run("worker").await.outcome, Some(Outcome::Failed));
            machine.until("it is found", || health(machine).standing == standing).await;
            machine.until("its owner is told", || alert(machine).is_some()).await;
            assert!(alert(machine).unwrap().contains(says), "{:?}", alert(machine));
            // A look that the breaker holds knows no better reason.
            let found = health(machine).sentence;
            machine.services.health.look(main_account()).await.unwrap().unwrap();
            assert_eq!((health(machine).standing, health(machine).sentence), (standing, found));
            // Nothing is tried with it any more.
            let before = machine.world.count();
            let run = machine.run("worker").await;
            assert!(run.errors.join(" ").contains("is held"), "{:?}", run.errors);
            assert_eq!(machine.world.count(), before);
        });
        // Nor after a restart, and no second alert.
        bench.live(async |machine| {
            machine
                .until("it is known", || {
                    machine.services.shared.standings.holds(&main_account().space, "github").is_some()
                })
                .await;
            let run = machine.run("worker").await;
            assert!(run.errors.join(" ").contains("is held"), "{:?}", run.errors);
            let raised = machine.rows::<mm_services::records::AlertRow>();
            let row = raised.iter().find(|(about, _)| about == "account/github/main").unwrap();
            assert_eq!(row.1.times, 1);
            // A look that goes well ends it.
            machine.world.answer(well);
            machine.services.health.look(main_account()).await.unwrap().unwrap();
            machine.until("the alert is over", || alert(machine).is_none()).await;
            assert_eq!(machine.run("worker").await.outcome, Some(Outcome::Succeeded));
            assert_eq!(health(machine).standing, AccountStanding::Healthy);
        });
    }
}

#[test]
fn a_schedule_waits_while_an_account_that_it_needs_is_not_well() {
    let mut bench = Bench::new(22);
    bench.rules.put("github.toml", &github());
    bench.install_on(worker("worker"), "every 1h");
    bench.settings.scheduling = true;
    bench.world.answer(|_| Said::status(401, "Bad credentials"));
    bench.live(async |machine| {
        add(machine, AccountKind::Bearer, None, &[("token", "CANARY1")]).await;
        machine.until("it is found", || health(machine).standing == AccountStanding::AuthFailed).await;
        let (runs, ticks) = (machine.strategy("worker").runs, machine.rows::<TickRow>().len());
        machine.pass(Duration::from_secs(3 * 3600 + 60)).await;
        assert_eq!(machine.strategy("worker").runs, runs);
        let skipped = machine.rows::<TickRow>();
        assert!(skipped.len() > ticks, "{skipped:?}");
        let why = skipped.last().unwrap().1.fate.to_string();
        assert!(why.starts_with("gated") && why.contains("is held"), "{why}");
    });
}

#[test]
fn a_platform_that_is_down_says_nothing_about_an_account() {
    let mut bench = bench();
    bench.world.answer(|_| Said::status(200, "{}"));
    bench.live(async |machine| {
        add(machine, AccountKind::Bearer, Some("octocat"), &[("token", "CANARY1")]).await;
        machine.until("it is well", || health(machine).standing == AccountStanding::Healthy).await;
        machine.world.answer(|_| Said::status(503, "down"));
        machine.services.health.look(main_account()).await.unwrap().unwrap();
        let row = health(machine);
        assert_eq!((row.standing, row.failures), (AccountStanding::Healthy, 1));
        assert_eq!(alert(machine), None);
    });
}

#[test]
fn a_limit_that_a_look_meets_says_nothing_about_an_account() {
    let mut bench = bench();
    bench.world.answer(|_| Said::status(200, "{}"));
    bench.live(async |machine| {
        add(machine, AccountKind::Bearer, Some("octocat"), &[("token", "CANARY1")]).await;
        machine.until("it is well", || health(machine).standing == AccountStanding::Healthy).await;
        machine.world.answer(|request| match request.path() {
            "/user" => Said::status(403, "secondary rate limit").header("retry-after", "3600"),
            _ => Said::status(200, "{}"),
        });
        machine.services.health.look(main_account()).await.unwrap().unwrap();
        assert_eq!(health(machine).standing, AccountStanding::Healthy);
        assert_eq!(alert(machine), None);
        assert!(
            !machine.world.paths().iter().any(|path| path.contains("/search")),
            "there is no second look"
        );
    });
}

/// On a platform without a read that shows it, the first refusal holds the account, and new secrets free it.
#[test]
fn where_no_look_can_see_it_a_refused_credential_holds_until_it_is_changed() {
    let mut bench = Bench::new(23);
    bench.install(Script::new("worker", |cx| {
        Box::pin(async move {
            let action = mm_services::testing::get("/a").with_account("main".parse().unwrap());
            match cx.act("read", action).await? {
                Act::Done(answer) if answer.status == 200 => Ok(Report::default()),
                other => Err(mm_sdk::Fault::transient(format!("{other:?}"))),
            }
        })
    }));
    bench.world.answer(|request| {
        let old = request.headers.iter().any(|(_, value)| value == "Bearer CANARY1");
        Said::status(if old { 401 } else { 200 }, "")
    });
    let alerts = |machine: &Machine| {
        let rows = machine.rows::<mm_services::records::AlertRow>();
        rows.into_iter()
            .find(|(about, _)| about == "account/sim/main")
            .map(|(_, row)| (row.times, row.cleared_at))
    };
    let row = |machine: &Machine| health(machine).standing;
    bench.live(async |machine| {
        mm_services::testing::add_account(machine, "main", AccountKind::Bearer, &[("token", "CANARY1")])
            .await;
        assert_eq!(machine.run("worker").await.outcome, Some(Outcome::Failed));
        machine.until("it is held", || row(machine) == AccountStanding::AuthFailed).await;
        machine.until("its owner is told", || alerts(machine) == Some((1, None))).await;
    });
    for _ in 0..2 {
        bench.live(async |machine| {
            let run = machine.run("worker").await;
            assert!(run.errors.join(" ").contains("is held"), "{:?}", run.errors);
            // A look by the clock or by hand sees nothing else.
            machine.pass(Duration::from_secs(7 * 3600)).await;
            machine.services.health.look(machine.account("main")).await.unwrap().unwrap();
            assert_eq!(row(machine), AccountStanding::AuthFailed);
            assert!(health(machine).sentence.matches("is held").count() <= 1, "{}", health(machine).sentence);
            assert_eq!(alerts(machine), Some((1, None)));
            assert_eq!(machine.world.count(), 1);
        });
    }
    bench.live(async |machine| {
        let secrets = [("token".to_owned(), Secret::new("CANARY2".to_owned()))].into();
        machine.services.accounts.rotate(machine.account("main"), secrets).await.unwrap().unwrap();
        assert_eq!(machine.run("worker").await.outcome, Some(Outcome::Succeeded));
        machine.until("the alert is over", || alerts(machine).is_some_and(|(_, over)| over.is_some())).await;
    });
}

/// What a look finds of old secrets says nothing of the new ones.
#[test]
fn new_secrets_that_come_in_the_middle_of_a_look_are_looked_at_by_themselves() {
    // While the first look is asked, and in the pause before the second.
    for after in [Duration::from_secs(5), Duration::from_secs(20)] {
        let mut bench = bench();
        bench.world.answer(|request| {
            let old = request.headers.iter().any(|(_, value)| value == "Bearer CANARY1");
            Said::status(if old { 401 } else { 200 }, r#"{"login":"octocat"}"#).after(Duration::from_secs(10))
        });
        bench.live(async |machine| {
            add(machine, AccountKind::Bearer, None, &[("token", "CANARY1")]).await;
            machine.until("the look is on its way", || machine.world.count() == 1).await;
            machine.pass(after).await;
            let secrets = [("token".to_owned(), Secret::new("CANARY2".to_owned()))].into();
            machine.services.accounts.rotate(main_account(), secrets).await.unwrap().unwrap();
            machine
                .until("it is looked at again", || health(machine).standing != AccountStanding::Unknown)
                .await;
            assert_eq!(health(machine).standing, AccountStanding::Healthy);
            machine.pass(Duration::from_secs(3600)).await;
            assert_eq!((health(machine).standing, alert(machine)), (AccountStanding::Healthy, None));
            assert_eq!(machine.run("worker").await.outcome, Some(Outcome::Succeeded));
        });
    }
}
