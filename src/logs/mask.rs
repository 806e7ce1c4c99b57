//! The last net: masks what looks like a credential in a line that is about to be written.
//!
//! Secrets are kept out of logs by their type, which prints nothing, and URLs are stripped by whoever
//! logs them. This catches what slips past both: `Authorization: …`, `token=…`, `Bearer …`, well-known
//! prefixes of keys, private keys, and queries and passwords in URLs. It may mask too much; it works on
//! text and on JSON, with colours or without, takes time linear in the line and never fails.

use std::borrow::Cow;

/// What stands where something was.
pub const MASK: &str = "[masked]";

/// Keys after whose `=` or `:` one word is masked. They match as the end of a longer name too.
const KEYS: &[&str] = &[
    "token",
    "password",
    "passwd",
    "passphrase",
    "secret",
    "api_key",
    "api-key",
    "apikey",
    "access_key",
    "access-key",
    "private_key",
    "private-key",
    "signature",
    "session_id",
    "sessionid",
    "client_secret",
];
/// Keys after which everything up to the end of the text is masked.
const WHOLE: &[&str] = &["authorization", "cookie", "credentials", "credential"];
const SCHEMES: &[&str] = &["bearer", "basic", "token", "negotiate", "digest", "bot"];
/// How well-known keys begin, and how many more signs make one.
const PREFIXES: &[(&str, usize)] = &[
    ("ghp_", 16),
    ("gho_", 16),
    ("ghu_", 16),
    ("ghs_", 16),
    ("ghr_", 16),
    ("github_pat_", 16),
    ("glpat-", 16),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("xoxa-", 10),
    ("xoxs-", 10),
    ("sk-", 20),
    ("sk_live_", 10),
    ("sk_test_", 10),
    ("rk_live_", 10),
    ("AKIA", 16),
    ("ASIA", 16),
    ("AIza", 30),
    ("npm_", 20),
    ("pypi-", 20),
    ("hf_", 20),
    ("AGE-SECRET-KEY-", 10),
    ("eyJ", 24),
];
const PRIVATE_KEY: &str = "PRIVATE KEY-----";

/// The text with everything that looks secret replaced by [`MASK`].
pub fn mask(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    let mut url_end = 0; // where the URL we are in ends; 0 before the first
    while at < text.len() {
        let Some(rest) = text.get(at..) else { break };
        if at >= url_end && rest.starts_with("://") {
            url_end = at + rest.find(ends_url).unwrap_or(rest.len());
        }
        // A query or a fragment may carry a token under any name.
        let query = (rest.starts_with(['?', '#']) && at + 1 < url_end).then_some((at + 1, url_end));
        match secret_at(text, at, rest).or(query) {
            Some((from, to)) if to > from && to > at => {
                let to = to.min(text.len());
                if text.get(from..to) != Some(MASK) {
                    out.push_str(text.get(copied..from).unwrap_or_default());
                    out.push_str(MASK);
                    copied = to;
                }
                at = to;
            }
            _ => at += rest.chars().next().map_or(1, char::len_utf8),
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

/// Does the text hold a credential by its own looks, whatever stands around it?
pub fn looks_secret(text: &str) -> bool {
    (0..text.len()).any(|at| {
        text.get(at..).is_some_and(|rest| {
            starts_word(text, at)
                && (known_prefix(rest).is_some()
                    || bare_scheme(rest).is_some()
                    || private_key(rest).is_some())
                || userinfo(rest).is_some()
        })
    })
}

/// The bytes to mask of a secret that is recognised at `at`.
fn secret_at(text: &str, at: usize, rest: &str) -> Option<(usize, usize)> {
    let found = if starts_word(text, at) {
        keyed(rest).or_else(|| known_prefix(rest)).or_else(|| bare_scheme(rest)).or_else(|| private_key(rest))
    } else {
        None
    };
    found.or_else(|| userinfo(rest)).map(|(from, to)| (at + from, at + to))
}

/// A word begins after anything but a letter or digit, and at a capital after a small letter.
fn starts_word(text: &str, at: usize) -> bool {
    let before = text.get(..at).and_then(|before| before.chars().next_back());
    let here = text.get(at..).and_then(|rest| rest.chars().next());
    match (before, here) {
        (Some(before), Some(here)) => {
            !before.is_alphanumeric()
                || (before.is_lowercase() && here.is_uppercase())
                || before == 'm' && after_colour(text, at)
        }
        _ => true,
    }
}

/// Is what ends at `at` one of a terminal's colour codes (`ESC [ 3 m`)?
fn after_colour(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default().as_bytes();
    let inner = before.iter().rev().skip(1).take(12).position(|byte| !byte.is_ascii_digit() && *byte != b';');
    inner.is_some_and(|length| {
        let open = before.len().checked_sub(length + 2);
        open.is_some_and(|open| {
            before.get(open) == Some(&b'[') && open > 0 && before.get(open - 1) == Some(&0x1b)
        })
    })
}

/// `token = "abc"`, `"api_key":"abc"`, `Authorization: Bearer abc`.
fn keyed(rest: &str) -> Option<(usize, usize)> {
    let is_at = |key: &&&str| rest.get(..key.len()).is_some_and(|start| start.eq_ignore_ascii_case(key));
    let (key, whole) = match WHOLE.iter().find(is_at) {
        Some(key) => (key, true),
        None => (KEYS.iter().find(is_at)?, false),
    };
    let mut at = pass(rest, key.len());
    let sign = rest.get(at..)?.chars().next()?;
    if sign != '=' && sign != ':' {
        return None;
    }
    at = pass(rest, at + 1);
    let value = rest.get(at..)?;
    if value.starts_with(MASK) {
        return Some((at, at + MASK.len()));
    }
    let quoted = rest.get(..at).is_some_and(|before| before.ends_with(['"', '\'']));
    Some((at, at + value_length(value, whole, quoted)))
}

fn value_length(value: &str, whole: bool, quoted: bool) -> usize {
    let ends_text = |c: char| matches!(c, '"' | '\'' | '\\' | '\n' | '\r' | '\u{1b}');
    let ends_word = |c: char| ends_text(c) || c.is_whitespace() || "&,;})]<>".contains(c);
    if quoted || whole && !has_scheme(value) {
        return value.find(ends_text).unwrap_or(value.len());
    }
    let first = value.find(ends_word).unwrap_or(value.len());
    if !whole {
        return first;
    }
    let gap = value.get(first..).map_or(0, |after| after.len() - after.trim_start_matches(' ').len());
    let second = value.get(first + gap..).unwrap_or_default();
    first + gap + second.find(ends_word).unwrap_or(second.len())
}

fn has_scheme(value: &str) -> bool {
    let word = value.split(' ').next().unwrap_or_default();
    word != "digest" && SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
}

/// Passes quotes, blanks and colours.
fn pass(text: &str, from: usize) -> usize {
    let mut at = from;
    while let Some(rest) = text.get(at..) {
        let passed = if rest.starts_with("\u{1b}[") {
            rest.find('m').filter(|end| *end < 16).map_or(0, |end| end + 1)
        } else {
            usize::from(rest.starts_with(['"', '\'', '\\', ' ']))
        };
        if passed == 0 {
            break;
        }
        at += passed;
    }
    at
}

fn is_token_sign(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.~+/=".contains(c)
}

fn token_length(text: &str) -> usize {
    text.find(|c| !is_token_sign(c)).unwrap_or(text.len())
}

fn known_prefix(rest: &str) -> Option<(usize, usize)> {
    let (prefix, least) = PREFIXES.iter().find(|(prefix, _)| rest.starts_with(prefix))?;
    let length = token_length(rest);
    (length >= prefix.len() + least).then_some((0, length))
}

/// `Bearer abcdef123`, without a key before it. Plain words after it (`basic authentication`) stay.
fn bare_scheme(rest: &str) -> Option<(usize, usize)> {
    let scheme = ["bearer ", "basic "]
        .iter()
        .find(|scheme| rest.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))?;
    let value = rest.get(scheme.len()..)?;
    let length = token_length(value);
    let odd = value.get(..length)?.contains(|c: char| !c.is_ascii_lowercase());
    (length >= 8 && odd).then_some((scheme.len(), scheme.len() + length))
}

fn private_key(rest: &str) -> Option<(usize, usize)> {
    let header = rest.strip_prefix("-----BEGIN ")?;
    // Named `RSA` or `OPENSSH`: looked for close by only, so that a hostile line costs no more than its length.
    let named = (0..=32).find(|at| header.get(*at..).is_some_and(|after| after.starts_with(PRIVATE_KEY)))?;
    let body = "-----BEGIN ".len() + named + PRIVATE_KEY.len();
    let end = rest.get(body..)?.find(PRIVATE_KEY).map_or(rest.len(), |end| body + end + PRIVATE_KEY.len());
    Some((0, end))
}

fn ends_url(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`' | '\\' | '\u{1b}')
}

/// `://user:password@host`.
fn userinfo(rest: &str) -> Option<(usize, usize)> {
    let after = rest.strip_prefix("://")?;
    let authority = after.get(..after.find(|c| ends_url(c) || "/?#".contains(c)).unwrap_or(after.len()))?;
    let end = authority.rfind('@')?;
    (authority.get(..end)?.contains(':') && authority.get(..end) != Some(MASK)).then_some((3, 3 + end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use proptest::prelude::*;

    #[test]
    fn what_looks_secret_is_masked_and_the_rest_stays() {
        let lines = [
            "Authorization: Bearer CANARY-1 then more",
            "authorization=Basic Q0FOQVJZ status=200",
            r#"{"authorization":"Bearer CANARY","status":200}"#,
            r#"{"message":"sent {\"token\":\"CANARY\"} away"}"#,
            "GET /x?token=CANARY&page=2 failed",
            "fetching https://example.org/a?page=2&key=CANARY#CANARY took 3 ms",
            "proxy http://user:CANARY@proxy.example:8080/ refused",
            "cookie: sid=CANARY; theme=CANARY",
            "github_token = 'CANARY two'",
            "apiKey=CANARY, next=1",
            "used Bearer CANARY-abc123 twice",
            "key ghp_CANARYCANARYCANARY0 found",
            "jwt eyJhbGciOiJIUzI1NiJ9.eyJDQU5BUlkiOjF9.CANARY",
            "-----BEGIN RSA PRIVATE KEY-----\\nCANARY\\n-----END RSA PRIVATE KEY----- left",
            "\u{1b}[3mtoken\u{1b}[0m\u{1b}[2m=\u{1b}[0mCANARY \u{1b}[3mx\u{1b}[0m=1",
            "basic authentication is off; 3 tokens left; what is a token? see https://example.org/a?",
        ];
        let masked: Vec<String> = lines.iter().map(|line| mask(line).escape_debug().to_string()).collect();
        assert!(!masked.join("\n").contains("CANARY"), "{masked:#?}");
        expect![[r#"
            Authorization: [masked] then more
            authorization=[masked] status=200
            {\"authorization\":\"[masked]\",\"status\":200}
            {\"message\":\"sent {\\\"token\\\":\\\"[masked]\\\"} away\"}
            GET /x?token=[masked]&page=2 failed
            fetching https://example.org/a?[masked] took 3 ms
            proxy http://[masked]@proxy.example:8080/ refused
            cookie: [masked]
            github_token = \'[masked]\'
            apiKey=[masked], next=1
            used Bearer [masked] twice
            key [masked] found
            jwt [masked]
            [masked] left
            \u{1b}[3mtoken\u{1b}[0m\u{1b}[2m=\u{1b}[0m[masked] \u{1b}[3mx\u{1b}[0m=1
            basic authentication is off; 3 tokens left; what is a token? see https://example.org/a?"#]]
        .assert_eq(&masked.join("\n"));
    }

    #[test]
    fn a_value_that_is_a_credential_is_known_without_its_key() {
        for secret in [
            "ghp_0123456789abcdef0123",
            "Bearer abc123DEF",
            "https://me:pw@example.org/",
            "sk-0123456789abcdefghijkl",
        ] {
            assert!(looks_secret(secret), "{secret}");
        }
        for plain in [
            "every 30m",
            "bug-bounty",
            "https://example.org/a?b=c",
            "basic authentication",
            "Europe/Berlin",
            "a@b.example",
        ] {
            assert!(!looks_secret(plain), "{plain}");
        }
    }

    /// A line from outside must not stall whoever logs it: a quadratic mask would run for minutes here.
    #[test]
    fn hostile_lines_are_masked_in_linear_time() {
        let pieces = [
            "?",
            "://",
            "://a?",
            "token",
            "token=",
            "-----BEGIN ",
            "eyJ",
            "ghp_-",
            "\u{1b}[3m",
            "bearer ",
            "\\\"",
            "://a:b@",
            "#",
        ];
        for piece in pieces {
            let line = piece.repeat(100_000 / piece.len());
            assert!(mask(&line).len() <= 4 * line.len());
        }
    }

    proptest! {
        #[test]
        fn masking_never_panics_and_twice_is_once(text in r#"(token|=|:|"|\\|Bearer |://|@|\?|#|ü|a|B|[0-9]|\PC|ghp_| |authorization|\x1b\[3m){0,40}"#) {
            let once = mask(&text).into_owned();
            let twice = mask(&once).into_owned();
            prop_assert_eq!(mask(&twice), twice.clone());
        }

        #[test]
        fn a_canary_behind_any_key_is_gone(
            key in prop::sample::select([KEYS, WHOLE].concat()),
            sign in prop::sample::select(vec!["=", ": ", "\":\"", " = '", "\\\":\\\""]),
            before in r#"[ -~]{0,12}[ ,{\[(]"#,
        ) {
            let line = format!("{before}{key}{sign}CANARY0");
            prop_assert!(!mask(&line).contains("CANARY0"), "{}", mask(&line));
        }
    }
}
