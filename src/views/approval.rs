//! Questions to a person: what would be sent, why he is asked, and what was said.

use mm_core::id::Space;
use mm_core::opportunity::{Chase, Payer};
use mm_core::untrusted::Untrusted;
use mm_services::records::{ApprovalRow, QuotedRule};
use mm_store::{Span, Store};
use serde::{Deserialize, Serialize};

use super::{Problem, Question, Reader, meant, nearest, unread};

/// A question to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalView {
    /// What `approvals show` and its other verbs call it.
    pub id: String,
    /// `waiting`, `approved`, `handed`, `sent`, `done`, `not-done`, `rejected`, `expired`, `superseded`.
    pub state: String,
    /// The action it is about.
    pub action: String,
    pub strategy: String,
    pub platform: String,
    pub account: Option<String>,
    pub kind: String,
    /// What it is for.
    pub purpose: String,
    /// Whether you must do it yourself, on the platform.
    pub by_owner: bool,
    pub asked_at: String,
    /// When it ends by itself; null once it is decided.
    pub ends_at: Option<String>,
    /// When it would be of no use any more, if its strategy said so.
    pub deadline: Option<String>,
    /// Exactly what would be sent, credentials as their slots.
    pub request: RequestView,
    /// The rules that ask.
    pub rules: Vec<RuleView>,
    /// What to read before deciding.
    pub notes: Vec<String>,
    /// Every word that was said.
    pub said: Vec<SaidView>,
}

/// A request as it would be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestView {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    /// The body, if it is text; else null.
    pub body: Option<String>,
    pub body_bytes: u64,
    /// SHA-256 of all of it.
    pub hash: String,
}

/// A rule that asks, quoted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleView {
    pub id: String,
    pub verdict: String,
    pub reason: String,
    pub source: String,
    pub clause: String,
}

/// What was said of a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaidView {
    pub at: String,
    pub by: String,
    /// The state it led to.
    pub state: String,
    pub reason: Option<String>,
}

impl ApprovalView {
    /// As it is shown under its id.
    pub fn new(id: String, row: ApprovalRow) -> Self {
        let item = &row.item;
        let said = item.said.iter().map(|said| SaidView {
            at: said.at.to_string(),
            by: said.by.clone(),
            state: said.state.as_str().to_owned(),
            reason: said.reason.clone(),
        });
        let request = RequestView {
            method: row.request.method().to_string(),
            url: row.request.url().as_str().to_owned(),
            headers: row.request.headers().to_vec(),
            body: String::from_utf8(row.request.body().to_vec()).ok(),
            body_bytes: row.request.body().len() as u64,
            hash: row.request.hash().to_string(),
        };
        ApprovalView {
            id,
            state: item.state.as_str().to_owned(),
            action: row.action.to_string(),
            strategy: row.strategy.to_string(),
            by_owner: item.by_owner,
            asked_at: item.asked_at.to_string(),
            ends_at: item.ends_at().map(|at| at.to_string()),
            deadline: item.deadline.map(|at| at.to_string()),
            said: said.collect(),
            request,
            platform: row.platform,
            account: row.account,
            kind: row.kind,
            purpose: row.purpose,
            rules: row.rules.into_iter().map(RuleView::from).collect(),
            notes: row.notes,
        }
    }

    /// A draft to a payer who is late, as one of the questions: what would be written, and by nobody but its
    /// owner. `platform` is the payer's.
    pub fn of_late(chase: Chase, platform: String) -> Self {
        let item = &chase.item;
        let said = item.said.iter().map(|said| SaidView {
            at: said.at.to_string(),
            by: said.by.clone(),
            state: said.state.as_str().to_owned(),
            reason: said.reason.clone(),
        });
        let rule = RuleView {
            id: "late-payment".to_owned(),
            verdict: "ask".to_owned(),
            reason: chase.reason,
            source: String::new(),
            clause: String::new(),
        };
        let request = RequestView {
            method: "message".to_owned(),
            url: chase.url.unwrap_or_else(|| "to the payer, by the platform's own way".to_owned()),
            headers: Vec::new(),
            body_bytes: chase.text.len() as u64,
            body: Some(chase.text),
            hash: item.request.to_string(),
        };
        ApprovalView {
            id: chase.id,
            state: item.state.as_str().to_owned(),
            action: String::new(),
            strategy: chase.strategy.to_string(),
            platform,
            account: None,
            kind: "late-payment".to_owned(),
            purpose: chase.purpose,
            by_owner: item.by_owner,
            asked_at: item.asked_at.to_string(),
            ends_at: item.ends_at().map(|at| at.to_string()),
            deadline: None,
            said: said.collect(),
            request,
            rules: vec![rule],
            notes: vec![format!("it is about payment {}: `earnings list` shows it", chase.earning)],
        }
    }

    /// Whether something may still come of it.
    pub fn is_open(&self) -> bool {
        matches!(self.state.as_str(), "waiting" | "approved" | "handed")
    }
}

impl From<QuotedRule> for RuleView {
    fn from(rule: QuotedRule) -> Self {
        let QuotedRule { id, verdict, reason, source, clause } = rule;
        RuleView { id, verdict: verdict.as_str().to_owned(), reason, source, clause }
    }
}

/// The open ones, or all; those that end first come first.
pub(super) fn list(reader: &Reader, question: &Question) -> Result<Vec<ApprovalView>, Problem> {
    question.only(&["all"])?;
    let all = question.text("all") == Some("true");
    let mut found: Vec<ApprovalView> = rows(reader)?;
    found.retain(|view| all || view.is_open());
    let rank = |view: &ApprovalView| match view.state.as_str() {
        "waiting" => 0,
        "handed" => 1,
        _ => 2,
    };
    found.sort_by(|a, b| (rank(a), &a.ends_at, &a.asked_at).cmp(&(rank(b), &b.ends_at, &b.asked_at)));
    Ok(found)
}

/// One, by its id or its action's.
pub(super) fn show(reader: &Reader, id: &str) -> Result<ApprovalView, Problem> {
    let mut found = rows(reader)?;
    // Asked about more than once, the newest is meant.
    found.sort_by(|a, b| b.asked_at.cmp(&a.asked_at));
    let names: Vec<String> = found.iter().map(|view| view.id.clone()).collect();
    let one = found.into_iter().find(|view| view.id == id || view.action == id);
    one.ok_or_else(|| unknown(&names, id))
}

fn unknown(names: &[String], id: &str) -> Problem {
    let near = meant(nearest(id, names.iter().map(String::as_str)));
    let shown = Untrusted::new(id).line(80);
    Problem::Unknown(format!("there is no approval `{shown}`; `approvals list` shows the ids{near}"))
}

fn rows(reader: &Reader) -> Result<Vec<ApprovalView>, Problem> {
    let found = reader.store.scan::<ApprovalRow>(&reader.space, Span::all(), usize::MAX);
    let found = found.map_err(|error| unread(&error))?;
    let asked = found.rows.into_iter().map(|(id, row)| ApprovalView::new(id, row.value));
    let payers = reader.store.scan::<Payer>(&reader.space, Span::all(), usize::MAX);
    let payers = payers.map_err(|error| unread(&error))?.into_values();
    let late = payers.flat_map(|payer| {
        let Payer { platform, chases, .. } = payer;
        chases.into_iter().map(move |chase| ApprovalView::of_late(chase, platform.clone()))
    });
    Ok(asked.chain(late).collect())
}

/// The platform of the payer to whom a draft is; empty if there is none of that id.
pub(crate) fn payer_of(store: &Store, space: &Space, id: &str) -> String {
    let payers = store.scan::<Payer>(space, Span::all(), usize::MAX).map(|found| found.into_values());
    let holds = |payer: &Payer| payer.chases.iter().any(|chase| chase.id == id);
    let payer = payers.ok().and_then(|mut payers| payers.find(holds));
    payer.map(|payer| payer.platform).unwrap_or_default()
}
