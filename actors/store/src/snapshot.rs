//! Snapshots: the durable state of a strategy or an actor, kept in generations.
//!
//! A snapshot is a row of kind `snapshot` with the id `NAME@GENERATION`, compressed. Putting
//! generation n removes n-3. One that does not open falls back to the one before.

use std::io::{Read as _, Write as _};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use mm_core::id::Space;

use crate::change::{Change, Expect, Put, Value};
use crate::codec::VALUE_BYTES_MAX;
use crate::error::{ChangeError, ReadError, StorageFault, chain};
use crate::frame::{self, GZIP};
use crate::key::{Key, Kind};
use crate::record::Unreadable;
use crate::store::Store;
use crate::tables::{ROWS, schema};

/// How many generations of a snapshot are kept.
pub const SNAPSHOT_GENERATIONS: u64 = 3;

/// The version in a frame is the owner's schema version, so the kind's own says nothing.
pub(crate) const KIND: Kind = Kind::new("snapshot", schema::SNAPSHOT, 0);

/// A snapshot that opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot<T> {
    /// The state.
    pub value: T,
    /// Its generation.
    pub generation: u64,
}

/// What was found of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded<T> {
    /// The newest one that opened.
    pub snapshot: Option<Snapshot<T>>,
    /// The generation to save next: above all there are.
    pub next_generation: u64,
    /// A sentence for each newer one that did not open.
    pub lost: Vec<String>,
}

fn id(name: &str, generation: u64) -> Result<String, ChangeError> {
    if name.contains('@') {
        return Err(ChangeError::SnapshotName(name.to_owned()));
    }
    Ok(format!("{name}@{generation:020}"))
}

/// `bytes`, compressed.
pub(crate) fn zip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(bytes).and_then(|()| out.finish()).expect("writing to memory does not fail")
}

/// What was compressed, if it is at most `max` bytes.
pub(crate) fn unzip(bytes: &[u8], max: usize) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    GzDecoder::new(bytes).take((max as u64).saturating_add(1)).read_to_end(&mut out)?;
    if out.len() > max {
        return Err(std::io::Error::other(format!("it has over {max} bytes")));
    }
    Ok(out)
}

impl Change {
    /// Stores `bytes` as generation `generation` of the snapshot `name`, and removes generation
    /// `generation - 3`. `schema_version` is handed back when it is loaded. Expects that there is no
    /// such generation yet: of two that began from the same state, the second is refused.
    ///
    /// # Errors
    /// A name with an `@` in it, or more than 64 MiB.
    pub fn put_snapshot(
        mut self,
        space: &Space,
        name: &str,
        generation: u64,
        schema_version: u16,
        bytes: &[u8],
    ) -> Result<Self, ChangeError> {
        if bytes.len() > VALUE_BYTES_MAX {
            return Err(ChangeError::TooLarge { kind: KIND.name, bytes: bytes.len(), max: VALUE_BYTES_MAX });
        }
        let key = Key::new(space, KIND, &id(name, generation)?)?;
        let value = Value { schema: KIND.schema, schema_version, flags: GZIP, payload: zip(bytes) };
        self.expects.push((key.clone(), Expect::Absent));
        self.puts.push(Put { key, value: Some(value), flag: None });
        match generation.checked_sub(SNAPSHOT_GENERATIONS) {
            Some(old) => Ok(self.delete(Key::new(space, KIND, &id(name, old)?)?)),
            None => Ok(self),
        }
    }
}

impl Store {
    /// The newest snapshot `name` that opens: `read` gets its schema version and bytes, and says why
    /// not if it cannot use them; then the one before is tried.
    ///
    /// # Errors
    /// [`ReadError`] if the database fails. Damaged snapshots are no error; they are in `lost`.
    pub fn load_snapshot_with<T>(
        &self,
        space: &Space,
        name: &str,
        read: impl Fn(u16, &[u8]) -> Result<T, String>,
    ) -> Result<Loaded<T>, ReadError> {
        let base = [Key::prefix(space, KIND.name).as_slice(), name.as_bytes(), b"@"].concat();
        let end = [base.as_slice(), &[0xff]].concat();
        let txn = self.begin_read()?;
        let table = txn.open_table(ROWS).map_err(StorageFault::from)?;
        let mut loaded = Loaded { snapshot: None, next_generation: 1, lost: Vec::new() };
        for row in table.range(base.as_slice()..end.as_slice()).map_err(StorageFault::from)?.rev() {
            let (key, bytes) = row.map_err(StorageFault::from)?;
            let generation = key.value().get(base.len()..).and_then(|text| std::str::from_utf8(text).ok());
            let Some(generation) = generation.and_then(|text| text.parse::<u64>().ok()) else { continue };
            loaded.next_generation = loaded.next_generation.max(generation.saturating_add(1));
            let opened = open(key.value(), bytes.value()).map_err(|error| chain(&error));
            match opened.and_then(|(version, bytes)| read(version, &bytes)) {
                Ok(value) => {
                    loaded.snapshot = Some(Snapshot { value, generation });
                    break;
                }
                Err(why) => loaded.lost.push(format!(
                    "generation {generation} of snapshot `{name}` in space `{space}` does not open: {why}"
                )),
            }
        }
        Ok(loaded)
    }

    /// The newest snapshot `name` whose bytes are whole, with its schema version.
    ///
    /// # Errors
    /// [`ReadError`] if the database fails.
    pub fn load_snapshot(&self, space: &Space, name: &str) -> Result<Loaded<(u16, Vec<u8>)>, ReadError> {
        self.load_snapshot_with(space, name, |version, bytes| Ok((version, bytes.to_vec())))
    }
}

fn open(key: &[u8], bytes: &[u8]) -> Result<(u16, Vec<u8>), Unreadable> {
    let (head, payload) = frame::open("rows", key, bytes).map_err(Unreadable::Frame)?;
    if head.schema != KIND.schema {
        return Err(Unreadable::Schema { found: head.schema, expected: KIND.schema });
    }
    let bytes = unzip(payload, VALUE_BYTES_MAX).map_err(Unreadable::Compressed)?;
    Ok((head.schema_version, bytes))
}
