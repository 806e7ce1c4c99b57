//! What people read: every help text, and every page of the fixture of [`crate::views`].

mod inbox;

use clap::CommandFactory as _;
use expect_test::{expect, expect_file};
use serde::de::DeserializeOwned;

use super::*;
use crate::views::actor::{
    ActorPage, ActorRow, CauseView, CrashView, NamedView, Quantiles, RestartView, StatusView, TreeView,
    WaitView,
};
use crate::views::tests::{ask, reader};
use crate::views::trace::TracedView;
use crate::views::way::{EntryView, HopView, WayView};
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

/// As a shell splits it: what stands between `'` is one word.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('\'').enumerate();
    let mut words = vec![String::new()];
    for (i, part) in parts {
        for (j, word) in part.split(' ').enumerate().take(if i % 2 == 1 { 1 } else { usize::MAX }) {
            if j > 0 {
                words.push(String::new());
            }
            words.last_mut().unwrap().push_str(if i % 2 == 1 { part } else { word });
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_example_parses() {
    let shell = |c: char| c == '|' || c == '>';
    for (name, mut command) in all(&built(), "money-machine") {
        // A line that ends with a backslash goes on in the next.
        let help = command.render_long_help().to_string().replace("\\\n", "");
        for line in help.lines().filter_map(|line| line.strip_prefix("  money-machine ")) {
            let line = line.split(shell).next().unwrap();
            let words = std::iter::once("money-machine".to_owned()).chain(words(line));
            if let Err(error) = Cli::try_parse_from(words) {
                panic!("an example of `{name}` is wrong: {line}\n{error}");
            }
        }
    }
}

/// The words of every example, with the command that they are of.
fn example_lines() -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for (name, mut command) in all(&built(), "money-machine") {
        let help = command.render_long_help().to_string().replace("\\\n", "");
        let own = help.lines().filter_map(|line| line.strip_prefix("  money-machine "));
        lines.extend(own.map(|line| (name.clone(), line.to_owned())));
    }
    lines
}

/// What is copied from a help text must be what the machine calls such a thing.
#[test]
fn the_ids_of_examples_look_as_real_ones_do() {
    let hex = |text: &str, digits: usize| {
        text.len() == digits && text.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
    };
    let run = |text: &str| {
        let parts: Vec<&str> = text.splitn(3, '-').collect();
        let number =
            |part: &str, digits: usize| part.len() == digits && part.bytes().all(|c| c.is_ascii_digit());
        matches!(parts.as_slice(), [epoch, nth, _strategy] if number(epoch, 5) && number(nth, 6))
    };
    let action = |text: &str| text.split_once('.').is_some_and(|(id, step)| run(id) && !step.is_empty());
    let mut seen = 0;
    for (name, line) in example_lines() {
        let words = words(&line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let is_real = match words.as_slice() {
            ["actions", "list", "--run", id, ..] => run(id),
            ["actions", "show" | "settle", id, ..] | ["actors", "follow", id, ..] => action(id),
            ["compliance", "explain", id, ..] => action(id),
            ["approvals", "show" | "approve" | "edit" | "reject" | "done", id, ..] => hex(id, 12),
            ["opportunities", "list", ..] => continue,
            ["opportunities", _, id, ..] => hex(id, 24),
            ["strategy", "quarantine", "retry" | "drop", _, id] => hex(id, 16),
            _ => continue,
        };
        assert!(is_real, "an example of `{name}` has an id of no real form: {line}");
        seen += 1;
    }
    assert!(seen > 15, "{seen}");
}

/// A shell puts file names in the place of a `*` that stands alone.
#[test]
fn patterns_in_examples_are_quoted() {
    for (name, line) in example_lines() {
        let bare = line.split('\'').step_by(2).any(|part| part.contains('*'));
        assert!(!bare, "an example of `{name}`: {line}");
    }
}

fn view<T: DeserializeOwned>(reader: &Reader, target: &str) -> T {
    serde_json::from_value(ask(reader, target)).unwrap()
}

#[test]
fn every_page_is_one_that_a_person_can_read() {
    let (reader, booked) = (reader(), crate::views::earning::tests::booked());
    let id =
        ask(&reader, "/opportunities?limit=1&state=new&baseline=false")[0]["id"].as_str().unwrap().to_owned();
    let pages = [
        ("status", status::text(&view(&reader, "/status"))),
        ("doctor", doctor::text(&view(&reader, "/doctor"))),
        ("opportunities list", opportunities::rows(&view::<Vec<_>>(&reader, "/opportunities"))),
        ("opportunities show", opportunities::page(&view(&reader, &format!("/opportunities/{id}")))),
        ("actions list", actions::rows(&view::<Vec<_>>(&reader, "/actions"))),
        ("actions show", actions::page(&view(&reader, "/actions/00001-000001-bug-bounty.read-b"))),
        ("crashes list", crashes::rows(&view::<Vec<_>>(&reader, "/crashes"), Some(110))),
        ("crashes show", crashes::page(&view(&reader, "/crashes/00001-000002"))),
        ("strategy list", strategy::rows(&view::<Vec<_>>(&reader, "/strategies"))),
        ("strategy show", strategy::page(&view(&reader, "/strategies/bug-bounty"))),
        ("schedule list", schedule::rows(&view::<Vec<_>>(&reader, "/schedule"))),
        ("schedule next", schedule::coming(&view::<Vec<_>>(&reader, "/schedule/next?count=3"))),
        ("schedule show", schedule::page(&view(&reader, "/schedule/bug-bounty"))),
        ("schedule why", schedule::answers(&view(&reader, "/schedule/bug-bounty/why?at=2026-07-22T13:00"))),
        ("limits list", limits::rows(&view::<Vec<_>>(&reader, "/limits"))),
        ("limits show", limits::page(&view(&reader, "/limits/bounty-targets-data"))),
        ("earnings summary", earnings::sums(&view(&booked, "/earnings/summary"))),
        ("earnings list", earnings::rows(&view::<Vec<_>>(&booked, "/earnings"))),
        ("alerts list --all", alerts::rows(&view::<Vec<_>>(&reader, "/alerts?all=true"))),
        ("alerts list --silences", alerts::silence_rows(&view::<Vec<_>>(&reader, "/alerts/silences"))),
        ("audit verify", audit::verify::verdict(&view(&reader, "/audit/verify"), None, false)),
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
fn a_letter_in_the_details_keeps_its_lines() {
    let reader = reader();
    let id = ask(&reader, "/opportunities?limit=1")[0]["id"].as_str().unwrap().to_owned();
    let mut view: crate::views::opportunity::OpportunityView = view(&reader, &format!("/opportunities/{id}"));
    view.details.clear();
    view.details.insert("letter".to_owned(), "Dear all,\n\nI can \u{9b}2J.\n  Yours\n".into());
    view.details.insert("signed".to_owned(), serde_json::json!({ "by": "me\nhere" }));
    let page = opportunities::page(&view);
    let (_, details) = page.split_once("\nDetails:").unwrap();
    expect![[r#"
        details:
          letter:
            Dear all,

            I can �2J.
              Yours
          signed:
            by:
              me
              here
    "#]]
    .assert_eq(&format!("details:{details}"));
}

#[test]
fn who_accepts_a_trap_is_told_why_it_is_one_and_who_is_paid_where_that_is_put_on_record() {
    let reader = reader();
    let id = ask(&reader, "/opportunities?limit=1")[0]["id"].as_str().unwrap().to_owned();
    let mut view: crate::views::opportunity::OpportunityView = view(&reader, &format!("/opportunities/{id}"));
    assert_eq!(opportunities::to_know("accept", &view), None);
    let paid = opportunities::to_know("paid", &view).unwrap();
    assert!(paid.contains("`money-machine earnings record`") && paid.contains(&id), "{paid}");
    view.payer.proof = "trap".to_owned();
    view.payer.reasons = vec!["it asks for money\u{1b}[2J".to_owned(), "it wants a password".to_owned()];
    let told = opportunities::to_know("accept", &view).unwrap();
    let why = "warning: it is a trap and no income: it asks for money\u{fffd}[2J; it wants a password; ";
    assert!(told.starts_with(why) && told.contains("opportunities dismiss"), "{told}");
    assert_eq!(opportunities::to_know("dismiss", &view), None);
}

/// A tree whose host waits before its next try.
fn actors_fixture() -> TreeView {
    let quantiles = Quantiles { p50: 0.5, p99: 12.25 };
    let actor = |path: &str, state: &str, children| ActorRow {
        path: path.to_owned(),
        state: state.to_owned(),
        since: "2026-07-22T12:00:00Z".to_owned(),
        restarts: 1,
        last_cause: Some("panicked: \u{1b}[31mboom".to_owned()),
        cause: None,
        attempt: 0,
        next_try: None,
        budget_left: None,
        budget_limit: None,
        mailbox_depth: 2,
        mailbox_wait_ms: quantiles,
        handle_ms: quantiles,
        messages_total: 9,
        memory_bytes: None,
        children,
    };
    let leaf = ActorRow {
        cause: Some("transient".to_owned()),
        attempt: 4,
        next_try: Some("2026-07-22T12:00:42Z".to_owned()),
        budget_left: Some(6),
        budget_limit: Some(10),
        memory_bytes: Some(9_000),
        ..actor("kernel/strategies/default/bug-bounty", "restarting", vec![])
    };
    let kernel = actor("kernel", "running", vec![actor("kernel/gateway", "busy", vec![]), leaf]);
    let root = actor("root", "running", vec![actor("admin", "running", vec![]), kernel]);
    TreeView { root, now: "2026-07-22T12:00:00Z".to_owned() }
}

#[test]
fn an_actor_tree_is_drawn() {
    let drawn: String =
        [None, Some(120), Some(80), Some(40)].map(|width| actors::tree(&actors_fixture(), width)).join("\n");
    expect![[r#"
        ACTOR                                       STATE       RESTARTS  BUDGET   WAITING  WAIT P50  WAIT P99  P50 MS  P99 MS  HANDLED  MEMORY  NEXT TRY                                   LAST CAUSE
        root                                        running     1                  2        0.50      12.25     0.50    12.25   9                                                           panicked: �[31mboom
        ├─ admin                                    running     1                  2        0.50      12.25     0.50    12.25   9                                                           panicked: �[31mboom
        └─ kernel                                   running     1                  2        0.50      12.25     0.50    12.25   9                                                           panicked: �[31mboom
           ├─ kernel/gateway                        busy        1                  2        0.50      12.25     0.50    12.25   9                                                           panicked: �[31mboom
           └─ kernel/strategies/default/bug-bounty  restarting  1         6 of 10  2        0.50      12.25     0.50    12.25   9        8 KiB   in 42 s, attempt 4 of 10, cause transient  panicked: �[31mboom

        ACTOR                                       STATE       NEXT TRY                                   LAST CAUSE
        root                                        running                                                panicked: �[31mboom
        ├─ admin                                    running                                                panicked: �[31mboom
        └─ kernel                                   running                                                panicked: �[31mboom
           ├─ kernel/gateway                        busy                                                   panicked: �[31mboom
           └─ kernel/strategies/default/bug-bounty  restarting  in 42 s, attempt 4 of 10, cause transient  panicked: �[31mboom

        ACTOR                                STATE       NEXT TRY
        root                                 running
        ├─ admin                             running
        └─ kernel                            running
           ├─ gateway                        busy
           └─ strategies/default/bug-bounty  restarting  in 42 s, attempt 4 of 10, caus…

        ACTOR                         STATE
        root                          running
        ├─ admin                      running
        └─ kernel                     running
           ├─ gateway                 busy
           └─ strategies/default/bu…  restarting
    "#]].assert_eq(&drawn);
}

#[test]
fn an_actor_has_a_page() {
    let leaf = actors_fixture().root.children[1].children[1].clone();
    let page = ActorPage {
        actor: leaf,
        now: "2026-07-22T12:00:00Z".to_owned(),
        about: "runs one strategy".to_owned(),
        mailbox_bound: 1024,
        in_hand: Some("start".to_owned()),
        waits_for: Some(WaitView {
            path: "kernel/gateway".to_owned(),
            kind: "walk".to_owned(),
            since: "2026-07-22T11:59:58Z".to_owned(),
        }),
        status: StatusView {
            silent: None,
            fields: vec![NamedView { name: "run".to_owned(), value: "1-1\u{1b}[2J".to_owned() }],
        },
        held_why: None,
        budget_spent: Some(4),
        history: vec![RestartView {
            at: "2026-07-22T11:59:00Z".to_owned(),
            cause: "transient".to_owned(),
            why: "failed: no route".to_owned(),
            attempt: 3,
            next_try: None,
        }],
        by_cause: vec![
            CauseView { cause: "panicked".to_owned(), count: 1 },
            CauseView { cause: "transient".to_owned(), count: 3 },
        ],
        kinds: vec![serde_json::json!({ "kind": "start", "done": 1, "failed": 1, "lost": 0 })],
        records: Vec::new(),
        crashes: vec![CrashView {
            id: Some("00001-000001".to_owned()),
            at: "2026-07-22T11:59:00Z".to_owned(),
            incarnation: 4,
            cause: "panicked: boom".to_owned(),
            in_hand: Some("start".to_owned()),
        }],
    };
    expect![[r#"
        path        kernel/strategies/default/bug-bounty
        about       runs one strategy
        state       restarting since 2026-07-22T12:00:00Z
        restarts    1
        last cause  panicked: �[31mboom
        mailbox     2 waiting of 1024
        in hand     start
        wait        0.50 ms, p99 12.25 ms
        handle      0.50 ms, p99 12.25 ms
        messages    9
        waits for   kernel/gateway to answer `walk`, since 2026-07-22T11:59:58Z
        memory      8 KiB
        next try    in 42 s, attempt 4 of 10, cause transient
        budget      6 of 10 restarts left

        STATUS  VALUE
        run     1-1�[2J

        Restarts on record: 1 panicked, 3 transient
        WHEN               CAUSE      ATTEMPT  WHY
        2026-07-22 11:59Z  transient  3        failed: no route

        KIND   DONE  FAILED  LOST
        start  1     1       0

        Crashes:
        ID            WHEN               IN HAND  CAUSE
        00001-000001  2026-07-22 11:59Z  start    panicked: boom
        `money-machine crashes show ID` has the last messages and the backtrace.
    "#]]
    .assert_eq(&actors::page(&page));
    let silent = StatusView { silent: Some("busy with `start`".to_owned()), fields: Vec::new() };
    let text = actors::page(&ActorPage { status: silent, ..page });
    assert!(text.contains("It does not say how it is: busy with `start`\n"), "{text}");
}

#[test]
fn a_traced_message_is_one_harmless_line() {
    let traced = TracedView {
        at: "2026-07-22T12:00:00.123Z".to_owned(),
        path: "kernel/gateway".to_owned(),
        incarnation: 3,
        seq: 7,
        kind: "walk".to_owned(),
        sender: Some("kernel/strategies/default/bug-bounty".to_owned()),
        action: Some("1-1.a".to_owned()),
        fields: [("url".to_owned(), "https://a.example/\u{1b}[2J\n".to_owned())].into(),
        queue_ns: 20_000,
        handle_ns: 1_234_567,
        ok: false,
        depth: 0,
    };
    expect![[r#"
        12:00:00.123Z  kernel/gateway  walk  FAILED  from kernel/strategies/default/bug-bounty  url=https://a.example/�[2J  action 1-1.a  waited 0.02 ms, took 1.23 ms
    "#]].assert_eq(&actors::trace::text(&traced));
}

#[test]
fn the_way_of_an_action_is_told_from_its_first_message_to_its_record() {
    let way: WayView = view(&reader(), "/actions/00001-000001-bug-bounty.read-b/way");
    let hop = |at: &str, path: &str, took: Option<f64>| HopView {
        at: at.to_owned(),
        path: path.to_owned(),
        kind: "walk".to_owned(),
        sender: Some("kernel/gateway".to_owned()),
        queue_ms: 0.02,
        handle_ms: took,
        ok: took.map(|_| true),
    };
    let hops = vec![
        hop("2026-07-22T11:32:00.001Z", "kernel/compliance", Some(0.5)),
        hop("2026-07-22T11:32:00.002Z", "kernel/limiter", None),
    ];
    let audit = vec![EntryView {
        seq: 7,
        at: "2026-07-22T11:32:00Z".to_owned(),
        kind: "action.blocked".to_owned(),
        payload: serde_json::json!({ "action": way.id, "why": "\u{1b}[2J" }),
    }];
    let text = actors::follow::text(&WayView { hops, audit, ..way });
    expect![[r#"
        id       00001-000001-bug-bounty.read-b
        when     2026-07-22T11:32:00Z (last change 2026-07-22T11:32:00Z)
        by       bug-bounty, run 00001-000001-bug-bounty, step read-b
        action   read at bounty-targets-data
        request  GET https://raw.githubusercontent.com/x
        for      look for new targets
        status   blocked (blocked)
        error    no rule permits it

        VERDICT  RULE                                  REASON
        forbid   bounty-targets-data/read-scope-files  the files are published for everybody

        From actor to actor:
        TAKEN UP       ACTOR              KIND  FROM            WAITED MS  TOOK MS
        11:32:00.001Z  kernel/compliance  walk  kernel/gateway  0.02       0.50
        11:32:00.002Z  kernel/limiter     walk  kernel/gateway  0.02                in hand

        On the audit trail:
             7  2026-07-22T11:32:00Z  action.blocked          {"action":"00001-000001-bug-bounty.read-b","why":"\u001b[2J"}
    "#]].assert_eq(&text);
}

#[test]
fn a_list_says_what_it_leaves_out() {
    let (all, open) = (none::Narrowed::by(&[]), none::Narrowed::by(&[("--kind", Some("targets"))]));
    expect!["no opportunity is on record"].assert_eq(&opportunities::more(&all, 0, 0, 0));
    expect!["no opportunity matches `--kind targets`"].assert_eq(&opportunities::more(&open, 0, 0, 0));
    expect!["nothing new is listed; 9 of the baseline are hidden, --baseline shows them"]
        .assert_eq(&opportunities::more(&all, 0, 0, 9));
    expect![
        "no new opportunity matches `--kind targets`; 9 of the baseline are hidden, --baseline shows them"
    ]
    .assert_eq(&opportunities::more(&open, 0, 0, 9));
    expect![[r#"
        40 of 50 opportunities; --limit 50 shows all; 9 of the baseline are hidden, --baseline shows them
        `money-machine opportunities show ID` shows one, `accept ID` and `dismiss ID` decide"#]]
    .assert_eq(&opportunities::more(&all, 40, 50, 9));
}

#[test]
fn one_of_a_thing_is_one() {
    let counted = |n: u64| crate::views::counted(n, "loss", "losses");
    assert_eq!([0, 1, 2].map(counted), ["0 losses", "1 loss", "2 losses"]);
    let none = none::Narrowed::by(&[]);
    assert!(opportunities::more(&none, 1, 1, 0).starts_with("1 opportunity\n"));
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
