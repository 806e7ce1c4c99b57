//! A task: a schedule, and what holds for its ticks beyond the moment they are due.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Timelike};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{BadSchedule, Missed, Schedule};
use crate::digest::Digest;
use crate::moment::Moment;

/// The most runs that are ever made up for, whatever `cap` says.
pub const CAP_MAX: u32 = 100;

/// A schedule with the rules for its ticks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// When it is due.
    pub schedule: Schedule,
    /// What becomes of ticks that passed while nobody could run them.
    pub missed: MissedRule,
    /// What becomes of a tick while a run is under way.
    pub overlap: Overlap,
    /// Each tick is taken up later than it is due by a part of this that is always the same on one
    /// installation; zero for none.
    pub jitter: Duration,
    /// Outside of these hours nothing is started; `None` for no such rule.
    pub hours: Option<Hours>,
}

impl Task {
    /// A task of a schedule alone, with what holds if nothing is said: missed ticks are made up for by
    /// one run, and a tick during a run is skipped.
    pub fn plain(schedule: Schedule) -> Self {
        Self {
            schedule,
            missed: MissedRule::default(),
            overlap: Overlap::Skip,
            jitter: Duration::ZERO,
            hours: None,
        }
    }

    /// How much later than due the ticks of `name` are taken up on `installation`: a part of the
    /// jitter that depends on these two alone, so that machines spread out and one machine keeps time.
    pub fn delay(&self, installation: &str, name: &str) -> Duration {
        let most = u64::try_from(self.jitter.as_millis()).unwrap_or(u64::MAX);
        let digest = Digest::of_fields("jitter", [installation.as_bytes(), name.as_bytes()]);
        let hash = digest.0.iter().take(8).fold(0u64, |hash, byte| hash << 8 | u64::from(*byte));
        Duration::from_millis(hash % most.saturating_add(1))
    }
}

/// What becomes of ticks that passed while nobody could run them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissedRule {
    /// Which of them are run.
    pub policy: Missed,
    /// Older ones are never run; `None` for no such bound.
    pub window: Option<Duration>,
    /// With [`Missed::All`], the newest so many are run; 1 to [`CAP_MAX`].
    pub cap: u32,
    /// With [`Missed::All`], the time between the starts of two of them.
    pub spread: Duration,
}

/// One run for all, however old; else ten, a minute apart.
impl Default for MissedRule {
    fn default() -> Self {
        Self { policy: Missed::Once, window: None, cap: 10, spread: Duration::from_secs(60) }
    }
}

/// What becomes of a tick while a run of the same task is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It starts nothing.
    #[default]
    Skip,
    /// It runs when that run has ended; of several, the newest.
    Buffer,
    /// That run is cancelled, and its own begins.
    CancelOther,
    /// It runs beside it.
    Allow,
}

impl Overlap {
    /// Reads `skip`, `buffer`, `cancel-other` or `allow`.
    pub fn from_text(text: &str) -> Option<Self> {
        let all = [Overlap::Skip, Overlap::Buffer, Overlap::CancelOther, Overlap::Allow];
        all.into_iter().find(|overlap| overlap.as_str() == text)
    }

    /// The choice in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Overlap::Skip => "skip",
            Overlap::Buffer => "buffer",
            Overlap::CancelOther => "cancel-other",
            Overlap::Allow => "allow",
        }
    }
}

/// The hours of a day in which something may be started, by the clock of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hours {
    /// Minute of the day from which it may.
    from: u32,
    /// Minute of the day from which it may not; less than `from` for hours over midnight.
    until: u32,
    zone: Tz,
}

const DAY: u32 = 24 * 60;

impl Hours {
    /// Reads `08:00-20:00`, or `22:00-06:00 Europe/Berlin` with a zone of its own; else `zone` holds.
    ///
    /// # Errors
    /// [`BadSchedule`], a sentence.
    pub fn parse(text: &str, zone: &str) -> Result<Self, BadSchedule> {
        let bad = || {
            let text: String = text.chars().take(60).collect();
            BadSchedule(format!(
                "`{text}` is no span of hours: write it like 08:00-20:00, or 08:00-20:00 Europe/Berlin"
            ))
        };
        let (span, zone) = text.trim().split_once(' ').unwrap_or((text.trim(), zone));
        let zone: Tz = zone.trim().parse().map_err(|_| bad())?;
        let (from, until) = span.split_once('-').ok_or_else(bad)?;
        let (from, until) = (minute(from).ok_or_else(bad)?, minute(until).ok_or_else(bad)?);
        if from == until || from == DAY {
            return Err(bad());
        }
        Ok(Self { from, until, zone })
    }

    /// Whether something may be started at `at`.
    pub fn allow(&self, at: Moment) -> bool {
        let Some(utc) = at.to_utc() else { return false };
        let local: DateTime<Tz> = utc.with_timezone(&self.zone);
        let minute = local.hour() * 60 + local.minute();
        match self.from < self.until {
            true => (self.from..self.until).contains(&minute),
            false => self.from <= minute || minute < self.until,
        }
    }

    /// The first moment from `at` at which something may be started.
    pub fn opening(&self, at: Moment) -> Moment {
        let minute = Duration::from_secs(60);
        let whole = Moment::from_unix_ms(at.unix_ms().div_euclid(60_000) * 60_000);
        // No zone leaves out more than a day.
        let minutes = (1..=3 * DAY).map(|n| whole.plus(minute * n));
        if self.allow(at) { at } else { minutes.into_iter().find(|at| self.allow(*at)).unwrap_or(at) }
    }
}

/// `20:00`, or `24:00` for the end of the day.
fn minute(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hour) || !digits(minute) {
        return None;
    }
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    let whole = hour * 60 + minute;
    (minute < 60 && whole <= DAY).then_some(whole)
}

/// `08:00-20:00 Europe/Berlin`, as it is read.
impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = |minute: u32| format!("{:02}:{:02}", minute / 60, minute % 60);
        write!(f, "{}-{} {}", clock(self.from), clock(self.until), self.zone.name())
    }
}

impl TryFrom<String> for Hours {
    type Error = BadSchedule;
    fn try_from(text: String) -> Result<Self, BadSchedule> {
        Self::parse(&text, "UTC")
    }
}

impl From<Hours> for String {
    fn from(hours: Hours) -> Self {
        hours.to_string()
    }
}
