//! Activities as SPEC shows them: every outward act.

use std::cmp::Reverse;

use mm_core::activity::ActionRecord;
use mm_store::Span;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Problem, Question, Reader, unread};

/// One outward act; exactly these fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActivityView {
    pub id: String,
    pub timestamp: String,
    pub strategy: String,
    pub action: String,
    pub platform: String,
    /// `success`, `failure`, `blocked` or `pending`.
    pub status: String,
    pub details: Details,
    pub compliance_checks: Vec<CheckView>,
    /// Never set before there is a ledger with evidence.
    pub earnings: Option<Value>,
    pub error: Option<String>,
}

/// What was asked, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    pub purpose: String,
    pub method: String,
    /// Without its query.
    pub url: String,
    pub run: String,
    pub step: String,
    pub stage: String,
    pub updated_at: String,
    /// SHA-256 of the request as it was permitted.
    pub request_hash: String,
    pub answer_status: Option<u16>,
    /// SHA-256 of the recorded answer.
    pub answer: Option<String>,
    pub answer_bytes: u64,
    pub took_ms: u64,
    /// The act that this one follows (a redirect).
    pub parent: Option<String>,
}

/// One rule's word on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckView {
    pub rule: String,
    pub verdict: String,
    pub reason: String,
}

impl From<ActionRecord> for ActivityView {
    fn from(a: ActionRecord) -> Self {
        ActivityView {
            id: a.id.to_string(),
            timestamp: a.at.to_string(),
            strategy: a.strategy.to_string(),
            action: a.kind,
            platform: a.platform,
            status: a.stage.status().to_owned(),
            details: Details {
                purpose: a.purpose,
                method: a.method,
                url: a.url,
                run: a.run.to_string(),
                step: a.step,
                stage: a.stage.as_str().to_owned(),
                updated_at: a.updated_at.to_string(),
                request_hash: a.request_hash.to_string(),
                answer_status: a.answer_status,
                answer: a.answer.map(|digest| digest.to_string()),
                answer_bytes: a.answer_bytes,
                took_ms: a.took_ms,
                parent: a.parent.map(|id| id.to_string()),
            },
            compliance_checks: a
                .checks
                .into_iter()
                .map(|check| CheckView { rule: check.rule, verdict: check.verdict, reason: check.reason })
                .collect(),
            earnings: None,
            error: a.error,
        }
    }
}

/// The four statuses.
pub const STATUSES: &[&str] = &["success", "failure", "blocked", "pending"];

/// `run, status, limit`; the newest first.
pub(super) fn list(reader: &Reader, question: &Question) -> Result<Vec<ActivityView>, Problem> {
    question.only(&["run", "status", "limit"])?;
    let (run, status) = (question.text("run"), question.text("status"));
    if status.is_some_and(|status| !STATUSES.contains(&status)) {
        return Err(Problem::Bad(format!("`status` is one of {}", STATUSES.join(", "))));
    }
    let limit: Option<usize> = question.value("limit")?;
    let scanned = reader.store.scan::<ActionRecord>(&reader.space, Span::all(), usize::MAX);
    let mut found: Vec<ActionRecord> = scanned
        .map_err(|error| unread(&error))?
        .into_values()
        .filter(|action| run.is_none_or(|run| action.run.as_str() == run))
        .filter(|action| status.is_none_or(|status| action.stage.status() == status))
        .collect();
    found.sort_by(|a, b| (Reverse(a.at), Reverse(&a.id)).cmp(&(Reverse(b.at), Reverse(&b.id))));
    Ok(found.into_iter().take(limit.unwrap_or(usize::MAX)).map(ActivityView::from).collect())
}

pub(super) fn show(reader: &Reader, id: &str) -> Result<ActivityView, Problem> {
    match reader.store.get::<ActionRecord>(&reader.space, id) {
        Ok(Some(row)) => Ok(row.value.into()),
        Ok(None) | Err(mm_store::ReadError::Key(_)) => {
            let id = mm_core::untrusted::Untrusted::new(id).line(80);
            Err(Problem::Unknown(format!("there is no action `{id}`; `actions list` shows the ids")))
        }
        Err(error) => Err(unread(&error)),
    }
}
