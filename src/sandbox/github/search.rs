//! The search for issues: the part of GitHub's query language that finders of bounties use.
//!
//! A qualifier that is not known here is answered as a mistake, never passed over: a
//! sandbox that finds more than it was asked for would hide a wrong query.

use serde_json::{Value, json};

use super::super::message::Response;
use super::json::{self, answer, error, invalid};
use super::route::{self, page, paged};
use super::world::{self, Comment, Issue, Repo};
use super::{Github, pulls::Pull};

/// GitHub's own limits: characters of a query, and results that can be paged through.
pub(super) const QUERY_CHARS_MAX: usize = 256;
pub(super) const RESULTS_MAX: usize = 1000;

/// A query, taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    labels: Vec<String>,
    open: Option<bool>,
    repo: Option<String>,
    commenter: Option<String>,
    author: Option<String>,
    /// Pull requests, and no issues.
    pulls: bool,
    words: Vec<String>,
}

impl Query {
    /// `None` if there is something in it that is not known here.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut query = Self::default();
        for term in terms(text) {
            let Some((name, value)) = term.split_once(':') else {
                query.words.push(term.trim_matches('"').to_lowercase());
                continue;
            };
            let value = value.trim_matches('"').to_owned();
            match (name, value.as_str()) {
                ("label", _) => query.labels.push(value),
                ("state" | "is", "open") => query.open = Some(true),
                ("state" | "is", "closed") => query.open = Some(false),
                ("type" | "is", "issue") => {}
                ("type" | "is", "pr") => query.pulls = true,
                ("repo", _) => query.repo = Some(value),
                ("commenter", _) => query.commenter = Some(value),
                // Whom nobody knows cannot be searched for.
                ("author", name) if name.starts_with("gone-") => return None,
                ("author", _) => query.author = Some(value),
                _ => return None,
            }
        }
        Some(query)
    }

    /// Whether an issue, as the index knows it, is one of those.
    pub(super) fn takes(
        &self,
        repo: &Repo,
        issue: &Issue,
        comments: impl Fn() -> Vec<Comment>,
        as_of_ms: i64,
    ) -> bool {
        let labels = issue.labels();
        let has = |wanted: &String| labels.iter().any(|label| label.eq_ignore_ascii_case(wanted));
        let holds = |word: &String| {
            let (title, body) = issue.text();
            format!("{title} {body}").to_lowercase().contains(word.as_str())
        };
        let commented =
            |who: &String| comments().iter().any(|comment| comment.login.eq_ignore_ascii_case(who));
        !issue.is_deleted(as_of_ms)
            && self.labels.iter().all(has)
            && self.open.is_none_or(|open| issue.is_open(as_of_ms) == open)
            && self.repo.as_ref().is_none_or(|wanted| repo.full_name.eq_ignore_ascii_case(wanted))
            && self.commenter.as_ref().is_none_or(commented)
            && self.author.as_ref().is_none_or(|who| issue.author().eq_ignore_ascii_case(who))
            && self.words.iter().all(holds)
    }

    /// The same of a pull request, which has no labels, and whose comments nobody searches for.
    fn takes_pull(&self, repo: &Repo, pull: &Pull, as_of_ms: i64) -> bool {
        let text = pull.text.to_lowercase();
        self.labels.is_empty()
            && self.commenter.is_none()
            && self.open.is_none_or(|open| pull.is_open(as_of_ms) == open)
            && self.repo.as_ref().is_none_or(|wanted| repo.full_name.eq_ignore_ascii_case(wanted))
            && self.author.as_ref().is_none_or(|who| pull.login.eq_ignore_ascii_case(who))
            && self.words.iter().all(|word| text.contains(word.as_str()))
    }
}

impl Github {
    /// Issues, or pull requests, as the index knows them: some hours late.
    pub(super) fn search(&self, seed: u64, url: &str, now_ms: i64) -> Response {
        const ABOUT: &str = "search/search#search-issues-and-pull-requests";
        let text = route::query(url, "q").unwrap_or_default();
        let per_page = route::number(url, "per_page").unwrap_or(30).clamp(1, 100);
        let query = Query::parse(&text).filter(|_| text.chars().count() <= QUERY_CHARS_MAX);
        let Some(query) = query.filter(|_| !text.is_empty()) else {
            return invalid("Search", "q", "invalid", ABOUT);
        };
        if route::number(url, "page").unwrap_or(1).saturating_sub(1) * per_page >= RESULTS_MAX {
            return error(422, "Only the first 1000 search results are available", ABOUT);
        }
        let as_of_ms = now_ms - world::SEARCH_LAGS_MS;
        let repo = |index: usize| world::repo(seed, index, now_ms);
        let reversed = route::query(url, "order").as_deref() == Some("asc");
        if query.pulls {
            let mut all = self.pulls(seed, as_of_ms);
            all.retain(|pull| query.takes_pull(&repo(pull.issue.repo), pull, as_of_ms));
            return found(url, all, reversed, |pull| pull.found(&repo(pull.issue.repo), as_of_ms));
        }
        let comments = |repo: &Repo, issue: &Issue| self.comments(seed, repo, issue, as_of_ms);
        let mut all: Vec<(Repo, Issue)> =
            world::issues(seed, as_of_ms).map(|issue| (repo(issue.repo), issue)).collect();
        all.retain(|(repo, issue)| query.takes(repo, issue, || comments(repo, issue), as_of_ms));
        found(url, all, reversed, |(repo, issue)| json::found(repo, issue, &comments(repo, issue), as_of_ms))
    }
}

/// The page of `all` that was asked for.
fn found<T>(url: &str, mut all: Vec<T>, reversed: bool, row: impl Fn(&T) -> Value) -> Response {
    if reversed {
        all.reverse();
    }
    let total = all.len();
    let (from, to) = page(url, total.min(RESULTS_MAX));
    let rows: Vec<Value> = all.get(from..to).unwrap_or_default().iter().map(row).collect();
    let found = json!({
        "total_count": total,
        "incomplete_results": false,
        "search_type": "lexical",
        "items": rows,
    });
    // A search has no entity tag: it cannot be asked for conditionally.
    let said = answer(200, &found).with_header("cache-control", "no-cache");
    let base = format!("{}/search/issues", json::API);
    match paged(url, &base, total.min(RESULTS_MAX)) {
        Some(link) => said.with_header("link", &link),
        None => said,
    }
}

/// The words of a query; what stands in quotes is one.
fn terms(text: &str) -> Vec<String> {
    let mut terms = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        match c {
            ' ' | '+' if !quoted => terms.push(String::new()),
            c => {
                quoted ^= c == '"';
                if let Some(last) = terms.last_mut() {
                    last.push(c);
                }
            }
        }
    }
    terms.retain(|term| !term.is_empty());
    terms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_taken_apart_or_refused() {
        let query = Query::parse("label:\"💎 Bounty\" state:open type:issue csv").expect("known qualifiers");
        assert_eq!(query.labels, ["💎 Bounty"]);
        assert_eq!((query.open, query.words.as_slice()), (Some(true), &["csv".to_owned()][..]));
        assert_eq!(Query::parse("label:bounty assignee:me"), None);
    }
}
