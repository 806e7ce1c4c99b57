//! Who may use the last share of a quota, and when it is nearly used.
//!
//! A quota of hours is nearly used long before it refills. So lower priorities stop first: most
//! strategies at [`NEARLY_PERCENT`], those of priority 1 at [`TOP_PERCENT`], and what is left is for
//! the machine's own acts, such as looking up what became of a change. Windows shorter than
//! [`LONG_MS`] refill before anybody could act on it, and small limits have no last share: there the
//! quota itself is the end.

use std::time::Duration;

use super::{Quota, QuotaState, free_after};
use crate::limit::queue::Priority;
use crate::moment::Moment;

/// From so many of a hundred used on, a quota is nearly used.
pub const NEARLY_PERCENT: u32 = 90;
/// Up to so many of a hundred strategies of priority 1 may use.
pub const TOP_PERCENT: u32 = 95;
/// Down to so many of a hundred used, a quota that was nearly used is whole enough again.
pub const WHOLE_PERCENT: u32 = 75;
/// The shortest window that has a last share: an hour.
const LONG_MS: u64 = 3_600_000;

impl Quota {
    /// Whether it has a last share at all.
    fn is_long(&self) -> bool {
        self.per_ms >= LONG_MS
    }

    /// Up to how many acts somebody of this priority may bring it.
    pub fn most_for(&self, priority: Priority) -> u32 {
        let percent = match priority {
            Priority::SYSTEM => return self.max,
            _ if !self.is_long() => return self.max,
            Priority(1) => TOP_PERCENT,
            _ => NEARLY_PERCENT,
        };
        self.max - self.of_hundred(100 - percent)
    }

    /// So many of a hundred, rounded down.
    fn of_hundred(&self, percent: u32) -> u32 {
        u32::try_from(u64::from(self.max) * u64::from(percent) / 100).unwrap_or(u32::MAX)
    }
}

impl QuotaState {
    /// Whether it is nearly used: what lives on it stops, lower priorities first.
    pub fn is_nearly_used(&self, quota: &Quota, now: Moment) -> bool {
        let left = self.remaining(quota, now);
        quota.max > 0 && quota.is_long() && left <= quota.of_hundred(100 - NEARLY_PERCENT)
    }

    /// Whether it is whole enough again for the owner not to think of it any more.
    pub fn is_whole_enough(&self, quota: &Quota, now: Moment) -> bool {
        self.remaining(quota, now) >= quota.max - quota.of_hundred(WHOLE_PERCENT)
    }

    /// When it is whole enough again, if nothing more is spent.
    pub fn whole_enough_at(&self, quota: &Quota, now: Moment) -> Moment {
        let mut copy = self.clone();
        copy.advance(quota, now);
        let own = copy.down_to(quota, quota.of_hundred(WHOLE_PERCENT)).unwrap_or(now);
        copy.lowered.iter().map(|lowered| lowered.until).fold(own, Moment::max).max(now)
    }

    /// When only so many spends count, if nothing more is spent; `None` if that is so already.
    pub(super) fn down_to(&self, quota: &Quota, used: u32) -> Option<Moment> {
        let mut over = self.used().saturating_sub(u64::from(used));
        for (at, n) in &self.rows {
            if over == 0 {
                break;
            }
            over = over.saturating_sub(u64::from(*n));
            if over == 0 {
                return Some(free_after(*at, quota.per_ms));
            }
        }
        None
    }

    /// When there is room for one more after `ahead` others, at the earliest, for somebody of this
    /// priority; `None` if never. Those ahead are taken to come as soon as they may.
    pub fn comes_at(&self, quota: &Quota, priority: Priority, ahead: u32, now: Moment) -> Option<Moment> {
        let most = quota.most_for(priority);
        if most == 0 {
            return None;
        }
        let mut copy = self.clone();
        copy.advance(quota, now);
        // A whole quota of others ahead is a whole window more.
        let windows = ahead / most;
        let used = most - ahead % most - 1;
        let own = copy.down_to(quota, used).unwrap_or(now);
        let learned =
            copy.lowered.iter().filter(|lowered| lowered.left <= ahead).map(|lowered| lowered.until);
        let more = Duration::from_millis(quota.per_ms.saturating_mul(u64::from(windows)));
        Some(learned.fold(own, Moment::max).plus(more))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Spend;
    use super::*;

    fn at(ms: i64) -> Moment {
        Moment::from_unix_ms(ms)
    }

    fn quota(max: u32, per_ms: u64) -> Quota {
        Quota { max, per_ms, ..Quota::daily_actions(0) }
    }

    #[test]
    fn lower_priorities_stop_first_and_small_or_short_limits_have_no_last_share() {
        let most = |max, per_ms| {
            let quota = quota(max, per_ms);
            [0, 1, 2, 100].map(|priority| quota.most_for(Priority(priority)))
        };
        assert_eq!(most(1000, LONG_MS), [1000, 950, 900, 900]);
        assert_eq!(most(1000, LONG_MS - 1), [1000; 4]);
        assert_eq!(most(10, LONG_MS), [10, 10, 9, 9]);
        assert_eq!(most(9, LONG_MS), [9; 4]);
        assert_eq!(most(0, LONG_MS), [0; 4]);
    }

    #[test]
    fn what_is_nearly_used_is_whole_enough_at_the_moment_it_names() {
        let quota = quota(100, LONG_MS);
        let mut state = QuotaState::default();
        for step in 0..90 {
            assert!(!state.is_nearly_used(&quota, at(step)));
            assert_eq!(state.decide(&quota, at(step)), Spend::Granted);
        }
        assert!(state.is_nearly_used(&quota, at(90)));
        let whole = state.whole_enough_at(&quota, at(90));
        assert!(!state.is_whole_enough(&quota, at(whole.unix_ms() - 1)));
        assert!(state.is_whole_enough(&quota, whole));
    }

    #[test]
    fn who_has_no_share_never_comes() {
        assert_eq!(QuotaState::default().comes_at(&quota(0, 1_000), Priority::SYSTEM, 0, at(5)), None);
    }

    /// With `n` others ahead who each come as soon as they may, it comes when it was said to.
    #[test]
    fn an_eta_is_when_it_comes_if_all_ahead_come_as_soon_as_they_may() {
        for (max, ahead, spent) in [(3u32, 0u32, 3u32), (3, 0, 1), (3, 2, 3), (3, 7, 2), (5, 4, 0), (1, 3, 1)]
        {
            let quota = quota(max, 1_000);
            let mut state = QuotaState::default();
            for step in 0..spent {
                state.decide(&quota, at(i64::from(step) * 10));
            }
            let eta = state.comes_at(&quota, Priority(2), ahead, at(100)).unwrap();
            let (mut now, mut to_come) = (100, ahead + 1);
            loop {
                if state.decide(&quota, at(now)) == Spend::Granted {
                    to_come -= 1;
                    if to_come == 0 {
                        break;
                    }
                } else {
                    now += 1;
                }
            }
            // A window in which somebody else waits ends a millisecond later each time.
            assert!(eta <= at(now) && at(now).since(eta) <= Duration::from_millis(5), "{eta} {now}");
        }
    }
}
