//! The searches: which issues there are. What they say of an issue is hours old at times, so each is
//! looked at before it is told.

use mm_sdk::{Context, Interrupt, SourceHealth, SourceReport};

use super::memory::KnownIssue;
use super::round::Round;
use crate::github::answer::ask;
use crate::github::shape::{self, Found};
use crate::github::{Seen, shape::Issue};

/// GitHub gives 1,000 results at most: ten pages.
const PAGES_MAX: usize = 10;

/// The same without an account: ten searches a minute for everybody behind an address.
const PAGES_MAX_KEYLESS: usize = 2;

/// What one search led to.
#[derive(Default)]
struct Tally {
    listed: u64,
    total: u64,
    skipped: usize,
    incomplete: bool,
}

impl Round<'_> {
    /// Runs all searches; what they list is remembered.
    pub(super) async fn search(&mut self, cx: &mut Context<'_>) -> Result<(), Interrupt> {
        let config = self.config;
        for (n, query) in config.queries.iter().enumerate() {
            let name = format!("search-{}", n + 1);
            let (health, sentence) = match self.search_one(cx, &name, query).await? {
                Ok(tally) => (SourceHealth::Fresh, tally.sentence(query)),
                Err(why) => (SourceHealth::Failed, format!("{query}: {why}")),
            };
            self.report.sources.push(SourceReport { name, health, sentence });
        }
        Ok(())
    }

    async fn search_one(
        &mut self,
        cx: &mut Context<'_>,
        name: &str,
        query: &str,
    ) -> Result<Result<Tally, String>, Interrupt> {
        let mut next = match self.github.search(query) {
            Ok(action) => Some(action),
            Err(bad) => return Ok(Err(bad.to_string())),
        };
        let pages = if self.github.has_account() { PAGES_MAX } else { PAGES_MAX_KEYLESS };
        let mut tally = Tally::default();
        for page in 1..=pages {
            let Some(action) = next.take() else { break };
            match ask(cx, &format!("{name}-{page}"), action, shape::found).await? {
                Seen::Fresh(fresh) => {
                    next = fresh.next;
                    self.take_page(fresh.value, &mut tally);
                }
                Seen::Failed(failed) => return Ok(Err(failed.why)),
                Seen::Unchanged | Seen::Missing(_) => {
                    return Ok(Err("the search was not answered".to_owned()));
                }
            }
        }
        Ok(Ok(tally))
    }

    fn take_page(&mut self, page: Found, tally: &mut Tally) {
        tally.total = page.total;
        tally.incomplete |= page.incomplete;
        tally.skipped += page.skipped.len();
        if let Some(first) = page.skipped.first() {
            self.report.errors.push(format!("a row of a search could not be read: {first}"));
        }
        for issue in page.issues.iter().filter(|issue| issue.open && !issue.is_pull_request) {
            tally.listed += 1;
            self.listed.insert(issue.id);
            self.note(issue);
        }
    }

    /// Remembers that an issue is there, where, and whether it changed.
    fn note(&mut self, issue: &Issue) {
        let known = self.snapshot.issues.entry(issue.id);
        let known = known.or_insert_with(|| KnownIssue::found(issue.place.clone(), issue.updated_at));
        // The search is hours behind, so the name that an issue was found under says nothing new.
        if issue.place != known.found_as {
            known.place = issue.place.clone();
        }
        if known.seen_update < issue.updated_at {
            known.seen_update = issue.updated_at;
            self.changed.insert(issue.id);
        }
    }
}

impl Tally {
    fn sentence(&self, query: &str) -> String {
        let mut sentence = format!("{query}: {} open issues listed of {} found", self.listed, self.total);
        if self.skipped > 0 {
            sentence.push_str(&format!(", {} could not be read", self.skipped));
        }
        if self.incomplete {
            sentence.push_str("; GitHub ran out of time, so there may be more");
        }
        sentence
    }
}
