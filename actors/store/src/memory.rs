//! A disk in memory: for simulation, and for tests that pull its plug.
//!
//! Clones share one disk. Each open of a store gets a handle; [`SharedMemory::restart`] and
//! [`SharedMemory::power_loss`] cut the handles there are off, as the end of a process would, and the
//! next open sees what survived.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mm_core::seams::SplitMix64;
use redb::StorageBackend;

/// The unit a power loss keeps or loses, in bytes.
const SECTOR_BYTES: usize = 512;

/// What goes wrong, counted in operations (writes, syncs, resizes) from the moment it is injected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The n-th operation and all after it fail.
    DeadAt(u64),
    /// The n-th write fails, once.
    Write(u64),
    /// The n-th sync fails, once.
    Sync(u64),
    /// Syncs succeed and do nothing.
    SyncLies,
    /// The disk is full: it cannot grow over so many bytes.
    Full(u64),
}

#[derive(Default)]
struct Disk {
    bytes: Vec<u8>,
    /// Writes since the last sync: where, what was there, what was written.
    unsynced: Vec<(usize, Vec<u8>, Vec<u8>)>,
    generation: u64,
    fault: Option<Fault>,
    /// Operations, writes and syncs since the fault was injected.
    counts: [u64; 3],
    ops: u64,
    /// Whether a store was made here, whole; as a data directory's stamp remembers it.
    made: bool,
}

impl Disk {
    fn count(&mut self, which: usize) -> io::Result<()> {
        self.ops += 1;
        self.counts[0] += 1;
        if which > 0 {
            self.counts[which] += 1;
        }
        let hit = match self.fault {
            Some(Fault::DeadAt(n)) => self.counts[0] >= n,
            Some(Fault::Write(n)) => which == 1 && self.counts[1] == n,
            Some(Fault::Sync(n)) => which == 2 && self.counts[2] == n,
            Some(Fault::Full(_) | Fault::SyncLies) | None => false,
        };
        if hit { Err(io::Error::other("injected fault")) } else { Ok(()) }
    }

    fn range(&self, offset: u64, len: usize) -> io::Result<std::ops::Range<usize>> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        match start.checked_add(len) {
            Some(end) if end <= self.bytes.len() => Ok(start..end),
            _ => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "past the end of the disk")),
        }
    }
}

/// A disk in memory that outlives the stores opened on it.
#[derive(Clone, Default)]
pub struct SharedMemory(Arc<Mutex<Disk>>);

impl fmt::Debug for SharedMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedMemory({} bytes)", self.disk().bytes.len())
    }
}

impl SharedMemory {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process ends here (`kill -9`): open stores are cut off, all they wrote survives.
    pub fn restart(&self) {
        let mut disk = self.disk();
        disk.generation += 1;
        disk.fault = None;
        disk.unsynced.clear();
    }

    /// The power fails here: open stores are cut off, and of each write since the last sync every
    /// sector survives with probability one half.
    pub fn power_loss(&self, seed: u64) {
        let mut disk = self.disk();
        let unsynced = std::mem::take(&mut disk.unsynced);
        let clip = |len: usize, at: usize, part: usize| at.min(len)..(at + part).min(len);
        for (at, old, _) in unsynced.iter().rev() {
            let range = clip(disk.bytes.len(), *at, old.len());
            let part = range.len();
            disk.bytes[range].copy_from_slice(&old[..part]);
        }
        let mut coin = SplitMix64(seed);
        for (at, _, new) in &unsynced {
            for (n, sector) in new.chunks(SECTOR_BYTES).enumerate() {
                if coin.next_u64() & 1 == 1 {
                    let range = clip(disk.bytes.len(), at + n * SECTOR_BYTES, sector.len());
                    let part = range.len();
                    disk.bytes[range].copy_from_slice(&sector[..part]);
                }
            }
        }
        disk.generation += 1;
        disk.fault = None;
    }

    /// Makes the disk fail from here on; replaces a fault injected before.
    pub fn inject(&self, fault: Fault) {
        let mut disk = self.disk();
        disk.fault = Some(fault);
        disk.counts = [0; 3];
    }

    /// Takes an injected fault away.
    pub fn heal(&self) {
        self.disk().fault = None;
    }

    /// Writes, syncs and resizes so far.
    pub fn ops(&self) -> u64 {
        self.disk().ops
    }

    /// A copy of the disk as it is now, with its own life.
    pub fn image(&self) -> SharedMemory {
        let (bytes, made) = {
            let disk = self.disk();
            (disk.bytes.clone(), disk.made)
        };
        SharedMemory(Arc::new(Mutex::new(Disk { bytes, made, ..Disk::default() })))
    }

    /// All that the disk holds, for who looks for what must not be there.
    pub fn bytes(&self) -> Vec<u8> {
        self.disk().bytes.clone()
    }

    /// How many bytes the disk holds.
    pub fn len(&self) -> u64 {
        self.disk().bytes.len() as u64
    }

    /// Whether nothing was ever written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A store whose making was cut short was never acknowledged: it is made again.
    pub(crate) fn clear_unless_made(&self) {
        let mut disk = self.disk();
        if !disk.made {
            disk.bytes.clear();
            disk.unsynced.clear();
        }
    }

    pub(crate) fn mark_made(&self) {
        self.disk().made = true;
    }

    /// A handle for one open of a store. It takes the disk from whoever had it open before, as a lock would keep
    /// them out: a store that is dropped late would write under the new one.
    pub(crate) fn handle(&self) -> Handle {
        let mut disk = self.disk();
        disk.generation += 1;
        Handle { generation: disk.generation, memory: self.clone() }
    }
}

/// One open store's hold on the disk.
#[derive(Debug)]
pub(crate) struct Handle {
    memory: SharedMemory,
    generation: u64,
}

impl Handle {
    fn disk(&self) -> io::Result<MutexGuard<'_, Disk>> {
        let disk = self.memory.disk();
        if disk.generation != self.generation {
            return Err(io::Error::other("this handle's process has ended"));
        }
        Ok(disk)
    }
}

impl StorageBackend for Handle {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk()?.bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let disk = self.disk()?;
        let range = disk.range(offset, out.len())?;
        out.copy_from_slice(&disk.bytes[range]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut disk = self.disk()?;
        disk.count(0)?;
        if matches!(disk.fault, Some(Fault::Full(max)) if len > max && len > disk.bytes.len() as u64) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        disk.bytes.resize(usize::try_from(len).map_err(io::Error::other)?, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.disk()?;
        disk.count(2)?;
        if disk.fault != Some(Fault::SyncLies) {
            disk.unsynced.clear();
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut disk = self.disk()?;
        disk.count(1)?;
        let range = disk.range(offset, data.len())?;
        let old = disk.bytes[range.clone()].to_vec();
        disk.bytes[range.clone()].copy_from_slice(data);
        disk.unsynced.push((range.start, old, data.to_vec()));
        Ok(())
    }
}
