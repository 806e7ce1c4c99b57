//! Every document at hand goes through the connector that it is for; one that none is for is listed with the
//! reason, so that a new one is noticed.
//!
//! The documents are not part of the project: without `../shared/data` this says so aloud.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not be")]

mod connectors;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use connectors::{answer, data, json_file};
use expect_test::expect;
use mm_sdk::{Action, LogicalUrl, Request, Validators};
use mm_strategies::github::answer::{list, one, understood};
use mm_strategies::github::shape::{Comment, Issue, Repository, User, found};
use mm_strategies::github::{GitHub, Seen};
use mm_strategies::micro_tasks::board::{Said, is_algora};
use mm_strategies::reading::{self, Reading};
use mm_strategies::{freelancer, hackernews};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const API: &str = "https://api.github.com";

/// The JSON files below a folder, sorted.
fn documents(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(documents(&path));
        } else if path.extension().is_some_and(|kind| kind == "json") {
            all.push(path);
        }
    }
    all.sort();
    all
}

fn asked(url: &str) -> Action {
    let action = GitHub::new(Some("main".parse().unwrap())).viewer(&Validators::default());
    Action { request: Request::get(LogicalUrl::parse(url).unwrap()), ..action }
}

/// One line for each row, and how many of it there were.
fn table(rows: impl IntoIterator<Item = String>) -> String {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows {
        *count.entry(row).or_default() += 1;
    }
    count.into_iter().map(|(row, n)| format!("{row} ({n})\n")).collect()
}

/// What an exchange is read as, or why it is not.
fn exchange(method: &str, path: &str, status: u16, body: &Value) -> String {
    let (asked, url) = (asked(&format!("{API}{path}")), path.split('?').next().unwrap_or_default());
    let parts: Vec<&str> = url.trim_start_matches('/').split('/').collect();
    // A change that was made is answered as a read of what it made.
    let said = answer(if status == 201 { 200 } else { status }, body.to_string());
    let fresh = |seen: bool| assert!(seen, "{method} {path}: {body}");
    if status >= 400 {
        let Seen::Failed(failed) = understood(&asked, &said, one::<Issue>("an issue")) else {
            panic!("{path}")
        };
        assert!(failed.why.contains(&status.to_string()) && !failed.why.contains('\n'), "{}", failed.why);
        return "an error: its sentence".to_owned();
    }
    match (method, parts.as_slice()) {
        ("get", ["search", "issues"]) => {
            let Seen::Fresh(page) = understood(&asked, &said, found) else { panic!("{path}") };
            assert_eq!(page.value.skipped, [], "{path}");
            "a page of a search".to_owned()
        }
        ("get", ["repos", _, _, "issues"] | ["repositories", _, "issues"]) => {
            let Seen::Fresh(page) = understood(&asked, &said, list::<Issue>("an issue")) else {
                panic!("{path}")
            };
            assert_eq!(page.value.1, [], "{path}");
            "a page of issues".to_owned()
        }
        ("post", ["repos", _, _, "issues"]) => {
            fresh(matches!(understood(&asked, &said, one::<Issue>("an issue")), Seen::Fresh(_)));
            "an issue".to_owned()
        }
        ("post", ["orgs", _, "repos"]) => {
            fresh(matches!(understood(&asked, &said, one::<Repository>("a repository")), Seen::Fresh(_)));
            "a repository".to_owned()
        }
        (_, [.., "labels"] | [.., "labels", _]) if status < 204 => {
            "none: labels are read with their issue alone".to_owned()
        }
        ("get", [""]) => "none: a list of addresses, and none is taken from an answer".to_owned(),
        _ if matches!(status, 204 | 205) => "none: it has no body".to_owned(),
        _ => panic!("no connector is named for {method} {path} with status {status}"),
    }
}

#[test]
fn every_recording_of_github_is_read_or_listed() {
    let Some(folder) = data("octokit-fixtures") else { return };
    let mut rows = Vec::new();
    for file in documents(&folder) {
        for recorded in json_file(&file).as_array().unwrap() {
            let status = u16::try_from(recorded["status"].as_u64().unwrap()).unwrap();
            let (method, path) = (recorded["method"].as_str().unwrap(), recorded["path"].as_str().unwrap());
            rows.push(exchange(method, path, status, &recorded["response"]));
        }
    }
    expect![[r#"
        a page of a search (2)
        a page of issues (10)
        a repository (6)
        an error: its sentence (2)
        an issue (18)
        none: a list of addresses, and none is taken from an answer (2)
        none: it has no body (14)
        none: labels are read with their issue alone (10)
    "#]]
    .assert_eq(&table(rows));
}

fn is<T: DeserializeOwned>(part: &Value, what: &'static str) -> String {
    let seen = understood(&asked(API), &answer(200, part.to_string()), one::<T>(what));
    assert!(matches!(seen, Seen::Fresh(_)), "this is not {what}: {part}");
    what.to_owned()
}

/// What a part of a payload is read as, or why it is not.
fn part(event: &str, name: &str, value: &Value) -> String {
    match name {
        // Pinned and unpinned leave out whether it is open. That decides, so nothing is believed of it.
        "issue" if value.get("state").is_none() => {
            let seen = understood(&asked(API), &answer(200, value.to_string()), one::<Issue>("an issue"));
            let Seen::Failed(failed) = seen else { panic!("{event}: an issue without a state is believed") };
            assert!(failed.why.contains("`state`"), "{}", failed.why);
            "none: refused in a sentence, for it does not say whether it is open".to_owned()
        }
        "issue" => is::<Issue>(value, "an issue"),
        "comment" => is::<Comment>(value, "a comment"),
        "repository" => is::<Repository>(value, "a repository"),
        "sender" | "assignee" => is::<User>(value, "a user"),
        // The same as of GraphQL: `github_graphql.rs` reads it whole.
        "sponsorship" => {
            is::<User>(&value["sponsor"], "a user");
            is::<User>(&value["sponsorable"], "a user");
            "a sponsorship".to_owned()
        }
        "label" | "milestone" => "none: read with its issue, or not at all".to_owned(),
        "action" | "changes" | "effective_date" => {
            "none: webhooks are not received; states are compared".to_owned()
        }
        "organization" | "installation" => "none: whose app or house it is decides nothing".to_owned(),
        "hook" | "hook_id" | "zen" => "none: webhooks are not received".to_owned(),
        _ => panic!("no connector is named for `{name}` of {event}"),
    }
}

#[test]
fn every_payload_of_a_webhook_is_read_or_listed() {
    let Some(folder) = data("octokit-webhooks") else { return };
    let mut rows = Vec::new();
    for file in documents(&folder) {
        let event = file.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        for (name, value) in json_file(&file).as_object().unwrap() {
            rows.push(format!("{event}.{name}: {}", part(&event, name, value)));
        }
    }
    expect![[r#"
        issue_comment.action: none: webhooks are not received; states are compared (8)
        issue_comment.changes: none: webhooks are not received; states are compared (2)
        issue_comment.comment: a comment (8)
        issue_comment.installation: none: whose app or house it is decides nothing (1)
        issue_comment.issue: an issue (8)
        issue_comment.organization: none: whose app or house it is decides nothing (5)
        issue_comment.repository: a repository (8)
        issue_comment.sender: a user (8)
        issues.action: none: webhooks are not received; states are compared (28)
        issues.assignee: a user (5)
        issues.changes: none: webhooks are not received; states are compared (4)
        issues.installation: none: whose app or house it is decides nothing (5)
        issues.issue: an issue (26)
        issues.issue: none: refused in a sentence, for it does not say whether it is open (2)
        issues.label: none: read with its issue, or not at all (4)
        issues.milestone: none: read with its issue, or not at all (4)
        issues.organization: none: whose app or house it is decides nothing (10)
        issues.repository: a repository (28)
        issues.sender: a user (28)
        label.action: none: webhooks are not received; states are compared (5)
        label.changes: none: webhooks are not received; states are compared (1)
        label.installation: none: whose app or house it is decides nothing (1)
        label.label: none: read with its issue, or not at all (5)
        label.repository: a repository (5)
        label.sender: a user (5)
        ping.hook: none: webhooks are not received (3)
        ping.hook_id: none: webhooks are not received (3)
        ping.organization: none: whose app or house it is decides nothing (1)
        ping.repository: a repository (2)
        ping.sender: a user (3)
        ping.zen: none: webhooks are not received (3)
        sponsorship.action: none: webhooks are not received; states are compared (2)
        sponsorship.changes: none: webhooks are not received; states are compared (1)
        sponsorship.effective_date: none: webhooks are not received; states are compared (1)
        sponsorship.sender: a user (2)
        sponsorship.sponsorship: a sponsorship (2)
    "#]]
    .assert_eq(&table(rows));
}

/// Documents of platforms whose own tests read them: how their names begin, and those tests, which name each.
const ELSEWHERE: &[(&str, &str)] = &[
    ("awin-", include_str!("networks.rs")),
    ("cj-", include_str!("networks.rs")),
    ("hackerone-", include_str!("hackerone.rs")),
    ("impact-", include_str!("networks.rs")),
];

#[test]
fn every_documented_shape_goes_through_its_connector() {
    let Some(folder) = data("documented-shapes") else { return };
    for file in documents(&folder) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let body = std::fs::read(&file).unwrap();
        match name.as_str() {
            "algora-comments.json" => algora(&json_file(&file)),
            "freelancer-projects-active.json" => {
                let read = reading::understood(
                    "projects",
                    &answer(200, body),
                    freelancer::shape::said,
                    freelancer::shape::projects,
                );
                let Reading::Fresh(fresh) = read else { panic!("{name}") };
                assert_eq!((fresh.value.0.len(), fresh.value.1), (1, Vec::new()), "{name}");
            }
            "freelancer-error.json" => {
                let read = reading::understood(
                    "projects",
                    &answer(404, body),
                    freelancer::shape::said,
                    freelancer::shape::projects,
                );
                assert!(matches!(read, Reading::Failed(_)), "{name}");
            }
            "hn-algolia-search.json" => {
                let read = reading::understood(
                    "a search",
                    &answer(200, body),
                    reading::no_words,
                    hackernews::read_threads,
                );
                let Reading::Fresh(fresh) = read else { panic!("{name}") };
                assert_eq!((fresh.value.0.len(), fresh.value.1), (1, Vec::new()), "{name}");
            }
            _ => {
                let is_named = |(begins, tests): &(&str, &str)| {
                    name.starts_with(begins) && tests.contains(name.trim_end_matches(".json"))
                };
                assert!(ELSEWHERE.iter().any(is_named), "no connector is named for {name}");
            }
        }
    }
}

/// Both texts of the board's bot.
fn algora(rows: &Value) {
    for (n, row) in rows.as_array().unwrap().iter().enumerate() {
        let mut row = row.clone();
        (row["id"], row["created_at"]) = (json!(n + 1), json!("2026-07-21T12:00:00Z"));
        row["updated_at"] = row["created_at"].clone();
        let comment: Comment = serde_json::from_value(row).unwrap();
        let mut said = Said::default();
        said.take(&comment);
        assert!(is_algora(&comment.author) && said.bounties.len() == 1 && said.unread.is_empty(), "{said:?}");
        assert_eq!(said.by_app, comment.author.is("algora-pbc[bot]"));
    }
}
