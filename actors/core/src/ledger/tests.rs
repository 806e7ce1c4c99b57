//! Whatever is reported in whatever order: every entry balances, nothing counts twice, and the sum of all
//! entries is what the earnings' standings say.

use proptest::prelude::*;

use super::*;
use crate::digest::Digest;
use crate::moment::Moment;

fn money(text: &str) -> Money {
    let (amount, currency) = text.split_once(' ').unwrap();
    Money::read(amount, currency).unwrap()
}

fn report(stage: Stage, amount: &str, day: i64) -> Report {
    let evidence = Evidence {
        digest: Digest::of(amount.as_bytes()),
        source: Source::Platform,
        what: "a report".to_owned(),
    };
    Report { as_of: on(day), stage, amount: money(amount), fee: None, arrived: None, evidence }
}

fn on(day: i64) -> Moment {
    Moment::from_unix_ms(1_790_000_000_000 + day * 86_400_000)
}

fn earning() -> Earning {
    Earning::new("hackerone".parse().unwrap(), "ref-1", "bug-bounty".parse().unwrap(), None)
}

/// All that is taken of `reports`, in order.
fn told(earning: Earning, reports: impl IntoIterator<Item = Report>) -> (Earning, Vec<Entry>) {
    let mut entries = Vec::new();
    let mut earning = earning;
    for report in reports {
        if let Ok(Some((after, entry))) = earning.take(report, on(500)) {
            earning = after;
            entries.push(entry);
        }
    }
    (earning, entries)
}

fn balances<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Balances {
    let mut balances = Balances::default();
    for entry in entries {
        entry.check().unwrap();
        balances.add(entry).unwrap();
    }
    balances
}

fn shown(balances: &Balances) -> Vec<String> {
    balances.iter().map(|(account, money)| format!("{account} {money}")).collect()
}

#[test]
fn an_earning_goes_its_way_to_the_bank() {
    let mut cleared = report(Stage::Cleared, "100.00 USD", 5);
    cleared.fee = Some(money("5.00 USD"));
    cleared.arrived = Some(money("87.40 EUR"));
    let way = [
        (
            report(Stage::Expected, "80.00 USD", 1),
            vec!["assets:expected:hackerone 80.00 USD", "equity:unearned:hackerone -80.00 USD"],
        ),
        (
            report(Stage::Claimed, "80.00 USD", 2),
            vec!["assets:claimed:hackerone 80.00 USD", "equity:unearned:hackerone -80.00 USD"],
        ),
        (
            report(Stage::Approved, "100.00 USD", 3),
            vec!["assets:receivable:hackerone 100.00 USD", "income:hackerone:bug-bounty -100.00 USD"],
        ),
        (
            report(Stage::Paid, "100.00 USD", 4),
            vec!["assets:transit:hackerone 100.00 USD", "income:hackerone:bug-bounty -100.00 USD"],
        ),
        (
            cleared,
            vec![
                "assets:bank 87.40 EUR",
                "income:hackerone:bug-bounty -100.00 USD",
                "expenses:fees:hackerone 5.00 USD",
                "equity:conversion -87.40 EUR",
                "equity:conversion 95.00 USD",
            ],
        ),
        (report(Stage::Reversed, "100.00 USD", 6), vec![]),
    ];
    let (mut now, mut all) = (earning(), Vec::new());
    for (report, expected) in way {
        let stage = report.stage;
        let (after, entry) = now.take(report.clone(), on(9)).unwrap().expect("it is new");
        assert_eq!((entry.from, entry.to), (now.stage(), stage));
        assert_eq!(after.take(report, on(10)), Ok(None), "told twice, it counts once");
        now = after;
        all.push(entry);
        let mut shown = shown(&balances(&all));
        let mut expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
        shown.sort();
        expected.sort();
        assert_eq!(shown, expected, "{stage}");
    }
}

#[test]
fn late_news_takes_nothing_back_and_what_arrived_stays() {
    let (now, entries) =
        told(earning(), [report(Stage::Paid, "9 EUR", 4), report(Stage::Approved, "9 EUR", 3)]);
    assert_eq!((now.stage(), entries.len()), (Some(Stage::Paid), 1));
    // A later word that it is pending again leads back.
    let (now, _) = told(now, [report(Stage::Claimed, "9 EUR", 6)]);
    assert_eq!(now.stage(), Some(Stage::Claimed));
    let (now, _) = told(now, [report(Stage::Cleared, "9 EUR", 7), report(Stage::Paid, "9 EUR", 8)]);
    assert_eq!(now.stage(), Some(Stage::Cleared), "a platform does not see what arrives");
    let (now, _) = told(now, [report(Stage::Reversed, "9 EUR", 9)]);
    assert_eq!(now.stage(), Some(Stage::Reversed));
}

fn by_owner(stage: Stage, amount: &str, day: i64) -> Report {
    let mut report = report(stage, amount, day);
    report.evidence.source = Source::Owner;
    report
}

#[test]
fn a_platform_that_does_not_say_paid_takes_no_word_of_the_owners_back() {
    let mut paid = by_owner(Stage::Paid, "100 USD", 3);
    paid.fee = Some(money("2 USD"));
    let (now, _) = told(earning(), [report(Stage::Approved, "100 USD", 1), paid]);
    for (stage, day) in [(Stage::Approved, 4), (Stage::Claimed, 5), (Stage::Expected, 6)] {
        assert_eq!(now.take(report(stage, "100 USD", day), on(7)), Ok(None), "{stage}");
    }
    let (back, _) = told(now.clone(), [report(Stage::Reversed, "100 USD", 6)]);
    assert_eq!(back.stage(), Some(Stage::Reversed), "what is taken back is");
    let (own, _) = told(now, [by_owner(Stage::Approved, "100 USD", 6)]);
    assert_eq!(own.stage(), Some(Stage::Approved), "the owner may correct himself");

    let (gone, _) =
        told(earning(), [report(Stage::Approved, "100 USD", 1), by_owner(Stage::Reversed, "100 USD", 2)]);
    assert_eq!(gone.take(report(Stage::Approved, "100 USD", 4), on(7)), Ok(None));
    let (paid, _) = told(gone, [report(Stage::Paid, "100 USD", 5)]);
    assert_eq!(paid.stage(), Some(Stage::Paid), "who says paid has decided anew");
    let (unpaid, _) = told(paid, [report(Stage::Approved, "100 USD", 6)]);
    assert_eq!(unpaid.stage(), Some(Stage::Approved), "and may take that back");
}

#[test]
fn another_sum_of_what_arrived_is_no_silence() {
    let differs = |last: Report, said: Report| {
        let (now, _) = told(earning(), [last]);
        now.take(said, on(9)).map_err(|why| why.to_string())
    };
    let said = "it is known as cleared with 100 USD, and the platform now says 60 USD: if a part was taken back, record \
                the cleared earning again with what is left of it";
    assert_eq!(
        differs(report(Stage::Cleared, "100 USD", 3), report(Stage::Approved, "60 USD", 4)),
        Err(said.to_owned())
    );
    assert_eq!(
        differs(by_owner(Stage::Paid, "100 USD", 3), report(Stage::Approved, "60 USD", 4)),
        Err(said.replace("cleared", "paid"))
    );
    // Of what was said before, and of a sum that came back, there is nothing to tell; nor of the owner's own word.
    for quiet in [
        (report(Stage::Cleared, "100 USD", 3), report(Stage::Paid, "60 USD", 2)),
        (report(Stage::Cleared, "100 USD", 3), report(Stage::Paid, "100.00 USD", 4)),
        (report(Stage::Cleared, "100 USD", 3), by_owner(Stage::Paid, "60 USD", 4)),
        (by_owner(Stage::Reversed, "100 USD", 3), report(Stage::Approved, "60 USD", 4)),
    ] {
        assert_eq!(differs(quiet.0, quiet.1), Ok(None));
    }
}

#[test]
fn what_is_taken_back_without_a_sum_is_what_is_known() {
    let gone = report(Stage::Reversed, "0.00 USD", 3);
    assert_eq!(earning().take(gone.clone(), on(4)), Ok(None), "of what is not known nothing is taken back");
    let (now, _) = told(earning(), [report(Stage::Approved, "100 USD", 1)]);
    let (now, entry) = now.take(gone.clone(), on(4)).unwrap().expect("it is news");
    assert_eq!(
        now.last.as_ref().map(|last| (last.stage, last.amount)),
        Some((Stage::Reversed, money("100 USD")))
    );
    assert_eq!(entry.postings.len(), 2, "the debt and the income are gone");
    assert_eq!(now.take(gone, on(5)), Ok(None));
    let by_owner = by_owner(Stage::Reversed, "0 USD", 6);
    assert!(matches!(now.take(by_owner, on(6)), Err(NotTaken::NotPositive(_))), "the owner says what it was");
}

/// A machine whose clock ran ahead stamped what it read; when the clock is right again, what it reads is news.
#[test]
fn what_a_clock_that_ran_ahead_stamped_hides_no_news() {
    let reverse = |last: Report, told_at: i64| {
        let (now, _) = earning().take(last, on(told_at)).unwrap().unwrap();
        now.take(report(Stage::Reversed, "100 USD", 4), on(4)).unwrap().is_some()
    };
    assert!(reverse(report(Stage::Approved, "100 USD", 34), 34));
    assert!(!reverse(report(Stage::Approved, "100 USD", 5), 4), "the platform's own clock may be ahead");
    assert!(!reverse(by_owner(Stage::Approved, "100 USD", 34), 34), "a day that the owner named is his word");
}

#[test]
fn a_report_that_contradicts_itself_is_refused_with_a_sentence() {
    let take = |change: &dyn Fn(&mut Report)| {
        let mut report = report(Stage::Approved, "10.00 EUR", 1);
        change(&mut report);
        earning().take(report, on(2)).unwrap_err().to_string()
    };
    assert_eq!(
        take(&|r| r.amount = money("-1 EUR")),
        "an earning of -1 EUR is none; write what was earned, and `reversed` for what was taken back"
    );
    assert_eq!(
        take(&|r| (r.stage, r.arrived) = (Stage::Cleared, Some(money("0 USD")))),
        "an earning of 0 USD is none; write what was earned, and `reversed` for what was taken back"
    );
    assert_eq!(
        take(&|r| r.fee = Some(money("1 EUR"))),
        "a fee belongs to an earning that is paid or cleared, and this one is said to be approved"
    );
    assert_eq!(
        take(&|r| r.fee = Some(money("1 USD"))),
        "EUR and USD are two currencies; they are never added"
    );
    assert_eq!(
        take(&|r| r.fee = Some(money("11 EUR"))),
        "a fee of 11 EUR does not go with an earning of 10.00 EUR"
    );
    assert_eq!(
        take(&|r| r.arrived = Some(money("1 USD"))),
        "what arrived belongs to an earning that is cleared, and this one is said to be approved"
    );
    let same = |r: &mut Report| (r.stage, r.arrived) = (Stage::Cleared, Some(money("9 EUR")));
    assert_eq!(
        take(&same),
        "what arrived is told only where it is in another currency; what is missing of 10.00 EUR is the fee"
    );
}

#[test]
fn what_is_no_money_is_refused() {
    for (amount, currency) in [
        ("1,50", "EUR"),
        ("1e3", "EUR"),
        ("", "EUR"),
        ("+1", "EUR"),
        ("1 000", "EUR"),
        ("NaN", "EUR"),
        ("1", "eur"),
        ("1", "EURO"),
        ("1", ""),
        ("1", "XYZ"),
        ("1000000000000", "EUR"),
        ("0.000000001", "BTC"),
        ("0.000000001", "EUR"),
        ("٣", "EUR"),
    ] {
        assert!(Money::read(amount, currency).is_err(), "{amount} {currency}");
    }
    assert!(money("1 EUR").plus(money("1 USD")).is_err());
    let stored = serde_json::to_string(&money("12.50 EUR")).unwrap();
    assert_eq!(serde_json::from_str::<Money>(&stored).unwrap(), money("12.50 EUR"));
    let (_, entries) = told(earning(), [report(Stage::Cleared, "9 EUR", 7)]);
    let (sums, usd) = (balances(&entries), money("1 USD").currency());
    assert_eq!(sums.of(&Account::Bank, money("1 EUR").currency()), money("9 EUR"));
    assert_eq!(sums.of(&Account::Bank, usd), Money::none(usd), "never set against another currency");
    assert_eq!(stored, r#"{"amount":"12.50","currency":"EUR"}"#);
    assert!(serde_json::from_str::<Money>(r#"{"amount":"12.50","currency":"EURO"}"#).is_err());
}

#[test]
fn what_a_person_writes_has_no_more_places_than_the_currency_and_a_report_may() {
    let typed = |amount, currency| Money::typed(amount, currency).map_err(|error| error.to_string());
    for (amount, currency, sentence) in [
        ("12.345", "EUR", "EUR has two decimals: did you mean 12345 or 12.35?"),
        ("12.500", "EUR", "EUR has two decimals: did you mean 12500 or 12.50?"),
        ("12.3456", "EUR", "EUR has two decimals: did you mean 12.35?"),
        ("12.345", "JPY", "JPY has no decimals: did you mean 12345 or 12?"),
        ("12.5", "JPY", "JPY has no decimals: did you mean 13?"),
        ("12.3456", "KWD", "KWD has three decimals: did you mean 12.346?"),
        ("0.125", "USD", "USD has two decimals: did you mean 0.13?"),
    ] {
        assert_eq!(typed(amount, currency), Err(sentence.to_owned()));
        assert_eq!(Money::read(amount, currency).unwrap().to_string(), format!("{amount} {currency}"));
    }
    for (amount, currency) in
        [("12.50", "EUR"), ("12", "JPY"), ("12.345", "KWD"), ("12.3456", "CLF"), ("1", "XAU")]
    {
        assert_eq!(typed(amount, currency), Ok(money(&format!("{amount} {currency}"))));
    }
}

#[test]
fn no_two_names_are_one_account_in_beancount() {
    let name = |text: &str| Account::Transit(text.parse().unwrap()).in_beancount();
    let all: std::collections::BTreeSet<String> =
        ["a-b", "a_b", "a.b", "a--b", "a-u-b", "a-d-b", "a__b"].into_iter().map(name).collect();
    assert_eq!(all.len(), 7);
    assert_eq!(name("4fund"), "Assets:Transit:4fund");
    assert_eq!(name("hackerone"), "Assets:Transit:Hackerone");
}

#[test]
fn an_export_is_one_line_a_fact_whoever_wrote_it() {
    let mut evil = Earning::new(
        "hackerone".parse().unwrap(),
        "=cmd|'x'!A1\n2020-01-01 * \"steal\"",
        "bug-bounty".parse().unwrap(),
        None,
    );
    let mut approved = report(Stage::Approved, "10.00 EUR", 1);
    approved.evidence.what = "a \"file\\\"\n    assets:bank  1000000 EUR".to_owned();
    let (after, entry) = evil.take(approved, on(2)).unwrap().unwrap();
    evil = after;
    assert_eq!(evil.stage(), Some(Stage::Approved));
    let head = Head { stamp: "sandbox", at: on(3) };
    for text in [hledger(head, [&entry]), beancount(head, [&entry])] {
        assert_eq!(text.matches("assets:bank").count() + text.matches("Assets:Bank").count(), 1, "{text}");
        assert!(
            !text
                .lines()
                .any(|line| line.starts_with("2020") || line.trim_start().starts_with("assets:bank"))
        );
        assert!(text.contains("sandbox"));
    }
    let csv = csv(head, [&entry]);
    assert_eq!(csv.matches("\r\n").count(), 3, "{csv}");
    assert!(csv.contains("\"'=cmd|"), "{csv}");
}

/// Beancount refuses a posting before its account's `open`; and each line says who gave the document.
#[test]
fn an_account_is_opened_on_its_first_day_in_whatever_order_entries_come() {
    let entry = |reference: &str, day: i64, source: Source| {
        let earning =
            Earning::new("hackerone".parse().unwrap(), reference, "bug-bounty".parse().unwrap(), None);
        let mut report = report(Stage::Approved, "10.00 EUR", day);
        report.evidence.source = source;
        earning.take(report, on(9)).unwrap().unwrap().1
    };
    let (early, late) = (entry("a", 1, Source::Owner), entry("b", 5, Source::Platform));
    let head = Head { stamp: "live", at: on(9) };
    let first = on(1).to_string()[..10].to_owned();
    for entries in [[&early, &late], [&late, &early]] {
        let text = beancount(head, entries);
        let opened: Vec<&str> = text.lines().filter(|line| line.contains(" open ")).collect();
        assert_eq!(opened.len(), 2, "{text}");
        assert!(opened.iter().all(|line| line.starts_with(&first)), "{text}");
        for source in ["owner", "platform"] {
            assert_eq!(text.matches(&format!("source: \"{source}\"")).count(), 1, "{text}");
        }
    }
}

/// A report of any sort, of amounts in two currencies.
fn any_report() -> impl Strategy<Value = Report> {
    let stage = proptest::sample::select(Stage::ALL.to_vec());
    let parts =
        (stage, 1..2_000_000i64, 0..4u32, 0..100i64, any::<bool>(), 0..3u8, any::<bool>(), any::<bool>());
    parts.prop_map(|(stage, amount, scale, day, usd, fee, foreign, owner)| {
        let of = |amount: i64, currency: &str| {
            Money::new(rust_decimal::Decimal::new(amount, scale), currency.parse().unwrap()).unwrap()
        };
        let currency = if usd { "USD" } else { "EUR" };
        let mut report = report(stage, "1 EUR", day);
        report.amount = of(amount, currency);
        report.evidence.source = if owner { Source::Owner } else { Source::Platform };
        if matches!(stage, Stage::Paid | Stage::Cleared) && fee > 0 {
            report.fee = Some(of(amount / 7, currency));
        }
        if stage == Stage::Cleared && foreign {
            report.arrived = Some(of(amount, "CHF"));
        }
        report
    })
}

proptest! {
    #[test]
    fn books_balance_and_nothing_counts_twice(
        reports in proptest::collection::vec((0..3usize, any_report()), 1..24),
        again in proptest::collection::vec(any::<bool>(), 24),
    ) {
        let names = ["a", "b", "c"];
        let mut earnings: Vec<Earning> = names
            .iter()
            .map(|name| Earning::new("algora".parse().unwrap(), name, "micro-tasks".parse().unwrap(), None))
            .collect();
        let mut entries = Vec::new();
        for ((which, report), twice) in reports.into_iter().zip(again) {
            // Another sum of what has arrived is refused; all else is well formed.
            if let Ok(Some((after, entry))) = earnings[which].take(report.clone(), on(1_000)) {
                entry.check().unwrap();
                entries.push(entry);
                earnings[which] = after;
            }
            if twice {
                let again = earnings[which].take(report, on(1_001));
                prop_assert!(matches!(again, Ok(None) | Err(NotTaken::Differs { .. })), "{again:?}");
            }
        }
        let ids: std::collections::BTreeSet<_> = entries.iter().map(|entry| entry.id.clone()).collect();
        prop_assert_eq!(ids.len(), entries.len(), "every entry has an id of its own");
        // The entries' sum is what the earnings stand at: nothing is lost, nothing is made.
        let sum = balances(&entries);
        let mut standing = Balances::default();
        for earning in &earnings {
            let mut whole = match entries.first() { Some(entry) => entry.clone(), None => continue };
            whole.postings = earning.standing().unwrap();
            whole.check().unwrap();
            standing.add(&whole).unwrap();
        }
        prop_assert!(sum.iter().eq(standing.iter()), "{:?} and {:?}", shown(&sum), shown(&standing));
        let told: Vec<Earning> = earnings.into_iter().filter(|earning| earning.last.is_some()).collect();
        prop_assert_eq!(check_books(&told, &entries), Ok(()));
        // An entry that is gone, doubled or changed is found, and so is an earning that is.
        let last = entries.pop().unwrap();
        prop_assert!(matches!(check_books(&told, &entries), Err(BadBooks::Apart(_))));
        entries.extend([last.clone(), last.clone()]);
        prop_assert!(matches!(check_books(&told, &entries), Err(BadBooks::Apart(_))));
        entries.pop();
        prop_assert!(check_books(&told[1..], &entries).is_err());
        if let Some(posting) = entries.last_mut().and_then(|entry| entry.postings.first_mut()) {
            posting.money = posting.money.negated();
            prop_assert!(matches!(check_books(&told, &entries), Err(BadBooks::Unbalanced(_))));
        }
    }

    #[test]
    fn a_series_of_reports_told_again_from_the_start_changes_nothing(
        mut reports in proptest::collection::vec(any_report(), 1..12),
    ) {
        // A platform tells its own history in order; a sync reads it from the start each time.
        reports.sort_by_key(|report| (report.as_of, report.stage));
        reports.dedup_by_key(|report| (report.as_of, report.stage));
        let (once, _) = told(earning(), reports.clone());
        let (twice, more) = told(once.clone(), reports);
        prop_assert_eq!(more.len(), 0);
        prop_assert_eq!(once, twice);
    }
}
