//! The connector for Freelancer.com: the documented shapes, and what it never sent.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not be")]

mod connectors;

use connectors::{answer, at, data, failed, with_header};
use mm_sdk::{Answer, Decimal, ErrorClass, Finding, Moment, Reconciler, Sent, Validators};
use mm_strategies::freelancer::Freelancer;
use mm_strategies::freelancer::ask::{Bid, PAGE, kind};
use mm_strategies::freelancer::reconcile::Bids;
use mm_strategies::freelancer::shape::{self, Kind, Project};
use mm_strategies::reading::{Reading, understood};
use serde_json::{Value, json};

fn freelancer() -> Freelancer {
    Freelancer::new("main".parse().unwrap())
}

type Projects = (Vec<Project>, Vec<mm_sdk::json::Unreadable>);

fn read(answer: &Answer) -> Reading<Projects> {
    understood("projects", answer, shape::said, shape::projects)
}

fn fresh(body: &Value) -> Projects {
    match read(&answer(200, body.to_string())) {
        Reading::Fresh(fresh) => fresh.value,
        other => panic!("{other:?}"),
    }
}

fn of(projects: Value) -> Value {
    json!({"status": "success", "result": {"projects": projects, "total_count": 1}})
}

fn project() -> Value {
    json!({"id": 7, "title": "A site", "type": "fixed", "seo_url": "php/a-site", "time_submitted": 1_784_000_000,
        "currency": {"id": 3, "code": "EUR", "exchange_rate": 1.1}, "budget": {"minimum": 50.0, "maximum": 150.25},
        "bid_stats": {"bid_count": 12, "bid_avg": 100.0}, "jobs": [{"id": 13, "name": "PHP"}], "owner_id": 9})
}

fn with(key: &str, value: Value) -> Value {
    let mut project = project();
    project[key] = value;
    project
}

fn decimal(text: &str) -> Option<Decimal> {
    Some(text.parse().unwrap())
}

#[test]
fn the_documented_shapes_go_through() {
    let Some(folder) = data("documented-shapes") else { return };
    let file = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let Reading::Fresh(found) = read(&answer(200, file("freelancer-projects-active.json"))) else {
        panic!("they are projects")
    };
    let (projects, bad) = found.value;
    assert_eq!((projects.len(), bad.len()), (1, 0));
    let one = &projects[0];
    assert_eq!((one.id, one.kind, one.bids), (12_345_678, Kind::Fixed, Some(12)));
    assert_eq!((one.min, one.max), (decimal("50"), decimal("150")));
    assert!(one.currency.code.as_ref().unwrap().is("EUR"), "the currency stands beside the budget");
    assert_eq!(one.at, at("2023-11-14T22:13:19Z"));
    for status in [200, 404] {
        let (class, why) = failed(read(&answer(status, file("freelancer-error.json"))));
        assert!(why.ends_with("not found"), "{why}");
        assert_eq!(class, if status == 404 { ErrorClass::Fatal } else { ErrorClass::Transient });
    }
}

#[test]
fn currency_budget_or_both_may_be_missing_and_nothing_is_made_up() {
    let (projects, bad) = fresh(&of(json!([
        project(),
        with("currency", Value::Null),
        with("budget", Value::Null),
        with("budget", json!({"minimum": 0.0, "maximum": null})),
        with("currency", json!({"id": 3})),
        {"id": 8, "title": "t", "time_submitted": 1},
        with("type", json!("auction")),
        with("bid_stats", Value::Null),
    ])));
    assert_eq!(bad, []);
    assert_eq!((projects[0].min, projects[0].max), (decimal("50"), decimal("150.25")));
    assert_eq!(projects[1].currency, shape::Currency::default());
    assert_eq!((projects[2].min, projects[2].max, projects[3].min), (None, None, None));
    assert_eq!((projects[4].currency.id, &projects[4].currency.code), (Some(3), &None));
    assert_eq!((projects[5].kind, projects[5].bids), (Kind::Unknown, None));
    assert_eq!(projects[6].kind, Kind::Unknown, "an unknown way to be paid is none that is known");
    assert_eq!(projects[7].bids, None);
}

#[test]
fn one_bad_project_costs_itself_alone() {
    let (projects, bad) = fresh(&of(json!([
        project(),
        with("id", json!("7")),
        with("time_submitted", json!("today")),
        with("budget", json!({"minimum": "1.234,56 €"})),
        with("budget", json!({"minimum": 1e300})),
        with("title", json!("\u{1b}]0;owned\u{7}")),
        with("budget", json!({"minimum": 999_999_999, "maximum": 999_999_999})),
        {},
    ])));
    assert_eq!((projects.len(), bad.len()), (3, 5));
    assert!(!projects[1].title.line(80).chars().any(char::is_control));
    assert_eq!(projects[2].max, decimal("999999999"), "it is read as it is; whoever judges it bounds it");
    for bad in &bad {
        assert!(!bad.to_string().chars().any(char::is_control), "{bad}");
    }
}

#[test]
fn what_is_no_answer_is_refused_in_one_sentence() {
    for bad in [
        json!({}),
        json!([]),
        json!({"status": "success"}),
        json!({"status": "success", "result": []}),
        json!({"status": "success", "result": {"projects": {}}}),
        json!({"status": "success", "result": {"projects": [{}]}}),
        json!({"status": "pending", "result": {"projects": []}}),
        json!({"status": "error", "message": "\u{1b}[31mno"}),
        json!({"status": "error", "message": 7}),
    ] {
        failed(read(&answer(200, bad.to_string())));
    }
    failed(read(&answer(200, "{\"status\": \"success\", \"result\": {\"proj")));
    assert_eq!(fresh(&of(json!([]))), (vec![], vec![]), "no projects is an answer");
}

#[test]
fn each_documented_error_has_its_class_and_freelancers_words() {
    let body = |message: &str| json!({"status": "error", "message": message}).to_string();
    for (status, message, class) in [
        (400, "Invalid limit", ErrorClass::Fatal),
        (401, "You must be logged in", ErrorClass::Auth),
        (403, "You have to accept the terms", ErrorClass::Auth),
        (404, "not found", ErrorClass::Fatal),
        (429, "Too many requests", ErrorClass::RateLimit),
        (500, "Internal error", ErrorClass::Transient),
    ] {
        let limited = with_header(answer(status, body(message)), "retry-after", "60");
        let expected = format!("projects answered with status {status}: {message}");
        assert_eq!(failed(read(&limited)), (class, expected));
    }
    assert_eq!(failed(read(&answer(502, "<html>"))).0, ErrorClass::Transient);
    assert_eq!(read(&answer(304, "")), Reading::Unchanged);
}

#[test]
fn a_page_is_asked_for_with_the_account_and_conditionally() {
    let known = Validators { etag: Some("\"a\"".to_owned()), last_modified: None };
    let read = freelancer().projects("rust & go", PAGE, &known);
    let url = read.request.url().as_str();
    assert!(
        url.starts_with(
            "https://www.freelancer.com/api/projects/0.1/projects/active/?query=rust%20%26%20go&"
        )
    );
    assert!(url.contains("limit=100") && url.contains("offset=100"), "{url}");
    assert_eq!(read.account.unwrap().as_str(), "main");
    assert_eq!(read.request.headers(), [("if-none-match".to_owned(), "\"a\"".to_owned())]);
    assert_eq!(freelancer().viewer(&known).kind.as_str(), kind::ACCOUNT);
}

#[test]
fn the_own_number_and_currencies_are_read() {
    let own = |result: Value| {
        let body = json!({"status": "success", "result": result}).to_string();
        understood("self", &answer(200, body), shape::said, shape::viewer)
    };
    assert!(matches!(own(json!({"id": 42, "username": "me"})), Reading::Fresh(fresh) if fresh.value == 42));
    failed(own(json!({"id": "42"})));
    failed(own(json!({})));
    let body =
        json!({"status": "success", "result": {"currencies": [{"id": 3, "code": "EUR"}, {"id": 4}, 7]}});
    let found = shape::currencies(&answer(200, body.to_string())).unwrap();
    assert!(found.len() == 1 && found[0].0 == 3 && found[0].1.is("EUR"));
}

const SENT: &str = "2026-11-22T12:00:00Z";

fn sent() -> Sent {
    let bid = Bid { project: 7, bidder: 42, amount: "99.5".parse().unwrap(), days: 5, description: "I can." };
    Sent { action: freelancer().bid(&bid, "bid"), at: at(SENT) }
}

#[test]
fn a_bid_says_what_it_is() {
    let action = sent().action;
    assert_eq!(action.kind.as_str(), kind::BID);
    assert_eq!(action.request.url().as_str(), "https://www.freelancer.com/api/projects/0.1/bids/");
    let body: Value = serde_json::from_slice(action.request.body()).unwrap();
    let expected = json!({"project_id": 7, "bidder_id": 42, "amount": 99.5, "period": 5,
        "milestone_percentage": 100, "description": "I can."});
    assert_eq!(body, expected);
}

#[test]
fn a_lost_bid_is_looked_up_before_it_is_believed() {
    let sent = sent();
    let look = Bids.look(&sent).unwrap();
    assert_eq!(
        look.request.url().as_str(),
        "https://www.freelancer.com/api/projects/0.1/bids/?projects%5B%5D=7&bidders%5B%5D=42"
    );
    assert_eq!((look.kind.as_str(), look.account.as_ref().unwrap().as_str()), (kind::LOOK_UP, "main"));
    let find = |status: u16, body: &Value, now: Moment| {
        Bids.find(&sent, &look, &answer(status, body.to_string()), now)
    };
    let bids = |bids: Value| json!({"status": "success", "result": {"bids": bids}});
    let there = bids(json!([{"id": 5, "project_id": 7, "bidder_id": 42, "amount": 99.5}]));
    let (soon, late) = (at("2026-11-22T12:01:00Z"), at("2026-11-22T12:30:00Z"));
    assert_eq!(find(200, &there, soon), Finding::Happened("bid 5 on project 7".to_owned()));
    let another = bids(json!([{"id": 5, "project_id": 7, "bidder_id": 43}]));
    assert_eq!(find(200, &another, late), Finding::DidNot);
    assert!(matches!(find(200, &bids(json!([])), soon), Finding::Unknown(_)));
    assert_eq!(find(200, &bids(json!([])), late), Finding::DidNot);
    for (status, body) in [
        (500, json!({})),
        (200, json!({"status": "error", "message": "no"})),
        (200, bids(json!([{"id": "x"}]))),
        (200, json!([])),
    ] {
        assert!(matches!(find(status, &body, late), Finding::Unknown(_)), "{body}");
    }
    let read = Sent { action: freelancer().viewer(&Validators::default()), at: at(SENT) };
    assert_eq!(Bids.look(&read), None, "what is no bid is not looked up");
}
