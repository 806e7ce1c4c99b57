//! What the audit trail costs: entries appended a second (alone, and as many at once as the store groups),
//! verified a second next to plain SHA-256 of the same bytes, and signed and checked checkpoints.
//!
//! Times of one run on one disk, as ratios where that helps; nothing is asserted.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a bench")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use mm_core::audit::checkpoint::{Seed, Signer};
use mm_core::digest::Digest;
use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_services::audit::checkpoints;
use mm_store::{Change, NewEntry, Options, Stamp, Store};
use money_machine::seams::SystemEntropy;

/// Appends one after the other.
const ALONE: usize = 200;
/// Tasks that append at the same time, and how many each.
const TASKS: usize = 64;
const EACH: usize = 200;
/// Signatures made and checked.
const SIGNED: u32 = 2_000;

fn entry(n: usize) -> Change {
    let payload = serde_json::json!({ "action": format!("00001-{n:06}-bug-bounty.read"), "status": 200 });
    let (at, space) = (Moment::from_unix_ms(1_700_000_000_000 + n as i64), Space::default_owner());
    Change::new().audit(NewEntry::new(at, &space, "action.confirmed", &payload).unwrap())
}

fn rate(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

fn timed<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let done = act();
    (done, began.elapsed())
}

async fn together(store: &Store) {
    let tasks = (0..TASKS).map(|task| {
        let store = store.clone();
        tokio::spawn(async move {
            for n in 0..EACH {
                store.commit(entry(task * EACH + n)).await.unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let store =
        Store::open(Options::in_dir(dir.path(), Stamp::Sandbox, Arc::new(SystemEntropy::new()))).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let ((), alone) = timed(|| (0..ALONE).for_each(|n| drop(store.commit_blocking(entry(n)).unwrap())));
    let ((), grouped) = timed(|| runtime.block_on(together(&store)));
    let (alone, grouped) = (rate(ALONE, alone), rate(TASKS * EACH, grouped));
    println!("appends, one after the other       {alone:>10.0}/s");
    println!(
        "appends, {TASKS} at a time              {grouped:>10.0}/s   {:.1} times as many",
        grouped / alone
    );
    let (report, verified) = timed(|| store.audit_verify(1).unwrap());
    assert!(report.is_whole());
    let count = report.entries as usize;
    // What is hashed of each: a commitment of some 110 bytes, and an entry of some 220.
    let (bytes, _) = (vec![7u8; 330], ());
    let (_, plain) = timed(|| {
        (0..count).for_each(|_| {
            std::hint::black_box(Digest::of(std::hint::black_box(&bytes)));
        });
    });
    let (verified, plain) = (rate(count, verified), rate(count, plain));
    println!(
        "entries verified                   {verified:>10.0}/s   {:.2} of plain SHA-256 of as many bytes ({plain:.0}/s)",
        verified / plain
    );
    let signer = Signer::of(&Seed::new([7; 32]));
    let sign = || checkpoints::sign(&store, None, report.tip, Moment::default(), &signer).unwrap();
    let (signed, making) = timed(|| (1..SIGNED).fold(sign(), |_, _| sign()));
    let (sound, checking) = timed(|| (0..SIGNED).all(|_| signed.is_sound()));
    assert!(sound);
    println!("a checkpoint made in {:?}, checked in {:?}", making / SIGNED, checking / SIGNED);
}
