//! Golden files of the records of services: their bytes are for ever. (Those of core's own types are
//! checked where `mm_store::records` stands.)

use mm_core::action::{Action, ActionKind, Method, Request};
use mm_core::activity::{ActionRecord, Stage};
use mm_core::approval::{Approval, Said, State as Asked};
use mm_core::audit::checkpoint::{Checkpoint, Seed, Signer};
use mm_core::breaker::{Breaker, Policy};
use mm_core::digest::Digest;
use mm_core::error::ErrorClass;
use mm_core::id::{ActionId, Epoch, OpportunityId, RunId};
use mm_core::ledger::{Account, Earning, Entry, Evidence, Money, Posting, Report, Source, Stage as Far};
use mm_core::limit::{CoolDown, QuotaState};
use mm_core::mark::{Mark, Marked};
use mm_core::moment::Moment;
use mm_core::opportunity::{Chase, Late, Opportunity, Payer, State, Step, Who};
use mm_core::rule::{Certainty, DecidingRule, Format, Inputs, Obligations, Text, Verdict};
use mm_core::run::{Outcome, Refusal, RunRecord, StepOutcome, StepRecord, Trigger};
use mm_core::schedule::{Dst, Fate, Fold, Gap, Hours, Missed, MissedRule, Overlap, Owed, Schedule, Task};
use mm_core::untrusted::Untrusted;
use mm_services::records::{
    AccountKind, AccountRow, AccountStanding, AlertRow, AnchorRow, ApprovalRow, BudgetRow, ChangeRow,
    CheckpointRow, CrashKind, CrashLeft, CrashRecord, CrashRow, CredentialRow, DeliveryRow, ErasureRow,
    FieldRow, HealthRow, Input, KeyRow, LastActRow, LookUpRow, OpenRow, Pause, QuarantineRow, QuotedRule,
    RestartNote, RetryRow, RobotsRow, ScheduleRow, SettledTelling, SilenceRow, Sort, Standing, StrategyRow,
    TaskRow, Telling, TickRow, TrustRow, WayRow, WrapRow,
};
use mm_services::records::{DecisionRow, RuleSetRow};
use mm_store::golden::check_record;
use mm_store::{Kind, Record};
use mm_supervision::Hop;
use std::time::Duration;

fn at(s: i64) -> Moment {
    Moment::from_unix_ms(1_700_000_000_000 + s * 1000)
}

fn run_id() -> RunId {
    RunId::new("00001-000002-bug-bounty")
}

fn refusal() -> Refusal {
    Refusal { class: ErrorClass::RateLimit, why: "full".into(), rules: vec!["limit".into()] }
}

fn breaker() -> Breaker {
    let mut breaker = Breaker::default();
    for _ in 0..5 {
        breaker.on_failure(&Policy::platform(), ErrorClass::Transient, 0, at(1));
    }
    breaker
}

fn strategy_row() -> StrategyRow {
    StrategyRow {
        enabled: Some(true),
        paused: Some(Pause {
            reason: "holidays".into(),
            by: "the owner".into(),
            since: Some(at(2)),
            until: Some(at(3)),
        }),
        breaker: breaker(),
        runs: 1,
        succeeded: 2,
        ended: 3,
        actions: 4,
        ticks: 5,
        ticks_pruned: 6,
        last_run: Some(run_id()),
        last_started: Some(at(7)),
        last_outcome: Some(Outcome::Stuck),
        errors: vec!["one".into()],
        metrics: vec![("seen".into(), 8)],
        snapshot_generation: 9,
    }
}

fn decision_row() -> DecisionRow {
    let rule = DecidingRule {
        id: "demo/comment".into(),
        verdict: Verdict::Ask,
        reason: "you read it".into(),
        source: "https://demo.example/".into(),
        clause: "a person".into(),
        certainty: Some(Certainty::Secondary),
        by_owner: true,
    };
    let list = |text: &str| vec![text.to_owned()];
    let obligations = Obligations {
        user_agent: Some("m".into()),
        headers: vec![("from".into(), "a".into())],
        pause_ms_min: 7,
        disclosures: list("An ad."),
        disclosures_any: vec![list("ad")],
        rel: list("sponsored"),
        rel_any: vec![list("nofollow")],
        rel_not: list("ugc"),
        link_to: list("demo.example"),
        link_query: list("tag"),
    };
    let inputs = Inputs {
        platform: "demo".parse().unwrap(),
        kind: mm_core::action::ActionKind::new("comment"),
        method: mm_core::action::Method::Post,
        url: mm_core::url::LogicalUrl::parse("https://demo.example/x?y=z").unwrap(),
        account: Some("main".parse().unwrap()),
        country: Some("DE".into()),
        at: at(1),
        strict: true,
        facts: [("policy".to_owned(), "allow".to_owned())].into(),
        text: Text::Known { format: Format::Html, text: "An ad.".into() },
    };
    DecisionRow {
        inputs,
        rules: Digest::of(b"rules"),
        verdict: Verdict::Ask,
        deciding: vec![rule],
        obligations,
        by_owner: true,
        approval: Some("a-1".into()),
    }
}

fn telling() -> Telling {
    let error = Some("no such command".to_owned());
    Telling { sent_at: Some(at(5)), attempts: 2, next_try: Some(at(6)), delivered_at: Some(at(7)), error }
}

fn budget_row() -> BudgetRow {
    let restart = RestartNote {
        at_ms: 5,
        cause: "bug".into(),
        why: "as told".into(),
        attempt: 6,
        next_try_ms: Some(7),
    };
    BudgetRow {
        spent: 2,
        tripped: Some(("why".into(), 3)),
        isolated: Some(("reason".into(), 4)),
        attempt: 6,
        next_try_ms: Some(7),
        restarts: vec![restart],
        by_cause: vec![("bug".into(), 8)],
    }
}

fn crash_row() -> CrashRow {
    let fields = vec![("about".to_owned(), "disk".to_owned())];
    let (sender, action) = (Some("kernel/gateway".to_owned()), Some("a-1".to_owned()));
    let record = CrashRecord {
        seq: 1,
        kind: "raise".into(),
        sender: sender.clone(),
        action: action.clone(),
        fields: fields.clone(),
        queue_ns: 2,
        handle_ns: 3,
        ok: true,
    };
    CrashRow {
        actor: "upkeep/alerts".into(),
        incarnation: 4,
        run: Some("00001-000002-bug-bounty".into()),
        at: at(5),
        exit: "panicked".into(),
        cause: "panicked: as told".into(),
        location: Some("alerts.rs:1".into()),
        backtrace: Some("0: main".into()),
        in_hand: Some("raise".into()),
        fields: fields.clone(),
        messages_total: 6,
        kinds: vec![CrashKind { kind: "raise".into(), done: 7, failed: 8, lost: 9 }],
        records: vec![record],
        left: vec![CrashLeft { kind: "raise".into(), sender, action, fields }],
        cut: true,
    }
}

fn quarantine_row() -> QuarantineRow {
    QuarantineRow {
        strategy: "bug-bounty".parse().unwrap(),
        input: Input::Item("hackerone".into()),
        digest: Digest::of(b"body"),
        count: 3,
        crashes: vec![(run_id(), 2)],
        first_at: at(1),
        last_at: at(2),
        since: Some(at(3)),
        dropped_at: Some(at(4)),
        words: "as told".into(),
    }
}

fn request() -> Request {
    let url = mm_core::url::LogicalUrl::parse("https://api.example.com/comments").unwrap();
    let request = Request::new(Method::Post, url, b"{}".to_vec()).unwrap();
    request.with_obligation("authorization", "Bearer {vault:github/main/token@3}").unwrap()
}

fn done() -> StepOutcome {
    let headers = vec![("etag".to_owned(), "1".to_owned())];
    StepOutcome::Done { status: 201, headers, body: Digest::of(b"body"), at: at(4) }
}

fn approval_row() -> ApprovalRow {
    let said = Said {
        by: "operator (uid 1000)".into(),
        at: at(2),
        state: Asked::Approved,
        reason: Some("good".into()),
    };
    ApprovalRow {
        action: ActionId::new("00001-000002-micro-tasks.attempt"),
        strategy: "micro-tasks".parse().unwrap(),
        platform: "github".into(),
        account: Some("main".into()),
        kind: "comment".into(),
        purpose: "attempt a bounty".into(),
        request: request(),
        rules: vec![QuotedRule {
            id: "github/comment".into(),
            verdict: Verdict::Ask,
            reason: "a person reads it".into(),
            source: "https://example.com".into(),
            clause: "be kind".into(),
        }],
        notes: vec!["read the policy".into()],
        item: Approval {
            state: Asked::Approved,
            by_owner: true,
            request: Digest::of(b"request"),
            ruling: Digest::of(b"ruling"),
            asked_at: at(1),
            expires: at(3),
            deadline: Some(at(3)),
            said: vec![said],
        },
    }
}

fn change_row(standing: Standing) -> ChangeRow {
    let kind = ActionKind::new("comment");
    let mut action = Action::of("github".parse().unwrap(), kind, request(), "attempt a bounty");
    action.account = Some("main".parse().unwrap());
    action.facts.insert("repository-policy".into(), "allow".into());
    action.notes.push("read the policy".into());
    action.until = Some(at(9));
    action.occasion = Some("2026-11".into());
    ChangeRow {
        action,
        strategy: "micro-tasks".parse().unwrap(),
        run: run_id(),
        step: "attempt".into(),
        first_hash: Digest::of(b"first"),
        known_as: ActionId::new("a"),
        since: at(1),
        held: true,
        request: Some(request()),
        sent_at: Some(at(2)),
        standing,
    }
}

#[test]
fn decisions_are_stored_as_ever() {
    check_record(&decision_row());
}

#[test]
fn rule_sets_are_stored_as_ever() {
    // What deflates otherwise is the same row: its bytes are made here.
    let packed = mm_store::codec::encode(&(at(1), 1u32, vec![2u8, 3])).unwrap();
    check_record(&mm_store::codec::decode::<RuleSetRow>(&packed).unwrap());
}

fn check_schedules() {
    let owed = Owed { through: at(3), not_before: at(4) };
    let row = ScheduleRow {
        text: "every 1h".into(),
        clock: "Europe/Berlin, gap skip".into(),
        next: Some(at(1)),
        last: Some(at(2)),
        owed: Some(owed),
    };
    let second = ScheduleRow { clock: String::new(), ..row.clone() };
    let first = ScheduleRow { owed: None, ..second.clone() };
    assert_eq!(check_record(&row), [first, second], "rows of the first versions");
    let tick = TickRow { due: at(9), from: at(1), count: 3, fate: Fate::Ran, run: None };
    let first = TickRow { due: at(1), count: 1, run: Some(run_id()), ..tick.clone() };
    let fate = Fate::Paused { by: "by the owner".into(), until: Some(at(7)) };
    assert_eq!(check_record(&TickRow { fate, ..tick }), [first], "a row of the first version");
    let task = Task {
        schedule: Schedule::parse("30 2 * * *", "Europe/Berlin")
            .unwrap()
            .with_dst(Dst { gap: Some(Gap::Skip), fold: Some(Fold::Last) }),
        missed: MissedRule {
            policy: Missed::All,
            window: Some(Duration::from_secs(1)),
            cap: 2,
            spread: Duration::from_secs(3),
        },
        overlap: Overlap::CancelOther,
        jitter: Duration::from_secs(4),
        hours: Some(Hours::parse("08:00-20:00", "Asia/Tokyo").unwrap()),
    };
    let row = TaskRow { task: Some(task), since: at(1), by: "owner".into() };
    assert_eq!(check_record(&row), [row], "a row of the first version");
    check_record(&RetryRow { trigger: Trigger::Retry(run_id()), at: at(1), until: Some(at(2)) });
}

/// The number of each fate in the codec is for ever.
#[test]
fn every_fate_is_stored_as_ever() {
    let why = || "why".to_owned();
    let fates = [
        Fate::Ran,
        Fate::Late { by: Duration::from_millis(2500) },
        Fate::Moved { from: why() },
        Fate::Skipped { why: why() },
        Fate::Merged { into: at(1) },
        Fate::Gated { by: why() },
        Fate::Paused { by: why(), until: None },
        Fate::Missed { why: why() },
    ];
    for (number, fate) in (0u8..).zip(fates) {
        assert_eq!(mm_store::codec::encode(&fate).unwrap()[0], number, "{fate:?}");
    }
}

#[test]
fn every_record_of_services_is_stored_as_ever() {
    check_record(&approval_row());
    let told = SettledTelling::Told(run_id());
    check_record(&change_row(Standing::Settled { at: at(3), outcome: done(), telling: told }));
    let (action, outcome) = (ActionId::new("a"), Some(done()));
    check_record(&Mark { action, state: Marked::Done, at: at(3), outcome });
    let paused = Pause { since: None, until: None, ..strategy_row().paused.unwrap() };
    let first = StrategyRow { paused: Some(paused), ..strategy_row() };
    assert_eq!(check_record(&strategy_row()), [first], "a row of the first version");
    check_schedules();
    let first =
        AlertRow { last_at: at(2), times: 3, cleared_at: Some(at(4)), ..AlertRow::news("broken", at(1), 0) };
    assert_eq!(
        check_record(&AlertRow {
            sort: Some(Sort::Trips),
            telling: telling(),
            seen_at: Some(at(8)),
            ..first.clone()
        }),
        [first],
        "a row of the first version"
    );
    check_record(&SilenceRow {
        reason: "on holiday".into(),
        by: "operator".into(),
        since: at(1),
        until: Some(at(2)),
    });
    check_record(&DeliveryRow { started: vec![at(1), at(2)] });
    account_records();
    check_record(&OpenRow { mutating: true, since: at(1) });
    check_record(&LastActRow { at: at(1) });
    check_record(&TrustRow { latest: at(1) });
    check_record(&RobotsRow { at: at(1), status: Some(200), file: b"User-agent: *".to_vec() });
    let first = BudgetRow { spent: 2, tripped: Some(("why".into(), 3)), ..BudgetRow::default() };
    assert_eq!(check_record(&budget_row()), [first], "a row of the first version");
    check_record(&crash_row());
    check_record(&quarantine_row());
    check_of_the_audit_trail();
    let hop = |handle_ns, ok| Hop {
        at_ms: 1,
        path: "kernel/limiter".into(),
        kind: "reserve".into(),
        sender: Some("kernel/gateway".into()),
        queue_ns: 2,
        handle_ns,
        ok,
    };
    check_record(&LookUpRow { since: at(1), looks: 2, next: at(3), asked: true, last: Some("why".into()) });
    check_record(&WayRow { hops: vec![hop(Some(3), Some(true)), hop(None, None)] });
}

fn check_of_the_audit_trail() {
    let checkpoint = Checkpoint {
        seq: 7,
        hash: Digest::of(b"entry"),
        epoch: Epoch(2),
        at: at(1),
        previous: Digest::of(b"before"),
        store: Digest::of(b"store"),
    };
    check_record(&CheckpointRow { signed: checkpoint.signed_by(&Signer::of(&Seed::new([3; 32]))) });
    check_record(&AnchorRow {
        seq: 7,
        checkpoint: Digest::of(b"checkpoint"),
        at: Some(at(1)),
        told: 2,
        failures: 3,
        failing_since: Some(at(2)),
        next_try: Some(at(3)),
        error: Some("no such disk".into()),
        alerted: true,
    });
    check_record(&ErasureRow {
        subject: Digest::of(b"somebody"),
        salt: [5; 16],
        pending: Some("somebody".into()),
        by: "operator".into(),
        at: at(1),
        done_at: Some(at(2)),
        rows: 3,
        payloads: 4,
        answers: 5,
        kept: vec!["an open action".into()],
    });
}

fn account_records() {
    let key = mm_core::vault::Key::new([7; 32]).id();
    let kind = AccountKind::OauthClient {
        token_url: "https://example.com/token".into(),
        client_id: "me".into(),
        scope: "read".into(),
    };
    let field = FieldRow { name: "token".into(), version: 3, since: at(1), expires_at: Some(at(2)) };
    check_record(&AccountRow {
        platform: "github".parse().unwrap(),
        account: "main".parse().unwrap(),
        email: "me@example.org".into(),
        kind,
        handle: Some("me-there".into()),
        fields: vec![field],
        added_at: at(3),
        updated_at: at(4),
    });
    check_record(&CredentialRow { key: key.clone(), sealed: vec![1, 2, 3], at: at(1) });
    check_record(&KeyRow {
        id: key.clone(),
        made_at: at(1),
        canary: vec![4, 5],
        derivation: Some(mm_core::vault::Derivation::fresh([9; 16])),
        wraps: vec![WrapRow { by: key, sealed: vec![6, 7], recovery: true }],
    });
    check_record(&HealthRow {
        standing: AccountStanding::AuthFailed,
        since: at(1),
        checked_at: Some(at(2)),
        next_at: at(3),
        sentence: "why".into(),
        expires_at: Some(at(4)),
        scopes: vec!["repo".into()],
        quota: Some((5, 6)),
        failures: 7,
    });
}

/// Enums are stored by their place: a variant put between others would change what is stored.
#[test]
fn every_variant_keeps_its_place() {
    let bytes = |value: &dyn Fn() -> Vec<u8>| value().first().copied();
    let outcomes =
        [Outcome::Succeeded, Outcome::Failed, Outcome::Interrupted, Outcome::Stuck, Outcome::Cancelled];
    for (place, outcome) in outcomes.iter().enumerate() {
        assert_eq!(bytes(&|| mm_store::codec::encode(outcome).unwrap()), Some(place as u8));
    }
    let stages = [
        Stage::Planned,
        Stage::Sending,
        Stage::Confirmed,
        Stage::Failed,
        Stage::Ambiguous,
        Stage::Blocked,
        Stage::Pending,
    ];
    for (place, stage) in stages.iter().enumerate() {
        assert_eq!(bytes(&|| mm_store::codec::encode(stage).unwrap()), Some(place as u8));
    }
    for (place, state) in Asked::ALL.iter().enumerate() {
        assert_eq!(bytes(&|| mm_store::codec::encode(state).unwrap()), Some(place as u8));
    }
    for (place, state) in Marked::ALL.iter().enumerate() {
        assert_eq!(bytes(&|| mm_store::codec::encode(state).unwrap()), Some(place as u8));
    }
    let standings = [
        Standing::Asked { approval: "a".into(), not_before: None },
        Standing::Queued { not_before: at(1), until: at(2) },
        Standing::Sending,
        Standing::Ambiguous,
        Standing::Settled { at: at(1), outcome: done(), telling: SettledTelling::Due },
    ];
    for (place, standing) in standings.iter().enumerate() {
        assert_eq!(bytes(&|| mm_store::codec::encode(standing).unwrap()), Some(place as u8));
    }
    let tellings = [SettledTelling::NotNeeded, SettledTelling::Due, SettledTelling::Told(run_id())];
    for (place, telling) in tellings.iter().enumerate() {
        assert_eq!(bytes(&|| mm_store::codec::encode(telling).unwrap()), Some(place as u8));
    }
    for (place, input) in [Input::Item("a".into()), Input::Step("a".into())].iter().enumerate() {
        assert_eq!(bytes(&|| mm_store::codec::encode(input).unwrap()), Some(place as u8));
    }
    let accounts = [
        AccountStanding::Unknown,
        AccountStanding::Healthy,
        AccountStanding::AuthFailed,
        AccountStanding::Gone,
    ];
    for (place, standing) in accounts.iter().enumerate() {
        assert_eq!(bytes(&|| mm_store::codec::encode(standing).unwrap()), Some(place as u8));
    }
    let text = String::new;
    let oauth = AccountKind::OauthRefresh { token_url: text(), client_id: text(), confidential: true };
    let kinds = [
        AccountKind::Basic { user: text() },
        AccountKind::Bearer,
        AccountKind::ApiKey { header: text(), scheme: None },
        AccountKind::OauthClient { token_url: text(), client_id: text(), scope: text() },
        oauth,
    ];
    for (place, kind) in kinds.iter().enumerate() {
        assert_eq!(bytes(&|| mm_store::codec::encode(kind).unwrap()), Some(place as u8));
    }
    for (place, sort) in Sort::ALL.iter().enumerate() {
        assert_eq!(bytes(&|| mm_store::codec::encode(sort).unwrap()), Some(place as u8));
    }
    let states = [
        State::New,
        State::Accepted,
        State::Dismissed,
        State::Submitted,
        State::Paid,
        State::Awarded,
        State::Expired,
        State::Lost,
    ];
    for (place, state) in states.iter().enumerate() {
        assert_eq!(bytes(&|| mm_store::codec::encode(state).unwrap()), Some(place as u8));
    }
    let steps = [StepOutcome::Refused(refusal()), StepOutcome::Pending(ActionId::new("a"))];
    for (place, step) in steps.iter().enumerate() {
        assert_eq!(bytes(&|| mm_store::codec::encode(step).unwrap()), Some(place as u8 + 1));
    }
    let triggers = [
        Trigger::Tick(at(1)),
        Trigger::Operator,
        Trigger::Once,
        Trigger::Settled(ActionId::new("a")),
        Trigger::Retry(run_id()),
    ];
    for (place, trigger) in triggers.iter().enumerate() {
        assert_eq!(bytes(&|| mm_store::codec::encode(trigger).unwrap()), Some(place as u8));
    }
}

const KINDS: &[Kind] = &[
    AccountRow::KIND,
    CredentialRow::KIND,
    KeyRow::KIND,
    HealthRow::KIND,
    DecisionRow::KIND,
    RuleSetRow::KIND,
    ApprovalRow::KIND,
    ChangeRow::KIND,
    ChangeRow::UNFINISHED.expect("changes have flags"),
    Mark::KIND,
    ActionRecord::KIND,
    RunRecord::KIND,
    StepRecord::KIND,
    Opportunity::KIND,
    StrategyRow::KIND,
    ScheduleRow::KIND,
    TickRow::KIND,
    TaskRow::KIND,
    RetryRow::KIND,
    QuotaState::KIND,
    Breaker::KIND,
    AlertRow::KIND,
    SilenceRow::KIND,
    DeliveryRow::KIND,
    OpenRow::KIND,
    BudgetRow::KIND,
    CrashRow::KIND,
    QuarantineRow::KIND,
    WayRow::KIND,
    LookUpRow::KIND,
    CoolDown::KIND,
    LastActRow::KIND,
    CheckpointRow::KIND,
    AnchorRow::KIND,
    ErasureRow::KIND,
    TrustRow::KIND,
    RobotsRow::KIND,
    Earning::KIND,
    Entry::KIND,
    Step::KIND,
    Payer::KIND,
];

fn euros(amount: &str) -> Money {
    Money::read(amount, "EUR").unwrap()
}

/// An earning that has arrived in another currency, less a fee, and the entry that says so.
fn earned() -> (Earning, Entry) {
    let (platform, strategy) = ("demo".parse().unwrap(), "watcher".parse().unwrap());
    let earning = Earning::new(platform, "ref 1", strategy, Some(OpportunityId::new("o-1")));
    let evidence = Evidence { digest: Digest::of(b"page"), source: Source::Owner, what: "a slip".into() };
    let report = |stage, fee, arrived| Report {
        as_of: at(2),
        stage,
        amount: euros("12.50"),
        fee,
        arrived,
        evidence: evidence.clone(),
    };
    let (earning, _) = earning.take(report(Far::Approved, None, None), at(3)).unwrap().unwrap();
    let arrived = Some(Money::read("12.00", "USD").unwrap());
    earning.take(report(Far::Cleared, Some(euros("1.25")), arrived), at(4)).unwrap().unwrap()
}

#[test]
fn the_ledger_is_stored_as_ever() {
    let (earning, entry) = earned();
    check_record(&earning);
    check_record(&entry);
    let bytes = |it: &dyn Fn() -> Vec<u8>| it().first().copied();
    let (platform, strategy) = (entry.platform.clone(), entry.strategy.clone());
    let accounts = [
        Account::Expected(platform.clone()),
        Account::Claimed(platform.clone()),
        Account::Receivable(platform.clone()),
        Account::Transit(platform.clone()),
        Account::Bank,
        Account::Unearned(platform.clone()),
        Account::Income(platform.clone(), strategy),
        Account::Fees(platform),
        Account::Conversion,
    ];
    for (place, account) in accounts.into_iter().enumerate() {
        let posting = Posting { account, money: euros("1") };
        assert_eq!(bytes(&|| mm_store::codec::encode(&posting).unwrap()), Some(place as u8));
    }
    for (place, stage) in Far::ALL.iter().enumerate() {
        assert_eq!(bytes(&|| mm_store::codec::encode(stage).unwrap()), Some(place as u8));
    }
    for (place, source) in [Source::Platform, Source::Owner].iter().enumerate() {
        assert_eq!(bytes(&|| mm_store::codec::encode(source).unwrap()), Some(place as u8));
    }
}

#[test]
fn steps_of_opportunities_and_payers_are_stored_as_ever() {
    let whos = [Who::Owner("operator".into()), Who::Run(run_id()), Who::Machine];
    let step = |by: &Who| Step {
        opportunity: OpportunityId::new("o-1"),
        number: 2,
        from: State::Accepted,
        to: State::Submitted,
        by: by.clone(),
        at: at(1),
        why: Some(Untrusted::new("so")),
    };
    check_record(&step(&whos[0]));
    for (place, who) in whos.iter().enumerate() {
        assert_eq!(mm_store::codec::encode(who).unwrap().first().copied(), Some(place as u8));
    }
    let (platform, strategy) = ("demo".parse().unwrap(), "watcher".parse().unwrap());
    let report = Report { stage: Far::Approved, fee: None, arrived: None, ..earned().0.last.unwrap() };
    let owed = Earning::new(platform, "ref 2", strategy, None).take(report, at(3)).unwrap().unwrap().0;
    let mut payer = Payer::new("demo", "somebody", at(1));
    payer.take(&earned().0, at(4));
    payer.take(&owed, at(5));
    let now = at(100 * 24 * 3600);
    let late = Late::of(&owed, None, None, now).unwrap();
    payer.chase(
        Chase::draft(&owed, "somebody", Some("https://demo.example/".into()), &late, now).unwrap(),
        now,
    );
    check_record(&payer);
}

#[test]
fn no_two_kinds_share_a_name_or_a_number() {
    assert_eq!(Kind::clash(KINDS), None);
}

/// A record that somebody adds must get its golden file here.
#[test]
fn every_kind_in_the_sources_is_listed_here() {
    let room = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let folder = std::fs::read_dir(room.join("src/records")).unwrap().map(|file| file.unwrap().path());
    let single = ["src/records.rs", "../store/src/records.rs"].map(|file| room.join(file));
    for file in folder.chain(single) {
        let text = std::fs::read_to_string(file).unwrap();
        let names = text.split("Kind::new(\"").skip(1).filter_map(|rest| rest.split('"').next());
        found.extend(names.map(str::to_owned));
    }
    found.sort();
    let mut listed: Vec<_> = KINDS.iter().map(|kind| kind.name.to_owned()).collect();
    listed.sort();
    assert_eq!(found, listed);
}
