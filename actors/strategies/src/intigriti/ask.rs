//! The actions: what is asked of Intigriti, and how.

use mm_sdk::{AccountId, Action, ActionKind, LogicalUrl, Method, PlatformId, Request};

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
    platform: PlatformId,
    account: AccountId,
}

impl Intigriti {
    /// With the account of that name.
    pub fn new(account: AccountId) -> Self {
        let platform = PLATFORM.parse().expect("`intigriti` is a slug");
        Self { platform, account }
    }

    /// The programmes that the account sees, its private ones too, from `offset` on.
    pub fn programmes(&self, offset: usize) -> Action {
        let url = checked(&format!("{API}/programs?limit={PAGE}&offset={offset}"));
        self.read(url, "see which programmes the account takes part in at Intigriti")
    }

    /// One programme with its scopes and its rules; `None` if `id` is none of Intigriti's.
    pub fn programme(&self, id: &str) -> Option<Action> {
        let url = checked(&format!("{API}/programs/{}", plain(id)?));
        Some(self.read(url, "read scope and rules of a programme at Intigriti"))
    }

    /// The draft of a report. Nothing here sends it.
    pub fn report(&self, text: &str, purpose: &str) -> Action {
        let url = checked(&format!("{API}/submissions"));
        let request = Request::new(Method::Post, url, text.as_bytes().to_vec()).expect("a POST has a body");
        let mut action = self.action(kind::REPORT, request, purpose);
        action.facts.insert("automation".to_owned(), "assisted".to_owned());
        action
    }

    fn read(&self, url: LogicalUrl, purpose: &str) -> Action {
        let request = Request::get(url).header("accept", "application/json").expect("it is a header");
        self.action(kind::READ, request, purpose)
    }

    fn action(&self, kind: &str, request: Request, purpose: &str) -> Action {
        let action = Action::of(self.platform.clone(), ActionKind::new(kind), request, purpose);
        Action { answer_bytes_max: ANSWER_BYTES_MAX, ..action }.with_account(self.account.clone())
    }
}

/// An id as it may stand in a path: Intigriti's are UUIDs.
fn plain(id: &str) -> Option<&str> {
    let sound = id.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
    (sound && (1..=64).contains(&id.len())).then_some(id)
}

/// A URL of constants, numbers and checked names.
fn checked(url: &str) -> LogicalUrl {
    LogicalUrl::parse(url).expect("it is made of constants, numbers and checked names")
}
