//! `strategy quarantine list|retry|drop`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::Name;
use crate::cli::ask::Asker;
use crate::cli::print::{self, Column, fitted, line, minute, minute_or, terminal_width};
use crate::cli::{Json, examples};
use crate::exit::Failure;
use crate::views::Question;
use crate::views::quarantine::HeldView;

/// Inputs that crashed it three times and are passed over
#[derive(Debug, Subcommand)]
#[command(
    long_about = "Inputs that crashed a strategy three times. Each is passed over, so that the strategy goes on with \
    the others; you decide what becomes of it. An input is an item or a step's answer, with exactly these bytes."
)]
pub enum Verb {
    /// Lists them
    #[command(
        long_about = "Lists the inputs of a strategy that are passed over, with the last words of the last crash.",
        after_long_help = examples("money-machine strategy quarantine list bug-bounty\nmoney-machine strategy quarantine list bug-bounty --json")
    )]
    List {
        #[command(flatten)]
        name: Name,
        #[command(flatten)]
        json: Json,
    },
    /// Gives one of them one more chance
    #[command(
        long_about = "Gives an input one more chance in the next run. If it crashes the strategy once more, it is set \
            aside again.",
        after_long_help = examples("money-machine strategy quarantine retry bug-bounty 4f1d2a90c37be58d")
    )]
    Retry(Input),
    /// Passes it over for ever and shows it no more
    #[command(
        long_about = "Passes an input over for ever and shows it no more. The same thing with other bytes is another \
            input.",
        after_long_help = examples("money-machine strategy quarantine drop bug-bounty 4f1d2a90c37be58d")
    )]
    Drop(Input),
}

/// Which input.
#[derive(Debug, Args)]
pub struct Input {
    #[command(flatten)]
    name: Name,
    /// Its id, as in the list
    input: String,
    #[command(flatten)]
    json: Json,
}

pub(super) fn execute(asker: &Asker<'_>, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::List { name, json } => {
            let told = asker.read(&Question::of(&["strategies", &name.name, "quarantine"]))?;
            if json.json {
                return print::json(&told.body);
            }
            let held: Vec<HeldView> = told.view()?;
            if held.is_empty() {
                eprintln!("no input of `{}` is set aside", line(&name.name, 64));
                return Ok(());
            }
            print::out(&rows(&held, terminal_width()))
        }
        Verb::Retry(input) => say(asker, &input, "retry", "gets one more chance"),
        Verb::Drop(input) => say(asker, &input, "drop", "is passed over for ever"),
    }
}

fn say(asker: &Asker<'_>, input: &Input, verb: &str, done: &str) -> Result<(), Failure> {
    let question = Question::of(&["strategies", &input.name.name, "quarantine", verb]);
    let told = asker.say(&question, &json!({ "input": input.input }))?;
    if input.json.json {
        return print::json(&told.body);
    }
    let held: HeldView = told.view()?;
    eprintln!("{} `{}` {done}", line(&held.kind, 20), line(&held.name, 200));
    Ok(())
}

const COLUMNS: &[Column] = &[
    Column::stays("input"),
    Column::goes("kind", 4),
    Column::stays("name"),
    Column::goes("crashes", 3),
    Column::goes("since", 2),
    Column::goes("last", 5),
    Column::goes("last words", 1),
];

pub(super) fn rows(held: &[HeldView], width: Option<usize>) -> String {
    let row = |held: &HeldView| {
        vec![
            line(&held.input, 40),
            line(&held.kind, 20),
            line(&held.name, 120),
            held.crashes.to_string(),
            minute_or(held.since.as_ref(), "-"),
            minute(&held.last_at),
            line(&held.words, 200),
        ]
    };
    let rows: Vec<Vec<String>> = held.iter().map(row).collect();
    fitted(COLUMNS, &rows, width)
}
