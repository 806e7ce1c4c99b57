//! The configuration as the machine sees it: values that were checked once and cannot be wrong.
//!
//! Each type has one reader, from a [`Node`], which says what is wrong and what would be right. There
//! is no field for `check_before_action`: it can only be true.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use chrono_tz::Tz;
use mm_core::id::PlatformId;
use mm_core::ledger::Money;
use mm_core::schedule::Rules;

use super::alerts::Alerts;
use super::audit::Audit;
use super::countries;
use super::mistakes::Mistake;
use super::node::{Node, Origin, Value};
use super::resources::Resources;

/// Why a value was not taken.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub wrong: String,
    pub right: String,
    pub nearest: Option<String>,
}

impl Wrong {
    pub fn new(wrong: impl Into<String>, right: impl Into<String>) -> Wrong {
        Wrong { wrong: wrong.into(), right: right.into(), nearest: None }
    }
}

type Read<T> = Result<T, Wrong>;

/// Everything that can be set, checked. Where each value came from is in [`super::Loaded::settings`].
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub environment: Environment,
    pub user: User,
    /// By id; also those that are not installed (see [`Strategy::installed`]).
    pub strategies: BTreeMap<String, Strategy>,
    /// By platform: the hours in which anything may leave for it, as they are written.
    pub platforms: BTreeMap<PlatformId, String>,
    pub limits: Limits,
    pub resources: Resources,
    pub compliance: Compliance,
    pub monitoring: Monitoring,
    pub alerts: Alerts,
    pub logging: Logging,
    pub store: Store,
    pub audit: Audit,
    pub vault: Vault,
}

impl Config {
    /// The strategies to run: enabled and installed, the most important first.
    pub fn active(&self) -> Vec<(&str, &Strategy)> {
        let mut active: Vec<(&str, &Strategy)> = self
            .strategies
            .iter()
            .filter(|(_, strategy)| strategy.enabled && strategy.installed)
            .map(|(id, strategy)| (id.as_str(), strategy))
            .collect();
        active.sort_by_key(|(id, strategy)| (strategy.priority, *id));
        active
    }

    /// What the default file overwrites key by key; a test proves that it sets them all.
    pub(super) fn blank() -> Config {
        Config {
            environment: Environment::Production,
            user: User { email: None, location: None, timezone: Tz::UTC, hourly_rate: None },
            strategies: BTreeMap::new(),
            platforms: BTreeMap::new(),
            limits: Limits { max_daily_actions: 1, max_concurrent_strategies: 1 },
            resources: Resources::blank(),
            compliance: Compliance { strict_mode: true },
            monitoring: Monitoring { metrics_interval: Duration::from_secs(1), log_level: Level::Error },
            alerts: Alerts::blank(),
            logging: Logging {
                format: Format::Text,
                file: false,
                rotation: Rotation { max_bytes: 4096, keep: 1 },
                levels: BTreeMap::new(),
            },
            store: Store { cache_mib: 1 },
            audit: Audit::blank(),
            vault: Vault { key_file: None, prompt: false },
        }
    }
}

/// What kind of place this is; it only changes defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    Production,
    /// `log_level` is `debug` unless set.
    Development,
    /// No log file unless set.
    Test,
}

/// The owner of the `default` space.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    pub email: Option<Email>,
    pub location: Option<Country>,
    /// For schedules and for times shown to the owner.
    pub timezone: Tz,
    /// What an hour of the owner's work costs; `None`: it is not reckoned with.
    pub hourly_rate: Option<Money>,
}

/// An e-mail address: one `@`, a domain with a dot, no spaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A country as an assigned ISO 3166-1 code of two capitals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Country(String);

impl Country {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What the configuration says of one strategy.
#[derive(Debug, Clone, PartialEq)]
pub struct Strategy {
    pub enabled: bool,
    /// 1 is the most important, 1000 the least.
    pub priority: u16,
    /// At most so many of its actions in 24 hours; `None`: as many as all together may do.
    pub max_daily_actions: Option<u32>,
    /// How often a scheduled run that failed is tried again before its next tick.
    pub retries: u32,
    /// Checked by the scheduler's own parser; `None`: what the strategy proposes.
    pub schedule: Option<String>,
    /// What is said of the ticks of that schedule.
    pub rules: Rules,
    /// Free-form; the strategy checks it and tells mistakes through [`Free::mistake`].
    pub config: Free,
    /// Is there such a strategy in this program?
    pub installed: bool,
}

impl Default for Strategy {
    /// Installed but not spoken of: off until its owner switches it on.
    fn default() -> Strategy {
        Strategy {
            enabled: false,
            priority: 100,
            max_daily_actions: None,
            retries: 3,
            schedule: None,
            rules: Rules::default(),
            config: Free::default(),
            installed: false,
        }
    }
}

/// A strategy's own settings and where each stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Free {
    /// The strategy's id, for messages.
    pub(super) strategy: String,
    pub table: serde_json::Map<String, serde_json::Value>,
    /// By dotted path inside the table.
    pub(super) origins: BTreeMap<String, Origin>,
}

impl Free {
    /// Where a dotted path was written; for one that is not there, its closest parent that is.
    pub fn origin(&self, path: &str) -> Option<&Origin> {
        let mut path = path;
        loop {
            if let Some(found) = self.origins.get(path) {
                return Some(found);
            }
            path = path.rsplit_once('.')?.0;
        }
    }

    /// A mistake a strategy found in its settings, with the place it stands at.
    pub fn mistake(&self, path: &str, wrong: &str, right: &str) -> Mistake {
        let unknown = Origin::Default { line: 0 };
        let key = format!("strategies.{}.config.{path}", self.strategy);
        let key = key.trim_end_matches('.');
        Mistake::new(self.origin(path).unwrap_or(&unknown), key, wrong, right)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Outward acts of the owner's space in a day of UTC, over all platforms.
    pub max_daily_actions: u32,
    /// Runs at the same time; each has a thread of its own.
    pub max_concurrent_strategies: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compliance {
    /// What no rule speaks of is forbidden.
    pub strict_mode: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Monitoring {
    pub metrics_interval: Duration,
    pub log_level: Level,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logging {
    pub format: Format,
    /// Also write to `logs/` in the data directory.
    pub file: bool,
    pub rotation: Rotation,
    /// Levels of single modules, `mm_core::limit = "debug"`.
    pub levels: BTreeMap<String, Level>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// A file this large is put aside.
    pub max_bytes: u64,
    /// So many files that were put aside are kept.
    pub keep: u16,
}

/// Where the vault's master key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vault {
    /// `None`: `master.key` in the data directory.
    pub key_file: Option<std::path::PathBuf>,
    /// A passphrase is asked for instead of making a key file.
    pub prompt: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// Pages redb keeps in memory, in MiB.
    pub cache_mib: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

/// How much is logged. A later level includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Off,
    /// Someone must act.
    Error,
    /// We recovered; look tomorrow.
    Warn,
    /// The daemon's own life, a page a day.
    Info,
    /// One run.
    Debug,
    Trace,
}

impl Level {
    /// The word as it is written in a configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Off => "off",
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
            Level::Trace => "trace",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

const LEVELS: &[(&str, Level)] = &[
    ("off", Level::Off),
    ("error", Level::Error),
    ("warn", Level::Warn),
    ("info", Level::Info),
    ("debug", Level::Debug),
    ("trace", Level::Trace),
];
const FORMATS: &[(&str, Format)] = &[("text", Format::Text), ("json", Format::Json)];
const ENVIRONMENTS: &[(&str, Environment)] = &[
    ("production", Environment::Production),
    ("development", Environment::Development),
    ("test", Environment::Test),
];

// === readers ===

/// The whole path of a file; empty: none.
pub(crate) fn file(node: &Node) -> Read<Option<std::path::PathBuf>> {
    let right =
        "write a file's whole path, like \"/etc/money-machine/master.key\", or \"\" for the usual one";
    match &node.value {
        Value::Text(text) | Value::Raw(text) if text.is_empty() => Ok(None),
        Value::Text(text) | Value::Raw(text) if text.starts_with('/') && !text.contains('\0') => {
            Ok(Some(text.into()))
        }
        _ => Err(Wrong::new(format!("is {}, which is no whole path", node.shown()), right)),
    }
}

pub(crate) fn truth(node: &Node) -> Read<bool> {
    let right = "write true or false";
    match &node.value {
        Value::Bool(truth) => Ok(*truth),
        Value::Raw(text) if text == "true" => Ok(true),
        Value::Raw(text) if text == "false" => Ok(false),
        Value::Text(text) if text == "true" || text == "false" => {
            Err(Wrong::new(format!("is the text {}", node.shown()), format!("write {text} without quotes")))
        }
        _ => Err(Wrong::new(format!("is {}", node.shown()), right)),
    }
}

pub(crate) fn int(node: &Node, min: i64, max: i64) -> Read<i64> {
    let right = format!("write a whole number from {min} to {max}");
    let number = match &node.value {
        Value::Int(number) => Some(*number),
        Value::Raw(text) => text.trim().parse().ok(),
        Value::Text(text) if text.parse::<i64>().is_ok() => {
            return Err(Wrong::new(
                format!("is the text {}", node.shown()),
                format!("{right}, without quotes"),
            ));
        }
        _ => None,
    };
    match number {
        Some(number) if number < min => Err(Wrong::new(format!("is {number}, which is too small"), right)),
        Some(number) if number > max => Err(Wrong::new(format!("is {number}, which is too large"), right)),
        Some(number) => Ok(number),
        None => Err(Wrong::new(format!("is {}", node.shown()), right)),
    }
}

/// [`int`] for the smaller types: `min` and `max` must fit.
pub(crate) fn number<T: TryFrom<i64>>(node: &Node, min: i64, max: i64) -> Read<T> {
    int(node, min, max).map(|n| T::try_from(n).ok().expect("the range of a key fits its type"))
}

pub(crate) fn text<'a>(node: &'a Node, right: &str) -> Read<&'a str> {
    match &node.value {
        Value::Text(text) | Value::Raw(text) => Ok(text),
        _ => Err(Wrong::new(format!("is {}", node.shown()), right)),
    }
}

fn choice<T: Copy>(node: &Node, choices: &[(&str, T)]) -> Read<T> {
    let words: Vec<String> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
    let right = format!("write one of {}", words.join(", "));
    let text = text(node, &right)?;
    if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let nearest = super::keys::nearest(text, choices.iter().map(|(word, _)| *word));
    Err(Wrong { nearest, ..Wrong::new(format!("is {}", node.shown()), right) })
}

pub(crate) fn level(node: &Node) -> Read<Level> {
    choice(node, LEVELS)
}

pub(crate) fn format(node: &Node) -> Read<Format> {
    choice(node, FORMATS)
}

pub(crate) fn environment(node: &Node) -> Read<Environment> {
    choice(node, ENVIRONMENTS)
}

pub(crate) fn email(node: &Node) -> Read<Option<Email>> {
    let right = "write an address like \"you@example.org\", or \"\" for none";
    let text = text(node, right)?;
    match text {
        "" => Ok(None),
        _ if is_email(text) => Ok(Some(Email(text.to_owned()))),
        _ => Err(Wrong::new(format!("is {}, which is no e-mail address", node.shown()), right)),
    }
}

/// Whether it may be an e-mail address.
pub(crate) fn is_email(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    text.len() <= 254
        && text.split_once('@').is_some_and(|(local, domain)| {
            (1..=64).contains(&local.len())
                && !local
                    .contains(|c: char| c.is_whitespace() || c.is_control() || "@<>()[],;:\\\"".contains(c))
                && domain.contains('.')
                && domain.split('.').all(label)
        })
}

pub(crate) fn country(node: &Node) -> Read<Option<Country>> {
    let right = "write the two capitals of ISO 3166-1, like \"DE\" or \"US\", or \"\" for none";
    let text = text(node, right)?;
    if text.is_empty() || countries::assigned(text) {
        return Ok((!text.is_empty()).then(|| Country(text.to_owned())));
    }
    let capitals = match text.to_uppercase().as_str() {
        "UK" => "GB".to_owned(),
        "EL" => "GR".to_owned(),
        "USA" => "US".to_owned(),
        other => other.to_owned(),
    };
    let nearest = countries::assigned(&capitals).then_some(capitals);
    Err(Wrong { nearest, ..Wrong::new(format!("is {}, which is no country code", node.shown()), right) })
}

pub(crate) fn timezone(node: &Node) -> Read<Tz> {
    let right = "write a name of the IANA time zone database, like \"Europe/Berlin\"";
    let text = text(node, right)?;
    let names = || chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    let city = |name: &&str| name.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(text));
    text.parse::<Tz>().map_err(|_| Wrong {
        nearest: names().find(city).map(str::to_owned).or_else(|| super::keys::nearest(text, names())),
        ..Wrong::new(format!("is {}, which is no time zone", node.shown()), right)
    })
}

pub(crate) fn rate(node: &Node) -> Read<Option<Money>> {
    let right =
        "write an amount and its currency of ISO 4217, like \"40 EUR\" or \"37.50 USD\", or \"\" for none";
    let text = text(node, right)?;
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || Wrong::new(format!("is {}, which is no hourly rate", node.shown()), right);
    let (amount, currency) = text.split_once(' ').ok_or_else(wrong)?;
    let rate = Money::read(amount, currency).map_err(|_| wrong())?;
    if rate.amount() <= mm_core::Decimal::ZERO { Err(wrong()) } else { Ok(Some(rate)) }
}

/// Is it a name a strategy may have? Letters, digits, `-` and `_`, at most 64.
pub(crate) fn is_strategy_id(id: &str) -> bool {
    id.len() <= 64
        && id.starts_with(|c: char| c.is_ascii_alphanumeric())
        && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}
