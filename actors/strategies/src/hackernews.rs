//! The connector for Hacker News: this month's threads, and what is posted in them. Pure: requests built,
//! answers read.
//!
//! The threads are found with Algolia's search among the stories of the account `whoishiring`, and told apart
//! by their titles: "Who wants to be hired?" is posted beside them and is not for us. Threads and postings are
//! then read from the Firebase API, item by item. Nothing is written: there is no interface for that.
//!
//! Sources: github.com/HackerNews/API (items: a missing one is `null`, `deleted` drops the fields, `text` is
//! HTML), hn.algolia.com/api (search).
//!
//! ## Design notes
//!
//! A posting is a comment whose parent is the thread itself; what hangs below one is talk. Unknown fields are
//! ignored, an unknown type is said to be one and is no posting.

use mm_sdk::json::{self, Unreadable};
use mm_sdk::{Action, ActionKind, Answer, LogicalUrl, Moment, PlatformId, Request, Untrusted, Validators};
use serde::Deserialize;
use serde_json::Value;

use crate::elements::readable;
use crate::markup;
use crate::reading::conditional;

/// The platform, as its rule pack names it.
pub const PLATFORM: &str = "hackernews";

/// The account that posts the threads, letter by letter.
const AUTHOR: &str = "whoishiring";

/// The stories of the author that are looked at: three a month.
const SEARCH: &str =
    "https://hn.algolia.com/api/v1/search_by_date?tags=story,author_whoishiring&hitsPerPage=10";

/// Where items are read.
const ITEMS: &str = "https://hacker-news.firebaseio.com/v0/item/";

/// The most bytes of an answer that are wanted: a posting has some thousand, a thread's list of kids ten.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// The kinds of act, as the rule pack names them.
pub mod kind {
    /// Algolia's search.
    pub const SEARCH: &str = "search";
    /// An item.
    pub const READ: &str = "read";
}

/// Which thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Topic {
    /// "Who is hiring?": employers post.
    Hiring,
    /// "Freelancer? Seeking freelancer?": both sides post.
    Freelancer,
}

impl Topic {
    /// What a title says that the thread is for; `None` for any other.
    pub fn of_title(title: &str) -> Option<Self> {
        let title = title.to_lowercase();
        let title = title.strip_prefix("ask hn:")?.trim_start();
        if title.starts_with("who is hiring?") {
            return Some(Self::Hiring);
        }
        title.starts_with("freelancer? seeking freelancer?").then_some(Self::Freelancer)
    }

    /// As its title begins.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hiring => "Who is hiring?",
            Self::Freelancer => "Freelancer? Seeking freelancer?",
        }
    }
}

/// A thread that the search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// Its item's number.
    pub id: u64,
    /// What it is for.
    pub topic: Topic,
    /// When it was posted.
    pub at: Moment,
}

/// An item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// There is none of that number now: a new one may read so for a while.
    Missing,
    /// It was deleted by its author.
    Gone,
    /// It was closed by moderators or by what readers said of it; they may open it again.
    Dead,
    /// A story: the items directly below it.
    Story(Vec<u64>),
    /// A comment.
    Comment(Comment),
    /// A type that is none of these, such as a job or a poll, or a new one.
    Other(Untrusted),
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Its number.
    pub id: u64,
    /// What it answers: a posting answers its thread.
    pub parent: u64,
    /// Who wrote it.
    pub by: Untrusted,
    /// When.
    pub at: Moment,
    /// What it says, markup read, to be searched.
    pub text: String,
}

/// The search for the threads, the newest first.
pub fn threads(known: &Validators) -> Action {
    action(kind::SEARCH, SEARCH, known, "find this month's threads of Hacker News")
}

/// The read of an item.
pub fn item(id: u64, known: &Validators) -> Action {
    action(kind::READ, &format!("{ITEMS}{id}.json"), known, &format!("read item {id} of Hacker News"))
}

/// Where a person reads an item.
pub fn page(id: u64) -> String {
    format!("https://news.ycombinator.com/item?id={id}")
}

fn action(kind: &str, url: &str, known: &Validators, purpose: &str) -> Action {
    let platform: PlatformId = PLATFORM.parse().expect("`hackernews` is a slug");
    let url = LogicalUrl::parse(url).expect("it is made of a constant and a number");
    let request = conditional(Request::get(url), known);
    let action = Action::of(platform, ActionKind::new(kind), request, purpose);
    Action { answer_bytes_max: ANSWER_BYTES_MAX, ..action }
}

/// The threads in an answer to [`threads`], in its order, and a sentence for each hit that cannot be read.
///
/// # Errors
/// [`Unreadable`] if it is no such answer, or has hits and none can be read.
pub fn read_threads(answer: &Answer) -> Result<(Vec<Thread>, Vec<Unreadable>), Unreadable> {
    #[derive(Deserialize)]
    struct Found {
        hits: Vec<Value>,
    }
    #[derive(Deserialize)]
    struct Hit {
        #[serde(rename = "objectID")]
        id: String,
        author: Untrusted,
        title: String,
        created_at_i: i64,
    }
    let found: Found = json::read(answer, "a search's answer")?;
    let (hits, mut bad) = readable(json::each::<Hit>(found.hits, "a story"))?;
    let mut threads = Vec::new();
    for hit in hits.into_iter().filter(|hit| hit.author.is(AUTHOR)) {
        let Some(topic) = Topic::of_title(&hit.title) else { continue };
        match (hit.id.parse(), seconds(hit.created_at_i)) {
            (Ok(id), Some(at)) => threads.push(Thread { id, topic, at }),
            _ => bad
                .push(Unreadable::new(format!("`{}` is no number of an item, or its time is none", hit.id))),
        }
    }
    Ok((threads, bad))
}

/// An item as it is written: `type` and `id` alone are always there.
#[derive(Deserialize)]
struct Raw {
    id: u64,
    #[serde(rename = "type")]
    kind: Option<Untrusted>,
    #[serde(default)]
    deleted: bool,
    #[serde(default)]
    dead: bool,
    by: Option<Untrusted>,
    parent: Option<u64>,
    time: Option<i64>,
    text: Option<String>,
    #[serde(default)]
    kids: Vec<u64>,
}

/// The item in an answer to [`item`] for `id`.
///
/// # Errors
/// [`Unreadable`] if it is no item, or another one.
pub fn read_item(id: u64, answer: &Answer) -> Result<Item, Unreadable> {
    let Some(raw) = json::read::<Option<Raw>>(answer, "an item")? else { return Ok(Item::Missing) };
    if raw.id != id {
        return Err(Unreadable::new(format!("item {} came for item {id}", raw.id)));
    }
    if raw.deleted || raw.dead {
        return Ok(if raw.deleted { Item::Gone } else { Item::Dead });
    }
    let kind = raw.kind.unwrap_or_default();
    if kind.is("story") {
        return Ok(Item::Story(raw.kids));
    }
    if !kind.is("comment") {
        return Ok(Item::Other(kind));
    }
    let comment = (|| {
        let at = seconds(raw.time?)?;
        Some(Comment { id, parent: raw.parent?, by: raw.by?, at, text: markup::text(&raw.text?) })
    })();
    comment
        .map(Item::Comment)
        .ok_or_else(|| Unreadable::new(format!("comment {id} is without its parent, author, time or text")))
}

fn seconds(s: i64) -> Option<Moment> {
    s.checked_mul(1000).map(Moment::from_unix_ms)
}
