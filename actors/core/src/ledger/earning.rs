//! An earning, and what a report makes of it: an entry, nothing, or a sentence that says why it is not taken.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::account::Account;
use super::money::{BadMoney, Currency, Money};
use crate::digest::Digest;
use crate::id::{EarningId, EntryId, OpportunityId, PlatformId, StrategyId};
use crate::moment::Moment;

/// How far an earning is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It may come.
    Expected,
    /// It is asked for: the work is handed in.
    Claimed,
    /// The platform owes it.
    Approved,
    /// The platform says that it has sent it.
    Paid,
    /// It has arrived.
    Cleared,
    /// It came to nothing, or was taken back.
    Reversed,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 6] =
        [Self::Expected, Self::Claimed, Self::Approved, Self::Paid, Self::Cleared, Self::Reversed];

    /// The stage as it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Expected => "expected",
            Stage::Claimed => "claimed",
            Stage::Approved => "approved",
            Stage::Paid => "paid",
            Stage::Cleared => "cleared",
            Stage::Reversed => "reversed",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A recorded answer of the platform.
    Platform,
    /// The owner, by a document of his.
    Owner,
}

impl Source {
    /// The source as it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Platform => "platform",
            Source::Owner => "owner",
        }
    }
}

/// What a report rests on. There is none without.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The recorded answer, or the owner's document, kept under this.
    pub digest: Digest,
    /// Who gave it.
    pub source: Source,
    /// What it is, in one line.
    pub what: String,
}

/// What is said of an earning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// As of when, in the reporter's words: a later one knows more than an earlier one.
    pub as_of: Moment,
    /// How far it is.
    pub stage: Stage,
    /// How much it is in all, before any fee; at [`Stage::Reversed`] what it was. Nothing there, if a platform does
    /// not say it: then it is what is known.
    pub amount: Money,
    /// What the platform or the way kept of it; in the currency of what was paid.
    pub fee: Option<Money>,
    /// What arrived, where that is another currency. Only at [`Stage::Cleared`].
    pub arrived: Option<Money>,
    /// What it rests on.
    pub evidence: Evidence,
}

/// A report that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// To which stage.
    pub stage: Stage,
    /// As of when, by the report.
    pub as_of: Moment,
    /// When it was put on record.
    pub at: Moment,
}

/// One payment of a platform, as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earning {
    /// The same platform and reference have the same id.
    pub id: EarningId,
    /// Who pays.
    pub platform: PlatformId,
    /// The platform's own name of this payment; what makes a second report of it the same.
    pub reference: String,
    /// Whose work it is.
    pub strategy: StrategyId,
    /// What it came of, if that is known.
    pub opportunity: Option<OpportunityId>,
    /// What was said of it last; `None` before the first report.
    pub last: Option<Report>,
    /// All that was taken, oldest first.
    pub steps: Vec<Step>,
}

/// A line of an entry: so much more on an account, or less.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// Where.
    pub account: Account,
    /// How much.
    pub money: Money,
}

/// What a report changes. The postings add up to nothing in each currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The earning's id and the number of the step: the same report can make it once only.
    pub id: EntryId,
    /// Of which earning.
    pub earning: EarningId,
    /// When it was put on record.
    pub at: Moment,
    /// As of when, by the report.
    pub as_of: Moment,
    /// From which stage; `None` for the first.
    pub from: Option<Stage>,
    /// To which.
    pub to: Stage,
    /// Who pays.
    pub platform: PlatformId,
    /// For whose work.
    pub strategy: StrategyId,
    /// The platform's name of the payment.
    pub reference: String,
    /// What it rests on.
    pub evidence: Evidence,
    /// What it puts where.
    pub postings: Vec<Posting>,
}

/// Why a report makes no entry although it says something new.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// Its amounts do not go together.
    #[error(transparent)]
    Money(#[from] BadMoney),
    /// Nothing, or less.
    #[error("an earning of {0} is none; write what was earned, and `reversed` for what was taken back")]
    NotPositive(Money),
    /// The fee is negative, or more than all of it.
    #[error("a fee of {fee} does not go with an earning of {amount}")]
    Fee {
        /// The fee.
        fee: Money,
        /// The earning.
        amount: Money,
    },
    /// What is told only later in an earning's life.
    #[error("{what} belongs to an earning that is {belongs}, and this one is said to be {stage}")]
    TooEarly {
        /// What.
        what: &'static str,
        /// Where it belongs.
        belongs: &'static str,
        /// Where it stands.
        stage: Stage,
    },
    /// What arrived in the currency of what was paid is what was paid, less the fee.
    #[error("what arrived is told only where it is in another currency; what is missing of {0} is the fee")]
    NotForeign(Money),
    /// A platform corrects what was paid or has arrived, without saying that it was sent back.
    #[error(
        "it is known as {stage} with {known}, and the platform now says {said}: if a part was taken back, record the \
         {stage} earning again with what is left of it"
    )]
    Differs {
        /// How far it is.
        stage: Stage,
        /// How much it is, as is known.
        known: Money,
        /// How much it is, as the platform now says.
        said: Money,
    },
}

impl Earning {
    /// An earning of which nothing was said yet.
    pub fn new(
        platform: PlatformId,
        reference: &str,
        strategy: StrategyId,
        opportunity: Option<OpportunityId>,
    ) -> Self {
        let id = Self::id_of(&platform, reference);
        Self {
            id,
            platform,
            reference: reference.to_owned(),
            strategy,
            opportunity,
            last: None,
            steps: Vec::new(),
        }
    }

    /// The id of what a platform calls `reference`.
    pub fn id_of(platform: &PlatformId, reference: &str) -> EarningId {
        let fields = [platform.as_str().as_bytes(), reference.as_bytes()];
        EarningId::new(Digest::of_fields("mm-earning-1", fields).short(24))
    }

    /// How far it is.
    pub fn stage(&self) -> Option<Stage> {
        self.last.as_ref().map(|report| report.stage)
    }

    /// What a report makes of it: itself as it then stands, and the entry that says so. `None` if it says
    /// nothing new: told before, or older than what is known.
    ///
    /// A later report may lead back (approved, and pending again): money that is not sure is not counted as if
    /// it were. Of two reports as of the same moment the one further on holds. What has arrived is only ever
    /// corrected or reversed: a platform goes on saying `paid` of what it cannot see arrive, and `approved` of what
    /// it does not say to be paid.
    ///
    /// # Errors
    /// [`NotTaken`] for a report that contradicts itself, and for another sum of what was paid or has arrived.
    pub fn take(&self, report: Report, now: Moment) -> Result<Option<(Earning, Entry)>, NotTaken> {
        let Some(report) = self.with_amount(report) else { return Ok(None) };
        check(&report)?;
        if let Some(last) = &self.last {
            let same = last.stage == report.stage
                && last.amount == report.amount
                && last.fee == report.fee
                && last.arrived == report.arrived;
            let older = (report.as_of, report.stage) < (last.as_of, last.stage);
            if same || (older && !self.is_ahead(now)) {
                return Ok(None);
            }
            if is_behind(last, &report) {
                return differs(last, &report).map_or(Ok(None), Err);
            }
        }
        let postings = self.difference(&report)?;
        let number = self.steps.len() + 1;
        let entry = Entry {
            id: EntryId::new(format!("{}-{number}", self.id)),
            earning: self.id.clone(),
            at: now,
            as_of: report.as_of,
            from: self.stage(),
            to: report.stage,
            platform: self.platform.clone(),
            strategy: self.strategy.clone(),
            reference: self.reference.clone(),
            evidence: report.evidence.clone(),
            postings,
        };
        let mut after = self.clone();
        after.steps.push(Step { stage: report.stage, as_of: report.as_of, at: now });
        after.last = Some(report);
        Ok(Some((after, entry)))
    }

    /// As of when more is known than `report` says, if that stands in the way of what was not told before.
    pub fn newer_than(&self, report: &Report) -> Option<Moment> {
        let last = self.last.as_ref()?;
        let told = |step: &Step| step.stage == report.stage && step.as_of == report.as_of;
        let older = report.as_of < last.as_of && report.stage != last.stage;
        (older && !self.steps.iter().any(told)).then_some(last.as_of)
    }

    /// The report with an amount: of what a platform takes back without saying how much it was, what is known. `None`
    /// if nothing is.
    fn with_amount(&self, report: Report) -> Option<Report> {
        let by_platform = report.evidence.source == Source::Platform;
        if !(by_platform && report.stage == Stage::Reversed && report.amount.is_none()) {
            return Some(report);
        }
        let amount = self.last.as_ref()?.amount;
        Some(Report { amount, ..report })
    }

    /// Whether what is known last was told by a clock that ran ahead: a platform's report is stamped as it is read.
    fn is_ahead(&self, now: Moment) -> bool {
        let by_clock = |last: &Report| last.evidence.source == Source::Platform && last.as_of > now;
        self.last.as_ref().is_some_and(by_clock) && self.steps.last().is_some_and(|step| step.at > now)
    }

    /// What it puts on each account as it stands.
    ///
    /// # Errors
    /// [`BadMoney`] if what was taken could not be; then the record was changed behind the books' back.
    pub fn standing(&self) -> Result<Vec<Posting>, BadMoney> {
        self.last.as_ref().map_or(Ok(Vec::new()), |report| self.postings(report))
    }

    /// What `report` puts on each account.
    fn postings(&self, report: &Report) -> Result<Vec<Posting>, BadMoney> {
        let (platform, amount) = (self.platform.clone(), report.amount);
        let fee = report.fee.unwrap_or(Money::none(amount.currency()));
        let net = amount.plus(fee.negated())?;
        let unearned = || (Account::Unearned(self.platform.clone()), amount.negated());
        let income = || (Account::Income(self.platform.clone(), self.strategy.clone()), amount.negated());
        let lines = match report.stage {
            Stage::Expected => vec![(Account::Expected(platform), amount), unearned()],
            Stage::Claimed => vec![(Account::Claimed(platform), amount), unearned()],
            Stage::Approved => vec![(Account::Receivable(platform), amount), income()],
            Stage::Paid => {
                vec![(Account::Transit(platform.clone()), net), (Account::Fees(platform), fee), income()]
            }
            Stage::Cleared => {
                let mut lines = vec![(Account::Fees(platform), fee), income()];
                match report.arrived {
                    Some(arrived) => lines.extend([
                        (Account::Conversion, net),
                        (Account::Conversion, arrived.negated()),
                        (Account::Bank, arrived),
                    ]),
                    None => lines.push((Account::Bank, net)),
                }
                lines
            }
            Stage::Reversed => Vec::new(),
        };
        let lines = lines.into_iter().filter(|(_, money)| !money.is_none());
        Ok(lines.map(|(account, money)| Posting { account, money }).collect())
    }

    /// What becomes of the books when `report` is what holds.
    fn difference(&self, report: &Report) -> Result<Vec<Posting>, BadMoney> {
        let mut sums: BTreeMap<(Account, Currency), Money> = BTreeMap::new();
        let before = self.standing()?.into_iter().map(|p| Posting { money: p.money.negated(), ..p });
        for posting in before.chain(self.postings(report)?) {
            let sum = sums
                .entry((posting.account, posting.money.currency()))
                .or_insert(Money::none(posting.money.currency()));
            *sum = sum.plus(posting.money)?;
        }
        let lines = sums.into_iter().filter(|(_, money)| !money.is_none());
        Ok(lines.map(|((account, _), money)| Posting { account, money }).collect())
    }
}

/// Whether a report comes from one who cannot see what is known: nobody sees money arrive but its owner, and a
/// platform that does not say `paid` does not contradict him who says it, or that it came to nothing.
fn is_behind(last: &Report, report: &Report) -> bool {
    let arrived = last.stage == Stage::Cleared && report.stage < Stage::Cleared;
    let by_owner = last.evidence.source == Source::Owner && report.evidence.source == Source::Platform;
    let decided = matches!(last.stage, Stage::Paid | Stage::Reversed) && report.stage <= Stage::Approved;
    arrived || (by_owner && decided)
}

/// That a platform now says another sum of what was paid or has arrived: what is missing must be taken back by
/// whoever knows where it went.
fn differs(last: &Report, report: &Report) -> Option<NotTaken> {
    let is_money = matches!(last.stage, Stage::Paid | Stage::Cleared);
    let told = report.evidence.source == Source::Platform && report.amount != last.amount;
    let Report { stage, amount: known, .. } = *last;
    (is_money && told).then_some(NotTaken::Differs { stage, known, said: report.amount })
}

/// What a report may not say, whatever was said before.
fn check(report: &Report) -> Result<(), NotTaken> {
    let (amount, stage) = (report.amount, report.stage);
    let zero = rust_decimal::Decimal::ZERO;
    if amount.amount() <= zero {
        return Err(NotTaken::NotPositive(amount));
    }
    if let Some(fee) = report.fee {
        let rest = amount.plus(fee.negated())?;
        if fee.amount() < zero || rest.amount() < zero {
            return Err(NotTaken::Fee { fee, amount });
        }
        if !matches!(stage, Stage::Paid | Stage::Cleared) {
            return Err(NotTaken::TooEarly { what: "a fee", belongs: "paid or cleared", stage });
        }
    }
    if let Some(arrived) = report.arrived {
        if arrived.amount() <= zero {
            return Err(NotTaken::NotPositive(arrived));
        }
        if stage != Stage::Cleared {
            return Err(NotTaken::TooEarly { what: "what arrived", belongs: "cleared", stage });
        }
        if arrived.currency() == amount.currency() {
            return Err(NotTaken::NotForeign(amount));
        }
    }
    Ok(())
}
