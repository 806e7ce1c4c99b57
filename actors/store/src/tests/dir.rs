//! The data directory: locks, stamps, and every sentence it refuses with.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use super::*;

fn daemon(path: &Path) -> Result<DataDir, DirError> {
    DataDir::open_for_daemon(path, Stamp::Sandbox, 4711)
}

fn in_dir(path: &Path) -> Result<Store, OpenError> {
    Store::open(Options::in_dir(path, Stamp::Sandbox, entropy()))
}

/// A refusal, with the directory's own name taken out.
fn refusal(path: &Path, error: &dyn std::error::Error) -> String {
    said(error).replace(&path.display().to_string(), "DIR")
}

#[test]
fn a_second_daemon_is_told_the_pid_of_the_first() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("a/b");
    let first = daemon(&path).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(DataDir::daemon_pid(&path), Some(4711));
    let error = DataDir::open_for_daemon(&path, Stamp::Sandbox, 1).unwrap_err();
    expect_test::expect![[r#"another daemon (pid 4711) uses the data directory `DIR`: ask it with `money-machine status`, stop it, or give another --data-dir"#]]
        .assert_eq(&refusal(&path, &error));
    let error = Store::open_read_only(&path).unwrap_err();
    assert!(said(&error).contains("another daemon (pid 4711)"), "{}", said(&error));
    first.close();
    assert_eq!(DataDir::daemon_pid(&path), None);
    daemon(&path).unwrap();
}

#[test]
fn the_other_kind_of_run_is_refused_both_ways() {
    for (made, run) in [(Stamp::Sandbox, Stamp::Live), (Stamp::Live, Stamp::Sandbox)] {
        let temp = tempfile::tempdir().unwrap();
        DataDir::open_for_daemon(temp.path(), made, 1).unwrap().close();
        let error = DataDir::open_for_daemon(temp.path(), run, 1).unwrap_err();
        assert!(matches!(error, DirError::WrongStamp { .. }));
        let hint = if run == Stamp::Live { "or run with --sandbox" } else { "or run without --sandbox" };
        let text = said(&error);
        assert!(
            text.contains(&format!("belongs to {made} runs and this is a {run} run")) && text.ends_with(hint),
            "{text}"
        );
        assert_eq!(DataDir::stamp_of(temp.path()).unwrap(), Some(made));
    }
}

#[test]
fn a_missing_database_is_never_made_anew_where_one_was() {
    let temp = tempfile::tempdir().unwrap();
    let dir = daemon(temp.path()).unwrap();
    in_dir(temp.path()).unwrap().close().unwrap();
    let database = temp.path().join(DATABASE_FILE);
    std::fs::remove_file(&database).unwrap();
    let error = in_dir(temp.path()).unwrap_err();
    expect_test::expect![[r#"the data directory cannot be used: the database `DIR/store.redb` is missing or empty though one was made here: put it back or restore a backup; to begin anew on purpose, give another --data-dir"#]]
        .assert_eq(&refusal(temp.path(), &error));
    assert!(!database.exists());
    // Nor where somebody has cut it to nothing.
    std::fs::write(&database, b"").unwrap();
    assert!(matches!(in_dir(temp.path()), Err(OpenError::Dir(DirError::DatabaseMissing(_)))));
    assert_eq!(database.metadata().unwrap().len(), 0);
    dir.close();
    assert!(matches!(daemon(temp.path()), Err(DirError::DatabaseMissing(_))));
    // And the reverse: a database whose stamp is gone is not stamped by guess.
    std::fs::write(&database, b"x").unwrap();
    std::fs::remove_file(temp.path().join("stamp.json")).unwrap();
    assert!(matches!(daemon(temp.path()), Err(DirError::NoStamp(_))));
    assert_eq!(std::fs::read(&database).unwrap(), b"x");
}

#[test]
fn a_directory_that_cannot_be_written_gives_one_sentence() {
    let temp = tempfile::tempdir().unwrap();
    // Below a regular file: even root cannot write there.
    let file = temp.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let path = file.join("data");
    expect_test::expect![[r#"cannot write in the data directory `DIR`: make it a directory this user may write, or give another with --data-dir: Not a directory (os error 20)"#]]
        .assert_eq(&refusal(&path, &daemon(&path).unwrap_err()));
    let locked = temp.path().join("locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o500)).unwrap();
    if std::fs::write(locked.join("probe"), b"").is_ok() {
        // Not `eprintln!`: the test harness would keep it to itself.
        std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("SKIPPED: this user may write in a directory of mode 0500\n"),
        )
        .expect("stderr takes a line");
        return;
    }
    assert!(matches!(daemon(&locked), Err(DirError::NotWritable { .. })));
}

#[test]
fn a_newer_directory_and_a_damaged_stamp_are_refused() {
    let temp = tempfile::tempdir().unwrap();
    daemon(temp.path()).unwrap().close();
    let stamp = temp.path().join("stamp.json");
    std::fs::write(&stamp, r#"{"stamp":"sandbox","format":2,"database_made":true}"#).unwrap();
    expect_test::expect![[r#"the data directory `DIR` was written by a newer version of money-machine (format 2; this one knows 1): run the newer version, or give another --data-dir"#]]
        .assert_eq(&refusal(temp.path(), &daemon(temp.path()).unwrap_err()));
    std::fs::write(&stamp, "{").unwrap();
    assert!(matches!(daemon(temp.path()), Err(DirError::BadFile { .. })));
}

#[test]
fn a_database_that_is_no_database_is_refused_and_kept() {
    let temp = tempfile::tempdir().unwrap();
    in_dir(temp.path()).unwrap().close().unwrap();
    let database = temp.path().join(DATABASE_FILE);
    let good = std::fs::read(&database).unwrap();
    for bad in [b"not a database at all".to_vec(), vec![0; 8192], good[..good.len() / 2].to_vec()] {
        std::fs::write(&database, &bad).unwrap();
        assert!(in_dir(temp.path()).is_err(), "{} bytes", bad.len());
        assert!(std::fs::read(&database).unwrap() == bad, "kept as it was");
    }
    std::fs::write(&database, &good).unwrap();
    assert_eq!(in_dir(temp.path()).unwrap().epoch().0, 2);
}

#[test]
fn a_database_whose_making_was_cut_short_is_made_again() {
    let temp = tempfile::tempdir().unwrap();
    daemon(temp.path()).unwrap().close();
    std::fs::write(temp.path().join(".store.redb.new"), b"half").unwrap();
    assert_eq!(in_dir(temp.path()).unwrap().epoch().0, 1);
    assert!(!temp.path().join(".store.redb.new").exists());
    // One that is whole but was not yet marked as made is kept.
    let stamp = r#"{"stamp":"sandbox","format":1,"database_made":false}"#;
    std::fs::write(temp.path().join("stamp.json"), stamp).unwrap();
    assert_eq!(in_dir(temp.path()).unwrap().epoch().0, 2);
}

#[test]
fn boots_are_counted_over_restarts_and_forgotten_when_one_goes_well() {
    let temp = tempfile::tempdir().unwrap();
    let at = Moment::from_unix_ms;
    for n in 1..=3 {
        let book = daemon(temp.path()).unwrap().boot_book();
        assert_eq!(book.begin(at(n)).unwrap().attempts.len() as i64, n);
        book.change_kernel_budget(|kept| *kept = Some("{\"left\":1}".to_owned())).unwrap();
    }
    let book = daemon(temp.path()).unwrap().boot_book();
    let boots = book.well(at(9)).unwrap();
    assert_eq!((boots.attempts.len(), boots.ok_at), (0, Some(at(9))));
    assert_eq!(book.read().kernel_budget.as_deref(), Some("{\"left\":1}"));
    for n in 0..100 {
        book.begin(at(n)).unwrap();
        book.broke_off(at(n), "full").unwrap();
    }
    assert_eq!((book.read().attempts.len(), book.read().broke_off.len()), (64, 64));
    std::fs::write(temp.path().join("boots.json"), "garbage").unwrap();
    assert_eq!(book.read(), Boots::default());
    assert!(daemon(temp.path()).unwrap().has_ballast());
}

/// What happens to boots, one letter each, and how many of them have failed then.
#[test]
fn a_boot_has_failed_if_it_never_came_up_or_broke_off() {
    let minutes = |n: usize| Moment::from_unix_ms(1_000_000_000 + 60_000 * n as i64);
    let failed = |story: &str| {
        let temp = tempfile::tempdir().unwrap();
        let book = BootBook::in_dir(temp.path());
        for (minute, what) in story.chars().enumerate() {
            let now = minutes(minute);
            book.begin(now).unwrap();
            match what {
                // Killed while it comes up.
                'k' => book.step("opening the store", None),
                // Came up, and whatever ended it came from outside.
                'w' => drop(book.well(now).unwrap()),
                // Came up, and could not go on.
                'b' => {
                    book.well(now).unwrap();
                    book.broke_off(now, "the store failed").unwrap();
                }
                // Came up in safe mode.
                'h' => drop(book.held().unwrap()),
                _ => {}
            }
        }
        let now = minutes(story.len());
        book.begin(now).unwrap().failed_within(Duration::from_secs(600), now)
    };
    let table = [
        ("", 0),
        ("k", 1),
        ("kk", 2),
        ("kkk", 3),
        ("kkw", 0),
        ("kkwk", 1),
        ("wwwww", 0),
        ("b", 1),
        ("bbb", 3),
        ("bwkb", 2),
        ("kkkh", 3),
        ("kkkhhh", 3),
        ("kkkhhhhhhhh", 2),
        ("kkkhhhhhhhhhh", 0),
        ("kwwwwwwwwwww", 0),
        ("bwwwwwwwwww", 0),
    ];
    for (story, expected) in table {
        assert_eq!(failed(story), expected, "{story}");
    }
}

#[test]
fn the_last_failure_is_known_by_what_it_was_doing() {
    let temp = tempfile::tempdir().unwrap();
    let (book, at) = (BootBook::in_dir(temp.path()), Moment::from_unix_ms);
    book.begin(at(1)).unwrap();
    book.step("opening the store", Some("it is\ndamaged"));
    let failed = book.begin(at(2)).unwrap().failed.unwrap();
    assert_eq!((failed.at, failed.step.as_str()), (at(1), "opening the store"));
    assert_eq!(failed.why.as_deref(), Some("it is damaged"));
    // A boot in safe mode has its own steps, and does not hide who failed.
    book.held().unwrap();
    assert_eq!(book.begin(at(3)).unwrap().failed.unwrap().at, at(1));
    book.forgive().unwrap();
    assert_eq!(book.begin(at(5)).unwrap().failed_within(Duration::from_secs(600), at(5)), 0);
}

#[test]
fn reading_without_a_daemon_writes_nothing_even_after_a_crash() {
    let temp = tempfile::tempdir().unwrap();
    assert!(matches!(Store::open_read_only(temp.path()), Err(OpenError::Dir(DirError::NoData(_)))));
    daemon(temp.path()).unwrap().close();
    assert!(matches!(Store::open_read_only(temp.path()), Err(OpenError::Missing(_))));
    let store = in_dir(temp.path()).unwrap();
    store.commit_blocking(put("a", 1).audit(entry(1))).unwrap();
    // A copy of the file while it is open is what a crash leaves behind.
    let crashed = tempfile::tempdir().unwrap();
    for name in ["stamp.json", "readers.lock", DATABASE_FILE] {
        std::fs::copy(temp.path().join(name), crashed.path().join(name)).unwrap();
    }
    let before = std::fs::read(crashed.path().join(DATABASE_FILE)).unwrap();
    let (one, two) =
        (Store::open_read_only(crashed.path()).unwrap(), Store::open_read_only(crashed.path()).unwrap());
    assert_eq!((text(&one, "a").as_deref(), one.stamp(), one.epoch().0), (Some("1"), Stamp::Sandbox, 1));
    assert!(two.audit_verify(1).unwrap().is_whole());
    assert!(matches!(one.commit_blocking(put("b", 1)), Err(CommitError::ReadOnly)));
    drop((one, two));
    assert!(std::fs::read(crashed.path().join(DATABASE_FILE)).unwrap() == before);
    assert_eq!(
        text(&in_dir(crashed.path()).unwrap(), "a").as_deref(),
        Some("1"),
        "and the daemon recovers it"
    );
}

#[test]
fn a_starting_daemon_waits_for_a_reader() {
    let temp = tempfile::tempdir().unwrap();
    daemon(temp.path()).unwrap().close();
    in_dir(temp.path()).unwrap().close().unwrap();
    let reader = Store::open_read_only(temp.path()).unwrap();
    std::thread::scope(|scope| {
        let starting = scope.spawn(|| daemon(temp.path()).map(drop));
        drop(reader);
        starting.join().unwrap().unwrap();
    });
}
