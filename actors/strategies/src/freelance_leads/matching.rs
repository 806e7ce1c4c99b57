//! Whether a lead fits: which skills, which rate, and why, in one line. Pure: the same lead, settings and time
//! give the same answer.

use std::time::Duration;

use mm_sdk::{Moment, Reward};

use super::config::Config;
use super::lead::{Board, Lead, OLD};
use super::pay::{Pay, Per};
use crate::hackernews::Topic;
use crate::micro_tasks::amount::Amount;
use crate::micro_tasks::trap;

/// As fresh as this, an answer is among the first.
const NEW: Duration = Duration::from_secs(3 * 24 * 3600);

/// With more bids than this, nobody reads the next.
const CROWD: u64 = 30;

/// Languages that a posting may ask for.
const LANGUAGES: [&str; 12] = [
    "german",
    "french",
    "spanish",
    "italian",
    "portuguese",
    "dutch",
    "polish",
    "japanese",
    "chinese",
    "mandarin",
    "arabic",
    "russian",
];

/// What to think of a lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The skills of the owner's that it names.
    pub skills: Vec<String>,
    /// What it pays, as far as it says.
    pub pay: Option<Pay>,
    /// Why it is bait; while there is one it pays nothing.
    pub bait: Vec<String>,
    /// Why it does not fit.
    pub against: Vec<String>,
    /// What else is known, a line each.
    pub said: Vec<String>,
    /// 0 to 100.
    pub score: u8,
    /// Why, in one line.
    pub reason: String,
}

impl Match {
    /// Whether it is worth telling.
    pub fn fits(&self) -> bool {
        !self.skills.is_empty() && self.bait.is_empty() && self.against.is_empty()
    }

    /// What it may pay.
    pub fn reward(&self) -> Option<Reward> {
        let pay = self.pay.as_ref().filter(|_| self.bait.is_empty())?;
        pay.reward()
    }
}

/// Holds a lead against the settings.
pub fn judge(config: &Config, lead: &Lead, now: Moment) -> Match {
    let skills: Vec<String> = config.skills.iter().filter(|skill| wants(lead, skill)).cloned().collect();
    let employs = lead.board == Board::HackerNews(Topic::Hiring);
    let pay = lead.pay.clone().or_else(|| Pay::in_text(&lead.text, employs));
    let mut bait: Vec<String> = trap::in_text(&lead.text, "the posting")
        .into_iter()
        .filter(|trap| trap.kind.is_bait())
        .map(|trap| trap.why)
        .collect();
    if let Some(pay) = pay.as_ref().filter(|pay| pay.is_absurd()) {
        bait.push(format!("nobody pays {}", pay.words()));
    }
    let mut against = against(config, lead, now);
    let mut said = Vec::new();
    match &pay {
        Some(pay) => compare(config, pay, &mut against, &mut said),
        None if lead.text.contains('₿') => {
            said.push("it names a sum in bitcoin, which is not read".to_owned())
        }
        None => said.push("it does not say what it pays".to_owned()),
    }
    if let Some(code) = pay.as_ref().and_then(Pay::unjudged) {
        said.push(format!("whether so much can be meant in {code} is not known here"));
    }
    if let Some(odd) = lead.odd_time {
        said.push(format!("it says that it is of {odd}, which cannot be meant"));
    }
    let score = score(config, lead, &skills, pay.as_ref(), now);
    let reason = reason(&skills, pay.as_ref(), &bait, &against, &said, lead, now);
    let score = if bait.is_empty() && against.is_empty() { score } else { 0 };
    Match { skills, pay, bait, against, said, score, reason }
}

/// Whether a lead names a skill: as a word of its own in its text, or as a tag.
fn wants(lead: &Lead, skill: &str) -> bool {
    lead.tags.iter().any(|tag| tag == skill) || names(&lead.text.to_lowercase(), skill)
}

/// Whether a text in small letters names a word: what stands before and after it belongs to no longer one.
fn names(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|after| after.chars().next());
        let goes_on = |c: char| c.is_alphanumeric() || matches!(c, '+' | '#');
        before.is_none_or(|c| !c.is_alphanumeric()) && after.is_none_or(|c| !goes_on(c))
    })
}

fn against(config: &Config, lead: &Lead, now: Moment) -> Vec<String> {
    let text = lead.text.to_lowercase();
    let mut against = Vec::new();
    if lead.board == Board::HackerNews(Topic::Freelancer) && !text.contains("seeking freelancer") {
        against.push("it is somebody who looks for work himself".to_owned());
    }
    let remote = names(&text, "remote") || lead.board == Board::Freelancer || lead.board == Board::RemoteOk;
    let here = ["onsite only", "on-site only", "no remote", "not remote", "in-office"];
    if config.remote && (!remote || here.iter().any(|words| text.contains(words))) {
        against.push("it cannot be done from anywhere, as far as it says".to_owned());
    }
    let asked = |language: &&&str| {
        let phrases = [
            "fluent {}",
            "native {}",
            "{} required",
            "{} speaking",
            "{}-speaking",
            "{} (fluent",
            "{} is required",
        ];
        phrases.iter().any(|phrase| text.contains(&phrase.replace("{}", language)))
    };
    let known = |language: &&&str| config.languages.iter().any(|own| own == **language);
    if !config.languages.is_empty() {
        let missing = LANGUAGES.iter().filter(asked).find(|language| !known(language));
        against.extend(missing.map(|language| format!("it asks for {language}")));
    }
    if lead.at.is_some_and(|at| now.since(at) > OLD) {
        against.push("it is older than 45 days".to_owned());
    }
    against
}

/// Holds what is paid against what the owner wants; only sums of one currency are compared.
fn compare(config: &Config, pay: &Pay, against: &mut Vec<String>, said: &mut Vec<String>) {
    let (wanted, name) = match pay.per {
        Per::Hour => (&config.rate, "your rate"),
        Per::Work => (&config.minimum, "your minimum"),
        Per::Year => {
            said.push(format!("it pays {}: somebody is to be employed", pay.words()));
            return;
        }
    };
    let (Some(wanted), Some(most)) = (wanted, pay.most()) else { return };
    match pay.currency.as_deref() {
        Some(code) if code == wanted.currency && most < wanted.value => {
            against.push(format!("it pays {}, under {name} of {wanted}", pay.words()));
        }
        Some(code) if code == wanted.currency => {}
        _ => said.push(format!("what it pays is not compared with {name} of {wanted}: another currency")),
    }
}

fn score(config: &Config, lead: &Lead, skills: &[String], pay: Option<&Pay>, now: Moment) -> u8 {
    let same = |wanted: &Option<Amount>, code: &Option<String>| {
        wanted.as_ref().is_some_and(|wanted| code.as_deref() == Some(wanted.currency.as_str()))
    };
    let paid = pay.is_some_and(|pay| match pay.per {
        Per::Hour => same(&config.rate, &pay.currency),
        Per::Work => same(&config.minimum, &pay.currency),
        Per::Year => false,
    });
    let title = lead.title.to_lowercase();
    let contract = ["contract", "freelance", "part-time", "consult"]
        .iter()
        .any(|word| lead.text.to_lowercase().contains(word));
    let points = [
        (true, 20),
        (skills.len() >= 2, 15),
        (skills.len() >= 3, 10),
        (skills.iter().any(|skill| names(&title, skill)), 15),
        (paid, 20),
        (contract || lead.board == Board::Freelancer, 10),
        (lead.at.is_some_and(|at| now.since(at) < NEW), 10),
    ];
    let sum: u8 = points.iter().filter(|(so, _)| *so).map(|(_, points)| points).sum();
    if lead.bids.is_some_and(|bids| bids > CROWD) { sum / 2 } else { sum }
}

fn reason(
    skills: &[String],
    pay: Option<&Pay>,
    bait: &[String],
    against: &[String],
    said: &[String],
    lead: &Lead,
    now: Moment,
) -> String {
    if let Some(first) = bait.iter().chain(against).next() {
        return first.clone();
    }
    let mut parts = vec![format!("it wants {}", list(skills))];
    if let Some(pay) = pay.filter(|pay| pay.per != Per::Year) {
        parts.push(format!("it pays {}", pay.words()));
    }
    parts.extend(said.iter().cloned());
    if let Some(at) = lead.at {
        parts.push(format!("{} days old", now.since(at).as_secs() / (24 * 3600)));
    }
    parts.extend(lead.bids.map(|bids| format!("{bids} have bid")));
    parts.push(format!("found at {}", lead.board.name()));
    parts.join("; ")
}

fn list(words: &[String]) -> String {
    match words {
        [] => "none of your skills".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
