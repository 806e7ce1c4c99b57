//! Recorded answers, replayed by time.
//!
//! A manifest holds one JSON object a line:
//! `{"at", "method", "url", "status", "headers", "body_file"}`, where `at` is an RFC 3339 time and
//! `body_file` is relative to the manifest. A request is answered with the newest line for its method
//! and URL whose `at` is not after now; what was not recorded, or not yet, answers 404.
//!
//! Touches the manifest and its body files, reading only. The manifest is read whole at the start, a
//! body when it is asked for. When it fails: loading gives a [`RecordingsError`] with file and line; a
//! body that has gone since is answered as 503.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bytes::Bytes;
use chrono::DateTime;
use serde::Deserialize;
use thiserror::Error;

use super::conditional::Validators;
use super::message::{Request, Response, logical};
use super::scatter::sha256_hex;

/// Headers that belonged to the recorded connection and not to the document.
const OF_THE_CONNECTION: [&str; 5] =
    ["connection", "content-length", "date", "keep-alive", "transfer-encoding"];

/// Why recordings cannot be replayed.
#[derive(Debug, Error)]
pub enum RecordingsError {
    /// A file cannot be read.
    #[error("cannot read {}; check the path and its permissions", file.display())]
    Read {
        /// The manifest or a body.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The manifest holds no line.
    #[error("the manifest {} holds no recording; it needs one JSON object a line", file.display())]
    NoLines {
        /// The manifest.
        file: PathBuf,
    },
    /// A line is not JSON of the right shape.
    #[error("line {line} of {} is not a recording; it needs at, method, url, status, headers and body_file", file.display())]
    Shape {
        /// The manifest.
        file: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A value in a line cannot be used.
    #[error("line {line} of {}: {what}", file.display())]
    Value {
        /// The manifest.
        file: PathBuf,
        /// Counted from 1.
        line: usize,
        /// Which value, and what it should be.
        what: String,
    },
}

/// A line as it stands in the manifest.
#[derive(Deserialize)]
struct Line {
    at: String,
    method: String,
    url: String,
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body_file: Option<String>,
}

/// One recorded answer.
#[derive(Debug)]
struct Recording {
    at_ms: i64,
    status: u16,
    headers: Vec<(String, String)>,
    body: Option<PathBuf>,
    /// Computed when first asked for.
    etag: OnceLock<String>,
}

/// A loaded manifest.
#[derive(Debug)]
pub struct Recordings {
    /// Method and URL, to answers in order of time.
    by_request: BTreeMap<(String, String), Vec<Recording>>,
}

impl Recordings {
    /// Reads a manifest and checks every line of it.
    pub fn load(manifest: &Path) -> Result<Self, RecordingsError> {
        let text = std::fs::read_to_string(manifest)
            .map_err(|source| RecordingsError::Read { file: manifest.to_owned(), source })?;
        let folder = manifest.parent().unwrap_or(Path::new(""));
        let mut by_request: BTreeMap<_, Vec<Recording>> = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let line: Line = serde_json::from_str(line).map_err(|source| RecordingsError::Shape {
                file: manifest.to_owned(),
                line: index + 1,
                source,
            })?;
            let request = (line.method.to_ascii_uppercase(), logical(&line.url));
            let recording = line.check(folder).map_err(|what| RecordingsError::Value {
                file: manifest.to_owned(),
                line: index + 1,
                what,
            })?;
            by_request.entry(request).or_default().push(recording);
        }
        if by_request.is_empty() {
            return Err(RecordingsError::NoLines { file: manifest.to_owned() });
        }
        for answers in by_request.values_mut() {
            // Stable: of two lines with one time, the later line counts.
            answers.sort_by_key(|answer| answer.at_ms);
        }
        Ok(Self { by_request })
    }

    /// The times of the recordings of this URL's GET, oldest first, in milliseconds since 1970.
    pub fn times_ms(&self, url: &str) -> Vec<i64> {
        let answers = self.by_request.get(&("GET".to_owned(), logical(url)));
        answers.into_iter().flatten().map(|answer| answer.at_ms).collect()
    }

    /// The document that a GET of this URL is answered with at this time, and when it was recorded;
    /// `None` if there is none yet, or an error was recorded.
    pub fn document(&self, url: &str, now_ms: i64) -> Option<(i64, Result<Bytes, RecordingsError>)> {
        let answers = self.by_request.get(&("GET".to_owned(), logical(url)))?;
        let known = answers.partition_point(|answer| answer.at_ms <= now_ms);
        let newest = answers.get(known.checked_sub(1)?).filter(|answer| answer.status == 200)?;
        Some((newest.at_ms, newest.read()))
    }

    /// From the first recording to the last, in milliseconds since 1970.
    pub fn span_ms(&self) -> Option<(i64, i64)> {
        let times = || self.by_request.values().flatten().map(|answer| answer.at_ms);
        Some((times().min()?, times().max()?))
    }

    /// Every recorded URL, in order.
    pub fn urls(&self) -> Vec<&str> {
        let mut urls: Vec<_> = self.by_request.keys().map(|(_, url)| url.as_str()).collect();
        urls.dedup();
        urls
    }

    /// The recorded answer to this request at this time.
    pub(super) fn answer(&self, request: &Request, now_ms: i64) -> Response {
        let key = (request.method.clone(), logical(&request.url));
        let Some(answers) = self.by_request.get(&key) else {
            return Response::not_found(&request.url);
        };
        let known = answers.partition_point(|answer| answer.at_ms <= now_ms);
        match known.checked_sub(1).and_then(|newest| answers.get(newest)) {
            Some(recording) => recording.answer(request).unwrap_or_else(|e| Response::trouble(&e)),
            None => Response::not_found(&request.url),
        }
    }
}

impl Line {
    fn check(self, folder: &Path) -> Result<Recording, String> {
        let at = DateTime::parse_from_rfc3339(&self.at)
            .map_err(|_| format!("at is {:?}; it must be a time like 2026-07-22T11:35:33Z", self.at))?;
        if !(100..=599).contains(&self.status) {
            return Err(format!("status is {}; it must be from 100 to 599", self.status));
        }
        if !self.url.starts_with("https://") {
            return Err(format!("url is {:?}; it must start with https://", self.url));
        }
        let body = self.body_file.map(|file| folder.join(file));
        if let Some(body) = body.as_ref().filter(|body| !body.is_file()) {
            return Err(format!("body_file: there is no file {}", body.display()));
        }
        let mut headers: Vec<_> =
            self.headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        headers.retain(|(name, _)| !OF_THE_CONNECTION.contains(&name.as_str()));
        Ok(Recording {
            at_ms: at.timestamp_millis(),
            status: self.status,
            headers,
            body,
            etag: OnceLock::new(),
        })
    }
}

impl Recording {
    fn answer(&self, request: &Request) -> Result<Response, RecordingsError> {
        if self.status != 200 {
            return Ok(self.whole(self.read()?));
        }
        let validators = Validators { etag: Some(self.etag()?), modified_ms: Some(self.at_ms) };
        validators.try_answer(request, || Ok(self.whole(self.read()?)))
    }

    /// The recorded entity tag, else one made of the body.
    fn etag(&self) -> Result<String, RecordingsError> {
        if let Some((_, etag)) = self.headers.iter().find(|(name, _)| name == "etag") {
            return Ok(etag.clone());
        }
        if let Some(etag) = self.etag.get() {
            return Ok(etag.clone());
        }
        let etag = format!("\"{}\"", sha256_hex(&self.read()?));
        Ok(self.etag.get_or_init(|| etag).clone())
    }

    fn whole(&self, body: Bytes) -> Response {
        let mut answer = Response::text(self.status, body);
        if !self.headers.is_empty() {
            answer.headers.clone_from(&self.headers);
        }
        answer
    }

    fn read(&self) -> Result<Bytes, RecordingsError> {
        let Some(file) = &self.body else {
            return Ok(Bytes::new());
        };
        let bytes =
            std::fs::read(file).map_err(|source| RecordingsError::Read { file: file.clone(), source })?;
        Ok(Bytes::from(bytes))
    }
}
