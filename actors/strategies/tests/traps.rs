//! The traps of real scope data, each in a small feed of our own, and every kind of bad input.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not be")]

use expect_test::{Expect, expect};
use mm_strategies::bug_bounty::feed::{Feed, FeedError, parse};
use mm_strategies::bug_bounty::scope::Source;
use std::fmt::Write;

fn show(feed: &Feed) -> String {
    let mut out = String::new();
    for programme in &feed.programmes {
        let payout = programme.payout.as_ref().map(|payout| {
            let amount = |a: Option<_>| {
                a.map_or("?".to_owned(), |a: mm_strategies::bug_bounty::scope::Amount| a.to_string())
            };
            format!("{}..{} {:?}", amount(payout.min), amount(payout.max), payout.currency)
        });
        let (state, pays, partial) = (&programme.state, programme.offers_bounty, programme.partial);
        writeln!(out, "{} | {} | {:?}", programme.key, programme.name, programme.url).unwrap();
        writeln!(out, "  {state:?} pays {pays:?} {payout:?} partial {partial}").unwrap();
        for target in &programme.targets {
            let side = if target.in_scope { "in " } else { "out" };
            let (eligible, severity) = (target.eligible_for_bounty, target.severity);
            writeln!(out, "  {side} {} {:?} {eligible:?} {severity:?}", target.kind, target.identifier)
                .unwrap();
        }
    }
    for skipped in &feed.skipped {
        writeln!(out, "skipped {} {:?}: {}", skipped.position, skipped.key, skipped.reason).unwrap();
    }
    out
}

fn check(source: Source, text: &str, expected: Expect) {
    expected.assert_eq(&show(&parse(source, text.as_bytes()).unwrap()));
}

#[test]
fn hackerone_is_keyed_by_handle_and_keeps_prose_and_inner_wildcards() {
    check(
        Source::HackerOne,
        include_str!("../fixtures/traps.hackerone.json"),
        expect![[r#"
        acme | Acme | Some("https://hackerone.com/acme")
          Open pays Some(true) None partial false
          in  WILDCARD "*.acme.example" Some(true) Some(Critical)
          in  URL "api-*.acme.example" None Some(None)
          in  OTHER "Anything you find on our stand at the fair, gefährlich oder nicht" Some(false) Some(Low)
          out URL "blog.acme.example" Some(false) Some(None)
        bolt | Bolt & Söhne | Some("https://hackerone.com/bolt")
          Other("api_only") pays Some(false) None partial false
    "#]],
    );
}

#[test]
fn bugcrowd_merges_a_programme_listed_twice_and_finds_identifiers_elsewhere() {
    check(
        Source::Bugcrowd,
        include_str!("../fixtures/traps.bugcrowd.json"),
        expect![[r#"
        https://bugcrowd.com/engagements/cargo-line | Cargo Line | Some("https://bugcrowd.com/engagements/cargo-line")
          Open pays Some(true) Some("?..7500 Some(\"USD\")") partial false
          in  website "https://cargo.example/" None None
          in  api "https://cargo.example/" None None
          in  website "https://only-uri.example" None None
          in  other "Firmware of the tracker" None None
          out website "https://cargo.example/" None None
          in  ios "1000000001" None None
        https://bugcrowd.com/engagements/dune | Dune | Some("https://bugcrowd.com/engagements/dune")
          Open pays None None partial false
          in  website "dune.example" None None
    "#]],
    );
}

#[test]
fn intigriti_tells_scope_by_tier_and_has_kinds_that_are_null() {
    check(
        Source::Intigriti,
        include_str!("../fixtures/traps.intigriti.json"),
        expect![[r#"
        11111111-aaaa-4aaa-8aaa-111111111111 | Ember | Some("https://www.intigriti.com/programs/ember/ember/detail")
          Open pays Some(true) Some("50..2500.50 Some(\"EUR\")") partial false
          in  unknown "10.0.0.0/8" Some(true) Some(Critical)
          in  url "ember.example" Some(false) None
          out url "status.ember.example" Some(false) None
        22222222-bbbb-4bbb-8bbb-222222222222 | Fjord | Some("https://www.intigriti.com/programs/fjord/fjord/detail")
          Other("suspended") pays Some(false) None partial false
          in  wildcard "*.fjord.example" None None
    "#]],
    );
}

#[test]
fn yeswehack_has_prose_no_url_and_no_currency() {
    check(
        Source::YesWeHack,
        include_str!("../fixtures/traps.yeswehack.json"),
        expect![[r#"
        grove | Grove | Some("https://yeswehack.com/programs/grove")
          Open pays Some(true) Some("50..5000 None") partial false
          in  other "Any resource created with the Grove cloud - by the hunter" None None
          out other "Social engineering" None None
        harbour/../x | Harbour | None
          Other("disabled") pays None None partial false
    "#]],
    );
}

#[test]
fn federacy_says_only_whether_it_awards() {
    check(
        Source::Federacy,
        include_str!("../fixtures/traps.federacy.json"),
        expect![[r#"
        33333333-cccc-4ccc-8ccc-333333333333 | Iris VDP | Some("https://www.federacy.com/iris-vdp")
          Open pays Some(false) None partial false
          in  website "*.iris.example" None None
          out mobile "Iris Pro" None None
    "#]],
    );
}

#[test]
fn one_wrong_programme_loses_no_other_and_one_wrong_target_no_programme() {
    let text = r#"[
        {"id": "a", "name": "A", "targets": {"in_scope": [{"target": "a.example", "type": "api"}], "out_of_scope": []}},
        {"id": "b", "name": ["not", "a", "name"], "targets": {"in_scope": [], "out_of_scope": []}},
        {"id": "c", "name": "C", "targets": {"in_scope": [{"target": 7, "type": "api"}, {"target": "c.example"}, 12], "out_of_scope": []}},
        17,
        {"name": "no key", "targets": {}},
        {"id": "  ", "name": "blank key"},
        {"id": "d", "name": "D", "max_bounty": "lots"},
        {"id": "e", "name": "E", "targets": {"in_scope": null, "out_of_scope": []}},
        {"id": "f", "name": "F"},
        {"id": 9, "name": null, "targets": {"in_scope": [], "out_of_scope": null}},
        {"id": "g", "id": "h"},
        {"id": "p", "targets": {"in_scope": [], "out_of_scope": []}},
        {"id": "q", "targets": {"in_scope": [], "out_of_scope": []}},
        {"id": "r", "targets": {"in_scope": [], "out_of_scope": []}},
        {"id": "s", "targets": {"in_scope": [], "out_of_scope": []}},
        {"id": "t", "targets": {"in_scope": [], "out_of_scope": []}}
    ]"#;
    check(
        Source::YesWeHack,
        text,
        expect![[r#"
        9 | 9 | Some("https://yeswehack.com/programs/9")
          Open pays None None partial false
        a | A | Some("https://yeswehack.com/programs/a")
          Open pays None None partial false
          in  api "a.example" None None
        c | C | Some("https://yeswehack.com/programs/c")
          Open pays None None partial true
          in  unknown "c.example" None None
        e | E | Some("https://yeswehack.com/programs/e")
          Open pays None None partial true
        f | F | Some("https://yeswehack.com/programs/f")
          Open pays None None partial true
        p | p | Some("https://yeswehack.com/programs/p")
          Open pays None None partial false
        q | q | Some("https://yeswehack.com/programs/q")
          Open pays None None partial false
        r | r | Some("https://yeswehack.com/programs/r")
          Open pays None None partial false
        s | s | Some("https://yeswehack.com/programs/s")
          Open pays None None partial false
        t | t | Some("https://yeswehack.com/programs/t")
          Open pays None None partial false
        skipped 1 Some("b"): invalid type: sequence, expected a string at line 1 column 20
        skipped 3 None: invalid type: integer `17`, expected struct Raw at line 1 column 2
        skipped 4 None: missing field `id` at line 1 column 33
        skipped 5 None: the programme's key is empty
        skipped 6 Some("d"): invalid value: string "lots", expected an amount of money with at most two decimals at line 1 column 45
        skipped 10 Some("h"): duplicate field `id` at line 1 column 16
    "#]],
    );
}

#[test]
fn a_changed_shape_of_targets_is_no_quiet_success() {
    let text = br#"[{"id": "a", "scopes": []}, {"id": "b", "targets": {"in": []}}, {"id": "c", "targets": {"in_scope": [{"asset": 1}]}}]"#;
    assert!(matches!(refused(text), FeedError::MostlyUnreadable { skipped: 3, total: 3, .. }));
}

fn refused(text: &[u8]) -> FeedError {
    parse(Source::Federacy, text).unwrap_err()
}

#[test]
fn every_kind_of_bad_document_is_one_clear_sentence() {
    let good = include_bytes!("../fixtures/traps.federacy.json");
    let documents: [(&str, &[u8]); 12] = [
        ("no bytes", b""),
        ("spaces", b" \n\t "),
        ("byte order mark alone", b"\xef\xbb\xbf"),
        ("web page", b"<!DOCTYPE html><title>502</title>"),
        ("message", br#"{"message": "Not Found"}"#),
        ("null", b"null"),
        ("text", b"404: Not Found"),
        ("binary", b"\x1f\x8b\x08\x00"),
        ("cut", good.get(..good.len() - 40).unwrap()),
        ("after the end", b"[] []"),
        ("not utf-8", b"[{\"id\": \"\xff\xfe\"}]"),
        ("wrong within", b"[{\"id\": \"a\"} {\"id\": \"b\"}]"),
    ];
    let mut out = String::new();
    for (what, document) in documents {
        let error = refused(document).to_string();
        assert!(!error.contains('\n') && !error.ends_with('.'), "{error}");
        writeln!(out, "{what}: {error}").unwrap();
    }
    writeln!(out, "all wrong: {}", refused(br#"[{"ID": 1}, {"id": null}, 3]"#)).unwrap();
    expect![[r#"
        no bytes: the federacy scope file is empty; kept what was known, the next read tries again
        spaces: the federacy scope file is empty; kept what was known, the next read tries again
        byte order mark alone: the federacy scope file is empty; kept what was known, the next read tries again
        web page: the federacy scope file is not a list of programmes but a web page; kept what was known, the next read tries again
        message: the federacy scope file is not a list of programmes but a single object; kept what was known, the next read tries again
        null: the federacy scope file is not a list of programmes but a single word; kept what was known, the next read tries again
        text: the federacy scope file is not a list of programmes but a number; kept what was known, the next read tries again
        binary: the federacy scope file is not a list of programmes but something that is not JSON; kept what was known, the next read tries again
        cut: the federacy scope file breaks off after 0 whole programmes; kept what was known, the next read tries again
        after the end: the federacy scope file is not JSON at line 1 column 4; kept what was known, the next read tries again
        not utf-8: the federacy scope file is not JSON at line 1 column 10; kept what was known, the next read tries again
        wrong within: the federacy scope file is not JSON at line 1 column 14; kept what was known, the next read tries again
        all wrong: 3 of 3 programmes in the federacy scope file cannot be read (the first, at 0: missing field `id` at line 1 column 9); kept what was known, look for a newer version of money-machine if it stays so
    "#]].assert_eq(&out);
}

#[test]
fn a_document_cut_anywhere_is_refused_and_never_read_as_a_shorter_one() {
    let good = include_bytes!("../fixtures/traps.bugcrowd.json").trim_ascii();
    assert!(parse(Source::Bugcrowd, good).is_ok());
    for end in 0..good.len() {
        let error = parse(Source::Bugcrowd, good.get(..end).unwrap()).unwrap_err();
        assert!(matches!(error, FeedError::Truncated { .. } | FeedError::Blank { .. }), "{end}: {error}");
    }
}

#[test]
fn a_document_nested_without_end_is_refused_without_falling_over() {
    let deep = "[".repeat(2_000_000);
    assert!(matches!(refused(deep.as_bytes()), FeedError::Truncated { .. }));
    let closed = format!("[{{\"id\": \"a\", \"x\": {}{}}}]", "[".repeat(100_000), "]".repeat(100_000));
    // Too deep to be a programme: skipped, and with it the document, which has no other.
    let outcome = parse(Source::Federacy, closed.as_bytes());
    assert!(matches!(outcome, Ok(_) | Err(FeedError::MostlyUnreadable { .. })), "{outcome:?}");
}
