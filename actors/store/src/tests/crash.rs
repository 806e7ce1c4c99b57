//! The crash matrix: the disk stops at every single operation, and again during every recovery.
//!
//! What was acknowledged is stored; what was refused is not; the chain is whole; a change is there
//! whole or not at all.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// What a run of the workload knows.
#[derive(Default, Debug)]
struct Acked {
    epoch: u64,
    changes: Vec<u64>,
    snapshots: u64,
    answers: Vec<mm_core::digest::Digest>,
    unknown: Option<u64>,
}

const CHANGES: u64 = 4;

/// Changes of two rows, an entry and a snapshot each, with an answer before each.
fn work(memory: &SharedMemory) -> Acked {
    let mut acked = Acked::default();
    let Ok(store) = Store::open(Options::in_memory(memory.clone(), entropy())) else { return acked };
    acked.epoch = store.epoch().0;
    for n in 0..CHANGES {
        let answer = store.put_answer_blocking(format!("answer {n}").as_bytes(), Moment::from_unix_ms(1));
        let mut change =
            put(&format!("{n}/a"), "x".repeat(300)).put(&space(), &format!("{n}/b"), &note(n)).unwrap();
        change =
            change.audit(entry(n as i64)).put_snapshot(&space(), "s", n + 1, 1, &[n as u8; 400]).unwrap();
        match store.commit_blocking(change) {
            Ok(_) => {
                acked.changes.push(n);
                acked.snapshots = n + 1;
                acked.answers.extend(answer.ok());
            }
            Err(CommitError::Unknown) => {
                acked.unknown = Some(n);
                assert!(matches!(store.commit_blocking(put("later", 1)), Err(CommitError::Stopped)));
                break;
            }
            Err(CommitError::Stopped) => break,
            Err(error) => panic!("{error}"),
        }
    }
    std::mem::forget(store);
    acked
}

fn check(memory: &SharedMemory, acked: &Acked, what: &str) {
    let store = Store::open(Options::in_memory(memory.clone(), entropy()))
        .unwrap_or_else(|error| panic!("{what}: {}", said(&error)));
    assert!(store.epoch().0 > acked.epoch, "{what}: an epoch came twice");
    let mut there = 0;
    for n in 0..CHANGES {
        let rows = [text(&store, &format!("{n}/a")), text(&store, &format!("{n}/b"))];
        let stored = rows[0].is_some();
        assert_eq!(stored, rows[1].is_some(), "{what}: change {n} is torn");
        there += u64::from(stored);
        if acked.changes.contains(&n) {
            assert!(stored, "{what}: acknowledged change {n} is lost");
        } else if acked.unknown != Some(n) {
            assert!(!stored, "{what}: change {n} was never taken and is there");
        }
    }
    let report = store.audit_verify(1).unwrap();
    assert!(report.is_whole() && report.entries == there, "{what}: {report:?}");
    let loaded = store.load_snapshot(&space(), "s").unwrap();
    assert!(loaded.lost.is_empty() && loaded.snapshot.map_or(0, |found| found.generation) == there, "{what}");
    for digest in &acked.answers {
        assert!(store.get_answer(digest, 100).unwrap().is_some(), "{what}: an answer is lost");
    }
    store.commit_blocking(put("goes on", 1)).unwrap();
}

#[test]
fn the_power_fails_at_every_operation_and_again_during_every_recovery() {
    let whole = SharedMemory::new();
    let acked = work(&whole);
    assert_eq!(acked.changes.len() as u64, CHANGES);
    let operations = whole.ops();
    assert!(operations > 40, "{operations}");
    let (mut recoveries, mut unknown) = (0, 0);
    for at in 1..=operations {
        let memory = SharedMemory::new();
        memory.inject(Fault::DeadAt(at));
        let acked = work(&memory);
        unknown += u64::from(acked.unknown.is_some());
        memory.power_loss(at);
        // Count what a recovery does, then stop it at every one of its operations.
        let trial = memory.image();
        let before = trial.ops();
        drop(Store::open(Options::in_memory(trial.clone(), entropy())));
        // Between them, the rounds stop every operation of a recovery.
        for again in (1 + at % 9..=trial.ops() - before).step_by(9) {
            let second = memory.image();
            second.inject(Fault::DeadAt(again));
            std::mem::forget(Store::open(Options::in_memory(second.clone(), entropy())));
            second.power_loss(at * 1000 + again);
            check(&second, &acked, &format!("dead at {at}, recovery dead at {again}"));
            recoveries += 1;
        }
        check(&memory, &acked, &format!("dead at {at}"));
    }
    assert!(recoveries > 50 && unknown > 10, "{recoveries} {unknown}");
}

#[test]
fn the_process_dies_at_every_operation() {
    let operations = {
        let whole = SharedMemory::new();
        work(&whole);
        whole.ops()
    };
    for at in 1..=operations {
        let memory = SharedMemory::new();
        memory.inject(Fault::DeadAt(at));
        let acked = work(&memory);
        memory.restart();
        check(&memory, &acked, &format!("killed at {at}"));
    }
}

#[test]
fn one_failed_write_or_sync_stops_the_store_for_good_and_tells_once() {
    for sync in [false, true] {
        let mut hit = 0;
        for n in 1..30 {
            let memory = SharedMemory::new();
            let told = Arc::new(AtomicUsize::new(0));
            let count = told.clone();
            let on_fatal: OnFatal = Arc::new(move |error: FatalStoreError| {
                assert!(!error.disk_full && error.chain.contains("injected fault"), "{error}");
                count.fetch_add(1, Ordering::Relaxed);
            });
            let options = Options { on_fatal, ..Options::in_memory(memory.clone(), entropy()) };
            let store = Store::open(options).unwrap();
            store.commit_blocking(put("before", 1)).unwrap();
            memory.inject(if sync { Fault::Sync(n) } else { Fault::Write(n) });
            let results: Vec<_> = (0..5).map(|i| store.commit_blocking(put(&i.to_string(), i))).collect();
            let failed = results.iter().position(|result| matches!(result, Err(CommitError::Unknown)));
            if let Some(at) = failed {
                hit += 1;
                assert!(results[at + 1..].iter().all(|result| matches!(result, Err(CommitError::Stopped))));
                assert!(!store.is_running());
            }
            assert_eq!(told.load(Ordering::Relaxed), usize::from(failed.is_some()));
            std::mem::forget(store);
            memory.power_loss(n);
            let again = open(&memory);
            assert_eq!(text(&again, "before").as_deref(), Some("1"));
            for (i, result) in results.iter().enumerate().filter(|(_, result)| result.is_ok()) {
                assert!(text(&again, &i.to_string()).is_some(), "sync {sync}, {n}: {i} {result:?} is lost");
            }
        }
        assert!(hit >= 5, "{hit}");
    }
}

#[test]
fn a_full_disk_is_called_that_and_loses_nothing() {
    let memory = SharedMemory::new();
    let full = Arc::new(Mutex::new(None));
    let seen = full.clone();
    let on_fatal: OnFatal = Arc::new(move |error| *seen.lock().unwrap() = Some(error));
    let store = Store::open(Options {
        on_fatal,
        mode: Mode::Threaded,
        ..Options::in_memory(memory.clone(), entropy())
    })
    .unwrap();
    memory.inject(Fault::Full(memory.len()));
    let stored = (0..10_000)
        .take_while(|n| store.commit_blocking(put(&n.to_string(), "x".repeat(5000))).is_ok())
        .count();
    assert!(stored < 10_000);
    let error = full.lock().unwrap().take().expect("told");
    assert!(
        error.disk_full && error.to_string().ends_with("free space on its disk, then start again"),
        "{error}"
    );
    drop(store);
    memory.restart();
    let again = open(&memory);
    for n in 0..stored {
        assert!(text(&again, &n.to_string()).is_some());
    }
}

/// The matrix above must be able to fail: on a disk whose syncs do nothing it does.
#[test]
fn a_disk_that_lies_about_syncs_is_caught() {
    let caught = (0..8).filter(|seed| {
        let memory = SharedMemory::new();
        memory.inject(Fault::SyncLies);
        let acked = work(&memory);
        assert_eq!(acked.changes.len() as u64, CHANGES);
        memory.power_loss(*seed);
        std::panic::catch_unwind(|| check(&memory, &acked, "lied to")).is_err()
    });
    assert!(caught.count() > 0);
}
