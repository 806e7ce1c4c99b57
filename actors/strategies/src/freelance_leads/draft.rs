//! In what words a lead is told.
//!
//! All text of a board is a harmless line already, and its page was checked. What is bait or gone shows no
//! reward and no score.

use mm_sdk::{Decimal, Digest, Draft, Facts, LogicalUrl, blank};
use serde_json::{Value, json};

use super::config::Config;
use super::lead::{Board, Lead};
use super::matching::Match;
use super::memory::{Bid, Stage};

/// The kind of an opportunity.
pub const LEAD: &str = "lead";

/// Why a lead that was told is no chance any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Its board does not have it any more.
    Gone,
    /// It is too old, and whether it is still there its board does not say.
    Aged,
}

impl Ended {
    /// The same, for the owner.
    pub fn words(self) -> &'static str {
        match self {
            Self::Gone => "it is not there any more",
            Self::Aged => "it was put in, or last seen, more than 45 days ago",
        }
    }
}

/// The draft of a lead, which has ended or is still a chance.
pub fn draft(config: &Config, lead: &Lead, fit: &Match, ended: Option<Ended>, bid: Option<&Bid>) -> Draft {
    let mut against = fit.against.clone();
    if let Some(ended) = ended {
        against.insert(0, ended.words().to_owned());
    }
    let fits = fit.fits() && ended.is_none();
    let reason = ended.map_or_else(|| fit.reason.clone(), |ended| ended.words().to_owned());
    Draft {
        platform: lead.board.platform().to_owned(),
        kind: LEAD.to_owned(),
        about: vec![lead.key.clone()],
        title: if fit.bait.is_empty() { lead.title.clone() } else { format!("Bait: {}", lead.title) },
        url: lead.page.clone(),
        reward: fit.reward().filter(|_| ended.is_none()),
        score: if fits { fit.score } else { 0 },
        reason,
        evidence: Some(lead.evidence),
        details: details(config, lead, fit, fits, bid).into(),
        tell: fits,
        deadline: None,
        payer: lead.payer.clone(),
        facts: Facts {
            bait: fit.bait.clone(),
            against,
            open: match ended {
                None => Some(true),
                Some(Ended::Gone) => Some(false),
                Some(Ended::Aged) => None,
            },
            // Nobody holds money before somebody was chosen.
            held: Some(false),
            hours: config.hours,
            fee_percent: None,
            said: fit.said.clone(),
        },
    }
}

/// The digest of what a draft says, but for its score and reason, which age by themselves.
pub fn digest(draft: &Draft) -> Digest {
    let reward = draft.reward.as_ref();
    let reward = reward
        .map_or(String::new(), |reward| format!("{:?} {:?} {}", reward.min, reward.max, reward.currency));
    let facts = format!("{:?} {:?} {:?}", draft.facts.bait, draft.facts.against, draft.facts.said);
    let hours = draft.facts.hours.map_or(String::new(), |hours: Decimal| hours.to_string());
    let details = draft.details.to_string();
    let fields = [&draft.title, &draft.url, &reward, &facts, &hours, &details];
    Digest::of_fields("freelance-leads-draft-1", fields.map(|field| field.as_bytes()))
}

fn details(config: &Config, lead: &Lead, fit: &Match, fits: bool, bid: Option<&Bid>) -> Value {
    let mut value = json!({
        "board": lead.board.name(),
        "key": lead.key,
        "skills": fit.skills,
        "pay": fit.pay.as_ref().map(|pay| pay.words()),
        "posted": lead.at.map(|at| at.to_string()),
        "source": format!("found at {}: {}", lead.board.name(), lead.page),
    });
    let Value::Object(fields) = &mut value else { return value };
    if lead.board == Board::Freelancer {
        fields.insert("project".to_owned(), json!(lead.key.parse::<u64>().ok()));
        fields.insert("bid".to_owned(), bid.map_or(Value::Null, stage));
    } else if fits {
        // There is no interface to write by: the owner sends it himself, from where he is known.
        fields.insert("letter".to_owned(), json!(letter(config, lead, &fit.skills)));
    }
    value
}

fn stage(bid: &Bid) -> Value {
    match &bid.stage {
        Stage::Waiting => {
            json!({ "state": "waiting", "action": bid.action.as_ref().map(mm_sdk::ActionId::as_str) })
        }
        Stage::There(0) => json!({ "state": "there" }),
        Stage::There(number) => json!({ "state": "there", "bid": number }),
        Stage::Over(why) => json!({ "state": "over", "why": why }),
    }
}

/// The draft of a message that the owner sends by himself.
fn letter(config: &Config, lead: &Lead, skills: &[String]) -> String {
    let rate = config.rate.as_ref().map_or(String::new(), |rate| format!("My rate is {rate} an hour.\n\n"));
    // A feed that stands in for an item without a link is the owner's own, and nothing to a stranger.
    let stands_in = |feed: &LogicalUrl| lead.page == feed.without_query().as_str();
    let page = if lead.board == Board::Feed && config.feeds.iter().any(stands_in) {
        String::new()
    } else {
        format!(" ({})", lead.page)
    };
    format!(
        "Hello,\n\nI read \"{}\" at {}{page}.\n\n{}\n\nI work with {}.\n\n{rate}{}\n",
        lead.title,
        lead.board.name(),
        blank::of("what in it you can do, and what of yours shows it"),
        skills.join(", "),
        blank::of("your name"),
    )
}

/// The draft of a bid: the owner's own words, and no others.
pub fn description(skills: &[String]) -> String {
    let words =
        blank::of("how you would do it, what you need to know first, and what of yours shows that you can");
    match skills {
        // It was found by a skill that is not in the settings any more.
        [] => format!("{words}\n"),
        skills => format!("{words}\n\nI work with {}.\n", skills.join(", ")),
    }
}
