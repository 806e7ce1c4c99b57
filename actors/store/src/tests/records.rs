//! Schemas: old versions are upgraded, newer ones refused, and golden files keep every shape.

use std::path::Path;

use mm_core::activity::{ActionRecord, Check, Stage};
use mm_core::audit::{Entry, Payload, Tip};
use mm_core::breaker::{Breaker, Policy};
use mm_core::digest::Digest;
use mm_core::error::ErrorClass;
use mm_core::id::{ActionId, Epoch, OpportunityId, RunId};
use mm_core::limit::{CoolDown, QuotaState};
use mm_core::opportunity::{Facts, Opportunity, Reward, State};
use mm_core::run::{
    Outcome, Refusal, RunRecord, SourceHealth, SourceReport, StepOutcome, StepRecord, Trigger,
};

use super::*;
use crate::frame::Head;

/// The same kind as [`Note`], one version on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct NoteV2 {
    text: String,
    stars: u8,
}

impl Record for NoteV2 {
    const KIND: Kind = Kind::new("test-note", 65_000, 2);

    fn upgrade(version: u16, bytes: &[u8]) -> Result<Self, Unreadable> {
        if version != 1 {
            return Err(Unreadable::Old { version });
        }
        let old: Note = codec::decode(bytes).map_err(Unreadable::Codec)?;
        Ok(NoteV2 { text: old.text, stars: 0 })
    }
}

/// Another schema under the same name.
#[derive(Debug, Serialize, Deserialize)]
struct Stranger(u8);

impl Record for Stranger {
    const KIND: Kind = Kind::new("test-note", 65_001, 1);
}

#[test]
fn old_rows_are_upgraded_and_newer_or_foreign_ones_refused() {
    let store = open(&SharedMemory::new());
    store.commit_blocking(put("old", "hello")).unwrap();
    let upgraded = store.get::<NoteV2>(&space(), "old").unwrap().unwrap();
    assert_eq!(upgraded, Row { value: NoteV2 { text: "hello".into(), stars: 0 }, version: 1 });
    store
        .commit_blocking(Change::new().put(&space(), "new", &NoteV2 { text: "x".into(), stars: 3 }).unwrap())
        .unwrap();
    let error = store.get::<Note>(&space(), "new").unwrap_err();
    assert!(said(&error).ends_with("schema version 2 is newer than this program's; use the newer program"));
    assert!(
        said(&store.get::<Stranger>(&space(), "old").unwrap_err())
            .contains("schema 65000 stands where schema 65001 should")
    );
    assert_eq!(store.scan::<Note>(&space(), Span::all(), 9).unwrap().damaged.len(), 1);
}

#[test]
fn golden_files_of_the_stores_own_schemas() {
    let kind = |name| Kind::new(name, 0, 1);
    let head = Head { schema: 258, schema_version: 3, row_version: 4, flags: 1 };
    golden::check(kind("frame"), 1, &frame::seal("rows", b"key", head, b"payload"));
    let payload = Payload { salt: *b"0123456789abcdef", bytes: b"{\"n\":1}".to_vec() };
    let (entry, tip): (Entry, Tip) = Tip { seq: 6, hash: Digest::of(b"before") }.link(
        Epoch(3),
        Moment::from_unix_ms(1_784_721_600_000),
        Space::machine(),
        "test.happened".into(),
        &payload,
    );
    golden::check(kind("audit-entry"), 1, &crate::audit::seal_entry(&entry));
    golden::check(kind("audit-payload"), 1, &crate::audit::seal_payload(7, &payload));
    golden::check(kind("audit-tip"), 1, &codec::encode(&tip).unwrap());
    golden::check(kind("stamp"), 1, &codec::encode(&[Stamp::Live, Stamp::Sandbox]).unwrap());
    golden::check_record(&note("hello"));
    let older = golden::check_record(&NoteV2 { text: "hello".into(), stars: 5 });
    assert_eq!(
        older,
        [NoteV2 { text: "hello".into(), stars: 0 }],
        "the golden file of version 1 opens for ever"
    );
}

#[test]
fn a_store_written_by_the_first_version_opens_for_ever() {
    let golden = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/golden/store-v1.redb.gz"));
    let temp = tempfile::tempdir().unwrap();
    let database = temp.path().join(DATABASE_FILE);
    let Ok(bytes) = std::fs::read(golden) else {
        let store = Store::open(Options::in_dir(temp.path(), Stamp::Sandbox, entropy())).unwrap();
        store.commit_blocking(put("first", "hello").audit(entry(1))).unwrap();
        store.commit_blocking(Change::new().put_snapshot(&space(), "s", 1, 1, b"state").unwrap()).unwrap();
        store.close().unwrap();
        std::fs::write(golden, crate::snapshot::zip(&std::fs::read(&database).unwrap())).unwrap();
        panic!("a golden store was written: commit it and run again");
    };
    std::fs::write(&database, crate::snapshot::unzip(&bytes, 64 << 20).unwrap()).unwrap();
    std::fs::write(temp.path().join("stamp.json"), r#"{"stamp":"sandbox","format":1,"database_made":true}"#)
        .unwrap();
    let store = Store::open(Options::in_dir(temp.path(), Stamp::Sandbox, entropy())).unwrap();
    assert_eq!(text(&store, "first").as_deref(), Some("hello"));
    assert!(store.audit_verify(1).unwrap().is_whole());
    assert_eq!(store.load_snapshot(&space(), "s").unwrap().snapshot.unwrap().value, (1, b"state".to_vec()));
    assert_eq!(store.epoch().0, 2);
}

/// One of everything that the machine keeps of core's own types.
mod samples {
    use super::*;

    fn at(s: i64) -> Moment {
        Moment::from_unix_ms(1_784_721_600_000 + s * 1000)
    }

    fn facts() -> Facts {
        let line = |text: &str| vec![text.to_owned()];
        Facts {
            bait: line("bait"),
            against: line("taken"),
            open: Some(true),
            held: Some(false),
            hours: Some("2.5".parse().unwrap()),
            fee_percent: Some("5".parse().unwrap()),
            said: line("so"),
        }
    }

    pub fn opportunity() -> Opportunity {
        Opportunity {
            id: OpportunityId::new("0123456789abcdef01234567"),
            strategy: "bug-bounty".parse().unwrap(),
            platform: "hackerone".into(),
            kind: "new-target".into(),
            title: "*.example.com at Example".into(),
            url: "https://hackerone.com/example".into(),
            state: State::New,
            found_at: at(0),
            updated_at: at(1),
            reward: Some(Reward { min: Some("50.5".parse().unwrap()), max: None, currency: "USD".into() }),
            score: 70,
            reason: "a new wildcard".into(),
            evidence: Some(Digest::of(b"feed")),
            details: "{\"baseline\":false}".into(),
            tell: true,
            deadline: Some(at(2)),
            payer: Some("example".into()),
            facts: facts(),
            steps: 3,
            settled: true,
        }
    }

    pub fn run() -> RunRecord {
        let source = |name: &str, health| SourceReport { name: name.into(), health, sentence: "well".into() };
        RunRecord {
            id: RunId::new("3-1"),
            space: space(),
            strategy: "bug-bounty".parse().unwrap(),
            code_version: 1,
            epoch: Epoch(3),
            attempt: 2,
            trigger: Trigger::Tick(at(0)),
            started: at(1),
            seed: u64::MAX,
            ended: Some(at(9)),
            outcome: Some(Outcome::Succeeded),
            actions: 5,
            found: 7,
            errors: vec!["one".into()],
            sources: vec![source("a", SourceHealth::Fresh), source("b", SourceHealth::Failed)],
            metrics: vec![("targets".into(), -1)],
        }
    }

    pub fn step() -> StepRecord {
        let refusal =
            Refusal { class: ErrorClass::Compliance, why: "no rule".into(), rules: vec!["default".into()] };
        StepRecord {
            step: "fetch/hackerone".into(),
            action_hash: Digest::of(b"action"),
            action: ActionId::new("3-1.fetch"),
            outcome: StepOutcome::Refused(refusal),
        }
    }

    pub fn action() -> ActionRecord {
        ActionRecord {
            id: ActionId::new("3-1.fetch"),
            space: space(),
            strategy: "bug-bounty".parse().unwrap(),
            run: RunId::new("3-1"),
            step: "fetch".into(),
            at: at(0),
            updated_at: at(1),
            platform: "bounty-targets-data".into(),
            kind: "read".into(),
            method: "GET".into(),
            url: "https://raw.githubusercontent.com/x".into(),
            purpose: "read the scope".into(),
            request_hash: Digest::of(b"request"),
            stage: Stage::Confirmed,
            checks: vec![Check { rule: "r1".into(), verdict: "permit".into(), reason: "public".into() }],
            answer_status: Some(200),
            answer: Some(Digest::of(b"answer")),
            answer_bytes: 1 << 40,
            took_ms: 12,
            error: None,
            parent: None,
        }
    }

    pub fn breaker() -> Breaker {
        let mut breaker = Breaker::default();
        let policy = Policy::platform();
        for n in 0..6 {
            breaker.on_failure(&policy, ErrorClass::Transient, breaker.generation(), at(n));
        }
        breaker
    }

    pub fn cool_down() -> CoolDown {
        let mut cool_down = CoolDown::default();
        cool_down.on_limited(None, at(0));
        cool_down
    }
}

#[test]
fn golden_files_of_what_the_machine_keeps() {
    let it = samples::opportunity();
    let first = Opportunity {
        deadline: None,
        payer: None,
        facts: Facts::default(),
        steps: 0,
        settled: false,
        ..it.clone()
    };
    assert_eq!(golden::check_record(&it), [first], "a row of the first version");
    golden::check_record(&samples::run());
    golden::check_record(&samples::step());
    golden::check_record(&samples::action());
    golden::check_record(&samples::breaker());
    golden::check_record(&samples::cool_down());
    golden::check_record(&QuotaState::default());
}

#[test]
fn no_two_kinds_share_a_name_or_a_number() {
    let kinds = [
        Opportunity::KIND,
        RunRecord::KIND,
        StepRecord::KIND,
        ActionRecord::KIND,
        Breaker::KIND,
        CoolDown::KIND,
        QuotaState::KIND,
        crate::snapshot::KIND,
    ];
    assert_eq!(Kind::clash(&kinds), None);
}
