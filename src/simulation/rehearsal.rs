//! A rehearsal: so many days of a configuration on virtual time, with weather, checked after each step.
//!
//! A step is a simulated hour, or a start of the machine. After each what happened lately is checked; all of it
//! is checked after each of the first days, later each week, and at the end: so the cost of a day hardly grows with
//! the days before. The first step at which something is wrong is the last. It touches what a [`Simulation`]
//! touches: nothing outside.

use std::time::Duration;

use mm_core::digest::Digest;
use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_core::opportunity::Opportunity;
use mm_services::records::OpenRow;
use mm_store::{Record as _, Span};

use super::accounts;
use super::check::{Evidence, check, check_recent};
use super::owner::Desk;
use super::weather::{Blow, Blows};
use super::{Died, End, Plan, Simulation, Weather};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// So many days are each checked whole; later every so many.
const CHECKED_WHOLE: u32 = 7;
/// So long before the end the weather is fair, so that breakers close and what was cut off is settled; but
/// never for more than a third of the time.
const FAIR_AT_LAST: Duration = Duration::from_secs(8 * 3600);
/// So long at most it is waited for a moment at which nothing is under way.
const REST_WITHIN: Duration = Duration::from_secs(3 * 3600);
/// A disk that is to fail does so in this time, or not at all.
const DISK_FAILS_WITHIN: Duration = Duration::from_secs(2 * 3600);
/// After starts that failed it is in safe mode for so long, and no longer: what is due meanwhile is on record
/// within a minute.
const SAFE_MODE: Duration = Duration::from_secs(40);

/// What a rehearsal left behind.
pub struct Rehearsed {
    /// The machine, still up.
    pub simulation: Simulation,
    /// All that was seen of it.
    pub evidence: Evidence,
    /// What is wrong, a line each; nothing is wrong if there is none.
    pub findings: Vec<String>,
    /// How often it was checked, whole or what happened lately.
    pub checks: u32,
    /// How often all of it was.
    pub checks_whole: u32,
    /// When it began.
    pub began: Moment,
}

impl Rehearsed {
    /// The whole trace, a line for each thing that happened.
    pub fn trace(&self) -> String {
        let mut text = self.simulation.trace().join("\n");
        text.push('\n');
        text
    }

    /// The SHA-256 of a trace.
    pub fn digest(trace: &str) -> String {
        Digest::of(trace.as_bytes()).to_string()
    }
}

/// Rehearses a plan for so long. `tell` is called after each simulated day with the number of days that
/// are over.
///
/// # Panics
/// If the machine does not start, or not again.
pub fn rehearse(plan: Plan, time: Duration, weather: Weather, tell: &mut dyn FnMut(u32)) -> Rehearsed {
    let began = plan.began;
    let (until, seed, owner) = (began.plus(time), plan.seed, plan.owner);
    let accounts = accounts::of(&plan.config);
    let simulation = Simulation::new(plan);
    simulation.sandbox().set_mix(weather.mix(seed));
    let evidence = Evidence::of_busy(&simulation);
    let mut rehearsal = Rehearsal {
        of: Rehearsed { simulation, evidence, findings: Vec::new(), checks: 0, checks_whole: 0, began },
        blows: Blows::new(weather, seed),
        desk: Desk::of(owner, seed, accounts),
        days: 0,
        opportunities: 0,
        tell,
    };
    rehearsal.desk.add_accounts(&rehearsal.of.simulation);
    rehearsal.live(until);
    rehearsal.rest();
    rehearsal.of
}

struct Rehearsal<'a> {
    of: Rehearsed,
    blows: Blows,
    desk: Desk,
    /// How many days are over.
    days: u32,
    /// How many opportunities there were at the last look.
    opportunities: u64,
    tell: &'a mut dyn FnMut(u32),
}

impl Rehearsal<'_> {
    fn now(&self) -> Moment {
        self.of.simulation.now()
    }

    fn is_over(&self) -> bool {
        !self.of.findings.is_empty()
    }

    /// Lets it live until then, the last hours in fair weather.
    fn live(&mut self, until: Moment) {
        let fair = until.minus(FAIR_AT_LAST.min(until.since(self.now()) / 3));
        let mut blow = self.blows.next(self.now()).filter(|blow| blow.at < fair);
        let mut step = self.now().plus(HOUR);
        while self.now() < until && !self.is_over() {
            if self.now() >= fair {
                self.of.simulation.sandbox().set_mix(None);
            }
            let next = step.min(until);
            match blow.filter(|blow| blow.at <= next) {
                Some(now) => {
                    self.strike(now);
                    blow = self.blows.next(self.now()).filter(|blow| blow.at < fair);
                }
                None => {
                    self.pass(next);
                    self.desk.sit(&self.of.simulation);
                    self.check();
                    step = step.plus(HOUR);
                    let full = self.blows.disk_fills();
                    if let Some(time) = full.filter(|time| self.now().plus(*time) < fair) {
                        self.of.simulation.fill_disk_for(time);
                    }
                }
            }
            while step <= self.now() {
                step = step.plus(HOUR);
            }
            self.count_days();
        }
        self.of.simulation.sandbox().set_mix(None);
    }

    /// Lets time pass; a disk that fails meanwhile is mended.
    fn pass(&mut self, until: Moment) {
        if self.of.simulation.run_until(until) != Ok(()) {
            self.start_again(End::Killed, MINUTE);
        }
    }

    fn strike(&mut self, blow: Blow) {
        let died = self.of.simulation.run_until(blow.at);
        if blow.starts_fail {
            self.of.simulation.restart_after_failures(End::Killed, blow.down);
            let died = self.of.simulation.run_for(SAFE_MODE);
            debug_assert_eq!(died, Ok(()), "no disk is to fail");
        } else if died == Ok(())
            && let Some(ops) = blow.disk
        {
            self.of.simulation.let_disk_fail_after(ops);
            let died: Result<(), Died> = self.of.simulation.run_for(DISK_FAILS_WITHIN);
            self.of.simulation.memory().heal();
            return self.start_again(if died.is_err() { End::Killed } else { blow.end }, blow.down);
        }
        self.start_again(if died.is_err() { End::Killed } else { blow.end }, blow.down);
    }

    fn start_again(&mut self, end: End, down: Duration) {
        self.of.simulation.restart(end, down);
        self.check();
    }

    /// What happened lately.
    fn check(&mut self) {
        self.of.evidence.look_at_recent(&self.of.simulation);
        let opportunities =
            self.of.evidence.store.count(&Space::default_owner(), Opportunity::KIND).unwrap_or(0);
        let more = std::mem::replace(&mut self.opportunities, opportunities) != opportunities;
        self.judge(|e| check_recent(e, more));
    }

    /// All there is, on a copy of the disk as it would be found after a kill.
    fn check_all(&mut self) {
        self.of.evidence.look(&self.of.simulation);
        self.of.checks_whole += 1;
        self.judge(check);
    }

    fn judge(&mut self, check: impl Fn(&Evidence) -> Vec<String>) {
        let now = self.now();
        self.of.checks += 1;
        self.of.findings.extend(check(&self.of.evidence).into_iter().map(|line| format!("{now} {line}")));
    }

    fn count_days(&mut self) {
        let over = self.now().since(self.of.began).as_secs() / DAY.as_secs();
        let over = u32::try_from(over).unwrap_or(u32::MAX);
        if over > self.days {
            self.days = over;
            (self.tell)(over);
            if over < CHECKED_WHOLE || over.is_multiple_of(CHECKED_WHOLE) {
                self.check_all();
            }
        }
    }

    /// Waits until nothing is under way, and looks at it all once more, strictly. Where something is wrong it looks
    /// alone: what is told of the rehearsal is told of all of it.
    fn rest(&mut self) {
        if self.is_over() {
            return self.of.evidence.look(&self.of.simulation);
        }
        let late = self.now().plus(REST_WITHIN);
        while !self.is_quiet() && self.now() < late {
            self.pass(self.now().plus(MINUTE));
        }
        self.of.evidence.at_rest = true;
        self.check_all();
    }

    /// Whether no run and no action is under way.
    fn is_quiet(&mut self) -> bool {
        self.of.evidence.look_at_recent(&self.of.simulation);
        let e = &self.of.evidence;
        let open = |space: &Space| {
            e.store.scan::<OpenRow>(space, Span::all(), 1).is_ok_and(|open| !open.rows.is_empty())
        };
        !open(&Space::machine())
            && !open(&Space::default_owner())
            && e.runs().values().all(|run| run.outcome.is_some())
    }
}
