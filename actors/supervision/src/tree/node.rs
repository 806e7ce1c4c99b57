//! One actor's entry in the tree. Lives as long as its supervisor knows the child, over all incarnations.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use crate::life::Life;
use crate::meter::Meter;
use crate::progress::Mail;
use crate::supervisor::SupervisorHandle;
use crate::sync::lock;
use crate::tree::{CrashReport, ROOT};

/// How many crash reports are kept in memory; a sink can keep them all.
const CRASHES_MAX: usize = 4;

/// What the supervisor has made of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Starting,
    Running,
    Restarting,
    Tripped,
    Isolated,
    Stopped,
    /// Killed in vain: it never yields.
    Abandoned,
}

pub(crate) struct Node {
    pub(crate) path: Arc<str>,
    pub(crate) about: String,
    pub(crate) meter: Arc<Meter>,
    /// The way to it if it is a supervisor.
    pub(crate) supervises: Option<SupervisorHandle>,
    pub(crate) story: Mutex<Story>,
    /// What those who look for stalls have seen of its mailbox.
    pub(crate) mail: Mail,
    children: Mutex<Below>,
    /// The last incarnation; its supervisor writes it, and whoever starts the next waits for its end.
    live: Mutex<Option<Life>>,
}

/// The nodes below one, in start order, each found by its path without a look at the others.
#[derive(Default)]
struct Below {
    begun: u64,
    nodes: BTreeMap<u64, Arc<Node>>,
    places: BTreeMap<Arc<str>, u64>,
}

/// What changes about a node, apart from its meter.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    pub(crate) standing: Standing,
    pub(crate) since_ms: i64,
    /// Incarnations that became ready, in this process.
    pub(crate) starts: u64,
    pub(crate) last_cause: Option<String>,
    /// The sort of the last failure in one word, see `Exit::word`.
    pub(crate) cause: Option<&'static str>,
    /// Why it is tripped or isolated, while it is.
    pub(crate) held_why: Option<String>,
    pub(crate) attempt: u32,
    pub(crate) next_try_ms: Option<i64>,
    /// Of its own budget, or for a supervisor that of its children: recorded as spent since work was
    /// proved, what can still be used, and the whole of it.
    pub(crate) budget_spent: Option<u32>,
    pub(crate) budget_left: Option<u32>,
    pub(crate) budget_limit: Option<u32>,
    pub(crate) crashes: VecDeque<Arc<CrashReport>>,
}

impl Node {
    pub(crate) fn new(
        path: Arc<str>,
        about: String,
        meter: Arc<Meter>,
        supervises: Option<SupervisorHandle>,
        now_ms: i64,
    ) -> Self {
        let story = Story {
            standing: Standing::Stopped,
            since_ms: now_ms,
            starts: 0,
            last_cause: None,
            cause: None,
            held_why: None,
            attempt: 0,
            next_try_ms: None,
            budget_spent: None,
            budget_left: None,
            budget_limit: None,
            crashes: VecDeque::new(),
        };
        Self {
            path,
            about,
            meter,
            supervises,
            story: Mutex::new(story),
            mail: Mail::default(),
            children: Mutex::default(),
            live: Mutex::default(),
        }
    }

    /// The path of a child called `name`.
    pub(crate) fn path_of(&self, name: &str) -> String {
        if &*self.path == ROOT { name.to_owned() } else { format!("{}/{name}", self.path) }
    }

    /// Its name below the supervisor at `parent`.
    pub(crate) fn name_below(&self, parent: &str) -> &str {
        self.path.strip_prefix(parent).and_then(|rest| rest.strip_prefix('/')).unwrap_or(&self.path)
    }

    pub(crate) fn children(&self) -> Vec<Arc<Node>> {
        lock(&self.children).nodes.values().cloned().collect()
    }

    /// Adds a child, or returns the one that is there already: the same path with the same meter.
    pub(crate) fn adopt(&self, child: Node) -> Arc<Node> {
        let mut below = lock(&self.children);
        let Below { begun, nodes, places } = &mut *below;
        match places.get(&child.path).and_then(|place| nodes.get_mut(place)) {
            Some(known) if Arc::ptr_eq(&known.meter, &child.meter) => known.clone(),
            Some(known) => {
                *known = Arc::new(child);
                known.clone()
            }
            None => {
                let child = Arc::new(child);
                *begun += 1;
                places.insert(child.path.clone(), *begun);
                nodes.insert(*begun, child.clone());
                child
            }
        }
    }

    /// Forgets the children that `keep` does not want.
    pub(crate) fn retain(&self, keep: impl Fn(&Node) -> bool) {
        let mut below = lock(&self.children);
        let Below { nodes, places, .. } = &mut *below;
        nodes.retain(|_, child| keep(child));
        places.retain(|_, place| nodes.contains_key(place));
    }

    /// Forgets the child at `path`.
    pub(crate) fn forget(&self, path: &str) {
        let mut below = lock(&self.children);
        if let Some(place) = below.places.remove(path) {
            below.nodes.remove(&place);
        }
    }

    pub(crate) fn collect(self: &Arc<Self>, into: &mut Vec<Arc<Node>>) {
        into.push(self.clone());
        for child in self.children() {
            child.collect(into);
        }
    }

    pub(crate) fn stand(&self, standing: Standing, now_ms: i64) {
        let mut story = lock(&self.story);
        if story.standing != standing {
            story.standing = standing;
            story.since_ms = now_ms;
        }
        if standing != Standing::Restarting {
            story.next_try_ms = None;
        }
    }

    /// What its supervisor has made of it, and since when (milliseconds since 1970).
    pub(crate) fn standing(&self) -> (Standing, i64) {
        let story = lock(&self.story);
        (story.standing, story.since_ms)
    }

    pub(crate) fn tell(&self, change: impl FnOnce(&mut Story)) {
        change(&mut lock(&self.story));
    }

    pub(crate) fn keep_crash(&self, report: Arc<CrashReport>) {
        let mut story = lock(&self.story);
        if story.crashes.len() == CRASHES_MAX {
            story.crashes.pop_front();
        }
        story.crashes.push_back(report);
    }

    pub(crate) fn set_live(&self, life: Option<Life>) {
        *lock(&self.live) = life;
    }

    pub(crate) fn live(&self) -> Option<Life> {
        lock(&self.live).clone()
    }
}
