//! The sandbox as its caller meets it: made data, faults, the oracle.

mod boards;
mod github;
mod graphql;
mod hunting;
mod networks;
mod pulls;
mod replay;
mod shapes;

use std::io::Read;
use std::time::Duration;

use bytes::Bytes;

use super::faults::{Fault, FaultMix};
use super::message::{Body, Request, Response};
use super::oracle::{KEPT_IN_MEMORY, OracleError, read_oracle};
use super::practice::PRACTICE_URL;
use super::world::{Feed, World};
use super::{Sandbox, conditional, scatter};

const NOW_MS: i64 = 1_784_720_133_000;
const LIMIT_BYTES: usize = 4 * 1024 * 1024;

fn get(sandbox: &Sandbox, url: &str) -> Response {
    sandbox.answer(Request::get(url), NOW_MS)
}

fn bytes(answer: Response) -> Bytes {
    answer.body.read(LIMIT_BYTES).expect("a whole body")
}

fn post(sandbox: &Sandbox, key: &str) -> Response {
    let mut request = Request::get(PRACTICE_URL).with_header("Idempotency-Key", key);
    "POST".clone_into(&mut request.method);
    sandbox.answer(request, NOW_MS)
}

#[test]
fn all_five_feeds_are_served_and_a_second_look_costs_nothing() {
    let sandbox = Sandbox::new(1);
    for feed in Feed::ALL {
        let first = get(&sandbox, &feed.url());
        assert_eq!(first.status, 200);
        assert_eq!(first.header("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(first.header("date"), Some("Wed, 22 Jul 2026 11:35:33 GMT"));
        let etag = first.header("etag").expect("an etag").to_owned();
        let modified = first.header("last-modified").expect("a time").to_owned();
        assert!(etag.starts_with('"') && etag.ends_with('"'));
        assert!(bytes(first).starts_with(b"[\n  {\n"));
        for (name, value) in [("if-none-match", &etag), ("if-modified-since", &modified)] {
            let request = Request::get(&feed.url()).with_header(name, value);
            let again = sandbox.answer(request, NOW_MS);
            assert_eq!(again.status, 304, "{name}");
            assert_eq!(again.header("etag"), Some(etag.as_str()));
            assert!(bytes(again).is_empty());
        }
    }
    assert_eq!(sandbox.received_total(), 15);
}

#[test]
fn an_old_tag_gets_the_new_document() {
    let sandbox = Sandbox::new(1);
    for feed in Feed::ALL {
        let first = get(&sandbox, &feed.url());
        let request =
            Request::get(&feed.url()).with_header("if-none-match", first.header("etag").expect("a tag"));
        let week_ms = 7 * 86_400_000;
        assert_eq!(sandbox.answer(request, NOW_MS + week_ms).status, 200);
    }
}

#[test]
fn what_is_not_there_and_what_is_not_allowed_is_said() {
    let sandbox = Sandbox::new(1);
    assert_eq!(get(&sandbox, "https://raw.githubusercontent.com/other").status, 404);
    assert_eq!(get(&sandbox, "https://elsewhere.example/").status, 404);
    let mut request = Request::get(&Feed::Federacy.url());
    request.method = "DELETE".to_owned();
    assert_eq!(sandbox.answer(request, NOW_MS).status, 405);
    let mut request = Request::get(&Feed::Federacy.url());
    request.method = "HEAD".to_owned();
    let head = sandbox.answer(request, NOW_MS);
    assert_eq!(head.status, 200);
    assert!(head.header("etag").is_some() && bytes(head).is_empty());
}

/// One line on what came back.
fn shown(answer: Response) -> String {
    let status = answer.status;
    let header = ["retry-after", "location", "content-encoding", "content-length"]
        .iter()
        .find_map(|name| answer.header(name).map(|value| format!(" {name}={value}")))
        .unwrap_or_default();
    let tagged = if answer.header("etag").is_some() { " tagged" } else { "" };
    let late = if answer.delay == Default::default() { "" } else { " late" };
    let body = match answer.body {
        Body::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Body::Stream(pieces) => match pieces.take(2_000).map(|piece| piece.len()).sum::<usize>() {
            at_once if at_once > LIMIT_BYTES => "endless".to_owned(),
            length => format!("{} in pieces", if length > 9_000 { "all" } else { "part" }),
        },
        other => format!("{other:?}"),
    };
    format!("{status}{header}{tagged}{late}, {body}")
}

#[test]
fn every_fault_shows_as_it_should() {
    let second = Duration::from_secs(1);
    let to = "http://127.0.0.1:1/".to_owned();
    let json = |text: &'static str| Fault::Document(Bytes::from_static(text.as_bytes()));
    for (fault, expected) in [
        (Fault::Status(500), "500, 18 bytes"),
        (Fault::Status(403), "403, 18 bytes"),
        (Fault::TooManyRequests { retry_after: 90 * second }, "429 retry-after=90, 23 bytes"),
        (Fault::Redirect { status: 302, to }, "302 location=http://127.0.0.1:1/, 0 bytes"),
        (Fault::Truncated { keep_bytes: 500 }, "200, 500 bytes"),
        (Fault::Empty, "200, 0 bytes"),
        (json("[]"), "200, 2 bytes"),
        (Fault::Endless, "200, endless"),
        (Fault::GzipBomb, "200 content-encoding=gzip, endless"),
        (Fault::Slow { piece_bytes: 64, pause: second }, "200 tagged late, all in pieces"),
        (Fault::AnswerLost, "200 tagged, NoAnswer"),
    ] {
        let sandbox = Sandbox::of_world(World::small(1));
        let url = Feed::Bugcrowd.url();
        sandbox.set_fault("bugcrowd", fault.clone());
        assert_eq!(shown(get(&sandbox, &url)), expected, "{fault:?}");
        assert_eq!(sandbox.received()[0].fault.as_deref(), Some(fault.name()));
        assert_eq!(get(&sandbox, &Feed::Federacy.url()).status, 200);
        sandbox.clear_faults();
        assert!(serde_json::from_slice::<Vec<serde_json::Value>>(&bytes(get(&sandbox, &url))).is_ok());
    }
}

#[test]
fn faults_that_spoil_keep_the_rest_right() {
    let sandbox = Sandbox::of_world(World::small(1));
    let url = Feed::Bugcrowd.url();
    let whole = bytes(get(&sandbox, &url));
    sandbox.set_fault(&url, Fault::Slow { piece_bytes: 1_000, pause: Duration::ZERO });
    assert_eq!(bytes(get(&sandbox, &url)), whole);
    sandbox.set_fault(&url, Fault::Stall { wait: Duration::from_secs(40) });
    let late = get(&sandbox, &url);
    assert_eq!(late.delay.before_head, Duration::from_secs(40));
    assert_eq!(bytes(late), whole);
    sandbox.set_fault(&url, Fault::Reset { after_bytes: 100 });
    let broken = get(&sandbox, &url);
    assert_eq!(broken.header("content-length"), Some(whole.len().to_string().as_str()));
    assert!(matches!(broken.body, Body::Broken(first) if first == whole[..100]));
    sandbox.set_fault(&url, Fault::ClockOff { by_ms: 3_600_000 });
    let date = conditional::http_date(NOW_MS + 3_600_000);
    assert_eq!(get(&sandbox, &url).header("date"), Some(date.as_str()));
}

#[test]
fn not_json_is_not_json_and_wrong_typed_is() {
    let sandbox = Sandbox::new(1);
    let url = Feed::YesWeHack.url();
    sandbox.set_fault("", Fault::NotJson);
    assert!(serde_json::from_slice::<serde_json::Value>(&bytes(get(&sandbox, &url))).is_err());
    sandbox.set_fault("", Fault::WrongTyped);
    let value: serde_json::Value = serde_json::from_slice(&bytes(get(&sandbox, &url))).expect("JSON");
    assert!(value.is_array());
}

#[test]
fn the_bomb_unpacks_to_zeros_and_much_of_them() {
    let sandbox = Sandbox::new(1);
    sandbox.set_fault("", Fault::GzipBomb);
    let Body::Stream(pieces) = get(&sandbox, "https://any.example/").body else {
        panic!("not a stream");
    };
    let packed: Vec<u8> = pieces.take(3).flatten().collect();
    let mut zeros = Vec::new();
    let read = flate2::read::GzDecoder::new(packed.as_slice()).take(1_000_000).read_to_end(&mut zeros);
    assert_eq!(read.expect("valid so far"), 1_000_000);
    assert!(packed.len() < 15_000 && zeros.iter().all(|byte| *byte == 0));
}

#[test]
fn a_fault_for_so_many_times_ends_by_itself_and_the_newest_rule_counts() {
    let sandbox = Sandbox::new(1);
    let url = Feed::Federacy.url();
    sandbox.set_fault("", Fault::Status(500));
    sandbox.set_fault_times("federacy", Fault::Status(403), 2);
    let statuses: Vec<_> = (0..4).map(|_| get(&sandbox, &url).status).collect();
    assert_eq!(statuses, [403, 403, 500, 500]);
}

#[test]
fn a_mix_is_the_same_for_the_same_seed_and_hits_its_share() {
    let run = |seed| {
        let sandbox = Sandbox::of_world(World::small(1));
        sandbox.set_mix(Some(FaultMix::common(seed, 250)));
        for _ in 0..400 {
            get(&sandbox, &Feed::Federacy.url());
        }
        let faults = sandbox.received().into_iter().map(|received| received.fault);
        faults.collect::<Vec<_>>()
    };
    let faults = run(7);
    assert_eq!(faults, run(7));
    assert_ne!(faults, run(8));
    let met = faults.iter().flatten().count();
    assert!((60..140).contains(&met), "{met} of 400");
}

#[test]
fn a_lost_answer_was_acted_on_and_a_refused_request_was_not() {
    let sandbox = Sandbox::new(1);
    sandbox.set_fault_times(PRACTICE_URL, Fault::AnswerLost, 1);
    assert!(matches!(post(&sandbox, "a").body, Body::NoAnswer));
    sandbox.set_fault_times(PRACTICE_URL, Fault::Status(500), 1);
    assert_eq!(post(&sandbox, "b").status, 500);
    let ask = |key: &str| bytes(get(&sandbox, &format!("{PRACTICE_URL}?key={key}")));
    assert_eq!(ask("a"), r#"{"posts":[1]}"#);
    assert_eq!(ask("b"), r#"{"posts":[]}"#);
    assert_eq!(post(&sandbox, "a").status, 200);
    assert_eq!(post(&sandbox, "b").status, 201);
    assert_eq!(bytes(get(&sandbox, PRACTICE_URL)), r#"{"count":2}"#);
    let reached: Vec<_> = sandbox.received().iter().map(|received| received.reached).collect();
    assert_eq!(reached, [true, false, true, true, true, true, true]);
}

#[test]
fn the_oracle_file_holds_every_request_and_no_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("oracle.jsonl");
    let sandbox = Sandbox::new(1).with_oracle(&file).expect("a new file");
    let mut request = Request::get(PRACTICE_URL).with_header("Authorization", "Bearer hush");
    request.method = "POST".to_owned();
    request.body = b"hello".to_vec();
    sandbox.answer(request, NOW_MS);
    get(&sandbox, "https://nobody.example/");
    let text = std::fs::read_to_string(&file).expect("a file");
    assert!(!text.contains("hush"));
    let mut expected = sandbox.received();
    assert_eq!(expected[0].header("authorization"), Some("Bearer hush"));
    assert_eq!(expected[0].body_sha256, scatter::sha256_hex(b"hello"));
    expected[0].headers[0].1 = "(hidden)".to_owned();
    assert_eq!(read_oracle(&file).expect("lines"), expected);
}

#[test]
fn after_a_restart_the_practice_platform_knows_what_it_did_and_a_torn_line_is_cut() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("oracle.jsonl");
    let start = || Sandbox::new(1).with_oracle(&file).expect("usable");
    let sandbox = start();
    post(&sandbox, "a");
    sandbox.set_fault_times("", Fault::Status(500), 1);
    post(&sandbox, "never");
    drop(sandbox);
    let whole = std::fs::read(&file).expect("a file");
    std::fs::write(&file, [whole.as_slice(), b"{\"at_ms\": 17"].concat()).expect("written");
    assert_eq!(read_oracle(&file).expect("the whole lines").len(), 2);
    let sandbox = start();
    assert_eq!(post(&sandbox, "a").status, 200);
    assert_eq!(post(&sandbox, "never").status, 201);
    assert_eq!(read_oracle(&file).expect("lines").len(), 4);
    assert_eq!(sandbox.received_total(), 2);
}

#[test]
fn an_oracle_file_that_is_something_else_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("notes.txt");
    std::fs::write(&file, "my notes\n").expect("written");
    let problem = Sandbox::new(1).with_oracle(&file).expect_err("not ours");
    assert!(matches!(problem, OracleError::Line { line: 1, .. }), "{problem}");
    assert_eq!(std::fs::read_to_string(&file).expect("a file"), "my notes\n");
    let problem = Sandbox::new(1).with_oracle(folder.path()).expect_err("a folder");
    assert!(problem.to_string().starts_with("cannot use the oracle file"));
}

#[test]
fn the_log_in_memory_is_bounded_and_the_count_is_not() {
    let sandbox = Sandbox::new(1);
    for nth in 0..KEPT_IN_MEMORY + 5 {
        get(&sandbox, &format!("https://nobody.example/{nth}"));
    }
    assert_eq!(sandbox.received().len(), KEPT_IN_MEMORY);
    assert_eq!(sandbox.received()[0].url, "https://nobody.example/5");
    assert_eq!(sandbox.received_total(), KEPT_IN_MEMORY as u64 + 5);
}

#[test]
fn the_sandbox_can_be_shared_between_threads() {
    fn check<T: Send + Sync>() {}
    check::<Sandbox>();
}
