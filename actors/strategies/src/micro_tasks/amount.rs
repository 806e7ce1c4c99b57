//! Sums of money in a text: `$500`, `$1,000.50`, `USD 5k`, `€1.234,56`, `500 EUR`.
//!
//! Exact decimals, never floats. A number without a currency beside it is no amount. A mark that can
//! separate thousands or decimals is read by what surrounds it: two marks of different kinds, the last is
//! the decimal one; one mark before exactly three digits separates thousands.

use mm_sdk::Decimal;
use serde::{Deserialize, Serialize};

/// More than this is no bounty that was ever paid for an issue, in any currency that is read here with
/// units near a dollar; it is bait or a mistake.
pub const ABSURD: u32 = 100_000;

/// A sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// How much; over zero.
    pub value: Decimal,
    /// ISO 4217.
    pub currency: String,
}

impl Amount {
    /// Whether nobody pays so much.
    pub fn is_absurd(&self) -> bool {
        self.value > Decimal::from(ABSURD)
    }
}

impl std::fmt::Display for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.value, self.currency)
    }
}

/// Signs of currencies, the longest first.
const SIGNS: &[(&str, &str)] = &[
    ("US$", "USD"),
    ("CA$", "CAD"),
    ("AU$", "AUD"),
    ("NZ$", "NZD"),
    ("HK$", "HKD"),
    ("A$", "AUD"),
    ("C$", "CAD"),
    ("S$", "SGD"),
    ("R$", "BRL"),
    ("$", "USD"),
    ("€", "EUR"),
    ("£", "GBP"),
    ("₹", "INR"),
];

/// Codes that are read.
const CODES: &[&str] = &[
    "USD", "EUR", "GBP", "CHF", "CAD", "AUD", "NZD", "SGD", "HKD", "INR", "BRL", "SEK", "NOK", "DKK", "PLN",
    "CZK",
];

/// The most digits of a number.
const DIGITS_MAX: usize = 15;

/// The first amount in a text.
pub fn first(text: &str) -> Option<Amount> {
    all(text).into_iter().next()
}

/// All amounts in a text, in their order.
pub fn all(text: &str) -> Vec<Amount> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(from) = text.get(at..).and_then(|rest| rest.find(|c: char| c.is_ascii_digit())) {
        let from = at + from;
        let to = number_end(text, from);
        found.extend(amount(text, from, to));
        at = to;
    }
    found
}

fn amount(text: &str, from: usize, to: usize) -> Option<Amount> {
    let before = text.get(..from)?;
    // The tail of a word, a version or a path is no number of its own.
    if before
        .chars()
        .next_back()
        .is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | ',' | '#' | '/' | '_'))
    {
        return None;
    }
    let value = number(text.get(from..to)?)?;
    let after = text.get(to..)?;
    let (factor, after) = match after.chars().next() {
        Some('k' | 'K') if !goes_on(after) => (1_000, after.get(1..)?),
        Some('m' | 'M') if !goes_on(after) => (1_000_000, after.get(1..)?),
        Some(c) if c.is_alphanumeric() => return None,
        _ => (1, after),
    };
    let currency = currency_before(before).or_else(|| currency_after(after))?;
    let value = value.checked_mul(Decimal::from(factor))?.normalize();
    (value > Decimal::ZERO).then(|| Amount { value, currency: currency.to_owned() })
}

/// Whether a word goes on after its first letter.
fn goes_on(text: &str) -> bool {
    text.chars().nth(1).is_some_and(char::is_alphanumeric)
}

/// Where a number that begins at `from` ends: digits, and marks that stand between digits. A blank is such
/// a mark only before a whole group of three.
fn number_end(text: &str, from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    let mut end = 0;
    for (at, c) in rest.char_indices() {
        let after = rest.get(at + c.len_utf8()..).unwrap_or_default();
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let inside = match c {
            '0'..='9' => true,
            '.' | ',' | '\'' | '’' | '_' => digits > 0,
            ' ' | '\u{a0}' | '\u{202f}' => digits == 3,
            _ => false,
        };
        if !inside {
            break;
        }
        end = at + c.len_utf8();
    }
    from + end
}

/// Reads a number with its marks.
fn number(text: &str) -> Option<Decimal> {
    let marks: Vec<(usize, char)> = text.char_indices().filter(|(_, c)| !c.is_ascii_digit()).collect();
    let decimal_at = decimal_mark(text, &marks);
    let whole = text.get(..decimal_at.unwrap_or(text.len()))?;
    let groups: Vec<&str> = whole.split(|c: char| !c.is_ascii_digit()).collect();
    let grouped = groups.iter().skip(1).all(|group| group.len() == 3);
    let separators: Vec<char> = whole.chars().filter(|c| !c.is_ascii_digit()).collect();
    let uniform = separators.windows(2).all(|two| two.first() == two.last());
    if !grouped || !uniform || groups.first().is_none_or(|first| groups.len() > 1 && first.len() > 3) {
        return None;
    }
    let fraction = decimal_at.map_or("", |at| text.get(at + 1..).unwrap_or_default());
    if !fraction.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let plain = format!("{}.{}", groups.concat(), if fraction.is_empty() { "0" } else { fraction });
    if plain.len() > DIGITS_MAX + 1 { None } else { plain.parse().ok() }
}

/// Where the decimal mark is, if there is one.
fn decimal_mark(text: &str, marks: &[(usize, char)]) -> Option<usize> {
    let (at, mark) = *marks.last()?;
    if !matches!(mark, '.' | ',') {
        return None;
    }
    let digits = text.len() - at - 1;
    let same = marks.iter().filter(|(_, other)| *other == mark).count();
    let decimal = if marks.len() > same { same == 1 } else { same == 1 && digits != 3 };
    decimal.then_some(at)
}

fn currency_before(text: &str) -> Option<&'static str> {
    let text = text.strip_suffix(' ').unwrap_or(text);
    for (sign, code) in SIGNS {
        if let Some(before) = text.strip_suffix(sign) {
            // `X$` is a dollar of a country that is not known here, `-$5` no offer.
            let last = before.chars().next_back();
            return last.is_none_or(|c| !c.is_alphanumeric() && c != '-').then_some(code);
        }
    }
    CODES.iter().copied().find(|code| {
        let before = text.strip_suffix(code);
        before.is_some_and(|before| before.chars().next_back().is_none_or(|c| !c.is_alphanumeric()))
    })
}

fn currency_after(text: &str) -> Option<&'static str> {
    let text = text.strip_prefix([' ', '\u{a0}', '\u{202f}']).unwrap_or(text);
    let sign = [("€", "EUR"), ("$", "USD"), ("£", "GBP"), ("₹", "INR")];
    if let Some((_, code)) = sign.into_iter().find(|(sign, _)| text.starts_with(sign)) {
        return Some(code);
    }
    CODES.iter().copied().find(|code| {
        let after = text.strip_prefix(code);
        after.is_some_and(|after| after.chars().next().is_none_or(|c| !c.is_alphanumeric()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        all(text).iter().map(Amount::to_string).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn sums_are_read_as_people_write_them() {
        let table = [
            ("$500", "500 USD"),
            ("## 💎 $1,000 bounty", "1000 USD"),
            ("**$1,234.50**", "1234.5 USD"),
            ("USD 5k", "5000 USD"),
            ("5k USD", "5000 USD"),
            ("€1.234,56", "1234.56 EUR"),
            ("1.234,56 €", "1234.56 EUR"),
            ("€1 234", "1234 EUR"),
            ("CHF 1'500", "1500 CHF"),
            ("$0.50", "0.5 USD"),
            ("$1.5k", "1500 USD"),
            ("£50 or 60 GBP", "50 GBP, 60 GBP"),
            ("US$100, A$200", "100 USD, 200 AUD"),
            ("$1,000,000", "1000000 USD"),
            ("$2m", "2000000 USD"),
        ];
        for (text, amounts) in table {
            assert_eq!(shown(text), amounts, "{text}");
        }
    }

    #[test]
    fn what_is_no_sum_is_none() {
        for text in [
            "",
            "500",
            "#500",
            "v1.500",
            "$",
            "$x",
            "$0",
            "-$5",
            "500 USDC",
            "X$5",
            "$1,00,00",
            "$12,3456.1.2",
            "Issue 500: fix",
            "$99999999999999999999",
            "abc500 USD",
            "$1.2.3",
            "100 EURO2",
        ] {
            assert_eq!(shown(text), "", "{text}");
        }
    }

    #[test]
    fn nobody_pays_a_billion() {
        assert!(first("$999,999,999").unwrap().is_absurd());
        assert!(!first("$100,000").unwrap().is_absurd());
    }
}
