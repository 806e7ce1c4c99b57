//! The crawl of the owner's site in one run: some sitemaps, some pages, some links.
//!
//! Everything is bounded in a run, and the next run goes on where this one left off: what was never looked at
//! first, then what was not looked at for longest. What cannot be read is told and never taken for dead.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mm_sdk::{
    Act, Answer, Context, Digest, ErrorClass, Interrupt, LogicalUrl, Refusal, SourceHealth, SourceReport,
};

use super::config::Site;
use super::report::{draft, whole};
use super::site_memory::{Leading, LinkKnown, SiteKnown};
use crate::site::page::examine;
use crate::site::{self, Leads, leads};

/// The sitemap is read again after a day.
const SITEMAP_AGE: Duration = Duration::from_secs(20 * 3_600);
/// The most sitemaps that one run reads, and that one look at the site follows: a loop ends there at the latest.
const SITEMAPS_A_RUN: usize = 4;
const SITEMAPS_MAX: usize = 100;
/// The most pages that are remembered; of the others their number is told.
const PAGES_MAX: usize = 3_000;
/// The most links that are remembered.
const LINKS_MAX: usize = 10_000;
/// So many pages that a rule stood against, and none read, end a run's crawl.
const DENIED_MAX: usize = 5;
/// The most sentences of a run.
const SENTENCES_MAX: usize = 8;

/// The crawl in one run.
pub(super) struct Crawl<'a> {
    site: &'a Site,
    known: &'a mut SiteKnown,
    wrong: Vec<String>,
    looked: usize,
    drafted: i64,
    /// Hosts that were refused in this run, each with why: they are not asked again in it.
    closed: BTreeMap<String, String>,
    stopped: Option<String>,
    /// Pages that a rule stood against, and pages that could be read.
    denied: usize,
    read: usize,
}

/// What a run says of the site.
pub(super) struct Told {
    pub(super) source: SourceReport,
    pub(super) errors: Vec<String>,
    pub(super) metrics: Vec<(String, i64)>,
}

impl<'a> Crawl<'a> {
    pub(super) fn new(site: &'a Site, known: &'a mut SiteKnown) -> Self {
        let (wrong, closed) = (Vec::new(), BTreeMap::new());
        Self { site, known, wrong, looked: 0, drafted: 0, closed, stopped: None, denied: 0, read: 0 }
    }

    pub(super) async fn run(mut self, cx: &mut Context<'_>) -> Result<Told, Interrupt> {
        self.sitemaps(cx).await?;
        let mut changed = BTreeSet::new();
        for url in self.known.pages_due(self.site.pages_max) {
            if self.stopped.is_some() {
                break;
            }
            self.page(cx, &url, &mut changed).await?;
        }
        let due = self.known.links_due(self.site.links_max);
        for (nth, url) in due.into_iter().enumerate() {
            self.link(cx, nth, &url, &mut changed).await?;
        }
        for url in changed {
            self.tell(cx, &url);
        }
        Ok(self.told())
    }

    /// Reads what is due of the sitemaps.
    async fn sitemaps(&mut self, cx: &mut Context<'_>) -> Result<(), Interrupt> {
        let now = cx.now();
        let fresh = self.known.listed_at.is_some_and(|at| now.since(at) < SITEMAP_AGE);
        if self.known.to_read.is_empty() {
            if fresh {
                return Ok(());
            }
            self.known.begin_listing(self.site.sitemap.as_str());
        }
        for nth in 0..SITEMAPS_A_RUN {
            let Some(next) = self.known.to_read.first().cloned() else { break };
            let Ok(url) = LogicalUrl::parse(&next) else {
                self.known.to_read.remove(0);
                continue;
            };
            let act = cx.act(&format!("sitemap-{nth}"), site::sitemap(url.clone())).await?;
            match act {
                Act::Done(answer) if answer.status == 200 => {
                    self.known.to_read.remove(0);
                    match site::sitemap::read(&url, &answer) {
                        Ok(named) => self.listed(&next, named),
                        Err(bad) => self.wrong.push(format!("{}: {bad}", url.shown())),
                    }
                }
                Act::Done(answer) => {
                    self.known.to_read.remove(0);
                    self.wrong.push(format!("{} answered with status {}", url.shown(), answer.status));
                    self.known.incomplete = true;
                }
                Act::Refused(refusal) => {
                    let why = refused(&refusal);
                    self.wrong.push(format!("the sitemap {}: {why}", url.shown()));
                    self.known.incomplete = true;
                    // It may be this one alone, or all: the others have their turn, and a rule stops them all.
                    self.known.to_read.remove(0);
                    if refusal.class == ErrorClass::Compliance {
                        self.stopped = Some(why);
                        break;
                    }
                }
                Act::Pending(id) => {
                    self.stopped = Some(format!("the read of the sitemap waits as action {id}"));
                    break;
                }
            }
        }
        if self.known.to_read.is_empty() {
            self.known.end_listing(now);
        }
        Ok(())
    }

    /// Takes in what a sitemap names.
    fn listed(&mut self, from: &str, named: site::sitemap::Named) {
        if named.refused > 0 {
            self.wrong.push(format!(
                "{} addresses of the sitemap lead to another host, and are not read",
                named.refused
            ));
        }
        for sitemap in named.sitemaps {
            let name = sitemap.as_str().to_owned();
            if name == from || self.known.read.contains(&name) {
                self.known.loops += 1;
            } else if self.known.read.len() >= SITEMAPS_MAX {
                self.known.unlisted += 1;
            } else {
                self.known.read.insert(name.clone());
                self.known.to_read.push(name);
            }
        }
        for page in named.pages {
            let name = page.as_str().to_owned();
            if self.known.pages.contains_key(&name) || self.known.pages.len() < PAGES_MAX {
                self.known.pages.entry(name).or_default().listed = true;
            } else {
                self.known.unlisted += 1;
            }
        }
    }

    /// Reads a page, if it changed, and looks at what stands on it.
    async fn page(
        &mut self,
        cx: &mut Context<'_>,
        name: &str,
        changed: &mut BTreeSet<String>,
    ) -> Result<(), Interrupt> {
        let Ok(url) = LogicalUrl::parse(name) else { return Ok(()) };
        let now = cx.now();
        let Some(known) = self.known.pages.get_mut(name) else { return Ok(()) };
        known.looked_at = Some(now);
        let act =
            cx.act(&format!("page-{}", self.looked), site::page(url.clone(), &known.validators)).await?;
        self.looked += 1;
        let trouble = match act {
            Act::Done(answer) if answer.status == 304 => {
                self.read += 1;
                None
            }
            Act::Done(answer) if answer.status == 200 => {
                self.read += 1;
                changed.insert(name.to_owned());
                self.take_in(cx, &url, &answer)
            }
            Act::Done(answer) => Some(format!("it answers with status {}", answer.status)),
            Act::Refused(refusal) => {
                let why = refused(&refusal);
                // One page may lead to another host, or robots.txt be against it; several, and none that could be
                // read: then no rule speaks of the site.
                self.denied += usize::from(refusal.class == ErrorClass::Compliance);
                if self.denied >= DENIED_MAX && self.read == 0 {
                    self.stopped = Some(why.clone());
                }
                Some(why)
            }
            Act::Pending(id) => Some(format!("the read waits as action {id}")),
        };
        if let Some(why) = &trouble {
            self.wrong.push(format!("{}: {why}", url.shown()));
        }
        if let Some(known) = self.known.pages.get_mut(name) {
            known.trouble = trouble;
        }
        Ok(())
    }

    /// Looks at what stands on a page; why it cannot be told, if so.
    fn take_in(&mut self, cx: &mut Context<'_>, url: &LogicalUrl, answer: &Answer) -> Option<String> {
        if !cx.take_up(&format!("page {}", url.as_str()), answer.body_id()) {
            return Some("looking at it crashed before; it is passed over until it changes".to_owned());
        }
        let found = examine(url, &String::from_utf8_lossy(&answer.body), &self.site.own);
        cx.put_down();
        let known = self.known.pages.get_mut(url.as_str())?;
        (known.validators, known.evidence) = (answer.validators(), Some(answer.body_id()));
        if found.login {
            return Some("it asks for a password, so what readers see is not known".to_owned());
        }
        (known.defects, known.links) = (found.defects, Vec::new());
        for (target, line) in found.links {
            let target = target.as_str().to_owned();
            if self.known.links.contains_key(&target) || self.known.links.len() < LINKS_MAX {
                self.known.links.entry(target.clone()).or_default();
                known.links.push((target, line));
            }
        }
        None
    }

    /// Looks where a link leads.
    async fn link(
        &mut self,
        cx: &mut Context<'_>,
        nth: usize,
        name: &str,
        changed: &mut BTreeSet<String>,
    ) -> Result<(), Interrupt> {
        let Ok(url) = LogicalUrl::parse(name) else { return Ok(()) };
        let now = cx.now();
        let host = url.host().to_owned();
        let leading = match self.closed.get(&host) {
            Some(why) => Leading::NotChecked(why.clone()),
            None if site::hosts::is_amazon(&host) => {
                Leading::NotChecked("Amazon's pages are not to be read by programs".to_owned())
            }
            None => {
                let own = host == self.site.sitemap.host();
                match cx.act(&format!("link-{nth}"), site::link(url.clone(), own)).await? {
                    Act::Done(answer) => match leads(&url, &answer) {
                        Leads::There => Leading::There,
                        Leads::Dead(status) => Leading::Dead(status),
                        Leads::To(to) if to.host() == host => Leading::There,
                        Leads::To(to) => Leading::To(to.host().to_owned()),
                        Leads::Unknown(why) => Leading::CannotTell(why),
                    },
                    Act::Refused(refusal) => self.refused_link(host, &refusal),
                    Act::Pending(id) => Leading::CannotTell(format!("the read waits as action {id}")),
                }
            }
        };
        let known = LinkKnown { leading, looked_at: Some(now) };
        let before = self.known.links.insert(name.to_owned(), known.clone());
        if before.is_none_or(|before| before.leading != known.leading) {
            let pages = self.known.pages.iter();
            let with = pages.filter(|(_, page)| page.links.iter().any(|(target, _)| target == name));
            changed.extend(with.map(|(page, _)| page.clone()));
        }
        Ok(())
    }

    fn refused_link(&mut self, host: String, refusal: &Refusal) -> Leading {
        let why = refused(refusal);
        match refusal.class {
            ErrorClass::Compliance => {
                self.closed.insert(host, why.clone());
                Leading::NotChecked(why)
            }
            _ => Leading::CannotTell(why),
        }
    }

    /// Drafts what is wrong on a page, if that is news.
    fn tell(&mut self, cx: &mut Context<'_>, name: &str) {
        let Some(page) = self.known.pages.get(name) else { return };
        let defects = whole(page, &self.known.links);
        if defects.is_empty() && page.told.is_none() {
            return;
        }
        let lines: Vec<String> =
            defects.iter().map(|one| format!("{} {:?} {}", one.line, one.kind, one.link)).collect();
        let digest = Digest::of_fields("affiliate-page-1", lines.iter().map(String::as_bytes));
        if page.told == Some(digest) {
            return;
        }
        cx.found(draft(name, page, &defects, &self.known.links));
        self.drafted += i64::from(!defects.is_empty());
        if let Some(page) = self.known.pages.get_mut(name) {
            page.told = Some(digest);
        }
    }

    fn told(self) -> Told {
        let known = self.known;
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let pages = || known.pages.values();
        let never = pages().filter(|page| page.looked_at.is_none()).count();
        let mut sentence =
            format!("{} of {} pages looked at, {never} were never", self.looked, known.pages.len());
        if known.unlisted > 0 {
            sentence
                .push_str(&format!("; {} more are named than are remembered ({PAGES_MAX})", known.unlisted));
        }
        if known.loops > 0 {
            sentence.push_str(&format!("; the sitemap names itself again {} times", known.loops));
        }
        if let Some(why) = &self.stopped {
            sentence.push_str(&format!("; the rest waits for the next run: {why}"));
        }
        let failed = self.looked == 0 && (self.stopped.is_some() || !self.wrong.is_empty());
        let health = if failed { SourceHealth::Failed } else { SourceHealth::Fresh };
        let over = self.wrong.len().saturating_sub(SENTENCES_MAX);
        let mut errors: Vec<String> = self.wrong.into_iter().take(SENTENCES_MAX).collect();
        if over > 0 {
            errors.push(format!("your site: and {over} more of the kind"));
        }
        let mut metrics = vec![
            ("site.pages".to_owned(), count(known.pages.len())),
            ("site.looked".to_owned(), count(self.looked)),
            ("site.drafted".to_owned(), self.drafted),
            ("site.never".to_owned(), count(never)),
        ];
        let mut kinds: BTreeMap<&'static str, i64> = BTreeMap::new();
        for page in pages() {
            for defect in whole(page, &known.links) {
                *kinds.entry(defect.kind.word()).or_default() += 1;
            }
        }
        metrics.extend(kinds.into_iter().map(|(kind, n)| (format!("site.defect.{kind}"), n)));
        Told { source: SourceReport { name: "site".to_owned(), health, sentence }, errors, metrics }
    }
}

/// Why something was not read, with what helps where no rule speaks of it.
fn refused(refusal: &Refusal) -> String {
    match refusal.class {
        ErrorClass::Compliance => format!("not checked: {}", refusal.why),
        _ => refusal.why.clone(),
    }
}
