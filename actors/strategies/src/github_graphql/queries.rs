//! What tells the machine that a POST to GraphQL changes nothing.
//!
//! A query whose answer was lost, or was full of errors, did nothing at the platform: nobody needs to look it up.
//! That is said only of a body in which this is plain to see.

use mm_sdk::{Action, Answer, Finding, Method, Moment, Reconciler, Sent};
use serde::Deserialize;

use super::ask::{API, PLATFORM};

/// Knows queries from changes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Queries;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    query: String,
    #[serde(rename = "operationName")]
    _operation: Option<String>,
    #[serde(rename = "variables")]
    _variables: Option<serde_json::Map<String, serde_json::Value>>,
}

impl Reconciler for Queries {
    fn platform(&self) -> &'static str {
        PLATFORM
    }

    /// A document that begins with `query` and names no other operation can only read (spec.graphql.org, 2.3: an
    /// operation that is none of `mutation` and `subscription` is a query).
    fn only_reads(&self, action: &Action) -> bool {
        let request = &action.request;
        let is_graphql = request.method() == Method::Post && request.url().as_str() == API;
        let Ok(body) = serde_json::from_slice::<Body>(request.body()) else { return false };
        let text = body.query.to_ascii_lowercase();
        let others = ["mutation", "subscription"];
        is_graphql && text.starts_with("query ") && !others.iter().any(|other| text.contains(other))
    }

    /// What is no query is no act of this connector's, and nothing here shows it.
    fn look(&self, _sent: &Sent) -> Option<Action> {
        None
    }

    fn find(&self, _sent: &Sent, _asked: &Action, _answer: &Answer, _now: Moment) -> Finding {
        Finding::Unknown("nothing at GitHub Sponsors shows what was changed there".to_owned())
    }
}
