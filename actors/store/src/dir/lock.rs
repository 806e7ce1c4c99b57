//! Two lock files, so that a second daemon can be told from a command that reads.
//!
//! The kernel lets a lock go when its process ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use super::DirError;

const DAEMON_LOCK: &str = "daemon.lock";
const READERS_LOCK: &str = "readers.lock";
/// How often and how long a starting daemon waits for commands that read: five seconds in all.
const READER_TRIES: u32 = 100;
const READER_WAIT: Duration = Duration::from_millis(50);

/// A daemon's hold on its directory.
#[derive(Debug)]
pub struct Locks {
    daemon: File,
    _readers: File,
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn pid_in(mut file: &File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

impl Locks {
    pub fn take(dir: &Path, pid: u32) -> Result<Locks, DirError> {
        let unwritable = DirError::io(dir);
        let mut daemon = open(&dir.join(DAEMON_LOCK)).map_err(&unwritable)?;
        match daemon.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(DirError::InUse { path: dir.to_owned(), pid: pid_in(&daemon) });
            }
            Err(TryLockError::Error(error)) => return Err(unwritable(error)),
        }
        let readers = open(&dir.join(READERS_LOCK)).map_err(&unwritable)?;
        wait_for_readers(&readers, dir)?;
        daemon
            .set_len(0)
            .and_then(|()| writeln!(daemon, "{pid}"))
            .and_then(|()| daemon.sync_all())
            .map_err(&unwritable)?;
        Ok(Locks { daemon, _readers: readers })
    }
}

impl Drop for Locks {
    fn drop(&mut self) {
        // The pid is only a courtesy to whoever is refused; the lock itself goes with the file.
        let _ = self.daemon.set_len(0);
    }
}

/// Readers hold the lock for milliseconds, so waiting for them is kinder than refusing to start.
fn wait_for_readers(readers: &File, dir: &Path) -> Result<(), DirError> {
    for _ in 0..READER_TRIES {
        match readers.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => std::thread::park_timeout(READER_WAIT),
            Err(TryLockError::Error(error)) => return Err(DirError::io(dir)(error)),
        }
    }
    Err(DirError::BeingRead(dir.to_owned()))
}

/// `Some(pid)` while a daemon holds `dir`.
pub fn holder(dir: &Path) -> Option<Option<u32>> {
    let readers = File::open(dir.join(READERS_LOCK)).ok()?;
    match readers.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {
            Some(File::open(dir.join(DAEMON_LOCK)).ok().and_then(|file| pid_in(&file)))
        }
        _ => None,
    }
}

/// The hold of a command that reads without a daemon.
#[derive(Debug)]
pub struct ReadLock(#[expect(dead_code, reason = "held, not used")] File);

impl ReadLock {
    pub fn take(dir: &Path) -> Result<ReadLock, DirError> {
        let Ok(readers) = File::open(dir.join(READERS_LOCK)) else {
            return Err(DirError::NoData(dir.to_owned()));
        };
        match readers.try_lock_shared() {
            Ok(()) => Ok(ReadLock(readers)),
            Err(TryLockError::WouldBlock) => {
                let pid = File::open(dir.join(DAEMON_LOCK)).ok().and_then(|file| pid_in(&file));
                Err(DirError::InUse { path: dir.to_owned(), pid })
            }
            Err(TryLockError::Error(error)) => Err(DirError::io(dir)(error)),
        }
    }
}
