//! What is written down when an actor dies.

use serde::Serialize;

use crate::fault::Exit;
use crate::meter::{Fields, KindCount, LeftMessage, Meter, Record};
use crate::panics::Backtrace;

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
    /// What its type allows to be shown; only of a traced actor, or of one that has crashed before.
    pub fields: Fields,
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
            fields: record.fields,
        }
    }
}

/// The flight recorder of an incarnation that ended abnormally, or could not begin.
///
/// The fields of messages are recorded only once the actor has crashed in this process, or while it is
/// traced: nobody knows beforehand which message will be the last, and to ask every message of every
/// actor for text would cost more than all the rest of its way. So the first crash has the kind of the
/// fatal message, and those after it have its fields too.
#[derive(Clone, Debug, PartialEq, Serialize)]
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
    /// `file:line` of the panic, or where the fault was made.
    pub location: Option<String>,
    /// The frames of a panic, if the process catches them
    /// ([`catch_backtraces`](crate::catch_backtraces)). Made into text when first read, which takes
    /// milliseconds: not in the sink of events.
    pub backtrace: Option<Backtrace>,
    /// The kind of the message that it did not survive; null if it died otherwise.
    pub in_hand: Option<&'static str>,
    /// What that message allows to be shown; see above for when it is known.
    pub fields: Fields,
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
        let wreck = meter.take_wreck();
        let (in_hand, fields) = wreck.fatal.unzip();
        let (location, backtrace) = match wreck.panic {
            Some(panic) => (panic.location, panic.backtrace),
            None => (exit.location(), None),
        };
        Self {
            path: path.to_owned(),
            incarnation,
            at_ms,
            exit: exit.clone(),
            cause: exit.to_string(),
            location,
            backtrace,
            in_hand,
            fields: fields.unwrap_or_default(),
            messages_total: meter.sent(),
            kinds: meter.kinds(),
            records: meter.records().into_iter().map(RecordView::from).collect(),
            left: meter.take_left(),
        }
    }
}
