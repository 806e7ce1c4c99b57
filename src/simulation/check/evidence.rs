//! What the checker may look at.

use std::collections::BTreeMap;

use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_core::opportunity::Opportunity;
use mm_core::run::RunRecord;
use mm_store::{Record, Span, Store};
use serde_json::Value;

use super::quota::{self, Quota};
use crate::sandbox::oracle::Received;
use crate::sandbox::world::World;
use crate::simulation::Simulation;

/// An audit entry, as the trace tells it.
#[derive(Debug, Clone)]
pub struct Audit {
    /// Its number.
    pub seq: u64,
    /// The life of the machine in which it was written.
    pub epoch: u64,
    /// When.
    pub at: Moment,
    /// What sort of entry.
    pub kind: String,
    /// Its hash.
    pub hash: String,
    /// What it says.
    pub payload: Value,
}

impl Audit {
    /// A text field of the payload; empty if there is none.
    pub fn text(&self, field: &str) -> &str {
        self.payload[field].as_str().unwrap_or("")
    }
}

/// A strategy that is switched on, and when it is due.
#[derive(Debug, Clone)]
pub struct Task {
    /// Its name.
    pub strategy: String,
    /// Its schedule as it is written.
    pub schedule: String,
    /// The zone in which that is meant.
    pub zone: String,
}

/// All there is to judge by. It can grow with the machine ([`Evidence::look`]), so that nothing is read
/// twice.
pub struct Evidence {
    /// The lines of the trace that are no audit entries.
    pub events: Vec<String>,
    /// The audit entries of the trace.
    pub audit: Vec<Audit>,
    /// When the machine was started, each time.
    pub boots: Vec<Moment>,
    /// When it ended, and how.
    pub ends: Vec<(String, Moment)>,
    /// The sandbox's log.
    pub received: Vec<Received>,
    /// How long that must be.
    pub received_total: u64,
    /// A copy of the disk, opened.
    pub store: Store,
    /// The made world, if one is played.
    pub world: Option<World>,
    /// The limits as the rule packs' own texts and the configuration say them.
    pub quotas: Vec<Quota>,
    /// The strategies that are switched on.
    pub tasks: Vec<Task>,
    /// The time of day.
    pub now: Moment,
    /// Whether nothing is under way: every run must have ended then.
    pub at_rest: bool,
    /// How many lines of the trace were read.
    lines: usize,
}

impl Evidence {
    /// What a simulated machine that is up and at rest leaves behind.
    pub fn of(simulation: &Simulation) -> Self {
        Self::of_busy(simulation).resting()
    }

    /// What one leaves behind that may be in the middle of something.
    pub fn of_busy(simulation: &Simulation) -> Self {
        let config = &simulation.plan().config;
        let mut evidence = Self {
            events: Vec::new(),
            audit: Vec::new(),
            boots: Vec::new(),
            ends: Vec::new(),
            received: Vec::new(),
            received_total: 0,
            store: simulation.store(),
            world: simulation.sandbox().world().cloned(),
            quotas: quota::all(config.limits.max_daily_actions),
            tasks: tasks(simulation),
            now: simulation.now(),
            at_rest: false,
            lines: 0,
        };
        evidence.read(simulation);
        evidence
    }

    /// The same of a machine that is said to be at rest.
    #[must_use]
    pub fn resting(self) -> Self {
        Self { at_rest: true, ..self }
    }

    /// Takes in what happened since it was last looked at.
    pub fn look(&mut self, simulation: &Simulation) {
        self.store = simulation.store();
        self.now = simulation.now();
        self.read(simulation);
    }

    fn read(&mut self, simulation: &Simulation) {
        let trace = simulation.trace_from(self.lines);
        self.lines += trace.len();
        for line in trace {
            self.read_line(line);
        }
        let sandbox = simulation.sandbox();
        let before = self.received_total;
        self.received_total = sandbox.received_total();
        let log = sandbox.received();
        let new = usize::try_from(self.received_total - before).unwrap_or(usize::MAX);
        self.received.extend(log.into_iter().rev().take(new).rev());
    }

    fn read_line(&mut self, line: String) {
        let mut words = line.split(' ');
        match (words.next(), words.next(), words.next()) {
            (Some("audit"), ..) => return self.audit.extend(read_audit(&line)),
            (Some("boot"), _, Some(at)) => self.boots.extend(at.parse::<Moment>()),
            (Some("end"), Some(how), Some(at)) => {
                self.ends.extend(at.parse().map(|at| (how.to_owned(), at)));
            }
            _ => {}
        }
        self.events.push(line);
    }

    /// Every stored row of a kind in the owner's space.
    pub fn rows<R: Record>(&self) -> BTreeMap<String, R> {
        self.rows_in(&Space::default_owner())
    }

    /// Every stored row of a kind in a space.
    pub fn rows_in<R: Record>(&self, space: &Space) -> BTreeMap<String, R> {
        let scanned = self.store.scan::<R>(space, Span::all(), usize::MAX);
        let rows = scanned.map(|scanned| scanned.rows).unwrap_or_default();
        rows.into_iter().map(|(id, row)| (id, row.value)).collect()
    }

    /// Every opportunity, with its details.
    pub fn opportunities(&self) -> Vec<(Opportunity, Value)> {
        let rows = self.rows::<Opportunity>().into_values();
        rows.map(|row| (row.clone(), serde_json::from_str(&row.details).unwrap_or_default())).collect()
    }

    /// Every run.
    pub fn runs(&self) -> BTreeMap<String, RunRecord> {
        self.rows()
    }

    /// The audit entries of one kind.
    pub fn audit_of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Audit> {
        self.audit.iter().filter(move |entry| entry.kind == kind)
    }

    /// Which start of the machine a moment belongs to, from 1.
    pub fn boot_at(&self, at: Moment) -> usize {
        self.boots.partition_point(|boot| *boot <= at)
    }

    /// Whether the machine ended at a moment from `from` to `to`.
    pub fn ended_within(&self, from: Moment, to: Moment) -> bool {
        self.ends.iter().any(|(_, at)| (from..=to).contains(at))
    }
}

/// A line that is not of the known form is none; the chain's own check misses it then.
fn read_audit(line: &str) -> Option<Audit> {
    let mut words = line.splitn(8, ' ').skip(1);
    let (seq, epoch, at) = (words.next()?, words.next()?, words.next()?);
    let _space = words.next()?;
    let (kind, hash, payload) = (words.next()?, words.next()?, words.next()?);
    Some(Audit {
        seq: seq.parse().ok()?,
        epoch: epoch.parse().ok()?,
        at: at.parse().ok()?,
        kind: kind.to_owned(),
        hash: hash.to_owned(),
        payload: serde_json::from_str(payload).ok()?,
    })
}

/// The strategies that are switched on, as they are configured.
fn tasks(simulation: &Simulation) -> Vec<Task> {
    let plan = simulation.plan();
    let zone = plan.config.user.timezone.name();
    let abouts = plan.machine.abouts();
    let active = plan.config.active().into_iter().filter_map(|(name, own)| {
        let about = abouts.iter().find(|about| about.name == name)?;
        let task = crate::machine::task(own, about.schedule, zone).ok()?.schedule;
        let (schedule, zone) = (task.expression().to_owned(), task.zone().to_owned());
        Some(Task { strategy: name.to_owned(), schedule, zone })
    });
    active.collect()
}
