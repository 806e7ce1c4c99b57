//! Keys: `space | kind | id`, parted by NUL bytes, which no part may hold.
//!
//! Sorted, all rows of one kind in one space stand together, ordered by id.

use std::fmt;

use mm_core::id::Space;

/// The longest id, in bytes.
pub const ID_BYTES_MAX: usize = 512;

/// A kind of record: its name in keys, its schema's number in frames, and the schema's version.
///
/// Names and schema numbers are for ever: a stored row is known by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Its name in keys: `opportunity`.
    pub name: &'static str,
    /// The number of its schema in frames; one number a kind.
    pub schema: u16,
    /// The version that is written today; raised with every change of the schema.
    pub version: u16,
}

impl Kind {
    /// A kind. `name` must not be empty nor hold a NUL (checked where it becomes a constant).
    pub const fn new(name: &'static str, schema: u16, version: u16) -> Self {
        assert!(!name.is_empty(), "a kind needs a name");
        let bytes = name.as_bytes();
        let mut i = 0;
        while i < bytes.len() {
            assert!(bytes[i] != 0, "a kind's name must not hold a NUL");
            i += 1;
        }
        Self { name, schema, version }
    }

    /// The first two of `kinds` that share a name or a schema number: for a test over all kinds.
    pub fn clash(kinds: &[Kind]) -> Option<(Kind, Kind)> {
        kinds.iter().enumerate().find_map(|(i, a)| {
            let rest = kinds.get(i + 1..)?;
            let b = rest.iter().find(|b| a.name == b.name || a.schema == b.schema)?;
            Some((*a, *b))
        })
    }
}

/// Why a text cannot be part of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// An empty id.
    #[error("an id of kind `{0}` is empty; every row needs a name")]
    Empty(&'static str),
    /// An id of more than 512 bytes.
    #[error("an id of kind `{kind}` has {len} bytes; at most {ID_BYTES_MAX} are stored: hash it")]
    Long {
        /// The kind.
        kind: &'static str,
        /// Its length in bytes.
        len: usize,
    },
    /// A NUL, which parts the fields of a key.
    #[error("an id of kind `{0}` holds a NUL byte; remove it before it is stored")]
    Nul(&'static str),
}

/// Where a row stands.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    bytes: Box<[u8]>,
}

impl Key {
    /// The key of row `id` of `kind` in `space`.
    ///
    /// # Errors
    /// [`BadKey`] for an id that is empty, over 512 bytes, or holds a NUL.
    pub fn new(space: &Space, kind: Kind, id: &str) -> Result<Self, BadKey> {
        if id.is_empty() {
            return Err(BadKey::Empty(kind.name));
        }
        if id.len() > ID_BYTES_MAX {
            return Err(BadKey::Long { kind: kind.name, len: id.len() });
        }
        if id.bytes().any(|byte| byte == 0) {
            return Err(BadKey::Nul(kind.name));
        }
        let mut bytes = Self::prefix(space, kind.name);
        bytes.extend_from_slice(id.as_bytes());
        Ok(Self { bytes: bytes.into_boxed_slice() })
    }

    /// The key of the row that a record `R` has under `id`.
    ///
    /// # Errors
    /// As [`Key::new`].
    pub fn of<R: crate::Record>(space: &Space, id: &str) -> Result<Self, BadKey> {
        Self::new(space, R::KIND, id)
    }

    /// The bytes before the id of every row of `kind` in `space`.
    pub(crate) fn prefix(space: &Space, kind: &str) -> Vec<u8> {
        [space.as_str().as_bytes(), b"\0", kind.as_bytes(), b"\0"].concat()
    }

    /// Reads a stored key; `None` for bytes that are no key.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        (text.split('\0').count() == 3).then(|| Self { bytes: bytes.into() })
    }

    fn part(&self, n: usize) -> &str {
        std::str::from_utf8(&self.bytes).ok().and_then(|text| text.split('\0').nth(n)).unwrap_or("")
    }

    /// The space's name.
    pub fn space(&self) -> &str {
        self.part(0)
    }

    /// The kind's name.
    pub fn kind(&self) -> &str {
        self.part(1)
    }

    /// The row's id.
    pub fn id(&self) -> &str {
        self.part(2)
    }

    /// The key as it is stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.space(), self.kind(), self.id())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const K: Kind = Kind::new("thing", 1, 1);

    #[test]
    fn an_id_that_could_break_out_of_its_kind_is_refused() {
        let space = Space::default_owner();
        assert_eq!(Key::new(&space, K, "a\0b"), Err(BadKey::Nul("thing")));
        assert_eq!(Key::new(&space, K, ""), Err(BadKey::Empty("thing")));
        assert!(Key::new(&space, K, &"x".repeat(513)).is_err());
        let key = Key::new(&space, K, "ä/b c").unwrap();
        assert_eq!((key.space(), key.kind(), key.id()), ("default", "thing", "ä/b c"));
        assert_eq!(Key::parse(key.as_bytes()), Some(key));
        assert_eq!(Key::parse(b"a\0b"), None);
    }

    #[test]
    fn two_kinds_with_one_number_or_one_name_clash() {
        assert_eq!(Kind::clash(&[K, Kind::new("other", 2, 1)]), None);
        assert!(Kind::clash(&[K, Kind::new("other", 1, 1)]).is_some());
        assert!(Kind::clash(&[K, Kind::new("thing", 2, 1)]).is_some());
    }
}
