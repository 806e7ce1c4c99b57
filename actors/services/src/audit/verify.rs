//! Verifying all there is in a store: the chain, every checkpoint, and who signed.

use std::collections::BTreeSet;

use mm_core::audit::anchor::{ACCEPTED_KIND, Chain, Doubt, GivenUp};
use mm_core::audit::checkpoint::{PublicKey, Signed};
use mm_core::audit::keys::{KEY_KIND, KeyChange, tied};
use mm_core::audit::{Broken, Tip};
use mm_core::digest::Digest;
use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_store::{ReadError, Span, Store};

use super::checkpoints::store_id;
use crate::records::CheckpointRow;

/// What a verification found.
#[derive(Debug, Clone)]
pub struct Verified {
    /// Entries read.
    pub entries: u64,
    /// Entries whose payload was erased on record.
    pub erased: u64,
    /// The end of the chain.
    pub tip: Tip,
    /// Which store.
    pub store: Digest,
    /// What is wrong with the chain; empty if it is whole.
    pub broken: Vec<Broken>,
    /// What is wrong with its checkpoints.
    pub doubts: Vec<Doubt>,
    /// How many checkpoints there are.
    pub checkpoints: u64,
    /// The newest of them.
    pub last: Option<Signed>,
    /// Who signed, in the order of their first checkpoints.
    pub keys: Vec<PublicKey>,
    /// The keys that the given one stands for; none if none was given.
    pub tied: BTreeSet<PublicKey>,
    /// Changes of keys, as announced on the chain.
    pub changes: Vec<KeyChange>,
    /// Where the owner went on although something spoke against the chain.
    pub given_up: Vec<(Moment, GivenUp)>,
}

impl Verified {
    /// Whether nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.broken.is_empty() && self.doubts.is_empty()
    }
}

/// Verifies the chain of a store, also of one that no daemon holds. It takes minutes for millions of
/// entries and yields to nobody.
///
/// # Errors
/// If the store cannot be read at all.
pub fn verify(store: &Store) -> Result<Verified, ReadError> {
    verify_by(store, None)
}

/// The same; every checkpoint must be signed by `key`, or by one that it stands for.
///
/// # Errors
/// As [`verify`].
pub fn verify_by(store: &Store, key: Option<PublicKey>) -> Result<Verified, ReadError> {
    // Before the chain is walked: it goes on meanwhile, and no checkpoint may seem ahead of it.
    let rows = store.scan::<CheckpointRow>(&Space::machine(), Span::all(), usize::MAX)?;
    let (mut changes, mut given_up) = (Vec::new(), Vec::new());
    let report = store.audit_verify_seeing(1, |entry, payload| {
        let Some(payload) = payload else { return };
        match entry.kind.as_str() {
            KEY_KIND => changes.extend(serde_json::from_slice::<KeyChange>(&payload.bytes).ok()),
            ACCEPTED_KIND => {
                given_up.extend(serde_json::from_slice(&payload.bytes).ok().map(|said| (entry.at, said)));
            }
            _ => {}
        }
    })?;
    let id = store_id(store)?;
    let tied = key.map(|key| tied(key, id, &changes)).unwrap_or_default();
    let mut found = Verified {
        entries: report.entries,
        erased: report.erased,
        tip: report.tip,
        store: id,
        broken: report.broken,
        doubts: rows.damaged.iter().map(|row| Doubt::Row { seq: row.id.parse().unwrap_or(0) }).collect(),
        checkpoints: (rows.rows.len() + rows.damaged.len()) as u64,
        last: None,
        keys: Vec::new(),
        tied,
        changes,
        given_up,
    };
    let signed: Vec<Signed> = rows.into_values().map(|row| row.signed).collect();
    found.check(store, signed, key.is_some())?;
    Ok(found)
}

impl Verified {
    fn check(&mut self, store: &Store, signed: Vec<Signed>, by_key: bool) -> Result<(), ReadError> {
        let seqs: Vec<u64> = signed.iter().map(|signed| signed.checkpoint.seq).collect();
        let hashes = store.audit_hashes(&seqs)?;
        let chain = Chain { tip: self.tip, store: self.store };
        let mut before = Digest::default();
        for (signed, hash) in signed.into_iter().zip(hashes) {
            let seq = signed.checkpoint.seq;
            self.doubts.extend(chain.doubts("checkpoint", &signed, hash));
            if signed.checkpoint.previous != before {
                self.doubts.push(Doubt::Link { seq });
            }
            if by_key && !self.tied.contains(&signed.key) {
                self.doubts.push(Doubt::Key { what: "checkpoint", seq, key: signed.key });
            }
            if !self.keys.contains(&signed.key) {
                self.keys.push(signed.key);
            }
            before = signed.checkpoint.digest();
            self.last = Some(signed);
        }
        Ok(())
    }
}
