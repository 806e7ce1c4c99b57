//! Actions: what a strategy proposes, and the exact request that would leave.
//!
//! A [`Request`] is checked when it is built, so that nothing below checks again. Its hash covers
//! everything that will be sent, with credentials as named slots (`{vault:PLATFORM/NAME@VERSION}`).

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Hasher};
use crate::id::{AccountId, PlatformId};
use crate::moment::Moment;
use crate::url::LogicalUrl;
use crate::vault::Slot;

/// The HTTP methods that actions use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    Get,
    /// Reads the head alone.
    Head,
    /// Changes something.
    Post,
    /// Replaces something.
    Put,
    /// Changes part of something.
    Patch,
    /// Removes something.
    Delete,
}

impl Method {
    /// The method as it stands in a request line.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }

    /// Whether a request of this method may change something at the platform (RFC 9110, 9.2.1).
    pub fn is_mutating(self) -> bool {
        !matches!(self, Method::Get | Method::Head)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a request cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    /// A header name that is no token (RFC 9110, 5.1).
    #[error("`{0}` is no header name")]
    HeaderName(String),
    /// A control character in a header's value would split the request.
    #[error("the value of header `{0}` holds a control character or is not ASCII")]
    HeaderValue(String),
    /// Headers that the road itself sets.
    #[error("header `{0}` is set by the road, not by a strategy")]
    Reserved(String),
    /// A read carries no body.
    #[error("a {0} request carries no body")]
    Body(Method),
}

/// Headers that decide where a request goes, how long it is or who it claims to be.
const RESERVED: [&str; 12] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "upgrade",
    "te",
    "trailer",
    "user-agent",
    "authorization",
    "cookie",
    "proxy-authorization",
    "expect",
];

/// A request as it will be sent, but for credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    method: Method,
    url: LogicalUrl,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// A read of `url`.
    pub fn get(url: LogicalUrl) -> Self {
        Self { method: Method::Get, url, headers: Vec::new(), body: Vec::new() }
    }

    /// A request with a body.
    ///
    /// # Errors
    /// [`BadRequest::Body`] if the method is a read and there is a body.
    pub fn new(method: Method, url: LogicalUrl, body: Vec<u8>) -> Result<Self, BadRequest> {
        if !method.is_mutating() && !body.is_empty() {
            return Err(BadRequest::Body(method));
        }
        Ok(Self { method, url, headers: Vec::new(), body })
    }

    /// Adds a header of the strategy's choice.
    ///
    /// # Errors
    /// If the name or value is malformed, or the road sets that header itself.
    pub fn header(self, name: &str, value: &str) -> Result<Self, BadRequest> {
        if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(BadRequest::Reserved(name.to_owned()));
        }
        self.with_obligation(name, value)
    }

    /// Sets a header that a rule obliges us to send, such as `User-Agent`. It replaces one of the
    /// same name. Only the road calls this.
    ///
    /// # Errors
    /// If the name or value is malformed.
    pub fn with_obligation(mut self, name: &str, value: &str) -> Result<Self, BadRequest> {
        let name = name.to_ascii_lowercase();
        let token = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
        if name.is_empty() || name.len() > 128 || !name.bytes().all(token) {
            return Err(BadRequest::HeaderName(name.chars().take(40).collect()));
        }
        if value.len() > 8192 || !value.bytes().all(|c| (0x20..0x7f).contains(&c)) {
            return Err(BadRequest::HeaderValue(name));
        }
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value.to_owned()));
        self.headers.sort();
        Ok(self)
    }

    /// The same read at another place: what a redirect leads to.
    pub fn moved_to(&self, url: LogicalUrl) -> Self {
        Self { url, ..self.clone() }
    }

    /// The method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Where it goes.
    pub fn url(&self) -> &LogicalUrl {
        &self.url
    }

    /// Header names in lower case, sorted, each once.
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// The body; empty for reads.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The hash that a person's approval is for: [`Request::hash`], but for the versions of credentials. A
    /// token that was refreshed meanwhile is sent in the same place to the same host.
    pub fn asked_hash(&self) -> Digest {
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| (name.clone(), without_versions(value))).collect();
        Self { headers, ..self.clone() }.hash()
    }

    /// SHA-256 over every byte that will be sent, credentials as their slots.
    pub fn hash(&self) -> Digest {
        let mut hasher = Hasher::plain()
            .field(b"mm-request-1")
            .field(self.method.as_str().as_bytes())
            .field(self.url.as_str().as_bytes())
            .field(&(self.headers.len() as u64).to_be_bytes());
        for (name, value) in &self.headers {
            hasher = hasher.field(name.as_bytes()).field(value.as_bytes());
        }
        hasher.field(&self.body).finish()
    }
}

/// `text` with the versions of its credential slots left out.
fn without_versions(text: &str) -> String {
    let slots = Slot::all_in(text.as_bytes()).unwrap_or_default();
    slots.iter().fold(text.to_owned(), |text, slot| {
        let Slot { platform, account, field, .. } = slot;
        text.replace(&slot.to_string(), &format!("{{vault:{platform}/{account}/{field}}}"))
    })
}

/// What kind of act it is towards the platform, in the words of its rule pack: `read`, `comment`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActionKind(String);

impl ActionKind {
    /// Takes the kind as a rule pack spells it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The kind as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ActionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One outward act against a platform, as proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// The external service.
    pub platform: PlatformId,
    /// The account it is done with; `None` where no account is needed.
    pub account: Option<AccountId>,
    /// The kind of act.
    pub kind: ActionKind,
    /// What would be sent.
    pub request: Request,
    /// One line for the owner: what this is for.
    pub purpose: String,
    /// The most bytes of answer that are wanted, after decompression.
    pub answer_bytes_max: u64,
    /// What whoever proposes it has looked up and vouches for, and rules may ask for:
    /// `repository-policy` = `allow`.
    pub facts: BTreeMap<String, String>,
    /// What its owner should read before he decides on it: quotes, a checklist. A line each; never sent.
    pub notes: Vec<String>,
    /// When it would be of no use any more: nobody is asked about it, and it waits for nothing, longer.
    pub until: Option<Moment>,
    /// What tells this change from an earlier one of the very same bytes: `2026-11`. Without it the same
    /// bytes are the same change, which is done once.
    pub occasion: Option<String>,
}

impl Action {
    /// The usual limit of an answer: 32 MiB, eight times the largest scope file seen.
    pub const ANSWER_BYTES_MAX: u64 = 32 << 20;

    /// A keyless read.
    pub fn read(platform: PlatformId, request: Request, purpose: impl Into<String>) -> Self {
        Self::of(platform, ActionKind::new("read"), request, purpose)
    }

    /// An act of `kind` without an account; [`Action::with_account`] names one.
    pub fn of(platform: PlatformId, kind: ActionKind, request: Request, purpose: impl Into<String>) -> Self {
        Self {
            platform,
            account: None,
            kind,
            request,
            purpose: purpose.into(),
            answer_bytes_max: Self::ANSWER_BYTES_MAX,
            facts: BTreeMap::new(),
            notes: Vec::new(),
            until: None,
            occasion: None,
        }
    }

    /// The same, done with `account`.
    #[must_use]
    pub fn with_account(self, account: AccountId) -> Self {
        Self { account: Some(account), ..self }
    }

    /// The same with another body, everything else as it is: what its owner made of it.
    ///
    /// # Errors
    /// [`BadRequest::Body`] for a read.
    pub fn with_body(self, body: Vec<u8>) -> Result<Self, BadRequest> {
        let request = Request { body, ..self.request };
        if !request.method.is_mutating() && !request.body.is_empty() {
            return Err(BadRequest::Body(request.method));
        }
        Ok(Self { request, ..self })
    }

    /// The hash that a step is journalled with, and that a change is known again by: the request's, whose
    /// act it is, and on which occasion. Facts and notes are no part of what is done.
    pub fn hash(&self) -> Digest {
        let account = self.account.as_ref().map(AccountId::as_str).unwrap_or_default();
        let request = self.request.hash();
        let mut fields = vec![
            self.platform.as_str().as_bytes(),
            account.as_bytes(),
            self.kind.as_str().as_bytes(),
            &request.0,
        ];
        fields.extend(self.occasion.as_deref().map(str::as_bytes));
        Digest::of_fields("mm-action-1", fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get() -> Request {
        Request::get(LogicalUrl::parse("https://example.com/a").unwrap())
    }

    #[test]
    fn every_part_of_a_request_changes_its_hash() {
        let url = || LogicalUrl::parse("https://example.com/a").unwrap();
        let all = [
            get(),
            Request::get(LogicalUrl::parse("https://example.com/b").unwrap()),
            get().header("if-none-match", "\"1\"").unwrap(),
            get().header("if-none-match", "\"2\"").unwrap(),
            Request::new(Method::Post, url(), b"x".to_vec()).unwrap(),
            Request::new(Method::Post, url(), b"y".to_vec()).unwrap(),
            Request::new(Method::Put, url(), b"y".to_vec()).unwrap(),
        ];
        for (i, a) in all.iter().enumerate() {
            for (j, b) in all.iter().enumerate() {
                assert_eq!(a.hash() == b.hash(), i == j);
            }
        }
    }

    #[test]
    fn an_approval_is_for_all_but_the_versions_of_credentials() {
        let with = |slot: &str| get().with_obligation("authorization", slot).unwrap();
        let (old, new) = (with("Bearer {vault:a/b/token@1}"), with("Bearer {vault:a/b/token@2}"));
        assert_ne!(old.hash(), new.hash());
        assert_eq!(old.asked_hash(), new.asked_hash());
        assert_ne!(old.asked_hash(), with("Bearer {vault:a/c/token@1}").asked_hash());
        assert_eq!(get().asked_hash(), get().hash());
    }

    #[test]
    fn a_header_cannot_split_a_request_or_speak_for_the_road() {
        assert!(get().header("x-a", "b\r\nhost: evil").is_err());
        assert!(get().header("x a", "b").is_err());
        assert!(get().header("Host", "evil").is_err());
        assert!(get().header("authorization", "x").is_err());
        assert!(Request::new(Method::Get, get().url, b"x".to_vec()).is_err());
    }

    #[test]
    fn a_change_may_get_another_body_and_a_read_gets_none() {
        let platform = || "github".parse().unwrap();
        let url = || LogicalUrl::parse("https://example.com/a").unwrap();
        let post = Request::new(Method::Post, url(), b"old".to_vec()).unwrap();
        let change = Action::of(platform(), ActionKind::new("comment"), post, "to say so");
        let edited = change.clone().with_body(b"new".to_vec()).unwrap();
        assert_eq!(edited.request.body(), b"new");
        assert_ne!(edited.hash(), change.hash());
        let read = Action::read(platform(), get(), "to know");
        assert_eq!(read.clone().with_body(Vec::new()), Ok(read.clone()));
        assert_eq!(read.with_body(b"x".to_vec()), Err(BadRequest::Body(Method::Get)));
        let other = change.clone().with_account("main".parse().unwrap());
        assert_ne!(other.hash(), change.hash(), "another account's is another act");
        let there = get().moved_to(LogicalUrl::parse("https://example.com/b").unwrap());
        assert_eq!((there.url().path(), there.method()), ("/b", Method::Get));
    }
}
