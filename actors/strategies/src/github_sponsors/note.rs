//! The thank-you note: drafted once for each sponsor, handed to the owner by the rules, sent by nobody else.
//!
//! GitHub has no message to one sponsor. What there is: an update from the dashboard, which reaches those who take
//! e-mail; a word in public, for those who are public. Nobody is written to at an address found at GitHub
//! (acceptable use policies, 7), so none is looked for.

use std::time::Duration;

use mm_sdk::{Action, LogicalUrl, Moment};

use super::news::plain;
use crate::github_graphql::Sponsors;
use crate::github_graphql::shape::{PaidBy, Sponsorship};

/// A note is good for so long; who is thanked later than that is not thanked.
const GOOD_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// The note of a sponsorship; `None` if there is nobody to be named. `dashboard` is where its owner would send it.
pub fn draft(
    sponsors: &Sponsors,
    sponsorship: &Sponsorship,
    dashboard: &LogicalUrl,
    now: Moment,
) -> Option<Action> {
    let login = sponsorship.sponsor.as_ref().and_then(|sponsor| sponsor.login.as_ref()).and_then(plain)?;
    // The purpose stands in notices, which may leave the machine; the note itself does not.
    let who = if sponsorship.privacy.is_private() { "a private sponsor" } else { &login };
    let purpose = format!("thank {who} for the sponsorship; you send it yourself");
    let mut action = sponsors.thank(dashboard.clone(), &login, &text(&login), &purpose);
    action.until = Some(now.plus(GOOD_FOR));
    action.notes = notes(sponsorship);
    Some(action)
}

/// The text says what drafted it, and promises nothing.
fn text(login: &str) -> String {
    format!(
        "Hello {login},\n\nthank you for your sponsorship. It helps me to go on with this work.\n\n\
         (Drafted by money-machine, a program; its owner read it and sent it.)\n"
    )
}

/// What the owner should know before he sends it.
fn notes(sponsorship: &Sponsorship) -> Vec<String> {
    let mut notes = Vec::new();
    if sponsorship.privacy.is_private() {
        notes.push("this sponsorship is private: do not name the sponsor in public".to_owned());
    }
    notes.push(match sponsorship.takes_mail {
        Some(true) => "takes e-mail from you: an update from your dashboard arrives".to_owned(),
        Some(false) => "takes no e-mail from you: an update from your dashboard does not arrive".to_owned(),
        None => "whether an update from your dashboard arrives is not known".to_owned(),
    });
    if sponsorship.paid_by == PaidBy::Patreon {
        notes.push("pays by Patreon, which has messages of its own".to_owned());
    }
    notes.push(
        "do not write to an address that you found at GitHub: its acceptable use policies, 7".to_owned(),
    );
    notes
}
