//! What users see: the shapes of `--json`, and how they are read from the store.
//!
//! Every view is a struct of its own, so that a change inside never changes what a script reads.
//! [`Reader`] holds what the views are read from. It is filled by the daemon ([`crate::admin`]) or
//! by a command that reads a data directory without one ([`crate::cli`]); both then answer the same
//! questions with the same code ([`read`]).
//!
//! It may touch the store it is given, for reading, and nothing else. A row that does not open is
//! never shown as something else: lists pass over it, and `doctor` names it.

pub mod account;
pub mod action;
pub mod actor;
pub mod alert;
pub mod approval;
pub mod audit;
pub mod compliance;
pub mod crash;
pub mod doctor;
pub mod earning;
pub mod limit;
pub mod opportunity;
pub mod privacy;
pub mod quarantine;
pub mod question;
mod read;
pub mod schedule;
pub mod status;
pub mod strategy;
pub mod trace;
pub mod way;

use std::fmt;
use std::path::PathBuf;

use mm_core::gate::Gates;
use mm_core::id::{PlatformId, Space};
use mm_core::ledger::Money;
use mm_core::moment::Moment;
use mm_core::schedule::Task;
use mm_sdk::About;
use mm_services::accounts::Vault;
use mm_services::strategies::Standing;
use mm_store::Store;

use crate::rules::Parsed;

pub use question::{Problem, Question};
pub use read::{known_routes, read};

/// What the views are read from.
pub struct Reader {
    pub store: Store,
    /// The time of day, for what is left of quotas and for reviews that are due.
    pub now: Moment,
    /// Whose rows.
    pub space: Space,
    pub place: Place,
    /// In the order of their names.
    pub strategies: Vec<Strategy>,
    /// The rules, or one sentence why there are none.
    pub rules: Parsed,
    /// Where the rules lie.
    pub rules_place: String,
    /// The platforms that the configuration has a section of.
    pub platforms_named: Vec<PlatformId>,
    /// What the owner's configuration adds to a judgement.
    pub judging: compliance::Judging,
    /// What an hour of the owner's work costs, if he said so.
    pub hourly_rate: Option<Money>,
    /// The owner's cap on everything, if the configuration could be read.
    pub daily_actions_max: Option<u32>,
    /// The vault, open where a daemon has it open.
    pub vault: Vault,
    /// Free bytes on the data directory's disk, if known.
    pub disk_free_bytes: Option<u64>,
    /// What was last anchored, as far as that is known here.
    pub anchored: Anchored,
    /// What only a running daemon knows.
    pub daemon: Option<Daemon>,
}

/// What is known of the anchors of the audit trail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Anchored {
    /// Whether there is any place that checkpoints are told to.
    pub configured: bool,
    /// The newest lines of the anchor file; none where none is configured or written.
    pub lines: Vec<String>,
    /// Why they cannot be read, if so.
    pub unread: Option<String>,
}

impl Anchored {
    /// What was read of them.
    pub fn of(configured: bool, read: Result<Vec<String>, String>) -> Self {
        let (lines, unread) = match read {
            Ok(lines) => (lines, None),
            Err(why) => (Vec::new(), Some(why)),
        };
        Self { configured, lines, unread }
    }
}

/// Where a machine lives.
#[derive(Debug, Clone)]
pub struct Place {
    pub data_dir: PathBuf,
    pub socket: Option<PathBuf>,
    pub version: &'static str,
}

/// What only a running daemon knows of itself.
#[derive(Debug, Clone)]
pub struct Daemon {
    pub pid: u32,
    pub started: Moment,
    /// Whether the kernel runs; if not, the machine is in safe mode and nothing goes out.
    pub kernel_up: bool,
    /// Whether the kernel is on its way up: that is no safe mode yet.
    pub starting: bool,
    /// Why the kernel last ended, if it has.
    pub kernel_cause: Option<String>,
    pub resident_bytes: Option<u64>,
    /// How the gates stand that hold runs back.
    pub gates: Gates,
    /// Strategies whose runs wait for a slot, the next one first.
    pub waiting: Vec<String>,
    /// Why no permit is made as the audit trail stands.
    pub held: Option<String>,
    /// Why the audit trail cannot be signed.
    pub unsigned: Option<String>,
    /// Actors that are not well.
    pub troubled: Vec<Troubled>,
}

/// An actor that is stuck, down, or put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Troubled {
    pub path: String,
    pub state: String,
    pub last_cause: Option<String>,
}

/// One installed strategy.
#[derive(Debug, Clone)]
pub struct Strategy {
    pub about: About,
    /// Whether the configuration enables it; the owner's later word, in the store, outweighs it.
    pub enabled: bool,
    pub priority: u32,
    /// At most so many of its actions in 24 hours, if the owner said so.
    pub daily_actions_max: Option<u32>,
    /// As it was written in the configuration, or as the strategy proposes it.
    pub schedule: String,
    /// When it is due, as configured; the owner's later word, in the store, outweighs it.
    pub task: Task,
    /// What its host says, where one runs.
    pub live: Option<Standing>,
}

impl Reader {
    /// `live` or `sandbox`.
    pub fn stamp(&self) -> &'static str {
        self.store.stamp().as_str()
    }

    /// The strategy of that name.
    fn strategy(&self, name: &str) -> Option<&Strategy> {
        self.strategies.iter().find(|strategy| strategy.about.name == name)
    }
}

/// An error with all its sources, masked, as a problem of the store.
pub(crate) fn unread(error: &(dyn std::error::Error + 'static)) -> Problem {
    Problem::Failed(crate::exit::chain(error))
}

/// The name among `names` that was probably meant.
pub(crate) fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = |name: &str| {
        let whole = strsim::jaro_winkler(wanted, name);
        // `strategies` is meant for `kernel/strategies`.
        let last = name.rsplit('/').next().map_or(0.0, |last| strsim::jaro_winkler(wanted, last));
        whole.max(last)
    };
    names
        .map(|name| (near(name), name))
        .filter(|(near, _)| *near > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// `1 payment`, `2 payments`.
pub(crate) fn counted<N: fmt::Display + PartialEq + From<u8>>(n: N, one: &str, many: &str) -> String {
    let word = if n == N::from(1) { one } else { many };
    format!("{n} {word}")
}

/// `; did you mean \`x\`?`, or nothing.
pub(crate) fn meant(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

/// `; did you mean \`x\` or \`y\`?`, or nothing.
pub(crate) fn meant_any(near: &[String]) -> String {
    let names: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        None => String::new(),
        Some((last, [])) => format!("; did you mean {last}?"),
        Some((last, others)) => format!("; did you mean {} or {last}?", others.join(", ")),
    }
}

#[cfg(test)]
pub(crate) mod tests;
