//! Sums of money in a text: `$500`, `$1,000.50`, `USD 5k`, `€1.234,56`, `500 EUR`.
//!
//! Exact decimals, never floats. A number without a currency beside it is no amount. A mark that can
//! separate thousands or decimals is read by what surrounds it: two marks of different kinds, the last is
//! the decimal one; one mark before exactly three digits separates thousands.

use mm_sdk::Decimal;
use serde::{Deserialize, Serialize};

mod range;

pub use range::all as all_with_ranges;

/// More than this is no bounty that was ever paid for an issue, in a currency whose unit is near a dollar; it
/// is bait or a mistake. In others it is as much in their units: see [`units_of_a_dollar`].
pub const ABSURD: u32 = 100_000;

/// About how many units of a currency make a dollar: 1, 10, 100 and so on, never fewer than there are. `None` of
/// a currency whose size is not known here: nothing is too much in it.
pub fn units_of_a_dollar(code: &str) -> Option<u32> {
    match code {
        "USD" | "EUR" | "GBP" | "CHF" | "CAD" | "AUD" | "NZD" | "SGD" => Some(1),
        "HKD" | "BRL" | "SEK" | "NOK" | "DKK" | "PLN" => Some(10),
        "INR" | "CZK" => Some(100),
        "JPY" | "HUF" => Some(1_000),
        _ => None,
    }
}

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
        units_of_a_dollar(&self.currency)
            .is_some_and(|units| self.value > Decimal::from(ABSURD) * Decimal::from(units))
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

/// Blanks that may stand between a number and its currency, or round what joins two ends of a sum.
const BLANKS: [char; 3] = [' ', '\u{a0}', '\u{202f}'];

/// The most digits of a number.
const DIGITS_MAX: usize = 15;

/// The first amount in a text.
pub fn first(text: &str) -> Option<Amount> {
    all(text).into_iter().next()
}

/// All amounts in a text, in their order, each read for itself: of `$50-80` the first alone is one.
/// [`all_with_ranges`] reads both.
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
    amount_of(&read(text, from, to)?)
}

/// A number as it is written.
#[derive(Debug, Clone)]
struct Number {
    /// Without its `k`.
    bare: Decimal,
    /// What a `k` or an `m` behind it makes of it.
    factor: Option<u32>,
    /// The currency in front of it.
    before: Option<&'static str>,
    /// The currency behind it.
    after: Option<&'static str>,
    /// Where it ends, with its `k`.
    end: usize,
    /// Where it ends, with the currency behind it.
    whole_end: usize,
}

/// Reads the number that begins at `from` and whose digits and marks end at `to`.
fn read(text: &str, from: usize, to: usize) -> Option<Number> {
    let before = text.get(..from)?;
    // The tail of a word, a version or a path is no number of its own.
    if before
        .chars()
        .next_back()
        .is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | ',' | '#' | '/' | '_'))
    {
        return None;
    }
    let bare = number(text.get(from..to)?)?;
    let after = text.get(to..)?;
    let (factor, end) = match after.chars().next() {
        Some('k' | 'K') if !goes_on(after) => (Some(1_000), to + 1),
        Some('m' | 'M') if !goes_on(after) => (Some(1_000_000), to + 1),
        Some(c) if c.is_alphanumeric() => return None,
        _ => (None, to),
    };
    let before = currency_before(before);
    let after = currency_after(text, end);
    let whole_end = after.map_or(end, |(_, whole_end)| whole_end);
    Some(Number { bare, factor, before, after: after.map(|(code, _)| code), end, whole_end })
}

/// The sum that a number is, where a currency stands beside it.
fn amount_of(number: &Number) -> Option<Amount> {
    let currency = number.before.or(number.after)?;
    let value = number.bare.checked_mul(Decimal::from(number.factor.unwrap_or(1)))?.normalize();
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
            c if BLANKS.contains(&c) => digits == 3,
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
    let text = text.strip_suffix(BLANKS).unwrap_or(text);
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

/// The currency behind a number that ends at `end`, and where that ends.
fn currency_after(text: &str, end: usize) -> Option<(&'static str, usize)> {
    let behind = text.get(end..)?;
    let behind = behind.strip_prefix(BLANKS).unwrap_or(behind);
    let ends = |after: &str| text.len() - after.len();
    let signs = [("€", "EUR"), ("$", "USD"), ("£", "GBP"), ("₹", "INR")];
    let mut signs = signs.into_iter();
    if let Some(found) = signs.find_map(|(sign, code)| Some((code, ends(behind.strip_prefix(sign)?)))) {
        return Some(found);
    }
    CODES.iter().find_map(|code| {
        let after = behind.strip_prefix(code)?;
        after.chars().next().is_none_or(|c| !c.is_alphanumeric()).then(|| (*code, ends(after)))
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
            ("EUR\u{a0}500, €\u{202f}60", "500 EUR, 60 EUR"),
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
        assert!(!first("₹150,000").unwrap().is_absurd(), "that is less than 2,000 dollars");
        assert!(first("₹99,999,999").unwrap().is_absurd());
        let units = CODES.iter().map(|code| units_of_a_dollar(code));
        assert!(units.into_iter().all(|units| units.is_some()), "of what is read the size is known");
    }
}
