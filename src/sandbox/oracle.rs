//! What the sandbox received: the ground truth that tests compare with what the daemon says it did.
//!
//! Touches one file, when given one: a JSON line per request, fsynced before the request is answered,
//! so a kill between sending and recording cannot hide a request that had an effect. The values of
//! `authorization`, `cookie` and the like are not written to it.
//!
//! When it fails: an [`OracleError`] that names the file and line. A torn last line (killed while
//! writing) is cut off: its request was never answered nor acted on.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::faults::Fault;
use super::message::Request;
use super::scatter::sha256_hex;

/// How many of the newest requests stay in memory.
pub const KEPT_IN_MEMORY: usize = 10_000;

/// The longest body that is kept.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// Headers whose values are secrets.
pub(super) const SECRET: [&str; 5] =
    ["authorization", "cookie", "freelancer-oauth-v1", "proxy-authorization", "x-api-key"];

/// One request, as it was received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// When, by the caller's clock; milliseconds since 1970.
    pub at_ms: i64,
    /// The method.
    pub method: String,
    /// The logical URL.
    pub url: String,
    /// All headers, names as sent. In the oracle file, secret values read `(hidden)`.
    pub headers: Vec<(String, String)>,
    /// SHA-256 of the body, lower-case hexadecimal.
    pub body_sha256: String,
    /// Length of the body.
    pub body_bytes: u64,
    /// The body, where what it did is done again after a restart; text of at most [`BODY_BYTES_MAX`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The login that its token belonged to, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The fault it met, if any.
    pub fault: Option<String>,
    /// Did the platform act on it? False when a fault answered in its place.
    pub reached: bool,
}

/// Why the oracle file cannot be used.
#[derive(Debug, Error)]
pub enum OracleError {
    /// It cannot be opened, read or written.
    #[error("cannot use the oracle file {}; give a path in a writable directory", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A line is not one of ours.
    #[error("line {line} of the oracle file {} is not a received request; give another file", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

impl Received {
    /// What is remembered of this request.
    pub(super) fn of(request: &Request, at_ms: i64, fault: Option<&Fault>, reached: bool) -> Self {
        Self {
            at_ms,
            method: request.method.clone(),
            url: request.url.clone(),
            headers: request.headers.clone(),
            body_sha256: sha256_hex(&request.body),
            body_bytes: request.body.len() as u64,
            body: text(&request.body),
            account: None,
            fault: fault.map(|fault| fault.name().to_owned()),
            reached,
        }
    }

    /// The same, made with a token of this login.
    pub(super) fn by(self, account: Option<String>) -> Self {
        Self { account, ..self }
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    fn line(&self) -> Vec<u8> {
        let mut shown = self.clone();
        for (name, value) in &mut shown.headers {
            if SECRET.contains(&name.to_ascii_lowercase().as_str()) {
                "(hidden)".clone_into(value);
            }
        }
        let mut line = serde_json::to_vec(&shown).expect("only strings, numbers and booleans");
        line.push(b'\n');
        line
    }
}

/// A body that can be kept.
fn text(body: &[u8]) -> Option<String> {
    let kept = !body.is_empty() && body.len() <= BODY_BYTES_MAX;
    kept.then(|| std::str::from_utf8(body).ok().map(str::to_owned)).flatten()
}

/// The requests a sandbox received, in memory and, if asked, in a file.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    recent: VecDeque<Received>,
    total: u64,
    file: Option<(PathBuf, File)>,
}

impl Oracle {
    /// Opens the file for appending and says what it held already.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<Received>), OracleError> {
        let io = |source| OracleError::Io { file: path.to_owned(), source };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io)?;
        let (earlier, whole_bytes) = parse(path, &bytes)?;
        file.set_len(whole_bytes as u64).map_err(io)?;
        file.seek(SeekFrom::End(0)).map_err(io)?;
        let oracle = Self { file: Some((path.to_owned(), file)), ..Self::default() };
        Ok((oracle, earlier))
    }

    /// Remembers one request; once this returns, no kill can undo it.
    pub(super) fn record(&mut self, received: Received) -> Result<(), OracleError> {
        if let Some((path, file)) = &mut self.file {
            let written = file.write_all(&received.line()).and_then(|()| file.sync_data());
            written.map_err(|source| OracleError::Io { file: path.clone(), source })?;
        }
        if self.recent.len() == KEPT_IN_MEMORY {
            self.recent.pop_front();
        }
        self.recent.push_back(received);
        self.total += 1;
        Ok(())
    }

    pub(super) fn recent(&self) -> Vec<Received> {
        self.last(usize::MAX)
    }

    pub(super) fn last(&self, count: usize) -> Vec<Received> {
        self.recent.iter().skip(self.recent.len().saturating_sub(count)).cloned().collect()
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }
}

/// Reads an oracle file, for whoever checks after a kill. A torn last line is left out.
pub fn read_oracle(path: &Path) -> Result<Vec<Received>, OracleError> {
    let bytes = std::fs::read(path).map_err(|source| OracleError::Io { file: path.to_owned(), source })?;
    Ok(parse(path, &bytes)?.0)
}

/// The requests in these bytes, and how many of the bytes are whole lines.
fn parse(path: &Path, bytes: &[u8]) -> Result<(Vec<Received>, usize), OracleError> {
    let whole_bytes = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let whole = bytes.get(..whole_bytes).unwrap_or_default();
    let mut received = Vec::new();
    for (index, line) in whole.split(|byte| *byte == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        received.push(serde_json::from_slice(line).map_err(|source| OracleError::Line {
            file: path.to_owned(),
            line: index + 1,
            source,
        })?);
    }
    Ok((received, whole_bytes))
}
