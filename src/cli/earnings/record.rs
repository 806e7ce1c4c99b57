//! `earnings record`: reads the document and tells the daemon.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use mm_core::audit::keys::hex;
use mm_core::ledger::{Currency, Money};
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
    #[arg(long, value_name = "CODE", value_parser = currency)]
    currency: String,
    /// What was kept of it, in the same currency
    #[arg(long, value_name = "AMOUNT", value_parser = amount, allow_hyphen_values = true)]
    fee: Option<String>,
    /// What arrived, where that is another currency
    #[arg(long, value_name = "AMOUNT", requires = "arrived_currency", value_parser = amount, allow_hyphen_values = true)]
    arrived: Option<String>,
    /// The currency of what arrived
    #[arg(long, value_name = "CODE", value_parser = currency, requires = "arrived")]
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

/// An amount as it was paid: what was taken back is another stage of it, and no amount below nothing. Blanks around it
/// say nothing. A point with nothing on one side is half an amount, and which half is missing nobody knows.
fn amount(text: &str) -> Result<String, String> {
    let text = text.trim();
    let no = |why: &str| Err(why.to_owned());
    match text.split_once('.').unwrap_or((text, "0")) {
        _ if text.starts_with('-') => {
            no("an amount has no sign; of what was taken back write the amount and --stage reversed")
        }
        _ if text.contains(',') => {
            no("write a point before the decimals and nothing between thousands, like 1250.50")
        }
        ("", part) if is_digits(part) && !text.is_empty() => no("write a digit before the point, like 0.50"),
        (whole, "") if !whole.is_empty() => no("write the decimals behind the point, like 5.00, or no point"),
        (whole, part) if is_digits(whole) && is_digits(part) => Ok(text.to_owned()),
        _ => no("write digits and a point, like 12.50"),
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit())
}

/// A currency as ISO 4217 writes it.
fn currency(text: &str) -> Result<String, String> {
    let text = text.trim();
    let capitals = text.to_ascii_uppercase();
    match (text.parse::<Currency>(), capitals.parse::<Currency>()) {
        (Ok(_), _) => Ok(text.to_owned()),
        (Err(_), Ok(_)) => Err(format!("a currency is written in capitals: {capitals}")),
        (Err(_), Err(_)) => Err("write the three letters of ISO 4217, like EUR or USD".to_owned()),
    }
}

/// What was kept of an amount is a part of it.
fn check_fee(options: &Options) -> Result<(), Failure> {
    let read = |text: &String| Money::read(text, &options.currency).ok();
    match (options.fee.as_ref().and_then(read), read(&options.amount)) {
        (Some(fee), Some(amount)) if fee.amount() > amount.amount() => Err(refuse(format!(
            "a fee of {fee} is more than the {amount} that it was kept of: write in --amount what was paid before the \
             fee, and in --fee what was kept of it"
        ))),
        _ => Ok(()),
    }
}

/// A day, in UTC, or a time.
fn moment(text: &str) -> Result<Moment, String> {
    let day = format!("{text}T00:00:00Z");
    text.parse()
        .or_else(|_| day.parse())
        .map_err(|_| "write a day like 2026-11-03, or a time like 2026-11-03T09:30:00Z".to_owned())
}

pub(super) fn execute(asker: &Asker<'_>, options: &Options) -> Result<(), Failure> {
    check_fee(options)?;
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

    /// Half an amount is not booked as a whole one; what a blank more or less means is plain.
    #[test]
    fn an_amount_is_whole_and_blanks_around_it_say_nothing() {
        for good in [" 12.50", "12.50 ", "12", "0.5", "007.1"] {
            assert_eq!(amount(good).as_deref(), Ok(good.trim()), "{good:?}");
        }
        for (bad, remedy) in [
            (".5", "before the point, like 0.50"),
            ("5.", "like 5.00"),
            ("12,50", "a point before the decimals"),
            ("1.250,50", "nothing between thousands"),
            ("1.2.3", "digits and a point"),
            (".", "digits and a point"),
            ("", "digits and a point"),
            ("1e3", "digits and a point"),
            ("1 250.00", "digits and a point"),
        ] {
            assert!(amount(bad).unwrap_err().contains(remedy), "{bad:?}: {:?}", amount(bad));
        }
    }

    #[test]
    fn a_currency_is_told_how_it_is_written() {
        assert_eq!(currency(" EUR ").as_deref(), Ok("EUR"));
        assert_eq!(currency("eur"), Err("a currency is written in capitals: EUR".to_owned()));
        assert!(currency("euro").unwrap_err().contains("three letters"));
    }

    #[test]
    fn a_day_is_its_beginning_and_nonsense_is_refused() {
        assert_eq!(moment("2026-11-03"), moment("2026-11-03T00:00:00Z"));
        for wrong in ["", "3.11.2026", "2026-13-01", "yesterday", "2026-11-03T"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }
}
