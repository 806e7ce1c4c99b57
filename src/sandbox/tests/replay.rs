//! Recordings: a small fixture of the project's own, and the real ones where they lie beside it.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::DateTime;

use super::super::recordings::RecordingsError;
use super::*;

const URL: &str = "https://feeds.example/list.json?all=1";

fn ms(at: &str) -> i64 {
    DateTime::parse_from_rfc3339(at).expect("a time").timestamp_millis()
}

fn line(at: &str, status: u16, file: &str) -> String {
    format!(
        r#"{{"at": "{at}", "method": "GET", "url": "{URL}", "status": {status}, "headers": {{"Content-Type": "text/x-fixture", "Content-Length": "9"}}, "body_file": "bodies/{file}"}}"#
    )
}

/// A manifest of these lines beside two bodies.
fn manifest(lines: &[String]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("bodies")).expect("a folder");
    fs::write(folder.path().join("bodies/one"), "first").expect("written");
    fs::write(folder.path().join("bodies/two"), "second").expect("written");
    let file = folder.path().join("fixture.jsonl");
    fs::write(&file, lines.join("\n")).expect("written");
    (folder, file)
}

fn fixture() -> (tempfile::TempDir, Sandbox) {
    let (folder, file) = manifest(&[
        line("2026-01-02T00:00:00Z", 200, "two"),
        String::new(),
        line("2026-01-01T01:00:00+01:00", 200, "one"),
        line("2026-01-03T00:00:00Z", 503, "one"),
    ]);
    let sandbox = Sandbox::with_recordings(&file).expect("a good manifest");
    (folder, sandbox)
}

#[test]
fn the_newest_recording_that_is_not_after_now_answers() {
    let (_folder, sandbox) = fixture();
    for (now, status, body) in [
        ("2026-01-01T00:00:00Z", 200, Some("first")),
        ("2026-01-01T23:59:59Z", 200, Some("first")),
        ("2026-01-02T00:00:00Z", 200, Some("second")),
        ("2026-01-03T00:00:00Z", 503, Some("first")),
        ("2030-01-01T00:00:00Z", 503, Some("first")),
        ("2025-12-31T23:59:59Z", 404, None),
    ] {
        let answer = sandbox.answer(Request::get(URL), ms(now));
        assert_eq!(answer.status, status, "{now}");
        if let Some(body) = body {
            assert_eq!(answer.header("content-type"), Some("text/x-fixture"));
            assert_eq!(answer.header("content-length"), None);
            assert_eq!(bytes(answer), body, "{now}");
        }
    }
}

#[test]
fn what_was_not_recorded_is_not_there() {
    let (_folder, sandbox) = fixture();
    let now = ms("2026-01-02T00:00:00Z");
    for url in ["https://feeds.example/list.json", PRACTICE_URL, &Feed::Federacy.url()] {
        assert_eq!(sandbox.answer(Request::get(url), now).status, 404, "{url}");
    }
    let mut request = Request::get(URL);
    request.method = "POST".to_owned();
    assert_eq!(sandbox.answer(request, now).status, 404);
    assert_eq!(sandbox.answer(Request::get("HTTPS://Feeds.Example:443/list.json?all=1#x"), now).status, 200);
}

#[test]
fn a_recording_can_be_asked_for_by_its_tag() {
    let (_folder, sandbox) = fixture();
    let ask = |tag: &str, now| sandbox.answer(Request::get(URL).with_header("if-none-match", tag), ms(now));
    let first = sandbox.answer(Request::get(URL), ms("2026-01-01T12:00:00Z"));
    assert_eq!(first.header("last-modified"), Some("Thu, 01 Jan 2026 00:00:00 GMT"));
    let tag = first.header("etag").expect("a tag").to_owned();
    assert_eq!(ask(&tag, "2026-01-01T13:00:00Z").status, 304);
    assert_eq!(ask(&tag, "2026-01-02T13:00:00Z").status, 200);
    assert_eq!(ask(&tag, "2026-01-03T13:00:00Z").status, 503);
}

#[test]
fn a_body_that_has_gone_is_said_and_not_invented() {
    let (folder, sandbox) = fixture();
    fs::remove_file(folder.path().join("bodies/one")).expect("removed");
    let answer = sandbox.answer(Request::get(URL), ms("2026-01-01T12:00:00Z"));
    assert_eq!(answer.status, 503);
    let text = String::from_utf8(bytes(answer).to_vec()).expect("text");
    assert!(text.contains("cannot read") && text.contains("bodies/one"), "{text}");
}

#[test]
fn faults_work_on_recordings_too() {
    let (_folder, sandbox) = fixture();
    sandbox.set_fault("list.json", Fault::Truncated { keep_bytes: 2 });
    assert_eq!(bytes(sandbox.answer(Request::get(URL), ms("2026-01-01T12:00:00Z"))), "fi");
}

#[test]
fn every_mistake_in_a_manifest_is_named_with_its_line() {
    let good = line("2026-01-02T00:00:00Z", 200, "two");
    for (bad, expected) in [
        (
            good.replace("2026-01-02T", "2026-13-02T"),
            "line 2 of FILE: at is \"2026-13-02T00:00:00Z\"; it must be a time like 2026-07-22T11:35:33Z",
        ),
        (good.replace("200", "20"), "line 2 of FILE: status is 20; it must be from 100 to 599"),
        (
            good.replace("https", "ftp"),
            "line 2 of FILE: url is \"ftp://feeds.example/list.json?all=1\"; it must start with https://",
        ),
        (
            good.replace("bodies/two", "bodies/ten"),
            "line 2 of FILE: body_file: there is no file DIR/bodies/ten",
        ),
        (
            good.replace("\"url\"", "\"uri\""),
            "line 2 of FILE is not a recording; it needs at, method, url, status, headers and body_file",
        ),
        (
            "nonsense".to_owned(),
            "line 2 of FILE is not a recording; it needs at, method, url, status, headers and body_file",
        ),
    ] {
        let (folder, file) = manifest(&[good.clone(), bad]);
        let problem = Sandbox::with_recordings(&file).expect_err("a mistake").to_string();
        let shown = problem
            .replace(&file.display().to_string(), "FILE")
            .replace(&folder.path().display().to_string(), "DIR");
        assert_eq!(shown, expected);
    }
    let (_folder, file) = manifest(&[]);
    let problem = Sandbox::with_recordings(&file).expect_err("empty");
    assert!(matches!(problem, RecordingsError::NoLines { .. }));
    let problem = Sandbox::with_recordings(Path::new("no/such.jsonl")).expect_err("missing");
    assert_eq!(problem.to_string(), "cannot read no/such.jsonl; check the path and its permissions");
}

/// The real recordings, if they lie beside the checkout.
fn real(name: &str) -> Option<Sandbox> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    if !file.is_file() {
        // Not `eprintln!`: the test harness would keep it to itself.
        std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("SKIPPED: {} is missing, so real recordings were not replayed\n", file.display()),
        )
        .expect("stderr takes a line");
        return None;
    }
    Some(Sandbox::with_recordings(&file).expect("a good manifest"))
}

#[test]
fn the_real_scope_files_of_2026_are_replayed_by_time() {
    let Some(sandbox) = real("recordings-scope-2026.jsonl") else {
        return;
    };
    for (now, bugcrowd) in [("2026-07-22T12:00:00Z", 239), ("2026-08-12T12:00:00Z", 240)] {
        let answer = sandbox.answer(Request::get(&Feed::Bugcrowd.url()), ms(now));
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
        let list: Vec<serde_json::Value> = serde_json::from_slice(&bytes(answer)).expect("JSON");
        assert_eq!(list.len(), bugcrowd);
        assert_eq!(sandbox.answer(Request::get(&Feed::HackerOne.url()), ms(now)).status, 404);
    }
}

#[test]
fn every_real_recording_is_answered_at_its_own_time() {
    for (name, count) in [
        ("recordings-scope-2026.jsonl", 10),
        ("recordings-hackerone-2023.jsonl", 2),
        ("recordings-intigriti-outage.jsonl", 8),
        ("recordings-yeswehack-series.jsonl", 8),
    ] {
        let Some(sandbox) = real(name) else {
            continue;
        };
        let recordings = sandbox.recordings().expect("recordings");
        let mut answered = 0;
        for url in recordings.urls() {
            let times_ms = recordings.times_ms(url);
            let first_ms = times_ms.first().copied().expect("one at least");
            assert_eq!(sandbox.answer(Request::get(url), first_ms - 1).status, 404);
            for at_ms in times_ms {
                assert_eq!(sandbox.answer(Request::get(url), at_ms).status, 200);
                answered += 1;
            }
        }
        assert_eq!(answered, count, "{name}");
    }
}
