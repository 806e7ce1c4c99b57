//! What a file says; Google's own set stands in `tests/robots.rs`.

use proptest::prelude::*;

use super::*;

const BOT: &str = "money-machine";

fn allows(file: &str, path: &str) -> bool {
    Robots::parse(file.as_bytes()).allows(BOT, path)
}

#[test]
fn groups_of_one_agent_are_one_and_its_own_group_outweighs_everybodys() {
    let file = "User-agent: *\nDisallow: /\n\nUser-agent: Money-Machine/2\nDisallow: /a\n\nUser-agent: other\n\
                User-agent: money-machine\nDisallow: /b\nSitemap: /x\nUser-agent: third\nDisallow: /c\n";
    for (path, allowed) in [("/", true), ("/a", false), ("/b", false), ("/c", true), ("/robots.txt", true)] {
        assert_eq!(allows(file, path), allowed, "{path}");
    }
    assert!(!Robots::parse(file.as_bytes()).allows("nobody", "/x"));
}

#[test]
fn a_record_of_another_kind_ends_no_group() {
    let file = "User-agent: money-machine\nCrawl-delay: 3\nUser-agent: other\nDisallow: /a\n";
    assert!(!allows(file, "/a"));
}

#[test]
fn an_encoding_is_no_way_round_a_rule() {
    let file = "User-agent: *\nDisallow: /%70rivate\nDisallow: /ü\nDisallow: /a%2fb\n";
    for path in ["/private", "/%70rivate", "/%c3%bc", "/%C3%BC", "/a%2Fb", "/%61%2fb"] {
        assert!(!allows(file, path), "{path}");
    }
    // A file in another encoding: its bytes are those of the path.
    let latin = Robots::parse(b"User-agent: *\nDisallow: /caf\xe9\n");
    assert!(!latin.allows(BOT, "/caf%E9/menu") && !latin.allows(BOT, "/caf%e9"));
    assert!(latin.allows(BOT, "/cafe"));
    // An encoded slash is not a slash.
    assert!(allows(file, "/a/b"));
}

#[test]
fn what_a_status_means() {
    let file = b"User-agent: *\nDisallow: /a";
    for (fetched, a, b) in [
        (Fetched::Answer(200, file), false, true),
        (Fetched::Answer(404, file), true, true),
        (Fetched::Answer(401, b""), true, true),
        (Fetched::Answer(403, b""), true, true),
        (Fetched::Answer(301, b""), true, true),
        (Fetched::Answer(429, b""), false, false),
        (Fetched::Answer(500, b""), false, false),
        (Fetched::Answer(503, file), false, false),
        (Fetched::Answer(999, b""), false, false),
        (Fetched::Unreachable, false, false),
    ] {
        let standing = fetched.standing();
        assert_eq!((standing.allows(BOT, "/a"), standing.allows(BOT, "/b")), (a, b), "{fetched:?}");
        assert!(standing.allows(BOT, "/robots.txt"), "{fetched:?}");
    }
}

#[test]
fn a_long_file_is_read_up_to_its_limit_and_a_hostile_pattern_ends_soon() {
    let filler = "# filler\n".repeat(BYTES_MAX / 9 - 10);
    assert!(filler.len() > 500 << 10);
    assert!(!allows(&format!("{filler}User-agent: *\nDisallow: /a\n"), "/a"));
    assert!(allows(&format!("{filler}{filler}User-agent: *\nDisallow: /a\n"), "/a"));
    let file = format!("User-agent: *\nDisallow: /{}b\n", "*a".repeat(2000));
    assert!(allows(&file, &format!("/{}", "a".repeat(4000))));
}

/// The plainest reading of `*` and `$`, to hold the other against.
fn naive(pattern: &[u8], path: &[u8]) -> bool {
    match pattern {
        [] => true,
        [b'$'] => path.is_empty(),
        [b'*', rest @ ..] => (0..=path.len()).any(|at| naive(rest, &path[at..])),
        [sign, rest @ ..] => path.first() == Some(sign) && naive(rest, &path[1..]),
    }
}

proptest! {
    #[test]
    fn patterns_match_as_the_naive_reading_has_it(pattern in "/[ab*$]{0,7}", path in "/[ab$]{0,9}") {
        for reading in [Reading::AsWritten, Reading::Decoded] {
            let ours = Pattern::new(&pattern, reading).matches(path.as_bytes());
            prop_assert_eq!(ours, naive(pattern.as_bytes(), path.as_bytes()));
        }
    }

    #[test]
    fn any_bytes_are_a_file(file in proptest::collection::vec(any::<u8>(), 0..400), path in "/.{0,20}") {
        let robots = Robots::parse(&file);
        prop_assert!(robots.allows(BOT, "/robots.txt"));
        robots.allows(BOT, &path);
    }
}
