//! Opportunities as SPEC shows them.

use std::cmp::Reverse;
use std::ops::ControlFlow;

use mm_core::opportunity::{Opportunity, State};
use mm_store::Span;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Problem, Question, Reader, unread};

/// An opportunity; exactly these fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpportunityView {
    pub id: String,
    pub strategy: String,
    pub platform: String,
    pub kind: String,
    pub title: String,
    pub url: String,
    pub state: String,
    pub found_at: String,
    pub updated_at: String,
    pub reward: Option<RewardView>,
    pub score: u8,
    pub reason: String,
    pub evidence: Option<String>,
    pub details: Map<String, Value>,
}

/// A range of payment; decimal strings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RewardView {
    pub min: Option<String>,
    pub max: Option<String>,
    pub currency: String,
}

impl OpportunityView {
    /// Whether it was there at its source's first good read.
    pub fn is_baseline(&self) -> bool {
        self.details.get("baseline") == Some(&Value::Bool(true))
    }
}

impl From<Opportunity> for OpportunityView {
    fn from(o: Opportunity) -> Self {
        // A strategy hands over a JSON object; should a row hold anything else, it is kept readable.
        let details = match serde_json::from_str(&o.details) {
            Ok(Value::Object(details)) => details,
            Ok(other) => Map::from_iter([("value".to_owned(), other)]),
            Err(_) => Map::from_iter([("text".to_owned(), Value::String(o.details))]),
        };
        OpportunityView {
            id: o.id.to_string(),
            strategy: o.strategy.to_string(),
            platform: o.platform,
            kind: o.kind,
            title: o.title,
            url: o.url,
            state: o.state.as_str().to_owned(),
            found_at: o.found_at.to_string(),
            updated_at: o.updated_at.to_string(),
            reward: o.reward.map(|reward| RewardView {
                min: reward.min.map(|amount| amount.to_string()),
                max: reward.max.map(|amount| amount.to_string()),
                currency: reward.currency,
            }),
            score: o.score,
            reason: o.reason,
            evidence: o.evidence.map(|digest| digest.to_string()),
            details,
        }
    }
}

/// The states an opportunity can be in, for the option and the sentence about a wrong one.
pub const STATES: &[State] = &[State::New, State::Accepted, State::Dismissed, State::Submitted, State::Paid];

/// `state, kind, platform, baseline (true|false), sort (score|found), limit`.
pub(super) fn list(reader: &Reader, question: &Question) -> Result<Vec<OpportunityView>, Problem> {
    question.only(&["state", "kind", "platform", "baseline", "sort", "limit"])?;
    let state = question.text("state").map(state).transpose()?;
    let (kind, platform) = (question.text("kind"), question.text("platform"));
    let baseline: Option<bool> = question.value("baseline")?;
    let limit: Option<usize> = question.value("limit")?;
    let mut found: Vec<Opportunity> = all(reader)?
        .filter(|o| state.is_none_or(|state| o.state == state))
        .filter(|o| kind.is_none_or(|kind| o.kind == kind))
        .filter(|o| platform.is_none_or(|platform| o.platform == platform))
        .collect();
    match question.text("sort") {
        None | Some("score") => found.sort_by(|a, b| by_score(a).cmp(&by_score(b))),
        Some("found") => {
            found.sort_by(|a, b| (Reverse(a.found_at), by_score(a)).cmp(&(Reverse(b.found_at), by_score(b))))
        }
        Some(_) => return Err(Problem::Bad("`sort` is `score` or `found`".to_owned())),
    }
    let views = found.into_iter().map(OpportunityView::from);
    let views = views.filter(|view| baseline.is_none_or(|wanted| view.is_baseline() == wanted));
    Ok(views.take(limit.unwrap_or(usize::MAX)).collect())
}

/// The best first; of two as good the newer, and always in the same order.
fn by_score(o: &Opportunity) -> (Reverse<u8>, Reverse<mm_core::moment::Moment>, &str) {
    (Reverse(o.score), Reverse(o.found_at), o.id.as_str())
}

fn state(text: &str) -> Result<State, Problem> {
    let names = || STATES.iter().map(|state| state.as_str());
    STATES
        .iter()
        .copied()
        .find(|state| state.as_str() == text)
        .ok_or_else(|| Problem::Bad(format!("`state` is one of {}", names().collect::<Vec<_>>().join(", "))))
}

fn all(reader: &Reader) -> Result<impl Iterator<Item = Opportunity> + use<>, Problem> {
    let scanned = reader.store.scan::<Opportunity>(&reader.space, Span::all(), usize::MAX);
    Ok(scanned.map_err(|error| unread(&error))?.into_values())
}

pub(super) fn show(reader: &Reader, id: &str) -> Result<OpportunityView, Problem> {
    let unknown = || {
        let id = mm_core::untrusted::Untrusted::new(id).line(60);
        Problem::Unknown(format!("there is no opportunity `{id}`; `opportunities list` shows the ids"))
    };
    match reader.store.get::<Opportunity>(&reader.space, id) {
        Ok(Some(row)) => Ok(row.value.into()),
        Ok(None) | Err(mm_store::ReadError::Key(_)) => Err(unknown()),
        Err(error) => Err(unread(&error)),
    }
}

/// How many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Waiting for the owner's decision, the baseline not among them.
    pub new: u64,
    /// New ones that were there at their source's first read.
    pub baseline: u64,
    pub total: u64,
}

pub(super) fn count(reader: &Reader) -> Result<Counts, Problem> {
    let mut counts = Counts::default();
    // One after another: years of them need not be in memory at once to be counted.
    let counted = reader.store.visit::<Opportunity>(&reader.space, Span::all(), |_, row| {
        if let Ok(row) = row {
            counts.add(&row.value);
        }
        ControlFlow::Continue(())
    });
    counted.map_err(|error| unread(&error))?;
    Ok(counts)
}

impl Counts {
    fn add(&mut self, o: &Opportunity) {
        /// The one detail that matters here; the rest is passed over.
        #[derive(Deserialize)]
        struct Details {
            baseline: bool,
        }
        self.total += 1;
        if o.state == State::New {
            // Only what is not told can be a baseline; the details need not be read for the others.
            let baseline =
                !o.tell && serde_json::from_str::<Details>(&o.details).is_ok_and(|details| details.baseline);
            *(if baseline { &mut self.baseline } else { &mut self.new }) += 1;
        }
    }
}
