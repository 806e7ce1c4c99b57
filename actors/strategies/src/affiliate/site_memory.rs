//! What outlives a run of the owner's site.

use std::collections::{BTreeMap, BTreeSet};

use mm_sdk::{Digest, LogicalUrl, Moment, Validators};
use serde::{Deserialize, Serialize};

use crate::site::page::{Defect, Link};

/// What is known of the site.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SiteKnown {
    /// Pages by their address.
    pub pages: BTreeMap<String, PageKnown>,
    /// Where links lead, by their address.
    pub links: BTreeMap<String, LinkKnown>,
    /// Sitemaps that are still to be read in this listing, in order.
    pub to_read: Vec<String>,
    /// Those that are named so far in this listing.
    pub read: BTreeSet<String>,
    /// When the last listing ended.
    pub listed_at: Option<Moment>,
    /// Pages and sitemaps that were named and not remembered.
    pub unlisted: u64,
    /// How often a sitemap named one that was named before.
    pub loops: u64,
    /// By platform, what was asked for first when it last let nothing be asked: that may be why, so another is first
    /// the next time.
    pub turned_away: BTreeMap<String, String>,
    /// Whether a part of this listing could not be read: then no page is forgotten for not being named.
    pub incomplete: bool,
}

/// What is known of a page.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PageKnown {
    /// Whether this listing names it.
    pub listed: bool,
    /// When it was last asked for, whatever came.
    pub tried_at: Option<Moment>,
    /// When it was last looked at.
    pub looked_at: Option<Moment>,
    /// What makes the next read conditional on the last.
    pub validators: Validators,
    /// The recorded answer.
    pub evidence: Option<Digest>,
    /// What is wrong on it, but for where its links lead.
    pub defects: Vec<Defect>,
    /// Its links, each with its line.
    pub links: Vec<(String, u32)>,
    /// Why it could not be looked at.
    pub trouble: Option<String>,
    /// The digest of what was last told.
    pub told: Option<Digest>,
}

/// What is known of a link.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LinkKnown {
    /// Where it leads.
    pub leading: Leading,
    /// When that was last asked.
    pub looked_at: Option<Moment>,
}

/// Where a link leads.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Leading {
    /// Nobody has asked yet.
    #[default]
    Unasked,
    /// There is something.
    There,
    /// There is nothing any more: the status.
    Dead(u16),
    /// To another host.
    To(String),
    /// It was asked, and that says nothing; why.
    CannotTell(String),
    /// It may not be asked; why.
    NotChecked(String),
}

impl Leading {
    /// Whether where it leads is known.
    pub fn is_known(&self) -> bool {
        matches!(self, Self::There | Self::Dead(_) | Self::To(_))
    }
}

impl LinkKnown {
    /// What is known of a link at first.
    pub fn of(link: &Link) -> Self {
        let leading = match link.plain {
            true => Leading::NotChecked("it is written for plain http, which is never asked".to_owned()),
            false => Leading::Unasked,
        };
        Self { leading, looked_at: None }
    }
}

impl SiteKnown {
    /// Begins a new look at what the site names.
    pub fn begin_listing(&mut self, root: &str) {
        (self.to_read, self.read) = (vec![root.to_owned()], BTreeSet::from([root.to_owned()]));
        (self.unlisted, self.loops, self.incomplete) = (0, 0, false);
        self.pages.values_mut().for_each(|page| page.listed = false);
    }

    /// Ends it: pages that are not named any more are forgotten, and links that no page has. The pages that were
    /// forgotten, by their address.
    pub fn end_listing(&mut self, now: Moment) -> BTreeMap<String, PageKnown> {
        // Of a site of which nothing is known it is tried again in the next run.
        self.listed_at = (!self.incomplete || !self.pages.is_empty()).then_some(now);
        let mut gone = BTreeMap::new();
        if !self.incomplete {
            gone = std::mem::take(&mut self.pages);
            self.pages = gone.extract_if(.., |_, page| page.listed).collect();
        }
        let linked: BTreeSet<&String> =
            self.pages.values().flat_map(|page| page.links.iter().map(|(target, _)| target)).collect();
        self.links.retain(|target, _| linked.contains(target));
        gone
    }

    /// Pages to be looked at, those not asked for for longest first.
    pub fn pages_due(&self, max: usize) -> Vec<String> {
        in_turn(self.pages.iter().map(|(url, page)| (page.tried_at, url)), max)
    }

    /// Links to be asked for (those written for plain HTTP are none), those that wait for longest first.
    pub fn links_due(&self, max: usize) -> Vec<String> {
        let asked = self.links.iter().filter(|(url, _)| LogicalUrl::parse(url).is_ok());
        in_turn(asked.map(|(url, link)| (link.looked_at, url)), max)
    }
}

fn in_turn<'a>(all: impl Iterator<Item = (Option<Moment>, &'a String)>, max: usize) -> Vec<String> {
    let mut due: Vec<_> = all.collect();
    due.sort_unstable();
    due.into_iter().take(max).map(|(_, url)| url.clone()).collect()
}
