//! Reading the audit chain: its rows, its tail, a page of it, and whether it is whole.
//!
//! The writer links entries ([`crate::apply`]); nothing here changes any.

#[cfg(feature = "testing")]
mod forge;
mod verify;

use mm_core::audit::{Entry, Payload, Tip};
use mm_core::digest::Digest;
use serde::{Deserialize, Serialize};

use crate::codec;
use crate::error::{ReadError, StorageFault};
use crate::frame;
use crate::store::Store;
use crate::tables::{self, AUDIT, AUDIT_PAYLOAD, META, schema};

#[cfg(feature = "testing")]
pub use forge::Forgery;
pub use verify::Report;

/// Entries that one read transaction sees.
const CHUNK: usize = 1024;

/// The kind of the entry that records the erasure of another entry's payload.
pub const ERASED_KIND: &str = "audit.payload-erased";

/// The payload of such an entry.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ErasedPayload {
    /// The entry whose payload was erased.
    pub seq: u64,
}

/// What stands in the place of an erased payload.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Erased {
    /// The entry that records it.
    pub by: u64,
}

/// What is left of an entry's payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PayloadState {
    /// It is there.
    There(Payload),
    /// It was erased on purpose.
    Erased {
        /// The entry that records it.
        by: u64,
    },
    /// There is no row.
    Missing,
    /// Its row does not open.
    Damaged(String),
}

impl PayloadState {
    /// The payload, if it is there.
    pub fn there(&self) -> Option<&Payload> {
        match self {
            PayloadState::There(payload) => Some(payload),
            _ => None,
        }
    }

    /// The payload as text, or why there is none in parentheses.
    pub fn text(&self) -> String {
        match self {
            PayloadState::There(payload) => String::from_utf8_lossy(&payload.bytes).into_owned(),
            PayloadState::Erased { by } => format!("(erased, see entry {by})"),
            PayloadState::Missing => "(missing)".to_owned(),
            PayloadState::Damaged(what) => format!("(damaged: {what})"),
        }
    }
}

/// An entry with its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// The entry.
    pub entry: Entry,
    /// Its payload.
    pub payload: PayloadState,
}

/// A part of the chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// The entries that open, in order.
    pub rows: Vec<AuditRow>,
    /// The entries that do not, and why.
    pub damaged: Vec<(u64, String)>,
}

pub(crate) fn seal_entry(entry: &Entry) -> Vec<u8> {
    let bytes = codec::encode(entry).expect("an entry's texts are short");
    frame::seal("audit", &entry.seq.to_be_bytes(), tables::own(schema::ENTRY, 0), &bytes)
}

pub(crate) fn seal_payload(seq: u64, payload: &Payload) -> Vec<u8> {
    let bytes = codec::encode(payload).expect("payloads are limited to 64 KiB");
    frame::seal("audit_payload", &seq.to_be_bytes(), tables::own(schema::PAYLOAD, 0), &bytes)
}

/// What stands in the place of a payload whose erasure is recorded by entry `by`.
pub(crate) fn seal_erased(seq: u64, by: u64) -> Vec<u8> {
    let bytes = codec::encode(&Erased { by }).expect("one number encodes");
    frame::seal("audit_payload", &seq.to_be_bytes(), tables::own(schema::PAYLOAD, frame::ERASED), &bytes)
}

/// The entry in a row's bytes, or what is wrong with them.
pub(crate) fn open_entry(seq: u64, bytes: &[u8]) -> Result<Entry, String> {
    let (_, payload) = frame::open("audit", &seq.to_be_bytes(), bytes).map_err(|error| error.to_string())?;
    let entry: Entry = codec::decode(payload).map_err(|error| crate::error::chain(&error))?;
    if entry.seq == seq { Ok(entry) } else { Err(format!("entry {} stands in its place", entry.seq)) }
}

pub(crate) fn open_payload(seq: u64, bytes: Option<&[u8]>) -> PayloadState {
    let Some(bytes) = bytes else { return PayloadState::Missing };
    let opened = frame::open("audit_payload", &seq.to_be_bytes(), bytes).map_err(|error| error.to_string());
    let state = opened.and_then(|(head, payload)| {
        let codec = |error| crate::error::chain(&error);
        if head.flags & frame::ERASED != 0 {
            let Erased { by } = codec::decode(payload).map_err(codec)?;
            return Ok(PayloadState::Erased { by });
        }
        Ok(PayloadState::There(codec::decode(payload).map_err(codec)?))
    });
    state.unwrap_or_else(PayloadState::Damaged)
}

impl Store {
    /// The recorded end of the chain.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn audit_tip(&self) -> Result<Tip, ReadError> {
        let txn = self.begin_read()?;
        tables::read_tip(&txn.open_table(META).map_err(StorageFault::from)?)
    }

    /// The hashes of entries, by their numbers; `None` for one that is not there or does not open.
    ///
    /// # Errors
    /// [`ReadError`] if the database fails.
    pub fn audit_hashes(&self, seqs: &[u64]) -> Result<Vec<Option<Digest>>, ReadError> {
        let txn = self.begin_read()?;
        let entries = txn.open_table(AUDIT).map_err(StorageFault::from)?;
        let hash = |seq: &u64| {
            let row = entries.get(*seq).map_err(StorageFault::from)?;
            Ok(row.and_then(|row| open_entry(*seq, row.value()).ok()).map(|entry| entry.hash()))
        };
        seqs.iter().map(hash).collect()
    }

    /// Every entry of one kind that opens, in order. It reads the whole chain.
    ///
    /// # Errors
    /// [`ReadError`] if the database fails.
    pub fn audit_of_kind(&self, kind: &str) -> Result<Vec<AuditRow>, ReadError> {
        self.audit_of_kind_after(kind, 0)
    }

    /// The same after entry `after`; it reads the chain from there on.
    ///
    /// # Errors
    /// [`ReadError`] if the database fails.
    pub fn audit_of_kind_after(&self, kind: &str, after: u64) -> Result<Vec<AuditRow>, ReadError> {
        let (mut found, mut from) = (Vec::new(), after.saturating_add(1));
        loop {
            let page = self.audit_range(from, CHUNK)?;
            let rows = page.rows.len() + page.damaged.len();
            let last =
                page.rows.last().map(|row| row.entry.seq).max(page.damaged.last().map(|(seq, _)| *seq));
            found.extend(page.rows.into_iter().filter(|row| row.entry.kind == kind));
            match last {
                Some(last) if rows == CHUNK => from = last + 1,
                _ => return Ok(found),
            }
        }
    }

    /// The last `n` entries, in order.
    ///
    /// # Errors
    /// [`ReadError`] if the database fails.
    pub fn audit_tail(&self, n: usize) -> Result<AuditPage, ReadError> {
        let tip = self.audit_tip()?.seq;
        self.audit_range(tip.saturating_sub(n as u64) + 1, n)
    }

    /// At most `limit` entries, from entry `from` on.
    ///
    /// # Errors
    /// [`ReadError`] if the database fails.
    pub fn audit_range(&self, from: u64, limit: usize) -> Result<AuditPage, ReadError> {
        let txn = self.begin_read()?;
        let entries = txn.open_table(AUDIT).map_err(StorageFault::from)?;
        let payloads = txn.open_table(AUDIT_PAYLOAD).map_err(StorageFault::from)?;
        let mut page = AuditPage::default();
        for row in entries.range(from..).map_err(StorageFault::from)?.take(limit) {
            let (seq, bytes) = row.map_err(StorageFault::from)?;
            let seq = seq.value();
            match open_entry(seq, bytes.value()) {
                Ok(entry) => {
                    let payload = payloads.get(seq).map_err(StorageFault::from)?;
                    let payload = open_payload(seq, payload.as_ref().map(|guard| guard.value()));
                    page.rows.push(AuditRow { entry, payload });
                }
                Err(what) => page.damaged.push((seq, what)),
            }
        }
        Ok(page)
    }
}
