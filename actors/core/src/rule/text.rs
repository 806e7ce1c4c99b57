//! The text that an act would publish, taken out of the very request that would be sent.
//!
//! A rule file says with `[[content]]` where the text of a kind of act stands in its request's body.
//! Where nothing says so, or the body is not what was said, the text is unknown, and unknown text
//! satisfies no duty. The text judged is the text sent: it is never handed in beside the request.

use serde::{Deserialize, Serialize};

use super::strict_json;
use crate::action::{ActionKind, Request};

/// The longest text that is judged: that of GitHub's longest comment, 65,536 bytes. Longer ones are
/// unknown, since what was judged is kept with the decision.
pub const TEXT_BYTES_MAX: usize = 64 << 10;

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Markdown, which may hold HTML.
    #[default]
    Markdown,
    /// HTML.
    Html,
    /// As it stands.
    Plain,
}

impl Format {
    /// Reads the word.
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Markdown, Self::Html, Self::Plain].into_iter().find(|format| format.as_str() == text)
    }

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Markdown => "markdown",
            Format::Html => "html",
            Format::Plain => "plain",
        }
    }
}

/// The text that an act would publish.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Text {
    /// It publishes nothing.
    #[default]
    Nothing,
    /// It may publish something, and this is why nobody knows what.
    Unknown(String),
    /// This is published.
    Known {
        /// How it is written.
        format: Format,
        /// The text.
        text: String,
    },
}

impl Text {
    /// A text that is known, unless it is too long to be judged.
    pub fn known(format: Format, text: String) -> Self {
        if text.len() > TEXT_BYTES_MAX {
            return Self::Unknown(format!("it is longer than the {TEXT_BYTES_MAX} bytes that are judged"));
        }
        Self::Known { format, text }
    }
}

/// Where the text of a kind of act stands in its request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The kinds of act.
    pub kinds: Vec<ActionKind>,
    /// How the text is written.
    pub format: Format,
    /// Where it stands.
    pub place: TextPlace,
}

/// Where a text stands in a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TextPlace {
    /// The act publishes nothing, though it has a body.
    Nowhere,
    /// The whole body.
    Body,
    /// At these JSON pointers (RFC 6901); what is there is joined by an empty line.
    Json(Vec<String>),
    /// In these fields of a form.
    Form(Vec<String>),
}

/// The text of an act of `kind` by `request`, where `contents` say where texts stand.
pub(super) fn of(contents: &[Content], kind: &ActionKind, request: &Request) -> Text {
    let Some(content) = contents.iter().find(|content| content.kinds.contains(kind)) else {
        if request.body().is_empty() {
            return Text::Nothing;
        }
        return Text::Unknown(format!("no [[content]] says where the text of `{kind}` stands"));
    };
    let Ok(body) = std::str::from_utf8(request.body()) else {
        return Text::Unknown("the request's body is not UTF-8".to_owned());
    };
    let found = match &content.place {
        TextPlace::Nowhere => return Text::Nothing,
        TextPlace::Body if body.is_empty() => Err("the request has no body".to_owned()),
        TextPlace::Body => Ok(vec![body.to_owned()]),
        TextPlace::Json(pointers) => in_json(body, pointers),
        TextPlace::Form(fields) => in_form(body, fields),
    };
    match found {
        Ok(texts) => Text::known(content.format, texts.join("\n\n")),
        Err(why) => Text::Unknown(why),
    }
}

fn in_json(body: &str, pointers: &[String]) -> Result<Vec<String>, String> {
    let value = strict_json::parse(body).map_err(|why| format!("the request's body is {why}"))?;
    let mut texts = Vec::new();
    for found in pointers.iter().filter_map(|pointer| value.pointer(pointer)) {
        match found.as_str() {
            Some(text) => texts.push(text.to_owned()),
            None => return Err("what stands in the text's place is no text".to_owned()),
        }
    }
    if texts.is_empty() {
        return Err(format!("the request's body has no text at {}", pointers.join(" or ")));
    }
    Ok(texts)
}

fn in_form(body: &str, fields: &[String]) -> Result<Vec<String>, String> {
    let pairs = url::form_urlencoded::parse(body.as_bytes());
    let texts: Vec<String> =
        pairs.filter(|(name, _)| fields.iter().any(|field| field == name)).map(|(_, v)| v.into()).collect();
    if texts.is_empty() {
        return Err(format!("the request's form has no field {}", fields.join(" or ")));
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Method;
    use crate::url::LogicalUrl;

    fn text(place: TextPlace, body: &[u8]) -> Text {
        let url = LogicalUrl::parse("https://api.example.com/").unwrap();
        let request = Request::new(Method::Post, url, body.to_vec()).unwrap();
        let kinds = vec![ActionKind::new("comment")];
        of(&[Content { kinds, format: Format::Markdown, place }], &ActionKind::new("comment"), &request)
    }

    fn known(text: &str) -> Text {
        Text::Known { format: Format::Markdown, text: text.to_owned() }
    }

    #[test]
    fn a_text_is_taken_from_where_it_stands_or_is_unknown() {
        let json = || TextPlace::Json(vec!["/title".into(), "/body".into()]);
        let form = || TextPlace::Form(vec!["text".into()]);
        assert_eq!(text(TextPlace::Body, b"all of it"), known("all of it"));
        assert_eq!(text(json(), br#"{"body":"b","title":"t","x":1}"#), known("t\n\nb"));
        assert_eq!(text(json(), br#"{"body":"a\u0062"}"#), known("ab"));
        assert_eq!(text(form(), b"a=1&text=x+y%21&text=z"), known("x y!\n\nz"));
        assert_eq!(text(TextPlace::Nowhere, b"{\"query\":1}"), Text::Nothing);
        for (place, body) in [
            (TextPlace::Body, &b""[..]),
            (TextPlace::Body, b"\xff"),
            (json(), b"{}"),
            (json(), br#"{"body":7}"#),
            (json(), br#"{"body":"harmless","body":"another"}"#),
            (json(), br#"{"x":{"y":1,"y":2},"body":"b"}"#),
            (json(), b"body=b"),
            (json(), br#"{"body":"b"} {"body":"c"}"#),
            (form(), b"other=1"),
        ] {
            assert!(matches!(text(place, body), Text::Unknown(_)), "{}", String::from_utf8_lossy(body));
        }
        let long = "x".repeat(TEXT_BYTES_MAX + 1);
        assert!(matches!(text(TextPlace::Body, long.as_bytes()), Text::Unknown(_)));
    }

    #[test]
    fn an_act_that_nothing_is_said_of_publishes_nothing_only_without_a_body() {
        let url = || LogicalUrl::parse("https://api.example.com/").unwrap();
        let kind = ActionKind::new("post");
        assert_eq!(of(&[], &kind, &Request::get(url())), Text::Nothing);
        let post = |body: &[u8]| Request::new(Method::Post, url(), body.to_vec()).unwrap();
        assert_eq!(of(&[], &kind, &post(b"")), Text::Nothing);
        assert!(matches!(of(&[], &kind, &post(b"x")), Text::Unknown(_)));
    }
}
