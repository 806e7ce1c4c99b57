//! What the checker may look at: the event trace, the sandbox's log, a store opened on a copy of the
//! disk, and what is really so in the made world. Never the daemon's own structs.

use std::collections::BTreeMap;

use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_core::opportunity::Opportunity;
use mm_core::run::RunRecord;
use mm_store::{Record, Span, Store};
use money_machine::sandbox::oracle::Received;
use money_machine::sandbox::world::World;
use money_machine::simulation::Simulation;
use serde_json::Value;

/// An audit entry, as the trace tells it.
#[derive(Debug, Clone)]
pub struct Audit {
    pub seq: u64,
    pub epoch: u64,
    pub at: Moment,
    pub kind: String,
    pub hash: String,
    pub payload: Value,
}

impl Audit {
    /// A text field of the payload.
    pub fn text(&self, field: &str) -> &str {
        self.payload[field].as_str().unwrap_or("")
    }
}

/// All there is to judge by.
pub struct Evidence {
    pub trace: Vec<String>,
    pub audit: Vec<Audit>,
    /// When the machine was started, each time.
    pub boots: Vec<Moment>,
    /// When it ended, and how.
    pub ends: Vec<(String, Moment)>,
    pub received: Vec<Received>,
    pub received_total: u64,
    pub store: Store,
    pub world: Option<World>,
    /// The rule packs' limits: so many in so many milliseconds.
    pub limits: Vec<(usize, i64)>,
    pub now: Moment,
}

impl Evidence {
    /// What a simulated machine leaves behind.
    pub fn of(simulation: &Simulation) -> Self {
        let trace = simulation.trace();
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let of_kind = |kind: &'static str| trace.iter().filter(move |line| line.starts_with(kind));
        let boots = of_kind("boot ").map(|line| words(line)[2].parse().unwrap()).collect();
        let ends = of_kind("end ").map(|line| (words(line)[1].clone(), words(line)[2].parse().unwrap()));
        let audit = of_kind("audit ").map(|line| read_audit(line));
        Self {
            audit: audit.collect(),
            boots,
            ends: ends.collect(),
            received: simulation.sandbox().received(),
            received_total: simulation.sandbox().received_total(),
            store: simulation.store(),
            world: simulation.sandbox().world().cloned(),
            limits: limits(simulation.plan().config.limits.max_daily_actions as usize),
            now: simulation.now(),
            trace,
        }
    }

    /// Every stored row of a kind in the owner's space.
    pub fn rows<R: Record>(&self) -> BTreeMap<String, R> {
        let scanned = self.store.scan::<R>(&Space::default_owner(), Span::all(), usize::MAX).unwrap();
        assert!(scanned.damaged.is_empty(), "{:?}", scanned.damaged);
        scanned.rows.into_iter().map(|(id, row)| (id, row.value)).collect()
    }

    pub fn opportunities(&self) -> Vec<(Opportunity, Value)> {
        let rows = self.rows::<Opportunity>().into_values();
        rows.map(|row| (row.clone(), serde_json::from_str(&row.details).unwrap())).collect()
    }

    pub fn runs(&self) -> BTreeMap<String, RunRecord> {
        self.rows()
    }

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

fn read_audit(line: &str) -> Audit {
    let mut words = line.splitn(8, ' ').skip(1);
    let mut next = || words.next().unwrap_or_default().to_owned();
    let (seq, epoch, at, _space) = (next(), next(), next(), next());
    let (kind, hash, payload) = (next(), next(), next());
    Audit {
        seq: seq.parse().unwrap(),
        epoch: epoch.parse().unwrap(),
        at: at.parse().unwrap(),
        kind,
        hash,
        payload: serde_json::from_str(&payload).unwrap(),
    }
}

/// The pack of the one platform that these machines ask.
pub const PACK: &str = "bounty-targets-data.toml";

/// The limits as the rule pack's own text says them, and the owner's cap on a day.
fn limits(daily_max: usize) -> Vec<(usize, i64)> {
    let mut limits = vec![(daily_max, 24 * 3_600_000)];
    for (name, text) in money_machine::rules::BUILT_IN.iter().filter(|(name, _)| *name == PACK) {
        let pack: toml::Value = toml::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        for limit in pack["limit"].as_array().expect("a pack with limits") {
            let per = mm_core::schedule::parse_span(limit["per"].as_str().unwrap()).unwrap();
            let max = usize::try_from(limit["max"].as_integer().unwrap()).unwrap();
            limits.push((max, i64::try_from(per.as_millis()).unwrap()));
        }
    }
    limits
}
