//! What can go wrong, each where it arises.

use std::path::PathBuf;

use crate::codec::CodecError;
use crate::dir::{DirError, Stamp};
use crate::key::{BadKey, Key};
use crate::record::Unreadable;

/// What the database said.
#[derive(Debug, thiserror::Error)]
#[error("the database failed")]
pub struct StorageFault(#[source] Box<redb::Error>);

impl StorageFault {
    /// Whether the disk is full.
    pub fn is_full(&self) -> bool {
        matches!(&*self.0, redb::Error::Io(error) if error.kind() == std::io::ErrorKind::StorageFull)
    }
}

macro_rules! faults {
    ($($error:ty),*) => {
        $(impl From<$error> for StorageFault {
            fn from(error: $error) -> Self {
                Self(Box::new(error.into()))
            }
        })*
    };
}
faults!(
    redb::DatabaseError,
    redb::TransactionError,
    redb::TableError,
    redb::StorageError,
    redb::CommitError,
    redb::SetDurabilityError
);

/// Why a store did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data directory says no.
    #[error("the data directory cannot be used")]
    Dir(#[source] DirError),
    /// The database file would not open.
    #[error("could not open the database; if this stays, restore a backup (nothing was changed)")]
    Database(#[source] StorageFault),
    /// The database made redb panic: its inner structure is damaged.
    #[error("the database is damaged inside ({0}); restore a backup (nothing was changed)")]
    Corrupt(String),
    /// Written by a newer version.
    #[error(
        "this store was written by a newer version of money-machine (format {found}; this one knows \
         {known}): run the newer version, or give another --data-dir"
    )]
    Newer {
        /// The format found.
        found: u32,
        /// The format this program knows.
        known: u32,
    },
    /// A live store opened as a sandbox's, or the reverse.
    #[error(
        "this store belongs to a {found} run and this is a {wanted} run: give another --data-dir{}",
        if *.wanted == Stamp::Live { ", or run with --sandbox" } else { "" }
    )]
    Stamp {
        /// What it is.
        found: Stamp,
        /// What was asked for.
        wanted: Stamp,
    },
    /// One of the store's own values is damaged.
    #[error("the store's own record does not open; restore a backup")]
    Meta(#[source] ReadError),
    /// The writer's thread could not be made.
    #[error("could not start the store's writer thread")]
    Thread(#[source] std::io::Error),
    /// No database in a directory that should have one.
    #[error("there is no store at `{0}`: start the daemon once to make it")]
    Missing(PathBuf),
}

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The id cannot be a key.
    #[error("no such row can be")]
    Key(#[from] BadKey),
    /// The row is there and does not open.
    #[error("row {key} does not open")]
    Row {
        /// The row.
        key: Key,
        /// Why.
        #[source]
        what: Unreadable,
    },
    /// One of the store's own values does not open.
    #[error("the store's record `{name}` does not open")]
    Meta {
        /// Its name.
        name: &'static str,
        /// Why.
        #[source]
        what: Unreadable,
    },
    /// An answer of a platform does not open.
    #[error("the stored answer {digest} does not open")]
    Answer {
        /// Its hash.
        digest: mm_core::digest::Digest,
        /// Why.
        #[source]
        what: Unreadable,
    },
    /// The database failed.
    #[error("could not read the store")]
    Storage(#[from] StorageFault),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

/// Why a change could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The id cannot be a key.
    #[error("the row has no possible key")]
    Key(#[from] BadKey),
    /// The codec refused the value.
    #[error("a value of kind `{kind}` has no bytes")]
    Codec {
        /// The kind.
        kind: &'static str,
        /// Why.
        #[source]
        source: CodecError,
    },
    /// A value over its kind's limit.
    #[error("a value of kind `{kind}` has {bytes} bytes; at most {max} are stored")]
    TooLarge {
        /// The kind.
        kind: &'static str,
        /// Its size in bytes.
        bytes: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// An audit payload that is no JSON.
    #[error("the payload of an audit entry has no JSON form")]
    Json(#[source] serde_json::Error),
    /// A snapshot's name with an `@`, which parts name and generation.
    #[error("`{0}` cannot name a snapshot: it holds an `@`")]
    SnapshotName(String),
}

/// Why a change was not committed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// A row is not as the change expected; nothing of the change was applied.
    #[error("row {key} is {}, and the change expected {expected}", found.map_or("absent".to_owned(), |v| format!("at version {v}")))]
    Refused {
        /// The row.
        key: Key,
        /// What the change expected.
        expected: crate::change::Expect,
        /// The version found; `None` where there is no row.
        found: Option<u64>,
    },
    /// A row the change rests on is damaged; nothing of the change was applied.
    #[error("row {key} is damaged, so the change that rests on it was not applied")]
    Damaged {
        /// The row.
        key: Key,
    },
    /// An audit entry to erase that is not there; nothing of the change was applied.
    #[error("there is no audit entry {seq} whose payload could be erased")]
    NoSuchEntry {
        /// The entry.
        seq: u64,
    },
    /// The change is larger than one transaction should be.
    #[error("the change has {bytes} bytes; at most {max} go into one: split it")]
    TooLarge {
        /// Its size in bytes.
        bytes: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// The store was closed or has failed before; the change was not looked at.
    #[error("the store has stopped; nothing was written")]
    Stopped,
    /// The store was opened for reading only.
    #[error("the store is open for reading only")]
    ReadOnly,
    /// The disk failed while the change was written: after a restart it is there whole, or not at all.
    #[error("the disk failed while this was written: whether it is stored is known after a restart")]
    Unknown,
}

/// The disk failed. The store has stopped for good; the process must end and be started anew.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the store failed and has stopped: {chain}{}", if *.disk_full { "; free space on its disk, then start again" } else { "" })]
pub struct FatalStoreError {
    /// The chain of causes, as one line.
    pub chain: String,
    /// Whether the disk is full.
    pub disk_full: bool,
}

impl FatalStoreError {
    pub(crate) fn new(error: &dyn std::error::Error, disk_full: bool) -> Self {
        Self { chain: chain(error), disk_full }
    }
}

/// An error and its sources, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}
