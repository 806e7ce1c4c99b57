//! Rule packs as somebody would have them who has just reviewed them.
//!
//! The program's packs carry the day of their last review, and half a year after it what they permit they ask
//! about: the tests of the real binary, whose clock is the real one, would then fail for that alone. So from some
//! time before that day on they lay the packs with the day of today. Whether the packs are due is not theirs to
//! notice: the program says so, and `compliance rules lint`.

use std::path::Path;

use mm_core::digest::Digest;
use mm_core::moment::Moment;
use mm_core::rule::REVIEW_DAYS;
use mm_core::seams::Clock as _;
use money_machine::rules::BUILT_IN;
use money_machine::seams::SystemClock;

/// How the day of a review is written in a pack.
const REVIEWED: &str = "reviewed = ";

/// So many days before a review is too old, packs are renewed here.
const BEFORE: u64 = 30;

/// A pack with the day of today where a review in it will soon be too old.
pub fn renewed(pack: &str) -> String {
    let today = today();
    let renew = |line: &str| match line.strip_prefix(REVIEWED) {
        Some(day) if is_due(day.trim(), &today) => format!("{REVIEWED}{today}"),
        _ => line.to_owned(),
    };
    let mut text: String = pack.lines().map(renew).collect::<Vec<_>>().join("\n");
    if pack.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// Lays the program's own packs into a data directory that has none yet, if they are to be renewed: as laid out by
/// the program, and changed by its owner.
pub fn lay(data: &Path) {
    let note = data.join("rules-laid.json");
    if note.exists() || BUILT_IN.iter().all(|(_, text)| renewed(text) == *text) {
        return;
    }
    // What stands in the way of that the program says.
    if std::fs::create_dir_all(data.join("rules")).is_err() {
        return;
    }
    let mut laid = serde_json::Map::new();
    for (name, text) in BUILT_IN {
        let path = data.join("rules").join(name);
        if !path.exists() {
            std::fs::write(path, renewed(text)).unwrap();
        }
        laid.insert((*name).to_owned(), Digest::of(text.as_bytes()).to_string().into());
    }
    std::fs::write(note, serde_json::to_vec(&laid).unwrap()).unwrap();
}

fn today() -> String {
    SystemClock::new(None).wall().to_string().chars().take(10).collect()
}

/// What was reviewed long ago on purpose stays so.
fn is_due(day: &str, today: &str) -> bool {
    let at = |day: &str| format!("{day}T00:00:00Z").parse::<Moment>().unwrap();
    let days = at(today).since(at(day)).as_secs() / 86_400;
    day >= "2026-11-22" && REVIEW_DAYS.saturating_sub(BEFORE) <= days
}
