//! The connector for Hacker News: real items, and what the API never sent.

mod connectors;

use connectors::{answer, at, data, failed, with_header};
use mm_sdk::{ErrorClass, Validators};
use mm_strategies::hackernews::{self, Item, Topic, kind};
use mm_strategies::reading::{Reading, no_words, understood};
use serde_json::{Value, json};

fn item(id: u64, body: impl Into<Vec<u8>>) -> Reading<Item> {
    understood("item", &answer(200, body), no_words, |answer| hackernews::read_item(id, answer))
}

fn fresh(reading: Reading<Item>) -> Item {
    match reading {
        Reading::Fresh(fresh) => fresh.value,
        other => panic!("{other:?}"),
    }
}

#[test]
fn real_items_are_what_they_are() {
    let Some(folder) = data("hackernews") else { return };
    let read = |file: &str, id: u64| fresh(item(id, std::fs::read(folder.join(file)).unwrap()));
    let Item::Story(kids) = read("whoishiring-49522897-root.json", 49_522_897) else { panic!("a thread") };
    assert_eq!(kids.len(), 6);
    assert!(matches!(read("item-8863.json", 8863), Item::Story(_)));
    assert!(matches!(read("item-192327.json", 192_327), Item::Other(_)), "a job is no posting");
    assert_eq!(read("whoishiring-49524098-deleted.json", 49_524_098), Item::Gone);
    let Item::Comment(post) = read("whoishiring-49573833-post.json", 49_573_833) else { panic!("a posting") };
    assert_eq!(post.parent, 49_522_897);
    assert_eq!(post.at, at("2026-09-05T06:55:49Z"));
    let first = post.text.lines().next().unwrap();
    assert!(first.starts_with("Supero | Cloud / Platform Engineer | REMOTE (SF Bay Area"), "{first}");
    assert!(first.ends_with("https://www.supero.dev/careers/cloud-platform-engineer/"), "{first}");
    assert!(post.text.contains("AWS and/or GCP"));
    let Item::Comment(reply) = read("whoishiring-49532514-nested-reply.json", 49_532_514) else {
        panic!("a reply")
    };
    assert_ne!(reply.parent, 49_522_897, "talk below a posting has another parent");
}

#[test]
fn a_missing_item_is_null_and_a_dead_one_is_not_deleted() {
    assert_eq!(fresh(item(7, "null")), Item::Missing);
    assert_eq!(fresh(item(7, json!({"id": 7, "type": "comment", "dead": true}).to_string())), Item::Dead);
    let both = json!({"id": 7, "type": "comment", "dead": true, "deleted": true});
    assert_eq!(fresh(item(7, both.to_string())), Item::Gone);
    let Item::Other(kind) = fresh(item(7, json!({"id": 7, "type": "hologram\u{1b}[2J"}).to_string())) else {
        panic!("an unknown type is said to be one")
    };
    assert_eq!(kind.line(40), "hologram\u{fffd}[2J");
    assert!(matches!(fresh(item(7, json!({"id": 7}).to_string())), Item::Other(_)));
}

#[test]
fn what_is_no_item_is_refused_in_one_sentence() {
    let bad: [Value; 6] = [
        json!([]),
        json!({"id": "7", "type": "comment"}),
        json!({"id": 8, "type": "comment"}),
        json!({"id": 7, "type": "comment", "by": "a", "time": 1, "text": "x"}),
        json!({"id": 7, "type": "comment", "by": "a", "parent": 1, "time": "now", "text": "x"}),
        json!({"id": 7, "type": "comment", "by": "a", "parent": 1, "time": i64::MAX, "text": "x"}),
    ];
    for body in bad {
        let (class, _) = failed(item(7, body.to_string()));
        assert_eq!(class, ErrorClass::Transient, "{body}");
    }
    failed(item(7, "{\"id\": 7, \"type\": \"comm"));
    failed(item(7, "<html>"));
}

fn search(body: impl Into<Vec<u8>>) -> Reading<(Vec<hackernews::Thread>, Vec<mm_sdk::json::Unreadable>)> {
    understood("search", &answer(200, body), no_words, hackernews::read_threads)
}

fn hit(id: &str, author: &str, title: &str) -> Value {
    json!({"objectID": id, "author": author, "title": title, "created_at_i": 1_788_274_877, "_tags": ["story"]})
}

#[test]
fn the_documented_search_goes_through() {
    let Some(folder) = data("documented-shapes") else { return };
    let Reading::Fresh(found) = search(std::fs::read(folder.join("hn-algolia-search.json")).unwrap()) else {
        panic!("it is a search's answer")
    };
    let (threads, bad) = found.value;
    assert_eq!(bad, []);
    assert_eq!((threads[0].id, threads[0].topic), (99_000_001, Topic::Hiring));
    assert_eq!(threads[0].at, at("2026-09-01T15:01:17Z"));
}

#[test]
fn threads_are_chosen_by_author_and_title() {
    let hits = json!({"hits": [
        hit("1", "whoishiring", "Ask HN: Who is hiring? (October 2026)"),
        hit("2", "whoishiring", "Ask HN: Who wants to be hired? (October 2026)"),
        hit("3", "whoishiring", "Ask HN: Freelancer? Seeking freelancer? (October 2026)"),
        hit("4", "whoishiring2", "Ask HN: Who is hiring? (October 2026)"),
        hit("5", "whoishiring", "Tell HN: Who is hiring? moves"),
        hit("x", "whoishiring", "Ask HN: Who is hiring? (October 2026)"),
        {"objectID": 6, "author": "whoishiring"},
    ], "nbHits": 7, "page": 0, "nbPages": 1});
    let Reading::Fresh(found) = search(hits.to_string()) else { panic!("it is a search's answer") };
    let (threads, bad) = found.value;
    let chosen: Vec<_> = threads.iter().map(|thread| (thread.id, thread.topic)).collect();
    assert_eq!(chosen, [(1, Topic::Hiring), (3, Topic::Freelancer)]);
    assert_eq!(bad.len(), 2, "{bad:?}");
    for none in ["{}", "[]", "null", "{\"hits\": {}}", "{\"hits\": [{}]}"] {
        failed(search(none));
    }
}

#[test]
fn each_documented_error_has_its_class() {
    for (status, body, class) in [
        (401, "{\"error\":\"Permission denied\"}", ErrorClass::Auth),
        (429, "{\"message\":\"Too many requests\",\"status\":429}", ErrorClass::RateLimit),
        (404, "", ErrorClass::Fatal),
        (502, "<html>", ErrorClass::Transient),
    ] {
        let said =
            understood("item", &answer(status, body), no_words, |answer| hackernews::read_item(7, answer));
        assert_eq!(failed(said).0, class, "{status}");
    }
    let later = with_header(answer(304, ""), "etag", "\"a\"");
    assert_eq!(
        understood("item", &later, no_words, |answer| hackernews::read_item(7, answer)),
        Reading::Unchanged
    );
}

#[test]
fn reads_go_where_the_rules_let_them() {
    let known = Validators { etag: Some("\"a\"".to_owned()), last_modified: None };
    let read = hackernews::item(7, &known);
    assert_eq!(read.request.url().as_str(), "https://hacker-news.firebaseio.com/v0/item/7.json");
    assert_eq!(read.request.headers(), [("if-none-match".to_owned(), "\"a\"".to_owned())]);
    assert_eq!((read.kind.as_str(), read.account), (kind::READ, None));
    let search = hackernews::threads(&Validators::default());
    assert_eq!(search.kind.as_str(), kind::SEARCH);
    assert!(search.request.url().as_str().contains("tags=story,author_whoishiring"));
}
