//! CJ's commission API: `POST /query` with one question of GraphQL, `publisherCommissions`.

use serde_json::{Map, Value, json};

use super::super::message::{Request, Response};
use super::{Asker, Listed, Network, Networks, Sale, Standing, decimal, shown, time};

pub(super) const URL: &str = "https://commissions.api.cj.com/";
/// Records in one answer.
const LIMIT: usize = 50;
/// A record's number is that of its sale times so many, and which record of that sale it is.
const PARTS: u64 = 10;
const DAY_MS: i64 = 86_400_000;
/// A correction follows its sale by no more than this.
const LATEST_DAYS: i64 = 120;

pub(super) fn answer(state: &mut Networks, seed: u64, request: &Request, now_ms: i64) -> Response {
    if request.url != format!("{URL}query") {
        return Response::not_found(&request.url);
    }
    if request.method != "POST" {
        return Response::text(405, "405: method not allowed").with_header("allow", "POST");
    }
    if Asker::by_bearer(request) == Asker::Bad {
        return wrong(401, "Not authorized");
    }
    let asked: Option<Value> = serde_json::from_slice(&request.body).ok();
    let Some(question) = asked.as_ref().and_then(|asked| asked.get("query")).and_then(Value::as_str) else {
        return wrong(400, "the body has no query");
    };
    if question.contains("mutation") || !question.contains("publisherCommissions") {
        return wrong(200, "the sandbox knows the question publisherCommissions alone");
    }
    let date = |name: &str| argument(question, name).and_then(|text| time(&text));
    let (Some(from_ms), Some(until_ms)) = (date("sincePostingDate"), date("beforePostingDate")) else {
        return wrong(200, "sincePostingDate and beforePostingDate are needed");
    };
    if !question.contains("forPublishers") {
        return wrong(200, "Field argument 'forPublishers' is required");
    }
    let since: u64 = argument(question, "sinceCommissionId").and_then(|id| id.parse().ok()).unwrap_or(0);
    let mut records = records(seed, (from_ms, until_ms), now_ms);
    records.retain(|(number, _)| *number > since);
    let whole = records.len() <= LIMIT;
    records.truncate(LIMIT);
    let lines = records.iter().map(|(number, _)| (number / PARTS, number % PARTS)).collect();
    state.listed.push(Listed { network: Network::Cj, at_ms: now_ms, lines });
    let last = records.last().map(|(number, _)| number.to_string());
    let shown: Vec<Value> = records.iter().map(|(_, record)| chosen(question, record)).collect();
    Response::json(
        200,
        &json!({"data": {"publisherCommissions": {"count": shown.len(), "limit": LIMIT, "payloadComplete": whole,
            "maxCommissionId": last, "records": shown}}}),
    )
}

/// The records that were posted in a span, by their number: sales, and the corrections of earlier ones.
fn records(seed: u64, (from_ms, until_ms): (i64, i64), now_ms: i64) -> Vec<(u64, Map<String, Value>)> {
    let earliest = from_ms.saturating_sub(LATEST_DAYS * DAY_MS);
    let mut all = Vec::new();
    for sale in Sale::between(seed, Network::Cj, earliest, until_ms, now_ms) {
        let mut parts = vec![(sale.at_ms, sale.cents, true)];
        parts.extend(sale.corrections(now_ms).into_iter().map(|(when, by)| (when, by, false)));
        for (nth, (posted_ms, cents, original)) in parts.into_iter().enumerate() {
            if (from_ms..until_ms).contains(&posted_ms) {
                let number = sale.id * PARTS + nth as u64;
                all.push((number, record(&sale, number, posted_ms, cents, original, now_ms)));
            }
        }
    }
    all.sort_by_key(|(number, _)| *number);
    all
}

fn record(
    sale: &Sale,
    number: u64,
    posted_ms: i64,
    cents: i64,
    original: bool,
    now_ms: i64,
) -> Map<String, Value> {
    let status = match sale.standing(now_ms) {
        Standing::Pending if now_ms - sale.at_ms < 15 * DAY_MS => "new",
        Standing::Pending => "extended",
        Standing::Approved => "locked",
        Standing::Paid | Standing::Reversed => "closed",
    };
    let reason = if original { Value::Null } else { json!("RETURNED_MERCHANDISE") };
    let fields = [
        ("actionTrackerName", json!("Advanced Sale Test")),
        ("websiteName", json!("Donuts and Denim")),
        ("advertiserName", json!("Visit Canada")),
        ("commissionId", json!(number.to_string())),
        ("originalActionId", json!(sale.id.to_string())),
        ("original", json!(original)),
        ("correctionReason", reason),
        ("actionStatus", json!(status)),
        ("postingDate", json!(shown(posted_ms))),
        ("eventDate", json!(shown(sale.at_ms))),
        ("pubCommissionAmountUsd", json!(decimal(cents))),
        ("pubCommissionAmountPubCurrency", json!(decimal(cents))),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What of a record was asked for, and nothing else, as GraphQL has it.
fn chosen(question: &str, record: &Map<String, Value>) -> Value {
    let names = |name: &str| question.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == name);
    let wanted = record.iter().filter(|(name, _)| names(name));
    Value::Object(wanted.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// The text of an argument, without its quotes.
fn argument(question: &str, name: &str) -> Option<String> {
    let (_, rest) = question.split_once(&format!("{name}:"))?;
    Some(rest.trim_start().strip_prefix('"')?.split('"').next()?.to_owned())
}

fn wrong(status: u16, message: &str) -> Response {
    Response::json(status, &json!({"data": null, "errors": [{"message": message}]}))
}
