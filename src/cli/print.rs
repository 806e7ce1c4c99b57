//! Output: tables, JSON, and what nobody reads any more.

mod fitted;

use std::io::{self, Write as _};

use mm_core::ledger::Currency;
use mm_core::untrusted::Untrusted;
use serde::Serialize;

use crate::exit::Failure;

pub use fitted::{Column, cut, fitted, terminal_size, terminal_width};

/// So many rows as a person asks for: one at least, since a list of none says nothing.
///
/// # Errors
/// What would be right.
pub fn rows_max(text: &str) -> Result<usize, String> {
    let number: Option<usize> = text.trim().parse().ok();
    number
        .filter(|n| *n > 0)
        .ok_or_else(|| "write a whole number, 1 or more; leave it out for what is usual".to_owned())
}

/// Writes to stdout.
///
/// # Errors
/// If stdout cannot be written; a closed pipe ends the command quietly.
pub fn out(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::new("write to stdout", error))
}

/// Writes a value as JSON, with a line end. What a terminal would obey and JSON lets stand (U+009B,
/// bidi controls) is written as its escape.
///
/// # Errors
/// As [`out`].
pub fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::new("write JSON", error))?;
    out(&(mm_core::untrusted::json_safe(&text) + "\n"))
}

/// A text from outside as one harmless line.
pub fn line(text: &str, chars_max: usize) -> String {
    Untrusted::new(text).line(chars_max)
}

/// A text from outside as harmless lines: its own line ends stay, and no other character that a terminal would obey.
pub fn lines(text: &str, chars_max: usize) -> String {
    Untrusted::new(text).as_plain_text(chars_max).as_str().to_owned()
}

/// Lines, each so many blanks from the edge; one that is empty stays so.
pub fn indented(text: &str, blanks: usize) -> String {
    let line = |line: &str| format!("{}\n", format!("{:blanks$}{line}", "").trim_end());
    text.split('\n').map(line).collect()
}

/// The day and minute of an RFC 3339 time in UTC, for a column; its `Z` says that it is.
pub fn minute(time: &str) -> String {
    match (time.get(..10), time.get(11..16)) {
        (Some(day), Some(minute)) => {
            let zone = if time.ends_with('Z') { "Z" } else { "" };
            format!("{day} {minute}{zone}")
        }
        _ => line(time, 24),
    }
}

/// The same for a time that may not be.
pub fn minute_or(time: Option<&String>, none: &str) -> String {
    time.map_or_else(|| none.to_owned(), |time| minute(time))
}

/// An amount with at least the decimals that its currency has, two where it has none of its own, for a person; what
/// is no amount stays as it is.
pub fn amount(amount: &str, currency: &str) -> String {
    let amount = line(amount, 40);
    let digits = |text: &str| text.bytes().all(|c| c.is_ascii_digit());
    let (whole, part) = amount.split_once('.').unwrap_or((&amount, ""));
    let unsigned = whole.strip_prefix('-').unwrap_or(whole);
    if unsigned.is_empty() || !digits(unsigned) || !digits(part) {
        return amount;
    }
    let places = currency.parse::<Currency>().ok().and_then(|currency| currency.places());
    let decimals = places.map_or(2, |places| places as usize);
    if decimals == 0 && part.is_empty() { amount } else { format!("{whole}.{part:0<decimals$}") }
}

/// Rows under headings; columns are as wide as their widest cell, the last is not filled.
pub fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = headings.iter().map(|heading| heading.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let headings: Vec<String> = headings.iter().map(|heading| heading.to_uppercase()).collect();
    let mut text = String::new();
    for row in std::iter::once(&headings).chain(rows) {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Named values, one a line; a value's further lines stand below its first.
pub fn fields(fields: &[(&str, String)]) -> String {
    let width = fields.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let field = |(name, value): &(&str, String)| {
        let (first, more) = value.split_once('\n').map_or((value.as_str(), None), |(a, b)| (a, Some(b)));
        let more = more.map(|more| indented(more, width + 2)).unwrap_or_default();
        format!("{}\n{more}", format!("{name:<width$}  {first}").trim_end())
    };
    fields.iter().map(field).collect()
}

/// `1 day 3 h`, `5 min`, `12 s`.
pub fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (1, _, _) => format!("1 day {hours} h"),
        _ => format!("{days} days {hours} h"),
    }
}

/// `MiB`, for sizes of memory and disk.
pub fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_lines_up_and_leaves_no_blanks_behind() {
        let rows =
            vec![vec!["1".into(), "äöü".into(), "x".into()], vec!["22".into(), "a".into(), String::new()]];
        assert_eq!(table(&["id", "n", "rest"], &rows), "ID  N    REST\n1   äöü  x\n22  a\n");
    }

    #[test]
    fn a_letter_keeps_its_lines_and_nothing_else_that_a_terminal_obeys() {
        let letter = lines("Hello,\r\n\n  I can\x1b[2J.\n", 100);
        assert_eq!(letter, "Hello,\n\n  I can\u{fffd}[2J.");
        assert_eq!(
            fields(&[("to", "me".into()), ("text", letter)]),
            "to    me\ntext  Hello,\n\n        I can\u{fffd}[2J.\n"
        );
    }

    #[test]
    fn an_amount_has_at_least_the_decimals_of_its_currency() {
        let shown = [("339.8", "USD"), ("7", "EUR"), ("-0.5", "EUR"), ("1.2345", "USD"), ("500", "JPY")];
        let shown = shown.map(|(text, currency)| amount(text, currency));
        assert_eq!(shown, ["339.80", "7.00", "-0.50", "1.2345", "500"]);
        let odd = [("1.5", "JPY"), ("2", "KWD"), ("much", "USD"), ("", "USD"), ("1,5", "EUR")];
        let odd = odd.map(|(text, currency)| amount(text, currency));
        assert_eq!(odd, ["1.5", "2.000", "much", "", "1,5"]);
    }

    #[test]
    fn times_and_spans_are_short() {
        assert_eq!(minute("2026-07-22T12:00:00Z"), "2026-07-22 12:00Z");
        assert_eq!(minute("\x1b[31m"), "\u{fffd}[31m");
        let spans: Vec<String> = [0, 59, 60, 3_700, 90_000, 900_000].into_iter().map(span).collect();
        assert_eq!(spans, ["0 s", "59 s", "1 min", "1 h 1 min", "1 day 1 h", "10 days 10 h"]);
    }
}
