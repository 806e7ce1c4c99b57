//! What waits comes to its end: a question that nobody answers, a yes that finds no way, what waits for a slot, and
//! what a strategy is to be told.
//!
//! Only the time counts in which the machine could have ended it: it was up, its disk had room, and it trusted its
//! clock. It touches nothing; what waits is there as long as it does, so it is looked for when all is judged.

use std::time::Duration;

use mm_core::approval::{Approval, State};
use mm_core::moment::Moment;
use mm_services::records::{ApprovalRow, ChangeRow, SettledTelling, Standing};

use super::evidence::Evidence;
use super::trail::RunTold;

/// What is over must be on record as that so soon: what was put off by a clock that was wrong is looked at every
/// hour.
const SOON: Duration = Duration::from_secs(2 * 3600);
/// A yes is good for so long, if whoever proposed the act said nothing else.
const YES_HOLDS: Duration = Duration::from_secs(72 * 3600);
/// A strategy that is idle for so long has had time to be told something: it is tried every five minutes.
const IDLE: Duration = Duration::from_secs(30 * 60);
/// So often at least it was idle between two runs that ended well. Once may be the pause of an account.
const IDLE_TIMES_MAX: usize = 3;

/// What should be over and is not.
pub fn ends(e: &Evidence) -> Vec<String> {
    let mut wrong = Vec::new();
    let questions = e.rows::<ApprovalRow>();
    let could = could_since(e);
    let late = |end: Moment| could.is_some_and(|could| end.max(could).plus(SOON) < e.now);
    for (id, row) in &questions {
        if let Some(end) = end_of(&row.item).filter(|end| late(*end)) {
            wrong.push(format!("question {id} is {} and ended at {end}", row.item.state.as_str()));
        }
    }
    for (id, row) in e.rows::<ChangeRow>() {
        match row.standing {
            Standing::Queued { until, .. } if late(until) => {
                wrong.push(format!("change {id} waits for a slot and was given up at {until}"));
            }
            Standing::Asked { approval, .. } => {
                let state = questions.get(&approval).map(|row| row.item.state);
                let open = [State::Waiting, State::Approved, State::Handed].map(Some);
                if !open.contains(&state) {
                    wrong.push(format!("change {id} waits for question {approval}, which is {state:?}"));
                }
            }
            Standing::Settled { at, telling: SettledTelling::Due, .. } => {
                let times = idle_since(e, row.strategy.as_str(), at);
                if times >= IDLE_TIMES_MAX {
                    wrong.push(format!(
                        "change {id} was settled at {at}, and {} was idle {times} times and not told",
                        row.strategy
                    ));
                }
            }
            _ => {}
        }
    }
    wrong
}

/// When a question ends by itself, if it does.
fn end_of(item: &Approval) -> Option<Moment> {
    match item.state {
        State::Waiting => Some(item.expires),
        State::Approved => {
            let said = item.said.iter().find(|said| said.state == State::Approved)?;
            Some(item.deadline.unwrap_or_else(|| said.at.plus(YES_HOLDS)))
        }
        _ => None,
    }
}

/// Since when the machine could have ended whatever was over; `None` if it cannot now.
fn could_since(e: &Evidence) -> Option<Moment> {
    let mut of_clock = e.audit.iter().rev().filter(|entry| entry.text("about") == "wall-clock");
    let clock = of_clock.find(|entry| entry.kind.starts_with("alert."));
    if clock.is_some_and(|entry| entry.kind != "alert.cleared") {
        return None;
    }
    let up = e.boots.last()?;
    let room = e.full.iter().map(|(_, until)| *until);
    room.chain(clock.map(|entry| entry.at)).chain([*up]).max()
}

/// How often a strategy was idle since then, between two runs that ended well, while the machine was up and its disk
/// had room.
fn idle_since(e: &Evidence, strategy: &str, since: Moment) -> usize {
    let mut runs: Vec<&RunTold> = e.told.values().filter(|told| told.strategy == strategy).collect();
    runs.sort_by_key(|told| told.began);
    let is_idle = |two: &&[&RunTold]| {
        let (before, after) = (two[0], two[1]);
        let (Some(over), Some(began)) = (before.succeeded, after.began) else { return false };
        let from = over.max(since);
        let was_full = || e.full.iter().any(|(full, until)| *full < began && from < *until);
        after.succeeded.is_some()
            && from.plus(IDLE) < began
            && e.boot_at(from) == e.boot_at(began)
            && !was_full()
    };
    runs.windows(2).filter(is_idle).count()
}
