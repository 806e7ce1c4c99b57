//! Decimals as a network writes them: a JSON number or a text, taken from its digits.
//!
//! A float would turn 5.59 into something near it; so a number is read from the text of the answer.

use mm_sdk::Decimal;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// An exact decimal. Serde reads it from text alone (`serde_json::from_str`), not from a parsed value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exact(pub Decimal);

impl Exact {
    /// Reads `5.59`, `-3`, `1e2` or, within quotes, the same without an exponent.
    ///
    /// # Errors
    /// A sentence.
    pub fn read(raw: &str) -> Result<Self, String> {
        let wrong = || format!("{} is no amount", raw.chars().take(40).collect::<String>());
        let text = raw.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let digits = text.unwrap_or(raw);
        if text.is_none() && digits.contains(['e', 'E']) {
            return Decimal::from_scientific(digits).map(Self).map_err(|_| wrong());
        }
        let unsigned = digits.strip_prefix('-').unwrap_or(digits);
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit());
        let right = match unsigned.split_once('.') {
            Some((whole, places)) => plain(whole) && plain(places),
            None => plain(unsigned),
        };
        if !right {
            return Err(wrong());
        }
        Decimal::from_str_exact(digits).map(Self).map_err(|_| wrong())
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::read(raw.get().trim()).map_err(D::Error::custom)
    }
}

/// An id that is a whole number or a text, as a text. Impact's description says the one and shows the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Id(pub String);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(u64),
            Text(String),
        }
        Ok(Self(match Either::deserialize(deserializer)? {
            Either::Number(number) => number.to_string(),
            Either::Text(text) => text,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_keeps_its_digits_and_nothing_else_is_one() {
        for (raw, same) in [
            ("5.59", "5.59"),
            ("\"5.59\"", "5.59"),
            ("-3", "-3"),
            ("0.1000000000000000055511151231", "0.1000000000000000055511151231"),
            ("1e2", "100"),
            ("1349.0", "1349.0"),
        ] {
            assert_eq!(serde_json::from_str::<Exact>(raw).unwrap().0.to_string(), same, "{raw}");
        }
        for bad in [
            "null",
            "true",
            "\"\"",
            "\"1,5\"",
            "\"1.234,56 €\"",
            "\"USD 5k\"",
            "\"₿0.01\"",
            "\"1e2\"",
            "\"NaN\"",
            "[]",
            "\".5\"",
            "\"5.\"",
            "\"--1\"",
            "\"1_0\"",
            "1e999",
            "\" 1\"",
        ] {
            assert!(serde_json::from_str::<Exact>(bad).is_err(), "{bad}");
        }
    }
}
