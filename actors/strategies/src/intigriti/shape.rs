//! What came back, as Intigriti writes it, and what is taken from it.

use mm_sdk::json::{self, Unreadable};
use mm_sdk::{Answer, Untrusted};
use serde::Deserialize;
use serde_json::{Number, Value};

use crate::elements;
use crate::github::shape::Prose;

/// A word of an enumeration. Its number is Intigriti's own and may change; the word is what counts.
#[derive(Deserialize)]
struct Word {
    value: Option<String>,
}

fn word(word: Option<Word>) -> Option<String> {
    word.and_then(|word| word.value).map(|word| word.trim().to_owned()).filter(|word| !word.is_empty())
}

/// A sum, as the text of a plain number, and its currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// Such as `50` or `12.5`.
    pub value: String,
    /// ISO 4217, as it is written.
    pub currency: Option<String>,
}

#[derive(Deserialize)]
struct RawSum {
    value: Option<Number>,
    currency: Option<String>,
}

fn sum(raw: Option<RawSum>) -> Option<Sum> {
    let raw = raw?;
    // `serde_json` prints the shortest text that gives the same number again.
    let value = raw.value?.to_string();
    Some(Sum { value: value.strip_suffix(".0").unwrap_or(&value).to_owned(), currency: raw.currency })
}

/// A programme, in the list or by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programme {
    /// What tells it from all others.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// `Open`, `Suspended`…: an open set.
    pub status: Option<String>,
    /// `Public`, `Registered`, `Application`, `Invite only`…: an open set.
    pub confidentiality: Option<String>,
    /// Its page, unchecked.
    pub page: Option<String>,
    /// The least that it pays.
    pub min: Option<Sum>,
    /// The most.
    pub max: Option<Sum>,
}

impl Programme {
    /// Whether it is not known to be public: what may be private is not told by name.
    pub fn is_private(&self) -> bool {
        !self.confidentiality.as_deref().is_some_and(|level| level.eq_ignore_ascii_case("public"))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawProgramme {
    id: String,
    name: Option<String>,
    status: Option<Word>,
    confidentiality_level: Option<Word>,
    web_links: Option<Links>,
    min_bounty: Option<RawSum>,
    max_bounty: Option<RawSum>,
}

#[derive(Deserialize)]
struct Links {
    detail: Option<String>,
}

impl TryFrom<RawProgramme> for Programme {
    type Error = Unreadable;

    fn try_from(raw: RawProgramme) -> Result<Self, Unreadable> {
        if raw.id.trim().is_empty() {
            return Err(Unreadable::new("a programme without an id"));
        }
        Ok(Self {
            id: raw.id.trim().to_owned(),
            name: raw.name,
            status: word(raw.status),
            confidentiality: word(raw.confidentiality_level),
            page: raw.web_links.and_then(|links| links.detail),
            min: sum(raw.min_bounty),
            max: sum(raw.max_bounty),
        })
    }
}

/// A part of the list of programmes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// What could be read.
    pub items: Vec<Programme>,
    /// A sentence for each that could not.
    pub bad: Vec<Unreadable>,
    /// How many elements it had.
    pub rows: usize,
    /// How many there are in all.
    pub total: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPage {
    max_count: usize,
    records: Vec<Value>,
}

/// The programmes of an answer.
///
/// # Errors
/// [`Unreadable`] if it is no such list, or none of them can be read.
pub fn programmes(answer: &Answer) -> Result<Page, Unreadable> {
    let page: RawPage = json::read(answer, "a list of programmes")?;
    let rows = page.records.len();
    let (items, bad) = elements::each::<RawProgramme, _>(page.records, "a programme", Programme::try_from)?;
    Ok(Page { items, bad, rows, total: page.max_count })
}

/// What is, or is not, to be tested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    /// What kind of thing: an open set.
    pub kind: Option<String>,
    /// What it is, trimmed.
    pub endpoint: String,
    /// `Tier 1`, `No Bounty`, `Out Of Scope`…: an open set. Scope is told by it, and by nothing else.
    pub tier: Option<String>,
}

#[derive(Deserialize)]
struct RawDomain {
    #[serde(rename = "type")]
    kind: Option<Word>,
    endpoint: String,
    tier: Option<Word>,
}

/// What a programme says of itself when it is asked for alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// What the list has as well.
    pub programme: Programme,
    /// Its scope; `None` if it does not tell.
    pub domains: Option<Vec<Domain>>,
    /// A sentence for each domain that could not be read.
    pub bad: Vec<Unreadable>,
    /// Its rules in words, to be searched.
    pub rules: Option<Prose>,
    /// `testingRequirements.automatedTooling` as it is written, one line; `None` if it is not there or null.
    pub automated_tooling: Option<String>,
    /// What else it demands of requests, each `name: value` in one line.
    pub demands: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawDetail {
    #[serde(flatten)]
    programme: RawProgramme,
    domains: Option<Content<Vec<Value>>>,
    rules_of_engagement: Option<Content<RawRules>>,
}

#[derive(Deserialize)]
struct Content<T> {
    content: Option<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawRules {
    description: Option<Prose>,
    testing_requirements: Option<Requirements>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Requirements {
    automated_tooling: Option<Value>,
    user_agent: Option<Value>,
    request_header: Option<Value>,
    intigriti_me: Option<Value>,
}

/// A value as it is written, in one line: a text bare, an enumeration by its word, anything else as JSON.
fn written(value: Option<Value>) -> Option<String> {
    let text = match value? {
        Value::Null => return None,
        Value::String(text) => text,
        Value::Object(fields) => match fields.get("value") {
            Some(Value::String(word)) => word.clone(),
            _ => Value::Object(fields).to_string(),
        },
        other => other.to_string(),
    };
    Some(Untrusted::new(text).line(200)).filter(|line| !line.is_empty())
}

/// One programme with its scope and its rules.
///
/// # Errors
/// [`Unreadable`] if it is none.
pub fn programme(answer: &Answer) -> Result<Detail, Unreadable> {
    let value: Value = json::read(answer, "a programme")?;
    let raw: RawDetail = json::part(value, "a programme")?;
    let programme = Programme::try_from(raw.programme)?;
    let (domains, bad) = match raw.domains.and_then(|domains| domains.content) {
        Some(list) => {
            let (read, bad) = json::each::<RawDomain>(list, "a domain");
            let domains = read.into_iter().map(|raw| Domain {
                kind: word(raw.kind),
                endpoint: raw.endpoint.trim().to_owned(),
                tier: word(raw.tier),
            });
            (Some(domains.filter(|domain| !domain.endpoint.is_empty()).collect()), bad)
        }
        None => (None, Vec::new()),
    };
    let rules = raw.rules_of_engagement.and_then(|rules| rules.content);
    let (rules, demanded) =
        rules.map_or((None, None), |rules| (rules.description, rules.testing_requirements));
    let (mut automated_tooling, mut demands) = (None, Vec::new());
    if let Some(demanded) = demanded {
        automated_tooling = written(demanded.automated_tooling);
        let named = [
            ("user agent", demanded.user_agent),
            ("request header", demanded.request_header),
            ("intigriti.me address", demanded.intigriti_me),
        ];
        demands.extend(
            named.into_iter().filter_map(|(name, value)| Some(format!("{name}: {}", written(value)?))),
        );
    }
    Ok(Detail { programme, domains, bad, rules, automated_tooling, demands })
}

#[derive(Deserialize)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
    message: Option<String>,
}

/// Intigriti's own words on a refusal, if it has any.
pub fn said(answer: &Answer) -> Option<Untrusted> {
    let problem: Problem = json::read(answer, "an error of Intigriti").ok()?;
    problem.detail.or(problem.message).or(problem.title).map(Untrusted::new)
}
