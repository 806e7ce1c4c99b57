//! What the machine is to a running strategy: the journal of its steps, and the road behind it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mm_core::action::Action;
use mm_core::answer::Answer;
use mm_core::digest::Digest;
use mm_core::error::ErrorClass;
use mm_core::id::ActionId;
use mm_core::moment::Moment;
use mm_core::run::{Refusal, RunRecord, StepOutcome, StepRecord, Trigger};
use mm_core::seams::SplitMix64;
use mm_core::untrusted::Untrusted;
use mm_sdk::{Act, Backend, Decided, Interrupt, async_trait};
use mm_store::Store;
use mm_supervision::{CallError, Fault};

use super::hand::Hand;
use crate::gateway::{Fence, Gateway, Origin, Proposal, Walked};
use crate::records::{ChangeRow, CrashRecord, Input};
use crate::shared::Shared;

/// One run's way to the machine.
pub(super) struct RunBackend {
    pub(super) shared: Shared,
    pub(super) gateway: Gateway,
    pub(super) run: RunRecord,
    pub(super) run_version: u64,
    pub(super) fence: Fence,
    pub(super) hand: Hand,
    pub(super) proposes: &'static [(&'static str, &'static str)],
    pub(super) deadline: Moment,
    pub(super) snapshot: Option<Vec<u8>>,
    pub(super) random: SplitMix64,
    pub(super) used: BTreeSet<String>,
    pub(super) acts: Arc<AtomicU32>,
    /// Why the run cannot go on, for the host; the strategy may have swallowed it.
    pub(super) interrupt: Option<Interrupt>,
}

#[async_trait]
impl Backend for RunBackend {
    async fn act(&mut self, step: &str, action: Action) -> Result<Act, Interrupt> {
        let (kind, began) = (action.kind.to_string(), self.shared.clock.mono());
        let act = self.try_act(step, action).await;
        if let Err(interrupt) = &act {
            self.interrupt = Some(interrupt.clone());
        }
        let took = self.shared.clock.mono().saturating_sub(began);
        self.hand.note(noted(&kind, "step", step, took, matches!(act, Ok(Act::Done(_)))));
        match act {
            Ok(Act::Done(answer)) => Ok(self.received(step, answer)),
            act => act,
        }
    }

    fn take_up(&mut self, item: &str, digest: Digest) -> bool {
        let taken = self.hand.take(Input::Item(item.to_owned()), digest);
        self.hand.note(noted("take-up", "item", item, Duration::ZERO, taken));
        taken
    }

    fn put_down(&mut self) {
        self.hand.put_down();
    }

    async fn decisions(&mut self) -> Result<Vec<Decided>, Interrupt> {
        let decided = self.recorded_decisions().await;
        if let Err(interrupt) = &decided {
            self.interrupt = Some(interrupt.clone());
        }
        decided
    }

    async fn outcome(&mut self, action: &ActionId) -> Result<Option<Act>, Interrupt> {
        // What came later is heard by the next run, so that this one resumes to the same. The one it begins
        // for is known, whatever the clock says.
        let named = matches!(&self.run.trigger, Trigger::Settled(own) if own == action);
        let by = if named { Moment::from_unix_ms(i64::MAX) } else { self.run.started };
        let mut id = action.clone();
        for _ in 0..CHAIN_MAX {
            let row = self.shared.store.get::<ChangeRow>(&self.run.space, id.as_str());
            let row = row.map_err(|error| Interrupt::Ended(Fault::from(error).reason))?;
            let Some(row) = row.map(|row| row.value).filter(|row| row.strategy == self.run.strategy) else {
                return Ok(None);
            };
            match row.outcome_by(by).cloned() {
                None => return Ok(None),
                // It was redirected, and another action made it.
                Some(StepOutcome::Pending(next)) => id = next,
                Some(outcome) => return given(&self.shared.store, outcome).map(Some),
            }
        }
        Ok(None)
    }

    fn now(&self) -> Moment {
        self.run.started
    }

    fn random(&mut self) -> u64 {
        self.random.next_u64()
    }

    fn trigger(&self) -> &Trigger {
        &self.run.trigger
    }

    fn snapshot(&self) -> Option<&[u8]> {
        self.snapshot.as_deref()
    }
}

/// What a run is told that is over for the machine.
const TAKEN_UP: &str = "another took it up, or it was given up";
/// Where a service died, what depends on it is stopped within this time: each has ten seconds for it, from
/// the last in the tree up, and the hosts are the last but one.
const STOPPED_WITHIN: Duration = Duration::from_secs(30);
/// An action leads to another at most so often.
const CHAIN_MAX: usize = 8;

impl RunBackend {
    async fn try_act(&mut self, step: &str, action: Action) -> Result<Act, Interrupt> {
        if let Some(interrupt) = &self.interrupt {
            return Err(interrupt.clone());
        }
        if self.fence.is_closed() {
            return Err(Interrupt::Ended("it was given up".to_owned()));
        }
        if !self.used.insert(step.to_owned()) {
            return Err(Interrupt::DuplicateStep(step.to_owned()));
        }
        if let Some(refusal) = self.not_proposed(step, &action) {
            return Ok(Act::Refused(refusal));
        }
        let row_id = StepRecord::row_id(&self.run.id, step);
        match self.shared.store.get::<StepRecord>(&self.run.space, &row_id) {
            Ok(None) => {}
            Ok(Some(row)) if row.value.action_hash != action.hash() => {
                return Err(Interrupt::Diverged(step.to_owned()));
            }
            Ok(Some(row)) => return recorded(&self.shared.store, row.value),
            Err(error) => return Err(Interrupt::Ended(Fault::from(error).reason)),
        }
        self.walk(step, action).await
    }

    /// Takes an answer in hand, unless it crashed too many runs.
    fn received(&self, step: &str, answer: Answer) -> Act {
        match self.hand.take(Input::Step(step.to_owned()), answer.body_id()) {
            true => Act::Done(answer),
            false => Act::Refused(Refusal::new(ErrorClass::Fatal, SET_ASIDE)),
        }
    }

    async fn walk(&self, step: &str, action: Action) -> Result<Act, Interrupt> {
        let proposal = Proposal {
            space: self.run.space.clone(),
            strategy: self.run.strategy.clone(),
            run: self.run.id.clone(),
            origin: Origin::Run { version: self.run_version },
            step: step.to_owned(),
            first_hash: action.hash(),
            action,
            deadline: self.deadline,
            fence: self.fence.clone(),
        };
        self.acts.fetch_add(1, Ordering::Relaxed);
        let within = self.deadline.since(self.shared.now()) + Duration::from_secs(1);
        match self.gateway.act(proposal, within).await {
            Ok(Ok(Walked::Done(answer))) => Ok(Act::Done(answer)),
            Ok(Ok(Walked::Refused(refusal))) => Ok(Act::Refused(refusal)),
            Ok(Ok(Walked::Pending(id))) => Ok(Act::Pending(id)),
            Ok(Ok(Walked::Fenced)) => Err(Interrupt::Ended(TAKEN_UP.to_owned())),
            Ok(Err(sentence)) => self.broken(sentence).await,
            Err(error @ (CallError::Lost { .. } | CallError::NotRunning)) => {
                self.broken(error.to_string()).await
            }
            Err(error @ (CallError::Full | CallError::TimedOut)) => Ok(Act::Refused(lost(error.to_string()))),
        }
    }

    /// A service died on the way. What depends on it is about to be stopped, this run's host among it, and
    /// the run is taken up again then: that is waited for, so that it does not end over it before.
    async fn broken(&self, sentence: String) -> Result<Act, Interrupt> {
        match tokio::time::timeout(STOPPED_WITHIN, self.fence.closed()).await {
            Ok(()) => Err(Interrupt::Ended(TAKEN_UP.to_owned())),
            Err(_) => Ok(Act::Refused(lost(sentence))),
        }
    }

    /// A strategy may only propose what it says it proposes, under names that can stand in an id.
    fn not_proposed(&self, step: &str, action: &Action) -> Option<Refusal> {
        let named = (1..=64).contains(&step.len())
            && step.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-');
        let listed = self
            .proposes
            .iter()
            .any(|(platform, kind)| *platform == action.platform.as_str() && *kind == action.kind.as_str());
        let why = match (named, listed) {
            (true, true) => return None,
            (false, _) => format!("`{step}` is no step name: use 1 to 64 of a-z, 0-9 and `-`"),
            (true, false) => format!(
                "{} does not list `{}` on {} among what it proposes",
                self.run.strategy, action.kind, action.platform
            ),
        };
        Some(Refusal::new(ErrorClass::Fatal, why))
    }
}

/// What a strategy is told in place of an answer that is set aside.
const SET_ASIDE: &str =
    "this input is set aside: it crashed the strategy three times; `strategy quarantine list` shows it";

fn noted(kind: &str, what: &str, name: &str, took: Duration, ok: bool) -> CrashRecord {
    CrashRecord {
        seq: 0,
        kind: kind.to_owned(),
        sender: None,
        action: None,
        fields: vec![(what.to_owned(), Untrusted::new(name).line(120))],
        queue_ns: 0,
        handle_ns: u64::try_from(took.as_nanos()).unwrap_or(u64::MAX),
        ok,
    }
}

fn lost(sentence: String) -> Refusal {
    Refusal::new(ErrorClass::Transient, sentence)
}

/// The outcome of a step that was finished before the run was cut off.
fn recorded(store: &Store, step: StepRecord) -> Result<Act, Interrupt> {
    given(store, step.outcome)
}

/// What is on record of an act, as a strategy is given it.
fn given(store: &Store, outcome: StepOutcome) -> Result<Act, Interrupt> {
    match outcome {
        StepOutcome::Refused(refusal) => Ok(Act::Refused(refusal)),
        StepOutcome::Pending(id) => Ok(Act::Pending(id)),
        StepOutcome::Done { status, headers, body, at } => {
            let body = if body == Digest::of(b"") {
                Some(Vec::new())
            } else {
                store
                    .get_answer(&body, Action::ANSWER_BYTES_MAX as usize)
                    .map_err(|error| Interrupt::Ended(Fault::from(error).reason))?
            };
            match body {
                Some(body) => Ok(Act::Done(Answer { status, headers, body, at })),
                None => Err(Interrupt::Ended("the recorded answer of a finished step is gone".to_owned())),
            }
        }
    }
}
