//! How fast scope files are read: parsed alone, compared with a memory that knows them, and compared
//! with a memory that knows an earlier version; next to what a simple program would do, which reads a
//! `serde_json::Value` and takes the difference of two sets.
//!
//! On the sandbox's made world, and on real files where they lie beside the project.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a bench measures real time and may stop"
)]

#[path = "support/figures.rs"]
mod figures;
#[path = "support/rounds.rs"]
mod rounds;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use figures::{heading, line, median};
use mm_core::moment::Moment;
use mm_strategies::bug_bounty::feed::parse;
use mm_strategies::bug_bounty::memory::Memory;
use mm_strategies::bug_bounty::scope::Source;
use money_machine::sandbox::world::{Feed, World};
use rounds::{order, ratio};
use serde_json::Value;

const ROUNDS: usize = 21;
/// The ways in which the files are read.
const PARSED: usize = 0;
const UNCHANGED: usize = 1;
const CHANGED: usize = 2;
const SIMPLE: usize = 3;
const BEGIN: &str = "2026-07-22T12:00:00Z";
const LATER: &str = "2026-08-12T12:00:00Z";

/// One source in two versions.
struct Pair {
    source: Source,
    old: Vec<u8>,
    new: Vec<u8>,
}

/// What has read the old version: our memory, and a simple program's set.
struct Known {
    memory: Memory,
    set: HashSet<String>,
}

fn main() {
    report("made world", &made());
    let real = real();
    if real.is_empty() {
        eprintln!("SKIPPED: no real scope files beside the project");
    } else {
        report("real files", &real);
    }
}

/// The sandbox's world, three weeks apart.
fn made() -> Vec<Pair> {
    let world = World::new(20_260_722);
    let body = |feed, at: &str| world.render(feed, at.parse::<Moment>().unwrap().unix_ms()).body.to_vec();
    let pair = |source: Source| {
        let feed = Feed::of_url(source.feed_url()).unwrap();
        Pair { source, old: body(feed, BEGIN), new: body(feed, LATER) }
    };
    Source::ALL.into_iter().map(pair).collect()
}

/// The same of real platforms, about three weeks apart each.
fn real() -> Vec<Pair> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/bounty-targets-data");
    let file = |day: &str, source: Source| -> PathBuf {
        folder.join(day).join(format!("{}_data.json", source.name()))
    };
    let read = |source: Source| {
        let days = if source == Source::HackerOne {
            ["2023-05-20", "2023-06-10"]
        } else {
            ["2026-07-22", "2026-08-12"]
        };
        let [old, new] = days.map(|day| std::fs::read(file(day, source)));
        Some(Pair { source, old: old.ok()?, new: new.ok()? })
    };
    Source::ALL.into_iter().filter_map(read).collect()
}

/// Seconds that `work` takes, and what it made.
fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let began = Instant::now();
    let made = std::hint::black_box(work());
    (began.elapsed().as_secs_f64(), made)
}

/// Reads all files once in one of the ways; seconds, and how much was found.
fn read_all(way: usize, pairs: &[Pair], known: &[Known], now: Moment) -> (f64, usize) {
    let (mut took_s, mut found) = (0.0, 0);
    for (pair, known) in pairs.iter().zip(known) {
        let mut memory = known.memory.clone();
        let mut compare =
            |bytes: &[u8]| memory.observe(&parse(pair.source, bytes).unwrap(), now).unwrap().findings.len();
        let (one_s, count) = match way {
            PARSED => timed(|| parse(pair.source, &pair.new).unwrap().programmes.len()),
            UNCHANGED => timed(|| compare(&pair.old)),
            SIMPLE => timed(|| facts(&pair.new).difference(&known.set).count()),
            _ => timed(|| compare(&pair.new)),
        };
        took_s += one_s;
        found += count;
    }
    (took_s, found)
}

fn report(what: &str, pairs: &[Pair]) {
    let known: Vec<Known> = pairs.iter().map(|pair| remembered(pair, BEGIN.parse().unwrap())).collect();
    let later: Moment = LATER.parse().unwrap();
    let mut took_s: [Vec<f64>; 4] = Default::default();
    let mut found = [0; 4];
    for round in 0..ROUNDS {
        for way in order(4, round) {
            let (one_s, count) = read_all(way, pairs, &known, later);
            took_s[way].push(one_s);
            found[way] = count;
        }
    }
    let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
    let old = mib(pairs.iter().map(|pair| pair.old.len()).sum());
    let new = mib(pairs.iter().map(|pair| pair.new.len()).sum());
    let [parsed, unchanged, changed, simple] = &took_s;
    heading(&format!("scope files, {what}"));
    line("files", pairs.len() as f64, "files");
    line("size", new, "MiB");
    line("programmes", found[PARSED] as f64, "programmes");
    line("found after three weeks", found[CHANGED] as f64, "findings");
    line("parsed", new / median(parsed), "MiB/s");
    line("parsed and compared, nothing new", old / median(unchanged), "MiB/s");
    line("parsed and compared, three weeks of news", new / median(changed), "MiB/s");
    line("a Value and the difference of two sets", new / median(simple), "MiB/s");
    line("parsed and compared, time to that of the simple way", ratio(changed, simple), "x");
    line("comparing, ratio to parsing alone", ratio(changed, parsed), "x");
    line("all files parsed and compared", median(changed) * 1e3, "ms");
}

/// What has read the old version.
fn remembered(pair: &Pair, at: Moment) -> Known {
    let mut memory = Memory::new(pair.source);
    memory.observe(&parse(pair.source, &pair.old).unwrap(), at).unwrap();
    Known { memory, set: facts(&pair.old) }
}

/// Programmes and their targets, as a simple program would have them: each target's JSON beside its
/// programme's name.
fn facts(bytes: &[u8]) -> HashSet<String> {
    let programmes: Vec<Value> = serde_json::from_slice(bytes).unwrap();
    let mut facts = HashSet::new();
    for programme in &programmes {
        let name = programme["name"].as_str().unwrap_or_default();
        facts.insert(name.to_owned());
        let lists = [&programme["targets"]["in_scope"], &programme["targets"]["out_of_scope"]];
        for target in lists.into_iter().filter_map(Value::as_array).flatten() {
            facts.insert(format!("{name}\u{1f}{target}"));
        }
    }
    facts
}
