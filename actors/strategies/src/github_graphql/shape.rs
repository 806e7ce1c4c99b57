//! Sponsors, activities, tiers and sums, as GitHub writes them. All sums are whole US cents (the schema's
//! `Int`, which has 32 bits); they become exact decimals and never pass a float.

use mm_sdk::json::Unreadable;
use mm_sdk::{Decimal, Moment, Untrusted};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::pages::Page;

/// The currency of every sum of GitHub Sponsors.
pub const CURRENCY: &str = "USD";

/// A sum in whole US cents, 0 or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Cents(u32);

impl Cents {
    /// As a decimal of dollars, exact.
    pub fn dollars(self) -> Decimal {
        Decimal::new(i64::from(self.0), 2)
    }

    /// The whole number of cents.
    pub fn whole(self) -> i64 {
        i64::from(self.0)
    }
}

impl std::fmt::Display for Cents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {CURRENCY}", self.dollars())
    }
}

impl TryFrom<i64> for Cents {
    type Error = String;

    fn try_from(cents: i64) -> Result<Self, String> {
        let fits = i32::try_from(cents).ok().and_then(|cents| u32::try_from(cents).ok());
        fits.map(Self).ok_or_else(|| format!("{cents} is no sum in cents"))
    }
}

impl From<Cents> for i64 {
    fn from(cents: Cents) -> Self {
        cents.whole()
    }
}

/// Who the account is, and what GitHub expects for it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Its name.
    pub login: Untrusted,
    /// Whether it has a listing at all.
    pub has_sponsors_listing: bool,
    /// What GitHub expects for a month. An estimate: nothing of it is income.
    #[serde(rename = "monthlyEstimatedSponsorsIncomeInCents")]
    pub monthly_estimate: Cents,
    /// What GitHub expects to pay out next. An estimate: nothing of it is income.
    #[serde(rename = "estimatedNextSponsorsPayoutInCents")]
    pub next_payout: Cents,
    /// Its listing.
    #[serde(rename = "sponsorsListing")]
    pub listing: Option<Listing>,
}

/// The listing, as far as payouts go.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listing {
    /// Whether sponsors can see it.
    pub is_public: bool,
    /// The day of the next payout, `2026-08-22`.
    pub next_payout_date: Option<Untrusted>,
    /// Where its owner looks after it.
    pub dashboard_url: Untrusted,
}

/// A tier.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tier {
    /// Its name: `$5 a month`.
    pub name: Untrusted,
    /// What it costs a month, or once.
    #[serde(rename = "monthlyPriceInCents")]
    pub price: Cents,
    /// Whether it is paid once.
    pub is_one_time: bool,
    /// Whether the sponsor chose the sum himself; not asked for where it does not matter.
    #[serde(default)]
    pub is_custom_amount: bool,
    /// GitHub's own name of it; not asked for where it does not matter.
    #[serde(default)]
    pub id: Option<Untrusted>,
    /// How it stands, where its owner asks.
    #[serde(default)]
    pub admin_info: Option<AdminInfo>,
}

/// How a tier stands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdminInfo {
    /// Nobody sees it yet.
    pub is_draft: bool,
    /// It can be chosen.
    pub is_published: bool,
    /// It cannot be chosen any more.
    pub is_retired: bool,
}

/// A person or an organisation. Anything else has no name here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Entity {
    /// `User` or `Organization`.
    #[serde(rename = "__typename")]
    pub kind: Untrusted,
    /// The name.
    pub login: Option<Untrusted>,
}

/// Whether others may know of a sponsorship.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Privacy {
    /// They may.
    Public,
    /// They may not.
    Private,
    /// A word that is not known; it is treated as private.
    Unknown(Untrusted),
}

impl Privacy {
    /// Whether a name must stay out of public.
    pub fn is_private(&self) -> bool {
        *self != Self::Public
    }

    fn of(word: Untrusted) -> Self {
        match () {
            () if word.is("PUBLIC") => Self::Public,
            () if word.is("PRIVATE") => Self::Private,
            () => Self::Unknown(word),
        }
    }
}

/// By whom a sponsor's money goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaidBy {
    /// By GitHub, which pays out.
    GitHub,
    /// By Patreon, which pays out itself.
    Patreon,
    /// GitHub does not say.
    Unsaid,
    /// A word that is not known.
    Unknown(Untrusted),
}

impl PaidBy {
    fn of(word: Option<Untrusted>) -> Self {
        match word {
            None => Self::Unsaid,
            Some(word) if word.is("GITHUB") => Self::GitHub,
            Some(word) if word.is("PATREON") => Self::Patreon,
            Some(word) => Self::Unknown(word),
        }
    }
}

/// A time as GitHub writes it (RFC 3339).
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Time(Moment);

impl TryFrom<String> for Time {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error: <Moment as std::str::FromStr>::Err| error.to_string())
    }
}

/// Somebody who sponsors the account now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sponsorship {
    /// GitHub's own name of it.
    pub id: Untrusted,
    /// Since when.
    pub since: Moment,
    /// Whether it was paid once.
    pub is_one_time: bool,
    /// Whether he takes the owner's updates by e-mail, if that is for the owner to know.
    pub takes_mail: Option<bool>,
    /// Whether others may know.
    pub privacy: Privacy,
    /// By whom the money goes.
    pub paid_by: PaidBy,
    /// At which tier.
    pub tier: Option<Tier>,
    /// Who it is; `None` if GitHub does not show it.
    pub sponsor: Option<Entity>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawSponsorship {
    id: Untrusted,
    created_at: Time,
    is_one_time_payment: bool,
    is_sponsor_opted_into_email: Option<bool>,
    privacy_level: Untrusted,
    payment_source: Option<Untrusted>,
    tier: Option<Tier>,
    sponsor_entity: Option<Entity>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Somebody began to sponsor.
    New,
    /// Somebody stopped.
    Cancelled,
    /// Somebody changed his tier.
    TierChange,
    /// Somebody will change it, or stop.
    PendingChange,
    /// Money went back.
    Refund,
    /// GitHub matches a sponsorship no more.
    MatchDisabled,
    /// A word that is not known: kept and told as it is.
    Unknown(Untrusted),
}

impl What {
    fn of(word: Untrusted) -> Self {
        match () {
            () if word.is("NEW_SPONSORSHIP") => Self::New,
            () if word.is("CANCELLED_SPONSORSHIP") => Self::Cancelled,
            () if word.is("TIER_CHANGE") => Self::TierChange,
            () if word.is("PENDING_CHANGE") => Self::PendingChange,
            () if word.is("REFUND") => Self::Refund,
            () if word.is("SPONSOR_MATCH_DISABLED") => Self::MatchDisabled,
            () => Self::Unknown(word),
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// GitHub's own name of it.
    pub id: Untrusted,
    /// What.
    pub what: What,
    /// When, if GitHub says so.
    pub at: Option<Moment>,
    /// Whether others may know; GitHub does not say it of what is over.
    pub privacy: Option<Privacy>,
    /// By whom the money went.
    pub paid_by: PaidBy,
    /// The tier before.
    pub before: Option<Tier>,
    /// The tier after.
    pub tier: Option<Tier>,
    /// Who it was; `None` if GitHub does not show it.
    pub sponsor: Option<Entity>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawActivity {
    id: Untrusted,
    action: Untrusted,
    timestamp: Option<Time>,
    current_privacy_level: Option<Untrusted>,
    payment_source: Option<Untrusted>,
    previous_sponsors_tier: Option<Tier>,
    sponsors_tier: Option<Tier>,
    sponsor: Option<Entity>,
}

/// What one sponsor has paid in all. GitHub does not count Patreon's.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lifetime {
    /// How much.
    #[serde(rename = "amountInCents")]
    pub amount: Cents,
    /// Who.
    pub sponsor: Entity,
}

fn typed<T: DeserializeOwned>(value: Value, what: &str) -> Result<T, Unreadable> {
    serde_json::from_value(value).map_err(|error| Unreadable::new(format!("this is not {what}: {error}")))
}

/// A field of an object.
fn field(value: Value, name: &str) -> Result<Value, Unreadable> {
    match value {
        Value::Object(mut fields) => {
            fields.remove(name).ok_or_else(|| Unreadable::new(format!("there is no {name}")))
        }
        _ => Err(Unreadable::new(format!("there is no {name}"))),
    }
}

/// The viewer of [`Query::Profile`](super::ask::Query::Profile).
///
/// # Errors
/// [`Unreadable`] if it is not.
pub fn profile(viewer: Value) -> Result<Profile, Unreadable> {
    typed(viewer, "a profile")
}

/// The viewer of [`Query::Tiers`](super::ask::Query::Tiers); none without a listing.
///
/// # Errors
/// [`Unreadable`] if it is not.
pub fn tiers(viewer: Value) -> Result<Page<Tier>, Unreadable> {
    let none = Page { items: Vec::new(), bad: Vec::new(), hidden: 0, total: 0, next: None };
    let listing = field(viewer, "sponsorsListing")?;
    if listing.is_null() {
        return Ok(none);
    }
    match field(listing, "tiers")? {
        Value::Null => Ok(none),
        tiers => Page::read(tiers, "tiers", |tier| typed(tier, "a tier")),
    }
}

/// The viewer of [`Query::Sponsorships`](super::ask::Query::Sponsorships).
///
/// # Errors
/// [`Unreadable`] if it is not.
pub fn sponsorships(viewer: Value) -> Result<Page<Sponsorship>, Unreadable> {
    Page::read(field(viewer, "sponsorshipsAsMaintainer")?, "sponsorships", |value| {
        let raw: RawSponsorship = typed(value, "a sponsorship")?;
        Ok(Sponsorship {
            id: raw.id,
            since: raw.created_at.0,
            is_one_time: raw.is_one_time_payment,
            takes_mail: raw.is_sponsor_opted_into_email,
            privacy: Privacy::of(raw.privacy_level),
            paid_by: PaidBy::of(raw.payment_source),
            tier: raw.tier,
            sponsor: raw.sponsor_entity,
        })
    })
}

/// The viewer of [`Query::Activities`](super::ask::Query::Activities).
///
/// # Errors
/// [`Unreadable`] if it is not.
pub fn activities(viewer: Value) -> Result<Page<Activity>, Unreadable> {
    Page::read(field(viewer, "sponsorsActivities")?, "activities", |value| {
        let raw: RawActivity = typed(value, "an activity")?;
        Ok(Activity {
            id: raw.id,
            what: What::of(raw.action),
            at: raw.timestamp.map(|at| at.0),
            privacy: raw.current_privacy_level.map(Privacy::of),
            paid_by: PaidBy::of(raw.payment_source),
            before: raw.previous_sponsors_tier,
            tier: raw.sponsors_tier,
            sponsor: raw.sponsor,
        })
    })
}

/// The viewer of [`Query::Lifetime`](super::ask::Query::Lifetime).
///
/// # Errors
/// [`Unreadable`] if it is not.
pub fn lifetime(viewer: Value) -> Result<Page<Lifetime>, Unreadable> {
    Page::read(field(viewer, "lifetimeReceivedSponsorshipValues")?, "sums of sponsors", |value| {
        typed(value, "a sum of a sponsor")
    })
}
