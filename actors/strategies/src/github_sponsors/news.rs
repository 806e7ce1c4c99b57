//! In what words something that happened is told. A name is one harmless line, and who is not known to
//! sponsor in public is not named.

use mm_sdk::Untrusted;

use crate::github_graphql::shape::{Activity, Entity, PaidBy, Tier, What};

/// One sentence of an activity.
pub fn sentence(activity: &Activity) -> String {
    // GitHub says nothing of what is over, and may have said before that it is private.
    let is_private = activity.privacy.as_ref().is_none_or(|privacy| privacy.is_private());
    let who = who(activity.sponsor.as_ref(), is_private);
    let (before, after) = (activity.before.as_ref().map(price), activity.tier.as_ref().map(price));
    let of = |tier: &Option<String>| tier.as_ref().map(|tier| format!(" ({tier})")).unwrap_or_default();
    let said = match &activity.what {
        What::New => format!("{who} sponsors you{}", of(&after)),
        What::Cancelled => format!("{who} does not sponsor you any more{}", of(&after.or(before))),
        What::TierChange => {
            let unknown = || "a tier that GitHub does not show".to_owned();
            format!(
                "{who} changed from {} to {}",
                before.unwrap_or_else(unknown),
                after.unwrap_or_else(unknown)
            )
        }
        What::PendingChange => format!("{who} will change or end the sponsorship{}", of(&before.or(after))),
        What::Refund => {
            format!(
                "money of {who} went back{}; GitHub does not say which payout it comes out of",
                of(&after)
            )
        }
        What::MatchDisabled => format!("GitHub does not match what {who} gives any more"),
        What::Unknown(word) => {
            format!("GitHub tells something of {who} that is not known here: `{}`", word.line(60))
        }
    };
    match &activity.paid_by {
        PaidBy::Patreon => format!("{said}; Patreon pays that out, not GitHub"),
        PaidBy::Unknown(word) => {
            format!("{said}; it is paid by `{}`, which is not known here", word.line(40))
        }
        PaidBy::GitHub | PaidBy::Unsaid => said,
    }
}

/// Who somebody is, in one harmless line; a notice may leave the machine, so one that is not known to be public
/// is not named.
pub fn who(sponsor: Option<&Entity>, is_private: bool) -> String {
    let login = sponsor.and_then(|sponsor| sponsor.login.as_ref()).map(|login| login.line(60));
    match (login, is_private) {
        (Some(login), false) => login,
        (Some(_), true) => "a sponsor who is not public (your dashboard shows who)".to_owned(),
        (None, _) => "a sponsor whom GitHub does not show".to_owned(),
    }
}

/// A tier by its price; its name is the owner's own text, and adds nothing.
fn price(tier: &Tier) -> String {
    format!("{} {}", tier.price, if tier.is_one_time { "once" } else { "a month" })
}

/// A login as it may stand in a text to somebody: letters, digits and single hyphens, 39 at most
/// (github/docs, "Username considerations"). Anything else is none of GitHub's.
pub fn plain(login: &Untrusted) -> Option<String> {
    let login = login.line(60);
    let sound =
        (1..=39).contains(&login.len()) && login.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
    sound.then_some(login)
}
