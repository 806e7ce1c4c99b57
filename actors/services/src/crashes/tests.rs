//! Whatever an actor shows of itself, its last row fits.

use super::*;

fn record(seq: u64, value: usize) -> CrashRecord {
    CrashRecord {
        seq,
        kind: "add".to_owned(),
        sender: None,
        action: None,
        fields: vec![("much".to_owned(), "x".repeat(value))],
        queue_ns: 1,
        handle_ns: 2,
        ok: true,
    }
}

fn row(records: u64, value: usize, left: usize, stack: usize) -> CrashRow {
    let one = CrashLeft { kind: "add".to_owned(), sender: None, action: None, fields: Vec::new() };
    CrashRow {
        actor: "kernel/limiter".to_owned(),
        records: (0..records).map(|seq| record(seq, value)).collect(),
        left: vec![one; left],
        backtrace: Some("s".repeat(stack)),
        ..CrashRow::default()
    }
}

#[test]
fn what_fits_is_whole() {
    let small = row(64, 100, 16, 16 << 10);
    assert_eq!(fitted(small.clone()), small);
}

#[test]
fn old_messages_go_first_then_what_was_left_then_the_stack() {
    let cut = fitted(row(64, 4_000, 16, 16 << 10));
    assert!(cut.cut && fits(&cut));
    assert_eq!(cut.records.last().map(|record| record.seq), Some(63), "the last is what it died of");
    assert_eq!((cut.left.len(), cut.backtrace.map(|text| text.len())), (16, Some(16 << 10)));

    let cut = fitted(row(64, 4_000, 40_000, 16 << 10));
    assert!(cut.cut && fits(&cut) && cut.left.len() < 40_000 && cut.records.len() == 1);
    assert_eq!(cut.backtrace.map(|text| text.len()), Some(16 << 10));

    let cut = fitted(row(1, 60_000, 16, 16 << 10));
    assert!(cut.cut && fits(&cut) && cut.left.is_empty() && cut.backtrace.is_some());

    let cut = fitted(row(1, 100_000, 0, 0));
    assert!(cut.cut && fits(&cut) && cut.actor == "kernel/limiter");
}
