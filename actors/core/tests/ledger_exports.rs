//! The books' exports are read by the programs they are for, which total them as we do.
//!
//! A program that is not installed is skipped aloud.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output};

use mm_core::Decimal;
use mm_core::digest::Digest;
use mm_core::ledger::{
    Account, Balances, Currency, Earning, Entry, Evidence, Head, Money, NotTaken, Report, Source, Stage,
    beancount, csv, hledger,
};
use mm_core::moment::Moment;

const HEAD: Head<'static> = Head { stamp: "sandbox", at: Moment::from_unix_ms(1_790_000_000_000) };

/// A book of some hundred entries, with every stage, corrections, fees and three currencies in it, the same each
/// time. Names and references are as awkward as they may be.
fn book() -> Vec<Entry> {
    let mut seed = 7u64;
    let mut next = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let platforms = ["hackerone", "amazon-associates", "4_fund.me"];
    let strategies = ["bug-bounty", "affiliate_links"];
    let references = ["#1, \"quoted\" ; tag: x", "=2+3", "back\\slash | pipe (x)", "日本 €"];
    let mut entries = Vec::new();
    for n in 0..120i64 {
        let reference = format!("{} {n}", references[next(4) as usize]);
        let platform = platforms[next(3) as usize].parse().unwrap();
        let mut earning =
            Earning::new(platform, &reference, strategies[next(2) as usize].parse().unwrap(), None);
        for day in 0..next(6) as i64 {
            let stage = Stage::ALL[next(6) as usize];
            let currency: Currency = ["EUR", "USD", "JPY"][next(3) as usize].parse().unwrap();
            let of = |amount: u64, currency| Money::new(Decimal::new(amount as i64, 2), currency).unwrap();
            let amount = next(1_000_000) + 100;
            let late = matches!(stage, Stage::Paid | Stage::Cleared);
            let report = Report {
                as_of: Moment::from_unix_ms(1_780_000_000_000 + (n + day) * 86_400_000),
                stage,
                amount: of(amount, currency),
                fee: (late && next(2) == 0).then(|| of(amount / 9, currency)),
                arrived: (stage == Stage::Cleared && next(2) == 0)
                    .then(|| of(amount, "CHF".parse().unwrap())),
                evidence: Evidence {
                    digest: Digest::of(reference.as_bytes()),
                    source: Source::Platform,
                    what: reference.clone(),
                },
            };
            match earning.take(report, HEAD.at) {
                Ok(Some((after, entry))) => {
                    entry.check().unwrap();
                    earning = after;
                    entries.push(entry);
                }
                // Of what arrived a platform may name another sum: its owner is told, and the books stand.
                Ok(None) | Err(NotTaken::Differs { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        }
    }
    entries.sort_by_key(|entry| entry.as_of);
    assert!(entries.len() > 100);
    entries
}

/// Our own totals, by a name of the account.
fn totals(entries: &[Entry], name: fn(&Account) -> String) -> BTreeMap<(String, String), Decimal> {
    let mut balances = Balances::default();
    for entry in entries {
        balances.add(entry).unwrap();
    }
    let total = |(account, money): (&Account, Money)| {
        ((name(account), money.currency().to_string()), money.amount().normalize())
    };
    balances.iter().map(total).collect()
}

/// What a program says: lines of `account,currency,amount`.
fn read(text: &str) -> BTreeMap<(String, String), Decimal> {
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').map(|cell| cell.trim().trim_matches('"')).collect();
        let [account, currency, amount] = cells[..] else { panic!("three cells: {line}") };
        let amount: Decimal = amount.parse().unwrap();
        (!amount.is_zero()).then(|| ((account.to_owned(), currency.to_owned()), amount.normalize()))
    };
    text.lines().filter(|line| !line.starts_with("\"account\"")).filter_map(row).collect()
}

fn written(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// Runs a program; `None`, said aloud, where it is not installed.
fn run(command: &mut Command, probe: &[&str]) -> Option<Output> {
    let there =
        Command::new(command.get_program()).args(probe).output().is_ok_and(|out| out.status.success());
    if !there {
        let name = command.get_program().to_string_lossy().into_owned();
        // Not by `eprintln!`, which the harness keeps to itself when a test passes.
        let said = std::io::stderr()
            .write_fmt(format_args!("SKIPPED: `{name} {}` does not run here\n", probe.join(" ")));
        drop(said);
        return None;
    }
    // hledger reads its files in the locale's encoding, and its owner's settings.
    let out = command
        .env("LC_ALL", "C.UTF-8")
        .env("XDG_CONFIG_HOME", env!("CARGO_TARGET_TMPDIR"))
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    Some(out)
}

#[test]
fn hledger_reads_the_journal_and_totals_it_as_we_do() {
    let entries = book();
    let journal = written("books.journal", &hledger(HEAD, &entries));
    let mut check = Command::new("hledger");
    check.arg("-f").arg(&journal).args(["check", "accounts"]);
    if run(&mut check, &["--version"]).is_none() {
        return;
    }
    let mut balance = Command::new("hledger");
    balance.arg("-f").arg(&journal).args(["balance", "--flat", "-N", "--layout=bare", "-O", "csv"]);
    let out = run(&mut balance, &["--version"]).expect("it ran a moment ago");
    assert_eq!(read(&String::from_utf8(out.stdout).unwrap()), totals(&entries, Account::to_string));
}

/// Prints errors to stderr and the totals as CSV.
const TOTALS: &str = r#"
import sys, collections
from beancount import loader
entries, errors, options = loader.load_file(sys.argv[1])
for error in errors:
    print(error, file=sys.stderr)
sums = collections.Counter()
for entry in entries:
    for posting in getattr(entry, "postings", None) or []:
        key = (posting.account, posting.units.currency)
        sums[key] = sums.get(key, 0) + posting.units.number
for (account, currency), number in sorted(sums.items()):
    print(f"{account},{currency},{number:f}")
sys.exit(1 if errors else 0)
"#;

#[test]
fn beancount_reads_the_file_and_totals_it_as_we_do() {
    let entries = book();
    let file = written("books.beancount", &beancount(HEAD, &entries));
    let script = written("totals.py", TOTALS);
    let mut python = Command::new("python3");
    python.arg(script).arg(file);
    let Some(out) = run(&mut python, &["-c", "import beancount"]) else { return };
    assert_eq!(read(&String::from_utf8(out.stdout).unwrap()), totals(&entries, Account::in_beancount));
}

/// Reads the CSV as a spreadsheet does, and prints what a cell would make of each row.
const CELLS: &str = r#"
import csv, sys
rows = list(csv.reader(open(sys.argv[1], newline="", encoding="utf-8")))
assert all(len(row) == len(rows[0]) for row in rows), "every row has every cell"
for row in rows[1:]:
    for name, cell in zip(rows[0], row):
        if name != "amount":
            assert not cell.lstrip().startswith(("=", "+", "-", "@", "|")), cell
print(len(rows) - 1)
"#;

#[test]
fn a_spreadsheet_finds_no_formula_and_every_row() {
    let entries = book();
    let file = written("books.csv", &csv(HEAD, &entries));
    let script = written("cells.py", CELLS);
    let mut python = Command::new("python3");
    python.arg(script).arg(file);
    let Some(out) = run(&mut python, &["--version"]) else { return };
    let rows: usize = entries.iter().map(|entry| entry.postings.len()).sum();
    assert_eq!(String::from_utf8(out.stdout).unwrap().trim(), rows.to_string());
}
