//! `config show` and `config init`: the configuration as text and JSON, with where each value came from.

use serde_json::{Map, Value, json};

use super::keys::{KEYS, LEVELS, PLATFORMS, STRATEGIES};
use super::walk::Setting;
use super::{DEFAULT, Loaded};

impl Loaded {
    /// As TOML that loads again to the same values, each with its origin in a remark.
    pub fn show_text(&self) -> String {
        let mut out = String::new();
        let mut section = "";
        for (key, setting) in self.in_order() {
            let (its_section, name) = split(key);
            if its_section != section {
                section = its_section;
                out.push_str(&format!(
                    "\n[{}]\n",
                    section.split('.').map(bare).collect::<Vec<_>>().join(".")
                ));
            }
            let line = format!("{} = {}", bare(name), toml_text(&setting.value));
            out.push_str(&format!("{line:<40} # {}\n", origin_text(setting)));
        }
        out
    }

    /// `{file, values, origins, warnings}`; `values` is nested, `origins` is by dotted key.
    pub fn show_json(&self) -> Value {
        let mut values = Map::new();
        let mut origins = Map::new();
        for (key, setting) in self.in_order() {
            put(&mut values, &path(key), setting.value.clone());
            origins.insert(key.to_owned(), setting.origin.to_json());
        }
        json!({
            "file": self.file.as_ref().map(|path| path.to_string_lossy().into_owned()),
            "values": values,
            "origins": origins,
            "warnings": self.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    }

    /// In the order of `config/default.toml`; within the owner's own names by name.
    fn in_order(&self) -> Vec<(&str, &Setting)> {
        let rank = |key: &str| {
            let known = KEYS.iter().position(|known| known.name == key);
            let strategies = KEYS.iter().position(|known| known.name.starts_with("limits.")).unwrap_or(0);
            let levels = KEYS.iter().position(|known| known.name.starts_with("store.")).unwrap_or(0);
            match known {
                Some(at) => (2 * at + 1, 0),
                None if key.starts_with(STRATEGIES) => (2 * strategies, split(key).0.matches('.').count()),
                None if key.starts_with(PLATFORMS) => (2 * strategies, usize::MAX),
                None if key.starts_with(LEVELS) => (2 * levels, 0),
                None => (usize::MAX, 0),
            }
        };
        let mut all: Vec<(&str, &Setting)> =
            self.settings.iter().map(|(key, setting)| (key.as_str(), setting)).collect();
        all.sort_by(|(a, _), (b, _)| {
            let (rank_a, _) = rank(a);
            let (rank_b, _) = rank(b);
            rank_a.cmp(&rank_b).then_with(|| split(a).cmp(&split(b)))
        });
        all
    }
}

fn origin_text(setting: &Setting) -> String {
    if setting.origin.is_default() { "default".to_owned() } else { setting.origin.to_string() }
}

/// Everything before the last dot, and what follows it. A module's path (`a::b`) has no dots.
fn split(key: &str) -> (&str, &str) {
    key.rsplit_once('.').unwrap_or(("", key))
}

fn path(key: &str) -> Vec<&str> {
    key.split('.').collect()
}

fn put(table: &mut Map<String, Value>, path: &[&str], value: Value) {
    match path {
        [] => {}
        [last] => {
            table.insert((*last).to_owned(), value);
        }
        [first, rest @ ..] => {
            let inner = table.entry((*first).to_owned()).or_insert_with(|| json!({}));
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

/// A key as TOML writes it.
fn bare(key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if plain { key.to_owned() } else { json!(key).to_string() }
}

/// A value as TOML writes it. JSON's escapes are TOML's, but for the one sign JSON leaves as it is.
fn toml_text(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(toml_text).collect::<Vec<_>>().join(", ")),
        Value::Object(table) => {
            let inner: Vec<String> =
                table.iter().map(|(k, v)| format!("{} = {}", bare(k), toml_text(v))).collect();
            format!("{{ {} }}", inner.join(", "))
        }
        Value::Null => "\"\"".to_owned(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            value.to_string().replace('\u{7f}', "\\u007f")
        }
    }
}

/// What `config init` writes: the reference with every value commented out, so that it changes nothing
/// until its owner takes a `#` away.
pub fn starter() -> String {
    let mut out = String::from(
        "# Your configuration of money-machine. Every line that begins with `#:` is a setting with its\n\
         # default: take the `#:` away and change it. What you leave alone follows the program's defaults.\n#\n",
    );
    let body = DEFAULT.split_once("\n#\n").map_or(DEFAULT, |(_, rest)| rest);
    for line in body.lines() {
        let is_value = line.starts_with(|c: char| c.is_ascii_lowercase());
        let mark = if is_value { "#: " } else { "" };
        out.push_str(mark);
        out.push_str(line);
        out.push('\n');
    }
    out
}
