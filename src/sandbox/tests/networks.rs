//! The made affiliate networks, held against their documents.

use serde_json::{Value, json};

use super::super::Sandbox;
use super::super::message::{Request, Response};
use super::super::networks::{Network, Standing};
use super::{NOW_MS, bytes};

const DAY_MS: i64 = 86_400_000;

/// `sid:sandbox-me`, `sid:sandbox-me.expired`, `sid:sandbox-me.scopeless` in base 64.
const BASIC: [&str; 3] =
    ["c2lkOnNhbmRib3gtbWU=", "c2lkOnNhbmRib3gtbWUuZXhwaXJlZA==", "c2lkOnNhbmRib3gtbWUuc2NvcGVsZXNz"];

fn impact(query: &str, token: usize) -> Request {
    Request::get(&format!("https://api.impact.com/Mediapartners/sid/Actions{query}"))
        .with_header("authorization", &format!("Basic {}", BASIC[token]))
        .with_header("accept", "application/json")
}

fn awin(from: &str, until: &str, token: &str) -> Request {
    let dates = format!("startDate={from}&endDate={until}&timezone=UTC");
    Request::get(&format!("https://api.awin.com/publishers/7/transactions/?{dates}"))
        .with_header("authorization", &format!("Bearer {token}"))
}

fn cj(query: &str, token: &str) -> Request {
    let request = Request::get("https://commissions.api.cj.com/query")
        .with_header("authorization", &format!("Bearer {token}"));
    let body = json!({"query": query}).to_string().into_bytes();
    Request { method: "POST".to_owned(), body, ..request }
}

fn value(answer: Response) -> Value {
    serde_json::from_slice(&bytes(answer)).expect("JSON")
}

/// The keys of a documented object that this one lacks or writes in another type; null goes with all.
fn missing(documented: &Value, ours: &Value) -> Vec<String> {
    let kind = |value: &Value| match value {
        Value::Object(_) => "object",
        Value::Array(_) => "array",
        Value::String(_) => "text",
        Value::Number(_) => "number",
        Value::Bool(_) => "bool",
        Value::Null => "null",
    };
    let same = |a: &Value, b: &Value| a.is_null() || b.is_null() || kind(a) == kind(b);
    let known = ours.as_object().expect("an object");
    let wrong = known.iter().filter(|(key, value)| documented.get(*key).is_some_and(|of| !same(of, value)));
    wrong.map(|(key, _)| key.clone()).collect()
}

fn document(name: &str) -> Option<Value> {
    let file =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/documented-shapes").join(name);
    let found = std::fs::read(&file).ok();
    if found.is_none() {
        let said = format_args!("SKIPPED: nothing at {}\n", file.display());
        std::io::Write::write_fmt(&mut std::io::stderr(), said).expect("stderr takes a line");
    }
    found.map(|bytes| serde_json::from_slice(&bytes).expect("JSON"))
}

#[test]
fn what_a_network_tells_has_the_documented_types() {
    let sandbox = Sandbox::new(1);
    let ours = value(sandbox.answer(
        impact("?ActionDateStart=2026-06-10T00:00:00Z&ActionDateEnd=2026-07-20T00:00:00Z", 0),
        NOW_MS,
    ));
    let first = ours["Actions"][0].clone();
    if let Some(documented) = document("impact-actions.json") {
        // An id may be a number or a text: the description and its own examples disagree.
        let wrong = missing(&documented["Actions"][0], &first);
        assert_eq!(wrong, ["ActionTrackerId"]);
    }
    let ours =
        value(sandbox.answer(awin("2026-06-20T00:00:00", "2026-07-20T00:00:00", "sandbox-me"), NOW_MS));
    if let Some(documented) = document("awin-transactions.json") {
        assert_eq!(missing(&documented[0], &ours[0]), Vec::<String>::new());
        let refused = value(sandbox.answer(awin("x", "y", "nobody"), NOW_MS));
        assert_eq!(Some(refused), document("awin-error.json"));
    }
    let question = "{ publisherCommissions(forPublishers: [\"7\"], sincePostingDate: \"2026-06-20T00:00:00Z\", \
        beforePostingDate: \"2026-07-20T00:00:00Z\") { records { commissionId pubCommissionAmountUsd postingDate } } }";
    let ours = value(sandbox.answer(cj(question, "sandbox-me"), NOW_MS));
    if let Some(documented) = document("cj-publisher-commissions.json") {
        let records = |whole: &Value| whole["data"]["publisherCommissions"]["records"][0].clone();
        assert_eq!(missing(&records(&documented), &records(&ours)), Vec::<String>::new());
        assert_eq!(
            records(&ours).as_object().map(serde_json::Map::len),
            Some(3),
            "what was asked for, no more"
        );
    }
}

#[test]
fn windows_tokens_and_limits_are_as_documented() {
    let sandbox = Sandbox::new(1);
    let status = |request: Request| sandbox.answer(request, NOW_MS).status;
    assert_eq!(
        status(impact("?ActionDateStart=2026-06-01T00:00:00Z&ActionDateEnd=2026-07-20T00:00:00Z", 0)),
        400
    );
    assert_eq!(status(impact("?ActionDateStart=2026-06-01T00:00:00Z", 0)), 400, "both ends or neither");
    assert_eq!((status(impact("", 0)), status(impact("", 1)), status(impact("", 2))), (200, 401, 403));
    let limited = sandbox.answer(impact("", 0), NOW_MS);
    let reset: i64 =
        limited.header("x-ratelimit-reset").and_then(|text| text.parse().ok()).expect("a number");
    assert!(
        (1..=3_601).contains(&reset) && limited.header("retry-after").is_none(),
        "seconds to go: {reset}"
    );
    let xml = sandbox.answer(Request::get("https://api.impact.com/Mediapartners/sid/Actions"), NOW_MS);
    assert!(bytes(xml).starts_with(b"<?xml"), "without Accept it answers in XML");
    assert_eq!(status(awin("2026-06-01T00:00:00", "2026-07-20T00:00:00", "sandbox-me")), 400);
    assert_eq!(status(awin("2026-07-01T00:00:00Z", "2026-07-20T00:00:00Z", "sandbox-me")), 400, "no zone");
    let good = || awin("2026-07-01T00:00:00", "2026-07-20T00:00:00", "sandbox-other");
    let told: Vec<u16> = (0..21).map(|_| status(good())).collect();
    assert!(told.iter().take(20).all(|status| *status == 200) && told.last() == Some(&429), "{told:?}");
    assert_eq!(sandbox.answer(good(), NOW_MS + 60_000).status, 200);
    assert_eq!(status(cj("{ publisherCommissions }", "sandbox-me.revoked")), 401);
    let wrong = value(sandbox.answer(cj("{ publisherCommissions }", "sandbox-me"), NOW_MS));
    assert!(wrong["errors"][0]["message"].is_string());
}

#[test]
fn sales_go_their_way_and_corrections_join_their_original() {
    let sandbox = Sandbox::new(1);
    let mut seen = std::collections::BTreeSet::new();
    for network in [Network::Impact, Network::Awin, Network::Cj] {
        for sale in sandbox.sales(network, 200, NOW_MS) {
            let way: Vec<Standing> = (0..200).map(|day| sale.standing(sale.at_ms + day * DAY_MS)).collect();
            assert_eq!(way[0], Standing::Pending);
            assert!(way.windows(2).all(|two| two[0] <= two[1]), "no sale goes back: {way:?}");
            seen.extend(way);
        }
    }
    assert_eq!(seen.len(), 4);
    let (mut since, mut sums) = (String::new(), std::collections::BTreeMap::<u64, i64>::new());
    loop {
        let question = format!(
            "{{ publisherCommissions(forPublishers: [\"7\"], sincePostingDate: \"2025-01-01T00:00:00Z\", \
             beforePostingDate: \"2027-01-01T00:00:00Z\"{since}) {{ originalActionId pubCommissionAmountUsd }} }}"
        );
        let list = value(sandbox.answer(cj(&question, "sandbox-me"), NOW_MS))["data"]["publisherCommissions"]
            .clone();
        for record in list["records"].as_array().expect("records") {
            let cents = record["pubCommissionAmountUsd"].as_str().expect("a text").replace('.', "");
            let id = record["originalActionId"].as_str().and_then(|id| id.parse().ok()).expect("an id");
            *sums.entry(id).or_default() += cents.parse::<i64>().expect("cents");
        }
        if list["payloadComplete"] == true {
            break;
        }
        since = format!(", sinceCommissionId: \"{}\"", list["maxCommissionId"].as_str().expect("a cursor"));
    }
    for sale in sandbox.sales(Network::Cj, 500, NOW_MS) {
        assert_eq!(sums.get(&sale.id), Some(&sale.pays(NOW_MS)), "{sale:?}");
    }
}
