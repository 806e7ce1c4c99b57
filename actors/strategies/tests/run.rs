//! The strategy as the machine runs it: five reads, one snapshot, and nothing that one bad source
//! can spoil for the others.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not be")]

use mm_sdk::testing::Bench;
use mm_sdk::{Act, Answer, Digest, Draft, Drafts, Moment, Report, SourceHealth, Strategy};
use mm_strategies::bug_bounty::scope::Source;
use mm_strategies::bug_bounty::{BugBounty, Snapshot};
use std::collections::BTreeMap;

const HOUR: std::time::Duration = std::time::Duration::from_secs(3600);
const START: &str = "2026-07-22T12:00:00Z";

fn fixture(source: Source) -> &'static str {
    match source {
        Source::HackerOne => include_str!("../fixtures/traps.hackerone.json"),
        Source::Bugcrowd => include_str!("../fixtures/traps.bugcrowd.json"),
        Source::Intigriti => include_str!("../fixtures/traps.intigriti.json"),
        Source::YesWeHack => include_str!("../fixtures/traps.yeswehack.json"),
        Source::Federacy => include_str!("../fixtures/traps.federacy.json"),
    }
}

fn bench() -> Bench {
    let mut bench = Bench::at(START);
    for source in Source::ALL {
        bench.answer(source.feed_url(), 200, fixture(source));
    }
    bench
}

/// One run, `hours` after the start.
async fn run(bench: &mut Bench, hours: u32) -> (Report, Drafts) {
    bench.set_now(START.parse::<Moment>().unwrap().plus(HOUR * hours));
    bench.run(&mut BugBounty::default()).await.unwrap()
}

fn health(report: &Report) -> BTreeMap<&str, SourceHealth> {
    report.sources.iter().map(|source| (source.name.as_str(), source.health)).collect()
}

fn shown(drafts: &[Draft]) -> Vec<String> {
    drafts.iter().map(|draft| format!("{} {} {}", draft.platform, draft.kind, draft.about[0])).collect()
}

fn answered(status: u16, headers: &[(&str, &str)], body: &str) -> Act {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Act::Done(Answer { status, headers, body: body.into(), at: START.parse().unwrap() })
}

/// A header of the last request to a source.
fn sent(bench: &Bench, source: Source, name: &str) -> Option<String> {
    let request =
        bench.asked().iter().rfind(|action| action.request.url().as_str() == source.feed_url()).unwrap();
    request.request.headers().iter().find(|(other, _)| other == name).map(|(_, value)| value.clone())
}

#[tokio::test]
async fn the_first_run_lists_everything_and_tells_nothing() {
    let mut bench = bench();
    let (report, drafts) = run(&mut bench, 0).await;
    assert_eq!(health(&report).into_values().collect::<Vec<_>>(), [SourceHealth::Fresh; 5]);
    assert_eq!(report.errors, Vec::<String>::new());
    assert_eq!(drafts.opportunities.len(), 9);
    for draft in &drafts.opportunities {
        assert!(
            !draft.tell && draft.details.value()["baseline"] == true && draft.evidence.is_some(),
            "{draft:?}"
        );
        assert_eq!(draft.kind, "programme_added");
    }
    let proposed: Vec<_> = bench.asked().iter().map(|action| action.platform.as_str()).collect();
    assert_eq!(proposed, ["bounty-targets-data"; 5]);
}

#[tokio::test]
async fn the_second_run_tells_what_is_new_and_only_that() {
    let mut bench = bench();
    run(&mut bench, 0).await;
    let (_, drafts) = run(&mut bench, 1).await;
    assert_eq!(shown(&drafts.opportunities), Vec::<String>::new(), "the same again is no news");

    let more = fixture(Source::Federacy)
        .replace("*.iris.example\"", "*.iris.example\"}, {\"target\": \"new.iris.example\"");
    bench.answer(Source::Federacy.feed_url(), 200, more);
    let grown = r#"[{"handle": "crest", "targets": {"in_scope": [{"asset_identifier": "crest.example"}], "out_of_scope": []}},"#;
    bench.answer(Source::HackerOne.feed_url(), 200, fixture(Source::HackerOne).replacen('[', grown, 1));
    let (report, drafts) = run(&mut bench, 2).await;
    let news = shown(&drafts.opportunities);
    assert_eq!(
        news,
        ["hackerone programme_added crest", "federacy targets_added 33333333-cccc-4ccc-8ccc-333333333333"]
    );
    assert!(
        drafts.opportunities.iter().all(|draft| draft.tell && draft.details.value()["baseline"] == false)
    );
    assert_eq!(drafts.opportunities[1].details.value()["targets"][0]["identifier"], "new.iris.example");
    assert!(report.metrics.contains(&("hackerone.told".to_owned(), 1)));
}

#[tokio::test]
async fn a_bad_source_spoils_nothing_for_the_others_or_for_itself() {
    let mut bench = bench();
    run(&mut bench, 0).await;
    let cut = fixture(Source::Intigriti).get(..500).unwrap();
    bench.answer(Source::Intigriti.feed_url(), 200, cut);
    bench.answer(Source::Bugcrowd.feed_url(), 404, "404: Not Found");
    bench.answer(Source::YesWeHack.feed_url(), 200, "[]");
    let (report, drafts) = run(&mut bench, 1).await;
    let expected = [
        ("bugcrowd", SourceHealth::Failed),
        ("federacy", SourceHealth::Fresh),
        ("hackerone", SourceHealth::Fresh),
        ("intigriti", SourceHealth::Failed),
        ("yeswehack", SourceHealth::Failed),
    ];
    assert_eq!(health(&report), BTreeMap::from(expected));
    assert_eq!(shown(&drafts.opportunities), Vec::<String>::new());
    let sentence = |name: &str| report.sources.iter().find(|s| s.name == name).unwrap().sentence.clone();
    assert!(sentence("intigriti").contains("breaks off"), "{}", sentence("intigriti"));
    assert!(sentence("yeswehack").contains("lists no programme where 2 were known"));
    assert!(sentence("bugcrowd").contains("404"));

    for source in Source::ALL {
        bench.answer(source.feed_url(), 200, fixture(source));
    }
    let (report, drafts) = run(&mut bench, 2).await;
    assert!(report.sources.iter().all(|source| source.health == SourceHealth::Fresh));
    assert_eq!(shown(&drafts.opportunities), Vec::<String>::new(), "nothing was lost, so nothing is back");
}

#[tokio::test]
async fn a_read_is_conditional_on_the_version_that_was_taken_in() {
    let source = Source::Federacy;
    let mut bench = bench();
    bench.act_is(source.feed_url(), answered(200, &[("etag", "\"one\"")], fixture(source)));
    run(&mut bench, 0).await;
    assert_eq!(sent(&bench, source, "if-none-match"), None);

    // A version that cannot be read is not taken in: its validator must not be used.
    bench.act_is(source.feed_url(), answered(200, &[("etag", "\"two\"")], "{}"));
    run(&mut bench, 1).await;
    assert_eq!(sent(&bench, source, "if-none-match").as_deref(), Some("\"one\""));

    bench.act_is(source.feed_url(), answered(304, &[("etag", "\"one\"")], ""));
    let (report, drafts) = run(&mut bench, 2).await;
    assert_eq!(sent(&bench, source, "if-none-match").as_deref(), Some("\"one\""));
    assert_eq!(health(&report)["federacy"], SourceHealth::Unchanged);
    assert_eq!(drafts.opportunities.len(), 0);

    let (report, _) = run(&mut bench, 24 * 9).await;
    assert_eq!(health(&report)["federacy"], SourceHealth::Stale);
}

#[tokio::test]
async fn a_source_that_shrinks_absurdly_is_broken_is_told_once_and_recovers() {
    let source = Source::Federacy;
    let feed = |programmes: u32| {
        let one =
            |n| format!(r#"{{"id": "p{n}", "targets": {{"in_scope": [{{"target": "t{n}.example"}}]}}}}"#);
        format!("[{}]", (0..programmes).map(one).collect::<Vec<_>>().join(","))
    };
    let mut bench = bench();
    bench.answer(source.feed_url(), 200, feed(40));
    run(&mut bench, 0).await;
    let mut alerts = Vec::new();
    for (hour, programmes) in [(1, 3), (2, 3), (200, 4), (201, 40), (202, 40)] {
        bench.answer(source.feed_url(), 200, feed(programmes));
        let (report, drafts) = run(&mut bench, hour).await;
        let expected = if programmes < 40 { SourceHealth::Broken } else { SourceHealth::Fresh };
        assert_eq!(health(&report)["federacy"], expected, "hour {hour}");
        assert_eq!(shown(&drafts.opportunities), Vec::<String>::new(), "hour {hour}");
        alerts.extend(drafts.alerts.into_iter().map(|alert| alert.sentence));
    }
    assert_eq!(alerts.len(), 2, "{alerts:?}");
    assert!(alerts[0].contains("lacks 37 of 40 known programmes") && alerts[1].contains("recovered"));
}

#[tokio::test]
async fn a_snapshot_that_does_not_open_is_said_and_kept() {
    let mut bench = bench();
    run(&mut bench, 0).await;
    let mut damaged = bench.snapshot().unwrap().to_vec();
    damaged.truncate(damaged.len() / 2);
    bench.set_snapshot(Some(damaged.clone()));
    let fault = bench.run(&mut BugBounty::default()).await.unwrap_err();
    assert!(fault.sentence.contains("the snapshot does not open"), "{fault}");
    assert_eq!(bench.snapshot(), Some(damaged.as_slice()));
    assert_eq!(bench.asked().len(), 5, "nothing was read for a run that cannot remember");
}

/// A file that crashed three runs is one failed source; another version of it is read again.
#[tokio::test]
async fn a_source_that_is_set_aside_is_passed_over_until_it_changes() {
    let mut bench = bench();
    let source = Source::HackerOne;
    bench.set_aside(source.name(), Digest::of(fixture(source).as_bytes()));
    let (report, drafts) = run(&mut bench, 0).await;
    let failed = report.sources.iter().find(|report| report.health == SourceHealth::Failed).unwrap();
    assert!(failed.name == source.name() && failed.sentence.contains("set aside"), "{failed:?}");
    assert_eq!(bench.taken_up(), &Source::ALL.map(|source| source.name().to_owned())[1..]);
    assert!(!drafts.opportunities.is_empty());
    bench.answer(source.feed_url(), 200, format!("{} ", fixture(source)));
    let (report, _) = run(&mut bench, 1).await;
    assert_eq!(health(&report)[source.name()], SourceHealth::Fresh);
}

#[test]
fn it_says_what_it_is_and_refuses_settings_it_does_not_have() {
    let about = BugBounty::default().about();
    assert_eq!((about.name, about.proposes[0]), ("bug-bounty", ("bounty-targets-data", "read")));
    let writes = about.proposes.iter().filter(|(_, kind)| !kind.starts_with("read")).map(|(_, kind)| *kind);
    assert!(writes.clone().count() == 3 && writes.into_iter().all(|kind| kind == "submit-report"));
    assert_eq!(Snapshot::new().sources.len(), 5);
    assert!(BugBounty::default().initialise(&serde_json::json!({})).is_ok());
    assert!(BugBounty::default().initialise(&serde_json::Value::Null).is_ok());
    let refused = BugBounty::default().initialise(&serde_json::json!({"targts": []})).unwrap_err();
    assert!(refused.contains("`targts`"), "{refused}");
}

/// Golden bytes of the first snapshot schema: it must open for ever. It holds what was taken to be known of
/// each platform in those days; today nothing is.
#[tokio::test]
async fn the_first_schema_of_the_snapshot_still_opens() {
    let golden = include_bytes!("../fixtures/snapshot-1.bin");
    let snapshot = Snapshot::open(golden).unwrap();
    let mut bench = bench();
    run(&mut bench, 0).await;
    let mut today = Snapshot::open(bench.snapshot().unwrap()).unwrap();
    for (now, then) in today.sources.iter_mut().zip(&snapshot.sources) {
        now.memory.programme_flaps = then.memory.programme_flaps;
        now.memory.target_flaps = then.memory.target_flaps;
    }
    assert_eq!(snapshot, today);
    assert_eq!(
        golden.as_slice(),
        mm_sdk::encode(&today.sources).unwrap(),
        "what a source holds is as it was"
    );
}

/// Whoever ran the first schema loses nothing by a newer program: nothing is told again, nothing is a baseline.
#[tokio::test]
async fn a_run_goes_on_from_the_first_schema() {
    let mut bench = bench();
    bench.set_snapshot(Some(include_bytes!("../fixtures/snapshot-1.bin").to_vec()));
    let (report, drafts) = run(&mut bench, 1).await;
    assert_eq!(shown(&drafts.opportunities), Vec::<String>::new(), "{report:?}");
    let kept = Snapshot::open(bench.snapshot().unwrap()).unwrap();
    assert!(kept.sources.iter().all(|watched| watched.memory.baseline_at == Some(START.parse().unwrap())));
    for damaged in [&b""[..], b"\xff\xff\xff", &include_bytes!("../fixtures/snapshot-1.bin")[..100]] {
        assert!(Snapshot::open(damaged).is_err());
    }
}
