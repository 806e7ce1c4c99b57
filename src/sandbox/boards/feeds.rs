//! Three boards with a feed each, in three formats, under made hosts; two of them with a robots.txt.
//!
//! An item comes every eight hours and the newest fifteen are shown. Some say that they are of 1970 or of 2099.
//! Touches nothing.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::super::message::{Request, Response, logical};
use super::offer::{HOUR_MS, Offer};
use super::{document, tagged};

const RSS: &str = "https://rss.boards.example/";
const ATOM: &str = "https://atom.boards.example/";
const JSON: &str = "https://json.boards.example/";
const SHOWN: i64 = 15;
const EVERY_MS: i64 = 8 * HOUR_MS;

pub(super) fn is_at(url: &str) -> bool {
    [RSS, ATOM, JSON].iter().any(|site| url.starts_with(site))
}

pub(super) fn answer(seed: u64, request: &Request, now_ms: i64) -> Option<Response> {
    let url = logical(&request.url);
    let items = |board: &str| -> Vec<Item> {
        let last = now_ms.div_euclid(EVERY_MS);
        (0..SHOWN).map(|back| Item::of(seed, board, last - back)).collect()
    };
    Some(match url.as_str() {
        "https://rss.boards.example/robots.txt" => {
            Response::text(200, "User-agent: *\nDisallow: /private/\n")
        }
        "https://json.boards.example/robots.txt" => Response::text(200, "User-agent: *\nDisallow:\n"),
        "https://rss.boards.example/jobs.xml" | "https://rss.boards.example/private/jobs.xml" => {
            tagged(request, "application/rss+xml", rss(&items("rss")))
        }
        "https://atom.boards.example/jobs.atom" => {
            tagged(request, "application/atom+xml", atom(&items("atom")))
        }
        "https://json.boards.example/feed.json" => document(request, &feed(&items("json"))),
        _ => return None,
    })
}

/// One item of a board.
struct Item {
    id: String,
    title: String,
    text: String,
    at: DateTime<Utc>,
}

impl Item {
    fn of(seed: u64, board: &str, n: i64) -> Self {
        let number = u64::try_from(n).unwrap_or(0);
        let offer = Offer::of(seed, board, number);
        let at_s = match number % 10 {
            4 => 0,
            7 => 4_070_908_800,
            _ => n * EVERY_MS / 1000,
        };
        let odd = if number % 8 == 3 { " \u{202e}" } else { "" };
        Self {
            id: number.to_string(),
            title: format!("{} for {}{odd}", offer.role, offer.company),
            text: offer.text(),
            at: DateTime::<Utc>::from_timestamp(at_s, 0).unwrap_or_default(),
        }
    }

    fn time(&self) -> String {
        self.at.to_rfc3339_opts(SecondsFormat::Secs, true)
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn rss(items: &[Item]) -> String {
    let rows: String = items
        .iter()
        .map(|item| {
            format!(
                "<item><guid isPermaLink=\"false\">{}</guid><title>{}</title><link>{RSS}jobs/{}</link>\
                 <pubDate>{}</pubDate><description><![CDATA[<p>{}]]></description></item>\n",
                item.id,
                escaped(&item.title),
                item.id,
                item.at.to_rfc2822(),
                item.text
            )
        })
        .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rss version=\"2.0\"><channel><title>RSS Board</title>\
         <link>{RSS}</link><description>Jobs</description><ttl>60</ttl>\n{rows}</channel></rss>\n"
    )
}

fn atom(items: &[Item]) -> String {
    let rows: String = items
        .iter()
        .map(|item| {
            let (id, title, time, text) = (&item.id, escaped(&item.title), item.time(), escaped(&item.text));
            format!(
                "<entry><id>tag:boards.example,2026:{id}</id><title>{title}</title><link href=\"jobs/{id}\"/>\
                 <published>{time}</published><updated>{time}</updated><summary>{text}</summary></entry>\n"
            )
        })
        .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:base=\"{ATOM}\">\
         <id>tag:boards.example,2026:feed</id><title>Atom Board</title><updated>2026-01-01T00:00:00Z</updated>\n\
         {rows}</feed>\n"
    )
}

fn feed(items: &[Item]) -> Value {
    let rows: Vec<Value> = items
        .iter()
        .map(|item| {
            json!({ "id": item.id, "url": format!("{JSON}jobs/{}", item.id), "title": item.title,
                "content_text": item.text, "date_published": item.time() })
        })
        .collect();
    json!({ "version": "https://jsonfeed.org/version/1.1", "title": "JSON Board", "home_page_url": JSON, "items": rows })
}
