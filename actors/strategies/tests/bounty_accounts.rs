//! bug-bounty with the owner's accounts: private programmes, quoted rules, money, and reports that he sends.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not be")]

mod bounty;

use bounty::*;
use mm_sdk::testing::Bench;
use mm_sdk::testing::Verdict;
use mm_sdk::{Act, Answer, Draft, ErrorClass, Moment, Refusal, SourceHealth, Stage, Strategy};
use mm_strategies::bug_bounty::scope::Source;
use mm_strategies::bug_bounty::{BugBounty, Snapshot};
use serde_json::{Value, json};

#[tokio::test]
async fn private_programmes_are_listed_with_their_rules_quoted_and_named_in_no_title() {
    let mut bench = bench();
    let (report, drafts) = run(&mut bench, 0).await;
    assert_eq!(report.errors, Vec::<String>::new());
    let listed = private(&drafts);
    let of = |platform: &str| *listed.iter().find(|draft| draft.platform == platform).unwrap();
    assert_eq!(listed.len(), 3);
    for draft in &listed {
        assert!(
            !draft.tell && draft.details.value()["baseline"] == true,
            "what was there is no news: {draft:?}"
        );
        assert!(draft.title.contains("a private programme") && draft.evidence.is_some(), "{draft:?}");
        assert_eq!(draft.payer, None, "a late payment would name it");
        for name in ["vault", "Hidden", "Secret"] {
            assert!(!draft.title.contains(name) && !draft.reason.contains(name), "{draft:?}");
        }
    }
    let automation = |platform: &str| of(platform).details.value()["automation"].clone();
    assert_eq!(
        automation("hackerone"),
        json!({ "allowed": "no", "quote": "Do not use automated scanners." })
    );
    let quoted = "testingRequirements.automatedTooling: 2 … user agent: X-Me";
    assert_eq!(automation("intigriti"), json!({ "allowed": "under conditions", "quote": quoted }));
    assert_eq!(automation("yeswehack"), json!({ "allowed": "not stated", "quote": "not stated" }));
    let targets = of("intigriti").details.value()["targets"].clone();
    assert_eq!(
        (targets.as_array().unwrap().len(), &targets[0]["identifier"]),
        (1, &json!("in.hidden.example"))
    );
    assert_eq!(of("yeswehack").reward.as_ref().unwrap().currency, "EUR");
    // What the public files show is told by them alone, and says that its rules were not read.
    let public = drafts.opportunities.iter().filter(|draft| draft.details.value()["private"] == false);
    let said = |draft: &Draft| draft.details.value()["automation"]["allowed"].as_str().unwrap().to_owned();
    let (mut read, mut unread) = (0, 0);
    for draft in public {
        let own = draft.about[0] == "acme";
        assert_eq!(said(draft), if own { "yes" } else { "not read" }, "{draft:?}");
        if own { read += 1 } else { unread += 1 }
    }
    assert!(read == 1 && unread > 2, "the list of programmes holds the rules of public ones too");
    let bugcrowd = drafts.opportunities.iter().find(|draft| draft.platform == "bugcrowd").unwrap();
    assert_eq!(bugcrowd.details.value().get("automation"), None, "there is no account to read them with");
}

#[tokio::test]
async fn what_is_new_in_a_private_programme_is_told_once_and_what_was_not_read_removes_nothing() {
    let mut bench = bench();
    run(&mut bench, 0).await;
    let (_, drafts) = run(&mut bench, 1).await;
    assert_eq!(private(&drafts), Vec::<&Draft>::new(), "the same again is no news");
    bench.answer(
        &url("programs/vault/structured_scopes"),
        200,
        list([scope(1, "one.vault.example"), scope(2, "two.vault.example")]),
    );
    let (_, drafts) = run(&mut bench, 2).await;
    let [added] = private(&drafts)[..] else { panic!("{drafts:?}") };
    assert_eq!((added.kind.as_str(), added.tell), ("targets_added", true));
    assert_eq!(added.title, "New in scope of a private programme on hackerone: 1 target");
    assert_eq!(added.details.value()["targets"][0]["identifier"], "two.vault.example");
    // Neither a failure, nor a torn list, nor a list that is not whole takes anything away, for as long as it lasts.
    let scopes = url("programs/vault/structured_scopes");
    for (hours, body) in
        [(10, "{\"data\": [{}"), (40, "{}"), (90, &list([scope(1, "one.vault.example"), json!({})]))]
    {
        bench.answer(&scopes, 200, body);
        bench.answer(&url("programs"), 500, "");
        let (_, drafts) = run(&mut bench, hours).await;
        assert_eq!(private(&drafts), Vec::<&Draft>::new());
    }
    let snapshot = Snapshot::open(bench.snapshot().unwrap()).unwrap();
    assert!(snapshot.accounts[&Source::HackerOne].memory.in_scope("vault", "two.vault.example"));
    // One that is really gone is told, after the wait of any source.
    let programmes = [programme("acme", "public_mode", "")];
    bench.answer(&url("programs"), 200, list(programmes));
    let mut told = Vec::new();
    for hours in (100..400).step_by(7) {
        told.extend(
            run(&mut bench, hours)
                .await
                .1
                .opportunities
                .into_iter()
                .filter(|draft| draft.kind == "programme_gone"),
        );
    }
    let [gone] = &told[..] else { panic!("{told:?}") };
    assert_eq!(gone.title, "Programme gone from hackerone: a private programme");
}

/// A list that lacks half of what was known is taken for an outage: said once in each run until it is over, also
/// in those that do not read the list again.
#[tokio::test]
async fn a_list_that_shrank_is_an_outage_until_it_is_whole_again() {
    let mut bench = bench();
    let listed = |n: u32| {
        let programmes = (0..n).map(|nth| programme(&format!("house-{nth}"), "public_mode", ""));
        list(programmes.collect::<Vec<_>>())
    };
    bench.answer(&url("programs"), 200, listed(8));
    for (hours, programmes, wanted) in [
        (0, 8, SourceHealth::Fresh),
        (7, 2, SourceHealth::Broken),
        (8, 2, SourceHealth::Broken),
        (9, 8, SourceHealth::Broken),
        (14, 8, SourceHealth::Fresh),
        (15, 8, SourceHealth::Fresh),
    ] {
        bench.answer(&url("programs"), 200, listed(programmes));
        let (report, _) = run(&mut bench, hours).await;
        let (health, sentence) = sentence(&report, "hackerone-account");
        assert_eq!(health, wanted, "after {hours} hours: {sentence}");
        assert_eq!(
            sentence.contains("it lacks 6 known programmes"),
            wanted == SourceHealth::Broken,
            "{sentence}"
        );
    }
}

#[tokio::test]
async fn a_list_of_many_pages_is_read_whole_and_a_forged_page_ends_it() {
    let mut bench = bench();
    let page =
        |elements: Vec<Value>, next: &str| json!({ "data": elements, "links": { "next": next } }).to_string();
    let two = format!("{H1}/programs?page%5Bnumber%5D=2&page%5Bsize%5D=100");
    bench.answer(&url("programs"), 200, page(vec![programme("acme", "public_mode", "")], &two));
    bench.answer(&two, 200, list([programme("vault", "soft_launched", "")]));
    let (report, drafts) = run(&mut bench, 0).await;
    assert_eq!(sentence(&report, "hackerone-account").1, "2 programmes, 1 of them private; looked at 1");
    assert_eq!(private(&drafts).len(), 3);
    bench.answer(
        &url("programs"),
        200,
        page(vec![programme("acme", "public_mode", "")], "https://evil.example/programs"),
    );
    let (report, drafts) = run(&mut bench, 7).await;
    let (health, why) = sentence(&report, "hackerone-account");
    assert!(
        health == SourceHealth::Failed && why.contains("evil.example") && why.contains("not followed"),
        "{why}"
    );
    assert_eq!(private(&drafts), Vec::<&Draft>::new());
    assert!(bench.asked().iter().all(|action| action.request.url().host() != "evil.example"));
}

#[tokio::test]
async fn an_expired_token_is_one_sentence_costs_its_platform_alone_and_is_not_hammered() {
    let mut bench = bench();
    let said = json!({ "errors": [{ "status": "401", "title": "Invalid authentication" }] }).to_string();
    for path in ["programs", "payments/earnings", "payments/payouts", "me/reports"] {
        bench.answer(&url(path), 401, said.clone());
    }
    let (report, drafts) = run(&mut bench, 0).await;
    let (health, why) = sentence(&report, "hackerone-account");
    assert_eq!(health, SourceHealth::Failed);
    assert!(why.ends_with("answered with status 401: Invalid authentication"), "{why}");
    assert_eq!(
        report.sources.iter().filter(|source| source.health == SourceHealth::Failed).count(),
        1,
        "{report:?}"
    );
    assert_eq!((drafts.earnings.len(), private(&drafts).len()), (0, 2));
    let asked = bench.asked().iter().filter(|action| action.platform.as_str() == "hackerone").count();
    assert_eq!(asked, 1, "one refusal is enough");
}

#[tokio::test]
async fn money_is_expected_approved_and_paid_and_told_again_it_is_the_same() {
    let mut bench = bench();
    let report = json!({ "id": "7", "attributes": { "state": "triaged" },
        "relationships": { "bounties": { "data": [bounty("b1", "150.00", "25.00", "USD", 1)] } } });
    bench.answer(&url("me/reports"), 200, list([report]));
    let (_, drafts) = run(&mut bench, 0).await;
    assert_eq!(booked(&drafts), [("bounty-b1".to_owned(), Stage::Expected, "175 USD".to_owned())]);
    let one = earning("e1", 150.0, bounty("b1", "150.00", "25.00", "USD", 1), 1);
    let euro = earning("e2", 108.0, bounty("b2", "100", "0", "EUR", 2), 2);
    money(&mut bench, &[euro.clone(), one.clone()], &[], "283");
    let (report, drafts) = run(&mut bench, 1).await;
    let of = |reference: &str, stage, amount: &str| (reference.to_owned(), stage, amount.to_owned());
    let approved = [of("bounty-b1", Stage::Approved, "175 USD"), of("bounty-b2", Stage::Approved, "100 EUR")];
    assert_eq!(booked(&drafts), approved);
    assert!(drafts.earnings.iter().all(|one| one.fee.is_none() && one.platform.as_str() == "hackerone"));
    assert!(report.metrics.contains(&("hackerone.balance_cents".to_owned(), 28_300)));
    let (_, again) = run(&mut bench, 2).await;
    assert_eq!(again.earnings, drafts.earnings, "the same report word for word, which the ledger takes once");
    // A payout that covers exactly what was unpaid before it.
    money(&mut bench, std::slice::from_ref(&one), &[payout(175.0, 3)], "0");
    let (_, drafts) = run(&mut bench, 3).await;
    assert_eq!(booked(&drafts), [of("bounty-b1", Stage::Paid, "175 USD")]);
    assert_eq!(drafts.earnings[0].as_of, "2026-06-03T12:00:00Z".parse::<Moment>().unwrap());
    assert_eq!(drafts.alerts, []);
}

#[tokio::test]
async fn what_is_not_sure_is_told_and_never_booked() {
    let mut bench = bench();
    let usd = |id: &str, amount: &str, day| {
        earning(&format!("e{id}"), amount.parse().unwrap(), bounty(id, amount, "0", "USD", day), day)
    };
    let retest = json!({ "id": "e9", "type": "earning-retest-completed",
        "attributes": { "amount": 50, "created_at": "2026-06-02T00:00:00.000Z" } });
    let back = usd("3", "-10", 2);
    let rows = [usd("1", "100", 1), retest.clone(), back];
    // The retest has no currency, so it is not booked; that it was part of what was held is no reason not to know
    // that the bounty was paid.
    money(&mut bench, &rows, &[payout(140.0, 3)], "0");
    let (_, drafts) = run(&mut bench, 0).await;
    let of = |reference: &str, stage, amount: &str| (reference.to_owned(), stage, amount.to_owned());
    assert_eq!(booked(&drafts), [of("bounty-1", Stage::Paid, "100 USD")]);
    let told: Vec<&str> = drafts.alerts.iter().map(|alert| alert.about.as_str()).collect();
    assert_eq!(told, ["earning/e3", "earning/e9"], "{:?}", drafts.alerts);
    // A payout that is not what was unpaid pays nothing; one after it starts anew.
    let rows = [usd("1", "100", 1), usd("2", "60", 5), usd("4", "0.1", 7), usd("5", "0.2", 8)];
    money(&mut bench, &rows, &[payout(99.99, 6), payout(0.3, 9)], "0");
    let (report, drafts) = run(&mut bench, 1).await;
    let stages = [
        of("bounty-1", Stage::Approved, "100 USD"),
        of("bounty-2", Stage::Approved, "60 USD"),
        of("bounty-4", Stage::Paid, "0.1 USD"),
        of("bounty-5", Stage::Paid, "0.2 USD"),
    ];
    assert_eq!(booked(&drafts), stages, "to the cent");
    assert_eq!(drafts.alerts.len(), 1, "{:?}", drafts.alerts);
    assert!(sentence(&report, "hackerone-money").1.contains("earnings less payouts come to"), "{report:?}");
    // A row that cannot be read makes every sum unknown.
    let torn = json!({ "id": "e7", "type": "earning-bounty-earned", "attributes": { "amount": "?" } });
    money(&mut bench, &[usd("1", "100", 1), torn], &[payout(100.0, 3)], "0");
    let (report, drafts) = run(&mut bench, 2).await;
    assert_eq!(booked(&drafts), [of("bounty-1", Stage::Approved, "100 USD")]);
    assert!(report.errors.iter().any(|error| error.contains("could not be read")), "{report:?}");
    // Euros are no part of a sum of dollars, and a payout that is not known to be sent is none.
    let euro = earning("e2", 108.0, bounty("2", "100", "0", "EUR", 1), 1);
    money(&mut bench, &[euro, usd("1", "100", 2)], &[payout(208.0, 3)], "0");
    let (_, drafts) = run(&mut bench, 3).await;
    assert!(booked(&drafts).iter().all(|(_, stage, _)| *stage == Stage::Approved));
    let mut odd = payout(100.0, 3);
    odd["status"] = json!("on its way");
    money(&mut bench, &[usd("1", "100", 1)], &[odd], "0");
    let (_, drafts) = run(&mut bench, 4).await;
    assert_eq!(booked(&drafts), [of("bounty-1", Stage::Approved, "100 USD")]);
}

/// What is of another shape may name a private programme: it is told by its place and its type, in a run's errors and
/// in what is said of a source, which may leave the machine.
#[tokio::test]
async fn what_cannot_be_read_is_told_without_what_stands_in_it() {
    const CANARY: &str = "acme-secret";
    let whole = |report: &mm_sdk::Report| format!("{:?} {:?}", report.errors, report.sources);
    let good = json!({ "slug": "b", "title": "B", "public": false, "bounty": true });
    let mut bad = good.clone();
    bad["business_unit"] = json!(format!("/business-units/{CANARY}, expected {CANARY}"));
    for items in [vec![good, bad.clone()], vec![bad]] {
        let mut bench = bench();
        let n = items.len();
        let page = json!({ "items": items, "pagination": { "nb_pages": 1 } });
        bench.answer(&format!("{YWH}/programs?page=1&resultsPerPage=50"), 200, page.to_string());
        let (report, drafts) = run(&mut bench, 0).await;
        let told = whole(&report);
        let says = format!("number {n} is not a programme: invalid type: string, expected struct");
        assert!(told.contains(&says) && !told.contains(CANARY), "{told}");
        assert!(!format!("{:?}", drafts.alerts).contains(CANARY), "{:?}", drafts.alerts);
    }
    let mut odd = earning("e1", 1.0, bounty("b1", "1", "0", "USD", 1), 1);
    odd["relationships"]["program"] = json!({ "data": { "attributes": { "handle": CANARY } } });
    let with = |at: &str, value: Value| {
        let mut odd = odd.clone();
        *odd.pointer_mut(at).unwrap() = value;
        list([odd])
    };
    let of_bounty = "/relationships/bounty/data/attributes/";
    let intigriti = format!("{INTIGRITI}/programs?limit=500&offset=0");
    for (at, body) in [
        (url("programs"), json!({ "data": [{ "attributes": CANARY }] }).to_string()),
        (url("programs"), json!({ "data": CANARY }).to_string()),
        (
            url("programs"),
            json!({ "data": [programme("x", "public_mode", "")], "links": CANARY }).to_string(),
        ),
        (
            intigriti.clone(),
            json!({ "maxCount": 1, "records": [{ "id": "1", "status": CANARY }] }).to_string(),
        ),
        (intigriti, json!({ "maxCount": CANARY, "records": [] }).to_string()),
        (url("payments/earnings"), with("/relationships", json!(CANARY))),
        (url("payments/earnings"), with("/attributes/amount", json!(CANARY))),
        (url("payments/earnings"), with("/attributes/created_at", json!(CANARY))),
        (url("payments/earnings"), with(&format!("{of_bounty}awarded_currency"), json!(CANARY))),
        (url("payments/earnings"), with(&format!("{of_bounty}awarded_amount"), json!(CANARY))),
        (url("me/reports"), json!({ "data": [{ "id": "7", "attributes": CANARY }] }).to_string()),
        (url("payments/payouts"), list([json!({ "amount": CANARY, "paid_out_at": CANARY })])),
    ] {
        let mut bench = bench();
        bench.answer(&at, 200, body.clone());
        let (report, drafts) = run(&mut bench, 0).await;
        let told = whole(&report);
        let is_told = report.sources.iter().any(|source| source.health == SourceHealth::Failed);
        assert!(is_told && !told.contains(CANARY), "{body}: {told}");
        assert!(!format!("{:?}", drafts.alerts).contains(CANARY), "{body}: {:?}", drafts.alerts);
    }
}

/// A first read of an old account is one alert, and the sentences, each with its command, are in the report.
#[tokio::test]
async fn an_old_history_is_told_in_one_sentence() {
    let mut bench = bench();
    let retest = |n: u32| {
        json!({ "id": format!("e{n}"), "type": "earning-retest-completed",
            "attributes": { "amount": 50, "created_at": format!("2026-05-{n:02}T00:00:00.000Z") } })
    };
    let rows: Vec<Value> = (1..=7).map(retest).collect();
    let payouts: Vec<Value> = (10..15).map(|day| payout(33.0, day)).collect();
    money(&mut bench, &rows, &payouts, "0");
    let (report, drafts) = run(&mut bench, 0).await;
    let [alert] = drafts.alerts.as_slice() else { panic!("{:?}", drafts.alerts) };
    assert!(
        alert.sentence.starts_with("7 earnings and 5 payouts at HackerOne are not in the books"),
        "{alert:?}"
    );
    assert!(alert.sentence.contains("strategy show bug-bounty") && alert.sentence.len() <= 300, "{alert:?}");
    assert!(
        !alert.sentence.contains("--stage"),
        "a payout is no earning, and has no name of its own: {alert:?}"
    );
    assert_eq!(report.errors.len(), 12, "{:?}", report.errors);
    let (report, drafts) = run(&mut bench, 1).await;
    assert!(drafts.alerts.is_empty() && report.errors.is_empty(), "told once: {report:?}");
}

#[tokio::test]
async fn a_report_is_a_skeleton_for_its_owner_and_leaves_by_nobody_else() {
    let mut bench = bench();
    let (_, first) = run(&mut bench, 0).await;
    let bugcrowd = first.opportunities.iter().find(|draft| draft.platform == "bugcrowd").unwrap();
    let accepted: Vec<&Draft> = private(&first).into_iter().chain([bugcrowd]).collect();
    accept(&mut bench, &accepted);
    let (report, _) = run(&mut bench, 1).await;
    assert_eq!(report.errors, Vec::<String>::new());
    let waiting: Vec<_> = bench.waiting().map(|(id, action)| (id.clone(), action.clone())).collect();
    assert_eq!(waiting.len(), 3, "one for each platform with an account");
    for (n, platform) in ["hackerone", "intigriti", "yeswehack"].into_iter().enumerate() {
        let rule = format!("{platform}/submit-report");
        bench.assert_ruled(&format!("report-opp-{n}"), Verdict::Ask, &rule);
        let ruled = bench.ruled().iter().rfind(|ruled| ruled.step == format!("report-opp-{n}")).unwrap();
        assert!(ruled.judgement.by_owner, "{platform}: a person sends it");
        let (_, action) = waiting.iter().find(|(_, action)| action.platform.as_str() == platform).unwrap();
        let body = String::from_utf8(action.request.body().to_vec()).unwrap();
        assert!(mm_sdk::blank::in_text(&body).is_some(), "it has blanks: {body}");
        assert!(action.notes[0].starts_with("automated tools: "), "{:?}", action.notes);
        assert!(action.notes.iter().any(|note| note.contains("private")), "{:?}", action.notes);
        assert!(
            !action.purpose.contains("vault") && !action.purpose.contains("secret"),
            "{}",
            action.purpose
        );
    }
    let (h1, action) = waiting.iter().find(|(_, action)| action.platform.as_str() == "hackerone").unwrap();
    assert!(action.notes[0].contains("no (“Do not use automated scanners.”)"), "{:?}", action.notes);
    let body: Value = serde_json::from_slice(action.request.body()).unwrap();
    let text = body["data"]["attributes"]["vulnerability_information"].as_str().unwrap();
    assert!(text.contains("- `one.vault.example`"), "{text}");
    run(&mut bench, 2).await;
    assert_eq!(bench.waiting().count(), 3, "what waits is not drafted again");
    // He says that he sent one, declines another, and lets the time of the third pass.
    let ids: Vec<_> = waiting.iter().map(|(id, _)| id.clone()).collect();
    bench.act_is(
        &format!("{H1}/reports"),
        Act::Done(Answer {
            status: Answer::UNSEEN,
            headers: vec![],
            body: vec![],
            at: START.parse().unwrap(),
        }),
    );
    bench.approve(h1);
    let others: Vec<_> = ids.iter().filter(|id| *id != h1).collect();
    bench.reject(others[0]);
    bench.settle(others[1].clone(), Act::Refused(Refusal::new(ErrorClass::Transient, "its time passed")));
    let (_, drafts) = run(&mut bench, 3).await;
    let told: Vec<_> = drafts.alerts.iter().map(|alert| &alert.sentence).collect();
    assert!(told.len() == 1 && told[0].contains("opportunities submitted opp-0"), "{told:?}");
    let asked =
        |bench: &Bench| bench.asked().iter().filter(|action| action.kind.as_str() == "submit-report").count();
    assert_eq!(asked(&bench), 4, "only what nobody decided is drafted anew");
}

#[tokio::test]
async fn no_report_is_drafted_before_the_rules_were_read() {
    let mut bench = bench();
    let (_, first) = run(&mut bench, 0).await;
    let public = first
        .opportunities
        .iter()
        .find(|draft| draft.platform == "yeswehack" && draft.details.value()["private"] == false);
    accept(&mut bench, &[public.unwrap()]);
    let (report, _) = run(&mut bench, 1).await;
    assert_eq!(bench.waiting().count(), 0);
    assert!(report.errors.iter().any(|error| error.contains("its rules were not read")), "{report:?}");
    let slug = public.unwrap().about[0].clone();
    let detail =
        json!({ "slug": slug, "public": true, "scopes": [], "rules": "Automated tools are forbidden." });
    bench.answer(&format!("{YWH}/programs/{slug}"), 200, detail.to_string());
    run(&mut bench, 2).await;
    let notes: Vec<_> = bench.waiting().flat_map(|(_, action)| action.notes.clone()).collect();
    assert!(notes[0].contains("no (“Automated tools are forbidden.”)"), "{notes:?}");
    let mut silent = BugBounty::default();
    silent.initialise(&json!({ "yeswehack_account": "main", "report": "never" })).unwrap();
    let before = bench.asked().len();
    bench.run(&mut silent).await.unwrap();
    assert!(bench.asked()[before..].iter().all(|action| action.kind.as_str() != "submit-report"));
}

/// What was allowed in spring may be refused by now: the words of long ago are noted on no report.
#[tokio::test]
async fn the_rules_are_read_anew_before_a_report_is_drafted() {
    let mut bench = bench();
    let (_, first) = run(&mut bench, 0).await;
    let of = |draft: &&Draft| draft.platform == "yeswehack" && draft.details.value()["private"] == false;
    let public = first.opportunities.iter().find(of).unwrap();
    let slug = public.about[0].clone();
    let says = |bench: &mut Bench, rules: &str| {
        let detail = json!({ "slug": slug, "public": true, "scopes": [], "rules": rules });
        bench.answer(&format!("{YWH}/programs/{slug}"), 200, detail.to_string());
    };
    let notes = |bench: &Bench| {
        let newest = bench.asked().iter().rfind(|action| action.kind.as_str() == "submit-report");
        newest.unwrap().notes.clone()
    };
    says(&mut bench, "You may use automated tools.");
    accept(&mut bench, &[public]);
    run(&mut bench, 1).await;
    assert!(notes(&bench)[0].contains("yes (“You may use automated tools.”)"));
    let waiting: Vec<_> = bench.waiting().map(|(id, _)| id.clone()).collect();
    bench.settle(waiting[0].clone(), Act::Refused(Refusal::new(ErrorClass::Transient, "its time passed")));
    says(&mut bench, "Automated tools are forbidden.");
    run(&mut bench, 800).await;
    assert!(notes(&bench)[0].contains("no (“Automated tools are forbidden.”)"), "{:?}", notes(&bench));
}

#[tokio::test]
async fn without_an_account_it_is_the_watch_of_public_files() {
    let mut bench = bench();
    let (report, drafts) = bench.run(&mut BugBounty::default()).await.unwrap();
    assert!(bench.asked().iter().all(|action| action.platform.as_str() == "bounty-targets-data"));
    assert_eq!((report.sources.len(), drafts.earnings.len(), drafts.opportunities.len()), (5, 0, 9));
    assert!(drafts.opportunities.iter().all(|draft| draft.details.value().get("automation").is_none()));
}

#[test]
fn settings_are_checked() {
    let mut strategy = BugBounty::default();
    for good in [json!({}), Value::Null, json!({ "hackerone_account": "" }), json!({ "report": "ask" })] {
        assert_eq!(strategy.initialise(&good), Ok(()));
    }
    for (bad, named) in [
        (json!({ "hackerone_account": 7 }), "`hackerone_account`"),
        (json!({ "intigriti_account": "A B" }), "`intigriti_account`"),
        (json!({ "report": "always" }), "`report`"),
        (json!({ "hackerone_token": "x" }), "`hackerone_token`"),
        (json!([]), "settings"),
    ] {
        let refused = strategy.initialise(&bad).unwrap_err();
        assert!(refused.contains(named), "{refused}");
    }
}

/// A report that cannot be drafted, since its programme is not shown, and an earning that is told and not booked:
/// with them the snapshot has something of everything.
async fn kept_of_everything() -> Snapshot {
    let mut bench = bench();
    let (_, first) = run(&mut bench, 0).await;
    let public = first
        .opportunities
        .iter()
        .find(|draft| draft.platform == "yeswehack" && draft.details.value()["private"] == false);
    let public = public.unwrap();
    bench.answer(&format!("{YWH}/programs/{}", public.about[0]), 404, "{}");
    let accepted: Vec<&Draft> = private(&first).into_iter().chain([public]).collect();
    accept(&mut bench, &accepted);
    money(&mut bench, &[earning("e1", -10.0, bounty("b1", "-10", "0", "USD", 1), 1)], &[], "0");
    run(&mut bench, 1).await;
    Snapshot::open(bench.snapshot().unwrap()).unwrap()
}

/// Golden bytes of the third schema of the snapshot: it must open for ever. What a run comes to may change; what was
/// kept before may not be lost.
#[tokio::test]
async fn the_third_schema_of_the_snapshot_still_opens() {
    let today = kept_of_everything().await;
    let golden = include_bytes!("../fixtures/snapshot-3.bin");
    let counted = (today.sources.len(), today.accounts.len(), today.reports.len());
    assert_eq!((counted, today.unseen.len(), today.told.len()), ((5, 3, 3), 1, 1));
    assert_eq!(Snapshot::open(golden).unwrap(), today);
    assert_eq!(
        golden.as_slice(),
        mm_sdk::encode(&today).unwrap(),
        "a changed schema needs a new version and a new file"
    );
}

/// Golden bytes of the second schema, with accounts and drafted reports in it.
#[tokio::test]
async fn the_second_schema_of_the_snapshot_still_opens() {
    let golden = include_bytes!("../fixtures/snapshot-2.bin");
    let snapshot = Snapshot::open(golden).unwrap();
    let mut bench = bench();
    let (_, first) = run(&mut bench, 0).await;
    accept(&mut bench, &private(&first));
    run(&mut bench, 1).await;
    let today = Snapshot::open(bench.snapshot().unwrap()).unwrap();
    assert_eq!((today.sources.len(), today.accounts.len(), today.reports.len()), (5, 3, 3));
    assert_eq!(snapshot, today);
}

/// As the interfaces serve it: a link by way of a host for development, and a programme's own answer that says less than
/// the list.
#[tokio::test]
async fn what_a_programmes_own_answer_does_not_say_stays_as_the_list_said() {
    let mut bench = bench();
    let record = json!({ "id": UUID, "name": "Hidden", "status": { "id": 3, "value": "Open" },
        "confidentialityLevel": { "id": 1, "value": "Invite only" },
        "maxBounty": { "value": 2500, "currency": "EUR" },
        "webLinks": { "detail":
            "https://app-dev.intigriti.rocks/auth/dashboard?redirect=/programs/hidden/hidden/detail" } });
    let records = json!({ "maxCount": 1, "records": [record] });
    bench.answer(&format!("{INTIGRITI}/programs?limit=500&offset=0"), 200, records.to_string());
    let detail = json!({ "id": UUID, "domains": { "content": [
        { "type": { "value": "Url" }, "endpoint": "in.hidden.example", "tier": { "value": "Tier 2" } } ] } });
    bench.answer(&format!("{INTIGRITI}/programs/{UUID}"), 200, detail.to_string());
    let detail = json!({ "slug": "secret", "scopes": [{ "scope": "secret.example", "scope_type": "api" }] });
    bench.answer(&format!("{YWH}/programs/secret"), 200, detail.to_string());
    let (report, drafts) = run(&mut bench, 0).await;
    assert_eq!(report.errors, Vec::<String>::new());
    let listed = private(&drafts);
    let of = |platform: &str| *listed.iter().find(|draft| draft.platform == platform).unwrap();
    for (platform, max) in [("intigriti", "2500"), ("yeswehack", "900")] {
        let reward = of(platform).reward.as_ref().unwrap();
        assert_eq!(
            (reward.max.as_ref().unwrap().to_string().as_str(), reward.currency.as_str()),
            (max, "EUR")
        );
    }
    let page = "https://app.intigriti.com/researcher/programs/hidden/hidden/detail";
    assert_eq!(of("intigriti").details.value()["programme_url"], page);
    accept(&mut bench, &[of("intigriti")]);
    run(&mut bench, 1).await;
    let waiting: Vec<_> = bench.waiting().map(|(_, action)| action.clone()).collect();
    assert_eq!(waiting.len(), 1, "a report is drafted for it");
    assert!(waiting[0].notes.iter().any(|note| note.contains(page)), "{:?}", waiting[0].notes);
}

/// A link to a host that is not the platform's is shown to nobody.
#[tokio::test]
async fn a_programmes_page_is_one_of_its_platform() {
    let links = [
        "https://intigriti.com.evil.example/programs/x",
        "https://evil.example/?redirect=https://evil.example",
        "http://app.intigriti.com/x",
        "no link",
    ];
    for link in links {
        let mut bench = bench();
        let record = json!({ "id": UUID, "name": "Hidden", "webLinks": { "detail": link } });
        let records = json!({ "maxCount": 1, "records": [record] });
        bench.answer(&format!("{INTIGRITI}/programs?limit=500&offset=0"), 200, records.to_string());
        let mut detail = record;
        detail["domains"] = json!({ "content": [] });
        bench.answer(&format!("{INTIGRITI}/programs/{UUID}"), 200, detail.to_string());
        let (_, drafts) = run(&mut bench, 0).await;
        let own = private(&drafts).into_iter().find(|draft| draft.platform == "intigriti").unwrap();
        assert!(!own.details.to_string().contains("evil") && !own.url.contains("evil"), "{own:?}");
    }
}
