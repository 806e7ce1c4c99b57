//! A read of a network, and what came of it.

use mm_sdk::json::Unreadable;
use mm_sdk::{Act, Action, Answer, Context, Digest, ErrorClass, Interrupt, Moment, Refusal, Untrusted};

use super::Page;

/// What a read gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// A page of the report.
    Told {
        /// What it says.
        page: Page,
        /// The recorded answer.
        evidence: Digest,
        /// When it came: as of then it is so. The networks do not say when a line last changed.
        at: Moment,
    },
    /// Nothing is known.
    Failed(Failed),
}

/// Why nothing is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// What kind of trouble.
    pub class: ErrorClass,
    /// One sentence.
    pub why: String,
}

impl Failed {
    /// Whether other reads at this network would fail as well now.
    pub fn is_for_all(&self) -> bool {
        matches!(self.class, ErrorClass::Auth | ErrorClass::RateLimit | ErrorClass::Compliance)
    }
}

/// Proposes a read and reads what comes back. `read` gets the answer of status 200, `said` takes the network's
/// own words out of another.
///
/// # Errors
/// [`Interrupt`] if the run cannot go on.
pub async fn ask(
    cx: &mut Context<'_>,
    step: &str,
    action: Action,
    said: fn(&Answer) -> Option<Untrusted>,
    read: impl FnOnce(&Answer) -> Result<Page, Unreadable>,
) -> Result<Asked, Interrupt> {
    let place = action.request.url().shown();
    Ok(match cx.act(step, action).await? {
        Act::Done(answer) => understood(&place, &answer, said, read),
        Act::Refused(Refusal { why, class, .. }) => Asked::Failed(Failed { class, why }),
        Act::Pending(id) => {
            let why = format!("the read waits as action {id}");
            Asked::Failed(Failed { class: ErrorClass::Compliance, why })
        }
    })
}

/// As [`ask()`], of an answer that has come.
pub fn understood(
    place: &str,
    answer: &Answer,
    said: fn(&Answer) -> Option<Untrusted>,
    read: impl FnOnce(&Answer) -> Result<Page, Unreadable>,
) -> Asked {
    let failed = |class, why: String| Asked::Failed(Failed { class, why });
    if answer.status == 200 {
        return match read(answer) {
            Ok(page) => Asked::Told { page, evidence: answer.body_id(), at: answer.at },
            Err(bad) => failed(ErrorClass::Fatal, format!("{place}: {bad}")),
        };
    }
    let class = match answer.status {
        401 => ErrorClass::Auth,
        // At Impact the token's scope, at the others the account: other reads fare no better.
        403 => ErrorClass::Compliance,
        429 => ErrorClass::RateLimit,
        408 | 500..=599 => ErrorClass::Transient,
        _ => ErrorClass::Fatal,
    };
    let words = said(answer).map(|words| format!(": {}", words.line(120))).unwrap_or_default();
    failed(class, format!("{place} answered with status {}{words}", answer.status))
}
