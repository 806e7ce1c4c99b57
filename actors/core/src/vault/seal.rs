//! Sealing one value: `1 ‖ salt (32) ‖ ciphertext ‖ tag (16)`, 49 bytes more than the value.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use zeroize::Zeroizing;

use super::key::{Key, KeyId};
use crate::digest::Hasher;

/// What this version writes.
const FORMAT: u8 = 1;
const SALT: usize = 32;
const TAG: usize = 16;
/// How many bytes longer a sealed value is.
pub const OVERHEAD: usize = 1 + SALT + TAG;
/// Keeps these keys apart from whatever else is ever derived from a data key.
const DOMAIN: &[u8] = b"mm-vault-seal-1";

/// What a sealed value belongs to. All of it is bound: a value opens in its own place and in no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct About<'a> {
    /// Whose.
    pub space: &'a str,
    /// Of which kind: `credential`, `data-key`, `canary`.
    pub record: &'a str,
    /// The platform; empty where there is none.
    pub platform: &'a str,
    /// The account; empty where there is none.
    pub account: &'a str,
    /// Which of its values.
    pub field: &'a str,
    /// The version of the value.
    pub version: u64,
}

impl About<'_> {
    /// The associated data, with the key's own id. Each part is preceded by its length.
    fn bound(&self, key: &KeyId) -> [u8; 32] {
        let Self { space, record, platform, account, field, version } = self;
        let texts = [*space, record, platform, account, field, key.as_str()];
        let hasher = texts
            .iter()
            .fold(Hasher::plain().field(b"mm-vault-about-1"), |hasher, text| hasher.field(text.as_bytes()));
        hasher.field(&version.to_be_bytes()).finish().0
    }
}

/// A value does not open: it is damaged, belongs elsewhere, or was sealed under another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value does not open: it was changed, moved, or sealed under another key")]
pub struct NotOpened;

/// Seals `plain` under `key`. `salt` must be unpredictable and is used once.
pub fn seal(key: &Key, about: &About<'_>, salt: [u8; SALT], plain: &[u8]) -> Vec<u8> {
    let bound = about.bound(&key.id());
    let mut out = Vec::with_capacity(plain.len() + OVERHEAD);
    out.push(FORMAT);
    out.extend_from_slice(&salt);
    // Encrypted where it lies: the plain text is nowhere else.
    let mut text = Zeroizing::new(plain.to_vec());
    let tag = once(key, &salt, &bound).and_then(|once| {
        once.seal_in_place_separate_tag(nonce(), Aad::from(bound), text.as_mut_slice()).ok()
    });
    let tag = tag.expect("a value is far shorter than what AES-GCM takes, and HKDF gives 32 bytes");
    out.extend_from_slice(&text);
    out.extend_from_slice(tag.as_ref());
    out
}

/// Opens what [`seal`] made.
///
/// # Errors
/// [`NotOpened`].
pub fn open(key: &Key, about: &About<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
    let (format, rest) = sealed.split_first().ok_or(NotOpened)?;
    let (salt, ciphertext) = rest.split_at_checked(SALT).ok_or(NotOpened)?;
    if *format != FORMAT {
        return Err(NotOpened);
    }
    let bound = about.bound(&key.id());
    let once = once(key, salt, &bound).ok_or(NotOpened)?;
    let mut text = Zeroizing::new(ciphertext.to_vec());
    let length = once.open_in_place(nonce(), Aad::from(bound), &mut text).map_err(|_| NotOpened)?.len();
    text.truncate(length);
    Ok(text)
}

/// The key of one write.
fn once(key: &Key, salt: &[u8], bound: &[u8]) -> Option<LessSafeKey> {
    let prk = Salt::new(HKDF_SHA256, salt).extract(key.expose());
    let info = [DOMAIN, bound];
    let okm = prk.expand(&info, &AES_256_GCM).ok()?;
    Some(LessSafeKey::new(UnboundKey::from(okm)))
}

/// Each key seals once, so one nonce serves them all.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(n: u8) -> Key {
        Key::new([n; 32])
    }

    fn about(n: usize) -> About<'static> {
        let base = About {
            space: "default",
            record: "credential",
            platform: "github",
            account: "main",
            field: "token",
            version: 1,
        };
        match n {
            0 => base,
            1 => About { space: "other", ..base },
            2 => About { record: "canary", ..base },
            3 => About { platform: "hackerone", ..base },
            4 => About { account: "second", ..base },
            5 => About { field: "secret", ..base },
            6 => About { version: 2, ..base },
            // The same letters, parted elsewhere.
            7 => About { platform: "githubmain", account: "", ..base },
            _ => About { platform: "", account: "githubmain", ..base },
        }
    }

    #[test]
    fn every_pair_of_places_is_swapped_and_none_opens() {
        let places: Vec<(usize, u8)> = (0..9).flat_map(|n| [(n, 1), (n, 2)]).collect();
        for (i, (place, under)) in places.iter().enumerate() {
            let salt = [u8::try_from(i).unwrap(); 32];
            let sealed = seal(&key(*under), &about(*place), salt, b"hunter2");
            assert_eq!(sealed.len(), 7 + OVERHEAD);
            for (other, with) in &places {
                let opened = open(&key(*with), &about(*other), &sealed);
                assert_eq!(
                    opened.is_ok(),
                    (place, under) == (other, with),
                    "{place} under {under} as {other}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_and_one_changed_byte_does_not(
            plain in prop::collection::vec(any::<u8>(), 0..80), salt in any::<[u8; 32]>(), at in any::<usize>(), bit in 0u8..8,
        ) {
            let sealed = seal(&key(3), &about(0), salt, &plain);
            let opened = open(&key(3), &about(0), &sealed).unwrap();
            prop_assert_eq!(opened.as_slice(), plain.as_slice());
            let mut changed = sealed.clone();
            let at = at % changed.len();
            changed[at] ^= 1 << bit;
            prop_assert!(open(&key(3), &about(0), &changed).is_err());
            prop_assert!(open(&key(3), &about(0), &sealed[..at]).is_err());
        }
    }
}
