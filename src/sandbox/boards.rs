//! Boards of freelance work: Hacker News, Remote OK, three feeds, Freelancer.com.
//!
//! What they show is a function of seed and time; Freelancer.com also knows the bids that were made, which are
//! rebuilt from the oracle file after a restart. It uses no type of the connectors. What it serves is in
//! `docs/sandbox.md`; anything else is 404. Touches nothing.

mod feeds;
mod freelancer;
mod hackernews;
mod offer;
mod remoteok;

use serde_json::Value;

use super::conditional::Validators;
use super::github::query;
use super::message::{Request, Response};
use super::oracle::Received;
use super::scatter::sha256_hex;
pub use freelancer::Bid;
use freelancer::Freelancer;

/// The boards, and what was done there.
#[derive(Debug, Default)]
pub(super) struct Boards {
    freelancer: Freelancer,
}

impl Boards {
    pub(super) fn is_at(url: &str) -> bool {
        let hosts = [hackernews::SEARCH, hackernews::ITEMS, remoteok::SITE, freelancer::API];
        hosts.iter().any(|host| url.starts_with(host)) || feeds::is_at(url)
    }

    /// The login a request is made with, for the oracle: the token itself is not written down.
    pub(super) fn account_of(request: &Request) -> Option<String> {
        freelancer::account_of(request)
    }

    /// The bids that were made, oldest first.
    pub(super) fn bids(&self) -> &[Bid] {
        self.freelancer.bids()
    }

    /// Does again what a request received before a restart did.
    pub(super) fn remember(&mut self, seed: u64, received: &Received) {
        self.freelancer.remember(seed, received);
    }

    pub(super) fn answer(&mut self, seed: u64, request: &Request, now_ms: i64) -> Response {
        if request.url.starts_with(freelancer::API) {
            return self.freelancer.answer(seed, request, now_ms);
        }
        if request.method != "GET" && request.method != "HEAD" {
            return Response::text(405, "405: method not allowed").with_header("allow", "GET, HEAD");
        }
        let said = match &request.url {
            url if url.starts_with(hackernews::SEARCH) => hackernews::search(request, now_ms),
            url if url.starts_with(hackernews::ITEMS) => hackernews::item(seed, request, now_ms),
            url if url.starts_with(remoteok::SITE) => remoteok::answer(seed, request, now_ms),
            _ => feeds::answer(seed, request, now_ms),
        };
        said.unwrap_or_else(|| Response::not_found(&request.url))
    }
}

/// A document with an entity tag, or 304 for whoever has it.
fn tagged(request: &Request, content_type: &str, body: String) -> Response {
    let etag = Some(format!("\"{}\"", sha256_hex(body.as_bytes())));
    let validators = Validators { etag, modified_ms: None };
    validators.answer(request, || Response::new(200, content_type, body))
}

/// The same of JSON.
fn document(request: &Request, value: &Value) -> Response {
    tagged(request, "application/json; charset=utf-8", value.to_string())
}
