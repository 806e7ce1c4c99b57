//! What a strategy reports of money.

use mm_core::digest::Digest;
use mm_core::id::{OpportunityId, PlatformId};
use mm_core::ledger::{Money, Stage};
use mm_core::moment::Moment;

/// What a platform says of one payment, as a strategy read it. The same again is no news: report all that the
/// platform lists, in every run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earned {
    /// Who pays.
    pub platform: PlatformId,
    /// The platform's own name of this payment, one line: what tells it from every other.
    pub reference: String,
    /// What it came of, if that is known.
    pub opportunity: Option<OpportunityId>,
    /// As of when the platform says it; where it does not, when it was read.
    pub as_of: Moment,
    /// How far it is.
    pub stage: Stage,
    /// How much it is in all, before any fee; nothing of what is [`Stage::Reversed`] and was not said to be worth
    /// anything: then it is what the books know.
    pub amount: Money,
    /// What the platform kept of it; only of what is paid.
    pub fee: Option<Money>,
    /// The answer it was read from ([`Answer::body_id`](mm_core::answer::Answer::body_id)).
    pub evidence: Digest,
    /// What that answer is, in one line.
    pub what: String,
}
