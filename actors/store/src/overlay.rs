//! A database file that is read and never written: what redb would write stays in memory.
//!
//! The command line reads a store without a daemon through this. After a crash redb has to recover
//! before it can read; here it recovers in memory, and the file keeps every byte it had.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

const PAGE_BYTES: u64 = 4096;

#[derive(Debug)]
struct Layer {
    len: u64,
    /// How much of the file still shows through (it shrinks with the length, and never grows back).
    file_len: u64,
    pages: HashMap<u64, Box<[u8]>>,
}

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Overlay {
    file: File,
    layer: Mutex<Layer>,
}

impl Overlay {
    pub fn new(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { file, layer: Mutex::new(Layer { len, file_len: len, pages: HashMap::new() }) })
    }

    fn layer(&self) -> MutexGuard<'_, Layer> {
        self.layer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The page `n` of the file, zero where the file has ended.
    fn page(&self, n: u64, file_len: u64) -> io::Result<Box<[u8]>> {
        let mut page = vec![0; PAGE_BYTES as usize].into_boxed_slice();
        let start = n * PAGE_BYTES;
        let there = file_len.saturating_sub(start).min(PAGE_BYTES) as usize;
        if let Some(part) = page.get_mut(..there) {
            self.file.read_exact_at(part, start)?;
        }
        Ok(page)
    }
}

/// The parts of `len` bytes from `offset`: page number, offset in the page, offset in the part, length.
fn parts(offset: u64, len: usize) -> impl Iterator<Item = (u64, usize, usize, usize)> {
    let end = offset + len as u64;
    (offset / PAGE_BYTES..end.div_ceil(PAGE_BYTES)).map(move |n| {
        let from = offset.max(n * PAGE_BYTES);
        let to = end.min((n + 1) * PAGE_BYTES);
        (n, (from - n * PAGE_BYTES) as usize, (from - offset) as usize, (to - from) as usize)
    })
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.layer().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let layer = self.layer();
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > layer.len) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (n, in_page, in_out, len) in parts(offset, out.len()) {
            let target = &mut out[in_out..in_out + len];
            match layer.pages.get(&n) {
                Some(page) => target.copy_from_slice(&page[in_page..in_page + len]),
                None => {
                    let start = n * PAGE_BYTES + in_page as u64;
                    let there = layer.file_len.saturating_sub(start).min(len as u64) as usize;
                    target.fill(0);
                    self.file.read_exact_at(&mut target[..there], start)?;
                }
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut layer = self.layer();
        if len < layer.len {
            // What is cut off must not come back when the length grows again.
            layer.pages.retain(|n, _| n * PAGE_BYTES < len);
            layer.file_len = layer.file_len.min(len);
            if let Some(page) = layer.pages.get_mut(&(len / PAGE_BYTES)) {
                page.iter_mut().skip((len % PAGE_BYTES) as usize).for_each(|byte| *byte = 0);
            }
        }
        layer.len = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut layer = self.layer();
        for (n, in_page, in_data, len) in parts(offset, data.len()) {
            let file_len = layer.file_len;
            let page = match layer.pages.entry(n) {
                std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::hash_map::Entry::Vacant(entry) => entry.insert(self.page(n, file_len)?),
            };
            page[in_page..in_page + len].copy_from_slice(&data[in_data..in_data + len]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn writes_are_seen_and_the_file_is_untouched() {
        let mut file = tempfile::tempfile().unwrap();
        let content: Vec<u8> = (0..10_000u32).map(|n| n as u8).collect();
        file.write_all(&content).unwrap();
        let overlay = Overlay::new(file.try_clone().unwrap()).unwrap();
        let mut model = content.clone();
        for (offset, len) in [(0, 10), (4090, 12), (4096, 4096), (9990, 10), (100, 9000)] {
            let data = vec![0xEE; len];
            overlay.write(offset as u64, &data).unwrap();
            model[offset..offset + len].copy_from_slice(&data);
            let mut all = vec![0; model.len()];
            overlay.read(0, &mut all).unwrap();
            assert!(all == model, "write of {len} at {offset}");
        }
        overlay.set_len(5000).unwrap();
        overlay.set_len(12_000).unwrap();
        let mut tail = vec![1; 4000];
        overlay.read(8000, &mut tail).unwrap();
        assert!(tail == [0; 4000], "what was cut off does not come back");
        assert!(overlay.read(11_999, &mut [0, 0]).is_err());
        let mut now = vec![0; content.len()];
        file.read_exact_at(&mut now, 0).unwrap();
        assert!(now == content);
    }
}
