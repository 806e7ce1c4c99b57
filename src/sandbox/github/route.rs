//! What a URL of the API speaks of, and the pages of a list.
//!
//! Touches nothing.

use super::super::message::logical;
use super::GITHUB_URL;

/// What a URL speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    RateLimit,
    User,
    GraphQl,
    /// With the whole URL.
    Search(String),
    /// Something in a repository: the rest of the URL, with its query.
    In(Spot, String),
    Nothing,
}

/// How a repository is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Spot {
    /// `OWNER/NAME`
    Named(String),
    /// By its id, which outlives a renaming.
    Numbered(u64),
}

impl Route {
    pub(super) fn of(url: &str) -> Self {
        let url = logical(url);
        let rest = url.strip_prefix(GITHUB_URL).unwrap_or_default();
        let path = rest.split('?').next().unwrap_or_default();
        let parts: Vec<&str> = path.split('/').collect();
        let tail = |from: usize| {
            let skipped: usize = parts.iter().take(from).map(|part| part.len() + 1).sum();
            rest.get(skipped..).unwrap_or_default().to_owned()
        };
        match parts.as_slice() {
            ["rate_limit"] => Self::RateLimit,
            ["user"] => Self::User,
            ["graphql"] => Self::GraphQl,
            ["search", "issues"] => Self::Search(url.clone()),
            ["repos", owner, name, ..] if !name.is_empty() => {
                Self::In(Spot::Named(format!("{owner}/{name}")), tail(3))
            }
            ["repositories", id, ..] => match id.parse() {
                Ok(id) => Self::In(Spot::Numbered(id), tail(2)),
                Err(_) => Self::Nothing,
            },
            _ => Self::Nothing,
        }
    }
}

/// A parameter of the query, decoded.
pub(in crate::sandbox) fn query(url: &str, name: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let pair = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(own, _)| *own == name);
    pair.map(|(_, value)| decode(value))
}

pub(super) fn number(url: &str, name: &str) -> Option<usize> {
    query(url, name)?.parse().ok()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let hex = |byte: Option<u8>| char::from(byte?).to_digit(16);
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let (high, low) = (hex(rest.next()), hex(rest.next()));
                let value = high.zip(low).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
                bytes.push(value.unwrap_or(b'?'));
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn page_and_size(url: &str) -> (usize, usize) {
    (number(url, "page").unwrap_or(1).max(1), number(url, "per_page").unwrap_or(30).clamp(1, 100))
}

/// Which rows the page that was asked for shows: 30 a page, or `per_page` up to 100.
pub(super) fn page(url: &str, total: usize) -> (usize, usize) {
    let (page, size) = page_and_size(url);
    let from = (page - 1).saturating_mul(size).min(total);
    (from, from.saturating_add(size).min(total))
}

/// The `Link` header of a page of `base`, as the recordings have it: the first page has only `next` and
/// `last`, the last only `prev` and `first`. `None` where all is on one page.
pub(super) fn paged(url: &str, base: &str, total: usize) -> Option<String> {
    let (page, size) = page_and_size(url);
    let last = total.div_ceil(size).max(1);
    let kept: String = url
        .split_once('?')
        .map(|(_, query)| query.split('&').filter(|pair| !pair.starts_with("page=")))
        .map(|pairs| pairs.map(|pair| format!("{pair}&")).collect())
        .unwrap_or_default();
    let to = |page: usize, rel: &str| format!("<{base}?{kept}page={page}>; rel=\"{rel}\"");
    let mut links = Vec::new();
    if page > 1 {
        links.push(to((page - 1).min(last), "prev"));
    }
    if page < last {
        links.push(to(page + 1, "next"));
        links.push(to(last, "last"));
    }
    if page > 1 {
        links.push(to(1, "first"));
    }
    (!links.is_empty()).then(|| links.join(", "))
}
