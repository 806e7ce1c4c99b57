//! What was wrong in a configuration: all of it at once, each with its place and what would be right.

use std::fmt;

use serde_json::json;

use super::node::Origin;

/// The sentence for anything secret that was put into the configuration.
pub const USE_ACCOUNT_ADD: &str =
    "use `account add`: it encrypts what it is given, a configuration file does not";

/// The sentence for a passphrase that was put there.
const USE_PASSPHRASE_FILE: &str = "write it into a file that only you may read (mode 0600) and name that in \
    MONEY_MACHINE_PASSPHRASE_FILE, or let the daemon ask at its start (`prompt = true` in [vault])";

/// Where a credential belongs, by the name of the key or variable that it was given under.
pub(crate) fn instead_of(name: &str) -> &'static str {
    if name.to_lowercase().contains("passphrase") { USE_PASSPHRASE_FILE } else { USE_ACCOUNT_ADD }
}

/// One mistake: where, which key, what is wrong, what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where it stands.
    pub origin: Origin,
    /// The dotted key, `limits.max_daily_actions`; empty when it concerns a whole file or line.
    pub key: String,
    /// What is wrong, as the end of a sentence whose subject is the key.
    pub wrong: String,
    /// What would be right.
    pub right: String,
    /// The key or value that was probably meant.
    pub nearest: Option<String>,
}

impl Mistake {
    pub(crate) fn new(
        origin: &Origin,
        key: &str,
        wrong: impl Into<String>,
        right: impl Into<String>,
    ) -> Mistake {
        Mistake {
            origin: origin.clone(),
            key: super::node::cut(key, 160),
            wrong: wrong.into(),
            right: right.into(),
            nearest: None,
        }
    }

    pub(crate) fn nearest(mut self, nearest: Option<String>) -> Mistake {
        self.nearest = nearest;
        self
    }

    /// As an object: `origin, key, wrong, right, nearest|null`.
    pub fn to_json(&self) -> serde_json::Value {
        json!({
            "origin": self.origin.to_json(),
            "key": self.key,
            "wrong": self.wrong,
            "right": self.right,
            "nearest": self.nearest,
        })
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        if !self.key.is_empty() {
            write!(f, "`{}` ", self.key)?;
        }
        write!(f, "{}; {}", self.wrong, self.right)?;
        match &self.nearest {
            Some(nearest) => write!(f, "; did you mean `{nearest}`?"),
            None => Ok(()),
        }
    }
}

/// Every mistake of a configuration, in the order of the sources and lines. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<Mistake>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("the configuration has a mistake")?,
            n => write!(f, "the configuration has {n} mistakes")?,
        }
        for mistake in &self.0 {
            write!(f, "\n  {mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Something the owner should know that stops nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What it is about.
    pub origin: Origin,
    /// One sentence without a full stop.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.text)
    }
}
