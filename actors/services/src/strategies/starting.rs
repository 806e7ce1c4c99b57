//! How a host's runs begin: by a start, by a tick, or taken up again after they were cut off.
//!
//! A run is on record before it has a thread. What fails here ends the host; the next one finds the
//! run in the store.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use mm_core::error::ErrorClass;
use mm_core::id::{ActionId, RunId, Space};
use mm_core::run::{RunRecord, StepRecord, Trigger};
use mm_core::schedule::Decision;
use mm_core::seams::SplitMix64;
use mm_sdk::About;
use mm_store::{Change, CommitError, Key, NewEntry, Record, Span};
use mm_supervision::{Fault, Handle, Heir, Undelivered};
use serde_json::json;

use super::backend::RunBackend;
use super::execute::{Panic, RunEnd, execute};
use super::hand::Hand;
use super::host::Ready;
use super::pool::{Pool, Ticket, Wanted};
use super::quarantine::{self, Suspect};
use super::state::{Current, Host, State};
use super::{Msg, NotStarted, TickOrder, telling};
use crate::gateway::Fence;
use crate::integrity;
use crate::records::{ChangeRow, QuarantineRow, SettledTelling, Standing};
use crate::shared::CALL_TIMEOUT;

/// Past its deadline a run is cancelled; a thread that is not done so much later never yields.
const STUCK_AFTER: Duration = Duration::from_secs(5);
/// A host whose mailbox is full is told again after so long.
const AGAIN_AFTER: Duration = Duration::from_millis(100);
/// What waits at the gate looks again after so long.
pub(super) const GATE_AGAIN: Duration = Duration::from_secs(10);
/// A run that was cut off so often is not taken up again: it may be what ends the process.
const ATTEMPTS_MAX: u32 = 5;
/// A run that was cut off is not taken up later than this after it began (or than its deadline).
const TAKEN_UP_WITHIN: Duration = Duration::from_secs(2 * 3600);

/// What is on record together with the start of a run.
pub(super) enum Because<'a> {
    /// Nothing.
    Itself,
    /// The ticks that start it.
    Ticks(&'a TickOrder, &'a Decision),
    /// That its strategy was told of a settled action.
    Settled(Box<Told>),
}

/// A settled action that a run is to hear of.
pub(super) struct Told {
    action: ActionId,
    version: u64,
    row: ChangeRow,
}

impl Told {
    /// That `run` hears of it.
    fn by(self, space: &Space, run: &RunId) -> Result<Change, Fault> {
        let Told { action, version, mut row } = self;
        if let Standing::Settled { telling, .. } = &mut row.standing {
            *telling = SettledTelling::Told(run.clone());
        }
        let key = Key::new(space, ChangeRow::KIND, action.as_str())?;
        Ok(Change::new().expect_version(key, version).put(space, action.as_str(), &row)?)
    }
}

/// A run's way back to its host. A run that never got a thread is told of, too: without that its host
/// would wait for it for ever.
struct WayBack {
    me: Handle<Msg>,
    run: RunId,
    attempt: u32,
    told: bool,
}

impl WayBack {
    /// Tells the host, also one whose mailbox is full for now: what a run did must not be lost for that.
    async fn tell(mut self, end: RunEnd, fence: &Fence) {
        self.told = true;
        let mut msg = self.message(end);
        while let Err(Undelivered::Full(back)) = self.me.cast(msg) {
            if fence.is_closed() {
                return;
            }
            msg = back;
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }

    fn message(&self, end: RunEnd) -> Msg {
        Msg::Ended { run: self.run.clone(), attempt: self.attempt, end: Box::new(end) }
    }
}

impl Drop for WayBack {
    fn drop(&mut self) {
        if !self.told {
            let end = if std::thread::panicking() {
                RunEnd::Panicked(Panic::saying("its thread panicked outside its own code"))
            } else {
                let sentence = "the machine had no thread for it".to_owned();
                RunEnd::Failed { class: ErrorClass::Transient, sentence }
            };
            if self.me.cast(self.message(end)).is_err() {
                tracing::debug!("a run had no thread, and its host does not hear it; it is overdue later");
            }
        }
    }
}

/// Has the host look once more, later.
pub(super) fn look_later(me: &Handle<Msg>, wait: Duration) {
    let me = me.clone();
    tokio::spawn(async move {
        tokio::time::sleep(wait).await;
        // A host that is gone looks when it starts again.
        deliver(&me, Msg::Look).await;
    });
}

/// Has a message reach a host that is there, also one whose mailbox is full for now.
pub(super) async fn deliver(me: &Handle<Msg>, mut msg: Msg) {
    while let Err(Undelivered::Full(back)) = me.cast(msg) {
        msg = back;
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

/// Whether a person starts it.
pub(super) fn by_person(trigger: &Trigger) -> bool {
    matches!(trigger, Trigger::Operator | Trigger::Once)
}

/// Looks after a run when it should long be over, and after its thread if its host died meanwhile.
async fn watch(me: Handle<Msg>, run: RunId, attempt: u32, deadline: Duration, pool: Pool, ticket: Ticket) {
    tokio::time::sleep(deadline + STUCK_AFTER).await;
    if pool.abandon_if_let_go(ticket) {
        return abandoned(&run);
    }
    // A host that is gone has other ways to find out.
    deliver(&me, Msg::Overdue { run: run.clone(), attempt }).await;
    // The host counts the thread when the end is on record. One that dies over it does not.
    tokio::time::sleep(CALL_TIMEOUT).await;
    if pool.abandon_if_let_go(ticket) {
        abandoned(&run);
    }
}

fn abandoned(run: &RunId) {
    tracing::error!(%run, "its host is gone and its thread never yields; the thread is given up");
}

/// What the strategy says of itself.
pub(super) fn about(state: &State) -> Result<About, Fault> {
    state.about.clone().ok_or_else(|| Fault::bug("a strategy that does not say what it is was to run"))
}

impl Host {
    /// A new run, on record together with what starts it.
    pub(super) async fn start(
        &self,
        me: &Handle<Msg>,
        state: &mut State,
        trigger: Trigger,
        ready: Ready,
        because: Because<'_>,
    ) -> Result<RunId, Fault> {
        let now = self.shared.now();
        let epoch = self.shared.store.epoch();
        let runs = state.row.runs + 1;
        let run = RunRecord {
            // Rising with epochs and runs, so that ids sort by time.
            id: RunId::new(format!("{:05}-{runs:06}-{}", epoch.0, self.id)),
            space: self.space.clone(),
            strategy: self.id.clone(),
            code_version: about(state)?.code_version,
            epoch,
            attempt: 1,
            trigger,
            started: now,
            seed: self.shared.rng.next_u64(),
            ended: None,
            outcome: None,
            actions: 0,
            found: 0,
            errors: Vec::new(),
            sources: Vec::new(),
            metrics: Vec::new(),
        };
        let mut row = state.row.clone();
        row.runs = runs;
        row.last_run = Some(run.id.clone());
        row.last_started = Some(now);
        row.last_outcome = None;
        let payload =
            json!({ "run": run.id.as_str(), "strategy": self.id.as_str(), "trigger": run.trigger.as_str() });
        let key = Key::new(&self.space, RunRecord::KIND, run.id.as_str())?;
        let mut change = Change::new()
            .expect_absent(key)
            .put(&self.space, run.id.as_str(), &run)?
            .audit(NewEntry::new(now, &self.space, "run.started", &payload)?);
        change = change.and(match because {
            Because::Itself => Change::new(),
            Because::Ticks(order, decision) => self.ticks(&mut row, order, decision, Some(&run.id))?,
            Because::Settled(told) => told.by(&self.space, &run.id)?,
        });
        if state.retry.is_some() {
            change = change.delete(self.retry_key()?);
        }
        self.write_row(state, row, &change).await??;
        state.retry = None;
        tracing::debug!(run = %run.id, "a run begins");
        let id = run.id.clone();
        self.launch(me, state, run, 1, ready)?;
        Ok(id)
    }

    /// Starts the run that hears of a settled action, unless one has.
    pub(super) async fn settled(
        &self,
        me: &Handle<Msg>,
        state: &mut State,
        action: &ActionId,
    ) -> Result<Result<RunId, NotStarted>, Fault> {
        let Some(row) = self.shared.store.get::<ChangeRow>(&self.space, action.as_str())? else {
            return Ok(Err(NotStarted::Unknown(action.to_string())));
        };
        let due = match &row.value.standing {
            Standing::Settled { telling: SettledTelling::Told(run), .. } => return Ok(Ok(run.clone())),
            Standing::Settled { telling: SettledTelling::Due, .. } => row.value.strategy == self.id,
            _ => false,
        };
        if !due {
            return Ok(Err(NotStarted::Unknown(action.to_string())));
        }
        let trigger = Trigger::Settled(row.value.known_as.clone());
        let ready = match self.ready(state, &trigger) {
            Ok(ready) => ready,
            Err(why) => return Ok(Err(why)),
        };
        let told = Told { action: action.clone(), version: row.version, row: row.value };
        Ok(Ok(self.start(me, state, trigger, ready, Because::Settled(Box::new(told))).await?))
    }

    /// Puts a run that is on record onto a thread.
    fn launch(
        &self,
        me: &Handle<Msg>,
        state: &mut State,
        run: RunRecord,
        version: u64,
        ready: Ready,
    ) -> Result<(), Fault> {
        let Ready { generation, pass } = ready;
        let installed = self.installed();
        let about = about(state)?;
        let snapshot = self.snapshot(state)?;
        let (fence, acts) = (Fence::default(), Arc::new(AtomicU32::new(0)));
        let hand = Hand::knowing(quarantine::known(&self.shared.store, &self.space, &self.id)?);
        self.place.hold(&run.id, run.attempt, &hand, &fence);
        let backend = RunBackend {
            shared: self.shared.clone(),
            gateway: self.gateway.clone(),
            run_version: version,
            fence: fence.clone(),
            hand: hand.clone(),
            proposes: about.proposes,
            // Set anew when it has its slot.
            deadline: self.shared.now().plus(about.deadline),
            snapshot,
            random: SplitMix64(run.seed),
            used: Default::default(),
            acts: acts.clone(),
            interrupt: None,
            run: run.clone(),
        };
        let (make, config) = (installed.make, installed.config);
        let (home, mut backend, within) = (tokio::runtime::Handle::current(), backend, about.deadline);
        let way = WayBack { me: me.clone(), run: run.id.clone(), attempt: run.attempt, told: false };
        let (fenced, heir) = (fence.clone(), Heir::here());
        let pool = self.pool.clone();
        let job = move |ticket: Ticket| -> futures_util::future::BoxFuture<'static, ()> {
            // The time of a run begins when it has its slot.
            backend.deadline = backend.shared.now().plus(within);
            let (me, run, attempt) = (way.me.clone(), way.run.clone(), way.attempt);
            home.spawn(watch(me, run, attempt, within, pool, ticket));
            Box::pin(heir.inherit(async move {
                let end = execute(make, config, backend, within).await;
                way.tell(end, &fenced).await;
            }))
        };
        let (me, of, attempt) = (me.clone(), run.id.clone(), run.attempt);
        let cancel = move |why: &str| {
            // A host that is gone has taken its run along.
            let msg = Msg::Cancel { run: of.clone(), attempt, why: why.to_owned() };
            if let Err(Undelivered::Full(msg)) = me.cast(msg) {
                let me = me.clone();
                tokio::spawn(async move { deliver(&me, msg).await });
            }
        };
        let (owner, priority) = (self.id.clone(), installed.priority);
        let wanted = Wanted { owner, priority, cancel: Box::new(cancel), job: Box::new(job) };
        let ticket = self.pool.run(pass, wanted);
        state.current =
            Some(Current { run, version, generation, acts, fence, hand, ticket, pool: self.pool.clone() });
        Ok(())
    }

    /// The newest snapshot that opens. The next one comes after all there are, whatever the row says.
    fn snapshot(&self, state: &mut State) -> Result<Option<Vec<u8>>, Fault> {
        let loaded = self.shared.store.load_snapshot(&self.space, self.id.as_str())?;
        if loaded.lost.is_empty() {
            self.alerts.clear(&self.space, format!("snapshot/{}", self.id));
        }
        for lost in &loaded.lost {
            let sentence =
                format!("a snapshot of `{}` did not open, the one before it is used: {lost}", self.id);
            self.alerts.raise(&self.space, format!("snapshot/{}", self.id), sentence);
        }
        let newest = loaded.next_generation.saturating_sub(1);
        state.row.snapshot_generation = state.row.snapshot_generation.max(newest);
        Ok(loaded.snapshot.map(|snapshot| snapshot.value.1))
    }

    /// A run that was cut off is taken up again, or ended if it cannot be. `by`: what starts it now, if that
    /// is not what started it first.
    pub(super) async fn take_up(
        &self,
        me: &Handle<Msg>,
        state: &mut State,
        by: Option<&Trigger>,
    ) -> Result<(), Fault> {
        // What was begun in this life was not cut off.
        if state.current.is_some() {
            return Ok(());
        }
        state.parked = None;
        let Some(last) = state.row.last_run.clone() else { return Ok(()) };
        let row = match integrity::read::<RunRecord>(&self.shared.store, &self.space, last.as_str())? {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(()),
            Err(why) => {
                let sentence = format!(
                    "run {last} of `{}` does not open ({why}): whether it ended is not known, and it is not taken \
                     up; restore a backup if it matters",
                    self.id
                );
                self.alerts.raise(&self.space, format!("integrity/run/{last}"), sentence);
                return Ok(());
            }
        };
        if row.value.outcome.is_some() {
            state.last = Some(row.value);
            return Ok(());
        }
        // One that is put aside may not even bear being asked.
        let about = state.about.as_ref().filter(|_| state.put_aside.is_none());
        let same_code = about.is_none_or(|about| row.value.code_version == about.code_version);
        let deadline = about.map_or(TAKEN_UP_WITHIN, |about| about.deadline);
        // Taken up long after, it would take what it reads now for what was so when it began.
        let late = self.shared.now().since(row.value.started) > deadline.max(TAKEN_UP_WITHIN);
        let mut afresh = !same_code;
        let why = if !same_code {
            Some("it was cut off, and the strategy's code is another now")
        } else if row.value.attempt >= ATTEMPTS_MAX {
            Some("it was cut off too often")
        } else if late {
            afresh = true;
            Some("it was cut off, and that was too long ago")
        } else if !self.enabled(state) || state.put_aside.is_some() || state.isolated() {
            Some("it was cut off, and the strategy does not run now")
        } else {
            None
        };
        let trigger = by.unwrap_or(&row.value.trigger);
        // A person's word that came before the pause does not outweigh it.
        let now_by_person = by.is_some_and(by_person);
        if let Some(pause) = self.paused(state).filter(|_| why.is_none() && !now_by_person) {
            let held = format!("it is paused {}", pause.told());
            self.park(me, state, last, held);
            return Ok(());
        }
        let pass = match why {
            Some(why) => Err(why),
            None => match self.gate.pass(self.own_hold(state, trigger)) {
                Ok(pass) => Ok(pass),
                Err(held) => {
                    self.park(me, state, last, held);
                    return Ok(());
                }
            },
        };
        let cut_off = self.cut_off(row.value)?;
        let crashed = self.place.crashed_over(&cut_off.id, cut_off.attempt);
        let pass = match pass {
            Ok(pass) => pass,
            Err(why) => {
                let afresh = afresh.then(|| cut_off.trigger.clone());
                self.end_interrupted(state, cut_off, row.version, why, crashed, afresh).await?;
                return self.retry(me, state).await;
            }
        };
        let run = RunRecord { epoch: self.shared.store.epoch(), attempt: cut_off.attempt + 1, ..cut_off };
        self.resume(&run, row.version, crashed).await?;
        tracing::info!(run = %run.id, attempt = run.attempt, "a run that was cut off is taken up again");
        let generation = state.row.breaker.generation();
        self.launch(me, state, run, row.version + 1, Ready { generation, pass })
    }

    /// The run waits at the gate, where it stays on record as one that was cut off.
    fn park(&self, me: &Handle<Msg>, state: &mut State, run: RunId, held: String) {
        tracing::info!(%run, held, "a run that was cut off waits to be taken up again");
        state.parked = Some((run, held));
        look_later(me, GATE_AGAIN);
    }

    /// Looks whether what waits may go on.
    pub(super) async fn look(&self, me: &Handle<Msg>, state: &mut State) -> Result<(), Fault> {
        if state.parked.is_some() && state.current.is_none() {
            self.take_up(me, state, None).await?;
        }
        self.retry(me, state).await
    }

    /// A new run by somebody's word. One that was cut off and is held for the schedule alone goes on for a
    /// person, and is the answer.
    pub(super) async fn start_by_word(
        &self,
        me: &Handle<Msg>,
        state: &mut State,
        trigger: Trigger,
    ) -> Result<Result<RunId, NotStarted>, Fault> {
        let free = self.gate.holds().is_none() && self.own_hold(state, &trigger).is_none();
        if by_person(&trigger) && free && state.parked.is_some() && state.current.is_none() {
            self.take_up(me, state, Some(&trigger)).await?;
            if let Some(current) = &state.current {
                return Ok(Ok(current.run.id.clone()));
            }
        }
        match self.ready(state, &trigger) {
            Ok(ready) => Ok(Ok(self.start(me, state, trigger, ready, Because::Itself).await?)),
            Err(why) => Ok(Err(why)),
        }
    }

    /// The record of a run that was cut off: what it did before is known by its journal alone.
    pub(super) fn cut_off(&self, run: RunRecord) -> Result<RunRecord, Fault> {
        let its_own = format!("{}/", run.id);
        let steps = self.shared.store.scan::<StepRecord>(&self.space, Span::prefix(&its_own), usize::MAX)?;
        // What it was told of decisions is no act.
        let told = StepRecord::row_id(&run.id, super::decisions::STEP);
        let acts = steps.rows.iter().filter(|(id, _)| *id != told).count();
        let actions = u32::try_from(acts).unwrap_or(u32::MAX);
        Ok(RunRecord { actions, ..run })
    }

    /// Puts on record that a run is taken up again, and what its host crashed over, if it did.
    async fn resume(
        &self,
        run: &RunRecord,
        version: u64,
        crashed: Option<(Suspect, String)>,
    ) -> Result<(), Fault> {
        let (space, store, now) = (&self.space, &self.shared.store, self.shared.now());
        let payload = json!({ "run": run.id.as_str(), "attempt": run.attempt });
        loop {
            let mut change = Change::new()
                .expect_version(Key::new(space, RunRecord::KIND, run.id.as_str())?, version)
                .put(space, run.id.as_str(), run)?
                .audit(NewEntry::new(now, space, "run.resumed", &payload)?);
            let mut set_aside = None;
            if let Some((suspect, words)) = &crashed {
                let (strategy, attempt) = (&self.id, run.attempt - 1);
                let crash = quarantine::Crash { strategy, suspect, run: &run.id, attempt, words, now };
                let laid = quarantine::lay(store, space, &crash)?;
                (change, set_aside) = (change.and(laid.change), laid.set_aside);
            }
            match store.commit(change).await {
                Err(CommitError::Refused { key, .. }) if key.kind() == QuarantineRow::KIND.name => {}
                Err(error) => return Err(error.into()),
                Ok(_) => {
                    telling::quarantined(self, set_aside.as_ref());
                    return Ok(());
                }
            }
        }
    }
}
