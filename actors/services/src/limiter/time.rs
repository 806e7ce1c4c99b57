//! The time that quotas are counted in: the wall clock, held back where it runs ahead of real time.
//!
//! Within one life of the limiter quota time never runs faster than the monotonic clock, so a wall
//! clock that is set forward refills nothing early: quota time goes on from where it was, behind the
//! wall clock by that step. A clock set back is followed, and the states of quotas move back with it.
//! A machine that was suspended counts late, since `CLOCK_MONOTONIC` stands still meanwhile: it then
//! waits longer than it must, never less. A new life begins at the wall clock; what an older one stored
//! is taken up as `held` says, so that it does not matter how the two differ.
//!
//! Pure: the readings come in.

use std::time::Duration;

use mm_core::moment::Moment;

/// Quota time in one life.
#[derive(Debug, Default)]
pub(super) struct QuotaTime {
    /// What it was when the monotonic clock stood where.
    anchor: Option<(Moment, Duration)>,
}

/// One reading of the clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    /// Quota time: what quotas and cool-downs are asked with.
    pub(super) quota: Moment,
    /// The wall clock.
    pub(super) wall: Moment,
    /// The monotonic clock.
    pub(super) mono: Duration,
    /// The wall clock, if it is trusted.
    pub(super) trusted: Option<Moment>,
}

impl QuotaTime {
    /// Quota time, as both clocks are read.
    pub(super) fn read(&mut self, wall: Moment, mono: Duration, trusted: Option<Moment>) -> Reading {
        let (at, since) = *self.anchor.get_or_insert((wall, mono));
        let advanced = at.plus(mono.saturating_sub(since));
        let quota = if wall < advanced {
            self.anchor = Some((wall, mono));
            wall
        } else {
            // The anchor stays: to move it at every reading would lose what is under a millisecond.
            advanced
        };
        Reading { quota, wall, mono, trusted }
    }
}

impl Reading {
    /// A moment of quota time as the wall clock will show it, for those who wait by that.
    pub(super) fn on_the_wall(&self, at: Moment) -> Moment {
        self.wall.plus(at.since(self.quota))
    }

    /// A moment of wall time as quota time; one that is over is now.
    pub(super) fn off_the_wall(&self, at: Moment) -> Moment {
        self.quota.plus(at.since(self.wall))
    }
}

#[cfg(test)]
mod tests {
    use mm_core::seams::SplitMix64;

    use super::*;

    /// However the wall clock is set, quota time is never ahead of it, and never runs faster than the
    /// monotonic clock; and until somebody sets it, it is the wall clock but for a millisecond.
    #[test]
    fn it_never_runs_ahead_of_real_time() {
        let mut chance = SplitMix64(5);
        let mut below = |n: u64| chance.next_u64() % n;
        for _ in 0..200 {
            let (mut time, mut real_us, mut offset) = (QuotaTime::default(), 0u64, 0i64);
            let (mut before, mut was_set) = (None::<Reading>, false);
            for _ in 0..200 {
                real_us += below(5_000_000);
                if below(8) == 0 {
                    (offset, was_set) = (offset + below(200_000) as i64 - 100_000, true);
                }
                let wall = Moment::from_unix_ms(1_000_000_000 + offset + (real_us / 1000) as i64);
                let read = time.read(wall, Duration::from_micros(real_us), None);
                assert!(read.quota <= wall);
                assert!(was_set || wall.since(read.quota) <= Duration::from_millis(1));
                if let Some(before) = before {
                    let most = read.mono.saturating_sub(before.mono) + Duration::from_millis(1);
                    assert!(read.quota.since(before.quota) <= most);
                }
                before = Some(read);
            }
        }
    }

    #[test]
    fn a_wait_in_quota_time_is_as_long_on_the_wall() {
        let mut time = QuotaTime::default();
        let at = Moment::from_unix_ms;
        time.read(at(1_000), Duration::ZERO, None);
        let read = time.read(at(100_000), Duration::from_millis(500), None);
        assert_eq!(read.quota, at(1_500));
        assert_eq!(read.on_the_wall(at(2_000)), at(100_500));
        assert_eq!(read.off_the_wall(at(100_500)), at(2_000));
        assert_eq!(read.off_the_wall(at(0)), read.quota);
    }
}
