//! Payout ranges, exact: an [`Amount`] is whole hundredths, never a float.
//!
//! A number that is no such amount is refused where it is read, and with it the record it is in.

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a programme pays, as its source tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payout {
    /// The least it pays for a valid report, if told.
    pub min: Option<Amount>,
    /// The most it pays, if told.
    pub max: Option<Amount>,
    /// ISO 4217 code; `None` where the source gives a number and no currency (YesWeHack).
    pub currency: Option<Box<str>>,
}

impl Payout {
    /// A range that pays something, or nothing: a source's `0` to `0` means that it does not pay.
    pub fn of(min: Option<Amount>, max: Option<Amount>, currency: Option<&str>) -> Option<Payout> {
        let pays = |amount: &Option<Amount>| amount.is_some_and(|a| a > Amount::ZERO);
        (pays(&min) || pays(&max)).then(|| Payout { min, max, currency: currency.map(Into::into) })
    }

    /// The most it pays; the least where only that is told.
    pub fn top(&self) -> Amount {
        self.max.or(self.min).unwrap_or(Amount::ZERO)
    }
}

/// An exact amount of money in hundredths of the currency's unit. Never a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Amount {
    hundredths: u64,
}

impl Amount {
    /// Nothing.
    pub const ZERO: Amount = Amount { hundredths: 0 };

    /// The largest amount taken for real, in hundredths: ten thousand million units.
    const MAX: u64 = 1_000_000_000_000;

    /// So many whole units; the largest amount where that would be more.
    pub fn units(units: u64) -> Amount {
        Amount { hundredths: units.saturating_mul(100).min(Amount::MAX) }
    }

    /// The amount in hundredths of the unit.
    pub fn hundredths(self) -> u64 {
        self.hundredths
    }

    /// Reads a plain decimal (`7500`, `12.5`); `None` if it is negative, has more than two
    /// decimals, an exponent, or is beyond any payout.
    pub fn from_decimal(text: &str) -> Option<Amount> {
        let (whole, part) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
        let part = part.trim_end_matches('0');
        if whole.is_empty() || part.len() > 2 || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        if !whole.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let cents: u64 = format!("{part:0<2}").parse().ok()?;
        let hundredths = whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(cents)?;
        (hundredths <= Amount::MAX).then_some(Amount { hundredths })
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.hundredths / 100, self.hundredths % 100) {
            (units, 0) => write!(f, "{units}"),
            (units, cents) => write!(f, "{units}.{cents:02}"),
        }
    }
}

/// In a stored snapshot an amount is its hundredths; in a feed it is a JSON number or string. The
/// two readers are told apart by [`Deserializer::is_human_readable`].
impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Amount, D::Error> {
        if deserializer.is_human_readable() {
            return deserializer.deserialize_any(AmountVisitor);
        }
        #[derive(Deserialize)]
        #[serde(rename = "Amount")]
        struct Stored {
            hundredths: u64,
        }
        Stored::deserialize(deserializer).map(|stored| Amount { hundredths: stored.hundredths })
    }
}

struct AmountVisitor;

impl Visitor<'_> for AmountVisitor {
    type Value = Amount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount of money with at most two decimals")
    }

    fn visit_u64<E: de::Error>(self, units: u64) -> Result<Amount, E> {
        let hundredths = units.checked_mul(100).filter(|&h| h <= Amount::MAX);
        hundredths
            .map(|hundredths| Amount { hundredths })
            .ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(units), &self))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Amount, E> {
        // The shortest decimal that reads back as this float is what the source wrote.
        Amount::from_decimal(&number.to_string())
            .ok_or_else(|| E::invalid_value(de::Unexpected::Float(number), &self))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Amount, E> {
        Amount::from_decimal(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_exact_or_refused() {
        let read = |json: &str| serde_json::from_str::<Amount>(json).map(|a| a.to_string()).ok();
        assert_eq!(read("7500").as_deref(), Some("7500"));
        assert_eq!(read("0").as_deref(), Some("0"));
        assert_eq!(read("12.5").as_deref(), Some("12.50"));
        assert_eq!(read("2000.0").as_deref(), Some("2000"));
        assert_eq!(read("0.07").as_deref(), Some("0.07"));
        assert_eq!(read("\"19.99\"").as_deref(), Some("19.99"));
        for bad in [
            "-1",
            "1.005",
            "1e300",
            "true",
            "\"\"",
            "\"1,000\"",
            "\"0x10\"",
            "\".5\"",
            "[]",
            "99999999999999999",
        ] {
            assert_eq!(read(bad), None, "{bad} is no amount");
        }
    }

    #[test]
    fn a_range_of_nothing_is_no_payout() {
        assert_eq!(Payout::of(Some(Amount::ZERO), Some(Amount::ZERO), Some("EUR")), None);
        assert_eq!(Payout::of(None, None, Some("EUR")), None);
        let range = Payout::of(Some(Amount::ZERO), Some(Amount::units(50)), Some("EUR"));
        assert_eq!(range.map(|p| p.top()), Some(Amount::units(50)));
    }
}
