//! The owner's settings: `[strategies.micro-tasks.config]`.

use mm_sdk::{AccountId, Decimal, Untrusted};
use serde_json::Value;

use crate::github::GitHub;
use crate::settings::Settings;

const OF: Settings = Settings("micro-tasks");

/// Searches when none are named: the labels of boards, and issues that the bot spoke on.
const QUERIES: [&str; 3] = [
    "label:\"💎 Bounty\" state:open type:issue",
    "commenter:algora-pbc[bot] state:open type:issue",
    "label:\"💰 Opire Reward\" state:open type:issue",
];

/// Issues looked at in one run with an account: each takes up to eight reads of 5,000 an hour.
const LOOKS: u64 = 60;

/// The same without an account: 60 reads an hour for everybody behind an address.
const LOOKS_KEYLESS: u64 = 5;

/// What the owner has set, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The account on GitHub; `None` reads as anybody may, and proposes no comment.
    pub account: Option<AccountId>,
    /// The searches.
    pub queries: Vec<String>,
    /// The most issues that one run looks at.
    pub looks_max: usize,
    /// An issue with more attempts of others is taken.
    pub attempts_max: u32,
    /// Whether a comment is proposed for an opportunity that the owner accepted.
    pub attempt: bool,
    /// How long one such piece of work takes its owner, if he said so.
    pub hours: Option<Decimal>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            account: None,
            queries: QUERIES.map(str::to_owned).to_vec(),
            looks_max: usize::try_from(LOOKS_KEYLESS).unwrap_or(1),
            attempts_max: 3,
            attempt: true,
            hours: None,
        }
    }
}

impl Config {
    /// Reads the settings; an empty object, or null, sets nothing.
    ///
    /// # Errors
    /// One sentence that names the key and says what would be right.
    pub fn read(value: &Value) -> Result<Self, String> {
        let mut config = Self::default();
        let mut looks = None;
        for (key, value) in OF.keys(value)? {
            match key.as_str() {
                "account" => config.account = OF.account(&key, &value, "github")?,
                "queries" => config.queries = queries(&value)?,
                "looks_max" => looks = Some(OF.number(&key, &value, 1, 500)?),
                "attempts_max" => {
                    config.attempts_max = u32::try_from(OF.number(&key, &value, 0, 50)?).unwrap_or(50)
                }
                "attempt" => config.attempt = OF.asks(&key, &value, "you approve each comment")?,
                "hours" => config.hours = Some(Decimal::from(OF.number(&key, &value, 1, 500)?)),
                other => return Err(unknown(other)),
            }
        }
        let usual = if config.account.is_some() { LOOKS } else { LOOKS_KEYLESS };
        config.looks_max = usize::try_from(looks.unwrap_or(usual)).unwrap_or(1);
        Ok(config)
    }
}

fn unknown(key: &str) -> String {
    format!(
        "micro-tasks does not know `{}`; it knows account, queries, looks_max, attempts_max, attempt \
         and hours",
        Untrusted::new(key).line(60)
    )
}

fn queries(value: &Value) -> Result<Vec<String>, String> {
    let wrong = || "micro-tasks: `queries` is a list of one to ten GitHub searches".to_owned();
    let list = value.as_array().filter(|list| (1..=10).contains(&list.len())).ok_or_else(wrong)?;
    let texts: Option<Vec<String>> = list.iter().map(|query| query.as_str().map(str::to_owned)).collect();
    let texts = texts.ok_or_else(wrong)?;
    for query in &texts {
        if let Err(bad) = GitHub::new(None).search(query) {
            return Err(format!(
                "micro-tasks: `queries`: {bad}: {}",
                Untrusted::new(query.as_str()).line(60)
            ));
        }
    }
    Ok(texts)
}
