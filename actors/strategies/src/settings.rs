//! What the settings of all strategies have in common: how a key is read, and how a mistake is told. Pure.

use mm_sdk::AccountId;
use serde_json::{Map, Value};

/// The settings of one strategy, whose name begins every mistake.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings(pub(crate) &'static str);

impl Settings {
    /// The keys of a table; of none, or of null, there are none.
    pub(crate) fn keys(self, value: &Value) -> Result<Map<String, Value>, String> {
        match value {
            Value::Null => Ok(Map::new()),
            Value::Object(keys) => Ok(keys.clone()),
            _ => Err(format!("{}: its settings are a table of keys", self.0)),
        }
    }

    /// A whole number within bounds.
    pub(crate) fn number(self, key: &str, value: &Value, min: u64, max: u64) -> Result<u64, String> {
        let number = value.as_u64().filter(|number| (min..=max).contains(number));
        number.ok_or_else(|| format!("{}: `{key}` is a whole number from {min} to {max}", self.0))
    }

    /// The name under which `account add PLATFORM NAME` put it; an empty text is none.
    pub(crate) fn account(
        self,
        key: &str,
        value: &Value,
        platform: &str,
    ) -> Result<Option<AccountId>, String> {
        let Some(name) = value.as_str() else {
            return Err(format!(
                "{}: `{key}` is the name of a {platform} account in the vault, such as \"main\"",
                self.0
            ));
        };
        if name.is_empty() {
            return Ok(None);
        }
        name.parse().map(Some).map_err(|bad| format!("{}: `{key}`: {bad}", self.0))
    }

    /// Whether something is proposed, of which `asked` says what its owner then does.
    pub(crate) fn asks(self, key: &str, value: &Value, asked: &str) -> Result<bool, String> {
        match value.as_str() {
            Some("ask") => Ok(true),
            Some("never") => Ok(false),
            _ => Err(format!("{}: `{key}` is \"ask\" ({asked}) or \"never\"", self.0)),
        }
    }
}
