//! The stamp: of which kind a data directory is, for ever; and whether a database was made in it.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{DATABASE_FILE, DirError};
use crate::{FORMAT, files};

const STAMP_FILE: &str = "stamp.json";

/// The kind of run a data directory belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stamp {
    /// Acts on the real world.
    Live,
    /// Acts on the loopback sandbox.
    Sandbox,
}

impl Stamp {
    /// `live` or `sandbox`.
    pub fn as_str(self) -> &'static str {
        match self {
            Stamp::Live => "live",
            Stamp::Sandbox => "sandbox",
        }
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The stamp file's content.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct StampFile {
    pub stamp: Stamp,
    pub format: u32,
    pub database_made: bool,
}

pub fn read(dir: &Path) -> Result<Option<StampFile>, DirError> {
    let path = dir.join(STAMP_FILE);
    let Some(bytes) = files::read(&path).map_err(DirError::io(dir))? else { return Ok(None) };
    match serde_json::from_slice(&bytes) {
        Ok(file) => Ok(Some(file)),
        Err(source) => Err(DirError::BadFile { path, source }),
    }
}

fn write(dir: &Path, file: StampFile) -> Result<(), DirError> {
    let text = serde_json::to_vec_pretty(&file).expect("three plain fields have a JSON form");
    files::replace(dir, STAMP_FILE, &text).map_err(DirError::io(dir))
}

/// What kind `dir` is of; changes nothing.
pub fn look(dir: &Path) -> Result<Option<Stamp>, DirError> {
    let file = read(dir)?;
    if let Some(found) = file.map(|file| file.format).filter(|format| *format > FORMAT) {
        return Err(DirError::Newer { path: dir.to_owned(), found, known: FORMAT });
    }
    Ok(file.map(|file| file.stamp))
}

/// Checks `dir` for a run of kind `wanted`, and stamps it where it has no stamp.
pub fn check_stamp(dir: &Path, wanted: Stamp) -> Result<StampFile, DirError> {
    let path = || dir.to_owned();
    let database = dir.join(DATABASE_FILE);
    // An empty file is none: the database's engine would make a new one of it.
    let there = database.metadata().is_ok_and(|meta| !meta.is_file() || meta.len() > 0);
    let Some(file) = read(dir)? else {
        if there {
            // Stamping it now would guess what it is.
            return Err(DirError::NoStamp(path()));
        }
        let file = StampFile { stamp: wanted, format: FORMAT, database_made: false };
        write(dir, file)?;
        return Ok(file);
    };
    if file.format > FORMAT {
        return Err(DirError::Newer { path: path(), found: file.format, known: FORMAT });
    }
    if file.stamp != wanted {
        return Err(DirError::WrongStamp { path: path(), found: file.stamp, wanted });
    }
    if file.database_made && !there {
        return Err(DirError::DatabaseMissing(database));
    }
    Ok(file)
}

/// Whether `dir` has the database that was made in it, if one was; changes nothing.
pub fn look_for_database(dir: &Path) -> Result<(), DirError> {
    let database = dir.join(DATABASE_FILE);
    let there = database.metadata().is_ok_and(|meta| !meta.is_file() || meta.len() > 0);
    match read(dir)? {
        Some(file) if file.database_made && !there => Err(DirError::DatabaseMissing(database)),
        _ => Ok(()),
    }
}

/// Remembers that a database was made, before anything in it is acknowledged.
pub fn mark_made(dir: &Path, file: StampFile) -> Result<(), DirError> {
    if file.database_made { Ok(()) } else { write(dir, StampFile { database_made: true, ..file }) }
}
