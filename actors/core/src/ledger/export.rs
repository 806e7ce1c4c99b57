//! The books as other programs read them: hledger's journal (which ledger reads too), beancount, and CSV.
//!
//! What came from outside (a reference, a document's name) is made one harmless line first: it cannot end a
//! line, a string or a cell, nor be a formula.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::earning::Entry;
use crate::moment::Moment;
use crate::untrusted::Untrusted;

/// The longest reference or name in an export.
const LINE_CHARS_MAX: usize = 200;

/// What stands at the head of an export.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// `live` or `sandbox`: nobody takes the one for the other.
    pub stamp: &'a str,
    /// When it was made.
    pub at: Moment,
}

/// As a journal of hledger.
pub fn hledger<'a>(head: Head<'_>, entries: impl IntoIterator<Item = &'a Entry>) -> String {
    let entries: Vec<&Entry> = entries.into_iter().collect();
    let mut text = format!("; money-machine, {}, as of {}\ndecimal-mark .\n", head.stamp, head.at);
    let accounts: BTreeSet<String> =
        entries.iter().flat_map(|entry| &entry.postings).map(|p| p.account.to_string()).collect();
    for account in accounts {
        push(&mut text, format_args!("account {account}\n"));
    }
    for entry in entries {
        let (date, id) = (date(entry.as_of), &entry.id);
        push(
            &mut text,
            format_args!("\n{date} * ({id}) {} {}: {}\n", entry.platform, entry.strategy, entry.to),
        );
        for (name, value) in about(entry) {
            push(&mut text, format_args!("    ; {name}: {}\n", value.replace(',', ";")));
        }
        for posting in &entry.postings {
            push(&mut text, format_args!("    {}  {}\n", posting.account, posting.money));
        }
    }
    text
}

/// As a file of beancount.
pub fn beancount<'a>(head: Head<'_>, entries: impl IntoIterator<Item = &'a Entry>) -> String {
    let entries: Vec<&Entry> = entries.into_iter().collect();
    let mut text = format!("; as of {}\noption \"title\" \"money-machine, {}\"\n", head.at, head.stamp);
    let mut opened: BTreeMap<String, String> = BTreeMap::new();
    for entry in &entries {
        for posting in &entry.postings {
            let day = date(entry.as_of);
            let since = opened.entry(posting.account.in_beancount()).or_insert_with(|| day.clone());
            if day < *since {
                *since = day;
            }
        }
    }
    for (account, since) in opened {
        push(&mut text, format_args!("{since} open {account}\n"));
    }
    for entry in entries {
        let (platform, strategy, to) = (&entry.platform, &entry.strategy, entry.to);
        push(&mut text, format_args!("\n{} * \"{platform}\" \"{strategy}: {to}\"\n", date(entry.as_of)));
        push(&mut text, format_args!("  entry: \"{}\"\n", entry.id));
        for (name, value) in about(entry) {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            push(&mut text, format_args!("  {name}: \"{value}\"\n"));
        }
        for posting in &entry.postings {
            push(&mut text, format_args!("  {}  {}\n", posting.account.in_beancount(), posting.money));
        }
    }
    text
}

/// As CSV (RFC 4180), a line a posting, with a line of names above.
pub fn csv<'a>(head: Head<'_>, entries: impl IntoIterator<Item = &'a Entry>) -> String {
    let mut text = "stamp,entry,recorded_at,as_of,platform,strategy,reference,stage,account,amount,currency,evidence,source,what\r\n"
        .to_owned();
    for entry in entries {
        for posting in &entry.postings {
            let cells = [
                head.stamp.to_owned(),
                entry.id.to_string(),
                entry.at.to_string(),
                entry.as_of.to_string(),
                cell(entry.platform.as_str()),
                cell(entry.strategy.as_str()),
                cell(&entry.reference),
                entry.to.to_string(),
                cell(&posting.account.to_string()),
                posting.money.amount().to_string(),
                posting.money.currency().to_string(),
                entry.evidence.digest.to_string(),
                entry.evidence.source.as_str().to_owned(),
                cell(&entry.evidence.what),
            ];
            push(&mut text, format_args!("{}\r\n", cells.join(",")));
        }
    }
    text
}

/// What an entry says besides its postings, by name.
fn about(entry: &Entry) -> [(&'static str, String); 4] {
    let line = |text: &str| Untrusted::new(text).line(LINE_CHARS_MAX);
    [
        ("reference", line(&entry.reference)),
        ("evidence", entry.evidence.digest.to_string()),
        ("source", entry.evidence.source.as_str().to_owned()),
        ("document", line(&entry.evidence.what)),
    ]
}

fn cell(text: &str) -> String {
    Untrusted::new(text).as_csv_cell(LINE_CHARS_MAX).to_string()
}

/// The day of a moment, in UTC.
fn date(at: Moment) -> String {
    at.to_string().chars().take(10).collect()
}

fn push(text: &mut String, args: std::fmt::Arguments<'_>) {
    text.write_fmt(args).expect("a String takes every text");
}
