//! The rows that something is still to be done about, found without reading those that are over.
//!
//! A kind that names one for flags ([`Record::UNFINISHED`]) has, beside each row that is not finished, an
//! empty row of that other kind under the same id. Every put of the row writes or removes its flag in the
//! same change, so the two cannot part. Rows that were put by a program that knew no flags have none until
//! [`Store::flag_unfinished`] was committed once; a flag whose row is gone says nothing.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use mm_core::id::Space;
use redb::ReadableTable;

use crate::change::{Change, Expect, Flag, Put};
use crate::error::{ChangeError, ReadError, StorageFault};
use crate::frame;
use crate::key::Key;
use crate::read::{Damaged, Scanned, Span};
use crate::record::{Record, Unreadable, read_value};
use crate::store::Store;
use crate::tables::ROWS;

impl Store {
    /// The rows of `R`'s kind in `space` that have a flag, by id: those that are not finished. All of them
    /// are of one moment. A kind without flags has none. Those that `is_known`, by id and version, says it
    /// need not see are not decoded and not in the answer.
    ///
    /// # Errors
    /// [`ReadError`] if the database itself fails.
    pub fn unfinished<R: Record>(
        &self,
        space: &Space,
        mut is_known: impl FnMut(&str, u64) -> bool,
    ) -> Result<Scanned<R>, ReadError> {
        let mut found = Scanned { rows: Vec::new(), damaged: Vec::new(), more: false };
        let Some(flags) = R::UNFINISHED else { return Ok(found) };
        let txn = self.begin_read()?;
        let table = txn.open_table(ROWS).map_err(StorageFault::from)?;
        for id in ids(&table, space, flags.name)? {
            let key = [Key::prefix(space, R::KIND.name).as_slice(), id.as_bytes()].concat();
            let Some(row) = table.get(key.as_slice()).map_err(StorageFault::from)? else { continue };
            let opened = frame::open("rows", &key, row.value()).map_err(Unreadable::Frame);
            if opened.as_ref().is_ok_and(|(head, _)| is_known(&id, head.row_version)) {
                continue;
            }
            match opened.and_then(|(head, payload)| read_value(head, payload)) {
                Ok(row) => found.rows.push((id, row)),
                Err(what) => found.damaged.push(Damaged { id, what }),
            }
        }
        Ok(found)
    }

    /// What makes the flags in `space` as its rows of `R`'s kind say; empty if they are. A row that does not
    /// open counts as not finished. To be committed before anybody relies on [`Store::unfinished`], and
    /// refused if one of the rows has changed meanwhile.
    ///
    /// # Errors
    /// The inner error is an id that cannot be a key.
    pub fn flag_unfinished<R: Record>(
        &self,
        space: &Space,
    ) -> Result<Result<Change, ChangeError>, ReadError> {
        let Some(flags) = R::UNFINISHED else { return Ok(Ok(Change::new())) };
        let txn = self.begin_read()?;
        let mut flagged = ids(&txn.open_table(ROWS).map_err(StorageFault::from)?, space, flags.name)?;
        let mut wrong = Vec::new();
        self.visit::<R>(space, Span::all(), |id, row| {
            let has_flag = flagged.remove(&id);
            match row {
                Ok(row) if row.value.is_finished() == has_flag => {
                    wrong.push((id, Some(Expect::Version(row.version)), row.value.is_finished()));
                }
                // Its version cannot be told, and so not be expected.
                Err(_) if !has_flag => wrong.push((id, None, false)),
                _ => {}
            }
            ControlFlow::Continue(())
        })?;
        wrong.extend(flagged.into_iter().map(|id| (id, Some(Expect::Absent), true)));
        let put = |change: Change, (id, expect, finished): (String, Option<Expect>, bool)| {
            let mut change = match expect {
                Some(expect) => change.expect(Key::of::<R>(space, &id)?, expect),
                None => change,
            };
            if let Some(Flag { key, value }) = Flag::of::<R>(space, &id, finished)? {
                change.puts.push(Put { key, value, flag: None });
            }
            Ok(change)
        };
        Ok(wrong.into_iter().try_fold(Change::new(), put))
    }
}

/// The ids of all rows of a kind, in order.
fn ids(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    space: &Space,
    kind: &str,
) -> Result<BTreeSet<String>, ReadError> {
    let base = Key::prefix(space, kind);
    let end = [base.as_slice(), &[0xff]].concat();
    let mut ids = BTreeSet::new();
    for row in table.range(base.as_slice()..end.as_slice()).map_err(StorageFault::from)? {
        let (key, _) = row.map_err(StorageFault::from)?;
        ids.insert(String::from_utf8_lossy(key.value().get(base.len()..).unwrap_or_default()).into_owned());
    }
    Ok(ids)
}
