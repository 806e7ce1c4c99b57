//! The tags and entities of HTML, as far as a reader of its text needs them.
//!
//! Pure. What is broken is read as browsers read it: a tag that never ends takes all that follows.

/// Elements whose content is not seen, or only after a click.
const UNSEEN: [&str; 10] =
    ["script", "style", "template", "noscript", "details", "dialog", "head", "title", "iframe", "datalist"];
/// Ways of style that hide an element, without spaces.
const HIDING: [&str; 6] =
    ["display:none", "visibility:hidden", "font-size:0", "opacity:0", "height:0", "clip-path"];

/// A tag of HTML.
pub(super) struct Tag {
    /// Its name, in lower case.
    pub name: String,
    /// Whether it is `</name>`.
    pub closes: bool,
    attributes: Vec<(String, String)>,
    /// How long it is in the text.
    pub bytes: usize,
}

impl Tag {
    /// Reads the tag at the beginning of `rest`. One that does not end hides all that follows.
    pub fn read(rest: &str) -> Option<Self> {
        let closes = rest.starts_with("</");
        let from = if closes { 2 } else { 1 };
        let inner = rest.get(from..)?;
        let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(inner.len());
        let name = inner.get(..end)?.to_ascii_lowercase();
        let after = inner.get(end..)?;
        let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
        if !begins
            || !(after.is_empty() || after.starts_with(|c: char| c.is_whitespace() || "/>".contains(c)))
        {
            return None;
        }
        let (attributes, used) = attributes(after);
        Some(Self { name, closes, attributes, bytes: from + end + used })
    }

    /// The value of an attribute.
    pub fn get(&self, name: &str) -> Option<&str> {
        // Browsers take the first of two attributes of one name.
        self.attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Whether what stands in the element is not seen, or only after a click.
    pub fn is_unseen(&self) -> bool {
        if UNSEEN.contains(&self.name.as_str()) && !(self.name == "details" && self.get("open").is_some()) {
            return true;
        }
        let style: String = self.get("style").unwrap_or_default().split_whitespace().collect();
        let style = style.to_ascii_lowercase();
        self.get("hidden").is_some() || HIDING.iter().any(|way| style.contains(way))
    }
}

/// The attributes up to the tag's `>`, and the bytes they took with it.
fn attributes(text: &str) -> (Vec<(String, String)>, usize) {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if rest.is_empty() {
            return (found, text.len());
        }
        if let Some(after) = rest.strip_prefix('>') {
            return (found, text.len() - after.len());
        }
        let end = rest.find(|c: char| c.is_whitespace() || "=>/".contains(c)).unwrap_or(rest.len());
        // A lone `=` is taken for a name, as browsers do.
        let end = if end == 0 { 1 } else { end };
        let (name, after) = rest.split_at(end);
        let (value, after) = value(after);
        found.push((name.to_ascii_lowercase(), decoded(value)));
        rest = after;
    }
}

/// The value after a name, if there is one, and what follows it.
fn value(rest: &str) -> (&str, &str) {
    let Some(after) = rest.trim_start().strip_prefix('=') else { return ("", rest) };
    let after = after.trim_start();
    for quote in ['"', '\''] {
        if let Some(inner) = after.strip_prefix(quote) {
            return inner.split_once(quote).unwrap_or((inner, ""));
        }
    }
    after.split_at(after.find(|c: char| c.is_whitespace() || c == '>').unwrap_or(after.len()))
}

/// A text with its entities replaced.
pub(in crate::rule) fn decoded(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (c, used) = entity(rest).unwrap_or((c, c.len_utf8()));
        out.push(c);
        rest = rest.get(used..).unwrap_or_default();
    }
    out
}

/// The character of the entity at the beginning of `rest`, and its length.
pub(super) fn entity(rest: &str) -> Option<(char, usize)> {
    let inner = rest.strip_prefix('&')?;
    let end = inner.bytes().take(12).position(|byte| byte == b';')?;
    let name = inner.get(..end)?;
    let c = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "colon" => ':',
        "sol" => '/',
        "period" => '.',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some((c, end + 2))
}
