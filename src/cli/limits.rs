//! `limits list|show|isolate|release`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::ask::Asker;
use super::print::{self, line, minute_or, table};
use super::{Cx, Done, Json, examples};
use crate::exit::{Exit, Failure};
use crate::views::Question;
use crate::views::limit::{LimitPage, LimitView, WaitingView};

/// Shows what is left of every quota, and takes platforms out of use
#[derive(Debug, Subcommand)]
#[command(long_about = "Shows what is left of every quota, and takes platforms out of use.\n\n\
    A quota holds in any window of its length, not only from midnight to midnight, and over restarts. The rules set \
    those of platforms; limits.max_daily_actions caps everything together.\n\n\
    A breaker stands before every platform, account and kind of act. It opens by itself when too much fails; you can \
    isolate it, and then nothing passes until you release it.")]
pub enum Verb {
    /// Lists all of them
    #[command(
        long_about = "Lists every quota: how much is used and left, and when all of it is there again; who is paused because \
            one is nearly used; and who waits for room, with when each comes if those before it come as soon as they may. \
            The last tenth of a quota of an hour or longer is kept for what matters more: strategies of priority 1 may \
            use half of it, the machine's own acts all.",
        after_long_help = examples("money-machine limits list\nmoney-machine limits list --json")
    )]
    List {
        #[command(flatten)]
        json: Json,
    },
    /// Lists who waits for room
    #[command(
        long_about = "Lists the acts that wait for room in a quota, in the order in which they are looked at: by priority, \
            strategies of one priority in turns, then by deadline. Whoever was passed over eight times goes first.",
        after_long_help = examples("money-machine limits queue\nmoney-machine limits queue --json")
    )]
    Queue {
        #[command(flatten)]
        json: Json,
    },
    /// Shows those of one platform, and whether it is left alone
    #[command(
        long_about = "Shows the quotas of one platform with where each is written, and until when the platform is \
            left alone because it asked for that, and which of its breakers are not closed.",
        after_long_help = examples("money-machine limits show bounty-targets-data")
    )]
    Show {
        /// The platform, as in its rule file
        platform: String,
        #[command(flatten)]
        json: Json,
    },
    /// Sends nothing more to a platform until you release it
    #[command(
        long_about = "Isolates a platform, or there one account, one kind of act, or both: nothing is sent any more, \
            also of what was permitted already, until you release it. A request that is under way is not cut off. It \
            holds over restarts, and is put on record with its reason. Strategies go on; what they ask for there is \
            refused.",
        after_long_help = examples(
            "money-machine limits isolate bounty-targets-data --reason complaint\nmoney-machine limits \
             isolate bounty-targets-data --kind read --reason odd"
        )
    )]
    Isolate {
        #[command(flatten)]
        lane: LaneOptions,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        json: Json,
    },
    /// Lets a platform be tried again
    #[command(
        long_about = "Ends the isolation of a platform, or there of one account, one kind of act, or both, and of all \
            that is part of it; also ends the wait of a breaker that opened by itself. The next act is the one probe: \
            if it goes well, all may pass again.",
        after_long_help = examples(
            "money-machine limits release bounty-targets-data\nmoney-machine limits release bounty-targets-data --kind read"
        )
    )]
    Release {
        #[command(flatten)]
        lane: LaneOptions,
        #[command(flatten)]
        json: Json,
    },
}

/// Which acts.
#[derive(Debug, Args)]
pub struct LaneOptions {
    /// The platform, as in its rule file
    platform: String,
    /// Only with this account [default: with any and with none]
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// Only acts of this kind, as in the platform's rules [default: all]
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
}

pub(super) fn execute(cx: &Cx<'_>, verb: Verb) -> Done {
    let asker = Asker::new(cx)?;
    match verb {
        Verb::List { json } => {
            let told = asker.read(&Question::of(&["limits"]))?;
            if json.json {
                print::json(&told.body)?;
            } else {
                let waiting = asker.read(&Question::of(&["queue"]))?.view::<Vec<_>>()?;
                let waiting =
                    if waiting.is_empty() { String::new() } else { format!("\n{}", queue(&waiting)) };
                print::out(&format!("{}{waiting}", rows(&told.view::<Vec<_>>()?)))?;
            }
        }
        Verb::Queue { json } => {
            let told = asker.read(&Question::of(&["queue"]))?;
            if json.json { print::json(&told.body)? } else { print::out(&queue(&told.view::<Vec<_>>()?))? }
        }
        Verb::Show { platform, json } => {
            let told = asker.read(&Question::of(&["limits", &platform]))?;
            if json.json { print::json(&told.body)? } else { print::out(&page(&told.view()?))? }
        }
        Verb::Isolate { lane, reason, json } => {
            if let Some(page) = say(&asker, &lane, "isolate", Some(reason), json)? {
                let until = format!("{} until `money-machine limits release {}`", lane.still(), lane.spelt());
                eprintln!("{}", asker.hinted(&until));
                eprint!("{}", held(&page));
            }
        }
        Verb::Release { lane, json } => {
            if let Some(page) = say(&asker, &lane, "release", None, json)? {
                eprintln!("`{}` is released; the next act is the probe", lane.spelt());
                eprint!("{}", held(&page));
            }
        }
    }
    Ok(Exit::Done)
}

impl LaneOptions {
    /// What is not sent any more while it is isolated.
    fn still(&self) -> String {
        let platform = &self.platform;
        let what = match (&self.account, &self.kind) {
            (None, None) => format!("nothing more is sent to {platform}"),
            (Some(account), None) => format!("nothing more is sent with {platform}/{account}"),
            (None, Some(kind)) => format!("no act of the kind {kind} is sent to {platform} any more"),
            (Some(account), Some(kind)) => {
                format!("no act of the kind {kind} is sent with {platform}/{account} any more")
            }
        };
        line(&what, 300)
    }

    /// As a person writes it.
    fn spelt(&self) -> String {
        let account =
            self.account.as_ref().map(|account| format!(" --account {account}")).unwrap_or_default();
        let kind = self.kind.as_ref().map(|kind| format!(" --kind {kind}")).unwrap_or_default();
        line(&format!("{}{account}{kind}", self.platform), 200)
    }
}

/// Says something of a lane; its platform's page, unless the answer was printed as JSON.
fn say(
    asker: &Asker<'_>,
    lane: &LaneOptions,
    verb: &str,
    reason: Option<String>,
    json: Json,
) -> Result<Option<LimitPage>, Failure> {
    let body: Value = json!({ "account": lane.account, "kind": lane.kind, "reason": reason });
    let told = asker.say(&Question::of(&["limits", &lane.platform, verb]), &body)?;
    if json.json {
        print::json(&told.body)?;
        return Ok(None);
    }
    Ok(Some(told.view()?))
}

/// The breakers of a platform that are not closed, a sentence each.
fn held(page: &LimitPage) -> String {
    let held = page.breakers.iter().filter(|lane| !lane.is_closed());
    held.map(|lane| format!("{}\n", line(&lane.sentence(), 500))).collect()
}

pub(super) fn rows(limits: &[LimitView]) -> String {
    let row = |limit: &LimitView| {
        vec![
            limit.platform.clone().unwrap_or_else(|| "(all)".to_owned()),
            line(&limit.quota, 100),
            limit.used.to_string(),
            limit.left.to_string(),
            minute_or(limit.whole_at.as_ref(), "now"),
            limit.paused.clone().unwrap_or_default(),
            line(&limit.source, 120),
        ]
    };
    let rows: Vec<Vec<String>> = limits.iter().map(row).collect();
    table(&["platform", "limit", "used", "left", "whole at", "paused", "written in"], &rows)
}

pub(super) fn queue(waiting: &[WaitingView]) -> String {
    let row = |one: &WaitingView| {
        vec![
            line(&one.action, 100),
            one.priority.to_string(),
            one.platform.clone(),
            one.layer.clone(),
            minute_or(one.eta.as_ref(), "never"),
            minute_or(Some(&one.until), ""),
            line(&one.limit, 100),
        ]
    };
    let rows: Vec<Vec<String>> = waiting.iter().map(row).collect();
    table(&["waits", "priority", "platform", "layer", "comes at", "gives up at", "for"], &rows)
}

pub(super) fn page(page: &LimitPage) -> String {
    let mut text = format!("{}: {}\n\n{}", page.platform, line(&page.about, 300), rows(&page.limits));
    for limit in &page.limits {
        for lowered in &limit.lowered {
            let (quota, left) = (line(&limit.quota, 100), lowered.left);
            text.push_str(&format!("{quota}: the platform says {left} are left until {}\n", lowered.until));
        }
    }
    for cool_down in &page.cool_downs {
        let why =
            if cool_down.given_up { ": it said \"too fast\" again and again; look at its site" } else { "" };
        text.push_str(&format!(
            "{} is left alone until {}{why}\n",
            line(&cool_down.who, 140),
            cool_down.until
        ));
    }
    text.push_str(&held(page));
    text
}
