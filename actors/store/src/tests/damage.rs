//! Changed bytes are named, never served.

use redb::{Durability, ReadableTable, TableDefinition};

use super::*;
use crate::tables::{AUDIT, AUDIT_PAYLOAD, META, ROWS};
use mm_core::audit::Broken;

/// Rewrites one stored value behind the store's back; `None` from `change` removes the row.
fn tamper<K: redb::Key + 'static>(
    store: &Store,
    table: TableDefinition<'static, K, &'static [u8]>,
    key: K::SelfType<'_>,
    change: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>,
) -> Vec<u8> {
    let db = store.inner.db.read().unwrap().clone().unwrap();
    let mut txn = db.begin_write().unwrap();
    txn.set_durability(Durability::None).unwrap();
    let old = {
        let mut table = txn.open_table(table).unwrap();
        let old = table.get(&key).unwrap().unwrap().value().to_vec();
        match change(old.clone()) {
            Some(new) => drop(table.insert(&key, new.as_slice()).unwrap()),
            None => drop(table.remove(&key).unwrap()),
        }
        old
    };
    txn.commit().unwrap();
    old
}

fn chain_of(n: i64) -> Store {
    let store = open(&SharedMemory::new());
    for i in 1..=n {
        store.commit_blocking(put(&i.to_string(), i).audit(entry(i))).unwrap();
    }
    store
}

/// The numbers a finding speaks of.
fn seq(broken: &Broken) -> u64 {
    match broken {
        Broken::Unreadable { seq, .. } | Broken::Payload { seq } | Broken::PayloadMissing { seq } => *seq,
        other => panic!("{other}"),
    }
}

#[test]
fn any_one_byte_of_any_audit_row_flipped_is_found_and_names_exactly_its_entry() {
    let store = chain_of(4);
    let mut flips = 0;
    for n in 1..=4 {
        for table in [AUDIT, AUDIT_PAYLOAD] {
            let good = tamper(&store, table, n, Some);
            for at in 0..good.len() {
                tamper(&store, table, n, |mut bytes| {
                    bytes[at] ^= 1 << (at % 8);
                    Some(bytes)
                });
                let report = store.audit_verify(1).unwrap();
                let named: Vec<_> = report.broken.iter().map(seq).collect();
                assert_eq!(named, [n], "byte {at} of entry {n}: {:?}", report.broken);
                let page = store.audit_tail(4).unwrap();
                assert_eq!(page.rows.len() + page.damaged.len(), 4);
                tamper(&store, table, n, |_| Some(good.clone()));
                flips += 1;
            }
            assert!(store.audit_verify(1).unwrap().is_whole());
        }
    }
    assert!(flips > 500, "{flips}");
}

#[test]
fn rows_removed_swapped_or_cut_off_are_found() {
    for n in 1..=4u64 {
        let store = chain_of(4);
        tamper(&store, AUDIT, n, |_| None);
        let expected = match n {
            4 => Broken::Truncated { last: 3, tip: 4 },
            n => Broken::Gap { expected: n, found: n + 1 },
        };
        assert_eq!(store.audit_verify(1).unwrap().broken, [expected]);
        let store = chain_of(4);
        tamper(&store, AUDIT_PAYLOAD, n, |_| None);
        assert_eq!(store.audit_verify(1).unwrap().broken, [Broken::PayloadMissing { seq: n }]);
    }
    let store = chain_of(4);
    let second = tamper(&store, AUDIT, 2, Some);
    tamper(&store, AUDIT, 3, |_| Some(second));
    assert_eq!(store.audit_verify(1).unwrap().broken.iter().map(seq).collect::<Vec<_>>(), [3]);
    // One who forges the checksum as well is found by the chain.
    let store = chain_of(4);
    let mut forged = store.audit_range(2, 1).unwrap().rows.remove(0).entry;
    forged.kind.push('x');
    tamper(&store, AUDIT, 2, |_| Some(crate::audit::seal_entry(&forged)));
    assert_eq!(store.audit_verify(1).unwrap().broken, [Broken::Link { seq: 3 }]);
    assert_eq!(store.audit_verify(3).unwrap().broken, [Broken::Link { seq: 3 }], "from the middle too");
}

#[test]
fn an_erased_payload_is_gone_and_the_chain_still_verifies() {
    let store = chain_of(3);
    let change = Change::new().erase_payload(2, Moment::from_unix_ms(9), &space()).unwrap();
    assert_eq!(store.commit_blocking(change).unwrap().seqs, Some(4..=4));
    let report = store.audit_verify(1).unwrap();
    assert!(report.is_whole() && report.erased == 1, "{report:?}");
    let row = store.audit_range(2, 1).unwrap().rows.remove(0);
    assert_eq!(
        (row.payload.clone(), row.payload.text()),
        (PayloadState::Erased { by: 4 }, "(erased, see entry 4)".into())
    );
    let missing = Change::new().erase_payload(9, Moment::default(), &space()).unwrap();
    assert!(matches!(store.commit_blocking(missing), Err(CommitError::NoSuchEntry { seq: 9 })));
    // An erasure that is not on record is a missing payload.
    let marker = tamper(&store, AUDIT_PAYLOAD, 2, Some);
    let (head, record) = frame::open("audit_payload", &2u64.to_be_bytes(), &marker).unwrap();
    tamper(&store, AUDIT_PAYLOAD, 3, |_| {
        Some(frame::seal("audit_payload", &3u64.to_be_bytes(), head, record))
    });
    assert_eq!(store.audit_verify(1).unwrap().broken, [Broken::PayloadMissing { seq: 3 }]);
}

#[test]
fn a_damaged_row_is_an_error_a_scan_goes_on_and_nothing_is_built_on_it() {
    let store = chain_of(3);
    tamper(&store, ROWS, key("2").as_bytes(), |mut bytes| {
        *bytes.last_mut().unwrap() ^= 1;
        Some(bytes)
    });
    let error = store.get::<Note>(&space(), "2").unwrap_err();
    assert_eq!(
        said(&error),
        "row default/test-note/2 does not open: the value is damaged: its checksum does not match"
    );
    let scanned = store.scan::<Note>(&space(), Span::all(), 10).unwrap();
    assert_eq!((scanned.rows.len(), scanned.damaged.len(), scanned.damaged[0].id.as_str()), (2, 1, "2"));
    let result = store.commit_blocking(put("1", "new").put(&space(), "2", &note("new")).unwrap());
    assert!(matches!(result, Err(CommitError::Damaged { .. })), "{result:?}");
    assert_eq!(text(&store, "1").as_deref(), Some("1"), "nothing of the change was applied");
    store.commit_blocking(Change::new().delete(key("2"))).unwrap();
    store.commit_blocking(put("2", "again")).unwrap();
    assert_eq!(text(&store, "2").as_deref(), Some("again"), "removing it mends it");
}

#[test]
fn a_row_moved_to_another_key_does_not_open() {
    let store = chain_of(2);
    let one = tamper(&store, ROWS, key("1").as_bytes(), Some);
    tamper(&store, ROWS, key("2").as_bytes(), |_| Some(one));
    assert!(store.get::<Note>(&space(), "2").is_err());
}

#[test]
fn a_corrupt_snapshot_falls_back_and_says_what_was_lost() {
    let store = open(&SharedMemory::new());
    for generation in 1..=5u64 {
        let bytes = vec![generation as u8; 1000];
        let change = Change::new().put_snapshot(&space(), "bug-bounty", generation, 1, &bytes).unwrap();
        store.commit_blocking(change).unwrap();
    }
    let ids: Vec<_> = store.dump().unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(ids, [3, 4, 5].map(|n| format!("bug-bounty@{n:020}")), "three generations are kept");
    let twice = Change::new().put_snapshot(&space(), "bug-bounty", 5, 1, b"late").unwrap();
    assert!(matches!(store.commit_blocking(twice), Err(CommitError::Refused { .. })));
    let newest = Key::new(&space(), Kind::new("snapshot", 6, 0), &ids[2]).unwrap();
    tamper(&store, ROWS, newest.as_bytes(), |mut bytes| {
        bytes[40] ^= 1;
        Some(bytes)
    });
    let loaded = store.load_snapshot(&space(), "bug-bounty").unwrap();
    let found = loaded.snapshot.unwrap();
    assert_eq!((found.generation, found.value, loaded.next_generation), (4, (1, vec![4; 1000]), 6));
    expect_test::expect![[r#"
        [
            "generation 5 of snapshot `bug-bounty` in space `default` does not open: the value is damaged: its checksum does not match",
        ]
    "#]]
    .assert_debug_eq(&loaded.lost);
    // A reader that cannot use what is whole falls back likewise; and with none left, all are named.
    let none = store.load_snapshot_with::<()>(&space(), "bug-bounty", |_, _| Err("too old".into())).unwrap();
    assert_eq!((none.snapshot, none.lost.len(), none.next_generation), (None, 3, 6));
    assert_eq!(store.load_snapshot(&space(), "bug").unwrap().next_generation, 1, "a longer name is another");
    assert!(Change::new().put_snapshot(&space(), "a@b", 1, 1, b"").is_err());
}

#[test]
fn answers_are_kept_once_checked_and_pruned() {
    let store = open(&SharedMemory::new());
    let at = Moment::from_unix_ms;
    let bytes = "scope ".repeat(10_000);
    let one = store.put_answer_blocking(bytes.as_bytes(), at(1)).unwrap();
    assert_eq!(store.put_answer_blocking(bytes.as_bytes(), at(5)).unwrap(), one);
    let two = store.put_answer_blocking(b"two", at(2)).unwrap();
    let three = store.put_answer_blocking(b"three", at(3)).unwrap();
    assert_eq!(store.get_answer(&one, 60_000).unwrap().unwrap(), bytes.as_bytes());
    let error = store.get_answer(&one, 59_999).unwrap_err();
    assert!(said(&error).ends_with("it has over 59999 bytes"), "{}", said(&error));
    let stored = tamper(&store, tables::ANSWERS, one.0.as_slice(), |mut bytes| {
        bytes[30] ^= 1;
        Some(bytes)
    });
    assert!(stored.len() < 1000, "compressed");
    assert!(store.get_answer(&one, 60_000).is_err());
    store.put_answer_blocking(bytes.as_bytes(), at(5)).unwrap();
    assert!(store.get_answer(&one, 60_000).is_ok(), "putting it again mends it");
    let pruned = store.prune_answers(&[two].into(), at(4)).unwrap();
    assert_eq!(pruned.answers, 1);
    assert_eq!(store.get_answer(&three, 10).unwrap(), None);
    assert!(
        store.get_answer(&two, 10).unwrap().is_some() && store.get_answer(&one, 60_000).unwrap().is_some()
    );
}

#[test]
fn a_store_of_a_newer_format_or_another_stamp_is_refused_and_left_as_it_is() {
    let memory = SharedMemory::new();
    let store = open(&memory);
    store.commit_blocking(put("a", 1)).unwrap();
    tamper(&store, META, "format", |_| {
        let value = codec::encode(&(FORMAT + 1)).unwrap();
        Some(frame::seal("meta", b"format", tables::own(1, 0), &value))
    });
    store.commit_blocking(put("a", 2)).unwrap();
    store.close().unwrap();
    let error = Store::open(Options::in_memory(memory.clone(), entropy())).unwrap_err();
    expect_test::expect![[r#"this store was written by a newer version of money-machine (format 2; this one knows 1): run the newer version, or give another --data-dir"#]]
        .assert_eq(&said(&error));

    let memory = SharedMemory::new();
    open(&memory).close().unwrap();
    let options = Options { stamp: Stamp::Live, ..Options::in_memory(memory.clone(), entropy()) };
    expect_test::expect![[r#"this store belongs to a sandbox run and this is a live run: give another --data-dir, or run with --sandbox"#]]
        .assert_eq(&said(&Store::open(options).unwrap_err()));
    assert_eq!(open(&memory).epoch().0, 2, "a refused open raises no epoch");
}
