//! Text from outside is a type of its own.
//!
//! An [`Untrusted`] text cannot become a URL to call, a path, a header or an instruction: it has no
//! `AsRef<str>`, no `Deref`, and `Display` shows it in one line with every control character made
//! visible. What needs more passes a named check that says what it makes of the text.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A text that somebody else wrote.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Untrusted(String);

impl Untrusted {
    /// Marks `text` as somebody else's.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// One line of at most `chars_max` characters, safe for a terminal: control characters, line
    /// ends, and the invisible marks that reorder or hide text (bidi controls, zero-width) are
    /// replaced; what was cut is marked with `…`.
    pub fn line(&self, chars_max: usize) -> String {
        let mut out = String::new();
        for (n, c) in self.0.trim().chars().enumerate() {
            if n == chars_max {
                out.push('…');
                break;
            }
            out.push(if is_deceptive(c) { '\u{fffd}' } else { c });
        }
        out
    }

    /// The text as it came, for comparing, hashing and storing under this type again. Never for
    /// building a request, a path or a command.
    pub fn verbatim(&self) -> &str {
        &self.0
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Characters that can forge a line, move the cursor, or make text look like another text.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line(200))
    }
}

impl fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Untrusted({:?})", self.line(200))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_one_harmless_line() {
        let trap = Untrusted::new(" a\x1b[31m\r\nb\u{202e}c\u{200b} ");
        assert_eq!(trap.to_string(), "a\u{fffd}[31m\u{fffd}\u{fffd}b\u{fffd}c\u{fffd}");
        assert!(!format!("{trap:?}").contains('\x1b'));
        assert_eq!(Untrusted::new("äbc").line(2), "äb…");
    }
}
