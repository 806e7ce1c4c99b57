//! What outlives a run.

use std::collections::{BTreeMap, BTreeSet};

use mm_sdk::{ActionId, Digest, Moment, Validators};
use serde::{Deserialize, Serialize};

use super::lead::Lead;
use crate::hackernews::Topic;

/// The schema of [`Snapshot`], raised when its shape changes.
pub const SNAPSHOT_VERSION: u16 = 1;

/// The most leads that are remembered; the oldest are forgotten first, but none with a bid.
const LEADS_MAX: usize = 1_000;

/// The most threads that are remembered: a year of them.
const THREADS_MAX: usize = 24;

/// What outlives a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// What makes the next read of a source conditional, by the source's name.
    pub sources: BTreeMap<String, Validators>,
    /// The threads of Hacker News, by number.
    pub threads: BTreeMap<u64, Thread>,
    /// What was told, by [`Lead::name`].
    pub leads: BTreeMap<String, Known>,
    /// The digest of Remote OK's terms.
    pub legal: Option<Digest>,
    /// The settings that what was read was judged by: others make every source be read whole again.
    pub settings: Option<Digest>,
    /// Under which number the account is known at Freelancer.com.
    pub bidder: Option<u64>,
    /// Currencies by Freelancer's number of them.
    pub currencies: BTreeMap<u64, String>,
    /// What became of the bids, by project.
    pub bids: BTreeMap<u64, Bid>,
}

/// A thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    /// What it is for.
    pub topic: Topic,
    /// When it was posted.
    pub at: Moment,
    /// The postings that were read.
    pub read: BTreeSet<u64>,
}

/// A lead that was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// What it said last.
    pub lead: Lead,
    /// Whether it was told as a chance, and not as bait.
    pub chance: bool,
    /// Whether it was still there.
    pub open: bool,
    /// When it was last looked at.
    pub at: Moment,
    /// The digest of what was told.
    pub told: Digest,
}

/// A bid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bid {
    /// The action that it became.
    pub action: Option<ActionId>,
    /// How it stands.
    pub stage: Stage,
    /// Since when.
    pub at: Moment,
}

/// How a bid stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// It waits for the owner, or for a slot.
    Waiting,
    /// It is there: its number, 0 where that is not known.
    There(u64),
    /// It was not made, and is not proposed again by itself; why.
    Over(String),
}

impl Snapshot {
    /// Keeps the memory within its bounds.
    pub fn forget(&mut self) {
        while self.threads.len() > THREADS_MAX {
            self.threads.pop_first();
        }
        let over = self.leads.len().saturating_sub(LEADS_MAX);
        let bid_on =
            |known: &Known| known.lead.key.parse().is_ok_and(|project: u64| self.bids.contains_key(&project));
        let mut oldest: Vec<(Moment, String)> = (self.leads.iter())
            .filter(|(_, known)| !bid_on(known))
            .map(|(name, known)| (known.at, name.clone()))
            .collect();
        oldest.sort_unstable();
        for (_, name) in oldest.into_iter().take(over) {
            self.leads.remove(&name);
        }
    }
}
