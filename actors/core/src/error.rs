//! The five classes of error, decided in one place.

use serde::{Deserialize, Serialize};

/// What an error is, and so what may be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// It may pass: retried with exponential backoff and full jitter.
    Transient,
    /// A limit is reached: queued, and tried after the reset.
    RateLimit,
    /// The credentials were not taken: never hammered.
    Auth,
    /// A rule forbids it: blocked, and the owner is told.
    Compliance,
    /// It will not pass: the strategy stops.
    Fatal,
}

impl ErrorClass {
    /// The class in words.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorClass::Transient => "transient",
            ErrorClass::RateLimit => "rate limit",
            ErrorClass::Auth => "auth",
            ErrorClass::Compliance => "compliance",
            ErrorClass::Fatal => "fatal",
        }
    }
}
