//! Whether a source can be believed: broken, stale, failing or well.
//!
//! *Broken* is a read that would take away so much at once that an outage is far likelier than
//! the truth. Such a read removes nothing; what it adds is told. Should a source stay so for 14
//! days it is believed after all, for otherwise nothing would ever be called gone again.
//! *Stale* is a source that was not read, or did not change, for longer than is usual for it.

use mm_sdk::Moment;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);
/// A source not read well for so long is stale.
const UNREAD_MAX: Duration = HOUR.saturating_mul(24);
/// A source that did not change for so long is stale, if it never was as quiet before.
const UNCHANGED_MIN: Duration = HOUR.saturating_mul(7 * 24);
/// The longest gap that is learned as usual: the public feed once stood still for 38 days.
const GAP_MAX: Duration = HOUR.saturating_mul(40 * 24);
/// How long a source must stay shrunk, over at least three reads, to be believed.
const BELIEVED_AFTER: Duration = HOUR.saturating_mul(14 * 24);

/// How much a source holds, or lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Programmes.
    pub programmes: usize,
    /// Targets in scope.
    pub targets: usize,
}

/// What a read would take away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Shrink {
    /// What was known before.
    pub known: Tally,
    /// How much of it the read does not have.
    pub lost: Tally,
    /// How many known programmes it has stripped of every target.
    pub emptied: usize,
}

impl Shrink {
    /// Whether that is more than a source loses in truth. Small numbers never are: a source with
    /// three programmes may well lose one.
    pub fn is_absurd(&self) -> bool {
        let share = |part: usize, whole: usize, percent: usize| part * 100 >= whole * percent;
        (self.lost.programmes >= 4 && share(self.lost.programmes, self.known.programmes, 30))
            || (self.lost.targets >= 10 && share(self.lost.targets, self.known.targets, 30))
            || (self.emptied >= 4 && share(self.emptied, self.known.programmes, 20))
    }
}

/// What is remembered of a source's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The last read that was understood, broken or not.
    pub read_at: Option<Moment>,
    /// When it last had another version than before.
    pub changed_at: Option<Moment>,
    /// The longest time between two versions so far.
    pub gap_max: Duration,
    /// Set while it is shrunk.
    pub broken: Option<Broken>,
    /// Reads in a row that failed.
    pub failures: u32,
}

/// A source that shrank absurdly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// The first such read.
    pub since: Moment,
    /// How many such reads.
    pub reads: u32,
    /// What the latest would take away.
    pub shrink: Shrink,
    /// It stayed so for so long that it is believed; removals count again.
    pub believed: bool,
}

/// What a source's health is at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Never read.
    Unread,
    /// Nothing to say.
    Well,
    /// It shrank absurdly.
    Broken(Broken),
    /// Not read well, or unchanged, for this long.
    Stale(Duration),
}

impl Health {
    /// A source that was never read.
    pub const fn new() -> Health {
        Health { read_at: None, changed_at: None, gap_max: Duration::ZERO, broken: None, failures: 0 }
    }

    /// What to say at `now`.
    pub fn standing(&self, now: Moment) -> Standing {
        let (Some(read_at), Some(changed_at)) = (self.read_at, self.changed_at) else {
            return Standing::Unread;
        };
        if let Some(broken) = self.broken
            && !broken.believed
        {
            return Standing::Broken(broken);
        }
        let usual = UNCHANGED_MIN.max(self.gap_max.saturating_mul(2));
        if now.since(read_at) > UNREAD_MAX {
            Standing::Stale(now.since(read_at))
        } else if now.since(changed_at) > usual {
            Standing::Stale(now.since(changed_at))
        } else {
            Standing::Well
        }
    }

    /// A read was understood; `changed` if it is another version than the one before.
    pub(super) fn was_read(&mut self, now: Moment, changed: bool) {
        self.failures = 0;
        self.read_at = Some(now);
        if changed {
            if let Some(before) = self.changed_at {
                self.gap_max = self.gap_max.max(now.since(before).min(GAP_MAX));
            }
            self.changed_at = Some(now);
        }
    }

    /// Takes in how much a read would take away; true if the read must not remove anything.
    pub(super) fn guard(&mut self, shrink: Shrink, now: Moment) -> bool {
        if !shrink.is_absurd() {
            self.broken = None;
            return false;
        }
        let before = self.broken.unwrap_or(Broken { since: now, reads: 0, shrink, believed: false });
        let reads = before.reads.saturating_add(1);
        let believed = before.believed || (reads >= 3 && now.since(before.since) >= BELIEVED_AFTER);
        self.broken = Some(Broken { reads, shrink, believed, ..before });
        !believed
    }
}

impl Default for Health {
    fn default() -> Health {
        Health::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: u64) -> Moment {
        Moment::from_unix_ms(0).plus(HOUR.saturating_mul(u32::try_from(hour).unwrap()))
    }

    fn shrink(programmes: usize, targets: usize, emptied: usize) -> Shrink {
        let known = Tally { programmes: 100, targets: 1000 };
        Shrink { known, lost: Tally { programmes, targets }, emptied }
    }

    #[test]
    fn only_a_large_loss_is_absurd() {
        assert!(!shrink(29, 299, 19).is_absurd());
        assert!(shrink(30, 0, 0).is_absurd());
        assert!(shrink(0, 300, 0).is_absurd());
        assert!(shrink(0, 0, 20).is_absurd());
        let small = Tally { programmes: 3, targets: 9 };
        assert!(!Shrink { known: small, lost: small, emptied: 3 }.is_absurd());
    }

    #[test]
    fn a_source_that_stays_shrunk_is_believed_in_the_end_and_recovers_at_once() {
        let mut health = Health::new();
        health.was_read(at(0), true);
        assert!(health.guard(shrink(90, 900, 90), at(0)));
        assert!(matches!(health.standing(at(1)), Standing::Broken(_)));
        assert!(health.guard(shrink(90, 900, 90), at(335)), "a day short");
        assert!(!health.guard(shrink(90, 900, 90), at(336)));
        assert!(!health.guard(shrink(0, 0, 0), at(337)));
        assert_eq!(health.broken, None);
    }

    #[test]
    fn stale_is_what_is_unusual_for_this_source() {
        let mut health = Health::new();
        assert_eq!(health.standing(at(0)), Standing::Unread);
        health.was_read(at(0), true);
        assert_eq!(health.standing(at(24)), Standing::Well);
        assert_eq!(health.standing(at(25)), Standing::Stale(HOUR * 25));
        health.was_read(at(169), false);
        assert_eq!(health.standing(at(169)), Standing::Stale(HOUR * 169));
        health.was_read(at(200), true);
        assert_eq!(health.standing(at(200)), Standing::Well);
        health.was_read(at(400), false);
        assert_eq!(health.standing(at(400)), Standing::Well, "it was as quiet before");
    }
}
