//! Conditional requests as HTTP means them (RFC 9110, sections 8.8 and 13): entity tags,
//! `Last-Modified`, and the 304 that saves sending a document again.
//!
//! Touches nothing. A header that cannot be understood counts as absent, as the RFC says.

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::message::{Body, Request, Response};

/// What tells one version of a document from another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validators {
    /// Quoted, as it stands in the header.
    pub etag: Option<String>,
    /// Milliseconds since 1970.
    pub modified_ms: Option<i64>,
}

impl Validators {
    /// 304 if the asker has this version already, else what `whole` makes; both carry the validators.
    /// A HEAD request gets the head alone.
    pub fn answer(&self, request: &Request, whole: impl FnOnce() -> Response) -> Response {
        let answer = self.try_answer(request, || Ok::<_, std::convert::Infallible>(whole()));
        let Ok(answer) = answer;
        answer
    }

    /// As [`Validators::answer`], where making the whole answer may fail.
    pub fn try_answer<E>(
        &self,
        request: &Request,
        whole: impl FnOnce() -> Result<Response, E>,
    ) -> Result<Response, E> {
        if self.is_known_to(request) {
            return Ok(self.mark(Response::text(304, Bytes::new()).without_header("content-type")));
        }
        let mut answer = self.mark(whole()?);
        if request.method == "HEAD" {
            answer.body = Body::Bytes(Bytes::new());
        }
        Ok(answer)
    }

    /// Does the asker hold this version? `If-None-Match` goes before `If-Modified-Since`.
    fn is_known_to(&self, request: &Request) -> bool {
        if let Some(known) = request.header("if-none-match") {
            let Some(etag) = &self.etag else {
                return known.trim() == "*";
            };
            return known.split(',').map(str::trim).any(|tag| tag == "*" || weak(tag) == weak(etag));
        }
        let since_ms = request.header("if-modified-since").and_then(parse_http_date);
        match (since_ms, self.modified_ms) {
            // Whole seconds: that is all the header can say.
            (Some(since), Some(modified)) => modified.div_euclid(1000) <= since.div_euclid(1000),
            _ => false,
        }
    }

    fn mark(&self, mut answer: Response) -> Response {
        if let Some(etag) = &self.etag {
            answer = answer.or_header("etag", etag);
        }
        if let Some(modified_ms) = self.modified_ms {
            answer = answer.or_header("last-modified", &http_date(modified_ms));
        }
        answer
    }
}

/// The tag without its weakness: reads compare weakly.
fn weak(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// A time as HTTP writes it, for example `Wed, 22 Jul 2026 11:35:33 GMT`.
pub fn http_date(at_ms: i64) -> String {
    let at = DateTime::<Utc>::from_timestamp_millis(at_ms).unwrap_or_default();
    at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// The time in such a header, in milliseconds since 1970.
pub fn parse_http_date(text: &str) -> Option<i64> {
    let at = DateTime::parse_from_rfc2822(text.trim()).ok()?;
    Some(at.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_MS: i64 = 1_784_720_133_000;

    fn status(header: &str, value: &str) -> u16 {
        let validators = Validators { etag: Some("\"abc\"".to_owned()), modified_ms: Some(AT_MS + 400) };
        let request = Request::get("https://host.example/").with_header(header, value);
        validators.answer(&request, || Response::text(200, "body")).status
    }

    #[test]
    fn dates_go_there_and_back() {
        assert_eq!(http_date(AT_MS), "Wed, 22 Jul 2026 11:35:33 GMT");
        assert_eq!(parse_http_date(&http_date(AT_MS)), Some(AT_MS));
    }

    #[test]
    fn a_known_version_is_not_sent_again() {
        for (header, value, expected) in [
            ("if-none-match", "\"abc\"", 304),
            ("If-None-Match", "\"x\", W/\"abc\"", 304),
            ("if-none-match", "*", 304),
            ("if-none-match", "abc", 200),
            ("if-none-match", "", 200),
            ("if-modified-since", "Wed, 22 Jul 2026 11:35:33 GMT", 304),
            ("if-modified-since", "Wed, 22 Jul 2026 11:35:32 GMT", 200),
            ("if-modified-since", "yesterday", 200),
        ] {
            assert_eq!(status(header, value), expected, "{header}: {value}");
        }
    }

    #[test]
    fn the_tag_decides_when_both_are_sent() {
        let validators = Validators { etag: Some("\"abc\"".to_owned()), modified_ms: Some(AT_MS) };
        let request = Request::get("https://host.example/")
            .with_header("if-none-match", "\"old\"")
            .with_header("if-modified-since", &http_date(AT_MS + 60_000));
        assert_eq!(validators.answer(&request, || Response::text(200, "")).status, 200);
    }
}
