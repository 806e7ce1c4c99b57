//! What a read of a platform without links to next pages and with a plain JSON answer gave.
//!
//! Pure but for [`ask`] and [`propose`], which propose the read. Whether a status may be tried again is the road's business:
//! what arrives here is final for this run.

use mm_sdk::json::Unreadable;
use mm_sdk::{
    Act, Action, Answer, Context, Digest, ErrorClass, Interrupt, Refusal, Request, Untrusted, Validators,
};

/// What a read gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading<T> {
    /// A new answer.
    Fresh(Fresh<T>),
    /// As it was when the validators were kept.
    Unchanged,
    /// Nothing is known.
    Failed(Failed),
}

impl<T> Reading<T> {
    /// Of a read that was not conditional: nothing was known before, so nothing can be as before.
    ///
    /// # Errors
    /// [`Failed`] if nothing is known.
    pub fn into_result(self) -> Result<Fresh<T>, Failed> {
        match self {
            Self::Fresh(fresh) => Ok(fresh),
            Self::Failed(failed) => Err(failed),
            Self::Unchanged => {
                let why =
                    "it answered with status 304, and was not asked whether anything has changed".to_owned();
                Err(Failed::of(ErrorClass::Transient, why))
            }
        }
    }
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
}

/// Why nothing is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// What kind of trouble.
    pub class: ErrorClass,
    /// One sentence.
    pub why: String,
    /// What it was answered with, if it was answered.
    pub status: Option<u16>,
}

impl Failed {
    /// Of what has no status.
    pub fn of(class: ErrorClass, why: impl Into<String>) -> Self {
        Self { class, why: why.into(), status: None }
    }

    /// Of an act that was not done. One that an open breaker held is as one that a limit held: other reads
    /// would only be held as well.
    pub fn refused(refusal: Refusal) -> Self {
        let class = if refusal.is_by_breaker() { ErrorClass::RateLimit } else { refusal.class };
        Self::of(class, refusal.why)
    }

    /// What it was, without what was asked for: that may name what is confidential.
    pub fn in_short(&self) -> String {
        match self.status {
            Some(status) => format!("status {status}"),
            None => self.class.as_str().to_owned(),
        }
    }

    /// Whether other reads at the platform would fail as well now: a limit is reached, or a rule or an
    /// account stands against it.
    pub fn is_for_all(&self) -> bool {
        !matches!(self.class, ErrorClass::Transient | ErrorClass::Fatal)
    }

    /// Whether it may be about what was asked for and about nothing else: the account may not see it, or it is
    /// not there. Only who knows what else was asked for can say that it is.
    pub fn is_of_its_own(&self) -> bool {
        matches!(self.status, Some(403 | 404 | 410))
    }
}

/// Proposes a read and reads what comes back with `parse`, which gets the answer of status 200. `said` takes
/// the platform's own words out of another.
///
/// # Errors
/// [`Interrupt`] if the run cannot go on.
pub async fn ask<T>(
    cx: &mut Context<'_>,
    step: &str,
    action: Action,
    said: fn(&Answer) -> Option<Untrusted>,
    parse: impl FnOnce(&Answer) -> Result<T, Unreadable>,
) -> Result<Reading<T>, Interrupt> {
    let read = propose(cx, step, action, |url, answer| understood(url, answer, said, parse)).await?;
    Ok(read.unwrap_or_else(Reading::Failed))
}

/// Proposes a read; what `understood` makes of the URL and of the answer that has come from it, or why none came.
///
/// # Errors
/// [`Interrupt`] if the run cannot go on.
pub async fn propose<T>(
    cx: &mut Context<'_>,
    step: &str,
    action: Action,
    understood: impl FnOnce(&str, &Answer) -> T,
) -> Result<Result<T, Failed>, Interrupt> {
    let url = action.request.url().shown();
    Ok(match cx.act(step, action).await? {
        Act::Done(answer) => Ok(understood(&url, &answer)),
        Act::Refused(refusal) => Err(Failed::refused(refusal)),
        Act::Pending(id) => {
            let why = format!("the read waits as action {id}");
            Err(Failed::of(ErrorClass::RateLimit, why))
        }
    })
}

/// As [`ask`], of an answer that has come from `url`.
pub fn understood<T>(
    url: &str,
    answer: &Answer,
    said: fn(&Answer) -> Option<Untrusted>,
    parse: impl FnOnce(&Answer) -> Result<T, Unreadable>,
) -> Reading<T> {
    match answer.status {
        200 => {}
        304 => return Reading::Unchanged,
        status => {
            let words = said(answer).map(|words| format!(": {}", words.line(120))).unwrap_or_default();
            let why = format!("{url} answered with status {status}{words}");
            return Reading::Failed(Failed { status: Some(status), ..Failed::of(class(status), why) });
        }
    }
    match parse(answer) {
        Ok(value) => {
            Reading::Fresh(Fresh { value, evidence: answer.body_id(), validators: answer.validators() })
        }
        // It may be a mistake of the moment, such as a page of the operator's in place of the answer.
        Err(error) => Reading::Failed(Failed::of(ErrorClass::Transient, format!("{url}: {error}"))),
    }
}

/// As the core's table has it, for what a strategy sees: it decides only whether to ask further.
fn class(status: u16) -> ErrorClass {
    match status {
        401 | 403 => ErrorClass::Auth,
        429 => ErrorClass::RateLimit,
        408 | 425 | 500.. => ErrorClass::Transient,
        _ => ErrorClass::Fatal,
    }
}

/// For a platform whose refusals have no words of their own.
pub fn no_words(_: &Answer) -> Option<Untrusted> {
    None
}

/// The request, conditional on what is known.
pub fn conditional(request: Request, known: &Validators) -> Request {
    let conditions = [("if-none-match", &known.etag), ("if-modified-since", &known.last_modified)];
    conditions.into_iter().fold(request, |request, (name, value)| match value {
        // A validator is a platform's text: one that is no header value makes the read unconditional.
        Some(value) => request.clone().header(name, value).unwrap_or(request),
        None => request,
    })
}
