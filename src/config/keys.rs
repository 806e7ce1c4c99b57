//! The table of keys: what may be set, how it is read, and which one was probably meant.
//!
//! `strategies`, `platforms` and `logging.levels` hold names their owner chooses; [`super::walk`] knows those.

use std::time::Duration;

use super::node::Node;
use super::values::{self, Config, Wrong};
use super::{alerts, audit};

/// One key with a fixed name.
pub(crate) struct Key {
    /// Dotted.
    pub name: &'static str,
    /// Checks the value and puts it into the configuration.
    pub set: fn(&mut Config, &Node) -> Result<(), Wrong>,
}

/// In the order of `config/default.toml` and `config show`.
pub(crate) const KEYS: &[Key] = &[
    Key { name: "environment", set: |c, n| put(&mut c.environment, values::environment(n)) },
    Key { name: "user.email", set: |c, n| put(&mut c.user.email, values::email(n)) },
    Key { name: "user.location", set: |c, n| put(&mut c.user.location, values::country(n)) },
    Key { name: "user.timezone", set: |c, n| put(&mut c.user.timezone, values::timezone(n)) },
    Key { name: "user.hourly_rate", set: |c, n| put(&mut c.user.hourly_rate, values::rate(n)) },
    Key {
        name: "limits.max_daily_actions",
        set: |c, n| put(&mut c.limits.max_daily_actions, values::number(n, 1, 1_000_000)),
    },
    Key {
        name: "limits.max_concurrent_strategies",
        set: |c, n| put(&mut c.limits.max_concurrent_strategies, values::number(n, 1, 64)),
    },
    Key {
        name: "resources.cpu_pressure",
        set: |c, n| put(&mut c.resources.cpu_pressure, values::number(n, 0, 100)),
    },
    Key {
        name: "resources.memory_pressure",
        set: |c, n| put(&mut c.resources.memory_pressure, values::number(n, 0, 100)),
    },
    Key {
        name: "resources.io_pressure",
        set: |c, n| put(&mut c.resources.io_pressure, values::number(n, 0, 100)),
    },
    Key {
        name: "resources.memory_mib",
        set: |c, n| put(&mut c.resources.memory_mib, values::number(n, 0, 1_048_576)),
    },
    Key {
        name: "resources.cancel_mib",
        set: |c, n| put(&mut c.resources.cancel_mib, values::number(n, 0, 1_048_576)),
    },
    Key {
        name: "resources.disk_free_mib",
        set: |c, n| put(&mut c.resources.disk_free_mib, values::number(n, 0, 1_048_576)),
    },
    Key { name: "compliance.strict_mode", set: |c, n| put(&mut c.compliance.strict_mode, values::truth(n)) },
    Key { name: "compliance.check_before_action", set: |_, n| check_before_action(n) },
    Key {
        name: "monitoring.metrics_interval_ms",
        set: |c, n| {
            let interval = values::number(n, 1_000, 86_400_000).map(Duration::from_millis);
            put(&mut c.monitoring.metrics_interval, interval)
        },
    },
    Key { name: "monitoring.log_level", set: |c, n| put(&mut c.monitoring.log_level, values::level(n)) },
    Key { name: "alerts.command", set: |c, n| put(&mut c.alerts.command, alerts::command(n)) },
    Key { name: "alerts.send", set: |c, n| put(&mut c.alerts.send, alerts::sorts(n)) },
    Key {
        name: "alerts.timeout_s",
        set: |c, n| put(&mut c.alerts.timeout, values::number(n, 1, 300).map(Duration::from_secs)),
    },
    Key {
        name: "alerts.min_interval_s",
        set: |c, n| put(&mut c.alerts.min_interval, values::number(n, 0, 86_400).map(Duration::from_secs)),
    },
    Key {
        name: "alerts.max_per_hour",
        set: |c, n| put(&mut c.alerts.max_per_hour, values::number(n, 1, 3_600)),
    },
    Key { name: "logging.format", set: |c, n| put(&mut c.logging.format, values::format(n)) },
    Key { name: "logging.file", set: |c, n| put(&mut c.logging.file, values::truth(n)) },
    Key {
        name: "logging.rotation.max_bytes",
        set: |c, n| put(&mut c.logging.rotation.max_bytes, values::number(n, 4_096, 1 << 40)),
    },
    Key {
        name: "logging.rotation.keep",
        set: |c, n| put(&mut c.logging.rotation.keep, values::number(n, 1, 1_000)),
    },
    Key { name: "store.cache_mib", set: |c, n| put(&mut c.store.cache_mib, values::number(n, 1, 4_096)) },
    Key { name: "audit.key_file", set: |c, n| put(&mut c.audit.key_file, audit::path(n)) },
    Key {
        name: "audit.checkpoint_entries",
        set: |c, n| put(&mut c.audit.checkpoint_entries, values::number(n, 10, 1_000_000)),
    },
    Key {
        name: "audit.checkpoint_minutes",
        set: |c, n| put(&mut c.audit.checkpoint_every, values::number(n, 1, 1_440).map(minutes)),
    },
    Key { name: "audit.anchor.file", set: |c, n| put(&mut c.audit.anchor_file, audit::path(n)) },
    Key { name: "audit.anchor.webhook", set: |c, n| put(&mut c.audit.webhook, audit::address(n)) },
    Key { name: "audit.anchor.command", set: |c, n| put(&mut c.audit.command, alerts::command(n)) },
    Key {
        name: "audit.anchor.timeout_s",
        set: |c, n| put(&mut c.audit.timeout, values::number(n, 1, 300).map(Duration::from_secs)),
    },
    Key {
        name: "audit.anchor.min_interval_minutes",
        set: |c, n| put(&mut c.audit.min_interval, values::number(n, 1, 10_080).map(minutes)),
    },
    Key { name: "vault.key_file", set: |c, n| put(&mut c.vault.key_file, values::file(n)) },
    Key { name: "vault.prompt", set: |c, n| put(&mut c.vault.prompt, values::truth(n)) },
];

/// The section of levels by module, whose keys are the owner's.
pub(crate) const LEVELS: &str = "logging.levels";
/// The section of strategies, whose keys are the owner's.
pub(crate) const STRATEGIES: &str = "strategies";
/// The section of platforms, whose keys are the owner's.
pub(crate) const PLATFORMS: &str = "platforms";
/// What a platform's section may hold.
pub(crate) const PLATFORM_KEYS: &[&str] = &["hours"];
/// What a strategy's section may hold.
pub(crate) const STRATEGY_KEYS: &[&str] = &[
    "enabled",
    "priority",
    "max_daily_actions",
    "schedule",
    "retries",
    "timezone",
    "missed",
    "missed_window",
    "missed_cap",
    "missed_spread",
    "overlap",
    "jitter",
    "hours",
    "gap",
    "fold",
    "config",
];

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

fn put<T>(slot: &mut T, read: Result<T, Wrong>) -> Result<(), Wrong> {
    *slot = read?;
    Ok(())
}

fn check_before_action(node: &Node) -> Result<(), Wrong> {
    if values::truth(node)? {
        return Ok(());
    }
    Err(Wrong::new("is false, but there is no action without a verdict", "write true or leave it out"))
}

pub(crate) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Is it a section, that is, the beginning of a longer key?
pub(crate) fn is_section(name: &str) -> bool {
    [LEVELS, STRATEGIES, PLATFORMS].contains(&name) || KEYS.iter().any(|key| is_within(key.name, name))
}

fn is_within(key: &str, section: &str) -> bool {
    key.strip_prefix(section).is_some_and(|rest| rest.starts_with('.'))
}

/// The names that may stand directly in a section (`""`: at the top).
pub(crate) fn names_in(section: &str) -> Vec<&'static str> {
    let mut names = Vec::new();
    for full in KEYS.iter().map(|key| key.name).chain([LEVELS, STRATEGIES, PLATFORMS]) {
        let rest = if section.is_empty() {
            Some(full)
        } else {
            full.strip_prefix(section).and_then(|r| r.strip_prefix('.'))
        };
        let name = rest.and_then(|rest| rest.split('.').next());
        if let Some(name) = name
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

/// The key's own name, whichever way it is spelt: camelCase becomes snake_case, and the seed's
/// `metricsInterval` has its unit in its name here.
pub(crate) fn own_name(section: &str, key: &str) -> String {
    let mut snake = String::new();
    for c in key.chars() {
        if c.is_ascii_uppercase()
            && !snake.is_empty()
            && !snake.ends_with('_')
            && key.contains(|c: char| c.is_lowercase())
        {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    match (section, snake.as_str()) {
        ("monitoring", "metrics_interval") => "metrics_interval_ms".to_owned(),
        _ => snake,
    }
}

/// The key that was probably meant by an unknown one in `section`: a name close by, else a full key
/// whose last part is close.
pub(crate) fn nearest_key(section: &str, key: &str) -> Option<String> {
    let name = own_name(section, key);
    nearest(&name, names_in(section).into_iter()).or_else(|| {
        let last = nearest(&name, KEYS.iter().map(|key| last(key.name)))?;
        KEYS.iter().find(|key| last_is(key.name, &last)).map(|key| key.name.to_owned())
    })
}

fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn last_is(name: &str, wanted: &str) -> bool {
    last(name) == wanted
}

/// The closest of the candidates, if one is close: at most a third of its letters differ, or one is
/// the beginning of the other.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let word: String = word.chars().take(64).collect::<String>().to_lowercase();
    if word.is_empty() {
        return None;
    }
    candidates
        .filter_map(|candidate| {
            let lower = candidate.to_lowercase();
            let begins =
                word.len() >= 3 && lower.len() >= 3 && (lower.starts_with(&word) || word.starts_with(&lower));
            let distance = strsim::damerau_levenshtein(&word, &lower);
            let limit = (lower.chars().count().max(word.chars().count()) / 3).max(1);
            let close = distance <= limit && distance < lower.chars().count();
            (close || begins).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate.to_owned())
}
