//! HackerOne's Hacker API v1.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::super::message::{Request, Response, logical};
use super::super::world::{Feed, Kind, Target, World, asset_type};
use super::purse::{Bounty, Earning, Report};
use super::{Asker, Hunting, Private, number, policy, private, public};

/// Where it lives.
pub(super) const API: &str = "https://api.hackerone.com/";
const BASE: &str = "https://api.hackerone.com/v1/hackers";
/// Reads a minute; of reports, and of scopes, which have limits of their own.
const READS: u32 = 600;
const REPORTS: u32 = 300;
const SCOPES: u32 = 50;

impl Hunting {
    pub(super) fn hackerone(&mut self, world: &World, request: &Request, now_ms: i64) -> Response {
        let Asker::Login(login) = Asker::of(request) else {
            return error(401, "Invalid authentication", "The API token is invalid.");
        };
        let url = logical(&request.url);
        let path = url.strip_prefix(BASE).unwrap_or_default().split('?').next().unwrap_or_default();
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        if request.method != "GET" {
            return error(403, "Forbidden", "The sandbox takes no report: a person sends it.");
        }
        let (what, max) = match parts.last() {
            Some(&"structured_scopes") => ("scopes", SCOPES),
            Some(&"reports") => ("reports", REPORTS),
            _ => ("reads", READS),
        };
        if self.is_over(&login, what, max, now_ms) {
            return error(429, "Rate limited", "Too many requests in a minute.");
        }
        let standing = || self.purse.standing(world.seed(), &login, now_ms);
        match parts.as_slice() {
            ["programs"] => listed(&url, programmes(world, now_ms)),
            ["programs", handle] => match programmes(world, now_ms).into_iter().find(|one| is(one, handle)) {
                Some(one) => Response::json(200, &one),
                None => not_found(),
            },
            ["programs", handle, "structured_scopes"] => match scopes(world, handle, now_ms) {
                Some(rows) => listed(&url, after(&url, rows)),
                None => not_found(),
            },
            ["me", "reports"] => listed(&url, standing().reports.iter().map(report).collect()),
            ["payments", "earnings"] => listed(&url, standing().earnings.iter().map(earning).collect()),
            ["payments", "payouts"] => listed(&url, standing().payouts.iter().map(payout).collect()),
            ["payments", "balance"] => {
                Response::json(200, &json!({ "data": { "balance": figure(standing().balance) } }))
            }
            _ => not_found(),
        }
    }
}

fn error(status: u16, title: &str, detail: &str) -> Response {
    let errors = json!({ "errors": [{ "status": status.to_string(), "title": title, "detail": detail }] });
    Response::json(status, &errors)
}

fn not_found() -> Response {
    error(404, "Not Found", "The requested resource was not found.")
}

fn is(programme: &Value, handle: &str) -> bool {
    programme["attributes"]["handle"] == handle
}

/// A page: 25 rows, or `page[size]` up to 100, with a link to the next.
fn listed(url: &str, rows: Vec<Value>) -> Response {
    let page = number(url, "page[number]").unwrap_or(1);
    let size = number(url, "page[size]").unwrap_or(25);
    if page == 0 || !(1..=100).contains(&size) {
        return error(400, "Invalid parameter", "page[number] is from 1, page[size] from 1 to 100.");
    }
    let from = (page - 1).saturating_mul(size).min(rows.len());
    let to = from.saturating_add(size).min(rows.len());
    let links = if to < rows.len() {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let kept = query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("page%5Bnumber"));
        let kept: String =
            kept.filter(|pair| !pair.starts_with("page[number")).map(|pair| format!("&{pair}")).collect();
        json!({ "next": format!("{path}?page%5Bnumber%5D={}{kept}", page + 1) })
    } else {
        json!({})
    };
    Response::json(200, &json!({ "data": rows.get(from..to).unwrap_or_default(), "links": links }))
}

/// The rows with a number above `filter[id__gt]`.
fn after(url: &str, mut rows: Vec<Value>) -> Vec<Value> {
    if let Some(after) = number(url, "filter[id__gt]") {
        rows.retain(|row| {
            row["id"].as_str().and_then(|id| id.parse::<usize>().ok()).is_some_and(|id| id > after)
        });
    }
    rows
}

fn programmes(world: &World, now_ms: i64) -> Vec<Value> {
    let open = public(world, Feed::HackerOne, now_ms);
    let open =
        open.iter().map(|one| programme(&one.key, &one.name, "public_mode", one.reward.is_some(), one.salt));
    let hidden = private(world.seed(), "hackerone", now_ms);
    let hidden = hidden.iter().map(|one| programme(&one.slug, &one.name, "soft_launched", true, one.salt));
    open.chain(hidden).collect()
}

fn programme(handle: &str, name: &str, state: &str, pays: bool, salt: u64) -> Value {
    json!({ "id": salt % 100_000, "type": "program", "attributes": {
        "handle": handle, "name": name, "currency": "usd", "policy": policy(salt),
        "profile_picture": "/assets/global-elements/add-team.png", "submission_state": "open", "triage_active": null,
        "state": state, "started_accepting_at": null, "number_of_reports_for_user": 0,
        "number_of_valid_reports_for_user": 0, "bounty_earned_for_user": 0,
        "last_invitation_accepted_at_for_user": null, "bookmarked": false, "allows_bounty_splitting": false,
        "offers_bounties": pays, "open_scope": true, "fast_payments": true, "gold_standard_safe_harbor": false,
    } })
}

fn scopes(world: &World, handle: &str, now_ms: i64) -> Option<Vec<Value>> {
    let hidden = private(world.seed(), "hackerone", now_ms).into_iter().find(|one| one.slug == handle);
    if let Some(Private { targets, .. }) = hidden {
        return Some(
            targets.iter().zip(1..).map(|(target, n)| asset(n, target, "URL", true, true)).collect(),
        );
    }
    let open = public(world, Feed::HackerOne, now_ms).into_iter().find(|one| one.key == handle)?;
    let row = |(target, n): (&Target, usize)| {
        asset(n, &target.identifier, kind(target.kind), target.inside, open.reward.is_some())
    };
    Some(open.targets.iter().zip(1..).map(row).collect())
}

/// As the file writes it, but for an API, which is told by its URL here.
fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Api => "URL",
        other => asset_type(other),
    }
}

fn asset(n: usize, identifier: &str, kind: &str, inside: bool, pays: bool) -> Value {
    json!({ "id": n.to_string(), "type": "structured-scope", "attributes": {
        "asset_type": kind, "asset_identifier": identifier, "eligible_for_bounty": inside && pays,
        "eligible_for_submission": inside, "instruction": "Use accounts of your own.", "max_severity": "critical",
        "created_at": "2026-01-01T00:00:00.000Z", "updated_at": "2026-01-01T00:00:00.000Z",
        "confidentiality_requirement": "high", "integrity_requirement": "high", "availability_requirement": "high",
    } })
}

fn bounty(bounty: &Bounty) -> Value {
    json!({ "id": bounty.id.to_string(), "type": "bounty", "attributes": {
        "awarded_amount": text(bounty.cents), "awarded_bonus_amount": text(bounty.bonus),
        "awarded_currency": if bounty.euros { "EUR" } else { "USD" }, "created_at": time(bounty.at_ms),
    } })
}

fn report(report: &Report) -> Value {
    let bounties: Vec<Value> = report.bounty.iter().map(bounty).collect();
    json!({ "id": report.id.to_string(), "type": "report",
        "attributes": { "title": "A finding", "state": report.state, "created_at": time(report.filed_ms) },
        "relationships": { "bounties": { "data": bounties } } })
}

fn earning(earning: &Earning) -> Value {
    let kind = if earning.bounty.is_some() { "earning-bounty-earned" } else { "earning-retest-completed" };
    let mut row = json!({ "id": earning.id, "type": kind,
        "attributes": { "amount": figure(earning.amount()), "created_at": time(earning.at_ms) },
        "relationships": { "program": { "data": { "id": "1", "type": "program",
            "attributes": { "handle": "acme", "name": "Acme", "currency": null } } } } });
    if let Some(own) = &earning.bounty {
        let mut data = bounty(own);
        data["relationships"] = json!({ "report": { "data": { "id": earning.report.to_string() } } });
        row["relationships"]["bounty"] = json!({ "data": data });
    }
    row
}

fn payout((at_ms, cents): &(i64, i64)) -> Value {
    json!({ "amount": figure(*cents), "paid_out_at": time(*at_ms), "reference": format!("payout-{at_ms}"),
        "payout_provider": "PayPal", "status": "sent" })
}

/// Cents as a number, the way HackerOne writes its own figures.
fn figure(cents: i64) -> f64 {
    cents as f64 / 100.0
}

/// Cents as a text, the way it writes bounties.
fn text(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// A time as HackerOne writes one.
fn time(at_ms: i64) -> String {
    let at: DateTime<Utc> = DateTime::from_timestamp_millis(at_ms).unwrap_or_default();
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
