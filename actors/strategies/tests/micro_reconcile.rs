//! A comment whose answer was lost is found again, and "it did not happen" is said late and surely.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not be")]

mod micro;

use std::time::Duration;

use micro::API;
use mm_sdk::{Action, Answer, Finding, Moment, Reconciler, Sent, Validators};
use mm_strategies::github::reconcile::Comments;
use mm_strategies::github::{GitHub, IssuePlace, RepositoryName};
use proptest::prelude::*;
use serde_json::{Value, json};

const TEXT: &str = "/attempt #7\n\nMy plan: fix it.\n";

fn at(second: i64) -> Moment {
    Moment::from_unix_ms(1_784_000_000_000 + second * 1000)
}

fn sent() -> Sent {
    let github = GitHub::new(Some("main".parse().unwrap()));
    let place = IssuePlace { repository: RepositoryName::parse("acme/widget").unwrap(), number: 7 };
    Sent { action: github.comment(&place, TEXT, "say so"), at: at(0) }
}

fn answer(status: u16, link: Option<&str>, body: &Value) -> Answer {
    let headers = link.map(|url| ("link".to_owned(), format!("<{url}>; rel=\"next\""))).into_iter().collect();
    Answer { status, headers, body: body.to_string().into(), at: at(0) }
}

fn comment(id: u64, login: &str, body: &str, second: i64) -> Value {
    json!({"id": id, "user": {"login": login, "type": "User"}, "body": body,
        "created_at": at(second).to_string(), "updated_at": at(second).to_string()})
}

/// The look-up up to the first page of comments.
fn second_read(sent: &Sent, now: Moment) -> Action {
    let first = Comments.look(sent).unwrap();
    assert_eq!(first.request.url().as_str(), "https://api.github.com/user");
    let viewer = answer(200, None, &json!({"login": "Me", "type": "User"}));
    match Comments.find(sent, &first, &viewer, now) {
        Finding::More(action) => *action,
        other => panic!("{other:?}"),
    }
}

fn find(comments: &Value, now: Moment) -> Finding {
    let sent = sent();
    Comments.find(&sent, &second_read(&sent, now), &answer(200, None, comments), now)
}

#[test]
fn the_reads_are_look_ups_of_the_same_account_since_a_day_before() {
    let sent = sent();
    let read = second_read(&sent, at(200));
    let since = at(-24 * 3600);
    assert_eq!(
        read.request.url().as_str(),
        format!("{API}/repos/acme/widget/issues/7/comments?since={since}&per_page=100")
    );
    for action in [Comments.look(&sent).unwrap(), read] {
        assert_eq!((action.kind.as_str(), action.account), ("look-up", sent.action.account.clone()));
        assert!(!action.request.method().is_mutating());
    }
}

#[test]
fn the_same_text_of_the_same_author_is_the_comment() {
    for (body, login) in
        [(TEXT, "me"), (TEXT.trim_end(), "ME"), ("/attempt #7\r\n\r\nMy plan: fix it.", "me")]
    {
        let found = find(&json!([comment(5, login, body, 1)]), at(1));
        assert!(matches!(&found, Finding::Happened(place) if place.starts_with("comment 5 ")), "{found:?}");
    }
}

#[test]
fn others_comments_and_older_ones_are_not_it_and_a_no_comes_late() {
    let others = json!([
        comment(4, "me", "/attempt #7\n\nAnother.", -301),
        comment(5, "you", TEXT, 1),
        comment(6, "me", "hello", 2)
    ]);
    assert!(matches!(find(&others, at(60)), Finding::Unknown(_)), "it may still come");
    assert!(matches!(find(&others, at(120)), Finding::Unknown(_)));
    assert_eq!(find(&others, at(121)), Finding::DidNot);
    // A look that began too early is no proof, however late it ends.
    let sent = sent();
    let early = second_read(&sent, at(100));
    let end = Comments.find(&sent, &early, &answer(200, None, &others), at(500));
    assert!(matches!(end, Finding::Unknown(_)), "{end:?}");
    assert!(Comments.quiet() >= Duration::from_secs(120));
}

#[test]
fn what_is_not_sure_is_a_persons() {
    let alike = find(&json!([comment(5, "me", "/attempt #7\n\nMy plan, edited.", 1)]), at(500));
    assert!(matches!(alike, Finding::Unknown(_)), "{alike:?}");
    let unreadable = find(&json!([comment(5, "you", "x", 1), {"id": "x"}]), at(500));
    assert!(matches!(unreadable, Finding::Unknown(_)), "{unreadable:?}");
    // Its time is before ours: the clock here may have been ahead when it was sent.
    let older = find(&json!([comment(5, "me", TEXT, -600)]), at(500));
    assert!(matches!(older, Finding::Unknown(_)), "{older:?}");
    let sent = sent();
    let read = second_read(&sent, at(500));
    for status in [304, 401, 403, 404, 410, 429, 500] {
        let end = Comments.find(&sent, &read, &answer(status, None, &json!({"message": "no"})), at(500));
        assert!(matches!(end, Finding::Unknown(_)), "{status}: {end:?}");
        let first = Comments.look(&sent).unwrap();
        let end = Comments.find(&sent, &first, &answer(status, None, &json!({"message": "no"})), at(500));
        assert!(matches!(end, Finding::Unknown(_)), "{status}: {end:?}");
    }
    let away = answer(200, Some("https://evil.example/?page=2"), &json!([]));
    assert!(matches!(Comments.find(&sent, &read, &away, at(500)), Finding::Unknown(_)));
    // What is no comment, or nobody's, is not looked up.
    let mut keyless = sent.clone();
    keyless.action.account = None;
    assert_eq!(Comments.look(&keyless), None);
    let read =
        Sent { action: GitHub::new(Some("main".parse().unwrap())).viewer(&Validators::default()), at: at(0) };
    assert_eq!(Comments.look(&read), None);
}

const PULL_TEXT: &str = "Fixes #7.\n\nTested by hand.\n\n/claim #7\n";

fn pull_sent() -> Sent {
    let github = GitHub::new(Some("main".parse().unwrap()));
    let place = IssuePlace { repository: RepositoryName::parse("acme/widget").unwrap(), number: 31 };
    Sent { action: github.describe_pull(&place, PULL_TEXT, "claim it"), at: at(0) }
}

/// What a look at the pull request with this text shows, so many seconds after it was written.
fn pull_found(text: &Value, now: Moment) -> Finding {
    let sent = pull_sent();
    let mut pull = micro::Issue::new(31).json;
    (pull["body"], pull["pull_request"]) = (text.clone(), json!({"url": "x"}));
    let first = Comments.look(&sent).unwrap();
    match Comments.find(&sent, &first, &answer(200, None, &pull), now) {
        // A "no" is believed of a read that began late.
        Finding::More(again) => {
            assert_eq!(again.request, first.request);
            Comments.find(&sent, &again, &answer(200, None, &pull), now)
        }
        end => end,
    }
}

#[test]
fn the_text_of_a_pull_request_is_there_or_is_the_old_one_or_is_a_persons() {
    let read = Comments.look(&pull_sent()).unwrap();
    assert_eq!(read.request.url().as_str(), format!("{API}/repos/acme/widget/issues/31"));
    assert_eq!((read.kind.as_str(), read.request.method().is_mutating()), ("look-up", false));
    for there in [json!(PULL_TEXT), json!(PULL_TEXT.replace('\n', "\r\n")), json!(PULL_TEXT.trim_end())] {
        for second in [1, 500] {
            assert!(matches!(pull_found(&there, at(second)), Finding::Happened(_)), "{there}");
        }
    }
    let old = json!("Fixes #7.\r\n\r\nTested by hand.");
    assert!(matches!(pull_found(&old, at(120)), Finding::Unknown(_)), "it may still come");
    assert_eq!(pull_found(&old, at(121)), Finding::DidNot);
    for other in ["", "Fixes #7.", "Fixes #7.\n\nTested.\n\n/claim #7\n"] {
        let found = pull_found(&json!(other), at(500));
        assert!(matches!(found, Finding::Unknown(_)), "{other}: {found:?}");
    }
    let sent = pull_sent();
    for status in [304, 401, 403, 404, 410, 429, 500] {
        let end = Comments.find(&sent, &read, &answer(status, None, &json!({"message": "no"})), at(500));
        assert!(matches!(end, Finding::Unknown(_)), "{status}: {end:?}");
    }
    let mut keyless = sent.clone();
    keyless.action.account = None;
    assert_eq!(Comments.look(&keyless), None);
}

/// A pull request that said nothing before says the claim alone.
#[test]
fn an_empty_text_is_told_from_the_claim() {
    let github = GitHub::new(Some("main".parse().unwrap()));
    let place = IssuePlace { repository: RepositoryName::parse("acme/widget").unwrap(), number: 31 };
    let sent = Sent { action: github.describe_pull(&place, "/claim #7\n", "claim it"), at: at(0) };
    let read = Comments.look(&sent).unwrap();
    for (text, happened) in [(json!("/claim #7"), true), (json!(""), false), (Value::Null, false)] {
        let mut pull = micro::Issue::new(31).json;
        pull["body"] = text;
        let found = Comments.find(&sent, &read, &answer(200, None, &pull), at(500));
        assert_eq!(matches!(found, Finding::Happened(_)), happened, "{found:?}");
        assert_eq!(matches!(found, Finding::More(_)), !happened, "{found:?}");
    }
}

proptest! {
    /// Against an oracle that knows what is there: on whatever page it stands, it is found; if it is on
    /// none, the answer is no. Never the other way round.
    #[test]
    fn the_look_up_tells_the_truth(pages in 1_usize..6, page_of_it in 0_usize..8, noise in 0_usize..5) {
        let sent = sent();
        let mut read = second_read(&sent, at(300));
        let mut id = 0;
        let mut found = None;
        for page in 0..pages {
            let mut comments: Vec<Value> = (0..noise).map(|n| {
                id += 1;
                comment(id, if n % 2 == 0 { "you" } else { "me" }, "thanks", n as i64)
            }).collect();
            if page == page_of_it {
                comments.push(comment(77, "me", TEXT, 2));
            }
            let next = format!("{API}/repositories/1/issues/7/comments?page={}", page + 2);
            let link = (page + 1 < pages).then_some(next.as_str());
            match Comments.find(&sent, &read, &answer(200, link, &json!(comments)), at(300)) {
                Finding::More(next) => read = *next,
                end => { found = Some(end); break; }
            }
        }
        match found.unwrap() {
            Finding::Happened(_) => prop_assert!(page_of_it < pages),
            Finding::DidNot => prop_assert!(page_of_it >= pages),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
