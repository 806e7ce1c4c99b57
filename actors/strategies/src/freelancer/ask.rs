//! The actions: what is asked of Freelancer.com, and how.

use mm_sdk::{AccountId, Action, Decimal, Method, Request, Untrusted, Validators};
use serde_json::json;

use crate::asker::{Asker, checked};
use crate::reading::conditional;

/// The platform, as its rule pack names it.
pub const PLATFORM: &str = "freelancer";

/// Where the API is.
pub(super) const API: &str = "https://www.freelancer.com/api";

/// Projects on a page: the most that the API gives.
pub const PAGE: usize = 100;

/// The most bytes of an answer that are wanted: a hundred projects with their whole texts.
const ANSWER_BYTES_MAX: u64 = 8 << 20;

/// The kinds of act, as the rule pack names them.
pub mod kind {
    /// Projects and currencies.
    pub const READ: &str = "read";
    /// The own user record.
    pub const ACCOUNT: &str = "account-check";
    /// A bid.
    pub const BID: &str = "bid";
    /// A read that finds out whether a bid was made.
    pub const LOOK_UP: &str = "look-up";
}

/// A bid that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bid<'a> {
    /// On which project.
    pub project: u64,
    /// The own number.
    pub bidder: u64,
    /// How much, in the project's currency: in all, or an hour where it is paid by the hour.
    pub amount: Decimal,
    /// In how many days.
    pub days: u32,
    /// In what words.
    pub description: &'a str,
}

/// Freelancer.com, asked with the owner's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freelancer {
    asker: Asker,
}

impl Freelancer {
    /// With the account of that name.
    pub fn new(account: AccountId) -> Self {
        Self { asker: Asker::new(PLATFORM, account, ANSWER_BYTES_MAX) }
    }

    /// Who the account is.
    pub fn viewer(&self, known: &Validators) -> Action {
        let purpose = "see under which number the account is known at Freelancer.com";
        self.get(kind::ACCOUNT, &format!("{API}/users/0.1/self/"), known, purpose)
    }

    /// Active projects that `words` find, the newest first, from `offset` on.
    pub fn projects(&self, words: &str, offset: usize, known: &Validators) -> Action {
        let words: String = words.chars().take(100).collect();
        let query = Untrusted::new(words).as_query_value();
        let query = query.as_ref().map_or("", |query| query.as_str());
        let url = format!(
            "{API}/projects/0.1/projects/active/?query={query}&limit={PAGE}&offset={offset}\
             &full_description=true&job_details=true&sort_field=time_updated"
        );
        self.get(kind::READ, &url, known, "look for active projects at Freelancer.com")
    }

    /// The currencies by their numbers.
    pub fn currencies(&self, known: &Validators) -> Action {
        let purpose = "see which currencies Freelancer.com means";
        self.get(kind::READ, &format!("{API}/projects/0.1/currencies/"), known, purpose)
    }

    /// A bid. It is an offer in the owner's name, so the rules decide, and he himself.
    pub fn bid(&self, bid: &Bid<'_>, purpose: &str) -> Action {
        let amount: serde_json::Number =
            bid.amount.normalize().to_string().parse().expect("a decimal is written as a number");
        let body = json!({
            "project_id": bid.project,
            "bidder_id": bid.bidder,
            "amount": amount,
            "period": bid.days,
            "milestone_percentage": 100,
            "description": bid.description,
        });
        let url = checked(&format!("{API}/projects/0.1/bids/"));
        let request =
            Request::new(Method::Post, url, body.to_string().into_bytes()).expect("a POST has a body");
        let request = request.header("content-type", "application/json").expect("it is a header");
        self.asker.action(kind::BID, request, purpose)
    }

    fn get(&self, kind: &str, url: &str, known: &Validators, purpose: &str) -> Action {
        self.asker.action(kind, conditional(Request::get(checked(url)), known), purpose)
    }
}
