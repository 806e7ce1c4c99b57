//! One group of changes, one transaction: check, put, link the audit chain, commit.

use std::sync::Arc;

use mm_core::audit::{Payload, Tip};
use mm_core::id::Epoch;
use mm_core::seams::SharedEntropy;
use redb::{Database, ReadableTable, Table, WriteTransaction};

use crate::audit;
use crate::change::{Change, Flag, NewEntry, Put, Value};
use crate::error::{CommitError, ReadError, StorageFault};
use crate::frame::{self, Head};
use crate::key::Key;
use crate::store::Committed;
use crate::tables::{self, AUDIT, AUDIT_PAYLOAD, META, ROWS, meta};

/// Applies changes to the database it holds.
pub struct Applier {
    db: Arc<Database>,
    epoch: Epoch,
    entropy: SharedEntropy,
    /// The tip as committed. Kept here so that a group need not read it.
    tip: Tip,
}

type Bytes<'txn> = Table<'txn, &'static [u8], &'static [u8]>;
type BySeq<'txn> = Table<'txn, u64, &'static [u8]>;

/// The tables of one transaction, and the chain's end as it grows.
struct Group<'txn> {
    rows: Bytes<'txn>,
    audit: BySeq<'txn>,
    payloads: BySeq<'txn>,
    tip: Tip,
}

/// A refusal of one change, or the failure of the whole group.
enum Stop {
    Refused(CommitError),
    Failed(StorageFault),
}

impl<E: Into<StorageFault>> From<E> for Stop {
    fn from(error: E) -> Self {
        Stop::Failed(error.into())
    }
}

impl Applier {
    pub fn new(db: Arc<Database>, epoch: Epoch, entropy: SharedEntropy, tip: Tip) -> Self {
        Self { db, epoch, entropy, tip }
    }

    pub fn database(&self) -> &Database {
        &self.db
    }

    /// Commits what can be applied of `changes`; a refused change leaves no trace.
    ///
    /// # Errors
    /// The database failed: what happened to the group is unknown.
    pub fn commit(
        &mut self,
        changes: Vec<Change>,
    ) -> Result<Vec<Result<Committed, CommitError>>, StorageFault> {
        let txn = begin(&self.db)?;
        let mut results = Vec::with_capacity(changes.len());
        let tip = {
            let mut group = Group {
                rows: txn.open_table(ROWS)?,
                audit: txn.open_table(AUDIT)?,
                payloads: txn.open_table(AUDIT_PAYLOAD)?,
                tip: self.tip,
            };
            for change in changes {
                match group.apply(change, self.epoch, &self.entropy) {
                    Ok(done) => results.push(Ok(done)),
                    Err(Stop::Refused(refusal)) => results.push(Err(refusal)),
                    Err(Stop::Failed(error)) => return Err(error),
                }
            }
            group.tip
        };
        if !results.iter().flatten().any(Committed::wrote) {
            // Nothing to make durable: no change, or none that holds anything.
            txn.abort()?;
            return Ok(results);
        }
        if tip != self.tip {
            tables::write_meta(&mut txn.open_table(META)?, meta::TIP, &tip)?;
        }
        txn.commit()?;
        self.tip = tip;
        Ok(results)
    }
}

/// A write transaction as all durable ones here: two-phase, and quick to reopen after a kill.
pub fn begin(db: &Database) -> Result<WriteTransaction, StorageFault> {
    let mut txn = db.begin_write()?;
    txn.set_quick_repair(true);
    Ok(txn)
}

impl Group<'_> {
    fn apply(&mut self, change: Change, epoch: Epoch, entropy: &SharedEntropy) -> Result<Committed, Stop> {
        self.check(&change)?;
        let mut done = Committed::default();
        for put in change.puts {
            done.versions.push(self.put(put)?);
        }
        let first = self.tip.seq + 1;
        for entry in change.audit {
            self.link(entry, epoch, entropy)?;
        }
        if self.tip.seq >= first {
            done.seqs = Some(first..=self.tip.seq);
        }
        for (seq, place) in change.erase {
            self.erase(seq, first + place as u64)?;
        }
        Ok(done)
    }

    /// Everything that can refuse the change, before any of it is applied.
    fn check(&self, change: &Change) -> Result<(), Stop> {
        for (key, expected) in &change.expects {
            let found = self.version(key)?;
            if !expected.holds(found) {
                let (key, expected) = (key.clone(), *expected);
                return Err(Stop::Refused(CommitError::Refused { key, expected, found }));
            }
        }
        for put in change.puts.iter().filter(|put| put.value.is_some()) {
            self.version(&put.key)?;
        }
        match change.erase.iter().find(|(seq, _)| *seq == 0 || *seq > self.tip.seq) {
            Some((seq, _)) => Err(Stop::Refused(CommitError::NoSuchEntry { seq: *seq })),
            None => Ok(()),
        }
    }

    fn version(&self, key: &Key) -> Result<Option<u64>, Stop> {
        let Some(guard) = self.rows.get(key.as_bytes())? else { return Ok(None) };
        match frame::open("rows", key.as_bytes(), guard.value()) {
            Ok((head, _)) => Ok(Some(head.row_version)),
            Err(_) => Err(Stop::Refused(CommitError::Damaged { key: key.clone() })),
        }
    }

    /// Puts or removes one row; its new version, or 0.
    fn put(&mut self, put: Put) -> Result<u64, Stop> {
        match put.flag {
            Some(Flag { key, value: Some(value) }) => self.insert(&key, value, 1)?,
            Some(Flag { key, value: None }) => drop(self.rows.remove(key.as_bytes())?),
            None => {}
        }
        let Some(value) = put.value else {
            self.rows.remove(put.key.as_bytes())?;
            return Ok(0);
        };
        let row_version = self.version(&put.key)?.unwrap_or(0) + 1;
        self.insert(&put.key, value, row_version)?;
        Ok(row_version)
    }

    fn insert(&mut self, key: &Key, value: Value, row_version: u64) -> Result<(), Stop> {
        let Value { schema, schema_version, flags, payload } = value;
        let head = Head { schema, schema_version, row_version, flags };
        let framed = frame::seal("rows", key.as_bytes(), head, &payload);
        self.rows.insert(key.as_bytes(), framed.as_slice())?;
        Ok(())
    }

    fn link(&mut self, new: NewEntry, epoch: Epoch, entropy: &SharedEntropy) -> Result<(), Stop> {
        let mut salt = [0; 16];
        entropy.fill(&mut salt);
        let payload = Payload { salt, bytes: new.payload };
        let (entry, tip) = self.tip.link(epoch, new.at, new.space, new.kind, &payload);
        let framed = audit::seal_entry(&entry);
        self.audit.insert(entry.seq, framed.as_slice())?;
        self.payloads.insert(entry.seq, audit::seal_payload(entry.seq, &payload).as_slice())?;
        self.tip = tip;
        Ok(())
    }

    fn erase(&mut self, seq: u64, by: u64) -> Result<(), Stop> {
        self.payloads.insert(seq, audit::seal_erased(seq, by).as_slice())?;
        Ok(())
    }
}

/// The state of the store's own rows at open: makes them where there are none, raises the epoch.
pub struct Opened {
    pub epoch: Epoch,
    pub tip: Tip,
}

/// Why the first transaction did not go through.
pub enum FirstError {
    Storage(StorageFault),
    Meta(ReadError),
    Newer(u32),
    Stamp(crate::Stamp),
}

impl<E: Into<StorageFault>> From<E> for FirstError {
    fn from(error: E) -> Self {
        FirstError::Storage(error.into())
    }
}

/// The first transaction of an open: checks format and stamp, makes the tables, raises the epoch.
/// On an error nothing was changed.
pub fn first(db: &Database, stamp: crate::Stamp) -> Result<Opened, FirstError> {
    let txn = begin(db)?;
    let opened = {
        let mut table = txn.open_table(META)?;
        let found = check_meta(&table)?;
        if let Some(found) = found.filter(|found| *found != stamp) {
            return Err(FirstError::Stamp(found));
        }
        let epoch = tables::read_meta::<u64>(&table, meta::EPOCH).map_err(FirstError::Meta)?.unwrap_or(0);
        let tip = tables::read_tip(&table).map_err(FirstError::Meta)?;
        tables::write_meta(&mut table, meta::FORMAT, &crate::FORMAT)?;
        tables::write_meta(&mut table, meta::STAMP, &stamp)?;
        tables::write_meta(&mut table, meta::EPOCH, &(epoch + 1))?;
        Opened { epoch: Epoch(epoch + 1), tip }
    };
    txn.open_table(ROWS)?;
    txn.open_table(AUDIT)?;
    txn.open_table(AUDIT_PAYLOAD)?;
    txn.open_table(tables::ANSWERS)?;
    txn.open_table(tables::ANSWERS_USED)?;
    txn.commit()?;
    Ok(opened)
}

/// The stamp of a store whose format is known; `None` for a new one.
pub fn check_meta(
    table: &impl ReadableTable<&'static str, &'static [u8]>,
) -> Result<Option<crate::Stamp>, FirstError> {
    let format: Option<u32> = tables::read_meta(table, meta::FORMAT).map_err(FirstError::Meta)?;
    match format {
        Some(found) if found > crate::FORMAT => Err(FirstError::Newer(found)),
        Some(_) => tables::read_meta(table, meta::STAMP).map_err(FirstError::Meta),
        None => Ok(None),
    }
}
