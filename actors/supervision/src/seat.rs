//! One incarnation's place in one machine: its path, its meter, the machine's clocks, the watchdog's
//! pulse, and the trail of actions.

use std::sync::Arc;

use crate::hops::Trail;
use crate::meter::Meter;
#[cfg(feature = "testing")]
use crate::sabotage::Sabotage;
use crate::seams::{Mask, MonoNs, WallMs};
use crate::watchdog::Pulse;

/// Shared by an incarnation, its handle and its envelopes.
pub(crate) struct Seat {
    pub(crate) path: Arc<str>,
    pub(crate) incarnation: u64,
    pub(crate) meter: Arc<Meter>,
    pub(crate) mono_ns: MonoNs,
    pub(crate) wall_ms: WallMs,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) trail: Arc<Trail>,
    pub(crate) mask: Mask,
    #[cfg(feature = "testing")]
    pub(crate) sabotage: Option<Arc<dyn Sabotage>>,
}

impl Seat {
    pub(crate) fn now_ns(&self) -> u64 {
        (self.mono_ns)()
    }

    pub(crate) fn now_ms(&self) -> i64 {
        (self.wall_ms)()
    }
}
