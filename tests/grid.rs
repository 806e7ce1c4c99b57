//! Who breaks, how, and when: every cell of that grid on a whole simulated machine.
//!
//! One cell is one machine. It works, then one of its actors is broken from outside ([`sabotage`]), then
//! it is mended as it would be (by its supervisor, by an operator's word, by a start of the process), and
//! then everything must hold: the others work, a strategy walks the one road, the owner's decisions are
//! taken, the audit chain is whole, nothing that was acknowledged is missing, no request went out without
//! an intent of its own, exactly those were restarted who should be, the crash is on record, and the
//! machine stops in time and says who did not ([`after`]).
//!
//! What cannot be is listed with its reason and counted. The table of outcomes is printed:
//! `cargo test --test grid -- --nocapture`.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may stop at what should not be, and is told how long it may take"
)]

#[path = "grid/after.rs"]
mod after;
#[path = "grid/cell.rs"]
mod cell;
#[path = "grid/sabotage.rs"]
mod sabotage;
#[path = "grid/scene.rs"]
mod scene;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cell::{Cell, HOWS, WHENS, WHO};

/// No cell takes longer, even on a busy machine: one that does waits for something that never comes.
const CELL_WITHIN: Duration = Duration::from_secs(60);
/// Cells that cannot be: the admin handles nothing without its socket, whichever way it breaks, and who has
/// not started has nothing to stop.
const CANNOT_BE: usize = HOWS.len() + WHO.len();

#[test]
fn whoever_breaks_however_and_whenever_the_others_work_and_nothing_is_lost() {
    let only = std::env::var("MONEY_MACHINE_TEST_CELL").unwrap_or_default();
    let cells: Vec<Cell> = cell::all().filter(|cell| cell.to_string().contains(&only)).collect();
    let next = AtomicUsize::new(0);
    let under_way: Mutex<BTreeMap<usize, Instant>> = Mutex::default();
    let outcomes: Mutex<BTreeMap<Cell, Outcome>> = Mutex::default();
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|threads| {
        for _ in 0..workers {
            threads.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::SeqCst);
                    let Some(cell) = cells.get(index) else { return };
                    under_way.lock().unwrap().insert(index, Instant::now());
                    let outcome = play(*cell);
                    under_way.lock().unwrap().remove(&index);
                    outcomes.lock().unwrap().insert(*cell, outcome);
                }
            });
        }
        threads.spawn(|| watch(&cells, &under_way, || next.load(Ordering::SeqCst) >= cells.len() + workers));
    });
    let outcomes = outcomes.into_inner().unwrap();
    print(&outcomes);
    let wrong: Vec<String> = outcomes
        .iter()
        .filter_map(|(cell, outcome)| match outcome {
            Outcome::Wrong(why) => Some(format!("{cell}: {why}")),
            _ => None,
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} cells are wrong:\n{}", wrong.len(), cells.len(), wrong.join("\n"));
    if only.is_empty() {
        assert_eq!(outcomes.len(), WHO.len() * HOWS.len() * WHENS.len(), "a cell was not reached");
        let cannot = outcomes.values().filter(|outcome| matches!(outcome, Outcome::CannotBe(_))).count();
        assert_eq!(cannot, CANNOT_BE, "cells that cannot be");
    }
}

/// What became of a cell.
enum Outcome {
    /// All held; in a word what it took.
    Held(&'static str),
    CannotBe(&'static str),
    Wrong(String),
}

fn play(cell: Cell) -> Outcome {
    let script = match cell.script() {
        Ok(script) => script,
        Err(why) => return Outcome::CannotBe(why),
    };
    let played = std::panic::catch_unwind(|| scene::play(cell, script));
    match played {
        Ok(Ok(word)) => Outcome::Held(word),
        Ok(Err(why)) => Outcome::Wrong(why),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Outcome::Wrong(format!("panicked: {}", text.unwrap_or_default()))
        }
    }
}

/// Ends the test when a cell hangs: a paused runtime that waits for nothing never comes back.
fn watch(cells: &[Cell], under_way: &Mutex<BTreeMap<usize, Instant>>, over: impl Fn() -> bool) {
    while !over() {
        let late = under_way
            .lock()
            .unwrap()
            .iter()
            .find(|(_, since)| since.elapsed() > CELL_WITHIN)
            .map(|(at, _)| *at);
        if let Some(late) = late {
            eprintln!("the cell `{}` never ends", cells[late]);
            std::process::exit(1);
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

fn print(outcomes: &BTreeMap<Cell, Outcome>) {
    let mut words: BTreeMap<String, usize> = BTreeMap::new();
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    println!("{:24}{}", "", WHENS.map(|when| format!("{when:<13}")).concat());
    for who in WHO {
        println!("{}", who.name());
        for how in HOWS {
            let told = WHENS.map(|when| {
                let cell = Cell { who, how, when };
                let word = match outcomes.get(&cell) {
                    None => "not reached",
                    Some(Outcome::Held(word)) => word,
                    Some(Outcome::Wrong(_)) => "WRONG",
                    Some(Outcome::CannotBe(why)) => {
                        reasons.entry(why).or_default().push(cell.to_string());
                        "-"
                    }
                };
                *words.entry(word.to_owned()).or_default() += 1;
                format!("{word:<13}")
            });
            println!("  {:22}{}", how.to_string(), told.concat());
        }
    }
    println!("{words:?}");
    for (why, cells) in reasons {
        println!("{} cannot be, since {why}: {}", cells.len(), cells.join("; "));
    }
}
