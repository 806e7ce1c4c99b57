//! What the checker may look at: all of it, or what happened lately ([`Evidence::recent`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use std::time::Duration;

use mm_core::activity::{ActionRecord, Check, Stage};
use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_core::opportunity::Opportunity;
use mm_core::run::RunRecord;
use mm_core::schedule::{Fate, Hours, Missed, Overlap};
use mm_services::records::TickRow;
use mm_store::{Record, Span, Store};
use serde_json::Value;

use super::approvals;
use super::awarded::Hunter;
use super::changes::Made;
use super::noted::{self, Noted};
use super::owed::Owed;
use super::quota::{self, Quota};
use super::refused::Refused;
use super::shown::Shown;
use super::trail::{Audit, RunTold, read_audit};
use crate::sandbox::oracle::Received;
use crate::sandbox::world::World;
use crate::simulation::{Simulation, accounts};

/// What happened in so long is recent: more than the longest window of a limit, a day.
const RECENT: Duration = Duration::from_secs(30 * 3600);

/// A run is kept so long after its end, and may be tidied away then.
const RUNS_KEPT: Duration = Duration::from_secs(180 * 24 * 3600);

/// A strategy that is switched on, and when it is due.
#[derive(Debug, Clone)]
pub struct Task {
    /// Its name.
    pub strategy: String,
    /// Its schedule as it is written.
    pub schedule: String,
    /// The zone in which that is meant.
    pub zone: String,
    /// The hours in which it may start, if they are bounded.
    pub hours: Option<Hours>,
    /// Its ticks are taken up later than they are due by a part of this, which part depends on the installation.
    pub jitter: Duration,
    /// What becomes of missed ticks.
    pub missed: Missed,
    /// Where each of them runs, the time between the starts of two.
    pub spread: Duration,
    /// What becomes of a tick during a run.
    pub overlap: Overlap,
    /// Missed ticks that are older are not run.
    pub window: Option<Duration>,
    /// Where each missed tick runs, at most so many of them do.
    pub cap: u32,
    /// At most so many acts in a day are its own.
    pub daily_max: Option<u32>,
    /// 1 may use more of a limit than the others.
    pub priority: u16,
    /// The platforms without an account of which it does not run.
    pub needs: Vec<String>,
    /// The platforms that it works on, and when anything may leave for them, if that is bounded.
    pub platforms: BTreeMap<String, Option<Hours>>,
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
    /// From when to when its disk was full, each time.
    pub full: Vec<(Moment, Moment)>,
    /// The sandbox's log.
    pub received: Vec<Received>,
    /// How long that must be.
    pub received_total: u64,
    /// What the platforms of the sandbox have done because they were asked to.
    pub made: Vec<Made>,
    /// The store, for reading: a copy of the disk, opened, or the one that the machine has open.
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
    /// What the trace says of each run.
    pub(super) told: BTreeMap<String, RunTold>,
    /// The rules that ask a person, by id, as the packs' own texts say.
    pub(super) asking: BTreeSet<String>,
    /// Every host that a pack of the program speaks of.
    pub(super) hosts: Vec<String>,
    /// What the made world showed to each of the requests received.
    pub(super) shown: Shown,
    /// What the affiliate networks told.
    pub(super) owed: Owed,
    /// What was awarded at HackerOne.
    pub(super) hunter: Hunter,
    /// What rows said that may be gone by now.
    pub(super) noted: Noted,
    /// The lines of the trace that show the token of a played account, each by its first words.
    pub(super) leaks: Vec<String>,
    /// What the platforms would not give.
    pub(super) refused: Refused,
    /// The questions to the admin that it failed at.
    pub(super) failed: Vec<String>,
    /// Only what happened from then on is judged; `None`: all of it.
    since: Option<Moment>,
    /// How many lines of the trace were read.
    lines: usize,
    /// Read once for each look.
    opportunities: OnceLock<Vec<(Opportunity, Value)>>,
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
            full: Vec::new(),
            received: Vec::new(),
            received_total: 0,
            made: Vec::new(),
            store: simulation.store(),
            world: simulation.sandbox().world().cloned(),
            quotas: quota::all(&simulation.plan().rules, config.limits.max_daily_actions),
            tasks: tasks(simulation),
            now: simulation.now(),
            at_rest: false,
            told: BTreeMap::new(),
            asking: approvals::asking(&simulation.plan().rules),
            hosts: quota::hosts(&simulation.plan().rules),
            shown: Shown::default(),
            owed: Owed::of(simulation),
            hunter: Hunter::default(),
            noted: Noted::default(),
            leaks: Vec::new(),
            refused: Refused::default(),
            failed: Vec::new(),
            since: None,
            lines: 0,
            opportunities: OnceLock::new(),
        };
        evidence.read(simulation);
        evidence
    }

    /// The same of a machine that is said to be at rest.
    #[must_use]
    pub fn resting(self) -> Self {
        Self { at_rest: true, ..self }
    }

    /// Takes in what happened since it was last looked at, and opens a copy of the disk anew.
    pub fn look(&mut self, simulation: &Simulation) {
        self.store = simulation.store();
        self.look_on(simulation);
        self.since = None;
    }

    /// The same, reading from the store that the machine has open; what is judged next is what happened
    /// lately. Nothing is judged too late for that: whatever must be so must be so within hours.
    pub fn look_at_recent(&mut self, simulation: &Simulation) {
        self.store = simulation.live_store();
        self.look_on(simulation);
        let since = self.now.minus(RECENT);
        self.since = self.boots.first().is_some_and(|began| *began < since).then_some(since);
    }

    fn look_on(&mut self, simulation: &Simulation) {
        self.now = simulation.now();
        self.opportunities = OnceLock::new();
        self.read(simulation);
    }

    /// From when on things are judged, if not all are.
    pub fn since(&self) -> Option<Moment> {
        self.since
    }

    /// The same for what is led to by something up to so much earlier, which must be judged with it.
    pub fn since_after(&self, earlier: Duration) -> Moment {
        self.since.map_or(Moment::from_unix_ms(i64::MIN / 2), |since| since.plus(earlier))
    }

    fn read(&mut self, simulation: &Simulation) {
        let trace = simulation.trace_from(self.lines);
        self.lines += trace.len();
        let known = self.audit.len();
        for line in trace {
            self.read_line(line);
        }
        self.noted.take(&self.store, self.audit.get(known..).unwrap_or_default());
        for task in &self.tasks {
            self.noted.take_ticks(&self.store, &task.strategy, self.now);
        }
        let sandbox = simulation.sandbox();
        self.owed.take(sandbox);
        let before = self.received_total;
        self.received_total = sandbox.received_total();
        let new = usize::try_from(self.received_total - before).unwrap_or(usize::MAX);
        let log = sandbox.received_last(new);
        if let Some(world) = &self.world {
            self.shown.take(world, &log);
        }
        self.hunter.take(sandbox, &log, self.now);
        if log.iter().any(|request| !["GET", "HEAD"].contains(&request.method.as_str())) {
            self.made = Made::all(sandbox);
        }
        self.received.extend(log);
    }

    fn read_line(&mut self, line: String) {
        if accounts::shows_token(line.as_bytes()) {
            self.leaks.push(line.split(' ').take(3).collect::<Vec<_>>().join(" "));
        }
        let mut words = line.split(' ');
        match (words.next(), words.next(), words.next()) {
            (Some("audit"), ..) => {
                let entry = read_audit(&line);
                if let Some(entry) = entry.as_ref().filter(|entry| entry.kind.starts_with("run.")) {
                    self.told.entry(entry.text("run").to_owned()).or_default().take(entry);
                }
                return self.audit.extend(entry);
            }
            (Some("boot"), _, Some(at)) => self.boots.extend(at.parse::<Moment>()),
            (Some("end"), Some(how), Some(at)) => {
                self.ends.extend(at.parse().map(|at| (how.to_owned(), at)));
            }
            (Some("full"), Some(from), Some(until)) => {
                self.full.extend(from.parse().and_then(|from| Ok((from, until.parse()?))));
            }
            (Some("send" | "got"), ..) => self.refused.take(&line, self.audit.last().map(|entry| entry.at)),
            (Some("leaked"), ..) => self.leaks.push(line.clone()),
            (Some("asked"), Some(status), _) if status.starts_with('5') => self.failed.push(line.clone()),
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
    pub fn opportunities(&self) -> &[(Opportunity, Value)] {
        self.opportunities.get_or_init(|| {
            let rows = self.rows::<Opportunity>().into_values();
            let details = |row: &Opportunity| serde_json::from_str(&row.details).unwrap_or_default();
            rows.map(|row| (row.clone(), details(&row))).collect()
        })
    }

    /// The run of that id.
    pub fn run(&self, id: &str) -> Option<RunRecord> {
        Some(self.store.get(&Space::default_owner(), id).ok()??.value)
    }

    /// Every run that is judged.
    pub fn runs(&self) -> BTreeMap<String, RunRecord> {
        let Some(since) = self.since else { return self.rows() };
        let recent = self.told.iter().filter(|(_, told)| told.began >= Some(since)).map(|(id, _)| id);
        let space = Space::default_owner();
        let run = |id: &String| Some((id.clone(), self.store.get::<RunRecord>(&space, id).ok()??.value));
        recent.filter_map(run).collect()
    }

    /// How many runs were tidied away, as the trail says.
    pub(super) fn tidied_runs(&self) -> u64 {
        let tidied =
            self.audit.iter().filter(|entry| entry.kind == "tidy.done" && entry.text("kind") == "run");
        tidied.map(|entry| entry.payload["rows"].as_u64().unwrap_or_default()).sum()
    }

    /// The runs that are not on record any more and need not be: they ended longer ago than runs are kept, and
    /// the trail says that some were tidied away. Of what happened lately there is none.
    pub(super) fn gone(&self) -> BTreeMap<&str, &RunTold> {
        if self.since.is_some() || self.tidied_runs() == 0 {
            return BTreeMap::new();
        }
        let (there, kept_from) = (self.runs(), self.now.minus(RUNS_KEPT));
        let told = self.told.iter().map(|(id, told)| (id.as_str(), told));
        let past = |told: &RunTold| told.over.is_some_and(|over| over < kept_from);
        told.filter(|(id, told)| past(told) && !there.contains_key(*id)).collect()
    }

    /// How many runs of each strategy ended well, by the trail: it keeps all.
    pub fn ran_well(&self) -> BTreeMap<String, usize> {
        let mut runs = BTreeMap::new();
        for told in self.told.values().filter(|told| told.succeeded.is_some()) {
            *runs.entry(told.strategy.clone()).or_default() += 1;
        }
        runs
    }

    /// Every tick that was seen of the strategies that are switched on, by its row's id.
    pub fn ticks(&self) -> BTreeMap<String, TickRow> {
        let on =
            |id: &str| self.tasks.iter().any(|task| id.split('/').next() == Some(task.strategy.as_str()));
        let mut ticks = self.noted.ticks().clone();
        ticks.extend(self.rows::<TickRow>().into_iter().filter(|(id, _)| on(id)));
        ticks
    }

    /// What said no to each action that was ever blocked, by the action's id; `None` where no check did.
    pub fn blocked(&self) -> BTreeMap<String, Option<Check>> {
        let mut blocked = self.noted.blocked().clone();
        let rows = self.rows::<ActionRecord>().into_iter().filter(|(_, row)| row.stage == Stage::Blocked);
        blocked.extend(rows.map(|(id, row)| (id, noted::said_no(&row))));
        blocked
    }

    /// The audit entries that are judged.
    pub fn recent(&self) -> &[Audit] {
        let first = self.since.map_or(0, |since| self.audit.partition_point(|entry| entry.at < since));
        self.audit.get(first..).unwrap_or_default()
    }

    /// The requests that are judged.
    pub fn recent_requests(&self) -> &[Received] {
        let since = self.since_after(Duration::ZERO).unix_ms();
        let first = self.received.partition_point(|request| request.at_ms < since);
        self.received.get(first..).unwrap_or_default()
    }

    /// The audit entries of one kind, of those that are judged.
    pub fn audit_of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Audit> {
        self.recent().iter().filter(move |entry| entry.kind == kind)
    }

    /// How many ticks were due while the disk was full, and ran later.
    pub fn waited(&self) -> usize {
        let full = |at: Moment| self.full.iter().any(|(from, until)| (*from..*until).contains(&at));
        let late = |row: &&TickRow| matches!(row.fate, Fate::Late { .. });
        self.rows::<TickRow>().values().filter(late).filter(|row| full(row.due)).count()
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

/// The strategies that are switched on, as they are configured.
fn tasks(simulation: &Simulation) -> Vec<Task> {
    let plan = simulation.plan();
    let zone = plan.config.user.timezone.name();
    let abouts = plan.machine.abouts();
    let active = plan.config.active().into_iter().filter_map(|(name, own)| {
        let about = abouts.iter().find(|about| about.name == name)?;
        let task = crate::machine::task(own, about.schedule, zone).ok()?;
        let hours = |id: &str| {
            let (_, text) = plan.config.platforms.iter().find(|(platform, _)| platform.as_str() == id)?;
            Hours::parse(text, zone).ok()
        };
        Some(Task {
            strategy: name.to_owned(),
            schedule: task.schedule.expression().to_owned(),
            zone: task.schedule.zone().to_owned(),
            hours: task.hours,
            jitter: task.jitter,
            missed: task.missed.policy,
            spread: task.missed.spread,
            overlap: task.overlap,
            window: task.missed.window,
            cap: task.missed.cap,
            daily_max: own.max_daily_actions,
            priority: own.priority,
            needs: about.required_accounts.iter().map(|&id| id.to_owned()).collect(),
            platforms: about.proposes.iter().map(|&(id, _)| (id.to_owned(), hours(id))).collect(),
        })
    });
    active.collect()
}
