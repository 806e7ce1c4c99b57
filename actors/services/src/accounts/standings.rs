//! How accounts stand, for whoever must know without a call.
//!
//! The health service writes it, from its rows; the road, the hosts and the accounts read it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use mm_core::id::{AccountId, PlatformId, Space};
use tokio::sync::Notify;

use crate::records::AccountStanding;

/// One account.
pub type Who = (Space, PlatformId, AccountId);

/// How every account stands. Clones are the same.
#[derive(Clone, Default)]
pub struct Standings(Arc<Inner>);

#[derive(Default)]
struct Inner {
    known: RwLock<BTreeMap<Who, (AccountStanding, String)>>,
    doubted: Mutex<BTreeSet<Who>>,
    news: Notify,
}

impl Standings {
    /// How an account stands.
    pub fn of(&self, who: &Who) -> AccountStanding {
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(who).map_or(AccountStanding::Unknown, |(standing, _)| *standing)
    }

    /// Why nothing is to be done with an account, if nothing is.
    pub fn refuses(&self, space: &Space, platform: &PlatformId, account: &AccountId) -> Option<String> {
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        let (standing, why) = known.get(&(space.clone(), platform.clone(), account.clone()))?;
        standing.is_bad().then(|| why.clone())
    }

    /// Why what needs an account on a platform must wait: there are accounts, and none is of use.
    pub fn holds(&self, space: &Space, platform: &str) -> Option<String> {
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut there =
            known.iter().filter(|((own, on, _), _)| own == space && on.as_str() == platform).peekable();
        there.peek()?;
        let mut why = None;
        for (_, (standing, sentence)) in there {
            if !standing.is_bad() {
                return None;
            }
            why = Some(sentence.clone());
        }
        why
    }

    /// Says how an account stands from now on.
    pub fn set(&self, who: &Who, standing: AccountStanding, sentence: &str) {
        let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(who.clone(), (standing, sentence.to_owned()));
    }

    /// Forgets an account.
    pub fn forget(&self, who: &Who) {
        self.0.known.write().unwrap_or_else(PoisonError::into_inner).remove(who);
        self.doubts().remove(who);
        self.0.news.notify_one();
    }

    /// Asks for a look at an account soon.
    pub fn doubt(&self, who: &Who) {
        self.doubts().insert(who.clone());
        self.0.news.notify_one();
    }

    /// The accounts that a look was asked for, once.
    pub(crate) fn take_doubted(&self) -> BTreeSet<Who> {
        std::mem::take(&mut *self.doubts())
    }

    /// Waits until a look is asked for, or an account is gone.
    pub(crate) async fn news(&self) {
        self.0.news.notified().await;
    }

    fn doubts(&self) -> MutexGuard<'_, BTreeSet<Who>> {
        self.0.doubted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
