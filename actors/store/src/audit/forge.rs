//! Changes an audit trail as somebody would who can write to the store's file and knows its format: with
//! right checksums, and where it helps him with a chain that is linked anew. For tests of what notices.

use mm_core::audit::{Entry, Payload, Tip, commitment};
use redb::{ReadableTable, Table, WriteTransaction};

use super::{PayloadState, open_entry, open_payload, seal_entry, seal_erased, seal_payload};
use crate::store::Store;
use crate::tables::{AUDIT, AUDIT_PAYLOAD, META, ROWS, meta, read_tip, write_meta};

/// What is done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgery {
    /// A payload says something else.
    Payload(u64),
    /// An entry is of another kind.
    Kind(u64),
    /// An entry is gone.
    Remove(u64),
    /// Two entries stand in each other's place, numbered as if they had always stood there.
    Swap(u64, u64),
    /// All after an entry is gone.
    CutAfter(u64),
    /// All after an entry is gone, and the recorded end says so.
    CutCleanlyAfter(u64),
    /// A payload says something else, and the whole chain after it is linked anew, the end included.
    RemakeFrom(u64),
    /// A payload is gone, and another entry is named as the record of that.
    Erase(u64, u64),
    /// Every checkpoint is gone.
    ForgetCheckpoints,
}

type BySeq<'txn> = Table<'txn, u64, &'static [u8]>;

impl Store {
    /// Forges the trail.
    ///
    /// # Panics
    /// If the database fails, or an entry that is named is not there.
    pub fn forge(&self, forgery: Forgery) {
        let db = self.inner.db.read().expect("no panic holds it").clone().expect("the store is open");
        let txn = db.begin_write().expect("a transaction");
        forge(&txn, forgery);
        txn.commit().expect("committed");
    }
}

fn forge(txn: &WriteTransaction, forgery: Forgery) {
    let mut entries = txn.open_table(AUDIT).expect("a table");
    let mut payloads = txn.open_table(AUDIT_PAYLOAD).expect("a table");
    let tip = read_tip(&txn.open_table(META).expect("a table")).expect("a tip");
    let mut new_tip = None;
    match forgery {
        Forgery::Payload(seq) => {
            let payload = other(&payload(&payloads, seq));
            put_payload(&mut payloads, seq, &payload);
        }
        Forgery::Kind(seq) => {
            let entry = entry(&entries, seq);
            put(&mut entries, &Entry { kind: "test.forged".to_owned(), ..entry });
        }
        Forgery::Remove(seq) => remove(&mut entries, &mut payloads, seq),
        Forgery::Swap(a, b) => {
            let (first, second) = (entry(&entries, a), entry(&entries, b));
            let (one, two) = (payload(&payloads, a), payload(&payloads, b));
            put(&mut entries, &Entry { seq: a, prev: first.prev, ..second.clone() });
            put(&mut entries, &Entry { seq: b, prev: second.prev, ..first.clone() });
            put_payload(&mut payloads, a, &two);
            put_payload(&mut payloads, b, &one);
        }
        Forgery::CutAfter(last) | Forgery::CutCleanlyAfter(last) => {
            (last + 1..=tip.seq).for_each(|seq| remove(&mut entries, &mut payloads, seq));
            new_tip = Some(Tip { seq: last, hash: entry(&entries, last).hash() });
        }
        Forgery::RemakeFrom(seq) => {
            let changed = other(&payload(&payloads, seq));
            put_payload(&mut payloads, seq, &changed);
            let mut now = Entry { commitment: commitment(&changed), ..entry(&entries, seq) };
            put(&mut entries, &now);
            for next in seq + 1..=tip.seq {
                now = Entry { prev: now.hash(), ..entry(&entries, next) };
                put(&mut entries, &now);
            }
            new_tip = Some(Tip { seq: now.seq, hash: now.hash() });
        }
        Forgery::Erase(seq, by) => {
            payloads.insert(seq, seal_erased(seq, by).as_slice()).expect("written");
        }
        Forgery::ForgetCheckpoints => {
            let mut rows = txn.open_table(ROWS).expect("a table");
            rows.retain(|key, _| !key.starts_with(b"_\0checkpoint\0")).expect("removed");
        }
    }
    if let Some(tip) = new_tip.filter(|_| !matches!(forgery, Forgery::CutAfter(_))) {
        write_meta(&mut txn.open_table(META).expect("a table"), meta::TIP, &tip).expect("written");
    }
}

fn entry(table: &BySeq<'_>, seq: u64) -> Entry {
    let row = table.get(seq).expect("readable").expect("such an entry");
    open_entry(seq, row.value()).expect("it opens")
}

fn payload(table: &BySeq<'_>, seq: u64) -> Payload {
    let row = table.get(seq).expect("readable");
    match open_payload(seq, row.as_ref().map(|row| row.value())) {
        PayloadState::There(payload) => payload,
        other => panic!("the payload of entry {seq}: {other:?}"),
    }
}

fn other(payload: &Payload) -> Payload {
    Payload { bytes: b"{\"forged\":true}".to_vec(), ..payload.clone() }
}

fn put(table: &mut BySeq<'_>, entry: &Entry) {
    table.insert(entry.seq, seal_entry(entry).as_slice()).expect("written");
}

fn put_payload(table: &mut BySeq<'_>, seq: u64, payload: &Payload) {
    table.insert(seq, seal_payload(seq, payload).as_slice()).expect("written");
}

fn remove(entries: &mut BySeq<'_>, payloads: &mut BySeq<'_>, seq: u64) {
    entries.remove(seq).expect("removed");
    payloads.remove(seq).expect("removed");
}
