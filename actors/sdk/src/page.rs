//! Following a list from page to page, as the platform says where the next one is.
//!
//! A page's URL is never built: it is taken from the `Link` header (RFC 8288) of the page before, resolved
//! against that page's own URL, and only on the same host. So a platform may change how it counts, and a
//! forged answer cannot lead a read somewhere else.

use mm_core::answer::Answer;
use mm_core::untrusted::Untrusted;
use mm_core::url::{BadUrl, LogicalUrl};

/// A next page that is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLink {
    /// It is no URL that may be called.
    #[error("the link to the next page cannot be called")]
    Url(#[source] BadUrl),
    /// It leads away.
    #[error("the link to the next page leads from {from} to {to}, another host, and is not followed")]
    OtherHost {
        /// Where the page came from.
        from: String,
        /// Where the link leads.
        to: String,
    },
}

/// Where the page after `answer` is; `None` on the last one. `asked` is the URL that was answered.
///
/// # Errors
/// [`BadLink`] if there is one and it must not be followed.
pub fn next_page(asked: &LogicalUrl, answer: &Answer) -> Result<Option<LogicalUrl>, BadLink> {
    let mut headers = answer.headers.iter().filter(|(name, _)| name == "link").map(|(_, value)| value);
    let Some(target) = headers.find_map(|value| target_of(value, "next")) else { return Ok(None) };
    let next = asked.join(target).map_err(BadLink::Url)?;
    if next.host() != asked.host() {
        let to = Untrusted::new(next.host()).line(80);
        return Err(BadLink::OtherHost { from: asked.host().to_owned(), to });
    }
    Ok(Some(next))
}

/// The target of the first link in a `Link` header that has the relation `wanted`.
fn target_of<'a>(header: &'a str, wanted: &str) -> Option<&'a str> {
    let mut rest = header;
    loop {
        let (_, after) = rest.split_once('<')?;
        let (target, after) = after.split_once('>')?;
        let (parameters, more) = parameters(after);
        if parameters.iter().any(|(name, value)| is_relation(name, value, wanted)) {
            return Some(target.trim());
        }
        rest = more;
    }
}

/// A `rel` may name several relations, and their letters' case does not count.
fn is_relation(name: &str, value: &str, wanted: &str) -> bool {
    name.eq_ignore_ascii_case("rel")
        && value.split_ascii_whitespace().any(|relation| relation.eq_ignore_ascii_case(wanted))
}

/// The parameters of one link, and what follows it in the header. A comma within quotes ends no link.
fn parameters(text: &str) -> (Vec<(&str, &str)>, &str) {
    let mut quoted = false;
    let mut found = Vec::new();
    let mut from = 0;
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ';' | ',' if !quoted => {
                found.extend(parameter(text.get(from..at).unwrap_or_default()));
                from = at + 1;
                if c == ',' {
                    return (found, text.get(from..).unwrap_or_default());
                }
            }
            _ => {}
        }
    }
    found.extend(parameter(text.get(from..).unwrap_or_default()));
    (found, "")
}

fn parameter(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    Some((name.trim(), value.trim().trim_matches('"')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(link: &str) -> Result<Option<String>, BadLink> {
        let asked = LogicalUrl::parse("https://api.example.com/list?page=1").unwrap();
        let headers =
            vec![("x".to_owned(), "<y>; rel=next".to_owned()), ("link".to_owned(), link.to_owned())];
        let answer = Answer { status: 200, headers, body: Vec::new(), at: Default::default() };
        Ok(next_page(&asked, &answer)?.map(|url| url.as_str().to_owned()))
    }

    #[test]
    fn the_next_page_is_where_the_platform_says() {
        let two = "https://api.example.com/things/1?page=2";
        for link in [
            format!("<{two}>; rel=\"next\", <{two}9>; rel=\"last\""),
            format!("<{two}9>; rel=\"last\",<{two}>;rel=next"),
            format!("<{two}9>; title=\"a, <b>; rel=next\"; rel=prev , <{two}>; REL=\"first NEXT\""),
            "</things/1?page=2>; rel=next".to_owned(),
        ] {
            assert_eq!(next(&link).unwrap().as_deref(), Some(two), "{link}");
        }
    }

    #[test]
    fn a_last_page_has_no_next_and_no_link_leads_away() {
        for last in ["", "<https://api.example.com/?page=1>; rel=\"prev\"", "<unclosed; rel=next", "rel=next"]
        {
            assert_eq!(next(last), Ok(None), "{last}");
        }
        for away in [
            "<https://evil.example.com/?page=2>; rel=next",
            "<https://api.example.com.evil.example/?page=2>; rel=next",
            "<//evil.example/>; rel=next",
        ] {
            assert!(matches!(next(away), Err(BadLink::OtherHost { .. })), "{away}");
        }
        for bad in ["<http://api.example.com/?page=2>; rel=next", "<https://10.0.0.1/>; rel=next"] {
            assert!(matches!(next(bad), Err(BadLink::Url(_))), "{bad}");
        }
    }
}
