//! What must hold of a machine, whatever happened to it.
//!
//! The checker sees the event trace, the sandbox's log and a store opened on a copy of the disk
//! ([`Evidence`]), what the owner configured and the text of the rule packs; and, where a made world is
//! played, what is really so in it. It knows nothing of the daemon's own structs, nor how it decides.
//!
//! A finding is one line. It touches nothing and changes nothing.

mod answers;
mod approvals;
mod awarded;
mod causes;
mod changes;
mod ends;
mod evidence;
mod held;
mod ledger;
mod limits;
mod noted;
pub mod order;
mod owed;
mod quota;
mod refused;
mod scope;
mod shown;
mod steps;
mod ticks;
mod tokens;
mod trail;

pub use answers::answers;
pub use approvals::approvals;
pub use awarded::awarded;
pub use causes::causes;
pub use changes::{Made, changes};
pub use ends::ends;
pub use evidence::Evidence;
pub use ledger::ledger;
pub use limits::limits;
pub use owed::owed;
pub use quota::{Quota, Sent};
pub use scope::scope;
pub use steps::steps;
pub use ticks::ticks;
pub use tokens::tokens;
pub use trail::Audit;

/// The pack of the platform that the scope watch asks.
pub const SCOPE_PACK: &str = "bounty-targets-data.toml";

/// One part of the checker: what is wrong, a line each.
type Room = fn(&Evidence) -> Vec<String>;

/// Its parts, by name.
const ROOMS: [(&str, Room); 17] = [
    ("rows", order::rows),
    ("chain", order::chain),
    ("requests", order::requests),
    ("limits", limits),
    ("ticks", ticks),
    ("causes", causes),
    ("runs", order::runs),
    ("steps", steps),
    ("ledger", ledger),
    ("owed", owed),
    ("awarded", awarded),
    ("scope", scope),
    ("changes", changes),
    ("approvals", approvals),
    ("ends", ends),
    ("tokens", tokens),
    ("answers", answers),
];

/// Everything that is wrong, each line behind the name of the part that found it.
pub fn check(e: &Evidence) -> Vec<String> {
    judge(e, |_| true)
}

/// The same of what happened lately. Rows that may be of any age are not read again: what is told of scope
/// only if there is `more` of it than at the last look.
pub fn check_recent(e: &Evidence, more: bool) -> Vec<String> {
    judge(e, |room| match room {
        "rows" | "ends" => e.since().is_none(),
        "scope" | "steps" => e.since().is_none() || more,
        "ledger" => e.since().is_none() || e.audit_of("ledger.entry").next().is_some(),
        _ => true,
    })
}

fn judge(e: &Evidence, in_turn: impl Fn(&str) -> bool) -> Vec<String> {
    let wrong = |(room, check): &(&'static str, Room)| {
        let room = *room;
        check(e).into_iter().map(move |line| format!("{room}: {line}"))
    };
    ROOMS.iter().filter(|(room, _)| in_turn(room)).flat_map(wrong).collect()
}
