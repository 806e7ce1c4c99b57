//! What somebody else wrote gets nowhere but where it may: every trap goes to every place that there
//! is, and an oracle of that place says whether it leaked.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that plays the outside world")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use mm_core::action::{Method, Request};
use mm_core::activity::{ActionRecord, Check, Stage};
use mm_core::digest::Digest;
use mm_core::id::{ActionId, RunId};
use mm_core::moment::Moment;
use mm_core::opportunity::{Opportunity, State};
use mm_core::untrusted::{Untrusted, json_safe};
use mm_core::url::LogicalUrl;
use mm_services::alerts::{Channel as _, Command, Message};
use mm_services::records::{AlertRow, CrashRecord, CrashRow, Sort};
use mm_store::{Change, Options, Stamp, Store};
use money_machine::channel::CommandChannel;
use money_machine::config::Env;

#[path = "traps/corpus.rs"]
mod corpus;
#[path = "daemon/harness.rs"]
#[expect(dead_code, reason = "the test of the daemon uses all of it")]
mod harness;
#[path = "traps/sinks.rs"]
mod sinks;

use corpus::{Group, all};
use harness::{Home, bug_bounty, space};

/// Holds an oracle against what was made of each trap.
fn none_leaks<T>(
    place: &str,
    make: impl Fn(&Untrusted) -> Option<T>,
    leaks: impl Fn(&T) -> Result<(), String>,
) {
    for (group, text) in all() {
        let shown: String = text.chars().take(60).collect();
        if let Some(made) = make(&Untrusted::new(text)) {
            assert_eq!(leaks(&made), Ok(()), "{place}: {group:?} {shown:?}");
        }
    }
}

#[test]
fn there_are_traps_of_every_group() {
    let mut groups: BTreeMap<Group, u32> = BTreeMap::new();
    all().into_iter().for_each(|(group, _)| *groups.entry(group).or_default() += 1);
    assert!(all().len() >= 150, "{}", all().len());
    assert!(groups.len() == 12 && groups.values().all(|count| *count >= 7), "{groups:?}");
}

#[test]
fn no_trap_leaks_where_it_is_shown() {
    none_leaks("line", |of| Some(of.line(300)), |made| sinks::line(made));
    none_leaks("Display", |of| Some(of.to_string()), |made| sinks::line(made));
    none_leaks("Debug", |of| Some(format!("{of:?}")), |made| sinks::line(made));
    none_leaks("lines", |of| Some(of.as_plain_text(4_000)), |made| sinks::terminal(made.as_str()));
    none_leaks("HTML", |of| Some(of.as_html(4_000)), |made| sinks::html(made.as_str()));
    none_leaks("CSV", |of| Some(of.as_csv_cell(300)), |made| sinks::csv(made.as_str()));
    none_leaks("Markdown", |of| Some(of.as_markdown_quote(4_000)), |made| sinks::markdown(made.as_str()));
    none_leaks(
        "JSON",
        |of| Some(json_safe(&serde_json::to_string(of).unwrap())),
        |made| sinks::json(made).map(drop),
    );
}

#[test]
fn no_trap_becomes_a_part_of_a_request() {
    none_leaks("header", |of| of.as_header_value().ok(), |made| sinks::header(made.as_str()));
    none_leaks("segment", |of| of.as_path_segment().ok(), |made| sinks::segment(made.as_str()));
    none_leaks("query", |of| of.as_query_value().ok(), |made| sinks::query(made.as_str()));
    none_leaks("URL", |of| of.as_url_on(&["api.github.com"]).ok(), |made| Err(made.as_str().to_owned()));
    for (group, text) in all() {
        let of = Untrusted::new(text.clone());
        match group {
            Group::Link => assert!(of.as_link().is_err(), "{text:?}"),
            // `CON` is a name like another where nothing is called by drive letters.
            Group::Path if text != "CON" => assert!(of.as_path_segment().is_err(), "{text:?}"),
            Group::Split if text.contains(['\r', '\n']) => assert!(of.as_header_value().is_err(), "{text:?}"),
            Group::Homograph if text.contains("bot") => {
                assert!(of.impersonates("algora-pbc[bot]"), "{text:?}")
            }
            Group::Template if text.to_lowercase().contains("{vault:") => {
                assert!(of.as_header_value().is_err() && of.as_path_segment().is_err(), "{text:?}");
            }
            Group::Shape => assert!(of.as_number().is_err(), "{text:?}"),
            _ => {}
        }
        // Nor where a connector forgot to check: the request itself refuses what would split it.
        let url = LogicalUrl::parse("https://api.github.com/").unwrap();
        if let Ok(request) = Request::get(url.clone()).header("x-trap", &text) {
            let [(_, value)] = request.headers() else { panic!("one header") };
            assert!(value.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{text:?}");
        }
        if let Ok(request) = Request::get(url.clone()).header(&text, "x") {
            let [(name, _)] = request.headers() else { panic!("one header") };
            assert!(name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':'), "{text:?}");
        }
        assert!(Request::new(Method::Get, url, text.clone().into_bytes()).is_err() || text.is_empty());
    }
}

/// Nothing gives a text back as it came: who adds a way out adds its trap here first.
#[test]
fn an_untrusted_text_has_no_other_way_out() {
    let sources = [
        include_str!("../actors/core/src/untrusted.rs"),
        include_str!("../actors/core/src/untrusted/checks.rs"),
    ];
    let mut public: Vec<&str> = sources
        .iter()
        .flat_map(|source| source.lines())
        .filter_map(|line| line.trim_start().strip_prefix("pub fn "))
        .filter_map(|line| line.split(['(', '<']).next())
        .collect();
    public.sort_unstable();
    public.dedup();
    assert_eq!(
        public,
        [
            "as_csv_cell",
            "as_header_value",
            "as_html",
            "as_link",
            "as_markdown_quote",
            "as_number",
            "as_path_segment",
            "as_plain_text",
            "as_query_value",
            "as_str",
            "as_url_on",
            "impersonates",
            "is",
            "is_deceptive",
            "json_safe",
            "line",
            "new",
        ]
    );
    for leak in ["impl AsRef", "impl Deref", "impl From<Untrusted>", "impl Borrow", "fn verbatim"] {
        assert!(!sources[0].contains(leak), "{leak}");
    }
}

// === The real process ===

fn at(n: usize) -> Moment {
    Moment::from_unix_ms(1_790_000_000_000 + i64::try_from(n).unwrap())
}

/// Rows whose every text is a trap, as if no check had stood where they were written.
fn planted(n: usize, trap: &str) -> Change {
    let text = trap.chars().take(500).collect::<String>();
    let t = || text.clone();
    let strategy = bug_bounty();
    let opportunity = Opportunity {
        id: Opportunity::id_of(&strategy, "trap", "trap", &[&n.to_string()]),
        strategy: strategy.clone(),
        platform: t(),
        kind: t(),
        title: t(),
        url: t(),
        state: State::New,
        found_at: at(n),
        updated_at: at(n),
        reward: Some(mm_core::opportunity::Reward { min: None, max: None, currency: t() }),
        score: 99,
        reason: t(),
        evidence: None,
        details: serde_json::json!({ "programme": text, text.as_str(): [text] }).to_string(),
        tell: true,
        deadline: None,
        payer: Some(t()),
        facts: mm_core::opportunity::Facts { said: vec![t()], against: vec![t()], ..Default::default() },
        steps: 0,
        settled: false,
    };
    let action = ActionRecord {
        id: ActionId::new(format!("trap-{n}")),
        space: space(),
        strategy: strategy.clone(),
        run: RunId::new(format!("trap-{n}")),
        step: t(),
        at: at(n),
        updated_at: at(n),
        platform: t(),
        kind: t(),
        method: t(),
        url: t(),
        purpose: t(),
        request_hash: Digest::of(b"x"),
        stage: Stage::Failed,
        checks: vec![Check { rule: t(), verdict: t(), reason: t() }],
        answer_status: None,
        answer: None,
        answer_bytes: 0,
        took_ms: 0,
        error: Some(t()),
        parent: None,
    };
    let fields = vec![(t(), t())];
    let record = CrashRecord {
        seq: 1,
        kind: t(),
        sender: Some(t()),
        action: Some(t()),
        fields: fields.clone(),
        queue_ns: 1,
        handle_ns: 1,
        ok: false,
    };
    let crash = CrashRow {
        actor: t(),
        incarnation: 1,
        run: Some(t()),
        at: at(n),
        exit: "panicked".into(),
        cause: t(),
        location: Some(t()),
        backtrace: Some(t()),
        in_hand: Some(t()),
        fields,
        messages_total: 1,
        kinds: vec![],
        records: vec![record],
        left: vec![],
        cut: false,
    };
    let id = opportunity.id.to_string();
    Change::new()
        .put(&space(), &id, &opportunity)
        .unwrap()
        .put(&space(), &format!("trap-{n}"), &action)
        .unwrap()
        .put(&mm_core::id::Space::machine(), &format!("c-trap-{n}"), &crash)
        .unwrap()
        .put(&space(), &format!("trap/{n}"), &AlertRow::news(t(), at(n), 0))
        .unwrap()
}

fn plant(home: &Home, traps: &[String]) {
    let entropy = std::sync::Arc::new(money_machine::seams::SystemEntropy::new());
    let store = Store::open(Options::in_dir(home.data(), Stamp::Sandbox, entropy)).unwrap();
    for (n, trap) in traps.iter().enumerate() {
        store.commit_blocking(planted(n, trap)).unwrap();
    }
    store.close().unwrap();
}

/// Every list and every single row, as a table and as JSON, without a daemon and with one.
#[test]
fn no_trap_leaks_from_any_verb_of_the_command_line() {
    let home = Home::used();
    let traps: Vec<String> = all().into_iter().map(|(_, text)| text).collect();
    plant(&home, &traps);
    let lists = [
        "opportunities list",
        "actions list",
        "alerts list",
        "crashes list",
        "audit tail -n 100",
        "status",
        "doctor",
    ];
    let ids = |verb: &str, key: &str| -> Vec<String> {
        let rows = home.json(verb);
        let all = rows.as_array().unwrap().iter().filter_map(|row| row[key].as_str().map(str::to_owned));
        all.filter(|id| !id.contains(char::is_whitespace)).collect()
    };
    let mut verbs: Vec<String> = lists.iter().map(|list| (*list).to_owned()).collect();
    let opportunities = ids("opportunities list", "id");
    assert!(opportunities.len() >= traps.len(), "the rows are read: {}", opportunities.len());
    verbs.extend(opportunities.iter().take(12).map(|id| format!("opportunities show {id}")));
    verbs.extend((0..traps.len()).step_by(13).map(|n| format!("actions show trap-{n}")));
    verbs.extend((0..traps.len()).step_by(13).map(|n| format!("crashes show c-trap-{n}")));
    let daemon = home.start("run --sandbox");
    let mut leaked = Vec::new();
    for verb in &verbs {
        for json in [false, true] {
            let line = if json { format!("{verb} --json") } else { verb.clone() };
            let ended = home.command(&line).output().unwrap();
            let (out, err) =
                (String::from_utf8(ended.stdout).unwrap(), String::from_utf8(ended.stderr).unwrap());
            for said in [&out, &err] {
                leaked.extend(sinks::terminal(said).err().map(|leak| format!("{line}: {leak}")));
            }
            if json {
                assert!(sinks::json(&out).is_ok(), "{line}: {}", out.chars().take(300).collect::<String>());
            }
        }
    }
    for said in [daemon.out(), daemon.err()] {
        leaked.extend(sinks::terminal(&said).err().map(|leak| format!("the log: {leak}")));
    }
    assert_eq!(leaked, Vec::<String>::new());
}

/// What a person types is echoed when it is not understood.
#[test]
fn no_trap_leaks_from_the_words_of_a_command() {
    let home = Home::used();
    for (_, trap) in all().into_iter().filter(|(_, text)| !text.contains('\0') && text.len() < 4_000) {
        for verb in ["opportunities show", "actions show", "limits show"] {
            let said = home.command(verb).arg("--").arg(&trap).output().unwrap();
            let said =
                String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
            assert_eq!(sinks::terminal(&said), Ok(()), "{verb} {trap:?}");
        }
    }
}

/// The owner's command reads one line of JSON; what it prints of it is harmless too.
#[test]
fn no_trap_leaks_into_the_owners_command() {
    let home = Home::new();
    let path = home.path("tell");
    home.write("tell", format!("#!/bin/sh\ncat >> {}\n", home.path("read").display()));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    let command = Command { argv: vec![path.display().to_string()], timeout: Duration::from_secs(20) };
    let env = Env::new([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let traps: Vec<String> = all().into_iter().map(|(_, text)| text.chars().take(300).collect()).collect();
    for trap in &traps {
        let message = Message {
            about: format!("blocked/{trap}"),
            sentence: trap.clone(),
            sort: Sort::Person,
            raised_at: "2026-11-22T12:00:00Z".into(),
            times: 1,
            stamp: "sandbox".into(),
            command: "money-machine status".into(),
            more: 0,
            others: vec![],
        };
        runtime.block_on(CommandChannel::new(&env).deliver(&command, &message)).unwrap();
    }
    let read = std::fs::read_to_string(home.path("read")).unwrap();
    assert_eq!(read.lines().count(), traps.len(), "one line each");
    for line in read.lines() {
        assert!(sinks::json(line).is_ok_and(|given| given["sentence"].is_string()), "{line}");
    }
}
