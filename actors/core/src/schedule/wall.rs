//! From the time on a wall's clock to moments: what becomes of a time that daylight saving leaves
//! out, and of one that it brings twice.
//!
//! The fields of an expression are matched as if there were no zones; only then is each time found
//! set against the zone. So the choice at a change is made here alone, and not by the parser's library.

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, Offset, TimeZone, Utc};
use chrono_tz::{GapInfo, Tz};
use croner::{Cron, JobType};
use serde::{Deserialize, Serialize};

use crate::moment::Moment;

/// What to do with a time that is left out when the clocks go forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gap {
    /// It is due at the first moment after the gap.
    After,
    /// It is not due that day.
    Skip,
}

impl Gap {
    /// Reads `after` or `skip`.
    pub fn from_text(text: &str) -> Option<Self> {
        [Gap::After, Gap::Skip].into_iter().find(|gap| gap.as_str() == text)
    }

    /// The choice in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Gap::After => "after",
            Gap::Skip => "skip",
        }
    }
}

/// What to do with a time that comes twice when the clocks go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fold {
    /// It is due the first time.
    First,
    /// It is due the second time.
    Last,
    /// It is due both times.
    Both,
}

impl Fold {
    /// Reads `first`, `last` or `both`.
    pub fn from_text(text: &str) -> Option<Self> {
        [Fold::First, Fold::Last, Fold::Both].into_iter().find(|fold| fold.as_str() == text)
    }

    /// The choice in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Fold::First => "first",
            Fold::Last => "last",
            Fold::Both => "both",
        }
    }
}

/// The choices at a change of the clocks. What is not chosen is as in Debian's cron: one fixed time of
/// the day is due right after a gap and the first of two times; steps and `*` follow the clock, so
/// that nothing is due in a gap and both passages are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Dst {
    /// When the clocks go forward.
    pub gap: Option<Gap>,
    /// When they go back.
    pub fold: Option<Fold>,
}

/// How a change of the clocks touches a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shift {
    /// The time it stands for is left out that day; it is due right after.
    Moved {
        /// The time on the wall's clock that does not come.
        from: NaiveDateTime,
    },
    /// Its time comes twice; this is the first.
    First,
    /// Its time comes twice; this is the second.
    Second,
}

/// A tick to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    /// When it is due.
    pub at: Moment,
    /// What a change of the clocks does to it, if one does.
    pub shift: Option<Shift>,
}

/// The first tick later than `after`.
pub(super) fn next(cron: &Cron, zone: Tz, dst: Dst, after: Moment) -> Option<Occurrence> {
    // Whole seconds, rounded down: the search begins with the second after.
    let after = DateTime::from_timestamp(after.unix_ms().div_euclid(1000), 0)?;
    let (gap, fold) = match cron.determine_job_type() {
        JobType::FixedTime => (Gap::After, Fold::First),
        JobType::IntervalWildcard => (Gap::Skip, Fold::Both),
    };
    let walk = Walk { cron, zone, gap: dst.gap.unwrap_or(gap), fold: dst.fold.unwrap_or(fold), after };
    let here = after.with_timezone(&zone).naive_local();
    let ahead = walk.from(here, false);
    // While an hour passes for the first time, its second passage lies ahead, also of the times that
    // the wall's clock has shown already.
    let again = match zone.from_local_datetime(&here) {
        MappedLocalTime::Ambiguous(first, second) if first == after && walk.fold != Fold::First => {
            walk.from(turn(&first, &second).with_timezone(&zone).naive_local(), true)
        }
        _ => None,
    };
    [ahead, again].into_iter().flatten().min_by_key(|tick| tick.at)
}

struct Walk<'a> {
    cron: &'a Cron,
    zone: Tz,
    gap: Gap,
    fold: Fold,
    after: DateTime<Utc>,
}

impl Walk<'_> {
    /// The first tick after `self.after` whose time on the wall's clock is later than `wall`, or the same
    /// if `inclusive`.
    fn from(&self, mut wall: NaiveDateTime, mut inclusive: bool) -> Option<Occurrence> {
        loop {
            // In UTC every time comes once: this matches fields and nothing else.
            let found = self.cron.find_next_occurrence(&wall.and_utc(), inclusive).ok()?.naive_utc();
            (wall, inclusive) = match self.zone.from_local_datetime(&found) {
                MappedLocalTime::Single(at) if self.after < at => return Some(tick(&at, None)),
                MappedLocalTime::Single(_) => (found, false),
                MappedLocalTime::Ambiguous(first, second) => match self.of_two(&first, &second) {
                    Some(tick) => return Some(tick),
                    // All of this hour's first passages are over: on with what comes after the second.
                    None => (turn(&first, &second).naive_utc() + first.offset().fix(), true),
                },
                MappedLocalTime::None => {
                    let end = GapInfo::new(&found, &self.zone)?.end?;
                    if self.gap == Gap::After && self.after < end {
                        return Some(self.after_gap(found, &end));
                    }
                    (end.naive_local(), true)
                }
            };
        }
    }

    fn of_two(&self, first: &DateTime<Tz>, second: &DateTime<Tz>) -> Option<Occurrence> {
        if self.fold != Fold::Last && self.after < *first {
            return Some(tick(first, Some(Shift::First)));
        }
        (self.fold != Fold::First && self.after < *second).then(|| tick(second, Some(Shift::Second)))
    }

    /// The tick right after a gap; moved unless that moment is one of the expression's own.
    fn after_gap(&self, from: NaiveDateTime, end: &DateTime<Tz>) -> Occurrence {
        let own = self.cron.is_time_matching(&end.naive_local().and_utc()).unwrap_or(false);
        tick(end, (!own).then_some(Shift::Moved { from }))
    }
}

fn tick(at: &DateTime<Tz>, shift: Option<Shift>) -> Occurrence {
    Occurrence { at: Moment::from(at.with_timezone(&Utc)), shift }
}

/// When the clocks go back: the one change of the offset between the two passages of a time.
fn turn(first: &DateTime<Tz>, second: &DateTime<Tz>) -> DateTime<Utc> {
    let before = first.offset().fix();
    let (mut low, mut high) = (first.timestamp(), second.timestamp());
    while high - low > 1 {
        let middle = low.midpoint(high);
        let at = DateTime::from_timestamp(middle, 0).unwrap_or_default();
        let offset = first.timezone().offset_from_utc_datetime(&at.naive_utc()).fix();
        if offset == before { low = middle } else { high = middle }
    }
    DateTime::from_timestamp(high, 0).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A walk that begins too early on the wall's clock gives nothing that is over already: no tick is given
    /// twice.
    #[test]
    fn a_walk_gives_nothing_that_is_over() {
        let cron: Cron = "0 * * * *".parse().unwrap();
        let zone: Tz = "Europe/Berlin".parse().unwrap();
        let after: DateTime<Utc> = "2026-10-25T00:30:00Z".parse().unwrap();
        let early: NaiveDateTime = "2026-10-24T20:00:00".parse().unwrap();
        for (fold, next) in [(Fold::First, "2026-10-25T02:00:00Z"), (Fold::Last, "2026-10-25T01:00:00Z")] {
            let walk = Walk { cron: &cron, zone, gap: Gap::Skip, fold, after };
            let tick = walk.from(early, true).unwrap();
            assert_eq!(tick.at.to_string(), next, "{fold:?}");
        }
    }
}
