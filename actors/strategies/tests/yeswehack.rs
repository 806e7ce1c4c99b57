//! The connector for YesWeHack: records as they were served, and what it never sent.

mod connectors;

use connectors::{Parse, answer, data, each_has_its_class, failed, fresh, json_file, with};
use mm_sdk::{Answer, ErrorClass, Method};
use mm_strategies::reading::{Reading, understood};
use mm_strategies::yeswehack::YesWeHack;
use mm_strategies::yeswehack::ask::kind;
use mm_strategies::yeswehack::shape::{self, Detail, Page};
use serde_json::{Value, json};

fn read<T>(answer: &Answer, parse: Parse<T>) -> Reading<T> {
    understood("programmes", answer, shape::said, parse)
}

fn programme() -> Value {
    json!({ "slug": "acme", "title": "Acme", "public": false, "disabled": false, "archived": false, "bounty": true,
        "vdp": false, "status": "V", "bounty_reward_min": 50, "bounty_reward_max": 5000,
        "business_unit": { "name": "Acme", "currency": "EUR" } })
}

fn detail() -> Value {
    let mut value = programme();
    value["scopes"] = json!([{ "scope": " *.acme.example ", "scope_type": "web-application",
        "scope_type_name": "Web application", "asset_value": "HIGH" }]);
    value["rules"] = json!("# Rules\n\nNo automated scanners.");
    value["out_of_scope"] = json!(["Denial of service.", "Automated tools in production."]);
    value
}

fn of(items: Value) -> Value {
    json!({ "items": items, "pagination": { "page": 1, "nb_pages": 2, "results_per_page": 42, "nb_results": 61 } })
}

#[test]
fn records_as_they_were_served_go_through() {
    let Some(folder) = data("bugbounty-targets-raw-api") else { return };
    let records = json_file(&folder.join("yeswehack.json"));
    let count = records.as_array().unwrap().len();
    let page: Page = fresh(&of(records.clone()), shape::programmes);
    assert_eq!((page.items.len(), page.bad.len(), page.rows, page.pages), (count, 0, count, Some(2)));
    assert!(page.items.iter().all(|one| !one.is_private() && !one.closed));
    let first = &page.items[0];
    assert_eq!(
        (first.slug.as_str(), first.min, first.max),
        ("infomaniak-bug-bounty-program", Some(100), Some(5000))
    );
    assert_eq!(first.currency.as_deref(), Some("EUR"), "the currency stands with the business unit");
    assert_eq!(page.items.iter().filter(|one| one.bounty == Some(false)).count(), 2);
    // The records have their scopes merged in, as a programme alone has them.
    for record in records.as_array().unwrap() {
        let read: Detail = fresh(record, shape::programme);
        let scopes = record["scopes"].as_array().unwrap();
        let named = scopes
            .iter()
            .filter(|one| one["scope"].as_str().is_some_and(|text| !text.trim().is_empty()))
            .count();
        assert_eq!((read.scopes.unwrap().len(), read.bad.len()), (named, 0), "{}", read.programme.slug);
    }
}

#[test]
fn scope_rules_and_prose_are_read_and_what_is_not_said_is_not_known() {
    let read: Detail = fresh(&detail(), shape::programme);
    let scope = &read.scopes.unwrap()[0];
    assert_eq!((scope.scope.as_str(), scope.kind.as_deref()), ("*.acme.example", Some("web-application")));
    let rules = read.rules.unwrap();
    assert!(rules.read().contains("No automated scanners.") && rules.read().contains("in production."));
    assert!(read.programme.is_private());
    let bare: Detail = fresh(&json!({ "slug": "acme" }), shape::programme);
    assert_eq!((bare.scopes, bare.rules, bare.programme.bounty), (None, None, None));
    assert!(bare.programme.is_private(), "what is not known to be public is not named");
    for value in [json!(null), json!(7), json!([]), json!([7])] {
        let mut odd = with(detail(), "/out_of_scope", value);
        odd["rules"] = Value::Null;
        assert_eq!(fresh(&odd, shape::programme).rules, None);
    }
}

#[test]
fn one_bad_element_costs_itself_alone() {
    let page: Page = fresh(
        &of(json!([
            programme(),
            {},
            with(programme(), "/slug", json!(7)),
            with(programme(), "/bounty_reward_max", json!("5k")),
            with(programme(), "/slug", json!(" ")),
            with(programme(), "/title", json!("\u{1b}]0;owned\u{7}")),
            with(programme(), "/archived", json!(true))
        ])),
        shape::programmes,
    );
    assert_eq!((page.items.len(), page.bad.len(), page.rows), (3, 4, 7));
    assert!(page.items[2].closed);
    for bad in &page.bad {
        assert!(!bad.to_string().chars().any(char::is_control), "{bad}");
    }
    let torn: Detail = fresh(&with(detail(), "/scopes/0/scope", json!(7)), shape::programme);
    assert_eq!((torn.scopes.unwrap().len(), torn.bad.len()), (0, 1));
}

#[test]
fn what_is_no_answer_is_refused_in_one_sentence() {
    for bad in [
        json!({}),
        json!([]),
        json!({ "items": {} }),
        of(json!([{}])),
        json!({ "items": [], "pagination": 7 }),
    ] {
        failed(read(&answer(200, bad.to_string()), shape::programmes));
    }
    let whole = of(json!([programme()])).to_string();
    assert_eq!(
        failed(read(&answer(200, &whole[..whole.len() / 2]), shape::programmes)).0,
        ErrorClass::Transient
    );
    let last: Page = fresh(&json!({ "items": [] }), shape::programmes);
    assert_eq!((last.rows, last.pages), (0, None), "an empty page is an answer");
}

#[test]
fn each_error_has_its_class_and_one_sentence() {
    let refusals = [
        (401, ErrorClass::Auth),
        (403, ErrorClass::Auth),
        (404, ErrorClass::Fatal),
        (429, ErrorClass::RateLimit),
        (503, ErrorClass::Transient),
    ];
    let bodies = ["", "<html>", "{\"message\":\"JWT Token not found\"}", "{\"error\":\"\\u001b[31m\"}", "[]"];
    each_has_its_class("programmes", &refusals, &bodies, |answer| read(answer, shape::programmes));
}

#[test]
fn the_actions_ask_for_what_they_say_with_the_account() {
    let api = YesWeHack::new("main".parse().unwrap());
    let list = api.programmes(2);
    let url = "https://api.yeswehack.com/programs?page=2&resultsPerPage=50";
    assert_eq!((list.kind.as_str(), list.request.url().as_str()), (kind::READ, url));
    assert_eq!(list.account.unwrap().as_str(), "main");
    for bad in ["", "..", "a/b", "a?b"] {
        assert!(api.programme(bad).is_none() && api.report(bad, "", "", "").is_none(), "{bad}");
    }
    let report = api.report("acme", "A title", "Steps.", "purpose").unwrap();
    assert_eq!((report.kind.as_str(), report.request.method()), (kind::REPORT, Method::Post));
    assert_eq!(report.facts["automation"], "assisted");
}
