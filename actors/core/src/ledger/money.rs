//! Money: an exact amount with its currency. Nothing is rounded, and no two currencies are added.

use std::fmt;
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

/// The largest amount of one posting, either way: a million million, with 8 places 20 of a decimal's 28 digits.
const LARGEST: i64 = 1_000_000_000_000;
/// The most places behind the point: what networks that pay by the click report has 4, bitcoin 8.
const PLACES_MAX: u32 = 8;

/// Why something is no money: a sentence that says what would be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMoney {
    /// The code is none of ISO 4217's.
    #[error("`{0}` is no currency of ISO 4217; write three letters such as EUR or USD")]
    Currency(String),
    /// The text is no number.
    #[error("`{0}` is no amount; write digits and a point, such as 12.50")]
    Amount(String),
    /// More than the books hold in one posting, or more exact.
    #[error("{0} is too large or too exact for the books: less than 10^12, and at most 8 places")]
    Range(String),
    /// A person wrote more places than the currency has.
    #[error("{currency} has {has}: did you mean {meant}?")]
    Places {
        /// The currency.
        currency: Currency,
        /// How many places it has, in words.
        has: &'static str,
        /// What the person may have meant.
        meant: String,
    },
    /// Two currencies were to be added.
    #[error("{0} and {1} are two currencies; they are never added")]
    Mixed(Currency, Currency),
}

/// A currency of ISO 4217, as its three letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    /// Its three letters.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).expect("three ASCII letters, checked when it was made")
    }

    /// The places behind the point that ISO 4217 gives it (its minor unit); `None` where there are none to
    /// give, as for gold.
    pub fn places(&self) -> Option<u32> {
        iso_currency::Currency::from_code(self.code())?.exponent().map(u32::from)
    }
}

impl FromStr for Currency {
    type Err = BadMoney;

    fn from_str(text: &str) -> Result<Self, BadMoney> {
        let bad = || BadMoney::Currency(text.chars().take(20).collect());
        let known = iso_currency::Currency::from_code(text).ok_or_else(bad)?;
        Ok(Self(known.code().as_bytes().try_into().map_err(|_| bad())?))
    }
}

impl TryFrom<String> for Currency {
    type Error = BadMoney;

    fn try_from(text: String) -> Result<Self, BadMoney> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> String {
        currency.code().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount in a currency; the amount may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Money {
    amount: Decimal,
    currency: Currency,
}

/// As it is stored, and as a user sees it: `{"amount": "12.50", "currency": "EUR"}`.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(with = "rust_decimal::serde::str")]
    amount: Decimal,
    currency: Currency,
}

impl TryFrom<Stored> for Money {
    type Error = BadMoney;

    fn try_from(stored: Stored) -> Result<Self, BadMoney> {
        Self::new(stored.amount, stored.currency)
    }
}

impl From<Money> for Stored {
    fn from(money: Money) -> Self {
        Self { amount: money.amount, currency: money.currency }
    }
}

impl Money {
    /// So much of a currency.
    ///
    /// # Errors
    /// [`BadMoney::Range`] for what the books do not hold.
    pub fn new(amount: Decimal, currency: Currency) -> Result<Self, BadMoney> {
        if amount.abs() >= Decimal::from(LARGEST) || amount.scale() > PLACES_MAX {
            return Err(BadMoney::Range(format!("{amount} {currency}")));
        }
        Ok(Self { amount, currency })
    }

    /// Reads an amount such as `12.50` and a currency such as `EUR`.
    ///
    /// # Errors
    /// [`BadMoney`], a sentence.
    ///
    /// ```
    /// use mm_core::ledger::Money;
    /// assert_eq!(Money::read("12.50", "EUR").unwrap().to_string(), "12.50 EUR");
    /// assert!(Money::read("12,50", "EUR").is_err());
    /// assert!(Money::read("12.50", "EURO").is_err());
    /// ```
    pub fn read(amount: &str, currency: &str) -> Result<Self, BadMoney> {
        let bad = || BadMoney::Amount(amount.chars().take(40).collect());
        let currency = currency.parse()?;
        let plain = |c: u8| c.is_ascii_digit() || matches!(c, b'.' | b'-');
        if !amount.bytes().all(plain) {
            return Err(bad());
        }
        Self::new(Decimal::from_str_exact(amount).map_err(|_| bad())?, currency)
    }

    /// Reads what a person wrote. To some `12.345` is twelve thousand: with more places than the currency
    /// has it is not guessed at. What a platform reports is read exactly, by [`Money::read`].
    ///
    /// # Errors
    /// [`BadMoney`], a sentence.
    ///
    /// ```
    /// use mm_core::ledger::Money;
    /// assert_eq!(Money::typed("12.50", "EUR").unwrap().to_string(), "12.50 EUR");
    /// let refused = Money::typed("12.345", "EUR").unwrap_err().to_string();
    /// assert_eq!(refused, "EUR has two decimals: did you mean 12345 or 12.35?");
    /// ```
    pub fn typed(amount: &str, currency: &str) -> Result<Self, BadMoney> {
        let money = Self::read(amount, currency)?;
        let Some(places) = money.currency.places().filter(|places| money.amount.scale() > *places) else {
            return Ok(money);
        };
        let rounded = money.amount.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero);
        let has = match places {
            0 => "no decimals",
            1 => "one decimal",
            2 => "two decimals",
            3 => "three decimals",
            _ => "four decimals",
        };
        // Three digits behind a point may be thousands, unless nothing stands before it.
        let meant = match money.amount.scale() {
            3 if money.amount.abs() >= Decimal::ONE => format!("{} or {rounded}", amount.replace('.', "")),
            _ => rounded.to_string(),
        };
        Err(BadMoney::Places { currency: money.currency, has, meant })
    }

    /// None of it, in that currency.
    pub fn none(currency: Currency) -> Self {
        Self { amount: Decimal::ZERO, currency }
    }

    /// How much.
    pub fn amount(&self) -> Decimal {
        self.amount
    }

    /// Of what.
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// Whether it is nothing.
    pub fn is_none(&self) -> bool {
        self.amount.is_zero()
    }

    /// As much, the other way.
    #[must_use]
    pub fn negated(self) -> Self {
        Self { amount: -self.amount, ..self }
    }

    /// Both together.
    ///
    /// # Errors
    /// [`BadMoney::Mixed`] for two currencies, [`BadMoney::Range`] for too much.
    pub fn plus(self, other: Self) -> Result<Self, BadMoney> {
        if self.currency != other.currency {
            return Err(BadMoney::Mixed(self.currency, other.currency));
        }
        let sum = self.amount.checked_add(other.amount);
        let sum = sum.ok_or_else(|| BadMoney::Range(format!("{self} and {other}")))?;
        Self::new(sum, self.currency)
    }
}

/// `12.50 EUR`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}
