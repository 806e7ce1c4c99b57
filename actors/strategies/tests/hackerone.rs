//! The connector for HackerOne: the documented shapes, and what it never sent.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not be")]

mod connectors;

use connectors::{Parse, answer, at, data, failed, fresh, with, with_header};
use mm_sdk::{Answer, Decimal, ErrorClass, LogicalUrl, Method, Untrusted};
use mm_strategies::hackerone::ask::{HackerOne, kind};
use mm_strategies::hackerone::money::{self, Earning, Payout, Report};
use mm_strategies::hackerone::pages::{self, BadNext, PAGES_MAX, Page, Pages};
use mm_strategies::hackerone::shape::{self, Programme, Scope};
use mm_strategies::reading::{Reading, understood};
use serde_json::{Value, json};

const LIST: &str = "https://api.hackerone.com/v1/hackers/programs?page%5Bsize%5D=100";

fn hackerone() -> HackerOne {
    HackerOne::new("main".parse().unwrap())
}

fn read<T>(answer: &Answer, parse: Parse<T>) -> Reading<T> {
    understood("the list", answer, pages::said, parse)
}

fn list(elements: Value) -> Value {
    json!({ "data": elements, "links": {} })
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn programme() -> Value {
    json!({ "id": "9", "type": "program", "attributes": { "handle": "acme", "name": "Acme", "policy": "Be kind.",
        "state": "soft_launched", "submission_state": "open", "offers_bounties": true, "currency": "usd" } })
}

fn scope() -> Value {
    json!({ "id": "7", "type": "structured-scope", "attributes": { "asset_type": "URL", "asset_identifier": " a.example ",
        "eligible_for_bounty": true, "eligible_for_submission": true, "max_severity": "critical" } })
}

fn earning() -> Value {
    json!({ "id": "e1", "type": "earning-bounty-earned",
        "attributes": { "amount": 150.0, "created_at": "2026-01-25T02:20:22.715Z" },
        "relationships": { "bounty": { "data": { "id": "b1", "type": "bounty", "attributes": {
            "awarded_amount": "150.00", "awarded_bonus_amount": "25.00", "awarded_currency": "USD",
            "created_at": "2026-01-25T02:20:22.715Z" } } } } })
}

fn payout() -> Value {
    json!({ "amount": 175.0, "paid_out_at": "2026-02-02T04:05:06.000Z", "reference": "r1", "payout_provider": "PayPal",
        "status": "sent" })
}

#[test]
fn the_documented_shapes_go_through() {
    let Some(folder) = data("documented-shapes") else { return };
    let file = |name: &str| answer(200, std::fs::read(folder.join(name)).unwrap());
    let page = shape::programmes(&file("hackerone-programs.json")).unwrap();
    assert_eq!((page.items.len(), page.bad.len(), page.rows), (1, 0, 1));
    let one = &page.items[0];
    assert_eq!((one.handle.as_str(), one.is_private(), one.offers_bounties), ("acme", false, Some(true)));
    assert_eq!(one.policy.as_ref().unwrap().read(), "acme's program policy.");
    let asked = LogicalUrl::parse(LIST).unwrap();
    let next = Pages::default().follow(&asked, &page.next.unwrap()).unwrap();
    assert!(next.as_str().ends_with("/programs?page%5Bnumber%5D=2&page%5Bsize%5D=100"), "{next}");

    let scopes = shape::scopes(&file("hackerone-structured-scopes.json")).unwrap();
    let one = &scopes.items[0];
    assert_eq!((one.id, one.identifier.as_str()), (Some(1), "https://api.hackerone.com"));
    assert_eq!((one.eligible_for_bounty, one.max_severity.as_deref()), (Some(true), Some("critical")));
    assert_eq!(scopes.next, None);

    let earnings = money::earnings(&file("hackerone-earnings.json")).unwrap();
    let one = &earnings.items[0];
    assert_eq!((one.id.as_str(), one.amount, one.at), ("e1", decimal("150"), at("2020-01-25T02:20:22.715Z")));
    assert_eq!(one.money().unwrap().to_string(), "175 USD", "the bonus belongs to what was awarded");
    assert_eq!(money::balance(&file("hackerone-balance.json")), Ok(Decimal::ZERO));
    let over = Answer { status: 429, ..file("hackerone-error-429.json") };
    let (class, why) = failed(read(&over, shape::programmes));
    assert_eq!(
        (class, why.as_str()),
        (ErrorClass::RateLimit, "the list answered with status 429: Rate limited: ...")
    );
}

#[test]
fn what_is_not_said_is_not_known_and_words_that_are_not_known_are_kept() {
    let bare = json!({ "type": "program", "attributes": { "handle": " acme " } });
    let odd = with(programme(), "/attributes/state", json!("moon_mode"));
    let page: Page<Programme> = fresh(&list(json!([bare, odd])), shape::programmes);
    let one = &page.items[0];
    assert_eq!(
        (one.handle.as_str(), &one.name, &one.policy, one.offers_bounties),
        ("acme", &None, &None, None)
    );
    assert!(one.is_private() && page.items[1].is_private(), "what is not known to be public is not named");
    for wrapped in [json!({ "data": programme() }), programme()] {
        assert_eq!(fresh(&wrapped, shape::programme).handle, "acme");
    }
    let quantum = with(scope(), "/attributes/asset_type", json!("QUANTUM_LINK"));
    let unsaid = with(
        with(scope(), "/attributes/eligible_for_bounty", Value::Null),
        "/attributes/max_severity",
        Value::Null,
    );
    let page: Page<Scope> =
        fresh(&list(json!([quantum, unsaid, with(scope(), "/id", json!(8))])), shape::scopes);
    assert_eq!(page.items[0].kind.as_deref(), Some("QUANTUM_LINK"));
    assert_eq!((page.items[1].eligible_for_bounty, &page.items[1].max_severity), (None, &None));
    assert_eq!((page.items[2].id, page.items[2].identifier.as_str()), (Some(8), "a.example"));
}

#[test]
fn one_bad_element_costs_itself_alone_and_is_named() {
    let page: Page<Programme> = fresh(
        &list(json!([
            programme(),
            with(programme(), "/attributes/handle", json!(7)),
            {},
            "x",
            with(programme(), "/attributes/handle", json!(" "))
        ])),
        shape::programmes,
    );
    assert_eq!((page.items.len(), page.bad.len(), page.rows), (1, 4, 5));
    let page: Page<Scope> = fresh(
        &list(json!([
            scope(),
            with(scope(), "/attributes/asset_identifier", json!("")),
            with(scope(), "/attributes/eligible_for_bounty", json!("yes")),
            with(scope(), "/attributes/asset_identifier", json!("\u{1b}]0;owned\u{7}"))
        ])),
        shape::scopes,
    );
    assert_eq!((page.items.len(), page.bad.len()), (2, 2));
    for bad in &page.bad {
        assert!(!bad.to_string().chars().any(char::is_control), "{bad}");
    }
}

#[test]
fn money_is_exact_and_never_made_up() {
    let read = |value: Value| fresh(&list(json!([value])), money::earnings).items.remove(0);
    let awarded = "/relationships/bounty/data/attributes/awarded_amount";
    let bonus = "/relationships/bounty/data/attributes/awarded_bonus_amount";
    let currency = "/relationships/bounty/data/attributes/awarded_currency";
    let money = |earning: Earning| earning.money().map(|money| money.to_string());
    assert_eq!(money(read(earning())).as_deref(), Some("175 USD"));
    assert_eq!(money(read(with(earning(), bonus, Value::Null))).as_deref(), Some("150 USD"));
    let whole = with(earning(), "/attributes/amount", json!(175));
    assert_eq!(money(read(whole)).as_deref(), Some("175 USD"), "with its bonus or without");
    let shared = with(earning(), "/attributes/amount", json!(37.5));
    assert_eq!(money(read(shared)).as_deref(), Some("37.5 USD"), "a shared bounty is what the earning says");
    for (bonus_of, own) in [("150.00", "150 USD"), ("300", "150 USD"), ("75", "225 USD")] {
        let even = read(with(earning(), bonus, json!(bonus_of)));
        assert_eq!(even.may_be_share(), own == "150 USD", "{bonus_of}");
        assert_eq!(money(even).as_deref(), Some(own), "what may be an equal share is not booked whole");
    }
    let euros = with(with(earning(), currency, json!("eur")), "/attributes/amount", json!(163.2));
    assert_eq!(
        money(read(euros)).as_deref(),
        Some("175 EUR"),
        "an amount in no currency is no share of euros"
    );
    let cents = with(with(earning(), awarded, json!("0.2")), bonus, json!("0.1"));
    let cents = with(cents, "/attributes/amount", json!(0.2));
    assert_eq!(money(read(cents)).as_deref(), Some("0.3 USD"), "no float");
    let retest = json!({ "id": 3, "type": "earning-retest-completed",
        "attributes": { "amount": 50, "created_at": "2026-01-25T02:20:22.715Z" } });
    let retest = read(retest);
    assert_eq!((retest.id.as_str(), retest.amount, retest.money()), ("3", decimal("50"), None));
    for bad in [
        with(earning(), currency, json!("DOGE")),
        with(earning(), currency, Value::Null),
        with(earning(), awarded, json!("1.234,56 €")),
        with(earning(), awarded, Value::Null),
        with(earning(), bonus, json!("1e3")),
        with(earning(), awarded, json!("9999999999999")),
        with(earning(), "/attributes/amount", json!("lots")),
        with(earning(), "/attributes/amount", json!(1e300)),
        with(earning(), "/attributes/created_at", json!("yesterday")),
        with(earning(), "/type", json!(7)),
    ] {
        let page: Page<Earning> = fresh(&list(json!([earning(), bad])), money::earnings);
        assert_eq!((page.items.len(), page.bad.len()), (1, 1), "{bad}");
    }
}

#[test]
fn payouts_reports_and_the_balance_are_read_in_each_shape_they_were_seen_in() {
    let wrapped = json!({ "id": "1", "type": "payout", "attributes": payout() });
    let odd = with(payout(), "/status", json!("vanished"));
    let page: Page<Payout> = fresh(
        &list(json!([payout(), wrapped, odd, with(payout(), "/reference", json!(" "))])),
        money::payouts,
    );
    assert_eq!(page.items[0], page.items[1]);
    let sent_at = Some(at("2026-02-02T04:05:06.000Z"));
    assert_eq!((page.items[0].amount, page.items[0].sent_at()), (decimal("175"), sent_at));
    assert_eq!(page.items[2].sent_at(), None, "a word that is not known is no payment");
    assert_eq!(page.items[3].reference, None);
    let timeless = with(payout(), "/paid_out_at", Value::Null);
    let wordless = with(timeless.clone(), "/status", Value::Null);
    let bad: Page<Payout> = fresh(
        &list(json!([
            timeless,
            wordless,
            with(payout(), "/amount", Value::Null),
            with(payout(), "/paid_out_at", json!("soon"))
        ])),
        money::payouts,
    );
    assert_eq!((bad.items.len(), bad.bad.len()), (2, 2));
    let to_come = |n: usize| (bad.items[n].sent_at(), bad.items[n].is_to_come());
    assert_eq!((to_come(0), to_come(1)), ((None, false), (None, true)), "what has no time was not sent");
    let bounty = earning()["relationships"]["bounty"]["data"].clone();
    let report = json!({ "id": "774663", "type": "report", "attributes": { "state": "triaged", "title": "x" },
        "relationships": { "bounties": { "data": [bounty] } } });
    let none = json!({ "id": 5, "type": "report", "attributes": { "state": "moonlit" } });
    let page: Page<Report> = fresh(&list(json!([report, none])), money::reports);
    assert_eq!(page.items[0].bounties[0].awarded.to_string(), "175 USD");
    assert_eq!((page.items[1].state.as_str(), page.items[1].bounties.len()), ("moonlit", 0));
    for (body, balance) in [
        (json!({ "data": { "balance": 0.3 } }), Some("0.3")),
        (json!({ "data": { "balance": "1234.56" } }), Some("1234.56")),
        (json!({ "data": { "balance": null } }), None),
        (json!({ "data": {} }), None),
        (json!([]), None),
    ] {
        assert_eq!(money::balance(&answer(200, body.to_string())).ok(), balance.map(decimal), "{body}");
    }
}

#[test]
fn what_is_no_answer_is_refused_in_one_sentence() {
    for bad in [json!({}), json!([]), json!({ "data": {} }), json!({ "data": null }), json!(7)] {
        failed(read(&answer(200, bad.to_string()), shape::programmes));
        failed(read(&answer(200, bad.to_string()), money::earnings));
    }
    // A page of bad elements alone may be the last of a good list, which is for whoever reads the list to say.
    let bad: Page<Programme> = fresh(&list(json!([{}])), shape::programmes);
    assert_eq!((bad.items.len(), bad.bad.len()), (0, 1));
    let whole = list(json!([programme()])).to_string();
    for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
        let (class, _) = failed(read(&answer(200, &whole[..cut]), shape::programmes));
        assert_eq!(class, ErrorClass::Transient, "cut at {cut}");
    }
    let empty: Page<Programme> = fresh(&list(json!([])), shape::programmes);
    assert_eq!((empty.items.len(), empty.bad.len()), (0, 0), "no programmes is an answer");
}

#[test]
fn each_documented_error_has_its_class_and_hackerones_words() {
    let body = |status: u16, title: &str| {
        json!({ "errors": [{ "status": status, "title": title, "detail": "Say it again." }] }).to_string()
    };
    for (status, title, class) in [
        (400, "Invalid parameter", ErrorClass::Fatal),
        (401, "Invalid authentication", ErrorClass::Auth),
        (403, "Forbidden", ErrorClass::Auth),
        (404, "Not found", ErrorClass::Fatal),
        (429, "Rate limited", ErrorClass::RateLimit),
        (500, "Internal error", ErrorClass::Transient),
    ] {
        // `Retry-After` in each of its dialects is the road's to heed; none changes what the answer says.
        for retry in ["60", "Wed, 21 Oct 2026 07:28:00 GMT", "soon"] {
            let said = with_header(answer(status, body(status, title)), "retry-after", retry);
            let why = format!("the list answered with status {status}: {title}: Say it again.");
            assert_eq!(failed(read(&said, shape::programmes)), (class, why));
        }
    }
    let forged = json!({ "errors": [{ "title": "\u{1b}[31mno\nok" }] }).to_string();
    assert!(failed(read(&answer(403, forged), shape::programmes)).1.contains("no"));
    for body in ["<html>", "{\"errors\":[]}", "{\"errors\":[{\"title\":7}]}", ""] {
        assert_eq!(failed(read(&answer(502, body), shape::programmes)).0, ErrorClass::Transient, "{body}");
    }
}

#[test]
fn a_list_is_followed_on_its_own_host_and_path_and_ends() {
    let asked = LogicalUrl::parse(LIST).unwrap();
    let follow = |next: &str| Pages::default().follow(&asked, &Untrusted::new(next));
    let two = "https://api.hackerone.com/v1/hackers/programs?page%5Bnumber%5D=2";
    assert_eq!(follow(two).unwrap().as_str(), two);
    for away in [
        "https://evil.example/v1/hackers/programs?page=2",
        "https://api.hackerone.com.evil.example/v1/hackers/programs?page=2",
        "http://api.hackerone.com/v1/hackers/programs?page=2",
        "https://api.hackerone.com/v1/hackers/reports?page=2",
        "https://api.hackerone.com@evil.example/v1/hackers/programs",
        "/v1/hackers/programs?page=2",
        "\u{1b}[31m",
    ] {
        let error = follow(away).unwrap_err();
        assert!(matches!(error, BadNext::Elsewhere(_)), "{away}");
        assert!(!error.to_string().chars().any(char::is_control), "{error}");
    }
    assert_eq!(follow(LIST), Err(BadNext::Loop));
    let (mut pages, mut asked) = (Pages::default(), asked);
    for n in 2..=PAGES_MAX {
        let next = format!("https://api.hackerone.com/v1/hackers/programs?page%5Bnumber%5D={n}");
        asked = pages.follow(&asked, &Untrusted::new(next)).unwrap();
    }
    assert_eq!(pages.follow(&asked, &Untrusted::new(two.replace("=2", "=900"))), Err(BadNext::Endless));
}

#[test]
fn the_actions_ask_for_what_they_say_with_the_account() {
    let api = hackerone();
    for (action, of, url) in [
        (api.programmes(), kind::READ, LIST),
        (
            api.earnings(),
            kind::READ,
            "https://api.hackerone.com/v1/hackers/payments/earnings?page%5Bsize%5D=100",
        ),
        (
            api.payouts(),
            kind::READ,
            "https://api.hackerone.com/v1/hackers/payments/payouts?page%5Bsize%5D=100",
        ),
        (api.balance(), kind::READ, "https://api.hackerone.com/v1/hackers/payments/balance"),
        (api.reports(), kind::REPORTS, "https://api.hackerone.com/v1/hackers/me/reports?page%5Bsize%5D=100"),
        (
            api.scopes("acme", Some(7)).unwrap(),
            kind::SCOPES,
            "https://api.hackerone.com/v1/hackers/programs/acme/structured_scopes?page%5Bsize%5D=100&filter%5Bid__gt%5D=7",
        ),
    ] {
        assert_eq!((action.kind.as_str(), action.request.url().as_str()), (of, url));
        assert_eq!(action.request.method(), Method::Get);
        assert_eq!(action.account.unwrap().as_str(), "main");
        assert_eq!(action.request.headers(), [("accept".to_owned(), "application/json".to_owned())]);
    }
    for bad in ["", "../reports", "a/b", "a?b", "a%2fb", ".", "ä"] {
        assert!(api.scopes(bad, None).is_none() && api.programme(bad).is_none(), "{bad}");
    }
    let report = api.report("acme", "A title", "Steps.", "Impact.", "purpose").unwrap();
    assert_eq!((report.kind.as_str(), report.request.method()), (kind::REPORT, Method::Post));
    assert_eq!(report.facts["automation"], "assisted", "whoever sends it must know that a program helped");
    let body: Value = serde_json::from_slice(report.request.body()).unwrap();
    assert_eq!(body["data"]["attributes"]["team_handle"], "acme");
}
