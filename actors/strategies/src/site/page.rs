//! What is wrong on a page of the owner's: with its links that earn, and with what must stand beside them.

use std::collections::BTreeSet;
use std::ops::Range;

use mm_sdk::{Digest, LogicalUrl, NEAR_CHARS, Shown, ShownLink, names_money};
use serde::{Deserialize, Serialize};

use super::hosts::{AMAZON_SENTENCE, DISCLOSURES, SHORTENERS, is_amazon, is_earning, is_of};
use super::{instead, without_fragment};

/// A sum of money this near to a link to Amazon, in characters, is taken for its price.
const PRICE_CHARS: usize = 80;
/// Of these `rel` has one on a link that is paid for; both are accepted, the first is what is asked for
/// (developers.google.com/search, "Qualify your outbound links to Google"; rule `law/paid-link-rel`).
const REL: [&str; 2] = ["sponsored", "nofollow"];
/// The most defects of a page that are told.
const DEFECTS_MAX: usize = 40;
/// The most links of a page that are looked at.
pub const LINKS_MAX: usize = 40;

/// The version of what finds defects and links here, raised when the same page would be judged otherwise.
const READER: &[u8] = b"2";

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    /// There is nothing behind a link any more.
    Dead,
    /// It leads to another host than it says.
    Redirected,
    /// It has no tag.
    TagMissing,
    /// It has somebody else's.
    TagForeign,
    /// It hides where it leads.
    Shortened,
    /// Nothing on the page says that links earn.
    NoDisclosure,
    /// That stands too far away.
    DisclosureFar,
    /// `rel` does not say that it is paid for.
    RelMissing,
    /// Amazon's sentence does not stand there to the letter.
    SentenceMissing,
    /// A price stands beside a link to Amazon.
    PriceCopied,
}

impl Kind {
    /// In one word, for figures and details.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Dead => "dead",
            Kind::Redirected => "redirected",
            Kind::TagMissing => "tag-missing",
            Kind::TagForeign => "tag-foreign",
            Kind::Shortened => "shortened",
            Kind::NoDisclosure => "no-disclosure",
            Kind::DisclosureFar => "disclosure-far",
            Kind::RelMissing => "rel-missing",
            Kind::SentenceMissing => "sentence-missing",
            Kind::PriceCopied => "price-copied",
        }
    }

    /// What mends it.
    pub fn mend(self) -> &'static str {
        match self {
            Kind::Dead => "take the link out, or let it lead to where the thing is now",
            Kind::Redirected => "see where it leads now, and link there if it is still what you mean",
            Kind::TagMissing => "add your tag to the address, or nothing that is bought is yours",
            Kind::TagForeign => "put your own tag in: this one pays somebody else",
            Kind::Shortened => {
                "write the whole address: Amazon's policies forbid to hide it behind a shortener"
            }
            Kind::NoDisclosure => "say near the link that it earns, such as: This is an affiliate link.",
            Kind::DisclosureFar => "say it again nearer to the link, at most a paragraph away",
            Kind::RelMissing => "write rel=\"sponsored\" on the link",
            Kind::SentenceMissing => {
                "write near the link: As an Amazon Associate I earn from qualifying purchases."
            }
            Kind::PriceCopied => "take the price out: only Amazon may show it",
        }
    }
}

/// Something wrong on a page.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Defect {
    /// In which line of the page's source the link's tag begins.
    pub line: u32,
    /// What.
    pub kind: Kind,
    /// Of which link, as it is written.
    pub link: String,
}

/// What was found on a page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// What is wrong, by line.
    pub defects: Vec<Defect>,
    /// Where its links lead: those to other hosts first.
    pub links: Vec<Link>,
    /// How many defects and links more there are than are looked at.
    pub left_out: usize,
    /// Why it is not the page that readers see, if so: then nothing else of it counts.
    pub instead: Option<&'static str>,
}

/// Where a link of a page leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where; for plain HTTP, the same place by HTTPS.
    pub url: LogicalUrl,
    /// Whether the link is written for plain HTTP, which is never asked.
    pub plain: bool,
    /// In which line of the page's source its tag begins.
    pub line: u32,
}

impl Link {
    /// What `href` on the page at `page` leads to; `None` for what is no place on the web, such as `mailto:`.
    fn of(page: &LogicalUrl, href: &str, line: u32) -> Option<Self> {
        let href = without_fragment(href);
        if let Ok(url) = page.join(href) {
            return Some(Self { url, plain: false, line });
        }
        let (scheme, rest) =
            href.split_once("://").filter(|(scheme, _)| scheme.eq_ignore_ascii_case("http"))?;
        let url = page.join(&format!("{scheme}s://{rest}")).ok()?;
        Some(Self { url, plain: true, line })
    }

    /// The address as it is written.
    pub fn address(&self) -> String {
        let https = self.url.as_str();
        if self.plain { https.replacen("https", "http", 1) } else { https.to_owned() }
    }
}

/// What is the owner's own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Own {
    /// His tags at Amazon.
    pub amazon_tags: Vec<String>,
    /// His number at Awin.
    pub awin: Option<u64>,
}

impl Own {
    /// The digest of all by which a page is judged beside what stands on it: what is the owner's own, and the version of
    /// what reads it.
    pub fn judge(&self) -> Digest {
        let awin = self.awin.map(|number| number.to_string()).unwrap_or_default();
        let tags = self.amazon_tags.iter().map(String::as_bytes);
        Digest::of_fields("affiliate-judge-1", [READER, awin.as_bytes()].into_iter().chain(tags))
    }
}

/// Looks at a page that lies at `url`.
pub fn examine(url: &LogicalUrl, html: &str, own: &Own) -> Found {
    let shown = Shown::of_html(html);
    let mut look = Look { shown: &shown, own, defects: BTreeSet::new() };
    let mut lines = Lines { html, at: 0, line: 1 };
    let (mut links, mut earns) = (Vec::new(), false);
    let mut seen = BTreeSet::new();
    for link in &shown.links {
        let Some(target) = Link::of(url, &link.href, lines.of(link.written)) else { continue };
        earns |= look.judge(link, &target.url, target.line);
        let is_other = target.plain || target.url != *url;
        if is_other && seen.insert(target.address()) {
            links.push(target);
        }
    }
    // The way to the site's own pages stands on each of them, and first.
    links.sort_by_key(|link| link.url.host() == url.host());
    let left_out = look.defects.len().saturating_sub(DEFECTS_MAX) + links.len().saturating_sub(LINKS_MAX);
    links.truncate(LINKS_MAX);
    let defects = look.defects.into_iter().take(DEFECTS_MAX).collect();
    Found { defects, links, left_out, instead: instead::of_the_page(html, &shown, earns) }
}

/// Counts the lines of a page up to each of its links, in their order.
struct Lines<'a> {
    html: &'a str,
    /// Up to this byte they are counted.
    at: usize,
    line: u32,
}

impl Lines<'_> {
    /// The line of a byte that does not stand before the last one asked for.
    fn of(&mut self, byte: usize) -> u32 {
        let between = self.html.get(self.at..byte).unwrap_or_default();
        self.line =
            self.line.saturating_add(u32::try_from(between.matches('\n').count()).unwrap_or(u32::MAX));
        self.at = self.at.max(byte);
        self.line
    }
}

struct Look<'a> {
    shown: &'a Shown,
    own: &'a Own,
    defects: BTreeSet<Defect>,
}

impl Look<'_> {
    /// Judges a link; whether it is one that earns, or hides whether it does.
    fn judge(&mut self, link: &ShownLink, target: &LogicalUrl, line: u32) -> bool {
        let (host, amazon) = (target.host(), is_amazon(target.host()));
        let shortened = is_of(host, &SHORTENERS);
        let mut wrong = Vec::new();
        if shortened {
            wrong.push(Kind::Shortened);
        }
        if !is_earning(host) && !shortened {
            return false;
        }
        wrong.extend(self.tag(target));
        let rel = link.rel.as_deref().unwrap_or_default();
        if !rel.iter().any(|value| REL.contains(&value.as_str())) {
            wrong.push(Kind::RelMissing);
        }
        wrong.extend(self.disclosed(link, &DISCLOSURES, false, Kind::NoDisclosure));
        if amazon {
            wrong.extend(self.disclosed(link, &[AMAZON_SENTENCE], true, Kind::SentenceMissing));
            if link.at.as_ref().is_some_and(|at| names_money(self.shown.around(at, PRICE_CHARS))) {
                wrong.push(Kind::PriceCopied);
            }
        }
        let href: String = link.href.chars().take(300).collect();
        self.defects.extend(wrong.into_iter().map(|kind| Defect { line, kind, link: href.clone() }));
        true
    }

    /// What is wrong with the tag by which a sale is the owner's.
    fn tag(&self, target: &LogicalUrl) -> Option<Kind> {
        let value = |name: &str| {
            let (_, query) = target.path_and_query().split_once('?')?;
            query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
        };
        if is_amazon(target.host()) && !self.own.amazon_tags.is_empty() {
            return match value("tag").filter(|tag| !tag.is_empty()) {
                None => Some(Kind::TagMissing),
                Some(tag) => (!self.own.amazon_tags.iter().any(|own| own == tag)).then_some(Kind::TagForeign),
            };
        }
        if is_of(target.host(), &["awin1.com"])
            && let Some(own) = self.own.awin
        {
            return match value("awinaffid").filter(|id| !id.is_empty()) {
                None => Some(Kind::TagMissing),
                Some(id) => (id != own.to_string()).then_some(Kind::TagForeign),
            };
        }
        None
    }

    /// `missing` if none of the phrases is seen, [`Kind::DisclosureFar`] if none is near.
    fn disclosed(&self, link: &ShownLink, phrases: &[&str], exact: bool, missing: Kind) -> Option<Kind> {
        let places: Vec<Range<usize>> =
            phrases.iter().flat_map(|phrase| self.shown.places(phrase, exact)).collect();
        if places.is_empty() {
            return Some(missing);
        }
        // What readers do not see, they do not follow.
        let at = link.at.as_ref()?;
        let near = places.iter().any(|place| {
            let gap = if place.end <= at.start { place.end..at.start } else { at.end..place.start };
            gap.start >= gap.end
                || self.shown.text.get(gap).is_some_and(|gap| gap.chars().count() <= NEAR_CHARS)
        });
        (!near).then_some(Kind::DisclosureFar)
    }
}
