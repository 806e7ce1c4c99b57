//! The connector for Impact.com's partner API: requests built, answers read. Pure.
//!
//! `GET /Mediapartners/{AccountSID}/Actions` lists actions, each with what it pays. It is asked for both ends of
//! at most 45 days or for neither, answers in pages, and says itself where the next one is (`@nextpageuri`).
//! Decimals are texts, ids whole numbers or texts, and an absent date is an empty text.
//!
//! Sources: impact.com's Partner API description v16 and its conventions as harvested 2026-08
//! (github.com/api-evangelist/impact). Without `Accept: application/json` some places answer in XML. A 403 says
//! that the token's scope does not reach, which no other token of the same scope mends.
//!
//! ## Design notes
//!
//! What decides (id, state, payout, currency) has no default. Anything else may be missing: only what is used is
//! read, so that a new field breaks nothing.

use mm_sdk::json::Unreadable;
use mm_sdk::{AccountId, Action, Answer, Decimal, LogicalUrl, Money, Stage, Untrusted};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::asker::Asker;
use crate::network::number::Id;
use crate::network::{Commission, Exact, Page, Window, each, money, name, whole};

/// The platform, as its rule pack names it.
pub const PLATFORM: &str = "impact";
/// The widest window in days.
pub const WINDOW_DAYS: u32 = 45;
/// Nothing older is asked for, in days. What is over three years old is refused, and a day is left for clocks that
/// differ and for pages that are asked for later.
pub const DAYS_BACK_MAX: u32 = 3 * 365 - 1;

/// Where the API is.
const API: &str = "https://api.impact.com";
/// Actions to a page: the least that its list of actions takes.
const PAGE_SIZE: u32 = 2_000;
/// A page of 2,000 actions has about 2 MiB.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// Impact, asked with the owner's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Impact {
    asker: Asker,
    sid: String,
}

impl Impact {
    /// With the account of that name in the vault, and its AccountSID. `None` if the SID is none.
    pub fn new(account: AccountId, sid: &str) -> Option<Self> {
        let right = (1..=64).contains(&sid.len()) && sid.bytes().all(|c| c.is_ascii_alphanumeric());
        right.then(|| Self { asker: Asker::new(PLATFORM, account, ANSWER_BYTES_MAX), sid: sid.to_owned() })
    }

    /// The actions of a window, or the page of them that `next` names. `None` if `next` leads elsewhere.
    pub fn actions(&self, window: &Window, next: Option<&str>) -> Option<Action> {
        let (from, until) = window.ends();
        let own = format!("/Mediapartners/{}/Actions", self.sid);
        let first =
            format!("{API}{own}?ActionDateStart={from}&ActionDateEnd={until}&PageSize={PAGE_SIZE}&Page=1");
        let first = LogicalUrl::parse(&first).ok()?;
        let url = match next {
            None => first,
            Some(next) => {
                let url = first.join(next).ok()?;
                (url.host() == first.host() && url.path() == first.path()).then_some(url)?
            }
        };
        Some(self.asker.read("read", url, "see what Impact's programmes pay"))
    }
}

#[derive(Deserialize)]
struct List {
    #[serde(rename = "Status")]
    status: Option<String>,
    #[serde(rename = "Message")]
    message: Option<Untrusted>,
    #[serde(rename = "Actions")]
    actions: Option<Vec<Box<RawValue>>>,
    #[serde(rename = "@nextpageuri")]
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Raw {
    id: Id,
    state: String,
    payout: Exact,
    currency: String,
    /// What it pays if nothing is taken back.
    intended_payout: Option<Exact>,
}

/// A page of actions.
///
/// # Errors
/// [`Unreadable`] for what is none, and for an error in an answer of status 200.
pub fn read(answer: &Answer) -> Result<Page, Unreadable> {
    let list: List = whole(answer, "a list of actions")?;
    if list.status.as_deref() == Some("ERROR") {
        let words = list.message.map(|message| message.line(120)).unwrap_or_default();
        return Err(Unreadable::new(format!("Impact says: {words}")));
    }
    let Some(actions) = list.actions else {
        return Err(Unreadable::new("this is not a list of actions: `Actions` is missing"));
    };
    let (commissions, bad) = each(actions, "an action", understood)?;
    Ok(Page { commissions, bad, next: list.next.filter(|next| !next.is_empty()), at: answer.at })
}

fn understood(raw: Raw) -> Result<Commission, String> {
    let reference = name("action", &raw.id.0)?;
    let of = |sentence: String| format!("action {reference}: {sentence}");
    let (stage, open) = match raw.state.as_str() {
        "PENDING" => (Stage::Claimed, true),
        "APPROVED" => (Stage::Approved, false),
        "REVERSED" => (Stage::Reversed, false),
        other => return Err(of(format!("nobody knows the state `{other}`; nothing is booked of it"))),
    };
    let as_money = |amount: Decimal| money(amount, &raw.currency).map_err(of);
    let paid = as_money(raw.payout.0)?;
    let meant: Option<Money> = raw.intended_payout.map(|intended| as_money(intended.0)).transpose()?;
    Ok(Commission {
        reference: reference.clone(),
        part: String::new(),
        original: true,
        stage,
        money: paid,
        meant,
        open,
    })
}

/// Impact's own words on a refusal.
pub fn said(answer: &Answer) -> Option<Untrusted> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Said {
        message: String,
        #[serde(default)]
        errors: Vec<Field>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Field {
        field: String,
        message: String,
    }
    let said: Said = whole(answer, "an error").ok()?;
    let fields = said.errors.iter().map(|one| format!("; {}: {}", one.field, one.message));
    Some(Untrusted::new(said.message.clone() + &fields.collect::<String>()))
}
