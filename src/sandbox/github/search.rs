//! The search for issues: the part of GitHub's query language that finders of bounties use.
//!
//! Touches nothing. A qualifier that is not known here is answered as a mistake, never passed over: a
//! sandbox that finds more than it was asked for would hide a wrong query.

use super::world::{Comment, Issue, Repo};

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
