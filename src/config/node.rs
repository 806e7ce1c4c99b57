//! A configuration text as a tree in which every key and value knows where it was written.
//!
//! TOML, JSON, environment variables and flags all become this tree, so that one walk finds every
//! mistake and can point at its line. Nothing here reads a file or decides what is right.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;

/// Where a value was written. Its `Display` is what a person is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In the built-in `config/default.toml`; lines count from 1.
    Default { line: usize },
    /// In a configuration file; line 0 means the file as a whole.
    File { path: Arc<Path>, line: usize },
    /// In a `.env` file, as the variable `name`.
    Dotenv { path: Arc<Path>, line: usize, name: String },
    /// In the process environment.
    Env { name: String },
    /// On the command line.
    Flag { name: String },
    /// Follows from another setting that was given.
    Implied { by: String },
}

impl Origin {
    /// The same file at another line; sources without lines stay as they are.
    pub(crate) fn at(&self, new_line: usize) -> Origin {
        let mut moved = self.clone();
        match &mut moved {
            Origin::Default { line } | Origin::File { line, .. } | Origin::Dotenv { line, .. } => {
                *line = new_line;
            }
            Origin::Env { .. } | Origin::Flag { .. } | Origin::Implied { .. } => {}
        }
        moved
    }

    /// The line counted from 1, or 0 where there are no lines.
    pub fn line(&self) -> usize {
        match self {
            Origin::Default { line } | Origin::File { line, .. } | Origin::Dotenv { line, .. } => *line,
            Origin::Env { .. } | Origin::Flag { .. } | Origin::Implied { .. } => 0,
        }
    }

    /// Is it the built-in default and nothing the owner wrote?
    pub fn is_default(&self) -> bool {
        matches!(self, Origin::Default { .. })
    }

    /// The owner's file in which it stands: the configuration file or a `.env` file.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Origin::File { path, .. } | Origin::Dotenv { path, .. } => Some(path),
            Origin::Default { .. } | Origin::Env { .. } | Origin::Flag { .. } | Origin::Implied { .. } => {
                None
            }
        }
    }

    /// As an object with `source` and what belongs to it.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Origin::Default { line } => json!({"source": "default", "line": line}),
            Origin::File { path, line } => {
                json!({"source": "file", "path": path.to_string_lossy(), "line": line})
            }
            Origin::Dotenv { path, line, name } => {
                json!({"source": "dotenv", "path": path.to_string_lossy(), "line": line, "name": name})
            }
            Origin::Env { name } => json!({"source": "environment", "name": name}),
            Origin::Flag { name } => json!({"source": "flag", "name": name}),
            Origin::Implied { by } => json!({"source": "implied", "by": by}),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default { line: 0 } => f.write_str("default"),
            Origin::Default { line } => write!(f, "default.toml:{line}"),
            Origin::File { path, line: 0 } => write!(f, "{}", path.display()),
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::Dotenv { path, line, name } if name.is_empty() => write!(f, "{}:{line}", path.display()),
            Origin::Dotenv { path, line, name } => write!(f, "{}:{line} ({name})", path.display()),
            // With words behind it a variable's name does not look like `TOKEN: value` to the mask.
            Origin::Env { name } => write!(f, "{name} in the environment"),
            Origin::Flag { name } => f.write_str(name),
            Origin::Implied { by } => write!(f, "follows from {by}"),
        }
    }
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub value: Value,
    pub origin: Origin,
}

/// One `key = value` of a table.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub key: String,
    /// Where the key stands (for a section: its header).
    pub at: Origin,
    pub node: Node,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// From the environment or a flag: its type is what the key wants.
    Raw(String),
    /// A date, or a number outside 64 bits: no key wants one.
    Odd(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

impl Node {
    /// What kind of value it is, in the words of a message.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing (null)",
            Value::Bool(_) => "true or false",
            Value::Int(_) => "a whole number",
            Value::Float(_) => "a number with a fraction",
            Value::Text(_) | Value::Raw(_) => "a text",
            Value::Odd(_) => "a date or a number too large",
            Value::List(_) => "a list",
            Value::Table(_) => "a section",
        }
    }

    /// The value as it may stand in a message: short, on one line, without anything that looks secret.
    pub fn shown(&self) -> String {
        let text = match &self.value {
            Value::Bool(b) => b.to_string(),
            Value::Int(i) => i.to_string(),
            Value::Float(x) => format!("{x:?}"),
            Value::Text(t) => format!("\"{t}\""),
            Value::Raw(t) | Value::Odd(t) => t.clone(),
            Value::Null | Value::List(_) | Value::Table(_) => return self.kind().to_owned(),
        };
        format!("`{}`", short(&text))
    }

    /// A list of texts as it is written in the environment: `["a", "b"]`. `None` for all else.
    pub fn raw_list(&self) -> Option<Node> {
        let Value::Raw(text) = &self.value else { return None };
        let texts: Vec<String> = serde_json::from_str(text).ok()?;
        let node = |text| Node { value: Value::Text(text), origin: self.origin.clone() };
        Some(Node { value: Value::List(texts.into_iter().map(node).collect()), origin: self.origin.clone() })
    }

    /// A flat copy as JSON, as `config show` prints it and strategies receive it.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(b) => json!(b),
            Value::Int(i) => json!(i),
            Value::Float(x) => json!(x),
            Value::Text(t) | Value::Odd(t) => json!(t),
            Value::Raw(t) => loose(t),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Table(entries) => serde_json::Value::Object(
                entries.iter().map(|entry| (entry.key.clone(), entry.node.to_json())).collect(),
            ),
        }
    }
}

/// A text of the environment for a key that takes anything: a number or truth value if it reads as
/// one, else the text.
fn loose(text: &str) -> serde_json::Value {
    match serde_json::from_str(text) {
        Ok(value @ (serde_json::Value::Bool(_) | serde_json::Value::Number(_))) => value,
        _ => json!(text),
    }
}

/// A text as it may stand in a message: at most 48 characters, masked, without control characters.
pub(crate) fn short(text: &str) -> String {
    cut(text, 48)
}

/// The same for at most `most` characters.
pub(crate) fn cut(text: &str, most: usize) -> String {
    let masked = crate::logs::mask(text);
    let mut out: String = masked.chars().take(most).flat_map(escape).collect();
    if masked.chars().nth(most).is_some() {
        out.push('…');
    }
    out
}

fn escape(c: char) -> impl Iterator<Item = char> {
    let escaped: Box<dyn Iterator<Item = char>> =
        if c.is_control() { Box::new(c.escape_default()) } else { Box::new(std::iter::once(c)) };
    escaped
}
