//! Reading a platform's JSON: what it is not is said in one clear sentence, and one bad element of a list
//! spoils no other.

use mm_core::answer::Answer;
use mm_core::untrusted::Untrusted;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// An answer, or an element of one, that is not what was expected: one sentence, harmless to print.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(String);

impl Unreadable {
    /// From a sentence that may hold somebody else's words.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(Untrusted::new(sentence).line(200))
    }
}

/// The answer's body as a `T`, which `what` names: "an issue". Fields that `T` does not know are ignored.
///
/// # Errors
/// [`Unreadable`] says what is wrong and where.
pub fn read<T: DeserializeOwned>(answer: &Answer, what: &str) -> Result<T, Unreadable> {
    let body = answer.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&answer.body);
    serde_json::from_slice(body).map_err(|error| mismatch("this", what, &error))
}

/// A part of an answer as a `T`, which `what` names.
///
/// # Errors
/// [`Unreadable`] says what is wrong.
pub fn part<T: DeserializeOwned>(value: Value, what: &str) -> Result<T, Unreadable> {
    serde_json::from_value(value).map_err(|error| mismatch("this", what, &error))
}

/// The elements of a list, each read for itself: the good ones, and a sentence for each that is not.
pub fn each<T: DeserializeOwned>(list: Vec<Value>, what: &str) -> (Vec<T>, Vec<Unreadable>) {
    let mut good = Vec::new();
    let mut bad = Vec::new();
    for (position, element) in list.into_iter().enumerate() {
        match serde_json::from_value(element) {
            Ok(element) => good.push(element),
            Err(error) => {
                bad.push(mismatch(&format!("number {}", position + 1), what, &error));
            }
        }
    }
    (good, bad)
}

fn mismatch(which: &str, what: &str, error: &serde_json::Error) -> Unreadable {
    Unreadable::new(format!("{which} is not {what}: {}", without_value(&error.to_string())))
}

/// An error of `serde` without the value that it shows: what stands in an answer may be confidential, as the name of
/// a private programme, and this sentence may be told further. What is not in one of its known forms is not shown.
fn without_value(error: &str) -> String {
    // The value stands between the two, and what was expected is the author's own word, so the last one counts.
    let of_value = ["invalid type: ", "invalid value: "].into_iter().find_map(|begins| {
        let (found, expected) = error.strip_prefix(begins)?.rsplit_once(", expected ")?;
        let kind = KINDS.into_iter().find(|kind| found.starts_with(kind)).unwrap_or("another");
        Some(format!("{begins}{kind}, expected {expected}"))
    });
    let is_bare = |error: &str| BARE.into_iter().any(|begins| error.starts_with(begins));
    of_value
        .or_else(|| is_bare(error).then(|| error.to_owned()))
        .unwrap_or_else(|| "it has another shape".to_owned())
}

/// How `serde` and `serde_json` name what they found.
const KINDS: [&str; 9] =
    ["string", "integer", "floating point", "number", "boolean", "null", "sequence", "map", "character"];

/// How the errors begin that hold nothing of what was read: fields are named as the reader names them, and the rest
/// are of the text's form.
const BARE: [&str; 12] = [
    "missing field `",
    "duplicate field `",
    "invalid length ",
    "data did not match any variant",
    "EOF while parsing",
    "expected ",
    "key must be",
    "trailing ",
    "invalid number",
    "invalid escape",
    "control character",
    "recursion limit",
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_error_says_the_type_of_what_it_met_and_not_the_value() {
        #[derive(Debug, serde::Deserialize)]
        #[expect(dead_code, reason = "it is read and not looked at")]
        struct Shape {
            a: Option<Inner>,
            b: u8,
            c: Option<Word>,
        }
        #[derive(Debug, serde::Deserialize)]
        struct Inner {}
        #[derive(Debug, serde::Deserialize)]
        enum Word {
            One,
        }
        let told = |value: Value| part::<Shape>(value, "a shape").unwrap_err().to_string();
        for (value, says) in [
            (json!({ "a": "x, expected acme", "b": 1 }), "invalid type: string, expected struct Inner"),
            (json!({ "b": 7_777 }), "invalid value: integer, expected u8"),
            (json!({ "b": 7.5 }), "invalid type: floating point, expected u8"),
            (json!({ "b": null }), "invalid type: null, expected u8"),
            (json!({ "acme": 1 }), "missing field `b`"),
            (json!({ "b": 1, "c": "acme" }), "it has another shape"),
            (json!("acme"), "invalid type: string, expected struct Shape"),
        ] {
            assert_eq!(told(value), format!("this is not a shape: {says}"));
        }
    }

    #[test]
    fn one_bad_element_spoils_no_other_and_is_named() {
        let answer =
            |body: &str| Answer { status: 200, headers: vec![], body: body.into(), at: Default::default() };
        let list: Vec<Value> = read(&answer("[1, \"\\u001b[31m\", 3]"), "a list").unwrap();
        let (good, bad) = each::<u8>(list, "a number");
        assert_eq!(good, [1, 3]);
        assert!(bad[0].to_string().starts_with("number 2 is not a number:"), "{bad:?}");
        assert!(!bad[0].to_string().contains('\x1b'));
        let error = read::<Vec<Value>>(&answer("<html>"), "a list of issues").unwrap_err().to_string();
        assert!(error.starts_with("this is not a list of issues:"), "{error}");
    }
}
