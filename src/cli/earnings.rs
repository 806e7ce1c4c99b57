//! `earnings summary|list|record|export`.

use clap::{Args, Subcommand};

use super::ask::Asker;
use super::none::Narrowed;
use super::print::{self, line, minute, table};
use super::{Cx, Done, Json, examples};
use crate::exit::{Exit, Failure};
use crate::views::earning::{EarningView, MoneyView, STAGES, SumView, SummaryView};
use crate::views::{Question, counted};

mod export;
mod record;

/// Shows what came in, puts payments into the books, and exports them
#[derive(Debug, Subcommand)]
#[command(long_about = "Shows what came in, puts payments into the books, and exports them.\n\n\
    The books are kept in double entry, in exact amounts, each currency on its own. A payment goes its way from \
    expected, claimed, approved and paid to cleared, or is reversed; it counts at the stage it has come to and \
    there alone, and told twice it counts once. Every entry rests on evidence: a recorded answer of a platform, or \
    a document of yours. What is expected or claimed is no income.")]
pub enum Verb {
    /// Adds up what stands in the books
    #[command(
        long_about = "Adds up what stands in the books, each currency on its own: what may come (expected), is asked \
            for (claimed), owed (approved), sent less fees (paid), arrived (cleared), kept by others (fees), and came \
            to nothing or was taken back (reversed). Expected and claimed are no income.",
        after_long_help = examples("money-machine earnings summary\nmoney-machine earnings summary --json | jq .currencies")
    )]
    Summary {
        #[command(flatten)]
        json: Json,
    },
    /// Lists payments, what was told last first
    #[command(
        long_about = "Lists payments with the stage each has come to, what was told last first.",
        after_long_help = examples("money-machine earnings list\nmoney-machine earnings list --stage approved --platform hackerone\nmoney-machine earnings list --json")
    )]
    List(ListOptions),
    /// Puts into the books what a document of yours says of a payment
    #[command(
        long_about = "Puts into the books what a document of yours says of a payment: a statement, an invoice, a \
            mail. The document is kept for ever, as evidence. REFERENCE is the platform's own name of the payment; \
            the same again is the same payment, and told twice it counts once. What is told as of an earlier day \
            than what the books know is refused.",
        after_long_help = examples(
            "money-machine earnings record hackerone 2811734 --strategy bug-bounty --stage paid \\\n\
             --amount 500.00 --currency USD --fee 12.50 --as-of 2026-10-30 --evidence statement.pdf\n\
             money-machine earnings record hackerone 2811734 --strategy bug-bounty --stage cleared \\\n\
             --amount 500.00 --currency USD --fee 12.50 --arrived 448.20 --arrived-currency EUR \\\n\
             --as-of 2026-11-03 --evidence bank.csv"
        )
    )]
    Record(record::Options),
    /// Writes the books as a file that other programs read
    #[command(
        long_about = "Writes the books as a file that other programs read: hledger (and ledger), beancount, a \
            spreadsheet (csv), or JSON. The file says whether it is of the sandbox.",
        after_long_help = examples(
            "money-machine earnings export --format hledger --output books.journal\nmoney-machine earnings export \
             --format csv > books.csv"
        )
    )]
    Export(export::Options),
}

/// Which payments.
#[derive(Debug, Args)]
pub struct ListOptions {
    /// Only those at this stage
    #[arg(long, value_name = "STAGE", value_parser = stages())]
    stage: Option<String>,
    /// Only those of this platform
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    /// Only those of this strategy's work
    #[arg(long, value_name = "NAME")]
    strategy: Option<String>,
    /// At most so many [default: all as JSON, else 40]
    #[arg(long, value_name = "N", value_parser = print::rows_max)]
    limit: Option<usize>,
    #[command(flatten)]
    json: Json,
}

fn stages() -> clap::builder::PossibleValuesParser {
    STAGES.iter().map(|stage| stage.as_str()).collect::<Vec<_>>().into()
}

/// So many are shown to a person who named no number.
const SHOWN: usize = 40;

pub(super) fn execute(cx: &Cx<'_>, verb: Verb) -> Done {
    let asker = Asker::new(cx)?;
    match verb {
        Verb::Summary { json } => summary(&asker, json)?,
        Verb::List(options) => list(&asker, &options, &cx.machine.names())?,
        Verb::Record(options) => record::execute(&asker, &options)?,
        Verb::Export(options) => export::execute(&asker, &options)?,
    }
    Ok(Exit::Done)
}

fn summary(asker: &Asker<'_>, json: Json) -> Result<(), Failure> {
    let told = asker.read(&Question::of(&["earnings", "summary"]))?;
    if json.json {
        return print::json(&told.body);
    }
    let summary: SummaryView = told.view()?;
    if summary.currencies.is_empty() {
        let none = "nothing is in the books; `money-machine earnings record` puts a payment in";
        eprintln!("{}", asker.hinted(none));
        return Ok(());
    }
    print::out(&sums(&summary))?;
    eprintln!(
        "{}, {}; expected and claimed are no income{}",
        counted(summary.earnings, "payment", "payments"),
        counted(summary.entries, "entry", "entries"),
        match summary.traps {
            0 => String::new(),
            traps => format!("; {traps} promised for traps are in no sum"),
        }
    );
    Ok(())
}

pub(super) fn sums(summary: &SummaryView) -> String {
    let amount = |money: &MoneyView| print::amount(&money.amount, &money.currency);
    let row = |sum: &SumView| {
        let all =
            [&sum.expected, &sum.claimed, &sum.approved, &sum.paid, &sum.cleared, &sum.fees, &sum.reversed];
        std::iter::once(line(&sum.currency, 8)).chain(all.map(amount)).collect()
    };
    let rows: Vec<Vec<String>> = summary.currencies.iter().map(row).collect();
    table(&["currency", "expected", "claimed", "approved", "paid", "cleared", "fees", "reversed"], &rows)
}

fn list(asker: &Asker<'_>, options: &ListOptions, strategies: &[&str]) -> Result<(), Failure> {
    let question = Question::of(&["earnings"])
        .with("stage", options.stage.as_ref())
        .with("platform", options.platform.as_ref())
        .with("strategy", options.strategy.as_ref())
        // A person is also told how many there are.
        .with("limit", options.limit.filter(|_| options.json.json));
    let told = asker.read(&question)?;
    if options.json.json {
        return print::json(&told.body);
    }
    let all: Vec<EarningView> = told.view()?;
    let shown = options.limit.unwrap_or(SHOWN).min(all.len());
    if shown > 0 {
        print::out(&rows(all.get(..shown).unwrap_or_default()))?;
    }
    match all.len() {
        0 => {
            let narrowed = Narrowed::by(&[
                ("--stage", options.stage.as_deref()),
                ("--platform", options.platform.as_deref()),
                ("--strategy", options.strategy.as_deref()),
            ]);
            let empty = "no payment is in the books";
            eprintln!("{}", narrowed.none_near("payment", empty, "--strategy", strategies));
        }
        n if n == shown => eprintln!("{}", counted(n, "payment", "payments")),
        n => eprintln!("{shown} of {n} payments; --limit {n} shows all"),
    }
    Ok(())
}

pub(super) fn rows(all: &[EarningView]) -> String {
    let row = |e: &EarningView| {
        vec![
            minute(&e.as_of),
            if e.trap { format!("trap ({})", line(&e.stage, 12)) } else { line(&e.stage, 12) },
            e.amount.as_ref().map_or_else(String::new, money),
            line(&e.platform, 24),
            line(&e.reference, 60),
            line(&e.strategy, 24),
            line(&e.document, 60),
        ]
    };
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    table(&["as of", "stage", "amount", "platform", "reference", "strategy", "evidence"], &rows)
}

fn money(money: &MoneyView) -> String {
    format!("{} {}", print::amount(&money.amount, &money.currency), line(&money.currency, 8))
}
