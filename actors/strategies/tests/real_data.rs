//! The comparison on real scope files. They are not part of the project: without `../shared/data`
//! beside the workspace these tests say that they were skipped.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not be")]

mod connectors;

use connectors::data;
use mm_sdk::Moment;
use mm_strategies::bug_bounty::feed::{Feed, parse};
use mm_strategies::bug_bounty::finding::{Finding, Kind};
use mm_strategies::bug_bounty::health::Standing;
use mm_strategies::bug_bounty::memory::Memory;
use mm_strategies::bug_bounty::observe::Turned;
use mm_strategies::bug_bounty::scope::Source;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn read(source: Source, path: &Path) -> Feed {
    let feed = parse(source, &std::fs::read(path).unwrap()).unwrap();
    assert_eq!(feed.skipped, [], "{}", path.display());
    assert!(!feed.programmes.iter().any(|programme| programme.partial), "{}", path.display());
    feed
}

fn source_of(name: &str) -> Source {
    Source::ALL.into_iter().find(|source| source.name() == name).unwrap()
}

/// The text before `_` of `00_2024-03-01T161727Z_33ae9ac852.json` and the like, as a moment.
fn time_in_name(path: &Path) -> Moment {
    let name = path.file_name().unwrap().to_str().unwrap();
    let time = name.split('_').nth(1).unwrap();
    let (day, clock) = time.split_once('T').unwrap();
    format!("{day}T{}:{}:{}Z", &clock[0..2], &clock[2..4], &clock[4..6]).parse().unwrap()
}

fn series(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let numbered = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with('0');
    let mut paths: Vec<PathBuf> = entries.filter(numbered).collect();
    paths.sort();
    paths
}

type Pairs = BTreeSet<(String, String)>;

fn added_targets(findings: &[Finding]) -> Pairs {
    let added = findings.iter().filter(|finding| finding.kind == Kind::TargetsAdded);
    added
        .flat_map(|finding| {
            finding.targets.iter().map(|t| (finding.programme.to_string(), t.identifier.to_string()))
        })
        .collect()
}

/// What the reference says was added to `platform`, brought to the definition used here: trimmed
/// identifiers, and none that was in scope under another type before.
fn expected(diff: &serde_json::Value, before: &Feed) -> (BTreeSet<String>, Pairs) {
    let added = diff["programs_added"].as_array().unwrap().iter();
    let programmes = added.map(|key| key.as_str().unwrap().trim().to_owned()).collect();
    let mut targets = Pairs::new();
    for (key, change) in diff["changed"].as_object().unwrap() {
        let old = before.programmes.iter().find(|programme| *programme.key == **key).unwrap();
        let known = |id: &str| old.targets.iter().any(|target| target.in_scope && *target.identifier == *id);
        for target in change.get("in_scope_added").and_then(|added| added.as_array()).into_iter().flatten() {
            let identifier = target[1].as_str().unwrap().trim();
            if !known(identifier) {
                targets.insert((key.clone(), identifier.to_owned()));
            }
        }
    }
    (programmes, targets)
}

#[test]
fn additions_on_real_pairs_equal_the_reference() {
    let Some(folder) = data("bounty-targets-data") else { return };
    let reference = std::fs::read(folder.join("EXPECTED_DIFF.json")).unwrap();
    let reference: serde_json::Value = serde_json::from_slice(&reference).unwrap();
    let diffs = reference["diffs"].as_array().unwrap();
    assert_eq!(diffs.len(), 5, "all five sources are compared");
    for diff in diffs {
        let source = source_of(diff["platform"].as_str().unwrap());
        let file = format!("{}_data.json", source.name());
        let day = |when: &str| diff[when].as_str().unwrap().to_owned();
        let before = read(source, &folder.join(day("before")).join(&file));
        let after = read(source, &folder.join(day("after")).join(&file));
        let at = |day: String| format!("{day}T12:00:00Z").parse::<Moment>().unwrap();
        let mut memory = Memory::new(source);
        let first = memory.observe(&before, at(day("before"))).unwrap();
        assert_eq!(first.findings.len(), before.programmes.len());
        assert!(first.findings.iter().all(|finding| finding.baseline && !finding.tell));
        let second = memory.observe(&after, at(day("after"))).unwrap().findings;

        let (programmes, targets) = expected(diff, &before);
        let of_kind = |kind| second.iter().filter(move |finding| finding.kind == kind);
        let added: BTreeSet<String> =
            of_kind(Kind::ProgrammeAdded).map(|f| f.programme.to_string()).collect();
        assert_eq!(added, programmes, "{source}: programmes");
        assert_eq!(added_targets(&second), targets, "{source}: targets");
        assert!(of_kind(Kind::ProgrammeGone).chain(of_kind(Kind::TargetsGone)).next().is_none());
        assert!(of_kind(Kind::TargetsAdded).all(|finding| finding.tell && !finding.baseline));
        eprintln!("{source}: {} programmes and {} targets added", added.len(), targets.len());
    }
}

#[test]
fn a_real_outage_is_called_broken_and_takes_nothing_away() {
    let Some(folder) = data("bounty-targets-data") else { return };
    let mut memory = Memory::new(Source::Intigriti);
    let mut turns = Vec::new();
    let mut targets = 0;
    for path in series(&folder.join("glitch-intigriti-2024-03-02")) {
        let now = time_in_name(&path);
        let observed = memory.observe(&read(Source::Intigriti, &path), now).unwrap();
        let told: Vec<&Finding> = observed.findings.iter().filter(|finding| !finding.baseline).collect();
        assert!(told.is_empty(), "{}: {told:?}", path.display());
        turns.extend(observed.turned);
        targets = targets.max(memory.tally().targets);
        assert_eq!(memory.tally().targets, targets, "scope never shrinks");
        let again = memory.unchanged(now);
        assert!(again.findings.is_empty());
        assert_eq!(
            matches!(observed.standing, Standing::Broken(_)),
            matches!(again.standing, Standing::Broken(_))
        );
    }
    assert_eq!(turns, [Turned::Broke, Turned::Recovered, Turned::Broke, Turned::Recovered]);
}

#[test]
fn an_outage_is_no_first_reading() {
    let Some(folder) = data("bounty-targets-data") else { return };
    let paths = series(&folder.join("glitch-intigriti-2024-03-02"));
    let mut memory = Memory::new(Source::Intigriti);
    let empty = memory.clone();
    let error = memory.observe(&read(Source::Intigriti, &paths[1]), time_in_name(&paths[1])).unwrap_err();
    assert!(error.to_string().contains("cannot be a first reading"), "{error}");
    assert_eq!(memory, empty);
}

/// Every version against a plain set of all identifiers seen so far.
#[test]
fn a_real_series_is_told_once_and_wholly() {
    let Some(folder) = data("bounty-targets-data") else { return };
    let mut memory = Memory::new(Source::YesWeHack);
    let mut ever = Pairs::new();
    let mut programmes = BTreeSet::new();
    for (n, path) in series(&folder.join("yeswehack-series")).iter().enumerate() {
        let feed = read(Source::YesWeHack, path);
        let findings = memory.observe(&feed, time_in_name(path)).unwrap().findings;
        let mut due = Pairs::new();
        let mut new_programmes = BTreeSet::new();
        for programme in &feed.programmes {
            let new = programmes.insert(programme.key.clone());
            if new {
                new_programmes.insert(programme.key.clone());
            }
            for target in programme.targets.iter().filter(|target| target.in_scope) {
                let pair = (programme.key.to_string(), target.identifier.to_string());
                if ever.insert(pair.clone()) && !new {
                    due.insert(pair);
                }
            }
        }
        assert_eq!(added_targets(&findings), due, "{}", path.display());
        let added = findings.iter().filter(|f| f.kind == Kind::ProgrammeAdded).map(|f| f.programme.clone());
        assert_eq!(added.collect::<BTreeSet<_>>(), new_programmes);
        assert_eq!(n == 0, findings.iter().any(|finding| finding.baseline));
    }
}

#[test]
fn memory_of_all_real_sources_is_small_and_comes_back_as_it_was() {
    let Some(folder) = data("bounty-targets-data") else { return };
    let mut bytes = 0;
    for source in Source::ALL {
        let day = if source == Source::HackerOne { "2023-06-10" } else { "2026-08-12" };
        let feed = read(source, &folder.join(day).join(format!("{}_data.json", source.name())));
        let mut memory = Memory::new(source);
        memory.observe(&feed, Moment::from_unix_ms(0)).unwrap();
        let stored = mm_sdk::encode(&memory).unwrap();
        assert_eq!(mm_sdk::decode::<Memory>(&stored).unwrap(), memory);
        bytes += stored.len();
        eprintln!("{source}: {} bytes for {:?}", stored.len(), memory.tally());
    }
    assert!(bytes < 1_500_000, "{bytes}");
}
