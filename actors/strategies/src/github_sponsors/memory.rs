//! What outlives a run.

use std::collections::BTreeMap;
use std::time::Duration;

use mm_sdk::{Digest, Moment, Untrusted};
use serde::{Deserialize, Serialize};

use crate::github_graphql::shape::{Activity, Cents};

/// The schema of [`Snapshot`], raised when its shape changes.
pub const SNAPSHOT_VERSION: u16 = 1;

/// What happened so long before the newest that is known is asked for again: GitHub may show something late.
pub const OVERLAP: Duration = Duration::from_secs(3 * 24 * 3600);

/// The first run asks for so much of the past, and thanks whoever came in it.
pub const PAST: Duration = Duration::from_secs(30 * 24 * 3600);

/// The most activities and thanks that are remembered, the oldest forgotten first.
const REMEMBERED_MAX: usize = 20_000;

/// What outlives a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// When the first list of activities was read; until then nothing is news.
    pub began_at: Option<Moment>,
    /// The newest activity that is known.
    pub newest: Option<Moment>,
    /// Activities that are told, or were there before, by [`digest`] of their name, and when they were.
    pub told: BTreeMap<Digest, Moment>,
    /// Sponsors for whom a note was drafted, by [`digest`] of their login, and when.
    pub thanked: BTreeMap<Digest, Moment>,
    /// Who sponsors now, by GitHub's own name of the sponsorship.
    pub sponsors: BTreeMap<String, KnownSponsor>,
    /// The tiers: what each is called, and what it costs.
    pub tiers: BTreeMap<String, Cents>,
    /// The day of the next payout and GitHub's estimate of it, as last read.
    pub payout: Option<(String, Cents)>,
}

/// A sponsor as the last whole list had him.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownSponsor {
    /// One harmless line; none if GitHub does not show it.
    pub login: Option<String>,
    /// What he pays a month, or paid once.
    pub price: Option<Cents>,
    /// Whether it was paid once.
    pub is_one_time: bool,
    /// Whether others must not know.
    pub is_private: bool,
}

/// The key of a name.
pub fn digest(what: &str, name: &Untrusted) -> Digest {
    Digest::of_fields("github-sponsors-1", [what.as_bytes(), name.line(200).to_ascii_lowercase().as_bytes()])
}

impl Snapshot {
    /// Since when activities are asked for.
    pub fn since(&self, now: Moment) -> Moment {
        match self.newest {
            Some(newest) => newest.minus(OVERLAP),
            None => now.minus(PAST),
        }
    }

    /// Takes a whole list of activities; gives those that are news, the oldest first.
    pub fn take(&mut self, activities: Vec<Activity>, now: Moment) -> Vec<Activity> {
        let first = self.began_at.is_none();
        self.began_at.get_or_insert(now);
        let mut news = Vec::new();
        for activity in activities {
            // What is dated in the future must not hide what comes until then.
            let at = activity.at.unwrap_or(now).min(now);
            self.newest = self.newest.max(Some(at));
            if self.told.insert(digest("activity", &activity.id), at).is_none() && !first {
                news.push(activity);
            }
        }
        news.sort_by_key(|activity| activity.at);
        news
    }

    /// Whether a sponsor who came at `since` may be thanked: nobody is who came long before the first run.
    pub fn may_thank(&self, login: &Untrusted, since: Moment) -> bool {
        let floor = self.began_at.map(|began| began.minus(PAST));
        floor.is_some_and(|floor| since >= floor) && !self.thanked.contains_key(&digest("sponsor", login))
    }

    /// Keeps the memory within its bounds.
    pub fn forget(&mut self) {
        for kept in [&mut self.told, &mut self.thanked] {
            let over = kept.len().saturating_sub(REMEMBERED_MAX);
            let mut oldest: Vec<(Moment, Digest)> = kept.iter().map(|(key, at)| (*at, *key)).collect();
            oldest.sort_unstable();
            for (_, key) in oldest.into_iter().take(over) {
                kept.remove(&key);
            }
        }
    }
}
