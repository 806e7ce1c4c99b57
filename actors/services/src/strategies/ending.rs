//! How a host's runs end: with what their thread gave, or given up.

use std::collections::BTreeSet;

use mm_core::id::RunId;
use mm_core::ledger::Earning;
use mm_core::opportunity::{Opportunity, Payer, Step};
use mm_core::run::{Outcome, RunRecord, Trigger};
use mm_store::{CommitError, Key, Record};
use mm_supervision::{Fault, Handle};

use super::commit::{self, Ended, NotPrepared, Prepared};
use super::execute::{Panic, RunEnd};
use super::quarantine::Suspect;
use super::state::{Current, Host, State};
use super::{Msg, telling};
use crate::integrity;
use crate::records::{CrashRow, QuarantineRow, StrategyRow};

impl Host {
    pub(super) async fn ended(
        &self,
        me: &Handle<Msg>,
        state: &mut State,
        run: &RunId,
        attempt: u32,
        end: RunEnd,
    ) -> Result<(), Fault> {
        let current = match state.current.take() {
            Some(current) if current.run.id == *run && current.run.attempt == attempt => current,
            other => {
                state.current = other;
                tracing::debug!(%run, "a run that was over for the machine has ended");
                return Ok(());
            }
        };
        current.fence.close();
        let afresh = matches!(end, RunEnd::Diverged(_)).then(|| current.run.trigger.clone());
        let crash = match &end {
            RunEnd::Panicked(panic) => Some(self.run_crash(&current, "panicked", panic)),
            _ => None,
        };
        let suspect = crash.as_ref().and_then(|_| current.hand.suspect());
        let ended = Ended::of(end).crashed(suspect, crash).having_met(current.hand.met()).afresh(afresh);
        self.end(state, current.all(), current.version, current.generation, ended).await?;
        self.retry(me, state).await
    }

    /// Ends a run that has to give its memory back. What it does from here on leads nowhere.
    pub(super) async fn cancelled(
        &self,
        state: &mut State,
        run: &RunId,
        attempt: u32,
        why: String,
    ) -> Result<(), Fault> {
        let current = match state.current.take() {
            Some(current) if current.run.id == *run && current.run.attempt == attempt => current,
            other => {
                state.current = other;
                return Ok(());
            }
        };
        current.fence.close();
        let ended = Ended::without_result(Outcome::Cancelled, format!("it was cancelled: {why}"));
        self.end(state, current.all(), current.version, current.generation, ended).await
    }

    pub(super) async fn overdue(&self, state: &mut State, run: &RunId, attempt: u32) -> Result<(), Fault> {
        let current = match state.current.take() {
            Some(current) if current.run.id == *run && current.run.attempt == attempt => current,
            other => {
                state.current = other;
                return Ok(());
            }
        };
        // Its slot is free whatever becomes of the commit. The thread is counted when the end is on
        // record: one too many ends the process.
        self.pool.let_go(current.ticket);
        current.fence.close();
        let why = "it never yields; its thread was given up and can commit nothing any more".to_owned();
        let crash = self.run_crash(&current, "stuck", &Panic::saying(&why));
        let ended = Ended::without_result(Outcome::Stuck, why).crashed(current.hand.suspect(), Some(crash));
        self.end(state, current.all(), current.version, current.generation, ended).await?;
        self.pool.abandon(current.ticket);
        Ok(())
    }

    /// Ends the run that a host left, which is down and stays so until a person acts.
    pub(super) async fn interrupt(&self) -> Result<(), Fault> {
        let store = &self.shared.store;
        // What does not open is seen to by the host when it starts again.
        let Ok(Some(row)) = integrity::read::<StrategyRow>(store, &self.space, self.id.as_str())? else {
            return Ok(());
        };
        let Some(last) = row.value.last_run.clone() else { return Ok(()) };
        let Ok(Some(run)) = integrity::read::<RunRecord>(store, &self.space, last.as_str())? else {
            return Ok(());
        };
        if run.value.outcome.is_some() {
            return Ok(());
        }
        let mut state = State::of(row.value, Some(row.version));
        let cut_off = self.cut_off(run.value)?;
        let crashed = self.place.crashed_over(&cut_off.id, cut_off.attempt);
        let why = "it was cut off, and the strategy's host is out of use";
        self.end_interrupted(&mut state, cut_off, run.version, why, crashed, None).await
    }

    /// Ends a run that was cut off and is not taken up again; a fresh one stands for it if `afresh` says so.
    pub(super) async fn end_interrupted(
        &self,
        state: &mut State,
        run: RunRecord,
        version: u64,
        why: &str,
        crashed: Option<(Suspect, String)>,
        afresh: Option<Trigger>,
    ) -> Result<(), Fault> {
        let why = match &crashed {
            Some((_, words)) => format!("{why}; its host crashed: {words}"),
            None => why.to_owned(),
        };
        let suspect = crashed.map(|(suspect, _)| suspect);
        let ended = Ended::without_result(Outcome::Interrupted, why).crashed(suspect, None).afresh(afresh);
        // A breaker that is half open has this run as its probe: there is one run at a time.
        let generation = state.row.breaker.generation();
        self.end(state, run, version, generation, ended).await
    }

    /// What is kept of a run that crashed.
    fn run_crash(&self, current: &Current, exit: &str, panic: &Panic) -> CrashRow {
        let (total, records) = current.hand.steps();
        let suspect = current.hand.suspect();
        let fields = suspect.iter().flat_map(|held| {
            let name = (held.input.kind().to_owned(), held.input.name().chars().take(120).collect());
            [name, ("digest".to_owned(), held.digest.to_string())]
        });
        CrashRow {
            actor: format!("{}/{}/run", super::PATH, self.name()),
            incarnation: u64::from(current.run.attempt),
            run: Some(current.run.id.to_string()),
            at: self.shared.now(),
            exit: exit.to_owned(),
            cause: panic.said.clone(),
            location: panic.location.clone(),
            backtrace: panic.backtrace.clone(),
            in_hand: suspect.as_ref().map(|held| held.input.kind().to_owned()),
            fields: fields.collect(),
            messages_total: total,
            records,
            ..CrashRow::default()
        }
    }

    /// Commits the end of a run: everything in one change, or nothing. What cannot be stored fails the
    /// run and not its host, who would take the run up again and die again.
    pub(super) async fn end(
        &self,
        state: &mut State,
        run: RunRecord,
        version: u64,
        generation: u64,
        ended: Ended,
    ) -> Result<(), Fault> {
        let (mut ended, mut version) = (ended, Some(version));
        let (mut tried, mut removed) = (0, BTreeSet::new());
        let written = loop {
            let problem = match commit::end(self, state, run.clone(), version, generation, &ended) {
                Ok(prepared) => match self.try_end(state, &prepared).await? {
                    None => break prepared,
                    Some(problem) => problem,
                },
                Err(NotPrepared::Unstorable(why)) => Problem::Unstorable(why),
                Err(NotPrepared::Damaged(key, what)) => Problem::Damaged(key, Fault::from(what).reason),
                Err(NotPrepared::Broken(fault)) => return Err(fault),
            };
            match problem {
                // The owner decided on one of the opportunities, or told of an earning, meanwhile: merge again.
                Problem::Overtaken => {}
                Problem::Damaged(key, what) if rewritable(&key) && removed.insert(key.clone()) => {
                    let sentence = written_anew(&key, &what, &run);
                    self.discard(&key, &what, &sentence).await?;
                    ended.note(sentence);
                    if key.kind() == RunRecord::KIND.name {
                        version = None;
                    }
                }
                Problem::Unstorable(why) | Problem::Damaged(_, why) if tried < 2 => {
                    // What is kept of a crash may itself be what cannot be stored.
                    ended = match tried {
                        0 => ended.without_what_it_gave(why),
                        _ => ended.bare(why),
                    };
                    tried += 1;
                }
                Problem::Unstorable(why) | Problem::Damaged(_, why) => return Err(Fault::bug(why)),
            }
        };
        // Without one it stays as it is: it is gone since the run began.
        state.retry = written.retry.clone();
        telling::tell(self, &written, &ended);
        if written.run.outcome == Some(Outcome::Succeeded) {
            self.prove();
        }
        state.last = Some(written.run.clone());
        for reply in state.waiting.drain(..) {
            reply.send(Some(written.run.clone()));
        }
        Ok(())
    }

    /// Commits a prepared end; what stood against it that can be helped.
    async fn try_end(&self, state: &mut State, prepared: &Prepared) -> Result<Option<Problem>, Fault> {
        tracing::trace!(point = "host.commit", run = %prepared.run.id, "point");
        match self.write_row(state, prepared.row.clone(), &prepared.change).await? {
            Ok(()) => Ok(None),
            Err(CommitError::Refused { key, .. }) if overtaken(&key) => Ok(Some(Problem::Overtaken)),
            Err(CommitError::Damaged { key }) => {
                let what = format!("row {key} is damaged");
                Ok(Some(Problem::Damaged(key, what)))
            }
            Err(error @ CommitError::TooLarge { .. }) => {
                let why = format!("what it found cannot be stored: {}", Fault::from(error).reason);
                Ok(Some(Problem::Unstorable(why)))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// What is said of a row that the end of a run writes anew.
fn written_anew(key: &Key, why: &str, run: &RunRecord) -> String {
    format!(
        "the {} `{}` did not open ({why}) and is written anew as run {} knows it; what else it said is lost",
        key.kind(),
        key.id(),
        run.id
    )
}

/// What stands against the end of a run and can be helped.
enum Problem {
    /// What it rests on was changed meanwhile.
    Overtaken,
    /// A row does not open.
    Damaged(Key, String),
    /// What the strategy gave cannot be stored.
    Unstorable(String),
}

/// Whether the row is one that an owner's word may change while a run ends.
fn overtaken(key: &Key) -> bool {
    let told = [Opportunity::KIND.name, Step::KIND.name, Earning::KIND.name, Payer::KIND.name];
    told.contains(&key.kind()) || key.kind() == QuarantineRow::KIND.name
}

/// Whether the end of a run holds all that the row should say.
fn rewritable(key: &Key) -> bool {
    [Opportunity::KIND.name, RunRecord::KIND.name, QuarantineRow::KIND.name].contains(&key.kind())
}
