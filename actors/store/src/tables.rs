//! The tables of the database, and the small machine-wide values in `meta`.

use mm_core::audit::Tip;
use redb::{ReadableTable, TableDefinition};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{ReadError, StorageFault};
use crate::frame::{self, Head};
use crate::{codec, record::Unreadable};

/// `space\0kind\0id` → framed record.
pub const ROWS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("rows");
/// seq → framed audit entry.
pub const AUDIT: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("audit");
/// seq → framed salt and payload, or the record of their erasure.
pub const AUDIT_PAYLOAD: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("audit_payload");
/// name → framed value.
pub const META: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("meta");
/// SHA-256 → framed, compressed answer.
pub const ANSWERS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("answers");
/// SHA-256 → framed moment of last use.
pub const ANSWERS_USED: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("answers_used");

/// Schema numbers of the store's own values; records of others begin at 100.
pub mod schema {
    /// `meta`.
    pub const META: u16 = 1;
    /// `audit`.
    pub const ENTRY: u16 = 2;
    /// `audit_payload`.
    pub const PAYLOAD: u16 = 3;
    /// `answers`.
    pub const ANSWER: u16 = 4;
    /// `answers_used`.
    pub const ANSWER_USED: u16 = 5;
    /// Snapshots in `rows`.
    pub const SNAPSHOT: u16 = 6;
}

/// Names in `meta`.
pub mod meta {
    /// The store's format: `u32`.
    pub const FORMAT: &str = "format";
    /// `Stamp`, as text.
    pub const STAMP: &str = "stamp";
    /// How often it was opened for writing: `u64`.
    pub const EPOCH: &str = "epoch";
    /// The audit chain's `Tip`.
    pub const TIP: &str = "audit-tip";
}

/// The head of the store's own values.
pub fn own(schema: u16, flags: u8) -> Head {
    Head { schema, schema_version: 1, row_version: 1, flags }
}

/// Reads a value of `meta`.
pub fn read_meta<T: DeserializeOwned>(
    table: &impl ReadableTable<&'static str, &'static [u8]>,
    name: &'static str,
) -> Result<Option<T>, ReadError> {
    let Some(guard) = table.get(name).map_err(StorageFault::from)? else { return Ok(None) };
    let damaged = |what| ReadError::Meta { name, what };
    let (_, payload) = frame::open("meta", name.as_bytes(), guard.value())
        .map_err(|error| damaged(Unreadable::Frame(error)))?;
    Ok(Some(codec::decode(payload).map_err(|error| damaged(Unreadable::Codec(error)))?))
}

/// Writes a value of `meta`.
pub fn write_meta<T: Serialize>(
    table: &mut redb::Table<'_, &'static str, &'static [u8]>,
    name: &'static str,
    value: &T,
) -> Result<(), StorageFault> {
    let payload = codec::encode(value).expect("the store's own small values always encode");
    let framed = frame::seal("meta", name.as_bytes(), own(schema::META, 0), &payload);
    table.insert(name, framed.as_slice())?;
    Ok(())
}

/// The recorded tip of the audit chain; an empty chain's where none is recorded.
pub fn read_tip(table: &impl ReadableTable<&'static str, &'static [u8]>) -> Result<Tip, ReadError> {
    Ok(read_meta(table, meta::TIP)?.unwrap_or_default())
}
