//! The audit trail in the hands of somebody who can write to the store's file: what `audit verify` finds,
//! with a checkpoint, an anchor and a key, and that a second verifier written from the documents finds the
//! same. Real stores, the real binary, and Python where it is there.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use mm_core::audit::anchor::{ACCEPTED_KIND, GivenUp, Line};
use mm_core::audit::checkpoint::{PublicKey, Seed, Signer};
use mm_core::audit::keys::{KEY_KIND, KeyChange};
use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_services::audit::{AnchorCommand as _, checkpoints};
use mm_store::{Change, DataDir, Forgery, NewEntry, Options, Stamp, Store};
use money_machine::channel::CommandChannel;
use money_machine::config::Env;
use money_machine::seams::SystemEntropy;

#[path = "daemon/clock.rs"]
mod clock;

/// Entries of every store here; the last checkpoint is on `SIGNED`.
const ENTRIES: u64 = 12;
const SIGNED: u64 = 10;
/// The second verifier.
const SECOND: &str = "tests/verify_audit.py";

struct Trail {
    dir: tempfile::TempDir,
    signer: Signer,
    /// The public half of the owner's, noted elsewhere.
    noted: PublicKey,
}

impl Trail {
    /// An empty one.
    fn empty() -> Trail {
        let signer = Signer::of(&Seed::new([7; 32]));
        let noted = signer.public();
        Trail { dir: tempfile::tempdir().unwrap(), signer, noted }
    }

    /// A whole trail: two checkpoints, both anchored, some entries after them, and an erased payload.
    fn new() -> Trail {
        let trail = Trail::empty();
        let store = trail.store();
        trail.append(&store, 1..=5);
        trail.sign(&store);
        trail.append(&store, 6..=8);
        let erase = Change::new().erase_payload(3, Moment::from_unix_ms(9), &Space::machine()).unwrap();
        store.commit_blocking(erase).unwrap();
        trail.append(&store, SIGNED..=SIGNED);
        trail.sign(&store);
        trail.append(&store, SIGNED + 1..=ENTRIES);
        store.close().unwrap();
        trail
    }

    fn store(&self) -> Store {
        let data = self.dir.path().join("data");
        // As a daemon leaves it: with its locks, which the program looks for.
        DataDir::open_for_daemon(&data, Stamp::Live, std::process::id()).unwrap().close();
        Store::open(Options::in_dir(data, Stamp::Live, Arc::new(SystemEntropy::new()))).unwrap()
    }

    fn append(&self, store: &Store, seqs: std::ops::RangeInclusive<u64>) {
        for n in seqs {
            let payload = serde_json::json!({ "n": n, "text": "ä \" \\ \u{1f600}" });
            self.put(store, "test.happened", &payload);
        }
    }

    fn put(&self, store: &Store, kind: &str, payload: &impl serde::Serialize) {
        let at = Moment::from_unix_ms(11);
        let entry = NewEntry::new(at, &Space::default_owner(), kind, payload).unwrap();
        store.commit_blocking(Change::new().audit(entry)).unwrap();
    }

    /// From here on somebody else signs.
    fn is_taken_over(&mut self) {
        self.signer = Signer::of(&Seed::new([8; 32]));
    }

    /// Puts on the chain that the newest anchor is given up.
    fn give_up_the_newest_anchor(&self, store: &Store) {
        let anchors = std::fs::read_to_string(self.anchors()).unwrap();
        let newest = anchors.lines().last().and_then(Line::parse).and_then(|line| line.signed()).unwrap();
        let checkpoints = vec![newest.checkpoint.digest().to_string()];
        let said = GivenUp { held: "it".into(), checkpoints, reason: "so".into(), by: "operator".into() };
        self.put(store, ACCEPTED_KIND, &said);
    }

    /// A trail whose store was put back behind its newest anchor.
    fn put_back() -> Trail {
        let trail = Trail::empty();
        let store = trail.store();
        trail.append(&store, 1..=5);
        trail.sign(&store);
        store.close().unwrap();
        let (file, old) = (trail.dir.path().join("data/store.redb"), trail.dir.path().join("old"));
        std::fs::copy(&file, &old).unwrap();
        let store = trail.store();
        trail.append(&store, 6..=8);
        trail.sign(&store);
        store.close().unwrap();
        check(&trail, "the store as it is", [0, 0, 0], "whole: 8 entries");
        std::fs::copy(&old, &file).unwrap();
        trail
    }

    fn sign(&self, store: &Store) {
        let (last, tip) = (checkpoints::latest(store).unwrap(), store.audit_tip().unwrap());
        let at = Moment::from_unix_ms(1_700_000_000_000);
        let signed = checkpoints::sign(store, last.as_ref(), tip, at, &self.signer).unwrap();
        store.commit_blocking(checkpoints::keep(&signed).unwrap()).unwrap();
        let mut anchors = std::fs::read_to_string(self.anchors()).unwrap_or_default();
        anchors += &(Line::from(&signed).text() + "\n");
        std::fs::write(self.anchors(), anchors).unwrap();
    }

    fn anchors(&self) -> PathBuf {
        self.dir.path().join("anchors")
    }

    fn forged(forgery: Forgery) -> Trail {
        let trail = Trail::new();
        let store = trail.store();
        store.forge(forgery);
        store.close().unwrap();
        trail
    }

    fn run(&self, line: &str) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_money-machine"));
        command.args(line.split_whitespace()).arg("--data-dir").arg(self.dir.path().join("data"));
        command
            .env_clear()
            .envs(clock::moved())
            .env("HOME", self.dir.path())
            .env("XDG_RUNTIME_DIR", self.dir.path());
        let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
        // What is said beside the data is for whoever reads why this test failed.
        eprint!("{}", String::from_utf8_lossy(&stderr));
        (status.code(), String::from_utf8(stdout).unwrap())
    }

    /// What the program says, with a code: by itself, with the anchors, and with the key as well.
    fn verdicts(&self) -> [(Option<i32>, String); 3] {
        let (anchors, key) = (self.anchors().display().to_string(), self.noted);
        let lines = [
            "audit verify".to_owned(),
            format!("audit verify --anchor {anchors}"),
            format!("audit verify --anchor {anchors} --key {key}"),
        ];
        lines.map(|line| self.run(&line))
    }

    /// The second verifier's verdicts on the export, in the same order.
    fn second(&self) -> Option<[(Option<i32>, String); 3]> {
        let export = self.dir.path().join("export.jsonl");
        std::fs::write(&export, self.run("audit export").1).unwrap();
        let (anchors, key) = (self.anchors().display().to_string(), self.noted.to_string());
        let arguments = [vec![], vec!["--anchor", &anchors], vec!["--anchor", &anchors, "--key", &key]];
        arguments
            .map(|arguments| python(&export, &arguments))
            .into_iter()
            .collect::<Option<Vec<_>>>()?
            .try_into()
            .ok()
    }
}

/// Runs the second verifier; `None` where there is no Python that could.
fn python(export: &Path, arguments: &[&str]) -> Option<(Option<i32>, String)> {
    let able = Command::new("python3").args(["-c", "import cryptography"]).output();
    if !able.is_ok_and(|able| able.status.success()) {
        eprintln!("SKIPPED: the second verifier needs python3 and its package `cryptography`");
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(SECOND);
    let Output { status, stdout, stderr } =
        Command::new("python3").arg(script).arg(export).args(arguments).output().unwrap();
    let said = String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap();
    assert!(!said.contains("Traceback"), "{said}");
    Some((status.code(), said))
}

/// Both verifiers end with these codes, and what is found holds `says`.
fn check(trail: &Trail, what: &str, codes: [i32; 3], says: &str) {
    let verdicts = trail.verdicts();
    let found: Vec<_> = verdicts.iter().map(|(code, _)| code.unwrap()).collect();
    assert_eq!(found, codes, "{what}: {verdicts:?}");
    assert!(verdicts[2].1.contains(says), "{what}: {}", verdicts[2].1);
    assert!(verdicts.iter().all(|(_, text)| text.contains("This does not prove:")), "{what}");
    if let Some(second) = trail.second() {
        let found: Vec<_> = second.iter().map(|(code, _)| code.unwrap()).collect();
        assert_eq!(found, codes, "the second verifier on {what}: {second:?}");
    }
}

#[test]
fn a_whole_trail_is_whole_to_both() {
    check(&Trail::new(), "a whole trail", [0, 0, 0], "whole: 12 entries");
}

#[test]
fn what_was_changed_removed_put_elsewhere_or_cut_is_found_without_any_help() {
    for (forgery, says) in [
        (Forgery::Payload(4), "the payload of audit entry 4 was changed"),
        (Forgery::Payload(ENTRIES), "the payload of audit entry 12 was changed"),
        (Forgery::Kind(4), "audit entry 5 does not follow entry 4"),
        (Forgery::Remove(1), "audit entry 1 is missing"),
        (Forgery::Remove(6), "audit entry 6 is missing"),
        (Forgery::Swap(5, 7), "does not follow"),
        (Forgery::CutAfter(ENTRIES - 1), "the chain ends at entry 11"),
        (Forgery::CutAfter(4), "the chain ends at entry 4"),
    ] {
        check(&Trail::forged(forgery), &format!("{forgery:?}"), [1, 1, 1], says);
    }
}

#[test]
fn a_chain_that_is_whole_again_is_found_by_what_was_signed() {
    for (forgery, says) in [
        (Forgery::CutCleanlyAfter(SIGNED - 1), "has seen entry 10, and the chain ends at entry 9"),
        (Forgery::RemakeFrom(SIGNED), "entry 10 is another than the checkpoint"),
        (Forgery::RemakeFrom(4), "entry 5 is another than the checkpoint"),
        (Forgery::RemakeFrom(1), "is of another store"),
    ] {
        check(&Trail::forged(forgery), &format!("{forgery:?}"), [1, 1, 1], says);
    }
}

#[test]
fn without_its_checkpoints_only_an_anchor_finds_it() {
    for (forgery, says) in [
        (Forgery::CutCleanlyAfter(SIGNED - 1), "the anchor of"),
        (Forgery::RemakeFrom(4), "entry 5 is another than the anchor"),
        (Forgery::RemakeFrom(1), "the anchor on entry 5 is of another store"),
    ] {
        let trail = Trail::forged(forgery);
        let store = trail.store();
        store.forge(Forgery::ForgetCheckpoints);
        store.close().unwrap();
        check(&trail, &format!("{forgery:?} without checkpoints"), [0, 1, 1], says);
    }
}

#[test]
fn a_store_that_was_put_back_is_whole_and_only_its_anchor_shows_it() {
    check(&Trail::put_back(), "the store as it was", [0, 1, 1], "put back to an older state");
}

#[test]
fn only_a_word_of_the_owners_that_is_signed_gives_an_anchor_up() {
    let mut trail = Trail::put_back();
    let store = trail.store();
    trail.give_up_the_newest_anchor(&store);
    store.close().unwrap();
    check(&trail, "a word that nobody has signed", [0, 1, 1], "put back to an older state");

    let old = trail.dir.path().join("unsigned");
    let file = trail.dir.path().join("data/store.redb");
    std::fs::copy(&file, &old).unwrap();
    let anchors = std::fs::read(trail.anchors()).unwrap();
    let store = trail.store();
    trail.sign(&store);
    store.close().unwrap();
    check(&trail, "a word that the owner has signed", [0, 0, 0], "whole: 6 entries");

    std::fs::copy(&old, &file).unwrap();
    std::fs::write(trail.anchors(), anchors).unwrap();
    trail.is_taken_over();
    let store = trail.store();
    trail.sign(&store);
    store.close().unwrap();
    check(&trail, "a word that somebody else has signed", [0, 0, 1], "put back to an older state");
}

#[test]
fn an_erasure_is_on_record_only_in_a_later_entry_that_names_it() {
    let trail = Trail::new();
    let store = trail.store();
    // Entry 13 says that entry 14 is erased, before there is one.
    trail.put(&store, mm_store::ERASED_KIND, &serde_json::json!({ "seq": ENTRIES + 2 }));
    trail.append(&store, ENTRIES + 2..=ENTRIES + 2);
    store.forge(Forgery::Erase(ENTRIES + 2, ENTRIES + 1));
    store.close().unwrap();
    check(&trail, "an earlier record", [1, 1, 1], "the payload of audit entry 14 is missing");
    // Entry 9 is the record of entry 3.
    let trail = Trail::forged(Forgery::Erase(4, 9));
    check(&trail, "another's record", [1, 1, 1], "the payload of audit entry 4 is missing");
}

#[test]
fn what_no_checkpoint_covers_yet_can_be_cut_off_and_that_is_said() {
    let trail = Trail::forged(Forgery::CutCleanlyAfter(SIGNED + 1));
    check(&trail, "a clean cut after the last anchor", [0, 0, 0], "about the last 1 entries");
}

#[test]
fn a_thief_of_the_store_alone_cannot_sign() {
    for with_a_link_to_the_owners_key in [false, true] {
        let mut trail = Trail::forged(Forgery::RemakeFrom(4));
        let store = trail.store();
        store.forge(Forgery::ForgetCheckpoints);
        // He makes checkpoints of his own, and anchors.
        std::fs::remove_file(trail.anchors()).unwrap();
        trail.is_taken_over();
        if with_a_link_to_the_owners_key {
            // As if the owner's key had taken the place of his: anybody can sign that.
            let id = checkpoints::store_id(&store).unwrap();
            trail.put(&store, KEY_KIND, &KeyChange::signed(id, trail.noted, &trail.signer, "yearly"));
        }
        trail.sign(&store);
        store.close().unwrap();
        check(&trail, "the thief's own key", [0, 0, 1], "which the key you gave does not stand for");
    }
}

#[test]
fn the_second_verifier_can_be_read_in_one_sitting() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(SECOND)).unwrap();
    assert!(text.lines().count() <= 200, "{} lines", text.lines().count());
    assert!(text.lines().all(|line| line.len() <= 110), "long lines are no fewer lines");
    let imports = text.lines().filter(|line| line.starts_with("import ") || line.starts_with("from "));
    let known = ["argparse", "hashlib", "json", "sys", "cryptography"];
    for line in imports {
        let name = line.split_whitespace().nth(1).and_then(|name| name.split('.').next()).unwrap();
        assert!(known.contains(&name), "{line}");
    }
}

#[test]
fn anchors_that_were_meddled_with_are_no_anchors() {
    for (what, change) in [
        (
            "another hash",
            (|text: &str| text.replacen("\"hash\":\"", "\"hash\":\"00", 1)) as fn(&str) -> String,
        ),
        ("another number", |text| text.replacen("\"seq\":5", "\"seq\":6", 1)),
        ("a torn line", |text| text[..text.len() - 40].to_owned()),
        ("no JSON", |text| format!("{text}hello\n")),
    ] {
        let trail = Trail::new();
        let text = std::fs::read_to_string(trail.anchors()).unwrap();
        std::fs::write(trail.anchors(), change(&text)).unwrap();
        check(&trail, what, [0, 1, 1], "BROKEN");
    }
}

/// An anchor by e-mail is a program of the owner's; the documents show one, which hands a message to
/// `sendmail`.
#[test]
fn an_anchor_is_mailed_by_the_sample_program_and_its_failure_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let (sendmail, mail) = (dir.path().join("sendmail"), dir.path().join("mail"));
    let path = format!("{}:/usr/bin:/bin", dir.path().display());
    let env = Env::new([("PATH".to_owned(), path)]);
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples/mail-anchor.sh");
    let argv = vec![sample.display().to_string(), "ada@example.org".to_owned()];
    let command = mm_services::alerts::Command { argv, timeout: std::time::Duration::from_secs(60) };
    let handed = |text: &str| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(CommandChannel::new(&env).hand(&command, text))
    };
    let plays = |script: &str| {
        std::fs::write(&sendmail, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&sendmail, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    let trail = Trail::empty();
    let store = trail.store();
    trail.append(&store, 1..=2);
    trail.sign(&store);
    let line = std::fs::read_to_string(trail.anchors()).unwrap();
    plays(&format!("echo \"$@\" > {0}; cat >> {0}", mail.display()));
    handed(line.trim_end()).unwrap();
    let mailed = std::fs::read_to_string(&mail).unwrap();
    assert!(mailed.starts_with("-i -- ada@example.org\nTo: ada@example.org\nSubject: "), "{mailed}");
    let (_, body) = mailed.split_once("\n\n").unwrap();
    assert_eq!(body, line, "the line can be taken out of the mail and held against the trail");
    plays("cat > /dev/null; echo no route >&2; exit 75");
    assert!(handed(line.trim_end()).is_err(), "it is tried again");
}
