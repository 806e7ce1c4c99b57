//! Environment variables and the `.env` file: which key each one sets.
//!
//! `MONEY_MACHINE_LOG_LEVEL` and its kin have names of their own, everything else is
//! `MONEY_MACHINE__SECTION__KEY`. Variables that do not begin with `MONEY_MACHINE_` are not looked at,
//! an empty one counts as not set, and the environment wins over the `.env` file. This file's
//! [`Env::of_process`] is the one place that asks the process for its environment.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::credential;
use super::keys;
use super::mistakes::{Mistake, instead_of};
use super::node::{Entry, Node, Origin, Value, short};

const PREFIX: &str = "MONEY_MACHINE_";
/// The variable that names the data directory; see [`super::paths::data_dir`].
pub const DATA_DIR: &str = "MONEY_MACHINE_DATA_DIR";
/// The variable that names a file with the vault's passphrase; see [`crate::keys`].
pub const PASSPHRASE_FILE: &str = "MONEY_MACHINE_PASSPHRASE_FILE";
/// Short names for what is set most often.
const SHORT: &[(&str, &str)] = &[
    ("MONEY_MACHINE_ENV", "environment"),
    ("MONEY_MACHINE_LOG_LEVEL", "monitoring.log_level"),
    ("MONEY_MACHINE_MAX_CONCURRENT", "limits.max_concurrent_strategies"),
];
/// Left to the project's own tests; never a setting.
const TEST_PREFIX: &str = "MONEY_MACHINE_TEST_";

/// The environment as it was at the start, with what a `.env` file adds to it.
#[derive(Debug, Clone, Default)]
pub struct Env {
    vars: BTreeMap<String, (String, Option<Origin>)>,
    mistakes: Vec<Mistake>,
}

impl Env {
    /// From pairs; of a name that comes twice the last one counts.
    pub fn new(vars: impl IntoIterator<Item = (String, String)>) -> Env {
        let vars = vars.into_iter().map(|(name, value)| (name, (value, None))).collect();
        Env { vars, mistakes: Vec::new() }
    }

    /// The environment of this process. A variable of ours that is no UTF-8 is a mistake.
    pub fn of_process() -> Env {
        let mut env = Env::default();
        for (name, value) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            match value.into_string() {
                Ok(value) => {
                    env.vars.insert(name, (value, None));
                }
                Err(_) if name.starts_with(PREFIX) => {
                    let origin = Origin::Env { name };
                    env.mistakes.push(Mistake::new(
                        &origin,
                        "",
                        "is not UTF-8",
                        "write its value as UTF-8 text",
                    ));
                }
                Err(_) => {}
            }
        }
        env
    }

    /// Adds what a `.env` file says and the environment does not. Only `MONEY_MACHINE_` names count.
    pub fn with_dotenv(mut self, path: &Path, text: &str) -> Env {
        let path: Arc<Path> = path.into();
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let at =
                |name: &str| Origin::Dotenv { path: path.clone(), line: index + 1, name: name.to_owned() };
            let line = line.trim_start_matches('\u{feff}').trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let line = line.strip_prefix("export ").unwrap_or(line);
            let Some((name, value)) = line.split_once('=') else {
                self.mistakes.push(Mistake::new(&at(""), "", "has no `=`", "write `NAME=value`"));
                continue;
            };
            let name = name.trim();
            if !name.starts_with(PREFIX) {
                continue;
            }
            let Some(value) = unquote(value.trim()) else {
                self.mistakes.push(Mistake::new(
                    &at(name),
                    "",
                    "has quotes that do not end",
                    "close the quotes on the same line",
                ));
                continue;
            };
            if let Some(first) = seen.insert(name.to_owned(), index + 1) {
                let wrong = format!("is given twice: here and on line {first}");
                self.mistakes.push(Mistake::new(&at(name), "", wrong, "keep one of the two"));
                continue;
            }
            let there = self.vars.get(name).is_some_and(|(value, _)| !value.is_empty());
            if !there {
                self.vars.insert(name.to_owned(), (value, Some(at(name))));
            }
        }
        self
    }

    /// Keeps a mistake for [`super::load`] to tell with the others.
    pub(super) fn with_mistake(mut self, mistake: Mistake) -> Env {
        self.mistakes.push(mistake);
        self
    }

    /// A variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(|(value, _)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The names of the variables that are settings.
    pub fn settings_named(&self) -> Vec<&str> {
        let ours =
            |name: &str| name.starts_with(PREFIX) && !name.starts_with(TEST_PREFIX) && !names_a_file(name);
        let set = self.vars.iter().filter(|(name, (value, _))| ours(name) && !value.is_empty());
        set.map(|(name, _)| name.as_str()).collect()
    }

    /// The settings among the variables, as a tree; mistakes in names are put into the list.
    pub(super) fn settings(&self, strategies: &[&str], mistakes: &mut Vec<Mistake>) -> Vec<Entry> {
        mistakes.extend(self.mistakes.iter().cloned());
        let mut entries = Vec::new();
        for (name, (value, origin)) in &self.vars {
            if !name.starts_with(PREFIX)
                || name.starts_with(TEST_PREFIX)
                || names_a_file(name)
                || value.is_empty()
            {
                continue;
            }
            let origin = origin.clone().unwrap_or_else(|| Origin::Env { name: name.clone() });
            match path_of(name, strategies) {
                Some(path) => {
                    let leaf = Node { value: Value::Raw(value.clone()), origin };
                    insert(&mut entries, &path, leaf, mistakes);
                }
                None => mistakes.push(unknown(name, value, &origin)),
            }
        }
        entries
    }
}

/// Variables that say where something is and set nothing.
fn names_a_file(name: &str) -> bool {
    [DATA_DIR, PASSPHRASE_FILE].contains(&name)
}

fn unknown(name: &str, value: &str, origin: &Origin) -> Mistake {
    if credential::names_one(name) || crate::logs::looks_secret(value) {
        return Mistake::new(origin, "", "has no place in a configuration", instead_of(name));
    }
    let names = SHORT.iter().map(|(name, _)| *name).chain([DATA_DIR, PASSPHRASE_FILE]);
    let nearest = meant(name);
    let right = format!("there are {} and MONEY_MACHINE__SECTION__KEY", names.collect::<Vec<_>>().join(", "));
    Mistake::new(origin, "", "is not known", right).nearest(nearest)
}

/// The variable that was probably meant: most often there is an underscore too few or too many.
fn meant(name: &str) -> Option<String> {
    let rest = name.strip_prefix(PREFIX)?.trim_start_matches('_');
    let owners = [keys::STRATEGIES, keys::PLATFORMS].map(|section| format!("{}__", section.to_uppercase()));
    if owners.iter().any(|section| rest.starts_with(section)) {
        return Some(format!("{PREFIX}_{rest}"));
    }
    let own = SHORT.iter().map(|(name, _)| *name).chain([DATA_DIR, PASSPHRASE_FILE]).map(str::to_owned);
    let settings =
        keys::KEYS.iter().map(|key| format!("{PREFIX}_{}", key.name.replace('.', "__").to_uppercase()));
    // How many underscores there are between two words is what they differ in, and is not held against them.
    let plain =
        |name: &str| name.strip_prefix(PREFIX).unwrap_or(name).trim_start_matches('_').replace("__", "_");
    let known: Vec<(String, String)> = own.chain(settings).map(|name| (plain(&name), name)).collect();
    let nearest = keys::nearest(&plain(name), known.iter().map(|(plain, _)| plain.as_str()))?;
    known.into_iter().find(|(plain, _)| *plain == nearest).map(|(_, name)| name)
}

/// `MONEY_MACHINE__STRATEGIES__BUG_BOUNTY__PRIORITY` is `strategies`, `bug-bounty`, `priority`.
fn path_of(name: &str, strategies: &[&str]) -> Option<Vec<String>> {
    if let Some((_, key)) = SHORT.iter().find(|(short, _)| *short == name) {
        return Some(key.split('.').map(str::to_owned).collect());
    }
    let rest = name.strip_prefix("MONEY_MACHINE__")?.to_lowercase();
    let mut parts: Vec<String> = rest.split("__").map(str::to_owned).collect();
    if parts.iter().any(String::is_empty) {
        return None;
    }
    match parts.as_mut_slice() {
        [section, id, _, ..] if section == keys::STRATEGIES && id != "priority" => {
            *id = strategy_id(id, strategies)
        }
        [section, list, id] if section == keys::STRATEGIES && list == "priority" => {
            *id = strategy_id(id, strategies)
        }
        [logging, levels, ..] if logging == "logging" && levels == "levels" => {
            let module = parts.split_off(2).join("::");
            parts.push(module);
        }
        _ => {}
    }
    Some(parts)
}

/// A variable's name has neither `-` nor small letters: the strategy it means is looked up.
fn strategy_id(part: &str, strategies: &[&str]) -> String {
    let same = |id: &&&str| id.to_lowercase().replace('-', "_") == part;
    match strategies.iter().find(same) {
        Some(id) => (*id).to_owned(),
        None => part.replace('_', "-"),
    }
}

/// Puts a value into the tree at its path.
pub(super) fn insert(entries: &mut Vec<Entry>, path: &[String], leaf: Node, mistakes: &mut Vec<Mistake>) {
    let origin = leaf.origin.clone();
    if let Err(first) = insert_below(entries, path, leaf) {
        let wrong = format!("sets `{}`, which {first} sets already", short(&path.join(".")));
        mistakes.push(Mistake::new(&origin, "", wrong, "keep one of the two"));
    }
}

/// `Err`: who has set it, or a part of it, before.
fn insert_below(entries: &mut Vec<Entry>, path: &[String], leaf: Node) -> Result<(), Origin> {
    let Some((first, rest)) = path.split_first() else { return Ok(()) };
    let there = entries.iter_mut().find(|entry| entry.key == *first);
    match (there, rest.is_empty()) {
        (Some(Entry { node: Node { value: Value::Table(inner), .. }, .. }), false) => {
            insert_below(inner, rest, leaf)
        }
        (Some(there), _) => Err(there.at.clone()),
        (None, at_end) => {
            let at = leaf.origin.clone();
            let node = if at_end {
                leaf
            } else {
                let mut inner = Vec::new();
                insert_below(&mut inner, rest, leaf)?;
                Node { value: Value::Table(inner), origin: at.clone() }
            };
            entries.push(Entry { key: first.clone(), at, node });
            Ok(())
        }
    }
}

/// `"a b"`, `'a b'` and `a b # remark` are all `a b`. `None`: quotes that do not end.
fn unquote(value: &str) -> Option<String> {
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote) {
            let (inside, after) = inner.split_once(quote)?;
            let after = after.trim();
            return (after.is_empty() || after.starts_with('#')).then(|| inside.to_owned());
        }
    }
    Some(value.split_once(" #").map_or(value, |(value, _)| value).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_that_was_meant_is_found_whatever_its_underscores() {
        for (written, wanted) in [
            ("MONEY_MACHINE_USER__EMAIL", Some("MONEY_MACHINE__USER__EMAIL")),
            ("MONEY_MACHINE_USER_EMAIL", Some("MONEY_MACHINE__USER__EMAIL")),
            ("MONEY_MACHINE_USER_EMIAL", Some("MONEY_MACHINE__USER__EMAIL")),
            ("MONEY_MACHINE_LIMITS__MAX_DAILY_ACTIONS", Some("MONEY_MACHINE__LIMITS__MAX_DAILY_ACTIONS")),
            (
                "MONEY_MACHINE_STRATEGIES__BUG_BOUNTY__ENABLED",
                Some("MONEY_MACHINE__STRATEGIES__BUG_BOUNTY__ENABLED"),
            ),
            ("MONEY_MACHINE_LOGLEVEL", Some("MONEY_MACHINE_LOG_LEVEL")),
            ("MONEY_MACHINE_MAX_CONCURENT", Some("MONEY_MACHINE_MAX_CONCURRENT")),
            ("MONEY_MACHINE_DATADIR", Some("MONEY_MACHINE_DATA_DIR")),
            ("MONEY_MACHINE_X", None),
            ("MONEY_MACHINE_", None),
        ] {
            assert_eq!(meant(written).as_deref(), wanted, "{written}");
        }
    }

    #[test]
    fn a_passphrase_in_a_dotenv_is_sent_to_its_file_and_not_shown() {
        let env =
            Env::default().with_dotenv(Path::new(".env"), "MONEY_MACHINE_PASSPHRASE=five random words\n");
        let mut mistakes = Vec::new();
        env.settings(&[], &mut mistakes);
        let told = mistakes.first().map(ToString::to_string).unwrap_or_default();
        assert!(told.contains("MONEY_MACHINE_PASSPHRASE_FILE") && told.contains("0600"), "{told}");
        assert!(!told.contains("random") && !told.contains("account add"), "{told}");
    }
}
