//! The made GitHub as a client meets it.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::faults::Fault;
use super::super::github::{Issue, Kind, Limits, Policy, Repo};
use super::super::message::{Request, Response};
use super::super::oracle::read_oracle;
use super::super::world::World;
use super::super::{Sandbox, conditional};
use super::{LIMIT_BYTES, NOW_MS};

const DAY_MS: i64 = 86_400_000;
const SEARCH: &str = "https://api.github.com/search/issues?q=label%3A%22%F0%9F%92%8E%20Bounty%22";

pub(super) fn request(method: &str, url: &str) -> Request {
    let mut request = Request::get(url)
        .with_header("user-agent", "a test")
        .with_header("authorization", "Bearer sandbox-octo.1");
    method.clone_into(&mut request.method);
    request
}

pub(super) fn at(sandbox: &Sandbox, url: &str, now_ms: i64) -> Response {
    sandbox.answer(request("GET", url), now_ms)
}

pub(super) fn value(answer: Response) -> Value {
    let bytes = answer.body.read(LIMIT_BYTES).expect("a whole body");
    serde_json::from_slice(&bytes).expect("JSON")
}

pub(super) fn issue_url(repo: &Repo, issue: &Issue) -> String {
    format!("https://api.github.com/repos/{}/issues/{}", repo.full_name, issue.number)
}

fn comments_url(repo: &Repo, issue: &Issue) -> String {
    format!("{}/comments", issue_url(repo, issue))
}

pub(super) fn say(sandbox: &Sandbox, url: &str, text: &str, now_ms: i64) -> Response {
    let body = json!({ "body": text }).to_string().into_bytes();
    sandbox.answer(Request { body, ..request("POST", url) }, now_ms)
}

/// A bounty of this kind that can be worked on, at the time of the tests.
pub(super) fn one(sandbox: &Sandbox, kind: Kind) -> (Repo, Issue) {
    let mut all = sandbox.github_bounties(NOW_MS).into_iter();
    let fits = |(_, issue): &(Repo, Issue)| issue.kind == kind && issue.is_open(NOW_MS - DAY_MS);
    all.find(|one| fits(one) && one.1.opened_ms < NOW_MS - DAY_MS).expect("one of each kind")
}

fn next(answer: &Response) -> Option<String> {
    let link = answer.header("link")?;
    let part = link.split(", ").find(|part| part.ends_with("rel=\"next\""))?;
    Some(part.trim_start_matches('<').split('>').next().unwrap_or_default().to_owned())
}

/// Every row of a paged list, and how many pages it took.
fn all_pages(sandbox: &Sandbox, url: &str) -> (Vec<Value>, usize) {
    let (mut rows, mut pages, mut at_url) = (Vec::new(), 0, Some(url.to_owned()));
    while let Some(url) = at_url.take() {
        let answer = at(sandbox, &url, NOW_MS);
        at_url = next(&answer);
        pages += 1;
        rows.extend(value(answer).as_array().expect("a list").iter().cloned());
    }
    (rows, pages)
}

#[test]
fn the_search_shows_bounties_of_every_kind_and_a_sixth_are_traps() {
    let sandbox = Sandbox::new(1);
    let found = value(at(&sandbox, &format!("{SEARCH}%20state%3Aopen&per_page=100"), NOW_MS));
    let total = found["total_count"].as_u64().expect("a number");
    assert!(total > 50, "{total}");
    assert!(found["items"].as_array().expect("a list").iter().all(|item| item["state"] == "open"));
    let mut kinds = BTreeSet::new();
    let (mut traps, mut all) = (0, 0);
    for seed in 0..8 {
        for (repo, issue) in Sandbox::new(seed).github_bounties(NOW_MS) {
            kinds.insert(issue.kind);
            all += 1;
            traps += usize::from(issue.kind == Kind::Trap);
            assert!(repo.full_name.contains('/'));
        }
    }
    assert_eq!(kinds.len(), 11, "{kinds:?}");
    assert!((all / 8..=all / 5).contains(&traps), "{traps} of {all}");
    let policies: BTreeSet<Policy> =
        sandbox.github_bounties(NOW_MS).into_iter().map(|(repo, _)| repo.policy).collect();
    assert_eq!(policies.len(), 5);
}

#[test]
fn the_index_is_behind_so_that_a_closed_issue_is_still_found_as_open() {
    let sandbox = Sandbox::new(1);
    let (repo, issue) = one(&sandbox, Kind::Plain);
    let late = issue.closed_ms + 3_600_000;
    let url = format!("{SEARCH}%20state%3Aopen%20repo%3A{}&per_page=100", repo.full_name.replace('/', "%2F"));
    let found = value(at(&sandbox, &url, late));
    let numbers: Vec<u64> =
        found["items"].as_array().expect("a list").iter().filter_map(|i| i["number"].as_u64()).collect();
    assert!(numbers.contains(&issue.number));
    let direct = value(at(&sandbox, &issue_url(&repo, &issue), late));
    assert_eq!(direct["state"], "closed");
    assert!(direct["labels"].as_array().expect("a list").iter().any(|label| label["name"] == "💎 Bounty"));
}

#[test]
fn a_comment_is_made_shown_and_remembered_and_no_token_is_written_down() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("oracle.jsonl");
    let sandbox = Sandbox::new(1).with_oracle(&file).expect("a new file");
    let (repo, issue) = one(&sandbox, Kind::Plain);
    let url = comments_url(&repo, &issue);
    let made = say(&sandbox, &url, "/attempt it", NOW_MS);
    assert_eq!(made.status, 201);
    let location = made.header("location").expect("a place").to_owned();
    let made = value(made);
    assert_eq!(
        (made["url"].as_str(), made["user"]["login"].as_str()),
        (Some(location.as_str()), Some("octo"))
    );
    assert_eq!(made["created_at"], "2026-07-22T11:35:33Z");
    let listed = value(at(&sandbox, &format!("{url}?per_page=100"), NOW_MS + 1));
    assert_eq!(listed.as_array().and_then(|all| all.last()), Some(&made));

    let again = Sandbox::new(1).with_oracle(&file).expect("its own file");
    assert_eq!(again.github_posted(), sandbox.github_posted());
    assert_eq!(value(at(&again, &format!("{url}?per_page=100"), NOW_MS + 1)), listed);
    let since = value(at(&again, &format!("{url}?since=2026-07-22T11:35:33Z"), NOW_MS + 1));
    assert_eq!(since, json!([made]));
    let text = std::fs::read_to_string(&file).expect("readable");
    assert!(!text.contains("sandbox-octo.1"));
    assert_eq!(read_oracle(&file).expect("whole")[0].account.as_deref(), Some("octo"));
}

#[test]
fn a_comment_whose_answer_is_lost_was_made_and_one_refused_was_not() {
    let sandbox = Sandbox::new(1);
    let (repo, issue) = one(&sandbox, Kind::Plain);
    let url = comments_url(&repo, &issue);
    for (fault, made) in [
        (Fault::AnswerLost, 1),
        (Fault::Status(500), 1),
        (Fault::BadCredentials, 1),
        (Fault::SecondaryLimit { status: 403, retry_after: None }, 1),
        (Fault::Reset { after_bytes: 0 }, 2),
    ] {
        sandbox.set_fault_times("/comments", fault.clone(), 1);
        say(&sandbox, &url, "/attempt it", NOW_MS);
        assert_eq!(sandbox.github_posted().len(), made, "{fault:?}");
    }
}

#[test]
fn a_crowded_issue_has_pages_and_their_links_name_the_repository_by_its_number() {
    let sandbox = Sandbox::new(1);
    let (repo, issue) = one(&sandbox, Kind::Crowded);
    let url = comments_url(&repo, &issue);
    let first = at(&sandbox, &format!("{url}?per_page=20"), NOW_MS);
    let base = format!("https://api.github.com/repositories/{}/issues/{}/comments", repo.id(), issue.number);
    let link =
        format!("<{base}?per_page=20&page=2>; rel=\"next\", <{base}?per_page=20&page=3>; rel=\"last\"");
    assert_eq!(first.header("link"), Some(link.as_str()));
    let last = at(&sandbox, &format!("{base}?per_page=20&page=3"), NOW_MS);
    let link =
        format!("<{base}?per_page=20&page=2>; rel=\"prev\", <{base}?per_page=20&page=1>; rel=\"first\"");
    assert_eq!(last.header("link"), Some(link.as_str()));
    let (rows, pages) = all_pages(&sandbox, &format!("{url}?per_page=20"));
    assert_eq!((pages, rows.len()), (3, 46));
    let ids: BTreeSet<u64> = rows.iter().filter_map(|row| row["id"].as_u64()).collect();
    assert_eq!(ids.len(), 46);
}

#[test]
fn what_the_bot_says_changes_in_place_and_there_may_be_two_of_it() {
    let sandbox = Sandbox::new(1);
    let (repo, issue) = one(&sandbox, Kind::Several);
    let said = all_pages(&sandbox, &comments_url(&repo, &issue)).0;
    let bots =
        said.iter().filter(|one| one["user"]["login"] == "algora-pbc[bot]" && one["user"]["type"] == "Bot");
    assert_eq!(bots.count(), 2);
    let (repo, issue) = one(&sandbox, Kind::Edited);
    let of_bot = |now_ms| {
        let all = value(at(&sandbox, &comments_url(&repo, &issue), now_ms));
        all.as_array().and_then(|all| all.first()).cloned().expect("the bot's")
    };
    let (before, after) = (of_bot(issue.opened_ms + DAY_MS), of_bot(issue.opened_ms + 4 * DAY_MS));
    assert_eq!(before["id"], after["id"]);
    assert_ne!(before["updated_at"], after["updated_at"]);
    assert!(
        before["body"]
            .as_str()
            .is_some_and(|body| body.starts_with(&format!("## 💎 {} bounty", issue.amount)))
    );
}

#[test]
fn a_renamed_repository_is_found_at_its_number() {
    let sandbox = Sandbox::new(1);
    let (new, issue) = loop_for_renamed(&sandbox);
    let old = new.full_name.trim_end_matches("-next").to_owned();
    let url = format!("https://api.github.com/repos/{old}/issues/{}", issue.number);
    let moved = at(&sandbox, &url, NOW_MS);
    let to = format!("https://api.github.com/repositories/{}/issues/{}", new.id(), issue.number);
    assert_eq!((moved.status, moved.header("location")), (301, Some(to.as_str())));
    assert_eq!(value(at(&sandbox, &to, NOW_MS))["number"], issue.number);
    let moved = say(&sandbox, &format!("{url}/comments"), "here?", NOW_MS);
    assert_eq!((moved.status, moved.header("location")), (307, Some(format!("{to}/comments").as_str())));
    assert!(sandbox.github_posted().is_empty());
    assert_eq!(say(&sandbox, &format!("{to}/comments"), "here!", NOW_MS).status, 201);
}

fn loop_for_renamed(sandbox: &Sandbox) -> (Repo, Issue) {
    let mut all = sandbox.github_bounties(NOW_MS).into_iter();
    all.find(|(repo, issue)| repo.full_name.ends_with("-next") && issue.kind == Kind::Plain).expect("one")
}

#[test]
fn what_is_known_costs_nothing_and_a_search_has_no_tag() {
    let sandbox = Sandbox::new(1);
    let (repo, issue) = one(&sandbox, Kind::Plain);
    for url in
        [issue_url(&repo, &issue), comments_url(&repo, &issue), "https://api.github.com/user".to_owned()]
    {
        let first = at(&sandbox, &url, NOW_MS);
        let tag = first.header("etag").expect("a tag").to_owned();
        let again = sandbox.answer(request("GET", &url).with_header("if-none-match", &tag), NOW_MS);
        assert_eq!(again.status, 304);
        assert_eq!(again.header("x-ratelimit-remaining"), first.header("x-ratelimit-remaining"), "{url}");
    }
    let search = at(&sandbox, SEARCH, NOW_MS);
    assert_eq!((search.header("etag"), search.header("x-ratelimit-resource")), (None, Some("search")));
    assert_eq!(search.header("x-ratelimit-limit"), Some("30"));
    let limits = value(at(&sandbox, "https://api.github.com/rate_limit", NOW_MS));
    assert_eq!(limits["resources"]["core"]["used"], 3);
    assert_eq!(limits["resources"]["search"]["used"], 1);
}

#[test]
fn the_three_kinds_of_limit_hold_and_end() {
    let sandbox = Sandbox::new(1);
    sandbox.set_github_limits(Limits { core: 4, search: 2, content_minute: 2, ..Limits::default() });
    let (repo, issue) = one(&sandbox, Kind::Plain);
    let url = comments_url(&repo, &issue);
    let read = |now_ms| at(&sandbox, SEARCH, now_ms);
    assert_eq!((read(NOW_MS).status, read(NOW_MS).status), (200, 200));
    let over = read(NOW_MS + 1000);
    let reset = ((NOW_MS / 1000) + 60).to_string();
    assert_eq!((over.status, over.header("x-ratelimit-reset")), (403, Some(reset.as_str())));
    assert_eq!(over.header("x-ratelimit-remaining"), Some("0"));
    assert_eq!(read(NOW_MS + 60_000).status, 200);
    // Content first, with word of how long; what was refused made nothing.
    let posted: Vec<u16> = (0..3).map(|_| say(&sandbox, &url, "hello", NOW_MS).status).collect();
    assert_eq!(posted, [201, 201, 403]);
    let refused = say(&sandbox, &url, "hello", NOW_MS + 20_000);
    assert_eq!(refused.header("retry-after"), Some("40"));
    assert!(
        value(refused)["documentation_url"].as_str().is_some_and(|url| url.contains("secondary-rate-limits"))
    );
    assert_eq!(sandbox.github_posted().len(), 2);
    // Then the hour: those that met the other limit counted on it as well.
    let spent = at(&sandbox, &url, NOW_MS + 30_000);
    assert_eq!((spent.status, spent.header("retry-after")), (403, None));
    assert_eq!(at(&sandbox, &url, NOW_MS + 3_600_000).status, 200);
}

#[test]
fn faults_speak_as_github_does() {
    let sandbox = Sandbox::new(1);
    let wait = Some(Duration::from_secs(60));
    for (fault, status, header) in [
        (Fault::PrimaryLimit { status: 429, reset_s: 7 }, 429, ("x-ratelimit-reset", Some("7"))),
        (Fault::SecondaryLimit { status: 429, retry_after: wait }, 429, ("retry-after", Some("60"))),
        (Fault::SecondaryLimit { status: 403, retry_after: None }, 403, ("retry-after", None)),
        (Fault::BadCredentials, 401, ("retry-after", None)),
    ] {
        sandbox.set_fault("api.github.com", fault);
        let answer = at(&sandbox, "https://api.github.com/user", NOW_MS);
        assert_eq!((answer.status, answer.header(header.0)), (status, header.1));
        assert!(value(answer)["message"].is_string());
    }
}

#[test]
fn whoever_may_not_is_told_why() {
    let sandbox = Sandbox::new(1);
    let (repo, issue) = one(&sandbox, Kind::Plain);
    let (locked_repo, locked) = one(&sandbox, Kind::Locked);
    let url = comments_url(&repo, &issue);
    let body = || json!({ "body": "hello" }).to_string().into_bytes();
    let ask = |token: Option<&str>, method: &str, url: &str, body: Vec<u8>| {
        let mut request = Request { method: method.to_owned(), body, ..Request::get(url) };
        request.headers.push(("user-agent".to_owned(), "a test".to_owned()));
        request.headers.extend(token.map(|token| ("authorization".to_owned(), format!("Bearer {token}"))));
        let answer = sandbox.answer(request, NOW_MS);
        (answer.status, value(answer)["message"].as_str().unwrap_or_default().to_owned())
    };
    let user = "https://api.github.com/user";
    let good = Some("sandbox-octo");
    for (asked, status, message) in [
        (ask(Some("ghp_realtoken"), "GET", user, vec![]), 401, "Bad credentials"),
        (ask(Some("sandbox-octo.expired"), "GET", user, vec![]), 401, "Bad credentials"),
        (ask(None, "GET", user, vec![]), 401, "Requires authentication"),
        (ask(None, "POST", &url, body()), 401, "Requires authentication"),
        (
            ask(Some("sandbox-octo.readonly"), "POST", &url, body()),
            403,
            "Resource not accessible by personal access token",
        ),
        (ask(good, "POST", &url, b"{".to_vec()), 400, "Problems parsing JSON"),
        (ask(good, "POST", &url, b"{}".to_vec()), 422, "Validation Failed"),
        (ask(good, "POST", &url, br#"{"body":" "}"#.to_vec()), 422, "Validation Failed"),
        (
            ask(good, "POST", &comments_url(&locked_repo, &locked), body()),
            403,
            "Unable to create comment because issue is locked.",
        ),
        (ask(good, "GET", "https://api.github.com/repos/no/where/issues/1", vec![]), 404, "Not Found"),
        (ask(good, "GET", &format!("{SEARCH}%20author%3Agone-octo"), vec![]), 422, "Validation Failed"),
    ] {
        assert_eq!(asked, (status, message.to_owned()));
    }
    assert!(sandbox.github_posted().is_empty());
    let nameless = sandbox.answer(Request::get(user), NOW_MS);
    assert_eq!(nameless.status, 403);
}

#[test]
fn a_deleted_issue_is_gone_and_no_comment_brings_it_back() {
    let sandbox = Sandbox::new(1);
    let (repo, issue) = one(&sandbox, Kind::Deleted);
    let before = issue.opened_ms + DAY_MS;
    assert_eq!(at(&sandbox, &issue_url(&repo, &issue), before).status, 200);
    let after = issue.opened_ms + 5 * DAY_MS;
    assert_eq!(at(&sandbox, &issue_url(&repo, &issue), after).status, 410);
    assert_eq!(say(&sandbox, &comments_url(&repo, &issue), "hello", after).status, 410);
}

#[test]
fn it_is_the_same_for_the_same_seed_and_goes_on_for_ever() {
    for now_ms in [NOW_MS, NOW_MS + 900 * DAY_MS] {
        let look = |seed| value(at(&Sandbox::of_world(World::small(seed)), SEARCH, now_ms));
        assert_eq!(look(3), look(3));
        assert_ne!(look(3), look(4));
        assert!(look(3)["total_count"].as_u64().is_some_and(|total| total > 20));
    }
    assert_eq!(conditional::http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
}
