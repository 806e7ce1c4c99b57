//! Remembers: redb, codec, group commit, audit linking, migrations.
//!
//! Whatever must be true after `kill -9` is a [`Change`] that was handed to [`Store::commit`] and
//! answered. One writer takes what is waiting, checks every change's expectations before it applies
//! any of its rows, links the audit chain inside the transaction, commits durably, then answers.
//! Reads are short transactions in the caller's thread.
//!
//! This room may touch the data directory it is given and nothing else: no clock, no socket, no
//! environment. When the disk fails, nothing in memory can be trusted: every waiting caller is told
//! [`CommitError::Unknown`], the store stops for good, and `on_fatal` is called so that the process
//! can end with a sentence. A value whose bytes changed under us is named, never served.
//!
//! ```
//! # use std::sync::Arc;
//! # use mm_core::{id::Space, moment::Moment};
//! # use mm_store::*;
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct Visit { count: u32 }
//! impl Record for Visit {
//!     const KIND: Kind = Kind::new("example-visit", 9001, 1);
//! }
//! # struct Zero; impl mm_core::seams::Entropy for Zero { fn fill(&self, b: &mut [u8]) { b.fill(7) } }
//! let store = Store::open(Options::in_memory(SharedMemory::new(), Arc::new(Zero)))?;
//! let space = Space::default_owner();
//! let change = Change::new()
//!     .expect_absent(Key::new(&space, Visit::KIND, "home")?)
//!     .put(&space, "home", &Visit { count: 1 })?
//!     .audit(NewEntry::new(Moment::default(), &space, "visit.counted", &"home")?);
//! store.commit_blocking(change)?;
//! assert_eq!(store.get::<Visit>(&space, "home")?.expect("just stored").value.count, 1);
//! assert!(store.audit_verify(1)?.is_whole());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answers;
mod apply;
mod audit;
mod change;
pub mod codec;
mod dir;
mod error;
mod files;
pub mod frame;
pub mod golden;
mod key;
mod memory;
mod open;
mod overlay;
mod read;
mod record;
mod records;
mod snapshot;
mod store;
mod subject;
mod tables;
#[cfg(test)]
mod tests;
mod unfinished;
mod writer;

pub use answers::Pruned;
#[cfg(feature = "testing")]
pub use audit::Forgery;
pub use audit::{AuditPage, AuditRow, ERASED_KIND, PayloadState, Report};
pub use change::{Change, Expect, NewEntry};
pub use dir::{BootBook, Boots, DATABASE_FILE, DataDir, DirError, FailedBoot, Stamp};
pub use error::{ChangeError, CommitError, FatalStoreError, OpenError, ReadError, StorageFault};
pub use key::{BadKey, Key, Kind};
pub use memory::{Fault, SharedMemory};
pub use read::{Damaged, Dumped, Scanned, Span};
pub use record::{Record, Row, Unreadable};
pub use snapshot::{Loaded, SNAPSHOT_GENERATIONS, Snapshot};
pub use store::{Backend, Committed, Mode, OnFatal, Options, Store};
pub use subject::{RawPage, RawRow};

/// The store format this version reads and writes.
pub const FORMAT: u32 = 1;
