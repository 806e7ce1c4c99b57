//! The tree as users see it: `actors tree --json` and `actors show`.

use std::sync::atomic::Ordering;

use serde::{Serialize, Serializer};

use super::Tree;
use super::crash::{CrashReport, RecordView};
use super::node::{Node, Standing, Story};
use crate::meter::{KindCount, Quantiles};
use crate::sync::lock;

/// What an actor is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ActorState {
    /// Its `init` runs.
    Starting,
    /// Waits for messages.
    Running,
    /// Handles one.
    Busy,
    /// Handles one and has not yielded for too long, or could not be killed.
    Stuck,
    /// Down, and will be tried again.
    Restarting,
    /// Down: its own restart budget is spent.
    Tripped,
    /// Put aside by an operator.
    Isolated,
    /// Not running: finished, stopped, or not yet started.
    Stopped,
}

/// One actor and those below it, with exactly the fields of `actors tree --json`.
#[derive(Clone, Debug, Serialize)]
pub struct ActorView {
    /// Its path, such as `kernel/strategies/default/bug-bounty`.
    pub path: String,
    /// What it is doing.
    pub state: ActorState,
    /// Since when, milliseconds since 1970; RFC 3339 in JSON.
    #[serde(serialize_with = "as_rfc3339")]
    pub since: i64,
    /// How often it was restarted in this process.
    pub restarts: u64,
    /// Why it last ended or could not start.
    pub last_cause: Option<String>,
    /// Messages waiting.
    pub mailbox_depth: u32,
    /// Time in the mailbox.
    pub mailbox_wait_ms: Quantiles,
    /// Time in the handler.
    pub handle_ms: Quantiles,
    /// Messages ever accepted in this process.
    pub messages_total: u64,
    /// Failed attempts in a row.
    pub attempt: u32,
    /// When it is tried again, milliseconds since 1970; RFC 3339 in JSON. Null while it is not waiting.
    #[serde(serialize_with = "maybe_as_rfc3339")]
    pub next_try: Option<i64>,
    /// Restarts left in its own durable budget; null without one.
    pub budget_left: Option<u32>,
    /// Restarts in all that its budget has.
    pub budget_limit: Option<u32>,
    /// What is known of its memory (see [`Meter::memory_bytes`](crate::Meter::memory_bytes) for what is
    /// counted); null before its first incarnation.
    pub memory_bytes: Option<u64>,
    /// Those it supervises, in start order.
    pub children: Vec<ActorView>,
}

/// All that is known of one actor.
#[derive(Clone, Debug, Serialize)]
pub struct ActorDetail {
    /// The same as in the tree.
    #[serde(flatten)]
    pub view: ActorView,
    /// What it is for.
    pub about: String,
    /// How many messages may wait.
    pub mailbox_bound: u32,
    /// The kind of the message in hand.
    pub in_hand: Option<&'static str>,
    /// The sort of its last failure in one word (see [`Exit::word`](crate::Exit::word)).
    pub cause: Option<&'static str>,
    /// Why it is tripped or isolated, while it is.
    pub held_why: Option<String>,
    /// The call that its handler waits for right now; the longest if there are several.
    pub waits_for: Option<Waiting>,
    /// Restarts taken out of its own budget since work was last proved; null without one.
    pub budget_spent: Option<u32>,
    /// Counts by kind of message.
    pub kinds: Vec<KindCount>,
    /// The last 64 messages, oldest first.
    pub records: Vec<RecordView>,
    /// The last crashes, oldest first.
    pub crashes: Vec<CrashReport>,
}

/// A call that an actor's handler waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// The actor that is to answer.
    pub path: String,
    /// The kind of the message that it was sent.
    pub kind: &'static str,
    /// Since when, milliseconds since 1970.
    pub since_ms: i64,
}

impl ActorView {
    /// This actor and all below it, parents first.
    #[must_use]
    pub fn flatten(&self) -> Vec<&ActorView> {
        let mut all = vec![self];
        for child in &self.children {
            all.extend(child.flatten());
        }
        all
    }
}

impl Tree {
    pub(crate) fn view_of(&self, node: &Node) -> ActorView {
        let story = lock(&node.story).clone();
        let (state, since) = self.state_of(node, &story);
        ActorView {
            path: node.path.to_string(),
            state,
            since,
            restarts: story.starts.saturating_sub(1),
            last_cause: story.last_cause,
            mailbox_depth: node.meter.depth(),
            mailbox_wait_ms: node.meter.wait(),
            handle_ms: node.meter.handle(),
            messages_total: node.meter.sent(),
            attempt: story.attempt,
            next_try: story.next_try_ms,
            budget_left: story.budget_left,
            budget_limit: story.budget_limit,
            memory_bytes: node.meter.memory_bytes(),
            children: node.children().iter().map(|child| self.view_of(child)).collect(),
        }
    }

    pub(crate) fn detail_of(&self, node: &Node) -> ActorDetail {
        let story = lock(&node.story).clone();
        ActorDetail {
            view: self.view_of(node),
            about: node.about.clone(),
            mailbox_bound: node.meter.bound(),
            in_hand: node.meter.in_hand(),
            cause: story.cause,
            held_why: story.held_why,
            waits_for: node.meter.waits_for().map(|wait| Waiting {
                path: wait.path.to_string(),
                kind: wait.kind,
                since_ms: self.wall_of(wait.since_ns),
            }),
            budget_spent: story.budget_spent,
            kinds: node.meter.kinds(),
            records: node.meter.records().into_iter().map(RecordView::from).collect(),
            crashes: story.crashes.iter().map(|report| (**report).clone()).collect(),
        }
    }

    fn state_of(&self, node: &Node, story: &Story) -> (ActorState, i64) {
        let state = match story.standing {
            Standing::Starting => ActorState::Starting,
            Standing::Restarting => ActorState::Restarting,
            Standing::Tripped => ActorState::Tripped,
            Standing::Isolated => ActorState::Isolated,
            Standing::Stopped => ActorState::Stopped,
            Standing::Abandoned => ActorState::Stuck,
            Standing::Running => ActorState::Running,
        };
        if !matches!(state, ActorState::Running | ActorState::Starting) {
            return (state, story.since_ms);
        }
        let now_ns = (self.inner.seams.mono_ns)();
        let limit_ns = self.inner.stuck_after_ns.load(Ordering::Relaxed);
        match (node.meter.poll_since_ns(), node.meter.busy_since_ns()) {
            (Some(since), _) if now_ns.saturating_sub(since) > limit_ns => {
                (ActorState::Stuck, self.wall_of(since))
            }
            (_, Some(since)) if state == ActorState::Running => (ActorState::Busy, self.wall_of(since)),
            _ => (state, story.since_ms),
        }
    }
}

fn as_rfc3339<S: Serializer>(since_ms: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*since_ms))
}

fn maybe_as_rfc3339<S: Serializer>(at_ms: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    at_ms.map(rfc3339).serialize(serializer)
}

/// Milliseconds since 1970 as RFC 3339 in UTC, with milliseconds. The calendar is Howard Hinnant's
/// `civil_from_days`.
#[must_use]
pub fn rfc3339(unix_ms: i64) -> String {
    let (days, in_day) = (unix_ms.div_euclid(86_400_000), unix_ms.rem_euclid(86_400_000));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute) = (in_day / 3_600_000, in_day / 60_000 % 60);
    let (second, milli) = (in_day / 1_000 % 60, in_day % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

#[cfg(test)]
mod tests {
    use super::rfc3339;

    #[test]
    fn days_that_go_wrong() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(rfc3339(1_784_721_599_999), "2026-07-22T11:59:59.999Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(rfc3339(4_107_542_400_000), "2100-03-01T00:00:00.000Z");
    }
}
