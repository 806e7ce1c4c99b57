//! A change: what must hold, what is put, and what the audit chain says of it. All or nothing.
//!
//! Put together in the caller's thread (values are encoded here), applied by the writer.

use std::fmt;

use mm_core::id::Space;
use mm_core::moment::Moment;
use serde::Serialize;

use crate::codec;
use crate::error::ChangeError;
use crate::key::{BadKey, Key, Kind};
use crate::record::Record;

/// The most bytes of values and audit payloads in one change.
pub const CHANGE_BYTES_MAX: usize = 96 << 20;
/// The most bytes of one audit payload.
pub const AUDIT_BYTES_MAX: usize = 64 << 10;

/// What a row must be for a change to apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// There is no such row.
    Absent,
    /// There is such a row, at any version.
    Present,
    /// The row is at exactly this version.
    Version(u64),
}

impl Expect {
    /// Whether a row at version `found` (`None`: no row) is as expected.
    pub fn holds(self, found: Option<u64>) -> bool {
        match self {
            Expect::Absent => found.is_none(),
            Expect::Present => found.is_some(),
            Expect::Version(version) => found == Some(version),
        }
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expect::Absent => f.write_str("none"),
            Expect::Present => f.write_str("one"),
            Expect::Version(version) => write!(f, "version {version}"),
        }
    }
}

/// An audit entry before it has its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// When.
    pub at: Moment,
    /// Whose act it was.
    pub space: Space,
    /// What happened, as `noun.verb`.
    pub kind: String,
    /// JSON.
    pub payload: Vec<u8>,
}

impl NewEntry {
    /// An entry whose payload is `payload` as JSON.
    ///
    /// # Errors
    /// A payload that has no JSON form or is over 64 KiB.
    pub fn new<T: Serialize + ?Sized>(
        at: Moment,
        space: &Space,
        kind: &str,
        payload: &T,
    ) -> Result<Self, ChangeError> {
        let payload = serde_json::to_vec(payload).map_err(ChangeError::Json)?;
        if payload.len() > AUDIT_BYTES_MAX {
            let bytes = payload.len();
            return Err(ChangeError::TooLarge { kind: "audit", bytes, max: AUDIT_BYTES_MAX });
        }
        Ok(Self { at, space: space.clone(), kind: kind.to_owned(), payload })
    }
}

/// One row's new value, or its removal.
#[derive(Debug, Clone)]
pub(crate) struct Put {
    pub key: Key,
    /// `None` removes the row.
    pub value: Option<Value>,
    /// The flag that is put or removed with it.
    pub flag: Option<Flag>,
}

/// What says beside a row whether it is finished.
#[derive(Debug, Clone)]
pub(crate) struct Flag {
    pub key: Key,
    /// Its value; `None` removes it.
    pub value: Option<Value>,
}

impl Flag {
    /// The flag of row `id` of `R`'s kind, if the kind has flags.
    pub fn of<R: Record>(space: &Space, id: &str, finished: bool) -> Result<Option<Self>, BadKey> {
        let Some(kind) = R::UNFINISHED else { return Ok(None) };
        let Kind { schema, version, .. } = kind;
        let value = Value { schema, schema_version: version, flags: 0, payload: Vec::new() };
        Ok(Some(Self { key: Key::new(space, kind, id)?, value: (!finished).then_some(value) }))
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Value {
    pub schema: u16,
    pub schema_version: u16,
    pub flags: u8,
    pub payload: Vec<u8>,
}

/// What is written together: all of it, or nothing.
#[derive(Debug, Clone, Default)]
#[must_use = "a change does nothing until it is committed"]
pub struct Change {
    pub(crate) expects: Vec<(Key, Expect)>,
    pub(crate) puts: Vec<Put>,
    pub(crate) audit: Vec<NewEntry>,
    /// Payloads to erase: the entry, and the place in `audit` of the entry that records it.
    pub(crate) erase: Vec<(u64, usize)>,
}

impl Change {
    /// An empty change.
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing to check, nothing to write.
    pub fn is_empty(&self) -> bool {
        self.expects.is_empty() && self.puts.is_empty() && self.audit.is_empty()
    }

    /// How many bytes its values and payloads have.
    pub fn bytes(&self) -> usize {
        let puts = self.puts.iter().map(|put| put.value.as_ref().map_or(0, |value| value.payload.len()));
        puts.chain(self.audit.iter().map(|entry| entry.payload.len())).sum()
    }

    /// Applies only if `key` is as `expect` says.
    pub fn expect(mut self, key: Key, expect: Expect) -> Self {
        self.expects.push((key, expect));
        self
    }

    /// Applies only if there is no row `key`.
    pub fn expect_absent(self, key: Key) -> Self {
        self.expect(key, Expect::Absent)
    }

    /// Applies only if row `key` is at `version`.
    pub fn expect_version(self, key: Key, version: u64) -> Self {
        self.expect(key, Expect::Version(version))
    }

    /// Stores `record` as row `id` of its kind in `space`.
    ///
    /// # Errors
    /// An id that cannot be a key, or a value that does not encode or is too large.
    pub fn put<R: Record>(mut self, space: &Space, id: &str, record: &R) -> Result<Self, ChangeError> {
        let Kind { name: kind, schema, version } = R::KIND;
        let key = Key::new(space, R::KIND, id)?;
        let payload = codec::encode(record).map_err(|source| ChangeError::Codec { kind, source })?;
        if payload.len() > R::BYTES_MAX {
            return Err(ChangeError::TooLarge { kind, bytes: payload.len(), max: R::BYTES_MAX });
        }
        let value = Value { schema, schema_version: version, flags: 0, payload };
        let flag = Flag::of::<R>(space, id, record.is_finished())?;
        self.puts.push(Put { key, value: Some(value), flag });
        Ok(self)
    }

    /// Removes row `key`; no error if there is none. A row that is made again begins at version 1.
    pub fn delete(mut self, key: Key) -> Self {
        self.puts.push(Put { key, value: None, flag: None });
        self
    }

    /// Appends an entry to the audit chain.
    pub fn audit(mut self, entry: NewEntry) -> Self {
        self.audit.push(entry);
        self
    }

    /// Erases salt and payload of audit entry `seq` for ever; the chain still verifies. The erasure
    /// is itself an entry, of kind [`ERASED_KIND`](crate::ERASED_KIND).
    ///
    /// # Errors
    /// None that a caller can bring about; the payload of the new entry is made here.
    pub fn erase_payload(self, seq: u64, at: Moment, space: &Space) -> Result<Self, ChangeError> {
        let payload = crate::audit::ErasedPayload { seq };
        let mut change = self.audit(NewEntry::new(at, space, crate::ERASED_KIND, &payload)?);
        let place = change.audit.len() - 1;
        change.erase.push((seq, place));
        Ok(change)
    }

    /// Adds all of `other` behind what stands here.
    pub fn and(mut self, other: Change) -> Self {
        let shift = self.audit.len();
        self.expects.extend(other.expects);
        self.puts.extend(other.puts);
        self.audit.extend(other.audit);
        self.erase.extend(other.erase.into_iter().map(|(seq, place)| (seq, place + shift)));
        self
    }
}
