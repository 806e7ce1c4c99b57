//! `earnings record`: reads the document and tells the daemon.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use mm_core::audit::keys::hex;
use mm_core::moment::Moment;
use serde_json::json;

use super::money;
use crate::admin::DOCUMENT_BYTES_MAX;
use crate::cli::ask::Asker;
use crate::cli::print::{self, line};
use crate::cli::{Json, refuse};
use crate::exit::Failure;
use crate::views::Question;
use crate::views::earning::RecordedView;

/// What is told.
#[derive(Debug, Args)]
pub struct Options {
    /// Who pays, like hackerone
    platform: String,
    /// The platform's own name of the payment
    reference: String,
    /// Whose work it is
    #[arg(long, value_name = "NAME")]
    strategy: String,
    /// How far it is
    #[arg(long, value_name = "STAGE", value_parser = super::stages())]
    stage: String,
    /// How much in all, before the fee, like 12.50
    #[arg(long, value_name = "AMOUNT", value_parser = amount, allow_hyphen_values = true)]
    amount: String,
    /// Its currency, like EUR
    #[arg(long, value_name = "CODE")]
    currency: String,
    /// What was kept of it, in the same currency
    #[arg(long, value_name = "AMOUNT")]
    fee: Option<String>,
    /// What arrived, where that is another currency
    #[arg(long, value_name = "AMOUNT", requires = "arrived_currency")]
    arrived: Option<String>,
    /// The currency of what arrived
    #[arg(long, value_name = "CODE", requires = "arrived")]
    arrived_currency: Option<String>,
    /// The day, or the time, the document speaks of [default: now]
    #[arg(long, value_name = "DATE", value_parser = moment)]
    as_of: Option<Moment>,
    /// The opportunity it came of
    #[arg(long, value_name = "ID")]
    opportunity: Option<String>,
    /// The document that says so: a statement, an invoice, a mail
    #[arg(long, value_name = "FILE")]
    evidence: PathBuf,
    #[command(flatten)]
    json: Json,
}

/// An amount as it was paid: what was taken back is another stage of it, and no amount below nothing.
fn amount(text: &str) -> Result<String, String> {
    if text.starts_with('-') {
        return Err(
            "an amount has no sign; of what was taken back write the amount and --stage reversed".to_owned()
        );
    }
    Ok(text.to_owned())
}

/// A day, in UTC, or a time.
fn moment(text: &str) -> Result<Moment, String> {
    let day = format!("{text}T00:00:00Z");
    text.parse()
        .or_else(|_| day.parse())
        .map_err(|_| "write a day like 2026-11-03, or a time like 2026-11-03T09:30:00Z".to_owned())
}

pub(super) fn execute(asker: &Asker<'_>, options: &Options) -> Result<(), Failure> {
    let bytes = document(&options.evidence)?;
    let name = options.evidence.file_name().unwrap_or_default().to_string_lossy();
    let arrived = options.arrived.as_ref().zip(options.arrived_currency.as_ref());
    let body = json!({
        "platform": options.platform,
        "reference": options.reference,
        "strategy": options.strategy,
        "stage": options.stage,
        "amount": { "amount": options.amount, "currency": options.currency },
        "fee": options.fee,
        "arrived": arrived.map(|(amount, currency)| json!({ "amount": amount, "currency": currency })),
        "as_of": options.as_of.map(|at| at.to_string()),
        "opportunity": options.opportunity,
        "document": name,
        "bytes": hex(&bytes),
    });
    let told = asker.say(&Question::of(&["earnings", "record"]), &body)?;
    if options.json.json {
        return print::json(&told.body);
    }
    let recorded: RecordedView = told.view()?;
    eprintln!("{}", sentence(&recorded));
    if let Some(doubt) = &recorded.doubt {
        eprintln!("warning: {}", line(doubt, 400));
    }
    Ok(())
}

/// What became of it.
fn sentence(recorded: &RecordedView) -> String {
    let earning = &recorded.earning;
    let amount = earning.amount.as_ref().map_or_else(String::new, money);
    let (reference, stage) = (line(&earning.reference, 200), line(&earning.stage, 12));
    match &recorded.entry {
        Some(entry) => format!("{stage}: {amount}, `{reference}` (entry {})", line(&entry.id, 60)),
        None => format!(
            "nothing new: `{reference}` is in the books as {stage}, {amount}, as of {}",
            line(&earning.as_of, 30)
        ),
    }
}

/// The document, if it is of a size that is kept.
fn document(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error| Failure::new(format!("read `{}`", path.display()), error);
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    // One byte more than fits tells that it does not.
    file.take(DOCUMENT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.is_empty() {
        return Err(refuse(format!(
            "`{}` is empty; evidence is what the platform or the bank wrote",
            path.display()
        )));
    }
    if bytes.len() > DOCUMENT_BYTES_MAX {
        let mib = DOCUMENT_BYTES_MAX >> 20;
        return Err(refuse(format!(
            "`{}` has more than {mib} MiB; name the page that says it",
            path.display()
        )));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_below_nothing_is_told_what_it_is_instead() {
        assert_eq!(amount("12.50"), Ok("12.50".to_owned()));
        assert!(amount("-5").unwrap_err().contains("--stage reversed"));
    }

    #[test]
    fn a_day_is_its_beginning_and_nonsense_is_refused() {
        assert_eq!(moment("2026-11-03"), moment("2026-11-03T00:00:00Z"));
        for wrong in ["", "3.11.2026", "2026-13-01", "yesterday", "2026-11-03T"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }
}
