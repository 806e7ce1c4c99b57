//! `audit tail|verify|export`.

use clap::Subcommand;
use mm_core::moment::Moment;
use serde::Serialize;

use super::ask::Asker;
use super::print::{self, line};
use super::{Cx, Done, Json, examples};
use crate::exit::{Exit, Failure};
use crate::views::Question;
use crate::views::audit::{AuditPageView, AuditView, PAGE_MAX, VerifyView, between};

/// Reads and verifies the audit trail
#[derive(Debug, Subcommand)]
#[command(
    long_about = "Reads and verifies the audit trail: every action, verdict, decision and operator command, each \
    entry bound to the one before by its hash."
)]
pub enum Verb {
    /// Shows the newest entries
    #[command(
        long_about = "Shows the newest entries, the oldest of them first.",
        after_long_help = examples("money-machine audit tail\nmoney-machine audit tail -n 100 --json")
    )]
    Tail {
        /// So many
        #[arg(short, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
        n: u16,
        #[command(flatten)]
        json: Json,
    },
    /// Verifies the whole chain
    #[command(
        long_about = "Verifies the whole chain, and names the number of every entry that was changed, removed or put \
            in. Ends with 1 if there is one.\n\nIt proves that no single entry was changed after it was written. It \
            does not prove that nobody who could write to the disk made the whole chain anew: for that, keep the tip \
            it prints somewhere else, and compare.",
        after_long_help = examples("money-machine audit verify\nmoney-machine audit verify --json | jq .tip_hash")
    )]
    Verify {
        #[command(flatten)]
        json: Json,
    },
    /// Writes the chain as JSON lines, for a second program to verify
    #[command(
        long_about = "Writes the chain as JSON lines, one entry each with its payload, so that a second program can \
            verify it.\n\nEach field is hashed as its length in eight big-endian bytes, then its bytes:\n  \
            commitment = SHA-256(field(\"mm-audit-payload-1\") field(salt) field(payload))\n  \
            hash = SHA-256(field(\"mm-audit-entry-1\") field(seq) field(epoch) field(at_ms) field(space) field(kind) \
            field(commitment) field(prev))\n\
            seq, epoch and at_ms are eight big-endian bytes; salt, commitment, prev and hash are hex here and bytes \
            there. Each entry's prev is the hash of the one before; the first one's is zero. Salt and payload of an \
            erased entry are null; its commitment stays. The stamp (live or sandbox) is not hashed.",
        after_long_help = examples("money-machine audit export > audit.jsonl\nmoney-machine audit export --from 2026-07-01T00:00:00Z --to 2026-08-01T00:00:00Z")
    )]
    Export {
        /// Only entries from this time on
        #[arg(long, value_name = "TIME")]
        from: Option<Moment>,
        /// Only entries before this time
        #[arg(long, value_name = "TIME")]
        to: Option<Moment>,
        /// The same; it is always JSON lines
        #[arg(long, hide = true)]
        json: bool,
    },
}

pub(super) fn execute(cx: &Cx<'_>, verb: Verb) -> Done {
    let asker = Asker::new(cx)?;
    match verb {
        Verb::Tail { n, json } => {
            let told = asker.read(&Question::of(&["audit", "tail"]).with("n", Some(n)))?;
            let page: AuditPageView = told.view()?;
            for damaged in &page.damaged {
                eprintln!("entry {} does not open: {}", damaged.seq, line(&damaged.what, 200));
            }
            if json.json {
                print::json(&page.entries)?
            } else {
                print::out(&lines(&page.entries))?
            }
            Ok(Exit::Done)
        }
        Verb::Verify { json } => {
            let told = asker.read(&Question::of(&["audit", "verify"]))?;
            let found: VerifyView = told.view()?;
            if json.json {
                print::json(&told.body)?
            } else {
                print::out(&verdict(&found))?
            }
            Ok(if found.whole { Exit::Done } else { Exit::Refused })
        }
        Verb::Export { from, to, json: _ } => export(&asker, from, to),
    }
}

pub(super) fn lines(entries: &[AuditView]) -> String {
    let shown = |entry: &AuditView| {
        let payload = line(&entry.payload_value().to_string(), 400);
        format!("{:>6}  {}  {:<22}  {payload}\n", entry.seq, entry.at, line(&entry.kind, 40))
    };
    entries.iter().map(shown).collect()
}

pub(super) fn verdict(found: &VerifyView) -> String {
    let mut text = if found.whole {
        format!("whole: {} entries\ntip {} {}\n", found.entries, found.tip_seq, found.tip_hash)
    } else {
        let listed = found
            .broken
            .iter()
            .map(|broken| format!("entry {}: {}\n", broken.seq, line(&broken.sentence, 300)));
        format!(
            "BROKEN: {} findings in {} entries\n{}",
            found.broken.len(),
            found.entries,
            listed.collect::<String>()
        )
    };
    text.push_str(
        "This proves that no single entry was changed after it was written. It does not prove that nobody made the\n\
         whole chain anew: for that, keep the tip somewhere else, and compare.\n",
    );
    text
}

/// A line of the export.
#[derive(Serialize)]
struct Exported<'a> {
    #[serde(flatten)]
    entry: &'a AuditView,
    /// `live` or `sandbox`; not part of the chain.
    stamp: Option<&'a str>,
}

/// Pages through the chain. Times are not the order of the chain (a clock can be set back), so all
/// of it is read.
fn export(asker: &Asker<'_>, from: Option<Moment>, to: Option<Moment>) -> Done {
    let mut next = Some(1u64);
    let mut damaged = 0;
    while let Some(seq) = next {
        let question = Question::of(&["audit"]).with("from", Some(seq)).with("limit", Some(PAGE_MAX));
        let told = asker.read(&question)?;
        let (page, stamp): (AuditPageView, _) = (told.view()?, told.body["stamp"].as_str());
        let mut text = String::new();
        for entry in page.entries.iter().filter(|entry| between(entry.at_ms, from, to)) {
            text.push_str(
                &serde_json::to_string(&Exported { entry, stamp })
                    .map_err(|error| Failure::new("write JSON", error))?,
            );
            text.push('\n');
        }
        // The same JSON, in letters that a terminal does not obey.
        print::out(&mm_core::untrusted::json_safe(&text))?;
        for entry in &page.damaged {
            damaged += 1;
            eprintln!("entry {} does not open and is left out: {}", entry.seq, line(&entry.what, 200));
        }
        next = page.next;
    }
    Ok(if damaged == 0 { Exit::Done } else { Exit::Refused })
}
