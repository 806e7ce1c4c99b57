//! The audit trail on a whole machine: signed, anchored, held against both, and the permits that hang on it.

use std::path::PathBuf;
use std::time::Duration;

use mm_core::audit::anchor::{ACCEPTED_KIND, GivenUp, Line};
use mm_core::audit::checkpoint::{Seed, Signed, Signer};
use mm_core::audit::keys::KEY_KIND;
use mm_core::id::Space;
use mm_core::run::{Outcome, Trigger};
use mm_services::audit::{checkpoints, verify, verify_by};
use mm_services::records::CheckpointRow;
use mm_services::testing::{Bench, Machine, Script};
use mm_store::{Change, Forgery, NewEntry, Span, Store};

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

/// A bench whose store was put back behind its newest anchor.
fn put_back(seed: u64) -> Bench {
    let mut bench = anchored(seed);
    bench.live(async |machine| signed(machine).await);
    let old = bench.memory.image();
    bench.live(async |machine| {
        for _ in 0..3 {
            machine.run("reader").await;
            signed(machine).await;
        }
    });
    bench.memory = old;
    bench
}

fn held(machine: &Machine) -> String {
    machine.services.shared.held().unwrap_or_default()
}

#[test]
fn an_anchor_that_could_not_be_read_at_the_start_is_looked_at_before_anything_is_written_behind_it() {
    let mut bench = put_back(7);
    let evidence = bench.evidence.clone();
    evidence.fail(Some("its disk is away"));
    let lines = evidence.lines(&anchors());
    bench.live(async |machine| {
        assert_eq!(held(machine), "", "nothing is known yet");
        machine.run("reader").await;
        evidence.fail(None);
        machine.until("it was looked at", || held(machine).contains("the anchor of")).await;
        assert_ne!(machine.run("reader").await.outcome, Some(Outcome::Succeeded));
        machine.pass(3 * HOUR).await;
        assert!(machine.services.audit.sign().await.unwrap().is_err());
    });
    assert_eq!(evidence.lines(&anchors()), lines, "no line hides the one that speaks against the chain");
}

#[test]
fn anchors_that_were_there_and_are_not_have_not_been_looked_at() {
    let mut bench = anchored(8);
    bench.live(async |machine| {
        signed(machine).await;
        signed(machine).await;
    });
    let old = bench.memory.image();
    bench.live(async |machine| {
        machine.run("reader").await;
        signed(machine).await;
    });
    bench.memory = old;
    let (evidence, lines) = (bench.evidence.clone(), bench.evidence.lines(&anchors()));
    evidence.write(&anchors(), Vec::new());
    bench.live(async |machine| {
        assert_eq!(held(machine), "");
        evidence.write(&anchors(), lines.clone());
        assert!(machine.services.audit.sign().await.unwrap().is_err(), "looked at before anything is signed");
        assert!(held(machine).contains("put back to an older state"), "{}", held(machine));
    });
}

#[test]
fn a_file_of_anchors_that_is_configured_later_is_looked_at_then() {
    let mut bench = put_back(9);
    let with = bench.settings.clone();
    bench.settings.audit.anchor.file = None;
    bench.live(async |machine| {
        assert_eq!(held(machine), "");
        machine.services.shared.settings.replace(with.clone());
        machine.until("it was looked at", || held(machine).contains("the anchor of")).await;
    });
}

#[test]
fn an_older_line_behind_the_newest_hides_nothing() {
    let mut bench = put_back(10);
    let mut lines = bench.evidence.lines(&anchors());
    lines.push(lines[0].clone());
    bench.evidence.write(&anchors(), lines);
    bench.live(async |machine| assert!(held(machine).contains("put back"), "{}", held(machine)));
}

#[test]
fn the_owners_word_gives_up_every_anchor_that_speaks_against_the_chain() {
    let mut bench = put_back(11);
    let lines = bench.evidence.lines(&anchors());
    bench.live(async |machine| {
        assert_ne!(held(machine), "");
        machine.services.audit.accept("restored on purpose", "operator").await.unwrap().unwrap();
        let given_up = verify(&machine.store).unwrap().given_up;
        let digests: Vec<&String> = given_up.iter().flat_map(|(_, said)| &said.checkpoints).collect();
        let tip = |line: &String| Line::parse(line).unwrap().seq;
        let beyond: Vec<&String> = lines.iter().filter(|line| tip(line) > tip(&lines[0])).collect();
        assert!(beyond.len() >= 3, "{lines:?}");
        for line in beyond {
            let digest = Line::parse(line).unwrap().signed().unwrap().checkpoint.digest().to_string();
            assert!(digests.contains(&&digest), "{line}");
        }
        machine.run("reader").await;
        signed(machine).await;
        assert_eq!(held(machine), "");
    });
    bench.live(async |machine| assert_eq!(held(machine), ""));
}

/// Puts an entry on the chain that gives `checkpoints` up, as the owner's word does.
fn give_up(store: &Store, checkpoints: Vec<String>) {
    let said = GivenUp { held: "it".into(), checkpoints, reason: "so".into(), by: "operator".into() };
    let entry = NewEntry::new(Default::default(), &Space::machine(), ACCEPTED_KIND, &said).unwrap();
    store.commit_blocking(Change::new().audit(entry)).unwrap();
}

fn sign(store: &Store, signer: &Signer) -> Signed {
    let (last, tip) = (checkpoints::latest(store).unwrap(), store.audit_tip().unwrap());
    let signed = checkpoints::sign(store, last.as_ref(), tip, Default::default(), signer).unwrap();
    store.commit_blocking(checkpoints::keep(&signed).unwrap()).unwrap();
    signed
}

#[test]
fn a_forged_word_of_the_owners_gives_up_nothing() {
    for with_a_key_of_his_own in [false, true] {
        let bench = put_back(12);
        let lines = bench.evidence.lines(&anchors());
        let digest = |line: &String| Line::parse(line).unwrap().signed().unwrap().checkpoint.digest();
        bench.meddle(|store| {
            give_up(store, lines.iter().map(|line| digest(line).to_string()).collect());
            if with_a_key_of_his_own {
                sign(store, &Signer::of(&Seed::new([66; 32])));
            }
        });
        // Nor while the anchors are away, when the machine would sign it.
        for away in [false, true] {
            let mut bench = bench.fork();
            bench.evidence.fail(away.then_some("its disk is away"));
            bench.live(async |machine| {
                assert_ne!(held(machine), "");
                assert!(machine.services.audit.sign().await.unwrap().is_err());
            });
        }
    }
}

#[test]
fn a_checkpoint_by_a_key_that_the_machines_does_not_stand_for_holds() {
    let mut bench = anchored(13);
    bench.live(async |machine| {
        signed(machine).await;
        machine.services.audit.rotate("yearly").await.unwrap().unwrap();
    });
    bench.live(async |machine| assert_eq!(held(machine), "", "the key before is this machine's as well"));
    bench.meddle(|store| {
        give_up(store, Vec::new());
        sign(store, &Signer::of(&Seed::new([66; 32])));
    });
    bench.live(async |machine| {
        assert!(held(machine).contains("which this machine's key does not stand for"), "{}", held(machine));
        machine.services.audit.accept("looked at", "operator").await.unwrap().unwrap();
    });
    bench.live(async |machine| assert_eq!(held(machine), ""));
}

#[test]
fn a_checkpoint_beyond_the_end_or_one_that_does_not_open_holds_until_the_owner_goes_on() {
    for damaged in [false, true] {
        let mut bench = anchored(14);
        let dir = tempfile::tempdir().unwrap();
        if damaged {
            bench.dir = Some(dir.path().to_owned());
        }
        bench.live(async |machine| {
            signed(machine).await;
            machine.run("reader").await;
            signed(machine).await;
        });
        if damaged {
            let last = bench.evidence.lines(&anchors()).pop().unwrap();
            let signature = Line::parse(&last).unwrap().signed().unwrap().signature;
            flip(&bench, &signature);
        } else {
            bench.meddle(|store| {
                let before = checkpoints::latest(store).unwrap().unwrap().checkpoint.previous;
                let all = store.scan::<CheckpointRow>(&Space::machine(), Span::all(), usize::MAX).unwrap();
                let mut all = all.into_values().map(|row| row.signed.checkpoint);
                let end = all.find(|checkpoint| checkpoint.digest() == before).unwrap().seq;
                store.forge(Forgery::CutCleanlyAfter(end));
            });
        }
        bench.live(async |machine| {
            let why = if damaged { "does not open" } else { "put back to an older state" };
            assert!(held(machine).contains(why), "{}", held(machine));
            machine.services.audit.accept("looked at", "operator").await.unwrap().unwrap();
            let newest = checkpoints::latest(&machine.store).unwrap().expect("a fresh one");
            let page = machine.store.audit_range(1, usize::MAX).unwrap().rows;
            let word = page.iter().rfind(|row| row.entry.kind == "audit.anchor-given-up").unwrap();
            assert!(word.entry.seq <= newest.checkpoint.seq, "what was accepted is signed");
        });
        bench.live(async |machine| {
            assert_eq!(held(machine), "");
            assert_eq!(
                verify(&machine.store).unwrap().is_whole(),
                !damaged,
                "what was damaged goes on to be told"
            );
        });
    }
}

/// Changes a byte of the row that holds `signature`, on the disk.
fn flip(bench: &Bench, signature: &[u8]) {
    let path = bench.dir.as_ref().unwrap().join(mm_store::DATABASE_FILE);
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(signature.len()).position(|window| window == signature).expect("it stands there");
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();
}
