//! Whether whoever offers money pays: proven, unproven, or a trap, with the reasons.
//!
//! A trap is never income: it is in no sum, is not ranked, and counts nowhere. Only money that has arrived, by
//! the ledger, proves that an offer was none.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::payer::Payer;
use super::{Opportunity, Reward};

/// From so many units on nobody pays for one piece of work, in any currency: the units of the least worth are
/// 25,000 to a dollar, which makes this 20,000 dollars. The sums of bait are written in nines.
pub const ABSURD: i64 = 500_000_000;

/// Of an offer of a payer that has paid before, what is counted on: the machine's assumption, and said as such.
const CHANCE_PROVEN: i64 = 90;
/// The same where the platform holds the money already.
const CHANCE_HELD: i64 = 80;
/// The same of a payer of whom nothing is known: most listed bounties are taken, stale or bait.
const CHANCE_UNPROVEN: i64 = 30;

/// What a strategy read in public of an offer. Its lines are its own words, or harmless lines of others'.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Why it is bait. While there is one, it is a trap.
    pub bait: Vec<String>,
    /// Why it pays nobody any more, or not this owner: it is taken, the repository's rules do not want it.
    pub against: Vec<String>,
    /// Whether it can still be worked on: its issue is open.
    pub open: Option<bool>,
    /// Whether the platform holds the money already.
    pub held: Option<bool>,
    /// How long the work takes its owner, hours.
    pub hours: Option<Decimal>,
    /// What platform and way keep, percent.
    pub fee_percent: Option<Decimal>,
    /// What else is known and speaks for or against it, a line each.
    pub said: Vec<String>,
}

/// What is thought of a payer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// It has paid before, or the money is held already.
    Proven,
    /// Nothing says that it pays.
    Unproven,
    /// It does not pay, and may do harm.
    Trap,
}

impl Proof {
    /// The word as it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Proof::Proven => "proven",
            Proof::Unproven => "unproven",
            Proof::Trap => "trap",
        }
    }
}

/// A judgement, with its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The word.
    pub proof: Proof,
    /// What it rests on, the weightiest first.
    pub reasons: Vec<String>,
    /// Of a hundred such offers so many are counted on to pay; of a trap none.
    pub chance: Decimal,
    /// Whether that is taken for granted, as nothing that this payer did says it.
    pub assumed: bool,
}

impl Reward {
    /// Whether nobody pays so much.
    pub fn is_absurd(&self) -> bool {
        self.max.into_iter().chain(self.min).any(|amount| amount >= Decimal::from(ABSURD))
    }
}

impl Opportunity {
    /// Why it is a trap; nothing where it is none. Needs nothing but itself: whoever counts can ask.
    pub fn traps(&self) -> Vec<String> {
        if self.settled {
            return Vec::new();
        }
        let mut traps = self.facts.bait.clone();
        if let Some(reward) = self.reward.as_ref().filter(|reward| reward.is_absurd()) {
            let amount = reward.max.or(reward.min).unwrap_or_default();
            traps.push(format!("{amount} {} is more than anybody pays", reward.currency));
        }
        traps
    }

    /// Whether it is a trap.
    pub fn is_trap(&self) -> bool {
        !self.settled && (!self.facts.bait.is_empty() || self.reward.as_ref().is_some_and(Reward::is_absurd))
    }

    /// What is thought of who would pay: by what the own ledger knows of `payer`, and by what was read in
    /// public.
    pub fn judged(&self, payer: Option<&Payer>) -> Judged {
        let traps = self.traps();
        if !traps.is_empty() {
            return Judged { proof: Proof::Trap, reasons: traps, chance: Decimal::ZERO, assumed: false };
        }
        let (paid, back) = payer.map_or((0, 0), |payer| (payer.paid(), payer.taken_back()));
        let held = self.facts.held == Some(true);
        let mut reasons = payer.map(Payer::reasons).unwrap_or_default();
        if paid == 0 {
            reasons.insert(0, "it has never paid you".to_owned());
        }
        if held {
            reasons.push("the platform holds the money".to_owned());
        }
        reasons.extend(self.facts.against.iter().cloned());
        match self.facts.open {
            Some(true) => reasons.push("it is still open".to_owned()),
            Some(false) => reasons.push("it is not open any more".to_owned()),
            None => {}
        }
        reasons.extend(self.facts.said.iter().cloned());
        let proof = if paid > 0 || held { Proof::Proven } else { Proof::Unproven };
        let over = !self.facts.against.is_empty() || self.facts.open == Some(false);
        let chance = match (over, paid, held) {
            (true, ..) => Decimal::ZERO,
            (_, 0, true) => Decimal::from(CHANCE_HELD),
            (_, 0, false) => Decimal::from(CHANCE_UNPROVEN),
            // What it took back counts against it.
            (_, paid, _) => (Decimal::from(CHANCE_PROVEN) * Decimal::from(paid)
                / Decimal::from(paid.saturating_add(back)))
            .round(),
        };
        Judged { proof, reasons, chance, assumed: !over && paid == 0 }
    }
}
