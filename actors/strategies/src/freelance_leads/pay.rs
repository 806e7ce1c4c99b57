//! What a text, or a board's own fields, say of pay. Exact decimals in the currency that is named, and nothing
//! where none is named: `₿0.01` is told and not read, `$999,999,999` is read and not believed.

use mm_sdk::{Decimal, Reward};
use serde::{Deserialize, Serialize};

use crate::micro_tasks::amount::{self, ABSURD};

/// For what a sum is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Per {
    /// For an hour.
    Hour,
    /// For the whole of it.
    Work,
    /// For a year, or a month: somebody is to be employed.
    Year,
}

/// What is paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pay {
    /// For what.
    pub per: Per,
    /// The least.
    pub min: Option<Decimal>,
    /// The most.
    pub max: Option<Decimal>,
    /// ISO 4217, where it is said.
    pub currency: Option<String>,
}

/// More than this nobody pays for an hour, in any currency whose unit is near a dollar.
const HOUR_ABSURD: u32 = 2_000;

impl Pay {
    /// A salary without a currency.
    pub fn a_year((min, max): (Option<u64>, Option<u64>)) -> Option<Self> {
        min.or(max)?;
        Some(Self {
            per: Per::Year,
            min: min.map(Decimal::from),
            max: max.map(Decimal::from),
            currency: None,
        })
    }

    /// A project's budget. Of one that is paid in no known way nothing is said.
    pub fn of_budget(
        hourly: Option<bool>,
        min: Option<Decimal>,
        max: Option<Decimal>,
        code: Option<&str>,
    ) -> Option<Self> {
        min.or(max)?;
        let per = if hourly? { Per::Hour } else { Per::Work };
        Some(Self { per, min, max, currency: code.map(str::to_owned) })
    }

    /// The pay that a text names first, by the hour before anything else: the sums of one stretch of it that
    /// are in one currency.
    pub fn in_text(text: &str) -> Option<Self> {
        let stretches = || text.split(['|', '\n', ';']).filter_map(stretch);
        stretches().find(|pay| pay.per == Per::Hour).or_else(|| stretches().next())
    }

    /// Whether nobody pays so much.
    pub fn is_absurd(&self) -> bool {
        let most = match self.per {
            Per::Hour => HOUR_ABSURD,
            Per::Work => ABSURD,
            // A year of work is told and never counted; a wrong one is its readers' business.
            Per::Year => {
                return self
                    .most()
                    .is_some_and(|most| most > Decimal::from(ABSURD).saturating_mul(100.into()));
            }
        };
        // Currencies of small units have sums a hundred times as large.
        let small = self.currency.as_deref().is_some_and(|code| ["INR", "CZK"].contains(&code));
        let most = Decimal::from(most) * Decimal::from(if small { 100 } else { 1 });
        self.most().is_some_and(|sum| sum > most)
    }

    /// The most that is said.
    pub fn most(&self) -> Option<Decimal> {
        self.max.max(self.min)
    }

    /// As a reward: only what is paid for work, in a known currency, and can be meant.
    pub fn reward(&self) -> Option<Reward> {
        let currency = self.currency.clone()?;
        let paid = self.per == Per::Work && !self.is_absurd();
        paid.then_some(Reward { min: self.min, max: self.max, currency })
    }

    /// In words: `50 to 150 EUR in all`.
    pub fn words(&self) -> String {
        let sums = match (self.min, self.max) {
            (Some(min), Some(max)) if min != max => format!("{min} to {max}"),
            (_, Some(sum)) | (Some(sum), None) => sum.to_string(),
            (None, None) => "nothing that is said".to_owned(),
        };
        let currency = self.currency.as_deref().unwrap_or("in a currency that is not said");
        let per = match self.per {
            Per::Hour => "an hour",
            Per::Work => "in all",
            Per::Year => "a year",
        };
        format!("{sums} {currency} {per}")
    }
}

/// The pay in one stretch of a text.
fn stretch(text: &str) -> Option<Pay> {
    let amounts = amount::all(text);
    let currency = amounts.first()?.currency.clone();
    let sums: Vec<Decimal> =
        amounts.into_iter().filter(|amount| amount.currency == currency).map(|amount| amount.value).collect();
    let lower = text.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let per =
        if has(&["/hr", "/hour", "/h ", "per hour", "an hour", "hourly", " ph"]) || lower.ends_with("/h") {
            Per::Hour
        } else if has(&["salary", "year", "/yr", "annual", "p.a.", "month", "equity", "base"]) {
            Per::Year
        } else {
            Per::Work
        };
    let (min, max) = (sums.iter().min().copied(), sums.iter().max().copied());
    Some(Pay { per, min, max, currency: Some(currency) })
}
