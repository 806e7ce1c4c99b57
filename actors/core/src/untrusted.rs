//! Text from outside is a type of its own.
//!
//! An [`Untrusted`] text cannot become a URL to call, a path, a header, a message, a template or an
//! instruction: it has no `AsRef<str>`, no `Deref`, nothing that gives it back as it came, and
//! `Display` shows it in one line with every control character made visible. What needs more passes a
//! check of its own name ([`checks`]) and gets a type that says what was made of the text, or an
//! [`Unfit`] that says why not.
//!
//! | it becomes | by | what is refused or made harmless |
//! |---|---|---|
//! | a line that a person reads | [`Untrusted::line`] | control characters, bidi, zero-width, length |
//! | some lines that a person reads | [`Untrusted::as_plain_text`] | the same, but for line ends |
//! | a URL to call | [`Untrusted::as_url_on`] | every scheme but https, every host not named |
//! | a link to show | [`Untrusted::as_link`] | the same, but any public host; IDN in its `xn--` form |
//! | a segment of a path | [`Untrusted::as_path_segment`] | `/`, `%`, `..`, all but letters, digits and `-._~` |
//! | a value in a query | [`Untrusted::as_query_value`] | nothing: all but unreserved characters is encoded |
//! | a header's value | [`Untrusted::as_header_value`] | line ends, non-ASCII, credential slots |
//! | a quote in a comment | [`Untrusted::as_markdown_quote`] | markup, mentions, references, links, commands |
//! | text in HTML | [`Untrusted::as_html`] | tags, entities, attributes' ends |
//! | a cell of a spreadsheet | [`Untrusted::as_csv_cell`] | formulas, the ends of cells and rows |
//! | a number | [`Untrusted::as_number`] | all but ASCII digits |
//!
//! It is stored and sent on under its own type: `Serialize` writes it whole, and only
//! `Deserialize` into [`Untrusted`] reads it again.

use std::fmt;

use serde::{Deserialize, Serialize};

pub mod checks;
mod likeness;

pub use checks::Unfit;

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

    /// Whether it is `text`, sign by sign: what a name from outside is compared with a known one by.
    pub fn is(&self, text: &str) -> bool {
        self.0 == text
    }

    /// Whether it reads like `text` to a person and is not it: homographs, invisible marks, other
    /// letter forms. A bot's name that does is an impostor's.
    pub fn impersonates(&self, text: &str) -> bool {
        !self.is(text) && likeness::skeleton(&self.0) == likeness::skeleton(text)
    }
}

/// Whether a character can forge a line, move a terminal's cursor, or make text look like another
/// text: controls (C0, DEL, C1), line and paragraph separators, bidi controls, zero-width and
/// invisible marks, tags, variation selectors, and blank letters.
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0e}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// JSON text with every deceptive character written as its escape. JSON escapes only the controls
/// below U+0020 by itself; a terminal also obeys U+009B, and a reader is deceived by the others.
/// They stand inside strings alone, where the escape means the same.
pub fn json_safe(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut units = [0; 2];
    for c in json.chars() {
        if is_deceptive(c) && c != '\n' {
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
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
mod tests;
