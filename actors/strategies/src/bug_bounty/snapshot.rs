//! What outlives a run, and how an older shape of it opens.

use std::collections::{BTreeMap, BTreeSet};

use mm_sdk::{BadSnapshot, Context, Fault, Validators, decode};
use serde::{Deserialize, Serialize};

use super::accounts::Known;
use super::memory::Memory;
use super::report::{Skeletons, Unseen};
use super::scope::Source;
use crate::snapshots;

/// The schema of [`Snapshot`], raised when its shape changes.
pub const SNAPSHOT_VERSION: u16 = 3;

/// What outlives a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// One entry for each source that is watched, in [`Source::ALL`]'s order.
    pub sources: Vec<Watched>,
    /// What the owner's accounts show.
    pub accounts: BTreeMap<Source, Known>,
    /// Reports that were drafted, by their opportunity.
    pub reports: Skeletons,
    /// Opportunities whose programme is not shown to the account.
    pub unseen: BTreeMap<String, Unseen>,
    /// What was told of money, by what it is about, for as long as it stands.
    pub told: BTreeSet<String>,
}

/// What outlives a run, of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// What is known.
    pub memory: Memory,
    /// What makes the next read conditional on the version that `memory` has seen.
    pub validators: Validators,
}

/// The first schema: public files alone.
#[derive(Deserialize)]
struct First {
    sources: Vec<Watched>,
}

/// The second: without what is told and asked for over days.
#[derive(Deserialize)]
struct Second {
    sources: Vec<Watched>,
    accounts: BTreeMap<Source, Known>,
    reports: Skeletons,
}

impl From<Second> for Snapshot {
    fn from(Second { sources, accounts, reports }: Second) -> Snapshot {
        Snapshot { accounts, reports, ..Snapshot::of(sources) }
    }
}

impl Snapshot {
    /// Nothing known yet.
    pub fn new() -> Snapshot {
        let watched = |source| Watched { memory: Memory::new(source), validators: Validators::default() };
        Snapshot::of(Source::ALL.into_iter().map(watched).collect())
    }

    fn of(sources: Vec<Watched>) -> Snapshot {
        Snapshot {
            sources,
            accounts: BTreeMap::new(),
            reports: Skeletons::new(),
            unseen: BTreeMap::new(),
            told: BTreeSet::new(),
        }
    }

    /// Opens what was kept, in any schema that ever was. The bytes of one are never those of another: each
    /// ends where the next goes on.
    ///
    /// # Errors
    /// [`BadSnapshot`] if it is of none.
    pub fn open(bytes: &[u8]) -> Result<Snapshot, BadSnapshot> {
        decode::<Snapshot>(bytes).or_else(|error| {
            let second = decode::<Second>(bytes).map(Snapshot::from);
            let older = second.or_else(|_| decode::<First>(bytes).map(|first| Snapshot::of(first.sources)));
            older.map_err(|_| error)
        })
    }

    /// What the last good run kept; nothing known if none has.
    pub(super) fn of_run(cx: &Context<'_>) -> Result<Snapshot, Fault> {
        match cx.snapshot() {
            Some(bytes) => Snapshot::open(bytes).map_err(|error| snapshots::unopened(&error, "bug-bounty")),
            None => Ok(Snapshot::new()),
        }
    }

    /// Whether the public file of a platform shows a programme now.
    pub(super) fn shows(sources: &[Watched], source: Source, key: &str) -> bool {
        let memory = sources.iter().map(|watched| &watched.memory).find(|memory| memory.source == source);
        memory.and_then(|memory| memory.programmes.get(key)).is_some_and(|known| known.presence.is_here())
    }
}

impl Default for Snapshot {
    fn default() -> Snapshot {
        Snapshot::new()
    }
}
