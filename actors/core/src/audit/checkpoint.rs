//! Signed checkpoints: what the machine says of its chain under a key that lies apart from the store.
//!
//! A chain alone can be made anew by whoever can write to its file. A checkpoint names the entry the chain
//! had come to, and an Ed25519 key that is not in the store signs it; checkpoints are chained like entries.
//! Nothing here reads a key from anywhere: a seed is handed in.

use std::fmt;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::digest::{Digest, Hasher};
use crate::id::Epoch;
use crate::moment::Moment;

/// Bytes of an Ed25519 seed: 32 unpredictable ones (RFC 8032, 5.1.5).
pub const SEED_BYTES: usize = 32;

/// A key that checks signatures; shown in hex. It is no secret: note it somewhere else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// Reads 64 hex digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        Digest::from_hex(text).map(|bytes| Self(bytes.0))
    }

    /// Whether `signature` is this key's over `message`.
    pub fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Digest(self.0), f)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Digest(self.0), f)
    }
}

/// What a key is made of: shown by nobody, wiped when dropped.
#[derive(Clone)]
pub struct Seed(Zeroizing<[u8; SEED_BYTES]>);

impl Seed {
    /// Takes a seed over.
    pub fn new(bytes: [u8; SEED_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The seed itself, for what keeps it and for what signs with it.
    pub fn expose(&self) -> &[u8; SEED_BYTES] {
        &self.0
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(***)")
    }
}

/// The key that signs. It shows nothing of itself but its public half.
pub struct Signer(Ed25519KeyPair);

impl Signer {
    /// The key of a seed.
    pub fn of(seed: &Seed) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(seed.expose()).expect("any 32 bytes are a seed"))
    }

    /// The half that anybody may know.
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0u8; 32];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(bytes)
    }

    /// Signs `message`; 64 bytes.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.public())
    }
}

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The entry the chain had come to.
    pub seq: u64,
    /// That entry's hash.
    pub hash: Digest,
    /// The store's epoch that signed.
    pub epoch: Epoch,
    /// When.
    pub at: Moment,
    /// [`Checkpoint::digest`] of the checkpoint before; all zero for the first.
    pub previous: Digest,
    /// Which store: the hash of its first entry, whose salt no other store has.
    pub store: Digest,
}

impl Checkpoint {
    /// The bytes that are signed: each field as its length in eight big-endian bytes, then itself.
    pub fn message(&self) -> Vec<u8> {
        let numbers = [self.seq.to_be_bytes(), self.epoch.0.to_be_bytes(), self.at.unix_ms().to_be_bytes()];
        let [seq, epoch, at] = &numbers;
        let fields: [&[u8]; 7] =
            [b"mm-audit-checkpoint-1", seq, &self.hash.0, epoch, at, &self.previous.0, &self.store.0];
        framed(&fields)
    }

    /// SHA-256 of [`Checkpoint::message`].
    pub fn digest(&self) -> Digest {
        Hasher::plain().bytes(&self.message()).finish()
    }

    /// The same with its signature.
    pub fn signed_by(self, signer: &Signer) -> Signed {
        let signature = signer.sign(&self.message());
        Signed { checkpoint: self, key: signer.public(), signature }
    }
}

/// Fields, each after its length, as one message.
pub(super) fn framed(fields: &[&[u8]]) -> Vec<u8> {
    fields.iter().flat_map(|field| [&(field.len() as u64).to_be_bytes()[..], field].concat()).collect()
}

/// A checkpoint with its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The key that has signed it.
    pub key: PublicKey,
    /// Ed25519 over [`Checkpoint::message`], 64 bytes.
    pub signature: Vec<u8>,
}

impl Signed {
    /// Whether the signature is the key's. Whose key it is, is another question.
    pub fn is_sound(&self) -> bool {
        self.key.has_signed(&self.checkpoint.message(), &self.signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            seq: 7,
            hash: Digest::of(b"seven"),
            epoch: Epoch(2),
            at: Moment::from_unix_ms(1_700_000_000_000),
            previous: Digest::of(b"before"),
            store: Digest::of(b"store"),
        }
    }

    /// RFC 8032, 7.1, test 1: a seed and its public key.
    #[test]
    fn the_published_seed_has_the_published_key() {
        let seed =
            Digest::from_hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        let signer = Signer::of(&Seed::new(seed.0));
        assert_eq!(signer.public().to_string(), public);
        assert_eq!(PublicKey::from_hex(public), Some(signer.public()));
        let seed = Seed::new(seed.0);
        assert_eq!(format!("{seed:?}"), "Seed(***)");
        assert_eq!(format!("{signer:?}"), format!("Signer({public})"), "the seed is shown by nothing");
        assert_eq!(format!("{:?}", signer.public()), "d75a980182b1…");
    }

    #[test]
    fn every_field_and_every_bit_of_the_signature_counts() {
        let signer = Signer::of(&Seed::new([3; SEED_BYTES]));
        let good = checkpoint().signed_by(&signer);
        assert!(good.is_sound());
        let changes: [fn(&mut Signed); 8] = [
            |s| s.checkpoint.seq += 1,
            |s| s.checkpoint.hash.0[0] ^= 1,
            |s| s.checkpoint.epoch.0 += 1,
            |s| s.checkpoint.at = s.checkpoint.at.plus(std::time::Duration::from_millis(1)),
            |s| s.checkpoint.previous.0[31] ^= 1,
            |s| s.checkpoint.store.0[5] ^= 1,
            |s| s.key = Signer::of(&Seed::new([4; SEED_BYTES])).public(),
            |s| s.signature.truncate(63),
        ];
        for (n, change) in changes.iter().enumerate() {
            let mut bad = good.clone();
            change(&mut bad);
            assert!(!bad.is_sound(), "change {n}");
            // The next checkpoint's link is of what this one says, whoever signed it.
            assert_eq!(bad.checkpoint.digest() == good.checkpoint.digest(), n > 5, "change {n}");
        }
        for bit in 0..good.signature.len() * 8 {
            let mut bad = good.clone();
            bad.signature[bit / 8] ^= 1 << (bit % 8);
            assert!(!bad.is_sound(), "bit {bit}");
        }
    }
}
