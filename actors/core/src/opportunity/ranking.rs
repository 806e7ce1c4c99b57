//! What an opportunity is worth an hour, in one line that shows how it was reckoned:
//! `500 USD × 30% assumed − 2 h × 40 USD − 5% fee = 62.50 USD → 31.25 USD per hour`. A chance that nothing the payer
//! did vouches for is said to be assumed.
//!
//! Exact decimals; nothing is converted, so there is an order within a currency and a stated one between them.
//! What is not known is left out and said to be: an opportunity whose hours or reward nobody knows is ranked by
//! its score.

use std::cmp::Reverse;

use rust_decimal::Decimal;

use super::proof::{Judged, Proof};
use super::{Opportunity, Reward};
use crate::id::OpportunityId;
use crate::ledger::Money;
use crate::moment::Moment;

/// The longest work that is reckoned with, hours: more than a year of it.
const HOURS_MAX: i64 = 10_000;

/// What it is worth, and how that was reckoned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranking {
    /// Where it stands among the others.
    pub order: Order,
    /// What it is worth in all, if a reward is known.
    pub value: Option<Decimal>,
    /// What it is worth an hour, if the hours are known too; two places.
    pub per_hour: Option<Decimal>,
    /// ISO 4217, of both.
    pub currency: Option<String>,
    /// All of it, in one line.
    pub line: String,
}

/// The groups of a list, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// Worth something an hour; by currency, then by how much.
    Worth,
    /// It is not known how much; by score.
    Unknown,
    /// Worth nothing, or less.
    Worthless,
    /// No income at all.
    Trap,
}

/// Where an opportunity stands in a list: smaller is earlier, and no two are equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    rank: Rank,
    foreign: bool,
    currency: String,
    per_hour: Reverse<Decimal>,
    score: Reverse<u8>,
    found_at: Reverse<Moment>,
    id: OpportunityId,
}

impl Order {
    /// In which group.
    pub fn rank(&self) -> Rank {
        self.rank
    }
}

/// What was reckoned.
struct Sum {
    value: Decimal,
    per_hour: Option<Decimal>,
    words: String,
    unknown: Vec<&'static str>,
}

impl Opportunity {
    /// What it is worth, as it is `judged`. `rate` is what an hour of its owner's costs, if he said so: the
    /// currency of that comes first in a list, then the others by their letters.
    pub fn ranked(&self, judged: &Judged, rate: Option<Money>) -> Ranking {
        if judged.proof == Proof::Trap {
            let why = judged.reasons.first().map_or("", String::as_str);
            return self.placed(Rank::Trap, rate, None, format!("a trap, no income: {why}"));
        }
        let by_score = format!("ranked by its score of {}", self.score);
        let Some(reward) = &self.reward else {
            return self.placed(Rank::Unknown, rate, None, format!("{by_score}: it names no reward"));
        };
        let Some((amount, shown)) = middle(reward) else {
            return self.placed(
                Rank::Unknown,
                rate,
                None,
                format!("{by_score}: how much it pays is not said"),
            );
        };
        let Some(sum) = self.sum(reward, amount, &shown, judged, rate) else {
            return self.placed(
                Rank::Unknown,
                rate,
                None,
                format!("{by_score}: its figures are beyond counting"),
            );
        };
        let unknown = match sum.unknown.split_last() {
            None => String::new(),
            Some((last, [])) => format!("; unknown and left out: {last}"),
            Some((last, more)) => format!("; unknown and left out: {} and {last}", more.join(", ")),
        };
        let (rank, line) = match sum.per_hour {
            _ if judged.chance.is_zero() => (Rank::Worthless, format!("{}{unknown}", sum.words)),
            None => (Rank::Unknown, format!("{}{unknown}; {by_score}", sum.words)),
            Some(hour) if hour > Decimal::ZERO => (Rank::Worth, format!("{}{unknown}", sum.words)),
            Some(_) => (Rank::Worthless, format!("{}{unknown}", sum.words)),
        };
        self.placed(rank, rate, Some((sum, reward.currency.clone())), line)
    }

    /// `reward × chance − time − fees`, in the reward's currency; `None` where a figure is beyond a decimal.
    fn sum(
        &self,
        reward: &Reward,
        amount: Decimal,
        shown: &str,
        judged: &Judged,
        rate: Option<Money>,
    ) -> Option<Sum> {
        let (currency, mut unknown) = (&reward.currency, Vec::new());
        let percent =
            |of: Decimal, percent: Decimal| of.checked_mul(percent)?.checked_div(Decimal::ONE_HUNDRED);
        let gross = percent(amount, judged.chance)?;
        let assumed = if judged.assumed { " assumed" } else { "" };
        let mut words = format!("{shown} {currency} × {}%{assumed}", plain(judged.chance));
        let mut value = gross;
        let hours = self.facts.hours.filter(|h| *h > Decimal::ZERO && *h <= Decimal::from(HOURS_MAX));
        let mut over = hours.map_or(String::new(), |hours| format!(", over {} h", plain(hours)));
        match (hours, rate) {
            (None, _) => unknown.push("the hours of work"),
            (Some(hours), Some(rate)) if rate.currency().code() == currency => {
                value = value.checked_sub(hours.checked_mul(rate.amount())?)?;
                words.push_str(&format!(" − {} h × {} {currency}", plain(hours), plain(rate.amount())));
                over.clear();
            }
            (Some(_), Some(_)) => unknown.push("your hourly rate in its currency"),
            (Some(_), None) => unknown.push("your hourly rate"),
        }
        match self.facts.fee_percent.filter(|fee| (Decimal::ZERO..=Decimal::ONE_HUNDRED).contains(fee)) {
            Some(fee) => {
                value = value.checked_sub(percent(gross, fee)?)?;
                words.push_str(&format!(" − {}% fee", plain(fee)));
            }
            None => unknown.push("the fee"),
        }
        words.push_str(&format!(" = {} {currency}", plain(value)));
        let per_hour = hours.and_then(|hours| value.checked_div(hours)).map(|hour| hour.round_dp(2));
        if let Some(hour) = per_hour {
            words.push_str(&format!(" → {} {currency} per hour{over}", plain(hour)));
        }
        Some(Sum { value, per_hour, words, unknown })
    }

    fn placed(&self, rank: Rank, rate: Option<Money>, sum: Option<(Sum, String)>, line: String) -> Ranking {
        let (value, per_hour, currency) = match sum {
            Some((sum, currency)) => (Some(sum.value), sum.per_hour, Some(currency)),
            None => (None, None, None),
        };
        // Between those that are ranked by score a currency means nothing.
        let counts = matches!(rank, Rank::Worth | Rank::Worthless) && per_hour.is_some();
        let (own, code) = (rate.map(|rate| rate.currency()), currency.clone().unwrap_or_default());
        let order = Order {
            rank,
            foreign: counts && own.is_none_or(|own| own.code() != code),
            currency: if counts { code } else { String::new() },
            per_hour: Reverse(per_hour.filter(|_| counts).unwrap_or_default()),
            score: Reverse(self.score),
            found_at: Reverse(self.found_at),
            id: self.id.clone(),
        };
        Ranking { order, value, per_hour, currency, line }
    }
}

/// What is reckoned with: the middle of a range, else what there is; and how it is written.
fn middle(reward: &Reward) -> Option<(Decimal, String)> {
    match (reward.min, reward.max) {
        (Some(min), Some(max)) if min == max => Some((max, plain(max))),
        (Some(min), Some(max)) => {
            let middle = min.checked_add(max)?.checked_div(Decimal::TWO)?;
            Some((middle, format!("{} (of {} to {})", plain(middle), plain(min), plain(max))))
        }
        (Some(min), None) => Some((min, format!("at least {}", plain(min)))),
        (None, Some(max)) => Some((max, format!("at most {}", plain(max)))),
        (None, None) => None,
    }
}

/// Without the zeros behind it that say nothing: `62.50` and `250`, not `62.5` or `250.00`.
fn plain(amount: Decimal) -> String {
    let mut amount = amount.normalize();
    if amount.scale() == 1 {
        amount.rescale(2);
    }
    amount.to_string()
}
