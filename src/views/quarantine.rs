//! Inputs that crashed a strategy and were set aside.

use mm_core::id::StrategyId;
use mm_services::records::QuarantineRow;
use mm_services::strategies::quarantine;
use serde::{Deserialize, Serialize};

use super::strategy::unknown;
use super::{Problem, Reader, unread};

/// An input that is passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldView {
    /// What `strategy quarantine retry` and `drop` call it.
    pub input: String,
    /// `item` or `step`.
    pub kind: String,
    /// What its strategy calls it.
    pub name: String,
    /// Crashes that count against it.
    pub crashes: u32,
    /// The last runs that it crashed, oldest first.
    pub runs: Vec<String>,
    pub first_at: String,
    pub last_at: String,
    /// Since when it is set aside; null where it got one more chance.
    pub since: Option<String>,
    /// The last words of the last crash.
    pub words: String,
}

impl HeldView {
    /// As it is shown under its id.
    pub fn new(input: String, row: QuarantineRow) -> Self {
        HeldView {
            input,
            kind: row.input.kind().to_owned(),
            name: row.input.name().to_owned(),
            crashes: row.count,
            runs: row.crashes.iter().map(|(run, _)| run.to_string()).collect(),
            first_at: row.first_at.to_string(),
            last_at: row.last_at.to_string(),
            since: row.since.map(|at| at.to_string()),
            words: row.words,
        }
    }
}

/// Those of one strategy, the latest last.
pub(super) fn list(reader: &Reader, name: &str) -> Result<Vec<HeldView>, Problem> {
    let strategy = reader.strategy(name).ok_or_else(|| unknown(reader, name))?;
    let id: StrategyId = strategy.about.name.parse().map_err(|_| unknown(reader, name))?;
    let open = quarantine::open(&reader.store, &reader.space, &id).map_err(|error| unread(&error))?;
    Ok(open.into_iter().map(|(input, row)| HeldView::new(input, row)).collect())
}
