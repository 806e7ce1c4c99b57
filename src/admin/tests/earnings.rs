//! What an owner tells of earnings, in process: what is taken, and the sentence for what is not.

use expect_test::expect;

use super::*;

/// An approved payment, with `change` in it.
fn told(change: Value) -> Value {
    let mut told = json!({
        "platform": "hackerone", "reference": "r-1", "strategy": "bug-bounty", "stage": "approved",
        "amount": { "amount": "12.50", "currency": "EUR" }, "as_of": "2026-07-01T00:00:00Z",
        "document": "statement.pdf", "bytes": "c0ffee",
    });
    if let (Some(told), Some(change)) = (told.as_object_mut(), change.as_object()) {
        told.extend(change.clone());
    }
    told
}

#[tokio::test]
async fn a_payment_told_twice_counts_once_and_every_mistake_is_a_sentence() {
    let (running, ops) = machine(None).await;
    let record = async |change| answer(&ops, "POST", "/earnings/record", &told(change)).await;
    let (status, first) = record(json!({})).await;
    assert_eq!(
        (status, &first["stamp"], &first["entry"]["to"]),
        (200, &json!("sandbox"), &json!("approved")),
        "{first}"
    );
    let (_, again) = record(json!({})).await;
    assert_eq!((&again["entry"], &again["earning"]), (&Value::Null, &first["earning"]));
    let (_, cleared) = record(json!({
        "stage": "cleared", "fee": "0.50", "arrived": { "amount": "13.00", "currency": "USD" },
        "as_of": "2026-07-02T00:00:00Z",
    }))
    .await;
    assert_eq!(cleared["earning"]["steps"].as_array().unwrap().len(), 2);
    let mut sentences = String::new();
    for change in [
        json!({ "amount": { "amount": "12,50", "currency": "EUR" } }),
        json!({ "amount": { "amount": "12.50", "currency": "EURO" } }),
        json!({ "amount": { "amount": "12.345", "currency": "EUR" } }),
        json!({ "amount": { "amount": "12.345", "currency": "JPY" } }),
        json!({ "stage": "paid", "fee": "1.234" }),
        json!({ "amount": { "amount": "-1", "currency": "EUR" } }),
        json!({ "amount": 12.5 }),
        json!({ "stage": "sent" }),
        json!({ "reference": "" }),
        json!({ "platform": "Hacker One" }),
        json!({ "strategy": "bug-bunty" }),
        json!({ "opportunity": "none" }),
        json!({ "as_of": "soon" }),
        json!({ "as_of": "2030-01-01T00:00:00Z" }),
        json!({ "stage": "approved", "fee": "1", "as_of": "2026-07-03T00:00:00Z" }),
        json!({ "bytes": "" }),
        json!({ "bytes": "xyz" }),
        json!({ "more": 1 }),
    ] {
        let (status, answer) = record(change).await;
        sentences.push_str(&format!("{status} {}\n", answer["error"].as_str().unwrap_or("done")));
    }
    expect![[r#"
        400 `12,50` is no amount; write digits and a point, such as 12.50
        400 `EURO` is no currency of ISO 4217; write three letters such as EUR or USD
        400 EUR has two decimals: did you mean 12345 or 12.35?
        400 JPY has no decimals: did you mean 12345 or 12?
        400 EUR has two decimals: did you mean 1234 or 1.23?
        400 an earning of -1 EUR is none; write what was earned, and `reversed` for what was taken back
        400 what is told of an earning is not understood: invalid type: floating point `12.5`, expected struct MoneyView
        400 `stage` is one of expected, claimed, approved, paid, cleared, reversed
        400 a reference is one line of at most 200 characters, as the platform writes it, without blanks at its ends
        400 `Hacker One` is no platform: use 1 to 64 of a-z, 0-9, `-`, `_` and `.`, beginning with a letter or digit
        404 no strategy `bug-bunty` is installed; `strategy list` shows those that are; did you mean `bug-bounty`?
        404 there is no opportunity `none`; `opportunities list` shows the ids
        400 `as_of` is a time like 2026-11-03T09:30:00Z
        400 a report as of 2030-01-01T00:00:00Z cannot be: it is not yet that day, or it is before 1970
        400 a fee belongs to an earning that is paid or cleared, and this one is said to be approved
        400 the document is empty; evidence is what the platform or the bank wrote
        400 `bytes` is the document in hex
        400 what is told of an earning is not understood: unknown field `more`, expected one of `platform`, `reference`, `strategy`, `stage`, `amount`, `fee`, `arrived`, `as_of`, `opportunity`, `document`, `bytes`
    "#]].assert_eq(&sentences);
    let (_, summary) = get(&ops, "/earnings/summary").await;
    let of = |currency: usize, what: &str| summary["currencies"][currency][what]["amount"].to_string();
    assert_eq!(
        (of(0, "fees"), of(0, "cleared"), of(1, "cleared")),
        (r#""0.50""#.into(), r#""0""#.into(), r#""13.00""#.into())
    );
    let trail = get(&ops, "/audit/tail?n=1").await.1;
    assert_eq!(trail["entries"][0]["kind"], "ledger.entry");
    // Anybody may pay; what is almost the name of a platform is doubted, and taken.
    assert_eq!(first.get("doubt"), None);
    for (payer, doubted) in [("intigritti", true), ("zzz", false)] {
        let (status, taken) = record(json!({ "platform": payer, "reference": "r-2" })).await;
        let doubt = taken["doubt"].as_str().unwrap_or_default();
        assert_eq!((status, doubt.contains("`intigriti`")), (200, doubted), "{payer}: {taken}");
    }
    running.stop(Duration::from_secs(5)).await;
}
