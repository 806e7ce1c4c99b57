//! `opportunities list|show|accept|dismiss|submitted|awarded|paid|lost`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::ask::Asker;
use super::none::Narrowed;
use super::print::{self, fields, line, minute, table};
use super::{Cx, Done, Json, examples};
use crate::exit::{Exit, Failure};
use crate::views::opportunity::{OpportunityView, PayerView, RewardView, STATES};
use crate::views::{Question, counted};

/// Shows chances to earn, and takes your decisions on them
#[derive(Debug, Subcommand)]
#[command(long_about = "Shows chances to earn, and takes your decisions on them.\n\n\
    What was there when a source was read for the first time is its baseline: kept, and hidden here unless you ask. \
    A score (0 to 100) says how soon something is worth a look, not what it will pay. What it is worth an hour is \
    reckoned in one line: reward × chance of being paid − your time − fees; what is not known is left out and said. \
    Set `hourly_rate` in [user] to have your time reckoned with. A trap is marked as one and is no income: it is in \
    no sum and in no figure of `status`.")]
pub enum Verb {
    /// Lists them, the best first
    #[command(
        long_about = "Lists opportunities, the best first: those that are worth something an hour, by currency (your \
            hourly rate's first) and then by how much; then those of which that is not known, by their score; then \
            those that leave you nothing; traps last. No amount is converted. For people it hides the baseline and \
            shows the first 40; as JSON it is one complete array unless you filter or limit it.",
        after_long_help = examples(
            "money-machine opportunities list\nmoney-machine opportunities list --state new --sort found\n\
             money-machine opportunities list --platform hackerone --kind targets_added --limit 100\n\
             money-machine opportunities list --no-baseline --json | jq '.[].title'"
        )
    )]
    List(ListOptions),
    /// Shows one with all its details
    #[command(
        long_about = "Shows one opportunity: what it is worth, why it has its score, who pays and whether he does, \
            where to look, every change of its state with who, when and why, and its details.",
        after_long_help = examples("money-machine opportunities show 5f0c8a31d2b94e7761aa03c9\nmoney-machine opportunities show 5f0c8a31d2b94e7761aa03c9 --json | jq .details")
    )]
    Show {
        #[command(flatten)]
        id: Id,
        #[command(flatten)]
        json: Json,
    },
    /// Says that you want it
    #[command(
        long_about = "Says that you want to work on it. You can take that back with `dismiss` until the work is \
            handed in. The decision is put on record.",
        after_long_help = examples("money-machine opportunities accept 5f0c8a31d2b94e7761aa03c9 --reason mine")
    )]
    Accept(Said),
    /// Says that you do not want it
    #[command(
        long_about = "Says that you do not want it. It stays on record, and found again it stays dismissed.",
        after_long_help = examples("money-machine opportunities dismiss 5f0c8a31d2b94e7761aa03c9")
    )]
    Dismiss(Said),
    /// Says that you have handed the work in
    #[command(
        long_about = "Says that you have handed the work in. From then on its deadline does not end it.",
        after_long_help = examples("money-machine opportunities submitted 5f0c8a31d2b94e7761aa03c9")
    )]
    Submitted(Said),
    /// Says that your work was taken and the money is owed
    #[command(
        long_about = "Says that your work was taken and the money is owed. A payment in the books that is approved \
            says the same by itself.",
        after_long_help = examples("money-machine opportunities awarded 5f0c8a31d2b94e7761aa03c9 --reason merged")
    )]
    Awarded(Said),
    /// Says that you were paid
    #[command(
        long_about = "Says that you were paid. It puts no money into the books: `earnings record` does, with evidence, \
            and then this is said by itself.",
        after_long_help = examples("money-machine opportunities paid 5f0c8a31d2b94e7761aa03c9")
    )]
    Paid(Said),
    /// Says that nothing comes of it
    #[command(
        long_about = "Says that nothing comes of it: somebody was faster, or your work was not taken. Found again it \
            stays lost; a payment for it in the books brings it back.",
        after_long_help = examples("money-machine opportunities lost 5f0c8a31d2b94e7761aa03c9 --reason taken")
    )]
    Lost(Said),
}

/// What is said of one.
#[derive(Debug, Args)]
pub struct Said {
    #[command(flatten)]
    id: Id,
    /// Why, in half a sentence, for the record
    #[arg(long, value_name = "WHY")]
    reason: Option<String>,
    #[command(flatten)]
    json: Json,
}

/// Which opportunity.
#[derive(Debug, Args)]
pub struct Id {
    /// Its id, as in the list
    id: String,
}

/// Which opportunities.
#[derive(Debug, Args)]
pub struct ListOptions {
    /// Only those in this state
    #[arg(long, value_name = "STATE", value_parser = states())]
    state: Option<String>,
    /// Only those of this kind, like targets_added
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only those that can be earned on this platform
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    /// Only what was there when its source was first read
    #[arg(long, conflicts_with = "no_baseline")]
    baseline: bool,
    /// Only what came after that
    #[arg(long)]
    no_baseline: bool,
    /// What comes first: the best by worth, by score, or the newest
    #[arg(long, value_name = "ORDER", default_value = "rank", value_parser = ["rank", "score", "found"])]
    sort: String,
    /// At most so many [default: all as JSON, else 40]
    #[arg(long, value_name = "N", value_parser = print::rows_max)]
    limit: Option<usize>,
    #[command(flatten)]
    json: Json,
}

fn states() -> clap::builder::PossibleValuesParser {
    STATES.iter().map(|state| state.as_str()).collect::<Vec<_>>().into()
}

/// So many are shown to a person who named no number.
const SHOWN: usize = 40;

pub(super) fn execute(cx: &Cx<'_>, verb: Verb) -> Done {
    let asker = Asker::new(cx)?;
    match verb {
        Verb::List(options) => list(&asker, options)?,
        Verb::Show { id, json } => {
            let told = asker.read(&Question::of(&["opportunities", &id.id]))?;
            if json.json { print::json(&told.body)? } else { print::out(&page(&told.view()?))? }
        }
        Verb::Accept(said) => decide(&asker, &said, "accept")?,
        Verb::Dismiss(said) => decide(&asker, &said, "dismiss")?,
        Verb::Submitted(said) => decide(&asker, &said, "submitted")?,
        Verb::Awarded(said) => decide(&asker, &said, "awarded")?,
        Verb::Paid(said) => decide(&asker, &said, "paid")?,
        Verb::Lost(said) => decide(&asker, &said, "lost")?,
    }
    Ok(Exit::Done)
}

fn decide(asker: &Asker<'_>, said: &Said, verb: &str) -> Result<(), Failure> {
    let body = json!({ "reason": said.reason });
    let told = asker.say(&Question::of(&["opportunities", &said.id.id, verb]), &body)?;
    if said.json.json {
        return print::json(&told.body);
    }
    let decided: OpportunityView = told.view()?;
    eprintln!("{}: {}", decided.state, line(&decided.title, 200));
    if let Some(more) = to_know(verb, &decided) {
        eprintln!("{}", asker.hinted(&more));
    }
    Ok(())
}

/// What a person should know of what he has just said, if anything.
pub(super) fn to_know(verb: &str, decided: &OpportunityView) -> Option<String> {
    let id = line(&decided.id, 80);
    match verb {
        "accept" if decided.is_trap() => {
            let reasons: Vec<String> = decided.payer.reasons.iter().map(|reason| line(reason, 300)).collect();
            Some(format!(
                "warning: it is a trap and no income: {}; `money-machine opportunities dismiss {id}` takes that back",
                reasons.join("; ")
            ))
        }
        "paid" => Some(format!(
            "the books hold nothing of that yet, unless a platform reported it: `money-machine earnings record` puts \
             it in, with --opportunity {id}"
        )),
        _ => None,
    }
}

fn list(asker: &Asker<'_>, options: ListOptions) -> Result<(), Failure> {
    let only = match (options.baseline, options.no_baseline) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    };
    let question = Question::of(&["opportunities"])
        .with("state", options.state.as_ref())
        .with("kind", options.kind.as_ref())
        .with("platform", options.platform.as_ref())
        .with("baseline", only)
        .with("sort", Some(&options.sort))
        // A person is also told how many there are.
        .with("limit", options.limit.filter(|_| options.json.json));
    let told = asker.read(&question)?;
    if options.json.json {
        return print::json(&told.body);
    }
    let all: Vec<OpportunityView> = told.view()?;
    let total = all.len();
    let listed: Vec<OpportunityView> =
        all.into_iter().filter(|o| options.baseline || !o.is_baseline()).collect();
    let shown = options.limit.unwrap_or(SHOWN).min(listed.len());
    if shown > 0 {
        print::out(&rows(listed.get(..shown).unwrap_or_default()))?;
    }
    let narrowed = Narrowed::by(&[
        ("--state", options.state.as_deref()),
        ("--kind", options.kind.as_deref()),
        ("--platform", options.platform.as_deref()),
        ("--baseline", options.baseline.then_some("")),
        ("--no-baseline", options.no_baseline.then_some("")),
    ]);
    eprintln!("{}", asker.hinted(&more(&narrowed, shown, listed.len(), total - listed.len())));
    Ok(())
}

/// What a person is told below the list.
pub(super) fn more(narrowed: &Narrowed, shown: usize, listed: usize, hidden: usize) -> String {
    let mut text = match (shown, listed) {
        (_, 0) if hidden > 0 => narrowed.none("new opportunity", "nothing new is listed"),
        (_, 0) => narrowed.none("opportunity", "no opportunity is on record"),
        (shown, listed) if shown == listed => counted(listed, "opportunity", "opportunities"),
        (shown, listed) => format!("{shown} of {listed} opportunities; --limit {listed} shows all"),
    };
    if hidden > 0 {
        text.push_str(&format!("; {hidden} of the baseline are hidden, --baseline shows them"));
    }
    if listed > 0 {
        text.push_str(
            "\n`money-machine opportunities show ID` shows one, `accept ID` and `dismiss ID` decide",
        );
    }
    text
}

pub(super) fn rows(all: &[OpportunityView]) -> String {
    let row = |o: &OpportunityView| {
        vec![
            line(&o.id, 24),
            worth(o),
            o.score.to_string(),
            o.state.clone(),
            line(&o.platform, 20),
            line(&o.kind, 20),
            line(&o.title, 120),
        ]
    };
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    table(&["id", "per hour", "score", "state", "platform", "kind", "title"], &rows)
}

/// What it leaves an hour, in a column.
fn worth(o: &OpportunityView) -> String {
    match (&o.ranking.per_hour, &o.ranking.currency) {
        _ if o.is_trap() => "trap".to_owned(),
        (Some(hour), Some(currency)) => {
            format!("{} {}", print::amount(hour, currency), line(currency, 8))
        }
        _ => "unknown".to_owned(),
    }
}

pub(super) fn page(o: &OpportunityView) -> String {
    let mut lines = vec![
        ("title", line(&o.title, 200)),
        ("id", line(&o.id, 80)),
        ("state", o.state.clone()),
        ("score", format!("{} ({})", o.score, line(&o.reason, 300))),
        ("platform", line(&o.platform, 64)),
        ("kind", line(&o.kind, 64)),
        ("look at", line(&o.url, 2048)),
        ("found", format!("{} by {}", o.found_at, o.strategy)),
        ("updated", o.updated_at.clone()),
        ("reward", o.reward.as_ref().map_or("not said".to_owned(), reward)),
        ("worth", line(&o.ranking.line, 600)),
        ("payer", payer(&o.payer)),
    ];
    if let Some(deadline) = &o.deadline {
        lines.push(("deadline", minute(deadline)));
    }
    if let Some(evidence) = &o.evidence {
        lines.push(("evidence", line(evidence, 80)));
    }
    let mut text = fields(&lines);
    if let Some(history) = o.history.as_ref().filter(|history| !history.is_empty()) {
        text.push_str("\nWhat became of it:\n");
        for step in history {
            let why = step.why.as_ref().map(|why| format!(": {}", line(why, 300))).unwrap_or_default();
            let (at, by) = (minute(&step.at), line(&step.by, 120));
            text.push_str(&format!(
                "  {at}  {} to {} by {by}{why}\n",
                line(&step.from, 20),
                line(&step.to, 20)
            ));
        }
    }
    if !o.details.is_empty() {
        text.push_str("\nDetails:\n");
        for (name, value) in &o.details {
            detail(&mut text, 1, &line(name, 60), value);
        }
    }
    text
}

fn payer(payer: &PayerView) -> String {
    let name = payer.name.as_ref().map_or("not named".to_owned(), |name| line(name, 120));
    let reasons: Vec<String> = payer.reasons.iter().map(|reason| line(reason, 300)).collect();
    format!("{name}, {} ({})", line(&payer.proof, 12), reasons.join("; "))
}

fn reward(reward: &RewardView) -> String {
    let currency = line(&reward.currency, 8);
    let amount = |amount: &Option<String>| Some(print::amount(amount.as_ref()?, &currency));
    match (amount(&reward.min), amount(&reward.max)) {
        (Some(min), Some(max)) => format!("{min} to {max} {currency}"),
        (None, Some(max)) => format!("up to {max} {currency}"),
        (Some(min), None) => format!("from {min} {currency}"),
        (None, None) => format!("paid in {currency}, no amount said"),
    }
}

/// The most of a text of several lines that is shown.
const TEXT_CHARS_MAX: usize = 20_000;

/// Details are a strategy's own, built from what others wrote: each text becomes harmless, and a letter keeps its
/// lines.
fn detail(text: &mut String, depth: usize, name: &str, value: &Value) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Array(items) if items.iter().any(Value::is_object) => {
            text.push_str(&format!("{indent}{name}:\n"));
            for item in items {
                text.push_str(&format!("{indent}  - {}\n", short(item)));
            }
        }
        Value::Object(inner) => {
            text.push_str(&format!("{indent}{name}:\n"));
            for (name, value) in inner {
                detail(text, depth + 1, &line(name, 60), value);
            }
        }
        Value::String(letter) if letter.trim().contains('\n') => {
            text.push_str(&format!("{indent}{name}:\n"));
            text.push_str(&print::indented(&print::lines(letter, TEXT_CHARS_MAX), 2 * (depth + 1)));
        }
        other => text.push_str(&format!("{indent}{name}: {}\n", short(other))),
    }
}

/// A value in one line.
fn short(value: &Value) -> String {
    match value {
        Value::String(text) => line(&text.replace(['\r', '\n'], " "), 300),
        Value::Array(items) => items.iter().map(short).collect::<Vec<_>>().join(", "),
        Value::Object(inner) => {
            let parts: Vec<String> =
                inner.iter().map(|(name, value)| format!("{} {}", line(name, 60), short(value))).collect();
            parts.join(", ")
        }
        other => other.to_string(),
    }
}
