//! What is asked of GitHub, and how.
//!
//! Each query's text is a constant but for its operation name, which is made of a moment: the machine makes the
//! very same POST only once, and a query is wanted anew in every run. Values travel as variables.

use mm_sdk::{AccountId, Action, LogicalUrl, Method, Moment, Request};
use serde_json::{Value, json};

use super::pages::Cursor;
use crate::asker::{Asker, checked};

/// The platform, as its rule pack names it.
pub const PLATFORM: &str = "github-sponsors";

/// Where the API is.
pub const API: &str = "https://api.github.com/graphql";

/// The most bytes of an answer that are wanted: a page of a hundred sponsors has some 60 KiB.
const ANSWER_BYTES_MAX: u64 = 4 << 20;

/// The kinds of act, as the rule pack names them.
pub mod kind {
    /// A query.
    pub const READ: &str = "read";
    /// A thank-you note, which its owner sends himself.
    pub const THANK: &str = "thank-sponsor";
}

/// What is asked for, without the operation's name. The schema calls `viewer` a `User`, who is `Sponsorable`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Query {
    /// Who the account is, its listing, its estimates.
    Profile,
    /// The tiers of its listing.
    Tiers,
    /// Who sponsors it now.
    Sponsorships,
    /// What happened, the newest first.
    Activities,
    /// What each sponsor has paid in all.
    Lifetime,
}

impl Query {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Profile, Self::Tiers, Self::Sponsorships, Self::Activities, Self::Lifetime];

    /// Its name, and that of a page of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Tiers => "tiers",
            Self::Sponsorships => "sponsorships",
            Self::Activities => "activities",
            Self::Lifetime => "lifetime",
        }
    }

    /// Its variables and its fields.
    pub fn text(self) -> &'static str {
        match self {
            Self::Profile => PROFILE,
            Self::Tiers => TIERS,
            Self::Sponsorships => SPONSORSHIPS,
            Self::Activities => ACTIVITIES,
            Self::Lifetime => LIFETIME,
        }
    }
}

const PROFILE: &str = "{ viewer { login hasSponsorsListing monthlyEstimatedSponsorsIncomeInCents \
    estimatedNextSponsorsPayoutInCents \
    sponsorsListing { isPublic nextPayoutDate dashboardUrl } } }";

const TIERS: &str = "($after: String) { viewer { sponsorsListing { \
    tiers(first: 100, after: $after, includeUnpublished: true) { totalCount pageInfo { hasNextPage endCursor } \
    nodes { id name monthlyPriceInCents isOneTime isCustomAmount adminInfo { isDraft isPublished isRetired } } } \
    } } }";

const SPONSORSHIPS: &str = "($after: String) { viewer { \
    sponsorshipsAsMaintainer(first: 100, after: $after, activeOnly: true, includePrivate: true) { \
    totalCount pageInfo { hasNextPage endCursor } \
    nodes { id createdAt isOneTimePayment isSponsorOptedIntoEmail privacyLevel paymentSource \
    tier { id name monthlyPriceInCents isOneTime isCustomAmount } \
    sponsorEntity { __typename ... on User { login } ... on Organization { login } } } } } }";

const ACTIVITIES: &str = "($after: String, $since: DateTime) { viewer { \
    sponsorsActivities(first: 100, after: $after, period: ALL, since: $since, includePrivate: true) { \
    totalCount pageInfo { hasNextPage endCursor } \
    nodes { id action timestamp currentPrivacyLevel paymentSource \
    previousSponsorsTier { name monthlyPriceInCents isOneTime } \
    sponsorsTier { name monthlyPriceInCents isOneTime } \
    sponsor { __typename ... on User { login } ... on Organization { login } } } } } }";

const LIFETIME: &str = "($after: String) { viewer { \
    lifetimeReceivedSponsorshipValues(first: 100, after: $after) { \
    totalCount pageInfo { hasNextPage endCursor } \
    nodes { amountInCents sponsor { __typename ... on User { login } ... on Organization { login } } } } } }";

/// GitHub Sponsors, asked with the owner's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sponsors {
    asker: Asker,
    asked_at: Moment,
}

impl Sponsors {
    /// With the account of that name; `asked_at` is what tells this run's queries from any other's.
    pub fn new(account: AccountId, asked_at: Moment) -> Self {
        Self { asker: Asker::new(PLATFORM, account, ANSWER_BYTES_MAX), asked_at }
    }

    /// One page of a query; `since` counts for activities alone.
    pub fn query(&self, query: Query, after: Option<&Cursor>, since: Option<Moment>) -> Action {
        let mut variables = serde_json::Map::new();
        if let Some(after) = after {
            variables.insert("after".to_owned(), after.as_str().into());
        }
        if let Some(since) = since.filter(|_| query == Query::Activities) {
            variables.insert("since".to_owned(), since.to_string().into());
        }
        let operation = format!("{}_{}", query.name(), self.asked_at.unix_ms().max(0));
        let body = json!({
            "query": format!("query {operation}{}", query.text()),
            "operationName": operation,
            "variables": variables,
        });
        self.post(kind::READ, checked(API), &body, &format!("read your sponsors at GitHub: {}", query.name()))
    }

    /// A note to a sponsor. The rules hand it to the owner: nothing of it ever leaves by itself. `dashboard` is
    /// the page from which he would send it.
    pub fn thank(&self, dashboard: LogicalUrl, to: &str, text: &str, purpose: &str) -> Action {
        self.post(kind::THANK, dashboard, &json!({ "to": to, "body": text }), purpose)
    }

    fn post(&self, kind: &str, url: LogicalUrl, body: &Value, purpose: &str) -> Action {
        let request =
            Request::new(Method::Post, url, body.to_string().into_bytes()).expect("a POST has a body");
        let headers = [("accept", "application/json"), ("content-type", "application/json")];
        let request = headers
            .into_iter()
            .fold(request, |request, (name, value)| request.header(name, value).expect("both are headers"));
        self.asker.action(kind, request, purpose)
    }
}
