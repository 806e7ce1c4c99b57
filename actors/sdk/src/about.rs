//! What a strategy says of itself before it ever runs.

use std::time::Duration;

use serde::Serialize;

/// A strategy's metadata. All of it is shown to the owner, so all of it must be true.
#[derive(Debug, Clone, Serialize)]
pub struct About {
    /// Its name, a slug: `bug-bounty`.
    pub name: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// Raised with every change to what `execute` proposes or in which order: a run that was cut
    /// off is resumed only by the same version.
    pub code_version: u32,
    /// Platforms on which the owner needs an account.
    pub required_accounts: &'static [&'static str],
    /// How long until the first money, honestly: `weeks to months, if at all`.
    pub time_to_first_dollar: &'static str,
    /// The share of the work that software does, 0.0 to 1.0.
    pub automation_level: f64,
    /// The schedule used when the configuration names none.
    pub schedule: &'static str,
    /// How long one run may take; past it, it is cancelled.
    #[serde(skip)]
    pub deadline: Duration,
    /// The actions it may propose, as (platform, kind). Another is refused before it is judged.
    pub proposes: &'static [(&'static str, &'static str)],
    /// From sign-up to money in the bank.
    pub guide: Guide,
}

/// The full cycle from sign-up to money in a bank account, in small steps.
#[derive(Debug, Clone, Serialize)]
pub struct Guide {
    /// In order.
    pub steps: &'static [GuideStep],
    /// How the money reaches the owner.
    pub payout: Payout,
}

/// One step of a guide.
#[derive(Debug, Clone, Serialize)]
pub struct GuideStep {
    /// What is done, in a few words.
    pub title: &'static str,
    /// By whom, and how.
    pub how: How,
    /// What says that it is done.
    pub check: Check,
}

/// Who does a step.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum How {
    /// A person.
    Manual {
        /// Where to go.
        place: &'static str,
        /// What to do there.
        what: &'static str,
        /// Why it is not automated.
        why: &'static str,
    },
    /// The machine.
    Automated {
        /// What it does.
        what: &'static str,
    },
}

/// What says that a step is done. The machine can evaluate each of these from its own records.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// An account on that platform is in the vault.
    HasAccount(&'static str),
    /// A run of this strategy has succeeded.
    HasSucceeded,
    /// Some opportunity was accepted.
    HasAccepted,
    /// Some opportunity is marked as submitted.
    HasSubmitted,
    /// Some opportunity is marked as paid.
    HasBeenPaid,
    /// Only the owner knows.
    OwnerSays,
}

/// How the money reaches the owner.
#[derive(Debug, Clone, Serialize)]
pub struct Payout {
    /// Who holds the money until then.
    pub holder: &'static str,
    /// The least that is paid out.
    pub minimum: &'static str,
    /// How long it takes.
    pub how_long: &'static str,
    /// Within how many days of the approval the money is there, where that is published; a payment that takes
    /// longer is chased.
    pub days_max: Option<u32>,
}
