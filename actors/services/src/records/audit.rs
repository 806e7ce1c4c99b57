//! What is kept of the audit trail's signing, anchoring and erasing. The trail itself is the store's own.

use mm_core::audit::checkpoint::Signed;
use mm_core::digest::Digest;
use mm_core::moment::Moment;
use mm_store::{Kind, Record};
use serde::{Deserialize, Serialize};

/// A signed checkpoint. Row id: [`CheckpointRow::row_id`]; in the machine's space, and kept for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointRow {
    /// The checkpoint, its key and its signature.
    pub signed: Signed,
}

impl Record for CheckpointRow {
    const KIND: Kind = Kind::new("checkpoint", 128, 1);
}

impl CheckpointRow {
    /// The row id of the checkpoint on an entry: its number, zero-padded, so that they stand in order.
    pub fn row_id(seq: u64) -> String {
        format!("{seq:020}")
    }
}

/// What became of telling checkpoints to one place. Row id: the place (`file`, `webhook`, `command`); in
/// the machine's space.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AnchorRow {
    /// The entry of the last checkpoint that was told there; 0 before the first.
    pub seq: u64,
    /// That checkpoint's digest.
    pub checkpoint: Digest,
    /// When it was told.
    pub at: Option<Moment>,
    /// How many were told there.
    pub told: u64,
    /// Failures in a row.
    pub failures: u32,
    /// Since when it fails.
    pub failing_since: Option<Moment>,
    /// When it is tried next, while it fails.
    pub next_try: Option<Moment>,
    /// What went wrong the last time.
    pub error: Option<String>,
    /// Whether the owner was told that it fails.
    pub alerted: bool,
}

impl Record for AnchorRow {
    const KIND: Kind = Kind::new("anchor", 129, 1);
}

/// An erasure of what is known of somebody. Row id: a number, zero-padded; in the machine's space.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureRow {
    /// SHA-256 over salt and subject, so that who knows the subject can find the erasure again.
    pub subject: Digest,
    /// The salt.
    pub salt: [u8; 16],
    /// The subject itself, only until it is done: a restart in the middle must know what to go on with.
    pub pending: Option<String>,
    /// Who asked for it.
    pub by: String,
    /// When it was begun.
    pub at: Moment,
    /// When it was done.
    pub done_at: Option<Moment>,
    /// Rows that were changed or removed.
    pub rows: u64,
    /// Audit payloads that were erased.
    pub payloads: u64,
    /// Recorded answers that were removed.
    pub answers: u64,
    /// What had to stay, a sentence each.
    pub kept: Vec<String>,
}

impl Record for ErasureRow {
    const KIND: Kind = Kind::new("erasure", 130, 1);
}
