//! What came back, as Freelancer.com writes it, and what is taken from it.

use mm_sdk::json::{self, Unreadable};
use mm_sdk::{Answer, Decimal, Moment, Untrusted};
use serde::Deserialize;
use serde_json::{Number, Value};

use crate::elements;

/// The envelope of every answer.
#[derive(Deserialize)]
struct Envelope {
    status: String,
    message: Option<Untrusted>,
    result: Option<Value>,
}

/// Freelancer's own words on a refusal.
pub fn said(answer: &Answer) -> Option<Untrusted> {
    json::read::<Envelope>(answer, "an answer of Freelancer.com").ok()?.message
}

/// What an answer is about, out of its envelope.
///
/// # Errors
/// [`Unreadable`] if it is no envelope, or an error's: with Freelancer's own words.
fn result(answer: &Answer) -> Result<Value, Unreadable> {
    let envelope: Envelope = json::read(answer, "an answer of Freelancer.com")?;
    match (envelope.status.as_str(), envelope.result) {
        ("success", Some(result)) => Ok(result),
        ("success", None) => Err(Unreadable::new("a success without a result")),
        ("error", _) => {
            let words = envelope.message.map_or("without words".to_owned(), |words| words.line(120));
            Err(Unreadable::new(format!("Freelancer.com says no: {words}")))
        }
        (other, _) => Err(Unreadable::new(format!("`{other}` is no status of an answer of Freelancer.com"))),
    }
}

/// One field of the result.
fn field(answer: &Answer, name: &str) -> Result<Value, Unreadable> {
    match result(answer)? {
        Value::Object(mut fields) => {
            fields.remove(name).ok_or_else(|| Unreadable::new(format!("the result has no {name}")))
        }
        _ => Err(Unreadable::new("the result is no object")),
    }
}

/// How a project is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One sum.
    Fixed,
    /// By the hour.
    Hourly,
    /// In a way that is not known here: no bid is made on it.
    Unknown,
}

/// A currency as a project names it; either may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Currency {
    /// Freelancer's number of it.
    pub id: Option<u64>,
    /// ISO 4217.
    pub code: Option<Untrusted>,
}

/// A project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Freelancer's number of it.
    pub id: u64,
    /// Its title.
    pub title: Untrusted,
    /// How it is paid.
    pub kind: Kind,
    /// Its page, below `https://www.freelancer.com/projects/`.
    pub seo_url: Option<Untrusted>,
    /// When it was put in.
    pub at: Moment,
    /// Its currency.
    pub currency: Currency,
    /// The least that is paid, in that currency.
    pub min: Option<Decimal>,
    /// The most.
    pub max: Option<Decimal>,
    /// How many have bid.
    pub bids: Option<u64>,
    /// Skills that are wanted.
    pub jobs: Vec<Untrusted>,
    /// What it says, to be searched.
    pub text: String,
    /// Who put it in, by number.
    pub owner: Option<u64>,
}

#[derive(Deserialize)]
struct RawProject {
    id: u64,
    title: Untrusted,
    #[serde(rename = "type")]
    kind: Option<String>,
    seo_url: Option<Untrusted>,
    time_submitted: i64,
    #[serde(default)]
    currency: Option<Currency>,
    #[serde(default)]
    budget: Option<Budget>,
    #[serde(default)]
    bid_stats: Option<Stats>,
    #[serde(default)]
    jobs: Option<Vec<Job>>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    preview_description: Option<String>,
    #[serde(default)]
    owner_id: Option<u64>,
}

#[derive(Deserialize)]
struct Budget {
    minimum: Option<Number>,
    maximum: Option<Number>,
}

#[derive(Deserialize)]
struct Stats {
    bid_count: Option<u64>,
}

#[derive(Deserialize)]
struct Job {
    name: Untrusted,
}

/// The number as it is written: `serde_json` prints the shortest text that gives the same number again.
fn decimal(number: Option<Number>) -> Result<Option<Decimal>, Unreadable> {
    let Some(number) = number else { return Ok(None) };
    let text = number.to_string();
    let value: Decimal = text.parse().map_err(|_| Unreadable::new(format!("{text} is no sum of money")))?;
    Ok(Some(value.normalize()).filter(|value| *value > Decimal::ZERO))
}

impl TryFrom<RawProject> for Project {
    type Error = Unreadable;

    fn try_from(raw: RawProject) -> Result<Self, Unreadable> {
        let kind = match raw.kind.as_deref() {
            Some("fixed") => Kind::Fixed,
            Some("hourly") => Kind::Hourly,
            _ => Kind::Unknown,
        };
        let at = raw.time_submitted.checked_mul(1000).map(Moment::from_unix_ms);
        let (min, max) = raw.budget.map_or((None, None), |budget| (budget.minimum, budget.maximum));
        Ok(Self {
            id: raw.id,
            title: raw.title,
            kind,
            seo_url: raw.seo_url,
            at: at.ok_or_else(|| Unreadable::new(format!("project {} is of no time", raw.id)))?,
            currency: raw.currency.unwrap_or_default(),
            min: decimal(min)?,
            max: decimal(max)?,
            bids: raw.bid_stats.and_then(|stats| stats.bid_count),
            jobs: raw.jobs.unwrap_or_default().into_iter().map(|job| job.name).collect(),
            text: raw.description.or(raw.preview_description).unwrap_or_default(),
            owner: raw.owner_id,
        })
    }
}

/// The projects in an answer, and a sentence for each that cannot be read.
///
/// # Errors
/// [`Unreadable`] if it is no such answer, or has projects and none can be read.
pub fn projects(answer: &Answer) -> Result<(Vec<Project>, Vec<Unreadable>), Unreadable> {
    let Value::Array(projects) = field(answer, "projects")? else {
        return Err(Unreadable::new("what should be a list, each element a project, is none"));
    };
    elements::each::<RawProject, _>(projects, "a project", Project::try_from)
}

/// The own number.
///
/// # Errors
/// [`Unreadable`] if it is no user record.
pub fn viewer(answer: &Answer) -> Result<u64, Unreadable> {
    let id = field(answer, "id")?;
    id.as_u64().ok_or_else(|| Unreadable::new("the user's id is no number"))
}

/// Number and code of each currency.
///
/// # Errors
/// [`Unreadable`] if it is no list of currencies.
pub fn currencies(answer: &Answer) -> Result<Vec<(u64, Untrusted)>, Unreadable> {
    let known = |one: Currency| Some((one.id?, one.code?));
    match field(answer, "currencies")? {
        Value::Array(all) => {
            Ok(json::each::<Currency>(all, "a currency").0.into_iter().filter_map(known).collect())
        }
        _ => Err(Unreadable::new("the currencies are no list")),
    }
}

/// A bid as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Bid {
    /// Freelancer's number of it.
    pub id: u64,
    /// On which project.
    pub project_id: u64,
    /// Whose.
    pub bidder_id: u64,
    /// In what words.
    #[serde(default)]
    pub description: Option<Untrusted>,
}

/// The bid that was made, out of the answer to it.
///
/// # Errors
/// [`Unreadable`] if the answer does not show one.
pub fn bid(answer: &Answer) -> Result<Bid, Unreadable> {
    serde_json::from_value(result(answer)?)
        .map_err(|error| Unreadable::new(format!("this is not a bid: {error}")))
}

/// The bids in an answer.
///
/// # Errors
/// [`Unreadable`] if one of them cannot be read: a list with a gap does not say that a bid is not there.
pub fn bids(answer: &Answer) -> Result<Vec<Bid>, Unreadable> {
    serde_json::from_value(field(answer, "bids")?)
        .map_err(|error| Unreadable::new(format!("these are not bids: {error}")))
}
