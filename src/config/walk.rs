//! One walk over a source's tree: every value is checked where it stands and put into the draft; every
//! mistake is noted and the walk goes on.

use std::collections::BTreeMap;

use super::credential;
use super::keys::{self, KEYS, LEVELS, PLATFORMS, STRATEGIES};
use super::mistakes::{Mistake, Warning, instead_of};
use super::node::{Entry, Node, Origin, Value};
use super::values::{self, Config, Wrong};

/// One value as it stands, and who set it last.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    pub value: serde_json::Value,
    pub origin: Origin,
}

/// The configuration while the sources are laid over each other.
pub(crate) struct Draft<'a> {
    pub config: Config,
    /// By dotted key.
    pub settings: BTreeMap<String, Setting>,
    pub mistakes: Vec<Mistake>,
    pub warnings: Vec<Warning>,
    /// Says what is wrong with a schedule.
    pub check_schedule: fn(&str) -> Result<(), String>,
    /// Ids of the strategies in this program.
    pub installed: &'a [&'a str],
}

impl Draft<'_> {
    /// Lays a whole source over what is there.
    pub fn lay(&mut self, entries: &[Entry]) {
        let before = self.mistakes.len();
        self.section("", entries);
        if let Some(new) = self.mistakes.get_mut(before..) {
            new.sort_by_key(|mistake| mistake.origin.line());
        }
    }

    fn section(&mut self, section: &str, entries: &[Entry]) {
        let mut seen: Vec<(String, &Entry)> = Vec::new();
        for entry in entries {
            let name = keys::own_name(section, &entry.key);
            let key = join(section, &name);
            if let Some((_, first)) = seen.iter().find(|(other, _)| *other == name) {
                let wrong = format!("is given twice: here and as `{}` at {}", first.key, first.at);
                self.mistakes.push(Mistake::new(
                    &entry.at,
                    &join(section, &entry.key),
                    wrong,
                    "keep one of the two",
                ));
                continue;
            }
            self.entry(section, &key, entry);
            seen.push((name, entry));
        }
    }

    fn entry(&mut self, section: &str, key: &str, entry: &Entry) {
        if let Some(known) = keys::find(key) {
            let outcome = (known.set)(&mut self.config, &entry.node);
            self.settle(key, &entry.node, outcome);
        } else if keys::is_section(key) {
            match &entry.node.value {
                Value::Table(entries) if key == STRATEGIES => self.strategies(entries),
                Value::Table(entries) if key == PLATFORMS => self.platforms(entries),
                Value::Table(entries) if key == LEVELS => self.levels(entries),
                Value::Table(entries) => self.section(key, entries),
                _ => self.no_section(key, &entry.node),
            }
        } else {
            self.unknown(section, entry, keys::nearest_key(section, &entry.key), &keys::names_in(section));
        }
    }

    /// Notes the value, or what was wrong with it.
    pub fn settle(&mut self, key: &str, node: &Node, outcome: Result<(), Wrong>) {
        match outcome {
            Ok(()) => {
                let value = match &node.value {
                    // Taken as a number: shown as one, also when it was written `007` or ` 7`.
                    Value::Raw(text) => match node.raw_list() {
                        Some(list) => list.to_json(),
                        None => text.trim().parse::<i64>().map_or_else(|_| node.to_json(), Into::into),
                    },
                    _ => node.to_json(),
                };
                self.note(key, value, &node.origin);
            }
            Err(Wrong { wrong, right, nearest }) => {
                self.mistakes.push(Mistake::new(&node.origin, key, wrong, right).nearest(nearest));
            }
        }
    }

    /// Remembers what is shown for a key. Text of the environment is shown as the type it was read as.
    pub fn note(&mut self, key: &str, value: serde_json::Value, origin: &Origin) {
        self.settings.insert(key.to_owned(), Setting { value, origin: origin.clone() });
    }

    pub fn no_section(&mut self, key: &str, node: &Node) {
        let wrong = format!("is {}, but should be a section", node.shown());
        self.mistakes.push(Mistake::new(
            &node.origin,
            key,
            wrong,
            format!("write `[{key}]` and its keys below"),
        ));
    }

    pub fn unknown(&mut self, section: &str, entry: &Entry, nearest: Option<String>, known: &[&str]) {
        let key = join(section, &entry.key);
        if entry.key == "accounts" || credential::held_by(entry) {
            self.mistakes.push(Mistake::new(
                &entry.at,
                &key,
                "has no place in a configuration",
                instead_of(&entry.key),
            ));
            return;
        }
        let place = if section.is_empty() { "at the top".to_owned() } else { format!("in `{section}`") };
        let right = format!("{place} there are {}", known.join(", "));
        self.mistakes.push(Mistake::new(&entry.at, &key, "is not known", right).nearest(nearest));
    }

    fn levels(&mut self, entries: &[Entry]) {
        for entry in entries {
            let key = join(LEVELS, &entry.key);
            let name_is_right = !entry.key.is_empty()
                && entry.key.split("::").all(|part| {
                    !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                });
            if !name_is_right {
                let right = "write a module's path, like \"mm_core::limit\" = \"debug\"";
                self.mistakes.push(Mistake::new(&entry.at, &key, "is no name of a module", right));
                continue;
            }
            let outcome = values::level(&entry.node).map(|level| {
                self.config.logging.levels.insert(entry.key.clone(), level);
            });
            self.settle(&key, &entry.node, outcome);
        }
    }
}

pub(crate) fn join(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

/// Keys of the table that no source has set; only a hole in `config/default.toml` can make one.
pub(crate) fn unset(draft: &Draft<'_>) -> Vec<&'static str> {
    KEYS.iter().map(|key| key.name).filter(|name| !draft.settings.contains_key(*name)).collect()
}
