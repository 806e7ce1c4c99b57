//! The made world against its own truth, read back through plain JSON.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::Value;

use super::event::{GLITCH_TICKS, Happening};
use super::*;

/// Some moment in 2026.
const START_MS: i64 = 1_780_000_000_000;
const HALF_HOUR_MS: i64 = 30 * 60 * 1_000;

fn read(world: &World, feed: Feed, now_ms: i64) -> Vec<Value> {
    serde_json::from_slice(&world.render(feed, now_ms).body).expect("a JSON list")
}

fn key_of(feed: Feed, programme: &Value) -> String {
    let field = match feed {
        Feed::HackerOne => "handle",
        Feed::Bugcrowd => "url",
        _ => "id",
    };
    programme[field].as_str().expect("a key").to_owned()
}

fn side(programme: &Value, side: &str) -> Vec<(String, Value)> {
    let targets = programme["targets"][side].as_array().expect("a list");
    let identifier = |target: &Value| {
        let field = ["asset_identifier", "endpoint", "target"];
        let found = field.iter().find_map(|name| target[*name].as_str());
        found.expect("an identifier").to_owned()
    };
    targets.iter().map(|target| (identifier(target), target.clone())).collect()
}

/// The in-scope targets as published.
fn published(world: &World, now_ms: i64) -> BTreeSet<Scoped> {
    let mut all = BTreeSet::new();
    for feed in Feed::ALL {
        for programme in read(world, feed, now_ms) {
            for (identifier, _) in side(&programme, "in_scope") {
                all.insert((feed, key_of(feed, &programme), identifier.trim().to_owned()));
            }
        }
    }
    all
}

fn hidden_now(world: &World, now_ms: i64) -> bool {
    Feed::ALL.iter().any(|feed| {
        let mut alive = world.alive(*feed, world.tick_of(now_ms));
        alive.any(|event| matches!(event.happening, Happening::Flap | Happening::Glitch))
    })
}

fn targets(truth: &[Dated<Scoped>]) -> BTreeSet<Scoped> {
    truth.iter().map(|dated| dated.what.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn what_is_added_and_removed_leads_from_one_moment_to_another(
        seed: u64, from in -900_000_000_000_i64..4_000_000_000_000, step in 0_i64..1_500_000_000,
    ) {
        let world = World::small(seed);
        let to = from + step;
        let truth = world.truth(from, to);
        let (added, removed) = (targets(&truth.targets_added), targets(&truth.targets_removed));
        let mut expected = world.holds(from);
        expected.extend(added);
        expected.retain(|target| !removed.contains(target));
        prop_assert_eq!(expected, world.holds(to));
        for dated in truth.targets_added.iter().chain(&truth.targets_removed) {
            prop_assert!(from < dated.at_ms && dated.at_ms <= to);
        }
    }

    #[test]
    fn what_is_published_is_what_is_so_unless_something_is_hidden(seed: u64, at in 0_i64..4_000_000_000_000) {
        let world = World::small(seed);
        let (published, held) = (published(&world, at), world.holds(at));
        if hidden_now(&world, at) {
            prop_assert!(published.is_subset(&held));
        } else {
            prop_assert_eq!(published, held);
        }
    }
}

#[test]
fn nothing_is_added_twice_and_nothing_removed_returns() {
    let world = World::small(3);
    let truth = world.truth(START_MS, START_MS + 200 * 86_400_000);
    let added = targets(&truth.targets_added);
    assert!(truth.targets_added.len() > 2_000, "{}", truth.targets_added.len());
    assert_eq!(added.len(), truth.targets_added.len());
    assert!(added.is_disjoint(&world.holds(START_MS)));
    let programmes: BTreeSet<_> = truth.programmes_added.iter().map(|dated| &dated.what).collect();
    assert_eq!(programmes.len(), truth.programmes_added.len());
    assert!(!truth.programmes_removed.is_empty());
}

#[test]
fn nearly_every_half_hour_some_feed_changes_and_the_headers_know() {
    let world = World::small(11);
    let mut changed = 0;
    let mut before: BTreeMap<Feed, Rendered> = BTreeMap::new();
    for tick in 0..400 {
        let now_ms = START_MS + tick * HALF_HOUR_MS;
        let mut any = false;
        for feed in Feed::ALL {
            let now = world.render(feed, now_ms);
            assert!(now.modified_ms <= now_ms);
            if let Some(before) = before.get(&feed) {
                any |= before.etag != now.etag;
                assert_eq!(before.etag == now.etag, before.body == now.body);
                let same_time = before.modified_ms == now.modified_ms;
                assert!(!same_time || before.body == now.body, "{feed:?} changed in secret");
            }
            before.insert(feed, now);
        }
        changed += i32::from(any);
    }
    assert!(changed > 370, "only {changed} of 400 half hours differ");
}

#[test]
fn every_feed_holds_the_traps_all_the_time() {
    for world in [World::small(5), World::new(5)] {
        for feed in Feed::ALL {
            let mut seen = BTreeSet::new();
            for step in 0..40 {
                // A glitch takes the traps with it, a flap a third of them in the small world.
                let now_ms = START_MS + step * 7 * HALF_HOUR_MS;
                if !hidden_now(&world, now_ms) {
                    let found = traps(feed, &read(&world, feed, now_ms));
                    assert_eq!(found.len(), 10, "{feed:?}: {found:?}");
                    seen.insert(step);
                }
            }
            assert!(!seen.is_empty(), "{feed:?} was never undisturbed");
        }
    }
}

fn traps(feed: Feed, programmes: &[Value]) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    for programme in programmes {
        let (inside, outside) = (side(programme, "in_scope"), side(programme, "out_of_scope"));
        let all: Vec<_> = inside.iter().chain(&outside).collect();
        let mut note = |name, holds: bool| {
            if holds {
                found.insert(name);
            }
        };
        let kind = |target: &Value| target.get("asset_type").or(target.get("type")).cloned();
        for (identifier, target) in &all {
            note("outer space", identifier.trim() != identifier);
            note("tab", identifier.ends_with('\t'));
            note("other script", !identifier.is_ascii());
            note("over 255", identifier.chars().count() > 255);
            note("wildcard inside", identifier.contains('*') && !identifier.starts_with('*'));
            note("prose", identifier.contains("that can be reached"));
            let unseen = ["null", "\"QUANTUM_LINK\"", "\"quantum_link\"", "\"quantum-link\""];
            let kind = kind(target).expect("a type, or null").to_string();
            note("no known type", unseen.contains(&kind.as_str()));
            assert!(
                !identifier.trim().ends_with(".com") && !identifier.contains(".com/"),
                "{feed:?}: {identifier} may be somebody's"
            );
        }
        for (nth, (identifier, target)) in inside.iter().enumerate() {
            let later = || inside.iter().skip(nth + 1).filter(|(other, _)| other == identifier);
            note("twice", later().any(|(_, other)| kind(other) == kind(target)));
            let other_type = later().any(|(_, other)| kind(other) != kind(target));
            // Federacy has one word for both kinds of app.
            note("two types", other_type || feed == Feed::Federacy);
            note("both sides", outside.iter().any(|(other, _)| other == identifier));
        }
    }
    found
}

#[test]
fn hackerone_ids_say_nothing_and_some_programmes_are_bare() {
    let programmes = read(&World::new(1), Feed::HackerOne, START_MS);
    let zero = programmes.iter().filter(|row| row["id"] == 0).count();
    assert!(zero + 1 >= programmes.len());
    assert!(programmes.iter().any(|row| row["submission_state"] == "api_only"));
    let bare = |row: &&Value| side(row, "in_scope").is_empty() && side(row, "out_of_scope").is_empty();
    assert!(programmes.iter().filter(bare).count() >= 2);
    let handles: BTreeSet<_> = programmes.iter().map(|row| key_of(Feed::HackerOne, row)).collect();
    assert_eq!(handles.len(), programmes.len());
}

#[test]
fn a_glitch_empties_nearly_all_programmes_for_two_hours_and_removes_none() {
    let world = World::new(2);
    let event = (0..5_000).map(|tick| Event::of_tick(2, tick)).find(Event::is_glitch).expect("one in 240");
    assert_eq!(event.end - event.start, GLITCH_TICKS);
    let counts = |tick| {
        let programmes = read(&world, event.feed, world.starts_ms(tick));
        let full = programmes.iter().filter(|row| !side(row, "in_scope").is_empty()).count();
        (programmes.len(), full)
    };
    let (before, during, after) = (counts(event.start - 1), counts(event.start), counts(event.end));
    assert!(before.1 > 8 && after.1 > 8);
    assert!(during.1 <= 1 && during.0 > 8, "{during:?}");
    assert!(world.is_glitched(event.feed, world.starts_ms(event.end) - 1));
    assert!(!world.is_glitched(event.feed, world.starts_ms(event.end)));
}

#[test]
fn a_flap_hides_one_programme_and_brings_it_back() {
    let world = World::small(4);
    let is_flap = |event: &Event| event.happening == Happening::Flap;
    let event = (0..5_000).map(|tick| Event::of_tick(4, tick)).find(is_flap).expect("many");
    let count = |tick| {
        let rows = world.at(event.feed, world.starts_ms(tick));
        rows.iter().filter(|row| row.nth.is_some()).count()
    };
    assert!(count(event.start) < 3);
    let back = (event.end..event.end + 50).any(|tick| count(tick) == 3);
    assert!(back);
    let truth = world.truth(0, world.starts_ms(5_000));
    let base = world.really_at(event.feed, event.start);
    let flapped = base.iter().filter(|row| row.nth.is_some());
    for programme in flapped {
        let removed = (event.feed, programme.key.clone());
        assert!(truth.programmes_removed.iter().all(|dated| dated.what != removed));
    }
}

#[test]
fn a_steady_world_publishes_what_it_holds() {
    let world = World::small(4);
    let alike = |world: &World, tick| {
        let at_ms = world.starts_ms(tick);
        let glitched = Feed::ALL.iter().any(|feed| world.is_glitched(*feed, at_ms));
        let published =
            Feed::ALL.into_iter().all(|feed| world.at(feed, at_ms) == world.really_at(feed, tick));
        (glitched, published)
    };
    let steady = world.clone().steady();
    assert!((5_000..5_500).all(|tick| alike(&steady, tick) == (false, true)));
    assert!((5_000..5_500).any(|tick| alike(&world, tick) == (true, false)));
    assert!((5_000..5_500).any(|tick| alike(&world, tick) == (false, false)));
}

#[test]
fn another_seed_is_another_world_and_the_same_one_is_the_same() {
    for feed in Feed::ALL {
        let body = |seed, at| World::new(seed).render(feed, at).body;
        assert_eq!(body(1, START_MS), body(1, START_MS));
        assert_ne!(body(1, START_MS), body(2, START_MS));
    }
}
