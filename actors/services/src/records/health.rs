//! How accounts stand with their platforms.

use mm_core::moment::Moment;
use mm_store::{Kind, Record};
use serde::{Deserialize, Serialize};

/// How an account stands. Stored by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountStanding {
    /// Nobody has looked yet, or no look has led anywhere. Nothing is held back for it.
    #[default]
    Unknown,
    /// The platform takes its credential.
    Healthy,
    /// The platform does not take its credential; the account is there.
    AuthFailed,
    /// The platform knows no such account any more.
    Gone,
}

impl AccountStanding {
    /// As it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            AccountStanding::Unknown => "unknown",
            AccountStanding::Healthy => "healthy",
            AccountStanding::AuthFailed => "auth-failed",
            AccountStanding::Gone => "gone",
        }
    }

    /// Whether nothing is to be done with the account until its owner has seen to it.
    pub fn is_bad(self) -> bool {
        matches!(self, AccountStanding::AuthFailed | AccountStanding::Gone)
    }
}

/// What the last look at an account found. Row id: `PLATFORM/ACCOUNT`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HealthRow {
    /// How it stands.
    pub standing: AccountStanding,
    /// Since when.
    pub since: Moment,
    /// When it was last looked at; `None` if never.
    pub checked_at: Option<Moment>,
    /// When it is looked at next.
    pub next_at: Moment,
    /// What was found, in a sentence.
    pub sentence: String,
    /// When the credential ends by itself, if the platform says so.
    pub expires_at: Option<Moment>,
    /// What the credential may do, if the platform says so.
    pub scopes: Vec<String>,
    /// What is left of the platform's quota, and the whole of it, if it says so.
    pub quota: Option<(u64, u64)>,
    /// How many looks in a row led nowhere.
    pub failures: u32,
}

impl Record for HealthRow {
    const KIND: Kind = Kind::new("health", 134, 1);
}
