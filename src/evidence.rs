//! Where the audit trail's key and anchors lie on a real machine: two small files for keys, and the file
//! of anchors that the configuration names.
//!
//! The key lies apart from the store, for its owner alone: one that others can read is refused, as is one
//! of another length. It is 32 bytes; [`KeyFiles`] is the one place that reads them. An anchor is a line
//! that is appended and synced; the file may lie on another disk.
//!
//! What fails is one sentence that names the file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use mm_core::audit::checkpoint::{SEED_BYTES, Seed};
use mm_services::audit::{AnchorFile, SigningKeys, Which};

/// The key's file in a data directory, where the configuration names no other.
pub const KEY_FILE: &str = "audit.key";
/// The files of the key that signs.
pub struct KeyFiles {
    current: PathBuf,
}

impl KeyFiles {
    /// The key in `path`; one that will take its place lies beside it.
    pub fn at(path: PathBuf) -> KeyFiles {
        KeyFiles { current: path }
    }

    fn path(&self, which: Which) -> PathBuf {
        match which {
            Which::Current => self.current.clone(),
            Which::Next => self.current.with_extension("key-next"),
        }
    }
}

fn wrong(path: &Path, what: &str, error: &io::Error) -> String {
    format!("could not {what} `{}`: {error}", path.display())
}

impl SigningKeys for KeyFiles {
    fn read(&self, which: Which) -> Result<Option<Seed>, String> {
        let path = self.path(which);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(wrong(&path, "read", &error)),
        };
        let about = file.metadata().map_err(|error| wrong(&path, "read", &error))?;
        let shown = path.display();
        if about.mode() & 0o077 != 0 {
            return Err(format!("others may read `{shown}`, which signs the audit trail: `chmod 600` it"));
        }
        let mut seed = [0u8; SEED_BYTES];
        if about.len() != SEED_BYTES as u64 || file.read_exact(&mut seed).is_err() {
            return Err(format!(
                "`{shown}` holds no key of {SEED_BYTES} bytes: put it back from a backup, or remove it and a new one \
                 is made"
            ));
        }
        Ok(Some(Seed::new(seed)))
    }

    fn keep(&self, which: Which, seed: &Seed) -> Result<(), String> {
        let path = self.path(which);
        let aside = path.with_extension("key-new");
        let kept = || -> io::Result<()> {
            // What a crash left of it may have been made with other rights.
            match std::fs::remove_file(&aside) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
            file.write_all(seed.expose())?;
            file.sync_all()?;
            std::fs::rename(&aside, &path)?;
            sync_parent(&path)
        };
        kept().map_err(|error| wrong(&path, "write", &error))
    }

    fn forget_next(&self) -> Result<(), String> {
        let path = self.path(Which::Next);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(wrong(&path, "remove", &error)),
            _ => Ok(()),
        }
    }

    fn place(&self) -> String {
        self.current.display().to_string()
    }
}

fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

/// The file of anchors.
pub struct AnchorLines;

impl AnchorFile for AnchorLines {
    fn append(&self, path: &Path, line: &str) -> Result<(), String> {
        let appended = || -> io::Result<()> {
            let is_new = !path.exists();
            let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
            // What a crash left of a line stays a line of its own, and is seen as one that is cut.
            let whole = tail(&mut file, 1)?.last().is_none_or(|byte| *byte == b'\n');
            let text = format!("{}{line}\n", if whole { "" } else { "\n" });
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            if is_new { sync_parent(path) } else { Ok(()) }
        };
        appended().map_err(|error| wrong(path, "append to", &error))
    }

    fn newest(&self, path: &Path, bytes: u64) -> Result<Vec<String>, String> {
        // One byte more shows whether the first line of the end is a whole one.
        let end = match File::open(path).and_then(|mut file| tail(&mut file, bytes.saturating_add(1))) {
            Ok(end) => end,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(wrong(path, "read", &error)),
        };
        let text = String::from_utf8_lossy(&end);
        let cut = if end.len() as u64 > bytes { text.find('\n').unwrap_or(text.len()) } else { 0 };
        let whole = text.rfind('\n').and_then(|end| text.get(cut..end)).unwrap_or_default();
        Ok(whole.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect())
    }
}

/// The last bytes of a file.
fn tail(file: &mut File, bytes: u64) -> io::Result<Vec<u8>> {
    let len = file.metadata()?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(bytes)))?;
    let mut end = Vec::new();
    file.take(bytes).read_to_end(&mut end)?;
    Ok(end)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_kept_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let keys = KeyFiles::at(dir.path().join(KEY_FILE));
        assert!(keys.read(Which::Current).unwrap().is_none());
        for which in [Which::Current, Which::Next] {
            keys.keep(which, &Seed::new([which as u8; 32])).unwrap();
            keys.keep(which, &Seed::new([7 + which as u8; 32])).unwrap();
            assert_eq!(keys.read(which).unwrap().unwrap().expose(), &[7 + which as u8; 32]);
        }
        keys.forget_next().unwrap();
        keys.forget_next().unwrap();
        assert!(keys.read(Which::Next).unwrap().is_none());
        let path = dir.path().join(KEY_FILE);
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(keys.read(Which::Current).unwrap_err().contains("chmod 600"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, [0; 31]).unwrap();
        assert!(keys.read(Which::Current).unwrap_err().contains("no key of 32 bytes"));
    }

    #[test]
    fn the_last_line_is_one_that_was_ended() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("anchors");
        let newest = |bytes| AnchorLines.newest(&path, bytes).unwrap();
        assert!(newest(u64::MAX).is_empty());
        AnchorLines.append(&path, "one").unwrap();
        std::fs::write(&path, "one\ntw").unwrap();
        assert_eq!(newest(u64::MAX), ["one"]);
        AnchorLines.append(&path, "three").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntw\nthree\n");
        assert_eq!(newest(u64::MAX), ["one", "tw", "three"]);
        assert_eq!(
            (newest(9), newest(8), newest(6)),
            (vec!["tw".into(), "three".into()], vec!["three".into()], vec!["three".into()])
        );
        assert!(newest(5).is_empty(), "no part of a line is taken for one");
        let away = dir.path().join("away").join("anchors");
        assert!(AnchorLines.append(&away, "x").unwrap_err().contains("away/anchors"));
    }
}
