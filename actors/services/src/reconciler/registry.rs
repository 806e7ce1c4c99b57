//! Which platform's changes can be looked up, and by whom.

use std::collections::BTreeMap;
use std::sync::Arc;

use mm_core::action::Action;
use mm_core::id::PlatformId;
use mm_sdk::Reconciler;
use tokio::sync::Notify;

/// The reconcilers of a machine, one a platform. Clones share the bell; the default knows none, so that
/// every ambiguous change is its owner's to look up.
#[derive(Clone, Default)]
pub struct Reconcilers {
    by_platform: BTreeMap<PlatformId, Arc<dyn Reconciler>>,
    news: Arc<Notify>,
}

impl Reconcilers {
    /// The same with one more. A second one for a platform takes the place of the first.
    ///
    /// # Panics
    /// If the platform it names is no slug: a mistake of its author, found at the first start.
    #[must_use]
    pub fn with(mut self, reconciler: Arc<dyn Reconciler>) -> Self {
        let platform = reconciler.platform().parse().unwrap_or_else(|bad| panic!("{bad}"));
        self.by_platform.insert(platform, reconciler);
        self
    }

    /// Who looks up changes at `platform`, if anybody can.
    pub fn of(&self, platform: &str) -> Option<&Arc<dyn Reconciler>> {
        self.by_platform.iter().find(|(own, _)| own.as_str() == platform).map(|(_, found)| found)
    }

    /// Whether an act may change something at its platform: by its method, unless whoever knows the platform
    /// says that this one only reads.
    pub fn may_change(&self, action: &Action) -> bool {
        let only_reads = || self.of(action.platform.as_str()).is_some_and(|knows| knows.only_reads(action));
        action.request.method().is_mutating() && !only_reads()
    }

    /// Says that a change became ambiguous: it is looked up soon, and not only at the next round.
    pub fn wake(&self) {
        self.news.notify_one();
    }

    /// Waits until there is news.
    pub(super) async fn woken(&self) {
        self.news.notified().await;
    }
}
