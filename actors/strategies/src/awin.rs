//! The connector for Awin's publisher API: requests built, answers read. Pure.
//!
//! `GET /publishers/{id}/transactions/` lists the transactions of a window of at most 31 days in one answer, no
//! pages. Times are written without a zone, in the zone that was asked for; amounts are JSON numbers. Twenty
//! calls a minute are allowed to a user over all his accounts, and a 429 says nothing of how long.
//!
//! Sources: help.awin.com/apidocs (transactions), its own example as public test suites keep it; the envelope of
//! an error as it was seen (github.com/api-evangelist/awin-affiliate).
//!
//! ## Design notes
//!
//! The token goes into the header alone: the documented `accessToken` of the query would stand in logs. An amount
//! is read from its digits ([`Exact`]). `paidToPublisher` is in no document at hand, but in many clients; where it
//! is not told, nothing is paid.

use mm_sdk::json::Unreadable;
use mm_sdk::{AccountId, Action, Answer, Stage, Untrusted};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::asker::{Asker, checked};
use crate::network::number::Id;
use crate::network::{Commission, Exact, Page, Window, each, money, name, whole};

/// The platform, as its rule pack names it.
pub const PLATFORM: &str = "awin";
/// The widest window in days.
pub const WINDOW_DAYS: u32 = 31;

/// Where the API is.
const API: &str = "https://api.awin.com";
/// A busy month of ten thousand transactions has about 20 MiB.
const ANSWER_BYTES_MAX: u64 = 32 << 20;

/// Awin, asked with the owner's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awin {
    asker: Asker,
    publisher: u64,
}

impl Awin {
    /// With the account of that name in the vault, as the publisher of that number.
    pub fn new(account: AccountId, publisher: u64) -> Self {
        Self { asker: Asker::new(PLATFORM, account, ANSWER_BYTES_MAX), publisher }
    }

    /// The publisher's number.
    pub fn publisher(&self) -> u64 {
        self.publisher
    }

    /// The transactions of a window.
    pub fn transactions(&self, window: &Window) -> Action {
        let (from, until) = window.ends();
        let plain = |at: &str| at.trim_end_matches('Z').to_owned();
        let url = format!(
            "{API}/publishers/{}/transactions/?startDate={}&endDate={}&timezone=UTC&dateType=transaction",
            self.publisher,
            plain(&from),
            plain(&until)
        );
        self.asker.read("read", checked(&url), "see what Awin's programmes pay")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    id: Id,
    commission_status: String,
    commission_amount: Amount,
    old_commission_amount: Option<Amount>,
    paid_to_publisher: Option<bool>,
}

#[derive(Deserialize)]
struct Amount {
    amount: Exact,
    currency: String,
}

/// The transactions.
///
/// # Errors
/// [`Unreadable`] for what is no list, or a list of which nothing can be read.
pub fn read(answer: &Answer) -> Result<Page, Unreadable> {
    let list: Vec<Box<RawValue>> = whole(answer, "a list of transactions")?;
    let (commissions, bad) = each(list, "a transaction", understood)?;
    Ok(Page { commissions, bad, next: None, at: answer.at })
}

fn understood(raw: Raw) -> Result<Commission, String> {
    let reference = name("transaction", &raw.id.0)?;
    let of = |sentence: String| format!("transaction {reference}: {sentence}");
    let paid = raw.paid_to_publisher == Some(true);
    let (stage, open) = match raw.commission_status.as_str() {
        "pending" => (Stage::Claimed, true),
        "approved" if paid => (Stage::Paid, false),
        "approved" => (Stage::Approved, false),
        "declined" | "deleted" => (Stage::Reversed, false),
        other => return Err(of(format!("nobody knows the status `{other}`; nothing is booked of it"))),
    };
    let as_money = |amount: Amount| money(amount.amount.0, &amount.currency).map_err(of);
    let now = as_money(raw.commission_amount)?;
    let meant = raw.old_commission_amount.map(as_money).transpose()?;
    Ok(Commission {
        reference: reference.clone(),
        part: String::new(),
        original: true,
        stage,
        money: now,
        meant,
        open,
    })
}

/// Awin's own words on a refusal.
pub fn said(answer: &Answer) -> Option<Untrusted> {
    #[derive(Deserialize)]
    struct Said {
        description: String,
    }
    let said: Said = whole(answer, "an error").ok()?;
    Some(Untrusted::new(said.description))
}
