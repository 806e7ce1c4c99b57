//! YesWeHack's interface: public programmes for everybody, private ones for a token.

use serde_json::{Value, json};

use super::super::message::{Request, Response, logical};
use super::super::world::{Feed, Kind, Programme, Target, World};
use super::{Asker, Private, number, policy, private, public};

/// Where it lives.
pub(super) const API: &str = "https://api.yeswehack.com/";
/// Programmes of a page, whatever is asked for.
const PAGE: usize = 42;

pub(super) fn answer(world: &World, request: &Request, now_ms: i64) -> Response {
    let asker = Asker::of(request);
    if asker == Asker::Bad {
        return error(401, "Invalid JWT Token");
    }
    if request.method != "GET" {
        return error(405, "Method Not Allowed");
    }
    let hidden = match asker {
        Asker::Login(_) => private(world.seed(), "yeswehack", now_ms),
        _ => Vec::new(),
    };
    let open = public(world, Feed::YesWeHack, now_ms);
    let url = logical(&request.url);
    let path = url.strip_prefix(API).unwrap_or_default().split('?').next().unwrap_or_default();
    match path.trim_matches('/').split('/').collect::<Vec<_>>().as_slice() {
        ["programs"] => {
            let all: Vec<Value> =
                open.iter().map(record_of).chain(hidden.iter().map(hidden_record)).collect();
            list(&url, &all)
        }
        ["programs", slug] => {
            let hidden = hidden.iter().find(|one| one.slug == *slug).map(hidden_detail);
            let open = || open.iter().find(|one| one.key == *slug).map(detail);
            hidden
                .or_else(open)
                .map_or_else(|| error(404, "Not Found"), |detail| Response::json(200, &detail))
        }
        _ => error(404, "Not Found"),
    }
}

fn error(status: u16, message: &str) -> Response {
    Response::json(status, &json!({ "code": status, "message": message }))
}

fn list(url: &str, all: &[Value]) -> Response {
    let page = number(url, "page").unwrap_or(1).max(1);
    let from = (page - 1).saturating_mul(PAGE).min(all.len());
    let to = from.saturating_add(PAGE).min(all.len());
    let pages = all.len().div_ceil(PAGE).max(1);
    let pagination =
        json!({ "page": page, "nb_pages": pages, "results_per_page": PAGE, "nb_results": all.len() });
    Response::json(200, &json!({ "items": all.get(from..to).unwrap_or_default(), "pagination": pagination }))
}

fn record_of(one: &Programme) -> Value {
    record(&one.key, &one.name, true, one.reward)
}

fn hidden_record(one: &Private) -> Value {
    record(&one.slug, &one.name, false, Some((50, 1_500)))
}

fn record(slug: &str, title: &str, public: bool, reward: Option<(u32, u32)>) -> Value {
    let (least, most) = reward.unwrap_or((0, 0));
    json!({ "title": title, "slug": slug, "type": "bug-bounty", "status": "V", "demo": false, "public": public,
        "bounty": reward.is_some(), "gift": false, "hall_of_fame": true, "disabled": false, "vdp": reward.is_none(),
        "archived": false, "reports_count": 0, "bounty_reward_min": least, "bounty_reward_max": most,
        "business_unit": { "name": title, "slug": slug, "currency": "EUR" } })
}

fn hidden_detail(one: &Private) -> Value {
    let rows = one.targets.iter().map(|target| scope(target, "web-application")).collect();
    with(hidden_record(one), rows, Vec::new(), one.salt)
}

fn detail(one: &Programme) -> Value {
    let row = |target: &Target| scope(&target.identifier, kind(target.kind));
    let inside = one.targets.iter().filter(|target| target.inside).map(row).collect();
    let outside = one.targets.iter().filter(|target| !target.inside).map(|target| target.identifier.clone());
    with(record_of(one), inside, outside.collect(), one.salt)
}

fn with(mut record: Value, scopes: Vec<Value>, outside: Vec<String>, salt: u64) -> Value {
    record["scopes_count"] = json!(scopes.len());
    record["scopes"] = Value::Array(scopes);
    record["out_of_scope"] = json!(outside);
    record["rules"] = json!(policy(salt));
    record
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Web | Kind::Wildcard => "web-application",
        Kind::Api => "api",
        Kind::Android => "mobile-application-android",
        Kind::Ios => "mobile-application-ios",
        Kind::Network => "ip-address",
        _ => "other",
    }
}

fn scope(scope: &str, kind: &str) -> Value {
    json!({ "scope": scope, "scope_type": kind, "scope_type_name": kind, "asset_value": "HIGH", "report_count": null })
}
