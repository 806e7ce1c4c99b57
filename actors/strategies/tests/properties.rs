//! Random histories of a feed against a naive oracle that remembers everything in plain sets.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not be")]

use mm_sdk::Moment;
use mm_strategies::bug_bounty::feed::{Feed, Skipped, parse};
use mm_strategies::bug_bounty::finding::{Finding, Kind};
use mm_strategies::bug_bounty::memory::Memory;
use mm_strategies::bug_bounty::scope::Source;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

/// What one read is like. Programmes 0 to 7, each with any of the identifiers 0 to 5.
#[derive(Debug, Clone)]
enum Read {
    /// A good read: what each programme has; `None` if it is not listed.
    Good(Vec<Option<u8>>),
    /// A good read in which one programme, if listed, cannot be read, with or without its key.
    Skips(Vec<Option<u8>>, usize, bool),
    /// The same version as before.
    Unchanged,
    /// Nothing came.
    Failed,
    /// An empty list.
    Empty,
}

fn scope() -> impl Strategy<Value = Vec<Option<u8>>> {
    // Mostly full, so that there is something to lose.
    prop::collection::vec(prop_oneof![1 => Just(None), 4 => (0u8..64).prop_map(Some), 4 => Just(Some(63))], 8)
}

fn read() -> impl Strategy<Value = Read> {
    prop_oneof![
        8 => scope().prop_map(Read::Good),
        2 => (scope(), 0usize..8, any::<bool>()).prop_map(|(s, n, named)| Read::Skips(s, n, named)),
        2 => Just(Read::Unchanged),
        2 => Just(Read::Failed),
        1 => Just(Read::Empty),
    ]
}

fn feed(scope: &[Option<u8>]) -> Feed {
    let programme = |(n, targets): (usize, &Option<u8>)| {
        let bits = (*targets)?;
        let listed = (0..6).filter(|bit| bits >> bit & 1 == 1);
        let targets: Vec<String> =
            listed.map(|bit| format!(r#"{{"target": " t{bit} ", "type": "api"}}"#)).collect();
        Some(format!(
            r#"{{"id": "p{n}", "targets": {{"in_scope": [{}], "out_of_scope": []}}}}"#,
            targets.join(",")
        ))
    };
    let programmes: Vec<String> = scope.iter().enumerate().filter_map(programme).collect();
    parse(Source::Federacy, format!("[{}]", programmes.join(",")).as_bytes()).unwrap()
}

fn without(mut feed: Feed, programme: usize, named: bool) -> Feed {
    let key = format!("p{programme}");
    if let Some(position) = feed.programmes.iter().position(|p| *p.key == *key) {
        feed.programmes.remove(position);
        let key = named.then(|| key.into());
        feed.skipped.push(Skipped { position, key, reason: "a test".to_owned() });
        feed.digest ^= 1 + programme as u64;
    }
    feed
}

type Thing = (String, Option<String>);

/// All that was ever listed, when each thing was last seen, and when the first read was.
#[derive(Default)]
struct Oracle {
    ever: BTreeSet<Thing>,
    seen: BTreeMap<Thing, Moment>,
    gone: BTreeSet<Thing>,
    begun: bool,
    blind_baseline: bool,
}

fn things(feed: &Feed) -> BTreeSet<Thing> {
    let mut all = BTreeSet::new();
    for programme in &feed.programmes {
        all.insert((programme.key.to_string(), None));
        for target in &programme.targets {
            all.insert((programme.key.to_string(), Some(target.identifier.to_string())));
        }
    }
    all
}

fn told(findings: &[Finding], kinds: [Kind; 2]) -> BTreeSet<Thing> {
    let mut all = BTreeSet::new();
    for finding in findings.iter().filter(|finding| kinds.contains(&finding.kind)) {
        if matches!(finding.kind, Kind::ProgrammeAdded | Kind::ProgrammeGone) {
            assert!(all.insert((finding.programme.to_string(), None)));
        }
        for target in &finding.targets {
            assert!(all.insert((finding.programme.to_string(), Some(target.identifier.to_string()))));
        }
    }
    all
}

impl Oracle {
    fn check(
        &mut self,
        findings: &[Finding],
        feed: Option<&Feed>,
        now: Moment,
        memory: &Memory,
    ) -> Result<(), TestCaseError> {
        let listed = feed.map(things).unwrap_or_default();
        let new: BTreeSet<Thing> = listed.difference(&self.ever).cloned().collect();
        let added = told(findings, [Kind::ProgrammeAdded, Kind::TargetsAdded]);
        prop_assert_eq!(added, new, "additions are whole, and nothing is new twice");
        for finding in findings.iter().filter(|finding| finding.baseline) {
            prop_assert!(!finding.tell);
            prop_assert!(!self.begun || self.blind_baseline, "baseline after the first read: {:?}", finding);
        }
        for gone in told(findings, [Kind::ProgrammeGone, Kind::TargetsGone]) {
            prop_assert!(!listed.contains(&gone), "{:?} is listed", gone);
            let seen = self.seen[&gone];
            prop_assert!(now.since(seen) >= 72 * HOUR, "{:?} gone after {:?}", gone, now.since(seen));
            prop_assert!(self.gone.insert(gone), "gone twice without a return");
        }
        for finding in findings.iter().filter(|finding| finding.kind == Kind::ProgrammeReturned) {
            let programme = (finding.programme.to_string(), None);
            prop_assert!(self.ever.contains(&programme));
            prop_assert_eq!(finding.tell, self.gone.contains(&programme), "told back iff told gone");
        }
        for thing in listed {
            self.gone.remove(&thing);
            self.seen.insert(thing.clone(), now);
            let (programme, target) = &thing;
            if let Some(target) = target {
                prop_assert!(memory.in_scope(programme, target));
            }
            self.ever.insert(thing);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_history_is_told_once_wholly_and_never_too_soon(
        reads in prop::collection::vec((read(), 1u32..100), 1..40)
    ) {
        let mut memory = Memory::new(Source::Federacy);
        let mut oracle = Oracle::default();
        let mut now = Moment::from_unix_ms(1_800_000_000_000);
        let mut ids = BTreeSet::new();
        for (read, hours) in reads {
            now = now.plus(HOUR * hours);
            let before = memory.clone();
            let feed = match &read {
                Read::Good(scope) => feed(scope),
                Read::Skips(scope, programme, named) => without(feed(scope), *programme, *named),
                Read::Empty => feed(&[]),
                Read::Unchanged => {
                    let findings = memory.unchanged(now).findings;
                    oracle.check(&findings, None, now, &memory)?;
                    continue;
                }
                Read::Failed => {
                    prop_assert!(memory.failed(now).findings.is_empty());
                    prop_assert_eq!(&memory.programmes, &before.programmes);
                    continue;
                }
            };
            match memory.observe(&feed, now) {
                Err(_) => prop_assert_eq!(&memory, &before, "an error changes nothing"),
                Ok(observed) => {
                    oracle.blind_baseline |= !oracle.begun && !feed.skipped.is_empty();
                    oracle.check(&observed.findings, Some(&feed), now, &memory)?;
                    oracle.begun = true;
                    let skipped = feed.skipped.iter().filter_map(|skipped| skipped.key.clone());
                    for key in skipped {
                        let same = memory.programmes.get(&key) == before.programmes.get(&key);
                        prop_assert!(same, "what was not read did not change");
                    }
                    for finding in &observed.findings {
                        prop_assert!(ids.insert(finding.id()), "an id twice: {}", finding.id());
                    }
                    // The same read from the same memory finds the same.
                    prop_assert_eq!(before.clone().observe(&feed, now).unwrap(), observed);
                }
            }
            let stored = mm_sdk::encode(&memory).unwrap();
            prop_assert_eq!(mm_sdk::decode::<Memory>(&stored).unwrap(), memory.clone());
        }
    }

    #[test]
    fn no_bytes_make_the_parser_fall_over(bytes in prop::collection::vec(any::<u8>(), 0..200), source in 0usize..5) {
        let _ = parse(Source::ALL[source], &bytes);
    }

    #[test]
    fn no_damage_to_a_good_document_makes_it_fall_over(at in 0usize..2000, byte in any::<u8>()) {
        let mut document = include_bytes!("../fixtures/traps.bugcrowd.json").to_vec();
        let length = document.len();
        document[at % length] = byte;
        let _ = parse(Source::Bugcrowd, &document);
    }
}

/// The oracle itself must be able to see a removal: one that really stays is told in the end.
#[test]
fn what_really_goes_is_told_in_the_end_and_its_return_is_told_too() {
    let mut memory = Memory::new(Source::Federacy);
    let full = vec![Some(63); 8];
    let mut less = full.clone();
    less[3] = None;
    less[4] = Some(62);
    let start = Moment::from_unix_ms(0);
    memory.observe(&feed(&full), start).unwrap();
    let mut gone = BTreeSet::new();
    for n in 1..=100u32 {
        let findings = memory.observe(&feed(&less), start.plus(HOUR * 8 * n)).unwrap().findings;
        gone.extend(told(&findings, [Kind::ProgrammeGone, Kind::TargetsGone]));
        let flaps = [memory.programme_flaps, memory.target_flaps].map(|flaps| flaps.hold(HOUR));
        assert!(flaps.iter().all(|hold| *hold >= 72 * HOUR));
    }
    let expected = [("p3".to_owned(), None), ("p4".to_owned(), Some("t0".to_owned()))];
    assert_eq!(gone, BTreeSet::from(expected));
    assert!(!memory.in_scope("p4", "t0") && !memory.in_scope("p3", "t0"));

    let back = memory.observe(&feed(&full), start.plus(HOUR * 900)).unwrap().findings;
    assert_eq!(back.len(), 1, "a target that is back is no addition: {back:?}");
    assert_eq!((back[0].kind, back[0].tell, &*back[0].programme), (Kind::ProgrammeReturned, true, "p3"));
    assert!(memory.in_scope("p4", "t0") && memory.in_scope("p3", "t0"));
}
