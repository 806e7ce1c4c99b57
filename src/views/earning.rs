//! The ledger as users see it: what was earned, how far each payment is, and the books as files.
//!
//! Sums are made of all entries or not at all: where one does not open there is a sentence and no figure.
//! No sum goes over two currencies, and what is only expected or claimed stands apart from income. What is
//! promised for a trap is in no sum and in no export.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use mm_core::id::EarningId;
use mm_core::ledger::{
    Account, Balances, Earning, Entry, Head, Money, Posting, Stage, beancount, csv, hledger,
};
use mm_core::moment::Moment;
use mm_core::opportunity::Opportunity;
use mm_core::untrusted::Untrusted;
use mm_store::{Record, Span};
use serde::{Deserialize, Serialize};

use super::{Problem, Question, Reader, unread};

/// An exact amount; a decimal string.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoneyView {
    pub amount: String,
    /// ISO 4217.
    pub currency: String,
}

impl From<Money> for MoneyView {
    fn from(money: Money) -> Self {
        Self { amount: money.amount().to_string(), currency: money.currency().to_string() }
    }
}

/// One payment of a platform, as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarningView {
    pub id: String,
    pub platform: String,
    /// The platform's own name of it.
    pub reference: String,
    pub strategy: String,
    pub opportunity: Option<String>,
    /// `expected`, `claimed`, `approved`, `paid`, `cleared` or `reversed`.
    pub stage: String,
    /// Whether it is promised for a trap: it is in no sum then.
    #[serde(default)]
    pub trap: bool,
    /// As of when, by who reported it.
    pub as_of: String,
    /// In all, before the fee.
    pub amount: Option<MoneyView>,
    pub fee: Option<MoneyView>,
    /// What arrived, where that is another currency.
    pub arrived: Option<MoneyView>,
    /// The id of the recorded answer, or of the owner's document.
    pub evidence: String,
    /// `platform` or `owner`.
    pub source: String,
    /// What the evidence is, in one line.
    pub document: String,
    /// Its way, oldest first.
    pub steps: Vec<StepView>,
}

/// A stage that it came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepView {
    pub stage: String,
    pub as_of: String,
    /// When it was put on record.
    pub at: String,
}

impl From<Earning> for EarningView {
    fn from(earning: Earning) -> Self {
        let last = earning.last.as_ref();
        let steps = earning.steps.iter().map(|step| StepView {
            stage: step.stage.to_string(),
            as_of: step.as_of.to_string(),
            at: step.at.to_string(),
        });
        let text = |of: fn(&mm_core::ledger::Report) -> String| last.map(of).unwrap_or_default();
        EarningView {
            steps: steps.collect(),
            stage: text(|report| report.stage.to_string()),
            trap: false,
            as_of: text(|report| report.as_of.to_string()),
            amount: last.map(|report| report.amount.into()),
            fee: last.and_then(|report| report.fee).map(MoneyView::from),
            arrived: last.and_then(|report| report.arrived).map(MoneyView::from),
            evidence: text(|report| report.evidence.digest.to_string()),
            source: text(|report| report.evidence.source.as_str().to_owned()),
            document: text(|report| report.evidence.what.clone()),
            id: earning.id.to_string(),
            platform: earning.platform.to_string(),
            reference: earning.reference,
            strategy: earning.strategy.to_string(),
            opportunity: earning.opportunity.map(|id| id.to_string()),
        }
    }
}

/// What `earnings record` made of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedView {
    /// The earning as it stands now.
    pub earning: EarningView,
    /// The entry that was made; null if nothing new was told.
    pub entry: Option<EntryView>,
    /// Why its payer may be misspelt, if so. Anybody may pay, so that refuses nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
}

/// An entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryView {
    pub id: String,
    pub earning: String,
    pub at: String,
    pub as_of: String,
    pub from: Option<String>,
    pub to: String,
    pub platform: String,
    pub strategy: String,
    pub reference: String,
    pub evidence: String,
    pub source: String,
    pub document: String,
    /// They add up to nothing in each currency.
    pub postings: Vec<PostingView>,
}

/// So much more on an account, or less.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostingView {
    pub account: String,
    #[serde(flatten)]
    pub money: MoneyView,
}

impl From<Entry> for EntryView {
    fn from(entry: Entry) -> Self {
        let posting =
            |line: Posting| PostingView { account: line.account.to_string(), money: line.money.into() };
        EntryView {
            id: entry.id.to_string(),
            earning: entry.earning.to_string(),
            at: entry.at.to_string(),
            as_of: entry.as_of.to_string(),
            from: entry.from.map(|stage| stage.to_string()),
            to: entry.to.to_string(),
            platform: entry.platform.to_string(),
            strategy: entry.strategy.to_string(),
            reference: entry.reference,
            evidence: entry.evidence.digest.to_string(),
            source: entry.evidence.source.as_str().to_owned(),
            document: entry.evidence.what,
            postings: entry.postings.into_iter().map(posting).collect(),
        }
    }
}

/// What stands in the books, each currency on its own. Each payment counts at the stage it has come to, and
/// there alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummaryView {
    pub currencies: Vec<SumView>,
    /// How many payments there are.
    pub earnings: u64,
    /// How many entries.
    pub entries: u64,
    /// How many payments are promised for traps: they are in no sum, and in neither of those counts.
    #[serde(default)]
    pub traps: u64,
}

/// The sums of one currency. `expected` and `claimed` are no income.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SumView {
    pub currency: String,
    /// It may come.
    pub expected: MoneyView,
    /// Asked for.
    pub claimed: MoneyView,
    /// Owed.
    pub approved: MoneyView,
    /// Sent, less the fee.
    pub paid: MoneyView,
    /// Arrived.
    pub cleared: MoneyView,
    /// What platforms and ways kept of what was paid.
    pub fees: MoneyView,
    /// What came to nothing or was taken back.
    pub reversed: MoneyView,
}

/// The stages an earning can be at, for the option.
pub const STAGES: [Stage; 6] = Stage::ALL;

/// The earnings that are promised for a trap: recorded, and no income. What has arrived for one is none of
/// them: it was no trap then.
fn traps(reader: &Reader, earnings: &[Earning]) -> Result<BTreeSet<EarningId>, Problem> {
    let mut traps = BTreeSet::new();
    for earning in earnings {
        let Some(id) = &earning.opportunity else { continue };
        let row =
            reader.store.get::<Opportunity>(&reader.space, id.as_str()).map_err(|error| unread(&error))?;
        if row.is_some_and(|row| row.value.is_trap()) {
            traps.insert(earning.id.clone());
        }
    }
    Ok(traps)
}

/// Every earning that is no trap, and how many are.
fn sound(reader: &Reader) -> Result<(Vec<Earning>, BTreeSet<EarningId>), Problem> {
    let mut earnings: Vec<Earning> = whole(reader, "earning")?;
    let traps = traps(reader, &earnings)?;
    earnings.retain(|earning| !traps.contains(&earning.id));
    Ok((earnings, traps))
}

/// Every entry but those about traps, in the order of the days they speak of.
pub(super) fn entries(reader: &Reader) -> Result<Vec<Entry>, Problem> {
    let (_, traps) = sound(reader)?;
    let mut all: Vec<Entry> = whole(reader, "ledger entry")?;
    all.retain(|entry| !traps.contains(&entry.earning));
    all.sort_by(|a, b| (a.as_of, a.at, &a.earning, &a.id).cmp(&(b.as_of, b.at, &b.earning, &b.id)));
    Ok(all)
}

/// Every row of a kind; a sum that lacks one would be wrong.
pub(super) fn whole<R: Record>(reader: &Reader, what: &str) -> Result<Vec<R>, Problem> {
    let (mut all, mut damaged) = (Vec::new(), None);
    let read = reader.store.visit::<R>(&reader.space, Span::all(), |id, row| match row {
        Ok(row) => {
            all.push(row.value);
            ControlFlow::Continue(())
        }
        Err(_) => {
            damaged = Some(id);
            ControlFlow::Break(())
        }
    });
    read.map_err(|error| unread(&error))?;
    match damaged {
        None => Ok(all),
        Some(id) => Err(Problem::Failed(format!(
            "{what} `{id}` does not open, so there are no sums; restore a backup"
        ))),
    }
}

fn failed(error: impl std::fmt::Display) -> Problem {
    Problem::Failed(error.to_string())
}

/// What stands on each account. Every entry is checked.
fn balances(reader: &Reader) -> Result<(Balances, u64), Problem> {
    let (mut balances, entries) = (Balances::default(), entries(reader)?);
    for entry in &entries {
        entry.check().map_err(failed)?;
        balances.add(entry).map_err(failed)?;
    }
    Ok((balances, entries.len() as u64))
}

pub(super) fn summary(reader: &Reader) -> Result<SummaryView, Problem> {
    let (balances, entries) = balances(reader)?;
    let (earnings, traps) = sound(reader)?;
    let mut sums: BTreeMap<_, [Money; 7]> = BTreeMap::new();
    let mut add = |place: usize, money: Money| -> Result<(), Problem> {
        let row = sums.entry(money.currency()).or_insert([Money::none(money.currency()); 7]);
        let Some(sum) = row.get_mut(place) else { return Ok(()) };
        *sum = sum.plus(money).map_err(failed)?;
        Ok(())
    };
    for (account, money) in balances.iter() {
        match account {
            Account::Expected(_) => add(0, money)?,
            Account::Claimed(_) => add(1, money)?,
            Account::Receivable(_) => add(2, money)?,
            Account::Transit(_) => add(3, money)?,
            Account::Bank => add(4, money)?,
            Account::Fees(_) => add(5, money)?,
            Account::Unearned(_) | Account::Income(..) | Account::Conversion => {}
        }
    }
    for report in earnings.iter().filter_map(|earning| earning.last.as_ref()) {
        if report.stage == Stage::Reversed {
            add(6, report.amount)?;
        }
    }
    let shown = |(currency, sums): (mm_core::ledger::Currency, [Money; 7])| {
        let [expected, claimed, approved, paid, cleared, fees, reversed] = sums.map(MoneyView::from);
        let currency = currency.to_string();
        SumView { currency, expected, claimed, approved, paid, cleared, fees, reversed }
    };
    let currencies = sums.into_iter().map(shown).collect();
    let (earnings, traps) = (earnings.len() as u64, traps.len() as u64);
    Ok(SummaryView { currencies, earnings, entries, traps })
}

/// What each strategy has earned, before fees, by its name: approved, paid and cleared, and nothing that is
/// only hoped for.
pub(super) fn totals(reader: &Reader) -> Result<BTreeMap<String, Vec<MoneyView>>, Problem> {
    let mut sums: BTreeMap<_, Money> = BTreeMap::new();
    for (account, money) in balances(reader)?.0.iter() {
        let Account::Income(_, strategy) = account else { continue };
        let key = (strategy.to_string(), money.currency());
        let sum = sums.entry(key).or_insert(Money::none(money.currency()));
        *sum = sum.plus(money.negated()).map_err(failed)?;
    }
    let mut totals: BTreeMap<String, Vec<MoneyView>> = BTreeMap::new();
    for ((strategy, _), money) in sums.into_iter().filter(|(_, money)| !money.is_none()) {
        totals.entry(strategy).or_default().push(money.into());
    }
    Ok(totals)
}

/// `stage, platform, strategy, limit`; what was told last comes first.
pub(super) fn list(reader: &Reader, question: &Question) -> Result<Vec<EarningView>, Problem> {
    question.only(&["stage", "platform", "strategy", "limit"])?;
    let stage = question.text("stage").map(stage).transpose()?;
    let (platform, strategy) = (question.text("platform"), question.text("strategy"));
    let limit: usize = question.value("limit")?.unwrap_or(usize::MAX);
    let scanned = reader.store.scan::<Earning>(&reader.space, Span::all(), usize::MAX);
    let mut found: Vec<Earning> = scanned
        .map_err(|error| unread(&error))?
        .into_values()
        .filter(|earning| stage.is_none_or(|stage| earning.stage() == Some(stage)))
        .filter(|earning| platform.is_none_or(|platform| earning.platform.as_str() == platform))
        .filter(|earning| strategy.is_none_or(|strategy| earning.strategy.as_str() == strategy))
        .collect();
    let told = |earning: &Earning| earning.steps.last().map(|step| step.at);
    found.sort_by(|a, b| told(b).cmp(&told(a)).then_with(|| a.id.cmp(&b.id)));
    found.truncate(limit);
    let traps = traps(reader, &found)?;
    let view = |earning: Earning| {
        let trap = traps.contains(&earning.id);
        EarningView { trap, ..EarningView::from(earning) }
    };
    Ok(found.into_iter().map(view).collect())
}

/// The stage of that name.
///
/// # Errors
/// [`Problem::Bad`] names those there are.
pub(crate) fn stage(text: &str) -> Result<Stage, Problem> {
    let names: Vec<&str> = STAGES.iter().map(|stage| stage.as_str()).collect();
    STAGES
        .into_iter()
        .find(|stage| stage.as_str() == text)
        .ok_or_else(|| Problem::Bad(format!("`stage` is one of {}", names.join(", "))))
}

/// The books as a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportView {
    /// When it was made.
    pub as_of: String,
    /// The file; null for `json`, of which `entries` are the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entries: Option<Vec<EntryView>>,
}

/// The formats of an export.
pub const FORMATS: [&str; 4] = ["csv", "json", "hledger", "beancount"];

/// `format`.
pub(super) fn export(reader: &Reader, question: &Question) -> Result<ExportView, Problem> {
    question.only(&["format"])?;
    let format = question.text("format").unwrap_or_default();
    if !FORMATS.contains(&format) {
        let format = Untrusted::new(format).line(20);
        return Err(Problem::Bad(format!("`{format}` is no format; there are {}", FORMATS.join(", "))));
    }
    let (entries, at): (Vec<Entry>, Moment) = (entries(reader)?, reader.now);
    entries.iter().try_for_each(Entry::check).map_err(failed)?;
    let head = Head { stamp: reader.stamp(), at };
    let as_of = at.to_string();
    let text = match format {
        "csv" => csv(head, &entries),
        "hledger" => hledger(head, &entries),
        "beancount" => beancount(head, &entries),
        _ => {
            let entries = Some(entries.into_iter().map(EntryView::from).collect());
            return Ok(ExportView { as_of, text: None, entries });
        }
    };
    Ok(ExportView { as_of, text: Some(text), entries: None })
}

#[cfg(test)]
pub(crate) mod tests;
