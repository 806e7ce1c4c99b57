//! The body of a request as a person reads and writes it: of JSON the one text that is his to word, with its lines.
//! Pure.

use serde_json::{Map, Value};

use crate::cli::print::{fields, indented, lines};
use crate::cli::refuse;
use crate::exit::Failure;

/// What platforms call the text of a comment, of a bid and of a note.
const TEXTS: [&str; 4] = ["body", "description", "message", "text"];
/// The most of a draft that is shown.
const DRAFT_CHARS_MAX: usize = 100_000;

/// A body that is an object of JSON, and the key of the one text in it that a person words.
struct Worded {
    object: Map<String, Value>,
    key: &'static str,
}

fn worded(body: &str) -> Option<Worded> {
    let object: Map<String, Value> = serde_json::from_str(body).ok()?;
    let mut keys = TEXTS.into_iter().filter(|key| object.get(*key).is_some_and(Value::is_string));
    let key = keys.next()?;
    // Of two nobody knows which is meant.
    keys.next().is_none().then_some(Worded { object, key })
}

/// What a person edits of a body: the one text in it, else all of it.
pub(super) fn text_of(body: &str) -> String {
    let own = worded(body).and_then(|own| Some(own.object.get(own.key)?.as_str()?.to_owned()));
    own.unwrap_or_else(|| body.to_owned())
}

/// The body with what a person wrote in the place of what [`text_of`] gave him.
pub(super) fn with_text(body: &str, text: &str) -> String {
    match worded(body) {
        Some(mut own) => {
            own.object.insert(own.key.to_owned(), Value::String(text.trim_end().to_owned()));
            Value::Object(own.object).to_string()
        }
        None => text.to_owned(),
    }
}

/// The body that a person gave: a whole one, or the text of the one that was asked about.
///
/// # Errors
/// If it would have to be JSON and is not.
pub(super) fn given(body: &str, given: &str) -> Result<String, Failure> {
    let is_object = |text: &str| serde_json::from_str::<Map<String, Value>>(text).is_ok();
    if !is_object(body) || is_object(given) {
        return Ok(given.to_owned());
    }
    if worded(body).is_some() && !given.trim().is_empty() && !given.trim_start().starts_with('{') {
        return Ok(with_text(body, given));
    }
    Err(refuse(format!("the body must be JSON, like the one that was proposed: {}", lines(body, 600))))
}

/// A draft that its owner sends himself: its texts with their lines, what else it holds by name.
pub(super) fn draft(body: &str) -> String {
    let Ok(object) = serde_json::from_str::<Map<String, Value>>(body) else {
        return indented(&lines(body, DRAFT_CHARS_MAX), 2);
    };
    let mut named = Vec::new();
    leaves(&object, &mut named);
    let (texts, short): (Vec<_>, Vec<_>) =
        named.into_iter().partition(|(name, text)| text.contains('\n') || TEXTS.contains(&name.as_str()));
    let short: Vec<(&str, String)> = short.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
    let mut shown = fields(&short);
    for (name, text) in &texts {
        let head = if texts.len() > 1 { format!("{name}:\n") } else { String::new() };
        let apart = if shown.is_empty() { "" } else { "\n" };
        shown.push_str(&format!("{apart}{head}{text}\n"));
    }
    indented(shown.trim_end(), 2)
}

/// Every value that is no object, with its last name, harmless.
fn leaves(object: &Map<String, Value>, found: &mut Vec<(String, String)>) {
    for (name, value) in object {
        let name = lines(name, 60).replace('\n', " ");
        match value {
            Value::Object(inner) => leaves(inner, found),
            Value::String(text) => found.push((name, lines(text, DRAFT_CHARS_MAX))),
            other => found.push((name, lines(&other.to_string(), 600))),
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    const BID: &str = r#"{"amount":100,"description":"Hello,\n\nI can.","project_id":7}"#;

    #[test]
    fn plain_text_takes_the_place_of_the_one_text() {
        assert_eq!(text_of(BID), "Hello,\n\nI can.");
        let other = r#"{"amount":100,"description":"I\ncan \"this\".","project_id":7}"#;
        assert_eq!(with_text(BID, "I\ncan \"this\".\n"), other);
        assert_eq!(given(BID, "I\ncan \"this\".\n").unwrap(), other);
        // Whoever writes all of it is taken at his word, and who reads it back has lost nothing.
        assert_eq!(given(BID, r#"{"amount":90}"#).unwrap(), r#"{"amount":90}"#);
        assert_eq!(with_text(BID, &text_of(BID)), BID);
    }

    #[test]
    fn what_is_no_json_in_the_place_of_json_is_refused_with_its_shape() {
        let nested = r#"{"data":{"title":"a","impact":"b"}}"#;
        for (body, text) in [(nested, "a report"), (BID, ""), (BID, "{\"amount\": 1"), (nested, "[1]")] {
            let failure = given(body, text).unwrap_err().to_string();
            assert!(failure.contains("the body must be JSON") && failure.contains(body), "{failure}");
        }
        assert_eq!(given("a letter", "another").unwrap(), "another");
        assert_eq!((text_of(nested), text_of("a letter")), (nested.to_owned(), "a letter".to_owned()));
    }

    #[test]
    fn a_draft_is_read_as_a_letter_and_obeyed_by_no_terminal() {
        // An expectation keeps no blanks that begin every line.
        let draft = |body: &str| format!("Draft:\n{}", draft(body));
        expect![[r#"
            Draft:
              I can�[2J.

              Yours
        "#]]
        .assert_eq(&draft("{\"body\":\"I can\\u001b[2J.\\n\\nYours\\n\"}"));
        expect![[r#"
            Draft:
              to  octo

              Thank you.
        "#]]
        .assert_eq(&draft(r#"{"to":"octo","body":"Thank you."}"#));
        expect![[r#"
            Draft:
              team_handle  acme
              title        A hole
              type         report

              impact:
              Much.
              All of it.

              vulnerability_information:
              1. Open it.
              2. Look.
        "#]]
        .assert_eq(&draft(
            r#"{"data":{"type":"report","attributes":{"team_handle":"acme","title":"A hole",
            "vulnerability_information":"1. Open it.\n2. Look.","impact":"Much.\nAll of it."}}}"#,
        ));
        expect![[r#"
            Draft:
              Dear payer,

              it is late.
        "#]]
        .assert_eq(&draft("Dear payer,\n\nit is late.\n"));
    }
}
