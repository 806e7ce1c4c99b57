//! What a platform answered.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::moment::Moment;

/// The answer to one action. The body is what came after decompression, whole: an answer that was
/// cut short or was too long never becomes an `Answer`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Header names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// When the last byte had come.
    pub at: Moment,
}

impl Answer {
    /// The status of what happened although no platform's answer is known: its owner did it himself and
    /// said so, or it was seen at the platform later. No number of HTTP's.
    pub const UNSEEN: u16 = 0;

    /// Whether this stands for a change that happened, of which nobody has the platform's answer.
    pub fn is_unseen(&self) -> bool {
        self.status == Self::UNSEEN
    }

    /// The first header of that (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The id under which the recorded body can be found again.
    pub fn body_id(&self) -> Digest {
        Digest::of(&self.body)
    }

    /// What a later conditional request should send.
    pub fn validators(&self) -> Validators {
        let take = |name| self.header(name).filter(|v| v.len() <= 512).map(str::to_owned);
        Validators { etag: take("etag"), last_modified: take("last-modified") }
    }
}

/// What makes the next read conditional (RFC 9110, 8.8 and 13.1). A strategy keeps these in its
/// snapshot, so that "not modified" always speaks of an answer whose consequences were committed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Validators {
    /// For `If-None-Match`.
    pub etag: Option<String>,
    /// For `If-Modified-Since`.
    pub last_modified: Option<String>,
}
