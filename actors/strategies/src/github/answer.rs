//! What came back: new, as before, not there, or nothing that can be believed.

use mm_sdk::json::Unreadable;
use mm_sdk::{Act, Action, Answer, Context, Digest, ErrorClass, Interrupt, Validators, is_of_its_own, json};
use serde::de::DeserializeOwned;

use crate::elements::readable;

/// Why something is not there. Neither is a failure: GitHub says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// 404: it never was, or it is not for us to see.
    NotFound,
    /// 410: it was deleted.
    Gone,
}

/// What a read gave.
#[expect(clippy::large_enum_variant, reason = "one lives at a time, and not for long")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen<T> {
    /// A new answer.
    Fresh(Fresh<T>),
    /// As it was when the validators were kept.
    Unchanged,
    /// It is not there.
    Missing(Missing),
    /// Nothing is known.
    Failed(Failed),
}

/// A new answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fresh<T> {
    /// What it says.
    pub value: T,
    /// The recorded answer.
    pub evidence: Digest,
    /// What makes the next read conditional on this one.
    pub validators: Validators,
    /// The read of the next page, if there is one.
    pub next: Option<Action>,
}

/// Why nothing is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// One sentence.
    pub why: String,
    /// Other reads would fail as well now: a limit is reached, or a rule or an account stands against it.
    pub for_all: bool,
}

/// Proposes a read and reads what comes back with `parse`, which gets the answer of status 200.
///
/// # Errors
/// [`Interrupt`] if the run cannot go on.
pub async fn ask<T>(
    cx: &mut Context<'_>,
    step: &str,
    action: Action,
    parse: impl FnOnce(&Answer) -> Result<T, Unreadable>,
) -> Result<Seen<T>, Interrupt> {
    let asked = action.clone();
    Ok(match cx.act(step, action).await? {
        Act::Done(answer) => understood(&asked, &answer, parse),
        Act::Refused(refusal) => {
            // An answer that is too large, or was set aside, is that read's own trouble.
            let own = matches!(refusal.class, ErrorClass::Transient | ErrorClass::Fatal);
            let for_all = !own || refusal.is_by_breaker();
            Seen::Failed(Failed { why: refusal.why, for_all })
        }
        Act::Pending(id) => {
            Seen::Failed(Failed { why: format!("the read waits as action {id}"), for_all: true })
        }
    })
}

/// As [`ask`], of an answer that has come.
pub fn understood<T>(
    asked: &Action,
    answer: &Answer,
    parse: impl FnOnce(&Answer) -> Result<T, Unreadable>,
) -> Seen<T> {
    let failed = |why: String| Seen::Failed(Failed { why, for_all: false });
    match answer.status {
        200 => {}
        304 => return Seen::Unchanged,
        404 => return Seen::Missing(Missing::NotFound),
        410 => return Seen::Missing(Missing::Gone),
        status => {
            // What one repository is shut with says nothing of the next one.
            let for_all = matches!(status, 401 | 403 | 429) && !is_of_its_own(asked.request.url(), answer);
            return Seen::Failed(Failed { why: said(asked, answer), for_all });
        }
    }
    let next = match super::GitHub::new(asked.account.clone()).next(asked, answer) {
        Ok(next) => next,
        Err(bad) => return failed(format!("{}: {bad}", asked.request.url())),
    };
    match parse(answer) {
        Ok(value) => {
            Seen::Fresh(Fresh { value, evidence: answer.body_id(), validators: answer.validators(), next })
        }
        Err(error) => failed(format!("{}: {error}", asked.request.url())),
    }
}

/// GitHub's own words on a refusal, in one sentence.
fn said(asked: &Action, answer: &Answer) -> String {
    #[derive(serde::Deserialize)]
    struct Said {
        message: mm_sdk::Untrusted,
    }
    let said = json::read::<Said>(answer, "an error").map(|said| format!(": {}", said.message.line(120)));
    format!("{} answered with status {}{}", asked.request.url(), answer.status, said.unwrap_or_default())
}

/// An answer that is one `T`.
///
/// # Errors
/// [`Unreadable`] if it is not.
pub fn one<T: DeserializeOwned>(what: &'static str) -> impl FnOnce(&Answer) -> Result<T, Unreadable> {
    move |answer| json::read(answer, what)
}

/// An answer that is a list, each element read for itself.
///
/// # Errors
/// [`Unreadable`] if it is no list, or has elements and none of them can be read.
pub fn list<T: DeserializeOwned>(
    what: &'static str,
) -> impl FnOnce(&Answer) -> Result<(Vec<T>, Vec<Unreadable>), Unreadable> {
    move |answer| {
        let elements = json::read(answer, "a list")?;
        readable(json::each(elements, what))
    }
}
