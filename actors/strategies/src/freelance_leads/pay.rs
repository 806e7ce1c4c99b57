//! What a text, or a board's own fields, say of pay. Exact decimals in the currency that is named, and nothing
//! where none is named: `₿0.01` is told and not read, `$999,999,999` is read and not believed.

use mm_sdk::{Decimal, Reward};
use serde::{Deserialize, Serialize};

use crate::micro_tasks::amount::{self, ABSURD, units_of_a_dollar};

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

/// From so much on, what an employer names is paid for a year.
const SALARY: u32 = 20_000;

/// More than this nobody pays for an hour, in a currency whose unit is near a dollar.
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
    /// are in one currency. `employs` is whether it stands where people are looked for to be employed: a large
    /// sum is a year's there, if nothing says otherwise.
    pub fn in_text(text: &str, employs: bool) -> Option<Self> {
        let stretches = || text.split(['|', '\n', ';']).filter_map(|text| stretch(text, employs));
        stretches().find(|pay| pay.per == Per::Hour).or_else(|| stretches().next())
    }

    /// Whether nobody pays so much. Of a currency whose size is not known that cannot be said.
    pub fn is_absurd(&self) -> bool {
        let most = Decimal::from(match self.per {
            Per::Hour => HOUR_ABSURD,
            Per::Work => ABSURD,
            // A year of work is told and never counted; a wrong one is its readers' business.
            Per::Year => ABSURD * 100,
        });
        self.units().zip(self.most()).is_some_and(|(units, sum)| sum > most * Decimal::from(units))
    }

    /// How many units of what it is paid in make a dollar, where that is known. A salary without a currency is
    /// in dollars: Remote OK's are.
    fn units(&self) -> Option<u32> {
        match &self.currency {
            Some(code) => units_of_a_dollar(code),
            None => (self.per == Per::Year).then_some(1),
        }
    }

    /// The code of a currency by which nobody can tell here whether the sum can be meant.
    pub fn unjudged(&self) -> Option<&str> {
        self.currency.as_deref().filter(|_| self.units().is_none())
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
fn stretch(text: &str, employs: bool) -> Option<Pay> {
    let amounts = amount::all_with_ranges(text);
    let currency = amounts.first()?.currency.clone();
    let sums: Vec<Decimal> =
        amounts.into_iter().filter(|amount| amount.currency == currency).map(|amount| amount.value).collect();
    let (min, max) = (sums.iter().min().copied(), sums.iter().max().copied());
    let large = max.is_some_and(|max| max >= Decimal::from(SALARY));
    let per = per(text).unwrap_or(if employs && large { Per::Year } else { Per::Work });
    Some(Pay { per, min, max, currency: Some(currency) })
}

/// What is said of a sum that is paid for an hour.
const HOUR: &[&str] = &["/h", "/hr", "/hour", "per hour", "per hr", "an hour", "hourly"];

/// What is said of a sum that is paid for a year, or a month.
const YEAR: &[&str] = &[
    "/yr",
    "/year",
    "per year",
    "a year",
    "yearly",
    "annual",
    "annually",
    "annum",
    "p.a.",
    "/mo",
    "/month",
    "per month",
    "a month",
    "monthly",
    "salary",
    "salaries",
    "equity",
];

/// What is said of a sum that is paid for the whole of it.
const PIECE: &[&str] = &[
    "fixed price",
    "fixed-price",
    "fixed bid",
    "flat fee",
    "lump sum",
    "budget",
    "bounty",
    "per project",
    "for the project",
    "in total",
];

/// For what the sums of a stretch are paid, as far as it says.
fn per(text: &str) -> Option<Per> {
    let text = text.to_lowercase().replace(" /", "/").replace("/ ", "/");
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| says(&text, phrase));
    if says(HOUR) || says_ph(&text) {
        Some(Per::Hour)
    } else if says(YEAR) {
        Some(Per::Year)
    } else {
        says(PIECE).then_some(Per::Work)
    }
}

/// Whether a text says a phrase, and not a longer word that it is a part of.
fn says(text: &str, phrase: &str) -> bool {
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    text.match_indices(phrase).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + phrase.len()..).and_then(|after| after.chars().next());
        // A mark needs no gap in front of it: `$90/hr`.
        let begins_inside = is_word(before) && is_word(phrase.chars().next());
        !begins_inside && !is_word(after)
    })
}

/// Whether `ph` stands behind a number: `£50 ph`, `50 EUR ph`. Anywhere else it is no hour.
fn says_ph(text: &str) -> bool {
    let words: Vec<&str> =
        text.split_whitespace().map(|word| word.trim_end_matches(['.', ',', ')'])).collect();
    let number = |word: &str| word.ends_with(|c: char| c.is_ascii_digit() || matches!(c, '€' | '£' | '$'));
    let two = words.windows(2).any(|two| matches!(two, [sum, "ph"] if number(sum)));
    let three =
        words.windows(3).any(|three| matches!(three, [sum, code, "ph"] if number(sum) && code.len() == 3));
    two || three
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        Pay::in_text(text, false).map_or("nothing".to_owned(), |pay| pay.words())
    }

    #[test]
    fn a_part_of_a_word_says_not_for_what_is_paid() {
        for (text, pay) in [
            ("Looking for a php developer, budget $3,000", "3000 USD in all"),
            ("php work, $400", "400 USD in all"),
            ("Retouch a photo for $40 by phone", "40 USD in all"),
            ("$40 photo", "40 USD in all"),
            ("Tune our database, budget $2,000", "2000 USD in all"),
            ("Build on our base image: $900", "900 USD in all"),
            ("Five years of practice, 3 months of work, $9,000", "9000 USD in all"),
            ("$500 for work on a website/homepage", "500 USD in all"),
        ] {
            assert_eq!(read(text), pay, "{text}");
        }
    }

    #[test]
    fn both_ends_of_a_sum_are_told() {
        for (text, pay) in [
            ("$50-80/hr", "50 to 80 USD an hour"),
            ("80-120 EUR", "80 to 120 EUR in all"),
            ("Acme | Rust | $120-160k salary", "120000 to 160000 USD a year"),
        ] {
            assert_eq!(read(text), pay, "{text}");
        }
    }

    #[test]
    fn what_an_employer_names_is_a_years_pay_if_nothing_says_otherwise() {
        let read = |text: &str| Pay::in_text(text, true).unwrap().words();
        for (text, pay) in [
            ("Acme | Rust | REMOTE | $150k-$180k", "150000 to 180000 USD a year"),
            ("Acme | $120-160k", "120000 to 160000 USD a year"),
            ("Acme | contract | $90/hr", "90 USD an hour"),
            ("Acme | $5,000", "5000 USD in all"),
            ("Acme | fixed price, $30,000", "30000 USD in all"),
            ("Acme | budget of $25k", "25000 USD in all"),
        ] {
            assert_eq!(read(text), pay, "{text}");
        }
        assert_eq!(
            Pay::in_text("Acme | $30k", false).unwrap().per,
            Per::Work,
            "elsewhere it may be the work"
        );
    }

    #[test]
    fn only_where_the_size_of_a_currency_is_known_a_sum_is_too_much() {
        let budget = |hourly, max: u64, code: &str| {
            Pay::of_budget(Some(hourly), None, Some(max.into()), Some(code)).unwrap()
        };
        for (hourly, max, code) in [
            (false, 250_000, "JPY"),
            (true, 3_000, "JPY"),
            (false, 90_000_000, "IDR"),
            (true, 300_000, "IDR"),
            (false, 100_000, "USD"),
            (false, 500_000, "INR"),
            (true, 3_000, "SEK"),
        ] {
            let pay = budget(hourly, max, code);
            assert!(!pay.is_absurd(), "{pay:?}");
            assert_eq!(pay.unjudged(), (code == "IDR").then_some(code));
        }
        for (hourly, max, code) in [
            (false, 100_001, "EUR"),
            (true, 2_001, "USD"),
            (true, 200_001, "INR"),
            (false, 200_000_000, "JPY"),
        ] {
            let pay = budget(hourly, max, code);
            assert!(pay.is_absurd(), "{pay:?}");
        }
        assert!(Pay::a_year((None, Some(20_000_000))).unwrap().is_absurd());
    }

    #[test]
    fn whole_words_say_for_what_is_paid() {
        for (text, pay) in [
            ("$90/hr", "90 USD an hour"),
            ("$90/h", "90 USD an hour"),
            ("90 USD / hour", "90 USD an hour"),
            ("£50 ph", "50 GBP an hour"),
            ("50 EUR ph, remote", "50 EUR an hour"),
            ("60 EUR per hour.", "60 EUR an hour"),
            ("hourly: $40", "40 USD an hour"),
            ("$4,000 / month", "4000 USD a year"),
            ("$90k p.a.", "90000 USD a year"),
            ("salary $120,000", "120000 USD a year"),
            ("$80,000 + equity", "80000 USD a year"),
        ] {
            assert_eq!(read(text), pay, "{text}");
        }
    }
}
