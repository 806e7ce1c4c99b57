//! On the test kit, judged by the rule file that comes with the program.

use mm_sdk::testing::{Bench, Verdict};

use super::*;

const RULES: &str = include_str!("../../config/rules/github.toml");
const URL: &str = "https://api.github.com/search/issues?q=repo:acme/shop+state:open+type:issue+paid+support\
    &sort=created&order=desc&per_page=30";

fn issues(numbers: &[u32]) -> String {
    issues_of("acme/shop", numbers)
}

fn issues_of(repository: &str, numbers: &[u32]) -> String {
    let issue = |n: &u32| {
        serde_json::json!({
            "html_url": format!("https://github.com/{repository}/issues/{n}"),
            "title": format!("Paid support for number {n}?\u{1b}[31m"),
        })
    };
    serde_json::json!({ "total_count": 9, "items": numbers.iter().map(issue).collect::<Vec<_>>() })
        .to_string()
}

fn paid_help() -> PaidHelp {
    paid_help_in(&["acme/shop"])
}

fn paid_help_in(repositories: &[&str]) -> PaidHelp {
    let mut strategy = PaidHelp::default();
    let config = serde_json::json!({ "repositories": repositories, "words": "paid support" });
    strategy.initialise(&config).unwrap();
    strategy
}

/// One run: the health of its source, and the titles of what it found, `!` before those that are told.
fn run(bench: &mut Bench) -> (SourceHealth, Vec<String>) {
    run_in(bench, &["acme/shop"])
}

fn run_in(bench: &mut Bench, repositories: &[&str]) -> (SourceHealth, Vec<String>) {
    let (report, drafts) = bench.run_now(&mut paid_help_in(repositories)).unwrap();
    let mark = |tell| if tell { "!" } else { "" };
    let found = drafts.opportunities.iter().map(|draft| format!("{}{}", mark(draft.tell), draft.title));
    (report.sources[0].health, found.collect())
}

#[test]
fn each_issue_is_listed_once_and_only_new_ones_are_told() {
    let mut bench = Bench::at("2026-12-01T12:00:00Z").with_rules("github.toml", RULES);
    bench.answer(URL, 200, issues(&[7]));
    let (health, found) = run(&mut bench);
    assert_eq!((health, found.len()), (SourceHealth::Fresh, 1));
    assert!(found[0].starts_with("acme/shop: Paid support for number 7?"), "{found:?}");
    assert!(!found[0].contains('\u{1b}'));
    bench.assert_ruled("search-0", Verdict::Permit, "github/search");

    bench.answer(URL, 500, "");
    assert_eq!(run(&mut bench), (SourceHealth::Failed, Vec::new()));
    bench.pass(Duration::from_secs(6 * 3600));
    bench.answer(URL, 200, issues(&[8, 7]));
    let (_, found) = run(&mut bench);
    assert!(found.len() == 1 && found[0].starts_with("!acme/shop: Paid support for number 8"), "{found:?}");
    assert_eq!(bench.ruled().len(), 3);
}

/// Unknown is not empty: until it was read once, nothing of a repository is new.
#[test]
fn what_was_there_before_the_first_good_search_is_no_news() {
    let mut bench = Bench::at("2026-12-01T12:00:00Z");
    let old: Vec<u32> = (1..=30).rev().collect();
    for (status, body) in [(500, ""), (200, "<html>"), (200, r#"{"items": [{"title": 1}]}"#)] {
        bench.answer(URL, status, body);
        assert_eq!(run(&mut bench), (SourceHealth::Failed, Vec::new()), "{status} {body}");
    }
    bench.answer(URL, 200, issues(&old));
    let (_, found) = run(&mut bench);
    assert!(found.len() == 30 && !found.iter().any(|title| title.starts_with('!')), "{found:?}");
    bench.answer(URL, 200, issues(&[31]));
    assert!(run(&mut bench).1[0].starts_with("!acme/shop: Paid support for number 31"));
}

#[test]
fn a_repository_that_is_added_later_brings_no_old_news() {
    let mut bench = Bench::at("2026-12-01T12:00:00Z");
    let (both, farm) = (["acme/farm", "acme/shop"], URL.replace("shop", "farm"));
    bench.answer(URL, 200, issues(&[]));
    assert_eq!(run(&mut bench).1, [""; 0]);
    bench.answer(URL, 200, issues(&[1]));
    bench.answer(&farm, 200, issues_of("acme/farm", &[2, 1]));
    let (_, found) = run_in(&mut bench, &both);
    let told: Vec<&String> = found.iter().filter(|title| title.starts_with('!')).collect();
    assert!(found.len() == 3 && told.len() == 1 && told[0].starts_with("!acme/shop"), "{found:?}");
    bench.answer(&farm, 200, issues_of("acme/farm", &[3, 2, 1]));
    assert!(run_in(&mut bench, &both).1[0].starts_with("!acme/farm: Paid support for number 3"));
    // The same repository twice is one.
    bench.answer(&farm, 200, issues_of("acme/farm", &[4, 3, 2, 1]));
    assert_eq!(run_in(&mut bench, &["acme/farm", "acme/farm", "acme/shop"]).1.len(), 1);
    // One that is taken out and put in again is read for the first time again.
    run(&mut bench);
    let (_, found) = run_in(&mut bench, &both);
    assert!(found.len() == 4 && !found.iter().any(|title| title.starts_with('!')), "{found:?}");
}

#[test]
fn other_words_bring_no_old_news() {
    let mut bench = Bench::at("2026-12-01T12:00:00Z");
    bench.answer(URL, 200, issues(&[2]));
    run(&mut bench);
    let other = URL.replace("paid+support", "help");
    bench.answer(&other, 200, issues(&[2, 1]));
    let config = serde_json::json!({ "repositories": ["acme/shop"], "words": "help" });
    for (numbers, told) in [(&[2, 1][..], [false, false].as_slice()), (&[3, 2, 1], &[true])] {
        bench.answer(&other, 200, issues(numbers));
        let mut strategy = PaidHelp::default();
        strategy.initialise(&config).unwrap();
        let (_, drafts) = bench.run_now(&mut strategy).unwrap();
        assert_eq!(drafts.opportunities.iter().map(|draft| draft.tell).collect::<Vec<_>>(), told);
    }
}

#[test]
fn what_is_known_stays_bounded_and_what_is_still_listed_stays_known() {
    let mut bench = Bench::at("2026-12-01T12:00:00Z");
    for page in 0..100 {
        let mut numbers: Vec<u32> = (page * 29 + 2..page * 29 + 31).rev().collect();
        numbers.push(1);
        bench.answer(URL, 200, issues(&numbers));
        let found = run(&mut bench).1;
        assert_eq!(found.len(), if page == 0 { 30 } else { 29 }, "{found:?}");
    }
    assert!(bench.snapshot().unwrap().len() < 20_000, "{}", bench.snapshot().unwrap().len());
}

/// What version 1 kept: one set of addresses, of whichever repository.
#[test]
fn what_the_first_version_knew_is_known() {
    let mut bench = Bench::at("2026-12-01T12:00:00Z");
    let known = [7, 8].map(|n| format!("https://github.com/acme/shop/issues/{n}"));
    bench.set_snapshot(Some(encode(&std::collections::BTreeSet::from(known)).unwrap()));
    bench.answer(URL, 200, issues(&[9, 8, 7]));
    let found = run(&mut bench).1;
    assert!(found.len() == 1 && found[0].starts_with("!acme/shop: Paid support for number 9"), "{found:?}");

    bench.set_snapshot(Some(b"no memory at all".to_vec()));
    assert!(bench.run_now(&mut paid_help()).is_err());
}

#[test]
fn one_bad_issue_spoils_no_other() {
    let mut bench = Bench::at("2026-12-01T12:00:00Z").with_rules("github.toml", RULES);
    bench.answer(URL, 200, issues(&[7]).replacen("[{", "[{\"title\": 1}, {", 1));
    let (report, drafts) = bench.run_now(&mut paid_help()).unwrap();
    assert_eq!(drafts.opportunities.len(), 1);
    assert!(report.errors[0].contains("number 1 is not an issue"), "{:?}", report.errors);
}

#[test]
fn settings_that_would_search_elsewhere_are_refused() {
    let set = |config| PaidHelp::default().initialise(&config).unwrap_err();
    let with =
        |repository: &str, words: &str| serde_json::json!({ "repositories": [repository], "words": words });
    assert!(set(serde_json::json!({})).contains("`repositories`"));
    for wrong in ["acme", "acme/shop/x", "acme/", "acme/shop&q=", "acme/shop+user:x"] {
        assert!(set(with(wrong, "paid")).contains("write OWNER/NAME"), "{wrong}");
    }
    assert!(set(with("acme/shop", "paid&q=all")).contains("letters, digits and spaces"));
}
