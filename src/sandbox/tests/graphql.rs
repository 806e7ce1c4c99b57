//! The made GitHub's GraphQL API as a client meets it, and next to the public schema.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::super::Sandbox;
use super::super::github::Limits;
use super::super::message::{Request, Response};
use super::NOW_MS;
use super::github::{request, value};

const URL: &str = "https://api.github.com/graphql";
const DAY_MS: i64 = 86_400_000;
const SPONSORS: &str = "query a($after: String) { viewer { sponsorshipsAsMaintainer(first: 100, after: $after, \
    includePrivate: true) { totalCount pageInfo { hasNextPage endCursor } nodes { id isActive createdAt \
    privacyLevel paymentSource tier { name monthlyPriceInCents } sponsorEntity { __typename \
    ... on User { login } ... on Organization { login } } } } } }";
const ACTIVITIES: &str = "query a($since: DateTime) { viewer { sponsorsActivities(first: 100, period: ALL, \
    since: $since) { totalCount nodes { id action timestamp sponsor { ... on User { login } } } } } }";

fn ask_as(sandbox: &Sandbox, token: &str, query: &str, variables: Value, now_ms: i64) -> Response {
    let body = json!({ "query": query, "variables": variables }).to_string().into_bytes();
    let headers = vec![
        ("user-agent".to_owned(), "a test".to_owned()),
        ("authorization".to_owned(), format!("Bearer {token}")),
    ];
    sandbox.answer(Request { body, headers, ..request("POST", URL) }, now_ms)
}

fn ask(sandbox: &Sandbox, query: &str, variables: Value, now_ms: i64) -> Value {
    let said = ask_as(sandbox, "sandbox-octo", query, variables, now_ms);
    assert_eq!(said.status, 200);
    value(said)
}

fn viewer(sandbox: &Sandbox, query: &str, now_ms: i64) -> Value {
    let said = ask(sandbox, query, json!({}), now_ms);
    assert!(said.get("errors").is_none(), "{said}");
    said["data"]["viewer"].clone()
}

/// What is told of a query that is refused.
fn refused(sandbox: &Sandbox, query: &str, variables: Value) -> (Value, String) {
    let said = ask(sandbox, query, variables, NOW_MS);
    let error = &said["errors"][0];
    assert!(said["data"].is_null(), "{said}");
    (error["type"].clone(), error["message"].as_str().expect("words").to_owned())
}

#[test]
fn every_page_is_served_once_and_only_what_was_asked_for() {
    let sandbox = Sandbox::new(1);
    let (mut seen, mut after, mut pages) = (BTreeSet::new(), Value::Null, 0);
    let total = loop {
        let said = ask(&sandbox, SPONSORS, json!({ "after": after }), NOW_MS);
        let list = &said["data"]["viewer"]["sponsorshipsAsMaintainer"];
        pages += 1;
        for node in list["nodes"].as_array().expect("a list") {
            assert!(seen.insert(node["id"].to_string()), "{node} came twice");
            assert_eq!(node["isActive"], true);
            assert_eq!(node.as_object().expect("an object").len(), 7, "{node}");
        }
        after = list["pageInfo"]["endCursor"].clone();
        if list["pageInfo"]["hasNextPage"] == false {
            break list["totalCount"].as_u64().expect("a number");
        }
    };
    assert!(pages == 2 && seen.len() as u64 == total, "{pages} pages, {} of {total}", seen.len());
    let public = viewer(&sandbox, "{ viewer { sponsorshipsAsMaintainer(first: 1) { totalCount } } }", NOW_MS);
    assert!(public["sponsorshipsAsMaintainer"]["totalCount"].as_u64().expect("a number") < total);
}

#[test]
fn sponsors_come_change_go_and_are_refunded_and_the_past_does_not_change() {
    let sandbox = Sandbox::new(1);
    let mut actions = BTreeSet::new();
    for days in 0..120 {
        let now_ms = NOW_MS + days * DAY_MS;
        let list = viewer(
            &sandbox,
            "{ viewer { sponsorsActivities(first: 20, period: ALL) { nodes { action timestamp } } } }",
            now_ms,
        );
        let nodes = list["sponsorsActivities"]["nodes"].as_array().expect("a list").clone();
        let times: Vec<&str> = nodes.iter().filter_map(|node| node["timestamp"].as_str()).collect();
        assert!(times.is_sorted_by(|a, b| a >= b), "the newest first");
        actions.extend(nodes.iter().map(|node| node["action"].to_string()));
    }
    let all = ["CANCELLED_SPONSORSHIP", "NEW_SPONSORSHIP", "PENDING_CHANGE", "REFUND", "TIER_CHANGE"];
    assert_eq!(actions, all.map(|action| format!("\"{action}\"")).into());
    let since = json!({ "since": "2026-07-20T00:00:00Z" });
    let ids = |now_ms: i64| {
        let said = ask(&sandbox, ACTIVITIES, since.clone(), now_ms);
        let nodes = said["data"]["viewer"]["sponsorsActivities"]["nodes"].as_array().expect("a list").clone();
        assert!(nodes.iter().all(|node| node["timestamp"].as_str() >= Some("2026-07-20")));
        nodes.iter().map(|node| node["id"].to_string()).collect::<BTreeSet<_>>()
    };
    let (before, after) = (ids(NOW_MS), ids(NOW_MS + 5 * DAY_MS));
    assert!(!before.is_empty() && before.is_subset(&after) && before.len() < after.len());
}

#[test]
fn sums_are_whole_cents_and_payouts_are_on_the_22nd() {
    let query = "{ viewer { login hasSponsorsListing monthlyEstimatedSponsorsIncomeInCents \
        estimatedNextSponsorsPayoutInCents sponsorsListing { nextPayoutDate dashboardUrl \
        tiers(first: 10, includeUnpublished: true) { totalCount nodes { name adminInfo { isDraft } } } } \
        lifetimeReceivedSponsorshipValues(first: 5) { nodes { amountInCents } } } }";
    let one = viewer(&Sandbox::new(1), query, NOW_MS);
    assert!(one["monthlyEstimatedSponsorsIncomeInCents"].as_u64().expect("cents") > 0);
    assert!(one["sponsorsListing"]["nextPayoutDate"].as_str().expect("a day").ends_with("-22"));
    assert_eq!(one["sponsorsListing"]["tiers"]["totalCount"], 6);
    assert_eq!(one["lifetimeReceivedSponsorshipValues"]["nodes"].as_array().expect("a list").len(), 5);
    assert_ne!(viewer(&Sandbox::new(2), query, NOW_MS), one, "another seed, other sponsors");
}

#[test]
fn what_is_wrong_is_told_with_status_200_and_no_mutation_does_anything() {
    let sandbox = Sandbox::new(1);
    let list = |rest: &str| format!("{{ viewer {{ sponsorshipsAsMaintainer({rest}) {{ totalCount }} }} }}");
    for (query, kind, words) in [
        ("mutation { createSponsorsTier { clientMutationId } }".to_owned(), Value::Null, "actual: mutation"),
        ("{ viewer { salary } }".to_owned(), Value::Null, "Field 'salary' doesn't exist on type 'User'"),
        ("{ viewer }".to_owned(), Value::Null, "must have selections"),
        ("{ viewer { login { x } } }".to_owned(), Value::Null, "can't be made on scalars"),
        ("{ viewer { login ".to_owned(), Value::Null, "Expected a name"),
        ("{".repeat(50), Value::Null, "Expected a name"),
        (list("activeOnly: true"), json!("MISSING_PAGINATION_BOUNDARIES"), "properly paginate"),
        (list("first: 101"), json!("EXCESSIVE_PAGINATION"), "limit of 100"),
        (list("first: 1, after: \"x\""), json!("INVALID_CURSOR_ARGUMENTS"), "valid cursor"),
        (list("first: 1, colour: RED"), Value::Null, "doesn't accept argument 'colour'"),
    ] {
        let (is, why) = refused(&sandbox, &query, json!({}));
        assert_eq!(is, kind, "{why}");
        assert!(why.contains(words), "{why}");
    }
}

#[test]
fn tokens_scopes_and_budgets_are_told_as_documented() {
    let sandbox = Sandbox::new(1);
    let query = "query a { viewer { login } }";
    let status = |token: &str| ask_as(&sandbox, token, query, json!({}), NOW_MS).status;
    assert_eq!([status("sandbox-octo.expired"), status("sandbox-octo.revoked"), status("other")], [401; 3]);
    let scope = value(ask_as(&sandbox, "sandbox-octo.noscope", query, json!({}), NOW_MS));
    assert_eq!(scope["errors"][0]["type"], "INSUFFICIENT_SCOPES");
    let mut nobody = request("POST", URL);
    nobody.headers.retain(|(name, _)| name != "authorization");
    assert_eq!(sandbox.answer(nobody, NOW_MS).status, 401);

    sandbox.set_github_limits(Limits { graphql: 2, ..Limits::default() });
    let first = ask_as(&sandbox, "sandbox-mona", query, json!({}), NOW_MS);
    assert_eq!(first.header("x-ratelimit-resource"), Some("graphql"));
    assert_eq!(
        ask_as(&sandbox, "sandbox-mona", query, json!({}), NOW_MS).header("x-ratelimit-remaining"),
        Some("0")
    );
    let spent = ask_as(&sandbox, "sandbox-mona", query, json!({}), NOW_MS);
    assert_eq!((spent.status, spent.header("x-ratelimit-remaining")), (200, Some("0")));
    assert_eq!(value(spent)["errors"][0]["type"], "RATE_LIMITED");
    let later = ask_as(&sandbox, "sandbox-mona", query, json!({}), NOW_MS + 3_600_000);
    assert_eq!(value(later)["data"]["viewer"]["login"], "mona");
}

/// What the executor gives is in the schema: each field's name stands there, indented once, in its type.
#[test]
fn every_field_that_is_made_is_in_the_schema() {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/github-graphql/sponsors-subset.graphql");
    let Ok(schema) = std::fs::read_to_string(&file) else {
        eprintln!("SKIPPED: {} is not there; the sandbox's fields are not compared", file.display());
        return;
    };
    let query = "{ viewer { sponsorsListing { isPublic nextPayoutDate dashboardUrl } \
        sponsorshipsAsMaintainer(first: 1) { totalCount nodes { id createdAt isActive isOneTimePayment \
        isSponsorOptedIntoEmail privacyLevel paymentSource tierSelectedAt tier { id name description \
        monthlyPriceInCents monthlyPriceInDollars isOneTime isCustomAmount adminInfo { isDraft isPublished isRetired } } } } \
        sponsorsActivities(first: 1, period: ALL) { totalCount nodes { id action timestamp currentPrivacyLevel \
        paymentSource viaBulkSponsorship previousSponsorsTier { name } sponsorsTier { name } } } \
        lifetimeReceivedSponsorshipValues(first: 1) { totalCount nodes { amountInCents formattedAmount } } } }";
    viewer(&Sandbox::new(1), query, NOW_MS);
    let known: BTreeSet<&str> = schema
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.trim().split([':', '(']).next())
        .collect();
    let words = query.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() > 1);
    let other = ["viewer", "first", "period", "ALL"];
    for word in words.filter(|word| !other.contains(word)) {
        assert!(known.contains(word), "{word}");
    }
}
