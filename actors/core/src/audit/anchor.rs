//! Anchors: checkpoints that were told to a place outside the store, as lines of JSON.
//!
//! A store that is put back to an older state is whole in itself; only what was told elsewhere shows it.
//! This file says what a line looks like and what it shows of a chain. It reads no file.

use serde::{Deserialize, Serialize};

use super::Tip;
use super::checkpoint::{Checkpoint, PublicKey, Signed};
use super::keys::{hex, unhex};
use crate::digest::Digest;
use crate::id::Epoch;
use crate::moment::Moment;

/// The kind of the entry by which the owner goes on with a chain that an anchor speaks against.
pub const ACCEPTED_KIND: &str = "audit.anchor-given-up";

/// The payload of such an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenUp {
    /// What was wrong, in a sentence.
    pub held: String,
    /// The digests of the checkpoints that speak against the chain, hex; none if it is something else.
    pub checkpoints: Vec<String>,
    /// Why the owner goes on.
    pub reason: String,
    /// Who said so.
    pub by: String,
}

/// A line of an anchor file: a signed checkpoint. Digests, key and signature are hex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// See [`Checkpoint`].
    pub seq: u64,
    /// The entry's hash.
    pub hash: String,
    /// The store's epoch.
    pub epoch: u64,
    /// When, for people; it is `at_ms` that is signed.
    pub at: String,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// The digest of the checkpoint before.
    pub previous: String,
    /// Which store.
    pub store: String,
    /// The key that has signed.
    pub key: String,
    /// Its signature.
    pub signature: String,
}

impl From<&Signed> for Line {
    fn from(signed: &Signed) -> Self {
        let Checkpoint { seq, hash, epoch, at, previous, store } = &signed.checkpoint;
        Line {
            seq: *seq,
            hash: hash.to_string(),
            epoch: epoch.0,
            at: at.to_string(),
            at_ms: at.unix_ms(),
            previous: previous.to_string(),
            store: store.to_string(),
            key: signed.key.to_string(),
            signature: hex(&signed.signature),
        }
    }
}

impl Line {
    /// As text, without a line's end.
    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("plain fields have a JSON form")
    }

    /// Reads one line.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The checkpoint that it tells of; `None` if a field is malformed.
    pub fn signed(&self) -> Option<Signed> {
        let checkpoint = Checkpoint {
            seq: self.seq,
            hash: Digest::from_hex(&self.hash)?,
            epoch: Epoch(self.epoch),
            at: Moment::from_unix_ms(self.at_ms),
            previous: Digest::from_hex(&self.previous)?,
            store: Digest::from_hex(&self.store)?,
        };
        let key = PublicKey::from_hex(&self.key)?;
        Some(Signed { checkpoint, key, signature: unhex(&self.signature)? })
    }
}

/// What is doubtful about a chain, by its checkpoints and anchors.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// A line that is no anchor.
    #[error("line {0} of the anchors cannot be read: it was cut or changed")]
    Unreadable(u64),
    /// A signature that is not the key's.
    #[error("the signature of the {what} on entry {seq} does not hold: it was changed or made up")]
    Signature {
        /// `checkpoint` or `anchor`.
        what: &'static str,
        /// The entry it speaks of.
        seq: u64,
    },
    /// Signed by a key that the known one does not stand for.
    #[error("the {what} on entry {seq} is signed by {key}, which the key you gave does not stand for")]
    Key {
        /// `checkpoint` or `anchor`.
        what: &'static str,
        /// The entry it speaks of.
        seq: u64,
        /// The key.
        key: PublicKey,
    },
    /// It is of another store.
    #[error(
        "the {what} on entry {seq} is of another store: the whole chain was made anew, or it is not its own"
    )]
    Store {
        /// `checkpoint` or `anchor`.
        what: &'static str,
        /// The entry it speaks of.
        seq: u64,
    },
    /// The chain ends before the entry that it names.
    #[error(
        "the {what} of {at} has seen entry {seq}, and the chain ends at entry {last}: it was cut, or the store was \
         put back to an older state"
    )]
    Behind {
        /// `checkpoint` or `anchor`.
        what: &'static str,
        /// The entry it speaks of.
        seq: u64,
        /// The chain's last.
        last: u64,
        /// When it was signed.
        at: Moment,
    },
    /// The entry has another hash.
    #[error(
        "entry {seq} is another than the {what} of {at} has seen: the chain was made anew at or before it"
    )]
    Other {
        /// `checkpoint` or `anchor`.
        what: &'static str,
        /// The entry it speaks of.
        seq: u64,
        /// When it was signed.
        at: Moment,
    },
    /// A checkpoint's row that does not open.
    #[error("the checkpoint on entry {seq} does not open: its row was changed")]
    Row {
        /// The entry it speaks of.
        seq: u64,
    },
    /// The link between two checkpoints does not hold.
    #[error("the checkpoint on entry {seq} does not follow the one before: one was removed or put in")]
    Link {
        /// The entry it speaks of.
        seq: u64,
    },
}

impl Doubt {
    /// The entry that it is about; 0 if none.
    pub fn seq(&self) -> u64 {
        match self {
            Doubt::Unreadable(_) => 0,
            Doubt::Signature { seq, .. }
            | Doubt::Key { seq, .. }
            | Doubt::Store { seq, .. }
            | Doubt::Behind { seq, .. }
            | Doubt::Other { seq, .. }
            | Doubt::Row { seq }
            | Doubt::Link { seq } => *seq,
        }
    }
}

/// A chain as far as checkpoints and anchors speak of it.
#[derive(Debug, Clone, Copy)]
pub struct Chain {
    /// Its end.
    pub tip: Tip,
    /// Which store: the hash of its first entry; all zero while there is none.
    pub store: Digest,
}

impl Chain {
    /// What is wrong if `signed` was made of this chain; `hash` is what its entry has there.
    pub fn doubts(&self, what: &'static str, signed: &Signed, hash: Option<Digest>) -> Option<Doubt> {
        let Checkpoint { seq, at, store, .. } = signed.checkpoint;
        if !signed.is_sound() {
            return Some(Doubt::Signature { what, seq });
        }
        if store != self.store {
            return Some(Doubt::Store { what, seq });
        }
        if seq > self.tip.seq {
            return Some(Doubt::Behind { what, seq, last: self.tip.seq, at });
        }
        // An entry that is not there is named by the walk along the chain.
        (hash.is_some_and(|hash| hash != signed.checkpoint.hash)).then_some(Doubt::Other { what, seq, at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::checkpoint::{Seed, Signer};

    fn signed(seq: u64) -> Signed {
        let checkpoint = Checkpoint {
            seq,
            hash: Digest::of(&[seq as u8]),
            epoch: Epoch(1),
            at: Moment::from_unix_ms(5),
            previous: Digest::default(),
            store: Digest::of(b"store"),
        };
        checkpoint.signed_by(&Signer::of(&Seed::new([9; 32])))
    }

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let signed = signed(3);
        let text = Line::from(&signed).text();
        assert!(!text.contains('\n'));
        assert_eq!(Line::parse(&text).and_then(|line| line.signed()), Some(signed));
        for cut in 0..text.len() {
            assert_eq!(Line::parse(&text[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn each_way_in_which_a_chain_can_be_another_has_its_word() {
        let good = signed(3);
        let hash = Some(good.checkpoint.hash);
        let chain = Chain { tip: Tip { seq: 3, hash: good.checkpoint.hash }, store: good.checkpoint.store };
        assert_eq!(chain.doubts("anchor", &good, hash), None);
        let (what, seq, at) = ("anchor", 3, good.checkpoint.at);
        let shorter = Chain { tip: Tip { seq: 2, hash: Digest::default() }, ..chain };
        assert_eq!(shorter.doubts(what, &good, None), Some(Doubt::Behind { what, seq, last: 2, at }));
        let other = Chain { store: Digest::of(b"another"), ..chain };
        assert_eq!(other.doubts(what, &good, hash), Some(Doubt::Store { what, seq }));
        assert_eq!(chain.doubts(what, &good, Some(Digest::of(b"x"))), Some(Doubt::Other { what, seq, at }));
        let mut forged = good.clone();
        forged.checkpoint.hash = Digest::of(b"x");
        assert_eq!(chain.doubts(what, &forged, hash), Some(Doubt::Signature { what, seq }));
    }

    /// Each doubt names the entry that it is about, in its sentence and as a number.
    #[test]
    fn a_doubt_names_its_entry() {
        let (what, seq, at) = ("anchor", 41, Moment::from_unix_ms(0));
        let key = Signer::of(&Seed::new([9; 32])).public();
        for doubt in [
            Doubt::Signature { what, seq },
            Doubt::Key { what, seq, key },
            Doubt::Store { what, seq },
            Doubt::Behind { what, seq, last: 2, at },
            Doubt::Other { what, seq, at },
            Doubt::Row { seq },
            Doubt::Link { seq },
        ] {
            assert_eq!(doubt.seq(), 41, "{doubt}");
            assert!(doubt.to_string().contains("entry 41"), "{doubt}");
        }
        let unreadable = Doubt::Unreadable(7);
        assert_eq!(unreadable.seq(), 0, "it is about a line and no entry");
        assert!(unreadable.to_string().contains("line 7 of the anchors"), "{unreadable}");
    }
}
