//! One scope model for five sources: who invites reports, for what, and for how much.
//!
//! Plain values, made by the parsers in [`crate::bug_bounty::feed`] and read by the rest. All text
//! in here comes from outside and is kept exactly as it came (identifiers trimmed, nothing cut):
//! it is identity, not something to print. What is printed goes through
//! [`mm_sdk::Untrusted`] first. Nothing here can fail but
//! [`Amount`]'s reading of a number.

mod money;

pub use money::{Amount, Payout};
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

#[cfg(test)]
mod tests {
    use super::*;

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
