//! Flags beside rows: they say what the rows say, whatever was put, removed, or refused.

use proptest::prelude::*;

use super::*;

/// A record with flags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Task {
    over: bool,
}

impl Record for Task {
    const KIND: Kind = Kind::new("test-task", 65_001, 1);
    const UNFINISHED: Option<Kind> = Some(Kind::new("test-task-unfinished", 65_002, 1));

    fn is_finished(&self) -> bool {
        self.over
    }
}

/// The same rows as an earlier program wrote them.
#[derive(Serialize, Deserialize)]
struct Unflagged {
    over: bool,
}

impl Record for Unflagged {
    const KIND: Kind = Task::KIND;
}

fn put_task(id: u8, over: bool) -> Change {
    Change::new().put(&space(), &id.to_string(), &Task { over }).unwrap()
}

fn unfinished(store: &Store) -> Vec<(String, Row<Task>)> {
    let found = store.unfinished::<Task>(&space(), |_, _| false).unwrap();
    assert!(found.damaged.is_empty());
    found.rows
}

/// What [`unfinished`] must be: found by reading everything.
fn by_scan(store: &Store) -> Vec<(String, Row<Task>)> {
    let all = store.scan::<Task>(&space(), Span::all(), usize::MAX).unwrap().rows;
    all.into_iter().filter(|(_, row)| !row.value.over).collect()
}

fn adopt(store: &Store) {
    store.commit_blocking(store.flag_unfinished::<Task>(&space()).unwrap().unwrap()).unwrap();
}

#[derive(Debug, Clone)]
enum Step {
    Put(u8, bool),
    /// As a program without flags puts it.
    PutUnflagged(u8, bool),
    Delete(u8),
    /// A change that is refused as a whole.
    Refused(u8, bool),
    Adopt,
}

fn step() -> impl Strategy<Value = Step> {
    let id = 0..12u8;
    prop_oneof![
        4 => (id.clone(), any::<bool>()).prop_map(|(id, over)| Step::Put(id, over)),
        1 => (id.clone(), any::<bool>()).prop_map(|(id, over)| Step::PutUnflagged(id, over)),
        2 => id.clone().prop_map(Step::Delete),
        1 => (id, any::<bool>()).prop_map(|(id, over)| Step::Refused(id, over)),
        1 => Just(Step::Adopt),
    ]
}

proptest! {
    #[test]
    fn flags_find_exactly_what_reading_everything_finds(steps in prop::collection::vec(step(), 0..60)) {
        let store = open(&SharedMemory::new());
        let mut adopted = true;
        for step in steps {
            match step {
                Step::Put(id, over) => drop(store.commit_blocking(put_task(id, over)).unwrap()),
                Step::PutUnflagged(id, over) => {
                    let change = Change::new().put(&space(), &id.to_string(), &Unflagged { over }).unwrap();
                    store.commit_blocking(change).unwrap();
                    adopted = false;
                }
                Step::Delete(id) => {
                    let key = Key::of::<Task>(&space(), &id.to_string()).unwrap();
                    store.commit_blocking(Change::new().delete(key)).unwrap();
                }
                Step::Refused(id, over) => {
                    let change = put_task(id, over).expect(key("never there"), Expect::Present);
                    let refused = matches!(store.commit_blocking(change), Err(CommitError::Refused { .. }));
                    prop_assert!(refused);
                }
                Step::Adopt => {
                    adopt(&store);
                    adopted = true;
                }
            }
            if adopted {
                prop_assert_eq!(unfinished(&store), by_scan(&store));
            }
        }
        adopt(&store);
        prop_assert_eq!(unfinished(&store), by_scan(&store));
        prop_assert!(store.flag_unfinished::<Task>(&space()).unwrap().unwrap().is_empty(), "once is enough");
    }
}

#[test]
fn flags_are_of_their_space_and_kind_alone() {
    let store = open(&SharedMemory::new());
    store.commit_blocking(put_task(1, false)).unwrap();
    store.commit_blocking(Change::new().put(&Space::machine(), "2", &Task { over: false }).unwrap()).unwrap();
    store.commit_blocking(put("3", "a note")).unwrap();
    assert_eq!(unfinished(&store).into_iter().map(|(id, _)| id).collect::<Vec<_>>(), ["1"]);
    assert!(store.unfinished::<Note>(&space(), |_, _| false).unwrap().rows.is_empty(), "notes have no flags");
    assert!(store.flag_unfinished::<Note>(&space()).unwrap().unwrap().is_empty());
}

#[test]
fn a_row_is_passed_over_only_while_it_is_at_the_version_that_is_known() {
    let store = open(&SharedMemory::new());
    store.commit_blocking(put_task(1, false).and(put_task(2, false))).unwrap();
    let news = || {
        let found = store.unfinished::<Task>(&space(), |id, version| (id, version) == ("1", 1)).unwrap();
        found.rows.into_iter().map(|(id, row)| (id, row.version)).collect::<Vec<_>>()
    };
    assert_eq!(news(), [("2".to_owned(), 1)]);
    store.commit_blocking(put_task(1, false)).unwrap();
    assert_eq!(news(), [("1".to_owned(), 2), ("2".to_owned(), 1)]);
}

#[test]
fn flags_that_were_reckoned_before_a_row_moved_are_refused() {
    let store = open(&SharedMemory::new());
    store.commit_blocking(Change::new().put(&space(), "1", &Unflagged { over: false }).unwrap()).unwrap();
    let flags = store.flag_unfinished::<Task>(&space()).unwrap().unwrap();
    store.commit_blocking(put_task(1, true)).unwrap();
    assert!(matches!(store.commit_blocking(flags), Err(CommitError::Refused { .. })));
    assert!(unfinished(&store).is_empty());
}
