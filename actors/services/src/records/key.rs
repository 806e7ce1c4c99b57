//! Keys: what is known of each without having it.

use mm_core::moment::Moment;
use mm_core::vault::{Derivation, KeyId};
use mm_store::{Kind, Record};
use serde::{Deserialize, Serialize};

/// A data key, sealed under another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrapRow {
    /// The master or recovery key that opens it.
    pub by: KeyId,
    /// `mm_core::vault::seal` of the key.
    pub sealed: Vec<u8>,
    /// Whether a recovery key opens it.
    pub recovery: bool,
}

/// One key of the vault. Row ids: `master`, `master.next` (while it is being changed) and `recovery` in
/// the machine's space, `data` in every space that has secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRow {
    /// Its fingerprint.
    pub id: KeyId,
    /// When it was made.
    pub made_at: Moment,
    /// A known text sealed under it: what does not open it is another key.
    pub canary: Vec<u8>,
    /// How it is made from a passphrase, where it is.
    pub derivation: Option<Derivation>,
    /// A data key itself, under every key that opens it; empty for the others.
    pub wraps: Vec<WrapRow>,
}

impl Record for KeyRow {
    const KIND: Kind = Kind::new("key", 127, 1);
}
