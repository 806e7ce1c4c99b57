//! The way of an action, as it is kept with its record.

use mm_store::{Kind, Record};
use mm_supervision::Hop;
use serde::{Deserialize, Serialize};

/// The messages that carried an action from actor to actor. Row id: the action's id. Written with the
/// intent of a change and with the end of any action, so that it can be followed after the fact; what
/// came after the end (what the limiter learnt) is known only to the process that did it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WayRow {
    /// In the order in which each was taken up; at most [`HOPS_KEPT`].
    pub hops: Vec<Hop>,
}

/// A walk with all its tries and waits takes some forty.
pub const HOPS_KEPT: usize = 128;

impl Record for WayRow {
    const KIND: Kind = Kind::new("way", 119, 1);
}
