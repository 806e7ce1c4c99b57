//! What a strategy thinks of its own settings, as mistakes with their places. Pure: whoever calls says how it is
//! asked.
//!
//! A strategy answers with one sentence at a time. So the key that a sentence names is put aside and it is asked
//! again, until it has no more to say: every mistake is told at once here too.

use serde_json::Value;

use super::keys;
use super::mistakes::Mistake;
use super::values::Free;

impl Free {
    /// Every mistake that `ask` finds in these settings. It says what is wrong in a sentence that holds the key
    /// between `` ` ``, and knows best what would be right.
    pub fn mistakes(&self, ask: impl Fn(&Value) -> Result<(), String>) -> Vec<Mistake> {
        let (mut left, mut found) = (self.table.clone(), Vec::new());
        while let Err(sentence) = ask(&Value::Object(left.clone())) {
            let sentence = sentence.trim().to_owned();
            match named(&sentence, left.keys()) {
                Some(key) => {
                    left.remove(&key);
                    found.push(self.mistake(&key, "is not taken", &sentence).nearest(known(&key, &sentence)));
                }
                // What is missing because a mistaken key was put aside is no mistake of its own.
                None if found.is_empty() => {
                    found.push(self.mistake("", "are not taken", &sentence));
                    break;
                }
                None => break,
            }
        }
        found.sort_by_key(|mistake| mistake.origin.line());
        found
    }
}

/// The key that a sentence is about: of those that are set, the one that it names first.
fn named<'a>(sentence: &str, keys: impl Iterator<Item = &'a String>) -> Option<String> {
    let at = |key: &String| {
        // `impact` is named by `impact.sid` too.
        let (whole, above) = (sentence.find(&format!("`{key}`")), sentence.find(&format!("`{key}.")));
        whole.into_iter().chain(above).min()
    };
    let (_, key) = keys.filter_map(|key| Some((at(key)?, key))).min()?;
    Some(key.clone())
}

/// The key that was probably meant, of those that the sentence says its strategy knows.
fn known(key: &str, sentence: &str) -> Option<String> {
    let (_, knows) = sentence.split_once("it knows ")?;
    let words = knows.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| word.len() > 2);
    keys::nearest(key, words.filter(|word| *word != "and"))
}
