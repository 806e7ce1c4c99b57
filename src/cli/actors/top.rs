//! `actors top`: what it shows. How a terminal is kept stands in `screen`.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

use super::tree::{bytes, ms, next_try};
use crate::cli::print::{Column, fitted, line};
use crate::views::actor::{ActorRow, TreeView};

/// What stands at the top.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// What is stuck, busy or down, then what handles most
    Busy,
    /// What has most messages waiting
    Mailbox,
    /// What takes longest for one message in a hundred
    P99,
    /// What is sent most messages
    Messages,
    /// What takes most memory
    Memory,
}

/// One actor at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TopRow {
    pub path: String,
    pub state: String,
    /// Messages accepted a second since the last look; null at the first.
    pub messages_per_s: Option<f64>,
    pub mailbox_depth: u32,
    pub mailbox_wait_ms: crate::views::actor::Quantiles,
    pub handle_ms: crate::views::actor::Quantiles,
    pub messages_total: u64,
    pub memory_bytes: Option<u64>,
    pub restarts: u64,
    pub next_try: Option<String>,
    pub last_cause: Option<String>,
}

/// One look at all of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Look {
    pub at: String,
    pub actors: Vec<TopRow>,
    /// `next_try` in words.
    #[serde(skip)]
    waits: BTreeMap<String, String>,
}

/// What the last look saw, for rates.
#[derive(Debug, Default)]
pub struct Before {
    totals: BTreeMap<String, u64>,
    at: Option<Duration>,
}

impl Before {
    /// A look at the tree at the monotonic reading `now`.
    pub fn look(&mut self, view: &TreeView, now: Duration, sort: Sort) -> Look {
        let elapsed = self.at.map(|at| now.saturating_sub(at)).filter(|elapsed| !elapsed.is_zero());
        let (mut rows, mut waits, mut totals) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        let wall = view.now.parse().ok();
        each(&view.root, &mut |actor| {
            let rate = elapsed.map(|elapsed| {
                // An actor that was made anew counts from zero again.
                let before = self.totals.get(&actor.path).copied().unwrap_or(0);
                let more = actor.messages_total.checked_sub(before).unwrap_or(actor.messages_total);
                (more as f64 / elapsed.as_secs_f64() * 10.0).round() / 10.0
            });
            if let Some(wait) = next_try(actor, wall) {
                waits.insert(actor.path.clone(), wait);
            }
            totals.insert(actor.path.clone(), actor.messages_total);
            rows.push(row(actor, rate));
        });
        (self.totals, self.at) = (totals, Some(now));
        rows.sort_by(|a, b| order(sort, b).total_cmp(&order(sort, a)).then_with(|| a.path.cmp(&b.path)));
        Look { at: view.now.clone(), actors: rows, waits }
    }
}

fn each(actor: &ActorRow, see: &mut impl FnMut(&ActorRow)) {
    see(actor);
    for child in &actor.children {
        each(child, see);
    }
}

fn row(actor: &ActorRow, rate: Option<f64>) -> TopRow {
    TopRow {
        path: actor.path.clone(),
        state: actor.state.clone(),
        messages_per_s: rate,
        mailbox_depth: actor.mailbox_depth,
        mailbox_wait_ms: actor.mailbox_wait_ms,
        handle_ms: actor.handle_ms,
        messages_total: actor.messages_total,
        memory_bytes: actor.memory_bytes,
        restarts: actor.restarts,
        next_try: actor.next_try.clone(),
        last_cause: actor.last_cause.clone(),
    }
}

/// The greater, the higher up.
fn order(sort: Sort, row: &TopRow) -> f64 {
    match sort {
        Sort::Busy => {
            let state = match row.state.as_str() {
                "stuck" => 5.0,
                "tripped" => 4.0,
                "restarting" => 3.0,
                "busy" | "starting" => 2.0,
                "isolated" => 1.0,
                _ => 0.0,
            };
            // No actor handles so many a second.
            state * 1e12 + row.messages_per_s.unwrap_or(0.0)
        }
        Sort::Mailbox => f64::from(row.mailbox_depth),
        Sort::P99 => row.handle_ms.p99,
        Sort::Messages => row.messages_per_s.unwrap_or(row.messages_total as f64),
        Sort::Memory => row.memory_bytes.unwrap_or(0) as f64,
    }
}

const COLUMNS: &[Column] = &[
    Column::stays("actor"),
    Column::stays("state"),
    Column::goes("msg/s", 1),
    Column::goes("waiting", 2),
    Column::goes("wait p99", 6),
    Column::goes("p50 ms", 7),
    Column::goes("p99 ms", 3),
    Column::goes("memory", 8),
    Column::goes("restarts", 5),
    Column::goes("handled", 9),
    Column::goes("next try", 4),
    Column::goes("last cause", 4),
];

impl Look {
    /// As a table of at most `size` columns and rows.
    pub fn text(&self, size: Option<(usize, usize)>) -> String {
        let row = |row: &TopRow| {
            vec![
                line(&row.path, 80),
                line(&row.state, 20),
                row.messages_per_s.map_or("-".to_owned(), |rate| format!("{rate:.1}")),
                row.mailbox_depth.to_string(),
                ms(row.mailbox_wait_ms.p99),
                ms(row.handle_ms.p50),
                ms(row.handle_ms.p99),
                row.memory_bytes.map(bytes).unwrap_or_default(),
                row.restarts.to_string(),
                row.messages_total.to_string(),
                self.waits.get(&row.path).cloned().unwrap_or_default(),
                row.last_cause.as_deref().map(|cause| line(cause, 80)).unwrap_or_default(),
            ]
        };
        let rows: Vec<Vec<String>> = self.actors.iter().map(row).collect();
        // One line for the heading, one above it, and none that would scroll.
        let shown = size.map_or(rows.len(), |(_, height)| height.saturating_sub(3).min(rows.len()));
        fitted(COLUMNS, &rows[..shown], size.map(|(width, _)| width))
    }
}
