//! Impact.com's partner API: `GET /Mediapartners/{AccountSID}/Actions` and `…/Campaigns`.

use serde_json::{Map, Value, json};

use super::super::message::{Request, Response};
use super::{Asker, Network, Networks, Sale, Standing, decimal, query, shown, time};

pub(super) const URL: &str = "https://api.impact.com/";
/// Calls an hour.
const CALLS: usize = 1_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 86_400_000;

pub(super) fn answer(state: &mut Networks, seed: u64, request: &Request, now_ms: i64) -> Response {
    let (sid, asker) = asker(request);
    let Asker::Known { name, tail } = asker else {
        return error(request, 401, "Authentication failed", None);
    };
    let (asked, left_ms) = state.count(&format!("impact/{name}"), HOUR_MS, now_ms);
    let answer = match asked > CALLS {
        true => error(request, 429, "Rate limit exceeded", None),
        false if tail == "scopeless" => error(request, 403, "Access Denied", None),
        false => serve(state, seed, &sid, request, now_ms),
    };
    // Seconds to go, and not the time at which they have gone.
    answer
        .with_header("x-ratelimit-limit", &CALLS.to_string())
        .with_header("x-ratelimit-remaining", &CALLS.saturating_sub(asked).to_string())
        .with_header("x-ratelimit-reset", &(left_ms / 1000 + 1).to_string())
}

/// The AccountSID and the token, as `Authorization: Basic` carries both.
fn asker(request: &Request) -> (String, Asker) {
    let header = request.header("authorization").unwrap_or_default();
    let plain = header.strip_prefix("Basic ").and_then(decoded).unwrap_or_default();
    let (sid, token) = plain.split_once(':').unwrap_or_default();
    (sid.to_owned(), Asker::of_token(token))
}

fn serve(state: &mut Networks, seed: u64, sid: &str, request: &Request, now_ms: i64) -> Response {
    let path = request.url.strip_prefix(URL).unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    if request.method != "GET" {
        return error(request, 405, "Method not allowed", None);
    }
    match path.strip_prefix("Mediapartners/").and_then(|rest| rest.split_once('/')) {
        Some((own, "Campaigns")) if own == sid => {
            Response::json(200, &json!({"@page": "1", "@numpages": "1", "@total": "0", "Campaigns": []}))
        }
        Some((own, "Actions")) if own == sid => actions(state, seed, sid, request, now_ms),
        Some((own, _)) if own != sid => error(request, 403, "Access Denied", None),
        _ => error(request, 404, "The requested resource was not found", None),
    }
}

fn actions(state: &mut Networks, seed: u64, sid: &str, request: &Request, now_ms: i64) -> Response {
    let date = |name: &str| query(&request.url, name);
    let (from_ms, until_ms) = match (date("ActionDateStart"), date("ActionDateEnd")) {
        (None, None) => (now_ms - 7 * DAY_MS, now_ms),
        (Some(from), Some(until)) => match (time(&from), time(&until)) {
            (Some(from), Some(until)) => (from, until),
            _ => return invalid(request, "ActionDateStart", "Not a date"),
        },
        _ => return invalid(request, "ActionDateEnd", "Both dates are needed, or neither"),
    };
    if until_ms - from_ms > 45 * DAY_MS || until_ms < from_ms {
        return invalid(request, "ActionDateEnd", "The range is at most 45 days");
    }
    if from_ms < now_ms - 3 * 365 * DAY_MS {
        return invalid(request, "ActionDateStart", "Not more than 3 years ago");
    }
    let number = |name: &str, usual: usize| date(name).map_or(Some(usual), |text| text.parse().ok());
    let (Some(page), Some(size)) = (number("Page", 1).filter(|n| *n > 0), number("PageSize", 2_000)) else {
        return invalid(request, "Page", "Not a numeric value");
    };
    let size = size.clamp(1, 20_000);
    let all = Sale::between(seed, Network::Impact, from_ms, until_ms, now_ms);
    let pages = all.len().div_ceil(size).max(1);
    let on_page = || all.iter().skip((page - 1).saturating_mul(size)).take(size);
    state.list(Network::Impact, now_ms, on_page());
    let shown: Vec<Value> = on_page().map(|sale| action(sid, sale, now_ms)).collect();
    let path = format!("/Mediapartners/{sid}/Actions");
    let rest = query(&request.url, "ActionDateStart").zip(query(&request.url, "ActionDateEnd"));
    let dates = rest.map(|(from, until)| format!("&ActionDateStart={from}&ActionDateEnd={until}"));
    let uri =
        |page: usize| format!("{path}?PageSize={size}&Page={page}{}", dates.clone().unwrap_or_default());
    let mut list = Map::new();
    let next = if page < pages { uri(page + 1) } else { String::new() };
    for (key, value) in [
        ("@page", page.to_string()),
        ("@numpages", pages.to_string()),
        ("@pagesize", size.to_string()),
        ("@total", all.len().to_string()),
        ("@uri", uri(page)),
        ("@firstpageuri", uri(1)),
        ("@nextpageuri", next),
    ] {
        list.insert(key.to_owned(), Value::String(value));
    }
    list.insert("Actions".to_owned(), Value::Array(shown));
    Response::json(200, &Value::Object(list))
}

fn action(sid: &str, sale: &Sale, now_ms: i64) -> Value {
    let standing = sale.standing(now_ms);
    let state = match standing {
        Standing::Pending => "PENDING",
        Standing::Approved | Standing::Paid => "APPROVED",
        Standing::Reversed => "REVERSED",
    };
    // What was taken back pays nothing, and still says what it was meant to.
    let payout = decimal(sale.pays(now_ms));
    let id = sale.reference();
    let cleared = sale.decided_ms(now_ms).filter(|_| standing == Standing::Approved).map(shown);
    json!({
        "Id": id, "CampaignId": "1000", "CampaignName": "Acme Campaign", "ActionTrackerId": 2240,
        "ActionTrackerName": "Sale", "State": state, "AdId": "506720", "Payout": payout,
        "Amount": decimal(sale.cents * 25), "Currency": sale.currency, "EventDate": shown(sale.at_ms),
        "LockingDate": shown(sale.at_ms + 16 * DAY_MS), "Oid": sale.id.to_string(), "EventCode": "",
        "SharedId": "", "SubId1": "", "DeltaPayout": payout, "IntendedPayout": decimal(sale.gross(now_ms)),
        "CreationDate": shown(sale.at_ms), "ClearedDate": cleared.unwrap_or_default(),
        "ReferringType": "CLICK_COOKIE", "PromoCode": "", "CustomerCountry": "US",
        "Uri": format!("/Mediapartners/{sid}/Actions/{id}"),
    })
}

fn invalid(request: &Request, field: &str, message: &str) -> Response {
    error(request, 400, "Validation Failed", Some((field, message)))
}

/// An error, in XML to whoever does not ask for JSON.
fn error(request: &Request, status: u16, message: &str, field: Option<(&str, &str)>) -> Response {
    if !request.header("accept").is_some_and(|accept| accept.contains("json")) {
        let text = format!(
            "<?xml version=\"1.0\"?><ImpactRadiusResponse><Status>ERROR</Status><Message>{message}</Message></ImpactRadiusResponse>"
        );
        return Response::new(status, "application/xml", text);
    }
    let mut said = json!({"Status": "ERROR", "Message": message});
    if let Some((field, message)) = field {
        said["Errors"] = json!([{"Field": field, "Message": message}]);
    }
    Response::json(status, &said)
}

/// Base 64 (RFC 4648) as text; `None` for anything else.
fn decoded(text: &str) -> Option<String> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => Some(u32::from(c - b'A')),
        b'a'..=b'z' => Some(u32::from(c - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(c - b'0') + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let (mut bits, mut held, mut bytes) = (0u32, 0u32, Vec::new());
    for c in text.trim_end_matches('=').bytes() {
        bits = (bits << 6) | value(c)?;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xff).ok()?);
        }
    }
    String::from_utf8(bytes).ok()
}
