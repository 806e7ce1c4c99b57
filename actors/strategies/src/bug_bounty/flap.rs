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
//! It is called gone at the smallest `h` for which that is at most 5 %, but never before 72 hours
//! and never later than 14 days. Being late costs little here; being wrong costs trust.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The chance of a false "gone" that is put up with.
const DOUBT: f64 = 0.05;
/// The window in which coming back makes an announcement false, and the shortest wait, in hours.
const WINDOW_HOURS: f64 = 72.0;
/// The longest wait, in hours: 14 days.
const HOURS_MAX: f64 = 336.0;
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

    /// How long something must be missing before it is called gone.
    pub fn hold(&self) -> Duration {
        let seen = f64::from(self.undone) + f64::from(self.stayed);
        if self.undone == 0 || seen == 0.0 {
            return hours(WINDOW_HOURS);
        }
        let share = (f64::from(self.undone) / seen).min(0.99);
        let mean = (self.undone_hours as f64 / f64::from(self.undone)).max(1.0);
        let within = 1.0 - (-WINDOW_HOURS / mean).exp();
        let odds = share * (within - DOUBT).max(0.0) / (DOUBT * (1.0 - share));
        let wait = if odds > 1.0 { mean * odds.ln() } else { 0.0 };
        hours(wait.ceil().clamp(WINDOW_HOURS, HOURS_MAX))
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

fn hours(hours: f64) -> Duration {
    // Between 72 and 336 by the clamp above.
    Duration::from_secs(hours as u64 * 3600)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_feed_that_lies_more_is_waited_for_longer() {
        let mut stats = FlapStats::prior(2, 8, 24);
        let mut last = stats.hold();
        for _ in 0..50 {
            stats.came_back(40 * HOUR);
            assert!(stats.hold() >= last, "{stats:?}");
            last = stats.hold();
        }
        assert!(last > 150 * HOUR, "{last:?}");
        for _ in 0..300 {
            stats.stayed_away();
        }
        assert_eq!(stats.hold(), 72 * HOUR, "a mended feed is believed again");
    }

    #[test]
    fn the_wait_has_both_bounds_whatever_is_learned() {
        for undone in [0, 1, 10, 399, u32::MAX / 2] {
            for stayed in [0, 1, 399, u32::MAX / 2] {
                for length in [0, 1, 100, 720] {
                    let undone_hours = u64::from(undone) * length;
                    let hold = FlapStats { undone, undone_hours, stayed }.hold();
                    assert!((72 * HOUR..=336 * HOUR).contains(&hold), "{undone} {stayed} {length}");
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
