//! How long to wait before trying again: exponential, capped, with full jitter.
//!
//! Pure: the random number comes in. Full jitter (a uniform draw between nothing and the ceiling)
//! is what spreads clients best after a shared outage: Brooker, "Exponential Backoff And Jitter",
//! AWS Architecture Blog, 2015. Nothing here can fail once a [`Backoff`] is made.

use std::collections::VecDeque;
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

    /// Between tries of a run: up to 1 minute, 2, 4 … up to 30 minutes.
    pub const RUNS: Backoff = Backoff { base_ms: 60_000, cap_ms: 1_800_000 };

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

/// How many retries a platform is asked to bear: of the acts of the last ten minutes one in ten may be one,
/// and [`RETRIES_LEAST`] in any case, so that who asks little may try again at all.
///
/// A platform that fails is asked again by everybody at once; a share, rather than a count for each act,
/// keeps that from multiplying the load it fails under (Site Reliability Engineering, chapter 21).
///
/// It is kept in memory only: every try is charged to the durable quotas as well, so a restart can
/// bring no more tries than those allow.
#[derive(Debug, Clone, Default)]
pub struct RetryBudget {
    /// By slot of [`SLOT`], the newest last: which, acts, and retries of them.
    slots: VecDeque<(u64, u32, u32)>,
}

/// So many retries there may be in a window, however few the acts.
pub const RETRIES_LEAST: u32 = 6;
/// One in so many acts may be a retry.
pub const ACTS_A_RETRY: u32 = 10;
/// The grain of the window, and how many of them it has.
const SLOT: Duration = Duration::from_secs(60);
const SLOTS: u64 = 10;

impl RetryBudget {
    /// An act was let through. `mono` is monotonic time.
    pub fn acted(&mut self, mono: Duration) {
        let slot = self.slot(mono);
        slot.1 = slot.1.saturating_add(1);
    }

    /// Whether there may be another try now; it counts as one if so.
    pub fn may_retry(&mut self, mono: Duration) -> bool {
        self.slot(mono);
        let (acts, retries) =
            self.slots.iter().fold((0u32, 0u32), |sum, slot| (sum.0.saturating_add(slot.1), sum.1 + slot.2));
        if retries >= (acts / ACTS_A_RETRY).max(RETRIES_LEAST) {
            return false;
        }
        self.slot(mono).2 += 1;
        true
    }

    /// The slot of now; those that are out of the window are gone.
    fn slot(&mut self, mono: Duration) -> &mut (u64, u32, u32) {
        let now = mono.as_secs() / SLOT.as_secs();
        self.slots.retain(|(slot, ..)| slot + SLOTS > now);
        if self.slots.back().is_none_or(|(slot, ..)| *slot < now) {
            self.slots.push_back((now, 0, 0));
        }
        self.slots.back_mut().expect("one was just put there")
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

    #[test]
    fn a_few_tries_are_always_free_and_the_window_slides() {
        let mut budget = RetryBudget::default();
        let at = Duration::from_secs;
        let tries = |budget: &mut RetryBudget, s| (0..50).filter(|_| budget.may_retry(at(s))).count();
        assert_eq!(tries(&mut budget, 0), 6);
        assert_eq!(tries(&mut budget, 599), 0);
        assert_eq!(tries(&mut budget, 600), 6);
        for _ in 0..100 {
            budget.acted(at(601));
        }
        assert_eq!(tries(&mut budget, 602), 4, "a tenth of a hundred, six of which are used");
    }

    proptest! {
        /// In no ten minutes are there more retries than a tenth of the acts of twice that, or the free few.
        #[test]
        fn retries_stay_a_share_of_the_acts(
            steps in prop::collection::vec((0u64..90, 0u32..40, 0u32..12), 1..80)
        ) {
            let (mut budget, mut now) = (RetryBudget::default(), 0u64);
            let (mut acts, mut retries) = (Vec::new(), Vec::new());
            for (wait, act, retry) in steps {
                now += wait;
                for _ in 0..act {
                    budget.acted(Duration::from_secs(now));
                    acts.push(now);
                }
                for _ in 0..retry {
                    if budget.may_retry(Duration::from_secs(now)) {
                        retries.push(now);
                    }
                }
                prop_assert!(budget.slots.len() <= SLOTS as usize);
                // The window is whole minutes: nine to ten of them.
                let within = |all: &[u64], s: u64| all.iter().filter(|at| **at + s > now).count() as u32;
                let most = (within(&acts, 1_200) / ACTS_A_RETRY).max(RETRIES_LEAST);
                prop_assert!(within(&retries, 540) <= most);
            }
        }

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
