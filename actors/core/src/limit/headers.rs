//! What answers say about limits. Read with suspicion: it can only make us slower.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};

use crate::moment::Moment;

/// What a platform says is left of a quota, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Learned {
    /// How many more it will take.
    pub remaining: u32,
    /// When it counts anew.
    pub reset_at: Moment,
}

/// Reads `Retry-After` (RFC 9110, 10.2.3): seconds, or a date in any of HTTP's three forms. A date
/// that is over is no wait. `None` if it is neither.
pub fn parse_retry_after(text: &str, now: Moment) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit()) {
        // More digits than fit is "very long".
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::from(u32::MAX))));
    }
    http_date(text).map(|at| at.since(now))
}

/// Reads a date in any of the three forms of RFC 9110, 5.6.7.
pub fn http_date(text: &str) -> Option<Moment> {
    if text.len() > 64 {
        return None;
    }
    if let Ok(at) = DateTime::parse_from_rfc2822(text) {
        return Some(Moment::from(at.with_timezone(&Utc)));
    }
    let naive = NaiveDateTime::parse_from_str(text, "%A, %d-%b-%y %H:%M:%S GMT")
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%a %b %e %H:%M:%S %Y"));
    naive.ok().map(|at| Moment::from(at.and_utc()))
}

/// What headers say of one of a platform's limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Which, where it is named: GitHub's `x-ratelimit-resource`, the policy of IETF's fields.
    pub name: Option<String>,
    /// The length of its window, where it is told.
    pub window: Option<Duration>,
    /// What is left of it.
    pub learned: Learned,
}

/// Reads all that headers say of limits. Names are in lower case. The dialects:
///
/// - IETF's `RateLimit` and `RateLimit-Policy` (structured fields, `limit::fields`);
/// - `RateLimit-Remaining`, `-Reset` and `-Limit` of its drafts up to 06: seconds to go;
/// - `X-RateLimit-Remaining` and `-Reset`: a reset over one thousand million is a time since 1970 in
///   seconds (GitHub), or in milliseconds over a hundred times that; a smaller one is seconds to go
///   (Impact). `-Resource` names the limit.
pub fn hear(headers: &[(String, String)], now: Moment) -> Vec<Told> {
    let mut all = super::fields::hear(headers, now);
    for prefix in ["x-ratelimit-", "ratelimit-", "x-rate-limit-"] {
        let value = |name: &str| value_of(headers, &format!("{prefix}{name}"));
        let (Some(remaining), Some(reset)) =
            (value("remaining").and_then(|text| whole(&text)), value("reset").and_then(|text| whole(&text)))
        else {
            continue;
        };
        let window = super::fields::window_of(headers, value("limit").as_deref());
        all.push(Told {
            name: value("resource").map(|name| name.to_ascii_lowercase()),
            window,
            learned: Learned { remaining: at_most(remaining), reset_at: believed(reset_at(reset, now), now) },
        });
    }
    all
}

/// The hardest of what headers say: the least that is left, and of those the latest reset.
pub fn learn(headers: &[(String, String)], now: Moment) -> Option<Learned> {
    let all = hear(headers, now).into_iter().map(|told| told.learned);
    all.min_by_key(|learned| (learned.remaining, std::cmp::Reverse(learned.reset_at)))
}

/// All values of a header, as one (RFC 9110, 5.3).
pub(super) fn value_of(headers: &[(String, String)], name: &str) -> Option<String> {
    let mut values = headers.iter().filter(|(own, _)| own == name).map(|(_, value)| value.trim());
    let first = values.next()?.to_owned();
    Some(values.fold(first, |all, next| all + ", " + next))
}

/// A whole number, or one with decimals, which is rounded up.
fn whole(text: &str) -> Option<u64> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    match text.split_once('.') {
        Some((whole, part)) if digits(whole) && digits(part) => whole.parse::<u64>().ok()?.checked_add(1),
        Some(_) => None,
        None => digits(text).then(|| text.parse().ok())?,
    }
}

fn reset_at(reset: u64, now: Moment) -> Moment {
    match reset {
        0..=1_000_000_000 => now.plus(Duration::from_secs(reset)),
        1_000_000_001..=100_000_000_000 => Moment::from_unix_ms(0).plus(Duration::from_secs(reset)),
        _ => Moment::from_unix_ms(0).plus(Duration::from_millis(reset)),
    }
}

/// A reset further off than a month is not believed.
pub(super) fn believed(reset_at: Moment, now: Moment) -> Moment {
    reset_at.min(now.plus(Duration::from_secs(30 * 86_400)))
}

pub(super) fn at_most(remaining: u64) -> u32 {
    u32::try_from(remaining).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_forms_of_a_date_are_one_moment_and_seconds_are_seconds() {
        let now: Moment = "1994-11-06T08:49:07Z".parse().unwrap();
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "30",
            " 30 ",
        ] {
            assert_eq!(parse_retry_after(text, now), Some(Duration::from_secs(30)), "{text}");
        }
        assert_eq!(parse_retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO));
        assert!(parse_retry_after("99999999999999999999999", now).unwrap() > Duration::from_secs(1 << 31));
        let endless = format!("Sun, 06 Nov 1994 08:49:37 GMT{}", " ".repeat(64) + "x");
        for text in ["", "-1", "1.5", "soon", "30s", "Sun, 99 Nov 1994 08:49:37 GMT", &endless] {
            assert_eq!(parse_retry_after(text, now), None, "{text}");
        }
    }

    #[test]
    fn both_dialects_of_a_reset_are_read_and_half_a_pair_is_not() {
        let now: Moment = "2026-11-22T12:00:00Z".parse().unwrap();
        let head = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
        };
        let in_an_hour = now.plus(Duration::from_secs(3600));
        let epoch = (in_an_hour.unix_ms() / 1000).to_string();
        let learned = Some(Learned { remaining: 7, reset_at: in_an_hour });
        assert_eq!(
            learn(&head(&[("x-ratelimit-remaining", "7"), ("x-ratelimit-reset", &epoch)]), now),
            learned
        );
        assert_eq!(learn(&head(&[("ratelimit-remaining", "7"), ("ratelimit-reset", "3600")]), now), learned);
        assert_eq!(learn(&head(&[("x-ratelimit-remaining", "7")]), now), None);
        for remaining in ["a", "1.x", ".5", "1.", "-1.5"] {
            let pairs = [("x-ratelimit-remaining", remaining), ("x-ratelimit-reset", "1")];
            assert_eq!(learn(&head(&pairs), now), None, "{remaining}");
        }
        let ms = in_an_hour.unix_ms().to_string();
        for reset in [ms.as_str(), "3599.5"] {
            let pairs = [("x-ratelimit-remaining", "7"), ("x-ratelimit-reset", reset)];
            assert_eq!(learn(&head(&pairs), now), learned, "{reset}");
        }
    }

    #[test]
    fn a_resource_is_named_a_window_is_told_and_the_hardest_word_counts() {
        let now: Moment = "2026-11-22T12:00:00Z".parse().unwrap();
        let headers = |text: &str| -> Vec<(String, String)> {
            let pairs = text.lines().filter_map(|line| line.trim().split_once(": "));
            pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
        };
        let told = |text: &str| hear(&headers(text), now);
        let github = told(
            "x-ratelimit-limit: 30\nx-ratelimit-remaining: 18\nx-ratelimit-used: 12\n\
             x-ratelimit-reset: 1795262460\nx-ratelimit-resource: search",
        );
        let at = |text: &str| text.parse::<Moment>().unwrap();
        let learned = Learned { remaining: 18, reset_at: Moment::from_unix_ms(1_795_262_460_000) };
        assert_eq!(github, [Told { name: Some("search".into()), window: None, learned }]);
        let older = told("ratelimit-limit: 100, 100;w=60\nratelimit-remaining: 5\nratelimit-reset: 30");
        let learned = Learned { remaining: 5, reset_at: at("2026-11-22T12:00:30Z") };
        assert_eq!(older, [Told { name: None, window: Some(Duration::from_secs(60)), learned }]);
        let policy = told("ratelimit-policy: 1500;w=900\nratelimit-remaining: 5\nratelimit-reset: 30");
        assert_eq!(policy, [Told { name: None, window: Some(Duration::from_secs(900)), learned }]);
        let both = headers(
            "ratelimit: \"burst\";r=1;t=5, \"daily\";r=1;t=50\nx-ratelimit-remaining: 2\nx-ratelimit-reset: 99",
        );
        assert_eq!(learn(&both, now), Some(Learned { remaining: 1, reset_at: at("2026-11-22T12:00:50Z") }));
    }
}
