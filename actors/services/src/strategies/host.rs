//! The host of one strategy: an actor round the life of its runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mm_core::breaker::Admit;
use mm_core::error::ErrorClass;
use mm_core::id::{RunId, Space, StrategyId};
use mm_core::opportunity::Opportunity;
use mm_core::run::{Outcome, RunRecord, StepRecord, Trigger};
use mm_core::seams::SplitMix64;
use mm_store::{Change, CommitError, Key, NewEntry, Record, Span};
use mm_supervision::{Component, Fault, Handle, Reply, SupervisorHandle};
use serde_json::json;

use super::backend::{Fence, RunBackend};
use super::commit::{self, Ended, NotPrepared};
use super::execute::{RunEnd, execute};
use super::pool::{Pool, Ticket};
use super::{Msg, NotStarted, Standing, TickOrder, Word, breaker_policy};
use crate::alerts::Alerts;
use crate::gateway::Gateway;
use crate::records::{ScheduleRow, StrategyRow, TickRow};
use crate::shared::{Installed, Shared};

/// Past its deadline a run is cancelled; a thread that is not done so much later never yields.
const STUCK_AFTER: Duration = Duration::from_secs(5);
/// A run that was cut off so often is not taken up again: it may be what ends the process.
const ATTEMPTS_MAX: u32 = 5;

/// One strategy's host.
#[derive(Clone)]
pub struct Host {
    pub(super) space: Space,
    pub(super) id: StrategyId,
    pub(super) installed: Installed,
    pub(super) shared: Shared,
    pub(super) gateway: Gateway,
    pub(super) alerts: Alerts,
    pub(super) pool: Pool,
    pub(super) above: SupervisorHandle,
}

/// What a host knows.
pub struct State {
    pub(super) row: StrategyRow,
    pub(super) version: Option<u64>,
    pub(super) put_aside: Option<String>,
    current: Option<Current>,
    waiting: Vec<Reply<Option<RunRecord>>>,
    started_here: u64,
    last: Option<RunRecord>,
}

/// The run of the moment.
pub(super) struct Current {
    pub(super) run: RunRecord,
    pub(super) version: u64,
    pub(super) generation: u64,
    pub(super) acts: Arc<AtomicU32>,
    fence: Fence,
    ticket: Ticket,
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
    fn tell(mut self, end: RunEnd) {
        self.told = true;
        self.send(end);
    }

    fn send(&self, end: RunEnd) {
        let msg = Msg::Ended { run: self.run.clone(), attempt: self.attempt, end: Box::new(end) };
        if self.me.cast(msg).is_err() {
            tracing::debug!("a run ended after its host; it will be taken up again");
        }
    }
}

impl Drop for WayBack {
    fn drop(&mut self) {
        if !self.told {
            let sentence = "the machine had no thread for it".to_owned();
            self.send(RunEnd::Failed { class: ErrorClass::Transient, sentence });
        }
    }
}

/// Looks after a run when it should long be over.
async fn watch(me: Handle<Msg>, run: RunId, attempt: u32, deadline: Duration) {
    tokio::time::sleep(deadline + STUCK_AFTER).await;
    // A host that is gone or full has other ways to find out.
    drop(me.cast(Msg::Overdue { run, attempt }));
}

impl Current {
    /// The run's record with all that it did.
    fn all(&self) -> RunRecord {
        let here = self.acts.load(Ordering::Relaxed);
        RunRecord { actions: self.run.actions.saturating_add(here), ..self.run.clone() }
    }
}

impl Component for Host {
    type Msg = Msg;
    type State = State;

    async fn init(&self, me: Handle<Msg>) -> Result<State, Fault> {
        let found = self.shared.store.get::<StrategyRow>(&self.space, self.id.as_str())?;
        let (row, version) = match found {
            Some(row) => (row.value, Some(row.version)),
            None => (StrategyRow::default(), None),
        };
        let mut strategy = (self.installed.make)();
        let put_aside = strategy.initialise(&self.installed.config).err();
        let about = format!("put-aside/{}", self.id);
        match &put_aside {
            Some(why) => {
                self.alerts.raise(&self.space, about, format!("strategy `{}` is put aside: {why}", self.id))
            }
            None => self.alerts.clear(&self.space, about),
        }
        let mut state = State {
            row,
            version,
            put_aside,
            current: None,
            waiting: Vec::new(),
            started_here: 0,
            last: None,
        };
        self.take_up(&me, &mut state).await?;
        Ok(state)
    }

    async fn handle(&self, me: &Handle<Msg>, msg: Msg, state: &mut State) -> Result<(), Fault> {
        match msg {
            Msg::Start { trigger, reply } => {
                let answer = match self.ready(state, &trigger) {
                    Ok(generation) => Ok(self.start(me, state, trigger, generation, None).await?),
                    Err(why) => Err(why),
                };
                reply.send(answer);
            }
            Msg::Tick { order, reply } => {
                self.tick(me, state, *order).await?;
                reply.send(());
            }
            Msg::Ended { run, attempt, end } => self.ended(me, state, &run, attempt, *end).await?,
            Msg::Overdue { run, attempt } => self.overdue(state, &run, attempt).await?,
            Msg::Idle { reply } => match &state.current {
                Some(_) => state.waiting.push(reply),
                None => drop(reply.send(state.last.clone())),
            },
            Msg::Say { word, reply } => {
                self.say(state, word).await?;
                reply.send(());
            }
            Msg::Standing { reply } => {
                reply.send(self.standing(state));
            }
        }
        Ok(())
    }

    async fn stop(&self, state: State) {
        // The run stays open in the store and is taken up at the next start.
        if let Some(current) = state.current {
            current.fence.close();
        }
    }
}

impl Host {
    /// Its name below its supervisor.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.space, self.id)
    }

    /// A run that ended well is proven work: the host's restart budget is whole again. Its supervisor
    /// may be busy with this very host, so nobody waits for the answer.
    fn prove(&self) {
        let (above, name) = (self.above.clone(), self.name());
        tokio::spawn(async move {
            if let Err(error) = above.proved(&name).await {
                tracing::debug!(%error, name, "a restart budget was not given back");
            }
        });
    }

    fn enabled(&self, state: &State) -> bool {
        state.row.enabled.unwrap_or(self.installed.enabled)
    }

    /// Whether a run may start, and under which generation of the breaker.
    fn ready(&self, state: &mut State, trigger: &Trigger) -> Result<u64, NotStarted> {
        if let Some(current) = &state.current {
            return Err(NotStarted::Busy(current.run.id.clone()));
        }
        if let Some(why) = &state.put_aside {
            return Err(NotStarted::PutAside(why.clone()));
        }
        let by_person = matches!(trigger, Trigger::Operator | Trigger::Once);
        if !self.enabled(state) {
            return Err(NotStarted::Disabled);
        }
        if let Some(reason) = state.row.paused.as_ref().filter(|_| !by_person) {
            return Err(NotStarted::Paused(reason.clone()));
        }
        match state.row.breaker.admit(&breaker_policy(), self.shared.now()) {
            Admit::Yes { generation } | Admit::Probe { generation, .. } => Ok(generation),
            Admit::No { why, .. } => Err(NotStarted::Tripped(why)),
        }
    }

    /// A new run, on record together with the ticks that start it.
    async fn start(
        &self,
        me: &Handle<Msg>,
        state: &mut State,
        trigger: Trigger,
        generation: u64,
        order: Option<&TickOrder>,
    ) -> Result<RunId, Fault> {
        let now = self.shared.now();
        let epoch = self.shared.store.epoch();
        state.started_here += 1;
        let runs = state.row.runs + 1;
        let run = RunRecord {
            // Rising with epochs and runs, so that ids sort by time.
            id: RunId::new(format!("{:05}-{runs:06}-{}", epoch.0, self.id)),
            space: self.space.clone(),
            strategy: self.id.clone(),
            code_version: (self.installed.make)().about().code_version,
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
        if let Some(order) = order {
            change = change.and(commit::ticks(self, &mut row, order, Some(&run.id), None)?);
        }
        self.write_row(state, row, change).await??;
        tracing::debug!(run = %run.id, "a run begins");
        let id = run.id.clone();
        self.launch(me, state, run, 1, generation)?;
        Ok(id)
    }

    /// Writes the strategy's row together with `change`.
    async fn write_row(
        &self,
        state: &mut State,
        row: StrategyRow,
        change: Change,
    ) -> Result<Result<(), CommitError>, Fault> {
        let key = Key::new(&self.space, StrategyRow::KIND, self.id.as_str())?;
        let change = match state.version {
            Some(version) => change.expect_version(key, version),
            None => change.expect_absent(key),
        };
        let committed = self.shared.store.commit(change.put(&self.space, self.id.as_str(), &row)?).await;
        Ok(committed.map(|_| {
            state.row = row;
            state.version = Some(state.version.unwrap_or(0) + 1);
        }))
    }

    /// Puts a run that is on record onto a thread.
    fn launch(
        &self,
        me: &Handle<Msg>,
        state: &mut State,
        run: RunRecord,
        version: u64,
        generation: u64,
    ) -> Result<(), Fault> {
        let about = (self.installed.make)().about();
        let snapshot = self.snapshot(state)?;
        let (fence, acts) = (Fence::default(), Arc::new(AtomicU32::new(0)));
        let backend = RunBackend {
            shared: self.shared.clone(),
            gateway: self.gateway.clone(),
            run_version: version,
            fence: fence.clone(),
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
        let (make, config) = (self.installed.make.clone(), self.installed.config.clone());
        let (home, mut backend, within) = (tokio::runtime::Handle::current(), backend, about.deadline);
        let way = WayBack { me: me.clone(), run: run.id.clone(), attempt: run.attempt, told: false };
        let job = move || -> futures_util::future::BoxFuture<'static, ()> {
            // The time of a run begins when it has its slot.
            backend.deadline = backend.shared.now().plus(within);
            home.spawn(watch(way.me.clone(), way.run.clone(), way.attempt, within));
            Box::pin(async move {
                let end = execute(make, config, backend, within).await;
                way.tell(end);
            })
        };
        let ticket = self.pool.run(self.installed.priority, Box::new(job));
        state.current = Some(Current { run, version, generation, acts, fence, ticket });
        Ok(())
    }

    /// The newest snapshot that opens. The next one comes after all there are, whatever the row says.
    fn snapshot(&self, state: &mut State) -> Result<Option<Vec<u8>>, Fault> {
        let loaded = self.shared.store.load_snapshot(&self.space, self.id.as_str())?;
        for lost in &loaded.lost {
            let sentence =
                format!("a snapshot of `{}` did not open, the one before it is used: {lost}", self.id);
            self.alerts.raise(&self.space, format!("snapshot/{}", self.id), sentence);
        }
        let newest = loaded.next_generation.saturating_sub(1);
        state.row.snapshot_generation = state.row.snapshot_generation.max(newest);
        Ok(loaded.snapshot.map(|snapshot| snapshot.value.1))
    }

    /// At start: a run that was cut off is taken up again, or ended if it cannot be.
    async fn take_up(&self, me: &Handle<Msg>, state: &mut State) -> Result<(), Fault> {
        let Some(last) = state.row.last_run.clone() else { return Ok(()) };
        let Some(row) = self.shared.store.get::<RunRecord>(&self.space, last.as_str())? else {
            return Ok(());
        };
        if row.value.outcome.is_some() {
            state.last = Some(row.value);
            return Ok(());
        }
        let same_code = row.value.code_version == (self.installed.make)().about().code_version;
        let why = if !same_code {
            Some("it was cut off, and the strategy's code is another now")
        } else if row.value.attempt >= ATTEMPTS_MAX {
            Some("it was cut off too often")
        } else if !self.enabled(state) || state.put_aside.is_some() {
            Some("it was cut off, and the strategy does not run now")
        } else {
            None
        };
        // What it did before it was cut off is known by its journal alone.
        let its_own = format!("{}/", row.value.id);
        let steps = self.shared.store.scan::<StepRecord>(&self.space, Span::prefix(&its_own), usize::MAX)?;
        let actions = u32::try_from(steps.rows.len()).unwrap_or(u32::MAX);
        let cut_off = RunRecord { actions, ..row.value };
        if let Some(why) = why {
            let trigger = cut_off.trigger.clone();
            let ended = Ended::without_result(Outcome::Interrupted, why.to_owned());
            self.end(state, cut_off, row.version, 0, ended).await?;
            if !same_code && let Ok(generation) = self.ready(state, &trigger) {
                self.start(me, state, trigger, generation, None).await?;
            }
            return Ok(());
        }
        let run = RunRecord { epoch: self.shared.store.epoch(), attempt: cut_off.attempt + 1, ..cut_off };
        let payload = json!({ "run": run.id.as_str(), "attempt": run.attempt });
        let change = Change::new()
            .expect_version(Key::new(&self.space, RunRecord::KIND, run.id.as_str())?, row.version)
            .put(&self.space, run.id.as_str(), &run)?
            .audit(NewEntry::new(self.shared.now(), &self.space, "run.resumed", &payload)?);
        self.shared.store.commit(change).await?;
        tracing::info!(run = %run.id, attempt = run.attempt, "a run that was cut off is taken up again");
        let generation = state.row.breaker.generation();
        self.launch(me, state, run, row.version + 1, generation)
    }

    /// Without the ticks that have their rows: a clock that went back makes them due once more.
    fn not_on_record(&self, mut order: TickOrder) -> Result<TickOrder, Fault> {
        let mut new = Vec::new();
        for tick in order.ticks {
            let row = TickRow::row_id(self.id.as_str(), tick.at);
            if self.shared.store.version(&Key::new(&self.space, TickRow::KIND, &row)?)?.is_none() {
                new.push(tick);
            }
        }
        order.ticks = new;
        Ok(order)
    }

    async fn tick(&self, me: &Handle<Msg>, state: &mut State, order: TickOrder) -> Result<(), Fault> {
        let schedule = Key::new(&self.space, ScheduleRow::KIND, self.id.as_str())?;
        if self.shared.store.version(&schedule)? != order.schedule_version {
            // It was put together before another was written down; the scheduler looks again.
            return Ok(());
        }
        let order = self.not_on_record(order)?;
        let wants = order.ticks.iter().rev().find(|tick| tick.run).map(|tick| tick.at);
        let why = match wants {
            None => "it was missed, and missed ticks are skipped".to_owned(),
            Some(at) => match self.ready(state, &Trigger::Tick(at)) {
                Ok(generation) => {
                    self.start(me, state, Trigger::Tick(at), generation, Some(&order)).await?;
                    return Ok(());
                }
                Err(why) => why.to_string(),
            },
        };
        let mut row = state.row.clone();
        let change = commit::ticks(self, &mut row, &order, None, Some(&why))?;
        Ok(self.write_row(state, row, change).await??)
    }

    async fn ended(
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
        let diverged = matches!(end, RunEnd::Diverged(_));
        let trigger = current.run.trigger.clone();
        let run = current.all();
        self.end(state, run, current.version, current.generation, Ended::of(end)).await?;
        if diverged && let Ok(generation) = self.ready(state, &trigger) {
            self.start(me, state, trigger, generation, None).await?;
        }
        Ok(())
    }

    async fn overdue(&self, state: &mut State, run: &RunId, attempt: u32) -> Result<(), Fault> {
        let current = match state.current.take() {
            Some(current) if current.run.id == *run && current.run.attempt == attempt => current,
            other => {
                state.current = other;
                return Ok(());
            }
        };
        current.fence.close();
        let why = "it never yields; its thread was given up and can commit nothing any more".to_owned();
        let sentence = format!("run {run} of `{}` is stuck: {why}", self.id);
        self.alerts.raise(&self.space, format!("stuck/{}", self.id), sentence);
        let ended = Ended::without_result(Outcome::Stuck, why);
        let run = current.all();
        self.end(state, run, current.version, current.generation, ended).await?;
        self.pool.abandon(current.ticket);
        Ok(())
    }

    /// Commits the end of a run: everything in one change, or nothing.
    async fn end(
        &self,
        state: &mut State,
        run: RunRecord,
        version: u64,
        generation: u64,
        ended: Ended,
    ) -> Result<(), Fault> {
        let mut ended = ended;
        let mut bare = false;
        let written = loop {
            let end = commit::end(self, &state.row, run.clone(), version, generation, &ended);
            let prepared = match end {
                Ok(prepared) => prepared,
                // What the strategy gave cannot be stored. That is its run's failure and not ours: a
                // host that died of it would take the run up again and die again.
                Err(NotPrepared::Unstorable(why)) if !bare => {
                    bare = true;
                    ended = Ended::without_result(Outcome::Failed, why);
                    continue;
                }
                Err(NotPrepared::Unstorable(why)) => return Err(Fault::bug(why)),
                Err(NotPrepared::Broken(fault)) => return Err(fault),
            };
            let row = prepared.row.clone();
            tracing::trace!(point = "host.commit", run = %run.id, "point");
            match self.write_row(state, row, prepared.change.clone()).await? {
                Ok(()) => break prepared,
                // The owner decided on one of the opportunities meanwhile: merge again.
                Err(CommitError::Refused { key, .. }) if key.kind() == Opportunity::KIND.name => {}
                Err(error) => return Err(error.into()),
            }
        };
        commit::tell(self, &written, &ended);
        if written.run.outcome == Some(Outcome::Succeeded) {
            self.prove();
        }
        state.last = Some(written.run.clone());
        for reply in state.waiting.drain(..) {
            reply.send(Some(written.run.clone()));
        }
        Ok(())
    }

    async fn say(&self, state: &mut State, word: Word) -> Result<(), Fault> {
        let now = self.shared.now();
        let mut row = state.row.clone();
        let (kind, reason) = match &word {
            Word::Pause(reason) => {
                row.paused = Some(reason.clone());
                ("strategy.paused", Some(reason.clone()))
            }
            Word::Resume => {
                row.paused = None;
                row.breaker.release(now);
                self.alerts.clear(&self.space, format!("stopped/{}", self.id));
                ("strategy.resumed", None)
            }
            Word::Enable => {
                row.enabled = Some(true);
                ("strategy.enabled", None)
            }
            Word::Disable => {
                row.enabled = Some(false);
                ("strategy.disabled", None)
            }
        };
        let payload = json!({ "strategy": self.id.as_str(), "reason": reason, "by": "owner" });
        let change = Change::new().audit(NewEntry::new(now, &self.space, kind, &payload)?);
        Ok(self.write_row(state, row, change).await??)
    }

    fn standing(&self, state: &State) -> Standing {
        Standing {
            about: (self.installed.make)().about(),
            row: state.row.clone(),
            running: state.current.as_ref().map(|current| current.run.id.clone()),
            put_aside: state.put_aside.clone(),
            enabled: self.enabled(state),
            priority: self.installed.priority,
            schedule: self.installed.schedule_text.clone(),
        }
    }
}
