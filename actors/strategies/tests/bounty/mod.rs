//! The platforms for bug hunters, made of canned answers.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not be")]
#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::BTreeSet;
use std::time::Duration;

use mm_sdk::testing::Bench;
use mm_sdk::{Decided, Draft, Drafts, Moment, Report, SourceHealth, Stage, Strategy};
use mm_strategies::bug_bounty::BugBounty;
use mm_strategies::bug_bounty::scope::Source;
use serde_json::{Value, json};

pub const HOUR: Duration = Duration::from_secs(3600);
pub const START: &str = "2026-07-22T12:00:00Z";
pub const H1: &str = "https://api.hackerone.com/v1/hackers";
pub const INTIGRITI: &str = "https://api.intigriti.com/external/researcher/v1";
pub const YWH: &str = "https://api.yeswehack.com";
pub const UUID: &str = "0083a5bf-e54f-4f79-a972-12a795272c8b";

pub fn url(path: &str) -> String {
    format!("{H1}/{path}?page%5Bsize%5D=100")
}

pub fn programme(handle: &str, state: &str, policy: &str) -> Value {
    json!({ "id": "1", "type": "program", "attributes": { "handle": handle, "name": format!("The {handle}"),
        "state": state, "submission_state": "open", "offers_bounties": true, "policy": policy } })
}

pub fn scope(id: u64, identifier: &str) -> Value {
    json!({ "id": id.to_string(), "type": "structured-scope", "attributes": { "asset_type": "URL",
        "asset_identifier": identifier, "eligible_for_bounty": true, "eligible_for_submission": true,
        "max_severity": "critical" } })
}

pub fn bounty(id: &str, awarded: &str, bonus: &str, currency: &str, day: u32) -> Value {
    json!({ "id": id, "type": "bounty", "attributes": { "awarded_amount": awarded, "awarded_bonus_amount": bonus,
        "awarded_currency": currency, "created_at": format!("2026-06-{day:02}T00:00:00.000Z") } })
}

pub fn earning(id: &str, amount: f64, of: Value, day: u32) -> Value {
    json!({ "id": id, "type": "earning-bounty-earned",
        "attributes": { "amount": amount, "created_at": format!("2026-06-{day:02}T00:00:00.000Z") },
        "relationships": { "bounty": { "data": of } } })
}

pub fn payout(amount: f64, day: u32) -> Value {
    json!({ "amount": amount, "paid_out_at": format!("2026-06-{day:02}T12:00:00.000Z"), "reference": format!("r{day}"),
        "status": "sent" })
}

pub fn list(elements: impl IntoIterator<Item = Value>) -> String {
    json!({ "data": elements.into_iter().collect::<Vec<_>>(), "links": {} }).to_string()
}

pub fn strategy() -> BugBounty {
    let mut strategy = BugBounty::default();
    let config =
        json!({ "hackerone_account": "main", "intigriti_account": "main", "yeswehack_account": "main" });
    strategy.initialise(&config).unwrap();
    strategy
}

/// The platforms as they are at first, judged by the project's own rules.
pub fn bench() -> Bench {
    let mut bench = Bench::at(START)
        .with_rules(
            "bounty-targets-data.toml",
            include_str!("../../../../config/rules/bounty-targets-data.toml"),
        )
        .with_rules("hackerone.toml", include_str!("../../../../config/rules/hackerone.toml"))
        .with_rules("intigriti.toml", include_str!("../../../../config/rules/intigriti.toml"))
        .with_rules("yeswehack.toml", include_str!("../../../../config/rules/yeswehack.toml"));
    for (source, text) in [
        (Source::HackerOne, include_str!("../../fixtures/traps.hackerone.json")),
        (Source::Bugcrowd, include_str!("../../fixtures/traps.bugcrowd.json")),
        (Source::Intigriti, include_str!("../../fixtures/traps.intigriti.json")),
        (Source::YesWeHack, include_str!("../../fixtures/traps.yeswehack.json")),
        (Source::Federacy, include_str!("../../fixtures/traps.federacy.json")),
    ] {
        bench.answer(source.feed_url(), 200, text);
    }
    let programmes = [
        programme("acme", "public_mode", "You may use automated tools."),
        programme("vault", "soft_launched", "Hello. **Do not use automated scanners.** Thank you."),
    ];
    bench.answer(&url("programs"), 200, list(programmes));
    bench.answer(&url("programs/vault/structured_scopes"), 200, list([scope(1, "one.vault.example")]));
    money(&mut bench, &[], &[], "0");
    bench.answer(&url("me/reports"), 200, list([]));
    let record = json!({ "id": UUID, "name": "Hidden", "status": { "id": 3, "value": "Open" },
        "confidentialityLevel": { "id": 1, "value": "Invite only" },
        "maxBounty": { "value": 2500, "currency": "EUR" },
        "webLinks": { "detail": "https://app.intigriti.com/researcher/programs/hidden/hidden/detail" } });
    let records = json!({ "maxCount": 1, "records": [record] });
    bench.answer(&format!("{INTIGRITI}/programs?limit=500&offset=0"), 200, records.to_string());
    let mut detail = record;
    detail["domains"] = json!({ "content": [
        { "type": { "value": "Url" }, "endpoint": "in.hidden.example", "tier": { "value": "Tier 2" } },
        { "type": { "value": "Url" }, "endpoint": "out.hidden.example", "tier": { "value": "Out Of Scope" } },
    ] });
    detail["rulesOfEngagement"] = json!({ "content": { "description": "Be kind.", "testingRequirements": {
        "automatedTooling": 2, "userAgent": "X-Me" } } });
    bench.answer(&format!("{INTIGRITI}/programs/{UUID}"), 200, detail.to_string());
    let mut secret = json!({ "slug": "secret", "title": "Secret", "public": false, "bounty": true,
        "bounty_reward_min": 50, "bounty_reward_max": 900, "business_unit": { "currency": "EUR" } });
    let items = json!({ "items": [secret], "pagination": { "nb_pages": 1 } });
    bench.answer(&format!("{YWH}/programs?page=1&resultsPerPage=50"), 200, items.to_string());
    secret["scopes"] = json!([{ "scope": "secret.example", "scope_type": "api" }]);
    secret["rules"] = json!("Be kind.");
    bench.answer(&format!("{YWH}/programs/secret"), 200, secret.to_string());
    bench
}

pub fn money(bench: &mut Bench, earnings: &[Value], payouts: &[Value], balance: &str) {
    bench.answer(&url("payments/earnings"), 200, list(earnings.iter().cloned()));
    bench.answer(&url("payments/payouts"), 200, list(payouts.iter().cloned()));
    let balance = format!("{{\"data\":{{\"balance\":{balance}}}}}");
    bench.answer(&format!("{H1}/payments/balance"), 200, balance);
}

/// One run, `hours` after the start.
pub async fn run(bench: &mut Bench, hours: u32) -> (Report, Drafts) {
    bench.set_now(START.parse::<Moment>().unwrap().plus(HOUR * hours));
    let (report, drafts) = bench.run(&mut strategy()).await.unwrap();
    for step in bench.ruled().iter().map(|ruled| &ruled.step) {
        let sound = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        assert!(step.len() <= 64 && step.bytes().all(sound), "the road takes no step of this name: {step}");
    }
    let names: BTreeSet<&str> = report.sources.iter().map(|source| source.name.as_str()).collect();
    assert_eq!(names.len(), report.sources.len(), "one word on each source: {:?}", report.sources);
    (report, drafts)
}

pub fn private(drafts: &Drafts) -> Vec<&Draft> {
    drafts.opportunities.iter().filter(|draft| draft.details.value()["private"] == true).collect()
}

pub fn booked(drafts: &Drafts) -> Vec<(String, Stage, String)> {
    let mut booked: Vec<_> = (drafts.earnings.iter())
        .map(|one| (one.reference.clone(), one.stage, one.amount.to_string()))
        .collect();
    booked.sort();
    booked
}

pub fn sentence(report: &Report, name: &str) -> (SourceHealth, String) {
    let source = report.sources.iter().find(|source| source.name == name);
    source
        .map(|source| (source.health, source.sentence.clone()))
        .unwrap_or_else(|| panic!("{name}: {report:?}"))
}

/// The owner accepts what the strategy drafted.
pub fn accept(bench: &mut Bench, drafts: &[&Draft]) {
    let decided = drafts.iter().enumerate().map(|(n, draft)| Decided {
        id: mm_sdk::OpportunityId::new(format!("opp-{n}")),
        kind: draft.kind.clone(),
        details: draft.details.to_string(),
        at: START.parse().unwrap(),
    });
    bench.decide(decided.collect());
}
