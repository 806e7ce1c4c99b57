//! A small GitHub made of canned answers.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not be")]
#![allow(dead_code, reason = "each test file uses its own part")]

use std::time::Duration;

use mm_sdk::testing::Bench;
use mm_sdk::{Act, Answer, Digest, Draft, Drafts, Fault, Moment, Report, Strategy};
use mm_strategies::micro_tasks::MicroTasks;
use serde_json::{Value, json};

pub const API: &str = "https://api.github.com";
/// Where the owner's pull requests are looked for.
const PULLS: &str = "/search/issues?q=repo%3Aacme%2Fwidget%20type%3Apr%20state%3Aopen%20author%3Aowner-me\
    &sort=created&order=desc&per_page=100";
const START: &str = "2026-07-22T12:00:00Z";

/// Who says something: bots are known by their name.
fn user(login: &str) -> Value {
    json!({"login": login, "id": 1, "type": if login.ends_with("[bot]") { "Bot" } else { "User" }})
}

pub struct Issue {
    pub json: Value,
    pub comments: Vec<Value>,
    number: u64,
}

impl Issue {
    pub fn new(number: u64) -> Self {
        let url = format!("{API}/repos/acme/widget/issues/{number}");
        let json = json!({
            "id": 1000 + number, "number": number, "title": "Fix it", "body": "Please fix it.", "state": "open",
            "locked": false, "assignee": null, "assignees": [], "user": user("maintainer"),
            "labels": [{"id": 1, "name": "💎 Bounty", "color": "aaaaaa"}], "comments": 1,
            "created_at": "2026-07-21T12:00:00Z", "updated_at": "2026-07-21T12:00:00Z", "closed_at": null,
            "url": url, "repository_url": format!("{API}/repos/acme/widget"),
            "html_url": format!("https://github.com/acme/widget/issues/{number}"), "something_new": {"a": [1]},
        });
        Self { json, comments: Vec::new(), number }
    }

    pub fn titled(self, title: &str) -> Self {
        self.with(|issue| issue["title"] = json!(title))
    }

    pub fn with(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.json);
        self
    }

    pub fn by_bot(self, amount: &str) -> Self {
        let n = self.number;
        let body = format!(
            "## 💎 {amount} bounty [• Acme](https://algora.io/acme)\n### Steps to solve:\n1. **Start working**: \
             Comment `/attempt #{n}` with your implementation plan\n"
        );
        self.said("algora-pbc[bot]", &body)
    }

    pub fn said(mut self, login: &str, body: &str) -> Self {
        let id = 100 * self.number + self.comments.len() as u64;
        self.comments.push(json!({
            "id": id, "user": user(login), "body": body, "author_association": "NONE",
            "created_at": "2026-07-21T13:00:00Z", "updated_at": "2026-07-21T13:00:00Z",
        }));
        self
    }
}

pub struct World {
    pub bench: Bench,
    config: Value,
    issues: Vec<Value>,
    now: Moment,
    urls: Vec<(String, Value)>,
    files: Vec<String>,
}

impl World {
    pub fn new() -> Self {
        Self::of(json!({"account": "main", "queries": ["label:\"💎 Bounty\" state:open type:issue"]}))
    }

    pub fn keyless() -> Self {
        Self::of(json!({"queries": ["label:\"💎 Bounty\" state:open type:issue"]}))
    }

    pub fn of(config: Value) -> Self {
        let now = START.parse().unwrap();
        let mut world = Self {
            bench: Bench::at(START),
            config,
            issues: Vec::new(),
            now,
            urls: Vec::new(),
            files: Vec::new(),
        };
        world.answer("/user", user("owner-me"));
        world.repository("acme/widget", 120, "2020-01-01T00:00:00Z");
        world.answer("/repos/acme/widget/contents/", json!([]));
        world.pulls(&[]);
        world.file("CONTRIBUTING.md", "# Contributing\n\nRun the tests before you open a pull request.\n");
        world
    }

    pub fn answer(&mut self, path: &str, body: Value) {
        self.bench.answer(&format!("{API}{path}"), 200, body.to_string());
        self.urls.retain(|(other, _)| other != path);
        self.urls.push((path.to_owned(), body));
    }

    pub fn repository(&mut self, name: &str, stars: u64, created: &str) {
        let owner = name.split('/').next().unwrap();
        let body = json!({"id": 1, "full_name": name, "owner": {"login": owner, "type": "Organization"},
            "private": false, "fork": false, "archived": false, "disabled": false, "stargazers_count": stars,
            "created_at": created});
        self.answer(&format!("/repos/{name}"), body);
    }

    pub fn put(&mut self, issue: Issue) {
        let path = format!("/repos/acme/widget/issues/{}", issue.number);
        self.issues.retain(|other| other["id"] != issue.json["id"]);
        self.issues.push(issue.json.clone());
        self.answer(&path, issue.json);
        self.answer(&format!("{path}/comments?per_page=100"), json!(issue.comments));
        let (total, items) = (self.issues.len(), self.issues.clone());
        let body = json!({"total_count": total, "incomplete_results": false, "items": items});
        let query = "label%3A%22%F0%9F%92%8E%20Bounty%22%20state%3Aopen%20type%3Aissue";
        self.answer(&format!("/search/issues?q={query}&sort=created&order=desc&per_page=100"), body);
    }

    /// The open pull requests of the repository: number, author, text.
    pub fn pulls(&mut self, pulls: &[(u64, &str, &str)]) {
        let shown = |(number, author, body): &(u64, &str, &str)| {
            let mut pull = Issue::new(*number).json;
            (pull["user"], pull["body"]) = (user(author), json!(body));
            pull["pull_request"] = json!({"url": format!("{API}/repos/acme/widget/pulls/{number}")});
            pull
        };
        let rows: Vec<Value> = pulls.iter().map(shown).collect();
        for row in &rows {
            self.answer(&format!("/repos/acme/widget/issues/{}", row["number"]), row.clone());
        }
        let body = json!({"total_count": rows.len(), "incomplete_results": false, "items": rows});
        self.answer(PULLS, body);
    }

    /// What is said to whoever looks for his pull requests.
    pub fn pulls_are(&mut self, act: Act) {
        self.bench.act_is(&format!("{API}{PULLS}"), act);
    }

    pub fn file(&mut self, path: &str, text: &str) {
        if !self.files.iter().any(|other| other == path) {
            self.files.push(path.to_owned());
        }
        let listing: Vec<Value> = self
            .files
            .iter()
            .map(|name| json!({"name": name, "path": name, "type": "file", "sha": "1"}))
            .collect();
        self.answer("/repos/acme/widget/contents/", json!(listing));
        let file =
            json!({"type": "file", "encoding": "base64", "content": base64(text.as_bytes()), "name": path});
        self.answer(&format!("/repos/acme/widget/contents/{path}"), file);
    }

    pub fn rename(&mut self, name: &str, number: u64) {
        let mut issue = self.issues[0].clone();
        issue["repository_url"] = json!(format!("{API}/repos/{name}"));
        issue["url"] = json!(format!("{API}/repos/{name}/issues/{number}"));
        let old = format!("/repos/acme/widget/issues/{number}");
        let comments = self
            .urls
            .iter()
            .find(|(url, _)| *url == format!("{old}/comments?per_page=100"))
            .unwrap()
            .1
            .clone();
        self.answer(&old, issue.clone());
        self.answer(&format!("/repos/{name}/issues/{number}"), issue);
        self.answer(&format!("/repos/{name}/issues/{number}/comments?per_page=100"), comments);
        self.answer(&format!("/repos/{name}/contents/"), json!([]));
        self.repository(name, 120, "2020-01-01T00:00:00Z");
    }

    pub fn tag_all(&mut self) {
        for (path, body) in self.urls.clone() {
            if !path.starts_with("/search") {
                self.act(&path, 200, &body.to_string());
            }
        }
    }

    pub fn not_modified_from_now_on(&mut self) {
        for (path, _) in self.urls.clone() {
            if !path.starts_with("/search") {
                self.act(&path, 304, "");
            }
        }
    }

    fn act(&mut self, path: &str, status: u16, body: &str) {
        let headers = vec![("etag".to_owned(), "\"tag\"".to_owned())];
        let answer = Answer { status, headers, body: body.into(), at: self.now };
        self.bench.act_is(&format!("{API}{path}"), Act::Done(answer));
    }

    pub fn set_aside(&mut self, number: u64) {
        let path = format!("/repos/acme/widget/issues/{number}");
        let body = self.urls.iter().find(|(url, _)| *url == path).unwrap().1.to_string();
        self.bench.set_aside(&format!("issue-{}", 1000 + number), Digest::of(body.as_bytes()));
    }

    pub fn later(&mut self, hours: u64) {
        self.now = self.now.plus(Duration::from_secs(3600 * hours));
        self.bench.set_now(self.now);
    }

    pub async fn run(&mut self) -> (Report, Drafts) {
        self.try_run().await.unwrap()
    }

    pub async fn try_run(&mut self) -> Result<(Report, Drafts), Fault> {
        self.later(1);
        let mut strategy = MicroTasks::default();
        strategy.initialise(&self.config).unwrap();
        self.bench.run(&mut strategy).await
    }
}

pub fn details(draft: &Draft) -> Value {
    draft.details.value()
}

pub fn title_of(draft: &Draft) -> &str {
    &draft.title
}

pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().enumerate().fold(0_u32, |bits, (n, byte)| bits | u32::from(*byte) << (16 - 8 * n));
        for n in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * n) & 63) as usize];
            out.push(if n > chunk.len() { '=' } else { char::from(letter) });
        }
        if out.len() % 61 == 60 {
            out.push('\n');
        }
    }
    out
}
