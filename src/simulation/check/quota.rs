//! The limits as the rule packs' own texts say them, and the owner's cap on a day: read here anew, and
//! not as the limiter reads them.

use std::collections::BTreeMap;

use mm_core::schedule::parse_span;
use toml::Value;

use super::evidence::Evidence;
use super::trail::Audit;
use crate::rules::FixedRules;

/// Whose the cap of the configuration is.
pub(super) const OWNER: &str = "owner";

/// At most so many in so many milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// Whose: a platform, or `owner`.
    pub platform: String,
    /// The kinds of acts that it counts; empty: all.
    pub kinds: Vec<String>,
    /// Whether it counts acts with an account, those without, or both.
    pub account: Option<bool>,
    /// So many …
    pub max: usize,
    /// … in so long.
    pub per_ms: i64,
}

/// One outward act, seen from outside.
#[derive(Debug, Clone, Copy)]
pub struct Sent<'a> {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Its method.
    pub method: &'a str,
    /// Its URL.
    pub url: &'a str,
    /// Whether a credential went with it.
    pub account: bool,
    /// Whose rules permitted it.
    pub platform: &'a str,
    /// What kind of act its action is on record as; `None` where there is no record of it.
    pub kind: Option<&'a str>,
}

impl<'a> Sent<'a> {
    /// What the sandbox received, of what is judged. Several packs may speak of one host: it is on the account of the one
    /// whose rules permitted that URL last before it came, and is of the kind that was permitted then.
    pub fn received(e: &'a Evidence) -> Vec<Self> {
        let mut permits: BTreeMap<(&str, &str), Vec<Self>> = BTreeMap::new();
        for permit in Self::permits(e) {
            permits.entry((permit.method, permit.url)).or_default().push(permit);
        }
        let received = e.recent_requests().iter().map(|one| {
            let url = shown(&one.url);
            let of_it = permits.get(&(one.method.as_str(), url.as_str()));
            let before = |permits: &Vec<Self>| permits.partition_point(|permit| permit.at_ms <= one.at_ms);
            let permit = of_it.and_then(|permits| permits.get(before(permits).saturating_sub(1)));
            Self {
                at_ms: one.at_ms,
                method: &one.method,
                url: &one.url,
                account: one.header("authorization").is_some(),
                platform: permit.map_or("", |permit| permit.platform),
                kind: permit.and_then(|permit| permit.kind),
            }
        });
        received.collect()
    }

    /// Everything that was permitted, of what is judged.
    pub fn permits(e: &'a Evidence) -> Vec<Self> {
        e.audit_of("action.permitted").map(|entry| Self::permit(e, entry)).collect()
    }

    /// What an entry of the trail permitted.
    pub fn permit(e: &'a Evidence, entry: &'a Audit) -> Self {
        Self {
            at_ms: entry.at.unix_ms(),
            method: entry.text("method"),
            url: entry.text("url"),
            account: entry.payload["credentials"].as_array().is_some_and(|slots| !slots.is_empty()),
            platform: platform(&entry.payload["rules"]),
            kind: e.noted.kind(entry.text("action")),
        }
    }

    /// Whether it is of a kind of acts. Where none is on record it is guessed: a search by its path, and what makes
    /// content by its method.
    fn is_of(&self, kind: &str) -> bool {
        let path = || self.url.strip_prefix("https://").and_then(|rest| rest.split_once('/'));
        match (self.kind, kind) {
            (Some(own), kind) => own == kind,
            (None, "search") => path().is_some_and(|(_, path)| path.starts_with("search/")),
            (None, _) => self.method == "POST",
        }
    }
}

/// A URL as the audit trail shows it: a query may hold anything, and is left out.
pub(super) fn shown(url: &str) -> String {
    url.split_once('?').map_or_else(|| url.to_owned(), |(path, _)| format!("{path}?\u{2026}"))
}

/// The platform whose rules these are; a law is none.
fn platform(rules: &serde_json::Value) -> &str {
    let ids = rules.as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
    let mut packs = ids.filter_map(|id| id.split('/').next());
    packs.find(|pack| !pack.starts_with("law-")).unwrap_or("")
}

impl Quota {
    /// Whether it counts this one.
    pub fn counts(&self, sent: &Sent<'_>) -> bool {
        (self.platform == OWNER || self.platform == sent.platform)
            && self.account.is_none_or(|account| account == sent.account)
            && (self.kinds.is_empty() || self.kinds.iter().any(|kind| sent.is_of(kind)))
    }

    /// When it was used, oldest first.
    pub fn uses(&self, sent: &[Sent<'_>]) -> Vec<i64> {
        let mut uses: Vec<i64> = sent.iter().filter(|one| self.counts(one)).map(|one| one.at_ms).collect();
        uses.sort_unstable();
        uses
    }

    /// The most that was used of it in any window of its length.
    pub fn most(&self, uses: &[i64]) -> usize {
        let mut first = 0;
        let count = |(last, at): (usize, &i64)| {
            while at - uses.get(first).copied().unwrap_or(*at) > self.per_ms {
                first += 1;
            }
            last + 1 - first
        };
        uses.iter().enumerate().map(count).max().unwrap_or(0)
    }
}

/// Every host that a pack speaks of.
pub(super) fn hosts(rules: &FixedRules) -> Vec<String> {
    packs(rules).flat_map(|pack| texts(&pack["pack"], "hosts")).collect()
}

/// The owner's cap on a day, and what the packs limit at platforms that have hosts.
pub(super) fn all(rules: &FixedRules, daily_max: u32) -> Vec<Quota> {
    let mut quotas = vec![Quota {
        platform: OWNER.to_owned(),
        kinds: Vec::new(),
        account: None,
        max: daily_max as usize,
        per_ms: 24 * 3_600_000,
    }];
    for pack in packs(rules) {
        let platform = text(&pack["pack"], "platform");
        let limits = pack.get("limit").and_then(Value::as_array).into_iter().flatten();
        quotas.extend(limits.filter_map(|limit| {
            let mut kinds = texts(limit, "kind");
            kinds.retain(|kind| kind != "*");
            let per = parse_span(&text(limit, "per")).ok()?;
            Some(Quota {
                platform: platform.clone(),
                kinds,
                account: match text(limit, "account").as_str() {
                    "required" => Some(true),
                    "none" => Some(false),
                    _ => None,
                },
                max: usize::try_from(limit.get("max")?.as_integer()?).ok()?,
                per_ms: i64::try_from(per.as_millis()).ok()?,
            })
        }));
    }
    quotas
}

/// The packs that speak of a platform.
fn packs(rules: &FixedRules) -> impl Iterator<Item = Value> {
    let packs = rules.0.iter().filter_map(|(_, text)| toml::from_str::<Value>(text).ok());
    packs.filter(|pack| pack.get("pack").is_some())
}

fn text(of: &Value, field: &str) -> String {
    of.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A text, or a list of them.
fn texts(of: &Value, field: &str) -> Vec<String> {
    match of.get(field) {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}
