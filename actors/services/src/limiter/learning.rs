//! What answers teach of limits: headers lower a quota, "too fast" and `Retry-After` begin a cool-down that
//! all share who use the same account (or, without one, the same address).

use mm_core::limit::{Learned, Told, spoken_of};
use mm_store::Change;
use mm_supervision::Fault;

use super::time::Reading;
use super::{Charge, Learnt, LimiterService, State, cool_down_key, key};

impl LimiterService {
    pub(super) async fn learn(
        &self,
        state: &mut State,
        charge: &Charge,
        learnt: Learnt,
        now: Reading,
    ) -> Result<(), Fault> {
        let mut change = self.shared.trust.unsaved().unwrap_or_default();
        if state.rows.load(&self.shared.store, charge, now)?.is_none() {
            change = self.lower(state, charge, &learnt.headers, now, change)?;
            change = self.cool_down(state, charge, &learnt, now, change)?;
        }
        // Else nothing is spent of what is damaged, so there is nothing to learn.
        if !change.is_empty() {
            self.shared.store.commit(change).await?;
        }
        Ok(())
    }

    /// Each word lowers the quota that it speaks of.
    fn lower(
        &self,
        state: &mut State,
        charge: &Charge,
        words: &[Told],
        now: Reading,
        mut change: Change,
    ) -> Result<Change, Fault> {
        for told in words {
            let Some(quota) = spoken_of(&charge.quotas, told).and_then(|place| charge.quotas.get(place))
            else {
                continue;
            };
            let held = state.rows.quotas.entry(key(quota)).or_default();
            let reset_at = now.off_the_wall(told.learned.reset_at);
            held.learn(quota, Learned { reset_at, ..told.learned }, now.quota);
            held.stored_at(now.quota, now.trusted);
            self.tell_if_nearly_used(&mut state.told, quota, held, now);
            change = change.put(&quota.space, &quota.key, held)?;
        }
        Ok(change)
    }

    fn cool_down(
        &self,
        state: &mut State,
        charge: &Charge,
        learnt: &Learnt,
        now: Reading,
        mut change: Change,
    ) -> Result<Change, Fault> {
        let (space, id) = cool_down_key(charge);
        let mut held = state.rows.cool_downs.get(&(space.clone(), id.clone())).copied().unwrap_or_default();
        let before = held;
        if learnt.limited {
            // A primary limit that is used up names its end by the reset (docs.github.com, "Rate limits for
            // the REST API"); a secondary one names none, and the wait grows.
            let wait = learnt.retry_after.or_else(|| used_up(&learnt.headers, now));
            let until = now.on_the_wall(held.on_limited(wait, now.quota));
            tracing::warn!(platform = %charge.platform, %until, "the platform asked for a pause");
        } else if let Some(wait) = learnt.retry_after {
            held.on_retry_after(wait, now.quota);
        }
        if learnt.good {
            held.on_success(now.quota);
        }
        if !held.says_what(&before) {
            held.stored_at(now.quota, now.trusted);
            change = change.put(&space, &id, &held)?;
            self.tell_of_cool_down(state, &charge.platform, &held, now);
        }
        state.rows.cool_downs.insert((space, id), held);
        Ok(change)
    }
}

/// How long it is to the reset of a limit of which nothing is left, if headers name one.
fn used_up(words: &[Told], now: Reading) -> Option<std::time::Duration> {
    let none_left = words.iter().map(|told| told.learned).filter(|learned| learned.remaining == 0);
    none_left.map(|learned| learned.reset_at.since(now.wall)).max()
}
