//! The actions: what is asked of YesWeHack, and how.

use mm_sdk::{AccountId, Action, Method, Request};
use serde_json::json;

use crate::asker::{Asker, checked};

/// The platform, as its rule pack names it.
pub const PLATFORM: &str = "yeswehack";

/// Where the interface is.
const API: &str = "https://api.yeswehack.com";

/// How many programmes of a page are asked for; fewer may come.
pub const PAGE: usize = 50;

/// The most pages that are read: some thousand programmes.
pub const PAGES_MAX: usize = 50;

/// The most bytes of an answer that are wanted.
const ANSWER_BYTES_MAX: u64 = 8 << 20;

/// The kinds of act, as the rule pack names them.
pub mod kind {
    /// Programmes.
    pub const READ: &str = "read";
    /// A report. The rules hand it to the owner.
    pub const REPORT: &str = "submit-report";
}

/// YesWeHack, asked with the owner's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YesWeHack {
    asker: Asker,
}

impl YesWeHack {
    /// With the account of that name.
    pub fn new(account: AccountId) -> Self {
        Self { asker: Asker::new(PLATFORM, account, ANSWER_BYTES_MAX) }
    }

    /// A page of the programmes that the account sees, its private ones too; the first is 1.
    pub fn programmes(&self, page: usize) -> Action {
        let url = checked(&format!("{API}/programs?page={page}&resultsPerPage={PAGE}"));
        self.asker.read(kind::READ, url, "see which programmes the account takes part in at YesWeHack")
    }

    /// One programme with its scopes and rules; `None` if its slug is none.
    pub fn programme(&self, slug: &str) -> Option<Action> {
        let url = checked(&format!("{API}/programs/{}", plain(slug)?));
        Some(self.asker.read(kind::READ, url, "read scope and rules of a programme at YesWeHack"))
    }

    /// The draft of a report, to be sent on the programme's own page. Nothing here sends it.
    pub fn report(&self, slug: &str, title: &str, text: &str, purpose: &str) -> Option<Action> {
        let url = checked(&format!("https://yeswehack.com/programs/{}", plain(slug)?));
        let body = json!({ "title": title, "description": text }).to_string().into_bytes();
        let request = Request::new(Method::Post, url, body).expect("a POST has a body");
        Some(self.asker.draft(kind::REPORT, request, purpose))
    }
}

/// A slug as it may stand in a path.
fn plain(slug: &str) -> Option<&str> {
    let sound = slug.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_.".contains(&c));
    (sound && (1..=200).contains(&slug.len()) && !slug.starts_with('.')).then_some(slug)
}
