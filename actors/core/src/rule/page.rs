//! A text that would be published, as rules look at it: its visible words, its links, its amounts.

use std::borrow::Cow;
use std::ops::Range;

use super::condition::TextConditions;
use super::text::{Format, Text};
use super::visible::{self, Place, Visible};
use crate::untrusted::is_deceptive;

/// How many visible characters may stand between a disclosure and its link. The law says "difficult to
/// miss" and names no number; this is ours, about a paragraph.
pub const NEAR_CHARS: usize = 600;

/// A link of a text.
#[derive(Debug)]
pub(super) struct Link {
    /// The host, in lower case and in its ASCII form.
    pub host: String,
    /// The names of the query parameters that say something.
    pub query: Vec<String>,
    /// The values of its `rel`, where it is an anchor of HTML.
    pub rel: Option<Vec<String>>,
    /// Where readers meet it.
    place: Place,
}

/// A text, read.
#[derive(Debug)]
pub(super) struct Page {
    format: Format,
    visible: String,
    /// The visible text in lower case; only ASCII is changed, so that places stay the same.
    folded: String,
    /// All of the text in lower case on one line, with what is not seen.
    raw: String,
    links: Vec<Link>,
    money: bool,
}

impl Page {
    /// Reads a text that is known.
    pub fn of(text: &Text) -> Option<Self> {
        match text {
            Text::Known { format, text } => Some(Self::read(*format, text)),
            Text::Nothing | Text::Unknown(_) => None,
        }
    }

    fn read(format: Format, text: &str) -> Self {
        let Visible { text: visible, anchors } = visible::read(format, text);
        let place = |place: Place| match place {
            Place::Seen(at) if is_long(&visible, &at) => Place::Unknown,
            place => place,
        };
        let mut written: Vec<String> = anchors.iter().map(|anchor| begins_as(&anchor.href)).collect();
        let mut links: Vec<Link> = anchors
            .into_iter()
            .filter_map(|anchor| link(&anchor.href, anchor.rel, place(anchor.place)))
            .collect();
        for (url, at) in bare(&visible, "") {
            written.push(begins_as(url));
            links.extend(link(url, None, Place::Seen(at)));
        }
        // What is written in a way that we do not see may be seen by others.
        let decoded =
            if format == Format::Plain { Cow::Borrowed(text) } else { Cow::Owned(visible::decoded(text)) };
        let plain: String = decoded.chars().filter(|c| c.is_whitespace() || !is_deceptive(*c)).collect();
        for (url, _) in bare(&plain, BRACKETS) {
            match written.iter().position(|own| own == url) {
                Some(own) => drop(written.swap_remove(own)),
                None => links.extend(link(url, None, Place::Unknown)),
            }
        }
        Self {
            format,
            folded: visible.to_ascii_lowercase(),
            raw: visible::phrase(&decoded).to_ascii_lowercase(),
            money: names_money(&visible),
            visible,
            links,
        }
    }

    /// Whether all that is asked holds.
    pub fn meets(&self, when: &TextConditions) -> bool {
        (when.contains.is_empty() || when.contains.iter().any(|phrase| self.holds(phrase)))
            && !when.lacks.iter().any(|phrase| self.holds(phrase))
            && (when.links_to.is_empty() || self.links.iter().any(|link| leads_to(link, &when.links_to)))
            && when.links.is_none_or(|links| links != self.links.is_empty())
            && when.money.is_none_or(|money| money == self.money)
            && (when.formats.is_empty() || when.formats.contains(&self.format))
    }

    /// Whether the phrase stands somewhere, seen or not, whatever the case and the spaces.
    fn holds(&self, phrase: &str) -> bool {
        let phrase = visible::phrase(phrase).to_ascii_lowercase();
        self.folded.contains(&phrase) || self.raw.contains(&phrase)
    }

    /// The links to one of `hosts`; all if none is named.
    pub fn links_to<'p>(&'p self, hosts: &'p [String]) -> impl Iterator<Item = &'p Link> {
        self.links.iter().filter(move |link| hosts.is_empty() || leads_to(link, hosts))
    }

    /// Where the phrase is seen; to the letter, or whatever the case.
    pub fn seen(&self, phrase: &str, exact: bool) -> Vec<Range<usize>> {
        let phrase = visible::phrase(phrase);
        let found = |text: &str, phrase: &str| -> Vec<Range<usize>> {
            text.match_indices(phrase).map(|(at, found)| at..at + found.len()).collect()
        };
        if exact { found(&self.visible, &phrase) } else { found(&self.folded, &phrase.to_ascii_lowercase()) }
    }

    /// Whether one of the places is near the link; `None` if nobody knows where it is met.
    pub fn is_near(&self, link: &Link, places: &[Range<usize>]) -> Option<bool> {
        let at = match &link.place {
            Place::Seen(at) => at,
            Place::Unknown => return None,
            Place::Nowhere => return Some(true),
        };
        Some(places.iter().any(|place| {
            let gap = if place.end <= at.start { place.end..at.start } else { at.end..place.start };
            // They lie in each other, or their distance is counted.
            gap.start >= gap.end || !is_long(&self.visible, &gap)
        }))
    }
}

impl Link {
    /// Whether readers see it.
    pub fn is_seen(&self) -> bool {
        matches!(self.place, Place::Seen(_))
    }
}

/// Whether this part of a text is longer than what is near.
fn is_long(text: &str, part: &Range<usize>) -> bool {
    part.len() > 4 * NEAR_CHARS || text.get(part.clone()).is_none_or(|part| part.chars().count() > NEAR_CHARS)
}

fn leads_to(link: &Link, hosts: &[String]) -> bool {
    hosts.iter().any(|host| {
        let below = link.host.strip_suffix(host.as_str());
        below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
    })
}

/// A target as a link; `None` if it leads to no other host.
fn link(target: &str, rel: Option<Vec<String>>, place: Place) -> Option<Link> {
    let target = target.trim();
    let absolute = match target.get(..4).map(str::to_ascii_lowercase).as_deref() {
        Some("www.") => Cow::Owned(format!("https://{target}")),
        _ if target.starts_with("//") => Cow::Owned(format!("https:{target}")),
        _ => Cow::Borrowed(target),
    };
    let url = url::Url::parse(&absolute).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let host = url.host_str()?.trim_end_matches('.').to_owned();
    let query =
        url.query_pairs().filter(|(_, value)| !value.is_empty()).map(|(name, _)| name.into()).collect();
    Some(Link { host, query, rel, place })
}

/// What may stand between two URLs of Markdown.
const BRACKETS: &str = "()[]";

/// How [`bare`] finds a target in the whole text.
fn begins_as(target: &str) -> String {
    bare(target, BRACKETS).next().map_or(target, |(url, _)| url).to_owned()
}

/// The URLs that stand in a text as they are, and where. One ends at each of `ends`, among others.
fn bare<'t>(text: &'t str, ends: &'static str) -> impl Iterator<Item = (&'t str, Range<usize>)> {
    const BEGINS: [&str; 3] = ["https://", "http://", "www."];
    let mut from = 0;
    std::iter::from_fn(move || {
        let rest = text.get(from..)?;
        let at = from + rest.char_indices().map(|(at, _)| at).find(|&at| begins(rest, at, &BEGINS))?;
        let url = text.get(at..)?;
        let end = url
            .find(|c: char| c.is_whitespace() || "<>\"'`\\{}|^".contains(c) || ends.contains(c))
            .unwrap_or(url.len());
        // What begins so is never cut to nothing: at least `www` is left.
        let url = url.get(..end)?.trim_end_matches([')', ']', '.', ',', ';', ':', '!', '?', '*', '_']);
        from = at + url.len();
        Some((url, at..from))
    })
}

/// Whether one of `words` stands at `at`, and no word runs into it.
fn begins(text: &str, at: usize, words: &[&str]) -> bool {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    // Asked of every place of a text: most are told apart by one byte.
    if !matches!(rest.first(), Some(b'h' | b'H' | b'w' | b'W')) {
        return false;
    }
    let parted = !text.as_bytes().get(at.wrapping_sub(1)).is_some_and(u8::is_ascii_alphanumeric);
    parted
        && words.iter().any(|word| {
            rest.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word.as_bytes()))
        })
}

/// Whether a number stands beside the sign or the code of a currency.
pub(super) fn names_money(text: &str) -> bool {
    const CODES: [&str; 8] = ["USD", "EUR", "GBP", "JPY", "INR", "CAD", "AUD", "CHF"];
    let sign = |c: char| "$€£¥₹".contains(c);
    let signed = text.match_indices(sign).any(|(at, sign)| {
        let before = text.get(..at).unwrap_or_default().trim_end();
        let after = text.get(at + sign.len()..).unwrap_or_default().trim_start();
        before.ends_with(|c: char| c.is_ascii_digit()) || after.starts_with(|c: char| c.is_ascii_digit())
    });
    signed
        || CODES.iter().flat_map(|code| text.match_indices(code)).any(|(at, code)| {
            let before = text.get(..at).unwrap_or_default().trim_end();
            let after = text.get(at + code.len()..).unwrap_or_default().trim_start();
            before.ends_with(|c: char| c.is_ascii_digit()) || after.starts_with(|c: char| c.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(format: Format, text: &str) -> Page {
        Page::read(format, text)
    }

    fn hosts(page: &Page) -> Vec<&str> {
        page.links.iter().map(|link| link.host.as_str()).collect()
    }

    #[test]
    fn links_are_found_however_they_are_written() {
        for (format, text, host) in [
            (Format::Plain, "see https://X.example/a, or not", "x.example"),
            (Format::Plain, "see (HTTP://x.example.)", "x.example"),
            (Format::Plain, "www.x.example/a", "www.x.example"),
            (Format::Markdown, "[a](https://x.example/a)", "x.example"),
            (Format::Markdown, "[a]( <https://x.example/a> \"t\")", "x.example"),
            (Format::Markdown, "[a][1]\n\n[1]: https://x.example/a", "x.example"),
            (Format::Markdown, "<!-- https://x.example/ -->", "x.example"),
            (Format::Html, "<a href=https://x.example/a>a</a>", "x.example"),
            (Format::Html, "<a href='//x.example'>a</a>", "x.example"),
            (Format::Html, "<a href='ht&#116;ps:&sol;/x.example/'>a</a>", "x.example"),
            (Format::Html, "<a href='https:\\\\x.example\\a'>a</a>", "x.example"),
            (Format::Html, "<a href=' ht\ttps://x.example/a'>a</a>", "x.example"),
            (Format::Html, "<a href='https://b\u{fc}cher.example'>a</a>", "xn--bcher-kva.example"),
            (Format::Html, "<img src=\"https://x.example/a.png\">", "x.example"),
        ] {
            assert_eq!(hosts(&page(format, text)), [host], "{text}");
        }
        for none in ["xhttps://", "https://", "the www. and http: of it", "mailto:a@x.example", "a.x.example"]
        {
            assert_eq!(hosts(&page(Format::Plain, none)), [""; 0], "{none}");
        }
    }

    #[test]
    fn a_host_is_meant_with_those_below_it_and_no_other() {
        let to = |text: &str| {
            let hosts = vec!["amazon.com".to_owned()];
            page(Format::Plain, text).meets(&TextConditions { links_to: hosts, ..Default::default() })
        };
        assert!(to("https://amazon.com/") && to("https://www.amazon.com/dp/1") && to("https://amazon.com./"));
        assert!(
            !to("https://notamazon.com/") && !to("https://amazon.com.evil.example/") && !to("amazon.com")
        );
    }

    #[test]
    fn phrases_are_found_whatever_the_case_the_spaces_and_where() {
        let holds = |text: &str| page(Format::Markdown, text).holds("/attempt #");
        assert!(holds("/attempt #1") && holds("/ATTEMPT\n #1") && holds("<!-- /attempt #1 -->"));
        assert!(holds("/at\u{200b}tempt #1") && holds("/attempt &#35;1") && holds("**/attempt** #1"));
        assert!(!holds("/attempt 1"));
    }

    #[test]
    fn amounts_of_money_are_seen() {
        for yes in ["$5", "5 €", "costs £ 7.99", "EUR 5", "5 USD"] {
            assert!(names_money(yes), "{yes}");
        }
        for no in ["5", "$x", "the USD", "EUROPE 5", "AUDIO"] {
            assert!(!names_money(no), "{no}");
        }
    }

    #[test]
    fn near_is_a_paragraph_in_either_direction() {
        let near = |gap: usize, after: bool| {
            let gap = "é".repeat(gap);
            let text = if after {
                format!("https://x.example {gap}AD")
            } else {
                format!("AD{gap} https://x.example")
            };
            let page = page(Format::Plain, &text);
            page.is_near(&page.links[0], &page.seen("AD", true)).unwrap()
        };
        for after in [true, false] {
            assert!(near(NEAR_CHARS - 1, after) && !near(NEAR_CHARS, after));
        }
    }
}
