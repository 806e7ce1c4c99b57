//! `strategy list|show|run|pause|isolate|resume|enable|disable|quarantine|new`.

mod new;
mod quarantine;

use clap::{Args, Subcommand};
use mm_core::seams::Clock as _;
use serde_json::{Value, json};

use super::ask::Asker;
use super::print::{self, fields, line, minute_or, table};
use super::{Cx, Done, Json, examples};
use crate::exit::Exit;
use crate::seams::SystemClock;
use crate::views::Question;
use crate::views::strategy::{StrategyPage, StrategyView};

/// Shows strategies, runs them, and switches them on and off
#[derive(Debug, Subcommand)]
#[command(long_about = "Shows strategies, runs them, and switches them on and off.\n\n\
    A strategy looks for or produces income and runs on a schedule. What you say here is put on record and outlives \
    restarts; it outweighs the configuration.\n\n\
    Statuses: active, paused (by you, with a reason), error (its configuration is refused), tripped (it failed too \
    often and waits, or you have isolated it), disabled.")]
pub enum Verb {
    #[command(flatten)]
    Asked(Asked),
    New(new::Options),
}

/// What is asked of a running machine, or of what one left.
#[derive(Debug, Subcommand)]
pub enum Asked {
    /// Lists them with their next run
    #[command(
        long_about = "Lists the installed strategies with their status, last and next run.",
        after_long_help = examples("money-machine strategy list\nmoney-machine strategy list --json")
    )]
    List {
        #[command(flatten)]
        json: Json,
    },
    /// Shows one: what it does, its guide, its last run
    #[command(
        long_about = "Shows a strategy: what it does, how long until the first money (honestly), every step from \
            sign-up to money in the bank, and how its last run and each of its sources went.",
        after_long_help = examples("money-machine strategy show bug-bounty\nmoney-machine strategy show bug-bounty --json | jq .guide.steps")
    )]
    Show {
        #[command(flatten)]
        name: Name,
        #[command(flatten)]
        json: Json,
    },
    /// Starts a run now
    #[command(
        long_about = "Starts a run now and does not wait for its end. A paused strategy runs too, this once. Refused \
            while a run is under way, and while the strategy is disabled, put aside or tripped.",
        after_long_help = examples("money-machine strategy run bug-bounty")
    )]
    Run {
        #[command(flatten)]
        name: Name,
        #[command(flatten)]
        json: Json,
    },
    /// Stops its runs until you resume it, or until a time
    #[command(
        long_about = "Stops its schedule until you resume it, or until a time: then it goes on by itself, also if the \
            machine was down meanwhile. The reason is put on record: you will want to know in a month. Ticks that \
            were due meanwhile are not made up for.",
        after_long_help = examples(
            "money-machine strategy pause bug-bounty --reason 'on holiday until May'\n\
             money-machine strategy pause bug-bounty --reason moving --until 2026-12-01T09:00\n\
             money-machine strategy pause bug-bounty --reason noisy --for 6h"
        )
    )]
    Pause {
        #[command(flatten)]
        name: Name,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// When it goes on by itself: 2026-12-01T09:00 by its schedule's clock, or with an offset
        #[arg(long, value_name = "TIME", conflicts_with = "for")]
        until: Option<String>,
        /// After how long it goes on by itself, like 6h
        #[arg(long, value_name = "SPAN")]
        r#for: Option<String>,
        #[command(flatten)]
        json: Json,
    },
    /// Takes it out of use until you resume it
    #[command(
        long_about = "Takes a strategy out of use: no run starts, not even by `strategy run`, until you resume it. A \
            run that is under way goes on to its end. It holds over restarts, and is put on record with its reason.",
        after_long_help = examples("money-machine strategy isolate bug-bounty --reason misreads")
    )]
    Isolate {
        #[command(flatten)]
        name: Name,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        json: Json,
    },
    /// Lets it go on, also when it is tripped or isolated
    #[command(
        long_about = "Lets a paused strategy go on, and lets one that is tripped or isolated try again: its next run \
            is the probe, and only if that goes well does it go on as before. One that is down, since its restarts are \
            spent, is started again and has all of them back; that needs a reason, which is put on record.",
        after_long_help = examples("money-machine strategy resume bug-bounty\nmoney-machine strategy resume bug-bounty --reason mended")
    )]
    Resume {
        #[command(flatten)]
        name: Name,
        /// Why; needed where its restarts are spent
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        json: Json,
    },
    /// Switches it on
    #[command(
        long_about = "Switches a strategy on, whatever the configuration says.",
        after_long_help = examples("money-machine strategy enable bug-bounty")
    )]
    Enable {
        #[command(flatten)]
        name: Name,
        #[command(flatten)]
        json: Json,
    },
    /// Switches it off
    #[command(
        long_about = "Switches a strategy off, whatever the configuration says. What it found stays.",
        after_long_help = examples("money-machine strategy disable bug-bounty")
    )]
    Disable {
        #[command(flatten)]
        name: Name,
        #[command(flatten)]
        json: Json,
    },
    /// Inputs that crashed it three times and are passed over
    #[command(subcommand)]
    Quarantine(quarantine::Verb),
}

/// Which strategy.
#[derive(Debug, Args)]
pub struct Name {
    /// Its name, as in the list
    name: String,
}

pub(super) fn execute(cx: &Cx<'_>, verb: Verb) -> Done {
    let verb = match verb {
        Verb::New(options) => return new::execute(cx.machine, &options, &today()),
        Verb::Asked(verb) => verb,
    };
    let asker = Asker::new(cx)?;
    match verb {
        Asked::List { json } => {
            let told = asker.read(&Question::of(&["strategies"]))?;
            if json.json { print::json(&told.body)? } else { print::out(&rows(&told.view::<Vec<_>>()?))? }
        }
        Asked::Show { name, json } => {
            let told = asker.read(&Question::of(&["strategies", &name.name]))?;
            if json.json { print::json(&told.body)? } else { print::out(&page(&told.view()?))? }
        }
        Asked::Run { name, json } => {
            run_now(&asker, &name.name, json)?;
        }
        Asked::Pause { name, reason, until, r#for, json } => {
            let body = json!({ "reason": reason, "until": until, "for": r#for });
            say(&asker, &name, "pause", &body, json)?
        }
        Asked::Isolate { name, reason, json } => {
            say(&asker, &name, "isolate", &json!({ "reason": reason }), json)?
        }
        Asked::Resume { name, reason, json } => {
            say(&asker, &name, "resume", &json!({ "reason": reason }), json)?
        }
        Asked::Enable { name, json } => say(&asker, &name, "enable", &Value::Null, json)?,
        Asked::Disable { name, json } => say(&asker, &name, "disable", &Value::Null, json)?,
        Asked::Quarantine(verb) => quarantine::execute(&asker, verb)?,
    }
    Ok(Exit::Done)
}

/// The day (UTC) on which a rule file is written.
fn today() -> String {
    let now = SystemClock::new(None).wall().to_string();
    now.chars().take_while(|c| *c != 'T').collect()
}

/// Starts a run and does not wait for its end.
pub(super) fn run_now(asker: &Asker<'_>, name: &str, json: Json) -> Result<(), crate::exit::Failure> {
    let told = asker.say(&Question::of(&["strategies", name, "run"]), &Value::Null)?;
    if json.json {
        return print::json(&told.body);
    }
    let run = told.body["run"].as_str().unwrap_or_default();
    print::out(&format!("{}\n", line(run, 80)))?;
    let begun = format!("run {run} has begun; `money-machine strategy show {name}` says how it went");
    eprintln!("{}", asker.hinted(&begun));
    Ok(())
}

fn say(
    asker: &Asker<'_>,
    name: &Name,
    verb: &str,
    body: &Value,
    json: Json,
) -> Result<(), crate::exit::Failure> {
    let told = asker.say(&Question::of(&["strategies", &name.name, verb]), body)?;
    if json.json {
        return print::json(&told.body);
    }
    let page: StrategyPage = told.view()?;
    let next = minute_or(page.state.next_run.as_ref(), "none");
    let until = page.paused_until.as_ref().map(|until| format!(" until {}", line(until, 40)));
    let until = until.unwrap_or_default();
    eprintln!("`{}` is now {}{until}; next run: {next}", page.state.strategy, page.state.status);
    Ok(())
}

pub(super) fn rows(strategies: &[StrategyView]) -> String {
    let row = |s: &StrategyView| {
        let rate = s.success_rate.map_or("-".to_owned(), |rate| format!("{:.0} %", rate * 100.0));
        vec![
            s.strategy.clone(),
            s.status.clone(),
            minute_or(s.last_run.as_ref(), "never"),
            minute_or(s.next_run.as_ref(), "-"),
            s.total_actions.to_string(),
            rate,
            s.errors.first().map_or(String::new(), |error| line(error, 100)),
        ]
    };
    let rows: Vec<Vec<String>> = strategies.iter().map(row).collect();
    table(&["strategy", "status", "last run", "next run", "actions", "success", "trouble"], &rows)
}

pub(super) fn page(page: &StrategyPage) -> String {
    let s = &page.state;
    let about = |key: &str| page.about[key].as_str().map_or(String::new(), |text| line(text, 400));
    let mut lines = vec![
        ("strategy", s.strategy.clone()),
        ("about", about("description")),
        ("first money", about("time_to_first_dollar")),
        ("status", s.status.clone()),
        ("schedule", format!("{} (priority {})", line(&page.schedule, 100), page.priority)),
        ("last run", minute_or(s.last_run.as_ref(), "never")),
        ("next run", minute_or(s.next_run.as_ref(), "-")),
        ("runs", format!("{}, {} outward acts", page.runs, s.total_actions)),
        ("breaker", breaker(page)),
    ];
    if let Some(reason) = &page.paused {
        let until = page.paused_until.as_ref().map(|until| format!(", until {}", line(until, 40)));
        lines.push(("paused", format!("{}{}", line(reason, 300), until.unwrap_or_default())));
    }
    if let Some(run) = &page.running {
        lines.push(("running", line(run, 80)));
    }
    let mut text = fields(&lines);
    text.push_str(&last(page));
    if !page.quarantine.is_empty() {
        text.push_str(&format!(
            "\nSet aside, as each crashed it:\n{}",
            quarantine::rows(&page.quarantine, None)
        ));
    }
    text.push_str(&guide(&page.guide));
    text
}

fn breaker(page: &StrategyPage) -> String {
    let b = &page.state.breaker;
    let until = match (&b.until, &b.since) {
        (Some(until), _) => format!(" until {until}"),
        (None, Some(since)) if b.state == "isolated" => format!(" since {since}"),
        _ => String::new(),
    };
    let why = b.why.as_ref().map(|why| format!(": {}", line(why, 200))).unwrap_or_default();
    format!("{}{until}{why}", b.state)
}

fn last(page: &StrategyPage) -> String {
    let mut text = String::new();
    if let Some(run) = &page.last {
        let outcome = run.outcome.as_deref().unwrap_or("is under way");
        text.push_str(&format!(
            "\nLast run {} ({}): {outcome}, {} acts, {} found\n",
            line(&run.id, 80),
            run.trigger,
            run.actions,
            run.found
        ));
        let sources: Vec<Vec<String>> = run
            .sources
            .iter()
            .map(|source| vec![line(&source.name, 40), source.health.clone(), line(&source.sentence, 300)])
            .collect();
        if !sources.is_empty() {
            text.push_str(&table(&["source", "health", "what"], &sources));
        }
    }
    for error in &page.state.errors {
        text.push_str(&format!("trouble: {}\n", line(error, 400)));
    }
    text
}

fn guide(guide: &Value) -> String {
    let said = |value: &Value| value.as_str().map_or(String::new(), |text| line(text, 600));
    let mut text = String::from("\nFrom sign-up to money in the bank:\n");
    for (n, step) in guide["steps"].as_array().into_iter().flatten().enumerate() {
        let how = &step["how"];
        let who = if how["kind"] == "manual" { "you" } else { "automated" };
        text.push_str(&format!(
            "{:>3}. {} ({who})\n     {}\n",
            n + 1,
            said(&step["title"]),
            said(&how["what"])
        ));
        if how["kind"] == "manual" {
            text.push_str(&format!(
                "     where: {}\n     why not automated: {}\n",
                said(&how["place"]),
                said(&how["why"])
            ));
        }
    }
    let payout = &guide["payout"];
    text.push_str(&format!(
        "Payout: held by {}; minimum: {}; takes: {}\n",
        said(&payout["holder"]),
        said(&payout["minimum"]),
        said(&payout["how_long"])
    ));
    text
}
