//! bug-bounty's books, where HackerOne's answers are not what they should be.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not be")]

mod bounty;

use bounty::*;
use mm_sdk::{SourceHealth, Stage};
use serde_json::{Value, json};

/// A page of a list, with another after it.
fn page(elements: impl IntoIterator<Item = Value>, next: &str) -> String {
    json!({ "data": elements.into_iter().collect::<Vec<_>>(), "links": { "next": next } }).to_string()
}

/// The second page of a list.
fn second(path: &str) -> String {
    format!("{}&page%5Bnumber%5D=2", url(path))
}

fn usd(id: &str, amount: &str, day: u32) -> Value {
    earning(&format!("e{id}"), amount.parse().unwrap(), bounty(id, amount, "0", "USD", day), day)
}

fn of(reference: &str, stage: Stage, amount: &str) -> (String, Stage, String) {
    (reference.to_owned(), stage, amount.to_owned())
}

/// The books take what is younger. An award of which nobody says when would be as young as its reading, and the
/// earning that it becomes, which is older, would never come into the books.
#[tokio::test]
async fn an_award_without_a_time_waits_until_it_is_an_earning() {
    let mut bench = bench();
    let mut timeless = bounty("b1", "150.00", "0", "USD", 1);
    timeless["attributes"].as_object_mut().unwrap().remove("created_at");
    let dated = bounty("b2", "20", "0", "USD", 2);
    let report = json!({ "id": "7", "attributes": { "state": "resolved" },
        "relationships": { "bounties": { "data": [timeless.clone(), dated] } } });
    bench.answer(&url("me/reports"), 200, list([report]));
    let (_, awarded) = run(&mut bench, 0).await;
    money(&mut bench, &[earning("e1", 150.0, timeless, 1), usd("b2", "20", 2)], &[], "170");
    let (_, earned) = run(&mut bench, 1).await;
    assert_eq!(booked(&awarded), [of("bounty-b2", Stage::Expected, "20 USD")]);
    let both = [of("bounty-b1", Stage::Approved, "150 USD"), of("bounty-b2", Stage::Approved, "20 USD")];
    assert_eq!(booked(&earned), both);
    for before in &awarded.earnings {
        let after = earned.earnings.iter().find(|after| after.reference == before.reference).unwrap();
        assert!(after.as_of >= before.as_of, "what comes later is no older: {before:?} {after:?}");
    }
}

/// A list that grows while it is read pushes rows from one page to the next, where they stand again.
#[tokio::test]
async fn what_stands_on_two_pages_counts_once() {
    let mut bench = bench();
    let twice = |bench: &mut mm_sdk::testing::Bench, path: &str, rows: [Value; 3]| {
        let [a, b, c] = rows;
        bench.answer(&url(path), 200, page([a, b.clone()], &second(path)));
        bench.answer(&second(path), 200, list([b, c]));
    };
    money(&mut bench, &[], &[], "7");
    twice(&mut bench, "payments/earnings", [usd("1", "100", 1), usd("2", "60", 2), usd("3", "7", 9)]);
    twice(&mut bench, "payments/payouts", [payout(100.0, 1), payout(60.0, 3), payout(0.0, 3)]);
    let report = |id: &str| {
        json!({ "id": id, "attributes": { "state": "triaged" },
        "relationships": { "bounties": { "data": [bounty(&format!("b{id}"), "5", "0", "USD", 9)] } } })
    };
    twice(&mut bench, "me/reports", ["7", "8", "9"].map(report));
    let (report, drafts) = run(&mut bench, 0).await;
    let stages = [
        of("bounty-1", Stage::Paid, "100 USD"),
        of("bounty-2", Stage::Paid, "60 USD"),
        of("bounty-3", Stage::Approved, "7 USD"),
        of("bounty-b7", Stage::Expected, "5 USD"),
        of("bounty-b8", Stage::Expected, "5 USD"),
        of("bounty-b9", Stage::Expected, "5 USD"),
    ];
    assert_eq!(booked(&drafts), stages);
    assert_eq!(drafts.alerts, []);
    let sums = "3 earnings, 3 payouts of 3 sent; HackerOne holds 7 for you".to_owned();
    assert_eq!(sentence(&report, "hackerone-money"), (SourceHealth::Fresh, sums));
}

/// A row that cannot be read costs itself, also where it stands alone on a page. A list of nothing else has changed
/// its shape, and is no empty list.
#[tokio::test]
async fn a_bad_row_alone_on_its_page_costs_itself_alone() {
    let mut bench = bench();
    money(&mut bench, &[], &[], "100");
    let bad = json!({ "id": "e7", "type": "earning-bounty-earned", "attributes": { "amount": "?" } });
    bench.answer(&url("payments/earnings"), 200, page([usd("1", "100", 1)], &second("payments/earnings")));
    bench.answer(&second("payments/earnings"), 200, list([bad.clone()]));
    let (report, drafts) = run(&mut bench, 0).await;
    assert_eq!(booked(&drafts), [of("bounty-1", Stage::Approved, "100 USD")]);
    assert!(report.errors.iter().any(|error| error.starts_with("1 earnings of HackerOne")), "{report:?}");
    for path in ["payments/earnings", "payments/payouts", "me/reports", "programs"] {
        let mut bench = bounty::bench();
        bench.answer(&url(path), 200, list([bad.clone(), bad.clone()]));
        let (report, drafts) = run(&mut bench, 0).await;
        let name = if path == "programs" { "hackerone-account" } else { "hackerone-money" };
        assert_eq!(sentence(&report, name).0, SourceHealth::Failed, "{path}");
        assert_eq!(booked(&drafts), []);
    }
}

/// What stands against one read of money and would against all is met once.
#[tokio::test]
async fn a_refusal_for_all_ends_the_reading_of_money() {
    let mut bench = bench();
    money(&mut bench, &[usd("1", "100", 1)], &[], "100");
    bench.answer(&url("payments/payouts"), 429, "{}");
    let (report, drafts) = run(&mut bench, 0).await;
    assert_eq!(sentence(&report, "hackerone-money").0, SourceHealth::Failed);
    assert_eq!(booked(&drafts), [of("bounty-1", Stage::Approved, "100 USD")]);
    let last = bench.asked().iter().rfind(|action| action.platform.as_str() == "hackerone").unwrap();
    assert!(last.request.url().as_str().contains("/payouts"), "{}", last.request.url());
}

/// An earning's own figure is in dollars: beside a bounty in euros it does not show whether that was shared.
#[tokio::test]
async fn a_bounty_that_may_have_been_shared_is_said_to_be_booked_whole() {
    let mut bench = bench();
    let euro = earning("e2", 54.0, bounty("2", "100", "0", "EUR", 1), 1);
    money(&mut bench, &[euro, usd("1", "100", 2)], &[], "154");
    let (report, drafts) = run(&mut bench, 0).await;
    let what = |reference: &str| {
        drafts.earnings.iter().find(|one| one.reference == reference).map(|one| one.what.clone()).unwrap()
    };
    assert_eq!(what("bounty-1"), "HackerOne's list of your earnings");
    assert_eq!(
        what("bounty-2"),
        "HackerOne's list of your earnings; whether the bounty was shared is not said"
    );
    let (_, said) = sentence(&report, "hackerone-money");
    assert!(said.contains("1 of bounties in other currencies than dollars, booked whole"), "{said}");
}

/// What is not booked is told once, also when a read between fails; told again it would be noise in each hour.
#[tokio::test]
async fn what_is_not_in_the_books_is_told_once() {
    let mut bench = bench();
    let told =
        |drafts: &mm_sdk::Drafts| drafts.alerts.iter().map(|alert| alert.about.clone()).collect::<Vec<_>>();
    let rows = [usd("1", "100", 1), usd("2", "-10", 2)];
    money(&mut bench, &rows, &[payout(99.0, 3)], "0");
    let (_, drafts) = run(&mut bench, 0).await;
    assert_eq!(told(&drafts).len(), 2, "{:?}", drafts.alerts);
    for hours in [1, 2] {
        let (report, drafts) = run(&mut bench, hours).await;
        assert_eq!(told(&drafts), Vec::<String>::new());
        let (_, said) = sentence(&report, "hackerone-money");
        assert!(said.contains("2 not in the books"), "{said}");
        // A list that could not be read takes nothing back.
        bench.answer(&url("payments/payouts"), 500, "");
        run(&mut bench, hours).await;
        money(&mut bench, &rows, &[payout(99.0, 3)], "0");
    }
    money(&mut bench, &[rows[0].clone(), rows[1].clone(), usd("3", "-5", 4)], &[payout(99.0, 3)], "0");
    assert_eq!(told(&run(&mut bench, 3).await.1), ["earning/e3"], "what is new is told");
}

/// Half of a bounty with a bonus as large as itself is as large as the bounty without it: which of them an earning is
/// nobody says, and no more is booked than it says of itself.
#[tokio::test]
async fn what_may_be_a_share_is_booked_as_it_says_of_itself() {
    let mut bench = bench();
    money(&mut bench, &[earning("e1", 100.0, bounty("1", "100.00", "100.00", "USD", 1), 1)], &[], "100");
    let (report, drafts) = run(&mut bench, 0).await;
    assert_eq!(booked(&drafts), [of("bounty-1", Stage::Approved, "100 USD")]);
    assert!(drafts.earnings[0].what.ends_with("; whether the bounty was shared is not said"), "{drafts:?}");
    let (_, said) = sentence(&report, "hackerone-money");
    assert!(said.contains("1 of bounties with a bonus, booked as the earning says"), "{said}");
}

/// The only alert of a run, which must be whole where an alert is cut.
fn alert(drafts: &mm_sdk::Drafts) -> String {
    let [alert] = drafts.alerts.as_slice() else { panic!("{:?}", drafts.alerts) };
    assert!(alert.sentence.len() <= 300, "{}: {alert:?}", alert.sentence.len());
    alert.sentence.clone()
}

/// Bounties are in the books by their own names: a payout that was recorded under another would be the same income
/// once more.
#[tokio::test]
async fn a_payout_that_matches_nothing_is_recorded_under_the_names_in_the_books() {
    let mut bench = bench();
    let rows = [usd("2811734", "300", 1), usd("2811735", "200", 2)];
    money(&mut bench, &rows, &[payout(480.55, 3)], "0");
    let (_, drafts) = run(&mut bench, 0).await;
    let said = alert(&drafts);
    assert!(said.contains("(bounty-2811734, bounty-2811735)") && said.contains("--stage paid"), "{said}");
    // Of what was paid before nothing is to be marked, and what is young is no part of it.
    let rows = [usd("1", "100", 1), usd("2", "60", 2), usd("3", "7", 9)];
    money(&mut bench, &rows, &[payout(100.0, 1), payout(55.0, 3)], "0");
    let said = alert(&run(&mut bench, 1).await.1);
    assert!(said.contains("(bounty-2)"), "{said}");
    // Where nothing is unpaid there is nothing to record.
    money(&mut bench, &rows[..1], &[payout(100.0, 1), payout(55.0, 4)], "0");
    let said = alert(&run(&mut bench, 2).await.1);
    assert!(!said.contains("earnings record"), "{said}");
}

/// A bounty that HackerOne does not show yet it may show in an hour, and then it is booked by its own name.
#[tokio::test]
async fn an_earning_without_its_bounty_is_waited_for_and_not_booked_by_hand() {
    let mut bench = bench();
    money(&mut bench, &[earning("e1", 150.0, Value::Null, 1)], &[], "150");
    let (_, drafts) = run(&mut bench, 0).await;
    assert_eq!(booked(&drafts), []);
    let said = alert(&drafts);
    assert!(said.contains("wait") && !said.contains("earnings record"), "{said}");
    money(&mut bench, &[earning("e1", 150.0, bounty("b1", "150", "0", "USD", 1), 1)], &[], "150");
    let (_, drafts) = run(&mut bench, 1).await;
    assert_eq!(booked(&drafts), [of("bounty-b1", Stage::Approved, "150 USD")]);
}

/// What is taken back is no earning under a name of its own, whatever HackerOne calls it.
#[tokio::test]
async fn what_is_taken_back_is_reversed_under_the_name_in_the_books() {
    for (kind, bounty_of, named) in [
        ("earning-clawback", bounty("b1", "100", "0", "USD", 1), "hackerone bounty-b1 "),
        ("earning-clawback", Value::Null, "hackerone bounty-ID "),
        ("earning-bounty-earned", bounty("b1", "-100", "0", "USD", 1), "hackerone bounty-b1 "),
        ("earning-bounty-earned", Value::Null, "hackerone bounty-ID "),
    ] {
        let mut bench = bench();
        let mut row = earning("e2", -100.0, bounty_of, 2);
        row["type"] = json!(kind);
        money(&mut bench, &[row], &[], "0");
        let said = alert(&run(&mut bench, 0).await.1);
        assert!(said.contains(named) && said.contains("--stage reversed"), "{said}");
        assert!(!said.contains("approved"), "{said}");
    }
}

/// What is earned in a way that is not known here, and of a bounty, may be a part of it, which is in the books whole.
#[tokio::test]
async fn what_is_of_a_bounty_has_the_name_of_the_bounty() {
    let mut bench = bench();
    let mut bonus = earning("e2", 25.0, bounty("b1", "150", "25", "USD", 1), 2);
    bonus["type"] = json!("earning-bonus-earned");
    money(&mut bench, &[bonus], &[], "25");
    let said = alert(&run(&mut bench, 0).await.1);
    assert!(said.contains("hackerone bounty-b1 ") && !said.contains("hackerone earning-"), "{said}");
}

/// A payout that is still to come keeps none of the others from being read.
#[tokio::test]
async fn a_payout_that_is_not_paid_out_yet_pays_nothing_and_hides_nothing() {
    let mut bench = bench();
    let mut to_come = payout(60.0, 3);
    (to_come["paid_out_at"], to_come["status"]) = (Value::Null, Value::Null);
    money(&mut bench, &[usd("1", "100", 1), usd("2", "60", 2)], &[payout(100.0, 1), to_come], "60");
    let (report, drafts) = run(&mut bench, 0).await;
    let both = [of("bounty-1", Stage::Paid, "100 USD"), of("bounty-2", Stage::Approved, "60 USD")];
    assert_eq!((booked(&drafts).as_slice(), drafts.alerts.as_slice()), (both.as_slice(), [].as_slice()));
    let sums = "2 earnings, 1 payouts of 2 sent, 1 not paid out yet; HackerOne holds 60 for you".to_owned();
    assert_eq!(sentence(&report, "hackerone-money"), (SourceHealth::Fresh, sums));
}

/// What a payout is called beside `sent` no document says: it may be on its way, or have come back. It books nothing,
/// takes nothing back, and the owner is told by its name, once.
#[tokio::test]
async fn a_payout_that_is_called_otherwise_is_told_by_name() {
    let mut bench = bench();
    let rows = [usd("1", "100", 1)];
    money(&mut bench, &rows, &[payout(100.0, 2)], "0");
    let (_, drafts) = run(&mut bench, 0).await;
    assert_eq!((booked(&drafts), drafts.alerts), (vec![of("bounty-1", Stage::Paid, "100 USD")], vec![]));
    for (hours, undated) in [(1, false), (3, true)] {
        let mut back = payout(100.0, 2);
        back["status"] = json!(format!("re\u{1b}turned {undated}"));
        if undated {
            back["paid_out_at"] = Value::Null;
        }
        money(&mut bench, &rows, &[back], "100");
        let (_, drafts) = run(&mut bench, hours).await;
        // As of its award, which is older than what is in the books: the books pass over it.
        assert_eq!(booked(&drafts), [of("bounty-1", Stage::Approved, "100 USD")]);
        let said = alert(&drafts);
        let begins =
            format!("HackerOne calls payout r2 of 100 `re\u{fffd}turned {undated}`, not known here: ");
        assert!(said.starts_with(&begins), "{said}");
        assert!(said.contains("--stage approved") && said.ends_with("STATEMENT"), "{said}");
        let (_, drafts) = run(&mut bench, hours + 1).await;
        assert_eq!(drafts.alerts, [], "once");
    }
    let mut long = payout(1_234_567.89, 2);
    (long["reference"], long["status"]) = (json!("r".repeat(99)), json!("w".repeat(99)));
    money(&mut bench, &[], &[long], "0");
    alert(&run(&mut bench, 5).await.1);
    let mut timeless = payout(100.0, 2);
    (timeless["reference"], timeless["paid_out_at"]) = (Value::Null, Value::Null);
    money(&mut bench, &[], &[timeless], "0");
    let said = alert(&run(&mut bench, 6).await.1);
    assert!(said.starts_with("HackerOne calls payout of no day of 100 `sent` and no day: "), "{said}");
}
