//! A question to the machine: a path of words and named values, as they stand in an HTTP target.

use std::collections::BTreeMap;
use std::str::FromStr;

/// What is asked for: `/opportunities?state=new`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Question {
    path: Vec<String>,
    values: BTreeMap<String, String>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The question makes no sense: 400.
    #[error("{0}")]
    Bad(String),
    /// There is no such thing: 404.
    #[error("{0}")]
    Unknown(String),
    /// It is not allowed as things stand: 409.
    #[error("{0}")]
    Refused(String),
    /// The part that should answer does not: 503.
    #[error("{0}")]
    Down(String),
    /// Something failed: 500.
    #[error("{0}")]
    Failed(String),
}

impl Problem {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Problem::Bad(_) => 400,
            Problem::Unknown(_) => 404,
            Problem::Refused(_) => 409,
            Problem::Failed(_) => 500,
            Problem::Down(_) => 503,
        }
    }
}

impl Question {
    /// A question for a path of words.
    pub fn of(path: &[&str]) -> Question {
        Question { path: path.iter().map(|word| (*word).to_owned()).collect(), values: BTreeMap::new() }
    }

    /// With a named value, if there is one.
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<impl ToString>) -> Question {
        if let Some(value) = value {
            self.values.insert(name.to_owned(), value.to_string());
        }
        self
    }

    /// Reads an HTTP target.
    ///
    /// # Errors
    /// [`Problem::Bad`] for one that no client of ours writes.
    pub fn parse(target: &str) -> Result<Question, Problem> {
        let bad = || Problem::Bad("the target of the request is not understood".to_owned());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = path.split('/').filter(|word| !word.is_empty()).map(unescape);
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((unescape(name)?, unescape(value)?))
        });
        Ok(Question {
            path: path.collect::<Option<_>>().ok_or_else(bad)?,
            values: pairs.collect::<Option<_>>().ok_or_else(bad)?,
        })
    }

    /// As an HTTP target.
    pub fn target(&self) -> String {
        let path: String = self.path.iter().map(|word| format!("/{}", escape(word))).collect();
        let query: Vec<String> =
            self.values.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
        if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
    }

    /// The words of its path.
    pub fn path(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }

    /// A value as text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// A value as what `T` reads it as.
    ///
    /// # Errors
    /// [`Problem::Bad`] names the value.
    pub fn value<T: FromStr>(&self, name: &str) -> Result<Option<T>, Problem> {
        let read = |text: &str| {
            text.parse().map_err(|_| {
                let text = mm_core::untrusted::Untrusted::new(text).line(60);
                Problem::Bad(format!("`{text}` cannot be the value of `{name}`"))
            })
        };
        self.text(name).map(read).transpose()
    }

    /// Only values with these names are known here.
    ///
    /// # Errors
    /// [`Problem::Bad`] names another.
    pub fn only(&self, names: &[&str]) -> Result<(), Problem> {
        match self.values.keys().find(|name| !names.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => {
                let name = mm_core::untrusted::Untrusted::new(name.as_str()).line(60);
                Err(Problem::Bad(format!(
                    "`{name}` is no value of this question; it knows {}",
                    names.join(", ")
                )))
            }
        }
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b':' | b'@')
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if is_plain(byte) { out.push(char::from(byte)) } else { out.push_str(&format!("%{byte:02X}")) }
    }
    out
}

fn unescape(text: &str) -> Option<String> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                let digits =
                    std::str::from_utf8(&digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
                u8::from_str_radix(digits, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_question_survives_its_target(words in prop::collection::vec("\\PC{1,12}", 0..4), value in "\\PC{0,12}") {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let question = Question::of(&words).with("v", Some(value));
            prop_assert!(question.target().is_ascii());
            prop_assert_eq!(Question::parse(&question.target()), Ok(question));
        }

        #[test]
        fn any_target_is_read_or_refused(target in "\\PC{0,40}") {
            drop(Question::parse(&target));
        }
    }

    #[test]
    fn half_an_escape_is_refused() {
        for target in ["/a%2", "/%zz", "/%+1", "/x?a=%ff"] {
            assert!(Question::parse(target).is_err(), "{target}");
        }
    }

    #[test]
    fn a_value_that_is_not_known_is_named() {
        let question = Question::parse("/opportunities?stat=new&limit=x").unwrap();
        assert!(question.only(&["state", "limit"]).unwrap_err().to_string().contains("`stat`"));
        assert_eq!(
            question.value::<usize>("limit"),
            Err(Problem::Bad("`x` cannot be the value of `limit`".into()))
        );
    }
}
