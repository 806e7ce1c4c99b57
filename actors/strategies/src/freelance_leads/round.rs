//! One run in the making: what its steps hand on to each other, and how a lead is taken in.

use std::collections::BTreeSet;

use mm_sdk::{Context, Digest, Report, SourceHealth, SourceReport, Validators};

use super::config::Config;
use super::draft::{Ended, digest, draft};
use super::lead::Lead;
use super::matching::judge;
use super::memory::{Known, Snapshot};
use crate::freelancer::Freelancer;

/// One run.
pub(super) struct Round<'a> {
    pub(super) config: &'a Config,
    pub(super) freelancer: Option<Freelancer>,
    pub(super) snapshot: Snapshot,
    pub(super) report: Report,
    /// Leads whose opportunity has something new to say beside what was read.
    pub(super) redraw: BTreeSet<String>,
    /// Projects of Freelancer.com that are in the lists of this run.
    pub(super) seen: BTreeSet<u64>,
    pub(super) tally: Tally,
}

/// What a run counts.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) read: i64,
    pub(super) fitting: i64,
    pub(super) told: i64,
    pub(super) bait: i64,
    pub(super) odd: i64,
}

impl<'a> Round<'a> {
    /// A run that has done nothing yet, and goes on from `snapshot`.
    pub(super) fn new(config: &'a Config, mut snapshot: Snapshot) -> Self {
        // "Not modified" speaks of what was judged; by other settings it has to be judged anew.
        let settings = Digest::of(format!("{config:?}").as_bytes());
        if snapshot.settings != Some(settings) {
            snapshot.sources.clear();
            for thread in snapshot.threads.values_mut() {
                thread.read.clear();
            }
            snapshot.settings = Some(settings);
        }
        let freelancer = config.account.clone().map(Freelancer::new);
        let (report, redraw, tally) = (Report::default(), BTreeSet::new(), Tally::default());
        Self { config, freelancer, snapshot, report, redraw, seen: BTreeSet::new(), tally }
    }

    /// What makes the next read of a source conditional.
    pub(super) fn known(&self, source: &str) -> Validators {
        self.snapshot.sources.get(source).cloned().unwrap_or_default()
    }

    /// Says how it went with a source.
    pub(super) fn source(&mut self, name: &str, health: SourceHealth, sentence: impl Into<String>) {
        let report = SourceReport { name: name.to_owned(), health, sentence: sentence.into() };
        self.report.sources.push(report);
    }

    /// Takes a lead in hand, and tells of it if there is something new to say. One that crashed runs is
    /// passed over, and what was known of it stays.
    pub(super) fn take(&mut self, cx: &mut Context<'_>, lead: Lead) {
        if !cx.take_up(&lead.name(), lead.digest()) {
            return;
        }
        self.tally.read += 1;
        self.tally.odd += i64::from(lead.odd_time.is_some());
        // What is told for the first time is told as what it is.
        let is_known = self.snapshot.leads.contains_key(&lead.name());
        let ended = (is_known && lead.is_aged(cx.now(), cx.now())).then_some(Ended::Aged);
        self.tell(cx, lead, ended);
        cx.put_down();
    }

    /// A lead that was told is not there any more.
    pub(super) fn gone(&mut self, cx: &mut Context<'_>, name: &str) {
        if let Some(known) = self.snapshot.leads.get(name).cloned() {
            self.tell(cx, known.lead, Some(Ended::Gone));
        }
    }

    /// Ends what was told long ago by a board whose list holds the newest alone: that it lacks something says nothing.
    pub(super) fn age(&mut self, cx: &mut Context<'_>) {
        let now = cx.now();
        let open = self.snapshot.leads.values().filter(|known| known.open);
        let aged = open.filter(|known| known.lead.is_aged(known.at, now));
        for lead in aged.map(|known| known.lead.clone()).collect::<Vec<_>>() {
            self.tell(cx, lead, Some(Ended::Aged));
        }
    }

    /// Tells again what has something new to say.
    pub(super) fn redraw(&mut self, cx: &mut Context<'_>) {
        for name in std::mem::take(&mut self.redraw) {
            if let Some(Known { lead, open, at, .. }) = self.snapshot.leads.get(&name).cloned() {
                self.tell(cx, lead, (!open).then_some(Ended::Gone));
                // It was told, and not looked at.
                self.snapshot.leads.entry(name).and_modify(|known| known.at = at);
            }
        }
    }

    fn tell(&mut self, cx: &mut Context<'_>, lead: Lead, ended: Option<Ended>) {
        let (name, now) = (lead.name(), cx.now());
        let fit = judge(self.config, &lead, now);
        let is_bait = !fit.bait.is_empty() && !fit.skills.is_empty();
        self.tally.fitting += i64::from(fit.fits());
        self.tally.bait += i64::from(is_bait);
        let was = self.snapshot.leads.get(&name);
        // What never fitted is nobody's news; what was told is told to its end.
        if was.is_none() && !fit.fits() && !is_bait {
            return;
        }
        let bid = lead.key.parse().ok().and_then(|project: u64| self.snapshot.bids.get(&project));
        let draft = draft(self.config, &lead, &fit, ended, bid);
        let told = digest(&draft);
        let chance = fit.fits() || was.is_some_and(|was| was.chance);
        let new = was.is_none_or(|was| was.told != told);
        let known = Known { lead, chance, open: ended.is_none(), at: now, told };
        if new {
            self.tally.told += i64::from(draft.tell && was.is_none());
            cx.found(draft);
        }
        self.snapshot.leads.insert(name, known);
    }
}
