//! What a run has in hand, so that a crash can be laid to what brought it about.
//!
//! Each taking-up of a run has a hand of its own: a thread that was given up writes into one that nobody
//! reads any more. The host's place for it outlives the host's incarnations, as the next one has to know
//! what the last one died over. It touches nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mm_core::digest::Digest;
use mm_core::id::RunId;

use super::quarantine::{self, Suspect};
use crate::gateway::Fence;
use crate::records::{CrashRecord, Input};

/// The last steps that are remembered.
const STEPS_KEPT: usize = 64;

/// One taking-up of a run, as seen while it executes. Clones are the same one.
#[derive(Clone, Default)]
pub(super) struct Hand {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    item: Option<(Input, Digest)>,
    step: Option<(Input, Digest)>,
    /// Inputs that crashed a run before, and whether they are set aside.
    known: BTreeMap<String, bool>,
    /// Those of them that were in this hand.
    met: BTreeSet<String>,
    steps: VecDeque<CrashRecord>,
    count: u64,
}

impl Hand {
    /// A hand that knows what crashed earlier runs.
    pub(super) fn knowing(known: BTreeMap<String, bool>) -> Self {
        Self { inner: Arc::new(Mutex::new(Inner { known, ..Inner::default() })) }
    }

    /// Takes an input up; `false` if it is set aside, and then it is not in hand.
    pub(super) fn take(&self, input: Input, digest: Digest) -> bool {
        let mut inner = self.lock();
        let id = quarantine::input_id(&input, &digest);
        match inner.known.get(&id) {
            Some(true) => return false,
            Some(false) => drop(inner.met.insert(id)),
            None => {}
        }
        match input {
            Input::Item(_) => inner.item = Some((input, digest)),
            Input::Step(_) => inner.step = Some((input, digest)),
        }
        true
    }

    /// The item is finished with: what follows is none of its.
    pub(super) fn put_down(&self) {
        self.lock().item = None;
    }

    /// Remembers a step.
    pub(super) fn note(&self, mut record: CrashRecord) {
        let mut inner = self.lock();
        inner.count += 1;
        record.seq = inner.count;
        if inner.steps.len() == STEPS_KEPT {
            inner.steps.pop_front();
        }
        inner.steps.push_back(record);
    }

    /// What it holds: the item that was taken up, or else the last step's answer.
    pub(super) fn suspect(&self) -> Option<Suspect> {
        let inner = self.lock();
        let (input, digest) = inner.item.clone().or_else(|| inner.step.clone())?;
        Some(Suspect { input, digest })
    }

    /// The ids of inputs that crashed an earlier run and were in this hand.
    pub(super) fn met(&self) -> Vec<String> {
        self.lock().met.iter().cloned().collect()
    }

    /// How many steps there were, and the last of them.
    pub(super) fn steps(&self) -> (u64, Vec<CrashRecord>) {
        let inner = self.lock();
        (inner.count, inner.steps.iter().cloned().collect())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a host keeps the hand of its run of the moment, over its own incarnations.
#[derive(Clone, Default)]
pub(super) struct Place {
    inner: Arc<Mutex<Held>>,
    mute: Arc<Mutex<Option<serde_json::Value>>>,
}

#[derive(Default)]
struct Held {
    current: Option<(RunId, u32, Hand)>,
    died: Option<String>,
    fence: Option<Fence>,
}

impl Place {
    /// A run was put onto a thread.
    pub(super) fn hold(&self, run: &RunId, attempt: u32, hand: &Hand, fence: &Fence) {
        let (current, fence) = (Some((run.clone(), attempt, hand.clone())), Some(fence.clone()));
        *self.lock() = Held { current, died: None, fence };
    }

    /// The host is out of use: its run is over for the machine, also where the host itself does not yield
    /// and keeps what it knows.
    pub(super) fn fence_off(&self) {
        if let Some(fence) = &self.lock().fence {
            fence.close();
        }
    }

    /// The strategy did not answer over this configuration.
    pub(super) fn mute_over(&self, config: &serde_json::Value) {
        *self.mute.lock().unwrap_or_else(PoisonError::into_inner) = Some(config.clone());
    }

    /// Whether it was so before.
    pub(super) fn is_mute_over(&self, config: &serde_json::Value) -> bool {
        self.mute.lock().unwrap_or_else(PoisonError::into_inner).as_ref() == Some(config)
    }

    /// The host crashed, with these words.
    pub(super) fn died(&self, words: &str) {
        self.lock().died = Some(words.to_owned());
    }

    /// What the host before this one crashed over, if it did with this taking-up of this run under way.
    /// Asked once: the place is empty then.
    pub(super) fn crashed_over(&self, run: &RunId, attempt: u32) -> Option<(Suspect, String)> {
        let held = std::mem::take(&mut *self.lock());
        let (_, _, hand) = held.current.filter(|(own, nth, _)| own == run && *nth == attempt)?;
        Some((hand.suspect()?, held.died?))
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
