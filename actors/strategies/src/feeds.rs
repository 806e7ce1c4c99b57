//! The connector for feeds of boards: RSS 0.9x, 1.0 and 2.0, Atom, JSON Feed. Pure: a page is asked for, and
//! its bytes are read; nothing waits here.
//!
//! The formats are read by `feed-rs`, which is told of all fixtures of its own; what is taken from it is put
//! into one shape here, [`Feed`]. A feed without a root, cut short or of another kind is refused in one
//! sentence. A feed may hold anything: of its items so many are read, their texts are bounded, and a time
//! that nobody can have meant is told apart ([`Item::when`]).
//!
//! Sources: rssboard.org/rss-specification, web.resource.org/rss/1.0/spec, RFC 4287, jsonfeed.org/version/1.1.
//!
//! ## Design notes
//!
//! An item is known by its guid or id, else by its link, as the formats say; RSS 1.0 has no id but the
//! resource that it is about, which is its link. For an item that has neither, the digest of its title, or of
//! its text, stands in, so that the same bytes are the same item.
//!
//! A page that no API covers is read under the site's robots.txt, so the kind of act is `fetch-page`, which the
//! road judges by that file.

use std::time::Duration;

use feed_rs::model::{Entry, FeedType, Link};
use mm_sdk::json::Unreadable;
use mm_sdk::{
    Action, ActionKind, Answer, Digest, LogicalUrl, Moment, PlatformId, Request, Untrusted, Validators,
};

use crate::markup;
use crate::reading::conditional;

/// The platform, as its rule pack names it: its hosts are those that the owner wrote there.
pub const PLATFORM: &str = "feeds";

/// The kind of act, as `law-robots` names it.
pub const READ: &str = "fetch-page";

/// The most bytes of a feed that are wanted; the largest real one seen has half a million.
const ANSWER_BYTES_MAX: u64 = 4 << 20;

/// The most items of a feed that are read, in the order in which they stand: the newest first, by custom.
pub const ITEMS_MAX: usize = 500;

/// The most characters of an item's text that are kept to be searched.
const TEXT_CHARS_MAX: usize = 20_000;

/// Before this no item was written: the format is of 1999.
const EARLIEST: Moment = Moment::from_unix_ms(915_148_800_000);

/// An item may be dated so far ahead: boards announce, and clocks differ.
const AHEAD: Duration = Duration::from_secs(2 * 24 * 3600);

/// What a feed is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RSS 0.90 to 0.92.
    Rss0,
    /// RSS 1.0, which is RDF.
    Rss1,
    /// RSS 2.0.
    Rss2,
    /// Atom.
    Atom,
    /// JSON Feed.
    Json,
}

/// A feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// In what it is written.
    pub format: Format,
    /// Its name.
    pub title: Option<Untrusted>,
    /// Its items, in their order.
    pub items: Vec<Item>,
    /// How many items there were beyond [`ITEMS_MAX`].
    pub left_out: usize,
}

/// An item of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What tells it from all others of its feed.
    pub id: Untrusted,
    /// Its title, markup read.
    pub title: Option<Untrusted>,
    /// Where it leads.
    pub link: Option<Untrusted>,
    /// Its first author.
    pub author: Option<Untrusted>,
    /// When it was published, as it says.
    pub published: Option<Moment>,
    /// When it was changed, as it says.
    pub updated: Option<Moment>,
    /// Summary and content, markup read, to be searched.
    pub text: String,
}

/// When an item is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Of that time.
    At(Moment),
    /// It does not say.
    Unsaid,
    /// It says a time at which it cannot have been written, such as one in 1970 or 2099.
    Odd(Moment),
}

impl Item {
    /// When it is of, seen from `now`: as published, else as changed.
    pub fn when(&self, now: Moment) -> When {
        match self.published.or(self.updated) {
            None => When::Unsaid,
            Some(at) if at < EARLIEST || at > now.plus(AHEAD) => When::Odd(at),
            Some(at) => When::At(at),
        }
    }
}

/// The read of a feed.
pub fn fetch(url: &LogicalUrl, known: &Validators) -> Action {
    let platform: PlatformId = PLATFORM.parse().expect("`feeds` is a slug");
    let request = conditional(Request::get(url.clone()), known);
    let purpose = format!("see what is new at the board {}", url.host());
    let action = Action::of(platform, ActionKind::new(READ), request, purpose);
    Action { answer_bytes_max: ANSWER_BYTES_MAX, ..action }
}

/// The feed in an answer to [`fetch`]. `url` is where it lies: links may be relative to it.
///
/// # Errors
/// [`Unreadable`] if it is no feed, or not a whole one.
pub fn read(url: &LogicalUrl, answer: &Answer) -> Result<Feed, Unreadable> {
    parse(url.as_str(), &answer.body)
}

/// As [`read`], of bytes.
///
/// # Errors
/// [`Unreadable`] if they are no feed, or not a whole one.
pub fn parse(base: &str, bytes: &[u8]) -> Result<Feed, Unreadable> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    // Without this it would make up ids, of chance.
    let parser =
        feed_rs::parser::Builder::new().base_uri(Some(base)).id_generator(|_, _, _| String::new()).build();
    let feed =
        parser.parse(bytes).map_err(|error| Unreadable::new(format!("this is not a feed: {error}")))?;
    let format = match feed.feed_type {
        FeedType::Atom => Format::Atom,
        FeedType::JSON => Format::Json,
        FeedType::RSS0 => Format::Rss0,
        FeedType::RSS1 => Format::Rss1,
        FeedType::RSS2 => Format::Rss2,
    };
    Ok(Feed {
        format,
        title: feed.title.map(|title| Untrusted::new(markup::line(&title.content))),
        left_out: feed.entries.len().saturating_sub(ITEMS_MAX),
        items: feed.entries.into_iter().take(ITEMS_MAX).map(|entry| item(format, entry)).collect(),
    })
}

fn item(format: Format, entry: Entry) -> Item {
    let link = link(&entry.links).map(str::to_owned);
    let title = entry.title.map(|title| markup::line(&title.content)).filter(|title| !title.is_empty());
    let texts = entry.summary.map(|summary| summary.content).into_iter();
    let texts = texts.chain(entry.content.and_then(|content| content.body));
    let text = texts.map(|html| markup::text(&html)).collect::<Vec<_>>().join("\n");
    let id = match format {
        Format::Rss1 => None,
        _ => Some(entry.id.trim().to_owned()).filter(|id| !id.is_empty()),
    };
    let stand_in = || Digest::of(title.as_deref().unwrap_or(&text).as_bytes()).short(24);
    let id = id.or_else(|| link.clone()).unwrap_or_else(stand_in);
    // A guid or id may be the only link that an item has.
    let is_link = ["https://", "http://"].iter().any(|scheme| id.starts_with(scheme));
    let link = link.or_else(|| is_link.then(|| id.clone()));
    let published = entry.published.map(Moment::from);
    Item {
        id: Untrusted::new(id),
        title: title.map(Untrusted::new),
        link: link.map(Untrusted::new),
        author: entry.authors.into_iter().find_map(|author| author.name).map(Untrusted::new),
        published,
        // What says nothing of changes is given the first time again.
        updated: entry
            .updated
            .map(Moment::from)
            .filter(|at| format == Format::Atom || published != Some(*at)),
        text: text.chars().take(TEXT_CHARS_MAX).collect(),
    }
}

/// The link to the item itself: one that says so or says nothing, else the first.
fn link(links: &[Link]) -> Option<&str> {
    let own = |link: &&Link| link.rel.as_deref().is_none_or(|rel| rel.eq_ignore_ascii_case("alternate"));
    let link = links.iter().find(own).or_else(|| links.first());
    link.map(|link| link.href.trim()).filter(|href| !href.is_empty())
}
