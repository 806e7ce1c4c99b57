//! The data directory: who may use it, what kind it is, and how often it was booted.
//!
//! ```text
//! stamp.json     live or sandbox, the store's format, whether a database was made (never rewritten else)
//! store.redb     the database
//! daemon.lock    held by the daemon; its text is the daemon's pid
//! readers.lock   held shared by commands that read without a daemon, exclusively by the daemon
//! boots.json     boot attempts since the last good one, and the kernel's own budget
//! boots.step     what the boot is doing (not synced)
//! ballast        1 MiB to free when the disk is full
//! ```
//!
//! Nothing here opens the database. Every refusal is one sentence that says what to do, and leaves
//! what was there as it was.

mod boots;
mod lock;
mod stamp;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

pub use boots::{BootBook, Boots, FailedBoot};
pub use stamp::Stamp;
pub(crate) use stamp::{check_stamp, mark_made};

use crate::files;
use lock::Locks;

/// The database's file name.
pub const DATABASE_FILE: &str = "store.redb";
const BALLAST_FILE: &str = "ballast";
const BALLAST_BYTES: usize = 1 << 20;

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DirError {
    /// It cannot be made or written.
    #[error(
        "cannot write in the data directory `{}`: make it a directory this user may write, or give \
         another with --data-dir", path.display()
    )]
    NotWritable {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another daemon runs on it.
    #[error(
        "another daemon{} uses the data directory `{}`: ask it with `money-machine status`, stop it, or \
         give another --data-dir", pid.map_or(String::new(), |pid| format!(" (pid {pid})")), path.display()
    )]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The daemon's process, if its lock file says it.
        pid: Option<u32>,
    },
    /// A command that reads without a daemon has held it for seconds.
    #[error("a command is still reading the data directory `{}`: let it end, then start again", .0.display())]
    BeingRead(PathBuf),
    /// The other kind of run.
    #[error(
        "the data directory `{}` belongs to {found} runs and this is a {wanted} run: give another with \
         --data-dir{}", path.display(),
        if *wanted == Stamp::Live { ", or run with --sandbox" } else { ", or run without --sandbox" }
    )]
    WrongStamp {
        /// The directory.
        path: PathBuf,
        /// What it is.
        found: Stamp,
        /// What was asked for.
        wanted: Stamp,
    },
    /// Written by a newer version.
    #[error(
        "the data directory `{}` was written by a newer version of money-machine (format {found}; this \
         one knows {known}): run the newer version, or give another --data-dir", path.display()
    )]
    Newer {
        /// The directory.
        path: PathBuf,
        /// The format found.
        found: u32,
        /// The format this program knows.
        known: u32,
    },
    /// A database was made here and is gone.
    #[error(
        "the database `{}` is missing or empty though one was made here: put it back or restore a backup; to \
         begin anew on purpose, give another --data-dir", .0.display()
    )]
    DatabaseMissing(PathBuf),
    /// A database without its stamp.
    #[error(
        "the data directory `{}` holds a database without its stamp.json, so whether it is live or \
         sandbox is not known: put that file back, or give another --data-dir", .0.display()
    )]
    NoStamp(PathBuf),
    /// A small file in it does not open.
    #[error("`{}` is damaged: restore it from a backup, or give another --data-dir", path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// There is nothing here.
    #[error("there is no money-machine data in `{}`: start the daemon once, or give another --data-dir", .0.display())]
    NoData(PathBuf),
}

impl DirError {
    pub(crate) fn io(path: &Path) -> impl Fn(io::Error) -> DirError {
        let path = path.to_owned();
        move |source| DirError::NotWritable { path: path.clone(), source }
    }
}

/// A data directory held by this daemon, until it is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    locks: Locks,
}

impl DataDir {
    /// Takes `path` for a daemon with process id `pid`; makes it (0700) where there is none.
    ///
    /// # Errors
    /// [`DirError`]; see its variants.
    pub fn open_for_daemon(path: &Path, stamp: Stamp, pid: u32) -> Result<DataDir, DirError> {
        let unwritable = DirError::io(path);
        let new: Vec<&Path> = path.ancestors().take_while(|part| !part.exists()).collect();
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(&unwritable)?;
        for parent in new.iter().filter_map(|part| part.parent()) {
            // Not every parent may be opened; the new name is then as durable as it gets.
            let _ = files::sync_dir(if parent.as_os_str().is_empty() { Path::new(".") } else { parent });
        }
        let locks = Locks::take(path, pid)?;
        check_stamp(path, stamp)?;
        let dir = DataDir { path: path.to_owned(), locks };
        dir.make_ballast();
        Ok(dir)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The pid of the daemon that holds `path` now; `None` if none does.
    pub fn daemon_pid(path: &Path) -> Option<u32> {
        lock::holder(path).flatten()
    }

    /// What kind of runs `path` belongs to; `None` if it was never used.
    ///
    /// # Errors
    /// [`DirError::BadFile`] or [`DirError::NotWritable`] for a stamp that does not open,
    /// [`DirError::Newer`] for one of a newer version.
    pub fn stamp_of(path: &Path) -> Result<Option<Stamp>, DirError> {
        stamp::look(path)
    }

    /// Whether the database that was made in `path` is there still, if one was made.
    ///
    /// # Errors
    /// [`DirError::DatabaseMissing`] where it is gone, or as [`DataDir::stamp_of`].
    pub fn look_for_database(path: &Path) -> Result<(), DirError> {
        stamp::look_for_database(path)
    }

    /// Whether the ballast is there.
    pub fn has_ballast(&self) -> bool {
        self.path.join(BALLAST_FILE).exists()
    }

    /// Puts the ballast back; a full disk leaves it away.
    fn make_ballast(&self) {
        let path = self.path.join(BALLAST_FILE);
        if path.metadata().is_ok_and(|meta| meta.len() >= BALLAST_BYTES as u64) {
            return;
        }
        let made =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path).and_then(
                |mut file: File| file.write_all(&vec![0xB5; BALLAST_BYTES]).and_then(|()| file.sync_all()),
            );
        if made.is_err() {
            let _ = std::fs::remove_file(&path);
            tracing::warn!("no room for the ballast file: the disk is full or nearly so");
        }
    }

    /// Closes it: takes the pid out of the lock file and lets go.
    pub fn close(self) {
        drop(self.locks);
    }
}

/// Frees the ballast of `path`; `true` if there was one.
pub(crate) fn free_ballast(path: &Path) -> bool {
    let freed = std::fs::remove_file(path.join(BALLAST_FILE)).is_ok();
    let _ = files::sync_dir(path);
    freed
}

pub(crate) use lock::ReadLock;
