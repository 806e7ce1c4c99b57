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

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)]) -> Answer {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Answer { status, headers, body: b"x".to_vec(), at: Moment::default() }
    }

    #[test]
    fn the_next_read_is_conditional_on_what_this_one_said_of_itself() {
        let day = "Sun, 06 Nov 1994 08:49:37 GMT";
        let both = answer(200, &[("etag", "\"1\""), ("last-modified", day), ("etag", "\"2\"")]);
        let (etag, last_modified) = (Some("\"1\"".to_owned()), Some(day.to_owned()));
        assert_eq!(both.validators(), Validators { etag, last_modified });
        let long = "x".repeat(513);
        assert_eq!(
            answer(200, &[("etag", &long)]).validators(),
            Validators::default(),
            "too long to send back"
        );
        assert_eq!(both.body_id(), Digest::of(b"x"));
    }

    /// No status that a platform can send is taken for a change whose answer nobody has.
    #[test]
    fn no_answer_of_http_is_unseen() {
        assert!(answer(Answer::UNSEEN, &[]).is_unseen());
        assert!((100..1000).all(|status| !answer(status, &[]).is_unseen()));
    }
}
