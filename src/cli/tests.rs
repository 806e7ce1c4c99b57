//! What people read: every help text, and every page of the fixture of [`crate::views`].

use clap::CommandFactory as _;
use expect_test::{expect, expect_file};
use serde::de::DeserializeOwned;

use super::*;
use crate::views::tests::{ask, reader};
use crate::views::{Reader, doctor as doctor_views};

/// Every command below `command`, itself first, with its full name.
fn all(command: &clap::Command, name: &str) -> Vec<(String, clap::Command)> {
    let own = (name.to_owned(), command.clone());
    let below = command.get_subcommands().flat_map(|sub| all(sub, &format!("{name} {}", sub.get_name())));
    std::iter::once(own).chain(below).collect()
}

fn built() -> clap::Command {
    let mut command = Cli::command().term_width(100);
    command.build();
    command
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_help_text_teaches() {
    let mut text = String::new();
    for (name, mut command) in all(&built(), "money-machine") {
        let help = command.render_long_help().to_string();
        if !command.has_subcommands() {
            assert!(help.contains("Examples:"), "{name} has no example:\n{help}");
            assert!(help.contains(&format!("\n  {name}")), "{name} is not in its own examples:\n{help}");
        }
        assert!(
            help.contains("3  no daemon") || help.contains("3 no daemon") || command.has_subcommands(),
            "{name}"
        );
        text.push_str(&format!("$ {name} --help\n{help}\n\n"));
    }
    expect_file!["tests/help.txt"].assert_eq(&text);
}

#[test]
fn every_example_parses() {
    let shell = |c: char| c == '|' || c == '>';
    for (name, mut command) in all(&built(), "money-machine") {
        let help = command.render_long_help().to_string();
        for line in help.lines().filter_map(|line| line.strip_prefix("  money-machine ")) {
            let line = line.split(shell).next().unwrap().replace("'on holiday until May'", "holiday");
            let words = std::iter::once("money-machine").chain(line.split_whitespace());
            if let Err(error) = Cli::try_parse_from(words) {
                panic!("an example of `{name}` is wrong: {line}\n{error}");
            }
        }
    }
}

fn view<T: DeserializeOwned>(reader: &Reader, target: &str) -> T {
    serde_json::from_value(ask(reader, target)).unwrap()
}

#[test]
fn every_page_is_one_that_a_person_can_read() {
    let reader = reader();
    let id =
        ask(&reader, "/opportunities?limit=1&state=new&baseline=false")[0]["id"].as_str().unwrap().to_owned();
    let pages = [
        ("status", status::text(&view(&reader, "/status"))),
        ("doctor", doctor::text(&view(&reader, "/doctor"))),
        ("opportunities list", opportunities::rows(&view::<Vec<_>>(&reader, "/opportunities"))),
        ("opportunities show", opportunities::page(&view(&reader, &format!("/opportunities/{id}")))),
        ("actions list", actions::rows(&view::<Vec<_>>(&reader, "/actions"))),
        ("actions show", actions::page(&view(&reader, "/actions/00001-000001-bug-bounty.read-b"))),
        ("strategy list", strategy::rows(&view::<Vec<_>>(&reader, "/strategies"))),
        ("strategy show", strategy::page(&view(&reader, "/strategies/bug-bounty"))),
        ("limits list", limits::rows(&view::<Vec<_>>(&reader, "/limits"))),
        ("limits show", limits::page(&view(&reader, "/limits/bounty-targets-data"))),
        ("audit verify", audit::verdict(&view(&reader, "/audit/verify"))),
        (
            "audit tail",
            audit::lines(&view::<crate::views::audit::AuditPageView>(&reader, "/audit/tail?n=2").entries),
        ),
    ];
    let text: String = pages.iter().map(|(name, page)| format!("$ money-machine {name}\n{page}\n")).collect();
    // The fixture holds escape sequences in details and sentences.
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "a terminal would obey this");
    expect_file!["tests/pages.txt"].assert_eq(&text);
}

#[test]
fn an_actor_tree_is_drawn() {
    use crate::views::actor::{ActorPage, ActorRow, CrashView, Quantiles};
    let quantiles = Quantiles { p50: 0.5, p99: 12.25 };
    let actor = |path: &str, state: &str, children| ActorRow {
        path: path.to_owned(),
        state: state.to_owned(),
        since: "2026-07-22T12:00:00Z".to_owned(),
        restarts: 1,
        last_cause: Some("panicked: \u{1b}[31mboom".to_owned()),
        mailbox_depth: 2,
        mailbox_wait_ms: quantiles,
        handle_ms: quantiles,
        messages_total: 9,
        children,
    };
    let leaf = actor("kernel/strategies/default/bug-bounty", "tripped", vec![]);
    let kernel = actor("kernel", "running", vec![actor("kernel/gateway", "busy", vec![]), leaf.clone()]);
    let root = actor("root", "running", vec![actor("admin", "running", vec![]), kernel]);
    expect![[r#"
        ACTOR                                       STATE    RESTARTS  WAITING  HANDLED  P50 MS  P99 MS  LAST CAUSE
        root                                        running  1         2        9        0.50    12.25   panicked: �[31mboom
        ├─ admin                                    running  1         2        9        0.50    12.25   panicked: �[31mboom
        └─ kernel                                   running  1         2        9        0.50    12.25   panicked: �[31mboom
           ├─ kernel/gateway                        busy     1         2        9        0.50    12.25   panicked: �[31mboom
           └─ kernel/strategies/default/bug-bounty  tripped  1         2        9        0.50    12.25   panicked: �[31mboom
    "#]]
    .assert_eq(&actors::tree(&root));
    let page = ActorPage {
        actor: leaf,
        about: "runs one strategy".to_owned(),
        mailbox_bound: 1024,
        in_hand: None,
        attempt: 2,
        next_try: Some("2026-07-22T12:01:00Z".to_owned()),
        budget_spent: Some(10),
        kinds: vec![serde_json::json!({ "kind": "start", "done": 1, "failed": 1, "lost": 0 })],
        records: Vec::new(),
        crashes: vec![CrashView {
            at: "2026-07-22T11:59:00Z".to_owned(),
            incarnation: 4,
            cause: "panicked: boom".to_owned(),
            records: vec![serde_json::json!({ "kind": "start" })],
            left: Vec::new(),
        }],
    };
    expect![[r#"
        path        kernel/strategies/default/bug-bounty
        about       runs one strategy
        state       tripped since 2026-07-22T12:00:00Z
        restarts    1
        last cause  panicked: �[31mboom
        mailbox     2 waiting of 1024
        in hand     nothing
        wait        0.50 ms, p99 12.25 ms
        handle      0.50 ms, p99 12.25 ms
        messages    9
        next try    2026-07-22T12:01:00Z (attempt 3)
        budget      10 restarts spent

        KIND   DONE  FAILED  LOST
        start  1     1       0

        Crash at 2026-07-22 11:59: panicked: boom
          it did not survive: start; dropped from its mailbox: 0
    "#]]
    .assert_eq(&actors::page(&page));
}

#[test]
fn a_list_says_what_it_leaves_out() {
    expect!["nothing new is listed"].assert_eq(&opportunities::more(0, 0, 0));
    expect!["nothing new is listed; 9 of the baseline are hidden, --baseline shows them"]
        .assert_eq(&opportunities::more(0, 0, 9));
    expect![[r#"
        40 of 50 opportunities; --limit 50 shows all; 9 of the baseline are hidden, --baseline shows them
        `money-machine opportunities show ID` shows one, `accept ID` and `dismiss ID` decide"#]]
    .assert_eq(&opportunities::more(40, 50, 9));
}

#[test]
fn what_only_the_sandbox_has_needs_the_sandbox() {
    let parse = |words: &[&str]| Cli::try_parse_from(std::iter::once(&"money-machine").chain(words));
    for flag in [["--recordings", "f"], ["--as-of", "2026-07-22T12:00:00Z"], ["--sandbox-port", "1"]] {
        assert!(parse(&["run", flag[0], flag[1]]).is_err(), "{flag:?}");
        assert!(parse(&["run", "--sandbox", flag[0], flag[1]]).is_ok(), "{flag:?}");
    }
    assert!(parse(&["run", "--sandbox", "--as-of", "yesterday"]).is_err());
    let cli =
        parse(&["run", "--sandbox", "--once", "--as-of", "2026-07-22T12:00:00Z", "--data-dir", "d"]).unwrap();
    let Verb::Run(options) = cli.verb else { panic!("it is run") };
    let told = run::args(cli.common, options);
    let expected = RunArgs {
        sandbox: true,
        once: true,
        as_of: Some("2026-07-22T12:00:00Z".parse().unwrap()),
        data_dir: Some("d".into()),
        ..RunArgs::default()
    };
    assert_eq!(told, expected);
}

#[test]
fn doctor_shows_what_to_do_below_what_is_wrong() {
    let view = doctor_views::DoctorView::of(vec![
        doctor_views::CheckView::ok("store", "it opens"),
        doctor_views::CheckView::fail("audit", "entry 3 was changed\u{1b}[2J", "restore a backup"),
    ]);
    assert!(!view.ok);
    expect![[r#"
        ok    store       it opens
        fail  audit       entry 3 was changed�[2J
                          -> restore a backup
    "#]]
    .assert_eq(&doctor::text(&view));
}
