//! The books with the real binary: what is told is kept over `kill -9`, told twice it counts once, and hledger
//! and beancount total an export as `earnings summary` does. A program that is not installed is skipped aloud.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that plays the owner")]

use std::io::Write as _;
use std::process::Command;

use serde_json::Value;

#[path = "daemon/harness.rs"]
#[expect(dead_code, reason = "the other test of the daemon uses all of it")]
mod harness;

use harness::{Daemon, Home};

fn start(home: &Home) -> Daemon {
    home.write("config.toml", "[strategies.bug-bounty]\nenabled = false\n");
    home.start("run --sandbox --config config.toml")
}

/// Tells of a payment of hackerone's, by a slip that says the same.
fn record(home: &Home, reference: &str, rest: &str) -> Value {
    home.write("slip.txt", format!("{reference}: {rest}"));
    home.json(&format!(
        "earnings record hackerone {reference} --strategy bug-bounty --evidence slip.txt {rest}"
    ))
}

/// One figure of the summary, as a decimal string.
fn figure(summary: &Value, currency: &str, what: &str) -> String {
    let currencies = summary["currencies"].as_array().unwrap();
    let sum = currencies.iter().find(|sum| sum["currency"] == currency).unwrap();
    sum[what]["amount"].as_str().unwrap().to_owned()
}

/// A payment of each sort, one of them told twice.
fn tell_all(home: &Home) {
    let approved = "--stage approved --amount 100.00 --currency USD --as-of 2026-07-01";
    assert!(record(home, "r-1", approved)["entry"].is_object());
    assert_eq!(record(home, "r-1", approved)["entry"], Value::Null, "told before");
    record(home, "r-1", "--stage paid --amount 100.00 --currency USD --fee 2.50 --as-of 2026-07-02");
    record(home, "r-2", "--stage expected --amount 5000 --currency USD --as-of 2026-07-02");
    record(
        home,
        "r-3",
        "--stage cleared --amount 60.00 --currency USD --arrived 53.10 --arrived-currency EUR --as-of 2026-07-03",
    );
    record(home, "r-4", "--stage cleared --amount 12.50 --currency EUR --as-of 2026-07-04");
    record(home, "r-5", "--stage approved --amount 7.00 --currency EUR --as-of 2026-07-04");
    record(home, "r-5", "--stage reversed --amount 7.00 --currency EUR --as-of 2026-07-05");
}

#[test]
fn what_is_told_outlives_a_kill_counts_once_and_is_read_without_a_daemon() {
    let home = Home::new();
    let daemon = start(&home);
    tell_all(&home);
    let last = record(&home, "r-6", "--stage cleared --amount 1.00 --currency EUR --as-of 2026-07-06");
    daemon.kill();
    let shown = |home: &Home| {
        let summary = home.json("earnings summary");
        let of = |currency, what| figure(&summary, currency, what);
        let usd = ["expected", "approved", "paid", "fees"].map(|what| of("USD", what)).join(" ");
        let eur = ["cleared", "reversed"].map(|what| of("EUR", what)).join(" ");
        assert_eq!(summary["stamp"], "sandbox");
        (usd, eur)
    };
    let expected = ("5000 0 97.50 2.50".to_owned(), "66.60 7.00".to_owned());
    assert_eq!(shown(&home), expected, "no daemon");
    let daemon = start(&home);
    assert_eq!(shown(&home), expected, "after the restart");
    let list = home.json("earnings list");
    assert_eq!(list[0], last["earning"], "acknowledged, so it is there");
    assert_eq!(list.as_array().unwrap().len(), 6);
    let total = home.json("strategy show bug-bounty")["total_earnings"].to_string();
    assert_eq!(total, r#"[{"amount":"13.50","currency":"EUR"},{"amount":"160.00","currency":"USD"}]"#);
    assert_eq!(home.run("audit verify").code, 0);
    drop(daemon);
}

#[test]
fn every_mistake_is_a_sentence_and_nothing_is_written() {
    let home = Home::new();
    let daemon = start(&home);
    home.write("slip.txt", "paid");
    home.write("empty.txt", "");
    home.write("large.pdf", vec![7u8; (4 << 20) + 1]);
    let rest = "--strategy bug-bounty --stage paid --amount 1.00 --currency EUR";
    let refused = |line: &str| {
        let said = home.run(line);
        assert_ne!(said.code, 0, "{line}: {}", said.out);
        said.err.replace("(sandbox)\n", "")
    };
    let record = |change: &str| refused(&format!("earnings record hackerone r-1 {change}"));
    for (change, sentence) in [
        (format!("{rest} --evidence none.txt"), "`none.txt`"),
        (format!("{rest} --evidence empty.txt"), "`empty.txt` is empty"),
        (format!("{rest} --evidence large.pdf"), "`large.pdf` has more than 4 MiB"),
        (format!("{rest} --evidence slip.txt --as-of tomorrow"), "write a day like 2026-11-03"),
        (format!("{rest} --evidence slip.txt --as-of 2126-01-01"), "it is not yet that day"),
        (format!("{rest} --evidence slip.txt --fee 2"), "a fee of 2 EUR is more than the 1.00 EUR"),
        (format!("{} --evidence slip.txt", rest.replace("1.00", ".5")), "before the point, like 0.50"),
        (format!("{} --evidence slip.txt", rest.replace("EUR", "eur")), "in capitals: EUR"),
        (format!("{rest} --evidence slip.txt --arrived 2"), "--arrived-currency"),
        (rest.to_owned(), "--evidence <FILE>"),
    ] {
        let said = record(&change);
        assert!(said.contains(sentence), "{change}: {said}");
    }
    assert_eq!(home.json("earnings list"), serde_json::json!([]));
    home.write("books.csv", "mine");
    let said = refused("earnings export --format csv --output books.csv");
    assert!(said.contains("`books.csv` is there already"), "{said}");
    // The largest that is taken, through the socket.
    home.write("large.pdf", vec![7u8; 4 << 20]);
    let said = home.run(&format!("earnings record hackerone r-1 {rest} --evidence large.pdf"));
    assert_eq!(said.code, 0, "{}", said.err);
    drop(daemon);
    assert_eq!(
        refused(&format!("earnings record hackerone r-2 {rest} --evidence slip.txt")).lines().count(),
        1
    );
}

/// Runs a program; its stdout. `None`, said aloud, where it is not installed.
fn run(command: &mut Command, probe: &[&str]) -> Option<String> {
    let there = Command::new(command.get_program()).args(probe).output();
    if !there.is_ok_and(|out| out.status.success()) {
        let name = command.get_program().to_string_lossy().into_owned();
        // Not by `eprintln!`, which the harness keeps to itself when a test passes.
        let said = format!("SKIPPED: `{name} {}` does not run here\n", probe.join(" "));
        drop(std::io::stderr().write_all(said.as_bytes()));
        return None;
    }
    let out = command.output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    Some(String::from_utf8(out.stdout).unwrap())
}

/// The rows `account,currency,amount` that a program printed, summed by the second word of the account's name.
fn total(rows: &str, kind: &str, currency: &str) -> mm_core::Decimal {
    let cells =
        |row: &str| -> Vec<String> { row.split(',').map(|c| c.trim_matches('"').to_owned()).collect() };
    let wanted = rows.lines().map(cells).filter(|row| {
        let class = row[0].to_lowercase();
        class.split(':').nth(1) == Some(kind) && row[1] == currency
    });
    wanted.map(|row| row[2].parse::<mm_core::Decimal>().unwrap()).sum()
}

fn agree(rows: &str, summary: &Value) {
    for currency in ["EUR", "USD"] {
        for (what, kind) in [
            ("expected", "expected"),
            ("claimed", "claimed"),
            ("approved", "receivable"),
            ("paid", "transit"),
            ("cleared", "bank"),
            ("fees", "fees"),
        ] {
            let ours: mm_core::Decimal = figure(summary, currency, what).parse().unwrap();
            assert_eq!(total(rows, kind, currency), ours, "{what} in {currency}:\n{rows}");
        }
    }
}

const TOTALS: &str = r#"
import collections, sys
from beancount import loader
entries, errors, options = loader.load_file(sys.argv[1])
sums = collections.Counter()
for entry in entries:
    for posting in getattr(entry, "postings", None) or []:
        sums[posting.account, posting.units.currency] += posting.units.number
for (account, currency), number in sorted(sums.items()):
    print(f"{account},{currency},{number:f}")
sys.exit("\n".join(map(str, errors)) if errors else 0)
"#;

#[test]
fn other_programs_read_an_export_and_total_it_as_the_summary_does() {
    let home = Home::new();
    let daemon = start(&home);
    tell_all(&home);
    let summary = home.json("earnings summary");
    for (format, file) in
        [("hledger", "books.journal"), ("beancount", "books.beancount"), ("json", "books.json")]
    {
        let said = home.run(&format!("earnings export --format {format} --output {file}"));
        assert_eq!((said.code, said.out.as_str()), (0, ""), "{}", said.err);
        assert!(std::fs::read_to_string(home.path(file)).unwrap().contains("sandbox"), "{file}");
    }
    drop(daemon);
    let json: Value = serde_json::from_slice(&std::fs::read(home.path("books.json")).unwrap()).unwrap();
    assert_eq!(json["entries"].as_array().unwrap().len(), 7);
    let csv = home.run("earnings export --format csv").out;
    assert!(csv.lines().skip(1).all(|line| line.starts_with("sandbox,")), "{csv}");
    let mut hledger = Command::new("hledger");
    hledger.arg("-f").arg(home.path("books.journal"));
    hledger.args(["balance", "--flat", "-N", "--layout=bare", "-O", "csv"]);
    if let Some(rows) = run(&mut hledger, &["--version"]) {
        agree(rows.split_once('\n').unwrap().1, &summary);
    }
    home.write("totals.py", TOTALS);
    let mut python = Command::new("python3");
    python.arg(home.path("totals.py")).arg(home.path("books.beancount"));
    if let Some(rows) = run(&mut python, &["-c", "import beancount"]) {
        agree(&rows, &summary);
    }
}
