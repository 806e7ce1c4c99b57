//! The owner's settings: `[strategies.freelance-leads.config]`.

use mm_sdk::{AccountId, Decimal, LogicalUrl, Untrusted};
use serde_json::Value;

use crate::micro_tasks::amount::{self, Amount};
use crate::settings::Settings;

const OF: Settings = Settings("freelance-leads");

/// Postings of Hacker News that one run reads; its own limit is 60 a minute.
const READS: u64 = 40;

/// Days in which a bid says that the work is done, where nothing is set.
const BID_DAYS: u64 = 7;

/// What the owner has set, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What he can do, in words as postings write them. Without any, nothing is read.
    pub skills: Vec<String>,
    /// The least that an hour must pay.
    pub rate: Option<Amount>,
    /// The least that a piece of work must pay.
    pub minimum: Option<Amount>,
    /// Whether only work that can be done from anywhere counts.
    pub remote: bool,
    /// The languages he works in; empty: any.
    pub languages: Vec<String>,
    /// Whether Hacker News is read.
    pub hackernews: bool,
    /// Whether Remote OK is read.
    pub remoteok: bool,
    /// The feeds that are read.
    pub feeds: Vec<LogicalUrl>,
    /// The account at Freelancer.com; without it that is not read.
    pub account: Option<AccountId>,
    /// Whether a bid is proposed for what he accepted there.
    pub bid: bool,
    /// In how many days a bid says that the work is done.
    pub bid_days: u32,
    /// How long one such piece of work takes him, if he said so.
    pub hours: Option<Decimal>,
    /// The most postings of Hacker News that one run reads.
    pub reads_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            skills: Vec::new(),
            rate: None,
            minimum: None,
            remote: true,
            languages: Vec::new(),
            hackernews: true,
            remoteok: true,
            feeds: Vec::new(),
            account: None,
            bid: true,
            bid_days: u32::try_from(BID_DAYS).unwrap_or(7),
            hours: None,
            reads_max: usize::try_from(READS).unwrap_or(1),
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
        for (key, value) in OF.keys(value)? {
            config.set(&key, &value)?;
        }
        Ok(config)
    }

    fn set(&mut self, key: &str, value: &Value) -> Result<(), String> {
        match key {
            "skills" => self.skills = words(key, value)?,
            "languages" => self.languages = words(key, value)?,
            "rate" => self.rate = sum(key, value)?,
            "minimum" => self.minimum = sum(key, value)?,
            "remote" => self.remote = switch(key, value)?,
            "hackernews" => self.hackernews = switch(key, value)?,
            "remoteok" => self.remoteok = switch(key, value)?,
            "feeds" => self.feeds = feeds(value)?,
            "freelancer_account" => self.account = OF.account(key, value, "freelancer")?,
            "bid" => self.bid = OF.asks(key, value, "you approve each bid")?,
            "bid_days" => self.bid_days = u32::try_from(OF.number(key, value, 1, 365)?).unwrap_or(365),
            "hours" => self.hours = Some(Decimal::from(OF.number(key, value, 1, 500)?)),
            "reads_max" => self.reads_max = usize::try_from(OF.number(key, value, 1, 200)?).unwrap_or(200),
            other => {
                return Err(format!(
                    "freelance-leads does not know `{}`; it knows skills, languages, rate, minimum, remote, \
                     hackernews, remoteok, feeds, freelancer_account, bid, bid_days, hours and reads_max",
                    Untrusted::new(other).line(60)
                ));
            }
        }
        Ok(())
    }
}

fn words(key: &str, value: &Value) -> Result<Vec<String>, String> {
    let wrong =
        || format!("freelance-leads: `{key}` is a list of at most 50 words, such as [\"rust\", \"c++\"]");
    let list = value.as_array().filter(|list| list.len() <= 50).ok_or_else(wrong)?;
    let word = |value: &Value| {
        let word = value.as_str()?.trim().to_lowercase();
        (1..=40).contains(&word.chars().count()).then_some(word)
    };
    list.iter().map(|value| word(value).ok_or_else(wrong)).collect()
}

/// A sum as a person writes it; an empty text sets none.
fn sum(key: &str, value: &Value) -> Result<Option<Amount>, String> {
    let wrong = || format!("freelance-leads: `{key}` is one sum with its currency, such as \"80 EUR\"");
    let text = value.as_str().ok_or_else(wrong)?;
    match amount::all_with_ranges(text).as_slice() {
        [] if text.is_empty() => Ok(None),
        [amount] if !amount.is_absurd() => Ok(Some(amount.clone())),
        _ => Err(wrong()),
    }
}

fn switch(key: &str, value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| format!("freelance-leads: `{key}` is true or false"))
}

fn feeds(value: &Value) -> Result<Vec<LogicalUrl>, String> {
    let wrong = || "freelance-leads: `feeds` is a list of at most 50 addresses of feeds".to_owned();
    let list = value.as_array().filter(|list| list.len() <= 50).ok_or_else(wrong)?;
    let mut urls: Vec<LogicalUrl> = Vec::new();
    for value in list {
        let text = value.as_str().ok_or_else(wrong)?;
        let url = LogicalUrl::parse(text)
            .map_err(|bad| format!("freelance-leads: `feeds`: {}: {bad}", Untrusted::new(text).line(80)))?;
        if !urls.contains(&url) {
            urls.push(url);
        }
    }
    Ok(urls)
}
