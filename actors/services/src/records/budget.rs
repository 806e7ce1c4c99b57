//! The rows of restart budgets, and what stood in them before.

use mm_store::{Kind, Record, Unreadable, codec};
use mm_supervision::{BudgetStanding, Restarted, WHY_MAX};
use serde::{Deserialize, Serialize};

/// A restart budget, as supervision spends it. Row id: the child's path.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BudgetRow {
    /// Restarts taken out since work was last proved.
    pub spent: u32,
    /// Why and since when (milliseconds since 1970) it is tripped.
    pub tripped: Option<(String, i64)>,
    /// Why and since when an operator holds the child down.
    pub isolated: Option<(String, i64)>,
    /// The attempt in a row that its back-off was at; 0 when work was proved since.
    pub attempt: u32,
    /// When the next try was due, in milliseconds since 1970.
    pub next_try_ms: Option<i64>,
    /// The last restarts, oldest first; as many as supervision keeps.
    pub restarts: Vec<RestartNote>,
    /// How many restarts there ever were, by the word of their cause, in the order of the words.
    pub by_cause: Vec<(String, u64)>,
}

/// One restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartNote {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Its cause in a word: `transient`, `bug`, `panicked`.
    pub cause: String,
    /// What was said of it.
    pub why: String,
    /// Which attempt in a row it was, from 1.
    pub attempt: u32,
    /// When it was due, in milliseconds since 1970.
    pub next_try_ms: Option<i64>,
}

impl From<BudgetRow> for BudgetStanding {
    fn from(row: BudgetRow) -> Self {
        let BudgetRow { spent, tripped, isolated, attempt, next_try_ms, restarts, by_cause } = row;
        let restarts = restarts.into_iter().map(Restarted::from).collect();
        Self { spent, tripped, isolated, attempt, next_try_ms, restarts, by_cause }
    }
}

impl From<BudgetStanding> for BudgetRow {
    fn from(standing: BudgetStanding) -> Self {
        let BudgetStanding { spent, tripped, isolated, attempt, next_try_ms, restarts, by_cause } = standing;
        let restarts = restarts.into_iter().map(RestartNote::from).collect();
        Self { spent, tripped, isolated, attempt, next_try_ms, restarts, by_cause }
    }
}

impl From<RestartNote> for Restarted {
    fn from(note: RestartNote) -> Self {
        let RestartNote { at_ms, cause, why, attempt, next_try_ms } = note;
        Self { at_ms, cause, why, attempt, next_try_ms }
    }
}

impl From<Restarted> for RestartNote {
    fn from(restarted: Restarted) -> Self {
        let Restarted { at_ms, cause, why, attempt, next_try_ms } = restarted;
        Self { at_ms, cause, why: why.chars().take(WHY_MAX).collect(), attempt, next_try_ms }
    }
}

/// The row as version 1 wrote it.
#[derive(Serialize, Deserialize)]
struct First {
    spent: u32,
    tripped: Option<(String, i64)>,
}

impl Record for BudgetRow {
    const KIND: Kind = Kind::new("budget", 112, 2);

    fn upgrade(version: u16, bytes: &[u8]) -> Result<Self, Unreadable> {
        if version != 1 {
            return Err(Unreadable::Old { version });
        }
        let First { spent, tripped } = codec::decode(bytes).map_err(Unreadable::Codec)?;
        Ok(Self { spent, tripped, ..Self::default() })
    }
}
