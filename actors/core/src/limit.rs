//! Quotas that hold: never more than `max` acts in *any* window of length `per`, over restarts.
//!
//! [`QuotaState::decide`] spends or says when to come back; the state is small, is stored before
//! the act it allows, and is all there is to know. Nothing here reads a clock.
//!
//! ## Design notes: why a log of spends, rounded up
//!
//! Fixed windows let through twice the limit around their edges, and a token bucket (or GCRA) with
//! a burst lets through the burst on top. So this keeps the spends themselves, each as the moment
//! it stops counting from: its time rounded *up* to a grain of `per / 64` (exact to the millisecond
//! where `max` is at most 64), with a count. That is at most 130 rows whatever the limit.
//!
//! *Proof.* Let a closed window `[s, s + per]` hold spends, the last of them granted at `u`. When
//! it was granted, every other one, at `t ≥ s ≥ u - per`, had a row at `r ≥ t`, so `r + per ≥ u`,
//! so it was counted; granting needs the count to be under `max`. Hence at most `max` in the
//! window. Rounding up only makes rows count longer, by at most a grain.
//!
//! *A clock that jumps back refills nothing and freezes nothing.* When `now` is earlier than the
//! latest moment seen, every row moves back with it and keeps the time it still had to count. Real
//! time has not gone back, so each counts at least as long as it must. A clock that jumps forward
//! cannot be told from time passing; the machine holds effects until it trusts its clock.

mod cooldown;
mod fields;
mod headers;
mod queue;
mod quota;
mod share;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::moment::Moment;

pub use cooldown::CoolDown;
pub use headers::{Learned, Told, hear, http_date, learn, parse_retry_after};
pub use queue::{Layer, OVERTAKEN_MAX, Priority, Queue, Waiter};
pub use quota::{LimitScope, Quota, spoken_of};
pub use share::{NEARLY_PERCENT, TOP_PERCENT, WHOLE_PERCENT};

const ROWS_MAX: usize = 130;
const LOWERED_MAX: usize = 8;

/// `at`, which was so far from `then`, as far from `now`.
fn moved(at: Moment, then: Moment, now: Moment) -> Moment {
    if at >= then { now.plus(at.since(then)) } else { now.minus(then.since(at)) }
}

/// What a platform's headers said: until `until`, at most `left` more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Lowered {
    until: Moment,
    left: u32,
}

/// What has been spent of a quota. Stored whole, before the act it allows is done.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct QuotaState {
    /// The latest `now` that was seen.
    seen: Moment,
    /// Spends that still count: from when on (rounded up), and how many. Sorted.
    rows: Vec<(Moment, u32)>,
    /// What headers taught; all of it holds. None says less than another.
    lowered: Vec<Lowered>,
    /// What a trusted wall clock showed when it was stored; `None` if none was trusted.
    wall: Option<Moment>,
}

/// What becomes of a wish to spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spend {
    /// It is spent. Store the state before acting.
    Granted,
    /// Nothing is left. Nothing was spent.
    Full {
        /// When the next may be spent, at the earliest; `None` if never (the limit is zero).
        retry_at: Option<Moment>,
        /// Whether the platform's own headers, not our count, say so.
        learned: bool,
    },
}

impl QuotaState {
    /// Spends one, if there is room.
    pub fn decide(&mut self, quota: &Quota, now: Moment) -> Spend {
        let room = self.room(quota, now);
        if room == Spend::Granted {
            self.spend(quota, now);
        }
        room
    }

    /// Whether there is room for one, without spending it.
    pub fn room(&mut self, quota: &Quota, now: Moment) -> Spend {
        self.room_for(quota, Priority::SYSTEM, now)
    }

    /// Whether there is room for one of this priority, without spending it: the last share is not for all.
    pub fn room_for(&mut self, quota: &Quota, priority: Priority, now: Moment) -> Spend {
        self.advance(quota, now);
        let most = quota.most_for(priority);
        if most == 0 {
            return Spend::Full { retry_at: None, learned: false };
        }
        if self.used() >= u64::from(most) {
            return Spend::Full { retry_at: self.down_to(quota, most - 1), learned: false };
        }
        let kept = quota.max - most;
        match self.lowered.iter().filter(|lowered| lowered.left <= kept).map(|lowered| lowered.until).max() {
            Some(until) => Spend::Full { retry_at: Some(until), learned: true },
            None => Spend::Granted,
        }
    }

    /// A state of the first version of the schema, which took every wall clock at its word.
    pub fn of_version_1(seen: Moment, rows: Vec<(Moment, u32)>, lowered: Vec<(Moment, u32)>) -> Self {
        let lowered = lowered.into_iter().map(|(until, left)| Lowered { until, left }).collect();
        Self { seen, rows, lowered, wall: Some(seen) }
    }

    /// To be called before it is stored, with what a trusted wall clock shows at `now`.
    pub fn stored_at(&mut self, now: Moment, wall: Option<Moment>) {
        self.move_to(now);
        self.wall = wall;
    }

    /// What a trusted wall clock showed when it was stored.
    pub fn wall(&self) -> Option<Moment> {
        self.wall
    }

    /// Takes up what another life stored, when `passed` has certainly passed since then and it is now
    /// `now`: how the two lives' clocks differ is of no matter.
    pub fn take_up(&mut self, now: Moment, passed: Duration) {
        let then = self.seen.plus(passed);
        for at in self.rows.iter_mut().map(|(at, _)| at) {
            *at = moved(*at, then, now);
        }
        for lowered in &mut self.lowered {
            lowered.until = moved(lowered.until, then, now);
        }
        self.seen = now;
    }

    /// As was found out later, `passed` more had passed when it was as `taken_up`: of what it held then
    /// so much counts no longer, of what was spent since nothing. What was learnt from headers only
    /// ends later for not knowing it then.
    pub fn had_passed(&mut self, taken_up: &QuotaState, passed: Duration) {
        if self.seen < taken_up.seen {
            // The clock went back and all rows with it: nobody knows any more which is which.
            return;
        }
        let mut freed = Vec::new();
        for &(at, n) in &taken_up.rows {
            if let Some((_, held)) = self.rows.iter_mut().find(|(own, _)| *own == at) {
                freed.push((at.minus(passed), n.min(*held)));
                *held = held.saturating_sub(n);
            }
        }
        self.rows.retain(|(_, n)| *n > 0);
        self.rows.append(&mut freed);
        self.rows.sort_unstable();
    }

    /// Whether nothing is spent and nothing learnt.
    pub fn is_blank(&self) -> bool {
        self.rows.is_empty() && self.lowered.is_empty()
    }

    /// What headers taught and is not over: until when, and how many are left until then.
    pub fn lowered(&self, now: Moment) -> Vec<(Moment, u32)> {
        let all = self.lowered.iter().filter(|lowered| lowered.until > now);
        all.map(|lowered| (lowered.until, lowered.left)).collect()
    }

    /// How many may be spent now.
    pub fn remaining(&self, quota: &Quota, now: Moment) -> u32 {
        let mut copy = self.clone();
        copy.advance(quota, now);
        let own = u64::from(quota.max).saturating_sub(copy.used());
        let own = u32::try_from(own).unwrap_or(u32::MAX);
        copy.lowered.iter().map(|lowered| lowered.left).fold(own, u32::min)
    }

    /// When the whole quota is there again, if nothing more is spent.
    pub fn whole_at(&self, quota: &Quota, now: Moment) -> Moment {
        let mut copy = self.clone();
        copy.advance(quota, now);
        let own = copy.rows.last().map(|(at, _)| free_after(*at, quota.per_ms));
        let learned = copy.lowered.iter().map(|lowered| lowered.until);
        own.into_iter().chain(learned).fold(now, Moment::max)
    }

    /// Takes in what a platform's headers said. It only ever lowers: a header that promises more
    /// than our own count allows changes nothing.
    pub fn learn(&mut self, quota: &Quota, learned: Learned, now: Moment) {
        self.advance(quota, now);
        if learned.reset_at <= now {
            return;
        }
        let mut new = Lowered { until: learned.reset_at, left: learned.remaining };
        let says_less = |a: &Lowered, than: &Lowered| a.until <= than.until && a.left >= than.left;
        if self.lowered.iter().any(|old| says_less(&new, old)) {
            return;
        }
        self.lowered.retain(|old| !says_less(old, &new));
        if self.lowered.len() >= LOWERED_MAX {
            // A platform with so many clocks is taken at the worst of each.
            for old in self.lowered.drain(..) {
                new = Lowered { until: new.until.max(old.until), left: new.left.min(old.left) };
            }
        }
        self.lowered.push(new);
    }

    fn used(&self) -> u64 {
        self.rows.iter().map(|(_, n)| u64::from(*n)).sum()
    }

    /// Moves to `now`: forgets what no longer counts; if the clock went back, moves all with it.
    fn advance(&mut self, quota: &Quota, now: Moment) {
        self.move_to(now);
        self.rows.retain(|(at, _)| free_after(*at, quota.per_ms) > now);
        self.lowered.retain(|lowered| lowered.until > now);
    }

    fn move_to(&mut self, now: Moment) {
        if now < self.seen {
            let back = self.seen.since(now);
            for (at, _) in &mut self.rows {
                *at = at.minus(back);
            }
            for lowered in &mut self.lowered {
                lowered.until = lowered.until.minus(back);
            }
        }
        self.seen = now;
    }

    fn spend(&mut self, quota: &Quota, now: Moment) {
        let grain = quota.grain_ms();
        let down = now.unix_ms().div_euclid(grain).saturating_mul(grain);
        let up = if down == now.unix_ms() { down } else { down.saturating_add(grain) };
        let at = Moment::from_unix_ms(up);
        match self.rows.binary_search_by_key(&at, |(at, _)| *at) {
            Ok(i) => {
                if let Some((_, n)) = self.rows.get_mut(i) {
                    *n = n.saturating_add(1);
                }
            }
            Err(i) => self.rows.insert(i, (at, 1)),
        }
        if self.rows.len() > ROWS_MAX {
            self.coalesce(grain);
        }
        for lowered in &mut self.lowered {
            lowered.left = lowered.left.saturating_sub(1);
        }
    }

    /// Puts rows less than a grain apart together, on the latest of them. There are such rows only
    /// after the clock went back or the limit was changed.
    fn coalesce(&mut self, grain_ms: i64) {
        let mut groups: Vec<(Moment, u32)> = Vec::new();
        for &(at, n) in self.rows.iter().rev() {
            match groups.last_mut() {
                Some((end, sum)) if end.unix_ms().saturating_sub(at.unix_ms()) < grain_ms => {
                    *sum = sum.saturating_add(n);
                }
                _ => groups.push((at, n)),
            }
        }
        groups.reverse();
        self.rows = groups;
    }
}

/// The first millisecond at which a row of `at` no longer counts.
fn free_after(at: Moment, per_ms: u64) -> Moment {
    at.plus(Duration::from_millis(per_ms.saturating_add(1)))
}

/// Spends one of every quota, or none of any: the first that is full is named by its place.
///
/// # Errors
/// The place of the quota without room, and what it says.
pub fn decide_all(charges: &mut [(&Quota, &mut QuotaState)], now: Moment) -> Result<(), (usize, Spend)> {
    for (place, (quota, state)) in charges.iter_mut().enumerate() {
        match state.room(quota, now) {
            Spend::Granted => {}
            full => return Err((place, full)),
        }
    }
    for (quota, state) in charges.iter_mut() {
        state.spend(quota, now);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
