//! The pages that a site names: sitemaps, and indexes of sitemaps (sitemaps.org, protocol 0.9).
//!
//! Not a reader of XML: the addresses are taken from between `<loc>` and `</loc>`, and whether they are pages or
//! further sitemaps is said by the outermost element. What leads to another host is refused: a sitemap speaks for
//! its own.

use mm_sdk::json::Unreadable;
use mm_sdk::{Answer, LogicalUrl};

use super::without_fragment;

/// The most addresses that one file may name, by its protocol.
const NAMED_MAX: usize = 50_000;

/// What a sitemap names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Pages, in order.
    pub pages: Vec<LogicalUrl>,
    /// Further sitemaps, in order.
    pub sitemaps: Vec<LogicalUrl>,
    /// How many addresses lead to another host, or are none.
    pub refused: usize,
}

/// Reads a sitemap; `asked` is where it lies.
///
/// # Errors
/// [`Unreadable`] if it is neither a sitemap nor an index.
pub fn read(asked: &LogicalUrl, answer: &Answer) -> Result<Named, Unreadable> {
    let Ok(text) = std::str::from_utf8(&answer.body) else {
        return Err(Unreadable::new(
            "this is not a sitemap: it is no text in UTF-8 (a compressed one is not read)",
        ));
    };
    let index = text.contains("<sitemapindex");
    if !index && !text.contains("<urlset") {
        return Err(Unreadable::new("this is not a sitemap: it has neither <urlset> nor <sitemapindex>"));
    }
    let closed = if index { "</sitemapindex>" } else { "</urlset>" };
    if !text.contains(closed) {
        return Err(Unreadable::new(format!("this is not a whole sitemap: {closed} is missing")));
    }
    let (mut found, mut refused) = (Vec::new(), 0);
    for target in locations(text).take(NAMED_MAX) {
        match LogicalUrl::parse(without_fragment(&target)) {
            Ok(url) if url.host() == asked.host() => found.push(url),
            _ => refused += 1,
        }
    }
    let (sitemaps, pages) = if index { (found, Vec::new()) } else { (Vec::new(), found) };
    Ok(Named { pages, sitemaps, refused })
}

/// What stands between `<loc>` and `</loc>`, entities read.
fn locations(text: &str) -> impl Iterator<Item = String> {
    text.split("<loc>").skip(1).filter_map(|rest| {
        let (inner, _) = rest.split_once("</loc>")?;
        let inner = inner.trim();
        let inner =
            inner.strip_prefix("<![CDATA[").and_then(|inner| inner.strip_suffix("]]>")).unwrap_or(inner);
        // The ampersand last: what it makes is no entity.
        let read = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
        Some(read.iter().fold(inner.to_owned(), |text, (entity, sign)| text.replace(entity, sign)))
    })
}
