//! The pull requests of whoever says `/attempt`: two days after that comment one is open that names the issue,
//! and it is closed with it. Its author may write its text anew; what the bot finds claimed there, it shows.
//!
//! A pull request is an issue as well, and is found and read as one.

use serde_json::{Value, json};

use super::super::message::{Request, Response};
use super::json::{self, answer, error, invalid};
use super::refusing::not_found;
use super::world::{Issue, Repo};
use super::{Asker, Github, Posted, list, tagged};

/// The number of the pull request for an issue is the issue's and this; no issue has such a one.
const FROM: u64 = 1_000_000;
/// How long after the comment it is opened.
const AFTER_MS: i64 = 2 * 86_400_000;
/// The longest text of one.
const TEXT_CHARS_MAX: usize = 65_536;

/// A text that was written anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The pull request's number.
    pub number: u64,
    /// What it says since.
    pub text: String,
    /// Since when; milliseconds since 1970.
    pub at_ms: i64,
}

/// A pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pull {
    pub(super) number: u64,
    pub(super) issue: Issue,
    pub(super) login: String,
    pub(super) text: String,
    pub(super) opened_ms: i64,
    changed_ms: i64,
}

impl Pull {
    pub(super) fn is_open(&self, now_ms: i64) -> bool {
        self.issue.is_open(now_ms)
    }

    /// As an issue, which it is as well.
    pub(super) fn shown(&self, repo: &Repo, now_ms: i64) -> Value {
        let mut shown = json::issue(repo, &self.issue, &[], now_ms);
        let (number, api) = (self.number, format!("{}/repos/{}", json::API, repo.full_name));
        let html = format!("https://github.com/{}/pull/{number}", repo.full_name);
        let url = format!("{api}/issues/{number}");
        let id = 4_000_000_000 + number;
        json::merge(
            &mut shown,
            json!({
                "url": url, "id": id, "node_id": json::node_id("011:PullRequest", id), "number": number,
                "labels_url": format!("{url}/labels{{/name}}"), "comments_url": format!("{url}/comments"),
                "events_url": format!("{url}/events"), "timeline_url": format!("{url}/timeline"),
                "html_url": html, "title": format!("Fix #{}", self.issue.number), "body": self.text,
                "user": json::user(&self.login), "labels": [], "author_association": "CONTRIBUTOR",
                "created_at": json::time(self.opened_ms), "updated_at": json::time(self.changed_ms),
                "draft": false, "locked": false, "active_lock_reason": null, "state_reason": null,
                "pull_request": {
                    "url": format!("{api}/pulls/{number}"), "html_url": html,
                    "diff_url": format!("{html}.diff"), "patch_url": format!("{html}.patch"), "merged_at": null,
                },
            }),
        );
        shown
    }

    /// The same as a row of a search.
    pub(super) fn found(&self, repo: &Repo, now_ms: i64) -> Value {
        let mut row = self.shown(repo, now_ms);
        json::merge(&mut row, json!({ "score": 1.0 }));
        row
    }
}

impl Github {
    /// All that are there, the newest first.
    pub(super) fn pulls(&self, seed: u64, now_ms: i64) -> Vec<Pull> {
        let mut all: Vec<Pull> = Vec::new();
        for Posted { number, comment, .. } in &self.posted {
            let opened_ms = comment.made_ms + self.pulls_after_ms.unwrap_or(AFTER_MS);
            let says = comment.body.starts_with(&format!("/attempt #{number}"));
            let known = all.iter().any(|pull| pull.issue.number == *number);
            let Some(issue) = Issue::of(seed, *number).filter(|_| says && !known && opened_ms <= now_ms)
            else {
                continue;
            };
            let number = FROM + number;
            let edits = self.edited.iter().rev();
            let edited = edits.into_iter().find(|edit| edit.number == number && edit.at_ms <= now_ms);
            let first = format!("Fixes #{}.\n\nA failing test first, then the fix.", issue.number);
            all.push(Pull {
                number,
                issue,
                login: comment.login.clone(),
                text: edited.map_or(first, |edit| edit.text.clone()),
                opened_ms,
                changed_ms: edited.map_or(opened_ms, |edit| edit.at_ms),
            });
        }
        all.sort_by_key(|pull| std::cmp::Reverse((pull.opened_ms, pull.number)));
        all
    }

    /// The one of this number in a repository.
    pub(super) fn pull(&self, seed: u64, repo: &Repo, number: &str, now_ms: i64) -> Option<Pull> {
        let number: u64 = number.parse().ok().filter(|number| *number > FROM)?;
        let here = |pull: &Pull| pull.number == number && pull.issue.repo == repo.index;
        self.pulls(seed, now_ms).into_iter().find(here)
    }

    /// What is asked of a pull request as an issue.
    pub(super) fn on_pull(
        &mut self,
        repo: &Repo,
        pull: &Pull,
        rest: &[&str],
        request: &Request,
        asker: &Asker,
        now_ms: i64,
    ) -> Response {
        match (request.method.as_str(), rest) {
            ("GET", []) => tagged(request, &pull.shown(repo, now_ms), None),
            ("GET", ["comments"]) => {
                let said = self.said(repo, pull.number, now_ms).collect();
                list(repo, pull.number, said, request)
            }
            ("POST", ["comments"]) => self.post(repo, (pull.number, true), request, asker, now_ms),
            _ => not_found(),
        }
    }

    /// Another text for a pull request, by its author.
    pub(super) fn describe(
        &mut self,
        seed: u64,
        repo: &Repo,
        number: &str,
        request: &Request,
        asker: &Asker,
        now_ms: i64,
    ) -> Response {
        const ABOUT: &str = "pulls/pulls#update-a-pull-request";
        let Some(pull) = self.pull(seed, repo, number, now_ms) else { return not_found() };
        match asker {
            Asker::Account { login, writes: true, .. } if login.eq_ignore_ascii_case(&pull.login) => {}
            Asker::Account { .. } => {
                return error(403, "Resource not accessible by personal access token", ABOUT);
            }
            _ => return error(401, "Requires authentication", ABOUT),
        }
        let Ok(sent) = serde_json::from_slice::<Value>(&request.body) else {
            return error(400, "Problems parsing JSON", ABOUT);
        };
        let Some(text) = sent.get("body").and_then(Value::as_str).map(str::to_owned) else {
            return invalid("PullRequest", "body", "invalid", ABOUT);
        };
        if text.chars().count() > TEXT_CHARS_MAX {
            return invalid("PullRequest", "body", "custom", ABOUT);
        }
        // Whole seconds: that is all the API says.
        let at_ms = now_ms.div_euclid(1000) * 1000;
        self.edited.push(Edited { number: pull.number, text: text.clone(), at_ms });
        let pull = Pull { text, changed_ms: at_ms, ..pull };
        answer(200, &pull.shown(repo, now_ms))
    }

    /// What the bot adds to its comment on an issue: who claims it with what, and since when it says so. Where
    /// its app reads pull requests, it takes a claim from their text alone.
    pub(super) fn claims(&self, seed: u64, issue: &Issue, now_ms: i64) -> Option<(String, i64)> {
        if self.edited.is_empty() {
            return None;
        }
        let line = format!("/claim #{}", issue.number);
        let claims = |pull: &Pull| {
            pull.issue.number == issue.number && pull.text.lines().any(|said| said.trim() == line)
        };
        let pull = self.pulls(seed, now_ms).into_iter().find(claims)?;
        let row = format!("🟢 @{} | {} | #{}", pull.login, json::time(pull.opened_ms), pull.number);
        let head = "Attempt | Started (GMT+0) | Solution\n--------|----------------|----------";
        Some((format!("\n{head}\n{row}\n"), pull.changed_ms))
    }
}
