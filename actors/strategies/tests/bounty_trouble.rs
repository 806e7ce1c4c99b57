//! bug-bounty where a platform answers otherwise than it should: what is lost, and what is not.

mod bounty;

use bounty::*;
use std::collections::BTreeSet;

use mm_sdk::{Act, Answer, Decided, Draft, OpportunityId, SourceHealth, Stage};
use serde_json::{Value, json};

/// A programme that the account may not see costs itself alone: the others are looked at, money is booked, and
/// reports are drafted.
#[tokio::test]
async fn a_programme_that_is_closed_to_the_account_costs_itself_alone() {
    for status in [403, 404, 410] {
        let mut bench = bench();
        let programmes = ["closed", "vault"].map(|handle| programme(handle, "soft_launched", "Be kind."));
        bench.answer(&url("programs"), 200, list(programmes));
        bench.answer(&url("programs/closed/structured_scopes"), status, "{}");
        let one = earning("e1", 175.0, bounty("b1", "150.00", "25.00", "USD", 1), 1);
        money(&mut bench, &[one], &[], "175");
        let (report, drafts) = run(&mut bench, 0).await;
        assert_eq!(booked(&drafts), [("bounty-b1".to_owned(), Stage::Approved, "175 USD".to_owned())]);
        assert_eq!(sentence(&report, "hackerone-money").0, SourceHealth::Fresh);
        let told = |draft: &&Draft| draft.platform == "hackerone";
        assert_eq!(private(&drafts).into_iter().filter(told).count(), 1, "{status}: the other is looked at");
        assert!(report.errors.iter().any(|error| error.contains("1 private programmes")), "{report:?}");
        let own: Vec<&Draft> = private(&drafts).into_iter().filter(told).collect();
        accept(&mut bench, &own);
        run(&mut bench, 1).await;
        assert_eq!(bench.waiting().count(), 1, "{status}: a report is drafted");
        for hours in 2..24 {
            run(&mut bench, hours).await;
        }
        let of = |handle: &str| {
            let scopes = url(&format!("programs/{handle}/structured_scopes"));
            bench.asked().iter().filter(|action| action.request.url().as_str() == scopes).count()
        };
        assert_eq!((of("closed"), of("vault")), (1, 24), "{status}: it is left alone for a day");
        run(&mut bench, 24).await;
        let scopes = url("programs/closed/structured_scopes");
        let asked = bench.asked().iter().filter(|action| action.request.url().as_str() == scopes);
        assert_eq!(asked.count(), 2, "{status}: and no longer");
    }
}

/// More programmes that fail than a run looks at keep the others waiting for one run, and not for ever.
#[tokio::test]
async fn what_always_fails_keeps_nobody_waiting() {
    let mut bench = bench();
    let handles: Vec<String> =
        (0..30).map(|n| format!("closed-{n:02}")).chain(["vault".to_owned()]).collect();
    let programmes: Vec<_> =
        handles.iter().map(|handle| programme(handle, "soft_launched", "Be kind.")).collect();
    bench.answer(&url("programs"), 200, list(programmes));
    for handle in handles.iter().filter(|handle| *handle != "vault") {
        bench.answer(&url(&format!("programs/{handle}/structured_scopes")), 404, json!({}).to_string());
    }
    let seen = |bench: &mm_sdk::testing::Bench| {
        bench.asked().iter().filter(|action| action.request.url().as_str().contains("/vault/")).count()
    };
    run(&mut bench, 0).await;
    assert_eq!(seen(&bench), 0, "those before it are as many as a run looks at");
    run(&mut bench, 1).await;
    assert_eq!(seen(&bench), 1);
}

/// A list may name hundreds of programmes that the account may apply for: what it was shown before keeps its turn.
#[tokio::test]
async fn what_was_never_looked_at_keeps_what_was_shown_waiting_for_a_day_at_most() {
    let mut bench = bench();
    let looks = |bench: &mm_sdk::testing::Bench, handle: &str| {
        let asked = bench.asked().iter().map(|action| action.request.url().as_str());
        asked.filter(|url| url.contains(&format!("/{handle}/structured_scopes"))).count()
    };
    run(&mut bench, 0).await;
    assert_eq!(looks(&bench, "vault"), 1);
    let handles: Vec<String> = (0..90).map(|n| format!("apply-{n:02}")).chain(["vault".to_owned()]).collect();
    let programmes = handles.iter().map(|handle| programme(handle, "soft_launched", "Be kind."));
    bench.answer(&url("programs"), 200, list(programmes.collect::<Vec<_>>()));
    for handle in handles.iter().filter(|handle| *handle != "vault") {
        bench.answer(&url(&format!("programs/{handle}/structured_scopes")), 403, json!({}).to_string());
    }
    for (hours, wanted) in [(7, (1, 1, 0)), (23, (1, 1, 1)), (24, (2, 1, 1)), (25, (2, 1, 1))] {
        run(&mut bench, hours).await;
        let counted = ["vault", "apply-18", "apply-37"].map(|handle| looks(&bench, handle));
        assert_eq!(counted, <[usize; 3]>::from(wanted), "after {hours} hours");
    }
}

/// What stands against every look, such as a limit, ends the looks of the run, and no more than them.
#[tokio::test]
async fn a_limit_on_scopes_is_none_on_money() {
    for status in [401, 429] {
        let mut bench = bench();
        let programmes = ["one", "vault"].map(|handle| programme(handle, "soft_launched", "Be kind."));
        bench.answer(&url("programs"), 200, list(programmes));
        bench.answer(&url("programs/one/structured_scopes"), status, "{}");
        let one = earning("e1", 175.0, bounty("b1", "150.00", "25.00", "USD", 1), 1);
        money(&mut bench, &[one], &[], "175");
        let (_, drafts) = run(&mut bench, 0).await;
        let scopes = |action: &&mm_sdk::Action| action.kind.as_str() == "read-scopes";
        assert_eq!(bench.asked().iter().filter(scopes).count(), 1, "{status}: no other is tried");
        assert_eq!(booked(&drafts).len(), 1, "{status}: money is read");
    }
}

/// Handles as platforms have them: with letters that no name of a step has, and of any length.
#[tokio::test]
async fn a_programme_is_read_whatever_its_platform_calls_it() {
    let handles = ["under_score", "Big.Name", &"long-".repeat(16)];
    let mut bench = bench();
    let programmes = handles.map(|handle| {
        let mut programme = programme(handle, "soft_launched", "Be kind.");
        programme["attributes"].as_object_mut().unwrap().remove("policy");
        programme
    });
    bench.answer(&url("programs"), 200, list(programmes));
    let slugs = handles.map(|handle| json!({ "slug": handle, "title": handle, "public": false }));
    let items = json!({ "items": slugs, "pagination": { "nb_pages": 1 } });
    bench.answer(&format!("{YWH}/programs?page=1&resultsPerPage=50"), 200, items.to_string());
    for (n, handle) in (1..).zip(handles) {
        let alone = programme(handle, "soft_launched", "Be kind.");
        bench.answer(&format!("{H1}/programs/{handle}"), 200, alone.to_string());
        let scopes = list([scope(n, &format!("{n}.example"))]);
        bench.answer(&url(&format!("programs/{handle}/structured_scopes")), 200, scopes);
        let detail = json!({ "slug": handle, "public": false, "rules": "Be kind.",
            "scopes": [{ "scope": "a.example", "scope_type": "api" }] });
        bench.answer(&format!("{YWH}/programs/{handle}"), 200, detail.to_string());
    }
    let (report, drafts) = run(&mut bench, 0).await;
    assert_eq!(report.errors, Vec::<String>::new());
    for platform in ["hackerone", "yeswehack"] {
        assert_eq!(private(&drafts).iter().filter(|draft| draft.platform == platform).count(), 3);
    }
}

/// What the owner has accepted, with these details.
fn accepted(id: &str, kind: &str, details: &Value) -> Decided {
    let (id, at) = (OpportunityId::new(id.to_owned()), mm_sdk::Moment::default());
    Decided { id, kind: kind.to_owned(), details: details.to_string(), at }
}

/// The skeletons of two opportunities may be the same bytes: of two programmes where none is named in them, or of
/// one that changed its rewards twice. The machine makes the same change once, so each must be one of its own.
#[tokio::test]
async fn two_opportunities_have_two_reports_though_their_bytes_are_the_same() {
    let page = "https://app.intigriti.com/researcher/programs/hidden/hidden/detail";
    let hidden = json!({ "programme": UUID, "programme_url": page, "targets": [] });
    let other = "1183a5bf-e54f-4f79-a972-12a795272c8b";
    let second = json!({ "programme": other, "programme_url": page, "targets": [] });
    for (first, second) in [(&hidden, &second), (&hidden, &hidden)] {
        let mut bench = bench();
        let detail = json!({ "id": other, "name": "Other", "status": { "id": 3, "value": "Open" },
            "confidentialityLevel": { "id": 1, "value": "Invite only" } });
        bench.answer(&format!("{INTIGRITI}/programs/{other}"), 200, detail.to_string());
        bench.decide(vec![accepted("opp-1", "reward_changed", first)]);
        run(&mut bench, 0).await;
        let (sent, _) = bench.waiting().map(|(id, action)| (id.clone(), action.clone())).next().unwrap();
        let body = Act::Done(Answer {
            status: Answer::UNSEEN,
            headers: vec![],
            body: vec![],
            at: mm_sdk::Moment::default(),
        });
        bench.settle(sent, body);
        bench.decide(vec![
            accepted("opp-1", "reward_changed", first),
            accepted("opp-2", "reward_changed", second),
        ]);
        run(&mut bench, 1).await;
        let reports: Vec<_> =
            bench.asked().iter().filter(|action| action.kind.as_str() == "submit-report").collect();
        let bytes: BTreeSet<_> = reports.iter().map(|action| action.request.hash()).collect();
        let changes: BTreeSet<_> = reports.iter().map(|action| action.hash()).collect();
        assert_eq!((reports.len(), bytes.len(), changes.len()), (2, 1, 2));
    }
}

/// What goes wrong with a private programme is told by count and status: errors and alerts are told further.
#[tokio::test]
async fn trouble_with_a_private_programme_names_it_nowhere() {
    for status in [403, 404, 500] {
        let mut bench = bench();
        let (_, first) = run(&mut bench, 0).await;
        accept(&mut bench, &private(&first));
        let mut vault = programme("vault", "soft_launched", "");
        vault["attributes"].as_object_mut().unwrap().remove("policy");
        bench.answer(&url("programs"), 200, list([vault]));
        bench.set_snapshot(None);
        for at in [url("programs/vault/structured_scopes"), format!("{H1}/programs/vault")]
            .into_iter()
            .chain([format!("{INTIGRITI}/programs/{UUID}"), format!("{YWH}/programs/secret")])
        {
            bench.answer(&at, status, "vault, secret");
        }
        for hours in 1..3 {
            let (report, drafts) = run(&mut bench, hours).await;
            let told = format!("{report:?} {:?}", drafts.alerts);
            assert!(report.errors.iter().any(|error| error.contains(&format!("status {status}"))), "{told}");
            for name in ["vault", "secret", UUID] {
                assert!(!told.contains(name), "{status}: {told}");
            }
        }
    }
}

/// A programme that was accepted and is gone is asked for once a day, and after three days its report is over.
#[tokio::test]
async fn a_report_on_a_programme_that_is_not_shown_is_over_after_three_days() {
    for status in [403, 404, 410] {
        let mut bench = bench();
        let page = "https://yeswehack.com/programs/lost_one";
        let details = json!({ "programme": "lost_one", "programme_url": page, "targets": [] });
        bench.decide(vec![accepted("opp-1", "programme_added", &details)]);
        bench.answer(&format!("{YWH}/programs/lost_one"), status, "{}");
        let (mut errors, mut alerts) = (0, Vec::new());
        for hours in 0..120 {
            let (report, drafts) = run(&mut bench, hours).await;
            errors += report.errors.len();
            alerts.extend(drafts.alerts.into_iter().map(|alert| (hours, alert.about)));
        }
        let asked = bench.asked().iter().filter(|action| action.request.url().as_str().contains("lost_one"));
        assert_eq!((asked.count(), errors), (4, 4), "{status}");
        assert_eq!(alerts, [(72, "report/opp-1".to_owned())], "{status}: said once");
        assert_eq!(bench.waiting().count(), 0);
    }
    // One that is shown again is drafted, and nothing is remembered of it.
    let mut bench = bench();
    let details =
        json!({ "programme": "lost_one", "programme_url": "https://yeswehack.com/programs/lost_one" });
    bench.decide(vec![accepted("opp-1", "programme_added", &details)]);
    bench.answer(&format!("{YWH}/programs/lost_one"), 404, "{}");
    run(&mut bench, 0).await;
    let detail = json!({ "slug": "lost_one", "public": true, "scopes": [], "rules": "Be kind." });
    bench.answer(&format!("{YWH}/programs/lost_one"), 200, detail.to_string());
    run(&mut bench, 1).await;
    assert_eq!(bench.waiting().count(), 0, "once a day");
    run(&mut bench, 24).await;
    assert_eq!(bench.waiting().count(), 1);
    let kept = mm_strategies::bug_bounty::Snapshot::open(bench.snapshot().unwrap()).unwrap();
    assert!(kept.unseen.is_empty());
}

/// However many private programmes there are to look at, one that was accepted gets its turn.
#[tokio::test]
async fn private_programmes_leave_a_look_for_what_was_accepted() {
    let mut bench = bench();
    let items: Vec<Value> = (0..12).map(|n| json!({ "slug": format!("s{n}"), "public": false })).collect();
    let items = json!({ "items": items, "pagination": { "nb_pages": 1 } });
    bench.answer(&format!("{YWH}/programs?page=1&resultsPerPage=50"), 200, items.to_string());
    let detail = json!({ "slug": "open", "public": true, "scopes": [], "rules": "Be kind." });
    bench.answer(&format!("{YWH}/programs/open"), 200, detail.to_string());
    let details = json!({ "programme": "open", "programme_url": "https://yeswehack.com/programs/open" });
    bench.decide(vec![accepted("opp-1", "programme_added", &details)]);
    run(&mut bench, 0).await;
    assert_eq!(bench.waiting().count(), 1);
}
