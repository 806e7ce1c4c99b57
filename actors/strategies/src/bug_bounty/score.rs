//! How well "new" and "gone" were told, held against a feed's real history. For tests and for
//! simulated machines on recordings: the watch itself never looks into the future.
//!
//! Pure; it touches nothing and cannot fail.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mm_sdk::Moment;

use crate::bug_bounty::flap::TOLD_WITHIN;

const HOUR: Duration = Duration::from_secs(3600);
/// What comes back within this time after it vanished was never gone, and what comes back within it
/// after it was told gone was told wrongly.
pub const UNDONE_WITHIN: Duration = HOUR.saturating_mul(72);
/// What is missing at the end for so long and was never told was missed.
const MISSED_AFTER: Duration = HOUR.saturating_mul(14 * 24);
/// An addition is told by the run that read it.
const AT_ONCE: Duration = Duration::from_secs(600);

/// A thing in a feed: a programme, or one of its targets.
pub type Thing = (String, Option<String>);

/// What a feed showed, version by version, and what was told of it.
#[derive(Debug, Default)]
pub struct History {
    /// When each version was read.
    versions: Vec<Moment>,
    /// The versions in which a thing was, as indices.
    seen: BTreeMap<Thing, Vec<usize>>,
    gone: Vec<(Thing, Moment)>,
    added: BTreeMap<Thing, BTreeSet<Moment>>,
}

/// How the announcements of one sort fared.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Score {
    /// How often something was told gone.
    pub told_gone: usize,
    /// Came back within 72 hours of the announcement: a false removal.
    pub undone: usize,
    /// Came back later.
    pub undone_later: usize,
    /// Missing at the end for over 14 days, and never told.
    pub missed: usize,
    /// Vanished, and was back within 72 hours.
    pub flaps: usize,
    /// Of those, how many were told gone meanwhile.
    pub flaps_told: usize,
    /// Vanished for more than 96 hours.
    pub lasting: usize,
    /// Of those, how many were not told within 96 hours.
    pub lasting_late: usize,
    /// For each of those that were told: after how many hours.
    pub delays_h: Vec<u64>,
    /// How many things there ever were.
    pub additions: usize,
    /// Told, but not by the first run that could.
    pub additions_late: usize,
    /// Never told.
    pub additions_untold: usize,
    /// Told more than once.
    pub additions_twice: usize,
}

impl History {
    /// A version of the feed was read, which shows these things.
    pub fn version(&mut self, at: Moment, things: impl IntoIterator<Item = Thing>) {
        let version = self.versions.len();
        self.versions.push(at);
        for thing in things {
            let seen = self.seen.entry(thing).or_default();
            if seen.last() != Some(&version) {
                seen.push(version);
            }
        }
    }

    /// When the last version was read.
    pub fn last(&self) -> Option<Moment> {
        self.versions.last().copied()
    }

    /// A thing was told gone.
    pub fn told_gone(&mut self, thing: Thing, at: Moment) {
        self.gone.push((thing, at));
    }

    /// A thing was told new, or listed in the baseline.
    pub fn told_new(&mut self, thing: Thing, at: Moment) {
        self.added.entry(thing).or_default().insert(at);
    }

    /// How programmes fared, or targets, up to `end`.
    pub fn score(&self, programmes: bool, end: Moment) -> Score {
        let mut score = Score::default();
        let sort = |thing: &Thing| thing.1.is_none() == programmes;
        for (thing, told) in self.gone.iter().filter(|(thing, _)| sort(thing)) {
            score.told_gone += 1;
            match self.times(thing).find(|at| at > told) {
                Some(back) if back.since(*told) <= UNDONE_WITHIN => score.undone += 1,
                Some(_) => score.undone_later += 1,
                None => {}
            }
        }
        for (thing, seen) in self.seen.iter().filter(|(thing, _)| sort(thing)) {
            self.gaps(thing, seen, end, &mut score);
            self.addition(thing, seen, &mut score);
        }
        score
    }

    fn times(&self, thing: &Thing) -> impl Iterator<Item = Moment> + '_ {
        self.seen.get(thing).into_iter().flatten().filter_map(|n| self.versions.get(*n).copied())
    }

    /// When it was told gone between two moments; a target goes with its programme.
    fn gone_between(&self, thing: &Thing, from: Moment, to: Moment) -> Option<Moment> {
        let programme: Thing = (thing.0.clone(), None);
        let of_it = self.gone.iter().filter(|(told, _)| told == thing || *told == programme);
        of_it.map(|(_, at)| *at).filter(|at| (from..to).contains(at)).min()
    }

    /// Every time it vanished.
    fn gaps(&self, thing: &Thing, seen: &[usize], end: Moment, score: &mut Score) {
        let back = seen.iter().skip(1).map(Some).chain([None]);
        for (last, back) in seen.iter().zip(back) {
            let Some(since) = self.versions.get(last + 1).copied() else { continue };
            if back == Some(&(last + 1)) {
                continue;
            }
            let back = back.and_then(|n| self.versions.get(*n).copied());
            let until = back.unwrap_or(end);
            let told = self.gone_between(thing, since, back.unwrap_or(end.plus(HOUR)));
            let lasted = until.since(since);
            if back.is_some() && lasted <= UNDONE_WITHIN {
                score.flaps += 1;
                score.flaps_told += usize::from(told.is_some());
            }
            if lasted > TOLD_WITHIN {
                score.lasting += 1;
                let late = told.is_none_or(|told| told.since(since) > TOLD_WITHIN);
                score.lasting_late += usize::from(late);
                score.delays_h.extend(told.map(|told| told.since(since).as_secs() / HOUR.as_secs()));
            }
            score.missed += usize::from(back.is_none() && told.is_none() && lasted > MISSED_AFTER);
        }
    }

    fn addition(&self, thing: &Thing, seen: &[usize], score: &mut Score) {
        score.additions += 1;
        let first = seen.first().and_then(|n| self.versions.get(*n));
        match (self.added.get(thing), first) {
            (Some(told), Some(first)) => {
                score.additions_twice += usize::from(told.len() > 1);
                let late = told.first().is_some_and(|at| at.since(*first) > AT_ONCE);
                score.additions_late += usize::from(late);
            }
            _ => score.additions_untold += 1,
        }
    }

    /// What was told new and was in no version.
    pub fn made_up(&self) -> Vec<&Thing> {
        self.added.keys().filter(|thing| !self.seen.contains_key(*thing)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: u64) -> Moment {
        Moment::from_unix_ms(0).plus(HOUR * u32::try_from(hours).unwrap())
    }

    fn thing(name: &str) -> Thing {
        (name.to_owned(), None)
    }

    #[test]
    fn flaps_removals_and_additions_are_told_apart() {
        let mut history = History::default();
        history.version(at(0), [thing("stays"), thing("flaps"), thing("goes")]);
        history.version(at(10), [thing("stays")]);
        history.version(at(60), [thing("stays"), thing("flaps"), thing("comes"), thing("silent")]);
        history.version(at(600), [thing("stays"), thing("flaps"), thing("comes"), thing("silent")]);
        for name in ["stays", "flaps", "goes"] {
            history.told_new(thing(name), at(0));
        }
        history.told_gone(thing("flaps"), at(50));
        history.told_gone(thing("goes"), at(82));
        history.told_new(thing("comes"), at(62));
        history.told_new(thing("dreamt"), at(62));
        let score = history.score(true, at(600));
        let expected = Score {
            told_gone: 2,
            undone: 1,
            flaps: 1,
            flaps_told: 1,
            lasting: 1,
            delays_h: vec![72],
            additions: 5,
            additions_late: 1,
            additions_untold: 1,
            ..Score::default()
        };
        assert_eq!(score, expected);
        assert_eq!(history.made_up(), [&thing("dreamt")]);
    }

    #[test]
    fn a_removal_that_is_never_told_is_missed_and_late() {
        let mut history = History::default();
        history.version(at(0), [thing("goes"), thing("stays")]);
        history.version(at(1), [thing("stays")]);
        let score = history.score(true, at(15 * 24));
        assert_eq!((score.missed, score.lasting, score.lasting_late), (1, 1, 1));
    }
}
