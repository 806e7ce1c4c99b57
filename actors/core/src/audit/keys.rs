//! Which keys have signed a store's checkpoints, and which of them one known key stands for.
//!
//! A key that takes the place of another is announced by an entry of kind [`KEY_KIND`], which the key
//! before has signed. Without that signature nothing ties the two together, and it is said.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::checkpoint::{PublicKey, Signer, framed};
use crate::digest::Digest;

/// The kind of the entry that announces a key which takes another's place.
pub const KEY_KIND: &str = "audit.key-changed";

/// The payload of such an entry. Keys and the signature are hex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyChange {
    /// The key that signs from here on.
    pub key: String,
    /// The key before.
    pub before: String,
    /// The signature of the key before over [`KeyChange::message`]; none if that key was lost.
    pub signature: Option<String>,
    /// Why it was changed.
    pub reason: String,
}

impl KeyChange {
    /// The announcement of `key` in `store`; `before` signs it.
    pub fn signed(store: Digest, key: PublicKey, before: &Signer, reason: &str) -> Self {
        let signature = hex(&before.sign(&Self::message(store, key)));
        Self {
            key: key.to_string(),
            before: before.public().to_string(),
            signature: Some(signature),
            reason: reason.to_owned(),
        }
    }

    /// The announcement of a key that takes the place of one that was lost.
    pub fn unsigned(key: PublicKey, before: PublicKey, reason: &str) -> Self {
        let (key, before) = (key.to_string(), before.to_string());
        Self { key, before, signature: None, reason: reason.to_owned() }
    }

    /// The bytes that the key before signs: that `key` signs for `store` from here on.
    pub fn message(store: Digest, key: PublicKey) -> Vec<u8> {
        framed(&[b"mm-audit-key-1", &store.0, &key.0])
    }

    /// The keys before and after, if the one before has signed the one after for `store`.
    pub fn link(&self, store: Digest) -> Option<(PublicKey, PublicKey)> {
        let (before, key) = (PublicKey::from_hex(&self.before)?, PublicKey::from_hex(&self.key)?);
        let signature = unhex(self.signature.as_deref()?)?;
        before.has_signed(&Self::message(store, key), &signature).then_some((before, key))
    }
}

/// An announcement, and the number of the entry that holds it.
pub type Announced = (u64, KeyChange);

/// The keys that `known` stands for: itself, those that it has signed announcements of, and so on; and the
/// keys before it, where one of all these has signed a checkpoint that covers the announcement. (That a
/// key has signed `known` says nothing by itself: whoever can write the store can have any key of his sign
/// it.) `sound` are the checkpoints that hold for the chain: whose, and on which entry.
pub fn tied(
    known: PublicKey,
    store: Digest,
    changes: &[Announced],
    sound: &[(PublicKey, u64)],
) -> BTreeSet<PublicKey> {
    let links: Vec<_> =
        changes.iter().filter_map(|(at, change)| change.link(store).map(|link| (*at, link))).collect();
    let mut keys = BTreeSet::from([known]);
    loop {
        let count = keys.len();
        for (at, (before, key)) in &links {
            if keys.contains(before) {
                keys.insert(*key);
            }
            if keys.contains(key) && covered(*at, &keys, sound) {
                keys.insert(*before);
            }
        }
        if keys.len() == count {
            return keys;
        }
    }
}

/// Whether a sound checkpoint by one of `keys` covers the entry at `at`.
pub fn covered(at: u64, keys: &BTreeSet<PublicKey>, sound: &[(PublicKey, u64)]) -> bool {
    sound.iter().any(|(key, seq)| keys.contains(key) && *seq >= at)
}

/// Bytes as hex digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of hex digits.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::checkpoint::Seed;

    #[test]
    fn a_key_stands_for_those_that_signatures_tie_to_it_and_no_others() {
        let [a, b, c, d] = [1, 2, 3, 4].map(|n| Signer::of(&Seed::new([n; 32])));
        let store = Digest::of(b"store");
        let changes = [
            (10, KeyChange::signed(store, b.public(), &a, "yearly")),
            (20, KeyChange::signed(store, c.public(), &b, "yearly")),
            (30, KeyChange::unsigned(d.public(), c.public(), "lost")),
        ];
        let sound = [(b.public(), 15), (c.public(), 25), (d.public(), 35)];
        let tied_to = |key: &Signer| tied(key.public(), store, &changes, &sound);
        let first_three = BTreeSet::from([a.public(), b.public(), c.public()]);
        for key in [&a, &b, &c] {
            assert_eq!(tied_to(key), first_three);
        }
        assert_eq!(tied_to(&d), BTreeSet::from([d.public()]));
        let elsewhere = tied(a.public(), Digest::of(b"another store"), &changes, &sound);
        assert_eq!(elsewhere, BTreeSet::from([a.public()]), "an announcement is for one store");
    }

    /// Whoever can write the store announces the owner's key as one that took the place of his own.
    #[test]
    fn a_key_that_merely_signed_the_known_one_does_not_stand_for_it() {
        let [owner, forger] = [1, 2].map(|n| Signer::of(&Seed::new([n; 32])));
        let store = Digest::of(b"store");
        let forged = [(40, KeyChange::signed(store, owner.public(), &forger, "yearly"))];
        for sound in [
            vec![],
            vec![(forger.public(), 50)],
            // What the owner's key has signed ends before the forged entry.
            vec![(owner.public(), 39), (forger.public(), 50)],
        ] {
            let keys = tied(owner.public(), store, &forged, &sound);
            assert_eq!(keys, BTreeSet::from([owner.public()]));
        }
    }

    #[test]
    fn hex_is_read_as_it_is_written() {
        assert_eq!(unhex(&hex(&[0, 15, 255])), Some(vec![0, 15, 255]));
        for wrong in ["0", "zz", "+1", "ää"] {
            assert_eq!(unhex(wrong), None, "{wrong}");
        }
    }
}
