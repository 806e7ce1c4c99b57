//! Changes at a platform, simulated: bounties are found at the sandbox's GitHub, an owner accepts, fills in
//! and approves at his whim, while answers are lost and the machine is killed in the middle of it.
//!
//! The checker sees the trace, the sandbox's log and a store opened on a copy of the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mm_core::activity::{ActionRecord, Stage};
use mm_core::seams::SplitMix64;
use mm_services::records::{ChangeRow, LookUpRow};
use money_machine::machine::Seams;
use money_machine::rules::FixedRules;
use money_machine::sandbox::faults::{Fault, FaultMix};
use money_machine::sandbox::github::Kind;
use money_machine::simulation::check::Evidence;
use money_machine::simulation::{End, Plan, Simulation, paused};
use serde_json::{Value, json};

use crate::{HOUR, MINUTE};

/// A machine with an account at GitHub, two days before one of its repositories gets another name.
fn worker(seed: u64) -> Simulation {
    let mut plan = Plan::new(seed, paused::runtime).from("2026-07-08T00:20:00Z".parse().unwrap());
    plan.config.strategies.get_mut("bug-bounty").unwrap().enabled = false;
    let tasks = plan.config.strategies.get_mut("micro-tasks").unwrap();
    tasks.enabled = true;
    tasks.schedule = Some("every 2h".to_owned());
    let own = json!({ "account": "main", "looks_max": 8, "queries": ["label:\"💎 Bounty\" state:open type:issue"] });
    tasks.config.table.extend(own.as_object().unwrap().clone());
    let simulation = Simulation::new(plan.wrapped(|seams| {
        // Every question of the owner reads all packs there are; one platform's are enough.
        let mut rules = FixedRules::built_in();
        rules.0.retain(|(name, _)| name == "github.toml" || name.starts_with("law-"));
        Seams { rules: Arc::new(rules), ..seams }
    }));
    let account =
        json!({ "kind": "Bearer", "email": "me@example.org", "secrets": { "token": "sandbox-octo.1" } });
    let (status, said) = simulation.ask("POST", "/accounts/github/main/add", &account);
    assert_eq!(status, 200, "{said}");
    simulation
}

/// The owner at his desk: what he accepts, and what he says to what waits. Gives what he approved.
fn owner(simulation: &Simulation, dice: &mut SplitMix64, approved: &mut BTreeSet<String>) {
    let mut roll = |sides: u64| dice.next_u64() % sides;
    let (_, found) = simulation.ask("GET", "/opportunities?state=new", &Value::Null);
    for one in found.as_array().into_iter().flatten().filter(|one| one["kind"] == "bounty") {
        if roll(3) == 0 {
            let target = format!("/opportunities/{}/accept", one["id"].as_str().unwrap());
            simulation.ask("POST", &target, &Value::Null);
        }
    }
    let (_, inbox) = simulation.ask("GET", "/approvals", &Value::Null);
    for one in inbox.as_array().into_iter().flatten().filter(|one| one["state"] == "waiting") {
        let id = one["id"].as_str().unwrap();
        let shown = one["request"]["body"].as_str().unwrap();
        let draft: Value = serde_json::from_str(shown).unwrap();
        // What an obstacle kept from happening is asked about anew, filled in as it is.
        let filled_in = draft["body"].as_str().unwrap().split_once("[[").map(|(before, rest)| {
            let (_, after) = rest.split_once("]]").unwrap();
            json!({ "body": format!("{before}Plan {}.{after}", roll(1000)) }).to_string()
        });
        match roll(6) {
            0 => drop(simulation.ask("POST", &format!("/approvals/{id}/reject"), &json!({ "reason": "no" }))),
            1 => {}
            // Noted before it is said: it may be carried out, and the machine killed, while it is.
            _ => match filled_in {
                Some(body) => {
                    approved.insert(body.clone());
                    simulation.ask("POST", &format!("/approvals/{id}/edit"), &json!({ "body": body }));
                }
                None => {
                    approved.insert(shown.to_owned());
                    simulation.ask("POST", &format!("/approvals/{id}/approve"), &Value::Null);
                }
            },
        }
    }
}

/// Some days of it; at the end the weather is fair and all is at rest.
fn busy(seed: u64, days: u32) -> (Simulation, BTreeSet<String>) {
    let mut simulation = worker(seed);
    let kinds = vec![
        Fault::AnswerLost,
        Fault::Reset { after_bytes: 40 },
        Fault::Status(500),
        Fault::Status(502),
        Fault::SecondaryLimit { status: 403, retry_after: None },
        Fault::TooManyRequests { retry_after: Duration::from_secs(70) },
        Fault::Stall { wait: Duration::from_secs(20) },
    ];
    let mut dice = SplitMix64(seed);
    let mut approved = BTreeSet::new();
    let until = simulation.now().plus(HOUR * 24 * days);
    while simulation.now() < until {
        // He sits down an hour after each run; the weather is bad while he speaks.
        simulation.run_for(HOUR * 2).unwrap();
        simulation.sandbox().set_mix(Some(FaultMix {
            seed: dice.next_u64(),
            per_mille: 500,
            kinds: kinds.clone(),
            spells_per_mille: 0,
        }));
        owner(&simulation, &mut dice, &mut approved);
        simulation.run_for(Duration::from_millis(dice.next_u64() % 30_000)).unwrap();
        match dice.next_u64() % 4 {
            0 => simulation.restart(End::Killed, Duration::from_secs(1 + dice.next_u64() % 60)),
            1 => simulation.restart(End::PowerLoss, Duration::from_secs(1 + dice.next_u64() % 60)),
            2 => simulation.restart(End::Stopped, MINUTE),
            _ => {}
        }
        simulation.run_for(Duration::from_millis(dice.next_u64() % 30_000)).unwrap();
        simulation.sandbox().set_mix(None);
    }
    // As long as the longest wait between two look-ups.
    simulation.run_for(HOUR * 30 + MINUTE * 30).unwrap();
    (simulation, approved)
}

/// What is wrong with the changes that were made, a line each.
fn wrong(e: &Evidence, simulation: &Simulation, approved: &BTreeSet<String>) -> Vec<String> {
    let mut wrong = permits(e);
    let posted = simulation.sandbox().github_posted();
    let mut issues = BTreeSet::new();
    let comment = |body: &str| {
        let said: Value = serde_json::from_str(body).unwrap();
        said["body"].as_str().unwrap().to_owned()
    };
    let approved: BTreeSet<String> = approved.iter().map(|body| comment(body)).collect();
    for one in &posted {
        if !issues.insert((one.repo, one.number)) {
            wrong.push(format!("issue {} has two comments", one.number));
        }
        if !approved.contains(&one.comment.body) {
            wrong.push(format!("nobody approved {:?}", one.comment.body));
        }
    }
    let bodies: BTreeSet<&str> = posted.iter().map(|one| one.comment.body.as_str()).collect();
    let changes: BTreeMap<String, ChangeRow> = e.rows();
    for (id, action) in e.rows::<ActionRecord>().into_iter().filter(|(_, action)| action.method == "POST") {
        let body = changes.get(&id).map(|row| comment(&String::from_utf8_lossy(row.action.request.body())));
        let there = body.is_some_and(|body| bodies.contains(body.as_str()));
        match action.stage {
            Stage::Confirmed if !there => wrong.push(format!("{id} is confirmed and was not made")),
            Stage::Failed | Stage::Blocked | Stage::Pending if there => {
                wrong.push(format!("{id} was made and is {:?}", action.stage));
            }
            Stage::Planned | Stage::Sending | Stage::Ambiguous => {
                wrong.push(format!("{id} is {:?} in the end", action.stage));
            }
            _ => {}
        }
    }
    let open: BTreeMap<String, LookUpRow> = e.rows();
    wrong.extend(open.into_iter().map(|(id, row)| format!("{id} is still looked up: {row:?}")));
    wrong
}

/// Every change that arrived has an intent of its own before it.
fn permits(e: &Evidence) -> Vec<String> {
    let mut intents: BTreeMap<String, usize> = BTreeMap::new();
    for entry in e.audit_of("action.permitted").filter(|entry| entry.text("method") == "POST") {
        *intents.entry(entry.text("url").to_owned()).or_default() += 1;
    }
    let mut wrong = Vec::new();
    for request in e.received.iter().filter(|request| request.method == "POST") {
        match intents.get_mut(&request.url).filter(|left| **left > 0) {
            Some(left) => *left -= 1,
            None => wrong.push(format!("{} arrived without an intent", request.url)),
        }
    }
    wrong
}

/// No bait is offered as a chance to earn.
fn bait(simulation: &Simulation, e: &Evidence) -> Vec<String> {
    let now_ms = simulation.now().unix_ms();
    let traps: BTreeSet<u64> = simulation
        .sandbox()
        .github_bounties(now_ms)
        .into_iter()
        .filter(|(_, issue)| issue.kind == Kind::Trap)
        .map(|(_, issue)| 3_000_000_000 + issue.number)
        .collect();
    let told = e.opportunities().iter().filter(|(row, _)| row.kind == "bounty");
    told.filter(|(_, details)| details["issue"].as_u64().is_some_and(|id| traps.contains(&id)))
        .map(|(row, _)| format!("bait is told of: {}", row.title))
        .collect()
}

/// Whatever is lost and killed, every change is made at most once, as it was approved, and what may have
/// happened ends as what the platform has.
#[test]
fn changes_are_made_once_and_settle_to_what_the_platform_has() {
    let seen = |seed| {
        let (simulation, approved) = busy(seed, 3);
        let evidence = Evidence::of(&simulation);
        let mut all = wrong(&evidence, &simulation, &approved);
        all.extend(bait(&simulation, &evidence));
        assert!(all.is_empty(), "seed {seed}: {all:#?}");
        let posted = simulation.sandbox().github_posted().len();
        [evidence.opportunities().len(), posted, evidence.audit_of("action.settled").count()]
    };
    let (first, second) = std::thread::scope(|threads| {
        let first = threads.spawn(|| seen(1));
        (seen(2), first.join().unwrap())
    });
    let [told, posted, settled] = [0, 1, 2].map(|of| first[of] + second[of]);
    println!("{told} bounties told, {posted} comments made, {settled} settled by look-up");
    assert!(told > 10 && posted > 5 && settled > 2, "{told} told, {posted} posted, {settled} settled");
}
