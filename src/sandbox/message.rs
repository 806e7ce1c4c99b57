//! The sandbox's own words for a request and a response. Deliberately not the connectors' types.
//!
//! Touches nothing. Whoever carries a [`Response`] (the listener, or a test's transport) must act on
//! every kind of [`Body`] and on [`Delay`]: that is how slow and broken connections happen.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

/// One request as the platform receives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// In capital letters, as on the wire.
    pub method: String,
    /// The logical URL: always `https://HOST/PATH`, however the bytes travelled.
    pub url: String,
    /// Name and value; names compare without regard to case.
    pub headers: Vec<(String, String)>,
    /// Empty for a read.
    pub body: Vec<u8>,
}

impl Request {
    /// A plain read of this URL.
    pub fn get(url: &str) -> Self {
        Self { method: "GET".to_owned(), url: url.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// The same request with one more header.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

/// What comes back.
#[derive(Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Name (lower case) and value.
    pub headers: Vec<(String, String)>,
    /// What follows the head.
    pub body: Body,
    /// How long the platform takes over it.
    pub delay: Delay,
}

/// What follows the head of a response.
pub enum Body {
    /// All of it.
    Bytes(Bytes),
    /// Piece by piece, possibly without end.
    Stream(Box<dyn Iterator<Item = Bytes> + Send>),
    /// These bytes, then the connection breaks although more was announced.
    Broken(Bytes),
    /// Not even a head: the connection breaks with the request received and nothing answered.
    NoAnswer,
}

/// Waits that the carrier performs with its own clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delay {
    /// Before the head is sent.
    pub before_head: Duration,
    /// Before each piece of a [`Body::Stream`].
    pub before_piece: Duration,
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
            Self::Stream(_) => f.write_str("Stream"),
            Self::Broken(bytes) => write!(f, "Broken(after {} bytes)", bytes.len()),
            Self::NoAnswer => f.write_str("NoAnswer"),
        }
    }
}

impl Body {
    /// Everything, or `None` when it breaks or grows past `limit_bytes`. Ignores delays.
    pub fn read(self, limit_bytes: usize) -> Option<Bytes> {
        match self {
            Self::Bytes(bytes) => (bytes.len() <= limit_bytes).then_some(bytes),
            Self::Broken(_) | Self::NoAnswer => None,
            Self::Stream(pieces) => {
                let mut all = Vec::new();
                for piece in pieces {
                    all.extend_from_slice(&piece);
                    if all.len() > limit_bytes {
                        return None;
                    }
                }
                Some(Bytes::from(all))
            }
        }
    }
}

impl Response {
    /// A response of this type of content.
    pub fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: Body::Bytes(body.into()),
            delay: Delay::default(),
        }
    }

    /// Plain text, the way raw files are served.
    pub fn text(status: u16, body: impl Into<Bytes>) -> Self {
        Self::new(status, "text/plain; charset=utf-8", body)
    }

    /// JSON, the way an API answers.
    pub fn json(status: u16, value: &serde_json::Value) -> Self {
        Self::new(status, "application/json", value.to_string())
    }

    /// 404, naming the URL: the sandbox knows no such page.
    pub fn not_found(url: &str) -> Self {
        Self::text(404, format!("404: the sandbox has nothing at {url}\n"))
    }

    /// 503: the sandbox itself is in trouble, and says so instead of inventing an answer.
    pub fn trouble(problem: &dyn std::error::Error) -> Self {
        let mut text = format!("503: the sandbox cannot answer: {problem}");
        let mut source = problem.source();
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        Self::text(503, text)
    }

    /// The same response with this header, which must not be there yet.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same response with this header unless it has one of that name.
    pub fn or_header(self, name: &str, value: &str) -> Self {
        if self.header(name).is_some() { self } else { self.with_header(name, value) }
    }

    /// The same response without this header.
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// A URL in the form in which it is looked up: host in lower case, no default port, no fragment.
pub fn logical(url: &str) -> String {
    let url = url.split('#').next().unwrap_or(url);
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (host, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix(":443").unwrap_or(&host);
    format!("{}://{host}{path}", scheme.to_ascii_lowercase())
}
