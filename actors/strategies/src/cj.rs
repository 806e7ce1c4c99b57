//! The connector for CJ's commission API: requests built, answers read. Pure.
//!
//! `POST /query` takes a question of GraphQL, `publisherCommissions`, for a span of posting dates. An answer that is
//! not whole says `payloadComplete: false`, and the next question names its `maxCommissionId`. What is corrected
//! stays as it is: a correction is a record of its own, often negative, joined by `originalActionId`.
//!
//! Sources: docs.cj.com/docs/graphql-api; the schema that the endpoint itself gave on 2026-08-13
//! (github.com/api-evangelist/cj-affiliate). The states are open words in it; the four are CJ's own help's.
//!
//! ## Design notes
//!
//! The question leaves as a POST and changes nothing, which [`questions`] tells the machine. The same bytes are asked
//! again in every run, so each run's questions are an occasion of their own. The amounts come in dollars or in the publisher's own currency, whose
//! name no field tells: the owner's settings do.

pub mod questions;

use mm_sdk::json::Unreadable;
use mm_sdk::{AccountId, Action, Answer, Currency, Method, Moment, Request, Stage, Untrusted};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use self::questions::OPENING;
use crate::asker::{Asker, checked};
use crate::network::{Commission, Exact, Page, Window, each, money, name, whole};

/// The platform, as its rule pack names it.
pub const PLATFORM: &str = "cj";
/// The widest window in days; no limit is published, its clients use this.
pub const WINDOW_DAYS: u32 = 31;

/// Where the API is.
const API: &str = "https://commissions.api.cj.com/query";
/// Ten thousand short records have about 4 MiB.
const ANSWER_BYTES_MAX: u64 = 32 << 20;

/// CJ, asked with the owner's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cj {
    asker: Asker,
    publisher: u64,
    currency: Currency,
}

impl Cj {
    /// With the account of that name in the vault, as the publisher of that number (CID), who is paid in
    /// `currency`.
    pub fn new(account: AccountId, publisher: u64, currency: Currency) -> Self {
        Self { asker: Asker::new(PLATFORM, account, ANSWER_BYTES_MAX), publisher, currency }
    }

    /// The commissions of a window, those after `since` if it is given. `run` is when the run began.
    pub fn commissions(&self, window: &Window, since: Option<&str>, run: Moment) -> Option<Action> {
        let (from, until) = window.ends();
        let since = match since {
            Some(id) => format!(", sinceCommissionId: \"{}\"", digits(id)?),
            None => String::new(),
        };
        let query = format!(
            "{OPENING}forPublishers: [\"{}\"], sincePostingDate: \"{from}\", beforePostingDate: \
             \"{until}\"{since}) {{ count payloadComplete maxCommissionId records {{ commissionId originalActionId \
             original actionStatus {} }} }} }}",
            self.publisher,
            self.field()
        );
        let body = json!({ "query": query }).to_string().into_bytes();
        let request = Request::new(Method::Post, checked(API), body).expect("a POST has a body");
        let request = request.header("content-type", "application/json").expect("a plain header");
        let request = request.header("accept", "application/json").expect("a plain header");
        let action = self.asker.action("read", request, "see what CJ's programmes pay");
        Some(Action { occasion: Some(run.to_string()), ..action })
    }

    /// The field of the amount in the publisher's currency.
    fn field(&self) -> &'static str {
        match self.currency.code() {
            "USD" => "pubCommissionAmountUsd",
            _ => "pubCommissionAmountPubCurrency",
        }
    }

    /// A page of commissions.
    ///
    /// # Errors
    /// [`Unreadable`] for what is none, and for the errors of GraphQL in an answer of status 200.
    pub fn read(&self, answer: &Answer) -> Result<Page, Unreadable> {
        let envelope: Envelope = whole(answer, "an answer of GraphQL")?;
        if let Some(first) = envelope.errors.and_then(|errors| errors.into_iter().next()) {
            return Err(Unreadable::new(format!("CJ says: {}", first.message.line(120))));
        }
        let Some(list) = envelope.data.and_then(|data| data.commissions) else {
            return Err(Unreadable::new(
                "this is not a list of commissions: `publisherCommissions` is missing",
            ));
        };
        let next = match (list.complete, list.last) {
            (true, _) => None,
            (false, Some(last)) => Some(last),
            (false, None) => {
                return Err(Unreadable::new(
                    "there is more of it, and `maxCommissionId` does not say from where on",
                ));
            }
        };
        let (commissions, bad) = each(list.records, "a commission", |raw| self.understood(raw))?;
        Ok(Page { commissions, bad, next, at: answer.at })
    }

    fn understood(&self, raw: Raw) -> Result<Commission, String> {
        let part = name("commission", &raw.commission_id)?;
        let of = |sentence: String| format!("commission {part}: {sentence}");
        let absent = |what: &str| of(format!("`{what}` is missing; nothing is booked of it"));
        let action = raw.original_action_id.ok_or_else(|| absent("originalActionId"))?;
        let original = raw.original.ok_or_else(|| absent("original"))?;
        let status = raw.action_status.ok_or_else(|| absent("actionStatus"))?;
        let (stage, open) = match status.to_ascii_lowercase().as_str() {
            "new" | "extended" => (Stage::Claimed, true),
            "locked" | "closed" => (Stage::Approved, false),
            _ => return Err(of(format!("nobody knows the status `{status}`; nothing is booked of it"))),
        };
        let amount = if self.currency.code() == "USD" { raw.usd } else { raw.own };
        let amount = amount.ok_or_else(|| absent(self.field()))?;
        Ok(Commission {
            reference: name("action", &action)?,
            money: money(amount.0, self.currency.code()).map_err(of)?,
            part: part.clone(),
            original,
            stage,
            meant: None,
            open,
        })
    }
}

/// A cursor is a number; anything else would be words of a question.
fn digits(id: &str) -> Option<&str> {
    ((1..=40).contains(&id.len()) && id.bytes().all(|c| c.is_ascii_digit())).then_some(id)
}

#[derive(Deserialize)]
struct Envelope {
    data: Option<Data>,
    errors: Option<Vec<Wrong>>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "publisherCommissions")]
    commissions: Option<List>,
}

#[derive(Deserialize)]
struct Wrong {
    message: Untrusted,
}

#[derive(Deserialize)]
struct List {
    #[serde(rename = "payloadComplete")]
    complete: bool,
    #[serde(rename = "maxCommissionId")]
    last: Option<String>,
    records: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    commission_id: String,
    original_action_id: Option<String>,
    original: Option<bool>,
    action_status: Option<String>,
    #[serde(rename = "pubCommissionAmountUsd")]
    usd: Option<Exact>,
    #[serde(rename = "pubCommissionAmountPubCurrency")]
    own: Option<Exact>,
}

/// CJ's own words on a refusal.
pub fn said(answer: &Answer) -> Option<Untrusted> {
    let envelope: Envelope = whole(answer, "an error").ok()?;
    envelope.errors?.into_iter().next().map(|wrong| wrong.message)
}
