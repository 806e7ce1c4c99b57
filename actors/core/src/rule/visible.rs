//! What of a text its readers see without doing anything, and where in it its links are.
//!
//! Not a renderer: it leaves out what is surely not seen (comments, scripts, hidden elements, what opens
//! only by a click, attributes, images' texts) and keeps the rest. Where it cannot tell, it takes less
//! to be seen, since what it is asked for is whether a disclosure is.

use std::ops::Range;

use super::text::Format;
use crate::untrusted::is_deceptive;

/// An `<a href>` of HTML, or an inline link of Markdown.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    /// The target as it is written.
    pub href: String,
    /// The values of its `rel`; `None` in Markdown, which has none.
    pub rel: Option<Vec<String>>,
    /// Where it stands in the visible text; `None` if it is not seen.
    pub at: Option<Range<usize>>,
}

/// A text as its readers see it.
#[derive(Debug, Default)]
pub(super) struct Visible {
    /// One line: runs of white space are one space.
    pub text: String,
    pub anchors: Vec<Anchor>,
}

/// Elements whose content is not seen, or only after a click.
const UNSEEN: [&str; 10] =
    ["script", "style", "template", "noscript", "details", "dialog", "head", "title", "iframe", "datalist"];
/// Elements that do not part words.
const INLINE: [&str; 18] = [
    "a", "abbr", "b", "cite", "code", "del", "em", "font", "i", "ins", "mark", "q", "s", "small", "span",
    "strong", "sub", "u",
];
/// Elements without content.
const VOID: [&str; 8] = ["br", "hr", "img", "input", "link", "meta", "source", "wbr"];
/// Ways of style that hide an element, without spaces.
const HIDING: [&str; 6] =
    ["display:none", "visibility:hidden", "font-size:0", "opacity:0", "height:0", "clip-path"];

/// Reads a text.
pub(super) fn read(format: Format, text: &str) -> Visible {
    let mut reader = Reader { out: Visible::default(), unseen: None, open: Vec::new(), bracket: None };
    match format {
        Format::Plain => text.chars().for_each(|c| reader.push(c)),
        Format::Html => reader.walk(text, false),
        Format::Markdown => reader.walk(text, true),
    }
    reader.end()
}

/// A phrase as [`read`] would show it.
pub(super) fn phrase(text: &str) -> String {
    read(Format::Plain, text).text.trim().to_owned()
}

struct Reader {
    out: Visible,
    /// Within this element nothing is seen; how many of its name are open.
    unseen: Option<(String, usize)>,
    /// The anchors that are open, by index.
    open: Vec<usize>,
    /// Where the last `[` of Markdown stands.
    bracket: Option<usize>,
}

impl Reader {
    fn push(&mut self, c: char) {
        if self.unseen.is_some() {
            return;
        }
        if c.is_whitespace() {
            if !self.out.text.ends_with(' ') {
                self.out.text.push(' ');
            }
        } else if !is_deceptive(c) {
            self.out.text.push(c);
        }
    }

    fn walk(&mut self, text: &str, markdown: bool) {
        let mut rest = text;
        let mut line_begins = true;
        while let Some(c) = rest.chars().next() {
            let used = match c {
                '<' => self.markup(rest),
                '&' => self.entity(rest),
                _ if markdown => self.markdown(rest, line_begins),
                _ => 0,
            };
            if used == 0 {
                self.push(c);
            }
            line_begins = c == '\n' || (line_begins && c == ' ');
            rest = rest.get(used.max(c.len_utf8())..).unwrap_or_default();
        }
    }

    /// What of Markdown is no text; the bytes it took, 0 for none.
    fn markdown(&mut self, rest: &str, line_begins: bool) -> usize {
        match rest.as_bytes() {
            // Emphasis and code marks part no words and are not seen.
            [b'*' | b'`', ..] => 1,
            // A definition, `[name]: target`, is not seen.
            [b'[', ..] if line_begins && is_definition(rest) => rest.find('\n').unwrap_or(rest.len()),
            [b'!', b'[', ..] => image(rest).unwrap_or(0),
            [b'[', ..] => {
                self.bracket = self.unseen.is_none().then_some(self.out.text.len());
                1
            }
            [b']', b'(', ..] => self.inline_link(rest).unwrap_or(1),
            [b']', ..] => 1,
            _ => 0,
        }
    }

    fn inline_link(&mut self, rest: &str) -> Option<usize> {
        let (target, used) = target(rest.get(1..)?)?;
        let at = self.bracket.take().map(|from| from..self.out.text.len());
        self.out.anchors.push(Anchor { href: target.to_owned(), rel: None, at });
        Some(1 + used)
    }

    fn entity(&mut self, rest: &str) -> usize {
        let Some((c, used)) = entity(rest) else { return 0 };
        self.push(c);
        used
    }

    /// A comment or a tag; the bytes it took, 0 if it is neither.
    fn markup(&mut self, rest: &str) -> usize {
        if rest.starts_with("<!--") {
            return rest.find("-->").map_or(rest.len(), |end| end + 3);
        }
        if rest.starts_with("<!") || rest.starts_with("<?") {
            return rest.find('>').map_or(rest.len(), |end| end + 1);
        }
        let Some(tag) = Tag::read(rest) else { return 0 };
        if !INLINE.contains(&tag.name.as_str()) {
            self.push(' ');
        }
        if tag.closes {
            self.close(&tag.name)
        } else {
            self.begin(&tag)
        }
        tag.bytes
    }

    fn begin(&mut self, tag: &Tag) {
        if tag.name == "a"
            && let Some(href) = tag.get("href")
        {
            let rel = tag.get("rel").unwrap_or_default();
            let rel = rel.split_whitespace().map(str::to_ascii_lowercase).collect();
            let at = self.unseen.is_none().then_some(self.out.text.len()..self.out.text.len());
            self.open.push(self.out.anchors.len());
            self.out.anchors.push(Anchor { href: href.to_owned(), rel: Some(rel), at });
        }
        if VOID.contains(&tag.name.as_str()) {
            return;
        }
        match &mut self.unseen {
            Some((name, depth)) if *name == tag.name => *depth += 1,
            Some(_) => {}
            None if tag.is_unseen() => self.unseen = Some((tag.name.clone(), 1)),
            None => {}
        }
    }

    fn close(&mut self, name: &str) {
        if name == "a" {
            self.close_anchor();
        }
        if let Some((unseen, depth)) = &mut self.unseen
            && unseen == name
        {
            *depth -= 1;
            if *depth == 0 {
                self.unseen = None;
            }
        }
    }

    fn close_anchor(&mut self) {
        let end = self.out.text.len();
        if let Some(anchor) = self.open.pop().and_then(|at| self.out.anchors.get_mut(at))
            && let Some(at) = &mut anchor.at
        {
            at.end = end;
        }
    }

    fn end(mut self) -> Visible {
        while !self.open.is_empty() {
            self.close_anchor();
        }
        self.out
    }
}

/// A tag of HTML.
struct Tag {
    name: String,
    closes: bool,
    attributes: Vec<(String, String)>,
    bytes: usize,
}

impl Tag {
    /// Reads the tag at the beginning of `rest`. One that does not end hides all that follows.
    fn read(rest: &str) -> Option<Self> {
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

    fn get(&self, name: &str) -> Option<&str> {
        // Browsers take the first of two attributes of one name.
        self.attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    fn is_unseen(&self) -> bool {
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
pub(super) fn decoded(text: &str) -> String {
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
fn entity(rest: &str) -> Option<(char, usize)> {
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

/// Whether `[…]:` stands at the beginning of `rest`.
fn is_definition(rest: &str) -> bool {
    let line = rest.lines().next().unwrap_or_default();
    line.find(']').is_some_and(|end| line.get(end + 1..).is_some_and(|after| after.starts_with(':')))
}

/// The bytes of `![alt](target)` at the beginning of `rest`.
fn image(rest: &str) -> Option<usize> {
    let close = rest.find(']')?;
    let (_, used) = target(rest.get(close + 1..)?)?;
    Some(close + 1 + used)
}

/// The target in `(target "title")` at the beginning of `rest`, and the bytes of all of it.
fn target(rest: &str) -> Option<(&str, usize)> {
    let inner = rest.strip_prefix('(')?;
    let end = inner.find(')')?;
    let within = inner.get(..end)?.trim();
    let target = within.split_whitespace().next().unwrap_or_default();
    Some((target.trim_start_matches('<').trim_end_matches('>'), end + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(format: Format, text: &str) -> String {
        read(format, text).text.trim().to_owned()
    }

    #[test]
    fn what_is_hidden_or_behind_a_click_is_not_seen() {
        for (html, seen) in [
            ("a <b>bo</b>ld word", "a bold word"),
            ("<p>one</p><p>two</p>", "one two"),
            ("a<!-- ad -->b", "ab"),
            ("a<!-- ad", "a"),
            ("<details><summary>x</summary>ad</details>b", "b"),
            ("<details open>ad</details>b", "ad b"),
            ("<div hidden>ad</div>b", "b"),
            ("<div style='Display : None'>ad<div>ad</div></div>b", "b"),
            ("<span style=\"font-size:0\">ad</span>b", "b"),
            ("<script>ad</script>b", "b"),
            ("<img alt='ad'>b", "b"),
            ("<p title=\"ad\">b</p>", "b"),
            ("a &lt;b&gt; &amp; &#65;&#x42;&nbsp;c", "a <b> & AB c"),
            ("1 < 2 and <3", "1 < 2 and <3"),
            ("a\u{200b}d", "ad"),
            ("x <div never closed", "x"),
        ] {
            assert_eq!(shown(Format::Html, html), seen, "{html}");
        }
        assert_eq!(shown(Format::Plain, "a <b>\n c"), "a <b> c");
    }

    #[test]
    fn markdown_hides_images_definitions_and_marks() {
        for (text, seen) in [
            ("an **ad** in `code`", "an ad in code"),
            ("![An ad.](https://x.example/a.png) b", "b"),
            ("[//]: # (An ad.)\nb", "b"),
            ("see [here](https://x.example/ \"An ad.\") b", "see here b"),
            ("see [here] b", "see here b"),
            ("<https://x.example/>", "<https://x.example/>"),
        ] {
            assert_eq!(shown(Format::Markdown, text), seen, "{text}");
        }
    }

    #[test]
    fn anchors_have_their_place_target_and_rel() {
        let read = read(
            Format::Html,
            "a <a HREF=\"https://x.example/?a=1&amp;b\" rel='Sponsored nofollow'>link</a>.",
        );
        let rel = vec!["sponsored".to_owned(), "nofollow".to_owned()];
        let href = "https://x.example/?a=1&b".to_owned();
        assert_eq!(read.anchors, [Anchor { href, rel: Some(rel), at: Some(2..6) }]);
        let hidden = super::read(Format::Html, "<div hidden><a href=//x.example>x</a></div>");
        assert_eq!(hidden.anchors, [Anchor { href: "//x.example".into(), rel: Some(vec![]), at: None }]);
        let inline = super::read(Format::Markdown, "a [link](https://x.example/).");
        assert_eq!(inline.anchors, [Anchor { href: "https://x.example/".into(), rel: None, at: Some(2..6) }]);
    }
}
