//! Which keys look as if a credential stood behind them. Such a key has no place in a configuration.

use super::node::{Entry, Value};

const WORDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "secrets",
    "credential",
    "credentials",
    "cookie",
    "cookies",
    "bearer",
    "authorization",
    "apikey",
    "apikeys",
    "pat",
];
const PAIRS: &[(&str, &str)] = &[
    ("api", "key"),
    ("api", "keys"),
    ("private", "key"),
    ("access", "key"),
    ("secret", "key"),
    ("signing", "key"),
    ("session", "id"),
    ("client", "secret"),
];

/// Does the key name a credential? `api_key`, `githubToken` and `DB-PASSWORD` do, `max_tokens` does not.
pub(crate) fn names_one(key: &str) -> bool {
    let words = words(key);
    words.iter().any(|word| WORDS.contains(&word.as_str()))
        || words.last().is_some_and(|last| last == "token" || (last == "tokens" && words.len() == 1))
        || words.windows(2).any(|two| {
            PAIRS
                .iter()
                .any(|(a, b)| two.first().is_some_and(|w| w == a) && two.last().is_some_and(|w| w == b))
        })
}

/// Does the value read like a credential, whatever its key is called?
pub(crate) fn is_one(value: &Value) -> bool {
    match value {
        Value::Text(text) | Value::Raw(text) => crate::logs::looks_secret(text),
        _ => false,
    }
}

/// Does the entry hold one, by its key or by its value?
pub(crate) fn held_by(entry: &Entry) -> bool {
    names_one(&entry.key) || is_one(&entry.node.value)
}

/// `githubToken`, `github_token` and `GITHUB-TOKEN` are all `github`, `token`.
fn words(key: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower_before = false;
    for c in key.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && lower_before) {
            words.push(String::new());
        }
        if c.is_alphanumeric() {
            words.last_mut().expect("it begins with one word").extend(c.to_lowercase());
        }
        lower_before = c.is_lowercase() || c.is_numeric();
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_known_by_their_names() {
        for key in [
            "api_key",
            "apiKey",
            "githubToken",
            "DB-PASSWORD",
            "token",
            "credentials",
            "x.client_secret",
            "GITHUB_PAT",
        ] {
            assert!(names_one(key), "{key}");
        }
        for key in [
            "max_tokens",
            "key",
            "keep",
            "priority",
            "pattern",
            "tokenizer",
            "secretary",
            "keyword",
            "author",
        ] {
            assert!(!names_one(key), "{key}");
        }
    }
}
