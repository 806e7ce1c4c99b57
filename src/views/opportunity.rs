//! Opportunities as SPEC shows them.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

use mm_core::opportunity::{Judged, Opportunity, Order, Payer, Proof, Ranking, State, Step};
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
    /// When it is of no use any more.
    pub deadline: Option<String>,
    pub payer: PayerView,
    pub ranking: RankingView,
    /// What changed its state, oldest first; only where one is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<Vec<StepView>>,
    pub details: Map<String, Value>,
}

/// Who would pay, and whether he does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayerView {
    /// As the platform names him; null if that is not known.
    pub name: Option<String>,
    /// `proven`, `unproven` or `trap`; a trap is no income.
    pub proof: String,
    pub reasons: Vec<String>,
    /// How often he has paid, by the ledger.
    pub paid: u32,
    /// The longest that took, days.
    pub usual_days: Option<u64>,
}

/// What it is worth, and how that was reckoned. Amounts are decimal strings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RankingView {
    pub line: String,
    /// In all; null where no reward is known.
    pub value: Option<String>,
    /// Null where the hours of work are not known.
    pub per_hour: Option<String>,
    /// ISO 4217, of both.
    pub currency: Option<String>,
}

/// A change of an opportunity's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepView {
    pub at: String,
    pub from: String,
    pub to: String,
    pub by: String,
    pub why: Option<String>,
}

impl From<Step> for StepView {
    fn from(step: Step) -> Self {
        StepView {
            at: step.at.to_string(),
            from: step.from.as_str().to_owned(),
            to: step.to.as_str().to_owned(),
            by: step.by.to_string(),
            why: step.why.map(|why| why.line(300)),
        }
    }
}

impl From<Ranking> for RankingView {
    fn from(ranking: Ranking) -> Self {
        RankingView {
            line: ranking.line,
            value: ranking.value.map(|value| value.normalize().to_string()),
            per_hour: ranking.per_hour.map(|hour| hour.normalize().to_string()),
            currency: ranking.currency,
        }
    }
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

    /// Whether it is a trap, and so no income.
    pub fn is_trap(&self) -> bool {
        self.payer.proof == Proof::Trap.as_str()
    }

    fn new(o: Opportunity, judged: Judged, ranking: Ranking, payer: Option<&Payer>) -> Self {
        // A strategy hands over a JSON object; should a row hold anything else, it is kept readable.
        let details = match serde_json::from_str(&o.details) {
            Ok(Value::Object(details)) => details,
            Ok(other) => Map::from_iter([("value".to_owned(), other)]),
            Err(_) => Map::from_iter([("text".to_owned(), Value::String(o.details))]),
        };
        let payer = PayerView {
            name: o.payer,
            proof: judged.proof.as_str().to_owned(),
            reasons: judged.reasons,
            paid: payer.map_or(0, Payer::paid),
            usual_days: payer.and_then(Payer::usual).map(|usual| usual.as_secs().div_ceil(24 * 3600)),
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
            deadline: o.deadline.map(|deadline| deadline.to_string()),
            payer,
            ranking: ranking.into(),
            history: None,
            details,
        }
    }
}

/// The states an opportunity can be in, for the option and the sentence about a wrong one.
pub const STATES: &[State] = &State::ALL;

/// What is known of payers, read once for a whole list.
struct Payers(BTreeMap<String, Payer>);

impl Payers {
    fn of(reader: &Reader) -> Result<Self, Problem> {
        let scanned = reader.store.scan::<Payer>(&reader.space, Span::all(), usize::MAX);
        let rows = scanned.map_err(|error| unread(&error))?.rows;
        Ok(Self(rows.into_iter().map(|(id, row)| (id, row.value)).collect()))
    }

    fn view(&self, reader: &Reader, o: Opportunity) -> (Order, OpportunityView) {
        let payer = o.payer.as_ref().and_then(|name| self.0.get(&Payer::id_of(&o.platform, name)));
        let judged = o.judged(payer);
        let ranking = o.ranked(&judged, reader.hourly_rate);
        (ranking.order.clone(), OpportunityView::new(o, judged, ranking, payer))
    }
}

/// `state, kind, platform, baseline (true|false), sort (rank|score|found), limit`.
pub(super) fn list(reader: &Reader, question: &Question) -> Result<Vec<OpportunityView>, Problem> {
    question.only(&["state", "kind", "platform", "baseline", "sort", "limit"])?;
    let state = question.text("state").map(state).transpose()?;
    let (kind, platform) = (question.text("kind"), question.text("platform"));
    let baseline: Option<bool> = question.value("baseline")?;
    let limit: Option<usize> = question.value("limit")?;
    let payers = Payers::of(reader)?;
    let found = all(reader)?
        .filter(|o| state.is_none_or(|state| o.state == state))
        .filter(|o| kind.is_none_or(|kind| o.kind == kind))
        .filter(|o| platform.is_none_or(|platform| o.platform == platform))
        .map(|o| {
            let by = (Reverse(o.score), Reverse(o.found_at), o.id.clone());
            (by, payers.view(reader, o))
        });
    let mut found: Vec<_> = found.collect();
    match question.text("sort") {
        None | Some("rank") => found.sort_by(|(_, (a, _)), (_, (b, _))| a.cmp(b)),
        Some("score") => found.sort_by(|(a, _), (b, _)| a.cmp(b)),
        Some("found") => found.sort_by(|(a, _), (b, _)| (a.1, a).cmp(&(b.1, b))),
        Some(_) => return Err(Problem::Bad("`sort` is `rank`, `score` or `found`".to_owned())),
    }
    let views = found.into_iter().map(|(_, (_, view))| view);
    let views = views.filter(|view| baseline.is_none_or(|wanted| view.is_baseline() == wanted));
    Ok(views.take(limit.unwrap_or(usize::MAX)).collect())
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

/// One, with its history.
pub(crate) fn show(reader: &Reader, id: &str) -> Result<OpportunityView, Problem> {
    let unknown = || {
        let id = mm_core::untrusted::Untrusted::new(id).line(60);
        Problem::Unknown(format!("there is no opportunity `{id}`; `opportunities list` shows the ids"))
    };
    let row = match reader.store.get::<Opportunity>(&reader.space, id) {
        Ok(Some(row)) => row.value,
        Ok(None) | Err(mm_store::ReadError::Key(_)) => return Err(unknown()),
        Err(error) => return Err(unread(&error)),
    };
    let steps = reader.store.scan::<Step>(&reader.space, Span::prefix(&format!("{id}/")), usize::MAX);
    let steps = steps.map_err(|error| unread(&error))?.into_values();
    let (_, view) = Payers::of(reader)?.view(reader, row);
    Ok(OpportunityView { history: Some(steps.map(StepView::from).collect()), ..view })
}

/// How many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Waiting for the owner's decision, neither the baseline nor traps among them.
    pub new: u64,
    /// New ones that were there at their source's first read.
    pub baseline: u64,
    /// Traps, in whatever state: no income, and in no other figure here.
    #[serde(default)]
    pub traps: u64,
    /// All but the traps.
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
        if o.is_trap() {
            self.traps += 1;
            return;
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
