//! The reads that are one request each: Remote OK, every feed, and the projects of Freelancer.com page by page.
//!
//! A source that cannot be read changes nothing; that it was read is remembered with what came of it.

use std::collections::BTreeSet;

use mm_sdk::json::Unreadable;
use mm_sdk::{Context, Digest, Interrupt, LogicalUrl, SourceHealth};

use super::closing::Whole;
use super::lead::Lead;
use super::round::Round;
use crate::freelancer::Freelancer;
use crate::freelancer::ask::PAGE;
use crate::freelancer::shape::{self, Project};
use crate::reading::{Reading, ask, no_words};
use crate::{feeds, remoteok};

/// Skills that are searched for at Freelancer.com in a run: its limits are not published.
const QUERIES_MAX: usize = 5;

/// Pages of projects that one run reads of each.
const PAGES_MAX: usize = 2;

/// What the lists of active projects came to.
#[derive(Default)]
struct List {
    seen: BTreeSet<u64>,
    bad: Vec<Unreadable>,
    /// The lists in which all that is active was seen.
    whole: Whole,
    /// Whether anything was new.
    fresh: bool,
    asked_currencies: bool,
}

impl Round<'_> {
    /// Reads Remote OK, all of it in one request.
    pub(super) async fn remoteok(&mut self, cx: &mut Context<'_>) -> Result<(), Interrupt> {
        const SOURCE: &str = remoteok::PLATFORM;
        let action = remoteok::feed(&self.known(SOURCE));
        let fresh = match ask(cx, SOURCE, action, no_words, remoteok::read).await? {
            Reading::Fresh(fresh) => fresh,
            Reading::Unchanged => {
                self.source(SOURCE, SourceHealth::Unchanged, "nothing new");
                return Ok(());
            }
            Reading::Failed(failed) => {
                self.source(SOURCE, SourceHealth::Failed, failed.why);
                return Ok(());
            }
        };
        let jobs = fresh.value;
        let legal = Digest::of(jobs.legal.line(10_000).as_bytes());
        if self.snapshot.legal.is_some_and(|before| before != legal) {
            cx.alert(
                "remoteok-terms",
                format!(
                    "Remote OK's terms have changed; read them before you go on: {}",
                    jobs.legal.line(300)
                ),
            );
        }
        self.snapshot.legal = Some(legal);
        let mut sentence = format!("{} jobs", jobs.jobs.len());
        if let Some(first) = jobs.bad.first() {
            sentence.push_str(&format!("; {} left out, the first: {first}", jobs.bad.len()));
        }
        for job in &jobs.jobs {
            self.take(cx, Lead::of_job(job, fresh.evidence));
        }
        self.snapshot.sources.insert(SOURCE.to_owned(), fresh.validators);
        self.source(SOURCE, SourceHealth::Fresh, sentence);
        Ok(())
    }

    /// Reads every feed that the owner named, each in one request.
    pub(super) async fn feeds(&mut self, cx: &mut Context<'_>) -> Result<(), Interrupt> {
        for (n, url) in self.config.feeds.iter().enumerate() {
            self.feed(cx, n, url).await?;
        }
        Ok(())
    }

    async fn feed(&mut self, cx: &mut Context<'_>, n: usize, url: &LogicalUrl) -> Result<(), Interrupt> {
        let source = format!("feed {}", url.shown());
        let action = feeds::fetch(url, &self.known(url.as_str()));
        let step = format!("feed-{n}");
        let fresh = match ask(cx, &step, action, no_words, |answer| feeds::read(url, answer)).await? {
            Reading::Fresh(fresh) => fresh,
            Reading::Unchanged => {
                self.source(&source, SourceHealth::Unchanged, "nothing new");
                return Ok(());
            }
            Reading::Failed(failed) => {
                self.source(&source, SourceHealth::Failed, failed.why);
                return Ok(());
            }
        };
        let (now, feed) = (cx.now(), fresh.value);
        let leads: Vec<Lead> =
            feed.items.iter().map(|item| Lead::of_item(url, item, now, fresh.evidence)).collect();
        let odd = leads.iter().filter(|lead| lead.odd_time.is_some()).count();
        let mut sentence = format!("{} items", leads.len());
        if feed.left_out > 0 {
            sentence.push_str(&format!("; {} beyond the first {} left out", feed.left_out, feeds::ITEMS_MAX));
        }
        if odd > 0 {
            sentence.push_str(&format!("; {odd} say a time that cannot be meant"));
        }
        for lead in leads {
            self.take(cx, lead);
        }
        self.snapshot.sources.insert(url.as_str().to_owned(), fresh.validators);
        self.source(&source, SourceHealth::Fresh, sentence);
        Ok(())
    }

    /// Reads the active projects of Freelancer.com, with the account.
    pub(super) async fn freelancer(&mut self, cx: &mut Context<'_>) -> Result<(), Interrupt> {
        const SOURCE: &str = crate::freelancer::ask::PLATFORM;
        let Some(freelancer) = self.freelancer.clone() else { return Ok(()) };
        if let Err(why) = self.viewer(cx, &freelancer).await? {
            self.source(SOURCE, SourceHealth::Failed, why);
            return Ok(());
        }
        let mut list = List::default();
        let asked: Vec<String> = self.config.skills.iter().take(QUERIES_MAX).cloned().collect();
        for (n, skill) in asked.iter().enumerate() {
            if let Err(why) = self.projects(cx, &freelancer, (n, skill), &mut list).await? {
                self.source(SOURCE, SourceHealth::Failed, why);
                return Ok(());
            }
        }
        let mut sentence = format!("{} projects", list.seen.len());
        let short = self.close(cx, &asked, std::mem::take(&mut list.whole));
        for short in &short {
            sentence.push_str(&format!("; {short}"));
        }
        if let Some(first) = list.bad.first() {
            sentence.push_str(&format!("; {} left out, the first: {first}", list.bad.len()));
        }
        let health = match (short.is_empty(), list.fresh) {
            (false, _) => SourceHealth::Broken,
            (true, true) => SourceHealth::Fresh,
            (true, false) => SourceHealth::Unchanged,
        };
        self.source(SOURCE, health, sentence);
        Ok(())
    }

    /// Reads the projects that want one skill, page by page; the inner error says why not.
    async fn projects(
        &mut self,
        cx: &mut Context<'_>,
        freelancer: &Freelancer,
        (n, skill): (usize, &str),
        list: &mut List,
    ) -> Result<Result<(), String>, Interrupt> {
        let source = format!("freelancer {skill}");
        let (mut found, mut is_whole) = (BTreeSet::new(), true);
        for page in 0..PAGES_MAX {
            // Only the first page is conditional: the others are read when it has changed.
            let known = if page == 0 { self.known(&source) } else { Default::default() };
            let action = freelancer.projects(skill, page * PAGE, &known);
            let step = format!("freelancer-{n}-{page}");
            let fresh = match ask(cx, &step, action, shape::said, shape::projects).await? {
                Reading::Fresh(fresh) => fresh,
                Reading::Unchanged => {
                    self.as_before(skill);
                    return Ok(Ok(()));
                }
                Reading::Failed(failed) => {
                    // What the pages before it said stands; the whole is asked for again.
                    self.snapshot.sources.remove(&source);
                    return Ok(Err(failed.why));
                }
            };
            let (projects, bad) = fresh.value;
            let is_last = projects.len() + bad.len() < PAGE;
            list.fresh = true;
            is_whole &= bad.is_empty() && (is_last || page + 1 < PAGES_MAX);
            list.bad.extend(bad);
            self.currencies(cx, freelancer, &projects, list).await?;
            for project in &projects {
                // The same project may want several skills.
                if list.seen.insert(project.id) {
                    let lead = Lead::of_project(project, self.code(project).as_deref(), fresh.evidence);
                    self.take(cx, lead);
                }
                self.listed(project.id, skill);
                found.insert(project.id);
            }
            if page == 0 {
                self.snapshot.sources.insert(source.clone(), fresh.validators);
            }
            if is_last {
                break;
            }
        }
        if is_whole {
            list.whole.insert(skill.to_owned(), found);
        }
        Ok(Ok(()))
    }

    /// Asks under which number the account is known, once, and again for another account and when a bid was
    /// refused for it; the inner error says why that is not known.
    async fn viewer(
        &mut self,
        cx: &mut Context<'_>,
        freelancer: &Freelancer,
    ) -> Result<Result<(), String>, Interrupt> {
        if self.bidder().is_some() {
            return Ok(Ok(()));
        }
        let action = freelancer.viewer(&Default::default());
        Ok(match ask(cx, "freelancer-self", action, shape::said, shape::viewer).await? {
            Reading::Fresh(fresh) => {
                self.bids_as(fresh.value);
                Ok(())
            }
            Reading::Unchanged => Err("the account's number came without a body".to_owned()),
            Reading::Failed(failed) => Err(failed.why),
        })
    }

    /// Asks which currencies are meant, where a project names one by its number alone that is not known.
    async fn currencies(
        &mut self,
        cx: &mut Context<'_>,
        freelancer: &Freelancer,
        projects: &[Project],
        list: &mut List,
    ) -> Result<(), Interrupt> {
        let unknown = |project: &&Project| {
            let id = project.currency.id.filter(|_| project.currency.code.is_none());
            id.is_some_and(|id| !self.snapshot.currencies.contains_key(&id))
        };
        if !list.asked_currencies && projects.iter().any(|project| unknown(&project)) {
            list.asked_currencies = true;
            let action = freelancer.currencies(&Default::default());
            if let Reading::Fresh(fresh) =
                ask(cx, "freelancer-currencies", action, shape::said, shape::currencies).await?
            {
                self.snapshot.currencies =
                    fresh.value.into_iter().map(|(id, code)| (id, code.line(8))).collect();
            }
        }
        Ok(())
    }

    /// The code of a project's currency: three capital letters, or none is known.
    fn code(&self, project: &Project) -> Option<String> {
        let named = project.currency.code.as_ref().map(|code| code.line(8));
        let known = || self.snapshot.currencies.get(&project.currency.id?).cloned();
        named
            .or_else(known)
            .filter(|code| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()))
    }
}
