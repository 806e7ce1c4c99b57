//! SIGHUP: the configuration is read again, and what changed is said and done.
//!
//! A mistake outside the strategies' sections changes nothing at all, and neither does a file that is
//! gone or empty: editors move files away for a moment, and a configuration of nothing but defaults would
//! lift the owner's caps. A change is on the audit chain before it holds. What cannot change in a running process is told and keeps its old value until the
//! next start, also where the configuration is shown. A run that is under way goes on with what it
//! began with.
//!
//! It touches the files that [`crate::config`] reads, the log levels and the services' settings.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mm_core::id::{Space, StrategyId};
use mm_services::Settings;
use mm_services::tree::Services;
use mm_store::{Change, NewEntry, Stamp};
use serde_json::{Value, json};

use crate::admin::Ops;
use crate::cli::run::RunArgs;
use crate::config::{self, Loaded, Mistake, Origin, Overrides, Setting, Sources};
use crate::exit::{Chain, chain};
use crate::logs::{self, Logs};
use crate::machine::{AssemblyError, Machine};

/// Keys that are read once, at the start.
const AT_THE_START: &[&str] = &[
    "logging.format",
    "logging.file",
    "logging.rotation.max_bytes",
    "logging.rotation.keep",
    "store.cache_mib",
    "audit.key_file",
    "vault.key_file",
    "vault.prompt",
];
/// What one audit entry holds at most; the rest is counted.
const TOLD_MAX: usize = 100;
/// The most characters of a value that are told.
const VALUE_CHARS_MAX: usize = 200;

/// Reads the configuration as `run` does.
///
/// # Errors
/// Every mistake, if one stands outside the strategies' sections.
pub fn read(machine: &Machine, args: &RunArgs, env: config::Env) -> Result<Loaded, config::ConfigErrors> {
    config::load_to_run(Sources {
        file: config::find_file(args.config.as_deref(), &env),
        flags: Overrides::default().with("--log-level", "monitoring.log_level", args.log_level.clone()),
        installed: &machine.names(),
        check_schedule: crate::cli::check_schedule,
        env,
    })
}

/// The settings of a configuration, with those strategies put aside whose sections are wrong.
///
/// # Errors
/// If a strategy proposes a schedule that does not parse.
pub fn settings(
    machine: &Machine,
    loaded: &Loaded,
    stamp: Stamp,
    scheduling: bool,
) -> Result<Settings, AssemblyError> {
    let mut settings = machine.settings(&loaded.config, stamp.as_str(), scheduling)?;
    for (id, mistakes) in &loaded.put_aside {
        let installed = id.parse::<StrategyId>().ok().and_then(|id| settings.strategies.get_mut(&id));
        if let Some(installed) = installed {
            installed.mistake = Some(told(mistakes));
        }
    }
    Ok(settings)
}

/// What is wrong in one strategy's section, in one sentence.
pub fn told(mistakes: &[Mistake]) -> String {
    let first = mistakes.first().map(ToString::to_string).unwrap_or_default();
    let more = match mistakes.len() {
        0 | 1 => String::new(),
        n => format!(" (`config check` tells {} more)", n - 1),
    };
    logs::mask(&format!("{first}{more}")).into_owned()
}

/// When a change holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// Now.
    AtOnce,
    /// For a strategy: the run under way goes on with what it began with.
    NextRun,
    /// The running process keeps the old value.
    NextStart,
}

impl Holds {
    fn of(key: &str) -> Holds {
        if AT_THE_START.contains(&key) {
            Holds::NextStart
        } else if key.starts_with("strategies.") {
            Holds::NextRun
        } else {
            Holds::AtOnce
        }
    }

    /// As it ends a sentence.
    pub fn as_str(self) -> &'static str {
        match self {
            Holds::AtOnce => "at once",
            Holds::NextRun => "from the next run on",
            Holds::NextStart => "after a restart",
        }
    }
}

/// One key whose value is another now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Dotted.
    pub key: String,
    /// As it was; what looks like a secret is masked. `None`: it was not set.
    pub old: Option<String>,
    /// As it is.
    pub new: Option<String>,
    pub holds: Holds,
}

impl Changed {
    /// One line.
    pub fn line(&self) -> String {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        format!("{}: {} -> {}, {}", self.key, shown(&self.old), shown(&self.new), self.holds.as_str())
    }

    fn to_json(&self) -> Value {
        json!({ "key": self.key, "old": self.old, "new": self.new, "holds": self.holds.as_str() })
    }
}

/// What differs between two configurations, by key; then who is put aside anew or no more.
pub fn changes(old: &Loaded, new: &Loaded) -> Vec<Changed> {
    let mut keys: Vec<&String> = old.settings.keys().chain(new.settings.keys()).collect();
    keys.sort();
    keys.dedup();
    let value = |of: &Loaded, key: &str| of.settings.get(key).map(|setting| setting.value.clone());
    let mut changed = Vec::new();
    for key in keys {
        let (was, is) = (value(old, key), value(new, key));
        if was != is {
            let (old, new) = (was.map(|value| shown(key, &value)), is.map(|value| shown(key, &value)));
            changed.push(Changed { key: key.clone(), old, new, holds: Holds::of(key) });
        }
    }
    let mut ids: Vec<&String> = old.put_aside.keys().chain(new.put_aside.keys()).collect();
    ids.sort();
    ids.dedup();
    let aside = |of: &Loaded, id: &str| of.put_aside.get(id).map(|mistakes| told(mistakes));
    for id in ids {
        let (was, is) = (aside(old, id), aside(new, id));
        if was != is {
            let state =
                |why: Option<String>| Some(why.map_or("sound".to_owned(), |why| format!("put aside: {why}")));
            changed.push(Changed {
                key: format!("strategies.{id}"),
                old: state(was),
                new: state(is),
                holds: Holds::NextRun,
            });
        }
    }
    changed
}

/// A value as it may be told.
fn shown(key: &str, value: &Value) -> String {
    let text = value.to_string();
    // The key goes with it: `token = x` is masked for its name.
    let masked = logs::mask(&format!("{key}={text}")).into_owned();
    let whole = masked.strip_prefix(&format!("{key}=")).unwrap_or(logs::MASK);
    whole.chars().take(VALUE_CHARS_MAX).collect()
}

/// Why `new` is not read from the same files as `old`, if that is so.
fn lost(old: &Loaded, new: &Loaded) -> Option<String> {
    const OTHERWISE: &str = "put it back, or restart the daemon if it is meant";
    match (&old.file, &new.file) {
        (Some(was), None) => {
            return Some(format!("`{}` is not there any more; {OTHERWISE}", was.display()));
        }
        (Some(was), Some(is)) if was != is => {
            return Some(format!(
                "`{}` would be read in place of `{}`; keep the old one alone, or restart the daemon if it is \
                 meant",
                is.display(),
                was.display()
            ));
        }
        _ => {}
    }
    let written = |of: &Loaded| -> BTreeSet<PathBuf> {
        let set = of.settings.values().map(|setting| &setting.origin);
        let wrong = of.put_aside.values().flatten().map(|mistake| &mistake.origin);
        set.chain(wrong).filter_map(Origin::file).map(Path::to_owned).collect()
    };
    let emptied = written(old).difference(&written(new)).next().cloned()?;
    Some(format!("`{}` sets nothing any more; {OTHERWISE}", emptied.display()))
}

/// `new` as the running process holds it: what is read at the start alone is as it was.
fn effective(old: &Loaded, mut new: Loaded) -> Loaded {
    for key in AT_THE_START {
        if let Some(Setting { value, origin }) = old.settings.get(*key) {
            let setting = Setting { value: value.clone(), origin: origin.clone() };
            new.settings.insert((*key).to_owned(), setting);
        }
    }
    new
}

/// Who reads the configuration again.
pub struct Reloader<'a> {
    pub machine: &'a Machine,
    pub args: &'a RunArgs,
    pub stamp: Stamp,
    pub logs: Logs,
    pub services: Services,
    pub ops: Arc<Ops>,
    /// As the running process holds it.
    pub loaded: Loaded,
    /// As it was read last: what changed is told once, also what waits for the next start.
    pub read: Loaded,
}

/// How a reload went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reloaded {
    /// This changed; perhaps nothing.
    Done(Vec<Changed>),
    /// Nothing changed, for this reason.
    Refused(String),
}

impl Reloader<'_> {
    /// Reads the configuration again and lets it hold.
    pub async fn reload(&mut self) -> Reloaded {
        let read = match read(self.machine, self.args, crate::cli::place::environment()) {
            Ok(read) => read,
            Err(errors) => return self.refuse(&chain(&errors)).await,
        };
        if let Some(why) = lost(&self.read, &read) {
            return self.refuse(&why).await;
        }
        let scheduling = self.services.shared.settings().scheduling;
        let settings = match settings(self.machine, &read, self.stamp, scheduling) {
            Ok(settings) => settings,
            Err(error) => return self.refuse(&chain(&error)).await,
        };
        let levels = (read.config.monitoring.log_level, &read.config.logging.levels);
        if let Err(error) = self.logs.check_levels(levels.0, levels.1) {
            return self.refuse(&chain(&error)).await;
        }
        let changed = self.changes(&read);
        if changed.is_empty() {
            tracing::info!("the configuration was read again and is as it was");
            return Reloaded::Done(changed);
        }
        let all: Vec<Value> = changed.iter().take(TOLD_MAX).map(Changed::to_json).collect();
        let payload = json!({ "changes": all, "count": changed.len() });
        if let Err(why) = self.record("config.reloaded", &payload).await {
            return Reloaded::Refused(format!("it could not be put on record: {why}"));
        }
        if let Err(error) = self.logs.set_levels(levels.0, levels.1) {
            tracing::error!(error = %Chain(&error), "the log levels stay as they were");
        }
        self.take(read, settings);
        for one in &changed {
            tracing::info!(change = one.line(), "configuration");
        }
        Reloaded::Done(changed)
    }

    /// What is another than at the last reading. A value that waits for the next start and was changed
    /// back holds already.
    fn changes(&self, read: &Loaded) -> Vec<Changed> {
        let mut changed = changes(&self.read, read);
        let value = |of: &Loaded, key: &str| of.settings.get(key).map(|setting| setting.value.clone());
        for one in &mut changed {
            if one.holds == Holds::NextStart && value(&self.loaded, &one.key) == value(read, &one.key) {
                one.holds = Holds::AtOnce;
            }
        }
        changed
    }

    /// Lets it hold, and tells those who keep some of it.
    fn take(&mut self, read: Loaded, settings: Settings) {
        self.services.shared.settings.replace(settings);
        self.services.alerts.look();
        self.services.anchor.look();
        self.services.resources.look();
        self.services.configured();
        self.loaded = effective(&self.loaded, read.clone());
        self.read = read;
        self.ops.configured(self.loaded.show_json(), self.loaded.show_text());
    }

    async fn refuse(&self, why: &str) -> Reloaded {
        let why = logs::mask(why).into_owned();
        tracing::error!(why, "the configuration was read again and is not taken; nothing changed");
        let told: String = why.chars().take(4000).collect();
        if let Err(error) = self.record("config.reload-refused", &json!({ "why": told })).await {
            tracing::error!(error, "the refused configuration is not on record");
        }
        Reloaded::Refused(why)
    }

    async fn record(&self, kind: &str, payload: &Value) -> Result<(), String> {
        let shared = &self.services.shared;
        let entry =
            NewEntry::new(shared.now(), &Space::machine(), kind, payload).map_err(|error| chain(&error))?;
        shared.store.commit(Change::new().audit(entry)).await.map_err(|error| chain(&error))?;
        Ok(())
    }
}
