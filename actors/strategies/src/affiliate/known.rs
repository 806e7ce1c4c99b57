//! A commission as it stands, told in parts, late, and in any order.
//!
//! Where a network corrects by further records, each part is kept under its own id, and the commission is the sum
//! of its parts: so the order in which they come does not matter, and none counts twice. Of two reads of a part
//! the one that was made last holds, whatever the clock said at either: it may have run ahead at the first.

use std::collections::BTreeMap;

use mm_sdk::{Decimal, Moment, Money, Stage};
use serde::{Deserialize, Serialize};

use crate::network::Commission;

/// The most parts of one commission.
const PARTS_MAX: usize = 200;

/// What is known of one commission.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Known {
    parts: BTreeMap<String, Part>,
    /// What it was worth when it was last worth something.
    was: Option<Money>,
}

/// One part of a commission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    original: bool,
    stage: Stage,
    money: Money,
    open: bool,
    at: Moment,
}

/// How a commission stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// How far it is.
    pub stage: Stage,
    /// How much it is in all; of what was taken back, what it was, and nothing if that is not known here.
    pub amount: Money,
}

impl Known {
    /// Takes a line in that was read `at`.
    ///
    /// # Errors
    /// A sentence, if it cannot be of the same commission.
    pub fn take(&mut self, line: &Commission, at: Moment) -> Result<(), String> {
        let other = self
            .parts
            .iter()
            .find(|(name, part)| **name != line.part && part.money.currency() != line.money.currency());
        if let Some((_, other)) = other {
            let (one, two) = (line.money.currency(), other.money.currency());
            return Err(format!(
                "`{}` is told in {one} and in {two}; nothing is booked of it",
                line.reference
            ));
        }
        if self.parts.len() >= PARTS_MAX && !self.parts.contains_key(&line.part) {
            return Err(format!(
                "`{}` has more than {PARTS_MAX} corrections; look at it yourself",
                line.reference
            ));
        }
        let (original, stage, money, open) = (line.original, line.stage, line.money, line.open);
        self.parts.insert(line.part.clone(), Part { original, stage, money, open, at });
        let worth = |money: &Money| money.amount() > Decimal::ZERO;
        match self.sum()? {
            Some((Stage::Reversed, _)) => {
                let told = [Some(line.money), line.meant].into_iter().flatten().find(worth);
                self.was = self.was.or(told);
            }
            Some((_, sum)) if worth(&sum) => self.was = Some(sum),
            _ => {}
        }
        Ok(())
    }

    /// How it stands; `None` while its original was not told. What was never worth anything, as far as is known
    /// here, is taken back without an amount: the books may know one.
    ///
    /// # Errors
    /// A sentence, for a sum that the books do not hold.
    pub fn standing(&self) -> Result<Option<Standing>, String> {
        let Some((stage, sum)) = self.sum()? else { return Ok(None) };
        if stage != Stage::Reversed && sum.amount() > Decimal::ZERO {
            return Ok(Some(Standing { stage, amount: sum }));
        }
        let was = self.was.or_else(|| self.original().map(|part| part.money));
        let was = was.filter(|was| was.amount() > Decimal::ZERO);
        let amount = was.unwrap_or(Money::none(sum.currency()));
        Ok(Some(Standing { stage: Stage::Reversed, amount }))
    }

    /// Whether the network may still decide on it: on a part, or because its original is not told.
    pub fn is_open(&self) -> bool {
        self.original().is_none() || self.parts.values().any(|part| part.open)
    }

    /// Whether corrections are known and what they correct is not.
    pub fn is_orphan(&self) -> bool {
        !self.parts.is_empty() && self.original().is_none()
    }

    /// When it was last read.
    pub fn at(&self) -> Moment {
        self.parts.values().map(|part| part.at).max().unwrap_or_default()
    }

    fn original(&self) -> Option<&Part> {
        self.parts.values().find(|part| part.original)
    }

    /// The stage of the original, and the sum of all parts.
    fn sum(&self) -> Result<Option<(Stage, Money)>, String> {
        let Some(original) = self.original() else { return Ok(None) };
        let none = Money::none(original.money.currency());
        let sum = self.parts.values().try_fold(none, |sum, part| sum.plus(part.money));
        Ok(Some((original.stage, sum.map_err(|bad| bad.to_string())?)))
    }
}
