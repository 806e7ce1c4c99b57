//! What runs, where, and what waits for its owner.

use mm_core::gate::Gate;
use mm_services::records::AlertRow;
use mm_store::Span;
use serde::{Deserialize, Serialize};

use super::{Problem, Reader, opportunity, strategy, unread};

/// `status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusView {
    /// Whether a daemon answers; without one, the rest is what the store remembers.
    pub running: bool,
    /// The kernel is on its way up; words that need it wait for it.
    pub starting: bool,
    /// The kernel is down: the admin answers, nothing goes out.
    pub safe_mode: bool,
    /// Why, if that is known.
    pub safe_mode_why: Option<String>,
    pub pid: Option<u32>,
    pub started: Option<String>,
    pub uptime_s: Option<u64>,
    pub now: String,
    pub version: String,
    pub data_dir: String,
    pub socket: Option<String>,
    /// Why the rules cannot be used, if so: then nothing is permitted, on any platform.
    #[serde(default)]
    pub rules_why: Option<String>,
    /// How often the store was opened for writing.
    pub epoch: u64,
    pub resident_bytes: Option<u64>,
    pub disk_free_bytes: Option<u64>,
    /// What may hold runs back; empty without a daemon.
    pub gates: Vec<GateView>,
    /// Strategies whose runs wait for a slot, the next one first.
    pub waiting: Vec<String>,
    pub strategies: Vec<StrategyLine>,
    pub opportunities: opportunity::Counts,
    pub alerts: Vec<AlertView>,
}

/// A gate that may hold runs back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateView {
    /// `cpu`, `memory`, `io`, `own-memory` or `disk`.
    pub gate: String,
    /// `open`, `closed`, `unknown` or `off`.
    pub state: String,
    pub sentence: String,
    pub since: String,
}

impl GateView {
    fn of(gate: &Gate) -> GateView {
        GateView {
            gate: gate.gauge.as_str().to_owned(),
            state: gate.state.as_str().to_owned(),
            sentence: gate.sentence(),
            since: gate.since.to_string(),
        }
    }
}

/// A strategy in one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrategyLine {
    pub strategy: String,
    pub status: String,
    pub last_run: Option<String>,
    pub next_run: Option<String>,
}

/// Something the owner should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertView {
    pub about: String,
    pub sentence: String,
    pub raised_at: String,
    pub last_at: String,
    pub times: u64,
}

pub(super) fn read(reader: &Reader) -> Result<StatusView, Problem> {
    let daemon = reader.daemon.as_ref();
    let down = daemon.filter(|daemon| !daemon.kernel_up && !daemon.starting);
    Ok(StatusView {
        running: daemon.is_some(),
        starting: daemon.is_some_and(|daemon| daemon.starting),
        safe_mode: down.is_some(),
        safe_mode_why: down.and_then(|daemon| daemon.kernel_cause.clone()),
        pid: daemon.map(|daemon| daemon.pid),
        started: daemon.map(|daemon| daemon.started.to_string()),
        uptime_s: daemon.map(|daemon| reader.now.since(daemon.started).as_secs()),
        now: reader.now.to_string(),
        version: reader.place.version.to_owned(),
        data_dir: reader.place.data_dir.display().to_string(),
        socket: reader.place.socket.as_ref().map(|path| path.display().to_string()),
        rules_why: reader.rules.as_ref().err().cloned(),
        epoch: reader.store.epoch().0,
        resident_bytes: daemon.and_then(|daemon| daemon.resident_bytes),
        disk_free_bytes: reader.disk_free_bytes,
        gates: daemon.iter().flat_map(|daemon| daemon.gates.all()).map(GateView::of).collect(),
        waiting: daemon.map(|daemon| daemon.waiting.clone()).unwrap_or_default(),
        strategies: reader.strategies.iter().map(|strategy| line(reader, strategy.about.name)).collect(),
        opportunities: opportunity::count(reader)?,
        alerts: alerts(reader)?,
    })
}

/// A strategy whose rows do not open is in error; the others are shown as they are.
fn line(reader: &Reader, name: &str) -> StrategyLine {
    match strategy::show(reader, name) {
        Ok(page) => StrategyLine {
            strategy: page.state.strategy,
            status: page.state.status,
            last_run: page.state.last_run,
            next_run: page.state.next_run,
        },
        Err(_) => StrategyLine {
            strategy: name.to_owned(),
            status: "error".to_owned(),
            last_run: None,
            next_run: None,
        },
    }
}

/// The alerts that are not over, the newest first.
pub(super) fn alerts(reader: &Reader) -> Result<Vec<AlertView>, Problem> {
    let mut open = Vec::new();
    for space in [&mm_core::id::Space::machine(), &reader.space] {
        let scanned = reader.store.scan::<AlertRow>(space, Span::all(), usize::MAX);
        let rows = scanned.map_err(|error| unread(&error))?.rows;
        open.extend(rows.into_iter().filter(|(_, row)| row.value.cleared_at.is_none()));
    }
    open.sort_by_key(|(_, row)| std::cmp::Reverse(row.value.last_at));
    let view = |(about, row): (String, mm_store::Row<AlertRow>)| AlertView {
        about,
        sentence: row.value.sentence,
        raised_at: row.value.raised_at.to_string(),
        last_at: row.value.last_at.to_string(),
        times: row.value.times,
    };
    Ok(open.into_iter().map(view).collect())
}
