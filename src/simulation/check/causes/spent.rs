//! Whether a limit was nearly used: the acts that the trail permitted are counted in the limit's own window.
//!
//! At nine of ten what lives on a limit stops, until no more than three in four are used. What was reserved for an act
//! and never used counts too, and nobody outside sees it; so a twentieth less is enough. Uses are counted in grains of a
//! sixty-fourth of the window, each from its end on; and of the time when the machine was down only what has certainly
//! passed counts: a window is as much longer. A platform that said itself that too much was asked of it is believed for
//! one window.

use std::collections::BTreeSet;
use std::time::Duration;

use mm_core::moment::Moment;
use mm_core::schedule::show_span;

use super::Case;
use crate::simulation::check::held::Time;
use crate::simulation::check::quota::{OWNER, Quota, Sent};
use crate::simulation::check::refused::origin;

/// In a window that is shorter nothing is kept for anybody.
const LONG_MS: i64 = 3_600_000;
/// Of a hundred, so many are nearly all …
const NEARLY: usize = 90;
/// … and at so many it is whole enough again.
const WHOLE: usize = 75;
/// The grains of a window in which uses are counted.
const GRAINS: i64 = 64;
/// So much less may certainly have passed than two clocks say that are trusted.
const UNCERTAIN_MS: i64 = 10 * 60_000;
/// Of a hundred, so many may have been reserved for nothing.
const RESERVED: usize = 5;
/// The faults by which a platform says that too much was asked of it.
const TOO_MUCH: [&str; 3] = ["primary-limit", "secondary-limit", "too-many-requests"];

impl Case<'_> {
    /// Whether the limit that is named was nearly used then.
    pub(super) fn is_nearly_used(&self, time: Time, by: &str) -> bool {
        self.named(by)
            .iter()
            .any(|(quota, own)| self.was_spent(time, quota, *own) || self.was_told(time, quota))
    }

    /// The limits that a sentence may mean; whether only this strategy's own acts count.
    fn named(&self, by: &str) -> Vec<(Quota, bool)> {
        let Some(words) =
            by.strip_prefix("the limit of ").and_then(|rest| rest.split_once(" is nearly used"))
        else {
            return Vec::new();
        };
        let words = words.0;
        let of_owner = self.e.quotas.iter().find(|quota| quota.platform == OWNER);
        let own =
            self.task.daily_max.zip(of_owner).map(|(max, all)| Quota { max: max as usize, ..all.clone() });
        let is_own = words.contains(" per strategy ");
        let all = if is_own { own.iter().collect() } else { self.e.quotas.iter().collect::<Vec<_>>() };
        let is_named = |quota: &&Quota| {
            let per = Duration::from_millis(quota.per_ms.unsigned_abs());
            let place = match quota.platform.as_str() {
                OWNER if is_own => format!(" `{}`", self.task.strategy),
                OWNER => "per machine".to_owned(),
                // It lives on that platform alone.
                platform if self.task.platforms.keys().eq([platform]) => format!(" at {platform}"),
                _ => return false,
            };
            let numbers = format!("{} in {} per ", quota.max, show_span(per));
            quota.kinds.is_empty()
                && quota.per_ms >= LONG_MS
                && words.starts_with(&numbers)
                && words.ends_with(&place)
        };
        all.into_iter().filter(is_named).map(|quota| (quota.clone(), is_own)).collect()
    }

    /// Nearly all of it was spent, and it was not whole enough since.
    fn was_spent(&self, (from, until): Time, quota: &Quota, own: bool) -> bool {
        let long = quota.per_ms + quota.per_ms / GRAINS + self.uncounted(until - quota.per_ms, until);
        let nearly = quota.max * (NEARLY - RESERVED) / 100;
        let whole = quota.max * (WHOLE - RESERVED) / 100;
        let uses = self.uses(quota, own, until - 3 * long, until);
        let used = |at: i64| {
            let (first, end) =
                (uses.partition_point(|one| *one <= at - long), uses.partition_point(|one| *one <= at));
            end - first
        };
        // It falls only as time passes: just before the next use it is lowest.
        let mut is_nearly = false;
        for at in uses.iter().copied().filter(|at| *at <= until) {
            is_nearly = (is_nearly && used(at - 1) > whole) || used(at) >= nearly;
        }
        is_nearly && used(from.min(until)).max(used(until)) > whole
    }

    /// When it was used, oldest first.
    fn uses(&self, quota: &Quota, own: bool, from: i64, until: i64) -> Vec<i64> {
        let (from, until) = (Moment::from_unix_ms(from), Moment::from_unix_ms(until));
        let audit = &self.e.audit;
        let first = audit.partition_point(|entry| entry.at < from);
        let permits = audit[first..].iter().take_while(|entry| entry.at <= until);
        let permits = permits.filter(|entry| entry.kind == "action.permitted").filter(|entry| {
            let run = entry.text("action").split('.').next().unwrap_or_default();
            !own || self.e.told.get(run).is_some_and(|told| told.strategy == self.task.strategy)
        });
        let permits: Vec<Sent<'_>> = permits.map(|entry| Sent::permit(self.e, entry)).collect();
        quota.uses(&permits)
    }

    /// The platform said that too much was asked of it, lately.
    fn was_told(&self, (_, until): Time, quota: &Quota) -> bool {
        if quota.platform == OWNER {
            return false;
        }
        let lately = until - quota.per_ms - LONG_MS..=until;
        let mut told = self.e.received.iter().filter(|request| {
            lately.contains(&request.at_ms)
                && request.fault.as_deref().is_some_and(|fault| TOO_MUCH.contains(&fault))
        });
        let permits = self.e.audit.iter().filter(|entry| entry.kind == "action.permitted");
        let own = permits.map(|entry| Sent::permit(self.e, entry)).filter(|sent| quota.counts(sent));
        let places: BTreeSet<&str> = own.map(|sent| origin(sent.url)).collect();
        told.any(|request| places.contains(origin(&request.url)))
    }

    /// How much of a time may not have been counted, as the machine was down.
    fn uncounted(&self, from: i64, until: i64) -> i64 {
        let next_boot =
            |at: Moment| self.e.boots.iter().find(|boot| at < **boot).map_or(until, |boot| boot.unix_ms());
        let down = self.e.ends.iter().map(|(_, at)| (at.unix_ms(), next_boot(*at)));
        let within = down.filter(|(began, over)| *began <= until && from <= *over);
        within.map(|(began, over)| over.min(until) - began.max(from) + UNCERTAIN_MS).sum()
    }
}
