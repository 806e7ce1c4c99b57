//! A live message as a trace shows it.

use std::collections::BTreeMap;

use mm_core::moment::Moment;
use mm_core::untrusted::Untrusted;
use mm_supervision::Traced;
use serde::{Deserialize, Serialize};

/// The most characters of one field.
const FIELD_CHARS_MAX: usize = 300;

/// One line of `actors trace --json`; the last line is `{"end": SENTENCE}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracedView {
    /// When it was handled.
    pub at: String,
    pub path: String,
    pub incarnation: u64,
    /// Its number at its actor.
    pub seq: u64,
    pub kind: String,
    /// Null from outside the tree.
    pub sender: Option<String>,
    /// The action that caused it.
    pub action: Option<String>,
    /// What its type allows to be shown.
    pub fields: BTreeMap<String, String>,
    pub queue_ns: u64,
    pub handle_ns: u64,
    pub ok: bool,
    /// Messages that waited behind it.
    pub depth: u32,
}

impl From<Traced> for TracedView {
    fn from(traced: Traced) -> Self {
        // An allow-list says what may be shown, not what is in it: text from outside, and what the
        // mask knows as a secret, are made harmless here.
        let shown =
            |value: String| Untrusted::new(crate::logs::mask(&value).into_owned()).line(FIELD_CHARS_MAX);
        TracedView {
            at: Moment::from_unix_ms(traced.at_ms).to_string(),
            path: traced.path.to_string(),
            incarnation: traced.incarnation,
            seq: traced.seq,
            kind: traced.kind.to_owned(),
            sender: traced.sender.map(|sender| sender.to_string()),
            action: traced.action.map(|action| action.to_string()),
            fields: traced.fields.into_iter().map(|(name, value)| (name.to_owned(), shown(value))).collect(),
            queue_ns: traced.queue_ns,
            handle_ns: traced.handle_ns,
            ok: traced.ok,
            depth: traced.depth,
        }
    }
}
