//! A trace over the socket: one JSON object a line, the last of them `{"end": SENTENCE}`.
//!
//! It lives exactly as long as its reader: dropped with the connection, it ends at once. Its
//! beginning is on the audit trail before it shows anything, its end with how much it showed.

use std::collections::BTreeSet;
use std::time::Duration;

use mm_core::untrusted::Untrusted;
use mm_supervision::{Trace, TraceAsk, TraceError, Tree};
use serde_json::{Value, json};

use super::Ops;
use super::actors::note;
use super::answer::tree;
use crate::exit::chain;
use crate::views::trace::TracedView;
use crate::views::{Problem, Question, meant_any};

/// Messages a second at which a trace ends where nothing else is said.
const RATE: u32 = 500;
/// How long one runs at most where nothing else is said.
const WITHIN: Duration = Duration::from_secs(60);
/// How long one may be asked for.
const WITHIN_MAX: Duration = Duration::from_secs(3600);

/// Kinds that are named to whoever asked for one that is not known.
const KINDS_MAX: usize = 20;

/// A trace and who reads it.
pub(super) struct Tracing {
    ops: Ops,
    trace: Trace,
    about: Value,
    shown: u64,
    warning: Option<String>,
    ended: bool,
}

/// Begins one: `pattern, limit, rate, for_ms`.
///
/// # Errors
/// What makes no sense, or cannot be put on record.
pub(super) async fn open(ops: &Ops, by: &str, question: &Question) -> Result<Tracing, Problem> {
    question.only(&["pattern", "limit", "rate", "for_ms"])?;
    let pattern = question.text("pattern").unwrap_or_default().to_owned();
    let limit = question.value("limit")?.ok_or_else(|| {
        Problem::Bad("a trace needs a `limit`: without one it could run for ever".to_owned())
    })?;
    let rate_max = question.value("rate")?.unwrap_or(RATE);
    let within = question.value("for_ms")?.map_or(WITHIN, Duration::from_millis).min(WITHIN_MAX);
    let ask = TraceAsk { pattern: pattern.clone(), limit, rate_max, within };
    let tree = tree(ops)?;
    let about = json!({
        "by": by, "pattern": pattern, "limit": limit, "rate": rate_max,
        "for_ms": u64::try_from(within.as_millis()).unwrap_or(u64::MAX),
    });
    let trace = tree.trace(ask).map_err(|error| match error {
        TraceError::TooMany => Problem::Refused(error.to_string()),
        _ => Problem::Bad(chain(&error)),
    })?;
    note(ops, "trace.started", about.clone()).await?;
    let warning = warning(tree, &trace, &pattern);
    Ok(Tracing { ops: ops.clone(), trace, about, shown: 0, warning, ended: false })
}

/// What is probably not meant: a pattern that matches nobody, or a kind that nobody was ever sent.
/// Neither is refused, since actors start later and messages come.
fn warning(tree: &Tree, trace: &Trace, pattern: &str) -> Option<String> {
    let shown = Untrusted::new(pattern).line(80);
    let (path, _) = pattern.split_once(':').unwrap_or((pattern, ""));
    let watched = trace.watches();
    if watched.is_empty() {
        let near = meant_any(&tree.near(path));
        return Some(format!("no actor is at `{shown}` now; it waits for one that starts{near}"));
    }
    let kinds: BTreeSet<&str> = watched
        .iter()
        .filter_map(|path| tree.show(path))
        .flat_map(|detail| detail.kinds.into_iter().map(|kind| kind.kind))
        .collect();
    if kinds.is_empty() || kinds.iter().any(|kind| trace.shows(kind)) {
        return None;
    }
    let known: Vec<&str> = kinds.into_iter().take(KINDS_MAX).collect();
    Some(format!("nobody at `{shown}` was sent such a message yet; the kinds so far: {}", known.join(", ")))
}

impl Tracing {
    /// Whether the last line was given.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// The next line; `None` after the last.
    pub(super) async fn next(&mut self) -> Option<Value> {
        if self.ended {
            return None;
        }
        if let Some(warning) = self.warning.take() {
            return Some(json!({ "warning": warning }));
        }
        match self.trace.next().await {
            Some(traced) => {
                self.shown += 1;
                serde_json::to_value(TracedView::from(traced)).ok()
            }
            None => {
                let why = self.trace.end().map_or("the trace ended".to_owned(), |end| end.to_string());
                Some(self.end(why).await)
            }
        }
    }

    /// Ends it, and gives the last line. That it ended is on record once, also when the reader goes away
    /// while that is being written.
    pub(super) async fn end(&mut self, why: String) -> Value {
        let (ops, payload) = (self.ops.clone(), self.ending(&why));
        let noted = tokio::spawn(async move { on_record(&ops, payload).await });
        self.ended = true;
        json!({ "end": why, "shown": self.shown, "on_record": noted.await.unwrap_or(false) })
    }

    fn ending(&self, why: &str) -> Value {
        let mut payload = self.about.clone();
        (payload["shown"], payload["why"]) = (self.shown.into(), why.into());
        payload
    }
}

impl Drop for Tracing {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let (ops, payload) = (self.ops.clone(), self.ending("its reader went away"));
        // Without a runtime the process is ending, and the boot that follows says so.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { on_record(&ops, payload).await });
        }
    }
}

/// Puts an end on record, and says whether it is there.
async fn on_record(ops: &Ops, payload: Value) -> bool {
    let noted = note(ops, "trace.ended", payload).await;
    noted.map_err(|problem| tracing::error!(%problem, "the end of a trace is not on record")).is_ok()
}
