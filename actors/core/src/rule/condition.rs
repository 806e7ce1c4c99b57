//! When a rule speaks: the conditions that a rule file can set.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::text::Format;
use crate::action::Method;
use crate::url::LogicalUrl;

/// Whether a rule speaks of acts with an account, without one, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountNeed {
    /// Either way.
    #[default]
    Any,
    /// Only acts done with an account.
    Required,
    /// Only acts done without one.
    None,
}

impl AccountNeed {
    /// Whether an act with an account, or without one, is meant.
    pub fn fits(self, with_account: bool) -> bool {
        match self {
            AccountNeed::Any => true,
            AccountNeed::Required => with_account,
            AccountNeed::None => !with_account,
        }
    }
}

/// How much of an act is done without a person. An act says it in its fact `automation`; one that says
/// nothing, or something else, is [`Automation::Full`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Automation {
    /// A person wrote it and a person does it.
    None,
    /// A machine wrote or prepared it, a person reads each one.
    Assisted,
    /// Nobody has looked at it.
    Full,
}

impl Automation {
    /// The fact in which an act says it.
    pub const FACT: &'static str = "automation";

    /// Reads the word.
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::None, Self::Assisted, Self::Full].into_iter().find(|word| word.as_str() == text)
    }

    /// What an act's facts say of it.
    pub fn of(facts: &BTreeMap<String, String>) -> Self {
        facts.get(Self::FACT).and_then(|text| Self::from_text(text)).unwrap_or(Self::Full)
    }

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Automation::None => "none",
            Automation::Assisted => "assisted",
            Automation::Full => "full",
        }
    }
}

/// A URL that a rule names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UrlPattern {
    /// Exactly this one, query included.
    Exact(LogicalUrl),
    /// Every URL that begins so; written with a `*` at its end. The host is always whole.
    Prefix(LogicalUrl),
    /// With `{name}` for one segment of the path: `https://api.example.com/repos/{owner}/{repo}/issues`.
    Template {
        /// What stands before, between and after the segments that are free.
        fixed: Vec<String>,
        /// Whether more may follow; written with a `*` at its end.
        open: bool,
        /// The host, always whole.
        host: String,
    },
}

impl UrlPattern {
    /// Whether `url` is meant.
    pub fn matches(&self, url: &LogicalUrl) -> bool {
        match self {
            UrlPattern::Exact(exact) => exact == url,
            UrlPattern::Prefix(prefix) => url.as_str().starts_with(prefix.as_str()),
            UrlPattern::Template { fixed, open, host } => {
                url.host() == host && fits(url.as_str(), fixed, *open)
            }
        }
    }
}

/// Whether `text` is made of the `fixed` pieces with one free segment between each two of them.
fn fits(text: &str, fixed: &[String], open: bool) -> bool {
    let mut rest = text;
    for (at, piece) in fixed.iter().enumerate() {
        if at > 0 {
            let end = rest.find(|c: char| !is_segment(c)).unwrap_or(rest.len());
            // A segment that begins with a dot is no name of anything that rules speak of.
            if end == 0 || rest.starts_with('.') {
                return false;
            }
            rest = rest.get(end..).unwrap_or_default();
        }
        match rest.strip_prefix(piece.as_str()) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    open || rest.is_empty()
}

/// What a free segment is made of: RFC 3986's unreserved characters, so that no encoded slash hides in it.
fn is_segment(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~".contains(c)
}

/// What a rule asks of the text that would be published. Every condition set must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TextConditions {
    /// It holds one of these, whatever the case and the spaces.
    pub contains: Vec<String>,
    /// It holds none of these.
    pub lacks: Vec<String>,
    /// It links to one of these hosts, or to a host below one.
    pub links_to: Vec<String>,
    /// It holds a link at all (`true`), or none (`false`).
    pub links: Option<bool>,
    /// It names an amount of money (`true`), or none (`false`).
    pub money: Option<bool>,
    /// It is written in one of these.
    pub formats: Vec<Format>,
}

impl TextConditions {
    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// When a rule speaks. An empty list is no condition; every condition must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Conditions {
    /// The methods meant.
    pub methods: Vec<Method>,
    /// The hosts meant, in lower case.
    pub hosts: Vec<String>,
    /// The URLs meant.
    pub urls: Vec<UrlPattern>,
    /// The owner's countries meant (ISO 3166-1 alpha-2, upper case).
    pub countries: Vec<String>,
    /// The owner's countries not meant.
    pub countries_not: Vec<String>,
    /// With or without an account.
    pub account: AccountNeed,
    /// Only acts that change something (`true`), only reads (`false`), or both.
    pub mutating: Option<bool>,
    /// How automatic the act is.
    pub automation: Vec<Automation>,
    /// What the act says it has looked up: each fact has one of the values.
    pub facts: BTreeMap<String, Vec<String>>,
    /// The text that would be published.
    pub text: TextConditions,
}
