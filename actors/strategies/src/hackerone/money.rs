//! Money as HackerOne writes it: earnings, bounties of own reports, payouts, the balance.
//!
//! A bounty's sums are texts in the currency it was awarded in. An earning's own `amount`, a payout's and the
//! balance are numbers that name no currency; public clients found them to be US dollars, which stands in no
//! document. So no income is made of those alone.

use mm_sdk::json::{self, Unreadable};
use mm_sdk::{Answer, Decimal, Moment, Money};
use serde::Deserialize;
use serde_json::{Number, Value};

use super::pages::{self, Page};
use super::shape::Id;

/// A bounty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounty {
    /// HackerOne's number of it.
    pub id: String,
    /// What was awarded, the bonus with it.
    pub awarded: Money,
    /// What was awarded without its bonus.
    pub plain: Money,
    /// When.
    pub at: Option<Moment>,
}

/// What was earned once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earning {
    /// HackerOne's number of it.
    pub id: String,
    /// `earning-bounty-earned`, or a word that is not known here.
    pub kind: String,
    /// When.
    pub at: Moment,
    /// How much, in a currency that it does not name.
    pub amount: Decimal,
    /// The bounty that it came of.
    pub bounty: Option<Bounty>,
}

impl Earning {
    /// What it is in its own currency; `None` where nothing names one.
    ///
    /// It is all that was awarded. Where it is neither that nor the bounty without its bonus, and the bounty is in
    /// dollars, the bounty was shared: then it is what the earning itself says. So it is where it may be a share.
    pub fn money(&self) -> Option<Money> {
        let bounty = self.bounty.as_ref()?;
        let (whole, plain) = (bounty.awarded, bounty.plain);
        let shared = whole.currency().code() == DOLLARS
            && self.amount != whole.amount().normalize()
            && (self.amount != plain.amount().normalize() || self.may_be_share());
        if shared { Money::new(self.amount, whole.currency()).ok() } else { Some(whole) }
    }

    /// Whether its own figure is that of an equal share of the bounty with its bonus, and of the bounty without it:
    /// no document says which.
    pub fn may_be_share(&self) -> bool {
        let Some(bounty) = &self.bounty else { return false };
        let (whole, plain) = (bounty.awarded.amount(), bounty.plain.amount().normalize());
        bounty.awarded.currency().code() == DOLLARS
            && self.amount == plain
            && whole > plain
            && whole.checked_rem(plain) == Some(Decimal::ZERO)
    }

    /// Whether it can be told that its bounty was shared: the figure that would show it is in dollars.
    pub fn shows_sharing(&self) -> bool {
        self.bounty.as_ref().is_none_or(|bounty| bounty.awarded.currency().code() == DOLLARS)
    }
}

/// The currency of figures that name none. Assumed: see the module's text.
pub const DOLLARS: &str = "USD";

#[derive(Deserialize)]
struct RawEarning {
    id: Id,
    #[serde(rename = "type")]
    kind: String,
    attributes: RawEarned,
    #[serde(default)]
    relationships: Option<RawOfEarning>,
}

#[derive(Deserialize)]
struct RawEarned {
    amount: Sum,
    created_at: String,
}

#[derive(Deserialize)]
struct RawOfEarning {
    #[serde(default)]
    bounty: Option<Related<RawBounty>>,
}

#[derive(Deserialize)]
struct Related<T> {
    data: Option<T>,
}

#[derive(Deserialize)]
struct RawBounty {
    id: Id,
    attributes: RawAwarded,
}

#[derive(Deserialize)]
struct RawAwarded {
    awarded_amount: Option<Sum>,
    #[serde(default)]
    awarded_bonus_amount: Option<Sum>,
    awarded_currency: Option<String>,
    #[serde(default)]
    created_at: Option<String>,
}

/// A sum as a number or as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Sum {
    Text(String),
    Number(Number),
}

impl Sum {
    /// The number as it is written: `serde_json` prints the shortest text that gives the same number again.
    fn decimal(&self) -> Result<Decimal, Unreadable> {
        let text = match self {
            Sum::Text(text) => text.trim().to_owned(),
            Sum::Number(number) => number.to_string(),
        };
        let plain = text.bytes().all(|c| c.is_ascii_digit() || matches!(c, b'.' | b'-'));
        let value = if plain { Decimal::from_str_exact(&text).ok() } else { None };
        value
            .map(|value| value.normalize())
            .ok_or_else(|| Unreadable::new("what stands for a sum of money is none"))
    }
}

fn moment(text: &str) -> Result<Moment, Unreadable> {
    text.parse().map_err(|_| Unreadable::new("what stands for a time is none"))
}

impl TryFrom<RawBounty> for Bounty {
    type Error = Unreadable;

    fn try_from(raw: RawBounty) -> Result<Self, Unreadable> {
        let id = raw.id.text();
        let raw = raw.attributes;
        let (Some(amount), Some(currency)) = (raw.awarded_amount, raw.awarded_currency) else {
            return Err(Unreadable::new(format!("bounty {id} does not say what was awarded")));
        };
        let currency =
            currency.trim().to_ascii_uppercase().parse().map_err(|_| {
                Unreadable::new(format!("what stands for the currency of bounty {id} is none"))
            })?;
        let amount = amount.decimal()?;
        let bonus = raw.awarded_bonus_amount.map(|bonus| bonus.decimal()).transpose()?.unwrap_or_default();
        let money = |amount| Money::new(amount, currency).map_err(|bad| Unreadable::new(bad.to_string()));
        let whole = amount.checked_add(bonus).ok_or_else(|| Unreadable::new("a bounty beyond all bounds"))?;
        let at = raw.created_at.as_deref().map(moment).transpose()?;
        Ok(Self { id, awarded: money(whole.normalize())?, plain: money(amount)?, at })
    }
}

impl TryFrom<RawEarning> for Earning {
    type Error = Unreadable;

    fn try_from(raw: RawEarning) -> Result<Self, Unreadable> {
        let bounty = raw.relationships.and_then(|of| of.bounty).and_then(|bounty| bounty.data);
        Ok(Self {
            id: raw.id.text(),
            kind: raw.kind,
            at: moment(&raw.attributes.created_at)?,
            amount: raw.attributes.amount.decimal()?,
            bounty: bounty.map(Bounty::try_from).transpose()?,
        })
    }
}

/// The earnings of a page.
///
/// # Errors
/// [`Unreadable`] if it is no such page.
pub fn earnings(answer: &Answer) -> Result<Page<Earning>, Unreadable> {
    pages::page::<RawEarning, Earning>(answer, "an earning")
}

/// A report of the owner's own, as far as money goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// HackerOne's number of it.
    pub id: String,
    /// `new`, `triaged`, `resolved`…: an open set.
    pub state: String,
    /// What was awarded for it.
    pub bounties: Vec<Bounty>,
}

#[derive(Deserialize)]
struct RawReport {
    id: Id,
    attributes: RawState,
    #[serde(default)]
    relationships: Option<RawOfReport>,
}

#[derive(Deserialize)]
struct RawState {
    state: String,
}

#[derive(Deserialize)]
struct RawOfReport {
    #[serde(default)]
    bounties: Option<Related<Vec<RawBounty>>>,
}

impl TryFrom<RawReport> for Report {
    type Error = Unreadable;

    fn try_from(raw: RawReport) -> Result<Self, Unreadable> {
        let bounties = raw.relationships.and_then(|of| of.bounties).and_then(|bounties| bounties.data);
        let bounties = bounties.unwrap_or_default().into_iter().map(Bounty::try_from);
        Ok(Self {
            id: raw.id.text(),
            state: raw.attributes.state,
            bounties: bounties.collect::<Result<_, _>>()?,
        })
    }
}

/// The own reports of a page.
///
/// # Errors
/// [`Unreadable`] if it is no such page.
pub fn reports(answer: &Answer) -> Result<Page<Report>, Unreadable> {
    pages::page::<RawReport, Report>(answer, "a report")
}

/// A sum that was sent, or is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payout {
    /// What the one who sent it calls it.
    pub reference: Option<String>,
    /// How much, in a currency that it does not name.
    pub amount: Decimal,
    /// When; `None` of what is not paid out yet.
    pub at: Option<Moment>,
    /// `sent`, or a word that is not known here.
    pub status: Option<String>,
}

impl Payout {
    /// When it was sent; `None` if that is not known.
    pub fn sent_at(&self) -> Option<Moment> {
        self.at.filter(|_| self.status.as_deref() == Some(SENT))
    }

    /// Whether it is neither sent nor called anything: it has its turn yet.
    pub fn is_to_come(&self) -> bool {
        self.at.is_none() && self.status.is_none()
    }
}

/// The one word that is known of a payout.
pub const SENT: &str = "sent";

/// Either with `attributes`, as everything else, or without: public clients take both.
#[derive(Deserialize)]
#[serde(untagged)]
enum RawPayout {
    Wrapped { attributes: RawPaid },
    Bare(RawPaid),
}

#[derive(Deserialize)]
struct RawPaid {
    amount: Sum,
    #[serde(default)]
    paid_out_at: Option<String>,
    #[serde(default)]
    reference: Option<String>,
    #[serde(default)]
    status: Option<String>,
}

impl TryFrom<RawPayout> for Payout {
    type Error = Unreadable;

    fn try_from(raw: RawPayout) -> Result<Self, Unreadable> {
        let (RawPayout::Wrapped { attributes: raw } | RawPayout::Bare(raw)) = raw;
        Ok(Self {
            amount: raw.amount.decimal()?,
            at: raw.paid_out_at.as_deref().map(moment).transpose()?,
            reference: raw.reference.filter(|reference| !reference.trim().is_empty()),
            status: raw.status.filter(|status| !status.trim().is_empty()),
        })
    }
}

/// The payouts of a page.
///
/// # Errors
/// [`Unreadable`] if it is no such page.
pub fn payouts(answer: &Answer) -> Result<Page<Payout>, Unreadable> {
    pages::page::<RawPayout, Payout>(answer, "a payout")
}

/// What HackerOne holds, in a currency that it does not name.
///
/// # Errors
/// [`Unreadable`] if it is no balance.
pub fn balance(answer: &Answer) -> Result<Decimal, Unreadable> {
    let value: Value = json::read(answer, "a balance")?;
    let sum = value
        .pointer("/data/balance")
        .cloned()
        .ok_or_else(|| Unreadable::new("there is no balance in it"))?;
    let sum: Sum = serde_json::from_value(sum).map_err(|_| Unreadable::new("the balance is no sum"))?;
    sum.decimal()
}
