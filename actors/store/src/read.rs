//! Reading rows: short transactions in the caller's thread, never across an await.

use std::ops::{Bound, ControlFlow};

use mm_core::id::Space;
use redb::{ReadableTable, ReadableTableMetadata};

use crate::error::{ReadError, StorageFault};
use crate::frame;
use crate::key::{Key, Kind};
use crate::record::{Record, Row, Unreadable, read_value};
use crate::store::Store;
use crate::tables::ROWS;

/// Which rows of a kind a scan visits, by id. Rows come in the order of their ids.
#[derive(Debug, Clone, Copy, Default)]
pub struct Span<'a> {
    prefix: &'a str,
    after: Option<&'a str>,
    descending: bool,
}

impl<'a> Span<'a> {
    /// All ids.
    pub fn all() -> Self {
        Self::default()
    }

    /// Ids that begin with `prefix`.
    pub fn prefix(prefix: &'a str) -> Self {
        Self { prefix, ..Self::default() }
    }

    /// Only ids that come after `id` in the scan's order: to go on where a scan ended.
    pub fn after(self, id: &'a str) -> Self {
        Self { after: Some(id), ..self }
    }

    /// From the greatest id down.
    pub fn descending(self) -> Self {
        Self { descending: true, ..self }
    }

    fn bounds(&self, base: &[u8]) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
        let low = [base, self.prefix.as_bytes()].concat();
        // No UTF-8 text holds the byte 0xff.
        let high = [low.as_slice(), &[0xff]].concat();
        let after = self.after.map(|id| [base, id.as_bytes()].concat());
        match after {
            None => (Bound::Included(low), Bound::Excluded(high)),
            Some(id) if self.descending => (Bound::Included(low), Bound::Excluded(id.min(high))),
            Some(id) if id < low => (Bound::Included(low), Bound::Excluded(high)),
            Some(id) => (Bound::Excluded(id), Bound::Excluded(high)),
        }
    }
}

/// A row that does not open.
#[derive(Debug)]
pub struct Damaged {
    /// Its id.
    pub id: String,
    /// Why.
    pub what: Unreadable,
}

/// What a scan found.
#[derive(Debug)]
pub struct Scanned<R> {
    /// The rows that open, by id.
    pub rows: Vec<(String, Row<R>)>,
    /// The rows that do not.
    pub damaged: Vec<Damaged>,
    /// Whether the limit ended the scan before the rows did.
    pub more: bool,
}

impl<R> Scanned<R> {
    /// The values alone, in order.
    pub fn into_values(self) -> impl Iterator<Item = R> {
        self.rows.into_iter().map(|(_, row)| row.value)
    }
}

/// One row as [`Store::dump`] lists it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dumped {
    /// The space.
    pub space: String,
    /// The kind's name.
    pub kind: String,
    /// The id.
    pub id: String,
    /// The row's version; 0 where the row is damaged.
    pub version: u64,
}

impl Store {
    /// Row `id` of `R`'s kind in `space`; `None` where there is none.
    ///
    /// # Errors
    /// [`ReadError`]; a damaged row is an error and never a wrong value.
    pub fn get<R: Record>(&self, space: &Space, id: &str) -> Result<Option<Row<R>>, ReadError> {
        let key = Key::new(space, R::KIND, id)?;
        let txn = self.begin_read()?;
        let table = txn.open_table(ROWS).map_err(StorageFault::from)?;
        let Some(guard) = table.get(key.as_bytes()).map_err(StorageFault::from)? else { return Ok(None) };
        match open_row(&key, guard.value()) {
            Ok(row) => Ok(Some(row)),
            Err(what) => Err(ReadError::Row { key, what }),
        }
    }

    /// The version of row `key`; `None` where there is no such row.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn version(&self, key: &Key) -> Result<Option<u64>, ReadError> {
        let txn = self.begin_read()?;
        let table = txn.open_table(ROWS).map_err(StorageFault::from)?;
        let Some(guard) = table.get(key.as_bytes()).map_err(StorageFault::from)? else { return Ok(None) };
        match frame::open("rows", key.as_bytes(), guard.value()) {
            Ok((head, _)) => Ok(Some(head.row_version)),
            Err(error) => Err(ReadError::Row { key: key.clone(), what: Unreadable::Frame(error) }),
        }
    }

    /// The rows of `R`'s kind in `space`, at most `limit`. A damaged row is listed and passed over.
    ///
    /// # Errors
    /// [`ReadError`] if the database itself fails.
    pub fn scan<R: Record>(
        &self,
        space: &Space,
        span: Span<'_>,
        limit: usize,
    ) -> Result<Scanned<R>, ReadError> {
        let mut found = Scanned { rows: Vec::new(), damaged: Vec::new(), more: false };
        self.visit(space, span, |id, row| {
            if found.rows.len() + found.damaged.len() == limit {
                found.more = true;
                return ControlFlow::Break(());
            }
            match row {
                Ok(row) => found.rows.push((id, row)),
                Err(what) => found.damaged.push(Damaged { id, what }),
            }
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    /// Shows the rows of `R`'s kind in `space` to `look`, one after another, until it has seen
    /// enough: never more than one row is held, however many there are.
    ///
    /// # Errors
    /// [`ReadError`] if the database itself fails.
    pub fn visit<R: Record>(
        &self,
        space: &Space,
        span: Span<'_>,
        mut look: impl FnMut(String, Result<Row<R>, Unreadable>) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        let base = Key::prefix(space, R::KIND.name);
        let bounds = span.bounds(&base);
        if is_empty(&bounds) {
            return Ok(());
        }
        let txn = self.begin_read()?;
        let table = txn.open_table(ROWS).map_err(StorageFault::from)?;
        let mut range = table.range::<&[u8]>(as_slices(&bounds)).map_err(StorageFault::from)?;
        while let Some(next) = if span.descending { range.next_back() } else { range.next() } {
            let (key, value) = next.map_err(StorageFault::from)?;
            let id = String::from_utf8_lossy(key.value().get(base.len()..).unwrap_or_default()).into_owned();
            if look(id, read_framed(key.value(), value.value())).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// How many rows of `kind` there are in `space`, damaged ones included.
    ///
    /// # Errors
    /// [`ReadError`] if the database fails.
    pub fn count(&self, space: &Space, kind: Kind) -> Result<u64, ReadError> {
        let bounds = Span::all().bounds(&Key::prefix(space, kind.name));
        let txn = self.begin_read()?;
        let table = txn.open_table(ROWS).map_err(StorageFault::from)?;
        let mut count = 0;
        for row in table.range::<&[u8]>(as_slices(&bounds)).map_err(StorageFault::from)? {
            row.map_err(StorageFault::from)?;
            count += 1;
        }
        Ok(count)
    }

    /// How many rows there are in all.
    ///
    /// # Errors
    /// [`ReadError`] if the database fails.
    pub fn rows(&self) -> Result<u64, ReadError> {
        let txn = self.begin_read()?;
        let table = txn.open_table(ROWS).map_err(StorageFault::from)?;
        Ok(table.len().map_err(StorageFault::from)?)
    }

    /// The spaces that hold any row, in order; `_` is the machine's own.
    ///
    /// # Errors
    /// [`ReadError`] if the database fails.
    pub fn spaces(&self) -> Result<Vec<Space>, ReadError> {
        let txn = self.begin_read()?;
        let table = txn.open_table(ROWS).map_err(StorageFault::from)?;
        let (mut spaces, mut from) = (Vec::new(), Vec::new());
        while let Some(row) = table.range(from.as_slice()..).map_err(StorageFault::from)?.next() {
            let (key, _) = row.map_err(StorageFault::from)?;
            let name = key.value().split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
            spaces.extend(String::from_utf8(name.clone()).ok().and_then(|name| name.parse().ok()));
            // The first key behind all keys of this space.
            from = [name.as_slice(), b"\x01"].concat();
        }
        Ok(spaces)
    }

    /// Every row, for checkers and offline tools.
    ///
    /// # Errors
    /// [`ReadError`] if the database fails.
    pub fn dump(&self) -> Result<Vec<Dumped>, ReadError> {
        let txn = self.begin_read()?;
        let table = txn.open_table(ROWS).map_err(StorageFault::from)?;
        let mut all = Vec::new();
        for row in table.iter().map_err(StorageFault::from)? {
            let (key, value) = row.map_err(StorageFault::from)?;
            let version =
                frame::open("rows", key.value(), value.value()).map_or(0, |(head, _)| head.row_version);
            if let Some(key) = Key::parse(key.value()) {
                let [space, kind, id] = [key.space(), key.kind(), key.id()].map(str::to_owned);
                all.push(Dumped { space, kind, id, version });
            }
        }
        Ok(all)
    }
}

fn as_slices(bounds: &(Bound<Vec<u8>>, Bound<Vec<u8>>)) -> (Bound<&[u8]>, Bound<&[u8]>) {
    (bounds.0.as_ref().map(Vec::as_slice), bounds.1.as_ref().map(Vec::as_slice))
}

/// redb panics on a range whose start lies behind its end.
fn is_empty(bounds: &(Bound<Vec<u8>>, Bound<Vec<u8>>)) -> bool {
    match bounds {
        (Bound::Included(low), Bound::Excluded(high)) => low >= high,
        (Bound::Excluded(low), Bound::Excluded(high)) => low >= high,
        _ => false,
    }
}

fn read_framed<R: Record>(key: &[u8], bytes: &[u8]) -> Result<Row<R>, Unreadable> {
    let (head, payload) = frame::open("rows", key, bytes).map_err(Unreadable::Frame)?;
    read_value(head, payload)
}

fn open_row<R: Record>(key: &Key, bytes: &[u8]) -> Result<Row<R>, Unreadable> {
    read_framed(key.as_bytes(), bytes)
}
