//! What is remembered of one source between runs: its snapshot.
//!
//! The text of what is in scope or missing is kept (it must be named when it goes); what was
//! called gone is kept as hashes, only so that it is not announced as new when it comes back. All
//! of it is stored with bincode: plain structs and enums, sorted, the same bytes for the same
//! memory. The rules by which it changes are in [`crate::bug_bounty::observe`]; a failed read
//! changes none of it.

use crate::bug_bounty::flap::FlapStats;
use crate::bug_bounty::health::{Health, Tally};
use crate::bug_bounty::scope::{Payout, Source};
use mm_sdk::Moment;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How many programmes called gone are kept per source, the longest gone dropped first. Bugcrowd
/// loses about 40 in a year, so this is more than ten years; dropped, it would be told as new.
pub const GONE_PROGRAMMES_MAX: usize = 512;

/// How many identifiers called gone are kept per programme, 8 bytes each, the oldest dropped first.
pub const GONE_TARGETS_MAX: usize = 4096;

/// How many targets may be known per source; the largest known file has under 20,000. It bounds
/// what a feed that makes up names can do to memory.
pub const TARGETS_MAX: usize = 200_000;

/// Everything remembered of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Whose it is.
    pub source: Source,
    /// When the first good read was; until then nothing is known.
    pub baseline_at: Option<Moment>,
    /// The version read last ([`crate::bug_bounty::feed::Feed::digest`]).
    pub digest: u64,
    /// The version read last had parts that could not be read: reading it again confirms nothing.
    pub blind: bool,
    /// By key.
    pub programmes: BTreeMap<Box<str>, Known>,
    /// Kinds of targets, each once; targets hold the index.
    pub kinds: Vec<Box<str>>,
    /// Programmes that the first read named and could not read. They belong to the baseline.
    pub unread: BTreeSet<Box<str>>,
    /// What was learned of vanishing programmes.
    pub programme_flaps: FlapStats,
    /// What was learned of vanishing targets.
    pub target_flaps: FlapStats,
    /// How the source is doing.
    pub health: Health,
}

/// One programme, as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Its name when last seen.
    pub name: Box<str>,
    /// Its page when last seen; `None` also where it is the key.
    pub url: Option<Box<str>>,
    /// What it paid when last seen.
    pub payout: Option<Payout>,
    /// Whether it paid when last seen.
    pub offers_bounty: Option<bool>,
    /// Whether it is there.
    pub presence: Presence,
    /// Sorted by identifier: in scope, or missing and not yet called gone.
    pub targets: Vec<KnownTarget>,
    /// Hashes of identifiers that were in scope and are called gone, the oldest first.
    pub gone: Vec<u64>,
    /// The first read could not read all of its targets: what comes next is still baseline.
    pub unsettled: bool,
    /// How many findings about it could come again; see [`crate::bug_bounty::finding::Finding::turn`].
    pub turns: u32,
}

/// One target in scope, as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownTarget {
    /// Trimmed.
    pub identifier: Box<str>,
    /// Index into [`Memory::kinds`].
    pub kind: u32,
    /// Whether it is there.
    pub presence: Presence,
}

/// Whether something is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Presence {
    /// In the last good read.
    Here,
    /// Not in the last good reads, and not yet called gone.
    Missing {
        /// The first good read without it.
        since: Moment,
        /// How many good reads were without it, that one included.
        reads: u32,
        /// How many different versions of the feed those were.
        versions: u32,
    },
    /// Called gone. Targets called gone are hashes instead.
    Gone {
        /// The first good read without it.
        since: Moment,
    },
}

impl Presence {
    /// In the last good read.
    pub fn is_here(self) -> bool {
        self == Presence::Here
    }
}

impl Memory {
    /// A source of which nothing is known. Whether it drops things that come back is learned from what it
    /// does from here on, and from nothing else: at first, half of what vanishes is taken to be back after
    /// a day.
    pub fn new(source: Source) -> Memory {
        let unknown = FlapStats::prior(1, 1, 24);
        Memory {
            source,
            baseline_at: None,
            digest: 0,
            blind: false,
            programmes: BTreeMap::new(),
            kinds: Vec::new(),
            unread: BTreeSet::new(),
            programme_flaps: unknown,
            target_flaps: unknown,
            health: Health::new(),
        }
    }

    /// The index of a kind, made if it is new.
    pub(super) fn kind_index(&mut self, kind: &str) -> u32 {
        let index = self.kinds.iter().position(|known| &**known == kind).unwrap_or_else(|| {
            self.kinds.push(kind.into());
            self.kinds.len() - 1
        });
        u32::try_from(index).unwrap_or(u32::MAX)
    }

    /// The kind at an index.
    pub(super) fn kind_at(&self, index: u32) -> &str {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        self.kinds.get(index).map_or(crate::bug_bounty::scope::NO_KIND, |kind| kind)
    }

    /// How much is there: programmes and targets that are not gone, missing ones included.
    pub fn tally(&self) -> Tally {
        let live =
            || self.programmes.values().filter(|known| !matches!(known.presence, Presence::Gone { .. }));
        Tally { programmes: live().count(), targets: live().map(|known| known.targets.len()).sum() }
    }

    /// Whether `identifier` is in scope of `programme` as far as is known. What is missing and not
    /// called gone counts: scope never shrinks on a doubtful read.
    pub fn in_scope(&self, programme: &str, identifier: &str) -> bool {
        let Some(known) = self.programmes.get(programme) else { return false };
        let there = !matches!(known.presence, Presence::Gone { .. });
        there && known.targets.binary_search_by(|target| (*target.identifier).cmp(identifier.trim())).is_ok()
    }
}
