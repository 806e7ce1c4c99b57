//! The rules of a task as a person writes them: by key, each in a text.
//!
//! The configuration and the command line read them alike. What is not said stays as it is
//! ([`Rules::lay`]).

use std::time::Duration;

use super::{BadSchedule, CAP_MAX, Dst, Fold, Gap, Hours, Missed, Overlap, Schedule, Task, parse_span};

/// No jitter and no spread is longer: what is due once a day would come on another day.
pub const DELAY_MAX: Duration = Duration::from_secs(24 * 3600);
/// Says that there is no such rule; so does an empty text.
pub const NONE: &str = "none";

/// What is said of a task's rules; `None` where nothing is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    zone: Option<String>,
    missed: Option<Missed>,
    window: Option<Option<Duration>>,
    cap: Option<u32>,
    spread: Option<Duration>,
    overlap: Option<Overlap>,
    jitter: Option<Duration>,
    /// As written: without a zone of their own they are meant in the task's, which may be said later.
    hours: Option<Option<String>>,
    gap: Option<Option<Gap>>,
    fold: Option<Option<Fold>>,
}

/// A key of a rule, with what may be written there.
#[derive(Debug, Clone, Copy)]
pub struct RuleKey {
    /// As in the configuration; the command line writes `-` for `_`.
    pub name: &'static str,
    /// What would be right.
    pub right: &'static str,
}

/// Why a text is no such rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` {why}")]
pub struct BadRule {
    /// What was written, or its beginning.
    pub text: String,
    /// What it is not: `is no time zone`.
    pub why: &'static str,
}

/// Every key of a rule.
pub const RULE_KEYS: [RuleKey; 10] = [
    RuleKey {
        name: "timezone",
        right: "write a name of the IANA time zone database, like \"Europe/Berlin\", or \"\" for yours",
    },
    RuleKey { name: "missed", right: "write \"skip\", \"once\" or \"all\"" },
    RuleKey {
        name: "missed_window",
        right: "write a time like \"6h\" or \"2d\", or \"none\" for no such bound",
    },
    RuleKey { name: "missed_cap", right: "write a whole number from 1 to 100" },
    RuleKey { name: "missed_spread", right: "write a time like \"90s\" or \"5m\", at most a day" },
    RuleKey { name: "overlap", right: "write \"skip\", \"buffer\" or \"cancel-other\"" },
    RuleKey { name: "jitter", right: "write a time like \"90s\" or \"5m\", at most a day, or \"none\"" },
    RuleKey {
        name: "hours",
        right: "write hours like \"08:00-20:00\" or \"22:00-06:00 Europe/Berlin\", or \"none\" for all",
    },
    RuleKey { name: "gap", right: "write \"after\" or \"skip\", or \"none\" for what is usual" },
    RuleKey { name: "fold", right: "write \"first\", \"last\" or \"both\", or \"none\" for what is usual" },
];

impl RuleKey {
    /// The key of that name.
    pub fn find(name: &str) -> Option<&'static RuleKey> {
        RULE_KEYS.iter().find(|key| key.name == name)
    }
}

impl Rules {
    /// Takes what is written at `key`.
    ///
    /// # Errors
    /// [`BadRule`] says what the text is not, and [`RuleKey::right`] what would be right.
    pub fn say(&mut self, key: &str, text: &str) -> Result<(), BadRule> {
        let text = text.trim();
        match key {
            "timezone" => self.zone = zone(text)?,
            "missed" => {
                self.missed =
                    Some(word(text, Missed::from_text, "is no word for what to do with missed ticks")?)
            }
            "missed_window" => self.window = Some(optional(text).map(span).transpose()?),
            "missed_cap" => self.cap = Some(cap(text)?),
            "missed_spread" => self.spread = Some(delay(text)?),
            "overlap" => self.overlap = Some(overlap(text)?),
            "jitter" => self.jitter = Some(optional(text).map(delay).transpose()?.unwrap_or_default()),
            "hours" => self.hours = Some(optional(text).map(hours).transpose()?),
            "gap" => {
                let gap = |text| {
                    word(text, Gap::from_text, "is no word for what to do with a time that is left out")
                };
                self.gap = Some(optional(text).map(gap).transpose()?);
            }
            "fold" => {
                let fold = |text| {
                    word(text, Fold::from_text, "is no word for what to do with a time that comes twice")
                };
                self.fold = Some(optional(text).map(fold).transpose()?);
            }
            _ => return Err(bad(key, "is no rule of a task")),
        }
        Ok(())
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// `task` with what is said, and with another schedule if there is one.
    ///
    /// # Errors
    /// [`BadSchedule`] if `expression` is none.
    pub fn lay(&self, task: &Task, expression: Option<&str>) -> Result<Task, BadSchedule> {
        let old = &task.schedule;
        let zone = self.zone.as_deref().unwrap_or(old.zone());
        let dst = Dst { gap: self.gap.unwrap_or(old.dst().gap), fold: self.fold.unwrap_or(old.dst().fold) };
        let schedule = match expression {
            None if zone == old.zone() => old.clone(),
            _ => Schedule::parse(expression.unwrap_or(old.expression()), zone)?,
        };
        let mut missed = task.missed;
        missed.policy = self.missed.unwrap_or(missed.policy);
        missed.window = self.window.unwrap_or(missed.window);
        missed.cap = self.cap.unwrap_or(missed.cap);
        missed.spread = self.spread.unwrap_or(missed.spread);
        let hours = match &self.hours {
            None => task.hours,
            Some(text) => text.as_deref().map(|text| Hours::parse(text, zone)).transpose()?,
        };
        Ok(Task {
            schedule: schedule.with_dst(dst),
            missed,
            overlap: self.overlap.unwrap_or(task.overlap),
            jitter: self.jitter.unwrap_or(task.jitter),
            hours,
        })
    }
}

fn bad(text: &str, why: &'static str) -> BadRule {
    BadRule { text: text.chars().take(60).collect(), why }
}

/// What is written, if it is not that there is none.
fn optional(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty() && *text != NONE)
}

fn word<T>(text: &str, read: impl Fn(&str) -> Option<T>, why: &'static str) -> Result<T, BadRule> {
    read(text).ok_or_else(|| bad(text, why))
}

fn zone(text: &str) -> Result<Option<String>, BadRule> {
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<chrono_tz::Tz>() {
        Ok(zone) => Ok(Some(zone.name().to_owned())),
        Err(_) => Err(bad(text, "is no time zone")),
    }
}

fn span(text: &str) -> Result<Duration, BadRule> {
    parse_span(text).map_err(|_| bad(text, "is no length of time"))
}

fn delay(text: &str) -> Result<Duration, BadRule> {
    match span(text)? {
        span if span > DELAY_MAX => Err(bad(text, "is longer than a day")),
        span => Ok(span),
    }
}

fn cap(text: &str) -> Result<u32, BadRule> {
    let cap = text.parse().ok().filter(|cap| (1..=CAP_MAX).contains(cap));
    cap.ok_or_else(|| bad(text, "is no number from 1 to 100"))
}

/// A run beside another is what no strategy can have: its runs share its snapshot and its one host.
fn overlap(text: &str) -> Result<Overlap, BadRule> {
    match word(text, Overlap::from_text, "is no word for what to do while a run is under way")? {
        Overlap::Allow => Err(bad(text, "cannot be, as a strategy has one run at a time")),
        overlap => Ok(overlap),
    }
}

fn hours(text: &str) -> Result<String, BadRule> {
    match Hours::parse(text, "UTC") {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(bad(text, "is no span of hours")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task() -> Task {
        Task::plain(Schedule::parse("0 9 * * *", "Europe/Berlin").unwrap())
    }

    fn said(all: &[(&str, &str)]) -> Rules {
        let mut rules = Rules::default();
        all.iter().for_each(|(key, text)| rules.say(key, text).unwrap());
        rules
    }

    #[test]
    fn what_is_not_said_stays_as_it_is() {
        assert_eq!(Rules::default().lay(&task(), None).unwrap(), task());
        let all = said(&[
            ("timezone", "Asia/Tokyo"),
            ("missed", "all"),
            ("missed_window", "6h"),
            ("missed_cap", "3"),
            ("missed_spread", "5m"),
            ("overlap", "buffer"),
            ("jitter", "90s"),
            ("hours", "08:00-20:00"),
            ("gap", "skip"),
            ("fold", "both"),
        ]);
        let laid = all.lay(&task(), Some("@hourly")).unwrap();
        assert_eq!(laid.schedule.to_string(), "@hourly (Asia/Tokyo)");
        assert_eq!(laid.schedule.dst(), Dst { gap: Some(Gap::Skip), fold: Some(Fold::Both) });
        assert_eq!((laid.missed.policy, laid.missed.cap), (Missed::All, 3));
        assert_eq!(laid.missed.window, Some(Duration::from_secs(6 * 3600)));
        assert_eq!(laid.missed.spread, Duration::from_secs(300));
        assert_eq!((laid.overlap, laid.jitter), (Overlap::Buffer, Duration::from_secs(90)));
        assert_eq!(laid.hours.unwrap().to_string(), "08:00-20:00 Asia/Tokyo");
        // Laid again over that, each alone changes itself and nothing else.
        let none = said(&[
            ("hours", "none"),
            ("jitter", ""),
            ("gap", "none"),
            ("fold", ""),
            ("missed_window", "none"),
        ]);
        let bare = none.lay(&laid, None).unwrap();
        assert_eq!(bare.schedule, Schedule::parse("@hourly", "Asia/Tokyo").unwrap());
        assert_eq!((bare.hours, bare.jitter, bare.missed.window), (None, Duration::ZERO, None));
        assert_eq!((bare.missed.cap, bare.overlap), (3, Overlap::Buffer));
    }

    #[test]
    fn hours_without_a_zone_are_meant_in_the_tasks_whatever_is_said_first() {
        for all in [
            [("hours", "08:00-20:00"), ("timezone", "Asia/Tokyo")],
            [("timezone", "Asia/Tokyo"), ("hours", "08:00-20:00")],
        ] {
            let laid = said(&all).lay(&task(), None).unwrap();
            assert_eq!(laid.hours.unwrap().to_string(), "08:00-20:00 Asia/Tokyo");
        }
        let usual = said(&[("timezone", "Asia/Tokyo"), ("timezone", "")]);
        assert!(usual.is_empty() && !said(&[("hours", "none")]).is_empty(), "none is said, and empty is not");
        let own = said(&[("hours", "08:00-20:00 UTC")]).lay(&task(), None).unwrap();
        assert_eq!(own.hours.unwrap().to_string(), "08:00-20:00 UTC");
    }

    #[test]
    fn each_mistake_says_what_it_is_not() {
        let told = |key: &str, text: &str| Rules::default().say(key, text).unwrap_err().to_string();
        let all = [
            ("timezone", "Berlin"),
            ("missed", "twice"),
            ("missed_window", "6"),
            ("missed_cap", "0"),
            ("missed_cap", "101"),
            ("missed_spread", "none"),
            ("overlap", "allow"),
            ("overlap", "queue"),
            ("jitter", "25h"),
            ("hours", "8-20"),
            ("gap", "before"),
            ("fold", "second"),
            ("often", "x"),
        ];
        let all: Vec<String> = all.iter().map(|(key, text)| format!("{key}: {}", told(key, text))).collect();
        expect_test::expect![[r#"
            timezone: `Berlin` is no time zone
            missed: `twice` is no word for what to do with missed ticks
            missed_window: `6` is no length of time
            missed_cap: `0` is no number from 1 to 100
            missed_cap: `101` is no number from 1 to 100
            missed_spread: `none` is no length of time
            overlap: `allow` cannot be, as a strategy has one run at a time
            overlap: `queue` is no word for what to do while a run is under way
            jitter: `25h` is longer than a day
            hours: `8-20` is no span of hours
            gap: `before` is no word for what to do with a time that is left out
            fold: `second` is no word for what to do with a time that comes twice
            often: `often` is no rule of a task"#]]
        .assert_eq(&all.join("\n"));
        for key in RULE_KEYS {
            assert!(!told(key.name, "\u{fffd}").contains("no rule"), "{} is not read", key.name);
            assert_eq!(RuleKey::find(key.name).map(|found| found.right), Some(key.right));
        }
        assert!(RuleKey::find("often").is_none());
    }
}
