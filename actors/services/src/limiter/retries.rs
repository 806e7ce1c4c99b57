//! The retry budgets of platforms, shared between the actor, which counts acts, and the road, which asks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mm_core::backoff::RetryBudget;
use mm_core::id::PlatformId;

/// Clones are the same ones. They outlive the actor, not the process.
#[derive(Clone, Default)]
pub(super) struct Retries(Arc<Mutex<BTreeMap<PlatformId, RetryBudget>>>);

impl Retries {
    pub(super) fn acted(&self, platform: &PlatformId, mono: Duration) {
        self.lock().entry(platform.clone()).or_default().acted(mono);
    }

    pub(super) fn may_retry(&self, platform: &PlatformId, mono: Duration) -> bool {
        self.lock().entry(platform.clone()).or_default().may_retry(mono)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PlatformId, RetryBudget>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
