//! A page that is published already, as its readers meet it: for whoever checks what stands on it.
//!
//! It is read with the same eyes as a text that would be published ([`visible`](super::visible)): one reading of
//! what readers see, so that a page is not found right here and wrong there. Pure.

use std::ops::Range;

use super::page;
use super::text::Format;
use super::visible::{self, Place};

/// A link of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownLink {
    /// The target as it is written, entities read.
    pub href: String,
    /// The values of its `rel`, in small letters; `None` where the markup has none.
    pub rel: Option<Vec<String>>,
    /// Where it stands in the visible text, in bytes; `None` where readers do not see it.
    pub at: Option<Range<usize>>,
    /// Where its tag begins in the markup, in bytes.
    pub written: usize,
}

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// What readers see, on one line.
    pub text: String,
    /// Its links, without pictures, in order.
    pub links: Vec<ShownLink>,
}

impl Shown {
    /// Reads a page of HTML.
    pub fn of_html(html: &str) -> Self {
        let read = visible::read(Format::Html, html);
        let links = read.anchors.into_iter().filter(|anchor| anchor.place != Place::Nowhere);
        let links = links.map(|anchor| ShownLink {
            href: anchor.href,
            rel: anchor.rel,
            at: match anchor.place {
                Place::Seen(at) => Some(at),
                Place::Unknown | Place::Nowhere => None,
            },
            written: anchor.written,
        });
        Self { links: links.collect(), text: read.text }
    }

    /// Where a phrase is seen, whatever the case, or to the letter.
    pub fn places(&self, phrase: &str, exact: bool) -> Vec<Range<usize>> {
        let found = |text: &str, phrase: &str| -> Vec<Range<usize>> {
            text.match_indices(phrase).map(|(at, found)| at..at + found.len()).collect()
        };
        match exact {
            true => found(&self.text, phrase),
            // Only ASCII is changed, so that places stay the same.
            false => found(&self.text.to_ascii_lowercase(), &phrase.to_ascii_lowercase()),
        }
    }

    /// What stands within `chars` characters of a place, on both sides.
    pub fn around(&self, at: &Range<usize>, chars: usize) -> &str {
        let before = self.text.get(..at.start).unwrap_or_default();
        let after = self.text.get(at.end..).unwrap_or_default();
        let from = before.char_indices().rev().take(chars).last().map_or(at.start, |(place, _)| place);
        let to = after.char_indices().nth(chars).map_or(self.text.len(), |(place, _)| at.end + place);
        self.text.get(from..to).unwrap_or_default()
    }
}

/// Whether a number stands beside the sign or the code of a currency.
pub fn names_money(text: &str) -> bool {
    page::names_money(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_seen_with_its_links_and_what_is_near_them() {
        let html = "<p>Ad \u{e9}\u{e9}.</p><a rel='Sponsored' href='/a?b=1&amp;c'>Buy</a> now <img src=x.png><p hidden><a href=/h>h</a></p>";
        let shown = Shown::of_html(html);
        assert_eq!(shown.links.len(), 2);
        let link = &shown.links[0];
        assert_eq!((link.href.as_str(), link.rel.clone()), ("/a?b=1&c", Some(vec!["sponsored".to_owned()])));
        let at = link.at.clone().unwrap();
        assert_eq!(&shown.text[at.clone()], "Buy");
        assert_eq!(shown.around(&at, 3), "\u{e9}. Buy no");
        assert_eq!(shown.around(&at, 999), shown.text);
        assert_eq!(shown.links[1].at, None);
        let begins = |link: &ShownLink| html[link.written..].split(' ').nth(1).unwrap().to_owned();
        assert_eq!([begins(link), begins(&shown.links[1])], ["rel='Sponsored'", "href=/h>h</a></p>"]);
        assert_eq!((shown.places("AD", false).len(), shown.places("AD", true).len()), (1, 0));
    }
}
