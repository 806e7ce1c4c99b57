//! The slices of time that a network is asked for.
//!
//! They lie on a grid that begins in 1970 and never moves, so that what a window held is known again by its
//! number. A network's own greatest span is the size of its grid.

use std::time::Duration;

use mm_sdk::Moment;

/// A day.
pub const DAY: Duration = Duration::from_secs(86_400);

/// A slice of time: from its beginning up to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its first second.
    pub from: Moment,
    /// The first second after it; of the last one, now.
    pub until: Moment,
}

impl Window {
    /// The number of the window of `days` days in which `at` lies.
    pub fn number_of(at: Moment, days: u32) -> u32 {
        u32::try_from(at.unix_ms().max(0) / length(days)).unwrap_or(u32::MAX)
    }

    /// The window of that number, cut off at `now`.
    pub fn of(number: u32, days: u32, now: Moment) -> Self {
        let start = i64::from(number).saturating_mul(length(days));
        let from = Moment::from_unix_ms(start);
        let until = Moment::from_unix_ms(start.saturating_add(length(days)).min(now.unix_ms()));
        Self { from, until }
    }

    /// Its ends in whole seconds of UTC, as RFC 3339 writes them.
    pub fn ends(&self) -> (String, String) {
        let second = |at: Moment| Moment::from_unix_ms(at.unix_ms().div_euclid(1000) * 1000).to_string();
        (second(self.from), second(self.until))
    }
}

fn length(days: u32) -> i64 {
    i64::from(days.max(1)) * 86_400_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_moment_lies_in_one_window_and_none_is_longer_than_asked() {
        let now: Moment = "2026-11-23T06:00:00.250Z".parse().unwrap();
        for days in [1, 31, 45] {
            let last = Window::number_of(now, days);
            let window = Window::of(last, days, now);
            assert!(window.from <= now && window.until == now);
            let before = Window::of(last - 1, days, now);
            assert_eq!(before.until, window.from);
            assert_eq!(before.until.since(before.from), DAY * days);
            assert_eq!(Window::number_of(before.from, days), last - 1);
        }
        assert_eq!(Window::of(Window::number_of(now, 31), 31, now).ends().1, "2026-11-23T06:00:00Z");
    }
}
