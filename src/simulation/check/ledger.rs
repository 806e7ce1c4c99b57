//! The books balance at every commit that was seen, each step of an earning has its entry and each entry its
//! evidence, and no payment is counted twice.
//!
//! All of it is reckoned anew from rows and trail, in whole numbers of the smallest part: not with the code
//! that made them.

use std::collections::{BTreeMap, BTreeSet};

use mm_core::digest::Digest;
use mm_core::ledger::{Earning, Entry, Money, Report, Stage, Step};
use serde_json::Value;

use super::evidence::Evidence;
use super::trail::Audit;

/// The books hold no more decimal places than these.
const PLACES: usize = 8;
/// A cent is so many of their smallest parts.
pub(super) const CENT: i128 = 1_000_000;

/// No document that is evidence is larger.
const DOCUMENT_BYTES_MAX: usize = 64 << 20;

/// So much more, or less, on an account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    account: String,
    currency: String,
    /// In the smallest part that the books hold.
    units: i128,
}

/// What is wrong with the ledger.
pub fn ledger(e: &Evidence) -> Vec<String> {
    let (earnings, entries) = (e.rows::<Earning>(), e.rows::<Entry>());
    let (mut wrong, mut kept) = (Vec::new(), BTreeMap::<Digest, bool>::new());
    for (id, entry) in &entries {
        if entry.id.as_str() != id {
            wrong.push(format!("entry {} stands at {id}", entry.id));
        }
        wrong.extend(uneven(id, &posted(entry)));
        // Hundreds of entries rest on one document.
        let is_kept = *kept.entry(entry.evidence.digest).or_insert_with_key(|digest| {
            let bytes = e.store.get_answer(digest, DOCUMENT_BYTES_MAX).ok().flatten();
            bytes.is_some_and(|bytes| Digest::of(&bytes) == *digest)
        });
        if !is_kept {
            wrong.push(format!("the evidence of entry {id} is not in the store"));
        }
        if !earnings.contains_key(entry.earning.as_str()) {
            wrong.push(format!("entry {id} is of no earning"));
        }
    }
    let mut of_each: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in entries.values() {
        of_each.entry(entry.earning.as_str()).or_default().push(entry);
    }
    let mut known = BTreeSet::new();
    for (id, earning) in &earnings {
        if !known.insert((earning.platform.as_str(), earning.reference.as_str())) {
            wrong.push(format!("earning {id} is counted twice"));
        }
        let own = of_each.get(id.as_str()).map_or(&[][..], Vec::as_slice);
        wrong.extend(explained(id, earning, own, &entries));
    }
    wrong.extend(told(e, &entries));
    wrong
}

/// Whether each step has the entry of its number, and their sum is what the earning stands at.
fn explained(id: &str, earning: &Earning, own: &[&Entry], entries: &BTreeMap<String, Entry>) -> Vec<String> {
    let mut wrong = Vec::new();
    let lines: Vec<Line> = own.iter().flat_map(|entry| posted(entry)).collect();
    let (steps, count) = (earning.steps.len(), own.len());
    if steps != count {
        wrong.push(format!("earning {id} has {steps} steps and {count} entries"));
    }
    let mut from = None;
    for (number, step) in (1..).zip(&earning.steps) {
        let entry = entries.get(&format!("{id}-{number}"));
        if !entry.is_some_and(|entry| entry.from == from && is_of(entry, step, earning)) {
            wrong.push(format!("step {number} of earning {id} has no entry that says the same"));
        }
        from = Some(step.stage);
    }
    if earning.last.as_ref().map(|report| report.stage) != from {
        wrong.push(format!("earning {id} stands elsewhere than its last step leads"));
    }
    let should = earning.last.iter().flat_map(holdings).filter(|line| line.units != 0);
    if sums(lines.into_iter().filter(is_told).map(of_class)) != sums(should) {
        wrong.push(format!("earning {id} is not the sum of its entries"));
    }
    wrong
}

fn is_of(entry: &Entry, step: &Step, earning: &Earning) -> bool {
    (entry.to, entry.as_of, entry.at) == (step.stage, step.as_of, step.at)
        && (&entry.platform, &entry.strategy) == (&earning.platform, &earning.strategy)
        && entry.reference == earning.reference
}

/// What the table of the ledger puts on assets and income for a report: what is hoped for is no income.
fn holdings(report: &Report) -> Vec<Line> {
    let amount = units_of(&report.amount);
    let fee = report.fee.as_ref().map_or(0, units_of);
    let line = |class: &str, money: &Money, units| Line {
        account: class.to_owned(),
        currency: money.currency().code().to_owned(),
        units,
    };
    let income = line("income", &report.amount, -amount);
    match (report.stage, &report.arrived) {
        (Stage::Expected | Stage::Claimed, _) => vec![line("assets", &report.amount, amount)],
        (Stage::Approved, _) => vec![line("assets", &report.amount, amount), income],
        (Stage::Cleared, Some(arrived)) => vec![line("assets", arrived, units_of(arrived)), income],
        (Stage::Paid | Stage::Cleared, _) => vec![line("assets", &report.amount, amount - fee), income],
        (Stage::Reversed, _) => Vec::new(),
    }
}

fn is_told(line: &Line) -> bool {
    ["assets:", "income:"].iter().any(|class| line.account.starts_with(class))
}

fn of_class(line: Line) -> Line {
    let class = line.account.split(':').next().unwrap_or_default().to_owned();
    Line { account: class, ..line }
}

/// What is not nothing, by account and currency.
fn sums(lines: impl Iterator<Item = Line>) -> BTreeMap<(String, String), i128> {
    let mut sums = BTreeMap::new();
    for line in lines {
        *sums.entry((line.account, line.currency)).or_default() += line.units;
    }
    sums.retain(|_, units| *units != 0);
    sums
}

/// An entry whose lines do not add up to nothing in each currency.
fn uneven(id: &str, lines: &[Line]) -> Option<String> {
    let whole = lines.iter().map(|line| Line { account: String::new(), ..line.clone() });
    let off = sums(whole).into_iter().next();
    off.map(|((_, currency), units)| format!("entry {id} is off by {units} parts of {currency}"))
}

/// Each commit to the books is told on the trail once, in the same words.
fn told(e: &Evidence, entries: &BTreeMap<String, Entry>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut times: BTreeMap<&str, u32> = BTreeMap::new();
    for audit in e.audit.iter().filter(|audit| audit.kind == "ledger.entry") {
        let id = audit.text("entry");
        *times.entry(id).or_default() += 1;
        let lines = said(audit);
        wrong.extend(uneven(id, &lines));
        match entries.get(id) {
            None => wrong.push(format!("entry {id} is told and not there")),
            Some(entry) => {
                let digest = entry.evidence.digest.to_string();
                if posted(entry) != lines || audit.text("evidence") != digest || audit.at != entry.at {
                    wrong.push(format!("entry {id} is not what the trail says of it"));
                }
            }
        }
    }
    for id in entries.keys() {
        let times = times.get(id.as_str()).copied().unwrap_or(0);
        if times != 1 {
            wrong.push(format!("entry {id} stands {times} times on the trail"));
        }
    }
    wrong
}

/// The lines of an entry, in the order of their accounts.
fn posted(entry: &Entry) -> Vec<Line> {
    let lines = entry.postings.iter().map(|posting| Line {
        account: posting.account.to_string(),
        currency: posting.money.currency().code().to_owned(),
        units: units_of(&posting.money),
    });
    let mut lines: Vec<Line> = lines.collect();
    lines.sort();
    lines
}

/// The same as the trail says them; what cannot be read is no line, and misses then.
fn said(audit: &Audit) -> Vec<Line> {
    let postings = audit.payload["postings"].as_array().into_iter().flatten();
    let read = |posting: &Value| {
        let money = &posting["money"];
        Some(Line {
            account: posting["account"].as_str()?.to_owned(),
            currency: money["currency"].as_str()?.to_owned(),
            units: units(money["amount"].as_str()?)?,
        })
    };
    let mut lines: Vec<Line> = postings.filter_map(read).collect();
    lines.sort();
    lines
}

pub(super) fn units_of(money: &Money) -> i128 {
    units(&money.amount().to_string()).unwrap_or(i128::MAX / 1_000_000)
}

/// A decimal number in whole parts: `-12.5` is -1,250,000,000 of them. `None` if it is none, or has too many places.
fn units(amount: &str) -> Option<i128> {
    let (sign, digits) = amount.strip_prefix('-').map_or((1, amount), |digits| (-1, digits));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || part.len() > PLACES || !digits.bytes().all(|c| c.is_ascii_digit() || c == b'.') {
        return None;
    }
    format!("{whole}{part:0<PLACES$}").parse::<i128>().ok().map(|units| sign * units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_whole_parts_or_none() {
        for (text, parts) in [
            ("12.5", Some(1_250_000_000)),
            ("-0.00000001", Some(-1)),
            ("3", Some(300_000_000)),
            ("0.000000001", None),
            ("1e3", None),
            ("1.2.3", None),
            ("", None),
        ] {
            assert_eq!(units(text), parts, "{text}");
        }
    }

    #[test]
    fn two_currencies_do_not_make_up_for_one_another() {
        let line = |currency: &str, units| Line { account: "a".into(), currency: currency.into(), units };
        assert_eq!(uneven("x", &[line("EUR", 1), line("EUR", -1)]), None);
        assert!(uneven("x", &[line("EUR", 1), line("USD", -1)]).is_some());
    }
}
