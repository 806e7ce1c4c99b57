//! Compares a read with what is remembered: what is new, what came back, what is gone.
//!
//! [`Memory::observe`] takes a new version of the feed, [`Memory::unchanged`] the word that there
//! is none, [`Memory::failed`] that nothing could be read. The rules:
//!
//! - a target is new if its trimmed identifier was never in scope for that programme;
//! - the first good read is the baseline: listed, never told;
//! - additions are told at once; removals after [`FlapStats::hold`](crate::bug_bounty::flap), at
//!   least three good reads, and two versions of the feed (or the longest wait);
//! - what a read could not read, or a read that is not believed, removes nothing;
//! - on an error nothing at all is changed.
//!
//! Time only moves forward here: a clock that was set back is taken as standing still.

mod programme;

use crate::bug_bounty::digest::fnv64;
use crate::bug_bounty::feed::{Feed, FeedError};
use crate::bug_bounty::finding::{Finding, Kind};
use crate::bug_bounty::flap;
use crate::bug_bounty::health::{Shrink, Standing, Tally};
use crate::bug_bounty::memory::{
    GONE_PROGRAMMES_MAX, GONE_TARGETS_MAX, Known, Memory, Presence, TARGETS_MAX,
};
use crate::bug_bounty::scope::{Programme, State};
use mm_sdk::Moment;
use std::collections::BTreeSet;
use std::time::Duration;

/// What one read led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// In the order of programmes' keys.
    pub findings: Vec<Finding>,
    /// How the source stands after it.
    pub standing: Standing,
    /// Set when the source was broken before and is not now, or the other way round.
    pub turned: Option<Turned>,
}

/// A change of a source's health that the owner should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turned {
    /// It shrank absurdly: removals are held back.
    Broke,
    /// What it lost is there again.
    Recovered,
    /// It stayed shrunk for so long that it is believed.
    Believed,
}

/// What one pass over the memory needs to know.
#[derive(Debug, Clone, Copy)]
struct Pass {
    now: Moment,
    /// The source's first good read.
    first: bool,
    /// Whether this read can remove anything.
    removes: bool,
    /// Whether this read is another version than the one before.
    new_version: bool,
    programme_hold: Duration,
    target_hold: Duration,
    /// After this one version is enough.
    longest: Duration,
}

impl Pass {
    /// Something that was there, or already missing, is not in this read. `None`: it is gone.
    fn missed(&self, presence: Presence, hold: Duration) -> Option<Presence> {
        let (since, reads, versions) = match presence {
            Presence::Here => (self.now, 1, 1),
            Presence::Missing { since, reads, versions } => {
                (since, reads.saturating_add(1), versions.saturating_add(u32::from(self.new_version)))
            }
            Presence::Gone { .. } => return Some(presence),
        };
        let missing = self.now.since(since);
        let seen_enough = reads >= 3 && (versions >= 2 || missing >= self.longest);
        (missing < hold || !seen_enough).then_some(Presence::Missing { since, reads, versions })
    }
}

impl Memory {
    /// Takes in a version of the feed that was read at `now`.
    ///
    /// # Errors
    /// [`FeedError`] if the feed cannot be believed at all. Nothing is changed then.
    pub fn observe(&mut self, feed: &Feed, now: Moment) -> Result<Observation, FeedError> {
        self.check(feed)?;
        let now = self.forward(now);
        let was = self.health.standing(now);
        let new_version = self.health.read_at.is_none() || feed.digest != self.digest;
        let shrink = self.shrink_by(feed);
        let between = self.unread_for(now);
        self.health.was_read(now, new_version);
        let broken = self.health.guard(shrink, now);
        let pass = self.pass((now, between), !broken, new_version);
        let mut findings = Vec::new();
        for programme in &feed.programmes {
            self.take_programme(programme, &pass, &mut findings);
        }
        let nameless = feed.skipped.iter().any(|skipped| skipped.key.is_none());
        if pass.first {
            let named = feed.skipped.iter().filter_map(|skipped| skipped.key.clone());
            self.unread = named.filter(|key| !self.programmes.contains_key(key)).collect();
        } else if pass.removes && !nameless {
            self.miss_programmes(&present(feed), &pass, &mut findings);
        }
        self.baseline_at.get_or_insert(now);
        self.digest = feed.digest;
        self.blind = !feed.skipped.is_empty() || feed.programmes.iter().any(|programme| programme.partial);
        self.drop_oldest_gone();
        Ok(self.told(findings, was, now))
    }

    /// The source says that it is as it was at the last read. That too is a read: what was missing
    /// then is still missing, unless that version was not believed or not wholly read.
    pub fn unchanged(&mut self, now: Moment) -> Observation {
        let now = self.forward(now);
        let was = self.health.standing(now);
        let mut findings = Vec::new();
        if self.baseline_at.is_some() {
            let between = self.unread_for(now);
            self.health.was_read(now, false);
            let broken = self.health.broken.is_some_and(|broken| !broken.believed);
            let shrink = self.health.broken.map(|broken| broken.shrink).unwrap_or_default();
            let broken = self.health.guard(shrink, now) || broken;
            if !broken && !self.blind {
                let pass = self.pass((now, between), true, false);
                self.miss_again(&pass, &mut findings);
                self.drop_oldest_gone();
            }
        }
        self.told(findings, was, now)
    }

    /// Nothing could be read. Scope does not change; only the failure is counted.
    pub fn failed(&mut self, now: Moment) -> Observation {
        self.health.failures = self.health.failures.saturating_add(1);
        let standing = self.health.standing(self.forward(now));
        Observation { findings: Vec::new(), standing, turned: None }
    }

    fn told(&self, findings: Vec<Finding>, was: Standing, now: Moment) -> Observation {
        let standing = self.health.standing(now);
        let turned = match (was, standing) {
            (Standing::Broken(_), Standing::Broken(_)) => None,
            (_, Standing::Broken(_)) => Some(Turned::Broke),
            (Standing::Broken(_), _) if self.health.broken.is_some() => Some(Turned::Believed),
            (Standing::Broken(_), _) => Some(Turned::Recovered),
            _ => None,
        };
        Observation { findings, standing, turned }
    }

    /// `between` is the time since the read before this one.
    fn pass(&self, (now, between): (Moment, Duration), removes: bool, new_version: bool) -> Pass {
        Pass {
            now,
            first: self.baseline_at.is_none(),
            removes,
            new_version,
            programme_hold: self.programme_flaps.hold(between),
            target_hold: self.target_flaps.hold(between),
            longest: flap::longest(between),
        }
    }

    /// How long ago it was read last.
    fn unread_for(&self, now: Moment) -> Duration {
        self.health.read_at.map_or(Duration::ZERO, |last| now.since(last))
    }

    fn forward(&self, now: Moment) -> Moment {
        self.health.read_at.map_or(now, |last| last.max(now))
    }

    /// Refuses what cannot be believed, before anything is changed.
    fn check(&self, feed: &Feed) -> Result<(), FeedError> {
        let source_name = self.source.name();
        let tally = self.tally();
        if feed.programmes.is_empty() {
            return Err(FeedError::NoProgrammes { source_name, known: tally.programmes });
        }
        let bare = feed.programmes.iter().filter(|programme| !has_scope(programme)).count();
        let total = feed.programmes.len();
        if self.baseline_at.is_none() && total >= 5 && bare * 2 > total {
            return Err(FeedError::MostlyBare { source_name, bare, total });
        }
        let told: usize = feed.programmes.iter().map(|programme| programme.targets.len()).sum();
        let targets = tally.targets.saturating_add(told);
        if targets > TARGETS_MAX {
            return Err(FeedError::TooMany { source_name, targets, bound: TARGETS_MAX });
        }
        Ok(())
    }

    /// What this read would take away if it were believed.
    fn shrink_by(&self, feed: &Feed) -> Shrink {
        let present = present(feed);
        let mut shrink = Shrink { known: self.tally(), ..Shrink::default() };
        let mut lost = Tally::default();
        for (key, known) in &self.programmes {
            if matches!(known.presence, Presence::Gone { .. }) {
                continue;
            }
            let now = feed.programmes.binary_search_by(|programme| programme.key.cmp(key)).ok();
            match now.and_then(|index| feed.programmes.get(index)) {
                Some(programme) if programme.partial => {}
                Some(programme) => {
                    let has = programme::in_scope(programme);
                    let missing = |target: &&crate::bug_bounty::memory::KnownTarget| {
                        has.binary_search_by(|t| t.identifier.cmp(&target.identifier)).is_err()
                    };
                    lost.targets += known.targets.iter().filter(missing).count();
                    shrink.emptied += usize::from(has.is_empty() && !known.targets.is_empty());
                }
                None if present.contains(&**key) => {}
                None => {
                    lost.programmes += 1;
                    lost.targets += known.targets.len();
                }
            }
        }
        Shrink { lost, ..shrink }
    }

    /// Programmes that a believed read does not have.
    fn miss_programmes(&mut self, present: &BTreeSet<&str>, pass: &Pass, findings: &mut Vec<Finding>) {
        let flaps = &mut self.programme_flaps;
        for (key, known) in self.programmes.iter_mut().filter(|(key, _)| !present.contains(&***key)) {
            match pass.missed(known.presence, pass.programme_hold) {
                Some(presence) => known.presence = presence,
                None => {
                    flaps.stayed_away();
                    findings.push(programme::gone(self.source, key, known));
                }
            }
        }
    }

    /// The same version again: what was missing is missing once more.
    fn miss_again(&mut self, pass: &Pass, findings: &mut Vec<Finding>) {
        let missing: BTreeSet<Box<str>> = (self.programmes.iter())
            .filter(|(_, known)| matches!(known.presence, Presence::Missing { .. }))
            .map(|(key, _)| key.clone())
            .collect();
        let present = self.programmes.keys().filter(|key| !missing.contains(*key)).cloned();
        let present: Vec<Box<str>> = present.collect();
        let present: BTreeSet<&str> = present.iter().map(|key| &**key).collect();
        for key in &present {
            self.miss_targets_again(key, pass, findings);
        }
        self.miss_programmes(&present, pass, findings);
    }

    /// Keeps the memory of gone programmes within its bound.
    fn drop_oldest_gone(&mut self) {
        let mut gone = Vec::new();
        for (key, known) in &self.programmes {
            if let Presence::Gone { since } = known.presence {
                gone.push((since, key.clone()));
            }
        }
        gone.sort();
        let over = gone.len().saturating_sub(GONE_PROGRAMMES_MAX);
        for (_, key) in gone.iter().take(over) {
            self.programmes.remove(key);
        }
    }
}

/// The keys a feed speaks of, the unreadable ones included.
fn present(feed: &Feed) -> BTreeSet<&str> {
    let read = feed.programmes.iter().map(|programme| &*programme.key);
    read.chain(feed.skipped.iter().filter_map(|skipped| skipped.key.as_deref())).collect()
}

fn has_scope(programme: &Programme) -> bool {
    programme.partial || programme.targets.iter().any(|target| target.in_scope)
}

/// Remembers that an identifier was in scope once.
fn remember_gone(gone: &mut Vec<u64>, identifier: &str) {
    let hash = fnv64(identifier.as_bytes());
    if !gone.contains(&hash) {
        gone.push(hash);
    }
    let over = gone.len().saturating_sub(GONE_TARGETS_MAX);
    gone.drain(..over);
}

/// A finding about a programme as it is remembered, with nothing in it yet.
fn finding_of(source: crate::bug_bounty::scope::Source, kind: Kind, key: &str, known: &Known) -> Finding {
    Finding {
        source,
        kind,
        programme: key.into(),
        name: known.name.clone(),
        url: known.url.clone(),
        state: State::Open,
        offers_bounty: known.offers_bounty,
        payout: known.payout.clone(),
        payout_before: None,
        targets: Vec::new(),
        targets_returned: 0,
        baseline: false,
        tell: true,
        missing_since: None,
        turn: 0,
        part: (1, 1),
    }
}
