//! The way of one action through the actors: every message that carried its id, or was sent while one
//! that did was being handled.
//!
//! Kept in memory and bounded: the last 4,096 hops of the machine, at most 128 of one action, oldest
//! dropped first. Whoever records an action durably takes its hops from here ([`Tree::take_hops`]).
//! Messages without an action cost nothing here.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use crate::meter::Record;
use crate::seat::Seat;
use crate::sync::lock;
use crate::tree::Tree;

/// How many finished hops are kept in all, and of one action.
const HOPS_MAX: usize = 4_096;
const HOPS_OF_ONE_MAX: usize = 128;

/// One message on the way of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// When handling began, milliseconds since 1970.
    pub at_ms: i64,
    /// The actor that handled it.
    pub path: String,
    /// The message's kind.
    pub kind: String,
    /// Path of its sender; null from outside the tree.
    pub sender: Option<String>,
    /// Time in the mailbox, nanoseconds.
    pub queue_ns: u64,
    /// Time in the handler, nanoseconds; null while it is in hand.
    pub handle_ns: Option<u64>,
    /// Whether it was handled well; null while it is in hand.
    pub ok: Option<bool>,
}

/// Which hop is meant when its message is put down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HopId(u64);

/// All hops of one machine.
#[derive(Default)]
pub(crate) struct Trail {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    next: u64,
    in_hand: BTreeMap<HopId, Step>,
    done: BTreeMap<HopId, Step>,
    /// The finished hops of each action, oldest first.
    of_action: HashMap<Arc<str>, VecDeque<HopId>>,
}

/// A hop as it is kept: everything shared or fixed, nothing copied.
struct Step {
    action: Arc<str>,
    path: Arc<str>,
    kind: &'static str,
    sender: Option<Arc<str>>,
    at_ms: i64,
    queue_ns: u64,
    handled: Option<(u64, bool)>,
}

impl Trail {
    /// A message was taken up; `None` when it belongs to no action.
    pub(crate) fn begin(&self, record: &Record, seat: &Seat) -> Option<HopId> {
        let action = record.action.clone()?;
        let step = Step {
            action,
            path: seat.path.clone(),
            kind: record.kind,
            sender: record.sender.clone(),
            at_ms: seat.now_ms(),
            queue_ns: record.queue_ns,
            handled: None,
        };
        let mut inner = lock(&self.inner);
        inner.next += 1;
        let id = HopId(inner.next);
        inner.in_hand.insert(id, step);
        Some(id)
    }

    /// It was put down.
    pub(crate) fn end(&self, id: HopId, handle_ns: u64, ok: bool) {
        let mut inner = lock(&self.inner);
        if let Some(mut step) = inner.in_hand.remove(&id) {
            step.handled = Some((handle_ns, ok));
            inner.keep(id, step);
        }
    }

    fn of(&self, action: &str) -> Vec<Hop> {
        lock(&self.inner).of(action)
    }

    pub(crate) fn take(&self, action: &str) -> Vec<Hop> {
        let mut inner = lock(&self.inner);
        let hops = inner.of(action);
        for id in inner.of_action.remove(action).unwrap_or_default() {
            inner.done.remove(&id);
        }
        hops
    }
}

impl Inner {
    fn keep(&mut self, id: HopId, step: Step) {
        let ids = self.of_action.entry(step.action.clone()).or_default();
        ids.push_back(id);
        let crowded = if ids.len() > HOPS_OF_ONE_MAX { ids.pop_front() } else { None };
        self.done.insert(id, step);
        if let Some(crowded) = crowded {
            self.done.remove(&crowded);
        }
        if self.done.len() > HOPS_MAX
            && let Some((oldest, step)) = self.done.pop_first()
            && let Some(ids) = self.of_action.get_mut(&step.action)
        {
            ids.retain(|&id| id != oldest);
            if ids.is_empty() {
                self.of_action.remove(&step.action);
            }
        }
    }

    /// In the order in which handling began.
    fn of(&self, action: &str) -> Vec<Hop> {
        let done = self.of_action.get(action).into_iter().flatten();
        let done = done.filter_map(|id| Some((*id, self.done.get(id)?)));
        let in_hand = self.in_hand.iter().filter(|(_, step)| &*step.action == action);
        let mut steps: Vec<_> = done.chain(in_hand.map(|(&id, step)| (id, step))).collect();
        steps.sort_by_key(|&(id, _)| id);
        steps.into_iter().map(|(_, step)| step.show()).collect()
    }
}

impl Step {
    fn show(&self) -> Hop {
        Hop {
            at_ms: self.at_ms,
            path: self.path.to_string(),
            kind: self.kind.to_owned(),
            sender: self.sender.as_deref().map(str::to_owned),
            queue_ns: self.queue_ns,
            handle_ns: self.handled.map(|(handle_ns, _)| handle_ns),
            ok: self.handled.map(|(_, ok)| ok),
        }
    }
}

impl Tree {
    /// What this process still knows of the way of one action, in the order in which handling began,
    /// with what is in hand right now.
    #[must_use]
    pub fn hops(&self, action: &str) -> Vec<Hop> {
        self.inner.trail.of(action)
    }

    /// The same, and forgets what is finished. What is in hand stays, and is told again once it is put
    /// down.
    #[must_use]
    pub fn take_hops(&self, action: &str) -> Vec<Hop> {
        self.inner.trail.take(action)
    }
}
