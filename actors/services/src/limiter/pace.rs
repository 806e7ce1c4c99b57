//! Pacing: a full quota is not spent in one burst. Its state need not survive.

use std::time::Duration;

use leaky_bucket::RateLimiter;
use mm_core::limit::Quota;

/// A leaky bucket, and the rate it was built for.
pub(super) struct Pace {
    rate: (u32, u64),
    bucket: RateLimiter,
}

impl Pace {
    /// Which of `quotas` is paced: the shortest, and of those the smallest. `None` if none needs it.
    pub(super) fn paced(quotas: &[Quota]) -> Option<&Quota> {
        quotas.iter().filter(|quota| quota.max > 0).min_by_key(|quota| (quota.per_ms, quota.max))
    }

    /// A tenth of the quota may go at once (but ten at least); the rest follows evenly.
    pub(super) fn of(quota: &Quota) -> Self {
        let (max, per_ms) = (quota.max, quota.per_ms);
        let burst = (max / 10).max(10).min(max) as usize;
        // The even share of one tick; ticks are at least 10 ms, so that large quotas do not spin.
        let tick_ms = (per_ms / u64::from(max)).clamp(10, 60_000);
        let refill =
            usize::try_from(u64::from(max).saturating_mul(tick_ms).div_ceil(per_ms)).unwrap_or(1).max(1);
        let bucket = RateLimiter::builder()
            .max(burst.max(refill))
            .initial(burst)
            .refill(refill)
            .interval(Duration::from_millis(tick_ms))
            .build();
        Self { rate: (max, per_ms), bucket }
    }

    /// How long to wait for the next drop, if there is none now. A changed rate begins anew.
    pub(super) fn wait(&mut self, quota: &Quota) -> Option<Duration> {
        if self.rate != (quota.max, quota.per_ms) {
            *self = Self::of(quota);
        }
        (!self.bucket.try_acquire(1)).then(|| self.bucket.interval())
    }
}
