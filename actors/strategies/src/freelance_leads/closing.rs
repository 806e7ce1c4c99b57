//! When a project of Freelancer.com is called gone.
//!
//! A list without it is not enough: an outage is an empty list, and a skill that is searched for no more finds
//! nothing. It is gone when every search that found it and is still made gave three whole lists without it, over
//! a day at least. A list that has lost more than half at once counts for none of them, until it has stayed so.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mm_sdk::{Context, Moment};

use super::lead::Board;
use super::memory::{Doubt, Listed, Search, project_name};
use super::round::Round;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// So many whole lists without a project, or too short, are needed to be believed.
const LISTS: u32 = 3;

/// A list that loses fewer than this is not called short: of three projects two may well end in a night.
const LOSS_MIN: u64 = 4;

/// A list that became too short is believed when it has stayed so for so long.
const SHORT_BELIEVED_AFTER: Duration = DAY.saturating_mul(3);

/// The whole lists of a run: what each skill found.
pub(super) type Whole = BTreeMap<String, BTreeSet<u64>>;

impl Search {
    /// Takes in a whole list of that size; whether it can be believed.
    fn believes(&mut self, size: u64, now: Moment) -> bool {
        let lost = self.size.saturating_sub(size);
        if lost >= LOSS_MIN && lost > size {
            let doubt = Doubt::grown(self.shrunk, now);
            if doubt.reads < LISTS || now.since(doubt.since) < SHORT_BELIEVED_AFTER {
                self.shrunk = Some(doubt);
                return false;
            }
        }
        *self = Self { size, shrunk: None };
        true
    }
}

impl Listed {
    /// Takes in the lists of a run, of which `asked` is every skill that was searched for; whether the project
    /// is gone.
    fn is_gone(&mut self, project: u64, asked: &[String], whole: &Whole, now: Moment) -> bool {
        let mut searches = self.by.iter().filter(|skill| asked.contains(skill)).peekable();
        let is_known = searches.peek().is_some();
        let without = |skill: &String| whole.get(skill).is_some_and(|ids| !ids.contains(&project));
        if !is_known || !searches.all(without) {
            return false;
        }
        let missed = Doubt::grown(self.missed, now);
        self.missed = Some(missed);
        missed.reads >= LISTS && now.since(missed.since) >= DAY
    }
}

impl Round<'_> {
    /// Remembers that the search for a skill found a project, if that was told.
    pub(super) fn listed(&mut self, project: u64, skill: &str) {
        self.seen.insert(project);
        if self.snapshot.leads.contains_key(&project_name(project)) {
            let listed = self.snapshot.listed.entry(project).or_default();
            listed.by.insert(skill.to_owned());
            listed.missed = None;
        }
    }

    /// The search for a skill finds what it found when it was read last.
    pub(super) fn as_before(&mut self, skill: &str) {
        let there = |listed: &Listed| listed.missed.is_none() && listed.by.contains(skill);
        let listed = self.snapshot.listed.iter().filter(|(_, listed)| there(listed));
        self.seen.extend(listed.map(|(project, _)| *project));
    }

    /// Tells what is gone by the whole lists of this run; which of these cannot be believed, a sentence each.
    pub(super) fn close(&mut self, cx: &mut Context<'_>, asked: &[String], mut whole: Whole) -> Vec<String> {
        let now = cx.now();
        self.list_unlisted(asked);
        self.snapshot.searches.retain(|skill, _| asked.contains(skill));
        let mut short = Vec::new();
        whole.retain(|skill, ids| {
            let search = self.snapshot.searches.entry(skill.clone()).or_default();
            let (before, size) = (search.size, ids.len() as u64);
            let is_believed = search.believes(size, now);
            if !is_believed {
                short.push(format!("{skill}: {size} projects where {before} were, nothing is gone by that"));
            }
            is_believed
        });
        let gone: Vec<u64> = (self.snapshot.listed.iter_mut())
            .filter_map(|(project, listed)| listed.is_gone(*project, asked, &whole, now).then_some(*project))
            .collect();
        for project in gone {
            self.snapshot.listed.remove(&project);
            self.gone(cx, &project_name(project));
        }
        short
    }

    /// Of what the first version told is not kept what found it: it is taken for found by every search.
    fn list_unlisted(&mut self, asked: &[String]) {
        let open = self.snapshot.leads.values().filter(|known| known.open);
        let projects = open.filter(|known| known.lead.board == Board::Freelancer);
        for project in projects.filter_map(|known| known.lead.key.parse().ok()) {
            let all = || Listed { by: asked.iter().cloned().collect(), missed: None };
            self.snapshot.listed.entry(project).or_insert_with(all);
        }
    }
}
