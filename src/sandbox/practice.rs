//! The practice platform at `https://practice.example/`: the one place in the made world that can be
//! written to, for tests of actions that have an effect. It exists only here.
//!
//! - `POST /v1/posts` makes a post (201 and its id). With an `idempotency-key` that was seen before it
//!   makes none and gives the first one's id (200).
//! - `GET /v1/posts?key=K` lists the posts made with that key; `GET /v1/posts` tells how many there are.
//!
//! Touches nothing; what it knows is rebuilt from the oracle file after a restart.

use std::collections::BTreeMap;

use serde_json::json;

use super::message::{Request, Response};
use super::oracle::Received;

/// Where it lives.
pub const PRACTICE_URL: &str = "https://practice.example/v1/posts";

#[derive(Debug, Default)]
pub(super) struct Practice {
    made: u64,
    /// The first post made with each key.
    by_key: BTreeMap<String, u64>,
}

impl Practice {
    pub(super) fn is_at(url: &str) -> bool {
        let rest = url.strip_prefix(PRACTICE_URL);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('?'))
    }

    pub(super) fn answer(&mut self, request: &Request) -> Response {
        match request.method.as_str() {
            "POST" => {
                let (id, new) = self.post(request.header("idempotency-key"));
                let status = if new { 201 } else { 200 };
                Response::json(status, &json!({ "id": id, "repeated": !new }))
            }
            "GET" => match request.url.split_once("?key=") {
                Some((_, key)) => Response::json(200, &json!({ "posts": self.found(key) })),
                None => Response::json(200, &json!({ "count": self.made })),
            },
            _ => Response::text(405, "405: method not allowed").with_header("allow", "GET, POST"),
        }
    }

    /// Does again what a request received before a restart did.
    pub(super) fn remember(&mut self, received: &Received) {
        if received.method == "POST" && Self::is_at(&received.url) {
            self.post(received.header("idempotency-key"));
        }
    }

    /// The post's id, and whether it is new.
    fn post(&mut self, key: Option<&str>) -> (u64, bool) {
        if let Some(id) = key.and_then(|key| self.by_key.get(key)) {
            return (*id, false);
        }
        self.made += 1;
        if let Some(key) = key {
            self.by_key.insert(key.to_owned(), self.made);
        }
        (self.made, true)
    }

    fn found(&self, key: &str) -> Vec<u64> {
        self.by_key.get(key).copied().into_iter().collect()
    }
}
