//! How long to wait before trying again: exponential, capped, with full jitter.
//!
//! Pure: the random number comes in. Full jitter (a uniform draw between nothing and the ceiling)
//! is what spreads clients best after a shared outage: Brooker, "Exponential Backoff And Jitter",
//! AWS Architecture Blog, 2015. Nothing here can fail once a [`Backoff`] is made.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The first ceiling and the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backoff {
    base_ms: u64,
    cap_ms: u64,
}

/// Why two durations make no backoff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a backoff needs a base above zero and a cap that is not below it")]
pub struct BadBackoff;

impl Backoff {
    /// What the road uses between tries of a read: up to 1 s, 2 s, 4 s … up to 5 minutes.
    pub const READS: Backoff = Backoff { base_ms: 1_000, cap_ms: 300_000 };

    /// A backoff whose first ceiling is `base` and whose ceilings double up to `cap`.
    ///
    /// # Errors
    /// [`BadBackoff`] if `base` is under a millisecond or `cap` is below `base`.
    pub fn try_new(base: Duration, cap: Duration) -> Result<Self, BadBackoff> {
        let ms = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
        match (ms(base), ms(cap)) {
            (base_ms, cap_ms) if base_ms > 0 && base_ms <= cap_ms => Ok(Self { base_ms, cap_ms }),
            _ => Err(BadBackoff),
        }
    }

    /// The longest wait that there is.
    pub fn cap(&self) -> Duration {
        Duration::from_millis(self.cap_ms)
    }

    /// The longest wait after failure number `attempt` (1 is the first; 0 counts as 1).
    pub fn ceiling(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(63);
        let grown = self.base_ms.saturating_mul(1u64 << doublings);
        Duration::from_millis(grown.min(self.cap_ms))
    }

    /// The wait after failure number `attempt`, given a random number in `0.0..1.0`. A number
    /// outside that range is taken as its nearest end; one that is none gives the longest wait.
    pub fn delay(&self, attempt: u32, unit: f64) -> Duration {
        let unit = if unit.is_nan() { 1.0 } else { unit.clamp(0.0, 1.0) };
        let ceiling = self.ceiling(attempt);
        // Rounding of very long waits may go up by a little.
        ceiling.mul_f64(unit).min(ceiling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ceilings_double_and_then_stay() {
        let backoff = Backoff::try_new(Duration::from_secs(1), Duration::from_secs(10)).unwrap();
        let seconds: Vec<u64> = (0..7).map(|n| backoff.ceiling(n).as_secs()).collect();
        assert_eq!(seconds, [1, 1, 2, 4, 8, 10, 10]);
        assert_eq!(backoff.ceiling(u32::MAX), backoff.cap());
    }

    #[test]
    fn a_backoff_that_never_waits_or_shrinks_is_refused() {
        assert!(Backoff::try_new(Duration::ZERO, Duration::from_secs(1)).is_err());
        assert!(Backoff::try_new(Duration::from_secs(2), Duration::from_secs(1)).is_err());
    }

    proptest! {
        #[test]
        fn a_delay_never_passes_its_ceiling(
            base in 1u64..100_000, more in 0u64..u64::MAX / 2, attempt in 0u32.., unit in any::<f64>()
        ) {
            let backoff = Backoff::try_new(
                Duration::from_millis(base),
                Duration::from_millis(base + more),
            ).unwrap();
            prop_assert!(backoff.delay(attempt, unit) <= backoff.ceiling(attempt));
            prop_assert!(backoff.ceiling(attempt) <= backoff.ceiling(attempt.saturating_add(1)));
        }
    }
}
