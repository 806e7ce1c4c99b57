//! `actors follow`: the whole way of one action.

use crate::cli::actions;
use crate::cli::print::{line, table};
use crate::views::way::{EntryView, HopView, WayView};

/// An action's way, for a person.
pub fn text(way: &WayView) -> String {
    let mut text = match &way.action {
        Some(action) => actions::page(action),
        None => format!("id  {}\n\nIt is under way and not yet on record.\n", line(&way.id, 200)),
    };
    if way.hops.is_empty() {
        text.push_str("\nNobody remembers the messages that carried it.\n");
    } else {
        let rows: Vec<Vec<String>> = way.hops.iter().map(hop).collect();
        let names = ["taken up", "actor", "kind", "from", "waited ms", "took ms", ""];
        text.push_str(&format!("\nFrom actor to actor:\n{}", table(&names, &rows)));
    }
    if !way.audit.is_empty() {
        text.push_str("\nOn the audit trail:\n");
        way.audit.iter().for_each(|entry| text.push_str(&entry_line(entry)));
    }
    if way.audit_cut {
        text.push_str(
            "Older entries were not looked at, since there are too many; `audit export` has all.\n",
        );
    }
    text
}

fn hop(hop: &HopView) -> Vec<String> {
    let ended = match hop.ok {
        None => "in hand",
        Some(true) => "",
        Some(false) => "failed",
    };
    vec![
        line(hop.at.get(11..).unwrap_or(&hop.at), 24),
        line(&hop.path, 100),
        line(&hop.kind, 60),
        hop.sender.as_deref().map(|sender| line(sender, 100)).unwrap_or_default(),
        format!("{:.2}", hop.queue_ms),
        hop.handle_ms.map(|ms| format!("{ms:.2}")).unwrap_or_default(),
        ended.to_owned(),
    ]
}

fn entry_line(entry: &EntryView) -> String {
    let payload = line(&entry.payload.to_string(), 300);
    format!("{:>6}  {}  {:<22}  {payload}\n", entry.seq, line(&entry.at, 40), line(&entry.kind, 40))
}
