//! What outlives a run.

use std::collections::{BTreeMap, BTreeSet};

use mm_sdk::{AccountId, ActionId, Digest, Moment, Validators};
use serde::{Deserialize, Serialize};

use super::lead::Lead;
use crate::freelancer::ask::PLATFORM;
use crate::hackernews::Topic;

/// The schema of [`Snapshot`], raised when its shape changes.
pub const SNAPSHOT_VERSION: u16 = 2;

/// The most leads that are remembered; the oldest are forgotten first, but none with a bid.
const LEADS_MAX: usize = 1_000;

/// The most threads that are remembered: a year of them.
const THREADS_MAX: usize = 24;

/// The most items that are remembered as doubted; the oldest are forgotten first.
const DOUBTS_MAX: usize = 1_000;

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
    pub bidder: Option<Bidder>,
    /// Currencies by Freelancer's number of them.
    pub currencies: BTreeMap<u64, String>,
    /// What became of the bids, by project.
    pub bids: BTreeMap<u64, Bid>,
    /// Items of Hacker News that were not there when they were last read, by number.
    pub doubts: BTreeMap<u64, Doubt>,
    /// The searches at Freelancer.com, by skill.
    pub searches: BTreeMap<String, Search>,
    /// Which of them find what was told of there, by project.
    pub listed: BTreeMap<u64, Listed>,
}

/// [`Snapshot`] in its first version: one read without a thing was believed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct First {
    /// As today.
    pub sources: BTreeMap<String, Validators>,
    /// As today.
    pub threads: BTreeMap<u64, Thread>,
    /// As today.
    pub leads: BTreeMap<String, Known>,
    /// As today.
    pub legal: Option<Digest>,
    /// As today.
    pub settings: Option<Digest>,
    /// Today the account's name stands beside it.
    pub bidder: Option<u64>,
    /// As today.
    pub currencies: BTreeMap<u64, String>,
    /// As today.
    pub bids: BTreeMap<u64, Bid>,
}

impl From<First> for Snapshot {
    fn from(first: First) -> Self {
        // Of which account the number was is not kept: it is asked for anew.
        let First { sources, threads, leads, legal, settings, bidder: _, currencies, bids } = first;
        Self { sources, threads, leads, legal, settings, currencies, bids, ..Self::default() }
    }
}

/// Who bids at Freelancer.com.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bidder {
    /// The account's name here.
    pub account: AccountId,
    /// Its number there.
    pub id: u64,
    /// Projects at which a bid under that number was refused in a way that makes it doubtful.
    pub refused: BTreeSet<u64>,
}

/// A search at Freelancer.com.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Search {
    /// How many projects the last whole list had that was believed.
    pub size: u64,
    /// The whole lists since then that are too short to be believed.
    pub shrunk: Option<Doubt>,
}

/// By what a project is found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Listed {
    /// The skills whose lists have had it.
    pub by: BTreeSet<String>,
    /// The whole lists without it since it was last seen.
    pub missed: Option<Doubt>,
}

/// Something was not there where it was looked for, and may come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// The first read without it.
    pub since: Moment,
    /// The latest.
    pub at: Moment,
    /// How many in a row.
    pub reads: u32,
}

impl Doubt {
    /// The doubt after one more read without the thing, at `now`.
    pub fn grown(before: Option<Self>, now: Moment) -> Self {
        let (since, reads) = before.map_or((now, 0), |before| (before.since, before.reads));
        Self { since, at: now, reads: reads.saturating_add(1) }
    }
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
        while self.doubts.len() > DOUBTS_MAX {
            self.doubts.pop_first();
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
        let told = |project: &u64| self.leads.get(&project_name(*project)).is_some_and(|known| known.open);
        self.listed.retain(|project, _| told(project));
    }
}

/// The name under which a project's lead is remembered.
pub fn project_name(project: u64) -> String {
    format!("{PLATFORM}/{project}")
}
