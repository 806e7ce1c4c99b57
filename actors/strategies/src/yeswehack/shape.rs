//! What came back, as YesWeHack writes it, and what is taken from it.

use mm_sdk::json::{self, Unreadable};
use mm_sdk::{Answer, Untrusted};
use serde::Deserialize;
use serde_json::Value;

use crate::elements;
use crate::github::shape::Prose;

/// A programme, in the list or by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programme {
    /// What tells it from all others.
    pub slug: String,
    /// Its name.
    pub title: Option<String>,
    /// Whether anybody may see it.
    pub public: Option<bool>,
    /// Whether it takes no reports any more.
    pub closed: bool,
    /// Whether it pays.
    pub bounty: Option<bool>,
    /// The least that it pays, in whole units.
    pub min: Option<u64>,
    /// The most.
    pub max: Option<u64>,
    /// In which currency.
    pub currency: Option<String>,
}

impl Programme {
    /// Whether it is not known to be public: what may be private is not told by name.
    pub fn is_private(&self) -> bool {
        self.public != Some(true)
    }
}

#[derive(Deserialize)]
struct RawProgramme {
    slug: String,
    title: Option<String>,
    public: Option<bool>,
    disabled: Option<bool>,
    archived: Option<bool>,
    bounty: Option<bool>,
    bounty_reward_min: Option<u64>,
    bounty_reward_max: Option<u64>,
    business_unit: Option<Unit>,
}

#[derive(Deserialize)]
struct Unit {
    currency: Option<String>,
}

impl TryFrom<RawProgramme> for Programme {
    type Error = Unreadable;

    fn try_from(raw: RawProgramme) -> Result<Self, Unreadable> {
        if raw.slug.trim().is_empty() {
            return Err(Unreadable::new("a programme without a slug"));
        }
        Ok(Self {
            slug: raw.slug.trim().to_owned(),
            title: raw.title,
            public: raw.public,
            closed: raw.disabled == Some(true) || raw.archived == Some(true),
            bounty: raw.bounty,
            min: raw.bounty_reward_min,
            max: raw.bounty_reward_max,
            currency: raw.business_unit.and_then(|unit| unit.currency),
        })
    }
}

/// A page of the list of programmes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// What could be read.
    pub items: Vec<Programme>,
    /// A sentence for each that could not.
    pub bad: Vec<Unreadable>,
    /// How many elements it had.
    pub rows: usize,
    /// How many pages there are, if that is said.
    pub pages: Option<usize>,
}

#[derive(Deserialize)]
struct RawPage {
    items: Vec<Value>,
    pagination: Option<Pagination>,
}

#[derive(Deserialize)]
struct Pagination {
    nb_pages: Option<usize>,
}

/// The programmes of a page.
///
/// # Errors
/// [`Unreadable`] if it is no such page, or none of them can be read.
pub fn programmes(answer: &Answer) -> Result<Page, Unreadable> {
    let page: RawPage = json::read(answer, "a page of programmes")?;
    let rows = page.items.len();
    let (items, bad) = elements::each::<RawProgramme, _>(page.items, "a programme", Programme::try_from)?;
    Ok(Page { items, bad, rows, pages: page.pagination.and_then(|pagination| pagination.nb_pages) })
}

/// What is to be tested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// What it is, trimmed.
    pub scope: String,
    /// What kind of thing: an open set.
    pub kind: Option<String>,
    /// `LOW` to `CRITICAL`: what the asset is worth to its owner.
    pub asset_value: Option<String>,
}

#[derive(Deserialize)]
struct RawScope {
    scope: String,
    scope_type: Option<String>,
    asset_value: Option<String>,
}

/// What a programme says of itself when it is asked for alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// What the list has as well.
    pub programme: Programme,
    /// Its scope; `None` if it does not tell.
    pub scopes: Option<Vec<Scope>>,
    /// A sentence for each scope that could not be read.
    pub bad: Vec<Unreadable>,
    /// Its rules, and in prose what is out of scope, to be searched.
    pub rules: Option<Prose>,
}

#[derive(Deserialize)]
struct RawDetail {
    #[serde(flatten)]
    programme: RawProgramme,
    scopes: Option<Vec<Value>>,
    rules: Option<String>,
    out_of_scope: Option<Value>,
}

/// What is out of scope, in prose: a text, or a list of texts.
fn prose(value: Option<Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text),
        Value::Array(lines) => {
            let lines: Vec<&str> = lines.iter().filter_map(Value::as_str).collect();
            (!lines.is_empty()).then(|| lines.join("\n\n"))
        }
        _ => None,
    }
}

/// One programme with its scope and its rules.
///
/// # Errors
/// [`Unreadable`] if it is none.
pub fn programme(answer: &Answer) -> Result<Detail, Unreadable> {
    let value: Value = json::read(answer, "a programme")?;
    let raw: RawDetail = json::part(value, "a programme")?;
    let programme = Programme::try_from(raw.programme)?;
    let (scopes, bad) = match raw.scopes {
        Some(list) => {
            let (read, bad) = json::each::<RawScope>(list, "a scope");
            let scopes = read.into_iter().map(|raw| Scope {
                scope: raw.scope.trim().to_owned(),
                kind: raw.scope_type,
                asset_value: raw.asset_value,
            });
            (Some(scopes.filter(|scope| !scope.scope.is_empty()).collect()), bad)
        }
        None => (None, Vec::new()),
    };
    let parts: Vec<String> = raw.rules.into_iter().chain(prose(raw.out_of_scope)).collect();
    let rules = (!parts.is_empty()).then(|| Prose::new(parts.join("\n\n")));
    Ok(Detail { programme, scopes, bad, rules })
}

#[derive(Deserialize)]
struct Problem {
    message: Option<String>,
    error: Option<String>,
}

/// YesWeHack's own words on a refusal, if it has any.
pub fn said(answer: &Answer) -> Option<Untrusted> {
    let problem: Problem = json::read(answer, "an error of YesWeHack").ok()?;
    problem.message.or(problem.error).map(Untrusted::new)
}
