//! The ledger: what is earned, in double entry, from the first hope to the money in the bank.
//!
//! An earning is one payment of one platform, known by that platform's own reference. Reports of it come
//! from the platform or from the owner; [`Earning::take`] says what each makes of it: an entry whose
//! postings are what the earning's new standing puts on each account less what its old one did. Every
//! standing balances by itself, in each currency, so that every entry and all books do. Told twice, or
//! told late, a report makes no entry.
//!
//! | stage | on |
//! |---|---|
//! | expected | `assets:expected` against `equity:unearned`: a hope, no income |
//! | claimed | `assets:claimed` against `equity:unearned`: the work is handed in |
//! | approved | `assets:receivable` against `income`: the platform owes it |
//! | paid | `assets:transit` against `income`: sent, less the fee, which is an expense |
//! | cleared | `assets:bank` against `income`: it has arrived |
//! | reversed | nothing |
//!
//! Amounts are exact decimals with their ISO 4217 currency, and no sum is ever made over two currencies: what
//! arrives in another one goes over `equity:conversion`, on which each of the two is balanced. Pure: no
//! clock, no store. What cannot be read or added is refused with a sentence; nothing is rounded.

mod account;
mod books;
mod earning;
mod export;
mod money;

pub use account::Account;
pub use books::{BadBooks, Balances, Unbalanced, check_books};
pub use earning::{Earning, Entry, Evidence, NotTaken, Posting, Report, Source, Stage, Step};
pub use export::{Head, beancount, csv, hledger};
pub use money::{BadMoney, Currency, Money};

#[cfg(test)]
mod tests;
