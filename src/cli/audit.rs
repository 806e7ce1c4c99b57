//! `audit tail|verify|export|rotate-key|accept`.

use clap::Subcommand;
use mm_core::audit::anchor::Line;
use mm_core::moment::Moment;
use serde::Serialize;
use serde_json::json;

use super::ask::Asker;
use super::print::{self, line};
use super::{Cx, Done, Json, examples};
use crate::exit::{Exit, Failure};
use crate::views::Question;
use crate::views::audit::{AuditPageView, AuditView, CheckpointsView, PAGE_MAX, between};

pub(super) mod verify;

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
        long_about = "Verifies the whole chain and its signed checkpoints, and names the number of every entry that \
            was changed, removed, put elsewhere or put in. With anchors (checkpoints that were told to a place \
            outside of this machine) it also shows whether the chain was cut, made anew, or put back to an older \
            state. Ends with 1 if anything is wrong.\n\n\
            It prints what it does not prove as well. `docs/audit.md` has all of it.",
        after_long_help = examples(
            "money-machine audit verify\nmoney-machine audit verify --anchor /mnt/usb/anchors\nssh other \
             cat anchors | money-machine audit verify --anchor -\nmoney-machine audit verify --json | jq .keys"
        )
    )]
    Verify(verify::Options),
    /// Writes the chain as JSON lines, for a second program to verify
    #[command(
        long_about = "Writes the chain as JSON lines, one entry each with its payload, so that a second program can \
            verify it.\n\nEach field is hashed as its length in eight big-endian bytes, then its bytes:\n  \
            commitment = SHA-256(field(\"mm-audit-payload-1\") field(salt) field(payload))\n  \
            hash = SHA-256(field(\"mm-audit-entry-1\") field(seq) field(epoch) field(at_ms) field(space) field(kind) \
            field(commitment) field(prev))\n\
            seq, epoch and at_ms are eight big-endian bytes; salt, commitment, prev and hash are hex here and bytes \
            there. Each entry's prev is the hash of the one before; the first one's is zero. Salt and payload of an \
            erased entry are null; its commitment stays. The stamp (live or sandbox) is not hashed.\n\n\
            A whole export ends with the signed checkpoints, {\"checkpoint\": ...} each, and {\"tip\": ...}, the \
            end of the chain. `docs/audit.md` says what is signed.",
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
    /// Puts a new key in the place of the one that signs
    #[command(
        long_about = "Makes a new key that signs checkpoints from here on. The key before signs the announcement of \
            it, which is put on record. Note the new key somewhere else.",
        after_long_help = examples("money-machine audit rotate-key --reason yearly")
    )]
    RotateKey {
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        json: Json,
    },
    /// Goes on with a trail that something speaks against
    #[command(
        long_about = "While the trail is broken, or behind what was signed or anchored, no permit is made. This goes \
            on with it as it is: your word is put on record, the new state is signed and anchored, and permits are \
            made again. After restoring a backup on purpose this is right; else find out first who wrote to the \
            store. `audit verify` goes on to show what is wrong.",
        after_long_help = examples("money-machine audit accept --reason restored-a-backup")
    )]
    Accept {
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        json: Json,
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
        Verb::Verify(options) => verify::verify(&asker, &options),
        Verb::Export { from, to, json: _ } => export(&asker, from, to),
        Verb::RotateKey { reason, json } => {
            let told = asker.say(&Question::of(&["audit", "rotate-key"]), &json!({ "reason": reason }))?;
            if json.json {
                print::json(&told.body)?;
            } else {
                let key = told.body["key"].as_str().unwrap_or_default();
                print::out(&format!("{}\n", line(key, 64)))?;
                eprintln!("this key signs from here on; note it somewhere else");
            }
            Ok(Exit::Done)
        }
        Verb::Accept { reason, json } => {
            let told = asker.say(&Question::of(&["audit", "accept"]), &json!({ "reason": reason }))?;
            if json.json {
                print::json(&told.body)?;
            } else {
                let held = told.body["accepted"].as_str().unwrap_or_default();
                eprintln!("permits are made again, although: {}", line(held, 600));
            }
            Ok(Exit::Done)
        }
    }
}

pub(super) fn lines(entries: &[AuditView]) -> String {
    let shown = |entry: &AuditView| {
        let payload = line(&entry.payload_value().to_string(), 400);
        format!("{:>6}  {}  {:<22}  {payload}\n", entry.seq, entry.at, line(&entry.kind, 40))
    };
    entries.iter().map(shown).collect()
}

/// A line of the export.
#[derive(Serialize)]
struct Exported<'a> {
    #[serde(flatten)]
    entry: &'a AuditView,
    /// `live` or `sandbox`; not part of the chain.
    stamp: &'a str,
}

/// Pages through the chain. Times are not the order of the chain (a clock can be set back), so all
/// of it is read.
fn export(asker: &Asker<'_>, from: Option<Moment>, to: Option<Moment>) -> Done {
    // First: a whole export ends where these say, however the chain grows meanwhile.
    let (checkpoints, tip, stamp) = checkpoints(asker)?;
    let whole = from.is_none() && to.is_none();
    let mut next = Some(1u64);
    let mut damaged = 0;
    while let Some(seq) = next.filter(|seq| *seq <= tip.0 || !whole) {
        let question = Question::of(&["audit"]).with("from", Some(seq)).with("limit", Some(PAGE_MAX));
        let page: AuditPageView = asker.read(&question)?.view()?;
        let stamp = stamp.as_str();
        let wanted = |entry: &&AuditView| between(entry.at_ms, from, to) && (!whole || entry.seq <= tip.0);
        let lines: Result<String, Failure> =
            page.entries.iter().filter(wanted).map(|entry| json_line(&Exported { entry, stamp })).collect();
        print::out(&lines?)?;
        for entry in &page.damaged {
            damaged += 1;
            eprintln!("entry {} does not open and is left out: {}", entry.seq, line(&entry.what, 200));
        }
        next = page.next;
    }
    if whole {
        let signed = checkpoints.iter().map(|line| json_line(&json!({ "checkpoint": line, "stamp": stamp })));
        print::out(&signed.collect::<Result<String, Failure>>()?)?;
        print::out(&json_line(&json!({ "tip": { "seq": tip.0, "hash": tip.1 }, "stamp": stamp }))?)?;
    }
    Ok(if damaged == 0 { Exit::Done } else { Exit::Refused })
}

fn json_line(value: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string(value).map_err(|error| Failure::new("write JSON", error))?;
    Ok(text + "\n")
}

/// Every checkpoint, the end of the chain after them (number and hash), and the stamp.
type Checkpoints = (Vec<Line>, (u64, String), String);

fn checkpoints(asker: &Asker<'_>) -> Result<Checkpoints, Failure> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let told = asker.read(&Question::of(&["audit", "checkpoints"]).with("after", after))?;
        let page: CheckpointsView = told.view()?;
        all.extend(page.checkpoints);
        after = page.next;
        if after.is_none() {
            let stamp = told.body["stamp"].as_str().unwrap_or_default().to_owned();
            return Ok((all, (page.tip_seq, page.tip_hash), stamp));
        }
    }
}
