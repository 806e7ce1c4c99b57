//! Markup of other people, as plain text: tags gone, entities read, paragraphs as line ends.
//!
//! Pure and bounded. What comes out is still somebody else's text: it is searched, and what is shown of it
//! passes [`Untrusted`](mm_sdk::Untrusted). It is no sanitiser: nothing that comes out is put into a page.

/// The most bytes of markup that are read; the rest is left out.
pub const BYTES_MAX: usize = 256 << 10;

/// The longest entity that is looked for, in bytes, with `&` and `;`.
const ENTITY_BYTES_MAX: usize = 12;

/// Tags that end a line. Hacker News writes a bare `<p>` between paragraphs and closes none
/// (github.com/HackerNews/API).
const BREAKS: [&str; 12] = ["p", "br", "div", "li", "tr", "ul", "ol", "h1", "h2", "h3", "h4", "pre"];

/// The text of some HTML. A text without markup comes out as it is, but for its blanks.
pub fn text(html: &str) -> String {
    let mut out = String::new();
    let mut rest = cut(html, BYTES_MAX);
    while let Some(at) = rest.find(['<', '&']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        rest = if from.starts_with('<') { tag(from, &mut out) } else { entity(from, &mut out) };
    }
    out.push_str(rest);
    tidy(&out)
}

/// As [`text`], in one line.
pub fn line(html: &str) -> String {
    text(html).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The start of a text, not longer than that, whole characters.
fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// Passes over a tag or a comment; a `<` that begins neither is itself.
fn tag<'a>(from: &'a str, out: &mut String) -> &'a str {
    if let Some(comment) = from.strip_prefix("<!--") {
        return comment.split_once("-->").map_or("", |(_, rest)| rest);
    }
    let inside = from.strip_prefix('<').unwrap_or_default();
    let begins = inside.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'));
    let Some((inside, rest)) = inside.split_once('>').filter(|_| begins) else {
        out.push('<');
        return inside;
    };
    let name = inside.trim_start_matches('/').split(|c: char| !c.is_ascii_alphanumeric()).next();
    let name = name.unwrap_or_default().to_ascii_lowercase();
    if BREAKS.contains(&name.as_str()) {
        out.push('\n');
    }
    if matches!(name.as_str(), "script" | "style") && !inside.starts_with('/') {
        let end = format!("</{name}");
        let at = rest.to_ascii_lowercase().find(&end);
        return at.and_then(|at| rest.get(at..)).unwrap_or_default();
    }
    rest
}

/// Reads an entity; one that is not known is itself.
fn entity<'a>(from: &'a str, out: &mut String) -> &'a str {
    let end = from.bytes().take(ENTITY_BYTES_MAX).position(|byte| byte == b';');
    let known = end.and_then(|end| Some((from.get(1..end)?, from.get(end + 1..)?)));
    match known.and_then(|(name, rest)| Some((character(name)?, rest))) {
        Some((c, rest)) => {
            out.push(c);
            rest
        }
        None => {
            out.push('&');
            from.strip_prefix('&').unwrap_or_default()
        }
    }
}

fn character(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let number = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(number);
    }
    let named = [
        ("amp", '&'),
        ("lt", '<'),
        ("gt", '>'),
        ("quot", '"'),
        ("apos", '\''),
        ("nbsp", '\u{a0}'),
        ("euro", '€'),
        ("pound", '£'),
        ("ndash", '–'),
        ("mdash", '—'),
        ("hellip", '…'),
        ("rsquo", '’'),
        ("lsquo", '‘'),
        ("rdquo", '”'),
        ("ldquo", '“'),
        ("bull", '•'),
    ];
    named.into_iter().find(|(known, _)| *known == name).map(|(_, c)| c)
}

/// Lines without outer blanks, at most one of them empty in a row.
fn tidy(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim) {
        if !(line.is_empty() && lines.last().is_none_or(|last| last.is_empty())) {
            lines.push(line);
        }
    }
    lines.join("\n").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_text() {
        for (html, plain) in [
            ("a &#x2F; b<p>c&amp;d", "a / b\nc&d"),
            ("<a href=\"https:&#x2F;&#x2F;x\" rel=\"nofollow\">x</a> y", "x y"),
            ("1 < 2 & 3", "1 < 2 & 3"),
            ("a<!-- hidden -->b<script>x()</script>c", "abc"),
            ("&bogus; &#xFFFFFFFF; &", "&bogus; &#xFFFFFFFF; &"),
            ("&amp;lt;p&amp;gt;", "&lt;p&gt;"),
            ("a<br><br/><br>b", "a\n\nb"),
            ("<unclosed", "<unclosed"),
            ("1.234,56&nbsp;&euro;", "1.234,56\u{a0}€"),
        ] {
            assert_eq!(text(html), plain, "{html}");
        }
        assert_eq!(line("a<p>b  c"), "a b c");
    }

    #[test]
    fn more_than_is_read_is_left_out() {
        assert_eq!(text(&"é".repeat(BYTES_MAX)).len(), BYTES_MAX);
    }
}
