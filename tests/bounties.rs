//! Bug bounties with the owner's accounts, from end to end, with the real binary: private programmes are read under
//! the program's own rules, what HackerOne says of money comes into the books once, whatever is killed, and a report
//! is drafted, which its owner sends.
//!
//! The test plays the platforms (their log is the truth) and the owner (by the command line). It waits for states.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that plays the outside world")]

use std::collections::BTreeMap;

use money_machine::sandbox::Sandbox;
use money_machine::sandbox::hunting::Turn;
use money_machine::sandbox::world::World;
use serde_json::Value;

#[path = "daemon/harness.rs"]
#[expect(dead_code, reason = "the other test of the daemon uses all of it")]
mod harness;

use harness::{Daemon, Home, OWNER, Outside, now_ms};

const CONFIG: &str = r#"
[strategies.bug-bounty]
enabled = true
schedule = "at 2099-01-01T00:00:00Z"
[strategies.bug-bounty.config]
hackerone_account = "main"
intigriti_account = "main"
yeswehack_account = "main"
"#;

/// The packs whose own limit of ten a minute would make a test of some runs take as many minutes.
const PACKS: [(&str, &str); 3] = [
    ("bounty-targets-data", include_str!("../config/rules/bounty-targets-data.toml")),
    ("intigriti", include_str!("../config/rules/intigriti.toml")),
    ("yeswehack", include_str!("../config/rules/yeswehack.toml")),
];

/// The owner, his home and the outside.
struct Scene {
    home: Home,
    outside: Outside,
}

impl Scene {
    /// A machine whose account at HackerOne has this token.
    fn new(token: &str) -> (Scene, Daemon) {
        let scene =
            Scene { home: Home::new(), outside: Outside::of(Sandbox::of_world(World::small(7).steady())) };
        scene.home.write("config.toml", format!("{OWNER}{CONFIG}"));
        for (name, pack) in PACKS {
            let wider =
                pack.replace("\nmax = 10\n", "\nmax = 1000\n").replace("\nmax = 60\n", "\nmax = 1000\n");
            assert_ne!(wider, pack);
            scene.home.write(&format!("data/rules/{name}.toml"), wider);
        }
        let daemon = scene.start();
        for (line, token) in [
            ("hackerone main --kind basic --user me", token),
            ("intigriti main --kind bearer", "sandbox-me.CANARY-1"),
            ("yeswehack main --kind bearer", "sandbox-me.CANARY-2"),
        ] {
            let said =
                scene.home.pipe(&format!("account add {line} --email me@example.org"), &format!("{token}\n"));
            assert_eq!(said.code, 0, "{line}: {}", said.err);
        }
        (scene, daemon)
    }

    fn start(&self) -> Daemon {
        self.home.start(&format!("{} --config config.toml", self.outside.run()))
    }

    /// A run of the strategy, to its end; what it said of each of its sources.
    fn run(&self, daemon: &Daemon) -> BTreeMap<String, (String, String)> {
        self.home.run_strategy(daemon, "bug-bounty");
        let shown = self.home.json("strategy show bug-bounty");
        assert_eq!(shown["last"]["outcome"], "succeeded", "{shown:#}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let sources = shown["last"]["sources"].as_array().unwrap();
        sources
            .iter()
            .map(|one| (text(&one["name"]), (text(&one["health"]), text(&one["sentence"]))))
            .collect()
    }

    /// The books: stage, amount and number of steps of each payment, by its reference.
    fn books(&self) -> BTreeMap<String, (String, String, usize)> {
        let all =
            self.home.json("earnings list --platform hackerone --limit 1000").as_array().unwrap().clone();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        all.iter()
            .map(|one| {
                let amount =
                    format!("{} {}", text(&one["amount"]["amount"]), text(&one["amount"]["currency"]));
                (
                    text(&one["reference"]),
                    (text(&one["stage"]), amount, one["steps"].as_array().unwrap().len()),
                )
            })
            .collect()
    }

    fn private(&self) -> Vec<Value> {
        let all = self.home.json("opportunities list --limit 1000").as_array().unwrap().clone();
        all.into_iter().filter(|one| one["details"]["private"] == true).collect()
    }

    /// How often a URL was asked for.
    fn asked(&self, part: &str) -> usize {
        self.outside.received().iter().filter(|request| request.url.contains(part)).count()
    }
}

#[test]
fn what_is_earned_comes_into_the_books_once_whatever_is_killed() {
    let (scene, daemon) = Scene::new("sandbox-me.CANARY-0");
    let said = scene.run(&daemon);
    assert_eq!(said["hackerone-money"].0, "fresh", "{said:?}");
    let history = scene.books();
    assert!(history.len() > 10, "{history:?}");
    let (paid, approved) = ("paid".to_owned(), "approved".to_owned());
    assert!(history.values().any(|(stage, ..)| *stage == paid), "{history:?}");
    assert!(
        history
            .values()
            .all(|(stage, _, steps)| ["expected", "approved", "paid"].contains(&&**stage) && *steps == 1)
    );
    // On some days a bounty in euros is held, and of a payout with one none can be said to be paid: it goes first.
    scene.outside.sandbox.hackerone(Turn::PayOut, now_ms());
    scene.run(&daemon);
    // One is awarded, becomes an earning, and is paid out: each is told once.
    let awarded = |scene: &Scene| {
        let fresh = scene.books().into_iter().filter(|(reference, _)| !history.contains_key(reference));
        fresh.collect::<Vec<_>>()
    };
    let sandbox = &scene.outside.sandbox;
    sandbox.hackerone(Turn::Award(12_345), now_ms());
    scene.run(&daemon);
    let expected = awarded(&scene);
    assert!(
        expected.len() == 1 && expected[0].1 == ("expected".to_owned(), "123.45 USD".to_owned(), 1),
        "{expected:?}"
    );
    sandbox.hackerone(Turn::Credit, now_ms());
    assert_eq!(scene.home.run("strategy run bug-bounty").code, 0);
    daemon.kill();
    let daemon = scene.start();
    scene.run(&daemon);
    scene.run(&daemon);
    assert_eq!(awarded(&scene)[0].1, (approved, "123.45 USD".to_owned(), 2), "told three times, booked once");
    sandbox.hackerone(Turn::PayOut, now_ms());
    assert_eq!(scene.home.run("strategy run bug-bounty").code, 0);
    daemon.kill();
    let daemon = scene.start();
    scene.run(&daemon);
    scene.run(&daemon);
    let (stage, amount, steps) = awarded(&scene)[0].1.clone();
    assert_eq!((stage, amount, steps), (paid, "123.45 USD".to_owned(), 3));
    let now = scene.books();
    assert!(
        history.iter().all(|(reference, (_, amount, _))| now[reference].1 == *amount),
        "no sum has changed"
    );
    assert!(now.values().all(|(_, _, steps)| *steps <= 3), "{now:?}");
    let exported = scene.home.run("earnings export --format json").out;
    assert!(
        exported.contains("123.45") && !exported.contains("hidden-"),
        "the books name no private programme"
    );
    assert_eq!(scene.home.run("audit verify").code, 0);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn private_programmes_are_quoted_and_a_report_waits_for_its_owner() {
    let (scene, daemon) = Scene::new("sandbox-me.CANARY-0");
    let said = scene.run(&daemon);
    for platform in ["hackerone", "intigriti", "yeswehack"] {
        let (health, sentence) = &said[&format!("{platform}-account")];
        assert!(health == "fresh" && sentence.contains("3 of them private; looked at 3"), "{said:?}");
    }
    let private = scene.private();
    assert_eq!(private.len(), 9, "{private:#?}");
    for one in &private {
        let (title, automation) = (one["title"].as_str().unwrap(), &one["details"]["automation"]);
        assert!(title.contains("a private programme") && !title.to_lowercase().contains("hidden"), "{title}");
        assert!(automation["quote"].as_str().is_some_and(|quote| !quote.is_empty()), "{automation}");
        assert_ne!(automation["allowed"], "not read");
    }
    // One of each platform is accepted: three skeletons wait, and nothing leaves.
    for platform in ["hackerone", "intigriti", "yeswehack"] {
        let one = private.iter().find(|one| one["platform"] == platform).unwrap();
        assert_eq!(scene.home.run(&format!("opportunities accept {}", one["id"].as_str().unwrap())).code, 0);
    }
    scene.run(&daemon);
    let inbox = scene.home.json("approvals list").as_array().unwrap().clone();
    assert_eq!(inbox.len(), 3, "{inbox:#?}");
    for asked in &inbox {
        assert!(asked.to_string().contains("automated tools: "), "{asked:#}");
        assert!(!asked.to_string().contains("CANARY"));
    }
    let id = inbox[0]["id"].as_str().unwrap();
    for verb in ["approve", "done"] {
        let said = scene.home.run(&format!("approvals {verb} {id}"));
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    }
    scene.run(&daemon);
    scene.run(&daemon);
    assert_eq!(
        scene.home.json("approvals list").as_array().unwrap().len(),
        2,
        "what was sent is not drafted again"
    );
    let sent = scene.outside.received().into_iter().filter(|request| request.method != "GET").count();
    assert_eq!(sent, 0, "a person sends it");
    let alerts = scene.home.json("alerts list --all");
    assert!(
        !alerts.to_string().to_lowercase().contains("hidden"),
        "a notice names no private programme: {alerts:#}"
    );
    assert_eq!(scene.home.run("audit verify").code, 0);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn an_expired_token_is_told_in_one_sentence_and_costs_its_platform_alone() {
    let (scene, daemon) = Scene::new("sandbox-me.expired");
    let said = scene.run(&daemon);
    let failed: Vec<_> = said.iter().filter(|(_, (health, _))| health == "failed").collect();
    let [(name, (_, sentence))] = failed[..] else { panic!("{said:?}") };
    assert_eq!(name, "hackerone-account");
    // Whoever asked first: the run itself, or the check of a new account, after which nobody asks any more.
    let why = ["401", "account", "the platform refuses us"];
    assert!(why.iter().any(|why| sentence.contains(why)), "{sentence}");
    assert_eq!(said["intigriti-account"].0, "fresh", "{said:?}");
    assert!(scene.books().is_empty());
    assert!(scene.private().iter().all(|one| one["platform"] != "hackerone"));
    let asked = scene.asked("api.hackerone.com");
    scene.run(&daemon);
    assert!(scene.asked("api.hackerone.com") <= asked + 1, "a refused token is not hammered");
    assert_eq!(daemon.stop(), 0);
}
