//! The rows of the alerts.

use mm_core::moment::Moment;
use mm_store::{Kind, Record};
use serde::{Deserialize, Serialize};

/// Something the owner should know. Row id: what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertRow {
    /// One sentence.
    pub sentence: String,
    /// When it was first raised.
    pub raised_at: Moment,
    /// When it was last raised.
    pub last_at: Moment,
    /// How often.
    pub times: u64,
    /// When it was told to be over, if it was.
    pub cleared_at: Option<Moment>,
}

impl Record for AlertRow {
    const KIND: Kind = Kind::new("alert", 110, 1);
}
