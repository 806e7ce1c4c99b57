//! Sums over entries: what stands on each account, in each currency on its own.

use std::collections::BTreeMap;

use super::account::Account;
use super::earning::Entry;
use super::money::{BadMoney, Currency, Money};
use crate::id::EntryId;

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
        for posting in &entry.postings {
            let currency = posting.money.currency();
            let sum = self.0.entry((posting.account.clone(), currency)).or_insert(Money::none(currency));
            *sum = sum.plus(posting.money)?;
        }
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
