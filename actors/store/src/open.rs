//! Opening: the directory's stamp, the database, the first transaction, the writer.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::{Arc, RwLock};

use mm_core::id::Epoch;
use redb::backends::FileBackend;
use redb::{Builder, Database, ReadableDatabase, StorageBackend};

use crate::apply::{self, Applier, FirstError, Opened};
use crate::dir::{self, DATABASE_FILE, DirError, ReadLock, Stamp};
use crate::error::{OpenError, StorageFault};
use crate::memory::SharedMemory;
use crate::overlay::Overlay;
use crate::store::{Backend, Inner, Mode, Options, Store};
use crate::tables::{META, meta, read_meta};
use crate::writer::Writer;
use crate::{FORMAT, files};

/// A command that reads needs little cache.
const READ_CACHE_BYTES: usize = 4 << 20;
/// A new database gets its name when it is whole: redb does not open a file whose making was cut short.
const NEW_FILE: &str = ".store.redb.new";

pub fn open(options: Options) -> Result<Store, OpenError> {
    let (db, opened) = match &options.backend {
        Backend::Memory(memory) => open_memory(memory, &options)?,
        Backend::Dir(path) => match open_dir(path, &options) {
            // Even a delete needs room: copy on write.
            Err(OpenError::Database(fault)) if fault.is_full() && dir::free_ballast(path) => {
                tracing::warn!("the disk is full; the ballast was freed, free more");
                open_dir(path, &options)?
            }
            other => other?,
        },
    };
    let db = Arc::new(db);
    let applier = Applier::new(db.clone(), opened.epoch, options.entropy.clone(), opened.tip);
    let writer = match options.mode {
        Mode::Inline => Writer::inline(applier, options.on_fatal),
        Mode::Threaded => Writer::threaded(applier, options.on_fatal)?,
    };
    Ok(assemble(db, Some(writer), options.stamp, opened.epoch, None))
}

fn assemble(
    db: Arc<Database>,
    writer: Option<Writer>,
    stamp: Stamp,
    epoch: Epoch,
    read_lock: Option<ReadLock>,
) -> Store {
    let db = RwLock::new(Some(db));
    Store { inner: Arc::new(Inner { db, writer, stamp, epoch, _read_lock: read_lock }) }
}

fn open_dir(path: &Path, options: &Options) -> Result<(Database, Opened), OpenError> {
    let io = |error| OpenError::Dir(DirError::io(path)(error));
    let stamp = dir::check_stamp(path, options.stamp).map_err(OpenError::Dir)?;
    let database = path.join(DATABASE_FILE);
    let (aside, is_new) = (path.join(NEW_FILE), !stamp.database_made && !database.exists());
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(is_new)
        .truncate(is_new)
        .mode(0o600)
        .open(if is_new { &aside } else { &database })
        .map_err(io)?;
    let backend = FileBackend::new(file).map_err(|error| OpenError::Database(error.into()))?;
    let opened = start(backend, options)?;
    if is_new {
        std::fs::rename(&aside, &database).map_err(io)?;
    }
    files::sync_dir(path).map_err(io)?;
    dir::mark_made(path, stamp).map_err(OpenError::Dir)?;
    Ok(opened)
}

fn open_memory(memory: &SharedMemory, options: &Options) -> Result<(Database, Opened), OpenError> {
    memory.clear_unless_made();
    let opened = start(memory.handle(), options)?;
    memory.mark_made();
    Ok(opened)
}

fn start(backend: impl StorageBackend, options: &Options) -> Result<(Database, Opened), OpenError> {
    guarded(|| {
        let db = database(backend, options.cache_bytes)?;
        let opened = apply::first(&db, options.stamp).map_err(|error| refuse(error, options.stamp))?;
        Ok((db, opened))
    })
}

fn database(backend: impl StorageBackend, cache_bytes: usize) -> Result<Database, OpenError> {
    let mut builder = Builder::new();
    builder.set_cache_size(cache_bytes);
    builder.create_with_backend(backend).map_err(|error| OpenError::Database(error.into()))
}

/// redb trusts a file that was closed cleanly and may panic on one that was changed since.
fn guarded<T>(open: impl FnOnce() -> Result<T, OpenError>) -> Result<T, OpenError> {
    std::panic::catch_unwind(AssertUnwindSafe(open)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(OpenError::Corrupt(text.unwrap_or_else(|| "no reason given".to_owned())))
    })
}

fn refuse(error: FirstError, wanted: Stamp) -> OpenError {
    match error {
        FirstError::Storage(fault) => OpenError::Database(fault),
        FirstError::Meta(error) => OpenError::Meta(error),
        FirstError::Newer(found) => OpenError::Newer { found, known: FORMAT },
        FirstError::Stamp(found) => OpenError::Stamp { found, wanted },
    }
}

pub fn open_read_only(path: &Path) -> Result<Store, OpenError> {
    let lock = ReadLock::take(path).map_err(OpenError::Dir)?;
    let file = match OpenOptions::new().read(true).open(path.join(DATABASE_FILE)) {
        Ok(file) => file,
        Err(_) => return Err(OpenError::Missing(path.to_owned())),
    };
    let overlay = Overlay::new(file).map_err(|error| OpenError::Dir(DirError::io(path)(error)))?;
    let (db, stamp, epoch) = guarded(|| {
        let db = database(overlay, READ_CACHE_BYTES)?;
        let (stamp, epoch) = read_meta_rows(&db, path)?;
        Ok((db, stamp, epoch))
    })?;
    Ok(assemble(Arc::new(db), None, stamp, epoch, Some(lock)))
}

fn read_meta_rows(db: &Database, path: &Path) -> Result<(Stamp, Epoch), OpenError> {
    let fault = |error: StorageFault| OpenError::Database(error);
    let txn = db.begin_read().map_err(|error| fault(error.into()))?;
    let table = match txn.open_table(META) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Err(OpenError::Missing(path.to_owned())),
        Err(error) => return Err(fault(error.into())),
    };
    let stamp = apply::check_meta(&table).map_err(|error| refuse(error, Stamp::Live))?;
    let epoch: Option<u64> = read_meta(&table, meta::EPOCH).map_err(OpenError::Meta)?;
    match (stamp, epoch) {
        (Some(stamp), Some(epoch)) => Ok((stamp, Epoch(epoch))),
        _ => Err(OpenError::Missing(path.to_owned())),
    }
}
