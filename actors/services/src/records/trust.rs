//! What is remembered of the wall clock over restarts.

use mm_core::moment::Moment;
use mm_store::{Kind, Record};
use serde::{Deserialize, Serialize};

/// The latest moment on record, when a start found the clock behind it: what is recorded since then
/// bears earlier moments and can no longer say so. Row id: `clock`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustRow {
    /// Before this the clock is wrong, unless servers say otherwise.
    pub latest: Moment,
}

impl Record for TrustRow {
    const KIND: Kind = Kind::new("trust", 131, 1);
}
