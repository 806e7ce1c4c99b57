//! Lengths of time as people write them: `90s`, `30m`, `1h30m`, `1d`.

use std::time::Duration;

/// Why a text is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no length of time: write it like 90s, 30m, 1h30m or 1d (units w d h m s ms)")]
pub struct BadSpan(String);

/// Reads a length of time. A number needs its unit; there is no zero and none over 100 years.
///
/// # Errors
/// [`BadSpan`] shows what was read and what would be right.
///
/// ```
/// use std::time::Duration;
/// let span = mm_core::schedule::parse_span("1h30m").unwrap();
/// assert_eq!(span, Duration::from_secs(5400));
/// assert!(mm_core::schedule::parse_span("30").is_err());
/// ```
pub fn parse_span(text: &str) -> Result<Duration, BadSpan> {
    let bad = || BadSpan(text.chars().take(40).collect());
    let mut rest = text.trim();
    let mut total_ms: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at(letters);
        let number: u64 = number.parse().map_err(|_| bad())?;
        let unit_ms = unit_ms(unit).ok_or_else(bad)?;
        let part = number.checked_mul(unit_ms).ok_or_else(bad)?;
        total_ms = total_ms.checked_add(part).ok_or_else(bad)?;
        rest = tail.trim_start();
    }
    match total_ms {
        1..=3_155_760_000_000 => Ok(Duration::from_millis(total_ms)),
        _ => Err(bad()),
    }
}

fn unit_ms(unit: &str) -> Option<u64> {
    Some(match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 604_800_000,
        _ => return None,
    })
}

/// Writes a length of time as [`parse_span`] reads it, largest unit first.
pub fn show_span(span: Duration) -> String {
    let mut rest = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let mut out = String::new();
    for (unit, ms) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
        if rest >= ms {
            out += &format!("{}{unit}", rest / ms);
            rest %= ms;
        }
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_has_no_unit_or_no_length_is_refused() {
        for bad in ["", " ", "0s", "30", "m", "1x", "-1m", "1.5h", "99999999999999999999d", "1h 2", "1M", "é"]
        {
            assert!(parse_span(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(ms in 1u64..3_155_760_000_000) {
            let span = Duration::from_millis(ms);
            prop_assert_eq!(parse_span(&show_span(span)).unwrap(), span);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,12}") {
            let _ = parse_span(&text);
        }
    }
}
