//! Bids whose answers are lost: the platform has them, the machine is not told, and must find out instead of
//! bidding again.

use std::collections::BTreeMap;

use mm_core::activity::{ActionRecord, Stage};
use money_machine::simulation::{Owner, Plan, Weather, paused, rehearse};
use serde_json::json;

use crate::{HOUR, lost};

/// A machine that looks for freelance work alone, with an owner who says yes.
fn bidder(seed: u64) -> Plan {
    let mut plan = Plan::new(seed, paused::runtime);
    plan.config.strategies.get_mut("bug-bounty").unwrap().enabled = false;
    let leads = plan.config.strategies.get_mut("freelance-leads").unwrap();
    leads.enabled = true;
    let own = json!({
        "skills": ["rust", "python"], "rate": "20 USD", "hackernews": false, "remoteok": false,
        "freelancer_account": "main",
    });
    leads.config.table.extend(own.as_object().unwrap().clone());
    plan.owner = Owner::Approves;
    plan.rules.0.retain(|(name, _)| name == "freelancer.toml" || name.starts_with("law-"));
    plan
}

#[test]
fn a_bid_whose_answer_is_lost_is_found_and_not_made_again() {
    let plan = bidder(81).wrapped(lost::loses_answers);
    let rehearsed = rehearse(plan, HOUR * 40, Weather::Fair, &mut |_| {});
    assert_eq!(rehearsed.findings, Vec::<String>::new());
    let e = &rehearsed.evidence;
    assert!(e.audit_of("action.ambiguous").count() >= 2, "no answer was lost");
    assert!(e.audit_of("action.settled").count() >= 2, "nothing was found out");
    let mut on_project = BTreeMap::<u64, usize>::new();
    for bid in rehearsed.simulation.sandbox().freelancer_bids() {
        *on_project.entry(bid.project).or_default() += 1;
    }
    assert!(on_project.len() > 2, "{on_project:?}");
    assert!(on_project.values().all(|bids| *bids == 1), "{on_project:?}");
    // What the machine believes of each is what the platform has.
    let of_bid = |id: &&String| id.contains("freelance-leads.bid-");
    let actions = e.rows::<ActionRecord>();
    let done = |id: &&String| actions[*id].stage == Stage::Confirmed;
    let confirmed: Vec<&String> = actions.keys().filter(of_bid).filter(done).collect();
    assert_eq!(confirmed.len(), on_project.len(), "{confirmed:?}");
    for project in on_project.keys() {
        assert!(confirmed.iter().any(|id| id.ends_with(&format!("bid-{project}"))), "{project}");
    }
}

/// The planted bug: what has arrived is said not to have been sent, so that it is on record as such, and sent again.
#[test]
fn a_bid_that_is_said_to_be_unsent_and_was_made_is_noticed() {
    let plan = bidder(82).wrapped(lost::denies_sending);
    let rehearsed = rehearse(plan, HOUR * 40, Weather::Fair, &mut |_| {});
    let wrong = &rehearsed.findings;
    assert!(wrong.iter().any(|line| line.contains("is on record as not sent, and arrived")), "{wrong:?}");
}
