//! How the scope watch did on recorded history: what it told, held against what the recordings show.
//!
//! The recorded files are read here in their plain form, and not with the strategy's parsers. It touches
//! the recordings, reading only; a recorded file that cannot be read is passed over, as the machine had
//! to.

use std::collections::BTreeMap;

use mm_core::moment::Moment;
use mm_core::opportunity::Opportunity;
use mm_strategies::bug_bounty::score::{History, Score, Thing};
use serde::Serialize;
use serde_json::Value;

use super::Simulation;
use super::check::Evidence;
use crate::sandbox::recordings::Recordings;
use crate::sandbox::world::Feed;

/// How one platform fared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlatformScore {
    /// Which one.
    pub platform: &'static str,
    /// How many versions of its file were read.
    pub versions: usize,
    /// Alerts of each kind: what the owner was told.
    pub told: BTreeMap<String, usize>,
    /// Programmes.
    pub programmes: Fared,
    /// Targets.
    pub targets: Fared,
}

/// How programmes, or targets, fared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fared {
    /// Vanished, and were back within 72 hours.
    pub flaps: usize,
    /// Of those, how many were told gone meanwhile.
    pub flaps_told: usize,
    /// Told gone.
    pub removals_told: usize,
    /// Told gone, and back within 72 hours of that.
    pub removals_false: usize,
    /// Vanished for more than 96 hours.
    pub removals_lasting: usize,
    /// Of those, not told within 96 hours.
    pub removals_late: usize,
    /// The hours until a lasting removal was told: half of them took at most so many …
    pub delay_h_median: u64,
    /// … and none took more.
    pub delay_h_most: u64,
    /// How many there ever were.
    pub additions: usize,
    /// Told, but not by the first run that read them.
    pub additions_late: usize,
    /// Never told.
    pub additions_untold: usize,
    /// Told more than once.
    pub additions_twice: usize,
}

impl From<Score> for Fared {
    fn from(score: Score) -> Self {
        let mut delays = score.delays_h;
        delays.sort_unstable();
        Self {
            flaps: score.flaps,
            flaps_told: score.flaps_told,
            removals_told: score.told_gone,
            removals_false: score.undone,
            removals_lasting: score.lasting,
            removals_late: score.lasting_late,
            delay_h_median: delays.get(delays.len().saturating_sub(1) / 2).copied().unwrap_or(0),
            delay_h_most: delays.last().copied().unwrap_or(0),
            additions: score.additions,
            additions_late: score.additions_late,
            additions_untold: score.additions_untold,
            additions_twice: score.additions_twice,
        }
    }
}

/// Every platform whose file was recorded more than once.
pub(super) fn scores(simulation: &Simulation, e: &Evidence) -> Vec<PlatformScore> {
    let Some(recordings) = simulation.sandbox().recordings() else { return Vec::new() };
    let found = e.opportunities();
    let recorded = Feed::ALL.into_iter().filter(|feed| recordings.times_ms(&feed.url()).len() > 1);
    recorded
        .map(|feed| {
            let mut history = History::default();
            let versions = read(&mut history, recordings, e, feed);
            let own: Vec<_> = found.iter().filter(|(row, _)| row.platform == feed.name()).collect();
            let mut told: BTreeMap<String, usize> = BTreeMap::new();
            for (row, details) in own {
                *told.entry(row.kind.clone()).or_default() += usize::from(row.tell);
                note(&mut history, row, details);
            }
            told.retain(|_, times| *times > 0);
            let score = |programmes| Fared::from(history.score(programmes, e.now));
            PlatformScore {
                platform: feed.name(),
                versions,
                told,
                programmes: score(true),
                targets: score(false),
            }
        })
        .collect()
}

/// Every version that the machine was given whole, as of when it was given it first.
fn read(history: &mut History, recordings: &Recordings, e: &Evidence, feed: Feed) -> usize {
    let (mut last, mut versions) = (None, 0);
    let whole = e.received.iter().filter(|request| request.reached && request.fault.is_none());
    for request in whole.filter(|request| request.url == feed.url()) {
        let Some((recorded, document)) = recordings.document(&feed.url(), request.at_ms) else { continue };
        if last.replace(recorded) == Some(recorded) {
            continue;
        }
        let file = document.ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
        if let Some(file) = file {
            history.version(Moment::from_unix_ms(request.at_ms), things(feed, &file));
            versions += 1;
        }
    }
    versions
}

/// The field that tells programmes apart, and the one that names a target.
fn fields(feed: Feed) -> (&'static str, &'static str) {
    match feed {
        Feed::HackerOne => ("handle", "asset_identifier"),
        Feed::Bugcrowd => ("url", "target"),
        Feed::Intigriti => ("id", "endpoint"),
        Feed::YesWeHack | Feed::Federacy => ("id", "target"),
    }
}

/// Every programme, and every target in scope, as a plain reading of the file gives them.
fn things(feed: Feed, file: &Value) -> Vec<Thing> {
    let (key, identifier) = fields(feed);
    let mut things = Vec::new();
    for programme in file.as_array().into_iter().flatten() {
        let Some(key) = programme[key].as_str().map(str::trim) else { continue };
        things.push((key.to_owned(), None));
        let targets = programme["targets"]["in_scope"].as_array().into_iter().flatten();
        // Intigriti's files of 2024 list what its tier takes out of scope among what is in it.
        let inside = targets.filter(|target| target["impact"] != "Out of scope");
        let named = inside.filter_map(|target| target[identifier].as_str());
        let named = named.map(str::trim).filter(|name| !name.is_empty());
        things.extend(named.map(|name| (key.to_owned(), Some(name.to_owned()))));
    }
    things
}

/// What one opportunity tells. A baseline counts as told.
fn note(history: &mut History, row: &Opportunity, details: &Value) {
    let programme = details["programme"].as_str().unwrap_or_default().to_owned();
    let targets = details["targets"].as_array().into_iter().flatten();
    let named = targets.filter_map(|target| target["identifier"].as_str());
    let mut of_it: Vec<Thing> = named.map(|name| (programme.clone(), Some(name.to_owned()))).collect();
    // What is too long for one row is told in parts, at one moment.
    match row.kind.as_str() {
        "programme_added" => {
            of_it.push((programme, None));
            of_it.into_iter().for_each(|thing| history.told_new(thing, row.found_at));
        }
        "targets_added" => of_it.into_iter().for_each(|thing| history.told_new(thing, row.found_at)),
        "programme_gone" => history.told_gone((programme, None), row.found_at),
        "targets_gone" => of_it.into_iter().for_each(|thing| history.told_gone(thing, row.found_at)),
        _ => {}
    }
}
