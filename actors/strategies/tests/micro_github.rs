//! The connector: real recordings, GitHub's own examples, and what GitHub never sent.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not be")]

mod connectors;
mod micro;

use connectors::{data, json_file};
use micro::API;
use mm_sdk::{AccountId, Action, Answer, LogicalUrl, Method, Moment, Request, Validators};
use mm_strategies::github::answer::{list, one, understood};
use mm_strategies::github::shape::{Comment, Entry, Issue, Repository, file_text, found, viewer};
use mm_strategies::github::{GitHub, IssuePlace, Missing, RepositoryName, Seen};
use mm_strategies::micro_tasks::board::{Said, is_algora};
use proptest::prelude::*;
use serde_json::{Value, json};

fn github() -> GitHub {
    GitHub::new(Some("main".parse().unwrap()))
}

fn place(name: &str, number: u64) -> IssuePlace {
    IssuePlace { repository: RepositoryName::parse(name).unwrap(), number }
}

fn read_of(url: &str) -> Action {
    let action = github().viewer(&Validators::default());
    Action { request: Request::get(LogicalUrl::parse(url).unwrap()), ..action }
}

fn answer(status: u16, headers: Vec<(String, String)>, body: impl Into<Vec<u8>>) -> Answer {
    Answer { status, headers, body: body.into(), at: Moment::default() }
}

/// An exchange of the recordings: raw ones list headers flat, normalised ones have a map.
fn recorded(exchange: &Value) -> (String, Answer) {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let headers = match (&exchange["rawHeaders"], &exchange["headers"]) {
        (Value::Array(flat), _) => {
            flat.chunks(2).map(|pair| (text(&pair[0]).to_lowercase(), text(&pair[1]))).collect()
        }
        (_, Value::Object(map)) => {
            map.iter().map(|(name, value)| (name.to_lowercase(), text(value))).collect()
        }
        other => panic!("no headers: {other:?}"),
    };
    let url = format!("{API}{}", exchange["path"].as_str().unwrap());
    let status = u16::try_from(exchange["status"].as_u64().unwrap()).unwrap();
    let body = match &exchange["response"] {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    (url, answer(status, headers, body))
}

fn exchanges(scenario: &str, form: &str) -> Option<Vec<(String, String, Answer)>> {
    let folder = data("octokit-fixtures")?;
    let list = json_file(&folder.join(scenario).join(format!("{form}-fixture.json")));
    let of = |exchange: &Value| {
        let (url, answer) = recorded(exchange);
        (exchange["method"].as_str().unwrap().to_owned(), url, answer)
    };
    Some(list.as_array().unwrap().iter().map(of).collect())
}

#[test]
fn recorded_pages_are_followed_to_the_last_by_their_links_alone() {
    for form in ["raw", "normalized"] {
        let Some(exchanges) = exchanges("paginate-issues", form) else { return };
        let gets: Vec<_> = exchanges.into_iter().filter(|(method, ..)| method == "get").collect();
        let mut next = Some(read_of(&gets[0].1));
        let mut numbers = Vec::new();
        let mut pages = 0;
        while let Some(action) = next {
            let url = action.request.url().as_str();
            let (_, _, answer) =
                gets.iter().find(|(_, other, _)| other == url).expect("the page was recorded");
            let Seen::Fresh(fresh) = understood(&action, answer, list::<Issue>("an issue")) else {
                panic!("{url}")
            };
            assert!(fresh.validators.etag.is_some());
            let (issues, bad) = fresh.value;
            assert_eq!(bad, [], "{form}");
            numbers.extend(issues.iter().map(|issue| issue.place.number));
            pages += 1;
            next = fresh.next;
        }
        assert_eq!((pages, numbers.len()), (5, 13), "{form}");
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 13, "each once");
    }
}

#[test]
fn a_recorded_search_is_read_and_has_no_validators() {
    for form in ["raw", "normalized"] {
        let Some(exchanges) = exchanges("search-issues", form) else { return };
        let (_, url, answer) = exchanges.iter().find(|(_, url, _)| url.contains("/search/")).unwrap();
        let Seen::Fresh(fresh) = understood(&read_of(url), answer, found) else { panic!("{form}") };
        assert_eq!(fresh.validators, Validators::default(), "searches carry none, so none are kept");
        assert!(!fresh.value.incomplete && fresh.value.skipped.is_empty() && fresh.next.is_none());
        let titles: Vec<String> = fresh.value.issues.iter().map(|issue| issue.title.line(80)).collect();
        assert_eq!(titles.len(), 2);
        assert!(titles.iter().any(|title| title.starts_with("Sesame seeds")), "{titles:?}");
        assert!(
            fresh
                .value
                .issues
                .iter()
                .all(|issue| issue.open && issue.assignees == 0 && !issue.author.is_bot())
        );
    }
}

/// Every other recording: an issue is read, an error is a sentence, nothing ends the reading.
#[test]
fn every_recording_is_read_or_refused_in_a_sentence() {
    let (mut issues, mut errors) = (0, 0);
    for scenario in [
        "add-labels-to-issue",
        "errors",
        "get-root",
        "labels",
        "lock-issue",
        "mark-notifications-as-read",
        "paginate-issues",
        "search-issues",
    ] {
        for form in ["raw", "normalized"] {
            let Some(exchanges) = exchanges(scenario, form) else { return };
            for (method, url, answer) in exchanges {
                let asked = read_of(&url);
                if method == "post" && url.ends_with("/issues") {
                    let made = Answer { status: 200, ..answer };
                    assert!(
                        matches!(understood(&asked, &made, one::<Issue>("an issue")), Seen::Fresh(_)),
                        "{url}"
                    );
                    issues += 1;
                } else if answer.status >= 400 {
                    let Seen::Failed(failed) = understood(&asked, &answer, one::<Issue>("an issue")) else {
                        panic!()
                    };
                    assert!(
                        failed.why.ends_with("answered with status 422: Validation Failed"),
                        "{}",
                        failed.why
                    );
                    errors += 1;
                } else if url.ends_with("/labels") && method == "get" {
                    // A list of something else is a failure, and no empty list.
                    let seen = understood(&asked, &answer, list::<Issue>("an issue"));
                    assert!(matches!(seen, Seen::Failed(_)), "{url}: {seen:?}");
                }
            }
        }
    }
    assert_eq!((issues, errors), (18, 2));
}

#[test]
fn githubs_own_examples_are_read() {
    let Some(folder) = data("github-openapi") else { return };
    let rows = json_file(&folder.join("examples.json"));
    let subset = json_file(&folder.join("openapi-subset.json"));
    let mut read = 0;
    for row in rows.as_array().unwrap() {
        let body = match row["body"].get("$ref").and_then(Value::as_str) {
            Some(place) => {
                subset.pointer(&format!("{}/value", place.trim_start_matches('#'))).unwrap().clone()
            }
            None => row["body"].clone(),
        };
        let status = row["status"].as_str().unwrap().parse().unwrap();
        let answer = answer(status, Vec::new(), body.to_string());
        let (asked, name) = (read_of(API), row["example"].as_str().unwrap_or_default().to_owned());
        let is = |seen: bool| assert!(seen, "{}: {name}", row["operationId"]);
        if status == 304 {
            is(understood(&asked, &answer, |_| Ok(())) == Seen::Unchanged);
            continue;
        }
        match (row["operationId"].as_str().unwrap(), status) {
            // Its items are left out: rows of which none can be read are a failure, and no empty search.
            ("search/issues-and-pull-requests", 200) if name == "lexical-fallback" => {
                is(matches!(understood(&asked, &answer, found), Seen::Failed(_)));
            }
            ("search/issues-and-pull-requests", 200) => {
                let Seen::Fresh(fresh) = understood(&asked, &answer, found) else { panic!("{name}") };
                is(!fresh.value.issues.is_empty() && fresh.value.skipped.is_empty());
            }
            ("issues/get", 200) => {
                is(matches!(understood(&asked, &answer, one::<Issue>("an issue")), Seen::Fresh(_)))
            }
            ("issues/list-for-repo", 200) => {
                let Seen::Fresh(fresh) = understood(&asked, &answer, list::<Issue>("an issue")) else {
                    panic!()
                };
                is(fresh.value.1.is_empty() && !fresh.value.0.is_empty());
            }
            ("issues/list-comments", 200) => {
                is(matches!(understood(&asked, &answer, list::<Comment>("a comment")), Seen::Fresh(_)));
            }
            ("issues/create-comment", 201) => {
                let made = Answer { status: 200, ..answer };
                is(matches!(understood(&asked, &made, one::<Comment>("a comment")), Seen::Fresh(_)));
            }
            ("repos/get", 200) => {
                is(matches!(understood(&asked, &answer, one::<Repository>("a repository")), Seen::Fresh(_)));
            }
            ("users/get-authenticated", 200) => {
                let Seen::Fresh(fresh) = understood(&asked, &answer, viewer) else { panic!() };
                is(fresh.value.is("octocat"));
            }
            ("repos/get-content", 200) => {
                let file = understood(&asked, &answer, file_text);
                let folder = understood(&asked, &answer, list::<Entry>("an entry"));
                is(name.contains("directory") || matches!(file, Seen::Fresh(_)));
                is(name != "response-if-content-is-a-directory" || matches!(folder, Seen::Fresh(_)));
            }
            _ => continue,
        }
        read += 1;
    }
    assert_eq!(read, 16);
}

#[test]
fn both_texts_of_the_board_are_read() {
    let Some(folder) = data("documented-shapes") else { return };
    let rows = json_file(&folder.join("algora-comments.json"));
    let mut said = Said::default();
    for (n, mut row) in rows.as_array().unwrap().clone().into_iter().enumerate() {
        row["id"] = json!(n + 1);
        row["created_at"] = json!("2026-07-21T12:00:00Z");
        row["updated_at"] = json!("2026-07-21T12:00:00Z");
        let comment: Comment = serde_json::from_value(row).unwrap();
        assert!(is_algora(&comment.author));
        said.take(&comment);
    }
    // The same sponsor twice, by both of the bot's names: one bounty.
    let [bounty] = said.bounties.as_slice() else { panic!("{said:?}") };
    assert_eq!((bounty.amount.to_string().as_str(), bounty.comment), ("500 USD", 2));
    assert_eq!(said.unread, Vec::<String>::new());
}

#[test]
fn requests_are_what_github_documents() {
    let github = github();
    let known = Validators { etag: Some("\"1\"".into()), last_modified: Some("bad\nvalue".into()) };
    let issue = github.issue(&place("octo/cat", 7), &known);
    let headers: Vec<_> =
        issue.request.headers().iter().map(|(name, value)| format!("{name}: {value}")).collect();
    assert_eq!(
        headers,
        ["accept: application/vnd.github+json", "if-none-match: \"1\"", "x-github-api-version: 2022-11-28"]
    );
    assert_eq!(issue.account, Some("main".parse::<AccountId>().unwrap()));
    assert!(GitHub::new(None).issue(&place("octo/cat", 7), &known).account.is_none());
    let search = github.search("label:\"💎 Bounty\" state:open type:issue").unwrap();
    assert_eq!(
        search.request.url().path_and_query(),
        "/search/issues?q=label%3A%22%F0%9F%92%8E%20Bounty%22%20state%3Aopen%20type%3Aissue&sort=created&order=desc&per_page=100"
    );
    assert_eq!(search.kind.as_str(), "search");
    let comment = github.comment(&place("octo/cat", 7), "a \"b\"\n[[fill in: x]]", "say so");
    assert_eq!(comment.request.method(), Method::Post);
    assert_eq!(comment.request.body(), br#"{"body":"a \"b\"\n[[fill in: x]]"}"#);
    for bad in ["../x", "a/../b", "a b", "%2e", "a?b", "a#b", "/a"] {
        assert!(github.file(&place("octo/cat", 7).repository, bad).is_none(), "{bad}");
    }
    for good in ["CONTRIBUTING.md", ".github/AI_POLICY.md"] {
        let action = github.file(&place("octo/cat", 7).repository, good).unwrap();
        assert_eq!(action.request.url().path(), format!("/repos/octo/cat/contents/{good}"));
    }
}

#[test]
fn a_next_page_on_another_host_is_not_followed() {
    let headers = |url: &str| vec![("link".to_owned(), format!("<{url}>; rel=\"next\""))];
    let asked = github().comments(&place("octo/cat", 7), &Validators::default());
    let away = answer(200, headers("https://evil.example/repositories/1?page=2"), "[]");
    let Seen::Failed(failed) = understood(&asked, &away, list::<Comment>("a comment")) else { panic!() };
    assert!(failed.why.contains("another host"), "{}", failed.why);
    let here = answer(200, headers(&format!("{API}/repositories/1/issues/7/comments?page=2")), "[]");
    let Seen::Fresh(fresh) = understood(&asked, &here, list::<Comment>("a comment")) else { panic!() };
    let next = fresh.next.unwrap();
    assert_eq!((next.kind, next.account), (asked.kind.clone(), asked.account.clone()));
    assert!(next.request.headers().iter().any(|(name, _)| name == "x-github-api-version"));
}

#[test]
fn not_there_deleted_refused_and_unreadable_are_told_apart() {
    let asked = github().issue(&place("octo/cat", 7), &Validators::default());
    let see =
        |status, body: &str| understood(&asked, &answer(status, vec![], body), one::<Issue>("an issue"));
    assert_eq!(see(404, "{}"), Seen::Missing(Missing::NotFound));
    assert_eq!(see(410, "{}"), Seen::Missing(Missing::Gone));
    assert_eq!(see(304, ""), Seen::Unchanged);
    for (status, for_all) in [(403, false), (429, true), (401, true), (500, false), (422, false)] {
        let Seen::Failed(failed) = see(status, "{\"message\": \"no\\u001b[0m\"}") else { panic!() };
        assert_eq!(failed.for_all, for_all, "{status}");
        assert!(failed.why.contains(&status.to_string()) && !failed.why.contains('\x1b'), "{}", failed.why);
    }
    // A 403 that is a limit, that is no word of GitHub's own, or that is about no repository stands in every read's way.
    let wait = vec![("retry-after".to_owned(), "60".to_owned())];
    let (search, no) = (github().search("a").unwrap(), "{\"message\": \"no\"}");
    for (asked, headers, body) in [(&asked, wait, no), (&asked, vec![], "<html>"), (&search, vec![], no)] {
        let seen = understood(asked, &answer(403, headers, body), one::<Issue>("an issue"));
        assert!(matches!(&seen, Seen::Failed(failed) if failed.for_all), "{seen:?}");
    }
    let whole = micro::Issue::new(7).json;
    assert!(matches!(see(200, &whole.to_string()), Seen::Fresh(_)));
    for field in ["id", "number", "title", "state", "created_at", "updated_at"] {
        for wrong in [None, Some(json!({"a": 1})), Some(json!(null))] {
            let mut issue = whole.clone();
            match wrong {
                Some(wrong) => issue[field] = wrong,
                None => _ = issue.as_object_mut().unwrap().remove(field),
            }
            let Seen::Failed(failed) = see(200, &issue.to_string()) else { panic!("{field} decides") };
            assert!(failed.why.contains("this is not an issue"), "{}", failed.why);
        }
    }
    for field in ["body", "assignees", "assignee", "user", "comments", "closed_at", "labels", "locked"] {
        let mut issue = whole.clone();
        issue.as_object_mut().unwrap().remove(field);
        assert!(matches!(see(200, &issue.to_string()), Seen::Fresh(_)), "{field} may be missing");
    }
}

proptest! {
    /// Whatever comes, it is read or it is one sentence, and a next page is on GitHub.
    #[test]
    fn any_answer_is_read_or_refused(status in 100_u16..600, body in "(\\PC|[\\[\\]{}\":,0-9]){0,200}", link in "\\PC{0,80}") {
        let asked = github().issue(&place("octo/cat", 7), &Validators::default());
        let answer = answer(status, vec![("link".to_owned(), link)], body);
        for seen in [
            understood(&asked, &answer, list::<Issue>("an issue")).map_fresh(),
            understood(&asked, &answer, found).map_fresh(),
            understood(&asked, &answer, file_text).map_fresh(),
        ] {
            match seen {
                Ok(Some(next)) => prop_assert_eq!(next.request.url().host(), "api.github.com"),
                Ok(None) => {}
                Err(why) => prop_assert!(!why.is_empty() && !why.chars().any(char::is_control), "{why:?}"),
            }
        }
    }
}

/// The next page of what was read, or why nothing was.
trait MapFresh {
    fn map_fresh(self) -> Result<Option<Action>, String>;
}

impl<T> MapFresh for Seen<T> {
    fn map_fresh(self) -> Result<Option<Action>, String> {
        match self {
            Seen::Fresh(fresh) => Ok(fresh.next),
            Seen::Failed(failed) => Err(failed.why),
            Seen::Unchanged | Seen::Missing(_) => Ok(None),
        }
    }
}
