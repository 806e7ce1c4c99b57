//! The tree as a table.

use mm_core::moment::Moment;

use crate::cli::print::{Column, fitted, line, mib, span};
use crate::views::actor::{ActorRow, TreeView};

/// Below this width paths are shown by their last part; the drawing says the rest.
const WHOLE_PATHS: usize = 100;

const COLUMNS: &[Column] = &[
    Column::stays("actor"),
    Column::stays("state"),
    Column::goes("restarts", 5),
    Column::goes("budget", 6),
    Column::goes("waiting", 3),
    Column::goes("wait p50", 8),
    Column::goes("wait p99", 7),
    Column::goes("p50 ms", 8),
    Column::goes("p99 ms", 4),
    Column::goes("handled", 9),
    Column::goes("memory", 10),
    Column::goes("next try", 1),
    Column::goes("last cause", 2),
];

/// The tree, no line longer than `width`.
pub fn tree(view: &TreeView, width: Option<usize>) -> String {
    let mut drawing = Drawing {
        now: view.now.parse().ok(),
        short: width.is_some_and(|w| w < WHOLE_PATHS),
        rows: Vec::new(),
    };
    drawing.below(&view.root, None, "", "");
    fitted(COLUMNS, &drawing.rows, width)
}

struct Drawing {
    now: Option<Moment>,
    short: bool,
    rows: Vec<Vec<String>>,
}

impl Drawing {
    fn below(&mut self, actor: &ActorRow, above: Option<&str>, lead: &str, below: &str) {
        let above = above.filter(|_| self.short).map(|above| format!("{above}/"));
        let name = above.and_then(|above| actor.path.strip_prefix(&above)).unwrap_or(&actor.path);
        self.rows.push(vec![
            format!("{lead}{}", line(name, 80)),
            line(&actor.state, 20),
            actor.restarts.to_string(),
            budget(actor),
            actor.mailbox_depth.to_string(),
            ms(actor.mailbox_wait_ms.p50),
            ms(actor.mailbox_wait_ms.p99),
            ms(actor.handle_ms.p50),
            ms(actor.handle_ms.p99),
            actor.messages_total.to_string(),
            actor.memory_bytes.map(bytes).unwrap_or_default(),
            next_try(actor, self.now).unwrap_or_default(),
            actor.last_cause.as_deref().map(|cause| line(cause, 80)).unwrap_or_default(),
        ]);
        for (n, child) in actor.children.iter().enumerate() {
            let (lead, deeper) =
                if n + 1 == actor.children.len() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            self.below(child, Some(&actor.path), &format!("{below}{lead}"), &format!("{below}{deeper}"));
        }
    }
}

/// `7 of 10`, or nothing.
fn budget(actor: &ActorRow) -> String {
    match (actor.budget_left, actor.budget_limit) {
        (Some(left), Some(limit)) => format!("{left} of {limit}"),
        (Some(left), None) => left.to_string(),
        (None, _) => String::new(),
    }
}

/// `in 42 s, attempt 4 of 10, cause transient`; `None` where nothing is waited for.
pub fn next_try(actor: &ActorRow, now: Option<Moment>) -> Option<String> {
    let at = actor.next_try.as_ref()?;
    let wait = match (at.parse::<Moment>().ok(), now) {
        (Some(at), Some(now)) if at > now => format!("in {}", span(at.since(now).as_secs().max(1))),
        (Some(_), Some(_)) => "now".to_owned(),
        _ => line(at, 40),
    };
    let of = actor.budget_limit.map(|limit| format!(" of {limit}")).unwrap_or_default();
    let cause = actor.cause.as_ref().map(|cause| format!(", cause {}", line(cause, 40)));
    Some(format!("{wait}, attempt {}{of}{}", actor.attempt, cause.unwrap_or_default()))
}

/// Milliseconds for a column.
pub fn ms(ms: f64) -> String {
    format!("{ms:.2}")
}

/// Bytes for a column.
pub fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{} KiB", bytes >> 10),
        _ => mib(bytes),
    }
}
