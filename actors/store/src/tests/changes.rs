//! Expectations, versions, groups: against a naive model, and under real concurrency.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;

/// What a test does to one of four rows.
#[derive(Debug, Clone)]
enum Step {
    Expect(u8, Expect),
    Put(u8, u8),
    Delete(u8),
    Audit,
}

fn step() -> impl Strategy<Value = Step> {
    let row = 0..4u8;
    let expect =
        prop_oneof![Just(Expect::Absent), Just(Expect::Present), (0..4u64).prop_map(Expect::Version)];
    prop_oneof![
        (row.clone(), expect).prop_map(|(row, expect)| Step::Expect(row, expect)),
        (row.clone(), any::<u8>()).prop_map(|(row, value)| Step::Put(row, value)),
        row.prop_map(Step::Delete),
        Just(Step::Audit),
    ]
}

fn change(steps: &[Step]) -> Change {
    steps.iter().fold(Change::new(), |change, step| match step {
        Step::Expect(row, expect) => change.expect(key(&row.to_string()), *expect),
        Step::Put(row, value) => change.put(&space(), &row.to_string(), &note(value)).unwrap(),
        Step::Delete(row) => change.delete(key(&row.to_string())),
        Step::Audit => change.audit(entry(1)),
    })
}

#[derive(Default, Clone, PartialEq, Debug)]
struct Model {
    rows: BTreeMap<u8, (u64, String)>,
    entries: u64,
}

impl Model {
    /// Applies `steps` if all expectations hold; whether they did.
    fn apply(&mut self, steps: &[Step]) -> bool {
        let version = |row: &u8| self.rows.get(row).map(|row| row.0);
        let holds = |step: &Step| match step {
            Step::Expect(row, Expect::Absent) => version(row).is_none(),
            Step::Expect(row, Expect::Present) => version(row).is_some(),
            Step::Expect(row, Expect::Version(wanted)) => version(row) == Some(*wanted),
            _ => true,
        };
        if !steps.iter().all(holds) {
            return false;
        }
        for step in steps {
            match step {
                Step::Put(row, value) => {
                    let version = self.rows.get(row).map_or(1, |row| row.0 + 1);
                    self.rows.insert(*row, (version, value.to_string()));
                }
                Step::Delete(row) => drop(self.rows.remove(row)),
                Step::Audit => self.entries += 1,
                Step::Expect(..) => {}
            }
        }
        true
    }

    fn of(store: &Store) -> Model {
        let scanned = store.scan::<Note>(&space(), Span::all(), 100).unwrap();
        assert!(scanned.damaged.is_empty());
        let rows = scanned.rows.into_iter();
        let rows = rows.map(|(id, row)| (id.parse().unwrap(), (row.version, row.value.text))).collect();
        Model { rows, entries: store.audit_tip().unwrap().seq }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// One group of changes does what the changes would do one by one.
    #[test]
    fn a_group_is_its_changes_one_after_the_other(
        groups in prop::collection::vec(prop::collection::vec(prop::collection::vec(step(), 0..5), 1..6), 1..6)
    ) {
        let memory = SharedMemory::new();
        let mut model = Model::default();
        let store = open(&memory);
        let db = store.inner.db.read().unwrap().clone().unwrap();
        let mut applier = crate::apply::Applier::new(db, store.epoch(), entropy(), Default::default());
        for group in &groups {
            let results = applier.commit(group.iter().map(|steps| change(steps)).collect()).unwrap();
            for (steps, result) in group.iter().zip(results) {
                prop_assert_eq!(model.apply(steps), result.is_ok(), "{:?}", steps);
            }
            prop_assert_eq!(&Model::of(&store), &model);
        }
        prop_assert!(store.audit_verify(1).unwrap().is_whole());
        drop((applier, store));
        memory.restart();
        prop_assert_eq!(Model::of(&open(&memory)), model);
    }
}

#[test]
fn a_refusal_names_the_row_what_was_expected_and_what_was_found() {
    let store = open(&SharedMemory::new());
    let done = store.commit_blocking(put("a", 1).audit(entry(1)).audit(entry(2))).unwrap();
    assert_eq!((done.seqs, done.versions), (Some(1..=2), vec![1]));
    let refused = |change| said(&store.commit_blocking(change).unwrap_err());
    expect_test::expect![[r#"row default/test-note/a is at version 1, and the change expected none"#]]
        .assert_eq(&refused(put("b", 1).expect_absent(key("a"))));
    expect_test::expect![[r#"row default/test-note/c is absent, and the change expected version 3"#]]
        .assert_eq(&refused(put("b", 1).expect_version(key("c"), 3)));
    assert_eq!(text(&store, "b"), None, "a refused change leaves nothing");
}

#[test]
fn spaces_and_kinds_do_not_see_each_other_and_scans_page_both_ways() {
    let store = open(&SharedMemory::new());
    let other: Space = "other".parse().unwrap();
    for id in ["a", "a/1", "a/2", "a/3", "b", "ä"] {
        store.commit_blocking(put(id, id)).unwrap();
        store.commit_blocking(Change::new().put(&other, id, &note("x")).unwrap()).unwrap();
    }
    let ids = |span: Span<'_>, limit| {
        let scanned = store.scan::<Note>(&space(), span, limit).unwrap();
        (scanned.rows.into_iter().map(|(id, _)| id).collect::<Vec<_>>().join(" "), scanned.more)
    };
    assert_eq!(ids(Span::all(), 10), ("a a/1 a/2 a/3 b ä".into(), false));
    assert_eq!(ids(Span::all(), 6), ("a a/1 a/2 a/3 b ä".into(), false));
    assert_eq!(ids(Span::prefix("a/"), 2), ("a/1 a/2".into(), true));
    assert_eq!(ids(Span::prefix("a/").after("a/2"), 9), ("a/3".into(), false));
    assert_eq!(ids(Span::prefix("a/").after("0"), 1), ("a/1".into(), true));
    assert_eq!(ids(Span::prefix("a/").after("z"), 1), (String::new(), false));
    assert_eq!(ids(Span::all().descending(), 2), ("ä b".into(), true));
    assert_eq!(ids(Span::all().descending().after("b"), 2), ("a/3 a/2".into(), true));
    assert_eq!(ids(Span::prefix("a/").descending().after("a"), 2), (String::new(), false));
    assert_eq!(store.count(&space(), Note::KIND).unwrap(), 6);
    assert_eq!(store.dump().unwrap().len(), 12);
    assert_eq!(store.spaces().unwrap(), [space(), other]);
}

#[test]
fn forty_threads_count_together_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(Options::in_dir(dir.path(), Stamp::Sandbox, entropy())).unwrap();
    let refused = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..40 {
            scope.spawn(|| {
                for _ in 0..5 {
                    loop {
                        let row = store.get::<Note>(&space(), "count").unwrap();
                        let (n, version) =
                            row.map_or((0, 0), |row| (row.value.text.parse::<u64>().unwrap(), row.version));
                        let change = put("count", n + 1).audit(entry(n as i64));
                        let expect = if version == 0 { Expect::Absent } else { Expect::Version(version) };
                        match store.commit_blocking(change.expect(key("count"), expect)) {
                            Ok(_) => break,
                            Err(CommitError::Refused { .. }) => drop(refused.fetch_add(1, Ordering::Relaxed)),
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
            });
        }
    });
    assert_eq!(text(&store, "count").as_deref(), Some("200"));
    assert!(refused.into_inner() > 0, "nobody ever met another: the test tests nothing");
    let report = store.audit_verify(1).unwrap();
    assert!(report.is_whole() && report.entries == 200, "{report:?}");
    let clone = store.clone();
    store.close().unwrap();
    assert!(matches!(clone.commit_blocking(put("x", 1)), Err(CommitError::Stopped)));
    assert!(matches!(clone.get::<Note>(&space(), "x"), Err(ReadError::Closed)));
    let again = Store::open(Options::in_dir(dir.path(), Stamp::Sandbox, entropy())).unwrap();
    assert_eq!(text(&again, "count").as_deref(), Some("200"));
    assert_eq!(again.epoch().0, 2);
}

#[test]
fn tasks_commit_through_the_writer_thread() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let options = Options { mode: Mode::Threaded, ..Options::in_memory(SharedMemory::new(), entropy()) };
    let store = Store::open(options).unwrap();
    runtime.block_on(async {
        let mut tasks = Vec::new();
        for n in 0..100 {
            let store = store.clone();
            tasks.push(tokio::spawn(async move { store.commit(put(&n.to_string(), n)).await }));
        }
        for task in tasks {
            assert_eq!(task.await.unwrap().unwrap().versions, [1]);
        }
        let digest = store.put_answer(b"hello", Moment::from_unix_ms(1)).await.unwrap();
        assert_eq!(store.get_answer(&digest, 5).unwrap().as_deref(), Some(b"hello".as_slice()));
    });
    assert_eq!(store.rows().unwrap(), 100);
}

#[test]
fn what_is_too_large_is_refused_before_it_is_written() {
    let big = Note { text: "x".repeat(Note::BYTES_MAX) };
    let error = Change::new().put(&space(), "big", &big).unwrap_err();
    assert_eq!(said(&error), "a value of kind `test-note` has 1048581 bytes; at most 1048576 are stored");
    assert!(NewEntry::new(Moment::default(), &space(), "k", &"x".repeat(70_000)).is_err());
}

/// Asked often whether the writer still answers, a quiet machine's disk stays quiet.
#[test]
fn a_change_that_holds_nothing_is_answered_and_touches_no_disk() {
    let memory = SharedMemory::new();
    let store = open(&memory);
    store.commit_blocking(put("a", 1)).unwrap();
    let before = memory.ops();
    let done = store.commit_blocking(Change::new()).unwrap();
    assert_eq!((done.seqs, done.versions.len(), memory.ops()), (None, 0, before));
    store.commit_blocking(put("a", 2)).unwrap();
    assert!(memory.ops() > before, "what holds something is written");
}
