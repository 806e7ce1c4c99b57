//! The owner's settings: `[strategies.github-sponsors.config]`.

use mm_sdk::{AccountId, Untrusted};
use serde_json::Value;

use crate::settings::Settings;

const OF: Settings = Settings("github-sponsors");

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
        let mut config = Self::default();
        for (key, value) in OF.keys(value)? {
            match key.as_str() {
                "account" => config.account = OF.account(&key, &value, "github-sponsors")?,
                "thanks" => config.thanks = OF.asks(&key, &value, "notes are drafted, you send them")?,
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
