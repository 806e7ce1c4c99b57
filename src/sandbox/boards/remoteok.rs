//! Remote OK's feed: one array, the legal notice in front.
//!
//! A job comes every six hours and the newest twenty are shown. Touches nothing.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::super::message::{Request, Response, logical};
use super::document;
use super::offer::{HOUR_MS, Offer};

/// Where it lives.
pub(super) const SITE: &str = "https://remoteok.com/";
const SHOWN: i64 = 20;
const EVERY_MS: i64 = 6 * HOUR_MS;

/// Its notice, as element 0 was recorded.
const LEGAL: &str = "API Terms of Service: Please link back (with follow, and without nofollow!) to the URL on Remote OK and mention Remote OK as a source, so we get traffic back from your site. If you do not we'll have to suspend API access.\n\nPlease don't use the Remote OK logo without written permission as it's a registered trademark, please DO use our name Remote OK though.";

pub(super) fn answer(seed: u64, request: &Request, now_ms: i64) -> Option<Response> {
    let url = logical(&request.url);
    let path = url.strip_prefix(SITE)?.split('?').next()?;
    if path != "api" {
        return None;
    }
    let last = now_ms.div_euclid(EVERY_MS);
    let mut all = vec![json!({ "last_updated": last * EVERY_MS / 1000, "legal": LEGAL })];
    all.extend((0..SHOWN).map(|back| job(seed, last - back)));
    Some(document(request, &Value::Array(all)))
}

fn job(seed: u64, n: i64) -> Value {
    let number = u64::try_from(n).unwrap_or(0);
    let offer = Offer::of(seed, "remoteok", number);
    let at = DateTime::<Utc>::from_timestamp_millis(n * EVERY_MS).unwrap_or_default();
    let slug = format!("remote-{}-{number}", offer.role.to_lowercase().replace(' ', "-"));
    // Capital letters in the host, as recorded.
    let page = format!("https://remoteOK.com/remote-jobs/{slug}");
    let position = if number % 9 == 4 { format!("{}\u{1b}[2J", offer.role) } else { offer.role.to_owned() };
    let salary = if number % 3 == 0 { 60_000 + offer.salt % 60_000 } else { 0 };
    json!({
        "slug": slug, "id": number.to_string(), "epoch": at.timestamp(),
        "date": at.to_rfc3339_opts(chrono::SecondsFormat::Secs, false), "company": offer.company, "company_logo": "",
        "position": position, "tags": offer.skills.map(str::to_lowercase),
        "description": offer.text().replace('\n', "<br>"), "location": "Cambridge, ", "apply_url": page,
        "salary_min": salary, "salary_max": if salary > 0 { salary + 20_000 } else { 0 }, "logo": "", "url": page,
    })
}
