//! `compliance check|explain|replay|report`, `compliance rules list|lint|test`.

mod pages;
mod report;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use mm_core::moment::Moment;

use super::ask::Asker;
use super::print;
use super::{Cx, Done, Json, examples, refuse};
use crate::exit::{Exit, Failure};
use crate::views::Question;
use crate::views::compliance::{NoteView, ReplayView, ReportView};

#[cfg(test)]
pub(crate) use report::{html, text};

/// Shows what the rules let through, and why
#[derive(Debug, Subcommand)]
#[command(long_about = "Shows what the rules let through, and why.\n\n\
    Rules are files in the data directory's rules/, one a platform and law-*.toml for what holds everywhere. Nothing \
    leaves that no rule of its platform permits; where rules disagree, forbid wins over ask, and ask over permit. A \
    permit that nobody has reviewed for 180 days asks.")]
pub enum Verb {
    /// Says what would happen to an act, without doing it
    #[command(
        long_about = "Judges an act as it would be judged if a strategy proposed it now: the verdict, the rules that \
            decide, what they oblige to, and the quotas it would be charged to. Nothing is sent, spent or recorded. \
            Ends with 1 unless the verdict is permit.",
        after_long_help = examples(
            "money-machine compliance check --platform opire --action read --url https://api.opire.dev/rewards\n\
             money-machine compliance check --platform a --action b --url https://c.de/ --text page.html"
        )
    )]
    Check {
        #[command(flatten)]
        act: Box<Act>,
        #[command(flatten)]
        json: Json,
    },
    /// Explains the decision on one act
    #[command(
        long_about = "Explains what was decided on one act: the rules with the clauses they rest on, where those are \
            written and how sure that is, what was judged, and the approval, if there was one.",
        after_long_help = examples("money-machine compliance explain 00001-000001-bug-bounty.read-hackerone")
    )]
    Explain {
        /// The act's id, as in `actions list`
        id: String,
        #[command(flatten)]
        json: Json,
    },
    /// Makes every stored decision once more, by the rules of its day
    #[command(
        long_about = "Makes every stored decision once more, by the rules of its day, which are kept. Ends with 1 if \
            one comes out otherwise or does not open, and prints each that does.",
        after_long_help = examples("money-machine compliance replay\nmoney-machine compliance replay --from 2026-07-01T00:00:00Z --json")
    )]
    Replay {
        #[command(flatten)]
        period: Period,
        #[command(flatten)]
        json: Json,
    },
    /// Reports on a period
    #[command(
        long_about = "Reports on a period: acts by verdict, status, platform and strategy; what was proposed and not let \
            out; what left though no rule let it, which must be nothing; and rules that are due for review. Ends with 1 \
            if something left that must not, or a record does not open.\n\nThe HTML page needs nothing else: no script, no picture, no network.",
        after_long_help = examples(
            "money-machine compliance report\nmoney-machine compliance report --from 2026-07-01T00:00:00Z --format html"
        )
    )]
    Report {
        #[command(flatten)]
        period: Period,
        /// How it is written
        #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
        format: Format,
        /// The same as --format json
        #[arg(long, conflicts_with = "format")]
        json: bool,
    },
    /// Shows and tests the rule files
    #[command(subcommand)]
    Rules(RulesVerb),
}

/// Shows and tests the rule files
#[derive(Debug, Subcommand)]
pub enum RulesVerb {
    /// Lists the rules
    #[command(
        long_about = "Lists the rules: what each says of which acts, and when a person last compared it with its source.",
        after_long_help = examples("money-machine compliance rules list\nmoney-machine compliance rules list --platform github --json")
    )]
    List {
        /// Only those of this platform
        #[arg(long, value_name = "PLATFORM")]
        platform: Option<String>,
        #[command(flatten)]
        json: Json,
    },
    /// Shows what is to be looked at in them
    #[command(
        long_about = "Shows what is to be looked at in the rule files: reviews that are too old, weak sources, rules that no \
            example shows. Ends with 1 if there is something.",
        after_long_help = examples("money-machine compliance rules lint")
    )]
    Lint {
        #[command(flatten)]
        json: Json,
    },
    /// Judges the examples in them
    #[command(
        long_about = "Judges every example that the rule files hold of themselves, and shows those that come out otherwise. \
            Ends with 1 if one does.",
        after_long_help = examples("money-machine compliance rules test")
    )]
    Test {
        #[command(flatten)]
        json: Json,
    },
}

/// An act.
#[derive(Debug, Args)]
pub struct Act {
    /// The platform, as in its rule file
    #[arg(long)]
    platform: String,
    /// The kind of act, as in the rules
    #[arg(long, value_name = "KIND")]
    action: String,
    /// The request's method
    #[arg(long, default_value = "GET")]
    method: String,
    /// Where it would go
    #[arg(long)]
    url: String,
    /// With this account [default: none]
    #[arg(long)]
    account: Option<String>,
    /// The owner's country, two capitals [default: that of the configuration]
    #[arg(long, value_name = "CC")]
    country: Option<String>,
    /// What was looked up beforehand; again for more
    #[arg(long = "fact", value_name = "NAME=VALUE")]
    facts: Vec<String>,
    /// The text that would be published; `-` reads stdin
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// How the text is written: markdown, html or plain [default: as the rules say]
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
}

/// From when to when.
#[derive(Debug, Args)]
pub struct Period {
    /// Only what was judged from this time on
    #[arg(long, value_name = "TIME")]
    from: Option<Moment>,
    /// Only what was judged before this time
    #[arg(long, value_name = "TIME")]
    to: Option<Moment>,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal
    Text,
    /// For programs
    Json,
    /// A page of its own
    Html,
}

/// The most bytes of a question that a daemon hears.
const QUESTION_BYTES_MAX: usize = 60_000;
/// The most bytes of a text that is read to be judged; more is never judged.
const TEXT_BYTES_READ: u64 = 1 << 20;

pub(super) fn execute(cx: &Cx<'_>, verb: Verb) -> Done {
    let asker = Asker::new(cx)?;
    match verb {
        Verb::Check { act, json } => check(&asker, &act, json),
        Verb::Explain { id, json } => {
            let told = asker.read(&Question::of(&["compliance", "explain", &id]))?;
            if json.json {
                print::json(&told.body)?
            } else {
                print::out(&pages::explained(&told.view()?))?
            }
            Ok(Exit::Done)
        }
        Verb::Replay { period, json } => {
            let told = asker.read(&period.ask("replay"))?;
            let view: ReplayView = told.view()?;
            if json.json {
                print::json(&told.body)?
            } else {
                print::out(&pages::replayed(&view))?
            }
            Ok(if view.deviations.is_empty() { Exit::Done } else { Exit::Refused })
        }
        Verb::Report { period, format, json } => {
            let told = asker.read(&period.ask("report"))?;
            let view: ReportView = told.view()?;
            match if json { Format::Json } else { format } {
                Format::Json => print::json(&told.body)?,
                Format::Text => print::out(&report::text(&view))?,
                Format::Html => print::out(&report::html(&view))?,
            }
            Ok(if view.is_clean() { Exit::Done } else { Exit::Refused })
        }
        Verb::Rules(RulesVerb::List { platform, json }) => {
            let told = asker.read(&Question::of(&["compliance", "rules"]).with("platform", platform))?;
            if json.json {
                print::json(&told.body)?
            } else {
                print::out(&pages::rows(&told.view::<Vec<_>>()?))?
            }
            Ok(Exit::Done)
        }
        Verb::Rules(RulesVerb::Lint { json }) => look(&asker, "lint", "there is nothing to look at", json),
        Verb::Rules(RulesVerb::Test { json }) => {
            look(&asker, "test", "every example comes out as it says", json)
        }
    }
}

impl Period {
    fn ask(&self, what: &str) -> Question {
        Question::of(&["compliance", what]).with("from", self.from).with("to", self.to)
    }
}

fn check(asker: &Asker<'_>, act: &Act, json: Json) -> Done {
    let text = act.text.as_deref().map(read_text).transpose()?;
    let facts = (!act.facts.is_empty()).then(|| act.facts.join("\n"));
    let question = Question::of(&["compliance", "check"])
        .with("platform", Some(&act.platform))
        .with("action", Some(&act.action))
        .with("method", Some(&act.method))
        .with("url", Some(&act.url))
        .with("account", act.account.as_ref())
        .with("country", act.country.as_ref())
        .with("facts", facts)
        .with("text", text)
        .with("format", act.format.as_ref());
    if question.target().len() > QUESTION_BYTES_MAX {
        return Err(refuse("the text is too long to be asked about; try a shorter one"));
    }
    let told = asker.read(&question)?;
    let view: crate::views::compliance::CheckView = told.view()?;
    if json.json {
        print::json(&told.body)?
    } else {
        print::out(&pages::checked(&view))?
    }
    Ok(if view.verdict == "permit" { Exit::Done } else { Exit::Refused })
}

fn read_text(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(TEXT_BYTES_READ).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(TEXT_BYTES_READ).read_to_string(&mut text))
    };
    read.map_err(|error| Failure::new(format!("read the text in `{}`", path.display()), error))?;
    Ok(text)
}

/// Notes on rules; 1 if there are any.
fn look(asker: &Asker<'_>, what: &str, none: &str, json: Json) -> Done {
    let told = asker.read(&Question::of(&["compliance", "rules", what]))?;
    let found: Vec<NoteView> = told.view()?;
    if json.json {
        print::json(&told.body)?;
    } else if found.is_empty() {
        eprintln!("{none}");
    } else {
        print::out(&pages::notes(&found))?;
    }
    Ok(if found.is_empty() { Exit::Done } else { Exit::Refused })
}
