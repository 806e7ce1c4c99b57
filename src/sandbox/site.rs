//! The owner's made site at `https://blog.example/`, with each defect once and each bad input once; a shop that it
//! links to at `https://shop.example/`; and `https://huge.example/`, whose sitemaps name 100,000 pages.
//!
//! Pages have entity tags and never change, but for `/mended`, which is put right after a week. Touches nothing.

use std::fmt::Write as _;

use bytes::Bytes;

use super::conditional::Validators;
use super::message::{Body, Request, Response};
use super::scatter::sha256_hex;

/// The site's root.
pub const SITE_URL: &str = "https://blog.example/";
const SHOP_URL: &str = "https://shop.example/";
const HUGE_URL: &str = "https://huge.example/";
/// The page `/mended` has its defect until then: 2026-07-10T00:00:00Z.
const MENDED_MS: i64 = 1_783_641_600_000;
/// Pages of the huge site, in two sitemaps of the most that the protocol allows.
const HUGE_PAGES: u32 = 100_000;

const SENTENCE: &str = "As an Amazon Associate I earn from qualifying purchases.";
const AMAZON: &str = "https://www.amazon.com/dp/B000000000";

/// Pages of the site that its sitemap names. The one that asks to be left alone for a day comes last, here and by
/// its name: the others are seen before it closes the site.
const PAGES: [&str; 19] = [
    "good",
    "dead",
    "removed",
    "moved",
    "busy-link",
    "untagged",
    "foreign",
    "shortened",
    "undisclosed",
    "far",
    "unmarked",
    "no-sentence",
    "price",
    "mended",
    "private",
    "chain/0",
    "members",
    "endless",
    "wait-a-day",
];

pub(super) fn is_at(url: &str) -> bool {
    [SITE_URL, SHOP_URL, HUGE_URL].iter().any(|own| url.starts_with(own))
}

pub(super) fn answer(request: &Request, now_ms: i64) -> Response {
    if request.method != "GET" && request.method != "HEAD" {
        return Response::text(405, "405: method not allowed").with_header("allow", "GET, HEAD");
    }
    let answer = if let Some(path) = request.url.strip_prefix(SHOP_URL) {
        shop(path)
    } else if let Some(path) = request.url.strip_prefix(HUGE_URL) {
        huge(path)
    } else {
        blog(request, request.url.strip_prefix(SITE_URL).unwrap_or_default(), now_ms)
    };
    if request.method == "HEAD" { Response { body: Body::Bytes(Bytes::new()), ..answer } } else { answer }
}

fn shop(path: &str) -> Response {
    match path {
        "fine" => Response::new(200, "text/html", "<p>Fine.</p>"),
        "removed" => Response::text(410, "gone"),
        "moved" => Response::text(301, "").with_header("location", "https://parked.example/"),
        "busy" => Response::text(429, "too many requests"),
        _ => Response::text(404, "not found"),
    }
}

fn huge(path: &str) -> Response {
    let half = HUGE_PAGES / 2;
    match path {
        "robots.txt" => Response::text(404, "not found"),
        "sitemap.xml" => index(&[format!("{HUGE_URL}sitemap-0.xml"), format!("{HUGE_URL}sitemap-1.xml")]),
        "sitemap-0.xml" => urls((0..half).map(|n| format!("{HUGE_URL}p/{n:06}"))),
        "sitemap-1.xml" => urls((half..HUGE_PAGES).map(|n| format!("{HUGE_URL}p/{n:06}"))),
        _ => Response::new(200, "text/html; charset=utf-8", "<!doctype html><p>One of many.</p>"),
    }
}

fn blog(request: &Request, path: &str, now_ms: i64) -> Response {
    let page = match path {
        "robots.txt" => return Response::text(200, "User-agent: *\nDisallow: /private\n"),
        // The loop names the index again, and the other host is none of the site's.
        "sitemap.xml" => {
            return index(&[
                format!("{SITE_URL}pages.xml"),
                format!("{SITE_URL}loop.xml"),
                "https://other.example/s.xml".into(),
            ]);
        }
        "loop.xml" => return index(&[format!("{SITE_URL}sitemap.xml"), format!("{SITE_URL}loop.xml")]),
        "pages.xml" => {
            let elsewhere = "https://other.example/page".to_owned();
            return urls(PAGES.iter().map(|page| format!("{SITE_URL}{page}")).chain([elsewhere]));
        }
        "chain/9" => text("The end."),
        _ if path.starts_with("chain/") => {
            let next = path.strip_prefix("chain/").and_then(|n| n.parse::<u32>().ok()).unwrap_or(0) + 1;
            return Response::text(302, "").with_header("location", &format!("{SITE_URL}chain/{next}"));
        }
        "members" => "<form><input name=user><input name=pass type=\"password\"></form>".to_owned(),
        "endless" => return endless(),
        "wait-a-day" => {
            return Response::text(429, "too many requests").with_header("retry-after", "86400");
        }
        _ => match content(path, now_ms) {
            Some(page) => page,
            None => return Response::text(404, "not found"),
        },
    };
    let page = format!("<!doctype html>\n<title>{path}</title>\n<body>\n{page}\n</body>\n");
    let etag = format!("\"{}\"", sha256_hex(page.as_bytes()).get(..16).unwrap_or_default());
    let validators = Validators { etag: Some(etag), modified_ms: None };
    validators.answer(request, || Response::new(200, "text/html; charset=utf-8", page))
}

/// A page, by its name: one thing is wrong on each.
fn content(path: &str, now_ms: i64) -> Option<String> {
    let link = |href: &str, rel: &str| format!("<a rel=\"{rel}\" href=\"{href}\">here</a>");
    let good = || link(&format!("{AMAZON}?tag=acme-20"), "sponsored");
    let page = match path {
        "good" => format!("{SENTENCE}\n{}\n{}", good(), link("https://shop.example/fine", "")),
        "dead" => text(&link("https://shop.example/lost", "")),
        "removed" => text(&link("https://shop.example/removed", "")),
        "moved" => text(&link("https://shop.example/moved", "")),
        "busy-link" => text(&link("https://shop.example/busy", "")),
        "untagged" => format!("{SENTENCE}\n{}", link(AMAZON, "sponsored")),
        "foreign" => format!("{SENTENCE}\n{}", link(&format!("{AMAZON}?tag=other-21"), "sponsored")),
        "shortened" => format!("{SENTENCE}\n{}", link("https://bit.ly/x", "sponsored")),
        "undisclosed" => link("https://acme.pxf.io/c/1/2/3", "sponsored"),
        "far" => format!(
            "An affiliate link.\n<p>{}</p>\n{}",
            "word ".repeat(300),
            link("https://acme.pxf.io/c/1", "sponsored")
        ),
        "unmarked" => format!("{SENTENCE}\n{}", link(&format!("{AMAZON}?tag=acme-20"), "noopener")),
        "no-sentence" => format!("These are affiliate links: an affiliate link pays me.\n{}", good()),
        "price" => format!("{SENTENCE}\n{} for $9.99", good()),
        "mended" if now_ms < MENDED_MS => link("https://acme.pxf.io/c/9", "sponsored"),
        "mended" => format!("An affiliate link: {}", link("https://acme.pxf.io/c/9", "sponsored")),
        "private" => text("Not for programs."),
        _ => return None,
    };
    Some(page)
}

fn text(inner: &str) -> String {
    format!("<p>A text.</p>\n{inner}")
}

/// A page that goes on for ever.
fn endless() -> Response {
    let piece = Bytes::from("<p>and on </p>".repeat(1_000));
    Response { body: Body::Stream(Box::new(std::iter::repeat(piece))), ..Response::new(200, "text/html", "") }
}

fn index(sitemaps: &[String]) -> Response {
    xml("sitemapindex", "sitemap", sitemaps.iter().cloned())
}

fn urls(pages: impl Iterator<Item = String>) -> Response {
    xml("urlset", "url", pages)
}

fn xml(outer: &str, inner: &str, all: impl Iterator<Item = String>) -> Response {
    let mut body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{outer} xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n"
    );
    for url in all {
        // Writing to a String cannot fail.
        let _ = writeln!(body, "<{inner}><loc>{}</loc></{inner}>", url.replace('&', "&amp;"));
    }
    body.push_str(&format!("</{outer}>\n"));
    Response::new(200, "application/xml", body)
}
