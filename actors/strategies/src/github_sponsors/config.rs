//! The owner's settings: `[strategies.github-sponsors.config]`.

use mm_sdk::{AccountId, Untrusted};
use serde_json::Value;

/// What the owner has set, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The account in the vault; without one no run makes sense.
    pub account: Option<AccountId>,
    /// Whether thank-you notes are drafted.
    pub thanks: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { account: None, thanks: true }
    }
}

impl Config {
    /// Reads the settings; an empty object, or null, sets nothing.
    ///
    /// # Errors
    /// One sentence that names the key and says what would be right.
    pub fn read(value: &Value) -> Result<Self, String> {
        let empty = serde_json::Map::new();
        let keys = match value {
            Value::Null => &empty,
            Value::Object(keys) => keys,
            _ => return Err("github-sponsors: its settings are a table of keys".to_owned()),
        };
        let mut config = Self::default();
        for (key, value) in keys {
            match key.as_str() {
                "account" => config.account = account(value)?,
                "thanks" => config.thanks = thanks(value)?,
                other => {
                    let other = Untrusted::new(other).line(60);
                    return Err(format!(
                        "github-sponsors does not know `{other}`; it knows account and thanks"
                    ));
                }
            }
        }
        Ok(config)
    }
}

/// The name under which `account add github-sponsors NAME` put it.
fn account(value: &Value) -> Result<Option<AccountId>, String> {
    let wrong =
        "github-sponsors: `account` is the name of a github-sponsors account in the vault, such as \"main\"";
    let name = value.as_str().ok_or(wrong)?;
    if name.is_empty() {
        return Ok(None);
    }
    name.parse().map(Some).map_err(|bad| format!("github-sponsors: `account`: {bad}"))
}

fn thanks(value: &Value) -> Result<bool, String> {
    match value.as_str() {
        Some("ask") => Ok(true),
        Some("never") => Ok(false),
        _ => {
            Err("github-sponsors: `thanks` is \"ask\" (notes are drafted, you send them) or \"never\""
                .to_owned())
        }
    }
}
