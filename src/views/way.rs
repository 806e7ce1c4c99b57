//! The whole way of one action: the messages that carried it from actor to actor, its record with the
//! rules' words, and what the audit trail says of it.
//!
//! While it is under way the messages come from the actors' own memory, afterwards from the row that
//! was written with its record; what both know is shown once.

use mm_core::activity::ActionRecord;
use mm_core::moment::Moment;
use mm_core::untrusted::Untrusted;
use mm_services::records::WayRow;
use mm_store::{PayloadState, ReadError, Span};
use mm_supervision::Hop;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

use super::action::ActivityView;
use super::{Problem, Reader, meant, nearest, unread};

/// One action's way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WayView {
    pub id: String,
    /// Its record; null while it is not yet on record.
    pub action: Option<ActivityView>,
    /// Message after message, in the order in which each was taken up.
    pub hops: Vec<HopView>,
    /// What the audit trail says of it, oldest first.
    pub audit: Vec<EntryView>,
    /// Whether older entries of the audit trail were not looked at, since there are too many.
    pub audit_cut: bool,
}

/// One message on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HopView {
    /// When it was taken up.
    pub at: String,
    pub path: String,
    pub kind: String,
    pub sender: Option<String>,
    /// Milliseconds in the mailbox.
    pub queue_ms: f64,
    /// Milliseconds in the handler; null while it is in hand.
    pub handle_ms: Option<f64>,
    /// Whether it was handled well; null while it is in hand.
    pub ok: Option<bool>,
}

/// One entry of the audit trail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EntryView {
    pub seq: u64,
    pub at: String,
    pub kind: String,
    pub payload: Value,
}

impl From<&Hop> for HopView {
    fn from(hop: &Hop) -> Self {
        let ms = |ns: u64| ns as f64 / 1e6;
        HopView {
            at: Moment::from_unix_ms(hop.at_ms).to_string(),
            path: hop.path.clone(),
            kind: hop.kind.clone(),
            sender: hop.sender.clone(),
            queue_ms: ms(hop.queue_ns),
            handle_ms: hop.handle_ns.map(ms),
            ok: hop.ok,
        }
    }
}

/// So many pages of the audit trail are looked at, newest first.
const PAGES_MAX: usize = 100;
const PAGE: u64 = 1000;
/// A clock that was set back leaves entries out of order by so much at most; more is rare enough.
const CLOCK_SLACK: Duration = Duration::from_secs(3600);
/// Ids that are offered for one that is not known.
const NEAR_MAX: usize = 3;
/// Among so many of the newest actions.
const RECENT_MAX: usize = 2000;

/// The way of action `id`; `live` is what the actors themselves still know.
///
/// # Errors
/// [`Problem::Unknown`] names ids that were probably meant.
pub fn read(reader: &Reader, id: &str, live: &[Hop]) -> Result<WayView, Problem> {
    let record = match reader.store.get::<ActionRecord>(&reader.space, id) {
        Ok(row) => row.map(|row| row.value),
        Err(mm_store::ReadError::Key(_)) => None,
        Err(error) => return Err(unread(&error)),
    };
    let hops = merged(stored(reader, id)?, live);
    if record.is_none() && hops.is_empty() {
        return Err(unknown(reader, id)?);
    }
    let since = record.as_ref().map_or(reader.now, |record| record.at).minus(CLOCK_SLACK);
    let (audit, audit_cut) = entries(reader, id, since)?;
    Ok(WayView {
        id: id.to_owned(),
        action: record.map(ActivityView::from),
        hops: hops.iter().map(HopView::from).collect(),
        audit,
        audit_cut,
    })
}

/// What was written with its record.
fn stored(reader: &Reader, id: &str) -> Result<Vec<Hop>, Problem> {
    match reader.store.get::<WayRow>(&reader.space, id) {
        Ok(row) => Ok(row.map(|row| row.value.hops).unwrap_or_default()),
        // What does not open is never shown as something else; `doctor` names it. What can be no key
        // names no action.
        Err(ReadError::Row { .. } | ReadError::Key(_)) => Ok(Vec::new()),
        Err(error) => Err(unread(&error)),
    }
}

/// Both in one order. A message that was in hand when it was written down is known whole by now.
fn merged(stored: Vec<Hop>, live: &[Hop]) -> Vec<Hop> {
    let same = |a: &Hop, b: &Hop| {
        (a.at_ms, &a.path, &a.kind, &a.sender, a.queue_ns)
            == (b.at_ms, &b.path, &b.kind, &b.sender, b.queue_ns)
    };
    let mut all: Vec<Hop> = stored.into_iter().filter(|hop| !live.iter().any(|one| same(hop, one))).collect();
    all.extend(live.iter().cloned());
    all.sort_by_key(|hop| hop.at_ms);
    all
}

/// The entries that name the action, oldest first, and whether there are too many to look at all.
fn entries(reader: &Reader, id: &str, since: Moment) -> Result<(Vec<EntryView>, bool), Problem> {
    let mut high = reader.store.audit_tip().map_err(|error| unread(&error))?.seq;
    let mut found = Vec::new();
    for _ in 0..PAGES_MAX {
        if high == 0 {
            return Ok((in_order(found), false));
        }
        let low = high.saturating_sub(PAGE - 1).max(1);
        let page = reader.store.audit_range(low, usize::try_from(high - low + 1).unwrap_or(usize::MAX));
        let page = page.map_err(|error| unread(&error))?;
        let older = page.rows.iter().all(|row| row.entry.at < since);
        for row in page.rows.iter().rev() {
            let PayloadState::There(payload) = &row.payload else { continue };
            if let Some(payload) = names(&payload.bytes, id) {
                let (seq, at, kind) = (row.entry.seq, row.entry.at.to_string(), row.entry.kind.clone());
                found.push(EntryView { seq, at, kind, payload });
            }
        }
        if older {
            return Ok((in_order(found), false));
        }
        high = low - 1;
    }
    Ok((in_order(found), true))
}

fn in_order(mut newest_first: Vec<EntryView>) -> Vec<EntryView> {
    newest_first.reverse();
    newest_first
}

/// The payload, if one of its values is `id`.
fn names(payload: &[u8], id: &str) -> Option<Value> {
    let there = payload.windows(id.len().max(1)).any(|window| window == id.as_bytes());
    let value: Value = there.then(|| serde_json::from_slice(payload).ok()).flatten()?;
    let named = value.as_object()?.values().any(|value| value.as_str() == Some(id));
    named.then_some(value)
}

fn unknown(reader: &Reader, id: &str) -> Result<Problem, Problem> {
    let newest = Span::all().descending();
    let recent = reader.store.scan::<ActionRecord>(&reader.space, newest, RECENT_MAX);
    let recent: Vec<String> =
        recent.map_err(|error| unread(&error))?.rows.into_iter().map(|(id, _)| id).collect();
    // A run's id is the beginning of its actions'.
    let begin: Vec<&str> =
        recent.iter().filter(|known| !id.is_empty() && known.starts_with(id)).map(String::as_str).collect();
    let near = if begin.is_empty() {
        meant(nearest(id, recent.iter().map(String::as_str)))
    } else {
        format!(
            "; these begin like it: {}",
            begin.iter().take(NEAR_MAX).copied().collect::<Vec<_>>().join(", ")
        )
    };
    let shown = Untrusted::new(id).line(80);
    Ok(Problem::Unknown(format!("there is no action `{shown}`; `actions list` shows the ids{near}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(at_ms: i64, path: &str, handle_ns: Option<u64>) -> Hop {
        Hop {
            at_ms,
            path: path.to_owned(),
            kind: "walk".to_owned(),
            sender: None,
            queue_ns: 5,
            handle_ns,
            ok: handle_ns.map(|_| true),
        }
    }

    #[test]
    fn what_both_know_is_shown_once_and_as_it_is_now() {
        let stored = vec![hop(1, "kernel/gateway", Some(7)), hop(2, "kernel/limiter", None)];
        let live = [hop(2, "kernel/limiter", Some(9)), hop(3, "kernel/platforms/p", None)];
        let all = merged(stored, &live);
        let told: Vec<(i64, Option<u64>)> = all.iter().map(|hop| (hop.at_ms, hop.handle_ns)).collect();
        assert_eq!(told, [(1, Some(7)), (2, Some(9)), (3, None)]);
    }

    #[test]
    fn an_entry_names_an_action_only_by_a_whole_value() {
        assert!(names(br#"{"action":"1-1.a"}"#, "1-1.a").is_some());
        assert!(names(br#"{"action":"1-1.ab"}"#, "1-1.a").is_none());
        assert!(names(br#"{"x":{"action":"1-1.a"}}"#, "1-1.a").is_none());
        assert!(names(b"1-1.a", "1-1.a").is_none());
        assert!(names(b"{}", "").is_none());
    }
}
