//! The audit trail on a whole machine: signed, anchored, held against both, and the permits that hang on it.

use std::path::PathBuf;
use std::time::Duration;

use mm_core::audit::anchor::Line;
use mm_core::audit::keys::KEY_KIND;
use mm_core::id::Space;
use mm_core::run::{Outcome, Trigger};
use mm_services::audit::{checkpoints, verify, verify_by};
use mm_services::testing::{Bench, Machine, Script};
use mm_store::{Change, NewEntry};

const HOUR: Duration = Duration::from_secs(3600);

fn anchors() -> PathBuf {
    PathBuf::from("/elsewhere/anchors")
}

fn anchored(seed: u64) -> Bench {
    let mut bench = Bench::new(seed);
    bench.settings.audit.anchor.file = Some(anchors());
    bench.install(Script::reads("reader", &["/a"]));
    bench
}

async fn signed(machine: &Machine) {
    machine.services.audit.sign().await.unwrap().unwrap().expect("a checkpoint");
    let told = || {
        let last = checkpoints::latest(&machine.store).unwrap().unwrap();
        let rows = machine.store.get::<mm_services::records::AnchorRow>(&Space::machine(), "file").unwrap();
        rows.is_some_and(|row| row.value.seq == last.checkpoint.seq)
    };
    machine.until("it is anchored", told).await;
}

#[test]
fn checkpoints_are_made_in_time_and_told_once() {
    let mut bench = anchored(1);
    bench.live(async |machine| {
        machine.run("reader").await;
        machine.pass(HOUR).await;
        let found = verify(&machine.store).unwrap();
        assert!(found.is_whole() && found.checkpoints >= 1, "{found:?}");
        assert_eq!(found.last.unwrap().checkpoint.seq, found.tip.seq, "an idle machine's trail is signed");
        let checkpoints = found.checkpoints;
        machine.pass(24 * HOUR).await;
        assert_eq!(verify(&machine.store).unwrap().checkpoints, checkpoints, "no news, no checkpoint");
    });
    let lines = bench.evidence.lines(&anchors());
    assert!(lines.iter().all(|line| Line::parse(line).unwrap().signed().unwrap().is_sound()));
    let mut once = lines.clone();
    once.dedup();
    assert_eq!(lines, once, "each is told once");
}

#[test]
fn a_store_that_was_put_back_holds_every_permit_until_its_owner_goes_on() {
    let mut bench = anchored(2);
    bench.live(async |machine| signed(machine).await);
    let old = bench.memory.image();
    bench.live(async |machine| {
        assert_eq!(machine.run("reader").await.outcome, Some(Outcome::Succeeded));
        signed(machine).await;
    });
    bench.memory = old;
    let asked = bench.world.count();
    bench.live(async |machine| {
        let held = machine.services.shared.held().expect("permits are held");
        assert!(held.contains("put back to an older state"), "{held}");
        assert_ne!(machine.run("reader").await.outcome, Some(Outcome::Succeeded));
        assert_eq!(machine.world.count(), asked, "nothing has left");
        let alerted = || machine.alerts().iter().any(|(about, _)| about == "integrity/audit");
        machine.until("the owner is told", alerted).await;
        assert!(machine.services.audit.sign().await.unwrap().is_err(), "what is in doubt is not signed");
    });
    bench.live(async |machine| {
        assert!(machine.services.shared.held().is_some(), "a restart makes nothing good");
        machine.services.audit.accept("restored on purpose", "operator").await.unwrap().unwrap();
        assert_eq!(machine.services.shared.held(), None);
        assert_eq!(machine.run("reader").await.outcome, Some(Outcome::Succeeded));
    });
    bench.live(async |machine| {
        assert_eq!(machine.services.shared.held(), None, "the new state is what is anchored");
        assert_eq!(verify(&machine.store).unwrap().given_up.len(), 1, "it is on the trail");
        assert!(machine.services.audit.accept("again", "operator").await.unwrap().is_err());
    });
}

#[test]
fn when_the_trail_cannot_be_written_nothing_leaves() {
    let mut bench = Bench::new(3);
    bench.install(Script::reads("reader", &["/a"]));
    bench.live(async |machine| {
        drop(machine.store.clone().close());
        assert!(machine.services.shared.held().is_some_and(|why| why.contains("cannot be written")));
        drop(machine.services.strategies.start("reader", Trigger::Operator).await);
        machine.pass(Duration::from_secs(30)).await;
        assert_eq!(machine.world.count(), 0);
    });
}

#[test]
fn a_new_key_is_announced_by_the_one_before_and_a_lost_one_is_seen() {
    let mut bench = anchored(4);
    let (first, second) = bench.live(async |machine| {
        signed(machine).await;
        let first = checkpoints::latest(&machine.store).unwrap().unwrap().key;
        let second = machine.services.audit.rotate("yearly").await.unwrap().unwrap();
        let found = verify_by(&machine.store, Some(first)).unwrap();
        assert!(found.is_whole(), "{:?}", found.doubts);
        assert_eq!(found.keys, [first, second]);
        (first, second)
    });
    bench.evidence.lose_keys();
    bench.live(async |machine| {
        machine.services.audit.sign().await.unwrap().unwrap();
        let found = verify(&machine.store).unwrap();
        assert_eq!(found.keys.len(), 3);
        assert_eq!(machine.store.audit_of_kind(KEY_KIND).unwrap().len(), 2, "both changes are on the trail");
        for noted in [first, second] {
            let doubts = verify_by(&machine.store, Some(noted)).unwrap().doubts;
            assert!(!doubts.is_empty(), "nobody vouches for the third key");
        }
        assert!(found.is_whole(), "{:?}", found.doubts);
    });
}

#[test]
fn a_place_that_fails_is_tried_again_and_its_owner_told_once() {
    let mut bench = anchored(5);
    bench.evidence.fail(Some("no such disk"));
    let evidence = bench.evidence.clone();
    bench.live(async |machine| {
        machine.services.audit.sign().await.unwrap().unwrap();
        let alerts = || machine.alerts().iter().filter(|(about, _)| about == "audit/anchor-file").count();
        machine.pass(HOUR / 2).await;
        assert_eq!(alerts(), 0, "not at once");
        machine.pass(6 * HOUR).await;
        assert_eq!(alerts(), 1);
        evidence.fail(None);
        machine.until("it is over", || alerts() == 0).await;
        assert!(!evidence.lines(&anchors()).is_empty());
    });
}

#[test]
fn a_broken_end_is_found_at_the_start() {
    let mut bench = anchored(6);
    bench.live(async |machine| signed(machine).await);
    bench.meddle(|store| {
        let entry = NewEntry::new(Default::default(), &Space::machine(), "test.more", &1).unwrap();
        store.commit_blocking(Change::new().audit(entry)).unwrap();
        store.forge(mm_store::Forgery::Payload(store.audit_tip().unwrap().seq));
    });
    bench.live(async |machine| {
        let held = machine.services.shared.held().expect("permits are held");
        assert!(held.contains("was changed"), "{held}");
    });
}
