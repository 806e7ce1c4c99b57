//! Amounts as two ends of one sum: `$120-160k`, `80–120 EUR`, `$150k - $180k`, `50 to 80 USD`.
//!
//! Both ends are told, in their order. What says so is a dash or `to` between two numbers, of which the first
//! has a currency in front or the second one behind; the other end may lack it, and the `k` of the second
//! stands for both. A date, a numbered step before a sum and a sum before a count are no two ends.

use mm_sdk::Decimal;

use super::{Amount, BLANKS, CODES, Number, SIGNS, amount_of, number_end, read};

/// What joins two ends.
const JOINTS: [&str; 6] = ["-", "\u{2010}", "\u{2011}", "–", "—", "to "];

/// Where blanks stand around the joint, and the second end alone has a currency, it is at most so many times
/// the first: `Step 3 - 500 USD` is one sum.
const TIMES_MAX: u32 = 10;

/// Words that may follow a number that is the second end by its place alone.
const UNITS: [&str; 7] = ["per", "an", "a", "hourly", "monthly", "yearly", "annually"];

/// All amounts in a text, in their order, those among them that are two ends of one sum as both ends.
pub fn all(text: &str) -> Vec<Amount> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(from) = text.get(at..).and_then(|rest| rest.find(|c: char| c.is_ascii_digit())) {
        let from = at + from;
        let to = number_end(text, from);
        at = to;
        let Some(first) = read(text, from, to) else { continue };
        if let Some((ends, end)) = ends(text, from, &first) {
            found.extend(ends.into_iter().flatten());
            at = end;
        } else {
            found.extend(amount_of(&first));
        }
    }
    found
}

/// Both ends of the sum that begins with `first`, and where it ends.
fn ends(text: &str, from: usize, first: &Number) -> Option<([Option<Amount>; 2], usize)> {
    if continues_a_chain(text.get(..from)?) {
        return None;
    }
    let after = text.get(first.whole_end..)?;
    let trimmed = after.trim_start_matches(BLANKS);
    let joint = JOINTS.iter().find(|joint| trimmed.starts_with(**joint))?;
    let joined = trimmed.strip_prefix(joint)?;
    let rest = joined.trim_start_matches(BLANKS);
    let spaced = trimmed.len() != after.len() || rest.len() != joined.len();
    let from = rest.find(|c: char| c.is_ascii_digit())?;
    let sign = rest.get(..from)?.trim_end_matches(BLANKS);
    let is_sign = SIGNS.iter().any(|(known, _)| *known == sign) || CODES.contains(&sign);
    if !sign.is_empty() && !is_sign {
        return None;
    }
    let second = read(rest, from, number_end(rest, from))?;
    let behind = rest.get(second.end..)?;
    if behind.starts_with(['-', '–']) && behind.chars().nth(1).is_some_and(|c| c.is_ascii_digit()) {
        return None;
    }
    let code = shared(first, &second, spaced, behind)?;
    let inherits = first.factor.is_none() && first.bare < second.bare;
    let factor = first.factor.or(second.factor.filter(|_| inherits));
    let sum = |number: &Number, factor| amount_of(&Number { factor, before: Some(code), ..number.clone() });
    let (low, high) = (sum(first, factor), sum(&second, second.factor)?);
    let ordered = low.as_ref().is_none_or(|low| low.value <= high.value);
    let end = text.len() - behind.len();
    ordered.then_some(([low, Some(high)], end))
}

/// The currency of both ends, if the two are ends at all. `behind` is what follows the second.
fn shared(first: &Number, second: &Number, spaced: bool, behind: &str) -> Option<&'static str> {
    let (left, right) = (first.before.or(first.after), second.before.or(second.after));
    match (left, right) {
        (Some(left), Some(right)) => (left == right).then_some(left),
        (Some(left), None) => {
            let by_place = first.before.is_some() && (!spaced || second.factor.is_some() || is_unit(behind));
            by_place.then_some(left)
        }
        (None, Some(right)) => {
            let near = second.bare <= first.bare.checked_mul(Decimal::from(TIMES_MAX))?;
            (second.after.is_some() && (!spaced || near)).then_some(right)
        }
        (None, None) => None,
    }
}

/// Whether what follows a number is no word that is counted by it.
fn is_unit(behind: &str) -> bool {
    let word =
        behind.trim_start_matches(BLANKS).split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    word.is_empty() || UNITS.contains(&word.to_lowercase().as_str())
}

/// Whether a number that comes after this is a later part of a date or of another chain: `2024-11-`.
fn continues_a_chain(before: &str) -> bool {
    let before = before.strip_suffix(['-', '–']);
    before.is_some_and(|before| before.ends_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        all(text).iter().map(Amount::to_string).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn both_ends_are_read() {
        for (text, amounts) in [
            ("$150k-$180k", "150000 USD, 180000 USD"),
            ("$150k–180k", "150000 USD, 180000 USD"),
            ("$120-160k", "120000 USD, 160000 USD"),
            ("$120 - 160k base", "120000 USD, 160000 USD"),
            ("$120,000-$160,000", "120000 USD, 160000 USD"),
            ("$50-80/hr", "50 USD, 80 USD"),
            ("$50 - 80 per hour", "50 USD, 80 USD"),
            ("$50 to 80 an hour", "50 USD, 80 USD"),
            ("80-120 EUR", "80 EUR, 120 EUR"),
            ("80 - 120 EUR", "80 EUR, 120 EUR"),
            ("80 to 120 EUR", "80 EUR, 120 EUR"),
            ("80€-120€", "80 EUR, 120 EUR"),
            ("80 EUR - 120 EUR", "80 EUR, 120 EUR"),
            ("80k-120k €", "80000 EUR, 120000 EUR"),
            ("USD 50—80", "50 USD, 80 USD"),
            ("$900-1.5k", "900 USD, 1500 USD"),
            ("$0-500", "500 USD"),
            ("$50-80 and 200-300 EUR", "50 USD, 80 USD, 200 EUR, 300 EUR"),
        ] {
            assert_eq!(shown(text), amounts, "{text}");
        }
    }

    #[test]
    fn what_is_no_range_is_read_as_before() {
        for text in [
            "$500",
            "## 💎 $1,000 bounty",
            "£50 or 60 GBP",
            "US$100, A$200",
            "2024-25",
            "since 2024-25 we pay $500",
            "1.2-3",
            "2024-11-22 EUR 500",
            "Step 3 - $500",
            "Step 3 - 500 USD",
            "$500 - 3 days",
            "$50 - 100 issues",
            "$5 to 10 people",
            "$50-20",
            "$50-€80",
            "$50-80-120",
            "-$5",
            "555-0123",
        ] {
            let before: Vec<String> = super::super::all(text).iter().map(Amount::to_string).collect();
            assert_eq!(shown(text), before.join(", "), "{text}");
        }
    }
}
