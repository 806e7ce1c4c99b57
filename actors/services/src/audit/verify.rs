//! Verifying all there is in a store: the chain, every checkpoint, and who signed.

use std::collections::BTreeSet;

use mm_core::audit::anchor::{ACCEPTED_KIND, Chain, Doubt, GivenUp};
use mm_core::audit::checkpoint::{PublicKey, Signed};
use mm_core::audit::keys::{Announced, KEY_KIND, KeyChange, covered, tied};
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
            KEY_KIND => {
                let said = serde_json::from_slice::<KeyChange>(&payload.bytes).ok();
                changes.extend(said.map(|change| (entry.seq, change)));
            }
            ACCEPTED_KIND => {
                let said = serde_json::from_slice(&payload.bytes).ok();
                given_up.extend(said.map(|said| (entry.seq, entry.at, said)));
            }
            _ => {}
        }
    })?;
    let id = store_id(store)?;
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
        tied: BTreeSet::new(),
        changes: changes.iter().map(|(_, change): &Announced| change.clone()).collect(),
        given_up: Vec::new(),
    };
    let signed: Vec<Signed> = rows.into_values().map(|row| row.signed).collect();
    let seqs: Vec<u64> = signed.iter().map(|signed| signed.checkpoint.seq).collect();
    let signed: Vec<(Signed, Option<Digest>)> = signed.into_iter().zip(store.audit_hashes(&seqs)?).collect();
    let sound = found.sound(&signed);
    found.tied = key.map(|key| tied(key, id, &changes, &sound)).unwrap_or_default();
    // An entry that nobody who counts has signed gives up nothing: by a known key, or by the last one.
    let last = signed.last().map(|(signed, _)| signed.key);
    let who = if key.is_some() { found.tied.clone() } else { last.into_iter().collect() };
    given_up.retain(|(seq, _, _)| covered(*seq, &who, &sound));
    found.given_up = given_up.into_iter().map(|(_, at, said)| (at, said)).collect();
    found.check(signed, key.is_some());
    Ok(found)
}

impl Verified {
    /// The checkpoints that hold for the chain: whose, and on which entry.
    fn sound(&self, signed: &[(Signed, Option<Digest>)]) -> Vec<(PublicKey, u64)> {
        let chain = Chain { tip: self.tip, store: self.store };
        let holds = |(signed, hash): &&(Signed, Option<Digest>)| {
            hash.is_some() && chain.doubts("checkpoint", signed, *hash).is_none()
        };
        signed.iter().filter(holds).map(|(signed, _)| (signed.key, signed.checkpoint.seq)).collect()
    }

    fn check(&mut self, signed: Vec<(Signed, Option<Digest>)>, by_key: bool) {
        let chain = Chain { tip: self.tip, store: self.store };
        let mut before = Digest::default();
        for (signed, hash) in signed {
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
    }
}
