//! One actor on a page.

use serde_json::Value;

use super::tree::{bytes, ms, next_try};
use crate::cli::print::{fields, line, minute, table};
use crate::views::actor::{ActorPage, CrashView, Quantiles};
use crate::views::counted;

/// All that is known of an actor, for a person.
pub fn page(page: &ActorPage) -> String {
    let mut text = fields(&head(page));
    text.push_str(&says(page));
    text.push_str(&history(page));
    if !page.kinds.is_empty() {
        let names = ["kind", "done", "failed", "lost"];
        text.push_str(&format!("\n{}", table(&names, &cells(&page.kinds, &names))));
    }
    if !page.records.is_empty() {
        let names = ["seq", "kind", "sender", "action", "queue_ns", "handle_ns", "ok"];
        text.push_str(&format!("\nLast messages:\n{}", table(&names, &cells(&page.records, &names))));
    }
    if !page.crashes.is_empty() {
        let rows: Vec<Vec<String>> = page.crashes.iter().map(crash).collect();
        text.push_str(&format!("\nCrashes:\n{}", table(&["id", "when", "in hand", "cause"], &rows)));
        text.push_str("`money-machine crashes show ID` has the last messages and the backtrace.\n");
    }
    text
}

fn head(page: &ActorPage) -> Vec<(&'static str, String)> {
    let (actor, now) = (&page.actor, page.now.parse().ok());
    let mut lines = vec![
        ("path", line(&actor.path, 200)),
        ("about", line(&page.about, 200)),
        ("state", format!("{} since {}", line(&actor.state, 20), line(&actor.since, 40))),
        ("restarts", actor.restarts.to_string()),
        ("last cause", actor.last_cause.as_deref().map_or("none".to_owned(), |cause| line(cause, 400))),
        ("mailbox", format!("{} waiting of {}", actor.mailbox_depth, page.mailbox_bound)),
        ("in hand", page.in_hand.as_deref().map_or("nothing".to_owned(), |kind| line(kind, 60))),
        ("wait", quantiles(actor.mailbox_wait_ms)),
        ("handle", quantiles(actor.handle_ms)),
        ("messages", actor.messages_total.to_string()),
    ];
    if let Some(wait) = &page.waits_for {
        let (path, kind) = (line(&wait.path, 100), line(&wait.kind, 60));
        lines.push(("waits for", format!("{path} to answer `{kind}`, since {}", line(&wait.since, 40))));
    }
    if let Some(taken) = actor.memory_bytes {
        lines.push(("memory", bytes(taken)));
    }
    if let Some(next) = next_try(actor, now) {
        lines.push(("next try", next));
    }
    if let Some(why) = &page.held_why {
        lines.push(("held down", line(why, 300)));
    }
    match (page.budget_spent, actor.budget_left, actor.budget_limit) {
        (_, Some(left), Some(limit)) => lines.push(("budget", format!("{left} of {limit} restarts left"))),
        (Some(spent), _, _) => {
            lines.push(("budget", format!("{} spent", counted(spent, "restart", "restarts"))))
        }
        _ => {}
    }
    lines
}

fn quantiles(q: Quantiles) -> String {
    format!("{} ms, p99 {} ms", ms(q.p50), ms(q.p99))
}

/// What the actor says of itself.
fn says(page: &ActorPage) -> String {
    if let Some(silent) = &page.status.silent {
        return format!("\nIt does not say how it is: {}\n", line(silent, 300));
    }
    let named = |field: &crate::views::actor::NamedView| vec![line(&field.name, 40), line(&field.value, 200)];
    let rows: Vec<Vec<String>> = page.status.fields.iter().map(named).collect();
    if rows.is_empty() { String::new() } else { format!("\n{}", table(&["status", "value"], &rows)) }
}

fn history(page: &ActorPage) -> String {
    let mut text = String::new();
    if !page.by_cause.is_empty() {
        let counted = page.by_cause.iter().map(|by| format!("{} {}", by.count, line(&by.cause, 40)));
        text.push_str(&format!("\nRestarts on record: {}\n", counted.collect::<Vec<_>>().join(", ")));
    }
    let row = |restart: &crate::views::actor::RestartView| {
        let attempt = restart.attempt.to_string();
        vec![minute(&restart.at), line(&restart.cause, 40), attempt, line(&restart.why, 300)]
    };
    let rows: Vec<Vec<String>> = page.history.iter().map(row).collect();
    if !rows.is_empty() {
        text.push_str(&table(&["when", "cause", "attempt", "why"], &rows));
    }
    text
}

fn crash(crash: &CrashView) -> Vec<String> {
    vec![
        crash.id.as_deref().map_or("-".to_owned(), |id| line(id, 40)),
        minute(&crash.at),
        crash.in_hand.as_deref().map(|kind| line(kind, 60)).unwrap_or_default(),
        line(&crash.cause, 200),
    ]
}

fn cells(values: &[Value], names: &[&str]) -> Vec<Vec<String>> {
    let cell = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => line(text, 80),
        other => other.to_string(),
    };
    values.iter().map(|value| names.iter().map(|name| cell(&value[*name])).collect()).collect()
}
