//! A key of 32 bytes: shown by nobody, wiped when dropped, known by its fingerprint.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::digest::Digest;

/// The fingerprint of a key: 16 hex digits of a hash. It tells keys apart and gives nothing of them away.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(String);

impl KeyId {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key for AES-256-GCM.
#[derive(Clone)]
pub struct Key(Zeroizing<[u8; 32]>);

impl Key {
    /// How many bytes it has.
    pub const BYTES: usize = 32;

    /// Takes a key over.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A key of these bytes; `None` unless there are 32.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        Some(Self::new(bytes.try_into().ok()?))
    }

    /// A key from what `fill` gives, which must be unpredictable.
    pub fn random(fill: impl FnOnce(&mut [u8])) -> Self {
        let mut bytes = Zeroizing::new([0u8; 32]);
        fill(&mut *bytes);
        Self(bytes)
    }

    /// Reads a key as a file holds it: 32 bytes as they are, or 64 hex digits with blanks around them.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() == Self::BYTES {
            return Self::from_slice(text);
        }
        let text = std::str::from_utf8(text).ok()?.trim();
        if text.len() != 2 * Self::BYTES || !text.is_ascii() {
            return None;
        }
        let mut bytes = Zeroizing::new([0u8; 32]);
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// 64 hex digits, for a key file.
    pub fn to_hex(&self) -> Zeroizing<String> {
        // Room for all of it at once: a text that grows leaves copies behind.
        let mut text = Zeroizing::new(String::with_capacity(2 * Self::BYTES + 1));
        for byte in self.0.iter() {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            }
        }
        text
    }

    /// Its fingerprint.
    pub fn id(&self) -> KeyId {
        KeyId(Digest::of_fields("mm-key-id-1", [self.0.as_slice()]).short(16))
    }

    /// The key itself, for what seals with it.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All of a key is what was drawn: a byte that is left as it was would be one that can be guessed.
    #[test]
    fn a_drawn_key_is_drawn_whole() {
        let drawn = Key::random(|bytes| bytes.iter_mut().zip(1..).for_each(|(byte, n)| *byte = n));
        assert!(drawn.expose().iter().copied().eq(1..=32));
        let recovery = crate::vault::RecoveryKey::random(|bytes| bytes.fill(7));
        assert_eq!(recovery.key().expose(), &[7; 32]);
    }

    #[test]
    fn a_key_is_read_back_from_its_file_in_either_form() {
        let key = Key::new([0xa7; 32]);
        let hex = key.to_hex();
        assert_eq!(hex.len(), 64);
        for text in [hex.as_bytes().to_vec(), format!("  {}\n", *hex).into_bytes(), vec![0xa7; 32]] {
            assert_eq!(Key::parse(&text).map(|key| key.id()), Some(key.id()));
        }
        for bad in [b"".to_vec(), vec![1; 31], vec![b'a'; 63], vec![b'g'; 64], "ä".repeat(32).into_bytes()] {
            assert!(Key::parse(&bad).is_none());
        }
        assert!(!format!("{key:?}").contains("a7a7"));
    }
}
