//! Asking a platform with an account of the owner: what every action there has in common.
//!
//! Pure: actions are built, and nobody is asked. What an action is about is its connector's business.

use mm_sdk::{AccountId, Action, ActionKind, LogicalUrl, PlatformId, Request};

/// A platform, asked with an account of the owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asker {
    platform: PlatformId,
    account: AccountId,
    answer_bytes_max: u64,
}

impl Asker {
    /// Of the platform of that name, which is a constant and a slug, with the account of that name. An answer of
    /// more bytes than `answer_bytes_max` is not wanted.
    pub(crate) fn new(platform: &str, account: AccountId, answer_bytes_max: u64) -> Self {
        let platform = platform.parse().expect("a connector's platform is a slug");
        Self { platform, account, answer_bytes_max }
    }

    /// A read that wants JSON.
    pub(crate) fn read(&self, kind: &str, url: LogicalUrl, purpose: &str) -> Action {
        let request = Request::get(url).header("accept", "application/json").expect("it is a header");
        self.action(kind, request, purpose)
    }

    /// The draft of a report. A machine prepared it, and its owner must be able to say so.
    pub(crate) fn draft(&self, kind: &str, request: Request, purpose: &str) -> Action {
        let mut action = self.action(kind, request, purpose);
        action.facts.insert("automation".to_owned(), "assisted".to_owned());
        action
    }

    /// Any other action.
    pub(crate) fn action(&self, kind: &str, request: Request, purpose: &str) -> Action {
        let action = Action::of(self.platform.clone(), ActionKind::new(kind), request, purpose);
        Action { answer_bytes_max: self.answer_bytes_max, ..action }.with_account(self.account.clone())
    }
}

/// A URL of constants, numbers, checked names and encoded values, and of nothing else.
pub(crate) fn checked(url: &str) -> LogicalUrl {
    LogicalUrl::parse(url).expect("it is made of constants, numbers, checked names and encoded values")
}
