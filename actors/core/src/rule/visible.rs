//! What of a text its readers see without doing anything, and where in it its links are.
//!
//! Not a renderer: it leaves out what is surely not seen (comments, scripts, hidden elements, what opens
//! only by a click, attributes, images' texts) and keeps the rest. Where it cannot tell, it takes less
//! to be seen, since what it is asked for is whether a disclosure is.

use std::ops::Range;

use super::text::Format;
use crate::untrusted::is_deceptive;

mod markdown;
mod tags;

pub(super) use tags::decoded;
use tags::{Tag, entity};

/// Where something stands in the visible text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Here.
    Seen(Range<usize>),
    /// Readers may meet it, and we do not know where: it is hidden, or another place leads to it.
    Unknown,
    /// It is looked at and not followed: the source of a picture.
    Nowhere,
}

/// A link: an `<a href>` of HTML, one of Markdown, or the source of a picture.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    /// The target as it is written.
    pub href: String,
    /// The values of its `rel`; `None` in Markdown, which has none.
    pub rel: Option<Vec<String>>,
    /// Where it stands in the visible text.
    pub place: Place,
    /// Where its markup begins in what was read, in bytes.
    pub written: usize,
}

/// A text as its readers see it.
#[derive(Debug, Default)]
pub(super) struct Visible {
    /// One line: runs of white space are one space.
    pub text: String,
    pub anchors: Vec<Anchor>,
}

/// Elements that do not part words.
const INLINE: [&str; 18] = [
    "a", "abbr", "b", "cite", "code", "del", "em", "font", "i", "ins", "mark", "q", "s", "small", "span",
    "strong", "sub", "u",
];
/// Elements without content.
const VOID: [&str; 8] = ["br", "hr", "img", "input", "link", "meta", "source", "wbr"];
/// Reads a text.
pub(super) fn read(format: Format, text: &str) -> Visible {
    let (open, brackets) = (Vec::new(), Vec::new());
    let mut reader = Reader { out: Visible::default(), unseen: None, open, brackets, at: 0 };
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
    /// Where the `[` of Markdown that are open stand.
    brackets: Vec<usize>,
    /// How far the text was read, in bytes.
    at: usize,
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
            self.at = text.len() - rest.len();
            let used = match c {
                '<' => self.markup(rest),
                '&' => self.entity(rest),
                _ if markdown => self.markdown(rest, line_begins),
                _ => 0,
            };
            if used == 0 {
                self.push(c);
            }
            if c == '\n' && line_begins {
                // No link goes on in another paragraph.
                self.brackets.clear();
            }
            // Quotes and lists hold definitions, too.
            line_begins = c == '\n' || (line_begins && " \t\r>-+*.)0123456789".contains(c));
            rest = rest.get(used.max(c.len_utf8())..).unwrap_or_default();
        }
    }

    /// What of Markdown is no text; the bytes it took, 0 for none.
    fn markdown(&mut self, rest: &str, line_begins: bool) -> usize {
        match rest.as_bytes() {
            [b'\\', mark, ..] if mark.is_ascii_punctuation() => {
                self.push(char::from(*mark));
                2
            }
            [b'`', ..] => self.code(rest),
            // Marks of emphasis part no words and are not seen.
            [b'*', ..] => 1,
            [b'[', ..] if line_begins && let Some((target, used)) = markdown::definition(rest) => {
                // Whatever names it may stand anywhere.
                self.link(target, Place::Unknown);
                used
            }
            [b'!', b'[', ..] if let Some((source, used)) = markdown::picture(rest) => {
                self.link(source, Place::Nowhere);
                used
            }
            [b'[', ..] => {
                self.brackets.push(self.out.text.len());
                1
            }
            [b']', ..] => self.close_bracket(rest),
            _ => 0,
        }
    }

    fn code(&mut self, rest: &str) -> usize {
        let Some((code, used)) = markdown::code(rest) else {
            return rest.len() - rest.trim_start_matches('`').len();
        };
        code.chars().for_each(|c| self.push(c));
        used
    }

    fn close_bracket(&mut self, rest: &str) -> usize {
        let from = self.brackets.pop();
        let Some((target, used)) = rest.get(1..).and_then(markdown::target) else { return 1 };
        let seen = from.filter(|_| self.unseen.is_none());
        self.link(target, seen.map_or(Place::Unknown, |from| Place::Seen(from..self.out.text.len())));
        1 + used
    }

    fn link(&mut self, href: String, place: Place) {
        self.out.anchors.push(Anchor { href, rel: None, place, written: self.at });
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
            let here = self.out.text.len();
            let place = if self.unseen.is_none() { Place::Seen(here..here) } else { Place::Unknown };
            self.open.push(self.out.anchors.len());
            let (href, written) = (href.to_owned(), self.at);
            self.out.anchors.push(Anchor { href, rel: Some(rel), place, written });
        }
        if let Some(source) = tag.get("src").filter(|_| tag.name == "img") {
            self.link(source.to_owned(), Place::Nowhere);
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
            && let Place::Seen(at) = &mut anchor.place
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
            ("<!DOCTYPE html><p>b</p>", "b"),
            ("<?xml version='1.0'?>b", "b"),
            ("a<!ad", "a"),
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
        assert_eq!(read.anchors, [Anchor { href, rel: Some(rel), place: Place::Seen(2..6), written: 2 }]);
        let open = super::read(Format::Html, "a <a href=https://x.example/>link to the end");
        assert_eq!(open.anchors[0].place, Place::Seen(2..17), "one that is never closed reaches to the end");
        let hidden = super::read(Format::Html, "<div hidden><a href=//x.example>x</a></div>");
        assert_eq!(
            hidden.anchors,
            [Anchor { href: "//x.example".into(), rel: Some(vec![]), place: Place::Unknown, written: 12 }]
        );
        let inline = super::read(Format::Markdown, "a [link](https://x.example/).");
        assert_eq!(
            inline.anchors,
            [Anchor { href: "https://x.example/".into(), rel: None, place: Place::Seen(2..6), written: 7 }]
        );
    }
}
