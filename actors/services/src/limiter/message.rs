//! What the limiter is asked and told, and the way to ask it.
//!
//! It holds nothing but the way there, the count of retries and what is nearly used, which are shared by all
//! that ask. What does
//! not arrive is logged where it was only told; what is asked gives the [`CallError`], and who asked for
//! room has none then.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mm_core::id::{AccountId, ActionId, PlatformId, Space};
use mm_core::limit::{Layer, Priority, Quota, Told};
use mm_core::moment::Moment;
use mm_store::{Change, CommitError};
use mm_supervision::{CallError, Handle, Reply};

use super::Waiting;
use super::retries::Retries;
use crate::message::kinds;
use crate::shared::CALL_TIMEOUT;

/// The longest that anybody waits here, whatever he asked for.
pub(super) const WAIT_MOST: Duration = Duration::from_secs(600);

/// The way to the limiter.
#[derive(Clone, Default)]
pub struct Limiter {
    handle: Handle<Msg>,
    pub(super) retries: Retries,
    /// Those that are nearly used, as the service knows them; nothing waits for it to look.
    pub(super) nearly: Arc<Mutex<Vec<Quota>>>,
}

/// What an act is charged to.
#[derive(Debug, Clone)]
pub struct Charge {
    /// The platform.
    pub platform: PlatformId,
    /// Who acts: a strategy's name, or `system.SERVICE`. Those of one priority take turns.
    pub strategy: String,
    /// Whose account, if one is used; cool-downs are shared by all that use it.
    pub account: Option<(Space, AccountId)>,
    /// The quotas it counts in.
    pub quotas: Vec<Quota>,
    /// The least pause since the last act at this platform.
    pub pause: Duration,
}

/// How somebody asks for room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// For which act.
    pub action: ActionId,
    /// How it stands to others who wait.
    pub priority: Priority,
    /// Until when it waits, at most.
    pub until: Moment,
}

/// Room was reserved; [`Limiter::commit`] makes it a spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// How long it was waited for.
    pub waited: Duration,
}

/// There is no room in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotNow {
    /// Which limit, in words.
    pub limit: String,
    /// When there would have been room, as far as it can be told; `None` if never.
    pub eta: Option<Moment>,
    /// In which layer.
    pub layer: Layer,
}

impl std::fmt::Display for NotNow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.eta {
            Some(at) if self.layer == Layer::CoolDown => write!(f, "{} until {at}", self.limit),
            Some(at) => write!(f, "{} is used up until {at}", self.limit),
            None => write!(f, "{} allows nothing", self.limit),
        }
    }
}

/// What an answer taught of the platform's patience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learnt {
    /// What its headers said of limits.
    pub headers: Vec<Told>,
    /// Whether it says "too fast" (429, or what stands for it).
    pub limited: bool,
    /// Its `Retry-After`, whatever its status.
    pub retry_after: Option<Duration>,
    /// Whether it is a good answer: the next "too fast" is then the first again.
    pub good: bool,
}

/// How one quota stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The quota.
    pub quota: Quota,
    /// How many acts are left; none if its row is damaged.
    pub remaining: u32,
    /// When all of it is there again.
    pub whole_at: Moment,
}

/// What it is sent.
pub enum Msg {
    /// Reserve room for one act, or wait for it.
    Acquire {
        /// What is charged.
        charge: Box<Charge>,
        /// How it is asked for.
        ask: Ask,
        /// Where the answer goes.
        reply: Reply<Result<Spent, NotNow>>,
    },
    /// Write what a charge made of its quotas together with `change`.
    Commit {
        /// What was reserved.
        charge: Box<Charge>,
        /// The action's intent.
        change: Box<Change>,
        /// Where the answer goes.
        reply: Reply<Result<(), CommitError>>,
    },
    /// Take in what an answer taught.
    Learn {
        /// What had been charged.
        charge: Box<Charge>,
        /// What it taught.
        learnt: Learnt,
    },
    /// How these quotas stand.
    Standing {
        /// Which.
        quotas: Vec<Quota>,
        /// Where the answer goes.
        reply: Reply<Vec<Standing>>,
    },
    /// Who waits.
    Queue {
        /// Where the answer goes.
        reply: Reply<Vec<Waiting>>,
    },
    /// Look whether there is room now.
    Wake,
}

kinds!(Msg {
    Acquire => "acquire",
    Commit => "commit",
    Learn => "learn",
    Standing => "standing",
    Queue => "queue",
    Wake => "wake",
});

impl Limiter {
    /// The quotas that are nearly used and not whole enough again.
    pub fn nearly_used(&self) -> Vec<Quota> {
        self.nearly.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The actor's own handle, for the tree.
    pub fn handle(&self) -> &Handle<Msg> {
        &self.handle
    }

    /// Reserves room for one act, waiting for it in a fair queue as long as `ask` says. What is not
    /// followed by [`Limiter::commit`] stays reserved until its window has passed: erring on the side
    /// of too few.
    ///
    /// # Errors
    /// The inner error names the limit without room, and when there would have been some.
    pub async fn acquire(&self, charge: &Charge, ask: Ask) -> Result<Result<Spent, NotNow>, CallError> {
        let charge = Box::new(charge.clone());
        self.handle.call(|reply| Msg::Acquire { charge, ask, reply }, WAIT_MOST + CALL_TIMEOUT).await
    }

    /// Whether another try at `platform` may be made: at most one in ten of its acts is one. It counts
    /// as one if so. `mono` is the monotonic clock.
    pub fn may_retry(&self, platform: &PlatformId, mono: Duration) -> bool {
        self.retries.may_retry(platform, mono)
    }

    /// Who waits, in the order in which they are looked at.
    ///
    /// # Errors
    /// If the service did not answer.
    pub async fn queue(&self) -> Result<Vec<Waiting>, CallError> {
        self.handle.call(|reply| Msg::Queue { reply }, CALL_TIMEOUT).await
    }

    /// Writes the spend and the intent, in one change. When this returns `Ok(Ok(()))` both survive
    /// a kill.
    ///
    /// # Errors
    /// The store's.
    pub async fn commit(
        &self,
        charge: &Charge,
        intent: Change,
    ) -> Result<Result<(), CommitError>, CallError> {
        let (charge, change) = (Box::new(charge.clone()), Box::new(intent));
        self.handle.call(|reply| Msg::Commit { charge, change, reply }, CALL_TIMEOUT).await
    }

    /// Tells what an answer taught.
    pub fn learn(&self, charge: &Charge, learnt: Learnt) {
        let msg = Msg::Learn { charge: Box::new(charge.clone()), learnt };
        if let Err(undelivered) = self.handle.cast(msg) {
            tracing::warn!(error = %undelivered, "the limiter missed what an answer taught");
        }
    }

    /// How these quotas stand.
    ///
    /// # Errors
    /// If the service did not answer.
    pub async fn standing(&self, quotas: Vec<Quota>) -> Result<Vec<Standing>, CallError> {
        self.handle.call(|reply| Msg::Standing { quotas, reply }, CALL_TIMEOUT).await
    }
}
