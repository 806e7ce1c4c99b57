//! Following a list by its cursors. A cursor is GitHub's own and opaque: it goes back as a variable and is never
//! looked into.

use std::collections::BTreeSet;

use mm_sdk::Untrusted;
use mm_sdk::json::Unreadable;
use serde::Deserialize;
use serde_json::Value;

use crate::elements::readable;

/// The most pages of one list: ten thousand sponsors.
pub const PAGES_MAX: usize = 100;

/// A longer cursor is none of GitHub's: theirs have some fifty characters.
const CURSOR_CHARS_MAX: usize = 512;

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(String);

impl Cursor {
    /// As it goes into a variable.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// What could be read.
    pub items: Vec<T>,
    /// A sentence for each that could not.
    pub bad: Vec<Unreadable>,
    /// Elements that GitHub shows as null: they are there, and not for us to see.
    pub hidden: usize,
    /// How many there are in all.
    pub total: u64,
    /// Where the next page begins; `None` on the last.
    pub next: Option<Cursor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Connection {
    total_count: u64,
    page_info: PageInfo,
    nodes: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Reads a connection; `element` reads one node, and a bad one costs itself alone.
    ///
    /// # Errors
    /// [`Unreadable`] if it is no connection, says that there is more and not where, or has nodes and none of
    /// them can be read: then its shape has changed.
    pub fn read(
        value: Value,
        what: &str,
        element: impl Fn(Value) -> Result<T, Unreadable>,
    ) -> Result<Self, Unreadable> {
        let connection: Connection = serde_json::from_value(value)
            .map_err(|error| Unreadable::new(format!("this is no list of {what}: {error}")))?;
        let next = match (connection.page_info.has_next_page, connection.page_info.end_cursor) {
            (false, _) => None,
            (true, Some(cursor)) if (1..=CURSOR_CHARS_MAX).contains(&cursor.chars().count()) => {
                Some(Cursor(cursor))
            }
            (true, _) => {
                return Err(Unreadable::new(format!("there are more {what}, and no cursor says where")));
            }
        };
        let (mut items, mut bad, mut hidden) = (Vec::new(), Vec::new(), 0);
        for (n, node) in connection.nodes.into_iter().enumerate() {
            if node.is_null() {
                hidden += 1;
                continue;
            }
            match element(node) {
                Ok(item) => items.push(item),
                Err(error) => bad.push(Unreadable::new(format!("number {} of the {what}: {error}", n + 1))),
            }
        }
        let (items, bad) = readable((items, bad))?;
        Ok(Self { items, bad, hidden, total: connection.total_count, next })
    }
}

/// The pages of one list so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pages {
    seen: BTreeSet<Cursor>,
}

impl Pages {
    /// Takes the cursor that a page ends with; gives it back to be asked for.
    ///
    /// # Errors
    /// [`Unreadable`] if it was there before, so that the list would go in a circle, or is one too many.
    pub fn follow(&mut self, next: Cursor) -> Result<Cursor, Unreadable> {
        if self.seen.len() + 1 >= PAGES_MAX {
            return Err(Unreadable::new(format!("the list has more than {PAGES_MAX} pages")));
        }
        if !self.seen.insert(next.clone()) {
            let cursor = Untrusted::new(next.as_str()).line(40);
            return Err(Unreadable::new(format!(
                "the list goes in a circle: the cursor {cursor} came twice"
            )));
        }
        Ok(next)
    }
}
