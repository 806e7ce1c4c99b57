//! Freelancer.com: active projects, the own user record, currencies, and bids, which stay.
//!
//! A token is any that begins with `sandbox-`, in the header `freelancer-oauth-v1`; the login follows up to a
//! dot, and after it `expired` and `revoked` are turned away. A project comes every three hours and is active
//! for ten days; some name no currency, or no budget, or a currency by its number alone. Touches nothing.

use serde_json::{Value, json};

use super::super::message::{Request, Response, logical};
use super::super::oracle::Received;
use super::super::scatter::of_text;
use super::offer::{DAY_MS, HOUR_MS, Offer};
use super::{document, query};

/// Where it lives.
pub(super) const API: &str = "https://www.freelancer.com/api/";
const BIDS: &str = "https://www.freelancer.com/api/projects/0.1/bids/";
const EVERY_MS: i64 = 3 * HOUR_MS;
const ACTIVE_MS: i64 = 10 * DAY_MS;
/// The most projects that one call gives.
const LIMIT_MAX: usize = 100;
const CURRENCIES: [(u64, &str); 4] = [(1, "USD"), (3, "EUR"), (4, "GBP"), (11, "INR")];

/// A bid that was made here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bid {
    /// Its number.
    pub id: u64,
    /// On which project.
    pub project: u64,
    /// Whose.
    pub bidder: u64,
    /// How much, as it was written.
    pub amount: String,
    /// In what words.
    pub description: String,
    /// When; milliseconds since 1970.
    pub at_ms: i64,
}

#[derive(Debug, Default)]
pub(super) struct Freelancer {
    bids: Vec<Bid>,
}

/// The login of a good token.
pub(super) fn account_of(request: &Request) -> Option<String> {
    if !request.url.starts_with(API) {
        return None;
    }
    let rest = request.header("freelancer-oauth-v1")?.trim().strip_prefix("sandbox-")?;
    let (login, tail) = rest.split_once('.').unwrap_or((rest, ""));
    (!login.is_empty() && !matches!(tail, "expired" | "revoked")).then(|| login.to_owned())
}

fn user_id(login: &str) -> u64 {
    1_000_000 + of_text(login) % 9_000_000
}

fn error(status: u16, message: &str) -> Response {
    Response::json(status, &json!({ "status": "error", "message": message, "request_id": "sandbox" }))
}

fn success(result: &Value) -> Value {
    json!({ "status": "success", "result": result })
}

impl Freelancer {
    pub(super) fn bids(&self) -> &[Bid] {
        &self.bids
    }

    pub(super) fn remember(&mut self, seed: u64, received: &Received) {
        let (Some(login), Some(body)) = (&received.account, &received.body) else { return };
        if received.method == "POST" && received.url == BIDS {
            drop(self.bid(seed, login, body.as_bytes(), received.at_ms));
        }
    }

    pub(super) fn answer(&mut self, seed: u64, request: &Request, now_ms: i64) -> Response {
        let Some(login) = account_of(request) else {
            return error(401, "You must be logged in to perform this request");
        };
        let url = logical(&request.url);
        let path = url.strip_prefix(API).unwrap_or_default().split('?').next().unwrap_or_default();
        match (request.method.as_str(), path.trim_end_matches('/')) {
            ("GET", "users/0.1/self") => document(
                request,
                &success(&json!({ "id": user_id(&login), "username": login, "role": "freelancer" })),
            ),
            ("GET", "projects/0.1/currencies") => {
                let all =
                    CURRENCIES.map(|(id, code)| json!({ "id": id, "code": code, "exchange_rate": 1.0 }));
                document(request, &success(&json!({ "currencies": all })))
            }
            ("GET", "projects/0.1/projects/active") => self.active(seed, request, &url, now_ms),
            ("GET", "projects/0.1/bids") => self.list(request, &url),
            ("POST", "projects/0.1/bids") => self.bid(seed, &login, &request.body, now_ms),
            _ => error(404, "not found"),
        }
    }

    fn active(&self, seed: u64, request: &Request, url: &str, now_ms: i64) -> Response {
        let number = |name: &str, usual: usize| match query(url, name) {
            None => Some(usual),
            Some(text) => text.parse().ok(),
        };
        let (Some(limit), Some(offset)) = (number("limit", 20), number("offset", 0)) else {
            return error(400, "limit and offset must be numbers");
        };
        if limit > LIMIT_MAX {
            return error(400, "limit must not be over 100");
        }
        let words = query(url, "query").unwrap_or_default().to_lowercase();
        let all: Vec<Value> = active(now_ms)
            .map(|n| self.project(seed, n))
            .filter(|project| project.to_string().to_lowercase().contains(&words))
            .collect();
        let shown: Vec<&Value> = all.iter().skip(offset).take(limit).collect();
        document(request, &success(&json!({ "projects": shown, "users": null, "total_count": all.len() })))
    }

    fn project(&self, seed: u64, n: u64) -> Value {
        let offer = Offer::of(seed, "freelancer", n);
        let id = 40_000_000 + n;
        let hourly = n % 4 == 1;
        let (id_of, code) = CURRENCIES[usize::try_from(n % 4).unwrap_or(0)];
        let currency = match n % 10 {
            3 => Value::Null,
            6 => json!({ "id": id_of }),
            _ => json!({ "id": id_of, "code": code, "exchange_rate": 1.1 }),
        };
        let least = if hourly { 15 + offer.salt % 60 } else { 100 + offer.salt % 2_000 };
        let most = if n % 37 == 5 { 999_999_999 } else { least * 2 };
        let budget = if n % 10 == 8 {
            Value::Null
        } else {
            json!({ "minimum": least as f64, "maximum": most as f64 })
        };
        let own = self.bids.iter().filter(|bid| bid.project == id).count();
        json!({
            "id": id, "title": format!("{} wanted", offer.role), "type": if hourly { "hourly" } else { "fixed" },
            "seo_url": format!("jobs/project-{n}"), "time_submitted": i64::try_from(n).unwrap_or(0) * EVERY_MS / 1000,
            "currency": currency, "budget": budget, "description": offer.text(), "owner_id": 500 + n % 50,
            "bid_stats": { "bid_count": offer.salt % 40 + own as u64, "bid_avg": least as f64 * 1.5 },
            "jobs": offer.skills.map(|name| json!({ "id": of_text(name) % 1000, "name": name })),
        })
    }

    fn list(&self, request: &Request, url: &str) -> Response {
        let number = |name: &str| query(url, name).and_then(|text| text.parse::<u64>().ok());
        // The names as they are sent: their brackets are encoded.
        let (project, bidder) = (number("projects%5B%5D"), number("bidders%5B%5D"));
        let wanted = |bid: &&Bid| {
            project.is_none_or(|project| project == bid.project)
                && bidder.is_none_or(|bidder| bidder == bid.bidder)
        };
        let rows: Vec<Value> = self.bids.iter().filter(wanted).map(shown).collect();
        document(request, &success(&json!({ "bids": rows })))
    }

    fn bid(&mut self, seed: u64, login: &str, body: &[u8], now_ms: i64) -> Response {
        let Ok(sent) = serde_json::from_slice::<Value>(body) else {
            return error(400, "the body is no JSON");
        };
        let number = |name: &str| sent.get(name).and_then(Value::as_u64);
        let (Some(project), Some(bidder)) = (number("project_id"), number("bidder_id")) else {
            return error(400, "project_id and bidder_id are required");
        };
        let amount = sent.get("amount").filter(|amount| amount.as_f64().is_some_and(|amount| amount > 0.0));
        let (Some(amount), Some(_), Some(description)) =
            (amount, number("period"), sent.get("description").and_then(Value::as_str))
        else {
            return error(400, "amount, period and description are required");
        };
        if bidder != user_id(login) {
            return error(403, "You cannot bid for somebody else");
        }
        let is_active = active(now_ms).any(|n| self.project(seed, n)["id"].as_u64() == Some(project));
        if !is_active {
            return error(404, "Project not found or not active");
        }
        if self.bids.iter().any(|bid| (bid.project, bid.bidder) == (project, bidder)) {
            return error(409, "You have already bid on that project.");
        }
        let id = 70_000_000 + self.bids.len() as u64;
        let (amount, description) = (amount.to_string(), description.to_owned());
        let bid = Bid { id, project, bidder, amount, description, at_ms: now_ms };
        let said = Response::json(200, &success(&shown(&bid)));
        self.bids.push(bid);
        said
    }
}

/// The numbers of the projects that are active, the newest first.
fn active(now_ms: i64) -> impl Iterator<Item = u64> {
    let (last, first) = (now_ms.div_euclid(EVERY_MS), (now_ms - ACTIVE_MS).div_euclid(EVERY_MS) + 1);
    (first..=last).rev().filter_map(|n| u64::try_from(n).ok())
}

fn shown(bid: &Bid) -> Value {
    json!({
        "id": bid.id, "project_id": bid.project, "bidder_id": bid.bidder,
        "amount": bid.amount.parse::<f64>().unwrap_or_default(), "description": bid.description,
        "time_submitted": bid.at_ms / 1000, "award_status": null, "retracted": false,
    })
}
