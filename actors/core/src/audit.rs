//! The audit chain: what an entry is, how entries are linked, and how a chain is verified.
//!
//! An entry holds a salted commitment to its payload, not the payload: payload and salt are stored
//! apart, so that a payload can be erased and the chain still verifies. The store's writer links
//! entries inside its transaction; this file only says what a link is. What the chain is held against from
//! outside is in [`checkpoint`], [`anchor`] and [`keys`].

pub mod anchor;
pub mod checkpoint;
pub mod keys;

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Hasher};
use crate::id::{Epoch, Space};
use crate::moment::Moment;

/// One link of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place: 1, 2, 3… without a gap.
    pub seq: u64,
    /// The store's epoch that wrote it.
    pub epoch: Epoch,
    /// When.
    pub at: Moment,
    /// Whose act it was.
    pub space: Space,
    /// What happened, as `noun.verb`: `action.permitted`.
    pub kind: String,
    /// [`commitment`] of salt and payload.
    pub commitment: Digest,
    /// The hash of the entry before; all zero for the first.
    pub prev: Digest,
}

/// Salt and payload of one entry, stored apart from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// 16 unpredictable bytes, so that a short payload cannot be guessed from its commitment.
    pub salt: [u8; 16],
    /// A JSON object.
    pub bytes: Vec<u8>,
}

/// `SHA-256(len ‖ salt ‖ len ‖ payload)`, under its own domain.
pub fn commitment(payload: &Payload) -> Digest {
    Digest::of_fields("mm-audit-payload-1", [payload.salt.as_slice(), payload.bytes.as_slice()])
}

impl Entry {
    /// The hash that the next entry holds as `prev`.
    pub fn hash(&self) -> Digest {
        Hasher::plain()
            .field(b"mm-audit-entry-1")
            .field(&self.seq.to_be_bytes())
            .field(&self.epoch.0.to_be_bytes())
            .field(&self.at.unix_ms().to_be_bytes())
            .field(self.space.as_str().as_bytes())
            .field(self.kind.as_bytes())
            .field(&self.commitment.0)
            .field(&self.prev.0)
            .finish()
    }
}

/// What is wrong with a chain, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A row that does not open: its bytes were changed.
    #[error("audit entry {seq} does not open: {what}")]
    Unreadable {
        /// The entry.
        seq: u64,
        /// What its frame says.
        what: String,
    },
    /// An entry is not where its number says.
    #[error("audit entry {expected} is missing; entry {found} stands in its place")]
    Gap {
        /// The number that should come.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// The link to the entry before does not hold.
    #[error("audit entry {seq} does not follow entry {}: one of the two was changed", seq - 1)]
    Link {
        /// The entry whose link fails.
        seq: u64,
    },
    /// The payload is not the one that was committed to.
    #[error("the payload of audit entry {seq} was changed")]
    Payload {
        /// The entry.
        seq: u64,
    },
    /// The payload is gone without a record of its erasure.
    #[error("the payload of audit entry {seq} is missing")]
    PayloadMissing {
        /// The entry.
        seq: u64,
    },
    /// The chain is shorter than its recorded tip.
    #[error("the chain ends at entry {last}, but its recorded tip is entry {tip}: entries were removed")]
    Truncated {
        /// The last entry there is.
        last: u64,
        /// What the tip says.
        tip: u64,
    },
    /// The recorded tip is another entry than the last.
    #[error("the recorded tip of the chain does not match entry {seq}")]
    Tip {
        /// The last entry.
        seq: u64,
    },
}

/// The end of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tip {
    /// The last entry's number; 0 for an empty chain.
    pub seq: u64,
    /// The last entry's hash; all zero for an empty chain.
    pub hash: Digest,
}

impl Tip {
    /// The entry that follows this tip, and the tip after it.
    pub fn link(
        self,
        epoch: Epoch,
        at: Moment,
        space: Space,
        kind: String,
        payload: &Payload,
    ) -> (Entry, Tip) {
        let entry = Entry {
            seq: self.seq + 1,
            epoch,
            at,
            space,
            kind,
            commitment: commitment(payload),
            prev: self.hash,
        };
        let tip = Tip { seq: entry.seq, hash: entry.hash() };
        (entry, tip)
    }

    /// Checks that `entry` follows this tip; `payload` is `None` where its erasure is on record.
    ///
    /// # Errors
    /// [`Broken`] names the entry.
    pub fn check(self, entry: &Entry, payload: Option<&Payload>) -> Result<Tip, Broken> {
        if entry.seq != self.seq + 1 {
            return Err(Broken::Gap { expected: self.seq + 1, found: entry.seq });
        }
        if entry.prev != self.hash {
            return Err(Broken::Link { seq: entry.seq });
        }
        if payload.is_some_and(|payload| commitment(payload) != entry.commitment) {
            return Err(Broken::Payload { seq: entry.seq });
        }
        Ok(Tip { seq: entry.seq, hash: entry.hash() })
    }

    /// Checks that a chain that ends here is as long as its `recorded` tip says.
    ///
    /// # Errors
    /// [`Broken::Truncated`] or [`Broken::Tip`].
    pub fn check_end(self, recorded: Tip) -> Result<(), Broken> {
        if self.seq < recorded.seq {
            return Err(Broken::Truncated { last: self.seq, tip: recorded.seq });
        }
        if self != recorded {
            return Err(Broken::Tip { seq: self.seq });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(n: u64) -> (Vec<(Entry, Payload)>, Tip) {
        let mut tip = Tip::default();
        let mut all = Vec::new();
        for i in 0..n {
            let payload = Payload { salt: [i as u8; 16], bytes: format!("{{\"n\":{i}}}").into_bytes() };
            let (entry, next) = tip.link(
                Epoch(1),
                Moment::from_unix_ms(i as i64),
                Space::machine(),
                "test.entry".into(),
                &payload,
            );
            all.push((entry, payload));
            tip = next;
        }
        (all, tip)
    }

    fn verify(chain: &[(Entry, Payload)], recorded: Tip) -> Result<(), Broken> {
        let mut tip = Tip::default();
        for (entry, payload) in chain {
            tip = tip.check(entry, Some(payload))?;
        }
        tip.check_end(recorded)
    }

    #[test]
    fn a_chain_verifies_and_every_change_to_it_is_found() {
        let (good, tip) = chain(5);
        assert_eq!(verify(&good, tip), Ok(()));
        for i in 0..good.len() {
            let mut removed = good.clone();
            removed.remove(i);
            assert!(verify(&removed, tip).is_err());
            let mut changed = good.clone();
            changed[i].0.kind.push('x');
            assert!(verify(&changed, tip).is_err());
            let mut payload = good.clone();
            payload[i].1.bytes.push(b' ');
            assert_eq!(verify(&payload, tip), Err(Broken::Payload { seq: i as u64 + 1 }));
            for j in 0..i {
                let mut swapped = good.clone();
                swapped.swap(i, j);
                assert!(verify(&swapped, tip).is_err());
            }
        }
    }
}
