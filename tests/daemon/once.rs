//! `run --once`: what it ends with, and what goes where.

use expect_test::expect;
use money_machine::sandbox::world::{Feed, World};

use crate::harness::Home;

const AT: &str = "2026-07-22T12:00:00Z";

/// Recordings of these URLs, each with a body that can be read.
fn record(home: &Home, feeds: &[Feed], url: impl Fn(&str) -> String) {
    let mut manifest = String::new();
    for feed in feeds {
        let name = format!("{feed:?}.json");
        home.write(&name, World::small(7).render(*feed, 1_784_000_000_000).body);
        let url = url(&feed.url());
        manifest.push_str(&format!(
            r#"{{"at":"2026-07-22T11:00:00Z","method":"GET","url":"{url}","status":200,"headers":{{}},"body_file":"{name}"}}"#
        ));
        manifest.push('\n');
    }
    home.write("recordings.jsonl", manifest);
}

fn replay() -> String {
    format!("run --sandbox --recordings recordings.jsonl --as-of {AT} --once --log-level off")
}

#[test]
fn one_source_of_five_is_enough_and_the_others_are_listed_on_stderr() {
    let home = Home::new();
    record(&home, &[Feed::Federacy], str::to_owned);
    let said = home.run(&replay());
    expect![[r#"
        stderr:
          hackerone    failed     https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/hackerone_data.json answered with status 404
          bugcrowd     failed     https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/bugcrowd_data.json answered with status 404
          intigriti    failed     https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/intigriti_data.json answered with status 404
          yeswehack    failed     https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/yeswehack_data.json answered with status 404
    "#]]
    .assert_eq(&format!("stderr:\n{}", said.err));
    assert_eq!(said.code, 0);
    let out: Vec<&str> = said.out.lines().collect();
    assert!(out[0].starts_with("bug-bounty: run 00001-000001-bug-bounty succeeded, "), "{out:?}");
    assert!(out[1].starts_with("  federacy     fresh "), "{out:?}");
    assert!(!said.out.contains("failed"), "{}", said.out);
    // The clock began at `--as-of`.
    let found = home.json("opportunities list");
    assert!(found[0]["found_at"].as_str().unwrap().starts_with("2026-07-22T12:00:"), "{found}");
}

#[test]
fn where_nothing_was_recorded_nothing_is_read_and_it_ends_with_1() {
    let home = Home::new();
    record(&home, &Feed::ALL, |url| format!("{url}.old"));
    let said = home.run(&replay());
    assert_eq!(said.code, 1);
    expect![[r#"
          hackerone    failed     https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/hackerone_data.json answered with status 404
          bugcrowd     failed     https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/bugcrowd_data.json answered with status 404
          intigriti    failed     https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/intigriti_data.json answered with status 404
          yeswehack    failed     https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/yeswehack_data.json answered with status 404
          federacy     failed     https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/federacy_data.json answered with status 404
        error: no source was read
    "#]]
    .assert_eq(&said.err);
    // Failed is not empty: nothing is in scope, and nothing has gone.
    assert_eq!(home.json("opportunities list"), serde_json::json!([]));
    let actions = home.json("actions list");
    assert!(actions.as_array().unwrap().iter().all(|action| action["details"]["answer_status"] == 404));
    // A later run that can read has its baseline then.
    record(&home, &Feed::ALL, str::to_owned);
    assert_eq!(home.run(&replay()).code, 0);
    let found = home.json("opportunities list");
    let found = found.as_array().unwrap();
    assert!(!found.is_empty() && found.iter().all(|o| o["details"]["baseline"] == true));
}

#[test]
fn without_an_enabled_strategy_it_says_so_and_ends_with_1() {
    let home = Home::new();
    home.write("off.toml", "[strategies.bug-bounty]\nenabled = false\n");
    let said = home.run("run --sandbox --once --config off.toml --log-level off");
    expect![[r#"
        error: no strategy is enabled; set `enabled = true` in its section of the configuration
    "#]]
    .assert_eq(&said.err);
    assert_eq!((said.code, said.out.as_str()), (1, ""));
    // No run, no request.
    assert_eq!(home.json("actions list"), serde_json::json!([]));
}

/// The same time twice finds nothing new; a log at any level stays on stderr.
#[test]
fn again_at_the_same_time_nothing_is_new_and_stdout_has_no_log() {
    let home = Home::new();
    let line = format!("run --sandbox --as-of {AT} --once --log-level trace");
    let first = home.run(&line);
    assert_eq!(first.code, 0);
    assert!(first.err.contains(" TRACE ") && first.err.contains(" INFO "), "{}", first.err);
    assert!(!first.out.contains("TRACE") && !first.out.contains("INFO"), "{}", first.out);
    let again = home.run(&line);
    expect![[r#"
        bug-bounty: run 00002-000002-bug-bounty succeeded, 0 found for the first time
          hackerone    unchanged  as it was at the last read
          bugcrowd     unchanged  as it was at the last read
          intigriti    unchanged  as it was at the last read
          yeswehack    unchanged  as it was at the last read
          federacy     unchanged  as it was at the last read
          more: money-machine opportunities list --sandbox --data-dir HOME/data
          why:  money-machine actions list --sandbox --data-dir HOME/data
    "#]]
    .assert_eq(&again.out);
    assert_eq!(again.code, 0);
}
