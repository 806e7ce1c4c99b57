//! What is written down when an actor dies.

use serde::Serialize;

use crate::fault::Exit;
use crate::meter::{KindCount, LeftMessage, Meter, Record};

/// One handled message, owned and ready to be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordView {
    /// The message's number at its actor.
    pub seq: u64,
    /// Its kind.
    pub kind: &'static str,
    /// Path of its sender; null from outside the tree.
    pub sender: Option<String>,
    /// The action that caused it.
    pub action: Option<String>,
    /// Time in the mailbox, nanoseconds.
    pub queue_ns: u64,
    /// Time in the handler, nanoseconds.
    pub handle_ns: u64,
    /// Whether it was handled well.
    pub ok: bool,
}

impl From<Record> for RecordView {
    fn from(record: Record) -> Self {
        Self {
            seq: record.seq,
            kind: record.kind,
            sender: record.sender.map(|sender| sender.to_string()),
            action: record.action.map(|action| action.to_string()),
            queue_ns: record.queue_ns,
            handle_ns: record.handle_ns,
            ok: record.ok,
        }
    }
}

/// The flight recorder of an incarnation that ended abnormally.
#[derive(Clone, Debug, Serialize)]
pub struct CrashReport {
    /// Whose.
    pub path: String,
    /// Which incarnation.
    pub incarnation: u64,
    /// When it was noticed, milliseconds since 1970.
    pub at_ms: i64,
    /// How it ended.
    pub exit: Exit,
    /// The same in words.
    pub cause: String,
    /// Messages its actor was ever sent.
    pub messages_total: u64,
    /// Counts by kind.
    pub kinds: Vec<KindCount>,
    /// The last messages, oldest first; the last is the one that it did not survive.
    pub records: Vec<RecordView>,
    /// What was left in the mailbox and dropped; at most 16, the counts have all.
    pub left: Vec<LeftMessage>,
}

impl CrashReport {
    /// Takes what the meter has. To be called once the mailbox is dropped.
    pub(crate) fn take(path: &str, incarnation: u64, at_ms: i64, exit: &Exit, meter: &Meter) -> Self {
        Self {
            path: path.to_owned(),
            incarnation,
            at_ms,
            exit: exit.clone(),
            cause: exit.to_string(),
            messages_total: meter.sent(),
            kinds: meter.kinds(),
            records: meter.records().into_iter().map(RecordView::from).collect(),
            left: meter.take_left(),
        }
    }
}
