//! The connector for the owner's own site: its sitemap, its pages, and where their links lead. Pure.
//!
//! | room | what it is for |
//! |---|---|
//! | [`mod@sitemap`] | the pages that the site names (sitemaps.org, protocol 0.9) |
//! | [`mod@page`] | what is wrong on a page |
//! | `instead` | what answers in a page's place |
//! | [`hosts`] | which hosts are a shop's, a network's, a shortener's |
//!
//! Every request is an act of the kind `fetch-page`, so the road looks at the host's robots.txt first, whatever is
//! proposed here. The site is the platform `owner-site`, the hosts that its links lead to are `owner-links`: both
//! need a rule file that the owner wrote, and what none speaks of is not fetched.
//!
//! ## Design notes
//!
//! A link is asked for with HEAD, whose redirect is an answer. One to another host says where the link leads; one on the
//! same host says nothing of what lies there, so that is asked for with a HEAD of its own. A host that counts visits is
//! never asked, so nobody's click is counted twice. A shop's page is never read.

pub mod hosts;
mod instead;
pub mod page;
pub mod sitemap;

use mm_sdk::{Action, ActionKind, Answer, LogicalUrl, Method, PlatformId, Request, Validators};

use crate::reading::conditional;

/// The owner's site, as its rule pack names it.
pub const SITE: &str = "owner-site";
/// The hosts that its links lead to, as their rule pack names them.
pub const LINKS: &str = "owner-links";
/// The kind of act, as the rule packs name it.
pub const FETCH_PAGE: &str = "fetch-page";

/// A sitemap has at most 50 MiB by its protocol; a longer one than this is told, and not read.
const SITEMAP_BYTES_MAX: u64 = 8 << 20;
/// A page longer than this, or without end, is told, and not read.
const PAGE_BYTES_MAX: u64 = 2 << 20;

/// The read of a sitemap.
pub fn sitemap(url: LogicalUrl) -> Action {
    action(SITE, Request::get(url), SITEMAP_BYTES_MAX, "see which pages your site has")
}

/// The read of a page, if it changed since `known`.
pub fn page(url: LogicalUrl, known: &Validators) -> Action {
    let request = conditional(Request::get(url), known);
    action(SITE, request, PAGE_BYTES_MAX, "see what stands on a page of your site")
}

/// The look at where a link leads, as the platform [`SITE`] or [`LINKS`].
pub fn link(url: LogicalUrl, platform: &str) -> Action {
    let request = Request::new(Method::Head, url, Vec::new()).expect("a HEAD without a body");
    action(platform, request, 1 << 10, "see whether a link of your site still leads somewhere")
}

fn action(platform: &str, request: Request, bytes_max: u64, purpose: &str) -> Action {
    let platform: PlatformId = platform.parse().expect("a slug");
    let action = Action::of(platform, ActionKind::new(FETCH_PAGE), request, purpose);
    Action { answer_bytes_max: bytes_max, ..action }
}

/// Where a link leads, by the answer to [`link`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leads {
    /// There is something.
    There,
    /// There is nothing any more: the status.
    Dead(u16),
    /// Elsewhere.
    To(LogicalUrl),
    /// Nobody can tell; why.
    Unknown(String),
}

/// Reads the answer to [`link`]. Too many questions, a wall and a server in trouble say nothing of the link.
pub fn leads(asked: &LogicalUrl, answer: &Answer) -> Leads {
    match answer.status {
        200..=299 => Leads::There,
        404 | 410 => Leads::Dead(answer.status),
        301 | 302 | 303 | 307 | 308 => {
            match answer.header("location").map(|to| asked.join(without_fragment(to))) {
                Some(Ok(to)) => Leads::To(to),
                Some(Err(bad)) => Leads::Unknown(format!("it redirects to where nothing is called: {bad}")),
                None => Leads::Unknown("it redirects and does not say where".to_owned()),
            }
        }
        429 => Leads::Unknown("it was asked too often (429)".to_owned()),
        401 | 403 => Leads::Unknown(format!("it lets no program in ({})", answer.status)),
        status => Leads::Unknown(format!("it answers with status {status}")),
    }
}

/// A target without what a browser keeps to itself.
pub fn without_fragment(target: &str) -> &str {
    target.split('#').next().unwrap_or(target).trim()
}
