//! How long to wait before a restart: exponential, with full jitter and a cap.
//!
//! Full jitter (a uniform draw between nothing and the current ceiling) spreads children that failed
//! together; see "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.

use std::time::Duration;

/// The waiting times of one child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Ceiling of the first wait; zero restarts at once, always, as OTP does.
    pub first: Duration,
    /// No wait is longer.
    pub cap: Duration,
    /// A child that ran this long begins again at `first`.
    pub forgive_after: Duration,
}

impl Backoff {
    /// At once, always.
    pub const NONE: Self = Self { first: Duration::ZERO, cap: Duration::ZERO, forgive_after: Duration::ZERO };

    /// From `first` up to `cap`, doubling; forgiven after ten times the cap.
    #[must_use]
    pub const fn between(first: Duration, cap: Duration) -> Self {
        Self { first, cap, forgive_after: cap.saturating_mul(10) }
    }

    /// The wait before the `attempt`th restart (from 1) for a draw of `jitter` in `[0, 1)`.
    #[must_use]
    pub fn delay(&self, attempt: u32, jitter: f64) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        let ceiling = self.first.saturating_mul(1 << doublings).min(self.cap);
        let share = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 1.0 };
        ceiling.mul_f64(share)
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::NONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn never_past_the_cap_and_monotone_in_the_attempt(
            first in 0_u64..10_000, cap in 0_u64..100_000, attempt in 1_u32..1_000, jitter in 0.0..1.0_f64,
        ) {
            let backoff = Backoff::between(Duration::from_millis(first), Duration::from_millis(cap));
            let delay = backoff.delay(attempt, jitter);
            prop_assert!(delay <= Duration::from_millis(cap));
            prop_assert!(delay <= backoff.delay(attempt + 1, jitter));
        }
    }

    #[test]
    fn it_doubles_up_to_the_cap() {
        let backoff = Backoff::between(Duration::from_secs(1), Duration::from_secs(5));
        let ceilings: Vec<_> = (1..=5).map(|n| backoff.delay(n, 1.0).as_secs()).collect();
        assert_eq!(ceilings, [1, 2, 4, 5, 5]);
        assert_eq!(backoff.delay(3, 0.0), Duration::ZERO);
        assert_eq!(Backoff::NONE.delay(7, 1.0), Duration::ZERO);
        assert_eq!(backoff.delay(1, f64::NAN), Duration::from_secs(1));
    }
}
