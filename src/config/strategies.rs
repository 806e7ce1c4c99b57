//! The section `strategies`, in its two shapes.
//!
//! Ours is a section for each strategy. The seed's has a list `enabled` and a map `priority` instead;
//! the list is the whole truth: a strategy that is not in it is off. Both may be mixed, but nothing may
//! be said twice.

use std::collections::BTreeSet;

use mm_core::schedule::{CAP_MAX, RuleKey};

use super::credential;
use super::keys::{self, STRATEGIES, STRATEGY_KEYS};
use super::mistakes::{Mistake, USE_ACCOUNT_ADD, Warning};
use super::node::{Entry, Node, Origin, Value};
use super::values::{self, Strategy, Wrong};
use super::walk::{Draft, join};

impl Draft<'_> {
    pub(super) fn strategies(&mut self, entries: &[Entry]) {
        let mut said: BTreeSet<String> = BTreeSet::new();
        let (lists, sections): (Vec<&Entry>, Vec<&Entry>) =
            entries.iter().partition(|entry| entry.key == "enabled" || entry.key == "priority");
        for entry in lists {
            if entry.key == "enabled" {
                self.enabled_list(&entry.node, &mut said);
            } else {
                self.priority_map(&entry.node, &mut said);
            }
        }
        for entry in sections {
            if !self.good_id(&entry.key, &entry.at) {
                continue;
            }
            match &entry.node.value {
                Value::Table(keys) => self.strategy(&entry.key, keys, &said),
                _ => self.no_section(&join(STRATEGIES, &entry.key), &entry.node),
            }
        }
    }

    /// `enabled = ["a", "b"]`, or `a,b` in the environment.
    fn enabled_list(&mut self, node: &Node, said: &mut BTreeSet<String>) {
        let ids = match &node.value {
            Value::List(items) => items.clone(),
            Value::Raw(text) => raw_list(text, &node.origin),
            _ => {
                let right = "write a list of strategies, [\"bug-bounty\"], or `[strategies.bug-bounty]` with `enabled = true`";
                let wrong = format!("is {}", node.shown());
                self.mistakes.push(Mistake::new(&node.origin, "strategies.enabled", wrong, right));
                return;
            }
        };
        let mut on: BTreeSet<String> = BTreeSet::new();
        for item in &ids {
            let (Value::Text(id) | Value::Raw(id)) = &item.value else {
                let wrong = format!("holds {}", item.shown());
                let right = "write the names of strategies in quotes";
                self.mistakes.push(Mistake::new(&item.origin, "strategies.enabled", wrong, right));
                continue;
            };
            if !self.good_id(id, &item.origin) {
                continue;
            }
            if !on.insert(id.clone()) {
                let wrong = format!("names `{id}` twice");
                self.mistakes.push(Mistake::new(
                    &item.origin,
                    "strategies.enabled",
                    wrong,
                    "keep one of the two",
                ));
                continue;
            }
            said.insert(format!("{id}.enabled"));
            self.of(id).enabled = true;
            self.note(&join(STRATEGIES, &format!("{id}.enabled")), true.into(), &item.origin);
        }
        self.switch_off_the_rest(&on, &node.origin);
    }

    fn switch_off_the_rest(&mut self, on: &BTreeSet<String>, origin: &Origin) {
        let off: Vec<String> = self
            .config
            .strategies
            .iter()
            .filter(|(id, strategy)| strategy.enabled && !on.contains(*id))
            .map(|(id, _)| id.clone())
            .collect();
        for id in off {
            self.of(&id).enabled = false;
            self.note(&join(STRATEGIES, &format!("{id}.enabled")), false.into(), origin);
            let text = format!("`strategies.enabled` does not name `{id}`, so it is switched off");
            self.warnings.push(Warning { origin: origin.clone(), text });
        }
    }

    fn priority_map(&mut self, node: &Node, said: &mut BTreeSet<String>) {
        let Value::Table(entries) = &node.value else {
            return self.no_section("strategies.priority", node);
        };
        for entry in entries {
            if self.good_id(&entry.key, &entry.at) {
                said.insert(format!("{}.priority", entry.key));
                self.strategy_key(&entry.key, "priority", entry);
            }
        }
    }

    fn strategy(&mut self, id: &str, entries: &[Entry], said: &BTreeSet<String>) {
        self.of(id);
        let section = join(STRATEGIES, id);
        for entry in entries {
            let name = entry.key.as_str();
            if said.contains(&format!("{id}.{name}")) {
                let wrong = format!("is given twice: here and in `strategies.{name}`");
                self.mistakes.push(Mistake::new(
                    &entry.at,
                    &join(&section, name),
                    wrong,
                    "keep one of the two",
                ));
            } else if STRATEGY_KEYS.contains(&name) {
                self.strategy_key(id, name, entry);
            } else {
                let nearest = keys::nearest(name, STRATEGY_KEYS.iter().copied());
                self.unknown(&section, entry, nearest, STRATEGY_KEYS);
            }
        }
    }

    fn strategy_key(&mut self, id: &str, name: &str, entry: &Entry) {
        let node = &entry.node;
        let key = join(STRATEGIES, &format!("{id}.{name}"));
        let outcome = match name {
            "enabled" => values::truth(node).map(|on| self.of(id).enabled = on),
            "priority" => values::number(node, 1, 1000).map(|priority| self.of(id).priority = priority),
            "max_daily_actions" => {
                values::number(node, 1, 1_000_000).map(|max| self.of(id).max_daily_actions = Some(max))
            }
            "retries" => values::number(node, 0, 10).map(|retries| self.of(id).retries = retries),
            "schedule" => self.schedule(node).map(|schedule| self.of(id).schedule = Some(schedule)),
            // Its reader knows which zone was probably meant.
            "timezone" if !matches!(&node.value, Value::Text(none) | Value::Raw(none) if none.is_empty()) => {
                values::timezone(node).and_then(|_| self.rule(id, name, node))
            }
            _ if RuleKey::find(name).is_some() => self.rule(id, name, node),
            _ => return self.free(id, &key, node),
        };
        self.settle(&key, node, outcome);
    }

    fn schedule(&self, node: &Node) -> Result<String, Wrong> {
        let right = "write \"every 30m\", \"@hourly\", \"@daily\", or a cron expression of 5 or 6 fields";
        let text = values::text(node, right)?;
        (self.check_schedule)(text)
            .map(|()| text.to_owned())
            .map_err(|why| Wrong::new(format!("is {}, which is no schedule: {why}", node.shown()), right))
    }

    /// A rule for the ticks, which `core::schedule` reads as it reads what the command line says.
    fn rule(&mut self, id: &str, name: &str, node: &Node) -> Result<(), Wrong> {
        let right = RuleKey::find(name).map_or("", |key| key.right);
        let cap = (name == "missed_cap").then(|| values::int(node, 1, CAP_MAX.into())).transpose()?;
        let text = match cap {
            Some(cap) => cap.to_string(),
            None => values::text(node, right)?.to_owned(),
        };
        let said = self.of(id).rules.say(name, &text);
        said.map_err(|bad| Wrong::new(format!("is {}, which {}", node.shown(), bad.why), right))
    }

    /// The strategy's own table: laid over what is there, key by key.
    fn free(&mut self, id: &str, key: &str, node: &Node) {
        let Value::Table(entries) = &node.value else {
            return self.no_section(key, node);
        };
        let before = self.mistakes.len();
        self.check_free(key, entries);
        if self.mistakes.len() > before {
            return;
        }
        let mut paths = Vec::new();
        collect("", entries, &mut paths);
        let free = &mut self.of(id).config;
        // Where its owner wrote it outweighs where the program did.
        free.origins.insert(String::new(), node.origin.clone());
        merge(&mut free.table, entries);
        for (path, origin, value) in paths {
            let full = join(key, &path);
            // What an earlier source had at or below this place is gone.
            let below = format!("{full}.");
            if value.is_some() {
                self.settings.retain(|other, _| !other.starts_with(&below));
            } else {
                self.settings.remove(&full);
            }
            self.of(id).config.origins.insert(path, origin.clone());
            if let Some(value) = value {
                self.note(&full, value, &origin);
            }
        }
    }

    /// What holds for every strategy's table: no credentials, and only what JSON and TOML both have.
    fn check_free(&mut self, section: &str, entries: &[Entry]) {
        for entry in entries {
            let key = join(section, &entry.key);
            if credential::names_one(&entry.key) {
                let wrong = "has no place in a configuration";
                self.mistakes.push(Mistake::new(&entry.at, &key, wrong, USE_ACCOUNT_ADD));
            } else if entry.key.is_empty() || entry.key.contains('.') {
                let right = "give it a name without dots";
                self.mistakes.push(Mistake::new(&entry.at, &key, "is no good name", right));
            } else {
                self.check_free_value(&key, &entry.node);
            }
        }
    }

    fn check_free_value(&mut self, key: &str, node: &Node) {
        let (wrong, right) = match &node.value {
            Value::Table(inner) => return self.check_free(key, inner),
            Value::List(items) => return items.iter().for_each(|item| self.check_free_value(key, item)),
            value if credential::is_one(value) => {
                ("has no place in a configuration".to_owned(), USE_ACCOUNT_ADD)
            }
            Value::Odd(_) => (format!("is {}", node.kind()), "write it as a text in quotes"),
            Value::Null => (format!("is {}", node.kind()), "leave the key out"),
            _ => return,
        };
        self.mistakes.push(Mistake::new(&node.origin, key, wrong, right));
    }

    fn of(&mut self, id: &str) -> &mut Strategy {
        let installed = self.installed.contains(&id);
        self.config.strategies.entry(id.to_owned()).or_insert_with(|| {
            let mut strategy = Strategy { installed, ..Strategy::default() };
            strategy.config.strategy = id.to_owned();
            strategy
        })
    }

    fn good_id(&mut self, id: &str, origin: &Origin) -> bool {
        let good = values::is_strategy_id(id);
        if !good {
            let right = "a strategy's name has at most 64 letters, digits, `-` and `_`";
            self.mistakes.push(Mistake::new(
                origin,
                &join(STRATEGIES, id),
                "is no name of a strategy",
                right,
            ));
        }
        good
    }

    /// Names that no strategy of this program has: perhaps a typing error, perhaps one to come.
    pub(super) fn warn_of_missing(&mut self) {
        let missing: Vec<String> =
            self.config.strategies.iter().filter(|(_, s)| !s.installed).map(|(id, _)| id.clone()).collect();
        for id in missing {
            let prefix = format!("{}.", join(STRATEGIES, &id));
            let origin =
                self.settings.range(prefix.clone()..).next().filter(|(key, _)| key.starts_with(&prefix));
            let origin = origin.map_or(Origin::Default { line: 0 }, |(_, setting)| setting.origin.clone());
            if origin.is_default() {
                continue; // spoken of by the default file alone: a program without it is no mistake of the owner
            }
            let hint = match keys::nearest(&id, self.installed.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", self.installed.join(", ")),
            };
            self.warnings
                .push(Warning { origin, text: format!("the strategy `{id}` is not installed; {hint}") });
        }
    }
}

fn raw_list(text: &str, origin: &Origin) -> Vec<Node> {
    text.split(',')
        .map(str::trim)
        .filter(|id| !id.is_empty())
        .map(|id| Node { value: Value::Raw(id.to_owned()), origin: origin.clone() })
        .collect()
}

/// Every path of a table with its place, and the value where it ends.
fn collect(prefix: &str, entries: &[Entry], out: &mut Vec<(String, Origin, Option<serde_json::Value>)>) {
    for entry in entries {
        let path = join(prefix, &entry.key);
        match &entry.node.value {
            Value::Table(inner) => {
                out.push((path.clone(), entry.at.clone(), None));
                collect(&path, inner, out);
            }
            _ => out.push((path, entry.node.origin.clone(), Some(entry.node.to_json()))),
        }
    }
}

fn merge(table: &mut serde_json::Map<String, serde_json::Value>, entries: &[Entry]) {
    for entry in entries {
        match (&entry.node.value, table.get_mut(&entry.key)) {
            (Value::Table(inner), Some(serde_json::Value::Object(there))) => merge(there, inner),
            _ => {
                table.insert(entry.key.clone(), entry.node.to_json());
            }
        }
    }
}
