//! The owner's settings: `[strategies.bug-bounty.config]`.

use mm_sdk::{AccountId, Untrusted};
use serde_json::Value;

use crate::settings::Settings;

const OF: Settings = Settings("bug-bounty");

/// What the owner has set, checked. Without any of it public files are watched, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The account at HackerOne.
    pub hackerone: Option<AccountId>,
    /// The account at Intigriti.
    pub intigriti: Option<AccountId>,
    /// The account at YesWeHack.
    pub yeswehack: Option<AccountId>,
    /// Whether the skeleton of a report is drafted for an opportunity that he accepted.
    pub report: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { hackerone: None, intigriti: None, yeswehack: None, report: true }
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
                "hackerone_account" => config.hackerone = OF.account(&key, &value, "hackerone")?,
                "intigriti_account" => config.intigriti = OF.account(&key, &value, "intigriti")?,
                "yeswehack_account" => config.yeswehack = OF.account(&key, &value, "yeswehack")?,
                "report" => {
                    config.report = OF.asks(&key, &value, "skeletons are drafted, you write and send them")?
                }
                other => {
                    return Err(format!(
                        "bug-bounty does not know `{}`; it knows hackerone_account, intigriti_account, \
                         yeswehack_account and report",
                        Untrusted::new(other).line(60)
                    ));
                }
            }
        }
        Ok(config)
    }
}
