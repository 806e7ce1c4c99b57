//! The logical URL: what rules, hashes and limits see, and what a permit allows.
//!
//! Only `Transport` dials, and it dials what stands here. A logical URL is https, has a public
//! host *name* (no address in any spelling), no user information, no port but 443 and no fragment.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A checked https URL, normalised as browsers do (WHATWG URL).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LogicalUrl {
    text: String,
    host_end: usize,
}

/// Why a text is not a URL that may be called. None of these sentences repeats the URL's query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// It does not parse.
    #[error("this is not a URL")]
    NotAUrl,
    /// Anything but https.
    #[error("the URL's scheme is `{0}`; only https is called")]
    Scheme(String),
    /// The host is an address, in whatever spelling.
    #[error("the URL's host is the address {0}; only public host names are called")]
    Address(String),
    /// The host is a name that never leaves a machine or a local network.
    #[error("the URL's host `{0}` is a local name; only public host names are called")]
    LocalName(String),
    /// `user:password@`, a port or a fragment.
    #[error("the URL carries {0}, which is never sent")]
    Extra(&'static str),
    /// Longer than 8 KiB, the usual limit of servers.
    #[error("the URL is longer than 8192 bytes")]
    TooLong,
}

const PREFIX: &str = "https://";
/// Names that never leave a machine or a local network: RFC 6761, 6762, 7686, 8375, 9476, ICANN's
/// `.internal`, and the ones that routers and offices use all the same.
const LOCAL_SUFFIXES: [&str; 12] = [
    ".localhost",
    ".localdomain",
    ".local",
    ".internal",
    ".intranet",
    ".private",
    ".lan",
    ".home",
    ".corp",
    ".arpa",
    ".alt",
    ".onion",
];

impl LogicalUrl {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`BadUrl`] says which rule it breaks.
    pub fn parse(text: &str) -> Result<Self, BadUrl> {
        if text.len() > 8192 {
            return Err(BadUrl::TooLong);
        }
        if is_ambiguous(text) {
            return Err(BadUrl::NotAUrl);
        }
        let url = url::Url::parse(text).map_err(|_| BadUrl::NotAUrl)?;
        if url.scheme() != "https" {
            return Err(BadUrl::Scheme(url.scheme().to_owned()));
        }
        // `https:host` and `https:///host` are read as a URL by browsers alone.
        let authority = text.get(PREFIX.len()..).unwrap_or_default();
        if !text.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
            || authority.starts_with('/')
        {
            return Err(BadUrl::NotAUrl);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadUrl::Extra("a user name or password"));
        }
        if url.port().is_some() {
            return Err(BadUrl::Extra("a port"));
        }
        if url.fragment().is_some() {
            return Err(BadUrl::Extra("a fragment"));
        }
        let host = match url.host() {
            Some(url::Host::Domain(name)) => name,
            other => {
                return Err(other.map_or(BadUrl::NotAUrl, |address| BadUrl::Address(address.to_string())));
            }
        };
        let bare = host.strip_suffix('.').unwrap_or(host);
        if bare.split('.').any(str::is_empty) {
            return Err(BadUrl::NotAUrl);
        }
        if !bare.contains('.') || LOCAL_SUFFIXES.iter().any(|suffix| bare.ends_with(suffix)) {
            return Err(BadUrl::LocalName(host.to_owned()));
        }
        let host_end = PREFIX.len() + host.len();
        Ok(Self { text: url.into(), host_end })
    }

    /// Resolves a `Location` header against this URL and checks the result.
    ///
    /// # Errors
    /// As [`LogicalUrl::parse`].
    pub fn join(&self, location: &str) -> Result<Self, BadUrl> {
        if is_ambiguous(location) {
            return Err(BadUrl::NotAUrl);
        }
        let base = url::Url::parse(&self.text).map_err(|_| BadUrl::NotAUrl)?;
        let next = base.join(location).map_err(|_| BadUrl::NotAUrl)?;
        Self::parse(next.as_str())
    }

    /// The whole URL.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host name, in lower case.
    pub fn host(&self) -> &str {
        self.text.get(PREFIX.len()..self.host_end).unwrap_or_default()
    }

    /// Path and query, beginning with `/`.
    pub fn path_and_query(&self) -> &str {
        self.text.get(self.host_end..).unwrap_or_default()
    }

    /// The path alone.
    pub fn path(&self) -> &str {
        let rest = self.path_and_query();
        rest.split('?').next().unwrap_or(rest)
    }

    /// The same without its query.
    #[must_use]
    pub fn without_query(&self) -> Self {
        let bare = self.text.split('?').next().unwrap_or_default();
        Self { text: bare.to_owned(), host_end: self.host_end }
    }

    /// For logs and records: without the query, which may hold a secret.
    pub fn shown(&self) -> String {
        let bare = self.text.split('?').next().unwrap_or_default();
        if bare.len() == self.text.len() { bare.to_owned() } else { format!("{bare}?…") }
    }
}

/// Browsers read `\` as `/` and pass over line ends and blanks, where other programs do not: what two
/// readers take for two hosts is no URL.
fn is_ambiguous(text: &str) -> bool {
    text.contains('\\') || text.chars().any(|c| c.is_control() || c.is_whitespace())
}

impl fmt::Display for LogicalUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl TryFrom<String> for LogicalUrl {
    type Error = BadUrl;
    fn try_from(text: String) -> Result<Self, BadUrl> {
        Self::parse(&text)
    }
}

impl From<LogicalUrl> for String {
    fn from(url: LogicalUrl) -> String {
        url.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_every_spelling_and_local_names_are_refused() {
        for bad in [
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://017700000001/",
            "https://localhost/",
            "https://a.localhost/",
            "https://printer.local/",
            "https://router/",
            "https://metadata.internal/",
            "https://127.1./",
            "http://example.com/",
            "ftp://example.com/",
            "data:text/plain,x",
            "javascript:alert(1)",
            "https://u@example.com/",
            "https://u:p@example.com/",
            "https://example.com:8443/",
            "https://example.com/#f",
            "",
            "//example.com",
            "https://\u{ff11}27.0.0.1/",
            "https://",
        ] {
            assert!(LogicalUrl::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn its_parts_are_told_apart_and_the_query_is_not_shown() {
        let url = LogicalUrl::parse("https://API.example.com:443/a/b?token=canary").unwrap();
        assert_eq!(url.host(), "api.example.com");
        assert_eq!(url.path_and_query(), "/a/b?token=canary");
        assert_eq!(url.path(), "/a/b");
        assert_eq!(url.to_string(), "https://api.example.com/a/b?…");
        assert_eq!(url.join("../c").unwrap().path(), "/c");
        assert!(url.join("http://example.com/").is_err());
        assert!(url.join("//10.0.0.1/x").is_err());
        assert_eq!(url.without_query().as_str(), "https://api.example.com/a/b");
        assert_eq!(url.without_query().host(), url.host());
        let stored = serde_json::to_string(&url).unwrap();
        assert_eq!(serde_json::from_str::<LogicalUrl>(&stored).unwrap(), url);
        assert!(
            serde_json::from_str::<LogicalUrl>("\"https://10.0.0.1/\"").is_err(),
            "a row that was changed"
        );
    }

    #[test]
    fn what_servers_would_cut_off_is_no_url() {
        let long = |path: usize| format!("https://example.com/{}", "a".repeat(path));
        assert!(LogicalUrl::parse(&long(8192 - 20)).is_ok());
        assert_eq!(LogicalUrl::parse(&long(8192 - 19)), Err(BadUrl::TooLong));
    }
}
