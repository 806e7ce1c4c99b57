//! The accounts of the books, and what each is called in the programs that read an export.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{PlatformId, StrategyId};

/// An account. Those that begin with a platform are kept for each platform on its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Account {
    /// What may come: found, not handed in.
    Expected(PlatformId),
    /// What is handed in and not yet approved.
    Claimed(PlatformId),
    /// What the platform owes.
    Receivable(PlatformId),
    /// What the platform says it has paid and has not been seen to arrive.
    Transit(PlatformId),
    /// What has arrived.
    Bank,
    /// The other side of what is not yet earned.
    Unearned(PlatformId),
    /// The other side of what is earned.
    Income(PlatformId, StrategyId),
    /// What the platform or the way took.
    Fees(PlatformId),
    /// Where one currency became another.
    Conversion,
}

impl Account {
    /// Its name's parts, the first one of the five classes that every accounting program has.
    fn parts(&self) -> Vec<&str> {
        match self {
            Account::Expected(platform) => vec!["assets", "expected", platform.as_str()],
            Account::Claimed(platform) => vec!["assets", "claimed", platform.as_str()],
            Account::Receivable(platform) => vec!["assets", "receivable", platform.as_str()],
            Account::Transit(platform) => vec!["assets", "transit", platform.as_str()],
            Account::Bank => vec!["assets", "bank"],
            Account::Unearned(platform) => vec!["equity", "unearned", platform.as_str()],
            Account::Income(platform, strategy) => vec!["income", platform.as_str(), strategy.as_str()],
            Account::Fees(platform) => vec!["expenses", "fees", platform.as_str()],
            Account::Conversion => vec!["equity", "conversion"],
        }
    }

    /// As beancount wants it: `Assets:Receivable:Hackerone`. Each part begins with a capital or a digit and
    /// holds letters, digits and `-` alone; a name's `_` becomes `-U-` and its `.` `-D-`: names have no capitals,
    /// so no two become one.
    pub fn in_beancount(&self) -> String {
        let parts = self.parts().into_iter().map(|part| {
            let part = part.replace('_', "-U-").replace('.', "-D-");
            let mut letters = part.chars();
            let first = letters.next().map(|first| first.to_ascii_uppercase());
            first.into_iter().chain(letters).collect::<String>()
        });
        parts.collect::<Vec<_>>().join(":")
    }
}

/// As hledger and ledger want it: `assets:receivable:hackerone`.
impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts().join(":"))
    }
}
