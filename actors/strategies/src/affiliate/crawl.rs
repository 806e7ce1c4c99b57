//! The crawl of the owner's site in one run: some sitemaps, some pages, some links.
//!
//! Everything is bounded in a run, and the next run goes on where this one left off: what was never looked at
//! first, then what was not looked at for longest. What cannot be read is told and never taken for dead.

mod intake;
mod links;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mm_sdk::{Act, Context, Digest, ErrorClass, Interrupt, LogicalUrl, Refusal, SourceHealth, SourceReport};

use super::config::Site;
use super::report::{draft, gone, whole};
use super::room::{Room, short};
use super::site_memory::{Leading, LinkKnown, SiteKnown};
use crate::site;
use crate::site::page::Defect;
use intake::PAGES_MAX;

/// The sitemap is read again after a day.
const SITEMAP_AGE: Duration = Duration::from_secs(20 * 3_600);
/// The most sitemaps that one run reads.
const SITEMAPS_A_RUN: usize = 4;
/// So many pages that a rule stood against, and none read, end a run's crawl.
const DENIED_MAX: usize = 5;
/// The rule by which robots.txt forbids an address.
const ROBOTS_DISALLOW: &str = "law/robots-disallow";
/// The most sentences of a run.
const SENTENCES_MAX: usize = 8;

/// The crawl in one run.
pub(super) struct Crawl<'a> {
    site: &'a Site,
    known: &'a mut SiteKnown,
    wrong: Vec<String>,
    /// Pages that were asked for, those of them that a rule stood against, and those that could be looked at.
    asked: usize,
    denied: usize,
    read: usize,
    /// Acts for links, redirects that were followed among them.
    links_asked: usize,
    drafted: i64,
    /// Hosts that were refused in this run, each with why: they are not asked again in it.
    closed: BTreeMap<String, String>,
    /// Platforms that asked to be left alone, or whose breaker is open: what is theirs keeps its turn.
    busy: BTreeSet<&'static str>,
    /// Platforms that gave an answer in this run.
    heard: BTreeSet<&'static str>,
    stopped: Option<String>,
    /// How much more may be remembered.
    room: Room,
    /// Links and defects of the pages of this run that are not.
    left_out: usize,
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
        let (busy, heard) = (BTreeSet::new(), BTreeSet::new());
        let room = Room::beside(known);
        Self {
            site,
            known,
            wrong,
            asked: 0,
            denied: 0,
            read: 0,
            links_asked: 0,
            drafted: 0,
            closed,
            busy,
            heard,
            stopped: None,
            room,
            left_out: 0,
        }
    }

    pub(super) async fn run(mut self, cx: &mut Context<'_>) -> Result<Told, Interrupt> {
        self.sitemaps(cx).await?;
        let mut changed = BTreeSet::new();
        for url in self.let_pass(self.known.pages_due(self.site.pages_max)) {
            if self.stopped.is_some() {
                break;
            }
            self.page(cx, &url, &mut changed).await?;
        }
        let due = self.let_pass(self.known.links_due(self.site.links_max));
        for (nth, url) in due.into_iter().enumerate() {
            // A link that was begun is followed to its end.
            if self.links_asked >= self.site.links_max {
                break;
            }
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
            self.heard(site::SITE, &act);
            match act {
                Act::Done(answer) if answer.status == 200 => {
                    self.known.to_read.remove(0);
                    match site::sitemap::read(&url, &answer) {
                        Ok(named) => self.listed(&next, named),
                        Err(bad) => {
                            self.wrong.push(format!("{}: {bad}", url.shown()));
                            self.known.incomplete = true;
                        }
                    }
                }
                Act::Done(answer) => {
                    self.known.to_read.remove(0);
                    self.wrong.push(format!("{} answered with status {}", url.shown(), answer.status));
                    self.known.incomplete = true;
                }
                Act::Refused(refusal)
                    if refusal.class == ErrorClass::RateLimit || refusal.is_by_breaker() =>
                {
                    self.stopped = Some(refusal.why);
                    break;
                }
                Act::Refused(refusal) => {
                    let why = refused(&refusal);
                    self.wrong.push(format!("the sitemap {}: {why}", url.shown()));
                    self.known.incomplete = true;
                    // It may be this one alone, or all: the others have their turn, and a rule stops them all.
                    self.known.to_read.remove(0);
                    if refusal.class == ErrorClass::Compliance && !is_by_robots(&refusal) {
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
            for (name, page) in self.known.end_listing(now) {
                // What was told of it, and not ended, would stand for ever.
                if page.told.is_some_and(|told| told != what_is_told(&[])) {
                    cx.found(gone(&name, &page));
                }
            }
        }
        Ok(())
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
        let act = cx.act(&format!("page-{}", self.asked), site::page(url.clone(), &known.validators)).await?;
        self.asked += 1;
        self.heard(site::SITE, &act);
        let trouble = match act {
            Act::Done(answer) if answer.status == 304 => None,
            Act::Done(answer) if answer.status == 200 => {
                changed.insert(name.to_owned());
                self.take_in(cx, &url, &answer)
            }
            Act::Done(answer) => Some(format!("it answers with status {}", answer.status)),
            Act::Refused(refusal) if refusal.is_by_breaker() => {
                self.busy.insert(site::SITE);
                self.stopped = Some(refusal.why);
                return Ok(());
            }
            Act::Refused(refusal) if refusal.class == ErrorClass::RateLimit => {
                let is_tried = self.left_alone(site::SITE, name);
                if let Some(known) = self.known.pages.get_mut(name).filter(|_| is_tried) {
                    known.tried_at = Some(now);
                }
                self.stopped = Some(refusal.why);
                return Ok(());
            }
            Act::Refused(refusal) => {
                let why = refused(&refusal);
                // One page may lead to another host; several, and none that could be read: then no rule speaks of
                // the site.
                self.denied +=
                    usize::from(refusal.class == ErrorClass::Compliance && !is_by_robots(&refusal));
                if self.denied >= DENIED_MAX && self.denied == self.asked {
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
            known.tried_at = Some(now);
            if trouble.is_none() {
                known.looked_at = Some(now);
                self.read += 1;
            }
            known.trouble = trouble.map(short);
        }
        Ok(())
    }

    /// What was refused first the last time lets the next of its platform pass.
    fn let_pass(&self, mut due: Vec<String>) -> Vec<String> {
        for (platform, name) in &self.known.turned_away {
            let is_of =
                |url: &String| LogicalUrl::parse(url).is_ok_and(|url| self.platform(&url) == platform);
            let mut own = (0..due.len()).filter(|at| due.get(*at).is_some_and(is_of));
            if let (Some(first), Some(next)) = (own.next(), own.next())
                && due.get(first) == Some(name)
            {
                due.swap(first, next);
            }
        }
        due
    }

    /// A platform that answers may be asked.
    fn heard(&mut self, platform: &'static str, act: &Act) {
        if matches!(act, Act::Done(_)) {
            self.heard.insert(platform);
        }
    }

    /// A platform asked to be left alone, and that goes for all of it: what is not asked for keeps its turn. Whether
    /// this was its turn: it was if others were answered before, and asking for this was too much. If it was the first,
    /// it may have come too early, or it is what ends every run: the next begins with another.
    fn left_alone(&mut self, platform: &'static str, name: &str) -> bool {
        self.busy.insert(platform);
        let is_turn = self.heard.contains(platform);
        match is_turn {
            true => drop(self.known.turned_away.remove(platform)),
            false => drop(self.known.turned_away.insert(platform.to_owned(), name.to_owned())),
        }
        is_turn
    }

    /// Drafts what is wrong on a page, if that is news.
    fn tell(&mut self, cx: &mut Context<'_>, name: &str) {
        let Some(page) = self.known.pages.get(name) else { return };
        let defects = whole(page, &self.known.links);
        if defects.is_empty() && page.told.is_none() {
            return;
        }
        let digest = what_is_told(&defects);
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
        let is_not_checked = |link: &&LinkKnown| matches!(link.leading, Leading::NotChecked(_));
        let not_checked = known.links.values().filter(is_not_checked).count();
        let mut sentence =
            format!("{} of {} pages looked at, {never} were never", self.read, known.pages.len());
        if known.unlisted > 0 {
            sentence
                .push_str(&format!("; {} more are named than are remembered ({PAGES_MAX})", known.unlisted));
        }
        if self.left_out > 0 {
            sentence.push_str(&format!("; {} of their links and defects are not remembered", self.left_out));
        }
        if known.loops > 0 {
            sentence.push_str(&format!("; the sitemap names itself again {} times", known.loops));
        }
        if let Some(why) = &self.stopped {
            sentence.push_str(&format!("; the rest waits for the next run: {why}"));
        }
        let failed = self.read == 0 && (self.stopped.is_some() || !self.wrong.is_empty());
        let health = if failed { SourceHealth::Failed } else { SourceHealth::Fresh };
        let over = self.wrong.len().saturating_sub(SENTENCES_MAX);
        let mut errors: Vec<String> = self.wrong.into_iter().take(SENTENCES_MAX).collect();
        if over > 0 {
            errors.push(format!("your site: and {over} more of the kind"));
        }
        let mut metrics = vec![
            ("site.pages".to_owned(), count(known.pages.len())),
            ("site.looked".to_owned(), count(self.read)),
            ("site.drafted".to_owned(), self.drafted),
            ("site.never".to_owned(), count(never)),
            ("site.left-out".to_owned(), count(self.left_out)),
            ("site.not-checked".to_owned(), count(not_checked)),
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

/// The digest of what is told of a page.
fn what_is_told(defects: &[Defect]) -> Digest {
    let lines: Vec<String> =
        defects.iter().map(|one| format!("{} {:?} {}", one.line, one.kind, one.link)).collect();
    Digest::of_fields("affiliate-page-1", lines.iter().map(String::as_bytes))
}

/// Whether it was robots.txt that stood against this one address.
fn is_by_robots(refusal: &Refusal) -> bool {
    refusal.rules.iter().any(|rule| rule == ROBOTS_DISALLOW)
}

/// Why something was not read, with what helps where no rule speaks of it.
fn refused(refusal: &Refusal) -> String {
    match refusal.class {
        ErrorClass::Compliance => format!("not checked: {}", refusal.why),
        _ => refusal.why.clone(),
    }
}
