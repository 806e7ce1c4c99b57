//! Payments that are later than their payer usually is, and the draft of a message about it.
//!
//! The draft is for its owner, who sends it himself or does not: its item is always one of those that a person
//! carries out ([`Approval::by_owner`]), of which no yes ever comes that the machine could send by.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::payer::{Payer, Payment};
use crate::approval::{Approval, Event, State};
use crate::digest::Digest;
use crate::id::{EarningId, StrategyId};
use crate::ledger::{Earning, Stage};
use crate::moment::Moment;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// What is waited for where neither the payer's own history nor a platform's word says more: most platforms
/// that publish a term pay within 30 days, and a bank takes its time.
const DEFAULT_DAYS: u64 = 45;
/// Nobody is called late in less time than this, however fast he once was.
const LEAST_DAYS: u64 = 7;
/// A payment is chased at most once in so many days.
const PERIOD_DAYS: u64 = 30;

/// What a payer's usual time is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// By the ledger: the longest it took so far.
    History,
    /// By the platform's published word.
    Published,
    /// By nothing: a stated default.
    Default,
}

/// How long a payment is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// So long.
    pub days: u64,
    /// Why so long.
    pub basis: Basis,
}

/// A payment that is late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Late {
    /// Since when it is claimed or approved.
    pub since: Moment,
    /// So many days ago.
    pub days: u64,
    /// Which period of lateness this is, from 1: a payment is chased once in each.
    pub period: u32,
    /// When the period ends.
    pub until: Moment,
    /// How long it was waited for before.
    pub patience: Patience,
}

/// A draft to a payer about a late payment, and what its owner said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chase {
    /// Its id in the inbox.
    pub id: String,
    /// Which payment.
    pub earning: EarningId,
    /// Whose work it is.
    pub strategy: StrategyId,
    /// What it is about, in one line.
    pub purpose: String,
    /// Why it is asked now, in one line.
    pub reason: String,
    /// Where its owner would write to the payer, if that is known.
    pub url: Option<String>,
    /// The message.
    pub text: String,
    /// What its owner said of it.
    pub item: Approval,
}

impl Patience {
    /// How long `payer` is waited for; `published` is the platform's own word, days.
    pub fn with(payer: Option<&Payer>, published: Option<u32>) -> Self {
        let usual = payer.and_then(Payer::usual).map(|usual| usual.as_secs().div_ceil(DAY.as_secs()));
        let (days, basis) = match (usual, published) {
            (Some(days), _) => (days, Basis::History),
            (None, Some(days)) => (u64::from(days), Basis::Published),
            (None, None) => (DEFAULT_DAYS, Basis::Default),
        };
        Self { days: days.max(LEAST_DAYS), basis }
    }

    fn words(&self) -> String {
        let Self { days, basis } = self;
        match basis {
            Basis::History => format!("this payer took {days} days at the longest so far"),
            Basis::Published => format!("its platform says within {days} days"),
            Basis::Default => {
                format!("nothing is known of how long this payer takes, so {days} days were waited")
            }
        }
    }
}

impl Late {
    /// Whether `earning` is later than its `payer` usually is; `published` is the platform's own word on how
    /// many days lie between the approval and the money.
    pub fn of(earning: &Earning, payer: Option<&Payer>, published: Option<u32>, now: Moment) -> Option<Self> {
        let approved = match earning.stage()? {
            Stage::Approved => {
                earning.steps.iter().rev().take_while(|step| step.stage == Stage::Approved).last()
            }
            Stage::Claimed => None,
            Stage::Expected | Stage::Paid | Stage::Cleared | Stage::Reversed => return None,
        };
        let patience = Patience::with(payer, published.filter(|_| approved.is_some()));
        let since = match (patience.basis, approved) {
            (Basis::Published, Some(approved)) => approved.as_of,
            _ => Payment::of(earning).asked?,
        };
        let days = now.since(since).as_secs() / DAY.as_secs();
        let over = days.checked_sub(patience.days).filter(|over| *over > 0)?;
        let period = (over - 1) / PERIOD_DAYS;
        let end = patience.days + (period + 1) * PERIOD_DAYS + 1;
        let until = since.plus(DAY.saturating_mul(u32::try_from(end).unwrap_or(u32::MAX)));
        let period = u32::try_from(period).unwrap_or(u32::MAX).saturating_add(1);
        Some(Self { since, days, period, until, patience })
    }
}

impl Chase {
    /// The id of the draft about `earning` in a period of its lateness.
    pub fn id_of(earning: &EarningId, period: u32) -> String {
        format!("late-{earning}-{period}")
    }

    /// A draft to `payer`; empty is the platform itself. `None` for an earning of which nothing was said.
    pub fn draft(
        earning: &Earning,
        payer: &str,
        url: Option<String>,
        late: &Late,
        now: Moment,
    ) -> Option<Self> {
        let last = earning.last.as_ref()?;
        let whom = if payer.is_empty() { earning.platform.as_str() } else { payer };
        let day = |moment: Moment| moment.to_string().chars().take(10).collect::<String>();
        let (amount, reference) = (last.amount, &earning.reference);
        let what = match last.stage {
            Stage::Approved => "was approved",
            _ => "was claimed",
        };
        let text = format!(
            "Hello,\n\nmy payment {reference} of {amount} {what} on {}, {} days ago, and has not reached me. \
             Could you tell me when it will be paid, or what is missing?\n\nThank you!\n",
            day(late.since),
            late.days,
        );
        let purpose = format!("ask {whom} for {amount} ({reference}), outstanding for {} days", late.days);
        let reason = format!("it {what} {} days ago; {}", late.days, late.patience.words());
        let (request, ruling) = (Digest::of(text.as_bytes()), Digest::of(reason.as_bytes()));
        let asked = Approval::ask(request, ruling, true, now, None);
        Some(Self {
            id: Self::id_of(&earning.id, late.period),
            earning: earning.id.clone(),
            strategy: earning.strategy.clone(),
            purpose,
            reason,
            url,
            text,
            item: Approval { expires: late.until, ..asked },
        })
    }

    /// Whether its payment is not asked for again yet: one is chased at most once in so many days, whatever
    /// became of the draft and however the patience with its payer changes.
    pub fn rests(&self, now: Moment) -> bool {
        now < self.item.asked_at.plus(DAY.saturating_mul(u32::try_from(PERIOD_DAYS).unwrap_or(u32::MAX)))
    }

    /// Ends it, as its time has passed; what its owner took on himself stays his.
    pub fn end(&mut self, now: Moment) {
        self.say(&Event::Expire, None, now);
    }

    /// Ends it, as its payment is not outstanding any more; whoever said that he will send it need not.
    pub fn over(&mut self, now: Moment) {
        match self.item.state {
            State::Handed => {
                self.say(&Event::Supersede, Some("the payment is not outstanding any more"), now)
            }
            _ => self.end(now),
        }
    }

    fn say(&mut self, event: &Event, reason: Option<&str>, now: Moment) {
        if let Ok(item) = self.item.after(event, "the machine", reason, now) {
            self.item = item;
        }
    }
}
