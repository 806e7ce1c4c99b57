//! From a passphrase to a master key: argon2id, whose parameters and salt are stored beside what the key
//! opens, and checked against a floor when they are read, so that nobody who can write the store can make
//! guessing cheap.

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::key::Key;

/// How a master key is made from a passphrase. Stored; no secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Derivation {
    /// Sixteen random bytes.
    pub salt: [u8; 16],
    /// Memory, KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

/// Parameters that would make guessing cheap, or that no computer of ours can pay.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the stored parameters of the passphrase (argon2id with {memory_kib} KiB, {passes} passes, {lanes} lanes) are not \
     ones this program makes: somebody may have changed the store, so restore a backup"
)]
pub struct Weak {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Derivation {
    /// The floor, and what is made today (RFC 9106, second recommended option: 64 MiB, three passes).
    const MEMORY_KIB: u32 = 64 << 10;
    const PASSES: u32 = 3;
    /// More would not be paid on a small computer: a changed store must not stop a boot for hours.
    const MEMORY_KIB_MAX: u32 = 1 << 20;
    const PASSES_MAX: u32 = 16;

    /// Today's parameters, with a fresh salt.
    pub fn fresh(salt: [u8; 16]) -> Self {
        Self { salt, memory_kib: Self::MEMORY_KIB, passes: Self::PASSES, lanes: 1 }
    }

    /// The key of `passphrase`. It takes a fifth of a second and 64 MiB.
    ///
    /// # Errors
    /// [`Weak`] if the parameters are below the floor or above what is paid.
    pub fn key(&self, passphrase: &str) -> Result<Key, Weak> {
        let Self { memory_kib, passes, lanes, .. } = *self;
        let weak = Weak { memory_kib, passes, lanes };
        let in_reach = (Self::MEMORY_KIB..=Self::MEMORY_KIB_MAX).contains(&memory_kib)
            && (Self::PASSES..=Self::PASSES_MAX).contains(&passes)
            && (1..=4).contains(&lanes);
        if !in_reach {
            return Err(weak);
        }
        let params = Params::new(memory_kib, passes, lanes, Some(Key::BYTES)).map_err(|_| weak.clone())?;
        let mut key = Zeroizing::new([0u8; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.as_bytes(), &self.salt, &mut *key)
            .map_err(|_| weak)?;
        Ok(Key::new(*key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_below_the_floor_are_refused() {
        let good = Derivation::fresh([7; 16]);
        for bad in [
            Derivation { memory_kib: 64, ..good.clone() },
            Derivation { passes: 1, ..good.clone() },
            Derivation { lanes: 0, ..good.clone() },
            Derivation { memory_kib: u32::MAX, ..good.clone() },
            Derivation { passes: u32::MAX, ..good.clone() },
        ] {
            assert!(bad.key("correct horse").is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_passphrase_gives_its_key_and_another_salt_another() {
        let one = Derivation::fresh([1; 16]).key("correct horse").unwrap();
        assert_eq!(one.id(), Derivation::fresh([1; 16]).key("correct horse").unwrap().id());
        assert_ne!(one.id(), Derivation::fresh([2; 16]).key("correct horse").unwrap().id());
        assert_ne!(one.id(), Derivation::fresh([1; 16]).key("correct horsf").unwrap().id());
    }
}
