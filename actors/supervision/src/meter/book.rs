//! The flight recorder of one actor: the last records, counts by kind, and quantiles.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::Serialize;

use super::histogram::Histogram;
use crate::inspect::Inspect;
use crate::panics::{Panic, caught};

/// How many records are kept.
pub(crate) const RECORDS_MAX: usize = 64;
/// How many kinds are counted apart; a component has far fewer, as a kind is one fixed word.
const KINDS_MAX: usize = 64;
/// Of how many messages left behind the fields are written down; the others are only counted.
const LEFT_MAX: usize = 16;
/// How many fields of one message, and how many bytes of each, are kept.
const FIELDS_MAX: usize = 16;
const FIELD_BYTES_MAX: usize = 256;

/// One handled message.
#[derive(Clone, Debug)]
pub struct Record {
    /// The message's number at its actor.
    pub seq: u64,
    /// Its kind.
    pub kind: &'static str,
    /// Path of the actor that sent it; `None` from outside the tree.
    pub sender: Option<Arc<str>>,
    /// The action that caused it.
    pub action: Option<Arc<str>>,
    /// Time in the mailbox, nanoseconds.
    pub queue_ns: u64,
    /// Time in the handler, nanoseconds.
    pub handle_ns: u64,
    /// Whether the handler returned without fault, panic or kill.
    pub ok: bool,
    /// What its type allows to be shown; only of a traced actor, or of one that has crashed before.
    pub fields: Fields,
}

/// Named values that may be shown: owned, short, nothing secret.
pub type Fields = Vec<(&'static str, String)>;

/// Counts of one kind of message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KindCount {
    /// The kind.
    pub kind: &'static str,
    /// Handled well.
    pub done: u64,
    /// Ended by fault, panic or kill.
    pub failed: u64,
    /// Dropped from the mailbox unhandled.
    pub lost: u64,
}

/// A message that was dropped unhandled when its actor ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftMessage {
    /// Its kind.
    pub kind: &'static str,
    /// Path of its sender.
    pub sender: Option<String>,
    /// The action that caused it.
    pub action: Option<String>,
    /// What its type allows to be shown.
    pub fields: Fields,
}

/// What an incarnation left behind that ended badly.
#[derive(Debug, Default)]
pub(crate) struct Wreck {
    pub(crate) panic: Option<Panic>,
    /// The message that it did not survive, and its fields if they were recorded.
    pub(crate) fatal: Option<(&'static str, Fields)>,
}

#[derive(Default)]
pub(crate) struct Book {
    pub(crate) wreck: Option<Box<Wreck>>,
    pub(crate) wait: Histogram,
    pub(crate) handle: Histogram,
    pub(crate) left: Vec<LeftMessage>,
    records: VecDeque<Record>,
    kinds: Vec<KindCount>,
}

impl Book {
    pub(crate) fn kinds(&self) -> &[KindCount] {
        &self.kinds
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        self.records.iter().cloned().collect()
    }

    /// How much it holds, strings aside.
    pub(crate) fn bytes(&self) -> u64 {
        let records = self.records.capacity() * size_of::<Record>();
        let kinds = self.kinds.capacity() * size_of::<KindCount>();
        let left = self.left.capacity() * size_of::<LeftMessage>();
        (size_of::<Self>() + records + kinds + left) as u64
    }

    pub(crate) fn push(&mut self, record: Record) {
        self.wait.add(record.queue_ns);
        self.handle.add(record.handle_ns);
        let ok = record.ok;
        if let Some(count) = self.count(record.kind) {
            if ok {
                count.done += 1;
            } else {
                count.failed += 1;
            }
        }
        if !ok {
            self.wreck.get_or_insert_default().fatal = Some((record.kind, record.fields.clone()));
        }
        if self.records.len() == RECORDS_MAX {
            self.records.pop_front();
        }
        self.records.push_back(record);
    }

    pub(crate) fn lose<M: Inspect>(&mut self, msg: &M, sender: Option<Arc<str>>, action: Option<Arc<str>>) {
        // Runs in a drop: a panic in someone's `fields` must not become an abort.
        let Ok(kind) = caught(|| msg.kind()) else { return };
        if let Some(count) = self.count(kind) {
            count.lost += 1;
        }
        if self.left.len() < LEFT_MAX {
            self.left.push(LeftMessage {
                kind,
                sender: sender.map(|sender| sender.to_string()),
                action: action.map(|action| action.to_string()),
                fields: shown(msg),
            });
        }
    }

    fn count(&mut self, kind: &'static str) -> Option<&mut KindCount> {
        let found = self.kinds.iter().position(|count| count.kind == kind);
        if found.is_none() && self.kinds.len() == KINDS_MAX {
            return None;
        }
        let index = found.unwrap_or_else(|| {
            self.kinds.push(KindCount { kind, done: 0, failed: 0, lost: 0 });
            self.kinds.len() - 1
        });
        self.kinds.get_mut(index)
    }
}

/// What a message lets be seen; nothing if its code panics.
pub(crate) fn shown<M: Inspect>(msg: &M) -> Fields {
    bounded(caught(|| msg.fields()).unwrap_or_default())
}

pub(crate) fn bounded(mut fields: Fields) -> Fields {
    fields.truncate(FIELDS_MAX);
    for (_, value) in &mut fields {
        if value.len() > FIELD_BYTES_MAX {
            let end = (0..=FIELD_BYTES_MAX).rev().find(|&at| value.is_char_boundary(at));
            value.truncate(end.unwrap_or(0));
            value.push('…');
        }
    }
    fields
}
