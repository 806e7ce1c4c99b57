//! Crashes as they were written down when an actor died.

use mm_core::untrusted::Untrusted;
use mm_services::crashes;
use mm_services::records::{CrashKind, CrashLeft, CrashRecord, CrashRow};
use serde::{Deserialize, Serialize};

use super::actor::NamedView;
use super::{Problem, Question, Reader, meant, nearest, unread};

/// One crash in a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrashLine {
    pub id: String,
    pub at: String,
    /// The path of what ended; of a strategy's run, that of its host and `/run`.
    pub actor: String,
    pub incarnation: u64,
    /// The run, if it was one.
    pub run: Option<String>,
    /// `failed`, `panicked`, `killed`, `start-failed`, `start-timed-out` or `gave-up`.
    pub exit: String,
    /// The same with the error.
    pub cause: String,
    /// The kind of the message it did not survive.
    pub in_hand: Option<String>,
}

/// All that was written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrashPage {
    #[serde(flatten)]
    pub crash: CrashLine,
    /// Where its error was made, as `file:line`.
    pub location: Option<String>,
    pub backtrace: Option<String>,
    /// What the type of the message in hand allows to be shown.
    pub fields: Vec<NamedView>,
    pub messages_total: u64,
    pub kinds: Vec<KindView>,
    /// The last messages, oldest first.
    pub records: Vec<RecordView>,
    /// What was dropped from its mailbox.
    pub left: Vec<LeftView>,
    /// Whether something was left out because it was too much.
    pub cut: bool,
}

/// How many messages of one kind there were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindView {
    pub kind: String,
    pub done: u64,
    pub failed: u64,
    pub lost: u64,
}

/// One handled message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordView {
    pub seq: u64,
    pub kind: String,
    pub sender: Option<String>,
    pub action: Option<String>,
    pub fields: Vec<NamedView>,
    pub queue_ns: u64,
    pub handle_ns: u64,
    pub ok: bool,
}

/// One message that was dropped unhandled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftView {
    pub kind: String,
    pub sender: Option<String>,
    pub action: Option<String>,
    pub fields: Vec<NamedView>,
}

fn named(fields: Vec<(String, String)>) -> Vec<NamedView> {
    fields.into_iter().map(|(name, value)| NamedView { name, value }).collect()
}

impl From<CrashKind> for KindView {
    fn from(kind: CrashKind) -> Self {
        KindView { kind: kind.kind, done: kind.done, failed: kind.failed, lost: kind.lost }
    }
}

impl From<CrashRecord> for RecordView {
    fn from(record: CrashRecord) -> Self {
        RecordView {
            seq: record.seq,
            kind: record.kind,
            sender: record.sender,
            action: record.action,
            fields: named(record.fields),
            queue_ns: record.queue_ns,
            handle_ns: record.handle_ns,
            ok: record.ok,
        }
    }
}

impl From<CrashLeft> for LeftView {
    fn from(left: CrashLeft) -> Self {
        LeftView { kind: left.kind, sender: left.sender, action: left.action, fields: named(left.fields) }
    }
}

fn in_line(id: String, row: &CrashRow) -> CrashLine {
    CrashLine {
        id,
        at: row.at.to_string(),
        actor: row.actor.clone(),
        incarnation: row.incarnation,
        run: row.run.clone(),
        exit: row.exit.clone(),
        cause: row.cause.clone(),
        in_hand: row.in_hand.clone(),
    }
}

/// `actor, limit`; the newest first. An actor's are those at its path and below it.
pub(super) fn list(reader: &Reader, question: &Question) -> Result<Vec<CrashLine>, Problem> {
    question.only(&["actor", "limit"])?;
    let limit: Option<usize> = question.value("limit")?;
    let all = crashes::list(&reader.store).map_err(|error| unread(&error))?;
    let wanted = question.text("actor").unwrap_or_default();
    let is_wanted = |row: &CrashRow| {
        let below = row.actor.strip_prefix(wanted);
        wanted.is_empty() || below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
    };
    let found = all.into_iter().filter(|(_, row)| is_wanted(row)).map(|(id, row)| in_line(id, &row));
    Ok(found.take(limit.unwrap_or(usize::MAX)).collect())
}

pub(super) fn show(reader: &Reader, id: &str) -> Result<CrashPage, Problem> {
    let found = crashes::get(&reader.store, id).map_err(|error| unread(&error))?;
    let row = found.map_or_else(|| Err(unknown(reader, id)), Ok)?;
    Ok(CrashPage {
        crash: in_line(id.to_owned(), &row),
        location: row.location,
        backtrace: row.backtrace,
        fields: named(row.fields),
        messages_total: row.messages_total,
        kinds: row.kinds.into_iter().map(KindView::from).collect(),
        records: row.records.into_iter().map(RecordView::from).collect(),
        left: row.left.into_iter().map(LeftView::from).collect(),
        cut: row.cut,
    })
}

fn unknown(reader: &Reader, id: &str) -> Problem {
    let all = crashes::list(&reader.store).unwrap_or_default();
    let near = meant(nearest(id, all.iter().map(|(id, _)| id.as_str())));
    let shown = Untrusted::new(id).line(60);
    Problem::Unknown(format!("there is no crash `{shown}`; `crashes list` shows the ids{near}"))
}
