//! What came back: data, or errors with status 200, and in which class.

use mm_sdk::json::{self, Unreadable};
use mm_sdk::{Action, Answer, Context, ErrorClass, Interrupt, Untrusted};
use serde::Deserialize;
use serde_json::Value;

use crate::reading::{Failed, Fresh, propose, understood};

/// The envelope of every answer (spec.graphql.org, 7.1).
#[derive(Deserialize)]
struct Envelope {
    data: Option<Value>,
    #[serde(default)]
    errors: Option<Vec<Problem>>,
}

/// An error. GitHub gives most of them a `type`; those of the query's own form have none.
#[derive(Deserialize)]
struct Problem {
    #[serde(rename = "type")]
    kind: Option<Untrusted>,
    message: Option<Untrusted>,
}

/// Proposes a query, which is not conditional, and reads what comes back with `parse`, which gets the field
/// `viewer`.
///
/// # Errors
/// [`Interrupt`] if the run cannot go on.
pub async fn ask<T>(
    cx: &mut Context<'_>,
    step: &str,
    action: Action,
    parse: impl FnOnce(Value) -> Result<T, Unreadable>,
) -> Result<Result<Fresh<T>, Failed>, Interrupt> {
    Ok(propose(cx, step, action, |url, answer| read(url, answer, parse)).await?.flatten())
}

/// As [`ask`], of an answer that has come from `url`.
pub fn read<T>(
    url: &str,
    answer: &Answer,
    parse: impl FnOnce(Value) -> Result<T, Unreadable>,
) -> Result<Fresh<T>, Failed> {
    if answer.status == 200
        && let Some((class, why)) = refusal(answer)
    {
        return Err(Failed::of(class, format!("{url}: {why}")));
    }
    understood(url, answer, said, |answer| parse(viewer(answer)?)).into_result()
}

/// The errors of an answer, the first in words and the worst by class.
fn refusal(answer: &Answer) -> Option<(ErrorClass, String)> {
    let envelope: Envelope = json::read(answer, "an answer of GraphQL").ok()?;
    let problems = envelope.errors.filter(|problems| !problems.is_empty())?;
    let class = problems.iter().map(class).max_by_key(|class| rank(*class))?;
    let first = problems.iter().find(|problem| self::class(problem) == class)?;
    let words = first.message.as_ref().map_or("without words".to_owned(), |words| words.line(160));
    let kind = first.kind.as_ref().map(|kind| format!("{}: ", kind.line(40))).unwrap_or_default();
    let more = match problems.len() {
        1 => String::new(),
        n => format!(" (and {} more)", n - 1),
    };
    Some((class, format!("GitHub refuses the query: {kind}{words}{more}")))
}

/// The types that GitHub's guides and recorded answers show. A scope that is missing is told as
/// `INSUFFICIENT_SCOPES`, and the sentence names it.
fn class(problem: &Problem) -> ErrorClass {
    let kind = problem.kind.as_ref().map(|kind| kind.line(40)).unwrap_or_default();
    let words =
        problem.message.as_ref().map(|words| words.line(300).to_ascii_lowercase()).unwrap_or_default();
    match kind.as_str() {
        "RATE_LIMITED" | "RATE_LIMIT" => ErrorClass::RateLimit,
        "FORBIDDEN" | "INSUFFICIENT_SCOPES" | "UNAUTHORIZED" => ErrorClass::Auth,
        "NOT_FOUND" => ErrorClass::Fatal,
        "INTERNAL" | "SERVICE_UNAVAILABLE" => ErrorClass::Transient,
        _ if words.contains("rate limit") => ErrorClass::RateLimit,
        _ if words.contains("required scopes") || words.contains("resource not accessible") => {
            ErrorClass::Auth
        }
        _ if words.contains("something went wrong") || words.contains("in time") => ErrorClass::Transient,
        _ => ErrorClass::Fatal,
    }
}

/// Of several the one that most needs somebody to stop.
fn rank(class: ErrorClass) -> u8 {
    match class {
        ErrorClass::Auth => 3,
        ErrorClass::RateLimit => 2,
        ErrorClass::Fatal => 1,
        _ => 0,
    }
}

/// GitHub's own words on a refusal with another status: `message`, as the REST API has it.
fn said(answer: &Answer) -> Option<Untrusted> {
    #[derive(Deserialize)]
    struct Said {
        message: Untrusted,
    }
    json::read::<Said>(answer, "an error").ok().map(|said| said.message)
}

/// The one field that is asked for.
fn viewer(answer: &Answer) -> Result<Value, Unreadable> {
    let envelope: Envelope = json::read(answer, "an answer of GraphQL")?;
    match envelope.data {
        Some(Value::Object(mut data)) => match data.remove("viewer") {
            Some(viewer @ Value::Object(_)) => Ok(viewer),
            _ => Err(Unreadable::new("the answer's data has no viewer")),
        },
        _ => Err(Unreadable::new("the answer has neither data nor errors")),
    }
}
