//! Pauses, and how they end by themselves.
//!
//! A pause and its end are on record. The host sleeps until then; one that starts after it ends the pause
//! at once. A clock that is not trusted ends none: until it is, nothing is decided of what is due. What was due
//! in a pause is decided before the record of it is gone.

use std::time::Duration;

use mm_core::moment::Moment;
use mm_store::{Change, NewEntry};
use mm_supervision::{Fault, Handle};
use serde_json::json;

use super::Msg;
use super::order::{self, Found};
use super::starting::deliver;
use super::state::{Host, State};
use crate::records::{ITSELF, Pause};

/// No sleep is longer, so that a suspended machine or a stepped clock is noticed.
const SLEEP_MAX: Duration = Duration::from_secs(300);
/// While it is not known whether a pause is over, one looks again after so long.
pub(super) const DOUBT_AGAIN: Duration = Duration::from_secs(10);

impl Host {
    /// The pause that holds. It is over when the wall clock shows its end and is trusted, or when so much time
    /// has passed since it was said in this life.
    pub(super) fn paused<'a>(&self, state: &'a State) -> Option<&'a Pause> {
        let (wall, boot) = (self.shared.now(), self.shared.clock.boot());
        // A millisecond more: the wall clock counts whole ones.
        let ago = |since| boot.saturating_sub(since) + Duration::from_millis(1);
        let passed = state.pause_said.map(|(at, since)| at.plus(ago(since)));
        let over = |pause: &Pause| {
            pause.is_over(wall)
                && (passed.is_some_and(|at| pause.is_over(at)) || self.shared.trust.wall().is_some())
        };
        state.row.paused.as_ref().filter(|pause| !over(pause))
    }

    /// Whether its pause is over by a clock that is not trusted.
    pub(super) fn may_be_over(&self, state: &State) -> bool {
        self.paused(state).is_some_and(|pause| pause.is_over(self.shared.now()))
    }

    pub(super) async fn pause(
        &self,
        me: &Handle<Msg>,
        state: &mut State,
        reason: String,
        by: String,
        until: Option<Moment>,
    ) -> Result<(), Fault> {
        let (now, boot) = (self.shared.now(), self.shared.clock.boot());
        // One pause after the other is one: what was due in the first stays paused.
        let since = match self.paused(state) {
            Some(pause) => pause.since,
            None => Some(now),
        };
        if state.row.paused.is_some() && self.paused(state).is_none() {
            self.end_pause(me, state).await?;
        }
        let payload = json!({
            "strategy": self.id.as_str(), "reason": reason, "by": by, "until": until.map(|at| at.to_string()),
        });
        let mut row = state.row.clone();
        row.paused = Some(Pause { reason, by, since, until });
        let change = Change::new().audit(NewEntry::new(now, &self.space, "strategy.paused", &payload)?);
        self.write_row(state, row, &change).await??;
        state.pause_said = Some((now, boot));
        self.look_out_for_the_end_of_a_pause(me, state);
        Ok(())
    }

    /// Has the host look again when the pause is over, if it ends by itself.
    pub(super) fn look_out_for_the_end_of_a_pause(&self, me: &Handle<Msg>, state: &mut State) {
        state.pause_timer += 1;
        let Some(until) = state.row.paused.as_ref().and_then(|pause| pause.until) else { return };
        let left = until.since(self.shared.now());
        let wait = if left.is_zero() { DOUBT_AGAIN } else { left.min(SLEEP_MAX) };
        let (me, timer) = (me.clone(), state.pause_timer);
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            deliver(&me, Msg::PauseOver { timer }).await;
        });
    }

    /// Ends the pause if it is over and what was due in it can be decided.
    pub(super) async fn end_pause(&self, me: &Handle<Msg>, state: &mut State) -> Result<(), Fault> {
        let now = self.shared.now();
        if self.paused(state).is_some() || !self.decides() {
            self.look_out_for_the_end_of_a_pause(me, state);
            return Ok(());
        }
        if state.row.paused.is_none() {
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

    /// Whether ticks are decided now: not in a life without a schedule, nor while the section is wrong.
    fn decides(&self) -> bool {
        self.shared.settings().scheduling && self.installed().mistake.is_none()
    }

    /// Decides on what is due, while it is known what was due during a pause.
    pub(super) async fn catch_up(&self, me: &Handle<Msg>, state: &mut State) -> Result<(), Fault> {
        if !self.decides() {
            return Ok(());
        }
        let installed = self.installed();
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
