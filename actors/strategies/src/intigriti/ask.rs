//! The actions: what is asked of Intigriti, and how.

use mm_sdk::{AccountId, Action, Method, Request};

use crate::asker::{Asker, checked};

/// The platform, as its rule pack names it.
pub const PLATFORM: &str = "intigriti";

/// Where the interface is.
const API: &str = "https://api.intigriti.com/external/researcher/v1";

/// The most programmes that one call gives.
pub const PAGE: usize = 500;

/// The most bytes of an answer that are wanted.
const ANSWER_BYTES_MAX: u64 = 8 << 20;

/// The kinds of act, as the rule pack names them.
pub mod kind {
    /// Programmes.
    pub const READ: &str = "read";
    /// A report. The rules hand it to the owner.
    pub const REPORT: &str = "submit-report";
}

/// Intigriti, asked with the owner's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intigriti {
    asker: Asker,
}

impl Intigriti {
    /// With the account of that name.
    pub fn new(account: AccountId) -> Self {
        Self { asker: Asker::new(PLATFORM, account, ANSWER_BYTES_MAX) }
    }

    /// The programmes that the account sees, its private ones too, from `offset` on.
    pub fn programmes(&self, offset: usize) -> Action {
        let url = checked(&format!("{API}/programs?limit={PAGE}&offset={offset}"));
        self.asker.read(kind::READ, url, "see which programmes the account takes part in at Intigriti")
    }

    /// One programme with its scopes and its rules; `None` if `id` is none of Intigriti's.
    pub fn programme(&self, id: &str) -> Option<Action> {
        let url = checked(&format!("{API}/programs/{}", plain(id)?));
        Some(self.asker.read(kind::READ, url, "read scope and rules of a programme at Intigriti"))
    }

    /// The draft of a report. Nothing here sends it.
    pub fn report(&self, text: &str, purpose: &str) -> Action {
        let url = checked(&format!("{API}/submissions"));
        let request = Request::new(Method::Post, url, text.as_bytes().to_vec()).expect("a POST has a body");
        self.asker.draft(kind::REPORT, request, purpose)
    }
}

/// An id as it may stand in a path: Intigriti's are UUIDs.
fn plain(id: &str) -> Option<&str> {
    let sound = id.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
    (sound && (1..=64).contains(&id.len())).then_some(id)
}
