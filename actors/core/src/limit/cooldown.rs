//! A platform said "too fast": everybody who shares the account or address stays away.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::moved;
use crate::moment::Moment;

/// The least time away after a "too fast" that names no time (GitHub's secondary limits ask for
/// at least one minute, growing: docs.github.com, "Rate limits for the REST API").
const LEAST: Duration = Duration::from_secs(60);
/// The longest that a growing cool-down gets by itself.
const GROWN_MOST: Duration = Duration::from_secs(3_600);
/// After so many in a row that name no time, it is given up for [`GIVEN_UP_FOR`], and a person must look:
/// going on "may result in the banning of your integration" (the same page).
const GIVE_UP_AFTER: u32 = 7;
/// How long a platform that was given up is left alone before one act looks again.
const GIVEN_UP_FOR: Duration = Duration::from_secs(86_400);
/// The longest that a platform is believed: a header of a century is a mistake.
const BELIEVED_MOST: Duration = Duration::from_secs(30 * 86_400);

/// How long a platform (or an account there) is left alone. Survives restarts by being stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CoolDown {
    until: Option<Moment>,
    seen: Moment,
    strikes: u32,
    /// What a trusted wall clock showed when it was stored; `None` if none was trusted.
    wall: Option<Moment>,
}

impl CoolDown {
    /// A state of the first version of the schema, which did not say whether its clock was trusted.
    pub fn of_version_1(until: Option<Moment>, seen: Moment, strikes: u32) -> Self {
        Self { until, seen, strikes, wall: None }
    }

    /// To be called before it is stored, with what a trusted wall clock shows at `now`.
    pub fn stored_at(&mut self, now: Moment, wall: Option<Moment>) {
        self.advance(now);
        self.wall = wall;
    }

    /// What a trusted wall clock showed when it was stored.
    pub fn wall(&self) -> Option<Moment> {
        self.wall
    }

    /// Takes up what another life stored, when `passed` has certainly passed since then and it is now `now`:
    /// the rest is waited still, however the two lives' clocks differ.
    pub fn take_up(&mut self, now: Moment, passed: Duration) {
        let then = self.seen.plus(passed);
        self.until = self.until.map(|until| moved(until, then, now)).filter(|until| *until > now);
        self.seen = now;
    }

    /// As was found out later, `passed` more had passed when it was as `taken_up`. What was earned since
    /// stands.
    pub fn had_passed(&mut self, taken_up: &Self, passed: Duration) {
        if self.until == taken_up.until {
            let until = self.until.map(|until| until.minus(passed));
            self.until = until.filter(|until| *until > self.seen);
        }
    }

    /// Whether so many in a row said "too fast" without a time that it is given up.
    pub fn is_given_up(&self) -> bool {
        self.strikes >= GIVE_UP_AFTER
    }

    /// Until when nothing is sent; `None` if something may be.
    pub fn until(&self, now: Moment) -> Option<Moment> {
        let mut copy = *self;
        copy.advance(now);
        copy.until
    }

    /// Takes in a "too fast" (429, or what stands for it), with the wait it named, if it did.
    /// Returns until when nothing is sent. A cool-down only ever grows.
    pub fn on_limited(&mut self, retry_after: Option<Duration>, now: Moment) -> Moment {
        self.advance(now);
        self.strikes = self.strikes.saturating_add(1);
        let grown = LEAST.saturating_mul(1 << (self.strikes - 1).min(10)).min(GROWN_MOST);
        let wait = match retry_after {
            Some(named) => named.clamp(Duration::from_secs(1), BELIEVED_MOST),
            None if self.is_given_up() => GIVEN_UP_FOR,
            None => grown,
        };
        let until = now.plus(wait).max(self.until.unwrap_or(now));
        self.until = Some(until);
        until
    }

    /// Takes in a "come back later" that is no reproach: `Retry-After` with 503 or a redirect.
    pub fn on_retry_after(&mut self, wait: Duration, now: Moment) -> Moment {
        self.advance(now);
        let until = now.plus(wait.min(BELIEVED_MOST)).max(self.until.unwrap_or(now));
        self.until = Some(until).filter(|until| *until > now);
        until
    }

    /// Takes in a good answer: the next "too fast" is the first again. A cool-down that another
    /// request earned meanwhile stays.
    pub fn on_success(&mut self, now: Moment) {
        self.advance(now);
        if self.until.is_none() {
            self.strikes = 0;
        }
    }

    /// Whether it says what `stored` says. What only looked at it later need not be stored again: a
    /// restart then waits rather longer than shorter.
    pub fn says_what(&self, stored: &Self) -> bool {
        (self.until, self.strikes) == (stored.until, stored.strikes)
    }

    /// Moves to `now`. A clock that went back takes the end with it, so that what was left to
    /// wait is left still, and no more.
    fn advance(&mut self, now: Moment) {
        if now < self.seen {
            let back = self.seen.since(now);
            self.until = self.until.map(|until| until.minus(back));
        }
        self.seen = now;
        self.until = self.until.filter(|until| *until > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::from_unix_ms(1_000_000_000_000).plus(Duration::from_secs(seconds))
    }

    #[test]
    fn without_a_named_time_it_grows_from_a_minute_is_given_up_and_a_success_forgives() {
        let mut cool = CoolDown::default();
        let mut now = at(0);
        let mut waits = Vec::new();
        for _ in 0..8 {
            let until = cool.on_limited(None, now);
            waits.push(until.since(now).as_secs());
            now = until;
        }
        assert_eq!(waits, [60, 120, 240, 480, 960, 1920, 86_400, 86_400]);
        assert!(cool.is_given_up());
        cool.on_success(now);
        assert!(!cool.is_given_up());
        assert_eq!(cool.on_limited(None, now).since(now).as_secs(), 60);
    }

    #[test]
    fn a_shorter_word_never_ends_a_longer_cool_down() {
        let mut cool = CoolDown::default();
        assert_eq!(cool.on_limited(Some(Duration::from_secs(500)), at(0)), at(500));
        assert_eq!(cool.on_limited(Some(Duration::from_secs(5)), at(1)), at(500));
        cool.on_success(at(2));
        assert_eq!(cool.until(at(499)), Some(at(500)));
        assert_eq!(cool.until(at(500)), None);
    }

    #[test]
    fn a_clock_that_jumps_back_leaves_what_was_left_to_wait() {
        let mut cool = CoolDown::default();
        cool.on_limited(Some(Duration::from_secs(100)), at(10_000));
        cool.on_success(at(10_060));
        assert_eq!(cool.until(at(0)), Some(at(40)));
    }

    #[test]
    fn a_come_back_later_is_kept_without_a_reproach_and_zero_is_none() {
        let mut cool = CoolDown::default();
        assert_eq!(cool.on_retry_after(Duration::ZERO, at(0)), at(0));
        assert!(cool.says_what(&CoolDown::default()));
        assert_eq!(cool.on_retry_after(Duration::from_secs(90), at(1)), at(91));
        assert!(!cool.says_what(&CoolDown::default()));
        assert_eq!(cool.until(at(90)), Some(at(91)));
        assert_eq!(cool.on_limited(None, at(100)).since(at(100)).as_secs(), 60, "the first strike");
    }

    #[test]
    fn another_life_waits_for_what_was_left_but_for_what_has_certainly_passed() {
        let (hour, day) = (Duration::from_secs(3_600), Duration::from_secs(86_400));
        let mut stored = CoolDown::default();
        stored.on_limited(Some(hour), at(0));
        stored.stored_at(at(600), Some(at(600)));
        // Whatever the other life's clock shows.
        for shows in [0, 600, 90_000] {
            let mut taken = stored;
            taken.take_up(at(shows), Duration::ZERO);
            assert_eq!(taken.until(at(shows)), Some(at(shows + 3_000)));
            taken.take_up(at(shows), Duration::from_secs(1_000));
            assert_eq!(taken.until(at(shows)), Some(at(shows + 2_000)));
            // Found out later.
            let (mut late, mut earned) = (taken, taken);
            late.had_passed(&taken, Duration::from_secs(500));
            assert_eq!(late.until(at(shows)), Some(at(shows + 1_500)));
            late.had_passed(&late.clone(), day);
            assert_eq!(late.until(at(shows)), None);
            earned.on_limited(Some(hour), at(shows));
            earned.had_passed(&taken, day);
            assert_eq!(earned.until(at(shows)), Some(at(shows + 3_600)), "what was earned since stands");
        }
    }

    /// What a good answer changes is nothing, unless there is something to forgive or to let go of.
    #[test]
    fn a_good_answer_says_something_new_once() {
        let mut cool = CoolDown::default();
        cool.on_success(at(1));
        assert!(cool.says_what(&CoolDown::default()));
        cool.on_limited(Some(Duration::from_secs(5)), at(2));
        let limited = cool;
        cool.on_success(at(3));
        assert!(cool.says_what(&limited));
        cool.on_success(at(8));
        assert!(!cool.says_what(&limited) && cool.says_what(&CoolDown::default()));
    }

    #[test]
    fn an_absurd_wait_is_cut_to_a_month_and_zero_is_a_second() {
        let mut cool = CoolDown::default();
        assert_eq!(cool.on_limited(Some(Duration::ZERO), at(0)), at(1));
        assert_eq!(cool.on_limited(Some(Duration::MAX), at(0)), at(30 * 86_400));
    }
}
