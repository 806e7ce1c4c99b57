//! The made world: five scope files that the project invented, in the documented shapes, with the traps
//! that real ones hold, and never quite the same half an hour later.
//!
//! A pure function of seed and time: any moment can be asked for without the moments before it. Below
//! lies a base of programmes that never goes away; on it, every tick starts one [`event::Event`] that
//! lives for some days. All names, hosts and numbers are invented and end in reserved domains.
//!
//! [`World::at`] is what a platform publishes, failures included. [`World::holds`] and [`World::truth`]
//! are what is really so, for a test's checker; a flap or a glitch is in the first and not in these.
//! Touches nothing and cannot fail.

mod base;
pub mod event;
pub mod feed;
mod shapes;
mod words;

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;

use super::scatter::{scatter, sha256_hex};
use event::{Event, LONGEST_TICKS};
pub use feed::Feed;
pub(super) use shapes::asset_type;

/// How many programmes are always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// A few per platform: files of some 10 KiB, for simulated weeks.
    Small,
    /// Dozens per platform: over a thousand targets.
    Usual,
}

/// A made world. See the module's text.
#[derive(Debug, Clone)]
pub struct World {
    seed: u64,
    size: Size,
    tick_ms: i64,
    steady: bool,
}

/// One feed as it is published.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// Which one.
    pub feed: Feed,
    /// The half hour it belongs to.
    pub tick: i64,
    /// The JSON.
    pub body: Bytes,
    /// Quoted, made of the body.
    pub etag: String,
    /// When it last changed; milliseconds since 1970.
    pub modified_ms: i64,
}

/// A programme as the world knows it, before it is written in a platform's shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programme {
    /// What tells it from all others of its platform: hackerone's handle, bugcrowd's URL, else the id.
    pub key: String,
    /// For its URL and its hosts.
    pub slug: String,
    /// For people; may have outer spaces.
    pub name: String,
    /// Lowest and highest reward, whole units of currency; `None` for a programme that pays nothing.
    pub reward: Option<(u32, u32)>,
    /// Both sides, in the order of publication.
    pub targets: Vec<Target>,
    /// Its place in the base, which it keeps; `None` for one that came with an event.
    pub nth: Option<usize>,
    /// From here come the values that do not matter.
    pub salt: u64,
}

/// A target as the world knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// As published, outer spaces and all.
    pub identifier: String,
    /// What it is.
    pub kind: Kind,
    /// In scope, or out of it.
    pub inside: bool,
}

/// What a target is; each platform has its own words for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A web address.
    Web,
    /// Many hosts under one pattern.
    Wildcard,
    /// An interface for programs.
    Api,
    /// An Android app.
    Android,
    /// An iOS app.
    Ios,
    /// Source code.
    Source,
    /// A range of addresses.
    Network,
    /// A thing.
    Hardware,
    /// Anything else.
    Other,
    /// `null` where platforms send it, else a word nobody has seen before.
    Unknown,
}

/// One in-scope target: feed, programme key, trimmed identifier.
pub type Scoped = (Feed, String, String);

/// Something that became so at a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dated<T> {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// What.
    pub what: T,
}

/// What was really added and removed, in order of time. The targets of a programme that comes or goes
/// are listed with it. Nothing that was removed ever returns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Truth {
    /// Feed and key.
    pub programmes_added: Vec<Dated<(Feed, String)>>,
    /// Feed and key.
    pub programmes_removed: Vec<Dated<(Feed, String)>>,
    /// New in scope, never in scope before.
    pub targets_added: Vec<Dated<Scoped>>,
    /// No longer in scope.
    pub targets_removed: Vec<Dated<Scoped>>,
}

impl World {
    /// The usual world: something changes every 30 minutes.
    pub fn new(seed: u64) -> Self {
        Self { seed, size: Size::Usual, tick_ms: 30 * 60 * 1_000, steady: false }
    }

    /// The same with few programmes, for long simulations.
    pub fn small(seed: u64) -> Self {
        Self { size: Size::Small, ..Self::new(seed) }
    }

    /// The same with another time between changes (at least a second).
    pub fn with_tick(self, tick: Duration) -> Self {
        let tick_ms = i64::try_from(tick.as_millis()).unwrap_or(i64::MAX).max(1_000);
        Self { tick_ms, ..self }
    }

    /// The same without flaps and glitches: it always publishes what it holds. For a test by the plain clock, which
    /// must not depend on the half hour in which it is run.
    pub fn steady(self) -> Self {
        Self { steady: true, ..self }
    }

    /// What it is made from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The number of the half hour (or whatever the tick is) in which this moment lies.
    pub fn tick_of(&self, now_ms: i64) -> i64 {
        now_ms.div_euclid(self.tick_ms)
    }

    /// When this tick begins, in milliseconds since 1970.
    pub fn starts_ms(&self, tick: i64) -> i64 {
        tick.saturating_mul(self.tick_ms)
    }

    /// What this feed publishes at this moment, flaps and glitches included.
    pub fn at(&self, feed: Feed, now_ms: i64) -> Vec<Programme> {
        let tick = self.tick_of(now_ms);
        let mut programmes = self.really_at(feed, tick);
        for event in self.alive(feed, tick).filter(|_| !self.steady) {
            event.disturb(&mut programmes, self.base_count(feed));
        }
        programmes
    }

    /// What is really in scope at this moment, on all platforms.
    pub fn holds(&self, now_ms: i64) -> BTreeSet<Scoped> {
        let tick = self.tick_of(now_ms);
        let mut scope = BTreeSet::new();
        for feed in Feed::ALL {
            for programme in self.really_at(feed, tick) {
                let inside = programme.targets.iter().filter(|target| target.inside);
                scope.extend(
                    inside.map(|target| (feed, programme.key.clone(), target.identifier.trim().to_owned())),
                );
            }
        }
        scope
    }

    /// What was really added and removed after `from_ms`, up to and including `to_ms`.
    pub fn truth(&self, from_ms: i64, to_ms: i64) -> Truth {
        let (from, to) = (self.tick_of(from_ms), self.tick_of(to_ms));
        let mut truth = Truth::default();
        for start in from - LONGEST_TICKS..=to {
            let event = Event::of_tick(self.seed, start);
            let base_count = self.base_count(event.feed);
            let lasting = event.brings(self.seed, base_count);
            let dated = |tick| self.starts_ms(tick);
            for (tick, coming) in [(event.counts_from(), true), (event.end, false)] {
                if tick <= from || tick > to {
                    continue;
                }
                let (programmes, targets) = if coming {
                    (&mut truth.programmes_added, &mut truth.targets_added)
                } else {
                    (&mut truth.programmes_removed, &mut truth.targets_removed)
                };
                let at_ms = dated(tick);
                programmes.extend(
                    lasting.programme.iter().map(|what| Dated { at_ms, what: (event.feed, what.clone()) }),
                );
                targets.extend(lasting.targets.iter().map(|(key, identifier)| Dated {
                    at_ms,
                    what: (event.feed, key.clone(), identifier.clone()),
                }));
            }
        }
        truth.sort();
        truth
    }

    /// Is this feed broken at this moment: nearly all of its targets gone for a while?
    pub fn is_glitched(&self, feed: Feed, now_ms: i64) -> bool {
        let tick = self.tick_of(now_ms);
        !self.steady && self.alive(feed, tick).any(|event| event.is_glitch())
    }

    /// This feed as its platform writes it.
    pub fn render(&self, feed: Feed, now_ms: i64) -> Rendered {
        let body = Bytes::from(shapes::write(feed, &self.at(feed, now_ms)));
        let tick = self.tick_of(now_ms);
        Rendered {
            feed,
            tick,
            etag: format!("\"{}\"", sha256_hex(&body)),
            modified_ms: self.starts_ms(self.changed_at(feed, tick)),
            body,
        }
    }

    /// Base and events, without what only looks so.
    fn really_at(&self, feed: Feed, tick: i64) -> Vec<Programme> {
        let base_count = self.base_count(feed);
        let mut programmes: Vec<_> =
            (0..base_count).map(|nth| base::programme(self.seed, feed, nth)).collect();
        for event in self.alive(feed, tick) {
            event.apply(tick, &mut programmes, base_count);
        }
        programmes
    }

    /// The events of this feed that live in this tick, oldest first.
    fn alive(&self, feed: Feed, tick: i64) -> impl Iterator<Item = Event> {
        let seed = self.seed;
        (tick - LONGEST_TICKS + 1..=tick)
            .map(move |start| Event::of_tick(seed, start))
            .filter(move |event| event.feed == feed && event.end > tick)
    }

    /// The last tick, up to this one, in which an event of this feed began, turned or ended.
    fn changed_at(&self, feed: Feed, tick: i64) -> i64 {
        (tick - 2 * LONGEST_TICKS..=tick)
            .map(|start| Event::of_tick(self.seed, start))
            .filter(|event| event.feed == feed)
            .flat_map(|event| [event.start, event.turn, event.end])
            .filter(|at| *at <= tick)
            .max()
            .unwrap_or(tick)
    }

    fn base_count(&self, feed: Feed) -> usize {
        match self.size {
            Size::Small => 3,
            Size::Usual => feed.usual_programmes(),
        }
    }
}

impl Truth {
    fn sort(&mut self) {
        self.programmes_added.sort();
        self.programmes_removed.sort();
        self.targets_added.sort();
        self.targets_removed.sort();
    }
}

/// A number of this world for this purpose.
fn number(seed: u64, purpose: &str, parts: &[u64]) -> u64 {
    let mut all = vec![seed, super::scatter::of_text(purpose)];
    all.extend_from_slice(parts);
    scatter(&all)
}

#[cfg(test)]
mod tests;
