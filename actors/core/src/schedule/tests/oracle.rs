//! Twelve zones over twenty years against an oracle that shares nothing with the schedule but the
//! zones' offsets: it walks time forward, looks at the wall's clock at each step, and matches the
//! fields with a matcher of its own.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, NaiveDateTime, Offset, TimeDelta, TimeZone, Timelike};
use chrono_tz::Tz;

use super::super::{Dst, Fold, Gap, Schedule};
use crate::moment::Moment;

/// Changes of an hour, of half an hour and of two; at midnight, over midnight and by a whole day;
/// twice a year, four times and given up; in both halves of the year.
const ZONES: [&str; 12] = [
    "Europe/Berlin",
    "Europe/Dublin",
    "America/New_York",
    "America/St_Johns",
    "America/Nuuk",
    "America/Sao_Paulo",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "Africa/Casablanca",
    "Asia/Gaza",
    "Pacific/Apia",
];

const CHOICES: [(Gap, Fold); 6] = [
    (Gap::After, Fold::First),
    (Gap::After, Fold::Last),
    (Gap::After, Fold::Both),
    (Gap::Skip, Fold::First),
    (Gap::Skip, Fold::Last),
    (Gap::Skip, Fold::Both),
];

/// Second, minute and hour as lists, and days of the week from Sunday, 0; empty is any.
struct Fields {
    text: &'static str,
    seconds: &'static [u32],
    minutes: &'static [u32],
    hours: &'static [u32],
    weekdays: &'static [u32],
}

impl Fields {
    fn match_wall(&self, wall: NaiveDateTime) -> bool {
        let holds = |list: &[u32], value: u32| list.is_empty() || list.contains(&value);
        holds(self.minutes, wall.minute())
            && holds(self.seconds, wall.second())
            && holds(self.hours, wall.hour())
            && holds(self.weekdays, wall.weekday().num_days_from_sunday())
    }

    /// One fixed time of the day: what cron treats apart when nothing is chosen.
    fn fixed(&self) -> bool {
        self.seconds.len() == 1 && self.minutes.len() == 1 && self.hours.len() == 1
    }
}

const fn fields(
    text: &'static str,
    minutes: &'static [u32],
    hours: &'static [u32],
    weekdays: &'static [u32],
) -> Fields {
    Fields { text, seconds: &[0], minutes, hours, weekdays }
}

const EXPRESSIONS: [Fields; 8] = [
    fields("30 2 * * *", &[30], &[2], &[]),
    fields("0 0 * * *", &[0], &[0], &[]),
    fields("30 23 * * 6", &[30], &[23], &[6]),
    fields("15 3 * * sun", &[15], &[3], &[0]),
    fields("0 * * * *", &[0], &[], &[]),
    fields("*/15 1-2 * * *", &[0, 15, 30, 45], &[1, 2], &[]),
    fields("0,30 23,0 * * *", &[0, 30], &[0, 23], &[]),
    fields("45 1 * * 0,1", &[45], &[1], &[0, 1]),
];

fn offset(zone: Tz, at: i64) -> i64 {
    let utc = DateTime::from_timestamp(at, 0).unwrap().naive_utc();
    i64::from(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc())
}

fn wall(at: i64, offset: i64) -> NaiveDateTime {
    DateTime::from_timestamp(at + offset, 0).unwrap().naive_utc()
}

/// The seconds at which the offset changes, each with the offsets before and after it.
fn changes(zone: Tz, from: i64, until: i64) -> Vec<(i64, i64, i64)> {
    let mut found = Vec::new();
    let mut at = from;
    while at < until {
        let (before, after) = (offset(zone, at), offset(zone, at + 3600));
        if before != after {
            let second = (at + 1..=at + 3600).find(|second| offset(zone, *second) != before).unwrap();
            found.push((second, before, offset(zone, second)));
        }
        at += 3600;
    }
    found
}

/// A choice at a change of the clocks; `None` where nothing is chosen.
type Choice = Option<(Gap, Fold)>;

/// What the oracle says is due for each expression under each choice, and without one.
struct Told {
    which: Vec<usize>,
    due: BTreeMap<(usize, Choice), BTreeSet<i64>>,
}

impl Told {
    fn add(&mut self, expression: usize, at: i64, holds: impl Fn(Gap, Fold) -> bool) {
        for (gap, fold) in CHOICES {
            if holds(gap, fold) {
                self.due.entry((expression, Some((gap, fold)))).or_default().insert(at);
            }
        }
        let (gap, fold) =
            if EXPRESSIONS[expression].fixed() { (Gap::After, Fold::First) } else { (Gap::Skip, Fold::Both) };
        if holds(gap, fold) {
            self.due.entry((expression, None)).or_default().insert(at);
        }
    }

    fn walk(zone: Tz, which: Vec<usize>, from: i64, until: i64, step: i64) -> Self {
        let mut told = Told { which: which.clone(), due: BTreeMap::new() };
        let changes = changes(zone, from - 7200, until + 7200);
        let mut next = 0;
        let mut here = offset(zone, from);
        let mut at = from;
        while at <= until {
            while let Some((second, before, after)) = changes.get(next).copied().filter(|c| c.0 <= at) {
                next += 1;
                if second > from {
                    told.gap(second, before, after);
                }
                here = after;
            }
            let now = wall(at, here);
            // The same time on the wall's clock, with the offset of a change near by, if it is real.
            let other = |later: bool| {
                changes.iter().any(|&(second, before, after)| {
                    let (own, its) = if later { (before, after) } else { (after, before) };
                    let twin = at + own - its;
                    own == here
                        && before > after
                        && if later { at < second && second <= twin } else { twin < second && second <= at }
                })
            };
            for index in which.iter().copied() {
                if EXPRESSIONS[index].match_wall(now) {
                    let (again, was) = (other(true), other(false));
                    told.add(index, at, |_, fold| match fold {
                        Fold::Both => true,
                        Fold::First => !was,
                        Fold::Last => !again,
                    });
                }
            }
            at += step;
        }
        told
    }

    /// Every second that the wall's clock leaves out at `second` is looked at.
    fn gap(&mut self, second: i64, before: i64, after: i64) {
        let (from, until) = (wall(second, before), wall(second, after));
        for index in self.which.clone() {
            let mut time = from;
            while time < until {
                if EXPRESSIONS[index].match_wall(time) {
                    self.add(index, second, |gap, _| gap == Gap::After);
                    break;
                }
                time += TimeDelta::minutes(1);
            }
        }
    }
}

fn ticks(schedule: &Schedule, from: i64, until: i64) -> Vec<i64> {
    let mut found = Vec::new();
    let mut at = Moment::from_unix_ms((from - 1) * 1000);
    while let Some(next) = schedule.next_after(at).filter(|next| next.unix_ms() <= until * 1000) {
        assert!(at < next, "{schedule} after {at}");
        found.push(next.unix_ms() / 1000);
        at = next;
    }
    found
}

/// Twenty years, 2010 to 2029: in Apia a day is left out in 2011.
const FROM: i64 = 1_262_304_000;
const UNTIL: i64 = 1_893_456_000;

#[test]
fn round_every_change_of_the_clocks_each_due_tick_comes_once_under_every_choice() {
    let mut seen = 0;
    for name in ZONES {
        let zone: Tz = name.parse().unwrap();
        let plain: Vec<Schedule> =
            EXPRESSIONS.iter().map(|fields| Schedule::parse(fields.text, name).unwrap()).collect();
        for (second, _, _) in changes(zone, FROM, UNTIL) {
            seen += 1;
            // Whole minutes: all changes of these years lie on one.
            assert_eq!(second % 60, 0, "{name}");
            let (from, until) = (second - 26 * 3600, second + 14 * 3600);
            let told = Told::walk(zone, (0..EXPRESSIONS.len()).collect(), from, until, 60);
            for (index, plain) in plain.iter().enumerate() {
                for choice in CHOICES.into_iter().map(Some).chain([None]) {
                    let dst =
                        choice.map_or(Dst::default(), |(gap, fold)| Dst { gap: Some(gap), fold: Some(fold) });
                    let schedule = plain.clone().with_dst(dst);
                    let due: Vec<i64> =
                        told.due.get(&(index, choice)).into_iter().flatten().copied().collect();
                    assert_eq!(ticks(&schedule, from, until), due, "{schedule} {choice:?} round {second}");
                }
            }
        }
    }
    assert!(seen > 400, "{seen} changes of the clocks");
}

#[test]
fn over_twenty_years_in_twelve_zones_no_tick_is_left_out_and_none_is_made_up() {
    for (name, index) in ZONES.into_iter().zip((0..3).cycle()) {
        let zone: Tz = name.parse().unwrap();
        let told = Told::walk(zone, vec![index], FROM, UNTIL, 1800);
        for choice in [Some((Gap::After, Fold::Last)), None] {
            let dst = choice.map_or(Dst::default(), |(gap, fold)| Dst { gap: Some(gap), fold: Some(fold) });
            let schedule = Schedule::parse(EXPRESSIONS[index].text, name).unwrap().with_dst(dst);
            let due: Vec<i64> = told.due[&(index, choice)].iter().copied().collect();
            assert_eq!(ticks(&schedule, FROM, UNTIL), due, "{schedule} {choice:?}");
            assert!(due.len() > 1000);
        }
    }
}
