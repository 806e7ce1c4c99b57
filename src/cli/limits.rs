//! `limits list|show`.

use clap::Subcommand;

use super::ask::Asker;
use super::print::{self, line, minute_or, table};
use super::{Cx, Done, Json, examples};
use crate::exit::Exit;
use crate::views::Question;
use crate::views::limit::{LimitPage, LimitView};

/// Shows what is left of every quota
#[derive(Debug, Subcommand)]
#[command(long_about = "Shows what is left of every quota.\n\n\
    A quota holds in any window of its length, not only from midnight to midnight, and over restarts. The rules set \
    those of platforms; limits.max_daily_actions caps everything together.")]
pub enum Verb {
    /// Lists all of them
    #[command(
        long_about = "Lists every quota: how much is used and left, and when all of it is there again.",
        after_long_help = examples("money-machine limits list\nmoney-machine limits list --json")
    )]
    List {
        #[command(flatten)]
        json: Json,
    },
    /// Shows those of one platform, and whether it is left alone
    #[command(
        long_about = "Shows the quotas of one platform with where each is written, and until when the platform is \
            left alone because it asked for that.",
        after_long_help = examples("money-machine limits show bounty-targets-data")
    )]
    Show {
        /// The platform, as in its rule file
        platform: String,
        #[command(flatten)]
        json: Json,
    },
}

pub(super) fn execute(cx: &Cx<'_>, verb: Verb) -> Done {
    let asker = Asker::new(cx)?;
    match verb {
        Verb::List { json } => {
            let told = asker.read(&Question::of(&["limits"]))?;
            if json.json { print::json(&told.body)? } else { print::out(&rows(&told.view::<Vec<_>>()?))? }
        }
        Verb::Show { platform, json } => {
            let told = asker.read(&Question::of(&["limits", &platform]))?;
            if json.json { print::json(&told.body)? } else { print::out(&page(&told.view()?))? }
        }
    }
    Ok(Exit::Done)
}

pub(super) fn rows(limits: &[LimitView]) -> String {
    let row = |limit: &LimitView| {
        vec![
            limit.platform.clone().unwrap_or_else(|| "(all)".to_owned()),
            line(&limit.quota, 100),
            limit.used.to_string(),
            limit.left.to_string(),
            minute_or(limit.whole_at.as_ref(), "now"),
            line(&limit.source, 120),
        ]
    };
    let rows: Vec<Vec<String>> = limits.iter().map(row).collect();
    table(&["platform", "limit", "used", "left", "whole at", "written in"], &rows)
}

pub(super) fn page(page: &LimitPage) -> String {
    let mut text = format!("{}: {}\n\n{}", page.platform, line(&page.about, 300), rows(&page.limits));
    for cool_down in &page.cool_downs {
        text.push_str(&format!("{} is left alone until {}\n", line(&cool_down.who, 140), cool_down.until));
    }
    text
}
