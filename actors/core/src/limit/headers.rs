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

/// Reads `X-RateLimit-Remaining` and `-Reset` (and the same without `X-`) from headers whose names
/// are in lower case. A reset over one thousand million is a time since 1970 in seconds (GitHub),
/// a smaller one is seconds to go (Impact).
pub fn learn(headers: &[(String, String)], now: Moment) -> Option<Learned> {
    let number = |name: &str| {
        let value = headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.trim())?;
        value.parse::<u64>().ok()
    };
    for prefix in ["x-ratelimit-", "ratelimit-", "x-rate-limit-"] {
        let (Some(remaining), Some(reset)) =
            (number(&format!("{prefix}remaining")), number(&format!("{prefix}reset")))
        else {
            continue;
        };
        let reset_at = if reset > 1_000_000_000 {
            Moment::from_unix_ms(0).plus(Duration::from_secs(reset))
        } else {
            now.plus(Duration::from_secs(reset))
        };
        let remaining = u32::try_from(remaining).unwrap_or(u32::MAX);
        // A reset further off than a month is not believed.
        let reset_at = reset_at.min(now.plus(Duration::from_secs(30 * 86_400)));
        return Some(Learned { remaining, reset_at });
    }
    None
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
        for text in ["", "-1", "1.5", "soon", "30s", "Sun, 99 Nov 1994 08:49:37 GMT"] {
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
        assert_eq!(learn(&head(&[("x-ratelimit-remaining", "a"), ("x-ratelimit-reset", "1")]), now), None);
    }
}
