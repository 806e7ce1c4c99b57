//! What is taken down of rows when they appear: the machine tidies them away, and they are judged or told of later.
//!
//! It reads the store and touches nothing. A row that cannot be read is not taken down, and whoever asks for it
//! goes by the trace.

use std::collections::BTreeMap;

use mm_core::activity::ActionRecord;
use mm_core::id::Space;
use mm_store::Store;

use super::evidence::Audit;

/// What was taken down so far.
#[derive(Debug, Default)]
pub(super) struct Noted {
    /// The kind of act of each action that was permitted, by its id.
    kinds: BTreeMap<String, String>,
}

impl Noted {
    /// Takes down what audit entries speak of that were not there at the last look.
    pub fn take(&mut self, store: &Store, new: &[Audit]) {
        for entry in new.iter().filter(|entry| entry.kind == "action.permitted") {
            let id = entry.text("action");
            if let Some(row) = action(store, id).filter(|_| !self.kinds.contains_key(id)) {
                self.kinds.insert(id.to_owned(), row.kind);
            }
        }
    }

    /// The kind of act of an action.
    pub fn kind(&self, action: &str) -> Option<&str> {
        self.kinds.get(action).map(String::as_str)
    }
}

/// An action's record, in whichever space it is.
fn action(store: &Store, id: &str) -> Option<ActionRecord> {
    let spaces = [Space::default_owner(), Space::machine()];
    spaces.iter().find_map(|space| Some(store.get::<ActionRecord>(space, id).ok()??.value))
}
