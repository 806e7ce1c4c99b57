//! What the limiter holds in memory of its rows, and how it takes up what another life stored.
//!
//! A quota is taken up as if no time had passed since it was stored, but for what has *certainly* passed by
//! trusted readings of the wall clock before and after. Is the clock trusted only later, what had passed is
//! made good then, for what was spent before this life and not for what was spent in it. A cool-down is
//! taken at the wall clock's word: while nothing may be sent no server can say whether that is right.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use mm_core::id::{PlatformId, Space};
use mm_core::limit::{CoolDown, Quota, QuotaState};
use mm_core::moment::Moment;
use mm_core::trust::certainly_passed;
use mm_store::{Change, ChangeError, Store};
use mm_supervision::Fault;

use super::time::Reading;
use super::{Charge, LastAct, cool_down_key};
use crate::damage;
use crate::records::LastActRow;

/// A quota's state, or a cool-down, is found by its space and key.
pub(super) type RowKey = (Space, String);

/// The rows that were looked at in this life.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) quotas: BTreeMap<RowKey, QuotaState>,
    pub(super) cool_downs: BTreeMap<RowKey, CoolDown>,
    pub(super) last: BTreeMap<PlatformId, LastAct>,
    /// What was taken up before the clock was trusted.
    owed: Vec<Owed>,
    /// Whether the clock was trusted in this life.
    settled: bool,
}

/// A quota whose time since it was stored is not counted yet.
struct Owed {
    key: RowKey,
    /// As it was taken up.
    taken_up: QuotaState,
    /// The trusted wall clock when it was stored.
    stored: Moment,
    /// The monotonic clock when it was taken up.
    mono: Duration,
}

impl Rows {
    /// Loads all that a charge is decided by; names the row that is damaged, if one is.
    pub(super) fn load(
        &mut self,
        store: &Store,
        charge: &Charge,
        now: Reading,
    ) -> Result<Option<String>, Fault> {
        for quota in &charge.quotas {
            if let Some(damaged) = self.load_quota(store, quota, now)? {
                return Ok(Some(damaged));
            }
        }
        if let Some(damaged) = self.load_cool_down(store, cool_down_key(charge))? {
            return Ok(Some(damaged));
        }
        if !self.last.contains_key(&charge.platform) {
            match store.get::<LastActRow>(&Space::machine(), charge.platform.as_str()) {
                Ok(None) => {}
                Ok(Some(row)) => {
                    let (at, age) = (row.value.at, certainly_passed(Some(row.value.at), now.trusted));
                    self.last.insert(charge.platform.clone(), LastAct { at, age, mono: now.mono });
                }
                Err(error) => return damage::of_one_row(error).map(Some),
            }
        }
        Ok(None)
    }

    pub(super) fn load_quota(
        &mut self,
        store: &Store,
        quota: &Quota,
        now: Reading,
    ) -> Result<Option<String>, Fault> {
        let key = key(quota);
        let Entry::Vacant(empty) = self.quotas.entry(key.clone()) else { return Ok(None) };
        let row = match store.get::<QuotaState>(&quota.space, &quota.key) {
            Ok(row) => row,
            Err(error) => return damage::of_one_row(error).map(Some),
        };
        let Some(mut held) = row.map(|row| row.value) else {
            empty.insert(QuotaState::default());
            return Ok(None);
        };
        held.take_up(now.quota, certainly_passed(held.wall(), now.trusted));
        if let (None, Some(stored)) = (now.trusted, held.wall()) {
            self.owed.push(Owed { key, taken_up: held.clone(), stored, mono: now.mono });
        }
        empty.insert(held);
        Ok(None)
    }

    fn load_cool_down(&mut self, store: &Store, key: RowKey) -> Result<Option<String>, Fault> {
        let Entry::Vacant(empty) = self.cool_downs.entry(key.clone()) else { return Ok(None) };
        let row = match store.get::<CoolDown>(&key.0, &key.1) {
            Ok(row) => row,
            Err(error) => return damage::of_one_row(error).map(Some),
        };
        empty.insert(row.map(|row| row.value).unwrap_or_default());
        Ok(None)
    }

    /// The first time that the clock is trusted in this life: counts what had passed before it, and gives
    /// the change that puts all on record with a trusted time. What was stored without one would never
    /// be taken for older than it was.
    pub(super) fn settle(&mut self, now: Reading) -> Result<Option<Change>, ChangeError> {
        if self.settled || now.trusted.is_none() {
            return Ok(None);
        }
        self.settled = true;
        for owed in self.owed.drain(..) {
            let since = now.mono.saturating_sub(owed.mono);
            let passed = certainly_passed(Some(owed.stored), now.trusted).saturating_sub(since);
            if let Some(held) = self.quotas.get_mut(&owed.key) {
                held.had_passed(&owed.taken_up, passed);
            }
        }
        let mut change = Change::new();
        for ((space, id), held) in self.quotas.iter_mut().filter(|(_, held)| !held.is_blank()) {
            held.stored_at(now.quota, now.trusted);
            change = change.put(space, id, held)?;
        }
        Ok((!change.is_empty()).then_some(change))
    }
}

pub(super) fn key(quota: &Quota) -> RowKey {
    (quota.space.clone(), quota.key.clone())
}
