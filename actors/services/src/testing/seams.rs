//! Clock, entropy and chance of a simulated life.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use mm_core::moment::Moment;
use mm_core::seams::{Clock, Entropy, Rng, SplitMix64};
use tokio::time::Instant;

/// Wall time that follows tokio's clock from a beginning, and can be made to jump.
#[derive(Debug)]
pub struct SimClock {
    base: Moment,
    began: Instant,
    /// How far the wall clock was moved, in milliseconds.
    jumped: Arc<AtomicI64>,
}

impl SimClock {
    /// A clock that shows `base` now. Must be called inside a runtime.
    pub fn starting(base: Moment, jumped: Arc<AtomicI64>) -> Self {
        jumped.store(0, Ordering::SeqCst);
        Self { base, began: Instant::now(), jumped }
    }

    /// The time of day.
    pub fn now(&self) -> Moment {
        let jumped = self.jumped.load(Ordering::SeqCst);
        let at = self.base.plus(self.began.elapsed());
        Moment::from_unix_ms(at.unix_ms().saturating_add(jumped))
    }
}

impl Clock for SimClock {
    fn wall(&self) -> Moment {
        self.now()
    }

    fn mono(&self) -> Duration {
        self.began.elapsed()
    }
}

/// Seeded chance, for jitter, strategies and salts alike.
#[derive(Debug)]
pub struct Seeded(AtomicU64);

impl Seeded {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Rng for Seeded {
    fn next_u64(&self) -> u64 {
        // One step of SplitMix64 adds its constant to the state; so does this.
        let mut mix = SplitMix64(self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst));
        mix.next_u64()
    }
}

impl Entropy for Seeded {
    fn fill(&self, buffer: &mut [u8]) {
        for piece in buffer.chunks_mut(8) {
            let bytes = self.next_u64().to_le_bytes();
            for (to, from) in piece.iter_mut().zip(bytes) {
                *to = from;
            }
        }
    }
}
