//! When a strategy runs, as its owner says: another schedule, none, or the configured one again.
//!
//! The host of the strategy writes it, as it writes the ticks, so that the two never meet. What was due by
//! the old schedule and has not run gets its row in the same change; the new one counts from now, so that
//! nothing runs at once because of it.

use mm_core::moment::Moment;
use mm_core::schedule::{Ruled, Task};
use mm_store::{Change, Key, NewEntry, Record};
use mm_supervision::{CallError, Fault};
use serde_json::json;

use super::order::{self, Before, Found};
use super::retrying::scheduled;
use super::state::{Host, State};
use super::{Msg, Strategies};
use crate::integrity;
use crate::records::{Pause, ScheduleRow, TaskRow};
use crate::shared::CALL_TIMEOUT;

/// What the owner says of a task.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// This holds from now on, whatever the configuration says.
    Set(Task),
    /// It is never due.
    Cancel,
    /// It is as it is configured.
    AsConfigured,
}

/// Why a plan was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPlanned {
    /// No such strategy is installed.
    #[error("no strategy `{0}` is installed; `strategy list` shows those that are")]
    Unknown(String),
    /// The schedule is over.
    #[error("`{0}` is over: it would never be due again; name a time to come")]
    Over(String),
    /// Nothing would change.
    #[error("`{0}` goes by the configuration already")]
    Configured(String),
    /// Nothing would change.
    #[error("`{0}` is cancelled already")]
    Cancelled(String),
    /// A row of it does not open.
    #[error("the rows of `{0}` do not open; `doctor` says what to do")]
    Unread(String),
}

/// Why a tick of the old schedule starts nothing.
const SET: &str = "the schedule was set anew before it could run";
const CANCELLED: &str = "the schedule was cancelled before it could run";

impl Strategies {
    /// Takes a plan for a strategy's ticks; returns when it is on record. The scheduler is to be woken then.
    ///
    /// # Errors
    /// The inner error says what stands against it.
    pub async fn plan(&self, id: &str, plan: Plan, by: &str) -> Result<Result<(), NotPlanned>, CallError> {
        let Some(host) = self.host(id) else { return Ok(Err(NotPlanned::Unknown(id.to_owned()))) };
        let (plan, by) = (Box::new(plan), by.to_owned());
        host.call(|reply| Msg::Plan { plan, by, reply }, CALL_TIMEOUT).await
    }
}

impl Host {
    pub(super) async fn plan(
        &self,
        state: &mut State,
        plan: Plan,
        by: &str,
    ) -> Result<Result<(), NotPlanned>, Fault> {
        let (now, installed, id) = (self.shared.now(), self.installed(), self.id.to_string());
        let found = order::find(&self.shared, &self.space, &self.id, &installed, now)?;
        let Some((old, version)) = old(found) else { return Ok(Err(NotPlanned::Unread(id))) };
        let set = integrity::read::<TaskRow>(&self.shared.store, &self.space, &id)?.ok().flatten();
        let task = match &plan {
            Plan::Set(task) => Some(task),
            Plan::Cancel => None,
            Plan::AsConfigured => Some(&installed.task),
        };
        match (&plan, set.as_ref().map(|row| &row.value.task)) {
            (Plan::AsConfigured, None) => return Ok(Err(NotPlanned::Configured(id))),
            (Plan::Cancel, Some(None)) => return Ok(Err(NotPlanned::Cancelled(id))),
            (Plan::Set(task), _) if task.schedule.next_after(now).is_none() => {
                return Ok(Err(NotPlanned::Over(task.schedule.expression().to_owned())));
            }
            _ => {}
        }
        let ruled = self.closed_out(state, old, now, &plan)?;
        let schedule = ScheduleRow {
            text: match &plan {
                Plan::Set(task) => task.schedule.expression().to_owned(),
                Plan::Cancel | Plan::AsConfigured => installed.schedule_text.clone(),
            },
            clock: task.unwrap_or(&installed.task).schedule.clock(),
            next: task.and_then(|task| task.schedule.next_after(now)),
            last: Some(now),
            owed: None,
        };
        let mut row = state.row.clone();
        let change = self.ledger(&mut row, &schedule, version, &ruled, None)?;
        let change = change.and(self.said(&plan, set.map(|row| row.version), by, now)?);
        // What failed by the old schedule is tried again by no other.
        let retry = state.retry.take_if(|row| scheduled(&row.trigger)).is_some();
        let change = if retry { change.delete(self.retry_key()?) } else { change };
        self.write_row(state, row, &change).await??;
        Ok(Ok(()))
    }

    /// What the ticks that were due by the old schedule and have not run come to.
    fn closed_out(
        &self,
        state: &State,
        old: Option<Before>,
        now: Moment,
        plan: &Plan,
    ) -> Result<Vec<Ruled>, Fault> {
        let Some(old) = old else { return Ok(Vec::new()) };
        let paused = state.row.paused.as_ref().map(Pause::span);
        let why = if *plan == Plan::Cancel { CANCELLED } else { SET };
        self.new_ones(&old.task.schedule, old.closed_out(now, paused.as_ref(), why))
    }

    /// The row of what was said, and its audit entry.
    fn said(&self, plan: &Plan, version: Option<u64>, by: &str, now: Moment) -> Result<Change, Fault> {
        let (space, id) = (&self.space, self.id.as_str());
        let key = Key::new(space, TaskRow::KIND, id)?;
        let expected = match version {
            Some(version) => Change::new().expect_version(key.clone(), version),
            None => Change::new().expect_absent(key.clone()),
        };
        let row = |task| TaskRow { task, since: now, by: by.to_owned() };
        let (change, kind) = match plan {
            Plan::Set(task) => (expected.put(space, id, &row(Some(task.clone())))?, "schedule.set"),
            Plan::Cancel => (expected.put(space, id, &row(None))?, "schedule.cancelled"),
            Plan::AsConfigured => (expected.delete(key), "schedule.set"),
        };
        let task = match plan {
            Plan::Set(task) => json!(task),
            Plan::Cancel => json!(null),
            Plan::AsConfigured => json!("as configured"),
        };
        let payload = json!({ "strategy": id, "task": task, "by": by });
        Ok(change.audit(NewEntry::new(now, space, kind, &payload)?))
    }
}

/// The task as it was until now, if it was due at all, and the version of its schedule's row. `None` if it
/// does not open.
fn old(found: Found) -> Option<(Option<Before>, Option<u64>)> {
    match found {
        Found::Unread => None,
        Found::Cancelled { schedule_version } => Some((None, schedule_version)),
        Found::Task(order) => {
            let version = order.schedule_version;
            let last = Before { task: order.task, last: order.last, owed: order.owed };
            // Of one that was changed and not looked at since, what was before counts.
            let before = if order.at_once || order.rewrite { order.before } else { Some(last) };
            Some((before, version))
        }
    }
}
