//! `alerts list|seen|silence|unsilence|test`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::ask::Asker;
use super::none::Narrowed;
use super::print::{self, line, minute, minute_or, table};
use super::{Cx, Done, Json, examples};
use crate::exit::{Exit, Failure};
use crate::views::Question;
use crate::views::alert::{AlertPage, SilenceView};

/// Shows what you should know, and decides what you are told
#[derive(Debug, Subcommand)]
#[command(long_about = "Shows what you should know, and decides what you are told.\n\n\
    Every alert is kept and shown. Those that matter (something tripped or stopped, something waits for you, \
    something stops the daemon) are also told through the command of [alerts] in the configuration, unless \
    you have silenced or seen them.")]
pub enum Verb {
    /// Lists the alerts that are open, the most severe first
    #[command(
        long_about = "Lists the alerts that are open, the most severe first and then the newest. TOLD says how far \
            each was told: delivered, sending, undelivered (tried so often that it is given up), silenced, seen, \
            or - for one that is not sent. Listing marks nothing as seen.",
        after_long_help = examples(
            "money-machine alerts list\nmoney-machine alerts list --sort person\nmoney-machine alerts list --all \
             --json | jq '.[].about'\nmoney-machine alerts list --silences"
        )
    )]
    List(ListOptions),
    /// Says that you have seen one, or all
    #[command(
        long_about = "Says that you have seen an alert: it stays listed until it is over, and you are not told of it \
            again. When it was over and comes again, it is news.",
        after_long_help = examples("money-machine alerts seen disk\nmoney-machine alerts seen --all")
    )]
    Seen {
        /// What it is about, as in the list
        #[arg(value_name = "ABOUT", required_unless_present = "all", conflicts_with = "all")]
        about: Option<String>,
        /// All that are open
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        json: Json,
    },
    /// Does not tell you of some, until a time or until you take it back
    #[command(
        long_about = "Silences alerts: they are raised and listed as ever, and you are not told of them. It holds \
            over restarts, and is put on record with its reason. What is still open when a silence ends is told then.",
        after_long_help = examples(
            "money-machine alerts silence source/bug-bounty/hackerone --reason maintenance --for 2h\nmoney-machine \
             alerts silence 'breaker/*' --reason known\nmoney-machine alerts silence '*' --reason upgrade --for 30m"
        )
    )]
    Silence {
        /// What they are about, or how that begins with a `*` behind it
        pattern: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// For so long, like 30m, 2h or 7d [default: until you take it back]
        #[arg(long = "for", value_name = "TIME", value_parser = seconds)]
        seconds: Option<u64>,
        #[command(flatten)]
        json: Json,
    },
    /// Tells you of them again
    #[command(
        long_about = "Takes a silence back. What is still open and was not told is told then.",
        after_long_help = examples("money-machine alerts unsilence 'breaker/*'")
    )]
    Unsilence {
        /// As it was silenced; see `alerts list --silences`
        pattern: String,
        #[command(flatten)]
        json: Json,
    },
    /// Sends a test message
    #[command(
        long_about = "Sends a test message through the command of [alerts] in the configuration, and says how that \
            went.",
        after_long_help = examples("money-machine alerts test")
    )]
    Test {
        #[command(flatten)]
        json: Json,
    },
}

/// Which alerts.
#[derive(Debug, Args)]
pub struct ListOptions {
    /// Also those that are over
    #[arg(long)]
    all: bool,
    /// Only those of this sort
    #[arg(long, value_name = "SORT", value_parser = ["trips", "person", "stops", "note"])]
    sort: Option<String>,
    /// What is silenced, instead
    #[arg(long, conflicts_with_all = ["all", "sort"])]
    silences: bool,
    #[command(flatten)]
    json: Json,
}

/// `30m` is 1800; s, m, h and d are known.
fn seconds(text: &str) -> Result<u64, String> {
    let right = || "write a whole number and s, m, h or d, like 30m or 2h".to_owned();
    let unit = text.chars().last().ok_or_else(right)?;
    let each = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(right()),
    };
    let number: u64 = text.strip_suffix(unit).and_then(|number| number.parse().ok()).ok_or_else(right)?;
    // A hundred years are as good as for ever, and can be added to any time.
    let most = 100 * 366 * 86_400;
    number.checked_mul(each).filter(|seconds| (1..=most).contains(seconds)).ok_or_else(right)
}

pub(super) fn execute(cx: &Cx<'_>, verb: Verb) -> Done {
    let asker = Asker::new(cx)?;
    match verb {
        Verb::List(options) if options.silences => silences(&asker, options.json)?,
        Verb::List(options) => list(&asker, &options)?,
        Verb::Seen { about, all, json } => {
            let told = say(&asker, "seen", json!({ "about": about, "all": all }), json)?;
            if let Some(told) = told {
                eprintln!("{} marked as seen", told["seen"]);
            }
        }
        Verb::Silence { pattern, reason, seconds, json } => {
            let body = json!({ "pattern": pattern, "reason": reason, "for_s": seconds });
            if let Some(told) = say(&asker, "silence", body, json)? {
                let until = match told["until"].as_str() {
                    Some(until) => format!("until {until}"),
                    None => format!("until `money-machine alerts unsilence '{}'`", line(&pattern, 200)),
                };
                eprintln!("{} is silenced {}", line(&pattern, 200), asker.hinted(&until));
            }
        }
        Verb::Unsilence { pattern, json } => {
            if say(&asker, "unsilence", json!({ "pattern": pattern }), json)?.is_some() {
                eprintln!("{} is told again", line(&pattern, 200));
            }
        }
        Verb::Test { json } => {
            if say(&asker, "test", Value::Null, json)?.is_some() {
                eprintln!("the test message was delivered: the command ended with 0");
            }
        }
    }
    Ok(Exit::Done)
}

/// Says something of alerts; the answer, unless it was printed as JSON.
fn say(asker: &Asker<'_>, verb: &str, body: Value, json: Json) -> Result<Option<Value>, Failure> {
    let told = asker.say(&Question::of(&["alerts", verb]), &body)?;
    if json.json {
        print::json(&told.body)?;
        return Ok(None);
    }
    Ok(Some(told.body))
}

fn list(asker: &Asker<'_>, options: &ListOptions) -> Result<(), Failure> {
    let question = Question::of(&["alerts"])
        .with("all", options.all.then_some(true))
        .with("sort", options.sort.as_ref());
    let told = asker.read(&question)?;
    if options.json.json {
        return print::json(&told.body);
    }
    let alerts: Vec<AlertPage> = told.view()?;
    if alerts.is_empty() {
        let narrowed = Narrowed::by(&[("--sort", options.sort.as_deref())]);
        let (what, empty) = match options.all {
            true => ("alert", "there is no alert"),
            false => ("open alert", "no alert is open"),
        };
        let over = if options.all { "" } else { "; --all lists those that are over" };
        eprintln!("{}{over}", narrowed.none(what, empty));
        return Ok(());
    }
    print::out(&rows(&alerts))?;
    eprintln!("{}", asker.hinted(&hint(&alerts)));
    Ok(())
}

/// What a person is told below the list.
fn hint(alerts: &[AlertPage]) -> String {
    let mut text =
        "`money-machine alerts seen ABOUT` marks one as seen, `alerts silence PATTERN` silences".to_owned();
    let lost = alerts.iter().filter(|alert| alert.told == "undelivered").count();
    if let Some(last) = alerts.iter().rev().find_map(|alert| alert.error.as_ref()) {
        text = format!(
            "{lost} could not be told; the command last said: {}\n`money-machine alerts test` tries it\n{text}",
            line(last, 300)
        );
    }
    text
}

fn silences(asker: &Asker<'_>, json: Json) -> Result<(), Failure> {
    let told = asker.read(&Question::of(&["alerts", "silences"]))?;
    if json.json {
        return print::json(&told.body);
    }
    let silences: Vec<SilenceView> = told.view()?;
    if silences.is_empty() {
        eprintln!("nothing is silenced");
        return Ok(());
    }
    print::out(&silence_rows(&silences))
}

pub(super) fn rows(alerts: &[AlertPage]) -> String {
    let row = |a: &AlertPage| {
        vec![
            a.sort.clone(),
            a.state.clone(),
            minute(&a.last_at),
            a.times.to_string(),
            word(a).to_owned(),
            line(&a.about, 80),
            line(&a.sentence, 300),
        ]
    };
    let rows: Vec<Vec<String>> = alerts.iter().map(row).collect();
    table(&["sort", "state", "last", "times", "told", "about", "alert"], &rows)
}

/// How far it was told, in one word: also if there is a reason that it is not.
fn word(alert: &AlertPage) -> &str {
    match (alert.told.as_str(), &alert.silenced, &alert.seen_at) {
        (_, _, Some(_)) => "seen",
        ("delivered", _, _) => "delivered",
        (_, Some(_), _) => "silenced",
        ("not-sent", _, _) => "-",
        (told, _, _) => told,
    }
}

pub(super) fn silence_rows(silences: &[SilenceView]) -> String {
    let row = |s: &SilenceView| {
        let until = minute_or(s.until.as_ref(), "taken back");
        vec![line(&s.pattern, 80), minute(&s.since), until, line(&s.by, 20), line(&s.reason, 200)]
    };
    let rows: Vec<Vec<String>> = silences.iter().map(row).collect();
    table(&["pattern", "since", "until", "by", "reason"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_and_its_unit() {
        let known: Vec<u64> = ["1s", "30m", "2h", "7d"].iter().map(|text| seconds(text).unwrap()).collect();
        assert_eq!(known, [1, 1_800, 7_200, 604_800]);
        for wrong in ["", "h", "0m", "-1h", "1.5h", "2 h", "5", "99999999999999999999d", "99999999d", "2ä"] {
            assert!(seconds(wrong).is_err(), "{wrong:?}");
        }
    }
}
