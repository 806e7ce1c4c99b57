//! Every view, read from one store that was filled by hand.

use std::sync::Arc;

use expect_test::{Expect, expect, expect_file};
use mm_core::activity::{ActionRecord, Check, Stage};
use mm_core::digest::Digest;
use mm_core::error::ErrorClass;
use mm_core::id::{ActionId, Epoch, PlatformId, RunId, StrategyId};
use mm_core::limit::{CoolDown, LimitScope, Quota, QuotaState};
use mm_core::opportunity::{Opportunity, Reward, State};
use mm_core::run::{Outcome, RunRecord, SourceHealth, SourceReport, Trigger};
use mm_core::schedule::Schedule;
use mm_core::seams::Entropy;
use mm_services::RuleSource as _;
use mm_services::records::{
    AccountKind, AccountRow, AlertRow, CrashKind, CrashLeft, CrashRecord, CrashRow, Input, Pause,
    QuarantineRow, ScheduleRow, SilenceRow, StrategyRow,
};
use mm_store::{Change, NewEntry, Options, SharedMemory};
use serde_json::{Value, json};

use super::*;
use crate::machine::Machine;
use crate::rules::FixedRules;

struct Sevens;

impl Entropy for Sevens {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(7);
    }
}

/// The fixture's now: noon of 22 July 2026.
pub(crate) fn noon() -> Moment {
    "2026-07-22T12:00:00Z".parse().unwrap()
}

fn minutes_before(minutes: u64) -> Moment {
    noon().minus(std::time::Duration::from_secs(60 * minutes))
}

fn strategy() -> StrategyId {
    "bug-bounty".parse().unwrap()
}

fn opportunity(n: u8, state: State, title: &str, baseline: bool) -> Opportunity {
    let details = json!({
        "programme": format!("p{n}"),
        "baseline": baseline,
        "targets": [{ "kind": "url", "identifier": format!("*.p{n}.example\u{1b}[31m"), "in_scope": true }],
    });
    Opportunity {
        id: Opportunity::id_of(&strategy(), "hackerone", "targets_added", &[title]),
        strategy: strategy(),
        platform: if n.is_multiple_of(2) { "hackerone" } else { "bugcrowd" }.to_owned(),
        kind: "targets_added".to_owned(),
        title: title.to_owned(),
        url: format!("https://hackerone.com/p{n}"),
        state,
        found_at: minutes_before(u64::from(n)),
        updated_at: noon(),
        reward: (n == 2).then(|| Reward {
            min: Some(mm_sdk::Decimal::new(5_000, 2)),
            max: Some(mm_sdk::Decimal::new(1_250_050, 2)),
            currency: "EUR".to_owned(),
        }),
        score: 50 + n,
        reason: "three new wildcards".to_owned(),
        evidence: Some(Digest([n; 32])),
        details: details.to_string(),
        tell: !baseline,
        deadline: None,
        payer: None,
        facts: mm_core::opportunity::Facts::default(),
        steps: 0,
        settled: false,
    }
}

pub(crate) fn action(step: &str, stage: Stage, minutes: u64) -> ActionRecord {
    let refused = stage == Stage::Blocked;
    ActionRecord {
        id: ActionId::new(format!("00001-000001-bug-bounty.{step}")),
        space: Space::default_owner(),
        strategy: strategy(),
        run: RunId::new("00001-000001-bug-bounty"),
        step: step.to_owned(),
        at: minutes_before(minutes),
        updated_at: minutes_before(minutes),
        platform: "bounty-targets-data".to_owned(),
        kind: "read".to_owned(),
        method: "GET".to_owned(),
        url: "https://raw.githubusercontent.com/x".to_owned(),
        purpose: "look for new targets".to_owned(),
        request_hash: Digest([1; 32]),
        stage,
        checks: vec![Check {
            rule: "bounty-targets-data/read-scope-files".to_owned(),
            verdict: if refused { "forbid" } else { "permit" }.to_owned(),
            reason: "the files are published for everybody".to_owned(),
        }],
        answer_status: (!refused).then_some(200),
        answer: (!refused).then_some(Digest([2; 32])),
        answer_bytes: if refused { 0 } else { 1_234 },
        took_ms: 56,
        error: refused.then(|| "no rule permits it".to_owned()),
        parent: None,
    }
}

fn run() -> RunRecord {
    RunRecord {
        id: RunId::new("00001-000001-bug-bounty"),
        space: Space::default_owner(),
        strategy: strategy(),
        code_version: 1,
        epoch: Epoch(1),
        attempt: 1,
        trigger: Trigger::Tick(minutes_before(30)),
        started: minutes_before(30),
        seed: 7,
        ended: Some(minutes_before(29)),
        outcome: Some(Outcome::Succeeded),
        actions: 2,
        found: 3,
        errors: Vec::new(),
        sources: vec![SourceReport {
            name: "hackerone".to_owned(),
            health: SourceHealth::Failed,
            sentence: "it answered 503\u{1b}[2J".to_owned(),
        }],
        metrics: Vec::new(),
    }
}

fn row() -> StrategyRow {
    StrategyRow {
        runs: 3,
        succeeded: 2,
        ended: 3,
        actions: 2,
        last_run: Some(run().id),
        last_started: Some(minutes_before(30)),
        last_outcome: Some(Outcome::Succeeded),
        metrics: vec![("hackerone.listed".to_owned(), 42)],
        ..StrategyRow::default()
    }
}

fn crash() -> CrashRow {
    let fields = vec![("url".to_owned(), "https://a.example/\u{1b}[2J".to_owned())];
    let record = |seq: u64, ok: bool| CrashRecord {
        seq,
        kind: "walk".to_owned(),
        sender: Some("kernel/strategies/default/bug-bounty".to_owned()),
        action: Some("00001-000001-bug-bounty.read-a".to_owned()),
        fields: if ok { Vec::new() } else { fields.clone() },
        queue_ns: 20_000,
        handle_ns: 1_234_567,
        ok,
    };
    CrashRow {
        actor: "kernel/gateway".to_owned(),
        incarnation: 4,
        at: minutes_before(10),
        exit: "panicked".to_owned(),
        cause: "panicked: index out of bounds\u{1b}[31m".to_owned(),
        location: Some("actors/services/src/gateway.rs:12".to_owned()),
        backtrace: Some("   0: walk\n             at gateway.rs:12\n   1: \u{1b}[2J\n".to_owned()),
        in_hand: Some("walk".to_owned()),
        fields: fields.clone(),
        messages_total: 9,
        kinds: vec![CrashKind { kind: "walk".to_owned(), done: 8, failed: 1, lost: 1 }],
        records: vec![record(8, true), record(9, false)],
        left: vec![CrashLeft { kind: "walk".to_owned(), sender: None, action: None, fields: Vec::new() }],
        ..CrashRow::default()
    }
}

fn held() -> QuarantineRow {
    QuarantineRow {
        strategy: strategy(),
        input: Input::Item("programme\u{1b}[2J".to_owned()),
        digest: Digest([3; 32]),
        count: 3,
        crashes: vec![(run().id, 1)],
        first_at: minutes_before(20),
        last_at: minutes_before(10),
        since: Some(minutes_before(10)),
        dropped_at: None,
        words: "panicked: boom".to_owned(),
    }
}

fn fill(store: &Store) {
    let space = Space::default_owner();
    let mut change = Change::new();
    for opportunity in [
        opportunity(2, State::New, "Three targets at P2", false),
        opportunity(3, State::New, "One target at P3", false),
        opportunity(4, State::Dismissed, "P4 is gone", false),
        opportunity(5, State::New, "P5, as it was", true),
    ] {
        change = change.put(&space, opportunity.id.as_str(), &opportunity).unwrap();
    }
    for action in [action("read-a", Stage::Confirmed, 29), action("read-b", Stage::Blocked, 28)] {
        change = change.put(&space, action.id.as_str(), &action).unwrap();
    }
    let schedule = ScheduleRow {
        text: "every 1h".to_owned(),
        next: Some(noon().plus(std::time::Duration::from_secs(1_800))),
        last: Some(minutes_before(30)),
        owed: None,
        clock: "UTC".to_owned(),
    };
    let alert = AlertRow {
        last_at: minutes_before(30),
        ..AlertRow::news("hackerone was not read for 3 days", minutes_before(90), 1)
    };
    let silence = SilenceRow {
        reason: "it is known\u{1b}[2J".to_owned(),
        by: "operator".to_owned(),
        since: minutes_before(20),
        until: Some(noon().plus(std::time::Duration::from_secs(3_600))),
    };
    let over = AlertRow { cleared_at: Some(noon()), ..alert.clone() };
    let quota = Quota::daily_actions(1_000);
    let mut spent = QuotaState::default();
    for minute in [29, 28] {
        spent.decide(&quota, minutes_before(minute));
    }
    let mut cool_down = CoolDown::default();
    cool_down.on_limited(Some(std::time::Duration::from_secs(7_200)), minutes_before(60));
    change = change
        .put(&space, "bug-bounty", &row())
        .and_then(|change| change.put(&space, "bug-bounty", &schedule))
        .and_then(|change| change.put(&space, run().id.as_str(), &run()))
        .and_then(|change| change.put(&space, "source/hackerone", &alert))
        .and_then(|change| change.put(&Space::machine(), "disk", &over))
        .and_then(|change| change.put(&Space::machine(), "source/*", &silence))
        .and_then(|change| change.put(&quota.space, &quota.key, &spent))
        .and_then(|change| change.put(&Space::machine(), "bounty-targets-data", &cool_down))
        .unwrap();
    change = change
        .put(&Space::machine(), "00001-000002", &crash())
        .and_then(|change| change.put(&space, "bug-bounty/4f1d2a90", &held()))
        .unwrap();
    for n in 1..=3u64 {
        let entry =
            NewEntry::new(minutes_before(30 - n), &space, "run.succeeded", &json!({ "n": n })).unwrap();
        change = change.audit(entry);
    }
    store.commit_blocking(change).unwrap();
}

/// A store in memory with a little of everything, and no daemon.
pub(crate) fn reader() -> Reader {
    let store = Store::open(Options::in_memory(SharedMemory::new(), Arc::new(Sevens))).unwrap();
    fill(&store);
    let strategies = Machine::new().with_builtins().abouts().into_iter().map(|about| Strategy {
        about,
        enabled: true,
        priority: 1,
        daily_actions_max: None,
        schedule: "every 1h".to_owned(),
        task: mm_core::schedule::Task::plain(Schedule::parse("every 1h", "UTC").unwrap()),
        live: None,
    });
    Reader {
        store,
        now: noon(),
        space: Space::default_owner(),
        place: Place { data_dir: "/data".into(), socket: Some("/data/admin.sock".into()), version: "0.0.0" },
        strategies: strategies.collect(),
        rules: crate::rules::parse(&FixedRules::built_in().read().unwrap()),
        rules_place: "/data/rules".to_owned(),
        vault: mm_services::accounts::Vault::new(std::sync::Arc::new(
            mm_services::accounts::MemoryKeys::default(),
        )),
        platforms_named: Vec::new(),
        judging: compliance::Judging { country: Some("DE".to_owned()), strict: true },
        hourly_rate: None,
        daily_actions_max: Some(1_000),
        disk_free_bytes: Some(1 << 30),
        anchored: Default::default(),
        daemon: None,
    }
}

/// The answer to a target, which must be one.
pub(crate) fn ask(reader: &Reader, target: &str) -> Value {
    read(reader, &Question::parse(target).unwrap()).unwrap().unwrap()
}

fn refused(reader: &Reader, target: &str) -> (u16, String) {
    let problem = read(reader, &Question::parse(target).unwrap()).unwrap().unwrap_err();
    (problem.status(), problem.to_string())
}

#[test]
fn every_read_has_its_shape() {
    let reader = reader();
    let id = opportunity(2, State::New, "Three targets at P2", false).id;
    let mut text = String::new();
    for target in [
        "/status",
        "/opportunities?limit=1",
        &format!("/opportunities/{id}"),
        "/actions",
        "/actions/00001-000001-bug-bounty.read-a/way",
        "/crashes",
        "/crashes/00001-000002",
        "/strategies/bug-bounty/quarantine",
        "/alerts?all=true",
        "/alerts/silences",
        "/strategies",
        "/strategies/bug-bounty",
        "/schedule",
        "/schedule/bug-bounty",
        "/schedule/next?count=2",
        "/schedule/bug-bounty/why?at=2026-07-22T12:00",
        "/limits",
        "/limits/bounty-targets-data",
        "/audit?limit=1",
        "/audit/tail?n=1",
        "/audit/verify",
        "/doctor",
    ] {
        let mut answer = ask(&reader, target);
        if let Some(page) = answer.get_mut("guide") {
            // The strategy's own words, tested there.
            *page = json!("...");
        }
        text.push_str(&format!("GET {target}\n{answer:#}\n\n"));
    }
    expect_file!["tests/reads.txt"].assert_eq(&text);
}

fn fields(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn sorted(names: &str) -> Vec<&str> {
    let mut names: Vec<&str> = names.split_whitespace().collect();
    names.sort_unstable();
    names
}

#[test]
fn lists_have_exactly_the_promised_fields() {
    let reader = reader();
    let opportunity = "id strategy platform kind title url state found_at updated_at reward score reason evidence \
                       deadline payer ranking details";
    assert_eq!(fields(&ask(&reader, "/opportunities")[0]), sorted(opportunity));
    let activity = "id timestamp strategy action platform status details compliance_checks earnings error";
    assert_eq!(fields(&ask(&reader, "/actions")[0]), sorted(activity));
    let strategy =
        "strategy status last_run next_run total_earnings total_actions success_rate errors metrics breaker";
    assert_eq!(fields(&ask(&reader, "/strategies")[0]), sorted(strategy));
}

#[test]
fn filters_leave_what_they_name() {
    let reader = reader();
    let titles = |target: &str| {
        let answer = ask(&reader, target);
        let titles = answer.as_array().unwrap().iter().map(|o| o["title"].as_str().unwrap().to_owned());
        titles.collect::<Vec<_>>().join(" | ")
    };
    let check = |target: &str, expected: Expect| expected.assert_eq(&titles(target));
    check("/opportunities", expect!["P5, as it was | P4 is gone | One target at P3 | Three targets at P2"]);
    check(
        "/opportunities?sort=found",
        expect!["Three targets at P2 | One target at P3 | P4 is gone | P5, as it was"],
    );
    check("/opportunities?baseline=false&state=new", expect!["One target at P3 | Three targets at P2"]);
    check("/opportunities?baseline=true", expect!["P5, as it was"]);
    check("/opportunities?platform=bugcrowd&limit=1", expect!["P5, as it was"]);
    check("/opportunities?kind=nothing", expect![""]);
    assert_eq!(ask(&reader, "/actions?status=blocked").as_array().unwrap().len(), 1);
    assert_eq!(ask(&reader, "/actions?run=other").as_array().unwrap().len(), 0);
}

/// What counts for each account by itself is there for each account that there is.
#[test]
fn limits_per_account_are_listed_for_each_account() {
    let reader = reader();
    let limits = || {
        let page = ask(&reader, "/limits/github");
        let row = |limit: &Value| format!("{}: {}, {}", limit["account"], limit["quota"], limit["used"]);
        page["limits"].as_array().unwrap().iter().map(row).collect::<Vec<_>>().join("\n")
    };
    assert!(!limits().contains("per account"), "{}", limits());
    let github: PlatformId = "github".parse().unwrap();
    let mut change = Change::new();
    for name in ["main", "second"] {
        let account = AccountRow {
            platform: github.clone(),
            account: name.parse().unwrap(),
            email: String::new(),
            kind: AccountKind::Bearer,
            handle: None,
            fields: Vec::new(),
            added_at: noon(),
            updated_at: noon(),
        };
        change = change.put(&reader.space, &AccountRow::row_id(&github, &account.account), &account).unwrap();
    }
    let (main, hour) = ("main".parse().unwrap(), std::time::Duration::from_secs(3_600));
    let scope = LimitScope::Account;
    let quota = Quota::of_platform(scope, &github, None, Some(&main), &reader.space, 5_000, hour).unwrap();
    let mut spent = QuotaState::default();
    for _ in 0..150 {
        spent.decide(&quota, minutes_before(5));
    }
    reader.store.commit_blocking(change.put(&quota.space, &quota.key, &spent).unwrap()).unwrap();
    let limits = limits();
    assert!(limits.contains("\"main\": \"5000 in 1h per account at github with main\", 150"), "{limits}");
    assert!(limits.contains("\"second\": \"5000 in 1h per account at github with second\", 0"), "{limits}");
    assert!(limits.contains("null: \"60 in 1h per ip at github\", 0"), "{limits}");
}

#[test]
fn what_is_not_there_is_named_with_what_is() {
    let reader = reader();
    let all: Vec<String> = [
        "/opportunities/none",
        "/opportunities/%00",
        "/opportunities?state=nw",
        "/opportunities?stat=new",
        "/opportunities?limit=-1",
        "/actions/none",
        "/actions/00001-000001-bug-bounty.raed-a/way",
        "/actions/00001-000001-bug-bounty/way",
        "/actions/%00/way",
        "/crashes/00001-000001",
        "/crashes/%00",
        "/crashes?actr=x",
        "/strategies/bug-bunty/quarantine",
        "/actions?status=good",
        "/strategies/bug-bunty",
        "/limits/bounty-target-data",
        "/limits/A%1b",
        "/audit/tail?n=5000",
        "/status?x=1",
    ]
    .iter()
    .map(|target| {
        let (status, sentence) = refused(&reader, target);
        format!("{target}: {status} {sentence}\n")
    })
    .collect();
    expect![[r#"
        /opportunities/none: 404 there is no opportunity `none`; `opportunities list` shows the ids
        /opportunities/%00: 404 there is no opportunity `�`; `opportunities list` shows the ids
        /opportunities?state=nw: 400 `state` is one of new, accepted, submitted, awarded, paid, dismissed, expired, lost
        /opportunities?stat=new: 400 `stat` is no value of this question; it knows state, kind, platform, baseline, sort, limit
        /opportunities?limit=-1: 400 `-1` cannot be the value of `limit`
        /actions/none: 404 there is no action `none`; `actions list` shows the ids
        /actions/00001-000001-bug-bounty.raed-a/way: 404 there is no action `00001-000001-bug-bounty.raed-a`; `actions list` shows the ids; did you mean `00001-000001-bug-bounty.read-a`?
        /actions/00001-000001-bug-bounty/way: 404 there is no action `00001-000001-bug-bounty`; `actions list` shows the ids; these begin like it: 00001-000001-bug-bounty.read-b, 00001-000001-bug-bounty.read-a
        /actions/%00/way: 404 there is no action `�`; `actions list` shows the ids
        /crashes/00001-000001: 404 there is no crash `00001-000001`; `crashes list` shows the ids; did you mean `00001-000002`?
        /crashes/%00: 404 there is no crash `�`; `crashes list` shows the ids
        /crashes?actr=x: 400 `actr` is no value of this question; it knows actor, limit
        /strategies/bug-bunty/quarantine: 404 no strategy `bug-bunty` is installed; `strategy list` shows those that are; did you mean `bug-bounty`?
        /actions?status=good: 400 `status` is one of success, failure, blocked, pending
        /strategies/bug-bunty: 404 no strategy `bug-bunty` is installed; `strategy list` shows those that are; did you mean `bug-bounty`?
        /limits/bounty-target-data: 404 no rule file in /data/rules speaks of a platform `bounty-target-data`; did you mean `bounty-targets-data`?
        /limits/A%1b: 404 no rule file in /data/rules speaks of a platform `A�`
        /audit/tail?n=5000: 400 `n` is at most 1000; `audit export` gives all
        /status?x=1: 400 `x` is no value of this question; it knows 
    "#]]
    .assert_eq(&all.concat());
}

#[test]
fn the_owners_word_and_an_open_breaker_show_in_the_status() {
    let reader = reader();
    let space = Space::default_owner();
    let status = |row: StrategyRow| {
        reader.store.commit_blocking(Change::new().put(&space, "bug-bounty", &row).unwrap()).unwrap();
        let list = ask(&reader, "/strategies");
        let view = list.as_array().unwrap().iter().find(|view| view["strategy"] == "bug-bounty").unwrap();
        (view["status"].as_str().unwrap().to_owned(), view["next_run"].is_null())
    };
    assert_eq!(status(row()), ("active".to_owned(), false));
    let pause = |until| Pause { reason: "holiday".into(), by: "the owner".into(), since: None, until };
    assert_eq!(status(StrategyRow { paused: Some(pause(None)), ..row() }), ("paused".to_owned(), true));
    let ahead = Some(pause(Some(noon().plus(std::time::Duration::from_secs(1)))));
    assert_eq!(status(StrategyRow { paused: ahead, ..row() }), ("paused".to_owned(), true));
    let over = Some(pause(Some(noon())));
    assert_eq!(
        status(StrategyRow { paused: over, ..row() }),
        ("active".to_owned(), false),
        "it ends by itself"
    );
    assert_eq!(status(StrategyRow { enabled: Some(false), ..row() }), ("disabled".to_owned(), true));
    let mut tripped = row();
    let policy = mm_core::breaker::Policy::strategy();
    assert!(tripped.breaker.on_failure(&policy, ErrorClass::Transient, 0, noon()));
    assert_eq!(status(tripped), ("tripped".to_owned(), false));
}

#[test]
fn doctor_names_what_was_deleted_behind_the_machines_back() {
    let reader = reader();
    let space = Space::default_owner();
    // Two ticks are on record and no row of any.
    let row = StrategyRow { ticks: 2, ..row() };
    let schedule = mm_store::Key::new(&space, <ScheduleRow as mm_store::Record>::KIND, "bug-bounty").unwrap();
    let change = Change::new().put(&space, "bug-bounty", &row).unwrap().delete(schedule);
    reader.store.commit_blocking(change).unwrap();
    let found: doctor::DoctorView = serde_json::from_value(ask(&reader, "/doctor")).unwrap();
    let failed: Vec<&str> = found
        .checks
        .iter()
        .filter(|check| check.grade == doctor::Grade::Fail)
        .map(|check| check.sentence.split(':').next().unwrap())
        .collect();
    assert!(!found.ok);
    assert_eq!(
        failed,
        [
            "the schedule of `bug-bounty` was deleted behind the machine's back",
            "the tick ledger of `bug-bounty` has 0 rows where 2 were written",
        ]
    );
}

/// What no schedule is, under the key of one.
#[derive(serde::Serialize, serde::Deserialize)]
struct Torn;

impl mm_store::Record for Torn {
    const KIND: mm_store::Kind = mm_store::Kind::new("schedule", 999, 1);
}

#[test]
fn a_row_that_does_not_open_hides_no_other_strategy() {
    let mut reader = reader();
    let mut other = reader.strategies[0].clone();
    other.about.name = "other";
    reader.strategies.push(other);
    let change = Change::new().put(&reader.space, "other", &Torn).unwrap();
    reader.store.commit_blocking(change).unwrap();
    let listed = ask(&reader, "/strategies");
    let told = |one: &Value| ["strategy", "status"].map(|key| one[key].as_str().unwrap().to_owned());
    let all: Vec<[String; 2]> = listed.as_array().unwrap().iter().map(told).collect();
    let (last, others) = all.split_last().unwrap();
    assert_eq!(*last, ["other", "error"], "{all:?}");
    assert!(others.len() >= 2 && others.iter().all(|[_, status]| status == "active"), "{all:?}");
    let why = listed[others.len()]["errors"][0].as_str().unwrap();
    assert!(why.contains("schedule"), "{why}");
}

#[test]
fn doctor_fails_on_rules_and_disks_that_cannot_be_used() {
    let reader = Reader { rules: Err("x.toml: torn".to_owned()), disk_free_bytes: Some(1), ..reader() };
    let found: doctor::DoctorView = serde_json::from_value(ask(&reader, "/doctor")).unwrap();
    let failed: Vec<&str> = found
        .checks
        .iter()
        .filter(|check| check.grade == doctor::Grade::Fail)
        .map(|check| check.name.as_str())
        .collect();
    assert_eq!(failed, ["rules", "disk"]);
}

#[test]
fn doctor_notices_a_section_of_a_platform_that_no_rule_speaks_of() {
    let named = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
    let known: Vec<_> = reader().rules.unwrap().platforms().cloned().collect();
    let reader = Reader { platforms_named: named(&[known[0].as_str(), "githb"]), ..reader() };
    let found: doctor::DoctorView = serde_json::from_value(ask(&reader, "/doctor")).unwrap();
    let warned = |check: &&doctor::CheckView| check.name == "platforms" && check.grade == doctor::Grade::Warn;
    let told: Vec<&str> = found.checks.iter().filter(warned).map(|check| check.sentence.as_str()).collect();
    assert_eq!(
        told,
        ["[platforms.githb] speaks of a platform that no rule file knows, so it changes nothing"]
    );
}

#[test]
fn an_audit_export_pages_to_its_end() {
    let reader = reader();
    let (mut seen, mut next) = (Vec::new(), Some(1));
    while let Some(from) = next {
        let question = Question::of(&["audit"]).with("from", Some(from)).with("limit", Some(2));
        let page: audit::AuditPageView = serde_json::from_value(ask(&reader, &question.target())).unwrap();
        seen.extend(page.entries.iter().map(|entry| entry.seq));
        next = page.next;
    }
    assert_eq!(seen, [1, 2, 3]);
}

/// A daemon in whose kernel nothing runs.
pub(crate) fn daemon_without_kernel() -> Daemon {
    Daemon {
        pid: 7,
        started: noon(),
        kernel_up: false,
        starting: false,
        kernel_cause: Some("3 boots failed within ten minutes".to_owned()),
        resident_bytes: None,
        gates: Default::default(),
        waiting: Vec::new(),
        held: None,
        unsigned: None,
        troubled: Vec::new(),
    }
}

/// It is no mistake in their sections that keeps them from running.
#[test]
fn in_safe_mode_doctor_does_not_blame_the_strategies() {
    let mut reader = reader();
    reader.daemon = Some(daemon_without_kernel());
    let told = |reader: &Reader| {
        let found: doctor::DoctorView = serde_json::from_value(ask(reader, "/doctor")).unwrap();
        let own = found.checks.into_iter().filter(|check| check.name == "strategies");
        let line = |check: doctor::CheckView| {
            format!("{}: {} -> {:?}\n", check.grade.as_str(), check.sentence, check.todo)
        };
        own.map(line).collect::<String>()
    };
    let safe = told(&reader);
    assert!(safe.starts_with("warn: the machine is in safe mode, so none of "), "{safe}");
    assert!(safe.lines().count() == 1 && !safe.contains("config check"), "{safe}");
    let page = ask(&reader, "/strategies/bug-bounty");
    assert!(page["errors"][0].as_str().unwrap().starts_with("the machine is in safe mode"), "{page}");

    // One whose host is down while the others stand has no mistake in its section either.
    reader.daemon = Some(Daemon { kernel_up: true, ..daemon_without_kernel() });
    let down = told(&reader);
    assert!(down.contains("its host does not run") && down.contains("`actors tree`"), "{down}");
    assert!(!down.contains("config check"), "{down}");
}
