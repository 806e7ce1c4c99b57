//! What must be true of what the owner is told: every real addition once and at once, nothing twice,
//! no baseline, and nothing called gone that is not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::sandbox::world::{Feed, World};
use mm_core::moment::Moment;
use mm_core::opportunity::Opportunity;
use serde_json::Value;

use super::evidence::Evidence;
use super::shown::{Pair, Pairs};

/// The strategy that tells of scope.
const WATCH: &str = "bug-bounty";
/// A run is over so soon after a request, resumed or not; what it read is on record then.
const AT_ONCE: Duration = Duration::from_secs(600);
/// Nothing is called gone earlier.
const GONE_LEAST: Duration = Duration::from_secs(72 * 3600);

/// A whole answer that the sandbox gave to a read of one feed.
struct Read {
    at: Moment,
    /// The run that read it is known to have ended well, so its consequences must be there.
    taken_in: bool,
    shows: Arc<Pairs>,
}

/// What one feed's opportunities say.
#[derive(Default)]
struct Told {
    baseline: Pairs,
    /// When each was told as new; more than once is wrong.
    new: BTreeMap<Pair, Vec<Moment>>,
}

/// Everything about scope, for every feed of the made world; nothing where none is played.
pub fn scope(e: &Evidence) -> Vec<String> {
    let Some(world) = &e.world else { return Vec::new() };
    let mut wrong = Vec::new();
    if !e.tasks.iter().any(|task| task.strategy == WATCH) {
        return wrong;
    }
    let opportunities = e.opportunities();
    for (row, details) in opportunities {
        let baseline = details["baseline"] == true;
        let added = ["programme_added", "targets_added"].contains(&row.kind.as_str());
        if added && row.tell == baseline {
            wrong.push(format!("{} ({}) is told {} and baseline {baseline}", row.id, row.title, row.tell));
        }
        if baseline && !added {
            wrong.push(format!("{} is a baseline of kind {}", row.id, row.kind));
        }
    }
    for feed in Feed::ALL {
        // What only the owner's account shows is in no feed.
        let is_public = |details: &Value| details["private"] != true;
        let of_feed =
            opportunities.iter().filter(|(row, details)| row.platform == feed.name() && is_public(details));
        let of_feed: Vec<_> = of_feed.collect();
        let reads = reads(e, feed);
        let told = told(&of_feed);
        let say = |text: String| format!("{}: {text}", feed.name());
        wrong.extend(additions(world, feed, &reads, &told).into_iter().map(say));
        for (row, details) in of_feed {
            wrong.extend(gone(world, feed, &reads, row, details).into_iter().map(say));
        }
    }
    wrong
}

/// The documents that were sent whole, oldest first. Before the baseline one that strips most programmes
/// of all targets is no reading (an outage).
fn reads(e: &Evidence, feed: Feed) -> Vec<Read> {
    let of_watch = e.told.values().filter(|told| told.strategy == WATCH);
    let mut successes: Vec<Moment> = of_watch.filter_map(|told| told.succeeded).collect();
    successes.sort_unstable();
    let mut reads = Vec::new();
    for sheet in e.shown.of(feed) {
        if reads.is_empty() && sheet.bare {
            continue;
        }
        let at = sheet.at;
        let end = successes.get(successes.partition_point(|end| *end < at)).copied();
        let taken_in = end.is_some_and(|end| end <= at.plus(AT_ONCE) && !e.ended_within(at, end));
        reads.push(Read { at, taken_in, shows: sheet.shows.clone() });
    }
    reads
}

fn told(opportunities: &[&(Opportunity, Value)]) -> Told {
    let mut told = Told::default();
    for (row, details) in opportunities {
        if !["programme_added", "targets_added"].contains(&row.kind.as_str()) {
            continue;
        }
        for pair in targets(details) {
            if details["baseline"] == true {
                told.baseline.insert(pair);
            } else {
                told.new.entry(pair).or_default().push(row.found_at);
            }
        }
    }
    told
}

fn targets(details: &Value) -> impl Iterator<Item = Pair> + '_ {
    let programme = details["programme"].as_str().unwrap_or_default();
    let identifiers = details["targets"].as_array().into_iter().flatten();
    identifiers.map(move |target| {
        (programme.to_owned(), target["identifier"].as_str().unwrap_or_default().to_owned())
    })
}

fn additions(world: &World, feed: Feed, reads: &[Read], told: &Told) -> Vec<String> {
    let mut wrong = Vec::new();
    let Some(first) = reads.iter().position(|read| read.taken_in) else {
        return if told.new.is_empty() { wrong } else { vec!["news without any read".to_owned()] };
    };
    // A read whose run was cut off may still have been the first: its answer is journalled.
    let Some(baseline) = reads[..=first].iter().find(|read| *read.shows == told.baseline) else {
        return vec![format!("the baseline of {} targets is no read's", told.baseline.len())];
    };
    let mut must: BTreeMap<&Pair, Moment> = BTreeMap::new();
    let mut may: BTreeSet<&Pair> = BTreeSet::new();
    let mut last = (&baseline.shows, true);
    for read in reads.iter().filter(|read| read.at > baseline.at) {
        // The same again adds nothing, unless the one before was not taken in.
        if Arc::ptr_eq(last.0, &read.shows) && last.1 {
            continue;
        }
        last = (&read.shows, read.taken_in);
        for pair in read.shows.difference(&baseline.shows) {
            may.insert(pair);
            if read.taken_in {
                must.entry(pair).or_insert(read.at);
            }
        }
    }
    for (pair, first) in &must {
        match told.new.get(*pair).and_then(|times| times.first()) {
            None => wrong.push(format!("{pair:?}, there since {first}, was not told")),
            Some(at) if *at > first.plus(AT_ONCE) => {
                wrong.push(format!("{pair:?}, there since {first}, was told at {at}"));
            }
            Some(_) => {}
        }
    }
    wrong.extend(not_so(world, feed, baseline.at, reads.last().map_or(baseline.at, |read| read.at), told));
    for (pair, times) in &told.new {
        if times.len() > 1 || baseline.shows.contains(pair) {
            wrong.push(format!("{pair:?} was told as new at {times:?}, and was known"));
        }
        if !may.contains(pair) {
            wrong.push(format!("{pair:?} was told as new and was in no answer"));
        }
    }
    wrong
}

/// What was told as new must have become so since, or have been hidden from the first read.
fn not_so(world: &World, feed: Feed, from: Moment, to: Moment, told: &Told) -> Vec<String> {
    let truth = world.truth(from.unix_ms(), to.unix_ms());
    let mut real: Pairs =
        truth.targets_added.into_iter().map(|dated| dated.what).filter_map(of(feed)).collect();
    real.extend(world.holds(from.unix_ms()).into_iter().filter_map(of(feed)));
    let made_up = told.new.keys().filter(|pair| !real.contains(*pair));
    made_up.map(|pair| format!("{pair:?} was told as new and never became so")).collect()
}

fn of(feed: Feed) -> impl Fn((Feed, String, String)) -> Option<Pair> {
    move |(of, key, identifier)| (of == feed).then_some((key, identifier))
}

/// What is called gone must be gone, for long enough, in every answer since.
fn gone(world: &World, feed: Feed, reads: &[Read], row: &Opportunity, details: &Value) -> Vec<String> {
    if !["programme_gone", "targets_gone"].contains(&row.kind.as_str()) {
        return Vec::new();
    }
    let mut wrong = Vec::new();
    let since = details["missing_since"].as_str().and_then(|at| at.parse::<Moment>().ok());
    let (Some(since), Some(programme)) = (since, details["programme"].as_str()) else {
        return vec![format!("{} is called gone and says not what, or since when", row.title)];
    };
    if row.found_at.since(since) < GONE_LEAST {
        wrong.push(format!("{} is called gone after {:?}", row.title, row.found_at.since(since)));
    }
    let named: Pairs = targets(details).collect();
    let concerned = |(key, identifier): &Pair| {
        key == programme
            && (row.kind == "programme_gone" || named.contains(&(key.clone(), identifier.clone())))
    };
    let held = world.holds(row.found_at.unix_ms());
    if let Some(pair) = held.into_iter().filter_map(of(feed)).find(|pair| concerned(pair)) {
        wrong.push(format!("{pair:?} is called gone and is there"));
    }
    // Several targets are told together, missing since the first of them was.
    let certain = row.found_at.minus(GONE_LEAST);
    let from = if row.kind == "programme_gone" { since } else { certain };
    for read in reads.iter().filter(|read| (from..=row.found_at).contains(&read.at)) {
        if let Some(pair) = read.shows.iter().find(|pair| concerned(pair)) {
            wrong.push(format!("{pair:?} is called gone since {since} and was there at {}", read.at));
        }
    }
    wrong
}
