//! Finding a text in whatever is stored, and taking it out, without knowing what the rows mean.
//!
//! Texts lie in stored values as their UTF-8 bytes, so a text can be looked for in the bytes of any row, and
//! replaced by as many other bytes without a length in the row becoming wrong. That is how what is known of a
//! person is erased, also from rows of kinds that did not exist when this was written. What is compressed is
//! unpacked to be looked at.

use std::ops::Bound;

use mm_core::digest::Digest;
use redb::ReadableTable;

use crate::change::{Change, Expect, Put, Value};
use crate::codec::VALUE_BYTES_MAX;
use crate::error::{ReadError, StorageFault};
use crate::frame::{self, GZIP, Head};
use crate::key::Key;
use crate::record::{Record, read_value};
use crate::snapshot::{unzip, zip};
use crate::store::Store;
use crate::tables::{ANSWERS, ROWS};

/// A row as its bytes, whatever they mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRow {
    /// Where it stands.
    pub key: Key,
    head: Head,
    /// The value's bytes, unpacked.
    pub bytes: Vec<u8>,
}

impl RawRow {
    fn open(key: &[u8], framed: &[u8]) -> Option<Self> {
        let (head, payload) = frame::open("rows", key, framed).ok()?;
        let bytes =
            if head.flags & GZIP != 0 { unzip(payload, VALUE_BYTES_MAX).ok()? } else { payload.to_vec() };
        Some(Self { key: Key::parse(key)?, head, bytes })
    }

    /// The value, if it is one of `R`'s kind that opens.
    pub fn decode<R: Record>(&self) -> Option<R> {
        read_value(self.head, &self.bytes).ok().map(|row| row.value)
    }
}

/// Rows that were looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawPage {
    /// Those that were wanted.
    pub rows: Vec<RawRow>,
    /// How many there were that do not open.
    pub damaged: u64,
    /// After which key to go on; `None` at the end.
    pub next: Option<Vec<u8>>,
}

impl Store {
    /// Looks at the next `limit` rows after `after`, of every kind and space, and gives those that `wanted`
    /// wants.
    ///
    /// # Errors
    /// [`ReadError`] if the database fails.
    pub fn raw_rows(
        &self,
        after: Option<&[u8]>,
        limit: usize,
        mut wanted: impl FnMut(&RawRow) -> bool,
    ) -> Result<RawPage, ReadError> {
        let txn = self.begin_read()?;
        let table = txn.open_table(ROWS).map_err(StorageFault::from)?;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = table.range::<&[u8]>((from, Bound::Unbounded)).map_err(StorageFault::from)?;
        let (mut page, mut seen) = (RawPage::default(), 0);
        for row in rows.take(limit) {
            let (key, value) = row.map_err(StorageFault::from)?;
            seen += 1;
            page.next = Some(key.value().to_vec());
            match RawRow::open(key.value(), value.value()) {
                Some(row) if wanted(&row) => page.rows.push(row),
                Some(_) => {}
                None => page.damaged += 1,
            }
        }
        if seen < limit {
            page.next = None;
        }
        Ok(page)
    }

    /// The recorded answers that `wanted` wants; those over `max_bytes` and damaged ones are passed over.
    ///
    /// # Errors
    /// [`ReadError`] if the database fails.
    pub fn answers_with(
        &self,
        max_bytes: usize,
        mut wanted: impl FnMut(&Digest, &[u8]) -> bool,
    ) -> Result<Vec<Digest>, ReadError> {
        let mut found = Vec::new();
        for digest in self.answer_digests()? {
            // A short transaction each: unpacking takes a while.
            if let Ok(Some(bytes)) = self.get_answer(&digest, max_bytes)
                && wanted(&digest, &bytes)
            {
                found.push(digest);
            }
        }
        Ok(found)
    }

    fn answer_digests(&self) -> Result<Vec<Digest>, ReadError> {
        let txn = self.begin_read()?;
        let table = txn.open_table(ANSWERS).map_err(StorageFault::from)?;
        let mut digests = Vec::new();
        for row in table.iter().map_err(StorageFault::from)? {
            let (key, _) = row.map_err(StorageFault::from)?;
            digests.extend(key.value().try_into().map(Digest).ok());
        }
        Ok(digests)
    }
}

impl Change {
    /// Puts `bytes` in the place of a row's, if the row is as it was read.
    pub fn rewrite(mut self, row: &RawRow, bytes: &[u8]) -> Self {
        let Head { schema, schema_version, row_version, flags } = row.head;
        let payload = if flags & GZIP != 0 { zip(bytes) } else { bytes.to_vec() };
        self.expects.push((row.key.clone(), Expect::Version(row_version)));
        let value = Value { schema, schema_version, flags, payload };
        self.puts.push(Put { key: row.key.clone(), value: Some(value), flag: None });
        self
    }

    /// Removes a row, if it is as it was read.
    pub fn remove(mut self, row: &RawRow) -> Self {
        self.expects.push((row.key.clone(), Expect::Version(row.head.row_version)));
        self.delete(row.key.clone())
    }
}
