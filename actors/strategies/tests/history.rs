//! How many "gone" were wrong, over 75 days of two real feeds, version by version.
//!
//! The history is not part of the project: without `../shared/data/scope-history.tar.xz` beside
//! the workspace, or without `tar` and `xz`, this test says that it was skipped.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not be")]

use mm_sdk::Moment;
use mm_strategies::bug_bounty::feed::parse;
use mm_strategies::bug_bounty::finding::{Finding, Kind};
use mm_strategies::bug_bounty::memory::Memory;
use mm_strategies::bug_bounty::scope::Source;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);
const WINDOW: Duration = HOUR.saturating_mul(72);

/// A thing in a feed: a programme, or one of its targets.
type Thing = (String, Option<String>);

/// When each thing was there and when it was told gone or new.
#[derive(Default)]
struct Record {
    /// Every version's time, in order.
    versions: Vec<Moment>,
    /// The versions in which a thing was, as indices.
    seen: BTreeMap<Thing, Vec<usize>>,
    gone: Vec<(Thing, Moment)>,
    added: BTreeSet<Thing>,
}

/// How the announcements of one sort fared.
#[derive(Debug, Default, PartialEq)]
struct Score {
    told_gone: usize,
    /// Came back within 72 hours of the announcement.
    undone: usize,
    /// Came back later.
    undone_later: usize,
    /// Missing at the end for over 14 days, and never told.
    missed: usize,
}

fn unpack(into: &Path) -> bool {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/scope-history.tar.xz");
    if !archive.is_file() {
        // Not `eprintln!`: the test harness would keep it to itself.
        std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("SKIPPED: no history at {}\n", archive.display()),
        )
        .expect("stderr takes a line");
        return false;
    }
    let done = Command::new("tar").arg("xJf").arg(archive).arg("-C").arg(into).status();
    let done = done.is_ok_and(|status| status.success());
    if !done {
        // Not `eprintln!`: the test harness would keep it to itself.
        std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("SKIPPED: the history could not be unpacked with tar and xz\n"),
        )
        .expect("stderr takes a line");
    }
    done
}

fn replay(folder: &Path, name: &str, source: Source) -> Record {
    let mut memory = Memory::new(source);
    let mut record = Record::default();
    let manifest = std::fs::read_to_string(folder.join(format!("{name}.jsonl"))).unwrap();
    for (n, line) in manifest.lines().enumerate() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let now: Moment = line["at"].as_str().unwrap().parse().unwrap();
        let body = std::fs::read(folder.join(line["body_file"].as_str().unwrap())).unwrap();
        let feed = parse(source, &body).unwrap();
        // The daemon asks every hour and mostly hears that nothing changed.
        if let Some(&before) = record.versions.last() {
            let mut at = before.plus(HOUR);
            while at < now {
                record.note(memory.unchanged(at).findings, at);
                at = at.plus(HOUR);
            }
        }
        record.versions.push(now);
        for programme in &feed.programmes {
            record.see((programme.key.to_string(), None), n);
            for target in programme.targets.iter().filter(|target| target.in_scope) {
                record.see((programme.key.to_string(), Some(target.identifier.to_string())), n);
            }
        }
        record.note(memory.observe(&feed, now).unwrap().findings, now);
    }
    record
}

impl Record {
    fn see(&mut self, thing: Thing, version: usize) {
        let seen = self.seen.entry(thing).or_default();
        if seen.last() != Some(&version) {
            seen.push(version);
        }
    }

    fn note(&mut self, findings: Vec<Finding>, now: Moment) {
        for finding in findings {
            let programme = (finding.programme.to_string(), None);
            let targets = finding
                .targets
                .iter()
                .map(|t| (finding.programme.to_string(), Some(t.identifier.to_string())));
            match finding.kind {
                Kind::ProgrammeGone => self.gone.push((programme, now)),
                Kind::TargetsGone => self.gone.extend(targets.map(|thing| (thing, now))),
                Kind::ProgrammeAdded => {
                    assert!(self.added.insert(programme.clone()), "{programme:?} told as new twice");
                    self.added.extend(targets);
                }
                Kind::TargetsAdded => {
                    for thing in targets {
                        assert!(self.added.insert(thing.clone()), "{thing:?} told as new twice");
                    }
                }
                Kind::ProgrammeReturned | Kind::RewardChanged => {}
            }
        }
    }

    fn score(&self, programmes: bool) -> Score {
        let mut score = Score::default();
        let sort = |thing: &Thing| thing.1.is_none() == programmes;
        for (thing, told) in self.gone.iter().filter(|(thing, _)| sort(thing)) {
            score.told_gone += 1;
            let back = self.seen[thing].iter().map(|&n| self.versions[n]).find(|at| at > told);
            match back {
                Some(back) if back.since(*told) <= WINDOW => score.undone += 1,
                Some(_) => score.undone_later += 1,
                None => {}
            }
        }
        let told: BTreeSet<&Thing> = self.gone.iter().map(|(thing, _)| thing).collect();
        let end = *self.versions.last().unwrap();
        for (thing, seen) in self.seen.iter().filter(|(thing, _)| sort(thing)) {
            let next = seen.last().and_then(|&n| self.versions.get(n + 1));
            // A target of a gone programme goes with it.
            let with_programme = thing.1.is_some() && told.contains(&(thing.0.clone(), None));
            if next.is_some_and(|&since| end.since(since) > 14 * 24 * HOUR)
                && !told.contains(thing)
                && !with_programme
            {
                score.missed += 1;
            }
        }
        score
    }
}

#[test]
fn few_announcements_of_gone_were_wrong_and_none_was_missed() {
    let folder = tempfile::tempdir().unwrap();
    if !unpack(folder.path()) {
        return;
    }
    for (name, source) in [("bugcrowd-2023-09", Source::Bugcrowd), ("intigriti-2024-02", Source::Intigriti)] {
        let record = replay(folder.path(), name, source);
        let seen: BTreeSet<&Thing> = record.seen.keys().collect();
        assert_eq!(seen, record.added.iter().collect(), "{name}: additions are whole and told once");
        for (what, programmes) in [("programmes", true), ("targets", false)] {
            let score = record.score(programmes);
            eprintln!("{name} {what}: {score:?}");
            assert_eq!(score.missed, 0, "{name} {what}");
            assert_eq!(score.undone, 0, "{name} {what}: wrong within 72 hours");
            assert!(score.told_gone > 0);
        }
    }
}
