//! Output: tables, JSON, and what nobody reads any more.

mod fitted;

use std::io::{self, Write as _};

use mm_core::untrusted::Untrusted;
use serde::Serialize;

use crate::exit::Failure;

pub use fitted::{Column, cut, fitted, terminal_size, terminal_width};

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

/// Named values, one a line.
pub fn fields(fields: &[(&str, String)]) -> String {
    let width = fields.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    fields
        .iter()
        .map(|(name, value)| format!("{}\n", format!("{name:<width$}  {value}").trim_end()))
        .collect()
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
    fn times_and_spans_are_short() {
        assert_eq!(minute("2026-07-22T12:00:00Z"), "2026-07-22 12:00Z");
        assert_eq!(minute("\x1b[31m"), "\u{fffd}[31m");
        let spans: Vec<String> = [0, 59, 60, 3_700, 90_000, 900_000].into_iter().map(span).collect();
        assert_eq!(spans, ["0 s", "59 s", "1 min", "1 h 1 min", "1 day 1 h", "10 days 10 h"]);
    }
}
