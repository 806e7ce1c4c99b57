//! What is refused before anything runs: one sentence each that says what to do, and what was there
//! stays as it was.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use expect_test::{Expect, expect};

use crate::harness::Home;

/// Every file below a directory, with its bytes.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            found.insert(path, bytes);
        }
    }
    found
}

/// Refused with this text on stderr and nothing on stdout.
fn refused(home: &Home, line: &str, sentence: Expect) {
    let said = home.run(line);
    sentence.assert_eq(&said.err);
    assert_eq!((said.code, said.out.as_str()), (1, ""), "{line}");
}

#[test]
fn a_second_daemon_names_the_first_one_and_the_first_goes_on() {
    let home = Home::new();
    let first = home.start("run --sandbox");
    let second = home.command("run --sandbox").output().unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains(&format!("another daemon (pid {}) uses", first.pid())), "{said}");
    expect![[r#"
        could not start: another daemon (pid PID) uses the data directory `HOME/data`: ask it with `money-machine status`, stop it, or give another --data-dir
    "#]]
    .assert_eq(&home.plain(&said));
    assert_eq!((second.status.code(), second.stdout.len()), (Some(1), 0));
    // Also a `--once`, and one of the other kind, which could not even begin to look.
    assert_eq!(home.run("run --sandbox --once").code, 1);
    assert_eq!(home.run("run --once").code, 1);
    assert_eq!(home.json("status")["pid"], first.pid());
    assert_eq!(first.stop(), 0);
}

#[test]
fn the_other_kind_of_run_is_refused() {
    let home = Home::used();
    let before = files(&home.data());
    refused(
        &home,
        "run --once",
        expect![[r#"
            could not start: the data directory `HOME/data` belongs to sandbox runs and this is a live run: give another with --data-dir, or run with --sandbox
        "#]],
    );
    assert_eq!(files(&home.data()), before);
    // A live directory is made by a live run that has nothing to do: no packet leaves for it.
    home.write("off.toml", "[strategies.bug-bounty]\nenabled = false\n");
    assert_eq!(home.run("run --once --config off.toml --data-dir live").code, 1);
    refused(
        &home,
        "run --sandbox --once --data-dir live",
        expect![[r#"
            could not start: the data directory `HOME/live` belongs to live runs and this is a sandbox run: give another with --data-dir, or run without --sandbox
        "#]],
    );
}

/// Below a regular file and in a file system of the kernel, where root may not write either.
#[test]
fn a_data_directory_that_cannot_be_written_is_named() {
    let home = Home::new();
    home.write("file", "mine");
    refused(
        &home,
        "run --sandbox --once --data-dir file/below",
        expect![[r#"
            could not start: cannot write in the data directory `HOME/file/below`: make it a directory this user may write, or give another with --data-dir: Not a directory (os error 20)
        "#]],
    );
    refused(
        &home,
        "run --sandbox --once --data-dir file",
        expect![[r#"
            could not start: cannot write in the data directory `HOME/file`: make it a directory this user may write, or give another with --data-dir: File exists (os error 17)
        "#]],
    );
    assert_eq!(std::fs::read(home.path("file")).unwrap(), b"mine");
    let said = home.run("run --sandbox --once --data-dir /proc/money-machine");
    assert_eq!(said.code, 1);
    assert!(said.err.contains("cannot write in the data directory `/proc/money-machine`"), "{}", said.err);
}

/// How long a database is hangs on when its writer's groups were cut.
fn without_length(text: &str) -> String {
    let Some((before, after)) = text.split_once("layout_len=") else { return text.to_owned() };
    format!("{before}layout_len=LENGTH{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// Each of these leaves every file as it was.
#[test]
fn a_store_of_another_version_or_without_its_parts_is_refused_and_kept() {
    let home = Home::used();
    let stamp = std::fs::read_to_string(home.path("data/stamp.json")).unwrap();
    let database = std::fs::read(home.path("data/store.redb")).unwrap();
    let refused_and_kept = |sentence: &Expect| {
        let before = files(&home.data());
        let said = home.run("run --sandbox --once");
        sentence.assert_eq(&without_length(&said.err));
        assert_eq!((said.code, said.out.as_str()), (1, ""));
        assert_ne!(home.run("doctor").code, 0, "doctor sees it too");
        let mut after = files(&home.data());
        // Boots are counted, so that a loop of them is seen, and the log may be begun.
        for counted in ["boots.json", "boots.step", "logs/money-machine.log"] {
            let path = home.data().join(counted);
            after.insert(path.clone(), before.get(&path).cloned().unwrap_or_default());
        }
        assert_eq!(after, before);
    };

    home.write("data/stamp.json", stamp.replace("\"format\": 1", "\"format\": 7"));
    refused_and_kept(&expect![[r#"
        could not start: the data directory `HOME/data` was written by a newer version of money-machine (format 7; this one knows 1): run the newer version, or give another --data-dir
    "#]]);
    home.write("data/stamp.json", "{");
    refused_and_kept(&expect![[r#"
        could not start: `HOME/data/stamp.json` is damaged: restore it from a backup, or give another --data-dir: EOF while parsing an object at line 1 column 1
    "#]]);
    std::fs::remove_file(home.path("data/stamp.json")).unwrap();
    refused_and_kept(&expect![[r#"
        could not start: the data directory `HOME/data` holds a database without its stamp.json, so whether it is live or sandbox is not known: put that file back, or give another --data-dir
    "#]]);
    home.write("data/stamp.json", &stamp);

    std::fs::remove_file(home.path("data/store.redb")).unwrap();
    let missing = expect![[r#"
        could not start: the database `HOME/data/store.redb` is missing or empty though one was made here: put it back or restore a backup; to begin anew on purpose, give another --data-dir
    "#]];
    refused_and_kept(&missing);
    assert!(!home.path("data/store.redb").exists());
    home.write("data/store.redb", "");
    refused_and_kept(&missing);
    home.write("data/store.redb", &database[..40_000]);
    refused_and_kept(&expect![[r#"
        could not start: could not open the database; if this stays, restore a backup (nothing was changed): the database failed: DB corrupted: File truncated below stored layout: file_len=40000, layout_len=LENGTH
    "#]]);
    home.write("data/store.redb", vec![0xA5; 9000]);
    refused_and_kept(&expect![[r#"
        could not start: could not open the database; if this stays, restore a backup (nothing was changed): the database failed: I/O error: Not a redb database: magic number mismatch
    "#]]);
    home.write("data/store.redb", &database);
    assert_eq!(home.run("run --sandbox --once").code, 0, "put back, it goes on");
}

#[test]
fn recordings_that_cannot_be_replayed_are_named_by_file_and_line() {
    let home = Home::new();
    let line = "run --sandbox --recordings r.jsonl --once";
    let good = r#"{"at":"2026-07-22T11:35:33Z","method":"GET","url":"https://x.example/","status":200,"headers":{}}"#;
    refused(
        &home,
        line,
        expect![[r#"
            could not start: cannot read r.jsonl; check the path and its permissions: No such file or directory (os error 2)
        "#]],
    );
    home.write("r.jsonl", "");
    refused(
        &home,
        line,
        expect![[r#"
            could not start: the manifest r.jsonl holds no recording; it needs one JSON object a line
        "#]],
    );
    home.write("r.jsonl", format!("{good}\n{{\"at\":\n"));
    refused(
        &home,
        line,
        expect![[r#"
            could not start: line 2 of r.jsonl is not a recording; it needs at, method, url, status, headers and body_file: EOF while parsing a value at line 1 column 6
        "#]],
    );
    home.write("r.jsonl", good.replace("\"headers\":{}", "\"headers\":{},\"body_file\":\"gone.json\""));
    refused(
        &home,
        line,
        expect![[r#"
            could not start: line 1 of r.jsonl: body_file: there is no file gone.json
        "#]],
    );
    home.write("r.jsonl", good.replace("2026-07-22T", "22 July "));
    refused(
        &home,
        line,
        expect![[r#"
            could not start: line 1 of r.jsonl: at is "22 July 11:35:33Z"; it must be a time like TIME
        "#]],
    );
}

#[test]
fn bad_usage_ends_with_2_and_touches_nothing() {
    let home = Home::new();
    let said = home.run("run --sandbox --as-of yesterday --once");
    expect![[r#"
        error: invalid value 'yesterday' for '--as-of <TIME>': `yesterday` is not a time like TIME (RFC 3339)

        For more information, try '--help'.
    "#]]
    .assert_eq(&said.err);
    assert_eq!(said.code, 2);
    for line in [
        "run --sandbox --as-of 2026-13-01T00:00:00Z",
        // The clock and the answers of the real world are not to be chosen.
        "run --as-of 2026-07-22T12:00:00Z",
        "run --recordings r.jsonl",
        "run --sandbox --log-level loud",
        "run --sandbox --space other",
    ] {
        assert_eq!(home.run(line).code, 2, "{line}");
    }
    assert!(!home.data().exists());
}

#[test]
fn every_mistake_of_a_configuration_is_told_at_once_before_anything_is_made() {
    let home = Home::new();
    home.write("bad.toml", BAD_CONFIG);
    refused(
        &home,
        "run --sandbox --once --config bad.toml",
        expect![[r#"
            could not read the configuration: the configuration has 6 mistakes
              bad.toml:1: `environmnt` is not known; at the top there are environment, user, limits, resources, compliance, monitoring, alerts, logging, store, audit, vault, strategies, platforms; did you mean `environment`?
              bad.toml:3: `limits.max_daily_actions` is -4, which is too small; write a whole number from 1 to 1000000
              bad.toml:4: `limits.max_concurent_strategies` is not known; in `limits` there are max_daily_actions, max_concurrent_strategies; did you mean `max_concurrent_strategies`?
              bad.toml:6: `strategies.bug-bounty.enabled` is `"yes"`; write true or false
              bad.toml:7: `strategies.bug-bounty.schedule` is `"every banana"`, which is no schedule: `banana` is no length of time: write it like 90s, 30m, 1h30m or 1d (units w d h m s ms); write "every 30m", "@hourly", "@daily", or a cron expression of 5 or 6 fields
              bad.toml:9: `compliance.check_before_action` is false, but there is no action without a verdict; write true or leave it out
        "#]],
    );
    assert!(!home.data().exists());
}

const BAD_CONFIG: &str = r#"environmnt = "x"
[limits]
max_daily_actions = -4
max_concurent_strategies = 2
[strategies.bug-bounty]
enabled = "yes"
schedule = "every banana"
[compliance]
check_before_action = false
"#;

#[test]
fn what_lies_in_the_place_of_the_socket_is_kept() {
    let home = Home::used();
    home.write("data/admin.sock", "mine");
    let said = home.run("run --sandbox --once");
    let last = said.err.lines().last().unwrap();
    expect![[r#"could not start: the machine did not start: the actor tree could not start: `admin` could not start: `HOME/data/admin.sock` is in the way and is no socket: move it elsewhere"#]]
        .assert_eq(last);
    assert_eq!(said.code, 1);
    assert_eq!(std::fs::read(home.path("data/admin.sock")).unwrap(), b"mine");
}

#[test]
fn rules_that_cannot_be_used_permit_nothing_and_are_named() {
    let home = Home::new();
    home.write("data/rules", "not a directory");
    refused(
        &home,
        "run --sandbox --once",
        expect![[r#"
            could not start: cannot use the rules in `HOME/data/rules`: make it a directory this user may write, with the rule files in it: File exists (os error 17)
        "#]],
    );
    std::fs::remove_file(home.path("data/rules")).unwrap();
    std::fs::create_dir_all(home.path("data/rules/mine.toml")).unwrap();
    let unread =
        "nothing is permitted: could not read HOME/data/rules/mine.toml: Is a directory (os error 21)";
    nothing_leaves(&home, unread);
    std::fs::remove_dir(home.path("data/rules/mine.toml")).unwrap();
    home.pack(|pack| pack.replace("verdict = \"permit\"", "verdict = \"allow\""));
    nothing_leaves(&home, "bounty-targets-data.toml:16: rule.verdict: a verdict is permit, ask or forbid");
}

/// No request leaves; the sources, the action and `doctor` say why, and the alert where it stands.
fn nothing_leaves(home: &Home, why: &str) {
    let said = home.run("run --sandbox --once");
    assert_eq!(said.code, 1, "{}", said.err);
    for source in ["hackerone", "bugcrowd", "intigriti", "yeswehack", "federacy"] {
        let told = said.err.lines().any(|line| line.trim_start().starts_with(source) && line.contains(why));
        assert!(told, "{source}: {}", said.err);
    }
    let actions = home.json("actions list");
    let last = actions[0].as_object().unwrap();
    assert_eq!((&last["status"], &last["details"]["answer_status"]), (&"blocked".into(), &().into()));
    assert!(home.plain(last["error"].as_str().unwrap()).contains(why), "{last:?}");
    let doctor = home.run("doctor");
    assert_eq!(doctor.code, 1);
    let named = |start: &str, what: &str| {
        doctor.out.lines().any(|line| line.starts_with(start) && line.contains(what))
    };
    // An alert may leave the machine: it names the action, whose record says the rest.
    let shows = format!("`money-machine actions show {}` tells why", last["id"].as_str().unwrap());
    assert!(named("fail  rules", why) && named("warn  alerts", &shows), "{}", doctor.out);
}
