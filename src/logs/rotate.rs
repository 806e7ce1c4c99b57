//! A log file that is put aside when it is large, so that logs never fill a disk.
//!
//! Lines are written at once and whole; none is dropped, cut or split over two files. If the file
//! cannot be put aside it grows on until it can; if it cannot be written, that is said once on stderr
//! (where the lines go too) and tried again with every line. Only the daemon writes here.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The file that is being written; older ones are `money-machine.log.1` (the youngest) and so on.
pub const NAME: &str = "money-machine.log";

/// Writes to [`NAME`] in a directory and keeps the directory small.
#[derive(Debug)]
pub struct RotatingFile {
    dir: PathBuf,
    file: File,
    /// Bytes in the file.
    length: u64,
    max_bytes: u64,
    keep: u16,
    /// A failure has been said and not been followed by a success.
    complained: bool,
}

impl RotatingFile {
    /// Opens or makes the file, for this user alone, and removes files beyond `keep`.
    ///
    /// # Errors
    /// When the directory or the file cannot be made or opened.
    pub fn open(dir: &Path, max_bytes: u64, keep: u16) -> io::Result<RotatingFile> {
        std::fs::create_dir_all(dir)?;
        let (file, length) = open(&dir.join(NAME))?;
        let rotating = RotatingFile { dir: dir.to_owned(), file, length, max_bytes, keep, complained: false };
        rotating.remove_beyond(keep);
        Ok(rotating)
    }

    fn put_aside(&mut self) -> io::Result<()> {
        self.remove_beyond(self.keep.saturating_sub(1));
        for number in (1..self.keep).rev() {
            let from = self.numbered(number);
            if from.exists() {
                std::fs::rename(from, self.numbered(number + 1))?;
            }
        }
        std::fs::rename(self.dir.join(NAME), self.numbered(1))?;
        let (file, length) = open(&self.dir.join(NAME))?;
        self.file = file;
        self.length = length;
        Ok(())
    }

    fn numbered(&self, number: u16) -> PathBuf {
        self.dir.join(format!("{NAME}.{number}"))
    }

    /// Removes put-aside files with a number above `keep`, also those of an earlier, larger `keep`.
    fn remove_beyond(&self, keep: u16) {
        let Ok(entries) = std::fs::read_dir(&self.dir) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let number = name
                .to_str()
                .and_then(|name| name.strip_prefix(NAME)?.strip_prefix('.')?.parse::<u16>().ok());
            if number.is_some_and(|number| number > keep) {
                let _ = std::fs::remove_file(entry.path()); // one file too many until the next time
            }
        }
    }

    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let after = self.length.saturating_add(line.len() as u64);
        let put_aside = if self.length > 0 && after > self.max_bytes { self.put_aside() } else { Ok(()) };
        self.file.write_all(line)?;
        self.length = self.length.saturating_add(line.len() as u64);
        put_aside
    }
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    let length = file.metadata()?.len();
    Ok((file, length))
}

impl Write for RotatingFile {
    /// Takes one whole line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.append(line) {
            Ok(()) => self.complained = false,
            Err(error) if !std::mem::replace(&mut self.complained, true) => {
                eprintln!(
                    "the log file in `{}` is in trouble, lines go on here: {error}",
                    self.dir.display()
                );
            }
            Err(_) => {}
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(dir: &Path) -> Vec<(String, String)> {
        let mut files: Vec<(String, String)> = std::fs::read_dir(dir)
            .unwrap()
            .flatten()
            .map(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                (name, std::fs::read_to_string(entry.path()).unwrap())
            })
            .collect();
        files.sort();
        files
    }

    /// Every combination of line length, limit and number kept: what is kept is exactly the newest
    /// lines, whole and in order, and no file is larger than it may be.
    #[test]
    fn the_newest_lines_are_kept_whole_and_in_order() {
        for (max_bytes, keep, width) in [(40, 1, 6), (40, 3, 6), (20, 2, 19), (20, 2, 30), (64, 5, 1)] {
            let dir = tempfile::tempdir().unwrap();
            let mut log = RotatingFile::open(dir.path(), max_bytes, keep).unwrap();
            let lines: Vec<String> = (0..40).map(|n| format!("{n:0width$}\n")).collect();
            for (index, line) in lines.iter().enumerate() {
                if index % 7 == 0 {
                    log = RotatingFile::open(dir.path(), max_bytes, keep).unwrap(); // a restart
                }
                log.write_all(line.as_bytes()).unwrap();
            }
            let mut files = files(dir.path());
            assert!(files.len() <= usize::from(keep) + 1, "{files:?}");
            files.sort_by_key(|(name, _)| {
                name.rsplit('.').next().and_then(|n| n.parse::<u16>().ok()).unwrap_or(0)
            });
            files.reverse();
            for (_, text) in &files {
                assert!(text.len() as u64 <= max_bytes || text.lines().count() == 1, "{files:?}");
            }
            let kept: String = files.into_iter().map(|(_, text)| text).collect();
            let all = lines.concat();
            assert!(!kept.is_empty() && all.ends_with(&kept), "{kept:?}");
            assert!(kept.lines().all(|line| lines.contains(&format!("{line}\n"))));
        }
    }

    #[test]
    fn a_smaller_keep_removes_old_files_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "money-machine.log.1",
            "money-machine.log.2",
            "money-machine.log.9",
            "mine.txt",
            "money-machine.log.old",
        ] {
            std::fs::write(dir.path().join(name), name).unwrap();
        }
        RotatingFile::open(dir.path(), 100, 2).unwrap();
        let names: Vec<String> = files(dir.path()).into_iter().map(|(name, _)| name).collect();
        let left = [
            "mine.txt",
            "money-machine.log",
            "money-machine.log.1",
            "money-machine.log.2",
            "money-machine.log.old",
        ];
        assert_eq!(names, left);
    }

    #[test]
    fn a_file_that_cannot_be_put_aside_grows_and_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = RotatingFile::open(dir.path(), 10, 1).unwrap();
        std::fs::create_dir(dir.path().join("money-machine.log.1")).unwrap();
        std::fs::write(dir.path().join("money-machine.log.1/in-the-way"), "").unwrap();
        for line in ["first 1\n", "second 2\n", "third 3\n"] {
            log.write_all(line.as_bytes()).unwrap();
        }
        let text = std::fs::read_to_string(dir.path().join(NAME)).unwrap();
        assert_eq!(text, "first 1\nsecond 2\nthird 3\n");
    }
}
