//! What becomes of the ticks that are due: each gets one fate, in the order in which they were due.
//!
//! At most one run is started by one look. What is to run later (missed ticks that are run one after
//! the other, a tick that waits for a run to end or for allowed hours) stays undecided and is *owed*:
//! the newest tick that is decided is the one mark of how far things are, so that no crash and no jump
//! of the clock decides anything twice.
//!
//! The run that makes up for ticks that passed unseen waits for one that is under way, whatever the
//! overlap says of a tick on time: after a crash that one is the run that was cut off, and nothing else
//! would ever run for them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{CAP_MAX, Fate, Missed, Occurrence, Overlap, Shift, Task, show_span};
use crate::moment::Moment;

/// A tick that is taken up no later than this after its time is on time.
pub const GRACE: Duration = Duration::from_secs(60);
/// The most ticks that one look decides on. Of more, the oldest are one stretch, and one looks again.
pub const LOOK_MAX: usize = 10_000;
/// The most ticks of one look that are told one by one. Of more, the older are told as stretches.
const LISTED_MAX: usize = 100;
/// What waits for a run to end, or for room, is looked at again after so long.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Ticks that are still to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    /// The newest of them.
    pub through: Moment,
    /// The next of them runs no sooner than this.
    pub not_before: Moment,
}

/// Why nothing may be started now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// Somebody paused the task.
    Paused {
        /// Who, and why: half a sentence.
        by: String,
        /// Until when, if that is known.
        until: Option<Moment>,
    },
    /// Something that it needs is not to be had.
    Gated {
        /// What: half a sentence.
        by: String,
    },
    /// The machine has no room now. That passes by itself: the newest tick waits for it until the next is
    /// due, or all of them do if each missed tick is to run.
    Waits {
        /// What is short: half a sentence.
        by: String,
    },
    /// It is not to run for another reason.
    Off {
        /// Half a sentence.
        why: String,
    },
}

impl Hold {
    /// The same for a tick that cannot wait.
    #[must_use]
    pub fn at_once(self) -> Self {
        match self {
            Hold::Waits { by } => Hold::Gated { by },
            hold => hold,
        }
    }

    fn fate(&self) -> Fate {
        match self.clone() {
            Hold::Paused { by, until } => Fate::Paused { by, until },
            Hold::Gated { by } | Hold::Waits { by } => Fate::Gated { by },
            Hold::Off { why } => Fate::Skipped { why },
        }
    }
}

/// A time in which the task was paused; perhaps it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PauseSpan {
    /// Who paused it, and why: half a sentence.
    pub by: String,
    /// Since when.
    pub since: Moment,
    /// Until when, if that is known.
    pub until: Option<Moment>,
}

impl PauseSpan {
    fn holds(&self, at: Moment) -> bool {
        self.since <= at && self.until.is_none_or(|until| at < until)
    }
}

/// How things are when one looks.
#[derive(Debug, Clone)]
pub struct Situation {
    /// The newest tick that is decided, or the moment the task was set.
    pub last: Moment,
    /// Now.
    pub now: Moment,
    /// What an earlier look left to run.
    pub owed: Option<Owed>,
    /// [`Task::delay`].
    pub delay: Duration,
    /// The run under way, if there is one.
    pub busy: Option<String>,
    /// Why nothing may be started, if so.
    pub hold: Option<Hold>,
    /// A tick that was to be taken up in this time was paused, also if one looks at it only later.
    pub paused: Option<PauseSpan>,
}

/// A tick with its fate, or a stretch of many that have the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruled {
    /// When it was due; of a stretch, the newest of it.
    pub at: Moment,
    /// When the oldest of it was due; the same for a single tick.
    pub from: Moment,
    /// How many it is.
    pub count: u64,
    /// What became of it.
    pub fate: Fate,
}

/// What follows from a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The ticks decided, oldest first. At most one of them starts a run.
    pub ruled: Vec<Ruled>,
    /// The newest tick that is decided now.
    pub last: Moment,
    /// What is left to run.
    pub owed: Option<Owed>,
    /// Whether the run under way is cancelled for the one that starts.
    pub cancels: bool,
    /// When to look again; `None` if the task is never due again.
    pub look: Option<Moment>,
}

impl Decision {
    /// The tick that starts a run, if one does.
    pub fn starts(&self) -> Option<Moment> {
        self.ruled.iter().find(|ruled| ruled.fate.started()).map(|ruled| ruled.at)
    }

    /// The run that was to start could not (`why`): it stands for nothing either.
    pub fn starts_nothing(&mut self, why: &str) {
        let Some(at) = self.starts() else { return };
        for ruled in &mut self.ruled {
            match ruled.fate {
                Fate::Merged { into } if into == at => ruled.fate = unstarted(),
                _ if ruled.at == at => ruled.fate = Fate::Skipped { why: why.to_owned() },
                _ => {}
            }
        }
    }
}

/// Decides on every tick that is due at `at.now` and not decided yet. A clock that went back makes
/// nothing due.
pub fn decide(task: &Task, at: &Situation) -> Decision {
    let mut due = undecided(task, at);
    let mut desk = Desk { task, at, ruled: Vec::new(), last: at.last, owed: at.owed, cancels: false };
    if due.len() > LOOK_MAX {
        due.truncate(LOOK_MAX);
        desk.leave(&due[..LOOK_MAX - LISTED_MAX]);
        return Decision { look: Some(at.now), ..desk.close() };
    }
    desk.rule(&due);
    let look = desk.look();
    Decision { look, ..desk.close() }
}

/// When to look, with nothing decided since `at.last`.
pub fn look_at(task: &Task, at: &Situation) -> Option<Moment> {
    Desk { task, at, ruled: Vec::new(), last: at.last, owed: at.owed, cancels: false }.look()
}

/// The ticks due, oldest first; at most one more than [`LOOK_MAX`].
fn undecided(task: &Task, at: &Situation) -> Vec<Occurrence> {
    let mut due = Vec::new();
    let mut last = at.last;
    while let Some(tick) = task.schedule.next(last).filter(|tick| tick.at.plus(at.delay) <= at.now) {
        due.push(tick);
        last = tick.at;
        if due.len() > LOOK_MAX {
            break;
        }
    }
    due
}

/// What is to become of a tick before one looks at what is under way.
enum Want {
    Run,
    Merge,
    Paused(Fate),
    Miss(String),
    Closed(String),
}

impl Want {
    /// The fate of a tick that is not to run, whatever is under way; `None` of one that is, or that merges
    /// into it.
    fn fate(&self) -> Option<Fate> {
        match self {
            Want::Run | Want::Merge => None,
            Want::Paused(fate) => Some(fate.clone()),
            Want::Miss(why) => Some(Fate::Missed { why: why.clone() }),
            Want::Closed(why) => Some(Fate::Skipped { why: why.clone() }),
        }
    }
}

/// The fate of a tick that passed unseen, for which another's run was to stand that did not start.
fn unstarted() -> Fate {
    Fate::Missed { why: "it passed unseen, and the run for it did not start".to_owned() }
}

struct Desk<'a> {
    task: &'a Task,
    at: &'a Situation,
    ruled: Vec<Ruled>,
    last: Moment,
    owed: Option<Owed>,
    cancels: bool,
}

impl Desk<'_> {
    fn put(&mut self, at: Moment, fate: Fate) {
        self.ruled.push(Ruled { at, from: at, count: 1, fate });
        self.last = at;
    }

    fn age(&self, tick: Moment) -> Duration {
        self.at.now.since(tick.plus(self.at.delay))
    }

    /// The oldest of very many: stretches of those that have the same fate.
    fn leave(&mut self, ticks: &[Occurrence]) {
        let why = "it passed unseen, and too many came after it to be made up for".to_owned();
        for tick in ticks {
            let fate = match self.want(tick.at, &mut 0) {
                Want::Paused(fate) => fate,
                Want::Closed(why) => Fate::Skipped { why },
                Want::Run | Want::Merge | Want::Miss(_) => Fate::Missed { why: why.clone() },
            };
            match self.ruled.last_mut().filter(|stretch| stretch.fate == fate) {
                Some(stretch) => (stretch.at, stretch.count) = (tick.at, stretch.count + 1),
                None => self.ruled.push(Ruled { at: tick.at, from: tick.at, count: 1, fate }),
            }
            self.last = tick.at;
        }
    }

    /// What each tick is wanted for: judged from the newest, as the newest stands for the older ones.
    fn wants(&self, due: &[Occurrence]) -> Vec<Want> {
        let mut runs = 0;
        let mut wants: Vec<Want> = due.iter().rev().map(|tick| self.want(tick.at, &mut runs)).collect();
        wants.reverse();
        wants
    }

    fn want(&self, tick: Moment, runs: &mut u32) -> Want {
        let rule = &self.task.missed;
        if let Some(hours) = self.task.hours.filter(|hours| !hours.allow(tick.plus(self.at.delay))) {
            return Want::Closed(format!("it lies outside the allowed hours {hours}"));
        }
        let taken_up = tick.plus(self.at.delay);
        if let Some(span) = self.at.paused.as_ref().filter(|span| span.holds(taken_up)) {
            return Want::Paused(Fate::Paused { by: span.by.clone(), until: span.until });
        }
        let age = self.age(tick);
        let made_up_for = age <= GRACE || self.is_owed(tick);
        let past = rule.window.filter(|window| !made_up_for && *window < age);
        let cap = rule.cap.clamp(1, CAP_MAX);
        match (rule.policy, past) {
            (_, Some(window)) => {
                Want::Miss(format!("it passed unseen, and is older than the window of {}", show_span(window)))
            }
            (Missed::Skip, None) if !made_up_for => {
                Want::Miss("it passed unseen, and missed ticks are skipped".to_owned())
            }
            (Missed::Skip | Missed::Once, None) if *runs > 0 => Want::Merge,
            (Missed::All, None) if *runs >= cap => {
                Want::Miss(format!("it passed unseen, and no more than {cap} are made up for"))
            }
            _ => {
                *runs += 1;
                Want::Run
            }
        }
    }

    fn rule(&mut self, due: &[Occurrence]) {
        let wants = self.wants(due);
        let newest_run = due.iter().zip(&wants).rev().find(|(_, want)| matches!(want, Want::Run));
        let Some(newest_run) = newest_run.map(|(tick, _)| tick.at) else {
            // With nothing to run, what is owed lies ahead of a clock that went back.
            self.owed = self.owed.filter(|owed| self.at.now < owed.through);
            return self.rest(due, &wants);
        };
        if let Some(hold) = &self.at.hold {
            if matches!(hold, Hold::Waits { .. }) {
                if self.task.missed.policy == Missed::All {
                    return self.postpone_all(due, &wants, newest_run);
                }
                // One after which another was due has waited long enough.
                if due.last().is_some_and(|tick| tick.at == newest_run) {
                    return self.postpone(due, &wants, hold);
                }
            }
            return self.held(due, &wants, hold);
        }
        let owed = self.wait(self.unseen(due, &wants), newest_run);
        let skips = if owed.is_none() { self.skips_for() } else { None };
        for (i, (tick, want)) in due.iter().zip(&wants).enumerate() {
            let merges = || skips.clone().unwrap_or(Fate::Merged { into: newest_run });
            if !matches!(want, Want::Run) {
                self.put(tick.at, want.fate().unwrap_or_else(merges));
                continue;
            }
            if owed.is_some() {
                self.owed = owed;
                return;
            }
            if let Some(skipped) = &skips {
                self.put(tick.at, skipped.clone());
                continue;
            }
            self.start(tick, newest_run);
            if self.owed.is_none() {
                self.rest(&due[i + 1..], &wants[i + 1..]);
            }
            return;
        }
        self.owed = None;
    }

    /// Whether one of those that are to be made up for passed while nobody looked.
    fn unseen(&self, due: &[Occurrence], wants: &[Want]) -> bool {
        let to_run = |want: &Want| matches!(want, Want::Run | Want::Merge);
        due.iter().zip(wants).any(|(tick, want)| to_run(want) && GRACE < self.age(tick.at))
    }

    /// Whether a later one was to stand for a tick that passed unseen. One that is owed was seen, and waited.
    fn merges_unseen(&self, tick: Moment, want: &Want) -> bool {
        matches!(want, Want::Merge) && !self.is_owed(tick) && GRACE < self.age(tick)
    }

    fn is_owed(&self, tick: Moment) -> bool {
        self.at.owed.is_some_and(|owed| tick <= owed.through)
    }

    /// What is owed, if the next run, which goes as far as `through`, has to wait. `makes_up`: it makes up for
    /// what passed unseen.
    fn wait(&self, makes_up: bool, through: Moment) -> Option<Owed> {
        let now = self.at.now;
        let owed = self.at.owed;
        if let Some(owed) = owed.filter(|owed| now < owed.not_before) {
            return Some(Owed { through: through.max(owed.through), ..owed });
        }
        if let Some(hours) = self.task.hours.filter(|hours| !hours.allow(now)) {
            return Some(Owed { through, not_before: hours.opening(now) });
        }
        let waits = match self.task.overlap {
            Overlap::Buffer => true,
            Overlap::Skip => owed.is_some() || makes_up,
            Overlap::CancelOther | Overlap::Allow => false,
        };
        let not_before = owed.map_or(now, |owed| owed.not_before);
        (self.at.busy.is_some() && waits).then_some(Owed { through, not_before })
    }

    /// The fate of ticks that start nothing for the run under way, and do not wait for it.
    fn skips_for(&self) -> Option<Fate> {
        let run = self.at.busy.as_ref().filter(|_| self.task.overlap == Overlap::Skip)?;
        Some(Fate::Skipped { why: format!("run {run} was under way") })
    }

    fn start(&mut self, tick: &Occurrence, through: Moment) {
        let by = self.age(tick.at);
        let fate = match tick.shift {
            _ if GRACE < by => Fate::Late { by },
            Some(Shift::Moved { from }) => Fate::Moved { from: from.format("%Y-%m-%dT%H:%M:%S").to_string() },
            _ => Fate::Ran,
        };
        self.put(tick.at, fate);
        self.cancels = self.at.busy.is_some() && self.task.overlap == Overlap::CancelOther;
        let not_before = self.at.now.plus(self.task.missed.spread);
        self.owed = (tick.at < through).then_some(Owed { through, not_before });
    }

    /// Nothing may be started: what would have run says why, and what passed unseen before it was missed.
    fn held(&mut self, due: &[Occurrence], wants: &[Want], hold: &Hold) {
        for (tick, want) in due.iter().zip(wants) {
            let without = || if self.merges_unseen(tick.at, want) { unstarted() } else { hold.fate() };
            self.put(tick.at, want.fate().unwrap_or_else(without));
        }
        self.owed = None;
    }

    /// There is no room: the newest is owed, and those before it, for which it stands, did not start.
    fn postpone(&mut self, due: &[Occurrence], wants: &[Want], hold: &Hold) {
        let Some((newest, before)) = due.split_last() else { return };
        for (tick, want) in before.iter().zip(wants) {
            let stands = Fate::Merged { into: newest.at };
            let without = || if self.merges_unseen(tick.at, want) { stands } else { hold.fate() };
            self.put(tick.at, want.fate().unwrap_or_else(without));
        }
        self.owe(newest.at);
    }

    /// There is no room, and each of them is to run: all are owed, as far as the cap goes.
    fn postpone_all(&mut self, due: &[Occurrence], wants: &[Want], newest_run: Moment) {
        self.rest(due, wants);
        self.owe(newest_run);
    }

    fn owe(&mut self, through: Moment) {
        let not_before = self.at.owed.map_or(self.at.now, |owed| owed.not_before);
        self.owed = Some(Owed { through, not_before });
    }

    /// Ticks of which none is to run; what merges stands before what runs.
    fn rest(&mut self, due: &[Occurrence], wants: &[Want]) {
        let fates = wants.iter().map_while(Want::fate);
        due.iter().zip(fates).for_each(|(tick, fate)| self.put(tick.at, fate));
    }

    fn look(&self) -> Option<Moment> {
        let now = self.at.now;
        let next = self.task.schedule.next_after(self.last).map(|next| next.plus(self.at.delay));
        // What is owed is not decided, so it is among what comes next.
        let held = self.at.busy.is_some() || matches!(self.at.hold, Some(Hold::Waits { .. }));
        let waits = match self.owed {
            None => return next,
            Some(owed) if held => owed.not_before.max(now.plus(AGAIN_AFTER)),
            Some(owed) => owed.not_before,
        };
        next.map(|next| next.max(waits))
    }

    /// With all but the newest told as stretches, if there are many.
    fn close(self) -> Decision {
        let mut ruled: Vec<Ruled> = Vec::new();
        let many = self.ruled.len().saturating_sub(LISTED_MAX);
        for (i, next) in self.ruled.into_iter().enumerate() {
            match ruled.last_mut().filter(|stretch| i < many && stretch.fate == next.fate) {
                Some(stretch) if !next.fate.started() => {
                    (stretch.at, stretch.count) = (next.at, stretch.count + next.count);
                }
                _ => ruled.push(next),
            }
        }
        Decision { ruled, last: self.last, owed: self.owed, cancels: self.cancels, look: None }
    }
}
