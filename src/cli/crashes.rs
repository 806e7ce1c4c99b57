//! `crashes list|show`.

use clap::Subcommand;

use super::ask::Asker;
use super::none::Narrowed;
use super::print::{self, Column, fields, fitted, line, minute, table, terminal_width};
use super::{Cx, Done, Json, examples};
use crate::exit::Exit;
use crate::views::Question;
use crate::views::actor::NamedView;
use crate::views::crash::{CrashLine, CrashPage, LeftView, RecordView};

/// Shows what was written down when an actor died
#[derive(Debug, Subcommand)]
#[command(
    long_about = "Shows what was written down when an actor died, also while the daemon started: the error, where \
    it was made, and the last messages. The last 200 are kept, over restarts of the daemon; without one they are read \
    from the store."
)]
pub enum Verb {
    /// Lists the crashes on record, the newest first
    #[command(
        long_about = "Lists the crashes on record, the newest first, each with the message it did not survive.",
        after_long_help = examples("money-machine crashes list\nmoney-machine crashes list --actor kernel/gateway --limit 5 --json")
    )]
    List {
        /// Only those of this actor and of what is below it
        #[arg(long, value_name = "PATH")]
        actor: Option<String>,
        /// At most so many [default: all as JSON, else 40]
        #[arg(long, value_name = "N", value_parser = print::rows_max)]
        limit: Option<usize>,
        #[command(flatten)]
        json: Json,
    },
    /// Shows one: the error, its backtrace, the last messages
    #[command(
        long_about = "Shows one crash: the error, its backtrace, the message in hand, the last 64 messages before it, \
            counts by kind, and what was left in the mailbox.",
        after_long_help = examples("money-machine crashes show 00003-000001\nmoney-machine crashes show 00003-000001 --json | jq -r .backtrace")
    )]
    Show {
        /// Its id, as in the list
        id: String,
        #[command(flatten)]
        json: Json,
    },
}

/// So many are shown to a person who named no number.
const SHOWN: usize = 40;

pub(super) fn execute(cx: &Cx<'_>, verb: Verb) -> Done {
    let asker = Asker::new(cx)?;
    match verb {
        Verb::List { actor, limit, json } => {
            // One more than is shown tells whether there are more.
            let wanted = if json.json { limit } else { Some(limit.unwrap_or(SHOWN).saturating_add(1)) };
            let narrowed = Narrowed::by(&[("--actor", actor.as_deref())]);
            let question = Question::of(&["crashes"]).with("actor", actor).with("limit", wanted);
            let told = asker.read(&question)?;
            if json.json {
                print::json(&told.body)?;
            } else {
                list(&asker, &narrowed, &told.view::<Vec<CrashLine>>()?, limit.unwrap_or(SHOWN))?;
            }
        }
        Verb::Show { id, json } => {
            let told = asker.read(&Question::of(&["crashes", &id]))?;
            if json.json { print::json(&told.body)? } else { print::out(&page(&told.view()?))? }
        }
    }
    Ok(Exit::Done)
}

fn list(
    asker: &Asker<'_>,
    narrowed: &Narrowed,
    crashes: &[CrashLine],
    shown: usize,
) -> Result<(), crate::exit::Failure> {
    if crashes.is_empty() {
        eprintln!("{}", narrowed.none("crash", "no crash is on record"));
        return Ok(());
    }
    print::out(&rows(crashes.get(..shown).unwrap_or(crashes), terminal_width()))?;
    if crashes.len() > shown {
        eprintln!("there are more: --limit N shows more of them, --json all");
    }
    eprintln!("{}", asker.hinted("`money-machine crashes show ID` shows one"));
    Ok(())
}

const COLUMNS: &[Column] = &[
    Column::stays("id"),
    Column::goes("when", 3),
    Column::stays("actor"),
    Column::goes("exit", 4),
    Column::goes("in hand", 2),
    Column::goes("cause", 1),
];

pub(super) fn rows(crashes: &[CrashLine], width: Option<usize>) -> String {
    let row = |crash: &CrashLine| {
        vec![
            line(&crash.id, 40),
            minute(&crash.at),
            line(&crash.actor, 100),
            line(&crash.exit, 20),
            crash.in_hand.as_deref().map(|kind| line(kind, 40)).unwrap_or_default(),
            line(&crash.cause, 200),
        ]
    };
    let rows: Vec<Vec<String>> = crashes.iter().map(row).collect();
    fitted(COLUMNS, &rows, width)
}

pub(super) fn page(page: &CrashPage) -> String {
    let crash = &page.crash;
    let hand = crash.in_hand.as_deref().map_or("nothing".to_owned(), |kind| line(kind, 60));
    let mut lines = vec![
        ("id", line(&crash.id, 40)),
        ("when", line(&crash.at, 40)),
        ("actor", format!("{}, incarnation {}", line(&crash.actor, 200), crash.incarnation)),
        ("exit", line(&crash.exit, 40)),
        ("cause", line(&crash.cause, 2_000)),
        ("in hand", format!("{hand}{}", allowed(&page.fields))),
        ("messages", page.messages_total.to_string()),
    ];
    if let Some(run) = &crash.run {
        lines.insert(3, ("run", line(run, 80)));
    }
    if let Some(location) = &page.location {
        lines.push(("made at", line(location, 200)));
    }
    let mut text = fields(&lines);
    text.push_str(&messages(page));
    if page.cut {
        text.push_str("\nThere was more than is kept of one crash; the oldest messages were left out.\n");
    }
    if let Some(backtrace) = &page.backtrace {
        text.push_str("\nBacktrace:\n");
        backtrace.lines().for_each(|frame| text.push_str(&format!("  {}\n", line_kept(frame))));
    }
    text
}

/// A line of a backtrace, with its indentation.
fn line_kept(frame: &str) -> String {
    let indent = frame.len() - frame.trim_start_matches(' ').len();
    format!("{}{}", " ".repeat(indent.min(12)), line(frame, 300))
}

/// ` (name=value, …)`, or nothing.
fn allowed(fields: &[NamedView]) -> String {
    let shown = fields.iter().map(|field| format!("{}={}", line(&field.name, 40), line(&field.value, 200)));
    let shown: Vec<String> = shown.collect();
    if shown.is_empty() { String::new() } else { format!(" ({})", shown.join(", ")) }
}

fn messages(page: &CrashPage) -> String {
    let mut text = String::new();
    let counts = |kind: &crate::views::crash::KindView| {
        vec![line(&kind.kind, 60), kind.done.to_string(), kind.failed.to_string(), kind.lost.to_string()]
    };
    if !page.kinds.is_empty() {
        let rows: Vec<Vec<String>> = page.kinds.iter().map(counts).collect();
        text.push_str(&format!("\n{}", table(&["kind", "done", "failed", "lost"], &rows)));
    }
    let or_none = |text: &Option<String>| text.as_deref().map(|text| line(text, 80)).unwrap_or_default();
    let record = |r: &RecordView| {
        let ok = if r.ok { "" } else { "failed" };
        let kind = format!("{}{}", line(&r.kind, 60), allowed(&r.fields));
        vec![
            r.seq.to_string(),
            ok.to_owned(),
            nanos(r.queue_ns),
            nanos(r.handle_ns),
            or_none(&r.sender),
            or_none(&r.action),
            kind,
        ]
    };
    if !page.records.is_empty() {
        let rows: Vec<Vec<String>> = page.records.iter().map(record).collect();
        let names = ["seq", "", "waited ms", "took ms", "from", "action", "kind"];
        text.push_str(&format!("\nLast messages, the newest last:\n{}", table(&names, &rows)));
    }
    let left = |l: &LeftView| {
        vec![or_none(&l.sender), or_none(&l.action), format!("{}{}", line(&l.kind, 60), allowed(&l.fields))]
    };
    if !page.left.is_empty() {
        let rows: Vec<Vec<String>> = page.left.iter().map(left).collect();
        text.push_str(&format!("\nDropped from its mailbox:\n{}", table(&["from", "action", "kind"], &rows)));
    }
    text
}

/// Nanoseconds as milliseconds, for a column.
fn nanos(ns: u64) -> String {
    format!("{:.2}", ns as f64 / 1e6)
}
