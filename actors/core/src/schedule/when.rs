//! A moment as a person says it: with an offset, or as a wall's clock in some zone shows it.
//!
//! A wall's clock shows some times twice a year and leaves some out; both are told, and not guessed away.

use std::time::Duration;

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, SecondsFormat, TimeZone};
use chrono_tz::{GapInfo, Tz};

use super::BadSchedule;
use crate::moment::Moment;

/// Which moment is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// This one.
    Once(Moment),
    /// One of these: the clocks go back between them.
    Twice(Moment, Moment),
    /// None: the clocks go forward over it.
    Never {
        /// The time that does not come.
        wall: NaiveDateTime,
        /// The first moment after the gap.
        end: Moment,
    },
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Which moment.
    pub when: When,
    /// All that begins so soon after it is meant too: a time without seconds is a whole minute.
    pub within: Duration,
}

const LIKE: &str = "2026-11-01T03:00 by the task's clock, or 2026-11-01T03:00:00Z";

/// Reads RFC 3339, or the same without an offset, and then perhaps without seconds, in `zone`.
pub(super) fn read(text: &str, zone: Tz) -> Result<Asked, BadSchedule> {
    let text = text.trim();
    if let Ok(at) = text.parse() {
        return Ok(Asked { when: When::Once(at), within: Duration::ZERO });
    }
    let formats = [
        ("%Y-%m-%dT%H:%M:%S", Duration::ZERO),
        ("%Y-%m-%d %H:%M:%S", Duration::ZERO),
        ("%Y-%m-%dT%H:%M", Duration::from_secs(59)),
        ("%Y-%m-%d %H:%M", Duration::from_secs(59)),
    ];
    let found = formats
        .iter()
        .find_map(|(format, within)| Some((NaiveDateTime::parse_from_str(text, format).ok()?, *within)));
    let Some((wall, within)) = found else {
        let text: String = text.chars().take(40).collect();
        return Err(BadSchedule(format!("`{text}` is no time; write it like {LIKE}")));
    };
    Ok(Asked { when: on_the_wall(wall, zone)?, within })
}

fn on_the_wall(wall: NaiveDateTime, zone: Tz) -> Result<When, BadSchedule> {
    let moment = |at: DateTime<Tz>| Moment::from(at.to_utc());
    Ok(match zone.from_local_datetime(&wall) {
        MappedLocalTime::Single(at) => When::Once(moment(at)),
        MappedLocalTime::Ambiguous(first, second) => When::Twice(moment(first), moment(second)),
        MappedLocalTime::None => {
            let end = GapInfo::new(&wall, &zone).and_then(|gap| gap.end);
            let end = end.ok_or_else(|| BadSchedule(format!("`{wall}` is no time in {}", zone.name())))?;
            When::Never { wall, end: moment(end) }
        }
    })
}

/// `2026-11-01T03:00:00-05:00`: the moment as a clock in `zone` shows it.
pub(super) fn show(at: Moment, zone: Tz) -> String {
    let form = if at.unix_ms() % 1000 == 0 { SecondsFormat::Secs } else { SecondsFormat::Millis };
    match at.to_utc() {
        Some(utc) => utc.with_timezone(&zone).to_rfc3339_opts(form, false),
        None => at.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Result<Asked, BadSchedule> {
        read(text, Tz::America__New_York)
    }

    fn at(text: &str) -> Moment {
        text.parse().unwrap()
    }

    #[test]
    fn a_time_with_an_offset_is_exact_and_one_without_is_the_zones() {
        let exact = Asked { when: When::Once(at("2026-11-01T03:00:00Z")), within: Duration::ZERO };
        assert_eq!(asked("2026-11-01T03:00:00Z"), Ok(exact));
        assert_eq!(asked("2026-11-01T04:00:00+01:00"), Ok(exact));
        let local = asked("2026-11-01T03:00").unwrap();
        assert_eq!(local.when, When::Once(at("2026-11-01T08:00:00Z")));
        assert_eq!(local.within, Duration::from_secs(59), "all of that minute is meant");
        assert_eq!(asked("2026-11-01 03:00:30").unwrap().when, When::Once(at("2026-11-01T08:00:30Z")));
        assert_eq!(show(at("2026-11-01T08:00:00Z"), Tz::America__New_York), "2026-11-01T03:00:00-05:00");
        let beyond = Moment::from_unix_ms(i64::MAX);
        assert_eq!(show(beyond, Tz::America__New_York), beyond.to_string(), "no clock shows it");
    }

    #[test]
    fn what_comes_twice_and_what_does_not_come_is_told() {
        let twice = When::Twice(at("2026-11-01T05:30:00Z"), at("2026-11-01T06:30:00Z"));
        assert_eq!(asked("2026-11-01T01:30").unwrap().when, twice);
        let wall = "2026-03-08T02:30:00".parse().unwrap();
        let never = When::Never { wall, end: at("2026-03-08T07:00:00Z") };
        assert_eq!(asked("2026-03-08T02:30").unwrap().when, never);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in
            ["", "noon", "2026-11-01", "2026-02-30T03:00", "2026-11-01T25:00", "2026-11-01T03:00:00 PST"]
        {
            let told = asked(bad).unwrap_err().to_string();
            assert!(told.contains("write it like 2026-11-01T03:00"), "{told}");
        }
    }
}
