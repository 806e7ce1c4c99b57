//! Following a list from page to page by `links.next`, an absolute URL.
//!
//! It is followed only to the host and path that was asked: a forged answer leads a read nowhere else. A link that
//! was followed before, or more pages than a list has, end the list as not whole.

use std::collections::BTreeSet;

use mm_sdk::json::{self, Unreadable};
use mm_sdk::{Answer, LogicalUrl, Untrusted};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::elements;

/// The most pages of one list, of 100 elements each: as far as HackerOne's own pages reach.
pub const PAGES_MAX: usize = 100;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// What could be read.
    pub items: Vec<T>,
    /// A sentence for each that could not.
    pub bad: Vec<Unreadable>,
    /// How many elements it had in all.
    pub rows: usize,
    /// Where the next page is, as it was written; `None` on the last.
    pub next: Option<Untrusted>,
}

#[derive(Deserialize)]
struct Document {
    data: Vec<Value>,
    #[serde(default)]
    links: Option<Links>,
}

#[derive(Deserialize)]
struct Links {
    #[serde(default)]
    next: Option<String>,
}

/// Reads a page of which each element is `what`. It may be that none of them can be read: whether the list has
/// changed its shape is seen in all of its pages, and the last may have a single element.
///
/// # Errors
/// [`Unreadable`] if it is no such list.
pub fn page<R, T>(answer: &Answer, what: &str) -> Result<Page<T>, Unreadable>
where
    R: DeserializeOwned,
    T: TryFrom<R, Error = Unreadable>,
{
    let document: Document = json::read(answer, &format!("a list, each element {what}"))?;
    let rows = document.data.len();
    let (items, bad) = elements::tried(document.data, what, T::try_from);
    let next = document.links.and_then(|links| links.next).filter(|next| !next.is_empty());
    Ok(Page { items, bad, rows, next: next.map(Untrusted::new) })
}

/// The pages of one list that were read.
#[derive(Debug, Clone, Default)]
pub struct Pages {
    asked: BTreeSet<String>,
}

/// A next page that is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadNext {
    /// It is no URL of this list.
    #[error("the link to the next page leads to {0}, which is not this list, and is not followed")]
    Elsewhere(String),
    /// It was read before.
    #[error("the link to the next page leads back to one that was read")]
    Loop,
    /// There are too many.
    #[error("the list does not end after {PAGES_MAX} pages")]
    Endless,
}

impl Pages {
    /// The page after the one that was asked for as `asked`.
    ///
    /// # Errors
    /// [`BadNext`] if it must not be followed.
    pub fn follow(&mut self, asked: &LogicalUrl, next: &Untrusted) -> Result<LogicalUrl, BadNext> {
        self.asked.insert(asked.as_str().to_owned());
        let elsewhere = || BadNext::Elsewhere(next.line(80));
        let url = next.as_url_on(&[asked.host()]).map_err(|_| elsewhere())?;
        if url.path() != asked.path() {
            return Err(elsewhere());
        }
        if self.asked.contains(url.as_str()) {
            return Err(BadNext::Loop);
        }
        if self.asked.len() >= PAGES_MAX {
            return Err(BadNext::Endless);
        }
        Ok(url)
    }
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<One>,
}

#[derive(Deserialize)]
struct One {
    title: Option<String>,
    detail: Option<String>,
}

/// HackerOne's own words on a refusal.
pub fn said(answer: &Answer) -> Option<Untrusted> {
    let errors: Errors = json::read(answer, "an error of HackerOne").ok()?;
    let first = errors.errors.into_iter().next()?;
    match (first.title, first.detail.filter(|detail| !detail.is_empty())) {
        (Some(title), Some(detail)) => Some(Untrusted::new(format!("{title}: {detail}"))),
        (title, detail) => title.or(detail).map(Untrusted::new),
    }
}
