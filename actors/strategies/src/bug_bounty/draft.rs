//! Puts a finding into the words of an opportunity.
//!
//! All text of a feed passes [`Untrusted`] on its way into a title (one harmless line, bounded),
//! and a link is offered only if it is an https page of the platform it claims to be. In `details`,
//! which is data and not for reading aloud, identifiers stand exactly as they came. The title of what
//! is private names nobody, and neither does its payer, whom a late payment is told by: notices are made of
//! these, and may leave the machine.

use crate::bug_bounty::automation::{self, Automation};
use crate::bug_bounty::finding::{Finding, Kind};
use crate::bug_bounty::rank::rank;
use crate::bug_bounty::scope::{Amount, Payout, Source, State, Target};
use mm_sdk::{Decimal, Digest, Draft, Facts, LogicalUrl, Reward, Untrusted};
use serde_json::{Map, Value, json};

/// The most characters of a feed's text in a title.
const NAME_CHARS_MAX: usize = 80;

/// What the owner's account tells of a programme beside what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Own {
    /// It is confidential.
    pub private: bool,
    /// What it says of automated tools; `None` if its rules were not read.
    pub automation: Option<Automation>,
}

/// The opportunities for one finding: one, or several where it is too large for one record.
/// `evidence` is the recorded answer it was read from, if it was read now; `own` what an account
/// tells of the programme, where the owner has one.
pub fn drafts(finding: Finding, evidence: Option<Digest>, own: Option<&Own>) -> impl Iterator<Item = Draft> {
    finding.into_parts().into_iter().map(move |part| draft(&part, evidence, own))
}

fn draft(finding: &Finding, evidence: Option<Digest>, own: Option<&Own>) -> Draft {
    let rank = rank(finding);
    let private = own.is_some_and(|own| own.private);
    Draft {
        platform: finding.source.name().to_owned(),
        kind: finding.kind.word().to_owned(),
        about: finding.about(),
        title: title(finding, private),
        url: page(finding),
        reward: finding.payout.as_ref().and_then(reward),
        score: rank.score,
        reason: rank.reason,
        evidence,
        details: Value::Object(details(finding, own)).into(),
        tell: finding.tell,
        deadline: None,
        payer: (!private).then(|| Untrusted::new(finding.programme.as_ref()).line(NAME_CHARS_MAX)),
        facts: Facts { against: against(finding), ..Facts::default() },
    }
}

/// Why nobody is paid for it.
fn against(finding: &Finding) -> Vec<String> {
    let gone = matches!(finding.kind, Kind::ProgrammeGone | Kind::TargetsGone);
    let gone = gone.then(|| "it is not in scope any more".to_owned());
    let unpaid = finding.offers_bounty == Some(false);
    gone.into_iter().chain(unpaid.then(|| "the programme pays no bounties".to_owned())).collect()
}

/// One line: what happened, to which programme, where.
fn title(finding: &Finding, private: bool) -> String {
    let line = |text: &str| Untrusted::new(text).line(NAME_CHARS_MAX);
    let name = if private { "a private programme".to_owned() } else { line(&finding.name) };
    let platform = finding.source.name();
    let targets = match finding.targets.as_slice() {
        [_] if private => "1 target".to_owned(),
        [one] => line(&one.identifier),
        many => format!("{} targets", many.len()),
    };
    match finding.kind {
        Kind::ProgrammeAdded if finding.baseline => format!("{name} on {platform}"),
        Kind::ProgrammeAdded => format!("New programme on {platform}: {name}"),
        Kind::ProgrammeReturned => format!("Programme back on {platform}: {name}"),
        Kind::ProgrammeGone => format!("Programme gone from {platform}: {name}"),
        Kind::TargetsAdded => format!("New in scope of {name} on {platform}: {targets}"),
        Kind::TargetsGone => format!("Out of scope of {name} on {platform}: {targets}"),
        Kind::RewardChanged => {
            let (before, now) = (amount(&finding.payout_before), amount(&finding.payout));
            if before == now {
                // HackerOne tells whether a programme pays, and not how much.
                format!("Reward of {name} on {platform}: whether it pays has changed")
            } else {
                format!("Reward of {name} on {platform}: {before} before, {now} now")
            }
        }
    }
}

/// A range in words, with a currency only if it looks like one.
fn amount(payout: &Option<Payout>) -> String {
    match payout {
        None => "none told".to_owned(),
        Some(payout) => {
            let currency = payout.currency.as_deref().map(|code| Untrusted::new(code).line(3));
            let from = match payout.min {
                Some(min) if min > Amount::ZERO && payout.max.is_some() => format!("{min} to"),
                _ => "up to".to_owned(),
            };
            format!("{from} {} {}", payout.top(), currency.unwrap_or_default()).trim_end().to_owned()
        }
    }
}

/// Where a person would look: the programme's page if the link can be believed, else the
/// platform's own.
fn page(finding: &Finding) -> String {
    let given = finding.url.as_deref().or(match finding.source {
        Source::Bugcrowd => Some(&finding.programme),
        _ => None,
    });
    let of_platform = given.and_then(|text| of_platform(finding.source, text));
    of_platform.unwrap_or_else(|| format!("https://{}/", finding.source.host()))
}

/// An address, if it is one of the platform's own: no other is shown as a programme's page.
pub(super) fn of_platform(source: Source, text: &str) -> Option<String> {
    let host = source.host();
    let own = |url: &LogicalUrl| {
        url.host() == host || url.host().strip_suffix(host).is_some_and(|sub| sub.ends_with('.'))
    };
    LogicalUrl::parse(text).ok().filter(own).map(|url| url.as_str().to_owned())
}

/// A range whose currency is known. Without a currency a number is no reward, only a detail.
fn reward(payout: &Payout) -> Option<Reward> {
    let currency = payout.currency.as_deref()?;
    let is_code = currency.len() == 3 && currency.bytes().all(|b| b.is_ascii_uppercase());
    let decimal =
        |amount: Amount| Decimal::new(i64::try_from(amount.hundredths()).unwrap_or(i64::MAX), 2).normalize();
    is_code.then(|| Reward {
        min: payout.min.map(decimal),
        max: payout.max.map(decimal),
        currency: currency.to_owned(),
    })
}

/// The fields of `details` that every reader may count on, and what else is known.
fn details(finding: &Finding, own: Option<&Own>) -> Map<String, Value> {
    let mut details = Map::new();
    let mut put = |name: &str, value: Value| details.insert(name.to_owned(), value);
    if let Some(own) = own {
        let automation = own.automation.as_ref();
        put("automation", automation.map_or_else(automation::not_read, Automation::shown));
        put("private", json!(own.private));
    }
    put("programme", json!(finding.programme));
    put("programme_name", json!(finding.name));
    put(
        "programme_url",
        json!(finding.url.as_deref().unwrap_or(match finding.source {
            Source::Bugcrowd => &finding.programme,
            _ => "",
        })),
    );
    put("targets", finding.targets.iter().map(target).collect());
    put("baseline", json!(finding.baseline));
    put("offers_bounty", json!(finding.offers_bounty));
    if let State::Other(word) = &finding.state {
        put("state", json!(word));
    }
    if let Some(payout) = &finding.payout {
        put("payout", range(payout));
    }
    if finding.kind == Kind::RewardChanged {
        put("payout_before", finding.payout_before.as_ref().map_or(Value::Null, range));
    }
    if finding.targets_returned > 0 {
        put("targets_returned", json!(finding.targets_returned));
    }
    if let Some(since) = finding.missing_since {
        put("missing_since", json!(since.to_string()));
    }
    if finding.part.1 > 1 {
        put("part", json!({"number": finding.part.0, "of": finding.part.1}));
    }
    details
}

fn range(payout: &Payout) -> Value {
    let text = |amount: Option<Amount>| amount.map(|amount| amount.to_string());
    json!({"min": text(payout.min), "max": text(payout.max), "currency": payout.currency})
}

fn target(target: &Target) -> Value {
    let mut value = json!({
        "kind": target.kind,
        "identifier": target.identifier,
        "in_scope": target.in_scope,
    });
    if let Value::Object(fields) = &mut value {
        if let Some(eligible) = target.eligible_for_bounty {
            fields.insert("eligible_for_bounty".to_owned(), json!(eligible));
        }
        if let Some(severity) = target.severity {
            fields.insert("severity".to_owned(), json!(severity.word()));
        }
    }
    value
}
