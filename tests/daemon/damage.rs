//! Somebody wrote to the store while the daemon was down: what was touched is named, and nothing is
//! taken for what it was not.

use mm_services::records::{ScheduleRow, TickRow};
use mm_store::{Change, Key, Record as _, Span, frame};

use crate::harness::{Home, bug_bounty, space};

/// Flips one byte of the value that `table` holds under `key`, in every copy the file has of it.
fn flip(home: &Home, table: &str, key: &[u8], place: impl Fn(usize) -> usize) {
    let path = home.path("data/store.redb");
    let mut bytes = std::fs::read(&path).unwrap();
    let mut flipped = 0;
    for at in 0..bytes.len() - frame::HEADER_BYTES {
        // The magic number and the format of a frame.
        if bytes[at..at + 3] != [0x6d, 0x4d, 1] {
            continue;
        }
        let len = u32::from_le_bytes(bytes[at + 16..at + 20].try_into().unwrap()) as usize;
        let end = at + frame::HEADER_BYTES + len;
        if bytes.get(at..end).is_some_and(|value| frame::open(table, key, value).is_ok()) {
            bytes[at + place(end - at)] ^= 1;
            flipped += 1;
        }
    }
    assert!(flipped > 0, "there is such a value");
    std::fs::write(&path, bytes).unwrap();
}

fn snapshot_key(generation: u64) -> String {
    format!("default\0snapshot\0bug-bounty@{generation:020}")
}

fn generation(home: &Home) -> u64 {
    let loaded = home.store().load_snapshot(&space(), "bug-bounty").unwrap();
    loaded.snapshot.map_or(0, |snapshot| snapshot.generation)
}

#[test]
fn a_corrupt_snapshot_falls_back_to_the_one_before_and_says_so() {
    let home = Home::new();
    let then = "run --sandbox --once --as-of 2026-07-22T12:00:00Z";
    let later = "run --sandbox --once --as-of 2026-08-12T12:00:00Z";
    assert_eq!((home.run(then).code, home.run(later).code), (0, 0));
    let newest = generation(&home);
    assert!(newest >= 2, "two runs keep two generations");
    let found = home.json("opportunities list");
    flip(&home, "rows", snapshot_key(newest).as_bytes(), |len| len - 9);

    let sentence = format!(
        "generation {newest} of snapshot `bug-bounty` in space `default` does not open: the value is damaged: its checksum does not match"
    );
    let doctor = home.run("doctor").out;
    let told = format!("warn  snapshots   {sentence}; the one before it is used\n");
    assert!(doctor.contains(&told), "{doctor}");

    let again = home.run(later);
    assert_eq!(again.code, 0, "{}", again.err);
    assert!(again.err.contains(&sentence), "{}", again.err);
    let alerts = home.json_and_code("status").1["alerts"].clone();
    let alert = alerts.as_array().unwrap().iter().find(|alert| alert["about"] == "snapshot/bug-bounty");
    assert!(alert.unwrap()["sentence"].as_str().unwrap().contains(&sentence), "{alerts}");
    // What was lost is found again, and no opportunity is there twice or gone.
    assert_eq!(generation(&home), newest + 1);
    let ids = |list: &serde_json::Value| {
        let mut ids: Vec<String> = list.as_array().unwrap().iter().map(|o| o["id"].to_string()).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(&home.json("opportunities list")), ids(&found));
}

#[test]
fn where_no_snapshot_opens_doctor_fails_and_the_opportunities_stay() {
    let home = Home::used();
    let before = home.json("opportunities list").as_array().unwrap().len();
    for generation in 1..=generation(&home) {
        flip(&home, "rows", snapshot_key(generation).as_bytes(), |len| len - 1);
    }
    let doctor = home.run("doctor");
    assert_eq!(doctor.code, 1);
    assert!(doctor.out.contains("fail  snapshots   no snapshot of `bug-bounty` opens: "), "{}", doctor.out);
    let again = home.run("run --sandbox --once");
    assert_eq!(again.code, 0, "{}", again.err);
    assert!(again.err.contains("did not open"), "{}", again.err);
    assert_eq!(home.json("opportunities list").as_array().unwrap().len(), before);
}

/// One bit in any place of an entry: in its frame's head, in its hash, in its last byte.
#[test]
fn a_byte_flipped_in_any_audit_row_is_named_by_its_number() {
    let home = Home::used();
    let whole = home.run("audit verify");
    assert!(whole.code == 0 && whole.out.starts_with("whole: "), "{}", whole.out);
    let bytes = std::fs::read(home.path("data/store.redb")).unwrap();
    let entries = home.json("audit verify")["entries"].as_u64().unwrap();
    assert!(entries > 10);
    // Every entry and every payload in turn, each at another place.
    for seq in 1..=entries {
        let table = if seq % 2 == 0 { "audit" } else { "audit_payload" };
        flip(&home, table, &seq.to_be_bytes(), |len| (seq as usize * 7919) % len);
        let said = home.run("audit verify");
        assert_eq!(said.code, 1, "{}", said.out);
        assert!(said.out.starts_with("BROKEN: "), "{}", said.out);
        assert!(
            said.out.lines().any(|line| line.starts_with(&format!("entry {seq}: "))),
            "{seq}: {}",
            said.out
        );
        home.write("data/store.redb", &bytes);
    }
}

/// `doctor` says so before the next start, and after it.
#[test]
fn a_schedule_and_a_tick_deleted_while_down_are_told() {
    let home = Home::new();
    let daemon = home.start("run --sandbox");
    daemon.until_said("more:");
    assert_eq!(daemon.stop(), 0);
    assert_eq!(home.run("doctor").code, 0);

    let schedule = Key::new(&space(), ScheduleRow::KIND, "bug-bounty").unwrap();
    home.meddle(Change::new().delete(schedule));
    told(&home, "the schedule of `bug-bounty` was deleted behind the machine's back");

    // Two, if the schedule that was made again, which is due at once, got as far as its tick.
    let ticks =
        home.store().scan::<TickRow>(&space(), Span::prefix(&format!("{}/", bug_bounty())), 10).unwrap();
    let (tick, _) = ticks.rows.first().unwrap();
    home.meddle(Change::new().delete(Key::new(&space(), TickRow::KIND, tick).unwrap()));
    let written = ticks.rows.len();
    let sentence =
        format!("the tick ledger of `bug-bounty` has {} rows where {written} were written", written - 1);
    told(&home, &sentence);
}

fn told(home: &Home, sentence: &str) {
    let down = home.run("doctor");
    assert!(
        down.out.lines().any(|l| l.starts_with("fail  integrity") && l.contains(sentence)),
        "{}",
        down.out
    );
    let daemon = home.start("run --sandbox");
    // The first look at the rows comes with the scheduler. The alert stays when they are made again.
    daemon.until("tells", || {
        let up = home.run("doctor").out;
        up.lines().any(|line| line.starts_with("warn  alerts") && line.contains(sentence))
    });
    daemon.until("runs again", || !home.json("strategy show bug-bounty")["last"]["outcome"].is_null());
    assert_eq!((down.code, daemon.stop()), (1, 0));
}
