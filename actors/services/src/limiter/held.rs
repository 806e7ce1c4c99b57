//! What the limiter holds in memory of its rows, and how it takes up what another life stored.
//!
//! A quota or a cool-down is taken up as if no time had passed since it was stored, but for what has
//! *certainly* passed: in this life, and by trusted readings of the wall clock before and after. Is the
//! clock trusted only later, what had passed is made good then, for what was spent and earned before this
//! life and not for what was in it.

use std::collections::BTreeMap;
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
    /// The monotonic clock when this life began: what it finds was stored before.
    began: Duration,
    pub(super) quotas: BTreeMap<RowKey, QuotaState>,
    pub(super) cool_downs: BTreeMap<RowKey, CoolDown>,
    pub(super) last: BTreeMap<PlatformId, LastAct>,
    /// What was taken up before the clock was trusted.
    owed: Vec<Owed<QuotaState>>,
    owed_cool_downs: Vec<Owed<CoolDown>>,
    /// Whether the clock was trusted in this life.
    settled: bool,
}

/// What is held whose time since it was stored is not counted yet.
struct Owed<T> {
    key: RowKey,
    /// As it was taken up.
    taken_up: T,
    /// The trusted wall clock when it was stored.
    stored: Moment,
}

impl Rows {
    /// None yet, in a life that begins now by the monotonic clock.
    pub(super) fn since(began: Duration) -> Self {
        Self { began, ..Self::default() }
    }

    /// What has certainly passed since something was stored before this life.
    fn passed(&self, stored: Option<Moment>, now: Reading) -> Duration {
        certainly_passed(stored, now.trusted).max(now.mono.saturating_sub(self.began))
    }

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
        if let Some(damaged) = self.load_cool_down(store, cool_down_key(charge), now)? {
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
        if self.quotas.contains_key(&key) {
            return Ok(None);
        }
        let row = match store.get::<QuotaState>(&quota.space, &quota.key) {
            Ok(row) => row,
            Err(error) => return damage::of_one_row(error).map(Some),
        };
        let Some(mut held) = row.map(|row| row.value) else {
            self.quotas.insert(key, QuotaState::default());
            return Ok(None);
        };
        let passed = self.passed(held.wall(), now);
        held.take_up(now.quota, passed);
        if let (None, Some(stored)) = (now.trusted, held.wall()) {
            self.owed.push(Owed { key: key.clone(), taken_up: held.clone(), stored });
        }
        self.quotas.insert(key, held);
        Ok(None)
    }

    fn load_cool_down(&mut self, store: &Store, key: RowKey, now: Reading) -> Result<Option<String>, Fault> {
        if self.cool_downs.contains_key(&key) {
            return Ok(None);
        }
        let row = match store.get::<CoolDown>(&key.0, &key.1) {
            Ok(row) => row,
            Err(error) => return damage::of_one_row(error).map(Some),
        };
        let mut held = row.map(|row| row.value).unwrap_or_default();
        let passed = self.passed(held.wall(), now);
        held.take_up(now.quota, passed);
        if let (None, Some(stored)) = (now.trusted, held.wall()) {
            self.owed_cool_downs.push(Owed { key: key.clone(), taken_up: held, stored });
        }
        self.cool_downs.insert(key, held);
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
        // What has passed in this life counts already.
        let lived = now.mono.saturating_sub(self.began);
        let before = |stored| certainly_passed(Some(stored), now.trusted).saturating_sub(lived);
        for owed in self.owed.drain(..) {
            if let Some(held) = self.quotas.get_mut(&owed.key) {
                held.had_passed(&owed.taken_up, before(owed.stored));
            }
        }
        for owed in self.owed_cool_downs.drain(..) {
            if let Some(held) = self.cool_downs.get_mut(&owed.key) {
                held.had_passed(&owed.taken_up, before(owed.stored));
            }
        }
        let mut change = Change::new();
        for ((space, id), held) in self.quotas.iter_mut().filter(|(_, held)| !held.is_blank()) {
            held.stored_at(now.quota, now.trusted);
            change = change.put(space, id, held)?;
        }
        for ((space, id), held) in &mut self.cool_downs {
            if held.until(now.quota).is_some() {
                held.stored_at(now.quota, now.trusted);
                change = change.put(space, id, held)?;
            }
        }
        Ok((!change.is_empty()).then_some(change))
    }
}

pub(super) fn key(quota: &Quota) -> RowKey {
    (quota.space.clone(), quota.key.clone())
}
