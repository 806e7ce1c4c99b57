//! The owner's settings: `[strategies.micro-tasks.config]`.

use mm_sdk::{AccountId, Decimal, Untrusted};
use serde_json::Value;

use crate::github::GitHub;

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
        let empty = serde_json::Map::new();
        let keys = match value {
            Value::Null => &empty,
            Value::Object(keys) => keys,
            _ => return Err("micro-tasks: its settings are a table of keys".to_owned()),
        };
        let mut config = Self::default();
        let mut looks = None;
        for (key, value) in keys {
            match key.as_str() {
                "account" => config.account = account(value)?,
                "queries" => config.queries = queries(value)?,
                "looks_max" => looks = Some(number(key, value, 1, 500)?),
                "attempts_max" => {
                    config.attempts_max = u32::try_from(number(key, value, 0, 50)?).unwrap_or(50)
                }
                "attempt" => config.attempt = attempt(value)?,
                "hours" => config.hours = Some(Decimal::from(number(key, value, 1, 500)?)),
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

/// The name under which `account add github NAME` put it.
fn account(value: &Value) -> Result<Option<AccountId>, String> {
    let Some(name) = value.as_str() else {
        return Err("micro-tasks: `account` is the name of a github account in the vault, such as \"main\""
            .to_owned());
    };
    if name.is_empty() {
        return Ok(None);
    }
    name.parse().map(Some).map_err(|bad| format!("micro-tasks: `account`: {bad}"))
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

fn number(key: &str, value: &Value, min: u64, max: u64) -> Result<u64, String> {
    let number = value.as_u64().filter(|number| (min..=max).contains(number));
    number.ok_or_else(|| format!("micro-tasks: `{key}` is a whole number from {min} to {max}"))
}

fn attempt(value: &Value) -> Result<bool, String> {
    match value.as_str() {
        Some("ask") => Ok(true),
        Some("never") => Ok(false),
        _ => Err("micro-tasks: `attempt` is \"ask\" (you approve each comment) or \"never\"".to_owned()),
    }
}
