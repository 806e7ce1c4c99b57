//! What every service is handed: the store, the seams and the checked settings.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use mm_core::gate::Thresholds;
use mm_core::id::{PlatformId, Space, StrategyId};
use mm_core::ledger::Money;
use mm_core::moment::Moment;
use mm_core::schedule::{Hours, Task};
use mm_core::seams::{SharedClock, SharedEntropy, SharedRng};
use mm_sdk::Strategy;
use mm_store::Store;
use tokio::sync::Notify;

use crate::accounts::{Standings, Vault};
use crate::alerts::{Channel, TellSettings};
use crate::audit::{AuditSettings, Evidence};
use crate::reconciler::Reconcilers;
use crate::transport::Transport;
use crate::trust::Trust;

/// How long one service waits for another's answer. A store commit takes milliseconds and an
/// exchange at most a minute; what takes longer is stuck.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(90);

/// Reads the rule packs. They are files that the owner can see, change and remove, so they are
/// read again whenever [`RuleSource::stamp`] changes.
pub trait RuleSource: Send + Sync {
    /// Something that differs when any of the files differs. Called before every judgement.
    fn stamp(&self) -> u64;
    /// Every pack as (file name, text).
    ///
    /// # Errors
    /// One sentence that names the file. Nothing is permitted until it can be read.
    fn read(&self) -> Result<Vec<(String, String)>, String>;
    /// Where the packs lie, for messages.
    fn place(&self) -> String;
}

/// Makes a strategy's value for one run.
pub type StrategyFactory = Arc<dyn Fn() -> Box<dyn Strategy> + Send + Sync>;

/// One strategy as it is installed and configured.
#[derive(Clone)]
pub struct Installed {
    /// Makes its value, one a run.
    pub make: StrategyFactory,
    /// Whether the configuration enables it. The owner's later word, in the store, outweighs it.
    pub enabled: bool,
    /// 1 is the highest.
    pub priority: u32,
    /// At most so many of its actions in 24 hours, if the owner said so.
    pub daily_actions_max: Option<u32>,
    /// How often a scheduled run that failed is tried again before its next tick.
    pub retries: u32,
    /// Within how many days of the approval its platform says that the money is there, if it says so. Asked of
    /// the strategy when the configuration is read, and of nobody later.
    pub pays_within_days: Option<u32>,
    /// When it runs, as the configuration says. The owner's later word, in the store, outweighs it.
    pub task: Task,
    /// Its schedule as it was written.
    pub schedule_text: String,
    /// Its own part of the configuration.
    pub config: serde_json::Value,
    /// Where that part stands, for messages; `None` where nobody wrote one.
    pub place: Option<String>,
    /// What is wrong in its section of the configuration: it is put aside then, and never run.
    pub mistake: Option<String>,
}

/// The configuration as the services see it: checked once, above.
#[derive(Clone)]
pub struct Settings {
    /// The program's version, for `User-Agent` and records.
    pub version: &'static str,
    /// `live` or `sandbox`, as the data directory is stamped.
    pub stamp: &'static str,
    /// The owner's country, ISO 3166 alpha-2, if it is known.
    pub country: Option<String>,
    /// What an hour of the owner's work costs, if he said so.
    pub hourly_rate: Option<Money>,
    /// What no rule speaks of is forbidden (else it is asked).
    pub strict: bool,
    /// At most so many actions in 24 hours, over all platforms.
    pub daily_actions_max: u32,
    /// At most so many runs at once.
    pub concurrent_runs_max: usize,
    /// How often resources are looked at.
    pub metrics_interval: Duration,
    /// Where the gates over resources close.
    pub gates: Thresholds,
    /// The hours in which anything may leave for a platform; one that is not named is always open.
    pub platform_hours: BTreeMap<PlatformId, Hours>,
    /// The strategies, by name.
    pub strategies: BTreeMap<StrategyId, Installed>,
    /// Who can look up what became of a change.
    pub reconcilers: Reconcilers,
    /// Whether schedules start runs. `run --once` switches them off.
    pub scheduling: bool,
    /// How the owner is told of alerts.
    pub alerts: TellSettings,
    /// How often the audit trail is signed, and where that is told.
    pub audit: AuditSettings,
}

/// What every service is handed.
#[derive(Clone)]
pub struct Shared {
    /// The store.
    pub store: Store,
    /// Time.
    pub clock: SharedClock,
    /// Salts and keys.
    pub entropy: SharedEntropy,
    /// Jitter and strategies' random numbers.
    pub rng: SharedRng,
    /// Who dials.
    pub transport: Arc<dyn Transport>,
    /// The rule packs.
    pub rules: Arc<dyn RuleSource>,
    /// Tells the owner.
    pub channel: Arc<dyn Channel>,
    /// What the audit trail is held against.
    pub evidence: Evidence,
    /// Seals and opens secrets.
    pub vault: Vault,
    /// How accounts stand with their platforms.
    pub standings: Standings,
    /// The configuration.
    pub settings: Live,
    /// Takes secrets out of a text that is to be kept.
    pub mask: Mask,
    /// Whether the wall clock can be believed.
    pub trust: Trust,
    /// Told of every piece of work that ended well: what restart budgets are given back for.
    pub proved: Arc<Notify>,
    /// Told when an action begins to wait for a person or a slot, and when one is settled at last.
    pub inbox: Arc<Notify>,
}

/// Takes out of a text what looks like a secret.
pub type Mask = fn(&str) -> String;

/// The configuration of the moment. Clones share it: a reload is seen by all at their next look, and
/// whoever is in the middle of something goes on with what it began with.
#[derive(Clone)]
pub struct Live(Arc<RwLock<Arc<Settings>>>);

impl Live {
    /// Begins with `settings`.
    pub fn new(settings: Settings) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(settings))))
    }

    /// As they are now.
    pub fn now(&self) -> Arc<Settings> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts others in their place and gives those that were.
    pub fn replace(&self, settings: Settings) -> Arc<Settings> {
        let mut place = self.0.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *place, Arc::new(settings))
    }
}

impl Settings {
    /// When a platform opens, if it is closed at `now`: half a sentence, and the moment.
    pub fn closed(&self, platform: &str, now: Moment) -> Option<(String, Moment)> {
        let (_, hours) = self.platform_hours.iter().find(|(id, _)| id.as_str() == platform)?;
        let opens = hours.opening(now);
        (opens > now).then(|| (format!("{platform} is open from {hours} alone, again at {opens}"), opens))
    }
}

impl Shared {
    /// The configuration as it is now.
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.now()
    }

    /// The time of day.
    pub fn now(&self) -> Moment {
        self.clock.wall()
    }

    /// Why no permit may be made as the audit trail stands, if none may: it takes no more entries, or it is
    /// not what was signed or told elsewhere. Asked before every minting.
    pub fn held(&self) -> Option<String> {
        if !self.store.is_running() {
            return Some(
                "the audit trail cannot be written, so nothing may happen: the store has stopped".to_owned(),
            );
        }
        self.evidence.standing.held()
    }

    /// Both clocks, for permits.
    pub(crate) fn both_clocks(&self) -> mm_permit::Now {
        mm_permit::Now { wall: self.clock.wall(), mono: self.clock.mono() }
    }

    /// The machine's own space.
    pub(crate) fn machine(&self) -> Space {
        Space::machine()
    }
}
