//! Intigriti's researcher API v1.

use serde_json::{Value, json};

use super::super::message::{Request, Response, logical};
use super::super::scatter::{of_text, scatter};
use super::super::world::{Feed, Kind, Programme, World};
use super::{Asker, Private, number, policy, private, public};

/// Where it lives.
pub(super) const API: &str = "https://api.intigriti.com/";
const BASE: &str = "https://api.intigriti.com/external/researcher/v1";

pub(super) fn answer(world: &World, request: &Request, now_ms: i64) -> Response {
    if !matches!(Asker::of(request), Asker::Login(_)) {
        return problem(401, "Unauthorized");
    }
    if request.method != "GET" {
        return problem(403, "The sandbox takes no report: a person sends it.");
    }
    let url = logical(&request.url);
    let path = url.strip_prefix(BASE).unwrap_or_default().split('?').next().unwrap_or_default();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match parts.as_slice() {
        ["programs"] => list(&url, all(world, now_ms)),
        ["programs", "activities"] => Response::json(200, &json!({ "maxCount": 0, "records": [] })),
        ["programs", id] => match detail(world, id, now_ms) {
            Some(detail) => Response::json(200, &detail),
            None => problem(404, "Not Found"),
        },
        _ => problem(404, "Not Found"),
    }
}

fn problem(status: u16, title: &str) -> Response {
    Response::json(status, &json!({ "status": status, "title": title }))
}

fn list(url: &str, records: Vec<Value>) -> Response {
    let (limit, offset) = (number(url, "limit").unwrap_or(50), number(url, "offset").unwrap_or(0));
    if limit == 0 || limit > 500 {
        return problem(400, "limit is from 1 to 500");
    }
    let from = offset.min(records.len());
    let to = from.saturating_add(limit).min(records.len());
    let shown = records.get(from..to).unwrap_or_default();
    Response::json(200, &json!({ "maxCount": records.len(), "records": shown }))
}

fn all(world: &World, now_ms: i64) -> Vec<Value> {
    let open = public(world, Feed::Intigriti, now_ms);
    let hidden = private(world.seed(), "intigriti", now_ms);
    open.iter().map(record_of).chain(hidden.iter().map(hidden_record)).collect()
}

fn record_of(one: &Programme) -> Value {
    let (least, most) = one.reward.unwrap_or((0, 0));
    record(&one.key, &one.slug, &one.name, (least, most), "Public")
}

fn hidden_record(one: &Private) -> Value {
    record(&uuid(one), &one.slug, &one.name, (50, 2_500), "Invite only")
}

fn record(id: &str, handle: &str, name: &str, (least, most): (u32, u32), level: &str) -> Value {
    let page = format!("https://app.intigriti.com/researcher/programs/{handle}/{handle}/detail");
    json!({ "id": id, "handle": handle, "name": name, "following": false,
        "minBounty": { "value": f64::from(least), "currency": "EUR" },
        "maxBounty": { "value": f64::from(most), "currency": "EUR" },
        "confidentialityLevel": { "id": if level == "Public" { 4 } else { 1 }, "value": level },
        "status": { "id": 3, "value": "Open" }, "type": { "id": 1, "value": "Bug Bounty" },
        "webLinks": { "detail": page } })
}

fn uuid(one: &Private) -> String {
    let (high, low) = (scatter(&[one.salt, 1]), scatter(&[one.salt, of_text("low")]));
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 48 & 0xfff,
        low & 0xffff_ffff_ffff
    )
}

fn detail(world: &World, id: &str, now_ms: i64) -> Option<Value> {
    let hidden = private(world.seed(), "intigriti", now_ms).into_iter().find(|one| uuid(one) == id);
    let (mut record, domains, salt) = match hidden {
        Some(one) => {
            let rows: Vec<Value> =
                one.targets.iter().zip(0..).map(|(target, n)| domain(n, target, "Url", "Tier 2")).collect();
            (hidden_record(&one), rows, one.salt)
        }
        None => {
            let one = public(world, Feed::Intigriti, now_ms).into_iter().find(|one| one.key == id)?;
            let row = |(target, n): (&super::super::world::Target, u64)| {
                let tier = if target.inside { "Tier 1" } else { "Out Of Scope" };
                domain(n, &target.identifier, kind(target.kind), tier)
            };
            (record_of(&one), one.targets.iter().zip(0..).map(row).collect(), one.salt)
        }
    };
    record["domains"] = json!({ "content": domains });
    let tooling = [Value::Null, json!(0), json!(2), json!(5)][(salt / 3 % 4) as usize].clone();
    record["rulesOfEngagement"] = json!({ "content": { "description": policy(salt), "testingRequirements": {
        "automatedTooling": tooling, "userAgent": "sandbox-hunter", "requestHeader": null, "intigritiMe": true } } });
    Some(record)
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Web | Kind::Api => "Url",
        Kind::Wildcard => "Wildcard",
        Kind::Android => "Android",
        Kind::Ios => "iOS",
        Kind::Network => "IpRange",
        Kind::Hardware => "Device",
        Kind::Source | Kind::Other => "Other",
        Kind::Unknown => "QuantumLink",
    }
}

fn domain(n: u64, endpoint: &str, kind: &str, tier: &str) -> Value {
    json!({ "id": n.to_string(), "type": { "id": 1, "value": kind }, "endpoint": endpoint,
        "tier": { "id": 1, "value": tier }, "description": "Use accounts of your own." })
}
