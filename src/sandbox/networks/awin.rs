//! Awin's publisher API: `GET /publishers/{id}/transactions/` and `GET /accounts`.

use serde_json::{Value, json};

use super::super::message::{Request, Response};
use super::{Asker, Network, Networks, Sale, Standing, query, shown, time};

pub(super) const URL: &str = "https://api.awin.com/";
/// Calls a minute of a user, over all his accounts.
const CALLS: usize = 20;
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

pub(super) fn answer(state: &mut Networks, seed: u64, request: &Request, now_ms: i64) -> Response {
    let Asker::Known { name, .. } = Asker::by_bearer(request) else {
        return error(401, "unauthorized", "Full authentication is required to access this resource");
    };
    if state.count(&format!("awin/{name}"), MINUTE_MS, now_ms).0 > CALLS {
        // No word of how long.
        return error(429, "too_many_requests", "API request rate limit exceeded");
    }
    if request.method != "GET" {
        return error(405, "method_not_allowed", "Request method is not supported");
    }
    let path = request.url.strip_prefix(URL).unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default().trim_end_matches('/');
    match path.split('/').collect::<Vec<_>>().as_slice() {
        ["accounts"] => Response::json(200, &json!({"userId": 1, "accounts": []})),
        ["publishers", id, "transactions"] => match id.parse() {
            Ok(id) => transactions(state, seed, id, request, now_ms),
            Err(_) => error(400, "bad_request", "publisherId is no number"),
        },
        _ => error(404, "not_found", "No such resource"),
    }
}

fn transactions(state: &mut Networks, seed: u64, publisher: u64, request: &Request, now_ms: i64) -> Response {
    let date =
        |name: &str| query(&request.url, name).filter(|text| text.len() == 19).and_then(|text| time(&text));
    let (Some(from_ms), Some(until_ms)) = (date("startDate"), date("endDate")) else {
        return error(400, "bad_request", "startDate and endDate are needed as yyyy-MM-ddThh:mm:ss");
    };
    if query(&request.url, "timezone").as_deref() != Some("UTC") {
        return error(400, "bad_request", "the sandbox knows timezone=UTC alone");
    }
    if until_ms < from_ms || until_ms - from_ms > 31 * DAY_MS {
        return error(400, "bad_request", "the period between startDate and endDate is at most 31 days");
    }
    let sales = Sale::between(seed, Network::Awin, from_ms, until_ms, now_ms);
    state.list(Network::Awin, now_ms, sales.iter());
    let shown: Vec<String> = sales.iter().map(|sale| transaction(publisher, sale, now_ms)).collect();
    Response::new(200, "application/json", format!("[{}]", shown.join(",")))
}

/// A transaction. Amounts are numbers as JSON writes them, so it is no value of a float on the way.
fn transaction(publisher: u64, sale: &Sale, now_ms: i64) -> String {
    let status = match sale.standing(now_ms) {
        Standing::Pending => "pending",
        Standing::Approved | Standing::Paid => "approved",
        Standing::Reversed if sale.id.is_multiple_of(2) => "declined",
        Standing::Reversed => "deleted",
    };
    let plain = |at_ms: i64| shown(at_ms).trim_end_matches('Z').to_owned();
    let amount = |cents: i64| {
        let number: Value = serde_json::from_str(&super::decimal(cents)).unwrap_or(Value::Null);
        json!({"amount": number, "currency": sale.currency})
    };
    json!({
        "id": sale.id, "url": "https://blog.example/", "advertiserId": 7052, "publisherId": publisher,
        "commissionSharingPublisherId": null, "siteName": "Publisher", "commissionStatus": status,
        "commissionAmount": amount(sale.gross(now_ms)), "saleAmount": amount(sale.cents * 25),
        "ipHash": "-66667778889991112223", "customerCountry": "GB", "clickRefs": {"clickRef": "12345"},
        "clickDate": plain(sale.at_ms - 600_000), "transactionDate": plain(sale.at_ms),
        "validationDate": sale.decided_ms(now_ms).map(plain), "type": "Commission group transaction",
        "declineReason": null, "amended": sale.gross(now_ms) != sale.cents, "amendReason": null,
        "oldSaleAmount": null, "oldCommissionAmount": null,
        "paidToPublisher": sale.standing(now_ms) == Standing::Paid,
    })
    .to_string()
}

fn error(status: u16, error: &str, description: &str) -> Response {
    Response::json(status, &json!({"error": error, "description": description}))
}
