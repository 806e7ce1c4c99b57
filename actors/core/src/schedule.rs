//! When a thing is due: an expression, a time zone, and which ticks were missed.
//!
//! `every 30m`, `at 2026-12-01T09:00:00Z`, `@daily` and its like, or cron with 5 or 6 fields (`L`,
//! `W`, `#`, names; day of month and day of week are joined by OR, as in cron, or by AND with a
//! `+` before the day of week). Pure: a moment goes in, the next one comes out. What never comes
//! (`0 0 31 2 *`) is refused when it is read.
//!
//! ## Design notes
//!
//! - Intervals are counted from 1970, not from the last run: `every 30m` is due at :00 and :30, so
//!   the ticks that were due while the machine was down can be told without any memory.
//! - What daylight saving leaves out or brings twice is due as the task chose ([`Dst`]); without a
//!   choice, as in Debian's cron.
//! - Stored is the expression and its zone, never a next moment alone: zones change their rules.

mod decide;
mod fate;
mod missed;
mod rules;
mod span;
mod task;
mod wall;
mod when;

use std::fmt;
use std::time::Duration;

use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use serde::{Deserialize, Serialize};

use crate::moment::Moment;

pub use decide::{Decision, GRACE, Hold, LOOK_MAX, Owed, PauseSpan, Ruled, Situation, decide, look_at};
pub use fate::Fate;
pub use missed::Missed;
pub use rules::{BadRule, RULE_KEYS, RuleKey, Rules};
pub use span::{BadSpan, parse_span, show_span};
pub use task::{CAP_MAX, Hours, MissedRule, Overlap, Task};
pub use wall::{Dst, Fold, Gap, Occurrence, Shift};
pub use when::{Asked, When};

/// Why an expression is no schedule: one sentence that says what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadSchedule(String);

/// An expression with its zone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Schedule {
    text: String,
    zone: Tz,
    dst: Dst,
    rule: Rule,
}

#[derive(Debug, Clone, PartialEq)]
enum Rule {
    Every(i64),
    Once(Moment),
    Cron(Box<Cron>),
}

/// What a stored schedule is: two texts, and what was chosen for the changes of the clocks.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stored {
    expression: String,
    zone: String,
    #[serde(default)]
    dst: Dst,
}

/// The shortest interval: a second, as in cron.
const EVERY_LEAST: Duration = Duration::from_secs(1);
/// From when a new expression is tried whether it ever comes: a leap year's beginning.
const TRIED_FROM: Moment = Moment::from_unix_ms(1_704_067_200_000);

impl Schedule {
    /// Reads an expression that holds in `zone` (an IANA name such as `Europe/Berlin`, or `UTC`).
    ///
    /// # Errors
    /// [`BadSchedule`], a sentence.
    ///
    /// ```
    /// use mm_core::schedule::Schedule;
    /// let daily = Schedule::parse("30 2 * * *", "Europe/Berlin").unwrap();
    /// // That night the clocks go from 2 to 3.
    /// let next = daily.next_after("2026-03-28T12:00:00Z".parse().unwrap()).unwrap();
    /// assert_eq!(next.to_string(), "2026-03-29T01:00:00Z");
    /// assert!(Schedule::parse("0 0 31 2 *", "UTC").is_err());
    /// ```
    pub fn parse(text: &str, zone: &str) -> Result<Self, BadSchedule> {
        let text = text.trim();
        if text.is_empty() || text.len() > 200 {
            return Err(BadSchedule(format!("a schedule is an expression like {LIKE}")));
        }
        let zone = zone.trim().parse::<Tz>().map_err(|_| {
            let zone: String = zone.chars().take(40).collect();
            BadSchedule(format!("`{zone}` is no time zone; write one like Europe/Berlin, or UTC"))
        })?;
        let rule = read_rule(text)?;
        let schedule = Self { text: text.to_owned(), zone, dst: Dst::default(), rule };
        if matches!(schedule.rule, Rule::Cron(_)) && schedule.next_after(TRIED_FROM).is_none() {
            return Err(BadSchedule(format!("`{text}` names a day that never comes")));
        }
        Ok(schedule)
    }

    /// Reads an expression that holds by a clock as [`Schedule::clock`] tells it.
    ///
    /// # Errors
    /// [`BadSchedule`], a sentence.
    pub fn parse_at(text: &str, clock: &str) -> Result<Self, BadSchedule> {
        let mut parts = clock.split(", ");
        let zone = parts.next().unwrap_or_default();
        let mut dst = Dst::default();
        for part in parts {
            dst.gap = part.strip_prefix("gap ").and_then(Gap::from_text).or(dst.gap);
            dst.fold = part.strip_prefix("fold ").and_then(Fold::from_text).or(dst.fold);
        }
        Ok(Self::parse(text, zone)?.with_dst(dst))
    }

    /// What is due once, at a moment.
    pub fn at(at: Moment) -> Self {
        Self { text: format!("at {at}"), zone: Tz::UTC, dst: Dst::default(), rule: Rule::Once(at) }
    }

    /// The same with other choices for the changes of the clocks. They touch no interval and no one-off.
    #[must_use]
    pub fn with_dst(self, dst: Dst) -> Self {
        Self { dst, ..self }
    }

    /// What was chosen for the changes of the clocks.
    pub fn dst(&self) -> Dst {
        self.dst
    }

    /// The expression, as it was written.
    pub fn expression(&self) -> &str {
        &self.text
    }

    /// The zone's name.
    pub fn zone(&self) -> &str {
        self.zone.name()
    }

    /// The zone and the choices at its changes, in a line: what a tick depends on beside the expression.
    pub fn clock(&self) -> String {
        let gap = self.dst.gap.map(|gap| format!(", gap {}", gap.as_str())).unwrap_or_default();
        let fold = self.dst.fold.map(|fold| format!(", fold {}", fold.as_str())).unwrap_or_default();
        format!("{}{gap}{fold}", self.zone.name())
    }

    /// `at` as a clock in its zone shows it: `2026-11-01T03:00:00-05:00`.
    pub fn local(&self, at: Moment) -> String {
        when::show(at, self.zone)
    }

    /// Reads a time as a person writes it: RFC 3339, or by the clock of its zone.
    ///
    /// # Errors
    /// [`BadSchedule`], a sentence.
    pub fn when(&self, text: &str) -> Result<Asked, BadSchedule> {
        when::read(text, self.zone)
    }

    /// The first tick later than `after`; `None` if there is none any more.
    pub fn next_after(&self, after: Moment) -> Option<Moment> {
        self.next(after).map(|tick| tick.at)
    }

    /// The same, with what a change of the clocks does to it.
    pub fn next(&self, after: Moment) -> Option<Occurrence> {
        let plain = |at| Occurrence { at, shift: None };
        match &self.rule {
            Rule::Every(ms) => {
                let next = after.unix_ms().div_euclid(*ms).checked_add(1)?.checked_mul(*ms)?;
                Some(plain(Moment::from_unix_ms(next)))
            }
            Rule::Once(at) => Some(plain(*at)).filter(|tick| after < tick.at),
            Rule::Cron(cron) => wall::next(cron, self.zone, self.dst, after),
        }
    }
}

const LIKE: &str = "`every 30m`, `@daily`, `0 9 * * mon-fri` or `at 2026-12-01T09:00:00Z`";

fn read_rule(text: &str) -> Result<Rule, BadSchedule> {
    if let Some(span) = text.strip_prefix("every ") {
        let span = parse_span(span).map_err(|bad| BadSchedule(bad.to_string()))?;
        if span < EVERY_LEAST {
            return Err(BadSchedule(format!("`{text}` is too often; a second is the least")));
        }
        let ms = i64::try_from(span.as_millis()).map_err(|_| BadSchedule("too long a time".to_owned()))?;
        return Ok(Rule::Every(ms));
    }
    if let Some(at) = text.strip_prefix("at ") {
        return match at.trim().parse() {
            Ok(at) => Ok(Rule::Once(at)),
            Err(bad) => Err(BadSchedule(bad.to_string())),
        };
    }
    let fields = match text.strip_prefix('@') {
        Some(name) => {
            nickname(name).ok_or_else(|| BadSchedule(format!("`{text}` is none of {NICKNAMES}")))?.to_owned()
        }
        None => text.to_owned(),
    };
    read_cron(text, &fields).map(|cron| Rule::Cron(Box::new(cron)))
}

const NICKNAMES: &str = "@yearly, @annually, @monthly, @weekly, @daily, @midnight and @hourly";

fn nickname(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "yearly" | "annually" => "0 0 1 1 *",
        "monthly" => "0 0 1 * *",
        "weekly" => "0 0 * * 0",
        "daily" | "midnight" => "0 0 * * *",
        "hourly" => "0 * * * *",
        _ => return None,
    })
}

fn read_cron(text: &str, fields: &str) -> Result<Cron, BadSchedule> {
    let count = fields.split_whitespace().count();
    if !fields.is_ascii() || !(5..=6).contains(&count) {
        return Err(BadSchedule(format!(
            "`{text}` has {count} fields; cron has 5 (minute hour day month weekday) or 6 (second first), \
             and else there are {LIKE}"
        )));
    }
    // The parser puts an `@` anywhere in a text through its own list of names.
    if fields.contains('@') {
        return Err(BadSchedule(format!("`{text}` has an `@` in a field")));
    }
    // The parser passes over what is empty (`1,,2`), and with sloppy ranges, which `0/20` needs, it
    // would take `/20` too.
    let hollow = |part: &str| part.is_empty() || part.starts_with('/') || part.ends_with('/');
    if fields.split_whitespace().flat_map(|field| field.split(',')).any(hollow) {
        return Err(BadSchedule(format!("`{text}` leaves out a value next to a `,` or a `/`")));
    }
    let parser =
        CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).sloppy_ranges(true).build();
    parser.parse(fields).map_err(|error| {
        let why = error.to_string();
        let why = why.rsplit(": ").next().unwrap_or(&why).trim_end_matches('.').to_owned();
        BadSchedule(format!("`{text}` is no cron expression: {why}"))
    })
}

/// `every 30m (UTC)`.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text, self.zone.name())
    }
}

impl TryFrom<Stored> for Schedule {
    type Error = BadSchedule;
    fn try_from(stored: Stored) -> Result<Self, BadSchedule> {
        Ok(Self::parse(&stored.expression, &stored.zone)?.with_dst(stored.dst))
    }
}

impl From<Schedule> for Stored {
    fn from(schedule: Schedule) -> Self {
        Self { zone: schedule.zone.name().to_owned(), dst: schedule.dst, expression: schedule.text }
    }
}

#[cfg(test)]
mod tests;
