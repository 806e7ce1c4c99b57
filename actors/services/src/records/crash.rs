//! The rows of the flight recorder.

use mm_core::moment::Moment;
use mm_store::{Kind, Record};
use serde::{Deserialize, Serialize};

/// The end of an actor (or of a strategy's run) that was none in order, with what it did last. Row
/// id: rising, see [`Crashes`](crate::crashes::Crashes).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CrashRow {
    /// Its path; of a run, that of its host and `/run`.
    pub actor: String,
    /// Which incarnation; of a run, which taking-up.
    pub incarnation: u64,
    /// The run, if it was one.
    pub run: Option<String>,
    /// When it was noticed.
    pub at: Moment,
    /// How it ended, in a word: `panicked`, `failed`, `killed`, `start-failed`.
    pub exit: String,
    /// The same in words.
    pub cause: String,
    /// Where in the source its error was made, as `file:line`.
    pub location: Option<String>,
    /// The stack at its panic, or the place of its error.
    pub backtrace: Option<String>,
    /// The kind of the message that it did not survive.
    pub in_hand: Option<String>,
    /// What that message's type allows to be shown.
    pub fields: Vec<(String, String)>,
    /// Messages that its actor was ever sent; of a run, its steps.
    pub messages_total: u64,
    /// Counts by kind of message.
    pub kinds: Vec<CrashKind>,
    /// The last messages, oldest first; of a run, its last steps.
    pub records: Vec<CrashRecord>,
    /// What was left in the mailbox.
    pub left: Vec<CrashLeft>,
    /// Whether something was left out because it was too much.
    pub cut: bool,
}

/// Counts of one kind of message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrashKind {
    /// The kind.
    pub kind: String,
    /// Handled well.
    pub done: u64,
    /// Ended by an error, a panic or a kill.
    pub failed: u64,
    /// Dropped from the mailbox unhandled.
    pub lost: u64,
}

/// One handled message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrashRecord {
    /// Its number at its actor.
    pub seq: u64,
    /// Its kind.
    pub kind: String,
    /// Who sent it; nobody from outside the tree.
    pub sender: Option<String>,
    /// The action that caused it.
    pub action: Option<String>,
    /// What its type allows to be shown, where it was kept.
    pub fields: Vec<(String, String)>,
    /// Nanoseconds in the mailbox.
    pub queue_ns: u64,
    /// Nanoseconds in the handler.
    pub handle_ns: u64,
    /// Whether it was handled well.
    pub ok: bool,
}

/// A message that was dropped unhandled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrashLeft {
    /// Its kind.
    pub kind: String,
    /// Who sent it.
    pub sender: Option<String>,
    /// The action that caused it.
    pub action: Option<String>,
    /// What its type allows to be shown.
    pub fields: Vec<(String, String)>,
}

impl Record for CrashRow {
    const KIND: Kind = Kind::new("crash", 117, 1);
    const BYTES_MAX: usize = 64 << 10;
}
