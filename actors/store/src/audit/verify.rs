//! Verifying the chain, in pieces, so that no read transaction stays open for long.
//!
//! One changed row is one finding: behind an entry that does not open, the next entry's own word for
//! its predecessor is taken, and the walk goes on.

use std::collections::BTreeMap;

use mm_core::audit::{Broken, Entry, Payload, Tip};
use redb::ReadTransaction;

use super::{CHUNK, ERASED_KIND, ErasedPayload, PayloadState, open_entry, open_payload};
use crate::error::{ReadError, StorageFault};
use crate::store::Store;
use crate::tables::{self, AUDIT, AUDIT_PAYLOAD, META};

/// Findings that are listed; a chain with more is lost anyway.
const BROKEN_MAX: usize = 1000;

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Entries that were checked.
    pub entries: u64,
    /// Entries whose payload was erased on record.
    pub erased: u64,
    /// The end of the chain, as walked.
    pub tip: Tip,
    /// Everything that is wrong, in order; at most 1000 findings.
    pub broken: Vec<Broken>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.broken.is_empty()
    }
}

struct Walk {
    report: Report,
    /// The end so far; its hash is `None` behind an entry that did not open.
    seq: u64,
    hash: Option<mm_core::digest::Digest>,
    /// Erasures met whose record must still come: recording entry → erased entries.
    awaited: BTreeMap<u64, Vec<u64>>,
}

impl Store {
    /// Verifies the chain from entry `from` (1: all of it). A chain that is verified from its middle
    /// is checked against the entry before.
    ///
    /// # Errors
    /// [`ReadError`] if the database fails; what is wrong with the chain is in the report.
    pub fn audit_verify(&self, from: u64) -> Result<Report, ReadError> {
        self.audit_verify_seeing(from, |_, _| {})
    }

    /// The same; `see` is shown every entry that opens, with its payload if that is there.
    ///
    /// # Errors
    /// As [`Store::audit_verify`].
    pub fn audit_verify_seeing(
        &self,
        from: u64,
        mut see: impl FnMut(&Entry, Option<&Payload>),
    ) -> Result<Report, ReadError> {
        let mut walk = self.start_walk(from.max(1))?;
        loop {
            let txn = self.begin_read()?;
            if walk.chunk(&txn, &mut see)? < CHUNK {
                let recorded = tables::read_tip(&txn.open_table(META).map_err(StorageFault::from)?)?;
                return Ok(walk.finish(recorded));
            }
        }
    }

    fn start_walk(&self, from: u64) -> Result<Walk, ReadError> {
        let before = from - 1;
        let mut hash = (before == 0).then(|| Tip::default().hash);
        if before > 0 {
            let txn = self.begin_read()?;
            let entries = txn.open_table(AUDIT).map_err(StorageFault::from)?;
            let row = entries.get(before).map_err(StorageFault::from)?;
            hash = row.and_then(|row| open_entry(before, row.value()).ok()).map(|entry| entry.hash());
        }
        Ok(Walk { report: Report::default(), seq: before, hash, awaited: BTreeMap::new() })
    }
}

impl Walk {
    fn broken(&mut self, broken: Broken) {
        if self.report.broken.len() < BROKEN_MAX {
            self.report.broken.push(broken);
        }
    }

    /// Checks the next entries; how many there were.
    fn chunk(
        &mut self,
        txn: &ReadTransaction,
        see: &mut impl FnMut(&Entry, Option<&Payload>),
    ) -> Result<usize, ReadError> {
        let entries = txn.open_table(AUDIT).map_err(StorageFault::from)?;
        let payloads = txn.open_table(AUDIT_PAYLOAD).map_err(StorageFault::from)?;
        let mut count = 0;
        for row in entries.range(self.seq + 1..).map_err(StorageFault::from)?.take(CHUNK) {
            let (seq, bytes) = row.map_err(StorageFault::from)?;
            let seq = seq.value();
            count += 1;
            let payload = payloads.get(seq).map_err(StorageFault::from)?;
            let payload = open_payload(seq, payload.as_ref().map(|guard| guard.value()));
            match open_entry(seq, bytes.value()) {
                Ok(entry) => {
                    see(&entry, payload.there());
                    self.entry(&entry, payload);
                }
                Err(what) => self.unreadable(seq, what),
            }
        }
        Ok(count)
    }

    fn gap(&mut self, seq: u64) {
        if seq != self.seq + 1 {
            self.broken(Broken::Gap { expected: self.seq + 1, found: seq });
            self.hash = None;
        }
    }

    fn unreadable(&mut self, seq: u64, what: String) {
        self.gap(seq);
        self.broken(Broken::Unreadable { seq, what });
        self.report.entries += 1;
        self.seq = seq;
        self.hash = None;
    }

    fn entry(&mut self, entry: &Entry, payload: PayloadState) {
        self.gap(entry.seq);
        let before = Tip { seq: entry.seq - 1, hash: self.hash.unwrap_or(entry.prev) };
        let there = payload.there();
        if let Err(broken) = before.check(entry, there) {
            self.broken(broken);
        }
        self.erasure_recorded(entry, there.map(|payload| payload.bytes.as_slice()));
        match payload {
            PayloadState::There(_) => {}
            PayloadState::Erased { by } => {
                self.report.erased += 1;
                self.awaited.entry(by).or_default().push(entry.seq);
            }
            PayloadState::Missing => self.broken(Broken::PayloadMissing { seq: entry.seq }),
            PayloadState::Damaged(_) => self.broken(Broken::Payload { seq: entry.seq }),
        }
        self.report.entries += 1;
        self.seq = entry.seq;
        self.hash = Some(entry.hash());
    }

    /// Settles the erasures that `entry` should be the record of.
    fn erasure_recorded(&mut self, entry: &Entry, payload: Option<&[u8]>) {
        let Some(erased) = self.awaited.remove(&entry.seq) else { return };
        let named: Option<ErasedPayload> = payload.and_then(|bytes| serde_json::from_slice(bytes).ok());
        for seq in erased {
            let on_record = entry.kind == ERASED_KIND && named.as_ref().is_some_and(|named| named.seq == seq);
            if !on_record {
                self.broken(Broken::PayloadMissing { seq });
            }
        }
    }

    fn finish(mut self, recorded: Tip) -> Report {
        for seq in std::mem::take(&mut self.awaited).into_values().flatten() {
            self.broken(Broken::PayloadMissing { seq });
        }
        // Behind a last entry that does not open, its recorded hash is all there is.
        let unknown = self.hash.is_none() && self.seq == recorded.seq;
        let end = Tip { seq: self.seq, hash: self.hash.unwrap_or(recorded.hash) };
        if !unknown && let Err(broken) = end.check_end(recorded) {
            self.broken(broken);
        }
        self.report.tip = end;
        self.report
    }
}
