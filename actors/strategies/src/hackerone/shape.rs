//! Programmes and their structured scopes, as HackerOne writes them, and what is taken from them.

use mm_sdk::Answer;
use mm_sdk::json::{self, Unreadable};
use serde::Deserialize;
use serde_json::Value;

use super::pages::{self, Page};
use crate::github::shape::Prose;

/// A programme as the account sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programme {
    /// What tells it from all others. The number is 0 for nearly all, and is not used.
    pub handle: String,
    /// Its name.
    pub name: Option<String>,
    /// `public_mode`, `soft_launched` (for those who were invited), or a word that is not known here.
    pub state: Option<String>,
    /// `open`, `paused`, `api_only`…
    pub submission_state: Option<String>,
    /// Whether it pays.
    pub offers_bounties: Option<bool>,
    /// Its rules, to be searched.
    pub policy: Option<Prose>,
}

impl Programme {
    /// Whether it is not known to be public: what may be private is not told by name.
    pub fn is_private(&self) -> bool {
        self.state.as_deref() != Some("public_mode")
    }
}

#[derive(Deserialize)]
struct RawProgramme {
    attributes: RawAttributes,
}

#[derive(Deserialize)]
struct RawAttributes {
    handle: String,
    name: Option<String>,
    state: Option<String>,
    submission_state: Option<String>,
    offers_bounties: Option<bool>,
    policy: Option<Prose>,
}

impl TryFrom<RawProgramme> for Programme {
    type Error = Unreadable;

    fn try_from(raw: RawProgramme) -> Result<Self, Unreadable> {
        let raw = raw.attributes;
        if raw.handle.trim().is_empty() {
            return Err(Unreadable::new("a programme without a handle"));
        }
        Ok(Self {
            handle: raw.handle.trim().to_owned(),
            name: raw.name,
            state: raw.state,
            submission_state: raw.submission_state,
            offers_bounties: raw.offers_bounties,
            policy: raw.policy,
        })
    }
}

/// The programmes of a page.
///
/// # Errors
/// [`Unreadable`] if it is no such page.
pub fn programmes(answer: &Answer) -> Result<Page<Programme>, Unreadable> {
    pages::page::<RawProgramme, Programme>(answer, "a programme")
}

/// One programme. The documentation wraps it in `data`; public clients saw it without.
///
/// # Errors
/// [`Unreadable`] if it is none.
pub fn programme(answer: &Answer) -> Result<Programme, Unreadable> {
    let value: Value = json::read(answer, "a programme")?;
    let bare = match value {
        Value::Object(mut fields) if fields.contains_key("data") => fields.remove("data").unwrap_or_default(),
        other => other,
    };
    let raw: RawProgramme = json::part(bare, "a programme")?;
    Programme::try_from(raw)
}

/// One asset of a programme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// HackerOne's number of it, by which a list that is too long for pages goes on.
    pub id: Option<u64>,
    /// `URL`, `WILDCARD`…: an open set.
    pub kind: Option<String>,
    /// What it is, trimmed.
    pub identifier: String,
    /// Whether a report on it is paid.
    pub eligible_for_bounty: Option<bool>,
    /// Whether a report on it is taken at all: what is not is out of scope.
    pub eligible_for_submission: Option<bool>,
    /// The worst that a report on it may be rated.
    pub max_severity: Option<String>,
}

#[derive(Deserialize)]
struct RawScope {
    id: Option<Id>,
    attributes: RawAsset,
}

#[derive(Deserialize)]
struct RawAsset {
    asset_type: Option<String>,
    asset_identifier: String,
    eligible_for_bounty: Option<bool>,
    eligible_for_submission: Option<bool>,
    max_severity: Option<String>,
}

impl TryFrom<RawScope> for Scope {
    type Error = Unreadable;

    fn try_from(raw: RawScope) -> Result<Self, Unreadable> {
        let asset = raw.attributes;
        let identifier = asset.asset_identifier.trim().to_owned();
        if identifier.is_empty() {
            return Err(Unreadable::new("an asset without an identifier"));
        }
        Ok(Self {
            id: raw.id.and_then(|id| id.text().parse().ok()),
            kind: asset.asset_type,
            identifier,
            eligible_for_bounty: asset.eligible_for_bounty,
            eligible_for_submission: asset.eligible_for_submission,
            max_severity: asset.max_severity,
        })
    }
}

/// The assets of a page.
///
/// # Errors
/// [`Unreadable`] if it is no such page.
pub fn scopes(answer: &Answer) -> Result<Page<Scope>, Unreadable> {
    pages::page::<RawScope, Scope>(answer, "an asset")
}

/// A number as HackerOne writes one: as a text mostly, as a number here and there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Id {
    /// `"7"`.
    Text(String),
    /// `7`.
    Number(u64),
}

impl Id {
    /// As a text.
    pub(super) fn text(&self) -> String {
        match self {
            Id::Text(text) => text.trim().to_owned(),
            Id::Number(number) => number.to_string(),
        }
    }
}
