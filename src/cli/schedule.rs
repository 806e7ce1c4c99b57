//! `schedule list|next|show|set|cancel|run-now|why`.

use std::io::{IsTerminal as _, Write as _};

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::ask::Asker;
use super::print::{self, fields, line, table};
use super::strategy::run_now;
use super::{Cx, Done, Json, examples, refuse};
use crate::exit::{Exit, Failure};
use crate::views::Question;
use crate::views::schedule::{DecidedView, TaskView, TickView, WhyView};

/// Shows when each strategy is due, changes it, and says what became of every tick
#[derive(Debug, Subcommand)]
#[command(
    long_about = "Shows when each strategy is due, changes it, and says what became of every tick.\n\n\
    A task is named by its strategy. A schedule is cron with 5 or 6 fields (L, W, #, names, @daily and its like), an \
    interval (`every 30m`) or a single time (`at 2026-12-01T09:00:00Z`). Every tick that was due has exactly one row in \
    the tick ledger: ran, late, moved (by daylight saving), skipped, merged, gated, paused or missed.\n\n\
    What you set here is put on record, outlives restarts, and outweighs the configuration."
)]
pub enum Verb {
    /// Lists every task with its schedule and its next tick
    #[command(
        long_about = "Lists every task: its schedule as it was written, its zone, when it is due next (in UTC and by \
            the zone's clock), what became of its last tick, and whether something holds it back.",
        after_long_help = examples("money-machine schedule list\nmoney-machine schedule list --json")
    )]
    List {
        #[command(flatten)]
        json: Json,
    },
    /// Lists the ticks to come
    #[command(
        long_about = "Lists the ticks to come, of one task or of all, with what daylight saving does to them, and why \
            one will start nothing as things stand.",
        after_long_help = examples("money-machine schedule next\nmoney-machine schedule next bug-bounty --count 20")
    )]
    Next {
        /// The task, which is a strategy's name [default: all]
        task: Option<String>,
        /// How many, at most 1000
        #[arg(long, value_name = "N", default_value_t = 5)]
        count: usize,
        #[command(flatten)]
        json: Json,
    },
    /// Shows one task with its rules and its next ticks
    #[command(after_long_help = examples(
        "money-machine schedule show bug-bounty\nmoney-machine schedule show bug-bounty --json | jq .next"
    ))]
    Show {
        #[command(flatten)]
        task: Task,
        #[command(flatten)]
        json: Json,
    },
    /// Sets a task's schedule and rules, after it has shown the next five ticks
    #[command(
        long_about = "Sets a task's schedule, or rules for its ticks. It shows the next five ticks first, and asks; \
            where nobody is at the terminal it needs --yes. What you do not say stays as it is. The new schedule \
            counts from now: nothing runs at once because of it. --default goes back to the configuration.",
        after_long_help = examples(
            "money-machine schedule set bug-bounty '0 9 * * mon-fri' --timezone Europe/Berlin\n\
             money-machine schedule set bug-bounty 'every 2h' --hours 08:00-20:00 --yes\n\
             money-machine schedule set bug-bounty --missed all --missed-cap 5 --missed-spread 10m --dry-run\n\
             money-machine schedule set bug-bounty --default --yes"
        )
    )]
    Set {
        #[command(flatten)]
        task: Task,
        #[command(flatten)]
        said: Box<Said>,
        /// Saves it without asking
        #[arg(long)]
        yes: bool,
        /// Shows the next five ticks and saves nothing
        #[arg(long, conflicts_with = "yes")]
        dry_run: bool,
        #[command(flatten)]
        json: Json,
    },
    /// Cancels a task: it is never due until it is set again
    #[command(
        long_about = "Cancels a task's schedule: it is never due until you set it again; `schedule set TASK --default` \
            takes the configured one. `schedule run-now` starts a run all the same.",
        after_long_help = examples(
            "money-machine schedule cancel bug-bounty\nmoney-machine schedule set bug-bounty --default --yes"
        )
    )]
    Cancel {
        #[command(flatten)]
        task: Task,
        #[command(flatten)]
        json: Json,
    },
    /// Starts a run now, as `strategy run` does
    #[command(
        long_about = "Starts a run now, as `strategy run` does, and does not wait for its end. It is no tick: the \
            schedule goes on as it would have.",
        after_long_help = examples("money-machine schedule run-now bug-bounty")
    )]
    RunNow {
        #[command(flatten)]
        task: Task,
        #[command(flatten)]
        json: Json,
    },
    /// Says in one line what became of the tick at a time
    #[command(
        long_about = "Says in one line what became of the tick at a time, out of the tick ledger: what it started, or \
            why it started nothing. Where no tick was due it names the ones before and after; a time to come is \
            answered too. A time without an offset is meant by the clock of the task's zone: one that the clocks show \
            twice has two answers, and of one that they leave out it says so.",
        after_long_help = examples(
            "money-machine schedule why bug-bounty --at 2026-11-01T03:00\n\
             money-machine schedule why bug-bounty --at 2026-11-01T08:00:00Z --json"
        )
    )]
    Why {
        #[command(flatten)]
        task: Task,
        /// The time: 2026-11-01T03:00 by the task's clock, or with an offset
        #[arg(long, value_name = "TIME")]
        at: String,
        #[command(flatten)]
        json: Json,
    },
}

/// Which task.
#[derive(Debug, Args)]
pub struct Task {
    /// The task, which is a strategy's name
    task: String,
}

/// What is said of a task.
#[derive(Debug, Args)]
pub struct Said {
    /// Cron, `every 30m`, or `at 2026-12-01T09:00:00Z`
    #[arg(value_name = "SCHEDULE")]
    schedule: Option<String>,
    /// What the configuration says holds again, whole
    #[arg(long, conflicts_with_all = ["schedule", "timezone", "missed", "missed_window", "missed_cap", "missed_spread", "overlap", "jitter", "hours", "gap", "fold"])]
    default: bool,
    /// The zone in which it is meant, like Europe/Berlin
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// Ticks that passed while nobody could run them: skip, once (one run for all) or all
    #[arg(long, value_name = "POLICY")]
    missed: Option<String>,
    /// Of those, older ones are never run: like 6h, or none
    #[arg(long, value_name = "SPAN")]
    missed_window: Option<String>,
    /// With `all`, the newest so many are run, 1 to 100
    #[arg(long, value_name = "N")]
    missed_cap: Option<String>,
    /// With `all`, the time between two of them
    #[arg(long, value_name = "SPAN")]
    missed_spread: Option<String>,
    /// A tick during a run: skip, buffer (until it ends) or cancel-other
    #[arg(long, value_name = "CHOICE")]
    overlap: Option<String>,
    /// Ticks start later by a part of this, always the same here: like 5m, or none
    #[arg(long, value_name = "SPAN")]
    jitter: Option<String>,
    /// Nothing starts outside of these: like 08:00-20:00, or none
    #[arg(long, value_name = "HOURS")]
    hours: Option<String>,
    /// A time that daylight saving leaves out: after, skip, or none for what is usual
    #[arg(long, value_name = "CHOICE")]
    gap: Option<String>,
    /// A time that it brings twice: first, last, both, or none for what is usual
    #[arg(long, value_name = "CHOICE")]
    fold: Option<String>,
}

impl Said {
    /// By name, as the daemon reads it.
    fn values(&self) -> Vec<(&'static str, String)> {
        let texts = [
            ("schedule", &self.schedule),
            ("timezone", &self.timezone),
            ("missed", &self.missed),
            ("missed_window", &self.missed_window),
            ("missed_cap", &self.missed_cap),
            ("missed_spread", &self.missed_spread),
            ("overlap", &self.overlap),
            ("jitter", &self.jitter),
            ("hours", &self.hours),
            ("gap", &self.gap),
            ("fold", &self.fold),
        ];
        let default = self.default.then(|| ("default", "true".to_owned()));
        texts.into_iter().filter_map(|(name, text)| Some((name, text.clone()?))).chain(default).collect()
    }
}

pub(super) fn execute(cx: &Cx<'_>, verb: Verb) -> Done {
    let asker = Asker::new(cx)?;
    match verb {
        Verb::List { json } => {
            let told = asker.read(&Question::of(&["schedule"]))?;
            if json.json { print::json(&told.body)? } else { print::out(&rows(&told.view::<Vec<_>>()?))? }
        }
        Verb::Next { task, count, json } => {
            let question = Question::of(&["schedule", "next"]).with("task", task).with("count", Some(count));
            let told = asker.read(&question)?;
            if json.json { print::json(&told.body)? } else { print::out(&coming(&told.view::<Vec<_>>()?))? }
        }
        Verb::Show { task, json } => {
            let told = asker.read(&Question::of(&["schedule", &task.task]))?;
            if json.json { print::json(&told.body)? } else { print::out(&page(&told.view()?))? }
        }
        Verb::Set { task, said, yes, dry_run, json } => set(&asker, &task, &said, (yes, dry_run), json)?,
        Verb::Cancel { task, json } => {
            let told = asker.say(&Question::of(&["schedule", &task.task, "cancel"]), &Value::Null)?;
            if json.json {
                print::json(&told.body)?;
            } else {
                let name = line(&task.task, 64);
                let never = format!(
                    "`{name}` is never due until you set it again; `money-machine schedule set {name} --default` takes \
                     the configured schedule"
                );
                eprintln!("{}", asker.hinted(&never));
            }
        }
        Verb::RunNow { task, json } => run_now(&asker, &task.task, json)?,
        Verb::Why { task, at, json } => {
            let question = Question::of(&["schedule", &task.task, "why"]).with("at", Some(at));
            let told = asker.read(&question)?;
            if json.json { print::json(&told.body)? } else { print::out(&answers(&told.view()?))? }
        }
    }
    Ok(Exit::Done)
}

/// Shows the next ticks, asks, and saves.
fn set(
    asker: &Asker<'_>,
    task: &Task,
    said: &Said,
    (yes, dry_run): (bool, bool),
    json: Json,
) -> Result<(), Failure> {
    let mut question = Question::of(&["schedule", &task.task, "preview"]);
    let mut body = Map::new();
    for (name, text) in said.values() {
        question = question.with(name, Some(&text));
        body.insert(name.to_owned(), text.into());
    }
    let preview = asker.daemon(&question)?;
    let view: TaskView = preview.view()?;
    match json.json {
        true if dry_run => print::json(&preview.body)?,
        true => eprint!("{}", coming(&view.next)),
        false => print::out(&format!("{}\n{}", fields(&words(&view)), coming(&view.next)))?,
    }
    if dry_run {
        eprintln!("nothing is saved");
        return Ok(());
    }
    if !yes && !agreed()? {
        return Err(refuse("nothing is saved"));
    }
    let told = asker.say(&Question::of(&["schedule", &task.task, "set"]), &json!(body))?;
    if json.json {
        return print::json(&told.body);
    }
    let view: TaskView = told.view()?;
    let next = view.next.first().map_or("never".to_owned(), |tick| line(&tick.at, 40));
    eprintln!("saved; `{}` is due next: {next}", line(&view.task, 64));
    Ok(())
}

/// Asks whether to save it.
fn agreed() -> Result<bool, Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(refuse(
            "nobody is at a terminal to be asked, so nothing is saved; say --yes, or --dry-run",
        ));
    }
    eprint!("Save this? [y/N] ");
    let failed = |error| Failure::new("ask", error);
    std::io::stderr().flush().map_err(failed)?;
    let mut answer = String::new();
    stdin.read_line(&mut answer).map_err(failed)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// `2026-11-01 03:00-05:00`: the day, the minute and the offset; seconds where there are any.
fn local(time: &str) -> String {
    let parts = (time.get(..10), time.get(11..16), time.get(16..19), time.get(19..));
    let (Some(day), Some(minute), Some(seconds), Some(offset)) = parts else { return line(time, 40) };
    let seconds = if seconds == ":00" { "" } else { seconds };
    line(&format!("{day} {minute}{seconds}{offset}"), 40)
}

pub(super) fn rows(tasks: &[TaskView]) -> String {
    let row = |task: &TaskView| {
        let next = task.next.first();
        let note = next.and_then(|next| next.note.clone().or_else(|| next.shift.clone()));
        vec![
            task.task.clone(),
            task.schedule.as_ref().map_or("-".to_owned(), |text| line(text, 60)),
            line(&task.timezone, 40),
            next.map_or("-".to_owned(), |next| local(&next.at)),
            next.map_or("-".to_owned(), |next| local(&next.local)),
            task.last.as_ref().map_or("-".to_owned(), |last| line(&last.fate, 20)),
            line(&task.state, 20),
            format!("{}{}", line(&task.why.clone().or(note).unwrap_or_default(), 160), until(task)),
        ]
    };
    let rows: Vec<Vec<String>> = tasks.iter().map(row).collect();
    table(&["task", "schedule", "zone", "next (utc)", "next (local)", "last", "state", "why"], &rows)
}

pub(super) fn coming(ticks: &[TickView]) -> String {
    let row = |tick: &TickView| {
        let remark = [&tick.shift, &tick.note].into_iter().flatten().cloned().collect::<Vec<_>>().join("; ");
        vec![tick.task.clone(), local(&tick.at), local(&tick.local), line(&remark, 200)]
    };
    let rows: Vec<Vec<String>> = ticks.iter().map(row).collect();
    table(&["task", "due (utc)", "due (local)", "remark"], &rows)
}

/// A task's schedule and rules.
fn words(task: &TaskView) -> Vec<(&'static str, String)> {
    let rules = &task.rules;
    let none = |text: &Option<String>| text.as_ref().map_or("none".to_owned(), |text| line(text, 80));
    let usual = |text: &Option<String>| text.as_ref().map_or("as is usual".to_owned(), |text| line(text, 20));
    let missed = match rules.missed.as_str() {
        "all" => format!("all, at most {}, {} apart", rules.missed_cap, line(&rules.missed_spread, 20)),
        other => line(other, 20),
    };
    let source = match (&task.set_at, &task.set_by) {
        (Some(at), Some(by)) => format!("set at {} by {}", line(at, 40), line(by, 120)),
        _ => line(&task.source, 20),
    };
    let text = task.schedule.as_ref().map_or("cancelled".to_owned(), |text| line(text, 100));
    vec![
        ("task", line(&task.task, 64)),
        ("schedule", format!("{text} ({})", line(&task.timezone, 60))),
        ("from", source),
        ("missed", missed),
        ("window", none(&rules.missed_window)),
        ("overlap", line(&rules.overlap, 20)),
        (
            "jitter",
            match (&rules.jitter, task.delay_ms) {
                (None, _) => "none".to_owned(),
                (Some(jitter), delay) => format!("{} (here {} s)", line(jitter, 20), delay / 1000),
            },
        ),
        ("hours", none(&rules.hours)),
        ("gap", usual(&rules.gap)),
        ("fold", usual(&rules.fold)),
    ]
}

/// When a pause ends, if it does.
fn until(task: &TaskView) -> String {
    task.until.as_ref().map(|until| format!(", until {}", line(until, 40))).unwrap_or_default()
}

pub(super) fn page(task: &TaskView) -> String {
    let why = task.why.as_ref().map(|why| format!(": {}", line(why, 300))).unwrap_or_default();
    let last = task.last.as_ref().map_or("none".to_owned(), decided);
    let mut lines = words(task);
    lines.push(("state", format!("{}{why}{}", line(&task.state, 20), until(task))));
    lines.push(("last", last));
    format!("{}\n{}", fields(&lines), coming(&task.next))
}

fn decided(last: &DecidedView) -> String {
    let run = last.run.as_ref().map(|run| format!(", run {}", line(run, 80))).unwrap_or_default();
    format!("{}: {}{run}", local(&last.local), line(&last.sentence, 300))
}

pub(super) fn answers(why: &WhyView) -> String {
    let clocks = why.clocks.as_ref().map(|clocks| format!("{}; ", line(clocks, 200))).unwrap_or_default();
    let each = why.answers.iter().map(|answer| format!("{clocks}{}\n", line(&answer.sentence, 600)));
    each.collect()
}
