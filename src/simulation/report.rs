//! What a rehearsal tells its owner: what would have been found, done, asked and told.
//!
//! It is read from the evidence alone. Equal rehearsals give equal reports, byte for byte: no wall time
//! and no path is in it.

use std::collections::{BTreeMap, BTreeSet};

use mm_core::activity::{ActionRecord, Stage};
use mm_core::id::Space;
use mm_core::ledger::{Earning, Entry};
use mm_core::moment::Moment;
use mm_core::opportunity::{Opportunity, Reward, State};
use mm_core::run::NO_ACCOUNT;
use mm_core::schedule::Fate;
use mm_services::alerts::sort;
use mm_services::records::{AlertRow, Sort};
use serde::Serialize;

use super::check::{Audit, Evidence, Sent};
use super::history::PlatformScore;
use super::{Rehearsed, Weather};

/// The report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// From here came all chance.
    pub seed: u64,
    /// How many days were asked for.
    pub days: u32,
    /// `none`, `light` or `storm`.
    pub faults: &'static str,
    /// `made` or `recordings`.
    pub platforms: &'static str,
    /// When it began, simulated.
    pub from: String,
    /// When it ended, simulated.
    pub until: String,
    /// What was found.
    pub opportunities: Vec<Found>,
    /// What is still to be had of that, for each currency. Offered is not earned.
    pub expected: Vec<Expected>,
    /// How many runs of each strategy ended well.
    pub runs: BTreeMap<String, usize>,
    /// What became of what strategies wanted to do.
    pub actions: Actions,
    /// How many earnings the books hold, by how far they are: `expected` to `cleared`, or `reversed`. Some are
    /// the platforms' own reports, some what the played owner told of.
    pub earnings: BTreeMap<&'static str, usize>,
    /// How many entries the books have of them.
    pub entries: usize,
    /// How many alerts were raised, by sort.
    pub alerts: BTreeMap<&'static str, usize>,
    /// What was used of each limit.
    pub quotas: Vec<Used>,
    /// What became of the ticks of the schedules.
    pub ticks: Ticks,
    /// How long the machine was in safe mode.
    pub safe_mode_s: u64,
    /// How it ended, and how often.
    pub ends: Ends,
    /// How often the invariants were checked: of all that happened, or of what happened in the last 30 hours.
    pub checks: u32,
    /// How often of all that happened.
    pub checks_whole: u32,
    /// What was wrong.
    pub findings: Vec<String>,
    /// Where recordings were replayed: how the scope watch did on them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scope: Vec<PlatformScore>,
    /// Lines of the trace.
    pub trace_lines: usize,
    /// SHA-256 of the trace.
    pub trace_sha256: String,
}

/// The opportunities of one strategy and kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Who found them.
    pub strategy: String,
    /// The strategy's word for them.
    pub kind: String,
    /// How many.
    pub found: usize,
    /// How many of them the owner is told of; the rest was there from the beginning.
    pub told: usize,
}

/// What is offered in one currency by the opportunities that the owner was told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Expected {
    /// ISO 4217.
    pub currency: String,
    /// How many offer a reward in it.
    pub opportunities: usize,
    /// The sum of the least rewards, a decimal number.
    pub least: String,
    /// The sum of the highest.
    pub most: String,
}

/// What became of what strategies wanted to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Actions {
    /// Were to leave by all that judges them, each try counted. Some never did: the machine ended just then, or
    /// the platform was not reached.
    pub permitted: usize,
    /// The owner was asked.
    pub asked: usize,
    /// The rules said no.
    pub forbidden: usize,
    /// The owner said no, or did not do what he was to do himself.
    pub refused_by_owner: usize,
    /// What the owner was asked, or what waited for room, until it was too late.
    pub expired: usize,
    /// What the rules allow and something else kept back for good, before anything left: by its word, a
    /// `breaker`, a `limit`, the `clock`, the platform's `hours`, an `account` that is missing, a `robots` file that
    /// could not be read; or `other`.
    pub held_back: BTreeMap<String, usize>,
    /// Wait still.
    pub waiting: usize,
}

/// What was used of a limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Used {
    /// A platform, or `owner`: the cap of the configuration.
    pub platform: String,
    /// The kinds of acts that it counts; empty: all.
    pub kinds: Vec<String>,
    /// At most so many …
    pub max: usize,
    /// … in so long.
    pub per_ms: i64,
    /// The most that was used in any window of that length.
    pub most: usize,
}

/// What became of ticks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ticks {
    /// Were due, of strategies that are switched on.
    pub due: usize,
    /// Started a run.
    pub ran: usize,
    /// Were taken up late (the machine was down, its disk full, a run under way), and a later one stands for them.
    pub merged: usize,
    /// Were found as late as those, and no run was started for them.
    pub missed: usize,
    /// The reasons why not, as their rows give them, and of how many.
    pub missed_as: BTreeMap<String, usize>,
    /// Started none, as something that the run needs was not to be had.
    pub gated: usize,
    /// Started none, as somebody had paused the strategy.
    pub paused: usize,
    /// Started none for another reason: a run was under way, the hours were not open.
    pub skipped: usize,
}

/// How the machine ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ends {
    /// In order.
    pub stopped: usize,
    /// As by `kill -9`, or with its disk.
    pub killed: usize,
    /// Without power.
    pub power_losses: usize,
}

impl Report {
    /// The report of a rehearsal; `trace` is its trace.
    pub fn of(rehearsed: &Rehearsed, days: u32, weather: Weather, trace: &str) -> Self {
        let e = &rehearsed.evidence;
        let plan = rehearsed.simulation.plan();
        let made = rehearsed.simulation.sandbox().world().is_some();
        let ends = |how: &str| e.ends.iter().filter(|(end, _)| end == how).count();
        Self {
            seed: plan.seed,
            days,
            faults: weather.as_str(),
            platforms: if made { "made" } else { "recordings" },
            from: rehearsed.began.to_string(),
            until: e.now.to_string(),
            opportunities: found(e),
            expected: expected(e),
            runs: e.ran_well(),
            actions: actions(e),
            earnings: earnings(e),
            entries: e.rows::<Entry>().len(),
            alerts: alerts(e),
            quotas: quotas(e),
            ticks: ticks(e),
            safe_mode_s: safe_mode_s(e),
            ends: Ends { stopped: ends("Stopped"), killed: ends("Killed"), power_losses: ends("PowerLoss") },
            checks: rehearsed.checks,
            checks_whole: rehearsed.checks_whole,
            findings: rehearsed.findings.clone(),
            scope: super::history::scores(&rehearsed.simulation, e),
            trace_lines: trace.lines().count(),
            trace_sha256: Rehearsed::digest(trace),
        }
    }
}

fn found(e: &Evidence) -> Vec<Found> {
    let mut counts: BTreeMap<(String, String), (usize, usize)> = BTreeMap::new();
    for row in e.rows::<Opportunity>().into_values() {
        let (found, told) = counts.entry((row.strategy.to_string(), row.kind)).or_default();
        *found += 1;
        *told += usize::from(row.tell);
    }
    let counts = counts.into_iter();
    counts.map(|((strategy, kind), (found, told))| Found { strategy, kind, found, told }).collect()
}

/// What is gone offers nothing, what was there from the beginning is no news, and what was told of twice
/// pays once: the newest word on it counts. A trap pays nobody, and what is over pays nothing any more.
fn expected(e: &Evidence) -> Vec<Expected> {
    let mut rows: Vec<Opportunity> = e.rows().into_values().collect();
    rows.sort_by_key(|row| row.found_at);
    let told = rows.into_iter().filter(|row| row.tell && !row.kind.ends_with("_gone"));
    let offers = told.filter(|row| row.reward.is_some());
    let newest: BTreeMap<(String, String), Opportunity> =
        offers.map(|row| ((row.platform.clone(), row.url.clone()), row)).collect();
    let is_over = |row: &Opportunity| matches!(row.state, State::Dismissed | State::Expired | State::Lost);
    let open = newest.into_values().filter(|row| !row.is_trap() && !is_over(row));
    let offers: Vec<Reward> = open.filter_map(|row| row.reward).collect();
    let currencies: BTreeSet<&str> = offers.iter().map(|offer| offer.currency.as_str()).collect();
    let sum_up = |currency: &str| {
        let of_it: Vec<_> = offers.iter().filter(|offer| offer.currency == currency).collect();
        let least = of_it.iter().filter_map(|offer| offer.min);
        let most = of_it.iter().filter_map(|offer| offer.max.or(offer.min));
        // A sum that is no number any more is told as none.
        let least = least.reduce(|sum, one| sum.checked_add(one).unwrap_or(sum));
        let most = most.reduce(|sum, one| sum.checked_add(one).unwrap_or(sum));
        let text = |sum: Option<String>| sum.unwrap_or_else(|| "0".to_owned());
        Expected {
            currency: currency.to_owned(),
            opportunities: of_it.len(),
            least: text(least.map(|sum| sum.to_string())),
            most: text(most.map(|sum| sum.to_string())),
        }
    };
    currencies.into_iter().map(sum_up).collect()
}

fn actions(e: &Evidence) -> Actions {
    let rows = e.rows::<ActionRecord>();
    let mut actions = Actions {
        permitted: e.audit_of("action.permitted").count(),
        asked: e.audit_of("approval.asked").count(),
        forbidden: 0,
        refused_by_owner: 0,
        expired: 0,
        held_back: BTreeMap::new(),
        waiting: rows.values().filter(|row| row.stage == Stage::Pending).count(),
    };
    for said_no in e.blocked().values() {
        match said_no.as_ref().map(|no| (no.rule.as_str(), no.verdict.as_str())) {
            Some(("approval", "expired")) => actions.expired += 1,
            Some(("approval", _)) => actions.refused_by_owner += 1,
            said_no => match kept_back_by(said_no.map(|(rule, _)| rule)) {
                None => actions.forbidden += 1,
                Some(by) => *actions.held_back.entry(by.to_owned()).or_default() += 1,
            },
        }
    }
    actions
}

fn earnings(e: &Evidence) -> BTreeMap<&'static str, usize> {
    let mut stages = BTreeMap::new();
    for earning in e.rows::<Earning>().into_values() {
        *stages.entry(earning.stage().map_or("expected", |stage| stage.as_str())).or_default() += 1;
    }
    stages
}

/// What kept an act back, if not the rules: theirs have a slash in their ids, or are the whole pack's.
fn kept_back_by(said_no: Option<&str>) -> Option<&'static str> {
    Some(match said_no {
        None => "other",
        Some("breaker") => "breaker",
        Some("limit") => "limit",
        Some("clock") => "clock",
        Some("hours") => "hours",
        Some(NO_ACCOUNT) => "account",
        Some("robots") => "robots",
        Some(_) => return None,
    })
}

fn alerts(e: &Evidence) -> BTreeMap<&'static str, usize> {
    let mut counts: BTreeMap<&'static str, usize> = Sort::ALL.iter().map(|sort| (sort.as_str(), 0)).collect();
    let mut rows = e.rows_in::<AlertRow>(&Space::machine());
    rows.extend(e.rows::<AlertRow>());
    for entry in e.audit_of("alert.raised") {
        let about = entry.text("about");
        let own = rows.get(about).map_or_else(|| sort::of(about), |row| sort::of_row(about, row));
        *counts.entry(own.as_str()).or_default() += 1;
    }
    counts
}

fn quotas(e: &Evidence) -> Vec<Used> {
    let permits = Sent::permits(e);
    let used = e.quotas.iter().map(|quota| Used {
        platform: quota.platform.clone(),
        kinds: quota.kinds.clone(),
        max: quota.max,
        per_ms: quota.per_ms,
        most: quota.most(&quota.uses(&permits)),
    });
    used.filter(|used| used.most > 0 || used.platform == "owner").collect()
}

fn ticks(e: &Evidence) -> Ticks {
    let mut ticks = Ticks::default();
    for row in e.ticks().into_values() {
        let count = usize::try_from(row.count).unwrap_or(usize::MAX);
        ticks.due += count;
        let of = match row.fate {
            Fate::Ran | Fate::Late { .. } | Fate::Moved { .. } => &mut ticks.ran,
            Fate::Merged { .. } => &mut ticks.merged,
            Fate::Missed { why } => {
                *ticks.missed_as.entry(why).or_default() += count;
                &mut ticks.missed
            }
            Fate::Gated { .. } => &mut ticks.gated,
            Fate::Paused { .. } => &mut ticks.paused,
            Fate::Skipped { .. } => &mut ticks.skipped,
        };
        *of += count;
    }
    ticks
}

/// From the alert that says so to its end.
fn safe_mode_s(e: &Evidence) -> u64 {
    let told = |entry: &&Audit| entry.text("about") == "safe-mode";
    let mut since: Option<Moment> = None;
    let mut total = 0;
    for entry in e.audit.iter().filter(told) {
        match entry.kind.as_str() {
            "alert.raised" => since = since.or(Some(entry.at)),
            "alert.cleared" => total += since.take().map_or(0, |since| entry.at.since(since).as_secs()),
            _ => {}
        }
    }
    total + since.map_or(0, |since| e.now.since(since).as_secs())
}
