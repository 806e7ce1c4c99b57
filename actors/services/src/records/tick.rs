//! The scheduler's rows: when a strategy is due, what became of each tick, and what the owner set.

use mm_core::id::RunId;
use mm_core::moment::Moment;
use mm_core::schedule::{Fate, Owed, Ruled, Task};
use mm_store::codec;
use mm_store::{Kind, Record, Unreadable};
use serde::{Deserialize, Serialize};

/// When a strategy is due. Row id: the strategy's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleRow {
    /// The schedule as it was written.
    pub text: String,
    /// [`mm_core::schedule::Schedule::clock`] of it; empty where that was not written down.
    pub clock: String,
    /// When it is due next; `None` if never again.
    pub next: Option<Moment>,
    /// The newest tick that is decided.
    pub last: Option<Moment>,
    /// Ticks that are still to run.
    pub owed: Option<Owed>,
}

/// As it was before a tick could wait for its run.
#[derive(Deserialize)]
struct ScheduleV1 {
    text: String,
    next: Option<Moment>,
    last: Option<Moment>,
}

/// As it was before its zone was written down.
#[derive(Deserialize)]
struct ScheduleV2 {
    text: String,
    next: Option<Moment>,
    last: Option<Moment>,
    owed: Option<Owed>,
}

impl Record for ScheduleRow {
    const KIND: Kind = Kind::new("schedule", 106, 3);

    fn upgrade(version: u16, bytes: &[u8]) -> Result<Self, Unreadable> {
        let clock = String::new();
        match version {
            1 => {
                let ScheduleV1 { text, next, last } = codec::decode(bytes).map_err(Unreadable::Codec)?;
                Ok(Self { text, clock, next, last, owed: None })
            }
            2 => {
                let ScheduleV2 { text, next, last, owed } =
                    codec::decode(bytes).map_err(Unreadable::Codec)?;
                Ok(Self { text, clock, next, last, owed })
            }
            version => Err(Unreadable::Old { version }),
        }
    }
}

/// One tick of a schedule, and what became of it; or a stretch of many that have the same fate. Row id:
/// `STRATEGY/DUE` with the due time in milliseconds, zero-padded, so that ticks stand in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TickRow {
    /// When it was due; of a stretch, its newest tick.
    pub due: Moment,
    /// When the oldest tick of a stretch was due; else the same.
    pub from: Moment,
    /// How many ticks it is.
    pub count: u64,
    /// What became of it.
    pub fate: Fate,
    /// The run it started; `None` if it started none.
    pub run: Option<RunId>,
}

/// As it was before a tick had a fate.
#[derive(Deserialize)]
struct TickV1 {
    due: Moment,
    run: Option<RunId>,
    skipped: Option<String>,
}

impl Record for TickRow {
    const KIND: Kind = Kind::new("tick", 107, 2);

    fn upgrade(version: u16, bytes: &[u8]) -> Result<Self, Unreadable> {
        if version != 1 {
            return Err(Unreadable::Old { version });
        }
        let TickV1 { due, run, skipped } = codec::decode(bytes).map_err(Unreadable::Codec)?;
        // How late it started was not written down.
        let fate = match (&run, skipped) {
            (Some(_), _) => Fate::Ran,
            (None, Some(why)) if why.starts_with("it was missed") => Fate::Missed { why },
            (None, why) => Fate::Skipped { why: why.unwrap_or_default() },
        };
        Ok(Self { due, from: due, count: 1, fate, run })
    }
}

impl TickRow {
    /// The row id of a tick.
    pub fn row_id(strategy: &str, due: Moment) -> String {
        format!("{strategy}/{:015}", due.unix_ms())
    }

    /// The row of what was decided; `run` is what it started.
    pub fn of(ruled: &Ruled, run: Option<&RunId>) -> Self {
        let run = run.filter(|_| ruled.fate.started()).cloned();
        let Ruled { at, from, count, fate } = ruled.clone();
        Self { due: at, from, count, fate, run }
    }
}

/// What the owner set for a task; it outweighs the configuration. Row id: the task's name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskRow {
    /// The task; `None`: it is cancelled, and never due.
    pub task: Option<Task>,
    /// Since when.
    pub since: Moment,
    /// Who said so.
    pub by: String,
}

/// As it was before a task could be cancelled.
#[derive(Deserialize)]
struct TaskV1 {
    task: Task,
    since: Moment,
    by: String,
}

impl Record for TaskRow {
    const KIND: Kind = Kind::new("task", 140, 2);

    fn upgrade(version: u16, bytes: &[u8]) -> Result<Self, Unreadable> {
        if version != 1 {
            return Err(Unreadable::Old { version });
        }
        let TaskV1 { task, since, by } = codec::decode(bytes).map_err(Unreadable::Codec)?;
        Ok(Self { task: Some(task), since, by })
    }
}
