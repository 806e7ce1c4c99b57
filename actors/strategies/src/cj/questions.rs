//! What tells the machine that a POST to CJ changes nothing.
//!
//! A question whose answer was lost did nothing at CJ: nobody needs to look it up. That is said only of a body in
//! which this is plain to see.

use mm_sdk::{Action, Answer, Finding, Method, Moment, Reconciler, Sent};
use serde::Deserialize;

use super::{API, PLATFORM};

/// How each question of this connector begins.
pub(super) const OPENING: &str = "{ publisherCommissions(";

/// Knows questions from changes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Questions;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    query: String,
}

impl Reconciler for Questions {
    fn platform(&self) -> &'static str {
        PLATFORM
    }

    /// A document that begins with a selection is a query, and a query without a name is the only operation of its
    /// document (spec.graphql.org, 2.3 and 5.2.2.1).
    fn only_reads(&self, action: &Action) -> bool {
        let request = &action.request;
        let is_question = request.method() == Method::Post && request.url().as_str() == API;
        let Ok(body) = serde_json::from_slice::<Body>(request.body()) else { return false };
        let text = body.query.to_ascii_lowercase();
        let others = ["mutation", "subscription"];
        is_question && body.query.starts_with(OPENING) && !others.iter().any(|other| text.contains(other))
    }

    /// What is no question is no act of this connector's, and nothing here shows it.
    fn look(&self, _sent: &Sent) -> Option<Action> {
        None
    }

    fn find(&self, _sent: &Sent, _asked: &Action, _answer: &Answer, _now: Moment) -> Finding {
        Finding::Unknown("nothing at CJ shows what was changed there".to_owned())
    }
}
