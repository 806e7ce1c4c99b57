//! Strategies as SPEC shows them.

use std::collections::BTreeMap;

use mm_core::breaker::{Breaker, State};
use mm_core::moment::Moment;
use mm_core::run::RunRecord;
use mm_services::records::{ScheduleRow, StrategyRow};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::earning::{self, MoneyView};
use super::quarantine::HeldView;
use super::{Problem, Reader, Strategy, meant, nearest, unread};

/// The state of a strategy; exactly these fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StrategyView {
    pub strategy: String,
    /// `active`, `paused`, `error`, `tripped` or `disabled`.
    pub status: String,
    /// When the last run began.
    pub last_run: Option<String>,
    pub next_run: Option<String>,
    /// What is approved, paid or cleared in the ledger, before fees; each currency on its own.
    pub total_earnings: Vec<MoneyView>,
    pub total_actions: u64,
    /// Of the runs that ended, the share that succeeded; null before the first.
    pub success_rate: Option<f64>,
    /// What went wrong in the last run, or what keeps it from running.
    pub errors: Vec<String>,
    pub metrics: BTreeMap<String, i64>,
    pub breaker: BreakerView,
}

/// A circuit breaker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerView {
    /// `closed`, `open`, `half-open` or `isolated`.
    pub state: String,
    pub since: Option<String>,
    /// Until when nothing passes; null where a person must act, or where it is closed.
    pub until: Option<String>,
    pub why: Option<String>,
    /// Failures in a row while closed.
    pub failures: u32,
    /// How often it opened since it was last closed.
    pub trips: u32,
}

impl From<&Breaker> for BreakerView {
    fn from(breaker: &Breaker) -> Self {
        let (until, why, failures) = match breaker.state() {
            State::Closed { failures } => (None, None, *failures),
            State::Open { until, why } => (*until, Some(why.clone()), 0),
            State::HalfOpen { deadline } => (Some(*deadline), Some("one probe is on its way".to_owned()), 0),
            State::Isolated { reason, .. } => (None, Some(reason.clone()), 0),
        };
        BreakerView {
            state: breaker.state().as_str().to_owned(),
            since: breaker.since().map(|at| at.to_string()),
            until: until.map(|at| at.to_string()),
            why,
            failures,
            trips: breaker.trips(),
        }
    }
}

/// All that is known of a strategy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StrategyPage {
    #[serde(flatten)]
    pub state: StrategyView,
    /// What it says of itself: description, required accounts, time to the first money.
    pub about: Value,
    /// From sign-up to money in the bank.
    pub guide: Value,
    pub enabled: bool,
    pub priority: u32,
    pub schedule: String,
    /// Why it is paused, if it is.
    pub paused: Option<String>,
    /// When its pause ends by itself.
    pub paused_until: Option<String>,
    /// The run of the moment; null without a daemon.
    pub running: Option<String>,
    pub runs: u64,
    pub last: Option<RunView>,
    /// Inputs that crashed it and are passed over.
    pub quarantine: Vec<HeldView>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunView {
    pub id: String,
    pub trigger: String,
    pub started: String,
    pub ended: Option<String>,
    /// `succeeded`, `failed`, `interrupted`, `stuck` or `cancelled`; null while it runs.
    pub outcome: Option<String>,
    pub attempt: u32,
    pub actions: u32,
    pub found: u32,
    pub errors: Vec<String>,
    pub sources: Vec<SourceView>,
}

/// What a run said of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceView {
    pub name: String,
    pub health: String,
    pub sentence: String,
}

impl From<RunRecord> for RunView {
    fn from(run: RunRecord) -> Self {
        let sources = run.sources.into_iter().map(|source| SourceView {
            name: source.name,
            health: source.health.as_str().to_owned(),
            sentence: source.sentence,
        });
        RunView {
            id: run.id.to_string(),
            trigger: run.trigger.as_str().to_owned(),
            started: run.started.to_string(),
            ended: run.ended.map(|at| at.to_string()),
            outcome: run.outcome.map(|outcome| outcome.as_str().to_owned()),
            attempt: run.attempt,
            actions: run.actions,
            found: run.found,
            errors: run.errors,
            sources: sources.collect(),
        }
    }
}

/// All of them. One whose rows do not open is in error, and says so.
pub(super) fn list(reader: &Reader) -> Vec<StrategyView> {
    let earned = earning::totals(reader);
    let shown = |strategy: &Strategy| {
        view(reader, strategy, &earned).unwrap_or_else(|problem| damaged(strategy.about.name, &problem))
    };
    reader.strategies.iter().map(shown).collect()
}

/// A strategy of which nothing is known but its name and what is wrong.
fn damaged(name: &str, problem: &Problem) -> StrategyView {
    StrategyView {
        strategy: name.to_owned(),
        status: "error".to_owned(),
        last_run: None,
        next_run: None,
        total_earnings: Vec::new(),
        total_actions: 0,
        success_rate: None,
        errors: vec![problem.to_string()],
        metrics: BTreeMap::new(),
        breaker: BreakerView::from(&Breaker::default()),
    }
}

fn row(reader: &Reader, strategy: &Strategy) -> Result<StrategyRow, Problem> {
    if let Some(live) = &strategy.live {
        return Ok(live.row.clone());
    }
    let row = reader.store.get::<StrategyRow>(&reader.space, strategy.about.name);
    Ok(row.map_err(|error| unread(&error))?.map(|row| row.value).unwrap_or_default())
}

/// As its host says, or what its row says while none runs.
fn status(strategy: &Strategy, row: &StrategyRow, now: Moment) -> &'static str {
    match &strategy.live {
        Some(live) => live.status(),
        None if !row.enabled.unwrap_or(strategy.enabled) => "disabled",
        None if !matches!(row.breaker.state(), State::Closed { .. }) => "tripped",
        None if row.pause(now).is_some() => "paused",
        None => "active",
    }
}

/// `earned` is what each strategy has earned, by its name, or why that is not known.
fn view(
    reader: &Reader,
    strategy: &Strategy,
    earned: &Result<BTreeMap<String, Vec<MoneyView>>, Problem>,
) -> Result<StrategyView, Problem> {
    let name = strategy.about.name;
    let row = row(reader, strategy)?;
    let schedule = reader.store.get::<ScheduleRow>(&reader.space, name).map_err(|error| unread(&error))?;
    let status = status(strategy, &row, reader.now);
    let aside = strategy.live.as_ref().and_then(|live| live.put_aside.clone());
    let down = down(reader, strategy).map(|down| down.sentence().to_owned());
    let (total_earnings, unsummed) = match earned {
        Ok(totals) => (totals.get(name).cloned().unwrap_or_default(), None),
        Err(why) => (Vec::new(), Some(why.to_string())),
    };
    // What is switched off or paused is not due, whatever its row remembers.
    let isolated = isolated(&row.breaker);
    let rests = matches!(status, "disabled" | "paused") || isolated.is_some();
    let next = schedule.and_then(|row| row.value.next).filter(|_| !rests);
    Ok(StrategyView {
        strategy: name.to_owned(),
        status: if down.is_some() && status != "disabled" { "error" } else { status }.to_owned(),
        last_run: row.last_started.map(|at| at.to_string()),
        next_run: next.map(|at| at.to_string()),
        total_earnings,
        total_actions: row.actions,
        success_rate: (row.ended > 0).then(|| share(row.succeeded, row.ended)),
        errors: aside.into_iter().chain(down).chain(isolated).chain(unsummed).chain(row.errors).collect(),
        metrics: row.metrics.into_iter().collect(),
        breaker: BreakerView::from(&row.breaker),
    })
}

/// Why a strategy has no host though a daemon runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Down {
    /// The machine is in safe mode: none has one.
    SafeMode,
    /// This one has none, while others may.
    Host,
}

impl Down {
    fn sentence(self) -> &'static str {
        match self {
            Down::SafeMode => "the machine is in safe mode, so no strategy is started; `doctor` says why",
            Down::Host => "its host does not run; `actors tree` says why",
        }
    }
}

/// Why a strategy has no host, if it should have one. While the kernel starts, none does.
pub(super) fn down(reader: &Reader, strategy: &Strategy) -> Option<Down> {
    let daemon = reader.daemon.as_ref().filter(|daemon| !daemon.starting && strategy.live.is_none())?;
    Some(if daemon.kernel_up { Down::Host } else { Down::SafeMode })
}

/// The sentence about a strategy that a person has isolated.
fn isolated(breaker: &Breaker) -> Option<String> {
    let State::Isolated { since, reason } = breaker.state() else { return None };
    Some(format!("it is isolated by a person since {since}: {reason}; `strategy resume` ends that"))
}

/// To four digits.
fn share(part: u64, whole: u64) -> f64 {
    (part as f64 / whole as f64 * 10_000.0).round() / 10_000.0
}

pub(super) fn show(reader: &Reader, name: &str) -> Result<StrategyPage, Problem> {
    let strategy = reader.strategy(name).ok_or_else(|| unknown(reader, name))?;
    let row = row(reader, strategy)?;
    let mut about =
        serde_json::to_value(&strategy.about).map_err(|error| Problem::Failed(error.to_string()))?;
    let guide = about.as_object_mut().and_then(|about| about.remove("guide")).unwrap_or_default();
    let last = match &row.last_run {
        Some(id) => {
            reader.store.get::<RunRecord>(&reader.space, id.as_str()).map_err(|error| unread(&error))?
        }
        None => None,
    };
    let pause = row.pause(reader.now);
    Ok(StrategyPage {
        state: view(reader, strategy, &earning::totals(reader))?,
        about,
        guide,
        enabled: strategy.live.as_ref().map_or(row.enabled.unwrap_or(strategy.enabled), |live| live.enabled),
        priority: strategy.priority,
        schedule: super::schedule::in_words(reader, strategy)?,
        paused: pause.map(|pause| pause.reason.clone()),
        paused_until: pause.and_then(|pause| pause.until).map(|until| until.to_string()),
        running: strategy.live.as_ref().and_then(|live| live.running.as_ref()).map(ToString::to_string),
        runs: row.runs,
        last: last.map(|row| row.value.into()),
        quarantine: super::quarantine::list(reader, name)?,
    })
}

/// The problem with a name that is not installed.
pub(crate) fn unknown(reader: &Reader, name: &str) -> Problem {
    let near = meant(nearest(name, reader.strategies.iter().map(|strategy| strategy.about.name)));
    let name = mm_core::untrusted::Untrusted::new(name).line(64);
    Problem::Unknown(format!("no strategy `{name}` is installed; `strategy list` shows those that are{near}"))
}
