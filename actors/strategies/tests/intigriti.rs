//! The connector for Intigriti: records as they were served, and what it never sent.

mod connectors;

use connectors::{Parse, answer, data, each_has_its_class, failed, fresh, json_file, with};
use mm_sdk::{Answer, ErrorClass, Method};
use mm_strategies::intigriti::Intigriti;
use mm_strategies::intigriti::ask::kind;
use mm_strategies::intigriti::shape::{self, Detail, Page};
use mm_strategies::reading::{Reading, understood};
use serde_json::{Value, json};

fn read<T>(answer: &Answer, parse: Parse<T>) -> Reading<T> {
    understood("programmes", answer, shape::said, parse)
}

fn programme() -> Value {
    json!({ "id": "0083a5bf-e54f-4f79-a972-12a795272c8b", "handle": "acme", "name": "Acme",
        "minBounty": { "value": 0.0, "currency": "EUR" }, "maxBounty": { "value": 2500.5, "currency": "EUR" },
        "confidentialityLevel": { "id": 4, "value": "Public" }, "status": { "id": 3, "value": "Open" },
        "webLinks": { "detail": "https://app.intigriti.com/researcher/programs/acme/acme/detail" } })
}

fn detail() -> Value {
    let mut value = programme();
    value["domains"] = json!({ "content": [
        { "id": "1", "type": { "id": 7, "value": "Wildcard" }, "endpoint": " *.acme.example ", "tier": { "id": 4, "value": "Tier 1" } },
        { "id": "2", "type": { "id": 1, "value": "Url" }, "endpoint": "old.acme.example", "tier": { "id": 5, "value": "Out Of Scope" } },
    ] });
    value["rulesOfEngagement"] = json!({ "content": { "description": "No automated scanners.", "testingRequirements": {
        "automatedTooling": 2, "userAgent": "Intigriti-NAME", "requestHeader": null, "intigritiMe": true } } });
    value
}

fn of(records: Value) -> Value {
    let total = records.as_array().map_or(0, Vec::len);
    json!({ "maxCount": total, "records": records })
}

#[test]
fn records_as_they_were_served_go_through() {
    let Some(folder) = data("bugbounty-targets-raw-api") else { return };
    let records = json_file(&folder.join("intigriti.json"));
    let count = records.as_array().unwrap().len();
    let page: Page = fresh(&of(records.clone()), shape::programmes);
    assert_eq!((page.items.len(), page.bad.len(), page.total), (count, 0, count));
    let registered = page.items.iter().filter(|one| one.is_private()).count();
    assert_eq!(registered, 8, "those for whom one must be registered are not known to be public");
    let first = &page.items[0];
    assert_eq!(
        first.max.as_ref().map(|sum| (sum.value.as_str(), sum.currency.as_deref())),
        Some(("0", Some("EUR")))
    );
    assert_eq!(first.status.as_deref(), Some("Open"));
    // The records have their domains merged in; alone they come within `content`.
    for record in records.as_array().unwrap() {
        let mut alone = record.clone();
        alone["domains"] = json!({ "content": record["domains"] });
        let read: Detail = fresh(&alone, shape::programme);
        let domains = read.domains.unwrap();
        assert_eq!(domains.len(), record["domains"].as_array().unwrap().len(), "{}", read.programme.id);
        assert!(read.bad.is_empty() && domains.iter().all(|domain| domain.tier.is_some()));
    }
}

#[test]
fn scope_is_told_by_the_tier_and_rules_are_quoted_as_they_stand() {
    let read: Detail = fresh(&detail(), shape::programme);
    let domains = read.domains.unwrap();
    assert_eq!(
        (domains[0].endpoint.as_str(), domains[0].tier.as_deref()),
        ("*.acme.example", Some("Tier 1"))
    );
    assert_eq!(domains[1].tier.as_deref(), Some("Out Of Scope"));
    assert_eq!(read.automated_tooling.as_deref(), Some("2"));
    assert_eq!(read.demands, ["user agent: Intigriti-NAME", "intigriti.me address: true"]);
    assert_eq!(read.rules.unwrap().read(), "No automated scanners.");
    for (value, written) in [
        (json!(false), Some("false")),
        (json!("not_allowed"), Some("not_allowed")),
        (json!({ "id": 1, "value": "Not allowed" }), Some("Not allowed")),
        (json!({ "id": 1 }), Some("{\"id\":1}")),
        (json!("\u{1b}[31m"), Some("\u{fffd}[31m")),
        (Value::Null, None),
    ] {
        let place = "/rulesOfEngagement/content/testingRequirements/automatedTooling";
        let read: Detail = fresh(&with(detail(), place, value.clone()), shape::programme);
        assert_eq!(read.automated_tooling.as_deref(), written, "{value}");
    }
    let bare: Detail = fresh(&programme(), shape::programme);
    assert_eq!(
        (bare.domains, bare.rules, bare.automated_tooling),
        (None, None, None),
        "not said is not known"
    );
}

#[test]
fn one_bad_element_costs_itself_alone_and_unknown_words_are_kept() {
    let moon = with(programme(), "/status/value", json!("Moonlit"));
    let secret = with(programme(), "/confidentialityLevel", Value::Null);
    let page: Page = fresh(
        &of(json!([
            moon,
            secret,
            with(programme(), "/id", json!(7)),
            {},
            with(programme(), "/maxBounty/value", json!("much"))
        ])),
        shape::programmes,
    );
    assert_eq!((page.items.len(), page.bad.len(), page.rows), (2, 3, 5));
    assert_eq!((page.items[0].status.as_deref(), page.items[0].is_private()), (Some("Moonlit"), false));
    assert!(page.items[1].is_private());
    let sum = page.items[0].max.as_ref().unwrap();
    assert_eq!((sum.value.as_str(), sum.currency.as_deref()), ("2500.5", Some("EUR")));
    let torn = with(detail(), "/domains/content/0/endpoint", Value::Null);
    let read: Detail = fresh(&torn, shape::programme);
    assert_eq!((read.domains.unwrap().len(), read.bad.len()), (1, 1));
}

#[test]
fn what_is_no_answer_is_refused_in_one_sentence() {
    for bad in [
        json!({}),
        json!([]),
        json!({ "records": [] }),
        json!({ "maxCount": "1", "records": [] }),
        of(json!([{}])),
    ] {
        failed(read(&answer(200, bad.to_string()), shape::programmes));
    }
    for bad in [json!({}), json!([]), json!({ "id": 7 }), with(detail(), "/domains", json!("x"))] {
        failed(read(&answer(200, bad.to_string()), shape::programme));
    }
    let whole = of(json!([programme()])).to_string();
    assert_eq!(
        failed(read(&answer(200, &whole[..whole.len() / 2]), shape::programmes)).0,
        ErrorClass::Transient
    );
    let empty: Page = fresh(&of(json!([])), shape::programmes);
    assert_eq!((empty.items.len(), empty.total), (0, 0), "no programmes is an answer");
}

#[test]
fn each_error_has_its_class_and_one_sentence() {
    let refusals = [
        (400, ErrorClass::Fatal),
        (401, ErrorClass::Auth),
        (403, ErrorClass::Auth),
        (404, ErrorClass::Fatal),
        (429, ErrorClass::RateLimit),
        (500, ErrorClass::Transient),
    ];
    let bodies = ["", "<html>", "{\"title\":\"No.\"}", "{\"detail\":\"\\u001b[31m\"}", "{\"message\":7}"];
    each_has_its_class("programmes", &refusals, &bodies, |answer| read(answer, shape::programmes));
}

#[test]
fn the_actions_ask_for_what_they_say_with_the_account() {
    let api = Intigriti::new("main".parse().unwrap());
    let list = api.programmes(500);
    let url = "https://api.intigriti.com/external/researcher/v1/programs?limit=500&offset=500";
    assert_eq!((list.kind.as_str(), list.request.url().as_str()), (kind::READ, url));
    assert_eq!(list.account.unwrap().as_str(), "main");
    for bad in ["", "..", "a/b", "a?b"] {
        assert!(api.programme(bad).is_none(), "{bad}");
    }
    let report = api.report("# A finding", "purpose");
    assert_eq!((report.kind.as_str(), report.request.method()), (kind::REPORT, Method::Post));
    assert_eq!(report.facts["automation"], "assisted");
}
