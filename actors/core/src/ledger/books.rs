//! Sums over entries: what stands on each account, in each currency on its own.

use std::collections::BTreeMap;

use super::account::Account;
use super::earning::{Earning, Entry, Posting};
use super::money::{BadMoney, Currency, Money};
use crate::id::{EarningId, EntryId};

/// An entry that is none: its postings do not add up to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "entry {entry} of the ledger is off by {off}: it was changed behind the books' back; restore a backup"
)]
pub struct Unbalanced {
    /// Which.
    pub entry: EntryId,
    /// By how much.
    pub off: Money,
}

/// Books that are not what their rules made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadBooks {
    /// An entry does not balance.
    #[error(transparent)]
    Unbalanced(#[from] Unbalanced),
    /// A sum is no money any more.
    #[error(transparent)]
    Money(#[from] BadMoney),
    /// An earning and its entries say two things.
    #[error("earning {0} is not the sum of its entries: a row was changed or removed behind the books' back")]
    Apart(EarningId),
}

/// Checks whole books: every entry balances, and every earning is the sum of its entries.
///
/// # Errors
/// [`BadBooks`] names the first that is not.
pub fn check_books(earnings: &[Earning], entries: &[Entry]) -> Result<(), BadBooks> {
    // Of each earning: how many steps it took, and what it stands at less what its entries say.
    let mut rest: BTreeMap<&EarningId, (usize, Balances)> = BTreeMap::new();
    for earning in earnings {
        let mut standing = Balances::default();
        earning.standing()?.iter().try_for_each(|posting| standing.post(posting, posting.money))?;
        rest.insert(&earning.id, (earning.steps.len(), standing));
    }
    for entry in entries {
        entry.check()?;
        let apart = || BadBooks::Apart(entry.earning.clone());
        let (steps, standing) = rest.get_mut(&entry.earning).ok_or_else(apart)?;
        *steps = steps.checked_sub(1).ok_or_else(apart)?;
        entry.postings.iter().try_for_each(|posting| standing.post(posting, posting.money.negated()))?;
    }
    let apart =
        rest.into_iter().find(|(_, (steps, standing))| *steps > 0 || standing.iter().next().is_some());
    apart.map_or(Ok(()), |(id, _)| Err(BadBooks::Apart(id.clone())))
}

/// What stands on each account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Balances(BTreeMap<(Account, Currency), Money>);

impl Entry {
    /// Checks that it adds up to nothing in each currency.
    ///
    /// # Errors
    /// [`Unbalanced`] if it does not; [`BadMoney`] is a sum that is no money any more, told as such.
    pub fn check(&self) -> Result<(), Unbalanced> {
        let mut sums: BTreeMap<Currency, Money> = BTreeMap::new();
        for posting in &self.postings {
            let sum = sums.entry(posting.money.currency()).or_insert(Money::none(posting.money.currency()));
            *sum = sum
                .plus(posting.money)
                .map_err(|_| Unbalanced { entry: self.id.clone(), off: posting.money })?;
        }
        match sums.into_values().find(|sum| !sum.is_none()) {
            Some(off) => Err(Unbalanced { entry: self.id.clone(), off }),
            None => Ok(()),
        }
    }
}

impl Balances {
    /// Takes an entry in.
    ///
    /// # Errors
    /// [`BadMoney::Range`] if an account holds more than the books do.
    pub fn add(&mut self, entry: &Entry) -> Result<(), BadMoney> {
        entry.postings.iter().try_for_each(|posting| self.post(posting, posting.money))
    }

    /// Puts `money` where a posting does.
    fn post(&mut self, posting: &Posting, money: Money) -> Result<(), BadMoney> {
        let key = (posting.account.clone(), money.currency());
        let sum = self.0.entry(key).or_insert(Money::none(money.currency()));
        *sum = sum.plus(money)?;
        Ok(())
    }

    /// What stands on one account in one currency.
    pub fn of(&self, account: &Account, currency: Currency) -> Money {
        self.0.get(&(account.clone(), currency)).copied().unwrap_or(Money::none(currency))
    }

    /// What is not nothing, by account and then by currency.
    pub fn iter(&self) -> impl Iterator<Item = (&Account, Money)> {
        self.0.iter().filter(|(_, money)| !money.is_none()).map(|((account, _), money)| (account, *money))
    }
}
