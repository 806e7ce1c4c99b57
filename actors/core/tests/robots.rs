//! Google's conformance set for robots.txt (github.com/google/robotstxt-spec-test), in full.

use std::io::Write as _;
use std::path::Path;

use mm_core::robots::Robots;
use serde_json::Value;

/// Path and query of a URL as it is written: the set has URLs that a URL parser would change.
fn path(url: &str) -> &str {
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    let at = after.find(['/', '?']).unwrap_or(after.len());
    let path = &after[at..];
    path.split('#').next().unwrap_or(path)
}

#[test]
fn the_conformance_set_passes_in_full() {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/robotstxt-spec-test/tests.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        let said = format_args!("SKIPPED: no conformance set at {}\n", file.display());
        std::io::stderr().write_fmt(said).unwrap();
        return;
    };
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let (mut count, mut wrong) = (0, Vec::new());
    for case in &cases {
        let robots = Robots::parse(case["robotstxt"].as_str().unwrap().as_bytes());
        for expectation in case["expectations"].as_array().unwrap() {
            count += 1;
            let (url, agent) =
                (expectation["url"].as_str().unwrap(), expectation["user_agent"].as_str().unwrap());
            let wanted = expectation["outcome"] == "ALLOWED";
            if robots.allows(agent, path(url)) != wanted {
                wrong.push(format!("{} {}: {url:?} for {agent:?}", case["file"], case["test"]));
            }
        }
    }
    assert_eq!((count, wrong), (141, Vec::new()));
}

/// The set's tests of byte-order marks hold bytes that JSON cannot; here they stand as they are.
#[test]
fn a_byte_order_mark_whole_or_cut_hides_no_rule() {
    let file = b"User-Agent: foo\nDisallow: /AnyValue\n";
    for mark in [&b"\xef\xbb\xbf"[..], b"\xef\xbb", b"\xef"] {
        let robots = Robots::parse(&[mark, file].concat());
        assert!(!robots.allows("foo", "/AnyValue"), "{mark:?}");
    }
    // Garbage is no mark, and a mark is one at the beginning alone.
    for garbage in [
        &b"\xef\x11\xbfUser-Agent: foo\nDisallow: /AnyValue\n"[..],
        b"User-Agent: foo\n\xef\xbb\xbfDisallow: /AnyValue\n",
    ] {
        assert!(Robots::parse(garbage).allows("foo", "/AnyValue"));
    }
}
