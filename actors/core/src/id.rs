//! Names and ids: each its own type, checked once, so that no two can be mixed up.
//!
//! Names (`Space`, `StrategyId`, `PlatformId`, `AccountId`) are slugs a person chose: 1 to 64 of
//! `a-z 0-9 - _ .`, beginning with a letter or digit (`_` alone is the machine's own space).
//! Ids (`RunId`, `ActionId`, `OpportunityId`, `EarningId`, `EntryId`) are made by the machine and are opaque texts.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}: use 1 to 64 of a-z, 0-9, `-`, `_` and `.`, beginning with a letter or digit")]
pub struct BadName {
    text: String,
    what: &'static str,
}

fn is_slug(text: &str) -> bool {
    let ok = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'-' | b'_' | b'.');
    let head = text.bytes().next().is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    (1..=64).contains(&text.len()) && head && text.bytes().all(ok)
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadName;
            fn try_from(text: String) -> Result<Self, BadName> {
                if is_slug(&text) || Self::is_reserved(&text) {
                    Ok(Self(text))
                } else {
                    Err(BadName { text: text.chars().take(80).collect(), what: $what })
                }
            }
        }

        impl FromStr for $name {
            type Err = BadName;
            fn from_str(text: &str) -> Result<Self, BadName> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// An owner space: one user's strategies, accounts, limits and books.
    Space,
    "space"
);
name!(
    /// The name of a strategy, as in the configuration.
    StrategyId,
    "strategy"
);
name!(
    /// The name of an external service, as in its rule pack.
    PlatformId,
    "platform"
);
name!(
    /// The owner's name for one account on a platform.
    AccountId,
    "account"
);

impl Space {
    fn is_reserved(text: &str) -> bool {
        text == "_"
    }

    /// The space `_` of machine-wide rows.
    pub fn machine() -> Self {
        Self("_".to_owned())
    }

    /// The owner space there is when no other is made.
    pub fn default_owner() -> Self {
        Self("default".to_owned())
    }
}

impl StrategyId {
    fn is_reserved(_: &str) -> bool {
        false
    }
}

impl PlatformId {
    fn is_reserved(_: &str) -> bool {
        false
    }
}

impl AccountId {
    fn is_reserved(_: &str) -> bool {
        false
    }
}

macro_rules! opaque {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes a text as it was stored or typed; looking it up says whether it exists.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

opaque!(
    /// One execution of a strategy: `EPOCH-N` in base ten, ordered within its strategy.
    RunId
);
opaque!(
    /// One outward act: `RUN.STEP` with a hash, the same again when a run resumes.
    ActionId
);
opaque!(
    /// A chance to earn: a hash of what it is about, so that finding it twice is one.
    OpportunityId
);
opaque!(
    /// One payment of a platform: a hash of the platform and its own reference of it.
    EarningId
);
opaque!(
    /// One entry of the ledger: its earning's id and a number from 1, so that none is made twice.
    EntryId
);

/// How many times the store has been opened for writing. Results of an earlier epoch are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_be_paths_or_keys_are_refused() {
        for bad in ["", ".", "..", "a/b", "a|b", "A", "-x", "ä", "a b", "_", &"a".repeat(65)] {
            assert!(StrategyId::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        assert!("bug-bounty".parse::<StrategyId>().is_ok());
        assert_eq!("_".parse::<Space>().unwrap(), Space::machine());
    }

    /// What is stored is read again as the same name, and a row that was changed into none is refused.
    #[test]
    fn names_and_ids_are_stored_as_their_text() {
        for name in ["a", "bug-bounty", "x_1.y"] {
            let stored = serde_json::to_string(&name.parse::<PlatformId>().unwrap()).unwrap();
            assert_eq!(stored, format!("\"{name}\""));
            assert_eq!(serde_json::from_str::<PlatformId>(&stored).unwrap().as_str(), name);
        }
        assert!("_".parse::<AccountId>().is_err() && "_".parse::<PlatformId>().is_err());
        let told = serde_json::from_str::<AccountId>("\"../a\"").unwrap_err().to_string();
        assert!(told.starts_with("`../a` is no account: use 1 to 64 of a-z"), "{told}");
        for id in ["1-2", "EPOCH/7"] {
            let stored = serde_json::to_string(&RunId::new(id)).unwrap();
            assert_eq!(serde_json::from_str::<RunId>(&stored).unwrap().as_str(), id);
            assert_eq!(ActionId::new(id).as_str(), OpportunityId::new(id).as_str());
            assert_eq!(EarningId::new(id).as_str(), EntryId::new(id).as_str());
        }
        assert_eq!(Epoch(7).to_string(), "7");
    }
}
