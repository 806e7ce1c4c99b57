//! `github-sponsors` in the whole machine, at the sandbox's GitHub: it reads, drafts notes, books nothing, in fair
//! weather and in storms.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not be")]

use std::time::Duration;

use money_machine::simulation::{Owner, Plan, Weather, paused, rehearse};
use serde_json::{Value, json};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn plan(seed: u64) -> Plan {
    let mut plan = Plan::new(seed, paused::runtime);
    plan.config.strategies.get_mut("bug-bounty").unwrap().enabled = false;
    let sponsors = plan.config.strategies.get_mut("github-sponsors").unwrap();
    sponsors.enabled = true;
    sponsors.schedule = Some("every 3h".to_owned());
    sponsors.config.table.extend(json!({ "account": "main" }).as_object().unwrap().clone());
    plan.owner = Owner::Silent;
    // Every question of the owner reads all packs there are; one platform's are enough.
    plan.rules.0.retain(|(name, _)| name == "github-sponsors.toml" || name.starts_with("law-"));
    plan
}

#[test]
fn it_reads_drafts_and_books_nothing_whatever_the_weather() {
    for (seed, weather) in [(1, Weather::Fair), (2, Weather::Storm)] {
        let rehearsed = rehearse(plan(seed), DAY * 3, weather, &mut |_| {});
        let wrong = &rehearsed.findings;
        assert!(wrong.is_empty(), "seed {seed}: {:#?}", &wrong[..wrong.len().min(10)]);
        let ask = |target: &str| rehearsed.simulation.ask("GET", target, &Value::Null).1;
        let shown = ask("/strategies/github-sponsors");
        assert!(shown.to_string().contains("monthly_estimate_cents"), "{shown}");
        let inbox = ask("/approvals");
        let waiting = inbox.as_array().unwrap();
        assert!(!waiting.is_empty(), "new sponsors are thanked: {inbox}");
        for one in waiting {
            assert_eq!((&one["by_owner"], &one["state"]), (&json!(true), &json!("waiting")), "{one}");
        }
        let sandbox = rehearsed.simulation.sandbox();
        let sent = sandbox.received();
        assert!(sent.iter().all(|one| one.url == "https://api.github.com/graphql"), "no note ever leaves");
        assert!(sent.iter().all(|one| one.body.as_ref().unwrap().contains("\"query\":\"query ")));
        assert_eq!(ask("/earnings"), json!([]), "an estimate is no income");
    }
}
