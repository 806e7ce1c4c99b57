//! One run in the making: what its steps hand on to each other. It decides nothing and reads nothing.

use std::collections::{BTreeMap, BTreeSet};

use mm_sdk::Report;

use super::config::Config;
use super::memory::Snapshot;
use super::trap::Kind;
use crate::github::GitHub;

/// One run.
pub(super) struct Round<'a> {
    pub(super) config: &'a Config,
    pub(super) github: GitHub,
    pub(super) snapshot: Snapshot,
    pub(super) report: Report,
    /// Issues that a search showed as open.
    pub(super) listed: BTreeSet<u64>,
    /// Issues that a search showed with a later change than before.
    pub(super) changed: BTreeSet<u64>,
    /// Issues whose opportunity has something new to say beside what was read.
    pub(super) redraw: BTreeSet<u64>,
    /// Repositories, and their rules, that were asked for in this run.
    pub(super) read_repositories: BTreeSet<String>,
    pub(super) read_rules: BTreeSet<String>,
    /// Searches for pull requests fail now: the rest waits for the next run.
    pub(super) pulls_stopped: bool,
    pub(super) tally: Tally,
}

/// What a run counts.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) looked: usize,
    pub(super) failed: Vec<String>,
    pub(super) stopped: Option<String>,
    pub(super) told: i64,
    pub(super) refused: BTreeMap<Kind, i64>,
}

impl<'a> Round<'a> {
    /// A run that has done nothing yet, and goes on from `snapshot`.
    pub(super) fn new(config: &'a Config, snapshot: Snapshot) -> Self {
        Self {
            config,
            github: GitHub::new(config.account.clone()),
            snapshot,
            report: Report::default(),
            listed: BTreeSet::new(),
            changed: BTreeSet::new(),
            redraw: BTreeSet::new(),
            read_repositories: BTreeSet::new(),
            read_rules: BTreeSet::new(),
            pulls_stopped: false,
            tally: Tally::default(),
        }
    }
}
