//! The audit trail, with everything a second program needs to verify it.

use mm_core::moment::Moment;
use mm_store::{AuditPage, AuditRow, PayloadState};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Problem, Question, Reader, unread};

/// One entry. Digests and the salt are hex. `docs` of `audit export` say how `hash` is made of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditView {
    pub seq: u64,
    pub epoch: u64,
    pub at: String,
    /// The same in milliseconds since 1970, as it is hashed.
    pub at_ms: i64,
    pub space: String,
    pub kind: String,
    pub commitment: String,
    pub prev: String,
    /// What the next entry holds as `prev`.
    pub hash: String,
    /// `there`, `erased`, `missing` or `damaged`.
    pub payload_state: String,
    /// The payload's bytes as text, exactly as they were committed to; null where it is not there.
    pub payload: Option<String>,
    pub salt: Option<String>,
}

/// Some entries in order, and those among them that do not open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditPageView {
    pub entries: Vec<AuditView>,
    pub damaged: Vec<DamagedView>,
    /// Where the next page begins; null after the last.
    pub next: Option<u64>,
}

/// An entry that does not open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DamagedView {
    pub seq: u64,
    pub what: String,
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyView {
    pub whole: bool,
    pub entries: u64,
    pub tip_seq: u64,
    pub tip_hash: String,
    /// Everything that is wrong.
    pub broken: Vec<BrokenView>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokenView {
    pub seq: u64,
    pub sentence: String,
}

impl AuditView {
    /// The payload as one value, for people; its text where it is no JSON.
    pub fn payload_value(&self) -> Value {
        let Some(text) = &self.payload else { return Value::String(format!("({})", self.payload_state)) };
        serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()))
    }
}

impl From<AuditRow> for AuditView {
    fn from(row: AuditRow) -> Self {
        let (state, payload) = match row.payload {
            PayloadState::There(payload) => ("there", Some(payload)),
            PayloadState::Erased { .. } => ("erased", None),
            PayloadState::Missing => ("missing", None),
            PayloadState::Damaged(_) => ("damaged", None),
        };
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        AuditView {
            hash: row.entry.hash().to_string(),
            seq: row.entry.seq,
            epoch: row.entry.epoch.0,
            at: row.entry.at.to_string(),
            at_ms: row.entry.at.unix_ms(),
            space: row.entry.space.to_string(),
            kind: row.entry.kind,
            commitment: row.entry.commitment.to_string(),
            prev: row.entry.prev.to_string(),
            payload_state: state.to_owned(),
            salt: payload.as_ref().map(|payload| hex(&payload.salt)),
            payload: payload.map(|payload| String::from_utf8_lossy(&payload.bytes).into_owned()),
        }
    }
}

/// At most so many entries a page.
pub const PAGE_MAX: usize = 1000;

/// `n`: the newest so many, the oldest of them first.
pub(super) fn tail(reader: &Reader, question: &Question) -> Result<AuditPageView, Problem> {
    question.only(&["n"])?;
    let n: usize = question.value("n")?.unwrap_or(20);
    if n > PAGE_MAX {
        return Err(Problem::Bad(format!("`n` is at most {PAGE_MAX}; `audit export` gives all")));
    }
    Ok(pack(reader.store.audit_tail(n).map_err(|error| unread(&error))?, usize::MAX))
}

/// `from` (an entry's number), `limit`.
pub(super) fn page(reader: &Reader, question: &Question) -> Result<AuditPageView, Problem> {
    question.only(&["from", "limit"])?;
    let from: u64 = question.value("from")?.unwrap_or(1);
    let limit = question.value("limit")?.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
    Ok(pack(reader.store.audit_range(from, limit).map_err(|error| unread(&error))?, limit))
}

fn pack(page: AuditPage, limit: usize) -> AuditPageView {
    let full = page.rows.len() + page.damaged.len() >= limit;
    let last = page.rows.last().map(|row| row.entry.seq).max(page.damaged.last().map(|(seq, _)| *seq));
    AuditPageView {
        entries: page.rows.into_iter().map(AuditView::from).collect(),
        damaged: page.damaged.into_iter().map(|(seq, what)| DamagedView { seq, what }).collect(),
        next: last.filter(|_| full).map(|seq| seq + 1),
    }
}

pub(super) fn verify(reader: &Reader) -> Result<VerifyView, Problem> {
    let found = mm_services::audit::verify(&reader.store).map_err(|error| unread(&error))?;
    Ok(VerifyView::from(found))
}

impl From<mm_services::audit::Verified> for VerifyView {
    fn from(found: mm_services::audit::Verified) -> Self {
        let broken =
            found.broken.iter().map(|broken| BrokenView { seq: seq(broken), sentence: broken.to_string() });
        VerifyView {
            whole: found.broken.is_empty(),
            entries: found.entries,
            tip_seq: found.tip.seq,
            tip_hash: found.tip.hash.to_string(),
            broken: broken.collect(),
        }
    }
}

fn seq(broken: &mm_core::audit::Broken) -> u64 {
    use mm_core::audit::Broken::{Gap, Link, Payload, PayloadMissing, Tip, Truncated, Unreadable};
    match broken {
        Unreadable { seq, .. } | Link { seq } | Payload { seq } | PayloadMissing { seq } | Tip { seq } => {
            *seq
        }
        Gap { expected, .. } => *expected,
        Truncated { last, .. } => *last + 1,
    }
}

/// Whether an entry lies between two moments; the end is not included.
pub fn between(at_ms: i64, from: Option<Moment>, to: Option<Moment>) -> bool {
    from.is_none_or(|from| at_ms >= from.unix_ms()) && to.is_none_or(|to| at_ms < to.unix_ms())
}
