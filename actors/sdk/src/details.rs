//! Details of an opportunity: a JSON object as text.
//!
//! A parsed JSON value takes ten times the memory of its text, and a first reading drafts thousands
//! of targets at once; so what is drafted is kept as text.

use std::fmt;

use serde_json::Value;

/// A strategy's own details, as JSON text. Made from a [`Value`] by `into()`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Details(Box<str>);

impl Details {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value, parsed anew.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.0).expect("it was written from a value")
    }
}

impl From<Value> for Details {
    fn from(value: Value) -> Self {
        Self(value.to_string().into())
    }
}

impl fmt::Display for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
