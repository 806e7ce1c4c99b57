//! `approvals list|show|approve|edit|reject|done`.

mod body;
mod edit;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::ask::Asker;
use super::print::{self, fields, line, minute, minute_or, table};
use super::{Cx, Done, Json, examples};
use crate::exit::{Exit, Failure};
use crate::views::Question;
use crate::views::approval::ApprovalView;

/// Shows what waits for your word, and takes it
#[derive(Debug, Subcommand)]
#[command(long_about = "Shows what waits for your word, and takes it.\n\n\
    Where a rule says that a person must decide, nothing is sent before you have: `show` prints exactly what would \
    be sent and the rule that asks. What you approve is sent byte for byte, once; if the rules change before that, \
    you are asked anew. What nobody decides on ends by itself after 72 hours.")]
pub enum Verb {
    /// Lists what waits, what ends first first
    #[command(after_long_help = examples(
        "money-machine approvals list\nmoney-machine approvals list --all\nmoney-machine approvals list --json | jq '.[].id'"
    ))]
    List {
        /// Also what is decided
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        json: Json,
    },
    /// Shows one: what would be sent, why you are asked, what was said
    #[command(after_long_help = examples(
        "money-machine approvals show 5f0c8a31d2b9\nmoney-machine approvals show 5f0c8a31d2b9 --json | jq -r .request.body"
    ))]
    Show {
        #[command(flatten)]
        id: Id,
        #[command(flatten)]
        json: Json,
    },
    /// Says yes: it is sent as it is shown
    #[command(
        long_about = "Says yes: it is sent exactly as `show` prints it. Where the rules say that you must act on the \
            platform yourself, it gives you the link and the draft, and waits for `approvals done`.",
        after_long_help = examples(
            "money-machine approvals approve 5f0c8a31d2b9\nmoney-machine approvals approve 5f0c8a31d2b9 --done"
        )
    )]
    Approve {
        #[command(flatten)]
        id: Id,
        /// You have done it yourself already
        #[arg(long)]
        done: bool,
        /// Why, for the record
        #[arg(long, value_name = "WHY")]
        reason: Option<String>,
        #[command(flatten)]
        json: Json,
    },
    /// Says yes to another body than the one shown
    #[command(
        long_about = "Says yes to another body than the one shown: from a file, from stdin (`-`), or from your \
            $EDITOR. Where the body is JSON with one text to word (a comment, a bid), the editor shows that text, and \
            plain text takes its place. It is judged again as you wrote it, and refused if a rule forbids it.",
        after_long_help = examples(
            "money-machine approvals edit 5f0c8a31d2b9\nmoney-machine approvals edit 5f0c8a31d2b9 --body better.json\n\
             echo '/attempt #7' | money-machine approvals edit 5f0c8a31d2b9 --body -"
        )
    )]
    Edit {
        #[command(flatten)]
        id: Id,
        /// The file that holds the body; `-` for stdin
        #[arg(long, value_name = "FILE")]
        body: Option<PathBuf>,
        /// Why, for the record
        #[arg(long, value_name = "WHY")]
        reason: Option<String>,
        #[command(flatten)]
        json: Json,
    },
    /// Says no; nothing is sent, and the very same is not asked again
    #[command(after_long_help = examples(
        "money-machine approvals reject 5f0c8a31d2b9 --reason unwanted"
    ))]
    Reject {
        #[command(flatten)]
        id: Id,
        /// Why; its strategy is told
        #[arg(long, value_name = "WHY")]
        reason: String,
        #[command(flatten)]
        json: Json,
    },
    /// Says that you did yourself what only you may do, or that you did not
    #[command(after_long_help = examples(
        "money-machine approvals done 5f0c8a31d2b9\nmoney-machine approvals done 5f0c8a31d2b9 --not"
    ))]
    Done {
        #[command(flatten)]
        id: Id,
        /// You did not do it
        #[arg(long)]
        not: bool,
        /// Why, for the record
        #[arg(long, value_name = "WHY")]
        reason: Option<String>,
        #[command(flatten)]
        json: Json,
    },
}

/// Which one.
#[derive(Debug, Args)]
pub struct Id {
    /// Its id, as in the list, or its action's
    id: String,
}

pub(super) fn execute(cx: &Cx<'_>, verb: Verb) -> Done {
    let asker = Asker::new(cx)?;
    match verb {
        Verb::List { all, json } => list(&asker, all, json)?,
        Verb::Show { id, json } => {
            let told = asker.read(&Question::of(&["approvals", &id.id]))?;
            if json.json { print::json(&told.body)? } else { print::out(&page(&told.view()?))? }
        }
        Verb::Approve { id, done, reason, json } => {
            let verb = if done { "done" } else { "approve" };
            say(&asker, &id, verb, json!({ "reason": reason }), json)?;
        }
        Verb::Edit { id, body, reason, json } => {
            let body = edit::body(&asker, &id, body.as_deref())?;
            say(&asker, &id, "edit", json!({ "reason": reason, "body": body }), json)?;
        }
        Verb::Reject { id, reason, json } => {
            say(&asker, &id, "reject", json!({ "reason": reason }), json)?;
        }
        Verb::Done { id, not, reason, json } => {
            let verb = if not { "not-done" } else { "done" };
            say(&asker, &id, verb, json!({ "reason": reason }), json)?;
        }
    }
    Ok(Exit::Done)
}

fn say(asker: &Asker<'_>, id: &Id, verb: &str, body: Value, json: Json) -> Result<(), Failure> {
    let told = asker.say(&Question::of(&["approvals", &id.id, verb]), &body)?;
    if json.json {
        return print::json(&told.body);
    }
    let view: ApprovalView = told.view()?;
    let purpose = line(&view.purpose, 200);
    match view.state.as_str() {
        "approved" => eprintln!("approved, and sent as soon as there is a way: {purpose}"),
        "handed" => {
            eprintln!("this is for you to do yourself: {purpose}");
            print::out(by_hand(&view).trim_start())?;
            let id = line(&id.id, 80);
            let then = format!(
                "then say `money-machine approvals done {id}`, or `money-machine approvals done {id} --not`"
            );
            eprintln!("{}", asker.hinted(&then));
        }
        state => eprintln!("{}: {purpose}", line(state, 40)),
    }
    Ok(())
}

fn list(asker: &Asker<'_>, all: bool, json: Json) -> Result<(), Failure> {
    let told = asker.read(&Question::of(&["approvals"]).with("all", all.then_some(true)))?;
    if json.json {
        return print::json(&told.body);
    }
    let found: Vec<ApprovalView> = told.view()?;
    if found.is_empty() {
        eprintln!("nothing waits for your word");
        return Ok(());
    }
    print::out(&rows(&found))?;
    eprintln!(
        "{}",
        asker.hinted(
            "`money-machine approvals show ID` shows what would be sent; `approve ID`, `edit ID` and `reject ID` decide"
        )
    );
    Ok(())
}

pub(super) fn rows(all: &[ApprovalView]) -> String {
    let row = |view: &ApprovalView| {
        vec![
            line(&view.id, 24),
            line(&view.state, 12),
            minute_or(view.ends_at.as_ref(), "-"),
            line(&view.platform, 20),
            line(&view.kind, 20),
            line(&view.purpose, 120),
        ]
    };
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    table(&["id", "state", "ends at", "platform", "kind", "for"], &rows)
}

pub(super) fn page(view: &ApprovalView) -> String {
    let mut head = vec![
        ("for", line(&view.purpose, 300)),
        ("id", line(&view.id, 80)),
        ("state", line(&view.state, 20)),
        (
            "action",
            match view.action.as_str() {
                "" => format!("none of the machine's; for the work of {}", line(&view.strategy, 64)),
                action => format!("{} by {}", line(action, 120), line(&view.strategy, 64)),
            },
        ),
        ("platform", format!("{}, {}", line(&view.platform, 64), line(&view.kind, 64))),
        ("account", view.account.as_ref().map_or("none".to_owned(), |account| line(account, 64))),
        ("asked", minute(&view.asked_at)),
        ("ends", minute_or(view.ends_at.as_ref(), "-")),
    ];
    if let Some(deadline) = &view.deadline {
        head.push(("deadline", minute(deadline)));
    }
    if view.by_owner {
        head.push(("by", "you yourself, on the platform".to_owned()));
    }
    let mut text = fields(&head);
    text.push_str("\nWhy you are asked:\n");
    for rule in &view.rules {
        text.push_str(&format!("  {}: {}\n", line(&rule.id, 120), line(&rule.reason, 600)));
        if !rule.clause.is_empty() {
            text.push_str(&format!(
                "    \"{}\"\n    {}\n",
                line(&rule.clause, 2000),
                line(&rule.source, 600)
            ));
        }
    }
    if !view.notes.is_empty() {
        text.push_str("\nTo read first:\n");
        for note in &view.notes {
            text.push_str(&format!("  - {}\n", line(note, 2000)));
        }
    }
    if view.by_owner {
        text.push_str(&by_hand(view));
    } else {
        text.push_str(&format!("\nWhat would be sent ({}):\n", line(&view.request.hash, 16)));
        text.push_str(&draft(view));
    }
    if !view.said.is_empty() {
        text.push_str("\nWhat was said:\n");
        for said in &view.said {
            let reason = said.reason.as_ref().map(|why| format!(": {}", line(why, 600))).unwrap_or_default();
            let (at, state, by) = (minute(&said.at), line(&said.state, 20), line(&said.by, 120));
            text.push_str(&format!("  {at}  {state} by {by}{reason}\n"));
        }
    }
    text
}

/// What its owner does himself: where, and what was drafted for him. The machine sends nothing of it.
fn by_hand(view: &ApprovalView) -> String {
    let request = &view.request;
    let (url, platform) = (line(&request.url, 8192), line(&view.platform, 64));
    let place = match url.strip_prefix("https://") {
        // That is where programs send it, and no page for people.
        Some(api) if api.starts_with("api.") => format!("on the platform itself, {platform}"),
        Some(_) => format!("at {url}"),
        None => url,
    };
    let drafted = match &request.body {
        Some(text) if text.is_empty() => String::new(),
        Some(text) => format!("\nDraft:\n\n{}", body::draft(text)),
        None => format!("\nThe draft is no text ({} bytes); --json shows its hash.\n", request.body_bytes),
    };
    format!("\nDo it yourself {place}\n{drafted}")
}

/// The request, every character that a terminal would obey made visible; the lines of the body stay lines.
fn draft(view: &ApprovalView) -> String {
    let request = &view.request;
    let mut text = format!("  {} {}\n", line(&request.method, 10), line(&request.url, 8192));
    for (name, value) in &request.headers {
        text.push_str(&format!("  {}: {}\n", line(name, 128), line(value, 8192)));
    }
    match &request.body {
        Some(body) if body.is_empty() => {}
        Some(body) => {
            text.push_str("  \n");
            for own in body.split('\n') {
                text.push_str(&format!("  {}\n", visible(own)));
            }
        }
        None => text.push_str(&format!("  \n  ({} bytes that are no text)\n", request.body_bytes)),
    }
    text
}

/// One line of a body, blanks at its ends and all.
fn visible(text: &str) -> String {
    let inner = line(&format!("|{text}|"), usize::MAX);
    inner.strip_prefix('|').and_then(|rest| rest.strip_suffix('|')).unwrap_or(&inner).to_owned()
}
