//! Reads a scope file into programmes: one parser a source, one way to fail.
//!
//! Bytes in, a [`Feed`] or one [`FeedError`] out. The document is walked programme by programme
//! (no tree of the whole file is ever built), so a 5 MB file costs little more than what is kept.
//!
//! What happens when something is wrong:
//! - an unknown field is passed over, a missing or `null` optional field is `None`;
//! - a target that cannot be read makes its programme *partial*: nothing in it counts as removed;
//! - a programme that cannot be read is *skipped*, with its place and the reason, and the others
//!   are kept. It is remembered by its key where that can still be read, so that it never looks
//!   gone;
//! - a document that is no list, ends early, or is mostly unreadable is one error, and the caller
//!   keeps what it had.

mod bugcrowd;
mod federacy;
mod hackerone;
mod intigriti;
mod shape;
mod yeswehack;

use crate::bug_bounty::digest;
use crate::bug_bounty::scope::{Programme, Source};
use mm_sdk::Untrusted;
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// What one good document told.
#[derive(Debug, Clone)]
pub struct Feed {
    /// Whose it is.
    pub source: Source,
    /// Sorted by key, one for each key: a programme listed twice is merged.
    pub programmes: Vec<Programme>,
    /// What could not be read, in the document's order.
    pub skipped: Vec<Skipped>,
    /// Tells one version of the document from another; not a secure hash.
    pub digest: u64,
}

/// A programme that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Its place in the list, from 0.
    pub position: usize,
    /// Its key, where that much could be read.
    pub key: Option<Box<str>>,
    /// What was wrong, on one line.
    pub reason: String,
}

/// Why a document as a whole tells nothing. Whoever gets this keeps what it knew.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// No bytes, or only spaces.
    #[error("the {source_name} scope file is empty; kept what was known, the next read tries again")]
    Blank {
        /// [`Source::name`].
        source_name: &'static str,
    },
    /// JSON, or the start of it, but no list: an error page, an object with a message.
    #[error(
        "the {source_name} scope file is not a list of programmes but {found}; kept what was known, the next read tries again"
    )]
    NotAList {
        /// [`Source::name`].
        source_name: &'static str,
        /// What it begins like.
        found: &'static str,
    },
    /// The document ends in the middle.
    #[error(
        "the {source_name} scope file breaks off after {programmes} whole programmes; kept what was known, the next read tries again"
    )]
    Truncated {
        /// [`Source::name`].
        source_name: &'static str,
        /// How many were whole before that.
        programmes: usize,
    },
    /// Not JSON, from some place on.
    #[error(
        "the {source_name} scope file is not JSON at line {line} column {column}; kept what was known, the next read tries again"
    )]
    NotJson {
        /// [`Source::name`].
        source_name: &'static str,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// More programmes could not be read than could: the format has changed.
    #[error(
        "{skipped} of {total} programmes in the {source_name} scope file cannot be read (the first, at {position}: {reason}); kept what was known, look for a newer version of money-machine if it stays so"
    )]
    MostlyUnreadable {
        /// [`Source::name`].
        source_name: &'static str,
        /// How many could not be read.
        skipped: usize,
        /// Of how many.
        total: usize,
        /// The place of the first, from 0.
        position: usize,
        /// What was wrong with it.
        reason: String,
    },
    /// A list of nothing.
    #[error(
        "the {source_name} scope file lists no programme where {known} were known; kept what was known, the next read tries again"
    )]
    NoProgrammes {
        /// [`Source::name`].
        source_name: &'static str,
        /// How many were known.
        known: usize,
    },
    /// A first read in which most programmes have no target: an outage, not a baseline.
    #[error(
        "{bare} of {total} programmes in the {source_name} scope file have no target, which cannot be a first reading; waiting for a better one"
    )]
    MostlyBare {
        /// [`Source::name`].
        source_name: &'static str,
        /// How many have no target in scope.
        bare: usize,
        /// Of how many.
        total: usize,
    },
    /// More than memory is meant to hold.
    #[error(
        "the {source_name} scope file would bring the known targets to {targets}, over the bound of {bound}; kept what was known"
    )]
    TooMany {
        /// [`Source::name`].
        source_name: &'static str,
        /// How many there would be.
        targets: usize,
        /// How many there may be.
        bound: usize,
    },
}

/// Reads one document of `source`.
///
/// # Errors
/// [`FeedError`] if the document as a whole cannot be believed; see the module's own words.
pub fn parse(source: Source, bytes: &[u8]) -> Result<Feed, FeedError> {
    let source_name = source.name();
    // Some servers put a byte order mark in front.
    let body = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => return Err(FeedError::Blank { source_name }),
        Some(b'[') => {}
        Some(&first) => {
            let found = begins_like(first);
            return Err(FeedError::NotAList { source_name, found });
        }
    }
    let mut reader = Reader::new(source);
    let mut document = serde_json::Deserializer::from_slice(body);
    let outcome = (&mut reader).deserialize(&mut document).and_then(|()| document.end());
    if let Err(error) = outcome {
        return Err(if error.is_eof() {
            let programmes = reader.seen;
            FeedError::Truncated { source_name, programmes }
        } else {
            let (line, column) = (error.line(), error.column());
            FeedError::NotJson { source_name, line, column }
        });
    }
    reader.finish(digest::fnv64(bytes))
}

/// What the first byte of a document that is no list says about the rest.
fn begins_like(first: u8) -> &'static str {
    match first {
        b'<' => "a web page",
        b'{' => "a single object",
        b'"' => "a string",
        b'0'..=b'9' | b'-' => "a number",
        b't' | b'f' | b'n' => "a single word",
        _ => "something that is not JSON",
    }
}

/// Takes the list's elements one by one as they are found.
struct Reader {
    source: Source,
    programmes: BTreeMap<Box<str>, Programme>,
    skipped: Vec<Skipped>,
    seen: usize,
}

impl Reader {
    fn new(source: Source) -> Reader {
        Reader { source, programmes: BTreeMap::new(), skipped: Vec::new(), seen: 0 }
    }

    fn take(&mut self, text: &str) {
        let position = self.seen;
        self.seen += 1;
        let read = match self.source {
            Source::HackerOne => hackerone::read(text),
            Source::Bugcrowd => bugcrowd::read(text),
            Source::Intigriti => intigriti::read(text),
            Source::YesWeHack => yeswehack::read(text),
            Source::Federacy => federacy::read(text),
        };
        match read {
            Ok(programme) => match self.programmes.get_mut(&programme.key) {
                Some(first) => merge(first, programme),
                None => {
                    self.programmes.insert(programme.key.clone(), programme);
                }
            },
            Err(error) => self.skipped.push(Skipped {
                position,
                key: key_alone(text, self.source.key_field()),
                reason: Untrusted::new(error.to_string()).line(120),
            }),
        }
    }

    fn finish(self, digest: u64) -> Result<Feed, FeedError> {
        // A programme of which no target at all could be read is as good as unreadable here: if
        // they all are, the shape of targets has changed.
        let bare = |programme: &&Programme| programme.partial && programme.targets.is_empty();
        let bare = self.programmes.values().filter(bare).count();
        let skipped = self.skipped.len() + bare;
        if skipped * 2 > self.seen {
            let first = self.skipped.first();
            return Err(FeedError::MostlyUnreadable {
                source_name: self.source.name(),
                skipped,
                total: self.seen,
                position: first.map_or(0, |skipped| skipped.position),
                reason: first.map_or("its targets".to_owned(), |skipped| skipped.reason.clone()),
            });
        }
        Ok(Feed {
            source: self.source,
            programmes: self.programmes.into_values().collect(),
            skipped: self.skipped,
            digest,
        })
    }
}

impl<'de> DeserializeSeed<'de> for &mut Reader {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for &mut Reader {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of programmes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(element) = list.next_element::<&RawValue>()? {
            self.take(element.get());
        }
        Ok(())
    }
}

/// A programme listed twice (seen in a real Bugcrowd file) is one with the targets of both.
fn merge(first: &mut Programme, second: Programme) {
    first.targets.extend(second.targets);
    first.partial |= second.partial;
    first.payout = first.payout.take().or(second.payout);
    first.offers_bounty = first.offers_bounty.or(second.offers_bounty);
}

/// The key of a record that is otherwise unreadable.
fn key_alone(text: &str, field: &str) -> Option<Box<str>> {
    let record: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(text).ok()?;
    let key: shape::Key = serde_json::from_str(record.get(field)?.get()).ok()?;
    key.checked::<serde_json::Error>().ok()
}
