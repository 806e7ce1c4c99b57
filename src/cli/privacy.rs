//! `privacy export|erase`.

use clap::Subcommand;
use serde_json::{Value, json};

use super::ask::Asker;
use super::print::{self, line};
use super::{Cx, Done, Json, examples};
use crate::exit::{Exit, Failure};
use crate::views::Question;

/// Exports and erases what is stored about somebody
#[derive(Debug, Subcommand)]
#[command(
    long_about = "Exports and erases what is stored about somebody: a name, a handle, an e-mail address or a URL, as \
        it stands in opportunities, actions, approvals, alerts, crash reports, snapshots, recorded answers and the \
        payloads of the audit trail. Capitals count as small letters."
)]
pub enum Verb {
    /// Prints everything that is stored about somebody, as JSON
    #[command(
        long_about = "Prints everything that is stored about somebody, as JSON, with what cannot be searched here. It \
            also tells of each whether `privacy erase` would leave it, and why.",
        after_long_help = examples("money-machine privacy export ada@example.org\nmoney-machine privacy export \
            ada-lovelace > ada.json")
    )]
    Export {
        /// A whole name, handle, e-mail address or URL, of 5 bytes at least
        subject: String,
        /// The same; it is always JSON
        #[arg(long, hide = true)]
        json: bool,
    },
    /// Erases what is stored about somebody
    #[command(
        long_about = "Erases what is stored about somebody: texts are blanked, audit payloads erased, recorded \
            answers removed. The audit chain goes on to verify; that something was erased is put on it, with a \
            salted hash of the subject. What is open, or somebody's account here, stays and is said; so is what is \
            out of reach (logs, backups, platforms). It cannot be undone: look with --dry-run first.",
        after_long_help = examples("money-machine privacy erase ada@example.org --dry-run\nmoney-machine privacy \
            erase ada@example.org")
    )]
    Erase {
        /// A whole name, handle, e-mail address or URL, of 5 bytes at least
        subject: String,
        /// Only says what would be erased
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        json: Json,
    },
}

pub(super) fn execute(cx: &Cx<'_>, verb: Verb) -> Done {
    let asker = Asker::new(cx)?;
    match verb {
        Verb::Export { subject, json: _ } => print::json(&found(&asker, &subject)?)?,
        Verb::Erase { subject, dry_run: true, json } => {
            let body = found(&asker, &subject)?;
            if json.json { print::json(&body)? } else { print::out(&listed(&body))? }
        }
        Verb::Erase { subject, dry_run: false, json } => {
            let told = asker.say(&Question::of(&["privacy", "erase"]), &json!({ "subject": subject }))?;
            let whole = told.body["chain_whole"].as_bool().unwrap_or_default();
            if json.json {
                print::json(&told.body)?
            } else {
                print::out(&done(&told.body))?
            }
            if !whole {
                eprintln!("the audit chain is not whole; `audit verify` shows what is wrong");
                return Ok(Exit::Refused);
            }
        }
    }
    Ok(Exit::Done)
}

fn found(asker: &Asker<'_>, subject: &str) -> Result<Value, Failure> {
    Ok(asker.read(&Question::of(&["privacy"]).with("subject", Some(subject)))?.body)
}

fn texts<'a>(list: &'a Value) -> impl Iterator<Item = String> + 'a {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(|text| line(text, 400))
}

fn listed(body: &Value) -> String {
    let all = body["found"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut text = format!("{} found\n", all.len());
    for one in all {
        let name = |field: &str| line(one[field].as_str().unwrap_or_default(), 200);
        let stays = one["stays"]
            .as_str()
            .map_or("would be erased".to_owned(), |why| format!("stays: {}", line(why, 300)));
        text.push_str(&format!("{} {}: {stays}\n", name("place"), name("name")));
    }
    text.push_str("not looked at:\n");
    text.extend(texts(&body["not_seen"]).map(|what| format!("- {what}\n")));
    text
}

fn done(body: &Value) -> String {
    let mut text = format!(
        "erased: {} rows, {} audit payloads, {} answers\non record as {} (salt {})\n",
        body["rows"],
        body["payloads"],
        body["answers"],
        line(body["subject"].as_str().unwrap_or_default(), 64),
        line(body["salt"].as_str().unwrap_or_default(), 32)
    );
    text.extend(texts(&body["kept"]).map(|kept| format!("kept: {kept}\n")));
    text.push_str("not reached:\n");
    text.extend(mm_services::privacy::NOT_SEEN.iter().map(|what| format!("- {what}\n")));
    text
}
