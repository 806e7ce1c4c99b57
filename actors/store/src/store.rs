//! The store as others hold it: a cheap handle to one open database and its writer.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use mm_core::id::Epoch;
use mm_core::seams::SharedEntropy;
use redb::{Database, ReadTransaction, ReadableDatabase};

use crate::change::{CHANGE_BYTES_MAX, Change};
use crate::dir::{ReadLock, Stamp};
use crate::error::{CommitError, FatalStoreError, OpenError, ReadError, StorageFault};
use crate::memory::SharedMemory;
use crate::writer::Writer;

/// Where the bytes are.
#[derive(Debug, Clone)]
pub enum Backend {
    /// The file `store.redb` in this data directory.
    Dir(PathBuf),
    /// A disk in memory, which can be opened again to simulate a restart.
    Memory(SharedMemory),
}

/// Where commits run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// On a thread of the store's own, which groups what is waiting.
    Threaded,
    /// On the caller: no thread, one order, for simulation.
    Inline,
}

/// Called once, by the writer, when the disk has failed: the process must end. It must only signal
/// that; a call into the store from here would wait for itself.
pub type OnFatal = Arc<dyn Fn(FatalStoreError) + Send + Sync>;

/// What a store is opened with.
#[derive(Clone)]
pub struct Options {
    /// Where the bytes are.
    pub backend: Backend,
    /// Where commits run.
    pub mode: Mode,
    /// The kind of run.
    pub stamp: Stamp,
    /// Salts of audit payloads come from here.
    pub entropy: SharedEntropy,
    /// redb's page cache, in bytes.
    pub cache_bytes: usize,
    /// Called when the disk has failed.
    pub on_fatal: OnFatal,
}

impl Options {
    /// The page cache where nothing else is said.
    pub const CACHE_BYTES: usize = 8 << 20;

    /// A daemon's store in `dir`; `on_fatal` only logs until it is set.
    pub fn in_dir(dir: impl Into<PathBuf>, stamp: Stamp, entropy: SharedEntropy) -> Self {
        Self { backend: Backend::Dir(dir.into()), mode: Mode::Threaded, stamp, ..Self::base(entropy) }
    }

    /// A simulated sandbox store: in memory, commits on the caller.
    pub fn in_memory(memory: SharedMemory, entropy: SharedEntropy) -> Self {
        Self { backend: Backend::Memory(memory), ..Self::base(entropy) }
    }

    fn base(entropy: SharedEntropy) -> Self {
        Self {
            backend: Backend::Memory(SharedMemory::new()),
            mode: Mode::Inline,
            stamp: Stamp::Sandbox,
            entropy,
            cache_bytes: Self::CACHE_BYTES,
            on_fatal: Arc::new(|error| tracing::error!(%error, "the store has stopped")),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("backend", &self.backend)
            .field("mode", &self.mode)
            .field("stamp", &self.stamp)
            .finish_non_exhaustive()
    }
}

/// What a commit did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Committed {
    /// The places its entries took in the audit chain; `None` if it had none.
    pub seqs: Option<RangeInclusive<u64>>,
    /// The version of each put row, in the order of the puts; 0 for a removed row.
    pub versions: Vec<u64>,
}

impl Committed {
    /// Whether anything was written. What is erased, is erased by an entry.
    pub(crate) fn wrote(&self) -> bool {
        self.seqs.is_some() || !self.versions.is_empty()
    }
}

pub(crate) struct Inner {
    pub db: RwLock<Option<Arc<Database>>>,
    pub writer: Option<Writer>,
    pub stamp: Stamp,
    pub epoch: Epoch,
    /// Held by a store that is open for reading only. After `db`, so that it is dropped last.
    pub _read_lock: Option<ReadLock>,
}

impl Inner {
    fn take_db(&self) -> Option<Arc<Database>> {
        self.db.write().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(writer) = &self.writer {
            writer.stop();
        }
    }
}

/// An open store. Clones share it; it closes when the last is dropped, or by [`Store::close`].
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({}, epoch {})", self.inner.stamp, self.inner.epoch)
    }
}

impl Store {
    /// Opens a store for writing, and makes it where there is none. Before anything else the epoch
    /// is raised, durably.
    ///
    /// # Errors
    /// [`OpenError`]; nothing was changed.
    pub fn open(options: Options) -> Result<Store, OpenError> {
        crate::open::open(options)
    }

    /// Opens the store in `dir` for reading, for a command without a daemon. Writes nothing, not even
    /// to recover after a crash. Hold it briefly: a daemon that starts meanwhile waits for it.
    ///
    /// # Errors
    /// [`OpenError`]; while a daemon holds the directory its pid is named.
    pub fn open_read_only(dir: impl Into<PathBuf>) -> Result<Store, OpenError> {
        crate::open::open_read_only(&dir.into())
    }

    /// What kind of runs the store belongs to.
    pub fn stamp(&self) -> Stamp {
        self.inner.stamp
    }

    /// How many times it has been opened for writing, this time included.
    pub fn epoch(&self) -> Epoch {
        self.inner.epoch
    }

    /// Commits `change` and returns once it is durable. A caller that goes away does not take the
    /// change back. One that holds nothing is answered in its turn and writes nothing.
    ///
    /// # Errors
    /// [`CommitError`]. [`CommitError::Unknown`] alone leaves open whether it was written.
    pub async fn commit(&self, change: Change) -> Result<Committed, CommitError> {
        self.writer(&change)?.commit(change).await
    }

    /// As [`Store::commit`], blocking the thread it is called on.
    ///
    /// # Errors
    /// [`CommitError`].
    pub fn commit_blocking(&self, change: Change) -> Result<Committed, CommitError> {
        self.writer(&change)?.commit_blocking(change)
    }

    fn writer(&self, change: &Change) -> Result<&Writer, CommitError> {
        let bytes = change.bytes();
        if bytes > CHANGE_BYTES_MAX {
            return Err(CommitError::TooLarge { bytes, max: CHANGE_BYTES_MAX });
        }
        self.inner.writer.as_ref().ok_or(CommitError::ReadOnly)
    }

    /// Whether the store takes changes: it is open for writing, not closed, and has not failed.
    pub fn is_running(&self) -> bool {
        self.inner.writer.as_ref().is_some_and(Writer::is_running)
    }

    /// Closes the store: what was handed in is committed, later commits are
    /// [`CommitError::Stopped`], later reads [`ReadError::Closed`]. Blocks until the file is closed.
    ///
    /// # Errors
    /// What redb says to the close; nothing acknowledged is lost by it.
    pub fn close(self) -> Result<(), ReadError> {
        if let Some(writer) = &self.inner.writer {
            writer.stop();
        }
        match self.inner.take_db().map(Arc::try_unwrap) {
            Some(Ok(db)) => Ok(db.close().map_err(StorageFault::from)?),
            // A read in another thread still uses it, and closes it when it ends.
            Some(Err(_)) | None => Ok(()),
        }
    }

    /// A short read transaction. Never keep it across an await: the file grows while it is open.
    pub(crate) fn begin_read(&self) -> Result<ReadTransaction, ReadError> {
        let db = self.inner.db.read().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(db.ok_or(ReadError::Closed)?.begin_read().map_err(StorageFault::from)?)
    }
}
