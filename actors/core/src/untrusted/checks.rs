//! The named checks: what a text from outside may become, and what is made of it on the way.
//!
//! Each gives a type of its own with one way out, so that what was made for a page of HTML is not put
//! into a table by mistake. A check that changes a text makes it harmless and keeps it readable; one
//! that cannot refuses with an [`Unfit`], which repeats nothing of the text.

use std::fmt;

use super::{Untrusted, is_deceptive};
use crate::url::{BadUrl, LogicalUrl};

/// Why a text cannot become what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is no URL that may be called or shown.
    #[error("it is no link that may be followed")]
    Url(#[source] BadUrl),
    /// Its host is none of those that were named.
    #[error("its host is not one of those that belong here")]
    Host,
    /// It is not one segment of a path.
    #[error("it is no name of one path segment (letters, digits and `-._~`, not beginning with a dot)")]
    Segment,
    /// It cannot be a header's value.
    #[error("it is no header's value (visible ASCII, and no credential slot)")]
    HeaderValue,
    /// It is no number.
    #[error("it is no number in ASCII digits")]
    Number,
    /// It is longer than may be.
    #[error("it is longer than {0} bytes")]
    TooLong(usize),
}

macro_rules! made {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text as it was made.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

made! {
    /// One segment of a path.
    PathSegment
}
made! {
    /// A value in a query, percent-encoded.
    QueryValue
}
made! {
    /// A header's value.
    HeaderValue
}
made! {
    /// Some lines for a person to read.
    PlainText
}
made! {
    /// A block quote of GitHub-flavoured Markdown, without a line end behind it.
    MarkdownQuote
}
made! {
    /// Text between tags or in a quoted attribute.
    Html
}
made! {
    /// A quoted cell of a CSV file.
    CsvCell
}

impl Untrusted {
    /// A URL that may be called: https, and its host is one of `hosts`, letter by letter.
    ///
    /// # Errors
    /// [`Unfit::Url`], [`Unfit::Host`].
    pub fn as_url_on(&self, hosts: &[&str]) -> Result<LogicalUrl, Unfit> {
        let url = self.as_link()?;
        // In other letters than ASCII a host may be one of them only after it was read kindly.
        let named = self.0.is_ascii() && hosts.contains(&url.host());
        if named { Ok(url) } else { Err(Unfit::Host) }
    }

    /// A link that a person may be shown: https to some public host. A host in other letters than ASCII
    /// stands in its `xn--` form, so that it looks like no other.
    ///
    /// # Errors
    /// [`Unfit::Url`].
    pub fn as_link(&self) -> Result<LogicalUrl, Unfit> {
        // The parser of URLs skips tabs and line ends inside a URL and blanks round it; we do not.
        if self.0.chars().any(|c| is_deceptive(c) || c.is_whitespace() || c == '\\') || has_slot(&self.0) {
            return Err(Unfit::Url(BadUrl::NotAUrl));
        }
        LogicalUrl::parse(&self.0).map_err(Unfit::Url)
    }

    /// One segment of a path: a name of at most 128 characters that cannot climb, split or hide.
    ///
    /// # Errors
    /// [`Unfit::Segment`].
    pub fn as_path_segment(&self) -> Result<PathSegment, Unfit> {
        let plain = |c: u8| c.is_ascii_alphanumeric() || b"-._~".contains(&c);
        let fits = (1..=128).contains(&self.0.len()) && self.0.bytes().all(plain) && !self.0.starts_with('.');
        if fits { Ok(PathSegment(self.0.clone())) } else { Err(Unfit::Segment) }
    }

    /// A value in a query: every byte but letters, digits and `-._~` is percent-encoded (RFC 3986, 2.3).
    ///
    /// # Errors
    /// [`Unfit::TooLong`] over 1,024 bytes.
    pub fn as_query_value(&self) -> Result<QueryValue, Unfit> {
        if self.0.len() > 1024 {
            return Err(Unfit::TooLong(1024));
        }
        let mut out = String::new();
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                out.push(char::from(byte));
            } else {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
        Ok(QueryValue(out))
    }

    /// A header's value: visible ASCII and inner blanks, at most 1,024 bytes, and never a slot that the
    /// vault would fill.
    ///
    /// # Errors
    /// [`Unfit::HeaderValue`].
    pub fn as_header_value(&self) -> Result<HeaderValue, Unfit> {
        let visible = self.0.bytes().all(|c| (0x20..0x7f).contains(&c));
        let fits = visible && self.0.len() <= 1024 && self.0.trim() == self.0 && !has_slot(&self.0);
        if fits { Ok(HeaderValue(self.0.clone())) } else { Err(Unfit::HeaderValue) }
    }

    /// Some lines for a person to read, of at most `chars_max` characters: line ends stay, what a terminal
    /// would obey or an eye would miss is made visible.
    pub fn as_plain_text(&self, chars_max: usize) -> PlainText {
        let unix = self.0.replace("\r\n", "\n");
        let mut out = String::new();
        for (n, c) in unix.trim().chars().enumerate() {
            if n == chars_max {
                out.push('…');
                break;
            }
            out.push(if c != '\n' && is_deceptive(c) { '\u{fffd}' } else { c });
        }
        PlainText(out)
    }

    /// A quote in a comment on GitHub, of at most `chars_max` characters. Nothing in it is markup, a link,
    /// a mention, a reference, HTML, or a command at the start of a line.
    pub fn as_markdown_quote(&self, chars_max: usize) -> MarkdownQuote {
        let mut out = String::from("> ");
        for c in self.as_plain_text(chars_max).0.chars() {
            match c {
                '\n' => out.push_str("\n> "),
                // An escape stops no mention; another letter form does, and reads the same.
                '@' => out.push('\u{ff20}'),
                // Robots read commands out of the raw text: `/attempt #1`, `/claim`.
                '/' if out.ends_with("> ") => out.push('\u{2044}'),
                // Every sign that Markdown knows may be escaped (CommonMark 0.31, 2.4).
                c if c.is_ascii_punctuation() => {
                    out.push('\\');
                    out.push(c);
                }
                c => out.push(c),
            }
        }
        MarkdownQuote(out)
    }

    /// Text in HTML, between tags or in a quoted attribute, of at most `chars_max` characters. Never in a
    /// script, a style or an attribute that takes a URL; for that there is [`Untrusted::as_link`].
    pub fn as_html(&self, chars_max: usize) -> Html {
        let mut out = String::new();
        for c in self.as_plain_text(chars_max).0.chars() {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                '\'' => out.push_str("&#39;"),
                '`' => out.push_str("&#96;"),
                c => out.push(c),
            }
        }
        Html(out)
    }

    /// A quoted cell of a CSV file in one line of at most `chars_max` characters. What a spreadsheet would
    /// take for a formula begins with an apostrophe (OWASP, "CSV Injection"); so does what would once its
    /// blanks or a tab are taken away, and what follows a semicolon, at which a spreadsheet may split the line
    /// where the comma is the decimal sign.
    pub fn as_csv_cell(&self, chars_max: usize) -> CsvCell {
        const STARTS: [char; 9] = ['=', '+', '-', '@', '|', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];
        let forged = self.0.starts_with(['\t', '\r', '\n']);
        let is_formula = |cell: &str| {
            let is_passed_over = |c: char| c.is_whitespace() || c == '\u{fffd}' || c == '"' || c == '\'';
            cell.trim_start_matches(is_passed_over).starts_with(STARTS)
        };
        let line = self.line(chars_max);
        let shielded = |(nth, cell): (usize, &str)| {
            let shield = if is_formula(cell) || (nth == 0 && forged) { "'" } else { "" };
            format!("{shield}{cell}")
        };
        let cells: Vec<String> = line.split(';').enumerate().map(shielded).collect();
        CsvCell(format!("\"{}\"", cells.join(";").replace('"', "\"\"")))
    }

    /// A number in ASCII digits. No sign, no blanks, no other script's digits.
    ///
    /// # Errors
    /// [`Unfit::Number`], also where it is too large.
    pub fn as_number(&self) -> Result<u64, Unfit> {
        let digits = (1..=20).contains(&self.0.len()) && self.0.bytes().all(|c| c.is_ascii_digit());
        if digits { self.0.parse().map_err(|_| Unfit::Number) } else { Err(Unfit::Number) }
    }
}

/// Whether a text holds what the vault would take for a slot of its own.
fn has_slot(text: &str) -> bool {
    text.to_ascii_lowercase().contains("{vault:")
}
