//! The connectors of affiliate networks: their documents, and what they never sent.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not be")]

use std::path::Path;

use mm_sdk::json::Unreadable;
use mm_sdk::testing::Bench;
use mm_sdk::{
    Act, Action, Answer, ErrorClass, Method, Moment, Reconciler, Refusal, Stage, Strategy as _, Untrusted,
    decode, encode,
};
use mm_strategies::affiliate::Affiliate;
use mm_strategies::affiliate::first::{First, FirstWindow};
use mm_strategies::affiliate::known::Known;
use mm_strategies::affiliate::memory::{Snapshot, WindowKnown};
use mm_strategies::awin::Awin;
use mm_strategies::cj::Cj;
use mm_strategies::cj::questions::Questions;
use mm_strategies::impact::Impact;
use mm_strategies::network::window::DAY;
use mm_strategies::network::{Commission, Page, Window};
use mm_strategies::reading::{Failed, Fresh, understood};
use mm_strategies::{awin, cj, impact};
use proptest::prelude::*;
use serde_json::{Value, json};

const NETWORKS: [&str; 3] = ["impact", "awin", "cj"];

fn document(name: &str) -> Option<Vec<u8>> {
    let folder = "../../../shared/data/documented-shapes";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(name);
    let bytes = std::fs::read(&file).ok();
    if bytes.is_none() {
        // Not `eprintln!`: the test harness would keep it to itself.
        let said = format_args!("SKIPPED: nothing at {}\n", file.display());
        std::io::Write::write_fmt(&mut std::io::stderr(), said).unwrap();
    }
    bytes
}

fn dollars() -> Cj {
    Cj::new("main".parse().unwrap(), 7, "USD".parse().unwrap())
}

fn own_impact() -> Impact {
    Impact::new("main".parse().unwrap(), "IR1").unwrap()
}

fn window() -> Window {
    let now: Moment = "2026-11-23T06:00:00.5Z".parse().unwrap();
    Window::of(Window::number_of(now, 31), 31, now)
}

fn answer(status: u16, body: impl Into<Vec<u8>>) -> Answer {
    Answer { status, headers: Vec::new(), body: body.into(), at: Moment::from_unix_ms(1) }
}

fn read(network: &str, answer: &Answer) -> Result<Page, Unreadable> {
    match network {
        "impact" => impact::read(answer),
        "awin" => awin::read(answer),
        _ => dollars().read(answer),
    }
}

fn asked(network: &str, answer: &Answer) -> Result<Fresh<Page>, Failed> {
    let said: fn(&Answer) -> Option<Untrusted> = match network {
        "impact" => impact::said,
        "awin" => awin::said,
        _ => cj::said,
    };
    understood("https://network.example/list", answer, said, |answer| read(network, answer)).into_result()
}

fn failed(network: &str, answer: &Answer) -> Failed {
    asked(network, answer).unwrap_err()
}

/// A list of one line with everything right, in each network's shape; `change` spoils it.
fn list_of(network: &str, change: impl Fn(&mut Value)) -> Vec<u8> {
    let mut line = match network {
        "impact" => json!({"Id": "1000.1.1", "State": "APPROVED", "Payout": "0.88", "Currency": "USD"}),
        "awin" => {
            json!({"id": 1, "commissionStatus": "approved", "commissionAmount": {"amount": 5.59, "currency": "GBP"}})
        }
        _ => json!({"commissionId": "1", "originalActionId": "9", "original": true, "actionStatus": "locked",
                    "pubCommissionAmountUsd": "7.781"}),
    };
    change(&mut line);
    wrapped(network, json!([line]))
}

fn wrapped(network: &str, lines: Value) -> Vec<u8> {
    let whole = match network {
        "impact" => json!({"Actions": lines, "@nextpageuri": ""}),
        "awin" => lines,
        _ => {
            json!({"data": {"publisherCommissions": {"count": 1, "payloadComplete": true, "records": lines}}})
        }
    };
    whole.to_string().into_bytes()
}

fn shown(line: &Commission) -> (String, Stage, String) {
    (line.reference.clone(), line.stage, line.money.to_string())
}

#[test]
fn the_documents_are_read_as_they_are() {
    if let Some(body) = document("impact-actions.json") {
        let page = impact::read(&answer(200, body)).unwrap();
        assert!(page.bad.is_empty() && page.next.is_none());
        let expected = ("1000.4636.158133".to_owned(), Stage::Claimed, "0.88 USD".to_owned());
        assert_eq!(page.commissions.iter().map(shown).collect::<Vec<_>>(), [expected]);
    }
    if let Some(body) = document("awin-transactions.json") {
        let page = awin::read(&answer(200, body)).unwrap();
        let expected = [
            ("259630312".to_owned(), Stage::Claimed, "5.59 GBP".to_owned()),
            ("920699395".to_owned(), Stage::Claimed, "40.47 BRL".to_owned()),
        ];
        assert_eq!(page.commissions.iter().map(shown).collect::<Vec<_>>(), expected);
        assert!(page.bad.is_empty() && page.next.is_none());
    }
    if let Some(body) = document("cj-publisher-commissions.json") {
        // Its question did not ask for what a booking needs: each is told, and none is booked.
        let page = dollars().read(&answer(200, body)).unwrap();
        assert_eq!(page.commissions, []);
        let first = "commission 2292067663: `originalActionId` is missing; nothing is booked of it";
        assert_eq!((page.bad.len(), page.bad[0].as_str()), (2, first));
    }
    if let Some(body) = document("impact-error.json") {
        let failed = failed("impact", &answer(400, body));
        assert!(
            failed.why.ends_with("status 400: Validation Failed; AccountId: Not a numeric value"),
            "{failed:?}"
        );
    }
    if let Some(body) = document("awin-error.json") {
        let failed = failed("awin", &answer(401, body));
        assert!(
            failed.why.ends_with("401: Full authentication is required to access this resource"),
            "{failed:?}"
        );
        assert_eq!(failed.class, ErrorClass::Auth);
    }
}

#[test]
fn the_requests_are_what_the_documents_ask_for() {
    let url = |action: &Action| action.request.url().as_str().to_owned();
    let first = own_impact().actions(&window(), None).unwrap();
    let ends = "ActionDateStart=2026-11-13T00:00:00Z&ActionDateEnd=2026-11-23T06:00:00Z";
    assert_eq!(
        url(&first),
        format!("https://api.impact.com/Mediapartners/IR1/Actions?{ends}&PageSize=2000&Page=1")
    );
    assert_eq!(first.request.headers(), [("accept".to_owned(), "application/json".to_owned())]);
    let awin = Awin::new("main".parse().unwrap(), 189_069).transactions(&window());
    assert_eq!(
        url(&awin),
        "https://api.awin.com/publishers/189069/transactions/?startDate=2026-11-13T00:00:00&\
         endDate=2026-11-23T06:00:00&timezone=UTC&dateType=transaction"
    );
    let question = |since| dollars().commissions(&window(), since, Moment::from_unix_ms(5));
    let cj = question(None).unwrap();
    assert_eq!(
        (cj.request.method(), url(&cj).as_str()),
        (Method::Post, "https://commissions.api.cj.com/query")
    );
    let body: Value = serde_json::from_slice(cj.request.body()).unwrap();
    let query = body["query"].as_str().unwrap();
    for part in
        ["forPublishers: [\"7\"]", "sincePostingDate: \"2026-11-13T00:00:00Z\"", "originalActionId", "Usd"]
    {
        assert!(query.contains(part), "{query}");
    }
    assert!(
        !query.contains("mutation") && cj.occasion.is_some(),
        "the same bytes are asked again in every run"
    );
    let next = String::from_utf8(question(Some("12")).unwrap().request.body().to_vec()).unwrap();
    assert!(next.contains("sinceCommissionId: \\\"12\\\""), "{next}");
    assert_eq!(question(Some("1\") { x }")), None, "no words of an answer become a question");
    assert!(Impact::new("main".parse().unwrap(), "../IR1").is_none());
    assert!(Questions.only_reads(&cj) && Questions.only_reads(&question(Some("12")).unwrap()));
}

#[test]
fn what_is_no_plain_question_to_cj_is_taken_for_a_change() {
    let question = dollars().commissions(&window(), None, Moment::default()).unwrap();
    let of = |body: Value| question.clone().with_body(body.to_string().into_bytes()).unwrap();
    let plain = "{ publisherCommissions(forPublishers: [\"7\"]) { count } }";
    assert!(Questions.only_reads(&of(json!({ "query": plain }))));
    for body in [
        json!({"query": "mutation { publisherCommissions(x: 1) { count } }"}),
        json!({"query": format!("{plain} MUTATION a {{ b }}"), "operationName": "a"}),
        json!({"query": format!("{plain} mutation a {{ b }}")}),
        json!({"query": "{ advertisers { id } }"}),
        json!({"query": plain, "id": "a persisted document"}),
        json!([{ "query": plain }]),
        json!({}),
    ] {
        assert!(!Questions.only_reads(&of(body.clone())), "{body}");
    }
}

#[test]
fn a_next_page_is_where_the_network_says_and_never_elsewhere() {
    let impact = own_impact();
    let next = |uri: &str| impact.actions(&window(), Some(uri));
    let two = "/Mediapartners/IR1/Actions?PageSize=2000&Page=2";
    assert_eq!(next(two).unwrap().request.url().as_str(), format!("https://api.impact.com{two}"));
    for away in
        ["https://evil.example/Mediapartners/IR1/Actions?Page=2", "/Mediapartners/IR2/Actions?Page=2", "//x"]
    {
        assert_eq!(next(away), None, "{away}");
    }
    let page = json!({"Actions": [], "@nextpageuri": two}).to_string();
    assert_eq!(read("impact", &answer(200, page)).unwrap().next.as_deref(), Some(two));
    let page = |last: Value| {
        let list = json!({"payloadComplete": false, "maxCommissionId": last, "records": []});
        read("cj", &answer(200, json!({"data": {"publisherCommissions": list}}).to_string()))
    };
    assert_eq!(page(json!("12")).unwrap().next.as_deref(), Some("12"));
    assert!(page(Value::Null).unwrap_err().to_string().contains("does not say from where on"));
}

#[test]
fn each_documented_error_has_its_class_and_one_sentence() {
    for network in NETWORKS {
        for (status, class, for_all) in [
            (400, ErrorClass::Fatal, false),
            (401, ErrorClass::Auth, true),
            (403, ErrorClass::Auth, true),
            (404, ErrorClass::Fatal, false),
            (429, ErrorClass::RateLimit, true),
            (500, ErrorClass::Transient, false),
            (503, ErrorClass::Transient, false),
            (304, ErrorClass::Transient, false),
        ] {
            for (header, value) in
                [("x-ratelimit-reset", "55"), ("retry-after", "9"), ("ratelimit", "\"a\";r=0;t=5")]
            {
                let headers = vec![(header.to_owned(), value.to_owned())];
                let failed = failed(network, &Answer { headers, ..answer(status, "<html>\u{1b}[31m") });
                assert_eq!((failed.class, failed.is_for_all()), (class, for_all), "{network} {status}");
                assert!(failed.why.lines().count() == 1 && !failed.why.contains('\u{1b}'), "{}", failed.why);
            }
        }
    }
    let said = json!({"Status": "ERROR", "Message": "Access \u{1b}Denied"}).to_string();
    let why = failed("impact", &answer(200, said)).why;
    assert!(why.contains("Impact says: Access ") && !why.contains('\u{1b}'), "{why}");
    let said = json!({"data": null, "errors": [{"message": "Not authorised"}]}).to_string();
    assert!(failed("cj", &answer(200, said)).why.ends_with("CJ says: Not authorised"));
}

/// A run of which each read is refused: the bench, what its report says of its one source, and its errors.
fn refused(by: &[&str]) -> (Bench, String, Vec<String>) {
    let mut strategy = Affiliate::default();
    strategy.initialise(&json!({"impact": {"account": "main", "sid": "IR1"}, "days_back": 200})).unwrap();
    let mut bench = Bench::at("2026-11-23T06:00:00Z");
    let rules: Vec<String> = by.iter().map(|&rule| rule.to_owned()).collect();
    let refusal = Refusal { class: ErrorClass::Transient, why: "impact is not asked".to_owned(), rules };
    assert_eq!(refusal.is_by_breaker(), !by.is_empty());
    let days = impact::WINDOW_DAYS;
    let now: Moment = "2026-11-23T06:00:00Z".parse().unwrap();
    for back in 0..10 {
        let window = Window::of(Window::number_of(now, days) - back, days, now);
        let action = own_impact().actions(&window, None).unwrap();
        bench.act_is(action.request.url().as_str(), Act::Refused(refusal.clone()));
    }
    let (report, _) = bench.run_now(&mut strategy).unwrap();
    (bench, report.sources[0].sentence.clone(), report.errors)
}

#[test]
fn a_network_whose_breaker_is_open_is_not_asked_further() {
    let (bench, sentence, errors) = refused(&["breaker"]);
    assert_eq!(bench.asked().len(), 1, "{sentence}");
    assert!(sentence.ends_with("the rest waits for the next run: impact is not asked"), "{sentence}");
    assert_eq!(errors, ["impact: impact is not asked"]);
    // A mistake of the moment is that of one window: the others are asked for.
    let (bench, sentence, errors) = refused(&[]);
    assert!((4..10).contains(&bench.asked().len()), "{}", bench.asked().len());
    assert_eq!((errors.len(), sentence.contains("waits")), (bench.asked().len(), false), "{errors:?}");
}

/// Impact refuses what begins over three years ago, and the grid of windows knows of no years.
#[test]
fn nothing_of_impacts_is_asked_for_that_is_over_three_years_old() {
    for days_back in [1_040, 1_060, 1_080, 1_095] {
        let mut strategy = Affiliate::default();
        let settings = json!({"impact": {"account": "main", "sid": "IR1"}, "days_back": days_back});
        strategy.initialise(&settings).unwrap();
        let mut bench = Bench::at("2026-11-23T06:00:00Z");
        let mut now: Moment = "2026-11-23T06:00:00Z".parse().unwrap();
        for _ in 0..90 {
            let asked = bench.asked().len();
            bench.run_now(&mut strategy).unwrap();
            for action in &bench.asked()[asked..] {
                let query = action.request.url().path_and_query();
                let from = query.split_once("ActionDateStart=").unwrap().1.split('&').next().unwrap();
                let (from, until) =
                    (from, query.split_once("ActionDateEnd=").unwrap().1.split('&').next().unwrap());
                let (from, until): (Moment, Moment) = (from.parse().unwrap(), until.parse().unwrap());
                assert!(from < until && now.since(from) < DAY * 1_095, "{days_back}: {from}");
            }
            bench.pass(DAY);
            now = now.plus(DAY);
        }
    }
}

/// Where the reading of a window goes on is kept over a run that the breaker ended.
#[test]
fn a_breaker_that_opens_within_a_window_costs_no_page_of_it() {
    let mut strategy = Affiliate::default();
    strategy.initialise(&json!({"impact": {"account": "main", "sid": "IR1"}, "days_back": 1})).unwrap();
    let mut bench = Bench::at("2026-11-23T06:00:00Z");
    let now: Moment = "2026-11-23T06:00:00Z".parse().unwrap();
    let window = Window::of(Window::number_of(now, impact::WINDOW_DAYS), impact::WINDOW_DAYS, now);
    let first = own_impact().actions(&window, None).unwrap();
    let next = "/Mediapartners/IR1/Actions?Page=2";
    let second = own_impact().actions(&window, Some(next)).unwrap();
    let body = json!({"@nextpageuri": next, "Actions": []}).to_string();
    bench.answer(first.request.url().as_str(), 200, body);
    let rules = vec!["breaker".to_owned()];
    let refusal = Refusal { class: ErrorClass::Transient, why: "impact is not asked".to_owned(), rules };
    bench.act_is(second.request.url().as_str(), Act::Refused(refusal));
    for _ in 0..3 {
        bench.run_now(&mut strategy).unwrap();
    }
    let asked: Vec<&str> = bench.asked().iter().map(|action| action.request.url().as_str()).collect();
    let (first, second) = (first.request.url().as_str(), second.request.url().as_str());
    assert_eq!(asked, [first, second, second, second]);
}

/// A page that does not come costs no page before it; one that never comes does not end the reading for ever.
#[test]
fn a_page_that_fails_is_asked_for_once_more_and_then_its_window_from_the_beginning() {
    let mut strategy = Affiliate::default();
    strategy.initialise(&json!({"impact": {"account": "main", "sid": "IR1"}, "days_back": 1})).unwrap();
    let mut bench = Bench::at("2026-11-23T06:00:00Z");
    let now: Moment = "2026-11-23T06:00:00Z".parse().unwrap();
    let window = Window::of(Window::number_of(now, impact::WINDOW_DAYS), impact::WINDOW_DAYS, now);
    let page = |n: usize| format!("/Mediapartners/IR1/Actions?Page={n}");
    let url = |next: Option<usize>| -> String {
        let next = next.map(page);
        own_impact().actions(&window, next.as_deref()).unwrap().request.url().as_str().to_owned()
    };
    let body = |n: usize| json!({"@nextpageuri": page(n), "Actions": []}).to_string();
    bench.answer(&url(None), 200, body(2));
    bench.answer(&url(Some(2)), 502, "");
    bench.run_now(&mut strategy).unwrap();
    bench.answer(&url(Some(2)), 200, body(3));
    bench.answer(&url(Some(3)), 502, "");
    for _ in 0..3 {
        bench.run_now(&mut strategy).unwrap();
    }
    let runs = [vec![None, Some(2)], vec![Some(2), Some(3)], vec![Some(3)], vec![None, Some(2), Some(3)]];
    let asked: Vec<&str> = bench.asked().iter().map(|action| action.request.url().as_str()).collect();
    assert_eq!(asked, runs.concat().into_iter().map(url).collect::<Vec<_>>());
}

/// What was kept before it was noted which read had failed goes on from where it was.
#[test]
fn a_memory_of_the_first_version_goes_on_from_where_it_was() {
    let mut strategy = Affiliate::default();
    strategy.initialise(&json!({"impact": {"account": "main", "sid": "IR1"}, "days_back": 1})).unwrap();
    let mut bench = Bench::at("2026-11-23T06:00:00Z");
    let now: Moment = "2026-11-23T06:00:00Z".parse().unwrap();
    let number = Window::number_of(now, impact::WINDOW_DAYS);
    let next = "/Mediapartners/IR1/Actions?Page=2";
    let mut first = First::default();
    let window = FirstWindow { next: Some(next.to_owned()), tried_at: Some(now), ..FirstWindow::default() };
    first.networks.entry("impact".to_owned()).or_default().windows.insert(number, window);
    bench.set_snapshot(Some(encode(&first).unwrap()));
    bench.run_now(&mut strategy).unwrap();
    let window = Window::of(number, impact::WINDOW_DAYS, now);
    let second = own_impact().actions(&window, Some(next)).unwrap();
    assert_eq!(bench.asked()[0].request.url(), second.request.url());
    assert!(decode::<First>(bench.snapshot().unwrap()).is_err(), "it is kept in the shape of today");
}

/// The owner's Impact and the window that is asked for now, with a bench at that moment.
fn at_impact() -> (Affiliate, Bench, String, Moment) {
    let mut strategy = Affiliate::default();
    strategy.initialise(&json!({"impact": {"account": "main", "sid": "IR1"}, "days_back": 1})).unwrap();
    let now: Moment = "2026-11-23T06:00:00Z".parse().unwrap();
    let window = Window::of(Window::number_of(now, impact::WINDOW_DAYS), impact::WINDOW_DAYS, now);
    let action = own_impact().actions(&window, None).unwrap();
    (strategy, Bench::at("2026-11-23T06:00:00Z"), action.request.url().as_str().to_owned(), now)
}

fn reversed() -> Vec<u8> {
    list_of("impact", |line| (line["State"], line["Payout"]) = (json!("REVERSED"), json!("0.00")))
}

/// What the strategy has forgotten, the books may know.
#[test]
fn what_is_taken_back_is_told_although_nothing_is_remembered_of_it() {
    let (mut strategy, mut bench, url, now) = at_impact();
    bench.act_is(&url, Act::Done(Answer { at: now, ..answer(200, reversed()) }));
    let (_, drafts) = bench.run_now(&mut strategy).unwrap();
    let told: Vec<_> = drafts.earnings.iter().map(|one| (one.stage, one.amount.to_string())).collect();
    assert_eq!(told, [(Stage::Reversed, "0 USD".to_owned())]);
}

/// A run while the clock was a month ahead hides nothing that is read when it is right again.
#[test]
fn a_clock_that_ran_ahead_hides_no_change() {
    let (mut strategy, mut bench, url, now) = at_impact();
    let approved = list_of("impact", |_| ());
    let ahead = now.plus(DAY * 30);
    bench.act_is(&url, Act::Done(Answer { at: ahead, ..answer(200, approved) }));
    bench.run_now(&mut strategy).unwrap();
    bench.act_is(&url, Act::Done(Answer { at: now, ..answer(200, reversed()) }));
    let (_, drafts) = bench.run_now(&mut strategy).unwrap();
    let told: Vec<_> =
        drafts.earnings.iter().map(|one| (one.stage, one.amount.to_string(), one.as_of)).collect();
    assert_eq!(told, [(Stage::Reversed, "0.88 USD".to_owned(), now)]);
}

/// A correction may rest in a settled window while what it corrects is told anew.
#[test]
fn when_something_is_forgotten_no_window_rests() {
    let at = Some(Moment::from_unix_ms(1));
    let mut snapshot = Snapshot::default();
    let network = snapshot.networks.entry("impact".to_owned()).or_default();
    network.windows.insert(1, WindowKnown { read_at: at, tried_at: at, ..WindowKnown::default() });
    assert_eq!(snapshot.forget("impact", 0), 0);
    assert_eq!(snapshot.networks["impact"].windows[&1].read_at, at, "nothing is forgotten");
    for n in 0..=30_000 {
        let network = snapshot.networks.get_mut("impact").unwrap();
        network.commissions.insert(n.to_string(), Known::default());
    }
    assert_eq!(snapshot.forget("impact", 0), 1);
    assert_eq!(snapshot.networks["impact"].windows[&1].read_at, None);
}

#[test]
fn an_unknown_state_a_wrong_type_and_a_strange_amount_book_nothing() {
    let keys = |network| match network {
        "impact" => ("State", "Payout", "Id", "Currency"),
        "awin" => ("commissionStatus", "commissionAmount", "id", ""),
        _ => ("actionStatus", "pubCommissionAmountUsd", "commissionId", ""),
    };
    for network in NETWORKS {
        let (state, amount, id, currency) = keys(network);
        let good = read(network, &answer(200, list_of(network, |_| ()))).unwrap();
        assert_eq!((good.commissions.len(), good.bad.len()), (1, 0), "{network}");
        let page =
            read(network, &answer(200, list_of(network, |line| line[state] = json!("PERHAPS")))).unwrap();
        assert!(
            page.commissions.is_empty() && page.bad[0].contains("`PERHAPS`; nothing is booked"),
            "{page:?}"
        );
        let amounts = ["1.234,56 €", "USD 5k", "₿0.01", "", "999999999", "0.123456789"];
        for wrong in amounts {
            let spoilt = list_of(network, |line| match network {
                "awin" => line[amount]["amount"] = json!(wrong),
                _ => line[amount] = json!(wrong),
            });
            let told = match read(network, &answer(200, spoilt)) {
                Ok(page) if page.commissions.is_empty() => page.bad.join(" "),
                Ok(page) => panic!("{network} {wrong}: {page:?}"),
                Err(error) => error.to_string(),
            };
            assert!(!told.is_empty() && told.lines().count() == 1, "{network} {wrong}: {told}");
        }
        for wrong in [json!(null), json!({}), json!([1]), json!(true), json!("a b"), json!("\u{1b}")] {
            let spoilt = list_of(network, |line| line[id] = wrong.clone());
            let booked = read(network, &answer(200, spoilt)).map_or(0, |page| page.commissions.len());
            assert_eq!(booked, 0, "{network} {wrong}");
        }
        if !currency.is_empty() {
            let page =
                read(network, &answer(200, list_of(network, |line| line[currency] = json!("EURO")))).unwrap();
            assert!(page.bad[0].contains("no currency of ISO 4217"), "{page:?}");
        }
    }
}

#[test]
fn a_bad_line_spoils_no_other_and_a_changed_shape_is_no_empty_list() {
    for network in NETWORKS {
        let good: Value = match network {
            "impact" => {
                json!({"Id": 5, "State": "PENDING", "Payout": "1.10", "Currency": "EUR", "ClearedDate": ""})
            }
            "awin" => {
                json!({"id": "5", "commissionStatus": "pending", "commissionAmount": {"amount": 1.10, "currency": "EUR"}, "ipHash": "-3"})
            }
            _ => {
                json!({"commissionId": "5", "originalActionId": "5", "original": true, "actionStatus": "new", "pubCommissionAmountUsd": "-1.10"})
            }
        };
        let page = read(network, &answer(200, wrapped(network, json!([17, good, {}])))).unwrap();
        assert_eq!((page.commissions.len(), page.bad.len()), (1, 2), "{network}: {page:?}");
        assert!(page.bad[0].starts_with("number 1 is not "), "{page:?}");
        assert!(read(network, &answer(200, wrapped(network, json!([17, {}])))).is_err(), "{network}");
        assert_eq!(read(network, &answer(200, wrapped(network, json!([])))).unwrap().commissions, []);
        let whole = list_of(network, |_| ());
        for cut in 0..whole.len() {
            assert!(read(network, &answer(200, &whole[..cut])).is_err(), "{network}: cut at {cut}");
        }
        for other in ["", "null", "{}", "{\"error\":1}", "<html>"] {
            assert!(read(network, &answer(200, other)).is_err(), "{network}: {other}");
        }
    }
}

proptest! {
    /// A JSON number of Awin's becomes the very decimal that it is written as.
    #[test]
    fn a_number_keeps_its_digits(units in 0..99_999_999i64, places in 0..100_000_000i64) {
        let amount = format!("{units}.{places:08}");
        let body = format!(
            "[{{\"id\":1,\"commissionStatus\":\"approved\",\"commissionAmount\":{{\"amount\":{amount},\"currency\":\"EUR\"}}}}]"
        );
        let page = awin::read(&answer(200, body)).unwrap();
        let told = page.commissions[0].money.amount();
        prop_assert_eq!(told, amount.parse::<mm_sdk::Decimal>().unwrap());
    }

    #[test]
    fn no_bytes_end_a_reading(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for network in NETWORKS {
            drop(read(network, &answer(200, bytes.clone())));
        }
    }
}
