//! Schedules: when each strategy is due, by which rules, and what became of each tick.
//!
//! A task is named by its strategy. What the owner set outweighs the configuration; what was due is told
//! from the tick ledger alone, as the schedule may have been another then.

mod why;

use mm_core::moment::Moment;
use mm_core::schedule::{Dst, Occurrence, RULE_KEYS, RuleKey, Rules, Schedule, Shift, Task, show_span};
use mm_services::records::{ScheduleRow, StrategyRow, TaskRow, TickRow};
use mm_services::strategies;
use mm_store::{Record, Span};
use serde::{Deserialize, Serialize};

use super::{Problem, Question, Reader, Strategy, strategy, unread};

pub(super) use why::why;
pub use why::{AnswerView, WhyView};

/// So many ticks are shown before a schedule is saved, and by `next`.
const SHOWN: usize = 5;
/// No more are told at once.
const SHOWN_MAX: usize = 1000;

/// A task: when it is due, and the rules for its ticks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskView {
    /// The strategy.
    pub task: String,
    /// `scheduled`, `paused`, `isolated`, `disabled`, `error`, `cancelled` or `over` (never due again).
    pub state: String,
    /// Why it is not simply scheduled, if so.
    pub why: Option<String>,
    /// When its pause ends by itself.
    pub until: Option<String>,
    /// As it was written; null while it is cancelled.
    pub schedule: Option<String>,
    pub timezone: String,
    /// `configuration`, or `set` by the owner.
    pub source: String,
    /// When and by whom it was set.
    pub set_at: Option<String>,
    pub set_by: Option<String>,
    #[serde(flatten)]
    pub rules: RulesView,
    /// How much later than due its ticks start here: its part of the jitter.
    pub delay_ms: u64,
    /// The coming ticks; in a list only the first.
    pub next: Vec<TickView>,
    /// The newest tick on record.
    pub last: Option<DecidedView>,
}

/// The rules for the ticks of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulesView {
    pub missed: String,
    pub missed_window: Option<String>,
    pub missed_cap: u32,
    pub missed_spread: String,
    pub overlap: String,
    pub jitter: Option<String>,
    pub hours: Option<String>,
    /// Null: as is usual.
    pub gap: Option<String>,
    /// Null: as is usual.
    pub fold: Option<String>,
}

/// A tick to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TickView {
    pub task: String,
    /// When it is due.
    pub at: String,
    /// The same by the clock of the task's zone.
    pub local: String,
    /// What a change of the clocks does to it, if one does.
    pub shift: Option<String>,
    /// Why it will start nothing as things stand.
    pub note: Option<String>,
}

/// A tick on record, or a stretch of many with the same fate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecidedView {
    /// When it was due; of a stretch, the newest of it.
    pub at: String,
    pub local: String,
    /// When the oldest of it was due.
    pub from: String,
    pub count: u64,
    /// `ran`, `late`, `moved`, `skipped`, `merged`, `gated`, `paused` or `missed`.
    pub fate: String,
    pub sentence: String,
    pub run: Option<String>,
}

/// What holds for one task now.
struct Current<'a> {
    strategy: &'a Strategy,
    /// What the owner set; its task is `None` where it is cancelled.
    set: Option<TaskRow>,
    row: StrategyRow,
    /// The newest tick that is decided.
    last: Option<Moment>,
}

impl<'a> Current<'a> {
    fn of(reader: &Reader, strategy: &'a Strategy) -> Result<Self, Problem> {
        let name = strategy.about.name;
        fn get<R: Record>(reader: &Reader, name: &str) -> Result<Option<R>, Problem> {
            let row = reader.store.get::<R>(&reader.space, name).map_err(|error| unread(&error))?;
            Ok(row.map(|row| row.value))
        }
        let row = match &strategy.live {
            Some(live) => live.row.clone(),
            None => get::<StrategyRow>(reader, name)?.unwrap_or_default(),
        };
        let last = get::<ScheduleRow>(reader, name)?.and_then(|row| row.last);
        Ok(Self { strategy, set: get(reader, name)?, row, last })
    }

    fn name(&self) -> &'static str {
        self.strategy.about.name
    }

    /// The task; `None` while it is cancelled.
    fn task(&self) -> Option<&Task> {
        match &self.set {
            Some(set) => set.task.as_ref(),
            None => Some(&self.strategy.task),
        }
    }

    /// What the rules and the clock of a cancelled task are taken from too.
    fn any_task(&self) -> &Task {
        self.task().unwrap_or(&self.strategy.task)
    }

    /// The state in a word, with why.
    fn state(&self, now: Moment) -> (&'static str, Option<String>) {
        use mm_core::breaker::State;
        let live = self.strategy.live.as_ref();
        if let Some(set) = self.set.as_ref().filter(|set| set.task.is_none()) {
            return ("cancelled", Some(format!("cancelled at {} by {}", set.since, set.by)));
        }
        let enabled = live.map_or(self.row.enabled.unwrap_or(self.strategy.enabled), |live| live.enabled);
        if !enabled {
            return ("disabled", Some("disabled; `strategy enable` switches it on".to_owned()));
        }
        if let Some(why) = live.and_then(|live| live.put_aside.clone()) {
            return ("error", Some(format!("put aside: {why}")));
        }
        if let State::Isolated { reason, .. } = self.row.breaker.state() {
            return ("isolated", Some(format!("isolated by a person: {reason}")));
        }
        if let Some(pause) = self.row.pause(now) {
            return ("paused", Some(format!("paused {}", pause.told())));
        }
        match self.task().and_then(|task| task.schedule.next_after(self.from(now))) {
            Some(_) => ("scheduled", None),
            None => ("over", Some("never due again".to_owned())),
        }
    }

    /// What comes next comes after this.
    fn from(&self, now: Moment) -> Moment {
        self.last.map_or(now, |last| last.max(now))
    }

    /// The next `count` ticks of `task`, as things stand.
    fn coming(
        &self,
        task: &Task,
        now: Moment,
        delay: std::time::Duration,
        count: usize,
    ) -> Vec<(Moment, TickView)> {
        let (state, why) = self.state(now);
        let until = self.row.pause(now).and_then(|pause| pause.until);
        let mut after = self.from(now);
        let mut ticks = Vec::new();
        while let Some(tick) = task.schedule.next(after).filter(|_| ticks.len() < count) {
            after = tick.at;
            let taken_up = tick.at.plus(delay);
            let held = match state {
                "scheduled" | "over" | "cancelled" => None,
                "paused" if until.is_some_and(|until| until <= taken_up) => None,
                "paused" => why.clone().map(|why| match until {
                    Some(until) => format!("{why}, until {until}"),
                    None => why,
                }),
                _ => why.clone(),
            };
            let closed = task.hours.filter(|hours| !hours.allow(taken_up));
            let closed = closed.map(|hours| format!("skipped: outside the allowed hours {hours}"));
            ticks.push((tick.at, tick_view(self.name(), task, &tick, closed.or(held))));
        }
        ticks
    }

    fn view(&self, reader: &Reader, task: Option<&Task>, count: usize) -> Result<TaskView, Problem> {
        let shown = task.unwrap_or_else(|| self.any_task());
        let delay = delay(reader, self.name(), shown)?;
        let (state, why) = self.state(reader.now);
        let coming = task.map(|task| self.coming(task, reader.now, delay, count)).unwrap_or_default();
        let last = newest(reader, self.name())?;
        Ok(TaskView {
            task: self.name().to_owned(),
            state: state.to_owned(),
            why,
            until: self.row.pause(reader.now).and_then(|pause| pause.until).map(|until| until.to_string()),
            schedule: task.map(|task| task.schedule.expression().to_owned()),
            timezone: shown.schedule.zone().to_owned(),
            source: if self.set.is_some() { "set" } else { "configuration" }.to_owned(),
            set_at: self.set.as_ref().map(|set| set.since.to_string()),
            set_by: self.set.as_ref().map(|set| set.by.clone()),
            rules: RulesView::from(shown),
            delay_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
            next: coming.into_iter().map(|(_, view)| view).collect(),
            last: last.map(|row| DecidedView::of(&row, shown)),
        })
    }
}

impl From<&Task> for RulesView {
    fn from(task: &Task) -> Self {
        let Dst { gap, fold } = task.schedule.dst();
        Self {
            missed: task.missed.policy.as_str().to_owned(),
            missed_window: task.missed.window.map(show_span),
            missed_cap: task.missed.cap,
            missed_spread: show_span(task.missed.spread),
            overlap: task.overlap.as_str().to_owned(),
            jitter: Some(task.jitter).filter(|jitter| !jitter.is_zero()).map(show_span),
            hours: task.hours.map(|hours| hours.to_string()),
            gap: gap.map(|gap| gap.as_str().to_owned()),
            fold: fold.map(|fold| fold.as_str().to_owned()),
        }
    }
}

impl DecidedView {
    fn of(row: &TickRow, task: &Task) -> Self {
        Self {
            at: row.due.to_string(),
            local: task.schedule.local(row.due),
            from: row.from.to_string(),
            count: row.count,
            fate: row.fate.as_str().to_owned(),
            sentence: row.fate.to_string(),
            run: row.run.as_ref().map(ToString::to_string),
        }
    }
}

fn tick_view(name: &str, task: &Task, tick: &Occurrence, note: Option<String>) -> TickView {
    TickView {
        task: name.to_owned(),
        at: tick.at.to_string(),
        local: task.schedule.local(tick.at),
        shift: tick.shift.as_ref().map(shift),
        note,
    }
}

/// What a change of the clocks does to a tick.
fn shift(shift: &Shift) -> String {
    match shift {
        Shift::Moved { from } => {
            format!("moved: the clocks leave out {}, so it is due right after", from.format("%H:%M"))
        }
        Shift::First => "the first of two: the clocks show this time twice".to_owned(),
        Shift::Second => "the second of two: the clocks show this time twice".to_owned(),
    }
}

fn delay(reader: &Reader, name: &str, task: &Task) -> Result<std::time::Duration, Problem> {
    strategies::delay(&reader.store, task, name).map_err(|error| unread(&error))
}

/// The ticks of a task on record, oldest first, and the ids of those that do not open.
fn ticks(reader: &Reader, name: &str) -> Result<(Vec<TickRow>, Vec<String>), Problem> {
    let all = format!("{name}/");
    let rows = reader.store.scan::<TickRow>(&reader.space, Span::prefix(&all), usize::MAX);
    let mut rows = rows.map_err(|error| unread(&error))?;
    let damaged = std::mem::take(&mut rows.damaged).into_iter().map(|row| row.id).collect();
    Ok((rows.into_values().collect(), damaged))
}

/// The newest tick on record that opens.
fn newest(reader: &Reader, name: &str) -> Result<Option<TickRow>, Problem> {
    Ok(ticks(reader, name)?.0.pop())
}

fn current<'a>(reader: &'a Reader, name: &str) -> Result<Current<'a>, Problem> {
    let strategy = reader.strategy(name).ok_or_else(|| strategy::unknown(reader, name))?;
    Current::of(reader, strategy)
}

/// The schedule of a strategy as it holds, in a line.
pub(super) fn in_words(reader: &Reader, strategy: &Strategy) -> Result<String, Problem> {
    let current = Current::of(reader, strategy)?;
    Ok(match (current.task(), &current.set) {
        (None, _) => "cancelled".to_owned(),
        (Some(task), Some(_)) => task.schedule.expression().to_owned(),
        (Some(_), None) => strategy.schedule.clone(),
    })
}

/// Every task with its next tick.
pub(super) fn list(reader: &Reader) -> Result<Vec<TaskView>, Problem> {
    let view = |strategy| {
        let current = Current::of(reader, strategy)?;
        current.view(reader, current.task(), 1)
    };
    reader.strategies.iter().map(view).collect()
}

/// The ticks to come, of one task or of all, the first first.
pub(super) fn next(reader: &Reader, question: &Question) -> Result<Vec<TickView>, Problem> {
    question.only(&["task", "count"])?;
    let count = question.value::<usize>("count")?.unwrap_or(SHOWN);
    if !(1..=SHOWN_MAX).contains(&count) {
        return Err(Problem::Bad(format!("`count` is a number from 1 to {SHOWN_MAX}")));
    }
    let tasks = match question.text("task") {
        Some(name) => vec![current(reader, name)?],
        None => reader.strategies.iter().map(|own| Current::of(reader, own)).collect::<Result<_, _>>()?,
    };
    let mut all = Vec::new();
    for current in &tasks {
        if let Some(task) = current.task() {
            all.extend(current.coming(task, reader.now, delay(reader, current.name(), task)?, count));
        }
    }
    all.sort_by_key(|(at, _)| *at);
    all.truncate(count);
    Ok(all.into_iter().map(|(_, tick)| tick).collect())
}

/// One task with its next ticks.
pub(super) fn show(reader: &Reader, name: &str) -> Result<TaskView, Problem> {
    let current = current(reader, name)?;
    current.view(reader, current.task(), SHOWN)
}

/// What is said of a task, by name: as a question holds it.
pub(super) const PLAN_VALUES: [&str; 12] = {
    let mut names = ["default"; 12];
    names[1] = "schedule";
    let mut i = 0;
    while i < RULE_KEYS.len() {
        names[i + 2] = RULE_KEYS[i].name;
        i += 1;
    }
    names
};

/// The task as it would be with what is said; what is not said stays as it is. `None`: as configured.
///
/// # Errors
/// [`Problem::Bad`] says what is wrong with it.
pub(crate) fn planned(reader: &Reader, name: &str, said: &Question) -> Result<Option<Task>, Problem> {
    said.only(&PLAN_VALUES)?;
    let current = current(reader, name)?;
    let mut rules = Rules::default();
    for RuleKey { name, right } in RULE_KEYS {
        if let Some(text) = said.text(name) {
            rules.say(name, text).map_err(|bad| Problem::Bad(format!("`{name}`: {bad}; {right}")))?;
        }
    }
    let schedule = said.text("schedule");
    match (said.text("default"), schedule, rules.is_empty()) {
        (Some(_), None, true) => return Ok(None),
        (Some(_), ..) => {
            return Err(Problem::Bad(
                "`default` is the configured schedule whole; leave the rest out".to_owned(),
            ));
        }
        (None, None, true) => {
            return Err(Problem::Bad("say a schedule, a rule, or that the default holds again".to_owned()));
        }
        _ => {}
    }
    let task = rules.lay(current.any_task(), schedule).map_err(|bad| {
        let field = schedule.and_then(wrong_field);
        Problem::Bad(field.unwrap_or_else(|| bad.to_string()))
    })?;
    if task.schedule.next_after(reader.now).is_none() {
        let shown = task.schedule.expression();
        return Err(Problem::Bad(format!(
            "`{shown}` is over: it would never be due again; name a time to come"
        )));
    }
    Ok(Some(task))
}

/// What a cron expression's fields are called, and what each may be.
const FIELDS: [(&str, &str); 6] = [
    ("second", "0 to 59"),
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of the month", "1 to 31, or `L` for the last"),
    ("month", "1 to 12, or jan to dec"),
    ("weekday", "0 to 7, or sun to sat"),
];

/// One sentence on the field that makes a text no cron expression; nothing if that is not what is wrong with it.
pub(crate) fn wrong_field(text: &str) -> Option<String> {
    let parses = |text: &str| Schedule::parse(text, "UTC").is_ok();
    let fields: Vec<&str> = text.split_whitespace().collect();
    let names = FIELDS.get(FIELDS.len().checked_sub(fields.len())?..).filter(|names| names.len() >= 5)?;
    if parses(text) {
        return None;
    }
    // The field that is no good among others that are.
    let alone = |at: usize| {
        let one = |(n, field): (usize, &&str)| if n == at { (*field).to_owned() } else { "*".to_owned() };
        fields.iter().enumerate().map(one).collect::<Vec<_>>().join(" ")
    };
    let at = (0..fields.len()).find(|at| !parses(&alone(*at)))?;
    let ((name, right), field) = (names.get(at)?, fields.get(at)?);
    let [text, field] = [text, *field].map(|text| mm_core::untrusted::Untrusted::new(text).line(80));
    Some(format!("`{text}` is no cron expression: `{field}` is no {name}; write {right}, or `*` for each"))
}

/// A task as it would be with what is said, with its next ticks.
pub(super) fn preview(reader: &Reader, name: &str, said: &Question) -> Result<TaskView, Problem> {
    let planned = planned(reader, name, said)?;
    let mut current = current(reader, name)?;
    let configured = planned.is_none();
    let task = planned.unwrap_or_else(|| current.strategy.task.clone());
    // Shown as it would be once it is set; it counts from now then.
    current.set = None;
    current.last = None;
    let mut view = current.view(reader, Some(&task), SHOWN)?;
    view.source = if configured { "configuration" } else { "set" }.to_owned();
    Ok(view)
}

/// # Errors
/// If no strategy of that name is installed.
pub(crate) fn known(reader: &Reader, name: &str) -> Result<(), Problem> {
    current(reader, name).map(drop)
}

/// The schedule by whose clock times are meant that are said of a task.
///
/// # Errors
/// As [`known`].
pub(crate) fn clock_of(reader: &Reader, name: &str) -> Result<mm_core::schedule::Schedule, Problem> {
    Ok(current(reader, name)?.any_task().schedule.clone())
}

#[cfg(test)]
mod tests;
