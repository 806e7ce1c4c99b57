//! The made boards as a client meets them.

use serde_json::{Value, json};

use super::super::Sandbox;
use super::super::message::{Request, Response};
use super::super::oracle::read_oracle;
use super::github::value;
use super::{LIMIT_BYTES, NOW_MS};

const DAY_MS: i64 = 86_400_000;
const SEARCH: &str =
    "https://hn.algolia.com/api/v1/search_by_date?tags=story,author_whoishiring&hitsPerPage=10";
const ACTIVE: &str = "https://www.freelancer.com/api/projects/0.1/projects/active/";
const BIDS: &str = "https://www.freelancer.com/api/projects/0.1/bids/";
const SELF: &str = "https://www.freelancer.com/api/users/0.1/self/";

fn at(sandbox: &Sandbox, url: &str, now_ms: i64) -> Response {
    sandbox.answer(Request::get(url), now_ms)
}

fn item(sandbox: &Sandbox, id: u64, now_ms: i64) -> Value {
    value(at(sandbox, &format!("https://hacker-news.firebaseio.com/v0/item/{id}.json"), now_ms))
}

fn with_token(sandbox: &Sandbox, method: &str, url: &str, token: &str, body: &Value) -> Response {
    let mut request = Request::get(url).with_header("freelancer-oauth-v1", token);
    method.clone_into(&mut request.method);
    if !body.is_null() {
        request.body = body.to_string().into_bytes();
    }
    sandbox.answer(request, NOW_MS)
}

fn text(response: Response) -> String {
    let bytes = response.body.read(LIMIT_BYTES).expect("a whole body");
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[test]
fn a_month_has_its_threads_and_their_postings_come_go_and_change() {
    let sandbox = Sandbox::new(1);
    let hits = value(at(&sandbox, SEARCH, NOW_MS));
    let titles: Vec<&str> =
        hits["hits"].as_array().unwrap().iter().filter_map(|hit| hit["title"].as_str()).collect();
    assert!(titles.contains(&"Ask HN: Who is hiring? (July 2026)"), "{titles:?}");
    assert!(titles.contains(&"Ask HN: Who wants to be hired? (July 2026)"), "{titles:?}");
    let hiring = hits["hits"]
        .as_array()
        .unwrap()
        .iter()
        .find(|hit| hit["title"] == "Ask HN: Who is hiring? (July 2026)");
    let root: u64 = hiring.unwrap()["objectID"].as_str().unwrap().parse().unwrap();
    let kids = |now_ms: i64| item(&sandbox, root, now_ms)["kids"].as_array().unwrap().len();
    assert!(kids(NOW_MS - 20 * DAY_MS) < kids(NOW_MS), "postings come");
    let of = |place: u64, now_ms: i64| item(&sandbox, root + place, now_ms);
    assert_eq!(of(3, NOW_MS)["deleted"], true);
    assert!(of(3, NOW_MS).get("text").is_none(), "what is deleted loses its fields");
    assert_eq!(of(4, NOW_MS)["dead"], true);
    assert!(of(5, NOW_MS)["text"].as_str().unwrap().contains("has been filled"), "an edited one");
    assert_eq!(of(5, NOW_MS)["parent"], root);
    let reply = of(1, NOW_MS)["kids"][0].as_u64().unwrap();
    assert_eq!(item(&sandbox, reply, NOW_MS)["parent"], root + 1, "talk below a posting");
    assert!(item(&sandbox, 7, NOW_MS).is_null() && of(1999, NOW_MS).is_null());
    let later = value(at(&sandbox, SEARCH, NOW_MS + 20 * DAY_MS));
    assert_eq!(later["hits"][0]["title"], "Ask HN: Who wants to be hired? (August 2026)", "months go by");
    // 1 August 2026 is a Saturday: the thread is of Monday.
    assert_eq!(later["hits"][0]["created_at"], "2026-08-03T15:00:00Z");
}

#[test]
fn feeds_and_remote_ok_change_and_a_second_look_costs_nothing() {
    let sandbox = Sandbox::new(1);
    for url in [
        "https://remoteok.com/api",
        "https://rss.boards.example/jobs.xml",
        "https://atom.boards.example/jobs.atom",
        "https://json.boards.example/feed.json",
    ] {
        let first = at(&sandbox, url, NOW_MS);
        let etag = first.header("etag").unwrap().to_owned();
        let body = text(first);
        let again = sandbox.answer(Request::get(url).with_header("if-none-match", &etag), NOW_MS);
        assert_eq!(again.status, 304, "{url}");
        assert_ne!(text(at(&sandbox, url, NOW_MS + DAY_MS)), body, "{url}");
        assert_ne!(text(at(&Sandbox::new(2), url, NOW_MS)), body, "{url}");
        assert_eq!(at(&sandbox, &format!("{url}/more"), NOW_MS).status, 404);
    }
    let jobs = value(at(&sandbox, "https://remoteok.com/api", NOW_MS));
    assert!(jobs[0]["legal"].as_str().unwrap().contains("link back") && jobs[0]["id"].is_null());
    let rss = text(at(&sandbox, "https://rss.boards.example/jobs.xml", NOW_MS));
    assert!(rss.contains("1970") && rss.contains("2099"));
    let robots =
        |host: &str| at(&sandbox, &format!("https://{host}.boards.example/robots.txt"), NOW_MS).status;
    assert_eq!((robots("rss"), robots("json"), robots("atom")), (200, 200, 404));
}

#[test]
fn a_bid_that_was_made_shows_up_and_outlives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("oracle.jsonl");
    let sandbox = Sandbox::new(1).with_oracle(&file).unwrap();
    let get = |sandbox: &Sandbox, url: &str| {
        value(with_token(sandbox, "GET", url, "sandbox-me.SECRET", &Value::Null))
    };
    let projects = get(&sandbox, &format!("{ACTIVE}?limit=100"))["result"]["projects"].clone();
    assert!(projects.as_array().unwrap().len() > 50);
    let project = projects[0]["id"].as_u64().unwrap();
    let me = get(&sandbox, SELF)["result"]["id"].as_u64().unwrap();
    let bid = json!({"project_id": project, "bidder_id": me, "amount": 99.5, "period": 7,
        "milestone_percentage": 100, "description": "I can."});
    let post = |sandbox: &Sandbox, bid: &Value| with_token(sandbox, "POST", BIDS, "sandbox-me.SECRET", bid);
    assert_eq!(post(&sandbox, &bid).status, 200);
    assert_eq!(post(&sandbox, &bid).status, 409, "a second one is refused");
    let look = format!("{BIDS}?projects%5B%5D={project}&bidders%5B%5D={me}");
    let there = get(&sandbox, &look)["result"]["bids"].clone();
    assert_eq!((there[0]["amount"].as_f64(), there.as_array().unwrap().len()), (Some(99.5), 1));
    let again = Sandbox::new(1).with_oracle(&file).unwrap();
    assert_eq!(get(&again, &look)["result"]["bids"], there);
    assert_eq!(again.freelancer_bids().len(), 1);
    let log = std::fs::read_to_string(&file).unwrap();
    assert!(!log.contains("SECRET"), "no token is written down");
    assert!(read_oracle(&file).unwrap().iter().any(|received| received.account.as_deref() == Some("me")));
}

#[test]
fn freelancer_says_no_in_its_envelope() {
    let sandbox = Sandbox::new(1);
    let said = |method: &str, url: &str, token: &str, body: &Value| {
        let response = with_token(&sandbox, method, url, token, body);
        let status = response.status;
        let body = value(response);
        assert!(body["status"] == "error" && body["message"].is_string(), "{url}: {body}");
        status
    };
    for token in ["", "real-token", "sandbox-", "sandbox-me.expired", "sandbox-me.revoked"] {
        assert_eq!(said("GET", SELF, token, &Value::Null), 401, "{token}");
    }
    let none = Value::Null;
    assert_eq!(said("GET", &format!("{ACTIVE}?limit=101"), "sandbox-me", &none), 400);
    assert_eq!(said("GET", &format!("{ACTIVE}?offset=x"), "sandbox-me", &none), 400);
    assert_eq!(said("GET", "https://www.freelancer.com/api/else", "sandbox-me", &none), 404);
    let bid = |project: u64, bidder: u64| json!({"project_id": project, "bidder_id": bidder, "amount": 1, "period": 1, "description": "x"});
    let me = value(with_token(&sandbox, "GET", SELF, "sandbox-me", &none))["result"]["id"].as_u64().unwrap();
    assert_eq!(said("POST", BIDS, "sandbox-me", &bid(1, me)), 404);
    assert_eq!(said("POST", BIDS, "sandbox-me", &bid(1, me + 1)), 403);
    assert_eq!(said("POST", BIDS, "sandbox-me", &json!({})), 400);
    assert!(sandbox.freelancer_bids().is_empty());
}
