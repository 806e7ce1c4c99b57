//! How long to wait before something is called gone, learned per source.
//!
//! A scope feed drops entries that come back: a scraper's time-out, a page that failed. So what is
//! missing is watched until coming back has become unlikely. A vanishing is either a *flap*, whose
//! length is spread around a mean, or for good. The two figures learned (the share of flaps `s` and
//! their mean length `t`) give the chance that something missing for `h` hours still comes back
//! within the next 72:
//!
//! ```text
//! s·exp(-h/t)·q / (s·exp(-h/t) + 1-s)     with q = 1 - exp(-72/t)
//! ```
//!
//! It is called gone at the smallest `h` for which that is at most 5 %, but never before 72 hours, and
//! by the last read but one before 96 ([`longest`]): so long the owner may hunt on what is no longer in
//! scope. What stays away for longer and comes back all the same is then told wrongly, and there is no
//! help for it: nothing that was seen by then tells it from what is gone for good.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The chance of a false "gone" that is put up with.
const DOUBT: f64 = 0.05;
/// The window in which coming back makes an announcement false, and the shortest wait, in hours.
const WINDOW_HOURS: f64 = 72.0;
/// What is gone is told within this time, whatever was learned.
pub const TOLD_WITHIN: Duration = Duration::from_secs(96 * 3600);
/// A return after more than this, in hours (30 days), is a decision of the programme's owner and
/// says nothing about the feed.
const FLAP_HOURS_MAX: u64 = 720;
/// Evidence beyond this many vanishings is halved, so that a feed that was mended is believed.
const MEMORY: u32 = 400;

/// What was seen of vanishings so far, the prior included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlapStats {
    undone: u32,
    undone_hours: u64,
    stayed: u32,
}

impl FlapStats {
    /// Begins with what is known beforehand: of `undone + stayed` vanishings so many were undone,
    /// after `mean_hours` on average.
    pub const fn prior(undone: u32, stayed: u32, mean_hours: u32) -> FlapStats {
        FlapStats { undone, undone_hours: undone as u64 * mean_hours as u64, stayed }
    }

    /// Something missing came back before it was called gone.
    pub fn came_back(&mut self, missing: Duration) {
        let hours = missing.as_secs().div_ceil(3600);
        if hours <= FLAP_HOURS_MAX {
            self.undone = self.undone.saturating_add(1);
            self.undone_hours = self.undone_hours.saturating_add(hours);
            self.forget();
        }
    }

    /// Something was missing long enough and is called gone.
    pub fn stayed_away(&mut self) {
        self.stayed = self.stayed.saturating_add(1);
        self.forget();
    }

    /// Something called gone came back after all.
    pub fn was_wrong(&mut self, missing: Duration) {
        if missing.as_secs().div_ceil(3600) <= FLAP_HOURS_MAX {
            self.stayed = self.stayed.saturating_sub(1);
            self.came_back(missing);
        }
    }

    /// How long something must be missing before it is called gone: at least 72 hours, at most [`longest`]
    /// of the time between two reads.
    pub fn hold(&self, between: Duration) -> Duration {
        let seen = f64::from(self.undone) + f64::from(self.stayed);
        if self.undone == 0 || seen == 0.0 {
            return shortest();
        }
        let share = (f64::from(self.undone) / seen).min(0.99);
        let mean = (self.undone_hours as f64 / f64::from(self.undone)).max(1.0);
        let within = 1.0 - (-WINDOW_HOURS / mean).exp();
        let odds = share * (within - DOUBT).max(0.0) / (DOUBT * (1.0 - share));
        let wait = if odds > 1.0 { mean * odds.ln() } else { 0.0 };
        // At most 96, and never negative.
        let wait = Duration::from_secs(wait.ceil().clamp(WINDOW_HOURS, 96.0) as u64 * 3600);
        wait.min(longest(between))
    }

    /// The share of vanishings that were undone, in per cent.
    pub fn undone_percent(&self) -> u32 {
        let seen = (self.undone.saturating_add(self.stayed)).max(1);
        self.undone.saturating_mul(100) / seen
    }

    fn forget(&mut self) {
        if self.undone.saturating_add(self.stayed) > MEMORY {
            self.undone /= 2;
            self.undone_hours /= 2;
            self.stayed /= 2;
        }
    }
}

/// The longest wait of a source that is read so often: what is gone is told by the last read but one
/// before 96 hours are over, so that a read that fails or comes late makes nothing late.
pub fn longest(between: Duration) -> Duration {
    TOLD_WITHIN.saturating_sub(between.saturating_mul(2)).max(shortest())
}

/// The shortest wait.
const fn shortest() -> Duration {
    Duration::from_secs(WINDOW_HOURS as u64 * 3600)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_feed_that_lies_more_is_waited_for_longer() {
        let mut stats = FlapStats::prior(2, 8, 24);
        let mut last = stats.hold(HOUR);
        for _ in 0..50 {
            stats.came_back(40 * HOUR);
            assert!(stats.hold(HOUR) >= last, "{stats:?}");
            last = stats.hold(HOUR);
        }
        assert_eq!(last, 94 * HOUR);
        for _ in 0..300 {
            stats.stayed_away();
        }
        assert_eq!(stats.hold(HOUR), 72 * HOUR, "a mended feed is believed again");
    }

    #[test]
    fn the_wait_has_both_bounds_whatever_is_learned() {
        for undone in [0, 1, 10, 399, u32::MAX / 2] {
            for stayed in [0, 1, 399, u32::MAX / 2] {
                for length in [0, 1, 100, 720] {
                    let undone_hours = u64::from(undone) * length;
                    let stats = FlapStats { undone, undone_hours, stayed };
                    for between in [0, 1, 6, 12, 24, 1000] {
                        let hold = stats.hold(between * HOUR);
                        assert!((72 * HOUR..=96 * HOUR).contains(&hold), "{stats:?} {between}");
                        assert!(between > 12 || hold + 2 * between * HOUR <= 96 * HOUR, "{stats:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_return_after_months_is_no_flap() {
        let mut stats = FlapStats::prior(2, 8, 24);
        stats.was_wrong(2000 * HOUR);
        assert_eq!(stats, FlapStats::prior(2, 8, 24));
    }
}
