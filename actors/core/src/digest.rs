//! SHA-256, and the one way in which several fields are hashed together.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A SHA-256 digest; shown in hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Hasher::plain().bytes(bytes).finish()
    }

    /// The digest of a list of fields. Each is preceded by its length, so that no two different
    /// lists run together into the same bytes; `domain` keeps the uses apart.
    pub fn of_fields<'a>(domain: &str, fields: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = Hasher::plain();
        hasher = hasher.field(domain.as_bytes());
        for field in fields {
            hasher = hasher.field(field);
        }
        hasher.finish()
    }

    /// The first `n` hex digits (at most 64).
    pub fn short(&self, n: usize) -> String {
        self.to_string().chars().take(n).collect()
    }

    /// Reads 64 hex digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        let mut digest = [0u8; 32];
        for (i, byte) in digest.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok()?;
        }
        Some(Self(digest))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", self.short(12))
    }
}

/// A digest in the making.
#[derive(Clone)]
pub struct Hasher(ring::digest::Context);

impl Hasher {
    /// An empty SHA-256.
    pub fn plain() -> Self {
        Self(ring::digest::Context::new(&ring::digest::SHA256))
    }

    /// Takes in bytes as they are.
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.update(bytes);
        self
    }

    /// Takes in a field: its length as eight big-endian bytes, then itself.
    pub fn field(self, bytes: &[u8]) -> Self {
        self.bytes(&(bytes.len() as u64).to_be_bytes()).bytes(bytes)
    }

    /// The digest of all that was taken in.
    pub fn finish(self) -> Digest {
        let mut out = [0u8; 32];
        out.copy_from_slice(self.0.finish().as_ref());
        Digest(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_digest_is_the_published_one() {
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").to_string(), hex);
        assert_eq!(Digest::from_hex(hex), Some(Digest::of(b"")));
        assert_eq!(Digest::from_hex("zz"), None);
    }

    #[test]
    fn fields_do_not_run_together() {
        let two = Digest::of_fields("t", [b"ab".as_slice(), b"c"]);
        assert_ne!(two, Digest::of_fields("t", [b"a".as_slice(), b"bc"]));
        assert_ne!(two, Digest::of_fields("u", [b"ab".as_slice(), b"c"]));
    }
}
