//! The admin called as a service, on a real machine without a socket; and the socket itself.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Mutex;
use std::time::Duration;

use expect_test::expect;
use mm_core::id::Space;
use mm_core::opportunity::Opportunity;
use mm_core::seams::{Entropy, SplitMix64};
use mm_services::alerts::NoChannel;
use mm_services::resources::{Probe, Usage};
use mm_services::strategies::pool;
use mm_store::{BootBook, Options, SharedMemory, Span, Store};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::client::{AskError, Client};
use crate::config::{self, Env, Overrides, Sources};
use crate::inprocess::InProcess;
use crate::machine::{Machine, Running, Seams};
use crate::rules::FixedRules;
use crate::sandbox::Sandbox;
use crate::sandbox::world::World;
use crate::seams::{SeededRng, SystemClock};
use crate::views::Question;

mod earnings;
mod schedule;

struct Seeded(Mutex<SplitMix64>);

impl Entropy for Seeded {
    fn fill(&self, buffer: &mut [u8]) {
        let mut numbers = self.0.lock().unwrap();
        buffer.fill_with(|| numbers.next_u64() as u8);
    }
}

struct Room;

impl Probe for Room {
    fn look(&self) -> Usage {
        Usage { resident_bytes: Some(1 << 20), disk_free_bytes: Some(1 << 40), ..Usage::default() }
    }
}

fn loaded(machine: &Machine) -> config::Loaded {
    config::load(Sources {
        file: None,
        env: Env::default(),
        flags: Overrides::default(),
        installed: &machine.names(),
        check_schedule: crate::cli::check_schedule,
    })
    .unwrap()
}

/// A machine in the sandbox that runs only when told to, and its admin.
async fn machine(socket: Option<PathBuf>) -> (Running, Arc<Ops>) {
    machine_with(socket, |_| {}).await
}

/// The same; `early` gets the admin's part before anything has started.
async fn machine_with(socket: Option<PathBuf>, early: impl FnOnce(Arc<Ops>)) -> (Running, Arc<Ops>) {
    let machine = Machine::new().with_builtins();
    let loaded = loaded(&machine);
    let clock = Arc::new(SystemClock::new(Some("2026-07-22T12:00:00Z".parse().unwrap())));
    let entropy = Arc::new(Seeded(Mutex::new(SplitMix64(7))));
    let store = Store::open(Options::in_memory(SharedMemory::new(), entropy.clone())).unwrap();
    let seams = Seams {
        transport: Arc::new(InProcess::to(Arc::new(Sandbox::of_world(World::small(7))), clock.clone())),
        clock,
        entropy,
        rng: Arc::new(SeededRng::new(7)),
        store,
        rules: Arc::new(FixedRules::built_in()),
        channel: Arc::new(NoChannel),
        evidence: mm_services::audit::Evidence::in_memory(&mm_services::audit::InMemory::default()),
        keys: Arc::new(mm_services::accounts::MemoryKeys::default()),
        probe: Arc::new(Room),
        pool: pool::Mode::Inline,
        on_runs_stuck: Arc::new(|| {}),
        events: Arc::new(|_| {}),
        tree: Arc::new(|seams| seams),
        boots: BootBook::in_memory(),
        hold: None,
    };
    let settings = machine.settings(&loaded.config, "sandbox", false).unwrap();
    let mut made = None;
    let running = Machine::assemble(seams, settings, |services, tree| {
        let info = Info {
            pid: 42,
            started: "2026-07-22T12:00:00Z".parse().unwrap(),
            data_dir: "/data".into(),
            stamp: Stamp::Sandbox,
            version: "0.0.0",
            config_json: loaded.show_json(),
            config_text: loaded.show_text(),
        };
        let ops = Arc::new(Ops::new(services.clone(), tree, socket, info));
        made = Some(ops.clone());
        early(ops.clone());
        Some(AdminService::row(ops))
    })
    .await
    .unwrap();
    (running, made.unwrap())
}

/// Rule files that may be changed.
struct Changing(Mutex<Vec<(String, String)>>);

impl mm_services::RuleSource for Changing {
    fn stamp(&self) -> u64 {
        1
    }

    fn read(&self) -> Result<Vec<(String, String)>, String> {
        Ok(self.0.lock().unwrap().clone())
    }

    fn place(&self) -> String {
        "rules".to_owned()
    }
}

/// Parsing all packs takes longer than any answer, so it is done for a change and not for a question.
#[test]
fn rules_are_parsed_once_for_many_questions_and_again_for_each_change() {
    let files = Changing(Mutex::new(FixedRules::built_in().0));
    let rules = crate::rules::ParsedRules::default();
    let mut parses = Vec::new();
    let mut ask = || {
        let parsed = rules.of(&files).unwrap();
        if !parses.iter().any(|one| Arc::ptr_eq(one, &parsed)) {
            parses.push(parsed.clone());
        }
        (parses.len(), parsed.platforms().count())
    };
    let (_, all) = ask();
    assert!((0..100).all(|_| ask() == (1, all)));
    // The stamp stays, the length of the text stays: the change is seen all the same.
    let pack = files.0.lock().unwrap().iter().position(|(name, _)| name == "github.toml").unwrap();
    files.0.lock().unwrap()[pack].1 = FixedRules::built_in().0[pack].1.replacen("2026", "2025", 1);
    assert!((0..10).all(|_| ask() == (2, all)));
    files.0.lock().unwrap().remove(pack);
    assert!((0..10).all(|_| ask() == (3, all - 1)));
    files.0.lock().unwrap()[0].1 = "[pack".to_owned();
    assert!((0..2).all(|_| rules.of(&files).unwrap_err().contains("toml")));
}

#[tokio::test]
async fn two_questions_are_answered_by_the_same_parsed_rules() {
    let (running, ops) = machine(None).await;
    let rules = async || answer::reader(&ops).await.rules.unwrap();
    assert!(Arc::ptr_eq(&rules().await, &rules().await));
    running.stop(Duration::from_secs(5)).await;
}

async fn get(ops: &Ops, target: &str) -> (u16, Value) {
    answer(ops, "GET", target, &Value::Null).await
}

/// Its row in the list of strategies.
async fn bug_bounty(ops: &Ops) -> Value {
    let (_, list) = get(ops, "/strategies").await;
    list.as_array().unwrap().iter().find(|row| row["strategy"] == "bug-bounty").unwrap().clone()
}

async fn post(ops: &Ops, target: &str, body: Value) -> (u16, String) {
    let (status, body) = answer(ops, "POST", target, &body).await;
    (status, body["error"].as_str().unwrap_or("done").to_owned())
}

/// Runs the strategy once and waits for its end.
async fn run_once(ops: &Ops) {
    let (status, body) = answer(ops, "POST", "/strategies/bug-bounty/run", &Value::Null).await;
    assert_eq!((status, body["stamp"].as_str()), (200, Some("sandbox")), "{body}");
    let ended = ops.services.strategies.idle("bug-bounty", Duration::from_secs(60)).await.unwrap().unwrap();
    assert_eq!(body["run"], ended.id.as_str());
}

#[tokio::test]
async fn an_operator_sees_a_run_and_decides_on_what_it_found() {
    let (running, ops) = machine(None).await;
    run_once(&ops).await;

    let (code, status) = get(&ops, "/status").await;
    assert_eq!(code, 200);
    assert_eq!(
        (&status["running"], &status["pid"], &status["stamp"]),
        (&json!(true), &json!(42), &json!("sandbox"))
    );
    let (_, found) = get(&ops, "/opportunities?limit=1").await;
    let id = found[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(
        post(&ops, &format!("/opportunities/{id}/accept"), Value::Null).await,
        (200, "done".to_owned())
    );
    let (_, shown) = get(&ops, &format!("/opportunities/{id}")).await;
    assert_eq!((shown["state"].as_str(), shown["stamp"].as_str()), (Some("accepted"), Some("sandbox")));
    let stored: Opportunity =
        ops.services.shared.store.get(&Space::default_owner(), &id).unwrap().unwrap().value;
    assert_eq!(stored.state.as_str(), "accepted");

    let (_, tail) = get(&ops, "/audit/tail?n=1").await;
    assert_eq!(tail["entries"][0]["kind"], "opportunity.accepted");
    let (_, verified) = get(&ops, "/audit/verify").await;
    assert_eq!(verified["whole"], true);
    let (_, doctor) = get(&ops, "/doctor").await;
    assert_eq!(doctor["ok"], true, "{doctor:#}");
    let (_, actions) = get(&ops, "/actions").await;
    assert_eq!(actions.as_array().unwrap().len(), 5);
    let (_, limits) = get(&ops, "/limits/bounty-targets-data").await;
    assert_eq!(limits["limits"][1]["used"], 5);
    running.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn the_owners_word_outlives_the_question() {
    let (running, ops) = machine(None).await;
    let word = |verb: &'static str, body| {
        let ops = ops.clone();
        async move { post(&ops, &format!("/strategies/bug-bounty/{verb}"), body).await.0 }
    };
    let status = || {
        let ops = ops.clone();
        async move { bug_bounty(&ops).await["status"].as_str().unwrap().to_owned() }
    };
    assert_eq!(word("pause", json!({ "reason": "holiday\u{1b}[31m" })).await, 200);
    assert_eq!(status().await, "paused");
    assert_eq!(get(&ops, "/strategies/bug-bounty").await.1["paused"], "holiday\u{fffd}[31m");
    assert_eq!(word("resume", Value::Null).await, 200);
    assert_eq!(status().await, "active");
    assert_eq!(word("disable", Value::Null).await, 200);
    assert_eq!(status().await, "disabled");
    assert_eq!(word("run", Value::Null).await, 409);
    assert_eq!(word("enable", Value::Null).await, 200);
    assert_eq!(status().await, "active");
    let (_, audit) = get(&ops, "/audit").await;
    let kinds: Vec<&str> =
        audit["entries"].as_array().unwrap().iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    let said: Vec<&&str> = kinds.iter().filter(|kind| kind.starts_with("strategy.")).collect();
    assert_eq!(said, [&"strategy.paused", &"strategy.resumed", &"strategy.disabled", &"strategy.enabled"]);
    running.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_strategy_that_is_isolated_shows_who_said_so_and_does_not_run() {
    let (running, ops) = machine(None).await;
    let (status, sentence) = post(&ops, "/strategies/bug-bounty/isolate", Value::Null).await;
    assert_eq!((status, sentence.starts_with("to isolate needs a reason")), (400, true), "{sentence}");
    let body = json!({ "reason": "it is odd" });
    assert_eq!(post(&ops, "/strategies/bug-bounty/isolate", body).await.0, 200);
    let (_, page) = get(&ops, "/strategies/bug-bounty").await;
    assert_eq!((&page["status"], &page["next_run"]), (&json!("tripped"), &Value::Null));
    let breaker = &page["breaker"];
    assert_eq!((&breaker["state"], &breaker["why"]), (&json!("isolated"), &json!("it is odd")));
    assert!(breaker["since"].is_string(), "{breaker}");
    let listed = bug_bounty(&ops).await;
    assert!(listed["errors"][0].as_str().unwrap().contains("it is odd"), "{listed}");
    let (status, sentence) = post(&ops, "/strategies/bug-bounty/run", Value::Null).await;
    let expected =
        "`bug-bounty` was not started: it is isolated by a person (it is odd); `strategy resume` ends that";
    assert_eq!((status, sentence.as_str()), (409, expected));
    let (_, doctor) = get(&ops, "/doctor").await;
    let checks = doctor["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == "strategies").unwrap();
    assert_eq!(check["todo"], "`strategy resume bug-bounty` takes it back");
    assert_eq!(post(&ops, "/strategies/bug-bounty/resume", Value::Null).await.0, 200);
    run_once(&ops).await;
    assert_eq!(bug_bounty(&ops).await["status"], "active");
    running.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_platform_that_is_isolated_gets_nothing_until_it_is_released() {
    let (running, ops) = machine(None).await;
    let mut told = String::new();
    let data = "/limits/bounty-targets-data";
    for (target, body) in [
        ("/limits/bounty-target-data/isolate".to_owned(), json!({ "reason": "r" })),
        (format!("{data}/isolate"), json!({})),
        (format!("{data}/isolate"), json!({ "reason": "r", "kind": "raed" })),
        (format!("{data}/isolate"), json!({ "reason": "r", "account": "*" })),
        (format!("{data}/release"), Value::Null),
        (format!("{data}/burn"), Value::Null),
    ] {
        let (status, sentence) = post(&ops, &target, body).await;
        told.push_str(&format!("{target}: {status} {sentence}\n"));
    }
    expect![[r#"
        /limits/bounty-target-data/isolate: 404 no rule file in config/rules speaks of a platform `bounty-target-data`; did you mean `bounty-targets-data`?
        /limits/bounty-targets-data/isolate: 400 to isolate needs a reason; whoever reads the record in a month will ask
        /limits/bounty-targets-data/isolate: 404 no rule of its platform speaks of acts of the kind `raed`; did you mean `read`?
        /limits/bounty-targets-data/isolate: 400 `*` is no account: use 1 to 64 of a-z, 0-9, `-`, `_` and `.`, beginning with a letter or digit
        /limits/bounty-targets-data/release: 409 nothing of `bounty-targets-data` is isolated or open
        /limits/bounty-targets-data/burn: 404 the limits of a platform take isolate and release
    "#]].assert_eq(&told);
    assert_eq!(answer(&ops, "GET", &format!("{data}/isolate"), &Value::Null).await.0, 405);

    let (status, page) =
        answer(&ops, "POST", &format!("{data}/isolate"), &json!({ "reason": "they\u{1b}[2J asked" })).await;
    assert_eq!(status, 200, "{page}");
    let own = &page["breakers"][0];
    assert_eq!((&own["state"], &own["why"]), (&json!("isolated"), &json!("they\u{fffd}[2J asked")));
    assert_eq!(
        (&own["account"], &own["kind"], &own["lane"]),
        (&json!("*"), &json!("*"), &json!("bounty-targets-data"))
    );
    let (_, shown) = get(&ops, data).await;
    assert_eq!(shown["breakers"], page["breakers"]);
    run_once(&ops).await;
    let (_, actions) = get(&ops, "/actions").await;
    let actions = actions.as_array().unwrap();
    assert!(!actions.is_empty() && actions.iter().all(|action| action["status"] == "blocked"), "{actions:?}");
    let (_, doctor) = get(&ops, "/doctor").await;
    let checks = doctor["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == "platforms").unwrap();
    assert_eq!(check["todo"], "`limits release bounty-targets-data` takes it back");
    assert_eq!(check["grade"], "warn");

    assert_eq!(post(&ops, &format!("{data}/release"), Value::Null).await.0, 200);
    run_once(&ops).await;
    let (_, shown) = get(&ops, data).await;
    assert_eq!(shown["breakers"][0]["state"], "closed", "{shown}");
    let (_, audit) = get(&ops, "/audit").await;
    let kinds = audit["entries"].as_array().unwrap().iter().map(|entry| entry["kind"].as_str().unwrap());
    let moves: Vec<&str> = kinds.filter(|kind| kind.starts_with("breaker.")).collect();
    assert_eq!(moves, ["breaker.isolated", "breaker.released", "breaker.moved", "breaker.moved"]);
    running.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn what_makes_no_sense_is_told_in_a_sentence() {
    let (running, ops) = machine(None).await;
    let mut told = String::new();
    for (method, target, body) in [
        ("GET", "/", Value::Null),
        ("GET", "/oportunities", Value::Null),
        ("GET", "/actors/show?path=gatway", Value::Null),
        ("GET", "/actors/show", Value::Null),
        ("GET", "/%2", Value::Null),
        ("DELETE", "/status", Value::Null),
        ("GET", "/strategies/bug-bounty/run", Value::Null),
        ("POST", "/strategies/bug-bounty/burn", Value::Null),
        ("POST", "/strategies/bug-bunty/run", Value::Null),
        ("POST", "/strategies/bug-bounty/pause", json!({})),
        ("POST", "/strategies/bug-bounty/pause", json!({ "reason": " \n" })),
        ("POST", "/opportunities/none/accept", Value::Null),
        ("POST", "/opportunities/a%00b/accept", Value::Null),
        ("POST", "/opportunities/none/paid", Value::Null),
    ] {
        let (status, answer) = answer(&ops, method, target, &body).await;
        assert_eq!(answer["stamp"], "sandbox");
        told.push_str(&format!("{method} {target}: {status} {}\n", answer["error"].as_str().unwrap()));
    }
    expect![[r#"
        GET /: 404 there is nothing at `/`; there are status, doctor, actions, strategies, schedule, accounts, limits, opportunities, approvals, earnings, audit, compliance, privacy, alerts, crashes, actors, config
        GET /oportunities: 404 there is nothing at `/oportunities`; there are status, doctor, actions, strategies, schedule, accounts, limits, opportunities, approvals, earnings, audit, compliance, privacy, alerts, crashes, actors, config; did you mean `opportunities`?
        GET /actors/show?path=gatway: 404 there is no actor at `gatway`; `actors tree` shows all; did you mean `kernel/gateway`?
        GET /actors/show: 400 `path` says which actor
        GET /%2: 400 the target of the request is not understood
        DELETE /status: 405 DELETE is not for `/status`
        GET /strategies/bug-bounty/run: 405 GET is not for `/strategies/bug-bounty/run`
        POST /strategies/bug-bounty/burn: 404 a strategy takes run, pause, isolate, resume, enable and disable
        POST /strategies/bug-bunty/run: 404 no strategy `bug-bunty` is installed; `strategy list` shows those that are; did you mean `bug-bounty`?
        POST /strategies/bug-bounty/pause: 400 a pause needs a reason; whoever finds it paused in a month will ask
        POST /strategies/bug-bounty/pause: 400 a pause needs a reason; whoever finds it paused in a month will ask
        POST /opportunities/none/accept: 404 there is no opportunity `none`; `opportunities list` shows the ids
        POST /opportunities/a%00b/accept: 404 there is no opportunity `a�b`; `opportunities list` shows the ids
        POST /opportunities/none/paid: 404 there is no opportunity `none`; `opportunities list` shows the ids
    "#]].assert_eq(&told);
    running.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn with_the_kernel_down_the_admin_still_answers() {
    let (running, ops) = machine(None).await;
    run_once(&ops).await;
    assert!(running.tree().kill("kernel"));
    while ops.services.kernel_is_up() {
        tokio::task::yield_now().await;
    }
    let (code, status) = get(&ops, "/status").await;
    assert_eq!((code, &status["safe_mode"]), (200, &json!(true)));
    let isolate = post(&ops, "/limits/bounty-targets-data/isolate", json!({ "reason": "r" })).await;
    assert!(isolate.0 == 503 && isolate.1.contains("safe mode"), "{isolate:?}");
    let (_, doctor) = get(&ops, "/doctor").await;
    assert_eq!(doctor["ok"], false);
    let failed: Vec<&str> = doctor["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["grade"] == "fail")
        .map(|check| check["name"].as_str().unwrap())
        .collect();
    assert_eq!(failed[0], "kernel");
    let found =
        ops.services.shared.store.scan::<Opportunity>(&Space::default_owner(), Span::all(), 1).unwrap();
    let id = &found.rows[0].0;
    let told = [
        post(&ops, "/strategies/bug-bounty/run", Value::Null).await,
        post(&ops, &format!("/opportunities/{id}/accept"), Value::Null).await,
    ];
    for (status, sentence) in told {
        assert_eq!(status, 503);
        assert!(sentence.contains("safe mode"), "{sentence}");
    }
    running.stop(Duration::from_secs(5)).await;
}

/// Kinds and payloads of what operators did, oldest first.
async fn on_record(ops: &Ops) -> Vec<(String, Value)> {
    let (_, tail) = get(ops, "/audit/tail?n=200").await;
    let entries = tail["entries"].as_array().unwrap().iter();
    entries
        .map(|entry| {
            let payload = serde_json::from_str(entry["payload"].as_str().unwrap()).unwrap();
            (entry["kind"].as_str().unwrap().to_owned(), payload)
        })
        .filter(|(kind, _)| kind.starts_with("operator.") || kind.starts_with("trace."))
        .collect()
}

fn state(ops: &Ops, path: &str) -> String {
    let view = ops.tree.get().unwrap().show(path).unwrap().view;
    serde_json::to_value(view.state).unwrap().as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_an_operator_does_is_on_record_before_and_after() {
    let (running, ops) = machine(None).await;
    let host = "kernel/strategies/default/bug-bounty";
    for (verb, expected) in
        [("stop", "stopped"), ("restart", "running"), ("isolate", "isolated"), ("release", "running")]
    {
        let body = json!({ "path": host, "reason": "a \u{1b}[31mtest" });
        let (status, told) = answer(&ops, "POST", &format!("/actors/{verb}"), &body).await;
        assert_eq!((status, told["state"].as_str()), (200, Some(expected)), "{verb}: {told}");
        assert_eq!(state(&ops, host), expected);
    }
    let (status, told) =
        answer(&ops, "POST", "/actors/clear-budget", &json!({ "path": host, "reason": "mended" })).await;
    assert_eq!(status, 200, "{told}");
    let told: Vec<String> = on_record(&ops)
        .await
        .into_iter()
        .map(|(kind, p)| format!("{kind} {} {} {} ({})", p["verb"], p["path"], p["by"], p["reason"]))
        .collect();
    expect![[r#"
        operator.asked "stop" "kernel/strategies/default/bug-bounty" "operator" ("a �[31mtest")
        operator.stopped "stop" "kernel/strategies/default/bug-bounty" "operator" ("a �[31mtest")
        operator.asked "restart" "kernel/strategies/default/bug-bounty" "operator" ("a �[31mtest")
        operator.restarted "restart" "kernel/strategies/default/bug-bounty" "operator" ("a �[31mtest")
        operator.asked "isolate" "kernel/strategies/default/bug-bounty" "operator" ("a �[31mtest")
        operator.isolated "isolate" "kernel/strategies/default/bug-bounty" "operator" ("a �[31mtest")
        operator.asked "release" "kernel/strategies/default/bug-bounty" "operator" ("a �[31mtest")
        operator.released "release" "kernel/strategies/default/bug-bounty" "operator" ("a �[31mtest")
        operator.asked "clear-budget" "kernel/strategies/default/bug-bounty" "operator" ("mended")
        operator.budget-cleared "clear-budget" "kernel/strategies/default/bug-bounty" "operator" ("mended")"#]].assert_eq(&told.join("\n"));
    running.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn what_would_cut_the_own_branch_is_refused_with_a_sentence() {
    let (running, ops) = machine(None).await;
    let mut told = String::new();
    for (verb, path, reason) in [
        ("stop", "root", "r"),
        ("restart", "root", "r"),
        ("stop", "admin", "r"),
        ("isolate", "admin", "r"),
        ("isolate", "kernel", "r"),
        ("stop", "kernel", ""),
        ("isolate", "kernel/gateway", ""),
        ("clear-budget", "kernel/gateway", "r"),
        ("restart", "kernel/gatway", "r"),
        ("burn", "kernel/gateway", "r"),
        ("restart", "\u{1b}[2J", "r"),
    ] {
        let (status, sentence) =
            post(&ops, &format!("/actors/{verb}"), json!({ "path": path, "reason": reason })).await;
        told.push_str(&format!("{verb} {}: {status} {sentence}\n", path.escape_debug()));
    }
    let (status, sentence) = post(&ops, "/actors/stop", Value::Null).await;
    told.push_str(&format!("stop: {status} {sentence}\n"));
    expect![[r#"
        stop root: 409 `root` is the whole daemon: stop or restart its process instead
        restart root: 409 `root` is the whole daemon: stop or restart its process instead
        stop admin: 409 `admin` is what hears this command: with it down nobody could be told to start it again; `actors restart admin` is possible
        isolate admin: 409 `admin` is what hears this command: with it down nobody could be told to start it again; `actors restart admin` is possible
        isolate kernel: 409 `kernel` is not put aside, since the daemon would then start without it for ever; `actors stop kernel` goes into safe mode until it is restarted
        stop kernel: 400 to stop `kernel` is safe mode, in which nothing goes out; it needs a reason
        isolate kernel/gateway: 400 to isolate needs a reason; whoever reads the record in a month will ask
        clear-budget kernel/gateway: 409 `kernel/gateway` has no restart budget of its own: what is above it counts its restarts
        restart kernel/gatway: 404 there is no actor at `kernel/gatway`; `actors tree` shows all; did you mean `kernel/gateway`?
        burn kernel/gateway: 404 an actor takes restart, stop, isolate, release and clear-budget
        restart \u{1b}[2J: 404 there is no actor at `�[2J`; `actors tree` shows all
        stop: 400 `path` says which actor
    "#]].assert_eq(&told);
    assert_eq!(on_record(&ops).await, [], "what is refused was never done");
    running.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_stopped_kernel_is_safe_mode_until_it_is_restarted() {
    let (running, ops) = machine(None).await;
    let body = json!({ "path": "kernel", "reason": "holiday" });
    assert_eq!(post(&ops, "/actors/stop", body.clone()).await, (200, "done".to_owned()));
    let (_, status) = get(&ops, "/status").await;
    assert_eq!(
        (&status["safe_mode"], status["safe_mode_why"].as_str()),
        (&json!(true), Some("an operator stopped it (holiday)"))
    );
    assert_eq!(post(&ops, "/actors/restart", body).await, (200, "done".to_owned()));
    assert_eq!(get(&ops, "/status").await.1["safe_mode"], false);
    run_once(&ops).await;
    running.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_kernel_that_is_gone_is_brought_back_by_a_word() {
    let (running, ops) = machine(None).await;
    assert!(running.tree().kill("kernel"));
    while ops.services.kernel_is_up() {
        tokio::task::yield_now().await;
    }
    while ops.tree.get().unwrap().show("kernel").is_some() {
        tokio::task::yield_now().await;
    }
    let (code, why) = post(&ops, "/actors/restart", json!({ "path": "kernel" })).await;
    assert_eq!((code, why.contains("--reason WHY")), (400, true), "{why}");
    let body = json!({ "path": "kernel", "reason": "mended" });
    assert_eq!(post(&ops, "/actors/restart", body).await, (200, "done".to_owned()));
    assert_eq!(state(&ops, "kernel/gateway"), "running");
    running.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn doctor_names_an_actor_that_was_put_aside() {
    let (running, ops) = machine(None).await;
    running.tree().isolate("upkeep/resources", "looked at").await.unwrap();
    let (_, doctor) = get(&ops, "/doctor").await;
    let actors = doctor["checks"].as_array().unwrap().iter().find(|check| check["name"] == "actors").unwrap();
    assert_eq!((&actors["grade"], &doctor["ok"]), (&json!("warn"), &json!(true)));
    assert!(actors["sentence"].as_str().unwrap().starts_with("upkeep/resources is isolated"), "{actors}");
    running.stop(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_set_aside_can_be_asked_for_while_the_daemon_runs() {
    let (running, ops) = machine(None).await;
    assert_eq!(get(&ops, "/strategies/bug-bounty/quarantine").await, (200, json!([])));
    let (code, _) = answer(&ops, "DELETE", "/strategies/bug-bounty/quarantine", &Value::Null).await;
    assert_eq!(code, 405);
    running.stop(Duration::from_secs(20)).await;
}

#[tokio::test]
async fn a_tree_that_is_not_up_yet_is_said_to_be() {
    let (running, ops) = machine(None).await;
    let early = Ops { tree: Arc::default(), ..Ops::clone(&ops) };
    assert_eq!(get(&early, "/actors").await.0, 503);
    assert_eq!(get(&ops, "/actors").await.1["path"], "root");
    running.stop(Duration::from_secs(5)).await;
}

/// The admin answers first: whoever types a word right after the start meets a kernel that is on its way.
#[tokio::test]
async fn a_word_right_after_the_start_waits_for_the_kernel() {
    let mut early = None;
    let (running, ops) = machine_with(None, |ops| {
        early = Some(tokio::spawn(async move {
            let (status, doctor) = (get(&ops, "/status").await.1, get(&ops, "/doctor").await.1);
            let ran = post(&ops, "/strategies/bug-bounty/run", Value::Null).await;
            (status, doctor, ran)
        }));
    })
    .await;
    let (status, doctor, ran) = early.unwrap().await.unwrap();
    assert_eq!((&status["starting"], &status["safe_mode"]), (&json!(true), &json!(false)));
    assert_eq!(doctor["ok"], true, "{doctor}");
    assert_eq!(ran, (200, "done".to_owned()));
    assert_eq!(get(&ops, "/status").await.1["starting"], false);
    running.stop(Duration::from_secs(5)).await;
}

#[tokio::test(start_paused = true)]
async fn a_kernel_that_is_for_ever_starting_is_said_to_be() {
    let (running, ops) = machine(None).await;
    let shared = ops.services.shared.clone();
    let services = Services::new(shared, Arc::new(Room), pool::Mode::Inline, Arc::new(|| {}));
    let early = Ops { services, ..Ops::clone(&ops) };
    for word in ["/strategies/bug-bounty/run", "/strategies/bug-bounty/resume", "/opportunities/a/accept"] {
        let began = tokio::time::Instant::now();
        let told = post(&early, word, Value::Null).await;
        let sentence = "the kernel is still starting; `status` says when it is up";
        assert_eq!((told, began.elapsed().as_secs()), ((503, sentence.to_owned()), 10), "{word}");
    }
    running.stop(Duration::from_secs(5)).await;
}

/// Asks as a command does: blocking, from a thread of its own.
async fn ask(client: &Client, path: &'static [&'static str]) -> Result<crate::client::Answer, AskError> {
    let client = client.clone();
    tokio::task::spawn_blocking(move || client.get(&Question::of(path))).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_socket_is_the_owners_alone_and_ends_with_its_actor() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("admin.sock");
    // A dead daemon's socket lies in the way, and is removed.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let (running, ops) = machine(Some(socket.clone())).await;
    let client = Client::new(&socket);
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);

    let told = ask(&client, &["status"]).await.unwrap();
    assert_eq!((told.stamp.as_str(), &told.body["pid"]), ("sandbox", &json!(42)));
    let refused = ask(&client, &["opportunities", "a/b ä"]).await.unwrap_err();
    expect!["there is no opportunity `a/b ä`; `opportunities list` shows the ids"]
        .assert_eq(&refused.to_string());

    // Killed, the admin comes back on the same path.
    assert!(running.tree().kill("admin"));
    while ops.tree.get().unwrap().show("admin").unwrap().view.restarts == 0 {
        tokio::task::yield_now().await;
    }
    let again = loop {
        match ask(&client, &["status"]).await {
            Ok(told) => break told,
            Err(AskError::NoDaemon(_) | AskError::Broken { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(again.body["running"], true);

    running.stop(Duration::from_secs(5)).await;
    assert!(!socket.exists());
    assert!(matches!(ask(&client, &["status"]).await, Err(AskError::NoDaemon(_))));
}

/// The last line of a trace over the socket, and what is on record of its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_ends_with_the_admin_and_is_on_record_once() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("admin.sock");
    let (running, ops) = machine(Some(socket.clone())).await;
    let mut caller = tokio::net::UnixStream::connect(&socket).await.unwrap();
    let asked =
        "GET /actors/trace?pattern=upkeep/tidy&limit=9 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    caller.write_all(asked.as_bytes()).await.unwrap();
    // Its answer has begun.
    let mut told = vec![0; 1];
    caller.read_exact(&mut told).await.unwrap();
    running.tree().restart("admin").await.unwrap();
    caller.read_to_end(&mut told).await.unwrap();
    let told = String::from_utf8(told).unwrap();
    assert!(told.contains("\"end\":\"the trace ended: the admin is stopping\""), "{told}");
    let ends: Vec<(String, Value)> =
        on_record(&ops).await.into_iter().filter(|(kind, _)| kind == "trace.ended").collect();
    assert_eq!(ends.len(), 1, "{ends:?}");
    assert_eq!(ends[0].1["why"], "the trace ended: the admin is stopping");
    running.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn what_is_no_socket_is_never_removed() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("admin.sock");
    std::fs::write(&socket, "precious").unwrap();
    let (running, ops) = machine(None).await;
    let error = serve::listen(ops, &socket, |_| {}).err().unwrap();
    assert!(error.to_string().contains("is in the way"), "{error}");
    assert_eq!(std::fs::read_to_string(&socket).unwrap(), "precious");
    running.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn nobody_listens_is_no_daemon() {
    let dir = tempfile::tempdir().unwrap();
    let dead = dir.path().join("dead.sock");
    drop(std::os::unix::net::UnixListener::bind(&dead).unwrap());
    for path in [dead, dir.path().join("none.sock"), dir.path().join("no/where.sock")] {
        let asked = ask(&Client::new(&path), &["status"]).await;
        assert!(matches!(asked, Err(AskError::NoDaemon(_))), "{asked:?}");
    }
}
