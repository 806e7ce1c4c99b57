//! What the owner is told of limits: each once, and when it is over.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use mm_core::id::{PlatformId, Space};
use mm_core::limit::{CoolDown, Quota, QuotaState};
use mm_core::moment::Moment;

use super::time::Reading;
use super::{LimiterService, RowKey, State, key};

/// How the names of alerts about quotas begin.
const QUOTA: &str = "quota/";
/// How the names of alerts about platforms that are left alone begin.
const GIVEN_UP: &str = "given-up/";

impl LimiterService {
    /// What an older life told of quotas is told again by this one, if it still is so.
    pub(super) fn forget_what_was_told(&self) {
        for space in [Space::machine(), Space::default_owner()] {
            self.alerts.clear_prefix(&space, QUOTA);
        }
    }

    /// A quota was spent of. When it is nearly used, what lives on it stops, and the owner is told.
    pub(super) fn tell_if_nearly_used(
        &self,
        told: &mut BTreeMap<RowKey, Quota>,
        quota: &Quota,
        held: &QuotaState,
        now: Reading,
    ) {
        if told.contains_key(&key(quota)) || !held.is_nearly_used(quota, now.quota) {
            return;
        }
        let left = held.remaining(quota, now.quota);
        let at = now.on_the_wall(held.whole_enough_at(quota, now.quota));
        let sentence = format!(
            "only {left} are left of the limit of {quota}, so what lives on it is paused, lower priorities \
             first; it is whole enough again at {at}"
        );
        self.alerts.raise(&quota.space, format!("{QUOTA}{}", quota.key), sentence);
        told.insert(key(quota), quota.clone());
    }

    /// Ends the alerts about quotas that are whole enough again.
    pub(super) fn tell_what_is_whole(&self, state: &mut State, now: Reading) {
        let State { told, rows, .. } = state;
        told.retain(|key, quota| {
            let held = rows.quotas.get(key);
            let whole = held.is_none_or(|held| held.is_whole_enough(quota, now.quota));
            if whole {
                self.alerts.clear(&quota.space, format!("{QUOTA}{}", quota.key));
            }
            !whole
        });
    }

    /// Lets those see who hold back for it.
    pub(super) fn show_nearly_used(&self, state: &State) {
        let mut shown = self.limiter.nearly.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.told.values().eq(shown.iter()) {
            *shown = state.told.values().cloned().collect();
        }
    }

    /// A platform that says "too fast" again and again, without saying until when, is given up for a day.
    pub(super) fn tell_of_cool_down(
        &self,
        state: &mut State,
        platform: &PlatformId,
        held: &CoolDown,
        now: Reading,
    ) {
        let about = format!("{GIVEN_UP}{platform}");
        match held.until(now.quota) {
            Some(until) if held.is_given_up() => {
                let until = now.on_the_wall(until);
                let sentence = format!(
                    "{platform} has said \"too fast\" again and again without saying until when; it is left alone \
                     until {until}: look at its site whether the account stands, before it is asked once more"
                );
                self.alerts.raise(&Space::machine(), about, sentence);
                state.given_up.insert(platform.clone());
            }
            _ if !held.is_given_up() && state.given_up.remove(platform) => {
                self.alerts.clear(&Space::machine(), about);
            }
            _ => {}
        }
    }
}

impl State {
    /// When the first of the quotas that the owner was told of is whole enough again.
    pub(super) fn whole_enough_at(&self, now: Reading) -> Option<Moment> {
        let all = self.told.iter().filter_map(|(key, quota)| {
            let at = self.rows.quotas.get(key)?.whole_enough_at(quota, now.quota);
            Some(now.on_the_wall(at))
        });
        all.min()
    }
}
