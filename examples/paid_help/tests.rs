//! On the test kit, judged by the rule file that comes with the program.

use mm_sdk::testing::{Bench, Verdict};

use super::*;

const RULES: &str = include_str!("../../config/rules/github.toml");
const URL: &str = "https://api.github.com/search/issues?q=repo:acme/shop+state:open+type:issue+paid+support\
    &sort=created&order=desc&per_page=30";

fn issues(numbers: &[u32]) -> String {
    let issue = |n: &u32| {
        serde_json::json!({
            "html_url": format!("https://github.com/acme/shop/issues/{n}"),
            "title": format!("Paid support for number {n}?\u{1b}[31m"),
        })
    };
    serde_json::json!({ "total_count": 9, "items": numbers.iter().map(issue).collect::<Vec<_>>() })
        .to_string()
}

fn paid_help() -> PaidHelp {
    let mut strategy = PaidHelp::default();
    let config = serde_json::json!({ "repositories": ["acme/shop"], "words": "paid support" });
    strategy.initialise(&config).unwrap();
    strategy
}

/// One run: the health of its source, and the titles of what it found, `!` before those that are told.
fn run(bench: &mut Bench) -> (SourceHealth, Vec<String>) {
    let (report, drafts) = bench.run_now(&mut paid_help()).unwrap();
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
