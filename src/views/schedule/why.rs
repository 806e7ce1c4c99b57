//! `schedule why`: what became of the tick at a time, in one line.

use mm_core::moment::Moment;
use mm_core::schedule::{Task, When};
use mm_services::records::TickRow;
use serde::{Deserialize, Serialize};

use super::{Current, current, delay, shift, ticks};
use crate::views::{Problem, Question, Reader};

/// What became of the tick at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhyView {
    pub task: String,
    pub timezone: String,
    /// The time, as it was asked.
    pub asked: String,
    /// What the clocks do at that time, if they change.
    pub clocks: Option<String>,
    /// One; two where a wall's clock shows the time twice.
    pub answers: Vec<AnswerView>,
}

/// What is known of one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerView {
    /// The moment; the tick's own, if there is one.
    pub at: String,
    pub local: String,
    /// Whether a tick is due then; null where that is not kept.
    pub due: Option<bool>,
    /// What became of it; null where nothing is decided or nothing was due.
    pub fate: Option<String>,
    pub run: Option<String>,
    /// Of a stretch of many ticks, how many and since when.
    pub count: u64,
    pub from: Option<String>,
    /// The tick before, where none was due.
    pub before: Option<String>,
    /// The tick after, where none was due.
    pub after: Option<String>,
    /// All of it in one line.
    pub sentence: String,
}

/// Answers for a time by the task's clock, or with an offset.
pub(in crate::views) fn why(reader: &Reader, name: &str, question: &Question) -> Result<WhyView, Problem> {
    question.only(&["at"])?;
    let text = question.text("at").ok_or_else(|| Problem::Bad("`at` says which time".to_owned()))?;
    let current = current(reader, name)?;
    let schedule = &current.any_task().schedule;
    let asked = schedule.when(text).map_err(|bad| Problem::Bad(bad.to_string()))?;
    let zone = schedule.zone();
    let (clocks, moments) = match asked.when {
        When::Once(at) => (None, vec![at]),
        When::Twice(first, second) => {
            (Some(format!("the clocks of {zone} show this time twice")), vec![first, second])
        }
        When::Never { wall, end } => {
            let wall = wall.format("%Y-%m-%dT%H:%M");
            (
                Some(format!("{wall} does not come in {zone}, the clocks go forward over it; right after")),
                vec![end],
            )
        }
    };
    let within =
        if matches!(asked.when, When::Never { .. }) { std::time::Duration::ZERO } else { asked.within };
    let (rows, damaged) = ticks(reader, name)?;
    let desk = Desk { reader, rows, damaged, current: &current };
    let answers = moments.into_iter().map(|at| desk.answer(at, at.plus(within))).collect::<Result<_, _>>()?;
    let asked = mm_core::untrusted::Untrusted::new(text).line(60);
    Ok(WhyView { task: name.to_owned(), timezone: zone.to_owned(), asked, clocks, answers })
}

struct Desk<'a> {
    reader: &'a Reader,
    /// Oldest first.
    rows: Vec<TickRow>,
    /// The ids of the rows that do not open, oldest first; each ends in the newest tick of its stretch.
    damaged: Vec<String>,
    current: &'a Current<'a>,
}

impl Desk<'_> {
    /// What became of the first tick from `at` to `through`.
    fn answer(&self, at: Moment, through: Moment) -> Result<AnswerView, Problem> {
        let row = self.rows.iter().find(|row| at <= row.due);
        let asked = TickRow::row_id(self.current.name(), at);
        if let Some(id) = self.damaged.iter().find(|id| asked <= **id)
            && row.is_none_or(|row| *id < TickRow::row_id(self.current.name(), row.due))
        {
            return Ok(self.unread(at, id));
        }
        if let Some(row) = row.filter(|row| row.from <= through) {
            return Ok(self.on_record(row, at, through));
        }
        let next = self.tick_after(at.minus(std::time::Duration::from_millis(1)));
        let decided = self.current.last.is_some_and(|last| through <= last);
        match next.filter(|next| *next <= through && !decided) {
            Some(next) if self.reader.now < next => Ok(self.to_come(next)),
            Some(next) => self.undecided(next),
            None => Ok(self.none(at)),
        }
    }

    /// The next tick by the schedule as it holds now.
    fn tick_after(&self, after: Moment) -> Option<Moment> {
        self.current.task().and_then(|task| task.schedule.next_after(after))
    }

    fn task(&self) -> &Task {
        self.current.any_task()
    }

    /// An answer about `at`; `what` ends its line.
    fn say(&self, at: Moment, due: Option<bool>, what: &str) -> AnswerView {
        let local = self.task().schedule.local(at);
        let sentence = format!("{} at {local} ({at}): {what}", self.current.name());
        AnswerView {
            at: at.to_string(),
            local,
            due,
            fate: None,
            run: None,
            count: 1,
            from: None,
            before: None,
            after: None,
            sentence,
        }
    }

    /// The row that would tell does not open: it may be of one tick or of a stretch.
    fn unread(&self, at: Moment, id: &str) -> AnswerView {
        let what = format!(
            "what became of it is not known: the next row of its ticks, {id}, does not open; restore a backup, or \
             let `strategy resume {}` go on without it",
            self.current.name()
        );
        self.say(at, None, &what)
    }

    fn on_record(&self, row: &TickRow, at: Moment, through: Moment) -> AnswerView {
        // The first tick of a stretch that is asked for, by the schedule as it holds now.
        let begin = at.max(row.from);
        let own = self.tick_after(begin.minus(std::time::Duration::from_millis(1)));
        let own = own.filter(|own| *own <= through.min(row.due));
        let run = row.run.as_ref().map(|run| format!(", run {run}")).unwrap_or_default();
        let (at, what) = match row.count {
            1 => (row.due, format!("{}{run}", row.fate)),
            count => {
                let (from, due) = (row.from, row.due);
                (
                    own.unwrap_or(begin),
                    format!("in a stretch of {count} ticks from {from} to {due}, each {}", row.fate),
                )
            }
        };
        // Between two ticks of a stretch none was due; which they were, the schedule says if it is the same.
        let apart = row.count > 1 && own.is_none();
        let what =
            if apart { format!("by the schedule of now no tick of its own; it lies {what}") } else { what };
        AnswerView {
            fate: Some(row.fate.as_str().to_owned()),
            run: row.run.as_ref().map(ToString::to_string),
            count: row.count,
            from: Some(row.from.to_string()),
            ..self.say(at, (!apart).then_some(true), &what)
        }
    }

    fn to_come(&self, at: Moment) -> AnswerView {
        let task = self.task();
        let tick = task.schedule.next(at.minus(std::time::Duration::from_millis(1)));
        let shifted = tick.and_then(|tick| tick.shift).map(|own| format!("; {}", shift(&own)));
        let delay = delay(self.reader, self.current.name(), task).unwrap_or_default();
        let note = self.current.coming(task, self.reader.now, delay, super::SHOWN_MAX);
        let note = note.into_iter().find(|(own, _)| *own == at).and_then(|(_, tick)| tick.note);
        let note = note.map(|note| format!("; as things stand it starts nothing: {note}"));
        let more = [shifted, note].into_iter().flatten().collect::<String>();
        self.say(at, Some(true), &format!("is to come: it will be due{more}"))
    }

    /// Due, and not decided: it waits, or nobody has looked.
    fn undecided(&self, at: Moment) -> Result<AnswerView, Problem> {
        let delay = delay(self.reader, self.current.name(), self.task())?;
        let up = at.plus(delay);
        let (state, stopped) = self.current.state(self.reader.now);
        let why = if self.reader.daemon.is_none() {
            "no daemon has looked at it yet; the next one decides".to_owned()
        } else if let ("error", Some(why)) = (state, stopped) {
            format!("nobody decides it as things stand: the task is {why}")
        } else if self.reader.now < up {
            format!("it is taken up at {up}, its part of the jitter later")
        } else {
            "it waits for a run to end, for room, for allowed hours, or for the next of several".to_owned()
        };
        Ok(self.say(at, Some(true), &format!("was due and is not decided yet: {why}")))
    }

    /// Whether no tick lies between the newest that is decided and `at`.
    fn rests(&self, at: Moment) -> bool {
        let last = self.current.last.unwrap_or(at);
        self.tick_after(last).is_none_or(|next| at <= next)
    }

    /// No tick: which were the ones before and after.
    fn none(&self, at: Moment) -> AnswerView {
        let oldest = self.rows.first().map(|row| row.from);
        if let Some(oldest) = oldest.filter(|oldest| at < *oldest && self.current.row.ticks_pruned > 0) {
            let kept = self.rows.len();
            let what =
                format!("older than what is kept: of its ticks the last {kept} rows are, since {oldest}");
            return self.say(at, None, &what);
        }
        let decided = self.current.last.is_none_or(|last| at <= last);
        let before = self.rows.iter().rev().find(|row| row.due < at).filter(|_| decided || self.rests(at));
        let after = self.rows.iter().find(|row| at < row.from);
        let next = self.tick_after(at.max(self.current.last.unwrap_or(at))).filter(|_| after.is_none());
        let when = if at <= self.reader.now { "was" } else { "is" };
        let shown = |row: &TickRow, at: Moment| format!("{} ({})", at, row.fate);
        let mut what = format!("no tick {when} due");
        match (before, oldest) {
            (Some(row), _) => what.push_str(&format!("; the one before: {}", shown(row, row.due))),
            (None, Some(_)) if !decided => {}
            (None, Some(_)) => what.push_str("; it has none before"),
            (None, None) => what.push_str("; none is on record"),
        }
        match (after, next, self.current.task()) {
            (Some(row), ..) => what.push_str(&format!("; the one after: {}", shown(row, row.from))),
            (None, Some(next), _) => what.push_str(&format!("; the one after: {next}")),
            (None, None, None) => what.push_str("; the task is cancelled"),
            (None, None, Some(_)) => what.push_str("; it is never due again"),
        }
        let after = after.map(|row| row.from).or(next);
        AnswerView {
            before: before.map(|row| row.due.to_string()),
            after: after.map(|at| at.to_string()),
            ..self.say(at, Some(false), &what)
        }
    }
}
