//! An actor's place in one machine: its path, the clock of its meters, and the watchdog's pulse.

use std::sync::Arc;

use crate::seams::MonoNs;
use crate::watchdog::Pulse;

/// Shared by an incarnation, its handle and its envelopes.
pub(crate) struct Seat {
    pub(crate) path: Arc<str>,
    pub(crate) mono_ns: MonoNs,
    pub(crate) pulse: Arc<Pulse>,
}

impl Seat {
    pub(crate) fn now_ns(&self) -> u64 {
        (self.mono_ns)()
    }
}
