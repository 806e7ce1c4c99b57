//! One scope model for five sources: who invites reports, for what, and for how much.
//!
//! Plain values, made by the parsers in [`crate::bug_bounty::feed`] and read by the rest. All text
//! in here comes from outside and is kept exactly as it came (identifiers trimmed, nothing cut):
//! it is identity, not something to print. What is printed goes through
//! [`crate::bug_bounty::text`] first. Nothing here can fail but [`Amount`]'s reading of a number.

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A bug-bounty platform whose public scope file is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Source {
    /// `hackerone_data.json`, keyed by `handle` (its `id` is 0 for nearly all programmes).
    HackerOne,
    /// `bugcrowd_data.json`, keyed by `url`.
    Bugcrowd,
    /// `intigriti_data.json`, keyed by `id`.
    Intigriti,
    /// `yeswehack_data.json`, keyed by `id`.
    YesWeHack,
    /// `federacy_data.json`, keyed by `id`.
    Federacy,
}

impl Source {
    /// Every source, in the order in which a run reads them.
    pub const ALL: [Source; 5] =
        [Source::HackerOne, Source::Bugcrowd, Source::Intigriti, Source::YesWeHack, Source::Federacy];

    /// The platform's name as it stands in opportunities, metrics and messages.
    pub fn name(self) -> &'static str {
        match self {
            Source::HackerOne => "hackerone",
            Source::Bugcrowd => "bugcrowd",
            Source::Intigriti => "intigriti",
            Source::YesWeHack => "yeswehack",
            Source::Federacy => "federacy",
        }
    }

    /// The field of a record that names its programme for good.
    pub fn key_field(self) -> &'static str {
        match self {
            Source::HackerOne => "handle",
            Source::Bugcrowd => "url",
            Source::Intigriti | Source::YesWeHack | Source::Federacy => "id",
        }
    }

    /// The host a programme's page is on. A link to another host is never offered for opening.
    pub fn host(self) -> &'static str {
        match self {
            Source::HackerOne => "hackerone.com",
            Source::Bugcrowd => "bugcrowd.com",
            Source::Intigriti => "intigriti.com",
            Source::YesWeHack => "yeswehack.com",
            Source::Federacy => "federacy.com",
        }
    }

    /// The public scope file. PLATFORMS: arkadiyt/bounty-targets-data, MIT, keyless.
    pub fn feed_url(self) -> &'static str {
        match self {
            Source::HackerOne => {
                "https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/hackerone_data.json"
            }
            Source::Bugcrowd => {
                "https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/bugcrowd_data.json"
            }
            Source::Intigriti => {
                "https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/intigriti_data.json"
            }
            Source::YesWeHack => {
                "https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/yeswehack_data.json"
            }
            Source::Federacy => {
                "https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/federacy_data.json"
            }
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One programme as a source tells it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programme {
    /// The source's own key ([`Source::key_field`]), trimmed, never empty.
    pub key: Box<str>,
    /// The name people know it by; the key where the source gives none.
    pub name: Box<str>,
    /// Its page, as the source gives it or as the platform forms it; unchecked.
    pub url: Option<Box<str>>,
    /// Whether it takes reports.
    pub state: State,
    /// Whether it pays at all; `None` where the source does not say.
    pub offers_bounty: Option<bool>,
    /// What it pays; `None` where the source does not say or says nothing is paid.
    pub payout: Option<Payout>,
    /// Targets of both sides, in the source's order, duplicates kept.
    pub targets: Vec<Target>,
    /// Part of the target list could not be read, or was not there: what is missing from
    /// `targets` must not be taken as removed.
    pub partial: bool,
}

/// Whether a programme takes reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Open to everyone, or the source does not say otherwise.
    Open,
    /// Anything else, in the source's own word (`api_only`, `suspended`, `disabled`...).
    Other(Box<str>),
}

impl From<&str> for State {
    fn from(word: &str) -> State {
        State::Other(word.into())
    }
}

/// One thing that may, or may not, be tested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The source's own word for what it is (`URL`, `website`, `web-application`...): an open set.
    /// [`NO_KIND`] where the source gives none.
    pub kind: Box<str>,
    /// What it is: a host, a wildcard, an app id, an address range or plain prose. Trimmed, never
    /// empty, of any length.
    pub identifier: Box<str>,
    /// In scope, or named only to be left alone.
    pub in_scope: bool,
    /// Whether a report on it can be paid; `None` where the source does not say.
    pub eligible_for_bounty: Option<bool>,
    /// The worst a report on it may be rated; `None` where the source does not say.
    pub severity: Option<Severity>,
}

/// What stands for a kind where a source has `"type": null`.
pub const NO_KIND: &str = "unknown";

/// How grave a finding on a target may be rated. Ordered, `Low` first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// `none`: reports are read and not rated.
    None,
    /// `low`, and Intigriti's tier 3.
    Low,
    /// `medium`.
    Medium,
    /// `high`, and Intigriti's tier 2.
    High,
    /// `critical`, and Intigriti's tier 1.
    Critical,
}

impl Severity {
    /// Reads the word a source uses; an unknown word is no severity.
    pub fn from_word(word: &str) -> Option<Severity> {
        match word.trim().to_ascii_lowercase().as_str() {
            "none" => Some(Severity::None),
            "low" | "tier 3" => Some(Severity::Low),
            "medium" => Some(Severity::Medium),
            "high" | "tier 2" => Some(Severity::High),
            "critical" | "tier 1" => Some(Severity::Critical),
            _ => None,
        }
    }

    /// The word for people and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Severity::None => "none",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}

/// The coarse class of a target's kind, for ranking only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Every host under a name: the widest invitation there is.
    Wildcard,
    /// A web site or an API.
    Web,
    /// An app for a phone or a desktop.
    App,
    /// Source code or a contract on a chain.
    Code,
    /// Addresses, devices, prose and whatever comes next.
    Other,
}

impl Target {
    /// Which class the target is of, from its kind and its identifier.
    pub fn class(&self) -> Class {
        let kind = self.kind.to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| kind.contains(word));
        // A wildcard is often filed under `url`; prose with a star in it is none.
        let looks_wild = self.identifier.contains("*.") && !self.identifier.contains(' ');
        if kind == "wildcard" || (looks_wild && has(&["url", "web", "other"])) {
            Class::Wildcard
        } else if has(&[
            "android",
            "ios",
            "mobile",
            "app_id",
            "apk",
            "ipa",
            "testflight",
            "desktop",
            "executable",
        ]) {
            Class::App
        } else if has(&["url", "web", "api", "domain"]) {
            Class::Web
        } else if has(&["source", "smart_contract"]) {
            Class::Code
        } else {
            Class::Other
        }
    }
}

/// What a programme pays, as its source tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payout {
    /// The least it pays for a valid report, if told.
    pub min: Option<Amount>,
    /// The most it pays, if told.
    pub max: Option<Amount>,
    /// ISO 4217 code; `None` where the source gives a number and no currency (YesWeHack).
    pub currency: Option<Box<str>>,
}

impl Payout {
    /// A range that pays something, or nothing: a source's `0` to `0` means that it does not pay.
    pub fn of(min: Option<Amount>, max: Option<Amount>, currency: Option<&str>) -> Option<Payout> {
        let pays = |amount: &Option<Amount>| amount.is_some_and(|a| a > Amount::ZERO);
        (pays(&min) || pays(&max)).then(|| Payout { min, max, currency: currency.map(Into::into) })
    }

    /// The most it pays; the least where only that is told.
    pub fn top(&self) -> Amount {
        self.max.or(self.min).unwrap_or(Amount::ZERO)
    }
}

/// An exact amount of money in hundredths of the currency's unit. Never a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Amount {
    hundredths: u64,
}

impl Amount {
    /// Nothing.
    pub const ZERO: Amount = Amount { hundredths: 0 };

    /// The largest amount taken for real, in hundredths: ten thousand million units.
    const MAX: u64 = 1_000_000_000_000;

    /// So many whole units; the largest amount where that would be more.
    pub fn units(units: u64) -> Amount {
        Amount { hundredths: units.saturating_mul(100).min(Amount::MAX) }
    }

    /// The amount in hundredths of the unit.
    pub fn hundredths(self) -> u64 {
        self.hundredths
    }

    /// Reads a plain decimal (`7500`, `12.5`); `None` if it is negative, has more than two
    /// decimals, an exponent, or is beyond any payout.
    pub fn from_decimal(text: &str) -> Option<Amount> {
        let (whole, part) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
        let part = part.trim_end_matches('0');
        if whole.is_empty() || part.len() > 2 || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        if !whole.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let cents: u64 = format!("{part:0<2}").parse().ok()?;
        let hundredths = whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(cents)?;
        (hundredths <= Amount::MAX).then_some(Amount { hundredths })
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.hundredths / 100, self.hundredths % 100) {
            (units, 0) => write!(f, "{units}"),
            (units, cents) => write!(f, "{units}.{cents:02}"),
        }
    }
}

/// In a stored snapshot an amount is its hundredths; in a feed it is a JSON number or string. The
/// two readers are told apart by [`Deserializer::is_human_readable`].
impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Amount, D::Error> {
        if deserializer.is_human_readable() {
            return deserializer.deserialize_any(AmountVisitor);
        }
        #[derive(Deserialize)]
        #[serde(rename = "Amount")]
        struct Stored {
            hundredths: u64,
        }
        Stored::deserialize(deserializer).map(|stored| Amount { hundredths: stored.hundredths })
    }
}

struct AmountVisitor;

impl Visitor<'_> for AmountVisitor {
    type Value = Amount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount of money with at most two decimals")
    }

    fn visit_u64<E: de::Error>(self, units: u64) -> Result<Amount, E> {
        let hundredths = units.checked_mul(100).filter(|&h| h <= Amount::MAX);
        hundredths
            .map(|hundredths| Amount { hundredths })
            .ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(units), &self))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Amount, E> {
        // The shortest decimal that reads back as this float is what the source wrote.
        Amount::from_decimal(&number.to_string())
            .ok_or_else(|| E::invalid_value(de::Unexpected::Float(number), &self))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Amount, E> {
        Amount::from_decimal(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_exact_or_refused() {
        let read = |json: &str| serde_json::from_str::<Amount>(json).map(|a| a.to_string()).ok();
        assert_eq!(read("7500").as_deref(), Some("7500"));
        assert_eq!(read("0").as_deref(), Some("0"));
        assert_eq!(read("12.5").as_deref(), Some("12.50"));
        assert_eq!(read("2000.0").as_deref(), Some("2000"));
        assert_eq!(read("0.07").as_deref(), Some("0.07"));
        assert_eq!(read("\"19.99\"").as_deref(), Some("19.99"));
        for bad in [
            "-1",
            "1.005",
            "1e300",
            "true",
            "\"\"",
            "\"1,000\"",
            "\"0x10\"",
            "\".5\"",
            "[]",
            "99999999999999999",
        ] {
            assert_eq!(read(bad), None, "{bad} is no amount");
        }
    }

    #[test]
    fn a_range_of_nothing_is_no_payout() {
        assert_eq!(Payout::of(Some(Amount::ZERO), Some(Amount::ZERO), Some("EUR")), None);
        assert_eq!(Payout::of(None, None, Some("EUR")), None);
        let range = Payout::of(Some(Amount::ZERO), Some(Amount::units(50)), Some("EUR"));
        assert_eq!(range.map(|p| p.top()), Some(Amount::units(50)));
    }

    #[test]
    fn a_wildcard_is_seen_through_its_kind() {
        let class = |kind: &str, identifier: &str| {
            Target {
                kind: kind.into(),
                identifier: identifier.into(),
                in_scope: true,
                eligible_for_bounty: None,
                severity: None,
            }
            .class()
        };
        assert_eq!(class("URL", "*.example.org"), Class::Wildcard);
        assert_eq!(class("wildcard", "api-*.example.org"), Class::Wildcard);
        assert_eq!(class("other", "anything on *. is fine"), Class::Other);
        assert_eq!(class("web-application", "https://example.org"), Class::Web);
        assert_eq!(class("mobile-application-ios", "1"), Class::App);
        assert_eq!(class("GOOGLE_PLAY_APP_ID", "org.example"), Class::App);
        assert_eq!(class("SOURCE_CODE", "x"), Class::Code);
        assert_eq!(class("never heard of", "x"), Class::Other);
    }
}
