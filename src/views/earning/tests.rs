//! The ledger's views over a store with a payment at each stage, in two currencies.

use expect_test::expect_file;
use mm_core::digest::Digest;
use mm_core::ledger::{Evidence, Report, Source};
use mm_core::opportunity::{Opportunity, State};
use mm_store::{Change, Key};

use super::*;
use crate::views::read;
use crate::views::tests::{ask, noon, reader};

/// The fixture of the views with a ledger in it.
pub(crate) fn booked() -> Reader {
    let reader = reader();
    let day = std::time::Duration::from_secs(86_400);
    let mut change = Change::new();
    let told = [
        ("r-1", Stage::Expected, "80.00 USD", None, None),
        ("r-2", Stage::Claimed, "20.00 USD", None, None),
        ("r-3", Stage::Approved, "100.00 USD", None, None),
        ("r-4", Stage::Paid, "40.00 USD", Some("1.50 USD"), None),
        ("r-5", Stage::Cleared, "60.00 USD", Some("2.00 USD"), Some("53.10 EUR")),
        ("r-6", Stage::Cleared, "12.50 EUR", None, None),
        ("=cmd|'/c calc'!A0\u{1b}[2J", Stage::Reversed, "7.00 EUR", None, None),
    ];
    for (n, (reference, stage, amount, fee, arrived)) in (1u32..).zip(told) {
        let money = |text: &str| text.split_once(' ').map(|(n, code)| Money::read(n, code).unwrap()).unwrap();
        let (platform, strategy) = ("hackerone".parse().unwrap(), "bug-bounty".parse().unwrap());
        let mut earning = Earning::new(platform, reference, strategy, None);
        let report = |stage| Report {
            as_of: noon().minus(day * (30 - n)),
            stage,
            amount: money(amount),
            fee: fee.filter(|_| stage >= Stage::Paid).map(money),
            arrived: arrived.map(money),
            evidence: Evidence {
                digest: Digest::of(reference.as_bytes()),
                source: Source::Platform,
                what: "the list\u{1b}[31m of payments".into(),
            },
        };
        // The reversed one was approved before.
        let before = (stage == Stage::Reversed).then_some(Stage::Approved);
        for stage in before.into_iter().chain([stage]) {
            let (after, entry) = earning.take(report(stage), noon()).unwrap().unwrap();
            change = change.put(&reader.space, entry.id.as_str(), &entry).unwrap();
            earning = after;
        }
        change = change.put(&reader.space, earning.id.as_str(), &earning).unwrap();
    }
    reader.store.commit_blocking(change).unwrap();
    reader
}

#[test]
fn every_view_of_the_ledger_has_its_shape() {
    let reader = booked();
    let mut text = String::new();
    for target in [
        "/earnings/summary",
        "/earnings?stage=cleared",
        "/earnings/export?format=hledger",
        "/earnings/export?format=beancount",
        "/earnings/export?format=csv",
        "/earnings/export?format=json",
    ] {
        let mut answer = ask(&reader, target);
        let file = answer.get_mut("text").map(serde_json::Value::take);
        let file = file.and_then(|file| file.as_str().map(str::to_owned)).unwrap_or_default();
        text.push_str(&format!("GET {target}\n{answer:#}\n{}\n", file.replace('\r', "")));
    }
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "a terminal would obey this");
    expect_file!["tests/ledger.txt"].assert_eq(&text);
}

#[test]
fn what_is_hoped_for_is_no_income_and_no_two_currencies_are_added() {
    let reader = booked();
    let earned = |target: &str| ask(&reader, target)["total_earnings"].to_string();
    let expected = r#"[{"amount":"12.50","currency":"EUR"},{"amount":"200.00","currency":"USD"}]"#;
    assert_eq!(earned("/strategies/bug-bounty"), expected);
    assert_eq!(ask(&reader, "/strategies/micro-tasks")["total_earnings"], serde_json::json!([]));
}

#[test]
fn a_sum_over_books_that_do_not_open_is_a_sentence_and_no_figure() {
    let reader = booked();
    // An opportunity's bytes are no entry's, whatever key they stand under.
    let stray = ask(&reader, "/opportunities?limit=1")[0]["id"].as_str().unwrap().to_owned();
    let row = reader.store.get::<Opportunity>(&reader.space, &stray).unwrap().unwrap().value;
    struct Stray(Opportunity);
    impl serde::Serialize for Stray {
        fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            self.0.serialize(to)
        }
    }
    impl<'de> serde::Deserialize<'de> for Stray {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            Opportunity::deserialize(from).map(Stray)
        }
    }
    impl Record for Stray {
        const KIND: mm_store::Kind = Entry::KIND;
    }
    assert_eq!(row.state, State::New);
    let change = Change::new().put(&reader.space, "stray", &Stray(row)).unwrap();
    reader.store.commit_blocking(change).unwrap();
    let sentence = "ledger entry `stray` does not open, so there are no sums; restore a backup";
    for target in ["/earnings/summary", "/earnings/export?format=csv"] {
        let asked = read(&reader, &Question::parse(target).unwrap()).unwrap();
        assert_eq!(asked, Err(Problem::Failed(sentence.to_owned())), "{target}");
    }
    let strategy = ask(&reader, "/strategies/bug-bounty");
    assert_eq!(strategy["errors"][0], sentence);
    let gone = Change::new().delete(Key::of::<Entry>(&reader.space, "stray").unwrap());
    reader.store.commit_blocking(gone).unwrap();
    assert_eq!(ask(&reader, "/earnings/summary")["entries"], 8);
}

#[test]
fn what_is_not_understood_is_named_with_what_is() {
    let reader = booked();
    let refused =
        |target: &str| read(&reader, &Question::parse(target).unwrap()).unwrap().unwrap_err().to_string();
    let stages = "`stage` is one of expected, claimed, approved, paid, cleared, reversed";
    assert_eq!(refused("/earnings?stage=gone"), stages);
    let formats = "`xls` is no format; there are csv, json, hledger, beancount";
    assert_eq!(refused("/earnings/export?format=xls"), formats);
}

#[test]
fn the_doctor_says_whether_the_books_balance_and_rest_on_evidence() {
    let reader = booked();
    let said = || {
        let checks = ask(&reader, "/doctor")["checks"].as_array().unwrap().clone();
        let books = checks.iter().find(|check| check["name"] == "books").unwrap().clone();
        (books["grade"].as_str().unwrap().to_owned(), books["sentence"].as_str().unwrap().to_owned())
    };
    let (grade, sentence) = said();
    assert!(grade == "fail" && sentence.ends_with("is gone or damaged"), "{sentence}");
    let earnings: Vec<Earning> = whole(&reader, "earning").unwrap();
    for earning in &earnings {
        reader.store.put_answer_blocking(earning.reference.as_bytes(), noon()).unwrap();
    }
    let whole = "the books balance: 7 payments, 8 entries with their evidence";
    assert_eq!(said(), ("ok".to_owned(), whole.to_owned()));
    let key = Key::of::<Earning>(&reader.space, earnings[0].id.as_str()).unwrap();
    reader.store.commit_blocking(Change::new().delete(key)).unwrap();
    let (grade, sentence) = said();
    assert!(grade == "fail" && sentence.contains("is not the sum of its entries"), "{sentence}");
}
