//! Pauses, and how they end by themselves.
//!
//! A pause and its end are on record. The host sleeps until then; one that starts after it ends the pause
//! at once. What was due meanwhile is decided before the record of the pause is gone.

use std::time::Duration;

use mm_core::moment::Moment;
use mm_store::{Change, NewEntry};
use mm_supervision::{Fault, Handle};
use serde_json::json;

use super::Msg;
use super::order::{self, Found};
use super::state::{Host, State};
use crate::records::{ITSELF, Pause};

/// No sleep is longer, so that a suspended machine or a stepped clock is noticed.
const SLEEP_MAX: Duration = Duration::from_secs(300);

impl Host {
    pub(super) async fn pause(
        &self,
        me: &Handle<Msg>,
        state: &mut State,
        reason: String,
        by: String,
        until: Option<Moment>,
    ) -> Result<(), Fault> {
        let now = self.shared.now();
        // One pause after the other is one: what was due in the first stays paused.
        let since = match state.row.pause(now) {
            Some(pause) => pause.since,
            None => Some(now),
        };
        if state.row.paused.as_ref().is_some_and(|pause| pause.is_over(now)) {
            self.end_pause(me, state).await?;
        }
        let payload = json!({
            "strategy": self.id.as_str(), "reason": reason, "by": by, "until": until.map(|at| at.to_string()),
        });
        let mut row = state.row.clone();
        row.paused = Some(Pause { reason, by, since, until });
        let change = Change::new().audit(NewEntry::new(now, &self.space, "strategy.paused", &payload)?);
        self.write_row(state, row, &change).await??;
        self.look_out_for_the_end_of_a_pause(me, state);
        Ok(())
    }

    /// Has the host look again when the pause is over, if it ends by itself.
    pub(super) fn look_out_for_the_end_of_a_pause(&self, me: &Handle<Msg>, state: &mut State) {
        state.pause_timer += 1;
        let Some(until) = state.row.paused.as_ref().and_then(|pause| pause.until) else { return };
        let wait = until.since(self.shared.now()).min(SLEEP_MAX);
        let (me, timer) = (me.clone(), state.pause_timer);
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            drop(me.cast(Msg::PauseOver { timer }));
        });
    }

    /// Ends the pause if it is over.
    pub(super) async fn end_pause(&self, me: &Handle<Msg>, state: &mut State) -> Result<(), Fault> {
        let now = self.shared.now();
        if !state.row.paused.as_ref().is_some_and(|pause| pause.is_over(now)) {
            self.look_out_for_the_end_of_a_pause(me, state);
            return Ok(());
        }
        self.catch_up(me, state).await?;
        let mut row = state.row.clone();
        let until = row.paused.take().and_then(|pause| pause.until);
        let reason = until.map(|until| format!("its pause was until {until}"));
        let payload = json!({ "strategy": self.id.as_str(), "reason": reason, "by": ITSELF });
        let change = Change::new().audit(NewEntry::new(now, &self.space, "strategy.resumed", &payload)?);
        self.alerts.clear(&self.space, format!("stopped/{}", self.id));
        Ok(self.write_row(state, row, &change).await??)
    }

    /// Decides on what is due, while it is known what was due during a pause.
    pub(super) async fn catch_up(&self, me: &Handle<Msg>, state: &mut State) -> Result<(), Fault> {
        let installed = self.installed();
        if !self.shared.settings().scheduling || installed.mistake.is_some() {
            return Ok(());
        }
        loop {
            let now = self.shared.now();
            let Found::Task(order) = order::find(&self.shared, &self.space, &self.id, &installed, now)?
            else {
                return Ok(());
            };
            // Of very many, one look decides on some.
            match self.tick(me, state, *order).await? {
                Some(look) if look <= now => {}
                _ => return Ok(()),
            }
        }
    }
}
