//! What is taken down of rows when they appear: the machine tidies them away, and they are judged or told of later.
//!
//! It reads the store and touches nothing. A row that cannot be read is not taken down, and whoever asks for it
//! goes by the trace.

use std::collections::BTreeMap;
use std::time::Duration;

use mm_core::activity::{ActionRecord, Check, Stage};
use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_services::records::TickRow;
use mm_store::{Span, Store};

use super::trail::Audit;

/// Ticks that were due so lately are read again at each look: a loss of power may have taken them back.
const UNSETTLED: Duration = Duration::from_secs(30 * 3600);

/// What was taken down so far.
#[derive(Debug, Default)]
pub(super) struct Noted {
    /// The kind of act of each action that was permitted, by its id.
    kinds: BTreeMap<String, String>,
    /// What said no to each action that was blocked, by its id; `None` where no check did.
    blocked: BTreeMap<String, Option<Check>>,
    /// The ticks of strategies that are switched on, by row id.
    ticks: BTreeMap<String, TickRow>,
}

impl Noted {
    /// Takes down what audit entries speak of that were not there at the last look.
    pub fn take(&mut self, store: &Store, new: &[Audit]) {
        for entry in new {
            let id = entry.text("action");
            match entry.kind.as_str() {
                "action.permitted" if !self.kinds.contains_key(id) => {
                    self.kinds.extend(action(store, id).map(|row| (id.to_owned(), row.kind)));
                }
                "action.blocked" => {
                    let row = action(store, id).filter(|row| row.stage == Stage::Blocked);
                    self.blocked.extend(row.map(|row| (id.to_owned(), said_no(&row))));
                }
                _ => {}
            }
        }
    }

    /// Takes down the ticks of a strategy.
    pub fn take_ticks(&mut self, store: &Store, strategy: &str, now: Moment) {
        let (first, end) = (format!("{strategy}/"), TickRow::row_id(strategy, now));
        let from = TickRow::row_id(strategy, now.minus(UNSETTLED));
        self.ticks.retain(|id, _| *id < from || *id > end);
        let last = self.ticks.range(first.clone()..end).next_back().map(|(id, _)| id.clone());
        let span = Span::prefix(&first);
        let span = last.as_deref().map_or(span, |last| span.after(last));
        let scanned = store.scan::<TickRow>(&Space::default_owner(), span, usize::MAX);
        let rows = scanned.map(|scanned| scanned.rows).unwrap_or_default();
        self.ticks.extend(rows.into_iter().map(|(id, row)| (id, row.value)));
    }

    /// The kind of act of an action.
    pub fn kind(&self, action: &str) -> Option<&str> {
        self.kinds.get(action).map(String::as_str)
    }

    /// What said no to each action that was blocked.
    pub fn blocked(&self) -> &BTreeMap<String, Option<Check>> {
        &self.blocked
    }

    /// The ticks that were taken down.
    pub fn ticks(&self) -> &BTreeMap<String, TickRow> {
        &self.ticks
    }
}

/// The words in which a check says no: the rules' and the gateway's own, and what became of a question.
const NO: [&str; 4] = ["forbid", "rejected", "not done", "expired"];

/// The rule or the check that was the last to say no.
pub(super) fn said_no(row: &ActionRecord) -> Option<Check> {
    row.checks.iter().rfind(|check| NO.contains(&check.verdict.as_str())).cloned()
}

/// An action's record, in whichever space it is.
fn action(store: &Store, id: &str) -> Option<ActionRecord> {
    let spaces = [Space::default_owner(), Space::machine()];
    spaces.iter().find_map(|space| Some(store.get::<ActionRecord>(space, id).ok()??.value))
}
