//! The seam to the outside: who dials.
//!
//! Rules, hashes and limits see a logical https URL; a [`Transport`] is handed a [`Cleared`]
//! request, which only a permit makes, and dials. There are three: [`Https`] for the world,
//! [`Loopback`] for the sandbox's own listener, and the in-process one of simulated tests. No flag
//! switches a check off: a run has the one transport it was assembled with.
//!
//! A transport never retries, never follows a redirect, and gives back either a whole answer or a
//! fault; an answer that is cut short or too long is a fault.

use std::time::Duration;

use async_trait::async_trait;
use mm_core::answer::Answer;
use mm_core::error::{Signal, TransportFault, wall};
use mm_core::limit::parse_retry_after;
use mm_core::moment::Moment;
use mm_core::url::LogicalUrl;
use mm_permit::Cleared;

mod address;
mod https;
mod loopback;
mod reading;
mod resolve;

pub use address::is_public;
pub use https::Https;
pub use loopback::Loopback;
pub use resolve::{Lookup, SystemLookup};

/// No name lookup and handshake takes longer than this.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// No server stays silent for longer than this within an answer.
///
/// The client looks at this timer before it does anything else for an exchange. So a process that stood
/// still (`SIGSTOP`, a suspended machine) while it dialled, for longer than a permit lives, finds the
/// exchange over before the first byte: that is why it must be the shorter of the two.
pub const READ_TIMEOUT: Duration = Duration::from_secs(15);
const _: () = assert!(READ_TIMEOUT.as_secs() < mm_permit::PERMIT_LIFETIME.as_secs());
/// No exchange takes longer than this altogether.
pub const TOTAL_TIMEOUT: Duration = Duration::from_secs(60);

/// An answer as it came, body whole and decompressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Header names in lower case; values that are not text are left out.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl From<&Answer> for RawAnswer {
    fn from(answer: &Answer) -> Self {
        let Answer { status, headers, body, .. } = answer.clone();
        Self { status, headers, body }
    }
}

impl RawAnswer {
    /// How long the platform asks to be left alone, if it does.
    pub fn retry_after(&self, now: Moment) -> Option<Duration> {
        let value = self.headers.iter().find(|(name, _)| name == "retry-after").map(|(_, value)| value)?;
        parse_retry_after(value, now)
    }

    /// All that the classes of error are decided by. A 403 that names a wait is another thing than
    /// one that does not, so nobody may look at the status alone.
    pub fn signal(&self, now: Moment) -> Signal {
        Signal::of(None, (self.status, &self.headers, &self.body), now)
    }

    /// The same of an answer to what `url` asked for.
    pub fn signal_from(&self, url: &LogicalUrl, now: Moment) -> Signal {
        Signal::of(Some(url), (self.status, &self.headers, &self.body), now)
    }

    /// The same answer, unless a page for people stands where data was asked for.
    ///
    /// # Errors
    /// [`TransportFault::Wall`].
    pub fn unless_a_wall(self, accept: Option<&str>) -> Result<Self, TransportFault> {
        match wall(self.status, accept, &self.headers, &self.body) {
            Some(wall) => Err(TransportFault::Wall(wall)),
            None => Ok(self),
        }
    }
}

/// Sends one cleared request and reads one answer.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Does the exchange.
    ///
    /// # Errors
    /// A [`TransportFault`]; `may_have_left` on it says whether the request can have reached the
    /// server.
    async fn exchange(&self, cleared: Cleared) -> Result<RawAnswer, TransportFault>;
}

#[cfg(test)]
mod tests;
