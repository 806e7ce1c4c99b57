//! Three affiliate networks: Impact at `https://api.impact.com/`, Awin at `https://api.awin.com/` and CJ at
//! `https://commissions.api.cj.com/`, as far as a publisher reads his commissions.
//!
//! What they tell is a function of seed and time: sales come every day, wait for some weeks, are approved or taken
//! back; some are corrected, and some are taken back after they were approved. What they count is what was asked
//! of them since the start. A token is any that begins with `sandbox-`; after a dot, `expired` and `revoked` are
//! turned away, and `scopeless` may read nothing at Impact.
//!
//! It uses no type of the connectors. What it serves is in `docs/sandbox.md`; anything else is 404.

mod awin;
mod cj;
mod impact;
mod sales;

use std::collections::BTreeMap;

use super::message::{Request, Response};
pub use sales::{Network, Sale, Standing};

/// A list that a network gave: what of its sales was in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Which network.
    pub network: Network,
    /// When; milliseconds since 1970.
    pub at_ms: i64,
    /// The number of each sale, and which part of it: 0 is the sale itself, the others the corrections of it that
    /// CJ lists apart, from 1.
    pub lines: Vec<(u64, u64)>,
}

/// What was asked of the networks, and what they told.
#[derive(Debug, Default)]
pub(super) struct Networks {
    /// Requests of each user, newest last; milliseconds since 1970.
    asked: BTreeMap<String, Vec<i64>>,
    listed: Vec<Listed>,
}

impl Networks {
    pub(super) fn is_at(url: &str) -> bool {
        [impact::URL, awin::URL, cj::URL].iter().any(|own| url.starts_with(own))
    }

    pub(super) fn answer(&mut self, seed: u64, request: &Request, now_ms: i64) -> Response {
        if request.url.starts_with(impact::URL) {
            impact::answer(self, seed, request, now_ms)
        } else if request.url.starts_with(awin::URL) {
            awin::answer(self, seed, request, now_ms)
        } else {
            cj::answer(self, seed, request, now_ms)
        }
    }

    /// The lists that were given, oldest first, whatever became of the answers on their way.
    pub(super) fn listed(&self) -> &[Listed] {
        &self.listed
    }

    /// A list with whole sales is given.
    fn list<'a>(&mut self, network: Network, at_ms: i64, sales: impl Iterator<Item = &'a Sale>) {
        let lines = sales.map(|sale| (sale.id, 0)).collect();
        self.listed.push(Listed { network, at_ms, lines });
    }

    /// Counts a request of `user`; how many he made within `span_ms` with it, and how long until the first of
    /// them no longer counts.
    fn count(&mut self, user: &str, span_ms: i64, now_ms: i64) -> (usize, i64) {
        let asked = self.asked.entry(user.to_owned()).or_default();
        asked.retain(|at| now_ms - at < span_ms);
        asked.push(now_ms);
        (asked.len(), asked.first().map_or(0, |first| first + span_ms - now_ms))
    }
}

/// Whose token it is, as far as the token says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Asker {
    /// None, or one that is not, or no longer, one of ours.
    Bad,
    /// The name behind `sandbox-`, and what follows its dot.
    Known { name: String, tail: String },
}

impl Asker {
    fn of_token(token: &str) -> Self {
        let Some(rest) = token.trim().strip_prefix("sandbox-") else { return Self::Bad };
        let (name, tail) = rest.split_once('.').unwrap_or((rest, ""));
        match tail {
            "expired" | "revoked" => Self::Bad,
            _ if name.is_empty() => Self::Bad,
            _ => Self::Known { name: name.to_owned(), tail: tail.to_owned() },
        }
    }

    fn by_bearer(request: &Request) -> Self {
        let header = request.header("authorization").unwrap_or_default();
        header.strip_prefix("Bearer ").map_or(Self::Bad, Self::of_token)
    }
}

/// A parameter of a URL's query, as it stands there but for `%3A`.
fn query(url: &str, name: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let found = query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))?;
    Some(found.replace("%3A", ":").replace("%3a", ":"))
}

/// A time as networks write it, with a zone or, in UTC, without; milliseconds since 1970.
fn time(text: &str) -> Option<i64> {
    let whole = if text.contains(['Z', '+']) { text.to_owned() } else { format!("{text}Z") };
    let at = chrono::DateTime::parse_from_rfc3339(&whole).ok()?;
    Some(at.timestamp_millis())
}

/// A time with its zone.
fn shown(at_ms: i64) -> String {
    let at = chrono::DateTime::<chrono::Utc>::from_timestamp_millis(at_ms).unwrap_or_default();
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// Cents as a decimal.
fn decimal(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", cents.abs() / 100, cents.abs() % 100)
}
