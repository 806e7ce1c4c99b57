//! The unit's file: read, written whole, removed.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Why the file is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("could not read `{}`", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// It cannot be written; most often a service of the system without root.
    #[error("could not write `{}`: give this user the right to, use sudo, or install with --user", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// It cannot be removed.
    #[error("could not remove `{}`", path.display())]
    Remove {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// What stands there; `None` if there is no file.
///
/// # Errors
/// [`FileError::Read`].
pub fn read(path: &Path) -> Result<Option<String>, FileError> {
    match std::fs::read(path) {
        // Whatever it is, it is not ours then.
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FileError::Read { path: path.to_owned(), source }),
    }
}

/// Writes it whole or not at all.
///
/// # Errors
/// [`FileError::Write`].
pub fn write(path: &Path, text: &str) -> Result<(), FileError> {
    put(path, text).map_err(|source| FileError::Write { path: path.to_owned(), source })
}

fn put(path: &Path, text: &str) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    DirBuilder::new().recursive(true).create(dir)?;
    // systemd reads only names that end like those of units.
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&new)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.and_then(|()| std::fs::rename(&new, path)).inspect_err(|_| drop(std::fs::remove_file(&new)))?;
    File::open(dir)?.sync_all()
}

/// Removes it.
///
/// # Errors
/// [`FileError::Remove`].
pub fn remove(path: &Path) -> Result<(), FileError> {
    std::fs::remove_file(path).map_err(|source| FileError::Remove { path: path.to_owned(), source })
}
