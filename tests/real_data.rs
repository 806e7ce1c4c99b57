//! Real recorded scope files through the whole simulated machine; what was found is read from the store
//! alone. The recordings are not part of the project: without `../shared/data` beside the workspace
//! these tests say that they were skipped.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not be")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_core::opportunity::Opportunity;
use mm_core::run::{Outcome, RunRecord, SourceHealth};
use mm_services::records::AlertRow;
use mm_store::{Record, Span};
use money_machine::sandbox::Sandbox;
use money_machine::simulation::{End, Plan, Simulation, paused};
use serde_json::Value;

const MINUTE: Duration = Duration::from_secs(60);

type Pairs = BTreeSet<(String, String)>;

fn data() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    if !folder.is_dir() {
        // Not `eprintln!`: the test harness would keep it to itself.
        std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("SKIPPED: no recorded answers at {}\n", folder.display()),
        )
        .expect("stderr takes a line");
        return None;
    }
    Some(folder)
}

fn at(text: &str) -> Moment {
    text.parse().unwrap()
}

/// A machine on these recordings that was just started, as of `from`, and has run once.
fn machine(manifest: &Path, from: Moment) -> Simulation {
    let sandbox = Sandbox::with_recordings(manifest).unwrap();
    let mut simulation = Simulation::new(Plan::new(5, paused::runtime).at(sandbox).from(from));
    simulation.run_for(MINUTE).unwrap();
    simulation
}

/// The same machine, started again later, after one more run.
fn later(simulation: &mut Simulation, end: End, from: Moment) {
    simulation.restart_at(end, from);
    simulation.run_for(MINUTE).unwrap();
}

fn rows<R: Record>(simulation: &Simulation) -> Vec<R> {
    let store = simulation.store();
    store.scan::<R>(&Space::default_owner(), Span::all(), usize::MAX).unwrap().into_values().collect()
}

fn found(simulation: &Simulation) -> Vec<(Opportunity, Value)> {
    let rows = rows::<Opportunity>(simulation).into_iter();
    rows.map(|row| (row.clone(), serde_json::from_str(&row.details).unwrap())).collect()
}

fn last_run(simulation: &Simulation) -> RunRecord {
    let run = rows::<RunRecord>(simulation).pop().unwrap();
    assert_eq!(run.outcome, Some(Outcome::Succeeded), "{:?}", run.errors);
    run
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The field that tells programmes apart, and the one that names a target.
fn fields(platform: &str) -> (&'static str, &'static str) {
    match platform {
        "hackerone" => ("handle", "asset_identifier"),
        "bugcrowd" => ("url", "target"),
        "intigriti" => ("id", "endpoint"),
        _ => ("id", "target"),
    }
}

/// Every programme's key, and every target in scope, as a plain reading of the file gives them.
fn plain(platform: &str, file: &Value) -> (BTreeSet<String>, Pairs) {
    let (key, identifier) = fields(platform);
    let (mut keys, mut pairs) = (BTreeSet::new(), Pairs::new());
    for programme in file.as_array().unwrap() {
        let key = programme[key].as_str().unwrap().trim().to_owned();
        for target in programme["targets"]["in_scope"].as_array().unwrap() {
            let text = target[identifier].as_str().unwrap().trim();
            pairs.insert((key.clone(), text.to_owned()));
        }
        keys.insert(key);
    }
    (keys, pairs)
}

/// What was told as added to a platform: programmes, and targets of programmes that were known.
fn additions(found: &[(Opportunity, Value)], platform: &str) -> (BTreeSet<String>, Pairs) {
    let (mut programmes, mut targets) = (BTreeSet::new(), Pairs::new());
    for (row, details) in found.iter().filter(|(row, _)| row.platform == platform && row.tell) {
        let programme = details["programme"].as_str().unwrap().to_owned();
        match row.kind.as_str() {
            "programme_added" => assert!(programmes.insert(programme), "{} is told twice", row.title),
            "targets_added" => {
                for target in details["targets"].as_array().unwrap() {
                    let pair = (programme.clone(), target["identifier"].as_str().unwrap().to_owned());
                    assert!(targets.insert(pair.clone()), "{pair:?} is told twice");
                }
            }
            _ => {}
        }
    }
    (programmes, targets)
}

/// The reference's additions under the definition used here: trimmed identifiers, and none that was in
/// scope before under another type.
fn expected(diff: &Value, known: &Pairs) -> (BTreeSet<String>, Pairs) {
    let added = diff["programs_added"].as_array().unwrap().iter();
    let programmes = added.map(|key| key.as_str().unwrap().trim().to_owned()).collect();
    let mut targets = Pairs::new();
    for (key, change) in diff["changed"].as_object().unwrap() {
        for target in change.get("in_scope_added").and_then(Value::as_array).into_iter().flatten() {
            let pair = (key.trim().to_owned(), target[1].as_str().unwrap().trim().to_owned());
            if !known.contains(&pair) {
                targets.insert(pair);
            }
        }
    }
    (programmes, targets)
}

/// Two runs, one as of each moment; what the second told of each platform equals the reference.
fn compare(manifest: &str, moments: [&str; 2], platforms: &[&str], end: End) {
    let Some(folder) = data() else { return };
    let reference = read(&folder.join("bounty-targets-data/EXPECTED_DIFF.json"));
    let mut simulation = machine(&folder.join(manifest), at(moments[0]));
    assert!(found(&simulation).iter().all(|(row, details)| details["baseline"] == true && !row.tell));
    later(&mut simulation, end, at(moments[1]));
    let found = found(&simulation);
    let run = last_run(&simulation);
    for source in &run.sources {
        // What was not recorded answers 404, and a 404 is no news.
        let health = if platforms.contains(&source.name.as_str()) {
            SourceHealth::Fresh
        } else {
            SourceHealth::Failed
        };
        assert_eq!(source.health, health, "{}: {}", source.name, source.sentence);
    }
    for platform in platforms {
        let diffs = reference["diffs"].as_array().unwrap();
        let diff = diffs.iter().find(|diff| diff["platform"] == *platform).unwrap();
        let file = |day: &Value| {
            let name = format!("bounty-targets-data/{}/{platform}_data.json", day.as_str().unwrap());
            plain(platform, &read(&folder.join(name)))
        };
        let (before, after) = (file(&diff["before"]), file(&diff["after"]));
        let (programmes, targets) = additions(&found, platform);
        assert_eq!((programmes.clone(), targets.clone()), expected(diff, &before.1), "{platform}");
        // The reference and two plain readings of the files agree.
        assert_eq!(programmes, after.0.difference(&before.0).cloned().collect());
        let of_known = |pair: &&(String, String)| before.0.contains(&pair.0);
        assert_eq!(targets, after.1.difference(&before.1).filter(of_known).cloned().collect());
        let listed =
            found.iter().filter(|(row, details)| row.platform == *platform && details["baseline"] == true);
        // A programme too large for one record has several.
        let listed: BTreeSet<_> =
            listed.map(|(_, details)| details["programme"].as_str().unwrap().to_owned()).collect();
        assert_eq!(listed, before.0, "{platform}");
        eprintln!("{platform}: {} programmes and {} targets added", programmes.len(), targets.len());
    }
    assert!(found.iter().all(|(row, _)| !row.kind.ends_with("_gone")));
    assert!(simulation.store().audit_verify(1).unwrap().is_whole());
}

#[test]
fn additions_of_2026_equal_the_reference() {
    let moments = ["2026-07-22T12:00:00Z", "2026-08-12T12:00:00Z"];
    compare(
        "recordings-scope-2026.jsonl",
        moments,
        &["bugcrowd", "intigriti", "yeswehack", "federacy"],
        End::Stopped,
    );
}

#[test]
fn additions_of_hackerone_2023_equal_the_reference() {
    let moments = ["2023-05-21T00:00:00Z", "2023-06-11T00:00:00Z"];
    compare("recordings-hackerone-2023.jsonl", moments, &["hackerone"], End::PowerLoss);
}

/// The moments just after each recording of a platform, and its file then.
fn series(simulation_of: &Path, platform: &str, folder: &Path) -> Vec<(Moment, Value)> {
    let lines = std::fs::read_to_string(simulation_of).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of_platform = lines.filter(|line| line["url"].as_str().unwrap().contains(platform));
    of_platform
        .map(|line| {
            let file = read(&folder.join(line["body_file"].as_str().unwrap()));
            (at(line["at"].as_str().unwrap()).plus(MINUTE), file)
        })
        .collect()
}

/// A real outage: told as broken, nothing told as gone or as new, and the recovery is no news either.
#[test]
fn a_real_outage_is_told_and_takes_nothing() {
    let Some(folder) = data() else { return };
    let manifest = folder.join("recordings-intigriti-outage.jsonl");
    let series = series(&manifest, "intigriti", &folder);
    let mut simulation = machine(&manifest, series[0].0);
    let mut seen = vec![last_run(&simulation).sources[2].health];
    let baseline = found(&simulation).len();
    for (n, (moment, _)) in series.iter().enumerate().skip(1) {
        let end = if n % 2 == 0 { End::Stopped } else { End::PowerLoss };
        later(&mut simulation, end, *moment);
        let source = &last_run(&simulation).sources[2];
        assert_eq!(source.name, "intigriti");
        seen.push(source.health);
    }
    let found = found(&simulation);
    assert!(found.iter().all(|(row, _)| !row.tell), "{:?}", found.iter().find(|(row, _)| row.tell));
    assert!(found.iter().all(|(row, _)| !row.kind.ends_with("_gone")));
    assert_eq!(found.iter().filter(|(row, _)| row.kind == "programme_added").count(), baseline);
    let broken = seen.iter().filter(|health| **health == SourceHealth::Broken).count();
    assert!(broken >= 2, "{seen:?}");
    assert_eq!(seen.last(), Some(&SourceHealth::Fresh), "{seen:?}");
    eprintln!("{seen:?}");
    let alerts = rows::<AlertRow>(&simulation);
    let told = alerts.iter().filter(|alert| alert.sentence.contains("looks broken")).count();
    assert_eq!(told, 1, "{alerts:#?}");
}

/// Eight real versions: every addition told in the run that first saw it, each once.
#[test]
fn a_real_series_is_told_once_and_wholly() {
    let Some(folder) = data() else { return };
    let manifest = folder.join("recordings-yeswehack-series.jsonl");
    let series = series(&manifest, "yeswehack", &folder);
    let mut simulation = machine(&manifest, series[0].0);
    let (mut keys, mut pairs) = plain("yeswehack", &series[0].1);
    let (mut due_keys, mut due) = (BTreeSet::new(), Pairs::new());
    for (moment, file) in &series[1..] {
        later(&mut simulation, End::Killed, *moment);
        let (has_keys, has) = plain("yeswehack", file);
        due.extend(has.difference(&pairs).filter(|(key, _)| keys.contains(key)).cloned());
        due_keys.extend(has_keys.difference(&keys).cloned());
        keys.extend(has_keys);
        pairs.extend(has);
        assert_eq!(additions(&found(&simulation), "yeswehack"), (due_keys.clone(), due.clone()), "{moment}");
    }
    eprintln!("yeswehack: {} programmes and {} targets added", due_keys.len(), due.len());
    assert!(!due.is_empty());
}
