//! The audit trail, with everything a second program needs to verify it.

use mm_core::audit::anchor::Line;
use mm_core::audit::checkpoint::PublicKey;
use mm_core::audit::keys::hex;
use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_services::audit::{Verified, checkpoints};
use mm_services::records::CheckpointRow;
use mm_store::{AuditPage, AuditRow, PayloadState, Span};
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
    /// The entry that records the erasure of the payload, where it was erased.
    pub erased_by: Option<u64>,
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
    /// Entries whose payload was erased on record.
    pub erased: u64,
    pub tip_seq: u64,
    pub tip_hash: String,
    /// Which store: the hash of its first entry.
    pub store: String,
    pub checkpoints: u64,
    /// The last checkpoint; null before the first.
    pub last_checkpoint: Option<Line>,
    /// The public keys that signed, the first of them first.
    pub keys: Vec<String>,
    /// Those that the given key stands for; empty if none was given.
    pub tied: Vec<String>,
    /// What is no fault, and should be known.
    pub notes: Vec<String>,
    /// The digests of anchored checkpoints that the owner gave up.
    pub given_up: Vec<String>,
    /// Everything that is wrong.
    pub broken: Vec<BrokenView>,
}

/// Signed checkpoints in order, and the end of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointsView {
    pub tip_seq: u64,
    pub tip_hash: String,
    pub store: String,
    pub checkpoints: Vec<Line>,
    /// After which entry the next page begins; null after the last.
    pub next: Option<u64>,
}

/// The hashes of single entries, in the order in which they were asked for; null where there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HashesView {
    pub hashes: Vec<Option<String>>,
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
        let (state, payload, erased_by) = match row.payload {
            PayloadState::There(payload) => ("there", Some(payload), None),
            PayloadState::Erased { by } => ("erased", None, Some(by)),
            PayloadState::Missing => ("missing", None, None),
            PayloadState::Damaged(_) => ("damaged", None, None),
        };
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
            erased_by,
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

/// `key`: the public key that must have signed, in hex.
pub(super) fn verify(reader: &Reader, question: &Question) -> Result<VerifyView, Problem> {
    question.only(&["key"])?;
    let key = match question.text("key") {
        None => None,
        Some(text) => {
            let key = PublicKey::from_hex(text);
            Some(key.ok_or_else(|| Problem::Bad("`key` is a public key: 64 hex digits".to_owned()))?)
        }
    };
    let found = mm_services::audit::verify_by(&reader.store, key).map_err(|error| unread(&error))?;
    Ok(VerifyView::from(found))
}

/// `after` (an entry's number), `limit`.
pub(super) fn checkpoints(reader: &Reader, question: &Question) -> Result<CheckpointsView, Problem> {
    question.only(&["after", "limit"])?;
    let limit = question.value("limit")?.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
    let after = question.value::<u64>("after")?.map(CheckpointRow::row_id);
    let span = after.as_deref().map_or(Span::all(), |after| Span::all().after(after));
    // First: what is signed meanwhile must not be ahead of the tip.
    let found = reader.store.scan::<CheckpointRow>(&Space::machine(), span, limit);
    let found = found.map_err(|error| unread(&error))?;
    let tip = reader.store.audit_tip().map_err(|error| unread(&error))?;
    let more = found.more;
    let checkpoints: Vec<Line> = found.into_values().map(|row| Line::from(&row.signed)).collect();
    Ok(CheckpointsView {
        tip_seq: tip.seq,
        tip_hash: tip.hash.to_string(),
        store: checkpoints::store_id(&reader.store).map_err(|error| unread(&error))?.to_string(),
        next: checkpoints.last().map(|line| line.seq).filter(|_| more),
        checkpoints,
    })
}

/// At most so many hashes are asked for at once: their numbers stand in one target.
pub const HASHES_MAX: usize = 100;

/// `at`: numbers of entries, with commas between.
pub(super) fn hashes(reader: &Reader, question: &Question) -> Result<HashesView, Problem> {
    question.only(&["at"])?;
    let seqs: Result<Vec<u64>, _> =
        question.text("at").unwrap_or_default().split(',').map(str::parse).collect();
    let seqs = seqs.map_err(|_| Problem::Bad("`at` is a list of numbers, like 1,20,300".to_owned()))?;
    if seqs.len() > HASHES_MAX {
        return Err(Problem::Bad(format!("`at` has at most {HASHES_MAX} numbers")));
    }
    let hashes = reader.store.audit_hashes(&seqs).map_err(|error| unread(&error))?;
    Ok(HashesView { hashes: hashes.into_iter().map(|hash| hash.map(|hash| hash.to_string())).collect() })
}

impl From<Verified> for VerifyView {
    fn from(found: Verified) -> Self {
        let broken =
            found.broken.iter().map(|broken| BrokenView { seq: seq(broken), sentence: broken.to_string() });
        let doubts =
            found.doubts.iter().map(|doubt| BrokenView { seq: doubt.seq(), sentence: doubt.to_string() });
        VerifyView {
            whole: found.is_whole(),
            entries: found.entries,
            erased: found.erased,
            tip_seq: found.tip.seq,
            tip_hash: found.tip.hash.to_string(),
            store: found.store.to_string(),
            checkpoints: found.checkpoints,
            last_checkpoint: found.last.as_ref().map(Line::from),
            keys: found.keys.iter().map(ToString::to_string).collect(),
            tied: found.tied.iter().map(ToString::to_string).collect(),
            notes: notes(&found),
            given_up: found.given_up.iter().flat_map(|(_, said)| said.checkpoints.clone()).collect(),
            broken: broken.chain(doubts).collect(),
        }
    }
}

fn notes(found: &Verified) -> Vec<String> {
    let lost = found.changes.iter().filter(|change| change.link(found.store).is_none()).map(|change| {
        format!(
            "key {} took the place of {} without its signature ({})",
            change.key, change.before, change.reason
        )
    });
    let given_up = found.given_up.iter().map(|(at, said)| {
        format!(
            "on {at} {} went on although something spoke against it ({}): {}",
            said.by, said.held, said.reason
        )
    });
    lost.chain(given_up).collect()
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
