//! The made account and its sponsors: who came, changed, left and was given his money back, as a function of seed
//! and time. Each day one sponsor comes; most stay for months.
//!
//! Touches nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, NaiveDate, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::super::super::scatter::{below, pick, scatter};
use super::super::json::{cursor_of, node_id};

const DAY_MS: i64 = 86_400_000;
/// Nobody stays longer.
const LONGEST_DAYS: i64 = 250;
/// What is told of a stay is told for so long after its end.
const TOLD_DAYS: i64 = 120;
/// A payment that is made once counts as a sponsorship for so long.
const ONCE_DAYS: i64 = 30;

/// The tiers: name, cents, once, published.
const TIERS: [(&str, u32, bool, bool); 6] = [
    ("$2 a month", 200, false, true),
    ("$5 a month", 500, false, true),
    ("$25 a month", 2500, false, true),
    ("$100 a month", 10_000, false, true),
    ("$10 one time", 1000, true, true),
    ("$250 a month", 25_000, false, false),
];

/// One who sponsors, or did.
struct Stay {
    day: i64,
    login: String,
    organisation: bool,
    private: bool,
    mail: bool,
    patreon: bool,
    tier: usize,
    later_tier: usize,
    begins_ms: i64,
    changes_ms: Option<i64>,
    refunded_ms: Option<i64>,
    ends_ms: i64,
}

impl Stay {
    /// He who came on that day.
    fn of(seed: u64, day: i64) -> Self {
        let salt = |n: u64| scatter(&[seed, 0x5907, day.unsigned_abs(), n]);
        let once = salt(1).is_multiple_of(7);
        let tier = if once { 4 } else { below(salt(2), 4) };
        let begins_ms = day * DAY_MS + i64::try_from(salt(3) % 86_400_000).unwrap_or(0) / 1000 * 1000;
        let days = if once { ONCE_DAYS } else { 10 + i64::try_from(salt(4) % 240).unwrap_or(0) };
        let moves = !once && salt(5).is_multiple_of(4);
        let refunded = salt(6).is_multiple_of(19);
        let first = ["octo", "mona", "hubot", "pixel", "quartz", "river", "sable", "tundra"];
        Self {
            day,
            login: format!("{}-{}", pick(salt(7), &first), day.unsigned_abs() % 100_000),
            organisation: salt(8).is_multiple_of(6),
            private: salt(9).is_multiple_of(5),
            mail: !salt(10).is_multiple_of(3),
            patreon: salt(11).is_multiple_of(10),
            tier,
            later_tier: if moves { (tier + 1) % 4 } else { tier },
            begins_ms,
            changes_ms: moves.then_some(begins_ms + days / 2 * DAY_MS),
            refunded_ms: refunded.then_some(begins_ms + 2 * DAY_MS),
            ends_ms: begins_ms + days * DAY_MS,
        }
    }

    fn is_once(&self) -> bool {
        self.tier == 4
    }

    fn is_active(&self, now_ms: i64) -> bool {
        (self.begins_ms..self.ends_ms).contains(&now_ms)
    }

    fn tier_at(&self, at_ms: i64) -> usize {
        if self.changes_ms.is_some_and(|changes| changes <= at_ms) { self.later_tier } else { self.tier }
    }

    fn paid_by(&self) -> &'static str {
        if self.patreon { "PATREON" } else { "GITHUB" }
    }

    fn entity(&self) -> Value {
        json!({ "__typename": if self.organisation { "Organization" } else { "User" }, "login": self.login })
    }

    fn privacy(&self) -> &'static str {
        if self.private { "PRIVATE" } else { "PUBLIC" }
    }

    /// What he has paid in all: once, or at the begin of each thirty days.
    fn paid_cents(&self, now_ms: i64) -> u64 {
        if self.patreon || self.refunded_ms.is_some_and(|refunded| refunded <= now_ms) {
            return 0;
        }
        let until = now_ms.min(self.ends_ms - 1);
        let months = if self.is_once() { 0 } else { (until - self.begins_ms) / (30 * DAY_MS) };
        (0..=months).map(|month| u64::from(price(self.tier_at(self.begins_ms + month * 30 * DAY_MS)))).sum()
    }

    fn sponsorship(&self, now_ms: i64) -> Value {
        json!({
            "__typename": "Sponsorship",
            "id": node_id("S_sponsorship", self.day.unsigned_abs()),
            "createdAt": time(self.begins_ms),
            "isActive": self.is_active(now_ms),
            "isOneTimePayment": self.is_once(),
            "isSponsorOptedIntoEmail": self.mail,
            "privacyLevel": self.privacy(),
            "paymentSource": self.paid_by(),
            "tier": tier(self.tier_at(now_ms)),
            "tierSelectedAt": time(self.changes_ms.filter(|at| *at <= now_ms).unwrap_or(self.begins_ms)),
            "sponsorEntity": self.entity(),
        })
    }

    /// What happened by now, each with its time.
    fn activities(&self, now_ms: i64) -> Vec<(i64, Value)> {
        let mut all = vec![(self.begins_ms, "NEW_SPONSORSHIP", None, Some(self.tier))];
        all.extend(self.changes_ms.map(|at| (at, "TIER_CHANGE", Some(self.tier), Some(self.later_tier))));
        all.extend(self.refunded_ms.map(|at| (at, "REFUND", None, Some(self.tier))));
        if !self.is_once() {
            let last = Some(self.later_tier);
            all.push((self.ends_ms - 3 * DAY_MS, "PENDING_CHANGE", last, None));
            all.push((self.ends_ms, "CANCELLED_SPONSORSHIP", None, last));
        }
        let made = |(at, action, before, after): (i64, &str, Option<usize>, Option<usize>)| {
            let ordinal = self.day.unsigned_abs() * 10 + (action.len() as u64) % 10;
            let activity = json!({
                "__typename": "SponsorsActivity",
                "id": node_id("SA_activity", ordinal),
                "action": action,
                "timestamp": time(at),
                "currentPrivacyLevel": self.privacy(),
                "paymentSource": self.paid_by(),
                "previousSponsorsTier": before.map(tier),
                "sponsorsTier": after.map(tier),
                "sponsor": self.entity(),
                "viaBulkSponsorship": false,
            });
            (at, activity)
        };
        all.into_iter().filter(|(at, ..)| *at <= now_ms).map(made).collect()
    }
}

fn price(tier: usize) -> u32 {
    TIERS.get(tier).map_or(0, |tier| tier.1)
}

fn tier(index: usize) -> Value {
    let (name, cents, once, published) = TIERS.get(index).copied().unwrap_or(("", 0, false, false));
    json!({
        "__typename": "SponsorsTier",
        "id": node_id("ST_tier", index as u64),
        "name": name,
        "description": format!("{name}: thank you."),
        "monthlyPriceInCents": cents,
        "monthlyPriceInDollars": cents / 100,
        "isOneTime": once,
        "isCustomAmount": false,
        "adminInfo": {
            "__typename": "SponsorsTierAdminInfo",
            "isDraft": !published, "isPublished": published, "isRetired": false,
        },
    })
}

fn time(at_ms: i64) -> String {
    let at = DateTime::<Utc>::from_timestamp_millis(at_ms).unwrap_or_default();
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The 22nd of this month, or of the next.
fn payout_day(now_ms: i64) -> String {
    let today = DateTime::<Utc>::from_timestamp_millis(now_ms).unwrap_or_default().date_naive();
    let (year, month) = match (today.day() <= 22, today.month()) {
        (true, month) => (today.year(), month),
        (false, 12) => (today.year() + 1, 1),
        (false, month) => (today.year(), month + 1),
    };
    NaiveDate::from_ymd_opt(year, month, 22).unwrap_or(today).to_string()
}

/// The account as GraphQL sees it, lists whole.
pub(super) fn viewer(seed: u64, login: &str, now_ms: i64) -> Value {
    let today = now_ms.div_euclid(DAY_MS);
    let stays: Vec<Stay> = (today - LONGEST_DAYS - TOLD_DAYS..=today)
        .map(|day| Stay::of(seed, day))
        .filter(|stay| stay.begins_ms <= now_ms)
        .collect();
    let mut activities: Vec<(i64, Value)> = stays.iter().flat_map(|stay| stay.activities(now_ms)).collect();
    activities.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    let monthly: u64 = stays
        .iter()
        .filter(|stay| stay.is_active(now_ms) && !stay.is_once() && !stay.patreon)
        .map(|stay| u64::from(price(stay.tier_at(now_ms))))
        .sum();
    let mut paid: Vec<(&str, Value)> = stays
        .iter()
        .filter(|stay| stay.paid_cents(now_ms) > 0)
        .map(|stay| {
            let cents = stay.paid_cents(now_ms);
            let node = json!({
                "__typename": "SponsorAndLifetimeValue", "amountInCents": cents, "sponsor": stay.entity(),
                "formattedAmount": format!("${}.{:02}", cents / 100, cents % 100),
            });
            (stay.login.as_str(), node)
        })
        .collect();
    paid.sort_by_key(|(login, _)| *login);
    let values = |all: Vec<(&str, Value)>| all.into_iter().map(|(_, value)| value).collect::<Vec<_>>();
    json!({
        "__typename": "User",
        "login": login,
        "hasSponsorsListing": true,
        "monthlyEstimatedSponsorsIncomeInCents": monthly,
        // What came since the last payout is not modelled: a month's worth is near enough to an estimate.
        "estimatedNextSponsorsPayoutInCents": monthly,
        "sponsorsListing": {
            "__typename": "SponsorsListing",
            "isPublic": true,
            "nextPayoutDate": payout_day(now_ms),
            "dashboardUrl": format!("https://github.com/sponsors/{login}/dashboard"),
            "tiers": (0..TIERS.len()).map(tier).collect::<Vec<_>>(),
        },
        "sponsorshipsAsMaintainer": stays.iter().map(|stay| stay.sponsorship(now_ms)).collect::<Vec<_>>(),
        "sponsorsActivities": activities.into_iter().map(|(_, value)| value).collect::<Vec<_>>(),
        "lifetimeReceivedSponsorshipValues": values(paid),
    })
}

/// Whether a list's arguments let an element be seen; what is not given is as the schema's defaults have it.
pub(super) fn shows(list: &str, item: &Value, given: &BTreeMap<String, Value>) -> bool {
    let flag = |name: &str, usual: bool| given.get(name).and_then(Value::as_bool).unwrap_or(usual);
    match list {
        "sponsorshipsAsMaintainer" => {
            (!flag("activeOnly", true) || item["isActive"] == true)
                && (flag("includePrivate", false) || item["privacyLevel"] == "PUBLIC")
        }
        "sponsorsActivities" => {
            let moment = |text: Option<&Value>| {
                let text = text.and_then(Value::as_str)?;
                DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp_millis())
            };
            let since = moment(given.get("since"));
            (flag("includePrivate", true) || item["currentPrivacyLevel"] == "PUBLIC")
                && since.is_none_or(|since| moment(item.get("timestamp")).is_some_and(|at| at >= since))
        }
        "tiers" => flag("includeUnpublished", false) || item["adminInfo"]["isPublished"] == true,
        _ => true,
    }
}

/// Where a page ends, as a cursor; opaque to whoever gets it.
pub(super) fn cursor(at: usize) -> String {
    cursor_of(at)
}

/// Where a cursor points.
pub(super) fn place(text: &str) -> Option<usize> {
    // A page has at most a hundred elements and a list some hundreds: looking is as good as decoding.
    (1..=10_000).find(|at| cursor_of(*at) == text)
}
