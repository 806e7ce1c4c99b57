//! Rows that do not open: a strategy that has some is put aside alone, until its owner's `resume` makes
//! them anew from what is left; a single row whose content is known is written anew at once.
//!
//! Whatever is removed is on the audit chain, and the owner is told.

use mm_core::moment::Moment;
use mm_core::run::RunRecord;
use mm_sdk::About;
use mm_store::{Change, Key, NewEntry, Span};
use mm_supervision::panics::caught;
use mm_supervision::{Fault, Handle};
use serde_json::json;

use super::Msg;
use super::state::{Host, State};
use crate::integrity::{self, Finding};
use crate::records::{ScheduleRow, StrategyRow, TaskRow, TickRow};
use crate::shared::Installed;

/// What a strategy that never answers is put aside with.
const MUTE: &str = "it does not answer whether it takes its configuration; its thread is given up";

/// What a strategy says of itself, and why it does not take its configuration. That is the strategy's own
/// code: one that panics over it would take the host's start, and with it the kernel's, along.
fn asked(installed: &Installed) -> (Option<About>, Option<String>) {
    let asked = caught(|| {
        let mut strategy = (installed.make)();
        (Some(strategy.about()), strategy.initialise(&installed.config).err())
    });
    asked.unwrap_or_else(|panic| (None, Some(format!("it panicked over its configuration: {}", panic.text))))
}

impl Host {
    /// What does not open of this strategy's rows, told to the owner.
    pub(super) fn damage(&self) -> Result<Option<Finding>, Fault> {
        let found = integrity::check(&self.shared.store, std::slice::from_ref(&self.id))?;
        let mut stops = found.into_iter().filter(|finding| finding.stops);
        let first = stops.next();
        for finding in first.iter().cloned().chain(stops) {
            self.alerts.raise(&finding.space, finding.about, finding.sentence);
        }
        Ok(first)
    }

    /// Asks the strategy what it is and whether it takes its configuration, and whether it is put aside:
    /// for its rows, or its configuration. Told to the owner.
    pub(super) async fn ask(&self, state: &mut State, damage: Option<Finding>) {
        let installed = self.installed();
        let damage = damage.map(|finding| finding.sentence).or_else(|| installed.mistake.clone());
        let (about, refused) = self.answered(&installed).await;
        let why = damage.or_else(|| {
            let why = refused?;
            let place = installed.place.map(|place| format!(" (its settings stand at {place})"));
            Some(format!("{why}{}", place.unwrap_or_default()))
        });
        let told = format!("put-aside/{}", self.id);
        match &why {
            Some(why) => {
                let sentence = format!("strategy `{}` is put aside: {why}", self.id);
                self.alerts.raise(&self.space, told, sentence);
            }
            None => self.alerts.clear(&self.space, told),
        }
        // What it said once is still so.
        state.about = about.or(state.about.take());
        state.put_aside = why;
    }

    /// Its answer, asked on a thread of its own. A configuration that it did not answer over is not asked
    /// about again in this life of the process: each time costs a thread.
    async fn answered(&self, installed: &Installed) -> (Option<About>, Option<String>) {
        if self.place.is_mute_over(&installed.config) {
            return (None, Some(MUTE.to_owned()));
        }
        let own = installed.clone();
        if let Some(answer) = self.pool.ask(move || asked(&own)).await {
            return answer;
        }
        self.place.mute_over(&installed.config);
        (None, Some(MUTE.to_owned()))
    }

    /// Removes a row that does not open and is written anew, and tells the owner.
    pub(super) async fn discard(&self, key: &Key, why: &str, sentence: &str) -> Result<(), Fault> {
        let about = format!("integrity/{}/{}", key.kind(), key.id());
        self.alerts.raise(&self.space, about, sentence);
        let payload = json!({ "kind": key.kind(), "id": key.id(), "why": why });
        let entry = NewEntry::new(self.shared.now(), &self.space, "row.discarded", &payload)?;
        self.shared.store.commit(Change::new().delete(key.clone()).audit(entry)).await?;
        Ok(())
    }

    /// Makes the rows that do not open anew, by the owner's word, and lets the strategy go on.
    pub(super) async fn mend(&self, me: &Handle<Msg>, state: &mut State) -> Result<(), Fault> {
        let (store, space, id) = (&self.shared.store, &self.space, self.id.as_str());
        let own = integrity::read::<StrategyRow>(store, space, id)?.err();
        let schedule = integrity::read::<ScheduleRow>(store, space, id)?.err();
        let task = integrity::read::<TaskRow>(store, space, id)?.err();
        let ticks = store.scan::<TickRow>(space, Span::prefix(&format!("{id}/")), usize::MAX)?;
        let mut row = match own {
            Some(_) => self.rebuilt()?,
            None => state.row.clone(),
        };
        row.ticks = row.ticks_pruned + ticks.rows.len() as u64;
        let mut change = Change::new();
        let mut about = Vec::new();
        if own.is_some() {
            about.push(format!("strategy/{id}"));
            change = change.delete(Key::of::<StrategyRow>(space, id)?);
        }
        if schedule.is_some() {
            about.push(format!("schedule/{id}"));
            let newest = ticks.rows.last().map(|(_, row)| row.value.due);
            change = match newest.map(|newest| self.schedule_since(newest)).transpose()?.flatten() {
                Some(row) => change.put(space, id, &row)?,
                None => change.delete(Key::of::<ScheduleRow>(space, id)?),
            };
        }
        if task.is_some() {
            about.push(format!("task/{id}"));
            change = change.delete(Key::of::<TaskRow>(space, id)?);
        }
        for tick in &ticks.damaged {
            about.push(format!("tick/{}", tick.id));
            change = change.delete(Key::of::<TickRow>(space, &tick.id)?);
        }
        let payload = json!({ "strategy": id, "rows": about, "by": "owner" });
        let entry = NewEntry::new(self.shared.now(), space, "strategy.mended", &payload)?;
        store.commit(change.audit(entry)).await?;
        if own.is_some() {
            state.version = None;
        }
        self.write_row(state, row, &Change::new()).await??;
        for what in ["strategy", "schedule", "task", "ticks"] {
            self.alerts.clear(space, format!("integrity/{what}/{id}"));
        }
        state.damaged = false;
        self.ask(state, None).await;
        self.recall(me, state).await?;
        self.take_up(me, state, None).await
    }

    /// The row of its schedule as the newest tick on record tells it, so that what was due since has its rows too.
    /// `None` of a task that is cancelled.
    fn schedule_since(&self, newest: Moment) -> Result<Option<ScheduleRow>, Fault> {
        let installed = self.installed();
        let set = integrity::read::<TaskRow>(&self.shared.store, &self.space, self.id.as_str())?;
        let (task, text) = match set.ok().flatten().map(|row| row.value.task) {
            Some(None) => return Ok(None),
            Some(Some(task)) => (task.clone(), task.schedule.expression().to_owned()),
            None => (installed.task, installed.schedule_text),
        };
        let (clock, next) = (task.schedule.clock(), task.schedule.next_after(newest));
        Ok(Some(ScheduleRow { text, clock, next, last: Some(newest), owed: None }))
    }

    /// The strategy's row as its runs tell it. The owner's words on it are gone with the old one.
    fn rebuilt(&self) -> Result<StrategyRow, Fault> {
        let mut row = StrategyRow::default();
        for run in self.shared.store.scan::<RunRecord>(&self.space, Span::all(), usize::MAX)?.into_values() {
            if run.strategy != self.id {
                continue;
            }
            // The number in its id: no new run may get it again.
            let number = run.id.as_str().split('-').nth(1).and_then(|number| number.parse().ok());
            row.runs = (row.runs + 1).max(number.unwrap_or(0));
            row.ended += u64::from(run.outcome.is_some());
            row.succeeded += u64::from(run.outcome == Some(mm_core::run::Outcome::Succeeded));
            row.actions += u64::from(run.actions);
            row.last_run = Some(run.id);
            row.last_started = Some(run.started);
            row.last_outcome = run.outcome;
            row.errors = run.errors;
            row.metrics = run.metrics;
        }
        Ok(row)
    }
}
