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
    serde_json::from_slice(body).map_err(|error| Unreadable::new(format!("this is not {what}: {error}")))
}

/// The elements of a list, each read for itself: the good ones, and a sentence for each that is not.
pub fn each<T: DeserializeOwned>(list: Vec<Value>, what: &str) -> (Vec<T>, Vec<Unreadable>) {
    let mut good = Vec::new();
    let mut bad = Vec::new();
    for (position, element) in list.into_iter().enumerate() {
        match serde_json::from_value(element) {
            Ok(element) => good.push(element),
            Err(error) => {
                bad.push(Unreadable::new(format!("number {} is not {what}: {error}", position + 1)));
            }
        }
    }
    (good, bad)
}

#[cfg(test)]
mod tests {
    use super::*;

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
