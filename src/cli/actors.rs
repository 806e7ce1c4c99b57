//! `actors tree|show`.

use clap::Subcommand;

use super::ask::Asker;
use super::print::{self, fields, line, minute, table};
use super::{Cx, Done, Json, examples};
use crate::exit::Exit;
use crate::views::Question;
use crate::views::actor::{ActorPage, ActorRow, Quantiles};

/// Shows what the daemon is made of, and what crashed
#[derive(Debug, Subcommand)]
#[command(
    long_about = "Shows what the daemon is made of: a tree of actors, each restarted by the one above it.\n\n\
    States: starting, running, busy (handles a message), stuck (does not yield), restarting (waits before the next \
    try), tripped (its restarts are spent), isolated (put aside by a person), stopped."
)]
pub enum Verb {
    /// Draws the tree
    #[command(
        long_about = "Draws the tree of actors, each with its state, restarts, waiting messages, and how long half \
            and all but one in a hundred of its messages took.",
        after_long_help = examples("money-machine actors tree\nmoney-machine actors tree --json | jq '.. | select(.state? == \"restarting\")'")
    )]
    Tree {
        #[command(flatten)]
        json: Json,
    },
    /// Shows one actor: its last messages and crashes
    #[command(
        long_about = "Shows one actor: what it is for, the kinds of messages it handled, the last of them, and its \
            last crashes with the message it did not survive.",
        after_long_help = examples("money-machine actors show kernel/gateway\nmoney-machine actors show kernel/strategies/default/bug-bounty")
    )]
    Show {
        /// Its path, as in the tree
        path: String,
        #[command(flatten)]
        json: Json,
    },
}

pub(super) fn execute(cx: &Cx<'_>, verb: Verb) -> Done {
    let asker = Asker::new(cx)?;
    match verb {
        Verb::Tree { json } => {
            let told = asker.daemon(&Question::of(&["actors"]))?;
            if json.json { print::json(&told.body)? } else { print::out(&tree(&told.view()?))? }
        }
        Verb::Show { path, json } => {
            let told = asker.daemon(&Question::of(&["actors", "show"]).with("path", Some(path)))?;
            if json.json { print::json(&told.body)? } else { print::out(&page(&told.view()?))? }
        }
    }
    Ok(Exit::Done)
}

pub(super) fn tree(root: &ActorRow) -> String {
    let mut rows = Vec::new();
    rows_below(root, "", "", &mut rows);
    table(&["actor", "state", "restarts", "waiting", "handled", "p50 ms", "p99 ms", "last cause"], &rows)
}

fn rows_below(actor: &ActorRow, lead: &str, below: &str, rows: &mut Vec<Vec<String>>) {
    rows.push(vec![
        format!("{lead}{}", line(&actor.path, 80)),
        actor.state.clone(),
        actor.restarts.to_string(),
        actor.mailbox_depth.to_string(),
        actor.messages_total.to_string(),
        ms(actor.handle_ms.p50),
        ms(actor.handle_ms.p99),
        actor.last_cause.as_deref().map_or(String::new(), |cause| line(cause, 80)),
    ]);
    for (n, child) in actor.children.iter().enumerate() {
        let (lead, deeper) =
            if n + 1 == actor.children.len() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        rows_below(child, &format!("{below}{lead}"), &format!("{below}{deeper}"), rows);
    }
}

fn ms(ms: f64) -> String {
    format!("{ms:.2}")
}

fn quantiles(q: Quantiles) -> String {
    format!("{} ms, p99 {} ms", ms(q.p50), ms(q.p99))
}

pub(super) fn page(page: &ActorPage) -> String {
    let actor = &page.actor;
    let mut lines = vec![
        ("path", line(&actor.path, 200)),
        ("about", line(&page.about, 200)),
        ("state", format!("{} since {}", actor.state, actor.since)),
        ("restarts", actor.restarts.to_string()),
        ("last cause", actor.last_cause.as_deref().map_or("none".to_owned(), |cause| line(cause, 400))),
        ("mailbox", format!("{} waiting of {}", actor.mailbox_depth, page.mailbox_bound)),
        ("in hand", page.in_hand.clone().unwrap_or_else(|| "nothing".to_owned())),
        ("wait", quantiles(actor.mailbox_wait_ms)),
        ("handle", quantiles(actor.handle_ms)),
        ("messages", actor.messages_total.to_string()),
    ];
    if let Some(next) = &page.next_try {
        lines.push(("next try", format!("{next} (attempt {})", page.attempt + 1)));
    }
    if let Some(spent) = page.budget_spent {
        lines.push(("budget", format!("{spent} restarts spent")));
    }
    let mut text = fields(&lines);
    if !page.kinds.is_empty() {
        let names = ["kind", "done", "failed", "lost"];
        text.push_str(&format!("\n{}", table(&names, &cells(&page.kinds, &names))));
    }
    if !page.records.is_empty() {
        let names = ["seq", "kind", "sender", "queue_ns", "handle_ns", "ok"];
        text.push_str(&format!("\nLast messages:\n{}", table(&names, &cells(&page.records, &names))));
    }
    for crash in &page.crashes {
        let last = crash.records.last().and_then(|record| record["kind"].as_str()).unwrap_or("none");
        text.push_str(&format!(
            "\nCrash at {}: {}\n  it did not survive: {}; dropped from its mailbox: {}\n",
            minute(&crash.at),
            line(&crash.cause, 400),
            line(last, 60),
            crash.left.len()
        ));
    }
    text
}

fn cells(values: &[serde_json::Value], names: &[&str]) -> Vec<Vec<String>> {
    let cell = |value: &serde_json::Value| match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => line(text, 80),
        other => other.to_string(),
    };
    values.iter().map(|value| names.iter().map(|name| cell(&value[*name])).collect()).collect()
}
