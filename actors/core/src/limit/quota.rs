//! What a limit is: how many acts, in which window, and for whom.
//!
//! Plain values, made from rule files and the owner's caps; what is spent of one is [`super::QuotaState`]'s.
//! Pure: it reads no clock, touches nothing, and cannot fail.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Layer, Told};
use crate::action::ActionKind;
use crate::id::{AccountId, PlatformId, Space, StrategyId};
use crate::schedule::show_span;

/// Up to so many acts are each kept to the millisecond; of more, so many moments a window.
const EXACT_ROWS: u32 = 64;

/// Whom a limit counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitScope {
    /// Everything that leaves this machine for the platform (the platform counts by address).
    Ip,
    /// Everything done at the platform.
    Platform,
    /// One account at the platform.
    Account,
    /// One owner space at the platform.
    Space,
    /// One strategy, whatever the platform: the owner's own cap.
    Strategy,
    /// Everything, whatever the platform: the owner's own cap.
    Machine,
}

impl LimitScope {
    /// The scope in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            LimitScope::Ip => "ip",
            LimitScope::Platform => "platform",
            LimitScope::Account => "account",
            LimitScope::Space => "space",
            LimitScope::Strategy => "strategy",
            LimitScope::Machine => "machine",
        }
    }

    /// Reads the word of a scope that a rule file may set limits for, or the machine's.
    pub fn from_text(text: &str) -> Option<Self> {
        use LimitScope::{Account, Ip, Machine, Platform, Space};
        [Ip, Platform, Account, Space, Machine].into_iter().find(|scope| scope.as_str() == text)
    }
}

/// A limit for somebody: at most `max` acts in any window of length `per`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Quota {
    /// The space that its state belongs to: `_` for `ip`, `platform` and `machine`.
    pub space: Space,
    /// The key of its state within the space: `SCOPE/PLATFORM/KIND/PER` and the account, if any.
    /// A limit whose number changes keeps its state; one whose window changes begins anew.
    pub key: String,
    /// Whom it counts for.
    pub scope: LimitScope,
    /// The platform; `None` for the machine's own.
    pub platform: Option<PlatformId>,
    /// The kind of act; `None` for all.
    pub kind: Option<ActionKind>,
    /// The strategy that it is for; `None` for all.
    pub strategy: Option<StrategyId>,
    /// The most acts in any window; 0 allows none at all.
    pub max: u32,
    /// The length of the window, in milliseconds.
    pub per_ms: u64,
}

impl Quota {
    /// A platform's limit, as it counts for one act. `None` where the limit is per account and
    /// there is no account.
    pub fn of_platform(
        scope: LimitScope,
        platform: &PlatformId,
        kind: Option<&ActionKind>,
        account: Option<&AccountId>,
        space: &Space,
        max: u32,
        per: Duration,
    ) -> Option<Self> {
        let kind_text = kind.map_or("*", ActionKind::as_str);
        let mut key = format!("{}/{platform}/{kind_text}/{}", scope.as_str(), show_span(per));
        let space = match scope {
            LimitScope::Ip | LimitScope::Platform | LimitScope::Machine => Space::machine(),
            LimitScope::Space | LimitScope::Strategy => space.clone(),
            LimitScope::Account => {
                key = format!("{key}/{}", account?);
                space.clone()
            }
        };
        let (platform, kind) = (Some(platform.clone()), kind.cloned());
        Some(Self { space, key, scope, platform, kind, strategy: None, max, per_ms: ms(per) })
    }

    /// The owner's cap on everything: `limits.max_daily_actions`, in any 24 hours.
    pub fn daily_actions(max: u32) -> Self {
        let per_ms = 86_400_000;
        Self {
            space: Space::machine(),
            key: "machine/*/*/1d".to_owned(),
            scope: LimitScope::Machine,
            platform: None,
            kind: None,
            strategy: None,
            max,
            per_ms,
        }
    }

    /// The owner's cap on one strategy: `strategies.ID.max_daily_actions`, in any 24 hours.
    pub fn daily_of_strategy(space: &Space, strategy: &StrategyId, max: u32) -> Self {
        Self {
            space: space.clone(),
            key: format!("strategy/*/*/1d/{strategy}"),
            scope: LimitScope::Strategy,
            strategy: Some(strategy.clone()),
            ..Self::daily_actions(max)
        }
    }

    /// Which layer of limits it belongs to.
    pub fn layer(&self) -> Layer {
        match self.scope {
            LimitScope::Account => Layer::Account,
            LimitScope::Ip | LimitScope::Platform | LimitScope::Space => Layer::Platform,
            LimitScope::Strategy => Layer::Strategy,
            LimitScope::Machine => Layer::Machine,
        }
    }

    /// The length of the window.
    pub fn per(&self) -> Duration {
        Duration::from_millis(self.per_ms)
    }

    /// To so many milliseconds the time of a spend is rounded up.
    pub(super) fn grain_ms(&self) -> i64 {
        if self.max <= EXACT_ROWS { 1 } else { signed(self.per_ms.div_ceil(u64::from(EXACT_ROWS))).max(1) }
    }
}

/// `10 in 1m per ip at bounty-targets-data`.
impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {} per {}", self.max, show_span(self.per()), self.scope.as_str())?;
        if let Some(kind) = &self.kind {
            write!(f, " for `{kind}`")?;
        }
        if let Some(strategy) = &self.strategy {
            write!(f, " `{strategy}`")?;
        }
        match &self.platform {
            Some(platform) => write!(f, " at {platform}"),
            None => Ok(()),
        }
    }
}

/// The place of the quota that a platform's word speaks of, among those an act was charged to: the one
/// whose kind of act bears its name, else of the same window, else the narrowest. GitHub's `core` is
/// everything that has no name of its own.
pub fn spoken_of(quotas: &[Quota], told: &Told) -> Option<usize> {
    let of_platform = || quotas.iter().enumerate().filter(|(_, quota)| quota.platform.is_some());
    let kind_is = |quota: &Quota, name: &str| quota.kind.as_ref().is_some_and(|kind| kind.as_str() == name);
    let named = told.name.as_deref().and_then(|name| match name {
        "core" => of_platform().find(|(_, quota)| quota.kind.is_none()),
        name => of_platform().find(|(_, quota)| kind_is(quota, name)),
    });
    let window = told.window.map(ms);
    let same_window = || of_platform().find(|(_, quota)| window == Some(quota.per_ms));
    // By kind before all kinds, by account before all accounts, and the shorter window.
    let narrowness = |quota: &Quota| (quota.kind.is_none(), quota.scope != LimitScope::Account, quota.per_ms);
    let narrowest = || of_platform().min_by_key(|(_, quota)| narrowness(quota));
    named.or_else(same_window).or_else(narrowest).map(|(place, _)| place)
}

fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}
