//! Hacker News: Algolia's search for the threads of `whoishiring`, and the Firebase API's items.
//!
//! Each month has three threads, posted on its first weekday. Some postings are deleted, closed or edited after
//! days, have replies below them, or are by people who look for work. Touches nothing.

use chrono::{DateTime, Datelike, NaiveDate, Utc, Weekday};
use serde_json::{Value, json};

use super::super::message::{Request, Response, logical};
use super::offer::{DAY_MS, HOUR_MS, Offer};
use super::{document, query};

/// Where the search is.
pub(super) const SEARCH: &str = "https://hn.algolia.com/api/v1/search_by_date";
/// Where the items are.
pub(super) const ITEMS: &str = "https://hacker-news.firebaseio.com/v0/";

/// Numbers of a month, of a thread in it, and where a thread's replies begin.
const PER_MONTH: u64 = 10_000;
const PER_THREAD: u64 = 3_000;
const REPLIES: u64 = 2_000;
/// Postings in a thread, in the end; one comes every five hours.
const POSTINGS: u64 = 30;

const TITLES: [&str; 3] =
    ["Ask HN: Who is hiring?", "Ask HN: Freelancer? Seeking freelancer?", "Ask HN: Who wants to be hired?"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// What a number stands for: month (counted from the year 0), thread, place in it.
fn parts(id: u64) -> (u64, u64, u64) {
    (id / PER_MONTH, id % PER_MONTH / PER_THREAD, id % PER_MONTH % PER_THREAD)
}

fn number(month: u64, thread: u64, place: u64) -> u64 {
    month * PER_MONTH + thread * PER_THREAD + place
}

/// When a month's threads are posted: at 15:00 UTC on its first weekday.
fn posted_ms(month: u64) -> Option<i64> {
    let (year, index) = (i32::try_from(month / 12).ok()?, u32::try_from(month % 12).ok()?);
    // The account is of 2011.
    let first = NaiveDate::from_ymd_opt(year, index + 1, 1).filter(|first| first.year() >= 2011)?;
    let wait = match first.weekday() {
        Weekday::Sat => 2,
        Weekday::Sun => 1,
        _ => 0,
    };
    Some(first.and_hms_opt(15, 0, 0)?.and_utc().timestamp_millis() + wait * DAY_MS)
}

fn month_of(now_ms: i64) -> u64 {
    let now = DateTime::<Utc>::from_timestamp_millis(now_ms).unwrap_or_default();
    u64::try_from(now.year()).unwrap_or(0) * 12 + u64::from(now.month0())
}

fn title(month: u64, thread: u64) -> String {
    let name = |list: &[&'static str], at: u64| usize::try_from(at).ok().and_then(|at| list.get(at).copied());
    let (what, month_name) = (name(&TITLES, thread), name(&MONTHS, month % 12));
    format!("{} ({} {})", what.unwrap_or_default(), month_name.unwrap_or_default(), month / 12)
}

/// The newest stories first.
pub(super) fn search(request: &Request, now_ms: i64) -> Option<Response> {
    let url = logical(&request.url);
    if query(&url, "tags")? != "story,author_whoishiring" {
        return None;
    }
    let number_of =
        |name: &str, usual: usize| query(&url, name).and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (size, page) = (number_of("hitsPerPage", 20).clamp(1, 1000), number_of("page", 0));
    let months = (0..12).map(|back| month_of(now_ms).saturating_sub(back));
    let all: Vec<(u64, u64, i64)> = months
        .filter_map(|month| Some((month, posted_ms(month).filter(|at| *at <= now_ms)?)))
        .flat_map(|(month, at)| [2, 1, 0].map(|thread| (month, thread, at)))
        .collect();
    let hits: Vec<Value> =
        all.iter().skip(page.saturating_mul(size)).take(size).map(|hit| story_hit(*hit)).collect();
    let found = json!({
        "hits": hits, "hitsPerPage": size, "nbHits": all.len(), "nbPages": all.len().div_ceil(size), "page": page,
        "params": "", "processingTimeMS": 1, "query": "",
    });
    Some(document(request, &found))
}

fn story_hit((month, thread, at_ms): (u64, u64, i64)) -> Value {
    let id = number(month, thread, 0);
    let at = DateTime::<Utc>::from_timestamp_millis(at_ms).unwrap_or_default();
    json!({
        "_tags": ["story", "author_whoishiring", format!("story_{id}"), "ask_hn"],
        "author": "whoishiring", "children": [], "created_at": at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        "created_at_i": at.timestamp(), "num_comments": POSTINGS, "objectID": id.to_string(), "points": 200,
        "story_id": id, "story_text": "Please state the location.", "title": title(month, thread),
    })
}

/// An item; one that is not there is `null`.
pub(super) fn item(seed: u64, request: &Request, now_ms: i64) -> Option<Response> {
    let url = logical(&request.url);
    let id: u64 = url.strip_prefix(ITEMS)?.strip_prefix("item/")?.strip_suffix(".json")?.parse().ok()?;
    let value = shown(seed, id, now_ms).unwrap_or(Value::Null);
    // The real API sends no entity tag by itself.
    Some(Response::json(200, &value).with_header("cache-control", "no-cache"))
}

fn shown(seed: u64, id: u64, now_ms: i64) -> Option<Value> {
    let (month, thread, place) = parts(id);
    let root_ms = posted_ms(month).filter(|at| *at <= now_ms && thread < 3)?;
    let came_ms = |place: u64| root_ms + i64::try_from(place).unwrap_or(0) * 5 * HOUR_MS;
    let is_there = |place: u64| (1..=POSTINGS).contains(&place) && came_ms(place) <= now_ms;
    if place == 0 {
        let kids: Vec<u64> = (1..=POSTINGS)
            .filter(|place| is_there(*place))
            .map(|place| number(month, thread, place))
            .collect();
        return Some(json!({
            "by": "whoishiring", "descendants": kids.len(), "id": id, "kids": kids, "score": 200,
            "text": "Please state the location.", "time": root_ms / 1000, "title": title(month, thread),
            "type": "story",
        }));
    }
    if let Some(of) = place.checked_sub(REPLIES).filter(|of| is_there(*of)) {
        return Some(json!({
            "by": "passer_by", "id": id, "parent": number(month, thread, of), "time": came_ms(of) / 1000 + 60,
            "text": "Is Rust remote work possible here?", "type": "comment",
        }));
    }
    is_there(place).then(|| posting(seed, id, now_ms, came_ms(place)))
}

fn posting(seed: u64, id: u64, now_ms: i64, came_ms: i64) -> Value {
    let (month, thread, place) = parts(id);
    let root = number(month, thread, 0);
    let days = (now_ms - came_ms) / DAY_MS;
    if place % 7 == 3 && days >= 3 {
        return json!({ "deleted": true, "id": id, "parent": root, "time": came_ms / 1000, "type": "comment" });
    }
    let mut value = json!({
        "by": format!("poster{}", place % 9), "id": id, "parent": root, "time": came_ms / 1000, "type": "comment",
        "text": text(seed, id, thread, place % 7 == 5 && days >= 2),
    });
    if let Some(fields) = value.as_object_mut() {
        if place % 4 == 1 {
            fields.insert("kids".to_owned(), json!([id + REPLIES]));
        }
        if place % 11 == 4 && days >= 1 {
            fields.insert("dead".to_owned(), json!(true));
        }
    }
    value
}

/// As Hacker News writes it: entities, bare paragraphs.
fn text(seed: u64, id: u64, thread: u64, edited: bool) -> String {
    let offer = Offer::of(seed, "hackernews", id);
    let place = if offer.remote { "REMOTE" } else { "Berlin, onsite only" };
    let head = match thread {
        0 => format!("{} | {} | {place} | {}", offer.company, offer.role, offer.pay),
        1 if id.is_multiple_of(2) => format!("SEEKING FREELANCER | {place} | {} | {}", offer.role, offer.pay),
        _ => "SEEKING WORK | Remote | a developer with years of practice".to_owned(),
    };
    let body = if edited { "This position has been filled.".to_owned() } else { offer.text() };
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('/', "&#x2F;");
    let odd = if offer.salt.is_multiple_of(13) { "\u{1b}[31m" } else { "" };
    format!("{odd}{}<p>{}", escaped(&head), escaped(&body).replace('\n', "<p>"))
}
