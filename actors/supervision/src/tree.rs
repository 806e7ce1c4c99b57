//! What there is: every actor of one machine by path, readable without asking any of them.
//!
//! A tree belongs to one machine; nothing here is global, so two machines in one process do not meet.
//! Nodes stand in start order. Supervisors write them, anyone reads.

mod crash;
mod node;
mod view;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Serialize;

pub use crash::{CrashReport, RecordView};
pub(crate) use node::{Node, Standing};
pub use view::{ActorDetail, ActorState, ActorView, Waiting, rfc3339};

use crate::event::{Event, What};
use crate::hops::Trail;
use crate::meter::{KindCount, LeftMessage, Meter};
use crate::seams::{Seams, nanoseconds};
use crate::seat::Seat;
use crate::supervisor::SupervisorHandle;
use crate::sync::lock;
use crate::trace::Traces;
use crate::watchdog::Pulse;

/// The path of the topmost supervisor. Its children's paths begin with their own names.
pub const ROOT: &str = "root";

/// How long one poll may last before its actor is shown as stuck.
const STUCK_AFTER: Duration = Duration::from_secs(1);

/// All actors of one machine. Clones are the same tree.
#[derive(Clone)]
pub struct Tree {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) seams: Seams,
    pub(crate) root: Arc<Node>,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) stuck_after_ns: AtomicU64,
    pub(crate) traces: Traces,
    pub(crate) trail: Arc<Trail>,
    incarnations: AtomicU64,
    /// Counts the changes in who there is.
    shape: AtomicU64,
    roll: Mutex<Roll>,
    goodbyes: Mutex<Goodbyes>,
}

/// All nodes as they were at one shape of the tree, so that who looks often need not collect them.
#[derive(Default)]
struct Roll {
    shape: u64,
    nodes: Arc<[Arc<Node>]>,
}

/// How the children went that were asked to stop since the report was last taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Goodbyes {
    pub(crate) stopped: u32,
    pub(crate) stragglers: Vec<Straggler>,
}

/// A child that did not stop in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Straggler {
    /// Its path.
    pub path: String,
    /// How long it was waited for before the kill, milliseconds.
    pub waited_ms: u64,
    /// Whether the kill ended it; if not, it never yields and its thread is lost.
    pub killed: bool,
    /// What was in its hand when it was killed.
    pub in_hand: Option<&'static str>,
    /// What was left in its mailbox, with what may be shown; at most 16, the counts by kind have all.
    pub left: Vec<LeftMessage>,
    /// How many of each kind were left, all of them.
    pub left_by_kind: Vec<(&'static str, u64)>,
}

/// What is read of an actor just before it is killed for not stopping.
pub(crate) struct Late {
    node: Arc<Node>,
    in_hand: Option<&'static str>,
    before: Vec<KindCount>,
}

impl Late {
    pub(crate) fn look(node: &Arc<Node>) -> Self {
        Self { node: node.clone(), in_hand: node.meter.in_hand(), before: node.meter.kinds() }
    }

    /// If it is up or starting.
    pub(crate) fn if_up(node: &Arc<Node>) -> Option<Self> {
        let starting = node.standing().0 == Standing::Starting;
        let up = starting || node.live().is_some_and(|life| !life.has_ended());
        up.then(|| Self::look(node))
    }

    pub(crate) fn path(&self) -> &str {
        &self.node.path
    }

    /// Once it was killed.
    pub(crate) fn straggler(self, waited: Duration, killed: bool) -> Straggler {
        let meter = &self.node.meter;
        Straggler {
            path: self.node.path.to_string(),
            waited_ms: nanoseconds(waited) / 1_000_000,
            killed,
            in_hand: self.in_hand,
            left: meter.take_left(),
            left_by_kind: lost_since(&self.before, &meter.kinds()),
        }
    }
}

/// How many messages of each kind were dropped unhandled between two readings of one meter.
fn lost_since(before: &[KindCount], after: &[KindCount]) -> Vec<(&'static str, u64)> {
    let earlier = |kind| before.iter().find(|count| count.kind == kind).map_or(0, |count| count.lost);
    let lost = |count: &KindCount| (count.kind, count.lost.saturating_sub(earlier(count.kind)));
    after.iter().map(lost).filter(|&(_, lost)| lost > 0).collect()
}

/// One actor's place in the tree.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) tree: Tree,
    pub(crate) node: Arc<Node>,
}

impl Place {
    /// The seat of a new incarnation, with the traces on it that match.
    pub(crate) fn seat(&self, incarnation: u64) -> Arc<Seat> {
        let (node, inner) = (&self.node, &self.tree.inner);
        inner.traces.put_on(&node.path, &node.meter);
        Arc::new(Seat {
            path: node.path.clone(),
            incarnation,
            meter: node.meter.clone(),
            mono_ns: inner.seams.mono_ns.clone(),
            wall_ms: inner.seams.wall_ms.clone(),
            pulse: inner.pulse.clone(),
            trail: inner.trail.clone(),
            mask: inner.seams.mask.clone(),
            #[cfg(feature = "testing")]
            sabotage: inner.seams.sabotage.clone(),
        })
    }

    /// Adds a node below, or returns the one that is there already.
    pub(crate) fn adopt(&self, child: Node) -> Arc<Node> {
        let adopted = self.node.adopt(child);
        self.tree.inner.shape.fetch_add(1, Ordering::Release);
        adopted
    }

    /// Forgets the nodes below that `keep` does not want.
    pub(crate) fn retain(&self, keep: impl Fn(&Node) -> bool) {
        self.node.retain(keep);
        self.tree.inner.shape.fetch_add(1, Ordering::Release);
    }

    /// Forgets the node below at `path`.
    pub(crate) fn forget(&self, path: &str) {
        self.node.forget(path);
        self.tree.inner.shape.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn emit(&self, what: What) {
        self.tree.emit(&self.node, what);
    }

    pub(crate) fn stand(&self, standing: Standing) {
        self.node.stand(standing, self.tree.now_ms());
    }
}

impl Tree {
    pub(crate) fn new(seams: Seams, meter: Arc<Meter>, about: &str, top: SupervisorHandle) -> Self {
        let node = Node::new(ROOT.into(), about.to_owned(), meter, Some(top), (seams.wall_ms)());
        Self {
            inner: Arc::new(Inner {
                seams,
                root: Arc::new(node),
                pulse: Arc::new(Pulse::default()),
                stuck_after_ns: AtomicU64::new(nanoseconds(STUCK_AFTER)),
                traces: Traces::default(),
                trail: Arc::default(),
                incarnations: AtomicU64::new(0),
                shape: AtomicU64::new(1),
                roll: Mutex::default(),
                goodbyes: Mutex::default(),
            }),
        }
    }

    /// The whole tree as it is now.
    #[must_use]
    pub fn view(&self) -> ActorView {
        self.view_of(&self.inner.root)
    }

    /// All that is known of one actor; `None` when no actor has that path (see [`Tree::paths`]).
    #[must_use]
    pub fn show(&self, path: &str) -> Option<ActorDetail> {
        self.find(path).map(|node| self.detail_of(&node))
    }

    /// Every path, parents first, siblings in start order.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        self.nodes().iter().map(|node| node.path.to_string()).collect()
    }

    /// The supervisor that looks after `path`, and the name it knows it by.
    #[must_use]
    pub fn supervisor_of(&self, path: &str) -> Option<(SupervisorHandle, String)> {
        self.nodes().into_iter().find_map(|node| {
            let supervises = node.supervises.clone()?;
            let child = node.children().into_iter().find(|child| &*child.path == path)?;
            Some((supervises, child.name_below(&node.path).to_owned()))
        })
    }

    /// Kills the incarnation at `path` at its next `await`; its supervisor does what its restart kind
    /// says, as after any abnormal end. `false` when none is there. For a handler that awaits for ever;
    /// one that never yields cannot be killed by anything.
    #[must_use]
    pub fn kill(&self, path: &str) -> bool {
        let life = self.find(path).and_then(|node| node.live());
        life.inspect(crate::life::Life::kill).is_some()
    }

    /// After how long in one poll an actor is shown as stuck (one second by default).
    pub fn set_stuck_after(&self, limit: Duration) {
        self.inner.stuck_after_ns.store(nanoseconds(limit), Ordering::Relaxed);
    }

    pub(crate) fn now_ms(&self) -> i64 {
        (self.inner.seams.wall_ms)()
    }

    /// A reading of the monotonic clock as milliseconds since 1970.
    pub(crate) fn wall_of(&self, reading_ns: u64) -> i64 {
        let ago_ms = (self.inner.seams.mono_ns)().saturating_sub(reading_ns) / 1_000_000;
        self.now_ms().saturating_sub(i64::try_from(ago_ms).unwrap_or(i64::MAX))
    }

    pub(crate) fn next_incarnation(&self) -> u64 {
        self.inner.incarnations.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn find(&self, path: &str) -> Option<Arc<Node>> {
        self.nodes().into_iter().find(|node| &*node.path == path)
    }

    /// All nodes, parents first.
    pub(crate) fn nodes(&self) -> Vec<Arc<Node>> {
        let mut nodes = Vec::new();
        self.inner.root.collect(&mut nodes);
        nodes
    }

    /// The same, collected anew only when the tree has changed its shape.
    pub(crate) fn roll(&self) -> Arc<[Arc<Node>]> {
        // Read first: what changes meanwhile makes the next call collect again.
        let shape = self.inner.shape.load(Ordering::Acquire);
        let mut roll = lock(&self.inner.roll);
        if roll.shape != shape {
            *roll = Roll { shape, nodes: self.nodes().into() };
        }
        roll.nodes.clone()
    }

    pub(crate) fn emit(&self, node: &Node, what: What) {
        let event = Event { at_ms: self.now_ms(), path: node.path.clone(), what };
        (self.inner.seams.events)(&event);
    }

    pub(crate) fn note_stopped(&self) {
        lock(&self.inner.goodbyes).stopped += 1;
    }

    pub(crate) fn note_straggler(&self, straggler: Straggler) {
        lock(&self.inner.goodbyes).stragglers.push(straggler);
    }

    pub(crate) fn take_goodbyes(&self) -> Goodbyes {
        std::mem::take(&mut lock(&self.inner.goodbyes))
    }
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tree").field("paths", &self.paths()).finish()
    }
}
