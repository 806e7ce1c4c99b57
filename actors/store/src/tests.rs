//! What the tests of the store share.

mod changes;
mod crash;
mod damage;
mod dir;
mod records;
mod unfinished;

use std::sync::{Arc, Mutex};

use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_core::seams::{Entropy, SharedEntropy, SplitMix64};
use serde::{Deserialize, Serialize};

use crate::*;

/// Seeded entropy.
struct Seeded(Mutex<SplitMix64>);

impl Entropy for Seeded {
    fn fill(&self, buffer: &mut [u8]) {
        let mut numbers = self.0.lock().unwrap();
        buffer.iter_mut().for_each(|byte| *byte = numbers.next_u64() as u8);
    }
}

pub(crate) fn entropy() -> SharedEntropy {
    Arc::new(Seeded(Mutex::new(SplitMix64(1))))
}

/// The record of the tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) text: String,
}

impl Record for Note {
    const KIND: Kind = Kind::new("test-note", 65_000, 1);
}

pub(crate) fn note(text: impl ToString) -> Note {
    Note { text: text.to_string() }
}

pub(crate) fn space() -> Space {
    Space::default_owner()
}

pub(crate) fn key(id: &str) -> Key {
    Key::new(&space(), Note::KIND, id).unwrap()
}

pub(crate) fn put(id: &str, text: impl ToString) -> Change {
    Change::new().put(&space(), id, &note(text)).unwrap()
}

pub(crate) fn entry(n: i64) -> NewEntry {
    NewEntry::new(Moment::from_unix_ms(n), &space(), "test.happened", &n).unwrap()
}

pub(crate) fn open(memory: &SharedMemory) -> Store {
    Store::open(Options::in_memory(memory.clone(), entropy())).unwrap()
}

pub(crate) fn text(store: &Store, id: &str) -> Option<String> {
    store.get::<Note>(&space(), id).unwrap().map(|row| row.value.text)
}

/// An error with its sources, as people see it.
pub(crate) fn said(error: &dyn std::error::Error) -> String {
    error::chain(error)
}
