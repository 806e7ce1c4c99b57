//! Which ticks are due, and what becomes of those that were missed. Every tick that was due gets a
//! row in the tick ledger, run or not; the ledger is how a missing row is noticed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Schedule;
use crate::moment::Moment;

/// The most ticks that one look at the clock returns. Of more, the newest are returned and the
/// rest is told as one stretch.
pub const DUE_MAX: usize = 100;

/// What to do with ticks that passed while nobody could run them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// Leave them; wait for the next.
    Skip,
    /// Run once for all of them.
    #[default]
    Once,
    /// Run each, oldest first (at most [`DUE_MAX`]).
    All,
}

impl Missed {
    /// Reads `skip`, `once` or `all`.
    pub fn from_text(text: &str) -> Option<Self> {
        [Missed::Skip, Missed::Once, Missed::All].into_iter().find(|missed| missed.as_str() == text)
    }

    /// The policy in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Missed::Skip => "skip",
            Missed::Once => "once",
            Missed::All => "all",
        }
    }
}

/// A tick that was due: one row of the tick ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tick {
    /// When it was due.
    pub at: Moment,
    /// Whether it is to be run; else it was missed and is left.
    pub run: bool,
}

/// What a look at the clock finds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Due {
    /// The ticks due, oldest first, each to be written down.
    pub ticks: Vec<Tick>,
    /// If there were more than [`DUE_MAX`]: those up to and with this moment are not among
    /// `ticks`. They are left, and one row says so.
    pub unlisted_until: Option<Moment>,
    /// The next tick after now.
    pub next: Option<Moment>,
}

/// The ticks due in `last < tick ≤ now`. `last` is the newest tick in the ledger (or the moment
/// the schedule was set). A tick no older than `grace` is on time and runs under every policy; the
/// policy decides on the older ones. A clock that went back makes nothing due.
pub fn due(schedule: &Schedule, last: Moment, now: Moment, missed: Missed, grace: Duration) -> Due {
    let next = schedule.next_after(now.max(last));
    let (unlisted_until, moments) = newest(schedule, last, now);
    let newest_at = moments.last().copied();
    let run = |at: Moment| match missed {
        Missed::All => true,
        Missed::Once => Some(at) == newest_at,
        Missed::Skip => Some(at) == newest_at && now.since(at) <= grace,
    };
    let ticks = moments.iter().map(|&at| Tick { at, run: run(at) }).collect();
    Due { ticks, unlisted_until, next }
}

/// The newest [`DUE_MAX`] ticks in `last < tick ≤ now`, and up to when there were more.
fn newest(schedule: &Schedule, last: Moment, now: Moment) -> (Option<Moment>, Vec<Moment>) {
    let mut from = last;
    loop {
        let mut ticks = Vec::new();
        let mut at = from;
        while let Some(next) = schedule.next_after(at).filter(|next| *next <= now) {
            ticks.push(next);
            at = next;
            if ticks.len() > 2 * DUE_MAX {
                break;
            }
        }
        if ticks.len() > 2 * DUE_MAX {
            // Many more: look at the newer half. It shrinks until it holds few enough.
            let half = now.since(from) / 2;
            from = from.plus(half.max(Duration::from_millis(1)));
            continue;
        }
        if ticks.len() <= DUE_MAX && from == last {
            return (None, ticks);
        }
        let cut = ticks.len().saturating_sub(DUE_MAX);
        let unlisted = cut.checked_sub(1).and_then(|i| ticks.get(i).copied()).unwrap_or(from);
        return (Some(unlisted), ticks.split_off(cut));
    }
}
