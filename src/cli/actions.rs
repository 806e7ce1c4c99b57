//! `actions list|show|settle`.

use clap::Subcommand;

use super::ask::Asker;
use super::none::Narrowed;
use super::print::{self, fields, line, minute, table};
use super::{Cx, Done, Json, examples};
use crate::exit::Exit;
use crate::views::Question;
use crate::views::action::{ActivityView, STATUSES};

/// Shows every outward act and what was decided about it
#[derive(Debug, Subcommand)]
#[command(long_about = "Shows every outward act: the activity log.\n\n\
    Nothing reaches a platform without being here, with the rules that judged it and what came of it. Statuses: \
    success, failure, blocked (refused before anything left), pending.")]
pub enum Verb {
    /// Lists them, the newest first
    #[command(
        long_about = "Lists outward acts, the newest first.",
        after_long_help = examples("money-machine actions list\nmoney-machine actions list --status blocked\nmoney-machine actions list --run 00001-000001-bug-bounty --json")
    )]
    List {
        /// Only those of this run
        #[arg(long, value_name = "RUN")]
        run: Option<String>,
        /// Only those with this status
        #[arg(long, value_name = "STATUS", value_parser = clap::builder::PossibleValuesParser::new(STATUSES))]
        status: Option<String>,
        /// At most so many [default: all as JSON, else 40]
        #[arg(long, value_name = "N", value_parser = print::rows_max)]
        limit: Option<usize>,
        #[command(flatten)]
        json: Json,
    },
    /// Shows one with every rule's word on it
    #[command(
        long_about = "Shows one outward act: what was asked and why, which rules said what, and what came of it.",
        after_long_help = examples("money-machine actions show 00001-000001-bug-bounty.read-hackerone")
    )]
    Show {
        /// Its id, as in the list
        id: String,
        #[command(flatten)]
        json: Json,
    },
    /// Says whether one that may have happened did
    #[command(
        long_about = "Says what became of a change that may or may not have happened, where nobody else could tell: look \
            at the platform first. It sends nothing. Who said it, and what was seen, is put on record; the \
            strategy hears of it. What did not happen may be proposed again.",
        after_long_help = examples(
            "money-machine actions settle 00003-000002-micro-tasks.attempt --happened --reason comment-17\n\
             money-machine actions settle 00003-000002-micro-tasks.attempt --did-not --reason nothing-there"
        )
    )]
    Settle {
        /// Its id, as in the list
        id: String,
        /// It happened
        #[arg(long, required_unless_present = "did_not", conflicts_with = "did_not")]
        happened: bool,
        /// It did not, and cannot any more
        #[arg(long)]
        did_not: bool,
        /// What you saw, and where
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        json: Json,
    },
}

/// So many are shown to a person who named no number.
const SHOWN: usize = 40;

pub(super) fn execute(cx: &Cx<'_>, verb: Verb) -> Done {
    let asker = Asker::new(cx)?;
    match verb {
        Verb::List { run, status, limit, json } => {
            // One more than is shown tells whether there are more.
            let wanted = if json.json { limit } else { Some(limit.unwrap_or(SHOWN).saturating_add(1)) };
            let narrowed = Narrowed::by(&[("--run", run.as_deref()), ("--status", status.as_deref())]);
            let question =
                Question::of(&["actions"]).with("run", run).with("status", status).with("limit", wanted);
            let told = asker.read(&question)?;
            if json.json {
                print::json(&told.body)?;
            } else {
                list(&asker, &narrowed, &told.view::<Vec<ActivityView>>()?, limit.unwrap_or(SHOWN))?;
            }
        }
        Verb::Show { id, json } => {
            let told = asker.read(&Question::of(&["actions", &id]))?;
            if json.json { print::json(&told.body)? } else { print::out(&page(&told.view()?))? }
        }
        Verb::Settle { id, happened, did_not: _, reason, json } => {
            let body = serde_json::json!({ "happened": happened, "reason": reason });
            let told = asker.say(&Question::of(&["actions", &id, "settle"]), &body)?;
            if json.json {
                print::json(&told.body)?;
            } else {
                let settled: ActivityView = told.view()?;
                eprintln!("{} is {} now", line(&settled.id, 80), settled.details.stage);
            }
        }
    }
    Ok(Exit::Done)
}

fn list(
    asker: &Asker<'_>,
    narrowed: &Narrowed,
    actions: &[ActivityView],
    shown: usize,
) -> Result<(), crate::exit::Failure> {
    if actions.is_empty() {
        eprintln!("{}", narrowed.none("outward act", "no outward act is on record"));
        return Ok(());
    }
    print::out(&rows(actions.get(..shown).unwrap_or(actions)))?;
    if actions.len() > shown {
        eprintln!("there are more: --limit N shows more of them, --json all");
    }
    eprintln!("{}", asker.hinted("`money-machine actions show ID` shows one with its rules"));
    Ok(())
}

pub(super) fn rows(actions: &[ActivityView]) -> String {
    let row = |a: &ActivityView| {
        let answer = a.details.answer_status.map_or(String::new(), |status| status.to_string());
        vec![
            minute(&a.timestamp),
            line(&a.id, 80),
            a.status.clone(),
            answer,
            a.strategy.clone(),
            format!("{} {}", line(&a.platform, 40), line(&a.action, 40)),
            line(&a.details.purpose, 80),
        ]
    };
    let rows: Vec<Vec<String>> = actions.iter().map(row).collect();
    table(&["when", "id", "status", "http", "strategy", "action", "purpose"], &rows)
}

pub(super) fn page(a: &ActivityView) -> String {
    let d = &a.details;
    let mut lines = vec![
        ("id", line(&a.id, 200)),
        ("when", format!("{} (last change {})", a.timestamp, d.updated_at)),
        ("by", format!("{}, run {}, step {}", a.strategy, line(&d.run, 80), line(&d.step, 80))),
        ("action", format!("{} at {}", line(&a.action, 80), line(&a.platform, 80))),
        ("request", format!("{} {}", line(&d.method, 10), line(&d.url, 2048))),
        ("for", line(&d.purpose, 300)),
        ("status", format!("{} ({})", a.status, d.stage)),
    ];
    if let Some(status) = d.answer_status {
        lines.push(("answer", format!("{status}, {} bytes in {} ms", d.answer_bytes, d.took_ms)));
    }
    if let Some(error) = &a.error {
        lines.push(("error", line(error, 600)));
    }
    if let Some(parent) = &d.parent {
        lines.push(("follows", line(parent, 200)));
    }
    let mut text = fields(&lines);
    let rows: Vec<Vec<String>> = a
        .compliance_checks
        .iter()
        .map(|check| vec![line(&check.verdict, 16), line(&check.rule, 80), line(&check.reason, 400)])
        .collect();
    if !rows.is_empty() {
        text.push_str(&format!("\n{}", table(&["verdict", "rule", "reason"], &rows)));
    }
    text
}
