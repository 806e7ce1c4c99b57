//! Credentials on the road, end to end, a kind at a time: the header arrives, the records hold its slot only, a
//! refusal pauses the account once, and a token is got once for all who need it.

use std::time::Duration;

use mm_core::activity::ActionRecord;
use mm_core::run::{Outcome, Trigger};
use mm_core::secret::Secret;
use mm_services::records::{AccountKind, AccountStanding, AlertRow, CredentialRow, HealthRow};
use mm_services::testing::{Bench, Machine, Said, rows};

use super::health::{add, bench, main_account, worker};

/// A kind, its secrets, the header that must arrive and the slot that stands for its value.
struct Kind {
    kind: AccountKind,
    secrets: &'static [(&'static str, &'static str)],
    header: (&'static str, &'static str),
    slot: &'static str,
}

const TOKEN_URL: &str = "https://api.github.com/token";

fn kinds() -> Vec<Kind> {
    let client_id = || "me".to_owned();
    vec![
        Kind {
            kind: AccountKind::Basic { user: "me".into() },
            secrets: &[("password", "CANARY1")],
            header: ("authorization", "Basic bWU6Q0FOQVJZMQ=="),
            slot: "{vault:github/main/basic@1}",
        },
        Kind {
            kind: AccountKind::Bearer,
            secrets: &[("token", "CANARY1")],
            header: ("authorization", "Bearer CANARY1"),
            slot: "{vault:github/main/token@1}",
        },
        Kind {
            kind: AccountKind::ApiKey { header: "x-api-key".into(), scheme: None },
            secrets: &[("key", "CANARY1")],
            header: ("x-api-key", "CANARY1"),
            slot: "{vault:github/main/key@1}",
        },
        Kind {
            kind: AccountKind::OauthClient {
                token_url: TOKEN_URL.into(),
                client_id: client_id(),
                scope: String::new(),
            },
            secrets: &[("client-secret", "CANARY1")],
            header: ("authorization", "Bearer CANARY-got"),
            slot: "{vault:github/main/access-token@1}",
        },
        Kind {
            kind: AccountKind::OauthRefresh {
                token_url: TOKEN_URL.into(),
                client_id: client_id(),
                confidential: true,
            },
            secrets: &[("client-secret", "CANARY1"), ("refresh-token", "CANARY2")],
            header: ("authorization", "Bearer CANARY-got"),
            slot: "{vault:github/main/access-token@1}",
        },
    ]
}

/// What a token endpoint says.
fn token() -> Said {
    let body = r#"{"access_token":"CANARY-got","token_type":"bearer","expires_in":3600}"#;
    Said::status(200, body).after(Duration::from_secs(5))
}

fn nowhere(bench: &Bench, machine_says: &[(String, String)]) {
    for (kind, payload) in machine_says {
        assert!(!payload.contains("CANARY"), "{kind}: {payload}");
    }
    let bytes = bench.memory.bytes();
    for secret in ["CANARY", "Q0FOQVJZ"] {
        let held = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!held, "`{secret}` is on the disk");
    }
}

fn standing(machine: &Machine) -> AccountStanding {
    machine.rows::<HealthRow>().pop().map(|(_, row)| row.standing).unwrap_or_default()
}

fn alert(machine: &Machine) -> Option<AlertRow> {
    machine
        .rows::<AlertRow>()
        .into_iter()
        .find(|(about, _)| about == "account/github/main")
        .map(|(_, row)| row)
}

#[test]
fn every_kind_walks_the_road_and_a_refusal_pauses_it_once() {
    for Kind { kind, secrets, header: (name, value), slot } in kinds() {
        let mut bench = bench();
        bench.world.answer(|request| match request.path() {
            "/token" => token(),
            _ => Said::status(200, r#"{"login":"octocat"}"#),
        });
        let (before, after) = bench.live(async |machine| {
            add(machine, kind.clone(), Some("octocat"), secrets).await;
            assert_eq!(machine.run("worker").await.outcome, Some(Outcome::Succeeded), "{kind:?}");
            let log = machine.world.log();
            let act = log.iter().find(|request| request.path() == "/repos/a").unwrap();
            assert!(
                act.headers.contains(&(name.to_owned(), value.to_owned())),
                "{kind:?}: {:?}",
                act.headers
            );
            let records = format!("{:?}", machine.rows::<ActionRecord>());
            assert!(!records.contains("CANARY"), "{records}");
            let permitted = machine.audit_of("action.permitted");
            assert!(permitted.iter().any(|payload| payload.contains(slot)), "{kind:?}: {permitted:?}");
            machine.until("it is well", || standing(machine) == AccountStanding::Healthy).await;
            let before = machine.audit();
            // From now on the platform does not take it, but knows the account.
            machine.world.answer(|request| match request.path() {
                "/token" => token(),
                path if path.starts_with("/search") => Said::status(200, "{}"),
                _ => Said::status(401, "Bad credentials"),
            });
            assert_eq!(machine.run("worker").await.outcome, Some(Outcome::Failed));
            machine.until("it is held", || standing(machine) == AccountStanding::AuthFailed).await;
            machine.until("its owner is told", || alert(machine).is_some()).await;
            let count = machine.world.count();
            for _ in 0..2 {
                let run = machine.run("worker").await;
                assert!(run.errors.join(" ").contains("is held"), "{kind:?}: {:?}", run.errors);
            }
            assert_eq!(machine.world.count(), count, "{kind:?}: nothing is tried with it");
            assert_eq!(alert(machine).unwrap().times, 1, "{kind:?}: told once");
            (before, machine.audit())
        });
        nowhere(&bench, &[before, after].concat());
    }
}

/// Ten acts come while the token is too old to be used: one act of the machine's own gets the next.
#[test]
fn ten_acts_that_wait_for_a_token_get_one() {
    const NAMES: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    for Kind { kind, secrets, .. } in kinds().split_off(3) {
        let mut bench = bench();
        bench.settings.concurrent_runs_max = 10;
        for name in NAMES {
            bench.install(worker(name));
        }
        bench.world.answer(|request| match request.path() {
            "/token" => token(),
            _ => Said::status(200, r#"{"login":"octocat"}"#),
        });
        bench.live(async |machine| {
            let tokens = || machine.world.paths().iter().filter(|path| *path == "POST /token").count();
            add(machine, kind.clone(), Some("octocat"), secrets).await;
            machine.until("it is well", || standing(machine) == AccountStanding::Healthy).await;
            assert_eq!(tokens(), 1);
            // A minute before its end it is not used any more.
            machine.pass(Duration::from_secs(3_540)).await;
            for name in NAMES {
                machine.services.strategies.start(name, Trigger::Operator).await.unwrap().unwrap();
            }
            for name in NAMES {
                let run = machine.idle(name).await.unwrap();
                assert_eq!(run.outcome, Some(Outcome::Succeeded), "{name}: {:?}", run.errors);
            }
            assert_eq!(tokens(), 2, "{kind:?}");
            let by = machine.rows::<ActionRecord>();
            let got: Vec<_> =
                by.iter().filter(|(_, record)| record.kind.as_str() == "token-refresh").collect();
            assert_eq!(got.len(), 2);
            assert!(got.iter().all(|(_, record)| record.strategy.as_str().starts_with("system.")), "{got:?}");
        });
    }
}

/// A grant that is refused holds the account with one alert, and ten acts that wait for it all hear of it.
#[test]
fn a_grant_that_is_refused_is_told_to_all_who_wait_and_holds_the_account() {
    const NAMES: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let Kind { kind, secrets, .. } = kinds().pop().unwrap();
    let mut bench = bench();
    bench.settings.concurrent_runs_max = 10;
    for name in NAMES {
        bench.install(worker(name));
    }
    bench.world.answer(|request| match request.path() {
        "/token" => Said::status(400, r#"{"error":"invalid_grant"}"#).after(Duration::from_secs(5)),
        _ => Said::status(200, "{}"),
    });
    bench.live(async |machine| {
        add(machine, kind, Some("octocat"), secrets).await;
        for name in NAMES {
            machine.services.strategies.start(name, Trigger::Operator).await.unwrap().unwrap();
        }
        for name in NAMES {
            let run = machine.idle(name).await.unwrap();
            assert_eq!(run.outcome, Some(Outcome::Failed), "{name}");
            assert!(!run.errors.join(" ").contains("CANARY"), "{:?}", run.errors);
        }
        machine.until("it is held", || standing(machine) == AccountStanding::AuthFailed).await;
        machine.until("its owner is told", || alert(machine).is_some()).await;
        assert_eq!(machine.world.paths(), ["POST /token"], "asked once, and nothing else was sent");
        assert_eq!(alert(machine).unwrap().times, 1);
        // The old secrets lie there still, and new ones free it.
        assert_eq!(rows::<CredentialRow>(&machine.store).len(), 2);
        machine.world.answer(|request| match request.path() {
            "/token" => token(),
            _ => Said::status(200, r#"{"login":"octocat"}"#),
        });
        let secret = |name: &str| (name.to_owned(), Secret::new(format!("CANARY-new-{name}")));
        let secrets = [secret("client-secret"), secret("refresh-token")].into();
        machine.services.accounts.rotate(main_account(), secrets).await.unwrap().unwrap();
        machine.until("it is well", || standing(machine) == AccountStanding::Healthy).await;
        assert_eq!(machine.run("a").await.outcome, Some(Outcome::Succeeded));
    });
}
