//! In what words an issue is told.
//!
//! All text of GitHub passes [`Untrusted`] on its way into a title, and the link is built from checked
//! parts. What is refused shows no reward and no score, whatever was told of it before.

use mm_sdk::policy::{Policy, Stance};
use mm_sdk::{ActionId, Decimal, Digest, Draft, Facts, Untrusted};
use serde_json::{Value, json};

use super::assess::{Assessment, Known};
use super::memory::{Attempt, Claim, KnownIssue, Stage, Told};
use crate::github::IssuePlace;

/// The kind of an opportunity.
pub const BOUNTY: &str = "bounty";

/// The kind of what was refused from the beginning: listed, so that the owner sees why, and never told.
pub const REFUSED: &str = "bounty_refused";

/// The draft of an issue, and as what it is told.
pub fn draft(
    id: u64,
    known: &KnownIssue,
    facts: &Known<'_>,
    assessment: &Assessment,
    (attempt, claim): (Option<&Attempt>, Option<&Claim>),
    hours: Option<Decimal>,
) -> (Draft, Told) {
    let refused = !assessment.against.is_empty();
    // What was once told as a chance stays that opportunity, so that the owner sees it end.
    let told = if refused && known.told != Told::Bounty { Told::Refused } else { Told::Bounty };
    let platform = facts.board().map_or("github", |board| board.name());
    let kind = if told == Told::Bounty { BOUNTY } else { REFUSED };
    let evidence = known.comments.as_ref().map(|kept| kept.evidence);
    let draft = Draft {
        // A board may be told later than the issue, and must not make another opportunity of it.
        platform: "github".to_owned(),
        kind: kind.to_owned(),
        about: vec![id.to_string()],
        title: title(facts, assessment),
        url: known.place.page(),
        reward: assessment.reward.clone(),
        score: assessment.score,
        reason: assessment.reason.clone(),
        evidence: evidence.or(known.issue.as_ref().map(|kept| kept.evidence)),
        details: details(id, platform, known, facts, assessment, (attempt, claim)).into(),
        tell: !refused && assessment.reward.is_some(),
        deadline: None,
        // Whoever opened the issue may be anybody; the repository's owner answers for what is promised there.
        payer: Some(known.place.repository.owner().to_owned()),
        facts: public(facts, assessment, hours),
    };
    (draft, told)
}

/// The last word on an issue that was told as refused and is `now` told as a chance.
pub fn over(now: &Draft, place: &IssuePlace) -> Draft {
    let why = "it is not refused any more, and is told as a bounty".to_owned();
    Draft {
        kind: REFUSED.to_owned(),
        title: format!("Over: {place}: {why}"),
        reward: None,
        score: 0,
        facts: Facts { against: vec![why.clone()], open: Some(false), ..Facts::default() },
        reason: why,
        tell: false,
        deadline: None,
        ..now.clone()
    }
}

/// What is known in public of whether money comes.
fn public(facts: &Known<'_>, assessment: &Assessment, hours: Option<Decimal>) -> Facts {
    let why = |bait: bool| {
        let traps = assessment.against.iter().filter(move |trap| trap.kind.is_bait() == bait);
        traps.map(|trap| trap.why.clone()).collect::<Vec<_>>()
    };
    let rules = facts.policy.map(|policy| match policy.stance {
        Stance::Allow => "the repository takes AI-assisted work",
        Stance::Warn => "the repository has rules for AI-assisted work",
        Stance::Unclear => "the repository's rules for AI-assisted work are unclear",
        Stance::Deny => "the repository takes no AI-assisted work",
    });
    let said = rules.unwrap_or("the repository's rules were not read");
    Facts {
        bait: why(true),
        against: why(false),
        open: Some(facts.issue.open && !facts.issue.locked),
        // Both boards collect when work is rewarded; until then a bounty is a promise.
        held: Some(false),
        hours,
        fee_percent: None,
        said: vec![said.to_owned()],
    }
}

/// The digest of what a draft says, but for its score and reason, which age by themselves.
pub fn digest(draft: &Draft) -> Digest {
    let reward = draft
        .reward
        .as_ref()
        .map_or(String::new(), |reward| format!("{:?} {:?} {}", reward.min, reward.max, reward.currency));
    let hours = draft.facts.hours.map_or(String::new(), |hours| hours.to_string());
    let fields = [&draft.kind, &draft.title, &draft.url, &reward, &draft.details.to_string(), &hours];
    Digest::of_fields("micro-tasks-draft-2", fields.map(|field| field.as_bytes()))
}

fn title(facts: &Known<'_>, assessment: &Assessment) -> String {
    let (place, title) = (&facts.issue.place, Untrusted::new(facts.issue.title.as_str()).line(100));
    match (&assessment.reward, assessment.against.is_empty()) {
        (_, false) => format!("Refused: {place}: {title}"),
        (Some(reward), true) => {
            format!("{} {} for {place}: {title}", reward.max.unwrap_or_default(), reward.currency)
        }
        (None, true) => format!("Pledged reward for {place}: {title}"),
    }
}

fn details(
    id: u64,
    board: &str,
    known: &KnownIssue,
    facts: &Known<'_>,
    assessment: &Assessment,
    (attempt, claim): (Option<&Attempt>, Option<&Claim>),
) -> Value {
    let bounties: Vec<Value> = (facts.bounties().iter())
        .map(|bounty| {
            let (amount, currency) = (bounty.amount.value.to_string(), &bounty.amount.currency);
            json!({ "sponsor": bounty.sponsor, "amount": amount, "currency": currency, "comment": bounty.comment })
        })
        .collect();
    let against: Vec<&str> = assessment.against.iter().map(|trap| trap.why.as_str()).collect();
    let mut value = json!({
        "issue": id,
        "repository": known.place.repository.as_str(),
        "number": known.place.number,
        "board": board,
        "bounties": bounties,
        "attempts_of_others": facts.comments.map_or(0, |comments| comments.attempts.len()),
        "against": against,
        "policy": facts.policy.map(policy),
    });
    if let Value::Object(fields) = &mut value {
        if known.found_as != known.place {
            fields.insert("found_as".to_owned(), json!(known.found_as.to_string()));
        }
        if let Some(attempt) = attempt {
            fields
                .insert("attempt".to_owned(), stage(&attempt.stage, &attempt.action, &attempt.place.page()));
        }
        if let Some(claim) = claim {
            fields.insert("claim".to_owned(), stage(&claim.stage, &claim.action, &claim.pull.pull_page()));
        }
    }
    value
}

fn policy(policy: &Policy) -> Value {
    let quotes: Vec<String> = policy.quotes.iter().map(ToString::to_string).collect();
    json!({ "stance": policy.stance, "why": policy.why, "quotes": quotes, "checklist": policy.checklist })
}

fn stage(stage: &Stage, action: &Option<ActionId>, page: &str) -> Value {
    match stage {
        Stage::Waiting => json!({ "state": "waiting", "action": action.as_ref().map(ActionId::as_str) }),
        // It is there; its number is not known, or it has none.
        Stage::There(0) => json!({ "state": "there", "url": page }),
        Stage::There(comment) => json!({ "state": "there", "url": format!("{page}#issuecomment-{comment}") }),
        Stage::Over(why) => json!({ "state": "over", "why": why }),
    }
}
