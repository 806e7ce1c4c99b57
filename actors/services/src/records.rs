//! The rows that services keep for themselves. Rows that are core types stand in `mm_store::records`.

mod account;
mod alert;
mod approval;
mod audit;
mod budget;
mod change;
mod crash;
mod decision;
mod health;
mod key;
mod look_up;
mod pause;
mod quarantine;
mod retry;
mod robots;
mod tick;
mod trust;
mod way;

pub use account::{AccountKind, AccountRow, CredentialRow, FieldRow};
pub use alert::{AlertRow, DeliveryRow, SilenceRow, Sort, Telling};
pub use approval::{ApprovalRow, QuotedRule};
pub use audit::{AnchorRow, CheckpointRow, ErasureRow};
pub use budget::{BudgetRow, RestartNote};
pub use change::{ChangeRow, SettledTelling, Standing};
pub use crash::{CrashKind, CrashLeft, CrashRecord, CrashRow};
pub use decision::{DecisionRow, RuleSetRow, Unusable};
pub use health::{AccountStanding, HealthRow};
pub use key::{KeyRow, WrapRow};
pub use look_up::LookUpRow;
pub use pause::{ITSELF, Pause};
pub use quarantine::{Input, QuarantineRow};
pub use retry::RetryRow;
pub use robots::RobotsRow;
pub use tick::{ScheduleRow, TaskRow, TickRow};
pub use trust::TrustRow;
pub use way::{HOPS_KEPT, WayRow};

use mm_core::breaker::Breaker;
use mm_core::id::RunId;
use mm_core::moment::Moment;
use mm_core::run::Outcome;
use mm_store::codec;
use mm_store::{Kind, Record, Unreadable};
use serde::{Deserialize, Serialize};

/// What is remembered of a strategy over all its runs. Row id: the strategy's name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StrategyRow {
    /// The owner's word on whether it is enabled, if one was given; it outweighs the configuration.
    pub enabled: Option<bool>,
    /// Its pause, if it is paused; [`StrategyRow::pause`] tells whether that still holds.
    pub paused: Option<Pause>,
    /// The breaker over its runs.
    pub breaker: Breaker,
    /// How many runs were begun.
    pub runs: u64,
    /// How many of them succeeded.
    pub succeeded: u64,
    /// How many ended, however.
    pub ended: u64,
    /// How many outward acts they did.
    pub actions: u64,
    /// How many ticks of its schedule were recorded: as many rows of kind `tick` there must be,
    /// less those that were tidied away.
    pub ticks: u64,
    /// Tick rows that were tidied away.
    pub ticks_pruned: u64,
    /// The last run.
    pub last_run: Option<RunId>,
    /// When it began.
    pub last_started: Option<Moment>,
    /// How it ended, if it has.
    pub last_outcome: Option<Outcome>,
    /// What went wrong in it.
    pub errors: Vec<String>,
    /// Its figures.
    pub metrics: Vec<(String, i64)>,
    /// The generation of its snapshot; 0 before the first.
    pub snapshot_generation: u64,
}

/// As it was when a pause was a reason alone.
#[derive(Deserialize)]
struct StrategyV1 {
    enabled: Option<bool>,
    paused: Option<String>,
    breaker: Breaker,
    runs: u64,
    succeeded: u64,
    ended: u64,
    actions: u64,
    ticks: u64,
    ticks_pruned: u64,
    last_run: Option<RunId>,
    last_started: Option<Moment>,
    last_outcome: Option<Outcome>,
    errors: Vec<String>,
    metrics: Vec<(String, i64)>,
    snapshot_generation: u64,
}

impl Record for StrategyRow {
    const KIND: Kind = Kind::new("strategy", 105, 2);

    fn upgrade(version: u16, bytes: &[u8]) -> Result<Self, Unreadable> {
        if version != 1 {
            return Err(Unreadable::Old { version });
        }
        let first: StrategyV1 = codec::decode(bytes).map_err(Unreadable::Codec)?;
        Ok(Self {
            enabled: first.enabled,
            paused: first.paused.map(Pause::of_reason),
            breaker: first.breaker,
            runs: first.runs,
            succeeded: first.succeeded,
            ended: first.ended,
            actions: first.actions,
            ticks: first.ticks,
            ticks_pruned: first.ticks_pruned,
            last_run: first.last_run,
            last_started: first.last_started,
            last_outcome: first.last_outcome,
            errors: first.errors,
            metrics: first.metrics,
            snapshot_generation: first.snapshot_generation,
        })
    }
}

impl StrategyRow {
    /// The pause that holds at `now`.
    pub fn pause(&self, now: Moment) -> Option<&Pause> {
        self.paused.as_ref().filter(|pause| !pause.is_over(now))
    }
}

/// An action that was begun and is not yet recorded as ended. Row id: the action's id. The row is
/// gone when the action's end is on record, so that a boot finds what a crash left open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenRow {
    /// Whether the action changes something at the platform.
    pub mutating: bool,
    /// When it was begun.
    pub since: Moment,
}

impl Record for OpenRow {
    const KIND: Kind = Kind::new("open", 111, 1);
}

/// The last act at a platform, so that the least pause after it holds over restarts. Row id: the
/// platform; written with the spend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastActRow {
    /// When, by the wall clock.
    pub at: Moment,
}

impl Record for LastActRow {
    const KIND: Kind = Kind::new("last-act", 114, 1);
}
